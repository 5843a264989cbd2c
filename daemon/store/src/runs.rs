//! Runs of jobs and deeds of people: who did what, when, and how it ended.

use crate::intake::Stamp;
use crate::record::{Span, kinds};
use crate::{Snapshot, StoreError, Tx};
use chrono::{DateTime, Utc};
use sqlx_macros::FromRow;

/// A run as people see it.
#[derive(Clone, Debug, FromRow, serde::Serialize)]
pub struct RunRow {
    /// Its number.
    pub id: i64,
    /// The job.
    pub job: String,
    /// Who started it.
    pub actor: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// Whether it did what it should.
    pub succeeded: bool,
    /// What it did, as JSON, or the error.
    pub summary: String,
}

impl Snapshot {
    /// The newest runs.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn runs(&self, limit: i64) -> Result<Vec<RunRow>, StoreError> {
        Ok(on_snapshot!(self, db => sqlx::query_as(sql!("runs/list"))
            .bind(limit).fetch_all(db).await)?)
    }
}

impl Tx {
    /// Records a run; its number is given here.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn record_run(&mut self, run: &RunRow) -> Result<(), StoreError> {
        let id: i64 = on_tx!(&mut *self, db => sqlx::query_scalar(sql!("runs/insert"))
            .bind(&run.job).bind(&run.actor).bind(run.started_at).bind(run.finished_at)
            .bind(run.succeeded).bind(&run.summary).fetch_one(db).await?);
        let stamp = Stamp {
            now: run.finished_at,
            actor: run.actor.clone(),
        };
        self.seal_rows(&kinds::RUN, Span::one(id), &stamp).await
    }
}
