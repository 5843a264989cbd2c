//! `tieout ingest` and `tieout post`: events into the books, and those that wait decided again.

use crate::output::{self, Output};
use crate::wording::intake_text;
use anyhow::Context as _;
use connectors::source::file::{FileSource, Layout};
use office::Call;
use office::jobs::intake::{self, COMMAND_LINE};
use office::jobs::post;
use office::pipeline::{self, SourceName, Until};
use office::questions::waiting::{self, By, Group};
use serde::Serialize;
use serde_json::Value;
use std::path::PathBuf;

/// How many reasons are told at the end.
const REASONS: usize = 10;

pub(crate) async fn ingest(
    call: &Call,
    files: &[PathBuf],
    source: Option<&str>,
    output: Output,
) -> anyhow::Result<bool> {
    let origin = source.map(|name| known(call, name)).transpose()?;
    anyhow::ensure!(
        origin.is_none() || !files.is_empty(),
        "`--source` says how named files are read; name one, or `-`"
    );
    let origin = origin.unwrap_or_else(|| Origin {
        from: SourceName {
            name: COMMAND_LINE.to_owned(),
            kind: "file",
        },
        layout: Layout::default(),
    });
    post::after_a_change(call).await?;
    let started = call.stamp();
    let call = &call.clone().watched(output::progress(None, "events"));
    let outcome = if files.is_empty() {
        intake::ingest_folders(call).await
    } else {
        Ok(named_files(call, files, &origin).await)
    };
    call.progress.end();
    call.record("ingest", &started, &outcome).await?;
    let summary = outcome?;
    let mut text = intake_text(&summary.counts);
    for refused in &summary.refused {
        text.push_str(&format!("\nleft before its end: {refused}"));
    }
    let reasons = reasons(call, summary.counts.suspended).await?;
    text.push_str(&told(&reasons));
    output.result(&with_reasons(&summary, &reasons)?, &text)?;
    Ok(summary.refused.is_empty())
}

/// Whose events named files hold, and how their lines are understood.
struct Origin {
    from: SourceName,
    layout: Layout,
}

/// A source of the configuration.
fn known(call: &Call, name: &str) -> anyhow::Result<Origin> {
    let sources = &call.config.sources;
    let config = sources.get(name).with_context(|| {
        let known: Vec<&str> = sources.keys().map(String::as_str).collect();
        format!(
            "there is no source `{name}`; there are {}",
            known.join(", ")
        )
    })?;
    Ok(Origin {
        from: SourceName {
            name: name.to_owned(),
            kind: config.kind(),
        },
        layout: config.layout(),
    })
}

async fn named_files(call: &Call, files: &[PathBuf], origin: &Origin) -> intake::Ingested {
    let mut total = intake::Ingested::default();
    let Origin { from, layout } = origin;
    for file in files {
        let counts = &mut total.counts;
        let outcome = if file.as_os_str() == "-" {
            match FileSource::from_reader(std::io::stdin(), call.config.batch()) {
                Ok(source) => {
                    let source = Box::new(source.with_layout(layout.clone()));
                    pipeline::run(call, from, source, Until::Empty, counts).await
                }
                Err(error) => Err(error.into()),
            }
        } else {
            intake::ingest_file(call, from, file, layout.clone(), counts).await
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
    let reasons = reasons(call, counts.suspended).await?;
    text.push_str(&told(&reasons));
    output.result(&with_reasons(&summary, &reasons)?, &text)?;
    Ok(true)
}

/// The reasons for which most events are suspended, where some were.
async fn reasons(call: &Call, suspended: i64) -> anyhow::Result<Vec<Group>> {
    if suspended == 0 {
        return Ok(Vec::new());
    }
    let mut groups = waiting::suspended_by(call, By::Reason).await?;
    groups.truncate(REASONS);
    Ok(groups)
}

fn told(reasons: &[Group]) -> String {
    let mut text = String::new();
    for group in reasons {
        let name = output::visible_line(&group.name);
        text.push_str(&format!("\n{:>8}  {name}", group.events));
    }
    if !reasons.is_empty() {
        text.push_str("\nsuspended in all, by reason; `tieout suspended list` shows which");
    }
    text
}

fn with_reasons(summary: &impl Serialize, reasons: &[Group]) -> anyhow::Result<Value> {
    let mut value = serde_json::to_value(summary)?;
    if let (Value::Object(members), false) = (&mut value, reasons.is_empty()) {
        members.insert("reasons".to_owned(), serde_json::to_value(reasons)?);
    }
    Ok(value)
}
