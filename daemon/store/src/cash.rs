//! Cash as reports ask for it: sums by day, payout, month and pass, which the database makes. What is listed
//! line by line is read in pages.

use crate::{Snapshot, StoreError};
use chrono::NaiveDate;
use sqlx_macros::FromRow;

/// Which items are a side of a reconciliation.
#[derive(Clone, Debug)]
pub struct SideOf {
    /// The reconciliation.
    pub reconciliation: String,
    /// `left` or `right`.
    pub side: &'static str,
    /// The kind of its items, as [`ledger::ItemKind`] numbers them.
    pub item_kind: i64,
    /// The ledger's account, the processor, or the bank's accounts, each between bars; empty for any.
    pub account: String,
    /// The events that count, each between bars (`|a|b|`); empty for all.
    pub words: String,
    /// What a bank's line must say, in small letters; empty for anything.
    pub text: String,
}

/// A side's items of one day that were matched on one day, or not.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct SideRow {
    /// The items' day.
    pub on_day: NaiveDate,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// 1 where the reconciliation compares them, 0 where they only stand on its account.
    pub compared: i64,
    /// From which day on their matches are whole; none where there is none.
    pub done_on: Option<NaiveDate>,
    /// Their sum.
    pub amount: i64,
    /// How many.
    pub items: i64,
}

/// An item that is not matched on a day.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct OutstandingRow {
    /// Its day.
    pub on_day: NaiveDate,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// Its signed amount.
    pub amount: i64,
    /// Its account.
    pub account: String,
    /// What people look for.
    pub reference: String,
    /// The event's type or the sender's word.
    pub word: String,
    /// The later day on which it was matched, if it was.
    pub done_on: Option<NaiveDate>,
}

/// Matches that became whole on one day.
#[derive(Clone, Debug, FromRow)]
pub struct MatchDayRow {
    /// The day.
    pub done_on: NaiveDate,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// Sum at the left.
    pub left_amount: i64,
    /// Sum at the right.
    pub right_amount: i64,
}

/// A bank account's lines of a day.
#[derive(Clone, Debug, FromRow)]
pub struct BankDayRow {
    /// The account.
    pub account: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// The day.
    pub booked_on: NaiveDate,
    /// Their sum.
    pub amount: i64,
    /// How many.
    pub lines: i64,
}

/// The lines of a payout that are of one kind.
#[derive(Clone, Debug, FromRow)]
pub struct ComponentRow {
    /// The payout's number.
    pub payout_id: i64,
    /// The processor.
    pub account: String,
    /// What the processor calls it.
    pub identity: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// The number of their movement.
    pub movement: i64,
    /// The sender's word.
    pub kind: String,
    /// Before fees.
    pub gross: i64,
    /// Fees withheld.
    pub fee: i64,
    /// After fees.
    pub net: i64,
    /// How many.
    pub lines: i64,
    /// The payout's day.
    pub paid_on: NaiveDate,
}

/// A processor's own row about a payout.
#[derive(Clone, Debug, FromRow)]
pub struct PayoutRow {
    /// The line.
    pub id: i64,
    /// The processor.
    pub account: String,
    /// The payout that it is about.
    pub reference: String,
    /// The payout that it is a line of, if it is one.
    pub payout: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// The number of its movement.
    pub movement: i64,
    /// The sender's word.
    pub kind: String,
    /// What it moves.
    pub net: i64,
    /// Its day.
    pub booked_on: NaiveDate,
}

/// A payout in a match with lines of a bank.
#[derive(Clone, Debug, FromRow)]
pub struct DepositRow {
    /// 2 a processor's line, 4 a payout.
    pub item_kind: i64,
    /// Its number.
    pub item_id: i64,
    /// The match.
    pub match_id: i64,
    /// Its amount.
    pub amount: i64,
    /// How many payouts the match has.
    pub payouts: i64,
    /// What arrived for all of them.
    pub deposited: i64,
    /// What was expected of all of them.
    pub expected: i64,
    /// The first of them.
    pub first_item: i64,
    /// The day on which the last of it arrived.
    pub arrived_on: NaiveDate,
}

/// What the newest run finds wrong with a payout.
#[derive(Clone, Debug, FromRow)]
pub struct PayoutBreakRow {
    /// 2 a processor's line, 4 a payout.
    pub item_kind: i64,
    /// Its number.
    pub item_id: i64,
    /// What is wrong.
    pub kind: String,
}

/// The parts of a line's fee.
#[derive(Clone, Debug, FromRow)]
pub struct FeePartsRow {
    /// The line.
    pub id: i64,
    /// Its payout; 0 where it has none yet.
    pub payout_id: i64,
    /// The processor.
    pub account: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// Its day.
    pub booked_on: NaiveDate,
    /// `kind:amount`, with blanks between.
    pub fee_parts: String,
}

/// A line that is a fee or a tax itself.
#[derive(Clone, Debug, FromRow)]
pub struct FeeLineRow {
    /// The line.
    pub id: i64,
    /// The processor.
    pub account: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// Its day.
    pub booked_on: NaiveDate,
    /// The number of its movement.
    pub movement: i64,
    /// The sender's word.
    pub kind: String,
    /// What it says.
    pub description: String,
    /// What it moves: a fee is below zero.
    pub net: i64,
}

/// What a processor charged and withheld in a month.
#[derive(Clone, Debug, FromRow)]
pub struct WithheldRow {
    /// The processor.
    pub account: String,
    /// `2026-01`.
    pub month: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// What customers paid.
    pub charged: i64,
    /// Fees withheld from lines.
    pub fee: i64,
    /// How many charges.
    pub charges: i64,
}

/// An account's lines of one entity, period and currency.
#[derive(Clone, Debug, FromRow)]
pub struct ClearingSumRow {
    /// The entity.
    pub entity: String,
    /// The period.
    pub period: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// Sum of debits.
    pub debit: i64,
    /// Sum of credits.
    pub credit: i64,
    /// How many lines.
    pub lines: i64,
}

/// Breaks of one kind and age.
#[derive(Clone, Debug, FromRow)]
pub struct AgeRow {
    /// The reconciliation.
    pub reconciliation: String,
    /// What is wrong.
    pub kind: String,
    /// How it stands.
    pub status: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// Days.
    pub age_days: i64,
    /// 1 where it comes from a match, which has its items.
    pub lasting: i64,
    /// How many.
    pub breaks: i64,
    /// Their sum: left less right.
    pub amount: i64,
    /// The sum of those that the right side lacks; the rest of them the left side lacks.
    pub lacking: i64,
}

/// What a pass matched.
#[derive(Clone, Debug, FromRow)]
pub struct QualityRow {
    /// The reconciliation.
    pub reconciliation: String,
    /// The pass.
    pub pass: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// How many matches.
    pub matches: i64,
    /// Sum at the left, without signs.
    pub left_amount: i64,
    /// Sum at the right, without signs.
    pub right_amount: i64,
    /// Left less right, with signs.
    pub difference: i64,
    /// How many of them are equal to the minor unit.
    pub exact: i64,
}

impl Snapshot {
    /// A side of a reconciliation by day, and by the day on which its items were matched.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn side_by_day(&self, of: &SideOf) -> Result<Vec<SideRow>, StoreError> {
        Ok(on_snapshot!(self, db => sqlx::query_as(sql!("cash/sides"))
            .bind(&of.reconciliation).bind(of.side).bind(of.item_kind)
            .bind(&of.account).bind(&of.words).bind(&of.text)
            .fetch_all(db).await?))
    }

    /// What of a side is not matched by the end of a day, the oldest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn outstanding(
        &self,
        of: &SideOf,
        on: NaiveDate,
        most: i64,
    ) -> Result<Vec<OutstandingRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("cash/outstanding"))
            .bind(&of.reconciliation).bind(of.side).bind(of.item_kind)
            .bind(&of.account).bind(&of.words).bind(&of.text).bind(on).bind(most)
            .fetch_all(db).await?),
        )
    }

    /// What a reconciliation's matches come to, by the day on which they are whole.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn match_days(&self, reconciliation: &str) -> Result<Vec<MatchDayRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("cash/match_days"))
            .bind(reconciliation).fetch_all(db).await?),
        )
    }

    /// Bank accounts by day.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn bank_days(&self) -> Result<Vec<BankDayRow>, StoreError> {
        Ok(on_snapshot!(self, db => sqlx::query_as(sql!("cash/bank_days")).fetch_all(db).await?))
    }

    /// What payouts are made of; of one processor, or of all (`""`).
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn payout_components(&self, account: &str) -> Result<Vec<ComponentRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("cash/payout_components"))
            .bind(account).fetch_all(db).await?),
        )
    }

    /// The processors' own rows about payouts.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn payout_rows(&self, account: &str) -> Result<Vec<PayoutRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("cash/payout_rows"))
            .bind(account).fetch_all(db).await?),
        )
    }

    /// Payouts that arrived at a bank.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn deposits(&self) -> Result<Vec<DepositRow>, StoreError> {
        Ok(on_snapshot!(self, db => sqlx::query_as(sql!("cash/deposits")).fetch_all(db).await?))
    }

    /// What is wrong with payouts.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn payout_breaks(&self) -> Result<Vec<PayoutBreakRow>, StoreError> {
        Ok(on_snapshot!(self, db =>
            sqlx::query_as(sql!("cash/payout_breaks")).fetch_all(db).await?))
    }

    /// Parts of fees of lines after one.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn fee_parts(
        &self,
        account: &str,
        after: i64,
        most: i64,
    ) -> Result<Vec<FeePartsRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("cash/fee_parts"))
            .bind(after).bind(account).bind(most).fetch_all(db).await?),
        )
    }

    /// Lines after one that are fees or taxes.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn fee_lines(
        &self,
        account: &str,
        after: i64,
        most: i64,
    ) -> Result<Vec<FeeLineRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("cash/fee_lines"))
            .bind(after).bind(account).bind(most).fetch_all(db).await?),
        )
    }

    /// What was charged and withheld, by processor and month.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn withheld(&self, account: &str) -> Result<Vec<WithheldRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("cash/withheld"))
            .bind(account).fetch_all(db).await?),
        )
    }

    /// An account by entity, currency and period, summed from its lines.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn clearing_sums(&self, account: &str) -> Result<Vec<ClearingSumRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("cash/clearing"))
            .bind(account).fetch_all(db).await?),
        )
    }

    /// Breaks by kind and age.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn ageing(&self) -> Result<Vec<AgeRow>, StoreError> {
        Ok(on_snapshot!(self, db => sqlx::query_as(sql!("cash/ageing")).fetch_all(db).await?))
    }

    /// What each pass matched.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn match_quality(&self) -> Result<Vec<QualityRow>, StoreError> {
        Ok(on_snapshot!(self, db => sqlx::query_as(sql!("cash/quality")).fetch_all(db).await?))
    }
}
