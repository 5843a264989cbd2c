//! Sage Intacct by its XML gateway: each entry as one journal entry (`GLBATCH` with its lines, `GLENTRY`), never twice.
//!
//! Our number stands in `REFERENCENO`; a journal entry is looked for under it and read back with its lines by `query`. The
//! gateway itself refuses a function whose `controlid` it has carried out already (`uniqueid`): it is our number and
//! the batch's id. In which words it refuses that is documented nowhere, so whenever it refuses a journal entry it is looked for
//! once more.
//!
//! Dialect: dtdversion 3.0. Each request names the sender with a password, and the session that a login opened; a session
//! that is over is opened anew. It says where it is to be used, and is used there if that is the configured host or, as that, one
//! of the maker's, since what is sent there holds the sender's password. Answers are 200 with a status for the request, the
//! login and the function: a failure of the first two comes before anything was done.
//!
//! Amounts are unsigned, with 1 for a debit and -1 for a credit. A line in another currency than the books' names it
//! with the entry's rate; the amount in base currency is then the gateway's, and is not compared. Source: the maker's developer site
//! and libraries. The lengths of texts and numbers are those that public programs keep to. Not run against the live system.

use super::compared::{named, own};
use super::documents::{ByDocument, Document, DocumentApi, Found, Handed, Pace, Progress};
use super::soap::told;
use super::{ErpKind, Host, OpenError};
use crate::http::{Answer, Peer};
use crate::secret::{Secret, SecretRef};
use crate::transport::TransportError;
use async_trait::async_trait;
use chrono::NaiveDate;
use formats::erp::limits::{Limits, Sides};
use formats::erp::mapped::{Names, Placed, fit};
use formats::erp::xml::Xml;
use formats::erp::{ExportBatch, ExportEntry, RenderError};
use formats::read::xml::{Element, document};
use ledger::Side;
use ledger::money::parse_decimal;
use reqwest::{Method, Url};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// This kind's registration.
pub const KIND: ErpKind =
    ErpKind::api::<ByDocument<Intacct>>("intacct", "Sage Intacct, by its XML gateway", EXAMPLE)
        .holding(Limits {
            number: Some(20),
            sides: Sides::Marked,
            ..Limits::NONE
        });

const EXAMPLE: &str = "\
url: https://api.intacct.com/ia/xml/xmlgw.phtml
sender: { id: example, password: { env: TIEOUT_INTACCT_SENDER_PASSWORD } }
company: example
user: tieout
password: { env: TIEOUT_INTACCT_PASSWORD }
# The entities' locations there; '' where the company has none.
companies: { us: '100', eu: '200' }
journal: GJ
# Accounts whose number there is not the code of our chart.
accounts: { tax-payable: '2100' }
# Their fields of a line by our dimensions.
dimensions: { CUSTOMERID: customer, DEPARTMENT: cost-center }
";

/// What a line may say beside account and amount, in the order in which it is written.
const FIELDS: [&str; 11] = [
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
];

/// What its texts and numbers hold.
const REFERENCE: usize = 20;
const TITLE: usize = 80;
const DOCUMENT: usize = 30;
const ACCOUNT: usize = 24;
const MEMO: usize = 1_000;

/// How many lines are asked for at once.
const PAGE: usize = 1_000;

const DAY: &str = "%m/%d/%Y";

/// Where the maker's gateways are.
const DOMAIN: &str = ".intacct.com";

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The gateway.
    pub url: String,
    /// Whose program this is.
    pub sender: Sender,
    /// The company.
    pub company: String,
    /// Who posts.
    pub user: String,
    /// By which password.
    pub password: SecretRef,
    /// Locations by entity.
    pub companies: Names,
    /// The symbol of the journal.
    pub journal: String,
    /// Numbers of accounts that are not the codes of the chart.
    #[serde(default)]
    pub accounts: Names,
    /// Our dimensions by their fields of a line.
    #[serde(default, deserialize_with = "of_fields")]
    pub dimensions: Names,
    /// `Posted`, or `Submitted` where journal entries have to be approved.
    #[serde(default = "posted")]
    pub state: String,
}

/// Whose program it is that calls.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sender {
    /// Its name.
    pub id: String,
    /// Its password.
    pub password: SecretRef,
}

fn posted() -> String {
    "Posted".to_owned()
}

fn of_fields<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Names, D::Error> {
    let names = Names::deserialize(deserializer)?;
    let odd = names
        .keys()
        .find(|name| !FIELDS.iter().any(|own| own == name));
    match odd {
        Some(odd) => Err(D::Error::custom(format!(
            "a line has no field `{odd}`; there are {}",
            FIELDS.join(", ")
        ))),
        None => Ok(names),
    }
}

/// The connector.
#[derive(Debug)]
pub struct Intacct {
    peer: Peer,
    config: Config,
    password: Secret,
    sender: Secret,
    session: Mutex<Option<Arc<Session>>>,
}

/// What a login opened.
#[derive(Debug)]
struct Session {
    id: Secret,
    peer: Peer,
}

/// What became of a request.
enum Outcome {
    /// The function was carried out, and this is what it says.
    Done(Element),
    /// The function was refused.
    Refused(String),
    /// Nothing was carried out.
    Barred(String),
    /// Nothing was carried out, for the gateway does not know the session.
    SessionOver(String),
}

#[async_trait]
impl DocumentApi for Intacct {
    type Config = Config;

    const PACE: Pace = Pace {
        concurrency: 2,
        per_minute: None,
        patience: Duration::ZERO,
    };

    fn open(config: Config, host: &Host) -> Result<Self, OpenError> {
        Ok(Self {
            peer: Peer::new(&config.url)?,
            password: config.password.below(&host.base).read()?,
            sender: config.sender.password.below(&host.base).read()?,
            config,
            session: Mutex::new(None),
        })
    }

    fn document(&self, batch: &ExportBatch, item: &ExportEntry) -> Result<Document, RenderError> {
        let mut lines = Vec::new();
        let mut entries = Xml::compact();
        let mut head = None;
        for at in Placed::of(batch, item) {
            if head.is_none() {
                head = Some(self.head(&at)?);
            }
            let account = at.key("ACCOUNTNO", at.account(&self.config.accounts)?, ACCOUNT)?;
            self.line(&mut entries, &at, &account)?;
            lines.push(own(&account, at.line, false));
        }
        let (company, currency, head) = head.unwrap_or_default();
        let function = format!(
            "{head}<ENTRIES>{}</ENTRIES></GLBATCH></create></function>",
            entries.finish()
        );
        Ok(Document {
            number: item.document.clone(),
            company,
            date: item.entry.header().date,
            lines,
            body: json!({ "currency": currency, "function": function }),
        })
    }

    async fn find(&self, document: &Document) -> Result<Vec<Found>, TransportError> {
        let fields = ["RECORDNO", "BATCH_DATE", "STATE"];
        let asked = ("GLBATCH", "REFERENCENO", document.number.as_str());
        let mut found = Vec::new();
        for entry in self.query(asked, &fields).await? {
            found.push(self.found(document, &entry).await?);
        }
        Ok(found)
    }

    async fn hand_over(&self, document: &Document) -> Result<Handed, TransportError> {
        let function = document.body["function"].as_str().unwrap_or_default();
        match self.call(function, &document.number, true).await? {
            Outcome::Done(_) => Ok(Handed::Taken),
            Outcome::Refused(words) => {
                let is_there = !self.find(document).await?.is_empty();
                Ok(if is_there {
                    Handed::Known
                } else {
                    Handed::Refused(words)
                })
            }
            Outcome::Barred(words) | Outcome::SessionOver(words) => Ok(Handed::Blocked(words)),
        }
    }

    async fn check(&self) -> Result<(), TransportError> {
        self.login().await.map(|_session| ())
    }
}

impl Intacct {
    /// The company, the currency of the books, and the request as far as its first line.
    fn head(&self, at: &Placed<'_>) -> Result<(String, String, String), RenderError> {
        let (config, header) = (&self.config, at.header());
        let location = at.company(&config.companies)?;
        let control = format!("{}/{}", at.item.document, at.batch.id);
        let title = fit(&header.description, TITLE);
        let number = at.key("REFERENCENO", &at.item.document, REFERENCE)?;
        let mut xml = Xml::compact();
        xml.open_with("function", &[("controlid", &control)]);
        xml.open("create");
        xml.open("GLBATCH");
        xml.text("JOURNAL", &config.journal);
        xml.text("BATCH_DATE", &header.date.format(DAY).to_string());
        xml.text(
            "BATCH_TITLE",
            if title.is_empty() { &number } else { &title },
        );
        xml.text("REFERENCENO", &number);
        xml.some("BASELOCATION_NO", location);
        xml.text("STATE", &config.state);
        let company = if location.is_empty() {
            &config.company
        } else {
            location
        };
        let currency = at.line.functional.currency().code();
        Ok((company.to_owned(), currency.to_owned(), xml.finish()))
    }

    fn line(&self, xml: &mut Xml, at: &Placed<'_>, account: &str) -> Result<(), RenderError> {
        let (line, header) = (at.line, at.header());
        let side = match line.side {
            Side::Debit => "1",
            Side::Credit => "-1",
        };
        xml.open("GLENTRY");
        xml.some("DOCUMENT", &fit(&header.reference, DOCUMENT));
        xml.text("ACCOUNTNO", account);
        xml.text("TR_TYPE", side);
        xml.text("TRX_AMOUNT", &line.amount.to_decimal().to_string());
        if at.is_foreign() {
            let rate = at.rate().ok_or_else(|| {
                at.unfit("it is in a foreign currency, and the entry has no rate of it")
            })?;
            xml.text("CURRENCY", line.amount.currency().code());
            xml.text("EXCH_RATE_DATE", &header.date.format(DAY).to_string());
            xml.text("EXCHANGE_RATE", &rate.normalize().to_string());
        }
        let location = at.company(&self.config.companies)?;
        for field in FIELDS {
            let dimension = self.config.dimensions.get(field);
            let value = dimension.and_then(|dimension| line.dimensions.get(dimension));
            let value = value.map(String::as_str);
            xml.some(
                field,
                value.unwrap_or(if field == "LOCATION" { location } else { "" }),
            );
        }
        xml.some("DESCRIPTION", &fit(&header.description, MEMO));
        xml.close("GLENTRY");
        Ok(())
    }

    async fn found(&self, sent: &Document, entry: &Element) -> Result<Found, TransportError> {
        let id = self.held(entry, "RECORDNO")?;
        let state = self.held(entry, "STATE")?;
        let books = sent.body["currency"].as_str().unwrap_or_default();
        let fields = ["RECORDNO", "ACCOUNTNO", "TR_TYPE", "TRX_AMOUNT", "CURRENCY"];
        let mut lines = Vec::new();
        for line in self.query(("GLENTRY", "BATCHNO", id), &fields).await? {
            let amount = self.held(&line, "TRX_AMOUNT")?;
            let amount = parse_decimal(amount).map_err(|error| self.peer.broken(error))?;
            let amount = match self.held(&line, "TR_TYPE")? {
                "-1" => -amount,
                _ => amount,
            };
            let currency = line.text_at(&["CURRENCY"]).unwrap_or(books);
            let account = self.held(&line, "ACCOUNTNO")?;
            lines.push(named(account, (amount, currency), None, books));
        }
        let date = entry.text_at(&["BATCH_DATE"]);
        Ok(Found {
            id: id.to_owned(),
            progress: match state {
                "Draft" => Progress::Draft,
                "Submitted" | "Partially Approved" | "Approved" => Progress::Queued,
                "Declined" => Progress::Refused(format!("journal entry {id} was declined there")),
                // One that was reversed there was posted before.
                _ => Progress::Booked,
            },
            date: date.and_then(|date| NaiveDate::parse_from_str(date, DAY).ok()),
            lines: Some(lines),
        })
    }

    /// A field that an answer has to hold.
    fn held<'e>(&self, element: &'e Element, field: &str) -> Result<&'e str, TransportError> {
        let text = element.text_at(&[field]);
        text.ok_or_else(|| self.peer.broken(format!("its answer lacks {field}")))
    }

    /// All objects of a kind in which a field has a value.
    async fn query(
        &self,
        (object, field, value): (&str, &str, &str),
        fields: &[&str],
    ) -> Result<Vec<Element>, TransportError> {
        let mut all = Vec::new();
        loop {
            let function = query((object, field, value), fields, all.len());
            let data = match self.call(&function, "query", false).await? {
                Outcome::Done(data) => data,
                Outcome::SessionOver(words) => return Err(self.unauthorized(words)),
                Outcome::Refused(words) | Outcome::Barred(words) => {
                    return Err(self.peer.broken(words));
                }
            };
            let before = all.len();
            all.extend(data.all(object).cloned());
            match data.attribute("numremaining") {
                Some("0") => return Ok(all),
                Some(_) if all.len() > before => {}
                _ => {
                    return Err(self
                        .peer
                        .broken("its answer does not say what is left of it"));
                }
            }
        }
    }

    /// Calls a function in the session; in a new one where that is over.
    async fn call(
        &self,
        function: &str,
        control: &str,
        unique: bool,
    ) -> Result<Outcome, TransportError> {
        let session = self.session().await?;
        let authentication = session_id(&session);
        let asked = (authentication.as_str(), function);
        let outcome = self.asked(&session.peer, asked, (control, unique)).await?;
        let Outcome::SessionOver(_) = outcome else {
            return Ok(outcome);
        };
        let mut open = self.session.lock().await;
        if open
            .as_ref()
            .is_some_and(|open| Arc::ptr_eq(open, &session))
        {
            *open = None;
        }
        drop(open);
        let session = self.session().await?;
        let authentication = session_id(&session);
        let asked = (authentication.as_str(), function);
        self.asked(&session.peer, asked, (control, unique)).await
    }

    async fn session(&self) -> Result<Arc<Session>, TransportError> {
        let mut open = self.session.lock().await;
        if let Some(session) = open.as_ref() {
            return Ok(Arc::clone(session));
        }
        let session = Arc::new(self.login().await?);
        *open = Some(Arc::clone(&session));
        Ok(session)
    }

    async fn login(&self) -> Result<Session, TransportError> {
        let mut xml = Xml::compact();
        xml.open("login");
        xml.text("userid", &self.config.user);
        xml.text("companyid", &self.config.company);
        xml.text("password", self.password.reveal());
        xml.close("login");
        let authentication = xml.finish();
        let function = "<function controlid=\"session\"><getAPISession/></function>";
        let asked = (authentication.as_str(), function);
        let data = match self.asked(&self.peer, asked, ("session", false)).await? {
            Outcome::Done(data) => data,
            Outcome::SessionOver(words) | Outcome::Barred(words) | Outcome::Refused(words) => {
                return Err(self.unauthorized(words));
            }
        };
        let told = |name| data.text_at(&["api", name]);
        let (Some(id), Some(address)) = (told("sessionid"), told("endpoint")) else {
            return Err(self.peer.broken("it opens no session"));
        };
        if !is_beside(&self.config.url, address) {
            let why = "its session is to be used at another domain's host; name the maker's gateway in `url`";
            return Err(self.peer.broken(why));
        }
        Ok(Session {
            id: Secret::new(id.to_owned()),
            peer: Peer::new(address).map_err(|error| self.peer.broken(error))?,
        })
    }

    async fn asked(
        &self,
        peer: &Peer,
        (authentication, function): (&str, &str),
        (control, unique): (&str, bool),
    ) -> Result<Outcome, TransportError> {
        let mut xml = Xml::compact();
        xml.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
        xml.open("request");
        xml.open("control");
        xml.text("senderid", &self.config.sender.id);
        xml.text("password", self.sender.reveal());
        xml.text("controlid", control);
        xml.text("uniqueid", if unique { "true" } else { "false" });
        xml.text("dtdversion", "3.0");
        xml.text("includewhitespace", "false");
        xml.close("control");
        xml.open("operation");
        xml.raw(&format!(
            "<authentication>{authentication}</authentication><content>{function}</content>"
        ));
        xml.close("operation");
        xml.close("request");
        let headers = peer.headers(&[("content-type", "application/xml".to_owned())])?;
        let body = xml.finish();
        let answer = peer
            .call(&Method::POST, "", headers, body.as_bytes())
            .await?;
        self.understood(&answer)
    }

    fn understood(&self, answer: &Answer) -> Result<Outcome, TransportError> {
        let unclear = |why: &str| {
            let (status, words) = (answer.status, answer.words());
            self.peer
                .broken(format!("it answers {status}, {why}: {words}"))
        };
        if matches!(answer.status, 401 | 403) {
            return Err(self.unauthorized(answer.words()));
        }
        if answer.status >= 500 || answer.status == 429 {
            return Err(unclear("so that nobody knows what it did"));
        }
        let (name, response) =
            document(&answer.body).map_err(|error| unclear(&error.to_string()))?;
        let status = |path: &[&str]| response.text_at(path);
        if name != "response" {
            return Err(unclear("which is none of the gateway's answers"));
        }
        match status(&["control", "status"]) {
            Some("success") => {}
            Some(_) => return Ok(Outcome::Barred(words(&response))),
            None => return Err(unclear("without a status")),
        }
        let operation = response.child("operation");
        let operation = operation.ok_or_else(|| unclear("without an operation"))?;
        match operation.text_at(&["authentication", "status"]) {
            Some("success") => {}
            Some(_) => return Ok(Outcome::SessionOver(words(operation))),
            None => return Err(unclear("without a status of the login")),
        }
        let result = operation.child("result");
        let result = result.ok_or_else(|| unclear("without a result"))?;
        match result.text_at(&["status"]) {
            Some("success") => Ok(Outcome::Done(
                result.child("data").cloned().unwrap_or_default(),
            )),
            Some("failure" | "aborted") => Ok(Outcome::Refused(words(result))),
            _ => Err(unclear("without a status of the function")),
        }
    }

    fn unauthorized(&self, words: String) -> TransportError {
        TransportError::Unauthorized {
            peer: self.peer.name(),
            user: self.config.user.clone(),
            source: words.into(),
        }
    }
}

fn session_id(session: &Session) -> String {
    let mut xml = Xml::compact();
    xml.text("sessionid", session.id.reveal());
    xml.finish()
}

fn query((object, field, value): (&str, &str, &str), fields: &[&str], offset: usize) -> String {
    let mut xml = Xml::compact();
    xml.open_with("function", &[("controlid", "query")]);
    xml.open("query");
    xml.text("object", object);
    xml.open("select");
    for field in fields {
        xml.text("field", field);
    }
    xml.close("select");
    xml.open("filter");
    xml.open("equalto");
    xml.text("field", field);
    xml.text("value", value);
    xml.close("equalto");
    xml.close("filter");
    xml.raw("<orderby><order><field>RECORDNO</field><ascending/></order></orderby>");
    xml.text("pagesize", &PAGE.to_string());
    xml.text("offset", &offset.to_string());
    xml.close("query");
    xml.close("function");
    xml.finish()
}

/// What went wrong, in the gateway's words.
fn words(element: &Element) -> String {
    let errors = element.child("errormessage");
    let errors = errors.into_iter().flat_map(|errors| errors.all("error"));
    told(errors.map(|error| {
        let number = error.text_at(&["errorno"]).unwrap_or_default();
        let parts = ["description", "description2", "correction"];
        let parts = parts.into_iter().filter_map(|part| error.text_at(&[part]));
        format!("{} ({number})", parts.collect::<Vec<_>>().join(": "))
    }))
}

/// Whether an address is at the same host as the configured one, or as that is at one of the maker's.
fn is_beside(configured: &str, address: &str) -> bool {
    let host = |text: &str| Some(Url::parse(text).ok()?.host_str()?.to_owned());
    let (Some(own), Some(other)) = (host(configured), host(address)) else {
        return false;
    };
    own == other || (own.ends_with(DOMAIN) && other.ends_with(DOMAIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_stays_within_its_domain() {
        let own = "https://api.intacct.com/ia/xml/xmlgw.phtml";
        let table = [
            ("https://api.intacct.com/ia/xml/xmlgw.phtml", true),
            ("https://api-p03.intacct.com/ia/xml/xmlgw.phtml", true),
            ("https://api.intacct.com.evil.example/x", false),
            ("https://intacct.com@evil.example/x", false),
            ("https://evilintacct.com/x", false),
            ("https://10.0.0.1/x", false),
            ("somewhere", false),
        ];
        for (address, beside) in table {
            assert_eq!(is_beside(own, address), beside, "{address}");
        }
        assert!(is_beside("http://127.0.0.1:1/", "http://127.0.0.1:2/"));
        assert!(!is_beside("http://127.0.0.1:1/", own));
        assert!(!is_beside("https://proxy.example/x", own));
    }
}
