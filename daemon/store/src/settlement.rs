//! Settlement files as received, their statements and lines.
//!
//! A line has a key made of its account and its identity there; overlapping files bring it again
//! and it is counted once.

use crate::bulk::Field;
use crate::intake::Stamp;
use crate::record::{NewLink, Span, digest, kinds};
use crate::{Snapshot, StoreError, Tx};
use chrono::NaiveDate;
use ledger::cash::line_key;
use ledger::hash::{EventKey, hex};
use ledger::{Currency, Hash, ItemRef, Money, Movement, Origin, SettlementLine, Statement};
use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};
use sqlx_macros::FromRow;
use std::collections::BTreeSet;

/// A file to be written.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// Its name.
    pub name: String,
    /// The format that read it.
    pub format: String,
    /// The version of its reading.
    pub format_version: i64,
    /// The format's options, as JSON.
    pub options: String,
    /// Its bytes.
    pub raw: Vec<u8>,
    /// Its statements.
    pub statements: Vec<Statement>,
}

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

/// What a row says that no line can.
#[derive(Debug, thiserror::Error)]
#[error("settlement line {id}: {what}")]
struct Unreadable {
    id: i64,
    what: String,
}

impl<'r, R> FromRow<'r, R> for StoredLine
where
    R: Row,
    &'static str: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    NaiveDate: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let id = row.try_get("id")?;
        let unreadable = |what: String| sqlx::Error::Decode(Box::new(Unreadable { id, what }));
        let origin: String = row.try_get("origin")?;
        let origin = Origin::from_name(&origin)
            .ok_or_else(|| unreadable(format!("`{origin}` is no origin")))?;
        let movement = row.try_get("movement")?;
        let movement = Movement::from_number(movement)
            .ok_or_else(|| unreadable(format!("{movement} is no movement")))?;
        let currency = Currency::from_numeric(row.try_get("currency_id")?)
            .map_err(|error| unreadable(error.to_string()))?;
        let money = |column: &'static str| {
            let amount = row.try_get(column)?;
            Ok::<_, sqlx::Error>(Money::minor(amount, currency))
        };
        Ok(Self {
            id,
            origin,
            account: row.try_get("account")?,
            payout_id: row.try_get("payout_id")?,
            file_id: row.try_get("file_id")?,
            file: row.try_get("file")?,
            line: SettlementLine {
                identity: row.try_get("identity")?,
                place: Place { line: row.try_get::<i64,_>("position")?.unsigned_abs(), ..Place::default() },
                movement,
                kind: row.try_get("kind")?,
                references: Reference::of(ReferenceKind::Charge, row.try_get("reference")?)
                    .into_iter()
                    .collect(),
                payout: row.try_get("payout")?,
                gross: money("gross")?,
                fee: money("fee")?,
                net: money("net")?,
                booked_on: row.try_get("booked_on")?,
                paid_on: row.try_get("paid_on")?,
                description: row.try_get("description")?,
                raw: None,
            },
        })
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
    /// The version of its reading.
    pub format_version: i64,
    /// The format's options, as JSON.
    pub options: String,
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

impl SettleSummary {
    /// Counts another file in.
    pub const fn add(&mut self, other: Self) {
        self.files += other.files;
        self.repeated_files += other.repeated_files;
        self.lines += other.lines;
        self.repeated_lines += other.repeated_lines;
        self.open_statements += other.open_statements;
    }
}

#[derive(Debug, FromRow)]
struct LastIds {
    file: i64,
    statement: i64,
    line: i64,
    payout: i64,
}

struct KeyedLine<'a> {
    id: i64,
    statement_id: i64,
    key: EventKey,
    line: &'a SettlementLine,
    statement: &'a Statement,
}

/// A payout's account, identity and currency: what tells it from all others.
type PayoutName<'a> = (&'a str, &'a str, i64);

fn numeric(currency: Currency) -> i64 {
    i64::from(currency.numeric())
}

impl Snapshot {
    /// All lines of processors' or banks' files.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn settlement_lines(&self, origin: Origin) -> Result<Vec<StoredLine>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("settlement/lines"))
            .bind(origin.name()).fetch_all(db).await)?,
        )
    }

    /// Lines with this identity, reference or payout.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn settlement_lines_named(&self, text: &str) -> Result<Vec<StoredLine>, StoreError> {
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
            .bind(file.format_version).bind(&file.options).bind(stamp.now).bind(&stamp.actor).bind(file.raw.as_slice()).execute(db).await?.rows_affected());
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
            summary.open_statements += i64::from(statement.verdict().starts_with("does not close"));
            for line in &statement.lines {
                let key = statement.key(line);
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
        self.insert_payouts(last.payout, &rows).await?;
        self.seal_names(stamp).await?;
        let lines = self.insert_settlement_lines(file_id, &rows).await?;
        self.seal_rows(&kinds::SETTLEMENT_FILE, Span::one(file_id), stamp)
            .await?;
        if statement_id > last.statement {
            let span = Span::keys(last.statement + 1, statement_id);
            self.seal_rows(&kinds::STATEMENT, span, stamp).await?;
        }
        self.append_records(lines.into_iter().collect(), stamp)
            .await?;
        Ok(summary)
    }

    /// Gives every payout a number that has none yet.
    async fn insert_payouts(
        &mut self,
        last: i64,
        rows: &[KeyedLine<'_>],
    ) -> Result<(), StoreError> {
        let mut seen = BTreeSet::<PayoutName<'_>>::new();
        let mut id = last;
        for row in rows {
            let (statement, line) = (row.statement, row.line);
            let currency = numeric(line.net.currency());
            let name = (statement.account.as_str(), line.payout.as_str(), currency);
            let paid = statement.origin == Origin::Processor && !line.payout.is_empty();
            if !paid || !seen.insert(name) {
                continue;
            }
            let written = on_tx!(&mut *self, db => sqlx::query(sql!("settlement/insert_payout"))
                .bind(id + 1).bind(name.0).bind(name.1).bind(name.2)
                .execute(db).await?.rows_affected());
            id += i64::try_from(written).unwrap_or(0);
        }
        Ok(())
    }

    async fn known_lines(&mut self, file: &NewFile) -> Result<BTreeSet<EventKey>, StoreError> {
        let keys: Vec<String> = file
            .statements
            .iter()
            .flat_map(|statement| {
                statement
                    .lines
                    .iter()
                    .map(move |line| hex(statement.key(line).as_bytes()))
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
        statement: &Statement,
    ) -> Result<(), StoreError> {
        self.currency(statement.currency).await?;
        let (opening, closing) = (statement.opening, statement.closing);
        on_tx!(&mut *self, db => sqlx::query(sql!("settlement/insert_statement"))
            .bind(id).bind(file_id).bind(statement.origin.name()).bind(&statement.account).bind(&statement.identity)
            .bind(numeric(statement.currency)).bind(opening.map(Money::amount)).bind(closing.map(Money::amount))
            .bind(statement.total()).bind(statement.from).bind(statement.to)
            .bind(statement.verdict()).execute(db).await?.rows_affected());
        on_tx!(&mut *self, db => sqlx::query(sql!("settlement/cover"))
            .bind(statement.origin.name()).bind(&statement.account).bind(statement.to)
            .execute(db).await?.rows_affected());
        Ok(())
    }

    async fn insert_settlement_lines(
        &mut self,
        file_id: i64,
        rows: &[KeyedLine<'_>],
    ) -> Result<Option<NewLink>, StoreError> {
        self.insert(kinds::SETTLEMENT_LINES, fields(file_id, rows))
            .await?;
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
            return Ok(None);
        };
        let span = Span::keys(first.id, last.id);
        let rows = digest(fields(file_id, rows));
        Ok(Some(NewLink::over(&kinds::SETTLEMENT_LINE, span, rows)))
    }
}

fn fields<'v>(
    file_id: i64,
    rows: &'v [KeyedLine<'_>],
) -> impl ExactSizeIterator<Item = [Field<'v>; 20]> + Send {
    rows.iter().map(move |row| {
        let (statement, line) = (row.statement, row.line);
        [
            Field::Int(row.id),
            Field::Bytes(row.key.as_bytes()),
            Field::Int(file_id),
            Field::Int(row.statement_id),
            Field::Int(line.position),
            Field::Text(statement.origin.name()),
            Field::Text(&statement.account),
            Field::Text(&line.identity),
            Field::Text(&line.kind),
            Field::Text(&line.reference),
            Field::Text(&line.payout),
            Field::Int(numeric(line.net.currency())),
            Field::Int(line.gross.amount()),
            Field::Int(line.fee.amount()),
            Field::Int(line.net.amount()),
            Field::Day(line.booked_on),
            line.paid_on.map_or(Field::Null, Field::Day),
            Field::Text(&line.description),
            Field::Text(line.raw.as_deref().unwrap_or_default()),
            Field::Int(line.movement.number()),
        ]
    })
}
