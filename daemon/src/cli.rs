//! The command line: one sub-command per stage, the same options everywhere.

use crate::commands::{
    breaks, check, connectors as connector_commands, evidence, init, mappings as mapping_commands,
    period, quarantine, reprocess, trace, verify,
};
use crate::company::Company;
use crate::jobs::intake::COMMAND_LINE;
use crate::jobs::{self, export, intake, post, reconcile, report, settle};
use crate::output::{self, Output, TextTable};
use crate::pipeline::{self, SourceName, Until};
use crate::{demo, run};
use ::connectors::settlement::SettlementKind;
use ::connectors::source::file::FileSource;
use clap::{Parser, Subcommand};
use indicatif::ProgressBar;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use store::intake::IntakeSummary;

/// Billing events into a general ledger that ties out.
#[derive(Debug, Parser)]
#[command(name = "tieout", version, propagate_version = true)]
struct Arguments {
    /// The company's configuration.
    #[arg(short, long, global = true, default_value = "tieout.yaml")]
    config: PathBuf,
    /// Answer as JSON, for machines.
    #[arg(long, global = true)]
    json: bool,
    /// Say more; twice for everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// How logs are written.
    #[arg(long, global = true, default_value = "human", value_parser = ["human", "json"])]
    log: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A company's month through the whole chain, ending with the control equation.
    Demo(demo::Arguments),
    /// A starter company: tieout.yaml, mapping, chart of accounts.
    Init {
        /// The folder, this one when not named.
        #[arg(default_value = ".")]
        dir: PathBuf,
    },
    /// The daemon: sources, schedule, HTTP.
    Run,
    /// All that can be said about configuration and mapping without running.
    Check,
    /// Events from NDJSON files (`-` for standard input); all configured folders when none is named.
    Ingest {
        /// The files: plain, .gz or .zst.
        files: Vec<PathBuf>,
    },
    /// Decide suspended events again, with the mapping in force.
    Post,
    /// What the mapping in force would have posted, and with --post the difference as entries.
    Reprocess(reprocess::Arguments),
    /// Export what targets do not have yet, and deliver it.
    Export {
        /// One target; all when not named.
        target: Option<String>,
    },
    /// Settlement reports and bank statements; the configured folder when none is named.
    Settle {
        /// The files.
        files: Vec<PathBuf>,
        /// The format, where it is not to be recognised.
        #[arg(long)]
        format: Option<String>,
    },
    /// Match both sides of the reconciliations, and name what breaks.
    Reconcile {
        /// One reconciliation; all when not named.
        name: Option<String>,
    },
    /// Breaks of the reconciliations.
    Breaks {
        #[command(subcommand)]
        command: breaks::Command,
    },
    /// Periods: list, close, reopen.
    Period {
        #[command(subcommand)]
        command: period::Command,
    },
    /// Seals, and what outsiders check: key, list, export, verify, prove.
    Evidence {
        #[command(subcommand)]
        command: evidence::Command,
    },
    /// Bytes that are no event: list, show, replay, discard.
    Quarantine {
        #[command(subcommand)]
        command: quarantine::Command,
    },
    /// The mapping: check, test.
    Mappings {
        #[command(subcommand)]
        command: mapping_commands::Command,
    },
    /// ERP connectors: list, describe, test.
    Connectors {
        #[command(subcommand)]
        command: connector_commands::Command,
    },
    /// A report; all of them, into the configured folder, when none is named.
    Report {
        /// control, trial-balance, journal-register or reconciliation.
        name: Option<String>,
        /// html, xlsx, csv or json.
        #[arg(long, default_value = "html")]
        format: String,
        /// The file; standard output when not named.
        #[arg(short, long)]
        output: Option<PathBuf>,
    },
    /// From anything to everything: event, entry, batch, settlement line, bank line.
    Trace {
        /// An event id, entry number, reference, batch, payout, settlement line or break.
        id: String,
    },
    /// Chain, balances, control equation: computed again from the rows.
    Verify,
}

/// Runs what the command line says.
pub(crate) async fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are results; anything else is usage.
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ignored = error.print();
            return ExitCode::from(code);
        }
    };
    logs(&arguments);
    match dispatch(&arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => output::failure(&error),
    }
}

fn logs(arguments: &Arguments) {
    let level = match arguments.verbose {
        0 if matches!(arguments.command, Command::Run) => "info",
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter =
        tracing_subscriber::EnvFilter::try_from_env("TIEOUT_LOG").unwrap_or_else(|_unset| {
            tracing_subscriber::EnvFilter::new(format!("{level},sqlx=error,librdkafka=warn"))
        });
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if arguments.log == "json" {
        builder.json().init();
    } else {
        builder.init();
    }
}

/// True when it is done, false when something does not hold.
async fn dispatch(arguments: &Arguments) -> anyhow::Result<bool> {
    let output = Output {
        json: arguments.json,
    };
    let config = arguments.config.as_path();
    match &arguments.command {
        Command::Demo(demo) => demo::run(demo, output).await,
        Command::Init { dir } => init::run(dir, output),
        Command::Check => check::run(config, output),
        Command::Mappings { command } => mapping_commands::run(config, command, output),
        Command::Evidence { command } if command.stands_alone() => {
            evidence::run_alone(command, output)
        }
        Command::Run => run::run(Company::open(config).await?).await.map(|()| true),
        other => on_company(other, config, output).await,
    }
}

async fn on_company(command: &Command, config: &Path, output: Output) -> anyhow::Result<bool> {
    let company = Company::open(config).await?;
    let done = match command {
        Command::Ingest { files } => ingest(&company, files, output).await,
        Command::Post => recorded_post(&company, output).await,
        Command::Reprocess(arguments) => reprocess::run(&company, arguments, output).await,
        Command::Export { target } => exported(&company, target.as_deref(), output).await,
        Command::Settle { files, format } => {
            settled(&company, files, format.as_deref(), output).await
        }
        Command::Reconcile { name } => reconciled(&company, name.as_deref(), output).await,
        Command::Breaks { command } => breaks::run(&company, command, output).await,
        Command::Period { command } => period::run(&company, command, output).await,
        Command::Evidence { command } => evidence::run(&company, command, output).await,
        Command::Quarantine { command } => quarantine::run(&company, command, output).await,
        Command::Connectors { command } => connector_commands::run(&company, command, output).await,
        Command::Report {
            name,
            format,
            output: file,
        } => reported(&company, name.as_deref(), format, file.as_deref(), output).await,
        Command::Trace { id } => trace::run(&company, id, output).await,
        Command::Verify => verify::run(&company, output).await,
        Command::Demo(_)
        | Command::Init { .. }
        | Command::Check
        | Command::Mappings { .. }
        | Command::Run => Ok(true),
    };
    company.store.close().await;
    done
}

async fn ingest(company: &Company, files: &[PathBuf], output: Output) -> anyhow::Result<bool> {
    post::after_a_change(company).await?;
    let started = company.stamp();
    let bar = output::progress(None, "events");
    let outcome = if files.is_empty() {
        intake::ingest_folders(company).await
    } else {
        Ok(named_files(company, files, &bar).await)
    };
    bar.finish_and_clear();
    company.record("ingest", &started, &outcome).await?;
    let summary = outcome?;
    let mut text = intake_text(&summary.counts);
    for refused in &summary.refused {
        text.push_str(&format!("\nleft before its end: {refused}"));
    }
    output.result(&summary, &text)?;
    Ok(summary.refused.is_empty())
}

async fn named_files(company: &Company, files: &[PathBuf], bar: &ProgressBar) -> intake::Ingested {
    let mut total = intake::Ingested::default();
    let from = SourceName {
        name: COMMAND_LINE.to_owned(),
        kind: "file",
    };
    for file in files {
        let counts = &mut total.counts;
        let outcome = if file.as_os_str() == "-" {
            match FileSource::from_reader(std::io::stdin(), company.config.batch()) {
                Ok(source) => {
                    let source = Box::new(source);
                    pipeline::run(company, &from, source, Until::Empty, bar, counts).await
                }
                Err(error) => Err(error.into()),
            }
        } else {
            intake::ingest_file(company, &from, file, None, bar, counts).await
        };
        if let Err(error) = outcome {
            total.refuse(file, &error);
        }
    }
    total
}

/// The outcomes of an intake as a sentence of counts.
pub(crate) fn intake_text(summary: &IntakeSummary) -> String {
    format!(
        "received {}: posted {} ({} entries), ignored {}, suspended {}, duplicates {}, conflicts {}, quarantined {}",
        summary.received,
        summary.posted,
        summary.entries,
        summary.ignored,
        summary.suspended,
        summary.duplicates,
        summary.conflicts,
        summary.quarantined
    )
}

async fn recorded_post(company: &Company, output: Output) -> anyhow::Result<bool> {
    let started = company.stamp();
    let outcome = post::run(company).await;
    company.record("post", &started, &outcome).await?;
    let summary = outcome?;
    let text = format!(
        "decided again {}: posted {} ({} entries), ignored {}, still suspended {}",
        summary.received, summary.posted, summary.entries, summary.ignored, summary.suspended
    );
    output.result(&summary, &text)?;
    Ok(true)
}

async fn exported(company: &Company, target: Option<&str>, output: Output) -> anyhow::Result<bool> {
    let started = company.stamp();
    let outcome = export::run(company, target).await;
    company.record("export", &started, &outcome).await?;
    let summaries = outcome?;
    let mut table = TextTable::new(&[
        "target",
        "new batches",
        "entries",
        "delivered",
        "rejected",
        "unknown",
        "problem",
    ]);
    for summary in &summaries {
        table.row(vec![
            summary.target.clone(),
            summary.batches.to_string(),
            summary.entries.to_string(),
            summary.delivered.to_string(),
            summary.rejected.to_string(),
            summary.unknown.to_string(),
            summary.problem.clone().unwrap_or_default(),
        ]);
    }
    output.result(&summaries, &table.to_string())?;
    Ok(summaries
        .iter()
        .all(|s| s.problem.is_none() && s.rejected == 0 && s.unknown == 0))
}

async fn settled(
    company: &Company,
    files: &[PathBuf],
    format: Option<&str>,
    output: Output,
) -> anyhow::Result<bool> {
    let kind = match format {
        None => None,
        Some(id) => Some(SettlementKind::find(id).ok_or_else(|| {
            let known: Vec<&str> = ::connectors::settlement::KINDS
                .iter()
                .map(|kind| kind.id)
                .collect();
            anyhow::anyhow!("there is no format `{id}`; there are {}", known.join(", "))
        })?),
    };
    let started = company.stamp();
    let outcome = if files.is_empty() {
        settle::run(company).await
    } else {
        settle::take_files(company, files, kind).await
    };
    company.record("settle", &started, &outcome).await?;
    let summary = outcome?;
    let counts = &summary.counts;
    let mut text = format!(
        "files {} ({} seen before), lines {} ({} counted already), statements that do not close {}",
        counts.files,
        counts.repeated_files,
        counts.lines,
        counts.repeated_lines,
        counts.open_statements
    );
    for refused in &summary.refused {
        text.push_str(&format!("\nrefused: {refused}"));
    }
    output.result(&summary, &text)?;
    Ok(summary.refused.is_empty() && counts.open_statements == 0)
}

async fn reconciled(company: &Company, name: Option<&str>, output: Output) -> anyhow::Result<bool> {
    let started = company.stamp();
    let outcome = reconcile::run(company, name).await;
    company.record("reconcile", &started, &outcome).await?;
    let summaries = outcome?;
    let mut table = TextTable::new(&["reconciliation", "new matches", "breaks"]);
    for summary in &summaries {
        table.row(vec![
            summary.reconciliation.clone(),
            summary.matches.to_string(),
            summary.breaks.to_string(),
        ]);
    }
    output.result(&summaries, &table.to_string())?;
    Ok(true)
}

async fn reported(
    company: &Company,
    name: Option<&str>,
    format: &str,
    file: Option<&Path>,
    output: Output,
) -> anyhow::Result<bool> {
    let Some(name) = name else {
        let written = jobs::run(company, "report").await?;
        let text = written
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|path| path.as_str());
        output.result(&written, &text.collect::<Vec<_>>().join("\n"))?;
        return Ok(true);
    };
    let Some(format) = reports::Format::from_name(format) else {
        anyhow::bail!("there is no format `{format}`; there are html, xlsx, csv, json");
    };
    let control = report::control(company).await?;
    let built = reports::build(name, &company.store, &report::subject(company), &control).await?;
    let bytes = format.render(&built)?;
    match file {
        Some(path) => std::fs::write(path, bytes)?,
        None => output.bytes(&bytes)?,
    }
    Ok(true)
}
