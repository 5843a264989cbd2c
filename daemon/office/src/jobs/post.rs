//! Posting what waits: suspended events are decided again with the mapping in force, by command, by
//! schedule, and by itself when intake begins with another version of the mapping or its tables, and while events
//! come that only the books can answer.

use crate::call::Call;
use crate::jobs::answers::Answers;
use crate::jobs::{self, fault, lease};
use crate::mapper::Deciding;
use ledger::{Decision, bounds};
use mappings::Event;
use store::intake::{IntakeSummary, Redecided, SuspendedEvent};

/// Events that are decided at once: what they take back is looked for in one pass over the entries.
const PAGE: i64 = 5_000;

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

/// Decides those again that the books may answer: what takes entries back and was not asked for yet, and, where an entity
/// wants late events on its first open day, what may be late. Nothing, while another process decides suspended events.
pub async fn answer(call: &Call, may_be_late: bool) -> anyhow::Result<IntakeSummary> {
    let late = may_be_late && call.config.takes_late();
    let first = call.store.snapshot().await?.first_asking().await?;
    let after = match first {
        _ if late => 0,
        Some(first) => first - 1,
        None => return Ok(IntakeSummary::default()),
    };
    fault::point("asking").await;
    let answered = lease::alone(call, "post", "suspended", all(call, after)).await?;
    Ok(answered.unwrap_or_default())
}

/// Decides every suspended event again, while nobody else does.
pub async fn run(call: &Call) -> anyhow::Result<Summary> {
    let work = async {
        let counts = all(call, 0).await?;
        note(call).await?;
        Ok(counts)
    };
    if let Some(counts) = lease::alone(call, "post", "suspended", work).await? {
        return Ok(Summary { counts, note: None });
    }
    let note = "another process decides suspended events again; it is left to that one";
    tracing::info!("{note}");
    Ok(Summary {
        note: Some(note.to_owned()),
        ..Summary::default()
    })
}

async fn all(call: &Call, after: i64) -> anyhow::Result<IntakeSummary> {
    let mut total = IntakeSummary::default();
    let mut after = after;
    loop {
        let page = call.store.suspended_after(after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(total);
        };
        after = last.id;
        let decisions = decide_again(call, &page).await?;
        let mut summary = IntakeSummary::default();
        if !decisions.is_empty() {
            let mut tx = call.store.begin().await?;
            let version = call.program()?.version;
            summary = tx.redecide(decisions, version, &call.stamp()).await?;
            tx.commit().await?;
        }
        // What waits for the same reason as before is not written again.
        let same = i64::try_from(page.len())? - summary.received;
        summary.received += same;
        summary.suspended += same;
        total.add(&summary);
    }
}

/// What the mapping says of suspended events.
fn decided(call: &Call, page: &[SuspendedEvent]) -> anyhow::Result<Vec<Decision>> {
    let mut deciding = Deciding::sound(call.program()?, &call.context)?;
    let decisions = page
        .iter()
        .map(|suspended| match Event::stored(&suspended.payload) {
            Ok(event) => deciding.decide(&event, suspended.received_at),
            Err(error) => Decision::Suspended {
                rule: None,
                reason: error.to_string(),
            },
        })
        .collect();
    Ok(decisions)
}

async fn decide_again(call: &Call, page: &[SuspendedEvent]) -> anyhow::Result<Vec<Redecided>> {
    let decisions = decided(call, page)?;
    let mut answers = Answers::of(call, decisions.iter()).await?;
    let mut redecided = Vec::new();
    for (suspended, decision) in page.iter().zip(decisions) {
        let one = answers.answer(suspended.id, decision)?;
        let still = match &one.decision {
            Decision::Suspended { reason, .. } => Some(bounds::REASON.cut(reason)),
            _ => None,
        };
        if still.is_none_or(|reason| suspended.reason.as_deref() != Some(reason.as_ref())) {
            redecided.push(one);
        }
    }
    Ok(redecided)
}
