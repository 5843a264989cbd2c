//! A real server that lies: hledger-web answers 201 to whatever it is given, also to entries that do not balance, which it then
//! does not show. A target of the test's own stands on its API, and reading back says what the server's answer does not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

#[path = "../formats/tests/common/mod.rs"]
mod common;

use async_trait::async_trait;
use common::batch;
use connectors::erp::documents::{
    ByDocument, Compared, Document, DocumentApi, Found, Handed, Pace, Progress,
};
use connectors::erp::{Delivery, ErpApi, ErpConnector, Host, OpenError, Said};
use connectors::http::{Method, Peer};
use connectors::transport::TransportError;
use formats::erp::{Artifact, ExportBatch, ExportEntry, RenderError};
use ledger::{FixedClock, Side};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What this target does to an entry on its way.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Mistake {
    None,
    /// It loses the last line.
    Unbalanced,
    /// It says half of each amount.
    Halved,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    url: String,
    mistake: Mistake,
}

#[derive(Debug)]
struct HledgerWeb {
    peer: Peer,
    mistake: Mistake,
}

fn amount(value: Decimal, currency: &str) -> Value {
    json!({
        "acommodity": currency, "aprice": null,
        "aquantity": {
            "decimalMantissa": i64::try_from(value.mantissa()).unwrap(),
            "decimalPlaces": value.scale(), "floatingPoint": 0,
        },
        "astyle": { "ascommodityside": "L", "ascommodityspaced": true, "asdecimalpoint": ".", "asdigitgroups": null, "asprecision": value.scale() },
    })
}

fn posting(account: &str, value: Decimal) -> Value {
    json!({
        "paccount": account, "pamount": [amount(value, "EUR")], "pbalanceassertion": null, "pcomment": "", "pdate": null, "pdate2": null,
        "poriginal": null, "pstatus": "Unmarked", "ptags": [], "ptransaction_": "1", "ptype": "RegularPosting",
    })
}

fn signed(item: &ExportEntry, batch: &ExportBatch) -> Vec<Compared> {
    let lines = item.entry.lines().iter();
    let signed = lines.map(|line| {
        let code = batch.called(&line.account, item.entry.header().date).code;
        let amount = line.functional.to_decimal();
        let amount = match line.side {
            Side::Debit => amount,
            Side::Credit => -amount,
        };
        (code.unwrap().to_owned(), amount)
    });
    signed.collect()
}

#[async_trait]
impl DocumentApi for HledgerWeb {
    type Config = Config;

    const PACE: Pace = Pace {
        concurrency: 1,
        ..Pace::DEFAULT
    };

    fn open(config: Config, _host: &Host) -> Result<Self, OpenError> {
        Ok(Self {
            peer: Peer::new(&config.url)?,
            mistake: config.mistake,
        })
    }

    fn document(&self, batch: &ExportBatch, item: &ExportEntry) -> Result<Document, RenderError> {
        let lines = signed(item, batch);
        let sent = lines.len() - usize::from(self.mistake == Mistake::Unbalanced);
        let by = if self.mistake == Mistake::Halved {
            2
        } else {
            1
        };
        let postings = lines.iter().take(sent);
        let postings =
            postings.map(|(account, amount)| posting(account, amount / Decimal::from(by)));
        let place = json!({ "sourceColumn": 1, "sourceLine": 1, "sourceName": "" });
        Ok(Document {
            number: item.document.clone(),
            company: String::new(),
            date: item.entry.header().date,
            body: json!({
                "tcode": item.document, "tcomment": "", "tdate": item.entry.header().date, "tdate2": null, "tdescription": "entry",
                "tindex": 0, "tpostings": postings.collect::<Vec<_>>(), "tprecedingcomment": "", "tsourcepos": [place, place],
                "tstatus": "Cleared", "ttags": [],
            }),
            lines,
        })
    }

    async fn find(&self, document: &Document) -> Result<Vec<Found>, TransportError> {
        let headers = self.peer.headers(&[])?;
        let answer = self
            .peer
            .call(&Method::GET, "transactions", headers, b"")
            .await?;
        let all: Vec<Value> =
            serde_json::from_slice(&answer.body).map_err(|error| self.peer.broken(error))?;
        let own = all
            .into_iter()
            .filter(|one| one["tcode"] == document.number);
        Ok(own.map(|one| found(&one)).collect())
    }

    async fn hand_over(&self, document: &Document) -> Result<Handed, TransportError> {
        let headers = self
            .peer
            .headers(&[("content-type", "application/json".to_owned())])?;
        // It reads its file again when a second of the clock has gone by since it last did.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let body = document.body.to_string();
        let answer = self
            .peer
            .call(&Method::PUT, "add", headers, body.as_bytes())
            .await?;
        match answer.status {
            201 => Ok(Handed::Taken),
            _ => Ok(Handed::Refused(answer.words())),
        }
    }

    async fn check(&self) -> Result<(), TransportError> {
        let headers = self.peer.headers(&[])?;
        self.peer
            .call(&Method::GET, "version", headers, b"")
            .await
            .map(|_| ())
    }
}

fn found(one: &Value) -> Found {
    let postings = one["tpostings"].as_array().unwrap().iter();
    let lines = postings.map(|posting| {
        let quantity = &posting["pamount"][0]["aquantity"];
        let mantissa = quantity["decimalMantissa"].as_i64().unwrap();
        let places = u32::try_from(quantity["decimalPlaces"].as_u64().unwrap()).unwrap();
        (
            posting["paccount"].as_str().unwrap().to_owned(),
            Decimal::new(mantissa, places),
        )
    });
    Found {
        id: one["tindex"].to_string(),
        progress: Progress::Booked,
        date: one["tdate"].as_str().unwrap().parse().ok(),
        lines: Some(lines.collect()),
    }
}

/// The server, over a journal of its own.
struct Server {
    journal: PathBuf,
    url: String,
    child: Child,
}

impl Server {
    fn start(name: &str) -> Self {
        let journal = std::env::temp_dir().join(format!(
            "tieout-hledger-web-{name}-{}.journal",
            std::process::id()
        ));
        std::fs::write(&journal, "").unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let child = Command::new("hledger-web")
            .args([
                "-f",
                journal.to_str().unwrap(),
                "--serve-api",
                "--port",
                &port.to_string(),
                "--capabilities",
                "view,add",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("hledger-web is not there; `.ci/install test` installs it");
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "hledger-web did not start"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        Self {
            journal,
            url: format!("http://127.0.0.1:{port}"),
            child,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _ended = self.child.wait();
        let _left = std::fs::remove_file(&self.journal);
    }
}

fn entries() -> ExportBatch {
    let entry = |id: i64, amount: &str| {
        json!({
            "id": id, "entity": "eu", "period": "2026-01", "date": "2026-01-15", "kind": "original", "reference": format!("INV-{id}"),
            "description": "invoice", "functional": "EUR", "lines": [
                { "debit": "accounts-receivable", "amount": format!("{amount} EUR") },
                { "credit": "revenue-access", "amount": format!("{amount} EUR") },
            ],
        })
    };
    batch("books", &json!([entry(1, "119.00"), entry(2, "20.02")]))
}

async fn said(server: &Server, mistake: &str) -> Vec<Said> {
    let host = Host {
        drop: None,
        base: PathBuf::from("/"),
        clock: Arc::new(FixedClock("2026-02-01T08:00:00Z".parse().unwrap())),
    };
    let config = serde_json::from_value(json!({ "url": server.url, "mistake": mistake })).unwrap();
    let connector = <ByDocument<HledgerWeb> as ErpApi>::open(config, &host).unwrap();
    connector.check().await.unwrap();
    let batch = entries();
    let mut bytes = Vec::new();
    connector.render(&batch, &mut bytes).unwrap();
    let artifact = Artifact {
        name: connector.name(&batch),
        bytes,
    };
    match connector.deliver(&artifact, "{}").await.unwrap() {
        Delivery::Documents(answers) => answers.into_iter().map(|one| one.said).collect(),
        other => unreachable!("{other:?}"),
    }
}

#[tokio::test]
async fn what_it_shows_as_it_was_sent_is_acknowledged_once() {
    let server = Server::start("right");
    for _ in 0..2 {
        let said = said(&server, "none").await;
        assert!(
            said.iter()
                .all(|one| matches!(one, Said::Acknowledged { .. })),
            "{said:?}"
        );
    }
    let check = Command::new("hledger")
        .args(["-f", server.journal.to_str().unwrap(), "bal", "-N", "1200"])
        .output()
        .unwrap();
    let balance = String::from_utf8(check.stdout).unwrap();
    assert!(balance.contains("EUR 139.02"), "{balance}");
}

#[tokio::test]
async fn what_it_shows_otherwise_than_it_was_sent_differs() {
    let server = Server::start("halved");
    let said = said(&server, "halved").await;
    let Said::Differs { words, .. } = &said[0] else {
        unreachable!("{said:?}");
    };
    assert!(
        words.contains("119 on account 1200 was sent") && words.contains("59.5 "),
        "{words}"
    );
}

#[tokio::test]
async fn what_it_says_to_have_taken_and_does_not_show_is_not_known() {
    let server = Server::start("unbalanced");
    let said = said(&server, "unbalanced").await;
    for one in said {
        let Said::Unknown(words) = one else {
            unreachable!("{one:?}");
        };
        assert!(
            words.contains("it was taken, and is not to be found there"),
            "{words}"
        );
    }
}
