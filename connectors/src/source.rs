//! Event sources. A source brings bytes with their positions; it never says what they mean.

pub mod file;
pub mod kafka;

use async_trait::async_trait;
use std::fmt::Debug;

/// The most that one batch brings.
#[derive(Clone, Copy, Debug)]
pub struct BatchLimit {
    /// Events.
    pub events: usize,
    /// Bytes of payload.
    pub bytes: usize,
}

impl Default for BatchLimit {
    fn default() -> Self {
        Self {
            events: 2_000,
            bytes: 16 << 20,
        }
    }
}

/// One event as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawEvent {
    /// Its place in the partition: byte offset of its line, Kafka offset.
    pub position: i64,
    /// The event in CloudEvents' structured JSON form, or the bytes that could not be read.
    pub payload: Vec<u8>,
    /// Why the source itself could not read it.
    pub problem: Option<String>,
}

/// Consecutive events of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventBatch {
    /// The partition.
    pub partition: String,
    /// The checkpoint at which the batch starts.
    pub from: i64,
    /// The checkpoint after it.
    pub through: i64,
    /// The events, in order. May be empty where a source skips what holds no event.
    pub events: Vec<RawEvent>,
}

/// Why a source cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The source cannot be reached or read now; trying again may help.
    #[error("source `{name}` is unavailable")]
    Unavailable {
        /// The file or broker.
        name: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What the source holds cannot be what the checkpoint says: somebody has to look.
    #[error("source `{name}`: {what}")]
    Broken {
        /// The file or partition.
        name: String,
        /// What is wrong and what to do.
        what: String,
    },
    /// The ledger's checkpoint cannot be read.
    #[error("the checkpoint cannot be read")]
    Checkpoint(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Where the ledger's own checkpoints are read: they decide where a source starts.
#[async_trait]
pub trait Checkpoints: Send + Sync {
    /// The position after the last event taken from a partition; 0 for none.
    async fn position(&self, partition: &str) -> Result<i64, SourceError>;
}

/// A source of events.
#[async_trait]
pub trait EventSource: Debug + Send {
    /// The next events, or `None` when there are none for now.
    async fn poll(
        &mut self,
        checkpoints: &dyn Checkpoints,
    ) -> Result<Option<EventBatch>, SourceError>;

    /// Says that everything up to here is in the journal. A courtesy: the source may forget it.
    async fn release(&mut self, partition: &str, through: i64) -> Result<(), SourceError>;
}
