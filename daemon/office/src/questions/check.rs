//! All that can be said about a company's configuration and mapping without opening its books.

use crate::company;
use crate::config::Config;
use crate::jobs::export;
use crate::jobs::export::maps::Tables;
use crate::jobs::export::probe::lacking as lacking_in;
use crate::{Refusal, RefusalKind};
use chrono::{DateTime, NaiveDate};
use connectors::erp::ErpKind;
use ledger::{BREAK_EVENTS, Chart, Currency, FixedClock};
use mappings::infer::{Proposed, Samples};
use mappings::{Event, Program};
use reconcile::Source;
use serde_json::Value;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    /// Rules whose balance nobody has shown.
    pub unproven: Vec<String>,
    /// What the mapping's author should look at, each with its place.
    pub warnings: Vec<String>,
    /// What would fail when it is used, each with its place.
    pub problems: Vec<String>,
}

/// Checks the company of a configuration file on a day, as tables say it for that one. `schedule` says what is wrong with a
/// cron expression.
///
/// # Errors
/// [`RefusalKind::Invalid`] when the configuration or the mapping cannot be read at all.
pub fn check(
    path: &Path,
    on: NaiveDate,
    schedule: impl Fn(&str) -> Result<(), String>,
) -> Result<Checked, Refusal> {
    let config = Config::read(path)?;
    let base = path.parent().unwrap_or(Path::new(""));
    let (_, program) = company::compile(&base.join(&config.mapping))?;
    let chart = Arc::new(program.chart.clone());
    let (mut problems, lacking) = targets(&config, base, (&chart, on));
    problems.extend(settlement(&config, base));
    problems.extend(reconciliations(&config, &program));
    for (job, cron) in &config.schedule {
        if let Err(error) = schedule(cron) {
            problems.push(format!(
                "schedule of `{job}`: `{cron}` is no schedule ({error}); six fields, seconds first"
            ));
        }
    }
    let mut warnings: Vec<String> = program.warnings.iter().map(ToString::to_string).collect();
    warnings.extend(lacking);
    Ok(Checked {
        mapping_version: program.version.to_string(),
        rules: program.rule_names().count(),
        tables: program.table_names().count(),
        accounts: program.chart.accounts().count(),
        entities: config.entities.len(),
        targets: config.targets.len(),
        unproven: program.unproven().map(str::to_owned).collect(),
        warnings,
        company: config.company,
        problems,
    })
}

/// The connectors that do not open with their options, and what those that open have no counterpart for.
fn targets(
    config: &Config,
    base: &Path,
    (chart, on): (&Arc<Chart>, NaiveDate),
) -> (Vec<String>, Vec<String>) {
    let (mut problems, mut lacking) = (Vec::new(), Vec::new());
    let entities = config.entities.iter();
    let entities: Vec<(String, Currency)> = entities
        .filter_map(|one| {
            Some((
                one.entity.clone(),
                Currency::from_code(&one.functional).ok()?,
            ))
        })
        .collect();
    for (name, target) in &config.targets {
        // To open one says nothing that is signed with the time.
        let clock = Arc::new(FixedClock(DateTime::UNIX_EPOCH));
        let opened = export::host(target, base, clock)
            .map_err(anyhow::Error::from)
            .and_then(|host| {
                let kind = ErpKind::find(&target.kind);
                kind.map(|kind| kind.open(target.options.clone(), &host))
                    .transpose()
                    .map_err(anyhow::Error::from)
            });
        let opened = opened.and_then(|opened| Ok((opened, Tables::read(&target.maps, base)?)));
        match opened {
            Err(error) => problems.push(format!("target `{name}`: {error:#}")),
            Ok((Some(connector), tables)) => {
                let found = lacking_in(connector.as_ref(), &tables, chart, &entities, on);
                lacking.extend(found.into_iter().map(|what| {
                    format!("target `{name}`: {what}; what needs it is held back until then")
                }));
            }
            Ok((None, _)) => {}
        }
    }
    (problems, lacking)
}

/// What settlement files come from and where they are kept, where secrets cannot be read.
fn settlement(config: &Config, base: &Path) -> Vec<String> {
    let Some(settlement) = &config.settlement else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    for (name, source) in &settlement.sftp {
        if let Err(error) = source.open(base).map_err(anyhow::Error::from) {
            problems.push(format!("settlement: sftp: `{name}`: {error:#}"));
        }
    }
    if let Some(keep) = &settlement.keep
        && let Err(error) = keep.open(base).map_err(anyhow::Error::from)
    {
        problems.push(format!("settlement: keep: {error:#}"));
    }
    if let Some(http) = &settlement.http
        && let Err(error) = http.token.below(base).read().map_err(anyhow::Error::from)
    {
        problems.push(format!("settlement: http: {error:#}"));
    }
    problems
}

/// The reconciliations and reports that name what the chart does not have, or classes that do not rise.
fn reconciliations(config: &Config, program: &Program) -> Vec<String> {
    let unknown = config.clearing.iter();
    let unknown = unknown.filter(|account| program.chart.get(account).is_none());
    let mut problems: Vec<String> = unknown
        .map(|account| format!("clearing: account `{account}` is not in the chart"))
        .collect();
    if !config.ageing_days.is_sorted_by(|one, next| one < next)
        || config.ageing_days.first().is_some_and(|first| *first < 0)
    {
        problems.push("ageing_days: they have to rise, like [1, 7, 30, 90]".to_owned());
    }
    for plan in &config.reconciliations {
        let posting = |wanted: &str| {
            let mut rules = program.rule_names();
            rules.any(|(rule, on)| rule == wanted && on.starts_with(BREAK_EVENTS))
        };
        for one in plan.resolve.iter().filter(|one| !posting(&one.post)) {
            problems.push(format!(
                "reconciliation `{}`: resolve: no rule `{}` of the mapping posts breaks; one answers to a type that begins with `{BREAK_EVENTS}`",
                plan.reconciliation, one.post
            ));
        }
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
    /// Its rules, by the type of event that they answer to.
    pub rules: Vec<CompiledRule>,
    /// What its author should look at, each with its place.
    pub warnings: Vec<String>,
}

/// A rule of a mapping.
#[derive(Clone, Debug, serde::Serialize)]
pub struct CompiledRule {
    /// Its name.
    pub rule: String,
    /// The type of event that it answers to.
    pub on: String,
    /// Whether it is shown to balance for every event; false where the rule says `unproven: true`.
    pub proven: bool,
}

/// Compiles the mapping of a configuration file.
///
/// # Errors
/// [`RefusalKind::Invalid`] with every finding and its place.
pub fn mapping(path: &Path) -> Result<Compiled, Refusal> {
    let (_, program) = folder_of(path)?;
    let unproven: Vec<&str> = program.unproven().collect();
    let rule = |(rule, on): (&str, &str)| CompiledRule {
        proven: !unproven.contains(&rule),
        rule: rule.to_owned(),
        on: on.to_owned(),
    };
    Ok(Compiled {
        version: program.version.to_string(),
        rules: program.rule_names().map(rule).collect(),
        warnings: program.warnings.iter().map(ToString::to_string).collect(),
    })
}

/// The most bytes of a file of samples: 64 MiB.
const MOST_SAMPLES: u64 = 64 << 20;

/// A first schema and a first rule for each type of event in some files: lines of JSON, one event or a list. They
/// are read through the envelope of the mapping that lies in the configuration's folder, where it has one.
///
/// # Errors
/// [`RefusalKind::Invalid`] when a file holds anything but events.
pub fn infer(path: &Path, files: &[PathBuf]) -> Result<Vec<Proposed>, Refusal> {
    let envelope = folder_of(path)
        .ok()
        .and_then(|(_, program)| program.envelope);
    let mut samples = Samples::default();
    for file in files {
        let invalid = |what: String| {
            Refusal::new(RefusalKind::Invalid, format!("{}: {what}", file.display()))
        };
        let mut bytes = Vec::new();
        std::fs::File::open(file)
            .and_then(|opened| opened.take(MOST_SAMPLES + 1).read_to_end(&mut bytes))
            .map_err(|error| invalid(error.to_string()))?;
        if bytes.len() > usize::try_from(MOST_SAMPLES).unwrap_or(usize::MAX) {
            let what = "more than 64 MiB; a few hundred events of each type are samples enough";
            return Err(invalid(what.to_owned()));
        }
        for value in values(&bytes).map_err(invalid)? {
            let message = value.to_string().into_bytes();
            let wrapped = match &envelope {
                Some(envelope) => envelope.wrap(&message).map_err(invalid)?.event,
                None => message,
            };
            let event = Event::parse(&wrapped).map_err(|error| invalid(error.to_string()))?;
            let whole: Value = serde_json::from_slice(&wrapped).map_err(anyhow::Error::from)?;
            samples.add(&event, whole.get("data").unwrap_or(&Value::Null));
        }
    }
    Ok(samples.propose())
}

/// The values of a file: one, a list of them, or one in each line.
fn values(bytes: &[u8]) -> Result<Vec<Value>, String> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Array(all)) => return Ok(all),
        Ok(one) => return Ok(vec![one]),
        Err(_several) => {}
    }
    let lines = (1..).zip(bytes.split(|byte| *byte == b'\n'));
    let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    lines
        .map(|(number, line)| {
            serde_json::from_slice(line).map_err(|error| format!("line {number}: {error}"))
        })
        .collect()
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
    let context = config.context()?;
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
