//! The verifier of bundles and proofs. It sees a file and nothing else: no configuration, no books.

use super::bundle::{self, BatchItem, EntryItem, Item, Proof, SealItem, hash};
use super::seal::{self, Balance, Statement};
use anyhow::{Context as _, ensure};
use ledger::chain::{Merkle, document, merkle_root, root_of_path};
use ledger::hash::unhex;
use ledger::{Hash, JournalEntry, Side};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, Read};

/// The longest line that is read: 64 MiB.
const MAX_LINE: u64 = 64 << 20;

/// The most failures that are told; the others are counted.
const TOLD: usize = 1_000;

/// What was found in a bundle.
#[derive(Debug, Default, serde::Serialize)]
pub struct Findings {
    /// Whose books they are, as the seal says.
    pub company: String,
    /// The entity's code.
    pub entity: String,
    /// The period's code.
    pub period: String,
    /// When, in RFC 3339.
    pub sealed_at: String,
    /// By whom.
    pub sealed_by: String,
    /// The key that the bundle brings, in hexadecimal.
    pub public_key: String,
    /// Posting batches that were read.
    pub batches: i64,
    /// Entries of the period that were read.
    pub entries: i64,
    /// The first batch in which something does not hold.
    pub first_bad_batch: Option<i64>,
    /// How many failures there are.
    pub failed: usize,
    /// What does not hold, in words; the first of them, where there are very many.
    pub failures: Vec<String>,
}

#[derive(Default)]
struct Checker {
    found: Findings,
    statement: Option<Statement>,
    /// Whether the line before named the format.
    is_about: bool,
    previous: Option<Hash>,
    next_entry: i64,
    links: Merkle,
    batch: Option<OpenBatch>,
    balances: BTreeMap<(String, String, String), [i128; 4]>,
    names: BTreeSet<String>,
    documents: Merkle,
    numbers: Option<(i64, i64)>,
}

/// The batch whose entries are being read.
struct OpenBatch {
    item: BatchItem,
    leaves: Vec<Hash>,
    seen: i64,
    last: i64,
}

/// Checks a bundle, line by line. A key that is trusted must be the seal's.
///
/// # Errors
/// When the file cannot be read. Whatever stands in it that should not is a finding.
pub fn check(input: impl BufRead, trusted: Option<&[u8]>) -> std::io::Result<Findings> {
    let mut checker = Checker {
        next_entry: 1,
        ..Checker::default()
    };
    let mut input = input;
    let mut text = Vec::new();
    for number in 1_u64.. {
        text.clear();
        let mut bounded = Read::take(&mut input, MAX_LINE);
        if bounded.read_until(b'\n', &mut text)? == 0 {
            break;
        }
        if text.last() != Some(&b'\n') {
            if u64::try_from(text.len()) == Ok(MAX_LINE) {
                checker.fail(
                    None,
                    format!("line {number} is longer than {MAX_LINE} bytes"),
                );
                skip_line(&mut input)?;
                continue;
            }
            checker.fail(None, format!("the file breaks off within line {number}"));
        }
        if text.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice(&text) {
            Ok(item) => checker.item(item, trusted),
            Err(error) => {
                checker.fail(
                    None,
                    format!("line {number} is no line of a bundle: {error}"),
                );
            }
        }
    }
    Ok(checker.finish())
}

fn skip_line(input: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let here = input.fill_buf()?;
        if here.is_empty() {
            return Ok(());
        }
        let end = here.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(here.len(), |end| end + 1);
        input.consume(length);
        if end.is_some() {
            return Ok(());
        }
    }
}

impl Checker {
    fn item(&mut self, item: Item, trusted: Option<&[u8]>) {
        match item {
            Item::About { format, .. } => {
                self.is_about = true;
                if format != bundle::FORMAT {
                    self.fail(
                        None,
                        format!("`{format}` is no format of a bundle that is known here"),
                    );
                }
            }
            Item::Seal(seal) => {
                if self.statement.is_some() {
                    self.fail(None, "a second seal stands in it".into());
                    return;
                }
                match self.seal(&seal, trusted) {
                    Ok(statement) => self.statement = Some(statement),
                    Err(error) => self.fail(None, format!("the seal: {error:#}")),
                }
            }
            Item::Batch(batch) => self.batch(batch),
            Item::Entry(entry) => self.entry(&entry),
        }
    }

    fn fail(&mut self, batch: Option<i64>, what: String) {
        let what = match batch {
            Some(batch) => {
                let first = self.found.first_bad_batch.get_or_insert(batch);
                *first = batch.min(*first);
                format!("batch {batch}: {what}")
            }
            None => what,
        };
        self.found.failed += 1;
        if self.found.failures.len() < TOLD {
            self.found.failures.push(what);
        }
    }

    fn seal(&mut self, item: &SealItem, trusted: Option<&[u8]>) -> anyhow::Result<Statement> {
        self.found.public_key.clone_from(&item.public_key);
        let statement = opened(item, trusted)?;
        self.found.company.clone_from(&statement.company);
        self.found.entity.clone_from(&statement.entity);
        self.found.period.clone_from(&statement.period);
        self.found.sealed_at.clone_from(&statement.sealed_at);
        self.found.sealed_by.clone_from(&statement.sealed_by);
        Ok(statement)
    }

    fn batch(&mut self, item: BatchItem) {
        self.close_batch();
        self.found.batches = self.found.batches.saturating_add(1);
        let number = item.batch;
        match self.batch_problem(&item) {
            Ok(None) => {}
            Ok(Some(problem)) => self.fail(Some(number), problem.into()),
            Err(error) => self.fail(Some(number), format!("{error:#}")),
        }
        // An unreadable hash stands for none, and every proof through it fails.
        let leaves = item
            .leaves
            .iter()
            .map(|leaf| hash(leaf).unwrap_or(Hash::ZERO));
        self.batch = Some(OpenBatch {
            leaves: leaves.collect(),
            item,
            seen: 0,
            last: 0,
        });
    }

    fn batch_problem(&mut self, item: &BatchItem) -> anyhow::Result<Option<&'static str>> {
        let expected = self.next_entry;
        self.next_entry = item
            .first_entry
            .checked_add(item.entries)
            .filter(|next| item.entries >= 0 && item.first_entry >= 0 && *next >= expected)
            .unwrap_or(expected);
        let link = item.link()?;
        let previous = self.previous.replace(link.hash());
        self.links.add(&link.hash());
        ensure!(
            item.entries >= 0 && item.of_the_period >= 0 && item.of_the_period <= item.entries,
            "it cannot hold {} entries, {} of them of the period",
            item.entries,
            item.of_the_period
        );
        let stored = hash(&item.hash)?;
        let leaves = item
            .leaves
            .iter()
            .map(|leaf| hash(leaf))
            .collect::<anyhow::Result<Vec<_>>>()?;
        if item.batch != self.found.batches || item.first_entry != expected {
            return Ok(Some("the batches or entries before it are not all there"));
        }
        if link.previous != previous.unwrap_or(Hash::ZERO) || link.hash() != stored {
            return Ok(Some("its link does not follow from the one before"));
        }
        let complete = i64::try_from(leaves.len()) == Ok(link.entries);
        if (item.of_the_period > 0 || !leaves.is_empty())
            && (!complete || merkle_root(&leaves) != link.root)
        {
            return Ok(Some("its entries are not those that were posted"));
        }
        Ok(None)
    }

    fn close_batch(&mut self) {
        let Some(open) = self.batch.take() else {
            return;
        };
        if open.seen != open.item.of_the_period {
            let what = format!(
                "{} entries of the period belong to it and {} are here",
                open.item.of_the_period, open.seen
            );
            self.fail(Some(open.item.batch), what);
        }
    }

    fn entry(&mut self, item: &EntryItem) {
        self.found.entries = self.found.entries.saturating_add(1);
        let problem = self.entry_problem(item);
        if let Err(problem) = problem {
            let what = format!("entry {} ({}): {problem:#}", item.entry, item.reference);
            self.fail(Some(item.batch), what);
        }
    }

    fn entry_problem(&mut self, item: &EntryItem) -> anyhow::Result<()> {
        let entry = item.rebuild()?;
        let open = self.batch.as_mut().context("it stands before its batch")?;
        ensure!(
            open.item.batch == item.batch,
            "it stands under another batch than it names"
        );
        open.seen = open.seen.saturating_add(1);
        ensure!(item.entry > open.last, "it stands out of order");
        open.last = item.entry;
        let place = item.entry.checked_sub(open.item.first_entry);
        let leaf = place
            .and_then(|place| open.leaves.get(usize::try_from(place).ok()?))
            .context("its batch does not reach so far")?;
        ensure!(entry.hash() == *leaf, "it is not what was posted");
        self.add_balances(&entry);
        let statement = self
            .statement
            .as_ref()
            .context("the seal is missing before it")?;
        ensure!(item.entity == statement.entity, "it is of another entity");
        let number = numbered(item, statement);
        if let Ok(Some(number)) = number {
            let (lowest, highest) = self.numbers.unwrap_or((number, number));
            self.numbers = Some((lowest.min(number), highest.max(number)));
            let leaf = document(item.entry, number, &entry.hash());
            self.documents.add(&leaf);
        }
        ensure!(!item.document.is_empty(), "it has no document number");
        ensure!(
            self.names.insert(item.document.clone()),
            "document {} stands twice",
            item.document
        );
        number?;
        is_of_the_period(item, statement)
    }

    fn add_balances(&mut self, entry: &JournalEntry) {
        for line in entry.lines() {
            let key = (
                line.account.clone(),
                line.amount.currency().code().to_owned(),
                line.functional.currency().code().to_owned(),
            );
            let sums = self.balances.entry(key).or_default();
            let (amount, functional) = match line.side {
                Side::Debit => (0, 2),
                Side::Credit => (1, 3),
            };
            for (at, value) in [(amount, line.amount), (functional, line.functional)] {
                if let Some(sum) = sums.get_mut(at) {
                    *sum += i128::from(value.amount());
                }
            }
        }
    }

    fn finish(mut self) -> Findings {
        self.close_batch();
        if !self.is_about {
            self.fail(
                None,
                "its first line, which says what it is, is missing".into(),
            );
        }
        let Some(statement) = self.statement.take() else {
            self.fail(None, "the bundle holds no seal that counts".into());
            return self.found;
        };
        self.ends(&statement);
        self.sums(&statement);
        self.numbers(&statement);
        self.found
    }

    /// Chain and journal end where the seal says.
    fn ends(&mut self, statement: &Statement) {
        let root = self.links.root().to_string();
        let head = self.previous.unwrap_or(Hash::ZERO).to_string();
        if self.found.batches != statement.chain.batches {
            let (here, sealed) = (self.found.batches, statement.chain.batches);
            self.fail(
                Some(here.min(sealed).saturating_add(1)),
                format!("{sealed} batches were sealed and the bundle ends after {here}"),
            );
        } else if head != statement.chain.head || root != statement.chain.root {
            self.fail(None, "the chain does not end where the seal says".into());
        }
        if self.found.entries != statement.entries {
            let (here, sealed) = (self.found.entries, statement.entries);
            self.fail(
                None,
                format!("{sealed} entries were sealed and {here} are here"),
            );
        }
    }

    fn sums(&mut self, statement: &Statement) {
        if self.balances_found() != sorted(&statement.balances) {
            self.fail(
                None,
                "the entries do not sum up to the sealed balances".into(),
            );
        }
        for row in &statement.control {
            if row.difference() != 0 {
                self.fail(
                    None,
                    format!(
                        "the control equation of source `{}` does not close",
                        row.source
                    ),
                );
            }
        }
    }

    /// The numbers of the documents are those that were sealed.
    fn numbers(&mut self, statement: &Statement) {
        let Some(sealed) = &statement.documents else {
            return;
        };
        let (lowest, highest) = self.numbers.unwrap_or((0, 0));
        if (lowest, highest) != (sealed.lowest, sealed.highest) {
            self.fail(
                None,
                format!(
                    "documents {} to {} were sealed and {lowest} to {highest} are here",
                    sealed.lowest, sealed.highest
                ),
            );
        }
        let between = i128::from(highest) - i128::from(lowest) + 1;
        let missing = between - i128::from(self.found.entries) - i128::from(sealed.elsewhere);
        if self.numbers.is_some() && missing != 0 {
            self.fail(
                None,
                format!(
                    "{} numbers between {lowest} and {highest} belong to other periods, and {missing} more are not here",
                    sealed.elsewhere
                ),
            );
        }
        if self.documents.root().to_string() != sealed.root {
            self.fail(
                None,
                "the document numbers are not those that were sealed".into(),
            );
        }
    }

    fn balances_found(&self) -> Vec<Balance> {
        let minor = |sum: i128| i64::try_from(sum).unwrap_or(i64::MAX);
        self.balances
            .iter()
            .map(
                |((account, currency, functional), [debit, credit, f_debit, f_credit])| Balance {
                    account: account.clone(),
                    currency: currency.clone(),
                    debit: minor(*debit),
                    credit: minor(*credit),
                    functional_currency: functional.clone(),
                    functional_debit: minor(*f_debit),
                    functional_credit: minor(*f_credit),
                    code: None,
                },
            )
            .collect()
    }
}

fn sorted(balances: &[Balance]) -> Vec<Balance> {
    let mut balances = balances.to_vec();
    for balance in &mut balances {
        // What the chart calls it stands in no entry.
        balance.code = None;
    }
    balances.sort();
    balances
}

/// An entry is dated within the days that the seal bounds.
fn is_of_the_period(item: &EntryItem, statement: &Statement) -> anyhow::Result<()> {
    if let Some(bounds) = &statement.bounds {
        ensure!(
            (bounds.first_day..=bounds.last_day).contains(&item.date),
            "it is dated {}, and {} runs from {} to {}",
            item.date,
            statement.period,
            bounds.first_day,
            bounds.last_day
        );
    }
    Ok(())
}

/// The number in a document's name, which names the series that the seal is about.
fn numbered(item: &EntryItem, statement: &Statement) -> anyhow::Result<Option<i64>> {
    let Some(documents) = &statement.documents else {
        return Ok(None);
    };
    let number = item
        .document
        .rsplit('-')
        .next()
        .and_then(|text| text.parse().ok());
    let number = number.filter(|number: &i64| {
        *number > 0 && documents.name(&statement.entity, *number) == item.document
    });
    let number = number.with_context(|| {
        format!(
            "`{}` is no document of `{}` in {}",
            item.document, statement.entity, documents.fiscal_year
        )
    })?;
    Ok(Some(number))
}

fn opened(item: &SealItem, trusted: Option<&[u8]>) -> anyhow::Result<Statement> {
    let key = unhex(&item.public_key).context("the public key is no hexadecimal text")?;
    if let Some(trusted) = trusted {
        ensure!(
            key == trusted,
            "it was set with key {}, not with the trusted one",
            item.public_key
        );
    }
    let signature = unhex(&item.signature).context("the signature is no hexadecimal text")?;
    seal::verified(&item.statement, &signature, &key)
}

/// Checks that a proof's entry is under a seal, and gives the seal's statement.
///
/// # Errors
/// What does not hold.
pub fn check_proof(proof: &Proof, trusted: Option<&[u8]>) -> anyhow::Result<Statement> {
    ensure!(
        proof.format == bundle::PROOF,
        "`{}` is no format of a proof that is known here",
        proof.format
    );
    let statement = opened(&proof.seal, trusted)?;
    let item = &proof.entry;
    let entry = item.rebuild()?;
    let link = proof.batch.link()?;
    let steps = |path: &[bundle::StepItem]| {
        path.iter()
            .map(bundle::StepItem::step)
            .collect::<anyhow::Result<Vec<_>>>()
    };
    ensure!(
        hash(&proof.batch.hash)? == link.hash() && item.batch == link.batch,
        "batch {} is not the one that the entry names",
        link.batch
    );
    ensure!(
        root_of_path(&entry.hash(), &steps(&proof.path)?) == link.root,
        "entry {} is not in batch {}",
        item.entry,
        link.batch
    );
    ensure!(
        root_of_path(&link.hash(), &steps(&proof.chain_path)?).to_string() == statement.chain.root,
        "batch {} is not under the seal",
        link.batch
    );
    if let Some(documents) = &statement.documents {
        ensure!(
            item.entity == statement.entity && is_of_the_period(item, &statement).is_ok(),
            "entry {} is not of {} of `{}`; prove it under the seal of its own period",
            item.entry,
            statement.period,
            statement.entity
        );
        let number = numbered(item, &statement)?.context("it has no document number")?;
        let leaf = document(item.entry, number, &entry.hash());
        ensure!(
            root_of_path(&leaf, &steps(&proof.document_path)?).to_string() == documents.root,
            "entry {} is not document {}",
            item.entry,
            item.document
        );
    }
    Ok(statement)
}
