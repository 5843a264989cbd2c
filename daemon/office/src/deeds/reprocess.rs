//! Reprocessing: what the mapping in force would have posted, against what stands in the journal.
//!
//! Only the difference is posted: an entry that the mapping no longer makes is taken back, one that it
//! makes now is added, each on its own date, or where that period is closed on the first day that is open.
//! Entries of equal substance stay, whichever version made them. A second run finds nothing to do. A dry
//! run is the same run without its commits.

use crate::call::Call;
use crate::mapper::Deciding;
use anyhow::Context as _;
use chrono::{DateTime, Days, NaiveDate, Utc};
use ledger::{Decision, Hash, JournalEntry, Posting};
use mappings::Event;
use std::collections::{BTreeMap, BTreeSet};
use store::Snapshot;
use store::books::PeriodRow;
use store::correction::{Correction, Does, EventCorrections, EventEntry};

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
    /// What it changes in the trial balance, in minor units.
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

/// What changes in a balance.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Effect {
    /// The entity's code.
    pub entity: String,
    /// The period's code.
    pub period: String,
    /// The account.
    pub account: String,
    /// ISO 4217 code.
    pub currency: String,
    /// Minor units.
    pub debit: i64,
    /// Minor units.
    pub credit: i64,
}

/// An event with everything that is needed to decide it again.
struct Subject {
    id: i64,
    payload: Vec<u8>,
    /// When it came.
    came: DateTime<Utc>,
    ignored: bool,
    standing: Vec<Standing>,
}

/// An entry that stands: neither taken back nor taking back.
struct Standing {
    id: i64,
    entry: JournalEntry,
    substance: Hash,
}

type Effects = BTreeMap<(String, String, String, String), (i64, i64)>;

/// Compares, and posts the difference where the request says why.
pub async fn run(call: &Call, request: &Request) -> anyhow::Result<Reprocessed> {
    let mut done = Reprocessed {
        posted: request.why.is_some(),
        ..Reprocessed::default()
    };
    let mut effects = Effects::new();
    let books = &call.store.snapshot().await?;
    let periods = books.periods().await?;
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
    let events: Vec<(i64, Vec<EventEntry>)> = by_event.into_iter().collect();
    for page in events.chunks(PAGE) {
        let mut subjects = Vec::with_capacity(page.len());
        for (event, entries) in page {
            subjects.extend(subject(books, *event, entries).await?);
        }
        let plan = Planner {
            call,
            request,
            periods: &periods,
        }
        .plan(&subjects, &mut done)?;
        // Asked anew: what was matched meanwhile is left alone.
        let plan = unmatched(&call.store.snapshot().await?, plan, &mut done).await?;
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
    done.effect = effects
        .into_iter()
        .filter(|(_, (debit, credit))| debit != credit)
        .map(
            |((entity, period, account, currency), (debit, credit))| Effect {
                entity,
                period,
                account,
                currency,
                debit,
                credit,
            },
        )
        .collect();
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
        standing,
    }))
}

struct Planner<'p> {
    call: &'p Call,
    request: &'p Request,
    periods: &'p [PeriodRow],
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
            let (rule, wanted) = match deciding.decide(&event, subject.came) {
                Decision::Posted { rule, postings } => (Some(rule), postings),
                Decision::Ignored { .. } | Decision::NoEffect { .. } => (None, Vec::new()),
                Decision::Suspended { reason, .. } => {
                    done.events += 1;
                    let left = format!("event {} cannot be decided: {reason}", subject.id);
                    done.left.push(left);
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
            let on = self.open_day(&header.entity, header.date)?;
            let text = format!("takes back entry {}: {}", one.id, header.description);
            corrections.push(Correction {
                posting: self.posting(one.entry.reversal(on, text))?,
                does: Does::Reverses(one.id),
            });
        }
        for (substance, entry) in missing {
            let on = self.open_day(&entry.header().entity, entry.header().date)?;
            corrections.push(Correction {
                posting: self.posting(entry.dated(on))?,
                does: Does::Stands(substance),
            });
        }
        Ok(corrections)
    }

    fn posting(&self, entry: JournalEntry) -> anyhow::Result<Posting> {
        let header = entry.header();
        let entity = self.call.context.entities.get(&header.entity);
        let entity = entity.with_context(|| {
            format!(
                "entity `{}` is no longer in tieout.yaml; put it back",
                header.entity
            )
        })?;
        let period = entity.period(header.date)?;
        Ok(Posting { entry, period })
    }

    /// The day itself, or the first after it whose period is not closed.
    fn open_day(&self, entity: &str, day: NaiveDate) -> anyhow::Result<NaiveDate> {
        let mut day = day;
        let closed = |day: NaiveDate| {
            self.periods.iter().find(|period| {
                period.entity == entity
                    && period.state == "closed"
                    && (period.start_on..=period.end_on).contains(&day)
            })
        };
        while let Some(period) = closed(day) {
            day = period
                .end_on
                .checked_add_days(Days::new(1))
                .context("there is no day after the last closed period")?;
        }
        Ok(day)
    }
}

/// What may be posted of a plan: an entry that is matched in a reconciliation is left and named.
async fn unmatched(
    books: &Snapshot,
    plan: Vec<EventCorrections>,
    done: &mut Reprocessed,
) -> anyhow::Result<Vec<EventCorrections>> {
    let mut free = Vec::with_capacity(plan.len());
    for event in plan {
        match matched(books, &event.corrections).await? {
            Some(entry) => done.left.push(format!(
                "event {} differs, but entry {entry} is matched in a reconciliation; correct it by an event of its own",
                event.event_id
            )),
            None => free.push(event),
        }
    }
    Ok(free)
}

/// The first entry to be taken back that is matched in a reconciliation.
async fn matched(books: &Snapshot, corrections: &[Correction]) -> anyhow::Result<Option<i64>> {
    for correction in corrections {
        if let Does::Reverses(id) = correction.does
            && books.is_matched(id).await?
        {
            return Ok(Some(id));
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
            for line in entry.lines() {
                let key = (
                    entry.header().entity.clone(),
                    correction.posting.period.to_string(),
                    line.account.clone(),
                    line.amount.currency().code().to_owned(),
                );
                let (debit, credit) = effects.entry(key).or_default();
                match line.side {
                    ledger::Side::Debit => *debit += line.amount.amount(),
                    ledger::Side::Credit => *credit += line.amount.amount(),
                }
            }
        }
        if done.differences.len() < TOLD {
            done.differences.push(difference);
        }
    }
}
