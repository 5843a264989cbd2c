//! Reports on cash, as a controller reads them: a month of payouts with all that can become of one, in files
//! of `fixtures/reports/month`, and what the reports that hang on no kind of break say of it in `fixtures/reports/*.csv`.
//! `UPDATE=1` rewrites those.
//! Both databases say the same.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

mod common;

use common::{
    config, configure, database, demo, drop_database, expect, expect_json, folder, tieout,
};
use serde_json::Value;
use std::path::{Path, PathBuf};

const REPORTS: [&str; 6] = [
    "account-statement",
    "payouts",
    "ageing",
    "clearing",
    "fees",
    "match-quality",
];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures")
}

/// A company that took the month.
fn company(name: &str, url: Option<&str>) -> PathBuf {
    let dir = folder(name);
    expect(0, &["init", dir.to_str().unwrap()]);
    if let Some(url) = url {
        let store = format!("store: {{ url: \"{url}\" }}");
        configure(&dir, |text| {
            text.replace("store: { url: \"sqlite:tieout.db\" }", &store)
        });
    }
    let at = config(&dir);
    let month = fixtures().join("reports/month");
    expect(
        0,
        &[
            "-c",
            &at,
            "ingest",
            month.join("events.ndjson").to_str().unwrap(),
        ],
    );
    for file in [
        month.join("settlement.csv"),
        month.join("bank.xml"),
        fixtures().join("settlements/adyen/a-batch-with-its-payout.csv"),
    ] {
        expect(0, &["-c", &at, "settle", file.to_str().unwrap()]);
    }
    expect(0, &["-c", &at, "reconcile"]);
    dir
}

fn csv(dir: &Path, report: &str) -> String {
    let at = config(dir);
    let text = expect(0, &["-c", &at, "report", report, "--format", "csv"]);
    text.trim_start_matches('\u{feff}').replace("\r\n", "\n")
}

#[test]
fn a_month_of_payouts_is_told_as_it_was_on_both_databases() {
    let url = database("reports");
    let (sqlite, postgres) = (
        company("reports-sqlite", None),
        company("reports-postgres", Some(&url)),
    );
    for report in REPORTS {
        let found = csv(&sqlite, report);
        assert_eq!(csv(&postgres, report), found, "{report} on PostgreSQL");
        if matches!(report, "ageing" | "match-quality") {
            continue;
        }
        let path = fixtures().join(format!("reports/{report}.csv"));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &found).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), found, "{report}");
    }
    std::fs::remove_dir_all(sqlite).unwrap();
    std::fs::remove_dir_all(postgres).unwrap();
    drop_database(&url);
}

fn json(dir: &Path, arguments: &[&str]) -> Value {
    let at = config(dir);
    let mut all = vec!["-c", &at, "--json", "report"];
    all.extend(arguments);
    all.extend(["--format", "json"]);
    expect_json(0, &all)
}

/// An amount as JSON has it, in hundredths; nothing is zero.
fn cents(value: &Value) -> i64 {
    let text = value.as_str().unwrap_or("0.00");
    text.replace('.', "").parse().unwrap()
}

#[test]
fn in_a_company_s_month_every_sum_is_proved() {
    let dir = demo("reports-demo", "2000", "7");
    let statement = json(&dir, &["account-statement", "--from", "2026-01-01"]);
    assert_eq!(statement["verdict"]["verdict"], "TIES", "{statement}");
    let days = statement["tables"]["days"].as_array().unwrap();
    assert!(days.len() > 60, "{} days", days.len());
    for day in days.iter().filter(|day| day["currency"] != "JPY") {
        let of = |name: &str| cents(&day[name]);
        let left = of("balance") - of("not_compared") - of("left_outstanding");
        let right = of("right") - of("right_outstanding") + of("differences");
        assert_eq!(left, right, "{day}");
    }
    // What is outstanding at the end is listed.
    let items = statement["tables"]["outstanding"].as_array().unwrap();
    let last = |side: &str, name: &str| {
        let sum = |rows: &[Value], of: &dyn Fn(&Value) -> bool, name: &str| -> i64 {
            rows.iter()
                .filter(|row| of(row))
                .map(|row| cents(&row[name]))
                .sum()
        };
        let of_it = |day: &&Value| day["reconciliation"] == "payments" && day["currency"] == "EUR";
        let end = days.iter().rfind(of_it);
        let own = |row: &Value| {
            row["reconciliation"] == "payments" && row["currency"] == "EUR" && row["side"] == side
        };
        (sum(items, &own, "amount"), cents(&end.unwrap()[name]))
    };
    for (side, name) in [("left", "left_outstanding"), ("right", "right_outstanding")] {
        let (listed, told) = last(side, name);
        assert_eq!(listed, told, "{side}");
    }
    let payouts = json(&dir, &["payouts"]);
    for payout in payouts["tables"]["payouts"].as_array().unwrap() {
        assert_eq!(payout["unproved"], Value::Null, "{payout}");
    }
    let clearing = json(&dir, &["clearing", "--account", "psp-clearing"]);
    assert_eq!(clearing["verdict"]["verdict"], "TIES");
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_payout_that_came_back_and_one_by_hand_are_told() {
    let payouts = |name: &str| -> Vec<Value> {
        let dir = folder(&format!("reports-{name}"));
        expect(0, &["init", dir.to_str().unwrap()]);
        let file = fixtures().join(format!("settlements/stripe/{name}.csv"));
        expect(0, &["-c", &config(&dir), "settle", file.to_str().unwrap()]);
        let found = json(&dir, &["payouts"]);
        std::fs::remove_dir_all(dir).unwrap();
        found["tables"]["payouts"].as_array().unwrap().clone()
    };
    let rows = payouts("a-payout-that-came-back");
    let returned = rows.iter().find(|row| row["payout"] == "po_1").unwrap();
    let (net, difference) = (cents(&returned["net"]), cents(&returned["difference"]));
    assert_eq!((net, difference), (4_000, 0));
    let state = returned["state"].as_str().unwrap();
    assert!(state.starts_with("came back on"), "{state}");
    let rows = payouts("payouts-by-hand");
    let by_hand: Vec<i64> = rows
        .iter()
        .filter(|row| row["lines"] == 0)
        .map(|row| cents(&row["net"]))
        .collect();
    assert!(
        !by_hand.is_empty() && by_hand.iter().all(|net| *net > 0),
        "{rows:?}"
    );
}

#[test]
fn shares_of_matches_and_classes_of_age_are_of_all() {
    let dir = company("reports-shares", None);
    let quality = json(&dir, &["match-quality"]);
    let rows = quality["tables"]["match_quality"].as_array().unwrap();
    let of = |name: &str| -> i64 {
        let own = rows.iter().filter(|row| row["reconciliation"] == "payouts");
        own.map(|row| cents(&row[name])).sum()
    };
    // Rounded to a hundredth, a few rows may be a hundredth or two off.
    for name in ["share_of_matches", "share_of_left"] {
        assert!((9_998..=10_002).contains(&of(name)), "{name}: {}", of(name));
    }
    let missing = json(&dir, &["ageing"]);
    let rows = missing["tables"]["ageing"].as_array().unwrap();
    let payouts = rows.iter().filter(|row| row["reconciliation"] == "payouts");
    let told: Vec<_> = payouts
        .map(|row| (row["age"].as_str().unwrap(), cents(&row["amount"])))
        .collect();
    assert_eq!(told, [("8 to 30 days", 1_100)]);
    configure(&dir, |text| format!("{text}\nageing_days: [3, 10]\n"));
    let missing = json(&dir, &["ageing"]);
    assert_eq!(missing["tables"]["ageing"][0]["age"], "over 10 days");
    configure(&dir, |text| text.replace("[3, 10]", "[10, 3]"));
    let at = config(&dir);
    let output = tieout(&["-c", &at, "check"]);
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("ageing_days: they have to rise"), "{text}");
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_report_shows_the_part_that_is_asked_for() {
    let dir = company("reports-part", None);
    let of = |arguments: &[&str]| -> Vec<String> {
        let found = json(&dir, arguments);
        let rows = found["tables"]["payouts"].as_array().unwrap();
        let names = rows
            .iter()
            .map(|row| row["payout"].as_str().unwrap().to_owned());
        names.collect()
    };
    let part = ["payouts", "--from", "2026-01-09", "--to", "2026-01-13"];
    assert_eq!(of(&part), ["po_7", "po_4"]);
    assert_eq!(of(&["payouts", "--account", "nobody"]), [""; 0]);
    let at = config(&dir);
    for (arguments, said) in [
        (
            [
                "trial-balance",
                "--from",
                "2026-01-01",
                "--to",
                "2026-01-02",
            ],
            "shows the whole books",
        ),
        (
            ["payouts", "--from", "2026-02-01", "--to", "2026-01-01"],
            "before it begins",
        ),
    ] {
        let mut all = vec!["-c", &at, "report"];
        all.extend(arguments);
        let output = tieout(&all);
        assert!(!output.status.success());
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(said), "{text}");
    }
    std::fs::remove_dir_all(dir).unwrap();
}
