//! The two databases and the few lines that let one body serve both.

use crate::file::BookFile;
use crate::keys::SharedKeys;
use futures_util::lock::{Mutex, OwnedMutexGuard};
use ledger::Class;
use sqlx::{AssertSqlSafe, PgPool, Postgres, Sqlite, SqlitePool, Transaction};
use std::sync::Arc;
use std::time::Duration;

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
        /// The file and what lies beside it; none in memory.
        file: Option<Arc<BookFile>>,
        /// What may be done with it.
        access: Access,
        /// Whether the file held all that was written when it was opened.
        was_whole: bool,
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
        /// What may be done with it.
        access: Access,
    },
}

/// What books were opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Questions alone.
    Read,
    /// Whatever there is.
    Write,
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
    /// Books that are not there yet.
    #[error(
        "there are no books yet; the first command that writes makes them, such as `tieout ingest`"
    )]
    NoBooks,
    /// Books of an earlier program, opened to be read.
    #[error(
        "the books are of an earlier version of Tieout; a command that writes brings them up to date, such as `tieout post`"
    )]
    OlderSchema,
    /// Books of a later program.
    #[error("the books are of a later version of Tieout than this program; use that one")]
    NewerSchema,
    /// Books of an earlier program that another process has open.
    #[error(
        "the books are of an earlier version of Tieout and another process has them open; stop it, and this one brings them up to date"
    )]
    InUse,
    /// A log beside the file that only one who may write there can read.
    #[error(
        "`{0}-wal` holds a part of the books and cannot be read where nothing may be written; copy both files to a folder where you may write, or stop the process that has them open"
    )]
    LogUnreadable(String),
    /// Somebody began to write where nobody was expected to.
    #[error("somebody began to write into the books while they were read; ask again")]
    Moved,
    /// Books that were opened for questions.
    #[error("the books were opened to be read, and nothing is written into them")]
    ReadOnly,
    /// Another version of the mapping is in force than the one that decided.
    #[error(
        "mapping version {found} is in force, this process has {expected}: reload it (SIGHUP) or start it again"
    )]
    OtherMapping {
        /// The version of the process, shortened.
        expected: String,
        /// The version in force, shortened.
        found: String,
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
    /// A text that no database of the two gives back as it was.
    #[error("a text holds a NUL, which the books cannot keep")]
    Null,
    /// A sum beyond 64 bits.
    #[error("the balance of account `{0}` does not fit 64 bits of minor units")]
    Overflow(String),
}

/// Runs the same body against whichever backend is open, on a reading connection of its own: for a single
/// question of one who writes.
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
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/", $name, ".sql"))
    };
    ($name:literal, sqlite) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/sql/",
            $name,
            ".sqlite.sql"
        ))
    };
    ($name:literal, postgres) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/sql/",
            $name,
            ".postgres.sql"
        ))
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
            Self::CheckpointMoved { .. }
            | Self::Unknown { .. }
            | Self::Url(_)
            | Self::NoBooks
            | Self::OlderSchema
            | Self::NewerSchema
            | Self::InUse
            | Self::LogUnreadable(_)
            | Self::ReadOnly
            | Self::OtherMapping { .. } => Class::Refuse,
            Self::Moved => Class::Retry,
            // The one who brought it is left out, and the rest goes on.
            Self::Overflow(_) | Self::Null => Class::Quarantine,
            Self::Migrate(_) | Self::Corrupt(_) | Self::Invariant(_) => Class::Stop,
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
        // TOOBIG, MISMATCH: what was to be written cannot be.
        18 | 20 => Class::Quarantine,
        // ERROR, INTERNAL, ABORT, CORRUPT, SCHEMA, CONSTRAINT, MISUSE, NOTADB.
        1 | 2 | 4 | 11 | 17 | 19 | 21 | 26 => Class::Stop,
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
        // Data, limits: what was to be written cannot be.
        "22" | "54" => Class::Quarantine,
        // Integrity, transaction state, trigger, syntax and schema, internal.
        "23" | "25" | "27" | "42" | "P0" | "XX" | "0A" | "26" => Class::Stop,
        _ => Class::Unclassified,
    }
}

/// How often a transaction is begun again that never was.
const BEGIN_AGAIN: u32 = 3;

/// Begins a transaction. A connection that is turned away, or that went while nobody used it, has done nothing.
pub(crate) async fn begun(
    pool: &PgPool,
    begin: &'static str,
) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    let mut tries = 0;
    loop {
        match pool.begin_with(begin).await {
            Err(error) if tries < BEGIN_AGAIN && database_class(&error) == Class::Retry => {
                tries += 1;
            }
            other => return other,
        }
    }
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
    /// Begins to write; waits until no other writer does.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        self.is_writable()?;
        let mut tx = match self {
            Self::Sqlite { write, .. } => Tx::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres { pool, .. } => Tx::Postgres(begun(pool, "BEGIN").await?),
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

    /// Closes all connections. On SQLite this also folds the write-ahead log into the file, and the last
    /// process that has it open notes there that it is whole.
    ///
    /// # Errors
    /// [`StoreError::Moved`] where the books were read as nobody else had them open, and somebody began to
    /// write: what was read may be wrong.
    pub async fn close(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite {
                write,
                read,
                file,
                access,
                ..
            } => {
                let file = file.as_deref();
                if *access == Access::Write && file.is_some_and(BookFile::is_last) {
                    sqlx::query(sql!("close")).execute(write).await?;
                }
                read.close().await;
                write.close().await;
                if let Some(file) = file {
                    file.unlock();
                    if !file.is_still() {
                        return Err(StoreError::Moved);
                    }
                }
            }
            Self::Postgres { pool, .. } => pool.close().await,
        }
        Ok(())
    }

    /// Whether the file held all that was written when it was opened; false for a copy that was made without
    /// the log beside it.
    pub const fn was_whole(&self) -> bool {
        match self {
            Self::Sqlite { was_whole, .. } => *was_whole,
            Self::Postgres { .. } => true,
        }
    }

    fn is_writable(&self) -> Result<(), StoreError> {
        let (Self::Sqlite { access, .. } | Self::Postgres { access, .. }) = self;
        match access {
            Access::Write => Ok(()),
            Access::Read => Err(StoreError::ReadOnly),
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
