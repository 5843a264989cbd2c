//! `tieout connectors list | describe KIND | test NAME`.

use crate::output::{Output, TextTable};
use anyhow::Context as _;
use clap::Subcommand;
use connectors::erp::{ErpKind, KINDS};
use office::Call;
use office::jobs::export;
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
    /// Whether a configured target can be reached, without leaving anything there.
    Test {
        /// The target.
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
    let mut table = TextTable::new(&["kind", "what it is"]);
    for kind in KINDS {
        table.row(vec![kind.id.to_owned(), kind.title.to_owned()]);
    }
    let kinds: Vec<_> = KINDS
        .iter()
        .map(|kind| json!({ "kind": kind.id, "title": kind.title }))
        .collect();
    output.result(&kinds, &table.to_string())?;
    Ok(true)
}

fn describe(id: &str, output: Output) -> anyhow::Result<bool> {
    let kind = ErpKind::find(id)
        .with_context(|| format!("there is no kind `{id}`; see `tieout connectors list`"))?;
    let text = format!(
        "{} ({})\n\noptions, by example:\n\n{}",
        kind.title, kind.id, kind.example
    );
    output.result(
        &json!({ "kind": kind.id, "title": kind.title, "options": kind.example }),
        &text,
    )?;
    Ok(true)
}

async fn test(call: &Call, name: &str, output: Output) -> anyhow::Result<bool> {
    let target = call
        .config
        .targets
        .get(name)
        .with_context(|| format!("there is no target `{name}` in the configuration"))?;
    let answer = export::open(call, name, target)?.check().await;
    let problem = answer
        .err()
        .map(|error| format!("{:#}", anyhow::Error::from(error)));
    let text = problem
        .clone()
        .unwrap_or_else(|| format!("`{name}` can be reached"));
    output.result(
        &json!({ "target": name, "reachable": problem.is_none(), "problem": problem }),
        &text,
    )?;
    Ok(problem.is_none())
}
