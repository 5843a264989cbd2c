//! `tieout check`: configuration, mapping, connectors and schedule, without running anything.

use crate::clock::SystemClock;
use crate::output::Output;
use crate::schedule::cron;
use ledger::Clock as _;
use office::questions::check;
use std::path::Path;

pub(crate) fn run(path: &Path, output: Output) -> anyhow::Result<bool> {
    let found = check::check(path, SystemClock.now().date_naive(), cron)?;
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
    if !found.unproven.is_empty() {
        let rules = found.unproven.join(", ");
        text.push_str(&format!(
            "\nnobody has shown that these rules balance: {rules}"
        ));
    }
    for warning in &found.warnings {
        text.push_str(&format!("\nwarning: {warning}"));
    }
    for problem in &found.problems {
        text.push_str(&format!("\nproblem: {problem}"));
    }
    output.result(&found, &text)?;
    Ok(found.problems.is_empty())
}
