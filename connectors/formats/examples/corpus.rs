//! Reads every settlement file below a folder of other people's files, and compares what became of
//! each with what is kept in `corpus.txt` beside this program: kind, counts, sums and verdict, and a
//! word of ours on each file that is refused, that is not recognised, or whose statements do not close.
//! Nothing else of a file is kept there.
//!
//! `cargo run -p formats --example corpus -- FOLDER` fails on any difference, and on a file without
//! the word that it needs. `UPDATE=1` writes the file anew and keeps the words; read the difference
//! first. `--json` tells what was read line by line instead, for whoever compares it with others.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this program only tells"
)]

use formats::settlement::{Parse, ParseError, SettlementKind};
use ledger::{Money, SettlementLine, Statement};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/corpus.txt");

const HEAD: &str = "\
# What becomes of other people's settlement files: kind, counts and sums, the verdict, and after `=` a word
# on what is refused, not recognised, or does not close. `make corpus` compares; UPDATE=1 writes.
";

/// Folders of the corpus that hold settlement files.
const FOLDERS: &[&str] = &[
    "bai2",
    "camt",
    "gocardless",
    "mt940",
    "ofx",
    "psp",
    "stripe",
];

/// Endings of what lies beside the files: schemas, and what others read in them.
const BESIDE: &[&str] = &["xsd", "yml", "json"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(root) = arguments.iter().find(|text| !text.starts_with("--")) else {
        eprintln!("usage: corpus [--json] FOLDER");
        return ExitCode::from(2);
    };
    let files = files(Path::new(root));
    if arguments.iter().any(|text| text == "--json") {
        for (name, bytes) in &files {
            if let Some(kind) = SettlementKind::recognise(bytes) {
                println!("{}", line_by_line(name, kind, &opened(kind).parse(bytes)));
            }
        }
        return ExitCode::SUCCESS;
    }
    let kept = std::fs::read_to_string(SNAPSHOT).unwrap_or_default();
    let words = words(&kept);
    let mut found = HEAD.to_owned();
    let mut without_word = Vec::new();
    let mut beside = BTreeMap::<String, u32>::new();
    for (name, bytes) in &files {
        let told = match SettlementKind::recognise(bytes) {
            Some(kind) => told(kind, &opened(kind).parse(bytes)),
            None => match BESIDE.iter().find(|ending| name.ends_with(**ending)) {
                Some(ending) => {
                    *beside.entry((*ending).to_owned()).or_default() += 1;
                    continue;
                }
                None => Told::odd("not recognised".to_owned()),
            },
        };
        found.push_str(&format!("{name}\n  {}\n", told.text));
        match words.get(name.as_str()) {
            Some(word) if told.needs_word => found.push_str(&format!("  = {word}\n")),
            None if told.needs_word => without_word.push(name.as_str()),
            _ => {}
        }
    }
    for (ending, count) in beside {
        found.push_str(&format!("not recognised: {count} of .{ending}\n"));
    }
    judged(&kept, &found, &without_word)
}

/// Whether all is as it was.
fn judged(kept: &str, found: &str, without_word: &[&str]) -> ExitCode {
    let update = std::env::var("UPDATE").is_ok();
    if update && let Err(error) = std::fs::write(SNAPSHOT, found) {
        eprintln!("{SNAPSHOT}: {error}");
        return ExitCode::FAILURE;
    }
    let (kept, found) = (blocks(kept), blocks(found));
    let mut failed = 0;
    if !update {
        let names = kept.keys().chain(found.keys());
        let names: std::collections::BTreeSet<&&str> = names.collect();
        for name in names {
            let of = |blocks: &BTreeMap<&str, String>| blocks.get(*name).cloned();
            let (before, now) = (of(&kept), of(&found));
            if before != now {
                let text = |told: Option<String>| told.unwrap_or("  nothing\n".to_owned());
                println!("FAIL {name}\nwas\n{}is\n{}", text(before), text(now));
                failed += 1;
            }
        }
    }
    for name in without_word {
        println!("FAIL {name}: a word on it is missing (`  = …`)");
    }
    failed += without_word.len();
    let passed = found.len().saturating_sub(failed);
    println!("{passed} passed, {failed} failed");
    ExitCode::from(u8::from(failed > 0 || passed == 0))
}

/// What the snapshot says of each file.
fn blocks(text: &str) -> BTreeMap<&str, String> {
    let mut blocks = BTreeMap::<&str, String>::new();
    let mut name = "";
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if line.starts_with(' ') {
            let block = blocks.entry(name).or_default();
            block.push_str(line);
            block.push('\n');
        } else {
            name = line;
            blocks.entry(name).or_default();
        }
    }
    blocks
}

/// Our word on each file that has one.
fn words(text: &str) -> BTreeMap<&str, &str> {
    let mut words = BTreeMap::new();
    let mut name = "";
    for line in text.lines() {
        match line.strip_prefix("  = ") {
            Some(word) => _ = words.insert(name, word),
            None if !line.starts_with(' ') => name = line,
            None => {}
        }
    }
    words
}

/// What became of a file, in numbers.
struct Told {
    text: String,
    needs_word: bool,
}

impl Told {
    fn odd(text: String) -> Self {
        Self {
            text,
            needs_word: true,
        }
    }
}

fn told(kind: &SettlementKind, read: &Result<Vec<Statement>, ParseError>) -> Told {
    let statements = match read {
        Ok(statements) => statements,
        Err(error) => return Told::odd(format!("{}: refused: {}", kind.id, numbers(error))),
    };
    let mut sums = BTreeMap::new();
    let mut verdicts = BTreeMap::<&str, (u32, String)>::new();
    let mut lines = 0;
    for statement in statements {
        let sum = sums.entry(statement.currency).or_insert(0_i64);
        *sum = sum.saturating_add(statement.total());
        lines += statement.lines.len();
        let verdict = statement.verdict();
        let (word, why) = verdict.split_once(": ").unwrap_or((&verdict, ""));
        let word = match word {
            "closes" => "closing",
            "no balances" => "without balances",
            _ => "NOT CLOSING",
        };
        let first = verdicts.entry(word).or_insert((0, numbers(&why)));
        first.0 += 1;
    }
    let sums = sums.into_iter();
    let sums: Vec<String> = sums
        .map(|(currency, sum)| Money::minor(sum, currency).to_string())
        .collect();
    let needs_word = verdicts.contains_key("NOT CLOSING");
    let verdicts = verdicts.into_iter().map(|(word, (count, why))| {
        let why = if why.is_empty() {
            why
        } else {
            format!(" ({why})")
        };
        format!("{count} {word}{why}")
    });
    let verdicts: Vec<String> = verdicts.collect();
    let text = format!(
        "{}: {} statements, {lines} lines, {}: {}",
        kind.id,
        statements.len(),
        sums.join(", "),
        verdicts.join(", ")
    );
    Told { text, needs_word }
}

/// What is told of a file, without words of its own, which stand between backticks.
fn numbers(told: &impl std::fmt::Display) -> String {
    let told = told.to_string();
    let parts = told.split('`').enumerate();
    let parts: Vec<&str> = parts
        .map(|(at, part)| if at % 2 == 0 { part } else { "…" })
        .collect();
    parts.join("`").replace('\n', " ")
}

/// All that other programs read too.
fn line_by_line(
    name: &str,
    kind: &SettlementKind,
    read: &Result<Vec<Statement>, ParseError>,
) -> Value {
    match read {
        Ok(statements) => {
            let statements: Vec<Value> = statements.iter().map(statement).collect();
            json!({ "path": name, "kind": kind.id, "statements": statements })
        }
        Err(error) => json!({ "path": name, "kind": kind.id, "refused": error.to_string() }),
    }
}

fn statement(statement: &Statement) -> Value {
    let balance = |money: Option<Money>| money.map(|money| money.to_decimal().to_string());
    let lines: Vec<Value> = statement.lines.iter().map(line).collect();
    json!({
        "account": statement.account,
        "currency": statement.currency.code(),
        "opening": balance(statement.opening),
        "closing": balance(statement.closing),
        "lines": lines,
    })
}

fn line(line: &SettlementLine) -> Value {
    json!({
        "net": line.net.to_decimal().to_string(),
        "fee": line.fee.to_decimal().to_string(),
        "booked_on": line.booked_on.to_string(),
        "value_on": line.value_on.map(|day| day.to_string()),
        "line": line.place.line,
    })
}

/// The format with the options of its example.
#[allow(clippy::expect_used, reason = "the example of every kind opens")]
fn opened(kind: &SettlementKind) -> Box<dyn Parse> {
    let example = serde_saphyr::from_str(kind.example).expect("an example is YAML");
    kind.open(example).expect("an example opens")
}

/// The files of the folders, in their order.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut paths = Vec::new();
    for folder in FOLDERS {
        walk(&root.join(folder), &mut paths);
    }
    let named = |path: PathBuf| {
        let name = path.strip_prefix(root).unwrap_or(&path);
        Some((name.display().to_string(), std::fs::read(&path).ok()?))
    };
    paths.into_iter().filter_map(named).collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(items) = std::fs::read_dir(folder) else {
        return;
    };
    for item in items.flatten() {
        let path = item.path();
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}
