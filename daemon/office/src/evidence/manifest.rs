//! Manifests as they are read again: beside the files that a target holds, which is somebody else's folder.
//!
//! Only one that names the target and the number that its own file name has is believed.

use ledger::Hash;
use serde::Deserialize;
use serde_json::Value;

/// What a manifest says about its batch.
#[derive(Debug, Deserialize)]
pub(crate) struct Manifest {
    /// The batch's UUID.
    pub(crate) batch: String,
    /// Its number.
    pub(crate) number: i64,
    target: String,
    /// What the file beside it holds.
    pub(crate) artifact: ArtifactPart,
    chain: Option<Value>,
}

/// What a manifest says about the file beside it.
#[derive(Debug, Deserialize)]
pub(crate) struct ArtifactPart {
    /// Its hash, as hexadecimal digits.
    pub(crate) sha256: String,
}

#[derive(Deserialize)]
struct Told {
    record: i64,
    record_hash: String,
}

impl Manifest {
    /// The manifest in a file of a target's folder; none when the file is not one of this target's.
    pub(crate) fn read(target: &str, file: &str, bytes: &[u8]) -> Option<Self> {
        let number = number(target, file)?;
        let manifest: Self = serde_json::from_slice(bytes).ok()?;
        (manifest.target == target && manifest.number == number).then_some(manifest)
    }

    /// The head of the record chain when the batch was rendered, with its number.
    pub(crate) fn record_head(&self) -> Option<(i64, Hash)> {
        let told = Told::deserialize(self.chain.as_ref()?).ok()?;
        // The first link is number 1: before it there is nothing to meet.
        let hash = Hash::from_hex(&told.record_hash).filter(|_| told.record > 0)?;
        Some((told.record, hash))
    }
}

/// The number in a manifest's name, `tieout-files-000017.csv.manifest.json`.
pub(crate) fn number(target: &str, file: &str) -> Option<i64> {
    let rest = file.strip_prefix("tieout-")?.strip_prefix(target)?;
    let rest = rest.strip_prefix('-')?.strip_suffix(".manifest.json")?;
    rest.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_manifests_of_the_target_have_a_number() {
        let table = [
            ("files", "tieout-files-000017.csv.manifest.json", Some(17)),
            ("files", "tieout-files-000017.csv", None),
            ("files", "tieout-files-2-000017.csv.manifest.json", None),
            (
                "files-2",
                "tieout-files-2-000017.csv.manifest.json",
                Some(17),
            ),
            ("files", "notes.manifest.json", None),
            ("files", ".tieout-files-000017.csv.manifest.json.part", None),
        ];
        for (target, file, wanted) in table {
            assert_eq!(number(target, file), wanted, "{target}: {file}");
        }
    }

    #[test]
    fn only_a_manifest_of_the_target_tells_a_head() {
        let hash = Hash::of(b"a head");
        let bytes = |target: &str, record: i64| {
            json!({ "batch": "b", "number": 17, "target": target, "artifact": { "sha256": "" },
                "chain": { "record": record, "record_hash": hash.to_string() } })
            .to_string()
        };
        let own = "tieout-files-000017.csv.manifest.json";
        let table = [
            ("its own", own, bytes("files", 3), Some((3, hash))),
            ("before the first link", own, bytes("files", 0), None),
            ("of another target", own, bytes("books", 3), None),
            (
                "under another number",
                "tieout-files-000018.csv.manifest.json",
                bytes("files", 3),
                None,
            ),
            (
                "under another name",
                "copy.manifest.json",
                bytes("files", 3),
                None,
            ),
            ("no manifest", own, "{}".to_owned(), None),
        ];
        for (what, file, bytes, wanted) in table {
            let head = Manifest::read("files", file, bytes.as_bytes())
                .and_then(|manifest| manifest.record_head());
            assert_eq!(head, wanted, "{what}");
        }
    }
}
