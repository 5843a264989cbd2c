//! Xero, as strict as its OpenAPI and its pages are: unknown properties, account codes, system and bank accounts, lock dates, sums,
//! and idempotency keys, which it forgets after a while.

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

use chrono::NaiveDate;
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

const TENANT: &str = "70784a63-d24b-46a9-a4db-0e70a274b056";

/// What `components/schemas` of the OpenAPI know.
const JOURNALS: &[&str] = &["pagination", "Warnings", "ManualJournals"];
const JOURNAL: &[&str] = &[
    "Narration",
    "JournalLines",
    "Date",
    "LineAmountTypes",
    "Status",
    "Url",
    "ShowOnCashBasisReports",
    "HasAttachments",
    "UpdatedDateUTC",
    "ManualJournalID",
    "StatusAttributeString",
    "Warnings",
    "ValidationErrors",
    "Attachments",
];
const LINE: &[&str] = &[
    "LineAmount",
    "AccountCode",
    "AccountID",
    "Description",
    "TaxType",
    "Tracking",
    "TaxAmount",
    "IsBlank",
];
const TRACKING: &[&str] = &[
    "TrackingCategoryID",
    "TrackingOptionID",
    "Name",
    "Option",
    "Status",
    "Options",
];

/// Codes and types of accounts.
const ACCOUNTS: [(&str, &str); 5] = [
    ("611", "CURRENT"),
    ("2100", "CURRLIAB"),
    ("4000", "REVENUE"),
    ("610", "DEBTORS"),
    ("090", "BANK"),
];

struct Xero {
    journals: Vec<Value>,
    /// What was answered under a key, and to what.
    answered: BTreeMap<String, (Vec<u8>, (u16, String))>,
    /// Whether keys are forgotten at once, as they are after six minutes.
    forgets: bool,
    base: &'static str,
    /// The period lock date.
    locked: &'static str,
    /// Lists that do not show yet what was posted last.
    lag: usize,
    /// Whether lists leave lines out.
    bare: bool,
    next: Vec<(u16, Value)>,
}

fn xero() -> Xero {
    Xero {
        journals: Vec::new(),
        answered: BTreeMap::new(),
        forgets: false,
        base: "EUR",
        locked: "2025-12-31",
        lag: 0,
        bare: false,
        next: Vec::new(),
    }
}

fn only(value: &Value, known: &[&str]) -> Result<(), String> {
    let object = value
        .as_object()
        .ok_or_else(|| format!("{value} is no object"))?;
    let unknown = object.keys().find(|name| !known.contains(&name.as_str()));
    unknown.map_or(Ok(()), |name| Err(format!("the schema has no `{name}`")))
}

fn milliseconds(day: &str) -> String {
    let day: NaiveDate = day.parse().unwrap();
    let moment = day.and_hms_opt(0, 0, 0).unwrap().and_utc();
    format!("/Date({}+0000)/", moment.timestamp_millis())
}

fn line(line: &Value) -> Result<Decimal, String> {
    only(line, LINE)?;
    let code = line["AccountCode"].as_str().unwrap_or_default();
    let Some((_, kind)) = ACCOUNTS.iter().find(|(known, _)| *known == code) else {
        return Err(format!(
            "Account code '{code}' is not a valid code for this document."
        ));
    };
    if matches!(*kind, "DEBTORS" | "BANK") {
        return Err(format!(
            "Account code '{code}' is a system or bank account and cannot be journalled to."
        ));
    }
    if line["Description"]
        .as_str()
        .is_some_and(|text| text.chars().count() > 4_000)
    {
        return Err("Description is longer than 4000 characters".to_owned());
    }
    let tracking = line["Tracking"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    if tracking.len() > 2 {
        return Err("A line has two tracking categories at most".to_owned());
    }
    for one in tracking {
        only(one, TRACKING)?;
    }
    let Value::Number(amount) = &line["LineAmount"] else {
        return Err(format!("LineAmount {} is no number", line["LineAmount"]));
    };
    let amount: Decimal = amount.to_string().parse().unwrap();
    if amount.normalize().scale() > 2 {
        return Err(format!("LineAmount {amount} has more than two places"));
    }
    Ok(amount)
}

fn refusal(words: &[String]) -> (u16, String) {
    let errors: Vec<Value> = words
        .iter()
        .map(|words| json!({ "Message": words }))
        .collect();
    let body = json!({
        "ErrorNumber": 10, "Type": "ValidationException", "Message": "A validation exception occurred",
        "Elements": [{ "ManualJournalID": "00000000-0000-0000-0000-000000000000", "ValidationErrors": errors }],
    });
    (400, body.to_string())
}

impl Xero {
    fn wrong(&self, journal: &Value) -> Vec<String> {
        let mut wrong: Vec<String> = only(journal, JOURNAL).err().into_iter().collect();
        if journal["Narration"].as_str().unwrap_or_default().is_empty() {
            wrong.push("Narration is mandatory".to_owned());
        }
        if journal["Status"] != "POSTED" || journal["LineAmountTypes"] != "NoTax" {
            wrong.push("it is neither posted nor without tax".to_owned());
        }
        let date = journal["Date"].as_str().unwrap_or_default();
        match date.parse::<NaiveDate>() {
            Ok(day) if day.to_string().as_str() <= self.locked => wrong.push(format!(
                "The document date cannot be before the period lock date, currently set at {}",
                self.locked
            )),
            Ok(_) => {}
            Err(_) => wrong.push(format!("`{date}` is no date")),
        }
        let lines = journal["JournalLines"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        if lines.len() < 2 {
            wrong.push("A manual journal has at least two lines".to_owned());
        }
        let amounts: Result<Vec<Decimal>, String> = lines.iter().map(line).collect();
        match amounts {
            Err(words) => wrong.push(words),
            Ok(amounts) => {
                let side = |debit: bool| -> Decimal {
                    amounts
                        .iter()
                        .filter(|amount| amount.is_sign_positive() == debit)
                        .sum()
                };
                let (debits, credits) = (side(true), side(false));
                if debits != -credits {
                    wrong.push(format!(
                        "The total debits ({debits}) must equal total credits ({credits})"
                    ));
                }
            }
        }
        wrong
    }

    fn put(&mut self, request: &Request) -> (u16, String) {
        assert_eq!(request.headers["content-type"], "application/json");
        let key = request.headers["idempotency-key"].clone();
        assert!(!key.is_empty() && key.chars().count() <= 128);
        if let Some((body, answered)) = self.answered.get(&key).filter(|_| !self.forgets) {
            if *body != request.body {
                return refusal(&[format!(
                    "Idempotency Key: {key} is used with a different request."
                )]);
            }
            return answered.clone();
        }
        if let Some((status, body)) = self.next.pop() {
            return (status, body.to_string());
        }
        let said: Value = serde_json::from_slice(&request.body).unwrap();
        only(&said, JOURNALS).unwrap();
        let [journal] = said["ManualJournals"].as_array().unwrap().as_slice() else {
            panic!("one journal a call, so that a key is one document's: {said}");
        };
        let wrong = self.wrong(journal);
        let answer = if wrong.is_empty() {
            let mut booked = journal.clone();
            let id = format!("00000000-0000-0000-0000-{:012}", self.journals.len() + 1);
            booked["ManualJournalID"] = json!(id);
            booked["Date"] = json!(milliseconds(journal["Date"].as_str().unwrap()));
            booked["UpdatedDateUTC"] = json!("/Date(1769932800000+0000)/");
            for line in booked["JournalLines"].as_array_mut().unwrap() {
                line["AccountID"] = json!("c4f29c22-28c2-4a13-9eab-ecbbd641ffdf");
                line["TaxType"] = json!("NONE");
                line["IsBlank"] = json!(false);
            }
            self.journals.push(booked.clone());
            (
                200,
                json!({ "Status": "OK", "ManualJournals": [booked] }).to_string(),
            )
        } else {
            refusal(&wrong)
        };
        self.answered
            .insert(key, (request.body.clone(), answer.clone()));
        answer
    }

    fn list(&mut self, parameters: &BTreeMap<String, String>) -> Value {
        let wanted = parameters["where"]
            .strip_prefix("Narration.StartsWith(\"")
            .unwrap();
        let begins = wanted.strip_suffix("\")").unwrap();
        assert!(!begins.contains('"'));
        let hidden = usize::from(self.lag > 0);
        self.lag = self.lag.saturating_sub(1);
        let shown = self.journals.len() - hidden.min(self.journals.len());
        let page: usize = parameters["page"].parse().unwrap();
        let size: usize = parameters["pageSize"].parse().unwrap();
        let begins_so =
            |journal: &&Value| journal["Narration"].as_str().unwrap().starts_with(begins);
        let found = self.journals[..shown].iter().filter(begins_so);
        let found = found
            .skip((page - 1) * size)
            .take(size)
            .cloned()
            .map(|mut journal| {
                if self.bare {
                    journal["JournalLines"] = json!([]);
                }
                journal
            });
        json!({ "Status": "OK", "pagination": { "page": page, "pageSize": size }, "ManualJournals": found.collect::<Vec<_>>() })
    }

    fn routed(&mut self, request: &Request) -> (u16, String) {
        let url = Url::parse(&format!("http://maker{}", request.path)).unwrap();
        let parameters: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        if request.headers.get("authorization") != Some(&format!("Bearer {SECRET}")) {
            return (
                401,
                json!({ "Title": "Unauthorized", "Status": 401, "Detail": "TokenExpired" })
                    .to_string(),
            );
        }
        if request.headers.get("xero-tenant-id").map(String::as_str) != Some(TENANT) {
            return (403, json!({ "Title": "Forbidden", "Status": 403, "Detail": "AuthenticationUnsuccessful" }).to_string());
        }
        assert_eq!(request.headers["accept"], "application/json");
        match (request.method.as_str(), url.path()) {
            ("GET", "/Organisation") => (
                200,
                json!({ "Status": "OK", "Organisations": [{ "BaseCurrency": self.base }] })
                    .to_string(),
            ),
            ("GET", "/ManualJournals") => (200, self.list(&parameters).to_string()),
            ("PUT", "/ManualJournals") => self.put(request),
            ("GET", path) => {
                let id = path.strip_prefix("/ManualJournals/").unwrap_or_default();
                let found: Vec<&Value> = self
                    .journals
                    .iter()
                    .filter(|one| one["ManualJournalID"] == id)
                    .collect();
                (
                    200,
                    json!({ "Status": "OK", "ManualJournals": found }).to_string(),
                )
            }
            _ => (
                404,
                "The resource you're looking for cannot be found".to_owned(),
            ),
        }
    }
}

impl Maker for Xero {
    fn answer(&mut self, request: &Request) -> Act {
        let (status, body) = self.routed(request);
        Act::Answer(status, "content-type: application/json\r\n", body)
    }

    fn changes(&self, request: &Request) -> bool {
        request.method == "PUT"
    }

    fn booked(&self) -> BTreeMap<String, usize> {
        let mut booked = BTreeMap::new();
        let posted = self
            .journals
            .iter()
            .filter(|journal| journal["Status"] == "POSTED");
        for journal in posted {
            let number = journal["Narration"]
                .as_str()
                .unwrap()
                .split(' ')
                .next()
                .unwrap();
            *booked.entry(number.to_owned()).or_default() += 1;
        }
        booked
    }

    fn falsify(&mut self) {
        self.journals[0]["JournalLines"][0]["LineAmount"] = json!(1);
    }
}

fn options(url: &str) -> Value {
    json!({
        "url": url, "auth": { "bearer": secret() }, "companies": { "eu": TENANT },
        "accounts": { "accounts-receivable": "611", "tax-payable": "2100" },
    })
}

#[tokio::test]
async fn a_call_that_is_late_and_two_at_once_book_once() {
    suite::is_booked_once_whoever_is_late(Subject {
        kind: "xero",
        options,
        maker: xero,
        unknown_account: "",
        foreign: false,
    })
    .await;
}

#[tokio::test]
async fn the_contract_is_kept() {
    suite::keeps_the_contract(Subject {
        kind: "xero",
        options,
        maker: xero,
        unknown_account: "Account code '9999' is not a valid code for this document.",
        foreign: true,
    })
    .await;
}

#[tokio::test]
async fn the_contract_is_kept_without_keys_and_by_lists_without_lines() {
    suite::keeps_the_contract(Subject {
        kind: "xero",
        options,
        maker: || Xero {
            forgets: true,
            bare: true,
            ..xero()
        },
        unknown_account: "Account code '9999' is not a valid code for this document.",
        foreign: true,
    })
    .await;
}

fn organisation(maker: Xero) -> (String, Arc<Mutex<Xero>>) {
    let shared = Arc::new(Mutex::new(maker));
    let serving = Arc::clone(&shared);
    (
        serve(move |request| serving.lock().unwrap().answer(request)),
        shared,
    )
}

fn open(options: Value) -> Box<dyn ErpConnector> {
    ErpKind::find("xero")
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

fn released(batch: ExportBatch) -> ExportBatch {
    ExportBatch {
        id: "019c1cef-bf00-709e-9a51-000000000000".into(),
        ..batch
    }
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
fn an_artifact_holds_what_is_sent() {
    let mut options = options("http://127.0.0.1:9");
    options["dimensions"] = json!({ "Customer": "customer" });
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
            r#"{"document":"eu-2026-000044","company":"70784a63-d24b-46a9-a4db-0e70a274b056","date":"2026-01-15","#,
            r#""lines":[["611","9600.00"],["4000","-9600.00"]],"#,
            r#""body":{"home":"EUR","journal":{"Date":"2026-01-15","JournalLines":["#,
            r#"{"AccountCode":"611","Description":"yen (12000 JPY)","LineAmount":9600.00,"Tracking":[{"Name":"Customer","Option":"C-7"}]},"#,
            r#"{"AccountCode":"4000","Description":"yen (12000 JPY)","LineAmount":-9600.00,"Tracking":[{"Name":"Customer","Option":"C-7"}]}],"#,
            r#""LineAmountTypes":"NoTax","Narration":"eu-2026-000044 INV-44 yen","Status":"POSTED"},"key":"d0f6daa4-3f20-8b26-a7ac-b0f344bf31bc"}}"#,
            "\n"
        )
    );
}

#[tokio::test]
async fn a_locked_period_is_refused_in_its_words_until_it_is_open() {
    let (url, maker) = organisation(Xero {
        locked: "2026-01-31",
        ..xero()
    });
    refused(
        &sent(options(&url), &invoice()).await,
        "cannot be before the period lock date, currently set at 2026-01-31",
    );
    maker.lock().unwrap().locked = "2025-12-31";
    // For a while the same call gets the same answer; another batch is another call.
    refused(&sent(options(&url), &invoice()).await, "lock date");
    acknowledged(&sent(options(&url), &released(invoice())).await);
}

#[tokio::test]
async fn banks_and_receivables_are_refused_in_its_words() {
    for code in ["610", "090"] {
        let (url, _maker) = organisation(xero());
        let mut options = options(&url);
        options["accounts"]["accounts-receivable"] = json!(code);
        refused(
            &sent(options, &invoice()).await,
            &format!("Account code '{code}'"),
        );
    }
}

#[tokio::test]
async fn an_answer_is_understood_whatever_its_status() {
    enum Then {
        Refused(&'static str),
        Unsent(&'static str),
        Acknowledged,
    }
    let element = json!({
        "StatusAttributeString": "ERROR", "ManualJournalID": "00000000-0000-0000-0000-000000000000",
        "ValidationErrors": [{ "Message": "one" }, { "Message": "two" }],
    });
    let table = [
        (
            200,
            json!({ "Status": "OK", "ManualJournals": [element] }),
            Then::Refused("one; two"),
        ),
        (
            400,
            json!({ "ErrorNumber": 17, "Type": "NoDataProcessedException", "Message": "No data has been processed" }),
            Then::Refused("No data"),
        ),
        (
            403,
            json!({ "Title": "Forbidden", "Detail": "insufficient scope" }),
            Then::Unsent("insufficient scope"),
        ),
        (200, json!({ "Status": "OK" }), Then::Acknowledged),
        (
            500,
            json!({ "Title": "An error occurred" }),
            Then::Acknowledged,
        ),
    ];
    for (status, body, then) in table {
        let said = format!("{status} {body}");
        let (url, maker) = organisation(Xero {
            next: vec![(status, body)],
            ..xero()
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
        for forgets in [true, false] {
            let (url, maker) = organisation(Xero {
                lag: lag + 1,
                forgets,
                ..xero()
            });
            acknowledged(&sent(options(&url), &invoice()).await);
            assert_eq!(maker.lock().unwrap().journals.len(), 1);
        }
    }
}

#[tokio::test]
async fn only_a_journal_that_counts_and_begins_with_the_number_is_ours() {
    let (url, maker) = organisation(xero());
    acknowledged(&sent(options(&url), &invoice()).await);
    {
        let journals = &mut maker.lock().unwrap().journals;
        for narration in [
            "Reversal: eu-2026-000041 INV-41",
            "eu-2026-0000412 INV-9",
            "about eu-2026-000041 ",
        ] {
            let mut other = journals[0].clone();
            other["Narration"] = json!(narration);
            journals.push(other);
        }
    }
    acknowledged(&sent(options(&url), &invoice()).await);
    for (status, words) in [("DRAFT", "not booked"), ("ARCHIVED", "is ARCHIVED there")] {
        maker.lock().unwrap().journals[0]["Status"] = json!(status);
        refused(&sent(options(&url), &invoice()).await, words);
    }
    for status in ["VOIDED", "DELETED"] {
        maker.lock().unwrap().journals[0]["Status"] = json!(status);
        maker.lock().unwrap().answered.clear();
        acknowledged(&sent(options(&url), &invoice()).await);
        let mut maker = maker.lock().unwrap();
        let again = maker.journals.pop().unwrap();
        assert_eq!(
            again["Status"], "POSTED",
            "what counts for nothing is posted again"
        );
    }
}

#[tokio::test]
async fn two_of_one_number_are_told() {
    let (url, maker) = organisation(xero());
    acknowledged(&sent(options(&url), &invoice()).await);
    let twice = maker.lock().unwrap().journals[0].clone();
    maker.lock().unwrap().journals.push(twice);
    let answers = sent(options(&url), &invoice()).await;
    let Said::Differs { words, .. } = &answers[0].said else {
        panic!("{answers:?}")
    };
    assert!(words.contains("2 documents have this number"), "{words}");
}

#[tokio::test]
async fn books_in_another_currency_than_the_organisation_are_kept_out() {
    let (url, maker) = organisation(Xero {
        base: "GBP",
        ..xero()
    });
    let answers = sent(options(&url), &invoice()).await;
    let Said::Unsent(told) = &answers[0].said else {
        panic!("{answers:?}")
    };
    assert!(told.contains("keeps its books in GBP"), "{told}");
    assert!(maker.lock().unwrap().journals.is_empty());
    assert!(open(options(&url)).check().await.is_ok());
    let mut elsewhere = options(&url);
    elsewhere["companies"]["eu"] = json!("another");
    assert!(open(elsewhere).check().await.is_err());
}

#[test]
fn three_tracking_categories_are_refused_at_once() {
    let mut options = options("http://127.0.0.1:9");
    options["dimensions"] = json!({ "A": "a", "B": "b", "C": "c" });
    let refused = ErpKind::find("xero")
        .unwrap()
        .open(options, &host())
        .unwrap_err();
    let source = std::error::Error::source(&refused).map(ToString::to_string);
    let told = format!("{refused}: {}", source.unwrap_or_default());
    assert!(told.contains("two tracking categories"), "{told}");
}
