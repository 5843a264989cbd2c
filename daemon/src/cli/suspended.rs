//! `tieout suspended list | show | retry`: events that wait for a cure, and why.

use super::intake;
use crate::output::{Output, TextTable, visible_line};
use clap::{Subcommand, ValueEnum};
use office::Call;
use office::questions::waiting::{self, By};
use serde_json::json;

/// How many are listed, when the command does not say.
const LISTED: u32 = 100;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// What is suspended, in the order in which it came; or how many of each kind.
    List {
        /// Count them by this.
        #[arg(long)]
        by: Option<Kind>,
        /// How many are listed.
        #[arg(long, default_value_t = LISTED)]
        limit: u32,
    },
    /// One of them, whole.
    Show {
        /// Its number.
        number: i64,
    },
    /// Decide all of them again, with the mapping in force: `tieout post`.
    Retry,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Kind {
    /// Why they wait.
    Reason,
    /// The rule that suspended them.
    Rule,
    /// Their type.
    Type,
    /// The entity that they would be posted to.
    Entity,
}

impl From<Kind> for By {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Reason => Self::Reason,
            Kind::Rule => Self::Rule,
            Kind::Type => Self::Type,
            Kind::Entity => Self::Entity,
        }
    }
}

impl Command {
    /// Whether it needs no more than the right to read the books.
    pub(crate) const fn only_asks(&self) -> bool {
        !matches!(self, Self::Retry)
    }

    /// Whether it may post.
    pub(crate) const fn posts(&self) -> bool {
        matches!(self, Self::Retry)
    }
}

pub(crate) async fn run(call: &Call, command: &Command, output: Output) -> anyhow::Result<bool> {
    match command {
        Command::List { by: Some(by), .. } => groups(call, (*by).into(), output).await,
        Command::List { by: None, limit } => list(call, i64::from(*limit), output).await,
        Command::Show { number } => show(call, *number, output).await,
        Command::Retry => intake::post_again(call, output).await,
    }
}

async fn list(call: &Call, limit: i64, output: Output) -> anyhow::Result<bool> {
    let (items, all) = waiting::suspended(call, limit).await?;
    let mut table = TextTable::new(&["number", "type", "id", "happened", "rule", "reason"]);
    for item in &items {
        table.row(vec![
            item.number.to_string(),
            item.event_type.clone(),
            item.id.clone(),
            item.occurred_at.format("%Y-%m-%d").to_string(),
            item.rule.clone().unwrap_or_default(),
            item.reason.clone(),
        ]);
    }
    let mut text = table.to_string();
    let shown = i64::try_from(items.len()).unwrap_or(i64::MAX);
    if all > shown {
        text.push_str(&format!(
            "\n{shown} of {all} are listed; `--limit` lists more, `--by reason` counts them"
        ));
    }
    output.result(&json!({ "suspended": items, "all": all }), &text)?;
    Ok(true)
}

async fn groups(call: &Call, by: By, output: Output) -> anyhow::Result<bool> {
    let groups = waiting::suspended_by(call, by).await?;
    let mut table = TextTable::new(&["events", "since", "first", "of"]);
    for group in &groups {
        table.row(vec![
            group.events.to_string(),
            group.since.format("%Y-%m-%d").to_string(),
            group.first.to_string(),
            group.name.clone(),
        ]);
    }
    output.result(&groups, &table.to_string())?;
    Ok(true)
}

async fn show(call: &Call, number: i64, output: Output) -> anyhow::Result<bool> {
    let (item, payload) = waiting::suspended_one(call, number).await?;
    let event: Option<serde_json::Value> = serde_json::from_slice(&payload).ok();
    let whole = event
        .as_ref()
        .and_then(|event| serde_json::to_string_pretty(event).ok())
        .unwrap_or_else(|| String::from_utf8_lossy(&payload).into_owned());
    let text = format!(
        "{}: {} `{}` from {} / {} at {}, received {}\n{}{}\n\n{whole}",
        item.number,
        visible_line(&item.event_type),
        visible_line(&item.id),
        item.source,
        item.partition,
        item.position,
        item.received_at.to_rfc3339(),
        item.rule
            .as_ref()
            .map(|rule| format!("rule `{rule}`: "))
            .unwrap_or_default(),
        visible_line(&item.reason),
    );
    output.result(&json!({ "suspended": item, "event": event }), &text)?;
    Ok(true)
}
