//! Edits behind Tieout's back, as somebody with the database's password could make them: a table, each with the
//! words that `verify` finds it with, on both databases. Guards are put back up after each edit.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::too_many_lines,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

mod common;

use common::{block_on, config, configure, database, demo, drop_database, expect, expect_json};
use ledger::{FixedClock, SequentialIds};
use office::questions::verify::{Findings, Request, verify};
use office::{Call, Company};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, SqliteConnection};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An edit: what it is, its statements, and words of the failure that names it.
struct Edit {
    what: &'static str,
    statements: &'static [&'static str],
    words: &'static [&'static str],
}

const fn edit(
    what: &'static str,
    statements: &'static [&'static str],
    words: &'static [&'static str],
) -> Edit {
    Edit {
        what,
        statements,
        words,
    }
}

const EDITS: &[Edit] = &[
    edit(
        "a seal deleted",
        &["DELETE FROM seal WHERE id = 1"],
        &["seal 1 is gone"],
    ),
    edit(
        "a seal's signer changed",
        &["UPDATE seal SET sealed_by = 'nobody' WHERE id = 1"],
        &["seal 1 is not what was written"],
    ),
    edit(
        "a seal set twice",
        &[
            "INSERT INTO seal (id, period_id, batch, statement, hash, signature, public_key, sealed_at, sealed_by) SELECT 2, period_id, batch, statement, hash, signature, public_key, sealed_at, sealed_by FROM seal WHERE id = 1",
        ],
        &["seal 2 was not written by Tieout"],
    ),
    edit(
        "a seal by another key",
        &["UPDATE seal SET public_key = (SELECT hash FROM posting_batch WHERE id = 1)"],
        &["seal 1", "was set with key"],
    ),
    edit(
        "suspended turned ignored",
        &[
            "UPDATE outcome SET kind = 2, reason = NULL WHERE event_id = (SELECT MIN(event_id) FROM outcome WHERE kind = 3)",
        ],
        &["outcome", "is not what was written"],
    ),
    edit(
        "posted turned ignored",
        &[
            "UPDATE outcome SET kind = 2 WHERE event_id = (SELECT MIN(event_id) FROM outcome WHERE kind = 1)",
        ],
        &["outcome", "is not what was written"],
    ),
    edit(
        "a reason reworded",
        &[
            "UPDATE outcome SET reason = 'all is well' WHERE event_id = (SELECT MIN(event_id) FROM outcome WHERE kind = 3)",
        ],
        &["outcome", "is not what was written"],
    ),
    edit(
        "the last of quarantine removed with its counters",
        &[
            "UPDATE source_partition SET received = received - 1 WHERE id = (SELECT partition_id FROM quarantine ORDER BY id DESC LIMIT 1)",
            "DELETE FROM quarantine WHERE id = (SELECT MAX(id) FROM quarantine)",
            "UPDATE writer SET quarantine = quarantine - 1",
        ],
        &["quarantine", "is gone"],
    ),
    edit(
        "quarantined bytes changed",
        &["UPDATE quarantine SET raw = (SELECT raw FROM quarantine WHERE id = 2) WHERE id = 1"],
        &["quarantine 1 is not what was written"],
    ),
    edit(
        "why bytes are in quarantine",
        &["UPDATE quarantine SET reason = 'nothing' WHERE id = 2"],
        &["quarantine 2 is not what was written"],
    ),
    edit(
        "a decision about quarantine",
        &["UPDATE quarantine_decision SET why = 'because' WHERE quarantine_id = 1"],
        &["quarantine_decision 1 is not what was written"],
    ),
    edit(
        "the last repetition removed with its counters",
        &[
            "UPDATE source_partition SET received = received - 1 WHERE id = (SELECT partition_id FROM repetition ORDER BY id DESC LIMIT 1)",
            "DELETE FROM repetition WHERE id = (SELECT MAX(id) FROM repetition)",
            "UPDATE writer SET repetition = repetition - 1",
        ],
        &["repetition", "is gone"],
    ),
    edit(
        "a conflict turned duplicate",
        &["UPDATE repetition SET kind = 3 - kind WHERE id = 1"],
        &["repetition 1 is not what was written"],
    ),
    edit(
        "two document numbers swapped",
        &[
            "UPDATE document SET entry_id = -1 WHERE entry_id = 1",
            "UPDATE document SET entry_id = 1 WHERE entry_id = 2",
            "UPDATE document SET entry_id = 2 WHERE entry_id = -1",
        ],
        &["document", "is not what was written"],
    ),
    edit(
        "a delivery's state",
        &["UPDATE delivery SET kind = 3 - kind WHERE batch_id = 1"],
        &["delivery 1/1 is not what was written"],
    ),
    edit(
        "a delivery slipped in",
        &[
            "INSERT INTO delivery (batch_id, attempt, kind, message, attempted_at, attempted_by) SELECT batch_id, attempt + 1, 2, message, attempted_at, attempted_by FROM delivery WHERE batch_id = 1 AND attempt = 1",
        ],
        &["delivery 1/2 was not written by Tieout"],
    ),
    edit(
        "who made a batch",
        &["UPDATE batch SET created_by = 'nobody' WHERE id = 1"],
        &["batch 1 is not what was written"],
    ),
    edit(
        "when a batch was made",
        &["UPDATE batch SET created_at = (SELECT MIN(started_at) FROM run) WHERE id = 1"],
        &["batch 1 is not what was written"],
    ),
    edit(
        "a batch's manifest",
        &["UPDATE batch SET manifest = '{}' WHERE id = 1"],
        &["batch 1 is not what was written"],
    ),
    edit(
        "an artifact",
        &[
            "UPDATE artifact_chunk SET bytes = (SELECT payload FROM event WHERE id = 1), codec = 0 WHERE batch_id = 1",
        ],
        &["artifact", "is not what was rendered"],
    ),
    edit(
        "a batch's range",
        &["UPDATE batch_range SET claimed_by = 'nobody' WHERE batch_id = 1"],
        &["batch_range 1 is not what was written"],
    ),
    edit(
        "who discarded",
        &["UPDATE proposal SET proposed_by = 'nobody' WHERE id = 1"],
        &["proposal 1 is not what was written"],
    ),
    edit(
        "who posted",
        &["UPDATE posting_batch SET posted_by = 'nobody' WHERE id = 1"],
        &["posting_batch 1 is not what was written"],
    ),
    edit(
        "payload, key and content hash changed together",
        &[
            "UPDATE event SET payload = (SELECT payload FROM event WHERE id = 2), content_hash = (SELECT content_hash FROM event WHERE id = 2) WHERE id = 1",
        ],
        &["event 1 is not what was written"],
    ),
    edit(
        "where an event came from",
        &["UPDATE event SET position = position + 1 WHERE id = 3"],
        &["event 3 is not what was written"],
    ),
    edit(
        "when an event came",
        &["UPDATE event SET received_at = occurred_at WHERE id = 3"],
        &["event 3 is not what was written"],
    ),
    edit(
        "the name of a type",
        &["UPDATE event_type SET name = 'other.v1' WHERE id = 1"],
        &["event_type 1 is not what was written"],
    ),
    edit(
        "the name of a rule",
        &[
            "UPDATE rule SET name = 'other' WHERE id = (SELECT rule_id FROM outcome WHERE kind = 2 ORDER BY event_id LIMIT 1)",
        ],
        &["rule", "is not what was written"],
    ),
    edit(
        "a checkpoint",
        &["UPDATE source_partition SET position = position + 100 WHERE id = 1"],
        &["source_partition 1", "its checkpoint stands at"],
    ),
    edit(
        "what was received",
        &["UPDATE source_partition SET received = received + 1 WHERE id = 1"],
        &["source_partition 1", "inputs were counted"],
    ),
    edit(
        "a balance",
        &[
            "UPDATE balance SET debit = debit + 1, credit = credit + 1 WHERE account_id = (SELECT MIN(account_id) FROM balance)",
        ],
        &["balance of entity"],
    ),
    edit(
        "an amount on both sides",
        &["UPDATE line SET amount = amount + 1, functional = functional + 1 WHERE entry_id = 5"],
        &["entry 5", "is not what was posted"],
    ),
    edit(
        "an entry moved into another period",
        &[
            "UPDATE entry SET period_id = (SELECT MAX(id) FROM period WHERE id <> period_id) WHERE id = 1",
        ],
        &["entry 1", "does not hold its date"],
    ),
    edit(
        "a line slipped in beside the journal",
        &[
            "INSERT INTO line (entry_id, line_no, account_id, side, amount, currency_id, functional, dimension_set_id) SELECT -1, line_no, account_id, side, amount, currency_id, functional, dimension_set_id FROM line WHERE entry_id = 1",
        ],
        &["line:", "belong to entries"],
    ),
    edit(
        "a period opened again without a word",
        &["UPDATE period SET state = 'open' WHERE state = 'closed'"],
        &["period", "is open and by the record chain it is closed"],
    ),
    edit(
        "a period closed without a word",
        &[
            "UPDATE period SET state = 'closed' WHERE id = (SELECT MAX(id) FROM period WHERE state = 'open')",
        ],
        &["period", "is closed and by the record chain it is open"],
    ),
    edit(
        "an activation of a mapping removed",
        &["DELETE FROM mapping_activation WHERE id = 1"],
        &["mapping_activation 1 is gone"],
    ),
    edit(
        "who put a mapping in force",
        &["UPDATE mapping SET activated_by = 'nobody' WHERE id = 1"],
        &["mapping 1 is not what was written"],
    ),
    edit(
        "the net of a settlement line",
        &["UPDATE settlement_line_received SET net = net + 1, gross = gross + 1 WHERE id = 1"],
        &["settlement_line 1 is not what was written"],
    ),
    edit(
        "a settlement line removed",
        &["DELETE FROM settlement_line_received WHERE id = 2"],
        &["settlement_line 2 is gone"],
    ),
    edit(
        "a file's bytes",
        &["UPDATE settlement_file SET raw = (SELECT payload FROM event WHERE id = 1) WHERE id = 1"],
        &["settlement file", "is not what was received"],
    ),
    edit(
        "who brought a file",
        &["UPDATE settlement_file SET received_by = 'nobody' WHERE id = 1"],
        &["settlement_file 1 is not what was written"],
    ),
    edit(
        "a statement's verdict",
        &["UPDATE statement SET verdict = 'closes!' WHERE id = 1"],
        &["statement 1 is not what was written"],
    ),
    edit(
        "why a match was made",
        &["UPDATE reconciliation_match_made SET explanation = 'so' WHERE id = 1"],
        &["reconciliation_match 1 is not what was written"],
    ),
    edit(
        "what a match consumed",
        &["DELETE FROM match_item_made WHERE match_id = 2"],
        &["match_item", "is gone"],
    ),
    edit(
        "the amount of what a match consumed",
        &["UPDATE match_item_made SET amount = amount + 1 WHERE serial = 1"],
        &["match_item 1 is not what was written"],
    ),
    edit(
        "a match made to stand no more",
        &[
            "INSERT INTO match_undone (id, match_id, reconciliation, proposal_id, why, undone_at, undone_by) SELECT 1, id, reconciliation, 1, 'so', matched_at, 'nobody' FROM reconciliation_match_made WHERE id = 1",
        ],
        &["match_undone 1 was not written by Tieout"],
    ),
    edit(
        "a break made to look posted away",
        &[
            "INSERT INTO break_posting (proposal_id, case_id, event_id, first_entry, entries, amount) SELECT 1, MIN(id), 1, 1, 1, 1 FROM break_case",
        ],
        &["break_posting 1 was not written by Tieout"],
    ),
    edit(
        "every open break resolved",
        &[
            "INSERT INTO case_deed (case_id, number, deed, actor, done_at, why, assignee, amount, proposal_id, serial) SELECT f.id, 99, 'resolved', 'nobody', c.opened_at, 'so', '', 0, 1, c.serial + 100000 FROM finding f JOIN break_case c ON c.id = f.id",
        ],
        &["case_deed", "was not written by Tieout"],
    ),
    edit(
        "breaks resolved without a proposal",
        &[
            "INSERT INTO case_deed (case_id, number, deed, actor, done_at, why, assignee, amount, proposal_id, serial) SELECT f.id, 99, 'written-off', 'nobody', c.opened_at, 'so', '', 0, 1, c.serial + 100000 FROM finding f JOIN break_case c ON c.id = f.id",
        ],
        &["case_deed 99 of case", "comes from no proposal"],
    ),
    edit(
        "a proposal to resolve turned away from its case",
        &["UPDATE proposal SET subject = 'BRK-0' WHERE kind = 'break-resolve'"],
        &["`resolved` comes from no proposal"],
    ),
    edit(
        "the histories of cases removed",
        &["DELETE FROM case_deed"],
        &["case_deed 1 is gone"],
    ),
    edit(
        "the amount of cases",
        &["UPDATE break_case SET amount = 0 WHERE amount <> 0"],
        &["break_case", "is not what was written"],
    ),
    edit(
        "a case removed",
        &["DELETE FROM break_case WHERE serial = 2"],
        &["break_case 2 is gone"],
    ),
    edit(
        "findings removed",
        &["DELETE FROM finding"],
        &["finding of", "the 0 rows in the books are not the"],
    ),
    edit(
        "findings explained away",
        &["UPDATE finding SET status = 'explained', amount = 0"],
        &["finding of", "that its newest run left"],
    ),
    edit(
        "findings explained away with the totals",
        &[
            "UPDATE finding SET status = 'explained', amount = 0",
            "UPDATE reconciliation_state SET left_pending = left_pending + breaks, breaks = 0",
            "UPDATE reconciliation_cash SET left_open = left_open + breaks, breaks = 0",
        ],
        &["reconciliation_state of", "that its newest run left"],
    ),
    edit(
        "cash explained away",
        &["UPDATE reconciliation_cash SET left_open = left_open + breaks, breaks = 0"],
        &["reconciliation_cash of", "that its newest run left"],
    ),
    edit(
        "all that runs left removed",
        &[
            "DELETE FROM finding",
            "DELETE FROM reconciliation_state",
            "DELETE FROM reconciliation_cash",
        ],
        &["finding: all", "rows that a run left are gone"],
    ),
    edit(
        "a decision slipped in",
        &[
            "INSERT INTO decision (proposal_id, verdict, proposed_by, decided_by, decided_at, why) SELECT id, 'approved', proposed_by, 'nobody', proposed_at, 'so' FROM proposal WHERE id = 1",
        ],
        &["decision 1 was not written by Tieout"],
    ),
    edit(
        "a release slipped in",
        &[
            "INSERT INTO batch_release (batch_id, why, decided_at, decided_by) SELECT id, 'so', created_at, 'nobody' FROM batch WHERE id = 1",
        ],
        &["batch_release 1 was not written by Tieout"],
    ),
    edit(
        "a resending slipped in",
        &[
            "INSERT INTO batch_resend (batch_id, attempt, why, decided_at, decided_by) SELECT id, 1, 'so', created_at, 'nobody' FROM batch WHERE id = 1",
        ],
        &["batch_resend 1/1 was not written by Tieout"],
    ),
    edit(
        "the name of a payout",
        &["UPDATE payout SET identity = 'other' WHERE id = 1"],
        &["payout 1 is not what was written"],
    ),
    edit(
        "a run that failed",
        &["DELETE FROM run WHERE id = 1"],
        &["run 1 is gone"],
    ),
    edit(
        "the type of an account",
        &[
            "UPDATE account SET type = 'expense' WHERE id = (SELECT MIN(id) FROM account WHERE type <> 'expense')",
        ],
        &["account", "is not what was written"],
    ),
    edit(
        "the zone of an entity",
        &["UPDATE entity SET zone = 'UTC' WHERE id = 1"],
        &["entity 1 is not what was written"],
    ),
    edit(
        "a link of the record chain removed",
        &["DELETE FROM record_link WHERE id = 40"],
        &["record links 40 to 40 are gone"],
    ),
    edit(
        "a link of the record chain changed",
        &["UPDATE record_link SET written_by = 'nobody' WHERE id = 40"],
        &["record link 40", "does not follow"],
    ),
    edit(
        "the end of the record chain cut off with the writer's row",
        &[
            "DELETE FROM record_link WHERE id >= (SELECT MAX(id) FROM record_link WHERE kind = 'posting_batch')",
            "UPDATE writer SET record = (SELECT MAX(id) FROM record_link), record_head = (SELECT hash FROM record_link ORDER BY id DESC LIMIT 1)",
        ],
        &["was seen and is gone"],
    ),
    edit(
        "a link of the journal's chain changed",
        &["UPDATE posting_batch SET root = previous WHERE id = 1"],
        &["posting batch 1"],
    ),
];

/// A small company with a month in its books, on one of both databases.
fn company(name: &str, store: Option<&str>) -> PathBuf {
    let dir = demo(name, "2000", "7");
    for ending in ["", "-wal", "-shm", ".lock", ".closed"] {
        let _absent = std::fs::remove_file(dir.join(format!("tieout.db{ending}")));
    }
    if let Some(url) = store {
        configure(&dir, |text| text.replace("sqlite:tieout.db", url));
    }
    let _exports = std::fs::remove_dir_all(dir.join("exports"));
    let yaml = config(&dir);
    for arguments in [
        &["ingest"][..],
        &["settle"],
        &["reconcile"],
        &["export"],
        &["period", "close", "eu", "2026-01"],
        &["quarantine", "discard", "1", "--why", "no use"],
    ] {
        let mut all = vec!["-c", yaml.as_str()];
        all.extend(arguments);
        expect(0, &all);
    }
    let list = expect_json(0, &["-c", &yaml, "breaks", "list", "--json"]);
    let id = list[0]["id"].as_str().unwrap();
    expect(
        0,
        &["-c", &yaml, "breaks", "resolve", id, "--why", "it came"],
    );
    dir
}

async fn verified(dir: &Path) -> Findings {
    let clock = Arc::new(FixedClock("2026-02-03T00:00:00Z".parse().unwrap()));
    let ids = Arc::new(SequentialIds::new(1));
    let company = Company::open_to_read(&dir.join("tieout.yaml"), clock, ids)
        .await
        .unwrap();
    let call = Call::new(company, "suite");
    let found = verify(&call, &Request::default()).await.unwrap();
    call.store.close().await.unwrap();
    found
}

fn is_found(edit: &Edit, found: &Findings) -> Result<(), String> {
    let named = found
        .failures
        .iter()
        .any(|failure| edit.words.iter().all(|word| failure.contains(word)));
    if named {
        return Ok(());
    }
    Err(format!(
        "{}: {:?} not in {:#?}",
        edit.what, edit.words, found.failures
    ))
}

trait Changes {
    async fn changes(&mut self, statement: &str) -> u64;
}

impl Changes for SqliteConnection {
    async fn changes(&mut self, statement: &str) -> u64 {
        let statement = AssertSqlSafe(statement.to_owned());
        self.execute(statement).await.unwrap().rows_affected()
    }
}

impl Changes for PgConnection {
    async fn changes(&mut self, statement: &str) -> u64 {
        let statement = AssertSqlSafe(statement.to_owned());
        self.execute(statement).await.unwrap().rows_affected()
    }
}

#[test]
fn every_edit_of_a_sqlite_file_is_found_and_named() {
    let dir = company("tamper", None);
    let books = dir.join("tieout.db");
    let whole = std::fs::read(&books).unwrap();
    let sound = block_on(verified(&dir));
    assert_eq!(sound.failures, Vec::<String>::new());
    let mut missed = Vec::new();
    for edit in EDITS {
        std::fs::write(&books, &whole).unwrap();
        block_on(async {
            let options = sqlx::sqlite::SqliteConnectOptions::new()
                .filename(&books)
                .foreign_keys(false);
            let mut connection = options.connect().await.unwrap();
            let guards: Vec<(String, String)> =
                sqlx::query_as("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
                    .fetch_all(&mut connection)
                    .await
                    .unwrap();
            for (name, _) in &guards {
                connection.changes(&format!("DROP TRIGGER {name}")).await;
            }
            for statement in edit.statements {
                let rows = connection.changes(statement).await;
                assert!(rows > 0, "{}: `{statement}` changed nothing", edit.what);
            }
            for (_, text) in &guards {
                connection.changes(text).await;
            }
            connection.close().await.unwrap();
        });
        let found = block_on(verified(&dir));
        missed.extend(is_found(edit, &found).err());
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    std::fs::write(&books, &whole).unwrap();
    let guards = [
        (
            "DROP TRIGGER seal_no_delete",
            "trigger seal_no_delete on seal is gone",
        ),
        (
            "DROP VIEW batch_state; CREATE VIEW batch_state AS SELECT 1 AS batch_id",
            "view batch_state on batch_state is not as it was put up",
        ),
        (
            "ALTER TABLE run RENAME TO runs; CREATE VIEW run AS SELECT * FROM runs",
            "table run is gone",
        ),
        (
            "CREATE TRIGGER _sqlx_quiet AFTER INSERT ON event BEGIN DELETE FROM run; END",
            "trigger _sqlx_quiet on event was not put up by Tieout",
        ),
        (
            "CREATE TRIGGER quiet AFTER INSERT ON event BEGIN DELETE FROM run; END",
            "trigger quiet on event was not put up by Tieout",
        ),
    ];
    for (statement, words) in guards {
        std::fs::write(&books, &whole).unwrap();
        block_on(async {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&books);
            let mut connection = options.connect().await.unwrap();
            connection.changes(statement).await;
            connection.close().await.unwrap();
        });
        let found = block_on(verified(&dir));
        assert!(
            found.failures.iter().any(|failure| failure == words),
            "{:?}",
            found.failures
        );
    }
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn every_edit_of_a_postgres_database_is_found_and_named() {
    let url = database("tamper");
    let (base, name) = url.rsplit_once('/').unwrap();
    let dir = company("tamper-postgres", Some(&url));
    let sound = block_on(verified(&dir));
    assert_eq!(sound.failures, Vec::<String>::new());
    let copy = format!("{name}_copy");
    let copied = format!("{base}/{copy}");
    configure(&dir, |text| text.replace(&url, &copied));
    let mut missed = Vec::new();
    let administer = |statement: String| {
        block_on(async {
            let mut connection = PgConnection::connect(&common::peer("TIEOUT_TEST_POSTGRES"))
                .await
                .unwrap();
            connection.changes(&statement).await;
        });
    };
    let again = || {
        administer(format!("DROP DATABASE IF EXISTS {copy} WITH (FORCE)"));
        administer(format!("CREATE DATABASE {copy} TEMPLATE {name}"));
    };
    for edit in EDITS {
        again();
        block_on(async {
            let mut connection = PgConnection::connect(&copied).await.unwrap();
            connection
                .changes("SET session_replication_role = replica")
                .await;
            for statement in edit.statements {
                let rows = connection.changes(statement).await;
                assert!(rows > 0, "{}: `{statement}` changed nothing", edit.what);
            }
        });
        let found = block_on(verified(&dir));
        missed.extend(is_found(edit, &found).err());
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    let guards = [
        (
            "ALTER TABLE seal DISABLE TRIGGER seal_append_only",
            "trigger seal_append_only on seal is not as it was put up",
        ),
        (
            "DROP TRIGGER delivery_append_only ON delivery",
            "trigger delivery_append_only on delivery is gone",
        ),
        (
            "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
            "function refuse_change is not as it was put up",
        ),
        (
            "CREATE OR REPLACE VIEW batch_entry AS SELECT r.target_id, e.id AS entry_id, r.batch_id FROM batch_range r JOIN entry e ON e.id BETWEEN r.first_entry AND r.last_entry",
            "view batch_entry is not as it was put up",
        ),
        (
            "ALTER TABLE run RENAME TO runs; CREATE VIEW run AS SELECT * FROM runs",
            "column id of run is gone",
        ),
        (
            "ALTER TABLE decision DROP CONSTRAINT decision_pkey",
            "constraint decision_pkey on decision is gone",
        ),
        (
            "ALTER TABLE event ADD COLUMN more INT DEFAULT 5",
            "column more of event was not put up by Tieout",
        ),
        (
            "ALTER TABLE batch_range DISABLE TRIGGER ALL; ALTER TABLE batch_range ENABLE TRIGGER USER",
            "keys of batch_range was not put up by Tieout",
        ),
        (
            "CREATE TABLE more () INHERITS (run)",
            "child more of run was not put up by Tieout",
        ),
        (
            "CREATE FUNCTION refuse_change(one INT) RETURNS INT LANGUAGE sql AS 'SELECT 1'",
            "function refuse_change is not as it was put up",
        ),
        (
            "ALTER TABLE run ENABLE ROW LEVEL SECURITY",
            "security of run was not put up by Tieout",
        ),
        ("DROP INDEX event_key", "index event_key on event is gone"),
        (
            "CREATE RULE quiet AS ON INSERT TO run DO INSTEAD NOTHING",
            "rule quiet on run was not put up by Tieout",
        ),
    ];
    for (statement, words) in guards {
        again();
        block_on(async {
            let mut connection = PgConnection::connect(&copied).await.unwrap();
            connection.changes(statement).await;
        });
        let found = block_on(verified(&dir));
        assert!(
            found.failures.iter().any(|failure| failure == words),
            "{:?}",
            found.failures
        );
    }
    drop_database(&copied);
    drop_database(&url);
    std::fs::remove_dir_all(dir).unwrap();
}
