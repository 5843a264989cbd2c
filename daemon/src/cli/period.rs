//! `tieout period list | close | reopen`. Who closed or reopened a period is recorded with it.

use crate::output::{Output, TextTable};
use crate::wording::decided;
use clap::Subcommand;
use office::Call;
use office::deeds::close;
use office::deeds::desk::{self as deeds, Deed};
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
        /// Why, for whoever asks later.
        #[arg(long, default_value = "no reason was given")]
        why: String,
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
        Command::Reopen {
            entity,
            period,
            why,
        } => reopen(call, (entity, period), why, output).await,
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
    if outcome.is_err() {
        call.record("period close", &started, &outcome).await?;
    }
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

async fn reopen(
    call: &Call,
    (entity, period): (&str, &str),
    why: &str,
    output: Output,
) -> anyhow::Result<bool> {
    let deed = Deed::PeriodReopen {
        entity: entity.to_owned(),
        period: period.to_owned(),
    };
    let done = deeds::decide(call, &deed, why).await?;
    let text = decided(&done, || {
        if done.changed {
            format!(
                "{period} of `{entity}` is open; its seal stays, and the next close sets another"
            )
        } else {
            format!(
                "nothing changed: {period} of `{entity}` is open already, or was never posted to"
            )
        }
    });
    let value = json!({
        "entity": entity, "period": period, "changed": done.changed, "proposal": done.proposal, "state": done.state,
    });
    output.result(&value, &text)?;
    Ok(done.proposal.is_some())
}
