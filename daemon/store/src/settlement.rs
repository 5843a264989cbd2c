//! Settlement files as received, their statements and lines.
//!
//! A line has a key made of its account and its identity there; overlapping files bring it again
//! and it is counted once.

use crate::bulk::Kind::{Bytes, Day, Int, Text};
use crate::bulk::{Field, Table};
use crate::intake::Stamp;
use crate::{Snapshot, StoreError, Tx};
use chrono::NaiveDate;
use ledger::Hash;
use ledger::hash::{EventKey, hex};
use sqlx::FromRow;
use std::collections::BTreeSet;

/// A file to be written.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// Its name.
    pub name: String,
    /// The format that read it.
    pub format: String,
    /// Its bytes.
    pub raw: Vec<u8>,
    /// Its statements.
    pub statements: Vec<NewStatement>,
}

/// A statement of an account.
#[derive(Clone, Debug)]
pub struct NewStatement {
    /// `processor` or `bank`.
    pub origin: String,
    /// The account.
    pub account: String,
    /// What the statement calls itself.
    pub identity: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// The opening balance, where the format has one.
    pub opening: Option<i64>,
    /// The closing balance, where the format has one.
    pub closing: Option<i64>,
    /// The sum of its lines.
    pub total: i64,
    /// The first day.
    pub start_on: NaiveDate,
    /// The last day.
    pub end_on: NaiveDate,
    /// `closes`, `no balances`, or what does not hold.
    pub verdict: String,
    /// The lines.
    pub lines: Vec<NewLine>,
}

/// A line to be written. Amounts are minor units, signed as the account holder sees them.
#[derive(Clone, Debug)]
pub struct NewLine {
    /// Its identity within the account.
    pub identity: String,
    /// Its place in the file: line or element number.
    pub position: i64,
    /// `charge`, `refund`, `dispute`, `dispute_reversal`, `fee`, `payout`, `deposit`, ….
    pub kind: String,
    /// What it refers to at the other side.
    pub reference: String,
    /// The payout that it belongs to.
    pub payout: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// Before fees.
    pub gross: i64,
    /// Fees.
    pub fee: i64,
    /// Gross less fees.
    pub net: i64,
    /// The day it was booked.
    pub booked_on: NaiveDate,
    /// The day its payout was made.
    pub paid_on: Option<NaiveDate>,
    /// Free text.
    pub description: String,
    /// The line as it stood in the file.
    pub raw: String,
}

/// A stored line.
#[derive(Clone, Debug, FromRow)]
pub struct LineRow {
    /// Its number.
    pub id: i64,
    /// `processor` or `bank`.
    pub origin: String,
    /// The account.
    pub account: String,
    /// Its identity within the account.
    pub identity: String,
    /// What it is.
    pub kind: String,
    /// What it refers to.
    pub reference: String,
    /// The payout.
    pub payout: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// Before fees.
    pub gross: i64,
    /// Fees.
    pub fee: i64,
    /// Gross less fees.
    pub net: i64,
    /// The day it was booked.
    pub booked_on: NaiveDate,
    /// The day its payout was made.
    pub paid_on: Option<NaiveDate>,
    /// Free text.
    pub description: String,
    /// The file.
    pub file: String,
    /// Its place there.
    pub position: i64,
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
}

/// How far an account's files reach.
#[derive(Clone, Debug, FromRow)]
pub struct CoverageRow {
    /// `processor` or `bank`.
    pub origin: String,
    /// The account.
    pub account: String,
    /// The last day covered.
    pub covered_on: NaiveDate,
}

/// A stored file, to be checked against its hash.
#[derive(Clone, Debug, FromRow)]
pub struct FileRow {
    /// Its number.
    pub id: i64,
    /// Its hash.
    pub hash: Vec<u8>,
    /// Its name.
    pub name: String,
    /// The format that read it.
    pub format: String,
    /// Its bytes.
    pub raw: Vec<u8>,
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
    /// Statements whose opening + lines is not their closing.
    pub open_statements: i64,
}

#[derive(Debug, FromRow)]
struct LastIds {
    file: i64,
    statement: i64,
    line: i64,
}

struct KeyedLine<'a> {
    id: i64,
    statement_id: i64,
    key: EventKey,
    line: &'a NewLine,
    statement: &'a NewStatement,
}

impl Snapshot {
    /// All lines of `processor` or `bank` files.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn settlement_lines(&self, origin: &str) -> Result<Vec<LineRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("settlement/lines"))
            .bind(origin).fetch_all(db).await)?,
        )
    }

    /// Lines with this identity, reference or payout.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn settlement_lines_named(&self, text: &str) -> Result<Vec<LineRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("settlement/lines_by_text"))
            .bind(text).fetch_all(db).await)?,
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

    /// How far the files of each account reach.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn coverage(&self) -> Result<Vec<CoverageRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("settlement/coverage")).fetch_all(db).await)?,
        )
    }

    /// All files.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn settlement_files(&self) -> Result<Vec<FileRow>, StoreError> {
        Ok(on_snapshot!(self, db => sqlx::query_as(sql!("settlement/files")).fetch_all(db).await)?)
    }
}

impl Tx {
    /// Takes a file: its bytes, statements, and the lines that no earlier file brought.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn take_file(
        &mut self,
        file: &NewFile,
        stamp: &Stamp,
    ) -> Result<SettleSummary, StoreError> {
        let hash = Hash::of(&file.raw);
        let seen: Option<i64> = on_tx!(&mut *self, db => sqlx::query_scalar(sql!("settlement/file_id"))
            .bind(hash.as_bytes().as_slice()).fetch_optional(db).await?);
        if seen.is_some() {
            return Ok(SettleSummary {
                repeated_files: 1,
                ..SettleSummary::default()
            });
        }
        let last: LastIds = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("settlement/next_ids")).fetch_one(db).await?);
        let file_id = last.file + 1;
        on_tx!(&mut *self, db => sqlx::query(sql!("settlement/insert_file"))
            .bind(file_id).bind(hash.as_bytes().as_slice()).bind(&file.name).bind(&file.format)
            .bind(stamp.now).bind(&stamp.actor).bind(file.raw.as_slice()).execute(db).await?.rows_affected());
        let mut summary = SettleSummary {
            files: 1,
            ..SettleSummary::default()
        };
        let mut known = self.known_lines(file).await?;
        let mut rows = Vec::new();
        let (mut statement_id, mut line_id) = (last.statement, last.line);
        for statement in &file.statements {
            statement_id += 1;
            self.insert_statement(statement_id, file_id, statement)
                .await?;
            summary.open_statements += i64::from(statement.verdict.starts_with("does not close"));
            for line in &statement.lines {
                let key = line_key(statement, line);
                if !known.insert(key) {
                    summary.repeated_lines += 1;
                    continue;
                }
                line_id += 1;
                summary.lines += 1;
                rows.push(KeyedLine {
                    id: line_id,
                    statement_id,
                    key,
                    line,
                    statement,
                });
            }
        }
        self.insert_settlement_lines(file_id, &rows).await?;
        Ok(summary)
    }

    async fn known_lines(&mut self, file: &NewFile) -> Result<BTreeSet<EventKey>, StoreError> {
        let keys: Vec<String> = file
            .statements
            .iter()
            .flat_map(|statement| {
                statement
                    .lines
                    .iter()
                    .map(move |line| hex(line_key(statement, line).as_bytes()))
            })
            .collect();
        let keys =
            serde_json::to_string(&keys).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let statement = sql_of!(&*self, "settlement/known");
        let rows: Vec<Vec<u8>> = on_tx!(&mut *self, db =>
            sqlx::query_scalar(statement).bind(&keys).fetch_all(db).await?);
        Ok(rows
            .iter()
            .filter_map(|key| EventKey::from_slice(key))
            .collect())
    }

    async fn insert_statement(
        &mut self,
        id: i64,
        file_id: i64,
        statement: &NewStatement,
    ) -> Result<(), StoreError> {
        if let Ok(currency) = ledger::Currency::from_numeric(statement.currency_id) {
            self.currency(currency).await?;
        }
        on_tx!(&mut *self, db => sqlx::query(sql!("settlement/insert_statement"))
            .bind(id).bind(file_id).bind(&statement.origin).bind(&statement.account).bind(&statement.identity)
            .bind(statement.currency_id).bind(statement.opening).bind(statement.closing)
            .bind(statement.total).bind(statement.start_on).bind(statement.end_on)
            .bind(&statement.verdict).execute(db).await?.rows_affected());
        on_tx!(&mut *self, db => sqlx::query(sql!("settlement/cover"))
            .bind(&statement.origin).bind(&statement.account).bind(statement.end_on)
            .execute(db).await?.rows_affected());
        Ok(())
    }

    async fn insert_settlement_lines(
        &mut self,
        file_id: i64,
        rows: &[KeyedLine<'_>],
    ) -> Result<(), StoreError> {
        let line = rows.iter().map(|row| {
            let (statement, line) = (row.statement, row.line);
            [
                Field::Int(row.id),
                Field::Bytes(row.key.as_bytes()),
                Field::Int(file_id),
                Field::Int(row.statement_id),
                Field::Int(line.position),
                Field::Text(&statement.origin),
                Field::Text(&statement.account),
                Field::Text(&line.identity),
                Field::Text(&line.kind),
                Field::Text(&line.reference),
                Field::Text(&line.payout),
                Field::Int(line.currency_id),
                Field::Int(line.gross),
                Field::Int(line.fee),
                Field::Int(line.net),
                Field::Day(line.booked_on),
                line.paid_on.map_or(Field::Null, Field::Day),
                Field::Text(&line.description),
                Field::Text(&line.raw),
            ]
        });
        self.insert(LINES, line).await
    }
}

const LINES: Table<19> = Table {
    name: "settlement_line",
    columns: [
        ("id", Int),
        ("key", Bytes),
        ("file_id", Int),
        ("statement_id", Int),
        ("position", Int),
        ("origin", Text),
        ("account", Text),
        ("identity", Text),
        ("kind", Text),
        ("reference", Text),
        ("payout", Text),
        ("currency_id", Int),
        ("gross", Int),
        ("fee", Int),
        ("net", Int),
        ("booked_on", Day),
        ("paid_on", Day),
        ("description", Text),
        ("raw", Text),
    ],
};

fn line_key(statement: &NewStatement, line: &NewLine) -> EventKey {
    EventKey::new(
        &format!("{}:{}", statement.origin, statement.account),
        &line.identity,
    )
}
