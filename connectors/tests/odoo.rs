//! Entries into an Odoo of the tests' own, by both protocols, as strict as the fields and checks of `account.move`: what it commits
//! call by call, what it says with status 200, and what it does to a day that is locked.

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
use connectors::erp::{Answered, Delivery, ErpConnector, ErpKind, Said};
use formats::erp::{Artifact, ExportBatch};
use peer::{Act, Request, serve};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use suite::{Maker, SECRET, Subject};

/// Accounts: id, code, type.
const ACCOUNTS: [(i64, &str, &str); 4] = [
    (11, "1200", "asset_receivable"),
    (12, "2100", "liability_current"),
    (13, "4000", "income"),
    (14, "7000", "expense"),
];

/// Currencies that are active: id, code, decimals.
const CURRENCIES: [(i64, &str, u32); 4] =
    [(1, "EUR", 2), (2, "JPY", 0), (3, "KWD", 3), (4, "USD", 2)];

/// Contacts: id, reference.
const CONTACTS: [(i64, &str); 4] = [(71, "C-7"), (72, "SUNDRY"), (73, "TWICE"), (74, "TWICE")];

/// Analytic accounts: id, code.
const ANALYTIC: [(i64, &str); 2] = [(51, "emea"), (52, "web")];

const MOVE: [&str; 6] = [
    "company_id",
    "date",
    "journal_id",
    "line_ids",
    "move_type",
    "ref",
];

const ITEM: [&str; 10] = [
    "account_id",
    "amount_currency",
    "analytic_distribution",
    "credit",
    "currency_id",
    "debit",
    "name",
    "partner_id",
    "tax_ids",
    "x_region",
];

/// An exception: its name and what it says.
type Raised = (&'static str, String);

const USER_ERROR: &str = "odoo.exceptions.UserError";

#[derive(Default)]
struct Server {
    moves: Vec<Value>,
    next: i64,
    /// Up to which day the books are locked, and the first day after it.
    locked: Option<(&'static str, &'static str)>,
    /// The code of an account that was archived, of which drafts may be and posted moves not.
    archived: Option<&'static str>,
    /// What a user of other companies is told.
    denied: bool,
    /// What is said of anything that is created, as by a module that breaks.
    broken: bool,
}

impl Server {
    fn call(
        &mut self,
        model: &str,
        method: &str,
        ids: &[i64],
        arguments: &Value,
    ) -> Result<Value, Raised> {
        if self.denied && model == "account.move" {
            return Err((
                "odoo.exceptions.AccessError",
                "You are not allowed to access 'Journal Entry' (account.move) records.".to_owned(),
            ));
        }
        let is_own = arguments["context"]["allowed_company_ids"] == json!([1]);
        assert!(
            is_own || matches!(model, "res.company" | "res.users"),
            "the company is named: {model}"
        );
        match (model, method) {
            ("res.users", "context_get") => Ok(json!({ "lang": "en_US" })),
            ("account.move", "create") => {
                let created = arguments["vals_list"].as_array().unwrap().clone();
                let before = self.moves.len();
                let made: Result<Vec<i64>, Raised> = created
                    .into_iter()
                    .map(|values| self.create(values))
                    .collect();
                // One transaction.
                made.map(|ids| json!(ids))
                    .inspect_err(|_raised| self.moves.truncate(before))
            }
            ("account.move", "action_post") => self.post(ids).map(|()| json!(false)),
            ("account.move", "unlink") => {
                for id in ids {
                    if self.of(*id)?["state"] == "posted" {
                        return Err((
                            USER_ERROR,
                            "You cannot delete a posted journal entry.".to_owned(),
                        ));
                    }
                }
                self.moves
                    .retain(|one| !ids.contains(&one["id"].as_i64().unwrap()));
                Ok(json!(true))
            }
            (_, "search_read") => {
                assert!(ids.is_empty(), "search_read takes no records");
                Ok(self.search(model, arguments))
            }
            _ => panic!("{model}.{method}"),
        }
    }

    fn of(&mut self, id: i64) -> Result<&mut Value, Raised> {
        let found = self.moves.iter_mut().find(|one| one["id"] == id);
        found.ok_or_else(|| {
            let words = "Record does not exist or has been deleted.";
            ("odoo.exceptions.MissingError", words.to_owned())
        })
    }

    fn rows(&self, model: &str) -> Vec<Value> {
        match model {
            "res.company" => {
                vec![json!({ "id": 1, "name": "Example GmbH", "currency_id": [1, "EUR"] })]
            }
            "account.journal" => vec![json!({ "id": 9, "code": "MISC", "company_id": 1 })],
            "account.account" => ACCOUNTS
                .iter()
                .map(|(id, code, kind)| json!({ "id": id, "code": code, "account_type": kind }))
                .collect(),
            "res.currency" => CURRENCIES
                .iter()
                .map(|(id, name, _)| json!({ "id": id, "name": name }))
                .collect(),
            "res.partner" => CONTACTS
                .iter()
                .map(|(id, reference)| json!({ "id": id, "ref": reference, "company_id": false }))
                .collect(),
            "account.analytic.account" => ANALYTIC
                .iter()
                .map(|(id, code)| json!({ "id": id, "code": code, "company_id": 1 }))
                .collect(),
            "account.move" => self.moves.clone(),
            "account.move.line" => self
                .moves
                .iter()
                .flat_map(|one| one["items"].as_array().unwrap().clone())
                .collect(),
            _ => panic!("{model}"),
        }
    }

    fn search(&self, model: &str, arguments: &Value) -> Value {
        let domain = arguments["domain"].as_array().unwrap();
        let fits = |row: &Value| {
            domain.iter().all(|term| {
                let field = term[0].as_str().unwrap();
                let own = match &row[field] {
                    Value::Array(pair) => pair[0].clone(),
                    own => own.clone(),
                };
                assert!(!own.is_null(), "{model} has no {field}");
                match term[1].as_str().unwrap() {
                    "=" => own == term[2],
                    "in" => term[2].as_array().unwrap().contains(&own),
                    other => panic!("{other}"),
                }
            })
        };
        let mut shown = Vec::new();
        for row in self.rows(model).iter().filter(|row| fits(row)) {
            let mut kept = Map::from_iter([("id".to_owned(), row["id"].clone())]);
            for field in arguments["fields"].as_array().unwrap() {
                let field = field.as_str().unwrap();
                let value = if field == "tax_lock_date_message" {
                    self.lock_message(row)
                } else {
                    row.get(field)
                        .cloned()
                        .unwrap_or_else(|| panic!("{model} has no {field}"))
                };
                kept.insert(field.to_owned(), value);
            }
            shown.push(Value::Object(kept));
        }
        json!(shown)
    }

    fn lock_message(&self, row: &Value) -> Value {
        match self.locked {
            Some((upto, next)) if row["date"].as_str().unwrap() <= upto => json!(format!(
                "The date is being set prior to: Global Lock Date ({upto}). The Journal Entry will be accounted on {next} upon posting."
            )),
            _ => json!(false),
        }
    }

    fn create(&mut self, values: Value) -> Result<i64, Raised> {
        if self.broken {
            return Err(("builtins.KeyError", "'a module that breaks'".to_owned()));
        }
        for field in values.as_object().unwrap().keys() {
            if !MOVE.contains(&field.as_str()) {
                let words = format!("Invalid field '{field}' in 'account.move'");
                return Err(("builtins.ValueError", words));
            }
        }
        assert_eq!(values["move_type"], "entry");
        assert_eq!(
            (&values["journal_id"], &values["company_id"]),
            (&json!(9), &json!(1))
        );
        let id = self.next + 1;
        let mut items = Vec::new();
        let mut balance = Decimal::ZERO;
        for command in values["line_ids"].as_array().unwrap() {
            assert_eq!((&command[0], &command[1]), (&json!(0), &json!(0)));
            let made = item(&command[2])?;
            balance += exact(&command[2]["debit"]) - exact(&command[2]["credit"]);
            for mut made in made {
                made["id"] = json!(id * 1_000 + i64::try_from(items.len()).unwrap());
                made["move_id"] = json!([id, "MISC"]);
                items.push(made);
            }
        }
        if !balance.is_zero() {
            return Err((USER_ERROR, "The entry is not balanced.".to_owned()));
        }
        self.next = id;
        self.moves.push(json!({
            "id": id, "name": "/", "state": "draft", "date": values["date"], "ref": values["ref"],
            "company_id": [1, "Example GmbH"], "move_type": "entry", "items": items,
        }));
        Ok(id)
    }

    fn post(&mut self, ids: &[i64]) -> Result<(), Raised> {
        let (locked, archived) = (self.locked, self.archived);
        for id in ids {
            let one = self.of(*id)?;
            if one["state"] != "draft" {
                let words = format!(
                    "The entry {} (id {id}) must be in draft.",
                    one["name"].as_str().unwrap()
                );
                return Err((USER_ERROR, words));
            }
            let items = one["items"].as_array().unwrap();
            let is_archived = |item: &Value| {
                let name = item["account_id"][1].as_str().unwrap();
                archived.is_some_and(|code| name.starts_with(code))
            };
            if items.iter().any(is_archived) {
                return Err((
                    USER_ERROR,
                    "A line of this move is using a archived account,\nyou cannot post it."
                        .to_owned(),
                ));
            }
            if let Some((upto, next)) = locked
                && one["date"].as_str().unwrap() <= upto
            {
                one["date"] = json!(next);
            }
            one["state"] = json!("posted");
            one["name"] = json!(format!("MISC/2026/01/{id:04}"));
        }
        Ok(())
    }

    fn by_json2(&mut self, request: &Request) -> (u16, Value) {
        let given = request.headers.get("authorization").cloned();
        if given != Some(format!("Bearer {SECRET}")) {
            let words = "Invalid apikey";
            return (
                401,
                json!({ "name": "werkzeug.exceptions.Unauthorized", "message": words, "debug": "Traceback" }),
            );
        }
        assert_eq!(request.headers["x-odoo-database"], "books");
        let (model, method) = request
            .path
            .strip_prefix("/json/2/")
            .unwrap()
            .split_once('/')
            .unwrap();
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let ids: Vec<i64> =
            serde_json::from_value(body.get("ids").cloned().unwrap_or(json!([]))).unwrap();
        match self.call(model, method, &ids, &body) {
            Ok(said) => (200, said),
            Err((name, words)) => {
                let status = match name.rsplit('.').next().unwrap() {
                    "UserError" | "ValidationError" => 422,
                    "AccessError" | "AccessDenied" => 403,
                    "MissingError" => 404,
                    _ => 500,
                };
                (
                    status,
                    json!({ "name": name, "message": words, "arguments": [words], "context": {}, "debug": "Traceback" }),
                )
            }
        }
    }

    fn by_jsonrpc(&mut self, request: &Request) -> Value {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(
            (&body["jsonrpc"], &body["method"]),
            (&json!("2.0"), &json!("call"))
        );
        let params = &body["params"];
        let given = params["args"].as_array().unwrap();
        let said = match (
            params["service"].as_str().unwrap(),
            params["method"].as_str().unwrap(),
        ) {
            ("common", "authenticate") => {
                let known = given[0] == "books" && given[1] == "tieout" && given[2] == SECRET;
                Ok(if known { json!(7) } else { json!(false) })
            }
            ("object", "execute_kw") if given[1] != 7 || given[2] != SECRET => {
                Err(("odoo.exceptions.AccessDenied", "Access Denied".to_owned()))
            }
            ("object", "execute_kw") => {
                let (model, method) = (given[3].as_str().unwrap(), given[4].as_str().unwrap());
                let (places, mut named) = (given[5].as_array().unwrap(), given[6].clone());
                let mut ids = Vec::new();
                match (method, places.as_slice()) {
                    ("create", [values]) => named["vals_list"] = values.clone(),
                    ("action_post" | "unlink", [own]) => {
                        ids = serde_json::from_value(own.clone()).unwrap();
                    }
                    (_, []) => {}
                    other => panic!("{other:?}"),
                }
                self.call(model, method, &ids, &named)
            }
            other => panic!("{other:?}"),
        };
        match said {
            Ok(said) => json!({ "jsonrpc": "2.0", "id": body["id"], "result": said }),
            Err((name, words)) => json!({ "jsonrpc": "2.0", "id": body["id"], "error": {
                "code": 0, "message": "Odoo Server Error",
                "data": { "name": name, "message": words, "arguments": [words], "context": {}, "debug": "Traceback" },
            } }),
        }
    }
}

/// What is made of a journal item: itself, and what the default tax of its account adds where nobody says that there is none.
fn item(values: &Value) -> Result<Vec<Value>, Raised> {
    let own = values.as_object().unwrap();
    for field in own.keys() {
        if !ITEM.contains(&field.as_str()) {
            let words = format!("Invalid field '{field}' in 'account.move.line'");
            return Err(("builtins.ValueError", words));
        }
    }
    let account = ACCOUNTS
        .iter()
        .find(|(id, ..)| values["account_id"] == *id)
        .unwrap();
    for field in ["debit", "credit"] {
        assert!(values[field].is_number(), "{field} is a number");
    }
    let amount = exact(&values["debit"]) - exact(&values["credit"]);
    if let Some(currency) = own.get("currency_id") {
        let (.., decimals) = CURRENCIES.iter().find(|(id, ..)| currency == *id).unwrap();
        let foreign = exact(&values["amount_currency"]);
        assert!(
            foreign.scale() <= *decimals,
            "{foreign} has too many decimals"
        );
        if foreign.is_sign_negative() != amount.is_sign_negative() {
            let words = "The amount expressed in the secondary currency must be positive when account is debited and negative when account is credited.";
            return Err(("odoo.exceptions.ValidationError", words.to_owned()));
        }
    }
    if let Some(contact) = own.get("partner_id") {
        assert!(CONTACTS.iter().any(|(id, _)| contact == *id));
    }
    for key in own
        .get("analytic_distribution")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::keys)
    {
        for id in key.split(',') {
            assert!(
                ANALYTIC.iter().any(|(known, _)| known.to_string() == id),
                "{key}"
            );
        }
    }
    let mut made = values.clone();
    made["account_id"] = json!([account.0, format!("{} An account", account.1)]);
    made["debit"] = float(&values["debit"]);
    made["credit"] = float(&values["credit"]);
    let mut items = vec![made.clone()];
    if own.get("tax_ids") != Some(&json!([[6, 0, []]])) {
        items.push(made);
    }
    Ok(items)
}

/// A number as it comes out of a computation with floats.
fn float(amount: &Value) -> Value {
    let text = amount.to_string();
    let text = match text.split_once('.') {
        Some((whole, part)) if whole.len() < 6 => format!("{whole}.{part:0<12}4"),
        Some(_) => text,
        None => format!("{text}.0"),
    };
    serde_json::from_str(&text).unwrap()
}

fn exact(value: &Value) -> Decimal {
    value
        .as_number()
        .map_or(Decimal::ZERO, |number| number.to_string().parse().unwrap())
}

impl Maker for Server {
    fn answer(&mut self, request: &Request) -> Act {
        assert_eq!(request.method, "POST");
        let (status, body) = if request.path == "/jsonrpc" {
            (200, self.by_jsonrpc(request))
        } else {
            self.by_json2(request)
        };
        Act::Answer(status, "", body.to_string())
    }

    fn changes(&self, request: &Request) -> bool {
        !String::from_utf8_lossy(&request.body).contains("search_read")
            && !request.path.ends_with("search_read")
    }

    fn booked(&self) -> BTreeMap<String, usize> {
        let mut booked = BTreeMap::new();
        for one in self.moves.iter().filter(|one| one["state"] == "posted") {
            *booked
                .entry(one["ref"].as_str().unwrap().to_owned())
                .or_default() += 1;
        }
        booked
    }

    fn leftovers(&self) -> usize {
        self.moves
            .iter()
            .filter(|one| one["state"] == "draft")
            .count()
    }

    fn falsify(&mut self) {
        self.moves[0]["items"][0]["debit"] = serde_json::from_str("119.01").unwrap();
    }
}

fn shared(url: &str) -> Value {
    json!({
        "url": url, "database": "books", "companies": { "eu": "Example GmbH" }, "journal": "MISC",
        "accounts": { "accounts-receivable": "1200", "revenue-access": "4000", "tax-payable": "2100" },
        "party": { "dimension": "customer", "default": "SUNDRY" },
    })
}

fn by_json2(url: &str) -> Value {
    let mut options = shared(url);
    options["protocol"] = json!("json2");
    options["auth"] = json!({ "bearer": suite::secret() });
    options
}

fn by_jsonrpc(url: &str) -> Value {
    let mut options = shared(url);
    options["protocol"] = json!("jsonrpc");
    options["auth"] = json!({ "basic": { "user": "tieout", "password": suite::secret() } });
    options
}

const PROTOCOLS: [fn(&str) -> Value; 2] = [by_json2, by_jsonrpc];

const fn subject(options: fn(&str) -> Value) -> Subject<Server> {
    Subject {
        kind: "odoo",
        options,
        maker: Server::default,
        unknown_account: "`Example GmbH` has no account with the code `9999`",
        foreign: true,
    }
}

#[tokio::test]
async fn moves_by_json2_keep_the_contract() {
    suite::keeps_the_contract(subject(by_json2)).await;
}

#[tokio::test]
async fn moves_by_jsonrpc_keep_the_contract() {
    suite::keeps_the_contract(subject(by_jsonrpc)).await;
}

/// A server of the test's own, and its address.
fn server(server: Server) -> (Arc<Mutex<Server>>, String) {
    let server = Arc::new(Mutex::new(server));
    let serving = Arc::clone(&server);
    let url = serve(move |request| serving.lock().unwrap().answer(request));
    (server, url)
}

fn opened(options: Value) -> Box<dyn ErpConnector> {
    ErpKind::find("odoo")
        .unwrap()
        .open(options, &suite::host())
        .unwrap()
}

async fn delivered(options: Value, batch: &ExportBatch) -> Vec<Answered> {
    let connector = opened(options);
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

fn sale(dimensions: &Value) -> ExportBatch {
    let lines = json!([
        { "debit": "accounts-receivable", "amount": "119.00 EUR", "dimensions": dimensions },
        { "credit": "revenue-access", "amount": "100.00 EUR", "dimensions": dimensions },
        { "credit": "tax-payable", "amount": "19.00 EUR" },
    ]);
    let entry = json!({
        "id": 1, "entity": "eu", "period": "2026-01", "date": "2026-01-15", "kind": "original",
        "reference": "INV-1", "description": "an invoice", "functional": "EUR", "lines": lines,
    });
    batch("books", &json!([entry]))
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
async fn a_locked_day_is_refused_in_its_words_and_nothing_is_posted_on_another() {
    for options in PROTOCOLS {
        let (server, url) = server(Server {
            locked: Some(("2026-01-31", "2026-02-28")),
            ..Server::default()
        });
        let answers = delivered(options(&url), &sale(&json!({}))).await;
        assert_eq!(
            refusal(&answers),
            "The date is being set prior to: Global Lock Date (2026-01-31). The Journal Entry will be accounted on 2026-02-28 upon posting."
        );
        assert!(server.lock().unwrap().moves.is_empty());
        server.lock().unwrap().locked = None;
        assert!(acknowledged(
            &delivered(options(&url), &sale(&json!({}))).await
        ));
        assert_eq!(server.lock().unwrap().moves[0]["date"], "2026-01-15");
    }
}

#[tokio::test]
async fn what_is_refused_when_it_is_posted_leaves_no_draft() {
    for options in PROTOCOLS {
        let (server, url) = server(Server {
            archived: Some("4000"),
            ..Server::default()
        });
        let answers = delivered(options(&url), &sale(&json!({}))).await;
        assert_eq!(
            refusal(&answers),
            "A line of this move is using a archived account, you cannot post it."
        );
        assert!(server.lock().unwrap().moves.is_empty());
    }
}

#[tokio::test]
async fn rights_lie_in_the_way_of_all_and_what_breaks_is_no_refusal() {
    for options in PROTOCOLS {
        let (_server, url) = server(Server {
            broken: true,
            ..Server::default()
        });
        let answers = delivered(options(&url), &sale(&json!({}))).await;
        let Said::Unknown(words) = one(&answers) else {
            panic!("{answers:?}")
        };
        assert!(words.contains("'a module that breaks'"), "{words}");
        assert!(!words.contains("Traceback"), "{words}");
        for (field, value, why) in [
            (
                "journal",
                json!("SALES"),
                "0 journals of `Example GmbH` have the code `SALES`",
            ),
            (
                "companies",
                json!({ "eu": "Nobody" }),
                "0 companies that this user may see are called `Nobody`",
            ),
        ] {
            let mut other = options(&url);
            other[field] = value;
            let answers = delivered(other, &sale(&json!({}))).await;
            let Said::Unsent(words) = one(&answers) else {
                panic!("{answers:?}")
            };
            assert!(words.contains(why), "{words}");
        }
    }
    let (_server, url) = server(Server {
        denied: true,
        ..Server::default()
    });
    let answers = delivered(by_json2(&url), &sale(&json!({}))).await;
    assert!(
        matches!(one(&answers), Said::Unsent(_) | Said::Unknown(_)),
        "{answers:?}"
    );
}

#[tokio::test]
async fn books_in_another_currency_are_not_these() {
    let (server, url) = server(Server::default());
    let (_, batch) = case(&fixtures("erp").join("webhook/two-currencies"));
    let mut options = by_json2(&url);
    options["companies"]["us"] = json!("Example GmbH");
    let answers = delivered(options, &batch).await;
    assert!(
        matches!(answers[0].said, Said::Acknowledged { .. }),
        "{answers:?}"
    );
    let Said::Unsent(words) = &answers[1].said else {
        panic!("{answers:?}")
    };
    assert_eq!(
        words,
        "`Example GmbH` keeps its books in EUR, and us-2026-000042 is in USD; mend `companies`"
    );
    assert_eq!(server.lock().unwrap().moves.len(), 1);
}

/// The move of an entry as the connector creates it.
fn create(server: &Mutex<Server>, net: &str) {
    let item = |account: i64, debit: &str, credit: &str| {
        let number = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        json!([0, 0, { "account_id": account, "name": "x", "debit": number(debit), "credit": number(credit), "tax_ids": [[6, 0, []]] }])
    };
    let gross: Decimal = net.parse::<Decimal>().unwrap() + Decimal::from(19);
    let values = json!({
        "move_type": "entry", "journal_id": 9, "company_id": 1, "date": "2026-01-15", "ref": "eu-2026-000001",
        "line_ids": [item(11, &gross.to_string(), "0"), item(13, "0", net), item(12, "0", "19.00")],
    });
    server.lock().unwrap().create(values).unwrap();
}

#[tokio::test]
async fn drafts_that_late_calls_leave_are_posted_or_taken_away() {
    for options in PROTOCOLS {
        let (server, url) = server(Server::default());
        create(&server, "100.00");
        create(&server, "100.00");
        assert!(acknowledged(
            &delivered(options(&url), &sale(&json!({}))).await
        ));
        create(&server, "100.00");
        assert!(acknowledged(
            &delivered(options(&url), &sale(&json!({}))).await
        ));
        assert_eq!(server.lock().unwrap().moves.len(), 1);
    }
}

#[tokio::test]
async fn a_draft_of_other_amounts_gives_way() {
    let (server, url) = server(Server::default());
    create(&server, "90.00");
    assert!(acknowledged(
        &delivered(by_json2(&url), &sale(&json!({}))).await
    ));
    let server = server.lock().unwrap();
    assert_eq!((server.moves.len(), server.leftovers()), (1, 0));
    assert!(exact(&server.moves[0]["items"][1]["credit"]) >= Decimal::from(100));
}

#[tokio::test]
async fn what_was_cancelled_there_is_not_posted_anew_by_itself() {
    let (server, url) = server(Server::default());
    assert!(acknowledged(
        &delivered(by_json2(&url), &sale(&json!({}))).await
    ));
    server.lock().unwrap().moves[0]["state"] = json!("cancel");
    let answers = delivered(by_json2(&url), &sale(&json!({}))).await;
    assert!(refusal(&answers).contains("was cancelled"), "{answers:?}");
    server.lock().unwrap().moves.clear();
    assert!(acknowledged(
        &delivered(by_json2(&url), &sale(&json!({}))).await
    ));
}

#[tokio::test]
async fn contacts_and_analytic_accounts_are_found_by_their_codes() {
    let (server, url) = server(Server::default());
    let mut options = by_json2(&url);
    options["analytic"] = json!(["region", "channel"]);
    options["dimensions"] = json!({ "x_region": "region" });
    let dimensions = json!({ "customer": "C-7", "region": "emea", "channel": "web" });
    assert!(acknowledged(
        &delivered(options.clone(), &sale(&dimensions)).await
    ));
    {
        let server = server.lock().unwrap();
        let items = &server.moves[0]["items"];
        assert_eq!(items[0]["partner_id"], 71);
        assert_eq!(items[0]["analytic_distribution"], json!({ "51,52": 100 }));
        assert_eq!(items[0]["x_region"], "emea");
        assert_eq!(items[2].get("partner_id"), None);
    }
    server.lock().unwrap().moves.clear();
    // On a receivable account the default stands in for one that is not there, and for none.
    for dimensions in [json!({ "customer": "NOBODY" }), json!({})] {
        assert!(acknowledged(
            &delivered(options.clone(), &sale(&dimensions)).await
        ));
        let mut server = server.lock().unwrap();
        let items = server.moves.remove(0);
        assert_eq!(items["items"][0]["partner_id"], 72);
        assert_eq!(items["items"][1].get("partner_id"), None);
    }
    for (dimensions, why) in [
        (
            json!({ "customer": "TWICE" }),
            "several records of `res.partner` have the ref `TWICE`",
        ),
        (
            json!({ "region": "apac" }),
            "there is no analytic account with the code `apac`",
        ),
    ] {
        let answers = delivered(options.clone(), &sale(&dimensions)).await;
        assert!(refusal(&answers).contains(why), "{answers:?}");
    }
    assert!(server.lock().unwrap().moves.is_empty());
}

#[test]
fn each_protocol_wants_its_own_credentials() {
    let mut options = by_json2("http://127.0.0.1:9");
    options["protocol"] = json!("jsonrpc");
    let error = ErpKind::find("odoo")
        .unwrap()
        .open(options, &suite::host())
        .unwrap_err();
    let mut told = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        told.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    assert!(told.contains("basic"), "{told}");
}

#[test]
fn a_reader_sees_what_is_sent() {
    let (_, batch) = case(&fixtures("erp").join("webhook/two-currencies"));
    let mut options = by_json2("http://127.0.0.1:9");
    options["companies"]["us"] = json!("Example Inc.");
    options["analytic"] = json!(["region"]);
    let mut bytes = Vec::new();
    opened(options).render(&batch, &mut bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines,
        [
            concat!(
                r#"{"document":"eu-2026-000041","company":"Example GmbH","date":"2026-01-15","#,
                r#""lines":[["1200","119.00"],["4000","-100.00"],["2100","-19.00"]],"#,
                r#""body":{"currency":"EUR","date":"2026-01-15","journal_id":"MISC","line_ids":["#,
                r#"{"account_id":"1200","credit":0,"debit":119.00,"name":"INV-1001 invoice finalized","partner_id":"C-7"},"#,
                r#"{"account_id":"4000","analytic_distribution":["emea"],"credit":100.00,"debit":0,"name":"INV-1001 invoice finalized"},"#,
                r#"{"account_id":"2100","credit":19.00,"debit":0,"name":"INV-1001 invoice finalized"}],"#,
                r#""move_type":"entry","ref":"eu-2026-000041"}}"#,
            ),
            concat!(
                r#"{"document":"us-2026-000042","company":"Example Inc.","date":"2026-01-27","#,
                r#""lines":[["4000","77.46"],["1200","-77.46"]],"#,
                r#""body":{"currency":"USD","date":"2026-01-27","journal_id":"MISC","line_ids":["#,
                r#"{"account_id":"4000","amount_currency":12000,"credit":0,"currency_id":"JPY","debit":77.46,"name":"INV-2001 \"odd, name\" invoice; voided"},"#,
                r#"{"account_id":"1200","amount_currency":-12000,"credit":77.46,"currency_id":"JPY","debit":0,"name":"INV-2001 \"odd, name\" invoice; voided"}],"#,
                r#""move_type":"entry","ref":"us-2026-000042"}}"#,
            ),
        ]
    );
}
