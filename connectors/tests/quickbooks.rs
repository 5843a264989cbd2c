//! QuickBooks Online, as strict as its schema and its pages on errors are: unknown properties, references that are not there,
//! amounts that do not balance, numbers that are used, a closed period, and the same answer to the same request id.

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
use connectors::erp::{Answered, Delivery, ErpConnector, ErpKind, Said};
use formats::erp::ExportBatch;
use peer::{Act, Request, serve};
use reqwest::Url;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use suite::{Maker, SECRET, Subject, artifact, delivered, entry, host, secret};

const REALM: &str = "9130355371234567";

/// What the schema knows of a journal entry: `IntuitEntity`, `Transaction` and `JournalEntry` in its `Finance.xsd`.
const ENTRY: &[&str] = &[
    "Id",
    "SyncToken",
    "MetaData",
    "CustomField",
    "AttachableRef",
    "domain",
    "status",
    "sparse",
    "DocNumber",
    "TxnDate",
    "TxnSubType",
    "DepartmentRef",
    "CurrencyRef",
    "ExchangeRate",
    "PrivateNote",
    "TxnStatus",
    "LinkedTxn",
    "Line",
    "TxnTaxDetail",
    "TxnSource",
    "TaxFormType",
    "TaxFormNum",
    "TransactionLocationType",
    "Tag",
    "TxnApprovalInfo",
    "RecurDataRef",
    "RecurringInfo",
    "ProjectRef",
    "TotalCostAmount",
    "HomeTotalCostAmount",
    "Adjustment",
    "HomeCurrencyAdjustment",
    "EnteredInHomeCurrency",
    "GlobalTaxCalculation",
    "TotalAmt",
    "HomeTotalAmt",
];
const LINE: &[&str] = &[
    "Id",
    "LineNum",
    "Description",
    "Amount",
    "Received",
    "LinkedTxn",
    "DetailType",
    "JournalEntryLineDetail",
];
const DETAIL: &[&str] = &[
    "PostingType",
    "Entity",
    "AccountRef",
    "ClassRef",
    "DepartmentRef",
    "TaxCodeRef",
    "TaxRateRef",
    "TaxApplicableOn",
    "TaxAmount",
    "TaxInclusiveAmt",
    "BillableStatus",
    "JournalCodeRef",
];
const REFERENCE: &[&str] = &["value", "name", "type"];
const ENTITY: &[&str] = &["Type", "EntityRef"];

/// What it says instead of taking an entry: code, message, detail.
type Fault = (&'static str, &'static str, String);

#[derive(Clone)]
struct QuickBooks {
    entries: Vec<Value>,
    /// What was answered to a request id, which is answered again.
    answered: BTreeMap<String, (u16, String)>,
    /// Whether a number that is used is refused.
    warns: bool,
    multicurrency: bool,
    home: &'static str,
    /// The last day of the closed period.
    closed: &'static str,
    /// Queries that do not show yet what was booked last.
    lag: usize,
    /// Accounts that no entry uses.
    others: usize,
    /// What is answered to the next posts, whatever they are.
    next: Vec<(u16, Value)>,
}

fn quickbooks() -> QuickBooks {
    QuickBooks {
        entries: Vec::new(),
        answered: BTreeMap::new(),
        warns: true,
        multicurrency: false,
        home: "EUR",
        closed: "2025-12-31",
        lag: 0,
        others: 3,
        next: Vec::new(),
    }
}

fn fault_of(kind: &str, code: &str, message: &str, detail: &str) -> Value {
    json!({
        "Fault": { "Error": [{ "Message": message, "Detail": detail, "code": code, "element": "" }], "type": kind },
        "time": "2026-02-01T00:00:00.000-08:00",
    })
}

fn only(value: &Value, known: &[&str]) -> Result<(), Fault> {
    let object = value.as_object().ok_or_else(|| {
        let detail = format!("Property Name:{value} specified is unsupported or invalid");
        (
            "2010",
            "Request has invalid or unsupported property",
            detail,
        )
    })?;
    match object.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => {
            let detail = format!(
                "Property Name:Unrecognized field \"{name}\" specified is unsupported or invalid"
            );
            Err((
                "2010",
                "Request has invalid or unsupported property",
                detail,
            ))
        }
        None => Ok(()),
    }
}

fn business(detail: &str) -> Fault {
    let message = "A business validation error has occurred while processing your request";
    (
        "6000",
        message,
        format!("Business Validation Error: {detail}"),
    )
}

fn reference(value: &Value, what: &str, there: &[(String, Value)]) -> Result<Value, Fault> {
    only(value, REFERENCE)?;
    let id = value["value"].as_str().unwrap_or_default();
    let found = there.iter().find(|(known, _)| known == id);
    found.map(|(_, row)| row.clone()).ok_or_else(|| {
        let detail = format!("Invalid Reference Id : {what} element id {id} not found");
        ("2500", "Invalid Reference Id", detail)
    })
}

fn amount(value: &Value) -> Result<Decimal, Fault> {
    let Value::Number(number) = value else {
        let detail = format!("Property Name:Can not construct a decimal from {value}");
        return Err((
            "2010",
            "Request has invalid or unsupported property",
            detail,
        ));
    };
    let amount: Decimal = number.to_string().parse().unwrap();
    if amount <= Decimal::ZERO || amount.normalize().scale() > 2 {
        return Err(business(&format!("The amount {amount} is not one.")));
    }
    Ok(amount)
}

impl QuickBooks {
    fn table(&self, name: &str) -> Vec<(String, Value)> {
        let account = |id: &str, number: &str, name: &str, kind: &str, active: bool| json!({ "Id": id, "AcctNum": number, "FullyQualifiedName": name, "AccountType": kind, "Active": active });
        let named =
            |id: &str, field: &str, name: &str| json!({ "Id": id, field: name, "Active": true });
        let rows = match name {
            "Account" => {
                let mut rows = vec![account("70", "4000", "Old sales", "Income", false)];
                for other in 0..self.others {
                    let (id, number) = (format!("{}", 10_000 + other), format!("X{other}"));
                    rows.push(account(&id, &number, &number, "Expense", true));
                }
                rows.extend([
                    account(
                        "84",
                        "1200",
                        "Accounts Receivable (A/R)",
                        "Accounts Receivable",
                        true,
                    ),
                    account(
                        "83",
                        "1201",
                        "Other receivables",
                        "Accounts Receivable",
                        true,
                    ),
                    account(
                        "90",
                        "2000",
                        "Accounts Payable (A/P)",
                        "Accounts Payable",
                        true,
                    ),
                    account("85", "2100", "Taxes:VAT", "Other Current Liability", true),
                    account("86", "4000", "Sales:Access", "Income", true),
                    account("87", "5000", "Twice", "Expense", true),
                    account("88", "5000", "Twice again", "Expense", true),
                ]);
                rows
            }
            "Customer" => vec![
                named("58", "DisplayName", "C-7"),
                named("59", "DisplayName", "O'Hara \\ Sons"),
            ],
            "Vendor" => vec![named("31", "DisplayName", "Sundry vendors")],
            "Class" => vec![named("300", "FullyQualifiedName", "Europe:Nordic")],
            "Department" => vec![named("400", "FullyQualifiedName", "Main")],
            other => panic!("no table {other}"),
        };
        let id = |row: &Value| row["Id"].as_str().unwrap().to_owned();
        rows.into_iter().map(|row| (id(&row), row)).collect()
    }

    fn query(&mut self, statement: &str) -> Value {
        let rest = statement.strip_prefix("select * from ").expect(statement);
        let (table, rest) = rest.split_once(" where ").expect(statement);
        let rows: Vec<Value> = if table == "JournalEntry" {
            let hidden = usize::from(self.lag > 0);
            self.lag = self.lag.saturating_sub(1);
            let shown = self.entries.len() - hidden.min(self.entries.len());
            self.entries[..shown].to_vec()
        } else {
            self.table(table).into_iter().map(|(_, row)| row).collect()
        };
        let found: Vec<Value> =
            if let Some(paged) = rest.strip_prefix("Active in (true, false) startposition ") {
                let (start, most) = paged.split_once(" maxresults ").unwrap();
                let (start, most): (usize, usize) = (start.parse().unwrap(), most.parse().unwrap());
                assert!(most <= 1_000, "a page holds no more");
                rows.into_iter().skip(start - 1).take(most).collect()
            } else {
                let (field, literal) = rest.split_once(" = '").expect(statement);
                let literal = literal.strip_suffix('\'').expect(statement);
                let value = literal.replace("\\'", "'").replace("\\\\", "\\");
                assert_eq!(
                    literal.matches('\'').count(),
                    literal.matches("\\'").count(),
                    "{statement}"
                );
                // Texts are compared without their case.
                let is = |row: &Value| {
                    row[field]
                        .as_str()
                        .is_some_and(|text| text.eq_ignore_ascii_case(&value))
                };
                rows.into_iter().filter(is).take(100).collect()
            };
        let mut response = json!({});
        if !found.is_empty() {
            response = json!({ "startPosition": 1, "maxResults": found.len() });
            response[table] = json!(found);
        }
        json!({ "QueryResponse": response, "time": "2026-02-01T00:00:00.000-08:00" })
    }

    fn line(&self, line: &Value) -> Result<(Value, Decimal), Fault> {
        only(line, LINE)?;
        let detail = &line["JournalEntryLineDetail"];
        if line["DetailType"] != "JournalEntryLineDetail" || detail.is_null() {
            return Err((
                "2020",
                "Required param missing",
                "Required parameter DetailType is missing".to_owned(),
            ));
        }
        if line["Description"]
            .as_str()
            .is_some_and(|text| text.chars().count() > 4_000)
        {
            return Err((
                "2050",
                "String length is too long",
                "Description: max 4000".to_owned(),
            ));
        }
        only(detail, DETAIL)?;
        let account = reference(&detail["AccountRef"], "Accounts", &self.table("Account"))?;
        if account["Active"] == false {
            let detail =
                "Object Not Found : Something you're trying to use has been made inactive.";
            return Err(("610", "Object Not Found", detail.to_owned()));
        }
        for (name, table) in [("ClassRef", "Class"), ("DepartmentRef", "Department")] {
            if !detail[name].is_null() {
                reference(&detail[name], table, &self.table(table))?;
            }
        }
        let party = &detail["Entity"];
        if !party.is_null() {
            only(party, ENTITY)?;
            let kind = party["Type"].as_str().unwrap_or_default();
            reference(&party["EntityRef"], kind, &self.table(kind))?;
        }
        for (kind, wanted, words) in [
            (
                "Accounts Receivable",
                "Customer",
                "When you use Accounts Receivable, you must choose a customer in the Name field.",
            ),
            (
                "Accounts Payable",
                "Vendor",
                "When you use Accounts Payable, you must choose a vendor in the Name field.",
            ),
        ] {
            if account["AccountType"] == kind && party["Type"] != wanted {
                return Err(business(words));
            }
        }
        let amount = amount(&line["Amount"])?;
        match detail["PostingType"].as_str() {
            Some("Debit") => Ok((account, amount)),
            Some("Credit") => Ok((account, -amount)),
            _ => Err((
                "2170",
                "Invalid Enumeration",
                format!("Invalid Enumeration : {}", detail["PostingType"]),
            )),
        }
    }

    /// What it says of the entry as a whole.
    fn head(&self, entry: &Value) -> Result<(), Fault> {
        only(entry, ENTRY)?;
        let text = |name: &str| entry[name].as_str().unwrap_or_default();
        if text("DocNumber").chars().count() > 21 {
            return Err(business(
                "The Document Number field can contain at most 21 characters.",
            ));
        }
        if text("PrivateNote").chars().count() > 4_000 {
            return Err((
                "2050",
                "String length is too long",
                "PrivateNote".to_owned(),
            ));
        }
        let day: NaiveDate = text("TxnDate").parse().unwrap();
        if day.to_string().as_str() <= self.closed {
            let detail = "The account period has closed and the account books cannot be updated through Data Services.";
            return Err(("6210", "Account Period Closed", detail.to_owned()));
        }
        match (self.multicurrency, entry["CurrencyRef"]["value"].as_str()) {
            (true, None) => Err(("2020", "Required param missing", "CurrencyRef".to_owned())),
            (false, Some(_)) => Err(business(
                "Multi currency should be enabled to perform this operation.",
            )),
            _ => Ok(()),
        }
    }

    /// What it says of its lines together.
    fn balance(&self, lines: &[Value]) -> Result<(), Fault> {
        let lines = lines.iter().map(|line| self.line(line));
        let lines: Vec<(Value, Decimal)> = lines.collect::<Result<_, _>>()?;
        let is_ledger = |account: &Value| {
            let kind = account["AccountType"].as_str();
            kind.is_some_and(|kind| kind.starts_with("Accounts "))
        };
        let ledgers = lines.iter().filter(|(account, _)| is_ledger(account));
        let ledgers: BTreeSet<String> = ledgers
            .map(|(account, _)| account["Id"].to_string())
            .collect();
        if ledgers.len() > 1 {
            return Err(business(
                "You can't use more than one A/R or A/P account in the same transaction.",
            ));
        }
        let sum: Decimal = lines.iter().map(|(_, amount)| amount).sum();
        if lines.len() < 2 || sum != Decimal::ZERO {
            let detail = "Debits are not the credits".to_owned();
            return Err(("2300", "Journal Entry must balance", detail));
        }
        Ok(())
    }

    fn book(&mut self, entry: &Value) -> Result<Value, Fault> {
        self.head(entry)?;
        let lines = entry["Line"].as_array().map(Vec::as_slice);
        self.balance(lines.unwrap_or_default())?;
        let number = &entry["DocNumber"];
        let used = self.entries.iter().find(|one| one["DocNumber"] == *number);
        if let Some(other) = used.filter(|_| self.warns) {
            let detail = format!(
                "Duplicate Document Number Error : You must specify a different number. This number has already been used. DocNumber={number} is assigned to TxnType=Journal Entry with TxnId={}",
                other["Id"]
            );
            return Err(("6140", "Duplicate Document Number Error", detail));
        }
        let mut booked = entry.clone();
        booked["Id"] = json!((1_000 + self.entries.len()).to_string());
        booked["SyncToken"] = json!("0");
        booked["domain"] = json!("QBO");
        for line in booked["Line"].as_array_mut().unwrap() {
            // It answers as a double: 119.00 is 119.0.
            let amount: Decimal = line["Amount"].to_string().parse().unwrap();
            let mut amount = amount.normalize().to_string();
            if !amount.contains('.') {
                amount.push_str(".0");
            }
            line["Amount"] = serde_json::from_str(&amount).unwrap();
        }
        self.entries.push(booked.clone());
        Ok(booked)
    }

    fn post(&mut self, parameters: &BTreeMap<String, String>, request: &Request) -> (u16, String) {
        assert_eq!(request.headers["content-type"], "application/json");
        let requestid = parameters
            .get("requestid")
            .expect("each call that changes something has an id");
        assert!(requestid.chars().count() <= 50);
        if let Some(answered) = self.answered.get(requestid) {
            return answered.clone();
        }
        if let Some((status, body)) = self.next.pop() {
            return (status, body.to_string());
        }
        let entry: Value = serde_json::from_slice(&request.body).unwrap();
        let answer = match self.book(&entry) {
            Ok(booked) => (
                200,
                json!({ "JournalEntry": booked, "time": "2026-02-01T00:00:00.000-08:00" })
                    .to_string(),
            ),
            Err((code, message, detail)) => (
                400,
                fault_of("ValidationFault", code, message, &detail).to_string(),
            ),
        };
        self.answered.insert(requestid.clone(), answer.clone());
        answer
    }

    fn routed(&mut self, request: &Request) -> (u16, String) {
        let url = Url::parse(&format!("http://maker{}", request.path)).unwrap();
        let parameters: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        if request.headers.get("authorization") != Some(&format!("Bearer {SECRET}")) {
            let fault = fault_of(
                "AUTHENTICATION",
                "3200",
                "message=AuthenticationFailed; errorCode=003200; statusCode=401",
                "Token expired",
            );
            return (401, fault.to_string());
        }
        assert_eq!(request.headers["accept"], "application/json");
        assert_eq!(parameters["minorversion"], "75");
        let below = url.path().strip_prefix(&format!("/v3/company/{REALM}/"));
        match (request.method.as_str(), below) {
            ("GET", Some("preferences")) => {
                let currencies = json!({ "HomeCurrency": { "value": self.home }, "MultiCurrencyEnabled": self.multicurrency });
                (
                    200,
                    json!({ "Preferences": { "CurrencyPrefs": currencies }, "time": "now" })
                        .to_string(),
                )
            }
            ("GET", Some("query")) => (200, self.query(&parameters["query"]).to_string()),
            ("GET", Some(below)) if below == format!("companyinfo/{REALM}") => (
                200,
                json!({ "CompanyInfo": { "CompanyName": "Example" }, "time": "now" }).to_string(),
            ),
            ("POST", Some("journalentry")) => self.post(&parameters, request),
            _ => (404, "<html>no such page</html>".to_owned()),
        }
    }
}

impl Maker for QuickBooks {
    fn answer(&mut self, request: &Request) -> Act {
        let (status, body) = self.routed(request);
        Act::Answer(status, "content-type: application/json\r\n", body)
    }

    fn changes(&self, request: &Request) -> bool {
        request.method == "POST"
    }

    fn booked(&self) -> BTreeMap<String, usize> {
        let mut booked = BTreeMap::new();
        for entry in &self.entries {
            *booked
                .entry(entry["DocNumber"].as_str().unwrap().to_owned())
                .or_default() += 1;
        }
        booked
    }

    fn falsify(&mut self) {
        self.entries[0]["Line"][0]["Amount"] = json!(1);
    }
}

fn options(url: &str) -> Value {
    json!({
        "url": url, "auth": { "bearer": secret() }, "companies": { "eu": REALM },
        "accounts": { "tax-payable": "2100" },
        "customer": { "dimension": "customer" }, "vendor": { "default": "Sundry vendors" },
    })
}

#[tokio::test]
async fn a_call_that_is_late_and_two_at_once_book_once() {
    suite::is_booked_once_whoever_is_late(Subject {
        kind: "quickbooks",
        options,
        maker: || QuickBooks {
            warns: false,
            ..quickbooks()
        },
        unknown_account: "",
        foreign: false,
    })
    .await;
}

#[tokio::test]
async fn the_contract_is_kept_where_numbers_are_warned_of_and_currencies_are_kept() {
    suite::keeps_the_contract(Subject {
        kind: "quickbooks",
        options: |url| {
            let mut options = options(url);
            options["multicurrency"] = json!(true);
            options
        },
        maker: || QuickBooks {
            multicurrency: true,
            ..quickbooks()
        },
        unknown_account: "no active account of the company has the number `9999`",
        foreign: true,
    })
    .await;
}

#[tokio::test]
async fn the_contract_is_kept_where_a_number_may_be_used_twice_and_accounts_go_by_id() {
    suite::keeps_the_contract(Subject {
        kind: "quickbooks",
        options: |url| {
            let mut options = options(url);
            options["accounts_by"] = json!("id");
            options["accounts"] =
                json!({ "tax-payable": "85", "accounts-receivable": "84", "revenue-access": "86" });
            options
        },
        maker: || QuickBooks {
            warns: false,
            ..quickbooks()
        },
        unknown_account: "no active account of the company has the id `9999`",
        foreign: true,
    })
    .await;
}

/// A company behind HTTP, and what it holds.
fn company(maker: QuickBooks) -> (String, Arc<Mutex<QuickBooks>>) {
    let shared = Arc::new(Mutex::new(maker));
    let serving = Arc::clone(&shared);
    (
        serve(move |request| serving.lock().unwrap().answer(request)),
        shared,
    )
}

fn open(options: Value) -> Box<dyn ErpConnector> {
    ErpKind::find("quickbooks")
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
    let connector = open(options("http://127.0.0.1:9"));
    let bytes = artifact(connector.as_ref(), &invoice()).bytes;
    assert_eq!(
        String::from_utf8(bytes).unwrap(),
        concat!(
            r#"{"document":"eu-2026-000041","company":"9130355371234567","date":"2026-01-15","#,
            r#""lines":[["1200","119.00"],["4000","-100.00"],["2100","-19.00"]],"#,
            r#""body":{"home":"EUR","lines":["#,
            r#"{"account":"1200","amount":"119.00","customer":"C-7","description":"an invoice","posting":"Debit","vendor":"Sundry vendors"},"#,
            r#"{"account":"4000","amount":"100.00","customer":"C-7","description":"an invoice","posting":"Credit","vendor":"Sundry vendors"},"#,
            r#"{"account":"2100","amount":"19.00","customer":"C-7","description":"an invoice","posting":"Credit","vendor":"Sundry vendors"}],"#,
            r#""note":"INV-41 an invoice","requestid":"c456480b-7737-8c4c-adbb-b836ba3c7f95"}}"#,
            "\n"
        )
    );
}

#[tokio::test]
async fn an_entry_arrives_as_the_schema_wants_it() {
    let (url, maker) = company(QuickBooks {
        multicurrency: true,
        ..quickbooks()
    });
    let mut options = options(&url);
    options["multicurrency"] = json!(true);
    options["dimensions"] = json!({ "class": "segment", "department": "place" });
    let mut yen = entry(
        44,
        "yen",
        &[
            ("debit", "accounts-receivable", "12000 JPY = 9600.00 EUR"),
            ("credit", "revenue-access", "12000 JPY = 9600.00 EUR"),
        ],
    );
    yen["lines"][1]["dimensions"] = json!({ "segment": "Europe:Nordic", "place": "Main" });
    acknowledged(&sent(options, &batch("books", &json!([yen]))).await);
    let maker = maker.lock().unwrap();
    let booked = &maker.entries[0];
    assert_eq!(booked["DocNumber"], "eu-2026-000044");
    assert_eq!(booked["CurrencyRef"], json!({ "value": "JPY" }));
    assert_eq!(booked["ExchangeRate"].to_string(), "0.8");
    let detail = |line: usize| &booked["Line"][line]["JournalEntryLineDetail"];
    assert_eq!(
        detail(0)["Entity"],
        json!({ "Type": "Customer", "EntityRef": { "value": "58" } })
    );
    assert_eq!(detail(0)["AccountRef"], json!({ "value": "84" }));
    assert!(detail(1)["Entity"].is_null(), "revenue is for nobody");
    assert_eq!(detail(1)["ClassRef"], json!({ "value": "300" }));
    assert_eq!(detail(1)["DepartmentRef"], json!({ "value": "400" }));
}

#[tokio::test]
async fn a_closed_period_is_refused_in_its_words_until_it_is_open() {
    let (url, maker) = company(QuickBooks {
        closed: "2026-01-31",
        ..quickbooks()
    });
    refused(
        &sent(options(&url), &invoice()).await,
        "Account Period Closed",
    );
    maker.lock().unwrap().closed = "2025-12-31";
    // To the same call it says the same, as its documents have it; another batch is another call.
    refused(&sent(options(&url), &invoice()).await, "code 6210");
    let released = ExportBatch {
        id: "019c1cef-bf00-709e-9a51-000000000000".into(),
        ..invoice()
    };
    acknowledged(&sent(options(&url), &released).await);
    assert_eq!(
        maker.lock().unwrap().booked(),
        BTreeMap::from([("eu-2026-000041".to_owned(), 1)])
    );
}

enum Then {
    Refused(&'static str),
    Unsent(&'static str),
    Acknowledged,
}

/// What may be answered to an entry, and what becomes of it then.
fn answers() -> Vec<(u16, Value, Then)> {
    let validation =
        |code, message, detail: &str| fault_of("ValidationFault", code, message, detail);
    let used = "Duplicate Document Number Error : You must specify a different number. DocNumber=eu-2026-000041 is assigned to TxnType=Invoice with TxnId=45";
    let ended = "Subscription period has ended or canceled";
    let rights = fault_of(
        "AuthorizationFault",
        "3100",
        "ApplicationFailed",
        "no rights",
    );
    let system = fault_of(
        "SystemFault",
        "10000",
        "An application error",
        "System Failure",
    );
    vec![
        (
            200,
            validation("2500", "Invalid Reference Id", "Invalid Reference Id : 9"),
            Then::Refused("Invalid Reference Id : 9 (code 2500)"),
        ),
        (
            400,
            validation("6140", "Duplicate Document Number Error", used),
            Then::Refused("TxnType=Invoice"),
        ),
        (
            400,
            validation("6190", "Invalid Company Status", ended),
            Then::Unsent("Subscription"),
        ),
        (403, rights, Then::Unsent("no rights")),
        (400, system, Then::Acknowledged),
        (200, json!({ "time": "now" }), Then::Acknowledged),
        (500, json!("<html>"), Then::Acknowledged),
    ]
}

#[tokio::test]
async fn a_fault_is_understood_whatever_its_status() {
    for (status, body, then) in answers() {
        let said = format!("{status} {body}");
        let (url, maker) = company(QuickBooks {
            next: vec![(status, body)],
            ..quickbooks()
        });
        let answers = sent(options(&url), &invoice()).await;
        match (then, &answers[0].said) {
            (Then::Refused(words), Said::Refused(told))
            | (Then::Unsent(words), Said::Unsent(told)) => {
                assert!(told.contains(words), "{said}: {told}");
                assert!(maker.lock().unwrap().entries.is_empty(), "{said}");
            }
            // Nobody knew, so it was looked for and handed over again.
            (Then::Acknowledged, Said::Acknowledged { .. }) => {
                assert_eq!(maker.lock().unwrap().entries.len(), 1, "{said}");
            }
            (_, told) => panic!("{said}: {told:?}"),
        }
    }
}

#[tokio::test]
async fn what_is_shown_late_is_there_once() {
    for lag in 1..4 {
        for warns in [true, false] {
            let (url, maker) = company(QuickBooks {
                lag: lag + 1,
                warns,
                ..quickbooks()
            });
            acknowledged(&sent(options(&url), &invoice()).await);
            assert_eq!(maker.lock().unwrap().entries.len(), 1);
        }
    }
}

#[tokio::test]
async fn books_in_another_currency_than_the_company_are_kept_out() {
    for (maker, words) in [
        (
            QuickBooks {
                home: "USD",
                ..quickbooks()
            },
            "keeps its books in USD",
        ),
        (
            QuickBooks {
                multicurrency: true,
                ..quickbooks()
            },
            "`multicurrency: true`",
        ),
    ] {
        let (url, maker) = company(maker);
        let answers = sent(options(&url), &invoice()).await;
        let Said::Unsent(told) = &answers[0].said else {
            panic!("{answers:?}")
        };
        assert!(told.contains(words), "{told}");
        assert!(maker.lock().unwrap().entries.is_empty());
    }
}

#[tokio::test]
async fn receivables_are_for_somebody() {
    let (url, maker) = company(quickbooks());
    let mut options = options(&url);
    options["customer"] = json!({});
    refused(
        &sent(options.clone(), &invoice()).await,
        "you must choose a customer in the Name field",
    );
    options["customer"] = json!({ "dimension": "customer", "default": "nobody" });
    let mut stranger = invoice();
    stranger = ExportBatch {
        id: "019c1cef-bf00-709e-9a51-000000000001".into(),
        ..stranger
    };
    acknowledged(&sent(options.clone(), &stranger).await);
    options["customer"] = json!({ "default": "O'Hara \\ Sons" });
    let other = batch(
        "books",
        &json!([entry(
            42,
            "text",
            &[
                ("debit", "accounts-receivable", "1.00 EUR"),
                ("credit", "revenue-access", "1.00 EUR"),
            ]
        )]),
    );
    acknowledged(&sent(options.clone(), &other).await);
    assert_eq!(
        maker.lock().unwrap().entries[1]["Line"][0]["JournalEntryLineDetail"]["Entity"]["EntityRef"]
            ["value"],
        "59"
    );
    options["customer"] = json!({ "default": "nobody" });
    let third = batch(
        "books",
        &json!([entry(
            43,
            "text",
            &[
                ("debit", "accounts-receivable", "1.00 EUR"),
                ("credit", "revenue-access", "1.00 EUR"),
            ]
        )]),
    );
    refused(
        &sent(options, &third).await,
        "there is no customer `nobody`",
    );
}

#[tokio::test]
async fn accounts_are_found_on_every_page_and_never_guessed() {
    let (url, _maker) = company(QuickBooks {
        others: 1_500,
        ..quickbooks()
    });
    let mut by_number = options(&url);
    acknowledged(&sent(by_number.clone(), &invoice()).await);
    by_number["accounts"]["tax-payable"] = json!("5000");
    let other = ExportBatch {
        id: "019c1cef-bf00-709e-9a51-000000000001".into(),
        ..invoice()
    };
    let answers = sent(by_number, &other).await;
    assert!(
        matches!(answers[0].said, Said::Differs { .. }),
        "it is there already: {answers:?}"
    );
    let (url, _maker) = company(quickbooks());
    let mut by_number = options(&url);
    by_number["accounts"]["tax-payable"] = json!("5000");
    refused(&sent(by_number, &other).await, "several accounts");
    let mut by_name = options(&url);
    by_name["accounts_by"] = json!("name");
    by_name["accounts"] = json!({
        "tax-payable": "Taxes:VAT", "accounts-receivable": "Accounts Receivable (A/R)", "revenue-access": "Sales:Access",
    });
    acknowledged(&sent(by_name, &invoice()).await);
}

#[test]
fn a_number_that_it_cannot_hold_is_refused_and_never_cut() {
    let connector = open(json!({
        "url": "http://127.0.0.1:9", "auth": { "bearer": secret() },
        "companies": { "a-long-name-of-an-entity": REALM },
    }));
    let mut long = entry(
        1,
        "text",
        &[
            ("debit", "accounts-receivable", "1.00 EUR"),
            ("credit", "revenue-access", "1.00 EUR"),
        ],
    );
    long["entity"] = json!("a-long-name-of-an-entity");
    let refused = connector.render(&batch("books", &json!([long])), &mut Vec::new());
    assert!(refused.unwrap_err().to_string().contains("DocNumber"));
}

#[tokio::test]
async fn a_check_leaves_nothing_and_says_what_is_wrong() {
    let (url, maker) = company(quickbooks());
    open(options(&url)).check().await.unwrap();
    assert!(maker.lock().unwrap().entries.is_empty());
    let mut elsewhere = options(&url);
    elsewhere["companies"]["eu"] = json!("1");
    assert!(open(elsewhere).check().await.is_err());
    let nobody = serve(|_request| Act::Answer(200, "", "<html>welcome</html>".into()));
    let connector = open(options(&nobody));
    assert!(connector.check().await.is_err());
    let artifact = artifact(connector.as_ref(), &invoice());
    let Delivery::Documents(answers) = connector.deliver(&artifact, "{}").await.unwrap() else {
        panic!()
    };
    assert!(matches!(answers[0].said, Said::Unknown(_)), "{answers:?}");
}
