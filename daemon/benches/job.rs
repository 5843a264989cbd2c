//! The reconciliation job on real books: what it costs over reading both sides and inserting what it writes, and what a
//! run costs that has little to do.
//!
//! `PAYMENTS` (a million) are posted and settled, and `tieout reconcile payments` runs once. Beside it stands a process
//! that reads the same rows of both sides and inserts the same matches and their items into an empty table with the same
//! keys: `ratio job.sqlite.1m` is time over time. Then a hundredth of them comes on top: `ratio increment` is the second
//! run over the first, and `ratio nothing` a run that has nothing new.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::float_arithmetic,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a measurement that cannot go on should say where, and its results are for people"
)]

mod measure;

use measure::{memory, setting, stat};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, QueryBuilder, SqliteConnection};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Rows of one bare insert.
const ROWS: usize = 512;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, from, to] = arguments.as_slice()
        && word == "bare"
    {
        let runtime = tokio::runtime::Builder::new_current_thread();
        return runtime_of(runtime).block_on(bare(from, to));
    }
    // `cargo test --benches` runs this too, and wants nothing of it.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let payments = setting("PAYMENTS", 1_000_000);
    let base = std::env::var("CARGO_TARGET_TMPDIR")
        .map_or_else(|_unset| std::env::temp_dir(), PathBuf::from);
    let dir = base.join(format!("bench-job-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    job(&dir, payments);
    std::fs::remove_dir_all(&dir).unwrap();
}

fn runtime_of(mut builder: tokio::runtime::Builder) -> tokio::runtime::Runtime {
    builder.enable_all().build().unwrap()
}

fn job(dir: &Path, payments: usize) {
    tieout(dir, "init", &["init", &dir.display().to_string()]);
    come(dir, 0..payments);
    let first = tieout(dir, "first run", &["reconcile", "payments"]);
    let books = dir.join("tieout.db").display().to_string();
    let to = dir.join("bare.db").display().to_string();
    let beside = bare_beside(&books, &to);
    std::fs::remove_file(&to).unwrap();
    let more = payments / 100;
    come(dir, payments..payments + more);
    let second = tieout(dir, "increment", &["reconcile", "payments"]);
    let third = tieout(dir, "nothing new", &["reconcile", "payments"]);
    println!();
    println!("ratio job.sqlite.1m {:.2}", first.wall / beside.wall);
    println!("ratio job.sqlite.1m.cpu {:.2}", first.cpu / beside.cpu);
    println!("ratio increment {:.3}", second.wall / first.wall);
    println!("ratio increment.cpu {:.3}", second.cpu / first.cpu);
    println!("ratio nothing {:.3}", third.wall / first.wall);
    println!("peak job {} MiB", first.peak / 1024);
    println!("peak increment {} MiB", second.peak / 1024);
}

/// Payments as events and as lines of the processor's report, posted and settled.
fn come(dir: &Path, numbers: std::ops::Range<usize>) {
    let (events, report) = (dir.join("events.ndjson"), dir.join("report.csv"));
    let file = |path: &Path| BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
    let (mut into, mut lines) = (file(&events), file(&report));
    writeln!(lines, "automatic_payout_id,automatic_payout_effective_at,balance_transaction_id,created_utc,created,available_on_utc,available_on,currency,gross,fee,net,reporting_category,source_id,description,customer_facing_amount,customer_facing_currency").unwrap();
    let mut text = String::new();
    for number in numbers {
        let day = number / 40_000;
        let (month, day) = (1 + day / 28, 1 + day % 28);
        let (whole, cents) = (10 + number * 7 % 900, number * 31 % 100);
        let day = format!("2026-{month:02}-{day:02}");
        text.clear();
        write!(text, "{{\"specversion\":\"1.0\",\"id\":\"p-{number}\",\"source\":\"//bench\",\"type\":\"billing.payment.succeeded.v1\",\"time\":\"{day}T10:00:00Z\",\"data\":{{\"entity\":\"eu\",\"customer_id\":\"C-{}\",\"currency\":\"EUR\",\"amount\":{whole}.{cents:02},\"processor\":\"psp\",\"processor_reference\":\"ch_{number:024}\",\"succeeded_at\":\"{day}T10:00:00Z\"}}}}", number % 5_000).unwrap();
        writeln!(into, "{text}").unwrap();
        writeln!(lines, "po_{day},{day} 12:00:00,txn_{number:024},{day} 10:00:00,{day} 11:00:00,{day} 12:00:00,{day} 13:00:00,eur,{whole}.{cents:02},0.30,{}.{:02},charge,ch_{number:024},Payment for invoice,,", (whole * 100 + cents - 30) / 100, (whole * 100 + cents - 30) % 100).unwrap();
    }
    into.flush().unwrap();
    lines.flush().unwrap();
    drop((into, lines));
    tieout(dir, "ingest", &["ingest", &events.display().to_string()]);
    tieout(dir, "settle", &["settle", &report.display().to_string()]);
    std::fs::remove_file(events).unwrap();
    std::fs::remove_file(report).unwrap();
}

/// What one process took: seconds, and KiB at most.
#[derive(Clone, Copy, Debug)]
struct Cost {
    wall: f64,
    cpu: f64,
    peak: u64,
}

fn tieout(dir: &Path, what: &str, arguments: &[&str]) -> Cost {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tieout"));
    if arguments.first() != Some(&"init") {
        command.arg("-c").arg(dir.join("tieout.yaml"));
    }
    measured(what, command.args(arguments))
}

fn measured(what: &str, command: &mut Command) -> Cost {
    assert!(Command::new("sync").status().unwrap().success());
    command.stdout(Stdio::null());
    let clock = || stat("self").map_or(0.0, |stat| stat.children);
    let (before, begun, mut peak) = (clock(), Instant::now(), 0);
    let mut child = command.spawn().unwrap();
    let status = loop {
        peak = peak.max(memory(child.id()));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let cost = Cost {
        wall: begun.elapsed().as_secs_f64(),
        cpu: clock() - before,
        peak,
    };
    println!(
        "{what:<12} {:>9.3} s wall {:>9.2} s CPU {:>7} MiB",
        cost.wall,
        cost.cpu,
        cost.peak / 1024
    );
    assert!(matches!(status.code(), Some(0 | 1)), "{what}: {status}");
    cost
}

/// The bare operation in a process of its own, which says what reading and inserting took: it has to read first what
/// there is to insert, and that is no part of it.
fn bare_beside(from: &str, to: &str) -> Cost {
    assert!(Command::new("sync").status().unwrap().success());
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.args(["bare", from, to]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let (wall, cpu) = text.trim().split_once(' ').unwrap();
    let cost = Cost {
        wall: wall.parse().unwrap(),
        cpu: cpu.parse().unwrap(),
        peak: 0,
    };
    println!(
        "{:<12} {:>9.3} s wall {:>9.2} s CPU",
        "bare", cost.wall, cost.cpu
    );
    cost
}

const LEDGER: &str = "SELECT l.entry_id, l.line_no, e.entity_id, l.side, l.amount, l.currency_id, e.reference, e.accounting_on, v.event_type_id
    FROM line l JOIN entry e ON e.id = l.entry_id JOIN event v ON v.id = e.event_id WHERE l.account_id = (SELECT id FROM account WHERE name = 'psp-clearing')";
const SETTLED: &str = "SELECT id, account, identity, movement, reference, reference_list, currency_id, gross, fee, net, booked_on, paid_on, payout FROM settlement_line_received";
const MATCHES: &str = "SELECT id, reconciliation, pass, currency_id, left_amount, right_amount, explanation, matched_at FROM reconciliation_match_made";
const ITEMS: &str = "SELECT reconciliation, side, item_kind, item_id, item_sub, match_id, amount, serial FROM match_item_made";
const TABLES: &str = "CREATE TABLE m (id INTEGER PRIMARY KEY, a TEXT, b TEXT, c INTEGER, d INTEGER, e INTEGER, f TEXT, g TEXT);
    CREATE TABLE i (a TEXT, b TEXT, c INTEGER, d INTEGER, e INTEGER, f INTEGER, g INTEGER, h INTEGER, PRIMARY KEY (a, b, c, d, e));
    BEGIN";

type Ledger = (i64, i64, i64, i64, i64, i64, String, String, i64);
type Settled = (
    i64,
    String,
    String,
    i64,
    String,
    String,
    i64,
    i64,
    i64,
    i64,
    String,
    Option<String>,
    String,
);
type Match = (i64, String, String, i64, i64, i64, String, String);
type Item = (String, String, i64, i64, i64, i64, i64, i64);

/// Both sides read, and what was matched inserted.
async fn bare(from: &str, to: &str) {
    let clock = || stat("self").map_or(0.0, |stat| stat.own);
    let options = SqliteConnectOptions::new()
        .filename(from)
        .read_only(true)
        .pragma("cache_size", "-65536");
    let mut books = options.connect().await.unwrap();
    let (begun, before) = (Instant::now(), clock());
    let ledger: Vec<Ledger> = sqlx::query_as(LEDGER).fetch_all(&mut books).await.unwrap();
    let settled: Vec<Settled> = sqlx::query_as(SETTLED).fetch_all(&mut books).await.unwrap();
    let (mut wall, mut cpu) = (begun.elapsed().as_secs_f64(), clock() - before);
    assert!(ledger.len().min(settled.len()) > 0);
    drop((ledger, settled));
    let matches: Vec<Match> = sqlx::query_as(MATCHES).fetch_all(&mut books).await.unwrap();
    let items: Vec<Item> = sqlx::query_as(ITEMS).fetch_all(&mut books).await.unwrap();
    let options = SqliteConnectOptions::new()
        .filename(to)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", "-65536");
    let mut into = options.connect().await.unwrap();
    sqlx::raw_sql(TABLES).execute(&mut into).await.unwrap();
    let (begun, before) = (Instant::now(), clock());
    insert_matches(&mut into, &matches).await;
    insert_items(&mut into, &items).await;
    sqlx::raw_sql("COMMIT").execute(&mut into).await.unwrap();
    wall += begun.elapsed().as_secs_f64();
    cpu += clock() - before;
    println!("{wall} {cpu}");
}

async fn insert_matches(into: &mut SqliteConnection, rows: &[Match]) {
    for page in rows.chunks(ROWS) {
        let mut query = QueryBuilder::new("INSERT INTO m ");
        query.push_values(page, |mut row, one| {
            row.push_bind(one.0).push_bind(&one.1);
            row.push_bind(&one.2).push_bind(one.3);
            row.push_bind(one.4).push_bind(one.5);
            row.push_bind(&one.6).push_bind(&one.7);
        });
        query.build().execute(&mut *into).await.unwrap();
    }
}

async fn insert_items(into: &mut SqliteConnection, rows: &[Item]) {
    for page in rows.chunks(ROWS) {
        let mut query = QueryBuilder::new("INSERT INTO i ");
        query.push_values(page, |mut row, one| {
            row.push_bind(&one.0).push_bind(&one.1);
            row.push_bind(one.2).push_bind(one.3);
            row.push_bind(one.4).push_bind(one.5);
            row.push_bind(one.6).push_bind(one.7);
        });
        query.build().execute(&mut *into).await.unwrap();
    }
}
