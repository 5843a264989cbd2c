//! Heads of the record chain that left the house: whoever holds a manifest can hold it against the books, and
//! where a target is a folder of this machine its manifests are held against them here.

use crate::call::Call;
use connectors::transport::DropConfig;
use ledger::Hash;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
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

#[derive(Deserialize)]
struct Manifest {
    chain: Option<Told>,
}

#[derive(Deserialize)]
struct Told {
    record: i64,
    record_hash: String,
}

/// The heads in the manifests of all folders that can be read, with those that somebody names.
pub(crate) async fn seen(
    call: &Call,
    named: &BTreeMap<i64, Hash>,
) -> anyhow::Result<BTreeMap<i64, Hash>> {
    let targets = call.config.targets.values();
    let folders: Vec<PathBuf> = targets
        .filter_map(|target| match &target.drop {
            DropConfig::Folder(folder) => Some(call.base.join(&folder.path)),
            DropConfig::Sftp(_) => None,
        })
        .collect();
    let read = move || {
        folders
            .iter()
            .flat_map(|folder| in_folder(folder))
            .collect()
    };
    let mut heads: BTreeMap<i64, Hash> = tokio::task::spawn_blocking(read).await?;
    heads.extend(named);
    Ok(heads)
}

/// What cannot be read says nothing: a folder is somebody else's.
fn in_folder(folder: &std::path::Path) -> Vec<(i64, Hash)> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files
        .filter(|file| {
            file.file_name()
                .to_string_lossy()
                .ends_with(".manifest.json")
        })
        .filter(|file| {
            let about = file.metadata();
            about.is_ok_and(|about| about.is_file() && about.len() <= MAX_MANIFEST)
        })
        .filter_map(|file| {
            let text = std::fs::read(file.path()).ok()?;
            let told = serde_json::from_slice::<Manifest>(&text).ok()?.chain?;
            // The first link is number 1: before it there is nothing to meet.
            let hash = Hash::from_hex(&told.record_hash).filter(|_| told.record > 0)?;
            Some((told.record, hash))
        })
        .collect()
}
