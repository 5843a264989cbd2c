//! Opening files that others put into a folder.
//!
//! Only a regular file is read. A symbolic link may point at what its maker may not read and Tieout may (a
//! key); a pipe or a device may keep its reader waiting for ever. What a path is, is asked of the open file,
//! for between asking of a path and opening it, it may become something else.

use std::fs::{File, FileType, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Opens a regular file to read it.
///
/// # Errors
/// What it is instead, and what to do, or why it cannot be opened.
pub fn open(path: &Path) -> io::Result<File> {
    // Nobody waits for the other end of a pipe, and no terminal becomes this process's own.
    let flags =
        rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = opened.map_err(|error| told(path, error))?;
    let kind = file.metadata()?.file_type();
    if kind.is_file() {
        Ok(file)
    } else {
        Err(refused(kind))
    }
}

/// Reads a regular file of at most so many bytes.
///
/// # Errors
/// As [`open`], or that it is longer.
pub fn read(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    use io::Read as _;
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    open(path)?.take(limit).read_to_end(&mut bytes)?;
    if bytes.len() > most {
        let what = format!("more than the {most} bytes that are read of such a file");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
    }
    Ok(bytes)
}

/// Whether a file of exactly these bytes lies there; none where nothing does. What is no regular file is not
/// opened.
///
/// # Errors
/// Why nobody can say.
pub fn holds(path: &Path, bytes: &[u8]) -> io::Result<Option<bool>> {
    let found = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        found => found?,
    };
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if !found.is_file() || found.len() != length {
        return Ok(Some(false));
    }
    Ok(Some(read(path, bytes.len())? == bytes))
}

/// Whether a file that begins with these bytes lies there; none where nothing does. What is no regular file is not
/// opened.
///
/// # Errors
/// Why nobody can say.
pub fn begins(path: &Path, bytes: &[u8]) -> io::Result<Option<bool>> {
    use io::Read as _;
    let found = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        found => found?,
    };
    if !found.is_file() {
        return Ok(Some(false));
    }
    let limit = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let mut beginning = Vec::new();
    open(path)?.take(limit).read_to_end(&mut beginning)?;
    Ok(Some(beginning == bytes))
}

/// Makes a file that nobody but its owner reads, where nothing lies yet.
///
/// # Errors
/// Why it cannot be made.
pub fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path)
}

/// The most bytes of a name; file systems take no more.
const MOST_NAME: usize = 255;

/// What is wrong with a name that somebody else gave a file.
pub fn name_problem(name: &str) -> Option<&'static str> {
    if name.is_empty() || name == "." || name == ".." || name.contains('/') {
        Some("it is not a plain name but a path; have the file named without `/` and `..`")
    } else if name.chars().any(char::is_control) {
        Some("its name holds control characters; have it renamed")
    } else if name.len() > MOST_NAME {
        Some("its name is longer than 255 bytes; have it renamed")
    } else {
        None
    }
}

/// The paths in a folder, by name; those that begin with a dot are not finished by their sender. What kind of
/// file each is, [`open`] tells.
///
/// # Errors
/// Why the folder cannot be read.
pub fn folder(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for item in std::fs::read_dir(folder)? {
        let item = item?;
        let hidden = item.file_name().as_encoded_bytes().starts_with(b".");
        if !hidden && !item.file_type().is_ok_and(|kind| kind.is_dir()) {
            paths.push(item.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// Some systems answer to a link, and all to a socket, with an error of their own.
fn told(path: &Path, error: io::Error) -> io::Error {
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => refused(found.file_type()),
        _ => error,
    }
}

fn refused(kind: FileType) -> io::Error {
    let what = if kind.is_symlink() {
        "a symbolic link, and links are not followed; put the file itself here, or name it by its own path"
    } else if kind.is_dir() {
        "a folder; name the files in it"
    } else if kind.is_fifo() {
        "a pipe, and only regular files are read; give its contents to standard input, `-`, or put them into a file"
    } else if kind.is_socket() {
        "a socket, and only regular files are read"
    } else {
        "a device, and only regular files are read"
    };
    io::Error::new(io::ErrorKind::InvalidInput, format!("it is {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    #[test]
    fn only_regular_files_are_opened_and_nobody_waits() {
        let here = std::env::temp_dir().join(format!("tieout-regular-{}", std::process::id()));
        std::fs::create_dir_all(&here).unwrap();
        let path = |name: &str| here.join(name);
        std::fs::write(path("plain"), b"text").unwrap();
        symlink(path("plain"), path("link")).unwrap();
        symlink(path("nothing"), path("dangling")).unwrap();
        let made = std::process::Command::new("mkfifo")
            .arg(path("pipe"))
            .status();
        assert!(made.unwrap().success());
        let _listener = UnixListener::bind(path("socket")).unwrap();
        let table = [
            ("link", "it is a symbolic link"),
            ("dangling", "it is a symbolic link"),
            ("pipe", "it is a pipe"),
            ("socket", "it is a socket"),
            (".", "it is a folder"),
            ("/dev/zero", "it is a device"),
        ];
        for (name, what) in table {
            let error = open(&path(name)).unwrap_err().to_string();
            assert!(error.starts_with(what), "{name}: {error}");
        }
        assert_eq!(read(&path("plain"), 4).unwrap(), b"text");
        let there = |name: &str| holds(&path(name), b"text").unwrap();
        assert_eq!((there("plain"), there("nothing")), (Some(true), None));
        assert_eq!(holds(&path("plain"), b"Text").unwrap(), Some(false));
        let begins = |name: &str, bytes: &[u8]| begins(&path(name), bytes).unwrap();
        assert_eq!(begins("plain", b"te"), Some(true));
        assert_eq!(begins("plain", b"Te"), Some(false));
        assert_eq!(begins("plain", b"text and more"), Some(false));
        assert_eq!(
            (begins("nothing", b""), begins("link", b"")),
            (None, Some(false))
        );
        for name in ["link", "dangling", "pipe", "socket", "."] {
            assert_eq!(there(name), Some(false), "{name}");
        }
        let longer = read(&path("plain"), 3).unwrap_err().to_string();
        assert!(longer.starts_with("more than the 3 bytes"), "{longer}");
        assert!(open(&path("nothing")).is_err());
        let names: Vec<PathBuf> = folder(&here).unwrap();
        assert_eq!(names.len(), 5, "{names:?}");
        std::fs::remove_dir_all(&here).unwrap();
    }
}
