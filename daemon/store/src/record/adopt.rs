//! Books that are older than the record chain: what they hold is covered once, as it stands.
//!
//! Every kind begins with such links, at the first opening by a version that knows it; where there were no rows
//! with one that says so. So a row that was slipped in before the first legitimate one is nobody's.

use super::kinds::{CHECKPOINT, CLOSED, PERIOD_STATE, RECORDS, REPLACED, Record};
use super::read::scope_of;
use super::{NewLink, Span};
use crate::intake::Stamp;
use crate::{Store, StoreError, Tx};

/// The most keys under one link.
const PAGE: i64 = 65_536;

impl Store {
    /// Covers what the record chain does not cover yet, because it was there first. How many rows that were;
    /// none, and nothing is written, where every kind has begun.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails; nothing is written then.
    pub async fn adopt(&self, stamp: &Stamp) -> Result<i64, StoreError> {
        if on_pool!(self, db => missing(&sqlx::query_scalar(sql!("record/begun")).fetch_all(db).await?))
            .is_empty()
        {
            return Ok(0);
        }
        let mut tx = self.begin().await?;
        // Another process may have come first.
        let missing = on_tx!(&mut tx, db => missing(&sqlx::query_scalar(sql!("record/begun")).fetch_all(db).await?));
        let mut rows = 0;
        for kind in missing {
            rows += tx.adopt_kind(kind, stamp).await?;
        }
        tx.commit().await?;
        Ok(rows)
    }
}

/// Kinds that have not begun.
fn missing(begun: &[String]) -> Vec<&'static str> {
    let all = RECORDS.iter().map(|record| record.kind);
    all.chain([CHECKPOINT, PERIOD_STATE])
        .chain(REPLACED.map(|record| record.kind))
        .filter(|kind| !begun.iter().any(|begun| begun == kind))
        .collect()
}

impl Tx {
    async fn adopt_kind(&mut self, kind: &'static str, stamp: &Stamp) -> Result<i64, StoreError> {
        // What has links from the first row on needs none over all of them.
        let linked: Option<i64> = on_tx!(&mut *self, db => sqlx::query_scalar(sql!("record/reached"))
            .bind(kind).fetch_optional(db).await?);
        let mut links = match (linked, Record::named(kind)) {
            (Some(_), _) => Vec::new(),
            (None, Some(record)) => self.rows_to_adopt(record).await?,
            (None, None) => self.facts_to_adopt(kind).await?,
        };
        if links.is_empty() {
            links.push(NewLink::fact(kind, Span::keys(0, -1), 0));
        }
        let rows = links.iter().map(|link| link.rows.rows).sum();
        for link in &mut links {
            link.adopted = true;
        }
        self.append_records(links, stamp).await?;
        Ok(rows)
    }

    async fn rows_to_adopt(&mut self, record: &'static Record) -> Result<Vec<NewLink>, StoreError> {
        let mut links = Vec::new();
        for scope in self.record_scopes(record).await? {
            let mut first = scope.first_key;
            while first <= scope.last_key {
                let last = scope.last_key.min(first.saturating_add(PAGE - 1));
                let span = Span::keys(first, last).of(scope.scope);
                let rows = self.record_digest(record, span).await?;
                links.push(NewLink::over(record, span, rows));
                let Some(next) = last.checked_add(1) else {
                    break;
                };
                first = next;
            }
        }
        Ok(links)
    }

    /// Where checkpoints stand, which periods are closed, or what the newest runs left.
    async fn facts_to_adopt(&mut self, kind: &'static str) -> Result<Vec<NewLink>, StoreError> {
        if kind == CHECKPOINT {
            let found: Vec<(i64, i64, i64)> = on_tx!(&mut *self, db =>
                sqlx::query_as(sql!("record/checkpoints")).fetch_all(db).await?);
            let link = |(partition, position, received)| {
                NewLink::fact(kind, Span::keys(0, position).of(partition), received)
            };
            return Ok(found.into_iter().map(link).collect());
        }
        if let Some(record) = REPLACED.iter().find(|record| record.kind == kind) {
            let mut links = Vec::new();
            for name in self.reconciliations().await? {
                let rows = self.replaced_digest(record, &name).await?;
                links.push(NewLink::over(
                    record,
                    Span::one(0).of(scope_of(&name)),
                    rows,
                ));
            }
            return Ok(links);
        }
        let closed: Vec<i64> = on_tx!(&mut *self, db =>
            sqlx::query_scalar(sql!("books/closed_periods")).fetch_all(db).await?);
        let link = |period| NewLink::fact(kind, Span::one(CLOSED).of(period), 0);
        Ok(closed.into_iter().map(link).collect())
    }
}
