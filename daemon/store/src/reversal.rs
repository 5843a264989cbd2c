//! Entries that an event's rule made to take others back.
//!
//! What is taken back is looked for in one pass over the entries: references are in no index, for one would cost
//! every posting more than the few that are taken back save.

use crate::books::json;
use crate::intake::Stamp;
use crate::prepare::ASKING;
use crate::record::{Span, kinds};
use crate::{Snapshot, StoreError, Tx};
use ledger::{Decision, Part};
use std::collections::BTreeSet;

/// What an entry of a decision takes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakesBack {
    /// Its place among the entries of the decision, from 0.
    pub at: usize,
    /// The number of the entry that it takes back.
    pub reverses: i64,
    /// How much of it.
    pub part: Part,
    /// How many parts of it were taken back before.
    pub before: i64,
}

/// What was decided anew about an event.
#[derive(Clone, Debug)]
pub struct Redecided {
    /// The event's number.
    pub event: i64,
    /// What is decided.
    pub decision: Decision,
    /// Which of its entries take others back.
    pub takes_back: Vec<TakesBack>,
}

/// A row: an entry, the one that it takes back, and how much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReversalRow {
    /// The entry that takes back.
    pub entry: i64,
    /// The entry that is taken back.
    pub reverses: i64,
    /// How much of it.
    pub part: Part,
}

fn part(text: &str) -> Result<Part, StoreError> {
    Part::from_text(text)
        .ok_or_else(|| StoreError::Corrupt(format!("`{text}` is no part of an entry")))
}

impl Snapshot {
    /// The numbers of entries that have one of these references and were made by one of these rules, but for those
    /// that reprocessing took back.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn standing(
        &self,
        references: &BTreeSet<&str>,
        rules: &BTreeSet<&str>,
    ) -> Result<Vec<i64>, StoreError> {
        let (references, rules) = (json(references)?, json(rules)?);
        let statement = sql_of!(&*self.reading.lock().await, "reversal/standing");
        Ok(on_snapshot!(self, db => sqlx::query_scalar(statement)
            .bind(&references).bind(&rules).fetch_all(db).await?))
    }

    /// The first event that takes entries back and for which nobody has asked the books yet.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn first_asking(&self) -> Result<Option<i64>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_scalar(sql!("reversal/asking"))
            .bind(ASKING).fetch_one(db).await?),
        )
    }

    /// The parts of an entry that were taken back, in their order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn parts_of(&self, entry: i64) -> Result<Vec<Part>, StoreError> {
        let parts: Vec<String> = on_snapshot!(self, db =>
            sqlx::query_scalar(sql!("reversal/of")).bind(entry).fetch_all(db).await?);
        parts.iter().map(|text| part(text)).collect()
    }

    /// All entries that take others back, in their order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn taken_back(&self) -> Result<Vec<ReversalRow>, StoreError> {
        let rows: Vec<(i64, i64, String)> = on_snapshot!(self, db =>
            sqlx::query_as(sql!("reversal/all")).fetch_all(db).await?);
        let row = |(entry, reverses, text): (i64, i64, String)| {
            Ok(ReversalRow {
                entry,
                reverses,
                part: part(&text)?,
            })
        };
        rows.into_iter().map(row).collect()
    }
}

impl Tx {
    /// Notes what new entries take back, by their numbers, and covers that.
    ///
    /// # Errors
    /// [`StoreError::CheckpointMoved`] when another part of one was taken back meanwhile, or all of it.
    pub(crate) async fn note_reversals(
        &mut self,
        made: &[(i64, TakesBack)],
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        for (entry, back) in made {
            self.is_as_seen(back.reverses, back.before).await?;
            on_tx!(&mut *self, db => sqlx::query(sql!("reversal/insert"))
                .bind(*entry).bind(back.reverses).bind(back.part.to_string())
                .execute(db).await?.rows_affected());
        }
        if let (Some((first, _)), Some((last, _))) = (made.first(), made.last()) {
            let span = Span::keys(*first, *last);
            self.seal_rows(&kinds::REVERSAL, span, stamp).await?;
        }
        Ok(())
    }

    /// Refuses where an entry is not in as many parts as was seen.
    pub(crate) async fn is_as_seen(&mut self, entry: i64, before: i64) -> Result<(), StoreError> {
        let (parts, corrected): (i64, i64) = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("reversal/count")).bind(entry).fetch_one(db).await?);
        if (parts, corrected) == (before, 0) {
            return Ok(());
        }
        Err(StoreError::CheckpointMoved {
            partition: format!("entry {entry}"),
            expected: before,
            found: parts + corrected,
        })
    }
}
