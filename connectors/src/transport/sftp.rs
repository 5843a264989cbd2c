//! A folder behind SFTP.
//!
//! A file is uploaded under a temporary name; its size is checked, it is read back and compared, and then it is renamed,
//! so that under its name it is whole or not at all. A repeat that finds the finished file, byte for byte, sends nothing.
//!
//! Where the server forbids renaming (`rename: false`), a file is written under its own name, and is whole when the
//! manifest lies beside it. What a cut connection left there is a beginning of the same bytes, which the next attempt goes on with;
//! anything else stays as it is. Where the server lets nobody read (`read_back: false`), the size alone is checked.

use super::ssh::{Key, NO_SUCH_FILE, Peer, default_port, default_timeout};
use super::{
    ConfigError, Content, DropKind, FileDrop, MOST_READ, Placed, STALE, Shelf, TransportError,
    is_part, own_sign, yes,
};
use crate::secret::{self, SecretRef};
use async_trait::async_trait;
use serde::Deserialize;
use ssh2::{OpenFlags, OpenType, RenameFlags};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// As much is asked for at once: libssh2 sends the next requests before the first is answered.
const BLOCK: usize = 1 << 20;

/// What an upload is called when nothing else is asked for.
const TEMPORARY: &str = ".*.part";

/// This kind's registration.
pub const KIND: DropKind = DropKind {
    id: "sftp",
    title: "A folder behind SFTP",
    example: "\
sftp:
  host: sftp.example
  user: tieout
  host_key: ssh-ed25519 AAAA…
  folder: /inbound
  key_file: ssh-key
  # What an upload is called until it is whole, `*` for its name; a folder may stand before it.
  temporary: .*.part
  # Whether the server lets files be renamed. Where it does not, the manifest says that a file is whole.
  rename: true
  # Whether the server lets what arrived be read, so that it can be compared.
  read_back: true
",
};

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
    /// What an upload is called until it is whole, `*` standing for its name and a sign of its own; `.*.part` when not
    /// named. A folder before it is seen from `folder`.
    #[serde(default = "default_temporary")]
    pub temporary: String,
    /// Whether the server lets files be renamed; true when not named.
    #[serde(default = "yes")]
    pub rename: bool,
    /// Whether what arrived is read back and compared; true when not named.
    #[serde(default = "yes")]
    pub read_back: bool,
}

fn default_temporary() -> String {
    TEMPORARY.to_owned()
}

impl Config {
    /// Refuses a password beside the host or the user, and names that no upload can have.
    ///
    /// # Errors
    /// [`ConfigError`], which does not show it.
    pub fn check(&self) -> Result<(), ConfigError> {
        let instead = "`password: { env: NAME }`";
        secret::refuse_in_url(&self.host, "`host`", instead)?;
        secret::refuse_in_url(&format!("{}@", self.user), "`user`", instead)?;
        let wrong = |text: String| Err(ConfigError::Option(text));
        if self.temporary.matches('*').count() != 1 || self.temporary == "*" {
            return wrong(format!(
                "`temporary: {}` has to hold one `*`, which stands for the file's name, and more than that",
                self.temporary
            ));
        }
        if !self.rename && self.temporary != TEMPORARY {
            return wrong(
                "with `rename: false` nothing has a temporary name; take `temporary` out"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

/// The drop, with its secret read.
#[derive(Clone, Debug)]
pub struct Sftp {
    peer: Peer,
    folder: PathBuf,
    /// What stands before and after the name of an upload, seen from the folder.
    temporary: (String, String),
    rename: bool,
    read_back: bool,
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
        let temporary = config.temporary.split_once('*').unwrap_or((".", ".part"));
        Ok(Self {
            peer,
            folder: PathBuf::from(config.folder),
            temporary: (temporary.0.to_owned(), temporary.1.to_owned()),
            rename: config.rename,
            read_back: config.read_back,
        })
    }

    fn failed(
        &self,
        what: &str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> TransportError {
        self.peer.failed(what, source)
    }

    fn write(&self, name: &str, content: Content<'_>) -> Result<Placed, TransportError> {
        let sftp = self.peer.sftp()?;
        let path = self.folder.join(name);
        let found = self.same(&sftp, &path, content)?;
        if found == Some(true) {
            return Ok(Placed::Already);
        }
        if !self.rename {
            return self.write_in_place(&sftp, &path, content.bytes);
        }
        if found == Some(false) {
            return Ok(Placed::Occupied);
        }
        let partial = self.upload_name(name);
        let placed = self.upload(&sftp, &partial, &path, content);
        if placed.is_err() {
            // What cannot be removed now is stale one day.
            let _left = sftp.unlink(&partial);
        }
        placed
    }

    fn upload_name(&self, name: &str) -> PathBuf {
        let (before, after) = &self.temporary;
        self.folder
            .join(format!("{before}{name}.{}{after}", own_sign()))
    }

    fn upload(
        &self,
        sftp: &ssh2::Sftp,
        partial: &Path,
        path: &Path,
        content: Content<'_>,
    ) -> Result<Placed, TransportError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
        let mut file = sftp
            .open_mode(partial, flags, 0o640, OpenType::File)
            .map_err(|error| self.failed("creating the upload", error))?;
        self.send(&mut file, content.bytes)?;
        drop(file);
        let now = self.arrived(sftp, partial, &name, content.bytes)?;
        self.clean(sftp, partial, &name, now);
        match sftp.rename(partial, path, Some(RenameFlags::empty())) {
            Ok(()) => Ok(Placed::Sent),
            // Another process may have put it there meanwhile; then it lies there, or something else does.
            Err(error) => match self.same(sftp, path, content)? {
                Some(same) => {
                    let _left = sftp.unlink(partial);
                    Ok(Placed::there(same))
                }
                None => Err(self.failed(
                    "renaming the upload; where the server forbids that, write `rename: false`",
                    error,
                )),
            },
        }
    }

    /// Writes under the file's own name, where nothing lies, or a beginning of the same bytes.
    fn write_in_place(
        &self,
        sftp: &ssh2::Sftp,
        path: &Path,
        bytes: &[u8],
    ) -> Result<Placed, TransportError> {
        let (flags, begun) = match self.there(sftp, path)? {
            There::Nothing => (OpenFlags::CREATE | OpenFlags::EXCLUSIVE, 0),
            There::File(length) => {
                let begun = usize::try_from(length).ok().and_then(|at| bytes.get(..at));
                let Some(begun) = begun.filter(|begun| begun.len() < bytes.len()) else {
                    return Ok(Placed::Occupied);
                };
                if !self.compare(sftp, path, begun, true)? {
                    return Ok(Placed::Occupied);
                }
                (OpenFlags::empty(), begun.len())
            }
            There::Other => return Ok(Placed::Occupied),
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut file = sftp
            .open_mode(path, OpenFlags::WRITE | flags, 0o640, OpenType::File)
            .map_err(|error| self.failed("creating the file", error))?;
        let at = SeekFrom::Start(u64::try_from(begun).unwrap_or(u64::MAX));
        file.seek(at)
            .map_err(|error| self.failed("going on with the file", error))?;
        self.send(&mut file, bytes.get(begun..).unwrap_or_default())?;
        drop(file);
        self.arrived(sftp, path, &name, bytes)?;
        Ok(Placed::Sent)
    }

    fn send(&self, file: &mut ssh2::File, bytes: &[u8]) -> Result<(), TransportError> {
        file.write_all(bytes)
            .map_err(|error| self.failed("uploading", error))?;
        // Not every server knows fsync; what is checked afterwards is what counts.
        if file.fsync().is_err() {
            tracing::debug!(peer = %self.peer(), "the server does not know fsync");
        }
        Ok(())
    }

    /// Checks that what arrived is what was sent, and tells when, on the clock of the server.
    fn arrived(
        &self,
        sftp: &ssh2::Sftp,
        path: &Path,
        name: &str,
        bytes: &[u8],
    ) -> Result<u64, TransportError> {
        let stat = sftp
            .stat(path)
            .map_err(|error| self.failed("checking the upload", error))?;
        let (found, expected) = (
            stat.size.unwrap_or(0),
            u64::try_from(bytes.len()).unwrap_or(0),
        );
        if found != expected {
            return Err(TransportError::Size {
                peer: self.peer(),
                name: name.to_owned(),
                expected,
                found,
            });
        }
        if self.read_back && !self.compare(sftp, path, bytes, true)? {
            return Err(TransportError::Damaged {
                peer: self.peer(),
                name: name.to_owned(),
            });
        }
        Ok(stat.mtime.unwrap_or(0))
    }

    /// Removes uploads of this file that nobody ended; a server that does not let us leaves them.
    fn clean(&self, sftp: &ssh2::Sftp, partial: &Path, name: &str, now: u64) {
        let folder = partial.parent().unwrap_or(&self.folder);
        for (path, stat) in sftp.readdir(folder).unwrap_or_default() {
            let found = path.file_name().unwrap_or_default().to_string_lossy();
            let age = now.saturating_sub(stat.mtime.unwrap_or(now));
            let stale = age > STALE.as_secs() || *found == *format!(".{name}.part");
            if self.is_upload(name, &found) && stale {
                let _left = sftp.unlink(&path);
            }
        }
    }

    /// Whether a name is one that an upload of this file has.
    fn is_upload(&self, name: &str, found: &str) -> bool {
        let (before, after) = &self.temporary;
        let before = before.rsplit('/').next().unwrap_or_default();
        let rest = found.strip_prefix(before).and_then(|rest| {
            rest.strip_prefix(name)?
                .strip_prefix('.')?
                .strip_suffix(after)
        });
        rest.is_some_and(is_sign) || (after == ".part" && is_part(name, found))
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

    /// Whether the same file lies there; none where nothing does.
    fn same(
        &self,
        sftp: &ssh2::Sftp,
        path: &Path,
        content: Content<'_>,
    ) -> Result<Option<bool>, TransportError> {
        match self.there(sftp, path)? {
            There::Nothing => Ok(None),
            There::File(length) if content.fits(length) => self
                .compare(sftp, path, content.mark(), content.is_whole())
                .map(Some),
            There::File(_) | There::Other => Ok(Some(false)),
        }
    }

    /// Whether a file begins with these bytes, and, where it has to, ends with them.
    fn compare(
        &self,
        sftp: &ssh2::Sftp,
        path: &Path,
        bytes: &[u8],
        ends: bool,
    ) -> Result<bool, TransportError> {
        let reading = |error: Box<dyn std::error::Error + Send + Sync>| {
            let what = "reading what lies there; where the server lets nobody read, write `read_back: false`";
            self.failed(what, error)
        };
        let opened = sftp.open(path);
        let mut file = opened.map_err(|error| reading(error.into()))?;
        let (mut block, mut rest) = (vec![0; BLOCK], bytes);
        while ends || !rest.is_empty() {
            // One byte more tells that it goes on.
            let most = BLOCK.min(rest.len().saturating_add(1));
            let length = file
                .read(block.get_mut(..most).unwrap_or_default())
                .map_err(|error| reading(error.into()))?;
            let found = block.get(..length).unwrap_or_default();
            if found.is_empty() {
                return Ok(rest.is_empty());
            }
            if found.len() > rest.len() {
                return Ok(!ends && found.starts_with(rest));
            }
            match rest.strip_prefix(found) {
                Some(after) => rest = after,
                None => return Ok(false),
            }
        }
        Ok(true)
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

/// Whether a text is a sign as [`own_sign`] makes them.
fn is_sign(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let is_hex =
        |part: &&str| !part.is_empty() && part.chars().all(|sign| sign.is_ascii_hexdigit());
    parts.len() == 3 && parts.iter().all(is_hex)
}

#[async_trait]
impl FileDrop for Sftp {
    async fn place(&self, name: &str, content: Content<'_>) -> Result<Placed, TransportError> {
        let (name, kept) = (name.to_owned(), content.kept());
        self.aside(move |own| own.write(&name, kept.content()))
            .await
    }

    async fn holds(
        &self,
        name: &str,
        content: Content<'_>,
    ) -> Result<Option<bool>, TransportError> {
        let (path, kept) = (self.folder.join(name), content.kept());
        self.aside(move |own| own.same(&own.peer.sftp()?, &path, kept.content()))
            .await
    }

    async fn check(&self) -> Result<(), TransportError> {
        self.aside(|own| {
            let sftp = own.peer.sftp()?;
            let uploads = own.upload_name("tieout-probe");
            let uploads = uploads.parent().filter(|_| own.rename);
            for folder in [Some(own.folder.as_path()), uploads].into_iter().flatten() {
                let looking = || format!("looking for `{}`", folder.display());
                let found = sftp.stat(folder);
                found.map_err(|error| own.failed(&looking(), error))?;
            }
            Ok(())
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
