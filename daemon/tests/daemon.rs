//! The daemon among its real peers: HTTP, a Kafka-protocol broker, PostgreSQL, SFTP.

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
    Daemon, block_on, config, configure, database, demo, eventually, expect, expect_json, folder,
    free_port, peer,
};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

const TOKEN: &str = "a-token-for-tests";

fn payment(id: usize, amount: &str) -> Value {
    let amount: serde_json::Number = amount.parse().unwrap();
    json!({
        "specversion": "1.0", "id": format!("p-{id}"), "source": "//tests", "type": "billing.payment.succeeded.v1",
        "time": "2026-01-15T10:00:00Z",
        "data": {
            "entity": "eu", "customer_id": "C-1", "currency": "EUR", "amount": amount, "processor": "stripe",
            "processor_reference": format!("ch_{id}"), "succeeded_at": "2026-01-15T10:00:00Z"
        }
    })
}

/// A starter company whose HTTP listens on a free port and takes events.
fn company(name: &str) -> (std::path::PathBuf, String) {
    let dir = folder(name);
    expect(0, &["init", dir.to_str().unwrap()]);
    let port = free_port();
    configure(&dir, |text| {
        text.replace(
            "http: { listen: \"127.0.0.1:8080\" }",
            &format!(
                "http: {{ listen: \"127.0.0.1:{port}\", token: {{ env: TIEOUT_EVENTS_TOKEN }} }}"
            ),
        )
    });
    (dir, format!("http://127.0.0.1:{port}"))
}

fn get(url: &str) -> Result<String, String> {
    block_on(async {
        let asked = reqwest::Client::new().get(url).bearer_auth(TOKEN);
        let response = asked.send().await.map_err(|error| error.to_string())?;
        let (status, text) = (response.status(), response.text().await.unwrap_or_default());
        if status.is_success() {
            Ok(text)
        } else {
            Err(format!("{status}: {text}"))
        }
    })
}

fn post(url: &str, token: &str, kind: &str, body: String) -> (u16, Value) {
    post_to(&format!("{url}/v1/events"), token, kind, body)
}

fn post_to(url: &str, token: &str, kind: &str, body: String) -> (u16, Value) {
    block_on(async {
        let response = reqwest::Client::new()
            .post(url)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", kind)
            .body(body)
            .send()
            .await
            .unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    })
}

/// What a billing system sends by webhook, in its own shape.
#[test]
fn a_senders_own_messages_come_in_at_a_path_of_their_own() {
    let (dir, url) = company("webhook");
    configure(&dir, |text| {
        text.replace(
            "sources:\n",
            "sources:\n  shop: { http: { envelope: { id: { join: [event, attempt] }, type: { text: billing.payment.succeeded.v1 }, source: { text: shop } } } }\n",
        )
    });
    let daemon = Daemon::start(&dir, TOKEN);
    eventually(Duration::from_secs(30), || get(&format!("{url}/readyz")));
    let at = format!("{url}/v1/events/shop");
    let message = json!({ "event": "e-1", "attempt": 1, "entity": "eu", "currency": "EUR", "amount": "12.50",
        "succeeded_at": "2026-01-15", "processor": "stripe", "processor_reference": "ch_1", "customer_id": "c" });
    assert_eq!(
        post_to(&at, "wrong", "application/json", message.to_string()).0,
        401
    );
    let (status, told) = post_to(&at, TOKEN, "application/json", message.to_string());
    assert_eq!((status, &told["posted"]), (200, &json!(1)), "{told}");
    let (_, told) = post_to(&at, TOKEN, "application/json", message.to_string());
    assert_eq!(told["duplicates"], json!(1));
    let (status, told) = post_to(
        &at,
        TOKEN,
        "application/json",
        json!({ "event": "e-2" }).to_string(),
    );
    assert_eq!((status, &told["quarantined"]), (200, &json!(1)));
    assert_eq!(post_to(&at, TOKEN, ONE, message.to_string()).0, 415);
    assert_eq!(
        post_to(
            &format!("{url}/v1/events/nobody"),
            TOKEN,
            "application/json",
            message.to_string()
        )
        .0,
        404
    );
    assert_eq!(daemon.stop(), Some(0));
    std::fs::remove_dir_all(dir).unwrap();
}

const ONE: &str = "application/cloudevents+json; charset=UTF-8";
const MANY: &str = "application/cloudevents-batch+json";

#[test]
fn events_come_in_over_http_once_and_the_daemon_stops_when_told() {
    let (dir, url) = company("http");
    let daemon = Daemon::start(&dir, TOKEN);
    eventually(Duration::from_secs(30), || get(&format!("{url}/readyz")));
    assert_eq!(get(&format!("{url}/healthz")).unwrap(), "ok\n");
    let (status, _) = post(&url, "wrong", ONE, payment(1, "10.00").to_string());
    assert_eq!(status, 401);
    let (status, told) = post(&url, TOKEN, ONE, payment(1, "10.00").to_string());
    assert_eq!(
        (status, &told["posted"], &told["entries"]),
        (200, &json!(1), &json!(1))
    );
    let batch = json!([payment(1, "10.00"), payment(1, "11.00"), payment(2, "5.50"), { "specversion": "1.0" }]);
    let (status, told) = post(&url, TOKEN, MANY, batch.to_string());
    assert_eq!(status, 200);
    assert_eq!(
        (
            &told["duplicates"],
            &told["conflicts"],
            &told["posted"],
            &told["quarantined"]
        ),
        (&json!(1), &json!(1), &json!(1), &json!(1))
    );
    assert_eq!(post(&url, TOKEN, ONE, "{".into()).0, 400);
    assert_eq!(post(&url, TOKEN, "text/plain", "x".into()).0, 415);
    let metrics = get(&format!("{url}/metrics")).unwrap();
    assert!(
        metrics.contains("tieout_events_total{source=\"http\",outcome=\"posted\"} 2"),
        "{metrics}"
    );
    // A file that appears in the inbox is taken by the schedule.
    std::fs::write(
        dir.join("inbox/late.ndjson"),
        payment(3, "1.00").to_string(),
    )
    .unwrap();
    eventually(Duration::from_secs(40), || {
        let metrics = get(&format!("{url}/metrics"))?;
        if metrics.contains("tieout_events_total{source=\"billing\",outcome=\"posted\"} 1") {
            Ok(())
        } else {
            Err(metrics)
        }
    });
    assert_eq!(daemon.stop(), Some(0));
    let log = std::fs::read_to_string(dir.join("daemon.log")).unwrap();
    assert!(
        log.lines()
            .all(|line| serde_json::from_str::<Value>(line).is_ok()),
        "logs are JSON lines: {log}"
    );
    assert!(!log.contains(TOKEN), "the token is in the log");
    let verify = expect_json(0, &["-c", &config(&dir), "--json", "verify"]);
    assert_eq!(
        (&verify["events"], &verify["entries"]),
        (&json!(3), &json!(3))
    );
    std::fs::remove_dir_all(dir).unwrap();
}

/// The void waits for nobody: the books are asked soon after, or when the daemon stops.
#[test]
fn what_takes_an_entry_back_may_come_over_http() {
    let (dir, url) = company("http-takes-back");
    let pack = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mappings/packs/billing/tests");
    let read = std::fs::read(pack.join("invoice-voided/event.json")).unwrap();
    let events: Vec<Value> = serde_json::from_slice(&read).unwrap();
    let daemon = Daemon::start(&dir, TOKEN);
    eventually(Duration::from_secs(30), || get(&format!("{url}/readyz")));
    let (status, told) = post(&url, TOKEN, MANY, json!(events).to_string());
    assert_eq!(
        (status, &told["posted"], &told["suspended"]),
        (200, &json!(1), &json!(1)),
        "{told}"
    );
    assert_eq!(daemon.stop(), Some(0));
    let verify = expect_json(0, &["-c", &config(&dir), "--json", "verify"]);
    assert_eq!(
        (&verify["events"], &verify["entries"]),
        (&json!(2), &json!(2)),
        "{verify}"
    );
    std::fs::remove_dir_all(dir).unwrap();
}

fn create_topic(brokers: &str, topic: &str) {
    block_on(async {
        let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .create()
            .unwrap();
        let new = NewTopic::new(topic, 2, TopicReplication::Fixed(1));
        let made = admin
            .create_topics(&[new], &AdminOptions::new())
            .await
            .unwrap();
        assert!(made.iter().all(Result::is_ok), "{made:?}");
    });
}

fn produce(brokers: &str, topic: &str, numbers: std::ops::Range<usize>) {
    block_on(async {
        let producer: FutureProducer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .create()
            .unwrap();
        for number in numbers {
            let event = payment(number, "2.50");
            let binary = number % 3 == 0;
            let (payload, headers) = if binary {
                let text = |name: &str| event[name].as_str().unwrap().to_owned();
                let mut headers = OwnedHeaders::new().insert(Header {
                    key: "content-type",
                    value: Some("application/json"),
                });
                for name in ["specversion", "id", "source", "type", "time"] {
                    let (key, value) = (format!("ce_{name}"), text(name));
                    headers = headers.insert(Header {
                        key: &key,
                        value: Some(value.as_str()),
                    });
                }
                (event["data"].to_string(), headers)
            } else {
                let header = Header {
                    key: "content-type",
                    value: Some("application/cloudevents+json"),
                };
                (event.to_string(), OwnedHeaders::new().insert(header))
            };
            let key = number.to_string();
            let record = FutureRecord::to(topic)
                .key(&key)
                .payload(&payload)
                .headers(headers)
                .partition(i32::try_from(number % 2).unwrap());
            producer
                .send(record, Duration::from_secs(20))
                .await
                .unwrap();
        }
    });
}

fn posted(url: &str) -> Result<i64, String> {
    let metrics = get(&format!("{url}/metrics"))?;
    let line = metrics
        .lines()
        .find(|line| line.starts_with("tieout_events_total{source=\"stream\",outcome=\"posted\"}"))
        .ok_or("nothing yet")?;
    line.rsplit(' ')
        .next()
        .unwrap()
        .parse()
        .map_err(|_bad| line.to_owned())
}

fn wait_for_posted(url: &str, wanted: i64) {
    eventually(Duration::from_mins(2), || match posted(url)? {
        found if found == wanted => Ok(()),
        found => Err(format!("{found} of {wanted}")),
    });
}

/// The same stream into either database: consumed, stopped, taken up again, nothing twice.
fn a_stream_is_posted_once(name: &str, store: Option<&str>) {
    let brokers = peer("TIEOUT_TEST_KAFKA");
    let topic = format!("{name}-{}", std::process::id());
    create_topic(&brokers, &topic);
    produce(&brokers, &topic, 0..120);
    let (dir, url) = company(name);
    configure(&dir, |text| {
        let text = text.replace(
            "sources:\n",
            &format!("sources:\n  stream: {{ kafka: {{ brokers: \"{brokers}\", topic: {topic}, group: {topic} }} }}\n"),
        );
        match store {
            Some(url) => text.replace("sqlite:tieout.db", url),
            None => text,
        }
    });
    let daemon = Daemon::start(&dir, TOKEN);
    wait_for_posted(&url, 120);
    assert_eq!(daemon.stop(), Some(0));
    produce(&brokers, &topic, 100..150);
    let daemon = Daemon::start(&dir, TOKEN);
    // Twenty of them are repeats by another delivery, which intake tells from new ones.
    wait_for_posted(&url, 30);
    assert_eq!(daemon.stop(), Some(0));
    let report = expect_json(
        0,
        &["-c", &config(&dir), "report", "control", "--format", "json"],
    );
    let row = report["tables"]["intake"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["source"] == "stream")
        .unwrap();
    assert_eq!(
        (
            &row["received"],
            &row["posted"],
            &row["duplicates"],
            &row["difference"]
        ),
        (&json!(170), &json!(150), &json!(20), &json!(0))
    );
    let verify = expect_json(0, &["-c", &config(&dir), "--json", "verify"]);
    assert_eq!(verify["entries"], 150);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_stream_is_posted_once_into_sqlite() {
    a_stream_is_posted_once("kafka-sqlite", None);
}

#[test]
fn a_stream_is_posted_once_into_postgres() {
    a_stream_is_posted_once("kafka-postgres", Some(&database("kafka")));
}

#[test]
fn the_month_on_postgres_is_the_month_on_sqlite() {
    let sqlite = demo("month-sqlite", "3000", "7");
    let dir = folder("month-postgres");
    expect(0, &["init", dir.to_str().unwrap()]);
    let url = database("month");
    configure(&dir, |text| text.replace("sqlite:tieout.db", &url));
    for part in ["inbox", "settlements"] {
        for item in std::fs::read_dir(sqlite.join(part)).unwrap() {
            let path = item.unwrap().path();
            std::fs::copy(&path, dir.join(part).join(path.file_name().unwrap())).unwrap();
        }
    }
    let config = config(&dir);
    expect(0, &["-c", &config, "ingest"]);
    expect(0, &["-c", &config, "settle"]);
    expect(0, &["-c", &config, "reconcile"]);
    expect(0, &["-c", &config, "export"]);
    expect(0, &["-c", &config, "verify"]);
    for report in [
        "trial-balance",
        "journal-register",
        "reconciliation",
        "control",
    ] {
        let tables = |config: &str| -> Value {
            let mut report = expect_json(0, &["-c", config, "report", report, "--format", "json"]);
            // Who ran what, and when, is each company's own.
            if let Some(tables) = report["tables"].as_object_mut() {
                tables.remove("runs");
            }
            report["tables"].take()
        };
        assert_eq!(
            tables(&config),
            tables(&common::config(&sqlite)),
            "{report}"
        );
    }
    let journal = |dir: &Path| {
        let text =
            std::fs::read_to_string(dir.join("exports/books/tieout-books-000001.journal")).unwrap();
        // The first line names the batch, whose id differs.
        text.split_once('\n').map(|(_, rest)| rest.to_owned())
    };
    assert_eq!(journal(&dir), journal(&sqlite));
    for dir in [dir, sqlite] {
        std::fs::remove_dir_all(dir).unwrap();
    }
}

#[test]
fn exports_arrive_over_sftp_and_wait_where_the_host_is_away() {
    let ssh = std::path::PathBuf::from(peer("TIEOUT_TEST_SFTP"));
    let inbound = ssh.join("inbound/company");
    std::fs::create_dir_all(&inbound).unwrap();
    let (dir, _) = company("sftp");
    let public = std::fs::read_to_string(ssh.join("host.pub")).unwrap();
    let key: Vec<&str> = public.split_whitespace().take(2).collect();
    let sftp = |port: &str| {
        format!(
            "drop: {{ sftp: {{ host: 127.0.0.1, port: {port}, user: {}, host_key: \"{}\", folder: \"{}\", key_file: \"{}\", timeout_seconds: 10 }} }}",
            peer("TIEOUT_TEST_SFTP_USER"),
            key.join(" "),
            inbound.display(),
            ssh.join("client").display()
        )
    };
    let original = std::fs::read_to_string(dir.join("tieout.yaml")).unwrap();
    let folder_drop = "drop: { folder: { path: exports/erp } }";
    assert!(original.contains(folder_drop));
    let to = |port: &str| configure(&dir, |_| original.replace(folder_drop, &sftp(port)));
    std::fs::write(dir.join("inbox/a.ndjson"), payment(1, "10.00").to_string()).unwrap();
    to("1");
    let config = config(&dir);
    expect(0, &["-c", &config, "ingest"]);
    let away = expect_json(1, &["-c", &config, "--json", "export", "erp"]);
    assert_eq!(
        (&away[0]["batches"], &away[0]["unknown"]),
        (&json!(0), &json!(0)),
        "nothing is claimed before the books are compared with what is there"
    );
    let problem = away[0]["problem"].as_str().unwrap();
    assert!(problem.contains("cannot be compared"), "{problem}");
    assert_eq!(
        expect_json(1, &["-c", &config, "--json", "connectors", "test", "erp"])["reachable"],
        false
    );
    to(&peer("TIEOUT_TEST_SFTP_PORT"));
    assert_eq!(
        expect_json(0, &["-c", &config, "--json", "connectors", "test", "erp"])["reachable"],
        true
    );
    let arrived = expect_json(0, &["-c", &config, "--json", "export", "erp"]);
    assert_eq!(
        (&arrived[0]["batches"], &arrived[0]["delivered"]),
        (&json!(1), &json!(1)),
        "what waited is exported"
    );
    let mut names: Vec<String> = std::fs::read_dir(&inbound)
        .unwrap()
        .map(|item| item.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "tieout-erp-000001.zip",
            "tieout-erp-000001.zip.manifest.json"
        ]
    );
    expect(0, &["-c", &config, "verify"]);
    std::fs::remove_dir_all(dir).unwrap();
    std::fs::remove_dir_all(inbound).unwrap();
}
