//! A plain CSV of journal lines, for any system and any spreadsheet.
//!
//! UTF-8, comma, CRLF, one header row; amounts in major units with `.`; one line per row. Columns:
//! `batch` and `batch_number`; `entry` (number in the journal), `line`; `entity`, `period`, `date`
//! (ISO 8601), `kind`, `reference`, `description`; `account_code`, `account`; `debit`, `credit` (one
//! of them empty), `currency`; `functional_debit`, `functional_credit`, `functional_currency`,
//! `rate`; `dimensions` (`name=value`, joined by `;`); `rule`, `mapping` (version), `event` (key).

use super::{ExportBatch, ExportEntry, FileFormat, FileKind, RenderError};
use ledger::{Line, Money, Side};
use serde::Deserialize;
use std::io::Write;

/// This kind's registration.
pub const KIND: FileKind = FileKind::of::<Csv>("csv", "CSV of journal lines", "{}");

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

/// No options.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct Csv;

impl FileFormat for Csv {
    type Config = Config;

    fn new(_config: Config) -> Self {
        Self
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
            entry(&mut writer, batch, item).map_err(RenderError::write)?;
        }
        writer.flush().map_err(RenderError::write)
    }
}

/// The rows of an entry. What all its lines share is made once.
fn entry<W: Write>(
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
        let account = batch.chart.get(&line.account);
        for field in [
            &batch.id,
            &number,
            &id,
            &item.document,
            &line_no.to_string(),
        ] {
            writer.write_field(field)?;
        }
        let kind = header.kind.name();
        for field in [header.entity.as_str(), &item.period, &date, kind] {
            writer.write_field(field)?;
        }
        writer.write_field(&header.reference)?;
        writer.write_field(&header.description)?;
        writer.write_field(account.map_or("", |account| account.code.as_str()))?;
        writer.write_field(&line.account)?;
        money(writer, line.side, line.amount)?;
        money(writer, line.side, line.functional)?;
        writer.write_field(&rate)?;
        writer.write_field(dimensions(line))?;
        for field in [&header.rule.rule, &mapping, &event] {
            writer.write_field(field)?;
        }
        writer.write_record(None::<&[u8]>)?;
    }
    Ok(())
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
