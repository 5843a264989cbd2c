//! `tieout mappings check | test`.

use crate::output::{Output, TextTable};
use clap::Subcommand;
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
}

pub(crate) fn run(path: &Path, command: &Command, output: Output) -> anyhow::Result<bool> {
    match command {
        Command::Check => compile(path, output),
        Command::Test { update } => test(path, *update, output),
    }
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
