//! `tieout mappings check | test | activate`.

use crate::output::{Output, TextTable};
use crate::wording::decided;
use clap::Subcommand;
use office::Call;
use office::deeds::activate;
use office::questions::check;
use serde_json::json;
use std::path::Path;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compile the mapping; every finding with its place.
    Check,
    /// Run the mapping's golden tests.
    Test {
        /// Write what the rules make as what is expected; read the difference before you keep it.
        #[arg(long)]
        update: bool,
    },
    /// Put the folder's version in force, or propose it where the policy asks for another person. Elsewhere
    /// whatever posts does so by itself.
    Activate {
        /// Why, for whoever asks later.
        #[arg(long)]
        why: String,
    },
}

impl Command {
    /// Whether it needs the books, not the folder alone.
    pub(crate) const fn opens_books(&self) -> bool {
        matches!(self, Self::Activate { .. })
    }
}

/// What the folder alone can answer.
pub(crate) fn run_alone(path: &Path, command: &Command, output: Output) -> anyhow::Result<bool> {
    match command {
        Command::Check => compile(path, output),
        Command::Test { update } => test(path, *update, output),
        Command::Activate { .. } => Ok(true),
    }
}

/// What the books are needed for.
pub(crate) async fn run(call: &Call, command: &Command, output: Output) -> anyhow::Result<bool> {
    let Command::Activate { why } = command else {
        return Ok(true);
    };
    let done = activate::propose(call, why).await?;
    let version = call.program()?.version;
    let text = decided(&done, || {
        if done.changed {
            format!("version {version} is in force")
        } else {
            format!("nothing changed: version {version} is in force already")
        }
    });
    let value = json!({
        "version": version.to_string(), "changed": done.changed, "proposal": done.proposal, "state": done.state,
    });
    output.result(&value, &text)?;
    Ok(true)
}

fn compile(path: &Path, output: Output) -> anyhow::Result<bool> {
    let compiled = check::mapping(path)?;
    let mut table = TextTable::new(&["rule", "answers to"]);
    for (rule, kind) in &compiled.rules {
        table.row(vec![rule.clone(), kind.clone()]);
    }
    let text = format!("{table}\nversion {}", compiled.version);
    output.result(&json!({ "version": compiled.version }), &text)?;
    Ok(true)
}

fn test(path: &Path, update: bool, output: Output) -> anyhow::Result<bool> {
    let cases = check::golden_tests(path, update)?;
    let mut text = String::new();
    for case in &cases {
        let mark = match (case.passed, update) {
            (true, _) => "ok",
            (false, true) => "written",
            (false, false) => "differs",
        };
        text.push_str(&format!("{mark:8} {}\n", case.case));
        if !case.passed {
            text.push_str(&case.difference);
        }
    }
    let failed = cases.iter().filter(|case| !case.passed).count();
    text.push_str(&format!("{} passed, {failed} differ", cases.len() - failed));
    output.result(&cases, &text)?;
    Ok(failed == 0 || update)
}
