//! Packed files, unpacked as they are read and within bounds: gzip, zstd, and the members of a ZIP archive.
//!
//! How a file is packed is told by its first bytes, never by its name. An archive is several files; a workbook is
//! a ZIP archive too, and stays what it is.

use crate::regular;
use serde::Deserialize;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use zip::ZipArchive;

/// How far a packed file may unpack.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Unpacked {
    /// To how many bytes.
    pub most_bytes: u64,
    /// To how many times its own size, once it is more than 64 MiB.
    pub most_ratio: u64,
}

impl Default for Unpacked {
    fn default() -> Self {
        Self {
            most_bytes: 64 << 30,
            most_ratio: 100,
        }
    }
}

/// Up to here any ratio is taken: a small file of equal events packs well.
const ANY_RATIO: u64 = 64 << 20;

/// As many members of an archive are read.
const MOST_MEMBERS: usize = 1_000;

/// A packed file of which is known how much was read.
pub(crate) struct Packed<R> {
    from: R,
    read: Arc<AtomicU64>,
}

impl<R> Packed<R> {
    pub(crate) fn of(from: R) -> Self {
        Self {
            from,
            read: Arc::default(),
        }
    }

    /// How much was read, as it grows.
    pub(crate) fn count(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.read)
    }
}

impl<R: Read> Read for Packed<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let length = self.from.read(to)?;
        let more = u64::try_from(length).unwrap_or(u64::MAX);
        self.read.fetch_add(more, Ordering::Relaxed);
        Ok(length)
    }
}

/// What it unpacks to, within bounds.
pub(crate) struct Unpacking<R> {
    from: R,
    read: Arc<AtomicU64>,
    made: u64,
    bounds: Unpacked,
}

impl<R> Unpacking<R> {
    pub(crate) const fn of(from: R, read: Arc<AtomicU64>, bounds: Unpacked) -> Self {
        Self {
            from,
            read,
            made: 0,
            bounds,
        }
    }
}

impl<R: Read> Read for Unpacking<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let length = self.from.read(to)?;
        self.made = self
            .made
            .saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        let (read, bounds) = (self.read.load(Ordering::Relaxed), self.bounds);
        let most = read.max(1).saturating_mul(bounds.most_ratio).max(ANY_RATIO);
        if self.made <= most.min(bounds.most_bytes) {
            return Ok(length);
        }
        let what = format!(
            "{read} bytes of it unpack to {} and more, beyond {} times or {} bytes; if that is what it should hold, unpack it first, or raise `unpacked:` of its source",
            self.made, bounds.most_ratio, bounds.most_bytes
        );
        Err(io::Error::new(io::ErrorKind::InvalidData, what))
    }
}

/// A file within a file: the file itself, or a member of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is called: `report.csv`, or `reports.zip/january.csv`.
    pub name: String,
    member: Option<usize>,
}

/// How a file is packed.
enum Packing {
    None,
    Gzip,
    Zstd,
    Zip,
}

fn packing(file: &mut File) -> io::Result<Packing> {
    let mut head = Vec::new();
    (&mut *file).take(4).read_to_end(&mut head)?;
    file.rewind()?;
    Ok(match head.as_slice() {
        [0x1f, 0x8b, ..] => Packing::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd] => Packing::Zstd,
        b"PK\x03\x04" => Packing::Zip,
        _ => Packing::None,
    })
}

impl Part {
    /// The file itself.
    pub fn whole(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self {
            name: name.into_owned(),
            member: None,
        }
    }
}

/// What is in a regular file.
///
/// # Errors
/// Why it cannot be opened, or an archive cannot be read.
pub fn parts(path: &Path) -> io::Result<Vec<Part>> {
    let mut file = regular::open(path)?;
    let whole = Part::whole(path);
    let name = &whole.name;
    if !matches!(packing(&mut file)?, Packing::Zip) {
        return Ok(vec![whole]);
    }
    let archive = ZipArchive::new(file)?;
    let mut parts = Vec::new();
    for member in 0..archive.len() {
        let Some(inner) = archive.name_for_index(member).transpose()? else {
            continue;
        };
        if inner.starts_with("xl/") || inner == "[Content_Types].xml" {
            return Ok(vec![whole]);
        }
        // Folders, and what systems put beside files for themselves.
        let hidden = inner
            .split('/')
            .any(|part| part.starts_with('.') || part == "__MACOSX");
        if !inner.ends_with('/') && !hidden {
            parts.push(Part {
                name: format!("{name}/{inner}"),
                member: Some(member),
            });
        }
    }
    if parts.len() > MOST_MEMBERS {
        let what = format!(
            "the archive has {} files; at most {MOST_MEMBERS} are read, so put fewer into one",
            parts.len()
        );
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    if parts.is_empty() {
        let what = "the archive has no file in it";
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    parts.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(parts)
}

/// Opens a part and lends it, unpacked.
///
/// # Errors
/// Why it cannot be opened.
pub fn read<T>(
    path: &Path,
    part: &Part,
    bounds: Unpacked,
    with: impl FnOnce(&mut dyn Read) -> T,
) -> io::Result<T> {
    let mut file = regular::open(path)?;
    if let Some(member) = part.member {
        let mut archive = ZipArchive::new(file)?;
        let member = archive.by_index(member)?;
        let read = Arc::new(AtomicU64::new(member.compressed_size()));
        return Ok(with(&mut Unpacking::of(member, read, bounds)));
    }
    let packing = packing(&mut file)?;
    let packed = Packed::of(file);
    let count = packed.count();
    Ok(match packing {
        Packing::Gzip => {
            let from = flate2::read::MultiGzDecoder::new(packed);
            with(&mut Unpacking::of(from, count, bounds))
        }
        Packing::Zstd => {
            let from = zstd::Decoder::new(packed)?;
            with(&mut Unpacking::of(from, count, bounds))
        }
        Packing::None | Packing::Zip => {
            let mut from = packed.from;
            with(&mut from)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn texts(path: &Path) -> Vec<(String, String)> {
        let text = |part: Part| {
            let mut text = String::new();
            let bounds = Unpacked::default();
            read(path, &part, bounds, |input| input.read_to_string(&mut text))
                .unwrap()
                .unwrap();
            (part.name, text)
        };
        parts(path).unwrap().into_iter().map(text).collect()
    }

    #[test]
    fn what_is_packed_is_told_by_its_bytes() {
        let folder = std::env::temp_dir().join(format!("tieout-unpack-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("a.csv");
        let one = |text: &str| vec![("a.csv".to_owned(), text.to_owned())];
        std::fs::write(&path, "plain").unwrap();
        assert_eq!(texts(&path), one("plain"));
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(b"gzip").unwrap();
        std::fs::write(&path, gz.finish().unwrap()).unwrap();
        assert_eq!(texts(&path), one("gzip"));
        std::fs::write(&path, zstd::encode_all(&b"zstd"[..], 1).unwrap()).unwrap();
        assert_eq!(texts(&path), one("zstd"));
        let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
        let options = zip::write::SimpleFileOptions::default();
        for (name, text) in [("two.csv", "2"), ("__MACOSX/x", "-"), ("in/one.csv", "1")] {
            zip.start_file(name, options).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
        let wanted = [("a.csv/in/one.csv", "1"), ("a.csv/two.csv", "2")];
        let wanted = wanted.map(|(name, text)| (name.to_owned(), text.to_owned()));
        assert_eq!(texts(&path), wanted);
        let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
        zip.start_file("xl/workbook.xml", options).unwrap();
        zip.finish().unwrap();
        let found = parts(&path).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
