//! SAP S/4HANA: the file of the app "Upload General Journal Entries", as CSV.
//!
//! UTF-8, CRLF; separator, days and decimal sign as the person's settings are who uploads it (`separator`, `dates`,
//! `decimal`). After the batch each entry stands in a block of its own: its number in the file and `Header`, the
//! technical names of the header's fields (`BUKRS`, `BLART`, …), what they are called, their values; `Line Items`,
//! `Transaction Currency` above the two columns of amounts, technical names, what they are called, and a row for
//! each line. The first column is empty but for the number. What fields are called differs by language; who reads
//! this layout goes by the technical names, and columns may be added by theirs (`columns`).
//!
//! A debit stands in `WRSOL`, a credit in `WRHAB`, unsigned, the other blank. A journal is in one currency and has at
//! most 999 lines. `XBLNR` is the entry's document number, `ZUONR` its reference. Rates are given (`KURSF_EXT`) only
//! where `rates` is set, since they are read with the ratios of the system's rate tables; without it the system takes
//! its own of that day, and its amounts in company code currency may differ from the books.
//!
//! What breaks a line in a text becomes a space; texts are cut to their fields, names are refused. The columns are
//! those that several public programs write and read; the template of one's own system has the last word. Not run
//! against the live system.

use super::limits::{Currencies, Limits};
use super::mapped::{Filling, Names, Placed, fit};
use super::written::{self, Days, full_days};
use super::{ExportBatch, ExportEntry, FileFormat, FileKind, RenderError};
use ledger::Side;
use serde::Deserialize;
use std::io::{BufWriter, Write};

/// This kind's registration.
pub const KIND: FileKind = FileKind::of::<Sap>(
    "sap_csv",
    "SAP S/4HANA (upload of general journal entries)",
    EXAMPLE,
)
.holding(Limits {
    lines: Some(999),
    currencies: Currencies::One,
    ..Limits::NONE
});

const EXAMPLE: &str = r#"companies: { us: "1710", eu: "1010" }
accounts: { revenue-access: "41000000" }
columns: { PRCTR: "{dimension.product}", SEGMENT: "{dimension.region}" }
type: SA
separator: ","
dates: YYYYMMDD
"#;

/// The header's fields and what they are called; a star marks what must be given.
const HEADER: [(&str, &str); 8] = [
    ("BUKRS", "*Company Code (4)"),
    ("BLART", "*Journal Entry Type (2)"),
    ("BLDAT", "*Journal Entry Date"),
    ("BUDAT", "*Posting Date"),
    ("BKTXT", "Document Header Text (25)"),
    ("WAERS", "*Transaction Currency (5)"),
    ("KURSF_EXT", "Exchange Rate (12)"),
    ("XBLNR", "Reference Document Number (16)"),
];

/// A line's fields and what they are called.
const LINE: [(&str, &str); 6] = [
    ("BUKRS", "Company Code (4)"),
    ("HKONT", "G/L Account (10)"),
    ("SGTXT", "Item Text (50)"),
    ("WRSOL", "Debit"),
    ("WRHAB", "Credit"),
    ("ZUONR", "Assignment Number (18)"),
];

/// Fields that a line may have beside those: what they are called, and the most characters that they hold.
const MORE: [(&str, &str, usize); 11] = [
    ("AUFNR", "Order Number (12)", 12),
    ("FKBER", "Functional Area (16)", 16),
    ("GSBER", "Business Area (4)", 4),
    ("KOSTL", "Cost Center (10)", 10),
    ("MWSKZ", "Tax Code (2)", 2),
    ("PRCTR", "Profit Center (10)", 10),
    ("PROF_ARTNR", "Product (40)", 40),
    ("PROF_KNDNR", "Customer (10)", 10),
    ("PS_POSID", "WBS Element (24)", 24),
    ("SEGMENT", "Segment for Segmental Reporting (10)", 10),
    ("VBUND", "Trading Partner (6)", 6),
];

/// A journal entry has at most so many lines.
const LINES: usize = 999;

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The company code by entity.
    companies: Names,
    /// The account's number by its name in the books, where it is not the chart's code.
    #[serde(default)]
    accounts: Names,
    /// Further columns of lines, by technical name: text, `{company}`, `{account}` or `{dimension.NAME}`.
    #[serde(default)]
    columns: Names,
    /// What stands for a dimension that a line does not have.
    #[serde(default)]
    blank: String,
    /// The type of journal entries, `BLART`.
    #[serde(default = "default_type")]
    r#type: String,
    /// What stands between columns.
    #[serde(default)]
    separator: Separator,
    /// The decimal sign.
    #[serde(default)]
    decimal: DecimalSign,
    /// How days are written.
    #[serde(default = "default_days", deserialize_with = "full_days")]
    dates: Days,
    /// Whether rates are given.
    #[serde(default)]
    rates: bool,
}

/// What stands between columns.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum Separator {
    /// A comma.
    #[default]
    #[serde(rename = ",")]
    Comma,
    /// A semicolon.
    #[serde(rename = ";")]
    Semicolon,
}

/// The decimal sign.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum DecimalSign {
    /// A point.
    #[default]
    #[serde(rename = ".")]
    Point,
    /// A comma.
    #[serde(rename = ",")]
    Comma,
}

fn default_type() -> String {
    "SA".to_owned()
}

fn default_days() -> Days {
    Days::try_from("YYYYMMDD".to_owned()).unwrap_or_else(|_| Days::iso())
}

/// The format.
#[derive(Clone, Debug)]
pub struct Sap {
    config: Config,
}

impl FileFormat for Sap {
    type Config = Config;

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn name(&self, batch: &ExportBatch) -> String {
        batch.file_name("csv")
    }

    fn render(&self, batch: &ExportBatch, out: &mut dyn Write) -> Result<(), RenderError> {
        let mut out = BufWriter::with_capacity(64 << 10, out);
        let comment = format!(
            "// {} number {} of {}",
            batch.id, batch.number, batch.target
        );
        let written = format!("// Made on {}", batch.created_at.date_naive());
        // Comments keep the first block in the row in which it stands in the app's own file.
        self.put(&mut out, &["Upload General Journal Entries"])?;
        self.put(&mut out, &[&comment])?;
        self.put(&mut out, &[&written])?;
        // The app names a batch when the file is first uploaded.
        self.put(&mut out, &["Batch ID", ""])?;
        let names = self.names_of_blocks()?;
        for (item, number) in batch.entries.iter().zip(1_usize..) {
            let number = written::count_of(number);
            self.put(&mut out, &[""])?;
            self.put(&mut out, &[""])?;
            self.put(&mut out, &[&number, "Header"])?;
            self.block(&mut out, batch, item, &names)?;
        }
        out.flush().map_err(RenderError::write)
    }
}

impl Sap {
    /// A row of fields, each quoted where it must be.
    fn put(&self, out: &mut impl Write, fields: &[&str]) -> Result<(), RenderError> {
        let separator = match self.config.separator {
            Separator::Comma => ',',
            Separator::Semicolon => ';',
        };
        let mut row = String::with_capacity(128);
        for (field, place) in fields.iter().zip(0..) {
            if place > 0 {
                row.push(separator);
            }
            if field.contains(['"', separator]) {
                row.push('"');
                row.push_str(&field.replace('"', "\"\""));
                row.push('"');
            } else {
                row.push_str(field);
            }
        }
        row.push_str("\r\n");
        out.write_all(row.as_bytes()).map_err(RenderError::write)
    }

    /// The rows of each block that name fields: those of the header, and all between its values and the first line.
    fn names_of_blocks(&self) -> Result<[Vec<u8>; 2], RenderError> {
        let (mut header, mut lines) = (Vec::new(), Vec::new());
        self.names(&mut header, &HEADER)?;
        self.put(&mut lines, &["", ""])?;
        self.put(&mut lines, &["", "Line Items"])?;
        self.put(&mut lines, &["", "", "", "", "Transaction Currency"])?;
        let columns = self.config.columns.keys();
        let more = columns.map(|name| (name.as_str(), called(name)));
        let fields: Vec<(&str, &str)> = LINE.into_iter().chain(more).collect();
        self.names(&mut lines, &fields)?;
        Ok([header, lines])
    }

    /// An entry: its header and its lines.
    fn block(
        &self,
        out: &mut impl Write,
        batch: &ExportBatch,
        item: &ExportEntry,
        [of_header, of_lines]: &[Vec<u8>; 2],
    ) -> Result<(), RenderError> {
        out.write_all(of_header).map_err(RenderError::write)?;
        if let Some(first) = Placed::of(batch, item).next() {
            let values = self.header(&first)?;
            self.values(out, &values)?;
        }
        out.write_all(of_lines).map_err(RenderError::write)?;
        for at in Placed::unrated(batch, item) {
            if at.number > LINES {
                return Err(at.unfit(format!("a journal entry has at most {LINES} lines")));
            }
            let values = self.line(&at)?;
            self.values(out, &values)?;
        }
        Ok(())
    }

    /// Technical names, and below them what they are called.
    fn names(&self, out: &mut impl Write, fields: &[(&str, &str)]) -> Result<(), RenderError> {
        let technical = fields.iter().map(|(name, _)| *name);
        let technical: Vec<&str> = std::iter::once("").chain(technical).collect();
        self.put(out, &technical)?;
        let called = fields.iter().map(|(_, called)| *called);
        let called: Vec<&str> = std::iter::once("").chain(called).collect();
        self.put(out, &called)
    }

    fn values(&self, out: &mut impl Write, values: &[String]) -> Result<(), RenderError> {
        let values = values.iter().map(String::as_str);
        let values: Vec<&str> = std::iter::once("").chain(values).collect();
        self.put(out, &values)
    }

    fn header(&self, at: &Placed<'_>) -> Result<Vec<String>, RenderError> {
        let (config, header) = (&self.config, at.header());
        let day = config.dates.text(header.date);
        let rate = at.rate().filter(|_| config.rates);
        let rate = rate.map(|rate| self.number(&rate.normalize().to_string()));
        Ok(vec![
            at.key("BUKRS", at.company(&config.companies)?, 4)?,
            at.key("BLART", &config.r#type, 2)?,
            day.clone(),
            day,
            fit(&header.description, 25),
            at.in_one_currency()?.code().to_owned(),
            at.key("KURSF_EXT", &rate.unwrap_or_default(), 12)?,
            at.key("XBLNR", &at.item.document, 16)?,
        ])
    }

    fn line(&self, at: &Placed<'_>) -> Result<Vec<String>, RenderError> {
        let (config, header) = (&self.config, at.header());
        at.in_one_currency()?;
        let amount = self.number(&written::amount_of(at.line.amount));
        let (debit, credit) = match at.line.side {
            Side::Debit => (amount, String::new()),
            Side::Credit => (String::new(), amount),
        };
        let mut values = vec![
            at.key("BUKRS", at.company(&config.companies)?, 4)?,
            at.key("HKONT", at.account(&config.accounts)?, 10)?,
            fit(&header.description, 50),
            debit,
            credit,
            fit(&header.reference, 18),
        ];
        let filling = Filling {
            companies: &config.companies,
            accounts: &config.accounts,
            blank: &config.blank,
            option: "columns",
        };
        for (name, place) in &config.columns {
            let known = MORE.iter().find(|(known, ..)| known == name);
            let most = known.map_or(usize::MAX, |(.., most)| *most);
            values.push(at.key(name, &filling.fill(at, place)?, most)?);
        }
        Ok(values)
    }

    fn number(&self, text: &str) -> String {
        match self.config.decimal {
            DecimalSign::Point => text.to_owned(),
            DecimalSign::Comma => text.replace('.', ","),
        }
    }
}

/// What a further field is called; one that is not known here by its technical name.
fn called(name: &str) -> &str {
    let known = MORE.iter().find(|(known, ..)| *known == name);
    known.map_or(name, |(_, called, _)| called)
}
