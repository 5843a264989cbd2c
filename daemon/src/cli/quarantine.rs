//! `tieout quarantine list | show | replay | discard`: bytes that are no event, and what becomes of them.

use crate::output::{Output, TextTable};
use crate::wording::decided;
use clap::Subcommand;
use office::Call;
use office::deeds::desk::{self as deeds, Deed};
use office::deeds::quarantine as deed;
use serde_json::{Value, json};
use store::quarantine::{QuarantineDecision, QuarantineItem};

/// How much of some bytes a list shows.
const GLANCE: usize = 60;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// What is in quarantine.
    List {
        /// Also what was decided already.
        #[arg(long)]
        all: bool,
    },
    /// One of them, whole.
    Show {
        /// Its number.
        id: i64,
    },
    /// Read the bytes again, after the cause was cured; they are posted if they are an event now.
    Replay {
        /// Its number; everything that waits when not named.
        id: Option<i64>,
    },
    /// They will never be an event; the bytes stay, with who said so and why.
    Discard {
        /// Its number.
        id: i64,
        /// Why, for whoever asks later.
        #[arg(long)]
        why: String,
    },
}

impl Command {
    /// Whether it needs no more than the right to read the books.
    pub(crate) const fn only_asks(&self) -> bool {
        matches!(self, Self::List { .. } | Self::Show { .. })
    }

    /// Whether it may post.
    pub(crate) const fn posts(&self) -> bool {
        matches!(self, Self::Replay { .. })
    }
}

pub(crate) async fn run(call: &Call, command: &Command, output: Output) -> anyhow::Result<bool> {
    match command {
        Command::List { all } => list(call, *all, output).await,
        Command::Show { id } => show(&deed::one(call, *id).await?, output),
        Command::Replay { id } => replay(call, *id, output).await,
        Command::Discard { id, why } => discard(call, *id, why, output).await,
    }
}

async fn list(call: &Call, all: bool, output: Output) -> anyhow::Result<bool> {
    let items = deed::list(call, all).await?;
    let mut table = TextTable::new(&[
        "number",
        "source",
        "partition",
        "position",
        "state",
        "reason",
        "bytes",
    ]);
    for item in &items {
        let text = String::from_utf8_lossy(&item.raw);
        table.row(vec![
            item.id.to_string(),
            item.source.clone(),
            item.partition_name.clone(),
            item.position.to_string(),
            QuarantineDecision::name_of(item.decision).to_owned(),
            item.reason.clone(),
            text.chars()
                .take(GLANCE)
                .map(|c| if c.is_control() { '·' } else { c })
                .collect(),
        ]);
    }
    let values: Vec<Value> = items.iter().map(value).collect();
    output.result(&values, &table.to_string())?;
    Ok(true)
}

fn value(item: &QuarantineItem) -> Value {
    json!({
        "number": item.id, "source": item.source, "partition": item.partition_name, "position": item.position,
        "reason": item.reason, "headers": item.headers, "received_at": item.received_at,
        "state": QuarantineDecision::name_of(item.decision), "why": item.why, "decided_by": item.decided_by,
        "length": item.length, "whole_sha256": item.whole_hash.as_deref().map(ledger::hash::hex),
        "raw": ledger::hash::hex(&item.raw), "text": String::from_utf8_lossy(&item.raw),
    })
}

fn show(item: &QuarantineItem, output: Output) -> anyhow::Result<bool> {
    let mut text = format!(
        "{} from {} / {} at {}, received {}\n{}\nstate: {}",
        item.id,
        item.source,
        item.partition_name,
        item.position,
        item.received_at.to_rfc3339(),
        item.reason,
        QuarantineDecision::name_of(item.decision)
    );
    if let (Some(why), Some(who)) = (&item.why, &item.decided_by) {
        text.push_str(&format!(" by {who}: {why}"));
    }
    if let Some(headers) = &item.headers {
        text.push_str(&format!("\nheaders: {headers}"));
    }
    if let Some(hash) = &item.whole_hash {
        text.push_str(&format!(
            "\n{} bytes, of which only the head is kept; the SHA-256 of all of them is {}",
            item.length,
            ledger::hash::hex(hash)
        ));
    }
    text.push_str(&format!("\n\n{}", String::from_utf8_lossy(&item.raw)));
    output.result(&value(item), &text)?;
    Ok(true)
}

async fn replay(call: &Call, id: Option<i64>, output: Output) -> anyhow::Result<bool> {
    let done = deed::replay(call, id).await?;
    let mut text = format!("replayed {}", done.replayed.len());
    for (number, outcome) in &done.became {
        text.push_str(&format!("\n{number}: {outcome}"));
    }
    for reason in &done.left {
        text.push_str(&format!("\nstill no event: {reason}"));
    }
    output.result(&done, &text)?;
    Ok(done.left.is_empty())
}

async fn discard(call: &Call, id: i64, why: &str, output: Output) -> anyhow::Result<bool> {
    let done = deeds::decide(call, &Deed::QuarantineDiscard { id }, why).await?;
    let text = decided(&done, || {
        if done.changed {
            format!("{id} is discarded; its bytes stay")
        } else {
            format!("nothing changed: {id} was decided already")
        }
    });
    let value = json!({
        "number": id, "why": why, "changed": done.changed, "proposal": done.proposal, "state": done.state,
    });
    output.result(&value, &text)?;
    Ok(done.proposal.is_some())
}
