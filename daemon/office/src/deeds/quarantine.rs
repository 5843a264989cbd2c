//! Bytes that are no event: what there is, and what becomes of them when they are read again.

use crate::mapper::reserved;
use crate::pipeline::{self, SourceName};
use crate::{Call, Refusal, RefusalKind};
use anyhow::Context as _;
use connectors::source::{EventBatch, RawEvent, kafka};
use formats::envelope::Envelope;
use ledger::bounds::MAX_EVENT_BYTES;
use std::collections::BTreeMap;
use store::intake::IntakeSummary;
use store::quarantine::{QuarantineDecision, QuarantineItem};
use store::writer::Writer;

/// The source under which replayed bytes come into the books.
const SOURCE: &str = "quarantine";
const PARTITION: &str = "replay";

/// What waits, or with `all` also what was decided; of each the first bytes.
///
/// # Errors
/// When the books cannot be read.
pub async fn list(call: &Call, all: bool) -> Result<Vec<QuarantineItem>, Refusal> {
    let books = call.store.snapshot().await?;
    Ok(if all {
        books.quarantine().await?
    } else {
        books.quarantined().await?
    })
}

/// One of them, whole.
///
/// # Errors
/// [`RefusalKind::Missing`] when there is none of this number.
pub async fn one(call: &Call, id: i64) -> Result<QuarantineItem, Refusal> {
    let found = call.store.snapshot().await?.quarantine_item(id).await?;
    found.ok_or_else(|| {
        let what =
            format!("there is no {id} in quarantine; `tieout quarantine list` shows what there is");
        Refusal::new(RefusalKind::Missing, what)
    })
}

/// What a replay did.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Replayed {
    /// The numbers of those that are events now, and were taken.
    pub replayed: Vec<i64>,
    /// What became of each of them: `posted`, `ignored`, `suspended`, `duplicate` or `conflict`.
    pub became: Vec<(i64, &'static str)>,
    /// Those that still are none, each with the reason.
    pub left: Vec<String>,
}

/// Reads one of them again, or all that wait, and takes those that are events now.
///
/// # Errors
/// [`RefusalKind::Conflict`] when the one was decided already; whatever keeps the books from being written.
pub async fn replay(call: &Call, id: Option<i64>) -> Result<Replayed, Refusal> {
    let items = match id {
        Some(id) => vec![one(call, id).await?],
        None => call.store.snapshot().await?.quarantined().await?,
    };
    let started = call.stamp();
    let writer = Writer::new(&call.store);
    let mut done = Replayed::default();
    for item in items {
        if let (Some(_), Some(id)) = (item.decision, id) {
            let state = QuarantineDecision::name_of(item.decision);
            let what = format!("{id} is {state} already");
            return Err(Refusal::new(RefusalKind::Conflict, what));
        }
        // One after the other, for a list holds heads only.
        match replay_one(call, &one(call, item.id).await?, &writer).await? {
            Ok(outcome) => {
                done.replayed.push(item.id);
                done.became.push((item.id, outcome));
            }
            Err(reason) => done.left.push(format!("{}: {reason}", item.id)),
        }
    }
    call.record("quarantine replay", &started, &Ok(&done))
        .await?;
    Ok(done)
}

/// The envelope that the item's source uses today.
fn envelope<'c>(call: &'c Call, item: &QuarantineItem) -> Option<&'c Envelope> {
    call.config.sources.get(&item.source)?.envelope()
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

/// Takes the bytes as a new input, or says why they are still no event. Between the two transactions the
/// event is in the books and the item still waits: a repeat then counts a duplicate and closes it.
async fn replay_one(
    call: &Call,
    item: &QuarantineItem,
    writer: &Writer,
) -> anyhow::Result<Result<&'static str, String>> {
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
    match mappings::Event::parse(&raw.payload) {
        Err(error) => return Ok(Err(error.to_string())),
        Ok(event) => {
            if let Some(reason) = reserved(&event) {
                return Ok(Err(reason));
            }
        }
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
    let counts = pipeline::take_one(call, &name, batch, writer).await?;
    decide(
        call,
        item.id,
        QuarantineDecision::Replayed,
        "it is an event now",
    )
    .await?;
    Ok(Ok(outcome(&counts)))
}

/// What became of a single event.
const fn outcome(counts: &IntakeSummary) -> &'static str {
    match counts {
        IntakeSummary { posted: 1.., .. } => "posted",
        IntakeSummary { ignored: 1.., .. } => "ignored",
        IntakeSummary { suspended: 1.., .. } => "suspended",
        IntakeSummary { conflicts: 1.., .. } => "conflict",
        _ => "duplicate",
    }
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
