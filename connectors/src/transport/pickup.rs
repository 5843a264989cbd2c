//! Files that others put into a folder behind SFTP, fetched.
//!
//! One session serves a look at the folder and the fetching of what was found. A name that is no plain name, and
//! whatever is no regular file, is refused by its name and never opened: a link may lead out of the folder. A file
//! comes in a stream to a place of this machine, no longer than it is allowed to be, and counts only if it is
//! after the last byte what it was before the first one.

use super::TransportError;
use super::ssh::{Key, NO_SUCH_FILE, Peer, default_port, default_timeout};
use crate::regular;
use crate::secret::{self, Exposed, SecretRef};
use chrono::{DateTime, Utc};
use ledger::Hash;
use ledger::hash::Hasher;
use serde::Deserialize;
use ssh2::{ErrorCode, FileStat, RenameFlags};
use std::fmt;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What libssh2 says at the end of a folder.
const NO_MORE: ErrorCode = ErrorCode::Session(-16);

/// As many names are looked at; beyond them somebody has to clear up.
const MOST_NAMES: usize = 100_000;

/// As much is asked for at once: libssh2 sends the next requests before the first is answered.
const BLOCK: usize = 1 << 20;

/// `{ host: sftp.example.com, user: tieout, host_key: "ssh-ed25519 AAAA…", key: { file: ssh-key }, folder: out,
/// match: "*.csv", stable_seconds: 60, done: done }`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The host.
    pub host: String,
    /// The port, 22 when not named.
    #[serde(default = "default_port")]
    pub port: u16,
    /// The user.
    pub user: String,
    /// The host's public key, `ssh-ed25519 AAAA…`, as its owner tells it.
    pub host_key: String,
    /// The private key, as `ssh-keygen` writes it.
    pub key: Option<SecretRef>,
    /// The passphrase of the private key, or the password where there is no key.
    pub password: Option<SecretRef>,
    /// Seconds to wait for the network; 30 when not named.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u32,
    /// The folder there.
    pub folder: String,
    /// Which names are taken; `*` stands for any text, `?` for one sign. All when not named.
    #[serde(default = "any_name", rename = "match")]
    pub pattern: String,
    /// For how long a file's size and time must stay as they are; 60 when not named.
    #[serde(default = "default_stable")]
    pub stable_seconds: u32,
    /// Where a file goes that was taken, seen from `folder`; it is left where it lies when not named.
    pub done: Option<String>,
    /// The largest file that is fetched; 4 GiB when not named.
    #[serde(default = "default_most")]
    pub most_bytes: u64,
}

fn any_name() -> String {
    "*".to_owned()
}

const fn default_stable() -> u32 {
    60
}

const fn default_most() -> u64 {
    4 << 30
}

impl Config {
    /// Refuses a password beside the host or the user.
    ///
    /// # Errors
    /// [`Exposed`], which does not show it.
    pub fn check(&self) -> Result<(), Exposed> {
        let instead = "`password: { env: NAME }`";
        secret::refuse_in_url(&self.host, "`host`", instead)?;
        secret::refuse_in_url(&format!("{}@", self.user), "`user`", instead)
    }

    /// Reads the secrets; relative files are taken from `base`.
    ///
    /// # Errors
    /// [`TransportError::Secret`] when there is none, or others can read it.
    pub fn open(&self, base: &Path) -> Result<Pickup, TransportError> {
        let secret = |place: &Option<SecretRef>| {
            let place = place.as_ref().map(|place| place.below(base));
            place.as_ref().map(SecretRef::read).transpose()
        };
        let folder = PathBuf::from(&self.folder);
        Ok(Pickup {
            done: self.done.as_ref().map(|done| folder.join(done)),
            folder,
            most_bytes: self.most_bytes,
            peer: Peer {
                host: self.host.clone(),
                port: self.port,
                user: self.user.clone(),
                host_key: self.host_key.clone(),
                timeout_seconds: self.timeout_seconds,
                key: secret(&self.key)?.map(Key::Text),
                password: secret(&self.password)?,
            },
        })
    }
}

/// A folder that files are fetched from, with its secrets read.
#[derive(Clone, Debug)]
pub struct Pickup {
    peer: Peer,
    folder: PathBuf,
    done: Option<PathBuf>,
    most_bytes: u64,
}

/// A file as it lies there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// Its name.
    pub name: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// When it was last changed, on the clock of its host.
    pub changed_at: DateTime<Utc>,
}

/// What a name in the folder stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A file.
    File(Sight),
    /// What is not taken.
    Refused {
        /// Its name, as it is.
        name: String,
        /// Why.
        why: String,
    },
}

/// Why a file was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The host: the other files would not come either.
    #[error(transparent)]
    Host(#[from] TransportError),
    /// It is no longer as it was seen.
    #[error("it changed while it was fetched; it is taken when it has come to rest")]
    Changed,
    /// This file alone.
    #[error("{0}")]
    File(String),
    /// The place that it was to come to.
    #[error("`{path}` cannot be written; make room there, or name another folder as `spool`")]
    Place {
        /// The place.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Pickup {
    /// The folder as people call it.
    pub fn peer(&self) -> String {
        format!("{}/{}", self.peer.name(), self.folder.display())
    }

    /// Connects.
    ///
    /// # Errors
    /// [`TransportError`].
    pub async fn connect(&self) -> Result<Connected, TransportError> {
        let own = self.clone();
        let connecting = move || {
            own.peer.sftp().map(|sftp| Connected {
                of: Arc::new(Session { own, sftp }),
            })
        };
        let connected = tokio::task::spawn_blocking(connecting).await;
        connected.unwrap_or_else(|_ended| Err(TransportError::GivenUp(self.peer())))
    }

    /// Whether the folder can be reached, and where files go that were taken, without changing anything there.
    ///
    /// # Errors
    /// [`TransportError`].
    pub async fn check(&self) -> Result<(), TransportError> {
        let connected = self.connect().await?;
        connected.aside(Session::check).await
    }
}

struct Session {
    own: Pickup,
    sftp: ssh2::Sftp,
}

/// A folder that is connected to.
#[derive(Clone)]
pub struct Connected {
    of: Arc<Session>,
}

impl fmt::Debug for Connected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connected").field(&self.of.own).finish()
    }
}

impl Connected {
    /// libssh2 blocks: its work is done where nobody waits for it.
    async fn aside<T: Send + 'static, E: From<TransportError> + Send + 'static>(
        &self,
        work: impl FnOnce(&Session) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let of = Arc::clone(&self.of);
        let done = tokio::task::spawn_blocking(move || work(&of)).await;
        done.unwrap_or_else(|_ended| Err(TransportError::GivenUp(self.of.own.peer()).into()))
    }

    /// What lies there, by name. Folders, and names that begin with a dot, are not finished by their sender or
    /// never meant for us.
    ///
    /// # Errors
    /// [`TransportError`].
    pub async fn list(&self) -> Result<Vec<Found>, TransportError> {
        self.aside(Session::list).await
    }

    /// Fetches a file as it was seen to a path of this machine that nothing lies at, and says what its bytes hash to.
    ///
    /// # Errors
    /// [`FetchError`]; what lies at the path then counts for nothing.
    pub async fn fetch(&self, sight: &Sight, to: &Path) -> Result<Hash, FetchError> {
        let (sight, to) = (sight.clone(), to.to_owned());
        self.aside(move |session| session.fetch(&sight, &to)).await
    }

    /// Moves a file that was taken to where such files go, never over another one; false where there is no such place.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn put_away(&self, name: &str, hash: Hash) -> Result<bool, FetchError> {
        let name = name.to_owned();
        self.aside(move |session| session.put_away(&name, hash))
            .await
    }
}

impl Session {
    fn failed(&self, what: &str, error: ssh2::Error) -> TransportError {
        self.own.peer.failed(what, error)
    }

    fn check(&self) -> Result<(), TransportError> {
        let looking = |folder: &Path| format!("opening the folder `{}`", folder.display());
        for folder in [Some(&self.own.folder), self.own.done.as_ref()]
            .into_iter()
            .flatten()
        {
            let opened = self.sftp.opendir(folder);
            opened.map_err(|error| self.failed(&looking(folder), error))?;
        }
        Ok(())
    }

    fn list(&self) -> Result<Vec<Found>, TransportError> {
        let what = format!("opening the folder `{}`", self.own.folder.display());
        let opened = self.sftp.opendir(&self.own.folder);
        let mut folder = opened.map_err(|error| self.failed(&what, error))?;
        let mut all = Vec::new();
        let mut seen = 0;
        loop {
            let (path, stat) = match folder.readdir() {
                Ok(found) => found,
                Err(error) if error.code() == NO_MORE => break,
                Err(error) => return Err(self.failed("looking what lies there", error)),
            };
            seen += 1;
            if seen > MOST_NAMES {
                let what = format!(
                    "it holds more than {MOST_NAMES} names; name `done` so that files that were taken leave it, or have it cleared up"
                );
                return Err(self.own.peer.failed("looking what lies there", what));
            }
            all.extend(found(&path, &stat));
        }
        all.sort_by(|one, other| one.name().cmp(other.name()));
        Ok(all)
    }

    fn fetch(&self, sight: &Sight, to: &Path) -> Result<Hash, FetchError> {
        if sight.bytes > self.own.most_bytes {
            return Err(FetchError::File(format!(
                "it has {} bytes, more than the {} that are fetched; raise `most_bytes` of its source if that is what it should hold",
                sight.bytes, self.own.most_bytes
            )));
        }
        let path = self.own.folder.join(&sight.name);
        self.is_as_seen(&path, sight)?;
        let opened = self.sftp.open(&path);
        let from = opened.map_err(|error| self.of_file("opening", error))?;
        let placed = |source| FetchError::Place {
            path: to.to_owned(),
            source,
        };
        let mut place = regular::create_private(to).map_err(placed)?;
        // One byte more tells that it grows.
        let mut from = from.take(sight.bytes.saturating_add(1));
        let (mut block, mut hasher, mut bytes) = (vec![0; BLOCK], Hasher::default(), 0_u64);
        loop {
            let length = from.read(&mut block);
            let length = length.map_err(|error| self.own.peer.failed("fetching", error))?;
            if length == 0 {
                break;
            }
            let part = block.get(..length).unwrap_or_default();
            hasher.add(part);
            place.write_all(part).map_err(placed)?;
            bytes = bytes.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        }
        if bytes != sight.bytes {
            return Err(FetchError::Changed);
        }
        self.is_as_seen(&path, sight)?;
        Ok(hasher.finish())
    }

    /// Asks the name again, not where it leads.
    fn is_as_seen(&self, path: &Path, sight: &Sight) -> Result<(), FetchError> {
        let stat = self.sftp.lstat(path);
        let stat = stat.map_err(|error| self.of_file("looking at", error))?;
        match found(Path::new(&sight.name), &stat) {
            Some(Found::File(now)) if now == *sight => Ok(()),
            Some(Found::Refused { why, .. }) => Err(FetchError::File(why)),
            Some(Found::File(_)) | None => Err(FetchError::Changed),
        }
    }

    /// Whether it is the file that is at fault, or the way to it.
    fn of_file(&self, what: &str, error: ssh2::Error) -> FetchError {
        match error.code() {
            ErrorCode::SFTP(NO_SUCH_FILE) => FetchError::Changed,
            ErrorCode::SFTP(_) => FetchError::File(format!(
                "{what} it is refused to `{}` ({error}); have the owner of the host let this user read it",
                self.own.peer.user
            )),
            ErrorCode::Session(_) => FetchError::Host(self.failed(what, error)),
        }
    }

    fn put_away(&self, name: &str, hash: Hash) -> Result<bool, FetchError> {
        let Some(done) = &self.own.done else {
            return Ok(false);
        };
        let from = self.own.folder.join(name);
        let short = hash.short();
        let with_hash = format!("{name}.{short}");
        let numbered = (2..100).map(|number| format!("{name}.{short}.{number}"));
        for name in [name.to_owned(), with_hash].into_iter().chain(numbered) {
            let to = done.join(name);
            match self.sftp.lstat(&to) {
                Ok(_) => continue,
                Err(error) if error.code() == ErrorCode::SFTP(NO_SUCH_FILE) => {}
                Err(error) => {
                    return Err(self.of_file("looking where files go that were taken:", error));
                }
            }
            let moved = self.sftp.rename(&from, &to, Some(RenameFlags::empty()));
            return moved.map(|()| true).map_err(|error| {
                FetchError::File(format!(
                    "it was taken, and could not be moved to `{}` ({error}); make that folder and let `{}` write there and in `{}`",
                    done.display(), self.own.peer.user, self.own.folder.display()
                ))
            });
        }
        Err(FetchError::File(format!(
            "it was taken, and `{}` holds too many files of its name to move it there",
            done.display()
        )))
    }
}

impl Found {
    /// The name, as it is.
    pub fn name(&self) -> &str {
        match self {
            Self::File(sight) => &sight.name,
            Self::Refused { name, .. } => name,
        }
    }
}

/// What a name stands for; none for folders and what is not finished.
fn found(path: &Path, stat: &FileStat) -> Option<Found> {
    let Some(name) = path.to_str() else {
        return Some(Found::Refused {
            name: path.to_string_lossy().into_owned(),
            why: "its name is no UTF-8; have it renamed".to_owned(),
        });
    };
    if [".", ".."].contains(&name) {
        return None;
    }
    let refused = |why: &str| {
        Some(Found::Refused {
            name: name.to_owned(),
            why: why.to_owned(),
        })
    };
    if let Some(why) = regular::name_problem(name) {
        return refused(why);
    }
    let kind = stat.file_type();
    if name.starts_with('.') || kind.is_dir() {
        return None;
    }
    if kind.is_symlink() {
        return refused(
            "it is a symbolic link, and links are not followed; have the file itself put there",
        );
    }
    if stat.perm.is_some() && !kind.is_file() {
        return refused("it is no regular file; have the file itself put there");
    }
    let changed = stat.mtime.and_then(|at| i64::try_from(at).ok());
    let changed = changed.and_then(|at| DateTime::from_timestamp(at, 0));
    match (stat.size, changed) {
        (Some(bytes), Some(changed_at)) => Some(Found::File(Sight {
            name: name.to_owned(),
            bytes,
            changed_at,
        })),
        _ => refused(
            "its host says neither how long it is nor when it was changed, so nobody can tell when it is complete; bring it another way",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(perm: u32, size: Option<u64>) -> FileStat {
        FileStat {
            size,
            uid: None,
            gid: None,
            perm: Some(perm),
            atime: None,
            mtime: Some(1_700_000_000),
        }
    }

    #[test]
    fn what_is_no_plain_file_is_refused_by_name_and_never_opened() {
        let (file, folder, link, pipe) = (0o100_644, 0o040_755, 0o120_777, 0o010_644);
        let table = [
            ("report.csv", file, Some("")),
            (".report.csv.part", file, None),
            ("old", folder, None),
            ("..", folder, None),
            ("../../etc/passwd", file, Some("a plain name")),
            ("/etc/passwd", file, Some("a plain name")),
            ("a\nb.csv", file, Some("control characters")),
            ("a\u{1b}[2J.csv", file, Some("control characters")),
            ("key.csv", link, Some("symbolic link")),
            ("pipe.csv", pipe, Some("no regular file")),
        ];
        for (name, perm, wanted) in table {
            let told = found(Path::new(name), &stat(perm, Some(3))).map(|found| match found {
                Found::File(sight) => {
                    assert_eq!((sight.name.as_str(), sight.bytes), (name, 3));
                    String::new()
                }
                Found::Refused { why, .. } => why,
            });
            let right = match (wanted, &told) {
                (None, None) => true,
                (Some(""), Some(told)) => told.is_empty(),
                (Some(part), Some(told)) => told.contains(part),
                _ => false,
            };
            assert!(right, "{name:?}: {told:?}");
        }
        let told = found(Path::new("a.csv"), &stat(file, None));
        assert!(matches!(told, Some(Found::Refused { .. })), "{told:?}");
    }
}
