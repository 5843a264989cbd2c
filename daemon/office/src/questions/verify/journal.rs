//! The journal: entries built anew from narrow rows, in pages; the chain of postings over them; balances against
//! their lines; and what the mapping in force says about the events of its own version.

use super::Findings;
use crate::call::Call;
use chrono::NaiveDate;
use futures_util::{StreamExt as _, stream};
use ledger::chain::Merkle;
use ledger::{Decision, Hash, JournalEntry, Part, Remaining};
use mappings::{Evaluator, Event, Program};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::Snapshot;
use store::journal::StoredLink;
use store::narrow::{BalancePlace, BalanceSums, Dictionary, JournalPage, RebuiltEntry};
use store::reversal::ReversalRow;

/// How many entries are read at once.
const PAGE: i64 = 1_000;

/// How many pages are read and hashed side by side.
const SIDE_BY_SIDE: usize = 3;

/// How many entries are mapped again where not all are.
const SAMPLE: u64 = 1_000;

/// What a page says.
#[derive(Debug, Default)]
struct Page {
    /// Entries with the hashes that their rows make; zeros where they make none.
    hashes: Vec<(i64, Hash)>,
    sums: BTreeMap<BalancePlace, BalanceSums>,
    lines: i64,
    mapped: i64,
    failures: Vec<String>,
}

/// What all pages share.
struct Shared {
    names: Dictionary,
    /// The mapping in the folder; or why it is none.
    program: Result<Arc<Program>, String>,
    /// Entries that correct: the mapping did not date them.
    corrections: BTreeSet<i64>,
    /// Entries that take others back at an event's word.
    reversals: Reversals,
    /// One in how many is mapped again, and which.
    every: u64,
    seed: u64,
}

/// The journal of a snapshot, and the links over it.
pub(super) struct Check<'c> {
    pub(super) call: &'c Call,
    pub(super) books: &'c Snapshot,
    pub(super) links: &'c [StoredLink],
    /// The last entry.
    pub(super) last: i64,
}

impl Check<'_> {
    /// Entries, chain, balances.
    pub(super) async fn run(&self, all: bool, found: &mut Findings) -> anyhow::Result<()> {
        let last = self.last;
        let shared = Arc::new(self.shared(all).await?);
        let pages = (0..last).step_by(usize::try_from(PAGE)?);
        let mut pages = stream::iter(pages)
            .map(|after| self.page(Arc::clone(&shared), after, (after + PAGE).min(last)))
            .buffered(SIDE_BY_SIDE);
        let mut walk = Walk::new(self.links);
        let (mut sums, mut lines) = (BTreeMap::<BalancePlace, BalanceSums>::new(), 0);
        while let Some(page) = pages.next().await {
            let page = page?;
            for failure in page.failures {
                found.fail(failure);
            }
            for (place, added) in page.sums {
                let kept = sums.entry(place).or_default();
                for (sum, add) in kept.iter_mut().zip(added) {
                    *sum += add;
                }
            }
            found.mapped += page.mapped;
            lines += page.lines;
            let here = u64::try_from(page.hashes.len()).unwrap_or(0);
            self.call.progress.advance(here);
            for (id, hash) in page.hashes {
                found.entries += 1;
                walk.entry(id, &hash, found);
            }
        }
        walk.finish(last, found);
        if last > 0 && found.mapped == 0 {
            let why = match &shared.program {
                Ok(program) => format!(
                    "no entry was made by mapping {}, which lies in the folder",
                    program.version.short()
                ),
                Err(error) => error.clone(),
            };
            let what = format!("what rules say about events: {why}");
            found.unchecked.push(what);
        }
        let (_, all_lines) = self.books.journal_counts().await?;
        if all_lines != lines {
            found.fail(format!(
                "line: {all_lines} rows are in the books and {lines} belong to entries"
            ));
        }
        balances(self.books, &sums, found).await
    }

    async fn shared(&self, all: bool) -> anyhow::Result<Shared> {
        let entries = u64::try_from(self.last).unwrap_or(0);
        let corrections = self.books.corrections().await?.into_iter();
        let head = self.links.last().map_or(Hash::ZERO, |stored| stored.hash);
        Ok(Shared {
            names: self.books.dictionary().await?,
            program: match self.call.program() {
                Ok(program) => Ok(Arc::clone(program)),
                Err(error) => Err(format!("{error:#}")),
            },
            corrections: corrections.map(|(entry, ..)| entry).collect(),
            reversals: Reversals::of(self.books.taken_back().await?),
            every: if all { 1 } else { (entries / SAMPLE).max(1) },
            seed: seed(&head),
        })
    }

    async fn page(&self, shared: Arc<Shared>, after: i64, through: i64) -> anyhow::Result<Page> {
        let read = self.books.journal_page(after, through).await?;
        let names = Arc::clone(&shared);
        let rebuild = move || rebuilt(read, &names);
        let (mut page, mut again) = tokio::task::spawn_blocking(rebuild).await?;
        let Ok(program) = &shared.program else {
            return Ok(page);
        };
        let version = program.version;
        again.retain(|one| one.mapping == version);
        page.mapped = i64::try_from(again.len())?;
        if again.is_empty() {
            return Ok(page);
        }
        let mut events: Vec<i64> = again.iter().map(|one| one.event).collect();
        events.dedup();
        let payloads = self.books.payloads(&events).await?;
        let mut taken = BTreeMap::new();
        for one in &again {
            taken.extend(shared.reversals.taken_by(self.books, one.entry).await?);
        }
        let (program, context) = (Arc::clone(program), Arc::clone(&self.call.context));
        let decide = move || {
            let mut evaluator = Evaluator::new(&program, &context)?;
            let payloads: BTreeMap<i64, Vec<u8>> = payloads.into_iter().collect();
            again.retain(|one| {
                let payload = payloads.get(&one.event);
                !is_said(&mut evaluator, payload, one, taken.get(&one.entry))
            });
            anyhow::Ok(again)
        };
        for one in tokio::task::spawn_blocking(decide).await?? {
            page.failures.push(format!(
                "entry {} is not what mapping {} says about event {}",
                one.entry,
                version.short(),
                one.event
            ));
        }
        Ok(page)
    }
}

/// An entry that is mapped again.
struct Again {
    event: i64,
    entry: i64,
    mapping: Hash,
    hash: Hash,
    /// Where it was moved from its day: the accounting date.
    moved: Option<NaiveDate>,
}

/// Entries that take others back, by the entry that they take back and by their own number.
#[derive(Default)]
struct Reversals {
    by_entry: BTreeMap<i64, (i64, Part)>,
    of: BTreeMap<i64, Vec<(i64, Part)>>,
}

/// What an entry takes back: the number, what was left of it then, and the part.
type Taken = (i64, Remaining);

impl Reversals {
    fn of(rows: Vec<ReversalRow>) -> Self {
        let mut all = Self::default();
        for row in rows {
            all.by_entry.insert(row.entry, (row.reverses, row.part));
            let parts = all.of.entry(row.reverses).or_default();
            parts.push((row.entry, row.part));
        }
        all
    }

    /// What was left of the entry that this one takes back, if it takes one back.
    async fn taken_by(&self, books: &Snapshot, entry: i64) -> anyhow::Result<Option<(i64, Taken)>> {
        let Some((reverses, _)) = self.by_entry.get(&entry) else {
            return Ok(None);
        };
        let stored = books.entry(*reverses).await?;
        let Some(Ok(whole)) = stored.map(|stored| stored.entry) else {
            return Ok(None);
        };
        let mut left = Remaining::of(whole);
        let parts = self.of.get(reverses).into_iter().flatten();
        for (_, part) in parts.take_while(|(by, _)| *by < entry) {
            if left.take(*part).is_err() {
                return Ok(None);
            }
        }
        Ok(Some((entry, (*reverses, left))))
    }
}

/// A page built anew, and what of it is mapped again.
fn rebuilt(read: JournalPage, shared: &Shared) -> (Page, Vec<Again>) {
    let rebuilt = read.rebuild(&shared.names);
    let mut page = Page {
        sums: rebuilt.sums,
        lines: i64::try_from(rebuilt.lines).unwrap_or(i64::MAX),
        ..Page::default()
    };
    let mut again = Vec::new();
    for stored in &rebuilt.entries {
        let hash = page.entry(stored);
        let is_sampled =
            shared.is_mapped_again(stored.id) && !shared.corrections.contains(&stored.id);
        if let (true, Ok(entry)) = (is_sampled, &stored.entry) {
            again.push(Again {
                event: stored.event_id,
                entry: stored.id,
                mapping: entry.header().rule.mapping,
                hash,
                moved: entry.header().event_on.map(|_own| entry.header().date),
            });
        }
    }
    (page, again)
}

/// A number that nobody who changes a row can choose without changing the sample.
fn seed(head: &Hash) -> u64 {
    let bytes = head.as_bytes().iter().take(8);
    bytes.fold(0, |seed, byte| (seed << 8) | u64::from(*byte))
}

impl Shared {
    fn is_mapped_again(&self, entry: i64) -> bool {
        let mixed =
            (u64::try_from(entry).unwrap_or(0) ^ self.seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 32).is_multiple_of(self.every)
    }
}

/// Whether the mapping still makes an entry of an event.
fn is_said(
    evaluator: &mut Evaluator<'_>,
    payload: Option<&Vec<u8>>,
    one: &Again,
    taken: Option<&Taken>,
) -> bool {
    let Some(event) = payload.and_then(|payload| Event::stored(payload).ok()) else {
        return false;
    };
    let is_it = |entry: JournalEntry| {
        let entry = match one.moved {
            Some(on) => entry.dated(on),
            None => entry,
        };
        entry.hash() == one.hash
    };
    let (postings, wanted) = match evaluator.decide(&event) {
        Decision::Posted { postings, .. } => (postings, Vec::new()),
        Decision::Asks {
            postings, wanted, ..
        } => (postings, wanted),
        _ => return false,
    };
    if let Some((number, left)) = taken {
        return wanted.iter().any(|wanted| {
            let mut found = BTreeMap::from([(*number, left.clone())]);
            let of_it = wanted.is_of(left.entry());
            let made = of_it.then(|| wanted.answer(&mut found).ok()).flatten();
            made.into_iter().flatten().any(|made| is_it(made.entry))
        });
    }
    postings.into_iter().any(|posting| is_it(posting.entry))
}

impl Page {
    fn entry(&mut self, stored: &RebuiltEntry) -> Hash {
        if let Some(period) = &stored.misplaced {
            self.failures.push(format!(
                "entry {} ({}) stands in period {period}, which does not hold its date",
                stored.id, stored.reference
            ));
        }
        let hash = match &stored.entry {
            Ok(entry) => entry.hash(),
            Err(error) => {
                self.failures.push(format!("entry {}: {error}", stored.id));
                Hash::ZERO
            }
        };
        if stored.entry.is_ok() && hash != stored.stored_hash {
            self.failures.push(format!(
                "entry {} ({}) is not what was posted: its rows hash to {}, posted was {}",
                stored.id,
                stored.reference,
                hash.short(),
                stored.stored_hash.short()
            ));
        }
        self.hashes.push((stored.id, hash));
        hash
    }
}

/// Entries on their way past the links of the chain.
struct Walk<'l> {
    links: std::iter::Zip<std::slice::Iter<'l, StoredLink>, std::ops::RangeFrom<i64>>,
    now: Option<(&'l StoredLink, i64)>,
    merkle: Merkle,
    here: i64,
    previous: Hash,
    next_entry: i64,
    last: i64,
}

impl<'l> Walk<'l> {
    fn new(links: &'l [StoredLink]) -> Self {
        let mut links = links.iter().zip(1..);
        Self {
            now: links.next(),
            links,
            merkle: Merkle::default(),
            here: 0,
            previous: Hash::ZERO,
            next_entry: 1,
            last: 0,
        }
    }

    fn entry(&mut self, id: i64, hash: &Hash, found: &mut Findings) {
        while self.now.is_some_and(|(stored, _)| {
            id >= stored.link.first_entry.saturating_add(stored.link.entries)
        }) {
            self.close(found);
        }
        self.merkle.add(hash);
        self.here += 1;
        self.last = id;
    }

    fn finish(mut self, last: i64, found: &mut Findings) {
        let beyond = self.now.is_none() && self.here > 0;
        while self.now.is_some() {
            self.close(found);
        }
        if beyond || last + 1 != self.next_entry {
            found.fail(format!(
                "the chain ends before entry {} and the journal with entry {last}",
                self.next_entry
            ));
        }
    }

    fn close(&mut self, found: &mut Findings) {
        let (merkle, here) = (
            std::mem::take(&mut self.merkle),
            std::mem::take(&mut self.here),
        );
        let Some((stored, number)) = self.now else {
            return;
        };
        found.links += 1;
        let link = stored.link;
        let problem = if link.batch != number || link.first_entry != self.next_entry {
            Some("the batches or entries before it are not all there")
        } else if here != link.entries {
            Some("entries are missing")
        } else if merkle.root() != link.root {
            Some("its entries are not those that were posted")
        } else if link.previous != self.previous || link.hash() != stored.hash {
            Some("its link does not follow from the one before")
        } else {
            None
        };
        if let Some(problem) = problem {
            found.fail(format!("posting batch {}: {problem}", link.batch));
        }
        self.previous = stored.hash;
        self.next_entry = link.first_entry.saturating_add(link.entries);
        self.now = self.links.next();
    }
}

/// Balances are the sums of their lines.
async fn balances(
    books: &Snapshot,
    sums: &BTreeMap<BalancePlace, BalanceSums>,
    found: &mut Findings,
) -> anyhow::Result<()> {
    let kept = books.narrow_balances().await?;
    let places: BTreeSet<&BalancePlace> = kept.keys().chain(sums.keys()).collect();
    for place in places {
        let zero = BalanceSums::default();
        let (kept, sums) = (
            kept.get(place).unwrap_or(&zero),
            sums.get(place).unwrap_or(&zero),
        );
        if kept != sums {
            let (entity, period, account, currency) = place;
            found.fail(format!(
                "balance of entity {entity}, period {period}, account {account}, currency {currency}: it is {kept:?} and the lines sum up to {sums:?}"
            ));
        }
    }
    Ok(())
}
