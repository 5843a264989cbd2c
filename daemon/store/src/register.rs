//! The journal as it is listed: entries and lines with the numbers that stand in them, a page at a time, and
//! the names behind the numbers once.

use crate::books::NamedId;
use crate::{Snapshot, StoreError};
use chrono::NaiveDate;
use ledger::{EntryKind, Side};
use sqlx_macros::FromRow;

/// The names behind the numbers of a register.
#[derive(Clone, Debug, Default)]
pub struct RegisterNames {
    /// Number, code, and the ISO number of the functional currency.
    pub entities: Vec<(i64, String, i64)>,
    /// Number and code.
    pub periods: Vec<(i64, String)>,
    /// Number and name.
    pub accounts: Vec<(i64, String)>,
    /// Number and name.
    pub rules: Vec<(i64, String)>,
}

/// An entry's head.
#[derive(Clone, Debug)]
pub struct RegisterEntry {
    /// Its number.
    pub id: i64,
    /// The number of its entity.
    pub entity: i64,
    /// The number of its period.
    pub period: i64,
    /// The accounting date.
    pub on: NaiveDate,
    /// The day on which it belongs, where that is another.
    pub event_on: Option<NaiveDate>,
    /// Its kind; none where the number is none's.
    pub kind: Option<EntryKind>,
    /// What it refers to.
    pub reference: String,
    /// The number of the rule that made it.
    pub rule: i64,
}

/// A line.
#[derive(Clone, Copy, Debug)]
pub struct RegisterLine {
    /// Its entry.
    pub entry: i64,
    /// The number of its account.
    pub account: i64,
    /// Its side; none where the number is none's.
    pub side: Option<Side>,
    /// Minor units.
    pub amount: i64,
    /// The ISO number of the currency.
    pub currency: i64,
    /// Minor units of the entity's currency.
    pub functional: i64,
}

#[derive(Debug, FromRow)]
struct EntityRow {
    id: i64,
    code: String,
    functional_id: i64,
}

type EntryColumns = (
    i64,
    i64,
    i64,
    NaiveDate,
    Option<NaiveDate>,
    i64,
    String,
    i64,
);

impl Snapshot {
    /// The number of the last entry: ids are dense, so as many there are.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn last_entry(&self) -> Result<i64, StoreError> {
        Ok(on_snapshot!(self, db => sqlx::query_scalar(sql!("register/last")).fetch_one(db).await)?)
    }

    /// The names that a register uses.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn register_names(&self) -> Result<RegisterNames, StoreError> {
        let entities: Vec<EntityRow> = on_snapshot!(self, db =>
            sqlx::query_as(sql!("register/entities")).fetch_all(db).await?);
        let periods: Vec<NamedId> = on_snapshot!(self, db =>
            sqlx::query_as(sql!("register/periods")).fetch_all(db).await?);
        let accounts: Vec<NamedId> = on_snapshot!(self, db =>
            sqlx::query_as(sql!("books/accounts")).fetch_all(db).await?);
        let rules: Vec<NamedId> = on_snapshot!(self, db =>
            sqlx::query_as(sql!("register/rules")).fetch_all(db).await?);
        let named = |rows: Vec<NamedId>| rows.into_iter().map(|row| (row.id, row.code)).collect();
        Ok(RegisterNames {
            entities: entities
                .into_iter()
                .map(|row| (row.id, row.code, row.functional_id))
                .collect(),
            periods: named(periods),
            accounts: named(accounts),
            rules: named(rules),
        })
    }

    /// The heads of the entries with `after < id <= through`, in order.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn register_entries(
        &self,
        after: i64,
        through: i64,
    ) -> Result<Vec<RegisterEntry>, StoreError> {
        let rows: Vec<EntryColumns> = on_snapshot!(self, db =>
            sqlx::query_as(sql!("register/entries")).bind(after).bind(through).fetch_all(db).await?);
        let head = |(id, entity, period, on, event_on, kind, reference, rule): EntryColumns| {
            RegisterEntry {
                id,
                entity,
                period,
                on,
                event_on,
                kind: EntryKind::from_number(kind),
                reference,
                rule,
            }
        };
        Ok(rows.into_iter().map(head).collect())
    }

    /// Their lines, in order.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn register_lines(
        &self,
        after: i64,
        through: i64,
    ) -> Result<Vec<RegisterLine>, StoreError> {
        let rows: Vec<(i64, i64, i64, i64, i64, i64)> = on_snapshot!(self, db =>
            sqlx::query_as(sql!("register/lines")).bind(after).bind(through).fetch_all(db).await?);
        let line = |(entry, account, side, amount, currency, functional)| RegisterLine {
            entry,
            account,
            side: Side::from_number(side),
            amount,
            currency,
            functional,
        };
        Ok(rows.into_iter().map(line).collect())
    }
}
