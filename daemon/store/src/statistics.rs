//! What PostgreSQL's planner knows about tables that have just grown.
//!
//! Its autovacuum looks once a minute, and until then a page of lines is a scan of all of them: indexes by block
//! range say nothing of blocks that nobody has summed up. Who is about to read the whole journal after a load does
//! not wait for it. SQLite reads by keys alone and needs none of this.

use crate::{Store, StoreError};
use sqlx::AssertSqlSafe;

/// So many rows that came since are worth the trouble.
pub const GROWN: i64 = 50_000;

impl Store {
    /// Sums up tables that grew by so many rows, and by a tenth, since somebody did; how many there were.
    ///
    /// # Errors
    /// [`StoreError::Database`]; also for who does not own the tables.
    pub async fn refresh_statistics(&self, grown: i64) -> Result<usize, StoreError> {
        let Self::Postgres { pool, .. } = self else {
            return Ok(0);
        };
        let stale: Vec<String> = sqlx::query_scalar(sql!("statistics/stale", postgres))
            .bind(grown)
            .fetch_all(pool)
            .await?;
        if stale.is_empty() {
            return Ok(0);
        }
        let count = stale.len();
        for statement in stale {
            // Made by the database from names of its own.
            sqlx::query(AssertSqlSafe(statement)).execute(pool).await?;
        }
        let _blocks: i64 = sqlx::query_scalar(sql!("statistics/summarise", postgres))
            .fetch_one(pool)
            .await?;
        Ok(count)
    }
}
