//! One file per job. A job takes no input, looks at what is there, does what is missing, and may
//! run twice.

pub mod export;
pub mod intake;
pub mod post;
pub mod reconcile;
pub mod report;
pub mod settle;

use crate::call::Call;
use crate::fault;
use crate::metric;
use crate::panics;
use serde_json::Value;
use std::time::Duration;
use store::statistics;

/// Lets the database's planner know what a load brought, before a job reads through it.
async fn after_a_load(call: &Call) {
    if let Err(error) = call.store.refresh_statistics(statistics::GROWN).await {
        tracing::debug!(error = %error, "the database's own maintenance has to see what was loaded");
    }
}

/// Runs a job by its name, records the run, and says what it did. One that breaks off is a failed run.
pub async fn run(call: &Call, job: &str) -> anyhow::Result<Value> {
    let started = call.stamp();
    let outcome = panics::caught(Box::pin(dispatch(call, job))).await;
    metric::run(job, outcome.is_ok());
    call.record(job, &started, &outcome).await?;
    outcome
}

/// When a job should run again before its next turn: files wait to come to rest, and its turns may be far apart.
pub fn again_after(call: &Call, job: &str, summary: &Value) -> Option<Duration> {
    let waits = summary.get("waiting").and_then(Value::as_array);
    if job != "settle" || waits.is_none_or(Vec::is_empty) {
        return None;
    }
    let rest = call.config.settlement.as_ref()?.longest_rest();
    Some(rest + Duration::from_secs(1))
}

async fn dispatch(call: &Call, job: &str) -> anyhow::Result<Value> {
    fault::point(job).await;
    Ok(match job {
        "ingest" => serde_json::to_value(intake::ingest_folders(call).await?)?,
        "post" => serde_json::to_value(post::run(call).await?)?,
        "settle" => serde_json::to_value(settle::poll(call).await?)?,
        "reconcile" => serde_json::to_value(Box::pin(reconcile::run(call, None)).await?)?,
        "export" => serde_json::to_value(export::run(call, None).await?)?,
        "report" => serde_json::to_value(report::run(call).await?)?,
        other => anyhow::bail!("there is no job `{other}`"),
    })
}
