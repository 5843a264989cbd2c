//! Ways out: places that take whole files. And one way in: a folder behind SFTP from which files are fetched
//! (`transport/pickup.rs`), through the same session.

pub mod folder;
pub mod pickup;
pub mod sftp;
mod ssh;

use crate::secret::Exposed;
use async_trait::async_trait;
use serde::Deserialize;
use std::fmt::Debug;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

/// Where a target's files go: `{ folder: {…} }` or `{ sftp: {…} }`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum DropConfig {
    /// A folder of this machine.
    Folder(folder::Config),
    /// A folder behind SFTP.
    Sftp(sftp::Config),
}

impl DropConfig {
    /// Refuses a secret among what is written.
    ///
    /// # Errors
    /// [`Exposed`], which does not show it.
    pub fn check(&self) -> Result<(), Exposed> {
        match self {
            Self::Folder(_) => Ok(()),
            Self::Sftp(config) => config.check(),
        }
    }

    /// Opens the place; relative paths are taken from `base`.
    ///
    /// # Errors
    /// [`TransportError`] when a secret cannot be read.
    pub fn open(&self, base: &Path) -> Result<Arc<dyn FileDrop>, TransportError> {
        match self {
            Self::Folder(config) => Ok(Arc::new(folder::Folder::new(config, base))),
            Self::Sftp(config) => Ok(Arc::new(sftp::Sftp::new(config.clone(), base)?)),
        }
    }
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It was sent, whole, and lies there under its name.
    Sent,
    /// It lay there already, byte for byte; nothing was sent.
    Already,
    /// Another file lies there under this name; nothing was sent.
    Occupied,
}

impl Placed {
    /// What a file is told that finds another under its name, the same or not.
    const fn there(same: bool) -> Self {
        if same { Self::Already } else { Self::Occupied }
    }
}

/// The outcome is not known: the same call may be repeated.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// No connection, or it broke.
    #[error("`{peer}` could not be reached: {what}")]
    Unreachable {
        /// The host or folder.
        peer: String,
        /// What was being done.
        what: String,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The host is not the one that the configuration names.
    #[error(
        "`{peer}` shows another host key than the configuration names ({shown}); if it was replaced, have its owner confirm the new one"
    )]
    HostKey {
        /// The host.
        peer: String,
        /// The kind of key that it shows.
        shown: String,
    },
    /// The peer refuses the credentials.
    #[error("`{peer}` refuses the credentials of `{user}`")]
    Unauthorized {
        /// The host.
        peer: String,
        /// The user.
        user: String,
        /// What it said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A secret is missing.
    #[error("a secret cannot be read")]
    Secret(#[from] crate::secret::SecretError),
    /// Work on the place was given up, because the process ends.
    #[error("the work on `{0}` was given up")]
    GivenUp(String),
    /// The file arrived shorter or longer than it left.
    #[error("`{peer}` holds {found} bytes of `{name}`, {expected} were sent")]
    Size {
        /// The host or folder.
        peer: String,
        /// The file.
        name: String,
        /// Bytes sent.
        expected: u64,
        /// Bytes found.
        found: u64,
    },
}

/// A place that takes whole files.
#[async_trait]
pub trait FileDrop: Debug + Send + Sync {
    /// Puts the file there under its name, whole or not at all. `Ok` says what became of it; `Err`
    /// that nobody knows, and the call may be repeated.
    async fn put(&self, name: &str, bytes: &[u8]) -> Result<Placed, TransportError>;

    /// Whether the place can be reached and written, without leaving anything there.
    async fn check(&self) -> Result<(), TransportError>;

    /// The place as people call it.
    fn peer(&self) -> String;

    /// The way to see what lies there, where the place lets one look.
    fn shelf(&self) -> Option<&dyn Shelf> {
        None
    }
}

/// A place that shows what lies in it.
#[async_trait]
pub trait Shelf: Send + Sync {
    /// The names of all files there; none where the place itself is not there yet. `Err` means that nobody
    /// knows.
    async fn list(&self) -> Result<Vec<String>, TransportError>;

    /// The bytes of a small regular file; `None` when there is none of that name.
    async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, TransportError>;
}

/// The most that is read of a file that others may have put there: manifests are small.
const MOST_READ: usize = 16 << 20;

/// How long an upload that nobody ended is left alone, on the clock of the place that it lies in.
const STALE: std::time::Duration = std::time::Duration::from_hours(1);

/// A name for a file that is being written, which no other writer has, of this process or of another.
pub fn part_name(name: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    // Processes in containers share their number; the seed of a map's hashes is each one's own.
    static OWN: LazyLock<u64> = LazyLock::new(|| RandomState::new().build_hasher().finish());
    format!(
        ".{name}.{:x}-{:016x}-{:x}.part",
        std::process::id(),
        *OWN,
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

/// Whether this is an upload of the file; a name that an earlier version shared among all uploads counts.
fn is_part(name: &str, found: &str) -> bool {
    found
        .strip_prefix('.')
        .and_then(|rest| rest.strip_prefix(name))
        .is_some_and(|rest| rest == ".part" || (rest.starts_with('.') && rest.ends_with(".part")))
}
