//! Settlement files at a million lines: how fast they come into the books beside a bare reader and a bare insert, and
//! how fast they are read beside a bare reader of their kind.
//!
//! `ratio settle.DB` is the rate of `tieout settle` on a processor's report of LINES lines over that of a bare CSV
//! reader with a bare insert of the same rows, both processes of their own; `peak settle.DB` is in MiB. `ratio
//! read.KIND` is the rate at which a format reads a bank's statement over that of a bare reader of the same bytes:
//! the events of an XML reader for camt, the lines as texts for all others. The middle of several runs counts.
//! `LINES` and `DATABASES` (`sqlite postgres`) make it smaller.

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

use formats::settlement::{ParseError, SettlementKind, Sink};
use ledger::{SettlementLine, Statement};
use measure::{memory, setting};
use quick_xml::events::Event;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, QueryBuilder, SqliteConnection};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Rows of one bare insert.
const ROWS: usize = 256;

/// How often each reading is measured.
const RUNS: usize = 5;

const COLUMNS: &str = "automatic_payout_id,automatic_payout_effective_at,balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id,payment_intent_id,description";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [name, url, file] = arguments.as_slice()
        && name == "bare-settle"
    {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        return runtime.block_on(bare_settle(url, Path::new(file)));
    }
    // `cargo test --benches` runs this too, and wants nothing of it.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let lines = setting("LINES", 1_000_000);
    let databases = std::env::var("DATABASES").unwrap_or_else(|_unset| "sqlite,postgres".into());
    let base = std::env::var("CARGO_TARGET_TMPDIR")
        .map_or_else(|_unset| std::env::temp_dir(), PathBuf::from);
    let dir = base.join(format!("bench-settle-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let mut told = reading(&dir, lines);
    let report = dir.join("report.csv");
    write_report(&report, lines);
    for database in databases.split([' ', ',']).filter(|name| !name.is_empty()) {
        settle(database, &dir, &report, &mut told);
    }
    std::fs::remove_dir_all(&dir).unwrap();
    println!();
    for line in told {
        println!("{line}");
    }
}

/// A processor's report: payouts of five hundred lines.
fn write_report(path: &Path, lines: usize) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    writeln!(file, "{COLUMNS}").unwrap();
    for line in 0..lines {
        let (payout, day) = (line / 500, 1 + line / 500 % 27);
        let gross = 500 + line % 10_000;
        let fee = 25 + gross * 29 / 1_000;
        let cents = |amount: usize| format!("{}.{:02}", amount / 100, amount % 100);
        writeln!(
            file,
            "po_{payout:08},2026-01-{:02} 00:00:00,txn_{line:010},2026-01-{day:02} 10:00:00,eur,{},{},{},charge,ch_{line:010},pi_{line:010},Order {line}",
            day + 1,
            cents(gross),
            cents(fee),
            cents(gross - fee)
        )
        .unwrap();
    }
    file.flush().unwrap();
}

/// What one process took.
#[derive(Clone, Copy, Debug)]
struct Cost {
    wall: f64,
    peak: u64,
}

fn settle(database: &str, dir: &Path, report: &Path, told: &mut Vec<String>) {
    let company = dir.join(database);
    let program = || Command::new(env!("CARGO_BIN_EXE_tieout"));
    let made = program()
        .arg("init")
        .arg(&company)
        .stdout(Stdio::null())
        .status();
    assert!(made.unwrap().success());
    let (url, bare) = urls(database, dir);
    let config = company.join("tieout.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    let text: String = text
        .lines()
        .map(|line| match line.strip_prefix("store:") {
            Some(_) => format!("store: {{ url: \"{url}\" }}\n"),
            None => format!("{line}\n"),
        })
        .collect();
    std::fs::write(&config, text).unwrap();
    let own = measured(program().arg("-c").arg(&config).arg("settle").arg(report));
    let again = std::env::current_exe().unwrap();
    let bare = measured(Command::new(again).arg("bare-settle").arg(bare).arg(report));
    for (what, cost) in [("settle", own), ("bare", bare)] {
        println!(
            "{database:<10} {what:<8} {:>8.2} s wall {:>6} MiB",
            cost.wall,
            cost.peak / 1024
        );
    }
    told.push(format!(
        "ratio settle.{database} {:.2}",
        bare.wall / own.wall
    ));
    told.push(format!("peak settle.{database} {}", own.peak / 1024));
}

/// The books, and a database for the bare insert.
fn urls(database: &str, dir: &Path) -> (String, String) {
    if database != "postgres" {
        let file = |name: &str| format!("sqlite:{}", dir.join(name).display());
        return (file("books.db"), file("bare.db"));
    }
    let base = std::env::var("TIEOUT_TEST_POSTGRES")
        .expect("TIEOUT_TEST_POSTGRES is not set; `make bench-settle` starts one");
    let (server, _) = base.rsplit_once('/').unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut connection = PgConnection::connect(&base).await.unwrap();
        for name in ["bench_settle", "bench_settle_bare"] {
            for statement in ["DROP DATABASE IF EXISTS", "CREATE DATABASE"] {
                let statement = AssertSqlSafe(format!("{statement} {name}"));
                connection.execute(statement).await.unwrap();
            }
        }
    });
    (
        format!("{server}/bench_settle"),
        format!("{server}/bench_settle_bare"),
    )
}

/// Runs a process to its end, after the disk is flushed.
fn measured(command: &mut Command) -> Cost {
    assert!(Command::new("sync").status().unwrap().success());
    let begun = Instant::now();
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let mut peak = 0;
    let status = loop {
        peak = peak.max(memory(child.id()));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(status.success(), "{command:?}: {status}");
    Cost {
        wall: begun.elapsed().as_secs_f64(),
        peak,
    }
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

/// The lines of the report, read and inserted.
async fn bare_settle(url: &str, file: &Path) {
    let mut database = match url.strip_prefix("sqlite:") {
        Some(path) => {
            let options = SqliteConnectOptions::new()
                .filename(path)
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .pragma("cache_size", "-65536")
                .pragma("wal_autocheckpoint", "16384");
            Database::Sqlite(SqliteConnection::connect_with(&options).await.unwrap())
        }
        None => Database::Postgres(PgConnection::connect(url).await.unwrap()),
    };
    let columns = COLUMNS.replace(',', " TEXT, ");
    let statements = [
        format!("CREATE TABLE bare_line ({columns} TEXT)"),
        "CREATE UNIQUE INDEX bare_key ON bare_line (balance_transaction_id)".to_owned(),
        "BEGIN".to_owned(),
    ];
    for statement in statements {
        on!(&mut database, db => { db.execute(AssertSqlSafe(statement)).await.unwrap(); });
    }
    let mut reader = csv::Reader::from_path(file).unwrap();
    let mut rows = Vec::with_capacity(ROWS);
    let mut records = reader.records();
    loop {
        rows.clear();
        rows.extend(records.by_ref().take(ROWS).map(Result::unwrap));
        if rows.is_empty() {
            break;
        }
        on!(&mut database, db => {
            let mut builder = QueryBuilder::new("INSERT INTO bare_line ");
            builder.push_values(&rows, |mut row, record| {
                for value in record {
                    row.push_bind(value.to_owned());
                }
            });
            builder.build().execute(&mut *db).await.unwrap();
        });
    }
    on!(&mut database, db => { db.execute("COMMIT").await.unwrap(); });
}

/// Takes what is read, and keeps nothing.
#[derive(Default)]
struct Counting(usize);

impl Sink for Counting {
    fn line(&mut self, _statement: usize, line: SettlementLine) -> Result<(), ParseError> {
        // Some formats know no reference beside the identity.
        self.0 += usize::from(!line.identity.is_empty());
        Ok(())
    }

    fn statement(&mut self, _number: usize, _statement: Statement) -> Result<(), ParseError> {
        Ok(())
    }
}

/// How fast each kind of statement is read, beside a bare reader of it.
fn reading(dir: &Path, lines: usize) -> Vec<String> {
    let mut told = Vec::new();
    for (kind, text) in [
        ("camt053", camt(lines / 5)),
        ("mt940", mt940(lines / 5)),
        ("bai2", bai2(lines / 5)),
        ("ofx", ofx(lines / 5)),
    ] {
        let path = dir.join(kind);
        std::fs::write(&path, text).unwrap();
        let (mut own, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            own.push(timed(|| read(kind, &path)));
            bare.push(timed(|| match kind {
                "camt053" => events(&path),
                _ => texts(&path),
            }));
        }
        let (own, bare) = (middle(own), middle(bare));
        println!("{kind:<10} read {own:>8.3} s  bare {bare:>8.3} s");
        told.push(format!("ratio read.{kind} {:.2}", bare / own));
        std::fs::remove_file(&path).unwrap();
    }
    told
}

fn timed(work: impl FnOnce() -> usize) -> f64 {
    let begun = Instant::now();
    assert!(work() > 0);
    begun.elapsed().as_secs_f64()
}

fn middle(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn read(kind: &str, path: &Path) -> usize {
    let kind = SettlementKind::find(kind).unwrap();
    let format = kind.open(serde_json::json!({})).unwrap();
    let mut counting = Counting::default();
    let mut file = File::open(path).unwrap();
    format.stream(&mut file, &mut counting).unwrap();
    counting.0
}

fn events(path: &Path) -> usize {
    let mut reader = quick_xml::Reader::from_file(path).unwrap();
    let (mut buffer, mut count) = (Vec::new(), 0);
    loop {
        match reader.read_event_into(&mut buffer).unwrap() {
            Event::Eof => return count,
            _ => count += 1,
        }
        buffer.clear();
    }
}

fn texts(path: &Path) -> usize {
    let lines = BufReader::new(File::open(path).unwrap()).lines();
    lines.map(|line| line.unwrap().len()).sum()
}

fn camt(entries: usize) -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"><BkToCstmrStmt><GrpHdr><MsgId>M</MsgId><CreDtTm>2026-02-01T06:00:00</CreDtTm></GrpHdr><Stmt><Id>S</Id><CreDtTm>2026-02-01T06:00:00</CreDtTm><Acct><Id><IBAN>DE02120300000000202051</IBAN></Id><Ccy>EUR</Ccy></Acct>\n",
    );
    for (code, amount) in [("OPBD", 0), ("CLBD", entries)] {
        write!(text, "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"EUR\">{amount}.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-01-31</Dt></Dt></Bal>").unwrap();
    }
    for entry in 0..entries {
        writeln!(text, "<Ntry><NtryRef>{entry}</NtryRef><Amt Ccy=\"EUR\">1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-01-15</Dt></BookgDt><ValDt><Dt>2026-01-15</Dt></ValDt><AcctSvcrRef>R{entry:012}</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd><NtryDtls><TxDtls><Refs><EndToEndId>E{entry:012}</EndToEndId></Refs><RltdPties><Dbtr><Pty><Nm>Customer {entry}</Nm></Pty></Dbtr></RltdPties><RmtInf><Ustrd>Invoice {entry}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>").unwrap();
    }
    text.push_str("</Stmt></BkToCstmrStmt></Document>\n");
    text
}

fn mt940(entries: usize) -> String {
    let mut text = String::from(
        ":20:STMT\r\n:25:DE02120300000000202051\r\n:28C:1/1\r\n:60F:C260115EUR0,00\r\n",
    );
    for entry in 0..entries {
        write!(text, ":61:2601150115C1,00NTRFE{entry:010}//R{entry:010}\r\n:86:166?00GUTSCHRIFT?20EREF+E{entry:010}?21SVWZ+Invoice {entry}?32Customer {entry}\r\n").unwrap();
    }
    write!(text, ":62F:C260115EUR{entries},00\r\n-\r\n").unwrap();
    text
}

fn bai2(details: usize) -> String {
    let total = details * 100;
    let mut text = format!(
        "01,122000247,ACME,260304,0630,1,,,2/\n02,ACME,122000247,1,260303,2400,USD,2/\n03,1,,010,0,,,015,{total},,/\n"
    );
    for detail in 0..details {
        writeln!(
            text,
            "16,195,100,0,R{detail:010},C{detail:010},WIRE FROM CUSTOMER {detail}"
        )
        .unwrap();
    }
    let sum = total * 2;
    write!(
        text,
        "49,{sum},{}/\n98,{sum},1,{}/\n99,{sum},1,{}/\n",
        details + 2,
        details + 4,
        details + 6
    )
    .unwrap();
    text
}

fn ofx(lines: usize) -> String {
    let mut text = String::from(
        "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nSECURITY:NONE\nENCODING:UTF-8\nCHARSET:NONE\nCOMPRESSION:NONE\nOLDFILEUID:NONE\nNEWFILEUID:NONE\n\n<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS><DTSERVER>20260201<LANGUAGE>ENG</SONRS></SIGNONMSGSRSV1><BANKMSGSRSV1><STMTTRNRS><TRNUID>0<STATUS><CODE>0<SEVERITY>INFO</STATUS><STMTRS><CURDEF>USD<BANKACCTFROM><BANKID>091000022<ACCTID>5550001<ACCTTYPE>CHECKING</BANKACCTFROM><BANKTRANLIST><DTSTART>20260101<DTEND>20260131\n",
    );
    for line in 0..lines {
        writeln!(text, "<STMTTRN><TRNTYPE>CREDIT<DTPOSTED>20260115<TRNAMT>1.00<FITID>F{line:010}<NAME>Customer {line}<MEMO>Invoice {line}</STMTTRN>").unwrap();
    }
    writeln!(text, "</BANKTRANLIST><LEDGERBAL><BALAMT>{lines}.00<DTASOF>20260131</LEDGERBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>").unwrap();
    text
}
