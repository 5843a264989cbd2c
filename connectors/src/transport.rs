//! Ways out: places that take whole files.

pub mod folder;
pub mod sftp;

use async_trait::async_trait;
use serde::Deserialize;
use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

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
    #[error("a secret is missing")]
    Secret(#[from] crate::secret::SecretError),
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
}
