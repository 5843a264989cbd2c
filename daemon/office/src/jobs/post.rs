//! Posting what waits: suspended events are decided again with the mapping in force, by command, by
//! schedule, and by itself when intake begins with another version of the mapping or its tables, and while events
//! come that only the books can answer.

use crate::answers::decide_from;
use crate::call::Call;
use crate::jobs;
use crate::lease;
use store::intake::IntakeSummary;

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
    let work = async {
        let counts = decide_from(call, 0).await?;
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
