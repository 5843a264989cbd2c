//! `tieout period list | close | reopen`. Who closed or reopened a period is recorded as a run.

use crate::output::{Output, TextTable};
use clap::Subcommand;
use office::Call;
use office::deeds::close;
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Every period that has been posted to.
    List,
    /// Close a period and seal it: what would post into it is suspended.
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

impl Command {
    /// Whether it needs no more than the right to read the books.
    pub(crate) const fn only_asks(&self) -> bool {
        matches!(self, Self::List)
    }
}

pub(crate) async fn run(call: &Call, command: &Command, output: Output) -> anyhow::Result<bool> {
    match command {
        Command::List => list(call, output).await,
        Command::Close { entity, period } => shut(call, entity, period, output).await,
        Command::Reopen { entity, period } => reopen(call, entity, period, output).await,
    }
}

async fn list(call: &Call, output: Output) -> anyhow::Result<bool> {
    let periods = call.store.snapshot().await?.periods().await?;
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

async fn shut(call: &Call, entity: &str, period: &str, output: Output) -> anyhow::Result<bool> {
    let started = call.stamp();
    let outcome = close::close(call, entity, period).await;
    call.record("period close", &started, &outcome).await?;
    let done = outcome?;
    let text = if done.changed {
        format!(
            "{period} of `{entity}` is closed and sealed: {} entries ({} numbered now) under {} posting batches\n`tieout evidence export {period} --entity {entity}` writes what an outsider checks",
            done.entries, done.numbered, done.batches
        )
    } else {
        format!("nothing changed: {period} of `{entity}` is closed already, or was never posted to")
    };
    output.result(&done, &text)?;
    Ok(done.changed)
}

async fn reopen(call: &Call, entity: &str, period: &str, output: Output) -> anyhow::Result<bool> {
    let started = call.stamp();
    let mut tx = call.store.begin().await?;
    let changed = tx.set_period_state(entity, period, false).await?;
    tx.commit().await?;
    let done = json!({ "entity": entity, "period": period, "changed": changed });
    call.record("period reopen", &started, &Ok(&done)).await?;
    let text = if changed {
        format!("{period} of `{entity}` is open; its seal stays, and the next close sets another")
    } else {
        format!("nothing changed: {period} of `{entity}` is open already, or was never posted to")
    };
    output.result(&done, &text)?;
    Ok(changed)
}
