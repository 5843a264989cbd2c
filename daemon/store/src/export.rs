//! Batches, artifacts and deliveries.
//!
//! A batch, its entries and its artifact are written in one transaction, before anything is sent;
//! the key of `batch_entry` is what keeps an entry out of a second batch of the same target.

use crate::bulk::Kind::Int;
use crate::bulk::{Field, Table};
use crate::intake::Stamp;
use crate::{Snapshot, StoreError, Tx};
use chrono::{DateTime, Utc};
use ledger::Hash;
use sqlx::FromRow;

/// How the newest attempt to deliver a batch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryKind {
    /// The artifact lies whole where the ERP takes it from.
    Delivered,
    /// The ERP says that it has booked it.
    Acknowledged,
    /// The ERP refuses it.
    Rejected,
    /// Nobody knows.
    Unknown,
}

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
            Some(_) => "unknown",
            None => "unsent",
        }
    }
}

/// A batch to be written, with the entries that it consumes.
#[derive(Clone, Debug)]
pub struct NewBatch {
    /// Its number in the store.
    pub id: i64,
    /// Its name outside.
    pub uuid: String,
    /// The target.
    pub target_id: i64,
    /// Its running number within the target.
    pub number: i64,
    /// The entries, in order.
    pub entries: Vec<i64>,
    /// How many lines they have.
    pub lines: i64,
    /// The file's name.
    pub artifact_name: String,
    /// The file's bytes.
    pub artifact: Vec<u8>,
    /// The manifest, as JSON.
    pub manifest: String,
}

/// A batch that is not delivered yet.
#[derive(Clone, Debug, FromRow)]
pub struct PendingBatch {
    /// Its number in the store.
    pub id: i64,
    /// Its name outside.
    pub uuid: String,
    /// Its running number within the target.
    pub number: i64,
    /// Entries in it.
    pub entries: i64,
    /// Lines in it.
    pub lines: i64,
    /// The file's name.
    pub artifact_name: String,
    /// The hash of the file's bytes.
    pub artifact_hash: Vec<u8>,
    /// The bytes.
    pub artifact: Vec<u8>,
    /// The manifest.
    pub manifest: String,
    /// How often it was tried.
    pub attempts: i64,
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
    /// The file.
    pub artifact_name: String,
    /// Its hash.
    pub artifact_hash: Vec<u8>,
    /// The number of its [`DeliveryKind`].
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

/// A stored artifact, to be checked against its hash.
#[derive(Clone, Debug, FromRow)]
pub struct ArtifactRow {
    /// The batch.
    pub id: i64,
    /// The file.
    pub artifact_name: String,
    /// Its hash.
    pub artifact_hash: Vec<u8>,
    /// Its bytes.
    pub artifact: Vec<u8>,
}

impl Snapshot {
    /// The batches that hold an entry.
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

    /// Entries that no batch of the target holds.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn pending_entries(&self, target: i64, limit: i64) -> Result<Vec<i64>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_scalar(sql!("export/pending"))
            .bind(target).bind(limit).fetch_all(db).await)?,
        )
    }

    /// Batches that have neither been delivered nor refused.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn undelivered(&self, target: i64) -> Result<Vec<PendingBatch>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("export/undelivered"))
            .bind(target).fetch_all(db).await)?,
        )
    }

    /// All artifacts.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn artifacts(&self) -> Result<Vec<ArtifactRow>, StoreError> {
        Ok(on_snapshot!(self, db => sqlx::query_as(sql!("export/artifacts")).fetch_all(db).await)?)
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

    /// The next batch id, and the next number within the target.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn next_batch(&mut self, target: i64) -> Result<(i64, i64), StoreError> {
        Ok(
            on_tx!(&mut *self, db => sqlx::query_as(sql!("export/next_batch"))
            .bind(target).fetch_one(db).await)?,
        )
    }

    /// Writes a batch, its artifact and what it consumes.
    ///
    /// # Errors
    /// [`StoreError::Database`], also when an entry already is in a batch of this target.
    pub async fn insert_batch(
        &mut self,
        batch: &NewBatch,
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        let hash = Hash::of(&batch.artifact);
        let entries = i64::try_from(batch.entries.len()).unwrap_or(i64::MAX);
        on_tx!(&mut *self, db => sqlx::query(sql!("export/insert_batch"))
            .bind(batch.id).bind(&batch.uuid).bind(batch.target_id).bind(batch.number)
            .bind(batch.entries.first().copied().unwrap_or(0))
            .bind(batch.entries.last().copied().unwrap_or(0))
            .bind(entries).bind(batch.lines).bind(stamp.now).bind(&stamp.actor)
            .bind(&batch.artifact_name).bind(hash.as_bytes().as_slice())
            .bind(batch.artifact.as_slice()).bind(&batch.manifest).execute(db).await?.rows_affected());
        const ENTRIES: Table<3> = Table {
            name: "batch_entry",
            columns: [("target_id", Int), ("entry_id", Int), ("batch_id", Int)],
        };
        let rows = batch.entries.iter().map(|entry| {
            [
                Field::Int(batch.target_id),
                Field::Int(*entry),
                Field::Int(batch.id),
            ]
        });
        self.insert(ENTRIES, rows).await
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
        on_tx!(&mut *self, db => sqlx::query(sql!("export/insert_delivery"))
            .bind(batch).bind(kind.number()).bind(message).bind(stamp.now).bind(&stamp.actor)
            .execute(db).await?.rows_affected());
        Ok(())
    }
}
