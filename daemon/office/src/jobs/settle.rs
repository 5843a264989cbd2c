//! Settlement: files of processors and banks into statements and lines.
//!
//! A file is read twice and held never: first for what it is, what its statements say of themselves and what its
//! bytes hash to; then its lines and bytes go into the books as they are read, in one transaction. A file that
//! cannot be read, that changes between the two, or that the books refuse leaves nothing behind and stops no other.

mod feed;
mod survey;

use crate::call::Call;
use anyhow::Context as _;
use chrono::NaiveDate;
use connectors::regular;
use connectors::unpack::{self, Part};
use feed::Piece;
use formats::settlement::SettlementKind;
use ledger::{Class, Money};
use serde::Serialize;
use std::path::{Path, PathBuf};
use store::StoreError;
use store::settlement::{SettleSummary, Taken, TakenStatement};
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
    /// Each statement that was taken. There may be very many, which a run's row need not keep.
    #[serde(skip)]
    pub statements: Vec<StatementTold>,
}

/// A statement that was taken.
#[derive(Clone, Debug, Serialize)]
pub struct StatementTold {
    /// The file.
    pub file: String,
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
    fn of(file: &str, taken: TakenStatement) -> Self {
        let (announced, verdict) = (taken.announced, taken.verdict);
        let statement = announced.statement;
        let shown = |money: Money| money.to_decimal().to_string();
        Self {
            file: file.to_owned(),
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
    fn refuse(&mut self, path: &Path, error: &anyhow::Error) {
        tracing::error!(file = %path.display(), error = %format!("{error:#}"), "refused");
        self.refused.push(format!("{error:#}"));
    }

    fn add(&mut self, file: &str, taken: Taken) {
        self.counts.add(taken.summary);
        let told = taken.told.into_iter();
        self.told.extend(told.map(|what| format!("{file}: {what}")));
        let statements = taken.statements.into_iter();
        self.statements
            .extend(statements.map(|taken| StatementTold::of(file, taken)));
    }
}

/// A file is read twice, and whoever writes it may not have ended.
const CHANGED: &str =
    "it changed while it was read; nothing of it was taken, take it again when it is complete";

/// Why a file was not taken.
enum Failure {
    /// It is the file that is at fault: its data, or what it asks for.
    File(anyhow::Error),
    /// The books cannot be written.
    Books(StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        if is_the_files(&error) {
            Self::File(error.into())
        } else {
            Self::Books(error)
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::File(error)
    }
}

/// Takes every file of the configured folder.
pub async fn run(call: &Call) -> anyhow::Result<Summary> {
    let Some(folder) = &call.config.settlement else {
        return Ok(Summary::default());
    };
    let folder = call.path(&folder.folder);
    let listed = match folder.try_exists() {
        Ok(false) => Ok(Vec::new()),
        _ => regular::folder(&folder),
    };
    match listed {
        Ok(files) => take_files(call, &files, None).await,
        Err(error) => {
            let refused = format!("{}: the folder cannot be read: {error}", folder.display());
            tracing::error!(folder = %folder.display(), %error, "refused");
            Ok(Summary {
                refused: vec![refused],
                ..Summary::default()
            })
        }
    }
}

/// Takes files; one that cannot be read does not stop the others.
pub async fn take_files(
    call: &Call,
    files: &[PathBuf],
    format: Option<&'static SettlementKind>,
) -> anyhow::Result<Summary> {
    let mut summary = Summary::default();
    for path in files {
        let listed = on_a_thread({
            let path = path.clone();
            move || unpack::parts(&path).with_context(|| path.display().to_string())
        });
        let parts = match listed.await {
            Ok(parts) => parts,
            Err(error) => {
                summary.refuse(path, &error);
                continue;
            }
        };
        for part in parts {
            let source = Source {
                call: call.clone(),
                path: path.clone(),
                part,
                format,
            };
            match take(&source).await {
                Ok(taken) => summary.add(&source.part.name, taken),
                Err(Failure::File(error)) => {
                    summary.refuse(path, &error.context(source.shown()));
                }
                Err(Failure::Books(error)) => return Err(error.into()),
            }
        }
    }
    Ok(summary)
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
    part: Part,
    /// The format that somebody named.
    format: Option<&'static SettlementKind>,
}

impl Source {
    /// Where it is, for people.
    fn shown(&self) -> String {
        let shown = self.path.with_file_name(&self.part.name);
        shown.display().to_string()
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
    let call = &source.call;
    if is_known(source).await? {
        return Ok(repeated());
    }
    let own = source.clone();
    let survey = on_a_thread(move || survey::of(&own)).await?;
    let mut tx = call.store.begin().await?;
    let stamp = call.stamp();
    let begun = tx.begin_file(survey.file.clone(), &stamp).await?;
    let Some(mut taking) = begun else {
        return Ok(repeated());
    };
    let hash = survey.file.hash;
    let (to, mut pieces) = mpsc::channel(2);
    let own = source.clone();
    let feeding = tokio::task::spawn_blocking(move || feed::run(&own, &survey, to));
    while let Some(piece) = pieces.recv().await {
        match piece {
            Piece::Lines(lines) => tx.take_lines(&mut taking, &lines).await?,
            Piece::Bytes(bytes) => tx.take_bytes(&mut taking, &bytes).await?,
        }
    }
    let sealed = feeding.await.context("the reading broke off")??;
    if sealed.hash() != hash {
        return Err(Failure::File(anyhow::anyhow!(CHANGED)));
    }
    let taken = tx.end_file(taking, &sealed.into_packed(), &stamp).await?;
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
