//! All that can be said about a company's configuration and mapping without opening its books.

use crate::company;
use crate::config::Config;
use crate::{Refusal, RefusalKind};
use connectors::erp::{ErpKind, Host};
use mappings::Program;
use reconcile::Source;
use std::path::Path;

/// What there is, and what is wrong with it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Checked {
    /// The company's name.
    pub company: String,
    /// The version of the mapping that lies in its folder.
    pub mapping_version: String,
    /// Rules of the mapping.
    pub rules: usize,
    /// Its tables.
    pub tables: usize,
    /// Accounts of its chart.
    pub accounts: usize,
    /// Entities of the configuration.
    pub entities: usize,
    /// Targets of the configuration.
    pub targets: usize,
    /// What would fail when it is used, each with its place.
    pub problems: Vec<String>,
}

/// Checks the company of a configuration file. `schedule` says what is wrong with a cron expression.
///
/// # Errors
/// [`RefusalKind::Invalid`] when the configuration or the mapping cannot be read at all.
pub fn check(
    path: &Path,
    schedule: impl Fn(&str) -> Result<(), String>,
) -> Result<Checked, Refusal> {
    let config = Config::read(path)?;
    let base = path.parent().unwrap_or(Path::new(""));
    let (_, program) = company::compile(&base.join(&config.mapping))?;
    let mut problems = targets(&config, base);
    problems.extend(reconciliations(&config, &program));
    for (job, cron) in &config.schedule {
        if let Err(error) = schedule(cron) {
            problems.push(format!(
                "schedule of `{job}`: `{cron}` is no schedule ({error}); six fields, seconds first"
            ));
        }
    }
    Ok(Checked {
        mapping_version: program.version.to_string(),
        rules: program.rule_names().count(),
        tables: program.table_names().count(),
        accounts: program.chart.accounts().count(),
        entities: config.entities.len(),
        targets: config.targets.len(),
        company: config.company,
        problems,
    })
}

/// The connectors that do not open with their options.
fn targets(config: &Config, base: &Path) -> Vec<String> {
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
    problems
}

/// The reconciliations that name what the chart does not have.
fn reconciliations(config: &Config, program: &Program) -> Vec<String> {
    let mut problems = Vec::new();
    for plan in &config.reconciliations {
        let Source::Ledger {
            account,
            events,
            fees,
        } = &plan.left
        else {
            continue;
        };
        let at = |what: String| format!("reconciliation `{}`: {what}", plan.reconciliation);
        let fees = fees.as_ref().map(|fees| &fees.account);
        for account in [Some(account), fees].into_iter().flatten() {
            if program.chart.get(account).is_none() {
                problems.push(at(format!("account `{account}` is not in the chart")));
            }
        }
        problems.extend(events.problems().into_iter().map(at));
    }
    problems
}

/// The rules of the mapping that lies in a company's folder.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Compiled {
    /// Its version.
    pub version: String,
    /// Each rule with the type of event that it answers to.
    pub rules: Vec<(String, String)>,
}

/// Compiles the mapping of a configuration file.
///
/// # Errors
/// [`RefusalKind::Invalid`] with every finding and its place.
pub fn mapping(path: &Path) -> Result<Compiled, Refusal> {
    let (_, program) = folder_of(path)?;
    let owned = |(rule, kind): (&str, &str)| (rule.to_owned(), kind.to_owned());
    Ok(Compiled {
        version: program.version.to_string(),
        rules: program.rule_names().map(owned).collect(),
    })
}

/// A golden test of a mapping.
#[derive(Clone, Debug, serde::Serialize)]
pub struct GoldenTest {
    /// Its folder.
    pub case: String,
    /// Whether the rules make what it expects.
    pub passed: bool,
    /// Where they do not.
    pub difference: String,
}

/// Runs the golden tests of a configuration's mapping; with `update`, what the rules make is written as what
/// is expected.
///
/// # Errors
/// [`RefusalKind::Invalid`] when the mapping does not compile or a test cannot be written.
pub fn golden_tests(path: &Path, update: bool) -> Result<Vec<GoldenTest>, Refusal> {
    let config = Config::read(path)?;
    let (pack, program) = folder_of(path)?;
    let entities = config.entities()?;
    let context = mappings::Context {
        entities: entities.into_iter().map(|e| (e.code.clone(), e)).collect(),
    };
    let tests = path
        .parent()
        .unwrap_or(Path::new(""))
        .join(&config.mapping)
        .join("tests");
    let mut done = Vec::new();
    for case in mappings::golden::run(&pack, &program, &context).map_err(anyhow::Error::from)? {
        let file = tests.join(&case.name).join("expected.journal");
        if update && !case.passed() {
            std::fs::write(&file, &case.found).map_err(|error| {
                let what = format!("`{}` cannot be written: {error}", file.display());
                Refusal::new(RefusalKind::Invalid, what)
            })?;
        }
        done.push(GoldenTest {
            passed: case.passed(),
            difference: case.difference(),
            case: case.name,
        });
    }
    Ok(done)
}

fn folder_of(path: &Path) -> Result<(mappings::Pack, Program), Refusal> {
    let config = Config::read(path)?;
    let base = path.parent().unwrap_or(Path::new(""));
    Ok(company::compile(&base.join(&config.mapping))?)
}
