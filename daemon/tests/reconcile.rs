//! Reconciliation from run to run: what is kept spares the reading of history, and changes nothing that is found.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

mod common;

use common::{
    block_on, config, configure, database, demo, drop_database, expect, expect_json, folder,
};
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};
use std::fs;
use std::path::{Path, PathBuf};

/// The days up to which a month's files come, week by week.
const WEEKS: [&str; 5] = [
    "2026-01-08",
    "2026-01-15",
    "2026-01-22",
    "2026-01-26",
    "2026-02-28",
];

/// How a report is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// By the day of the payout: each comes whole.
    Payout,
    /// By the day of the line: a payout comes in parts.
    Line,
}

/// A processor's report as one file per week.
fn weekly(report: &Path, into: &Path, by: By) -> Vec<Vec<PathBuf>> {
    let text = fs::read_to_string(report).unwrap();
    let (head, lines) = text.split_once('\n').unwrap();
    let mut from = "";
    let mut weeks = Vec::new();
    for until in WEEKS {
        let own = lines.lines().filter(|line| {
            let mut days = line.split(',').skip(1).step_by(2);
            let (paid, created) = (days.next().unwrap(), days.next().unwrap());
            let is_whole = by == By::Payout && !paid.is_empty();
            let day = if is_whole { paid } else { created };
            &day[..10] > from && &day[..10] <= until
        });
        let own: Vec<&str> = own.collect();
        let name = report.file_stem().unwrap().to_str().unwrap();
        let path = into.join(format!("{name}-to-{until}.csv"));
        fs::write(&path, format!("{head}\n{}\n", own.join("\n"))).unwrap();
        weeks.push(if own.is_empty() {
            Vec::new()
        } else {
            vec![path]
        });
        from = until;
    }
    weeks
}

/// What comes in each week: events, then settlement files; the banks' statements with the last ones.
fn month(name: &str, by: By) -> (PathBuf, Vec<(Option<PathBuf>, Vec<PathBuf>)>) {
    let dir = demo(name, "4000", "7");
    let mut weeks: Vec<(Option<PathBuf>, Vec<PathBuf>)> = vec![(None, Vec::new()); WEEKS.len()];
    let sorted = |part: &str| {
        let files = fs::read_dir(dir.join(part)).unwrap();
        let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        files
    };
    for (week, events) in weeks.iter_mut().zip(sorted("inbox")) {
        week.0 = Some(events);
    }
    for file in sorted("settlements") {
        if file.extension().is_some_and(|ending| ending == "csv") {
            for (week, files) in weeks.iter_mut().zip(weekly(&file, &dir, by)) {
                week.1.extend(files);
            }
        } else if file.to_str().unwrap().contains("us-usd") {
            weeks[2].1.push(file);
        } else {
            weeks[4].1.push(file);
        }
    }
    (dir, weeks)
}

fn take(at: &str, (events, files): &(Option<PathBuf>, Vec<PathBuf>)) {
    if let Some(events) = events {
        common::tieout(&["-c", at, "ingest", events.to_str().unwrap()]);
    }
    for file in files {
        // Part of a payout does not close.
        let settled = common::tieout(&["-c", at, "settle", file.to_str().unwrap()]);
        assert!(matches!(settled.status.code(), Some(0 | 1)), "{settled:?}");
    }
    expect(0, &["-c", at, "reconcile"]);
}

/// All that runs left, table by table.
fn left(dir: &Path) -> Vec<(&'static str, Vec<String>)> {
    const TABLES: [(&str, &str); 10] = [
        (
            "matches",
            "SELECT json_array(id, reconciliation, pass, currency_id, left_amount, right_amount, explanation) FROM reconciliation_match ORDER BY id",
        ),
        (
            "items",
            "SELECT json_array(serial, reconciliation, side, item_kind, item_id, item_sub, match_id, amount) FROM match_item ORDER BY serial",
        ),
        (
            "findings",
            "SELECT json_array(id, kind, status, reference, account, currency_id, amount, since_on, age_days, detail) FROM finding ORDER BY id",
        ),
        (
            "of findings",
            "SELECT json_array(finding_id, position, item_kind, item_id, item_sub) FROM finding_item ORDER BY finding_id, position",
        ),
        (
            "states",
            "SELECT json_array(reconciliation, currency_id, left_total, right_total, left_matched, right_matched, left_pending, right_pending, breaks, as_of_on) FROM reconciliation_state ORDER BY 1",
        ),
        (
            "cash",
            "SELECT json_array(reconciliation, currency_id, movement, left_total, right_total, left_open, right_open, breaks) FROM reconciliation_cash ORDER BY 1",
        ),
        (
            "open",
            "SELECT json_array(reconciliation, side, item_kind, item_id, item_sub) FROM open_item ORDER BY 1",
        ),
        (
            "sums",
            "SELECT json_array(reconciliation, side, currency_id, movement, amount) FROM matched_sum ORDER BY 1",
        ),
        (
            "names",
            "SELECT json_array(reconciliation, name, match_id) FROM matched_name ORDER BY 1",
        ),
        (
            "payouts",
            "SELECT json_array(reconciliation, payout_id, contents, stated, fee, last_on, matched, parts) FROM payout_sum ORDER BY 1",
        ),
    ];
    let url = format!("sqlite:{}", dir.join("tieout.db").display());
    block_on(async {
        let mut books = SqliteConnection::connect(&url).await.unwrap();
        let mut all = Vec::new();
        for (table, statement) in TABLES {
            let rows: Vec<String> = sqlx::query_scalar(statement)
                .fetch_all(&mut books)
                .await
                .unwrap();
            all.push((table, rows));
        }
        all
    })
}

/// Changes the books behind Tieout's back.
fn change(dir: &Path, statement: &'static str) {
    let url = format!("sqlite:{}", dir.join("tieout.db").display());
    block_on(async {
        let mut books = SqliteConnection::connect(&url).await.unwrap();
        sqlx::query(statement).execute(&mut books).await.unwrap();
    });
}

fn verified(at: &str) -> Value {
    let found: Value =
        serde_json::from_slice(&common::tieout(&["-c", at, "--json", "verify"]).stdout).unwrap();
    found["failures"].clone()
}

#[test]
fn runs_over_what_is_new_find_what_runs_over_all_find() {
    kept_is_anew(By::Payout);
}

#[test]
fn so_do_runs_that_read_a_payout_in_parts() {
    kept_is_anew(By::Line);
}

fn kept_is_anew(by: By) {
    let (source, weeks) = month(&format!("reconcile-{by:?}"), by);
    let kept = folder(&format!("reconcile-kept-{by:?}"));
    let anew = folder(&format!("reconcile-anew-{by:?}"));
    for dir in [&kept, &anew] {
        expect(0, &["init", dir.to_str().unwrap()]);
    }
    for week in &weeks {
        take(&config(&kept), week);
        if anew.join("tieout.db").exists() {
            change(&anew, "DELETE FROM reconciliation_mark");
        }
        take(&config(&anew), week);
        for ((table, one), (_, other)) in left(&kept).iter().zip(left(&anew)) {
            assert_eq!(*one, other, "{table}");
        }
        assert_eq!(verified(&config(&kept)), json!([]));
    }
    assert!(left(&kept)[0].1.len() > 500, "most of the month is matched");
    // Once more, and nothing is found twice.
    let before = left(&kept);
    expect(0, &["-c", &config(&kept), "reconcile"]);
    assert_eq!(left(&kept), before);
    change(
        &kept,
        "UPDATE matched_sum SET amount = amount + 1 WHERE side = 'right' AND movement = 'refund' AND currency_id = 978",
    );
    let told = verified(&config(&kept)).to_string();
    assert!(
        told.contains(
            "reconciliation `payments` keeps 2890822 as matched at its right side in EUR"
        ),
        "{told}"
    );
    for dir in [source, kept, anew] {
        fs::remove_dir_all(dir).unwrap();
    }
}

#[test]
fn both_databases_keep_and_find_the_same() {
    let (source, weeks) = month("reconcile-both", By::Payout);
    let (one, other) = (folder("reconcile-sqlite"), folder("reconcile-postgres"));
    let url = database("reconcile");
    for dir in [&one, &other] {
        expect(0, &["init", dir.to_str().unwrap()]);
    }
    configure(&other, |text| text.replace("sqlite:tieout.db", &url));
    for week in &weeks {
        let [one, other] = [&one, &other].map(|dir| {
            take(&config(dir), week);
            expect_json(0, &["-c", &config(dir), "--json", "breaks", "list"])
        });
        assert_eq!(one, other);
    }
    assert_eq!(verified(&config(&other)), json!([]));
    drop_database(&url);
    for dir in [source, one, other] {
        fs::remove_dir_all(dir).unwrap();
    }
}
