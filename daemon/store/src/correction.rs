//! Corrections: entries that take earlier ones back, and entries that stand in their place.

use crate::books::Names;
use crate::intake::Stamp;
use crate::prepare::{Local, Prepared};
use crate::record::{Span, kinds};
use crate::sort::{Found, OutcomeRow};
use crate::{Snapshot, StoreError, Tx};
use chrono::NaiveDate;
use ledger::{Hash, ItemKind, Posting};
use sqlx_macros::FromRow;

/// An entry of an event, and what it is to reprocessing.
#[derive(Clone, Debug, FromRow)]
pub struct EventEntry {
    /// The event.
    pub event_id: i64,
    /// The entry.
    pub id: i64,
    /// The entry that it takes back.
    pub reverses: Option<i64>,
    /// For one that replaced another: the substance that the mapping gave it.
    pub substance: Option<Vec<u8>>,
}

/// An entry that corrects.
#[derive(Clone, Debug)]
pub struct Correction {
    /// The entry, dated into an open period.
    pub posting: Posting,
    /// What it does.
    pub does: Does,
}

/// What a correction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// It takes this entry back.
    Reverses(i64),
    /// It stands for what the mapping says now, which has this substance.
    Stands(Hash),
}

/// The corrections of one event.
#[derive(Clone, Debug)]
pub struct EventCorrections {
    /// The event.
    pub event_id: i64,
    /// The rule by which an event that was ignored is posted now.
    pub posted_by: Option<String>,
    /// The mapping that says so.
    pub mapping: Hash,
    /// The entries.
    pub corrections: Vec<Correction>,
}

impl Snapshot {
    /// All entries of the events that have an entry dated from `from` to `to`, by event and entry.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn entries_of_events_dated(
        &self,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<EventEntry>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("correction/events_between"))
            .bind(from).bind(to).fetch_all(db).await)?,
        )
    }

    /// The next ignored events after one.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn ignored_after(&self, after: i64, limit: i64) -> Result<Vec<i64>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_scalar(sql!("correction/ignored"))
            .bind(after).bind(limit).fetch_all(db).await)?,
        )
    }

    /// Entries that take others back, each with the one that it takes back.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn reversals(&self) -> Result<Vec<(i64, i64)>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("correction/reversals")).fetch_all(db).await)?,
        )
    }

    /// All corrections: the entry, the entry that it takes back, and the substance of one that stands anew.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn corrections(
        &self,
    ) -> Result<Vec<(i64, Option<i64>, Option<Vec<u8>>)>, StoreError> {
        Ok(on_snapshot!(self, db => sqlx::query_as(sql!("correction/rows")).fetch_all(db).await?))
    }

    /// Whether a line of an entry is matched in a reconciliation.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn is_matched(&self, entry: i64) -> Result<bool, StoreError> {
        let found: i64 = on_snapshot!(self, db => sqlx::query_scalar(sql!("correction/matched"))
            .bind(ItemKind::Entry.number()).bind(entry).fetch_one(db).await?);
        Ok(found > 0)
    }

    /// The newest entry that reprocessing made; 0 for none.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn last_correction(&self) -> Result<i64, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_scalar(sql!("correction/last")).fetch_one(db).await)?,
        )
    }
}

impl Tx {
    /// Writes the corrections of some events: entries, lines, balances and the chain's next link. Says
    /// which entry is the newest correction then.
    ///
    /// # Errors
    /// [`StoreError::CheckpointMoved`] when `last` is no longer the newest correction, because another
    /// run came between; other [`StoreError`]s when the database fails. Nothing is written then.
    pub async fn correct(
        &mut self,
        events: &[EventCorrections],
        why: &str,
        last: i64,
        stamp: &Stamp,
    ) -> Result<i64, StoreError> {
        let found: i64 = on_tx!(&mut *self, db =>
            sqlx::query_scalar(sql!("correction/last")).fetch_one(db).await?);
        if found != last {
            return Err(StoreError::CheckpointMoved {
                partition: "corrections".to_owned(),
                expected: last,
                found,
            });
        }
        let (prepared, rules) = prepare(events);
        let counters = self.counters().await?;
        for event in events {
            counters.are_under(event.mapping)?;
        }
        let mut names = Names {
            closed: self.closed_periods().await?,
            ..Names::default()
        };
        let sorted = self
            .sorted(
                |sorting| {
                    let mut found = Found::in_part(&prepared);
                    let mut entries = 0..;
                    for (event, rule) in events.iter().zip(&rules) {
                        if let Some(rule) = rule {
                            sorting.rule(*rule, &mut found);
                        }
                        for (_, at) in event.corrections.iter().zip(&mut entries) {
                            sorting.correction(event.event_id, at, &mut found)?;
                        }
                    }
                    sorting.add_balances(found)
                },
                &mut names,
                &counters,
            )
            .await?;
        let (first, newest) = (counters.entry + 1, sorted.last.entry);
        self.write_journal(&sorted.journal, &counters, sorted.last, stamp)
            .await?;
        if names.fresh {
            self.seal_names(stamp).await?;
        }
        self.say_what_corrects(events, first, why).await?;
        if newest >= first {
            let span = Span::keys(first, newest);
            self.seal_rows(&kinds::CORRECTION, span, stamp).await?;
        }
        let posted: Vec<OutcomeRow<'_>> = events
            .iter()
            .filter_map(|event| {
                let rule = event.posted_by.as_ref()?;
                let rules = names.rules.get(&event.mapping);
                Some(OutcomeRow {
                    event_id: event.event_id,
                    kind: 1,
                    rule_id: rules.and_then(|rules| rules.get(rule)).copied(),
                    reason: None,
                })
            })
            .collect();
        self.decide_again(&posted, stamp).await?;
        Ok(newest)
    }

    /// Notes what each of the new entries does to earlier ones.
    async fn say_what_corrects(
        &mut self,
        events: &[EventCorrections],
        first: i64,
        why: &str,
    ) -> Result<(), StoreError> {
        // Not an iterator with closures: held while the books are waited for, it keeps the future from being sent.
        let all: Vec<(&EventCorrections, &Correction)> = events
            .iter()
            .flat_map(|event| event.corrections.iter().map(move |one| (event, one)))
            .collect();
        for (entry, (event, correction)) in (first..).zip(all) {
            let (reverses, substance) = match correction.does {
                Does::Reverses(earlier) => {
                    // What an event took back, in part or whole, is no more what would be taken back here.
                    self.is_as_seen(earlier, 0).await?;
                    (Some(earlier), None)
                }
                Does::Stands(substance) => (None, Some(substance.as_bytes().to_vec())),
            };
            on_tx!(&mut *self, db => sqlx::query(sql!("correction/insert"))
                .bind(entry).bind(event.event_id).bind(reverses).bind(substance).bind(why)
                .execute(db).await?.rows_affected());
        }
        Ok(())
    }
}

/// The entries of all corrections in their order, and per event the rule that posts it now, if it was ignored.
fn prepare(events: &[EventCorrections]) -> (Prepared, Vec<Option<Local>>) {
    let mut prepared = Prepared::default();
    let mut rules = Vec::with_capacity(events.len());
    for event in events {
        for correction in &event.corrections {
            prepared.entry(correction.posting.clone());
        }
        let rule = event.posted_by.clone();
        rules.push(rule.map(|rule| prepared.rule(event.mapping, rule)));
    }
    (prepared, rules)
}
