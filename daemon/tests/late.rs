//! What comes after its time: entries that take others back, events of closed periods, accounts that are called
//! otherwise than before. On both databases, through the binary.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::too_many_lines,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

mod common;

use common::{config, configure, database, drop_database, expect, expect_json, folder};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const CHART: &str = r#"accounts:
  - { account: receivable, code: "1200", type: asset, title: Accounts receivable }
  - { account: tax, code: "2100", type: liability, title: Tax payable }
  - { account: deferred, code: "2200", type: liability, title: Deferred revenue }
  - { account: revenue, code: "4000", type: revenue, title: Revenue }
dimensions: [customer]
"#;

const RULES: &str = r#"rules:
  - rule: invoice
    on: invoice
    entity: data.entity
    date: data.on
    reference: data.number
    currency: '"EUR"'
    holds: data.total == data.net + data.tax
    lines:
      - { debit: receivable, amount: data.total, dimensions: { customer: data.customer } }
      - credit: revenue
        amount: data.net
        defer: { from: data.on, to: data.until, account: deferred, method: daily }
      - { credit: tax, amount: data.tax }
  - rule: void
    on: void
    entity: data.entity
    date: data.on
    reverses: { rule: invoice, reference: data.number }
  - rule: credit-note
    on: credit-note
    entity: data.entity
    date: data.on
    reference: data.note
    reverses: { rule: invoice, reference: data.number, share: data.credited / data.total }
"#;

fn on_both(name: &str, test: impl Fn(&Path, &str)) {
    let run = |name: &str, url: Option<&str>| {
        let dir = folder(name);
        expect(0, &["init", dir.to_str().unwrap(), "--pack", "billing"]);
        if let Some(url) = url {
            configure(&dir, |text| text.replace("sqlite:tieout.db", url));
        }
        configure(&dir, |text| text.replace("mappings/billing", "rules"));
        std::fs::create_dir(dir.join("rules")).unwrap();
        std::fs::write(dir.join("rules/chart.yaml"), CHART).unwrap();
        std::fs::write(dir.join("rules/rules.yaml"), RULES).unwrap();
        test(&dir, &config(&dir));
        std::fs::remove_dir_all(dir).unwrap();
    };
    run(&format!("{name}-sqlite"), None);
    let url = database(&name.replace('-', "_"));
    run(&format!("{name}-postgres"), Some(&url));
    drop_database(&url);
}

fn event(id: &str, kind: &str, data: Value) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": "//tests", "type": kind, "time": "2026-01-15T10:00:00Z", "data": data })
}

fn invoice(id: &str, day: &str) -> Value {
    let data = json!({ "entity": "eu", "on": day, "until": "2026-12-31", "number": format!("INV-{id}"),
        "customer": "c1", "total": 119, "net": 100, "tax": 19 });
    event(&format!("i{id}"), "invoice", data)
}

fn credit(id: &str, of: &str, day: &str, credited: i64) -> Value {
    let data = json!({ "entity": "eu", "on": day, "number": format!("INV-{of}"), "note": format!("CN-{id}"),
        "credited": credited, "total": 119 });
    event(&format!("c{id}"), "credit-note", data)
}

fn void(id: &str, of: &str, day: &str) -> Value {
    let data = json!({ "entity": "eu", "on": day, "number": format!("INV-{of}") });
    event(&format!("v{id}"), "void", data)
}

fn take(dir: &Path, at: &str, name: &str, events: &[Value]) -> Value {
    let path = dir.join("inbox").join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let lines: Vec<String> = events.iter().map(Value::to_string).collect();
    std::fs::write(path, lines.join("\n")).unwrap();
    expect_json(0, &["-c", at, "--json", "ingest"])
}

fn rows(at: &str, report: &str) -> Vec<Vec<String>> {
    let text = expect(0, &["-c", at, "report", report, "--format", "csv"]);
    text.lines()
        .skip(1)
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect()
}

/// What an account stands at, by its name and code.
fn balance(at: &str, account: &str) -> Vec<[String; 4]> {
    let rows = rows(at, "trial-balance").into_iter();
    rows.filter(|row| row[3] == account)
        .map(|row| {
            [
                row[2].clone(),
                row[3].clone(),
                row[7].clone(),
                row[8].clone(),
            ]
        })
        .collect()
}

fn sound(at: &str) {
    let found = expect_json(0, &["-c", at, "--json", "verify", "--all"]);
    assert_eq!(found["failures"], json!([]), "{found}");
}

#[test]
fn what_an_event_takes_back_is_taken_from_the_books() {
    on_both("taken-back", |dir, at| {
        // The credit note comes before its invoice, and both before anybody asks.
        let first = [
            credit("1", "1", "2026-02-01", 30),
            invoice("1", "2026-01-15"),
            invoice("2", "2026-01-16"),
        ];
        let done = take(dir, at, "a.ndjson", &first);
        assert_eq!(
            (&done["posted"], &done["suspended"], &done["entries"]),
            (&json!(3), &json!(0), &json!(3)),
            "{done}"
        );
        let second = [
            void("1", "2", "2026-02-03"),
            void("2", "2", "2026-02-04"),
            void("3", "9", "2026-02-04"),
            credit("2", "1", "2026-02-05", 90),
            credit("3", "1", "2026-02-06", 89),
        ];
        let done = take(dir, at, "b.ndjson", &second);
        assert_eq!(
            (&done["posted"], &done["suspended"]),
            (&json!(2), &json!(3)),
            "{done}"
        );
        for account in ["receivable", "deferred", "tax"] {
            assert_eq!(balance(at, account)[0][2..], ["", ""], "{account}");
        }
        let list = expect_json(0, &["-c", at, "--json", "suspended", "list"]);
        let told = list.to_string();
        for wanted in [
            "all of it was taken back before",
            "`INV-9` of entity `eu` stands in the books",
            "is more than the",
        ] {
            assert!(told.contains(wanted), "{wanted}: {told}");
        }
        sound(at);
        // Asked again, what waits for the same reason is left as it is.
        let again = expect_json(0, &["-c", at, "--json", "post"]);
        assert_eq!(
            (&again["suspended"], &again["posted"]),
            (&json!(3), &json!(0)),
            "{again}"
        );
        // What comes at last is found.
        let done = take(dir, at, "c.ndjson", &[invoice("9", "2026-01-20")]);
        assert_eq!(done["posted"], json!(1));
        let again = expect_json(0, &["-c", at, "--json", "post"]);
        assert_eq!(
            (&again["suspended"], &again["posted"]),
            (&json!(2), &json!(1)),
            "{again}"
        );
        sound(at);
        // The mapping in force says of all of it what stands.
        let same = expect_json(
            0,
            &[
                "-c",
                at,
                "--json",
                "reprocess",
                "--from",
                "2026-01-01",
                "--to",
                "2026-12-31",
            ],
        );
        assert_eq!(
            (&same["corrected"], &same["left"]),
            (&json!(0), &json!([])),
            "{same}"
        );
        let same = expect_json(
            0,
            &[
                "-c",
                at,
                "--json",
                "mappings",
                "diff",
                "--to",
                dir.join("rules").to_str().unwrap(),
            ],
        );
        assert_eq!(
            (&same["changes"], &same["effect"]),
            (&json!([]), &json!([])),
            "{same}"
        );
        // An invoice that was credited is not corrected behind the credit note's back.
        let rules = RULES
            .replacen("amount: data.net", "amount: data.net + 0 * data.tax", 1)
            .replacen("credit: tax", "credit: revenue", 1);
        std::fs::write(dir.join("rules/rules.yaml"), rules).unwrap();
        let other = expect_json(
            1,
            &[
                "-c",
                at,
                "--json",
                "reprocess",
                "--from",
                "2026-01-01",
                "--to",
                "2026-12-31",
            ],
        );
        let left = other["left"].to_string();
        assert!(left.contains("another event took entry"), "{other}");
        assert_eq!(other["corrected"], json!(0), "{other}");
    });
}

/// A run that ends before it asked the books leaves what the next one asks, however little that brings.
#[test]
fn what_a_run_left_unasked_the_next_one_asks() {
    on_both("left-unasked", |dir, at| {
        take(dir, at, "a.ndjson", &[invoice("1", "2026-01-15")]);
        let path = dir.join("inbox/b.ndjson");
        std::fs::write(path, void("1", "1", "2026-02-03").to_string()).unwrap();
        let stopped = std::process::Command::new(env!("CARGO_BIN_EXE_tieout"))
            .args(["-c", at, "ingest"])
            .env("TIEOUT_FAULT", "panic:asking")
            .output()
            .unwrap();
        assert!(!stopped.status.success());
        let waiting = expect_json(0, &["-c", at, "--json", "suspended", "list"]);
        assert_eq!(waiting["all"], json!(1), "{waiting}");
        expect(0, &["-c", at, "ingest"]);
        let waiting = expect_json(0, &["-c", at, "--json", "suspended", "list"]);
        assert_eq!(waiting["all"], json!(0), "{waiting}");
        assert_eq!(balance(at, "receivable")[0][2..], ["", ""]);
        sound(at);
    });
}

#[test]
fn a_late_event_waits_or_stands_on_the_first_open_day() {
    on_both("late", |dir, at| {
        take(dir, at, "a.ndjson", &[invoice("1", "2026-01-15")]);
        expect(0, &["-c", at, "period", "close", "eu", "2026-01"]);
        let done = take(dir, at, "b.ndjson", &[invoice("2", "2026-01-16")]);
        assert_eq!(
            (&done["posted"], &done["suspended"]),
            (&json!(0), &json!(1)),
            "{done}"
        );
        configure(dir, |text| {
            text.replace(
                "zone: Europe/Berlin,",
                "zone: Europe/Berlin, late: first-open-day,",
            )
        });
        let answered = expect_json(0, &["-c", at, "--json", "post"]);
        assert_eq!(
            (&answered["posted"], &answered["suspended"]),
            (&json!(1), &json!(0)),
            "{answered}"
        );
        let done = take(
            dir,
            at,
            "c.ndjson",
            &[
                invoice("3", "2026-01-17"),
                credit("1", "1", "2026-01-20", 119),
            ],
        );
        assert_eq!(
            (&done["posted"], &done["suspended"]),
            (&json!(2), &json!(0)),
            "{done}"
        );
        let days: Vec<(String, String, String)> = rows(at, "journal-register")
            .into_iter()
            .map(|row| (row[6].clone(), row[1].clone(), row[5].clone()))
            .collect();
        for (reference, on, own) in [
            ("INV-1", "2026-01-15", ""),
            ("INV-2", "2026-02-01", "2026-01-16"),
            ("INV-3", "2026-02-01", "2026-01-17"),
            ("CN-1", "2026-02-01", "2026-01-20"),
        ] {
            let wanted = (reference.to_owned(), on.to_owned(), own.to_owned());
            assert!(days.contains(&wanted), "{wanted:?} in {days:?}");
        }
        sound(at);
        let traced = expect(0, &["-c", at, "trace", "INV-2"]);
        assert!(traced.contains("2026-01-16"), "{traced}");
        // They are what the mapping says, wherever they stand; and what is sealed proves itself.
        let same = expect_json(
            0,
            &[
                "-c",
                at,
                "--json",
                "reprocess",
                "--from",
                "2026-01-01",
                "--to",
                "2026-12-31",
            ],
        );
        assert_eq!(
            (&same["corrected"], &same["left"]),
            (&json!(0), &json!([])),
            "{same}"
        );
        expect(0, &["-c", at, "period", "close", "eu", "2026-02"]);
        let bundle = dir.join("bundle.ndjson").display().to_string();
        expect(
            0,
            &[
                "-c", at, "evidence", "export", "2026-02", "--entity", "eu", "--output", &bundle,
            ],
        );
        expect(0, &["-c", at, "evidence", "verify", &bundle]);
        let text = std::fs::read_to_string(&bundle).unwrap();
        assert!(text.contains("\"event_on\":\"2026-01-16\""));
        std::fs::write(
            &bundle,
            text.replace("\"event_on\":\"2026-01-16\"", "\"event_on\":\"2026-01-15\""),
        )
        .unwrap();
        expect(1, &["-c", at, "evidence", "verify", &bundle]);
    });
}

#[test]
fn an_account_keeps_the_name_and_code_that_it_had() {
    on_both("renamed", |dir, at| {
        configure(dir, |text| {
            let options = "books: { kind: hledger,";
            text.replace(options, "plain: { kind: csv, drop: { folder: { path: exports/plain } } }\n  books: { kind: hledger,")
        });
        take(dir, at, "a.ndjson", &[invoice("1", "2026-01-15")]);
        expect(0, &["-c", at, "period", "close", "eu", "2026-01"]);
        let chart = |text: &str| {
            let changed = CHART.replace("{ account: deferred, code: \"2200\",", text);
            std::fs::write(dir.join("rules/chart.yaml"), changed).unwrap();
            let rules = RULES.replace("account: deferred", "account: contract-liability");
            std::fs::write(dir.join("rules/rules.yaml"), rules).unwrap();
        };
        // A day that is sealed does not change any more.
        chart(
            "{ account: contract-liability, code: \"2210\", formerly: [{ account: deferred, code: \"2200\", to: 2026-01-20 }],",
        );
        let refused = common::tieout(&["-c", at, "post"]);
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            !refused.status.success() && told.contains("eu 2026-01 is closed until 2026-01-31"),
            "{told}"
        );
        chart(
            "{ account: contract-liability, code: \"2210\", formerly: [{ account: deferred, code: \"2200\", to: 2026-01-31 }],",
        );
        expect(0, &["-c", at, "post"]);
        let second = [invoice("2", "2026-02-10"), void("1", "1", "2026-02-11")];
        let done = take(dir, at, "b.ndjson", &second);
        assert_eq!(done["posted"], json!(2), "{done}");
        // One account to whoever reads a trial balance: 200 on it, of which 100 went again.
        let label = |name: &str| balance(at, name);
        assert!(label("deferred").is_empty());
        assert_eq!(
            label("contract-liability"),
            [["2210", "contract-liability", "", "100.00"].map(str::to_owned)]
        );
        expect(0, &["-c", at, "export"]);
        let exported = std::fs::read_dir(dir.join("exports/plain")).unwrap();
        let text: String = exported
            .map(|item| item.unwrap().path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "csv"))
            .map(|path| std::fs::read_to_string(path).unwrap())
            .collect();
        for (reference, code, account) in [
            ("INV-1", "2200", "deferred"),
            ("INV-2", "2210", "contract-liability"),
        ] {
            let line = format!("{reference},invoice,{code},{account},");
            assert!(text.contains(&line), "{line} in\n{text}");
        }
        // What takes the old entry back goes to the same account, under its new name.
        assert!(
            text.contains("INV-1,void,2210,contract-liability,"),
            "{text}"
        );
        sound(at);
        // Another type of account is another account.
        let other = CHART.replace(
            "{ account: tax, code: \"2100\", type: liability,",
            "{ account: levies, code: \"2100\", type: expense, formerly: [{ account: tax }],",
        );
        std::fs::write(dir.join("rules/chart.yaml"), other).unwrap();
        let rules = RULES.replace("credit: tax", "credit: levies");
        std::fs::write(dir.join("rules/rules.yaml"), rules).unwrap();
        let refused = common::tieout(&["-c", at, "post"]);
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            !refused.status.success() && told.contains("of the type liability in the books"),
            "{told}"
        );
    });
}

#[test]
fn who_rewrites_what_was_taken_back_is_found() {
    let dir = folder("taken-back-tampered");
    let _unused: PathBuf = dir.clone();
    expect(0, &["init", dir.to_str().unwrap(), "--pack", "billing"]);
    configure(&dir, |text| text.replace("mappings/billing", "rules"));
    std::fs::create_dir(dir.join("rules")).unwrap();
    std::fs::write(dir.join("rules/chart.yaml"), CHART).unwrap();
    std::fs::write(dir.join("rules/rules.yaml"), RULES).unwrap();
    let at = config(&dir);
    take(
        &dir,
        &at,
        "a.ndjson",
        &[
            invoice("1", "2026-01-15"),
            credit("1", "1", "2026-02-01", 30),
        ],
    );
    sound(&at);
    let keep = std::fs::read(dir.join("tieout.db")).unwrap();
    for (trigger, statement) in [
        ("reversal_no_update", "UPDATE reversal SET part = '0.5'"),
        ("reversal_no_update", "UPDATE reversal SET reverses = 2"),
        ("reversal_no_delete", "DELETE FROM reversal"),
        (
            "account_label_no_update",
            "UPDATE account_label SET code = '9' WHERE name = 'tax'",
        ),
        (
            "account_label_no_delete",
            "DELETE FROM account_label WHERE name = 'tax'",
        ),
        (
            "entry_no_update",
            "UPDATE entry SET event_on = '2026-01-31' WHERE id = 2",
        ),
    ] {
        common::tamper(&dir, trigger, statement);
        let found = expect_json(1, &["-c", &at, "--json", "verify"]);
        let failures = found["failures"].as_array().unwrap();
        // The trigger that is gone is one finding, what was done without it another.
        assert!(failures.len() >= 2, "{statement}: {found}");
        std::fs::write(dir.join("tieout.db"), &keep).unwrap();
    }
    std::fs::remove_dir_all(dir).unwrap();
}
