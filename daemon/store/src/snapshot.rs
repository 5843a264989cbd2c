//! Questions: all that is asked at once sees the books at one moment.
//!
//! A [`Snapshot`] is one read transaction on one connection. Whoever writes meanwhile neither waits for it
//! nor is seen by it, so that two sums that it reads belong together.

use crate::backend::begun;
use crate::file::BookFile;
use crate::{Store, StoreError, Tx};
use futures_util::lock::Mutex;
use sqlx::PgPool;
use std::sync::Arc;

/// The books as they stood when it was taken.
#[derive(Debug)]
pub struct Snapshot {
    /// One question after the other.
    pub(crate) reading: Mutex<Tx>,
    file: Option<Arc<BookFile>>,
    /// The server's other connections.
    pub(crate) server: Option<PgPool>,
    was_whole: bool,
}

/// Runs the same body inside whichever read transaction is open.
macro_rules! on_snapshot {
    ($snapshot:expr, $db:ident => $body:expr) => {{
        match &mut *$snapshot.reading.lock().await {
            $crate::Tx::Sqlite(tx) => {
                let $db = &mut **tx;
                $body
            }
            $crate::Tx::Postgres(tx) => {
                let $db = &mut **tx;
                $body
            }
        }
    }};
}

impl Store {
    /// The books as they stand now, for as many questions as one likes.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let mut reading = match self {
            Self::Sqlite { read, .. } => Tx::Sqlite(read.begin_with("BEGIN DEFERRED").await?),
            Self::Postgres { pool, .. } => {
                Tx::Postgres(begun(pool, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
            }
        };
        // Both databases take it at the first question, not at `BEGIN`.
        let first = sql!("snapshot");
        match &mut reading {
            Tx::Sqlite(tx) => sqlx::query(first).execute(&mut **tx).await?.rows_affected(),
            Tx::Postgres(tx) => sqlx::query(first).execute(&mut **tx).await?.rows_affected(),
        };
        let (file, server) = match self {
            Self::Sqlite { file, .. } => (file.clone(), None),
            Self::Postgres { pool, .. } => (None, Some(pool.clone())),
        };
        Ok(Snapshot {
            reading: Mutex::new(reading),
            file,
            server,
            was_whole: self.was_whole(),
        })
    }
}

impl Snapshot {
    /// The text that this database takes.
    pub(crate) const fn dialect<'t>(&self, sqlite: &'t str, postgres: &'t str) -> &'t str {
        if self.server.is_some() {
            postgres
        } else {
            sqlite
        }
    }

    /// Whether the books hold all that was written: false for a copy of a file that was made without the log
    /// beside it, and then what came last is missing.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn is_whole(&self) -> Result<bool, StoreError> {
        let Some(file) = &self.file else {
            return Ok(true);
        };
        let (turn, closed): (i64, Option<i64>) =
            on_snapshot!(self, db => sqlx::query_as(sql!("closed")).fetch_one(db).await?);
        Ok(self.was_whole && file.is_whole(turn, closed))
    }
}
