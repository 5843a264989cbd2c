//! `tieout mappings check | list | test | infer | diff | activate`.

use crate::output::{self, Output, TextTable};
use crate::wording::{decided, trial_balance};
use anyhow::Context as _;
use clap::Subcommand;
use office::deeds::activate;
use office::questions::{check, difference};
use office::{Call, company};
use serde_json::json;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compile the mapping; every finding with its place.
    Check,
    /// The rules, the events that they answer to, and those whose balance nobody has shown.
    List,
    /// Run the mapping's golden tests.
    Test {
        /// Write what the rules make as what is expected; read the difference before you keep it.
        #[arg(long)]
        update: bool,
    },
    /// Write a first schema and a first rule for each type of event in some samples.
    Infer {
        /// Files of events as the sender sends them: one, a list, or one in each line.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The folder to write to; nothing there is overwritten.
        #[arg(short, long)]
        output: PathBuf,
    },
    /// What another version would make of the events in the books: per account, with the first of each kind of
    /// change. Nothing is written.
    Diff {
        /// The version that stands in the books, to be sure that it does.
        #[arg(long)]
        from: Option<String>,
        /// The folder's version, or another folder; the configuration's own where it is left out.
        #[arg(long)]
        to: Option<String>,
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
        matches!(self, Self::Activate { .. } | Self::Diff { .. })
    }

    /// Whether it needs no more than the right to read the books.
    pub(crate) const fn only_asks(&self) -> bool {
        matches!(self, Self::Diff { .. })
    }
}

/// What the folder alone can answer.
pub(crate) fn run_alone(path: &Path, command: &Command, output: Output) -> anyhow::Result<bool> {
    match command {
        Command::Check | Command::List => compile(path, output),
        Command::Test { update } => test(path, *update, output),
        Command::Infer {
            files,
            output: folder,
        } => infer(path, files, folder, output),
        Command::Activate { .. } | Command::Diff { .. } => Ok(true),
    }
}

/// What the books are needed for.
pub(crate) async fn run(call: &Call, command: &Command, output: Output) -> anyhow::Result<bool> {
    let why = match command {
        Command::Activate { why } => why,
        Command::Diff { from, to } => {
            return diff(call, from.as_deref(), to.as_deref(), output).await;
        }
        _ => return Ok(true),
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
    let mut table = TextTable::new(&["rule", "answers to", "balance"]);
    for rule in &compiled.rules {
        let balance = if rule.proven { "proven" } else { "unproven" };
        table.row(vec![rule.rule.clone(), rule.on.clone(), balance.to_owned()]);
    }
    let mut text = format!("{table}\nversion {}", compiled.version);
    for warning in &compiled.warnings {
        text.push_str(&format!("\nwarning: {warning}"));
    }
    output.result(&compiled, &text)?;
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

fn infer(path: &Path, files: &[PathBuf], folder: &Path, output: Output) -> anyhow::Result<bool> {
    let proposed = check::infer(path, files)?;
    let mut table = TextTable::new(&["type", "samples", "rule", "schema"]);
    let mut written = Vec::new();
    for one in &proposed {
        let name = one
            .kind
            .replace(|sign: char| !sign.is_alphanumeric() && sign != '.', "-");
        let rule = folder.join(format!("{name}.yaml"));
        let schema = folder.join("schemas").join(format!("{name}.json"));
        let text = format!("{}\n", serde_json::to_string_pretty(&one.schema)?);
        for (file, text) in [(&rule, &one.rule), (&schema, &text)] {
            create(file, text)?;
        }
        table.row(vec![
            one.kind.clone(),
            one.samples.to_string(),
            rule.display().to_string(),
            schema.display().to_string(),
        ]);
        written.push(
            json!({ "type": one.kind, "samples": one.samples, "rule": rule, "schema": schema }),
        );
    }
    let text =
        format!("{table}\nread each rule and name its accounts; then `tieout mappings check`");
    output.result(&written, &text)?;
    Ok(true)
}

/// Writes a file that is not there yet.
fn create(file: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let open = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(file);
    let mut opened = open.with_context(|| format!("`{}` cannot be made", file.display()))?;
    Ok(opened.write_all(text.as_bytes())?)
}

async fn diff(
    call: &Call,
    from: Option<&str>,
    to: Option<&str>,
    output: Output,
) -> anyhow::Result<bool> {
    let own = call.program()?;
    let program = match to {
        None => Arc::clone(own),
        Some(version) if own.version.to_string().starts_with(version) => Arc::clone(own),
        Some(folder) => Arc::new(company::compile(Path::new(folder))?.1),
    };
    let call = &call.clone().watched(output::progress(None, "events"));
    let found = difference::difference(call, &program).await?;
    let stands = found.from.as_deref().unwrap_or_default();
    if let Some(from) = from {
        anyhow::ensure!(
            stands.starts_with(from),
            "version {from} is not in force, {stands} is: what stands in the books is what a mapping is compared with"
        );
    }
    let mut text = format!(
        "version {} over {} events: {} unchanged\n",
        found.to, found.events, found.unchanged
    );
    for change in &found.changes {
        let (now, then) = (change.now, change.then);
        text.push_str(&format!(
            "\n{} events, now {now}, then {then}\n",
            change.events
        ));
        for one in &change.first {
            let makes: Vec<String> = one
                .makes
                .lines()
                .map(|line| format!("    {line}"))
                .collect();
            text.push_str(&format!(
                "  event {} `{}`\n{}\n",
                one.event,
                one.id,
                makes.join("\n")
            ));
        }
    }
    text.push_str(&trial_balance(&found.effect));
    output.result(&found, &text)?;
    Ok(true)
}
