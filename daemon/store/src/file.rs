//! The file that holds SQLite's books, and what lies beside it.
//!
//! What was written last is in `FILE-wal` until it is folded into the file, so a copy of the file alone may
//! lack it, and nothing in SQLite tells: it reads as books of an earlier hour. So the books say themselves
//! whether they were closed: `writer.closed` is the turn of the last one who wrote, noted when the last process
//! that had them open closed them. A process that opens them takes another turn and folds that into the file
//! before it writes anything else. A file that says neither "closed" nor has a log beside it is whole only where
//! it is the very file that was written: `FILE.lock` names it, by its number on the disk and its turn.
//!
//! `FILE.lock` is locked by all who write, shared, and alone by one who migrates or closes.

use crate::StoreError;
use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// How long one waits before looking again whether another has migrated.
const REST: Duration = Duration::from_millis(20);

/// A file of books.
#[derive(Debug)]
pub struct BookFile {
    path: PathBuf,
    /// Held while the books are open to be written.
    lock: Mutex<Option<File>>,
    /// How the file was when nobody wrote: without anything in a log.
    before: Option<Before>,
    /// Whether it is read without locks.
    alone: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Before {
    length: u64,
    modified: Option<SystemTime>,
    /// Whether it was last written with a log beside it. A copy that SQLite itself made (`VACUUM INTO`) was
    /// not, and has all.
    is_logged: bool,
}

/// What `FILE.lock` says of the file beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Note {
    device: u64,
    inode: u64,
    turn: i64,
}

impl BookFile {
    /// A file as it lies there; one that is to be made is empty.
    pub(crate) fn find(path: &Path) -> Result<Self, StoreError> {
        let mut file = Self {
            path: path.to_owned(),
            lock: Mutex::default(),
            before: None,
            alone: false,
        };
        if !file.has_log() && path.exists() {
            // Whoever has the books open, also in this process, has something in the log: closing a file that
            // SQLite has open would take its locks away.
            file.before = Some(Before::of(path).map_err(sqlx::Error::Io)?);
        }
        Ok(file)
    }

    /// The same to be read: by its owner beside those who write, by anybody else without locks if nobody
    /// writes. SQLite's locks are files beside it, which an owner takes away again.
    pub(crate) fn to_read(path: &Path) -> Result<Self, StoreError> {
        let file = Self::find(path)?;
        let alone = file.before.is_some() && !file.is_own();
        Ok(Self { alone, ..file })
    }

    /// Whether the file and its folder belong to whoever runs this, to be written.
    fn is_own(&self) -> bool {
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let Ok(me) = std::fs::metadata("/proc/self") else {
            return false;
        };
        [folder, &self.path].into_iter().all(|path| {
            std::fs::metadata(path)
                .is_ok_and(|found| found.uid() == me.uid() && found.mode() & 0o200 != 0)
        })
    }

    /// Whether it is read without locks.
    pub(crate) const fn is_alone(&self) -> bool {
        self.alone
    }

    /// Whether there is something in the log beside the file.
    pub(crate) fn has_log(&self) -> bool {
        std::fs::metadata(self.beside("-wal")).is_ok_and(|found| found.len() > 0)
    }

    /// Whether the file that is read without locks is as it was.
    pub(crate) fn is_still(&self) -> bool {
        !self.alone || (!self.has_log() && Before::of(&self.path).ok() == self.before)
    }

    /// Whether the file holds all that was written, where its books stand at this turn: with the log beside
    /// it, or alone.
    pub(crate) fn is_whole(&self, turn: i64, closed: Option<i64>) -> bool {
        self.was_whole(turn, closed) || self.has_log()
    }

    /// The same of the file as it lay there when it was opened.
    pub(crate) fn was_whole(&self, turn: i64, closed: Option<i64>) -> bool {
        closed.is_none_or(|closed| closed == turn)
            || self.before.is_none_or(|before| !before.is_logged)
            || self.note().is_some_and(|note| {
                std::fs::metadata(&self.path).is_ok_and(|file| {
                    (file.dev(), file.ino()) == (note.device, note.inode) && turn >= note.turn
                })
            })
    }

    /// Locks the file for one who writes; `None` where the schema is old and nobody else has it open: then
    /// it is locked for one alone.
    pub(crate) fn lock(&self, is_current: bool) -> Result<Locked, StoreError> {
        let mut held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match held.take() {
            Some(file) => file,
            None => File::options()
                .create(true)
                .truncate(false)
                .read(true)
                .write(true)
                .open(self.beside(".lock"))
                .map_err(sqlx::Error::Io)?,
        };
        let locked = if is_current {
            file.lock_shared().map_err(sqlx::Error::Io)?;
            Locked::Shared
        } else if file.try_lock().is_ok() {
            Locked::Alone
        } else if file.try_lock_shared().is_ok() {
            file.unlock().map_err(sqlx::Error::Io)?;
            Locked::InUse
        } else {
            std::thread::sleep(REST);
            Locked::NotYet
        };
        *held = Some(file);
        Ok(locked)
    }

    /// Notes in `FILE.lock` which file this is and at which turn it was opened.
    pub(crate) fn write_note(&self, turn: i64) -> Result<(), StoreError> {
        let found = std::fs::metadata(&self.path).map_err(sqlx::Error::Io)?;
        let mut held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = held.as_mut() {
            let text = format!("{} {} {turn}\n", found.dev(), found.ino());
            file.set_len(0)
                .and_then(|()| file.rewind())
                .and_then(|()| file.write_all(text.as_bytes()))
                .map_err(sqlx::Error::Io)?;
        }
        Ok(())
    }

    /// Whether this is the last that has the file open; then it is locked for one alone.
    pub(crate) fn is_last(&self) -> bool {
        let held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref()
            .is_some_and(|file| file.unlock().is_ok() && file.try_lock().is_ok())
    }

    /// Lets others have it.
    pub(crate) fn unlock(&self) {
        drop(
            self.lock
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
    }

    fn note(&self) -> Option<Note> {
        let mut text = String::new();
        File::open(self.beside(".lock"))
            .ok()?
            .take(200)
            .read_to_string(&mut text)
            .ok()?;
        let mut numbers = text.split_whitespace();
        Some(Note {
            device: numbers.next()?.parse().ok()?,
            inode: numbers.next()?.parse().ok()?,
            turn: numbers.next()?.parse().ok()?,
        })
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(ending);
        path.into()
    }
}

/// How a file is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Locked {
    /// With others who write.
    Shared,
    /// For one alone.
    Alone,
    /// It is not: others have it open, who know an older schema.
    InUse,
    /// It is not: somebody migrates or closes.
    NotYet,
}

impl Before {
    fn of(path: &Path) -> std::io::Result<Self> {
        let mut file = File::open(path)?;
        let found = file.metadata()?;
        // <https://www.sqlite.org/fileformat.html>: byte 18 is 2 for a file with a log.
        let mut head = Vec::with_capacity(20);
        std::io::Read::by_ref(&mut file)
            .take(20)
            .read_to_end(&mut head)?;
        Ok(Self {
            length: found.len(),
            modified: found.modified().ok(),
            is_logged: head.get(18) == Some(&2),
        })
    }
}
