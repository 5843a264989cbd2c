//! `tieout connectors list | describe KIND | test NAME`.

use crate::output::{Output, TextTable};
use clap::Subcommand;
use office::Call;
use office::questions::connectors;
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Every kind that this build knows.
    List,
    /// One kind with its options.
    Describe {
        /// The kind.
        kind: String,
    },
    /// Whether a configured target or source of settlement files can be reached, without changing anything there.
    Test {
        /// The target or source.
        name: String,
    },
}

pub(crate) async fn run(call: &Call, command: &Command, output: Output) -> anyhow::Result<bool> {
    match command {
        Command::List => list(output),
        Command::Describe { kind } => describe(kind, output),
        Command::Test { name } => test(call, name, output).await,
    }
}

fn list(output: Output) -> anyhow::Result<bool> {
    let mut table = TextTable::new(&["kind", "way", "what it is"]);
    let mut values = Vec::new();
    for kind in connectors::kinds() {
        table.row(vec![
            kind.kind.to_owned(),
            kind.way.to_owned(),
            kind.title.to_owned(),
        ]);
        values.push(json!({ "kind": kind.kind, "way": kind.way, "title": kind.title }));
    }
    output.result(&values, &table.to_string())?;
    Ok(true)
}

fn describe(id: &str, output: Output) -> anyhow::Result<bool> {
    let kind = connectors::describe(id)?;
    let mut holds = String::new();
    if !kind.holds.is_empty() {
        holds.push_str("what it holds:\n\n");
    }
    for told in &kind.holds {
        holds.push_str(&format!("- {told}\n"));
    }
    let text = format!(
        "{} ({})\n{}\n\n{}\noptions, by example:\n\n{}",
        kind.title,
        kind.kind,
        match kind.way {
            "file" =>
                "writes files; the target says where they go under `drop`: folder, sftp, bucket or https",
            "drop" => "where files go; stands under a target's `drop`",
            _ => "speaks to an API; the target has no `drop`",
        },
        holds,
        kind.options
    );
    output.result(&kind, &text)?;
    Ok(true)
}

async fn test(call: &Call, name: &str, output: Output) -> anyhow::Result<bool> {
    let answer = connectors::test(call, name).await?;
    let reached = format!("`{name}` can be reached");
    let text = answer.problem.clone().unwrap_or(reached);
    output.result(&answer, &text)?;
    Ok(answer.reachable)
}
