//! Intake from files: folders of the configuration, and files that are named.

use crate::call::Call;
use crate::config::{FileConfig, SourceConfig};
use crate::pipeline::{self, SourceName, Until};
use anyhow::Context as _;
use connectors::regular;
use connectors::source::file::{FileSource, Layout};
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
    /// What became of the inputs, over all files.
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

/// Takes everything new from all folders of the configuration. A folder or a file that cannot be read does not
/// stop the others.
pub async fn ingest_folders(call: &Call) -> anyhow::Result<Ingested> {
    let mut total = Ingested::default();
    for (name, source) in &call.config.sources {
        let SourceConfig::File(config) = source else {
            continue;
        };
        let folder = call.path(&config.folder);
        let files = match event_files(&folder) {
            Ok(files) => files,
            Err(error) => {
                total.refuse(&folder, &error.context("the folder cannot be read"));
                continue;
            }
        };
        let from = SourceName {
            name: name.clone(),
            kind: "file",
        };
        for path in files {
            if let Err(error) = if_new(call, &from, &path, config, &mut total.counts).await {
                total.refuse(&path, &error);
            }
        }
    }
    Ok(total)
}

/// Takes a file unless it is as it was when it was taken.
async fn if_new(
    call: &Call,
    from: &SourceName,
    path: &Path,
    config: &FileConfig,
    total: &mut IntakeSummary,
) -> anyhow::Result<()> {
    let metadata = std::fs::symlink_metadata(path)?;
    let state = (metadata.len(), metadata.modified()?);
    if taken(call).get(path) == Some(&state) {
        return Ok(());
    }
    ingest_file(call, from, path, config.layout(), total).await?;
    taken(call).insert(path.to_owned(), state);
    Ok(())
}

/// The files taken so far. A thread that panicked while it held them left them whole.
fn taken(call: &Call) -> MutexGuard<'_, BTreeMap<PathBuf, (u64, SystemTime)>> {
    call.taken.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The NDJSON files of a folder, by name. A leading dot marks a file that its sender has not finished.
pub fn event_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !folder.try_exists()? {
        return Ok(Vec::new());
    }
    let mut files = regular::folder(folder)?;
    files.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.to_ascii_lowercase();
        let plain = name.trim_end_matches(".gz").trim_end_matches(".zst");
        plain.ends_with(".ndjson") || plain.ends_with(".jsonl")
    });
    Ok(files)
}

/// Takes everything new from one file.
pub async fn ingest_file(
    call: &Call,
    from: &SourceName,
    path: &Path,
    layout: Layout,
    total: &mut IntakeSummary,
) -> anyhow::Result<()> {
    let (path, limit) = (path.to_owned(), call.config.batch());
    let source = off_the_runtime(move || FileSource::open(&path, limit)).await??;
    let source = source.with_layout(layout);
    pipeline::run(call, from, Box::new(source), Until::Empty, total).await
}

/// Runs what waits for a disk on a thread of its own, which nobody waits for when the process ends.
async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> anyhow::Result<T> {
    let (answer, done) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .name("opening".to_owned())
        // Nobody waits any more: the job was dropped.
        .spawn(move || drop(answer.send(work())))?;
    done.await.context("opening the file broke off")
}
