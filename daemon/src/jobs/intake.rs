//! Intake and posting in one pass: read, parse and map on all cores, then write each batch with
//! its checkpoint in one transaction.

use crate::company::Company;
use crate::config::SourceConfig;
use crate::metric;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use connectors::source::file::FileSource;
use connectors::source::{BatchLimit, Checkpoints, EventBatch, EventSource, RawEvent, SourceError};
use indicatif::ProgressBar;
use mappings::{Context, Evaluator, Event, Program};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{MutexGuard, PoisonError};
use std::time::SystemTime;
use store::Store;
use store::intake::{DecidedEvent, IntakeBatch, IntakeContent, IntakeItem, IntakeSummary};

/// The source of files that are named on the command line.
pub(crate) const COMMAND_LINE: &str = "command-line";

/// The ledger's checkpoints of one source.
#[derive(Debug)]
pub(crate) struct StoredCheckpoints<'s> {
    pub(crate) store: &'s Store,
    pub(crate) source: &'s str,
}

#[async_trait]
impl Checkpoints for StoredCheckpoints<'_> {
    async fn position(&self, partition: &str) -> Result<i64, SourceError> {
        self.store
            .checkpoint(self.source, partition)
            .await
            .map_err(|error| SourceError::Checkpoint(Box::new(error)))
    }
}

/// What identifies a source in the books.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SourceName<'s> {
    pub(crate) name: &'s str,
    pub(crate) kind: &'s str,
}

/// What files brought, and those that could not be read to their end.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub(crate) struct Ingested {
    #[serde(flatten)]
    pub(crate) counts: IntakeSummary,
    /// Files with the reason why they were left; what came before it is in the books.
    pub(crate) refused: Vec<String>,
}

impl Ingested {
    /// Notes a file that stopped short; the others go on.
    pub(crate) fn refuse(&mut self, path: &Path, error: &anyhow::Error) {
        tracing::error!(file = %path.display(), error = %format!("{error:#}"), "left before its end");
        self.refused.push(format!("{}: {error:#}", path.display()));
    }
}

/// Takes everything new from all folders of the configuration.
pub(crate) async fn ingest_folders(company: &Company) -> anyhow::Result<Ingested> {
    let mut total = Ingested::default();
    for (name, source) in &company.config.sources {
        let SourceConfig::File(folder) = source else {
            continue;
        };
        for path in event_files(&company.path(&folder.folder))? {
            let metadata = std::fs::metadata(&path)?;
            let state = (metadata.len(), metadata.modified()?);
            if taken(company).get(&path) == Some(&state) {
                continue;
            }
            let from = SourceName { name, kind: "file" };
            let bar = ProgressBar::hidden();
            match ingest_file(company, from, &path, &bar, &mut total.counts).await {
                Ok(()) => drop(taken(company).insert(path, state)),
                Err(error) => total.refuse(&path, &error),
            }
        }
    }
    Ok(total)
}

/// The files taken so far. A thread that panicked while it held them left them whole.
fn taken(company: &Company) -> MutexGuard<'_, BTreeMap<PathBuf, (u64, SystemTime)>> {
    company.taken.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The NDJSON files of a folder, by name.
pub(crate) fn event_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
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
pub(crate) async fn ingest_file(
    company: &Company,
    from: SourceName<'_>,
    path: &Path,
    bar: &ProgressBar,
    total: &mut IntakeSummary,
) -> anyhow::Result<()> {
    let mut source = FileSource::open(path, BatchLimit::default())?;
    drain(company, from, &mut source, bar, total).await
}

/// Takes batches until the source has none; what was taken is counted even when it then fails.
pub(crate) async fn drain(
    company: &Company,
    from: SourceName<'_>,
    source: &mut dyn EventSource,
    bar: &ProgressBar,
    total: &mut IntakeSummary,
) -> anyhow::Result<()> {
    let checkpoints = StoredCheckpoints {
        store: &company.store,
        source: from.name,
    };
    while let Some(batch) = source.poll(&checkpoints).await? {
        let (partition, through) = (batch.partition.clone(), batch.through);
        let summary = take(company, from, batch).await?;
        source.release(&partition, through).await?;
        bar.inc(u64::try_from(summary.received).unwrap_or(0));
        total.add(&summary);
    }
    Ok(())
}

/// Decides a batch and writes it with its checkpoint.
pub(crate) async fn take(
    company: &Company,
    from: SourceName<'_>,
    batch: EventBatch,
) -> anyhow::Result<IntakeSummary> {
    let stamp = company.stamp();
    let items = tokio::task::block_in_place(|| {
        decide_all(&company.program, &company.context, &batch.events, stamp.now)
    });
    let intake = IntakeBatch {
        source: from.name.to_owned(),
        source_kind: from.kind.to_owned(),
        partition: batch.partition,
        from: batch.from,
        through: batch.through,
        items,
        mapping: company.program.version,
    };
    let mut tx = company.store.begin().await?;
    let summary = tx.take(&intake, &stamp).await?;
    tx.commit().await?;
    metric::intake(from.name, &summary);
    tracing::debug!(
        source = from.name,
        partition = %intake.partition,
        checkpoint = intake.through,
        received = summary.received,
        entries = summary.entries,
        "a batch is in the books"
    );
    Ok(summary)
}

/// Parses and maps events on all cores; the order stays.
fn decide_all(
    program: &Program,
    context: &Context,
    events: &[RawEvent],
    now: DateTime<Utc>,
) -> Vec<IntakeItem> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let size = events.len().div_ceil(cores).max(64);
    std::thread::scope(|scope| {
        let workers: Vec<_> = events
            .chunks(size)
            .map(|chunk| {
                scope.spawn(move || {
                    let mut evaluator = Evaluator::new(program, context);
                    chunk
                        .iter()
                        .map(|raw| decide(&mut evaluator, raw, now))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| match worker.join() {
                Ok(items) => items,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}

fn decide(evaluator: &mut Evaluator<'_>, raw: &RawEvent, now: DateTime<Utc>) -> IntakeItem {
    let position = raw.position;
    let unreadable = |reason: String| IntakeItem {
        position,
        content: IntakeContent::Unreadable {
            raw: raw.payload.clone(),
            reason,
        },
    };
    if let Some(problem) = &raw.problem {
        return unreadable(problem.clone());
    }
    let event = match Event::parse(&raw.payload) {
        Ok(event) => event,
        Err(error) => return unreadable(error.to_string()),
    };
    let decision = evaluator.decide(&event);
    IntakeItem {
        position,
        content: IntakeContent::Event(Box::new(DecidedEvent {
            key: event.key(),
            content: event.content_hash(),
            occurred_at: event.time.unwrap_or(now),
            origin: event.source,
            event_type: event.kind,
            payload: raw.payload.clone(),
            decision,
        })),
    }
}
