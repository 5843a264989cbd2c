//! The bundle of a sealed period: one text file, one JSON object per line.

use super::seal::Statement;
use anyhow::Context as _;
use ledger::chain::{Link, Step, merkle_path};
use ledger::hash::hex;
use ledger::{
    Currency, Deferral, Dimensions, EntryHeader, EntryKind, EventKey, Hash, JournalEntry, Line,
    Money, RuleRef, Side,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use store::Snapshot;
use store::evidence::SealRow;

/// The name of the format, and its version.
pub const FORMAT: &str = "tieout.evidence.v1";

/// How to check it, for whoever wants to write that program again.
const ABOUT: &str = "One JSON object per line: this one, the seal, every posting batch from the first, every entry of the period. \
Hashes are SHA-256 over fields, each a four-byte big-endian length and its bytes; numbers are decimal text; the first field names the kind. \
link = tieout.link.v1, batch, first_entry, entries, root (32 bytes), previous (32 bytes). \
root = Merkle tree over the entries' hashes in order: leaf = tieout.leaf.v1, hash; node = tieout.node.v1, left, right; an odd one moves up as it is. \
seal chain.root = the same tree over the hashes of all links; chain.head = the last link's hash. \
entry = tieout.entry.v1, entity, date, kind, reference, description, event (16 bytes), mapping (32 bytes), rule, rate or nothing, number of lines, \
then per line account, side, amount with its currency (12.30 EUR), functional amount with its currency, number of dimensions, each name and value, 0 or 1, \
and after 1 the deferral's release account, method, first and last day. \
An entry with event_on, the day to which it belongs where its period was closed, has tieout.entry.v2 instead and that day after its date. \
The statement's bounds are the period's days, and every entry is dated within them. Its documents.root = the same tree over all entries of the period in order, \
a leaf's hash = tieout.document.v1, entry, document number, entry hash (32 bytes); a document is called ENTITY-YEAR-NUMBER, lowest and highest are the ends of the numbers, \
and elsewhere is how many between them belong to other periods of the year. record.head = the last link of the chain over everything beside the journal, which the books themselves hold. \
previous_seal = SHA-256 of the statement that was sealed before. Statements of tieout.seal.v1 have neither bounds, documents nor record. \
Amounts below are minor units. The signature is Ed25519 over the statement's text.";

/// One line of a bundle.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "is", rename_all = "lowercase", deny_unknown_fields)]
pub enum Item {
    /// The first line.
    About {
        /// [`FORMAT`].
        format: String,
        /// How to check the rest, for people.
        about: String,
    },
    /// What was signed.
    Seal(SealItem),
    /// A link of the chain.
    Batch(BatchItem),
    /// An entry of the period.
    Entry(Box<EntryItem>),
}

/// A statement and its signature, as text.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SealItem {
    /// The text under the signature, to the byte.
    pub statement: String,
    /// Ed25519, in hexadecimal.
    pub signature: String,
    /// The key that checks it, in hexadecimal.
    pub public_key: String,
}

/// A link of the chain, and what the period has of it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BatchItem {
    /// From 1, without gaps.
    pub batch: i64,
    /// The first entry that it holds.
    pub first_entry: i64,
    /// How many it holds, of any period.
    pub entries: i64,
    /// The Merkle root over their hashes, in hexadecimal.
    pub root: String,
    /// The hash of the link before, or zeros.
    pub previous: String,
    /// The link's own hash, which the next one points at.
    pub hash: String,
    /// The hashes of all its entries, where some of them are of the period.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leaves: Vec<String>,
    /// How many of them are.
    #[serde(default)]
    pub of_the_period: i64,
}

/// An entry with everything that its hash is over.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EntryItem {
    /// Its number in the journal.
    pub entry: i64,
    /// The posting batch that holds it.
    pub batch: i64,
    /// Its name among documents, `eu-2026-000017`; empty where it has none.
    pub document: String,
    /// The code of the entity whose books it is in.
    pub entity: String,
    /// The accounting date.
    pub date: chrono::NaiveDate,
    /// The day to which it belongs, where that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_on: Option<chrono::NaiveDate>,
    /// What it does: `original`, `reversal` or another word of the journal.
    pub kind: String,
    /// The document that people know: an invoice or payment number.
    pub reference: String,
    /// What happened, for people.
    pub description: String,
    /// The key of the event it came from, in hexadecimal.
    pub event: String,
    /// The content hash of the mapping that made it.
    pub mapping: String,
    /// By name, as it stands in that mapping.
    pub rule: String,
    /// Functional units for one transaction unit, in decimal text, where the currencies differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<String>,
    /// In the order in which they are hashed.
    pub lines: Vec<LineItem>,
}

/// One line of an entry.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LineItem {
    /// By its name in the chart.
    pub account: String,
    /// `debit` or `credit`.
    pub side: String,
    /// In minor units of the transaction's currency.
    pub amount: i64,
    /// The ISO code of that currency.
    pub currency: String,
    /// The same in minor units of the entity's currency.
    pub functional: i64,
    /// The ISO code of that currency.
    pub functional_currency: String,
    /// What the amount belongs to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dimensions: Dimensions,
    /// When and where it is released, if it is deferred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deferral: Option<DeferralItem>,
}

/// How a deferred line is released.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DeferralItem {
    /// The account that takes it.
    pub release_account: String,
    /// How it is spread: `daily`, `monthly`.
    pub method: String,
    /// The first day of the service.
    pub from: chrono::NaiveDate,
    /// The last day of the service.
    pub to: chrono::NaiveDate,
}

/// That an entry is under a seal: the way from its hash to the seal's root.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// [`PROOF`].
    pub format: String,
    /// What is proved.
    pub entry: EntryItem,
    /// The posting batch that holds it.
    pub batch: BatchItem,
    /// From the entry's hash to the batch's root.
    pub path: Vec<StepItem>,
    /// From the batch's hash to the seal's root.
    pub chain_path: Vec<StepItem>,
    /// From the entry's document to the root of all documents, where the seal signs one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub document_path: Vec<StepItem>,
    /// What was signed.
    pub seal: SealItem,
}

/// The name of a proof's format, and its version.
pub const PROOF: &str = "tieout.proof.v1";

/// A hash on the way to a root, in hexadecimal.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StepItem {
    /// It stands on the left.
    Left(String),
    /// It stands on the right.
    Right(String),
}

impl From<&Step> for StepItem {
    fn from(step: &Step) -> Self {
        match step {
            Step::Left(hash) => Self::Left(hash.to_string()),
            Step::Right(hash) => Self::Right(hash.to_string()),
        }
    }
}

impl StepItem {
    /// Reads it.
    ///
    /// # Errors
    /// When its text is no hash.
    pub fn step(&self) -> anyhow::Result<Step> {
        Ok(match self {
            Self::Left(text) => Step::Left(hash(text)?),
            Self::Right(text) => Step::Right(hash(text)?),
        })
    }
}

/// Reads a hash from hexadecimal text.
///
/// # Errors
/// When it is none.
pub fn hash(text: &str) -> anyhow::Result<Hash> {
    Hash::from_hex(text).with_context(|| format!("`{text}` is no hash"))
}

impl BatchItem {
    /// As text, with no entries of the period yet.
    pub fn of(link: &Link) -> Self {
        Self {
            batch: link.batch,
            first_entry: link.first_entry,
            entries: link.entries,
            root: link.root.to_string(),
            previous: link.previous.to_string(),
            hash: link.hash().to_string(),
            leaves: Vec::new(),
            of_the_period: 0,
        }
    }

    /// Reads back what is hashed.
    ///
    /// # Errors
    /// When one of its hashes is none.
    pub fn link(&self) -> anyhow::Result<Link> {
        Ok(Link {
            batch: self.batch,
            first_entry: self.first_entry,
            entries: self.entries,
            root: hash(&self.root)?,
            previous: hash(&self.previous)?,
        })
    }
}

impl EntryItem {
    fn of(id: i64, batch: i64, document: String, entry: &JournalEntry) -> Self {
        let header = entry.header();
        Self {
            entry: id,
            batch,
            document,
            entity: header.entity.clone(),
            date: header.date,
            event_on: header.event_on,
            kind: header.kind.name().to_owned(),
            reference: header.reference.clone(),
            description: header.description.clone(),
            event: header.event.to_string(),
            mapping: header.rule.mapping.to_string(),
            rule: header.rule.rule.clone(),
            rate: header.rate.map(|rate| rate.normalize().to_string()),
            lines: entry.lines().iter().map(LineItem::of).collect(),
        }
    }

    /// The entry, built anew; it balances or it is none.
    pub fn rebuild(&self) -> anyhow::Result<JournalEntry> {
        let header = EntryHeader {
            entity: self.entity.clone(),
            date: self.date,
            event_on: self.event_on,
            kind: EntryKind::from_name(&self.kind)
                .with_context(|| format!("`{}` is no kind of entry", self.kind))?,
            reference: self.reference.clone(),
            description: self.description.clone(),
            event: EventKey::from_hex(&self.event).context("its event has a malformed key")?,
            rule: RuleRef {
                mapping: hash(&self.mapping)?,
                rule: self.rule.clone(),
            },
            rate: self.rate.as_deref().map(str::parse).transpose()?,
        };
        let lines = self
            .lines
            .iter()
            .map(LineItem::rebuild)
            .collect::<anyhow::Result<_>>()?;
        Ok(JournalEntry::new(header, lines)?)
    }
}

impl LineItem {
    fn of(line: &Line) -> Self {
        Self {
            account: line.account.clone(),
            side: line.side.name().to_owned(),
            amount: line.amount.amount(),
            currency: line.amount.currency().code().to_owned(),
            functional: line.functional.amount(),
            functional_currency: line.functional.currency().code().to_owned(),
            dimensions: line.dimensions.clone(),
            deferral: line.deferral.as_ref().map(|deferral| DeferralItem {
                release_account: deferral.release_account.clone(),
                method: deferral.method.clone(),
                from: deferral.from,
                to: deferral.to,
            }),
        }
    }

    fn rebuild(&self) -> anyhow::Result<Line> {
        let side = [Side::Debit, Side::Credit]
            .into_iter()
            .find(|side| side.name() == self.side)
            .with_context(|| format!("`{}` is no side", self.side))?;
        Ok(Line {
            account: self.account.clone(),
            side,
            amount: Money::minor(self.amount, Currency::from_code(&self.currency)?),
            functional: Money::minor(
                self.functional,
                Currency::from_code(&self.functional_currency)?,
            ),
            dimensions: self.dimensions.clone(),
            deferral: self.deferral.as_ref().map(|deferral| Deferral {
                release_account: deferral.release_account.clone(),
                method: deferral.method.clone(),
                from: deferral.from,
                to: deferral.to,
            }),
        })
    }
}

/// Writes the bundle of a seal; how many entries are in it.
pub async fn write(books: &Snapshot, seal: &SealRow, out: &mut dyn Write) -> anyhow::Result<i64> {
    let statement: Statement = serde_json::from_str(&seal.statement)?;
    let about = Item::About {
        format: FORMAT.to_owned(),
        about: ABOUT.to_owned(),
    };
    line(out, &about)?;
    line(out, &Item::Seal(seal_item(seal)))?;
    let mut written = 0;
    for stored in books.links().await? {
        if stored.link.batch > seal.batch {
            break;
        }
        written += batch(books, &statement, &stored.link, out).await?;
    }
    out.flush()?;
    Ok(written)
}

/// A batch and those of its entries that are of the period.
async fn batch(
    books: &Snapshot,
    statement: &Statement,
    link: &Link,
    out: &mut dyn Write,
) -> anyhow::Result<i64> {
    let (after, through) = (link.first_entry - 1, link.first_entry + link.entries - 1);
    let stored = books.entries(after, through).await?;
    let documents: BTreeMap<i64, String> = books
        .documents(after, through)
        .await?
        .into_iter()
        .map(|row| (row.entry_id, row.name()))
        .collect();
    let mut item = BatchItem::of(link);
    let mut entries = Vec::new();
    for found in &stored {
        let Ok(entry) = &found.entry else {
            anyhow::bail!(
                "entry {} is no longer what was posted; run `tieout verify`",
                found.id
            );
        };
        if entry.header().entity == statement.entity && found.period == statement.period {
            let document = documents.get(&found.id).cloned().unwrap_or_default();
            entries.push(EntryItem::of(found.id, link.batch, document, entry));
        }
    }
    item.of_the_period = i64::try_from(entries.len())?;
    if !entries.is_empty() {
        item.leaves = stored
            .iter()
            .map(|found| found.stored_hash.to_string())
            .collect();
    }
    line(out, &Item::Batch(item))?;
    let count = i64::try_from(entries.len())?;
    for entry in entries {
        line(out, &Item::Entry(Box::new(entry)))?;
    }
    Ok(count)
}

/// The proof that an entry is under a seal.
pub async fn prove(books: &Snapshot, entry: i64, seal: &SealRow) -> anyhow::Result<Proof> {
    let links = books.links().await?;
    let covered = usize::try_from(seal.batch)?;
    let links = links
        .get(..covered)
        .context("the chain is shorter than the seal says; run `tieout verify`")?;
    let at = links
        .iter()
        .position(|stored| {
            let link = stored.link;
            (link.first_entry..link.first_entry + link.entries).contains(&entry)
        })
        .with_context(|| {
            format!(
                "entry {entry} is in no batch under the seal of {} {}",
                seal.entity, seal.period
            )
        })?;
    let link = links.get(at).context("a link")?.link;
    let (after, through) = (link.first_entry - 1, link.first_entry + link.entries - 1);
    let stored = books.entries(after, through).await?;
    let leaves: Vec<Hash> = stored.iter().map(|found| found.stored_hash).collect();
    let found = stored
        .iter()
        .find(|found| found.id == entry)
        .context("the entry is not there")?;
    let Ok(built) = &found.entry else {
        anyhow::bail!("entry {entry} is no longer what was posted; run `tieout verify`");
    };
    let document = books.documents(entry - 1, entry).await?;
    let document = document
        .first()
        .map(store::evidence::DocumentRow::name)
        .unwrap_or_default();
    let through = links.last().map_or(0, |stored| {
        stored.link.first_entry + stored.link.entries - 1
    });
    let document_path = document_path(books, seal, (entry, through)).await?;
    let hashes: Vec<Hash> = links.iter().map(|stored| stored.hash).collect();
    let place = usize::try_from(entry - link.first_entry)?;
    Ok(Proof {
        format: PROOF.to_owned(),
        entry: EntryItem::of(entry, link.batch, document, built),
        batch: BatchItem::of(&link),
        path: merkle_path(&leaves, place)
            .context("no such leaf")?
            .iter()
            .map(StepItem::from)
            .collect(),
        chain_path: merkle_path(&hashes, at)
            .context("no such link")?
            .iter()
            .map(StepItem::from)
            .collect(),
        document_path,
        seal: seal_item(seal),
    })
}

/// From an entry's document to the root over those of its period; empty where the seal signs none, or where
/// the entry is of another period than the seal.
async fn document_path(
    books: &Snapshot,
    seal: &SealRow,
    (entry, through): (i64, i64),
) -> anyhow::Result<Vec<StepItem>> {
    let statement: Statement = serde_json::from_str(&seal.statement)?;
    if statement.documents.is_none() {
        return Ok(Vec::new());
    }
    let (mut leaves, mut place, mut after) = (Vec::new(), None, 0);
    loop {
        let of = (seal.entity.as_str(), seal.period.as_str());
        let page = books.numbered(of, after, DOCUMENTS).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        // What was posted after a period was opened again is under its next seal.
        for row in page.iter().filter(|row| row.id <= through) {
            if row.id == entry {
                place = Some(leaves.len());
            }
            let hash = Hash::from_slice(&row.hash).unwrap_or(Hash::ZERO);
            leaves.push(ledger::chain::document(row.id, row.number, &hash));
        }
    }
    let path = place.and_then(|place| merkle_path(&leaves, place));
    Ok(path
        .unwrap_or_default()
        .iter()
        .map(StepItem::from)
        .collect())
}

/// How many documents are read at once.
const DOCUMENTS: i64 = 10_000;

fn seal_item(seal: &SealRow) -> SealItem {
    SealItem {
        statement: seal.statement.clone(),
        signature: hex(&seal.signature),
        public_key: hex(&seal.public_key),
    }
}

fn line(out: &mut dyn Write, item: &Item) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, item)?;
    out.write_all(b"\n")?;
    Ok(())
}
