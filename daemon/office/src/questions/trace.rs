//! A trace: from anything to everything.
//!
//! An id may be an event's, an entry's number, a reference, a batch, a payout, a settlement line or
//! a break. From each the trace goes to the others: event, entries, batches, settlement lines,
//! payout, bank lines.

use super::settlement;
use super::waiting;
use crate::{Call, Refusal, RefusalKind};
use ledger::hash::hex;
use ledger::{Currency, ItemKind, ItemRef, Money, Origin, text};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use store::Snapshot;
use store::export::DeliveryKind;
use store::settlement::StoredLine;

/// Something that a trace reached.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Told {
    /// What it is.
    pub what: String,
    /// What is known of it, for people: one sentence a line.
    #[serde(skip)]
    pub sentences: String,
    /// The same for machines.
    pub details: Value,
}

/// How many suspended events are read at once.
const PAGE: i64 = 100;

/// How many suspended events and conflicts are told.
const TOLD: usize = 50;

/// The shortest text that suspended events are looked through for.
const SHORTEST: usize = 4;

/// What the trace has reached so far.
#[derive(Default)]
struct Reached {
    events: BTreeSet<i64>,
    entries: BTreeSet<i64>,
    items: BTreeSet<ItemRef>,
    payouts: BTreeSet<i64>,
    told: Vec<Told>,
}

impl Reached {
    /// Takes an item, and what it is a part of.
    fn enter(&mut self, item: ItemRef) {
        match item.kind {
            ItemKind::Entry => {
                self.entries.insert(item.id);
            }
            ItemKind::Payout => {
                self.payouts.insert(item.id);
            }
            ItemKind::Settlement | ItemKind::Bank => {}
        }
        self.items.insert(item);
    }

    fn tell(&mut self, what: &str, sentences: &str, details: Value) {
        self.told.push(Told {
            what: what.to_owned(),
            sentences: sentences.trim_end().to_owned(),
            details,
        });
    }
}

/// Everything that belongs to what is called so.
///
/// # Errors
/// [`RefusalKind::Missing`] when nothing is.
pub async fn trace(call: &Call, id: &str) -> Result<Vec<Told>, Refusal> {
    let books = &call.store.snapshot().await?;
    Ok(reached(call, books, id).await?)
}

async fn reached(call: &Call, books: &Snapshot, id: &str) -> anyhow::Result<Vec<Told>> {
    let mut reached = Reached::default();
    find(books, id, &mut reached).await?;
    let lines = follow(books, &mut reached).await?;
    let nothing = reached.events.is_empty()
        && reached.entries.is_empty()
        && reached.items.is_empty()
        && reached.payouts.is_empty()
        && reached.told.is_empty();
    if nothing {
        let what = format!(
            "nothing is called `{id}`: no event, entry, reference, batch, payout, settlement line or break"
        );
        return Err(Refusal::new(RefusalKind::Missing, what).into());
    }
    for event in reached.events.clone() {
        tell_event(books, event, &mut reached).await?;
    }
    tell_conflicts(books, &mut reached).await?;
    for entry in reached.entries.clone() {
        tell_entry(books, entry, &mut reached).await?;
    }
    tell_lines(books, &lines, &mut reached).await?;
    let own: BTreeSet<i64> = lines.iter().map(|stored| stored.file_id).collect();
    tell_files(call, books, &own, &mut reached).await?;
    tell_breaks(books, &mut reached).await?;
    Ok(reached.told)
}

/// Whatever the id may mean.
async fn find(books: &Snapshot, id: &str, reached: &mut Reached) -> anyhow::Result<()> {
    let number = id
        .strip_prefix("entry:")
        .unwrap_or(id)
        .split('/')
        .next()
        .unwrap_or_default();
    if let Ok(number) = number.parse::<i64>()
        && number > 0
        && books.entry(number).await?.is_some()
    {
        reached.entries.insert(number);
    }
    reached.events.extend(books.events_named(id).await?);
    reached.events.extend(suspended_that_name(books, id).await?);
    reached
        .entries
        .extend(books.entries_by_reference(id).await?);
    for stored in books.settlement_lines_named(id).await? {
        match stored.payout_id {
            Some(payout) if stored.line.payout == id => reached.payouts.insert(payout),
            _ => reached.items.insert(stored.item()),
        };
    }
    for found in books.breaks().await? {
        if found.id == id {
            reached.items.extend(found.items);
        }
    }
    for posting in books.break_postings(id).await? {
        reached.events.insert(posting.event_id);
    }
    if let Some(batch) = books.batch_by_uuid(id).await? {
        let details = format!(
            "number {} of target {}, entries {} to {} ({} entries, {} lines)\nartifact {} sha256 {}",
            batch.number,
            batch.target,
            batch.first_entry,
            batch.last_entry,
            batch.entries,
            batch.lines,
            batch.artifact_name,
            hex(&batch.artifact_hash)
        );
        let value = json!({ "batch": id, "target": batch.target, "first_entry": batch.first_entry, "last_entry": batch.last_entry });
        reached.tell(&format!("batch {id}"), &details, value);
    }
    Ok(())
}

/// Suspended events in which a value is this text or number: what has no entry yet is found by its invoice number
/// all the same. A short word (a currency, a country) would find nearly all of them.
async fn suspended_that_name(books: &Snapshot, id: &str) -> anyhow::Result<Vec<i64>> {
    let (mut found, mut after) = (Vec::new(), 0);
    while id.len() >= SHORTEST && found.len() < TOLD {
        let page = books.suspended_after(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        let names = |payload: &[u8]| {
            let event: Result<Value, _> = serde_json::from_slice(payload);
            event.is_ok_and(|event| holds(&event, id))
        };
        found.extend(
            page.iter()
                .filter(|item| names(&item.payload))
                .map(|item| item.id),
        );
    }
    found.truncate(TOLD);
    Ok(found)
}

/// Whether a value stands somewhere below.
fn holds(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text == wanted,
        Value::Number(number) => number.to_string() == wanted,
        Value::Array(items) => items.iter().any(|item| holds(item, wanted)),
        Value::Object(members) => members.values().any(|item| holds(item, wanted)),
        Value::Null | Value::Bool(_) => false,
    }
}

/// From entries to matched items, from settlement lines to payouts, from payouts to the bank. Gives the lines of
/// settlement files that it came by.
async fn follow(books: &Snapshot, reached: &mut Reached) -> anyhow::Result<Vec<StoredLine>> {
    for item in reached.items.clone() {
        reached.enter(item);
        for related in books.related_items(item).await? {
            reached.enter(related.item);
        }
    }
    for event in reached.events.clone() {
        reached.entries.extend(books.entries_of_event(event).await?);
    }
    for entry in reached.entries.clone() {
        if let Some(stored) = books.entry(entry).await? {
            reached.events.insert(stored.event_id);
            let count = stored.entry.as_ref().map_or(0, |entry| entry.lines().len());
            for line_no in 1..=count {
                let line_no = i64::try_from(line_no)?;
                for related in books.related_items(ItemRef::entry(entry, line_no)).await? {
                    reached.items.insert(related.item);
                }
            }
        }
    }
    for stored in lines_of(books, &reached.items).await? {
        reached.payouts.extend(stored.payout_id);
    }
    for item in reached.items.clone() {
        reached.enter(item);
    }
    for payout in reached.payouts.clone() {
        for related in books.related_items(ItemRef::payout(payout)).await? {
            reached.items.insert(related.item);
        }
    }
    lines_of(books, &reached.items).await
}

async fn lines_of(books: &Snapshot, items: &BTreeSet<ItemRef>) -> anyhow::Result<Vec<StoredLine>> {
    let is_line = |item: &&ItemRef| matches!(item.kind, ItemKind::Settlement | ItemKind::Bank);
    let mut lines = Vec::new();
    for item in items.iter().filter(is_line) {
        lines.extend(books.settlement_line(item.id).await?);
    }
    Ok(lines)
}

async fn tell_event(books: &Snapshot, id: i64, reached: &mut Reached) -> anyhow::Result<()> {
    let Some(event) = books.event(id).await? else {
        return Ok(());
    };
    let outcome = match event.outcome {
        1 => "posted",
        2 => "ignored",
        _ => "suspended",
    };
    let payload: Value = serde_json::from_slice(&event.payload).unwrap_or(Value::Null);
    let name = payload
        .get("id")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let mut details = format!(
        "{} from {}, {}\nbrought by source `{}`, {} at {}\n{outcome}",
        event.event_type,
        event.origin,
        event.occurred_at.format("%Y-%m-%d %H:%M:%S UTC"),
        event.source,
        event.partition_name,
        event.position
    );
    if let Some(rule) = &event.rule {
        details.push_str(&format!(" by rule {rule}"));
    }
    if let Some(reason) = &event.reason {
        details.push_str(&format!(": {reason}"));
    }
    let value = json!({
        "event": name, "number": id, "type": event.event_type, "origin": event.origin,
        "outcome": outcome, "rule": event.rule, "reason": event.reason,
        "source": event.source, "partition": event.partition_name, "position": event.position,
    });
    reached.tell(&format!("event {name} ({id})"), &details, value);
    Ok(())
}

async fn tell_conflicts(books: &Snapshot, reached: &mut Reached) -> anyhow::Result<()> {
    let all = books.conflict_events().await?.into_iter();
    let own: Vec<i64> = all
        .filter(|(_, event)| reached.events.contains(event))
        .map(|(conflict, _)| conflict)
        .collect();
    for id in own.into_iter().take(TOLD) {
        let Some(conflict) = books.conflict(id).await? else {
            continue;
        };
        let differences = waiting::differences(&conflict);
        let paths: Vec<&str> = differences.iter().map(|row| row.path.as_str()).collect();
        let row = &conflict.row;
        let mut details = format!(
            "came again from source `{}` at {} and differs in {}",
            row.source,
            row.position,
            paths.join(", ")
        );
        if let (Some(who), Some(why)) = (&row.accepted_by, &row.accepted_why) {
            details.push_str(&format!("\nthe first stands, says {who}: {why}"));
        }
        let event = row.event_id;
        let value = json!({
            "conflict": id, "event": event, "differences": differences, "accepted_by": row.accepted_by,
        });
        reached.tell(
            &format!("conflict {id} with event {event}"),
            &details,
            value,
        );
    }
    Ok(())
}

async fn tell_entry(books: &Snapshot, id: i64, reached: &mut Reached) -> anyhow::Result<()> {
    if let Some(stored) = books.entry(id).await? {
        let details = match &stored.entry {
            Ok(entry) => format!(
                "{}mapping {}\nhash {}",
                text::entry(entry, |line| line.account.clone()),
                entry.header().rule.mapping,
                stored.stored_hash
            ),
            Err(error) => format!("cannot be read: {error}"),
        };
        let value =
            json!({ "entry": id, "period": stored.period, "hash": stored.stored_hash.to_string() });
        reached.tell(
            &format!("entry {id}, period {}", stored.period),
            &details,
            value,
        );
    }
    for batch in books.batches_of_entry(id).await? {
        let state = DeliveryKind::name_of(batch.state);
        let mut details = format!(
            "batch {}\n{} {}",
            batch.uuid,
            batch.artifact_name,
            batch.message.clone().unwrap_or_default()
        );
        let mut value = json!({ "target": batch.target, "batch": batch.uuid, "number": batch.number, "state": state });
        if !batch.document.is_empty() {
            let state = DeliveryKind::name_of(batch.document_state);
            let said = batch.words.as_deref().unwrap_or_default();
            details.push_str(&format!("\ndocument {}: {state}", batch.document));
            if !batch.theirs.is_empty() {
                details.push_str(&format!(", there {}", batch.theirs));
            }
            if !said.is_empty() {
                details.push_str(&format!("; {said}"));
            }
            value["document"] = json!({ "number": batch.document, "state": state, "theirs": batch.theirs, "said": said });
        }
        reached.tell(
            &format!(
                "entry {id} in batch {} of {}: {state}",
                batch.number, batch.target
            ),
            &details,
            value,
        );
    }
    Ok(())
}

async fn tell_lines(
    books: &Snapshot,
    lines: &[StoredLine],
    reached: &mut Reached,
) -> anyhow::Result<()> {
    let of = |origin: Origin| lines.iter().filter(move |stored| stored.origin == origin);
    for stored in of(Origin::Processor) {
        let line = &stored.line;
        let details = format!(
            "{} `{}` on {}: gross {}, fee {}, net {}\n{} line {}\nitem {}",
            line.kind,
            line.reference(),
            line.booked_on,
            line.gross,
            line.fee,
            line.net,
            stored.file,
            line.place.line,
            stored.item()
        );
        let value = json!({ "settlement_line": line.identity, "item": stored.item(), "movement": line.movement.name(), "kind": line.kind, "reference": line.reference(), "payout": line.payout, "file": stored.file, "position": line.place.line });
        let what = format!("settlement line {}", line.identity);
        reached.tell(&what, &details, value);
    }
    for payout in reached.payouts.clone() {
        tell_payout(books, payout, reached).await?;
    }
    for stored in of(Origin::Bank) {
        let line = &stored.line;
        let details = format!(
            "{} on {} at {}: {}\n{} entry {}\nitem {}",
            line.net,
            line.booked_on,
            stored.account,
            line.description,
            stored.file,
            line.place.line,
            stored.item()
        );
        let value = json!({ "bank_line": line.identity, "item": stored.item(), "account": stored.account, "file": stored.file, "position": line.place.line });
        let what = format!("bank line {}", line.identity);
        reached.tell(&what, &details, value);
    }
    Ok(())
}

/// Of files that are kept outside the books, whether they are still there.
async fn tell_files(
    call: &Call,
    books: &Snapshot,
    own: &BTreeSet<i64>,
    reached: &mut Reached,
) -> anyhow::Result<()> {
    for row in books.settlement_files().await? {
        if !own.contains(&row.id) {
            continue;
        }
        if let Some(state) = settlement::kept(call, books, &row).await? {
            let (name, hash) = (&row.name, hex(&row.hash));
            let details = format!("sha256 {hash}\n{state}");
            let value = json!({ "settlement_file": name, "sha256": hash, "source": row.source, "kept": row.kept, "state": state });
            reached.tell(&format!("settlement file {name}"), &details, value);
        }
    }
    Ok(())
}

async fn tell_payout(books: &Snapshot, id: i64, reached: &mut Reached) -> anyhow::Result<()> {
    let Some(payout) = books.payout(id).await? else {
        return Ok(());
    };
    let net = Money::minor(payout.net, Currency::from_numeric(payout.currency_id)?);
    let paid = payout.paid_on.map(|day| day.to_string());
    let paid = paid.unwrap_or_default();
    let (name, lines) = (&payout.identity, payout.lines);
    let item = ItemRef::payout(id);
    let details = format!("{lines} lines, net {net}, paid on {paid}\nitem {item}");
    let value = json!({ "payout": name, "item": item, "lines": lines, "paid_on": paid });
    reached.tell(&format!("payout {name}"), &details, value);
    Ok(())
}

async fn tell_breaks(books: &Snapshot, reached: &mut Reached) -> anyhow::Result<()> {
    let mut posted = BTreeSet::new();
    for event in &reached.events {
        posted.extend(books.break_of_event(*event).await?);
    }
    for found in books.breaks().await? {
        let is_posted = posted.remove(&found.id);
        if is_posted || found.items.iter().any(|item| reached.items.contains(item)) {
            let details = format!("{} ({}): {}", found.kind, found.status, found.detail);
            reached.tell(
                &format!("break {}", found.id),
                &details,
                serde_json::to_value(&found)?,
            );
        }
    }
    // No run finds them any more; what was posted about them stands in the books all the same.
    for id in posted {
        if let Some(case) = books.case(&id).await? {
            let details = format!("{}, no longer found: {}", case.kind, case.detail);
            reached.tell(
                &format!("break {id}"),
                &details,
                serde_json::to_value(&case)?,
            );
        }
    }
    Ok(())
}
