//! SIE 4, import (4I): verifications for Swedish bookkeeping.
//!
//! Code page 437 (`#FORMAT PC8`), CRLF, one record per line, texts in quotes with `\"` for a quote within; a backslash
//! becomes `/`, for at the end of a text it would hide the quote. A file holds one company and one fiscal year; a
//! batch that spans more leaves as a ZIP of such files.
//!
//! An entry is a `#VER` in the series that the options name, under the number at the end of its document number, which
//! knows no gap; `numbers: theirs` leaves the number to the system that imports. Its lines are `#TRANS`, signed,
//! debits positive, in the currency of the books and with two decimals: the format knows no other currency, so an
//! amount in one stands in the line's text. Accounts and objects that the lines name are declared before them;
//! objects come from the dimensions that `dimensions` gives a number. Not run against a live system.

use super::charset::Charset;
use super::company::{self, Part, bounded, in_currency, january, of_entity, unfit};
use super::limits::{Limits, Sides, Within};
use super::{ExportBatch, ExportEntry, FileFormat, FileKind, RenderError, written};
use chrono::NaiveDate;
use ledger::{AccountType, Line, Money};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

/// This kind's registration.
pub const KIND: FileKind =
    FileKind::of::<Sie4>("sie4", "SIE 4 (Sweden)", EXAMPLE).holding(Limits {
        sides: Sides::Signed,
        within: Within::Year,
        ..Limits::NONE
    });

const EXAMPLE: &str = r#"# The company's name and number, by entity.
companies:
  se: { name: Exempelbolaget AB, number: 556036-0793, first_month: 1 }
# Numbers that are not the chart's codes.
accounts: { accounts-receivable: "1510", tax-payable: "2611", revenue-access: "3041" }
# A series that nothing else writes to.
series: T
numbers: ours
# Numbers of dimensions: 1 cost centre, 6 project, 8 customer, from 20 on free.
dimensions: { region: 1, product: 6, customer: 8 }
currency: SEK
plan: BAS2014
"#;

const TEXTS: Charset = Charset::Pc8;

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Whose books an entity's are.
    pub companies: BTreeMap<String, Company>,
    /// Account numbers by the account's name, where they are not the chart's codes.
    #[serde(default)]
    pub accounts: BTreeMap<String, String>,
    /// The series of the verifications.
    #[serde(default = "default_series", deserialize_with = "not_empty")]
    pub series: String,
    /// Who numbers the verifications.
    #[serde(default)]
    pub numbers: Numbers,
    /// The number of a dimension by our name of it; others are left out.
    #[serde(default)]
    pub dimensions: BTreeMap<String, u32>,
    /// The currency of the books.
    #[serde(default = "default_currency")]
    pub currency: String,
    /// The kind of chart of accounts; empty for none.
    #[serde(default)]
    pub plan: String,
}

fn default_series() -> String {
    "T".to_owned()
}

fn default_currency() -> String {
    "SEK".to_owned()
}

/// Readers refuse a series without a name.
fn not_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.trim().is_empty() {
        return Err(serde::de::Error::custom("a series has a name"));
    }
    Ok(text)
}

/// Who numbers the verifications.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Numbers {
    /// The document number's own.
    #[default]
    Ours,
    /// The system that imports.
    Theirs,
}

/// A company.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Company {
    /// Its name.
    pub name: String,
    /// Its number with the authorities.
    pub number: String,
    /// The month with which the fiscal year begins.
    #[serde(default = "january", deserialize_with = "bounded::<_, 1, 12>")]
    pub first_month: u32,
}

/// The format.
#[derive(Clone, Debug)]
pub struct Sie4 {
    config: Config,
    /// The dimensions of a number; where a line has several of them, the first counts.
    numbers: Vec<(u32, Vec<String>)>,
}

impl FileFormat for Sie4 {
    type Config = Config;

    fn new(config: Config) -> Self {
        let mut numbers = BTreeMap::<u32, Vec<String>>::new();
        for (name, number) in config.dimensions.iter().rev() {
            numbers.entry(*number).or_default().push(name.clone());
        }
        let numbers = numbers.into_iter().collect();
        Self { config, numbers }
    }

    fn name(&self, batch: &ExportBatch) -> String {
        company::name_of(batch, &self.parts(batch), file_name)
    }

    fn render(&self, batch: &ExportBatch, out: &mut dyn Write) -> Result<(), RenderError> {
        let parts = self.parts(batch);
        company::plain_or_packed(&parts, out, file_name, |part, out| self.file(part, out))
    }
}

/// Files that are to be imported end in `.si`, those of an export in `.se`.
fn file_name(part: &Part<'_>) -> String {
    format!("{}.si", part.name())
}

/// What the lines of a file name, and what is declared before them.
#[derive(Debug, Default)]
struct Named<'b> {
    accounts: BTreeMap<&'b str, (String, Option<AccountType>)>,
    objects: BTreeMap<u32, BTreeSet<Cow<'b, str>>>,
}

impl Sie4 {
    fn parts<'b>(&self, batch: &'b ExportBatch) -> Vec<Part<'b>> {
        let first_month = |entity: &str| {
            let company = self.config.companies.get(entity);
            company.map_or(january(), |company| company.first_month)
        };
        company::parts(batch, first_month, usize::MAX)
    }

    fn file(&self, part: &Part<'_>, out: &mut dyn Write) -> Result<(), RenderError> {
        let company = of_entity(&self.config.companies, part.entity, "companies")?;
        let named = self.named(part)?;
        let mut put = |text: String| {
            out.write_all(&TEXTS.bytes(&text))
                .map_err(RenderError::write)
        };
        put(self.head(part, company))?;
        put(self.declared(&named))?;
        for item in part.entries() {
            put(self.verification(part.batch, item)?)?;
        }
        Ok(())
    }

    fn named<'b>(&'b self, part: &Part<'b>) -> Result<Named<'b>, RenderError> {
        let mut named = Named::default();
        let mut accounts = BTreeSet::new();
        for item in part.entries() {
            for (line, place) in item.entry.lines().iter().zip(1..) {
                let day = item.entry.header().date;
                if accounts.insert((&line.account, day)) {
                    let called = part.batch.called(&line.account, day);
                    let number = self.number(part.batch, item, place, line)?;
                    named.accounts.entry(number).or_insert_with(|| {
                        let title = company::title(part.batch, line, called);
                        (title.to_owned(), called.kind)
                    });
                }
                for (number, value) in self.objects(line) {
                    let values = named.objects.entry(number).or_default();
                    if !values.contains(value.as_ref()) {
                        values.insert(value);
                    }
                }
            }
        }
        Ok(named)
    }

    /// The number of a line's account: digits.
    fn number<'b>(
        &'b self,
        batch: &'b ExportBatch,
        item: &'b ExportEntry,
        place: usize,
        line: &'b Line,
    ) -> Result<&'b str, RenderError> {
        let called = batch.called(&line.account, item.entry.header().date);
        let number = company::number(&self.config.accounts, line, called)?;
        if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(number);
        }
        let what = format!("`{number}` is no account number: those are digits");
        Err(unfit(item, place, what))
    }

    /// The objects of a line, by the number of their dimension.
    fn objects<'b>(&self, line: &'b Line) -> impl Iterator<Item = (u32, Cow<'b, str>)> {
        let of = |name: &String| {
            let value = plain(line.dimensions.get(name)?);
            Some(value).filter(|value| !value.is_empty())
        };
        let numbers = self.numbers.iter();
        numbers.filter_map(move |(number, names)| Some((*number, names.iter().find_map(of)?)))
    }

    fn head(&self, part: &Part<'_>, company: &Company) -> String {
        let mut head = String::from("#FLAGGA 0\r\n");
        let made = day(part.batch.created_at.date_naive());
        let (begins, ends) = (day(part.year.0), day(part.year.1));
        head.push_str("#PROGRAM \"Tieout\" \"1\"\r\n");
        head.push_str(&format!("#FORMAT PC8\r\n#GEN {made}\r\n#SIETYP 4\r\n"));
        head.push_str(&format!("#ORGNR {}\r\n", quoted(&company.number)));
        head.push_str(&format!("#FNAMN {}\r\n", quoted(&company.name)));
        head.push_str(&format!("#RAR 0 {begins} {ends}\r\n"));
        if !self.config.plan.is_empty() {
            head.push_str(&format!("#KPTYP {}\r\n", quoted(&self.config.plan)));
        }
        head.push_str(&format!("#VALUTA {}\r\n", quoted(&self.config.currency)));
        head
    }

    /// Accounts, dimensions and objects.
    fn declared(&self, named: &Named<'_>) -> String {
        let mut text = String::new();
        for (number, (title, kind)) in &named.accounts {
            text.push_str(&format!("#KONTO {number} {}\r\n", quoted(title)));
            let kind = kind.map(|kind| match kind {
                AccountType::Asset => 'T',
                AccountType::Liability | AccountType::Equity => 'S',
                AccountType::Revenue => 'I',
                AccountType::Expense => 'K',
            });
            if let Some(kind) = kind {
                text.push_str(&format!("#KTYP {number} {kind}\r\n"));
            }
        }
        let is_used = |number| named.objects.contains_key(&number);
        let names = self.config.dimensions.iter();
        let names: BTreeMap<u32, &str> = names
            .map(|(name, number)| (*number, name.as_str()))
            .collect();
        for (number, name) in names.into_iter().filter(|(number, _)| is_used(*number)) {
            text.push_str(&format!("#DIM {number} {}\r\n", quoted(name)));
        }
        for (number, values) in &named.objects {
            for value in values {
                let value = quoted(value);
                text.push_str(&format!("#OBJEKT {number} {value} {value}\r\n"));
            }
        }
        text
    }

    fn verification(&self, batch: &ExportBatch, item: &ExportEntry) -> Result<String, RenderError> {
        let header = item.entry.header();
        let number = match self.config.numbers {
            Numbers::Ours => number_of(&item.document),
            Numbers::Theirs => "",
        };
        let words = [&header.reference, &header.description];
        let words = words.map(|text| plain(text)).join(" ");
        let mut text = String::with_capacity(512);
        text.push_str("#VER ");
        quote(&mut text, &self.config.series);
        text.push(' ');
        quote(&mut text, number);
        text.push(' ');
        written::day(&mut text, header.date, "");
        text.push(' ');
        quote(&mut text, &format!("{} ({})", words.trim(), item.document));
        text.push(' ');
        written::day(&mut text, batch.created_at.date_naive(), "");
        text.push_str("\r\n{\r\n");
        for (line, place) in item.entry.lines().iter().zip(1..) {
            in_currency(
                item,
                place,
                line.functional.currency(),
                &self.config.currency,
            )?;
            let number = self.number(batch, item, place, line)?;
            if line.functional.currency().exponent() > 2 {
                return Err(unfit(item, place, "it has more than two decimals"));
            }
            self.transaction(&mut text, item, line, number);
        }
        text.push_str("}\r\n");
        Ok(text)
    }

    fn transaction(&self, text: &mut String, item: &ExportEntry, line: &Line, number: &str) {
        text.push_str("#TRANS ");
        text.push_str(number);
        text.push_str(" {");
        for ((number, value), place) in self.objects(line).zip(0_usize..) {
            if place > 0 {
                text.push(' ');
            }
            written::count(text, number);
            text.push(' ');
            quote(text, &value);
        }
        text.push_str("} ");
        let signed = line.side.signed(line.functional.amount());
        let signed = i64::try_from(signed).unwrap_or(i64::MAX);
        written::amount(text, Money::minor(signed, line.functional.currency()));
        text.push(' ');
        written::day(text, item.entry.header().date, "");
        if line.amount.currency() != line.functional.currency() {
            text.push(' ');
            quote(text, &line.amount.to_string());
        }
        text.push_str("\r\n");
    }
}

fn day(day: NaiveDate) -> String {
    written::day_of(day, "")
}

/// The digits at the end of a document number, without zeros before them: `41` of `se-2026-000041`.
fn number_of(document: &str) -> &str {
    let before = document.trim_end_matches(|sign: char| sign.is_ascii_digit());
    let digits = document.strip_prefix(before).unwrap_or_default();
    digits.trim_start_matches('0')
}

/// A text of the file: on one line, in its signs, without backslashes.
fn plain(text: &str) -> Cow<'_, str> {
    match TEXTS.text(text) {
        Cow::Borrowed(text) if !text.contains('\\') => Cow::Borrowed(text.trim()),
        text => Cow::Owned(text.trim().replace('\\', "/")),
    }
}

fn quote(to: &mut String, text: &str) {
    let text = plain(text);
    to.push('"');
    if text.contains('"') {
        to.push_str(&text.replace('"', "\\\""));
    } else {
        to.push_str(&text);
    }
    to.push('"');
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quote(&mut quoted, text);
    quoted
}
