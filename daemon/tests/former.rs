//! Books that the former version made: they are brought up to date by the first command that writes, keep what
//! they said, and go on. The dumps hold a small month with matches, a break, batches and a sealed period.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

mod common;

use common::{
    block_on, config, configure, database, drop_database, expect, expect_json, folder, tieout,
};
use serde_json::Value;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use std::path::{Path, PathBuf};

/// What sealed the period in the dumps.
const KEY: &str = "3e7db56b592731c5d83e41331cd73a9d39546420c99b54ba78daecbb6e63a7ed";

/// The break of each dump: a charge that stands twice. Which of the two lines came first differs.
const BREAKS: [&str; 2] = ["BRK-33e94c90d5", "BRK-a70ef3b827"];

fn fixture(name: &str) -> PathBuf {
    let daemon = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap());
    daemon.parent().unwrap().join("fixtures/books").join(name)
}

/// A starter company that trusts the key of the dumps.
fn company(name: &str) -> PathBuf {
    let dir = folder(name);
    expect(0, &["init", dir.to_str().unwrap()]);
    configure(&dir, |text| {
        text.replace(
            "seal: { key: { file: seal-key.pem } }",
            &format!("seal: {{ key: {{ file: seal-key.pem }}, trusted: [\"{KEY}\"] }}"),
        )
    });
    dir
}

fn go_on(dir: &Path, found_before: &str) {
    let config = config(dir);
    let refused = tieout(&["-c", &config, "verify"]);
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{words}");
    assert!(words.contains("`tieout post`"), "{words}");

    expect(0, &["-c", &config, "post"]);
    let found = expect_json(0, &["-c", &config, "--json", "verify"]);
    assert_eq!(found["failures"], Value::Array(Vec::new()));
    assert_eq!(
        (&found["events"], &found["entries"]),
        (&14.into(), &13.into())
    );

    let same = |when: &str| {
        let breaks = expect_json(0, &["-c", &config, "--json", "breaks", "list"]);
        let ids: Vec<&Value> = breaks
            .as_array()
            .unwrap()
            .iter()
            .map(|b| &b["id"])
            .collect();
        assert_eq!(ids, [found_before], "{when}");
        assert_eq!(breaks[0]["amount"], -24_830, "{when}");
    };
    same("before");
    let runs = expect_json(0, &["-c", &config, "--json", "reconcile"]);
    for run in runs.as_array().unwrap() {
        assert_eq!(run["matches"], 0, "nothing is matched twice: {run}");
    }
    same("after another run");

    let exports = expect_json(0, &["-c", &config, "--json", "export"]);
    for target in exports.as_array().unwrap() {
        assert_eq!(target["batches"], 0, "nothing leaves twice: {target}");
    }
    let again = fixture("former.ndjson");
    let came = expect_json(
        0,
        &["-c", &config, "--json", "ingest", again.to_str().unwrap()],
    );
    assert_eq!(
        (&came["conflicts"], &came["duplicates"]),
        (&0.into(), &14.into())
    );
    let found = expect_json(0, &["-c", &config, "--json", "verify"]);
    assert_eq!(found["failures"], Value::Array(Vec::new()));
}

#[test]
fn a_file_of_the_former_version_goes_on() {
    let dir = company("former-sqlite");
    let dump = std::fs::read_to_string(fixture("former.sqlite.sql")).unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(dir.join("tieout.db"))
        .create_if_missing(true);
    block_on(async {
        let mut connection = options.connect().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(dump))
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    });
    go_on(&dir, BREAKS[0]);
}

#[test]
fn a_server_of_the_former_version_goes_on() {
    let dir = company("former-postgres");
    let url = database("former");
    configure(&dir, |text| text.replace("sqlite:tieout.db", &url));
    let dump = std::fs::read_to_string(fixture("former.postgres.sql")).unwrap();
    block_on(async {
        let mut connection = PgConnection::connect(&url).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(dump))
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    });
    go_on(&dir, BREAKS[1]);
    drop_database(&url);
}
