//! The command line: one sub-command per stage, the same options everywhere.

mod breaks;
mod check;
mod conflicts;
mod connectors;
mod evidence;
mod export;
mod init;
mod intake;
mod mappings;
mod period;
mod proposals;
mod quarantine;
mod reconcile;
mod report;
mod reprocess;
mod settle;
mod sheet;
mod suspended;
mod trace;
mod verify;

use crate::clock::{RandomIds, SystemClock};
use crate::output::{self, Output};
use crate::{demo, log, run};
use clap::{Parser, Subcommand};
use office::deeds::activate;
use office::{Call, Company, panics};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Billing events into a general ledger that ties out.
#[derive(Debug, Parser)]
#[command(name = "tieout", version, propagate_version = true)]
pub(crate) struct Arguments {
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
        /// The mapping pack: whose events it reads. A name that there is not is answered with those that there are.
        #[arg(long, default_value = crate::starter::BILLING)]
        pack: String,
    },
    /// The daemon: sources, schedule, HTTP.
    Run,
    /// All that can be said about configuration and mapping without running.
    Check,
    /// Events from NDJSON files (`-` for standard input); all configured folders when none is named.
    Ingest {
        /// The files: plain, .gz or .zst.
        files: Vec<PathBuf>,
        /// The source of the configuration whose messages they hold: its envelope reads them.
        #[arg(long)]
        source: Option<String>,
    },
    /// Decide suspended events again, with the mapping in force.
    Post,
    /// What the mapping in force would have posted, and with --post the difference as entries.
    Reprocess(reprocess::Arguments),
    /// Export what targets do not have yet, and deliver it.
    Export(export::Arguments),
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
    /// Breaks of the reconciliations: list, show, assign, comment, explain, attach, accept, dispute, match, resolve, post, write-off, undo, export, import.
    Breaks {
        #[command(subcommand)]
        command: breaks::Command,
    },
    /// Periods: list, close, reopen.
    Period {
        #[command(subcommand)]
        command: period::Command,
    },
    /// Decisions that wait for another person: list, show, approve, reject.
    Proposals {
        #[command(subcommand)]
        command: proposals::Command,
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
    /// Events that wait for a cure: list, show, retry.
    Suspended {
        #[command(subcommand)]
        command: suspended::Command,
    },
    /// Events that came again with other content: list, show, accept.
    Conflicts {
        #[command(subcommand)]
        command: conflicts::Command,
    },
    /// The mapping: check, list, test, infer, diff, activate.
    Mappings {
        #[command(subcommand)]
        command: mappings::Command,
    },
    /// ERP connectors: list, describe, test.
    Connectors {
        #[command(subcommand)]
        command: connectors::Command,
    },
    /// A report; all of them, into the configured folder, when none is named.
    Report(report::Arguments),
    /// From anything to everything: event, entry, batch, settlement line, bank line.
    Trace {
        /// An event id, entry number, reference, batch, payout, settlement line or break.
        id: String,
    },
    /// Chains, rows, balances, control equation: computed again from the rows.
    Verify(verify::Arguments),
}

impl Command {
    /// Whether it needs no more than the right to read the books.
    const fn only_asks(&self) -> bool {
        match self {
            Self::Verify(_)
            | Self::Trace { .. }
            | Self::Connectors { .. }
            | Self::Evidence { .. } => true,
            Self::Report(arguments) => arguments.is_one(),
            Self::Breaks { command } => command.only_asks(),
            Self::Period { command } => command.only_asks(),
            Self::Proposals { command } => command.only_asks(),
            Self::Quarantine { command } => command.only_asks(),
            Self::Suspended { command } => command.only_asks(),
            Self::Conflicts { command } => command.only_asks(),
            Self::Mappings { command } => command.only_asks(),
            Self::Reprocess(arguments) => arguments.only_asks(),
            _ => false,
        }
    }

    /// Whether it may post what the mapping decides, so that the folder's version is put in force first.
    const fn posts(&self) -> bool {
        match self {
            Self::Ingest { .. } | Self::Post => true,
            Self::Quarantine { command } => command.posts(),
            Self::Suspended { command } => command.posts(),
            Self::Reprocess(arguments) => !arguments.only_asks(),
            Self::Breaks { command } => command.posts(),
            _ => false,
        }
    }
}

impl Arguments {
    /// What the command line says; or, when that is help or makes no sense, how to end.
    pub(crate) fn read() -> Result<Self, ExitCode> {
        Self::try_parse().map_err(|error| {
            // Help and version are results; anything else is usage.
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ignored = error.print();
            ExitCode::from(code)
        })
    }

    /// Whether it is a question.
    pub(crate) const fn only_asks(&self) -> bool {
        self.command.only_asks()
    }
}

/// Runs what the command line says.
pub(crate) async fn main(arguments: &Arguments) -> ExitCode {
    log::start(level(arguments), &arguments.log);
    panics::note();
    match panics::caught(Box::pin(dispatch(arguments))).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => output::failure(&error),
    }
}

fn level(arguments: &Arguments) -> &'static str {
    match arguments.verbose {
        0 if matches!(arguments.command, Command::Run) => "info",
        0 => "warn",
        1 => "info",
        _ => "debug",
    }
}

/// True when it is done, false when something does not hold.
async fn dispatch(arguments: &Arguments) -> anyhow::Result<bool> {
    let output = Output {
        json: arguments.json,
    };
    let config = arguments.config.as_path();
    match &arguments.command {
        Command::Demo(demo) => Box::pin(demo::run(demo, output)).await,
        Command::Init { dir, pack } => init::run(dir, pack, output),
        Command::Check => check::run(config, output),
        Command::Mappings { command } if !command.opens_books() => {
            mappings::run_alone(config, command, output)
        }
        Command::Evidence { command } if command.stands_alone() => {
            evidence::run_alone(command, output)
        }
        Command::Run => run::run(open(config).await?, config).await.map(|()| true),
        other => on_company(other, config, output).await,
    }
}

async fn on_company(command: &Command, config: &Path, output: Output) -> anyhow::Result<bool> {
    let call = &if command.only_asks() {
        open_to_read(config).await?
    } else {
        open(config).await?
    };
    if command.posts() {
        activate::activate(call).await?;
    }
    let done = match command {
        Command::Ingest { files, source } => {
            intake::ingest(call, files, source.as_deref(), output).await
        }
        Command::Post => intake::post_again(call, output).await,
        Command::Reprocess(arguments) => reprocess::run(call, arguments, output).await,
        Command::Export(arguments) => export::run(call, arguments, output).await,
        Command::Settle { files, format } => {
            settle::run(call, files, format.as_deref(), output).await
        }
        Command::Reconcile { name } => reconcile::run(call, name.as_deref(), output).await,
        Command::Breaks { command } => breaks::run(call, command, output).await,
        Command::Period { command } => period::run(call, command, output).await,
        Command::Proposals { command } => proposals::run(call, command, output).await,
        Command::Evidence { command } => evidence::run(call, command, output).await,
        Command::Quarantine { command } => quarantine::run(call, command, output).await,
        Command::Suspended { command } => suspended::run(call, command, output).await,
        Command::Conflicts { command } => conflicts::run(call, command, output).await,
        Command::Connectors { command } => connectors::run(call, command, output).await,
        Command::Report(arguments) => report::run(call, arguments, output).await,
        Command::Trace { id } => trace::run(call, id, output).await,
        Command::Verify(arguments) => verify::run(call, arguments, output).await,
        Command::Mappings { command } => mappings::run(call, command, output).await,
        Command::Demo(_) | Command::Init { .. } | Command::Check | Command::Run => Ok(true),
    };
    let closed = call.store.close().await;
    let done = done?;
    closed?;
    Ok(done)
}

/// Opens the company for a question.
async fn open_to_read(config: &Path) -> anyhow::Result<Call> {
    let company = Company::open_to_read(config, Arc::new(SystemClock), Arc::new(RandomIds)).await?;
    Ok(Call::new(company, actor()))
}

/// Opens the company for whoever is at the keyboard.
async fn open(config: &Path) -> anyhow::Result<Call> {
    let actor = actor();
    let company = Company::open(config, Arc::new(SystemClock), Arc::new(RandomIds), &actor).await?;
    Ok(Call::new(company, actor))
}

fn actor() -> String {
    std::env::var("USER")
        .or_else(|_unset| std::env::var("LOGNAME"))
        .unwrap_or_else(|_unset| "tieout".to_owned())
}
