//! The packs that this program carries, with their golden tests.

use crate::pack::Pack;

/// A pack's name, and each of its files by its path.
type Carried = (&'static str, &'static [(&'static str, &'static [u8])]);

const PACKS: &[Carried] = include!(concat!(env!("OUT_DIR"), "/packs.rs"));

/// The names of the packs.
pub fn names() -> impl Iterator<Item = &'static str> {
    PACKS.iter().map(|(name, _)| *name)
}

/// A pack by its name.
pub fn find(name: &str) -> Option<Pack> {
    let (name, files) = PACKS.iter().find(|(own, _)| *own == name)?;
    let own = |(path, bytes): &(&str, &[u8])| ((*path).to_owned(), bytes.to_vec());
    Some(Pack {
        name: (*name).to_owned(),
        files: files.iter().map(own).collect(),
    })
}
