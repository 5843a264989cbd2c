//! Posting what waits: suspended events are decided again with the mapping in force, by command, by
//! schedule, and by itself when intake begins with another version of the mapping or its tables.

use crate::call::Call;
use crate::jobs::{self, lease};
use crate::mapper::Deciding;
use ledger::Decision;
use mappings::Event;
use store::intake::{IntakeSummary, SuspendedEvent};

const PAGE: i64 = 1_000;

/// Decides every suspended event again if the mapping or one of its tables is another than the last time.
pub async fn after_a_change(call: &Call) -> anyhow::Result<()> {
    let version = call.program()?.version;
    if call.store.retried().await? == Some(version) {
        return Ok(());
    }
    if call.store.suspended_after(0, 1).await?.is_empty() {
        return note(call).await;
    }
    let summary = Box::pin(jobs::run(call, "post")).await?;
    tracing::info!(mapping.version = %version, %summary,
        "the mapping changed; suspended events were decided again");
    Ok(())
}

async fn note(call: &Call) -> anyhow::Result<()> {
    let mut tx = call.store.begin().await?;
    tx.set_retried(call.program()?.version).await?;
    Ok(tx.commit().await?)
}

/// What deciding again did.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Summary {
    /// What became of the events.
    #[serde(flatten)]
    pub counts: IntakeSummary,
    /// What the reader should know though nothing went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Decides every suspended event again, while nobody else does.
pub async fn run(call: &Call) -> anyhow::Result<Summary> {
    if let Some(counts) = lease::alone(call, "post", "suspended", all(call)).await? {
        return Ok(Summary { counts, note: None });
    }
    let note = "another process decides suspended events again; it is left to that one";
    tracing::info!("{note}");
    Ok(Summary {
        note: Some(note.to_owned()),
        ..Summary::default()
    })
}

async fn all(call: &Call) -> anyhow::Result<IntakeSummary> {
    let mut total = IntakeSummary::default();
    let mut after = 0;
    loop {
        let page = call.store.suspended_after(after, PAGE).await?;
        let Some(last) = page.last() else {
            note(call).await?;
            return Ok(total);
        };
        after = last.id;
        let decisions = decide_again(call, &page)?;
        let mut tx = call.store.begin().await?;
        let summary = tx
            .redecide(decisions, call.program()?.version, &call.stamp())
            .await?;
        tx.commit().await?;
        total.add(&summary);
    }
}

fn decide_again(call: &Call, page: &[SuspendedEvent]) -> anyhow::Result<Vec<(i64, Decision)>> {
    let mut deciding = Deciding::sound(call.program()?, &call.context)?;
    let decisions = page
        .iter()
        .map(|suspended| {
            let decision = match Event::stored(&suspended.payload) {
                Ok(event) => deciding.decide(&event, suspended.received_at),
                Err(error) => Decision::Suspended {
                    rule: None,
                    reason: error.to_string(),
                },
            };
            (suspended.id, decision)
        })
        .collect();
    Ok(decisions)
}
