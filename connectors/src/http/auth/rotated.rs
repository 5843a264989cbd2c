//! The file of a refresh token that its server replaces. Whoever asks for a token holds the file's lock from before it asks until the
//! answer is written, so that two processes never use one refresh token; and the file that will be written is made before it asks, so
//! that a folder that cannot be written to costs no token.
//!
//! The file says which configured token it descends from: where the configuration names another one, that one is taken.

use crate::failure::TransportError;
use crate::regular;
use crate::secret::{Secret, refuse_open_file};
use ledger::hash::hex;
use ring::digest;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The most that is read of the file.
const MOST: usize = 64 << 10;

/// How often a lock that another one holds is asked for, and how far apart.
const ATTEMPTS: u32 = 900;
const REST: Duration = Duration::from_millis(100);

/// Where refresh tokens are kept.
#[derive(Clone, Debug)]
pub(super) struct Rotated {
    path: PathBuf,
    /// The hash of the configured token.
    of: String,
}

/// The place while one caller has it alone.
#[derive(Debug)]
pub(super) struct Held {
    rotated: Rotated,
    _lock: File,
    next: File,
}

/// What lies in the file. Without `Debug`, since it is the secret.
#[derive(Serialize, Deserialize)]
struct Kept {
    of: String,
    refresh_token: String,
}

impl Rotated {
    pub(super) fn new(path: PathBuf, configured: &Secret) -> Self {
        let hash = digest::digest(&digest::SHA256, configured.reveal().as_bytes());
        Self {
            path,
            of: hex(hash.as_ref()),
        }
    }

    /// Waits until nobody else has the place.
    pub(super) async fn hold(&self) -> Result<Held, TransportError> {
        for _ in 0..ATTEMPTS {
            let own = self.clone();
            if let Some(held) = aside(&self.path, move || own.take()).await? {
                return Ok(held);
            }
            tokio::time::sleep(REST).await;
        }
        let late = "another process holds its lock for more than a minute";
        Err(self.failed(io::Error::new(io::ErrorKind::WouldBlock, late)))
    }

    fn take(&self) -> io::Result<Option<Held>> {
        let mut options = File::options();
        options.create(true).truncate(false).write(true).mode(0o600);
        let lock = options.open(self.beside("lock"))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            locked => locked?,
        }
        // One that a crash left, and that nobody else writes now.
        match std::fs::remove_file(self.beside("next")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let next = regular::create_private(&self.beside("next"))?;
        Ok(Some(Held {
            rotated: self.clone(),
            _lock: lock,
            next,
        }))
    }

    fn beside(&self, what: &str) -> PathBuf {
        let name = self.path.file_name().unwrap_or_default();
        let name = name.to_string_lossy();
        self.path.with_file_name(format!(".{name}.{what}"))
    }

    fn failed(&self, source: io::Error) -> TransportError {
        failed(&self.path, source)
    }
}

impl Held {
    /// The token that lies there, where one does that descends from the configured one.
    pub(super) async fn read(&self) -> Result<Option<Secret>, TransportError> {
        let own = self.rotated.clone();
        let path = &self.rotated.path;
        let there = aside(path, move || match std::fs::symlink_metadata(&own.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            found => found.and_then(|_| regular::read(&own.path, MOST)).map(Some),
        });
        let Some(bytes) = there.await? else {
            return Ok(None);
        };
        refuse_open_file(path)?;
        let kept: Kept = serde_json::from_slice(&bytes).map_err(|_secret| {
            let why = "it is no file that Tieout keeps refresh tokens in; move it away to begin with the configured one";
            self.rotated.failed(io::Error::new(io::ErrorKind::InvalidData, why))
        })?;
        Ok((kept.of == self.rotated.of).then(|| Secret::new(kept.refresh_token)))
    }

    /// Puts a token there, for good when this is `Ok`.
    pub(super) async fn write(self, token: &Secret) -> Result<(), TransportError> {
        let kept = Kept {
            of: self.rotated.of.clone(),
            refresh_token: token.reveal().to_owned(),
        };
        let path = self.rotated.path.clone();
        aside(&path, move || self.place(&kept)).await
    }

    fn place(mut self, kept: &Kept) -> io::Result<()> {
        self.next.write_all(&serde_json::to_vec(kept)?)?;
        self.next.sync_all()?;
        std::fs::rename(self.rotated.beside("next"), &self.rotated.path)?;
        let folder = self.rotated.path.parent();
        let folder = folder.filter(|folder| *folder != Path::new(""));
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Gone already where it was written.
        let _gone = std::fs::remove_file(self.rotated.beside("next"));
    }
}

fn failed(path: &Path, source: io::Error) -> TransportError {
    TransportError::Unreachable {
        peer: path.display().to_string(),
        what: "keeping a refresh token there".to_owned(),
        source: Box::new(source),
    }
}

/// A folder may lie on a server that does not answer: no other task waits for it.
async fn aside<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, TransportError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|source| failed(path, source)),
        Err(_ended) => Err(TransportError::GivenUp(path.display().to_string())),
    }
}
