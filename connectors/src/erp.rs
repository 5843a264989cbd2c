//! ERP connectors: one file each, registered by two lines here.
//!
//! Render is pure, deliver is not: the same batch gives the same bytes, and the bytes are stored
//! before they are sent.

pub mod csv; // 1 of 2
pub mod hledger; // 1 of 2
pub mod oracle_fusion; // 1 of 2

/// Every kind of ERP connector that this build knows, by name.
pub const KINDS: &[ErpKind] = &[
    csv::KIND,           // 2 of 2
    hledger::KIND,       // 2 of 2
    oracle_fusion::KIND, // 2 of 2
];

use crate::transport::{FileDrop, Placed, TransportError};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use ledger::{Chart, JournalEntry};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt::Debug;
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
    /// Control totals by entity and currency: what the receiver should find.
    pub fn totals(&self) -> BTreeMap<(String, ledger::Currency), ControlTotal> {
        let mut totals = BTreeMap::<(String, ledger::Currency), ControlTotal>::new();
        for item in &self.entries {
            let entity = &item.entry.header().entity;
            let mut touched = std::collections::BTreeSet::new();
            for line in item.entry.lines() {
                let currency = line.amount.currency();
                let total = totals.entry((entity.clone(), currency)).or_default();
                total.entries += i64::from(touched.insert(currency));
                total.lines += 1;
                let amount = i128::from(line.amount.amount());
                match line.side {
                    ledger::Side::Debit => total.debit += amount,
                    ledger::Side::Credit => total.credit += amount,
                }
            }
        }
        totals
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

/// What the ERP will read, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// The file's name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The ERP's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It has it; the text says where it can be asked about.
    Accepted(String),
    /// It refuses it.
    Rejected {
        /// What it said.
        reason: String,
    },
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

/// An ERP.
#[async_trait]
pub trait ErpConnector: Debug + Send + Sync {
    /// Renders the batch as the ERP reads it. The same batch always gives the same bytes.
    fn render(&self, batch: &ExportBatch) -> Result<Artifact, RenderError>;

    /// Hands the artifact over, at most once. `Ok` is the ERP's answer, whatever it is; `Err`
    /// means that nobody knows, and the call may be repeated with the same bytes.
    async fn deliver(
        &self,
        artifact: &Artifact,
        manifest: &str,
    ) -> Result<Delivery, TransportError>;

    /// Whether the ERP can be reached, without leaving anything there.
    async fn check(&self) -> Result<(), TransportError>;

    /// The way to ask what became of an accepted artifact, where the ERP has one.
    fn acknowledgements(&self) -> Option<&dyn Acknowledgements> {
        None
    }
}

/// An ERP that can be asked.
#[async_trait]
pub trait Acknowledgements: Send + Sync {
    /// The ERP's word on an artifact; `None` while it has none.
    async fn inquire(&self, receipt: &str) -> Result<Option<Delivery>, TransportError>;
}

/// An ERP that imports files. Implement this and the rest comes with it.
pub trait FileFormat: Debug + Send + Sync + 'static {
    /// Its options in the configuration.
    type Config: DeserializeOwned;

    /// Takes the options.
    fn new(config: Self::Config) -> Self
    where
        Self: Sized;

    /// Writes the file.
    ///
    /// # Errors
    /// [`RenderError`].
    fn render(&self, batch: &ExportBatch) -> Result<Artifact, RenderError>;
}

#[derive(Debug)]
struct FileErp<F> {
    format: F,
    drop: Arc<dyn FileDrop>,
}

#[async_trait]
impl<F: FileFormat> ErpConnector for FileErp<F> {
    fn render(&self, batch: &ExportBatch) -> Result<Artifact, RenderError> {
        self.format.render(batch)
    }

    async fn deliver(
        &self,
        artifact: &Artifact,
        manifest: &str,
    ) -> Result<Delivery, TransportError> {
        // The manifest first: whoever waits for the file finds its totals beside it.
        let manifest_name = format!("{}.manifest.json", artifact.name);
        for (name, bytes) in [
            (&manifest_name, manifest.as_bytes()),
            (&artifact.name, artifact.bytes.as_slice()),
        ] {
            if self.drop.put(name, bytes).await? == Placed::Occupied {
                let reason = format!(
                    "another `{name}` lies in {}; move it away and export again",
                    self.drop.peer()
                );
                return Ok(Delivery::Rejected { reason });
            }
        }
        Ok(Delivery::Accepted(format!(
            "{}/{}",
            self.drop.peer(),
            artifact.name
        )))
    }

    async fn check(&self) -> Result<(), TransportError> {
        self.drop.check().await
    }
}

/// What the host lends a connector when it opens.
#[derive(Clone, Debug)]
pub struct Host {
    /// Where files go.
    pub drop: Arc<dyn FileDrop>,
}

/// Why a connector does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The options are not those of this kind.
    #[error("the options of kind `{kind}` are not valid: {source}")]
    Config {
        /// The kind.
        kind: &'static str,
        /// What is wrong.
        source: serde_json::Error,
    },
}

/// A kind of connector, before any is configured.
#[derive(Clone, Copy)]
pub struct ErpKind {
    /// The name in the configuration.
    pub id: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Options as YAML, as the documentation shows them.
    pub example: &'static str,
    open: fn(&'static str, serde_json::Value, &Host) -> Result<Box<dyn ErpConnector>, OpenError>,
}

impl Debug for ErpKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ErpKind")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl ErpKind {
    /// A kind that imports files.
    pub const fn file<F: FileFormat>(
        id: &'static str,
        title: &'static str,
        example: &'static str,
    ) -> Self {
        Self {
            id,
            title,
            example,
            open: open_file::<F>,
        }
    }

    /// A kind by its name.
    pub fn find(id: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.id == id)
    }

    /// Opens a connector with its options.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(
        &self,
        options: serde_json::Value,
        host: &Host,
    ) -> Result<Box<dyn ErpConnector>, OpenError> {
        (self.open)(self.id, options, host)
    }
}

fn open_file<F: FileFormat>(
    kind: &'static str,
    options: serde_json::Value,
    host: &Host,
) -> Result<Box<dyn ErpConnector>, OpenError> {
    let config =
        serde_json::from_value(options).map_err(|source| OpenError::Config { kind, source })?;
    Ok(Box::new(FileErp {
        format: F::new(config),
        drop: Arc::clone(&host.drop),
    }))
}
