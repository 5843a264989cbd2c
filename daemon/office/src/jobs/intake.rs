//! Intake from files: folders of the configuration, and files that are named.

use crate::call::Call;
use crate::config::SourceConfig;
use crate::pipeline::{self, SourceName, Until};
use connectors::source::envelope::Envelope;
use connectors::source::file::FileSource;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{MutexGuard, PoisonError};
use std::time::SystemTime;
use store::intake::IntakeSummary;

/// The source of files that are named on the command line.
pub const COMMAND_LINE: &str = "command-line";

/// What files brought, and those that could not be read to their end.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Ingested {
    #[serde(flatten)]
    pub counts: IntakeSummary,
    /// Files with the reason why they were left; what came before it is in the books.
    pub refused: Vec<String>,
}

impl Ingested {
    /// Notes a file that stopped short; the others go on.
    pub fn refuse(&mut self, path: &Path, error: &anyhow::Error) {
        tracing::error!(file = %path.display(), error = %format!("{error:#}"), "left before its end");
        self.refused.push(format!("{}: {error:#}", path.display()));
    }
}

/// Takes everything new from all folders of the configuration.
pub async fn ingest_folders(call: &Call) -> anyhow::Result<Ingested> {
    let mut total = Ingested::default();
    for (name, source) in &call.config.sources {
        let SourceConfig::File(folder) = source else {
            continue;
        };
        for path in event_files(&call.path(&folder.folder))? {
            let metadata = std::fs::metadata(&path)?;
            let state = (metadata.len(), metadata.modified()?);
            if taken(call).get(&path) == Some(&state) {
                continue;
            }
            let from = SourceName {
                name: name.clone(),
                kind: "file",
            };
            let envelope = folder.envelope.as_ref();
            match ingest_file(call, &from, &path, envelope, &mut total.counts).await {
                Ok(()) => drop(taken(call).insert(path, state)),
                Err(error) => total.refuse(&path, &error),
            }
        }
    }
    Ok(total)
}

/// The files taken so far. A thread that panicked while it held them left them whole.
fn taken(call: &Call) -> MutexGuard<'_, BTreeMap<PathBuf, (u64, SystemTime)>> {
    call.taken.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The NDJSON files of a folder, by name.
pub fn event_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for item in std::fs::read_dir(folder)? {
        let path = item?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_ascii_lowercase();
        let plain = name.trim_end_matches(".gz").trim_end_matches(".zst");
        // A leading dot marks a file that its sender has not finished.
        if !name.starts_with('.') && (plain.ends_with(".ndjson") || plain.ends_with(".jsonl")) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Takes everything new from one file.
pub async fn ingest_file(
    call: &Call,
    from: &SourceName,
    path: &Path,
    envelope: Option<&Envelope>,
    total: &mut IntakeSummary,
) -> anyhow::Result<()> {
    let source = FileSource::open(path, call.config.batch())?.with_envelope(envelope.cloned());
    pipeline::run(call, from, Box::new(source), Until::Empty, total).await
}
