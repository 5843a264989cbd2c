//! Files kept outside the books, whole, each under the hash of its bytes: what the books would else hold in chunks.
//!
//! A file lies under its hash when all of it does, and before anything refers to it; a crash leaves at most a file
//! that nothing refers to. What lies there is never trusted: whoever reads it back compares the hash.

mod bucket;
mod folder;

use crate::bucket::{self as s3, ConfigError};
use crate::secret::SecretError;
use async_trait::async_trait;
use ledger::Hash;
use ledger::hash::hex;
use serde::Deserialize;
use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

/// Where files are kept: `{ folder: { path: kept } }` or `{ bucket: { url: "s3://name/prefix", … } }`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum KeepConfig {
    /// A folder of this machine.
    Folder(folder::Config),
    /// A bucket of an S3-speaking store.
    Bucket(s3::Config),
}

impl KeepConfig {
    /// Says what would not be right, a secret that is written least of all.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn check(&self) -> Result<(), ConfigError> {
        match self {
            Self::Folder(_) => Ok(()),
            Self::Bucket(config) if config.conditional.is_some() => Err(ConfigError::Conditional),
            Self::Bucket(config) => config.check(),
        }
    }

    /// Opens the place; relative paths are taken from `base`.
    ///
    /// # Errors
    /// [`KeepError`] when a secret cannot be read.
    pub fn open(&self, base: &Path) -> Result<Arc<dyn Keep>, KeepError> {
        match self {
            Self::Folder(config) => Ok(Arc::new(folder::Folder::new(config, base))),
            Self::Bucket(config) => Ok(Arc::new(bucket::Bucket::new(config, base)?)),
        }
    }
}

/// Why a file could not be kept or read back. The same may be tried again.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The place is away, or refuses.
    #[error("`{place}` cannot be used: {what}")]
    Away {
        /// The place.
        place: String,
        /// What was being done.
        what: String,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A secret is missing.
    #[error("a secret cannot be read")]
    Secret(#[from] SecretError),
}

/// A place that keeps files.
#[async_trait]
pub trait Keep: Debug + Send + Sync {
    /// The word in the books.
    fn kind(&self) -> &'static str;

    /// The place as people call it.
    fn place(&self) -> String;

    /// Begins a file whose bytes will have this hash. One that lies there already is replaced by the same bytes.
    async fn begin(&self, hash: Hash) -> Result<Box<dyn Keeping>, KeepError>;

    /// Opens a file; none where nothing lies under the hash. `Err` means that nobody knows.
    async fn open(&self, hash: Hash) -> Result<Option<Box<dyn Kept>>, KeepError>;
}

/// A file on its way to its place.
#[async_trait]
pub trait Keeping: Send {
    /// Takes the next bytes.
    async fn write(&mut self, bytes: &[u8]) -> Result<(), KeepError>;

    /// Ends it: when this is `Ok`, all of it lies there for good.
    async fn end(self: Box<Self>) -> Result<(), KeepError>;

    /// Gives it up: nothing of it lies under its hash.
    async fn give_up(self: Box<Self>);
}

/// A file that is read back.
#[async_trait]
pub trait Kept: Send {
    /// The next bytes; none at the end.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, KeepError>;
}

/// Where a hash lies: a first part of it, so that no folder holds too many, and all of it.
fn key(hash: Hash) -> (String, String) {
    let hex = hex(hash.as_bytes());
    (hex.chars().take(2).collect(), hex)
}
