//! Stored batches on their way: one artifact in memory at a time, each with a bound on how long its receiver
//! may take, and every attempt recorded: that it begins, before anything is sent, and how it ended. No transaction is
//! open while a receiver is waited for.
//!
//! A batch of which nobody knows is sent again where the connector looks first, or the receiver takes the same one once. Where
//! neither is so it waits until a person says whether it arrived.

use super::{Target, TargetSummary};
use crate::metric;
use connectors::erp::{Answered, Delivery, Said};
use formats::erp::Artifact;
use ledger::Hash;
use std::time::Duration;
use store::StoreError;
use store::artifact::DueBatch;
use store::export::{DIFFERS, DeliveryKind, KnownDocument, NewAnswer, SENDING};
use tokio::sync::mpsc::UnboundedReceiver;

/// So many documents are told one by one.
const TOLD: usize = 20;

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
            if waits_for_a_word(to, &batch) {
                sent.unknown += 1;
                sent.trouble(undecided(to, &batch));
                continue;
            }
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

/// Whether nobody knows of a batch, nobody can be asked, and nobody has decided.
fn waits_for_a_word(to: &Target<'_>, batch: &DueBatch) -> bool {
    let open = [DeliveryKind::Unknown.number(), SENDING];
    let is_open = batch.state.is_some_and(|state| open.contains(&state));
    is_open && batch.resent == 0 && !to.connector.may_repeat()
}

fn undecided(to: &Target<'_>, batch: &DueBatch) -> String {
    format!(
        "nobody knows whether `{}` arrived, and `{}` cannot be asked: look there, then say `tieout export resolve {} --as sent --why …` or `--as not-sent`",
        batch.artifact_name, to.name, batch.uuid
    )
}

/// How an attempt ended.
struct Ended {
    kind: DeliveryKind,
    message: String,
    documents: Vec<Answered>,
}

impl Ended {
    const fn whole(kind: DeliveryKind, message: String) -> Self {
        Self {
            kind,
            message,
            documents: Vec::new(),
        }
    }
}

async fn deliver(
    to: &Target<'_>,
    batch: &DueBatch,
    sent: &mut TargetSummary,
) -> anyhow::Result<DeliveryKind> {
    let mut tx = to.call.store.begin().await?;
    let attempt = tx.begin_delivery(batch.id, &to.call.stamp()).await?;
    tx.commit().await?;
    let ended = match intact(to, batch).await? {
        Ok(artifact) => attempted(to, batch, &artifact).await,
        Err(damage) => {
            tracing::error!(batch.id = %batch.uuid, artifact = %batch.artifact_name, %damage, "a batch was not sent");
            sent.trouble(damage.clone());
            Ended::whole(DeliveryKind::Unknown, damage)
        }
    };
    let (kind, message) = (ended.kind, &ended.message);
    let result = DeliveryKind::name_of(Some(kind.number()));
    metric::delivery(to.name, result);
    tracing::info!(batch.id = %batch.uuid, artifact = %batch.artifact_name, result, %message, "a batch was tried");
    let stamp = to.call.stamp();
    let mut tx = to.call.store.begin().await?;
    tx.insert_delivery((batch.id, attempt), kind, message, &stamp)
        .await?;
    if !ended.documents.is_empty() {
        let news = news(&tx.documents_of(batch.id).await?, &ended.documents)?;
        tx.insert_answers((batch.id, attempt), &news, &stamp)
            .await?;
    }
    tx.commit().await?;
    Ok(kind)
}

/// The answers that say more than is known.
fn news(known: &[KnownDocument], documents: &[Answered]) -> anyhow::Result<Vec<NewAnswer>> {
    let mut news = Vec::new();
    for (known, answered) in known.iter().zip(documents) {
        anyhow::ensure!(
            known.number == answered.document,
            "the connector answers for `{}` where `{}` was sent",
            answered.document,
            known.number
        );
        let said = answer(known.no, &answered.said);
        news.extend(said.filter(|said| {
            known.state != Some(said.state)
                || known.theirs != said.theirs
                || known.words != said.words
        }));
    }
    Ok(news)
}

/// What goes into the books of what is said of a document; nothing where it was not sent.
fn answer(no: i64, said: &Said) -> Option<NewAnswer> {
    let (state, theirs, words) = match said {
        Said::Delivered { theirs } => (DeliveryKind::Delivered.number(), theirs.as_str(), ""),
        Said::Acknowledged { theirs } => (DeliveryKind::Acknowledged.number(), theirs.as_str(), ""),
        Said::Differs { theirs, words } => (DIFFERS, theirs.as_str(), words.as_str()),
        Said::Refused(words) => (DeliveryKind::Rejected.number(), "", words.as_str()),
        Said::Unknown(words) => (DeliveryKind::Unknown.number(), "", words.as_str()),
        Said::Unsent(_) => return None,
    };
    Some(NewAnswer {
        no,
        state,
        theirs: theirs.to_owned(),
        words: words.to_owned(),
    })
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

async fn attempted(to: &Target<'_>, batch: &DueBatch, artifact: &Artifact) -> Ended {
    let most = Duration::from_secs(to.config.deadline_seconds);
    let sending = to.connector.deliver(artifact, &batch.manifest);
    match tokio::time::timeout(most, sending).await {
        Ok(Ok(Delivery::Accepted(receipt))) => Ended::whole(DeliveryKind::Delivered, receipt),
        Ok(Ok(Delivery::Rejected { reason })) => Ended::whole(DeliveryKind::Rejected, reason),
        Ok(Ok(Delivery::Blocked { reason })) => Ended::whole(DeliveryKind::Unknown, reason),
        Ok(Ok(Delivery::Documents(documents))) => Ended {
            kind: together(&documents),
            message: told(&documents),
            documents,
        },
        Ok(Err(error)) => Ended::whole(
            DeliveryKind::Unknown,
            format!("{:#}", anyhow::Error::from(error)),
        ),
        Err(_elapsed) => Ended::whole(
            DeliveryKind::Unknown,
            format!(
                "no answer within {} seconds; the next export looks whether it arrived",
                most.as_secs()
            ),
        ),
    }
}

/// What the answers come to for their batch: it is tried again while one of them is open, and needs a person where one is
/// refused or stands there otherwise.
fn together(documents: &[Answered]) -> DeliveryKind {
    let has = |wanted: fn(&Said) -> bool| documents.iter().any(|one| wanted(&one.said));
    if has(|said| matches!(said, Said::Unknown(_) | Said::Unsent(_))) {
        DeliveryKind::Unknown
    } else if has(|said| matches!(said, Said::Refused(_) | Said::Differs { .. })) {
        DeliveryKind::Rejected
    } else if has(|said| matches!(said, Said::Delivered { .. })) {
        DeliveryKind::Delivered
    } else {
        DeliveryKind::Acknowledged
    }
}

/// How many documents are how far, and what was said of those that are not done.
fn told(documents: &[Answered]) -> String {
    let mut counts = [
        ("booked and read back", 0_usize),
        ("booked", 0),
        ("refused", 0),
        ("booked otherwise", 0),
        ("unknown", 0),
        ("not sent", 0),
    ];
    let mut words = Vec::new();
    for one in documents {
        let (kind, said) = match &one.said {
            Said::Acknowledged { .. } => (0, None),
            Said::Delivered { .. } => (1, None),
            Said::Refused(words) => (2, Some(words)),
            Said::Differs { words, .. } => (3, Some(words)),
            Said::Unknown(words) => (4, Some(words)),
            Said::Unsent(words) => (5, Some(words)),
        };
        if let Some((_, count)) = counts.get_mut(kind) {
            *count += 1;
        }
        words.extend(said.map(|said| format!("{}: {said}", one.document)));
    }
    let counted: Vec<String> = counts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    let mut text = format!("{} documents: {}", documents.len(), counted.join(", "));
    for one in words.iter().take(TOLD) {
        text.push_str("; ");
        text.push_str(one);
    }
    if words.len() > TOLD {
        text.push_str(&format!("; and {} more", words.len() - TOLD));
    }
    text
}
