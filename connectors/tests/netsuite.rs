//! NetSuite, as strict as its pages on REST web services are: unknown fields, internal ids, external ids that are there once, sums,
//! closed periods, approval, and a sublist that is only shown when it is asked for.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

#[path = "../formats/tests/common/mod.rs"]
mod common;
mod peer;
mod suite;

use common::batch;
use connectors::erp::{Answered, ErpConnector, ErpKind, Said};
use formats::erp::ExportBatch;
use peer::{Act, Request, serve};
use reqwest::Url;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use suite::{Maker, SECRET, Subject, artifact, delivered, entry, host, secret};

/// Fields of the record and of its lines that a sender may set.
const JOURNAL: &[&str] = &[
    "externalId",
    "tranDate",
    "tranId",
    "memo",
    "subsidiary",
    "currency",
    "exchangeRate",
    "approvalStatus",
    "postingPeriod",
    "reversalDate",
    "reversalDefer",
    "department",
    "class",
    "location",
    "line",
];
const LINE: &[&str] = &[
    "account",
    "debit",
    "credit",
    "memo",
    "department",
    "class",
    "location",
    "entity",
    "eliminate",
    "startDate",
    "endDate",
];

/// Internal ids and numbers of accounts.
const ACCOUNTS: [(&str, &str); 5] = [
    ("58", "1200"),
    ("4", "2100"),
    ("77", "4000"),
    ("78", "5000"),
    ("79", "5000"),
];

struct NetSuite {
    journals: Vec<Value>,
    currencies: bool,
    subsidiaries: bool,
    /// Whether journals want approval.
    approvals: bool,
    closed: &'static str,
    lag: usize,
    /// Accounts before those that entries use.
    others: usize,
    next: Vec<(u16, Value)>,
}

fn netsuite() -> NetSuite {
    NetSuite {
        journals: Vec::new(),
        currencies: true,
        subsidiaries: true,
        approvals: false,
        closed: "2025-12-31",
        lag: 0,
        others: 0,
        next: Vec::new(),
    }
}

type Wrong = (&'static str, String);

fn user(words: impl Into<String>) -> Wrong {
    (
        "USER_ERROR",
        format!("Error while accessing a resource. {}", words.into()),
    )
}

fn error(status: u16, title: &str, (code, detail): Wrong) -> (u16, String) {
    let body = json!({
        "type": "https://www.rfc-editor.org/rfc/rfc9110.html#section-15.5.1", "title": title, "status": status,
        "o:errorDetails": [{ "detail": detail, "o:errorCode": code }],
    });
    (status, body.to_string())
}

fn only(value: &Value, known: &[&str]) -> Result<(), Wrong> {
    let object = value
        .as_object()
        .ok_or(("INVALID_CONTENT", format!("{value} is no object")))?;
    match object.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err((
            "INVALID_CONTENT",
            format!("Unknown reference or field: {name}."),
        )),
        None => Ok(()),
    }
}

fn reference(value: &Value, field: &str, ids: &[&str]) -> Result<String, Wrong> {
    only(value, &["id"])?;
    let id = value["id"].as_str().unwrap_or_default();
    if ids.contains(&id) {
        return Ok(id.to_owned());
    }
    Err((
        "INVALID_CONTENT",
        format!("Invalid reference key {id} for {field}."),
    ))
}

fn amount(value: &Value) -> Result<Decimal, Wrong> {
    let Value::Number(number) = value else {
        return Err((
            "INVALID_CONTENT",
            format!("Invalid value {value}, a number is wanted."),
        ));
    };
    let amount: Decimal = number.to_string().parse().unwrap();
    if amount.normalize().scale() > 2 {
        return Err(user(format!("{amount} has more than two places")));
    }
    Ok(amount)
}

impl NetSuite {
    fn line(&self, item: &Value) -> Result<Decimal, Wrong> {
        only(item, LINE)?;
        let ids = ACCOUNTS.map(|(id, _)| id);
        reference(&item["account"], "account", &ids)?;
        for field in ["department", "class", "location", "entity"] {
            if !item[field].is_null() {
                reference(&item[field], field, &["1", "2", "3"])?;
            }
        }
        if item["memo"]
            .as_str()
            .is_some_and(|memo| memo.chars().count() > 999)
        {
            return Err(user(
                "The field memo contained more than the maximum number ( 999 ) of characters allowed.",
            ));
        }
        match (&item["debit"], &item["credit"]) {
            (debit, Value::Null) if !debit.is_null() => amount(debit),
            (Value::Null, credit) if !credit.is_null() => Ok(-amount(credit)?),
            _ => Err(user("Please enter a value for either debit or credit.")),
        }
    }

    fn wrong(&self, journal: &Value) -> Result<(), Wrong> {
        only(journal, JOURNAL)?;
        let external = journal["externalId"].as_str().unwrap_or_default();
        let is_plain = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '_' | '-');
        if external.is_empty() || !external.chars().all(is_plain) {
            return Err((
                "INVALID_CONTENT",
                format!("Invalid external id {external}."),
            ));
        }
        if self
            .journals
            .iter()
            .any(|other| other["externalId"] == external)
        {
            return Err(user("This record already exists."));
        }
        if self.subsidiaries {
            reference(&journal["subsidiary"], "subsidiary", &["3"])?;
        } else if !journal["subsidiary"].is_null() {
            return Err((
                "INVALID_CONTENT",
                "Unknown reference or field: subsidiary.".to_owned(),
            ));
        }
        if self.currencies {
            reference(&journal["currency"], "currency", &["1", "4", "7"])?;
        } else if !journal["currency"].is_null() || !journal["exchangeRate"].is_null() {
            return Err((
                "INVALID_CONTENT",
                "Unknown reference or field: currency.".to_owned(),
            ));
        }
        let day: chrono::NaiveDate = journal["tranDate"]
            .as_str()
            .unwrap_or_default()
            .parse()
            .unwrap();
        if day.to_string().as_str() <= self.closed {
            return Err(user(
                "The transaction date you specified is not within the date range of your accounting period, or the period is closed.",
            ));
        }
        let items = journal["line"]["items"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        if items.len() > 200 {
            return Err(user("A journal entry has 200 lines at most."));
        }
        let amounts = items
            .iter()
            .map(|item| self.line(item))
            .collect::<Result<Vec<_>, _>>()?;
        if amounts.len() < 2 || amounts.iter().sum::<Decimal>() != Decimal::ZERO {
            return Err(user("The amounts in a journal entry must balance."));
        }
        Ok(())
    }

    fn post(&mut self, request: &Request) -> Act {
        assert_eq!(request.headers["content-type"], "application/json");
        assert_eq!(
            request.headers["x-netsuite-propertynamevalidation"],
            "Error"
        );
        if let Some((status, body)) = self.next.pop() {
            return Act::Answer(status, "", body.to_string());
        }
        let journal: Value = serde_json::from_slice(&request.body).unwrap();
        if let Err(wrong) = self.wrong(&journal) {
            let (status, body) = error(400, "Bad Request", wrong);
            return Act::Answer(status, "", body);
        }
        let mut booked = journal;
        booked["id"] = json!((647 + self.journals.len()).to_string());
        let approved = !self.approvals || booked["approvalStatus"]["id"] == "2";
        booked["approvalStatus"] = json!({ "id": if approved { "2" } else { "1" } });
        self.journals.push(booked);
        let location = "location: https://demo123.suitetalk.api.netsuite.com/services/rest/record/v1/journalEntry/647\r\n";
        Act::Answer(204, location, String::new())
    }

    fn read(&mut self, external: &str, expand: bool) -> (u16, String) {
        let hidden = usize::from(self.lag > 0);
        self.lag = self.lag.saturating_sub(1);
        let shown = self.journals.len() - hidden.min(self.journals.len());
        let found = self.journals[..shown]
            .iter()
            .find(|journal| journal["externalId"] == external);
        let Some(found) = found else {
            let detail = "The record instance does not exist. Provide a valid record instance ID."
                .to_owned();
            return error(404, "Not Found", ("NONEXISTENT_ID", detail));
        };
        let mut shown = found.clone();
        let links =
            json!([{ "rel": "self", "href": "https://demo123.suitetalk.api.netsuite.com/" }]);
        if expand {
            shown["line"]["links"] = links.clone();
            shown["line"]["hasMore"] = json!(false);
            for item in shown["line"]["items"].as_array_mut().unwrap() {
                item["account"]["refName"] = json!("an account");
                item["account"]["links"] = links.clone();
            }
        } else {
            shown["line"] = json!({ "links": links });
        }
        (200, shown.to_string())
    }

    fn suiteql(&self, statement: &str, parameters: &BTreeMap<String, String>) -> Value {
        let rows: Vec<Value> = if statement.contains("FROM account") {
            let other =
                |at: usize| json!({ "id": (10_000 + at).to_string(), "called": format!("X{at}") });
            let own = ACCOUNTS
                .iter()
                .map(|(id, number)| json!({ "id": id, "called": number }));
            // Not every account has a number.
            let bare = std::iter::once(json!({ "id": "1" }));
            (0..self.others).map(other).chain(bare).chain(own).collect()
        } else {
            assert!(statement.contains("FROM currency"), "{statement}");
            [("1", "USD"), ("4", "EUR"), ("7", "JPY")]
                .map(|(id, code)| json!({ "id": id, "called": code }))
                .to_vec()
        };
        assert!(
            statement.contains("ORDER BY"),
            "pages need an order: {statement}"
        );
        let (limit, offset): (usize, usize) = (
            parameters["limit"].parse().unwrap(),
            parameters["offset"].parse().unwrap(),
        );
        assert!(limit <= 1_000);
        let page: Vec<&Value> = rows.iter().skip(offset).take(limit).collect();
        json!({ "items": page, "hasMore": offset + limit < rows.len(), "totalResults": rows.len() })
    }

    fn routed(&mut self, request: &Request) -> Act {
        let url = Url::parse(&format!("http://maker{}", request.path)).unwrap();
        let parameters: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        if request.headers.get("authorization") != Some(&format!("Bearer {SECRET}")) {
            let (status, body) = error(
                401,
                "Unauthorized",
                ("INVALID_LOGIN", "Invalid login attempt.".to_owned()),
            );
            return Act::Answer(status, "", body);
        }
        let below = url.path().strip_prefix("/services/rest/");
        let (status, body) = match (request.method.as_str(), below) {
            ("POST", Some("record/v1/journalEntry")) => return self.post(request),
            ("POST", Some("query/v1/suiteql")) => {
                assert_eq!(request.headers["prefer"], "transient");
                let said: Value = serde_json::from_slice(&request.body).unwrap();
                (
                    200,
                    self.suiteql(said["q"].as_str().unwrap(), &parameters)
                        .to_string(),
                )
            }
            ("GET", Some("record/v1/journalEntry")) => {
                (200, json!({ "items": [], "hasMore": false }).to_string())
            }
            ("GET", Some(below)) => {
                let external = below.strip_prefix("record/v1/journalEntry/eid:").unwrap();
                let expand = parameters
                    .get("expandSubResources")
                    .is_some_and(|expand| expand == "true");
                self.read(external, expand)
            }
            // What is put there would be changed.
            _ => panic!("{} {}", request.method, request.path),
        };
        Act::Answer(
            status,
            "content-type: application/vnd.oracle.resource+json; type=singular\r\n",
            body,
        )
    }
}

impl Maker for NetSuite {
    fn answer(&mut self, request: &Request) -> Act {
        self.routed(request)
    }

    fn changes(&self, request: &Request) -> bool {
        request.method == "POST" && request.path.ends_with("journalEntry")
    }

    fn booked(&self) -> BTreeMap<String, usize> {
        let mut booked = BTreeMap::new();
        for journal in &self.journals {
            *booked
                .entry(journal["externalId"].as_str().unwrap().to_owned())
                .or_default() += 1;
        }
        booked
    }

    fn falsify(&mut self) {
        self.journals[0]["line"]["items"][0]["debit"] = json!(1);
    }
}

fn options(url: &str) -> Value {
    json!({
        "url": url, "auth": { "bearer": secret() }, "companies": { "eu": "3" }, "accounts": { "tax-payable": "2100" },
    })
}

#[tokio::test]
async fn a_call_that_is_late_and_two_at_once_book_once() {
    suite::is_booked_once_whoever_is_late(Subject {
        kind: "netsuite",
        options,
        maker: netsuite,
        unknown_account: "",
        foreign: false,
    })
    .await;
}

#[tokio::test]
async fn the_contract_is_kept() {
    suite::keeps_the_contract(Subject {
        kind: "netsuite",
        options,
        maker: netsuite,
        unknown_account: "no account has the number `9999`",
        foreign: true,
    })
    .await;
}

#[tokio::test]
async fn the_contract_is_kept_by_internal_ids_in_an_account_of_one_company_and_one_currency() {
    suite::keeps_the_contract(Subject {
        kind: "netsuite",
        options: |url| {
            json!({
                "url": url, "auth": { "bearer": secret() }, "companies": { "eu": "" }, "multicurrency": false,
                "accounts_by": "id", "accounts": { "tax-payable": "4", "accounts-receivable": "58", "revenue-access": "77" },
            })
        },
        maker: || NetSuite { currencies: false, subsidiaries: false, ..netsuite() },
        unknown_account: "Invalid reference key 9999",
        foreign: true,
    })
    .await;
}

fn account(maker: NetSuite) -> (String, Arc<Mutex<NetSuite>>) {
    let shared = Arc::new(Mutex::new(maker));
    let serving = Arc::clone(&shared);
    (
        serve(move |request| serving.lock().unwrap().answer(request)),
        shared,
    )
}

fn open(options: Value) -> Box<dyn ErpConnector> {
    ErpKind::find("netsuite")
        .unwrap()
        .open(options, &host())
        .unwrap()
}

fn invoice() -> ExportBatch {
    batch(
        "books",
        &json!([entry(
            41,
            "an invoice",
            &[
                ("debit", "accounts-receivable", "119.00 EUR"),
                ("credit", "revenue-access", "100.00 EUR"),
                ("credit", "tax-payable", "19.00 EUR"),
            ],
        )]),
    )
}

async fn sent(options: Value, batch: &ExportBatch) -> Vec<Answered> {
    let connector = open(options);
    delivered(connector.as_ref(), &artifact(connector.as_ref(), batch)).await
}

#[track_caller]
fn refused(answers: &[Answered], words: &str) {
    let Said::Refused(said) = &answers[0].said else {
        panic!("{answers:?}");
    };
    assert!(said.contains(words), "{said}");
}

#[track_caller]
fn acknowledged(answers: &[Answered]) {
    let all = answers
        .iter()
        .all(|one| matches!(one.said, Said::Acknowledged { .. }));
    assert!(all, "{answers:?}");
}

#[test]
fn an_artifact_can_be_read() {
    let mut options = options("http://127.0.0.1:9");
    options["dimensions"] = json!({ "entity": "customer" });
    let connector = open(options);
    let yen = entry(
        44,
        "yen",
        &[
            ("debit", "accounts-receivable", "12000 JPY = 9600.00 EUR"),
            ("credit", "revenue-access", "12000 JPY = 9600.00 EUR"),
        ],
    );
    let bytes = artifact(connector.as_ref(), &batch("books", &json!([yen]))).bytes;
    assert_eq!(
        String::from_utf8(bytes).unwrap(),
        concat!(
            r#"{"document":"eu-2026-000044","company":"3","date":"2026-01-15","lines":[["1200","12000"],["4000","-12000"]],"#,
            r#""body":{"currency":"JPY","lines":["#,
            r#"{"account":"1200","debit":"12000","dimensions":{"entity":"C-7"},"memo":"yen"},"#,
            r#"{"account":"4000","credit":"12000","dimensions":{"entity":"C-7"},"memo":"yen"}],"#,
            r#""memo":"INV-44 yen","rate":"0.8"}}"#,
            "\n"
        )
    );
}

#[tokio::test]
async fn a_record_is_what_the_pages_want() {
    let (url, maker) = account(NetSuite {
        others: 1_500,
        ..netsuite()
    });
    let mut options = options(&url);
    options["dimensions"] = json!({ "location": "place" });
    let mut yen = entry(
        44,
        "yen",
        &[
            ("debit", "accounts-receivable", "12000 JPY = 9600.00 EUR"),
            ("credit", "revenue-access", "12000 JPY = 9600.00 EUR"),
        ],
    );
    yen["lines"][1]["dimensions"] = json!({ "place": "2" });
    acknowledged(&sent(options, &batch("books", &json!([yen]))).await);
    let mut booked = maker.lock().unwrap().journals[0].clone();
    booked["approvalStatus"].take();
    assert_eq!(
        booked.to_string(),
        concat!(
            r#"{"approvalStatus":null,"currency":{"id":"7"},"exchangeRate":0.8,"externalId":"eu-2026-000044","id":"647","#,
            r#""line":{"items":[{"account":{"id":"58"},"debit":12000,"memo":"yen"},"#,
            r#"{"account":{"id":"77"},"credit":12000,"location":{"id":"2"},"memo":"yen"}]},"#,
            r#""memo":"INV-44 yen","subsidiary":{"id":"3"},"tranDate":"2026-01-15"}"#
        )
    );
}

#[tokio::test]
async fn a_closed_period_is_refused_in_its_words_until_it_is_open() {
    let (url, maker) = account(NetSuite {
        closed: "2026-01-31",
        ..netsuite()
    });
    refused(
        &sent(options(&url), &invoice()).await,
        "the period is closed",
    );
    maker.lock().unwrap().closed = "2025-12-31";
    acknowledged(&sent(options(&url), &invoice()).await);
}

#[tokio::test]
async fn what_waits_for_approval_is_unknown_until_it_has_it() {
    let (url, maker) = account(NetSuite {
        approvals: true,
        ..netsuite()
    });
    for _ in 0..2 {
        let answers = sent(options(&url), &invoice()).await;
        let Said::Unknown(words) = &answers[0].said else {
            panic!("{answers:?}")
        };
        assert!(words.contains("not booked yet"), "{words}");
        assert_eq!(maker.lock().unwrap().journals.len(), 1);
    }
    maker.lock().unwrap().journals[0]["approvalStatus"]["id"] = json!("2");
    acknowledged(&sent(options(&url), &invoice()).await);
    maker.lock().unwrap().journals[0]["approvalStatus"]["id"] = json!("3");
    refused(&sent(options(&url), &invoice()).await, "rejected");
    let (url, _maker) = account(NetSuite {
        approvals: true,
        ..netsuite()
    });
    let mut options = options(&url);
    options["approve"] = json!(true);
    acknowledged(&sent(options, &invoice()).await);
}

#[tokio::test]
async fn an_answer_is_understood_whatever_its_status() {
    enum Then {
        Refused(&'static str),
        Unsent(&'static str),
        Acknowledged,
    }
    let details = |code: &str, detail: &str| json!({ "title": "-", "o:errorDetails": [{ "detail": detail, "o:errorCode": code, "o:errorPath": "line.items[1]" }] });
    let table = [
        (
            400,
            details("USER_ERROR", "Please enter a value for class."),
            Then::Refused("Please enter a value for class. (at line.items[1])"),
        ),
        (
            400,
            details("SSS_REQUEST_LIMIT_EXCEEDED", "too many at once"),
            Then::Unsent("too many at once"),
        ),
        (
            403,
            details(
                "INSUFFICIENT_PERMISSION",
                "Permission Violation: you need Make Journal Entry",
            ),
            Then::Unsent("Make Journal Entry"),
        ),
        (
            404,
            json!("<html>no such account</html>"),
            Then::Unsent("404"),
        ),
        (
            200,
            json!("<html>we are at work</html>"),
            Then::Acknowledged,
        ),
        (
            500,
            details("UNEXPECTED_ERROR", "An unexpected error occurred"),
            Then::Acknowledged,
        ),
    ];
    for (status, body, then) in table {
        let said = format!("{status} {body}");
        let (url, maker) = account(NetSuite {
            next: vec![(status, body)],
            ..netsuite()
        });
        let answers = sent(options(&url), &invoice()).await;
        match (then, &answers[0].said) {
            (Then::Refused(words), Said::Refused(told))
            | (Then::Unsent(words), Said::Unsent(told)) => {
                assert!(told.contains(words), "{said}: {told}");
                assert!(maker.lock().unwrap().journals.is_empty(), "{said}");
            }
            (Then::Acknowledged, Said::Acknowledged { .. }) => {
                assert_eq!(maker.lock().unwrap().journals.len(), 1, "{said}");
            }
            (_, told) => panic!("{said}: {told:?}"),
        }
    }
}

#[tokio::test]
async fn what_is_shown_late_is_there_once() {
    for lag in 1..4 {
        let (url, maker) = account(NetSuite {
            lag: lag + 1,
            ..netsuite()
        });
        acknowledged(&sent(options(&url), &invoice()).await);
        assert_eq!(maker.lock().unwrap().journals.len(), 1);
    }
}

#[tokio::test]
async fn a_page_that_is_not_there_is_no_journal_that_is_not_there() {
    let url = serve(|_request| Act::Answer(404, "", "<html>no such page</html>".into()));
    let answers = sent(options(&url), &invoice()).await;
    assert!(matches!(answers[0].said, Said::Unknown(_)), "{answers:?}");
    assert!(open(options(&url)).check().await.is_err());
    let (url, _maker) = account(netsuite());
    open(options(&url)).check().await.unwrap();
}

#[tokio::test]
async fn accounts_are_never_guessed_and_a_journal_is_not_too_long() {
    let (url, maker) = account(netsuite());
    let mut twice = options(&url);
    twice["accounts"]["tax-payable"] = json!("5000");
    refused(
        &sent(twice, &invoice()).await,
        "several accounts have the number `5000`",
    );
    let mut short = options(&url);
    short["lines"] = json!(2);
    refused(
        &sent(short, &invoice()).await,
        "it has 3 lines, and a journal takes 2",
    );
    assert!(maker.lock().unwrap().journals.is_empty());
}

#[test]
fn a_number_that_it_could_not_be_found_by_is_refused() {
    let connector = open(json!({
        "url": "http://127.0.0.1:9", "auth": { "bearer": secret() }, "companies": { "a|b": "3" },
    }));
    let mut odd = entry(
        1,
        "text",
        &[
            ("debit", "accounts-receivable", "1.00 EUR"),
            ("credit", "revenue-access", "1.00 EUR"),
        ],
    );
    odd["entity"] = json!("a|b");
    let refused = connector.render(&batch("books", &json!([odd])), &mut Vec::new());
    assert!(refused.unwrap_err().to_string().contains("other signs"));
}
