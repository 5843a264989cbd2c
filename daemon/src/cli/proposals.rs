//! `tieout proposals list | show | approve | reject`: what waits for another person, and what was decided.

use crate::output::{Output, TextTable};
use anyhow::Context as _;
use clap::Subcommand;
use desk::{Decision, Eyes, Proposal, State};
use office::Call;
use office::deeds::desk as deeds;
use serde_json::{Value, json};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// What waits for a decision.
    List {
        /// Also what was decided, and what one person did alone.
        #[arg(long)]
        all: bool,
    },
    /// One of them, whole.
    Show {
        /// Its number.
        id: i64,
    },
    /// Approve it: what it says is done.
    Approve {
        /// Its number.
        id: i64,
        /// What you looked at, for whoever asks later.
        #[arg(long, default_value = "")]
        why: String,
    },
    /// Reject it; your own is withdrawn.
    Reject {
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
}

pub(crate) async fn run(call: &Call, command: &Command, output: Output) -> anyhow::Result<bool> {
    match command {
        Command::List { all } => list(call, *all, output).await,
        Command::Show { id } => show(call, *id, output).await,
        Command::Approve { id, why } => {
            let done = deeds::approve(call, *id, why).await?;
            let text = format!("proposal {id} is approved and done: {}", done.subject);
            output.result(&done, &text)?;
            Ok(true)
        }
        Command::Reject { id, why } => {
            let done = deeds::reject(call, *id, why).await?;
            let state = done.state.map_or("", State::name);
            output.result(
                &done,
                &format!("proposal {id} is {state}: nothing was done"),
            )?;
            Ok(true)
        }
    }
}

async fn read(call: &Call, id: Option<i64>) -> anyhow::Result<Vec<(Proposal, Option<Decision>)>> {
    let rows = call.store.snapshot().await?.proposals(id).await?;
    let known = rows.iter().map(deeds::known);
    Ok(known.collect::<Result<_, _>>()?)
}

async fn list(call: &Call, all: bool, output: Output) -> anyhow::Result<bool> {
    let mut found = read(call, None).await?;
    found.retain(|(proposal, decision)| all || proposal.state(decision.as_ref()) == State::Waiting);
    let mut table = TextTable::new(&["proposal", "kind", "subject", "state", "by", "at", "why"]);
    for (proposal, decision) in &found {
        table.row(vec![
            proposal.id.to_string(),
            proposal.kind.to_string(),
            proposal.subject.clone(),
            proposal.state(decision.as_ref()).name().to_owned(),
            proposal.proposed_by.to_string(),
            proposal.proposed_at.format("%Y-%m-%d %H:%M").to_string(),
            proposal.why.clone(),
        ]);
    }
    let values: Vec<Value> = found.iter().map(value).collect();
    output.result(&values, &table.to_string())?;
    Ok(true)
}

async fn show(call: &Call, id: i64, output: Output) -> anyhow::Result<bool> {
    anyhow::ensure!(id > 0, "numbers begin with 1");
    let found = read(call, Some(id)).await?.pop();
    let (proposal, decision) = found.with_context(|| {
        format!("there is no proposal {id}; `tieout proposals list` shows what there is")
    })?;
    let mut text = format!(
        "{id}: {} of {}, by {} at {}\nwhy: {}\nstate: {}",
        proposal.kind,
        proposal.subject,
        proposal.proposed_by,
        proposal.proposed_at.to_rfc3339(),
        proposal.why,
        proposal.state(decision.as_ref()).name()
    );
    let outlook = match decision {
        None => deeds::outlook(call, &proposal).await?,
        Some(_) => Vec::new(),
    };
    for line in deeds::said(&proposal)?.iter().chain(&outlook) {
        text.push_str(&format!("\n{line}"));
    }
    if let Eyes::Two(Some(role)) = &proposal.eyes {
        text.push_str(&format!("\ndecided by: {role}"));
    }
    if let Some(decision) = &decision {
        text.push_str(&format!(
            "\n{} by {} at {} {}",
            decision.verdict.name(),
            decision.decided_by,
            decision.decided_at.to_rfc3339(),
            decision.why
        ));
    }
    let mut value = value(&(proposal, decision));
    value["outlook"] = json!(outlook);
    output.result(&value, &text)?;
    Ok(true)
}

fn value((proposal, decision): &(Proposal, Option<Decision>)) -> Value {
    let (four_eyes, role) = match &proposal.eyes {
        Eyes::One => (false, None),
        Eyes::Two(role) => (true, role.as_ref()),
    };
    json!({
        "proposal": proposal.id, "kind": proposal.kind, "subject": proposal.subject,
        "state": proposal.state(decision.as_ref()), "four_eyes": four_eyes, "role": role,
        "deed": serde_json::from_str::<Value>(&proposal.payload).unwrap_or(Value::Null),
        "proposed_by": proposal.proposed_by, "proposed_at": proposal.proposed_at, "why": proposal.why,
        "decision": decision.as_ref().map(|decision| json!({
            "verdict": decision.verdict, "decided_by": decision.decided_by,
            "decided_at": decision.decided_at, "why": decision.why,
        })),
    })
}
