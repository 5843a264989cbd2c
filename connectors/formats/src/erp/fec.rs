//! FEC, the accounting entries that French law asks for (LPF A.47 A-1), as a file of the batch.
//!
//! ISO 8859-15, 18 columns with a header, tabs between them, CRLF; no quotes, for readers know none: a tab or a line
//! break within a text becomes a space. Dates are `YYYYMMDD`, amounts have `,`; both sides are given, and the other
//! one is `0,00`. A file holds one company and one fiscal year, and its name is the law's: the SIREN and the day on
//! which the year closes. Batches of one year would share that name, so the files leave in a ZIP of the batch's own.
//!
//! `EcritureNum` is the document number, which knows no gap per company and fiscal year. A line's own day stands as
//! that of its document where the entry was moved out of a closed period. Entries were validated when the batch was
//! made. An amount in another currency than the euro stands in `Montantdevise`, credits negative. Auxiliary accounts
//! come from a dimension, for the accounts whose number begins as `auxiliaries` says.
//!
//! The year that the authorities ask for is the file of all its entries, with the opening balances first; one
//! batch's file is for systems that import entries. Read by an open-source reader, not by the authorities' own.

use super::charset::Charset;
use super::company::{self, Part, bounded, in_currency, january, of_entity, unfit};
use super::limits::{Limits, Within};
use super::{ExportBatch, ExportEntry, FileFormat, FileKind, RenderError, written};
use chrono::NaiveDate;
use ledger::{Line, Money, Side};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Write;

/// This kind's registration.
pub const KIND: FileKind = FileKind::of::<Fec>("fec", "FEC (France)", EXAMPLE).holding(Limits {
    within: Within::Year,
    ..Limits::NONE
});

const EXAMPLE: &str = r#"# The company's SIREN, by entity.
companies:
  fr: { siren: "732829320", first_month: 1 }
# Numbers that are not the chart's codes.
accounts: { accounts-receivable: "411000", tax-payable: "445710", revenue-access: "706000" }
journal: { code: VT, name: Ventes }
# Which dimension is the auxiliary account of accounts that begin so.
auxiliaries: { "411": customer }
"#;

const TEXTS: Charset = Charset::Latin9;

/// The most characters of a text. The law bounds none; those that read the file do.
const TEXT: usize = 255;

const COLUMNS: [&str; 18] = [
    "JournalCode",
    "JournalLib",
    "EcritureNum",
    "EcritureDate",
    "CompteNum",
    "CompteLib",
    "CompAuxNum",
    "CompAuxLib",
    "PieceRef",
    "PieceDate",
    "EcritureLib",
    "Debit",
    "Credit",
    "EcritureLet",
    "DateLet",
    "ValidDate",
    "Montantdevise",
    "Idevise",
];

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Whose books an entity's are.
    pub companies: BTreeMap<String, Company>,
    /// Account numbers by the account's name, where they are not the chart's codes.
    #[serde(default)]
    pub accounts: BTreeMap<String, String>,
    /// The journal that the entries are of.
    pub journal: Journal,
    /// The dimension that is the auxiliary account, by what the account's number begins with; the longest decides.
    #[serde(default)]
    pub auxiliaries: BTreeMap<String, String>,
}

/// A company.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Company {
    /// Its nine digits.
    #[serde(deserialize_with = "nine_digits")]
    pub siren: String,
    /// The month with which the fiscal year begins.
    #[serde(default = "january", deserialize_with = "bounded::<_, 1, 12>")]
    pub first_month: u32,
}

/// A journal.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
}

fn nine_digits<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.len() == 9 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(text);
    }
    let what = format!("`{text}` is no SIREN: that has nine digits");
    Err(serde::de::Error::custom(what))
}

/// The format.
#[derive(Clone, Debug)]
pub struct Fec {
    config: Config,
}

impl FileFormat for Fec {
    type Config = Config;

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn name(&self, batch: &ExportBatch) -> String {
        batch.file_name("zip")
    }

    fn render(&self, batch: &ExportBatch, out: &mut dyn Write) -> Result<(), RenderError> {
        let first_month = |entity: &str| {
            let company = self.config.companies.get(entity);
            company.map_or(january(), |company| company.first_month)
        };
        let parts = company::parts(batch, first_month, usize::MAX);
        let name = |part: &Part<'_>| {
            let company = of_entity(&self.config.companies, part.entity, "companies")?;
            Ok(format!("{}FEC{}.txt", company.siren, day(part.year.1)))
        };
        company::packed(&parts, out, name, |part, out| self.file(part, out))
    }
}

impl Fec {
    fn file(&self, part: &Part<'_>, out: &mut dyn Write) -> Result<(), RenderError> {
        write!(out, "{}\r\n", COLUMNS.join("\t")).map_err(RenderError::write)?;
        for item in part.entries() {
            for (line, place) in item.entry.lines().iter().zip(1..) {
                let mut row = self.row(part.batch, item, place, line)?.join("\t");
                row.push_str("\r\n");
                out.write_all(&TEXTS.bytes(&row))
                    .map_err(RenderError::write)?;
            }
        }
        Ok(())
    }

    fn row(
        &self,
        batch: &ExportBatch,
        item: &ExportEntry,
        place: usize,
        line: &Line,
    ) -> Result<[String; 18], RenderError> {
        in_currency(item, place, line.functional.currency(), "EUR")?;
        let header = item.entry.header();
        let called = batch.called(&line.account, header.date);
        let number = company::number(&self.config.accounts, line, called)?;
        if !number.bytes().take(3).all(|byte| byte.is_ascii_digit()) || number.len() < 3 {
            let what = format!("`{number}` is no account number: it begins with three digits");
            return Err(unfit(item, place, what));
        }
        let auxiliary = self.auxiliary(number, line);
        // Neither the reference nor the text may be missing.
        let reference = first_of([&header.reference, &item.document]);
        let text = first_of([&header.description, &header.reference, &item.document]);
        let (debit, credit) = match line.side {
            Side::Debit => (amount(line.functional), "0,00".to_owned()),
            Side::Credit => ("0,00".to_owned(), amount(line.functional)),
        };
        let (foreign, currency) = foreign(line);
        Ok([
            field(&self.config.journal.code),
            field(&self.config.journal.name),
            field(&item.document),
            day(header.date),
            field(number),
            field(company::title(batch, line, called)),
            auxiliary.clone(),
            auxiliary,
            reference,
            day(item.entry.own_day()),
            text,
            debit,
            credit,
            String::new(),
            String::new(),
            day(batch.created_at.date_naive()),
            foreign,
            currency,
        ])
    }

    /// The auxiliary account of a line: the dimension that its account asks for.
    fn auxiliary(&self, number: &str, line: &Line) -> String {
        let mut found = self.config.auxiliaries.iter().rev();
        let found = found.find(|(beginning, _)| number.starts_with(beginning.as_str()));
        let value = found.and_then(|(_, name)| line.dimensions.get(name));
        value.map_or_else(String::new, |value| field(value))
    }
}

fn day(day: NaiveDate) -> String {
    written::day_of(day, "")
}

fn field(text: &str) -> String {
    TEXTS.fit(text, TEXT)
}

/// The first text that is not blank.
fn first_of<const N: usize>(texts: [&String; N]) -> String {
    let mut fields = texts.into_iter().map(|text| field(text));
    fields.find(|field| !field.is_empty()).unwrap_or_default()
}

fn amount(money: Money) -> String {
    written::amount_of(money).replace('.', ",")
}

/// The amount in another currency, credits negative, and that currency.
fn foreign(line: &Line) -> (String, String) {
    if line.amount.currency() == line.functional.currency() {
        return (String::new(), String::new());
    }
    let currency = line.amount.currency();
    let signed = match line.side {
        Side::Debit => line.amount,
        Side::Credit => Money::minor(-line.amount.amount(), currency),
    };
    (amount(signed), currency.code().to_owned())
}
