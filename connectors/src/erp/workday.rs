//! Workday Financial Management: each entry as one accounting journal by `Submit_Accounting_Journal`, never twice.
//!
//! Our number is the journal's reference id (`Accounting_Journal_ID`), under which `Get_Journals` reads it back with its
//! lines; of an id that it does not have the service says that it is not valid. `Add_Only` makes the service refuse a second
//! journal of an id; in which words is documented nowhere, so whenever it refuses a journal, it is looked for once more.
//!
//! Dialect: the web service `Financial_Management`, SOAP with a user and a password (WS-Security). The request is
//! that of `formats`' kind for inbound files. A fault names each validation error, and by its path the line that it is
//! about. `auto_complete` lets the business process approve the journal itself; without it the journal waits for people, and
//! counts as unknown until an export finds it posted. Amounts in another currency than the company's are compared in both. Sources:
//! the maker's WSDL with its validations, and answers that are public. Uncertain: every status but `POSTED`. Not run
//! against the live system.

use super::compared::{named, own};
use super::documents::{ByDocument, Document, DocumentApi, Found, Handed, Pace, Progress};
use super::soap::{self, CONTENT, Fault, Reply, told};
use super::{ErpKind, Host, OpenError};
use crate::http::Peer;
use crate::secret::{Secret, SecretRef};
use crate::transport::TransportError;
use async_trait::async_trait;
use formats::erp::mapped::{Names, Placed};
use formats::erp::workday_eib::{
    self as journals, NAMESPACE, Workday as Journals, default_account_set, default_company_type,
    default_ledger_type, default_source, default_version,
};
use formats::erp::xml::Xml;
use formats::erp::{ExportBatch, ExportEntry, FileFormat as _, RenderError};
use formats::read::xml::Element;
use ledger::money::parse_decimal;
use reqwest::Method;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

/// This kind's registration.
pub const KIND: ErpKind = ErpKind::api::<ByDocument<Workday>>(
    "workday",
    "Workday, by its web service for accounting journals",
    EXAMPLE,
);

const EXAMPLE: &str = "\
url: https://services1.workday.example/ccx/service/example/Financial_Management
user: tieout@example
password: { env: TIEOUT_WORKDAY_PASSWORD }
companies: { us: CO_US, eu: CO_EU }
accounts: { tax-payable: '2100' }
worktags: { Cost_Center_Reference_ID: '{dimension.cost-center}' }
source: Tieout
version: v44.0
";

const SECURITY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const PASSWORD: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText";

/// The type of a journal's reference id.
const ID: &str = "Accounting_Journal_ID";

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The web service of the tenant, without a version.
    pub url: String,
    /// Who posts: the user, `@` and the tenant.
    pub user: String,
    /// By which password.
    pub password: SecretRef,
    /// The company's reference id by entity.
    pub companies: Names,
    /// The type of that id.
    #[serde(default = "default_company_type")]
    pub company_type: String,
    /// Ids of ledger accounts that are not the codes of the chart.
    #[serde(default)]
    pub accounts: Names,
    /// The set that the accounts are of.
    #[serde(default = "default_account_set")]
    pub account_set: String,
    /// Worktags by the type of their reference id: text, `{company}`, `{account}` or `{dimension.NAME}`.
    #[serde(default)]
    pub worktags: Names,
    /// What stands for a dimension that a line does not have; nothing leaves the worktag out.
    #[serde(default)]
    pub blank: String,
    /// The id of the journal source.
    #[serde(default = "default_source")]
    pub source: String,
    /// The id of the ledger type.
    #[serde(default = "default_ledger_type")]
    pub ledger_type: String,
    /// Whether the business process completes itself.
    #[serde(default = "completes")]
    pub auto_complete: bool,
    /// The version of the web service.
    #[serde(default = "default_version")]
    pub version: String,
}

const fn completes() -> bool {
    true
}

/// The connector.
#[derive(Debug)]
pub struct Workday {
    peer: Peer,
    password: Secret,
    journals: Journals,
    config: Config,
}

#[async_trait]
impl DocumentApi for Workday {
    type Config = Config;

    const PACE: Pace = Pace {
        concurrency: 4,
        per_minute: None,
        patience: Duration::from_mins(1),
    };

    fn open(config: Config, host: &Host) -> Result<Self, OpenError> {
        let own = config.clone();
        Ok(Self {
            peer: Peer::new(&config.url)?,
            password: config.password.below(&host.base).read()?,
            journals: Journals::new(journals::Config {
                companies: own.companies,
                company_type: own.company_type,
                accounts: own.accounts,
                account_set: own.account_set,
                worktags: own.worktags,
                blank: own.blank,
                source: own.source,
                ledger_type: own.ledger_type,
                submit: true,
                version: own.version,
            }),
            config,
        })
    }

    fn document(&self, batch: &ExportBatch, item: &ExportEntry) -> Result<Document, RenderError> {
        let completes = Some(self.config.auto_complete);
        let request = self
            .journals
            .request(batch, item, (Xml::compact(), completes))?;
        let (mut lines, mut company, mut currency) = (Vec::new(), "", "");
        for at in Placed::of(batch, item) {
            company = at.company(&self.config.companies)?;
            currency = at.line.functional.currency().code();
            lines.push(own(at.account(&self.config.accounts)?, at.line, true));
        }
        Ok(Document {
            number: item.document.clone(),
            company: company.to_owned(),
            date: item.entry.header().date,
            lines,
            body: json!({ "currency": currency, "request": request }),
        })
    }

    async fn find(&self, document: &Document) -> Result<Vec<Found>, TransportError> {
        let response = match self.asked(&self.journals_of(&document.number)).await? {
            Reply::Body(body) => body,
            Reply::Fault(fault) if is_absent(&fault, &document.number) => return Ok(Vec::new()),
            Reply::Fault(fault) => return Err(self.peer.broken(words(&fault))),
            Reply::Refused => return Err(self.peer.broken("it has no such service")),
        };
        let response = response.child("Get_Journals_Response");
        let response = response.ok_or_else(|| self.peer.broken("it tells no journals"))?;
        let data = response.all("Response_Data");
        let entries = data.flat_map(|data| data.all("Journal_Entry"));
        let entries = entries.flat_map(|entry| entry.all("Journal_Entry_Data"));
        entries.map(|entry| self.found(document, entry)).collect()
    }

    async fn hand_over(&self, document: &Document) -> Result<Handed, TransportError> {
        let request = document.body["request"].as_str().unwrap_or_default();
        let fault = match self.asked(request).await? {
            Reply::Body(body) if body.child("Submit_Accounting_Journal_Response").is_some() => {
                return Ok(Handed::Taken);
            }
            Reply::Body(_) => return Err(self.peer.broken("it does not say what it did")),
            Reply::Refused => {
                let words = "it has no such service; look at `url` and `version`";
                return Ok(Handed::Blocked(words.to_owned()));
            }
            Reply::Fault(fault) => fault,
        };
        if !fault.is_of_the_request() {
            return Err(self.peer.broken(words(&fault)));
        }
        if fault.detail.child("Processing_Fault").is_some() {
            return Ok(Handed::Blocked(words(&fault)));
        }
        Ok(if self.find(document).await?.is_empty() {
            Handed::Refused(words(&fault))
        } else {
            Handed::Known
        })
    }

    async fn check(&self) -> Result<(), TransportError> {
        let number = "tieout-check";
        match self.asked(&self.journals_of(number)).await? {
            Reply::Body(_) => Ok(()),
            Reply::Fault(fault) if is_absent(&fault, number) => Ok(()),
            Reply::Fault(fault) => Err(self.peer.broken(words(&fault))),
            Reply::Refused => Err(self.peer.broken("it has no such service")),
        }
    }
}

impl Workday {
    /// Asks for the journals of a reference id.
    fn journals_of(&self, number: &str) -> String {
        let mut xml = Xml::compact();
        let request = "wd:Get_Journals_Request";
        let version = ("wd:version", self.config.version.as_str());
        xml.open_with(request, &[("xmlns:wd", NAMESPACE), version]);
        xml.open("wd:Request_References");
        let id = ("wd:ID", [("wd:type", ID)]);
        xml.within("wd:JournalEntryReference", (id.0, &id.1), number);
        xml.close("wd:Request_References");
        xml.close(request);
        xml.finish()
    }

    async fn asked(&self, request: &str) -> Result<Reply, TransportError> {
        let mut security = Xml::compact();
        security.open_with("wsse:Security", &[("xmlns:wsse", SECURITY)]);
        security.open("wsse:UsernameToken");
        security.text("wsse:Username", &self.config.user);
        let kind = [("Type", PASSWORD)];
        security.text_with("wsse:Password", &kind, self.password.reveal());
        security.close("wsse:UsernameToken");
        security.close("wsse:Security");
        let body = soap::envelope(&security.finish(), request);
        let headers = [("content-type", CONTENT.to_owned())];
        let headers = self.peer.headers(&headers)?;
        let version = &self.config.version;
        let answer = self
            .peer
            .call(&Method::POST, version, headers, body.as_bytes())
            .await?;
        if answer.status == 401 {
            return Err(self.unauthorized(answer.words()));
        }
        match soap::understood(&self.peer, &answer)? {
            Reply::Fault(fault) if fault.code.ends_with("authenticationError") => {
                Err(self.unauthorized(fault.words))
            }
            reply => Ok(reply),
        }
    }

    fn unauthorized(&self, words: String) -> TransportError {
        TransportError::Unauthorized {
            peer: self.peer.name(),
            user: self.config.user.clone(),
            source: words.into(),
        }
    }

    fn found(&self, sent: &Document, entry: &Element) -> Result<Found, TransportError> {
        let books = sent.body["currency"].as_str().unwrap_or_default();
        let status = id_of(entry, "Journal_Status_Reference", "Journal_Entry_Status_ID");
        let status = status.ok_or_else(|| self.peer.broken("a journal has no status"))?;
        let currency = id_of(entry, "Currency_Reference", "Currency_ID").unwrap_or(books);
        let id = entry.text_at(&["Journal_Number"]);
        let id = id.unwrap_or(&sent.number).to_owned();
        let lines = entry.all("Journal_Entry_Line_Data");
        let lines = lines.map(|line| self.line(line, currency, books));
        Ok(Found {
            progress: match status.to_uppercase().as_str() {
                "POSTED" => Progress::Booked,
                "DRAFT" | "CREATED" => Progress::Draft,
                "CANCELED" | "CANCELLED" | "DENIED" => {
                    Progress::Refused(format!("journal {id} is {status} there"))
                }
                // It waits for people, or for the service itself.
                _ => Progress::Queued,
            },
            id,
            date: entry
                .text_at(&["Accounting_Date"])
                .and_then(|date| date.get(..10)?.parse().ok()),
            lines: Some(lines.collect::<Result<_, _>>()?),
        })
    }

    /// A line as it is compared, of a journal of a company in this currency.
    fn line(
        &self,
        line: &Element,
        company: &str,
        books: &str,
    ) -> Result<(String, Decimal), TransportError> {
        let account = id_of(line, "Ledger_Account_Reference", "Ledger_Account_ID");
        let account = account.ok_or_else(|| self.peer.broken("a line has no account"))?;
        let amount = |name: &str| {
            let text = line.text_at(&[name]).unwrap_or("0");
            parse_decimal(text).map_err(|error| self.peer.broken(error))
        };
        let own = amount("Debit_Amount")? - amount("Credit_Amount")?;
        let ledger = amount("Ledger_Debit_Amount")? - amount("Ledger_Credit_Amount")?;
        let currency = id_of(line, "Currency_Reference", "Currency_ID").unwrap_or(company);
        Ok(named(
            account,
            (own, currency),
            Some((ledger, company)),
            books,
        ))
    }
}

/// The id of a type that a reference holds.
fn id_of<'e>(element: &'e Element, reference: &'e str, kind: &str) -> Option<&'e str> {
    let ids = element.child(reference)?.all("ID");
    let mut ids = ids.filter(|id| id.attribute("type") == Some(kind));
    ids.next().map(|id| id.text.trim())
}

/// The messages of a fault's validation errors, with their paths.
fn errors(fault: &Fault) -> impl Iterator<Item = (&str, &str)> {
    let found = fault.detail.child("Validation_Fault").into_iter();
    let found = found.flat_map(|fault| fault.all("Validation_Error"));
    found.map(|error| {
        let text = |name| error.text_at(&[name]).unwrap_or_default();
        (text("Message"), text("Xpath"))
    })
}

/// Whether a fault says of nothing but our number that there is no such id.
fn is_absent(fault: &Fault, number: &str) -> bool {
    let named = [format!("'{number}'"), format!("'{ID}'")];
    let says = |message: &str| {
        message.contains("not a valid ID value") && named.iter().all(|name| message.contains(name))
    };
    let mut all = errors(fault).peekable();
    fault.is_of_the_request() && all.peek().is_some() && all.all(|(message, _)| says(message))
}

/// What a fault says, line by line.
fn words(fault: &Fault) -> String {
    let each = told(errors(fault).map(|(message, path)| match line_of(path) {
        Some(line) => format!("line {line}: {message}"),
        None => message.to_owned(),
    }));
    if each.is_empty() {
        told([fault.words.as_str()])
    } else {
        each
    }
}

/// The line that a path is about.
fn line_of(path: &str) -> Option<&str> {
    let (_, rest) = path.split_once("Journal_Entry_Line_Replacement_Data[")?;
    rest.split_once(']').map(|(line, _)| line)
}
