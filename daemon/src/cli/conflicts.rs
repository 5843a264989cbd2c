//! `tieout conflicts list | show | accept`: events that came again with other content. The first stands.

use crate::output::{Output, TextTable, visible_line};
use crate::wording::decided;
use clap::Subcommand;
use office::Call;
use office::deeds::desk::{self as deeds, Deed};
use office::questions::waiting;
use serde_json::{Value, json};
use store::waiting::Conflict;

/// How many are listed, when the command does not say.
const LISTED: u32 = 100;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// What came again with other content, and nobody has looked at.
    List {
        /// Also what was accepted.
        #[arg(long)]
        all: bool,
        /// How many are listed.
        #[arg(long, default_value_t = LISTED)]
        limit: u32,
    },
    /// What the two contents differ in.
    Show {
        /// The conflict's number.
        id: i64,
    },
    /// The first content stands; both stay in the books, with who said so and why.
    Accept {
        /// The conflict's number.
        id: i64,
        /// Why, for whoever asks later.
        #[arg(long)]
        why: String,
    },
}

impl Command {
    /// Whether it needs no more than the right to read the books.
    pub(crate) const fn only_asks(&self) -> bool {
        !matches!(self, Self::Accept { .. })
    }
}

pub(crate) async fn run(call: &Call, command: &Command, output: Output) -> anyhow::Result<bool> {
    match command {
        Command::List { all, limit } => list(call, *all, i64::from(*limit), output).await,
        Command::Show { id } => show(&waiting::conflict(call, *id).await?, output),
        Command::Accept { id, why } => accept(call, *id, why, output).await,
    }
}

fn value(conflict: &Conflict) -> Value {
    json!({
        "conflict": conflict.row.id, "event": conflict.row.event_id, "type": conflict.row.event_type,
        "source": conflict.row.source, "partition": conflict.row.partition_name, "position": conflict.row.position,
        "received_at": conflict.row.received_at, "first_received_at": conflict.row.first_received_at,
        "accepted_by": conflict.row.accepted_by, "why": conflict.row.accepted_why,
        "differences": waiting::differences(conflict),
    })
}

async fn list(call: &Call, all: bool, limit: i64, output: Output) -> anyhow::Result<bool> {
    let conflicts = waiting::conflicts(call, all, limit).await?;
    let mut table = TextTable::new(&[
        "conflict",
        "event",
        "type",
        "came",
        "from",
        "differs in",
        "accepted",
    ]);
    for conflict in &conflicts {
        let paths = waiting::differences(conflict).into_iter();
        table.row(vec![
            conflict.row.id.to_string(),
            conflict.row.event_id.to_string(),
            conflict.row.event_type.clone(),
            conflict
                .row
                .received_at
                .format("%Y-%m-%d %H:%M")
                .to_string(),
            format!("{} at {}", conflict.row.source, conflict.row.position),
            paths.map(|row| row.path).collect::<Vec<_>>().join(", "),
            conflict.row.accepted_by.clone().unwrap_or_default(),
        ]);
    }
    let values: Vec<Value> = conflicts.iter().map(value).collect();
    output.result(&values, &table.to_string())?;
    Ok(true)
}

fn show(conflict: &Conflict, output: Output) -> anyhow::Result<bool> {
    let mut text = format!(
        "conflict {} with event {} ({})\nfirst: from {} at {}, {}\nagain: from {} at {}, {}\n",
        conflict.row.id,
        conflict.row.event_id,
        conflict.row.event_type,
        conflict.row.first_source,
        conflict.row.first_position,
        conflict.row.first_received_at.to_rfc3339(),
        conflict.row.source,
        conflict.row.position,
        conflict.row.received_at.to_rfc3339(),
    );
    if let (Some(who), Some(why)) = (&conflict.row.accepted_by, &conflict.row.accepted_why) {
        let (who, why) = (visible_line(who), visible_line(why));
        text.push_str(&format!("the first stands, says {who}: {why}\n"));
    }
    let mut table = TextTable::new(&["where", "first", "again"]);
    let absent = || "(not there)".to_owned();
    for row in waiting::differences(conflict) {
        table.row(vec![
            row.path,
            row.first.unwrap_or_else(absent),
            row.again.unwrap_or_else(absent),
        ]);
    }
    text.push_str(&table.to_string());
    output.result(&value(conflict), &text)?;
    Ok(true)
}

async fn accept(call: &Call, id: i64, why: &str, output: Output) -> anyhow::Result<bool> {
    let done = deeds::decide(call, &Deed::ConflictAccept { id }, why).await?;
    let text = decided(&done, || {
        if done.changed {
            format!("the first content of conflict {id} stands; both are kept")
        } else {
            format!("nothing changed: conflict {id} was accepted already")
        }
    });
    output.result(&done, &text)?;
    Ok(true)
}
