//! What reconciliation keeps from run to run: how far it has read, what is open, what matched items sum up to, and under
//! which names they are asked for.
//!
//! All of it follows from entries, lines and matches. It spares a run the reading of history, is made anew where the
//! plan is another, and `tieout verify` holds it against the rows.

use crate::bulk::Kind::{Int, Text};
use crate::bulk::{Field, Table};
use crate::{Snapshot, StoreError, Tx};
use chrono::NaiveDate;
use ledger::{Hash, ItemRef, Movement};
use sqlx_macros::FromRow;
use std::collections::BTreeMap;

/// The sides of a reconciliation, as the books call them: both, and the fees that are compared on their own.
pub const SIDES: [&str; 4] = ["left", "right", "left fee", "right fee"];

const OPEN_ITEMS: Table<5> = Table {
    name: "open_item",
    columns: [
        ("reconciliation", Text),
        ("side", Text),
        ("item_kind", Int),
        ("item_id", Int),
        ("item_sub", Int),
    ],
};

const MATCHED_SUMS: Table<5> = Table {
    name: "matched_sum",
    columns: [
        ("reconciliation", Text),
        ("side", Text),
        ("currency_id", Int),
        ("movement", Text),
        ("amount", Int),
    ],
};

const MATCHED_NAMES: Table<3> = Table {
    name: "matched_name",
    columns: [("reconciliation", Text), ("name", Int), ("match_id", Int)],
};

/// How far the books reach: the last of each kind of row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow)]
pub struct Reached {
    /// Entries.
    pub entry_id: i64,
    /// Lines of settlement files.
    pub line_id: i64,
    /// Lines that were completed.
    pub completion_id: i64,
    /// Statements.
    pub statement_id: i64,
    /// Matches that were taken back.
    pub undone_id: i64,
}

/// How far a reconciliation has read.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Of its plan, and of all that decides which items it has.
    pub plan: Hash,
    /// The last rows that it has read.
    pub reached: Reached,
    /// The last day at the ledger's side.
    pub left_until: Option<NaiveDate>,
    /// The last day on which the ledger booked a fee.
    pub fees_until: Option<NaiveDate>,
}

/// What lines of a payout say of it, in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub struct PayoutLines {
    /// What lines sum up to that it is made of.
    pub contents: i64,
    /// What lines say that are the payout itself: what leaves the processor is below zero.
    pub stated: i64,
    /// The fees of its lines.
    pub fee: i64,
    /// The last day of its lines.
    pub last_on: NaiveDate,
}

impl PayoutLines {
    /// No line yet, but a day.
    pub const fn none(on: NaiveDate) -> Self {
        Self {
            contents: 0,
            stated: 0,
            fee: 0,
            last_on: on,
        }
    }

    /// These and others. None beyond 64 bits.
    pub fn plus(self, other: Self) -> Option<Self> {
        Some(Self {
            contents: self.contents.checked_add(other.contents)?,
            stated: self.stated.checked_add(other.stated)?,
            fee: self.fee.checked_add(other.fee)?,
            last_on: self.last_on.max(other.last_on),
        })
    }

    /// What leaves the processor: as it says itself, or else what the lines sum up to. None beyond 64 bits.
    pub const fn amount(&self) -> Option<i64> {
        if self.stated == 0 {
            Some(self.contents)
        } else {
            self.stated.checked_neg()
        }
    }
}

/// What a reconciliation has read of a payout, and done with it, in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub struct PayoutSum {
    /// The payout.
    pub payout_id: i64,
    /// What its lines say.
    #[sqlx(flatten)]
    pub lines: PayoutLines,
    /// How much of it is matched.
    pub matched: i64,
    /// In how many parts.
    pub parts: i64,
    /// How much of its fees has tied.
    pub tied_fee: i64,
}

impl PayoutSum {
    /// Of which nothing is matched.
    pub const fn new(payout_id: i64, lines: PayoutLines) -> Self {
        Self {
            payout_id,
            lines,
            matched: 0,
            parts: 0,
            tied_fee: 0,
        }
    }

    /// What of it is not matched. None beyond 64 bits.
    pub fn rest(&self) -> Option<i64> {
        self.lines.amount()?.checked_sub(self.matched)
    }

    /// What of its fees has not tied, as what is taken: below zero. None beyond 64 bits.
    pub const fn fee_rest(&self) -> Option<i64> {
        self.tied_fee.checked_sub(self.lines.fee)
    }
}

/// An open item that something other than a run has matched.
#[derive(Clone, Copy, Debug)]
pub struct MatchedApart {
    /// The side.
    pub side: &'static str,
    /// The item.
    pub item: ItemRef,
    /// The match.
    pub match_id: i64,
    /// In minor units.
    pub amount: i64,
}

/// Sums of matched items: by side, currency (ISO number) and movement (empty where the plan declares none).
pub type MatchedSums = BTreeMap<(&'static str, i64, &'static str), i64>;

/// What a run leaves for the next one.
#[derive(Debug)]
pub struct Kept<'k> {
    /// How far it has read.
    pub mark: &'k Mark,
    /// What is open, by side.
    pub open: &'k [(&'static str, ItemRef)],
    /// What matched items sum up to.
    pub sums: &'k MatchedSums,
    /// Payouts of which it has read something new, or matched something.
    pub payouts: &'k [PayoutSum],
    /// Names of what was matched before and had none, each with its match, in order.
    pub names: &'k [(i64, i64)],
    /// Whether nothing that was kept before is worth anything.
    pub anew: bool,
}

fn side_of(name: &str) -> Result<&'static str, StoreError> {
    let found = SIDES.into_iter().find(|side| *side == name);
    found.ok_or_else(|| StoreError::Corrupt(format!("`{name}` is no side of a reconciliation")))
}

fn movement_of(name: &str) -> Result<&'static str, StoreError> {
    let found = Movement::ALL.into_iter().map(Movement::name);
    let mut found = found.chain([""]).filter(|known| *known == name);
    found
        .next()
        .ok_or_else(|| StoreError::Corrupt(format!("there is no movement `{name}`")))
}

fn item_of(kind: i64, id: i64, sub: i64) -> Result<ItemRef, StoreError> {
    ItemRef::from_numbers(kind, id, sub)
        .ok_or_else(|| StoreError::Corrupt(format!("{kind} is no kind of item")))
}

impl Snapshot {
    /// How far the books reach.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn reached(&self) -> Result<Reached, StoreError> {
        Ok(on_snapshot!(self, db => sqlx::query_as(sql!("items/reached")).fetch_one(db).await?))
    }

    /// How far a reconciliation has read; none before its first run.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn mark(&self, reconciliation: &str) -> Result<Option<Mark>, StoreError> {
        type Row = (
            Vec<u8>,
            i64,
            i64,
            i64,
            i64,
            i64,
            Option<NaiveDate>,
            Option<NaiveDate>,
        );
        let row: Option<Row> = on_snapshot!(self, db => sqlx::query_as(sql!("items/mark"))
            .bind(reconciliation).fetch_optional(db).await?);
        let Some((plan, entry_id, line_id, completion_id, statement_id, undone_id, left, fees)) =
            row
        else {
            return Ok(None);
        };
        Ok(Some(Mark {
            plan: Hash::from_slice(&plan).ok_or_else(|| {
                StoreError::Corrupt("a reconciliation's plan has a malformed hash".to_owned())
            })?,
            reached: Reached {
                entry_id,
                line_id,
                completion_id,
                statement_id,
                undone_id,
            },
            left_until: left,
            fees_until: fees,
        }))
    }

    /// Whether what was read up to a mark is not what it was: matched entries were taken back, or matches themselves, or a
    /// more final statement covers days of an earlier one.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn has_turned(&self, reconciliation: &str, mark: &Mark) -> Result<bool, StoreError> {
        let superseded: i64 = on_snapshot!(self, db => sqlx::query_scalar(sql!("items/superseded"))
            .bind(mark.reached.statement_id).fetch_one(db).await?);
        let taken_back: i64 = on_snapshot!(self, db => sqlx::query_scalar(sql!("items/taken_back"))
            .bind(reconciliation).bind(mark.reached.entry_id).fetch_one(db).await?);
        let undone: i64 = on_snapshot!(self, db => sqlx::query_scalar(sql!("items/undone"))
            .bind(reconciliation).bind(mark.reached.undone_id).fetch_one(db).await?);
        Ok(superseded + taken_back + undone > 0)
    }

    /// What matched items sum up to, as the last run kept it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn matched_sums(&self, reconciliation: &str) -> Result<MatchedSums, StoreError> {
        let rows: Vec<(String, i64, String, i64)> = on_snapshot!(self, db =>
            sqlx::query_as(sql!("items/matched_sums")).bind(reconciliation).fetch_all(db).await?);
        rows.into_iter()
            .map(|(side, currency, movement, amount)| {
                Ok(((side_of(&side)?, currency, movement_of(&movement)?), amount))
            })
            .collect()
    }

    /// Open items that something other than a run has matched.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn matched_apart(
        &self,
        reconciliation: &str,
    ) -> Result<Vec<MatchedApart>, StoreError> {
        let rows: Vec<(String, i64, i64, i64, i64, i64)> = on_snapshot!(self, db =>
            sqlx::query_as(sql!("items/matched_apart")).bind(reconciliation).fetch_all(db).await?);
        rows.into_iter()
            .map(|(side, kind, id, sub, match_id, amount)| {
                Ok(MatchedApart {
                    side: side_of(&side)?,
                    item: item_of(kind, id, sub)?,
                    match_id,
                    amount,
                })
            })
            .collect()
    }

    /// All that is kept open.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_items(
        &self,
        reconciliation: &str,
    ) -> Result<Vec<(&'static str, ItemRef)>, StoreError> {
        let rows: Vec<(String, i64, i64, i64)> = on_snapshot!(self, db =>
            sqlx::query_as(sql!("items/open")).bind(reconciliation).fetch_all(db).await?);
        rows.into_iter()
            .map(|(side, kind, id, sub)| Ok((side_of(&side)?, item_of(kind, id, sub)?)))
            .collect()
    }

    /// What was read of the payouts that are open, themselves or their fees.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn open_payout_sums(
        &self,
        reconciliation: &str,
    ) -> Result<Vec<PayoutSum>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("items/open_payout_sums"))
            .bind(reconciliation).fetch_all(db).await?),
        )
    }

    /// What was read of a payout.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn payout_sum(
        &self,
        reconciliation: &str,
        payout: i64,
    ) -> Result<Option<PayoutSum>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("items/payout_sums"))
            .bind(reconciliation).bind(payout).fetch_optional(db).await?),
        )
    }
}

impl Tx {
    /// Leaves for the next run what it needs.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn keep(&mut self, reconciliation: &str, kept: &Kept<'_>) -> Result<(), StoreError> {
        self.clear_kept(reconciliation, kept.anew).await?;
        let open = kept.open.iter().map(|(side, item)| {
            [
                Field::Text(reconciliation),
                Field::Text(side),
                Field::Int(item.kind.number()),
                Field::Int(item.id),
                Field::Int(item.sub),
            ]
        });
        self.insert(OPEN_ITEMS, open).await?;
        let sums = kept
            .sums
            .iter()
            .map(|((side, currency, movement), amount)| {
                [
                    Field::Text(reconciliation),
                    Field::Text(side),
                    Field::Int(*currency),
                    Field::Text(movement),
                    Field::Int(*amount),
                ]
            });
        self.insert(MATCHED_SUMS, sums).await?;
        self.insert_names(reconciliation, kept.names.iter().copied())
            .await?;
        for sum in kept.payouts {
            on_tx!(&mut *self, db => sqlx::query(sql!("items/put_payout"))
                .bind(reconciliation).bind(sum.payout_id).bind(sum.lines.contents).bind(sum.lines.stated)
                .bind(sum.lines.fee).bind(sum.lines.last_on).bind(sum.matched).bind(sum.parts).bind(sum.tied_fee)
                .execute(db).await?.rows_affected());
        }
        let mark = kept.mark;
        let reached = mark.reached;
        on_tx!(self, db => sqlx::query(sql!("items/put_mark"))
            .bind(reconciliation).bind(mark.plan.as_bytes().as_slice()).bind(reached.entry_id)
            .bind(reached.line_id).bind(reached.completion_id).bind(reached.statement_id).bind(reached.undone_id)
            .bind(mark.left_until).bind(mark.fees_until).execute(db).await?.rows_affected());
        Ok(())
    }

    async fn clear_kept(&mut self, reconciliation: &str, anew: bool) -> Result<(), StoreError> {
        let mut statements = vec![sql!("items/clear_open"), sql!("items/clear_sums")];
        if anew {
            statements.extend([sql!("items/clear_names"), sql!("items/clear_payouts")]);
        }
        for statement in statements {
            on_tx!(&mut *self, db => sqlx::query(statement)
                .bind(reconciliation).execute(db).await?.rows_affected());
        }
        Ok(())
    }

    /// Adds names of what was matched, each with its match, in order.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_names(
        &mut self,
        reconciliation: &str,
        names: impl ExactSizeIterator<Item = (i64, i64)> + Send,
    ) -> Result<(), StoreError> {
        let rows = names.map(|(name, of)| {
            [
                Field::Text(reconciliation),
                Field::Int(name),
                Field::Int(of),
            ]
        });
        self.insert(MATCHED_NAMES, rows).await
    }
}
