//! Matches, breaks and the totals of a reconciliation.

use crate::bulk::Field;
use crate::intake::Stamp;
use crate::numbers::count;
use crate::record::{Digesting, NewLink, Span, kinds};
use crate::{Snapshot, StoreError, Tx};
use chrono::NaiveDate;
use ledger::ItemRef;
use sqlx_macros::FromRow;
use std::collections::BTreeMap;

/// A match to be written.
#[derive(Clone, Debug)]
pub struct NewMatch {
    /// The pass that found it.
    pub pass: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// What it consumes at the left: item and signed amount.
    pub left: Vec<(ItemRef, i64)>,
    /// What it consumes at the right.
    pub right: Vec<(ItemRef, i64)>,
    /// Why these belong together.
    pub explanation: String,
    /// The decision that it comes from, where a person made it.
    pub proposal_id: Option<i64>,
}

/// A break, as found and as stored. Amounts in minor units: left less right.
#[derive(Clone, Debug, PartialEq, Eq, FromRow, serde::Serialize)]
pub struct BreakRow {
    /// The same for the same break in every run.
    pub id: String,
    /// The reconciliation.
    pub reconciliation: String,
    /// What is wrong.
    pub kind: String,
    /// What it means for the sum: `open`, or `explained` where money agrees but the way it came does not;
    /// `resolved`, `written-off` or, until a day, `accepted` where a person decided so.
    pub status: String,
    /// How far its case is: the status, and `explained` too where a person said how it came about.
    pub state: String,
    /// What people look for.
    pub reference: String,
    /// The account or entity.
    pub account: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// Left less right.
    pub amount: i64,
    /// The oldest item's day.
    pub since_on: NaiveDate,
    /// Days from then to the day as of which was reconciled.
    pub age_days: i64,
    /// The items.
    #[sqlx(skip)]
    pub items: Vec<ItemRef>,
    /// A sentence for people.
    pub detail: String,
    /// It comes from a match and stays until somebody resolves it.
    pub lasting: bool,
    /// Who looks after it.
    pub assignee: Option<String>,
}

/// The totals of one account and currency.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct StateRow {
    /// The reconciliation.
    pub reconciliation: String,
    /// The account or entity.
    pub account: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// All items at the left.
    pub left_total: i64,
    /// All items at the right.
    pub right_total: i64,
    /// Matched at the left.
    pub left_matched: i64,
    /// Matched at the right.
    pub right_matched: i64,
    /// Not due yet at the left.
    pub left_pending: i64,
    /// Not due yet at the right.
    pub right_pending: i64,
    /// Sum of open breaks.
    pub breaks: i64,
    /// The day as of which this holds.
    pub as_of_on: NaiveDate,
}

/// One movement of cash in one currency, as the newest run left it.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct CashStateRow {
    /// The reconciliation.
    pub reconciliation: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// What moved; empty where all are compared as one.
    pub movement: String,
    /// All at the left.
    pub left_total: i64,
    /// All at the right.
    pub right_total: i64,
    /// Not due yet at the left.
    pub left_open: i64,
    /// Not due yet at the right.
    pub right_open: i64,
    /// What differs: left less right.
    pub breaks: i64,
}

/// A stored match.
#[derive(Clone, Debug, FromRow)]
pub struct MatchRow {
    /// Its number.
    pub id: i64,
    /// The reconciliation.
    pub reconciliation: String,
    /// The pass that found it.
    pub pass: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// Sum at the left.
    pub left_amount: i64,
    /// Sum at the right.
    pub right_amount: i64,
    /// Why.
    pub explanation: String,
}

/// What a match consumed.
#[derive(Clone, Debug)]
pub struct MatchItemRow {
    /// The match.
    pub match_id: i64,
    /// `left` or `right`.
    pub side: String,
    /// The item.
    pub item: ItemRef,
    /// Its signed amount.
    pub amount: i64,
}

/// Match, side, kind, id and sub of an item, and its amount.
type Consumption = (i64, String, i64, i64, i64, i64);

fn consumptions(rows: Vec<Consumption>) -> Result<Vec<MatchItemRow>, StoreError> {
    rows.into_iter()
        .map(|(match_id, side, kind, id, sub, amount)| {
            Ok(MatchItemRow {
                match_id,
                side,
                item: item(kind, id, sub)?,
                amount,
            })
        })
        .collect()
}

/// An item that shares a match with another.
#[derive(Clone, Debug)]
pub struct RelatedItem {
    /// The reconciliation.
    pub reconciliation: String,
    /// The pass.
    pub pass: String,
    /// `left` or `right`.
    pub side: String,
    /// The item.
    pub item: ItemRef,
    /// Its signed amount.
    pub amount: i64,
    /// ISO number of the currency.
    pub currency_id: i64,
}

/// An item as three columns name it.
fn item(kind: i64, id: i64, sub: i64) -> Result<ItemRef, StoreError> {
    ItemRef::from_numbers(kind, id, sub)
        .ok_or_else(|| StoreError::Corrupt(format!("{kind} is no kind of item")))
}

impl Snapshot {
    /// All matches of a reconciliation.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn matches(&self, reconciliation: &str) -> Result<Vec<MatchRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("reconciliation/matches"))
            .bind(reconciliation).fetch_all(db).await)?,
        )
    }

    /// All that a reconciliation's matches consumed.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn match_items(&self, reconciliation: &str) -> Result<Vec<MatchItemRow>, StoreError> {
        let rows: Vec<Consumption> = on_snapshot!(self, db =>
            sqlx::query_as(sql!("reconciliation/match_items"))
                .bind(reconciliation).fetch_all(db).await?);
        consumptions(rows)
    }

    /// What a match consumed when it was made.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn items_of_match(&self, id: i64) -> Result<Vec<MatchItemRow>, StoreError> {
        let rows: Vec<Consumption> = on_snapshot!(self, db =>
            sqlx::query_as(sql!("reconciliation/items_of_match")).bind(id).fetch_all(db).await?);
        consumptions(rows)
    }

    /// All items that share a match with this one, itself included.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn related_items(&self, of: ItemRef) -> Result<Vec<RelatedItem>, StoreError> {
        type Related = (String, String, String, i64, i64, i64, i64, i64);
        let rows: Vec<Related> = on_snapshot!(self, db =>
            sqlx::query_as(sql!("reconciliation/matches_of_item"))
                .bind(of.kind.number()).bind(of.id).bind(of.sub).fetch_all(db).await?);
        rows.into_iter()
            .map(|row| {
                let (reconciliation, pass, side, kind, id, sub, amount, currency_id) = row;
                let item = item(kind, id, sub)?;
                Ok(RelatedItem {
                    reconciliation,
                    pass,
                    side,
                    item,
                    amount,
                    currency_id,
                })
            })
            .collect()
    }

    /// What the newest runs find wrong, with what people said about it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn breaks(&self) -> Result<Vec<BreakRow>, StoreError> {
        let mut breaks: Vec<BreakRow> = on_snapshot!(self, db =>
            sqlx::query_as(sql!("reconciliation/breaks")).fetch_all(db).await?);
        let rows: Vec<(String, i64, i64, i64)> = on_snapshot!(self, db =>
            sqlx::query_as(sql!("reconciliation/finding_items")).fetch_all(db).await?);
        let mut items = BTreeMap::<String, Vec<ItemRef>>::new();
        for (of, kind, id, sub) in rows {
            items.entry(of).or_default().push(item(kind, id, sub)?);
        }
        for found in &mut breaks {
            found.items = items.remove(&found.id).unwrap_or_default();
        }
        Ok(breaks)
    }

    /// The totals of all reconciliations.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn reconciliation_states(&self) -> Result<Vec<StateRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("reconciliation/states")).fetch_all(db).await)?,
        )
    }

    /// Cash by movement, as the newest run of each reconciliation left it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn cash_states(&self) -> Result<Vec<CashStateRow>, StoreError> {
        Ok(on_snapshot!(self, db =>
            sqlx::query_as(sql!("reconciliation/cash")).fetch_all(db).await?))
    }
}

impl Tx {
    /// Writes a run's findings: the breaks as they are now, the totals.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn write_findings(
        &mut self,
        reconciliation: &str,
        breaks: &[BreakRow],
        states: &[StateRow],
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        self.replace_findings(reconciliation, breaks, stamp).await?;
        on_tx!(&mut *self, db => sqlx::query(sql!("reconciliation/clear_state"))
            .bind(reconciliation).execute(db).await?.rows_affected());
        for row in states {
            on_tx!(&mut *self, db => sqlx::query(sql!("reconciliation/insert_state"))
                .bind(&row.reconciliation).bind(&row.account).bind(row.currency_id)
                .bind(row.left_total).bind(row.right_total).bind(row.left_matched)
                .bind(row.right_matched).bind(row.left_pending).bind(row.right_pending)
                .bind(row.breaks).bind(row.as_of_on).execute(db).await?.rows_affected());
        }
        for record in [&kinds::FINDING, &kinds::STATE] {
            self.seal_replaced(record, reconciliation, stamp).await?;
        }
        Ok(())
    }

    /// Replaces a reconciliation's cash by movement.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn write_cash(
        &mut self,
        reconciliation: &str,
        rows: &[CashStateRow],
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        on_tx!(&mut *self, db => sqlx::query(sql!("reconciliation/clear_cash"))
            .bind(reconciliation).execute(db).await?.rows_affected());
        for row in rows {
            on_tx!(&mut *self, db => sqlx::query(sql!("reconciliation/insert_cash"))
                .bind(&row.reconciliation).bind(row.currency_id).bind(&row.movement)
                .bind(row.left_total).bind(row.right_total).bind(row.left_open)
                .bind(row.right_open).bind(row.breaks).execute(db).await?.rows_affected());
        }
        self.seal_replaced(&kinds::CASH, reconciliation, stamp)
            .await
    }
}

/// Matches on their way into the books, page by page.
#[derive(Debug)]
pub struct NewMatches {
    first: [i64; 2],
    next: [i64; 2],
    digests: [Digesting; 2],
    /// How often items were matched before that are matched no more.
    before: BTreeMap<Consumed, i64>,
}

/// A reconciliation, a side and an item.
type Consumed = (String, String, ItemRef);

impl NewMatches {
    /// The number of the match that is added next.
    pub const fn next(&self) -> i64 {
        self.next[0]
    }
}

impl Tx {
    /// Begins to add matches.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn begin_matches(&mut self) -> Result<NewMatches, StoreError> {
        let id: i64 = on_tx!(&mut *self, db =>
            sqlx::query_scalar(sql!("reconciliation/next_match")).fetch_one(db).await?);
        let serial: i64 = on_tx!(&mut *self, db =>
            sqlx::query_scalar(sql!("reconciliation/next_item")).fetch_one(db).await?);
        Ok(NewMatches {
            first: [id, serial],
            next: [id, serial],
            digests: [Digesting::default(), Digesting::default()],
            before: self.matched_before().await?,
        })
    }

    async fn matched_before(&mut self) -> Result<BTreeMap<Consumed, i64>, StoreError> {
        let rows: Vec<(String, String, i64, i64, i64, i64)> = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("reconciliation/matched_before")).fetch_all(db).await?);
        rows.into_iter()
            .map(|(of, side, kind, id, sub, times)| Ok(((of, side, item(kind, id, sub)?), times)))
            .collect()
    }

    /// Adds a page of matches.
    ///
    /// # Errors
    /// [`StoreError::Database`], also when a match would consume an item again.
    pub async fn add_matches(
        &mut self,
        adding: &mut NewMatches,
        reconciliation: &str,
        page: &[NewMatch],
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        let [id, serial] = adding.next;
        let sum = |items: &[(ItemRef, i64)]| items.iter().map(|(_, amount)| amount).sum::<i64>();
        let numbered: Vec<(i64, &NewMatch)> = (id..).zip(page).collect();
        let rows = || {
            numbered.iter().map(|(id, found)| {
                [
                    Field::Int(*id),
                    Field::Text(reconciliation),
                    Field::Text(&found.pass),
                    Field::Int(found.currency_id),
                    Field::Int(sum(&found.left)),
                    Field::Int(sum(&found.right)),
                    Field::Text(&found.explanation),
                    Field::Moment(stamp.now),
                    Field::int(found.proposal_id),
                ]
            })
        };
        adding.digests[0].add(rows());
        self.insert(kinds::MATCHES, rows()).await?;
        let sides = numbered.iter().flat_map(|(id, found)| {
            let left = found.left.iter().map(move |item| ("left", *id, item));
            left.chain(found.right.iter().map(move |item| ("right", *id, item)))
        });
        let items: Vec<_> = (serial..).zip(sides).collect();
        let before = &adding.before;
        let again = |side: &str, item: &ItemRef| {
            if before.is_empty() {
                return None;
            }
            let key = (reconciliation.to_owned(), side.to_owned(), *item);
            before.get(&key).copied()
        };
        let rows = || {
            items.iter().map(|(serial, (side, id, (item, amount)))| {
                [
                    Field::Text(reconciliation),
                    Field::Text(side),
                    Field::Int(item.kind.number()),
                    Field::Int(item.id),
                    Field::Int(item.sub),
                    Field::Int(*id),
                    Field::Int(*amount),
                    Field::Int(*serial),
                    Field::int(again(side, item)),
                ]
            })
        };
        adding.digests[1].add(rows());
        self.insert(kinds::MATCH_ITEMS, rows()).await?;
        adding.next = [id + count(numbered.len()), serial + count(items.len())];
        Ok(())
    }

    /// Covers the matches that were added.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn end_matches(
        &mut self,
        added: NewMatches,
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        let records = [&kinds::MATCH, &kinds::MATCH_ITEM];
        for ((record, digest), (first, next)) in records
            .into_iter()
            .zip(added.digests)
            .zip(added.first.into_iter().zip(added.next))
        {
            if next > first {
                let span = Span::keys(first, next - 1);
                let link = NewLink::over(record, span, digest.finish());
                self.append_records(vec![link], stamp).await?;
            }
        }
        Ok(())
    }
}
