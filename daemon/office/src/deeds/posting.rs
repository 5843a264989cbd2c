//! Posting a break away: a decision about a break makes an event of its own, and a rule of the mapping makes the
//! entry, so that it is proved, tested, versioned and traced as any other.
//!
//! Such an event is of a type that begins with [`BREAK_EVENTS`], and no source may bring one. What is posted is what of the
//! break does not stand posted away yet; the entry, its event and the deed are one transaction. Taking it back adds an
//! entry that reverses it, on the same day or the first open one.

use super::case::{case_of, last_amount, missing};
use crate::call::{Call, Refusal, RefusalKind};
use crate::closed::{Closed, posting};
use crate::config::Late;
use crate::mapper::Deciding;
use chrono::NaiveDate;
use desk::Actor;
use ledger::{
    BREAK_EVENTS, Currency, Decision, ItemKind, ItemRef, JournalEntry, Money, Posting, Side,
};
use mappings::Event;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use store::cases::posting::{BreakEvent, FindingRow, PostingRow};
use store::cases::{CaseRow, DeedRow};
use store::correction::{Correction, Does, EventCorrections};
use store::intake::Stamp;
use store::reconciliation::BreakRow;
use store::{Snapshot, Tx};

/// The rule by which a break is written off where none is named.
pub const WRITE_OFF: &str = "write-off";

/// What a break is called that was posted away and that no run finds any more: the money counts twice.
pub const COUNTED_TWICE: &str = "counted-twice";

/// The `source` of such events.
const ORIGIN: &str = "tieout/breaks";

/// How a break is posted away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Away {
    /// The rule.
    pub rule: String,
    /// Whose books, where the break's items do not say it.
    pub entity: Option<String>,
    /// The accounting date; the day of the decision where none is named.
    pub on: Option<NaiveDate>,
}

/// A break's case as somebody sees it who would post it away.
pub(crate) struct About<'c> {
    pub(crate) case: &'c CaseRow,
    pub(crate) deeds: &'c [DeedRow],
    /// What was posted about it.
    pub(crate) postings: &'c [PostingRow],
    /// Whether entries are looked for that go by the break's reference, which reads all of them.
    pub(crate) looks: bool,
}

/// A break as it would be posted away now.
struct Facts {
    /// How much of it, left less right.
    amount: Money,
    entity: String,
    reconciliation: String,
    kind: String,
    account: String,
    reference: String,
    customer: Option<String>,
}

/// An event that is ready to be posted.
struct Ready {
    facts: Facts,
    payload: Vec<u8>,
    kind: String,
    postings: Vec<Posting>,
}

/// What would be posted of a break.
pub(super) struct Posted {
    /// How much.
    pub(super) amount: Money,
    /// Whose books.
    pub(super) entity: String,
    /// All of it, in words that change when it does.
    pub(super) text: String,
    /// The entries, a line each.
    pub(super) lines: Vec<String>,
}

/// What would be posted; none where nothing of the break is left to be posted.
///
/// # Errors
/// Why it cannot be posted so.
pub(super) async fn seen(
    call: &Call,
    tx: &mut Tx,
    id: &str,
    away: &Away,
) -> Result<Option<Posted>, Refusal> {
    let (case, deeds) = case_of(tx, id).await?;
    let about = About {
        case: &case,
        deeds: &deeds,
        postings: &tx.break_postings(id).await?,
        looks: !by_policy(call),
    };
    let books = call.store.snapshot().await?;
    would_post(call, &books, &about, away).await
}

/// The same of a case that was read already.
///
/// # Errors
/// Why it cannot be posted so.
pub(super) async fn would_post(
    call: &Call,
    books: &Snapshot,
    about: &About<'_>,
    away: &Away,
) -> Result<Option<Posted>, Refusal> {
    let stamp = call.stamp();
    let Some(ready) = ready(call, books, (about, 0), away, &stamp).await? else {
        return Ok(None);
    };
    let Facts {
        amount,
        entity,
        account,
        reference,
        ..
    } = &ready.facts;
    let lines = ready.postings.iter().flat_map(|one| lines_of(&one.entry));
    let lines = lines.collect();
    let (rule, version) = (&away.rule, call.program()?.version);
    let on = away.on;
    let text = format!("{rule} {version} {amount} {entity} {account} {reference} {on:?}");
    Ok(Some(Posted {
        amount: *amount,
        entity: entity.clone(),
        text,
        lines,
    }))
}

fn lines_of(entry: &JournalEntry) -> Vec<String> {
    let day = entry.header().date;
    let lines = entry.lines().iter();
    let told = lines.map(|line| {
        let side = match line.side {
            Side::Debit => "debit",
            Side::Credit => "credit",
        };
        format!("{day} {side} {} {}", line.account, line.amount)
    });
    told.collect()
}

/// Whether nobody is there who could be told: a policy posts by what the break itself says.
fn by_policy(call: &Call) -> bool {
    Actor::new(&call.actor).is_ok_and(|actor| actor.is_policy())
}

/// What somebody is told who would post a break of which nothing is left.
pub(super) fn nothing(id: &str) -> Refusal {
    let what = format!(
        "nothing of break `{id}` is left to be posted; `tieout breaks resolve` says that it needs nothing more"
    );
    Refusal::new(RefusalKind::Conflict, what)
}

/// Posts a break away, and gives the entries; none where nothing of it is left to be posted.
///
/// # Errors
/// Why it cannot be posted so; nothing of the transaction may be committed then.
pub(super) async fn post(
    call: &Call,
    tx: &mut Tx,
    (id, proposal): (&str, i64),
    away: &Away,
    stamp: &Stamp,
) -> Result<Vec<i64>, Refusal> {
    let (case, deeds) = case_of(tx, id).await?;
    let about = About {
        case: &case,
        deeds: &deeds,
        postings: &tx.break_postings(id).await?,
        looks: !by_policy(call),
    };
    let books = call.store.snapshot().await?;
    let Some(ready) = ready(call, &books, (&about, proposal), away, stamp).await? else {
        return Ok(Vec::new());
    };
    let event = Event::parse(&ready.payload).map_err(anyhow::Error::from)?;
    let made = BreakEvent {
        case: id,
        proposal,
        amount: ready.facts.amount.amount(),
        key: event.key(),
        content: event.content_hash(),
        origin: ORIGIN,
        kind: &ready.kind,
        payload: ready.payload.clone(),
        occurred_at: event.time.unwrap_or(stamp.now),
        mapping: call.program()?.version,
        decision: Decision::Posted {
            rule: away.rule.clone(),
            postings: ready.postings,
        },
    };
    let row = tx.post_break(&call.store, made, stamp).await?;
    let row = row.ok_or_else(|| {
        let what = format!(
            "break `{id}` was not posted: the books know its event already; run `tieout verify`"
        );
        Refusal::new(RefusalKind::Broken, what)
    })?;
    Ok((row.first_entry..row.first_entry + row.entries).collect())
}

/// Takes back what stands posted about a break, and gives the entries that do.
///
/// # Errors
/// Why an entry cannot be taken back; nothing of the transaction may be committed then.
pub(super) async fn take_back(
    call: &Call,
    tx: &mut Tx,
    (id, why): (&str, &str),
    stamp: &Stamp,
) -> Result<Vec<i64>, Refusal> {
    let books = call.store.snapshot().await?;
    let closed = Closed::of(&books.periods().await?);
    let mut events = Vec::new();
    for row in standing(tx, id).await? {
        let mut corrections = Vec::new();
        for entry in tx.standing_entries(row.proposal_id).await? {
            corrections.push(reversal(call, &books, &closed, (entry, why)).await?);
        }
        events.push(EventCorrections {
            event_id: row.event_id,
            posted_by: None,
            mapping: call.program()?.version,
            corrections,
        });
    }
    let count: usize = events.iter().map(|event| event.corrections.len()).sum();
    if count == 0 {
        return Ok(Vec::new());
    }
    let last = tx.newest_correction().await?;
    let newest = tx.correct(&events, why, last, stamp).await?;
    let first = newest - i64::try_from(count).map_err(anyhow::Error::from)? + 1;
    Ok((first..=newest).collect())
}

/// What was posted about a break and was not taken back.
pub(super) async fn standing(tx: &mut Tx, id: &str) -> Result<Vec<PostingRow>, Refusal> {
    let all = tx.break_postings(id).await?;
    Ok(all.into_iter().filter(|row| row.standing).collect())
}

async fn reversal(
    call: &Call,
    books: &Snapshot,
    closed: &Closed,
    (id, why): (i64, &str),
) -> Result<Correction, Refusal> {
    let held = if books.is_matched(id).await? {
        Some("it is matched in a reconciliation")
    } else if books.parts_of(id).await?.is_empty() {
        None
    } else {
        Some("another event took it back, or a part of it")
    };
    if let Some(held) = held {
        let what = format!("entry {id} cannot be taken back: {held}");
        return Err(Refusal::new(RefusalKind::Conflict, what));
    }
    let stored = books.entry(id).await?;
    let Some(Ok(entry)) = stored.map(|stored| stored.entry) else {
        let what = format!("entry {id} cannot be read; run `tieout verify`");
        return Err(Refusal::new(RefusalKind::Broken, what));
    };
    let header = entry.header();
    let on = closed.open_day(&header.entity, header.date)?;
    let text = format!("takes back entry {id}: {why}");
    Ok(Correction {
        posting: posting(call, entry.reversal(on, text))?,
        does: Does::Reverses(id),
    })
}

/// The event of a decision, and the entries that the rule makes of it; none where nothing is left to be posted.
async fn ready(
    call: &Call,
    books: &Snapshot,
    (about, proposal): (&About<'_>, i64),
    away: &Away,
    stamp: &Stamp,
) -> Result<Option<Ready>, Refusal> {
    let id = about.case.id.as_str();
    let kind = type_of(call, &away.rule)?;
    let Some(facts) = facts(call, books, about, away.entity.as_deref()).await? else {
        return Ok(None);
    };
    let entity = call.context.entities.get(&facts.entity).ok_or_else(|| {
        missing(format!(
            "there is no entity `{}`; tieout.yaml has {}",
            facts.entity,
            known(call)
        ))
    })?;
    let on = away.on.unwrap_or_else(|| entity.accounting_date(stamp.now));
    let amount: Value = serde_json::from_str(&facts.amount.to_decimal().to_string())
        .map_err(anyhow::Error::from)?;
    let event = json!({
        "specversion": "1.0", "id": format!("{id}/{proposal}"), "source": ORIGIN, "type": kind, "subject": id,
        "time": stamp.now.to_rfc3339(),
        "data": {
            "break": id, "entity": facts.entity, "reconciliation": facts.reconciliation, "kind": facts.kind,
            "account": facts.account, "reference": facts.reference, "customer": facts.customer,
            "currency": facts.amount.currency().code(), "amount": amount, "on": on,
        },
    });
    let payload = event.to_string().into_bytes();
    let postings = decided(call, &payload, (id, &away.rule), stamp)?;
    let closed = Closed::of(&books.periods().await?);
    let postings = postings
        .into_iter()
        .map(|one| dated(call, &closed, one))
        .collect::<Result<_, Refusal>>()?;
    Ok(Some(Ready {
        facts,
        payload,
        kind,
        postings,
    }))
}

/// The entries that a rule makes of an event.
fn decided(
    call: &Call,
    payload: &[u8],
    (id, rule): (&str, &str),
    stamp: &Stamp,
) -> Result<Vec<Posting>, Refusal> {
    let invalid = |what: String| Refusal::new(RefusalKind::Invalid, what);
    let event = Event::parse(payload).map_err(anyhow::Error::from)?;
    let mut deciding =
        Deciding::sound(call.program()?, &call.context).map_err(anyhow::Error::from)?;
    match deciding.decide(&event, stamp.now) {
        Decision::Posted {
            rule: found,
            postings,
        } if found == rule => Ok(postings),
        Decision::Suspended { reason, .. } => Err(invalid(format!(
            "break `{id}` cannot be posted by rule `{rule}`: {reason}"
        ))),
        Decision::Posted { rule: other, .. }
        | Decision::Ignored { rule: other, .. }
        | Decision::NoEffect { rule: other, .. }
        | Decision::Asks { rule: other, .. } => Err(invalid(format!(
            "break `{id}` cannot be posted by rule `{rule}`: rule `{other}` answers to it, and it has to be `{rule}` and to post at once"
        ))),
    }
}

/// An entry on a day that is open.
fn dated(call: &Call, closed: &Closed, one: Posting) -> Result<Posting, Refusal> {
    let header = one.entry.header();
    let open = closed.open_day(&header.entity, header.date)?;
    if open == header.date {
        return Ok(one);
    }
    if call.config.late(&header.entity) == Late::FirstOpenDay {
        return Ok(posting(call, one.entry.dated(open))?);
    }
    let what = format!(
        "the period of {} is closed for `{}`; say `--on {open}` or a later day, or reopen it",
        header.date, header.entity
    );
    Err(Refusal::new(RefusalKind::Conflict, what))
}

/// The event type that a rule of this name answers to.
fn type_of(call: &Call, rule: &str) -> Result<String, Refusal> {
    let program = call.program()?;
    let own = || {
        let all = program.rule_names();
        all.filter(|(_, kind)| kind.starts_with(BREAK_EVENTS))
    };
    if let Some((_, kind)) = own().find(|(name, _)| *name == rule) {
        return Ok(kind.to_owned());
    }
    let names: BTreeSet<&str> = own().map(|(name, _)| name).collect();
    let what = if names.is_empty() {
        format!(
            "no rule `{rule}` posts breaks, and the mapping has none that does: add one that answers to a type that begins with `{BREAK_EVENTS}`; mappings/README.md shows how"
        )
    } else {
        let names: Vec<&str> = names.into_iter().collect();
        format!(
            "no rule `{rule}` posts breaks; there are {}",
            names.join(", ")
        )
    };
    Err(Refusal::new(RefusalKind::Missing, what))
}

/// What of a break is left to be posted; none where nothing is.
async fn facts(
    call: &Call,
    books: &Snapshot,
    about: &About<'_>,
    entity: Option<&str>,
) -> Result<Option<Facts>, Refusal> {
    let (case, id) = (about.case, about.case.id.as_str());
    let finding = books.finding(id).await?;
    let is_twice = finding
        .as_ref()
        .is_some_and(|found| found.kind == COUNTED_TWICE);
    let standing = about.postings.iter().filter(|row| row.standing);
    let standing = standing.map(|row| row.amount).sum::<i64>();
    // What counts twice is what stands posted, and no more of it than stands now.
    let found = if is_twice {
        0
    } else {
        last_amount(case, about.deeds)
    };
    let left = found - standing;
    if left == 0 {
        return Ok(None);
    }
    if books.matched_since_found(id).await? > 0 {
        let what = format!(
            "what break `{id}` is about has been matched since it was found; `tieout reconcile` says what is left of it"
        );
        return Err(Refusal::new(RefusalKind::Conflict, what));
    }
    let currency = Currency::from_numeric(case.currency_id).map_err(anyhow::Error::from)?;
    let reference = if about.looks { &case.reference } else { "" };
    let found = whose(books, finding.as_ref(), reference).await?;
    let entity = match entity {
        Some(entity) if found.entities.is_empty() || found.entities.contains(entity) => {
            entity.to_owned()
        }
        Some(entity) => {
            let own: Vec<&str> = found.entities.iter().map(String::as_str).collect();
            let what = format!(
                "break `{id}` is about entries of {}, and not of `{entity}`",
                own.join(", ")
            );
            return Err(Refusal::new(RefusalKind::Invalid, what));
        }
        None => one_entity(call, id, &found.entities)?,
    };
    Ok(Some(Facts {
        amount: Money::minor(left, currency),
        entity,
        reconciliation: case.reconciliation.clone(),
        kind: finding
            .as_ref()
            .map_or_else(|| case.kind.clone(), |found| found.kind.clone()),
        account: finding.map(|found| found.account).unwrap_or_default(),
        reference: case.reference.clone(),
        customer: found.customer,
    }))
}

/// The one company whose entries are among some items; none where there is none or several.
pub(super) async fn entity_among(
    books: &Snapshot,
    items: impl Iterator<Item = ItemRef>,
) -> Result<Option<String>, Refusal> {
    let mut found = Whose::default();
    for item in items.filter(|item| item.kind == ItemKind::Entry) {
        found.add(books, item.id).await?;
    }
    let mut all = found.entities.into_iter();
    Ok(match (all.next(), all.next()) {
        (Some(one), None) => Some(one),
        _ => None,
    })
}

fn one_entity(call: &Call, id: &str, found: &BTreeSet<String>) -> Result<String, Refusal> {
    let mut all = found.iter();
    if let (Some(one), None) = (all.next(), all.next()) {
        return Ok(one.clone());
    }
    let mut own = call.context.entities.keys();
    if let (true, Some(one), None) = (found.is_empty(), own.next(), own.next()) {
        return Ok(one.clone());
    }
    let why = if found.is_empty() {
        "nothing that break `{id}` is about says whose books it belongs to"
    } else {
        "what break `{id}` is about lies in the books of several entities"
    };
    let what = format!(
        "{}; say it with `--entity`, and a plan's policy with `entity:`: {}",
        why.replace("{id}", id),
        known(call)
    );
    Err(Refusal::new(RefusalKind::Invalid, what))
}

fn known(call: &Call) -> String {
    let all: Vec<&str> = call.context.entities.keys().map(String::as_str).collect();
    all.join(", ")
}

/// Whose books a break's items are in.
#[derive(Default)]
struct Whose {
    entities: BTreeSet<String>,
    customer: Option<String>,
}

/// From the entries that a break is about; where it is about none, from those of its reference.
async fn whose(
    books: &Snapshot,
    finding: Option<&FindingRow>,
    reference: &str,
) -> Result<Whose, Refusal> {
    let items = finding.into_iter().flat_map(|found| &found.items);
    let entries = items.filter(|item| item.kind == ItemKind::Entry);
    let mut ids: Vec<i64> = entries.map(|item| item.id).collect();
    if ids.is_empty() && !reference.is_empty() {
        ids = books.entries_by_reference(reference).await?;
    }
    let mut found = Whose::default();
    for id in ids {
        found.add(books, id).await?;
    }
    Ok(found)
}

impl Whose {
    async fn add(&mut self, books: &Snapshot, id: i64) -> Result<(), Refusal> {
        let stored = books.entry(id).await?;
        let Some(Ok(entry)) = stored.map(|stored| stored.entry) else {
            return Ok(());
        };
        self.entities.insert(entry.header().entity.clone());
        let mut customers = entry
            .lines()
            .iter()
            .filter_map(|line| line.dimensions.get("customer"));
        self.customer = self.customer.take().or_else(|| customers.next().cloned());
        Ok(())
    }
}

/// Breaks that were posted away and that a run no longer finds, mostly because what was missing came after all: each is found
/// again under its own name, for its amount counts twice until somebody takes the entry back.
pub(crate) async fn counted_twice(
    tx: &mut Tx,
    reconciliation: &str,
    found: &[BreakRow],
    as_of: NaiveDate,
) -> anyhow::Result<Vec<BreakRow>> {
    let still: BTreeSet<&str> = found.iter().map(|row| row.id.as_str()).collect();
    let mut twice = Vec::new();
    for away in tx.posted_away(reconciliation).await? {
        if still.contains(away.case_id.as_str()) {
            continue;
        }
        let since_on = away.since_on.unwrap_or(as_of);
        let money = Money::minor(away.amount, Currency::from_numeric(away.currency_id)?);
        twice.push(BreakRow {
            status: "open".to_owned(),
            state: "open".to_owned(),
            kind: COUNTED_TWICE.to_owned(),
            detail: format!(
                "{money} of `{}` was posted away (entry {}) and no run finds it any more: it counts twice; take the entry back with `tieout breaks reopen {}`",
                away.reference, away.first_entry, away.case_id
            ),
            id: away.case_id,
            reconciliation: reconciliation.to_owned(),
            reference: away.reference,
            account: away.account,
            currency_id: away.currency_id,
            amount: -away.amount,
            since_on,
            age_days: (as_of - since_on).num_days(),
            items: Vec::new(),
            lasting: false,
            assignee: None,
        });
    }
    Ok(twice)
}
