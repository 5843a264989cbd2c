//! Stored batches on their way: one artifact in memory at a time, each with a bound on how long its receiver
//! may take, and every attempt recorded. No transaction is open while a receiver is waited for.

use super::{Target, TargetSummary};
use crate::metric;
use connectors::erp::Delivery;
use formats::erp::Artifact;
use ledger::Hash;
use std::time::Duration;
use store::StoreError;
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
            match deliver(to, &batch, sent).await? {
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

async fn deliver(
    to: &Target<'_>,
    batch: &DueBatch,
    sent: &mut TargetSummary,
) -> anyhow::Result<DeliveryKind> {
    let (kind, message) = match intact(to, batch).await? {
        Ok(artifact) => attempt(to, batch, &artifact).await,
        Err(damage) => {
            tracing::error!(batch.id = %batch.uuid, artifact = %batch.artifact_name, %damage, "a batch was not sent");
            sent.trouble(damage.clone());
            (DeliveryKind::Unknown, damage)
        }
    };
    let result = DeliveryKind::name_of(Some(kind.number()));
    metric::delivery(to.name, result);
    tracing::info!(batch.id = %batch.uuid, artifact = %batch.artifact_name, result, %message, "a batch was tried");
    let mut tx = to.call.store.begin().await?;
    tx.insert_delivery(batch.id, kind, &message, &to.call.stamp())
        .await?;
    tx.commit().await?;
    Ok(kind)
}

/// The stored artifact, or in what way it is no longer what was rendered: that holds up no other batch.
async fn intact(to: &Target<'_>, batch: &DueBatch) -> anyhow::Result<Result<Artifact, String>> {
    let damage = match to.call.store.artifact(batch.id).await {
        Ok(bytes) if Hash::of(&bytes).as_bytes().as_slice() == batch.artifact_hash => {
            let name = batch.artifact_name.clone();
            return Ok(Ok(Artifact { name, bytes }));
        }
        Ok(_) => String::new(),
        Err(error @ StoreError::Corrupt(_)) => format!(" ({error})"),
        Err(error) => return Err(error.into()),
    };
    Ok(Err(format!(
        "the stored artifact `{}` is not what was rendered{damage}; it is not sent; run `tieout verify`",
        batch.artifact_name
    )))
}

async fn attempt(to: &Target<'_>, batch: &DueBatch, artifact: &Artifact) -> (DeliveryKind, String) {
    let most = Duration::from_secs(to.config.deadline_seconds);
    let sending = to.connector.deliver(artifact, &batch.manifest);
    match tokio::time::timeout(most, sending).await {
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
    }
}
