//! What a batch takes: its entries, its number and their document numbers, in one short transaction before
//! it is rendered. A process that dies in between leaves a claim, and the next one renders it with the same
//! numbers to the same bytes.

use crate::evidence::DocumentRow;
use crate::intake::Stamp;
use crate::record::Span;
use crate::record::kinds::{self, Record};
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
    /// The last of its entries: ids are dense, so all between are its own, unless it is partial or left some out before.
    pub last_entry: i64,
    /// The outside name of the released batch whose entries these were.
    pub replaces: Option<String>,
    /// The outside name of the batch that could not hold these.
    pub supplements: Option<String>,
    /// 1 where only some of the entries between the first and the last are its own.
    pub partial: Option<i64>,
    /// When.
    pub claimed_at: DateTime<Utc>,
    /// By whom.
    pub claimed_by: String,
}

/// A batch whose entries, or some of them, leave in another.
#[derive(Debug, FromRow)]
struct Former {
    batch_id: i64,
    uuid: String,
    first_entry: i64,
    last_entry: i64,
    partial: Option<i64>,
}

/// What a claim takes.
enum Taking {
    /// What follows the run before.
    Next,
    /// All that a released batch had.
    Replacing(Former),
    /// What a batch could not hold.
    Supplementing(Former),
}

impl Taking {
    const fn former(&self) -> Option<&Former> {
        match self {
            Self::Next => None,
            Self::Replacing(former) | Self::Supplementing(former) => Some(former),
        }
    }
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

    /// The number of the newest batch of all targets; 0 before the first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn last_batch(&self) -> Result<i64, StoreError> {
        Ok(
            on_pool!(self, db => sqlx::query_scalar(sql!("export/last_batch"))
            .fetch_one(db).await)?,
        )
    }

    /// The entries of a claim, as runs of ids from the first to the last of each.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn claimed_entries(&self, claim: &Claim) -> Result<Vec<(i64, i64)>, StoreError> {
        let id = claim.batch_id;
        let held: Vec<i64> = on_pool!(self, db =>
            sqlx::query_scalar(sql!("export/held")).bind(id).fetch_all(db).await)?;
        if claim.partial.is_none() {
            let mut runs = Vec::new();
            let mut first = claim.first_entry;
            for entry in held {
                if first < entry {
                    runs.push((first, entry - 1));
                }
                first = entry + 1;
            }
            if first <= claim.last_entry {
                runs.push((first, claim.last_entry));
            }
            return Ok(runs);
        }
        let taken: Vec<i64> = on_pool!(self, db =>
            sqlx::query_scalar(sql!("export/taken")).bind(id).fetch_all(db).await)?;
        let mut runs = Vec::<(i64, i64)>::new();
        for entry in taken
            .into_iter()
            .filter(|entry| held.binary_search(entry).is_err())
        {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == entry => *last = entry,
                _ => runs.push((entry, entry)),
            }
        }
        Ok(runs)
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
    /// batch first, all of them; then those that a batch up to the number `through` could not hold, since a later one tried
    /// them a moment ago; none when it has everything.
    ///
    /// # Errors
    /// [`StoreError::Database`], also when an entry already is in a batch of this target.
    pub async fn claim(
        &mut self,
        (target, through): (i64, i64),
        limit: i64,
        uuid: &str,
        stamp: &Stamp,
    ) -> Result<Option<Claim>, StoreError> {
        let taking = self.taking(target, through).await?;
        let (ends, last): (i64, i64) = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("export/extent")).bind(target).fetch_one(db).await?);
        let (first_entry, last_entry) = taking.former().map_or_else(
            || (ends + 1, last.min(ends.saturating_add(limit.max(1)))),
            |old| (old.first_entry, old.last_entry),
        );
        if first_entry > last_entry {
            return Ok(None);
        }
        let (batch_id, number): (i64, i64) = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("export/next_batch")).bind(target).fetch_one(db).await?);
        // A run names the one before it; any other names the batch whose entries it takes.
        let (follows, ends) = match &taking {
            Taking::Next => ((ends > 0).then_some(ends), Some(last_entry)),
            _ => (None, None),
        };
        let (mut replaces, mut supplements, mut partial) = (None, None, None);
        match &taking {
            Taking::Next => {}
            Taking::Replacing(old) => (replaces, partial) = (Some(old), old.partial),
            Taking::Supplementing(old) => (supplements, partial) = (Some(old), Some(1)),
        }
        on_tx!(&mut *self, db => sqlx::query(sql!("export/insert_range"))
            .bind(batch_id).bind(uuid).bind(target).bind(number).bind(first_entry).bind(last_entry)
            .bind(follows).bind(ends).bind(replaces.map(|old| old.batch_id))
            .bind(stamp.now).bind(&stamp.actor).bind(supplements.map(|old| old.batch_id)).bind(partial)
            .execute(db).await?.rows_affected());
        self.seal_names(stamp).await?;
        self.seal_rows(&kinds::BATCH_RANGE, Span::one(batch_id), stamp)
            .await?;
        self.take(&taking, batch_id, stamp).await?;
        self.number_entries(first_entry, last_entry, stamp).await?;
        let uuid_of = |former: Option<&Former>| former.map(|old| old.uuid.clone());
        Ok(Some(Claim {
            batch_id,
            uuid: uuid.to_owned(),
            target_id: target,
            number,
            first_entry,
            last_entry,
            replaces: uuid_of(replaces),
            supplements: uuid_of(supplements),
            partial,
            claimed_at: stamp.now,
            claimed_by: stamp.actor.clone(),
        }))
    }

    async fn taking(&mut self, target: i64, through: i64) -> Result<Taking, StoreError> {
        let released: Option<Former> = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("export/released")).bind(target).fetch_optional(db).await?);
        if let Some(former) = released {
            return Ok(Taking::Replacing(former));
        }
        let holding: Option<Former> = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("export/holding")).bind(target).bind(through).fetch_optional(db).await?);
        Ok(holding.map_or(Taking::Next, Taking::Supplementing))
    }

    /// Says which of the entries between its first and its last a batch takes.
    async fn take(&mut self, taking: &Taking, batch: i64, stamp: &Stamp) -> Result<(), StoreError> {
        let Some(old) = taking.former().map(|old| old.batch_id) else {
            return Ok(());
        };
        let held: i64 = on_tx!(&mut *self, db =>
            sqlx::query_scalar(sql!("export/last_held")).fetch_one(db).await?);
        let taken: i64 = on_tx!(&mut *self, db =>
            sqlx::query_scalar(sql!("export/last_taken")).fetch_one(db).await?);
        if matches!(taking, Taking::Replacing(_)) {
            let rows = on_tx!(&mut *self, db => sqlx::query(sql!("export/hold_as_before"))
                .bind(batch).bind(old).bind(held).execute(db).await?.rows_affected());
            self.seal_new(&kinds::BATCH_HELD, held, rows, stamp).await?;
            let rows = on_tx!(&mut *self, db => sqlx::query(sql!("export/take_as_before"))
                .bind(batch).bind(old).bind(taken).execute(db).await?.rows_affected());
            self.seal_new(&kinds::BATCH_TAKEN, taken, rows, stamp).await
        } else {
            let rows = on_tx!(&mut *self, db => sqlx::query(sql!("export/take_held"))
                .bind(batch).bind(old).bind(taken).execute(db).await?.rows_affected());
            self.seal_new(&kinds::BATCH_TAKEN, taken, rows, stamp).await
        }
    }

    /// Covers so many rows after the last of before.
    async fn seal_new(
        &mut self,
        record: &'static Record,
        last: i64,
        rows: u64,
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        let rows = i64::try_from(rows).unwrap_or(0);
        if rows == 0 {
            return Ok(());
        }
        self.seal_rows(record, Span::keys(last + 1, last + rows), stamp)
            .await
    }
}
