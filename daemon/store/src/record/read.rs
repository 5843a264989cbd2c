//! What the record chain covers, read again: rows as values, links, and where both chains stand.

use super::kinds::{RECORDS, REPLACED, Record};
use super::{Head, Span};
use crate::bulk::Kind;
use crate::{Snapshot, StoreError, Tx};
use chrono::{DateTime, NaiveDate, Utc};
use ledger::Hash;
use ledger::record::{Digested, RecordLink, RowEncoder, RowsDigest};
use sqlx::{AssertSqlSafe, Row as _};
use sqlx_macros::FromRow;

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A whole number.
    Int(i64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Text.
    Text(String),
    /// A moment.
    Moment(DateTime<Utc>),
    /// A day.
    Day(NaiveDate),
    /// Something that the column cannot hold: somebody wrote it past Tieout.
    Unreadable,
}

/// A row that the record chain covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRow {
    /// What orders it within its scope.
    pub key: i64,
    /// Its covered columns.
    pub values: Vec<Value>,
}

/// A scope of a table, and how far its keys reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub struct ScopeRow {
    /// The scope; 0 where a table is one series.
    pub scope: i64,
    /// The lowest key.
    pub first_key: i64,
    /// The highest key.
    pub last_key: i64,
}

impl RecordRow {
    /// The row's hash.
    pub fn hash(&self) -> Hash {
        let mut encoder = RowEncoder::default();
        for (column, value) in (1..).zip(&self.values) {
            match value {
                Value::Null => {}
                Value::Int(value) => encoder.int(column, *value),
                Value::Bytes(bytes) => encoder.bytes(column, bytes),
                Value::Text(text) => encoder.text(column, text),
                Value::Moment(at) => encoder.moment(column, *at),
                Value::Day(on) => encoder.day(column, *on),
                Value::Unreadable => encoder.bytes(u8::MAX, &[column]),
            }
        }
        encoder.finish()
    }
}

/// A row's values, from the driver of whichever database is open.
macro_rules! record_row {
    ($row:expr, $record:expr) => {{
        let (row, record) = ($row, $record);
        let mut values = Vec::with_capacity(record.columns.len());
        for (at, (_, kind)) in (1..).zip(record.columns) {
            let value = match kind {
                Kind::Int => row
                    .try_get::<Option<i64>, usize>(at)
                    .map(|value| value.map(Value::Int)),
                Kind::Bytes => row
                    .try_get::<Option<Vec<u8>>, usize>(at)
                    .map(|value| value.map(Value::Bytes)),
                Kind::Text => row
                    .try_get::<Option<String>, usize>(at)
                    .map(|value| value.map(Value::Text)),
                Kind::Moment => row
                    .try_get::<Option<DateTime<Utc>>, usize>(at)
                    .map(|value| value.map(Value::Moment)),
                Kind::Day => row
                    .try_get::<Option<NaiveDate>, usize>(at)
                    .map(|value| value.map(Value::Day)),
            };
            values.push(value.map_or(Value::Unreadable, |value| value.unwrap_or(Value::Null)));
        }
        Ok::<_, StoreError>(RecordRow {
            key: row.try_get::<i64, usize>(0)?,
            values,
        })
    }};
}

impl From<Head> for Heads {
    fn from(head: Head) -> Self {
        let hash = |bytes: &[u8]| Hash::from_slice(bytes).unwrap_or(Hash::ZERO);
        Self {
            batch: head.batch,
            head: hash(&head.posted),
            record: head.record,
            record_head: hash(&head.recorded),
        }
    }
}

impl Tx {
    /// Where both chains stand, with what this transaction wrote.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn heads(&mut self) -> Result<Heads, StoreError> {
        let head: Head =
            on_tx!(&mut *self, db => sqlx::query_as(sql!("record/head")).fetch_one(db).await?);
        Ok(head.into())
    }

    /// The digest of some rows as they stand.
    pub(super) async fn record_digest(
        &mut self,
        record: &Record,
        span: Span,
    ) -> Result<Digested, StoreError> {
        let mut digest = RowsDigest::default();
        let mut first = span.first;
        while first <= span.last {
            let last = span.last.min(first.saturating_add(record.window - 1));
            let rows = self.record_rows(
                record,
                Span {
                    first,
                    last,
                    ..span
                },
            );
            for row in rows.await? {
                digest.add(&row.hash());
            }
            let Some(next) = last.checked_add(1) else {
                break;
            };
            first = next;
        }
        Ok(digest.finish())
    }

    async fn record_rows(
        &mut self,
        record: &Record,
        span: Span,
    ) -> Result<Vec<RecordRow>, StoreError> {
        let statement = AssertSqlSafe(record.rows());
        on_tx!(&mut *self, db => {
            let rows = sqlx::query(statement)
                .bind(span.scope).bind(span.first).bind(span.last).fetch_all(db).await?;
            rows.iter().map(|row| record_row!(row, record)).collect()
        })
    }

    pub(super) async fn reconciliations(&mut self) -> Result<Vec<String>, StoreError> {
        Ok(on_tx!(&mut *self, db =>
            sqlx::query_scalar(sql!("record/reconciliations")).fetch_all(db).await?))
    }

    /// The digest of what a run left of a reconciliation.
    pub(super) async fn replaced_digest(
        &mut self,
        record: &Record,
        reconciliation: &str,
    ) -> Result<Digested, StoreError> {
        let statement = AssertSqlSafe(record.replaced_rows());
        let rows: Vec<RecordRow> = on_tx!(&mut *self, db => {
            let rows = sqlx::query(statement).bind(reconciliation).fetch_all(db).await?;
            rows.iter().map(|row| record_row!(row, record)).collect::<Result<_, StoreError>>()?
        });
        Ok(replaced(&rows))
    }

    pub(super) async fn record_scopes(
        &mut self,
        record: &Record,
    ) -> Result<Vec<ScopeRow>, StoreError> {
        let statement = AssertSqlSafe(record.scopes());
        Ok(on_tx!(&mut *self, db => sqlx::query_as(statement).fetch_all(db).await?))
    }
}

/// Where both chains stand: what is told to the outside, so that it can be held against the books later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heads {
    /// The newest posting batch.
    pub batch: i64,
    /// Its link's hash.
    pub head: Hash,
    /// The newest link of the record chain.
    pub record: i64,
    /// Its hash.
    pub record_head: Hash,
}

/// A link of the record chain as it stands in the books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// What it says.
    pub link: RecordLink,
    /// Its stored hash.
    pub hash: Hash,
    /// The first bytes of its rows' hashes; empty where they were not asked for.
    pub marks: Vec<u8>,
}

#[derive(Debug, FromRow)]
struct RecordLinkRow {
    id: i64,
    kind: String,
    scope: i64,
    first_key: i64,
    last_key: i64,
    row_count: i64,
    adopted: i64,
    digest: Vec<u8>,
    marks: Vec<u8>,
    batch: i64,
    head: Vec<u8>,
    written_at: DateTime<Utc>,
    written_by: String,
    previous: Vec<u8>,
    hash: Vec<u8>,
}

impl From<RecordLinkRow> for StoredRecord {
    fn from(row: RecordLinkRow) -> Self {
        let hash = |bytes: &[u8]| Hash::from_slice(bytes).unwrap_or(Hash::ZERO);
        Self {
            hash: hash(&row.hash),
            marks: row.marks,
            link: RecordLink {
                id: row.id,
                kind: row.kind,
                scope: row.scope,
                first: row.first_key,
                last: row.last_key,
                rows: row.row_count,
                adopted: row.adopted == 1,
                digest: hash(&row.digest),
                batch: row.batch,
                head: hash(&row.head),
                written_at: row.written_at,
                written_by: row.written_by,
                previous: hash(&row.previous),
            },
        }
    }
}

/// A redecision: what an outcome was, and what it is since then.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct RedecisionRow {
    /// Its number.
    pub id: i64,
    /// The event.
    pub event_id: i64,
    /// What it was.
    pub former_kind: i64,
    /// By which rule.
    pub former_rule_id: Option<i64>,
    /// For which reason.
    pub former_reason: Option<String>,
    /// Since when.
    pub former_decided_at: DateTime<Utc>,
    /// What it is.
    pub kind: i64,
    /// By which rule.
    pub rule_id: Option<i64>,
    /// For which reason.
    pub reason: Option<String>,
    /// Since when.
    pub decided_at: DateTime<Utc>,
}

/// A checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct CheckpointRow {
    /// The partition's number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub position: i64,
    /// How many inputs were taken.
    pub received: i64,
}

/// A period's state.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct PeriodStateRow {
    /// The period's number.
    pub id: i64,
    /// The entity's code.
    pub entity: String,
    /// The period's code.
    pub code: String,
    /// `open` or `closed`.
    pub state: String,
}

/// Rows without an order of their own, in that of their hashes: no database's order of words matters.
fn replaced(rows: &[RecordRow]) -> Digested {
    let mut hashes: Vec<Hash> = rows.iter().map(RecordRow::hash).collect();
    hashes.sort_unstable_by(|one, other| one.as_bytes().cmp(other.as_bytes()));
    let mut digest = RowsDigest::default();
    hashes.iter().for_each(|hash| digest.add(hash));
    digest.finish()
}

/// The number that the record chain knows a reconciliation by: of its name, for it has no other.
pub(super) fn scope_of(reconciliation: &str) -> i64 {
    let hash = Hash::of(reconciliation.as_bytes());
    let bytes = hash.as_bytes().first_chunk::<8>().copied();
    i64::from_be_bytes(bytes.unwrap_or_default()) & i64::MAX
}

/// What a run left of a reconciliation, as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplacedRows {
    /// The kind of rows.
    pub kind: &'static str,
    /// The reconciliation.
    pub reconciliation: String,
    /// The number that the record chain knows it by.
    pub scope: i64,
    /// How many rows.
    pub rows: i64,
    /// Their digest.
    pub digest: Hash,
}

/// The kinds of rows that every run of a reconciliation replaces.
pub fn replaced_kinds() -> impl Iterator<Item = &'static str> {
    REPLACED.iter().map(|record| record.kind)
}

/// The kinds of rows that the record chain covers, in the order in which they are checked.
pub fn record_kinds() -> impl Iterator<Item = &'static str> {
    RECORDS.iter().map(|record| record.kind)
}

/// How many keys of a kind are read at once.
pub fn record_window(kind: &str) -> i64 {
    Record::named(kind).map_or(1, |record| record.window)
}

fn known(kind: &str) -> Result<&'static Record, StoreError> {
    Record::named(kind).ok_or_else(|| StoreError::Unknown {
        what: "kind of rows",
        name: kind.to_owned(),
    })
}

impl Snapshot {
    /// Where both chains stand.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn heads(&self) -> Result<Heads, StoreError> {
        let head: Head =
            on_snapshot!(self, db => sqlx::query_as(sql!("record/head")).fetch_one(db).await?);
        Ok(head.into())
    }

    /// Where both chains stood after the newest posting: the same whatever was exported since, so that equal
    /// books tell equal heads. None before the first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn posted_heads(&self) -> Result<Option<Heads>, StoreError> {
        let head: Option<Head> = on_snapshot!(self, db =>
            sqlx::query_as(sql!("record/posted_head")).fetch_optional(db).await?);
        Ok(head.map(Heads::from))
    }

    /// The next links of the record chain after one, without the marks of their rows.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn record_links(
        &self,
        after: i64,
        limit: i64,
    ) -> Result<Vec<StoredRecord>, StoreError> {
        let rows: Vec<RecordLinkRow> = on_snapshot!(self, db => sqlx::query_as(sql!("record/links"))
            .bind(after).bind(limit).fetch_all(db).await?);
        let unmarked = |row| StoredRecord {
            marks: Vec::new(),
            ..StoredRecord::from(row)
        };
        Ok(rows.into_iter().map(unmarked).collect())
    }

    /// The same of one kind, with the marks.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn record_links_of(
        &self,
        kind: &str,
        after: i64,
        limit: i64,
    ) -> Result<Vec<StoredRecord>, StoreError> {
        let rows: Vec<RecordLinkRow> = on_snapshot!(self, db => sqlx::query_as(sql!("record/links_of"))
            .bind(kind).bind(after).bind(limit).fetch_all(db).await?);
        Ok(rows.into_iter().map(StoredRecord::from).collect())
    }

    /// The rows of a kind within a scope, from one key to another, in order.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn record_rows(
        &self,
        kind: &str,
        scope: i64,
        first: i64,
        last: i64,
    ) -> Result<Vec<RecordRow>, StoreError> {
        let record = known(kind)?;
        let statement = AssertSqlSafe(record.rows());
        on_snapshot!(self, db => {
            let rows = sqlx::query(statement).bind(scope).bind(first).bind(last).fetch_all(db).await?;
            rows.iter().map(|row| record_row!(row, record)).collect()
        })
    }

    /// How many rows of a kind there are.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn record_count(&self, kind: &str) -> Result<i64, StoreError> {
        let statement = AssertSqlSafe(known(kind)?.count());
        Ok(on_snapshot!(self, db => sqlx::query_scalar(statement).fetch_one(db).await?))
    }

    /// The scopes of a kind, and how far its keys reach in each. A full scan.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn record_scopes(&self, kind: &str) -> Result<Vec<ScopeRow>, StoreError> {
        let statement = AssertSqlSafe(known(kind)?.scopes());
        Ok(on_snapshot!(self, db => sqlx::query_as(statement).fetch_all(db).await?))
    }

    /// What the newest runs left, of every reconciliation.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn replaced_rows(&self) -> Result<Vec<ReplacedRows>, StoreError> {
        let mut tx = self.reading.lock().await;
        let names = tx.reconciliations().await?;
        let mut all = Vec::new();
        for record in REPLACED {
            for name in &names {
                let found = tx.replaced_digest(record, name).await?;
                all.push(ReplacedRows {
                    kind: record.kind,
                    reconciliation: name.clone(),
                    scope: scope_of(name),
                    rows: found.rows,
                    digest: found.digest,
                });
            }
        }
        Ok(all)
    }

    /// Deeds on cases that should come from a decision, and do not: case, number and deed.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn unfounded_deeds(&self) -> Result<Vec<(String, i64, String)>, StoreError> {
        Ok(on_snapshot!(self, db =>
            sqlx::query_as(sql!("record/unfounded")).fetch_all(db).await?))
    }

    /// Matches by hand, matches that were taken back, and postings of breaks, that come from no decision: kind and number.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn unfounded_by_hand(&self) -> Result<Vec<(String, i64)>, StoreError> {
        Ok(on_snapshot!(self, db =>
            sqlx::query_as(sql!("record/unfounded_hand")).fetch_all(db).await?))
    }

    /// All checkpoints.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn checkpoints(&self) -> Result<Vec<CheckpointRow>, StoreError> {
        Ok(on_snapshot!(self, db =>
            sqlx::query_as(sql!("record/partitions")).fetch_all(db).await?))
    }

    /// All periods with their states.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn period_states(&self) -> Result<Vec<PeriodStateRow>, StoreError> {
        Ok(on_snapshot!(self, db =>
            sqlx::query_as(sql!("record/periods")).fetch_all(db).await?))
    }

    /// The redecisions of the events from one to another, by event and in their order.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn redecisions(
        &self,
        first: i64,
        last: i64,
    ) -> Result<Vec<RedecisionRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("record/redecisions"))
            .bind(first).bind(last).fetch_all(db).await?),
        )
    }
}
