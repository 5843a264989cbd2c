//! Items of reconciliation, row by row: lines on an account, lines of settlement files, payouts.
//!
//! Nobody holds a side as rows: each is handed out as it is read, with its texts borrowed from the row. A side is read
//! from where the last run stopped, or what of it was open, or what of it was matched under a name that is asked for.

use crate::{Snapshot, StoreError};
use chrono::NaiveDate;
use futures_util::TryStreamExt as _;
use ledger::{ItemRef, Origin};
use sqlx::{ColumnIndex, Decode, Row, Type};
use std::collections::BTreeMap;

/// A line on an account.
#[derive(Clone, Copy, Debug)]
pub struct LedgerItem<'r> {
    /// Its entry.
    pub entry_id: i64,
    /// Its place in the entry.
    pub line_no: i64,
    /// The entity, by number.
    pub entity_id: i64,
    /// [`ledger::Side::number`].
    pub side: i64,
    /// In minor units, above zero.
    pub amount: i64,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// The entry's reference.
    pub reference: &'r str,
    /// The accounting date.
    pub accounting_on: NaiveDate,
    /// The event's type, by number.
    pub event_type_id: i64,
}

/// A line of a settlement file.
#[derive(Clone, Copy, Debug)]
pub struct SettlementItem<'r> {
    /// Its number.
    pub id: i64,
    /// The account.
    pub account: &'r str,
    /// What it is called within the account.
    pub identity: &'r str,
    /// [`ledger::Movement::number`].
    pub movement: i64,
    /// What it refers to first.
    pub reference: &'r str,
    /// All that it refers to, a line each: `kind:text`.
    pub references: &'r str,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// In minor units.
    pub gross: i64,
    /// In minor units.
    pub fee: i64,
    /// In minor units.
    pub net: i64,
    /// What the customer saw, with the ISO number of its currency.
    pub original: Option<(i64, i64)>,
    /// The day it was booked.
    pub booked_on: NaiveDate,
    /// The day of its payout.
    pub paid_on: Option<NaiveDate>,
    /// Its payout; empty where there is none.
    pub payout: &'r str,
    /// Who is at the other end.
    pub counterparty: &'r str,
    /// Free text.
    pub description: &'r str,
}

/// A payout's part that was matched.
#[derive(Clone, Debug)]
pub struct PayoutItem {
    /// The payout, and which part of it.
    pub item: ItemRef,
    /// What the processor calls it.
    pub identity: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// In minor units.
    pub amount: i64,
    /// The last day of its lines.
    pub last_on: NaiveDate,
}

/// A line that was told its payout by a later file.
#[derive(Clone, Copy, Debug, sqlx_macros::FromRow)]
pub struct CompletedLine {
    /// Its number.
    pub id: i64,
    /// [`ledger::Movement::number`].
    pub movement: i64,
    /// In minor units.
    pub fee: i64,
    /// In minor units.
    pub net: i64,
    /// The day it was booked.
    pub booked_on: NaiveDate,
    /// The day of its payout.
    pub paid_on: Option<NaiveDate>,
    /// Its payout.
    pub payout_id: i64,
}

/// What is open on a clearing account: groups of lines that do not sum up to nothing.
#[derive(Clone, Debug, sqlx_macros::FromRow)]
pub struct ClearingSum {
    /// The entity.
    pub entity: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// What they sum up to: debit less credit, in minor units.
    pub amount: i64,
    /// How many there are.
    pub open: i64,
}

/// Which items of a side.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// Those after a number, up to another.
    Between(i64, i64),
    /// Those that a reconciliation keeps open at this side.
    Open(&'a str, &'a str),
    /// Those that a reconciliation has matched at this side under one of these names, as a JSON array.
    Named(&'a str, &'a str, &'a str),
}

/// What stops the reading: the books, or whoever is handed the rows.
type Stopped<E> = Result<Result<(), E>, StoreError>;

/// Hands out every row of a query.
macro_rules! each_row {
    ($query:expr, $db:expr, $read:path, $take:expr) => {{
        let mut rows = $query.fetch($db);
        let mut outcome = Ok(());
        while let Some(row) = rows.try_next().await? {
            outcome = $take($read(&row)?);
            if outcome.is_err() {
                break;
            }
        }
        outcome
    }};
}

impl Snapshot {
    /// Hands out lines on an account in their order.
    ///
    /// # Errors
    /// [`StoreError::Database`]; within, what the one who takes them says.
    pub async fn ledger_items<E>(
        &self,
        account: &str,
        part: Part<'_>,
        mut take: impl FnMut(LedgerItem<'_>) -> Result<(), E>,
    ) -> Stopped<E> {
        let outcome = match part {
            Part::Between(after, through) => on_snapshot!(self, db => each_row!(
                sqlx::query(sql!("items/ledger_after")).bind(account).bind(after).bind(through),
                db, ledger_item, take)),
            Part::Open(reconciliation, side) => on_snapshot!(self, db => each_row!(
                sqlx::query(sql!("items/ledger_open")).bind(account).bind(reconciliation).bind(side),
                db, ledger_item, take)),
            Part::Named(reconciliation, side, names) => {
                let sql = self.dialect(
                    sql!("items/ledger_near", sqlite),
                    sql!("items/ledger_near", postgres),
                );
                on_snapshot!(self, db => each_row!(
                    sqlx::query(sql).bind(account).bind(reconciliation).bind(side).bind(names),
                    db, ledger_item, take))
            }
        };
        Ok(outcome)
    }

    /// Hands out lines of settlement files that count, in their order; of all accounts where none is named.
    ///
    /// # Errors
    /// [`StoreError::Database`]; within, what the one who takes them says.
    pub async fn settlement_items<E>(
        &self,
        (origin, account): (Origin, &str),
        part: Part<'_>,
        mut take: impl FnMut(SettlementItem<'_>) -> Result<(), E>,
    ) -> Stopped<E> {
        let origin = origin.name();
        let outcome = match part {
            Part::Between(after, through) => on_snapshot!(self, db => each_row!(
                sqlx::query(sql!("items/settled_after")).bind(origin).bind(account).bind(after).bind(through),
                db, settlement_item, take)),
            Part::Open(reconciliation, side) => on_snapshot!(self, db => each_row!(
                sqlx::query(sql!("items/settled_open")).bind(origin).bind(account).bind(reconciliation).bind(side),
                db, settlement_item, take)),
            Part::Named(reconciliation, side, names) => {
                let sql = self.dialect(
                    sql!("items/settled_near", sqlite),
                    sql!("items/settled_near", postgres),
                );
                on_snapshot!(self, db => each_row!(
                    sqlx::query(sql).bind(origin).bind(account).bind(reconciliation).bind(side).bind(names),
                    db, settlement_item, take))
            }
        };
        Ok(outcome)
    }

    /// Payouts that a reconciliation has matched at a side under one of these names, a JSON array.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn payouts_named(
        &self,
        reconciliation: &str,
        side: &str,
        names: &str,
    ) -> Result<Vec<PayoutItem>, StoreError> {
        type Payout = (i64, i64, String, i64, i64, NaiveDate);
        let sql = self.dialect(
            sql!("items/payouts_near", sqlite),
            sql!("items/payouts_near", postgres),
        );
        let rows: Vec<Payout> = on_snapshot!(self, db => sqlx::query_as(sql)
            .bind(reconciliation).bind(side).bind(names).fetch_all(db).await?);
        let rows = rows.into_iter();
        Ok(rows
            .map(
                |(id, sub, identity, currency_id, amount, last_on)| PayoutItem {
                    item: ItemRef {
                        sub,
                        ..ItemRef::payout(id)
                    },
                    identity,
                    currency_id,
                    amount,
                    last_on,
                },
            )
            .collect())
    }

    /// A processor's payouts: what it calls each in which currency (ISO number), and its number.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn payouts(&self, account: &str) -> Result<BTreeMap<(i64, String), i64>, StoreError> {
        let rows: Vec<(i64, String, i64)> = on_snapshot!(self, db =>
            sqlx::query_as(sql!("items/payouts")).bind(account).fetch_all(db).await?);
        let rows = rows.into_iter();
        Ok(rows
            .map(|(id, identity, currency)| ((currency, identity), id))
            .collect())
    }

    /// Lines of a processor up to a number that were told their payout after another completion.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn completed_lines(
        &self,
        account: &str,
        (after, through): (i64, i64),
    ) -> Result<Vec<CompletedLine>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("items/completed"))
            .bind(Origin::Processor.name()).bind(account).bind(after).bind(through).fetch_all(db).await?),
        )
    }

    /// A clearing account's open groups of lines, by entity and currency.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn clearing(
        &self,
        account: &str,
        reconciliation: &str,
    ) -> Result<Vec<ClearingSum>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("items/clearing"))
            .bind(account).bind(reconciliation).fetch_all(db).await?),
        )
    }

    /// The numbers of what is or was called so.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn accounts_called(&self, name: &str) -> Result<Vec<i64>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_scalar(sql!("items/accounts"))
            .bind(name).fetch_all(db).await?),
        )
    }

    /// All types of events by number.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn event_type_names(&self) -> Result<BTreeMap<i64, String>, StoreError> {
        let rows: Vec<(i64, String)> = on_snapshot!(self, db =>
            sqlx::query_as(sql!("items/event_types")).fetch_all(db).await?);
        Ok(rows.into_iter().collect())
    }

    /// All entities' codes by number.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn entity_codes(&self) -> Result<BTreeMap<i64, String>, StoreError> {
        let rows: Vec<(i64, String)> = on_snapshot!(self, db =>
            sqlx::query_as(sql!("items/entities")).fetch_all(db).await?);
        Ok(rows.into_iter().collect())
    }
}

fn ledger_item<'r, R>(row: &'r R) -> Result<LedgerItem<'r>, sqlx::Error>
where
    R: Row,
    usize: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    &'r str: Decode<'r, R::Database> + Type<R::Database>,
    NaiveDate: Decode<'r, R::Database> + Type<R::Database>,
{
    Ok(LedgerItem {
        entry_id: row.try_get(0)?,
        line_no: row.try_get(1)?,
        entity_id: row.try_get(2)?,
        side: row.try_get(3)?,
        amount: row.try_get(4)?,
        currency_id: row.try_get(5)?,
        reference: row.try_get(6)?,
        accounting_on: row.try_get(7)?,
        event_type_id: row.try_get(8)?,
    })
}

fn settlement_item<'r, R>(row: &'r R) -> Result<SettlementItem<'r>, sqlx::Error>
where
    R: Row,
    usize: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    &'r str: Decode<'r, R::Database> + Type<R::Database>,
    NaiveDate: Decode<'r, R::Database> + Type<R::Database>,
{
    let text = |column: usize| {
        let value: Option<&str> = row.try_get(column)?;
        Ok::<_, sqlx::Error>(value.unwrap_or(""))
    };
    let original: (Option<i64>, Option<i64>) = (row.try_get(10)?, row.try_get(11)?);
    Ok(SettlementItem {
        id: row.try_get(0)?,
        account: row.try_get(1)?,
        identity: row.try_get(2)?,
        movement: row.try_get(3)?,
        reference: row.try_get(4)?,
        references: text(5)?,
        currency_id: row.try_get(6)?,
        gross: row.try_get(7)?,
        fee: row.try_get(8)?,
        net: row.try_get(9)?,
        original: original.0.zip(original.1),
        booked_on: row.try_get(12)?,
        paid_on: row.try_get(13)?,
        payout: row.try_get(14)?,
        counterparty: text(15)?,
        description: text(16)?,
    })
}
