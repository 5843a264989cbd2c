//! Workday Financial Management: accounting journals as requests of the web service, for an inbound integration (EIB).
//!
//! One XML file, UTF-8. Its root `Accounting_Journals` is this project's; each child is a complete
//! `Submit_Accounting_Journal_Request` of the namespace `urn:com.workday/bsvc`, with elements in the order of the
//! service. The service takes one journal a request, so the integration's transformation or splitter hands on the
//! children one by one. An entry is a journal whose `Accounting_Journal_ID` is the document number; with `Add_Only` a
//! second arrival of it is refused and not taken for a change.
//!
//! The journal's currency is the company's, as the service wants it. Debits and credits are unsigned, in the line's
//! currency; a line in another currency than the books' also says its amount in the ledger's currency, and its rate where
//! six decimals hold it. Worktags (`worktags`, by the type of their reference id) are left
//! out where a line has no such dimension and `blank` says nothing. Reference ids are the tenant's own. What breaks a
//! line in a text becomes a space, and so does what XML cannot hold; no text is cut. Not run against the live system.

use super::mapped::{Filling, Names, Placed};
use super::xml::Xml;
use super::{ExportBatch, ExportEntry, FileFormat, FileKind, RenderError};
use ledger::{Money, Side};
use serde::Deserialize;
use std::io::{BufWriter, Write};

/// This kind's registration.
pub const KIND: FileKind = FileKind::of::<Workday>(
    "workday_eib",
    "Workday (accounting journals for an inbound EIB)",
    EXAMPLE,
);

const EXAMPLE: &str = r#"companies: { us: CO_US, eu: CO_EU }
accounts: { tax-payable: "2100" }
worktags:
  Revenue_Category_ID: "{dimension.product}"
  Cost_Center_Reference_ID: "{dimension.cost-center}"
source: Tieout
version: v44.0
"#;

/// The namespace of the web services.
pub const NAMESPACE: &str = "urn:com.workday/bsvc";

/// The decimals of a rate that the service holds.
const RATE_PLACES: u32 = 6;

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The company's reference id by entity.
    pub companies: Names,
    /// The type of that id.
    #[serde(default = "default_company_type")]
    pub company_type: String,
    /// The ledger account's id by its name in the books, where it is not the chart's code.
    #[serde(default)]
    pub accounts: Names,
    /// The set that the accounts are of.
    #[serde(default = "default_account_set")]
    pub account_set: String,
    /// Worktags by the type of their reference id: text, `{company}`, `{account}` or `{dimension.NAME}`.
    #[serde(default)]
    pub worktags: Names,
    /// What stands for a dimension that a line does not have; nothing leaves the worktag out.
    #[serde(default)]
    pub blank: String,
    /// The id of the journal source.
    #[serde(default = "default_source")]
    pub source: String,
    /// The id of the ledger type.
    #[serde(default = "default_ledger_type")]
    pub ledger_type: String,
    /// Whether journals are submitted or stay drafts.
    #[serde(default = "default_submit")]
    pub submit: bool,
    /// The version of the web service.
    #[serde(default = "default_version")]
    pub version: String,
}

/// The type of a company's id, where the options say none.
pub fn default_company_type() -> String {
    "Company_Reference_ID".to_owned()
}

/// The set of accounts, where the options say none.
pub fn default_account_set() -> String {
    "Standard".to_owned()
}

/// The journal source, where the options say none.
pub fn default_source() -> String {
    "Tieout".to_owned()
}

/// The ledger type, where the options say none.
pub fn default_ledger_type() -> String {
    "Actuals".to_owned()
}

const fn default_submit() -> bool {
    true
}

/// The version of the web service, where the options say none.
pub fn default_version() -> String {
    "v44.0".to_owned()
}

/// The format.
#[derive(Clone, Debug)]
pub struct Workday {
    config: Config,
}

impl FileFormat for Workday {
    type Config = Config;

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn name(&self, batch: &ExportBatch) -> String {
        batch.file_name("xml")
    }

    fn render(&self, batch: &ExportBatch, out: &mut dyn Write) -> Result<(), RenderError> {
        let mut out = BufWriter::with_capacity(64 << 10, out);
        let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Accounting_Journals>\n";
        out.write_all(head.as_bytes()).map_err(RenderError::write)?;
        for item in &batch.entries {
            let request = self.request(batch, item, (Xml::lines(), None))?;
            out.write_all(request.as_bytes())
                .map_err(RenderError::write)?;
        }
        out.write_all(b"</Accounting_Journals>\n")
            .and_then(|()| out.flush())
            .map_err(RenderError::write)
    }
}

/// A reference by an id of a type.
fn reference(xml: &mut Xml, name: &str, (kind, id): (&str, &str)) {
    xml.within(&format!("wd:{name}"), ("wd:ID", &[("wd:type", kind)]), id);
}

fn text(xml: &mut Xml, name: &str, text: &str) {
    xml.text(&format!("wd:{name}"), text);
}

impl Workday {
    /// An entry as a request of the service. Whether its business process completes itself is left to the service where
    /// nothing is said.
    ///
    /// # Errors
    /// [`RenderError`].
    pub fn request(
        &self,
        batch: &ExportBatch,
        item: &ExportEntry,
        (mut xml, completes): (Xml, Option<bool>),
    ) -> Result<String, RenderError> {
        let request = "wd:Submit_Accounting_Journal_Request";
        xml.open_with(
            request,
            &[
                ("xmlns:wd", NAMESPACE),
                ("wd:Add_Only", "true"),
                ("wd:version", &self.config.version),
            ],
        );
        if let Some(completes) = completes {
            let process = "wd:Financials_Business_Process_Parameters";
            xml.within(process, ("wd:Auto_Complete", &[]), said(completes));
        }
        xml.open("wd:Accounting_Journal_Data");
        if let Some(first) = Placed::of(batch, item).next() {
            let company = first.company(&self.config.companies)?;
            self.header(&mut xml, &first, company);
        }
        for at in Placed::of(batch, item) {
            self.line(&mut xml, &at)?;
        }
        xml.close("wd:Accounting_Journal_Data");
        xml.close(request);
        Ok(xml.finish())
    }

    /// What the journal says, in the order of the service.
    fn header(&self, xml: &mut Xml, at: &Placed<'_>, company: &str) {
        let (config, header) = (&self.config, at.header());
        let currency = at.line.functional.currency().code();
        text(xml, "Accounting_Journal_ID", &at.item.document);
        text(xml, "Submit", said(config.submit));
        reference(xml, "Company_Reference", (&config.company_type, company));
        reference(xml, "Currency_Reference", ("Currency_ID", currency));
        let ledger_type = ("Ledger_Type_ID", config.ledger_type.as_str());
        reference(xml, "Ledger_Type_Reference", ledger_type);
        text(xml, "Accounting_Date", &header.date.to_string());
        let source = ("Journal_Source_ID", config.source.as_str());
        reference(xml, "Journal_Source_Reference", source);
        text(xml, "Journal_Entry_Memo", &header.description);
        xml.some("wd:External_Reference_ID", &header.reference);
    }

    /// What a line says, in the order of the service.
    fn line(&self, xml: &mut Xml, at: &Placed<'_>) -> Result<(), RenderError> {
        let (line, header) = (at.line, at.header());
        let (side, ledger_side) = match line.side {
            Side::Debit => ("Debit_Amount", "Ledger_Debit_Amount"),
            Side::Credit => ("Credit_Amount", "Ledger_Credit_Amount"),
        };
        let decimal = |money: Money| money.to_decimal().to_string();
        let account = at.account(&self.config.accounts)?;
        let worktags = self.worktags(at)?;
        xml.open("wd:Journal_Entry_Line_Replacement_Data");
        text(xml, "Line_Order", &at.number.to_string());
        let set = [
            ("wd:type", "Ledger_Account_ID"),
            ("wd:parent_id", self.config.account_set.as_str()),
            ("wd:parent_type", "Account_Set_ID"),
        ];
        xml.within("wd:Ledger_Account_Reference", ("wd:ID", &set), account);
        text(xml, side, &decimal(line.amount));
        let currency = line.amount.currency().code();
        reference(xml, "Currency_Reference", ("Currency_ID", currency));
        if at.is_foreign() {
            let rate = at.rate().map(|rate| rate.normalize());
            if let Some(rate) = rate.filter(|rate| rate.scale() <= RATE_PLACES) {
                text(xml, "Currency_Rate", &rate.to_string());
            }
            text(xml, ledger_side, &decimal(line.functional));
        }
        text(xml, "Memo", &header.description);
        for (kind, value) in &worktags {
            reference(xml, "Worktags_Reference", (kind, value));
        }
        xml.close("wd:Journal_Entry_Line_Replacement_Data");
        Ok(())
    }

    /// Worktags by the type of their reference id.
    fn worktags(&self, at: &Placed<'_>) -> Result<Vec<(&str, String)>, RenderError> {
        let config = &self.config;
        let filling = Filling {
            companies: &config.companies,
            accounts: &config.accounts,
            blank: &config.blank,
            option: "worktags",
        };
        let mut worktags = Vec::new();
        for (kind, place) in &config.worktags {
            let value = filling.fill(at, place)?;
            if !value.is_empty() {
                worktags.push((kind.as_str(), value));
            }
        }
        Ok(worktags)
    }
}

const fn said(yes: bool) -> &'static str {
    if yes { "true" } else { "false" }
}
