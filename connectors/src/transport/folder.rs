//! A folder of this machine. Files appear under their name whole, by renaming.

use super::{FileDrop, MOST_READ, Placed, STALE, Shelf, TransportError, is_part, part_name};
use crate::regular;
use async_trait::async_trait;
use serde::Deserialize;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

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
        if let Some(same) = regular::holds(&final_path, bytes)? {
            return Ok(Placed::there(same));
        }
        let partial = self.path.join(part_name(name));
        let placed = self.link(&partial, &final_path, bytes);
        let removed = std::fs::remove_file(&partial);
        let placed = placed?;
        removed?;
        Ok(placed)
    }

    fn link(&self, partial: &Path, final_path: &Path, bytes: &[u8]) -> io::Result<Placed> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
        let mut file = options.open(partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        let name = final_path.file_name().unwrap_or_default();
        self.clean(&name.to_string_lossy(), file.metadata()?.modified()?)?;
        drop(file);
        // A link, unlike a rename, never replaces what another process put there meanwhile.
        match std::fs::hard_link(partial, final_path) {
            Ok(()) => Ok(Placed::Sent),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let same = regular::holds(final_path, bytes)?;
                Ok(Placed::there(same == Some(true)))
            }
            Err(error) => Err(error),
        }
    }

    /// Removes uploads of this file that nobody ended.
    fn clean(&self, name: &str, now: SystemTime) -> io::Result<()> {
        for found in std::fs::read_dir(&self.path)? {
            let found = found?;
            let text = found.file_name();
            let text = text.to_string_lossy();
            if !is_part(name, &text) {
                continue;
            }
            // One that is gone meanwhile is what was wanted.
            let age = found
                .metadata()
                .and_then(|data| data.modified())
                .ok()
                .and_then(|at| now.duration_since(at).ok());
            if age.is_some_and(|age| age > STALE) || *text == *format!(".{name}.part") {
                let _gone = std::fs::remove_file(found.path());
            }
        }
        Ok(())
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let folder = match std::fs::read_dir(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            folder => folder?,
        };
        let mut names = Vec::new();
        for found in folder {
            let found = found?;
            if found.file_type().is_ok_and(|kind| kind.is_file()) {
                names.push(found.file_name().to_string_lossy().into_owned());
            }
        }
        Ok(names)
    }

    fn unreachable(&self, what: &str, source: io::Error) -> TransportError {
        let what = what.to_owned();
        TransportError::Unreachable {
            peer: self.peer(),
            what,
            source: Box::new(source),
        }
    }

    /// A folder may lie on a server that does not answer: no other task waits for it.
    async fn aside<T: Send + 'static>(
        &self,
        what: String,
        work: impl FnOnce(&Self) -> io::Result<T> + Send + 'static,
    ) -> Result<T, TransportError> {
        let own = self.clone();
        match tokio::task::spawn_blocking(move || work(&own)).await {
            Ok(done) => done.map_err(|source| self.unreachable(&what, source)),
            Err(_ended) => Err(TransportError::GivenUp(self.peer())),
        }
    }
}

#[async_trait]
impl FileDrop for Folder {
    async fn put(&self, name: &str, bytes: &[u8]) -> Result<Placed, TransportError> {
        let what = format!("writing `{name}`");
        let (name, bytes) = (name.to_owned(), bytes.to_vec());
        self.aside(what, move |own| own.place(&name, &bytes)).await
    }

    async fn check(&self) -> Result<(), TransportError> {
        self.aside("writing a probe".to_owned(), |own| {
            let probe = own.path.join(part_name("tieout-probe"));
            std::fs::create_dir_all(&own.path)?;
            std::fs::write(&probe, b"")?;
            std::fs::remove_file(&probe)
        })
        .await
    }

    fn peer(&self) -> String {
        self.path.display().to_string()
    }

    fn shelf(&self) -> Option<&dyn Shelf> {
        Some(self)
    }
}

#[async_trait]
impl Shelf for Folder {
    async fn list(&self) -> Result<Vec<String>, TransportError> {
        self.aside("looking what lies there".to_owned(), Self::names)
            .await
    }

    async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, TransportError> {
        let path = self.path.join(name);
        self.aside(format!("reading `{name}`"), move |_| {
            match regular::read(&path, MOST_READ) {
                Err(error) if is_none(error.kind()) => Ok(None),
                found => found.map(Some),
            }
        })
        .await
    }
}

/// Nothing there, or something that is too long to be read.
fn is_none(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::FileTooLarge)
}
