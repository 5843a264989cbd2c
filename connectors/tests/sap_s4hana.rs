//! Journal entries by SOAP and read back by `OData`, against a system that is as strict as its maker's help and metadata say.

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

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{NaiveDate, NaiveTime};
use common::batch;
use connectors::erp::{Answered, Delivery, ErpConnector, ErpKind, Said};
use formats::erp::{Artifact, ExportBatch};
use formats::read::xml::{Element, document};
use peer::{Act, Request, serve};
use reqwest::Url;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use suite::{Maker, SECRET, Subject, host, keeps_the_contract, secret};

const SERVICE: &str = "/sap/bc/srt/scs_ext/sap/journalentrycreaterequestconfi";
const ITEMS: &str = "/sap/opu/odata/sap/API_OPLACCTGDOCITEMCUBE_SRV/A_OperationalAcctgDocItemCube";
const ACCOUNTS: [&str; 3] = ["12100000", "22000000", "41000000"];
/// What only partners' lines may post to.
const RECONCILED: &str = "12109999";

const ENTRY: [&str; 18] = [
    "OriginalReferenceDocumentType",
    "OriginalReferenceDocument",
    "OriginalReferenceDocumentLogicalSystem",
    "BusinessTransactionType",
    "AccountingDocumentType",
    "DocumentReferenceID",
    "DocumentHeaderText",
    "CreatedByUser",
    "CompanyCode",
    "DocumentDate",
    "PostingDate",
    "PostingFiscalPeriod",
    "TaxReportingDate",
    "TaxDeterminationDate",
    "Reference1InDocumentHeader",
    "Reference2InDocumentHeader",
    "Item",
    "DebtorItem",
];

const ITEM: [&str; 10] = [
    "ReferenceDocumentItem",
    "CompanyCode",
    "GLAccount",
    "AmountInTransactionCurrency",
    "AmountInCompanyCodeCurrency",
    "DebitCreditCode",
    "DocumentItemText",
    "AssignmentReference",
    "Tax",
    "AccountAssignment",
];

const DEBTOR: [&str; 7] = [
    "ReferenceDocumentItem",
    "Debtor",
    "AltvRecnclnAccts",
    "AmountInTransactionCurrency",
    "AmountInCompanyCodeCurrency",
    "DebitCreditCode",
    "DocumentItemText",
];

struct Line {
    account: String,
    customer: String,
    is_credit: bool,
    amount: Decimal,
    company_amount: Decimal,
}

struct Entry {
    reference: String,
    key: String,
    text: String,
    date: NaiveDate,
    currency: String,
    lines: Vec<Line>,
    category: &'static str,
    is_reversal: bool,
}

/// The system.
#[derive(Default)]
struct System {
    entries: Vec<Entry>,
    /// Whether it breaks before it posts, or after.
    breaks: Option<bool>,
    /// How what it posts counts.
    category: &'static str,
}

type Refusal = (&'static str, String);

fn text<'e>(element: &'e Element, name: &str) -> &'e str {
    element.text_at(&[name]).unwrap_or_default()
}

/// Whether children are known and in their order; those of the same name may follow each other.
fn is_ordered(element: &Element, known: &[&str]) -> bool {
    let mut at = 0;
    element.children().all(|(name, _)| {
        let found = known.iter().position(|own| *own == name);
        let holds = found.is_some_and(|found| found >= at);
        at = found.unwrap_or(at);
        holds
    })
}

fn fault(code: &str, words: &str) -> Act {
    let body = format!(
        "<soap-env:Envelope xmlns:soap-env=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap-env:Header/><soap-env:Body>\
         <soap-env:Fault><faultcode>{code}</faultcode><faultstring xml:lang=\"en\">{words}</faultstring><detail/>\
         </soap-env:Fault></soap-env:Body></soap-env:Envelope>"
    );
    Act::Answer(500, "content-type: text/xml\r\n", body)
}

/// As live systems answer.
fn confirmation(number: &str, company: &str, year: &str, items: &[(&str, &str, String)]) -> Act {
    let worst = items
        .iter()
        .map(|(_, severity, _)| *severity)
        .max()
        .unwrap();
    let items: Vec<String> = items
        .iter()
        .map(|(kind, severity, note)| {
            format!("<Item><TypeID>{kind}</TypeID><SeverityCode>{severity}</SeverityCode><Note>{note}</Note><WebURI>http://host:50000/docu?ID=NA&amp;LANGUAGE=E</WebURI></Item>")
        })
        .collect();
    let items = items.concat();
    let body = format!(
        "\r\n<soap-env:Envelope xmlns:soap-env=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap-env:Header/><soap-env:Body>\
         <n0:JournalEntryBulkCreateConfirmation xmlns:n0=\"http://sap.com/xi/SAPSCORE/SFIN\" xmlns:prx=\"urn:sap.com:proxy:XGJ\">\
         <MessageHeader><UUID>2d656d48-6d1b-1eee-bc82-9fbbd1ef35ff</UUID><ReferenceID>x</ReferenceID></MessageHeader>\
         <ConfirmationInterfaceOrignName/><JournalEntryCreateConfirmation><MessageHeader><ReferenceID>x</ReferenceID></MessageHeader>\
         <JournalEntryCreateConfirmation><AccountingDocument>{number}</AccountingDocument><CompanyCode>{company}</CompanyCode>\
         <FiscalYear>{year}</FiscalYear></JournalEntryCreateConfirmation><Log><MaximumLogItemSeverityCode>{worst}</MaximumLogItemSeverityCode>\
         {items}</Log></JournalEntryCreateConfirmation><Log/></n0:JournalEntryBulkCreateConfirmation></soap-env:Body></soap-env:Envelope>"
    );
    Act::Answer(200, "content-type: text/xml; charset=utf-8\r\n", body)
}

impl System {
    fn post(&mut self, request: &Request) -> Act {
        assert!(request.headers["content-type"].starts_with("text/xml"));
        let sent = String::from_utf8(request.body.clone()).unwrap();
        // Only the root is qualified.
        assert_eq!(sent.matches("<sfin:").count(), 1, "{sent}");
        let (_, envelope) = document(&request.body).unwrap();
        let bulk = envelope
            .at(&["Body", "JournalEntryBulkCreateRequest"])
            .unwrap();
        if self.breaks == Some(true) {
            self.breaks = None;
            return fault("soap-env:Server", "Web service processing error");
        }
        let one = bulk.child("JournalEntryCreateRequest").unwrap();
        let entry = one.child("JournalEntry").unwrap();
        let items = entry.all("Item").all(|item| is_ordered(item, &ITEM));
        let debtors = entry
            .all("DebtorItem")
            .all(|item| is_ordered(item, &DEBTOR));
        if !is_ordered(entry, &ENTRY) || !items || !debtors {
            return fault("soap-env:Server", "Web service processing error");
        }
        let answer = match posted(bulk, one, entry) {
            Ok(mut posted) => {
                posted.category = self.category;
                self.entries.push(posted);
                let number = format!("{:010}", 100_000_000 + self.entries.len());
                let note = format!("Document posted successfully: BKPFF {number}10102026 0M4SMVI");
                confirmation(&number, "1010", "2026", &[("605(RW)", "1", note)])
            }
            Err((kind, words)) => {
                let heading = "Error in document: BKPFF $ 0M4SMVI".to_owned();
                let items = [
                    ("609(RW)", "3", heading),
                    (kind, "3", words.clone()),
                    (kind, "3", words),
                ];
                // Some systems answer zeros and some nothing.
                let number = if kind == "507(F5)" { " " } else { "0000000000" };
                confirmation(number, " ", "0000", &items)
            }
        };
        if self.breaks.take() == Some(false) {
            return fault("soap-env:Server", "Web service processing error");
        }
        answer
    }

    fn read(&self, request: &Request) -> Act {
        assert_eq!(request.headers["accept"], "application/json");
        let url = Url::parse(&format!("http://localhost{}", request.path)).unwrap();
        let asked: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        let words: Vec<&str> = asked["$filter"].split(' ').collect();
        let ["CompanyCode", "eq", company, "and", field, "eq", value] = words.as_slice() else {
            panic!("{asked:?}");
        };
        assert!(
            company.starts_with('\'') && value.starts_with('\''),
            "{asked:?}"
        );
        let value = value.trim_matches('\'');
        let mut rows = Vec::new();
        for (entry, number) in self.entries.iter().zip(1..) {
            let held = match *field {
                "DocumentReferenceID" => &entry.reference,
                "Reference1InDocumentHeader" => &entry.key,
                "AccountingDocumentHeaderText" => &entry.text,
                "AccountingDocument" => continue,
                other => panic!("{other}"),
            };
            if *company == "'1010'" && held == value {
                rows.extend(entry.rows(100_000_000 + number));
            }
        }
        let skip: usize = asked["$skip"].parse().unwrap();
        let top: usize = asked["$top"].parse().unwrap();
        let left = rows.len() - skip;
        // Two at once, whatever was asked for.
        let page: Vec<Value> = rows.into_iter().skip(skip).take(top.min(2)).collect();
        let selected: Vec<&str> = asked["$select"].split(',').collect();
        let page: Vec<Value> = page
            .iter()
            .map(|row| {
                let fields = selected
                    .iter()
                    .map(|name| ((*name).to_owned(), row[*name].clone()));
                Value::Object(fields.collect())
            })
            .collect();
        let mut said = json!({ "d": { "results": page } });
        if left > 2 {
            said["d"]["__next"] = json!("http://host/next?$skiptoken=2");
        }
        Act::Answer(200, "content-type: application/json\r\n", said.to_string())
    }
}

impl Entry {
    fn rows(&self, number: usize) -> Vec<Value> {
        let millis = self
            .date
            .and_time(NaiveTime::MIN)
            .and_utc()
            .timestamp_millis();
        let lines = self.lines.iter().zip(1..);
        lines
            .map(|(line, item): (&Line, usize)| {
                json!({
                    "CompanyCode": "1010", "FiscalYear": "2026",
                    "AccountingDocument": format!("{number:010}"),
                    "AccountingDocumentItem": item.to_string(),
                    "AccountingDocumentCategory": self.category,
                    "PostingDate": format!("/Date({millis})/"),
                    "FinancialAccountType": if line.customer.is_empty() { "S" } else { "D" },
                    "GLAccount": format!("{:0>10}", line.account),
                    "Customer": format!("{:0>10}", line.customer), "Supplier": "",
                    "DebitCreditCode": if line.is_credit { "H" } else { "S" },
                    "TransactionCurrency": self.currency,
                    "AmountInTransactionCurrency": format!("{:.3}", line.amount),
                    "CompanyCodeCurrency": "EUR",
                    "AmountInCompanyCodeCurrency": format!("{:.3}", line.company_amount),
                    "IsReversal": self.is_reversal,
                })
            })
            .collect()
    }
}

fn within(element: &Element, name: &str, most: usize) -> Result<String, Refusal> {
    let found = text(element, name);
    if found.encode_utf16().count() > most {
        return Err(("001(XX)", format!("{name} is too long")));
    }
    Ok(found.to_owned())
}

fn posted(bulk: &Element, one: &Element, entry: &Element) -> Result<Entry, Refusal> {
    for header in [bulk, one] {
        let header = header.child("MessageHeader").unwrap();
        if text(header, "ID").is_empty() || text(header, "ID").len() > 35 {
            let words = "Message header id and Sub-Message header id should not be empty";
            return Err(("019(FINS_FI_POSTING_IF)", words.to_owned()));
        }
        assert!(text(header, "CreationDateTime").ends_with('Z'));
    }
    assert_eq!(text(entry, "OriginalReferenceDocumentType"), "BKPFF");
    assert_eq!(text(entry, "BusinessTransactionType"), "RFBU");
    if text(entry, "CompanyCode") != "1010" {
        return Err(("165(F5)", "Company code does not exist".to_owned()));
    }
    for name in ["AccountingDocumentType", "CreatedByUser", "DocumentDate"] {
        if text(entry, name).is_empty() {
            return Err(("001(XX)", format!("{name} is missing")));
        }
    }
    within(entry, "CreatedByUser", 12)?;
    let date: NaiveDate = text(entry, "PostingDate").parse().unwrap();
    if date < "2026-01-01".parse().unwrap() {
        return Err(("201(F5)", "Posting period 012 2025 is not open".to_owned()));
    }
    let mut lines = Vec::new();
    let mut currencies = Vec::new();
    for (name, item) in entry.children() {
        if name == "Item" || name == "DebtorItem" {
            lines.push(line(item, &mut currencies)?);
        }
    }
    currencies.dedup();
    if currencies.len() > 1 {
        let words = "Transaction currencies in item 1 and item 2 differ";
        return Err(("005(FINS_FI_POSTING_IF)", words.to_owned()));
    }
    let sums: Decimal = lines.iter().map(|line| line.amount).sum();
    let company: Decimal = lines.iter().map(|line| line.company_amount).sum();
    if !sums.is_zero() || !company.is_zero() {
        let words = "Amount balance in transaction currency must be zero";
        return Err(("016(FINS_FI_POSTING_IF)", words.to_owned()));
    }
    Ok(Entry {
        reference: within(entry, "DocumentReferenceID", 16)?.to_uppercase(),
        key: within(entry, "Reference1InDocumentHeader", 20)?.to_uppercase(),
        text: within(entry, "DocumentHeaderText", 25)?,
        date,
        currency: currencies.remove(0),
        lines,
        category: "",
        is_reversal: false,
    })
}

fn line(item: &Element, currencies: &mut Vec<String>) -> Result<Line, Refusal> {
    let account = text(item, "GLAccount");
    let customer = text(item, "Debtor");
    if customer.is_empty() && account == RECONCILED {
        let words = format!("Account {account} in company code 1010 cannot be directly posted to");
        return Err(("354(F5)", words));
    }
    if customer.is_empty() && !ACCOUNTS.contains(&account) {
        let words = format!("G/L account {account} is not defined in chart of accounts YCOA");
        return Err(("507(F5)", words));
    }
    if !customer.is_empty() && customer != "10100001" {
        let words = format!("Customer {customer} is not defined in company code 1010");
        return Err(("102(F5)", words));
    }
    within(item, "DocumentItemText", 50)?;
    within(item, "AssignmentReference", 18)?;
    let amount = |name: &str| {
        let found = item.child(name)?;
        let currency = found.attribute("currencyCode").unwrap().to_owned();
        Some((found.text.parse::<Decimal>().unwrap(), currency))
    };
    let (own, currency) = amount("AmountInTransactionCurrency").unwrap();
    let company = match amount("AmountInCompanyCodeCurrency") {
        Some((amount, currency)) if currency == "EUR" => amount,
        None if currency == "EUR" => own,
        _ => {
            return Err((
                "002(FINS_FI_POSTING_IF)",
                "Company code currency missing".to_owned(),
            ));
        }
    };
    let is_credit = text(item, "DebitCreditCode") == "H";
    assert!(is_credit || text(item, "DebitCreditCode") == "S");
    if own.is_sign_negative() != is_credit || company.is_sign_negative() != is_credit {
        return Err((
            "001(XX)",
            "sign and debit/credit code contradict".to_owned(),
        ));
    }
    currencies.push(currency);
    Ok(Line {
        account: if customer.is_empty() {
            account
        } else {
            RECONCILED
        }
        .to_owned(),
        customer: customer.to_owned(),
        is_credit,
        amount: own,
        company_amount: company,
    })
}

impl Maker for System {
    fn answer(&mut self, request: &Request) -> Act {
        let wanted = format!("Basic {}", STANDARD.encode(format!("TIEOUT:{SECRET}")));
        if request.headers.get("authorization") != Some(&wanted) {
            return Act::Answer(401, "", "Logon failed".into());
        }
        let path = request.path.split('?').next().unwrap();
        match (request.method.as_str(), path) {
            ("POST", SERVICE) => self.post(request),
            ("GET", ITEMS) => self.read(request),
            other => panic!("{other:?}"),
        }
    }

    fn changes(&self, request: &Request) -> bool {
        request.method == "POST"
    }

    fn booked(&self) -> BTreeMap<String, usize> {
        let mut booked = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| !entry.is_reversal) {
            *booked.entry(entry.reference.clone()).or_default() += 1;
        }
        booked
    }

    fn falsify(&mut self) {
        self.entries[0].lines[0].amount -= Decimal::new(1, 2);
    }
}

fn options(url: &str) -> Value {
    json!({
        "url": url,
        "auth": { "basic": { "user": "TIEOUT", "password": secret() } },
        "companies": { "eu": "1010" }, "created_by": "TIEOUT",
        "accounts": {
            "accounts-receivable": "12100000", "tax-payable": "22000000",
            "revenue-access": "41000000",
        },
        "dimensions": { "ProfitCenter": "product" },
    })
}

#[tokio::test]
async fn keeps_what_every_erp_has_to() {
    keeps_the_contract(Subject {
        kind: "sap_s4hana",
        options,
        maker: System::default,
        unknown_account: "G/L account 9999 is not defined in chart of accounts YCOA",
        foreign: true,
    })
    .await;
}

type Shared = Arc<Mutex<System>>;

fn started(system: System, more: Value) -> (Box<dyn ErpConnector>, Shared) {
    let shared = Arc::new(Mutex::new(system));
    let serving = Arc::clone(&shared);
    let url = serve(move |request| serving.lock().unwrap().answer(request));
    let mut options = options(&url);
    for (name, value) in more.as_object().unwrap() {
        options[name] = value.clone();
    }
    let kind = ErpKind::find("sap_s4hana").unwrap();
    (kind.open(options, &host()).unwrap(), shared)
}

fn entries(date: &str) -> ExportBatch {
    batch(
        "books",
        &json!([{
            "id": 17, "entity": "eu", "period": "2026-01", "date": date, "kind": "original",
            "reference": "INV <1> & 2", "description": "Köln\nאב und mehr als fünfundzwanzig Zeichen",
            "functional": "EUR", "rate": "0.8",
            "lines": [
                { "debit": "accounts-receivable", "amount": "12000 JPY", "functional": "9600.00 EUR" },
                { "credit": "revenue-access", "amount": "12000 JPY", "functional": "9600.00 EUR",
                  "dimensions": { "product": "pro" } },
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
    let debtors = json!({ "debtors": { "accounts-receivable": { "dimension": "customer", "default": "10100001" } } });
    let (connector, _) = started(System::default(), debtors);
    let artifact = rendered(connector.as_ref(), &entries("2026-01-15"));
    let line: Value = serde_json::from_slice(&artifact.bytes).unwrap();
    assert_eq!(line["document"], "eu-2026-000017");
    assert_eq!(line["company"], "1010");
    assert_eq!(
        line["lines"],
        json!([
            ["customer 10100001 JPY for 9600 EUR", "12000"],
            ["41000000 JPY for -9600 EUR", "-12000"]
        ])
    );
    let header = "<MessageHeader><ID>eu-2026-000017</ID><CreationDateTime>2026-02-02T06:00:00Z</CreationDateTime></MessageHeader>";
    assert_eq!(
        line["body"]["request"].as_str().unwrap(),
        format!(
            "<sfin:JournalEntryBulkCreateRequest xmlns:sfin=\"http://sap.com/xi/SAPSCORE/SFIN\">{header}\
             <JournalEntryCreateRequest>{header}<JournalEntry><OriginalReferenceDocumentType>BKPFF</OriginalReferenceDocumentType>\
             <BusinessTransactionType>RFBU</BusinessTransactionType><AccountingDocumentType>SA</AccountingDocumentType>\
             <DocumentReferenceID>EU-2026-000017</DocumentReferenceID><DocumentHeaderText>Köln אב und mehr als fünf</DocumentHeaderText>\
             <CreatedByUser>TIEOUT</CreatedByUser><CompanyCode>1010</CompanyCode><DocumentDate>2026-01-15</DocumentDate>\
             <PostingDate>2026-01-15</PostingDate>\
             <Item><ReferenceDocumentItem>2</ReferenceDocumentItem><GLAccount>41000000</GLAccount>\
             <AmountInTransactionCurrency currencyCode=\"JPY\">-12000</AmountInTransactionCurrency>\
             <AmountInCompanyCodeCurrency currencyCode=\"EUR\">-9600.00</AmountInCompanyCodeCurrency>\
             <DebitCreditCode>H</DebitCreditCode><DocumentItemText>Köln אב und mehr als fünfundzwanzig Zeichen</DocumentItemText>\
             <AssignmentReference>INV &lt;1&gt; &amp; 2</AssignmentReference>\
             <AccountAssignment><ProfitCenter>pro</ProfitCenter></AccountAssignment></Item>\
             <DebtorItem><ReferenceDocumentItem>1</ReferenceDocumentItem><Debtor>10100001</Debtor>\
             <AmountInTransactionCurrency currencyCode=\"JPY\">12000</AmountInTransactionCurrency>\
             <AmountInCompanyCodeCurrency currencyCode=\"EUR\">9600.00</AmountInCompanyCodeCurrency>\
             <DebitCreditCode>S</DebitCreditCode><DocumentItemText>Köln אב und mehr als fünfundzwanzig Zeichen</DocumentItemText></DebtorItem>\
             </JournalEntry></JournalEntryCreateRequest></sfin:JournalEntryBulkCreateRequest>"
        )
    );
}

#[tokio::test]
async fn a_closed_period_is_told_in_the_systems_words() {
    let (connector, shared) = started(System::default(), json!({}));
    let answer = delivered(connector.as_ref(), "2025-12-31").await;
    let Said::Refused(words) = answer.said else {
        panic!("{answer:?}");
    };
    assert_eq!(words, "Posting period 012 2025 is not open");
    assert!(shared.lock().unwrap().entries.is_empty());
}

#[tokio::test]
async fn the_number_stands_where_the_options_say() {
    for field in ["document_reference", "reference_1", "header_text"] {
        let (connector, shared) = started(System::default(), json!({ "number_in": field }));
        for _ in 0..2 {
            let answer = delivered(connector.as_ref(), "2026-01-15").await;
            assert!(
                matches!(answer.said, Said::Acknowledged { .. }),
                "{field}: {answer:?}"
            );
        }
        assert_eq!(shared.lock().unwrap().entries.len(), 1, "{field}");
        let mut long = entries("2026-01-15");
        long.entries[0].document = "a-very-long-entity-2026-000017".to_owned();
        let error = connector
            .render(&long, &mut Vec::new())
            .unwrap_err()
            .to_string();
        assert!(error.contains("30 characters"), "{field}: {error}");
    }
}

#[tokio::test]
async fn accounts_of_customers_are_posted_to_by_the_customer() {
    let accounts = json!({ "accounts-receivable": RECONCILED, "revenue-access": "41000000" });
    let (connector, _) = started(System::default(), json!({ "accounts": accounts }));
    let answer = delivered(connector.as_ref(), "2026-01-15").await;
    let Said::Refused(words) = answer.said else {
        panic!("{answer:?}");
    };
    assert!(words.contains("cannot be directly posted to"), "{words}");
    let debtors = json!({ "accounts-receivable": { "default": "10100001" } });
    let more = json!({ "accounts": accounts, "debtors": debtors });
    let (connector, shared) = started(System::default(), more);
    for _ in 0..2 {
        let answer = delivered(connector.as_ref(), "2026-01-15").await;
        assert!(
            matches!(answer.said, Said::Acknowledged { .. }),
            "{answer:?}"
        );
    }
    assert_eq!(shared.lock().unwrap().entries.len(), 1);
}

#[tokio::test]
async fn a_fault_of_the_server_is_looked_after() {
    for breaks_before in [true, false] {
        let system = System {
            breaks: Some(breaks_before),
            ..System::default()
        };
        let (connector, shared) = started(system, json!({}));
        let answer = delivered(connector.as_ref(), "2026-01-15").await;
        assert!(
            matches!(answer.said, Said::Acknowledged { .. }),
            "{answer:?}"
        );
        assert_eq!(shared.lock().unwrap().entries.len(), 1);
    }
}

#[tokio::test]
async fn what_reverses_a_document_is_none_of_ours_and_what_is_parked_counts_for_nothing() {
    let (connector, shared) = started(System::default(), json!({}));
    delivered(connector.as_ref(), "2026-01-15").await;
    {
        let mut system = shared.lock().unwrap();
        let mut lines = Vec::new();
        for line in &system.entries[0].lines {
            lines.push(Line {
                account: line.account.clone(),
                customer: line.customer.clone(),
                is_credit: !line.is_credit,
                amount: -line.amount,
                company_amount: -line.company_amount,
            });
        }
        let reversal = Entry {
            reference: system.entries[0].reference.clone(),
            key: String::new(),
            text: String::new(),
            date: system.entries[0].date,
            currency: system.entries[0].currency.clone(),
            lines,
            category: "",
            is_reversal: true,
        };
        system.entries.push(reversal);
    }
    let answer = delivered(connector.as_ref(), "2026-01-15").await;
    assert!(
        matches!(answer.said, Said::Acknowledged { .. }),
        "{answer:?}"
    );
    let system = System {
        category: "V",
        ..System::default()
    };
    let (connector, _) = started(system, json!({}));
    let answer = delivered(connector.as_ref(), "2026-01-15").await;
    assert!(matches!(answer.said, Said::Refused(_)), "{answer:?}");
}

#[tokio::test]
async fn another_amount_in_company_code_currency_is_found_out() {
    let (connector, shared) = started(System::default(), json!({}));
    delivered(connector.as_ref(), "2026-01-15").await;
    shared.lock().unwrap().entries[0].lines[0].company_amount -= Decimal::ONE;
    let answer = delivered(connector.as_ref(), "2026-01-15").await;
    let Said::Differs { words, .. } = answer.said else {
        panic!("{answer:?}");
    };
    assert!(
        words.contains("12100000 JPY for 9600 EUR was sent"),
        "{words}"
    );
    assert!(
        words.contains("12100000 JPY for 9599 EUR stands there"),
        "{words}"
    );
}

#[test]
fn a_mixture_of_currencies_and_too_many_lines_are_refused() {
    let (connector, _) = started(System::default(), json!({}));
    let mut lines = vec![json!({ "debit": "accounts-receivable", "amount": "999.00 EUR" })];
    lines.extend((0..999).map(|_| json!({ "credit": "revenue-access", "amount": "1.00 EUR" })));
    let entry = json!([{
        "id": 17, "entity": "eu", "period": "2026-01", "date": "2026-01-15", "kind": "original",
        "reference": "R", "description": "", "functional": "EUR", "lines": lines,
    }]);
    let batch = batch("books", &entry);
    let error = connector
        .render(&batch, &mut Vec::new())
        .unwrap_err()
        .to_string();
    assert!(error.contains("at most 999 lines"), "{error}");
}
