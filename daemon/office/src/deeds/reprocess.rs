//! Reprocessing: what the mapping in force would have posted, against what stands in the journal.
//!
//! Only the difference is posted: an entry that the mapping no longer makes is taken back, one that it
//! makes now is added, each on its own date, or where that period is closed on the first day that is open.
//! Entries of equal substance stay, whichever version made them. A second run finds nothing to do. A dry
//! run is the same run without its commits.

use crate::call::Call;
use crate::closed::{Closed, posting};
use crate::effect::{Effect, Effects};
use crate::mapper::Deciding;
use anyhow::Context as _;
use chrono::{DateTime, NaiveDate, Utc};
use ledger::{Decision, Hash, JournalEntry, Posting};
use mappings::Event;
use std::collections::{BTreeMap, BTreeSet};
use store::Snapshot;
use store::correction::{Correction, Does, EventCorrections, EventEntry};
use store::reversal::ReversalRow;

/// Events that are corrected in one transaction.
const PAGE: usize = 500;

/// The most events that are told one by one.
const TOLD: usize = 50;

/// Which entries are looked at, and whether the difference is posted.
#[derive(Clone, Debug)]
pub struct Request {
    /// The first accounting date.
    pub from: NaiveDate,
    /// The last accounting date.
    pub to: NaiveDate,
    /// Why, when it is to be posted; a dry run without.
    pub why: Option<String>,
}

/// What a run found and did.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Reprocessed {
    /// Whether it was posted.
    pub posted: bool,
    /// Events looked at.
    pub events: i64,
    /// Events whose entries are what the mapping says.
    pub unchanged: i64,
    /// Events that are corrected.
    pub corrected: i64,
    /// Entries that take others back.
    pub reversals: i64,
    /// Entries that stand anew.
    pub entries: i64,
    /// Events that are left as they stand, with the reason.
    pub left: Vec<String>,
    /// The first of the corrected events.
    pub differences: Vec<Difference>,
    /// What it changes in the trial balance.
    pub effect: Vec<Effect>,
}

/// What changes for one event.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Difference {
    /// The event's number.
    pub event: i64,
    /// Its entries' reference.
    pub reference: String,
    /// Entries that are taken back.
    pub back: Vec<i64>,
    /// The accounts of what stands anew.
    pub now: Vec<String>,
}

/// An event with everything that is needed to decide it again.
struct Subject {
    id: i64,
    payload: Vec<u8>,
    /// When it came.
    came: DateTime<Utc>,
    ignored: bool,
    /// Whether its entries take those of other events back.
    takes_back: bool,
    standing: Vec<Standing>,
}

/// An entry that stands: neither taken back nor taking back.
struct Standing {
    id: i64,
    entry: JournalEntry,
    substance: Hash,
}

/// Compares, and posts the difference where the request says why.
pub async fn run(call: &Call, request: &Request) -> anyhow::Result<Reprocessed> {
    let mut done = Reprocessed {
        posted: request.why.is_some(),
        ..Reprocessed::default()
    };
    let mut effects = Effects::default();
    let books = &call.store.snapshot().await?;
    let closed = Closed::of(&books.periods().await?);
    let back = books.taken_back().await?;
    // A person took those back: they stay so, whatever the mapping says.
    let undone: BTreeSet<i64> = books.postings_taken_back().await?.into_iter().collect();
    let mut last = books.last_correction().await?;
    let (from, to) = (request.from, request.to);
    let dated = books.entries_of_events_dated(from, to).await?;
    let mut by_event = BTreeMap::<i64, Vec<EventEntry>>::new();
    for entry in dated {
        by_event.entry(entry.event_id).or_default().push(entry);
    }
    for event in ignored(books).await? {
        by_event.entry(event).or_default();
    }
    call.progress
        .begin(u64::try_from(by_event.len()).ok(), "events");
    by_event.retain(|event, _| !undone.contains(event));
    let events: Vec<(i64, Vec<EventEntry>)> = by_event.into_iter().collect();
    for page in events.chunks(PAGE) {
        let mut subjects = Vec::with_capacity(page.len());
        for (event, entries) in page {
            subjects.extend(subject(books, *event, entries, &back).await?);
        }
        let plan = Planner {
            call,
            request,
            closed: &closed,
        }
        .plan(&subjects, &mut done)?;
        // Asked anew: what was matched meanwhile is left alone.
        let plan = free(&call.store.snapshot().await?, plan, &mut done).await?;
        call.progress
            .advance(u64::try_from(page.len()).unwrap_or(0));
        if plan.is_empty() {
            continue;
        }
        note(&plan, &mut done, &mut effects);
        if let Some(why) = &request.why {
            let mut tx = call.store.begin().await?;
            last = tx.correct(&plan, why, last, &call.stamp()).await?;
            tx.commit().await?;
        }
    }
    done.effect = effects.changed();
    Ok(done)
}

/// Events that a rule ignored: another version may post them.
async fn ignored(books: &Snapshot) -> anyhow::Result<Vec<i64>> {
    const LIMIT: i64 = 10_000;
    let mut all = Vec::new();
    loop {
        let after = all.last().copied().unwrap_or(0);
        let page = books.ignored_after(after, LIMIT).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

async fn subject(
    books: &Snapshot,
    event: i64,
    entries: &[EventEntry],
    back: &[ReversalRow],
) -> anyhow::Result<Option<Subject>> {
    let Some(row) = books.event(event).await? else {
        anyhow::bail!("event {event} is missing; run `tieout verify`");
    };
    let taken_back: BTreeSet<i64> = entries.iter().filter_map(|entry| entry.reverses).collect();
    let mut standing = Vec::new();
    for entry in entries {
        if entry.reverses.is_some() || taken_back.contains(&entry.id) {
            continue;
        }
        let stored = books.entry(entry.id).await?;
        let built = stored
            .with_context(|| format!("entry {} is missing", entry.id))?
            .entry;
        let built = built.map_err(|why| {
            anyhow::anyhow!(
                "entry {} cannot be read ({why}); run `tieout verify`",
                entry.id
            )
        })?;
        let given = entry.substance.as_deref().and_then(Hash::from_slice);
        standing.push(Standing {
            id: entry.id,
            substance: given.unwrap_or_else(|| built.substance()),
            entry: built,
        });
    }
    Ok(Some(Subject {
        id: event,
        payload: row.payload,
        came: row.received_at,
        ignored: row.outcome == 2,
        takes_back: standing
            .iter()
            .any(|one| back.binary_search_by_key(&one.id, |row| row.entry).is_ok()),
        standing,
    }))
}

/// What the mapping in force says of an event that is in the books.
enum Says {
    /// What is to stand, and by which rule.
    Entries(Option<String>, Vec<Posting>),
    /// What stands.
    Same,
    /// Nobody knows, or it needs a person.
    Unclear(String),
}

/// What an event took back of another stays so: that entry may have gone further since.
fn says(decision: Decision, subject: &Subject) -> Says {
    match decision {
        Decision::Asks { .. } if subject.takes_back => Says::Same,
        Decision::Asks { rule, .. } => Says::Unclear(format!(
            "takes entries back by rule `{rule}` now, and did not when it was posted; correct it by an event of its own"
        )),
        Decision::Suspended { reason, .. } => {
            Says::Unclear(format!("cannot be decided: {reason}"))
        }
        _ if subject.takes_back => Says::Unclear(
            "took entries back when it was posted, and does not any more; correct it by an event of its own"
                .to_owned(),
        ),
        Decision::Posted { rule, postings } => Says::Entries(Some(rule), postings),
        Decision::Ignored { .. } | Decision::NoEffect { .. } => Says::Entries(None, Vec::new()),
    }
}

struct Planner<'p> {
    call: &'p Call,
    request: &'p Request,
    closed: &'p Closed,
}

impl Planner<'_> {
    fn plan(
        &self,
        subjects: &[Subject],
        done: &mut Reprocessed,
    ) -> anyhow::Result<Vec<EventCorrections>> {
        let mut deciding = Deciding::sound(self.call.program()?, &self.call.context)?;
        let mut plan = Vec::new();
        for subject in subjects {
            let event = Event::stored(&subject.payload)
                .with_context(|| format!("event {} cannot be read again", subject.id))?;
            let decision = deciding.decide(&event, subject.came);
            let (rule, wanted) = match says(decision, subject) {
                Says::Entries(rule, postings) => (rule, postings),
                Says::Same => {
                    done.events += 1;
                    done.unchanged += 1;
                    continue;
                }
                Says::Unclear(why) => {
                    done.events += 1;
                    done.left.push(format!("event {} {why}", subject.id));
                    continue;
                }
            };
            if subject.ignored && !self.is_wanted(&wanted) {
                continue;
            }
            done.events += 1;
            let corrections = self.difference(subject, wanted)?;
            if corrections.is_empty() {
                done.unchanged += 1;
            } else {
                plan.push(EventCorrections {
                    event_id: subject.id,
                    posted_by: rule.filter(|_| subject.ignored),
                    mapping: self.call.program()?.version,
                    corrections,
                });
            }
        }
        Ok(plan)
    }

    fn is_wanted(&self, postings: &[Posting]) -> bool {
        let days = self.request.from..=self.request.to;
        postings
            .iter()
            .any(|posting| days.contains(&posting.entry.header().date))
    }

    /// What is to be taken back, then what is to stand.
    fn difference(
        &self,
        subject: &Subject,
        wanted: Vec<Posting>,
    ) -> anyhow::Result<Vec<Correction>> {
        let mut standing: Vec<&Standing> = subject.standing.iter().collect();
        let mut missing = Vec::new();
        for posting in wanted {
            let substance = posting.entry.substance();
            match standing.iter().position(|one| one.substance == substance) {
                Some(same) => drop(standing.swap_remove(same)),
                None => missing.push((substance, posting.entry)),
            }
        }
        standing.sort_by_key(|one| one.id);
        let mut corrections = Vec::new();
        for one in standing {
            let header = one.entry.header();
            let on = self.closed.open_day(&header.entity, header.date)?;
            let text = format!("takes back entry {}: {}", one.id, header.description);
            corrections.push(Correction {
                posting: posting(self.call, one.entry.reversal(on, text))?,
                does: Does::Reverses(one.id),
            });
        }
        for (substance, entry) in missing {
            let on = self
                .closed
                .open_day(&entry.header().entity, entry.header().date)?;
            corrections.push(Correction {
                posting: posting(self.call, entry.dated(on))?,
                does: Does::Stands(substance),
            });
        }
        Ok(corrections)
    }
}

/// What may be posted of a plan: an entry that is matched in a reconciliation, or that another event took back, is
/// left and named.
async fn free(
    books: &Snapshot,
    plan: Vec<EventCorrections>,
    done: &mut Reprocessed,
) -> anyhow::Result<Vec<EventCorrections>> {
    let mut free = Vec::with_capacity(plan.len());
    for event in plan {
        match held(books, &event.corrections).await? {
            Some(held) => done.left.push(format!(
                "event {} differs, but {held}; correct it by an event of its own",
                event.event_id
            )),
            None => free.push(event),
        }
    }
    Ok(free)
}

/// Why the first entry that cannot be taken back cannot be.
async fn held(books: &Snapshot, corrections: &[Correction]) -> anyhow::Result<Option<String>> {
    for correction in corrections {
        let Does::Reverses(id) = correction.does else {
            continue;
        };
        if books.is_matched(id).await? {
            return Ok(Some(format!("entry {id} is matched in a reconciliation")));
        }
        if !books.parts_of(id).await?.is_empty() {
            return Ok(Some(format!(
                "another event took entry {id} back, or a part of it"
            )));
        }
    }
    Ok(None)
}

fn note(plan: &[EventCorrections], done: &mut Reprocessed, effects: &mut Effects) {
    for event in plan {
        done.corrected += 1;
        let mut difference = Difference {
            event: event.event_id,
            reference: String::new(),
            back: Vec::new(),
            now: Vec::new(),
        };
        for correction in &event.corrections {
            let entry = &correction.posting.entry;
            difference.reference.clone_from(&entry.header().reference);
            match correction.does {
                Does::Reverses(id) => {
                    done.reversals += 1;
                    difference.back.push(id);
                }
                Does::Stands(_) => {
                    done.entries += 1;
                    let accounts = entry.lines().iter().map(|line| line.account.clone());
                    difference.now.extend(accounts);
                }
            }
            effects.entry(entry, &correction.posting.period.to_string());
        }
        if done.differences.len() < TOLD {
            done.differences.push(difference);
        }
    }
}
