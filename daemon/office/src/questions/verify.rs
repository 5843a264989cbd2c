//! `tieout verify`: everything that can be computed again, computed again.
//!
//! Events against their hashes; entries built anew from their rows against theirs; the chain from
//! the first link; document numbers, corrections and seals; balances against lines; artifacts and settlement files against theirs, and every
//! settlement line against its file, read again; the control equation from the rows. Exit 1 when something does not hold; a break is a difference
//! with a name and holds.

use crate::call::Call;
use crate::evidence::seal;
use crate::jobs::report;
use crate::questions::settlement;
use ledger::chain::merkle_root;
use ledger::{Hash, JournalEntry};
use mappings::Event;
use std::collections::BTreeMap;
use store::Snapshot;
use store::journal::StoredLink;

const PAGE: i64 = 2_000;

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    pub events: i64,
    pub entries: i64,
    pub links: i64,
    pub artifacts: i64,
    pub files: i64,
    pub failures: Vec<String>,
    /// What is worth knowing and no failure.
    pub notes: Vec<String>,
    pub verdict: String,
    pub because: String,
}

/// Computes everything again.
pub async fn verify(call: &Call) -> anyhow::Result<Findings> {
    let books = &call.store.snapshot().await?;
    let mut found = Findings::default();
    let (last, _) = books.journal_extent().await?;
    call.progress.begin(u64::try_from(last).ok(), "entries");
    events(books, &mut found).await?;
    let hashes = entries(call, books, &mut found, last).await?;
    call.progress.end();
    let links = books.links().await?;
    chain(&mut found, &links, &hashes);
    documents(books, &mut found).await?;
    corrections(books, &mut found).await?;
    seals(books, &mut found, &links).await?;
    files(call, books, &mut found).await?;
    let control = report::control(call, books).await?;
    found.failures.extend(control.failures());
    let (verdict, because) = control.verdict();
    // A verdict over rows that were changed would be an opinion.
    if found.failures.is_empty() {
        verdict.name().clone_into(&mut found.verdict);
        found.because = because;
    } else {
        "BREAKS".clone_into(&mut found.verdict);
        found.because = format!("{} checks do not hold", found.failures.len());
    }
    Ok(found)
}

async fn events(books: &Snapshot, found: &mut Findings) -> anyhow::Result<()> {
    let twice = books.keys_twice().await?;
    if twice > 0 {
        let failure = format!("{twice} events are in the books more than once");
        found.failures.push(failure);
    }
    let mut after = 0;
    loop {
        let page = books.event_bytes(after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = last.id;
        for row in &page {
            found.events += 1;
            let sound = Event::stored(&row.payload).is_ok_and(|event| {
                let content = event.content_hash_of(row.content_version);
                event.key().as_bytes().as_slice() == row.key
                    && content.is_some_and(|hash| hash.as_bytes().as_slice() == row.content_hash)
            });
            if !sound {
                found.failures.push(format!(
                    "event {}: its bytes are not those that were received",
                    row.id
                ));
            }
        }
    }
}

/// The hash of every entry as its rows make it; zeros where they make none.
async fn entries(
    call: &Call,
    books: &Snapshot,
    found: &mut Findings,
    last: i64,
) -> anyhow::Result<BTreeMap<i64, Hash>> {
    let mut hashes = BTreeMap::new();
    let mut after = 0;
    while after < last {
        let through = (after + PAGE).min(last);
        for stored in books.entries(after, through).await? {
            found.entries += 1;
            call.progress.advance(1);
            let hash = match &stored.entry {
                Ok(entry) => entry.hash(),
                Err(error) => {
                    found.failures.push(format!("entry {}: {error}", stored.id));
                    Hash::ZERO
                }
            };
            if stored.entry.is_ok() && hash != stored.stored_hash {
                let reference = stored
                    .entry
                    .as_ref()
                    .map(|e| e.header().reference.clone())
                    .unwrap_or_default();
                found.failures.push(format!(
                    "entry {} ({reference}) is not what was posted: its rows hash to {}, posted was {}",
                    stored.id,
                    hash.short(),
                    stored.stored_hash.short()
                ));
            }
            hashes.insert(stored.id, hash);
        }
        after = through;
    }
    Ok(hashes)
}

fn chain(found: &mut Findings, links: &[StoredLink], hashes: &BTreeMap<i64, Hash>) {
    let mut previous = Hash::ZERO;
    let mut next_entry = 1;
    for (stored, number) in links.iter().zip(1i64..) {
        found.links += 1;
        let link = stored.link;
        let range = link.first_entry..link.first_entry + link.entries;
        let leaves: Vec<Hash> = hashes.range(range).map(|(_, hash)| *hash).collect();
        let complete = i64::try_from(leaves.len()) == Ok(link.entries);
        let problem = if link.batch != number || link.first_entry != next_entry {
            Some("the batches or entries before it are not all there")
        } else if !complete {
            Some("entries are missing")
        } else if merkle_root(&leaves) != link.root {
            Some("its entries are not those that were posted")
        } else if link.previous != previous || link.hash() != stored.hash {
            Some("its link does not follow from the one before")
        } else {
            None
        };
        if let Some(problem) = problem {
            found
                .failures
                .push(format!("posting batch {}: {problem}", link.batch));
        }
        previous = stored.hash;
        next_entry = link.first_entry + link.entries;
    }
    let last = hashes.keys().next_back().copied().unwrap_or(0);
    if last + 1 != next_entry {
        found.failures.push(format!(
            "the chain ends before entry {next_entry} and the journal with entry {last}"
        ));
    }
}

/// No number of a document is missing and none is given twice.
async fn documents(books: &Snapshot, found: &mut Findings) -> anyhow::Result<()> {
    for series in books.document_series().await? {
        if (series.documents, series.highest) != (series.last_number, series.last_number) {
            found.failures.push(format!(
                "documents of `{}` in {}: {} numbers were given, there are {} and the highest is {}",
                series.entity,
                series.fiscal_year,
                series.last_number,
                series.documents,
                series.highest
            ));
        }
    }
    Ok(())
}

/// What a correction takes back, it takes back whole: the same lines, on their other sides.
async fn corrections(books: &Snapshot, found: &mut Findings) -> anyhow::Result<()> {
    for (entry, earlier) in books.reversals().await? {
        let (one, other) = (built(books, earlier).await?, built(books, entry).await?);
        let whole = one.zip(other).is_some_and(|(one, other)| {
            let header = other.header();
            one.reversal(header.date, header.description.clone()) == other
        });
        if !whole {
            found.failures.push(format!(
                "entry {entry} should take back entry {earlier}, and is not its lines on their other sides"
            ));
        }
    }
    Ok(())
}

async fn built(books: &Snapshot, entry: i64) -> anyhow::Result<Option<JournalEntry>> {
    let stored = books.entry(entry).await?;
    Ok(stored.and_then(|one| one.entry.ok()))
}

/// Every seal's signature, and that the chain still runs through the head that it signed.
async fn seals(books: &Snapshot, found: &mut Findings, links: &[StoredLink]) -> anyhow::Result<()> {
    for row in books.seals().await? {
        let at = format!("the seal of {} of `{}`", row.period, row.entity);
        let statement = match seal::verified(&row.statement, &row.signature, &row.public_key) {
            Ok(statement) => statement,
            Err(error) => {
                found.failures.push(format!("{at}: {error:#}"));
                continue;
            }
        };
        let head = usize::try_from(row.batch - 1)
            .ok()
            .and_then(|at| links.get(at))
            .map_or(Hash::ZERO, |stored| stored.hash);
        if head.to_string() != statement.chain.head {
            found.failures.push(format!(
                "{at}: posting batch {} is not the one that was sealed",
                row.batch
            ));
        }
    }
    Ok(())
}

async fn files(call: &Call, books: &Snapshot, found: &mut Findings) -> anyhow::Result<()> {
    for batch in books.rendered_batches().await? {
        found.artifacts += 1;
        let artifact = books.check_artifact(batch).await?;
        if !artifact.sound {
            found.failures.push(format!(
                "artifact `{}` is not what was rendered",
                artifact.name
            ));
        }
    }
    let read = settlement::read_again(books).await?;
    found.files += read.files;
    found.failures.extend(read.failures);
    found.notes.extend(read.notes);
    Ok(())
}
