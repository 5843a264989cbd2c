//! The record chain as it is written: whoever adds rows that are never changed appends a link over them in the
//! same transaction, under the writer's row ([`ledger::record`] says what a link is).
//!
//! Rows that were at hand when they were written are digested from memory ([`digest`]); few and small ones are
//! read back ([`Tx::seal_rows`]), so that what is covered is what the database holds. `kinds.rs` lists what is
//! covered, `adopt.rs` covers what was there before the chain, `read.rs` reads all of it again.

mod adopt;
mod guards;
pub(crate) mod kinds;
mod read;

use crate::bulk::Kind::{Bytes, Int, Moment, Text};
use crate::bulk::{Field, Table};
use crate::intake::Stamp;
use crate::{StoreError, Tx};
use kinds::Record;
use ledger::Hash;
use ledger::record::{Digested, RecordLink, RowEncoder, RowsDigest};
use sqlx_macros::FromRow;

pub use guards::{GuardProblem, Guards};
pub use read::{
    CheckpointRow, Heads, PeriodStateRow, RecordRow, RedecisionRow, ReplacedRows, ScopeRow,
    StoredRecord, Value, record_kinds, record_window, replaced_kinds,
};

/// Where the record chain and the chain of postings stand.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Head {
    record: i64,
    #[sqlx(rename = "record_head")]
    recorded: Vec<u8>,
    batch: i64,
    #[sqlx(rename = "head")]
    posted: Vec<u8>,
}

/// Rows that one link is to cover: those of a scope from one key to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) scope: i64,
    pub(crate) first: i64,
    pub(crate) last: i64,
}

impl Span {
    /// Rows of a table that is one series.
    pub(crate) const fn keys(first: i64, last: i64) -> Self {
        Self {
            scope: 0,
            first,
            last,
        }
    }

    /// One row.
    pub(crate) const fn one(key: i64) -> Self {
        Self::keys(key, key)
    }

    /// The same within a scope.
    pub(crate) const fn of(self, scope: i64) -> Self {
        Self { scope, ..self }
    }
}

/// A link that is still to get its place.
#[derive(Clone, Debug)]
pub(crate) struct NewLink {
    pub(crate) kind: &'static str,
    pub(crate) span: Span,
    pub(crate) rows: Digested,
    pub(crate) adopted: bool,
}

impl NewLink {
    /// Over rows with these digests.
    pub(crate) const fn over(record: &Record, span: Span, rows: Digested) -> Self {
        Self {
            kind: record.kind,
            span,
            rows,
            adopted: false,
        }
    }

    /// A fact that has no row of its own.
    pub(crate) const fn fact(kind: &'static str, span: Span, rows: i64) -> Self {
        Self {
            kind,
            span,
            rows: Digested {
                rows,
                digest: Hash::ZERO,
                marks: Vec::new(),
            },
            adopted: false,
        }
    }
}

const LINKS: Table<15> = Table {
    name: "record_link",
    columns: [
        ("id", Int),
        ("kind", Text),
        ("scope", Int),
        ("first_key", Int),
        ("last_key", Int),
        ("row_count", Int),
        ("adopted", Int),
        ("digest", Bytes),
        ("marks", Bytes),
        ("batch", Int),
        ("head", Bytes),
        ("written_at", Moment),
        ("written_by", Text),
        ("previous", Bytes),
        ("hash", Bytes),
    ],
};

/// The digest of rows as they go into a table, page by page.
#[derive(Debug, Default)]
pub(crate) struct Digesting {
    encoder: RowEncoder,
    digest: RowsDigest,
}

impl Digesting {
    pub(crate) fn add<'v, const N: usize>(&mut self, rows: impl Iterator<Item = [Field<'v>; N]>) {
        for row in rows {
            for (column, field) in (1..).zip(row) {
                match field {
                    Field::Null => {}
                    Field::Int(value) => self.encoder.int(column, value),
                    Field::Bytes(bytes) => self.encoder.bytes(column, bytes),
                    Field::Text(text) => self.encoder.text(column, text),
                    Field::Moment(at) => self.encoder.moment(column, at),
                    Field::Day(on) => self.encoder.day(column, on),
                }
            }
            self.digest.add(&self.encoder.finish());
        }
    }

    pub(crate) fn finish(self) -> Digested {
        self.digest.finish()
    }
}

/// The digest of rows as they go into a table.
pub(crate) fn digest<'v, const N: usize>(rows: impl Iterator<Item = [Field<'v>; N]>) -> Digested {
    let mut digesting = Digesting::default();
    digesting.add(rows);
    digesting.finish()
}

impl Tx {
    /// Covers rows that this transaction wrote, which are read back.
    pub(crate) async fn seal_rows(
        &mut self,
        record: &'static Record,
        span: Span,
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        let rows = self.record_digest(record, span).await?;
        let link = NewLink::over(record, span, rows);
        self.append_records(vec![link], stamp).await
    }

    /// Covers what this transaction left of a reconciliation, in place of what was there.
    pub(crate) async fn seal_replaced(
        &mut self,
        record: &'static Record,
        reconciliation: &str,
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        let rows = self.replaced_digest(record, reconciliation).await?;
        let span = Span::one(0).of(read::scope_of(reconciliation));
        let link = NewLink::over(record, span, rows);
        self.append_records(vec![link], stamp).await
    }

    /// Covers the names that nobody covered yet.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn seal_names(&mut self, stamp: &Stamp) -> Result<(), StoreError> {
        for record in kinds::RECORDS.iter().filter(|record| record.names) {
            let reached: Option<i64> = on_tx!(&mut *self, db => sqlx::query_scalar(sql!("record/reached"))
                .bind(record.kind).fetch_optional(db).await?);
            let after = reached.unwrap_or(0).max(0);
            for scope in self.record_scopes(record).await? {
                if scope.last_key > after {
                    let span = Span::keys(after + 1, scope.last_key);
                    self.seal_rows(record, span, stamp).await?;
                }
            }
        }
        Ok(())
    }

    /// Appends links where the chain stands.
    pub(crate) async fn append_records(
        &mut self,
        links: Vec<NewLink>,
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        let head: Head =
            on_tx!(&mut *self, db => sqlx::query_as(sql!("record/head")).fetch_one(db).await?);
        self.append_records_at(head, links, stamp).await
    }

    /// The same for one who knows where it stands.
    pub(crate) async fn append_records_at(
        &mut self,
        head: Head,
        links: Vec<NewLink>,
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        if links.is_empty() {
            return Ok(());
        }
        let (rows, last) = linked(head, links, stamp)?;
        let fields = rows.iter().map(|(link, hash, marks)| {
            [
                Field::Int(link.id),
                Field::Text(&link.kind),
                Field::Int(link.scope),
                Field::Int(link.first),
                Field::Int(link.last),
                Field::Int(link.rows),
                Field::Int(i64::from(link.adopted)),
                Field::Bytes(link.digest.as_bytes()),
                Field::Bytes(marks),
                Field::Int(link.batch),
                Field::Bytes(link.head.as_bytes()),
                Field::Moment(link.written_at),
                Field::Text(&link.written_by),
                Field::Bytes(link.previous.as_bytes()),
                Field::Bytes(hash.as_bytes()),
            ]
        });
        self.insert(LINKS, fields).await?;
        on_tx!(&mut *self, db => sqlx::query(sql!("record/set_head"))
            .bind(last.0).bind(last.1.as_bytes().as_slice()).execute(db).await?.rows_affected());
        Ok(())
    }
}

/// A link with its hash and the marks of its rows.
type Linked = (RecordLink, Hash, Vec<u8>);

/// The links in their places, and the newest one's number and hash.
fn linked(
    head: Head,
    links: Vec<NewLink>,
    stamp: &Stamp,
) -> Result<(Vec<Linked>, (i64, Hash)), StoreError> {
    let hash = |bytes: &[u8]| {
        Hash::from_slice(bytes)
            .ok_or_else(|| StoreError::Corrupt("the head of a chain is no hash".into()))
    };
    let posted = hash(&head.posted)?;
    let mut last = (head.record, hash(&head.recorded)?);
    let mut rows = Vec::with_capacity(links.len());
    for new in links {
        let link = RecordLink {
            id: last.0 + 1,
            kind: new.kind.to_owned(),
            scope: new.span.scope,
            first: new.span.first,
            last: new.span.last,
            rows: new.rows.rows,
            adopted: new.adopted,
            digest: new.rows.digest,
            batch: head.batch,
            head: posted,
            written_at: stamp.now,
            written_by: stamp.actor.clone(),
            previous: last.1,
        };
        last = (link.id, link.hash());
        rows.push((link, last.1, new.rows.marks));
    }
    Ok((rows, last))
}
