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

use super::{
    Called, ExportBatch, ExportEntry, FileFormat, FileKind, RenderError, printable, written,
};
use ledger::{Line, Money, Side};
use serde::Deserialize;
use std::borrow::Cow;
use std::io::{self, BufWriter, Write};

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
        let is_word = text.starts_with(|sign: char| sign.is_ascii_alphanumeric());
        if self == Self::Escape && !is_word && text.starts_with(Self::BEGINNINGS) {
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
        let mut out = BufWriter::with_capacity(64 << 10, out);
        self.rows(batch, &mut out)
            .and_then(|()| out.flush())
            .map_err(RenderError::write)
    }
}

impl Csv {
    fn rows(self, batch: &ExportBatch, out: &mut impl Write) -> io::Result<()> {
        let header = HEADER.iter().copied().chain(["event"]);
        let header: Vec<&str> = header.collect();
        write!(out, "{}\r\n", header.join(","))?;
        let mut parts = Parts::default();
        for item in &batch.entries {
            parts.share(self.formulas, batch, item);
            let date = item.entry.header().date;
            for (line, number) in item.entry.lines().iter().zip(1_usize..) {
                let called = batch.called(&line.account, date);
                self.row(&mut parts, (line, number), called);
                out.write_all(parts.row.as_bytes())?;
            }
        }
        Ok(())
    }

    /// The row of a line.
    fn row(self, parts: &mut Parts, (line, number): (&Line, usize), called: Called<'_>) {
        let row = &mut parts.row;
        row.clear();
        row.push_str(&parts.first);
        written::count(row, number);
        row.push_str(&parts.middle);
        outside(row, self.formulas, called.code.unwrap_or_default());
        outside(row, self.formulas, called.account);
        money(row, line.side, line.amount);
        money(row, line.side, line.functional);
        row.push_str(&parts.rate);
        parts.room.clear();
        dimensions(&mut parts.room, line);
        outside(row, self.formulas, &parts.room);
        row.push_str(&parts.last);
    }
}

/// The parts of a row; all but one are the same for all lines of an entry and are made once. Each field of a part is
/// followed by a comma, and the last one by the end of the row.
#[derive(Debug, Default)]
struct Parts {
    /// Before the line's number.
    first: String,
    /// Behind it.
    middle: String,
    rate: String,
    last: String,
    /// The row.
    row: String,
    /// A field while it is made.
    room: String,
}

impl Parts {
    fn share(&mut self, formulas: Formulas, batch: &ExportBatch, item: &ExportEntry) {
        let header = item.entry.header();
        for part in [
            &mut self.first,
            &mut self.middle,
            &mut self.rate,
            &mut self.last,
        ] {
            part.clear();
        }
        let first = &mut self.first;
        field(first, &batch.id);
        field(first, &written::count_of(batch.number));
        field(first, &written::count_of(item.id));
        outside(first, formulas, &item.document);
        let middle = &mut self.middle;
        middle.push(',');
        outside(middle, formulas, &header.entity);
        field(middle, &item.period);
        field(middle, &written::day_of(header.date, "-"));
        field(middle, header.kind.name());
        outside(middle, formulas, &header.reference);
        outside(middle, formulas, &header.description);
        let rate = header.rate.map(|rate| rate.normalize().to_string());
        field(&mut self.rate, &rate.unwrap_or_default());
        let last = &mut self.last;
        outside(last, formulas, &header.rule.rule);
        field(last, &header.rule.mapping.to_string());
        field(last, &header.event.to_string());
        last.pop();
        last.push_str("\r\n");
    }
}

/// A field that may have come from outside.
fn outside(row: &mut String, formulas: Formulas, text: &str) {
    field(row, &formulas.text(&printable(text)));
}

/// A field and the comma behind it; in quotes where something in it would end it.
fn field(row: &mut String, text: &str) {
    let ends = |byte: u8| matches!(byte, b',' | b'"' | b'\r' | b'\n');
    if text.bytes().any(ends) {
        row.push('"');
        row.push_str(&text.replace('"', "\"\""));
        row.push('"');
    } else {
        row.push_str(text);
    }
    row.push(',');
}

/// Debit, credit and currency; the other side is blank.
fn money(row: &mut String, side: Side, money: Money) {
    if side == Side::Credit {
        row.push(',');
    }
    written::amount(row, money);
    row.push(',');
    if side == Side::Debit {
        row.push(',');
    }
    row.push_str(money.currency().code());
    row.push(',');
}

fn dimensions(text: &mut String, line: &Line) {
    for (name, value) in &line.dimensions {
        if !text.is_empty() {
            text.push(';');
        }
        text.push_str(name);
        text.push('=');
        text.push_str(value);
    }
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
