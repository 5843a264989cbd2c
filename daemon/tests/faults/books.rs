//! What the books hold, read with plain SQL by a client of its own.

use super::oracle::{Ledger, Outcomes};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, PgConnection, SqliteConnection};
use std::path::{Path, PathBuf};

/// Where the books of a run are.
#[derive(Clone, Debug)]
pub enum Books {
    Sqlite(PathBuf),
    Postgres(String),
}

const OUTCOMES: &str = "SELECT s.name,
    CAST((SELECT SUM(p.received) FROM source_partition p WHERE p.source_id = s.id) AS BIGINT),
    (SELECT COUNT(*) FROM outcome o JOIN event e ON e.id = o.event_id JOIN source_partition p ON p.id = e.partition_id WHERE p.source_id = s.id AND o.kind = 1),
    (SELECT COUNT(*) FROM outcome o JOIN event e ON e.id = o.event_id JOIN source_partition p ON p.id = e.partition_id WHERE p.source_id = s.id AND o.kind = 2),
    (SELECT COUNT(*) FROM outcome o JOIN event e ON e.id = o.event_id JOIN source_partition p ON p.id = e.partition_id WHERE p.source_id = s.id AND o.kind = 3),
    (SELECT COUNT(*) FROM repetition r JOIN source_partition p ON p.id = r.partition_id WHERE p.source_id = s.id AND r.kind = 1),
    (SELECT COUNT(*) FROM repetition r JOIN source_partition p ON p.id = r.partition_id WHERE p.source_id = s.id AND r.kind = 2),
    (SELECT COUNT(*) FROM quarantine q JOIN source_partition p ON p.id = q.partition_id WHERE p.source_id = s.id)
FROM source s";

const BALANCES: &str = "SELECT en.code, p.code, a.name, c.code, b.debit, b.credit FROM balance b
JOIN entity en ON en.id = b.entity_id JOIN period p ON p.id = b.period_id
JOIN account a ON a.id = b.account_id JOIN currency c ON c.id = b.currency_id";

const ENTRIES: &str = "SELECT e.key, n.hash FROM entry n JOIN event e ON e.id = n.event_id";

type OutcomeRow = (String, i64, i64, i64, i64, i64, i64, i64);
type BalanceRow = (String, String, String, String, i64, i64);

macro_rules! read {
    ($connection:expr) => {{
        let mut connection = $connection;
        let outcomes: Vec<OutcomeRow> = sqlx::query_as(OUTCOMES).fetch_all(&mut connection).await?;
        let balances: Vec<BalanceRow> = sqlx::query_as(BALANCES).fetch_all(&mut connection).await?;
        let entries: Vec<(Vec<u8>, Vec<u8>)> =
            sqlx::query_as(ENTRIES).fetch_all(&mut connection).await?;
        connection.close().await?;
        (outcomes, balances, entries)
    }};
}

impl Books {
    /// The address as `tieout.yaml` names it.
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::Postgres(url) => url.clone(),
        }
    }

    /// One number.
    pub fn number(&self, statement: &'static str) -> Result<i64, sqlx::Error> {
        super::block_on(async {
            match self {
                Self::Sqlite(path) => {
                    sqlx::query_scalar(statement)
                        .fetch_one(&mut sqlite(path).await?)
                        .await
                }
                Self::Postgres(url) => {
                    sqlx::query_scalar(statement)
                        .fetch_one(&mut PgConnection::connect(url).await?)
                        .await
                }
            }
        })
    }

    /// How many inputs were taken so far; none while there are no books.
    pub fn received(&self) -> i64 {
        self.number("SELECT CAST(COALESCE(SUM(received), 0) AS BIGINT) FROM source_partition")
            .unwrap_or(0)
    }

    /// Everything that can be compared with the reference ledger.
    pub fn ledger(&self) -> Ledger {
        let read: Result<_, sqlx::Error> = super::block_on(async {
            Ok(match self {
                Self::Sqlite(path) => read!(sqlite(path).await?),
                Self::Postgres(url) => read!(PgConnection::connect(url).await?),
            })
        });
        let (outcomes, balances, entries) = read.unwrap();
        let hex = |bytes: Vec<u8>| ledger::hash::hex(&bytes);
        Ledger {
            outcomes: outcomes
                .into_iter()
                .map(
                    |(
                        source,
                        received,
                        posted,
                        ignored,
                        suspended,
                        duplicates,
                        conflicts,
                        quarantined,
                    )| {
                        let counts = Outcomes {
                            received,
                            posted,
                            ignored,
                            suspended,
                            duplicates,
                            conflicts,
                            quarantined,
                        };
                        (source, counts)
                    },
                )
                .collect(),
            balances: balances
                .into_iter()
                .map(|(entity, period, account, currency, debit, credit)| {
                    (
                        (entity, period, account, currency),
                        (debit.into(), credit.into()),
                    )
                })
                .collect(),
            entry_count: i64::try_from(entries.len()).unwrap(),
            entries: entries
                .into_iter()
                .map(|(key, hash)| (hex(key), hex(hash)))
                .collect(),
        }
    }
}

async fn sqlite(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(path).read_only(true))
        .await
}
