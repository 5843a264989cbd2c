//! Breaks that end: a rule of the mapping posts what a person decides, in the transaction of the decision; items are matched
//! by hand; what was decided is taken back, and what counts twice is found again. On both databases, through the binary.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::too_many_lines,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

mod common;

use common::{config, configure, database, drop_database, expect_json, folder};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const HEAD: &str = "automatic_payout_id,automatic_payout_effective_at,balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id";

fn on_both(name: &str, test: impl Fn(&Company<'_>)) {
    let run = |name: &str, url: Option<&str>| {
        let dir = company_at(name, url);
        test(&Company { dir: &dir });
        std::fs::remove_dir_all(&dir).unwrap();
    };
    run(&format!("{name}-sqlite"), None);
    let url = database(&name.replace('-', "_"));
    run(&format!("{name}-postgres"), Some(&url));
    drop_database(&url);
}

/// A company whose processor paid `ch_a` of 100.00, keeps 0.40 of `ch_fee`, knows nothing of `ch_gone`, and has 25.00 of
/// `ch_late` that billing does not know yet.
fn company_at(name: &str, url: Option<&str>) -> PathBuf {
    let dir = folder(name);
    common::expect(0, &["init", dir.to_str().unwrap()]);
    configure(&dir, |text| {
        let text = match url {
            Some(url) => text.replace("sqlite:tieout.db", url),
            None => text,
        };
        let text = text.replace("functional: GBP", "functional: EUR");
        text.replace(
            "      - { pass: net of fee, on: net-of-fee }\n",
            "      - { pass: net of fee, on: net-of-fee }\n      - { pass: nearly, on: reference, tolerance: { amount: 0.50 }, difference: fee }\n",
        )
    });
    let company = Company { dir: &dir };
    for (id, amount) in [("ch_a", "100.00"), ("ch_fee", "50.40"), ("ch_gone", "7.50")] {
        company.pay(id, amount, "2026-01-05");
    }
    company.pay("ch_a2", "1.00", "2026-01-29");
    let lines = [
        "po_1,2026-01-09 00:00:00,txn_1,2026-01-05 10:00:00,eur,100.00,0.00,100.00,charge,ch_a",
        "po_1,2026-01-09 00:00:00,txn_2,2026-01-05 10:00:00,eur,50.00,0.00,50.00,charge,ch_fee",
        "po_1,2026-01-09 00:00:00,txn_3,2026-01-05 10:00:00,eur,25.00,0.00,25.00,charge,ch_late",
        "po_2,2026-01-30 00:00:00,txn_4,2026-01-29 10:00:00,eur,1.00,0.00,1.00,charge,ch_a2",
    ];
    let report = dir.join("report.csv");
    std::fs::write(&report, format!("{HEAD}\n{}\n", lines.join("\n"))).unwrap();
    company.does("ana", &["ingest"]);
    company.does("ana", &["settle", report.to_str().unwrap()]);
    company.does("ana", &["reconcile", "payments"]);
    dir
}

struct Company<'d> {
    dir: &'d Path,
}

impl Company<'_> {
    fn pay(&self, id: &str, amount: &str, day: &str) {
        let event = json!({ "specversion": "1.0", "id": id, "source": "//tests", "type": "billing.payment.succeeded.v1",
            "time": format!("{day}T10:00:00Z"), "data": { "entity": "eu", "customer_id": "C-1", "currency": "EUR",
            "processor": "stripe", "amount": amount, "processor_reference": id, "succeeded_at": format!("{day}T10:00:00Z") } });
        let path = self.dir.join(format!("inbox/{id}.ndjson"));
        std::fs::write(path, format!("{event}\n")).unwrap();
    }

    fn run(&self, user: &str, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_tieout"))
            .args(["-c", &config(self.dir), "--json"])
            .args(arguments)
            .env("USER", user)
            .output()
            .unwrap()
    }

    fn does(&self, user: &str, arguments: &[&str]) -> Value {
        let output = self.run(user, arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{user} {arguments:?}: {error}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn refused(&self, user: &str, arguments: &[&str], why: &str) {
        let output = self.run(user, arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{user} {arguments:?} was allowed");
        assert!(error.contains(why), "{user} {arguments:?}: {error}");
    }

    /// The break about a reference.
    fn about(&self, reference: &str) -> Option<Value> {
        let all = self.does("ana", &["breaks", "list"]);
        let mut all = all.as_array().unwrap().iter();
        all.find(|row| row["reference"] == reference).cloned()
    }

    fn id(&self, reference: &str) -> String {
        let found = self
            .about(reference)
            .unwrap_or_else(|| panic!("{reference}"));
        found["id"].as_str().unwrap().to_owned()
    }

    /// Debits less credits of an account.
    fn stands(&self, account: &str) -> i64 {
        let text = common::expect(
            0,
            &[
                "-c",
                &config(self.dir),
                "report",
                "trial-balance",
                "--format",
                "csv",
            ],
        );
        let cents = |text: &str| text.replace('.', "").parse::<i64>().unwrap_or(0);
        let rows = text
            .lines()
            .skip(1)
            .map(|line| line.split(',').collect::<Vec<_>>());
        rows.filter(|row| row[3] == account)
            .map(|row| cents(row[7]) - cents(row[8]))
            .sum()
    }

    fn sound(&self) {
        let found = expect_json(0, &["-c", &config(self.dir), "--json", "verify", "--all"]);
        assert_eq!(found["failures"], json!([]), "{found}");
    }
}

#[test]
fn a_break_goes_where_its_rule_puts_it_and_comes_back_when_it_is_reopened() {
    on_both("posted-away", |company| {
        let gone = company.id("ch_gone");
        let post = |rule: &'static str| {
            [
                "breaks",
                "post",
                &gone,
                "--rule",
                rule,
                "--why",
                "kept by the processor",
            ]
            .map(str::to_owned)
        };
        let args = |all: [String; 7]| all;
        let with = |rule: &'static str| args(post(rule));
        let before = company.stands("psp-clearing");
        let nonsense = with("nonsense");
        let nonsense: Vec<&str> = nonsense.iter().map(String::as_str).collect();
        company.refused("ana", &nonsense, "there are bank-charge, chargeback, fx-difference, psp-fee, rounding-difference, write-off");
        let fee = with("psp-fee");
        let fee: Vec<&str> = fee.iter().map(String::as_str).collect();
        let done = company.does("ana", &fee);
        assert_eq!(
            (&done["state"], done["entries"].as_array().unwrap().len()),
            (&"done".into(), 1),
            "{done}"
        );
        assert_eq!(company.stands("psp-clearing"), before - 750);
        assert_eq!(company.stands("psp-fees"), 750);
        assert_eq!(company.about("ch_gone").unwrap()["status"], "resolved");
        company.refused("ana", &fee, "is resolved");
        // The trace goes from the break to its entry, and from the entry to the break.
        let entry = done["entries"][0].to_string();
        let told = company.does("ana", &["trace", &gone]).to_string();
        assert!(
            told.contains(&format!("\"entry {entry},")) && told.contains("tieout.break.psp-fee.v1"),
            "{told}"
        );
        let told = company
            .does("ana", &["trace", &format!("entry:{entry}")])
            .to_string();
        assert!(told.contains(&format!("break {gone}")), "{told}");
        let shown = company.does("ana", &["breaks", "show", &gone]);
        assert_eq!(
            (
                &shown["postings"][0]["rule"],
                &shown["postings"][0]["standing"]
            ),
            (&"psp-fee".into(), &true.into())
        );
        // No run takes the posting for another item, and the equation holds.
        company.does("ana", &["reconcile"]);
        assert_eq!(company.about("ch_gone").unwrap()["status"], "resolved");
        company.sound();
        let back = company.does(
            "ben",
            &["breaks", "reopen", &gone, "--why", "it was no fee"],
        );
        assert_eq!(back["entries"].as_array().unwrap().len(), 1, "{back}");
        assert_eq!(
            (company.stands("psp-clearing"), company.stands("psp-fees")),
            (before, 0)
        );
        assert_eq!(company.about("ch_gone").unwrap()["status"], "open");
        // What a person took back stays so, whatever the mapping says of the event.
        let again = company.does(
            "ana",
            &[
                "reprocess",
                "--from",
                "2026-01-01",
                "--to",
                "2030-12-31",
                "--post",
                "--why",
                "look",
            ],
        );
        assert_eq!(
            (&again["corrected"], company.stands("psp-fees")),
            (&0.into(), 0),
            "{again}"
        );
        let written = company.does(
            "ben",
            &["breaks", "write-off", &gone, "--why", "too small to follow"],
        );
        assert_eq!(written["entries"].as_array().unwrap().len(), 1);
        assert_eq!(
            (
                company.stands("psp-clearing"),
                company.stands("written-off")
            ),
            (before - 750, 750)
        );
        assert_eq!(company.about("ch_gone").unwrap()["status"], "written-off");
        company.does("ana", &["reconcile"]);
        company.sound();
    });
}

#[test]
fn what_comes_after_it_was_posted_away_is_found_to_count_twice() {
    on_both("posted-twice", |company| {
        let late = company.id("ch_late");
        let post = [
            "breaks",
            "post",
            &late,
            "--rule",
            "write-off",
            "--why",
            "nobody knows it",
        ];
        company.refused(
            "ana",
            &post,
            "say it with `--entity`, and a plan's policy with `entity:`: eu, uk, us",
        );
        let before = company.stands("psp-clearing");
        let mut to: Vec<&str> = post.to_vec();
        to.extend(["--entity", "eu"]);
        company.does("ana", &to);
        assert_eq!(company.stands("psp-clearing"), before + 2_500);
        // A correcting event with the same reference.
        company.pay("ch_late", "25.00", "2026-01-05");
        company.does("ana", &["ingest"]);
        company.does("ana", &["reconcile"]);
        let found = company.about("ch_late").unwrap();
        assert_eq!(
            (&found["kind"], &found["status"], &found["amount"]),
            (&"counted-twice".into(), &"open".into(), &2_500.into()),
            "{found}"
        );
        assert_eq!(found["id"], late);
        company.does("ana", &["reconcile"]);
        company.sound();
        company.does(
            "ana",
            &[
                "breaks",
                "reopen",
                &late,
                "--why",
                "billing sent it after all",
            ],
        );
        assert_eq!(company.stands("psp-clearing"), before + 2_500);
        // Until a run looks again it still says that it counts twice.
        company.refused("ana", &to, "nothing of break");
        company.does("ana", &["reconcile"]);
        assert!(company.about("ch_late").is_none());
        company.sound();
    });
}

#[test]
fn a_fee_within_a_match_is_posted_once() {
    on_both("posted-fee", |company| {
        let fee = company.about("ch_fee").unwrap();
        assert_eq!(
            (&fee["kind"], &fee["amount"]),
            (&"fee".into(), &40.into()),
            "{fee}"
        );
        let id = fee["id"].as_str().unwrap();
        let done = company.does(
            "ana",
            &[
                "breaks",
                "post",
                id,
                "--rule",
                "psp-fee",
                "--on",
                "2026-02-03",
                "--why",
                "on the invoice",
            ],
        );
        assert_eq!(
            (
                done["entries"].as_array().unwrap().len(),
                company.stands("psp-fees")
            ),
            (1, 40)
        );
        company.does("ana", &["reconcile"]);
        assert_eq!(company.about("ch_fee").unwrap()["status"], "resolved");
        company.sound();
    });
}

#[test]
fn an_event_that_only_a_decision_makes_comes_from_no_source() {
    on_both("posted-reserved", |company| {
        let event = json!({ "specversion": "1.0", "id": "x", "source": "//tests", "type": "tieout.break.write-off.v1",
            "time": "2026-01-05T10:00:00Z", "data": { "entity": "eu", "reconciliation": "payments", "currency": "EUR",
            "amount": 1_000_000, "on": "2026-01-05", "reference": "x" } });
        std::fs::write(company.dir.join("inbox/x.ndjson"), format!("{event}\n")).unwrap();
        let taken = company.does("eve", &["ingest"]);
        assert_eq!(
            (&taken["posted"], &taken["quarantined"]),
            (&0.into(), &1.into()),
            "{taken}"
        );
        let held = company.run("eve", &["quarantine", "replay"]);
        let held: Value = serde_json::from_slice(&held.stdout).unwrap();
        assert!(
            held["left"][0]
                .as_str()
                .unwrap()
                .contains("`tieout breaks post` makes one"),
            "{held}"
        );
    });
}

#[test]
fn a_posting_waits_for_another_person_and_a_closed_period_takes_none() {
    on_both("posted-closed", |company| {
        let gone = company.id("ch_gone");
        configure(company.dir, |text| {
            text + "\ndesk: { four_eyes: [break-post], above: { break-post: { EUR: \"5.00\" } } }\n"
        });
        let post = [
            "breaks", "post", &gone, "--rule", "psp-fee", "--why", "kept",
        ];
        let waits = company.does("ana", &post);
        assert_eq!(
            (&waits["state"], company.stands("psp-fees")),
            (&"waiting".into(), 0)
        );
        let number = waits["proposal"].to_string();
        company.refused(
            "ana",
            &["proposals", "approve", &number],
            "own; another person",
        );
        let done = company.does("ben", &["proposals", "approve", &number, "--why", "seen"]);
        assert_eq!(
            (
                done["entries"].as_array().unwrap().len(),
                company.stands("psp-fees")
            ),
            (1, 750)
        );
        let late = company.id("ch_late");
        company.does("ana", &["period", "close", "eu", "2026-01"]);
        let post = [
            "breaks",
            "post",
            &late,
            "--rule",
            "write-off",
            "--entity",
            "eu",
            "--on",
            "2026-01-31",
            "--why",
            "kept",
        ];
        company.refused("ana", &post, "say `--on 2026-02-01` or a later day");
        company.sound();
    });
}

#[test]
fn what_one_person_decides_alone_ends_with_the_limit_of_the_day() {
    on_both("posted-daily", |company| {
        configure(company.dir, |text| {
            text + "\ndesk: { four_eyes: [break-post, write-off], above: { break-post: { EUR: \"10.00\" }, write-off: { EUR: \"100.00\" } }, \
                above_in: { uk: { write-off: { EUR: \"1.00\" } } }, per_day: { break-post: { EUR: \"25.00\" }, write-off: { EUR: \"30.00\" } } }\n"
        });
        let (gone, fee, late) = (
            company.id("ch_gone"),
            company.id("ch_fee"),
            company.id("ch_late"),
        );
        let post = |id: &str| {
            ["breaks", "post", id, "--rule", "psp-fee", "--why", "kept"]
                .map(str::to_owned)
                .to_vec()
        };
        let write_off = |id: &str, entity: &str| {
            [
                "breaks",
                "write-off",
                id,
                "--entity",
                entity,
                "--on",
                "2026-01-20",
                "--why",
                "nobody knows it",
            ]
            .map(str::to_owned)
            .to_vec()
        };
        let does = |user: &str, all: Vec<String>| {
            company.does(user, &all.iter().map(String::as_str).collect::<Vec<_>>())
        };
        // 7.50 alone, and then 25.00 would make it 32.50: both kinds count, under any spelling of the name.
        assert_eq!(does("ana", post(&gone))["state"], "done");
        let waits = does("Ana", write_off(&late, "eu"));
        assert_eq!(waits["state"], "waiting", "{waits}");
        company.does(
            "ana",
            &[
                "proposals",
                "reject",
                &waits["proposal"].to_string(),
                "--why",
                "not so",
            ],
        );
        let waits = does("ben", write_off(&late, "uk"));
        assert_eq!(
            waits["state"], "waiting",
            "the entity has a limit of its own: {waits}"
        );
        company.does(
            "ben",
            &[
                "proposals",
                "reject",
                &waits["proposal"].to_string(),
                "--why",
                "not so",
            ],
        );
        assert_eq!(
            does("ben", write_off(&late, "eu"))["state"],
            "done",
            "another person has a sum of their own"
        );
        assert_eq!(
            does("ana", post(&fee))["state"],
            "done",
            "0.40 more is within the day"
        );
        company.sound();
        configure(company.dir, |text| {
            text.replace("uk: { write-off", "mars: { write-off")
        });
        company.refused(
            "ana",
            &["check"],
            "desk.above_in: there is no entity `mars`",
        );
    });
}

#[test]
fn a_plan_posts_what_its_limits_take_and_leaves_what_a_person_touched() {
    on_both("posted-policy", |company| {
        configure(company.dir, |text| {
            text.replacen(
                "    overdue_after_days: 5\n",
                "    overdue_after_days: 5\n    resolve:\n      - { kind: fee, up_to: { EUR: 0.45 }, per_day: { EUR: 0.60 }, post: psp-fee }\n      - { kind: missing-in-billing, up_to: { EUR: 50 }, post: write-off }\n",
                1,
            )
        });
        for (id, amount) in [("ch_f2", "10.30"), ("ch_f3", "10.20"), ("ch_f4", "10.50")] {
            company.pay(id, amount, "2026-01-06");
        }
        let line = |number: i64, id: &str| {
            format!(
                "po_1,2026-01-09 00:00:00,txn_{number},2026-01-06 10:00:00,eur,10.00,0.00,10.00,charge,{id}"
            )
        };
        let more = [line(11, "ch_f2"), line(12, "ch_f3"), line(13, "ch_f4")].join("\n");
        std::fs::write(company.dir.join("more.csv"), format!("{HEAD}\n{more}\n")).unwrap();
        company.does("ana", &["ingest"]);
        company.run(
            "ana",
            &["settle", company.dir.join("more.csv").to_str().unwrap()],
        );
        let told = company.does("tieout", &["reconcile", "payments"]);
        let [fee, left] = [&told[0]["resolved"][0], &told[0]["resolved"][1]];
        assert_eq!(fee["policy"], "policy:payments/fee");
        // 0.40 is posted, 0.30 would make it 0.70 on one day, 0.20 makes it 0.60; 0.50 is too much for one.
        assert_eq!(
            [&fee["posted"], &fee["beyond"]],
            [&json!(2), &json!(2)],
            "{told}"
        );
        assert_eq!([&left["posted"], &left["refused"]], [&json!(0), &json!(1)]);
        assert!(
            left["reasons"][0]
                .as_str()
                .unwrap()
                .contains("say it with `--entity`"),
            "{told}"
        );
        assert_eq!(company.stands("psp-fees"), 60);
        let status = |reference: &str| company.about(reference).unwrap()["status"].clone();
        assert_eq!(
            [
                status("ch_fee"),
                status("ch_f2"),
                status("ch_f3"),
                status("ch_f4")
            ],
            ["resolved", "open", "resolved", "open"]
        );
        let shown = company.does("ana", &["breaks", "show", &company.id("ch_fee")]);
        let last = shown["history"].as_array().unwrap().last().unwrap();
        assert_eq!(last["actor"], "policy:payments/fee");
        // What a person took back is a person's.
        company.does(
            "ana",
            &[
                "breaks",
                "reopen",
                &company.id("ch_fee"),
                "--why",
                "it was no fee",
            ],
        );
        let told = company.does("tieout", &["reconcile", "payments"]);
        assert_eq!(told[0]["resolved"][0]["posted"], 0, "{told}");
        assert_eq!(
            (company.stands("psp-fees"), status("ch_fee")),
            (20, json!("open"))
        );
        company.sound();
        configure(company.dir, |text| {
            text.replace("post: psp-fee }", "post: no-rule }")
        });
        let checked = company.run("ana", &["check"]);
        let checked = String::from_utf8_lossy(&checked.stdout).into_owned();
        assert!(
            checked.contains("resolve: no rule `no-rule` of the mapping posts breaks"),
            "{checked}"
        );
    });
}

/// Stops a command before a statement and kills it; false where it ended before.
/// What somebody sees of breaks, decisions and money.
fn seen(company: &Company<'_>) -> Value {
    let does = |arguments: &[&str]| company.does("eve", arguments);
    json!([
        does(&["breaks", "list"]),
        does(&["proposals", "list"]),
        String::from_utf8(company.run("eve", &["trace", "ch_other"]).stdout).unwrap(),
        company.stands("psp-clearing"),
        company.stands("written-off"),
    ])
}

/// Stops and kills a command before each of its statements in turn: what it does is done or not, and the books are sound.
fn is_whole(company: &Company<'_>, (user, command): (&str, &[&str]), step: usize) {
    let before = seen(company);
    let mut stops = 0;
    for number in (1..400).step_by(step) {
        if !common::killed(company.dir, user, number, command) {
            break;
        }
        stops += 1;
        if seen(company) != before {
            // It was done before it was stopped.
            company.sound();
            return;
        }
        if stops % 10 == 0 {
            company.sound();
        }
    }
    assert!(stops > 2, "{command:?}: only {stops} stops");
    let mut after = seen(company);
    if after == before {
        company.does(user, command);
        after = seen(company);
    }
    assert_ne!(after, before, "{command:?}");
    company.sound();
}

#[test]
fn killed_at_any_statement_what_is_done_about_cash_is_whole() {
    on_both("cash-killed", |company| {
        let step = if company.dir.to_string_lossy().contains("sqlite") {
            3
        } else {
            11
        };
        let whole = |user: &str, command: &[&str]| is_whole(company, (user, command), step);
        let line = "po_1,2026-01-09 00:00:00,txn_21,2026-01-06 10:00:00,eur,7.50,0.00,7.50,charge,ch_other";
        let other = company.dir.join("other.csv");
        std::fs::write(&other, format!("{HEAD}\n{line}\n")).unwrap();
        whole("ana", &["settle", other.to_str().unwrap()]);
        whole("ana", &["reconcile", "payments"]);
        let (gone, more) = (items(company, "ch_gone"), items(company, "ch_other"));
        let late = company.id("ch_late");
        whole("ana", &matching(&[gone[0].as_str(), more[0].as_str()]));
        let refused = company.run("eve", &matching(&[gone[0].as_str(), more[0].as_str()]));
        let refused = String::from_utf8(refused.stderr).unwrap();
        let (_, number) = refused.split_once("in match ").unwrap();
        let (number, _) = number.split_once(' ').unwrap();
        whole("ana", &["reconcile", "payments"]);
        let undo = format!("match:{number}");
        whole("ana", &["breaks", "undo", &undo, "--why", "no"]);
        whole("ana", &["reconcile", "payments"]);
        whole(
            "ana",
            &[
                "breaks",
                "write-off",
                &company.id("ch_fee"),
                "--why",
                "small",
            ],
        );
        configure(company.dir, |text| {
            text + "\ndesk: { four_eyes: [write-off, break-reopen] }\n"
        });
        let waits = company.does(
            "ana",
            &[
                "breaks",
                "write-off",
                &late,
                "--entity",
                "eu",
                "--why",
                "small",
            ],
        );
        let proposal = waits["proposal"].to_string();
        whole("ben", &["proposals", "approve", &proposal]);
        let waits = company.does("ana", &["breaks", "undo", &late, "--why", "it came"]);
        let proposal = waits["proposal"].to_string();
        whole("ben", &["proposals", "approve", &proposal]);
    });
}

/// The items of a break.
fn items(company: &Company<'_>, reference: &str) -> Vec<String> {
    let found = company
        .about(reference)
        .unwrap_or_else(|| panic!("{reference}"));
    let items = found["items"].as_array().unwrap().iter();
    items
        .map(|item| item.as_str().unwrap().to_owned())
        .collect()
}

fn matching<'m>(of: &[&'m str]) -> Vec<&'m str> {
    let mut all = vec![
        "breaks",
        "match",
        "--in",
        "payments",
        "--why",
        "the customer paid twice and said so",
    ];
    all.extend(of);
    all
}

#[test]
fn items_are_matched_by_hand_once_and_open_again_when_that_is_taken_back() {
    on_both("by-hand", |company| {
        // 7.50 under a name that billing does not know.
        let line = "po_1,2026-01-09 00:00:00,txn_21,2026-01-06 10:00:00,eur,7.50,0.00,7.50,charge,ch_other";
        std::fs::write(company.dir.join("other.csv"), format!("{HEAD}\n{line}\n")).unwrap();
        company.run(
            "ana",
            &["settle", company.dir.join("other.csv").to_str().unwrap()],
        );
        company.does("ana", &["reconcile", "payments"]);
        let (gone, other, late) = (
            items(company, "ch_gone"),
            items(company, "ch_other"),
            items(company, "ch_late"),
        );
        let (gone, other, late) = (gone[0].as_str(), other[0].as_str(), late[0].as_str());
        company.refused("ana", &matching(&[gone, late]), "17.50 EUR apart");
        company.refused("ana", &matching(&[gone]), "a match takes 2 to 1000 items");
        company.refused("ana", &matching(&[gone, gone]), "is named twice");
        company.refused(
            "ana",
            &matching(&[gone, "bank:99"]),
            "`bank:99` is not open in `payments`",
        );
        company.refused("ana", &matching(&[gone, "bank"]), "names no item");
        let broken = company.id("ch_gone");
        let done = company.does("ana", &matching(&[gone, other]));
        let post = ["breaks", "post", &broken, "--rule", "psp-fee", "--why", "x"];
        company.refused("ana", &post, "has been matched since it was found");
        let number = done["match"].as_i64().unwrap();
        company.refused(
            "ana",
            &matching(&[gone, other]),
            &format!("is matched already, in match {number} (`by hand`)"),
        );
        for _ in 0..2 {
            company.does("ana", &["reconcile"]);
            assert!(company.about("ch_gone").is_none() && company.about("ch_other").is_none());
            company.sound();
        }
        let changes = company.does("eve", &["breaks", "changes", "--since", "2000-01-01"]);
        let mut changes = changes.as_array().unwrap().iter();
        let cleared = changes.find(|row| row["change"] == "cleared" && row["id"] == broken);
        let cleared = cleared.unwrap();
        let why = format!("matched in match {number} (`by hand`)");
        assert_eq!(cleared["why"], why);
        let then = |day: &str| company.does("eve", &["breaks", "list", "--as-of", day]);
        assert_eq!(then("2000-01-01"), json!([]), "nothing was known then");
        let (day, _) = cleared["at"].as_str().unwrap().split_once('T').unwrap();
        let then = then(day);
        let ids = |rows: &Value| -> BTreeSet<String> {
            let rows = rows.as_array().unwrap().iter();
            rows.map(|row| row["id"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(ids(&then), ids(&company.does("eve", &["breaks", "list"])));
        company.refused(
            "ana",
            &["breaks", "undo", "match:1", "--why", "x"],
            "was made by pass `reference`",
        );
        company.refused(
            "ana",
            &["breaks", "undo", "match:99", "--why", "x"],
            "there is no match 99",
        );
        let undo = format!("match:{number}");
        let undo = [
            "breaks",
            "undo",
            undo.as_str(),
            "--why",
            "it was somebody else",
        ];
        company.does("ben", &undo);
        company.refused("ben", &undo, "was taken back by `ben` already");
        company.sound();
        company.does("ana", &["reconcile"]);
        assert_eq!(company.about("ch_gone").unwrap()["status"], "open");
        company.sound();
        // And once more, by two people.
        configure(company.dir, |text| {
            text + "\ndesk: { four_eyes: [match, match-undo], above: { match: { EUR: \"7.50\" }, match-undo: { EUR: \"7.49\" } },
                per_day: { match: { EUR: \"20.00\" } } }\n"
        });
        let done = company.does("ana", &matching(&[gone, other]));
        let undo = format!("match:{}", done["match"]);
        let waits = company.does("ana", &["breaks", "undo", &undo, "--why", "no"]);
        assert_eq!(waits["state"], "waiting", "7.50 is above 7.49");
        company.does(
            "ben",
            &["proposals", "approve", &waits["proposal"].to_string()],
        );
        // The third 7.50 of one day is above 20.00.
        let waits = company.does("ana", &matching(&[gone, other]));
        let shown = company.does(
            "ben",
            &["proposals", "show", &waits["proposal"].to_string()],
        );
        assert_eq!(
            shown["outlook"],
            json!([
                format!("left {gone} 7.50 EUR"),
                format!("right {other} 7.50 EUR")
            ])
        );
        assert_eq!(
            (&waits["state"], waits.get("match")),
            (&json!("waiting"), None)
        );
        let done = company.does(
            "ben",
            &["proposals", "approve", &waits["proposal"].to_string()],
        );
        assert!(done["match"].as_i64().unwrap() > number, "{done}");
        company.does("ana", &["reconcile"]);
        assert!(company.about("ch_gone").is_none());
        company.sound();
    });
}

#[test]
fn what_is_matched_by_hand_meanwhile_is_not_approved() {
    on_both("by-hand-two", |company| {
        let line = "po_1,2026-01-09 00:00:00,txn_21,2026-01-06 10:00:00,eur,7.50,0.00,7.50,charge,ch_other";
        std::fs::write(company.dir.join("other.csv"), format!("{HEAD}\n{line}\n")).unwrap();
        company.run(
            "ana",
            &["settle", company.dir.join("other.csv").to_str().unwrap()],
        );
        company.does("ana", &["reconcile", "payments"]);
        let (gone, other) = (items(company, "ch_gone"), items(company, "ch_other"));
        let both = [gone[0].as_str(), other[0].as_str()];
        configure(company.dir, |text| {
            text + "\ndesk: { four_eyes: [match], above: { match: { EUR: \"5.00\" } } }\n"
        });
        let waits = company.does("ana", &matching(&both));
        assert_eq!(waits["state"], "waiting");
        configure(company.dir, |text| {
            text.replace("EUR: \"5.00\"", "EUR: \"50.00\"")
        });
        let other_way = [both[1], both[0]];
        company.does("cem", &matching(&other_way));
        company.refused(
            "ben",
            &["proposals", "approve", &waits["proposal"].to_string()],
            "changed after proposal",
        );
        company.sound();
    });
}

#[test]
fn a_break_is_accepted_until_a_day_or_disputed() {
    on_both("accepted", |company| {
        let gone = company.id("ch_gone");
        let accept = |until: &'static str| {
            [
                "breaks",
                "accept",
                &gone,
                "--until",
                until,
                "--why",
                "their file is late",
            ]
            .map(str::to_owned)
        };
        let does = |all: &[String]| {
            company.does("ana", &all.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let early = accept("2026-01-10");
        let early: Vec<&str> = early.iter().map(String::as_str).collect();
        company.refused(
            "ana",
            &early,
            "`payments` is as of 2026-01-30, which is after 2026-01-10",
        );
        let far = accept("9999-12-31");
        let far: Vec<&str> = far.iter().map(String::as_str).collect();
        company.refused("ana", &far, "more than a year away");
        does(&accept("2026-02-15"));
        let state = || {
            let found = company.about("ch_gone").unwrap();
            (
                found["status"].as_str().unwrap().to_owned(),
                found["state"].as_str().unwrap().to_owned(),
            )
        };
        let are =
            |status: &str, named: &str| assert_eq!(state(), (status.to_owned(), named.to_owned()));
        are("accepted", "accepted");
        company.does("ana", &["reconcile"]);
        are("accepted", "accepted");
        company.sound();
        // The day passes, and it still stands.
        company.pay("ch_march", "2.00", "2026-03-05");
        let line = "po_3,2026-03-08 00:00:00,txn_31,2026-03-05 10:00:00,eur,2.00,0.00,2.00,charge,ch_march";
        std::fs::write(company.dir.join("march.csv"), format!("{HEAD}\n{line}\n")).unwrap();
        company.does("ana", &["ingest"]);
        company.does(
            "ana",
            &["settle", company.dir.join("march.csv").to_str().unwrap()],
        );
        company.does("ana", &["reconcile"]);
        are("open", "open");
        company.does(
            "ana",
            &[
                "breaks",
                "dispute",
                &gone,
                "--with",
                "stripe",
                "--why",
                "they have the money",
            ],
        );
        are("open", "disputed");
        let shown = company.does("ana", &["breaks", "show", &gone]);
        let last = shown["history"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(
            [&last["deed"], &last["assignee"], &last["actor"]],
            ["disputed", "stripe", "ana"]
        );
        company.does("ana", &["breaks", "undo", &gone, "--why", "they do not"]);
        are("open", "open");
        company.refused(
            "ana",
            &["breaks", "undo", &gone, "--why", "once more"],
            "is open; it cannot be reopened",
        );
        company.does("ana", &["breaks", "resolve", &gone, "--why", "it came"]);
        company.refused(
            "ana",
            &["breaks", "dispute", &gone, "--why", "late"],
            "is resolved; it cannot be disputed",
        );
        company.does("ana", &["breaks", "undo", &gone, "--why", "it did not"]);
        are("open", "open");
        company.sound();
    });
}

#[test]
fn a_write_off_is_one_by_whatever_name_and_in_whatever_books() {
    on_both("written-off-by-name", |company| {
        configure(company.dir, |text| {
            text + "\ndesk: { four_eyes: [write-off] }\n"
        });
        let gone = company.id("ch_gone");
        let post = |more: &[&str]| -> Vec<String> {
            let own = ["breaks", "post", gone.as_str(), "--why", "x", "--rule"];
            let all = own.iter().chain(more);
            all.map(|word| (*word).to_owned()).collect()
        };
        let does = |user: &str, all: &[String]| {
            company.run(user, &all.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let refused = does("ana", &post(&["psp-fee", "--entity", "uk"]));
        let refused = String::from_utf8(refused.stderr).unwrap();
        assert!(
            refused.contains("about entries of eu, and not of `uk`"),
            "{refused}"
        );
        let refused = does("policy:payments/fee", &post(&["psp-fee"]));
        let refused = String::from_utf8(refused.stderr).unwrap();
        assert!(refused.contains("is the name of a policy"), "{refused}");
        let waits = does("ana", &post(&["write-off"]));
        let waits: Value = serde_json::from_slice(&waits.stdout).unwrap();
        assert_eq!(waits["state"], "waiting");
        let proposal = waits["proposal"].to_string();
        company.does("ana", &["breaks", "comment", &gone, "see the letter"]);
        let letter = company.dir.join("letter.txt");
        std::fs::write(&letter, "we kept it").unwrap();
        company.does(
            "ana",
            &["breaks", "attach", &gone, letter.to_str().unwrap()],
        );
        let shown = company.does("ben", &["proposals", "show", &proposal]);
        let outlook = shown["outlook"].as_array().unwrap();
        assert_eq!(outlook[0], "would post in `eu`:");
        assert!(
            outlook[1]
                .as_str()
                .unwrap()
                .ends_with("debit written-off 7.50 EUR"),
            "{shown}"
        );
        company.does("ben", &["proposals", "approve", &proposal]);
        assert_eq!(company.stands("written-off"), 750);
        company.sound();
    });
}

#[test]
fn a_file_lies_beside_a_break_as_it_was() {
    on_both("attached", |company| {
        company.does("ana", &["reconcile"]);
        let gone = company.about("ch_gone").unwrap();
        let id = gone["id"].as_str().unwrap();
        let letter = company.dir.join("letter.pdf");
        let bytes: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
        std::fs::write(&letter, &bytes).unwrap();
        let attach = ["breaks", "attach", id, letter.to_str().unwrap()];
        company.does(
            "ana",
            &[&attach[..], &["--note", "the bank's letter"]].concat(),
        );
        let done = company.does("ben", &attach);
        assert_eq!(done["attachment"], 2);
        let shown = company.does("ana", &["breaks", "show", id]);
        let files = shown["attachments"].as_array().unwrap();
        assert_eq!((files.len(), &files[0]["size"]), (2, &json!(12_000_000)));
        assert_eq!(files[0]["sha256"], files[1]["sha256"]);
        let history = shown["history"].as_array().unwrap();
        assert_eq!(history[1]["why"], "letter.pdf: the bank's letter");
        assert_eq!(shown["state"], "open", "it decides nothing");
        let back = company.dir.join("back.pdf");
        let fetch = ["breaks", "attachment", "1", "--to", back.to_str().unwrap()];
        company.does("ana", &fetch);
        assert!(std::fs::read(&back).unwrap() == bytes);
        company.refused("ana", &fetch, "name a file that is not there yet");
        let nothing = company.dir.join("nothing.txt");
        std::fs::write(&nothing, "").unwrap();
        let huge = company.dir.join("huge.bin");
        std::fs::File::create(&huge)
            .unwrap()
            .set_len((32 << 20) + 1)
            .unwrap();
        for (file, why) in [
            (nothing.as_path(), "is empty"),
            (huge.as_path(), "is larger than 32 MiB"),
            (company.dir, "is no file"),
        ] {
            company.refused(
                "ana",
                &["breaks", "attach", id, file.to_str().unwrap()],
                why,
            );
        }
        company.refused(
            "ana",
            &["breaks", "attach", "BRK-no", letter.to_str().unwrap()],
            "there is no break",
        );
        company.sound();
    });
}

#[test]
fn a_payout_is_matched_by_hand_with_what_the_bank_has() {
    on_both("by-hand-payout", |company| {
        // Seven weeks late and in two parts: no pass goes so far.
        let statement = ":20:X\n:25:DE02120300000000202051\n:28C:1\n:60F:C260320EUR0,00\n\
            :61:2603200320C100,00NTRFNONREF\n:86:STRIPE PART 1\n:61:2603200320C75,00NTRFNONREF\n:86:STRIPE PART 2\n\
            :62F:C260320EUR175,00\n-\n";
        std::fs::write(company.dir.join("bank.sta"), statement).unwrap();
        company.does(
            "ana",
            &["settle", company.dir.join("bank.sta").to_str().unwrap()],
        );
        company.does("ana", &["reconcile"]);
        // The other side's files do not reach so far: what waits is named by its trace.
        let told = company.does("ana", &["trace", "po_1"]);
        let payout = told.as_array().unwrap().iter().find_map(|one| {
            one["details"]["item"]
                .as_str()
                .filter(|item| item.starts_with("payout:"))
        });
        let payout = payout.unwrap_or_else(|| panic!("{told}"));
        let named = [payout, "bank:5", "bank:6"];
        let mut matching = vec![
            "breaks",
            "match",
            "--in",
            "payouts",
            "--why",
            "the bank held it back",
        ];
        matching.extend(named);
        let done = company.does("ana", &matching);
        for _ in 0..2 {
            company.does("ana", &["reconcile"]);
            let all = company.does("ana", &["breaks", "list"]).to_string();
            assert!(
                !all.contains("\"payout:1") && !all.contains("\"bank:"),
                "{all}"
            );
            company.sound();
        }
        let undo = format!("match:{}", done["match"]);
        company.does(
            "ana",
            &["breaks", "undo", &undo, "--why", "it was another payout"],
        );
        company.does("ana", &["reconcile"]);
        company.sound();
        company.does("ana", &matching);
        company.does("ana", &["reconcile"]);
        company.sound();
    });
}

#[test]
fn a_plan_waits_for_its_own_bank_accounts_alone() {
    on_both("own-accounts", |company| {
        let statement = |name: &str, account: &str, day: &str| {
            let text = format!(
                ":20:X\n:25:{account}\n:28C:1\n:60F:C{day}EUR0,00\n:61:{day}{}C1,00NTRFNONREF\n:86:STRIPE\n:62F:C{day}EUR1,00\n-\n",
                &day[2..]
            );
            std::fs::write(company.dir.join(name), text).unwrap();
            let path = company.dir.join(name);
            company.does("ana", &["settle", path.to_str().unwrap()]);
        };
        statement("own.sta", "DE02120300000000202051", "260320");
        statement("other.sta", "DE91100000000123456789", "260105");
        company.does("ana", &["reconcile"]);
        assert!(
            company.about("po_1").is_none(),
            "another account of the currency lags, and any of them may have it"
        );
        let own = |accounts: &str| {
            configure(company.dir, |text| {
                let text = text.replace(
                    "bank: { text: stripe }",
                    "bank: { text: stripe, accounts: [] }",
                );
                let (before, rest) = text.split_once("text: stripe, accounts: [").unwrap();
                let (_, after) = rest.split_once(']').unwrap();
                format!("{before}text: stripe, accounts: [{accounts}]{after}")
            });
            company.does("ana", &["reconcile"]);
        };
        own("DE02120300000000202051");
        assert_eq!(company.about("po_1").unwrap()["kind"], "missing-in-bank");
        company.sound();
        own("DE02120300000000202051, DE00");
        assert!(company.about("po_1").is_none(), "one of its own is silent");
        let told = company.run("ana", &["verify"]);
        let told: Value = serde_json::from_slice(&told.stdout).unwrap();
        assert!(
            told["because"]
                .as_str()
                .unwrap()
                .contains("no file of bank account `DE00` has come"),
            "{told}"
        );
        // The statement names the accounts whose lines are its side.
        let text = common::expect(
            0,
            &[
                "-c",
                &config(company.dir),
                "report",
                "account-statement",
                "--format",
                "csv",
            ],
        );
        assert!(
            text.contains("bank DE02120300000000202051, DE00 (stripe)"),
            "{text}"
        );
    });
}
