//! Stored batches on their way: one artifact in memory at a time, each with a bound on how long its receiver
//! may take, and every attempt recorded. No transaction is open while a receiver is waited for.

use super::{Target, TargetSummary};
use crate::metric;
use connectors::erp::Delivery;
use formats::erp::Artifact;
use ledger::Hash;
use std::time::Duration;
use store::artifact::DueBatch;
use store::export::DeliveryKind;
use tokio::sync::mpsc::UnboundedReceiver;

/// Sends whatever is due, once, until no more batches are made.
pub(super) async fn all(
    to: &Target<'_>,
    ready: UnboundedReceiver<()>,
) -> (TargetSummary, anyhow::Result<()>) {
    let mut sent = TargetSummary::default();
    let outcome = each(to, ready, &mut sent).await;
    (sent, outcome)
}

async fn each(
    to: &Target<'_>,
    mut ready: UnboundedReceiver<()>,
    sent: &mut TargetSummary,
) -> anyhow::Result<()> {
    let (mut after, mut more) = (0, true);
    loop {
        while let Some(batch) = to.call.store.next_due(to.id, after).await? {
            after = batch.number;
            match deliver(to, &batch).await? {
                DeliveryKind::Delivered | DeliveryKind::Acknowledged => sent.delivered += 1,
                DeliveryKind::Rejected => sent.rejected += 1,
                DeliveryKind::Unknown => sent.unknown += 1,
            }
        }
        if !more {
            return Ok(());
        }
        // After the last was made, one looks once more.
        more = ready.recv().await.is_some();
    }
}

async fn deliver(to: &Target<'_>, batch: &DueBatch) -> anyhow::Result<DeliveryKind> {
    let bytes = to.call.store.artifact(batch.id).await?;
    anyhow::ensure!(
        Hash::of(&bytes).as_bytes().as_slice() == batch.artifact_hash,
        "the stored artifact `{}` is not what was rendered; it is not sent; run `tieout verify`",
        batch.artifact_name
    );
    let artifact = Artifact {
        name: batch.artifact_name.clone(),
        bytes,
    };
    let most = Duration::from_secs(to.config.deadline_seconds);
    let sending = to.connector.deliver(&artifact, &batch.manifest);
    let (kind, message) = match tokio::time::timeout(most, sending).await {
        Ok(Ok(Delivery::Accepted(receipt))) => (DeliveryKind::Delivered, receipt),
        Ok(Ok(Delivery::Rejected { reason })) => (DeliveryKind::Rejected, reason),
        Ok(Ok(Delivery::Blocked { reason })) => (DeliveryKind::Unknown, reason),
        Ok(Err(error)) => (
            DeliveryKind::Unknown,
            format!("{:#}", anyhow::Error::from(error)),
        ),
        Err(_elapsed) => (
            DeliveryKind::Unknown,
            format!(
                "no answer within {} seconds; the next export looks whether it arrived",
                most.as_secs()
            ),
        ),
    };
    let result = DeliveryKind::name_of(Some(kind.number()));
    metric::delivery(to.name, result);
    tracing::info!(batch.id = %batch.uuid, artifact = %artifact.name, result, %message, "a batch was sent");
    let mut tx = to.call.store.begin().await?;
    tx.insert_delivery(batch.id, kind, &message, &to.call.stamp())
        .await?;
    tx.commit().await?;
    Ok(kind)
}
