//! Points at which a test may stop the process or fail a statement, so that every gap between two
//! statements can be visited. They exist in builds with debug assertions only; in a release build
//! a point is nothing.
//!
//! `TIEOUT_FAULT=stop:N` halts the process for good before its N-th statement in a writing transaction, and
//! says so on standard error, for whoever started it to kill it. `TIEOUT_FAULT=fail:N` fails that
//! statement as a lost connection does; `TIEOUT_FAULT=lost:N` lets the N-th commit happen and loses its answer.
//! `TIEOUT_FAULT=trace:FILE` only notes every statement and every commit there, so that a test knows how many there are.

use crate::StoreError;

#[cfg(debug_assertions)]
mod armed {
    use std::fs::File;
    use std::io::Write;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    enum Fault {
        Stop(u64),
        Fail(u64),
        Lost(u64),
        Trace(File),
    }

    static FAULT: OnceLock<Option<Fault>> = OnceLock::new();
    static STATEMENTS: AtomicU64 = AtomicU64::new(0);
    static COMMITS: AtomicU64 = AtomicU64::new(0);

    fn fault() -> Option<&'static Fault> {
        let read = || {
            let text = std::env::var("TIEOUT_FAULT").ok()?;
            let (kind, what) = text.split_once(':')?;
            match kind {
                "stop" => what.parse().ok().map(Fault::Stop),
                "fail" => what.parse().ok().map(Fault::Fail),
                "lost" => what.parse().ok().map(Fault::Lost),
                "trace" => File::create(what).ok().map(Fault::Trace),
                _ => None,
            }
        };
        FAULT.get_or_init(read).as_ref()
    }

    fn is_due(counter: &AtomicU64, number: u64) -> bool {
        counter.fetch_add(1, Ordering::SeqCst) + 1 == number
    }

    fn note(mut file: &File, what: &str) {
        let _full = file.write_all(what.as_bytes());
    }

    /// Whether this statement is to fail. Where the process is to stop, this does not return.
    pub(super) fn at_statement() -> bool {
        match fault() {
            Some(Fault::Stop(number)) if is_due(&STATEMENTS, *number) => {
                let mut out = std::io::stderr().lock();
                let _closed = writeln!(out, "stopped before statement {number}");
                let _closed = out.flush();
                loop {
                    std::thread::park();
                }
            }
            Some(Fault::Fail(number)) => is_due(&STATEMENTS, *number),
            Some(Fault::Trace(file)) => {
                note(file, "statement\n");
                false
            }
            _ => false,
        }
    }

    /// Whether the answer of this commit is to be lost.
    pub(super) fn at_commit() -> bool {
        match fault() {
            Some(Fault::Lost(number)) => is_due(&COMMITS, *number),
            Some(Fault::Trace(file)) => {
                note(file, "commit\n");
                false
            }
            _ => false,
        }
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
