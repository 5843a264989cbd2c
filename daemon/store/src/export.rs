//! Batches, artifacts and deliveries.
//!
//! A batch takes its entries and numbers ([`crate::claim`]), is rendered outside any transaction, and its
//! artifact is stored whole ([`crate::artifact`]) before anything is sent. The keys of `batch_range` are what
//! keeps an entry out of a second batch of the same target. What state a batch is in is said by the view
//! `batch_state` and nowhere else; what a person decides about it is a row of its own ([`crate::decision`]).

use crate::bulk::Field;
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

/// The state of a document that the ERP has otherwise than it was sent.
pub const DIFFERS: i64 = 6;

/// The state of a batch that an export is at, or was when it died.
pub const SENDING: i64 = 7;

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
            Some(DIFFERS) => "differs",
            Some(SENDING) => "sending",
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
    /// The entry's document there, where the target answers one by one.
    pub document: String,
    /// What the target calls it.
    pub theirs: String,
    /// The document's state, as [`DeliveryKind::name_of`] calls it.
    pub document_state: Option<i64>,
    /// What the target said of it.
    pub words: Option<String>,
}

/// What a target said of a document of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAnswer {
    /// Which document of the batch, from 1.
    pub no: i64,
    /// 1 delivered, 2 acknowledged, 3 rejected, 4 unknown, 6 differs.
    pub state: i64,
    /// What the target calls it.
    pub theirs: String,
    /// What it said.
    pub words: String,
}

/// A batch, for somebody who wants to know where all of them are.
#[derive(Clone, Debug, FromRow)]
pub struct BatchStatus {
    /// The target's name.
    pub target: String,
    /// Its kind.
    pub kind: String,
    /// The number within the target.
    pub number: i64,
    /// The name outside.
    pub uuid: String,
    /// The file; empty while it is not rendered.
    pub artifact_name: String,
    /// Entries in it.
    pub entries: i64,
    /// Its state, as [`DeliveryKind::name_of`] calls it.
    pub state: Option<i64>,
    /// 1 when the next export sends it.
    pub due: i64,
    /// What the receiver said at its best attempt.
    pub message: String,
    /// When that was.
    pub attempted_at: Option<DateTime<Utc>>,
    /// Documents that the target answers one by one.
    pub documents: i64,
    /// Entries that it could not hold.
    pub held: i64,
}

/// A document that a target answers by itself.
#[derive(Clone, Debug, FromRow)]
pub struct DocumentRow {
    /// The target's name.
    pub target: String,
    /// The number of its batch within the target.
    pub batch_number: i64,
    /// The outside name of its batch.
    pub uuid: String,
    /// The document's number.
    pub document: String,
    /// The entry that it is.
    pub entry_id: i64,
    /// Its lines.
    pub lines: i64,
    /// The ISO number of the currency of its entity's books.
    pub currency_id: i64,
    /// Its debits in that, in minor units.
    pub debit: i64,
    /// Its state, as [`DeliveryKind::name_of`] calls it.
    pub state: Option<i64>,
    /// What the target calls it.
    pub theirs: String,
    /// What the target said of it.
    pub words: String,
    /// The state of its batch.
    pub batch_state: Option<i64>,
}

/// A document of a batch, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct KnownDocument {
    /// Which of the batch, from 1.
    pub no: i64,
    /// Its number.
    pub number: String,
    /// Its state, as [`DeliveryKind::name_of`] calls it.
    pub state: Option<i64>,
    /// What the target calls it.
    pub theirs: String,
    /// What the target said of it.
    pub words: String,
}

/// An attempt to deliver a batch.
#[derive(Clone, Debug, FromRow)]
pub struct AttemptRow {
    /// Which, from 1.
    pub attempt: i64,
    /// When it began, where that was kept.
    pub begun_at: Option<DateTime<Utc>>,
    /// Who began it.
    pub begun_by: Option<String>,
    /// How it ended, as [`DeliveryKind::name_of`] calls it; none where nobody came back.
    pub kind: Option<i64>,
    /// What the receiver said.
    pub message: Option<String>,
    /// When it ended.
    pub attempted_at: Option<DateTime<Utc>>,
    /// Who says so.
    pub attempted_by: Option<String>,
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

    /// Every batch of every target, with where it is.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn export_status(&self) -> Result<Vec<BatchStatus>, StoreError> {
        Ok(on_snapshot!(self, db => sqlx::query_as(sql!("export/status")).fetch_all(db).await)?)
    }

    /// The documents of this number, target by target.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn documents_named(&self, number: &str) -> Result<Vec<DocumentRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("export/documents_named"))
            .bind(number).fetch_all(db).await)?,
        )
    }

    /// Documents of batches that are not done, and are not done themselves; so many at most.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn documents_open(&self, most: i64) -> Result<Vec<DocumentRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("export/documents_open"))
            .bind(most).fetch_all(db).await)?,
        )
    }

    /// The attempts to deliver a batch.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn attempts(&self, batch: i64) -> Result<Vec<AttemptRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("export/attempts"))
            .bind(batch).fetch_all(db).await)?,
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

    /// Says that an attempt to deliver begins, and which it is.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn begin_delivery(&mut self, batch: i64, stamp: &Stamp) -> Result<i64, StoreError> {
        let attempt: i64 = on_tx!(&mut *self, db => sqlx::query_scalar(sql!("export/begin_delivery"))
            .bind(batch).bind(stamp.now).bind(&stamp.actor).fetch_one(db).await?);
        let span = Span::one(attempt).of(batch);
        self.seal_rows(&kinds::DELIVERY_BEGUN, span, stamp).await?;
        Ok(attempt)
    }

    /// Records how an attempt to deliver ended.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_delivery(
        &mut self,
        (batch, attempt): (i64, i64),
        kind: DeliveryKind,
        message: &str,
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        on_tx!(&mut *self, db => sqlx::query(sql!("export/insert_delivery"))
            .bind(batch).bind(attempt).bind(kind.number()).bind(message).bind(stamp.now).bind(&stamp.actor)
            .execute(db).await?.rows_affected());
        let span = Span::one(attempt).of(batch);
        self.seal_rows(&kinds::DELIVERY, span, stamp).await
    }

    /// Records what a target said of documents at an attempt.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_answers(
        &mut self,
        (batch, attempt): (i64, i64),
        answers: &[NewAnswer],
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        if answers.is_empty() {
            return Ok(());
        }
        let last: i64 = on_tx!(&mut *self, db =>
            sqlx::query_scalar(sql!("export/last_answer")).fetch_one(db).await?);
        let rows: Vec<_> = (last + 1..)
            .zip(answers)
            .map(|(id, answer)| {
                [
                    Field::Int(id),
                    Field::Int(batch),
                    Field::Int(answer.no),
                    Field::Int(attempt),
                    Field::Int(answer.state),
                    Field::Text(&answer.theirs),
                    Field::Text(&answer.words),
                ]
            })
            .collect();
        let written = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        self.insert(kinds::DOCUMENT_ANSWERS, rows.into_iter())
            .await?;
        let span = Span::keys(last + 1, last + written);
        self.seal_rows(&kinds::DOCUMENT_ANSWER, span, stamp).await
    }

    /// The newest batch of a target that holds a document of this number and was not released.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn batch_of_document(
        &mut self,
        target: i64,
        number: &str,
    ) -> Result<Option<i64>, StoreError> {
        Ok(
            on_tx!(&mut *self, db => sqlx::query_scalar(sql!("export/batch_of_document"))
            .bind(target).bind(number).fetch_optional(db).await)?,
        )
    }

    /// The documents of a batch in their order, with what is known of them.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn documents_of(&mut self, batch: i64) -> Result<Vec<KnownDocument>, StoreError> {
        Ok(
            on_tx!(&mut *self, db => sqlx::query_as(sql!("export/documents"))
            .bind(batch).fetch_all(db).await)?,
        )
    }
}
