//! Ways out: places that take whole files. And one way in: a folder behind SFTP from which files are fetched
//! (`transport/pickup.rs`), through the same session.
//!
//! Each way is a kind of place, registered here by name; what it sends may be encrypted for its receiver first
//! (`transport/openpgp.rs`), whichever way it goes.

pub mod bucket;
pub mod folder;
pub mod https;
pub mod openpgp;
pub mod pickup;
pub mod sftp;
mod ssh;

pub use crate::failure::TransportError;

use crate::bucket::ConfigError as BucketConfigError;
use crate::http::AddressError;
use crate::secret::Exposed;
use async_trait::async_trait;
use ledger::Clock;
use serde::Deserialize;
use std::fmt::Debug;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

/// A kind of place for files.
#[derive(Clone, Copy, Debug)]
pub struct DropKind {
    /// The name in the configuration.
    pub id: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// What stands under `drop`, by example.
    pub example: &'static str,
}

/// Every kind of place that this build knows, and what can be done to the files on their way.
pub const KINDS: &[DropKind] = &[
    folder::KIND,
    sftp::KIND,
    bucket::KIND,
    https::KIND,
    openpgp::KIND,
];

/// Where a target's files go: one of `folder`, `sftp`, `bucket` and `https`, and `openpgp` beside it where they are
/// encrypted first.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "Written")]
pub struct DropConfig {
    /// The place.
    pub place: PlaceConfig,
    /// For whom files are encrypted.
    pub openpgp: Option<openpgp::Config>,
}

/// A place for files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaceConfig {
    /// A folder of this machine.
    Folder(folder::Config),
    /// A folder behind SFTP.
    Sftp(sftp::Config),
    /// A bucket of an S3-speaking store.
    Bucket(crate::bucket::Config),
    /// An address that takes files by HTTPS PUT.
    Https(https::Config),
}

/// `drop` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    folder: Option<folder::Config>,
    sftp: Option<sftp::Config>,
    bucket: Option<crate::bucket::Config>,
    https: Option<https::Config>,
    openpgp: Option<openpgp::Config>,
}

impl TryFrom<Written> for DropConfig {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let places = [
            written.folder.map(PlaceConfig::Folder),
            written.sftp.map(PlaceConfig::Sftp),
            written.bucket.map(PlaceConfig::Bucket),
            written.https.map(PlaceConfig::Https),
        ];
        let mut places = places.into_iter().flatten();
        match (places.next(), places.next()) {
            (Some(place), None) => Ok(Self {
                place,
                openpgp: written.openpgp,
            }),
            _ => Err("`drop` takes exactly one of `folder`, `sftp`, `bucket` and `https`"),
        }
    }
}

/// What is wrong with a place as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A secret is written.
    #[error(transparent)]
    Exposed(#[from] Exposed),
    /// A bucket.
    #[error(transparent)]
    Bucket(#[from] BucketConfigError),
    /// An address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Options that do not go together, or values that they do not take.
    #[error("{0}")]
    Option(String),
}

impl DropConfig {
    /// Says what would not be right, a secret that is written least of all.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn check(&self) -> Result<(), ConfigError> {
        if let Some(config) = &self.openpgp {
            config.check()?;
        }
        match &self.place {
            PlaceConfig::Folder(_) => Ok(()),
            PlaceConfig::Sftp(config) if self.openpgp.is_some() && !config.rename => {
                Err(ConfigError::Option(
                    "`openpgp` wants a server that renames files: an encrypted one that was cut off cannot be gone on with; take `rename: false` out".to_owned(),
                ))
            }
            PlaceConfig::Sftp(config) => config.check(),
            PlaceConfig::Bucket(config) => Ok(config.check()?),
            PlaceConfig::Https(config) => config.check(),
        }
    }

    /// Opens the place; relative paths are taken from `base`.
    ///
    /// # Errors
    /// [`TransportError`] when a secret or a key cannot be read.
    pub fn open(
        &self,
        base: &Path,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<dyn FileDrop>, TransportError> {
        let place: Arc<dyn FileDrop> = match &self.place {
            PlaceConfig::Folder(config) => Arc::new(folder::Folder::new(config, base)),
            PlaceConfig::Sftp(config) => Arc::new(sftp::Sftp::new(config.clone(), base)?),
            PlaceConfig::Bucket(config) => Arc::new(bucket::Bucket::new(config, base)?),
            PlaceConfig::Https(config) => Arc::new(https::Https::new(config, base)?),
        };
        match &self.openpgp {
            None => Ok(place),
            Some(config) => Ok(Arc::new(openpgp::Encrypted::new(
                config, place, base, clock,
            )?)),
        }
    }
}

/// What a file holds.
#[derive(Clone, Copy, Debug)]
pub struct Content<'c> {
    /// Its bytes.
    pub bytes: &'c [u8],
    beginning: usize,
    ending: usize,
}

impl<'c> Content<'c> {
    /// Bytes that are the same each time: what lies there is the same if all of it is.
    pub const fn whole(bytes: &'c [u8]) -> Self {
        Self {
            bytes,
            beginning: bytes.len(),
            ending: 0,
        }
    }

    /// Bytes that are others each time, but for so many at their beginning, which no other file begins with, and so many at
    /// their end: what lies there is the same if it begins so, and all of it lies there if it ends so.
    pub const fn marked(bytes: &'c [u8], beginning: usize, ending: usize) -> Self {
        Self {
            bytes,
            beginning,
            ending,
        }
    }

    /// What is compared.
    pub fn mark(&self) -> &'c [u8] {
        self.bytes.get(..self.beginning).unwrap_or(self.bytes)
    }

    /// What shows that all of it lies there, where not all of it is compared.
    pub fn end(&self) -> &'c [u8] {
        let from = self.bytes.len().saturating_sub(self.ending);
        self.bytes.get(from..).unwrap_or_default()
    }

    /// Whether all of it is compared.
    pub const fn is_whole(&self) -> bool {
        self.beginning >= self.bytes.len()
    }

    /// Whether a file of so many bytes can be the same.
    pub fn fits(&self, length: u64) -> bool {
        let mark = u64::try_from(self.mark().len()).unwrap_or(u64::MAX);
        length == mark || (length > mark && !self.is_whole())
    }

    /// The same, for work that is done aside.
    fn kept(&self) -> Kept {
        Kept {
            bytes: self.bytes.to_vec(),
            beginning: self.beginning,
            ending: self.ending,
        }
    }
}

/// A file that is held.
#[derive(Debug)]
pub struct Kept {
    bytes: Vec<u8>,
    beginning: usize,
    ending: usize,
}

impl Kept {
    /// What it holds.
    pub fn content(&self) -> Content<'_> {
        Content::marked(&self.bytes, self.beginning, self.ending)
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

/// A place that takes whole files.
#[async_trait]
pub trait FileDrop: Debug + Send + Sync {
    /// Puts the file there under its name, and never over another one. `Ok` says what became of it; `Err`
    /// that nobody knows, and the call may be repeated.
    async fn place(&self, name: &str, content: Content<'_>) -> Result<Placed, TransportError>;

    /// Puts bytes there that are the same each time.
    async fn put(&self, name: &str, bytes: &[u8]) -> Result<Placed, TransportError> {
        self.place(name, Content::whole(bytes)).await
    }

    /// Whether the same file lies there under its name; none where nothing does, or where the place lets nobody
    /// look. `Err` means that nobody knows.
    async fn holds(&self, name: &str, content: Content<'_>)
    -> Result<Option<bool>, TransportError>;

    /// Whether the place can be reached and written, without leaving anything there.
    async fn check(&self) -> Result<(), TransportError>;

    /// Whether a file of which nobody knows may be put again: one can look whether it lies there.
    fn may_repeat(&self) -> bool {
        true
    }

    /// The place as people call it.
    fn peer(&self) -> String;

    /// The way to see what lies there, where the place lets one look.
    fn shelf(&self) -> Option<&dyn Shelf> {
        None
    }

    /// What files are put into before they go, where they are.
    fn envelope(&self) -> Option<&dyn Envelope> {
        None
    }
}

/// What files are put into before they go.
#[async_trait]
pub trait Envelope: Send + Sync {
    /// What the file is called in it.
    fn name(&self, name: &str) -> String;

    /// Puts a file into it.
    async fn seal(&self, name: &str, bytes: &[u8]) -> Result<Kept, TransportError>;
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
    format!(".{name}.{}.part", own_sign())
}

/// A sign that no other upload has, of this process or of another.
fn own_sign() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    // Processes in containers share their number; the seed of a map's hashes is each one's own.
    static OWN: LazyLock<u64> = LazyLock::new(|| RandomState::new().build_hasher().finish());
    format!(
        "{:x}-{:016x}-{:x}",
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

const fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_what_its_example_says() {
        for kind in KINDS {
            let written: DropConfig = serde_saphyr::from_str(kind.example).unwrap();
            assert!(kind.example.contains(&format!("{}:", kind.id)));
            written.check().unwrap();
        }
    }

    #[test]
    #[allow(clippy::too_many_lines, reason = "a table")]
    fn a_drop_is_one_place_with_nothing_unknown() {
        let table = [
            ("{ folder: { path: a } }", ""),
            (
                "{ folder: { path: a }, openpgp: { recipients: [a.asc] } }",
                "",
            ),
            ("{}", "exactly one"),
            ("{ openpgp: { recipients: [a.asc] } }", "exactly one"),
            (
                "{ folder: { path: a }, https: { url: \"https://h/\" } }",
                "exactly one",
            ),
            ("{ ftp: { host: h } }", "ftp"),
            ("{ folder: { path: a, mode: 1 } }", "mode"),
            (
                "{ folder: { path: a }, openpgp: { recipients: [a.asc], armor: true } }",
                "armor",
            ),
            (
                "{ folder: { path: a }, openpgp: { recipients: [] } }",
                "`recipients`",
            ),
            (
                "{ folder: { path: a }, openpgp: { recipients: [a], sign: { key: hunter2 } } }",
                "{ env: NAME }",
            ),
            ("{ https: { url: \"http://h.example/\" } }", "https://"),
            (
                "{ https: { url: \"https://u:hunter2@h/\" } }",
                "holds a secret",
            ),
            (
                "{ https: { url: \"https://h/\", bearer: hunter2 } }",
                "{ env: NAME }",
            ),
            (
                "{ https: { url: \"https://h/\", headers: { X-Api-Key: hunter2 } } }",
                "`secrets",
            ),
            (
                "{ https: { url: \"https://h/\", headers: { authorization: hunter2 } } }",
                "`secrets",
            ),
            (
                "{ https: { url: \"https://h/\", headers: { \"a b\": c } } }",
                "no name of a header",
            ),
            (
                "{ https: { url: \"https://h/\", headers: { if-none-match: c } } }",
                "is Tieout's own",
            ),
            (
                "{ https: { url: \"https://h/\", bearer: { env: A }, basic: { user: u, password: { env: B } } } }",
                "one of",
            ),
            (
                "{ bucket: { url: \"s3://b\", key_id: { env: A }, secret: hunter2 } }",
                "{ env: NAME }",
            ),
            (
                "{ bucket: { url: \"s3://b\", endpoint: \"http://h\", key_id: { env: A }, secret: { env: B } } }",
                "without TLS",
            ),
            (
                "{ sftp: { host: h, user: u, host_key: k, folder: f, temporary: x } }",
                "`temporary: ",
            ),
            (
                "{ sftp: { host: h, user: u, host_key: k, folder: f, temporary: \"*\" } }",
                "`temporary: ",
            ),
            (
                "{ sftp: { host: h, user: u, host_key: k, folder: f, rename: false, temporary: \"*.tmp\" } }",
                "`rename: false`",
            ),
            (
                "{ sftp: { host: h, user: u, host_key: k, folder: f, rename: false }, openpgp: { recipients: [a] } }",
                "`rename: false`",
            ),
        ];
        for (text, part) in table {
            let said = match serde_saphyr::from_str::<DropConfig>(text) {
                Ok(config) => config.check().err().map(|error| error.to_string()),
                Err(error) => Some(error.without_snippet().to_string()),
            };
            let said = said.unwrap_or_default();
            let right = said.is_empty() == part.is_empty() && said.contains(part);
            assert!(right, "{text}: {said}");
            assert!(!said.contains("hunter2"), "{text}: {said}");
        }
    }
}
