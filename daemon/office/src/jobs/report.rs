//! Reports: every report in the formats that people open, into the configured folder.

use crate::call::Call;
use crate::expected;
use crate::jobs::reconcile;
use crate::lease;
use ::reconcile::{Events, Plan, Source};
use anyhow::{Context as _, bail};
use chrono::NaiveDate;
use connectors::transport::part_name;
use ledger::ItemKind;
use reports::build::{CONTROL, Comparison, Scope, Subject};
use reports::{Control, Format, Report, ReportError};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use store::Snapshot;
use store::cash::SideOf;

/// The formats that the job writes.
const FORMATS: [Format; 4] = Format::ALL;

/// What a copy of the books without their log is told.
const LOST: &str = "these books are not whole: the file was not closed by whoever wrote it and its log (-wal) is not beside it, so what was written last is missing; copy both together, or make the copy with VACUUM INTO";

/// What is in a report is for the company and its group.
const MODE: u32 = 0o640;

/// The control equation as of a snapshot.
pub async fn control(call: &Call, books: &Snapshot) -> anyhow::Result<Control> {
    let found = reconcile::examine(call, books).await?;
    let mut control = Control::read(books, found.cash, found.clearing).await?;
    control.kept_differences = found.failures;
    control.missing.extend(found.stale.iter().map(|name| {
        format!("reconciliation `{name}` has not seen the newest items (run `tieout reconcile`)")
    }));
    let (coverage, opened) = (books.coverage().await?, books.opened_at().await?);
    let silent = expected::silent(&call.config, &control, &coverage, opened);
    control.missing.extend(silent);
    if !books.is_whole().await? {
        control.lost = Some(LOST.to_owned());
    }
    Ok(control)
}

/// What the reports speak of.
pub fn subject(call: &Call) -> Subject {
    Subject {
        company: call.config.company.clone(),
        now: call.company.clock.now(),
    }
}

/// Which part of the books a report shows.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// The first day.
    pub from: Option<NaiveDate>,
    /// The last day.
    pub to: Option<NaiveDate>,
    /// One account of the ledger, processor or bank.
    pub account: Option<String>,
}

/// The part that was asked for, and what the configuration says of it.
fn scope(call: &Call, part: &Part) -> anyhow::Result<Scope> {
    if let (Some(from), Some(to)) = (part.from, part.to)
        && to < from
    {
        bail!("the report would end on {to}, before it begins on {from}");
    }
    let plans = &call.config.reconciliations;
    Ok(Scope {
        from: part.from,
        to: part.to,
        account: part.account.clone().unwrap_or_default(),
        comparisons: plans.iter().map(comparison).collect(),
        clearing: clearing(call),
        ageing_days: call.config.ageing_days.clone(),
    })
}

/// The accounts that are named as clearing, or those that reconciliations compare.
fn clearing(call: &Call) -> Vec<String> {
    let mut accounts = call.config.clearing.clone();
    if accounts.is_empty() {
        for plan in &call.config.reconciliations {
            for source in [&plan.left, &plan.right] {
                if let Source::Ledger { account, .. } = source
                    && !accounts.contains(account)
                {
                    accounts.push(account.clone());
                }
            }
        }
    }
    accounts
}

/// `|a|b|`; nothing for none.
fn between_bars<W: AsRef<str>>(words: &[W]) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    if words.is_empty() {
        String::new()
    } else {
        format!("|{}|", words.join("|"))
    }
}

fn comparison(plan: &Plan) -> Comparison {
    let side = |source: &Source, side| {
        let (kind, account, words, text) = match source {
            Source::Ledger {
                account, events, ..
            } => (
                ItemKind::Entry,
                account.clone(),
                words(events),
                String::new(),
            ),
            Source::Settlement { processor } => (
                ItemKind::Settlement,
                processor.clone(),
                String::new(),
                String::new(),
            ),
            Source::Payouts { processor } => (
                ItemKind::Payout,
                processor.clone(),
                String::new(),
                String::new(),
            ),
            Source::Bank { text, accounts } => (
                ItemKind::Bank,
                between_bars(accounts),
                String::new(),
                text.to_lowercase(),
            ),
        };
        SideOf {
            reconciliation: plan.reconciliation.clone(),
            side,
            item_kind: kind.number(),
            account,
            words,
            text,
        }
    };
    Comparison {
        name: plan.reconciliation.clone(),
        left: side(&plan.left, "left"),
        right: side(&plan.right, "right"),
    }
}

/// The event types of a side, each between bars.
fn words(events: &Events) -> String {
    let types: Vec<&str> = match events {
        Events::Listed(types) => types.iter().map(String::as_str).collect(),
        Events::Declared(types) => types.values().flatten().map(String::as_str).collect(),
    };
    between_bars(&types)
}

/// Builds a report by its name. Only the one on the control equation computes that.
pub async fn build(
    call: &Call,
    books: &Snapshot,
    name: &str,
    part: &Part,
) -> anyhow::Result<Report> {
    let subject = subject(call);
    if name == CONTROL {
        let control = control(call, books).await?;
        return Ok(reports::build::control(&subject, &control)?);
    }
    Ok(reports::build(name, books, &subject, &scope(call, part)?).await?)
}

/// Writes a report into a file: whole, or not at all.
pub async fn write(
    report: &Report,
    format: Format,
    books: &Snapshot,
    path: &Path,
) -> anyhow::Result<()> {
    // A pipe or a device is no file to put another in the place of.
    if path.metadata().is_ok_and(|found| !found.is_file()) {
        let mut out = BufWriter::new(File::options().write(true).open(path)?);
        format.write(report, books, &mut out).await?;
        return Ok(out.flush()?);
    }
    let name = path.file_name().context("the file has no name")?;
    let partial = path.with_file_name(part_name(&name.to_string_lossy()));
    let written = fill(report, format, books, &partial).await;
    let placed = written.and_then(|()| Ok(std::fs::rename(&partial, path)?));
    if placed.is_err() {
        // What failed is told; what is left of it would only be in the way.
        let _left = std::fs::remove_file(&partial);
    }
    placed
}

async fn fill(
    report: &Report,
    format: Format,
    books: &Snapshot,
    path: &Path,
) -> anyhow::Result<()> {
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(MODE)
        .open(path)
        .with_context(|| format!("`{}` cannot be written", path.display()))?;
    let mut out = BufWriter::new(file);
    format.write(report, books, &mut out).await?;
    Ok(out
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error)?
        .sync_all()?)
}

/// Writes all reports while nobody else does; says which files. From the view of the books to the last file an
/// older view may not replace a newer one.
pub async fn run(call: &Call) -> anyhow::Result<Vec<PathBuf>> {
    let Some(folder) = &call.config.reports else {
        return Ok(Vec::new());
    };
    let folder = call.path(&folder.folder);
    let subject = folder.display().to_string();
    let written = lease::alone(call, "report", &subject, all(call, &folder)).await?;
    if written.is_none() {
        tracing::info!(folder = %subject, "another process writes the reports; they are left to that one");
    }
    Ok(written.unwrap_or_default())
}

async fn all(call: &Call, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder)?;
    let books = call.store.snapshot().await?;
    let mut written = Vec::new();
    for name in reports::NAMES {
        let report = build(call, &books, name, &Part::default()).await?;
        for format in FORMATS {
            let path = folder.join(format!("{name}.{}", format.name()));
            match write(&report, format, &books, &path).await {
                Ok(()) => written.push(path),
                Err(error) => left_out(error, &path)?,
            }
        }
    }
    Ok(written)
}

/// A table that is too long for a format is left out there; an earlier file would say what was.
fn left_out(error: anyhow::Error, path: &Path) -> anyhow::Result<()> {
    let Some(ReportError::TooLong(..)) = error.downcast_ref() else {
        return Err(error);
    };
    tracing::warn!(file = %path.display(), error = %error, "left out");
    if path.exists() {
        std::fs::remove_file(path)?;
    }
    Ok(())
}
