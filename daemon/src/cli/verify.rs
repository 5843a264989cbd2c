//! `tieout verify`: what does not hold, and the verdict.

use crate::output::{self, Output};
use office::Call;
use office::questions::verify;
use serde_json::json;

/// The most failures that are told one by one.
const TOLD: usize = 50;

pub(crate) async fn run(call: &Call, output: Output) -> anyhow::Result<bool> {
    let call = &call.clone().watched(output::progress(Some(0), "entries"));
    let found = verify::verify(call).await?;
    let mut text = format!(
        "{} events, {} entries, {} links of the chain, {} artifacts, {} settlement files",
        found.events, found.entries, found.links, found.artifacts, found.files
    );
    for failure in found.failures.iter().take(TOLD) {
        text.push_str(&format!("\ndoes not hold: {failure}"));
    }
    if found.failures.len() > TOLD {
        text.push_str(&format!("\n… and {} more", found.failures.len() - TOLD));
    }
    if found.failures.is_empty() {
        text.push_str("\nall hashes, links, balances and sums hold");
    }
    for note in found.notes.iter().take(TOLD) {
        text.push_str(&format!("\nnote: {note}"));
    }
    text.push_str(&format!("\nverdict: {} ({})", found.verdict, found.because));
    let value = json!({
        "events": found.events,
        "entries": found.entries,
        "links": found.links,
        "artifacts": found.artifacts,
        "settlement_files": found.files,
        "failures": found.failures,
        "notes": found.notes,
        "verdict": found.verdict,
        "because": found.because,
    });
    output.result(&value, &text)?;
    Ok(found.failures.is_empty())
}
