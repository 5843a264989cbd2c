//! The journal in narrow rows: numbers as they stand in the tables, and every name once.
//!
//! What `verify` and other full reads go through. Pages are ranges of entries, so that nothing grows with the books.

use crate::rebuild::{self, Head, Part};
use crate::{Snapshot, StoreError};
use chrono::NaiveDate;
use ledger::{Deferral, Dimensions, Hash, JournalEntry, Side};
use sqlx_macros::FromRow;
use std::collections::BTreeMap;

/// The names behind numbers, of which there are few.
#[derive(Clone, Debug, Default)]
pub struct Dictionary {
    entities: BTreeMap<i64, (String, i64)>,
    periods: BTreeMap<i64, PeriodBounds>,
    rules: BTreeMap<i64, (Vec<u8>, String)>,
    accounts: BTreeMap<i64, String>,
}

/// The days of a period.
#[derive(Clone, Debug, FromRow)]
struct PeriodBounds {
    id: i64,
    entity_id: i64,
    code: String,
    start_on: NaiveDate,
    end_on: NaiveDate,
}

#[derive(Clone, Debug, FromRow)]
struct NarrowEntry {
    id: i64,
    event_id: i64,
    entity_id: i64,
    period_id: i64,
    accounting_on: NaiveDate,
    event_on: Option<NaiveDate>,
    kind: i64,
    reference: String,
    description: String,
    rule_id: i64,
    rate: Option<String>,
    hash: Vec<u8>,
    key: Vec<u8>,
}

#[derive(Clone, Debug, FromRow)]
struct NarrowLine {
    entry_id: i64,
    line_no: i64,
    account_id: i64,
    side: i64,
    amount: i64,
    currency_id: i64,
    functional: i64,
    dimension_set_id: i64,
}

#[derive(Clone, Debug, FromRow)]
struct NarrowSchedule {
    entry_id: i64,
    line_no: i64,
    release_account_id: i64,
    method: String,
    start_on: NaiveDate,
    end_on: NaiveDate,
}

/// A page of the journal as it was read.
#[derive(Clone, Debug, Default)]
pub struct JournalPage {
    entries: Vec<NarrowEntry>,
    lines: Vec<NarrowLine>,
    schedules: Vec<NarrowSchedule>,
    sets: Vec<(i64, String)>,
}

/// Where a line adds to a balance: entity, period, account and currency, by their numbers.
pub type BalancePlace = (i64, i64, i64, i64);

/// Debit, credit, functional debit, functional credit.
pub type BalanceSums = [i128; 4];

/// An entry, built anew.
#[derive(Clone, Debug)]
pub struct RebuiltEntry {
    /// Its number.
    pub id: i64,
    /// The event that it came from.
    pub event_id: i64,
    /// Its reference.
    pub reference: String,
    /// The hash that was stored beside it.
    pub stored_hash: Hash,
    /// The entry; or why its rows make none.
    pub entry: Result<JournalEntry, String>,
    /// Where its period does not hold its date, or is another entity's: the period's code.
    pub misplaced: Option<String>,
}

/// A page of the journal, built anew.
#[derive(Clone, Debug, Default)]
pub struct Rebuilt {
    /// Its entries.
    pub entries: Vec<RebuiltEntry>,
    /// The sums of their lines.
    pub sums: BTreeMap<BalancePlace, BalanceSums>,
    /// How many lines they have.
    pub lines: usize,
}

impl JournalPage {
    /// The entries of the page, built anew, and the sums of all its lines.
    pub fn rebuild(self, names: &Dictionary) -> Rebuilt {
        let mut sums = BTreeMap::<BalancePlace, BalanceSums>::new();
        let mut owned = 0;
        let sets: BTreeMap<i64, Result<Dimensions, String>> = self
            .sets
            .iter()
            .map(|(id, text)| (*id, serde_json::from_str(text).map_err(|e| e.to_string())))
            .collect();
        let schedules: BTreeMap<(i64, i64), &NarrowSchedule> = self
            .schedules
            .iter()
            .map(|row| ((row.entry_id, row.line_no), row))
            .collect();
        let mut lines = self.lines.as_slice();
        let mut rebuilt = Vec::with_capacity(self.entries.len());
        for head in self.entries {
            let before = lines.partition_point(|line| line.entry_id < head.id);
            let end = lines.partition_point(|line| line.entry_id <= head.id);
            let own = lines.get(before..end).unwrap_or_default();
            lines = lines.get(end..).unwrap_or_default();
            owned += own.len();
            for line in own {
                let place = (
                    head.entity_id,
                    head.period_id,
                    line.account_id,
                    line.currency_id,
                );
                add(sums.entry(place).or_default(), line);
            }
            let parts = Parts {
                names,
                sets: &sets,
                schedules: &schedules,
            };
            rebuilt.push(parts.rebuild(head, own));
        }
        Rebuilt {
            entries: rebuilt,
            sums,
            lines: owned,
        }
    }
}

fn add(sums: &mut BalanceSums, line: &NarrowLine) {
    let [debit, credit, functional_debit, functional_credit] = sums;
    let (amount, functional) = match Side::from_number(line.side) {
        Some(Side::Credit) => (credit, functional_credit),
        _ => (debit, functional_debit),
    };
    *amount += i128::from(line.amount);
    *functional += i128::from(line.functional);
}

/// What an entry is built from beside its own rows.
struct Parts<'p> {
    names: &'p Dictionary,
    sets: &'p BTreeMap<i64, Result<Dimensions, String>>,
    schedules: &'p BTreeMap<(i64, i64), &'p NarrowSchedule>,
}

impl Parts<'_> {
    fn rebuild(&self, head: NarrowEntry, lines: &[NarrowLine]) -> RebuiltEntry {
        let period = self.names.periods.get(&head.period_id);
        let fits = period.is_some_and(|period| {
            period.entity_id == head.entity_id
                && (period.start_on..=period.end_on).contains(&head.accounting_on)
        });
        let code = || period.map_or_else(String::new, |period| period.code.clone());
        RebuiltEntry {
            id: head.id,
            event_id: head.event_id,
            reference: head.reference.clone(),
            stored_hash: Hash::from_slice(&head.hash).unwrap_or(Hash::ZERO),
            misplaced: (!fits).then(code),
            entry: self.entry(head, lines),
        }
    }

    fn entry(&self, head: NarrowEntry, lines: &[NarrowLine]) -> Result<JournalEntry, String> {
        let names = self.names;
        let entity = names.entities.get(&head.entity_id);
        let (entity, functional_id) = entity.ok_or("its entity is unknown")?;
        let rule = names.rules.get(&head.rule_id);
        let (mapping, rule) = rule.ok_or("its rule is unknown")?;
        let head = Head {
            entity,
            functional_id: *functional_id,
            date: head.accounting_on,
            event_on: head.event_on,
            kind: head.kind,
            reference: head.reference,
            description: head.description,
            key: &head.key,
            mapping,
            rule,
            rate: head.rate.as_deref(),
        };
        rebuild::entry(head, lines.iter().map(|row| self.part(row)))
    }

    fn part(&self, row: &NarrowLine) -> Result<Part, String> {
        let account = |id: i64| {
            let name = self.names.accounts.get(&id).cloned();
            name.ok_or_else(|| "a line's account is unknown".to_owned())
        };
        let deferral = match self.schedules.get(&(row.entry_id, row.line_no)) {
            Some(schedule) => Some(Deferral {
                release_account: account(schedule.release_account_id)?,
                method: schedule.method.clone(),
                from: schedule.start_on,
                to: schedule.end_on,
            }),
            None => None,
        };
        Ok(Part {
            account: account(row.account_id)?,
            side: row.side,
            amount: row.amount,
            currency_id: row.currency_id,
            functional: row.functional,
            dimensions: match self.sets.get(&row.dimension_set_id) {
                Some(set) => set.clone()?,
                None => Dimensions::new(),
            },
            deferral,
        })
    }
}

impl Snapshot {
    /// The names that entries and lines are told by.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn dictionary(&self) -> Result<Dictionary, StoreError> {
        let entities: Vec<(i64, String, i64)> = on_snapshot!(self, db =>
            sqlx::query_as(sql!("narrow/entities")).fetch_all(db).await?);
        let periods: Vec<PeriodBounds> = on_snapshot!(self, db =>
            sqlx::query_as(sql!("narrow/periods")).fetch_all(db).await?);
        let rules: Vec<(i64, Vec<u8>, String)> = on_snapshot!(self, db =>
            sqlx::query_as(sql!("narrow/rules")).fetch_all(db).await?);
        let accounts: Vec<(i64, String)> = on_snapshot!(self, db =>
            sqlx::query_as(sql!("books/accounts")).fetch_all(db).await?);
        Ok(Dictionary {
            entities: entities
                .into_iter()
                .map(|(id, code, functional)| (id, (code, functional)))
                .collect(),
            periods: periods.into_iter().map(|row| (row.id, row)).collect(),
            rules: rules
                .into_iter()
                .map(|(id, mapping, rule)| (id, (mapping, rule)))
                .collect(),
            accounts: accounts.into_iter().collect(),
        })
    }

    /// The entries with `after < id <= through` in narrow rows.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn journal_page(&self, after: i64, through: i64) -> Result<JournalPage, StoreError> {
        Ok(JournalPage {
            entries: on_snapshot!(self, db => sqlx::query_as(sql!("narrow/entry_page"))
                .bind(after).bind(through).fetch_all(db).await?),
            lines: on_snapshot!(self, db => sqlx::query_as(sql!("narrow/line_page"))
                .bind(after).bind(through).fetch_all(db).await?),
            schedules: on_snapshot!(self, db => sqlx::query_as(sql!("narrow/schedule_page"))
                .bind(after).bind(through).fetch_all(db).await?),
            sets: on_snapshot!(self, db => sqlx::query_as(sql!("narrow/set_page"))
                .bind(after).bind(through).fetch_all(db).await?),
        })
    }

    /// All balances by the numbers of their places.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn narrow_balances(&self) -> Result<BTreeMap<BalancePlace, BalanceSums>, StoreError> {
        let rows: Vec<(i64, i64, i64, i64, i64, i64, i64, i64)> = on_snapshot!(self, db =>
            sqlx::query_as(sql!("narrow/balances")).fetch_all(db).await?);
        let place = |(entity, period, account, currency, debit, credit, f_debit, f_credit)| {
            let sums: [i64; 4] = [debit, credit, f_debit, f_credit];
            ((entity, period, account, currency), sums.map(i128::from))
        };
        Ok(rows.into_iter().map(place).collect())
    }

    /// How many entries and lines there are.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn journal_counts(&self) -> Result<(i64, i64), StoreError> {
        Ok(on_snapshot!(self, db => sqlx::query_as(sql!("narrow/counts")).fetch_one(db).await?))
    }

    /// The bytes of some events.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn payloads(&self, events: &[i64]) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
        let mut found = Vec::with_capacity(events.len());
        for event in events {
            let row: Option<(i64, Vec<u8>)> = on_snapshot!(self, db =>
                sqlx::query_as(sql!("narrow/payload")).bind(event).fetch_optional(db).await?);
            found.extend(row);
        }
        Ok(found)
    }
}
