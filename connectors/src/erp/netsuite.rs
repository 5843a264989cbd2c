//! NetSuite over REST (SuiteTalk record service v1): each entry as one journal entry, never twice.
//!
//! A journal entry has our document number as its external id, of which NetSuite keeps one per type of record: it is looked for under
//! it, and then posted with it. It is never put there (`PUT …/eid:…`), for that would change one that is there. A second one of the same
//! external id is refused, and what is there is read back and compared. Where journal entries want approval, one that waits for it is
//! unknown until it has it; one that is rejected is refused. `approve` posts it approved, where the role may.
//!
//! The artifact calls accounts by number (or by internal id: `accounts_by`) and currencies by their ISO code; their internal ids are asked
//! by SuiteQL while delivering. Values of `dimensions` are internal ids. With `multicurrency`, a journal says its currency: an entry that is
//! in one foreign currency goes in that with its rate, and NetSuite computes the base amounts from it. Amounts have two places, memos 999
//! characters. A journal has 200 lines at most (`lines`; the maker's pages disagree, with 200, 1,000 and 10,000).
//!
//! Facts: the maker's pages on REST web services (creating a record, external ids, sublists, errors, SuiteQL) and on line limits.
//! Uncertain: the words of a second external id, of which "already exists" is taken to be that. Not run against the live system.

mod books;

use super::amounts::{decimal, number};
use super::denominated::{Denominated, Holds, signed};
use super::documents::{
    ByDocument, Compared, Document, DocumentApi, Found, Handed, Pace, Progress,
};
use super::json::id;
use super::{ErpKind, Host, OpenError};
use crate::caller::Caller;
use crate::http::auth::AuthConfig;
use crate::transport::TransportError;
use async_trait::async_trait;
use books::{Books, Known};
use formats::erp::limits::Limits;
use formats::erp::mapped::{Names, Placed, fit};
use formats::erp::{ExportBatch, ExportEntry, RenderError};
use ledger::Side;
use ledger::money::parse_decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// This kind's registration.
pub const KIND: ErpKind =
    ErpKind::api::<ByDocument<NetSuite>>("netsuite", "NetSuite, by REST", EXAMPLE).holding(
        Limits {
            lines: Some(10_000),
            number: Some(100),
            ..Limits::NONE
        },
    );

const EXAMPLE: &str = "\
url: https://1234567.suitetalk.api.netsuite.com
auth:
  jwt:
    as: client
    token_url: https://1234567.suitetalk.api.netsuite.com/services/rest/auth/oauth2/v1/token
    issuer: 0123456789abcdef
    key: { file: netsuite.pem }
    key_id: certificate-id
    algorithm: PS256
    claims: { scope: rest_webservices }
# Our entities and the internal ids of subsidiaries; '' in an account without subsidiaries.
companies: { us: '1', eu: '3' }
# How accounts are called here: by number or by internal id. Without an entry, the chart's code is meant.
accounts_by: number
accounts: { psp-clearing: '1150' }
# false in an account without the feature Multiple Currencies.
multicurrency: true
# Fields of a line by our dimensions; values are internal ids there.
dimensions: { class: product, location: region, entity: customer }
# Whether journals are posted as approved.
approve: false
# The most lines of a journal.
lines: 200
";

/// The most characters of an external id, and of a memo.
const EXTERNAL_ID: usize = 100;
const MEMO: usize = 999;

/// What `approvalStatus` calls them.
const PENDING: &str = "1";
const APPROVED: &str = "2";
const REJECTED: &str = "3";

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The account's own address.
    pub url: String,
    /// Who posts.
    pub auth: AuthConfig,
    /// Internal ids of subsidiaries by entity.
    pub companies: Names,
    /// What accounts are called there, where that is not the chart's code.
    #[serde(default)]
    pub accounts: Names,
    /// What that is.
    #[serde(default)]
    pub accounts_by: AccountsBy,
    /// Whether journals say their currency.
    #[serde(default = "yes")]
    pub multicurrency: bool,
    /// Fields of a line by our dimensions.
    #[serde(default)]
    pub dimensions: Names,
    /// Whether journals are posted as approved.
    #[serde(default)]
    pub approve: bool,
    /// The most lines of a journal.
    #[serde(default = "two_hundred")]
    pub lines: usize,
}

/// What an account is called by.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum AccountsBy {
    /// Its number.
    #[default]
    Number,
    /// Its internal id.
    Id,
}

const fn yes() -> bool {
    true
}

const fn two_hundred() -> usize {
    200
}

/// What is handed over.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<String>,
    memo: String,
    lines: Vec<EntryLine>,
}

/// The account by its number, where the API wants an internal id.
#[derive(Debug, Serialize, Deserialize)]
struct EntryLine {
    account: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    debit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credit: Option<String>,
    memo: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    dimensions: BTreeMap<String, String>,
}

/// The connector.
#[derive(Debug)]
pub struct NetSuite {
    config: Config,
    books: Books,
}

#[async_trait]
impl DocumentApi for NetSuite {
    type Config = Config;

    /// The maker bounds calls at the same time, five in the smallest accounts, for all who call.
    const PACE: Pace = Pace {
        concurrency: 3,
        per_minute: None,
        patience: Duration::ZERO,
    };

    fn open(config: Config, host: &Host) -> Result<Self, OpenError> {
        let caller = Caller::open(&config.url, config.auth.clone(), host)?;
        Ok(Self {
            books: Books::new(caller),
            config,
        })
    }

    fn document(&self, batch: &ExportBatch, item: &ExportEntry) -> Result<Document, RenderError> {
        let holds = Holds {
            foreign: self.config.multicurrency,
            places: 2,
        };
        let (mut company, mut lines, mut compared) = (String::new(), Vec::new(), Vec::new());
        let denominated = Denominated::of(item, holds);
        for at in Placed::of(batch, item) {
            let Some(denominated) = denominated else {
                break;
            };
            external_id(&at)?;
            at.company(&self.config.companies)?.clone_into(&mut company);
            let line = self.line(&at, &denominated)?;
            let amount = denominated.amount(&at)?;
            compared.push((line.account.clone(), signed(at.line.side, amount)));
            lines.push(line);
        }
        let header = item.entry.header();
        let entry = Entry {
            currency: denominated
                .filter(|_| self.config.multicurrency)
                .map(|one| one.currency.code().to_owned()),
            rate: denominated
                .and_then(|one| one.rate)
                .map(|rate| rate.normalize().to_string()),
            memo: fit(
                &format!("{} {}", header.reference, header.description),
                MEMO,
            ),
            lines,
        };
        Ok(Document {
            number: item.document.clone(),
            company,
            date: header.date,
            lines: compared,
            body: serde_json::to_value(entry).map_err(RenderError::write)?,
        })
    }

    async fn find(&self, document: &Document) -> Result<Vec<Found>, TransportError> {
        let Some(record) = self.books.journal(&document.number).await? else {
            return Ok(Vec::new());
        };
        let known = self.known().await?;
        let found = found(&record, &known);
        let found = found.ok_or_else(|| self.books.peer().broken("a record without an id"))?;
        Ok(vec![found])
    }

    async fn hand_over(&self, document: &Document) -> Result<Handed, TransportError> {
        let entry: Entry = serde_json::from_value(document.body.clone())
            .map_err(|error| self.books.peer().broken(error))?;
        let most = self.config.lines;
        if entry.lines.len() > most {
            return Ok(Handed::Refused(format!(
                "it has {} lines, and a journal takes {most}; raise `lines` where yours takes more",
                entry.lines.len()
            )));
        }
        let known = self.known().await?;
        match self.journal(document, &entry, &known) {
            Ok(journal) => self.books.post(&journal).await,
            Err(words) => Ok(Handed::Refused(words)),
        }
    }

    async fn check(&self) -> Result<(), TransportError> {
        self.books.check().await
    }
}

/// What it is found by: letters, digits, `_` and `-`, for a `|` separates and others have to be escaped.
fn external_id(at: &Placed<'_>) -> Result<(), RenderError> {
    let number = at.key("externalId", &at.item.document, EXTERNAL_ID)?;
    let is_plain = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '_' | '-');
    if number.chars().all(is_plain) {
        Ok(())
    } else {
        let what = format!("`{number}` has other signs than letters, digits, `_` and `-`");
        Err(at.unfit(what))
    }
}

impl NetSuite {
    async fn known(&self) -> Result<Known, TransportError> {
        let by_number = self.config.accounts_by == AccountsBy::Number;
        self.books.known(by_number, self.config.multicurrency).await
    }

    fn line(&self, at: &Placed<'_>, denominated: &Denominated) -> Result<EntryLine, RenderError> {
        let amount = denominated.amount(at)?.to_string();
        let (debit, credit) = match at.line.side {
            Side::Debit => (Some(amount), None),
            Side::Credit => (None, Some(amount)),
        };
        let aside = denominated.aside(at.line);
        let memo = fit(&at.header().description, MEMO.saturating_sub(aside.len()));
        let dimensions = self.config.dimensions.iter().filter_map(|(field, ours)| {
            let value = at.line.dimensions.get(ours)?;
            Some((field.clone(), value.clone()))
        });
        Ok(EntryLine {
            account: at.account(&self.config.accounts)?.to_owned(),
            debit,
            credit,
            memo: format!("{memo}{aside}"),
            dimensions: dimensions.collect(),
        })
    }

    /// The record as the API takes it; the error says what is not there.
    fn journal(&self, document: &Document, entry: &Entry, known: &Known) -> Result<Value, String> {
        let mut items = Vec::new();
        for line in &entry.lines {
            let account = known.account(&line.account)?;
            let mut item = json!({ "account": { "id": account }, "memo": line.memo });
            for (side, amount) in [("debit", &line.debit), ("credit", &line.credit)] {
                if let Some(amount) = amount.as_deref().and_then(|text| parse_decimal(text).ok()) {
                    item[side] = number(amount);
                }
            }
            for (field, value) in &line.dimensions {
                item[field] = json!({ "id": value });
            }
            items.push(item);
        }
        let mut journal = json!({
            "externalId": document.number,
            "tranDate": document.date,
            "memo": entry.memo,
            "line": { "items": items },
        });
        if !document.company.is_empty() {
            journal["subsidiary"] = json!({ "id": document.company });
        }
        if let Some(currency) = &entry.currency {
            journal["currency"] = json!({ "id": known.currency(currency)? });
        }
        if let Some(rate) = entry
            .rate
            .as_deref()
            .and_then(|text| parse_decimal(text).ok())
        {
            journal["exchangeRate"] = number(rate);
        }
        if self.config.approve {
            journal["approvalStatus"] = json!({ "id": APPROVED });
        }
        Ok(journal)
    }
}

fn found(record: &Value, known: &Known) -> Option<Found> {
    let id = id(&record["id"])?;
    let progress = match record["approvalStatus"]["id"].as_str() {
        Some(PENDING) => Progress::Queued,
        Some(REJECTED) => Progress::Refused(format!("journal {id} is rejected there")),
        _ if record["approved"] == false => Progress::Queued,
        _ => Progress::Booked,
    };
    let line = &record["line"];
    // A sublist that is longer than a page is not compared.
    let items = line["items"].as_array().filter(|_| line["hasMore"] != true);
    Some(Found {
        id,
        progress,
        date: record["tranDate"].as_str().and_then(|day| day.parse().ok()),
        lines: items.map(|items| items.iter().map(|item| compared(item, known)).collect()),
    })
}

fn compared(item: &Value, known: &Known) -> Compared {
    let side = |name: &str| decimal(&item[name]).unwrap_or_default();
    let account = id(&item["account"]["id"]).unwrap_or_default();
    (known.called(&account), side("debit") - side("credit"))
}
