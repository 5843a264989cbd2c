//! What a person decides, stopped before each of its statements in turn: the deed and the record of who did
//! it are both in the books or neither is.

use super::books::Books;
use super::{STARTER, common, company, config, expect, stream, write_inbox};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const CONFIGURATION: &str = "sources: { billing: { file: { folder: inbox } } }
seal: { key: { file: seal-key.pem } }
";

/// More statements than any deed takes.
const MOST: u32 = 200;

/// A deed, and what it and its records leave behind: each zero or each one.
struct Case {
    deed: &'static [&'static str],
    leaves: &'static [&'static str],
}

const OPEN: &str = "SELECT COUNT(*) FROM period p JOIN entity e ON e.id = p.entity_id WHERE e.code = 'eu' AND p.code = '2026-02' AND p.state = 'open'";
const CLOSED: &str = "SELECT COUNT(*) FROM period p JOIN entity e ON e.id = p.entity_id WHERE e.code = 'eu' AND p.code = '2026-02' AND p.state = 'closed'";

const CASES: [Case; 3] = [
    Case {
        deed: &["period", "close", "eu", "2026-02"],
        leaves: &[
            CLOSED,
            "SELECT COUNT(*) FROM seal",
            "SELECT COUNT(*) FROM run WHERE job = 'period close'",
        ],
    },
    Case {
        deed: &["period", "reopen", "eu", "2026-02", "--why", "it came late"],
        leaves: &[
            OPEN,
            "SELECT COUNT(*) FROM proposal WHERE kind = 'period-reopen'",
            "SELECT COUNT(*) FROM run WHERE job = 'period reopen'",
        ],
    },
    Case {
        deed: &["quarantine", "discard", "1", "--why", "noise"],
        leaves: &[
            "SELECT COUNT(*) FROM quarantine_decision",
            "SELECT COUNT(*) FROM proposal WHERE kind = 'quarantine-discard'",
            "SELECT COUNT(*) FROM run WHERE job = 'quarantine discard'",
        ],
    },
];

/// True if it was stopped before that statement, and killed there.
fn is_stopped(dir: &Path, deed: &[&str], number: u32) -> bool {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tieout"))
        .args(["-c", &config(dir)])
        .args(deed)
        .env("USER", "tester")
        .env("TIEOUT_FAULT", format!("stop:{number}"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let stopped = lines.any(|line| line.unwrap().starts_with("stopped before statement"));
    if stopped {
        child.kill().unwrap();
    }
    let ended = child.wait().unwrap();
    assert!(stopped || ended.success(), "{deed:?}: {ended}");
    stopped
}

fn all_or_nothing(dir: &Path, books: &Books) {
    company(dir, books, CONFIGURATION);
    let mut partitions = stream::partitions(1, 60, 1);
    partitions[0].push("no event".to_owned());
    write_inbox(dir, &partitions);
    std::fs::copy(STARTER.join("seal-key.pem"), dir.join("seal-key.pem")).unwrap();
    expect(0, &["-c", &config(dir), "ingest"]);
    for case in CASES {
        let left = || -> Vec<i64> {
            let count = |statement: &&'static str| books.number(statement).unwrap();
            case.leaves.iter().map(count).collect()
        };
        let (none, all) = (vec![0; case.leaves.len()], vec![1; case.leaves.len()]);
        let mut stops = 0;
        for number in 1..MOST {
            if !is_stopped(dir, case.deed, number) {
                break;
            }
            stops += 1;
            assert_eq!(left(), none, "{:?} before statement {number}", case.deed);
        }
        assert!(
            (3..MOST - 1).contains(&stops),
            "{:?}: {stops} stops",
            case.deed
        );
        assert_eq!(left(), all, "{:?}", case.deed);
    }
}

#[test]
fn a_deed_and_its_record_are_both_there_or_neither_on_sqlite() {
    let dir = common::folder("deeds-sqlite");
    all_or_nothing(&dir, &Books::Sqlite(PathBuf::from(&dir).join("books.db")));
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_deed_and_its_record_are_both_there_or_neither_on_postgres() {
    let dir = common::folder("deeds-postgres");
    let books = Books::Postgres(common::database("deeds"));
    all_or_nothing(&dir, &books);
    std::fs::remove_dir_all(dir).unwrap();
    if let Books::Postgres(url) = &books {
        common::drop_database(url);
    }
}
