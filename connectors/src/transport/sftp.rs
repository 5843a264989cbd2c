//! A folder behind SFTP.
//!
//! A file is uploaded under a temporary name, its size is checked, then it is renamed. A repeat that
//! finds the finished file, byte for byte, sends nothing.

use super::ssh::{Key, NO_SUCH_FILE, Peer, default_port, default_timeout};
use super::{FileDrop, MOST_READ, Placed, STALE, Shelf, TransportError, is_part, part_name};
use crate::secret::{self, Exposed, SecretRef};
use async_trait::async_trait;
use serde::Deserialize;
use ssh2::{OpenFlags, OpenType, RenameFlags};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// The configuration of an SFTP drop.
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
    /// The folder there.
    pub folder: String,
    /// A file with the private key.
    pub key_file: Option<PathBuf>,
    /// The passphrase of the private key, or the password where there is no key.
    pub password: Option<SecretRef>,
    /// Seconds to wait for the network; 30 when not named.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u32,
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
}

/// The drop, with its secret read.
#[derive(Clone, Debug)]
pub struct Sftp {
    peer: Peer,
    folder: PathBuf,
}

/// What lies under a name.
enum There {
    /// Nothing.
    Nothing,
    /// A file of so many bytes.
    File(u64),
    /// Something that is not opened: a pipe would hold its reader for ever.
    Other,
}

impl Sftp {
    /// Reads the secret; a relative key file is taken from `base`.
    ///
    /// # Errors
    /// [`TransportError::Secret`] when there is none, or others can read it.
    pub fn new(config: Config, base: &Path) -> Result<Self, TransportError> {
        let password = config.password.as_ref();
        let password = password.map(|place| place.below(base).read()).transpose()?;
        let key_file = config.key_file.as_ref().map(|path| base.join(path));
        if let Some(path) = &key_file {
            secret::refuse_open_file(path)?;
        }
        let peer = Peer {
            host: config.host,
            port: config.port,
            user: config.user,
            host_key: config.host_key,
            timeout_seconds: config.timeout_seconds,
            key: key_file.map(Key::File),
            password,
        };
        Ok(Self {
            peer,
            folder: PathBuf::from(config.folder),
        })
    }

    fn failed(
        &self,
        what: &str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> TransportError {
        self.peer.failed(what, source)
    }

    fn place(&self, name: &str, bytes: &[u8]) -> Result<Placed, TransportError> {
        let sftp = self.peer.sftp()?;
        let final_path = self.folder.join(name);
        if let Some(same) = self.holds(&sftp, &final_path, bytes)? {
            return Ok(Placed::there(same));
        }
        let partial = self.folder.join(part_name(name));
        let placed = self.upload(&sftp, &partial, &final_path, bytes);
        if placed.is_err() {
            // What cannot be removed now is stale one day.
            let _left = sftp.unlink(&partial);
        }
        placed
    }

    fn upload(
        &self,
        sftp: &ssh2::Sftp,
        partial: &Path,
        final_path: &Path,
        bytes: &[u8],
    ) -> Result<Placed, TransportError> {
        let name = final_path.file_name().unwrap_or_default().to_string_lossy();
        let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
        let mut file = sftp
            .open_mode(partial, flags, 0o640, OpenType::File)
            .map_err(|error| self.failed("creating the upload", error))?;
        file.write_all(bytes)
            .map_err(|error| self.failed("uploading", error))?;
        // Not every server knows fsync; the size check below is what counts.
        if file.fsync().is_err() {
            tracing::debug!(peer = %self.peer(), "the server does not know fsync");
        }
        drop(file);
        let stat = sftp
            .stat(partial)
            .map_err(|error| self.failed("checking the upload", error))?;
        let (found, expected) = (
            stat.size.unwrap_or(0),
            u64::try_from(bytes.len()).unwrap_or(0),
        );
        if found != expected {
            return Err(TransportError::Size {
                peer: self.peer(),
                name: name.into_owned(),
                expected,
                found,
            });
        }
        self.clean(sftp, &name, stat.mtime.unwrap_or(0));
        match sftp.rename(partial, final_path, Some(RenameFlags::empty())) {
            Ok(()) => Ok(Placed::Sent),
            // Another process may have put it there meanwhile; then it lies there, or something else does.
            Err(error) => match self.holds(sftp, final_path, bytes)? {
                Some(same) => {
                    let _left = sftp.unlink(partial);
                    Ok(Placed::there(same))
                }
                None => Err(self.failed("renaming the upload", error)),
            },
        }
    }

    /// Removes uploads of this file that nobody ended; a server that does not let us leaves them.
    fn clean(&self, sftp: &ssh2::Sftp, name: &str, now: u64) {
        for (path, stat) in sftp.readdir(&self.folder).unwrap_or_default() {
            let found = path.file_name().unwrap_or_default().to_string_lossy();
            let age = now.saturating_sub(stat.mtime.unwrap_or(now));
            let stale = age > STALE.as_secs() || *found == *format!(".{name}.part");
            if is_part(name, &found) && stale {
                let _left = sftp.unlink(&path);
            }
        }
    }

    fn names(&self) -> Result<Vec<String>, TransportError> {
        let sftp = self.peer.sftp()?;
        let found = sftp
            .readdir(&self.folder)
            .map_err(|error| self.failed("looking what lies there", error))?;
        Ok(found
            .iter()
            .filter(|(_, stat)| stat.perm.is_none() || stat.is_file())
            .filter_map(|(path, _)| Some(path.file_name()?.to_string_lossy().into_owned()))
            .collect())
    }

    fn fetch(&self, name: &str) -> Result<Option<Vec<u8>>, TransportError> {
        let sftp = self.peer.sftp()?;
        let path = self.folder.join(name);
        match self.there(&sftp, &path)? {
            There::File(length) if usize::try_from(length).is_ok_and(|it| it <= MOST_READ) => {
                self.bytes(&sftp, &path, length).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// libssh2 blocks: its work is done where nobody waits for it.
    async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, TransportError> + Send + 'static,
    ) -> Result<T, TransportError> {
        let own = self.clone();
        tokio::task::spawn_blocking(move || work(&own))
            .await
            .unwrap_or_else(|_ended| Err(TransportError::GivenUp(self.peer())))
    }

    /// Whether a file of exactly these bytes lies there; none where nothing does.
    fn holds(
        &self,
        sftp: &ssh2::Sftp,
        path: &Path,
        bytes: &[u8],
    ) -> Result<Option<bool>, TransportError> {
        let expected = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        match self.there(sftp, path)? {
            There::Nothing => Ok(None),
            There::File(length) if length == expected => {
                Ok(Some(self.bytes(sftp, path, length)? == bytes))
            }
            There::File(_) | There::Other => Ok(Some(false)),
        }
    }

    fn bytes(
        &self,
        sftp: &ssh2::Sftp,
        path: &Path,
        length: u64,
    ) -> Result<Vec<u8>, TransportError> {
        let mut bytes = Vec::new();
        let file = sftp
            .open(path)
            .map_err(|error| self.failed("opening what lies there", error))?;
        file.take(length.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| self.failed("reading what lies there", error))?;
        Ok(bytes)
    }

    fn there(&self, sftp: &ssh2::Sftp, path: &Path) -> Result<There, TransportError> {
        match sftp.stat(path) {
            Ok(stat) if stat.perm.is_none() || stat.is_file() => {
                Ok(There::File(stat.size.unwrap_or(0)))
            }
            Ok(_) => Ok(There::Other),
            Err(error) if error.code() == ssh2::ErrorCode::SFTP(NO_SUCH_FILE) => Ok(There::Nothing),
            Err(error) => Err(self.failed("looking for the file", error)),
        }
    }
}

#[async_trait]
impl FileDrop for Sftp {
    async fn put(&self, name: &str, bytes: &[u8]) -> Result<Placed, TransportError> {
        let (name, bytes) = (name.to_owned(), bytes.to_vec());
        self.aside(move |own| own.place(&name, &bytes)).await
    }

    async fn check(&self) -> Result<(), TransportError> {
        self.aside(|own| {
            let looking = || format!("looking for `{}`", own.folder.display());
            let found = own.peer.sftp()?.stat(&own.folder);
            found
                .map(|_| ())
                .map_err(|error| own.failed(&looking(), error))
        })
        .await
    }

    fn peer(&self) -> String {
        self.peer.name()
    }

    fn shelf(&self) -> Option<&dyn Shelf> {
        Some(self)
    }
}

#[async_trait]
impl Shelf for Sftp {
    async fn list(&self) -> Result<Vec<String>, TransportError> {
        self.aside(Self::names).await
    }

    async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, TransportError> {
        let name = name.to_owned();
        self.aside(move |own| own.fetch(&name)).await
    }
}
