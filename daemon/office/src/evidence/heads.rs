//! Heads of the record chain that left the house: whoever holds a manifest can hold it against the books, and
//! where a target is a folder of this machine its manifests are held against them here.

use crate::call::Call;
use crate::evidence::manifest::{self, Manifest};
use connectors::transport::PlaceConfig;
use ledger::Hash;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use store::record::Heads;

/// The largest manifest that is read: 1 MiB.
const MAX_MANIFEST: u64 = 1 << 20;

/// What a manifest says about the chains.
pub fn told(heads: &Heads) -> serde_json::Value {
    serde_json::json!({
        "batch": heads.batch,
        "hash": heads.head.to_string(),
        "record": heads.record,
        "record_hash": heads.record_head.to_string(),
    })
}

/// The heads in the manifests of all folders that can be read, with those that somebody names.
pub(crate) async fn seen(
    call: &Call,
    named: &BTreeMap<i64, Hash>,
) -> anyhow::Result<BTreeMap<i64, Hash>> {
    let targets = call.config.targets.iter();
    let folders: Vec<(String, PathBuf)> = targets
        .filter_map(|(name, target)| match &target.drop.as_ref()?.place {
            PlaceConfig::Folder(folder) => Some((name.clone(), call.base.join(&folder.path))),
            PlaceConfig::Sftp(_) | PlaceConfig::Bucket(_) | PlaceConfig::Https(_) => None,
        })
        .collect();
    let read = move || {
        folders
            .iter()
            .flat_map(|(target, folder)| in_folder(target, folder))
            .collect()
    };
    let mut heads: BTreeMap<i64, Hash> = tokio::task::spawn_blocking(read).await?;
    heads.extend(named);
    Ok(heads)
}

/// What cannot be read, or is no manifest of the target, says nothing: a folder is somebody else's.
fn in_folder(target: &str, folder: &Path) -> Vec<(i64, Hash)> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files
        .filter_map(|file| {
            let name = file.file_name();
            let name = name.to_str()?;
            manifest::number(target, name)?;
            let about = file.metadata().ok()?;
            if !about.is_file() || about.len() > MAX_MANIFEST {
                return None;
            }
            let text = std::fs::read(file.path()).ok()?;
            Manifest::read(target, name, &text)?.record_head()
        })
        .collect()
}
