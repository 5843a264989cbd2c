//! Entries as values, many at a time.
//!
//! A [`Reader`] keeps the names behind numbers and reads rows as narrow as they are stored: names are
//! looked up here and not joined to each line. Pages of a whole journal cost its rows and little more.

use crate::books::json;
use crate::journal::StoredEntry;
use crate::rebuild::{self, Head, Part};
use crate::{Store, StoreError};
use chrono::NaiveDate;
use futures_util::future::try_join3;
use ledger::{Deferral, Dimensions, Hash, JournalEntry};
use sqlx_macros::FromRow;
use std::collections::{BTreeMap, BTreeSet};

/// The most dimension sets that are remembered; beyond it all are forgotten and looked up again.
const MAX_DIMENSION_SETS: usize = 100_000;

/// Reads entries of one journal.
#[derive(Debug)]
pub struct Reader<'s> {
    store: &'s Store,
    entities: BTreeMap<i64, (String, i64)>,
    periods: BTreeMap<i64, String>,
    accounts: BTreeMap<i64, String>,
    rules: BTreeMap<i64, (Vec<u8>, String)>,
    dimension_sets: BTreeMap<i64, Dimensions>,
}

/// Columns are taken by their place: finding each by its name is a third of reading a row.
type HeadRow = (
    i64,
    i64,
    i64,
    i64,
    NaiveDate,
    i64,
    String,
    String,
    Vec<u8>,
    i64,
    Option<String>,
    Vec<u8>,
    Option<NaiveDate>,
);

type LineRow = (i64, i64, i64, i64, i64, i64, i64, i64);

#[derive(Debug, FromRow)]
struct ScheduleRow {
    entry_id: i64,
    line_no: i64,
    release_account_id: i64,
    method: String,
    start_on: NaiveDate,
    end_on: NaiveDate,
}

impl Store {
    /// A reader that knows no names yet.
    pub fn reader(&self) -> Reader<'_> {
        Reader {
            store: self,
            entities: BTreeMap::new(),
            periods: BTreeMap::new(),
            accounts: BTreeMap::new(),
            rules: BTreeMap::new(),
            dimension_sets: BTreeMap::new(),
        }
    }
}

impl Reader<'_> {
    /// The entries with `after < id <= through`, each built anew from its rows.
    ///
    /// # Errors
    /// [`StoreError::Database`]. Rows that make no entry are told in [`StoredEntry::entry`].
    pub async fn read(&mut self, after: i64, through: i64) -> Result<Vec<StoredEntry>, StoreError> {
        let (heads, lines, schedules) = try_join3(
            heads(self.store, after, through),
            lines(self.store, after, through),
            schedules(self.store, after, through),
        )
        .await?;
        self.learn(&heads, &lines).await?;
        let mut deferrals: BTreeMap<(i64, i64), ScheduleRow> = schedules
            .into_iter()
            .map(|row| ((row.entry_id, row.line_no), row))
            .collect();
        let mut lines = lines.into_iter().peekable();
        let mut entries = Vec::with_capacity(heads.len());
        for head in heads {
            let (id, event_id, period) = (head.0, head.1, head.3);
            let mut own = Vec::new();
            // A line without its entry is nobody's here; the one who counts lines finds it.
            while lines.next_if(|line| line.0 < id).is_some() {}
            while let Some(line) = lines.next_if(|line| line.0 == id) {
                own.push((deferrals.remove(&(id, line.1)), line));
            }
            entries.push(StoredEntry {
                id,
                event_id,
                period: self.periods.get(&period).cloned().unwrap_or_default(),
                stored_hash: Hash::from_slice(&head.11).unwrap_or(Hash::ZERO),
                entry: self.build(head, own),
            });
        }
        Ok(entries)
    }

    /// Looks up what is not known yet.
    async fn learn(&mut self, heads: &[HeadRow], lines: &[LineRow]) -> Result<(), StoreError> {
        let new = heads.iter().any(|head| {
            !(self.entities.contains_key(&head.2)
                && self.periods.contains_key(&head.3)
                && self.rules.contains_key(&head.9))
        }) || lines
            .iter()
            .any(|line| !self.accounts.contains_key(&line.2));
        if new {
            self.learn_names().await?;
        }
        let mut missing: BTreeSet<i64> = lines.iter().map(|line| line.7).collect();
        missing.retain(|set| !self.dimension_sets.contains_key(set));
        if self.dimension_sets.len() + missing.len() > MAX_DIMENSION_SETS {
            self.dimension_sets.clear();
            missing = lines.iter().map(|line| line.7).collect();
        }
        if missing.is_empty() {
            return Ok(());
        }
        let statement = match self.store {
            Store::Sqlite { .. } => sql!("journal/dimension_sets", sqlite),
            Store::Postgres { .. } => sql!("journal/dimension_sets", postgres),
        };
        let wanted = json(&missing)?;
        let found: Vec<(i64, String)> = on_pool!(self.store, db =>
            sqlx::query_as(statement).bind(&wanted).fetch_all(db).await?);
        for (id, content) in found {
            let dimensions = serde_json::from_str(&content).map_err(|error| {
                StoreError::Corrupt(format!("dimension set {id} cannot be read: {error}"))
            })?;
            self.dimension_sets.insert(id, dimensions);
        }
        Ok(())
    }

    async fn learn_names(&mut self) -> Result<(), StoreError> {
        let store = self.store;
        let entities: Vec<(i64, String, i64)> = on_pool!(store, db =>
            sqlx::query_as(sql!("journal/entity_names")).fetch_all(db).await?);
        let periods: Vec<(i64, String)> = on_pool!(store, db =>
            sqlx::query_as(sql!("journal/period_names")).fetch_all(db).await?);
        let accounts: Vec<(i64, String)> = on_pool!(store, db =>
            sqlx::query_as(sql!("journal/account_names")).fetch_all(db).await?);
        let rules: Vec<(i64, Vec<u8>, String)> = on_pool!(store, db =>
            sqlx::query_as(sql!("journal/rule_names")).fetch_all(db).await?);
        self.entities = entities
            .into_iter()
            .map(|(id, code, functional)| (id, (code, functional)))
            .collect();
        self.periods = periods.into_iter().collect();
        self.accounts = accounts.into_iter().collect();
        self.rules = rules
            .into_iter()
            .map(|(id, version, name)| (id, (version, name)))
            .collect();
        Ok(())
    }

    fn build(
        &self,
        head: HeadRow,
        lines: Vec<(Option<ScheduleRow>, LineRow)>,
    ) -> Result<JournalEntry, String> {
        let (_, _, entity, _, date, kind, reference, description, key, rule, rate, _, event_on) =
            head;
        let (entity, functional_id) = self.entities.get(&entity).ok_or("its entity is unknown")?;
        let (mapping, rule) = self.rules.get(&rule).ok_or("its rule is unknown")?;
        let head = Head {
            entity,
            functional_id: *functional_id,
            date,
            event_on,
            kind,
            reference,
            description,
            key: &key,
            mapping,
            rule,
            rate: rate.as_deref(),
        };
        let parts = lines.into_iter();
        rebuild::entry(
            head,
            parts.map(|(schedule, line)| self.part(line, schedule)),
        )
    }

    fn part(
        &self,
        (_, _, account_id, side, amount, currency_id, functional, set): LineRow,
        schedule: Option<ScheduleRow>,
    ) -> Result<Part, String> {
        let account = |id| self.accounts.get(&id).ok_or("a line's account is unknown");
        let deferral = match schedule {
            Some(row) => Some(Deferral {
                release_account: account(row.release_account_id)?.clone(),
                method: row.method,
                from: row.start_on,
                to: row.end_on,
            }),
            None => None,
        };
        Ok(Part {
            account: account(account_id)?.clone(),
            side,
            amount,
            currency_id,
            functional,
            dimensions: self.dimension_sets.get(&set).cloned().unwrap_or_default(),
            deferral,
        })
    }
}

async fn heads(store: &Store, after: i64, through: i64) -> Result<Vec<HeadRow>, StoreError> {
    Ok(
        on_pool!(store, db => sqlx::query_as(sql!("journal/entry_heads"))
        .bind(after).bind(through).fetch_all(db).await)?,
    )
}

async fn lines(store: &Store, after: i64, through: i64) -> Result<Vec<LineRow>, StoreError> {
    Ok(
        on_pool!(store, db => sqlx::query_as(sql!("journal/entry_lines"))
        .bind(after).bind(through).fetch_all(db).await)?,
    )
}

async fn schedules(
    store: &Store,
    after: i64,
    through: i64,
) -> Result<Vec<ScheduleRow>, StoreError> {
    Ok(
        on_pool!(store, db => sqlx::query_as(sql!("journal/entry_schedules"))
        .bind(after).bind(through).fetch_all(db).await)?,
    )
}
