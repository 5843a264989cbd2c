//! `tieout settle`: settlement reports and bank statements.

use crate::output::Output;
use formats::settlement::{SettlementKind, known};
use office::Call;
use office::jobs::settle;
use std::path::PathBuf;

pub(crate) async fn run(
    call: &Call,
    files: &[PathBuf],
    format: Option<&str>,
    output: Output,
) -> anyhow::Result<bool> {
    let kind =
        match format {
            None => None,
            Some(id) => Some(SettlementKind::find(id).ok_or_else(|| {
                anyhow::anyhow!("there is no format `{id}`; there are {}", known())
            })?),
        };
    let started = call.stamp();
    let outcome = if files.is_empty() {
        settle::run(call).await
    } else {
        settle::take_files(call, files, kind).await
    };
    call.record("settle", &started, &outcome).await?;
    let summary = outcome?;
    let counts = &summary.counts;
    let mut text = format!(
        "files {} ({} seen before), lines {} ({} counted already, {} of them completed), statements that do not close {}",
        counts.files,
        counts.repeated_files,
        counts.lines,
        counts.repeated_lines,
        counts.completed_lines,
        counts.open_statements
    );
    let open = |told: &&settle::StatementTold| told.verdict.starts_with("does not close");
    for told in summary.statements.iter().filter(open) {
        text.push_str(&format!(
            "\nopen: statement {} of {} in {}: {}",
            told.statement, told.account, told.file, told.verdict
        ));
    }
    for told in &summary.told {
        text.push_str(&format!("\nlook at: {told}"));
    }
    for refused in &summary.refused {
        text.push_str(&format!("\nrefused: {refused}"));
    }
    for waiting in &summary.waiting {
        text.push_str(&format!(
            "\nwaits: {waiting}: it may not be complete; it is taken when it lies there as it is for a while, so run this again"
        ));
    }
    output.result(&summary.as_told(), &text)?;
    Ok(summary.refused.is_empty() && counts.open_statements == 0 && counts.conflicts == 0)
}
