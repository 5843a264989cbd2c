//! A folder of this machine. Files appear under their name whole, by renaming.

use super::{FileDrop, Placed, TransportError};
use async_trait::async_trait;
use serde::Deserialize;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// `folder: { path: exports/erp }`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The folder; made when it is not there.
    pub path: PathBuf,
}

/// The folder.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// A folder; a relative path is taken from `base`.
    pub fn new(config: &Config, base: &Path) -> Self {
        Self {
            path: base.join(&config.path),
        }
    }

    fn place(&self, name: &str, bytes: &[u8]) -> io::Result<Placed> {
        std::fs::create_dir_all(&self.path)?;
        let final_path = self.path.join(name);
        match std::fs::read(&final_path) {
            Ok(found) if found == bytes => return Ok(Placed::Already),
            Ok(_) => return Ok(Placed::Occupied),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let partial = self.path.join(format!(".{name}.part"));
        let mut file = std::fs::File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        drop(file);
        // A link, unlike a rename, never replaces what another process put there meanwhile.
        let placed = match std::fs::hard_link(&partial, &final_path) {
            Ok(()) => Placed::Sent,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Placed::Occupied,
            Err(error) => return Err(error),
        };
        std::fs::remove_file(&partial)?;
        Ok(placed)
    }

    fn unreachable(&self, what: &str, source: io::Error) -> TransportError {
        let what = what.to_owned();
        TransportError::Unreachable {
            peer: self.peer(),
            what,
            source: Box::new(source),
        }
    }
}

#[async_trait]
impl FileDrop for Folder {
    async fn put(&self, name: &str, bytes: &[u8]) -> Result<Placed, TransportError> {
        self.place(name, bytes)
            .map_err(|source| self.unreachable(&format!("writing `{name}`"), source))
    }

    async fn check(&self) -> Result<(), TransportError> {
        let probe = self.path.join(".tieout-probe");
        std::fs::create_dir_all(&self.path)
            .and_then(|()| std::fs::write(&probe, b""))
            .and_then(|()| std::fs::remove_file(&probe))
            .map_err(|source| self.unreachable("writing a probe", source))
    }

    fn peer(&self) -> String {
        self.path.display().to_string()
    }
}
