//! Settlement: files of processors and banks into statements and lines.

use crate::call::Call;
use anyhow::Context as _;
use connectors::source::regular;
use formats::settlement::{MAX_FILE_BYTES, SettlementKind, known};
use serde_json::json;
use std::path::{Path, PathBuf};
use store::settlement::{NewFile, SettleSummary};

/// What became of all files, and the ones that could not be read.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Summary {
    #[serde(flatten)]
    pub counts: SettleSummary,
    /// Files that could not be read, with the reason.
    pub refused: Vec<String>,
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
    format: Option<&SettlementKind>,
) -> anyhow::Result<Summary> {
    let mut summary = Summary::default();
    for path in files {
        match read(call, path, format) {
            Ok(file) => {
                let mut tx = call.store.begin().await?;
                let counts = tx.take_file(&file, &call.stamp()).await?;
                tx.commit().await?;
                let total = &mut summary.counts;
                total.files += counts.files;
                total.repeated_files += counts.repeated_files;
                total.lines += counts.lines;
                total.repeated_lines += counts.repeated_lines;
                total.open_statements += counts.open_statements;
            }
            Err(error) => {
                tracing::error!(file = %path.display(), error = %format!("{error:#}"), "refused");
                summary.refused.push(format!("{error:#}"));
            }
        }
    }
    Ok(summary)
}

fn read(call: &Call, path: &Path, format: Option<&SettlementKind>) -> anyhow::Result<NewFile> {
    let at = || path.display().to_string();
    let raw = regular::read(path, MAX_FILE_BYTES).with_context(at)?;
    let kind = format
        .or_else(|| SettlementKind::recognise(&raw))
        .with_context(|| {
            format!(
                "{}: no format recognises it; name one with --format: {}",
                at(),
                known()
            )
        })?;
    let options = options(call, kind);
    let statements = kind.open(options.clone())?.parse(&raw).with_context(at)?;
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

/// The options of a format, as the configuration has them.
fn options(call: &Call, kind: &SettlementKind) -> serde_json::Value {
    let configured = call.config.settlement.as_ref();
    let own = configured.and_then(|found| found.formats.get(kind.id));
    own.cloned().unwrap_or_else(|| json!({}))
}
