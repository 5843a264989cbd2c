//! The daemon among strangers and faults: slow and many clients, jobs that break off or hang, sources that
//! must stop, signals, and a configuration that changes while it runs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::too_many_lines,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

mod common;

use common::{
    Daemon, block_on, config, configure, database, drop_database, eventually, expect, folder,
    free_port,
};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const TOKEN: &str = "a-token-for-tests";
const SOON: Duration = Duration::from_mins(1);

/// A starter company without schedule, whose HTTP listens on a free port.
struct House {
    dir: PathBuf,
    port: u16,
}

impl House {
    /// `http` is what stands under `http` beside `listen`; `more` is added to the file.
    fn new(name: &str, http: &str, more: &str) -> Self {
        let dir = folder(name);
        expect(0, &["init", dir.to_str().unwrap()]);
        let port = free_port();
        configure(&dir, |text| {
            let schedule = text.find("# Cron with seconds").unwrap();
            let seal = text.find("# What a period's close").unwrap();
            let text = format!("{}{}", &text[..schedule], &text[seal..]);
            let listens = format!("http: {{ listen: \"127.0.0.1:{port}\", {http} }}\n{more}");
            text.replace("http: { listen: \"127.0.0.1:8080\" }", &listens)
        });
        Self { dir, port }
    }

    fn with_token(name: &str, more: &str) -> Self {
        Self::new(name, "token: { env: TIEOUT_EVENTS_TOKEN }", more)
    }

    fn start(&self, fault: &str) -> Daemon {
        let daemon = start(&self.dir, fault, &["--log", "json"]);
        eventually(SOON, || self.get("/healthz", "").map(drop));
        daemon
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream
    }

    /// Sends bytes as they are, and reads what comes until the end.
    fn say(&self, bytes: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(bytes.as_bytes()).unwrap();
        heard(&mut stream)
    }

    fn get(&self, path: &str, token: &str) -> Result<String, String> {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else {
            return Err("nobody listens".to_owned());
        };
        let asked = format!(
            "GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(asked.as_bytes()).unwrap();
        let answer = heard(&mut stream);
        let body = answer
            .split_once("\r\n\r\n")
            .map(|(_, body)| body.to_owned())
            .unwrap_or_default();
        if answer.starts_with("HTTP/1.1 200") {
            Ok(body)
        } else {
            Err(answer)
        }
    }

    fn ready(&self) -> Value {
        serde_json::from_str(&self.get("/readyz", "").unwrap()).unwrap()
    }

    fn metrics(&self) -> String {
        self.get("/metrics", TOKEN).unwrap()
    }

    fn post(&self, event: &Value) -> String {
        let body = event.to_string();
        self.say(&format!(
            "{}{body}",
            head(TOKEN, "application/cloudevents+json", body.len())
        ))
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("daemon.log")).unwrap()
    }

    /// Rows of the books as text, one column.
    fn rows(&self, statement: &str) -> Vec<String> {
        let options =
            sqlx::sqlite::SqliteConnectOptions::new().filename(self.dir.join("tieout.db"));
        block_on(async {
            let mut connection = options.connect().await.unwrap();
            let rows = sqlx::query(AssertSqlSafe(statement.to_owned()))
                .fetch_all(&mut connection)
                .await
                .unwrap();
            connection.close().await.unwrap();
            rows.iter().map(|row| row.get::<String, _>(0)).collect()
        })
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _gone = std::fs::remove_dir_all(&self.dir);
        }
    }
}

fn start(dir: &Path, fault: &str, more: &[&str]) -> Daemon {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(dir.join("daemon.log"))
        .unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tieout"));
    command.args(["-c", &config(dir)]).args(more).arg("run");
    command
        .env("USER", "tester")
        .env("TIEOUT_EVENTS_TOKEN", TOKEN)
        .env("TIEOUT_METRICS_TOKEN", "for-metrics");
    if !fault.is_empty() {
        command.env("TIEOUT_FAULT", fault);
    }
    Daemon(command.stderr(Stdio::from(log)).spawn().unwrap())
}

fn signal(daemon: &Daemon, name: &str) {
    let sent = Command::new("kill")
        .args([name, &daemon.0.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

fn heard(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A peer that cuts the connection has said what it said.
    let _cut = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn head(token: &str, kind: &str, length: usize) -> String {
    format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    )
}

fn payment(id: &str) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "//tests", "type": "billing.payment.succeeded.v1",
        "time": "2026-01-15T10:00:00Z",
        "data": {
            "entity": "eu", "customer_id": "C-1", "currency": "EUR", "amount": 10, "processor": "stripe",
            "processor_reference": format!("ch_{id}"), "succeeded_at": "2026-01-15T10:00:00Z"
        }
    })
}

const ONE: &str = "application/cloudevents+json";

#[test]
fn the_token_comes_before_the_body_and_slow_peers_are_let_go() {
    let limits = "token: { env: TIEOUT_EVENTS_TOKEN }, limits: { idle_seconds: 1, body_seconds: 3, connections: 40 }";
    let house = House::new("strangers", limits, "");
    let daemon = house.start("");
    // Not a byte of these bodies is sent: the answer cannot depend on them.
    let table = [
        (head("wrong", ONE, 10 << 30), "401"),
        (head("", "text/plain", 10 << 30), "401"),
        (head(TOKEN, "text/plain", 10 << 30), "415"),
        (head(TOKEN, ONE, 10 << 30), "413"),
        (head(TOKEN, ONE, (8 << 20) + 1), "413"),
        (
            head(TOKEN, ONE, 100)
                .replace("content-length", "content-encoding: gzip\r\ncontent-length"),
            "415",
        ),
        (head(TOKEN, ONE, 100), "408"),
        (
            head(&TOKEN.to_lowercase(), ONE, 2).replace("Bearer", "bearer") + "{}",
            "200",
        ),
    ];
    for (asked, status) in &table {
        let begun = Instant::now();
        let answer = house.say(asked);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{asked}: {answer}"
        );
        assert!(
            begun.elapsed() < Duration::from_secs(6),
            "{asked} took {:?}",
            begun.elapsed()
        );
    }
    // Without a length the bytes are counted as they come.
    let mut stream = house.connect();
    let chunked = head(TOKEN, ONE, 0).replace("content-length: 0", "transfer-encoding: chunked");
    stream.write_all(chunked.as_bytes()).unwrap();
    let chunk = format!("100000\r\n{}\r\n", " ".repeat(1 << 20));
    let all = (0..12).all(|_| stream.write_all(chunk.as_bytes()).is_ok());
    let answer = heard(&mut stream);
    assert!(
        answer.starts_with("HTTP/1.1 413") || (answer.is_empty() && !all),
        "{answer}"
    );
    // Half a head, a body that trickles, a connection that rests: each is let go.
    let begun = Instant::now();
    assert_eq!(
        house.say("POST /v1/events HTTP/1.1\r\nhost: x\r\nauthor"),
        ""
    );
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
    let mut stream = house.connect();
    stream.write_all(head(TOKEN, ONE, 1000).as_bytes()).unwrap();
    let begun = Instant::now();
    let mut trickle = stream.try_clone().unwrap();
    let drops = std::thread::spawn(move || {
        while trickle.write_all(b" ").is_ok() && begun.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    let answer = heard(&mut stream);
    assert!(
        answer.starts_with("HTTP/1.1 408") && answer.contains("took too long"),
        "{answer}"
    );
    assert!(
        begun.elapsed() < Duration::from_secs(7),
        "{:?}",
        begun.elapsed()
    );
    drops.join().unwrap();
    let mut stream = house.connect();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        .unwrap();
    let begun = Instant::now();
    assert!(heard(&mut stream).ends_with("ok\n"));
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    // After all of them an honest sender is served.
    assert!(house.post(&payment("honest")).contains("\"posted\":1"));
    assert_eq!(daemon.stop(), Some(0));
    assert!(!house.log().contains(TOKEN));
}

#[test]
fn many_connections_are_refused_and_memory_stays() {
    let house = House::with_token("many", "");
    let daemon = house.start("");
    let crowd: Vec<TcpStream> = (0..300).map(|_| house.connect()).collect();
    let mut refused = 0;
    for mut stream in &crowd {
        stream
            .set_read_timeout(Some(Duration::from_millis(1)))
            .unwrap();
        let mut bytes = [0; 256];
        if let Ok(read) = stream.read(&mut bytes)
            && read > 0
        {
            let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
            assert!(
                text.starts_with("HTTP/1.1 503") && text.contains("all connections are taken"),
                "{text}"
            );
            refused += 1;
        }
    }
    assert!(
        (44..=50).contains(&refused),
        "{refused} of 300 were refused"
    );
    drop(crowd);
    eventually(SOON, || house.get("/healthz", ""));
    // A hundred and fifty who hold back the end of eight megabytes.
    let part = vec![b' '; (8 << 20) - 1];
    let holders: Vec<_> = (0..150)
        .map(|_| {
            let (mut stream, part) = (house.connect(), part.clone());
            std::thread::spawn(move || {
                stream
                    .write_all(head(TOKEN, ONE, 8 << 20).as_bytes())
                    .unwrap();
                stream
                    .set_write_timeout(Some(Duration::from_secs(5)))
                    .unwrap();
                let _refused = stream.write_all(&part);
                stream
                    .set_read_timeout(Some(Duration::from_secs(5)))
                    .unwrap();
                let mut answer = [0; 12];
                let _waits = stream.read(&mut answer);
                (String::from_utf8_lossy(&answer).into_owned(), stream)
            })
        })
        .collect();
    let answers: Vec<_> = holders
        .into_iter()
        .map(|holder| holder.join().unwrap())
        .collect();
    let told = answers
        .iter()
        .filter(|(answer, _)| answer.ends_with("503"))
        .count();
    assert!(told >= 100, "{told} of 150 were told to come again");
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.0.id())).unwrap();
    let peak = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap();
    let kilobytes: u64 = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kilobytes < 256 << 10, "{peak}");
    drop(answers);
    eventually(SOON, || {
        let answer = house.post(&payment("after"));
        if answer.contains("\"posted\":1") || answer.contains("\"duplicates\":1") {
            Ok(())
        } else {
            Err(answer)
        }
    });
    assert!(
        house
            .metrics()
            .contains("tieout_http_refused_total{reason=\"connections\"}")
    );
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn metrics_want_a_token_or_a_listener_of_their_own() {
    let house = House::with_token("metrics", "");
    let daemon = house.start("");
    assert!(
        house
            .get("/metrics", "")
            .unwrap_err()
            .starts_with("HTTP/1.1 401")
    );
    assert!(house.metrics().contains("# TYPE"));
    assert_eq!(daemon.stop(), Some(0));
    let other = free_port();
    let own = format!(
        "token: {{ env: TIEOUT_EVENTS_TOKEN }}, metrics: {{ listen: \"127.0.0.1:{other}\" }}"
    );
    let house = House::new("metrics-apart", &own, "");
    let daemon = house.start("");
    assert!(
        house
            .get("/metrics", TOKEN)
            .unwrap_err()
            .starts_with("HTTP/1.1 404")
    );
    let apart = House {
        dir: house.dir.join("nothing"),
        port: other,
    };
    assert!(apart.get("/metrics", "").unwrap().contains("# TYPE"));
    assert!(
        apart
            .get("/v1/events", TOKEN)
            .unwrap_err()
            .starts_with("HTTP/1.1 404")
    );
    assert_eq!(daemon.stop(), Some(0));
    let two =
        "token: { env: TIEOUT_EVENTS_TOKEN }, metrics: { token: { env: TIEOUT_METRICS_TOKEN } }";
    let house = House::new("metrics-token", two, "");
    let daemon = house.start("");
    assert!(
        house
            .get("/metrics", TOKEN)
            .unwrap_err()
            .starts_with("HTTP/1.1 401")
    );
    assert!(
        house
            .get("/metrics", "for-metrics")
            .unwrap()
            .contains("# TYPE")
    );
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn connections_are_encrypted_with_the_certificate_of_the_configuration() {
    let house = House::new(
        "tls",
        "token: { env: TIEOUT_EVENTS_TOKEN }, tls: { certificate: cert.pem, key: { file: key.pem } }",
        "",
    );
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args([
            "-subj",
            "/CN=tieout.example",
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem",
        ])
        .current_dir(&house.dir)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let daemon = start(&house.dir, "", &["--log", "json"]);
    let body = payment("tls").to_string();
    let asked = format!("{}{body}", head(TOKEN, ONE, body.len()));
    let answer = eventually(SOON, || {
        let mut client = Command::new("openssl")
            .args([
                "s_client",
                "-quiet",
                "-ign_eof",
                "-verify_return_error",
                "-CAfile",
                "cert.pem",
            ])
            .args(["-connect", &format!("127.0.0.1:{}", house.port)])
            .current_dir(&house.dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let _refused = client.stdin.take().unwrap().write_all(asked.as_bytes());
        let output = client.wait_with_output().unwrap();
        let answer = String::from_utf8_lossy(&output.stdout).into_owned();
        if answer.is_empty() {
            Err("no answer".to_owned())
        } else {
            Ok(answer)
        }
    });
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("\"posted\":1"),
        "{answer}"
    );
    // Whoever speaks plainly gets no answer, and holds nothing up.
    assert!(
        !house
            .say("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
            .contains("ok")
    );
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn a_job_that_breaks_off_is_a_failed_run_and_the_others_go_on() {
    let schedule = "schedule: { settle: \"* * * * * *\", ingest: \"* * * * * *\" }\n";
    let house = House::with_token("panic", schedule);
    std::fs::write(
        house.dir.join("inbox/a.ndjson"),
        payment("file").to_string(),
    )
    .unwrap();
    let daemon = house.start("panic:settle");
    eventually(SOON, || {
        let metrics = house.metrics();
        let twice = metrics.contains("tieout_job_runs_total{job=\"settle\",result=\"failed\"} 2");
        let other =
            metrics.contains("tieout_events_total{source=\"billing\",outcome=\"posted\"} 1");
        if twice && other { Ok(()) } else { Err(metrics) }
    });
    let ready = house.ready();
    assert_eq!(
        (&ready["state"], &ready["problems"][0]["what"]),
        (&json!("degraded"), &json!("job settle"))
    );
    let reason = ready["problems"][0]["reason"].as_str().unwrap();
    assert!(
        reason.contains("a test wants `settle` to break off") && reason.contains("fault.rs"),
        "{reason}"
    );
    assert!(
        house
            .get("/readyz?strict", "")
            .unwrap_err()
            .starts_with("HTTP/1.1 503")
    );
    let metrics = house.metrics();
    assert!(
        metrics.contains("tieout_panics_total") && metrics.contains("tieout_problems 1"),
        "{metrics}"
    );
    assert!(house.post(&payment("http")).contains("\"posted\":1"));
    assert_eq!(daemon.stop(), Some(0));
    let runs = house.rows("SELECT summary FROM run WHERE job = 'settle' AND NOT succeeded");
    assert!(
        runs.len() >= 2
            && runs
                .iter()
                .all(|run| run.contains("break off") && run.contains("fault.rs")),
        "{runs:?}"
    );
    assert!(
        house
            .log()
            .lines()
            .all(|line| serde_json::from_str::<Value>(line).is_ok()),
        "{}",
        house.log()
    );
}

fn ends_in_time(name: &str, fault: &str, seconds: u32, signals: &[&str]) {
    let house = House::with_token(
        name,
        &format!("stop_seconds: {seconds}\nschedule: {{ settle: \"* * * * * *\" }}\n"),
    );
    let mut daemon = house.start(fault);
    std::thread::sleep(Duration::from_millis(1500));
    let begun = Instant::now();
    for name in signals {
        signal(&daemon, name);
        std::thread::sleep(Duration::from_millis(300));
    }
    let ended = daemon.0.wait().unwrap();
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(ended.code(), Some(1));
    assert!(
        house.log().contains("\"left\":\"job settle\""),
        "{}",
        house.log()
    );
}

#[test]
fn a_stop_ends_within_its_time_though_a_job_hangs() {
    ends_in_time("hang", "hang:settle", 2, &["-TERM"]);
}

#[test]
fn a_stop_ends_within_its_time_though_a_job_holds_its_thread() {
    ends_in_time("block", "block:settle", 2, &["-INT"]);
}

#[test]
fn a_second_signal_ends_at_once() {
    ends_in_time("twice", "hang:settle", 600, &["-TERM", "-TERM"]);
}

#[test]
fn one_job_that_hangs_holds_up_no_other() {
    let schedule =
        "stop_seconds: 1\nschedule: { export: \"* * * * * *\", ingest: \"* * * * * *\" }\n";
    let house = House::with_token("slow-export", schedule);
    let daemon = house.start("hang:export");
    std::thread::sleep(Duration::from_secs(2));
    std::fs::write(
        house.dir.join("inbox/a.ndjson"),
        payment("file").to_string(),
    )
    .unwrap();
    eventually(SOON, || {
        let metrics = house.metrics();
        if metrics.contains("tieout_events_total{source=\"billing\",outcome=\"posted\"} 1") {
            Ok(())
        } else {
            Err(metrics)
        }
    });
    assert_eq!(daemon.stop(), Some(1));
}

/// An option that the source sets itself: it stops before it asks any broker.
const BAD: &str = "  broken: { kafka: { brokers: \"127.0.0.1:1\", topic: t, group: g, options: { group.id: other } } }\n";

#[test]
fn a_source_that_must_stop_stops_alone_and_is_tried_again_when_told() {
    let house = House::with_token("stops-alone", "");
    configure(&house.dir, |text| {
        text.replace("sources:\n", &format!("sources:\n{BAD}"))
    });
    let daemon = house.start("");
    let ready = eventually(SOON, || {
        let ready = house.ready();
        if ready["state"] == "degraded" {
            Ok(ready)
        } else {
            Err(ready.to_string())
        }
    });
    let problem = &ready["problems"][0];
    assert_eq!(
        (&problem["what"], &problem["state"]),
        (&json!("source broken"), &json!("stopped"))
    );
    assert!(
        problem["reason"]
            .as_str()
            .unwrap()
            .contains("the option `group.id` is set by the source itself"),
        "{problem}"
    );
    assert!(house.post(&payment("still")).contains("\"posted\":1"));
    let metrics = house.metrics();
    assert!(
        metrics.contains("tieout_source_up{source=\"broken\"} 0"),
        "{metrics}"
    );
    assert!(
        metrics.contains("tieout_source_errors_total{source=\"broken\",class=\"stop\"} 1"),
        "{metrics}"
    );
    configure(&house.dir, |text| {
        text.replace(", options: { group.id: other }", "")
    });
    signal(&daemon, "-HUP");
    // It asks its broker now, which is not there: it rests and is tried again, and stands still no more.
    eventually(SOON, || {
        let ready = house.ready();
        if ready["state"] == "ready" || ready["problems"][0]["state"] == "rests" {
            Ok(())
        } else {
            Err(ready.to_string())
        }
    });
    assert!(!house.ready().to_string().contains("group.id"));
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn the_daemon_ends_when_nothing_at_all_is_left_to_do() {
    let house = House::with_token("nothing-left", "");
    configure(&house.dir, |text| {
        let http = text.find("http:").unwrap();
        text[..http].replace("sources:\n", &format!("sources:\n{BAD}"))
    });
    let mut daemon = start(&house.dir, "", &[]);
    assert_eq!(daemon.0.wait().unwrap().code(), Some(2));
    assert!(
        house.log().contains("nothing is left to do"),
        "{}",
        house.log()
    );
    assert!(
        !house.log().contains('\u{1b}'),
        "a log in a file has no colours: {}",
        house.log()
    );
}

/// A rule changes under a running daemon; `debits` tells the account of an event's entry.
fn a_changed_rule_is_in_force_after_a_hang_up(house: &House, debits: impl Fn(&str) -> Vec<String>) {
    let daemon = house.start("");
    assert!(house.post(&payment("before")).contains("\"posted\":1"));
    let rules = house.dir.join("mappings/billing/payment.yaml");
    let text = std::fs::read_to_string(&rules).unwrap();
    std::fs::write(
        &rules,
        text.replacen("debit: psp-clearing", "debit: bank", 1),
    )
    .unwrap();
    signal(&daemon, "-HUP");
    wait_for_log(house, "were read again and are in force");
    assert!(house.post(&payment("after")).contains("\"posted\":1"));
    // What does not compile, or cannot change while it runs, is refused; what is in force stays.
    std::fs::write(
        &rules,
        text.replace("debit: psp-clearing", "debit: no-such-account"),
    )
    .unwrap();
    signal(&daemon, "-HUP");
    wait_for_log(house, "the reload is refused");
    assert!(house.log().contains("no-such-account"), "{}", house.log());
    let ready = house.ready();
    assert_eq!(
        (
            &ready["problems"][0]["what"],
            &ready["problems"][0]["state"]
        ),
        (&json!("configuration"), &json!("refused"))
    );
    assert!(house.post(&payment("broken")).contains("\"posted\":1"));
    std::fs::write(
        &rules,
        text.replacen("debit: psp-clearing", "debit: bank", 1),
    )
    .unwrap();
    let before = std::fs::read_to_string(house.dir.join("tieout.yaml")).unwrap();
    configure(&house.dir, |text| {
        text.replace(
            "http: { listen",
            "http: { limits: { connections: 9 }, listen",
        )
    });
    signal(&daemon, "-HUP");
    wait_for_log(house, "`http` changed");
    std::fs::write(house.dir.join("tieout.yaml"), before).unwrap();
    configure(&house.dir, |text| {
        format!("{text}\nschedule: {{ ingest: \"* * * * * *\" }}\n")
    });
    std::fs::write(
        house.dir.join("inbox/a.ndjson"),
        payment("file").to_string(),
    )
    .unwrap();
    signal(&daemon, "-HUP");
    eventually(SOON, || {
        let metrics = house.metrics();
        if metrics.contains("tieout_events_total{source=\"billing\",outcome=\"posted\"} 1") {
            Ok(())
        } else {
            Err(metrics)
        }
    });
    assert_eq!(house.ready()["state"], "ready");
    let metrics = house.metrics();
    assert!(
        metrics.contains("tieout_reloads_total{result=\"refused\"} 2"),
        "{metrics}"
    );
    assert!(
        metrics.contains("tieout_reloads_total{result=\"done\"} 2"),
        "{metrics}"
    );
    assert_eq!(daemon.stop(), Some(0));
    let table = [
        ("before", "psp-clearing"),
        ("after", "bank"),
        ("broken", "bank"),
        ("file", "bank"),
    ];
    for (event, account) in table {
        assert_eq!(debits(event), [account], "{event}");
    }
}

fn wait_for_log(house: &House, text: &str) {
    eventually(SOON, || {
        if house.log().contains(text) {
            Ok(())
        } else {
            Err(house.log())
        }
    });
}

const DEBITS: &str =
    "SELECT account FROM journal_line WHERE reference = 'ch_ID' AND side = 'debit'";

#[test]
fn a_changed_rule_is_in_force_after_a_hang_up_on_sqlite() {
    let house = House::with_token("reload", "");
    a_changed_rule_is_in_force_after_a_hang_up(&house, |event| {
        house.rows(&DEBITS.replace("ID", event))
    });
}

#[test]
fn a_changed_rule_is_in_force_after_a_hang_up_on_postgres() {
    let url = database("reload");
    let house = House::with_token("reload-postgres", "");
    configure(&house.dir, |text| text.replace("sqlite:tieout.db", &url));
    a_changed_rule_is_in_force_after_a_hang_up(&house, |event| {
        block_on(async {
            let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
            let rows = sqlx::query(AssertSqlSafe(DEBITS.replace("ID", event)))
                .fetch_all(&mut connection)
                .await
                .unwrap();
            rows.iter().map(|row| row.get::<String, _>(0)).collect()
        })
    });
    drop_database(&url);
}
