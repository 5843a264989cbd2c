//! Export: entries that a target does not have yet become batches; batches are delivered.
//!
//! A batch, its artifact and manifest are stored before anything is sent, and a repeat sends the
//! stored bytes. One target's trouble does not stop the others.

use crate::call::Call;
use crate::config::TargetConfig;
use crate::metric;
use anyhow::Context as _;
use connectors::erp::{Delivery, ErpConnector, ErpKind, Host};
use formats::erp::{Artifact, ExportBatch, ExportEntry};
use ledger::{Currency, Hash, Money};
use serde_json::json;
use std::sync::Arc;
use store::export::{DeliveryKind, NewBatch, PendingBatch};

/// What an export did for one target.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct TargetSummary {
    pub target: String,
    pub batches: i64,
    pub entries: i64,
    pub delivered: i64,
    pub rejected: i64,
    pub unknown: i64,
    /// Why it could not go on.
    pub problem: Option<String>,
}

/// Opens the connector of a target.
pub fn open(
    call: &Call,
    name: &str,
    target: &TargetConfig,
) -> anyhow::Result<Box<dyn ErpConnector>> {
    let kind = ErpKind::find(&target.kind).context("the kind is unknown")?;
    let drop = target.drop.open(&call.base)?;
    kind.open(target.options.clone(), &Host { drop })
        .with_context(|| format!("target `{name}`"))
}

/// Exports to all targets, or to one.
pub async fn run(call: &Call, only: Option<&str>) -> anyhow::Result<Vec<TargetSummary>> {
    if let Some(name) = only
        && !call.config.targets.contains_key(name)
    {
        let known: Vec<&str> = call.config.targets.keys().map(String::as_str).collect();
        anyhow::bail!(
            "there is no target `{name}`; there are {}",
            known.join(", ")
        );
    }
    let mut all = Vec::new();
    for (name, target) in &call.config.targets {
        if only.is_some_and(|only| only != name) {
            continue;
        }
        let mut summary = TargetSummary {
            target: name.clone(),
            ..TargetSummary::default()
        };
        if let Err(error) = export(call, name, target, &mut summary).await {
            tracing::error!(target.name = %name, error = %format!("{error:#}"), "the export stopped");
            summary.problem = Some(format!("{error:#}"));
        }
        all.push(summary);
    }
    Ok(all)
}

async fn export(
    call: &Call,
    name: &str,
    target: &TargetConfig,
    summary: &mut TargetSummary,
) -> anyhow::Result<()> {
    let connector = open(call, name, target)?;
    let mut tx = call.store.begin().await?;
    let target_id = tx.target_id(name, &target.kind).await?;
    tx.commit().await?;
    loop {
        let pending = call
            .store
            .snapshot()
            .await?
            .pending_entries(target_id, target.batch_entries)
            .await?;
        if pending.is_empty() {
            break;
        }
        let maker = Maker {
            call,
            name,
            target,
            target_id,
            connector: connector.as_ref(),
        };
        maker.batch(&pending).await?;
        summary.batches += 1;
        summary.entries += i64::try_from(pending.len()).unwrap_or(0);
    }
    for batch in call.store.snapshot().await?.undelivered(target_id).await? {
        match deliver(call, name, connector.as_ref(), &batch).await? {
            DeliveryKind::Delivered | DeliveryKind::Acknowledged => summary.delivered += 1,
            DeliveryKind::Rejected => summary.rejected += 1,
            DeliveryKind::Unknown => summary.unknown += 1,
        }
    }
    Ok(())
}

struct Maker<'m> {
    call: &'m Call,
    name: &'m str,
    target: &'m TargetConfig,
    target_id: i64,
    connector: &'m dyn ErpConnector,
}

impl Maker<'_> {
    /// Renders entries and stores batch, artifact and manifest together.
    async fn batch(&self, entries: &[i64]) -> anyhow::Result<()> {
        let call = self.call;
        let stamp = call.stamp();
        let mut rendered = self.entries(entries).await?;
        let mut tx = call.store.begin().await?;
        let (id, number) = tx.next_batch(self.target_id).await?;
        let documents = tx.number_documents(entries).await?;
        for entry in &mut rendered {
            let document = documents.get(&entry.id);
            let document = document.with_context(|| format!("entry {} has no number", entry.id))?;
            entry.document = document.name();
        }
        let batch = ExportBatch {
            id: call.ids.next_id(stamp.now).to_string(),
            number,
            target: self.name.to_owned(),
            created_at: stamp.now,
            entries: rendered,
            chart: Arc::new(call.program.chart.clone()),
        };
        let artifact = self.connector.render(&batch).map_err(anyhow::Error::from)?;
        let manifest = manifest(&batch, &self.target.kind, &artifact)?;
        let new = NewBatch {
            id,
            uuid: batch.id.clone(),
            target_id: self.target_id,
            number,
            entries: entries.to_vec(),
            lines: i64::try_from(batch.line_count())?,
            artifact_name: artifact.name,
            artifact: artifact.bytes,
            manifest,
        };
        tx.insert_batch(&new, &stamp).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn entries(&self, wanted: &[i64]) -> anyhow::Result<Vec<ExportEntry>> {
        let (Some(first), Some(last)) = (wanted.first(), wanted.last()) else {
            return Ok(Vec::new());
        };
        let stored = self
            .call
            .store
            .snapshot()
            .await?
            .entries(first - 1, *last)
            .await?;
        stored
            .into_iter()
            .filter(|entry| wanted.binary_search(&entry.id).is_ok())
            .map(|stored| {
                let entry = stored.entry.map_err(|error| {
                    anyhow::anyhow!(
                        "entry {} cannot leave: {error}; run `tieout verify`",
                        stored.id
                    )
                })?;
                Ok(ExportEntry {
                    id: stored.id,
                    // Given when the batch is made.
                    document: String::new(),
                    period: stored.period,
                    entry,
                })
            })
            .collect()
    }
}

/// What the receiver should find: extent, control totals, hash.
fn manifest(batch: &ExportBatch, kind: &str, artifact: &Artifact) -> anyhow::Result<String> {
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
        "kind": kind,
        "created_at": batch.created_at,
        "first_entry": batch.entries.first().map(|item| item.id),
        "last_entry": batch.entries.last().map(|item| item.id),
        "entries": batch.entries.len(),
        "lines": batch.line_count(),
        "control_totals": totals,
        "artifact": {
            "name": artifact.name,
            "bytes": artifact.bytes.len(),
            "sha256": Hash::of(&artifact.bytes).to_string(),
        },
    });
    Ok(serde_json::to_string_pretty(&manifest)? + "\n")
}

async fn deliver(
    call: &Call,
    target: &str,
    connector: &dyn ErpConnector,
    batch: &PendingBatch,
) -> anyhow::Result<DeliveryKind> {
    anyhow::ensure!(
        Hash::of(&batch.artifact).as_bytes().as_slice() == batch.artifact_hash,
        "the stored artifact `{}` is not what was rendered; it is not sent; run `tieout verify`",
        batch.artifact_name
    );
    let artifact = Artifact {
        name: batch.artifact_name.clone(),
        bytes: batch.artifact.clone(),
    };
    let (kind, message) = match connector.deliver(&artifact, &batch.manifest).await {
        Ok(Delivery::Accepted(receipt)) => (DeliveryKind::Delivered, receipt),
        Ok(Delivery::Rejected { reason }) => (DeliveryKind::Rejected, reason),
        Err(error) => (
            DeliveryKind::Unknown,
            format!("{:#}", anyhow::Error::from(error)),
        ),
    };
    let result = DeliveryKind::name_of(Some(kind.number()));
    metric::delivery(target, result);
    tracing::info!(batch.id = %batch.uuid, artifact = %artifact.name, result, "a batch was sent");
    let mut tx = call.store.begin().await?;
    tx.insert_delivery(batch.id, kind, &message, &call.stamp())
        .await?;
    tx.commit().await?;
    Ok(kind)
}
