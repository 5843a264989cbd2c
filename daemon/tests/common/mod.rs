//! What the tests of the binary share: running it, and talking to its peers.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    missing_docs,
    missing_debug_implementations,
    reason = "each test file uses its own part of this, and a test that cannot go on says where"
)]

use serde_json::Value;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A peer that the test command starts; missing, the test fails and says how to get it.
pub fn peer(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_unset| {
        panic!("{name} is not set; `make test` starts the peer and sets it")
    })
}

/// A folder of its own for a test, empty.
pub fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("tieout-{name}-{}", std::process::id()));
    let _absent = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// Runs the binary and waits.
pub fn tieout(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tieout"))
        .args(arguments)
        .env("USER", "tester")
        .output()
        .unwrap()
}

/// Runs the binary as somebody until the statement of this number, and kills it there; false where it came to its end
/// before.
pub fn killed(dir: &Path, user: &str, number: usize, arguments: &[&str]) -> bool {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tieout"))
        .args(["-c", &config(dir), "--json"])
        .args(arguments)
        .env("USER", user)
        .env("TIEOUT_FAULT", format!("stop:{number}"))
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let stopped = lines.any(|line| line.unwrap().starts_with("stopped before statement"));
    if stopped {
        child.kill().unwrap();
    }
    let ended = child.wait().unwrap();
    assert!(stopped || ended.success(), "{arguments:?}: {ended}");
    stopped
}

/// Runs the binary, expects an exit code, and gives its standard output.
pub fn expect(code: i32, arguments: &[&str]) -> String {
    let output = tieout(arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        output.status.code(),
        Some(code),
        "tieout {arguments:?}\n{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// The same as JSON.
pub fn expect_json(code: i32, arguments: &[&str]) -> Value {
    serde_json::from_str(&expect(code, arguments)).unwrap()
}

/// A demo in a folder of its own.
pub fn demo(name: &str, events: &str, seed: &str) -> PathBuf {
    let dir = folder(name);
    expect(
        0,
        &[
            "demo",
            "--dir",
            dir.to_str().unwrap(),
            "--events",
            events,
            "--seed",
            seed,
        ],
    );
    dir
}

/// The configuration of a folder as an argument.
pub fn config(dir: &Path) -> String {
    dir.join("tieout.yaml").display().to_string()
}

/// Rewrites the configuration of a starter company.
pub fn configure(dir: &Path, change: impl Fn(String) -> String) {
    let path = dir.join("tieout.yaml");
    let text = change(std::fs::read_to_string(&path).unwrap());
    std::fs::write(path, text).unwrap();
}

/// Waits for a future.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// A new, empty database on the PostgreSQL of the tests.
pub fn database(name: &str) -> String {
    let url = peer("TIEOUT_TEST_POSTGRES");
    let name = format!("{name}_{}", std::process::id());
    administer(&format!("DROP DATABASE IF EXISTS {name}"));
    administer(&format!("CREATE DATABASE {name}"));
    let base = url
        .rsplit_once('/')
        .map_or(url.as_str(), |(base, _)| base)
        .to_owned();
    format!("{base}/{name}")
}

/// Gives a database of [`database`] back.
pub fn drop_database(url: &str) {
    let name = url.rsplit('/').next().unwrap();
    administer(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
}

fn administer(statement: &str) {
    block_on(async {
        let mut connection = PgConnection::connect(&peer("TIEOUT_TEST_POSTGRES"))
            .await
            .unwrap();
        connection
            .execute(AssertSqlSafe(statement.to_owned()))
            .await
            .unwrap();
    });
}

/// Changes the books behind Tieout's back, as somebody with the file could.
pub fn tamper(dir: &Path, trigger: &str, statement: &str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(dir.join("tieout.db"));
    block_on(async {
        let mut connection = options.connect().await.unwrap();
        connection
            .execute(AssertSqlSafe(format!("DROP TRIGGER {trigger}")))
            .await
            .unwrap();
        let done = connection
            .execute(AssertSqlSafe(statement.to_owned()))
            .await
            .unwrap();
        assert!(done.rows_affected() > 0, "`{statement}` changed nothing");
        connection.close().await.unwrap();
    });
}

/// A free loopback port.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// The daemon, stopped when the test ends, whatever happens.
pub struct Daemon(pub Child);

impl Daemon {
    pub fn start(dir: &Path, token: &str) -> Self {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(dir.join("daemon.log"))
            .unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_tieout"))
            .args(["-c", &config(dir), "--log", "json", "run"])
            .env("USER", "tester")
            .env("TIEOUT_EVENTS_TOKEN", token)
            .stderr(Stdio::from(log))
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Asks it to stop and waits for the end.
    pub fn stop(mut self) -> Option<i32> {
        let pid = self.0.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        self.0.wait().unwrap().code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

/// Waits until something holds; the last answer is in the panic.
pub fn eventually<T: std::fmt::Debug>(
    limit: Duration,
    mut ask: impl FnMut() -> Result<T, String>,
) -> T {
    let begun = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(why) if begun.elapsed() > limit => panic!("after {limit:?}: {why}"),
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}
