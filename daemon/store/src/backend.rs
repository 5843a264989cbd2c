//! The two databases and the few lines that let one body serve both.

use crate::keys::SharedKeys;
use futures_util::lock::{Mutex, OwnedMutexGuard};
use ledger::Class;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection as _, PgPool, Postgres, Sqlite, SqlitePool, Transaction};
use std::str::FromStr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// How long one who writes may do nothing, when the configuration does not say.
pub const STALL: Duration = Duration::from_secs(30);

/// How many times as long a single statement may take.
const STATEMENT_STALLS: u32 = 4;

/// An open database.
#[derive(Clone, Debug)]
pub enum Store {
    /// A file: one connection writes, several read.
    Sqlite {
        /// The writer.
        write: SqlitePool,
        /// The readers.
        read: SqlitePool,
        /// Which events are in.
        keys: SharedKeys,
    },
    /// A server.
    Postgres {
        /// All connections.
        pool: PgPool,
        /// Which events are in.
        keys: SharedKeys,
        /// How long one who writes may do nothing.
        stall: Duration,
        /// Who writes ahead of its turn: one of this process at a time, so that those whose turn it is always
        /// find a connection.
        ahead: Arc<Mutex<()>>,
    },
}

/// A writing transaction. Dropped without [`Tx::commit`], it never was.
#[derive(Debug)]
pub enum Tx {
    /// On SQLite.
    Sqlite(Transaction<'static, Sqlite>),
    /// On PostgreSQL.
    Postgres(Transaction<'static, Postgres>),
}

/// What a database call can end with.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed or refused.
    #[error("the database refused")]
    Database(#[from] sqlx::Error),
    /// A migration failed.
    #[error("the schema cannot be brought up to date")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The URL names no database that Tieout knows.
    #[error("`{0}` is neither `sqlite:FILE` nor `postgres://…`")]
    Url(String),
    /// Somebody else moved the checkpoint: nothing of this batch was written.
    #[error(
        "the checkpoint of `{partition}` stands at {found}, not at {expected}: another instance took over; read again from there"
    )]
    CheckpointMoved {
        /// The partition.
        partition: String,
        /// Where the caller believed it to stand.
        expected: i64,
        /// Where it stands.
        found: i64,
    },
    /// A name that the books do not know.
    #[error(
        "the books know no {what} `{name}`; `tieout check` compares them with the configuration"
    )]
    Unknown {
        /// The kind of thing.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// Rows that contradict each other: somebody changed them behind our back.
    #[error("{0}")]
    Corrupt(String),
    /// Something that always holds does not; nothing of the transaction was written.
    #[error("{0}; nothing more is written until somebody has looked: run `tieout verify`")]
    Invariant(String),
    /// A commit was sent and its answer lost: nobody knows whether it happened.
    #[error("the commit was sent and its answer lost")]
    CommitUnknown(#[source] sqlx::Error),
    /// A sum beyond 64 bits.
    #[error("the balance of account `{0}` does not fit 64 bits of minor units")]
    Overflow(String),
}

/// Runs the same body against whichever backend is open, on a reading connection.
macro_rules! on_pool {
    ($store:expr, $db:ident => $body:expr) => {
        match $store {
            $crate::Store::Sqlite { read: $db, .. } => $body,
            $crate::Store::Postgres { pool: $db, .. } => $body,
        }
    };
}

/// Runs the same body inside whichever transaction is open.
macro_rules! on_tx {
    ($tx:expr, $db:ident => $body:expr) => {{
        $crate::fault::point()?;
        match $tx {
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

/// A statement of `sql/`, by its path without the ending.
macro_rules! sql {
    ($name:literal) => {
        include_str!(concat!("../sql/", $name, ".sql"))
    };
    ($name:literal, sqlite) => {
        include_str!(concat!("../sql/", $name, ".sqlite.sql"))
    };
    ($name:literal, postgres) => {
        include_str!(concat!("../sql/", $name, ".postgres.sql"))
    };
}

/// A statement whose text differs per backend.
macro_rules! sql_of {
    ($tx:expr, $name:literal) => {
        match $tx {
            $crate::Tx::Sqlite(_) => sql!($name, sqlite),
            $crate::Tx::Postgres(_) => sql!($name, postgres),
        }
    };
}

impl StoreError {
    /// What this error asks for.
    pub fn class(&self) -> Class {
        match self {
            Self::Database(error) => database_class(error),
            Self::CommitUnknown(_) => Class::Ambiguous,
            Self::CheckpointMoved { .. } | Self::Unknown { .. } | Self::Url(_) => Class::Refuse,
            Self::Migrate(_) | Self::Corrupt(_) | Self::Invariant(_) | Self::Overflow(_) => {
                Class::Stop
            }
        }
    }
}

/// Classes of what a driver says: by its kind, and for a server's own errors by SQLSTATE or by
/// SQLite's primary result code.
fn database_class(error: &sqlx::Error) -> Class {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed
        | sqlx::Error::Protocol(_) => Class::Retry,
        sqlx::Error::Configuration(_) => Class::Refuse,
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::Encode(_)
        | sqlx::Error::RowNotFound
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::ColumnIndexOutOfBounds { .. } => Class::Stop,
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            let sqlite = error.try_downcast_ref::<sqlx::sqlite::SqliteError>();
            if sqlite.is_some() {
                sqlite_class(code.parse().unwrap_or(0))
            } else {
                postgres_class(&code)
            }
        }
        _ => Class::Unclassified,
    }
}

/// <https://www.sqlite.org/rescode.html>: the primary code is the low byte.
fn sqlite_class(code: i64) -> Class {
    match code & 0xff {
        // BUSY, LOCKED, NOMEM, INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL.
        5 | 6 | 7 | 9 | 10 | 13 | 14 | 15 => Class::Retry,
        // PERM, READONLY, AUTH: somebody has to change something outside.
        3 | 8 | 23 => Class::Refuse,
        // ERROR, INTERNAL, ABORT, CORRUPT, SCHEMA, TOOBIG, CONSTRAINT, MISMATCH, MISUSE, NOTADB.
        1 | 2 | 4 | 11 | 17 | 18 | 19 | 20 | 21 | 26 => Class::Stop,
        _ => Class::Unclassified,
    }
}

/// PostgreSQL's error codes, by class: appendix A of its manual.
fn postgres_class(code: &str) -> Class {
    // One who stood still in a transaction was shown the door, so that others could go on.
    if code == "25P03" {
        return Class::Retry;
    }
    match code.get(..2).unwrap_or_default() {
        // Connection, resources (disk full among them), operator, system, locks, rollback.
        "08" | "53" | "55" | "57" | "58" | "40" => Class::Retry,
        // Authorisation, unknown database, no privilege.
        "28" | "3D" => Class::Refuse,
        // Data, integrity, transaction state, trigger, syntax and schema, internal, limits.
        "22" | "23" | "25" | "27" | "42" | "54" | "P0" | "XX" | "0A" | "26" => Class::Stop,
        _ => Class::Unclassified,
    }
}

/// Whose turn it is to migrate, within this process.
static MIGRATING: LazyLock<Mutex<()>> = LazyLock::new(Mutex::default);

/// PostgreSQL locks while it migrates; for SQLite that is a file beside the books, without which two
/// who open new books at once would both make the same tables.
async fn migrate_sqlite(pool: &SqlitePool) -> Result<(), StoreError> {
    let migrator = sqlx::migrate!("../../migrations/sqlite");
    let done: Result<i64, _> = sqlx::query_scalar("SELECT COUNT(*) FROM _sqlx_migrations")
        .fetch_one(pool)
        .await;
    let all = migrator.iter().count();
    let file = pool.connect_options().get_filename().to_owned();
    let in_memory = file.as_os_str().is_empty() || file.starts_with(":memory:");
    if in_memory || done.is_ok_and(|done| usize::try_from(done) == Ok(all)) {
        return Ok(migrator.run(pool).await?);
    }
    let mut path = file.into_os_string();
    path.push(".lock");
    // Within the process one at a time, so that the file's lock only ever waits for another process.
    let _turn = MIGRATING.lock().await;
    let locked = std::fs::File::create(path).and_then(|file| file.lock().map(|()| file));
    let locked = locked.map_err(sqlx::Error::Io)?;
    migrator.run(pool).await?;
    drop(locked);
    Ok(())
}

/// Begins a transaction that the server ends when it does nothing for so long.
async fn begin_within(pool: &PgPool, stall: Duration) -> Result<Tx, StoreError> {
    let mut tx = pool.begin().await?;
    let (idle, statement) = (stall.as_millis(), (stall * STATEMENT_STALLS).as_millis());
    let limits = format!(
        "SET LOCAL idle_in_transaction_session_timeout = {idle}; SET LOCAL statement_timeout = {statement}"
    );
    sqlx::raw_sql(AssertSqlSafe(limits))
        .execute(&mut *tx)
        .await?;
    Ok(Tx::Postgres(tx))
}

impl Store {
    /// Opens `sqlite:FILE` (made when it is not there) or `postgres://…`, and brings the schema up
    /// to date. `password` goes to PostgreSQL, so that no URL has to hold one.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be reached or migrated.
    pub async fn open(url: &str, password: Option<&str>) -> Result<Self, StoreError> {
        Self::open_with(url, password, STALL).await
    }

    /// The same with another `stall`: writers stand in line, so PostgreSQL ends the transaction of an
    /// intake that does nothing for so long (a frozen process, a machine that went away), and any
    /// statement of it that takes four times as long.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be reached or migrated.
    pub async fn open_with(
        url: &str,
        password: Option<&str>,
        stall: Duration,
    ) -> Result<Self, StoreError> {
        let store = if url.starts_with("sqlite:") {
            Self::open_sqlite(url).await?
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let mut options = PgConnectOptions::from_str(url)?.application_name("tieout");
            if let Some(password) = password {
                options = options.password(password);
            }
            Self::Postgres {
                pool: PgPoolOptions::new()
                    .max_connections(8)
                    .connect_with(options)
                    .await?,
                keys: SharedKeys::default(),
                stall,
                ahead: Arc::default(),
            }
        } else {
            return Err(StoreError::Url(url.to_owned()));
        };
        store.migrate().await?;
        Ok(store)
    }

    async fn open_sqlite(url: &str) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::from_str(url)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(30));
        // A batch fits the cache, so that no page of it is written twice; the log is folded into the
        // file when it holds many batches, so that a page that all of them touch is written once.
        let writing = options
            .clone()
            .pragma("cache_size", "-65536")
            .pragma("wal_autocheckpoint", "16384");
        // A commit that a full disk refuses is rolled back by SQLite itself, of which the driver hears
        // nothing: it would refuse every further transaction on that connection.
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            .before_acquire(|connection, _age| {
                Box::pin(async move { Ok(!connection.is_in_transaction()) })
            })
            .connect_with(writing)
            .await?;
        let read = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options)
            .await?;
        Ok(Self::Sqlite {
            write,
            read,
            keys: SharedKeys::default(),
        })
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite { write, .. } => migrate_sqlite(write).await,
            Self::Postgres { pool, .. } => Ok(sqlx::migrate!("../../migrations/postgres")
                .run(pool)
                .await?),
        }
    }

    /// Begins to write; waits until no other writer does.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let mut tx = match self {
            Self::Sqlite { write, .. } => Tx::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres { pool, .. } => Tx::Postgres(pool.begin().await?),
        };
        tx.wait_in_line().await?;
        Ok(tx)
    }

    /// Begins to write something short: a server ends it when nothing comes for as long as `stall`,
    /// because the others wait.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub(crate) async fn begin_briefly(&self) -> Result<Tx, StoreError> {
        let Self::Postgres { pool, stall, .. } = self else {
            return self.begin().await;
        };
        let mut tx = begin_within(pool, *stall).await?;
        tx.wait_in_line().await?;
        Ok(tx)
    }

    /// The same without waiting in line yet, for the one of this process who goes ahead; nobody where another
    /// does, nor on SQLite, which has one writer.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub(crate) async fn begin_ahead(
        &self,
    ) -> Result<Option<(Tx, OwnedMutexGuard<()>)>, StoreError> {
        let Self::Postgres {
            pool, stall, ahead, ..
        } = self
        else {
            return Ok(None);
        };
        let Some(alone) = Arc::clone(ahead).try_lock_owned() else {
            return Ok(None);
        };
        Ok(Some((begin_within(pool, *stall).await?, alone)))
    }

    /// A trivial read: whether the database answers.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn ping(&self) -> Result<(), StoreError> {
        on_pool!(self, db => sqlx::query("SELECT 1").execute(db).await?.rows_affected());
        Ok(())
    }

    /// Closes all connections; on SQLite this also folds the write-ahead log into the file.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { write, read, .. } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres { pool, .. } => pool.close().await,
        }
    }

    /// `SQLite` or `PostgreSQL`.
    pub const fn backend(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "SQLite",
            Self::Postgres { .. } => "PostgreSQL",
        }
    }

    pub(crate) const fn keys(&self) -> &SharedKeys {
        match self {
            Self::Sqlite { keys, .. } | Self::Postgres { keys, .. } => keys,
        }
    }
}

impl Tx {
    pub(crate) async fn wait_in_line(&mut self) -> Result<(), StoreError> {
        on_tx!(self, db => sqlx::query(sql!("writer")).execute(db).await?.rows_affected());
        Ok(())
    }

    /// Takes all of it back, and waits for that: others stand in line.
    pub(crate) async fn roll_back(self) {
        // Where that fails the connection is gone, and the server takes it back.
        let _gone = match self {
            Self::Sqlite(tx) => tx.rollback().await,
            Self::Postgres(tx) => tx.rollback().await,
        };
    }

    /// Makes it so.
    ///
    /// # Errors
    /// [`StoreError::CommitUnknown`] when it ends without the answer that it was written: the books
    /// have to be read back.
    pub async fn commit(self) -> Result<(), StoreError> {
        crate::fault::point()?;
        let done = match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => tx.commit().await,
        };
        // Whatever a commit ends with but an answer, reading back is what settles it.
        match done {
            Ok(()) => crate::fault::commit_point(),
            Err(error) => Err(StoreError::CommitUnknown(error)),
        }
    }
}
