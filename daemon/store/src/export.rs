//! Batches, artifacts and deliveries.
//!
//! A batch takes its entries and numbers ([`crate::claim`]), is rendered outside any transaction, and its
//! artifact is stored whole ([`crate::artifact`]) before anything is sent. The keys of `batch_range` are what
//! keeps an entry out of a second batch of the same target. What state a batch is in is said by the view
//! `batch_state` and nowhere else; what a person decides about it is a row of its own ([`crate::decision`]).

use crate::intake::Stamp;
use crate::record::{Span, kinds};
use crate::{Snapshot, StoreError, Tx};
use chrono::{DateTime, Utc};
use sqlx_macros::FromRow;

/// How an attempt to deliver a batch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryKind {
    /// The artifact lies whole where the ERP takes it from.
    Delivered,
    /// The ERP says that it has booked it.
    Acknowledged,
    /// The ERP refuses it.
    Rejected,
    /// Nobody knows, or it can be tried again as it is.
    Unknown,
}

/// The state of a batch whose entries were given back to be exported anew.
pub const RELEASED: i64 = 5;

impl DeliveryKind {
    /// The number in the store.
    pub const fn number(self) -> i64 {
        match self {
            Self::Delivered => 1,
            Self::Acknowledged => 2,
            Self::Rejected => 3,
            Self::Unknown => 4,
        }
    }

    /// The word for people; `unsent` for a batch without any attempt.
    pub const fn name_of(number: Option<i64>) -> &'static str {
        match number {
            Some(1) => "delivered",
            Some(2) => "acknowledged",
            Some(3) => "rejected",
            Some(RELEASED) => "released",
            Some(_) => "unknown",
            None => "unsent",
        }
    }
}

/// A batch that holds a given entry.
#[derive(Clone, Debug, FromRow)]
pub struct BatchOfEntry {
    /// The target's name.
    pub target: String,
    /// The batch's number within the target.
    pub number: i64,
    /// The batch's name outside.
    pub uuid: String,
    /// The file; empty while it is not rendered.
    pub artifact_name: String,
    /// Its state, as [`DeliveryKind::name_of`] calls it.
    pub state: Option<i64>,
    /// What the receiver said.
    pub message: Option<String>,
}

/// A batch by its outside name.
#[derive(Clone, Debug, FromRow)]
pub struct BatchRow {
    /// Its number in the store.
    pub id: i64,
    /// The target's name.
    pub target: String,
    /// Its number within the target.
    pub number: i64,
    /// The first entry.
    pub first_entry: i64,
    /// The last entry.
    pub last_entry: i64,
    /// Entries in it.
    pub entries: i64,
    /// Lines in it.
    pub lines: i64,
    /// The file.
    pub artifact_name: String,
    /// Its hash.
    pub artifact_hash: Vec<u8>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

impl Snapshot {
    /// All batches that ever held an entry.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn batches_of_entry(&self, entry: i64) -> Result<Vec<BatchOfEntry>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("export/batches_of_entry"))
            .bind(entry).fetch_all(db).await)?,
        )
    }

    /// The batch with this outside name.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn batch_by_uuid(&self, uuid: &str) -> Result<Option<BatchRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("export/batch_by_uuid"))
            .bind(uuid).fetch_optional(db).await)?,
        )
    }
}

impl Tx {
    /// The number of a target, made known when it is new.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn target_id(&mut self, name: &str, kind: &str) -> Result<i64, StoreError> {
        on_tx!(&mut *self, db => sqlx::query(sql!("export/upsert_target"))
            .bind(name).bind(kind).execute(db).await?.rows_affected());
        Ok(
            on_tx!(&mut *self, db => sqlx::query_scalar(sql!("export/target_id"))
            .bind(name).fetch_one(db).await)?,
        )
    }

    /// Records an attempt to deliver.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_delivery(
        &mut self,
        batch: i64,
        kind: DeliveryKind,
        message: &str,
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        let attempt: i64 = on_tx!(&mut *self, db => sqlx::query_scalar(sql!("export/insert_delivery"))
            .bind(batch).bind(kind.number()).bind(message).bind(stamp.now).bind(&stamp.actor)
            .fetch_one(db).await?);
        let span = Span::one(attempt).of(batch);
        self.seal_rows(&kinds::DELIVERY, span, stamp).await
    }
}
