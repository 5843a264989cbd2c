//! Event sources. A source brings bytes with their positions; it never says what they mean.

pub mod encoding;
pub mod file;
pub mod kafka;
pub mod redis;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use formats::envelope::Wrapped;
use ledger::Class;
use ledger::bounds::Whole;
use std::collections::BTreeMap;
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
            events: 10_000,
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
    pub payload: Bytes,
    /// What was sent, where the event was made of it: what is kept when it turns out to be none.
    pub sent: Option<Bytes>,
    /// Why the source itself could not read it.
    pub problem: Option<Problem>,
}

impl RawEvent {
    /// An event that the source could read.
    pub fn new(position: i64, payload: impl Into<Bytes>) -> Self {
        Self {
            position,
            payload: payload.into(),
            sent: None,
            problem: None,
        }
    }

    /// An event that an envelope made of a message.
    pub fn wrapped(position: i64, wrapped: Wrapped) -> Self {
        let payload = Bytes::from(wrapped.event);
        Self {
            position,
            sent: Some(payload.slice(wrapped.message)),
            payload,
            problem: None,
        }
    }

    /// Bytes that are no event.
    pub fn unreadable(position: i64, payload: impl Into<Bytes>, problem: Problem) -> Self {
        Self {
            position,
            payload: payload.into(),
            sent: None,
            problem: Some(problem),
        }
    }
}

/// What is wrong with bytes, and what came with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Why they are no event.
    pub reason: String,
    /// The message's headers, as a JSON object of texts, where it had any.
    pub headers: Option<String>,
    /// What the payload is the head of, where the source did not keep all of it.
    pub whole: Option<Whole>,
}

impl Problem {
    /// Bytes that are all there.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            headers: None,
            whole: None,
        }
    }
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
    /// When the oldest of them came into the source, where it says so.
    pub oldest: Option<DateTime<Utc>>,
}

/// How a source stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceState {
    /// Events that wait, by partition.
    pub lag: BTreeMap<String, i64>,
    /// How often partitions changed hands.
    pub rebalances: u64,
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
    /// What there is now, at most one batch per partition; nothing when there is nothing for now. A
    /// source that has something does not wait for more.
    async fn poll(&mut self, checkpoints: &dyn Checkpoints)
    -> Result<Vec<EventBatch>, SourceError>;

    /// Says that everything up to here is in the journal. A courtesy: the source may forget it.
    async fn release(&mut self, partition: &str, through: i64) -> Result<(), SourceError>;

    /// Says that the ledger's checkpoint of a partition was moved by somebody else: what was read of
    /// it does not count, and if it is still this source's to read, it starts at the checkpoint again.
    async fn fenced(&mut self, partition: &str) -> Result<(), SourceError>;

    /// How far behind it is.
    fn state(&self) -> SourceState;
}

impl SourceError {
    /// What this error asks for.
    pub const fn class(&self) -> Class {
        match self {
            Self::Unavailable { .. } | Self::Checkpoint(_) => Class::Retry,
            Self::Broken { .. } => Class::Stop,
        }
    }
}
