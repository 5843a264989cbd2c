//! `tieout ingest` and `tieout post`: events into the books, and those that wait decided again.

use crate::output::{self, Output};
use crate::wording::intake_text;
use connectors::source::file::{FileSource, Layout};
use office::Call;
use office::jobs::intake::{self, COMMAND_LINE};
use office::jobs::post;
use office::pipeline::{self, SourceName, Until};
use std::path::PathBuf;

pub(crate) async fn ingest(call: &Call, files: &[PathBuf], output: Output) -> anyhow::Result<bool> {
    post::after_a_change(call).await?;
    let started = call.stamp();
    let call = &call.clone().watched(output::progress(None, "events"));
    let outcome = if files.is_empty() {
        intake::ingest_folders(call).await
    } else {
        Ok(named_files(call, files).await)
    };
    call.progress.end();
    call.record("ingest", &started, &outcome).await?;
    let summary = outcome?;
    let mut text = intake_text(&summary.counts);
    for refused in &summary.refused {
        text.push_str(&format!("\nleft before its end: {refused}"));
    }
    output.result(&summary, &text)?;
    Ok(summary.refused.is_empty())
}

async fn named_files(call: &Call, files: &[PathBuf]) -> intake::Ingested {
    let mut total = intake::Ingested::default();
    let from = SourceName {
        name: COMMAND_LINE.to_owned(),
        kind: "file",
    };
    for file in files {
        let counts = &mut total.counts;
        let outcome = if file.as_os_str() == "-" {
            match FileSource::from_reader(std::io::stdin(), call.config.batch()) {
                Ok(source) => {
                    let source = Box::new(source);
                    pipeline::run(call, &from, source, Until::Empty, counts).await
                }
                Err(error) => Err(error.into()),
            }
        } else {
            intake::ingest_file(call, &from, file, Layout::default(), counts).await
        };
        if let Err(error) = outcome {
            total.refuse(file, &error);
        }
    }
    total
}

pub(crate) async fn post_again(call: &Call, output: Output) -> anyhow::Result<bool> {
    let started = call.stamp();
    let outcome = post::run(call).await;
    call.record("post", &started, &outcome).await?;
    let summary = outcome?;
    let counts = &summary.counts;
    let mut text = format!(
        "decided again {}: posted {} ({} entries), ignored {}, still suspended {}",
        counts.received, counts.posted, counts.entries, counts.ignored, counts.suspended
    );
    if let Some(note) = &summary.note {
        text.push_str(&format!("\n{note}"));
    }
    output.result(&summary, &text)?;
    Ok(true)
}
