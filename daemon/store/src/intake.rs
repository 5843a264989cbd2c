//! Intake and posting: events, outcomes, entries, balances, chain and checkpoints in one
//! transaction.
//!
//! [`IntakeBatch`]es are what comes in. [`crate::writer::Writer`] writes them: it decides how, and
//! settles what a lost answer left open. `sort.rs` gives every item its one outcome without asking
//! anybody; `take.rs` is the transaction, statement by statement.

use crate::StoreError;
use chrono::{DateTime, Utc};
use ledger::{Decision, Dimensions, EventKey, Hash, Posting};
use sqlx::FromRow;

/// An event that could be read.
#[derive(Clone, Debug)]
pub struct ReadEvent {
    /// The identity.
    pub key: EventKey,
    /// The hash over its canonical content.
    pub content: Hash,
    /// The event's `source`.
    pub origin: String,
    /// The event's `type`.
    pub event_type: String,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// The bytes as received.
    pub payload: Vec<u8>,
}

/// An event with what a rule decided about it, ready to be written: everything that needs no
/// number from the books is computed here, on whichever thread decided.
#[derive(Clone, Debug)]
pub struct DecidedEvent {
    pub(crate) event: ReadEvent,
    pub(crate) decision: PreparedDecision,
}

impl DecidedEvent {
    /// Prepares an event and its decision.
    pub fn new(event: ReadEvent, decision: Decision) -> Self {
        let decision = PreparedDecision::new(decision);
        Self { event, decision }
    }
}

/// A decision whose entries have their hashes.
#[derive(Clone, Debug)]
pub(crate) enum PreparedDecision {
    Posted {
        rule: String,
        entries: Vec<PreparedEntry>,
    },
    Ignored {
        rule: String,
    },
    Suspended {
        rule: Option<String>,
        reason: String,
    },
}

/// An entry, its hash, and per line the hash of its dimensions; zeros for none.
#[derive(Clone, Debug)]
pub(crate) struct PreparedEntry {
    pub(crate) posting: Posting,
    pub(crate) hash: Hash,
    pub(crate) dimension_sets: Vec<Hash>,
}

impl PreparedDecision {
    pub(crate) fn new(decision: Decision) -> Self {
        match decision {
            Decision::Posted { rule, postings } => Self::Posted {
                rule,
                entries: postings.into_iter().map(PreparedEntry::new).collect(),
            },
            Decision::Ignored { rule, .. } => Self::Ignored { rule },
            Decision::Suspended { rule, reason } => Self::Suspended { rule, reason },
        }
    }
}

impl PreparedEntry {
    pub(crate) fn new(posting: Posting) -> Self {
        let dimension_sets = posting
            .entry
            .lines()
            .iter()
            .map(|line| dimension_hash(&line.dimensions))
            .collect();
        Self {
            hash: posting.entry.hash(),
            posting,
            dimension_sets,
        }
    }
}

/// The hash under which a set of dimensions is known; zeros for none.
fn dimension_hash(dimensions: &Dimensions) -> Hash {
    if dimensions.is_empty() {
        return Hash::ZERO;
    }
    // A map of texts always has a JSON form.
    Hash::of(&serde_json::to_vec(dimensions).unwrap_or_default())
}

/// One input with its place in the source.
#[derive(Clone, Debug)]
pub struct IntakeItem {
    /// Its position: byte offset, Kafka offset or running number.
    pub position: i64,
    /// What became of it.
    pub content: IntakeContent,
}

/// Whether bytes are an event.
#[derive(Clone, Debug)]
pub enum IntakeContent {
    /// They are.
    Event(Box<DecidedEvent>),
    /// They are not: kept whole.
    Unreadable {
        /// The bytes.
        raw: Vec<u8>,
        /// What came with them: a message's headers as a JSON object.
        headers: Option<String>,
        /// Why.
        reason: String,
    },
}

/// A run of inputs from one partition of a source.
#[derive(Clone, Debug)]
pub struct IntakeBatch {
    /// The source's name in the configuration.
    pub source: String,
    /// Its kind: `file`, `kafka`, `http`.
    pub source_kind: String,
    /// The partition: file, topic and number.
    pub partition: String,
    /// Where the checkpoint stood when the caller read it.
    pub from: i64,
    /// Where it stands after this batch.
    pub through: i64,
    /// The inputs in order.
    pub items: Vec<IntakeItem>,
    /// The mapping version that decided.
    pub mapping: Hash,
}

/// Who writes, and when.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// The time.
    pub now: DateTime<Utc>,
    /// The person or job.
    pub actor: String,
}

/// What became of a batch, in counts. `received` is the sum of the next six.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct IntakeSummary {
    /// Inputs taken.
    pub received: i64,
    /// Events posted.
    pub posted: i64,
    /// Events that a rule ignores.
    pub ignored: i64,
    /// Events that wait for a cure.
    pub suspended: i64,
    /// Seen before, with equal content.
    pub duplicates: i64,
    /// Seen before, with other content.
    pub conflicts: i64,
    /// Bytes that are no event.
    pub quarantined: i64,
    /// Entries made.
    pub entries: i64,
}

impl IntakeSummary {
    /// Adds another batch's counts.
    pub fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.posted += other.posted;
        self.ignored += other.ignored;
        self.suspended += other.suspended;
        self.duplicates += other.duplicates;
        self.conflicts += other.conflicts;
        self.quarantined += other.quarantined;
        self.entries += other.entries;
    }
}

/// A suspended event, to be tried again.
#[derive(Clone, Debug, FromRow)]
pub struct SuspendedEvent {
    /// Its number.
    pub id: i64,
    /// Its bytes.
    pub payload: Vec<u8>,
    /// Why it waits.
    pub reason: Option<String>,
}

impl crate::Store {
    /// Where the checkpoint of a partition stands; 0 when nothing was taken yet.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn checkpoint(&self, source: &str, partition: &str) -> Result<i64, StoreError> {
        let row: Option<(i64, i64)> = on_pool!(self, db => sqlx::query_as(sql!("intake/partition"))
            .bind(source).bind(partition).fetch_optional(db).await?);
        Ok(row.map_or(0, |(_, position)| position))
    }

    /// The next suspended events after one, in order.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn suspended_after(
        &self,
        after: i64,
        limit: i64,
    ) -> Result<Vec<SuspendedEvent>, StoreError> {
        Ok(
            on_pool!(self, db => sqlx::query_as(sql!("intake/suspended"))
            .bind(after).bind(limit).fetch_all(db).await)?,
        )
    }

    /// The mapping version with which all suspended events were last decided again.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn retried(&self) -> Result<Option<Hash>, StoreError> {
        let found: Option<Vec<u8>> = on_pool!(self, db =>
            sqlx::query_scalar(sql!("intake/retried")).fetch_one(db).await?);
        Ok(found.and_then(|bytes| Hash::from_slice(&bytes)))
    }
}

impl crate::Tx {
    /// Notes that all suspended events were decided again with a version of the mapping.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn set_retried(&mut self, mapping: Hash) -> Result<(), StoreError> {
        on_tx!(&mut *self, db => sqlx::query(sql!("intake/set_retried"))
            .bind(mapping.as_bytes().as_slice()).execute(db).await?.rows_affected());
        Ok(())
    }
}
