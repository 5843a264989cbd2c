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
    assert_eq!(verify(&path).0, Some(1));
    std::fs::remove_dir_all(dir).unwrap();
}

/// Where a line of a kind stands first.
fn first(lines: &[Value], kind: &str) -> usize {
    lines.iter().position(|line| line["is"] == kind).unwrap()
}

/// An entry of the same entity in another month, and where the last of this month's stands, in the same batch.
fn of_another_month(dir: &Path, lines: &[Value]) -> (usize, Value) {
    let place = *entries(lines).last().unwrap();
    let last = lines[place]["entry"].as_i64().unwrap();
    // Only what is sealed is proved, so the other months are closed in a copy.
    let copy = dir.with_extension("later");
    let copied = Command::new("cp").arg("-r").arg(dir).arg(&copy).status();
    assert!(copied.unwrap().success());
    let periods = expect_json(0, &["-c", &config(&copy), "--json", "period", "list"]);
    for period in periods.as_array().unwrap() {
        if period["entity"] == "eu" && period["state"] == "open" {
            let code = period["code"].as_str().unwrap();
            expect(0, &["-c", &config(&copy), "period", "close", "eu", code]);
        }
    }
    let entry = |number: i64| {
        let number = number.to_string();
        let output = tieout(&["-c", &config(&copy), "evidence", "prove", &number]);
        let proof: Value = serde_json::from_slice(&output.stdout).ok()?;
        Some(proof["entry"].clone())
    };
    let other = (last + 1..last + 20).filter_map(entry).find(|entry| {
        let date = entry["date"].as_str().unwrap();
        entry["entity"] == "eu" && !date.starts_with("2026-01")
    });
    std::fs::remove_dir_all(&copy).unwrap();
    (place, other.unwrap())
}

/// Bundles that somebody wrote anew: a table, each with the words that the verifier finds it with. None makes
/// it break off, and what stands in the file is never a mistake of whoever checks it.
#[test]
fn every_change_of_a_bundle_is_found_and_named() {
    type Change = fn(&Path, &mut Vec<Value>);
    let (dir, bundle) = sealed("bundles");
    let changes: [(&str, Change, &str); 19] = [
        (
            "a document's number",
            |_, lines| {
                let at = entries(lines)[3];
                lines[at]["document"] = "eu-2026-999999".into();
            },
            "the document numbers are not those that were sealed",
        ),
        (
            "two documents swapped",
            |_, lines| {
                let (one, two) = (entries(lines)[3], entries(lines)[4]);
                let number = lines[one]["document"].clone();
                lines[one]["document"] = lines[two]["document"].clone();
                lines[two]["document"] = number;
            },
            "the document numbers are not those that were sealed",
        ),
        (
            "a document of another series",
            |_, lines| {
                let at = entries(lines)[3];
                lines[at]["document"] = "us-2026-000003".into();
            },
            "is no document of `eu` in 2026",
        ),
        (
            "an entry without a number",
            |_, lines| {
                let at = entries(lines)[3];
                lines[at]["document"] = "".into();
            },
            "it has no document number",
        ),
        (
            "an entry of another month under this month's number",
            |dir, lines| {
                let (at, mut other) = of_another_month(dir, lines);
                other["is"] = "entry".into();
                other["document"] = lines[at]["document"].clone();
                lines[at] = other;
            },
            "2026-01 runs from 2026-01-01 to 2026-01-31",
        ),
        (
            "an absurd count of entries",
            |_, lines| {
                let at = first(lines, "batch");
                lines[at]["entries"] = i64::MAX.into();
            },
            "batch 1",
        ),
        (
            "an absurd first entry",
            |_, lines| {
                let at = first(lines, "batch");
                lines[at]["first_entry"] = i64::MAX.into();
            },
            "batch 1",
        ),
        (
            "less than no entries",
            |_, lines| {
                let at = first(lines, "batch");
                lines[at]["entries"] = i64::MIN.into();
            },
            "it cannot hold",
        ),
        (
            "an absurd entry",
            |_, lines| {
                let at = entries(lines)[3];
                lines[at]["entry"] = i64::MIN.into();
            },
            "it stands out of order",
        ),
        (
            "an absurd amount",
            |_, lines| {
                let at = entries(lines)[3];
                lines[at]["lines"][0]["amount"] = i64::MIN.into();
            },
            "entry",
        ),
        (
            "a hash that is none",
            |_, lines| {
                let at = first(lines, "batch");
                lines[at]["root"] = "zz".into();
            },
            "`zz` is no hash",
        ),
        (
            "no seal",
            |_, lines| drop(lines.remove(1)),
            "the bundle holds no seal that counts",
        ),
        (
            "two seals",
            |_, lines| lines.insert(1, lines[1].clone()),
            "a second seal",
        ),
        (
            "a signature that is none",
            |_, lines| lines[1]["signature"] = "00".into(),
            "the seal's signature does not fit",
        ),
        (
            "no first line",
            |_, lines| drop(lines.remove(0)),
            "its first line, which says what it is, is missing",
        ),
        (
            "a format that nobody knows",
            |_, lines| lines[0]["format"] = "tieout.evidence.v9".into(),
            "is no format of a bundle that is known here",
        ),
        (
            "a line of something else",
            |_, lines| lines.insert(2, serde_json::json!({ "is": "nothing" })),
            "line 3 is no line of a bundle",
        ),
        (
            "a line too deep to be read",
            |_, lines| {
                let deep = (0..400).fold(Value::Null, |inner, _| serde_json::json!([inner]));
                lines.insert(2, serde_json::json!({ "is": "entry", "lines": deep }));
            },
            "line 3 is no line of a bundle",
        ),
        (
            "entries before their batch",
            |_, lines| {
                let at = entries(lines)[0];
                let entry = lines.remove(at);
                lines.insert(2, entry);
            },
            "it stands before its batch",
        ),
    ];
    for (what, change, words) in changes {
        let path = changed(&bundle, |lines| change(&dir, lines));
        let (code, found) = verify(&path);
        assert_eq!(code, Some(1), "{what}: {found}");
        let named = found["failures"].as_array().unwrap().iter();
        let named = named
            .filter_map(Value::as_str)
            .any(|failure| failure.contains(words));
        assert!(named, "{what}: `{words}` is not in {found}");
    }

    // Cut off within a line, and no text at all.
    let whole = std::fs::read(&bundle).unwrap();
    let path = bundle.with_extension("cut");
    for (bytes, words) in [
        (
            &whole[..whole.len() - 20],
            "the file breaks off within line",
        ),
        (&b"\xff\xfe\n"[..], "line 1 is no line of a bundle"),
        (&b""[..], "the bundle holds no seal that counts"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let (code, found) = verify(&path);
        assert_eq!(code, Some(1), "{words}: {found}");
        assert!(found["failures"].to_string().contains(words), "{found}");
    }
    let key = "00".repeat(32);
    let output = tieout(&[
        "--json",
        "evidence",
        "verify",
        bundle.to_str().unwrap(),
        "--key",
        &key,
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("not with the trusted one"));
    // What is asked for wrongly is no finding.
    expect(
        2,
        &[
            "evidence",
            "verify",
            bundle.to_str().unwrap(),
            "--key",
            "00",
        ],
    );
    expect(2, &["evidence", "verify", "nothing-here"]);
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
    type Change = fn(&mut Value);
    let changes: [(&str, Change, &str); 8] = [
        (
            "another number",
            |proof| proof["entry"]["document"] = "eu-2026-000099".into(),
            "is not document eu-2026-000099",
        ),
        (
            "another entry's number",
            |proof| proof["entry"]["entry"] = 18.into(),
            "is not document",
        ),
        (
            "another day",
            |proof| proof["entry"]["date"] = "2026-02-01".into(),
            "is not in batch",
        ),
        (
            "another batch",
            |proof| proof["batch"]["batch"] = 99.into(),
            "is not the one that the entry names",
        ),
        (
            "no way to the seal",
            |proof| proof["chain_path"] = serde_json::json!([{ "left": "00".repeat(32) }]),
            "is not under the seal",
        ),
        (
            "an absurd count",
            |proof| proof["batch"]["entries"] = i64::MAX.into(),
            "is not the one that the entry names",
        ),
        (
            "another signature",
            |proof| proof["seal"]["signature"] = "00".repeat(64).into(),
            "signature does not fit",
        ),
        (
            "something else",
            |proof| *proof = Value::Null,
            "the file is no proof",
        ),
    ];
    for (what, change, words) in changes {
        let mut value: Value = serde_json::from_str(&text).unwrap();
        change(&mut value);
        std::fs::write(&proof, value.to_string()).unwrap();
        let told = expect(1, &["evidence", "verify", bundle, "--proof", file]);
        assert!(told.contains(words), "{what}: {told}");
    }
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
