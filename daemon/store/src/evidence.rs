//! Numbers of documents, and what a close signed.

use crate::bulk::Field;
use crate::intake::Stamp;
use crate::record::{NewLink, Span, digest, kinds};
use crate::{Snapshot, StoreError, Tx};
use chrono::{DateTime, Utc};
use ledger::Hash;
use sqlx_macros::FromRow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// The number of an entry as a document: gapless per entity and fiscal year.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct DocumentRow {
    /// The entry.
    pub entry_id: i64,
    /// The entity's code.
    pub entity: String,
    /// The fiscal year.
    pub fiscal_year: i64,
    /// From 1.
    pub number: i64,
}

impl DocumentRow {
    /// As people write it: `eu-2026-000017`.
    pub fn name(&self) -> String {
        format!("{}-{}-{:06}", self.entity, self.fiscal_year, self.number)
    }
}

/// An entry of a period with its number and its hash.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct NumberedRow {
    /// The entry.
    pub id: i64,
    /// Its number.
    pub number: i64,
    /// Its hash.
    pub hash: Vec<u8>,
}

/// A series of numbers and what was given of it.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct SeriesRow {
    /// The entity's code.
    pub entity: String,
    /// The fiscal year.
    pub fiscal_year: i64,
    /// The last number given.
    pub last_number: i64,
    /// How many documents there are.
    pub documents: i64,
    /// The highest number among them.
    pub highest: i64,
}

/// What a close signs.
#[derive(Clone, Debug)]
pub struct NewSeal {
    /// The entity's code.
    pub entity: String,
    /// The period's code.
    pub period: String,
    /// The newest posting batch under the seal.
    pub batch: i64,
    /// The text under the signature.
    pub statement: String,
    /// Its signature.
    pub signature: Vec<u8>,
    /// The key that checks it.
    pub public_key: Vec<u8>,
}

/// A seal as it stands in the books.
#[derive(Clone, Debug, FromRow)]
pub struct SealRow {
    /// Its number.
    pub id: i64,
    /// The entity's code.
    pub entity: String,
    /// The period's code.
    pub period: String,
    /// The newest posting batch under the seal; 0 when there was none.
    pub batch: i64,
    /// The text under the signature.
    pub statement: String,
    /// Its hash.
    pub hash: Vec<u8>,
    /// Its signature.
    pub signature: Vec<u8>,
    /// The key that checks it.
    pub public_key: Vec<u8>,
    /// When.
    pub sealed_at: DateTime<Utc>,
    /// By whom.
    pub sealed_by: String,
}

#[derive(Debug, FromRow)]
struct Unnumbered {
    id: i64,
    entity_id: i64,
    period: String,
}

impl Snapshot {
    /// The documents among the entries with `after < id <= through`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn documents(
        &self,
        after: i64,
        through: i64,
    ) -> Result<Vec<DocumentRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("evidence/documents"))
            .bind(after).bind(through).fetch_all(db).await)?,
        )
    }

    /// All series of document numbers.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn document_series(&self) -> Result<Vec<SeriesRow>, StoreError> {
        Ok(on_snapshot!(self, db => sqlx::query_as(sql!("evidence/series")).fetch_all(db).await)?)
    }

    /// All seals, in the order in which they were set.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn seals(&self) -> Result<Vec<SealRow>, StoreError> {
        Ok(on_snapshot!(self, db => sqlx::query_as(sql!("evidence/seals")).fetch_all(db).await)?)
    }

    /// The next entries of a period that have a number, after one.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn numbered(
        &self,
        (entity, period): (&str, &str),
        after: i64,
        limit: i64,
    ) -> Result<Vec<NumberedRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("evidence/numbered"))
            .bind(entity).bind(period).bind(after).bind(limit).fetch_all(db).await)?,
        )
    }

    /// How many entries a period has.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn entries_of_period(&self, entity: &str, period: &str) -> Result<i64, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_scalar(sql!("evidence/entries_of_period"))
            .bind(entity).bind(period).fetch_one(db).await)?,
        )
    }
}

impl Tx {
    /// Gives the entries `first..=last`, in order, the next numbers of their series; those that have one
    /// keep it.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn number_entries(
        &mut self,
        first: i64,
        last: i64,
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        let unnumbered: Vec<Unnumbered> = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("evidence/unnumbered")).bind(first).bind(last).fetch_all(db).await?);
        self.number(&unnumbered, stamp).await
    }

    /// The same for all entries of a period.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn number_period(
        &mut self,
        entity: &str,
        period: &str,
        stamp: &Stamp,
    ) -> Result<i64, StoreError> {
        let unnumbered: Vec<Unnumbered> = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("evidence/unnumbered_of_period"))
                .bind(entity).bind(period).fetch_all(db).await?);
        self.number(&unnumbered, stamp).await?;
        Ok(i64::try_from(unnumbered.len()).unwrap_or(i64::MAX))
    }

    /// The next entries of a period that have a number, after one, with those that this transaction gave.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn numbered(
        &mut self,
        (entity, period): (&str, &str),
        after: i64,
        limit: i64,
    ) -> Result<Vec<NumberedRow>, StoreError> {
        Ok(
            on_tx!(&mut *self, db => sqlx::query_as(sql!("evidence/numbered"))
            .bind(entity).bind(period).bind(after).bind(limit).fetch_all(db).await?),
        )
    }

    async fn number(&mut self, entries: &[Unnumbered], stamp: &Stamp) -> Result<(), StoreError> {
        let mut last = BTreeMap::<(i64, i64), i64>::new();
        let mut rows = Vec::with_capacity(entries.len());
        for entry in entries {
            let series = (entry.entity_id, fiscal_year(&entry.period)?);
            if let Entry::Vacant(vacant) = last.entry(series) {
                let found: Option<i64> = on_tx!(&mut *self, db =>
                    sqlx::query_scalar(sql!("evidence/last_number"))
                        .bind(series.0).bind(series.1).fetch_optional(db).await?);
                vacant.insert(found.unwrap_or(0));
            }
            let number = last.entry(series).or_default();
            *number += 1;
            rows.push([series.0, series.1, *number, entry.id]);
        }
        let fields = rows.iter().map(|row| row.map(Field::Int));
        self.insert(kinds::DOCUMENTS, fields).await?;
        let links = last.keys().map(|series| documents_link(*series, &rows));
        self.append_records(links.collect(), stamp).await?;
        for ((entity_id, year), number) in last {
            on_tx!(&mut *self, db => sqlx::query(sql!("evidence/set_last_number"))
                .bind(entity_id).bind(year).bind(number).execute(db).await?.rows_affected());
        }
        Ok(())
    }

    /// Keeps a seal.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_seal(&mut self, seal: &NewSeal, stamp: &Stamp) -> Result<(), StoreError> {
        let hash = Hash::of(seal.statement.as_bytes());
        let id: i64 = on_tx!(&mut *self, db => sqlx::query_scalar(sql!("evidence/insert_seal"))
            .bind(&seal.entity).bind(&seal.period).bind(seal.batch).bind(&seal.statement)
            .bind(hash.as_bytes().as_slice()).bind(seal.signature.as_slice())
            .bind(seal.public_key.as_slice()).bind(stamp.now).bind(&stamp.actor)
            .fetch_one(db).await?);
        self.seal_rows(&kinds::SEAL, Span::one(id), stamp).await
    }
}

/// The link over the numbers that a series got.
fn documents_link((entity_id, year): (i64, i64), rows: &[[i64; 4]]) -> NewLink {
    let own = || {
        let is_own = move |row: &&[i64; 4]| (row[0], row[1]) == (entity_id, year);
        rows.iter().filter(is_own)
    };
    let numbers = own().map(|row| row[2]);
    let span = Span::keys(
        numbers.clone().min().unwrap_or(0),
        numbers.max().unwrap_or(0),
    );
    let rows = digest(own().map(|row| row.map(Field::Int)));
    NewLink::over(&kinds::DOCUMENT, span.of(entity_id * 10_000 + year), rows)
}

/// The year in a period's code, `2026-01`.
fn fiscal_year(period: &str) -> Result<i64, StoreError> {
    period
        .split('-')
        .next()
        .and_then(|year| year.parse().ok())
        .ok_or_else(|| StoreError::Corrupt(format!("period `{period}` names no fiscal year")))
}
