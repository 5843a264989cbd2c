//! What comes in that should not, or in another form than expected: each has its one outcome, in the same
//! words on both databases, and keeps nothing else out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

mod common;

use common::{
    config, configure, database, drop_database, expect, expect_json, folder, tamper, tieout,
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn company(name: &str) -> PathBuf {
    let dir = folder(name);
    expect(0, &["init", dir.to_str().unwrap()]);
    dir
}

fn on_postgres(dir: &Path, name: &str) -> String {
    let url = database(name);
    configure(dir, |text| text.replace("sqlite:tieout.db", &url));
    url
}

/// A payment, as text, so that digits stay as they are written.
fn payment(id: &str, amount: &str) -> String {
    json!({
        "specversion": "1.0", "id": id, "source": "//tests", "type": "billing.payment.succeeded.v1",
        "time": "2026-01-15T10:00:00Z",
        "data": {
            "entity": "eu", "customer_id": "C-1", "currency": "EUR", "amount": "AMOUNT", "processor": "stripe",
            "processor_reference": format!("ch_{id}"), "succeeded_at": "2026-01-15T10:00:00Z"
        }
    })
    .to_string()
    .replace("\"AMOUNT\"", amount)
}

fn invoice(id: &str, total: i64, amounts: &[i64]) -> String {
    let lines: Vec<Value> = amounts
        .iter()
        .map(|amount| {
            json!({
                "line_id": "L", "product": "access", "amount": amount,
                "period_start": "2026-01-15", "period_end": "2026-02-14"
            })
        })
        .collect();
    json!({
        "specversion": "1.0", "id": id, "source": "//tests", "type": "billing.invoice.finalized.v1",
        "time": "2026-01-15T10:00:00Z",
        "data": {
            "entity": "eu", "finalized_at": "2026-01-15T10:00:00Z", "invoice_id": id, "currency": "EUR", "total": total,
            "usage": 0, "tax": 0, "region": "emea", "customer_id": "C-1", "lines": lines
        }
    })
    .to_string()
}

fn written(dir: &Path, name: &str, text: impl AsRef<[u8]>) -> String {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn ingest(dir: &Path, code: i32, file: &str) -> Value {
    expect_json(code, &["-c", &config(dir), "--json", "ingest", file])
}

fn counts(told: &Value) -> [i64; 6] {
    [
        "received",
        "posted",
        "ignored",
        "suspended",
        "duplicates",
        "quarantined",
    ]
    .map(|name| told[name].as_i64().unwrap())
}

fn reasons(dir: &Path) -> Vec<String> {
    let listed = expect_json(0, &["-c", &config(dir), "--json", "quarantine", "list"]);
    let items = listed.as_array().unwrap().iter();
    items
        .map(|item| item["reason"].as_str().unwrap().to_owned())
        .collect()
}

fn odd_texts(dir: &Path) {
    let good = payment("good", "10");
    let lines = [
        good.clone(),
        good.replace("ch_good", "ch_\\u0000")
            .replace("\"good\"", "\"null\""),
        good.replace("ch_good", "one\\nline")
            .replace("\"good\"", "\"broken\""),
        good.replace("C-1", "\\u001b[2J")
            .replace("\"good\"", "\"escape\""),
        good.replace("ch_good", &"x".repeat(5_000))
            .replace("\"good\"", "\"long\""),
        good.replace("\"good\"", "\"a\\u0000\""),
        good.replace("//tests", &"s".repeat(3_000)),
        good.replace("billing.payment", &"t".repeat(3_000)),
        good.replace("\"id\":", "\"id\":\"other\",\"id\":"),
        payment("last", "20"),
    ];
    let file = written(dir, "odd.ndjson", lines.join("\n"));
    let told = ingest(dir, 0, &file);
    assert_eq!(counts(&told), [10, 3, 0, 3, 0, 4], "{told}");
    let found = reasons(dir);
    let wanted = [
        "`id` holds the control character U+0000 at byte 1",
        "`source` has 3000 bytes; at most 1024 are taken",
        "`type` has 3013 bytes; at most 512 are taken",
        "`id` is there twice",
    ];
    for (found, wanted) in found.iter().zip(wanted) {
        assert!(found.starts_with(wanted), "{found}");
    }
    for (id, wanted) in [
        ("null", "the reference holds the control character U+0000"),
        (
            "escape",
            "dimension `customer` holds the control character U+001B",
        ),
        ("long", "the reference has 5000 bytes"),
    ] {
        let trace = expect(0, &["-c", &config(dir), "trace", id]);
        assert!(trace.contains(wanted), "{id}: {trace}");
    }
    expect(0, &["-c", &config(dir), "verify"]);
}

#[test]
fn odd_texts_have_one_outcome_on_sqlite() {
    odd_texts(&company("odd-sqlite"));
}

#[test]
fn odd_texts_have_one_outcome_on_postgres() {
    let dir = company("odd-postgres");
    let url = on_postgres(&dir, "odd_texts");
    odd_texts(&dir);
    drop_database(&url);
}

#[test]
fn one_number_in_other_digits_is_the_same_event_also_in_books_from_before() {
    let dir = company("digits");
    let first = payment("p", "120.50");
    let file = written(&dir, "first.ndjson", &first);
    assert_eq!(counts(&ingest(&dir, 0, &file)), [1, 1, 0, 0, 0, 0]);
    let again = |name: &str, amount: &str| {
        let text = payment("p", amount).replace("\"id\"", "\"traceparent\":\"00-1\",\"id\"");
        ingest(&dir, 0, &written(&dir, name, text))
    };
    assert_eq!(again("a.ndjson", "120.5")["duplicates"], 1);
    assert_eq!(again("b.ndjson", "1.205e2")["duplicates"], 1);
    assert_eq!(again("c.ndjson", "120.51")["conflicts"], 1);
    // As the former version left it.
    let event = mappings::Event::parse(first.as_bytes()).unwrap();
    let former = event.content_hash_of(1).unwrap();
    let statement = format!("UPDATE event SET content_version = 1, content_hash = x'{former}'");
    tamper(&dir, "event_no_update", &statement);
    assert_eq!(again("d.ndjson", "120.500")["duplicates"], 1);
    assert_eq!(again("e.ndjson", "120.50")["duplicates"], 1);
    assert_eq!(again("f.ndjson", "120.49")["conflicts"], 1);
    let found = expect(0, &["-c", &config(&dir), "--json", "ingest", &file]);
    assert!(found.contains("\"received\""), "{found}");
}

#[test]
fn an_invoice_of_nothing_has_no_effect_and_says_so() {
    let dir = company("nothing");
    let lines = [
        invoice("free", 0, &[0]),
        invoice("given-away", 0, &[50, -50]),
        invoice("empty", 0, &[]),
        invoice("partly", 10, &[10, 0]),
    ];
    let file = written(&dir, "events.ndjson", lines.join("\n"));
    assert_eq!(counts(&ingest(&dir, 0, &file)), [4, 2, 2, 0, 0, 0]);
    for id in ["free", "empty"] {
        let trace = expect(0, &["-c", &config(&dir), "trace", id]);
        let wanted = "no accounting effect: every amount is zero";
        assert!(trace.contains(wanted), "{id}: {trace}");
    }
    let journal = expect(
        0,
        &[
            "-c",
            &config(&dir),
            "report",
            "journal-register",
            "--format",
            "csv",
        ],
    );
    assert!(
        journal.contains("partly") && !journal.contains(",0.00,EUR"),
        "{journal}"
    );
    expect(0, &["-c", &config(&dir), "verify"]);
}

#[test]
fn an_event_at_which_the_mapping_breaks_off_waits_and_the_others_go_on() {
    let dir = company("breaks-off");
    let lines: Vec<String> = (0..1_200)
        .map(|number| payment(&format!("p{number}"), "1"))
        .collect();
    let file = written(&dir, "events.ndjson", lines.join("\n"));
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_tieout"))
        .args(["-c", &config(&dir), "--json", "ingest", &file])
        .env("TIEOUT_FAULT", "panic:p700")
        .output()
        .unwrap();
    let told: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(counts(&told), [1_200, 1_199, 0, 1, 0, 0], "{told}");
    let trace = expect(0, &["-c", &config(&dir), "trace", "p700"]);
    let wanted = "the mapping broke off here: a test asked for it";
    assert!(trace.contains(wanted), "{trace}");
    let told = expect_json(0, &["-c", &config(&dir), "--json", "post"]);
    assert_eq!(told["posted"], 1, "{told}");
}

#[test]
fn what_is_no_regular_file_is_refused_by_name_and_the_others_are_taken() {
    let dir = company("odd-files");
    let inbox = dir.join("inbox");
    std::fs::create_dir_all(&inbox).unwrap();
    written(&dir, "secret.key", "a private key\n");
    written(&inbox, "a.ndjson", payment("a", "1"));
    written(&inbox, "z.ndjson", payment("z", "1"));
    let link = |to: &Path, name: &str| std::os::unix::fs::symlink(to, inbox.join(name)).unwrap();
    link(&dir.join("secret.key"), "b.ndjson");
    link(&dir.join("nowhere"), "c.ndjson");
    link(Path::new("/dev/zero"), "d.ndjson");
    let made = std::process::Command::new("mkfifo")
        .arg(inbox.join("e.ndjson"))
        .status();
    assert!(made.unwrap().success());
    std::fs::create_dir(inbox.join("folder.ndjson")).unwrap();
    // A folder that is none does not keep the other out.
    configure(&dir, |text| {
        let other = "sources:\n  another: { file: { folder: secret.key } }";
        text.replacen("sources:", other, 1)
    });
    let told = expect_json(1, &["-c", &config(&dir), "--json", "ingest"]);
    assert_eq!(counts(&told), [2, 2, 0, 0, 0, 0], "{told}");
    let refused: Vec<&str> = told["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap())
        .collect();
    let wanted = [
        ("secret.key: the folder cannot be read", "secret.key"),
        ("b.ndjson", "it is a symbolic link"),
        ("c.ndjson", "it is a symbolic link"),
        ("d.ndjson", "it is a symbolic link"),
        ("e.ndjson", "it is a pipe"),
    ];
    assert_eq!(refused.len(), wanted.len(), "{refused:?}");
    for (found, (name, what)) in refused.iter().zip(wanted) {
        assert!(found.contains(name) && found.contains(what), "{found}");
    }
    let named = inbox.join("b.ndjson");
    let told = ingest(&dir, 1, named.to_str().unwrap());
    let refused = told["refused"][0].as_str().unwrap();
    assert!(refused.contains("name it by its own path"), "{refused}");
    // Settlement files are opened in the same way.
    let settlements = dir.join("settlements");
    std::fs::create_dir_all(&settlements).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(settlements.join("report.csv"))
        .status();
    assert!(made.unwrap().success());
    let told = tieout(&["-c", &config(&dir), "--json", "settle"]);
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("it is a pipe"), "{told}");
}

#[test]
fn files_in_other_encodings_are_read() {
    let dir = company("encodings");
    let text = format!("{}\r\n{}\r\n", payment("é", "1"), payment("€", "2"));
    let utf16: Vec<u8> = std::iter::once(0xfeff)
        .chain(text.replace("\"€\"", "\"€2\"").encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let marked = format!("\u{feff}{text}");
    assert_eq!(
        counts(&ingest(&dir, 0, &written(&dir, "marked.ndjson", marked))),
        [2, 2, 0, 0, 0, 0]
    );
    assert_eq!(
        counts(&ingest(&dir, 0, &written(&dir, "wide.ndjson", utf16))),
        [2, 1, 0, 0, 1, 0]
    );
    configure(&dir, |text| {
        text.replace(
            "{ folder: inbox }",
            "{ folder: inbox, encoding: windows-1252 }",
        )
    });
    let inbox = dir.join("inbox");
    std::fs::create_dir_all(&inbox).unwrap();
    let mut narrow = payment("NAME", "1").into_bytes();
    let at = narrow.windows(4).position(|name| name == b"NAME").unwrap();
    narrow[at] = 0x80;
    written(&inbox, "narrow.ndjson", narrow);
    let told = expect_json(0, &["-c", &config(&dir), "--json", "ingest"]);
    assert_eq!(counts(&told), [1, 1, 0, 0, 0, 0], "{told}");
    expect(0, &["-c", &config(&dir), "trace", "ch_€AME"]);
}
