//! `tieout check`: configuration, mapping, connectors and schedule, without running anything.

use crate::output::Output;
use office::questions::check;
use std::path::Path;

pub(crate) fn run(path: &Path, output: Output) -> anyhow::Result<bool> {
    let found = check::check(path, cron)?;
    let mut text = format!(
        "{}: {} rules, {} tables, {} accounts, {} entities, {} targets\nmapping version {}",
        found.company,
        found.rules,
        found.tables,
        found.accounts,
        found.entities,
        found.targets,
        found.mapping_version
    );
    for problem in &found.problems {
        text.push_str(&format!("\nproblem: {problem}"));
    }
    output.result(&found, &text)?;
    Ok(found.problems.is_empty())
}

/// Whether a text is a schedule.
pub(crate) fn cron(text: &str) -> Result<(), String> {
    let job = tokio_cron_scheduler::Job::new(text, |_, _| {});
    job.map(drop).map_err(|error| error.to_string())
}
