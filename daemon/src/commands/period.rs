//! `tieout period list | close | reopen`. Who closed or reopened a period is recorded as a run.

use crate::company::Company;
use crate::output::{Output, TextTable};
use clap::Subcommand;
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Every period that has been posted to.
    List,
    /// Close a period: what would post into it is suspended.
    Close {
        /// The entity.
        entity: String,
        /// The period, 2026-01.
        period: String,
    },
    /// Open it again.
    Reopen {
        /// The entity.
        entity: String,
        /// The period, 2026-01.
        period: String,
    },
}

pub(crate) async fn run(
    company: &Company,
    command: &Command,
    output: Output,
) -> anyhow::Result<bool> {
    match command {
        Command::List => list(company, output).await,
        Command::Close { entity, period } => set(company, entity, period, true, output).await,
        Command::Reopen { entity, period } => set(company, entity, period, false, output).await,
    }
}

async fn list(company: &Company, output: Output) -> anyhow::Result<bool> {
    let periods = company.store.periods().await?;
    let mut table = TextTable::new(&["entity", "period", "from", "to", "state"]);
    for row in &periods {
        table.row(vec![
            row.entity.clone(),
            row.code.clone(),
            row.start_on.to_string(),
            row.end_on.to_string(),
            row.state.clone(),
        ]);
    }
    output.result(&periods, &table.to_string())?;
    Ok(true)
}

async fn set(
    company: &Company,
    entity: &str,
    period: &str,
    closed: bool,
    output: Output,
) -> anyhow::Result<bool> {
    let job = if closed {
        "period close"
    } else {
        "period reopen"
    };
    let started = company.stamp();
    let mut tx = company.store.begin().await?;
    let changed = tx.set_period_state(entity, period, closed).await?;
    tx.commit().await?;
    let done = json!({ "entity": entity, "period": period, "changed": changed });
    company.record(job, &started, &Ok(&done)).await?;
    let state = if closed { "closed" } else { "open" };
    let text = if changed {
        format!("{period} of `{entity}` is {state}")
    } else {
        format!(
            "nothing changed: {period} of `{entity}` is {state} already, or was never posted to"
        )
    };
    output.result(&done, &text)?;
    Ok(changed)
}
