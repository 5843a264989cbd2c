//! File formats that ERPs import. Pure: entries in, bytes out.
//!
//! The same batch gives the same bytes: no clock, no random name, no order of a hash map. How the
//! file reaches the ERP is not known here.

mod apart;
mod charset;
mod columns;
mod company;
mod declared;
pub mod limits;
pub mod mapped;
mod packed;
pub mod summary;
mod written;
pub mod xml;

pub mod beancount; // 1 of 2
pub mod csv; // 1 of 2
pub mod datev; // 1 of 2
pub mod dynamics_fo; // 1 of 2
pub mod fec; // 1 of 2
pub mod gnucash; // 1 of 2
pub mod hledger; // 1 of 2
pub mod ledger; // 1 of 2
pub mod netsuite_csv; // 1 of 2
pub mod oracle_fusion; // 1 of 2
pub mod parquet; // 1 of 2
pub mod saft_no; // 1 of 2
pub mod sap_csv; // 1 of 2
pub mod sie4; // 1 of 2
pub mod template; // 1 of 2
pub mod workday_eib; // 1 of 2
pub mod xlsx; // 1 of 2

/// Every file format that this build writes, by name.
pub const KINDS: &[FileKind] = &[
    beancount::KIND,     // 2 of 2
    csv::KIND,           // 2 of 2
    datev::KIND,         // 2 of 2
    dynamics_fo::KIND,   // 2 of 2
    fec::KIND,           // 2 of 2
    gnucash::KIND,       // 2 of 2
    hledger::KIND,       // 2 of 2
    ledger::KIND,        // 2 of 2
    netsuite_csv::KIND,  // 2 of 2
    oracle_fusion::KIND, // 2 of 2
    parquet::KIND,       // 2 of 2
    saft_no::KIND,       // 2 of 2
    sap_csv::KIND,       // 2 of 2
    sie4::KIND,          // 2 of 2
    template::KIND,      // 2 of 2
    workday_eib::KIND,   // 2 of 2
    xlsx::KIND,          // 2 of 2
];

use crate::OptionsError;
use ::ledger::{AccountType, Chart, JournalEntry, Labels};
use chrono::{DateTime, NaiveDate, Utc};
use limits::Limits;
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io::Write;
use std::sync::Arc;

/// Entries that leave together and are answered together.
#[derive(Clone, Debug)]
pub struct ExportBatch {
    /// The batch's name outside: a UUID.
    pub id: String,
    /// Its running number within the target.
    pub number: i64,
    /// The target's name.
    pub target: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// The entries, in the order of the journal.
    pub entries: Vec<ExportEntry>,
    /// The chart that the entries' accounts stand in.
    pub chart: Arc<Chart>,
    /// What they are called on which day.
    pub labels: Arc<Labels>,
    /// What the target calls them, where a table says so.
    pub accounts: Option<Arc<dyn AccountTable>>,
}

/// A table of what a target calls accounts, from day to day.
pub trait AccountTable: Debug + Send + Sync {
    /// The target's code of an account on a day; none where the table says none, which is an error of the table.
    fn code(&self, account: &str, on: NaiveDate) -> Option<&str>;
}

/// What an account is called on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Called<'b> {
    /// Its name.
    pub account: &'b str,
    /// Its code; none for an account that neither the books nor the chart have, or that the target's table lacks.
    pub code: Option<&'b str>,
    /// Its type, where the chart has it.
    pub kind: Option<AccountType>,
}

/// An entry with its number in the journal.
#[derive(Clone, Debug)]
pub struct ExportEntry {
    /// The number.
    pub id: i64,
    /// Its document number, without a gap per entity and fiscal year: `eu-2026-000017`.
    pub document: String,
    /// The code of its period.
    pub period: String,
    /// The entry.
    pub entry: JournalEntry,
}

/// What an entity's entries sum to in one currency, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ControlTotal {
    /// Entries with a line in this currency.
    pub entries: i64,
    /// Lines.
    pub lines: i64,
    /// Sum of debits.
    pub debit: i128,
    /// Sum of credits.
    pub credit: i128,
}

impl ExportBatch {
    /// What the account of an entry's line is called on the day of that entry.
    pub fn called<'b>(&'b self, account: &'b str, on: NaiveDate) -> Called<'b> {
        let found = self.chart.find(account);
        let label = self.labels.on(account, on);
        let name = label.map_or(account, |label| &label.account);
        let own = || {
            let code = label.map(|label| label.code.as_str());
            code.or_else(|| found.map(|found| found.code.as_str()))
        };
        Called {
            account: name,
            code: match &self.accounts {
                Some(table) => table.code(name, on),
                None => own(),
            },
            kind: found.map(|found| found.kind),
        }
    }

    /// Control totals by entity and currency: what the receiver should find.
    pub fn totals(&self) -> BTreeMap<(String, ::ledger::Currency), ControlTotal> {
        let mut totals = BTreeMap::<(&str, ::ledger::Currency), ControlTotal>::new();
        let mut touched = Vec::new();
        for item in &self.entries {
            let entity = item.entry.header().entity.as_str();
            touched.clear();
            for line in item.entry.lines() {
                let currency = line.amount.currency();
                let total = totals.entry((entity, currency)).or_default();
                if !touched.contains(&currency) {
                    touched.push(currency);
                    total.entries += 1;
                }
                total.lines += 1;
                let amount = i128::from(line.amount.amount());
                match line.side {
                    ::ledger::Side::Debit => total.debit += amount,
                    ::ledger::Side::Credit => total.credit += amount,
                }
            }
        }
        let totals = totals.into_iter();
        totals
            .map(|((entity, currency), total)| ((entity.to_owned(), currency), total))
            .collect()
    }

    /// How many lines all entries have.
    pub fn line_count(&self) -> usize {
        self.entries
            .iter()
            .map(|item| item.entry.lines().len())
            .sum()
    }

    /// A file name that says target and number: `tieout-books-000001.csv`.
    pub fn file_name(&self, ending: &str) -> String {
        format!("tieout-{}-{:06}.{ending}", self.target, self.number)
    }
}

/// Whether a text is of ASCII's printable signs alone, as most are: there is nothing to look at sign by sign.
pub(crate) fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// A text on one physical line: line breaks, tabs and other control characters become spaces.
pub(crate) fn one_line(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let breaks = |sign: char| sign.is_control() || matches!(sign, '\u{2028}' | '\u{2029}');
    text.chars()
        .map(|sign| if breaks(sign) { ' ' } else { sign })
        .collect()
}

/// A text in which line breaks and tabs stand, and no other control character.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let odd = |sign: char| sign.is_control() && !matches!(sign, '\n' | '\r' | '\t');
    if !is_plain(text) && text.contains(odd) {
        Cow::Owned(text.replace(odd, " "))
    } else {
        Cow::Borrowed(text)
    }
}

/// What the ERP will read, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// The file's name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Why a batch cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The configuration has no counterpart for something in the batch.
    #[error(
        "{what} `{name}` has no counterpart in the target; add it to `{option}` of the target's configuration"
    )]
    Unknown {
        /// The kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
        /// The option that should hold it.
        option: &'static str,
    },
    /// The target cannot hold a line as it is.
    #[error("line {line} of document `{document}` does not fit the target: {what}")]
    Unfit {
        /// The document number of the entry.
        document: String,
        /// Which of its lines, from 1.
        line: usize,
        /// What does not fit, and where.
        what: String,
    },
    /// A library refused.
    #[error("the batch cannot be written")]
    Write(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl RenderError {
    /// Wraps a library's error.
    pub fn write(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Write(error.into())
    }
}

/// A file format, written once: implement this and the rest comes with it.
pub trait FileFormat: Debug + Send + Sync + 'static {
    /// Its options in the configuration.
    type Config: DeserializeOwned;

    /// Takes the options.
    fn new(config: Self::Config) -> Self
    where
        Self: Sized;

    /// The file's name.
    fn name(&self, batch: &ExportBatch) -> String;

    /// Writes the file, from its first byte to its last: `out` keeps them while the rest is rendered.
    ///
    /// # Errors
    /// [`RenderError`].
    fn render(&self, batch: &ExportBatch, out: &mut dyn Write) -> Result<(), RenderError>;
}

/// A file format with its options.
pub trait Render: Debug + Send + Sync {
    /// The file's name.
    fn name(&self, batch: &ExportBatch) -> String;

    /// Writes the file. The same batch always gives the same bytes.
    ///
    /// # Errors
    /// [`RenderError`].
    fn render(&self, batch: &ExportBatch, out: &mut dyn Write) -> Result<(), RenderError>;

    /// The whole file in memory.
    ///
    /// # Errors
    /// [`RenderError`].
    fn artifact(&self, batch: &ExportBatch) -> Result<Artifact, RenderError> {
        let mut bytes = Vec::new();
        self.render(batch, &mut bytes)?;
        Ok(Artifact {
            name: self.name(batch),
            bytes,
        })
    }
}

impl<F: FileFormat> Render for F {
    fn name(&self, batch: &ExportBatch) -> String {
        FileFormat::name(self, batch)
    }

    fn render(&self, batch: &ExportBatch, out: &mut dyn Write) -> Result<(), RenderError> {
        FileFormat::render(self, batch, out)
    }
}

/// A registered file format, before any is configured.
#[derive(Clone, Copy)]
pub struct FileKind {
    /// The name in the configuration.
    pub id: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Options as YAML, as the documentation shows them.
    pub example: &'static str,
    /// What a target of this kind can hold.
    pub limits: Limits,
    open: fn(serde_json::Value) -> Result<Box<dyn Render>, serde_json::Error>,
}

impl Debug for FileKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileKind")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl FileKind {
    /// The registration of a format.
    pub const fn of<F: FileFormat>(
        id: &'static str,
        title: &'static str,
        example: &'static str,
    ) -> Self {
        Self {
            id,
            title,
            example,
            limits: Limits::NONE,
            open: |options| Ok(Box::new(F::new(serde_json::from_value(options)?))),
        }
    }

    /// The same with what it can hold.
    #[must_use]
    pub const fn holding(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// A format by its name.
    pub fn find(id: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.id == id)
    }

    /// The format with its options.
    ///
    /// # Errors
    /// [`OptionsError`] for options that the format does not know.
    pub fn open(&self, options: serde_json::Value) -> Result<Box<dyn Render>, OptionsError> {
        (self.open)(options).map_err(|source| OptionsError {
            kind: self.id,
            source,
        })
    }
}
