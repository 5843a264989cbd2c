//! Files kept in a folder of this machine: `ab/abcdef…`, plain, so that `sha256sum` checks them.

use super::{Keep, KeepError, Keeping, Kept, key};
use crate::regular;
use crate::transport::part_name;
use async_trait::async_trait;
use ledger::Hash;
use serde::Deserialize;
use std::io;
use std::path::{Path, PathBuf};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// As much is read at once.
const BLOCK: usize = 256 << 10;

/// `folder: { path: kept }`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The folder; made when it is not there.
    pub path: PathBuf,
}

#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(super) fn new(config: &Config, base: &Path) -> Self {
        Self {
            path: base.join(&config.path),
        }
    }

    async fn make(&self, hash: Hash) -> io::Result<Box<dyn Keeping>> {
        let (first, name) = key(hash);
        let folder = self.path.join(first);
        fs::create_dir_all(&folder).await?;
        let part = folder.join(part_name("file"));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o640);
        Ok(Box::new(Writing {
            file: Some(options.open(&part).await?),
            place: self.place(),
            path: folder.join(name),
            folder,
            part,
        }))
    }
}

fn away(place: &str, what: &str, source: io::Error) -> KeepError {
    KeepError::Away {
        place: place.to_owned(),
        what: what.to_owned(),
        source: Box::new(source),
    }
}

#[async_trait]
impl Keep for Folder {
    fn kind(&self) -> &'static str {
        "folder"
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }

    async fn begin(&self, hash: Hash) -> Result<Box<dyn Keeping>, KeepError> {
        let made = self.make(hash).await;
        made.map_err(|error| away(&self.place(), "making a file", error))
    }

    async fn open(&self, hash: Hash) -> Result<Option<Box<dyn Kept>>, KeepError> {
        let (first, name) = key(hash);
        let path = self.path.join(first).join(name);
        let opened = tokio::task::spawn_blocking(move || regular::open(&path)).await;
        match opened.map_err(io::Error::other).flatten() {
            Ok(file) => Ok(Some(Box::new(Reading {
                file: File::from_std(file),
                place: self.place(),
            }))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(away(&self.place(), "opening a file", error)),
        }
    }
}

struct Writing {
    /// Until it has its name.
    file: Option<File>,
    place: String,
    folder: PathBuf,
    part: PathBuf,
    path: PathBuf,
}

impl Writing {
    /// Name and bytes are on the disk before anything refers to them.
    async fn name(&mut self) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            file.flush().await?;
            file.sync_all().await?;
            fs::rename(&self.part, &self.path).await?;
            self.file = None;
        }
        File::open(&self.folder).await?.sync_all().await
    }
}

#[async_trait]
impl Keeping for Writing {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), KeepError> {
        match &mut self.file {
            Some(file) => file
                .write_all(bytes)
                .await
                .map_err(|error| away(&self.place, "writing a file", error)),
            None => Ok(()),
        }
    }

    async fn end(mut self: Box<Self>) -> Result<(), KeepError> {
        let named = self.name().await;
        named.map_err(|error| away(&self.place, "ending a file", error))
    }

    async fn give_up(self: Box<Self>) {}
}

impl Drop for Writing {
    fn drop(&mut self) {
        if self.file.is_some() {
            // What cannot be removed is a file that nothing refers to.
            let _left = std::fs::remove_file(&self.part);
        }
    }
}

struct Reading {
    file: File,
    place: String,
}

#[async_trait]
impl Kept for Reading {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, KeepError> {
        let mut block = vec![0; BLOCK];
        let read = self.file.read(&mut block).await;
        let length = read.map_err(|error| away(&self.place, "reading a file", error))?;
        block.truncate(length);
        Ok((length > 0).then_some(block))
    }
}
