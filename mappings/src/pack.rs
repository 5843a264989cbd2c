//! A pack's files, already read: paths relative to its folder, and bytes.

use ledger::Hash;
use ledger::encode::Encoder;
use std::collections::BTreeMap;

/// The files of a mapping pack.
#[derive(Clone, Debug, Default)]
pub struct Pack {
    /// The pack's name: its folder.
    pub name: String,
    /// Bytes by relative path, `/` between folders.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Pack {
    /// The version: the hash over the path and bytes of every file that has a say in what is
    /// posted. Golden tests have none, so that a new test is not a new version.
    pub fn version(&self) -> Hash {
        let mut encoder = Encoder::new("tieout.mapping.v1");
        for (path, bytes) in self.files.iter().filter(|(path, _)| decides(path)) {
            encoder.text(path);
            encoder.bytes(bytes);
        }
        encoder.finish()
    }

    /// The rule files, by path.
    pub(crate) fn rules(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files
            .iter()
            .filter(|(path, _)| {
                is_yaml(path)
                    && !path.contains('/')
                    && !matches!(path.as_str(), "chart.yaml" | "pack.yaml")
            })
            .map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
    }

    /// The look-up tables: name and bytes.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (&str, &str, &[u8])> {
        self.files.iter().filter_map(|(path, bytes)| {
            let name = path.strip_prefix("tables/")?.strip_suffix(".csv")?;
            Some((path.as_str(), name, bytes.as_slice()))
        })
    }

    /// The JSON Schemas: event type and bytes.
    pub(crate) fn schemas(&self) -> impl Iterator<Item = (&str, &str, &[u8])> {
        self.files.iter().filter_map(|(path, bytes)| {
            let name = path.strip_prefix("schemas/")?.strip_suffix(".json")?;
            Some((path.as_str(), name, bytes.as_slice()))
        })
    }

    /// The golden tests: the name of each case that has an event.
    pub fn cases(&self) -> impl Iterator<Item = &str> {
        self.files
            .keys()
            .filter_map(|path| path.strip_prefix("tests/")?.strip_suffix("/event.json"))
    }
}

fn is_yaml(path: &str) -> bool {
    path.ends_with(".yaml")
}

fn decides(path: &str) -> bool {
    !path.starts_with("tests/")
        && (is_yaml(path) || path.ends_with(".csv") || path.ends_with(".json"))
}
