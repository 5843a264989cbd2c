//! What the configuration expects and the books have never seen: silence is told as data that is missing, for
//! nothing else would tell a source that never spoke from a company without business.

use crate::config::Config;
use chrono::{DateTime, Utc};
use reconcile::Source;
use reports::Control;
use std::collections::BTreeSet;
use store::settlement::CoverageRow;

/// A sentence for each source, processor and bank that is configured and never brought anything.
pub(crate) fn silent(
    config: &Config,
    control: &Control,
    coverage: &[CoverageRow],
    since: Option<DateTime<Utc>>,
) -> Vec<String> {
    let since = since.map_or_else(String::new, |at| {
        format!(" since these books were opened on {}", at.date_naive())
    });
    let spoke = |name: &str| {
        let mut rows = control.intake.iter();
        rows.any(|row| row.source == name && row.received > 0)
    };
    let mut sentences: Vec<String> = config
        .sources
        .keys()
        .filter(|name| !spoke(name))
        .map(|name| format!("source `{name}` has brought nothing{since}"))
        .collect();
    let mut told = BTreeSet::new();
    for plan in &config.reconciliations {
        for side in [&plan.left, &plan.right] {
            let Some(silent) = silent_side(side, coverage) else {
                continue;
            };
            if told.insert((&plan.reconciliation, silent.clone())) {
                sentences.push(format!(
                    "reconciliation `{}`: no file of {silent} has come{since}",
                    plan.reconciliation
                ));
            }
        }
    }
    sentences
}

/// Whose files a side is made of, where none came.
fn silent_side(side: &Source, coverage: &[CoverageRow]) -> Option<String> {
    match side {
        Source::Ledger { .. } => None,
        Source::Settlement { processor } | Source::Payouts { processor } => {
            let came = coverage
                .iter()
                .any(|row| row.origin == "processor" && row.account == *processor);
            (!came).then(|| format!("processor `{processor}`"))
        }
        Source::Bank { .. } => {
            let came = coverage.iter().any(|row| row.origin == "bank");
            (!came).then(|| "a bank".to_owned())
        }
    }
}
