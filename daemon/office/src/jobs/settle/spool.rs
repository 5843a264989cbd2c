//! Where a file is put while it comes from elsewhere: a place of its own beside the books, that nobody but its owner
//! reads, under the name that its sender gave it, and gone when it was read.

use crate::call::Call;
use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use connectors::regular;
use connectors::transport::part_name;
use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// No file is this long on its way: what is older was left behind by a process that ended early.
const LONGEST: TimeDelta = TimeDelta::days(2);

/// Where files are put that come from elsewhere, beside the books.
const FOLDER: &str = ".tieout-spool";

/// A place for a file, which goes with it.
#[derive(Debug)]
pub struct Spooled {
    folder: PathBuf,
    path: PathBuf,
}

impl Spooled {
    /// Makes a place for a file of this name, which nobody has looked at.
    ///
    /// # Errors
    /// What is wrong with the name, or why there is no place.
    pub fn new(call: &Call, name: &str) -> anyhow::Result<Self> {
        if let Some(problem) = regular::name_problem(name) {
            anyhow::bail!(problem);
        }
        let configured = call.config.settlement.as_ref();
        let configured = configured.and_then(|found| found.spool.as_ref());
        let root = configured.map_or_else(
            || call.beside_books().join(FOLDER),
            |spool| call.path(spool),
        );
        let folder = root.join(part_name("file"));
        let mut builder = DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(&folder);
        made.with_context(|| {
            format!(
                "`{}` cannot be made; make room there, or name another folder as `spool` under `settlement`",
                folder.display()
            )
        })?;
        let path = folder.join(name);
        let spooled = Self { folder, path };
        clean(&root, call.clock.now());
        Ok(spooled)
    }

    /// Where the file goes.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the file.
    ///
    /// # Errors
    /// Why it cannot be made.
    pub fn create(&self) -> std::io::Result<File> {
        regular::create_private(&self.path)
    }
}

impl Drop for Spooled {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            tracing::warn!(folder = %self.folder.display(), %error, "what was spooled cannot be removed");
        }
    }
}

/// Removes what processes left behind that ended early; what cannot be removed is tried again.
fn clean(root: &Path, now: DateTime<Utc>) {
    let Ok(folders) = std::fs::read_dir(root) else {
        return;
    };
    for folder in folders.flatten() {
        let name = folder.file_name();
        let is_own = name.as_encoded_bytes().starts_with(b".file.");
        let changed = folder.metadata().and_then(|found| found.modified());
        let is_old = changed.is_ok_and(|changed| now - DateTime::<Utc>::from(changed) > LONGEST);
        if is_own && is_old {
            let _next_time = std::fs::remove_dir_all(folder.path());
        }
    }
}
