//! How books are opened: to be written, which brings their schema up to date; or to be read, for which
//! the right to read is enough.

use crate::backend::{Access, Store, StoreError};
use crate::file::{BookFile, Locked};
use crate::keys::SharedKeys;
use futures_util::lock::Mutex;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, PgPool, SqlitePool};
use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};
use std::task::Poll;
use std::time::Duration;

/// How long one who writes may do nothing, when the configuration does not say.
pub const STALL: Duration = Duration::from_secs(30);

/// Connections to a server: each that writes and each that reads takes one.
const SERVER_CONNECTIONS: u32 = 16;

/// Rows that SQLite's thread may be ahead of the one who reads them.
const ROWS_AHEAD: usize = 2_048;

/// Connections that read a file.
const FILE_READERS: u32 = 8;

static SQLITE: Migrator = sqlx_macros::migrate!("../../migrations/sqlite");
static POSTGRES: Migrator = sqlx_macros::migrate!("../../migrations/postgres");

/// Whose turn it is to migrate, within this process.
static MIGRATING: LazyLock<Mutex<()>> = LazyLock::new(Mutex::default);

/// Which migrations the books have, and whether the books stand where this program expects them.
enum Schema {
    Current,
    Older,
    Newer,
}

impl Schema {
    fn of(done: &BTreeSet<i64>, wanted: &Migrator) -> Self {
        let known: BTreeSet<i64> = wanted.iter().map(|migration| migration.version).collect();
        if done.difference(&known).next().is_some() {
            Self::Newer
        } else if known.difference(done).next().is_some() {
            Self::Older
        } else {
            Self::Current
        }
    }

    fn readable(self) -> Result<(), StoreError> {
        match self {
            Self::Current => Ok(()),
            Self::Older => Err(StoreError::OlderSchema),
            Self::Newer => Err(StoreError::NewerSchema),
        }
    }
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
        if url.starts_with("sqlite:") {
            return open_sqlite(url).await;
        }
        let pool = connect(url, password).await?;
        POSTGRES.run(&pool).await?;
        Ok(Self::postgres(pool, stall, Access::Write))
    }

    /// Opens books for questions alone: with the right to read and no other, and nothing is written, into
    /// the books or beside them.
    ///
    /// # Errors
    /// [`StoreError`] when there are no books, when their schema is another than this program's, or when
    /// they cannot be read.
    pub async fn open_to_read(url: &str, password: Option<&str>) -> Result<Self, StoreError> {
        if url.starts_with("sqlite:") {
            return read_sqlite(url).await;
        }
        let pool = connect(url, password).await?;
        let done = sqlx::query_scalar(sql!("migrations"))
            .fetch_all(&pool)
            .await;
        Schema::of(&done_of(done)?, &POSTGRES).readable()?;
        come_back(&pool).await;
        Ok(Self::postgres(pool, STALL, Access::Read))
    }

    /// Books in which nothing is, for questions about a company that has none yet.
    ///
    /// # Errors
    /// [`StoreError`] when there is no memory for them.
    pub async fn empty() -> Result<Self, StoreError> {
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .connect("sqlite::memory:")
            .await?;
        SQLITE.run(&pool).await?;
        Ok(Self::Sqlite {
            write: pool.clone(),
            read: pool,
            keys: SharedKeys::default(),
            file: None,
            access: Access::Read,
            was_whole: true,
        })
    }

    fn postgres(pool: PgPool, stall: Duration, access: Access) -> Self {
        Self::Postgres {
            pool,
            keys: SharedKeys::default(),
            stall,
            ahead: Arc::default(),
            access,
        }
    }
}

async fn connect(url: &str, password: Option<&str>) -> Result<PgPool, StoreError> {
    if !url.starts_with("postgres:") && !url.starts_with("postgresql:") {
        return Err(StoreError::Url(url.to_owned()));
    }
    let mut options = PgConnectOptions::from_str(url)?.application_name("tieout");
    if let Some(password) = password {
        options = options.password(password);
    }
    Ok(PgPoolOptions::new()
        .max_connections(SERVER_CONNECTIONS)
        .connect_with(options)
        .await?)
}

/// Lets the first connection come back to its pool, which it does a moment after its last use: who asks before
/// opens another, and reads the schema once more.
async fn come_back<D: sqlx::Database>(pool: &sqlx::Pool<D>) {
    for _ in 0..100 {
        if pool.num_idle() > 0 {
            return;
        }
        let mut gave_way = false;
        std::future::poll_fn(|context| {
            if std::mem::replace(&mut gave_way, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

/// The migrations that were run; none where there is no table of them.
fn done_of(found: Result<Vec<i64>, sqlx::Error>) -> Result<BTreeSet<i64>, StoreError> {
    match found {
        Ok(done) => Ok(done.into_iter().collect()),
        Err(sqlx::Error::Database(error))
            if error.code().as_deref() == Some("42P01")
                || error.message().contains("no such table") =>
        {
            Err(StoreError::NoBooks)
        }
        Err(error) => Err(error.into()),
    }
}

async fn open_sqlite(url: &str) -> Result<Store, StoreError> {
    let options = SqliteConnectOptions::from_str(url)?
        .create_if_missing(true)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(30));
    let path = options.get_filename().to_owned();
    let in_memory = path.as_os_str().is_empty() || path.starts_with(":memory:");
    let file = if in_memory {
        None
    } else {
        Some(Arc::new(BookFile::find(&path)?))
    };
    let options = options
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
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
        .max_connections(if in_memory { 1 } else { FILE_READERS })
        .connect_with(
            options
                .pragma("query_only", "ON")
                .row_buffer_size(ROWS_AHEAD),
        )
        .await?;
    let mut was_whole = true;
    match &file {
        None => SQLITE.run(&write).await?,
        Some(file) => {
            migrate(&write, file).await?;
            was_whole = mark_open(&write, file).await?;
        }
    }
    Ok(Store::Sqlite {
        write,
        read,
        keys: SharedKeys::default(),
        file,
        access: Access::Write,
        was_whole,
    })
}

/// PostgreSQL locks while it migrates; for SQLite that is a file beside the books, without which two
/// who open new books at once would both make the same tables. It stays locked, shared, while the books are
/// open.
async fn migrate(pool: &SqlitePool, file: &BookFile) -> Result<(), StoreError> {
    // Within the process one at a time, so that the file's lock only ever waits for another process.
    let _turn = MIGRATING.lock().await;
    let mut looked_again = false;
    loop {
        let done = sqlx::query_scalar(sql!("migrations")).fetch_all(pool).await;
        let done = done.unwrap_or_default().into_iter().collect();
        let is_current = matches!(Schema::of(&done, &SQLITE), Schema::Current);
        match file.lock(is_current)? {
            Locked::Shared => return Ok(SQLITE.run(pool).await?),
            Locked::Alone => {
                let migrated = SQLITE.run(pool).await;
                file.unlock();
                migrated?;
            }
            // Whoever has them open may have brought them up to date since they were looked at.
            Locked::InUse if !looked_again => looked_again = true,
            Locked::InUse => return Err(StoreError::InUse),
            Locked::NotYet => {}
        }
    }
}

/// Notes in the file itself that the books are open, before anything else is written. Says whether they were
/// whole before.
async fn mark_open(write: &SqlitePool, file: &BookFile) -> Result<bool, StoreError> {
    let (turn, closed): (i64, Option<i64>) =
        sqlx::query_as(sql!("closed")).fetch_one(write).await?;
    let was_whole = file.was_whole(turn, closed);
    if closed.is_none_or(|closed| closed == turn) {
        let turn: i64 = sqlx::query_scalar(sql!("open")).fetch_one(write).await?;
        sqlx::query("PRAGMA wal_checkpoint(PASSIVE)")
            .execute(write)
            .await?;
        file.write_note(turn)?;
    } else if !was_whole {
        file.write_note(turn)?;
    }
    Ok(was_whole)
}

async fn read_sqlite(url: &str) -> Result<Store, StoreError> {
    let options = SqliteConnectOptions::from_str(url)?
        .create_if_missing(false)
        .busy_timeout(Duration::from_secs(30))
        .pragma("query_only", "ON")
        .row_buffer_size(ROWS_AHEAD);
    let path = options.get_filename().to_owned();
    if !path.exists() {
        return Err(StoreError::NoBooks);
    }
    let (read, file) = match connect_to_read(&options).await {
        // The last who wrote closed the books meanwhile: now they lie still.
        Err(StoreError::LogUnreadable(_)) if !BookFile::find(&path)?.has_log() => {
            connect_to_read(&options).await?
        }
        connected => connected?,
    };
    let done = sqlx::query_scalar(sql!("migrations"))
        .fetch_all(&read)
        .await;
    Schema::of(&done_of(done)?, &SQLITE).readable()?;
    come_back(&read).await;
    Ok(Store::Sqlite {
        write: read.clone(),
        read,
        keys: SharedKeys::default(),
        file: Some(Arc::new(file)),
        access: Access::Read,
        was_whole: true,
    })
}

async fn connect_to_read(
    options: &SqliteConnectOptions,
) -> Result<(SqlitePool, BookFile), StoreError> {
    let path = options.get_filename().to_owned();
    let file = BookFile::to_read(&path)?;
    // The owner's connection takes the files of SQLite's locks away again; whoever may write is still kept
    // from it by `query_only`. With a log there, nobody but a writer folds it.
    let options = options
        .clone()
        .read_only(file.is_alone() || file.has_log())
        .immutable(file.is_alone());
    let opened = SqlitePoolOptions::new()
        .max_connections(FILE_READERS)
        .connect_with(options)
        .await;
    match opened {
        // CANTOPEN and READONLY: what the log needs beside it is not there and cannot be made.
        Err(sqlx::Error::Database(error))
            if matches!(error.code().as_deref(), Some("14" | "8")) =>
        {
            Err(StoreError::LogUnreadable(path.display().to_string()))
        }
        opened => Ok((opened?, file)),
    }
}
