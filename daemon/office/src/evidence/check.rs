//! The verifier of bundles and proofs. It sees a file and nothing else: no configuration, no books.

use super::bundle::{self, BatchItem, EntryItem, Item, Proof, SealItem, hash};
use super::seal::{self, Balance, Statement};
use anyhow::{Context as _, ensure};
use ledger::chain::{merkle_root, root_of_path};
use ledger::hash::unhex;
use ledger::{Hash, Side};
use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

/// The longest line that is read: 64 MiB.
const MAX_LINE: u64 = 64 << 20;

/// What was found in a bundle.
#[derive(Debug, Default, serde::Serialize)]
pub struct Findings {
    pub company: String,
    pub entity: String,
    pub period: String,
    pub sealed_at: String,
    pub sealed_by: String,
    pub public_key: String,
    pub batches: i64,
    pub entries: i64,
    /// The first batch in which something does not hold.
    pub first_bad_batch: Option<i64>,
    pub failures: Vec<String>,
}

struct Checker {
    found: Findings,
    statement: Option<Statement>,
    previous: Hash,
    next_entry: i64,
    links: Vec<Hash>,
    batch: Option<OpenBatch>,
    balances: BTreeMap<(String, String, String), [i128; 4]>,
    documents: BTreeSet<String>,
}

/// The batch whose entries are being read.
struct OpenBatch {
    item: BatchItem,
    leaves: Vec<Hash>,
    seen: i64,
    last: i64,
}

/// Checks a bundle, line by line. A key that is trusted must be the seal's.
pub fn check(input: impl BufRead, trusted: Option<&[u8]>) -> anyhow::Result<Findings> {
    let mut checker = Checker {
        found: Findings::default(),
        statement: None,
        previous: Hash::ZERO,
        next_entry: 1,
        links: Vec::new(),
        batch: None,
        balances: BTreeMap::new(),
        documents: BTreeSet::new(),
    };
    let mut input = input;
    for number in 1.. {
        let mut text = String::new();
        let mut bounded = std::io::Read::take(&mut input, MAX_LINE);
        if bounded.read_line(&mut text)? == 0 {
            break;
        }
        if text.trim().is_empty() {
            continue;
        }
        let item: Item = serde_json::from_str(&text)
            .with_context(|| format!("line {number} is no line of a bundle"))?;
        checker
            .item(item, trusted)
            .with_context(|| format!("line {number}"))?;
    }
    checker.finish()
}

impl Checker {
    fn item(&mut self, item: Item, trusted: Option<&[u8]>) -> anyhow::Result<()> {
        match item {
            Item::About { format, .. } => {
                ensure!(
                    format == bundle::FORMAT,
                    "`{format}` is no format of a bundle that is known here"
                );
            }
            Item::Seal(seal) => self.statement = Some(self.seal(&seal, trusted)?),
            Item::Batch(batch) => self.batch(batch)?,
            Item::Entry(entry) => self.entry(&entry),
        }
        Ok(())
    }

    fn fail(&mut self, batch: Option<i64>, what: String) {
        if let Some(batch) = batch {
            let first = self.found.first_bad_batch.get_or_insert(batch);
            *first = batch.min(*first);
            self.found.failures.push(format!("batch {batch}: {what}"));
        } else {
            self.found.failures.push(what);
        }
    }

    fn seal(&mut self, item: &SealItem, trusted: Option<&[u8]>) -> anyhow::Result<Statement> {
        let statement = opened(item, trusted)?;
        self.found.company.clone_from(&statement.company);
        self.found.entity.clone_from(&statement.entity);
        self.found.period.clone_from(&statement.period);
        self.found.sealed_at.clone_from(&statement.sealed_at);
        self.found.sealed_by.clone_from(&statement.sealed_by);
        self.found.public_key.clone_from(&item.public_key);
        Ok(statement)
    }

    fn batch(&mut self, item: BatchItem) -> anyhow::Result<()> {
        self.close_batch();
        self.found.batches += 1;
        let (number, link) = (item.batch, item.link()?);
        if number != self.found.batches || link.first_entry != self.next_entry {
            self.fail(
                Some(number),
                "the batches or entries before it are not all there".into(),
            );
        } else if link.previous != self.previous || link.hash() != hash(&item.hash)? {
            self.fail(
                Some(number),
                "its link does not follow from the one before".into(),
            );
        }
        let leaves = item
            .leaves
            .iter()
            .map(|leaf| hash(leaf))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let complete = i64::try_from(leaves.len()) == Ok(link.entries);
        if item.of_the_period > 0 && (!complete || merkle_root(&leaves) != link.root) {
            self.fail(
                Some(number),
                "its entries are not those that were posted".into(),
            );
        }
        self.previous = hash(&item.hash)?;
        self.next_entry = link.first_entry + link.entries;
        self.links.push(link.hash());
        self.batch = Some(OpenBatch {
            item,
            leaves,
            seen: 0,
            last: 0,
        });
        Ok(())
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
        self.found.entries += 1;
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
        open.seen += 1;
        ensure!(item.entry > open.last, "it stands out of order");
        open.last = item.entry;
        let place = usize::try_from(item.entry - open.item.first_entry).unwrap_or(usize::MAX);
        let leaf = open
            .leaves
            .get(place)
            .context("its batch does not reach so far")?;
        ensure!(entry.hash() == *leaf, "it is not what was posted");
        let statement = self
            .statement
            .as_ref()
            .context("the seal is missing before it")?;
        ensure!(item.entity == statement.entity, "it is of another entity");
        ensure!(
            self.documents.insert(item.document.clone()),
            "document {} stands twice",
            item.document
        );
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
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<Findings> {
        self.close_batch();
        let statement = self.statement.take().context("the bundle holds no seal")?;
        let root = merkle_root(&self.links).to_string();
        if self.found.batches != statement.chain.batches {
            let (here, sealed) = (self.found.batches, statement.chain.batches);
            self.fail(
                Some(here + 1),
                format!("{sealed} batches were sealed and the bundle ends after {here}"),
            );
        } else if self.previous.to_string() != statement.chain.head || root != statement.chain.root
        {
            self.fail(None, "the chain does not end where the seal says".into());
        }
        if self.found.entries != statement.entries {
            let (here, sealed) = (self.found.entries, statement.entries);
            self.fail(
                None,
                format!("{sealed} entries were sealed and {here} are here"),
            );
        }
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
        if let Some(missing) = missing_number(&self.documents) {
            self.fail(None, missing);
        }
        Ok(self.found)
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
                },
            )
            .collect()
    }
}

fn sorted(balances: &[Balance]) -> Vec<Balance> {
    let mut balances = balances.to_vec();
    balances.sort();
    balances
}

/// Every entry under a seal has a number.
fn missing_number(documents: &BTreeSet<String>) -> Option<String> {
    documents
        .contains("")
        .then(|| "an entry has no document number".to_owned())
}

fn opened(item: &SealItem, trusted: Option<&[u8]>) -> anyhow::Result<Statement> {
    let key = unhex(&item.public_key).context("the public key is no hexadecimal text")?;
    if let Some(trusted) = trusted {
        ensure!(
            key == trusted,
            "the seal was set with key {}, not with the trusted one",
            item.public_key
        );
    }
    let signature = unhex(&item.signature).context("the signature is no hexadecimal text")?;
    seal::verified(&item.statement, &signature, &key)
}

/// Checks that a proof's entry is under a seal, and gives the seal's statement.
pub fn check_proof(proof: &Proof, trusted: Option<&[u8]>) -> anyhow::Result<Statement> {
    ensure!(
        proof.format == bundle::PROOF,
        "`{}` is no format of a proof that is known here",
        proof.format
    );
    let statement = opened(&proof.seal, trusted)?;
    let entry = proof.entry.rebuild()?;
    let link = proof.batch.link()?;
    let steps = |path: &[bundle::StepItem]| {
        path.iter()
            .map(bundle::StepItem::step)
            .collect::<anyhow::Result<Vec<_>>>()
    };
    ensure!(
        root_of_path(&entry.hash(), &steps(&proof.path)?) == link.root,
        "entry {} is not in batch {}",
        proof.entry.entry,
        link.batch
    );
    ensure!(
        root_of_path(&link.hash(), &steps(&proof.chain_path)?).to_string() == statement.chain.root,
        "batch {} is not under the seal",
        link.batch
    );
    Ok(statement)
}
