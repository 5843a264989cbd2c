//! Export: each entry leaves once, whoever exports at the same time, whatever stops in between, and whatever
//! the target says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

mod common;

use common::{Daemon, block_on, config, database, eventually, expect, expect_json, folder, tieout};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use store::Store;
use store::export::DeliveryKind;
use store::intake::Stamp;

/// A company of its own, on one of the databases.
struct Company {
    dir: PathBuf,
    config: String,
    postgres: Option<String>,
}

/// Each test as one per database.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite { $(#[test] fn $name() { super::$name(&super::Company::new(stringify!($name), false)); })* }
        mod on_postgres { $(#[test] fn $name() { super::$name(&super::Company::new(stringify!($name), true)); })* }
    };
}

on_both!(
    two_processes_export_each_entry_once,
    a_claim_whose_process_died_is_rendered_with_the_same_numbers,
    a_refusal_keeps_the_books_from_tying_out_until_it_is_decided,
    two_people_decide_where_the_policy_asks_for_them,
    a_name_that_is_taken_is_tried_again,
    restored_books_export_nothing_that_the_target_has_seen,
    a_target_that_does_not_answer_holds_up_nobody,
    a_damaged_artifact_holds_up_no_other_batch,
    only_the_targets_own_manifests_are_held_against_the_books,
    two_processes_match_each_item_once,
    what_has_no_counterpart_is_held_back_and_holds_up_nothing_else,
    what_nobody_knows_is_not_sent_again_before_somebody_says_so,
    entries_are_summed_up_under_the_names_that_the_tables_give,
    a_target_answers_in_files_what_became_of_its_documents,
);

const FILES: &str = "files: { kind: csv, drop: { folder: { path: exports/files } } }";

fn credit_note(id: usize) -> String {
    credit_note_of(id, "eu", "EUR")
}

fn credit_note_of(id: usize, entity: &str, currency: &str) -> String {
    let amount = |text: &str| Value::Number(text.parse().unwrap());
    json!({
        "specversion": "1.0", "id": format!("cn-{id}"), "source": "//tests", "type": "billing.credit_note.issued.v1",
        "time": "2026-01-05T10:00:00Z",
        "data": { "credit_note_id": format!("CN-{id}"), "entity": entity, "customer_id": "C-1", "issued_at": "2026-01-05T10:00:00Z",
            "currency": currency, "region": "DE", "product": "access", "net": amount("100.00"), "tax": amount("19.00"), "total": amount("119.00") }
    })
    .to_string()
}

impl Company {
    fn new(name: &str, postgres: bool) -> Self {
        let database_kind = if postgres { "postgres" } else { "sqlite" };
        let dir = folder(&format!("export-{name}-{database_kind}"));
        expect(0, &["init", dir.to_str().unwrap()]);
        let short: String = name.chars().take(24).collect();
        let postgres = postgres.then(|| database(&format!("export_{short}")));
        let company = Self {
            config: config(&dir),
            dir,
            postgres,
        };
        company.targets(FILES);
        if let Some(url) = &company.postgres {
            common::configure(&company.dir, |text| text.replace("sqlite:tieout.db", url));
        }
        company
    }

    /// Puts something else in place of a block of the configuration.
    fn replace(&self, block: &str, with: &str) {
        common::configure(&self.dir, |text| {
            let mut kept = String::new();
            let mut inside = false;
            for line in text.lines() {
                inside = line.starts_with(block) || (inside && line.starts_with([' ', '#']));
                if !inside {
                    kept.push_str(line);
                    kept.push('\n');
                }
            }
            kept + with
        });
    }

    /// Leaves only these targets in the configuration.
    fn targets(&self, targets: &str) {
        self.replace("targets:", &format!("targets:\n  {targets}\n"));
    }

    fn write(&self, file: &str, ids: std::ops::Range<usize>) {
        let lines: Vec<String> = ids.map(credit_note).collect();
        let text = lines.join("\n") + "\n";
        std::fs::write(self.dir.join("inbox").join(file), text).unwrap();
    }

    fn ingest(&self, file: &str, ids: std::ops::Range<usize>) {
        self.write(file, ids);
        expect(0, &["-c", &self.config, "ingest"]);
    }

    /// Exports, and gives what is said about the first target.
    fn export(&self, code: i32) -> Value {
        expect_json(code, &["-c", &self.config, "--json", "export"])[0].take()
    }

    fn run(&self, code: i32, arguments: &[&str]) -> String {
        let mut all = vec!["-c", self.config.as_str()];
        all.extend(arguments);
        expect(code, &all)
    }

    fn verdict(&self) -> (String, String) {
        let found = expect_json(0, &["-c", &self.config, "--json", "verify"]);
        let text = |name: &str| found[name].as_str().unwrap().to_owned();
        (text("verdict"), text("because"))
    }

    fn exported(&self, name: &str) -> PathBuf {
        self.dir.join("exports/files").join(name)
    }

    fn manifest(&self, number: i64) -> Value {
        let name = format!("tieout-files-{number:06}.csv.manifest.json");
        serde_json::from_slice(&std::fs::read(self.exported(&name)).unwrap()).unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["-c", self.config.as_str(), "--json"];
        all.extend(arguments);
        expect_json(0, &all)
    }

    fn number(&self, statement: &str) -> i64 {
        let statement = AssertSqlSafe(statement.to_owned());
        block_on(async {
            if let Some(url) = &self.postgres {
                let mut connection = PgConnection::connect(url).await.unwrap();
                sqlx::query_scalar(statement)
                    .fetch_one(&mut connection)
                    .await
            } else {
                let path = self.dir.join("tieout.db");
                let url = format!("sqlite:{}", path.display());
                let mut connection = SqliteConnection::connect(&url).await.unwrap();
                sqlx::query_scalar(statement)
                    .fetch_one(&mut connection)
                    .await
            }
            .unwrap()
        })
    }

    /// The UUID of a batch.
    fn uuid(&self, number: i64) -> String {
        let statement = format!("SELECT CAST(uuid AS TEXT) FROM batch WHERE number = {number}");
        let statement = AssertSqlSafe(statement);
        block_on(async {
            if let Some(url) = &self.postgres {
                let mut connection = PgConnection::connect(url).await.unwrap();
                sqlx::query_scalar(statement)
                    .fetch_one(&mut connection)
                    .await
            } else {
                let url = format!("sqlite:{}", self.dir.join("tieout.db").display());
                let mut connection = SqliteConnection::connect(&url).await.unwrap();
                sqlx::query_scalar(statement)
                    .fetch_one(&mut connection)
                    .await
            }
            .unwrap()
        })
    }

    fn execute(&self, statement: &str) {
        let statement = AssertSqlSafe(statement.to_owned());
        block_on(async {
            if let Some(url) = &self.postgres {
                let mut connection = PgConnection::connect(url).await.unwrap();
                connection.execute(statement).await.unwrap();
            } else {
                let path = self.dir.join("tieout.db");
                let url = format!("sqlite:{}", path.display());
                let mut connection = SqliteConnection::connect(&url).await.unwrap();
                connection.execute(statement).await.unwrap();
            }
        });
    }

    /// The ERP's own word on a batch, as an answer of it is kept.
    fn refuse(&self, number: i64, reason: &str) {
        let batch = self.number(&format!("SELECT id FROM batch WHERE number = {number}"));
        let file = format!("sqlite:{}", self.dir.join("tieout.db").display());
        let url = self.postgres.clone().unwrap_or(file);
        let stamp = Stamp {
            now: "2026-02-02T06:00:00Z".parse().unwrap(),
            actor: "erp".into(),
        };
        block_on(async {
            let store = Store::open(&url, None).await.unwrap();
            let mut tx = store.begin().await.unwrap();
            let attempt = tx.begin_delivery(batch, &stamp).await.unwrap();
            tx.insert_delivery((batch, attempt), DeliveryKind::Rejected, reason, &stamp)
                .await
                .unwrap();
            tx.commit().await.unwrap();
            store.close().await.unwrap();
        });
    }

    /// Every entry is in one live batch, and in the files as often.
    fn each_left_once(&self, entries: i64) {
        assert_eq!(self.number("SELECT COUNT(*) FROM entry"), entries);
        assert_eq!(self.number("SELECT COUNT(*) FROM batch_entry"), entries);
        let distinct = "SELECT COUNT(DISTINCT entry_id) FROM batch_entry";
        assert_eq!(self.number(distinct), entries);
    }
}

impl Drop for Company {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        if let Some(url) = &self.postgres {
            common::drop_database(url);
        }
        let _left = std::fs::remove_dir_all(&self.dir);
    }
}

fn two_processes_export_each_entry_once(company: &Company) {
    company.targets(
        "files: { kind: csv, batch_entries: 7, drop: { folder: { path: exports/files } } }",
    );
    company.ingest("a.ndjson", 0..100);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| company.export(0));
        }
    });
    company.each_left_once(100);
    assert_eq!(company.number("SELECT COUNT(*) FROM batch"), 15);
    assert_eq!(company.number("SELECT COUNT(*) FROM delivery"), 15);
    let elsewhere = "SELECT COUNT(*) FROM delivery WHERE kind <> 1";
    assert_eq!(company.number(elsewhere), 0);
    let files = std::fs::read_dir(company.dir.join("exports/files")).unwrap();
    assert_eq!(files.count(), 30, "a file and a manifest each, and no rest");
}

fn a_claim_whose_process_died_is_rendered_with_the_same_numbers(company: &Company) {
    company.ingest("a.ndjson", 0..20);
    let begun = "SELECT COUNT(*) FROM batch_range r WHERE NOT EXISTS (SELECT 1 FROM batch b WHERE b.id = r.batch_id)";
    let mut statement = 1;
    while company.number(begun) == 0 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tieout"))
            .args(["-c", &company.config, "export"])
            .env("USER", "killed")
            .env("TIEOUT_FAULT", format!("stop:{statement}"))
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let stopped = said.any(|line| line.unwrap().starts_with("stopped before statement"));
        assert!(stopped, "it never stopped between claim and artifact");
        child.kill().unwrap();
        child.wait().unwrap();
        statement += 1;
    }
    let mine = "SELECT COUNT(*) FROM batch_range WHERE number = 1 AND claimed_by = 'killed' AND first_entry = 1 AND last_entry = 20";
    assert_eq!(company.number(mine), 1);
    company.ingest("b.ndjson", 20..25);
    let done = company.export(0);
    assert_eq!(
        (&done["batches"], &done["delivered"]),
        (&json!(2), &json!(2))
    );
    let manifest = company.manifest(1);
    assert_eq!(
        (&manifest["first_entry"], &manifest["last_entry"]),
        (&json!(1), &json!(20))
    );
    let uuid = manifest["batch"].as_str().unwrap();
    let same = format!("SELECT COUNT(*) FROM batch_range WHERE number = 1 AND uuid = '{uuid}'");
    assert_eq!(company.number(&same), 1);
    let by = "SELECT COUNT(*) FROM batch WHERE number = 1 AND created_by = 'killed'";
    assert_eq!(company.number(by), 1);
    company.each_left_once(25);
    let (_, because) = company.verdict();
    assert!(!because.contains("files"), "{because}");
}

/// A batch that its target refused for good: no connector of this build does, an ERP's API may.
fn refused(company: &Company) -> String {
    std::fs::create_dir_all(company.dir.join("exports/files")).unwrap();
    let taken = company.exported("tieout-files-000001.csv");
    std::fs::write(&taken, "another").unwrap();
    company.export(1);
    company.refuse(1, "account 4000 is closed");
    std::fs::remove_file(taken).unwrap();
    company.uuid(1)
}

fn a_refusal_keeps_the_books_from_tying_out_until_it_is_decided(company: &Company) {
    company.ingest("a.ndjson", 0..10);
    let uuid = refused(company);
    let done = company.export(0);
    assert_eq!(done["delivered"], 0, "nobody decided yet");
    let (verdict, because) = company.verdict();
    assert_eq!(verdict, "INCOMPLETE");
    assert!(
        because.contains("10 entries rejected by files in batch 1 (account 4000 is closed)")
            && because.contains(&format!("tieout export resend {uuid}")),
        "{because}"
    );
    // Without a reason, or for something else, nothing is decided.
    company.run(2, &["export", "resend", &uuid]);
    for (batch, why) in [("no-such-batch", "because"), (uuid.as_str(), "  ")] {
        let refusal = tieout(&[
            "-c",
            &company.config,
            "export",
            "release",
            batch,
            "--why",
            why,
        ]);
        assert!(!refusal.status.success(), "{batch} {why}");
    }
    company.run(0, &["export", "resend", &uuid, "--why", "they opened it"]);
    let twice = tieout(&[
        "-c",
        &company.config,
        "export",
        "release",
        &uuid,
        "--why",
        "no",
    ]);
    assert!(!twice.status.success(), "it is on its way again");
    assert_eq!(company.export(0)["delivered"], 1);
    assert!(!company.verdict().1.contains("rejected"));
    company.each_left_once(10);
    // Delivered is no matter of a decision; another refusal is, and its entries leave in another batch.
    let arrived = tieout(&[
        "-c",
        &company.config,
        "export",
        "release",
        &uuid,
        "--why",
        "no",
    ]);
    let said = String::from_utf8_lossy(&arrived.stderr).into_owned();
    assert!(said.contains("was not refused, it is delivered"), "{said}");
    released(company);
}

fn released(company: &Company) {
    company.ingest("b.ndjson", 10..13);
    let taken = company.exported("tieout-files-000002.csv");
    std::fs::write(&taken, "another").unwrap();
    company.export(1);
    company.refuse(2, "no");
    let uuid = company.uuid(2);
    company.run(0, &["export", "release", &uuid, "--why", "another account"]);
    assert!(
        company
            .verdict()
            .1
            .contains("3 entries not yet delivered to files")
    );
    company.ingest("c.ndjson", 13..15);
    let done = company.export(0);
    assert_eq!(
        (&done["batches"], &done["delivered"]),
        (&json!(2), &json!(2))
    );
    let manifest = company.manifest(3);
    assert_eq!(manifest["replaces"], json!(uuid));
    assert_eq!(
        (&manifest["first_entry"], &manifest["entries"]),
        (&json!(11), &json!(3))
    );
    assert_eq!(company.manifest(4)["first_entry"], 14);
    company.each_left_once(15);
    let trace = company.run(0, &["trace", "entry:11"]);
    assert!(trace.contains("in batch 2 of files: released"), "{trace}");
    assert!(trace.contains("in batch 3 of files: delivered"), "{trace}");
    assert!(!company.verdict().1.contains("files"));
    let who = "SELECT COUNT(*) FROM batch_release WHERE decided_by = 'tester' AND why = 'another account'";
    assert_eq!(company.number(who), 1);
    let recorded = "SELECT COUNT(*) FROM run WHERE job IN ('export resend', 'export release')";
    assert_eq!(company.number(recorded), 2);
}

fn what_has_no_counterpart_is_held_back_and_holds_up_nothing_else(company: &Company) {
    let target = |companies: &str| {
        company.targets(&format!(
            "files: {{ kind: netsuite_csv, options: {{ companies: {companies}, periods: YYYY-MM }}, drop: {{ folder: {{ path: exports/files }} }} }}"
        ));
    };
    target("{ eu: EU }");
    let notes: Vec<String> = (0..6)
        .map(|id| match id {
            1 | 4 => credit_note_of(id, "us", "USD"),
            _ => credit_note(id),
        })
        .collect();
    std::fs::write(company.dir.join("inbox/a.ndjson"), notes.join("\n") + "\n").unwrap();
    expect(0, &["-c", &company.config, "ingest"]);
    let done = company.export(1);
    assert_eq!(
        (&done["delivered"], &done["held"]),
        (&json!(1), &json!(2)),
        "{done}"
    );
    let problem = done["problem"].as_str().unwrap();
    assert!(
        problem.contains("entity `us` has no counterpart"),
        "{problem}"
    );
    let live = "SELECT COUNT(*) FROM batch_entry";
    assert_eq!(company.number(live), 4);
    let (verdict, because) = company.verdict();
    assert_eq!(verdict, "INCOMPLETE");
    assert!(
        because.contains("2 entries held back from files, the first is 2"),
        "{because}"
    );
    the_rest_goes_on_and_what_was_held_follows(company, &target);
}

fn the_rest_goes_on_and_what_was_held_follows(company: &Company, target: &dyn Fn(&str)) {
    let live = "SELECT COUNT(*) FROM batch_entry";
    // It is tried again each time, and what comes after it goes on.
    let notes = credit_note(6) + "\n";
    std::fs::write(company.dir.join("inbox/b.ndjson"), notes).unwrap();
    expect(0, &["-c", &company.config, "ingest"]);
    let done = company.export(1);
    assert_eq!(
        (&done["delivered"], &done["held"]),
        (&json!(1), &json!(2)),
        "{done}"
    );
    assert_eq!(
        company.number("SELECT CAST(SUM(entries) AS BIGINT) FROM batch"),
        5
    );
    let status = company.run(0, &["export", "status"]);
    assert!(status.contains("unsent"), "{status}");
    target("{ eu: EU, us: US }");
    let done = company.export(0);
    assert_eq!(
        (&done["delivered"], &done["held"]),
        (&json!(1), &json!(0)),
        "{done}"
    );
    assert_eq!(company.number(live), 7);
    assert_eq!(
        company.number("SELECT COUNT(DISTINCT entry_id) FROM batch_entry"),
        7
    );
    assert_eq!(
        company.number("SELECT CAST(SUM(entries) AS BIGINT) FROM batch"),
        7
    );
    let trace = company.run(0, &["trace", "entry:2"]);
    assert!(
        trace.contains("in batch 2 of files: delivered") && !trace.contains("in batch 1 of files"),
        "{trace}"
    );
    assert!(!company.verdict().1.contains("held"));
    expect(0, &["-c", &company.config, "verify", "--all"]);
}

fn entries_are_summed_up_under_the_names_that_the_tables_give(company: &Company) {
    let table = |name: &str, text: &str| {
        std::fs::create_dir_all(company.dir.join("tables")).unwrap();
        std::fs::write(company.dir.join("tables").join(name), text).unwrap();
    };
    table(
        "accounts.csv",
        "account,value,from,to\n*,X-9000,,\nrevenue-credited,X-4000,,2026-01-09\nrevenue-credited,X-4001,2026-01-10,\n",
    );
    table("regions.csv", "region,value\nDE,EMEA\n");
    company.targets(
        "files: { kind: csv, maps: { accounts: tables/accounts.csv, dimensions: { region: tables/regions.csv } }, summary: { by: day, dimensions: [region] }, drop: { folder: { path: exports/files } } }",
    );
    let mut notes: Vec<String> = (0..5).map(credit_note).collect();
    let on = |id: usize, day: &str| credit_note(id).replace("2026-01-05", day);
    notes.extend([on(5, "2026-01-12"), on(6, "2026-01-12")]);
    notes.push(credit_note(7).replace("\"DE\"", "\"FR\""));
    std::fs::write(company.dir.join("inbox/a.ndjson"), notes.join("\n") + "\n").unwrap();
    expect(0, &["-c", &company.config, "ingest"]);
    let done = company.export(1);
    let problem = done["problem"].as_str().unwrap();
    assert!(
        problem.contains("region `FR` has no counterpart in the target on 2026-01-05")
            && problem.contains("regions.csv"),
        "{problem}"
    );
    let text = std::fs::read_to_string(company.exported("tieout-files-000001.csv")).unwrap();
    let sums: Vec<&str> = text.lines().filter(|line| line.contains("X-400")).collect();
    assert_eq!(sums.len(), 2, "{text}");
    assert!(
        sums[0].contains("X-4000") && sums[0].contains("500.00"),
        "{text}"
    );
    assert!(
        sums[1].contains("X-4001") && sums[1].contains("200.00"),
        "{text}"
    );
    assert!(text.contains("X-9000") && text.contains("EMEA"), "{text}");
    let manifest = company.manifest(1);
    assert_eq!(manifest["entries"], 2);
    assert_eq!(manifest["summed_by"], "day");
    assert_eq!(manifest["held"], json!([8]));
    assert_eq!(company.number("SELECT entries FROM batch"), 7);
    let trace = company.run(0, &["trace", "entry:2"]);
    assert!(trace.contains("document S-eu-2026-000001"), "{trace}");
    table("regions.csv", "region,value\nDE,EMEA\n*,OTHER\n");
    assert_eq!(company.export(0)["held"], 0);
    assert_eq!(company.number("SELECT COUNT(*) FROM batch_entry"), 8);
    expect(0, &["-c", &company.config, "verify", "--all"]);
}

fn a_target_answers_in_files_what_became_of_its_documents(company: &Company) {
    company.targets(
        "files: { kind: csv, drop: { folder: { path: exports/files } }, answers: { from: { folder: { path: answers } }, columns: { document: Document, state: Status, theirs: Voucher, words: Message }, accepted: [POSTED], rejected: [ERROR] } }",
    );
    company.ingest("a.ndjson", 0..3);
    assert_eq!(company.export(0)["delivered"], 1);
    let answer = |file: &str, lines: &str| {
        std::fs::create_dir_all(company.dir.join("answers")).unwrap();
        let text = format!("Document,Status,Voucher,Message\n{lines}");
        std::fs::write(company.dir.join("answers").join(file), text).unwrap();
    };
    let states = || {
        let shown = company.json(&["export", "status", "--all"]);
        shown["batches"][0]["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(states(), "delivered");
    answer(
        "1.csv",
        "eu-2026-000001,POSTED,V-1,\neu-2026-000002,ERROR,,\"Account 4000, closed\"\n",
    );
    let done = company.export(1);
    assert_eq!(done["rejected"], 1, "{done}");
    assert_eq!(states(), "rejected");
    let (verdict, because) = company.verdict();
    assert_eq!(verdict, "INCOMPLETE");
    assert!(because.contains("Account 4000, closed"), "{because}");
    let trace = company.run(0, &["trace", "entry:2"]);
    assert!(
        trace.contains("document eu-2026-000002: rejected; Account 4000, closed"),
        "{trace}"
    );
    what_was_refused_is_written_and_answered_anew(company, &answer);
}

fn what_was_refused_is_written_and_answered_anew(company: &Company, answer: &dyn Fn(&str, &str)) {
    // Read again it says nothing new; a word that nobody described decides nothing.
    let attempts = "SELECT COUNT(*) FROM delivery";
    let before = company.number(attempts);
    company.export(0);
    assert_eq!(company.number(attempts), before);
    answer("2.csv", "eu-2026-000003,MAYBE,,\nother,POSTED,,\n");
    let problem = company.export(1)["problem"].as_str().unwrap().to_owned();
    assert!(
        problem.contains("line 2: `MAYBE` stands neither under")
            && problem.contains("`other` is no document"),
        "{problem}"
    );
    answer("2.csv", "eu-2026-000003,POSTED,V-3,\n");
    company.export(1);
    // What was refused is written anew, all of it, and answered anew.
    let shown = company.run(0, &["export", "show", "eu-2026-000002"]);
    assert!(shown.contains("tieout export again"), "{shown}");
    company.run(
        0,
        &[
            "export",
            "again",
            "eu-2026-000002",
            "--why",
            "the account is open",
        ],
    );
    std::fs::remove_file(company.dir.join("answers/1.csv")).unwrap();
    std::fs::remove_file(company.dir.join("answers/2.csv")).unwrap();
    assert_eq!(company.export(0)["delivered"], 1);
    answer(
        "3.csv",
        "eu-2026-000001,POSTED,V-1,\neu-2026-000002,POSTED,V-2,\neu-2026-000003,POSTED,V-3,\n",
    );
    company.export(0);
    let documents = "SELECT COUNT(*) FROM document_state WHERE state = 2";
    assert_eq!(company.number(documents), 3);
    let report = company.run(0, &["report", "control", "--format", "json"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    let read = &report["tables"]["read_back"][0];
    assert_eq!(
        (
            &read["entity"],
            &read["period"],
            &read["documents"],
            &read["read_documents"]
        ),
        (&json!("eu"), &json!("2026-01"), &json!(3), &json!(3)),
        "{read}"
    );
    assert_eq!(read["debit"], read["read_debit"], "{read}");
    expect(0, &["-c", &company.config, "verify", "--all"]);
}

/// A receiver that hangs up on the first messages, and takes what follows.
fn forgetful(hangs_up: usize) -> (String, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    use std::io::{Read, Write};
    use std::sync::atomic::{AtomicUsize, Ordering};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/journals", listener.local_addr().unwrap());
    let calls = std::sync::Arc::new(AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&calls);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut line, mut length) = (String::new(), 0);
            while reader.read_line(&mut line).unwrap_or(0) > 2 {
                if let Some(found) = line.to_lowercase().strip_prefix("content-length:") {
                    length = found.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            if reader.read_exact(&mut body).is_err() {
                continue;
            }
            if counted.fetch_add(1, Ordering::SeqCst) >= hangs_up {
                let mut stream = &stream;
                let _gone = stream.write_all(
                    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
                );
            }
        }
    });
    (url, calls)
}

fn what_nobody_knows_is_not_sent_again_before_somebody_says_so(company: &Company) {
    use std::sync::atomic::Ordering;
    let (url, calls) = forgetful(2);
    let secret = company.dir.join("webhook.secret");
    std::fs::write(&secret, "whsec_YSBzZWNyZXQgb2YgdHdlbnR5LWZvdXI=\n").unwrap();
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    company.targets(&format!(
        "files: {{ kind: webhook, options: {{ url: '{url}', secret: {{ file: webhook.secret }}, deduplicates: false }} }}"
    ));
    company.ingest("a.ndjson", 0..3);
    assert_eq!(company.export(1)["unknown"], 1);
    for _ in 0..2 {
        let done = company.export(1);
        let problem = done["problem"].as_str().unwrap();
        assert!(problem.contains("tieout export resolve"), "{problem}");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 1, "nothing was sent blindly");
    let status = company.json(&["export", "status"]);
    let uuid = status["batches"][0]["batch"].as_str().unwrap().to_owned();
    assert_eq!(status["batches"][0]["state"], "unknown");
    company.run(
        0,
        &[
            "export",
            "resolve",
            &uuid,
            "--as",
            "not-sent",
            "--why",
            "their log has no such message",
        ],
    );
    // Sent again, it is lost again: that is a new question.
    assert_eq!(company.export(1)["unknown"], 1);
    assert_eq!(company.export(1)["unknown"], 1);
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    let file = status["batches"][0]["artifact"]
        .as_str()
        .unwrap()
        .to_owned();
    company.run(
        0,
        &[
            "export",
            "resolve",
            &file,
            "--as",
            "sent",
            "--why",
            "their journal 12",
        ],
    );
    assert_eq!(company.export(0)["unknown"], 0);
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    let shown = company.run(0, &["export", "show", &uuid]);
    assert!(
        shown.contains("delivered")
            && shown.contains("tester says that it arrived: their journal 12"),
        "{shown}"
    );
    expect(0, &["-c", &company.config, "verify", "--all"]);
}

fn two_people_decide_where_the_policy_asks_for_them(company: &Company) {
    common::configure(&company.dir, |text| {
        text + "desk: { four_eyes: [batch-release] }\n"
    });
    company.ingest("a.ndjson", 0..3);
    let uuid = refused(company);
    let arguments = ["export", "release", &uuid, "--why", "another account"];
    company.run(0, &arguments);
    assert_eq!(company.export(0)["batches"], 0, "it is only proposed");
    let approve = |user: &str| {
        let approved = Command::new(env!("CARGO_BIN_EXE_tieout"))
            .args(["-c", &company.config, "proposals", "approve", "1"])
            .args(["--why", "seen"])
            .env("USER", user)
            .status();
        approved.unwrap().success()
    };
    assert!(!approve("tester"), "nobody approves their own");
    assert!(approve("controller"));
    assert_eq!(company.export(0)["delivered"], 1);
    assert_eq!(company.manifest(2)["replaces"], json!(uuid));
    company.each_left_once(3);
}

fn a_name_that_is_taken_is_tried_again(company: &Company) {
    company.ingest("a.ndjson", 0..10);
    std::fs::create_dir_all(company.dir.join("exports/files")).unwrap();
    let taken = company.exported("tieout-files-000001.csv");
    std::fs::write(&taken, "another").unwrap();
    for _ in 0..2 {
        let done = company.export(1);
        assert_eq!(
            (&done["rejected"], &done["unknown"]),
            (&json!(0), &json!(1))
        );
    }
    assert_eq!(
        std::fs::read(&taken).unwrap(),
        b"another",
        "it stays as it is"
    );
    let told = company.run(0, &["trace", "entry:1"]);
    assert!(told.contains("move it away and export again"), "{told}");
    std::fs::rename(&taken, company.dir.join("elsewhere.csv")).unwrap();
    assert_eq!(company.export(0)["delivered"], 1);
    assert!(std::fs::read(&taken).unwrap().len() > 1_000);
}

fn restored_books_export_nothing_that_the_target_has_seen(company: &Company) {
    company.ingest("a.ndjson", 0..10);
    company.export(0);
    let backup = if let Some(url) = &company.postgres {
        let name = url.rsplit('/').next().unwrap();
        company.execute("SELECT 1");
        let base = common::peer("TIEOUT_TEST_POSTGRES");
        administer(
            &base,
            &format!("CREATE DATABASE {name}_old TEMPLATE {name}"),
        );
        format!("{url}_old")
    } else {
        company.execute(&format!(
            "VACUUM INTO '{}'",
            company.dir.join("backup.db").display()
        ));
        "sqlite:backup.db".to_owned()
    };
    company.ingest("b.ndjson", 10..20);
    company.export(0);
    // The disk is lost, and yesterday's backup takes the place of the books.
    let now = company.postgres.as_deref().unwrap_or("sqlite:tieout.db");
    common::configure(&company.dir, |text| text.replace(now, &backup));
    expect(0, &["-c", &company.config, "ingest"]);
    let done = company.export(1);
    let problem = done["problem"].as_str().unwrap();
    assert!(
        problem.contains("tieout-files-000002.csv.manifest.json")
            && problem.contains("these books end with batch 1")
            && problem.contains("restored from an older backup"),
        "{problem}"
    );
    assert_eq!(
        (&done["batches"], &done["delivered"]),
        (&json!(0), &json!(0))
    );
    // Other books with the same number are no better.
    let name = "tieout-files-000001.csv.manifest.json";
    let mut foreign = company.manifest(1);
    foreign["batch"] = json!("somebody-else");
    let kept = std::fs::read(company.exported(name)).unwrap();
    std::fs::write(company.exported(name), foreign.to_string()).unwrap();
    for ending in ["csv", "csv.manifest.json"] {
        std::fs::remove_file(company.exported(&format!("tieout-files-000002.{ending}"))).unwrap();
    }
    let problem = company.export(1)["problem"].as_str().unwrap().to_owned();
    assert!(
        problem.contains("batch 1 of these books is another one"),
        "{problem}"
    );
    // Nothing is in the way any more.
    std::fs::write(company.exported(name), kept).unwrap();
    assert_eq!(company.export(0)["delivered"], 1);
    assert_eq!(company.manifest(2)["first_entry"], 11);
    if let Some(url) = &company.postgres {
        common::drop_database(&format!("{url}_old"));
    }
}

fn administer(url: &str, statement: &str) {
    block_on(async {
        let mut connection = PgConnection::connect(url).await.unwrap();
        connection
            .execute(AssertSqlSafe(statement.to_owned()))
            .await
            .unwrap();
    });
}

/// A receiver that takes connections and says nothing.
fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGdUnmFZ8bXR2Vd5kqS3H0kqT3hJQwq7b1cX2H9pUe4K";
    let target = format!(
        "slow: {{ kind: csv, deadline_seconds: 20, drop: {{ sftp: {{ host: 127.0.0.1, port: {port}, user: nobody, host_key: \"{key}\", folder: in, password: {{ env: TIEOUT_EVENTS_TOKEN }}, timeout_seconds: 20 }} }} }}"
    );
    (listener, target)
}

fn a_target_that_does_not_answer_holds_up_nobody(company: &Company) {
    company.ingest("a.ndjson", 0..10);
    let (listener, slow) = silent();
    company.targets(&format!("{FILES}\n  {slow}"));
    company.replace("http:", "");
    let often = "schedule: { export: \"* * * * * *\", ingest: \"* * * * * *\" }\n";
    company.replace("schedule:", often);
    let daemon = Daemon::start(&company.dir, "token");
    let (held, _peer) = listener.accept().unwrap();
    let begun = Instant::now();
    // While the receiver is waited for, what comes is taken, and the other target has its file.
    company.write("b.ndjson", 10..17);
    eventually(Duration::from_secs(15), || {
        let entries = company.number("SELECT COUNT(*) FROM entry");
        let there = company.exported("tieout-files-000001.csv").exists();
        if entries == 17 && there {
            Ok(())
        } else {
            Err(format!("{entries} entries, the file is there: {there}"))
        }
    });
    assert!(begun.elapsed() < Duration::from_secs(15));
    drop((held, listener));
    assert_eq!(daemon.stop(), Some(0));
}

fn a_damaged_artifact_holds_up_no_other_batch(company: &Company) {
    company.targets(
        "files: { kind: csv, batch_entries: 5, drop: { folder: { path: exports/files } } }",
    );
    company.ingest("a.ndjson", 0..10);
    std::fs::create_dir_all(company.dir.join("exports/files")).unwrap();
    let names = ["tieout-files-000001.csv", "tieout-files-000002.csv"];
    for name in names {
        std::fs::write(company.exported(name), "another").unwrap();
    }
    assert_eq!(company.export(1)["delivered"], 0);
    for name in names {
        std::fs::remove_file(company.exported(name)).unwrap();
    }
    let (unguard, bytes) = match company.postgres {
        Some(_) => (
            "ALTER TABLE batch DISABLE TRIGGER batch_append_only",
            r"'\x6461'",
        ),
        None => ("DROP TRIGGER batch_no_update", "x'6461'"),
    };
    company.execute(unguard);
    company.execute(&format!(
        "UPDATE batch SET artifact = {bytes} WHERE number = 1"
    ));
    let attempts = "SELECT COUNT(*) FROM delivery d JOIN batch b ON b.id = d.batch_id WHERE b.number = 1 AND d.message LIKE '%is not what was rendered%'";
    for (run, delivered) in [(1, 1), (2, 0)] {
        let done = company.export(1);
        assert_eq!(
            (&done["delivered"], &done["unknown"]),
            (&json!(delivered), &json!(1)),
            "run {run}"
        );
        let problem = done["problem"].as_str().unwrap();
        assert!(
            problem.contains("`tieout-files-000001.csv` is not what was rendered"),
            "{problem}"
        );
        assert_eq!(company.number(attempts), run, "one attempt per run");
    }
    assert!(company.exported(names[1]).exists());
    assert!(!company.exported(names[0]).exists());
}

fn only_the_targets_own_manifests_are_held_against_the_books(company: &Company) {
    company.ingest("a.ndjson", 0..10);
    company.export(0);
    let before = company.verdict();
    let mut foreign = company.manifest(1);
    foreign["chain"]["record_hash"] = json!("11".repeat(32));
    let own = company.exported("tieout-files-000001.csv.manifest.json");
    for (target, name) in [
        ("other", "tieout-other-000001.csv.manifest.json"),
        ("other", "tieout-files-000002.csv.manifest.json"),
        ("files", "copy-of-000001.csv.manifest.json"),
    ] {
        foreign["target"] = json!(target);
        std::fs::write(company.exported(name), foreign.to_string()).unwrap();
        assert_eq!(company.verdict(), before, "{target}: {name}");
    }
    foreign["target"] = json!("files");
    std::fs::write(own, foreign.to_string()).unwrap();
    let verify = tieout(&["-c", &company.config, "verify"]);
    let said = String::from_utf8_lossy(&verify.stdout).into_owned();
    assert!(
        !verify.status.success() && said.contains("the chain was written anew"),
        "{said}"
    );
}

fn two_processes_match_each_item_once(company: &Company) {
    let database_kind = company.postgres.as_ref().map_or("sqlite", |_| "postgres");
    let month = common::demo(&format!("export-month-{database_kind}"), "2000", "7");
    for part in ["inbox", "settlements"] {
        for item in std::fs::read_dir(month.join(part)).unwrap() {
            let path = item.unwrap().path();
            let to = company.dir.join(part).join(path.file_name().unwrap());
            std::fs::copy(&path, to).unwrap();
        }
    }
    company.run(0, &["ingest"]);
    company.run(0, &["settle"]);
    let all = ["-c", company.config.as_str(), "--json", "reconcile"];
    let matched: i64 = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..2)
            .map(|_| scope.spawn(|| expect_json(0, &all)))
            .collect();
        runs.into_iter()
            .flat_map(|run| run.join().unwrap().as_array().unwrap().clone())
            .map(|summary| summary["matches"].as_i64().unwrap())
            .sum()
    });
    let stored = company.number("SELECT COUNT(*) FROM reconciliation_match");
    assert!(stored > 0);
    assert_eq!(matched, stored, "each match is of one of the two");
    let again = expect_json(0, &all);
    let new = again.as_array().unwrap().iter();
    assert!(new.into_iter().all(|summary| summary["matches"] == 0));
    std::fs::remove_dir_all(month).unwrap();
}
