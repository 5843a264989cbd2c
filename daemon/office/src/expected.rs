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
            for silent in silent_side(side, coverage) {
                if told.insert((&plan.reconciliation, silent.clone())) {
                    sentences.push(format!(
                        "reconciliation `{}`: no file of {silent} has come{since}",
                        plan.reconciliation
                    ));
                }
            }
        }
    }
    sentences
}

/// Whose files a side is made of, where none came.
fn silent_side(side: &Source, coverage: &[CoverageRow]) -> Vec<String> {
    let came = |origin: &str, account: &str| {
        let mut rows = coverage.iter();
        rows.any(|row| row.origin == origin && (account.is_empty() || row.account == account))
    };
    match side {
        Source::Ledger { .. } => Vec::new(),
        Source::Settlement { processor } | Source::Payouts { processor } => {
            if came("processor", processor) {
                Vec::new()
            } else {
                vec![format!("processor `{processor}`")]
            }
        }
        Source::Bank { accounts, .. } if accounts.is_empty() => {
            if came("bank", "") {
                Vec::new()
            } else {
                vec!["a bank".to_owned()]
            }
        }
        Source::Bank { accounts, .. } => {
            let silent = accounts.iter().filter(|account| !came("bank", account));
            silent
                .map(|account| format!("bank account `{account}`"))
                .collect()
        }
    }
}
