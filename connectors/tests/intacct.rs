//! Journal entries through an XML gateway, against one that is as strict as its maker's developer site says.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

#[path = "../formats/tests/common/mod.rs"]
mod common;
mod peer;
mod suite;

use chrono::NaiveDate;
use common::batch;
use connectors::erp::{Answered, Delivery, ErpConnector, ErpKind, Said};
use formats::erp::{Artifact, ExportBatch};
use formats::read::xml::{Element, document};
use peer::{Act, Request, serve};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use suite::{Maker, SECRET, Subject, host, keeps_the_contract, secret};

const ACCOUNTS: [&str; 3] = ["1200", "2100", "4000"];
const STATES: [&str; 4] = ["Draft", "Submitted", "Posted", "Approved"];

/// What a line may hold, in the order of the maker's libraries.
const LINE: [&str; 21] = [
    "DOCUMENT",
    "ACCOUNTNO",
    "TR_TYPE",
    "TRX_AMOUNT",
    "CURRENCY",
    "EXCH_RATE_DATE",
    "EXCH_RATE_TYPE_ID",
    "EXCHANGE_RATE",
    "ALLOCATION",
    "LOCATION",
    "DEPARTMENT",
    "PROJECTID",
    "TASKID",
    "CUSTOMERID",
    "VENDORID",
    "EMPLOYEEID",
    "ITEMID",
    "CLASSID",
    "CONTRACTID",
    "WAREHOUSEID",
    "DESCRIPTION",
];

const HEAD: [&str; 9] = [
    "JOURNAL",
    "BATCH_DATE",
    "REVERSEDATE",
    "BATCH_TITLE",
    "HISTORY_COMMENT",
    "REFERENCENO",
    "BASELOCATION_NO",
    "STATE",
    "ENTRIES",
];

struct Entry {
    number: String,
    date: String,
    state: String,
    /// Account, side, amount, currency.
    lines: Vec<(String, String, String, String)>,
}

/// The gateway.
#[derive(Default)]
struct Gateway {
    entries: Vec<Entry>,
    sessions: BTreeSet<String>,
    logins: usize,
    executed: BTreeSet<String>,
    /// The address that a session is to be used at, where it is not the gateway's own.
    endpoint: Option<String>,
    /// How many queries for entries find nothing of what is there.
    blind: usize,
    state: Option<&'static str>,
}

/// Errors of a function: number and words.
type Done = Result<String, (&'static str, String)>;

fn text<'e>(element: &'e Element, name: &str) -> &'e str {
    element.text_at(&[name]).unwrap_or_default()
}

/// The names of children, each known, in their order, and once.
fn ordered(element: &Element, known: &[&str]) -> Result<(), String> {
    let mut rest = known.iter();
    for (name, _) in element.children() {
        if !rest.any(|own| *own == name) {
            return Err(format!(
                "XML Parse schema error: {name} is not expected here"
            ));
        }
    }
    Ok(())
}

fn failed((number, words): &(&str, String)) -> String {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<errormessage><error><errorno>{number}</errorno><description></description>\
         <description2>{words} [Support ID: p5rxS%7EYxEX]</description2><correction></correction></error></errormessage>"
    )
}

fn response(control: &str, rest: &str) -> Act {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<response><control><status>{control}</status>\
         <senderid>example</senderid><controlid>x</controlid><uniqueid>false</uniqueid><dtdversion>3.0</dtdversion>\
         </control>{rest}</response>"
    );
    Act::Answer(200, "content-type: text/xml\r\n", body)
}

fn operation(login: &str, rest: &str) -> Act {
    let login = format!(
        "<authentication><status>{login}</status><userid>tieout</userid><companyid>example</companyid></authentication>"
    );
    response("success", &format!("<operation>{login}{rest}</operation>"))
}

fn strange(words: &str) -> Act {
    response("failure", &failed(&("XL03000006", words.to_owned())))
}

impl Gateway {
    fn operate(&mut self, request: &Request, root: &Element) -> Act {
        let control = root.child("control").unwrap();
        let parts = [
            "senderid",
            "password",
            "controlid",
            "uniqueid",
            "dtdversion",
            "policyid",
            "includewhitespace",
        ];
        if let Err(words) = ordered(control, &parts) {
            return response("failure", &failed(&("XL03000003", words)));
        }
        if text(control, "senderid") != "example" || text(control, "password") != SECRET {
            return strange("Incorrect Intacct XML Partner ID or password.");
        }
        assert_eq!(text(control, "dtdversion"), "3.0");
        assert!((1..=256).contains(&text(control, "controlid").len()));
        let unique = text(control, "uniqueid") == "true";
        let operation_ = root.child("operation").unwrap();
        let login = operation_.child("authentication").unwrap();
        if !self.knows(login) {
            let words = "Sign-in information is incorrect".to_owned();
            return operation("failure", &failed(&("XL03000006", words)));
        }
        let content = operation_.child("content").unwrap();
        let function = content.child("function").unwrap();
        let id = function.attribute("controlid").unwrap().to_owned();
        let (name, call) = function.children().next().unwrap();
        let done = if unique && self.executed.contains(&id) {
            // In which words it says so is documented nowhere.
            Err(("XL03000099", "Function was executed already".to_owned()))
        } else {
            match name {
                "getAPISession" => Ok(self.open(request)),
                "query" => self.query(call),
                "create" => self.create(call.child("GLBATCH").unwrap()),
                other => Err(("XL03000008", format!("{other} is no function"))),
            }
        };
        let (status, rest) = match &done {
            Ok(data) => ("success", data.clone()),
            Err(error) => ("failure", failed(error)),
        };
        if unique && done.is_ok() {
            self.executed.insert(id.clone());
        }
        operation(
            "success",
            &format!(
                "<result><status>{status}</status><function>{name}</function><controlid>{id}</controlid>{rest}</result>"
            ),
        )
    }

    fn knows(&self, login: &Element) -> bool {
        match login.child("login") {
            Some(login) => {
                text(login, "userid") == "tieout"
                    && text(login, "companyid") == "example"
                    && text(login, "password") == SECRET
            }
            None => self.sessions.contains(text(login, "sessionid")),
        }
    }

    fn open(&mut self, request: &Request) -> String {
        self.logins += 1;
        let session = format!("session-{}", self.logins);
        self.sessions.insert(session.clone());
        let own = format!("http://{}{}", request.headers["host"], request.path);
        let endpoint = self.endpoint.clone().unwrap_or(own);
        format!(
            "<data><api><sessionid>{session}</sessionid><endpoint>{endpoint}</endpoint><locationid/></api></data>"
        )
    }

    fn query(&mut self, call: &Element) -> Done {
        let parts = [
            "object", "select", "filter", "orderby", "options", "pagesize", "offset",
        ];
        ordered(call, &parts).map_err(|words| ("XL03000003", words))?;
        let fields: Vec<&str> = call
            .child("select")
            .unwrap()
            .all("field")
            .map(|f| f.text.trim())
            .collect();
        let filter = call.at(&["filter", "equalto"]).unwrap();
        let (field, value) = (text(filter, "field"), text(filter, "value"));
        let rows: Vec<BTreeMap<&str, String>> = match (text(call, "object"), field) {
            ("GLBATCH", "REFERENCENO") => {
                let blind = self.blind > 0;
                self.blind = self.blind.saturating_sub(1);
                let numbered = self.entries.iter().zip(1..);
                numbered
                    .filter(|(entry, _)| entry.number == value && !blind)
                    .map(|(entry, record): (&Entry, usize)| {
                        BTreeMap::from([
                            ("RECORDNO", record.to_string()),
                            ("BATCH_DATE", entry.date.clone()),
                            ("STATE", entry.state.clone()),
                        ])
                    })
                    .collect()
            }
            ("GLENTRY", "BATCHNO") => {
                let index: usize = value.parse().unwrap();
                let lines = self.entries[index - 1].lines.iter().zip(1..);
                lines
                    .map(|(line, record): (_, usize)| {
                        let (account, side, amount, currency) = line.clone();
                        BTreeMap::from([
                            ("RECORDNO", record.to_string()),
                            ("ACCOUNTNO", account),
                            ("TR_TYPE", side),
                            ("TRX_AMOUNT", amount),
                            ("CURRENCY", currency),
                        ])
                    })
                    .collect()
            }
            (object, field) => return Err(("XL03000009", format!("{object} has no {field}"))),
        };
        let object = text(call, "object");
        let size: usize = text(call, "pagesize").parse().unwrap();
        assert!((1..=2_000).contains(&size));
        let offset: usize = text(call, "offset").parse().unwrap();
        // Fewer at once than it may, so that pages are turned.
        let page: Vec<_> = rows.iter().skip(offset).take(size.min(2)).collect();
        let remaining = rows.len() - offset - page.len();
        let mut all = String::new();
        for row in &page {
            all.push_str(&format!("<{object}>"));
            for field in &fields {
                let value = row
                    .get(field)
                    .ok_or(("XL03000009", format!("no field {field}")))?;
                all.push_str(&format!("<{field}>{value}</{field}>"));
            }
            all.push_str(&format!("</{object}>"));
        }
        Ok(format!(
            "<data listtype=\"{object}\" totalcount=\"{}\" offset=\"{offset}\" count=\"{}\" numremaining=\"{remaining}\">{all}</data>",
            rows.len(),
            page.len()
        ))
    }

    fn create(&mut self, batch: &Element) -> Done {
        let wrong = |words: String| ("BL01001973", words);
        ordered(batch, &HEAD).map_err(wrong)?;
        for field in ["JOURNAL", "BATCH_DATE", "BATCH_TITLE"] {
            if text(batch, field).is_empty() {
                return Err(wrong(format!("Required field {field} is missing")));
            }
        }
        if text(batch, "JOURNAL") != "GJ" {
            return Err(wrong("Invalid journal symbol".to_owned()));
        }
        if text(batch, "BATCH_TITLE").chars().count() > 80 || text(batch, "REFERENCENO").len() > 20
        {
            return Err(wrong("A field is too long".to_owned()));
        }
        let date = NaiveDate::parse_from_str(text(batch, "BATCH_DATE"), "%m/%d/%Y");
        let date = date.map_err(|_| wrong("Invalid date".to_owned()))?;
        if date < "2026-01-01".parse().unwrap() {
            let words = "Your transaction date is within a period that's been closed";
            return Err(("BL03000089", words.to_owned()));
        }
        let state = text(batch, "STATE");
        assert!(STATES.contains(&state), "{state}");
        let mut lines = Vec::new();
        let mut sums = BTreeMap::<String, Decimal>::new();
        for (line, number) in batch.child("ENTRIES").unwrap().all("GLENTRY").zip(1..) {
            let line =
                booked_line(line).map_err(|words| wrong(format!("Line {number}: {words}")))?;
            let amount: Decimal = line.2.parse().unwrap();
            let amount = if line.1 == "1" { amount } else { -amount };
            *sums.entry(line.3.clone()).or_default() += amount;
            lines.push(line);
        }
        if lines.len() < 2 || sums.values().any(|sum| !sum.is_zero()) {
            return Err(wrong("Debits and credits are not equal".to_owned()));
        }
        self.entries.push(Entry {
            number: text(batch, "REFERENCENO").to_owned(),
            date: text(batch, "BATCH_DATE").to_owned(),
            state: self.state.unwrap_or(state).to_owned(),
            lines,
        });
        let record = self.entries.len();
        Ok(format!(
            "<data listtype=\"objects\" count=\"1\"><glbatch><RECORDNO>{record}</RECORDNO></glbatch></data>"
        ))
    }
}

fn booked_line(line: &Element) -> Result<(String, String, String, String), String> {
    ordered(line, &LINE)?;
    let account = text(line, "ACCOUNTNO");
    if !ACCOUNTS.contains(&account) {
        return Err(format!("Account number '{account}' is not valid"));
    }
    let side = text(line, "TR_TYPE");
    if side != "1" && side != "-1" {
        return Err("TR_TYPE has to be 1 or -1".to_owned());
    }
    let amount: Decimal = text(line, "TRX_AMOUNT")
        .parse()
        .map_err(|_| "no amount".to_owned())?;
    if amount <= Decimal::ZERO {
        return Err("The amount has to be positive".to_owned());
    }
    if text(line, "LOCATION") != "200" {
        return Err("Use of empty Location is invalid".to_owned());
    }
    let currency = text(line, "CURRENCY");
    if !currency.is_empty() && text(line, "EXCHANGE_RATE").is_empty() {
        return Err("An exchange rate is needed".to_owned());
    }
    Ok((
        account.to_owned(),
        side.to_owned(),
        amount.to_string(),
        currency.to_owned(),
    ))
}

impl Maker for Gateway {
    fn answer(&mut self, request: &Request) -> Act {
        assert_eq!(request.method, "POST");
        assert_eq!(request.headers["content-type"], "application/xml");
        match document(&request.body) {
            Ok((name, root)) if name == "request" => self.operate(request, &root),
            other => response("failure", &failed(&("XL03000003", format!("{other:?}")))),
        }
    }

    fn changes(&self, request: &Request) -> bool {
        String::from_utf8_lossy(&request.body).contains("<create>")
    }

    fn booked(&self) -> BTreeMap<String, usize> {
        let mut booked = BTreeMap::new();
        for entry in &self.entries {
            *booked.entry(entry.number.clone()).or_default() += 1;
        }
        booked
    }

    fn falsify(&mut self) {
        "118.99".clone_into(&mut self.entries[0].lines[0].2);
    }
}

fn options(url: &str) -> Value {
    json!({
        "url": format!("{url}/ia/xml/xmlgw.phtml"),
        "sender": { "id": "example", "password": secret() },
        "company": "example", "user": "tieout", "password": secret(),
        "companies": { "eu": "200" }, "journal": "GJ",
        "accounts": { "tax-payable": "2100" },
        "dimensions": { "CUSTOMERID": "customer" },
    })
}

#[tokio::test]
async fn keeps_what_every_erp_has_to() {
    keeps_the_contract(Subject {
        kind: "intacct",
        options,
        maker: Gateway::default,
        unknown_account: "Account number '9999' is not valid",
        foreign: true,
    })
    .await;
}

type Shared = Arc<Mutex<Gateway>>;

fn started(gateway: Gateway) -> (Box<dyn ErpConnector>, Shared) {
    let shared = Arc::new(Mutex::new(gateway));
    let serving = Arc::clone(&shared);
    let url = serve(move |request| serving.lock().unwrap().answer(request));
    let kind = ErpKind::find("intacct").unwrap();
    (kind.open(options(&url), &host()).unwrap(), shared)
}

fn entries(date: &str) -> ExportBatch {
    batch(
        "books",
        &json!([{
            "id": 17, "entity": "eu", "period": "2026-01", "date": date, "kind": "original",
            "reference": "INV <1> & 2", "description": "Köln\nאב", "functional": "EUR", "rate": "0.8",
            "lines": [
                { "debit": "accounts-receivable", "amount": "12000 JPY", "functional": "9600.00 EUR",
                  "dimensions": { "customer": "C-7", "region": "emea" } },
                { "credit": "revenue-access", "amount": "12000 JPY", "functional": "9600.00 EUR" },
            ],
        }]),
    )
}

fn rendered(connector: &dyn ErpConnector, batch: &ExportBatch) -> Artifact {
    let mut bytes = Vec::new();
    connector.render(batch, &mut bytes).unwrap();
    Artifact {
        name: connector.name(batch),
        bytes,
    }
}

async fn delivered(connector: &dyn ErpConnector, date: &str) -> Answered {
    let artifact = rendered(connector, &entries(date));
    match connector.deliver(&artifact, "{}").await.unwrap() {
        Delivery::Documents(answers) => answers[0].clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_sent_can_be_read() {
    let (connector, _) = started(Gateway::default());
    let artifact = rendered(connector.as_ref(), &entries("2026-01-15"));
    let line: Value = serde_json::from_slice(&artifact.bytes).unwrap();
    assert_eq!(line["document"], "eu-2026-000017");
    assert_eq!(line["company"], "200");
    assert_eq!(
        line["lines"],
        json!([["1200 JPY", "12000"], ["4000 JPY", "-12000"]])
    );
    assert_eq!(
        line["body"]["function"].as_str().unwrap(),
        "<function controlid=\"eu-2026-000017/019c1cef-bf00-709e-9a51-6ff1732d5bb4\"><create><GLBATCH>\
         <JOURNAL>GJ</JOURNAL><BATCH_DATE>01/15/2026</BATCH_DATE><BATCH_TITLE>Köln אב</BATCH_TITLE>\
         <REFERENCENO>eu-2026-000017</REFERENCENO><BASELOCATION_NO>200</BASELOCATION_NO><STATE>Posted</STATE><ENTRIES>\
         <GLENTRY><DOCUMENT>INV &lt;1&gt; &amp; 2</DOCUMENT><ACCOUNTNO>1200</ACCOUNTNO><TR_TYPE>1</TR_TYPE>\
         <TRX_AMOUNT>12000</TRX_AMOUNT><CURRENCY>JPY</CURRENCY><EXCH_RATE_DATE>01/15/2026</EXCH_RATE_DATE>\
         <EXCHANGE_RATE>0.8</EXCHANGE_RATE><LOCATION>200</LOCATION><CUSTOMERID>C-7</CUSTOMERID>\
         <DESCRIPTION>Köln אב</DESCRIPTION></GLENTRY>\
         <GLENTRY><DOCUMENT>INV &lt;1&gt; &amp; 2</DOCUMENT><ACCOUNTNO>4000</ACCOUNTNO><TR_TYPE>-1</TR_TYPE>\
         <TRX_AMOUNT>12000</TRX_AMOUNT><CURRENCY>JPY</CURRENCY><EXCH_RATE_DATE>01/15/2026</EXCH_RATE_DATE>\
         <EXCHANGE_RATE>0.8</EXCHANGE_RATE><LOCATION>200</LOCATION>\
         <DESCRIPTION>Köln אב</DESCRIPTION></GLENTRY></ENTRIES></GLBATCH></create></function>"
    );
}

#[tokio::test]
async fn a_closed_period_is_told_in_the_gateways_words() {
    let (connector, shared) = started(Gateway::default());
    let answer = delivered(connector.as_ref(), "2025-12-31").await;
    let Said::Refused(words) = answer.said else {
        panic!("{answer:?}");
    };
    assert!(
        words.contains("within a period that's been closed"),
        "{words}"
    );
    assert!(words.contains("(BL03000089)"), "{words}");
    assert!(shared.lock().unwrap().entries.is_empty());
}

#[tokio::test]
async fn a_session_that_is_over_is_opened_anew() {
    let (connector, shared) = started(Gateway::default());
    for logins in 1..=2 {
        let answer = delivered(connector.as_ref(), "2026-01-15").await;
        assert!(
            matches!(answer.said, Said::Acknowledged { .. }),
            "{answer:?}"
        );
        let mut gateway = shared.lock().unwrap();
        assert_eq!(gateway.logins, logins);
        assert_eq!(gateway.entries.len(), 1);
        gateway.sessions.clear();
    }
}

#[tokio::test]
async fn passwords_stay_within_the_domain_of_the_gateway() {
    let (connector, shared) = started(Gateway {
        endpoint: Some("https://intacct.example/ia/xml/xmlgw.phtml".to_owned()),
        ..Gateway::default()
    });
    let error = connector.check().await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("another domain's host"), "{source}");
    let answer = delivered(connector.as_ref(), "2026-01-15").await;
    assert!(matches!(answer.said, Said::Unknown(_)), "{answer:?}");
    assert!(shared.lock().unwrap().entries.is_empty());
}

#[tokio::test]
async fn what_was_carried_out_already_is_found_and_not_refused() {
    let (connector, shared) = started(Gateway::default());
    delivered(connector.as_ref(), "2026-01-15").await;
    // It is not shown at first, so that it is handed over once more.
    shared.lock().unwrap().blind = 1;
    let answer = delivered(connector.as_ref(), "2026-01-15").await;
    assert!(
        matches!(answer.said, Said::Acknowledged { .. }),
        "{answer:?}"
    );
    assert_eq!(shared.lock().unwrap().entries.len(), 1);
}

#[tokio::test]
async fn what_is_not_posted_counts_for_nothing() {
    for (state, told) in [
        ("Submitted", "not booked yet"),
        ("Declined", "declined there"),
        ("Draft", "not booked"),
    ] {
        let (connector, shared) = started(Gateway {
            state: Some(state),
            ..Gateway::default()
        });
        let answer = delivered(connector.as_ref(), "2026-01-15").await;
        let (Said::Unknown(words) | Said::Refused(words)) = answer.said else {
            panic!("{state}: {answer:?}");
        };
        assert!(words.contains(told), "{state}: {words}");
        assert_eq!(shared.lock().unwrap().entries.len(), 1, "{state}");
    }
}

#[test]
fn options_that_it_cannot_use_are_refused() {
    let kind = ErpKind::find("intacct").unwrap();
    let mut wrong = options("http://127.0.0.1:9");
    wrong["dimensions"] = json!({ "CUSTOMER": "customer" });
    let error = kind.open(wrong, &host()).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("no field `CUSTOMER`"), "{source}");
    let connector = kind.open(options("http://127.0.0.1:9"), &host()).unwrap();
    let mut batch = entries("2026-01-15");
    batch.entries[0].document = "a-long-entity-2026-000017".to_owned();
    let error = connector
        .render(&batch, &mut Vec::new())
        .unwrap_err()
        .to_string();
    assert!(error.contains("REFERENCENO"), "{error}");
}
