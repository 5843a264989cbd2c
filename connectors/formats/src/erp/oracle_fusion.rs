//! Oracle Fusion Cloud: file-based data import of journals, `GlInterface.csv` in a ZIP.
//!
//! 149 columns without a header, by the `GL_INTERFACE` import template; `.` decimals, dates
//! `YYYY/MM/DD`; a debit line leaves the credit column blank and the reverse. A journal is the rows
//! that share REFERENCE1 (batch) and REFERENCE4 (entry); `GROUP_ID` is the batch number and must equal
//! the import's parameter. Accounted amounts and the rate are given where the entry is in a foreign
//! currency. The loader ends a record at every line break, quoted or not: what breaks a line in a text
//! becomes a space, and every record is one physical line. Not run against the live system.

use super::packed::Packed;
use super::{
    ExportBatch, ExportEntry, FileFormat, FileKind, RenderError, is_plain, one_line, written,
};
use ledger::{EntryHeader, Line, Money, Side};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Write;

/// This kind's registration.
pub const KIND: FileKind =
    FileKind::of::<OracleFusion>("oracle_fusion", "Oracle Fusion Cloud (FBDI)", EXAMPLE);

const EXAMPLE: &str = r#"ledgers: { us: US Primary Ledger, eu: EU Primary Ledger }
companies: { us: "101", eu: "201" }
segments: ["{company}", "000", "{account}", "{dimension.product}"]
"#;

/// Columns of `GL_INTERFACE` in the import template.
const COLUMNS: usize = 149;

/// REFERENCE1, 4 and 6 hold so many characters.
const JOURNAL_NAME: usize = 100;

/// REFERENCE2, 5 and 10 hold so many.
const DESCRIPTION: usize = 240;

/// A text cut to what its column holds: a longer one would make the whole load fail.
fn fit(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The ledger's name by entity.
    pub ledgers: BTreeMap<String, String>,
    /// The balancing segment's value by entity, for `{company}`.
    #[serde(default)]
    pub companies: BTreeMap<String, String>,
    /// SEGMENT1 and following: text, `{company}`, `{account}` (the chart's code) or
    /// `{dimension.NAME}`.
    pub segments: Vec<String>,
    /// What stands for a dimension that a line does not have.
    #[serde(default = "default_blank")]
    pub blank: String,
    /// `USER_JE_SOURCE_NAME`.
    #[serde(default = "default_source")]
    pub source: String,
    /// `USER_JE_CATEGORY_NAME`.
    #[serde(default = "default_category")]
    pub category: String,
}

fn default_blank() -> String {
    "000".to_owned()
}

fn default_source() -> String {
    "Tieout".to_owned()
}

fn default_category() -> String {
    "Billing".to_owned()
}

/// The format.
#[derive(Clone, Debug)]
pub struct OracleFusion {
    config: Config,
}

impl FileFormat for OracleFusion {
    type Config = Config;

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn name(&self, batch: &ExportBatch) -> String {
        batch.file_name("zip")
    }

    /// The rows are packed while they are written; what stands in memory is the ZIP.
    fn render(&self, batch: &ExportBatch, out: &mut dyn Write) -> Result<(), RenderError> {
        let mut packed = Packed::new();
        packed.member("GlInterface.csv", |out| self.rows(batch, out))?;
        packed.finish(out)
    }
}

/// A row whose columns are named by their position in the template, from 1.
struct Row(Vec<String>);

impl Row {
    fn set(&mut self, position: usize, value: impl Into<String>) {
        if let Some(column) = position
            .checked_sub(1)
            .and_then(|index| self.0.get_mut(index))
        {
            let value = value.into();
            *column = if is_plain(&value) {
                value
            } else {
                one_line(&value)
            };
        }
    }
}

impl OracleFusion {
    fn rows(&self, batch: &ExportBatch, out: &mut dyn Write) -> Result<(), RenderError> {
        let mut writer = csv::WriterBuilder::new()
            .has_headers(false)
            .buffer_capacity(64 << 10)
            .from_writer(out);
        for item in &batch.entries {
            for (index, line) in item.entry.lines().iter().enumerate() {
                let row = self.row(batch, item, index + 1, line)?;
                writer.write_record(&row.0).map_err(RenderError::write)?;
            }
        }
        writer.flush().map_err(RenderError::write)
    }

    fn row(
        &self,
        batch: &ExportBatch,
        item: &ExportEntry,
        line_no: usize,
        line: &Line,
    ) -> Result<Row, RenderError> {
        let header = item.entry.header();
        let ledger =
            self.config
                .ledgers
                .get(&header.entity)
                .ok_or_else(|| RenderError::Unknown {
                    what: "entity",
                    name: header.entity.clone(),
                    option: "ledgers",
                })?;
        let day = |date: chrono::NaiveDate| written::day_of(date, "/");
        let mut row = Row(vec![String::new(); COLUMNS]);
        row.set(1, "NEW");
        row.set(3, day(header.date));
        row.set(4, &self.config.source);
        row.set(5, &self.config.category);
        row.set(6, line.amount.currency().code());
        row.set(7, day(batch.created_at.date_naive()));
        row.set(8, "A");
        for (index, template) in self.config.segments.iter().enumerate().take(30) {
            row.set(9 + index, self.segment(batch, header, line, template)?);
        }
        amounts(&mut row, (39, 40), line.side, line.amount);
        row.set(43, format!("Tieout {}", batch.id));
        row.set(44, format!("{} batch {}", batch.target, batch.number));
        row.set(
            46,
            fit(&format!("{} {}", item.id, header.reference), JOURNAL_NAME),
        );
        row.set(47, fit(&header.description, DESCRIPTION));
        row.set(48, fit(&header.reference, JOURNAL_NAME));
        let text = format!("{} ({})", header.description, header.rule.rule);
        row.set(52, fit(&text, DESCRIPTION));
        row.set(53, format!("{}-{line_no}", item.id));
        if let Some(rate) = header.rate {
            amounts(&mut row, (41, 42), line.side, line.functional);
            row.set(64, "User");
            row.set(65, day(header.date));
            row.set(66, rate.normalize().to_string());
        }
        row.set(67, batch.number.to_string());
        row.set(92, ledger);
        Ok(row)
    }

    fn segment(
        &self,
        batch: &ExportBatch,
        header: &EntryHeader,
        line: &Line,
        template: &str,
    ) -> Result<String, RenderError> {
        let unknown = |what, name: &str, option| RenderError::Unknown {
            what,
            name: name.to_owned(),
            option,
        };
        let Some(name) = template
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'))
        else {
            return Ok(template.to_owned());
        };
        match name.strip_prefix("dimension.") {
            Some(dimension) => Ok(line
                .dimensions
                .get(dimension)
                .cloned()
                .unwrap_or_else(|| self.config.blank.clone())),
            None if name == "company" => self
                .config
                .companies
                .get(&header.entity)
                .cloned()
                .ok_or_else(|| unknown("entity", &header.entity, "companies")),
            None if name == "account" => batch
                .called(&line.account, header.date)
                .code
                .map(str::to_owned)
                .ok_or_else(|| unknown("account", &line.account, "segments")),
            None => Err(unknown("segment", template, "segments")),
        }
    }
}

fn amounts(row: &mut Row, (debit, credit): (usize, usize), side: Side, money: Money) {
    let column = match side {
        Side::Debit => debit,
        Side::Credit => credit,
    };
    row.set(column, written::amount_of(money));
}
