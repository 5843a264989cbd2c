//! The main job, end to end: the demo's month, its reports and exports, and what an auditor tries.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::too_many_lines,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

mod common;

use common::{config, demo, expect, expect_json, folder, tamper, tieout};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Every file below a folder with its bytes.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for item in std::fs::read_dir(folder).unwrap() {
            let path = item.unwrap().path();
            if path.is_dir() {
                walk(root, &path, found);
            } else {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                found.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(root, root, &mut found);
    found
}

#[test]
fn the_same_month_twice_gives_the_same_bytes_and_another_seed_others() {
    let (first, second) = (demo("demo-a", "10000", "7"), demo("demo-b", "10000", "7"));
    for part in ["inbox", "settlements", "exports", "reports"] {
        let (a, b) = (files(&first.join(part)), files(&second.join(part)));
        assert_eq!(
            a.keys().collect::<Vec<_>>(),
            b.keys().collect::<Vec<_>>(),
            "{part}"
        );
        for (name, bytes) in a {
            assert!(b[&name] == bytes, "{part}/{name} differs between two runs");
        }
    }
    let other = demo("demo-c", "2000", "8");
    assert_ne!(files(&first.join("inbox")), files(&other.join("inbox")));
    for dir in [first, second, other] {
        std::fs::remove_dir_all(dir).unwrap();
    }
}

#[test]
fn every_planted_defect_is_found_and_nothing_else() {
    for seed in ["7", "21", "99"] {
        let dir = folder(&format!("demo-{seed}"));
        let told = expect_json(
            0,
            &[
                "--json",
                "demo",
                "--dir",
                dir.to_str().unwrap(),
                "--events",
                "4000",
                "--seed",
                seed,
            ],
        );
        assert_eq!(told["missed"], serde_json::json!([]), "seed {seed}");
        assert_eq!(told["unexpected"], serde_json::json!([]), "seed {seed}");
        assert_eq!(told["planted"], 32, "seed {seed}");
        assert_eq!(told["intake"]["received"], 4000);
        std::fs::remove_dir_all(dir).unwrap();
    }
}

#[test]
fn running_a_stage_again_changes_nothing() {
    let dir = demo("demo-again", "2000", "3");
    let config = config(&dir);
    let before = expect(
        0,
        &["-c", &config, "report", "trial-balance", "--format", "json"],
    );
    let ingest = expect_json(0, &["-c", &config, "--json", "ingest"]);
    assert_eq!(ingest["received"], 0);
    let settle = expect_json(0, &["-c", &config, "--json", "settle"]);
    assert_eq!((&settle["files"], &settle["lines"]), (&0.into(), &0.into()));
    for summary in expect_json(0, &["-c", &config, "--json", "reconcile"])
        .as_array()
        .unwrap()
    {
        assert_eq!(summary["matches"], 0, "nothing is consumed twice");
    }
    for summary in expect_json(0, &["-c", &config, "--json", "export"])
        .as_array()
        .unwrap()
    {
        assert_eq!(
            (&summary["batches"], &summary["delivered"]),
            (&0.into(), &0.into())
        );
    }
    let post = expect_json(0, &["-c", &config, "--json", "post"]);
    assert_eq!(
        (&post["received"], &post["suspended"]),
        (&3.into(), &3.into())
    );
    let after = expect(
        0,
        &["-c", &config, "report", "trial-balance", "--format", "json"],
    );
    let tables =
        |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["tables"].clone();
    assert_eq!(tables(&before), tables(&after));
    // Breaks that come from matches stay, though no later run finds those matches again.
    let breaks = expect_json(0, &["-c", &config, "--json", "breaks", "list"]);
    assert_eq!(breaks.as_array().unwrap().len(), 18);
    expect(0, &["-c", &config, "verify"]);
    std::fs::remove_dir_all(dir).unwrap();
}

/// Starts ingestion and kills it after a while; true once it ended by itself.
fn ingest_and_kill(config: &str, after: Duration) -> bool {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tieout"))
        .args(["-c", config, "ingest"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(after);
    if child
        .try_wait()
        .unwrap()
        .is_some_and(|status| status.success())
    {
        return true;
    }
    child.kill().unwrap();
    child.wait().unwrap().success()
}

#[test]
fn killed_at_any_moment_it_ends_with_the_same_journal() {
    let undisturbed = demo("demo-undisturbed", "6000", "13");
    let register = |dir: &Path| {
        let mut report = expect_json(
            0,
            &[
                "-c",
                &config(dir),
                "report",
                "journal-register",
                "--format",
                "json",
            ],
        );
        // The same entries: those that take others back stand where a run ended, whatever ended it.
        let lines = report["tables"]["lines"].take();
        let mut lines: Vec<String> = lines
            .as_array()
            .unwrap()
            .iter()
            .map(|line| {
                let mut line = line.clone();
                line.as_object_mut().unwrap().remove("entry").unwrap();
                line.to_string()
            })
            .collect();
        lines.sort();
        lines
    };
    let expected = register(&undisturbed);
    let mut kills = 0;
    for seed in 0..4 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let dir = folder(&format!("killed-{seed}"));
        expect(0, &["init", dir.to_str().unwrap()]);
        for item in std::fs::read_dir(undisturbed.join("inbox")).unwrap() {
            let path = item.unwrap().path();
            std::fs::copy(&path, dir.join("inbox").join(path.file_name().unwrap())).unwrap();
        }
        // Ever longer, so that it ends however slow the machine is.
        for attempt in 0..40 {
            let after = Duration::from_millis(rng.u64(5..200) + attempt * 40);
            if ingest_and_kill(&config(&dir), after) {
                break;
            }
            kills += 1;
        }
        expect(0, &["-c", &config(&dir), "ingest"]);
        assert!(
            register(&dir) == expected,
            "seed {seed}: the journal differs"
        );
        let told = expect_json(0, &["-c", &config(&dir), "--json", "verify"]);
        assert_eq!(told["failures"], serde_json::json!([]), "seed {seed}");
        let control = expect_json(
            0,
            &["-c", &config(&dir), "report", "control", "--format", "json"],
        );
        let row = &control["tables"]["intake"][0];
        assert_eq!(
            (&row["received"], &row["difference"]),
            (&6000.into(), &0.into()),
            "seed {seed}"
        );
        std::fs::remove_dir_all(dir).unwrap();
    }
    assert!(kills >= 4, "it was killed {kills} times only");
    std::fs::remove_dir_all(undisturbed).unwrap();
}

#[test]
fn a_cured_mapping_posts_what_waited() {
    let dir = demo("demo-cure", "2000", "5");
    let config = config(&dir);
    let path = dir.join("mappings/billing/customer.yaml");
    let mut rules = std::fs::read_to_string(&path).unwrap();
    rules.push_str("  - rule: wallet-topped-up\n    on: billing.wallet.topped_up.v1\n    ignore: wallets are kept elsewhere\n");
    std::fs::write(path, rules).unwrap();
    let post = expect_json(0, &["-c", &config, "--json", "post"]);
    assert_eq!(
        (&post["ignored"], &post["suspended"]),
        (&3.into(), &0.into())
    );
    let verify = expect_json(0, &["-c", &config, "--json", "verify"]);
    assert!(
        !verify["because"].as_str().unwrap().contains("suspended"),
        "{verify}"
    );
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn verify_holds_and_names_what_was_changed_behind_its_back() {
    let table = [
        // what is changed, the guard in the way, the statement, what verify must say
        ("nothing", "", "", ""),
        (
            "an amount",
            "line_no_update",
            "UPDATE line SET amount = amount + 1 WHERE entry_id = 17 AND line_no = 1",
            "entry 17",
        ),
        (
            "both sides of an entry",
            "line_no_update",
            "UPDATE line SET amount = amount + 1, functional = functional + 1 WHERE entry_id = 23",
            "entry 23",
        ),
        (
            "an account",
            "line_no_update",
            "UPDATE line SET account_id = account_id + 1 WHERE entry_id = 31 AND line_no = 2",
            "entry 31",
        ),
        (
            "a date",
            "entry_no_update",
            "UPDATE entry SET accounting_on = '2025-12-29' WHERE id = 40",
            "entry 40",
        ),
        (
            "a deleted entry",
            "entry_no_delete",
            "DELETE FROM entry WHERE id = 55",
            "posting batch 1: entries are missing",
        ),
        (
            "the last entry",
            "entry_no_delete",
            "DELETE FROM entry WHERE id = (SELECT MAX(id) FROM entry)",
            "entries are missing",
        ),
        (
            "an event",
            "event_no_update",
            "UPDATE event SET payload = '{}' WHERE id = 9",
            "event 9",
        ),
        (
            "an artifact",
            "batch_no_update",
            "UPDATE batch SET artifact = 'x' WHERE id = 1",
            "artifact `tieout-",
        ),
        (
            "a settlement line",
            "settlement_line_received_no_update",
            "UPDATE settlement_line_received SET gross = gross + 1, net = net + 1 WHERE id = 7",
            "settlement line `",
        ),
        (
            "a deferral",
            "schedule_no_update",
            "UPDATE schedule SET end_on = '2026-02-28' WHERE entry_id = (SELECT MIN(entry_id) FROM schedule)",
            "is not what was posted",
        ),
        (
            "a balance",
            "line_no_update",
            "UPDATE balance SET debit = debit + 1 WHERE debit > 0 AND account_id = 1",
            "is not the sum of its lines",
        ),
        (
            "a counter",
            "outcome_no_delete",
            "DELETE FROM outcome WHERE event_id = 12",
            "event 12 has no outcome",
        ),
    ];
    let dir = demo("demo-verify", "2000", "7");
    let original = std::fs::read(dir.join("tieout.db")).unwrap();
    for (what, trigger, statement, named) in table {
        for ending in ["-wal", "-shm"] {
            let _absent = std::fs::remove_file(dir.join(format!("tieout.db{ending}")));
        }
        std::fs::write(dir.join("tieout.db"), &original).unwrap();
        if statement.is_empty() {
            let text = expect(0, &["-c", &config(&dir), "verify"]);
            assert!(text.contains("verdict: INCOMPLETE"), "{text}");
            continue;
        }
        tamper(&dir, trigger, statement);
        let output = tieout(&["-c", &config(&dir), "verify"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(1), "{what}\n{text}");
        let told = text
            .lines()
            .any(|line| line.starts_with("does not hold:") && line.contains(named));
        assert!(told, "{what}: expected `{named}`\n{text}");
    }
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn hledger_accepts_the_journal_and_agrees_with_the_trial_balance() {
    let dir = demo("demo-hledger", "3000", "7");
    let mut command = Command::new("hledger");
    let mut journals: Vec<_> = files(&dir.join("exports/books")).into_keys().collect();
    journals.retain(|name| name.ends_with(".journal"));
    assert!(!journals.is_empty());
    for name in &journals {
        command.arg("-f").arg(dir.join("exports/books").join(name));
    }
    let checked = command
        .args(["check", "--strict"])
        .output()
        .expect("hledger is missing; `make test` installs it");
    assert!(
        checked.status.success(),
        "{}",
        String::from_utf8_lossy(&checked.stderr)
    );
    let mut command = Command::new("hledger");
    for name in &journals {
        command.arg("-f").arg(dir.join("exports/books").join(name));
    }
    let output = command
        .args([
            "bal",
            "--flat",
            "--no-total",
            "-O",
            "csv",
            "--layout",
            "bare",
        ])
        .output()
        .unwrap();
    let theirs: BTreeMap<(String, String), String> =
        csv::Reader::from_reader(output.stdout.as_slice())
            .records()
            .map(|record| record.unwrap())
            .filter(|record| record[2].chars().any(|digit| ('1'..='9').contains(&digit)))
            .map(|record| {
                (
                    (record[0].to_owned(), record[1].to_owned()),
                    record[2].to_owned(),
                )
            })
            .collect();
    let report = expect_json(
        0,
        &[
            "-c",
            &config(&dir),
            "report",
            "trial-balance",
            "--format",
            "json",
        ],
    );
    let kinds = BTreeMap::from([
        ("asset", "assets"),
        ("liability", "liabilities"),
        ("equity", "equity"),
        ("revenue", "revenues"),
        ("expense", "expenses"),
    ]);
    let mut ours = BTreeMap::new();
    for row in report["tables"]["trial_balance"].as_array().unwrap() {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let account = format!(
            "{}:{}:{}",
            text("entity"),
            kinds[text("type").as_str()],
            text("account")
        );
        let amount = match (
            row["debit_balance"].as_str(),
            row["credit_balance"].as_str(),
        ) {
            (Some(debit), _) => debit.to_owned(),
            (None, Some(credit)) => format!("-{credit}"),
            (None, None) => continue,
        };
        ours.insert((account, text("currency")), amount);
    }
    assert_eq!(ours, theirs, "hledger and the trial balance disagree");
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn control_totals_of_the_manifests_are_those_of_the_files() {
    let dir = demo("demo-manifest", "2000", "7");
    let files = files(&dir.join("exports/files"));
    let mut seen = 0;
    for (name, bytes) in files.iter().filter(|(name, _)| name.ends_with(".csv")) {
        let manifest: serde_json::Value =
            serde_json::from_slice(&files[&format!("{name}.manifest.json")]).unwrap();
        assert_eq!(manifest["artifact"]["bytes"], bytes.len());
        let mut sums = BTreeMap::<(String, String), rust_decimal::Decimal>::new();
        let mut lines = 0;
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let header = reader.headers().unwrap().clone();
        let at = |wanted: &str| header.iter().position(|column| column == wanted).unwrap();
        for record in reader.records() {
            let record = record.unwrap();
            lines += 1;
            let key = (
                record[at("entity")].to_owned(),
                record[at("currency")].to_owned(),
            );
            *sums.entry(key).or_default() += record[at("debit")]
                .parse::<rust_decimal::Decimal>()
                .unwrap_or_default();
        }
        assert_eq!(manifest["lines"], lines);
        for total in manifest["control_totals"].as_array().unwrap() {
            let key = (
                total["entity"].as_str().unwrap().to_owned(),
                total["currency"].as_str().unwrap().to_owned(),
            );
            assert_eq!(
                total["debit"]
                    .as_str()
                    .unwrap()
                    .parse::<rust_decimal::Decimal>()
                    .unwrap(),
                sums[&key]
            );
            assert_eq!(total["debit"], total["credit"]);
        }
        seen += 1;
    }
    assert!(seen > 0);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_trace_leads_from_a_break_to_the_bank() {
    let dir = demo("demo-trace", "2000", "7");
    let config = config(&dir);
    let breaks = expect_json(0, &["-c", &config, "--json", "breaks", "list"]);
    let fee = breaks
        .as_array()
        .unwrap()
        .iter()
        .find(|found| found["kind"] == "fee")
        .unwrap();
    let text = expect(0, &["-c", &config, "trace", fee["id"].as_str().unwrap()]);
    for part in [
        "event evt_",
        "posted by rule payment-succeeded",
        "psp-clearing",
        "in batch 1 of erp: delivered",
        "settlement line txn_",
        "payout po_",
        "bank line ",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    let reference = fee["reference"].as_str().unwrap();
    assert!(expect(0, &["-c", &config, "trace", reference]).contains("settlement line"));
    let unknown = tieout(&["-c", &config, "trace", "no-such-thing"]);
    assert_eq!(unknown.status.code(), Some(2));
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_closed_period_keeps_entries_out_until_it_is_reopened() {
    let dir = folder("period");
    let init = dir.join("company");
    expect(0, &["init", init.to_str().unwrap()]);
    let config = config(&init);
    let event = |id: &str| {
        format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"s","type":"billing.payment.succeeded.v1","data":{{"entity":"eu","customer_id":"C","currency":"EUR","amount":10.00,"processor":"stripe","processor_reference":"ch_{id}","succeeded_at":"2026-01-15T10:00:00Z"}}}}"#
        )
    };
    std::fs::write(init.join("inbox/a.ndjson"), event("1")).unwrap();
    assert_eq!(
        expect_json(0, &["-c", &config, "--json", "ingest"])["posted"],
        1
    );
    expect(0, &["-c", &config, "period", "close", "eu", "2026-01"]);
    std::fs::write(init.join("inbox/b.ndjson"), event("2")).unwrap();
    assert_eq!(
        expect_json(0, &["-c", &config, "--json", "ingest"])["suspended"],
        1
    );
    expect(0, &["-c", &config, "period", "reopen", "eu", "2026-01"]);
    assert_eq!(
        expect_json(0, &["-c", &config, "--json", "post"])["posted"],
        1
    );
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_file_that_breaks_off_does_not_stop_the_others() {
    let dir = folder("broken-file");
    expect(0, &["init", dir.to_str().unwrap()]);
    let event = |id: usize| {
        format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"s","type":"billing.payment.failed.v1","time":"2026-01-15T10:00:00Z","data":{{}}}}"#
        ) + "\n"
    };
    let all: String = (0..20_000).map(event).collect();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, all.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    std::fs::write(dir.join("inbox/a.ndjson.gz"), &packed[..packed.len() / 2]).unwrap();
    std::fs::write(dir.join("inbox/b.ndjson"), event(90_000)).unwrap();
    let told = expect_json(1, &["-c", &config(&dir), "--json", "ingest"]);
    assert_eq!(told["refused"].as_array().unwrap().len(), 1, "{told}");
    assert!(told["refused"][0].as_str().unwrap().contains("a.ndjson.gz"));
    let before = told["ignored"].as_i64().unwrap();
    assert!(
        before > 1 && before < 20_000,
        "whole batches before the end are in the books: {before}"
    );
    // The whole file arrives: what it repeats is known, nothing is lost.
    std::fs::write(dir.join("inbox/a.ndjson.gz"), &packed).unwrap();
    let told = expect_json(0, &["-c", &config(&dir), "--json", "ingest"]);
    assert_eq!(told["ignored"].as_i64().unwrap(), 20_001 - before);
    assert_eq!(told["duplicates"].as_i64().unwrap(), before - 1);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn usage_and_configuration_errors_exit_with_2_and_say_what_to_do() {
    let dir = folder("errors");
    let missing = tieout(&["-c", "/no/such/tieout.yaml", "check"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("tieout init"));
    assert_eq!(tieout(&["no-such-command"]).status.code(), Some(2));
    expect(0, &["init", dir.to_str().unwrap()]);
    expect(0, &["-c", &config(&dir), "check"]);
    let golden = expect_json(0, &["-c", &config(&dir), "--json", "mappings", "test"]);
    assert!(
        golden.as_array().unwrap().len() >= 15,
        "a starter company has its golden tests"
    );
    assert_eq!(
        tieout(&["init", dir.to_str().unwrap()]).status.code(),
        Some(2),
        "nothing is overwritten"
    );
    let path = dir.join("tieout.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    for (from, to, told) in [
        ("company:", "compani:", "compani"),
        (
            "functional: GBP",
            "functional: GBX",
            "`GBX` is not an ISO 4217 currency",
        ),
        (
            "kind: hledger",
            "kind: ledgerly",
            "there is no kind `ledgerly`",
        ),
        (
            "zone: Europe/Berlin",
            "zone: Europe/Bonn",
            "`Europe/Bonn` is no time zone",
        ),
        (
            "url: \"sqlite:tieout.db\"",
            "url: \"postgres://a:b@c/d\"",
            "the user's part of `url` holds a secret",
        ),
    ] {
        std::fs::write(&path, text.replace(from, to)).unwrap();
        let refused = tieout(&["-c", &config(&dir), "check"]);
        assert_eq!(refused.status.code(), Some(2), "{to}");
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(error.contains(told), "`{told}` is not in {error}");
    }
    std::fs::write(&path, &text).unwrap();
    let rules = dir.join("mappings/billing/usage.yaml");
    let broken = std::fs::read_to_string(&rules)
        .unwrap()
        .replace("debit: unbilled-receivables", "debit: unbiled-receivables");
    std::fs::write(&rules, broken).unwrap();
    let refused = tieout(&["-c", &config(&dir), "mappings", "check"]);
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        error.contains("--> usage.yaml:11:16")
            && error.contains("did you mean `unbilled-receivables`?"),
        "{error}"
    );
    std::fs::remove_dir_all(dir).unwrap();
}
