//! Microsoft Dynamics 365 Finance: a data package of the entity "General journal".
//!
//! A ZIP of `Manifest.xml`, `PackageHeader.xml` and `General journal.csv`. The manifest names every column of the CSV;
//! without that nothing is imported, and nothing is said. The CSV is UTF-16 (little-endian, with a byte order mark),
//! comma, CRLF, one header row with the names of the entity's fields; the side without an amount is `0.00`, as in the
//! maker's example.
//!
//! A batch is one journal (`JOURNALBATCHNUMBER`, from the batch's number), an entry one voucher: its document
//! number. `LINENUMBER` counts through the journal. The ledger account is one text of `segments` joined by `delimiter`,
//! as the format of financial dimensions for integrating applications says; a segment that holds the delimiter is
//! refused. A package is imported into one legal entity, which is chosen there, so a batch that holds several is
//! refused, and so is an entity that `companies` does not name.
//!
//! Exchange rates are given only where `rates` says for how many units they are; without it the system takes its own
//! of that day, and its accounting amounts may differ from the books. What breaks a line in a text becomes a space;
//! texts are cut after 60 characters. Not run against the live system.

use super::limits::Limits;
use super::mapped::{Filling, Names, Placed, fit};
use super::packed::Packed;
use super::written::{self, Days, full_days};
use super::{ExportBatch, FileFormat, FileKind, RenderError};
use ledger::{Money, Side};
use quick_xml::escape::escape;
use rust_decimal::Decimal;
use serde::Deserialize;
use std::io::Write;

/// This kind's registration.
pub const KIND: FileKind = FileKind::of::<Dynamics>(
    "dynamics_fo",
    "Microsoft Dynamics 365 Finance (data package of general journals)",
    EXAMPLE,
)
.holding(Limits {
    number: Some(20),
    ..Limits::NONE
});

const EXAMPLE: &str = r#"companies: { eu: DEMF }
journal: GenJrn
segments: ["{account}", "{dimension.product}", "{dimension.region}"]
delimiter: "-"
"#;

/// The entity's name in data management; its CSV is called so too.
const ENTITY: &str = "General journal";

/// The namespace of packages.
const NAMESPACE: &str = "http://schemas.microsoft.com/dynamics/2015/01/DataManagement";

/// The columns without that of a rate.
const COLUMNS: [&str; 11] = [
    "JOURNALBATCHNUMBER",
    "LINENUMBER",
    "JOURNALNAME",
    "DESCRIPTION",
    "ACCOUNTTYPE",
    "ACCOUNTDISPLAYVALUE",
    "TRANSDATE",
    "VOUCHER",
    "CURRENCYCODE",
    "DEBITAMOUNT",
    "CREDITAMOUNT",
];

/// `DESCRIPTION` and `TEXT` hold so many characters.
const TEXT: usize = 60;

/// `VOUCHER` holds so many.
const VOUCHER: usize = 20;

/// `JOURNALBATCHNUMBER` and `JOURNALNAME` hold so many.
const JOURNAL: usize = 10;

/// What a rate is for.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Rates {
    /// Accounting units for one transaction unit.
    PerUnit,
    /// Accounting units for a hundred transaction units.
    PerHundred,
}

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The legal entity by entity; a package holds one.
    companies: Names,
    /// The account's number by its name in the books, where it is not the chart's code.
    #[serde(default)]
    accounts: Names,
    /// The parts of the ledger account: text, `{company}`, `{account}` or `{dimension.NAME}`.
    #[serde(default = "account_alone")]
    segments: Vec<String>,
    /// What stands between them.
    #[serde(default = "dash")]
    delimiter: String,
    /// What stands for a dimension that a line does not have.
    #[serde(default)]
    blank: String,
    /// `JOURNALNAME`.
    journal: String,
    /// What a rate is for; without it none is given.
    rates: Option<Rates>,
    /// How days are written.
    #[serde(default = "Days::iso", deserialize_with = "full_days")]
    dates: Days,
}

fn account_alone() -> Vec<String> {
    vec!["{account}".to_owned()]
}

fn dash() -> String {
    "-".to_owned()
}

/// The format.
#[derive(Clone, Debug)]
pub struct Dynamics {
    config: Config,
}

impl FileFormat for Dynamics {
    type Config = Config;

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn name(&self, batch: &ExportBatch) -> String {
        batch.file_name("zip")
    }

    fn render(&self, batch: &ExportBatch, out: &mut dyn Write) -> Result<(), RenderError> {
        let mut packed = Packed::new();
        let put = |text: String| {
            move |out: &mut dyn Write| out.write_all(text.as_bytes()).map_err(RenderError::write)
        };
        packed.member("Manifest.xml", put(self.manifest(batch)))?;
        packed.member("PackageHeader.xml", put(package_header(batch)))?;
        packed.member(&format!("{ENTITY}.csv"), |out| self.table(batch, out))?;
        packed.finish(out)
    }
}

/// The package's name, which its project has too.
fn group(batch: &ExportBatch) -> String {
    format!("Tieout {} {}", batch.target, batch.number)
}

fn package_header(batch: &ExportBatch) -> String {
    let group = group(batch);
    let group = escape(&group);
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n\
         <DataManagementPackageHeader xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns=\"{NAMESPACE}\">\r\n\
         <Description>{group}</Description>\r\n\
         <ManifestType>Microsoft.Dynamics.AX.Framework.Tools.DataManagement.Serialization.DataManagementPackageManifest</ManifestType>\r\n\
         <PackageType>DefinitionGroup</PackageType>\r\n\
         <PackageVersion>2</PackageVersion>\r\n\
         </DataManagementPackageHeader>\r\n"
    )
}

impl Dynamics {
    /// The names of the columns, in their order.
    fn columns(&self) -> Vec<&'static str> {
        let rate = self.config.rates.map(|_| "EXCHANGERATE");
        COLUMNS.into_iter().chain(rate).chain(["TEXT"]).collect()
    }

    fn manifest(&self, batch: &ExportBatch) -> String {
        let group = group(batch);
        let group = escape(&group);
        let mut text = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n\
             <DataManagementPackageManifest xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns=\"{NAMESPACE}\">\r\n\
             <DefinitionGroupName>{group}</DefinitionGroupName>\r\n\
             <Description>{group}</Description>\r\n\
             <PackageEntityList>\r\n<DataManagementPackageEntityData>\r\n\
             <DefaultRefreshType>FullPush</DefaultRefreshType>\r\n\
             <Disable>false</Disable>\r\n<EntityMapList>\r\n"
        );
        for column in self.columns() {
            text.push_str(&format!(
                "<EntityMap><ArrayIndex>0</ArrayIndex><EntityField>{column}</EntityField>\
                 <EntityFieldConversionList i:nil=\"true\" /><IsAutoDefault>false</IsAutoDefault>\
                 <IsAutoGenerated>false</IsAutoGenerated>\
                 <IsDefaultValueEqualNull>false</IsDefaultValueEqualNull>\
                 <UseTextQualifier>false</UseTextQualifier><XMLField>{column}</XMLField></EntityMap>\r\n"
            ));
        }
        text.push_str(&format!(
            "</EntityMapList>\r\n<EntityName>{ENTITY}</EntityName>\r\n\
             <ExecutionUnit>0</ExecutionUnit>\r\n<InputFilePath>{ENTITY}.csv</InputFilePath>\r\n\
             <LevelInExecutionUnit>0</LevelInExecutionUnit>\r\n<SequenceInLevel>0</SequenceInLevel>\r\n\
             <SkipStaging>false</SkipStaging>\r\n<SourceFormat>CSV-Unicode</SourceFormat>\r\n\
             </DataManagementPackageEntityData>\r\n</PackageEntityList>\r\n\
             </DataManagementPackageManifest>\r\n"
        ));
        text
    }

    fn table(&self, batch: &ExportBatch, out: &mut dyn Write) -> Result<(), RenderError> {
        put(out, "\u{feff}")?;
        let columns = self.columns().into_iter().map(str::to_owned);
        put(out, &record(columns))?;
        let mut line_number = 0_usize;
        let company = batch
            .entries
            .first()
            .map(|item| &item.entry.header().entity);
        for item in &batch.entries {
            for at in Placed::of(batch, item) {
                if company != Some(&at.header().entity) {
                    let (one, other) = (company.map_or("", String::as_str), &at.header().entity);
                    return Err(at.unfit(format!(
                        "a package is imported into one legal entity, and the batch holds entries of `{one}` and `{other}`"
                    )));
                }
                line_number += 1;
                put(out, &record(self.row(&at, line_number)?))?;
            }
        }
        Ok(())
    }

    fn row(&self, at: &Placed<'_>, line_number: usize) -> Result<Vec<String>, RenderError> {
        let (config, header) = (&self.config, at.header());
        // The legal entity is chosen where the package is imported; one that the options do not name is refused.
        at.company(&config.companies)?;
        let money = at.line.amount;
        let zero = Money::minor(0, money.currency());
        let (debit, credit) = match at.line.side {
            Side::Debit => (money, zero),
            Side::Credit => (zero, money),
        };
        let batch_number = format!("T{:06}", at.batch.number);
        let mut row = vec![
            at.key("JOURNALBATCHNUMBER", &batch_number, JOURNAL)?,
            line_number.to_string(),
            at.key("JOURNALNAME", &config.journal, JOURNAL)?,
            fit(&group(at.batch), TEXT),
            "Ledger".to_owned(),
            self.ledger_account(at)?,
            config.dates.text(header.date),
            at.key("VOUCHER", &at.item.document, VOUCHER)?,
            money.currency().code().to_owned(),
            written::amount_of(debit),
            written::amount_of(credit),
        ];
        if let Some(rates) = config.rates {
            row.push(rate(at, rates));
        }
        let text = format!("{} {}", header.reference, header.description);
        row.push(fit(&text, TEXT));
        Ok(row)
    }

    fn ledger_account(&self, at: &Placed<'_>) -> Result<String, RenderError> {
        let config = &self.config;
        let filling = Filling {
            companies: &config.companies,
            accounts: &config.accounts,
            blank: &config.blank,
            option: "segments",
        };
        let mut account = String::new();
        for (index, place) in config.segments.iter().enumerate() {
            let segment = super::one_line(&filling.fill(at, place)?);
            if config.segments.len() > 1 && segment.contains(&config.delimiter) {
                return Err(at.unfit(format!(
                    "segment `{segment}` holds the delimiter `{}`; name another in `delimiter`",
                    config.delimiter
                )));
            }
            if index > 0 {
                account.push_str(&config.delimiter);
            }
            account.push_str(&segment);
        }
        Ok(account)
    }
}

/// The rate of a line in another currency than the books'; blank for one in theirs.
fn rate(at: &Placed<'_>, rates: Rates) -> String {
    let rate = at.rate().and_then(|rate| match rates {
        Rates::PerUnit => Some(rate),
        Rates::PerHundred => rate.checked_mul(Decimal::ONE_HUNDRED),
    });
    rate.map(|rate| rate.normalize().to_string())
        .unwrap_or_default()
}

/// A row with its line end. What holds a comma or a quote is quoted.
fn record(fields: impl IntoIterator<Item = String>) -> String {
    let mut row = String::new();
    for (index, field) in fields.into_iter().enumerate() {
        if index > 0 {
            row.push(',');
        }
        if field.contains([',', '"']) {
            row.push('"');
            row.push_str(&field.replace('"', "\"\""));
            row.push('"');
        } else {
            row.push_str(&field);
        }
    }
    row.push_str("\r\n");
    row
}

/// Writes a text in UTF-16, little-endian.
fn put(out: &mut dyn Write, text: &str) -> Result<(), RenderError> {
    let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    out.write_all(&bytes).map_err(RenderError::write)
}
