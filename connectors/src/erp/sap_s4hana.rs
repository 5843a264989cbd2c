//! SAP S/4HANA: each entry as one journal entry, by the SOAP service "Journal Entry - Post (Synchronous)", never twice.
//!
//! The service looks for no duplicate. Our number stands in a field of the header (`number_in`) that holds 16, 20 or 25
//! characters; one that is longer is refused. It is looked for there, and read back with its lines, by the `OData` service
//! `API_OPLACCTGDOCITEMCUBE_SRV`. The first two fields hold capitals only, and the number is written in capitals there. A document
//! that reverses another bears its number too and is passed over.
//!
//! Dialect: `JournalEntryBulkCreateRequest`, of which only the root is qualified and the order of elements matters; a
//! credit is `H` and below zero. The answer is 200: a document number, or zeros or nothing and a log whose items of
//! severity 3 say why it was refused. A fault of the server may come before or after posting, so that nobody knows.
//! A journal entry is in one currency and has at most 999 lines; where that is not the books' it also says the amounts
//! in company code currency, which are compared as well.
//!
//! Accounts of customers and suppliers are posted to by the partner (`debtors`, `creditors`) and compared by it. Lines
//! carry no tax codes, so that an account that demands one refuses them. Sources: the maker's help and metadata, answers
//! of live systems that are public. Uncertain: the amount in company code currency in lines of partners, and
//! the order of `AccountAssignment` after its first three. Not run against the live system.

use super::amounts::signed;
use super::compared::{named, own};
use super::documents::{ByDocument, Document, DocumentApi, Found, Handed, Pace, Progress};
use super::soap::{self, CONTENT, Reply, told};
use super::{ErpKind, Host, OpenError};
use crate::caller::Caller;
use crate::http::auth::AuthConfig;
use crate::http::{Answer, Peer, query};
use crate::transport::TransportError;
use async_trait::async_trait;
use chrono::{DateTime, NaiveDate};
use formats::erp::limits::{Currencies, Limits, Sides};
use formats::erp::mapped::{Names, Placed, fit};
use formats::erp::xml::Xml;
use formats::erp::{ExportBatch, ExportEntry, RenderError};
use formats::read::xml::Element;
use ledger::money::parse_decimal;
use ledger::{Money, Side};
use reqwest::Method;
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// This kind's registration.
pub const KIND: ErpKind = ErpKind::api::<ByDocument<S4Hana>>(
    "sap_s4hana",
    "SAP S/4HANA, by its service for journal entries",
    EXAMPLE,
)
.holding(Limits {
    lines: Some(999),
    number: Some(25),
    currencies: Currencies::One,
    sides: Sides::Signed,
    ..Limits::NONE
});

const EXAMPLE: &str = "\
url: https://my000000-api.s4hana.cloud.sap
auth: { basic: { user: TIEOUT, password: { env: TIEOUT_SAP_PASSWORD } } }
# Company codes by entity.
companies: { us: '1710', eu: '1010' }
created_by: TIEOUT
type: SA
# Where our number stands: document_reference (16 characters), reference_1 (20) or header_text (25).
number_in: document_reference
accounts: { revenue-access: '41000000', tax-payable: '22000000' }
# Accounts of customers: the one whose number this dimension says, else this one.
debtors: { accounts-receivable: { dimension: customer, default: '10100001' } }
dimensions: { ProfitCenter: product, CostCenter: cost-center }
";

const NAMESPACE: &str = "http://sap.com/xi/SAPSCORE/SFIN";
const ROOT: &str = "sfin:JournalEntryBulkCreateRequest";
const ITEMS: &str = "sap/opu/odata/sap/API_OPLACCTGDOCITEMCUBE_SRV/A_OperationalAcctgDocItemCube";

/// What a line may be assigned to, in the order of the service.
const ASSIGNED: [&str; 3] = ["ProfitCenter", "Segment", "CostCenter"];

/// What is asked of a line.
const SELECT: &str = "CompanyCode,FiscalYear,AccountingDocument,AccountingDocumentItem,\
AccountingDocumentCategory,PostingDate,FinancialAccountType,GLAccount,Customer,Supplier,DebitCreditCode,\
TransactionCurrency,AmountInTransactionCurrency,CompanyCodeCurrency,AmountInCompanyCodeCurrency,IsReversal";

/// How many lines are asked for at once, and how many a journal entry has at most.
const PAGE: usize = 1_000;
const LINES: usize = 999;

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The system.
    pub url: String,
    /// Who posts.
    pub auth: AuthConfig,
    /// The service below the address that journal entries are posted to.
    #[serde(default = "default_service")]
    pub service: String,
    /// The client, where the address has several.
    #[serde(default)]
    pub client: Option<String>,
    /// Company codes by entity.
    pub companies: Names,
    /// Who is named as the one who created a journal entry.
    pub created_by: String,
    /// The type of journal entries.
    #[serde(default = "default_type")]
    pub r#type: String,
    /// The field that our number stands in.
    #[serde(default)]
    pub number_in: NumberIn,
    /// Numbers of accounts that are not the codes of the chart.
    #[serde(default)]
    pub accounts: Names,
    /// Whose the accounts are that are posted to by the customer.
    #[serde(default)]
    pub debtors: BTreeMap<String, Partner>,
    /// Whose the accounts are that are posted to by the supplier.
    #[serde(default)]
    pub creditors: BTreeMap<String, Partner>,
    /// Our dimensions by what a line is assigned to.
    #[serde(default, deserialize_with = "of_assignments")]
    pub dimensions: Names,
}

/// The field that our number stands in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum NumberIn {
    /// The reference of the document.
    #[default]
    #[serde(rename = "document_reference")]
    DocumentReference,
    /// The first reference key of the header.
    #[serde(rename = "reference_1")]
    ReferenceKey,
    /// The text of the header.
    #[serde(rename = "header_text")]
    HeaderText,
}

/// Whose an account is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partner {
    /// The dimension that says the number.
    #[serde(default)]
    pub dimension: Option<String>,
    /// The one that is taken where the line has no such dimension.
    #[serde(default)]
    pub default: Option<String>,
}

fn default_service() -> String {
    "sap/bc/srt/scs_ext/sap/journalentrycreaterequestconfi".to_owned()
}

fn default_type() -> String {
    "SA".to_owned()
}

fn of_assignments<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Names, D::Error> {
    let names = Names::deserialize(deserializer)?;
    let odd = names
        .keys()
        .find(|name| !ASSIGNED.iter().any(|own| own == name));
    match odd {
        Some(odd) => Err(D::Error::custom(format!(
            "a line is not assigned to `{odd}` from here, but to {}",
            ASSIGNED.join(", ")
        ))),
        None => Ok(names),
    }
}

impl NumberIn {
    /// What the field is called when it is looked for, and what it holds.
    const fn field(self) -> (&'static str, usize) {
        match self {
            Self::DocumentReference => ("DocumentReferenceID", 16),
            Self::ReferenceKey => ("Reference1InDocumentHeader", 20),
            Self::HeaderText => ("AccountingDocumentHeaderText", 25),
        }
    }

    /// Our number as the field holds it.
    fn written(self, number: &str) -> String {
        match self {
            Self::DocumentReference | Self::ReferenceKey => number.to_uppercase(),
            Self::HeaderText => number.to_owned(),
        }
    }
}

/// The connector.
#[derive(Debug)]
pub struct S4Hana {
    caller: Caller,
    config: Config,
}

/// Lines as the service takes them: those of accounts before those of partners.
#[derive(Default)]
struct Items {
    accounts: Xml,
    debtors: Xml,
    creditors: Xml,
}

#[async_trait]
impl DocumentApi for S4Hana {
    type Config = Config;

    const PACE: Pace = Pace::DEFAULT;

    fn open(config: Config, host: &Host) -> Result<Self, OpenError> {
        Ok(Self {
            caller: Caller::open(&config.url, config.auth.clone(), host)?,
            config,
        })
    }

    fn document(&self, batch: &ExportBatch, item: &ExportEntry) -> Result<Document, RenderError> {
        let (mut lines, mut items, mut head) = (Vec::new(), Items::default(), None);
        for at in Placed::of(batch, item) {
            if at.number > LINES {
                return Err(at.unfit(format!("a journal entry has at most {LINES} lines")));
            }
            if head.is_none() {
                head = Some(self.head(&at)?);
            }
            let name = self.line(&mut items, &at)?;
            lines.push(own(&name, at.line, true));
        }
        let (company, currency, head) = head.unwrap_or_default();
        let request = format!(
            "{head}{}{}{}</JournalEntry></JournalEntryCreateRequest></{ROOT}>",
            items.accounts.finish(),
            items.debtors.finish(),
            items.creditors.finish()
        );
        Ok(Document {
            number: item.document.clone(),
            company,
            date: item.entry.header().date,
            lines,
            body: json!({ "currency": currency, "request": request }),
        })
    }

    async fn find(&self, document: &Document) -> Result<Vec<Found>, TransportError> {
        let (field, _) = self.config.number_in.field();
        let number = self.config.number_in.written(&document.number);
        let filter = format!(
            "CompanyCode eq '{}' and {field} eq '{}'",
            document.company.replace('\'', "''"),
            number.replace('\'', "''")
        );
        let books = document.body["currency"].as_str().unwrap_or_default();
        let mut found = BTreeMap::<String, Found>::new();
        for row in self.rows(&filter).await? {
            if row["IsReversal"] == true {
                continue;
            }
            let (id, one) = self.one(&row)?;
            let one = found.entry(id).or_insert(one);
            let line = self.shown(&row, books)?;
            one.lines.get_or_insert_default().push(line);
        }
        Ok(found.into_values().collect())
    }

    async fn hand_over(&self, document: &Document) -> Result<Handed, TransportError> {
        let request = document.body["request"].as_str().unwrap_or_default();
        let headers = [
            ("content-type", CONTENT.to_owned()),
            (
                "soapaction",
                format!("\"{NAMESPACE}/JournalEntryBulkCreateRequest\""),
            ),
        ];
        let body = soap::envelope("", request);
        let path = self.path(&self.config.service, &[]);
        let answer = self
            .caller
            .call(Method::POST, &path, &headers, body.as_bytes());
        let answer = answer.await?;
        match soap::understood(self.peer(), &answer)? {
            Reply::Body(body) => self.confirmed(&body),
            Reply::Fault(fault) if fault.is_of_the_request() => Ok(Handed::Refused(fault.words)),
            Reply::Fault(fault) => Err(self.peer().broken(fault.words)),
            Reply::Refused => Ok(barred(&answer)),
        }
    }

    async fn check(&self) -> Result<(), TransportError> {
        let company = self.config.companies.values().next();
        let company = company.map_or("", String::as_str).replace('\'', "''");
        let filter = format!("CompanyCode eq '{company}' and AccountingDocument eq '0000000000'");
        self.rows(&filter).await.map(|_none| ())
    }
}

/// An answer that is none of the service's.
fn barred(answer: &Answer) -> Handed {
    let words = format!("it answers {}: {}", answer.status, answer.words());
    match answer.status {
        403..=405 => Handed::Blocked(words),
        _ => Handed::Refused(words),
    }
}

impl S4Hana {
    const fn peer(&self) -> &Peer {
        self.caller.peer()
    }

    fn path(&self, path: &str, pairs: &[(&str, &str)]) -> String {
        let client = self.config.client.as_deref();
        let client = client.map(|client| ("sap-client", client));
        let pairs: Vec<(&str, &str)> = pairs.iter().copied().chain(client).collect();
        if pairs.is_empty() {
            path.to_owned()
        } else {
            format!("{path}?{}", query(&pairs))
        }
    }

    /// The company code, the currency of the books, and the request as far as its first line.
    fn head(&self, at: &Placed<'_>) -> Result<(String, String, String), RenderError> {
        let (config, header) = (&self.config, at.header());
        let (field, most) = config.number_in.field();
        let number = config.number_in.written(&at.item.document);
        let number = at.key(field, &number, most)?;
        let company = at.key("CompanyCode", at.company(&config.companies)?, 4)?;
        let is_in = |place: NumberIn| config.number_in == place;
        let reference = fit(&header.reference.to_uppercase(), 16);
        let text = fit(&header.description, 25);
        let day = header.date.to_string();
        let mut xml = Xml::compact();
        xml.open_with(ROOT, &[("xmlns:sfin", NAMESPACE)]);
        message(&mut xml, at);
        xml.open("JournalEntryCreateRequest");
        message(&mut xml, at);
        xml.open("JournalEntry");
        xml.text("OriginalReferenceDocumentType", "BKPFF");
        xml.text("BusinessTransactionType", "RFBU");
        xml.text(
            "AccountingDocumentType",
            &at.key("type", &config.r#type, 2)?,
        );
        xml.some(
            "DocumentReferenceID",
            if is_in(NumberIn::DocumentReference) {
                &number
            } else {
                &reference
            },
        );
        xml.some(
            "DocumentHeaderText",
            if is_in(NumberIn::HeaderText) {
                &number
            } else {
                &text
            },
        );
        xml.text(
            "CreatedByUser",
            &at.key("created_by", &config.created_by, 12)?,
        );
        xml.text("CompanyCode", &company);
        xml.text("DocumentDate", &day);
        xml.text("PostingDate", &day);
        if is_in(NumberIn::ReferenceKey) {
            xml.text("Reference1InDocumentHeader", &number);
        }
        let currency = at.line.functional.currency().code().to_owned();
        Ok((company, currency, xml.finish()))
    }

    /// Writes a line, and says how it is named when it is compared.
    fn line(&self, items: &mut Items, at: &Placed<'_>) -> Result<String, RenderError> {
        at.in_one_currency()?;
        let account = &at.line.account;
        let number = at.number.to_string();
        if let Some(debtor) = self.config.debtors.get(account) {
            let partner = partner(at, debtor, "debtors")?;
            let xml = &mut items.debtors;
            xml.open("DebtorItem");
            xml.text("ReferenceDocumentItem", &number);
            xml.text("Debtor", &partner);
            amounts(xml, at);
            xml.close("DebtorItem");
            return Ok(format!("customer {}", bare(&partner)));
        }
        if let Some(creditor) = self.config.creditors.get(account) {
            let partner = partner(at, creditor, "creditors")?;
            let xml = &mut items.creditors;
            xml.open("CreditorItem");
            xml.text("ReferenceDocumentItem", &number);
            xml.text("Creditor", &partner);
            amounts(xml, at);
            xml.close("CreditorItem");
            return Ok(format!("supplier {}", bare(&partner)));
        }
        let account = at.key("GLAccount", at.account(&self.config.accounts)?, 10)?;
        let xml = &mut items.accounts;
        xml.open("Item");
        xml.text("ReferenceDocumentItem", &number);
        xml.text("GLAccount", &account);
        amounts(xml, at);
        xml.some("AssignmentReference", &fit(&at.header().reference, 18));
        self.assignment(xml, at)?;
        xml.close("Item");
        Ok(bare(&account).to_owned())
    }

    fn assignment(&self, xml: &mut Xml, at: &Placed<'_>) -> Result<(), RenderError> {
        let mut found = Vec::new();
        for name in ASSIGNED {
            let dimension = self.config.dimensions.get(name);
            let value = dimension.and_then(|dimension| at.line.dimensions.get(dimension));
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                found.push((name, at.key(name, value, 10)?));
            }
        }
        if !found.is_empty() {
            xml.open("AccountAssignment");
            for (name, value) in &found {
                xml.text(name, value);
            }
            xml.close("AccountAssignment");
        }
        Ok(())
    }

    /// What the service says that it did.
    fn confirmed(&self, body: &Element) -> Result<Handed, TransportError> {
        let bulk = body.child("JournalEntryBulkCreateConfirmation");
        let bulk = bulk.ok_or_else(|| self.peer().broken("it does not say what it did"))?;
        let entry = bulk.child("JournalEntryCreateConfirmation");
        let number = entry.and_then(|entry| {
            entry.text_at(&["JournalEntryCreateConfirmation", "AccountingDocument"])
        });
        let is_number = |sign: char| sign.is_alphanumeric() && sign != '0';
        if number.is_some_and(|number| number.contains(is_number)) {
            return Ok(Handed::Taken);
        }
        let logs = entry.into_iter().chain([bulk]);
        let items = logs.filter_map(|of| of.child("Log"));
        let items: Vec<&Element> = items.flat_map(|log| log.all("Item")).collect();
        let said =
            |item: &&Element, name: &str| item.text_at(&[name]).unwrap_or_default().to_owned();
        let is_error = |item: &&Element| said(item, "SeverityCode").as_str() >= "3";
        // That there is an error is said beside what it is.
        let heading = |item: &&Element| said(item, "TypeID") == "609(RW)";
        let errors = || items.iter().copied().filter(|item| is_error(item));
        let mut words = told(
            errors()
                .filter(|item| !heading(item))
                .map(|item| said(&item, "Note")),
        );
        if words.is_empty() {
            words = told(errors().map(|item| said(&item, "Note")));
        }
        if words.is_empty() {
            return Err(self
                .peer()
                .broken("it names neither a document nor an error"));
        }
        Ok(Handed::Refused(words))
    }

    /// All lines that a filter finds.
    async fn rows(&self, filter: &str) -> Result<Vec<Value>, TransportError> {
        let headers = [("accept", "application/json".to_owned())];
        let mut all = Vec::new();
        loop {
            let (top, skip) = (PAGE.to_string(), all.len().to_string());
            let pairs = [
                ("$filter", filter),
                ("$select", SELECT),
                ("$orderby", "AccountingDocument,AccountingDocumentItem"),
                ("$format", "json"),
                ("$top", &top),
                ("$skip", &skip),
            ];
            let path = self.path(ITEMS, &pairs);
            let answer = self.caller.call(Method::GET, &path, &headers, b"").await?;
            let unclear = |why: &str| {
                let (status, words) = (answer.status, answer.words());
                self.peer()
                    .broken(format!("it answers {status}, {why}: {words}"))
            };
            if answer.status == 403 {
                return Err(TransportError::Unauthorized {
                    peer: self.peer().name(),
                    user: self.config.created_by.clone(),
                    source: answer.words().into(),
                });
            }
            if !answer.is_success() {
                return Err(unclear("so that nobody knows what is there"));
            }
            let mut said: Value = serde_json::from_slice(&answer.body)
                .map_err(|error| unclear(&error.to_string()))?;
            let goes_on = said["d"]["__next"].is_string();
            let Some(Value::Array(rows)) = said["d"].get_mut("results").map(Value::take) else {
                return Err(unclear("which are no lines"));
            };
            let found = rows.len();
            all.extend(rows);
            if found == 0 || (found < PAGE && !goes_on) {
                return Ok(all);
            }
        }
    }

    /// The document that a line is of.
    fn one(&self, row: &Value) -> Result<(String, Found), TransportError> {
        let keys = ["CompanyCode", "AccountingDocument", "FiscalYear"];
        let keys: Vec<&str> = keys.iter().map(|key| text(row, key)).collect();
        if keys.iter().any(|key| key.is_empty()) {
            return Err(self
                .peer()
                .broken("a line does not say of which document it is"));
        }
        let id = keys.join("/");
        Ok((
            id.clone(),
            Found {
                id,
                progress: match text(row, "AccountingDocumentCategory") {
                    // Parked, or held.
                    "V" | "W" | "Z" => Progress::Draft,
                    _ => Progress::Booked,
                },
                date: day(text(row, "PostingDate")),
                lines: None,
            },
        ))
    }

    fn shown(&self, row: &Value, books: &str) -> Result<(String, Decimal), TransportError> {
        let account = match text(row, "FinancialAccountType") {
            "D" => format!("customer {}", bare(text(row, "Customer"))),
            "K" => format!("supplier {}", bare(text(row, "Supplier"))),
            _ => bare(text(row, "GLAccount")).to_owned(),
        };
        let is_credit = match text(row, "DebitCreditCode") {
            "S" => false,
            "H" => true,
            _ => return Err(self.peer().broken("a line is neither debit nor credit")),
        };
        let amount = |name: &str| {
            let found = match &row[name] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let amount = parse_decimal(&found).map_err(|error| self.peer().broken(error))?;
            Ok::<_, TransportError>(if is_credit {
                -amount.abs()
            } else {
                amount.abs()
            })
        };
        let own = amount("AmountInTransactionCurrency")?;
        let company = amount("AmountInCompanyCodeCurrency")?;
        Ok(named(
            &account,
            (own, text(row, "TransactionCurrency")),
            Some((company, text(row, "CompanyCodeCurrency"))),
            books,
        ))
    }
}

fn text<'v>(row: &'v Value, name: &str) -> &'v str {
    row[name].as_str().unwrap_or_default().trim()
}

/// A number without the zeros that fill its field.
fn bare(number: &str) -> &str {
    number.trim().trim_start_matches('0')
}

/// A day as `OData` writes it: `/Date(1768435200000)/`.
fn day(text: &str) -> Option<NaiveDate> {
    let millis = text.strip_prefix("/Date(")?.strip_suffix(")/")?;
    let moment = DateTime::from_timestamp_millis(millis.parse().ok()?)?;
    Some(moment.date_naive())
}

fn message(xml: &mut Xml, at: &Placed<'_>) {
    let made = at.batch.created_at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    xml.open("MessageHeader");
    xml.text("ID", &at.item.document);
    xml.text("CreationDateTime", &made);
    xml.close("MessageHeader");
}

fn partner(
    at: &Placed<'_>,
    partner: &Partner,
    option: &'static str,
) -> Result<String, RenderError> {
    let dimension = partner.dimension.as_ref();
    let named = dimension.and_then(|dimension| at.line.dimensions.get(dimension));
    let named = named.filter(|named| !named.is_empty());
    let number = named.or(partner.default.as_ref()).ok_or_else(|| {
        at.unfit(format!(
            "it names no partner of account `{}`; give it a `default` under `{option}`",
            at.line.account
        ))
    })?;
    at.key("the partner's number", number, 10)
}

/// What a line says of its amounts and its text, in the order of the service.
fn amounts(xml: &mut Xml, at: &Placed<'_>) {
    let line = at.line;
    let mut put = |name: &str, money: Money| {
        let amount = signed(line, money).to_string();
        xml.text_with(name, &[("currencyCode", money.currency().code())], &amount);
    };
    put("AmountInTransactionCurrency", line.amount);
    if at.is_foreign() {
        put("AmountInCompanyCodeCurrency", line.functional);
    }
    let side = match line.side {
        Side::Debit => "S",
        Side::Credit => "H",
    };
    xml.text("DebitCreditCode", side);
    xml.some("DocumentItemText", &fit(&at.header().description, 50));
}
