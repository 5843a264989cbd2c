//! Batches out of entries. A claim is one short transaction, the artifact another; between them the batch is
//! rendered, and while one is, the entries of the next are read.
//!
//! What the target cannot be written (an account that has no counterpart there, a text that does not fit) is held back, and
//! holds up nothing else: the batch leaves without it, and each export tries it again, in a batch that supplements that one.

use super::maps::Tables;
use super::{Target, TargetSummary, periods};
use crate::config::ClosedPeriods;
use crate::evidence::heads::told;
use anyhow::Context as _;
use connectors::erp::{ErpConnector, OpenPeriods};
use formats::erp::limits::Limits;
use formats::erp::summary::{Members, Summary};
use formats::erp::{ExportBatch, ExportEntry, RenderError};
use ledger::{Currency, Money, Side};
use serde_json::json;
use std::collections::VecDeque;
use std::sync::Arc;
use store::artifact::{NewDocument, Parcel, Rendered, Sealed};
use store::claim::Claim;
use store::entries::Reader;
use store::record::Heads;
use tokio::sync::mpsc::UnboundedSender;

/// Entries taken from the books at once.
const PAGE: i64 = 2_000;

/// Makes all batches that the target lacks, and says after each that there is one.
pub(super) async fn all(
    to: &Target<'_>,
    stored: UnboundedSender<()>,
) -> (TargetSummary, anyhow::Result<()>) {
    let mut made = TargetSummary::default();
    let outcome = each(to, &stored, &mut made).await;
    (made, outcome)
}

async fn each(
    to: &Target<'_>,
    stored: &UnboundedSender<()>,
    made: &mut TargetSummary,
) -> anyhow::Result<()> {
    let mut source = Source {
        to,
        // Whoever claimed these was stopped before the artifact was stored.
        begun: to.call.store.unrendered(to.id).await?.into(),
        through: to.call.store.last_batch().await?,
        reader: to.call.store.reader(),
        chart: Arc::new(to.call.program()?.chart.clone()),
        labels: Arc::new(to.call.store.snapshot().await?.labels().await?),
    };
    let mut next = source.next().await?;
    while let Some((claim, batch)) = next {
        let (done, following) = tokio::join!(finish(to, &claim, batch), source.next());
        match done? {
            Finished::Stored { entries, held } => {
                made.batches += 1;
                made.entries += entries;
                made.hold(held);
                // Nobody may listen any more, when the sending side failed.
                let _closed = stored.send(());
            }
            Finished::Held(held) => made.hold(held),
        }
        next = following?;
    }
    Ok(())
}

/// Where batches come from.
struct Source<'s> {
    to: &'s Target<'s>,
    begun: VecDeque<Claim>,
    /// The newest batch when this began: what later ones hold back was tried just now.
    through: i64,
    reader: Reader<'s>,
    chart: Arc<ledger::Chart>,
    labels: Arc<ledger::Labels>,
}

impl Source<'_> {
    /// The next claim, with the entries that it holds.
    async fn next(&mut self) -> anyhow::Result<Option<(Claim, ExportBatch)>> {
        let claim = match self.begun.pop_front() {
            Some(claim) => claim,
            None => match self.claim().await? {
                Some(claim) => claim,
                None => return Ok(None),
            },
        };
        let mut entries = Vec::new();
        for (first, last) in self.to.call.store.claimed_entries(&claim).await? {
            let mut after = first - 1;
            while after < last {
                let through = (after + PAGE).min(last);
                self.read(after, through, &mut entries).await?;
                after = through;
            }
        }
        let batch = ExportBatch {
            id: claim.uuid.clone(),
            number: claim.number,
            target: self.to.name.to_owned(),
            created_at: claim.claimed_at,
            entries,
            chart: Arc::clone(&self.chart),
            labels: Arc::clone(&self.labels),
            accounts: None,
        };
        Ok(Some((claim, batch)))
    }

    async fn claim(&self) -> anyhow::Result<Option<Claim>> {
        let call = self.to.call;
        let stamp = call.stamp();
        let uuid = call.ids.next_id(self.to.name, stamp.now).to_string();
        let mut tx = call.store.begin().await?;
        let most = self.to.entries;
        let claim = tx
            .claim((self.to.id, self.through), most, &uuid, &stamp)
            .await?;
        if claim.is_some() {
            tx.commit().await?;
        }
        Ok(claim)
    }

    async fn read(
        &mut self,
        after: i64,
        through: i64,
        entries: &mut Vec<ExportEntry>,
    ) -> anyhow::Result<()> {
        let store = &self.to.call.store;
        let (stored, documents) = tokio::try_join!(
            self.reader.read(after, through),
            store.documents(after, through)
        )?;
        let mut documents = documents.into_iter();
        for (stored, wanted) in stored.into_iter().zip(after + 1..) {
            anyhow::ensure!(
                stored.id == wanted,
                "entry {wanted} is not in the books; run `tieout verify`"
            );
            let document = documents
                .next()
                .filter(|document| document.entry_id == wanted)
                .with_context(|| format!("entry {wanted} has no number; run `tieout verify`"))?;
            let entry = stored.entry.map_err(|error| {
                anyhow::anyhow!("entry {wanted} cannot leave: {error}; run `tieout verify`")
            })?;
            entries.push(ExportEntry {
                id: wanted,
                document: document.name(),
                period: stored.period,
                entry,
            });
        }
        let read = entries.last().map_or(0, |entry| entry.id);
        anyhow::ensure!(
            read == through,
            "entry {} is not in the books; run `tieout verify`",
            read + 1
        );
        Ok(())
    }
}

/// A batch as it goes into the books.
struct Made {
    lines: i64,
    entries: i64,
    name: String,
    artifact: Sealed,
    manifest: String,
    documents: Vec<NewDocument>,
    held: Held,
    summed: Vec<(i64, String)>,
}

/// Entries that cannot be written, and why.
type Held = Vec<(i64, String)>;

/// What became of a claim.
enum Finished {
    /// It is rendered and stored, but for what is held.
    Stored { entries: i64, held: Held },
    /// Nothing of it can be written; it is tried again.
    Held(Held),
}

/// Renders a batch and stores it.
async fn finish(to: &Target<'_>, claim: &Claim, batch: ExportBatch) -> anyhow::Result<Finished> {
    let connector = Arc::clone(&to.connector);
    let about = About {
        kind: to.config.kind.clone(),
        tables: to.tables.clone(),
        summary: to.config.summary.clone(),
        limits: to.limits,
        open: to.open.clone(),
        closed: to.config.closed_periods,
        by_entry: to.connector.answers_by_entry() || to.config.answers.is_some(),
        replaces: claim.replaces.clone(),
        supplements: claim.supplements.clone(),
        heads: to.call.store.snapshot().await?.posted_heads().await?,
    };
    let rendering = tokio::task::spawn_blocking(move || render(connector.as_ref(), batch, &about));
    let made = rendering
        .await
        .context("the rendering was given up")?
        .with_context(|| format!("batch {} of `{}`", claim.number, to.name))?;
    let made = match made {
        Ok(made) => made,
        Err(held) => return Ok(Finished::Held(held)),
    };
    let mut tx = to.call.store.begin().await?;
    tx.insert_rendered(&Rendered {
        claim,
        lines: made.lines,
        name: &made.name,
        artifact: &made.artifact,
        manifest: &made.manifest,
        entries: made.entries,
        held: &made.held,
        documents: &made.documents,
        summed: &made.summed,
    })
    .await?;
    tx.commit().await?;
    let (entries, held) = (made.entries, made.held);
    Ok(Finished::Stored { entries, held })
}

/// What a manifest says beside what its batch holds.
struct About {
    kind: String,
    tables: Tables,
    summary: Option<Summary>,
    limits: Limits,
    open: Option<OpenPeriods>,
    closed: ClosedPeriods,
    /// Whether the target says of each entry what became of it.
    by_entry: bool,
    replaces: Option<String>,
    supplements: Option<String>,
    /// Where the books stood: an outsider can hold it against them later.
    heads: Option<Heads>,
}

/// Renders what can be written of a batch. The inner error is all of it, where nothing can.
fn render(
    connector: &dyn ErpConnector,
    mut batch: ExportBatch,
    about: &About,
) -> anyhow::Result<Result<Made, Held>> {
    let mut held = match &about.open {
        Some(open) => periods::keep_open(open, about.closed, &mut batch),
        None => Held::new(),
    };
    held.extend(about.tables.apply(&mut batch));
    let mut hold = |members: &mut Members, unfit: Held| {
        for (id, why) in unfit {
            let entries = members.remove(&id).unwrap_or_else(|| vec![id]);
            held.extend(entries.into_iter().map(|entry| (entry, why.clone())));
        }
    };
    let mut members = match &about.summary {
        Some(summary) => summary.sum(&mut batch)?,
        None => Members::new(),
    };
    hold(&mut members, beyond(&about.limits, &mut batch));
    if batch.entries.is_empty() {
        held.sort_unstable();
        return Ok(Err(held));
    }
    let mut parcel = Parcel::default();
    match connector.render(&batch, &mut parcel) {
        Ok(()) => {}
        Err(error @ RenderError::Write(_)) => return Err(error.into()),
        Err(error) => {
            let unfit = sift(connector, &mut batch);
            // Each fits by itself, and all together do not.
            anyhow::ensure!(!unfit.is_empty(), error);
            hold(&mut members, unfit);
            parcel = Parcel::default();
            if !batch.entries.is_empty() {
                connector.render(&batch, &mut parcel)?;
            }
        }
    }
    held.sort_unstable();
    if batch.entries.is_empty() {
        return Ok(Err(held));
    }
    let (name, artifact) = (connector.name(&batch), parcel.seal()?);
    let manifest = manifest(&batch, about, (&name, &artifact), &held)?;
    let each = |item: &ExportEntry| members.get(&item.id).map_or(1, Vec::len);
    let entries = batch.entries.iter().map(each).sum::<usize>();
    let documents = batch.entries.iter().filter(|_| about.by_entry);
    Ok(Ok(Made {
        lines: i64::try_from(batch.line_count())?,
        entries: i64::try_from(entries)?,
        documents: documents.map(|item| document(item, each(item))).collect(),
        summed: summed(&batch, &members),
        name,
        artifact,
        manifest,
        held,
    }))
}

/// Takes out of a batch what is beyond what the target can hold.
fn beyond(limits: &Limits, batch: &mut ExportBatch) -> Held {
    let mut beyond = Held::new();
    batch.entries.retain(|item| match limits.refuse(item) {
        None => true,
        Some(why) => {
            beyond.push((item.id, why));
            false
        }
    });
    beyond
}

/// Each entry that was summed up, with the number of the document that holds it.
fn summed(batch: &ExportBatch, members: &Members) -> Vec<(i64, String)> {
    let entries = batch.entries.iter().flat_map(|item| {
        let within = members.get(&item.id).into_iter().flatten();
        within.map(|entry| (*entry, item.document.clone()))
    });
    entries.collect()
}

/// Takes out of a batch the entries that cannot be written.
fn sift(connector: &dyn ErpConnector, batch: &mut ExportBatch) -> Held {
    let (mut fit, mut held) = (Vec::new(), Held::new());
    for item in std::mem::take(&mut batch.entries) {
        batch.entries = vec![item];
        let tried = connector.render(batch, &mut std::io::sink());
        let one = std::mem::take(&mut batch.entries).into_iter();
        match tried {
            Ok(()) => fit.extend(one),
            Err(error) => held.extend(one.map(|item| (item.id, error.to_string()))),
        }
    }
    batch.entries = fit;
    held
}

/// An entry as the document that its target answers.
fn document(item: &ExportEntry, entries: usize) -> NewDocument {
    let lines = item.entry.lines();
    let debits = lines.iter().filter(|line| line.side == Side::Debit);
    NewDocument {
        number: item.document.clone(),
        entry: item.id,
        entries: i64::try_from(entries).unwrap_or(i64::MAX),
        lines: i64::try_from(lines.len()).unwrap_or(i64::MAX),
        currency_id: lines
            .first()
            .map_or(0, |line| i64::from(line.functional.currency().numeric())),
        debit: debits.fold(0, |sum: i64, line| {
            sum.saturating_add(line.functional.amount())
        }),
    }
}

/// What the receiver should find: extent, control totals, hash.
fn manifest(
    batch: &ExportBatch,
    about: &About,
    (name, artifact): (&str, &Sealed),
    held: &Held,
) -> anyhow::Result<String> {
    let decimal = |amount: i128, currency: Currency| {
        i64::try_from(amount).map(|amount| Money::minor(amount, currency).to_decimal().to_string())
    };
    let mut totals = Vec::new();
    for ((entity, currency), total) in batch.totals() {
        totals.push(json!({
            "entity": entity,
            "currency": currency.code(),
            "entries": total.entries,
            "lines": total.lines,
            "debit": decimal(total.debit, currency)?,
            "credit": decimal(total.credit, currency)?,
        }));
    }
    let manifest = json!({
        "batch": batch.id,
        "number": batch.number,
        "target": batch.target,
        "kind": about.kind,
        "replaces": about.replaces,
        "supplements": about.supplements,
        "chain": about.heads.as_ref().map(told),
        "created_at": batch.created_at,
        "first_entry": batch.entries.first().map(|item| item.id),
        "last_entry": batch.entries.last().map(|item| item.id),
        "entries": batch.entries.len(),
        "summed_by": about.summary.as_ref().map(|summary| summary.by),
        "lines": batch.line_count(),
        "held": held.iter().map(|(entry, _)| entry).collect::<Vec<_>>(),
        "control_totals": totals,
        "artifact": {
            "name": name,
            "bytes": artifact.len(),
            "sha256": artifact.hash().to_string(),
        },
    });
    Ok(serde_json::to_string_pretty(&manifest)? + "\n")
}
