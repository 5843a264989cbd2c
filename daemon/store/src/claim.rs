//! What a batch takes: its entries, its number and their document numbers, in one short transaction before
//! it is rendered. A process that dies in between leaves a claim, and the next one renders it with the same
//! numbers to the same bytes.

use crate::evidence::DocumentRow;
use crate::intake::Stamp;
use crate::record::{Span, kinds};
use crate::{Store, StoreError, Tx};
use chrono::{DateTime, Utc};
use sqlx_macros::FromRow;

/// A batch that has taken its entries.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Claim {
    /// Its number in the store.
    pub batch_id: i64,
    /// Its name outside.
    pub uuid: String,
    /// The target.
    pub target_id: i64,
    /// Its running number within the target.
    pub number: i64,
    /// The first of its entries.
    pub first_entry: i64,
    /// The last of its entries: ids are dense, so all between are its own.
    pub last_entry: i64,
    /// The outside name of the released batch whose entries these were.
    pub replaces: Option<String>,
    /// When.
    pub claimed_at: DateTime<Utc>,
    /// By whom.
    pub claimed_by: String,
}

impl Claim {
    /// How many entries it holds.
    pub const fn entries(&self) -> i64 {
        self.last_entry - self.first_entry + 1
    }
}

/// A batch that was released and not replaced yet.
#[derive(Debug, FromRow)]
struct Released {
    batch_id: i64,
    uuid: String,
    first_entry: i64,
    last_entry: i64,
}

impl Store {
    /// Batches that took their entries and have no artifact: whoever took them was stopped.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn unrendered(&self, target: i64) -> Result<Vec<Claim>, StoreError> {
        Ok(
            on_pool!(self, db => sqlx::query_as(sql!("export/unrendered"))
            .bind(target).fetch_all(db).await)?,
        )
    }

    /// The documents among the entries with `after < id <= through`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn documents(
        &self,
        after: i64,
        through: i64,
    ) -> Result<Vec<DocumentRow>, StoreError> {
        Ok(
            on_pool!(self, db => sqlx::query_as(sql!("evidence/documents"))
            .bind(after).bind(through).fetch_all(db).await)?,
        )
    }

    /// The highest number of a batch of this target; 0 before the first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn last_batch_number(&self, target: i64) -> Result<i64, StoreError> {
        Ok(
            on_pool!(self, db => sqlx::query_scalar(sql!("export/last_number"))
            .bind(target).fetch_one(db).await)?,
        )
    }

    /// The outside name of a target's batch, and its artifact's hash once it has one.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn batch_numbered(
        &self,
        target: i64,
        number: i64,
    ) -> Result<Option<(String, Option<Vec<u8>>)>, StoreError> {
        Ok(on_pool!(self, db => sqlx::query_as(sql!("export/numbered"))
            .bind(target).bind(number).fetch_optional(db).await)?)
    }
}

impl Tx {
    /// Takes the next entries that the target lacks, at most `limit`, and numbers them: those of a released
    /// batch first, all of them; none when it has everything.
    ///
    /// # Errors
    /// [`StoreError::Database`], also when an entry already is in a batch of this target.
    pub async fn claim(
        &mut self,
        target: i64,
        limit: i64,
        uuid: &str,
        stamp: &Stamp,
    ) -> Result<Option<Claim>, StoreError> {
        let released: Option<Released> = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("export/released")).bind(target).fetch_optional(db).await?);
        let (ends, last): (i64, i64) = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("export/extent")).bind(target).fetch_one(db).await?);
        let (first_entry, last_entry) = released.as_ref().map_or_else(
            || (ends + 1, last.min(ends.saturating_add(limit.max(1)))),
            |old| (old.first_entry, old.last_entry),
        );
        if first_entry > last_entry {
            return Ok(None);
        }
        let (batch_id, number): (i64, i64) = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("export/next_batch")).bind(target).fetch_one(db).await?);
        // A run names the one before it; a replacement names the batch whose entries it takes.
        let (follows, ends) = match &released {
            None => ((ends > 0).then_some(ends), Some(last_entry)),
            Some(_) => (None, None),
        };
        on_tx!(&mut *self, db => sqlx::query(sql!("export/insert_range"))
            .bind(batch_id).bind(uuid).bind(target).bind(number).bind(first_entry).bind(last_entry)
            .bind(follows).bind(ends).bind(released.as_ref().map(|old| old.batch_id))
            .bind(stamp.now).bind(&stamp.actor).execute(db).await?.rows_affected());
        self.seal_names(stamp).await?;
        self.seal_rows(&kinds::BATCH_RANGE, Span::one(batch_id), stamp)
            .await?;
        self.number_entries(first_entry, last_entry, stamp).await?;
        Ok(Some(Claim {
            batch_id,
            uuid: uuid.to_owned(),
            target_id: target,
            number,
            first_entry,
            last_entry,
            replaces: released.map(|old| old.uuid),
            claimed_at: stamp.now,
            claimed_by: stamp.actor.clone(),
        }))
    }
}
