//! Reconciliation: what is open and what is new of both sides, through the plan's passes, into matches, breaks and
//! totals, all written together with how far was read.
//!
//! History is read when a plan is run for the first time or is another than before, and when something that was matched
//! was taken back. Otherwise the books keep what the next run needs ([`store::kept`]), and a run costs what is open and
//! what is new.

mod examine;
mod load;
mod resolve;
mod write;

pub use examine::{Examination, examine};
pub use resolve::Resolved;

use crate::call::Call;
use crate::lease;
use anyhow::Context as _;
use reconcile::Plan;
use std::sync::Arc;
use write::Found;

/// What a run found.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Summary {
    /// The name in the configuration.
    pub reconciliation: String,
    /// How many groups were matched.
    pub matches: usize,
    /// Differences that were named.
    pub breaks: usize,
    /// What the plan's policies posted away.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resolved: Vec<Resolved>,
    /// What the reader should know though nothing went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Runs all reconciliations, or one.
pub async fn run(call: &Call, only: Option<&str>) -> anyhow::Result<Vec<Summary>> {
    let plans = &call.config.reconciliations;
    if let Some(name) = only
        && !plans.iter().any(|plan| plan.reconciliation == name)
    {
        let known: Vec<&str> = plans
            .iter()
            .map(|plan| plan.reconciliation.as_str())
            .collect();
        anyhow::bail!(
            "there is no reconciliation `{name}`; there are {}",
            known.join(", ")
        );
    }
    super::after_a_load(call).await;
    let mut all = Vec::new();
    for plan in plans
        .iter()
        .filter(|plan| only.is_none_or(|only| plan.reconciliation == only))
    {
        let name = &plan.reconciliation;
        let done = lease::alone(call, "reconcile", name, Box::pin(one(call, plan))).await?;
        all.push(done.unwrap_or_else(|| left(name)));
    }
    Ok(all)
}

/// From the view of the books to what is written no other run may write: the view would be an older one. People may match by
/// hand meanwhile; then it is done again.
async fn one(call: &Call, plan: &Plan) -> anyhow::Result<Summary> {
    for _ in 0..ATTEMPTS {
        if let Some(found) = attempt(call, plan).await? {
            let resolved = resolve::resolve(call, &found.plan).await?;
            return Ok(Summary {
                reconciliation: found.plan.reconciliation.clone(),
                matches: found.findings.matches.len(),
                breaks: found.findings.breaks.len(),
                resolved,
                note: None,
            });
        }
    }
    anyhow::bail!(
        "`{}` was matched by hand each time while it was reconciled, {ATTEMPTS} times; run it again",
        plan.reconciliation
    )
}

/// None where somebody matched something meanwhile.
async fn attempt(call: &Call, plan: &Plan) -> anyhow::Result<Option<Arc<Found>>> {
    let books = call.store.snapshot().await?;
    let loaded = load::load(&books, plan).await?;
    drop(books);
    let plan = plan.clone();
    // The holder of the lease has to say meanwhile that it is there.
    let matching = tokio::task::spawn_blocking(move || Found {
        findings: reconcile::reconcile_on(&plan, &loaded.input, THREADS),
        loaded,
        plan,
    });
    let found = Arc::new(matching.await.context("the matching broke off")?);
    let is_written = write::write(call, Arc::clone(&found)).await?;
    Ok(is_written.then_some(found))
}

fn left(name: &str) -> Summary {
    let note = format!("another process reconciles `{name}`; it is left to that one");
    tracing::info!(reconciliation = %name, "{note}");
    Summary {
        reconciliation: name.to_owned(),
        note: Some(note),
        ..Summary::default()
    }
}

/// How often a run begins, where people match by hand meanwhile.
const ATTEMPTS: usize = 5;

/// Threads of one matching: how many changes nothing but the time.
const THREADS: usize = 2;
