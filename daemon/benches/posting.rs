//! How fast posting is, beside the bare operation and the obvious way, in one run on one machine.
//!
//! (a) the very rows that our tables hold, copied or inserted into tables with the one unique index and
//! nothing else, in transactions as large as ours; (b) `tieout ingest` of the events from a file, into an empty ledger; (c) `tieout run` of
//! the same events from Kafka; (d) the obvious pipeline: parse, stage, dedupe with ON CONFLICT, three indexed
//! lines per event. Each begins after a checkpoint of the server and a flush of the disk, so that none pays for
//! another's pages. Then the cost of an event in a small ledger and in a large one, and
//! the time from the broker into the books at a thousand events a second. Ratios stand on lines of their own.
//!
//! `EVENTS`, `LARGE` and `DATABASES` (`sqlite,postgres`) make it smaller.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::float_arithmetic,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::too_many_lines,
    missing_docs,
    reason = "a measurement that cannot go on should say where, and its results are for people"
)]

mod measure;

use measure::{books_url, memory, server_clock, setting, stat};
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{
    Arguments, AssertSqlSafe, Column, Connection, Executor, PgConnection, PgPool, Row,
    SqliteConnection, TypeInfo, ValueRef,
};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

const ENTITIES: &str = "  - { entity: us, name: US, functional: USD, zone: America/New_York, calendar: { monthly: { first_month: 1 } } }
  - { entity: eu, name: EU, functional: EUR, zone: Europe/Berlin, calendar: { monthly: { first_month: 1 } } }
";

/// Rows of one insert and events of one transaction, for all who insert into SQLite.
const ROWS: usize = 256;
const TRANSACTION: usize = 10_000;

/// How often (b), (a) and (c) are measured, one after the other.
const ROUNDS: usize = 3;

fn main() {
    // `cargo test --benches` runs this too, and wants nothing of it.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let (events, large) = (setting("EVENTS", 400_000), setting("LARGE", 5_000_000));
    let databases = std::env::var("DATABASES").unwrap_or_else(|_unset| "sqlite,postgres".into());
    let base = PathBuf::from(
        std::env::var("CARGO_TARGET_TMPDIR")
            .unwrap_or_else(|_unset| std::env::temp_dir().display().to_string()),
    )
    .join(format!("bench-posting-{}", std::process::id()));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut ratios = Vec::new();
    let mut peak = 0;
    for database in databases.split(',') {
        let bench = Bench {
            base: base.join(database),
            postgres: (database == "postgres").then(|| {
                std::env::var("TIEOUT_TEST_POSTGRES")
                    .expect("TIEOUT_TEST_POSTGRES is not set; `make bench-posting` starts one")
            }),
            runtime: &runtime,
        };
        bench.run(database, events, large, &mut ratios, &mut peak);
    }
    std::fs::remove_dir_all(&base).unwrap();
    println!("peak memory of tieout: {} MiB", peak / 1024);
    println!();
    for (name, value) in ratios {
        println!("ratio {name} {value:.2}");
    }
}

/// What one measured piece of work took.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    events: usize,
    wall: f64,
    client: f64,
    server: f64,
}

impl Cost {
    fn rate(self) -> f64 {
        self.events as f64 / self.wall
    }

    fn cpu(self) -> f64 {
        (self.client + self.server) / self.events as f64
    }

    fn tell(self, what: &str) {
        let million = 1_000_000.0 / self.events as f64;
        println!(
            "{what:<52} {:>9.0} events/s   CPU s per million: client {:>6.1}  server {:>6.1}",
            self.rate(),
            self.client * million,
            self.server * million
        );
    }
}

fn middle(mut ratios: Vec<f64>) -> f64 {
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}

/// A connection that looks at what has arrived.
enum Watch {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

struct Bench<'r> {
    base: PathBuf,
    postgres: Option<String>,
    runtime: &'r tokio::runtime::Runtime,
}

impl Bench<'_> {
    fn run(
        &self,
        database: &str,
        events: usize,
        large: usize,
        ratios: &mut Vec<(String, f64)>,
        peak: &mut u64,
    ) {
        std::fs::create_dir_all(&self.base).unwrap();
        println!("{database}: {events} events of three lines each");
        let file = self.base.join("events.ndjson");
        let bytes = write_events(&file, 0..events, Form::Number);
        println!(
            "{:<52} {:>9} bytes per event",
            "the events",
            bytes / events as u64
        );

        // The machine's own pace changes from minute to minute: a ratio is that of two that were measured one
        // after the other, and of a few such pairs the middle one counts.
        let (mut to_bare, mut to_file) = (Vec::new(), Vec::new());
        for _round in 0..ROUNDS {
            let books = self.company("b", "");
            let b = self.ingest(&books, &file, events, peak);
            b.tell("b  tieout ingest, from a file");
            let a = self.bare(&books, events);
            a.tell("a  bare insert of the same rows");
            std::fs::remove_dir_all(books).unwrap();
            to_bare.push(b.rate() / a.rate());
            let c = self.through_kafka(&file, events, peak);
            c.tell("c  tieout run, from Kafka");
            to_file.push(c.rate() / b.rate());
        }
        ratios.push((format!("{database}.b/a"), middle(to_bare)));
        ratios.push((format!("{database}.c/b"), middle(to_file)));
        self.forms(database, &file, events, ratios, peak);
        if self.postgres.is_some() {
            let mut least = f64::INFINITY;
            for connections in [1, 2, 4] {
                let books = self.company("b", "");
                let b = self.ingest(&books, &file, events, peak);
                b.tell("b  tieout ingest, from a file");
                std::fs::remove_dir_all(books).unwrap();
                let d = self.obvious(&file, events, connections);
                d.tell(&format!(
                    "d  the obvious pipeline, {connections} connections"
                ));
                let ratio = b.rate() / d.rate();
                ratios.push((format!("{database}.b/d.{connections}-connections"), ratio));
                least = least.min(ratio);
            }
            ratios.push((format!("{database}.b/d"), least));
        }
        self.latency();
        self.growth(database, large, ratios, peak);
        std::fs::remove_dir_all(&self.base).unwrap();
    }

    /// The same events with their amounts as texts, and in minor units, beside those with numbers.
    fn forms(
        &self,
        database: &str,
        numbers: &Path,
        events: usize,
        ratios: &mut Vec<(String, f64)>,
        peak: &mut u64,
    ) {
        for (form, name) in [(Form::Text, "text"), (Form::Minor, "minor")] {
            let file = self.base.join(format!("{name}.ndjson"));
            write_events(&file, 0..events, form);
            let mut pairs = Vec::new();
            for _round in 0..ROUNDS {
                let mut rate = |file: &Path, minor: bool| {
                    let books = self.company("b", "");
                    if minor {
                        let pack = books.join("mappings/billing/pack.yaml");
                        std::fs::write(pack, "amounts: minor\n").unwrap();
                    }
                    let cost = self.ingest(&books, file, events, peak);
                    std::fs::remove_dir_all(books).unwrap();
                    cost
                };
                let other = rate(&file, form == Form::Minor);
                other.tell(&format!("b  amounts as {name}"));
                let number = rate(numbers, false);
                number.tell("b  amounts as numbers");
                pairs.push(other.rate() / number.rate());
            }
            ratios.push((format!("{database}.{name}/number"), middle(pairs)));
        }
    }

    /// A starter company with its books in this database.
    fn company(&self, name: &str, more: &str) -> PathBuf {
        let dir = self.base.join(name);
        tieout(&["init", dir.to_str().unwrap()]);
        let url = self.url(name);
        let text = format!(
            "company: Bench\nstore: {{ url: \"{url}\" }}\nmapping: mappings/billing\nentities:\n{ENTITIES}{more}"
        );
        std::fs::write(dir.join("tieout.yaml"), text).unwrap();
        // The books are made once, and what is measured is posting.
        let config = dir.join("tieout.yaml");
        tieout(&["-c", config.to_str().unwrap(), "post"]);
        dir
    }

    fn url(&self, name: &str) -> String {
        match &self.postgres {
            None => "sqlite:books.db".to_owned(),
            Some(base) => {
                let database = format!("bench_{name}");
                self.runtime.block_on(async {
                    let mut connection = PgConnection::connect(base).await.unwrap();
                    for statement in ["DROP DATABASE IF EXISTS", "CREATE DATABASE"] {
                        let statement = AssertSqlSafe(format!("{statement} {database}"));
                        connection.execute(statement).await.unwrap();
                    }
                });
                let (server, _) = base.rsplit_once('/').unwrap();
                format!("{server}/{database}")
            }
        }
    }

    /// Runs `tieout ingest` and measures it.
    fn ingest(&self, dir: &Path, file: &Path, events: usize, peak: &mut u64) -> Cost {
        self.settle();
        let before = self.clocks();
        let begun = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_tieout"))
            .args(["-c", dir.join("tieout.yaml").to_str().unwrap(), "ingest"])
            .arg(file)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let status = loop {
            *peak = (*peak).max(memory(child.id()));
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        assert!(status.success());
        self.cost(events, begun.elapsed(), before)
    }

    fn cost(&self, events: usize, wall: Duration, before: (f64, f64)) -> Cost {
        let after = self.clocks();
        Cost {
            events,
            wall: wall.as_secs_f64(),
            client: after.0 - before.0,
            server: after.1 - before.1,
        }
    }

    /// Writes the server's dirty pages now, and everybody else's, so that the next measurement does not.
    fn settle(&self) {
        assert!(Command::new("sync").status().unwrap().success());
        if let Some(url) = &self.postgres {
            self.runtime.block_on(async {
                let mut connection = PgConnection::connect(url).await.unwrap();
                connection.execute("CHECKPOINT").await.unwrap();
            });
        }
    }

    /// Does now what rows that were just written leave to the server's housekeeping, which it would else do
    /// beside whoever comes next.
    fn clean_up(&self, books: &Path) {
        if let Some(base) = &self.postgres {
            let url = books_url(base, books);
            self.runtime.block_on(async {
                let mut connection = PgConnection::connect(&url).await.unwrap();
                connection.execute("VACUUM ANALYZE").await.unwrap();
            });
        }
    }

    /// CPU seconds of ended children, and of the database server.
    fn clocks(&self) -> (f64, f64) {
        let children = stat("self").map_or(0.0, |stat| stat.children);
        let server = self.postgres.as_ref().map_or(0.0, |url| {
            let postmaster = self.runtime.block_on(async {
                let mut connection = PgConnection::connect(url).await.unwrap();
                let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
                    .fetch_one(&mut connection)
                    .await
                    .unwrap();
                stat(&backend.to_string()).unwrap().parent
            });
            server_clock(postmaster)
        });
        (children, server)
    }

    /// The rows that (b) wrote, into tables with one unique index, and nothing else.
    fn bare(&self, books: &Path, events: usize) -> Cost {
        match &self.postgres {
            None => self
                .runtime
                .block_on(bare_sqlite(books, &self.base, events)),
            Some(base) => {
                let from = books_url(base, books);
                let to = self.url("a");
                let copied = self.runtime.block_on(copied_rows(&from, events));
                self.settle();
                let before = self.clocks();
                let begun = Instant::now();
                self.runtime.block_on(bare_postgres(&to, copied));
                self.cost(events, begun.elapsed(), before)
            }
        }
    }

    /// The same events through a broker.
    fn through_kafka(&self, file: &Path, events: usize, peak: &mut u64) -> Cost {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("billing", 8, 1).unwrap();
        let producer = producer(&cluster);
        for (number, line) in std::fs::read_to_string(file).unwrap().lines().enumerate() {
            send(&producer, i32::try_from(number % 8).unwrap(), line);
        }
        producer.flush(Duration::from_mins(1)).unwrap();
        let dir = self.company("c", &source(&cluster));
        self.settle();
        let before = self.clocks();
        let mut watch = self.watch(&dir);
        let mut child = daemon(&dir);
        let (begun, first) = self.wait_for(&mut watch, 1, &child, peak);
        let (ended, last) = self.wait_for(&mut watch, events, &child, peak);
        stop(&mut child);
        std::fs::remove_dir_all(dir).unwrap();
        // What came before the first look is not counted, so that joining the group is not.
        let cost = self.cost(last, ended - begun, before);
        Cost {
            client: cost.client * (last - first) as f64 / last as f64,
            server: cost.server * (last - first) as f64 / last as f64,
            events: last - first,
            ..cost
        }
    }

    fn wait_for(
        &self,
        watch: &mut Watch,
        wanted: usize,
        child: &Child,
        peak: &mut u64,
    ) -> (Instant, usize) {
        let begun = Instant::now();
        loop {
            let found = self.received(watch);
            *peak = (*peak).max(memory(child.id()));
            if found >= wanted {
                return (Instant::now(), found);
            }
            assert!(
                begun.elapsed() < Duration::from_mins(10),
                "{found} of {wanted} came"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// One connection for all looks, so that looking costs little.
    fn watch(&self, dir: &Path) -> Watch {
        self.runtime.block_on(async {
            if let Some(base) = &self.postgres {
                let url = books_url(base, dir);
                return Watch::Postgres(PgConnection::connect(&url).await.unwrap());
            }
            let options = SqliteConnectOptions::new()
                .filename(dir.join("books.db"))
                .read_only(true);
            Watch::Sqlite(SqliteConnection::connect_with(&options).await.unwrap())
        })
    }

    fn received(&self, watch: &mut Watch) -> usize {
        const RECEIVED: &str =
            "SELECT CAST(COALESCE(SUM(received), 0) AS BIGINT) FROM source_partition";
        let count: i64 = self.runtime.block_on(async {
            match watch {
                Watch::Postgres(connection) => {
                    sqlx::query_scalar(RECEIVED).fetch_one(connection).await
                }
                Watch::Sqlite(connection) => {
                    sqlx::query_scalar(RECEIVED).fetch_one(connection).await
                }
            }
            .unwrap()
        });
        usize::try_from(count).unwrap()
    }

    /// Stage, dedupe with ON CONFLICT, three indexed lines: how one would write it first.
    fn obvious(&self, file: &Path, events: usize, connections: u32) -> Cost {
        let url = self.url("d");
        let text = std::fs::read_to_string(file).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        self.settle();
        let before = self.clocks();
        let begun = self.runtime.block_on(obvious(&url, &lines, connections));
        self.cost(events, begun, before)
    }

    /// From the broker into the books, at a thousand events a second and alone.
    fn latency(&self) {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("billing", 4, 1).unwrap();
        let producer = producer(&cluster);
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let http = format!(
            "{}http:\n  listen: 127.0.0.1:{port}\n  token: {{ env: TIEOUT_EVENTS_TOKEN }}\n",
            source(&cluster)
        );
        let dir = self.company("latency", &http);
        self.settle();
        let mut watch = self.watch(&dir);
        let mut child = daemon(&dir);
        let mut number = 10_000_000;
        let mut next = |partition: usize| {
            let line = event(number, Form::Number);
            number += 1;
            send(&producer, i32::try_from(partition).unwrap(), &line);
            producer.poll(Duration::ZERO);
        };
        next(0);
        self.wait_for(&mut watch, 1, &child, &mut 0);
        let warm = quantiles(port);
        let begun = Instant::now();
        let wanted = 10_000;
        for sent in 0..wanted {
            next(sent % 4);
            let due = Duration::from_micros(1_000 * sent as u64);
            if let Some(early) = due.checked_sub(begun.elapsed()) {
                std::thread::sleep(early);
            }
        }
        self.wait_for(&mut watch, wanted + 1, &child, &mut 0);
        std::thread::sleep(Duration::from_millis(300));
        let busy = quantiles(port);
        println!(
            "{:<52} first event after joining {warm}; then {busy}",
            "from the broker into the books, 1,000 events/s"
        );
        stop(&mut child);
    }

    /// What an event costs in a small ledger and in a large one.
    fn growth(
        &self,
        database: &str,
        large: usize,
        ratios: &mut Vec<(String, f64)>,
        peak: &mut u64,
    ) {
        if large == 0 {
            return;
        }
        let probe = 200_000.min(large / 5);
        let small = 100_000.min(large / 10);
        let file = self.base.join("growth.ndjson");
        let mut grow = |dir: &Path, numbers: std::ops::Range<usize>| {
            write_events(&file, numbers.clone(), Form::Number);
            self.ingest(dir, &file, numbers.len(), peak)
        };
        let books = self.company("large", "");
        let mut from = 0;
        while from < large {
            let next = (from + 1_000_000).min(large);
            grow(&books, from..next);
            from = next;
        }
        self.clean_up(&books);
        let (mut cpu, mut time) = (Vec::new(), Vec::new());
        for _round in 0..ROUNDS {
            let few = self.company("small", "");
            grow(&few, 0..small);
            let early = grow(&few, small..small + probe);
            early.tell(&format!("   with {small} events in the books"));
            std::fs::remove_dir_all(few).unwrap();
            let late = grow(&books, from..from + probe);
            late.tell(&format!("   with {from} events in the books"));
            from += probe;
            cpu.push(late.cpu() / early.cpu());
            time.push(early.rate() / late.rate());
        }
        ratios.push((format!("{database}.cpu.large/small"), middle(cpu)));
        ratios.push((format!("{database}.time.large/small"), middle(time)));
    }
}

/// How an event writes its amounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `12.60`
    Number,
    /// `"12.60"`
    Text,
    /// `1260`
    Minor,
}

impl Form {
    fn amount(self, minor: usize) -> String {
        let (whole, cents) = (minor / 100, minor % 100);
        match self {
            Self::Number => format!("{whole}.{cents:02}"),
            Self::Text => format!("\"{whole}.{cents:02}\""),
            Self::Minor => minor.to_string(),
        }
    }
}

/// A credit note: three lines, three sets of dimensions, a promise and a condition.
fn event(number: usize, form: Form) -> String {
    let net = 1_000 + (number * 37) % 90_000;
    let tax = net * 19 / 100;
    let (market, region, currency) = [("eu", "DE", "EUR"), ("us", "US", "USD")][number % 2];
    let day = 1 + number % 28;
    format!(
        r#"{{"specversion":"1.0","id":"credit-{number:09}","source":"billing.example/eu-1","type":"billing.credit_note.issued.v1","subject":"CN-{number:09}","time":"2026-01-{day:02}T10:{:02}:{:02}Z","datacontenttype":"application/json","data":{{"credit_note_id":"CN-{number:09}","invoice_id":"INV-{:09}","entity":"{market}","customer_id":"C-{:05}","issued_at":"2026-01-{day:02}T10:00:00Z","currency":"{currency}","region":"{region}","product":"access","net":{},"tax":{},"total":{},"reason":"service credit, as agreed with the customer","approved_by":"billing-operations"}}}}"#,
        number / 60 % 60,
        number % 60,
        number + 7,
        number % 5_000,
        form.amount(net),
        form.amount(tax),
        form.amount(net + tax),
    )
}

fn write_events(file: &Path, numbers: std::ops::Range<usize>, form: Form) -> u64 {
    let mut out = BufWriter::new(std::fs::File::create(file).unwrap());
    for number in numbers {
        writeln!(out, "{}", event(number, form)).unwrap();
    }
    out.flush().unwrap();
    drop(out);
    std::fs::metadata(file).unwrap().len()
}

fn producer(cluster: &MockCluster<'static, DefaultProducerContext>) -> BaseProducer {
    ClientConfig::new()
        .set("bootstrap.servers", cluster.bootstrap_servers())
        .set("compression.type", "zstd")
        .set("batch.num.messages", "2000")
        .set("linger.ms", "2")
        .set("queue.buffering.max.messages", "2000000")
        .create()
        .unwrap()
}

fn send(producer: &BaseProducer, partition: i32, line: &str) {
    let record = || {
        BaseRecord::<(), [u8]>::to("billing")
            .partition(partition)
            .payload(line.as_bytes())
    };
    while producer.send(record()).is_err() {
        producer.poll(Duration::from_millis(20));
    }
}

fn source(cluster: &MockCluster<'static, DefaultProducerContext>) -> String {
    format!(
        "sources:\n  stream:\n    kafka:\n      brokers: {}\n      topic: billing\n      group: books\n",
        cluster.bootstrap_servers()
    )
}

/// A command that is not measured, and must work.
fn tieout(arguments: &[&str]) {
    let done = Command::new(env!("CARGO_BIN_EXE_tieout"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// What whoever asks for metrics shows.
const TOKEN: &str = "a-token-of-the-measurement";

fn daemon(dir: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_tieout"))
        .args(["-c", dir.join("tieout.yaml").to_str().unwrap(), "run"])
        .env("TIEOUT_EVENTS_TOKEN", TOKEN)
        .stderr(std::fs::File::create(dir.join("daemon.log")).unwrap())
        .spawn()
        .unwrap()
}

fn stop(child: &mut Child) {
    let asked = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(asked.success());
    assert!(child.wait().unwrap().success());
}

/// What the daemon measured of itself.
fn quantiles(port: u16) -> String {
    use std::io::Read;
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let asked = format!("GET /metrics HTTP/1.0\r\nauthorization: Bearer {TOKEN}\r\n\r\n");
    stream.write_all(asked.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    ["0.5", "0.99", "1"]
        .iter()
        .filter_map(|quantile| {
            let mark = format!("quantile=\"{quantile}\"");
            let line = text
                .lines()
                .find(|line| line.starts_with("tieout_event_seconds") && line.contains(&mark))?;
            let seconds: f64 = line.rsplit(' ').next()?.parse().ok()?;
            Some(format!("p{quantile} {:.0} ms", seconds * 1_000.0))
        })
        .collect::<Vec<_>>()
        .join(", ")
}

/// Our large tables, each with the number by which a batch's rows are found.
const TABLES: [(&str, &str); 4] = [
    ("event", "id"),
    ("outcome", "event_id"),
    ("entry", "id"),
    ("line", "entry_id"),
];

/// The rows of our tables as `COPY` gives them: per transaction, per table.
struct Copied {
    definitions: Vec<String>,
    transactions: Vec<[Vec<u8>; 4]>,
}

/// The rows of the events, cut into transactions as large as ours. Each event here makes one entry.
async fn copied_rows(url: &str, events: usize) -> Copied {
    use futures_util::StreamExt;
    let mut connection = PgConnection::connect(url).await.unwrap();
    let mut copied = Copied {
        definitions: Vec::new(),
        transactions: Vec::new(),
    };
    for (table, _) in TABLES {
        let columns: String = sqlx::query_scalar(
            "SELECT string_agg(column_name || ' ' || data_type || CASE is_nullable WHEN 'NO' THEN ' NOT NULL' ELSE '' END, ', ' ORDER BY ordinal_position) FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1",
        )
        .bind(table)
        .fetch_one(&mut connection)
        .await
        .unwrap();
        copied
            .definitions
            .push(format!("CREATE TABLE {table} ({columns})"));
    }
    for after in (0..events).step_by(TRANSACTION) {
        let through = after + TRANSACTION;
        let mut parts = [const { Vec::new() }; 4];
        for ((table, number), bytes) in TABLES.into_iter().zip(&mut parts) {
            let statement = format!(
                "COPY (SELECT * FROM {table} WHERE {number} > {after} AND {number} <= {through}) TO STDOUT (FORMAT BINARY)"
            );
            let mut stream = connection.copy_out_raw(&statement).await.unwrap();
            while let Some(chunk) = stream.next().await {
                bytes.extend_from_slice(&chunk.unwrap());
            }
        }
        copied.transactions.push(parts);
    }
    copied
}

async fn bare_postgres(url: &str, copied: Copied) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    for statement in copied.definitions {
        connection.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    connection
        .execute("CREATE UNIQUE INDEX ON event ((id >> 16), key)")
        .await
        .unwrap();
    for parts in copied.transactions {
        let mut tx = connection.begin().await.unwrap();
        for ((table, _), bytes) in TABLES.into_iter().zip(parts) {
            let statement = format!("COPY {table} FROM STDIN (FORMAT BINARY)");
            let mut copy = tx.copy_in_raw(&statement).await.unwrap();
            for chunk in bytes.chunks(256 << 10) {
                copy.send(chunk).await.unwrap();
            }
            copy.finish().await.unwrap();
        }
        tx.commit().await.unwrap();
    }
}

#[derive(Clone)]
enum Held {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

type HeldTable = (&'static str, String, Vec<Vec<Held>>);

/// The rows of our tables, by prepared inserts of many rows and in transactions as large as ours, which
/// is the most that this driver gives.
async fn bare_sqlite(books: &Path, base: &Path, events: usize) -> Cost {
    let mut source = SqliteConnection::connect_with(
        &SqliteConnectOptions::new()
            .filename(books.join("books.db"))
            .read_only(true),
    )
    .await
    .unwrap();
    let mut tables: Vec<HeldTable> = Vec::new();
    for (table, _) in TABLES {
        let columns: Vec<(String, String)> =
            sqlx::query_as("SELECT name, type FROM pragma_table_info($1)")
                .bind(table)
                .fetch_all(&mut source)
                .await
                .unwrap();
        let definition: Vec<String> = columns
            .iter()
            .map(|(name, kind)| format!("{name} {kind}"))
            .collect();
        let statement = AssertSqlSafe(format!("SELECT * FROM {table} ORDER BY 1, 2"));
        let rows = sqlx::query(statement).fetch_all(&mut source).await.unwrap();
        let rows = rows.iter().map(held).collect();
        tables.push((table, definition.join(", "), rows));
    }
    let path = base.join("bare.db");
    let options = SqliteConnectOptions::from_str(&format!("sqlite:{}", path.display()))
        .unwrap()
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", "-65536")
        .pragma("wal_autocheckpoint", "16384");
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    for (table, definition, _) in &tables {
        let statement = format!("CREATE TABLE {table} ({definition})");
        connection.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    connection
        .execute("CREATE UNIQUE INDEX event_key ON event (id >> 16, key)")
        .await
        .unwrap();
    let own = || stat("self").unwrap().own;
    let (begun, before) = (Instant::now(), own());
    let parts = events.div_ceil(TRANSACTION);
    for part in 0..parts {
        connection.execute("BEGIN IMMEDIATE").await.unwrap();
        for (table, _, rows) in &tables {
            let size = rows.len().div_ceil(parts);
            let rows = rows.chunks(size).nth(part).unwrap_or_default();
            for chunk in rows.chunks(ROWS) {
                let one = format!("({})", vec!["?"; chunk[0].len()].join(","));
                let values = vec![one; chunk.len()].join(",");
                let mut arguments = SqliteArguments::default();
                for value in chunk.iter().flatten().cloned() {
                    match value {
                        Held::Null => arguments.add(None::<i64>),
                        Held::Int(value) => arguments.add(value),
                        Held::Text(value) => arguments.add(value),
                        Held::Bytes(value) => arguments.add(value),
                    }
                    .unwrap();
                }
                let statement = AssertSqlSafe(format!("INSERT INTO {table} VALUES {values}"));
                sqlx::query_with(statement, arguments)
                    .execute(&mut connection)
                    .await
                    .unwrap();
            }
        }
        connection.execute("COMMIT").await.unwrap();
    }
    let cost = Cost {
        events,
        wall: begun.elapsed().as_secs_f64(),
        client: own() - before,
        server: 0.0,
    };
    connection.close().await.unwrap();
    std::fs::remove_file(path).unwrap();
    cost
}

fn held(row: &sqlx::sqlite::SqliteRow) -> Vec<Held> {
    row.columns()
        .iter()
        .map(|column| {
            let at = column.ordinal();
            let raw = row.try_get_raw(at).unwrap();
            if raw.is_null() {
                return Held::Null;
            }
            match raw.type_info().name() {
                "INTEGER" => Held::Int(row.get_unchecked(at)),
                "BLOB" => Held::Bytes(row.get_unchecked(at)),
                _ => Held::Text(row.get_unchecked(at)),
            }
        })
        .collect()
}

/// Three ordinary indexes of a ledger: by event, by account and day, by customer.
const OBVIOUS: &str = "
CREATE TABLE stage (worker int NOT NULL, n bigint NOT NULL, event_id text NOT NULL, payload jsonb NOT NULL);
CREATE TABLE event (id bigserial PRIMARY KEY, event_id text NOT NULL UNIQUE, payload jsonb NOT NULL, received_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE journal_line (event_id bigint NOT NULL, account int NOT NULL, posted_on date NOT NULL, side smallint NOT NULL, amount bigint NOT NULL, currency char(3) NOT NULL, customer text NOT NULL);
CREATE INDEX ON journal_line (event_id);
CREATE INDEX ON journal_line (account, posted_on);
CREATE INDEX ON journal_line (customer, posted_on);
";

async fn obvious(url: &str, lines: &[&str], connections: u32) -> Duration {
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .connect(url)
        .await
        .unwrap();
    pool.execute(OBVIOUS).await.unwrap();
    let share = lines.len().div_ceil(connections as usize);
    let shares: Vec<Vec<String>> = lines
        .chunks(share)
        .map(|share| share.iter().map(|line| (*line).to_owned()).collect())
        .collect();
    let begun = Instant::now();
    let mut workers = tokio::task::JoinSet::new();
    for (worker, share) in shares.into_iter().enumerate() {
        workers.spawn(obvious_worker(pool.clone(), worker, share));
    }
    while let Some(ended) = workers.join_next().await {
        ended.unwrap();
    }
    let took = begun.elapsed();
    pool.close().await;
    took
}

/// A thousand events per transaction: parsed into values, staged as jsonb, deduplicated by the text of
/// their id, and three lines for each that was new.
async fn obvious_worker(pool: PgPool, worker: usize, lines: Vec<String>) {
    for chunk in lines.chunks(1_000) {
        let events: Vec<serde_json::Value> = chunk
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let mut tx = pool.begin().await.unwrap();
        let mut text = String::new();
        for (n, (line, event)) in chunk.iter().zip(&events).enumerate() {
            let id = event["id"].as_str().unwrap();
            text.push_str(&format!("{worker}\t{n}\t{id}\t{line}\n"));
        }
        let mut copy = tx.copy_in_raw("COPY stage FROM STDIN").await.unwrap();
        copy.send(text.as_bytes()).await.unwrap();
        copy.finish().await.unwrap();
        let worker = i32::try_from(worker).unwrap();
        let new: Vec<(i64, String)> = sqlx::query_as("INSERT INTO event (event_id, payload) SELECT event_id, payload FROM stage WHERE worker = $1 ORDER BY n ON CONFLICT (event_id) DO NOTHING RETURNING id, event_id")
            .bind(worker)
            .fetch_all(&mut *tx)
            .await
            .unwrap();
        let by_id: std::collections::BTreeMap<&str, &serde_json::Value> = events
            .iter()
            .map(|event| (event["id"].as_str().unwrap(), &event["data"]))
            .collect();
        let mut text = String::new();
        for (id, event_id) in &new {
            obvious_lines(&mut text, *id, by_id[event_id.as_str()]);
        }
        let mut copy = tx
            .copy_in_raw("COPY journal_line FROM STDIN")
            .await
            .unwrap();
        copy.send(text.as_bytes()).await.unwrap();
        copy.finish().await.unwrap();
        sqlx::query("DELETE FROM stage WHERE worker = $1")
            .bind(worker)
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
}

fn obvious_lines(text: &mut String, id: i64, data: &serde_json::Value) {
    let word = |name: &str| data[name].as_str().unwrap();
    let minor = |name: &str| {
        let amount: rust_decimal::Decimal = data[name].to_string().parse().unwrap();
        (amount * rust_decimal::Decimal::ONE_HUNDRED).normalize()
    };
    let (on, currency, customer) = (
        &word("issued_at")[..10],
        word("currency"),
        word("customer_id"),
    );
    for (account, side, amount) in [(4950, 1, "net"), (2100, 1, "tax"), (1200, 2, "total")] {
        let amount = minor(amount);
        text.push_str(&format!(
            "{id}\t{account}\t{on}\t{side}\t{amount}\t{currency}\t{customer}\n"
        ));
    }
}
