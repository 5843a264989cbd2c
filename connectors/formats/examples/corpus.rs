//! Reads every settlement file below a folder of other people's files and tells what became of it.
//!
//! `cargo run -p formats --example corpus -- FOLDER` prints a line per file that a format
//! recognises. It fails when a format panics, and when fewer files can be read than before: what
//! cannot be read is listed here with the reason, so that a new refusal shows.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this program only tells"
)]

use formats::settlement::SettlementKind;
use std::path::{Path, PathBuf};

/// Files that are refused, by the end of their path, and what the refusal says.
const REFUSED: &[(&str, &str)] = &[
    ("camt053.v2.wrong.xml", "no statement"),
    // OFX without any statement: an empty file, sign-ons, a list of accounts.
    ("ofxparse/tests/fixtures/bank_small.ofx", "no statement"),
    (
        "ofxparse/tests/fixtures/account_listing_aggregation.ofx",
        "no statement",
    ),
    ("ofxparse/tests/fixtures/signon_success.ofx", "no statement"),
    (
        "ofxparse/tests/fixtures/signon_success_no_message.ofx",
        "no statement",
    ),
    // Answers that are errors.
    ("ofxtools/tests/data/profrs.ofx", "the error 15500"),
    ("ofxparse/tests/fixtures/signon_fail.ofx", "the error 15500"),
    (
        "ofxparse/tests/fixtures/error_message.ofx",
        "the error 2000",
    ),
    // Investment accounts.
    ("ofxparse/tests/fixtures/fidelity.ofx", "holds investments"),
    (
        "ofxparse/tests/fixtures/fidelity-savings.ofx",
        "holds investments",
    ),
    (
        "ofxparse/tests/fixtures/investment_401k.ofx",
        "holds investments",
    ),
    (
        "ofxparse/tests/fixtures/investment_medium.ofx",
        "holds investments",
    ),
    (
        "ofxparse/tests/fixtures/td_ameritrade.ofx",
        "holds investments",
    ),
    ("ofxparse/tests/fixtures/tiaacref.ofx", "holds investments"),
    ("ofxparse/tests/fixtures/vanguard.ofx", "holds investments"),
    (
        "ofxparse/tests/fixtures/vanguard401k.ofx",
        "holds investments",
    ),
    ("ofxtools/tests/data/invstmtrs.ofx", "holds investments"),
    // Spoilt on purpose.
    ("fail_nice/date_missing.ofx", "`DTPOSTED` is missing"),
    ("fail_nice/decimal_error.ofx", "`$120` is not a decimal"),
    // A currency that is no more.
    ("cmxl/mt940.sta", "`DEM`"),
    ("self-provided/raphaelm.sta", "`DEM`"),
    // Its `:86:` was made a second `:25:` on purpose.
    ("betterplace/sepa_snippet_broken.sta", "two accounts"),
    // Code page 852, which the file does not declare.
    ("self-provided/raiffeisen-cmi.sta", "is no UTF-8"),
    // Items alone: the payout stands in the request that they answer.
    ("payout_items.json", "of which payout"),
];

fn main() -> std::process::ExitCode {
    let Some(root) = std::env::args().nth(1) else {
        eprintln!("usage: corpus FOLDER");
        return std::process::ExitCode::from(2);
    };
    let mut files = Vec::new();
    walk(Path::new(&root), &mut files);
    files.sort();
    let (mut passed, mut failed) = (0, 0);
    for path in files {
        // Schemas name the format without being of it.
        if path.extension().is_some_and(|ending| ending == "xsd") {
            continue;
        }
        let Ok(bytes) = std::fs::read(&path) else {
            continue;
        };
        let Some(kind) = SettlementKind::recognise(&bytes) else {
            continue;
        };
        let name = path
            .strip_prefix(&root)
            .unwrap_or(&path)
            .display()
            .to_string();
        let expected = REFUSED.iter().find(|(end, _)| name.ends_with(end));
        let (ok, told) = match (opened(kind).parse(&bytes), expected) {
            (Ok(statements), None) => {
                let lines: usize = statements
                    .iter()
                    .map(|statement| statement.lines.len())
                    .sum();
                let verdicts: Vec<String> =
                    statements.iter().map(ledger::Statement::verdict).collect();
                (
                    true,
                    format!(
                        "{} statements, {lines} lines: {}",
                        statements.len(),
                        verdicts.join("; ")
                    ),
                )
            }
            (Ok(_), Some(_)) => (true, "read, though it was refused before".to_owned()),
            (Err(error), Some((_, why))) => {
                (error.to_string().contains(why), format!("refused: {error}"))
            }
            (Err(error), None) => (false, format!("refused: {error}")),
        };
        let mark = if ok { "ok  " } else { "FAIL" };
        println!("{mark} {:8} {name}: {told}", kind.id);
        if ok { passed += 1 } else { failed += 1 }
    }
    println!("{passed} passed, {failed} failed");
    std::process::ExitCode::from(u8::from(failed > 0 || passed == 0))
}

/// The format with the options of its example.
#[allow(clippy::expect_used, reason = "the example of every kind opens")]
fn opened(kind: &SettlementKind) -> Box<dyn formats::settlement::Parse> {
    let example = serde_saphyr::from_str(kind.example).expect("an example is YAML");
    kind.open(example).expect("an example opens")
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
