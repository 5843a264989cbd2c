//! Every stage of the chain at a million events, beside the bare operation: wall and CPU seconds, peak memory.
//!
//! A company's month is made by the demo; `tieout` takes it stage by stage, each a process of its own. Beside a
//! stage stands what its database and its files ask for at least: `register` and `export` the same rows through
//! one joined SELECT and a bare writer, `settle` a bare reader of its files and a bare insert of their lines,
//! `reconcile` a bare read of both sides and a bare insert of what was matched, `trial-balance` one SELECT of
//! the balances, `verify` the ingest. The bare operations are processes too: this program, started again.
//!
//! `ratio STAGE.DB` is a rate over the bare operation's rate, and for `trial-balance` and `verify` a time over
//! a time; `peak STAGE.DB` is in MiB. A stage that fails is told, and the others go on. `EVENTS` and `DATABASES`
//! (`sqlite postgres`) make it smaller.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::float_arithmetic,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a measurement that cannot go on should say where, and its results are for people"
)]

mod measure;

use futures_util::TryStreamExt;
use measure::{memory, server_clock, setting, stat};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, QueryBuilder, SqliteConnection};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Rows of one bare insert.
const ROWS: usize = 256;

/// How often what takes milliseconds is measured; the middle one counts.
const SHORT: usize = 7;

fn main() {
    let mut arguments = std::env::args().skip(1);
    if let Some(bare) = arguments
        .next()
        .as_deref()
        .and_then(|name| name.strip_prefix("bare-").map(str::to_owned))
    {
        return bare_operation(&bare, &arguments.collect::<Vec<_>>());
    }
    // `cargo test --benches` runs this too, and wants nothing of it.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let events = setting("EVENTS", 1_000_000);
    let databases = std::env::var("DATABASES").unwrap_or_else(|_unset| "sqlite,postgres".into());
    let base = std::env::var("CARGO_TARGET_TMPDIR")
        .map_or_else(|_unset| std::env::temp_dir(), PathBuf::from);
    let base = base.join(format!("bench-chain-{}", std::process::id()));
    let mut told = Vec::new();
    for database in databases.split([' ', ',']).filter(|name| !name.is_empty()) {
        let dir = base.join(database);
        std::fs::create_dir_all(&dir).unwrap();
        println!("{database}: a month of {events} events");
        Chain::new(database, dir).run(events, &mut told);
    }
    std::fs::remove_dir_all(&base).unwrap();
    println!();
    for line in told {
        println!("{line}");
    }
}

/// What one process took.
#[derive(Clone, Copy, Debug)]
struct Cost {
    wall: f64,
    client: f64,
    server: f64,
    peak: u64,
}

struct Chain {
    database: String,
    dir: PathBuf,
    /// The books.
    url: String,
    /// The server's first process.
    server: Option<i32>,
    runtime: tokio::runtime::Runtime,
}

impl Chain {
    fn new(database: &str, dir: PathBuf) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let (url, server) = if database == "postgres" {
            let base = std::env::var("TIEOUT_TEST_POSTGRES")
                .expect("TIEOUT_TEST_POSTGRES is not set; `make bench-chain` starts one");
            let (server, _) = base.rsplit_once('/').unwrap();
            let process = runtime.block_on(fresh_databases(&base));
            (format!("{server}/bench_chain"), Some(process))
        } else {
            (format!("sqlite:{}", dir.join("tieout.db").display()), None)
        };
        Self {
            database: database.to_owned(),
            dir,
            url,
            server,
            runtime,
        }
    }

    fn run(&self, events: usize, told: &mut Vec<String>) {
        let dir = self.dir.display().to_string();
        self.tieout(
            "make",
            &[
                "demo",
                "--only-files",
                "--dir",
                &dir,
                "--events",
                &events.to_string(),
            ],
        );
        let config = self.dir.join("tieout.yaml");
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(&config, text.replace("sqlite:tieout.db", &self.url)).unwrap();
        let ingest = self.stage("ingest", &["ingest"], told);
        let settle = self.stage("settle", &["settle"], told);
        let files = self.dir.join("settlements").display().to_string();
        self.beside(
            told,
            "settle",
            settle,
            &["bare-settle", &self.scratch("settle"), &files],
        );
        let reconcile = self.stage("reconcile", &["reconcile"], told);
        self.beside(
            told,
            "reconcile",
            reconcile,
            &["bare-reconcile", &self.url, &self.scratch("reconcile")],
        );
        let export = self.stage("export", &["export", "files"], told);
        let out = self.dir.join("bare.csv").display().to_string();
        self.beside(told, "export", export, &["bare-register", &self.url, &out]);
        self.stage("export-hledger", &["export", "books"], told);
        self.trial_balance(told);
        let file = self.dir.join("register.csv").display().to_string();
        let register = self.stage(
            "register",
            &["report", "journal-register", "--format", "csv", "-o", &file],
            told,
        );
        self.beside(
            told,
            "register",
            register,
            &["bare-register", &self.url, &out],
        );
        let verify = self.stage("verify", &["verify"], told);
        if let (Some(ingest), Some(verify)) = (ingest, verify) {
            told.push(format!(
                "ratio verify.{} {:.2}",
                self.database,
                verify.wall / ingest.wall
            ));
        }
        std::fs::remove_dir_all(&self.dir).unwrap();
    }

    /// What takes milliseconds: in turn with its bare operation.
    fn trial_balance(&self, told: &mut Vec<String>) {
        let report = ["report", "trial-balance", "--format", "csv"];
        let (mut own, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..SHORT {
            own.extend(self.tieout("trial-balance", &report));
            bare.extend(self.again("bare trial-balance", &["bare-balance", &self.url]));
        }
        let (Some(own), Some(bare)) = (middle(own), middle(bare)) else {
            return;
        };
        self.tell("trial-balance", own);
        self.tell("  bare", bare);
        told.push(format!(
            "ratio trial-balance.{} {:.2}",
            self.database,
            own.wall / bare.wall
        ));
        told.push(self.peak("trial-balance", own));
    }

    /// A stage, told with its cost.
    fn stage(&self, stage: &str, arguments: &[&str], told: &mut Vec<String>) -> Option<Cost> {
        let cost = self.tieout(stage, arguments)?;
        self.tell(stage, cost);
        told.push(self.peak(stage, cost));
        Some(cost)
    }

    /// The bare operation of a stage over the same rows: a ratio of rates is one of times.
    fn beside(&self, told: &mut Vec<String>, stage: &str, own: Option<Cost>, bare: &[&str]) {
        let Some(bare) = self.again(&format!("bare {stage}"), bare) else {
            return;
        };
        self.tell("  bare", bare);
        if let Some(own) = own {
            told.push(format!(
                "ratio {stage}.{} {:.2}",
                self.database,
                bare.wall / own.wall
            ));
        }
    }

    fn peak(&self, stage: &str, cost: Cost) -> String {
        format!("peak {stage}.{} {}", self.database, cost.peak / 1024)
    }

    fn tell(&self, what: &str, cost: Cost) {
        println!(
            "{:<10} {what:<16} {:>9.3} s wall {:>9.2} s CPU {:>9.2} s CPU of the server {:>7} MiB",
            self.database,
            cost.wall,
            cost.client,
            cost.server,
            cost.peak / 1024
        );
    }

    fn tieout(&self, stage: &str, arguments: &[&str]) -> Option<Cost> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tieout"));
        command.arg("-c").arg(self.dir.join("tieout.yaml"));
        self.measured(stage, command.args(arguments))
    }

    fn again(&self, stage: &str, arguments: &[&str]) -> Option<Cost> {
        let mut command = Command::new(std::env::current_exe().unwrap());
        self.measured(stage, command.args(arguments))
    }

    /// Runs a process to its end, after the disk is flushed; one that fails is told.
    fn measured(&self, stage: &str, command: &mut Command) -> Option<Cost> {
        assert!(Command::new("sync").status().unwrap().success());
        let log = self.dir.with_extension("log");
        command
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap());
        let clocks = || {
            let children = stat("self").map_or(0.0, |stat| stat.children);
            (children, self.server.map_or(0.0, server_clock))
        };
        let (before, begun) = (clocks(), Instant::now());
        let mut child = command.spawn().unwrap();
        let mut peak = 0;
        let status = loop {
            peak = peak.max(memory(child.id()));
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            let rest = if begun.elapsed() < Duration::from_secs(1) {
                1
            } else {
                20
            };
            std::thread::sleep(Duration::from_millis(rest));
        };
        let (wall, after) = (begun.elapsed().as_secs_f64(), clocks());
        // One says that something does not hold, as a month with planted defects does not.
        if !matches!(status.code(), Some(0 | 1)) {
            let why = std::fs::read_to_string(&log).unwrap_or_default();
            println!(
                "{:<10} {stage} failed ({status}): {}",
                self.database,
                why.trim()
            );
            return None;
        }
        Some(Cost {
            wall,
            client: after.0 - before.0,
            server: after.1 - before.1,
            peak,
        })
    }

    /// A database of its own for a bare insert.
    fn scratch(&self, name: &str) -> String {
        if self.server.is_some() {
            return self.url.replace("bench_chain", "bench_bare");
        }
        format!(
            "sqlite:{}",
            self.dir.join(format!("bare-{name}.db")).display()
        )
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        if self.server.is_some() {
            let base = std::env::var("TIEOUT_TEST_POSTGRES").unwrap();
            self.runtime.block_on(async {
                let mut connection = PgConnection::connect(&base).await.unwrap();
                for name in ["bench_chain", "bench_bare"] {
                    let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                    connection.execute(AssertSqlSafe(drop)).await.unwrap();
                }
            });
        }
    }
}

fn middle(mut costs: Vec<Cost>) -> Option<Cost> {
    costs.sort_by(|one, other| one.wall.total_cmp(&other.wall));
    costs.get(costs.len() / 2).copied()
}

/// Empty databases; the server's first process.
async fn fresh_databases(base: &str) -> i32 {
    let mut connection = PgConnection::connect(base).await.unwrap();
    for name in ["bench_chain", "bench_bare"] {
        for statement in ["DROP DATABASE IF EXISTS", "CREATE DATABASE"] {
            let statement = AssertSqlSafe(format!("{statement} {name}"));
            connection.execute(statement).await.unwrap();
        }
    }
    let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    stat(&backend.to_string()).unwrap().parent
}

enum Database {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// The same body on whichever database is open.
macro_rules! on {
    ($database:expr, $db:ident => $body:expr) => {
        match $database {
            Database::Sqlite($db) => $body,
            Database::Postgres($db) => $body,
        }
    };
}

impl Database {
    async fn open(url: &str) -> Self {
        let Some(path) = url.strip_prefix("sqlite:") else {
            return Self::Postgres(PgConnection::connect(url).await.unwrap());
        };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .row_buffer_size(2_048)
            .pragma("cache_size", "-65536")
            .pragma("wal_autocheckpoint", "16384");
        Self::Sqlite(SqliteConnection::connect_with(&options).await.unwrap())
    }

    async fn execute(&mut self, statement: &str) {
        let statement = AssertSqlSafe(statement.to_owned());
        on!(self, db => { db.execute(statement).await.unwrap(); });
    }

    /// Rows of texts into a table, many at a time and in one transaction.
    async fn insert(&mut self, table: &str, rows: &[Vec<String>]) {
        self.execute("BEGIN").await;
        for chunk in rows.chunks(ROWS) {
            on!(self, db => {
                let mut builder = QueryBuilder::new(format!("INSERT INTO {table} "));
                builder.push_values(chunk, |mut row, values| {
                    for value in values {
                        row.push_bind(value);
                    }
                });
                builder.build().execute(&mut *db).await.unwrap();
            });
        }
        self.execute("COMMIT").await;
    }
}

/// A bare operation, in a process of its own.
fn bare_operation(name: &str, arguments: &[String]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        match (name, arguments) {
            ("balance", [url]) => bare_balance(url).await,
            ("register", [url, file]) => bare_register(url, file).await,
            ("settle", [url, folder]) => bare_settle(url, Path::new(folder)).await,
            ("reconcile", [url, to]) => bare_reconcile(url, to).await,
            other => panic!("no bare operation {other:?}"),
        }
    });
}

async fn bare_balance(url: &str) {
    const BALANCE: &str = "SELECT entity_id, period_id, account_id, currency_id, debit, credit, functional_debit, functional_credit FROM balance";
    type Row = (i64, i64, i64, i64, i64, i64, i64, i64);
    let mut database = Database::open(url).await;
    let rows: Vec<Row> =
        on!(&mut database, db => sqlx::query_as(BALANCE).fetch_all(db).await.unwrap());
    println!("{}", rows.len());
}

/// What a register says, as one statement gives it.
async fn bare_register(url: &str, file: &str) {
    const LINES: &str = "SELECT e.id, CAST(e.accounting_on AS TEXT), en.code, p.code, e.kind, e.reference, a.name, l.side, l.amount, c.code, l.functional, f.code, r.name
FROM line l JOIN entry e ON e.id = l.entry_id JOIN entity en ON en.id = e.entity_id JOIN period p ON p.id = e.period_id
JOIN account a ON a.id = l.account_id JOIN currency c ON c.id = l.currency_id JOIN currency f ON f.id = en.functional_id JOIN rule r ON r.id = e.rule_id
ORDER BY l.entry_id, l.line_no";
    type Row = (
        i64,
        String,
        String,
        String,
        i64,
        String,
        String,
        i64,
        i64,
        String,
        i64,
        String,
        String,
    );
    let mut database = Database::open(url).await;
    let mut writer = csv::Writer::from_path(file).unwrap();
    on!(&mut database, db => {
        let mut rows = sqlx::query_as::<_, Row>(LINES).fetch(db);
        while let Some(row) = rows.try_next().await.unwrap() {
            writer.serialize(row).unwrap();
        }
    });
    writer.flush().unwrap();
}

/// The lines of the processors' files, read and inserted.
async fn bare_settle(url: &str, folder: &Path) {
    let mut database = Database::open(url).await;
    let mut begun = false;
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|item| item.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "csv"))
        .collect();
    files.sort();
    for file in files {
        let mut reader = csv::Reader::from_path(&file).unwrap();
        let names: Vec<String> = reader
            .headers()
            .unwrap()
            .iter()
            .map(str::to_owned)
            .collect();
        let key = names
            .iter()
            .position(|name| name == "balance_transaction_id")
            .unwrap();
        if !begun {
            let columns: Vec<String> = names.iter().map(|name| format!("{name} TEXT")).collect();
            database
                .execute(&format!("CREATE TABLE bare_line ({})", columns.join(", ")))
                .await;
            database
                .execute(&format!(
                    "CREATE UNIQUE INDEX bare_key ON bare_line ({})",
                    names[key]
                ))
                .await;
            begun = true;
        }
        let records = reader.records().map(|record| record.unwrap());
        let rows: Vec<Vec<String>> = records
            .map(|record| record.iter().map(str::to_owned).collect())
            .collect();
        database.insert("bare_line", &rows).await;
    }
}

/// Both sides of what is reconciled, read; and what was matched, inserted.
async fn bare_reconcile(url: &str, to: &str) {
    const LEDGER: &str = "SELECT l.entry_id, l.line_no, l.side, l.amount, l.currency_id, e.reference FROM line l JOIN entry e ON e.id = l.entry_id WHERE l.account_id IN (SELECT account_id FROM balance b JOIN account a ON a.id = b.account_id WHERE a.name LIKE '%clearing%')";
    const SETTLED: &str =
        "SELECT id, reference, payout, currency_id, gross, fee, net FROM settlement_line_received";
    const MATCHED: &str = "SELECT reconciliation, side, CAST(item_kind AS TEXT) || ':' || CAST(item_id AS TEXT) || '/' || CAST(item_sub AS TEXT), CAST(match_id AS TEXT), CAST(amount AS TEXT) FROM match_item_made";
    let mut database = Database::open(url).await;
    let ledger: Vec<(i64, i64, i64, i64, i64, String)> =
        on!(&mut database, db => sqlx::query_as(LEDGER).fetch_all(db).await.unwrap());
    let settled: Vec<(i64, String, String, i64, i64, i64, i64)> =
        on!(&mut database, db => sqlx::query_as(SETTLED).fetch_all(db).await.unwrap());
    let matched: Vec<(String, String, String, String, String)> =
        on!(&mut database, db => sqlx::query_as(MATCHED).fetch_all(db).await.unwrap());
    let rows: Vec<Vec<String>> = matched
        .into_iter()
        .map(|(a, b, c, d, e)| vec![a, b, c, d, e])
        .collect();
    let mut into = Database::open(to).await;
    into.execute("CREATE TABLE bare_match (reconciliation TEXT, side TEXT, item TEXT, match_id TEXT, amount TEXT, PRIMARY KEY (reconciliation, side, item))")
        .await;
    into.insert("bare_match", &rows).await;
    println!("{} {}", ledger.len(), settled.len());
}
