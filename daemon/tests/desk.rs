//! Decisions as people make them: alone where one suffices, in twos where the policy says so; and what the verdict
//! is called where nothing came, or not all.

#![allow(
    clippy::unwrap_used,
    clippy::too_many_lines,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

mod common;

use common::{config, configure, demo, expect, expect_json, folder};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Where a company's books are.
enum Books {
    Sqlite,
    Postgres(String),
}

const EVENT: &str = include_str!("../../mappings/packs/billing/tests/invoice-finalized/event.json");

/// A starter company with one invoice in its books.
fn company(name: &str, books: &Books) -> PathBuf {
    let dir = folder(name);
    expect(0, &["init", dir.to_str().unwrap()]);
    if let Books::Postgres(url) = books {
        configure(&dir, |text| text.replace("sqlite:tieout.db", url));
    }
    invoice(&dir, "first");
    expect(0, &["-c", &config(&dir), "ingest"]);
    dir
}

fn invoice(dir: &Path, id: &str) {
    let mut event: Value = serde_json::from_str(EVENT).unwrap();
    event["id"] = id.into();
    std::fs::write(dir.join(format!("inbox/{id}.ndjson")), format!("{event}\n")).unwrap();
}

fn as_user(user: &str, dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tieout"))
        .args(["-c", &config(dir), "--json"])
        .args(arguments)
        .env("USER", user)
        .output()
        .unwrap()
}

/// What a person is answered.
fn done(user: &str, dir: &Path, arguments: &[&str]) -> Value {
    let output = as_user(user, dir, arguments);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{user} {arguments:?}: {error}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Why a person is refused.
fn refused(user: &str, dir: &Path, arguments: &[&str], why: &str) {
    let output = as_user(user, dir, arguments);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{user} {arguments:?} was allowed");
    assert!(error.contains(why), "{user} {arguments:?}: {error}");
}

fn four_eyes(books: &Books, name: &str) {
    let dir = company(name, books);
    configure(&dir, |text| {
        text + "\ndesk: { roles: { controller: [ana, ben] }, four_eyes: [period-reopen], by: { period-reopen: controller } }\n"
    });
    let periods = || done("ana", &dir, &["period", "list"]);
    let row = periods()[0].clone();
    let (entity, period) = (
        row["entity"].as_str().unwrap(),
        row["code"].as_str().unwrap(),
    );
    let reopen = [
        "period",
        "reopen",
        entity,
        period,
        "--why",
        "an invoice came late",
    ];
    let state = || periods()[0]["state"].clone();
    done("ana", &dir, &["period", "close", entity, period]);
    let waits = done("ana", &dir, &reopen);
    assert_eq!(
        (&waits["changed"], &waits["state"]),
        (&false.into(), &"waiting".into())
    );
    assert_eq!(state(), "closed", "a proposal does nothing");
    refused("ben", &dir, &reopen, "waits as proposal 1 already");
    refused(
        "ana",
        &dir,
        &["proposals", "approve", "1"],
        "own; another person",
    );
    refused(
        "Ana",
        &dir,
        &["proposals", "approve", "1"],
        "own; another person",
    );
    refused(
        "eve",
        &dir,
        &["proposals", "approve", "1"],
        "`eve` does not have",
    );
    refused(
        "ben",
        &dir,
        &["proposals", "approve", "2"],
        "there is no proposal 2",
    );
    assert_eq!(state(), "closed");
    let waiting = done("eve", &dir, &["proposals", "list"]);
    assert_eq!(waiting.as_array().unwrap().len(), 1);
    assert_eq!(waiting[0]["proposed_by"], "ana");
    let approved = done("ben", &dir, &["proposals", "approve", "1", "--why", "seen"]);
    assert_eq!(
        (&approved["changed"], &approved["state"]),
        (&true.into(), &"approved".into())
    );
    assert_eq!(state(), "open");
    refused(
        "ben",
        &dir,
        &["proposals", "approve", "1"],
        "is approved already",
    );
    let shown = done("eve", &dir, &["proposals", "show", "1"]);
    assert_eq!(shown["decision"]["decided_by"], "ben");
    // What is one's own is withdrawn, what is another's rejected; neither does anything.
    for (number, who, word) in [("2", "ana", "withdrawn"), ("3", "ben", "rejected")] {
        if number == "2" {
            done("ana", &dir, &["period", "close", entity, period]);
        }
        done("ana", &dir, &reopen);
        let no = done(
            who,
            &dir,
            &["proposals", "reject", number, "--why", "not now"],
        );
        assert_eq!(no["state"], word);
        assert_eq!(state(), "closed");
    }
    done("\u{c9}lise", &dir, &reopen);
    let no = done(
        "\u{e9}lise",
        &dir,
        &["proposals", "reject", "4", "--why", "mine"],
    );
    assert_eq!(no["state"], "withdrawn", "one person in two spellings");
    // A policy that names nobody is no policy.
    configure(&dir, |text| {
        text.replace("controller: [ana, ben]", "controller: [ana]")
    });
    refused("ana", &dir, &["check"], "only `ana` has");
    configure(&dir, |text| {
        text.replace("[period-reopen]", "[period-repoen]")
    });
    refused("ana", &dir, &["check"], "period-repoen");
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_period_is_reopened_by_two_on_sqlite() {
    four_eyes(&Books::Sqlite, "desk-sqlite");
}

#[test]
fn a_period_is_reopened_by_two_on_postgres() {
    let url = common::database("desk_two");
    four_eyes(&Books::Postgres(url.clone()), "desk-postgres");
    common::drop_database(&url);
}

fn two_for_a_mapping(books: &Books, name: &str) {
    let dir = company(name, books);
    let rules = dir.join("mappings/billing/invoice.yaml");
    let change = |from: &str, to: &str| {
        let text = std::fs::read_to_string(&rules).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(&rules, text.replace(from, to)).unwrap();
    };
    configure(&dir, |text| {
        text + "\ndesk: { four_eyes: [mapping-activation] }\n"
    });
    let activate = ["mappings", "activate", "--why", "tax has its own name"];
    let same = done("ana", &dir, &activate);
    assert_eq!(
        (&same["changed"], &same["proposal"]),
        (&false.into(), &Value::Null)
    );
    change("rule: invoice-finalized", "rule: invoice-final");
    invoice(&dir, "second");
    let alone = "is not in force, and `desk.four_eyes` asks for two people";
    refused("ana", &dir, &["ingest"], alone);
    refused("ana", &dir, &["post"], alone);
    let waits = done("ana", &dir, &activate);
    assert_eq!(waits["state"], "waiting");
    refused("ana", &dir, &["ingest"], alone);
    let number = waits["proposal"].to_string();
    refused(
        "ana",
        &dir,
        &["proposals", "approve", &number],
        "own; another person",
    );
    let approved = done("ben", &dir, &["proposals", "approve", &number]);
    assert_eq!(approved["changed"], true);
    let taken = done("ana", &dir, &["ingest"]);
    assert_eq!(taken["posted"], 1, "{taken}");
    // What was proposed over one version is not approved over another.
    change("rule: invoice-final", "rule: invoice-third");
    let third = done("ana", &dir, &activate)["proposal"].to_string();
    change("rule: invoice-third", "rule: invoice-fourth");
    let fourth = done("ben", &dir, &activate)["proposal"].to_string();
    done("ana", &dir, &["proposals", "approve", &fourth]);
    refused(
        "ben",
        &dir,
        &["proposals", "approve", &third],
        "changed after proposal",
    );
    expect(0, &["-c", &config(&dir), "verify"]);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_mapping_is_put_in_force_by_two_on_sqlite() {
    two_for_a_mapping(&Books::Sqlite, "desk-mapping-sqlite");
}

#[test]
fn a_mapping_is_put_in_force_by_two_on_postgres() {
    let url = common::database("desk_mapping");
    two_for_a_mapping(&Books::Postgres(url.clone()), "desk-mapping-postgres");
    common::drop_database(&url);
}

#[test]
fn a_break_has_a_life_that_no_run_ends() {
    let dir = demo("desk-breaks", "2000", "7");
    let list = || done("ana", &dir, &["breaks", "list"]);
    let first = list();
    let fields = [
        "reconciliation",
        "status",
        "kind",
        "reference",
        "amount",
        "detail",
    ];
    assert!(
        first
            .as_array()
            .unwrap()
            .iter()
            .all(|row| fields.iter().all(|name| !row[*name].is_null()))
    );
    let open: Vec<&Value> = first
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["status"] == "open")
        .collect();
    let id = open[0]["id"].as_str().unwrap();
    let status = || {
        let all = list();
        let row = all
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["id"] == id)
            .unwrap()
            .clone();
        (row["status"].clone(), row["assignee"].clone())
    };
    done("ana", &dir, &["breaks", "assign", id, "--to", "ben"]);
    done(
        "ben",
        &dir,
        &["breaks", "comment", id, "asked the processor"],
    );
    done(
        "ben",
        &dir,
        &["breaks", "explain", id, "--why", "their report was late"],
    );
    assert_eq!(
        status(),
        ("open".into(), "ben".into()),
        "words settle nothing"
    );
    done("ben", &dir, &["breaks", "resolve", id, "--why", "it came"]);
    assert_eq!(status(), ("resolved".into(), "ben".into()));
    refused(
        "ben",
        &dir,
        &["breaks", "write-off", id, "--why", "again"],
        "is resolved; it cannot be written-off",
    );
    done("tieout", &dir, &["reconcile"]);
    assert_eq!(
        status(),
        ("resolved".into(), "ben".into()),
        "a run overwrites no deed"
    );
    done(
        "ana",
        &dir,
        &["breaks", "reopen", id, "--why", "it went back"],
    );
    assert_eq!(status(), ("open".into(), "ben".into()));
    configure(&dir, |text| text + "\ndesk: { four_eyes: [write-off] }\n");
    done(
        "ana",
        &dir,
        &["breaks", "write-off", id, "--why", "too small to follow"],
    );
    assert_eq!(
        status(),
        ("open".into(), "ben".into()),
        "one does not write off"
    );
    let waiting = done("ben", &dir, &["proposals", "list"]);
    let number = waiting[0]["proposal"].to_string();
    // Meanwhile it was resolved after all: that is not what was to be approved.
    done(
        "ben",
        &dir,
        &["breaks", "resolve", id, "--why", "it came after all"],
    );
    refused(
        "ben",
        &dir,
        &["proposals", "approve", &number],
        "changed after proposal",
    );
    done(
        "ben",
        &dir,
        &["proposals", "reject", &number, "--why", "it came"],
    );
    let shown = done("ana", &dir, &["breaks", "show", id]);
    let deeds: Vec<&str> = shown["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["deed"].as_str().unwrap())
        .collect();
    assert_eq!(
        deeds,
        [
            "found",
            "assigned",
            "commented",
            "explained",
            "resolved",
            "reopened",
            "resolved"
        ]
    );
    refused(
        "ana",
        &dir,
        &["breaks", "resolve", "BRK-none", "--why", "x"],
        "there is no break `BRK-none`",
    );
    expect(0, &["-c", &config(&dir), "verify"]);
    std::fs::remove_dir_all(dir).unwrap();
}

fn verdict(dir: &Path) -> (String, String) {
    let told = expect_json(0, &["-c", &config(dir), "--json", "verify"]);
    let word = |name: &str| told[name].as_str().unwrap().to_owned();
    (word("verdict"), word("because"))
}

fn silence(books: &Books, name: &str) {
    let dir = folder(name);
    expect(0, &["init", dir.to_str().unwrap()]);
    if let Books::Postgres(url) = books {
        configure(&dir, |text| text.replace("sqlite:tieout.db", url));
    }
    // Nobody made the books yet, and then they are made and nothing lies there.
    assert_eq!(verdict(&dir).0, "NOTHING RECEIVED");
    expect(0, &["-c", &config(&dir), "ingest"]);
    let (word, because) = verdict(&dir);
    assert_eq!(word, "NOTHING RECEIVED", "{because}");
    assert!(
        because.contains("source `billing` has brought nothing"),
        "{because}"
    );
    let report = expect_json(
        0,
        &["-c", &config(&dir), "report", "control", "--format", "json"],
    );
    assert_eq!(report["verdict"]["verdict"], "NOTHING RECEIVED");
    let page = expect(
        0,
        &["-c", &config(&dir), "report", "control", "--format", "html"],
    );
    assert!(page.contains("class=\"verdict nothing\""));
    configure(&dir, |text| {
        text.replace(
            "sources:\n",
            "sources:\n  ledgerless: { file: { folder: elsewhere } }\n",
        )
    });
    invoice(&dir, "first");
    expect(0, &["-c", &config(&dir), "ingest"]);
    let (word, because) = verdict(&dir);
    assert_eq!(word, "INCOMPLETE");
    for named in [
        "source `ledgerless` has brought nothing since",
        "reconciliation `payments`: no file of processor `stripe` has come since",
        "reconciliation `payouts`: no file of a bank has come since",
    ] {
        assert!(because.contains(named), "{named}: {because}");
    }
    assert!(!because.contains("source `billing`"), "{because}");
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn silence_has_its_own_word_on_sqlite() {
    silence(&Books::Sqlite, "silence-sqlite");
}

#[test]
fn silence_has_its_own_word_on_postgres() {
    let url = common::database("silence");
    silence(&Books::Postgres(url.clone()), "silence-postgres");
    common::drop_database(&url);
}

#[test]
fn a_copy_without_its_log_never_ties() {
    let dir = company("torn", &Books::Sqlite);
    invoice(&dir, "second");
    let mut child = Command::new(env!("CARGO_BIN_EXE_tieout"))
        .args(["-c", &config(&dir), "ingest"])
        .env("TIEOUT_FAULT", "stop:12")
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().starts_with("stopped before statement")));
    child.kill().unwrap();
    child.wait().unwrap();
    // A copy of the file alone, as a careless backup makes it.
    std::fs::copy(dir.join("tieout.db"), dir.join("copy.db")).unwrap();
    configure(&dir, |text| {
        text.replace("sqlite:tieout.db", "sqlite:copy.db")
    });
    let told = as_user("ana", &dir, &["verify"]);
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(told["verdict"], "INCOMPLETE", "{told}");
    assert!(
        told["because"].as_str().unwrap().contains("not whole"),
        "{told}"
    );
    std::fs::remove_dir_all(dir).unwrap();
}
