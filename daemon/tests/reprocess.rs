//! Reprocessing: the difference between what stands and what the mapping in force says, posted once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

mod common;

use common::{config, database, demo, expect, expect_json, folder};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn amount(text: &str) -> Value {
    Value::Number(text.parse().unwrap())
}

fn credit_note(id: usize, day: &str) -> Value {
    json!({
        "specversion": "1.0", "id": format!("cn-{id}"), "source": "//tests", "type": "billing.credit_note.issued.v1",
        "time": format!("{day}T10:00:00Z"),
        "data": { "credit_note_id": format!("CN-{id}"), "entity": "eu", "customer_id": "C-1", "issued_at": format!("{day}T10:00:00Z"),
            "currency": "EUR", "region": "DE", "product": "access", "net": amount("100.00"), "tax": amount("19.00"), "total": amount("119.00") }
    })
}

/// A payment, one that failed, and five credit notes: three in January, two in February.
fn company(name: &str, url: Option<&str>) -> (PathBuf, String) {
    let dir = folder(name);
    expect(0, &["init", dir.to_str().unwrap()]);
    if let Some(url) = url {
        common::configure(&dir, |text| text.replace("sqlite:tieout.db", url));
    }
    let mut events = vec![
        json!({
            "specversion": "1.0", "id": "p-1", "source": "//tests", "type": "billing.payment.succeeded.v1", "time": "2026-01-15T10:00:00Z",
            "data": { "entity": "eu", "customer_id": "C-1", "currency": "EUR", "amount": amount("119.00"), "processor": "stripe",
                "processor_reference": "ch_1", "succeeded_at": "2026-01-15T10:00:00Z" }
        }),
        json!({
            "specversion": "1.0", "id": "f-1", "source": "//tests", "type": "billing.payment.failed.v1", "time": "2026-01-16T10:00:00Z",
            "data": { "entity": "eu", "customer_id": "C-1", "currency": "EUR", "amount": amount("5.00"), "failed_at": "2026-01-16T10:00:00Z" }
        }),
    ];
    let days = [
        "2026-01-05",
        "2026-01-06",
        "2026-01-31",
        "2026-02-01",
        "2026-02-27",
    ];
    events.extend(
        days.iter()
            .enumerate()
            .map(|(id, day)| credit_note(id, day)),
    );
    let lines: Vec<String> = events.iter().map(Value::to_string).collect();
    let text = lines.join("\n");
    std::fs::write(dir.join("inbox/a.ndjson"), text).unwrap();
    let config = config(&dir);
    expect(0, &["-c", &config, "ingest"]);
    (dir, config)
}

/// Another version of the rules.
fn change(dir: &Path, file: &str, from: &str, to: &str) {
    let path = dir.join("mappings/billing").join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from));
    std::fs::write(path, text.replace(from, to)).unwrap();
}

fn balances(config: &str) -> Value {
    expect_json(
        0,
        &["-c", config, "report", "trial-balance", "--format", "json"],
    )["tables"]
        .take()
}

fn effect(done: &Value) -> Vec<(String, String, i64)> {
    let rows = done["effect"].as_array().unwrap().iter();
    rows.map(|row| {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        let net = row["debit"].as_i64().unwrap() - row["credit"].as_i64().unwrap();
        (text("period"), text("account"), net)
    })
    .collect()
}

const JANUARY: [&str; 5] = ["reprocess", "--from", "2026-01-01", "--to", "2026-01-31"];

fn reprocess(config: &str, more: &[&str]) -> Value {
    let mut arguments = vec!["-c", config, "--json"];
    arguments.extend(JANUARY);
    arguments.extend(more);
    expect_json(0, &arguments)
}

const POST: [&str; 3] = ["--post", "--why", "credit notes belong to other revenue"];

fn only_the_difference_is_posted(name: &str, url: Option<&str>) {
    let (dir, config) = company(name, url);
    // A version that says the same of every event changes nothing.
    change(
        &dir,
        "invoice.yaml",
        "rule: credit-note-issued",
        "rule: credit-note",
    );
    let same = reprocess(&config, &POST);
    assert_eq!(
        (&same["unchanged"], &same["corrected"]),
        (&json!(4), &json!(0))
    );
    change(
        &dir,
        "invoice.yaml",
        "debit: revenue-credited",
        "debit: revenue-other",
    );
    let before = balances(&config);
    let dry = reprocess(&config, &[]);
    assert_eq!(
        (&dry["posted"], &dry["reversals"], &dry["entries"]),
        (&json!(false), &json!(3), &json!(3))
    );
    assert_eq!(balances(&config), before, "a dry run writes nothing");
    let done = reprocess(&config, &POST);
    assert_eq!(
        done["effect"], dry["effect"],
        "the dry run tells what is then done"
    );
    let wanted = [("revenue-credited", -30_000), ("revenue-other", 30_000)];
    let wanted = wanted.map(|(account, net)| ("2026-01".to_owned(), account.to_owned(), net));
    assert_eq!(effect(&done), wanted);
    assert_eq!(
        (&done["events"], &done["unchanged"]),
        (&json!(4), &json!(1)),
        "the payment is as it was"
    );
    let again = reprocess(&config, &POST);
    assert_eq!(
        (&again["unchanged"], &again["corrected"]),
        (&json!(4), &json!(0)),
        "{again}"
    );
    corrections_are_corrected(&dir, &config, &before);
    let verify = expect_json(0, &["-c", &config, "--json", "verify"]);
    assert_eq!(verify["entries"], 6 + 12);
    std::fs::remove_dir_all(dir).unwrap();
}

/// Back to the first version: the corrections themselves are corrected.
fn corrections_are_corrected(dir: &Path, config: &str, before: &Value) {
    change(
        dir,
        "invoice.yaml",
        "debit: revenue-other",
        "debit: revenue-credited",
    );
    let back = reprocess(config, &POST);
    assert_eq!(
        (&back["reversals"], &back["entries"]),
        (&json!(3), &json!(3))
    );
    let nets = |tables: &Value| -> Vec<String> {
        let rows = tables
            .as_object()
            .unwrap()
            .values()
            .flat_map(|rows| rows.as_array().unwrap());
        rows.filter(|row| row.get("account").is_some())
            .map(|row| format!("{} {}", row["account"], row["balance"]))
            .collect()
    };
    assert_eq!(
        nets(&balances(config)).len(),
        nets(before).len() + 1,
        "one account has been touched and is empty"
    );
}

#[test]
fn a_correction_that_takes_back_another_entry_is_found() {
    let (dir, config) = company("reprocess-tampered", None);
    change(
        &dir,
        "invoice.yaml",
        "debit: revenue-credited",
        "debit: revenue-other",
    );
    reprocess(&config, &POST);
    expect(0, &["-c", &config, "verify"]);
    let statement = "UPDATE correction SET reverses = 1 WHERE entry_id = (SELECT MIN(entry_id) FROM correction)";
    common::tamper(&dir, "correction_no_update", statement);
    let told = expect(1, &["-c", &config, "verify"]);
    assert!(told.contains("should take back entry 1"), "{told}");
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn only_the_difference_is_posted_on_sqlite() {
    only_the_difference_is_posted("reprocess-sqlite", None);
}

#[test]
fn only_the_difference_is_posted_on_postgres() {
    let url = database("reprocess");
    only_the_difference_is_posted("reprocess-postgres", Some(&url));
    common::drop_database(&url);
}

#[test]
fn a_closed_period_is_corrected_in_the_next_open_one() {
    let (dir, config) = company("reprocess-closed", None);
    expect(0, &["-c", &config, "period", "close", "eu", "2026-01"]);
    change(
        &dir,
        "invoice.yaml",
        "debit: revenue-credited",
        "debit: revenue-other",
    );
    let done = reprocess(&config, &POST);
    let wanted = [("revenue-credited", -30_000), ("revenue-other", 30_000)];
    let wanted = wanted.map(|(account, net)| ("2026-02".to_owned(), account.to_owned(), net));
    assert_eq!(effect(&done), wanted, "all of it on the first of February");
    let again = reprocess(&config, &POST);
    assert_eq!(
        (&again["unchanged"], &again["corrected"]),
        (&json!(4), &json!(0)),
        "{again}"
    );
    expect(0, &["-c", &config, "verify"]);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn what_was_ignored_is_posted_and_what_was_posted_ignored() {
    let (dir, config) = company("reprocess-ignored", None);
    change(
        &dir,
        "payment.yaml",
        "  - rule: payment-failed\n    on: billing.payment.failed.v1\n    ignore: nothing moved\n",
        "  - rule: payment-failed\n    on: billing.payment.failed.v1\n    entity: data.entity\n    date: data.failed_at\n    reference: id\n    currency: data.currency\n    lines:\n      - { debit: psp-fees, amount: data.amount }\n      - { credit: psp-clearing, amount: data.amount }\n",
    );
    let done = reprocess(&config, &POST);
    assert_eq!(
        (&done["corrected"], &done["reversals"], &done["entries"]),
        (&json!(1), &json!(0), &json!(1))
    );
    let control = expect_json(0, &["-c", &config, "report", "control", "--format", "json"]);
    let row = &control["tables"]["intake"][0];
    assert_eq!(
        (&row["posted"], &row["ignored"], &row["difference"]),
        (&json!(7), &json!(0), &json!(0))
    );
    let path = dir.join("mappings/billing/payment.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let at = text.find("  - rule: payment-failed").unwrap();
    let end = at + text[at..].find("\n\n").unwrap();
    let ignored =
        "  - rule: payment-failed\n    on: billing.payment.failed.v1\n    ignore: nothing moved";
    std::fs::write(&path, format!("{}{ignored}{}", &text[..at], &text[end..])).unwrap();
    let done = reprocess(&config, &POST);
    assert_eq!(
        (&done["reversals"], &done["entries"]),
        (&json!(1), &json!(0)),
        "{done}"
    );
    expect(0, &["-c", &config, "verify"]);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn what_is_reconciled_is_left_and_named() {
    let dir = demo("reprocess-demo", "2000", "5");
    let config = config(&dir);
    change(
        &dir,
        "payment.yaml",
        "        dimensions: { processor: data.processor }\n      - credit: accounts-receivable",
        "      - credit: accounts-receivable",
    );
    let mut arguments = vec!["-c", &config, "--json"];
    arguments.extend(["reprocess", "--from", "2025-12-01", "--to", "2026-02-28"]);
    arguments.extend(POST);
    let done = expect_json(1, &arguments);
    let left = done["left"].as_array().unwrap();
    assert!(
        left.iter().any(|left| left
            .as_str()
            .unwrap()
            .contains("is matched in a reconciliation")),
        "{left:?}"
    );
    assert!(
        done["corrected"].as_i64().unwrap() > 0,
        "payments that nobody matched yet are corrected: {done}"
    );
    for summary in expect_json(0, &["-c", &config, "--json", "reconcile"])
        .as_array()
        .unwrap()
    {
        assert_eq!(summary["matches"], 0, "corrections bring no new match");
    }
    expect(0, &["-c", &config, "verify"]);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_change_of_the_mapping_posts_what_waited_when_intake_begins() {
    let (dir, config) = company("reprocess-waits", None);
    let event = json!({
        "specversion": "1.0", "id": "new-1", "source": "//tests", "type": "billing.setup.charged.v1", "time": "2026-01-20T10:00:00Z",
        "data": { "entity": "eu", "currency": "EUR", "amount": amount("50.00") }
    });
    std::fs::write(dir.join("inbox/b.ndjson"), event.to_string()).unwrap();
    let first = expect_json(0, &["-c", &config, "--json", "ingest"]);
    assert_eq!(first["suspended"], 1);
    let rule = "rules:\n  - rule: setup-charged\n    on: billing.setup.charged.v1\n    entity: data.entity\n    reference: id\n    currency: data.currency\n    lines:\n      - { debit: accounts-receivable, amount: data.amount }\n      - { credit: revenue-other, amount: data.amount }\n";
    std::fs::write(dir.join("mappings/billing/setup.yaml"), rule).unwrap();
    expect(0, &["-c", &config, "ingest"]);
    let verify = expect_json(0, &["-c", &config, "--json", "verify"]);
    assert_eq!(
        (&verify["entries"], &verify["events"]),
        (&json!(7), &json!(8))
    );
    std::fs::remove_dir_all(dir).unwrap();
}
