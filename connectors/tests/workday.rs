//! Accounting journals by SOAP, against a web service that is as strict as its WSDL and the validations in it.

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
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use suite::{Maker, SECRET, Subject, host, keeps_the_contract, secret};

const PATH: &str = "/ccx/service/example/Financial_Management/v44.0";
const NAMESPACE: &str = "urn:com.workday/bsvc";
const ACCOUNTS: [&str; 3] = ["1200", "2100", "4000"];

const JOURNAL: [&str; 17] = [
    "Accounting_Journal_ID",
    "Submit",
    "Disable_Optional_Worktag_Balancing",
    "Locked_in_Workday",
    "Journal_Number",
    "Journal_Sequence_Number",
    "Company_Reference",
    "Currency_Reference",
    "Ledger_Type_Reference",
    "Book_Code_Reference",
    "Accounting_Date",
    "Journal_Source_Reference",
    "Balancing_Worktag_Reference",
    "Record_Quantity",
    "Journal_Entry_Memo",
    "External_Reference_ID",
    "Journal_Entry_Line_Replacement_Data",
];

const LINE: [&str; 13] = [
    "Line_Order",
    "Line_Company_Reference",
    "Ledger_Account_Reference",
    "Alternate_Ledger_Account_Reference",
    "Debit_Amount",
    "Credit_Amount",
    "Currency_Reference",
    "Currency_Rate",
    "Ledger_Debit_Amount",
    "Ledger_Credit_Amount",
    "Memo",
    "External_Reference_ID",
    "Worktags_Reference",
];

#[derive(Clone)]
struct Line {
    account: String,
    currency: String,
    debit: Decimal,
    credit: Decimal,
    ledger_debit: Decimal,
    ledger_credit: Decimal,
}

struct Journal {
    number: String,
    date: NaiveDate,
    status: String,
    lines: Vec<Line>,
}

/// The web service.
#[derive(Default)]
struct Service {
    journals: Vec<Journal>,
    /// The status that a journal gets, and how often it is seen in it before it is posted.
    first: Option<(&'static str, usize)>,
    /// How many times a journal that is there is not found.
    blind: usize,
    /// What the user may not do.
    forbidden: bool,
}

/// A validation error: message and path.
type Invalid = (String, String);

fn text<'e>(element: &'e Element, name: &str) -> &'e str {
    element.text_at(&[name]).unwrap_or_default()
}

fn id<'e>(element: &'e Element, reference: &'e str, kind: &str) -> Result<&'e str, Invalid> {
    let found = element.child(reference);
    let found = found.ok_or_else(|| (format!("{reference} is missing"), reference.to_owned()))?;
    let own = found.child("ID").unwrap();
    assert_eq!(own.attribute("type"), Some(kind), "{reference}");
    Ok(own.text.as_str())
}

fn invalid_id(value: &str, kind: &str) -> String {
    format!("Invalid ID value.  '{value}' is not a valid ID value for type = '{kind}'")
}

fn is_ordered(element: &Element, known: &[&str]) -> bool {
    let mut at = 0;
    element.children().all(|(name, _)| {
        let found = known.iter().position(|own| *own == name);
        let holds = found.is_some_and(|found| found >= at);
        at = found.unwrap_or(at);
        holds
    })
}

fn envelope(status: u16, body: &str) -> Act {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><SOAP-ENV:Envelope xmlns:SOAP-ENV=\"http://schemas.xmlsoap.org/soap/envelope/\">\
         <SOAP-ENV:Body>{body}</SOAP-ENV:Body></SOAP-ENV:Envelope>"
    );
    Act::Answer(status, "content-type: text/xml\r\n", body)
}

fn fault(code: &str, words: &str, detail: &str) -> Act {
    envelope(
        500,
        &format!(
            "<SOAP-ENV:Fault xmlns:wd=\"{NAMESPACE}\"><faultcode>SOAP-ENV:{code}</faultcode><faultstring>{words}</faultstring>\
             <detail>{detail}</detail></SOAP-ENV:Fault>"
        ),
    )
}

fn invalid(errors: &[Invalid]) -> Act {
    let detail: Vec<String> = errors
        .iter()
        .map(|(message, path)| {
            format!("<wd:Validation_Error><wd:Message>{message}</wd:Message><wd:Detail_Message>{message}</wd:Detail_Message><wd:Xpath>{path}</wd:Xpath></wd:Validation_Error>")
        })
        .collect();
    let words = format!("Validation error occurred. {}", errors[0].0);
    let detail = format!(
        "<wd:Validation_Fault>{}</wd:Validation_Fault>",
        detail.concat()
    );
    fault("Client.validationError", &words, &detail)
}

impl Service {
    fn submit(&mut self, request: &Element) -> Act {
        if request.attribute("Add_Only") != Some("true") {
            return fault("Client.validationError", "Add_Only is missing", "");
        }
        if self.forbidden {
            let words = "Processing error occurred. The task submitted is not authorized.";
            let detail = "<wd:Processing_Fault><wd:Detail_Message>The task submitted is not authorized.</wd:Detail_Message></wd:Processing_Fault>";
            return fault("Client.processingError", words, detail);
        }
        let completes = ["Financials_Business_Process_Parameters", "Auto_Complete"];
        let completes = request.text_at(&completes) == Some("true");
        let data = request.child("Accounting_Journal_Data").unwrap();
        let mut errors = Vec::new();
        let mut journal = self.journal(data, &mut errors);
        if !errors.is_empty() {
            return invalid(&errors);
        }
        let posted = if completes { "POSTED" } else { "IN_PROGRESS" };
        let status = self.first.map_or(posted, |(status, _)| status);
        status.clone_into(&mut journal.status);
        let number = journal.number.clone();
        self.journals.push(journal);
        envelope(
            200,
            &format!(
                "<wd:Submit_Accounting_Journal_Response xmlns:wd=\"{NAMESPACE}\" wd:version=\"v44.0\"><wd:Accounting_Journal_Reference>\
                 <wd:ID wd:type=\"WID\">6f8e52d2376e4c899463020db034c87c</wd:ID><wd:ID wd:type=\"Accounting_Journal_ID\">{number}</wd:ID>\
                 </wd:Accounting_Journal_Reference></wd:Submit_Accounting_Journal_Response>"
            ),
        )
    }

    fn journal(&self, data: &Element, errors: &mut Vec<Invalid>) -> Journal {
        let at = "/bsvc:Submit_Accounting_Journal_Request[1]/bsvc:Accounting_Journal_Data[1]";
        let mut wrong = |words: &str| errors.push((words.to_owned(), at.to_owned()));
        assert!(is_ordered(data, &JOURNAL), "the order of the service");
        let number = text(data, "Accounting_Journal_ID");
        if self.journals.iter().any(|own| own.number == number) {
            // In which words it says so is documented nowhere.
            wrong("The journal exists already and the request may only add");
        }
        assert_eq!(text(data, "Submit"), "true");
        if id(data, "Company_Reference", "Company_Reference_ID").unwrap() != "CO_EU" {
            wrong(&invalid_id("?", "Company_Reference_ID"));
        }
        if id(data, "Currency_Reference", "Currency_ID").unwrap() != "EUR" {
            wrong(
                "If the currency is specified, it must match the default currency for the company.",
            );
        }
        assert_eq!(
            id(data, "Ledger_Type_Reference", "Ledger_Type_ID").unwrap(),
            "Actuals"
        );
        if id(data, "Journal_Source_Reference", "Journal_Source_ID").unwrap() != "Tieout" {
            wrong("Journal Source must be an Accounting Journal Source.");
        }
        let date: NaiveDate = text(data, "Accounting_Date").parse().unwrap();
        if date < "2026-01-01".parse().unwrap() {
            wrong("The ledger period status for the journal is not valid.");
        }
        let mut lines = Vec::new();
        for (line, number) in data.all("Journal_Entry_Line_Replacement_Data").zip(1..) {
            let at = format!("{at}/bsvc:Journal_Entry_Line_Replacement_Data[{number}]");
            match booked(line) {
                Ok(line) => lines.push(line),
                Err(words) => {
                    errors.push((words, format!("{at}/bsvc:Ledger_Account_Reference[1]")));
                }
            }
        }
        let debits: Decimal = lines.iter().map(|line| line.ledger_debit).sum();
        let credits: Decimal = lines.iter().map(|line| line.ledger_credit).sum();
        if errors.is_empty() && (debits != credits || lines.is_empty()) {
            let words = "Journal may not be submitted unless it is balanced";
            errors.push((words.to_owned(), at.to_owned()));
        }
        Journal {
            number: number.to_owned(),
            date,
            status: String::new(),
            lines,
        }
    }

    fn get(&mut self, request: &Element) -> Act {
        let references = request.child("Request_References").unwrap();
        let number = id(references, "JournalEntryReference", "Accounting_Journal_ID").unwrap();
        let found = self.journals.iter_mut().find(|own| own.number == number);
        let blind = self.blind > 0 && found.is_some();
        self.blind -= usize::from(blind);
        let Some(journal) = found.filter(|_| !blind) else {
            let at = "/bsvc:Get_Journals_Request[1]/bsvc:Request_References[1]/bsvc:JournalEntryReference[1]";
            return invalid(&[(invalid_id(number, "Accounting_Journal_ID"), at.to_owned())]);
        };
        let shown = journal.shown();
        if let Some((_, times)) = &mut self.first {
            *times = times.saturating_sub(1);
            if *times == 0 {
                "POSTED".clone_into(&mut journal.status);
            }
        }
        envelope(
            200,
            &format!(
                "<wd:Get_Journals_Response xmlns:wd=\"{NAMESPACE}\" wd:version=\"v44.0\"><wd:Response_Results><wd:Total_Results>1</wd:Total_Results>\
                 <wd:Total_Pages>1</wd:Total_Pages></wd:Response_Results><wd:Response_Data>{shown}</wd:Response_Data></wd:Get_Journals_Response>"
            ),
        )
    }
}

impl Journal {
    fn shown(&self) -> String {
        let reference = |name: &str, ids: &[(&str, &str)]| {
            let ids: Vec<String> = ids
                .iter()
                .map(|(kind, id)| format!("<wd:ID wd:type=\"{kind}\">{id}</wd:ID>"))
                .collect();
            let ids = ids.concat();
            format!("<wd:{name} wd:Descriptor=\"a &lt;name&gt;\">{ids}</wd:{name}>")
        };
        let wid = ("WID", "12e1c4b8f4ed10167fc2cefddc590000");
        let lines: Vec<String> = self
            .lines
            .iter()
            .map(|line| {
                format!(
                    "<wd:Journal_Entry_Line_Data>{}{}<wd:Debit_Amount>{}</wd:Debit_Amount><wd:Credit_Amount>{}</wd:Credit_Amount>{}\
                     <wd:Currency_Rate>1</wd:Currency_Rate><wd:Ledger_Debit_Amount>{}</wd:Ledger_Debit_Amount>\
                     <wd:Ledger_Credit_Amount>{}</wd:Ledger_Credit_Amount><wd:Memo>m</wd:Memo></wd:Journal_Entry_Line_Data>",
                    reference("Line_Company_Reference", &[wid, ("Company_Reference_ID", "CO_EU")]),
                    reference("Ledger_Account_Reference", &[wid, ("Ledger_Account_ID", &line.account)]),
                    line.debit,
                    line.credit,
                    reference("Currency_Reference", &[wid, ("Currency_ID", &line.currency)]),
                    line.ledger_debit,
                    line.ledger_credit
                )
            })
            .collect();
        let lines = lines.concat();
        format!(
            "<wd:Journal_Entry>{}<wd:Journal_Entry_Data><wd:Journal_Number>CO_EU JRNL 2026 {}</wd:Journal_Number>{}{}{}\
             <wd:Accounting_Date>{}</wd:Accounting_Date>{lines}</wd:Journal_Entry_Data></wd:Journal_Entry>",
            reference(
                "Journal_Entry_Reference",
                &[wid, ("Accounting_Journal_ID", &self.number)]
            ),
            self.number,
            reference(
                "Journal_Status_Reference",
                &[wid, ("Journal_Entry_Status_ID", &self.status)]
            ),
            reference(
                "Company_Reference",
                &[wid, ("Company_Reference_ID", "CO_EU")]
            ),
            reference("Currency_Reference", &[wid, ("Currency_ID", "EUR")]),
            self.date
        )
    }
}

fn booked(line: &Element) -> Result<Line, String> {
    assert!(is_ordered(line, &LINE), "the order of the service");
    let reference = line
        .child("Ledger_Account_Reference")
        .unwrap()
        .child("ID")
        .unwrap();
    assert_eq!(reference.attribute("parent_type"), Some("Account_Set_ID"));
    assert_eq!(reference.attribute("parent_id"), Some("Standard"));
    let account = id(line, "Ledger_Account_Reference", "Ledger_Account_ID").unwrap();
    if !ACCOUNTS.contains(&account) {
        return Err(invalid_id(account, "Ledger_Account_ID"));
    }
    let amount = |name: &str, places: u32| {
        let Some(found) = line.text_at(&[name]) else {
            return Ok(Decimal::ZERO);
        };
        let amount: Decimal = found.parse().unwrap();
        if amount.scale() > places || amount.is_sign_negative() {
            return Err(format!("{name} is not valid"));
        }
        Ok(amount)
    };
    let (debit, credit) = (amount("Debit_Amount", 6)?, amount("Credit_Amount", 6)?);
    if !debit.is_zero() && !credit.is_zero() {
        return Err("The Credit and Debit Amount both have values.".to_owned());
    }
    if debit.is_zero() && credit.is_zero() {
        return Err("The Credit and Debit Amounts are both zero.".to_owned());
    }
    amount("Currency_Rate", 6)?;
    let currency = id(line, "Currency_Reference", "Currency_ID").unwrap();
    let (mut ledger_debit, mut ledger_credit) = (
        amount("Ledger_Debit_Amount", 3)?,
        amount("Ledger_Credit_Amount", 3)?,
    );
    if currency == "EUR" {
        if line.child("Currency_Rate").is_some() {
            return Err("If the base currency is equal to the transaction currency, the currency rate cannot be entered.".to_owned());
        }
        (ledger_debit, ledger_credit) = (debit, credit);
    } else if ledger_debit.is_zero() && ledger_credit.is_zero() {
        return Err("If the base currency is not equal to the transaction currency, the ledger amount must also be entered.".to_owned());
    }
    Ok(Line {
        account: account.to_owned(),
        currency: currency.to_owned(),
        debit,
        credit,
        ledger_debit,
        ledger_credit,
    })
}

impl Maker for Service {
    fn answer(&mut self, request: &Request) -> Act {
        assert_eq!(
            (request.method.as_str(), request.path.as_str()),
            ("POST", PATH)
        );
        assert!(request.headers["content-type"].starts_with("text/xml"));
        let (name, root) = document(&request.body).unwrap();
        assert_eq!(name, "Envelope");
        let token = root.at(&["Header", "Security", "UsernameToken"]).unwrap();
        let kind = token.child("Password").unwrap().attribute("Type").unwrap();
        assert!(kind.ends_with("#PasswordText"));
        if text(token, "Username") != "tieout@example" || text(token, "Password") != SECRET {
            return fault(
                "Client.authenticationError",
                "invalid username or password",
                "",
            );
        }
        let (name, asked) = root.child("Body").unwrap().children().next().unwrap();
        assert_eq!(asked.attribute("version"), Some("v44.0"));
        match name {
            "Submit_Accounting_Journal_Request" => self.submit(asked),
            "Get_Journals_Request" => self.get(asked),
            other => panic!("{other}"),
        }
    }

    fn changes(&self, request: &Request) -> bool {
        String::from_utf8_lossy(&request.body).contains("Submit_Accounting_Journal_Request")
    }

    fn booked(&self) -> BTreeMap<String, usize> {
        let mut booked = BTreeMap::new();
        for journal in &self.journals {
            *booked.entry(journal.number.clone()).or_default() += 1;
        }
        booked
    }

    fn falsify(&mut self) {
        self.journals[0].lines[0].debit -= Decimal::new(1, 2);
    }
}

fn options(url: &str) -> Value {
    json!({
        "url": format!("{url}/ccx/service/example/Financial_Management"),
        "user": "tieout@example", "password": secret(),
        "companies": { "eu": "CO_EU" }, "accounts": { "tax-payable": "2100" },
        "worktags": { "Customer_ID": "{dimension.customer}" },
    })
}

#[tokio::test]
async fn keeps_what_every_erp_has_to() {
    keeps_the_contract(Subject {
        kind: "workday",
        options,
        maker: Service::default,
        unknown_account: "line 3: Invalid ID value. '9999' is not a valid ID value for type = 'Ledger_Account_ID'",
        foreign: true,
    })
    .await;
}

type Shared = Arc<Mutex<Service>>;

fn started(service: Service, more: Value) -> (Box<dyn ErpConnector>, Shared) {
    let shared = Arc::new(Mutex::new(service));
    let serving = Arc::clone(&shared);
    let url = serve(move |request| serving.lock().unwrap().answer(request));
    let mut options = options(&url);
    for (name, value) in more.as_object().unwrap() {
        options[name] = value.clone();
    }
    let kind = ErpKind::find("workday").unwrap();
    (kind.open(options, &host()).unwrap(), shared)
}

fn entries(date: &str) -> ExportBatch {
    batch(
        "books",
        &json!([{
            "id": 17, "entity": "eu", "period": "2026-01", "date": date, "kind": "original",
            "reference": "INV <1> & 2", "description": "Köln\nאב", "functional": "EUR", "rate": "0.8",
            "lines": [
                { "debit": "accounts-receivable", "amount": "12000 JPY", "functional": "9600.00 EUR",
                  "dimensions": { "customer": "C-7" } },
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
    let (connector, _) = started(Service::default(), json!({}));
    let artifact = rendered(connector.as_ref(), &entries("2026-01-15"));
    let line: Value = serde_json::from_slice(&artifact.bytes).unwrap();
    assert_eq!(line["document"], "eu-2026-000017");
    assert_eq!(line["company"], "CO_EU");
    assert_eq!(
        line["lines"],
        json!([
            ["1200 JPY for 9600 EUR", "12000"],
            ["4000 JPY for -9600 EUR", "-12000"]
        ])
    );
    let reference = |name: &str, kind: &str, id: &str| {
        format!("<wd:{name}><wd:ID wd:type=\"{kind}\">{id}</wd:ID></wd:{name}>")
    };
    let account = |id: &str| {
        format!(
            "<wd:Ledger_Account_Reference><wd:ID wd:type=\"Ledger_Account_ID\" wd:parent_id=\"Standard\" wd:parent_type=\"Account_Set_ID\">{id}</wd:ID></wd:Ledger_Account_Reference>"
        )
    };
    let wanted = [
        "<wd:Submit_Accounting_Journal_Request xmlns:wd=\"urn:com.workday/bsvc\" wd:Add_Only=\"true\" wd:version=\"v44.0\">",
        "<wd:Financials_Business_Process_Parameters><wd:Auto_Complete>true</wd:Auto_Complete></wd:Financials_Business_Process_Parameters>",
        "<wd:Accounting_Journal_Data><wd:Accounting_Journal_ID>eu-2026-000017</wd:Accounting_Journal_ID><wd:Submit>true</wd:Submit>",
        &reference("Company_Reference", "Company_Reference_ID", "CO_EU"),
        &reference("Currency_Reference", "Currency_ID", "EUR"),
        &reference("Ledger_Type_Reference", "Ledger_Type_ID", "Actuals"),
        "<wd:Accounting_Date>2026-01-15</wd:Accounting_Date>",
        &reference("Journal_Source_Reference", "Journal_Source_ID", "Tieout"),
        "<wd:Journal_Entry_Memo>Köln אב</wd:Journal_Entry_Memo><wd:External_Reference_ID>INV &lt;1&gt; &amp; 2</wd:External_Reference_ID>",
        "<wd:Journal_Entry_Line_Replacement_Data><wd:Line_Order>1</wd:Line_Order>",
        &account("1200"),
        "<wd:Debit_Amount>12000</wd:Debit_Amount>",
        &reference("Currency_Reference", "Currency_ID", "JPY"),
        "<wd:Currency_Rate>0.8</wd:Currency_Rate><wd:Ledger_Debit_Amount>9600.00</wd:Ledger_Debit_Amount><wd:Memo>Köln אב</wd:Memo>",
        &reference("Worktags_Reference", "Customer_ID", "C-7"),
        "</wd:Journal_Entry_Line_Replacement_Data><wd:Journal_Entry_Line_Replacement_Data><wd:Line_Order>2</wd:Line_Order>",
        &account("4000"),
        "<wd:Credit_Amount>12000</wd:Credit_Amount>",
        &reference("Currency_Reference", "Currency_ID", "JPY"),
        "<wd:Currency_Rate>0.8</wd:Currency_Rate><wd:Ledger_Credit_Amount>9600.00</wd:Ledger_Credit_Amount><wd:Memo>Köln אב</wd:Memo>",
        "</wd:Journal_Entry_Line_Replacement_Data></wd:Accounting_Journal_Data></wd:Submit_Accounting_Journal_Request>",
    ];
    assert_eq!(line["body"]["request"].as_str().unwrap(), wanted.concat());
}

#[tokio::test]
async fn each_validation_error_is_told_with_its_line() {
    let accounts = json!({ "accounts-receivable": "1", "revenue-access": "2" });
    let (connector, shared) = started(Service::default(), json!({ "accounts": accounts }));
    let answer = delivered(connector.as_ref(), "2025-12-31").await;
    let Said::Refused(words) = answer.said else {
        panic!("{answer:?}");
    };
    assert_eq!(
        words,
        "The ledger period status for the journal is not valid.; \
         line 1: Invalid ID value. '1' is not a valid ID value for type = 'Ledger_Account_ID'; \
         line 2: Invalid ID value. '2' is not a valid ID value for type = 'Ledger_Account_ID'"
    );
    assert!(shared.lock().unwrap().journals.is_empty());
}

#[tokio::test]
async fn a_journal_that_is_posted_a_while_later_is_waited_for() {
    let service = Service {
        first: Some(("IN_PROGRESS", 3)),
        ..Service::default()
    };
    let (connector, shared) = started(service, json!({}));
    let answer = delivered(connector.as_ref(), "2026-01-15").await;
    assert!(
        matches!(answer.said, Said::Acknowledged { .. }),
        "{answer:?}"
    );
    assert_eq!(shared.lock().unwrap().journals.len(), 1);
}

#[tokio::test]
async fn what_is_not_posted_counts_for_nothing() {
    for (status, told) in [("DRAFT", "not booked"), ("CANCELED", "is CANCELED there")] {
        let service = Service {
            first: Some((status, usize::MAX)),
            ..Service::default()
        };
        let (connector, _) = started(service, json!({}));
        let answer = delivered(connector.as_ref(), "2026-01-15").await;
        let Said::Refused(words) = answer.said else {
            panic!("{status}: {answer:?}");
        };
        assert!(words.contains(told), "{status}: {words}");
    }
}

#[tokio::test]
async fn a_second_journal_of_an_id_is_found_and_not_refused() {
    let (connector, shared) = started(Service::default(), json!({}));
    delivered(connector.as_ref(), "2026-01-15").await;
    shared.lock().unwrap().blind = 1;
    let answer = delivered(connector.as_ref(), "2026-01-15").await;
    assert!(
        matches!(answer.said, Said::Acknowledged { .. }),
        "{answer:?}"
    );
    assert_eq!(shared.lock().unwrap().journals.len(), 1);
}

#[tokio::test]
async fn rights_and_passwords_that_are_missing_hold_everything_up() {
    let service = Service {
        forbidden: true,
        ..Service::default()
    };
    let (connector, _) = started(service, json!({}));
    let answer = delivered(connector.as_ref(), "2026-01-15").await;
    let Said::Unsent(words) = answer.said else {
        panic!("{answer:?}");
    };
    assert!(words.contains("not authorized"), "{words}");
    let (connector, _) = started(Service::default(), json!({ "user": "nobody@example" }));
    let answer = delivered(connector.as_ref(), "2026-01-15").await;
    assert!(matches!(answer.said, Said::Unsent(_)), "{answer:?}");
    let error = connector.check().await.unwrap_err().to_string();
    assert!(error.contains("nobody@example"), "{error}");
}

#[tokio::test]
async fn another_amount_in_the_ledgers_currency_is_found_out() {
    let (connector, shared) = started(Service::default(), json!({}));
    delivered(connector.as_ref(), "2026-01-15").await;
    shared.lock().unwrap().journals[0].lines[0].ledger_debit -= Decimal::ONE;
    let answer = delivered(connector.as_ref(), "2026-01-15").await;
    let Said::Differs { words, .. } = answer.said else {
        panic!("{answer:?}");
    };
    assert!(
        words.contains("1200 JPY for 9599 EUR stands there"),
        "{words}"
    );
}
