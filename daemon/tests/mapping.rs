//! A new sender, from its first messages to the lists of daily work: packs, envelopes, samples, what is suspended,
//! what came again otherwise, and what another mapping would change.

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

/// Where a company's books are.
fn on_both(name: &str, test: impl Fn(&str, Option<&str>)) {
    test(&format!("{name}-sqlite"), None);
    let url = database(&name.replace('-', "_"));
    test(&format!("{name}-postgres"), Some(&url));
    drop_database(&url);
}

fn company(name: &str, pack: &str, url: Option<&str>) -> PathBuf {
    let dir = folder(name);
    expect(0, &["init", dir.to_str().unwrap(), "--pack", pack]);
    if let Some(url) = url {
        configure(&dir, |text| text.replace("sqlite:tieout.db", url));
    }
    dir
}

fn put(dir: &Path, name: &str, lines: &[Value]) -> String {
    let path = dir.join(name);
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    let text = lines.join("\n");
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn sample(pack: &str, case: &str) -> Vec<Value> {
    let file = format!(
        "{}/../mappings/packs/{pack}/tests/{case}/event.json",
        env!("CARGO_MANIFEST_DIR")
    );
    match serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap() {
        Value::Array(all) => all,
        one => vec![one],
    }
}

#[test]
fn every_pack_makes_a_company_that_takes_its_senders_own_messages() {
    for (pack, case) in [
        ("billing", "invoice-finalized"),
        ("stripe", "invoice-of-a-subscription"),
        ("lago", "invoice-voided"),
        ("killbill", "amounts-in-text-with-three-digits"),
    ] {
        let dir = company(&format!("pack-{pack}"), pack, None);
        let at = config(&dir);
        expect(0, &["-c", &at, "check"]);
        expect(0, &["-c", &at, "mappings", "test"]);
        put(&dir, "inbox/first.ndjson", &sample(pack, case));
        let done = expect_json(0, &["-c", &at, "--json", "ingest"]);
        assert_eq!(done["posted"], done["received"], "{pack}: {done}");
        // The same through the source by name: nothing is posted twice.
        let file = put(&dir, "again.ndjson", &sample(pack, case));
        let again = expect_json(0, &["-c", &at, "--json", "ingest", "--source", pack, &file]);
        assert_eq!(again["duplicates"], again["received"], "{pack}: {again}");
        std::fs::remove_dir_all(dir).unwrap();
    }
    let dir = folder("pack-of-nobody");
    expect(2, &["init", dir.to_str().unwrap(), "--pack", "nobody"]);
    std::fs::remove_dir_all(dir).unwrap();
}

/// A credit note, with what changes.
fn credit(id: &str, with: &Value) -> Value {
    let mut event = sample("billing", "credit-note-issued").remove(0);
    event["id"] = json!(id);
    event["data"]["credit_note_id"] = json!(format!("CN-{id}"));
    for (name, value) in with.as_object().unwrap() {
        event["data"][name] = value.clone();
    }
    event
}

#[test]
fn what_is_suspended_has_a_list_and_is_found_by_its_number() {
    on_both("suspended", |name, url| {
        let dir = company(name, "billing", url);
        let at = config(&dir);
        let lines = [
            credit("1", &json!({})),
            credit("2", &json!({ "entity": "nobody" })),
            credit("3", &json!({ "entity": "nobody" })),
            credit("4", &json!({ "total": 1 })),
        ];
        put(&dir, "inbox/credits.ndjson", &lines);
        let done = expect_json(0, &["-c", &at, "--json", "ingest"]);
        assert_eq!(
            (&done["posted"], &done["suspended"]),
            (&json!(1), &json!(3))
        );
        let reasons = done["reasons"].as_array().unwrap();
        assert_eq!(reasons[0]["events"], json!(2), "{done}");
        assert!(
            reasons[0]["name"]
                .as_str()
                .unwrap()
                .contains("entity `nobody`")
        );
        let list = expect_json(0, &["-c", &at, "--json", "suspended", "list"]);
        assert_eq!(list["all"], json!(3));
        let third = &list["suspended"][2];
        assert_eq!(
            (&third["id"], &third["rule"]),
            (&json!("4"), &json!("credit-note-issued"))
        );
        for (by, groups) in [
            ("reason", vec![2, 1]),
            ("rule", vec![3]),
            ("type", vec![3]),
            ("entity", vec![2, 1]),
        ] {
            let found = expect_json(0, &["-c", &at, "--json", "suspended", "list", "--by", by]);
            let events: Vec<i64> = found
                .as_array()
                .unwrap()
                .iter()
                .map(|group| group["events"].as_i64().unwrap())
                .collect();
            assert_eq!(events, groups, "by {by}: {found}");
        }
        let number = third["number"].to_string();
        let shown = expect(0, &["-c", &at, "suspended", "show", &number]);
        assert!(
            shown.contains("breaks its promise") && shown.contains("CN-4"),
            "{shown}"
        );
        expect(2, &["-c", &at, "suspended", "show", "1"]);
        let trace = expect(0, &["-c", &at, "trace", "CN-2"]);
        assert!(
            trace.contains("suspended") && trace.contains("nobody"),
            "{trace}"
        );
        // The cure, and all of them again.
        configure(&dir, |text| {
            text.replace(
                "entities:\n",
                "entities:\n  - { entity: nobody, name: Nobody, functional: EUR, zone: UTC, calendar: { monthly: { first_month: 1 } } }\n",
            )
        });
        let retried = expect_json(0, &["-c", &at, "--json", "suspended", "retry"]);
        assert_eq!(
            (&retried["posted"], &retried["suspended"]),
            (&json!(2), &json!(1))
        );
        std::fs::remove_dir_all(dir).unwrap();
    });
}

#[test]
fn what_came_again_otherwise_is_shown_as_a_difference_and_accepted_by_a_person() {
    on_both("conflicts", |name, url| {
        let dir = company(name, "billing", url);
        let at = config(&dir);
        let other = credit("1", &json!({ "total": 99, "net": 99, "tax": 0 }));
        put(
            &dir,
            "inbox/credits.ndjson",
            &[credit("1", &json!({})), other],
        );
        let done = expect_json(0, &["-c", &at, "--json", "ingest"]);
        assert_eq!(done["conflicts"], json!(1));
        let list = expect_json(0, &["-c", &at, "--json", "conflicts", "list"]);
        let paths: Vec<&str> = list[0]["differences"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["path"].as_str().unwrap())
            .collect();
        assert_eq!(paths, ["data.net", "data.tax", "data.total"]);
        let shown = expect(0, &["-c", &at, "conflicts", "show", "1"]);
        assert!(
            shown.contains("data.total") && shown.contains("99"),
            "{shown}"
        );
        let verdict = || {
            let output = common::tieout(&["-c", &at, "verify"]);
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        assert!(verdict().contains("1 event came again with other content"));
        expect(2, &["-c", &at, "conflicts", "accept", "7", "--why", "none"]);
        let accept = [
            "-c",
            &at,
            "--json",
            "conflicts",
            "accept",
            "1",
            "--why",
            "a test resent it",
        ];
        assert_eq!(expect_json(0, &accept)["changed"], json!(true));
        assert_eq!(expect_json(0, &accept)["changed"], json!(false));
        assert_eq!(
            expect_json(0, &["-c", &at, "--json", "conflicts", "list"]),
            json!([])
        );
        let all = expect_json(0, &["-c", &at, "--json", "conflicts", "list", "--all"]);
        assert_eq!(
            (&all[0]["accepted_by"], &all[0]["why"]),
            (&json!("tester"), &json!("a test resent it"))
        );
        assert!(!verdict().contains("came again"));
        let trace = expect(0, &["-c", &at, "trace", "CN-1"]);
        assert!(
            trace.contains("conflict 1") && trace.contains("a test resent it"),
            "{trace}"
        );
        std::fs::remove_dir_all(dir).unwrap();
    });
}

#[test]
fn a_first_rule_and_schema_are_proposed_from_samples() {
    let dir = company("infer", "stripe", None);
    let at = config(&dir);
    let file = put(
        &dir,
        "samples.ndjson",
        &sample("stripe", "charge-succeeded"),
    );
    let out = dir.join("proposed");
    let arguments = [
        "-c",
        &at,
        "--json",
        "mappings",
        "infer",
        &file,
        "-o",
        out.to_str().unwrap(),
    ];
    let done = expect_json(0, &arguments);
    assert_eq!(done[0]["type"], json!("stripe.charge.succeeded"));
    let rule = std::fs::read_to_string(out.join("stripe.charge.succeeded.yaml")).unwrap();
    assert!(
        rule.contains("amount: data.data.object.amount\n")
            || rule.contains("data.data.object.amount"),
        "{rule}"
    );
    let schema = std::fs::read(out.join("schemas/stripe.charge.succeeded.json")).unwrap();
    let schema: Value = serde_json::from_slice(&schema).unwrap();
    assert_eq!(
        schema["properties"]["data"]["properties"]["object"]["properties"]["amount"]["type"],
        json!("number")
    );
    // What is there is not overwritten.
    expect(2, &arguments);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn what_another_mapping_would_change_is_told_before_anybody_activates_it() {
    on_both("diff", |name, url| {
        let dir = company(name, "billing", url);
        let at = config(&dir);
        let lines: Vec<Value> = (1..=5)
            .map(|number| credit(&number.to_string(), &json!({})))
            .chain([credit("6", &json!({ "entity": "nobody" }))])
            .collect();
        put(&dir, "inbox/credits.ndjson", &lines);
        expect(0, &["-c", &at, "ingest"]);
        let same = expect_json(0, &["-c", &at, "--json", "mappings", "diff"]);
        assert_eq!(
            (&same["events"], &same["unchanged"]),
            (&json!(6), &json!(6)),
            "{same}"
        );
        assert_eq!(
            (&same["changes"], &same["effect"]),
            (&json!([]), &json!([]))
        );
        // Another account, and events of no entity are ignored.
        let rules = dir.join("mappings/billing/invoice.yaml");
        let text = std::fs::read_to_string(&rules).unwrap();
        let text = text
            .replace("debit: revenue-credited", "debit: revenue-other")
            .replace(
                "  - rule: credit-note-issued\n    on: billing.credit_note.issued.v1\n    when: data.product != null\n",
                "  - rule: credit-note-of-nobody\n    on: billing.credit_note.issued.v1\n    when: data.product != null and data.entity == 'nobody'\n    ignore: nobody owes it\n  - rule: credit-note-issued\n    on: billing.credit_note.issued.v1\n    when: data.product != null and data.entity != 'nobody'\n",
            );
        std::fs::write(&rules, text).unwrap();
        let before = expect_json(
            0,
            &[
                "-c",
                &at,
                "--json",
                "report",
                "trial-balance",
                "--format",
                "json",
            ],
        );
        let found = expect_json(0, &["-c", &at, "--json", "mappings", "diff"]);
        assert_eq!(found["unchanged"], json!(0), "{found}");
        let changes: Vec<(&str, &str, i64)> = found["changes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|change| {
                (
                    change["now"].as_str().unwrap(),
                    change["then"].as_str().unwrap(),
                    change["events"].as_i64().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            changes,
            [("posted", "posted", 5), ("suspended", "ignored", 1)]
        );
        let accounts: Vec<&str> = found["effect"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["account"].as_str().unwrap())
            .collect();
        assert_eq!(accounts, ["revenue-credited", "revenue-other"]);
        let text = expect(0, &["-c", &at, "mappings", "diff"]);
        assert!(text.contains("5 events, now posted, then posted"), "{text}");
        let after = expect_json(
            0,
            &[
                "-c",
                &at,
                "--json",
                "report",
                "trial-balance",
                "--format",
                "json",
            ],
        );
        assert_eq!(before["tables"], after["tables"], "nothing was written");
        std::fs::remove_dir_all(dir).unwrap();
    });
}

#[test]
fn a_date_that_is_a_slip_is_suspended() {
    let dir = company("dates", "billing", None);
    let at = config(&dir);
    let lines = [
        credit("1", &json!({ "issued_at": "2126-01-15" })),
        credit("2", &json!({ "issued_at": "1926-01-15" })),
        credit("3", &json!({})),
    ];
    put(&dir, "inbox/credits.ndjson", &lines);
    let done = expect_json(0, &["-c", &at, "--json", "ingest"]);
    assert_eq!(
        (&done["posted"], &done["suspended"]),
        (&json!(1), &json!(2))
    );
    let list = expect(0, &["-c", &at, "suspended", "list"]);
    assert!(
        list.contains("days after it came, and 1827 are taken"),
        "{list}"
    );
    assert!(
        list.contains("days before it came, and 3653 are taken"),
        "{list}"
    );
    configure(&dir, |text| {
        text.replace(
            "zone: America/New_York,",
            "zone: America/New_York, dates: { oldest_days: 60000, ahead_days: 60000 },",
        )
        .replace(
            "zone: Europe/Berlin,",
            "zone: Europe/Berlin, dates: { oldest_days: 60000, ahead_days: 60000 },",
        )
    });
    let retried = expect_json(0, &["-c", &at, "--json", "post"]);
    assert_eq!(retried["posted"], json!(2), "{retried}");
    std::fs::remove_dir_all(dir).unwrap();
}
