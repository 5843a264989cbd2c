//! Export: entries that a target does not have yet become batches; batches are delivered.
//!
//! A target is exported by one process at a time: who has its lease claims entries ([`make`]), renders them
//! outside any transaction, stores the artifact, and meanwhile sends what is stored ([`send`]). Before the first
//! time after a start the books are compared with what the target already holds ([`compare`]). Targets go
//! side by side, and one's trouble or slowness does not stop the others.

mod answers;
mod compare;
mod make;
pub(crate) mod maps;
mod periods;
pub(crate) mod probe;
mod send;

use crate::call::Call;
use crate::config::TargetConfig;
use crate::lease;
use anyhow::Context as _;
use connectors::erp::{ErpConnector, ErpKind, Host, OpenPeriods};
use connectors::transport::TransportError;
use formats::erp::limits::Limits;
use futures_util::future::join_all;
use ledger::Clock;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// What an export did for one target.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct TargetSummary {
    /// The target's name.
    pub target: String,
    /// Batches made.
    pub batches: i64,
    /// Entries in them.
    pub entries: i64,
    /// Batches that arrived.
    pub delivered: i64,
    /// Batches that were refused.
    pub rejected: i64,
    /// Batches of which nobody knows.
    pub unknown: i64,
    /// Entries that cannot be written for the target as it is configured, and wait.
    pub held: i64,
    /// What the reader should know though nothing went wrong.
    pub note: Option<String>,
    /// Why it could not go on.
    pub problem: Option<String>,
}

impl TargetSummary {
    /// Counts entries that are held back, and tells why the first is.
    fn hold(&mut self, held: Vec<(i64, String)>) {
        if let Some((entry, why)) = held.first()
            && self.held == 0
        {
            self.trouble(format!("entry {entry} is held back: {why}"));
        }
        self.held += i64::try_from(held.len()).unwrap_or(i64::MAX);
    }

    /// Tells a problem beside those that are told already.
    fn trouble(&mut self, problem: String) {
        self.problem = Some(match self.problem.take() {
            Some(earlier) => format!("{earlier}; {problem}"),
            None => problem,
        });
    }
}

/// Opens the connector of a target.
///
/// # Errors
/// When its kind, its options or the place of its files are not valid.
pub fn open(
    call: &Call,
    name: &str,
    target: &TargetConfig,
) -> anyhow::Result<Box<dyn ErpConnector>> {
    let kind = ErpKind::find(&target.kind).context("the kind is unknown")?;
    kind.open(
        target.options.clone(),
        &host(target, &call.base, Arc::clone(&call.clock))?,
    )
    .with_context(|| format!("target `{name}`"))
}

/// What a target's connector is lent.
///
/// # Errors
/// When the place of its files cannot be opened.
pub(crate) fn host(
    target: &TargetConfig,
    base: &Path,
    clock: Arc<dyn Clock>,
) -> Result<Host, TransportError> {
    let drop = target.drop.as_ref();
    Ok(Host {
        drop: drop
            .map(|drop| drop.open(base, Arc::clone(&clock)))
            .transpose()?,
        base: base.to_owned(),
        clock,
    })
}

/// Exports to all targets, or to one.
///
/// # Errors
/// When there is no such target. A target's own trouble is in its summary.
pub async fn run(call: &Call, only: Option<&str>) -> anyhow::Result<Vec<TargetSummary>> {
    if let Some(name) = only
        && !call.config.targets.contains_key(name)
    {
        let known: Vec<&str> = call.config.targets.keys().map(String::as_str).collect();
        anyhow::bail!(
            "there is no target `{name}`; there are {}",
            known.join(", ")
        );
    }
    super::after_a_load(call).await;
    let targets = call.config.targets.iter();
    let wanted = targets.filter(|(name, _)| only.is_none_or(|only| only == name.as_str()));
    Ok(join_all(wanted.map(|(name, target)| one(call, name, target))).await)
}

async fn one(call: &Call, name: &str, target: &TargetConfig) -> TargetSummary {
    let mut summary = TargetSummary {
        target: name.to_owned(),
        ..TargetSummary::default()
    };
    if let Err(error) = Box::pin(leased(call, name, target, &mut summary)).await {
        tracing::error!(target.name = %name, error = %format!("{error:#}"), "the export stopped");
        summary.trouble(format!("{error:#}"));
    }
    summary
}

/// Exports while nobody else does.
async fn leased(
    call: &Call,
    name: &str,
    target: &TargetConfig,
    summary: &mut TargetSummary,
) -> anyhow::Result<()> {
    let exporting = Box::pin(export(call, name, target, summary));
    let exported = lease::alone(call, "export", name, exporting).await?;
    if exported.is_none() {
        let note = format!("another process exports to `{name}`; it is left to that one");
        tracing::info!(target.name = %name, "{note}");
        summary.note = Some(note);
    }
    Ok(())
}

async fn export(
    call: &Call,
    name: &str,
    target: &TargetConfig,
    summary: &mut TargetSummary,
) -> anyhow::Result<()> {
    let connector: Arc<dyn ErpConnector> = open(call, name, target)?.into();
    let mut tx = call.store.begin().await?;
    let target_id = tx.target_id(name, &target.kind).await?;
    tx.seal_names(&call.stamp()).await?;
    tx.commit().await?;
    let most = Duration::from_secs(target.deadline_seconds);
    let comparing = compare::once(call, name, target_id, connector.as_ref());
    tokio::time::timeout(most, comparing)
        .await
        .with_context(|| {
            format!(
                "`{name}` did not show within {} seconds what it already holds",
                most.as_secs()
            )
        })??;
    let open = match connector.periods() {
        Some(periods) => Some(
            periods
                .open()
                .await
                .with_context(|| format!("`{name}` did not say which of its periods are open"))?,
        ),
        None => None,
    };
    let to = Target {
        call,
        name,
        config: target,
        id: target_id,
        connector,
        open,
        tables: maps::Tables::read(&target.maps, &call.base)?,
        limits: ErpKind::find(&target.kind).map_or(Limits::NONE, |kind| kind.limits),
        entries: entries_of(target),
    };
    if let Err(error) = answers::take(&to, summary).await {
        summary.trouble(format!("its answers cannot be read: {error:#}"));
    }
    let (stored, ready) = mpsc::unbounded_channel();
    // What is stored is sent while the rest is made, and also when the rest cannot be made.
    let (made, sent) = tokio::join!(make::all(&to, stored), send::all(&to, ready));
    for (part, outcome) in [made, sent] {
        summary.batches += part.batches;
        summary.entries += part.entries;
        summary.delivered += part.delivered;
        summary.rejected += part.rejected;
        summary.unknown += part.unknown;
        summary.held += part.held;
        if let Some(problem) = part.problem {
            summary.trouble(problem);
        }
        outcome?;
    }
    Ok(())
}

/// The most entries of one batch: as configured, as the kind holds, and as go through in the time that a batch may take.
fn entries_of(target: &TargetConfig) -> i64 {
    let most = target.batch_entries;
    let Some(kind) = ErpKind::find(&target.kind) else {
        return most;
    };
    let deadline = Duration::from_secs(target.deadline_seconds);
    let bounds = [
        kind.limits.entries,
        kind.pace.map(|pace| pace.within(deadline)),
    ];
    let bounds = bounds.into_iter().flatten().map(i64::from);
    bounds.fold(most, i64::min)
}

/// A target that is exported.
struct Target<'t> {
    call: &'t Call,
    name: &'t str,
    config: &'t TargetConfig,
    /// Its number in the store.
    id: i64,
    connector: Arc<dyn ErpConnector>,
    /// Which days it takes, where it says so.
    open: Option<OpenPeriods>,
    tables: maps::Tables,
    limits: Limits,
    /// The most entries of one batch.
    entries: i64,
}
