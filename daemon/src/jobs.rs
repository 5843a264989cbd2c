//! One file per job. A job takes no input, looks at what is there, does what is missing, and may
//! run twice.

pub(crate) mod close;
pub(crate) mod export;
pub(crate) mod intake;
pub(crate) mod items;
pub(crate) mod post;
pub(crate) mod reconcile;
pub(crate) mod report;
pub(crate) mod reprocess;
pub(crate) mod settle;

use crate::company::Company;
use crate::metric;
use serde_json::Value;

/// Runs a job by its name, records the run, and says what it did.
pub(crate) async fn run(company: &Company, job: &str) -> anyhow::Result<Value> {
    let started = company.stamp();
    let outcome = dispatch(company, job).await;
    metric::run(job, outcome.is_ok());
    company.record(job, &started, &outcome).await?;
    outcome
}

async fn dispatch(company: &Company, job: &str) -> anyhow::Result<Value> {
    Ok(match job {
        "ingest" => serde_json::to_value(intake::ingest_folders(company).await?)?,
        "post" => serde_json::to_value(post::run(company).await?)?,
        "settle" => serde_json::to_value(settle::run(company).await?)?,
        "reconcile" => serde_json::to_value(reconcile::run(company, None).await?)?,
        "export" => serde_json::to_value(export::run(company, None).await?)?,
        "report" => serde_json::to_value(report::run(company).await?)?,
        other => anyhow::bail!("there is no job `{other}`"),
    })
}
