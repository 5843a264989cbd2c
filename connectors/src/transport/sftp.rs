//! A folder behind SFTP, by libssh2.
//!
//! The host key must be the one that the configuration names: there is no trust on first use. A
//! file is uploaded under a temporary name, its size is checked, then it is renamed. A repeat that
//! finds the finished file, byte for byte, sends nothing.

use super::{FileDrop, MOST_READ, Placed, STALE, Shelf, TransportError, is_part, part_name};
use crate::secret::{self, Exposed, Secret, SecretRef};
use async_trait::async_trait;
use serde::Deserialize;
use ssh2::{CheckResult, KnownHostFileKind, OpenFlags, OpenType, RenameFlags, Session};
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `SSH_FX_NO_SUCH_FILE` of the SFTP protocol.
const NO_SUCH_FILE: i32 = 2;

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

const fn default_port() -> u16 {
    22
}

const fn default_timeout() -> u32 {
    30
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
    config: Config,
    key_file: Option<PathBuf>,
    password: Option<Secret>,
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
        Ok(Self {
            config,
            key_file,
            password,
        })
    }

    fn failed(
        &self,
        what: &str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> TransportError {
        TransportError::Unreachable {
            peer: self.peer(),
            what: what.to_owned(),
            source: source.into(),
        }
    }

    fn connect(&self) -> Result<Session, TransportError> {
        let timeout = Duration::from_secs(u64::from(self.config.timeout_seconds));
        let address = (self.config.host.as_str(), self.config.port)
            .to_socket_addrs()
            .map_err(|error| self.failed("looking up the host", error))?
            .next()
            .ok_or_else(|| self.failed("looking up the host", "it has no address"))?;
        let stream = TcpStream::connect_timeout(&address, timeout)
            .map_err(|error| self.failed("connecting", error))?;
        let mut session = Session::new().map_err(|error| self.failed("starting libssh2", error))?;
        session.set_timeout(self.config.timeout_seconds.saturating_mul(1000));
        session.set_tcp_stream(stream);
        session
            .handshake()
            .map_err(|error| self.failed("the SSH handshake", error))?;
        self.check_host(&session)?;
        self.authenticate(&session)?;
        Ok(session)
    }

    fn check_host(&self, session: &Session) -> Result<(), TransportError> {
        let mut known = session
            .known_hosts()
            .map_err(|error| self.failed("reading host keys", error))?;
        let line = format!(
            "[{}]:{} {}",
            self.config.host, self.config.port, self.config.host_key
        );
        known
            .read_str(&line, KnownHostFileKind::OpenSSH)
            .map_err(|error| self.failed("reading `host_key` of the configuration", error))?;
        let shown = session.host_key();
        let matches = shown.is_some_and(|(key, _)| {
            let found = known.check_port(&self.config.host, self.config.port, key);
            matches!(found, CheckResult::Match)
        });
        if matches {
            return Ok(());
        }
        let shown = shown.map_or_else(|| "none".to_owned(), |(_, kind)| format!("{kind:?}"));
        Err(TransportError::HostKey {
            peer: self.peer(),
            shown,
        })
    }

    fn authenticate(&self, session: &Session) -> Result<(), TransportError> {
        let user = self.config.user.as_str();
        let secret = self.password.as_ref().map(Secret::reveal);
        match &self.key_file {
            Some(key) => session.userauth_pubkey_file(user, None, key, secret),
            None => session.userauth_password(user, secret.unwrap_or_default()),
        }
        .map_err(|source| TransportError::Unauthorized {
            peer: self.peer(),
            user: user.to_owned(),
            source: Box::new(source),
        })
    }

    fn place(&self, name: &str, bytes: &[u8]) -> Result<Placed, TransportError> {
        let session = self.connect()?;
        let sftp = session
            .sftp()
            .map_err(|error| self.failed("opening SFTP", error))?;
        let folder = Path::new(&self.config.folder);
        let final_path = folder.join(name);
        if let Some(same) = self.holds(&sftp, &final_path, bytes)? {
            return Ok(Placed::there(same));
        }
        let partial = folder.join(part_name(name));
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
        let folder = Path::new(&self.config.folder);
        for (path, stat) in sftp.readdir(folder).unwrap_or_default() {
            let found = path.file_name().unwrap_or_default().to_string_lossy();
            let age = now.saturating_sub(stat.mtime.unwrap_or(now));
            let stale = age > STALE.as_secs() || *found == *format!(".{name}.part");
            if is_part(name, &found) && stale {
                let _left = sftp.unlink(&path);
            }
        }
    }

    fn names(&self) -> Result<Vec<String>, TransportError> {
        let session = self.connect()?;
        let sftp = session
            .sftp()
            .map_err(|error| self.failed("opening SFTP", error))?;
        let found = sftp
            .readdir(Path::new(&self.config.folder))
            .map_err(|error| self.failed("looking what lies there", error))?;
        Ok(found
            .iter()
            .filter(|(_, stat)| stat.perm.is_none() || stat.is_file())
            .filter_map(|(path, _)| Some(path.file_name()?.to_string_lossy().into_owned()))
            .collect())
    }

    fn fetch(&self, name: &str) -> Result<Option<Vec<u8>>, TransportError> {
        let session = self.connect()?;
        let sftp = session
            .sftp()
            .map_err(|error| self.failed("opening SFTP", error))?;
        let path = Path::new(&self.config.folder).join(name);
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
            let session = own.connect()?;
            let sftp = session
                .sftp()
                .map_err(|error| own.failed("opening SFTP", error))?;
            sftp.stat(Path::new(&own.config.folder))
                .map(|_| ())
                .map_err(|error| own.failed(&format!("looking for `{}`", own.config.folder), error))
        })
        .await
    }

    fn peer(&self) -> String {
        format!(
            "sftp://{}@{}:{}",
            self.config.user, self.config.host, self.config.port
        )
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
