//! Settlement: files of processors and banks into statements and lines.
//!
//! A file is read twice and held never: first for what it is, what its statements say of themselves and what its
//! bytes hash to; then its lines and bytes go into the books as they are read, in one transaction. A file that
//! cannot be read, that changes between the two, or that the books refuse leaves nothing behind and stops no other.
//!
//! Files are named, or lie in the folder, or come by HTTP (`settle/spool.rs`), or from folders behind SFTP, which are
//! watched as the daemon watches the folder: what has come to rest is taken, and taken once (`settle/watch.rs`).

mod feed;
pub mod spool;
mod survey;
mod watch;

use crate::call::Call;
use anyhow::Context as _;
use chrono::NaiveDate;
use connectors::keep::{KeepError, Keeping};
use connectors::regular;
use connectors::unpack::{self, Part};
use feed::Piece;
use formats::settlement::SettlementKind;
use ledger::{Class, Money};
use serde::Serialize;
use std::path::{Path, PathBuf};
use store::StoreError;
use store::settlement::{SettleSummary, Taken, TakenStatement};
use survey::Survey;
use tokio::sync::mpsc;

/// What became of all files, and the ones that could not be read.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// What they brought, all together.
    #[serde(flatten)]
    pub counts: SettleSummary,
    /// Files that could not be read, with the reason.
    pub refused: Vec<String>,
    /// What somebody should look at: lines in conflict, and lines of which nobody can say whether they are new.
    pub told: Vec<String>,
    /// Files that may not be complete: taken when they have come to rest.
    pub waiting: Vec<String>,
    /// Each statement that was taken. There may be very many, which a run's row need not keep.
    #[serde(skip)]
    pub statements: Vec<StatementTold>,
    /// Each file that was read, as many.
    #[serde(skip)]
    pub received: Vec<Received>,
}

/// What machines are told: the counts, each file, and each statement.
#[derive(Debug, Serialize)]
pub struct Told<'s> {
    #[serde(flatten)]
    summary: &'s Summary,
    received: &'s [Received],
    statements: &'s [StatementTold],
}

/// A file that was read.
#[derive(Clone, Debug, Serialize)]
pub struct Received {
    /// Its name, and that of the member where it is one of an archive.
    pub file: String,
    /// What brought it: `named`, `folder`, `http`, or `sftp:` and a name.
    pub source: String,
    /// `taken`, `repeated` or `refused`.
    pub outcome: &'static str,
}

/// A statement that was taken.
#[derive(Clone, Debug, Serialize)]
pub struct StatementTold {
    /// The file.
    pub file: String,
    /// What brought it.
    pub source: String,
    /// `processor` or `bank`.
    pub origin: &'static str,
    /// The account.
    pub account: String,
    /// What it calls itself.
    pub statement: String,
    /// The currency.
    pub currency: &'static str,
    /// `final`, `interim` or `notice`.
    pub basis: &'static str,
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
    /// How many lines it has.
    pub lines: i64,
    /// How many of them no other file had brought.
    pub new_lines: i64,
    /// The opening balance.
    pub opening: Option<String>,
    /// The sum of its lines.
    pub total: String,
    /// The closing balance.
    pub closing: Option<String>,
    /// `closes`, `no balances`, or what does not hold.
    pub verdict: String,
}

impl StatementTold {
    fn of(source: &Source, taken: TakenStatement) -> Self {
        let (announced, verdict) = (taken.announced, taken.verdict);
        let statement = announced.statement;
        let shown = |money: Money| money.to_decimal().to_string();
        Self {
            file: source.part.name.clone(),
            source: source.from.clone(),
            origin: statement.origin.name(),
            account: statement.account,
            statement: statement.identity,
            currency: statement.currency.code(),
            basis: statement.basis.name(),
            from: statement.from,
            to: statement.to,
            lines: announced.lines,
            new_lines: taken.new_lines,
            opening: statement.opening.map(shown),
            total: shown(Money::minor(announced.total, statement.currency)),
            closing: statement.closing.map(shown),
            verdict,
        }
    }
}

impl Summary {
    /// As machines are told.
    pub fn as_told(&self) -> Told<'_> {
        Told {
            summary: self,
            received: &self.received,
            statements: &self.statements,
        }
    }

    fn refuse(&mut self, what: String) {
        tracing::error!(what, "refused");
        self.refused.push(what);
    }

    fn receive(&mut self, source: &Source, outcome: &'static str) {
        self.received.push(Received {
            file: source.part.name.clone(),
            source: source.from.clone(),
            outcome,
        });
    }

    fn add(&mut self, source: &Source, taken: Taken) {
        let outcome = if taken.summary.files > 0 {
            "taken"
        } else {
            "repeated"
        };
        self.receive(source, outcome);
        self.counts.add(taken.summary);
        let told = taken.told.into_iter();
        let file = &source.part.name;
        self.told.extend(told.map(|what| format!("{file}: {what}")));
        let statements = taken.statements.into_iter();
        self.statements
            .extend(statements.map(|taken| StatementTold::of(source, taken)));
    }
}

/// A file is read twice, and whoever writes it may not have ended.
const CHANGED: &str =
    "it changed while it was read; nothing of it was taken, take it again when it is complete";

/// Why a file was not taken.
enum Failure {
    /// It is the file that is at fault: its data, or what it asks for.
    File(anyhow::Error),
    /// The books cannot be written, or what is kept beside them.
    Books(anyhow::Error),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        if is_the_files(&error) {
            Self::File(error.into())
        } else {
            Self::Books(error.into())
        }
    }
}

impl From<KeepError> for Failure {
    fn from(error: KeepError) -> Self {
        Self::Books(error.into())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::File(error)
    }
}

/// What files are brought by that somebody named.
const NAMED: &str = "named";
/// What files are brought by that lie in the folder.
const FOLDER: &str = "folder";
/// What files are brought by that were sent.
const HTTP: &str = "http";

/// Takes every file of the configured folder, and what has come to rest behind SFTP: what a person asks for, who knows
/// that the folder's files are complete.
pub async fn run(call: &Call) -> anyhow::Result<Summary> {
    let mut summary = Summary::default();
    for path in listed(call, &mut summary) {
        take_file(call, &path, (FOLDER, None), &mut summary).await?;
    }
    watch::all_sftp(call, watch::Asked::ByHand, &mut summary).await?;
    Ok(summary)
}

/// Takes what has come to rest, in the folder and behind SFTP: what the daemon does.
pub async fn poll(call: &Call) -> anyhow::Result<Summary> {
    let mut summary = Summary::default();
    let files = listed(call, &mut summary);
    watch::folder(call, &files, &mut summary).await?;
    watch::all_sftp(call, watch::Asked::BySchedule, &mut summary).await?;
    Ok(summary)
}

/// Takes files that somebody named; one that cannot be read does not stop the others.
pub async fn take_files(
    call: &Call,
    files: &[PathBuf],
    format: Option<&'static SettlementKind>,
) -> anyhow::Result<Summary> {
    let mut summary = Summary::default();
    for path in files {
        take_file(call, path, (NAMED, format), &mut summary).await?;
    }
    Ok(summary)
}

/// Takes a file that was sent, and records the run.
///
/// # Errors
/// When the books cannot be written.
pub async fn take_sent(call: &Call, file: &spool::Spooled) -> anyhow::Result<Summary> {
    let started = call.stamp();
    let mut summary = Summary::default();
    let taken = take_file(call, file.path(), (HTTP, None), &mut summary).await;
    let outcome = taken.map(|_| summary);
    call.record("settle", &started, &outcome).await?;
    outcome
}

/// The files of the configured folder.
fn listed(call: &Call, summary: &mut Summary) -> Vec<PathBuf> {
    let settlement = call.config.settlement.as_ref();
    let Some(folder) = settlement.and_then(|found| found.folder.as_ref()) else {
        return Vec::new();
    };
    let folder = call.path(folder);
    let listed = match folder.try_exists() {
        Ok(false) => Ok(Vec::new()),
        _ => regular::folder(&folder),
    };
    listed.unwrap_or_else(|error| {
        let folder = folder.display();
        summary.refuse(format!("{folder}: the folder cannot be read: {error}"));
        Vec::new()
    })
}

/// Takes all that is in a file, which something brought; says why where not all of it was taken.
async fn take_file(
    call: &Call,
    path: &Path,
    (from, format): (&str, Option<&'static SettlementKind>),
    summary: &mut Summary,
) -> anyhow::Result<Option<String>> {
    let mut source = Source {
        call: call.clone(),
        path: path.to_owned(),
        from: from.to_owned(),
        part: Part::whole(path),
        format,
    };
    let own = path.to_owned();
    let parts = match on_a_thread(move || Ok(unpack::parts(&own)?)).await {
        Ok(parts) => parts,
        Err(error) => return Ok(Some(source.refuse(&error, summary))),
    };
    let mut refused = None;
    for part in parts {
        source.part = part;
        match take(&source).await {
            Ok(taken) => summary.add(&source, taken),
            Err(Failure::File(error)) => refused = Some(source.refuse(&error, summary)),
            Err(Failure::Books(error)) => return Err(error),
        }
    }
    Ok(refused)
}

/// Whether it is the file that is at fault: its data, or what it asks for.
fn is_the_files(error: &StoreError) -> bool {
    matches!(error.class(), Class::Refuse | Class::Quarantine)
}

/// A file that is taken, and how.
#[derive(Clone, Debug)]
struct Source {
    call: Call,
    path: PathBuf,
    /// What brought it.
    from: String,
    part: Part,
    /// The format that somebody named.
    format: Option<&'static SettlementKind>,
}

impl Source {
    /// Where it is, for people.
    fn shown(&self) -> String {
        if [NAMED, FOLDER].contains(&self.from.as_str()) {
            let shown = self.path.with_file_name(&self.part.name);
            return shown.display().to_string();
        }
        format!("{}/{}", self.from, self.part.name)
    }

    /// Tells that it is refused, and why.
    fn refuse(&self, error: &anyhow::Error, summary: &mut Summary) -> String {
        summary.receive(self, "refused");
        let why = format!("{error:#}");
        summary.refuse(format!("{}: {why}", self.shown()));
        why
    }
}

/// Work that waits for a disk, or takes long.
async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    let working = tokio::task::spawn_blocking(work);
    working.await.context("the reading broke off")?
}

/// Takes one file, in one transaction.
async fn take(source: &Source) -> Result<Taken, Failure> {
    if is_known(source).await? {
        return Ok(repeated());
    }
    let own = source.clone();
    let mut survey = on_a_thread(move || survey::of(&own)).await?;
    let keep = source.call.keep().map_err(Failure::Books)?;
    let Some(keep) = keep else {
        return take_surveyed(source, survey, &mut None).await;
    };
    survey.file.kept = Some(keep.kind());
    let mut keeping = Some(keep.begin(survey.file.hash).await?);
    let taken = take_surveyed(source, survey, &mut keeping).await;
    // It was not ended: the file was refused, or another process came first.
    if let Some(keeping) = keeping {
        keeping.give_up().await;
    }
    taken
}

/// Takes a file that was read once. Where its bytes go elsewhere, they lie there before the commit.
async fn take_surveyed(
    source: &Source,
    survey: Survey,
    keeping: &mut Option<Box<dyn Keeping>>,
) -> Result<Taken, Failure> {
    let call = &source.call;
    let mut tx = call.store.begin().await?;
    let stamp = call.stamp();
    let begun = tx.begin_file(survey.file.clone(), &stamp).await?;
    let Some(mut taking) = begun else {
        return Ok(repeated());
    };
    let (hash, plain) = (survey.file.hash, keeping.is_some());
    let (to, mut pieces) = mpsc::channel(2);
    let own = source.clone();
    let feeding = tokio::task::spawn_blocking(move || feed::run(&own, &survey, plain, to));
    while let Some(piece) = pieces.recv().await {
        match (piece, keeping.as_mut()) {
            (Piece::Lines(lines), _) => tx.take_lines(&mut taking, &lines).await?,
            (Piece::Bytes(bytes), _) => tx.take_bytes(&mut taking, &bytes).await?,
            (Piece::Plain(bytes), Some(keeping)) => keeping.write(&bytes).await?,
            (Piece::Plain(_), None) => {}
        }
    }
    let fed = feeding.await.context("the reading broke off")??;
    if fed.hash != hash {
        return Err(Failure::File(anyhow::anyhow!(CHANGED)));
    }
    if let Some(keeping) = keeping.take() {
        keeping.end().await?;
    }
    let taken = tx.end_file(taking, &fed.last, &stamp).await?;
    tx.commit().await?;
    Ok(taken)
}

/// Whether a file of this name was taken before, with the same bytes: then it need not be understood again.
async fn is_known(source: &Source) -> Result<bool, Failure> {
    let store = &source.call.store;
    if !store.has_file_named(&source.part.name).await? {
        return Ok(false);
    }
    let own = source.clone();
    let hash = on_a_thread(move || survey::hash(&own)).await?;
    Ok(store.has_file(&hash).await?)
}

fn repeated() -> Taken {
    Taken {
        summary: SettleSummary {
            repeated_files: 1,
            ..SettleSummary::default()
        },
        ..Taken::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_books_cannot_take_is_the_files_fault_and_an_outage_is_not() {
        let table = [
            (StoreError::Null, true),
            (StoreError::Overflow("a total".to_owned()), true),
            (StoreError::NoBooks, true),
            (StoreError::Moved, false),
            (StoreError::Corrupt("a row".to_owned()), false),
        ];
        for (error, wanted) in table {
            assert_eq!(is_the_files(&error), wanted, "{error}");
        }
    }
}
