//! Xero over REST (Accounting API 2.0): each entry as one posted manual journal, never twice.
//!
//! A manual journal has no number of the sender's, so its narration begins with our document number, and by that it is found: Xero
//! is asked for narrations that begin so, and of those counts what goes on with a blank. What is voided or deleted there is not there.
//! Each call that posts has an `Idempotency-Key`, made of the batch, the number and what is sent: for six minutes the same call gets the
//! same answer, also where it was refused.
//!
//! A manual journal is in the organisation's base currency, which is compared with that of the books before anything is sent; a line
//! that was in another says so in its description. Xero takes no manual journal on the accounts for receivables, payables and retained
//! earnings, nor on bank accounts: such accounts need a clearing account under `accounts`. No tax is computed (`NoTax`).
//!
//! An organisation bears 60 calls a minute and 1,000 or 5,000 a day, and a document is three of them: a target's `batch_entries` and
//! `deadline_seconds` have to fit 18 documents a minute.
//!
//! Facts: the maker's OpenAPI (16.1), its pages on limits and on idempotency. Dates come back as `/Date(milliseconds)/`. Not run against
//! the live system.

use super::amounts::{decimal, number};
use super::denominated::{Denominated, Holds, signed};
use super::documents::{
    ByDocument, Compared, Document, DocumentApi, Found, Handed, Pace, Progress,
};
use super::json::{id, in_the_way, key, told, words};
use super::{ErpKind, Host, OpenError};
use crate::caller::Caller;
use crate::http::auth::AuthConfig;
use crate::http::{Answer, Peer, query};
use crate::transport::TransportError;
use async_trait::async_trait;
use chrono::{DateTime, NaiveDate};
use formats::erp::limits::{Currencies, Limits, Sides};
use formats::erp::mapped::{Names, Placed, fit};
use formats::erp::{ExportBatch, ExportEntry, RenderError};
use reqwest::Method;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::Mutex;

/// This kind's registration.
pub const KIND: ErpKind =
    ErpKind::api::<ByDocument<Xero>>("xero", "Xero, by REST (manual journals)", EXAMPLE).holding(
        Limits {
            currencies: Currencies::Books,
            sides: Sides::Signed,
            ..Limits::NONE
        },
    );

const EXAMPLE: &str = "\
url: https://api.xero.com/api.xro/2.0
auth:
  oauth2_refresh:
    token_url: https://identity.xero.com/connect/token
    client_id: 0123456789ABCDEF
    client_secret: { env: TIEOUT_XERO_SECRET }
    refresh_token: { env: TIEOUT_XERO_REFRESH }
    keep: xero.token
# Our entities and the ids of the organisations (tenants) there.
companies: { uk: 70784a63-d24b-46a9-a4db-0e70a274b056 }
# Codes of accounts that are not those of our chart. Receivables, payables and banks need a clearing account.
accounts: { accounts-receivable: '611', psp-clearing: '091' }
# Their tracking categories, two at most, by our dimensions; values are names of options there.
dimensions: { Region: region }
";

/// The most characters of a text.
const TEXT: usize = 4_000;

/// Manual journals of a page.
const PAGE: usize = 100;

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The API.
    pub url: String,
    /// Who posts.
    pub auth: AuthConfig,
    /// Ids of organisations by entity.
    pub companies: Names,
    /// Codes of accounts that are not those of the chart.
    #[serde(default)]
    pub accounts: Names,
    /// Their tracking categories by our dimensions.
    #[serde(default, deserialize_with = "two_at_most")]
    pub dimensions: Names,
}

fn two_at_most<'de, D: Deserializer<'de>>(from: D) -> Result<Names, D::Error> {
    let dimensions = Names::deserialize(from)?;
    if dimensions.len() > 2 {
        return Err(D::Error::custom(
            "a line there has two tracking categories at most; leave out some `dimensions`",
        ));
    }
    Ok(dimensions)
}

/// The connector.
#[derive(Debug)]
pub struct Xero {
    config: Config,
    caller: Caller,
    /// Base currencies by organisation.
    bases: Mutex<BTreeMap<String, String>>,
}

#[async_trait]
impl DocumentApi for Xero {
    type Config = Config;

    const PACE: Pace = Pace {
        concurrency: 4,
        per_minute: Some(55),
        patience: Duration::ZERO,
    };

    fn open(config: Config, host: &Host) -> Result<Self, OpenError> {
        Ok(Self {
            caller: Caller::open(&config.url, config.auth.clone(), host)?,
            config,
            bases: Mutex::default(),
        })
    }

    fn document(&self, batch: &ExportBatch, item: &ExportEntry) -> Result<Document, RenderError> {
        let holds = Holds {
            foreign: false,
            places: 2,
        };
        let (mut company, mut lines, mut compared) = (String::new(), Vec::new(), Vec::new());
        let denominated = Denominated::of(item, holds);
        for at in Placed::of(batch, item) {
            let Some(denominated) = denominated else {
                break;
            };
            at.company(&self.config.companies)?.clone_into(&mut company);
            if item.document.contains(['"', '\\', ' ']) {
                let what = format!(
                    "a narration that begins with `{}` cannot be searched for",
                    item.document
                );
                return Err(at.unfit(what));
            }
            let (line, sums) = self.line(&at, &denominated)?;
            lines.push(line);
            compared.push(sums);
        }
        let header = item.entry.header();
        let number = &item.document;
        let text = format!("{number} {} {}", header.reference, header.description);
        let journal = json!({
            "Narration": fit(&text, TEXT),
            "Date": header.date,
            "Status": "POSTED",
            "LineAmountTypes": "NoTax",
            "JournalLines": lines,
        });
        let said = journal.to_string();
        let home = denominated.map_or_else(String::new, |one| one.home.code().to_owned());
        Ok(Document {
            number: number.clone(),
            company,
            date: header.date,
            lines: compared,
            body: json!({
                "key": key(&["xero", &batch.id, number, &said]),
                "home": home,
                "journal": journal,
            }),
        })
    }

    async fn find(&self, document: &Document) -> Result<Vec<Found>, TransportError> {
        let begins = format!("{} ", document.number);
        let wanted = format!("Narration.StartsWith(\"{begins}\")");
        let mut found = Vec::new();
        for page in 1_u32.. {
            let number = page.to_string();
            let pages = [
                ("where", wanted.as_str()),
                ("page", number.as_str()),
                ("pageSize", "100"),
            ];
            let path = format!("ManualJournals?{}", query(&pages));
            let said = self.get(&document.company, &path).await?;
            let journals = self.journals(&said)?;
            for journal in journals {
                let is_ours = |text: &str| text.starts_with(&begins);
                if journal["Narration"].as_str().is_some_and(is_ours) {
                    found.extend(self.found(&document.company, journal).await?);
                }
            }
            if journals.len() < PAGE {
                break;
            }
        }
        Ok(found)
    }

    async fn hand_over(&self, document: &Document) -> Result<Handed, TransportError> {
        let (company, body) = (&document.company, &document.body);
        let base = self.base(company).await?;
        if body["home"] != base.as_str() {
            return Ok(Handed::Blocked(format!(
                "organisation `{company}` keeps its books in {base}, and {} is of books in {}; mend `companies`",
                document.number,
                body["home"].as_str().unwrap_or_default()
            )));
        }
        let headers = [
            ("accept", "application/json".to_owned()),
            ("content-type", "application/json".to_owned()),
            ("xero-tenant-id", company.clone()),
            ("idempotency-key", id(&body["key"]).unwrap_or_default()),
        ];
        let journals = json!({ "ManualJournals": [body["journal"]] }).to_string();
        let answer = self
            .caller
            .call(Method::PUT, "ManualJournals", &headers, journals.as_bytes())
            .await?;
        judged(self.caller.peer(), &answer)
    }

    async fn check(&self) -> Result<(), TransportError> {
        for company in self.config.companies.values() {
            self.base(company).await?;
        }
        Ok(())
    }
}

impl Xero {
    /// A line, and what it is compared by.
    fn line(
        &self,
        at: &Placed<'_>,
        denominated: &Denominated,
    ) -> Result<(Value, Compared), RenderError> {
        let account = at.account(&self.config.accounts)?;
        let amount = signed(at.line.side, denominated.amount(at)?);
        let aside = denominated.aside(at.line);
        let text = fit(&at.header().description, TEXT.saturating_sub(aside.len()));
        let mut line = json!({
            "AccountCode": account,
            "LineAmount": number(amount),
            "Description": format!("{text}{aside}"),
        });
        let tracked = self.config.dimensions.iter().filter_map(|(name, ours)| {
            let option = at.line.dimensions.get(ours)?;
            Some(json!({ "Name": name, "Option": option }))
        });
        let tracked: Vec<Value> = tracked.collect();
        if !tracked.is_empty() {
            line["Tracking"] = Value::Array(tracked);
        }
        Ok((line, (account.to_owned(), amount)))
    }

    async fn get(&self, company: &str, path: &str) -> Result<Value, TransportError> {
        let headers = [
            ("accept", "application/json".to_owned()),
            ("xero-tenant-id", company.to_owned()),
        ];
        let answer = self.caller.call(Method::GET, path, &headers, b"").await?;
        let peer = self.caller.peer();
        if !answer.is_success() {
            return Err(peer.broken(told(peer, &answer)));
        }
        serde_json::from_slice(&answer.body).map_err(|error| peer.broken(error))
    }

    fn journals<'s>(&self, said: &'s Value) -> Result<&'s [Value], TransportError> {
        let journals = said["ManualJournals"].as_array();
        let journals = journals.map(Vec::as_slice);
        journals.ok_or_else(|| self.strange("its answer lists no manual journals"))
    }

    fn strange(&self, what: &'static str) -> TransportError {
        self.caller.peer().broken(what)
    }

    /// The base currency of an organisation, asked once.
    async fn base(&self, company: &str) -> Result<String, TransportError> {
        let mut bases = self.bases.lock().await;
        if let Some(base) = bases.get(company) {
            return Ok(base.clone());
        }
        let said = self.get(company, "Organisation").await?;
        let base = id(&said["Organisations"][0]["BaseCurrency"]);
        let base = base.ok_or_else(|| self.strange("it does not say its base currency"))?;
        bases.insert(company.to_owned(), base.clone());
        Ok(base)
    }

    /// A manual journal of ours; none where it counts for nothing any more.
    async fn found(&self, company: &str, journal: &Value) -> Result<Option<Found>, TransportError> {
        let known = id(&journal["ManualJournalID"]);
        let known = known.ok_or_else(|| self.strange("a manual journal without an id"))?;
        let progress = match journal["Status"].as_str() {
            Some("POSTED") => Progress::Booked,
            Some("DRAFT") => Progress::Draft,
            Some("VOIDED" | "DELETED") => return Ok(None),
            other => Progress::Refused(format!(
                "manual journal {known} is {} there; void it, and export again",
                other.unwrap_or("in no state")
            )),
        };
        let mut lines = journal["JournalLines"].clone();
        // A list may leave them out.
        if lines.as_array().is_none_or(Vec::is_empty) {
            let path = format!("ManualJournals/{known}");
            let mut said = self.get(company, &path).await?;
            lines = said["ManualJournals"][0]["JournalLines"].take();
        }
        let lines = lines.as_array().map(|lines| {
            let lines = lines.iter().filter(|line| line["IsBlank"] != true);
            lines.map(compared).collect()
        });
        Ok(Some(Found {
            id: known,
            progress,
            date: journal["Date"].as_str().and_then(day),
            lines,
        }))
    }
}

fn compared(line: &Value) -> Compared {
    let code = id(&line["AccountCode"]);
    let code = code.unwrap_or_else(|| format!("with id {}", line["AccountID"]));
    (code, decimal(&line["LineAmount"]).unwrap_or_default())
}

/// The day of `/Date(1553126400000+0000)/`, or of one that begins as ISO 8601 has it.
fn day(text: &str) -> Option<NaiveDate> {
    let Some(within) = text.strip_prefix("/Date(") else {
        return text.get(..10)?.parse().ok();
    };
    let (sign, within) = match within.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, within),
    };
    let end = within.find(|digit: char| !digit.is_ascii_digit())?;
    let milliseconds: i64 = within.get(..end)?.parse().ok()?;
    let moment = DateTime::from_timestamp_millis(milliseconds.checked_mul(sign)?)?;
    Some(moment.date_naive())
}

/// What an answer or one of its elements says is wrong.
fn wrong(said: &Value) -> Option<String> {
    let errors = |value: &Value| -> Vec<String> {
        let errors = value["ValidationErrors"].as_array().into_iter().flatten();
        errors.filter_map(|error| id(&error["Message"])).collect()
    };
    let elements = ["Elements", "ManualJournals"].map(|name| said[name].as_array());
    let elements = elements.into_iter().flatten().flatten();
    let mut all: Vec<String> = elements.flat_map(errors).collect();
    if all.is_empty() {
        all.extend(id(&said["Message"]));
    }
    Some(words(all.iter().map(String::as_str))).filter(|words| !words.is_empty())
}

fn judged(peer: &Peer, answer: &Answer) -> Result<Handed, TransportError> {
    if answer.status >= 500 {
        return Err(peer.broken(told(peer, answer)));
    }
    if let Some(blocked) = in_the_way(peer, answer) {
        return Ok(blocked);
    }
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let wrong = wrong(&said);
    let journal = &said["ManualJournals"][0];
    let is_error = journal["StatusAttributeString"] == "ERROR" || journal["HasErrors"] == true;
    match answer.status {
        // Where each element is answered for itself, the status says nothing of it.
        200..=299 if is_error || wrong.is_some() => {
            Ok(Handed::Refused(wrong.unwrap_or_else(|| told(peer, answer))))
        }
        200..=299 if id(&journal["ManualJournalID"]).is_some() => Ok(Handed::Taken),
        400..=499 => Ok(Handed::Refused(wrong.unwrap_or_else(|| told(peer, answer)))),
        _ => Err(peer.broken("its answer names no manual journal")),
    }
}

#[cfg(test)]
mod tests {
    use super::day;

    #[test]
    fn days_are_read_as_they_come() {
        let table = [
            ("/Date(1553126400000+0000)/", Some("2019-03-21")),
            ("/Date(1768435200000)/", Some("2026-01-15")),
            ("/Date(-86400000+0000)/", Some("1969-12-31")),
            ("2026-01-15T00:00:00", Some("2026-01-15")),
            ("/Date()/", None),
            ("/Date(99999999999999999999)/", None),
            ("soon", None),
        ];
        for (text, is) in table {
            assert_eq!(day(text), is.map(|day| day.parse().unwrap()), "{text}");
        }
    }
}
