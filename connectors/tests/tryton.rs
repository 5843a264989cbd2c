//! Entries into a real ERP, Tryton on PostgreSQL: each one posted move, whatever breaks on the way.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

#[path = "../formats/tests/common/mod.rs"]
mod common;
mod peer;

use common::case;
use connectors::erp::{Delivery, ErpConnector, ErpKind, Host, Said};
use formats::erp::Artifact;
use ledger::FixedClock;
use peer::{Act, Request, serve};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn setting(name: &str) -> String {
    let missing = |_unset| format!("{name} is not set; `make test` starts the peer and sets it");
    std::env::var(name).map_err(missing).unwrap()
}

/// A server of its own over books of its own.
struct Erp {
    dir: PathBuf,
    database: String,
    port: u16,
    child: Mutex<Option<Child>>,
}

impl Erp {
    fn new(name: &str) -> Arc<Self> {
        let database = format!("erp_{name}_{}", std::process::id());
        let dir = std::env::temp_dir().join(format!("tieout-{database}"));
        let _absent = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let url = setting("TIEOUT_TEST_POSTGRES");
        let (_, server) = url.rsplit_once('/').unwrap().0.split_once("://").unwrap();
        let text =
            format!("[database]\nuri = postgresql://{server}/\n[web]\nlisten = 127.0.0.1:{port}\n");
        std::fs::write(dir.join("trytond.conf"), text).unwrap();
        std::fs::write(dir.join("password"), "filling\n").unwrap();
        let owner_only = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(dir.join("password"), owner_only).unwrap();
        let erp = Self {
            dir,
            database,
            port,
            child: Mutex::new(None),
        };
        psql(
            &url,
            &["-c", &format!("DROP DATABASE IF EXISTS {}", erp.database)],
        );
        psql(&url, &["-c", &format!("CREATE DATABASE {}", erp.database)]);
        let books = setting("TIEOUT_TEST_TRYTON_BOOKS");
        psql(&erp.url(), &["-o", "/dev/null", "-f", &books]);
        erp.start();
        Arc::new(erp)
    }

    /// The database's address.
    fn url(&self) -> String {
        let url = setting("TIEOUT_TEST_POSTGRES");
        format!("{}/{}", url.rsplit_once('/').unwrap().0, self.database)
    }

    fn start(&self) {
        let home = setting("TIEOUT_TEST_TRYTON");
        let log = std::fs::File::create(self.dir.join("log")).unwrap();
        let mut child = Command::new("python3")
            .arg(Path::new(&home).join("bin/trytond"))
            .args(["-c", "trytond.conf", "-d", &self.database])
            .env("PYTHONPATH", home)
            .current_dir(&self.dir)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let alive = child.try_wait().unwrap().is_none();
            assert!(
                alive && begun.elapsed() < Duration::from_mins(1),
                "the ERP did not start: {}",
                std::fs::read_to_string(self.dir.join("log")).unwrap()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        *self.child.lock().unwrap() = Some(child);
    }

    fn kill(&self) {
        if let Some(mut child) = self.child.lock().unwrap().take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn query(&self, text: &str) -> String {
        psql(&self.url(), &["-At", "-c", text])
    }

    /// How many moves there are for each document, by state.
    fn moves(&self, like: &str) -> String {
        self.query(&format!(
            "SELECT count(*), count(DISTINCT description), min(state), max(state) FROM account_move WHERE description LIKE '{like}'"
        ))
    }

    fn connector(&self, url: &str) -> Box<dyn ErpConnector> {
        let options = json!({
            "url": url, "database": self.database, "user": "admin", "password": { "file": self.dir.join("password") },
            "companies": { "eu": "Example GmbH" }, "journal": "MISC",
            "accounts": { "accounts-receivable": "1.2.1", "revenue-access": "4.1.2", "tax-payable": "2.3.1" },
            "party": { "dimension": "customer", "default": "SUNDRY" },
        });
        let host = Host {
            drop: None,
            base: PathBuf::from("/"),
            clock: Arc::new(FixedClock("2026-02-01T08:00:00Z".parse().unwrap())),
        };
        ErpKind::find("tryton")
            .unwrap()
            .open(options, &host)
            .unwrap()
    }

    fn direct(&self) -> Box<dyn ErpConnector> {
        self.connector(&format!("http://127.0.0.1:{}", self.port))
    }

    /// A batch of entries, each of 119.00 or what is said.
    fn artifact(&self, entries: impl Iterator<Item = Value>) -> Artifact {
        let folder = self.dir.join("batch");
        std::fs::create_dir_all(&folder).unwrap();
        let batch = json!({ "options": {}, "entries": entries.collect::<Vec<_>>() });
        std::fs::write(folder.join("batch.json"), batch.to_string()).unwrap();
        let (_, batch) = case(&folder);
        let connector = self.direct();
        let mut bytes = Vec::new();
        connector.render(&batch, &mut bytes).unwrap();
        Artifact {
            name: connector.name(&batch),
            bytes,
        }
    }
}

impl Erp {
    fn end(&self) {
        self.kill();
        let url = setting("TIEOUT_TEST_POSTGRES");
        psql(
            &url,
            &[
                "-c",
                &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.database),
            ],
        );
        let _left = std::fs::remove_dir_all(&self.dir);
    }
}

/// Ends an ERP with the test, whoever else holds it.
struct Ended(Arc<Erp>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.end();
    }
}

fn psql(url: &str, arguments: &[&str]) -> String {
    let program = Path::new(&setting("TIEOUT_TEST_POSTGRES_BIN")).join("psql");
    let output = Command::new(program)
        .args(["-q", "-v", "ON_ERROR_STOP=1", url])
        .args(arguments)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn entry(id: u64, date: &str, gross: &str, net: &str, tax: &str) -> Value {
    json!({
        "id": id, "entity": "eu", "period": &date[..7], "date": date, "kind": "original", "reference": format!("INV-{id}"),
        "description": "invoice \u{1f600} \"=1+1\"\nsecond line", "functional": "EUR",
        "lines": [
            { "debit": "accounts-receivable", "amount": format!("{gross} EUR"), "dimensions": { "customer": "C-7" } },
            { "credit": "revenue-access", "amount": format!("{net} EUR"), "dimensions": {} },
            { "credit": "tax-payable", "amount": format!("{tax} EUR") },
        ],
    })
}

fn plain(id: u64) -> Value {
    entry(id, "2026-01-15", "119.00", "100.00", "19.00")
}

fn rejected(delivery: Delivery) -> String {
    let Delivery::Documents(answers) = delivery else {
        unreachable!("{delivery:?}")
    };
    let refused = answers.iter().filter_map(|one| match &one.said {
        Said::Refused(words) | Said::Differs { words, .. } => {
            Some(format!("{}: {words}", one.document))
        }
        _ => None,
    });
    let refused: Vec<String> = refused.collect();
    assert!(!refused.is_empty(), "{answers:?}");
    format!(
        "{} of {} entries are refused; {}",
        refused.len(),
        answers.len(),
        refused.join("; ")
    )
}

/// Whether all are posted and were read back.
fn is_acknowledged(delivery: &Delivery) -> bool {
    let Delivery::Documents(answers) = delivery else {
        return false;
    };
    let mut said = answers.iter().map(|one| &one.said);
    said.all(|said| matches!(said, Said::Acknowledged { .. }))
}

#[tokio::test]
async fn entries_are_posted_once_and_balances_are_ours() {
    let erp = Erp::new("once");
    let _ended = Ended(Arc::clone(&erp));
    let connector = erp.direct();
    connector.check().await.unwrap();
    let foreign = json!({
        "id": 9_001, "entity": "eu", "period": "2026-02", "date": "2026-02-27", "kind": "reversal", "reference": "F", "description": "foreign",
        "functional": "EUR", "rate": "0.006455", "lines": [
            { "debit": "revenue-access", "amount": "12000 JPY", "functional": "77.46 EUR" },
            { "credit": "accounts-receivable", "amount": "12000 JPY", "functional": "77.46 EUR" } ] });
    let artifact = erp.artifact((1..=500).map(plain).chain([foreign]));
    for _ in 0..2 {
        let answer = connector.deliver(&artifact, "{}").await.unwrap();
        assert!(is_acknowledged(&answer), "{answer:?}");
    }
    assert_eq!(erp.moves("eu-2026-%"), "501|501|posted|posted");
    let balances = "SELECT a.code, sum(l.debit - l.credit), sum(l.amount_second_currency) FROM account_move_line l \
        JOIN account_account a ON a.id = l.account GROUP BY a.code ORDER BY a.code";
    assert_eq!(
        erp.query(balances).lines().collect::<Vec<_>>(),
        [
            "1.2.1|59422.54|-12000",
            "2.3.1|-9500.00|",
            "4.1.2|-49922.54|12000"
        ]
    );
    let party = "SELECT count(*) FROM account_move_line l JOIN party_party p ON p.id = l.party WHERE p.code = 'C-7'";
    assert_eq!(erp.query(party), "500");
}

#[tokio::test]
async fn what_is_refused_holds_up_nothing_else_and_is_cured() {
    let erp = Erp::new("refused");
    let _ended = Ended(Arc::clone(&erp));
    let connector = erp.direct();
    erp.query("UPDATE account_period SET state = 'closed' WHERE start_date = '2026-03-01'");
    let open = connector.periods().unwrap().open().await.unwrap();
    let day = |text: &str| text.parse::<chrono::NaiveDate>().unwrap();
    let takes = |on: &str| {
        let days = &open["eu"];
        days.iter()
            .any(|(from, to)| (*from..=*to).contains(&day(on)))
    };
    assert!(takes("2026-02-28") && !takes("2026-03-15") && takes("2026-04-01"));
    assert!(!takes("2027-01-01"), "{open:?}");
    erp.query("UPDATE account_account SET code = '9.9' WHERE code = '2.3.1'");
    let artifact = erp.artifact((1..=3).map(|id| {
        let mut entry = plain(id);
        entry["lines"] = json!([
            { "debit": "accounts-receivable", "amount": "5.00 EUR" }, { "credit": "revenue-access", "amount": "5.00 EUR" } ]);
        if id == 2 {
            entry["date"] = json!("2026-03-15");
        }
        entry
    }).chain([plain(4), entry(5, "2027-01-01", "119.00", "100.00", "19.00")]));
    let reason = rejected(connector.deliver(&artifact, "{}").await.unwrap());
    for words in [
        "3 of 5 entries are refused",
        "eu-2026-000002: ",
        "eu-2026-000004: `Example GmbH` has no account with the code `2.3.1`",
        "eu-2026-000005: `Example GmbH` has no period for 2027-01-01",
    ] {
        assert!(reason.contains(words), "{words}: {reason}");
    }
    assert!(reason.contains("clos"), "in the ERP's own words: {reason}");
    assert_eq!(
        erp.moves("eu-2026-%"),
        "2|2|posted|posted",
        "and nothing is left behind"
    );
    erp.query("UPDATE account_period SET state = 'open' WHERE start_date = '2026-03-01'");
    erp.query("UPDATE account_account SET code = '2.3.1' WHERE code = '9.9'");
    let reason = rejected(erp.direct().deliver(&artifact, "{}").await.unwrap());
    assert!(reason.contains("1 of 5 entries"), "{reason}");
    assert_eq!(erp.moves("eu-2026-%"), "4|4|posted|posted");
}

#[tokio::test]
async fn what_is_there_under_our_number_with_other_lines_is_told() {
    let erp = Erp::new("other");
    let _ended = Ended(Arc::clone(&erp));
    let connector = erp.direct();
    let own = erp.artifact([plain(1)].into_iter());
    connector.deliver(&own, "{}").await.unwrap();
    let other = erp.artifact([entry(1, "2026-01-15", "238.00", "200.00", "38.00")].into_iter());
    let reason = rejected(connector.deliver(&other, "{}").await.unwrap());
    assert!(reason.contains("another day or other lines"), "{reason}");
    assert_eq!(erp.moves("eu-2026-%"), "1|1|posted|posted");
}

#[tokio::test]
async fn what_cancels_a_move_and_what_is_of_another_currency_is_not_taken_for_it() {
    let erp = Erp::new("apart");
    let _ended = Ended(Arc::clone(&erp));
    let connector = erp.direct();
    let own = erp.artifact([plain(1)].into_iter());
    connector.deliver(&own, "{}").await.unwrap();
    // A bookkeeper cancels it: the copy has the same description, and says where it comes from.
    erp.query(
        "INSERT INTO account_move (company, journal, period, date, description, number, state, origin) \
        SELECT company, journal, period, date, description, 'C1', state, 'account.move,' || id FROM account_move",
    );
    let again = connector.deliver(&own, "{}").await.unwrap();
    assert!(is_acknowledged(&again), "{again:?}");
    // The same entry on another day, out of other books.
    let other = erp.artifact([entry(1, "2026-01-16", "119.00", "100.00", "19.00")].into_iter());
    let reason = rejected(connector.deliver(&other, "{}").await.unwrap());
    assert!(
        reason.contains("gave one number to two entries"),
        "{reason}"
    );
    let mut foreign = plain(2);
    foreign["functional"] = json!("USD");
    foreign["lines"] = json!([
        { "debit": "accounts-receivable", "amount": "5.00 USD" }, { "credit": "revenue-access", "amount": "5.00 USD" } ]);
    let foreign = erp.artifact([foreign].into_iter());
    let blocked = connector.deliver(&foreign, "{}").await.unwrap();
    let blocked = format!("{blocked:?}");
    assert!(
        blocked.starts_with("Blocked") && blocked.contains("in another currency than USD"),
        "{blocked}"
    );
    // What broke inside the server is no refusal.
    let broken = serve(|_request| {
        Act::Answer(
            200,
            "",
            r#"{"id":1,"error":["cursor is gone",""]}"#.to_owned(),
        )
    });
    let error = erp
        .connector(&broken)
        .deliver(&own, "{}")
        .await
        .unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("cursor is gone"), "{source}");
}

/// What becomes of a call on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// It never arrives.
    Before,
    /// It is carried out, and the answer is lost.
    After,
    /// It is carried out, and the server dies.
    Dies,
}

/// Hands requests on to the ERP, with faults.
fn through(erp: &Arc<Erp>, mut fault: impl FnMut(&Request) -> Fault + Send + 'static) -> String {
    let erp = Arc::clone(erp);
    serve(move |request| {
        let fault = fault(request);
        if fault == Fault::Before {
            return Act::Drop;
        }
        let Ok((status, body)) = forward(erp.port, request) else {
            return Act::Drop;
        };
        match fault {
            Fault::Dies => {
                erp.kill();
                erp.start();
                Act::Drop
            }
            Fault::After => Act::Drop,
            _ => Act::Answer(status, "", body),
        }
    })
}

fn forward(port: u16, request: &Request) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    let authorization = request.headers.get("authorization");
    let authorization =
        authorization.map_or_else(String::new, |text| format!("Authorization: {text}\r\n"));
    let head = format!(
        "POST {} HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{authorization}Content-Length: {}\r\n\r\n",
        request.path,
        request.body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(&request.body)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let strange = || std::io::Error::other(answer.clone());
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(strange)?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let is_chunked = head.to_lowercase().contains("transfer-encoding: chunked");
    let body = if is_chunked {
        unchunked(body).ok_or_else(strange)?
    } else {
        body.to_owned()
    };
    Ok((status.ok_or_else(strange)?, body))
}

/// A body that came piece by piece, each after its length.
fn unchunked(body: &str) -> Option<String> {
    let (mut rest, mut whole) = (body, String::new());
    loop {
        let (length, after) = rest.split_once("\r\n")?;
        let length = usize::from_str_radix(length.trim(), 16).ok()?;
        if length == 0 {
            return Some(whole);
        }
        let (piece, after) = after.split_at_checked(length)?;
        whole.push_str(piece);
        rest = after.strip_prefix("\r\n")?;
    }
}

/// Delivers until somebody answers.
async fn until_answered(connector: &dyn ErpConnector, artifact: &Artifact) -> Delivery {
    let mut last = None;
    for _ in 0..30 {
        match connector.deliver(artifact, "{}").await {
            Ok(answer) => return answer,
            Err(error) => last = Some(error),
        }
    }
    unreachable!("no answer in thirty attempts: {last:?}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_any_fault_each_entry_is_one_posted_move() {
    let erp = Erp::new("faults");
    let _ended = Ended(Arc::clone(&erp));
    let state = Arc::new(AtomicU64::new(0));
    let seeds = Arc::clone(&state);
    // Each run draws its faults from its seed, call by call.
    let mut random = fastrand::Rng::with_seed(0);
    let mut seed = 0;
    let url = through(&erp, move |_request| {
        let now = seeds.load(Ordering::Relaxed);
        if now != seed {
            seed = now;
            random = fastrand::Rng::with_seed(now);
        }
        match random.u32(..60) {
            0 => Fault::Before,
            1 | 2 => Fault::After,
            3 if random.u32(..8) == 0 => Fault::Dies,
            _ => Fault::None,
        }
    });
    let runs = std::env::var("TIEOUT_ERP_RUNS").map_or(24, |runs| runs.parse().unwrap());
    for seed in 1..=runs {
        state.store(seed, Ordering::Relaxed);
        let first = seed * 10;
        let artifact = erp.artifact((first..first + 3).map(plain));
        let connector = erp.connector(&url);
        if seed % 4 == 0 {
            // Two that do not know of each other.
            let other = erp.connector(&url);
            let (one, two) = tokio::join!(
                until_answered(connector.as_ref(), &artifact),
                until_answered(other.as_ref(), &artifact)
            );
            drop((one, two));
        }
        let answer = until_answered(connector.as_ref(), &artifact).await;
        assert!(is_acknowledged(&answer), "seed {seed}: {answer:?}");
    }
    let all = runs * 3;
    assert_eq!(erp.moves("eu-2026-%"), format!("{all}|{all}|posted|posted"));
}
