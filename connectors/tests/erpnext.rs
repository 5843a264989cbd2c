//! Entries into an ERPNext of the tests' own, as strict as its doctypes and the code that validates them: what it saves as a draft,
//! what it refuses only when it is submitted, what it does in the background.

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

use common::{batch, case, fixtures};
use connectors::erp::{Answered, Delivery, ErpKind, Said};
use formats::erp::{Artifact, ExportBatch};
use peer::{Act, Request, serve};
use reqwest::Url;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use suite::{Maker, SECRET, Subject};

/// The fields of Journal Entry that may be set, with the lengths of those that are Data.
const ENTRY: [(&str, usize); 11] = [
    ("accounts", 0),
    ("cheque_date", 0),
    ("cheque_no", 140),
    ("company", 0),
    ("custom_number", 140),
    ("docstatus", 0),
    ("multi_currency", 0),
    ("naming_series", 0),
    ("posting_date", 0),
    ("user_remark", 0),
    ("voucher_type", 0),
];

/// The fields of Journal Entry Account that may be set.
const ROW: [&str; 9] = [
    "account",
    "cost_center",
    "credit_in_account_currency",
    "debit_in_account_currency",
    "exchange_rate",
    "party",
    "party_type",
    "project",
    "user_remark",
];

/// Accounts: number, name, type, currency.
const ACCOUNTS: [(&str, &str, &str, &str); 4] = [
    ("1200", "1200 - Debtors - EX", "Receivable", "EUR"),
    ("1216", "1216 - Bank USD - EX", "Bank", "USD"),
    ("2100", "2100 - VAT - EX", "Tax", "EUR"),
    ("4000", "4000 - Sales - EX", "Income Account", "EUR"),
];

/// A refusal: a kind of exception and what it says.
type Refusal = (&'static str, String);

#[derive(Default)]
struct Site {
    entries: Vec<Value>,
    named: usize,
    /// Whether `custom_number` is unique.
    is_unique: bool,
    frozen_upto: Option<&'static str>,
    /// Entries that the background is to submit, and how often they are still looked at before it does.
    queue: Vec<(String, usize)>,
    /// Whether there is a Submission Queue, which came later than comments.
    has_queue: bool,
    failed: Vec<(String, String)>,
    /// How often it still shows no entry that it has.
    hidden: usize,
}

impl Site {
    fn of(&mut self, name: &str) -> Option<&mut Value> {
        self.entries.iter_mut().find(|entry| entry["name"] == name)
    }

    fn asked(&mut self, request: &Request) -> (u16, Value) {
        let given = request.headers.get("authorization").cloned();
        let known = "Basic a2V5OnMzY3JldC10aGF0LW5vYm9keS1zaG93cw==";
        if given.as_deref() != Some(known) {
            return (401, json!({ "exc_type": "AuthenticationError" }));
        }
        let url = Url::parse(&format!("http://site{}", request.path)).unwrap();
        let path = percent(url.path());
        let asked: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        let body = || serde_json::from_slice::<Value>(&request.body).unwrap();
        match (request.method.as_str(), path.as_str()) {
            ("GET", "/api/method/frappe.auth.get_logged_user") => {
                (200, json!({ "message": "tieout@example.com" }))
            }
            ("POST", "/api/method/frappe.client.submit") => {
                let entry = serde_json::from_str(body()["doc"].as_str().unwrap()).unwrap();
                self.submit(&entry)
                    .map_or_else(refused, |entry| (200, json!({ "message": entry })))
            }
            ("POST", "/api/resource/Journal Entry") => self
                .save(body())
                .map_or_else(refused, |entry| (200, json!({ "data": entry }))),
            ("GET", path) => match path.strip_prefix("/api/resource/") {
                Some(rest) => match rest.split_once('/') {
                    Some(("Journal Entry", name)) => self.read(name),
                    _ => self.list(rest, &asked),
                },
                None => (404, json!({ "exc_type": "DoesNotExistError" })),
            },
            ("DELETE", path) => {
                let name = path.strip_prefix("/api/resource/Journal Entry/").unwrap();
                self.delete(name)
            }
            _ => (404, json!({ "exc_type": "DoesNotExistError" })),
        }
    }

    fn read(&mut self, name: &str) -> (u16, Value) {
        self.work(name);
        match self.of(name) {
            Some(entry) => (200, json!({ "data": entry })),
            None => (404, json!({ "exc_type": "DoesNotExistError" })),
        }
    }

    /// What the background does meanwhile.
    fn work(&mut self, name: &str) {
        let Some(place) = self.queue.iter().position(|(queued, _)| queued == name) else {
            return;
        };
        if self.queue[place].1 > 0 {
            self.queue[place].1 -= 1;
            return;
        }
        self.queue.remove(place);
        let entry = self.of(name).unwrap().clone();
        match self.checked(&entry) {
            Ok(()) => self.of(name).unwrap()["docstatus"] = json!(1),
            Err((_, words)) => self.failed.push((name.to_owned(), words)),
        }
    }

    fn list(&mut self, doctype: &str, asked: &BTreeMap<String, String>) -> (u16, Value) {
        let filters: Vec<(String, String, Value)> =
            serde_json::from_str(&asked["filters"]).unwrap();
        let fields: Vec<String> = serde_json::from_str(&asked["fields"]).unwrap();
        let all: Vec<Value> = match doctype {
            "Company" => vec![json!({ "name": "Example GmbH", "default_currency": "EUR" })],
            "Account" => ACCOUNTS
                .iter()
                .map(|(number, name, ..)| {
                    json!({ "name": name, "account_number": number, "company": "Example GmbH" })
                })
                .collect(),
            "Journal Entry" if self.hidden > 0 => {
                self.hidden -= 1;
                Vec::new()
            }
            "Journal Entry" => self.entries.clone(),
            "Comment" if !self.has_queue => self
                .failed
                .iter()
                .map(|(name, words)| {
                    json!({ "reference_doctype": "Journal Entry", "reference_name": name,
                        "content": format!("Action Failed<br><br>{words}") })
                })
                .collect(),
            "Comment" => Vec::new(),
            "Submission Queue" if self.has_queue => {
                let row = |name: &String, status: &str, told: &str| {
                    json!({ "ref_doctype": "Journal Entry", "ref_docname": name, "status": status, "exception": told })
                };
                let queued = self.queue.iter().map(|(name, _)| row(name, "Queued", ""));
                let failed = self.failed.iter().map(|(name, words)| {
                    let told = format!("Traceback (most recent call last):\n  File \"x.py\"\nfrappe.exceptions.ValidationError: {words}\n");
                    row(name, "Failed", &told)
                });
                queued.chain(failed).collect()
            }
            _ => return (404, json!({ "exc_type": "DoesNotExistError" })),
        };
        let fits = |row: &Value| {
            filters.iter().all(|(field, operator, value)| {
                let (own, value) = (row[field].as_str().unwrap_or(""), value.as_str().unwrap());
                match operator.as_str() {
                    // The database compares texts without their case.
                    "=" => own.to_lowercase() == value.to_lowercase(),
                    "like" => own.starts_with(value.trim_end_matches('%')),
                    other => panic!("{other}"),
                }
            })
        };
        let shown = all.iter().filter(|row| fits(row)).map(|row| {
            if fields == ["*"] {
                return row.clone();
            }
            let kept = fields
                .iter()
                .map(|field| (field.clone(), row[field].clone()));
            Value::Object(kept.collect::<Map<_, _>>())
        });
        (200, json!({ "data": shown.collect::<Vec<_>>() }))
    }

    fn save(&mut self, body: Value) -> Result<Value, Refusal> {
        let mut entry = body;
        for (field, value) in entry.as_object().unwrap() {
            let known = ENTRY.iter().find(|(name, _)| name == field);
            let (_, length) = known.unwrap_or_else(|| panic!("{field} is no field"));
            let long = value.as_str().map_or(0, |text| text.chars().count());
            if *length > 0 && long > *length {
                let words =
                    format!("{field} will get truncated, as max characters allowed is {length}");
                return Err(("CharacterLengthExceededError", words));
            }
        }
        for field in ["voucher_type", "company", "posting_date"] {
            if entry[field].as_str().unwrap_or("").is_empty() {
                let words = format!("Error: Value missing for Journal Entry: {field}");
                return Err(("MandatoryError", words));
            }
        }
        self.linked(&entry)?;
        validated(&mut entry)?;
        let number = entry["custom_number"].clone();
        let has = |other: &Value| other["custom_number"] == number;
        if self.is_unique && number.is_string() && self.entries.iter().any(has) {
            return Err(("UniqueValidationError", "Number must be unique".to_owned()));
        }
        self.named += 1;
        entry["name"] = json!(format!("ACC-JV-2026-{:05}", self.named));
        entry["docstatus"] = json!(0);
        entry["modified"] = json!(format!("2026-02-01 08:00:00.{:06}", self.named));
        self.entries.push(entry.clone());
        Ok(entry)
    }

    fn linked(&self, entry: &Value) -> Result<(), Refusal> {
        let not_found =
            |what: String| Err(("LinkValidationError", format!("Could not find {what}")));
        if entry["company"] != "Example GmbH" {
            return not_found(format!("Company: {}", entry["company"].as_str().unwrap()));
        }
        for (place, row) in entry["accounts"].as_array().unwrap().iter().enumerate() {
            for field in row.as_object().unwrap().keys() {
                assert!(
                    ROW.contains(&field.as_str()),
                    "{field} is no field of a row"
                );
            }
            let account = row["account"].as_str().unwrap();
            if !ACCOUNTS.iter().any(|(_, name, ..)| *name == account) {
                return not_found(format!("Row #{}: Account: <b>{account}</b>", place + 1));
            }
            let party = row["party"].as_str();
            if let Some(party) = party.filter(|party| !["C-7", "Sundry"].contains(party)) {
                return not_found(format!("Row #{}: Party: {party}", place + 1));
            }
        }
        Ok(())
    }

    fn submit(&mut self, sent: &Value) -> Result<Value, Refusal> {
        assert_eq!(sent["doctype"], "Journal Entry");
        let name = sent["name"].as_str().unwrap().to_owned();
        let Some(entry) = self.of(&name).map(|entry| entry.clone()) else {
            return Err((
                "DoesNotExistError",
                format!("Journal Entry {name} not found"),
            ));
        };
        if self.queue.iter().any(|(queued, _)| *queued == name) {
            let words = "This document is currently locked and queued for execution. Please try again after some time.";
            return Err(("DocumentLockedError", words.to_owned()));
        }
        if entry["modified"] != sent["modified"] {
            return Err((
                "TimestampMismatchError",
                "has been modified after you have opened it".to_owned(),
            ));
        }
        if entry["accounts"].as_array().unwrap().len() > 100 {
            self.queue.push((name, 2));
            return Ok(entry);
        }
        self.checked(&entry)?;
        let entry = self.of(&name).unwrap();
        entry["docstatus"] = json!(1);
        entry["modified"] = json!(format!("{} submitted", entry["modified"].as_str().unwrap()));
        Ok(entry.clone())
    }

    /// What is looked at only when an entry is submitted.
    fn checked(&self, entry: &Value) -> Result<(), Refusal> {
        let rows = entry["accounts"].as_array().unwrap();
        let sum = |field: &str| rows.iter().map(|row| exact(&row[field])).sum::<Decimal>();
        let difference = sum("debit") - sum("credit");
        if !difference.is_zero() {
            let words = format!(
                "Total Debit must be equal to Total Credit. The difference is {difference}"
            );
            return Err(("ValidationError", words));
        }
        let on = entry["posting_date"].as_str().unwrap();
        match self.frozen_upto {
            Some(upto) if on <= upto => {
                let words = format!(
                    "You are not authorized to add or update entries before <strong>{upto}</strong>"
                );
                Err(("ValidationError", words))
            }
            _ => Ok(()),
        }
    }

    fn delete(&mut self, name: &str) -> (u16, Value) {
        match self.of(name).map(|entry| entry["docstatus"].clone()) {
            None => (404, json!({ "exc_type": "DoesNotExistError" })),
            Some(status) if status == 1 => {
                let words = format!("Journal Entry {name}: Submitted Record cannot be deleted.");
                refused(("ValidationError", words))
            }
            Some(_) => {
                self.entries.retain(|entry| entry["name"] != name);
                (202, json!({ "data": "ok" }))
            }
        }
    }
}

/// A refusal as the framework answers it.
fn refused((kind, words): Refusal) -> (u16, Value) {
    let status = match kind {
        "DoesNotExistError" => 404,
        _ => 417,
    };
    let message = json!({ "message": words, "title": "Message", "indicator": "red" }).to_string();
    let said = json!({
        "exception": format!("frappe.exceptions.{kind}: {words}"), "exc_type": kind,
        "exc": "[\"Traceback (most recent call last): secret paths\"]",
        "_server_messages": json!([message]).to_string(),
    });
    (status, said)
}

/// What is validated, and computed, whenever an entry is saved.
fn validated(entry: &mut Value) -> Result<(), Refusal> {
    let refuse = |words: String| Err(("ValidationError", words));
    let has_currencies = entry["multi_currency"] == 1;
    let (has_number, has_date) = (
        entry["cheque_no"].is_string(),
        entry["cheque_date"].is_string(),
    );
    let rows = entry["accounts"].as_array_mut().unwrap();
    for (place, row) in rows.iter_mut().enumerate() {
        let name = row["account"].as_str().unwrap().to_owned();
        let (.., kind, currency) = ACCOUNTS.iter().find(|(_, own, ..)| *own == name).unwrap();
        let place = place + 1;
        if *kind == "Receivable" && (row["party_type"] != "Customer" || !row["party"].is_string()) {
            return refuse(format!(
                "Row {place}: Party Type and Party is required for Receivable / Payable account {name}"
            ));
        }
        if *currency != "EUR" && !has_currencies {
            let words = "Please check Multi Currency option to allow accounts with other currency";
            return refuse(words.to_owned());
        }
        let rate = match (*currency, &row["exchange_rate"]) {
            ("EUR", _) => Decimal::ONE,
            (_, rate) if exact(rate).is_zero() || exact(rate) == Decimal::ONE => {
                return refuse(format!("Row {place}: Exchange Rate is mandatory"));
            }
            (_, rate) => exact(rate),
        };
        assert!(rate.scale() <= 9, "a rate has 9 decimals");
        for side in ["debit", "credit"] {
            let given = row[format!("{side}_in_account_currency")].clone();
            assert!(
                given.is_null() || given.is_number(),
                "an amount is a number"
            );
            let made = (exact(&given) * rate)
                .round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
            row[side] = float(made);
            row[format!("{side}_in_account_currency")] = float(exact(&given));
        }
        if exact(&row["debit"]).is_zero() == exact(&row["credit"]).is_zero() {
            return refuse(format!(
                "Row {place}: Both Debit and Credit values cannot be zero"
            ));
        }
    }
    if rows.is_empty() {
        return refuse("Accounts table cannot be blank.".to_owned());
    }
    if has_number && !has_date {
        return Err(("MandatoryError", "Please enter Reference date".to_owned()));
    }
    // Nobody may believe them.
    entry["total_debit"] = json!(0.1);
    entry["total_credit"] = json!(0.2);
    Ok(())
}

/// A decimal as the framework writes it: a float with a point.
fn float(amount: Decimal) -> Value {
    let text = amount.normalize().to_string();
    let text = if text.contains('.') {
        text
    } else {
        format!("{text}.0")
    };
    serde_json::from_str(&text).unwrap()
}

fn exact(value: &Value) -> Decimal {
    value
        .as_number()
        .map_or(Decimal::ZERO, |number| number.to_string().parse().unwrap())
}

fn percent(path: &str) -> String {
    let query = format!("http://site/?p={}", path.replace('+', "%2B"));
    let url = Url::parse(&query).unwrap();
    url.query_pairs().next().unwrap().1.into_owned()
}

impl Maker for Site {
    fn answer(&mut self, request: &Request) -> Act {
        if request
            .headers
            .get("accept")
            .is_none_or(|kind| kind != "application/json")
        {
            return Act::Answer(500, "", "<html>a page</html>".into());
        }
        let (status, body) = self.asked(request);
        Act::Answer(status, "", body.to_string())
    }

    fn changes(&self, request: &Request) -> bool {
        request.method != "GET"
    }

    fn booked(&self) -> BTreeMap<String, usize> {
        let mut booked = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| entry["docstatus"] == 1) {
            let number = entry["cheque_no"].as_str().unwrap().to_owned();
            *booked.entry(number).or_default() += 1;
        }
        booked
    }

    fn leftovers(&self) -> usize {
        self.entries
            .iter()
            .filter(|entry| entry["docstatus"] == 0)
            .count()
    }

    fn falsify(&mut self) {
        self.entries[0]["accounts"][0]["debit"] = float(Decimal::new(11_901, 2));
    }
}

fn options(url: &str) -> Value {
    json!({
        "url": url, "auth": { "basic": { "user": "key", "password": suite::secret() } },
        "companies": { "eu": "Example GmbH" },
        "accounts": { "accounts-receivable": "1200", "revenue-access": "4000", "tax-payable": "2100", "cash-usd": "1216 - Bank USD - EX" },
        "currencies": { "cash-usd": "USD" },
        "parties": { "accounts-receivable": { "type": "Customer", "dimension": "customer", "default": "Sundry" } },
    })
}

#[tokio::test]
async fn journal_entries_keep_the_contract() {
    suite::keeps_the_contract(Subject {
        kind: "erpnext",
        options,
        maker: Site::default,
        unknown_account: "Could not find Row #3: Account: 9999",
        foreign: true,
    })
    .await;
}

/// A site of the test's own, and its address.
fn site(site: Site) -> (Arc<Mutex<Site>>, String) {
    let site = Arc::new(Mutex::new(site));
    let serving = Arc::clone(&site);
    let url = serve(move |request| serving.lock().unwrap().answer(request));
    (site, url)
}

async fn delivered(options: Value, batch: &ExportBatch) -> Vec<Answered> {
    let connector = ErpKind::find("erpnext")
        .unwrap()
        .open(options, &suite::host())
        .unwrap();
    let mut bytes = Vec::new();
    connector.render(batch, &mut bytes).unwrap();
    let name = connector.name(batch);
    match connector
        .deliver(&Artifact { name, bytes }, "{}")
        .await
        .unwrap()
    {
        Delivery::Documents(answers) => answers,
        other => panic!("{other:?}"),
    }
}

fn entry(id: i64, lines: &Value) -> Value {
    json!({
        "id": id, "entity": "eu", "period": "2026-01", "date": "2026-01-15", "kind": "original",
        "reference": format!("INV-{id}"), "description": "", "functional": "EUR", "lines": lines,
    })
}

fn sale(id: i64) -> Value {
    entry(
        id,
        &json!([
            { "debit": "accounts-receivable", "amount": "119.00 EUR" },
            { "credit": "revenue-access", "amount": "100.00 EUR" },
            { "credit": "tax-payable", "amount": "19.00 EUR" },
        ]),
    )
}

/// Of two hundred rows.
fn long(id: i64) -> Value {
    let row = |place: u32| {
        let side = if place.is_multiple_of(2) {
            "debit"
        } else {
            "credit"
        };
        json!({ side: "revenue-access", "amount": "1.00 EUR" })
    };
    entry(id, &json!((0..200).map(row).collect::<Vec<_>>()))
}

fn one(answers: &[Answered]) -> &Said {
    let [answer] = answers else {
        panic!("{answers:?}")
    };
    &answer.said
}

fn acknowledged(answers: &[Answered]) -> bool {
    matches!(one(answers), Said::Acknowledged { .. })
}

fn refusal(answers: &[Answered]) -> &str {
    match one(answers) {
        Said::Refused(words) => words,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_frozen_period_is_refused_in_its_words_and_leaves_no_draft() {
    let (site, url) = site(Site {
        frozen_upto: Some("2026-01-31"),
        ..Site::default()
    });
    let sales = batch("books", &json!([sale(1)]));
    let answers = delivered(options(&url), &sales).await;
    assert_eq!(
        refusal(&answers),
        "You are not authorized to add or update entries before 2026-01-31"
    );
    assert_eq!(site.lock().unwrap().entries.len(), 0);
    site.lock().unwrap().frozen_upto = None;
    assert!(acknowledged(&delivered(options(&url), &sales).await));
}

#[tokio::test]
async fn what_is_long_is_submitted_in_the_background_and_waited_for() {
    for has_queue in [true, false] {
        let (site, url) = site(Site {
            has_queue,
            ..Site::default()
        });
        let answers = delivered(options(&url), &batch("books", &json!([long(1)]))).await;
        assert!(acknowledged(&answers), "{answers:?}");
        let site = site.lock().unwrap();
        assert_eq!((site.booked().len(), site.leftovers()), (1, 0));
    }
}

#[tokio::test]
async fn what_the_background_refuses_is_told_in_its_words() {
    for has_queue in [true, false] {
        let frozen_upto = Some("2026-01-31");
        let (site, url) = site(Site {
            frozen_upto,
            has_queue,
            ..Site::default()
        });
        let answers = delivered(options(&url), &batch("books", &json!([long(1)]))).await;
        let words = "You are not authorized to add or update entries before 2026-01-31";
        assert!(refusal(&answers).ends_with(words), "{answers:?}");
        assert_eq!(site.lock().unwrap().entries.len(), 0);
    }
}

#[tokio::test]
async fn what_is_in_the_background_already_is_waited_for() {
    for has_queue in [true, false] {
        let (site, url) = site(Site {
            has_queue,
            ..Site::default()
        });
        let batch = batch("books", &json!([long(1)]));
        // Whoever handed it over died before it was done.
        let connector = ErpKind::find("erpnext").unwrap();
        let connector = connector.open(options(&url), &suite::host()).unwrap();
        let mut bytes = Vec::new();
        connector.render(&batch, &mut bytes).unwrap();
        let line: Value = serde_json::from_slice(&bytes).unwrap();
        let mut body = line["body"].clone();
        body.as_object_mut().unwrap().remove("currency");
        body.as_object_mut().unwrap().remove("currency");
        for row in body["accounts"].as_array_mut().unwrap() {
            row["account"] = json!("4000 - Sales - EX");
        }
        {
            let mut site = site.lock().unwrap();
            let mut entry = site.save(body).unwrap();
            entry["doctype"] = json!("Journal Entry");
            site.submit(&entry).unwrap();
        }
        assert!(acknowledged(&delivered(options(&url), &batch).await));
        let site = site.lock().unwrap();
        assert_eq!((site.entries.len(), site.leftovers()), (1, 0));
    }
}

/// The draft of an entry as the connector would save it.
fn draft(site: &Mutex<Site>, url: &str, entry: &Value, net: &str) {
    let connector = ErpKind::find("erpnext").unwrap();
    let connector = connector.open(options(url), &suite::host()).unwrap();
    let mut bytes = Vec::new();
    connector
        .render(&batch("books", &json!([entry])), &mut bytes)
        .unwrap();
    let line: Value = serde_json::from_slice(&bytes).unwrap();
    let mut body = line["body"].clone();
    body.as_object_mut().unwrap().remove("currency");
    let names = [
        "1200 - Debtors - EX",
        "4000 - Sales - EX",
        "2100 - VAT - EX",
    ];
    for (row, name) in body["accounts"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .zip(names)
    {
        row["account"] = json!(name);
    }
    body["accounts"][1]["credit_in_account_currency"] = serde_json::from_str(net).unwrap();
    site.lock().unwrap().save(body).unwrap();
}

#[tokio::test]
async fn drafts_that_late_calls_leave_are_taken_away() {
    let (site, url) = site(Site::default());
    let sales = batch("books", &json!([sale(1)]));
    for _ in 0..3 {
        draft(&site, &url, &sale(1), "100.00");
    }
    assert!(acknowledged(&delivered(options(&url), &sales).await));
    assert_eq!(site.lock().unwrap().entries.len(), 1);
    // One more, after it was booked.
    draft(&site, &url, &sale(1), "100.00");
    assert!(acknowledged(&delivered(options(&url), &sales).await));
    assert_eq!(site.lock().unwrap().entries.len(), 1);
}

#[tokio::test]
async fn a_draft_of_other_amounts_gives_way_and_an_unbalanced_one_is_never_booked() {
    let (site, url) = site(Site::default());
    // ERPNext saves what does not balance.
    draft(&site, &url, &sale(1), "90.00");
    assert!(acknowledged(
        &delivered(options(&url), &batch("books", &json!([sale(1)]))).await
    ));
    let site = site.lock().unwrap();
    assert_eq!((site.entries.len(), site.leftovers()), (1, 0));
    assert_eq!(
        exact(&site.entries[0]["accounts"][1]["credit"]),
        Decimal::from(100)
    );
}

#[tokio::test]
async fn a_number_that_is_unique_there_is_used_once() {
    let (site, url) = site(Site {
        is_unique: true,
        ..Site::default()
    });
    let mut options = options(&url);
    options["number_field"] = json!("custom_number");
    let sales = batch("books", &json!([sale(1)]));
    assert!(acknowledged(&delivered(options.clone(), &sales).await));
    // It is there, and not shown when it is looked for: what is handed over then is refused by the field alone.
    site.lock().unwrap().hidden = 1;
    assert!(acknowledged(&delivered(options, &sales).await));
    let site = site.lock().unwrap();
    let [entry] = site.entries.as_slice() else {
        panic!("{:?}", site.entries)
    };
    assert_eq!(entry["custom_number"], "eu-2026-000001");
    assert_eq!(entry["cheque_no"], "INV-1");
}

#[tokio::test]
async fn what_was_cancelled_there_is_not_posted_anew_by_itself() {
    let (site, url) = site(Site::default());
    let sales = batch("books", &json!([sale(1)]));
    assert!(acknowledged(&delivered(options(&url), &sales).await));
    site.lock().unwrap().entries[0]["docstatus"] = json!(2);
    let answers = delivered(options(&url), &sales).await;
    assert!(
        refusal(&answers).contains("`ACC-JV-2026-00001` has this number there and was cancelled")
    );
    site.lock().unwrap().entries.clear();
    assert!(acknowledged(&delivered(options(&url), &sales).await));
}

#[tokio::test]
async fn an_account_of_another_currency_gets_a_rate_that_gives_back_our_amount() {
    let (site, url) = site(Site::default());
    let dollars = |amount: &str, functional: &str| {
        entry(
            1,
            &json!([
                { "debit": "cash-usd", "amount": amount, "functional": functional },
                { "credit": "revenue-access", "amount": amount, "functional": functional },
            ]),
        )
    };
    let batch = batch("books", &json!([dollars("1234.56 USD", "1135.80 EUR")]));
    assert!(acknowledged(&delivered(options(&url), &batch).await));
    {
        let site = site.lock().unwrap();
        let rows = &site.entries[0]["accounts"];
        assert_eq!(site.entries[0]["multi_currency"], 1);
        assert_eq!(
            exact(&rows[0]["debit_in_account_currency"]),
            Decimal::new(123_456, 2)
        );
        assert_eq!(exact(&rows[0]["debit"]), Decimal::new(113_580, 2));
        assert_eq!(rows[1]["user_remark"], "1234.56 USD");
    }
    let connector = ErpKind::find("erpnext").unwrap();
    let connector = connector.open(options(&url), &suite::host()).unwrap();
    for (line, why) in [
        (
            dollars("99999999999.99 USD", "92000000000.01 EUR"),
            "no rate of 9 decimals",
        ),
        (dollars("1.00 GBP", "1.20 EUR"), "is kept there in USD"),
    ] {
        let batch = common::batch("books", &json!([line]));
        let error = connector
            .render(&batch, &mut Vec::new())
            .unwrap_err()
            .to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[tokio::test]
async fn missing_parties_and_rights_are_told_in_its_words() {
    let (_site, url) = site(Site::default());
    let mut without = options(&url);
    without["parties"] = json!({});
    let sales = batch("books", &json!([sale(1)]));
    let answers = delivered(without, &sales).await;
    assert_eq!(
        refusal(&answers),
        "Row 1: Party Type and Party is required for Receivable / Payable account 1200 - Debtors - EX"
    );
    let url = serve(|request| {
        let words = json!({ "exc_type": "PermissionError", "exception": "frappe.exceptions.PermissionError: No permission for Journal Entry" });
        match request.method.as_str() {
            "POST" => Act::Answer(403, "", words.to_string()),
            _ if request.path.contains("Company") => {
                let company =
                    json!({ "data": [{ "name": "Example GmbH", "default_currency": "EUR" }] });
                Act::Answer(200, "", company.to_string())
            }
            _ => Act::Answer(200, "", "{\"data\":[]}".to_owned()),
        }
    });
    let answers = delivered(options(&url), &sales).await;
    let Said::Unsent(words) = one(&answers) else {
        panic!("{answers:?}")
    };
    assert_eq!(words, "No permission for Journal Entry");
}

#[tokio::test]
async fn books_in_another_currency_or_of_nobody_are_not_these() {
    let (site, url) = site(Site::default());
    let (_, batch) = case(&fixtures("erp").join("webhook/two-currencies"));
    for (company, why) in [
        (
            "Example GmbH",
            "`Example GmbH` keeps its books in EUR, and us-2026-000042 is in USD; mend `companies`",
        ),
        (
            "Nobody",
            "0 companies that this user may see are called `Nobody`, and it has to be one; mend `companies`",
        ),
    ] {
        let mut options = options(&url);
        options["companies"]["us"] = json!(company);
        let answers = delivered(options, &batch).await;
        assert!(
            matches!(answers[0].said, Said::Acknowledged { .. }),
            "{answers:?}"
        );
        assert_eq!(answers[1].said, Said::Unsent(why.to_owned()));
    }
    assert_eq!(site.lock().unwrap().entries.len(), 1);
}

#[test]
fn a_reader_sees_what_is_sent() {
    let (_, batch) = case(&fixtures("erp").join("webhook/two-currencies"));
    let mut options = options("http://127.0.0.1:9");
    options["companies"]["us"] = json!("Example Inc.");
    options["dimensions"] = json!({ "cost_center": "region" });
    options["number_field"] = json!("custom_number");
    let connector = ErpKind::find("erpnext")
        .unwrap()
        .open(options, &suite::host())
        .unwrap();
    let mut bytes = Vec::new();
    connector.render(&batch, &mut bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert!(!text.contains(SECRET));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines,
        [
            concat!(
                r#"{"document":"eu-2026-000041","company":"Example GmbH","date":"2026-01-15","#,
                r#""lines":[["1200","119.00"],["4000","-100.00"],["2100","-19.00"]],"#,
                r#""body":{"accounts":["#,
                r#"{"account":"1200","debit_in_account_currency":119.00,"party":"C-7","party_type":"Customer"},"#,
                r#"{"account":"4000","cost_center":"emea","credit_in_account_currency":100.00},"#,
                r#"{"account":"2100","credit_in_account_currency":19.00}],"#,
                r#""cheque_date":"2026-01-15","cheque_no":"INV-1001","company":"Example GmbH","#,
                r#""currency":"EUR","custom_number":"eu-2026-000041","multi_currency":0,"posting_date":"2026-01-15","#,
                r#""user_remark":"INV-1001 invoice finalized","voucher_type":"Journal Entry"}}"#,
            ),
            concat!(
                r#"{"document":"us-2026-000042","company":"Example Inc.","date":"2026-01-27","#,
                r#""lines":[["4000","77.46"],["1200","-77.46"]],"#,
                r#""body":{"accounts":["#,
                r#"{"account":"4000","debit_in_account_currency":77.46,"user_remark":"12000 JPY"},"#,
                r#"{"account":"1200","credit_in_account_currency":77.46,"party":"Sundry","party_type":"Customer","user_remark":"12000 JPY"}],"#,
                r#""cheque_date":"2026-01-27","cheque_no":"INV-2001 \"odd, name\"","company":"Example Inc.","#,
                r#""currency":"USD","custom_number":"us-2026-000042","multi_currency":0,"posting_date":"2026-01-27","#,
                r#""user_remark":"INV-2001 \"odd, name\" invoice; voided","voucher_type":"Journal Entry"}}"#,
            ),
        ]
    );
}
