//! `tieout mappings check | test`.

use crate::output::{Output, TextTable};
use clap::Subcommand;
use mappings::{Context, golden};
use office::company;
use office::config::Config;
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
    let config = Config::read(path)?;
    let folder = path.parent().unwrap_or(Path::new("")).join(&config.mapping);
    let (pack, program) = company::compile(&folder)?;
    let Command::Test { update } = command else {
        let mut table = TextTable::new(&["rule", "answers to"]);
        for (rule, kind) in program.rule_names() {
            table.row(vec![rule.to_owned(), kind.to_owned()]);
        }
        let text = format!("{table}\nversion {}", program.version);
        output.result(&json!({ "version": program.version.to_string() }), &text)?;
        return Ok(true);
    };
    let entities = config.entities()?;
    let context = Context {
        entities: entities.into_iter().map(|e| (e.code.clone(), e)).collect(),
    };
    let cases = golden::run(&pack, &program, &context);
    let mut text = String::new();
    for case in &cases {
        if *update && !case.passed() {
            std::fs::write(
                folder
                    .join("tests")
                    .join(&case.name)
                    .join("expected.journal"),
                &case.found,
            )?;
        }
        let mark = match (case.passed(), *update) {
            (true, _) => "ok",
            (false, true) => "written",
            (false, false) => "differs",
        };
        text.push_str(&format!("{mark:8} {}\n", case.name));
        if !case.passed() {
            text.push_str(&case.difference());
        }
    }
    let failed = cases.iter().filter(|case| !case.passed()).count();
    text.push_str(&format!("{} passed, {failed} differ", cases.len() - failed));
    let list: Vec<_> = cases
        .iter()
        .map(|case| json!({ "case": case.name, "passed": case.passed(), "difference": case.difference() }))
        .collect();
    output.result(&list, &text)?;
    Ok(failed == 0 || *update)
}
