//! Bytes that are no event, and what people decided about them.

use crate::intake::Stamp;
use crate::record::{Span, kinds};
use crate::{Snapshot, StoreError, Tx};
use chrono::{DateTime, Utc};
use sqlx_macros::FromRow;

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuarantineDecision {
    /// They are an event now, and it was taken.
    Replayed,
    /// They will never be one.
    Discarded,
}

impl QuarantineDecision {
    const fn number(self) -> i64 {
        match self {
            Self::Replayed => 1,
            Self::Discarded => 2,
        }
    }

    /// The word for a stored decision; `waiting` for none.
    pub const fn name_of(number: Option<i64>) -> &'static str {
        match number {
            Some(1) => "replayed",
            Some(2) => "discarded",
            _ => "waiting",
        }
    }
}

/// Bytes in quarantine.
#[derive(Clone, Debug, FromRow)]
pub struct QuarantineItem {
    /// Their number.
    pub id: i64,
    /// The source.
    pub source: String,
    /// The partition: a file, a topic and its partition.
    pub partition_name: String,
    /// The position: a byte offset, a Kafka offset.
    pub position: i64,
    /// Why they are no event.
    pub reason: String,
    /// The bytes, or their head: in a list no more than [`GLANCE_BYTES`].
    pub raw: Vec<u8>,
    /// How many bytes came.
    pub length: i64,
    /// The SHA-256 of all of them, where only the head was kept.
    pub whole_hash: Option<Vec<u8>>,
    /// The message's headers, as a JSON object.
    pub headers: Option<String>,
    /// When they came.
    pub received_at: DateTime<Utc>,
    /// 1 replayed, 2 discarded; none while they wait.
    pub decision: Option<i64>,
    /// Why it was decided so.
    pub why: Option<String>,
    /// By whom.
    pub decided_by: Option<String>,
}

/// How many bytes of an item a list shows.
pub const GLANCE_BYTES: i64 = 240;

/// The first of those that wait, and how many they are.
#[derive(Clone, Debug, FromRow)]
pub struct QuarantineWaiting {
    /// The number of the first.
    pub id: i64,
    /// Its partition.
    pub partition_name: String,
    /// Its position there.
    pub position: i64,
    /// How many wait.
    pub waiting: i64,
}

impl Snapshot {
    /// All of it at a glance.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn quarantine(&self) -> Result<Vec<QuarantineItem>, StoreError> {
        self.glance(1).await
    }

    /// What nobody decided about yet, at a glance.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn quarantined(&self) -> Result<Vec<QuarantineItem>, StoreError> {
        self.glance(0).await
    }

    async fn glance(&self, decided: i64) -> Result<Vec<QuarantineItem>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("quarantine/list"))
            .bind(decided).bind(GLANCE_BYTES).fetch_all(db).await)?,
        )
    }

    /// One with all its bytes that were kept.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn quarantine_item(&self, id: i64) -> Result<Option<QuarantineItem>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("quarantine/one"))
            .bind(id).fetch_optional(db).await)?,
        )
    }

    /// How much waits; none where nothing does.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn quarantine_waiting(&self) -> Result<Option<QuarantineWaiting>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("quarantine/waiting"))
            .fetch_optional(db).await)?,
        )
    }
}

impl Tx {
    /// Records a decision; false when there is one already.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn decide_quarantine(
        &mut self,
        id: i64,
        decision: QuarantineDecision,
        why: &str,
        stamp: &Stamp,
    ) -> Result<bool, StoreError> {
        let done = on_tx!(&mut *self, db => sqlx::query(sql!("quarantine/decide"))
            .bind(id).bind(decision.number()).bind(why).bind(stamp.now).bind(&stamp.actor)
            .execute(db).await?.rows_affected());
        if done == 1 {
            self.seal_rows(&kinds::QUARANTINE_DECISION, Span::one(id), stamp)
                .await?;
        }
        Ok(done == 1)
    }
}
