//! Points at which a test may stop the process or fail a statement, so that every gap between two
//! statements can be visited. They exist in builds with debug assertions only; in a release build
//! a point is nothing.
//!
//! `TIEOUT_FAULT=stop:N` halts the process for good before its N-th statement in a writing transaction, and
//! says so on standard error, for whoever started it to kill it. `TIEOUT_FAULT=fail:N` fails that
//! statement as a lost connection does; `TIEOUT_FAULT=lost:N` lets the N-th commit happen and loses its answer.

use crate::StoreError;

#[cfg(debug_assertions)]
mod armed {
    use std::io::Write;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[derive(Clone, Copy, PartialEq, Eq)]
    pub(super) enum Kind {
        Stop,
        Fail,
        Lost,
    }

    static FAULT: OnceLock<Option<(Kind, u64)>> = OnceLock::new();
    static STATEMENTS: AtomicU64 = AtomicU64::new(0);
    static COMMITS: AtomicU64 = AtomicU64::new(0);

    fn fault() -> Option<(Kind, u64)> {
        *FAULT.get_or_init(|| {
            let text = std::env::var("TIEOUT_FAULT").ok()?;
            let (kind, number) = text.split_once(':')?;
            let kind = match kind {
                "stop" => Kind::Stop,
                "fail" => Kind::Fail,
                "lost" => Kind::Lost,
                _ => return None,
            };
            Some((kind, number.parse().ok()?))
        })
    }

    /// Whether the fault is due at this statement.
    pub(super) fn at_statement() -> bool {
        let Some((kind, number)) = fault() else {
            return false;
        };
        if kind == Kind::Lost || STATEMENTS.fetch_add(1, Ordering::SeqCst) + 1 != number {
            return false;
        }
        if kind == Kind::Stop {
            let mut out = std::io::stderr().lock();
            let _closed = writeln!(out, "stopped before statement {number}");
            let _closed = out.flush();
            loop {
                std::thread::park();
            }
        }
        true
    }

    /// Whether the answer of this commit is to be lost.
    pub(super) fn at_commit() -> bool {
        matches!(fault(), Some((Kind::Lost, number)) if COMMITS.fetch_add(1, Ordering::SeqCst) + 1 == number)
    }
}

#[cfg(debug_assertions)]
fn connection_lost() -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(
        std::io::ErrorKind::ConnectionReset,
        "the connection was lost",
    ))
}

/// Before a statement.
pub(crate) fn point() -> Result<(), StoreError> {
    #[cfg(debug_assertions)]
    if armed::at_statement() {
        return Err(StoreError::Database(connection_lost()));
    }
    Ok(())
}

/// After a commit that happened.
pub(crate) fn commit_point() -> Result<(), StoreError> {
    #[cfg(debug_assertions)]
    if armed::at_commit() {
        return Err(StoreError::CommitUnknown(connection_lost()));
    }
    Ok(())
}
