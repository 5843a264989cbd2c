//! The record chain, from its first link: that no link is missing, that each covers the rows that it was written
//! over, and that there are no rows beside. A row that changed is named, as are the guards that should have
//! refused it.

use super::Findings;
use futures_util::{StreamExt as _, stream};
use ledger::Hash;
use ledger::record::{MARK, RowsDigest};
use mappings::Event;
use std::collections::BTreeMap;
use std::sync::Arc;
use store::Snapshot;
use store::record::{
    Guards, RecordRow, RedecisionRow, StoredRecord, Value, record_kinds, record_window,
    replaced_kinds,
};

/// How many links are read at once.
const LINKS: i64 = 500;

/// How many pages are read and hashed side by side.
const SIDE_BY_SIDE: usize = 3;

/// The most rows of one link that are named.
const NAMED: usize = 5;

/// Facts that have no row of their own, as the chain tells them.
#[derive(Debug, Default)]
struct Facts {
    /// Per partition: where its checkpoint stands, and how many inputs were taken.
    checkpoints: BTreeMap<i64, (i64, i64)>,
    /// Per period: 1 open, 2 closed.
    periods: BTreeMap<i64, i64>,
    /// Per kind and reconciliation: how many rows its newest run left, their digest, and the link.
    replaced: BTreeMap<(&'static str, i64), (i64, Hash, String)>,
}

/// Names of what events are of.
#[derive(Debug)]
struct Names {
    origins: BTreeMap<i64, String>,
    types: BTreeMap<i64, String>,
}

/// What a page of rows says.
#[derive(Debug, Default)]
struct Examined {
    rows: Vec<(i64, Hash)>,
    /// Rows per partition.
    inputs: BTreeMap<i64, i64>,
    failures: Vec<String>,
}

/// Triggers, views, keys and checks.
pub(super) async fn guards(books: &Snapshot, found: &mut Findings) -> anyhow::Result<()> {
    match books.guards().await? {
        Guards::Compared(problems) => {
            for guard in problems {
                found.fail(format!("{} {}", guard.what, guard.problem));
            }
        }
        Guards::NotCompared(why) => found
            .unchecked
            .push(format!("triggers, views, keys and checks: {why}")),
    }
    Ok(())
}

/// Links, facts, rows.
pub(super) async fn check(books: &Snapshot, found: &mut Findings) -> anyhow::Result<()> {
    let facts = chain(books, found).await?;
    let names = Arc::new(Names {
        origins: dictionary(books, "origin").await?,
        types: dictionary(books, "event_type").await?,
    });
    let mut inputs = BTreeMap::new();
    for kind in record_kinds() {
        let mut rows = Rows {
            books,
            kind,
            names: Arc::clone(&names),
            inputs: &mut inputs,
            covered: 0,
            ends: BTreeMap::new(),
        };
        rows.check(found).await?;
    }
    facts.check(books, &inputs, found).await?;
    facts.check_replaced(books, found).await?;
    for (kind, id) in books.unfounded_by_hand().await? {
        found.fail(format!(
            "{kind} {id} comes from no proposal about it that was carried out"
        ));
    }
    for id in books.changed_attachments().await? {
        found.fail(format!("attachment {id} is not what was attached"));
    }
    for (case, number, deed) in books.unfounded_deeds().await? {
        found.fail(format!(
            "case_deed {number} of case {case}: `{deed}` comes from no proposal of this case that was carried out"
        ));
    }
    Ok(())
}

async fn dictionary(books: &Snapshot, kind: &str) -> anyhow::Result<BTreeMap<i64, String>> {
    let rows = books.record_rows(kind, 0, 0, i64::MAX).await?;
    let name = |row: RecordRow| match row.values.into_iter().nth(1) {
        Some(Value::Text(name)) => Some((row.key, name)),
        _ => None,
    };
    Ok(rows.into_iter().filter_map(name).collect())
}

/// Every link follows from the one before, names the posting batch that stood then, and is the last that the
/// writer knows.
async fn chain(books: &Snapshot, found: &mut Findings) -> anyhow::Result<Facts> {
    let posted = books.links().await?;
    let posted: Vec<Hash> = posted.iter().map(|stored| stored.hash).collect();
    let (mut facts, mut previous, mut last) = (Facts::default(), Hash::ZERO, 0);
    loop {
        let page = books.record_links(last, LINKS).await?;
        if page.is_empty() {
            break;
        }
        for stored in &page {
            let link = &stored.link;
            found.records += 1;
            found.saw_head(link.id, &stored.hash);
            if link.id != last + 1 {
                found.bad_link(last + 1);
                found.fail(format!(
                    "record links {} to {} are gone",
                    last + 1,
                    link.id - 1
                ));
            } else if link.previous != previous || link.hash() != stored.hash {
                found.bad_link(link.id);
                found.fail(format!(
                    "{} does not follow from the one before",
                    name(stored)
                ));
            }
            let head = usize::try_from(link.batch - 1)
                .ok()
                .and_then(|at| posted.get(at));
            if head.copied().unwrap_or(Hash::ZERO) != link.head {
                found.bad_link(link.id);
                found.fail(format!(
                    "{}: posting batch {} is not the one that stood then",
                    name(stored),
                    link.batch
                ));
            }
            facts.note(stored);
            (previous, last) = (stored.hash, link.id);
        }
    }
    let heads = books.heads().await?;
    found.head = format!("{}:{}", heads.record, heads.record_head);
    if (heads.record, heads.record_head) != (last, previous) {
        found.bad_link(last + 1);
        found.fail(format!(
            "the record chain ends with link {last} ({}) and the writer stood at {} ({})",
            previous.short(),
            heads.record,
            heads.record_head.short()
        ));
    }
    let head = posted.last().copied().unwrap_or(Hash::ZERO);
    if (usize::try_from(heads.batch).ok(), heads.head) != (Some(posted.len()), head) {
        found.fail(format!(
            "the chain ends with posting batch {} ({}) and the writer stood at {} ({})",
            posted.len(),
            head.short(),
            heads.batch,
            heads.head.short()
        ));
    }
    Ok(facts)
}

/// A link for people.
fn name(stored: &StoredRecord) -> String {
    let link = &stored.link;
    let at = link.written_at.format("%Y-%m-%dT%H:%M:%SZ");
    format!(
        "record link {} ({}, {at} by {})",
        link.id, link.kind, link.written_by
    )
}

impl Facts {
    fn note(&mut self, stored: &StoredRecord) {
        let link = &stored.link;
        match link.kind.as_str() {
            "checkpoint" if link.last >= 0 => {
                let (at, inputs) = self.checkpoints.entry(link.scope).or_default();
                *at = link.last;
                *inputs = inputs.saturating_add(link.rows);
            }
            "period_state" if link.last >= 0 => {
                self.periods.insert(link.scope, link.last);
            }
            kind if link.last >= 0 => {
                if let Some(kind) = replaced_kinds().find(|replaced| *replaced == kind) {
                    let left = (link.rows, link.digest, name(stored));
                    self.replaced.insert((kind, link.scope), left);
                }
            }
            _ => {}
        }
    }

    /// What runs replace is what the newest run of each reconciliation left.
    async fn check_replaced(
        mut self,
        books: &Snapshot,
        found: &mut Findings,
    ) -> anyhow::Result<()> {
        for here in books.replaced_rows().await? {
            let left = self.replaced.remove(&(here.kind, here.scope));
            let (rows, digest, link) = left.unwrap_or((
                0,
                RowsDigest::default().finish().digest,
                "no run".to_owned(),
            ));
            if (rows, digest) != (here.rows, here.digest) {
                found.fail(format!(
                    "{} of `{}`: the {} rows in the books are not the {rows} that its newest run left: {link}",
                    here.kind, here.reconciliation, here.rows
                ));
            }
        }
        for ((kind, _), (rows, _, link)) in self.replaced {
            if rows > 0 {
                found.fail(format!(
                    "{kind}: all {rows} rows that a run left are gone: {link}"
                ));
            }
        }
        Ok(())
    }

    async fn check(
        &self,
        books: &Snapshot,
        inputs: &BTreeMap<i64, i64>,
        found: &mut Findings,
    ) -> anyhow::Result<()> {
        for row in books.checkpoints().await? {
            let (at, taken) = self.checkpoints.get(&row.id).copied().unwrap_or((0, 0));
            let rows = inputs.get(&row.id).copied().unwrap_or(0);
            let partition = format!("source_partition {} (`{}`)", row.id, row.name);
            if row.position != at {
                found.fail(format!(
                    "{partition}: its checkpoint stands at {} and the record chain moved it to {at}",
                    row.position
                ));
            }
            if (row.received, taken) != (rows, rows) {
                found.fail(format!(
                    "{partition}: {} inputs were counted, {taken} are under the record chain, and there are rows of {rows}",
                    row.received
                ));
            }
        }
        for row in books.period_states().await? {
            let closed = self.periods.get(&row.id).copied() == Some(2);
            if closed != (row.state == "closed") {
                found.fail(format!(
                    "period {} of `{}` is {} and by the record chain it is {}",
                    row.code,
                    row.entity,
                    row.state,
                    if closed { "closed" } else { "open" }
                ));
            }
        }
        Ok(())
    }
}

/// The rows of one kind, while they are held against their links.
struct Rows<'r> {
    books: &'r Snapshot,
    kind: &'static str,
    names: Arc<Names>,
    inputs: &'r mut BTreeMap<i64, i64>,
    covered: i64,
    /// The last key under a link, by scope.
    ends: BTreeMap<i64, i64>,
}

impl Rows<'_> {
    async fn check(&mut self, found: &mut Findings) -> anyhow::Result<()> {
        let mut after = 0;
        loop {
            let page = self.books.record_links_of(self.kind, after, LINKS).await?;
            let Some(last) = page.last() else { break };
            after = last.link.id;
            for stored in page.iter().filter(|stored| stored.link.adopted) {
                found.adopted(self.kind, &stored.link);
            }
            let links: Vec<StoredRecord> = page
                .into_iter()
                .filter(|stored| stored.link.last >= stored.link.first)
                .collect();
            for run in links.chunk_by(follows) {
                self.run(run, found).await?;
            }
        }
        let count = self.books.record_count(self.kind).await?;
        if count != self.covered {
            found.fail(format!(
                "{}: {count} rows are in the books and {} were written under the record chain",
                self.kind, self.covered
            ));
            self.strangers(found).await?;
        }
        Ok(())
    }

    /// Names rows beyond the last that was written.
    async fn strangers(&self, found: &mut Findings) -> anyhow::Result<()> {
        for scope in self.books.record_scopes(self.kind).await? {
            let end = self.ends.get(&scope.scope).copied();
            if end.is_none_or(|end| scope.last_key > end) {
                let row = row_name(self.kind, scope.scope, scope.last_key);
                found.fail(format!("{row} was not written by Tieout"));
            }
        }
        Ok(())
    }

    /// Links whose rows follow each other, so that these can be read in pages.
    async fn run(&mut self, links: &[StoredRecord], found: &mut Findings) -> anyhow::Result<()> {
        let (Some(first), Some(last)) = (links.first(), links.last()) else {
            return Ok(());
        };
        let (scope, first, last) = (first.link.scope, first.link.first, last.link.last);
        self.covered += links.iter().map(|stored| stored.link.rows).sum::<i64>();
        let end = self.ends.entry(scope).or_insert(last);
        *end = last.max(*end);
        let (books, kind, names) = (self.books, self.kind, &self.names);
        let mut pages = stream::iter(windows(first, last, record_window(kind)))
            .map(|(first, last)| examine(books, (kind, scope), (first, last), Arc::clone(names)))
            .buffered(SIDE_BY_SIDE);
        let mut walk = Walk::new(kind, scope, links);
        while let Some(page) = pages.next().await {
            let page = page?;
            found.saw_rows(kind, page.rows.len());
            page.failures
                .into_iter()
                .for_each(|failure| found.fail(failure));
            for (partition, inputs) in page.inputs {
                *self.inputs.entry(partition).or_default() += inputs;
            }
            for (key, hash) in page.rows {
                walk.row(key, &hash, found);
            }
        }
        walk.finish(found);
        Ok(())
    }
}

fn follows(one: &StoredRecord, next: &StoredRecord) -> bool {
    one.link.scope == next.link.scope && one.link.last.checked_add(1) == Some(next.link.first)
}

/// Ranges of keys of a size.
fn windows(first: i64, last: i64, size: i64) -> impl Iterator<Item = (i64, i64)> {
    let mut next = Some(first);
    std::iter::from_fn(move || {
        let first = next.filter(|first| *first <= last)?;
        let end = last.min(first.saturating_add(size - 1));
        next = end.checked_add(1);
        Some((first, end))
    })
}

fn row_name(kind: &str, scope: i64, key: i64) -> String {
    match (kind, scope) {
        ("document", _) => format!(
            "document {key} of entity {} in {}",
            scope / 10_000,
            scope % 10_000
        ),
        (_, 0) => format!("{kind} {key}"),
        _ => format!("{kind} {scope}/{key}"),
    }
}

/// Reads a page of rows and hashes it on another thread.
async fn examine(
    books: &Snapshot,
    (kind, scope): (&'static str, i64),
    (first, last): (i64, i64),
    names: Arc<Names>,
) -> anyhow::Result<Examined> {
    let rows = books.record_rows(kind, scope, first, last).await?;
    let again = match kind {
        "outcome" => books.redecisions(first, last).await?,
        _ => Vec::new(),
    };
    let examine = move || examined(kind, rows, &again, &names);
    Ok(tokio::task::spawn_blocking(examine).await?)
}

fn examined(kind: &str, rows: Vec<RecordRow>, again: &[RedecisionRow], names: &Names) -> Examined {
    let mut examined = Examined {
        rows: Vec::with_capacity(rows.len()),
        ..Examined::default()
    };
    for mut row in rows {
        match kind {
            "event" => examined.event(&row, names),
            "repetition" => examined.input(row.values.get(3)),
            "quarantine" => examined.input(row.values.get(1)),
            "outcome" => examined.outcome(&mut row, again),
            _ => {}
        }
        examined.rows.push((row.key, row.hash()));
    }
    examined
}

impl Examined {
    fn input(&mut self, partition: Option<&Value>) {
        if let Some(Value::Int(partition)) = partition {
            *self.inputs.entry(*partition).or_default() += 1;
        }
    }

    /// An event is what its bytes say.
    fn event(&mut self, row: &RecordRow, names: &Names) {
        self.input(row.values.get(5));
        let problem = match row.values.as_slice() {
            [
                _,
                Value::Bytes(key),
                Value::Bytes(content),
                Value::Int(origin),
                Value::Int(kind),
                _,
                _,
                _,
                _,
                Value::Bytes(payload),
                Value::Int(version),
            ] => match Event::stored(payload) {
                Err(_unreadable) => Some("its bytes are not those that were received"),
                Ok(event)
                    if event.key().as_bytes().as_slice() != key
                        || event
                            .content_hash_of(*version)
                            .is_none_or(|hash| hash.as_bytes().as_slice() != content) =>
                {
                    Some("its bytes are not those that were received")
                }
                Ok(event)
                    if names.origins.get(origin).map(String::as_str) != Some(&*event.source)
                        || names.types.get(kind).map(String::as_str) != Some(&*event.kind) =>
                {
                    Some("its source or type is not what its bytes say")
                }
                Ok(_) => None,
            },
            _ => Some("its columns hold what no event has"),
        };
        if let Some(problem) = problem {
            self.failures.push(format!("event {}: {problem}", row.key));
        }
    }

    /// An outcome is what it was decided to be last; its link saw what it was first.
    fn outcome(&mut self, row: &mut RecordRow, again: &[RedecisionRow]) {
        let first = again.partition_point(|other| other.event_id < row.key);
        let own = again.get(first..).unwrap_or_default();
        let own: Vec<&RedecisionRow> = own
            .iter()
            .take_while(|other| other.event_id == row.key)
            .collect();
        let (Some(first), Some(last)) = (own.first(), own.last()) else {
            return;
        };
        let text = |text: &Option<String>| text.clone().map_or(Value::Null, Value::Text);
        let int = |int: Option<i64>| int.map_or(Value::Null, Value::Int);
        let is = |row: &RedecisionRow| {
            [
                Value::Int(row.kind),
                int(row.rule_id),
                text(&row.reason),
                Value::Moment(row.decided_at),
            ]
        };
        let was = |row: &RedecisionRow| {
            let (kind, rule) = (Value::Int(row.former_kind), int(row.former_rule_id));
            [
                kind,
                rule,
                text(&row.former_reason),
                Value::Moment(row.former_decided_at),
            ]
        };
        let follow = own.windows(2).all(|pair| match pair {
            [one, next] => is(one) == was(next),
            _ => true,
        });
        if !follow || row.values.get(1..) != Some(&is(last)[..]) {
            self.failures.push(format!(
                "outcome {}: it is not what it was decided to be last (redecision {})",
                row.key, last.id
            ));
        }
        row.values.truncate(1);
        row.values.extend(was(first));
    }
}

/// Rows on their way past the links that cover them.
struct Walk<'l> {
    kind: &'static str,
    scope: i64,
    links: std::slice::Iter<'l, StoredRecord>,
    now: Option<&'l StoredRecord>,
    digest: RowsDigest,
    keys: Vec<i64>,
}

impl<'l> Walk<'l> {
    fn new(kind: &'static str, scope: i64, links: &'l [StoredRecord]) -> Self {
        let mut links = links.iter();
        Self {
            kind,
            scope,
            now: links.next(),
            links,
            digest: RowsDigest::default(),
            keys: Vec::new(),
        }
    }

    fn row(&mut self, key: i64, hash: &Hash, found: &mut Findings) {
        while self.now.is_some_and(|stored| key > stored.link.last) {
            self.close(found);
        }
        self.digest.add(hash);
        self.keys.push(key);
    }

    fn finish(mut self, found: &mut Findings) {
        while self.now.is_some() {
            self.close(found);
        }
    }

    /// The rows of a link are all here.
    fn close(&mut self, found: &mut Findings) {
        let keys = std::mem::take(&mut self.keys);
        let digested = std::mem::take(&mut self.digest).finish();
        if let Some(stored) = self.now
            && (digested.rows, digested.digest) != (stored.link.rows, stored.link.digest)
        {
            found.bad_link(stored.link.id);
            let differences = differences(stored, &keys, &digested.marks);
            for (key, problem) in differences {
                let row = row_name(self.kind, self.scope, key);
                found.fail(format!("{row} {problem}: {}", name(stored)));
            }
        }
        self.now = self.links.next();
    }
}

/// Which rows differ from what a link was written over, as far as its marks tell.
fn differences(stored: &StoredRecord, keys: &[i64], marks: &[u8]) -> Vec<(i64, &'static str)> {
    const CHANGED: &str = "is not what was written";
    let link = &stored.link;
    let wanted: Vec<&[u8]> = stored.marks.chunks(MARK).collect();
    let here: Vec<&[u8]> = marks.chunks(MARK).collect();
    let mut told = Vec::new();
    let dense = link.last - link.first + 1 == link.rows;
    if dense {
        // Every key between has its row.
        let mut at = 0;
        for (key, wanted) in (link.first..=link.last).zip(&wanted) {
            if keys.get(at) == Some(&key) {
                if here.get(at) != Some(wanted) {
                    told.push((key, CHANGED));
                }
                at += 1;
            } else {
                told.push((key, "is gone"));
            }
        }
    } else if wanted.len() == here.len() {
        let pairs = keys.iter().zip(wanted.iter().zip(&here));
        told.extend(
            pairs
                .filter(|(_, (a, b))| a != b)
                .map(|(key, _)| (*key, CHANGED)),
        );
    } else {
        let same = wanted.iter().zip(&here).take_while(|(a, b)| a == b).count();
        let key = keys.get(same).copied().unwrap_or(link.last);
        let fewer = here.len() < wanted.len();
        told.push((
            key,
            if fewer {
                "follows a row that is gone"
            } else {
                "was slipped in"
            },
        ));
    }
    if told.is_empty() {
        // The marks prove nothing, and somebody mended them too.
        told.push((link.first, "or one that follows it is not what was written"));
    }
    told.truncate(NAMED);
    told
}
