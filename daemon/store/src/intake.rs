//! Intake and posting: events, outcomes, entries, balances, chain and checkpoints in one
//! transaction.
//!
//! [`IntakeBatch`]es are what comes in. `writer::Writer` writes them: it decides how, and
//! settles what a lost answer left open. `prepare.rs` makes rows of decisions, on the threads that decide;
//! `arrivals.rs` tells what is new from what is known, `sort.rs` gives each new event its one outcome, both
//! without asking anybody; `take.rs` is the transaction, statement by statement, which `ahead.rs` may begin
//! before its turn.

use crate::StoreError;
pub use crate::prepare::{IntakePart, Local, ReadEvent, Reading, Unreadable};
use chrono::{DateTime, Utc};
use ledger::Hash;
use sqlx_macros::FromRow;

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
    pub parts: Vec<IntakePart>,
}

impl IntakeBatch {
    /// How many inputs there are.
    pub fn inputs(&self) -> usize {
        self.parts.iter().map(IntakePart::len).sum()
    }
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
    /// Of the suspended ones, those that the books may answer: they take entries back, or fall into a closed period.
    #[serde(skip)]
    pub asking: i64,
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
        self.asking += other.asking;
    }
}

/// A suspended event, to be tried again.
#[derive(Clone, Debug, FromRow)]
pub struct SuspendedEvent {
    /// Its number.
    pub id: i64,
    /// Its bytes.
    pub payload: Vec<u8>,
    /// When it came.
    pub received_at: DateTime<Utc>,
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
