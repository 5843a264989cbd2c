//! `tieout verify`: everything that can be computed again, computed again.
//!
//! The record chain and every row under it (`verify/records.rs`); entries built anew from their rows, the chain of
//! postings from its first link, balances against lines, and what the mapping says about events
//! (`verify/journal.rs`); document numbers, corrections and seals; artifacts and settlement files against their
//! hashes, and every settlement line against its file, read again; the control equation from the rows. Exit 1 when
//! something does not hold; a break is a difference with a name and holds.

mod journal;
mod records;

use crate::call::Call;
use crate::evidence::{heads, seal};
use crate::jobs::report;
use crate::questions::settlement;
use ledger::record::RecordLink;
use ledger::{Hash, JournalEntry};
use reports::control::Verdict;
use std::collections::BTreeMap;
use store::Snapshot;
use store::journal::StoredLink;

/// The most failures that are kept; the others are counted.
const KEPT: usize = 1_000;

/// What to compute again beyond what is stored.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Every event is mapped again, not a sample of them.
    pub all: bool,
    /// Heads of the record chain that somebody saw earlier, by the number of the link.
    pub heads: BTreeMap<i64, Hash>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Events whose rows were read.
    pub events: i64,
    /// Journal entries that were built anew.
    pub entries: i64,
    /// Events that were mapped again.
    pub mapped: i64,
    /// Links of the chain of postings.
    pub links: i64,
    /// Links of the record chain.
    pub records: i64,
    /// Where the record chain ends, as `--head` takes it.
    pub head: String,
    /// How many heads that left the house were met again.
    pub heads: usize,
    /// Rendered batches that were held against their hashes.
    pub artifacts: i64,
    /// Settlement files that were read again.
    pub files: i64,
    /// What does not hold, in words; the first of them, where there are very many.
    pub failures: Vec<String>,
    /// What is worth knowing and no failure.
    pub notes: Vec<String>,
    /// All of them, also those that are not kept.
    pub failed: usize,
    /// The first link of the record chain that does not hold.
    pub first_bad_link: Option<i64>,
    /// What could not be checked, and why.
    pub unchecked: Vec<String>,
    /// What was there before the record chain, per kind.
    pub before: BTreeMap<String, String>,
    /// The word of the control equation, or `BREAKS` when something does not hold.
    pub verdict: String,
    /// The sentence that explains it.
    pub because: String,
    /// Heads that somebody saw and that were not met yet.
    expected: BTreeMap<i64, Hash>,
}

impl Findings {
    /// Something does not hold.
    fn fail(&mut self, failure: String) {
        self.failed += 1;
        if self.failures.len() < KEPT {
            self.failures.push(failure);
        }
    }

    /// The last word. A verdict over rows that were changed would be an opinion.
    fn conclude(&mut self, verdict: Option<(Verdict, String)>) {
        if let Some((verdict, because)) = verdict.filter(|_| self.failed == 0) {
            verdict.name().clone_into(&mut self.verdict);
            self.because = because;
        } else {
            "BREAKS".clone_into(&mut self.verdict);
            self.because = format!("{} checks do not hold", self.failed);
        }
    }

    fn bad_link(&mut self, link: i64) {
        let first = self.first_bad_link.get_or_insert(link);
        *first = link.min(*first);
    }

    /// A link was met on the record chain.
    fn saw_head(&mut self, link: i64, hash: &Hash) {
        let Some(wanted) = self.expected.remove(&link) else {
            return;
        };
        self.heads += 1;
        if wanted != *hash {
            self.bad_link(link);
            self.fail(format!(
                "record link {link} was seen as {} and is {}: the chain was written anew",
                wanted.short(),
                hash.short()
            ));
        }
    }

    fn saw_rows(&mut self, kind: &str, rows: usize) {
        if kind == "event" {
            self.events += i64::try_from(rows).unwrap_or(i64::MAX);
        }
    }

    /// Rows that were there before the chain was.
    fn adopted(&mut self, kind: &str, link: &RecordLink) {
        if link.rows > 0 {
            let since = format!(
                "covered as they stood on {}",
                link.written_at.format("%Y-%m-%d")
            );
            self.before.insert(kind.to_owned(), since);
        }
    }
}

/// Computes everything again.
///
/// # Errors
/// When the books cannot be read.
pub async fn verify(call: &Call, request: &Request) -> anyhow::Result<Findings> {
    let mut found = Findings {
        expected: heads::seen(call, &request.heads).await?,
        ..Findings::default()
    };
    let books = &call.store.snapshot().await?;
    records::guards(books, &mut found).await?;
    let is_altered = found.failed > 0;
    match rows(call, request, books, &mut found).await {
        // Where a view or a table is another one, a question to it may make no sense any more.
        Err(error) if is_altered => {
            found.fail(format!(
                "the rest cannot be checked while the schema is not as it was put up: {error:#}"
            ));
            found.conclude(None);
        }
        done => done?,
    }
    Ok(found)
}

async fn rows(
    call: &Call,
    request: &Request,
    books: &Snapshot,
    found: &mut Findings,
) -> anyhow::Result<()> {
    let (last, _) = books.journal_extent().await?;
    call.progress.begin(u64::try_from(last).ok(), "entries");
    let twice = books.keys_twice().await?;
    if twice > 0 {
        found.fail(format!("{twice} events are in the books more than once"));
    }
    found.expected.extend(seal::records(books).await?);
    records::check(books, found).await?;
    for (link, hash) in std::mem::take(&mut found.expected) {
        found.bad_link(link);
        found.fail(format!(
            "record link {link} ({}) was seen and is gone: the books are older, or were cut off",
            hash.short()
        ));
    }
    let links = books.links().await?;
    journal::Check {
        call,
        books,
        links: &links,
        last,
    }
    .run(request.all, found)
    .await?;
    call.progress.end();
    documents(books, found).await?;
    corrections(books, found).await?;
    seals(call, books, found, &links).await?;
    files(call, books, found).await?;
    let control = report::control(call, books).await?;
    for failure in control.failures() {
        found.fail(failure);
    }
    found.conclude(Some(control.verdict()));
    Ok(())
}

/// No number of a document is missing and none is given twice.
async fn documents(books: &Snapshot, found: &mut Findings) -> anyhow::Result<()> {
    for series in books.document_series().await? {
        if (series.documents, series.highest) != (series.last_number, series.last_number) {
            found.fail(format!(
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
            found.fail(format!(
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

/// Every seal's signature and key, that each names the one before it, and that the chain still runs through the
/// head that it signed.
async fn seals(
    call: &Call,
    books: &Snapshot,
    found: &mut Findings,
    links: &[StoredLink],
) -> anyhow::Result<()> {
    let rows = books.seals().await?;
    let trusted = match seal::trusted_keys(call) {
        Ok(keys) => keys,
        Err(error) => {
            if !rows.is_empty() {
                found.unchecked.push(format!(
                    "by whose key {} seals were set: {error:#}",
                    rows.len()
                ));
            }
            Vec::new()
        }
    };
    let mut previous = Hash::ZERO;
    for row in rows {
        let at = format!("seal {} ({} of `{}`)", row.id, row.period, row.entity);
        if !trusted.is_empty() && !trusted.contains(&row.public_key) {
            found.fail(format!(
                "{at} was set with key {}, which is neither `seal.key` nor among `seal.trusted`",
                ledger::hash::hex(&row.public_key)
            ));
        }
        let here = std::mem::replace(&mut previous, Hash::of(row.statement.as_bytes()));
        let statement = match seal::verified(&row.statement, &row.signature, &row.public_key) {
            Ok(statement) => statement,
            Err(error) => {
                found.fail(format!("{at}: {error:#}"));
                continue;
            }
        };
        if statement.previous_seal != here.to_string() {
            found.fail(format!(
                "{at} follows seal {}, and the one before it is {}",
                statement.previous_seal.get(..16).unwrap_or_default(),
                here.short()
            ));
        }
        if (
            &statement.entity,
            &statement.period,
            statement.chain.batches,
        ) != (&row.entity, &row.period, row.batch)
        {
            found.fail(format!("{at} stands beside a statement of another period"));
        }
        let head = usize::try_from(row.batch - 1)
            .ok()
            .and_then(|at| links.get(at))
            .map_or(Hash::ZERO, |stored| stored.hash);
        if head.to_string() != statement.chain.head {
            found.fail(format!(
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
            found.fail(format!(
                "artifact `{}` is not what was rendered",
                artifact.name
            ));
        }
    }
    let read = settlement::read_again(call, books).await?;
    found.files += read.files;
    for failure in read.failures {
        found.fail(failure);
    }
    found.notes.extend(read.notes);
    Ok(())
}
