//! Settlement: files of processors and banks into statements and lines.

use crate::call::Call;
use crate::panics;
use anyhow::Context as _;
use connectors::regular;
use formats::read::what::describe;
use formats::settlement::{MAX_FILE_BYTES, ParseError, SettlementKind, known};
use ledger::{Class, Statement};
use serde_json::json;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use store::StoreError;
use store::settlement::{NewFile, SettleSummary};

/// What became of all files, and the ones that could not be read.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Summary {
    /// What they brought, all together.
    #[serde(flatten)]
    pub counts: SettleSummary,
    /// Files that could not be read, with the reason.
    pub refused: Vec<String>,
}

impl Summary {
    fn refuse(&mut self, path: &Path, error: &anyhow::Error) {
        tracing::error!(file = %path.display(), error = %format!("{error:#}"), "refused");
        self.refused.push(format!("{error:#}"));
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
        match read(call, path, format).await {
            Ok(file) => match take(call, &file).await {
                Ok(counts) => summary.counts.add(counts),
                Err(error) if is_the_files(&error) => {
                    summary.refuse(path, &anyhow::Error::from(error).context(file.name));
                }
                Err(error) => return Err(error.into()),
            },
            Err(error) => summary.refuse(path, &error),
        }
    }
    Ok(summary)
}

/// Whether it is the file that is at fault: its data, or what it asks for.
fn is_the_files(error: &StoreError) -> bool {
    matches!(error.class(), Class::Refuse | Class::Quarantine)
}

/// One file, one transaction: what the books refuse leaves nothing behind and stops no other.
async fn take(call: &Call, file: &NewFile) -> Result<SettleSummary, StoreError> {
    let mut tx = call.store.begin().await?;
    let counts = tx.take_file(file, &call.stamp()).await?;
    tx.commit().await?;
    Ok(counts)
}

/// Reads on a thread that may wait: a file may be large, and a disk slow.
async fn read(
    call: &Call,
    path: &Path,
    format: Option<&'static SettlementKind>,
) -> anyhow::Result<NewFile> {
    let (call, path) = (call.clone(), path.to_owned());
    let reading = tokio::task::spawn_blocking(move || read_now(&call, &path, format));
    reading.await.context("the reading broke off")?
}

fn read_now(call: &Call, path: &Path, format: Option<&SettlementKind>) -> anyhow::Result<NewFile> {
    let at = || path.display().to_string();
    let raw = regular::read(path, MAX_FILE_BYTES).with_context(at)?;
    let kind = format
        .or_else(|| SettlementKind::recognise(&raw))
        .with_context(|| {
            let (what, known) = (describe(&raw), known());
            format!("{}: this is {what}; what is read is {known}", at())
        })?;
    let options = options(call, kind);
    let parser = kind.open(options.clone())?;
    let statements = unless_it_panics(|| parser.parse(&raw)).with_context(at)?;
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Ok(NewFile {
        name,
        format: kind.id.to_owned(),
        format_version: kind.version,
        options: options.to_string(),
        raw,
        statements,
    })
}

/// A format's own mistake is that of one file, and stops no other.
fn unless_it_panics(
    parse: impl FnOnce() -> Result<Vec<Statement>, ParseError>,
) -> anyhow::Result<Vec<Statement>> {
    match std::panic::catch_unwind(AssertUnwindSafe(parse)) {
        Ok(read) => Ok(read?),
        Err(panic) => {
            anyhow::bail!(
                "the format failed on it ({}); this is a fault of Tieout's, report it with the file",
                panics::said(panic.as_ref()).unwrap_or("no reason given")
            )
        }
    }
}

/// The options of a format, as the configuration has them.
fn options(call: &Call, kind: &SettlementKind) -> serde_json::Value {
    let configured = call.config.settlement.as_ref();
    let own = configured.and_then(|found| found.formats.get(kind.id));
    own.cloned().unwrap_or_else(|| json!({}))
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

    #[test]
    fn a_panic_is_a_refusal() {
        let read = unless_it_panics(|| {
            let none: [i64; 0] = [];
            let first = none.first().copied();
            assert!(first.is_some(), "there is none");
            Ok(Vec::new())
        });
        let told = read.map(|_| ()).map_err(|error| error.to_string());
        assert!(told.is_err_and(|told| told.contains("there is none")));
    }
}
