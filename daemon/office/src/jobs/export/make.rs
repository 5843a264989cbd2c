//! Batches out of entries. A claim is one short transaction, the artifact another; between them the batch is
//! rendered, and while one is, the entries of the next are read.

use super::{Target, TargetSummary};
use crate::evidence::heads::told;
use anyhow::Context as _;
use connectors::erp::ErpConnector;
use formats::erp::{ExportBatch, ExportEntry};
use ledger::{Currency, Money};
use serde_json::json;
use std::collections::VecDeque;
use std::sync::Arc;
use store::artifact::{Parcel, Rendered, Sealed};
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
        reader: to.call.store.reader(),
        chart: Arc::new(to.call.program()?.chart.clone()),
        labels: Arc::new(to.call.store.snapshot().await?.labels().await?),
    };
    let mut next = source.next().await?;
    while let Some((claim, batch)) = next {
        let (done, following) = tokio::join!(finish(to, &claim, batch), source.next());
        done?;
        made.batches += 1;
        made.entries += claim.entries();
        // Nobody may listen any more, when the sending side failed.
        let _closed = stored.send(());
        next = following?;
    }
    Ok(())
}

/// Where batches come from.
struct Source<'s> {
    to: &'s Target<'s>,
    begun: VecDeque<Claim>,
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
        let mut entries = Vec::with_capacity(usize::try_from(claim.entries()).unwrap_or(0));
        let mut after = claim.first_entry - 1;
        while after < claim.last_entry {
            let through = (after + PAGE).min(claim.last_entry);
            self.read(after, through, &mut entries).await?;
            after = through;
        }
        let batch = ExportBatch {
            id: claim.uuid.clone(),
            number: claim.number,
            target: self.to.name.to_owned(),
            created_at: claim.claimed_at,
            entries,
            chart: Arc::clone(&self.chart),
            labels: Arc::clone(&self.labels),
        };
        Ok(Some((claim, batch)))
    }

    async fn claim(&self) -> anyhow::Result<Option<Claim>> {
        let call = self.to.call;
        let stamp = call.stamp();
        let uuid = call.ids.next_id(self.to.name, stamp.now).to_string();
        let mut tx = call.store.begin().await?;
        let most = self.to.config.batch_entries;
        let claim = tx.claim(self.to.id, most, &uuid, &stamp).await?;
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
    name: String,
    artifact: Sealed,
    manifest: String,
}

/// Renders a batch and stores it.
async fn finish(to: &Target<'_>, claim: &Claim, batch: ExportBatch) -> anyhow::Result<()> {
    let (connector, kind) = (Arc::clone(&to.connector), to.config.kind.clone());
    let about = About {
        kind,
        replaces: claim.replaces.clone(),
        heads: to.call.store.snapshot().await?.posted_heads().await?,
    };
    let rendering = tokio::task::spawn_blocking(move || render(connector.as_ref(), &batch, &about));
    let made = rendering
        .await
        .context("the rendering was given up")?
        .with_context(|| format!("batch {} of `{}`", claim.number, to.name))?;
    let mut tx = to.call.store.begin().await?;
    tx.insert_rendered(&Rendered {
        claim,
        lines: made.lines,
        name: &made.name,
        artifact: &made.artifact,
        manifest: &made.manifest,
    })
    .await?;
    tx.commit().await?;
    Ok(())
}

/// What a manifest says beside what its batch holds.
struct About {
    kind: String,
    replaces: Option<String>,
    /// Where the books stood: an outsider can hold it against them later.
    heads: Option<Heads>,
}

fn render(
    connector: &dyn ErpConnector,
    batch: &ExportBatch,
    about: &About,
) -> anyhow::Result<Made> {
    let mut parcel = Parcel::default();
    connector.render(batch, &mut parcel)?;
    let (name, artifact) = (connector.name(batch), parcel.seal()?);
    let manifest = manifest(batch, about, &name, &artifact)?;
    Ok(Made {
        lines: i64::try_from(batch.line_count())?,
        name,
        artifact,
        manifest,
    })
}

/// What the receiver should find: extent, control totals, hash.
fn manifest(
    batch: &ExportBatch,
    about: &About,
    name: &str,
    artifact: &Sealed,
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
        "chain": about.heads.as_ref().map(told),
        "created_at": batch.created_at,
        "first_entry": batch.entries.first().map(|item| item.id),
        "last_entry": batch.entries.last().map(|item| item.id),
        "entries": batch.entries.len(),
        "lines": batch.line_count(),
        "control_totals": totals,
        "artifact": {
            "name": name,
            "bytes": artifact.len(),
            "sha256": artifact.hash().to_string(),
        },
    });
    Ok(serde_json::to_string_pretty(&manifest)? + "\n")
}
