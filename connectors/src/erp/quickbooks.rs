//! QuickBooks Online over REST (API v3): each entry as one journal entry, never twice.
//!
//! An entry has our document number as its `DocNumber` (21 characters) and is found by it. The company refuses a number that
//! is used already only where its preferences say so; what keeps a late call from booking once more is its `requestid`, which
//! is made of the batch, the number and what is sent: the same call, the same answer. The maker says no more about how long that
//! lasts, and an answer may be a refusal: whoever mended something there releases the batch instead of sending it again.
//!
//! The artifact calls accounts by number (or by name or id: `accounts_by`), and customers, vendors, classes and departments by
//! name; their ids are asked of the company while delivering. A line on accounts receivable needs a customer and one on accounts payable a
//! vendor; an entry may touch one such account. Amounts have two places. An entry goes in the company's home currency, which is
//! compared with that of the books before anything is sent; with `multicurrency`, one that is in one foreign currency goes in that
//! with its rate, and QuickBooks computes the home amounts from it.
//!
//! Facts: `Finance.xsd` of the maker's SDK (what an entry holds), its pages on errors (a fault may come with status 200), limits (500
//! calls a minute, 10 a second) and request ids. Error 6140 is a number that is used, and so is a 6210 that says so; otherwise that one is a closed
//! period. Uncertain: what becomes of entries in a company whose workflows want approval. Not run against the live system.

mod company;
mod fault;

use super::amounts::{decimal, number};
use super::denominated::{Denominated, Holds, signed};
use super::documents::{
    ByDocument, Compared, Document, DocumentApi, Found, Handed, Pace, Progress,
};
use super::json::{id, key};
use super::{ErpKind, Host, OpenError};
use crate::caller::Caller;
use crate::http::auth::AuthConfig;
use crate::transport::TransportError;
use async_trait::async_trait;
use company::{Account, Companies, Company, Kept};
use formats::erp::limits::{Limits, Sides};
use formats::erp::mapped::{Names, Placed, fit};
use formats::erp::{ExportBatch, ExportEntry, RenderError};
use ledger::Side;
use ledger::money::parse_decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// This kind's registration.
pub const KIND: ErpKind =
    ErpKind::api::<ByDocument<QuickBooks>>("quickbooks", "QuickBooks Online, by REST", EXAMPLE)
        .holding(Limits {
            number: Some(21),
            sides: Sides::Marked,
            ..Limits::NONE
        });

const EXAMPLE: &str = "\
url: https://quickbooks.api.intuit.com
auth:
  oauth2_refresh:
    token_url: https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer
    client_id: ABcd1234
    client_secret: { env: TIEOUT_QUICKBOOKS_SECRET }
    refresh_token: { env: TIEOUT_QUICKBOOKS_REFRESH }
    keep: quickbooks.token
# Our entities and the company ids (realm ids) there.
companies: { us: '9130355371234567' }
# How accounts are called here: by number, name (Parent:Child) or id. Without an entry, the chart's code is meant.
accounts_by: number
accounts: { psp-clearing: '1150' }
# true in companies that keep several currencies.
multicurrency: false
# Whom lines on receivables and payables are for: the display name that this dimension says, else the default.
customer: { dimension: customer, default: Sundry customers }
vendor: { default: Sundry vendors }
# Their dimensions by ours; values are names there.
dimensions: { class: product, department: region }
";

/// The version of the API that all calls are for.
const MINOR: &str = "75";

/// The most characters of a document number, and of texts.
const NUMBER: usize = 21;
const TEXT: usize = 4_000;

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The API.
    pub url: String,
    /// Who posts.
    pub auth: AuthConfig,
    /// Company ids by entity.
    pub companies: Names,
    /// What accounts are called there, where that is not the chart's code.
    #[serde(default)]
    pub accounts: Names,
    /// What that is.
    #[serde(default)]
    pub accounts_by: AccountsBy,
    /// Whether the companies keep several currencies.
    #[serde(default)]
    pub multicurrency: bool,
    /// Who a line on accounts receivable is for.
    #[serde(default)]
    pub customer: Party,
    /// Who a line on accounts payable is for.
    #[serde(default)]
    pub vendor: Party,
    /// Their dimensions by ours.
    #[serde(default)]
    pub dimensions: Dimensions,
}

/// What an account is called by.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum AccountsBy {
    /// Its number.
    #[default]
    Number,
    /// Its name, after those above it: `Expenses:Travel`.
    Name,
    /// Its id.
    Id,
}

/// Where the name of a line's customer or vendor comes from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// The dimension that says it.
    #[serde(default)]
    pub dimension: Option<String>,
    /// The name that is taken where the dimension says none, or one that is not there.
    #[serde(default)]
    pub default: Option<String>,
}

/// Their dimensions by ours.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dimensions {
    /// The class.
    #[serde(default)]
    pub class: Option<String>,
    /// The department, which is a location in the user's words.
    #[serde(default)]
    pub department: Option<String>,
}

/// What is handed over.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    requestid: String,
    /// The currency of the books, which has to be the company's.
    home: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<String>,
    note: String,
    lines: Vec<EntryLine>,
}

/// Names of everything, where the API wants ids.
#[derive(Debug, Serialize, Deserialize)]
struct EntryLine {
    account: String,
    posting: String,
    amount: String,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    department: Option<String>,
}

/// The connector.
#[derive(Debug)]
pub struct QuickBooks {
    config: Config,
    companies: Companies,
}

#[async_trait]
impl DocumentApi for QuickBooks {
    type Config = Config;

    /// 500 calls a minute and company, of which some are for the chart; ten a second are not reached by four at once.
    const PACE: Pace = Pace {
        concurrency: 4,
        per_minute: Some(450),
        patience: Duration::ZERO,
    };

    fn open(config: Config, host: &Host) -> Result<Self, OpenError> {
        let caller = Caller::open(&config.url, config.auth.clone(), host)?;
        Ok(Self {
            companies: Companies::new(caller, config.accounts_by),
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
            at.key("DocNumber", &item.document, NUMBER)?;
            at.company(&self.config.companies)?.clone_into(&mut company);
            let line = self.line(&at, &denominated)?;
            let amount = denominated.amount(&at)?;
            compared.push((line.account.clone(), signed(at.line.side, amount)));
            lines.push(line);
        }
        let header = item.entry.header();
        let mut entry = Entry {
            requestid: String::new(),
            home: denominated.map_or_else(String::new, |one| one.home.code().to_owned()),
            currency: denominated
                .filter(|_| self.config.multicurrency)
                .map(|one| one.currency.code().to_owned()),
            rate: denominated
                .and_then(|one| one.rate)
                .map(|rate| rate.normalize().to_string()),
            note: fit(
                &format!("{} {}", header.reference, header.description),
                TEXT,
            ),
            lines,
        };
        let said = serde_json::to_string(&entry).map_err(RenderError::write)?;
        let date = header.date.to_string();
        entry.requestid = key(&["quickbooks", &batch.id, &item.document, &date, &said]);
        Ok(Document {
            number: item.document.clone(),
            company,
            date: header.date,
            lines: compared,
            body: serde_json::to_value(entry).map_err(RenderError::write)?,
        })
    }

    async fn find(&self, document: &Document) -> Result<Vec<Found>, TransportError> {
        let company = self.companies.of(&document.company).await?;
        let found = self
            .companies
            .rows(
                &document.company,
                "JournalEntry",
                "DocNumber",
                &document.number,
            )
            .await?;
        let found = found.iter().map(|row| found_entry(row, &company));
        let found: Option<_> = found.collect();
        found.ok_or_else(|| {
            self.companies
                .peer()
                .broken("a journal entry without an id")
        })
    }

    async fn hand_over(&self, document: &Document) -> Result<Handed, TransportError> {
        let company = self.companies.of(&document.company).await?;
        let entry: Entry = serde_json::from_value(document.body.clone())
            .map_err(|error| self.companies.peer().broken(error))?;
        if let Some(words) = self.unfit(document, &entry, &company) {
            return Ok(Handed::Blocked(words));
        }
        let mut lines = Vec::new();
        for line in &entry.lines {
            match self.resolved(document, line, &company).await? {
                Ok(line) => lines.push(line),
                Err(words) => return Ok(Handed::Refused(words)),
            }
        }
        let mut body = json!({
            "DocNumber": document.number,
            "TxnDate": document.date,
            "PrivateNote": entry.note,
            "Line": lines,
        });
        if let Some(currency) = &entry.currency {
            body["CurrencyRef"] = json!({ "value": currency });
        }
        if let Some(rate) = entry
            .rate
            .as_deref()
            .and_then(|rate| parse_decimal(rate).ok())
        {
            body["ExchangeRate"] = number(rate);
        }
        self.companies
            .post(&document.company, &entry.requestid, &body)
            .await
    }

    async fn check(&self) -> Result<(), TransportError> {
        for realm in self.config.companies.values() {
            self.companies.check(realm).await?;
        }
        Ok(())
    }
}

impl QuickBooks {
    fn line(&self, at: &Placed<'_>, denominated: &Denominated) -> Result<EntryLine, RenderError> {
        let config = &self.config;
        let party = |party: &Party| {
            let named = party.dimension.as_ref();
            let named = named.and_then(|name| at.line.dimensions.get(name));
            named.or(party.default.as_ref()).cloned()
        };
        let dimension = |name: &Option<String>| {
            let name = name.as_ref()?;
            at.line.dimensions.get(name).cloned()
        };
        let aside = denominated.aside(at.line);
        let text = fit(&at.header().description, TEXT.saturating_sub(aside.len()));
        Ok(EntryLine {
            account: at.account(&config.accounts)?.to_owned(),
            posting: match at.line.side {
                Side::Debit => "Debit".to_owned(),
                Side::Credit => "Credit".to_owned(),
            },
            amount: denominated.amount(at)?.to_string(),
            description: format!("{text}{aside}"),
            customer: party(&config.customer),
            vendor: party(&config.vendor),
            class: dimension(&config.dimensions.class),
            department: dimension(&config.dimensions.department),
        })
    }

    /// Why nothing of these books may go to that company.
    fn unfit(&self, document: &Document, entry: &Entry, company: &Company) -> Option<String> {
        let realm = &document.company;
        if let Some(home) = company.home.as_ref().filter(|home| **home != entry.home) {
            return Some(format!(
                "company `{realm}` keeps its books in {home}, and {} is of books in {}; mend `companies`",
                document.number, entry.home
            ));
        }
        if company.multicurrency != self.config.multicurrency {
            return Some(format!(
                "several currencies are {} in company `{realm}`; set `multicurrency: {}`",
                if company.multicurrency { "on" } else { "off" },
                company.multicurrency
            ));
        }
        None
    }

    /// A line as the API takes it; the inner error says what is not there.
    async fn resolved(
        &self,
        document: &Document,
        line: &EntryLine,
        company: &Company,
    ) -> Result<Result<Value, String>, TransportError> {
        let account = match company.account(&line.account) {
            Ok(account) => account,
            Err(words) => return Ok(Err(words)),
        };
        let mut detail = Map::new();
        detail.insert("PostingType".to_owned(), json!(line.posting));
        detail.insert("AccountRef".to_owned(), json!({ "value": account.id }));
        match self.party(document, line, account).await? {
            Ok(Some((kind, id))) => {
                let party = json!({ "Type": kind, "EntityRef": { "value": id } });
                detail.insert("Entity".to_owned(), party);
            }
            Ok(None) => {}
            Err(words) => return Ok(Err(words)),
        }
        for (field, kept, name) in [
            ("ClassRef", Kept::Class, &line.class),
            ("DepartmentRef", Kept::Department, &line.department),
        ] {
            let Some(name) = name else { continue };
            match self.companies.named(&document.company, kept, name).await? {
                Some(id) => detail.insert(field.to_owned(), json!({ "value": id })),
                None => return Ok(Err(missing(kept, name))),
            };
        }
        let amount = parse_decimal(&line.amount).map_or(Value::Null, number);
        Ok(Ok(json!({
            "Description": line.description,
            "Amount": amount,
            "DetailType": "JournalEntryLineDetail",
            "JournalEntryLineDetail": detail,
        })))
    }

    /// Whom a line is for, on an account that wants to know; without a name the maker has the word.
    async fn party(
        &self,
        document: &Document,
        line: &EntryLine,
        account: &Account,
    ) -> Result<Result<Option<(&'static str, String)>, String>, TransportError> {
        let (kept, name, default) = match account.kind.as_str() {
            "Accounts Receivable" => (
                Kept::Customer,
                &line.customer,
                &self.config.customer.default,
            ),
            "Accounts Payable" => (Kept::Vendor, &line.vendor, &self.config.vendor.default),
            _ => return Ok(Ok(None)),
        };
        let Some(name) = name else {
            return Ok(Ok(None));
        };
        for name in [Some(name), default.as_ref()].into_iter().flatten() {
            let found = self.companies.named(&document.company, kept, name).await?;
            if let Some(id) = found {
                return Ok(Ok(Some((kept.table(), id))));
            }
        }
        Ok(Err(missing(kept, name)))
    }
}

fn missing(kept: Kept, name: &str) -> String {
    format!(
        "there is no {} `{name}` in the company; add it there",
        kept.table().to_lowercase()
    )
}

/// A journal entry of an answer.
fn found_entry(row: &Value, company: &Company) -> Option<Found> {
    let lines = row["Line"].as_array().map(|lines| {
        // A line that is text alone has no amount.
        let lines = lines
            .iter()
            .filter(|line| line["DetailType"] != "DescriptionOnly");
        lines.map(|line| found_line(line, company)).collect()
    });
    Some(Found {
        id: id(&row["Id"])?,
        progress: Progress::Booked,
        date: row["TxnDate"].as_str().and_then(|day| day.parse().ok()),
        lines,
    })
}

fn found_line(line: &Value, company: &Company) -> Compared {
    let detail = &line["JournalEntryLineDetail"];
    let amount = decimal(&line["Amount"]).unwrap_or_default();
    let account = id(&detail["AccountRef"]["value"]).unwrap_or_default();
    let account = company.called(&account);
    match detail["PostingType"].as_str() {
        Some("Debit") => (account, amount),
        Some("Credit") => (account, -amount),
        // What we did not send, such as a tax.
        _ => (line["DetailType"].to_string(), amount),
    }
}
