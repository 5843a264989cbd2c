//! Settlement files as received, their statements and lines.
//!
//! A line has a key made of its account and its identity there; overlapping files bring it again and it is
//! counted once. A file comes piece by piece (`settlement/take.rs`), and a line that is known already is
//! compared with what is known of it (`settlement/fate.rs`): the same, completed, or in conflict.

mod fate;
mod file;
mod row;
mod sight;
mod take;

pub use file::{FileReader, FileRow};
pub use sight::{NewSight, Outcome as SightOutcome, SightRow};
pub use take::{Announced, NewFile, Taken, TakenStatement, Taking};

use crate::{Snapshot, StoreError};
use chrono::NaiveDate;
use ledger::cash::line_key;
use ledger::hash::EventKey;
use ledger::{Currency, ItemRef, Origin, SettlementLine};
use sqlx_macros::FromRow;

/// A line as the books have it.
#[derive(Clone, Debug)]
pub struct StoredLine {
    /// Its number.
    pub id: i64,
    /// Whose.
    pub origin: Origin,
    /// The account.
    pub account: String,
    /// The number of its payout, where it has one.
    pub payout_id: Option<i64>,
    /// The number of the file that brought it.
    pub file_id: i64,
    /// The file's name.
    pub file: String,
    /// The line.
    pub line: SettlementLine,
}

impl StoredLine {
    /// What it is called as an item.
    pub const fn item(&self) -> ItemRef {
        ItemRef::line(self.origin, self.id)
    }

    /// What it is called in the books.
    pub fn key(&self) -> EventKey {
        line_key(self.origin, &self.account, &self.line.identity)
    }
}

/// A stored statement.
#[derive(Clone, Debug, FromRow)]
pub struct StatementRow {
    /// Its number.
    pub id: i64,
    /// The file.
    pub file: String,
    /// `processor` or `bank`.
    pub origin: String,
    /// The account.
    pub account: String,
    /// What it calls itself.
    pub identity: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// The opening balance.
    pub opening: Option<i64>,
    /// The closing balance.
    pub closing: Option<i64>,
    /// The sum of its lines.
    pub total: i64,
    /// The first day.
    pub start_on: NaiveDate,
    /// The last day.
    pub end_on: NaiveDate,
    /// Whether opening + lines = closing.
    pub verdict: String,
    /// `final`, `interim` or `notice`.
    pub basis: String,
    /// Its number among the statements of its account.
    pub sequence: Option<i64>,
    /// Which page of a statement it is.
    pub page: Option<i64>,
    /// Whether that is the last one: 1 or 0.
    pub is_last_page: Option<i64>,
    /// The day on which its file was made.
    pub made_on: Option<NaiveDate>,
    /// How many lines it has.
    pub lines: i64,
    /// Whether all of it stands in another statement: 1 or 0.
    pub superseded: i64,
}

impl StatementRow {
    /// Whether it contradicts itself, and no other statement stands in its place.
    pub fn is_open(&self) -> bool {
        self.superseded == 0 && self.verdict.starts_with("does not close")
    }
}

/// What a payout's lines sum up to.
#[derive(Clone, Debug, FromRow)]
pub struct PayoutTotal {
    /// What the processor calls it.
    pub identity: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// How many lines it has.
    pub lines: i64,
    /// What they move, in minor units.
    pub net: i64,
    /// The day on which it was paid.
    pub paid_on: Option<NaiveDate>,
}

/// A bank's statement that has a line which another one brought.
#[derive(Clone, Copy, Debug, FromRow)]
pub struct RepeatRow {
    /// The statement.
    pub statement_id: i64,
    /// The line.
    pub line_id: i64,
    /// The statement that brought it.
    pub owner: i64,
    /// What it moved.
    pub net: i64,
}

/// A line that came again with other money.
#[derive(Clone, Debug, FromRow)]
pub struct ConflictRow {
    /// The line.
    pub identity: String,
    /// Its account.
    pub account: String,
    /// The file that contradicts.
    pub file: String,
    /// At which of its lines.
    pub position: i64,
    /// What it says.
    pub what: String,
    /// The file that brought the line.
    pub before_file: String,
    /// At which of its lines.
    pub before_position: i64,
}

/// Which days the files of an account in one currency cover.
#[derive(Clone, Debug, FromRow)]
pub struct CoverageRow {
    /// `processor` or `bank`.
    pub origin: String,
    /// The account.
    pub account: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// The first day covered.
    pub covered_from: NaiveDate,
    /// The last day covered, which is never later than the files were made.
    pub covered_on: NaiveDate,
}

/// What a file brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct SettleSummary {
    /// Files that were new.
    pub files: i64,
    /// Files seen before, byte for byte.
    pub repeated_files: i64,
    /// Lines that were new.
    pub lines: i64,
    /// Lines that another file had brought.
    pub repeated_lines: i64,
    /// Of these, lines of which something was not known before.
    pub completed_lines: i64,
    /// Of these, lines that say other money than before.
    pub conflicts: i64,
    /// Statements whose opening + lines is not their closing.
    pub open_statements: i64,
    /// Statements of earlier files that stand in a later one.
    pub superseded_statements: i64,
}

impl SettleSummary {
    /// Counts another file in.
    pub const fn add(&mut self, other: Self) {
        self.files += other.files;
        self.repeated_files += other.repeated_files;
        self.lines += other.lines;
        self.repeated_lines += other.repeated_lines;
        self.completed_lines += other.completed_lines;
        self.conflicts += other.conflicts;
        self.open_statements += other.open_statements;
        self.superseded_statements += other.superseded_statements;
    }
}

/// A currency's number in the books.
fn numeric(currency: Currency) -> i64 {
    i64::from(currency.numeric())
}

/// What stands between two references of a line.
const BETWEEN: &str = "\n";

impl Snapshot {
    /// All lines of processors' or banks' files that count.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn settlement_lines(&self, origin: Origin) -> Result<Vec<StoredLine>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("settlement/lines"))
            .bind(origin.name()).fetch_all(db).await)?,
        )
    }

    /// Lines with this identity, payout, or one of their references.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn settlement_lines_named(&self, text: &str) -> Result<Vec<StoredLine>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("settlement/lines_by_text"))
            .bind(text).bind(BETWEEN).fetch_all(db).await)?,
        )
    }

    /// A line by its number.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn settlement_line(&self, id: i64) -> Result<Option<StoredLine>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("settlement/line"))
            .bind(id).fetch_optional(db).await)?,
        )
    }

    /// What a payout's lines sum up to; none where no line of it counts.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn payout(&self, id: i64) -> Result<Option<PayoutTotal>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("settlement/payout"))
            .bind(id).fetch_optional(db).await)?,
        )
    }

    /// All statements.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn statements(&self) -> Result<Vec<StatementRow>, StoreError> {
        Ok(on_snapshot!(self, db =>
            sqlx::query_as(sql!("settlement/statements")).fetch_all(db).await)?)
    }

    /// What the lines sum up to that each statement of a bank brought first, by the statement's number.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn statement_sums(&self) -> Result<Vec<(i64, i64)>, StoreError> {
        Ok(on_snapshot!(self, db =>
            sqlx::query_as(sql!("settlement/own_sums")).fetch_all(db).await)?)
    }

    /// Lines that stand in several statements of a bank.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn settlement_repeats(&self) -> Result<Vec<RepeatRow>, StoreError> {
        Ok(on_snapshot!(self, db =>
            sqlx::query_as(sql!("settlement/repeats")).fetch_all(db).await)?)
    }

    /// Lines that came again with other money.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn settlement_conflicts(&self) -> Result<Vec<ConflictRow>, StoreError> {
        Ok(on_snapshot!(self, db =>
            sqlx::query_as(sql!("settlement/conflicts")).fetch_all(db).await)?)
    }

    /// Which days the files of each account cover, in each currency.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn coverage(&self) -> Result<Vec<CoverageRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("settlement/coverage")).fetch_all(db).await)?,
        )
    }
}
