//! What waits for somebody: events that are suspended, and events that came again with other content.

use crate::{Snapshot, StoreError, Tx};
use chrono::{DateTime, Utc};
use sqlx_macros::FromRow;

/// An event that is suspended.
#[derive(Clone, Debug, FromRow)]
pub struct SuspendedItem {
    /// Its number.
    pub id: i64,
    /// Its type.
    pub event_type: String,
    /// The configured source.
    pub source: String,
    /// Its partition.
    pub partition_name: String,
    /// The position in it.
    pub position: i64,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// Why it waits.
    pub reason: Option<String>,
    /// The rule that suspended it.
    pub rule: Option<String>,
    /// Its bytes.
    pub payload: Vec<u8>,
}

/// Suspended events of one reason, rule and type.
#[derive(Clone, Debug, FromRow)]
pub struct SuspendedGroup {
    /// Why they wait.
    pub reason: String,
    /// The rule that suspended them; empty where none did.
    pub rule: String,
    /// Their type.
    pub event_type: String,
    /// How many there are.
    pub events: i64,
    /// The first of them.
    pub first_event: i64,
    /// When the first of them happened.
    pub since: DateTime<Utc>,
}

/// An event that came again with other content; the first content stands in the books.
#[derive(Clone, Debug, FromRow)]
pub struct ConflictRow {
    /// Its number.
    pub id: i64,
    /// The event that came first.
    pub event_id: i64,
    /// The type of that event.
    pub event_type: String,
    /// The source that brought the other content.
    pub source: String,
    /// The partition.
    pub partition_name: String,
    /// The position.
    pub position: i64,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// The source of the first.
    pub first_source: String,
    /// Its position.
    pub first_position: i64,
    /// When the first came.
    pub first_received_at: DateTime<Utc>,
    /// Who said that the first content stands.
    pub accepted_by: Option<String>,
    /// Why.
    pub accepted_why: Option<String>,
}

/// A conflict with both contents.
#[derive(Clone, Debug, FromRow)]
pub struct Conflict {
    /// What is known of it.
    #[sqlx(flatten)]
    pub row: ConflictRow,
    /// The bytes that came first.
    pub first_payload: Vec<u8>,
    /// The bytes that came again.
    pub payload: Option<Vec<u8>>,
}

impl Snapshot {
    /// Suspended events after one, in their order; at most so many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn suspended_after(
        &self,
        after: i64,
        limit: i64,
    ) -> Result<Vec<SuspendedItem>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("waiting/suspended"))
            .bind(after).bind(limit).fetch_all(db).await?),
        )
    }

    /// How many suspended events there are of each reason, rule and type.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn suspended_groups(&self) -> Result<Vec<SuspendedGroup>, StoreError> {
        Ok(on_snapshot!(self, db =>
            sqlx::query_as(sql!("waiting/suspended_groups")).fetch_all(db).await?))
    }

    /// Conflicts of which nobody has said that the first content stands; with `all` the others too. At most so
    /// many, the first first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn conflicts(&self, all: bool, limit: i64) -> Result<Vec<ConflictRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("waiting/conflict_rows"))
            .bind(i64::from(all)).bind(limit).fetch_all(db).await?),
        )
    }

    /// All conflicts by their numbers, each with the event that came first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn conflict_events(&self) -> Result<Vec<(i64, i64)>, StoreError> {
        Ok(on_snapshot!(self, db =>
            sqlx::query_as(sql!("waiting/conflict_events")).fetch_all(db).await?))
    }

    /// One conflict, with both contents.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn conflict(&self, id: i64) -> Result<Option<Conflict>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("waiting/conflict"))
            .bind(id).fetch_optional(db).await?),
        )
    }

    /// How many conflicts nobody has accepted.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn open_conflicts(&self) -> Result<i64, StoreError> {
        Ok(on_snapshot!(self, db =>
            sqlx::query_scalar(sql!("waiting/open_conflicts")).fetch_one(db).await?))
    }
}

impl Tx {
    /// The hash of a conflict's content, and whether it was accepted; none where there is no such conflict.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn conflict_seen(&mut self, id: i64) -> Result<Option<(Vec<u8>, bool)>, StoreError> {
        let found: Option<(Vec<u8>, i64)> = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("waiting/conflict_seen")).bind(id).fetch_optional(db).await?);
        Ok(found.map(|(hash, accepted)| (hash, accepted == 1)))
    }
}
