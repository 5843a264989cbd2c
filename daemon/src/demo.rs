//! `tieout demo`: a company's month through the whole chain.
//!
//! A seeded generator makes events, processor reports and bank statements with planted defects; the
//! real jobs take them; what they found is compared with what was planted. Clock and ids are fixed,
//! so that equal arguments give equal bytes.

mod bank;
mod month;
mod processor;
mod stream;
mod truth;

use crate::output::{self, Output, TextTable};
use crate::starter;
use crate::wording::{amount, breaks_table, intake_text};
use anyhow::Context as _;
use chrono::{DateTime, Utc};
use clap::Args;
use connectors::source::file::Layout;
use ledger::{FixedClock, SequentialIds};
use office::deeds::activate;
use office::evidence::seal::write_key;
use office::jobs::intake::event_files;
use office::jobs::{export, intake, reconcile, report, settle};
use office::pipeline::SourceName;
use office::{Call, Company};
use reports::Control;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::intake::IntakeSummary;
use truth::Verdicts;

/// The moment at which the demo's clock stands: the morning after the month.
const NOW: &str = "2026-02-02T06:00:00Z";

/// Who did it all.
const ACTOR: &str = "demo";

/// What the demo is asked for.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The folder; an earlier demo there is replaced.
    #[arg(long, default_value = "demo-out")]
    dir: PathBuf,
    /// How many events, 2000 at least.
    #[arg(long, default_value_t = 10_000)]
    events: usize,
    /// Another seed is another month.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Only make the month's files; each stage is then a command of its own.
    #[arg(long)]
    only_files: bool,
}

pub(crate) async fn run(arguments: &Arguments, output: Output) -> anyhow::Result<bool> {
    anyhow::ensure!(
        (2_000..=20_000_000).contains(&arguments.events),
        "--events takes 2000 to 20000000"
    );
    let dir = arguments.dir.as_path();
    clear(dir)?;
    starter::write(dir, starter::BILLING)?;
    output::note(&format!(
        "making a month of {} events (seed {})",
        arguments.events, arguments.seed
    ));
    let key = dir.join("seal-key.pem");
    if !key.exists() {
        write_key(&key)?;
    }
    let truth = make(dir, arguments)?;
    if arguments.only_files {
        let text = format!("{} holds the month's files", dir.display());
        output.result(&json!({ "dir": dir, "events": arguments.events }), &text)?;
        return Ok(true);
    }
    let now: DateTime<Utc> = NOW.parse()?;
    let company = Company::open(
        &dir.join("tieout.yaml"),
        Arc::new(FixedClock(now)),
        Arc::new(SequentialIds::new(arguments.seed)),
        ACTOR,
    )
    .await?;
    let call = Call::new(company, ACTOR);
    activate::activate(&call).await?;
    let story = Box::pin(chain(&call, arguments.events)).await?;
    let found = truth::found(&call).await?;
    let verdicts = truth::compare(&truth, &found);
    let control = report::control(&call, &call.store.snapshot().await?).await?;
    call.store.close().await?;
    tell(dir, &story, &verdicts, &control, output)?;
    Ok(verdicts.all_right() && control.failures().is_empty())
}

/// Removes what an earlier demo left, and nothing else.
fn clear(dir: &Path) -> anyhow::Result<()> {
    if !dir.exists() {
        return Ok(());
    }
    let empty = std::fs::read_dir(dir)?.next().is_none();
    anyhow::ensure!(
        empty || dir.join("truth.json").exists(),
        "`{}` is no earlier demo; name another folder with --dir",
        dir.display()
    );
    for name in ["inbox", "settlements", "exports", "reports", "mappings"] {
        let path = dir.join(name);
        if path.exists() {
            std::fs::remove_dir_all(&path)?;
        }
    }
    for name in [
        "tieout.yaml",
        "tieout.db",
        "tieout.db-wal",
        "tieout.db-shm",
        "tieout.db.lock",
        "truth.json",
    ] {
        let path = dir.join(name);
        if path.exists() {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Writes the month's files and what was planted in them.
fn make(dir: &Path, arguments: &Arguments) -> anyhow::Result<Vec<truth::Planted>> {
    let mut month = month::simulate(arguments.events, arguments.seed)?;
    let settled = processor::settle(&mut month)?;
    processor::write(&dir.join("settlements"), &settled)?;
    bank::write(&dir.join("settlements"), &settled, &mut month)?;
    stream::write(&dir.join("inbox"), &mut month, arguments.events)?;
    let text =
        serde_json::to_string_pretty(&json!({ "seed": arguments.seed, "planted": month.planted }))?;
    std::fs::write(dir.join("truth.json"), text + "\n")?;
    Ok(month.planted)
}

/// What the chain did, for the ending.
struct Story {
    intake: IntakeSummary,
    settle: settle::Summary,
    exports: Vec<export::TargetSummary>,
    reports: Vec<PathBuf>,
}

/// The real jobs, in the order of the day.
async fn chain(call: &Call, events: usize) -> anyhow::Result<Story> {
    let started = call.stamp();
    let call = &call
        .clone()
        .watched(output::progress(u64::try_from(events).ok(), "events"));
    let mut total = IntakeSummary::default();
    for path in event_files(&call.path(Path::new("inbox")))? {
        let from = SourceName {
            name: "billing".to_owned(),
            kind: "file",
        };
        intake::ingest_file(call, &from, &path, Layout::default(), &mut total).await?;
    }
    call.progress.end();
    call.record("ingest", &started, &Ok(total)).await?;
    output::note(&format!("events       {}", intake_text(&total)));
    let settle = recorded(call, "settle", settle::run(call)).await?;
    output::note(&format!(
        "settlement   {} files, {} lines ({} repeated lines counted once)",
        settle.counts.files, settle.counts.lines, settle.counts.repeated_lines
    ));
    for found in Box::pin(recorded(call, "reconcile", reconcile::run(call, None))).await? {
        output::note(&format!(
            "reconciled   {}: {} matches, {} breaks",
            found.reconciliation, found.matches, found.breaks
        ));
    }
    let exports = recorded(call, "export", export::run(call, None)).await?;
    for summary in &exports {
        if let Some(problem) = &summary.problem {
            anyhow::bail!("target `{}`: {problem}", summary.target);
        }
        output::note(&format!(
            "exported     {} entries to {} in {} batches, {} delivered",
            summary.entries, summary.target, summary.batches, summary.delivered
        ));
    }
    let reports = report::run(call).await?;
    Ok(Story {
        intake: total,
        settle,
        exports,
        reports,
    })
}

/// Runs a job and leaves its row, as the schedule does.
async fn recorded<T: serde::Serialize>(
    call: &Call,
    job: &str,
    run: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let started = call.stamp();
    let outcome = run.await;
    call.record(job, &started, &outcome).await?;
    outcome
}

fn tell(
    dir: &Path,
    story: &Story,
    verdicts: &Verdicts,
    control: &Control,
    output: Output,
) -> anyhow::Result<()> {
    let (verdict, because) = control.verdict();
    let mut text = String::from("\nBreaks\n");
    text.push_str(&breaks_table(&control.breaks).to_string());
    text.push_str("\nPlanted and found\n");
    text.push_str(&verdicts.table().to_string());
    text.push_str("\nControl equation\n");
    text.push_str(&equation(control).to_string());
    text.push('\n');
    text.push_str(&cash(control).to_string());
    text.push_str(&format!("\nVerdict: {} ({because})\n", verdict.name()));
    let found = if verdicts.all_right() {
        "every planted defect was found, and nothing else"
    } else {
        "what was found is not what was planted: see above"
    };
    text.push_str(&format!("{found}\n"));
    text.push_str(&format!(
        "reports: {}\n",
        dir.join("reports").join("control.html").display()
    ));
    text.push_str(&format!(
        "next: tieout -c {} verify",
        dir.join("tieout.yaml").display()
    ));
    let value = json!({
        "intake": story.intake,
        "settlement": story.settle,
        "exports": story.exports,
        "planted": verdicts.planted(),
        "missed": verdicts.missed,
        "unexpected": verdicts.unexpected,
        "verdict": verdict.name(),
        "because": because,
        "reports": story.reports,
    });
    output
        .result(&value, &text)
        .context("the result cannot be written")
}

fn equation(control: &Control) -> TextTable {
    let mut table = TextTable::new(&[
        "source",
        "received",
        "posted",
        "ignored",
        "suspended",
        "duplicates",
        "conflicts",
        "quarantined",
        "difference",
    ]);
    for row in &control.intake {
        let mut cells = vec![row.source.clone()];
        cells.extend(
            [
                row.received,
                row.posted,
                row.ignored,
                row.suspended,
                row.duplicates,
                row.conflicts,
                row.quarantined,
                row.difference(),
            ]
            .map(|count| count.to_string()),
        );
        table.row(cells);
    }
    table
}

fn cash(control: &Control) -> TextTable {
    let mut table = TextTable::new(&[
        "reconciliation",
        "movement",
        "left",
        "right",
        "open",
        "breaks",
        "difference",
    ]);
    for row in &control.cash {
        let mut cells = vec![row.reconciliation.clone(), row.movement.clone()];
        cells.extend(
            [row.left, row.right, row.open, row.breaks, row.difference()]
                .map(|minor| amount(minor, row.currency_id)),
        );
        table.row(cells);
    }
    table
}
