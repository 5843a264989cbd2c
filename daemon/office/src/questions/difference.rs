//! What another mapping would make of the events that are in the books: replayed on the real path, before anybody
//! puts it in force.
//!
//! What stands is read once, entry by entry, and kept as one number per event; then every event is decided again,
//! page by page on all cores. Sums are kept per entity, period, account and currency, and the first events of each
//! kind of change are told. Nothing is written.

use crate::call::{Call, Refusal, RefusalKind};
use crate::config::Late;
use crate::effect::{Effect, Effects};
use crate::mapper::Deciding;
use futures_util::{StreamExt as _, stream};
use ledger::{Decision, JournalEntry};
use mappings::{Context, Event, Program};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::Snapshot;
use store::journal::DecidedEvent;
use store::narrow::{Dictionary, JournalPage};

/// How many events or entries are read at once.
const PAGE: i64 = 1_000;

/// How many pages are worked on side by side.
const SIDE_BY_SIDE: usize = 3;

/// How many events of one kind of change are told.
const TOLD: usize = 5;

/// What another mapping changes.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct MappingDifference {
    /// The version in force; none where none is.
    pub from: Option<String>,
    /// The version that was tried.
    pub to: String,
    /// Events that were decided again.
    pub events: i64,
    /// Events of which it makes what stands.
    pub unchanged: i64,
    /// Kinds of change, with how many events of each and the first of them.
    pub changes: Vec<Change>,
    /// What it changes in the trial balance: then less now.
    pub effect: Vec<Effect>,
}

/// Events for which the same changes.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Change {
    /// What they are now: `posted`, `ignored`, `suspended`.
    pub now: &'static str,
    /// What they would be.
    pub then: &'static str,
    /// How many there are.
    pub events: i64,
    /// The first of them.
    pub first: Vec<Changed>,
}

/// One event for which something changes.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Changed {
    /// Its number.
    pub event: i64,
    /// Its id, as the sender gave it.
    pub id: String,
    /// What the mapping would make of it: the entries as text, or why it makes none.
    pub makes: String,
}

/// What stands: sums, and for each event a number that tells entries of other substance apart.
struct Standing {
    sums: Effects,
    marks: Vec<u64>,
    /// Events whose entries were moved into another period, or take others back, with the sums of those: as long as
    /// the mapping makes the same of them they stay what they are.
    moved: BTreeMap<i64, Effects>,
    /// Events that ended a break until a person took them back: they stay so.
    undone: BTreeSet<i64>,
    /// Closed periods by entity and code, of entities whose late events wait.
    closed: BTreeSet<(String, String)>,
}

/// What a page of events would be.
#[derive(Default)]
struct Decided {
    sums: Effects,
    unchanged: i64,
    changes: BTreeMap<(i64, i64), (i64, Vec<Changed>)>,
}

const NAMES: [&str; 4] = ["", "posted", "ignored", "suspended"];

fn name(outcome: i64) -> &'static str {
    let at = usize::try_from(outcome).unwrap_or(0);
    NAMES.get(at).copied().unwrap_or("")
}

/// Replays all events with another mapping.
///
/// # Errors
/// [`RefusalKind::Conflict`] when the books cannot be read anew; whatever keeps them from being read.
pub async fn difference(call: &Call, to: &Arc<Program>) -> Result<MappingDifference, Refusal> {
    let books = &call.store.snapshot().await?;
    let last = books.last_event().await?;
    call.progress.begin(u64::try_from(last).ok(), "events");
    let standing = Arc::new(standing(call, books, last).await?);
    let pages = (0..last).step_by(usize::try_from(PAGE).unwrap_or(1));
    let mut pages = stream::iter(pages)
        .map(|after| {
            decided(
                call,
                books,
                to,
                &standing,
                (after, (after + PAGE).min(last)),
            )
        })
        .buffered(SIDE_BY_SIDE);
    let mut all = Decided::default();
    let mut found = MappingDifference {
        from: books
            .mapping_in_force()
            .await?
            .map(|version| version.to_string()),
        to: to.version.to_string(),
        ..MappingDifference::default()
    };
    while let Some(page) = pages.next().await {
        let (events, page) = page?;
        found.events += events;
        call.progress.advance(u64::try_from(events).unwrap_or(0));
        all.add(page);
    }
    call.progress.end();
    found.unchanged = all.unchanged;
    found.changes = all
        .changes
        .into_iter()
        .map(|((now, then), (events, first))| Change {
            now: name(now),
            then: name(then),
            events,
            first,
        })
        .collect();
    found.effect = all.sums.beyond(&standing.sums);
    Ok(found)
}

impl Decided {
    fn add(&mut self, page: Self) {
        self.sums.add(page.sums);
        self.unchanged += page.unchanged;
        for (kind, (events, first)) in page.changes {
            let kept = self.changes.entry(kind).or_default();
            kept.0 += events;
            let room = TOLD.saturating_sub(kept.1.len());
            kept.1.extend(first.into_iter().take(room));
        }
    }
}

/// A number of an entry that another substance does not have, but by a chance of one in 2⁶⁴.
fn mark(substance: &[u8]) -> u64 {
    let bytes = substance.iter().take(8);
    bytes.fold(1, |mark, byte| mark.rotate_left(8) ^ u64::from(*byte))
}

fn period_of(context: &Context, entry: &JournalEntry) -> String {
    let entity = context.entities.get(&entry.header().entity);
    let period = entity.and_then(|entity| entity.period(entry.header().date).ok());
    period.map(|period| period.to_string()).unwrap_or_default()
}

/// Entries that were taken back and those that take back stand for nothing any more; one that stands anew in a
/// later period is what the mapping said before it was moved.
#[derive(Default)]
struct Corrected {
    gone: BTreeSet<i64>,
    anew: BTreeMap<i64, Vec<u8>>,
    /// Entries that take those of other events back.
    back: BTreeSet<i64>,
}

async fn standing(call: &Call, books: &Snapshot, last: i64) -> anyhow::Result<Standing> {
    let mut corrected = Corrected::default();
    for (entry, reverses, substance) in books.corrections().await? {
        if let Some(back) = reverses {
            corrected.gone.extend([entry, back]);
        }
        corrected.anew.extend(substance.map(|said| (entry, said)));
    }
    let back = books.taken_back().await?.into_iter();
    corrected.back = back.map(|row| row.entry).collect();
    let shared = Arc::new((books.dictionary().await?, corrected));
    let (entries, _) = books.journal_extent().await?;
    let pages = (0..entries).step_by(usize::try_from(PAGE)?);
    let mut pages = stream::iter(pages)
        .map(|after| async move { books.journal_page(after, (after + PAGE).min(entries)).await })
        .buffered(1)
        .map(|page| {
            let (shared, context) = (Arc::clone(&shared), Arc::clone(&call.context));
            async move {
                let page = page?;
                let read = move || rebuilt(page, &shared, &context);
                anyhow::Ok(tokio::task::spawn_blocking(read).await??)
            }
        })
        .buffered(SIDE_BY_SIDE);
    let periods = books.periods().await?.into_iter();
    let waits = |entity: &str| call.config.late(entity) == Late::Suspend;
    let closed = periods.filter(|row| row.state == "closed" && waits(&row.entity));
    let mut standing = Standing {
        sums: Effects::default(),
        marks: vec![0; usize::try_from(last)? + 1],
        moved: BTreeMap::new(),
        undone: books.postings_taken_back().await?.into_iter().collect(),
        closed: closed.map(|row| (row.entity, row.code)).collect(),
    };
    while let Some(page) = pages.next().await {
        let (sums, marks, moved) = page?;
        standing.sums.add(sums);
        for (event, sums) in moved {
            standing.moved.entry(event).or_default().add(sums);
        }
        for (event, mark) in marks {
            let at = usize::try_from(event)?;
            if let Some(kept) = standing.marks.get_mut(at) {
                *kept = kept.wrapping_add(mark);
            }
        }
    }
    Ok(standing)
}

/// Sums, marks by event, and the sums of what was moved.
type RebuiltPage = (Effects, Vec<(i64, u64)>, Vec<(i64, Effects)>);

fn rebuilt(
    page: JournalPage,
    (names, corrected): &(Dictionary, Corrected),
    context: &Context,
) -> anyhow::Result<RebuiltPage> {
    let (mut sums, mut marks, mut moved) = (Effects::default(), Vec::new(), Vec::new());
    for stored in page.rebuild(names).entries {
        if corrected.gone.contains(&stored.id) {
            continue;
        }
        let entry = stored.entry.map_err(|problem| {
            let what = format!(
                "entry {} cannot be read: {problem}; `tieout verify` says more",
                stored.id
            );
            Refusal::new(RefusalKind::Conflict, what)
        })?;
        let said = corrected.anew.get(&stored.id);
        let substance = match said {
            Some(said) => mark(said),
            None => mark(entry.substance().as_bytes()),
        };
        marks.push((stored.event_id, substance));
        let period = period_of(context, &entry);
        sums.entry(&entry, &period);
        let late = entry.header().event_on.is_some();
        if said.is_some() || late || corrected.back.contains(&stored.id) {
            let mut own = Effects::default();
            own.entry(&entry, &period);
            moved.push((stored.event_id, own));
        }
    }
    Ok((sums, marks, moved))
}

async fn decided(
    call: &Call,
    books: &Snapshot,
    to: &Arc<Program>,
    standing: &Arc<Standing>,
    (after, through): (i64, i64),
) -> anyhow::Result<(i64, Decided)> {
    let page = books.decided_events(after, through).await?;
    let events = i64::try_from(page.len())?;
    let (to, standing) = (Arc::clone(to), Arc::clone(standing));
    let context = Arc::clone(&call.context);
    let decide = move || {
        let mut deciding = Deciding::sound(&to, &context)?;
        let mut decided = Decided::default();
        for row in &page {
            decided.event(&mut deciding, row, &standing);
        }
        anyhow::Ok(decided)
    };
    Ok((events, tokio::task::spawn_blocking(decide).await??))
}

impl Standing {
    /// A decision as the books would take it; none where they would keep what an event took back.
    fn answered(&self, row: &DecidedEvent, decision: Decision) -> Option<Decision> {
        Some(match decision {
            Decision::Asks { .. } if row.outcome == 1 => return None,
            Decision::Asks { rule, wanted, .. } => {
                let of: Vec<&str> = wanted.iter().map(|one| one.reference.as_str()).collect();
                Decision::Suspended {
                    rule: Some(rule),
                    reason: format!(
                        "takes back {}; the books are asked when it is posted",
                        of.join(" and ")
                    ),
                }
            }
            // What is posted stays; anything else that is dated in a closed period waits.
            Decision::Posted { rule, postings } if row.outcome != 1 => {
                let closed = postings.iter().find(|posting| {
                    let entity = posting.entry.header().entity.clone();
                    self.closed.contains(&(entity, posting.period.to_string()))
                });
                match closed.map(|posting| posting.period) {
                    Some(period) => Decision::Suspended {
                        rule: Some(rule),
                        reason: format!("period {period} is closed"),
                    },
                    None => Decision::Posted { rule, postings },
                }
            }
            other => other,
        })
    }
}

impl Decided {
    fn event(&mut self, deciding: &mut Deciding<'_>, row: &DecidedEvent, standing: &Standing) {
        if standing.undone.contains(&row.id) {
            self.unchanged += 1;
            return;
        }
        let at = usize::try_from(row.id).unwrap_or(usize::MAX);
        let stands = standing.marks.get(at).copied().unwrap_or(0);
        let read = Event::stored(&row.payload);
        let (id, decision) = match &read {
            Ok(event) => (
                event.id.clone().into_owned(),
                deciding.decide(event, row.received_at),
            ),
            Err(error) => (
                String::new(),
                Decision::Suspended {
                    rule: None,
                    reason: error.to_string(),
                },
            ),
        };
        let Some(decision) = standing.answered(row, decision) else {
            // What was taken back stays so.
            self.unchanged += 1;
            let stays = standing.moved.get(&row.id).cloned();
            self.sums.add(stays.unwrap_or_default());
            return;
        };
        let then = match &decision {
            Decision::Posted { .. } | Decision::Asks { .. } => 1,
            Decision::Ignored { .. } | Decision::NoEffect { .. } => 2,
            Decision::Suspended { .. } => 3,
        };
        let (mut mark_then, mut sums) = (0_u64, Effects::default());
        if let Decision::Posted { postings, .. } = &decision {
            for posting in postings {
                sums.entry(&posting.entry, &posting.period.to_string());
                mark_then = mark_then.wrapping_add(mark(posting.entry.substance().as_bytes()));
            }
        }
        if (row.outcome, stands) == (then, mark_then) {
            self.unchanged += 1;
            let stays = standing.moved.get(&row.id).cloned();
            self.sums.add(stays.unwrap_or(sums));
            return;
        }
        self.sums.add(sums);
        let kept = self.changes.entry((row.outcome, then)).or_default();
        kept.0 += 1;
        if kept.1.len() < TOLD {
            kept.1.push(Changed {
                event: row.id,
                id,
                makes: mappings::golden::written(decision),
            });
        }
    }
}
