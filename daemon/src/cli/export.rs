//! `tieout export`: what targets do not have yet.

use crate::output::{Output, TextTable};
use office::Call;
use office::jobs::export;

pub(crate) async fn run(call: &Call, target: Option<&str>, output: Output) -> anyhow::Result<bool> {
    let started = call.stamp();
    let outcome = export::run(call, target).await;
    call.record("export", &started, &outcome).await?;
    let summaries = outcome?;
    let mut table = TextTable::new(&[
        "target",
        "new batches",
        "entries",
        "delivered",
        "rejected",
        "unknown",
        "problem",
    ]);
    for summary in &summaries {
        table.row(vec![
            summary.target.clone(),
            summary.batches.to_string(),
            summary.entries.to_string(),
            summary.delivered.to_string(),
            summary.rejected.to_string(),
            summary.unknown.to_string(),
            summary.problem.clone().unwrap_or_default(),
        ]);
    }
    output.result(&summaries, &table.to_string())?;
    Ok(summaries
        .iter()
        .all(|s| s.problem.is_none() && s.rejected == 0 && s.unknown == 0))
}
