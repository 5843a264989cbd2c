//! What must not get out or in: controls from data on a terminal, secrets in a configuration or a message, files
//! that others can read.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::too_many_lines,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

mod common;

use common::{config, configure, expect, folder, tieout};
use serde_json::json;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

fn company(name: &str) -> PathBuf {
    let dir = folder(name);
    expect(0, &["init", dir.to_str().unwrap()]);
    dir
}

/// Clears the screen, turns text around, hides what follows, and writes TIES in green.
const HOSTILE: &str =
    "\u{1b}[2J\u{1b}[32mTIES\u{9b}8m\u{202e}00.001\u{2066}\u{200b}\u{7}\r\u{feff}";

fn event(id: &str, kind: &str, reference: &str) -> String {
    json!({
        "specversion": "1.0", "id": id, "source": format!("//{HOSTILE}"), "type": kind, "time": "2026-01-15T10:00:00Z",
        "data": {
            "entity": "eu", "customer_id": format!("C-{HOSTILE}"), "currency": "EUR", "amount": 10, "processor": "stripe",
            "processor_reference": reference, "succeeded_at": "2026-01-15T10:00:00Z"
        }
    })
    .to_string()
}

fn acts(c: char) -> bool {
    c != '\n'
        && (c.is_control()
            || "\u{61c}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\u{feff}".contains(c)
            || ('\u{202a}'..='\u{202e}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c))
}

#[test]
fn hostile_data_is_shown_and_not_obeyed_by_any_command() {
    let dir = company("hostile");
    let posted = "billing.payment.succeeded.v1";
    let lines = [
        event("plain", posted, &format!("ch_{HOSTILE}")),
        event(&format!("id-{HOSTILE}"), posted, "ch_2"),
        event("turned", posted, "ch_\u{202e}3"),
        event("unknown", &format!("billing.{HOSTILE}"), "ch_4"),
        event("entity", posted, "ch_5")
            .replace("\"eu\"", &json!(format!("e{HOSTILE}")).to_string()),
        format!("no event at all {HOSTILE}"),
        format!(
            "{{\"specversion\":\"1.0\",\"{}\":1",
            HOSTILE.replace('\r', "")
        ),
    ];
    let file = dir.join(format!("in{HOSTILE}.ndjson"));
    std::fs::write(&file, lines.join("\n")).unwrap();
    let (file, config) = (file.to_str().unwrap(), config(&dir));
    let commands: Vec<Vec<&str>> = vec![
        vec!["ingest", file],
        vec!["ingest", HOSTILE],
        vec!["settle", file],
        vec!["settle", file, "--format", HOSTILE],
        vec!["post"],
        vec!["reprocess", "--from", "2026-01-01", "--to", "2026-01-31"],
        vec!["reconcile"],
        vec!["reconcile", HOSTILE],
        vec!["export"],
        vec!["export", HOSTILE],
        vec!["breaks", "list"],
        vec!["quarantine", "list", "--all"],
        vec!["quarantine", "show", "1"],
        vec!["quarantine", "show", "2"],
        vec!["quarantine", "replay"],
        vec!["quarantine", "discard", "1", "--why", HOSTILE],
        vec!["quarantine", "show", "1"],
        vec!["trace", "1"],
        vec!["trace", "plain"],
        vec!["trace", "turned"],
        vec!["trace", HOSTILE],
        vec!["period", "list"],
        vec!["period", "close", "eu", HOSTILE],
        vec!["evidence", "list"],
        vec!["evidence", "verify", file],
        vec!["connectors", "test", HOSTILE],
        vec!["connectors", "describe", HOSTILE],
        vec!["report", HOSTILE],
        vec!["report"],
        vec!["verify"],
        vec!["check"],
        vec!["mappings", "check"],
        vec!["mappings", "test"],
    ];
    let mut shown = 0;
    for command in commands {
        let mut arguments = vec!["-c", &config, "-vv"];
        arguments.extend(&command);
        let output = tieout(&arguments);
        for bytes in [output.stdout, output.stderr] {
            let text = String::from_utf8(bytes).unwrap();
            let found: Vec<char> = text.chars().filter(|c| acts(*c)).collect();
            assert!(
                found.is_empty(),
                "{command:?} let {found:?} through:\n{text}"
            );
            shown += usize::from(text.contains("\\u{202e}"));
        }
    }
    assert!(shown > 10, "hostile texts were shown {shown} times only");
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_secret_in_the_configuration_is_refused_and_not_repeated() {
    let store = "store: { url: \"sqlite:tieout.db\" }";
    let sources = "sources:\n";
    let drop = "drop: { folder: { path: exports/files } }";
    let settlement = "settlement: { folder: settlements }";
    let table = [
        (
            store,
            "store: { url: \"postgres://u:hunter2@db.example/t\" }".to_owned(),
            "the user's part of `url`",
        ),
        (
            store,
            "store: { url: \"postgres://u%3Ahunter2@db.example/t\" }".to_owned(),
            "the user's part of `url`",
        ),
        (
            store,
            "store: { url: \"postgres://db.example/t?user=u&password=hunter2\" }".to_owned(),
            "the query of `url`",
        ),
        (
            store,
            "store: { url: \"mysql://u:hunter2@db.example/t\" }".to_owned(),
            "the user's part of `url`",
        ),
        (
            store,
            "store: { url: \"postgres://u@db.example/t\", password: hunter2 }".to_owned(),
            "{ env: NAME }",
        ),
        (
            store,
            "store: { url: \"postgres://u@db.example/t\", pasword: hunter2 }".to_owned(),
            "pasword",
        ),
        (
            store,
            "store: { url: \"sqlite:tieout.db\" }\nbad: { password: hunter2 }".to_owned(),
            "bad",
        ),
        (
            sources,
            format!(
                "{sources}  r: {{ redis: {{ url: \"redis://:hunter2@h\", streams: [a], group: g }} }}\n"
            ),
            "source `r`",
        ),
        (
            sources,
            format!(
                "{sources}  r: {{ redis: {{ url: \"redis://h?password=hunter2\", streams: [a], group: g }} }}\n"
            ),
            "source `r`",
        ),
        (
            sources,
            format!(
                "{sources}  r: {{ redis: {{ url: \"redis://h\", password: hunter2, streams: [a], group: g }} }}\n"
            ),
            "{ env: NAME }",
        ),
        (
            sources,
            format!(
                "{sources}  k: {{ kafka: {{ brokers: b, topic: t, group: g, options: {{ sasl.password: hunter2 }} }} }}\n"
            ),
            "the option `sasl.password`",
        ),
        (
            sources,
            format!(
                "{sources}  k: {{ kafka: {{ brokers: b, topic: t, group: g, options: {{ ssl.key.password: hunter2 }} }} }}\n"
            ),
            "`secrets: { OPTION: { env: NAME } }`",
        ),
        (
            sources,
            format!(
                "{sources}  k: {{ kafka: {{ brokers: b, topic: t, group: g, options: {{ ssl.key.pem: hunter2 }} }} }}\n"
            ),
            "the option `ssl.key.pem`",
        ),
        (
            sources,
            format!(
                "{sources}  k: {{ kafka: {{ brokers: b, topic: t, group: g, options: {{ sasl.oauthbearer.client.secret: hunter2 }} }} }}\n"
            ),
            "client.secret",
        ),
        (
            sources,
            format!(
                "{sources}  k: {{ kafka: {{ brokers: b, topic: t, group: g, secrets: {{ ssl.key.password: hunter2 }} }} }}\n"
            ),
            "{ env: NAME }",
        ),
        (
            drop,
            "drop: { sftp: { host: \"u:hunter2@h\", user: u, host_key: k, folder: f } }".to_owned(),
            "`host`",
        ),
        (
            drop,
            "drop: { sftp: { host: h, user: \"u:hunter2\", host_key: k, folder: f } }".to_owned(),
            "`user`",
        ),
        (
            drop,
            "drop: { sftp: { host: h, user: u, password: hunter2, host_key: k, folder: f } }"
                .to_owned(),
            "{ env: NAME }",
        ),
        (
            drop,
            "drop: { bucket: { url: \"s3://u:hunter2@b\", key_id: { env: A }, secret: { env: B } } }"
                .to_owned(),
            "`url`",
        ),
        (
            drop,
            "drop: { bucket: { url: \"s3://b\", key_id: { env: A }, secret: hunter2 } }".to_owned(),
            "{ env: NAME }",
        ),
        (
            drop,
            "drop: { https: { url: \"https://u:hunter2@h/\" } }".to_owned(),
            "`url`",
        ),
        (
            drop,
            "drop: { https: { url: \"https://h/\", headers: { authorization: hunter2 } } }".to_owned(),
            "`secrets: { authorization: { env: NAME } }`",
        ),
        (
            drop,
            "drop: { folder: { path: a }, openpgp: { recipients: [a], sign: { key: { file: k }, passphrase: hunter2 } } }"
                .to_owned(),
            "{ env: NAME }",
        ),
        (
            drop,
            format!("options: {{ api_key: hunter2 }}, {drop}"),
            "options.api_key",
        ),
        (
            settlement,
            "settlement: { sftp: { b: { host: h, user: u, host_key: k, folder: f, key: hunter2 } } }"
                .to_owned(),
            "{ env: NAME }",
        ),
        (
            settlement,
            "settlement: { sftp: { b: { host: \"u:hunter2@h\", user: u, host_key: k, folder: f, key: { file: k } } } }"
                .to_owned(),
            "`host`",
        ),
        (
            settlement,
            "settlement: { http: { token: hunter2 } }".to_owned(),
            "{ env: NAME }",
        ),
        (
            settlement,
            "settlement: { keep: { bucket: { url: \"s3://id:hunter2@b\", key_id: { env: I }, secret: { env: S } } } }"
                .to_owned(),
            "`url`",
        ),
        (
            settlement,
            "settlement: { keep: { bucket: { url: \"s3://b\", key_id: { env: I }, secret: hunter2 } } }"
                .to_owned(),
            "{ env: NAME }",
        ),
        (
            "http: {",
            "http: { token: hunter2,".to_owned(),
            "{ env: NAME }",
        ),
    ];
    let dir = company("secrets");
    let before = std::fs::read_to_string(dir.join("tieout.yaml")).unwrap();
    for (from, to, part) in table {
        assert!(before.contains(from));
        std::fs::write(dir.join("tieout.yaml"), before.replacen(from, &to, 1)).unwrap();
        for command in ["check", "verify", "run"] {
            let output = tieout(&["-c", &config(&dir), "-vv", command]);
            let said = String::from_utf8(output.stderr).unwrap()
                + &String::from_utf8(output.stdout).unwrap();
            assert_eq!(output.status.code(), Some(2), "{to}: {said}");
            assert!(!said.contains("hunter2"), "{to}: {said}");
            assert!(said.contains(part), "{to}: {said}");
        }
    }
    std::fs::remove_dir_all(dir).unwrap();
}

/// Everything below a folder.
fn walk(path: &Path, found: &mut Vec<PathBuf>) {
    for item in std::fs::read_dir(path).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        }
        found.push(path);
    }
}

fn under_mask(mask: &str, arguments: &str) {
    let script = format!(
        "umask {mask} && exec {} {arguments}",
        env!("CARGO_BIN_EXE_tieout")
    );
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(
        output.status.success(),
        "{arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn what_is_written_is_not_for_others() {
    let root = folder("modes");
    let dir = root.join("company");
    let (at, config) = (dir.display(), config(&dir));
    under_mask("000", &format!("demo --dir {at} --events 2000 --seed 3"));
    under_mask("000", &format!("-c {config} period close eu 2026-01"));
    under_mask(
        "000",
        &format!("-c {config} evidence export 2026-01 --output {at}/bundle.ndjson"),
    );
    under_mask(
        "000",
        &format!("-c {config} report trial-balance --format csv -o {at}/tb.csv"),
    );
    under_mask("000", &format!("-c {config} export"));
    under_mask("000", &format!("init {at}/second"));
    let mut found = Vec::new();
    walk(&root, &mut found);
    for name in [
        "tieout.db",
        "bundle.ndjson",
        "tb.csv",
        "seal-key.pem",
        "exports",
        "tieout.yaml",
    ] {
        assert!(found.iter().any(|path| path.ends_with(name)), "{name}");
    }
    for path in &found {
        let mode = std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & 0o027, 0, "{} has mode {mode:o}", path.display());
    }
    // A tighter mask stays tighter.
    under_mask("077", &format!("init {at}/third"));
    let mut found = Vec::new();
    walk(&dir.join("third"), &mut found);
    assert!(found.iter().all(|path| {
        std::fs::metadata(path)
            .unwrap()
            .permissions()
            .mode()
            .trailing_zeros()
            >= 6
    }));
    std::fs::remove_dir_all(root).unwrap();
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let dir = company("open-key");
    std::fs::set_permissions(
        dir.join("seal-key.pem"),
        std::fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    std::fs::write(
        dir.join("inbox/a.ndjson"),
        event("a", "billing.payment.succeeded.v1", "ch_1"),
    )
    .unwrap();
    expect(0, &["-c", &config(&dir), "ingest"]);
    let output = tieout(&["-c", &config(&dir), "period", "close", "eu", "2026-01"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("chmod 600") && said.contains("mode 0644"),
        "{said}"
    );
    let key = dir.join("ssh-key");
    std::fs::write(&key, "x").unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    configure(&dir, |text| {
        text.replace(
            "drop: { folder: { path: exports/files } }",
            "drop: { sftp: { host: h, user: u, host_key: k, folder: f, key_file: ssh-key } }",
        )
    });
    let output = tieout(&["-c", &config(&dir), "check"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("chmod 600") && said.contains("ssh-key"),
        "{said}"
    );
    std::fs::remove_dir_all(dir).unwrap();
}
