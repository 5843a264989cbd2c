//! What an outsider checks: seals, bundles, proofs, and the numbers of documents.

#![allow(
    clippy::unwrap_used,
    clippy::too_many_lines,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

mod common;

use common::{config, demo, expect, expect_json, tieout};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A month that is closed and sealed for one entity, and its bundle.
fn sealed(name: &str) -> (PathBuf, PathBuf) {
    let dir = demo(name, "2500", "7");
    expect(
        0,
        &["-c", &config(&dir), "period", "close", "eu", "2026-01"],
    );
    let bundle = dir.join("evidence.ndjson");
    let file = bundle.to_str().unwrap();
    expect(
        0,
        &[
            "-c",
            &config(&dir),
            "evidence",
            "export",
            "2026-01",
            "--output",
            file,
        ],
    );
    (dir, bundle)
}

fn verify(bundle: &Path) -> (Option<i32>, Value) {
    let output = tieout(&["--json", "evidence", "verify", bundle.to_str().unwrap()]);
    let found = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code(), found)
}

/// The lines of a bundle, changed.
fn changed(bundle: &Path, change: impl FnOnce(&mut Vec<Value>)) -> PathBuf {
    let text = std::fs::read_to_string(bundle).unwrap();
    let mut lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    change(&mut lines);
    let path = bundle.with_extension("changed");
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    let text = lines.join("\n") + "\n";
    std::fs::write(&path, text).unwrap();
    path
}

fn entries(lines: &[Value]) -> Vec<usize> {
    (0..lines.len())
        .filter(|at| lines[*at]["is"] == "entry")
        .collect()
}

#[test]
fn a_bundle_holds_by_itself_and_names_the_first_bad_batch() {
    let (dir, bundle) = sealed("evidence");
    let (code, found) = verify(&bundle);
    assert_eq!(code, Some(0), "{found}");
    assert!(found["entries"].as_i64().unwrap() > 50, "{found}");
    assert_eq!(found["failures"], serde_json::json!([]));

    type Change = fn(&mut Vec<Value>);
    let tamperings: [(&str, Change); 5] = [
        ("an amount", |lines| {
            let at = entries(lines)[10];
            for line in lines[at]["lines"]
                .as_array_mut()
                .unwrap()
                .iter_mut()
                .take(2)
            {
                line["amount"] = (line["amount"].as_i64().unwrap() + 1).into();
            }
        }),
        ("a deleted entry", |lines| {
            let at = entries(lines)[10];
            lines.remove(at);
        }),
        ("a swapped pair", |lines| {
            let (one, two) = (entries(lines)[10], entries(lines)[11]);
            lines.swap(one, two);
        }),
        ("a cut tail", |lines| {
            let last = lines
                .iter()
                .rposition(|line| line["is"] == "batch")
                .unwrap();
            lines.truncate(last);
        }),
        ("two leaves in each other's place", |lines| {
            let at = lines
                .iter()
                .position(|line| line["leaves"][1].is_string())
                .unwrap();
            let (one, two) = (
                lines[at]["leaves"][0].clone(),
                lines[at]["leaves"][1].clone(),
            );
            lines[at]["leaves"][0] = two;
            lines[at]["leaves"][1] = one;
        }),
    ];
    for (what, change) in tamperings {
        let mut expected = None;
        let path = changed(&bundle, |lines| {
            let before = lines.clone();
            change(lines);
            let first = (0..before.len())
                .find(|at| lines.get(*at) != before.get(*at))
                .unwrap();
            expected = before[first]["batch"].as_i64();
        });
        let (code, found) = verify(&path);
        assert_eq!(code, Some(1), "{what}: {found}");
        assert_eq!(
            found["first_bad_batch"].as_i64(),
            expected,
            "{what}: {found}"
        );
    }

    // Another statement under the same signature is no statement.
    let path = changed(&bundle, |lines| {
        let text = lines[1]["statement"]
            .as_str()
            .unwrap()
            .replace("\"sealed_by\":\"tester\"", "\"sealed_by\":\"nobody\"");
        lines[1]["statement"] = text.into();
    });
    assert_eq!(verify(&path).0, Some(2));
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_proof_shows_one_entry_under_the_seal_and_no_other() {
    let (dir, bundle) = sealed("proof");
    let proof = dir.join("proof.json");
    let (bundle, file) = (bundle.to_str().unwrap(), proof.to_str().unwrap());
    expect(
        0,
        &[
            "-c",
            &config(&dir),
            "evidence",
            "prove",
            "17",
            "--output",
            file,
        ],
    );
    expect(0, &["evidence", "verify", bundle, "--proof", file]);
    let text = std::fs::read_to_string(&proof).unwrap();
    let mut value: Value = serde_json::from_str(&text).unwrap();
    value["entry"]["reference"] = "another".into();
    std::fs::write(&proof, value.to_string()).unwrap();
    expect(1, &["evidence", "verify", bundle, "--proof", file]);
    std::fs::remove_dir_all(dir).unwrap();
}

/// The signature is Ed25519 as others know it.
#[test]
fn openssl_accepts_the_seal() {
    let (dir, bundle) = sealed("openssl");
    let text = std::fs::read_to_string(&bundle).unwrap();
    let seal: Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    let bytes = |name: &str| -> Vec<u8> {
        let text = seal[name].as_str().unwrap();
        (0..text.len() / 2)
            .map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).unwrap())
            .collect()
    };
    // An Ed25519 key as SubjectPublicKeyInfo: RFC 8410, section 4.
    let mut key = vec![
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
    ];
    key.extend(bytes("public_key"));
    std::fs::write(dir.join("key.der"), key).unwrap();
    std::fs::write(dir.join("signature"), bytes("signature")).unwrap();
    std::fs::write(dir.join("statement"), seal["statement"].as_str().unwrap()).unwrap();
    let openssl = || {
        let arguments = "pkeyutl -verify -rawin -pubin -keyform DER -inkey key.der -sigfile signature -in statement";
        Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(&dir)
            .output()
            .unwrap()
    };
    let found = openssl();
    assert!(
        found.status.success(),
        "{}",
        String::from_utf8_lossy(&found.stderr)
    );
    std::fs::write(dir.join("statement"), "{}").unwrap();
    assert!(!openssl().status.success());
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn closing_without_a_key_says_how_to_get_one_and_closes_nothing() {
    let dir = demo("keyless", "2500", "7");
    common::configure(&dir, |text| {
        text.replace("seal: { key: { file: seal-key.pem } }", "")
    });
    let output = tieout(&["-c", &config(&dir), "period", "close", "eu", "2026-01"]);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("tieout evidence key seal-key.pem"), "{told}");
    let periods = expect_json(0, &["-c", &config(&dir), "--json", "period", "list"]);
    assert!(
        periods
            .as_array()
            .unwrap()
            .iter()
            .all(|row| row["state"] == "open")
    );
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn what_is_no_event_can_be_read_again_or_discarded() {
    let dir = demo("quarantine", "2500", "7");
    let config = config(&dir);
    let list = || expect_json(0, &["-c", &config, "--json", "quarantine", "list"]);
    let items = list();
    assert_eq!(items.as_array().unwrap().len(), 4);
    assert!(items[0]["position"].is_i64() && !items[0]["raw"].as_str().unwrap().is_empty());
    let first = items[0]["number"].to_string();
    // Still no event: it stays.
    expect(1, &["-c", &config, "quarantine", "replay", &first]);
    expect(
        0,
        &[
            "-c",
            &config,
            "quarantine",
            "discard",
            &first,
            "--why",
            "cut off by the sender",
        ],
    );
    assert_eq!(list().as_array().unwrap().len(), 3);
    let shown = expect(0, &["-c", &config, "quarantine", "show", &first]);
    assert!(
        shown.contains("discarded by tester: cut off by the sender"),
        "{shown}"
    );
    expect(
        1,
        &[
            "-c",
            &config,
            "quarantine",
            "discard",
            &first,
            "--why",
            "again",
        ],
    );
    expect(0, &["-c", &config, "verify"]);
    std::fs::remove_dir_all(dir).unwrap();
}
