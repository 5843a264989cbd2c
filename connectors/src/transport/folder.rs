//! A folder of this machine. Files appear under their name whole, by renaming.

use super::{
    Content, DropKind, FileDrop, MOST_READ, Placed, STALE, Shelf, TransportError, is_part,
    part_name,
};
use crate::regular;
use async_trait::async_trait;
use serde::Deserialize;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// This kind's registration.
pub const KIND: DropKind = DropKind {
    id: "folder",
    title: "A folder of this machine",
    example: "folder: { path: exports/erp }\n",
};

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

    fn write(&self, name: &str, content: Content<'_>) -> io::Result<Placed> {
        std::fs::create_dir_all(&self.path)?;
        let final_path = self.path.join(name);
        if let Some(same) = same(&final_path, content)? {
            return Ok(Placed::there(same));
        }
        let partial = self.path.join(part_name(name));
        let placed = self.link(&partial, &final_path, content);
        let removed = std::fs::remove_file(&partial);
        let placed = placed?;
        removed?;
        Ok(placed)
    }

    fn link(&self, partial: &Path, final_path: &Path, content: Content<'_>) -> io::Result<Placed> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
        let mut file = options.open(partial)?;
        file.write_all(content.bytes)?;
        file.sync_all()?;
        let name = final_path.file_name().unwrap_or_default();
        self.clean(&name.to_string_lossy(), file.metadata()?.modified()?)?;
        drop(file);
        // A link, unlike a rename, never replaces what another process put there meanwhile.
        match std::fs::hard_link(partial, final_path) {
            Ok(()) => Ok(Placed::Sent),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Ok(Placed::there(same(final_path, content)? == Some(true)))
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
    async fn place(&self, name: &str, content: Content<'_>) -> Result<Placed, TransportError> {
        let what = format!("writing `{name}`");
        let (name, kept) = (name.to_owned(), content.kept());
        self.aside(what, move |own| own.write(&name, kept.content()))
            .await
    }

    async fn holds(
        &self,
        name: &str,
        content: Content<'_>,
    ) -> Result<Option<bool>, TransportError> {
        let (path, kept) = (self.path.join(name), content.kept());
        self.aside(format!("looking for `{name}`"), move |_| {
            same(&path, kept.content())
        })
        .await
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

/// Whether the same file lies there; none where nothing does.
fn same(path: &Path, content: Content<'_>) -> io::Result<Option<bool>> {
    if content.is_whole() {
        regular::holds(path, content.bytes)
    } else {
        regular::begins(path, content.mark())
    }
}

/// Nothing there, or something that is too long to be read.
fn is_none(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::FileTooLarge)
}
