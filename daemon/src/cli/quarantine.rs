//! `tieout quarantine list | show | replay | discard`: bytes that are no event, and what becomes of them.

use crate::output::{Output, TextTable};
use crate::wording::decided;
use anyhow::{Context as _, bail, ensure};
use clap::Subcommand;
use connectors::source::envelope::Envelope;
use connectors::source::{EventBatch, RawEvent, kafka};
use ledger::bounds::MAX_EVENT_BYTES;
use office::Call;
use office::config::SourceConfig;
use office::deeds::desk::{self as deeds, Deed};
use office::pipeline::{self, SourceName};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use store::quarantine::{QuarantineDecision, QuarantineItem};
use store::writer::Writer;

/// The source under which replayed bytes come into the books.
const SOURCE: &str = "quarantine";
const PARTITION: &str = "replay";

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
        Command::Show { id } => show(&one(call, *id).await?, output),
        Command::Replay { id } => replay(call, *id, output).await,
        Command::Discard { id, why } => discard(call, *id, why, output).await,
    }
}

async fn one(call: &Call, id: i64) -> anyhow::Result<QuarantineItem> {
    ensure!(id > 0, "numbers begin with 1");
    let found = call.store.snapshot().await?.quarantine_item(id).await?;
    found.with_context(|| {
        format!("there is no {id} in quarantine; `tieout quarantine list` shows what there is")
    })
}

async fn list(call: &Call, all: bool, output: Output) -> anyhow::Result<bool> {
    let books = call.store.snapshot().await?;
    let items = if all {
        books.quarantine().await?
    } else {
        books.quarantined().await?
    };
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

/// The envelope that the item's source uses today.
fn envelope<'c>(call: &'c Call, item: &QuarantineItem) -> Option<&'c Envelope> {
    match call.config.sources.get(&item.source)? {
        SourceConfig::File(config) => config.envelope.as_ref(),
        SourceConfig::Kafka(config) => config.envelope.as_ref(),
        SourceConfig::Redis(config) => config.envelope.as_ref(),
    }
}

fn read_again(call: &Call, item: &QuarantineItem) -> anyhow::Result<RawEvent> {
    let headers: BTreeMap<String, String> = match &item.headers {
        Some(text) => serde_json::from_str(text).context("its headers cannot be read")?,
        None => BTreeMap::new(),
    };
    let headers: Vec<(String, Vec<u8>)> = headers
        .into_iter()
        .map(|(name, value)| (name, value.into_bytes()))
        .collect();
    Ok(kafka::decode(
        item.id,
        &headers,
        &item.raw,
        envelope(call, item),
    ))
}

async fn replay(call: &Call, id: Option<i64>, output: Output) -> anyhow::Result<bool> {
    let items = match id {
        Some(id) => vec![one(call, id).await?],
        None => call.store.snapshot().await?.quarantined().await?,
    };
    let started = call.stamp();
    let writer = Writer::new(&call.store);
    let (mut taken, mut left) = (Vec::new(), Vec::new());
    for item in items {
        if let (Some(_), Some(id)) = (item.decision, id) {
            let state = QuarantineDecision::name_of(item.decision);
            bail!("{id} is {state} already");
        }
        // One after the other, for a list holds heads only.
        match replay_one(call, &one(call, item.id).await?, &writer).await? {
            Ok(()) => taken.push(item.id),
            Err(reason) => left.push(format!("{}: {reason}", item.id)),
        }
    }
    let done = json!({ "replayed": taken, "left": left });
    call.record("quarantine replay", &started, &Ok(&done))
        .await?;
    let mut text = format!("replayed {}", taken.len());
    for reason in &left {
        text.push_str(&format!("\nstill no event: {reason}"));
    }
    output.result(&done, &text)?;
    Ok(left.is_empty())
}

/// Takes the bytes as a new input, or says why they are still no event. Between the two transactions the
/// event is in the books and the item still waits: a repeat then counts a duplicate and closes it.
async fn replay_one(
    call: &Call,
    item: &QuarantineItem,
    writer: &Writer,
) -> anyhow::Result<Result<(), String>> {
    if item.whole_hash.is_some() {
        return Ok(Err(format!(
            "only the head of its {} bytes is kept; have the event sent again, no larger than {MAX_EVENT_BYTES} bytes, and discard this one",
            item.length
        )));
    }
    let raw = read_again(call, item)?;
    if let Some(problem) = &raw.problem {
        return Ok(Err(problem.reason.clone()));
    }
    if let Err(error) = mappings::Event::parse(&raw.payload) {
        return Ok(Err(error.to_string()));
    }
    let from = call.store.checkpoint(SOURCE, PARTITION).await?;
    let batch = EventBatch {
        partition: PARTITION.to_owned(),
        from,
        through: from + 1,
        events: vec![raw],
        oldest: None,
    };
    let name = SourceName {
        name: SOURCE.to_owned(),
        kind: SOURCE,
    };
    pipeline::take_one(call, &name, batch, writer).await?;
    decide(
        call,
        item.id,
        QuarantineDecision::Replayed,
        "it is an event now",
    )
    .await?;
    Ok(Ok(()))
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

async fn decide(
    call: &Call,
    id: i64,
    decision: QuarantineDecision,
    why: &str,
) -> anyhow::Result<bool> {
    let mut tx = call.store.begin().await?;
    let changed = tx
        .decide_quarantine(id, decision, why, &call.stamp())
        .await?;
    tx.commit().await?;
    Ok(changed)
}
