//! Workday Financial Management: accounting journals as requests of the web service, for an inbound integration (EIB).
//!
//! One XML file, UTF-8. Its root `Accounting_Journals` is this project's; each child is a complete
//! `Submit_Accounting_Journal_Request` of the namespace `urn:com.workday/bsvc`, with elements in the order of the
//! service. The service takes one journal a request, so the integration's transformation or splitter hands on the
//! children one by one. An entry is a journal whose `Accounting_Journal_ID` is the document number; with `Add_Only` a
//! second arrival of it is refused and not taken for a change.
//!
//! Debits and credits are unsigned, in the line's currency; a line in another currency than the books' also says its
//! rate and its amount in the ledger's currency. Worktags (`worktags`, by the type of their reference id) are left
//! out where a line has no such dimension and `blank` says nothing. Reference ids are the tenant's own. What breaks a
//! line in a text becomes a space, and so does what XML cannot hold; no text is cut. Not run against the live system.

use super::mapped::{Filling, Names, Placed};
use super::{
    ExportBatch, ExportEntry, FileFormat, FileKind, RenderError, is_plain, one_line, written,
};
use ledger::{Money, Side};
use quick_xml::escape::escape;
use serde::Deserialize;
use std::borrow::Cow;
use std::io::{self, BufWriter, Write};

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
const NAMESPACE: &str = "urn:com.workday/bsvc";

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The company's reference id by entity.
    companies: Names,
    /// The type of that id.
    #[serde(default = "default_company_type")]
    company_type: String,
    /// The ledger account's id by its name in the books, where it is not the chart's code.
    #[serde(default)]
    accounts: Names,
    /// The set that the accounts are of.
    #[serde(default = "default_account_set")]
    account_set: String,
    /// Worktags by the type of their reference id: text, `{company}`, `{account}` or `{dimension.NAME}`.
    #[serde(default)]
    worktags: Names,
    /// What stands for a dimension that a line does not have; nothing leaves the worktag out.
    #[serde(default)]
    blank: String,
    /// The id of the journal source.
    #[serde(default = "default_source")]
    source: String,
    /// The id of the ledger type.
    #[serde(default = "default_ledger_type")]
    ledger_type: String,
    /// Whether journals are submitted or stay drafts.
    #[serde(default = "default_submit")]
    submit: bool,
    /// The version of the web service.
    #[serde(default = "default_version")]
    version: String,
}

fn default_company_type() -> String {
    "Company_Reference_ID".to_owned()
}

fn default_account_set() -> String {
    "Standard".to_owned()
}

fn default_source() -> String {
    "Tieout".to_owned()
}

fn default_ledger_type() -> String {
    "Actuals".to_owned()
}

const fn default_submit() -> bool {
    true
}

fn default_version() -> String {
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
        let mut out = Xml(BufWriter::with_capacity(64 << 10, out));
        let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Accounting_Journals>\n";
        out.raw(head).map_err(RenderError::write)?;
        for item in &batch.entries {
            self.journal(&mut out, batch, item)?;
        }
        out.raw("</Accounting_Journals>\n")
            .and_then(|()| out.0.flush())
            .map_err(RenderError::write)
    }
}

/// Elements of the service's namespace, one a line.
struct Xml<W: Write>(W);

impl<W: Write> Xml<W> {
    fn raw(&mut self, text: &str) -> io::Result<()> {
        self.0.write_all(text.as_bytes())
    }

    fn open(&mut self, name: &str) -> io::Result<()> {
        writeln!(self.0, "<wd:{name}>")
    }

    fn close(&mut self, name: &str) -> io::Result<()> {
        writeln!(self.0, "</wd:{name}>")
    }

    fn text(&mut self, name: &str, text: &str) -> io::Result<()> {
        let text = held(text);
        writeln!(self.0, "<wd:{name}>{}</wd:{name}>", escape(text.as_ref()))
    }

    /// A reference by an id of a type, and whose id it is where that matters.
    fn reference(
        &mut self,
        name: &str,
        (kind, id): (&str, &str),
        parent: Option<(&str, &str)>,
    ) -> io::Result<()> {
        let (kind, id) = (held(kind), held(id));
        write!(
            self.0,
            "<wd:{name}><wd:ID wd:type=\"{}\"",
            escape(kind.as_ref())
        )?;
        if let Some((kind, id)) = parent {
            let id = held(id);
            let id = escape(id.as_ref());
            write!(self.0, " wd:parent_id=\"{id}\" wd:parent_type=\"{kind}\"")?;
        }
        writeln!(self.0, ">{}</wd:ID></wd:{name}>", escape(id.as_ref()))
    }
}

/// A text on one line, of signs that XML has.
fn held(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(one_line(text).replace(['\u{fffe}', '\u{ffff}'], " "))
}

impl Workday {
    fn journal(
        &self,
        out: &mut Xml<impl Write>,
        batch: &ExportBatch,
        item: &ExportEntry,
    ) -> Result<(), RenderError> {
        let version = held(&self.config.version);
        let version = escape(version.as_ref());
        out.raw(&format!(
            "<wd:Submit_Accounting_Journal_Request xmlns:wd=\"{NAMESPACE}\" wd:Add_Only=\"true\" wd:version=\"{version}\">\n"
        ))
        .and_then(|()| out.open("Accounting_Journal_Data"))
        .map_err(RenderError::write)?;
        if let Some(first) = Placed::of(batch, item).next() {
            let company = first.company(&self.config.companies)?;
            self.header(out, &first, company)
                .map_err(RenderError::write)?;
        }
        for at in Placed::of(batch, item) {
            self.line(out, &at)?;
        }
        out.close("Accounting_Journal_Data")
            .and_then(|()| out.close("Submit_Accounting_Journal_Request"))
            .map_err(RenderError::write)
    }

    /// What the journal says, in the order of the service.
    fn header(&self, out: &mut Xml<impl Write>, at: &Placed<'_>, company: &str) -> io::Result<()> {
        let (config, header) = (&self.config, at.header());
        let currency = at.line.amount.currency().code();
        let submit = if config.submit { "true" } else { "false" };
        let company = (config.company_type.as_str(), company);
        let ledger_type = ("Ledger_Type_ID", config.ledger_type.as_str());
        let source = ("Journal_Source_ID", config.source.as_str());
        out.text("Accounting_Journal_ID", &at.item.document)?;
        out.text("Submit", submit)?;
        out.reference("Company_Reference", company, None)?;
        out.reference("Currency_Reference", ("Currency_ID", currency), None)?;
        out.reference("Ledger_Type_Reference", ledger_type, None)?;
        out.text("Accounting_Date", &written::day_of(header.date, "-"))?;
        out.reference("Journal_Source_Reference", source, None)?;
        out.text("Journal_Entry_Memo", &header.description)?;
        if !header.reference.is_empty() {
            out.text("External_Reference_ID", &header.reference)?;
        }
        Ok(())
    }

    fn line(&self, out: &mut Xml<impl Write>, at: &Placed<'_>) -> Result<(), RenderError> {
        let config = &self.config;
        let filling = Filling {
            companies: &config.companies,
            accounts: &config.accounts,
            blank: &config.blank,
            option: "worktags",
        };
        let account = at.account(&config.accounts)?;
        let mut worktags = Vec::new();
        for (kind, place) in &config.worktags {
            let value = filling.fill(at, place)?;
            if !value.is_empty() {
                worktags.push((kind.as_str(), value));
            }
        }
        self.put(out, at, account, &worktags)
            .map_err(RenderError::write)
    }

    /// What a line says, in the order of the service.
    fn put(
        &self,
        out: &mut Xml<impl Write>,
        at: &Placed<'_>,
        account: &str,
        worktags: &[(&str, String)],
    ) -> io::Result<()> {
        let (line, header) = (at.line, at.header());
        let (side, ledger_side) = match line.side {
            Side::Debit => ("Debit_Amount", "Ledger_Debit_Amount"),
            Side::Credit => ("Credit_Amount", "Ledger_Credit_Amount"),
        };
        let decimal = |money: Money| written::amount_of(money);
        let set = ("Account_Set_ID", self.config.account_set.as_str());
        let account = ("Ledger_Account_ID", account);
        let currency = ("Currency_ID", line.amount.currency().code());
        out.open("Journal_Entry_Line_Replacement_Data")?;
        out.text("Line_Order", &at.number.to_string())?;
        out.reference("Ledger_Account_Reference", account, Some(set))?;
        out.text(side, &decimal(line.amount))?;
        out.reference("Currency_Reference", currency, None)?;
        if at.is_foreign() {
            if let Some(rate) = at.rate() {
                out.text("Currency_Rate", &rate.normalize().to_string())?;
            }
            out.text(ledger_side, &decimal(line.functional))?;
        }
        out.text("Memo", &header.description)?;
        for (kind, value) in worktags {
            out.reference("Worktags_Reference", (kind, value), None)?;
        }
        out.close("Journal_Entry_Line_Replacement_Data")
    }
}
