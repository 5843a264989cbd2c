//! Questions: they need the right to read and no other, see the books at one moment, and leave no trace.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

mod common;

use common::{
    Daemon, block_on, config, configure, database, demo, drop_database, eventually, expect,
    expect_json, folder, free_port, tieout,
};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A month with a closed period, into SQLite or a server.
fn month(name: &str, url: Option<&str>) -> PathBuf {
    let dir = demo(name, "2000", "5");
    let config = config(&dir);
    if let Some(url) = url {
        std::fs::remove_file(dir.join("tieout.db")).unwrap();
        for target in std::fs::read_dir(dir.join("exports")).unwrap() {
            std::fs::remove_dir_all(target.unwrap().path()).unwrap();
        }
        configure(&dir, |text| text.replace("sqlite:tieout.db", url));
        for stage in ["ingest", "settle", "reconcile", "export"] {
            tieout(&["-c", &config, stage]);
        }
    }
    expect(0, &["-c", &config, "period", "close", "eu", "2026-01"]);
    dir
}

/// Every command that asks, with the code that it ends with.
fn questions() -> Vec<Vec<String>> {
    let mut all: Vec<Vec<String>> = [
        "verify",
        "trace 1",
        "breaks list",
        "period list",
        "evidence list",
        "evidence export 2026-01 --entity eu",
        "evidence prove 4",
        "quarantine list",
        "quarantine list --all",
        "quarantine show 1",
        "connectors list",
        "connectors describe csv",
        "connectors test files",
        "reprocess --from 2026-01-01 --to 2026-01-02",
    ]
    .iter()
    .map(|text| text.split(' ').map(str::to_owned).collect())
    .collect();
    for name in [
        "control",
        "trial-balance",
        "journal-register",
        "reconciliation",
    ] {
        for format in ["html", "csv", "json", "xlsx"] {
            let words = ["report", name, "--format", format];
            all.push(words.iter().map(|word| (*word).to_owned()).collect());
        }
    }
    all
}

fn answered(question: &[String], output: &Output) {
    assert_eq!(
        output.status.code(),
        Some(0),
        "{question:?}\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!output.stdout.is_empty(), "{question:?} answers nothing");
}

fn administer(url: &str, statements: &[String]) {
    block_on(async {
        let mut connection = PgConnection::connect(url).await.unwrap();
        for statement in statements {
            connection
                .execute(AssertSqlSafe(statement.clone()))
                .await
                .unwrap();
        }
        connection.close().await.unwrap();
    });
}

#[test]
fn one_who_may_only_select_gets_every_answer() {
    let url = database("reading");
    let dir = month("reading-postgres", Some(&url));
    let role = format!("reader_{}", std::process::id());
    administer(
        &url,
        &[
            format!("CREATE ROLE {role} LOGIN"),
            format!("GRANT USAGE ON SCHEMA public TO {role}"),
            format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"),
        ],
    );
    let (scheme, rest) = url.split_once("://").unwrap();
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    configure(&dir, |text| {
        text.replace(&url, &format!("{scheme}://{role}@{place}"))
    });
    let config = config(&dir);
    for question in questions() {
        let mut arguments = vec!["-c", config.as_str()];
        arguments.extend(question.iter().map(String::as_str));
        answered(&question, &tieout(&arguments));
    }
    let refused = tieout(&["-c", &config, "settle"]);
    assert_eq!(refused.status.code(), Some(2), "it may not write");
    administer(
        &url,
        &[format!("DROP OWNED BY {role}"), format!("DROP ROLE {role}")],
    );
    drop_database(&url);
    std::fs::remove_dir_all(dir).unwrap();
}

/// Runs the binary as one for whom modes count, whoever runs the tests.
fn bound_by_modes(arguments: &[&str]) -> Output {
    let caps = "-dac_override,-dac_read_search,-fowner";
    Command::new("setpriv")
        .args(["--inh-caps", caps, "--bounding-set", caps])
        .arg(env!("CARGO_BIN_EXE_tieout"))
        .args(arguments)
        .env("USER", "reader")
        .output()
        .unwrap()
}

fn listed(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    files
        .filter(|item| item.path().is_file())
        .map(|item| {
            let name = item.file_name().to_string_lossy().into_owned();
            (name, std::fs::read(item.path()).unwrap())
        })
        .collect()
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_file_that_may_only_be_read_gives_every_answer_and_stays_as_it_is() {
    let dir = month("reading-sqlite", None);
    // With a lock file beside it, as it was written, and without, as it is handed over.
    for handed_over in [false, true] {
        if handed_over {
            std::fs::remove_file(dir.join("tieout.db.lock")).unwrap();
        }
        let before = listed(&dir);
        mode(&dir.join("tieout.db"), 0o444);
        mode(&dir, 0o555);
        let config = config(&dir);
        for question in questions() {
            let mut arguments = vec!["-c", config.as_str()];
            arguments.extend(question.iter().map(String::as_str));
            answered(&question, &bound_by_modes(&arguments));
        }
        mode(&dir, 0o755);
        mode(&dir.join("tieout.db"), 0o644);
        assert_eq!(
            before.keys().collect::<Vec<_>>(),
            listed(&dir).keys().collect::<Vec<_>>()
        );
        assert!(before == listed(&dir), "a question changed a file");
    }
    std::fs::remove_dir_all(dir).unwrap();
}

fn payment(id: usize) -> Value {
    json!({
        "specversion": "1.0", "id": format!("p-{id}"), "source": "//tests", "type": "billing.payment.succeeded.v1",
        "time": "2026-02-15T10:00:00Z",
        "data": {
            "entity": "eu", "customer_id": "C-1", "currency": "EUR", "amount": 12, "processor": "stripe",
            "processor_reference": format!("ch_{id}"), "succeeded_at": "2026-02-15T10:00:00Z"
        }
    })
}

/// Events and exports, one after the other, until it is told to stop; how many rounds it made.
fn keep_writing(dir: &Path, stop: &AtomicBool) -> usize {
    let config = config(dir);
    let mut round = 0;
    while !stop.load(Ordering::Relaxed) {
        let lines: Vec<String> = (0..40)
            .map(|n| payment(round * 40 + n).to_string())
            .collect();
        let file = dir.join(format!("more-{round}.ndjson"));
        std::fs::write(&file, lines.join("\n")).unwrap();
        expect(0, &["-c", &config, "ingest", file.to_str().unwrap()]);
        expect(0, &["-c", &config, "export"]);
        round += 1;
    }
    round
}

fn nothing_differs_while_others_write(name: &str, url: Option<&str>) {
    let dir = folder(name);
    expect(0, &["init", dir.to_str().unwrap()]);
    if let Some(url) = url {
        configure(&dir, |text| text.replace("sqlite:tieout.db", url));
    }
    let config = config(&dir);
    expect(0, &["-c", &config, "ingest"]);
    let stop = Arc::new(AtomicBool::new(false));
    let writing = {
        let (dir, stop) = (dir.clone(), Arc::clone(&stop));
        std::thread::spawn(move || keep_writing(&dir, &stop))
    };
    for _ in 0..12 {
        let found = expect_json(0, &["-c", &config, "--json", "verify"]);
        assert_eq!(found["failures"], json!([]));
        let control = expect(0, &["-c", &config, "report", "control", "--format", "json"]);
        assert!(!control.contains("do not make up the journal"), "{control}");
    }
    stop.store(true, Ordering::Relaxed);
    assert!(writing.join().unwrap() > 1, "nobody wrote meanwhile");
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn nothing_differs_while_others_write_on_sqlite() {
    nothing_differs_while_others_write("reading-beside-sqlite", None);
}

#[test]
fn nothing_differs_while_others_write_on_postgres() {
    let url = database("reading_beside");
    nothing_differs_while_others_write("reading-beside-postgres", Some(&url));
    drop_database(&url);
}

/// Another version of the rules.
fn change(dir: &Path, from: &str, to: &str) {
    let path = dir.join("mappings/billing/invoice.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from));
    std::fs::write(path, text.replace(from, to)).unwrap();
}

fn activations(dir: &Path) -> Vec<(i64, String)> {
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(dir.join("tieout.db"))
        .read_only(true);
    block_on(async {
        let mut connection = sqlx::SqliteConnection::connect_with(&options)
            .await
            .unwrap();
        sqlx::query_as("SELECT mapping_id, activated_by FROM mapping_activation ORDER BY id")
            .fetch_all(&mut connection)
            .await
            .unwrap()
    })
}

#[test]
fn a_version_is_activated_by_who_posts_and_each_time_it_comes_back() {
    let dir = folder("reading-activation");
    expect(0, &["init", dir.to_str().unwrap()]);
    let config = config(&dir);
    expect(0, &["-c", &config, "ingest"]);
    change(&dir, "rule: credit-note-issued", "rule: credit-note");
    for question in [
        "verify",
        "report trial-balance --format json",
        "breaks list",
    ] {
        let mut arguments = vec!["-c", config.as_str()];
        arguments.extend(question.split(' '));
        expect(0, &arguments);
    }
    expect(0, &["-c", &config, "settle"]);
    let who = |mapping| (mapping, "tester".to_owned());
    assert_eq!(activations(&dir), [who(1)], "neither asks nor settles");
    expect(0, &["-c", &config, "post"]);
    change(&dir, "rule: credit-note", "rule: credit-note-issued");
    expect(0, &["-c", &config, "ingest"]);
    expect(0, &["-c", &config, "ingest"]);
    assert_eq!(activations(&dir), [who(1), who(2), who(1)]);
    std::fs::remove_dir_all(dir).unwrap();
}

fn ready(url: &str) {
    eventually(Duration::from_mins(1), || {
        block_on(async { reqwest::get(format!("{url}/readyz")).await })
            .map_err(|error| error.to_string())
    });
}

fn send(url: &str, event: &Value) -> (u16, String) {
    block_on(async {
        let response = reqwest::Client::new()
            .post(format!("{url}/v1/events"))
            .header("authorization", "Bearer a-token")
            .header("content-type", "application/cloudevents+json")
            .body(event.to_string())
            .send()
            .await
            .unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    })
}

/// A starter company whose HTTP listens on a free port.
fn listening(name: &str) -> (PathBuf, String) {
    let dir = folder(name);
    expect(0, &["init", dir.to_str().unwrap()]);
    let port = free_port();
    configure(&dir, |text| {
        let http = format!(
            "http: {{ listen: \"127.0.0.1:{port}\", token: {{ env: TIEOUT_EVENTS_TOKEN }} }}"
        );
        text.replace("http: { listen: \"127.0.0.1:8080\" }", &http)
    });
    (dir, format!("http://127.0.0.1:{port}"))
}

#[test]
fn two_processes_do_not_post_with_two_versions() {
    let (dir, url) = listening("reading-two");
    let daemon = Daemon::start(&dir, "a-token");
    ready(&url);
    assert_eq!(send(&url, &payment(1)).0, 200);
    change(&dir, "rule: credit-note-issued", "rule: credit-note");
    expect(0, &["-c", &config(&dir), "post"]);
    let (status, told) = send(&url, &payment(2));
    assert!(status >= 400, "{status}: {told}");
    daemon.stop();
    let control = expect_json(
        0,
        &["-c", &config(&dir), "report", "control", "--format", "json"],
    );
    assert!(control.to_string().contains("posted"), "{control}");
    let again = Daemon::start(&dir, "a-token");
    ready(&url);
    eventually(Duration::from_mins(1), || match send(&url, &payment(2)) {
        (200, told) => Ok(told),
        other => Err(format!("{other:?}")),
    });
    again.stop();
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_copy_without_its_log_is_told_when_it_is_worked_on() {
    let (dir, url) = listening("reading-copy");
    let daemon = Daemon::start(&dir, "a-token");
    ready(&url);
    assert_eq!(send(&url, &payment(1)).0, 200);
    std::fs::copy(dir.join("tieout.db"), dir.join("copy.db")).unwrap();
    daemon.stop();
    expect(0, &["-c", &config(&dir), "settle"]);
    configure(&dir, |text| {
        text.replace("sqlite:tieout.db", "sqlite:copy.db")
    });
    expect(0, &["-c", &config(&dir), "settle"]);
    let control = expect(
        0,
        &["-c", &config(&dir), "report", "control", "--format", "json"],
    );
    assert!(
        control.contains("what was written last may be missing"),
        "{control}"
    );
    std::fs::remove_dir_all(dir).unwrap();
}
