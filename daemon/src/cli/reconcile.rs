//! `tieout reconcile`: both sides matched, and what breaks named.

use crate::output::{Output, TextTable};
use office::Call;
use office::jobs::reconcile;

pub(crate) async fn run(call: &Call, name: Option<&str>, output: Output) -> anyhow::Result<bool> {
    let started = call.stamp();
    let outcome = reconcile::run(call, name).await;
    call.record("reconcile", &started, &outcome).await?;
    let summaries = outcome?;
    let mut table = TextTable::new(&["reconciliation", "new matches", "breaks"]);
    for summary in &summaries {
        table.row(vec![
            summary.reconciliation.clone(),
            summary.matches.to_string(),
            summary.breaks.to_string(),
        ]);
    }
    let mut text = table.to_string();
    for done in summaries.iter().flat_map(|summary| &summary.resolved) {
        text.push_str(&format!(
            "\n{}: {} posted by rule {}, {} beyond its limits, {} refused",
            done.policy, done.posted, done.rule, done.beyond, done.refused
        ));
        for reason in &done.reasons {
            text.push_str(&format!("\n  {reason}"));
        }
    }
    for note in summaries.iter().filter_map(|summary| summary.note.as_ref()) {
        text.push_str(&format!("\n{note}"));
    }
    output.result(&summaries, &text)?;
    Ok(true)
}
