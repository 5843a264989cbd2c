//! A plain CSV of journal lines, for any system and any spreadsheet.
//!
//! UTF-8, comma, CRLF, one header row; amounts in major units with `.`; one line per row. Columns:
//! `batch` and `batch_number`; `entry` (number in the journal), `line`; `entity`, `period`, `date`
//! (ISO 8601), `kind`, `reference`, `description`; `account_code`, `account`; `debit`, `credit` (one
//! of them empty), `currency`; `functional_debit`, `functional_credit`, `functional_currency`,
//! `rate`; `dimensions` (`name=value`, joined by `;`); `rule`, `mapping` (version), `event` (key).

use super::{Artifact, ExportBatch, ExportEntry, FileFormat, FileKind, RenderError};
use ledger::{Line, Money, Side};
use serde::Deserialize;

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

    fn render(&self, batch: &ExportBatch) -> Result<Artifact, RenderError> {
        let mut writer = ::csv::WriterBuilder::new()
            .terminator(::csv::Terminator::CRLF)
            .from_writer(Vec::new());
        let header = HEADER.iter().copied().chain(["event"]);
        writer.write_record(header).map_err(RenderError::write)?;
        for item in &batch.entries {
            for (index, line) in item.entry.lines().iter().enumerate() {
                let record = record(batch, item, index + 1, line);
                writer.write_record(&record).map_err(RenderError::write)?;
            }
        }
        let bytes = writer
            .into_inner()
            .map_err(|error| RenderError::write(error.to_string()))?;
        Ok(Artifact {
            name: batch.file_name("csv"),
            bytes,
        })
    }
}

fn record(batch: &ExportBatch, item: &ExportEntry, line_no: usize, line: &Line) -> Vec<String> {
    let header = item.entry.header();
    let code = batch
        .chart
        .get(&line.account)
        .map(|account| account.code.clone());
    let on = |side: Side, money: Money| {
        if line.side == side {
            money.to_decimal().to_string()
        } else {
            String::new()
        }
    };
    let dimensions: Vec<String> = line
        .dimensions
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    vec![
        batch.id.clone(),
        batch.number.to_string(),
        item.id.to_string(),
        item.document.clone(),
        line_no.to_string(),
        header.entity.clone(),
        item.period.clone(),
        header.date.to_string(),
        header.kind.name().to_owned(),
        header.reference.clone(),
        header.description.clone(),
        code.unwrap_or_default(),
        line.account.clone(),
        on(Side::Debit, line.amount),
        on(Side::Credit, line.amount),
        line.amount.currency().code().to_owned(),
        on(Side::Debit, line.functional),
        on(Side::Credit, line.functional),
        line.functional.currency().code().to_owned(),
        header
            .rate
            .map(|rate| rate.normalize().to_string())
            .unwrap_or_default(),
        dimensions.join(";"),
        header.rule.rule.clone(),
        header.rule.mapping.to_string(),
        header.event.to_string(),
    ]
}
