//! One at a time, across processes: who does a job for a subject holds its lease.
//!
//! On PostgreSQL it is an advisory lock of a session of its own, which the server ends when its holder says
//! nothing for minutes; on SQLite the lock of a file beside the books. Either way it is gone with the
//! process that held it, whatever ended that one. What a lease keeps apart, keys of the books keep apart as well:
//! it spares two processes the same work, and is not what makes the result right.

use crate::{Store, StoreError};
use ledger::Hash;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::PathBuf;
use std::time::Duration;

/// How often a holder says that it is there.
pub const BREATH: Duration = Duration::from_secs(30);

/// After how many seconds without a word a holder on PostgreSQL is taken for gone.
const SILENCE: u32 = 150;

/// The right to do a job for a subject. It ends when it is dropped.
#[derive(Debug)]
pub struct Lease(Kept);

#[derive(Debug)]
enum Kept {
    /// Books in memory have one process.
    Alone,
    #[expect(dead_code, reason = "its lock is held, not read")]
    File(File),
    Session(PgConnection),
}

impl Store {
    /// Takes the lease of a job for a subject; none while somebody else has it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn lease(&self, job: &str, subject: &str) -> Result<Option<Lease>, StoreError> {
        let name = Hash::of(format!("tieout.lease.v1\0{job}\0{subject}").as_bytes());
        match self {
            Self::Sqlite { write, .. } => {
                let books = write.connect_options().get_filename().to_owned();
                if books.as_os_str().is_empty() || books.starts_with(":memory:") {
                    return Ok(Some(Lease(Kept::Alone)));
                }
                let mut path = books.into_os_string();
                path.push(format!(".{}.lock", name.short()));
                let file = lock_file(path.into()).map_err(sqlx::Error::Io)?;
                Ok(file.map(|file| Lease(Kept::File(file))))
            }
            Self::Postgres { pool, .. } => {
                let options = pool.connect_options();
                let mut session = PgConnection::connect_with(&options).await?;
                let mut key = [0; 8];
                key.copy_from_slice(name.as_bytes().get(..8).unwrap_or(&[0; 8]));
                let got: bool = sqlx::query_scalar(sql!("lease", postgres))
                    .bind(i64::from_be_bytes(key))
                    .fetch_one(&mut session)
                    .await?;
                if !got {
                    session.close().await?;
                    return Ok(None);
                }
                let silence = format!("SET idle_session_timeout = '{SILENCE}s'");
                // A server before PostgreSQL 14 does not know it, and waits for the network's own end.
                let _older = sqlx::raw_sql(AssertSqlSafe(silence))
                    .execute(&mut session)
                    .await;
                Ok(Some(Lease(Kept::Session(session))))
            }
        }
    }
}

fn lock_file(path: PathBuf) -> std::io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
    let file = options.open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

impl Lease {
    /// Tells that the holder is there. A long job says so every [`BREATH`].
    ///
    /// # Errors
    /// [`StoreError::Database`] when it is lost: the rest is somebody else's.
    pub async fn keep(&mut self) -> Result<(), StoreError> {
        match &mut self.0 {
            Kept::Alone | Kept::File(_) => Ok(()),
            Kept::Session(session) => Ok(session.ping().await?),
        }
    }

    /// Gives it back: when this returns somebody else can take it.
    pub async fn end(self) {
        if let Kept::Session(mut session) = self.0 {
            // A server takes a farewell when it comes to it, and holds the lock until then; this it answers. One
            // that cannot be asked or closed is gone, and its lock with it.
            let _answered = sqlx::query(sql!("unlock", postgres))
                .execute(&mut session)
                .await;
            let _gone = session.close().await;
        }
    }
}
