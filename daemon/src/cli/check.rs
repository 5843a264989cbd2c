//! `tieout check`: configuration, mapping, connectors and schedule, without running anything.

use crate::output::Output;
use connectors::erp::{ErpKind, Host};
use office::company;
use office::config::Config;
use reconcile::Source;
use serde_json::json;
use std::path::Path;

pub(crate) fn run(path: &Path, output: Output) -> anyhow::Result<bool> {
    let config = Config::read(path)?;
    let base = path.parent().unwrap_or(Path::new(""));
    let (_, program) = company::compile(&base.join(&config.mapping))?;
    let mut problems = Vec::new();
    for (name, target) in &config.targets {
        let opened = target
            .drop
            .open(base)
            .map_err(anyhow::Error::from)
            .and_then(|drop| {
                let kind = ErpKind::find(&target.kind);
                kind.map(|kind| kind.open(target.options.clone(), &Host { drop }))
                    .transpose()
                    .map_err(anyhow::Error::from)
            });
        if let Err(error) = opened {
            problems.push(format!("target `{name}`: {error:#}"));
        }
    }
    for plan in &config.reconciliations {
        if let Source::Ledger { account, .. } = &plan.left
            && program.chart.get(account).is_none()
        {
            problems.push(format!(
                "reconciliation `{}`: account `{account}` is not in the chart",
                plan.reconciliation
            ));
        }
    }
    for (job, cron) in &config.schedule {
        if let Err(error) = tokio_cron_scheduler::Job::new(cron.as_str(), |_, _| {}) {
            problems.push(format!(
                "schedule of `{job}`: `{cron}` is no schedule ({error}); six fields, seconds first"
            ));
        }
    }
    let result = json!({
        "company": config.company,
        "mapping_version": program.version.to_string(),
        "rules": program.rule_names().count(),
        "tables": program.table_names().count(),
        "accounts": program.chart.accounts().count(),
        "entities": config.entities.len(),
        "targets": config.targets.len(),
        "problems": problems,
    });
    let mut text = format!(
        "{}: {} rules, {} tables, {} accounts, {} entities, {} targets\nmapping version {}",
        config.company,
        program.rule_names().count(),
        program.table_names().count(),
        program.chart.accounts().count(),
        config.entities.len(),
        config.targets.len(),
        program.version
    );
    for problem in &problems {
        text.push_str(&format!("\nproblem: {problem}"));
    }
    output.result(&result, &text)?;
    Ok(problems.is_empty())
}
