//! A plain CSV of journal lines, for any system and any spreadsheet.
//!
//! UTF-8, comma, CRLF, one header row; a line break inside a text stands in quotes (RFC 4180), other
//! control characters become spaces; amounts in major units with `.`; one line per row. Columns:
//! `batch` and `batch_number`; `entry` (number in the journal), `line`; `entity`, `period`, `date`
//! (ISO 8601), `kind`, `reference`, `description`; `account_code`, `account`; `debit`, `credit` (one
//! of them empty), `currency`; `functional_debit`, `functional_credit`, `functional_currency`,
//! `rate`; `dimensions` (`name=value`, joined by `;`); `rule`, `mapping` (version), `event` (key).
//!
//! A spreadsheet computes a text that begins like a formula, whoever wrote it. Such texts get an apostrophe,
//! as a person would type it; `formulas: keep` leaves them as they are, for systems that compute nothing.

use super::{ExportBatch, ExportEntry, FileFormat, FileKind, RenderError, printable};
use ledger::{Line, Money, Side};
use serde::Deserialize;
use std::borrow::Cow;
use std::io::Write;

/// This kind's registration.
pub const KIND: FileKind = FileKind::of::<Csv>("csv", "CSV of journal lines", EXAMPLE);

const EXAMPLE: &str = "\
# A text that begins like a formula gets an apostrophe, so that a spreadsheet shows it and does not compute it.
# `keep` leaves it as it is, for a system that computes nothing.
formulas: escape
";

const HEADER: [&str; 23] = [
    "batch",
    "batch_number",
    "entry",
    "document",
    "line",
    "entity",
    "period",
    "date",
    "kind",
    "reference",
    "description",
    "account_code",
    "account",
    "debit",
    "credit",
    "currency",
    "functional_debit",
    "functional_credit",
    "functional_currency",
    "rate",
    "dimensions",
    "rule",
    "mapping",
];

/// The options.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What becomes of texts that begin like a formula.
    #[serde(default)]
    pub formulas: Formulas,
}

/// What becomes of texts that begin like a formula.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Formulas {
    /// They get an apostrophe.
    #[default]
    Escape,
    /// They stay.
    Keep,
}

impl Formulas {
    /// What spreadsheets take for the beginning of one, also in the wide forms of East Asian keyboards.
    const BEGINNINGS: [char; 11] = [
        '=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ];

    pub(super) fn text(self, text: &str) -> Cow<'_, str> {
        if self == Self::Escape && text.starts_with(Self::BEGINNINGS) {
            return Cow::Owned(format!("'{text}"));
        }
        Cow::Borrowed(text)
    }
}

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct Csv {
    formulas: Formulas,
}

impl FileFormat for Csv {
    type Config = Config;

    fn new(config: Config) -> Self {
        Self {
            formulas: config.formulas,
        }
    }

    fn name(&self, batch: &ExportBatch) -> String {
        batch.file_name("csv")
    }

    fn render(&self, batch: &ExportBatch, out: &mut dyn Write) -> Result<(), RenderError> {
        let mut writer = ::csv::WriterBuilder::new()
            .terminator(::csv::Terminator::CRLF)
            .buffer_capacity(64 << 10)
            .from_writer(out);
        let header = HEADER.iter().copied().chain(["event"]);
        writer.write_record(header).map_err(RenderError::write)?;
        for item in &batch.entries {
            self.entry(&mut writer, batch, item)
                .map_err(RenderError::write)?;
        }
        writer.flush().map_err(RenderError::write)
    }
}

impl Csv {
    /// A field that may have come from outside.
    fn text<W: Write>(self, writer: &mut ::csv::Writer<W>, text: &str) -> Result<(), ::csv::Error> {
        writer.write_field(self.formulas.text(&printable(text)).as_bytes())
    }

    /// The rows of an entry. What all its lines share is made once.
    fn entry<W: Write>(
        self,
        writer: &mut ::csv::Writer<W>,
        batch: &ExportBatch,
        item: &ExportEntry,
    ) -> Result<(), ::csv::Error> {
        let header = item.entry.header();
        let (number, id) = (batch.number.to_string(), item.id.to_string());
        let date = header.date.to_string();
        let rate = header.rate.map(|rate| rate.normalize().to_string());
        let rate = rate.unwrap_or_default();
        let (mapping, event) = (header.rule.mapping.to_string(), header.event.to_string());
        for (line, line_no) in item.entry.lines().iter().zip(1..) {
            let line_no: usize = line_no;
            let called = batch.called(&line.account, header.date);
            for field in [&batch.id, &number, &id] {
                writer.write_field(field)?;
            }
            self.text(writer, &item.document)?;
            writer.write_field(line_no.to_string())?;
            self.text(writer, &header.entity)?;
            for field in [item.period.as_str(), &date, header.kind.name()] {
                writer.write_field(field)?;
            }
            for field in [
                header.reference.as_str(),
                &header.description,
                called.code.unwrap_or_default(),
                called.account,
            ] {
                self.text(writer, field)?;
            }
            money(writer, line.side, line.amount)?;
            money(writer, line.side, line.functional)?;
            writer.write_field(&rate)?;
            self.text(writer, &dimensions(line))?;
            for field in [&header.rule.rule, &mapping, &event] {
                self.text(writer, field)?;
            }
            writer.write_record(None::<&[u8]>)?;
        }
        Ok(())
    }
}

/// Debit, credit and currency; the other side is blank.
fn money<W: Write>(
    writer: &mut ::csv::Writer<W>,
    side: Side,
    money: Money,
) -> Result<(), ::csv::Error> {
    let amount = money.to_decimal().to_string();
    let (debit, credit) = match side {
        Side::Debit => (amount.as_str(), ""),
        Side::Credit => ("", amount.as_str()),
    };
    for field in [debit, credit, money.currency().code()] {
        writer.write_field(field)?;
    }
    Ok(())
}

fn dimensions(line: &Line) -> String {
    let mut text = String::new();
    for (name, value) in &line.dimensions {
        if !text.is_empty() {
            text.push(';');
        }
        text.push_str(name);
        text.push('=');
        text.push_str(value);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_like_a_formula_is_shown_unless_it_is_to_be_kept() {
        let table = [
            ("=HYPERLINK(\"http://x\")", "'=HYPERLINK(\"http://x\")"),
            ("+1", "'+1"),
            ("-1+1|cmd", "'-1+1|cmd"),
            ("@SUM(1)", "'@SUM(1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("\u{ff1d}1", "'\u{ff1d}1"),
            ("INV-1=2", "INV-1=2"),
            ("'=1", "'=1"),
            ("", ""),
        ];
        for (text, shown) in table {
            assert_eq!(Formulas::Escape.text(text), shown);
            assert_eq!(Formulas::Keep.text(text), text);
        }
        let read = |text: &str| serde_json::from_str::<Config>(text).map(|config| config.formulas);
        assert_eq!(read("{}").unwrap(), Formulas::Escape);
        assert_eq!(read("{\"formulas\":\"keep\"}").unwrap(), Formulas::Keep);
        assert!(read("{\"formulas\":\"maybe\"}").is_err());
    }
}
