//! The account there: journals by their external id, and which internal ids numbers and currencies have.

use crate::caller::Caller;
use crate::erp::documents::Handed;
use crate::erp::json::{id, in_the_way, told, words};
use crate::http::{Answer, Peer};
use crate::transport::TransportError;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Mutex;

const JOURNAL: &str = "services/rest/record/v1/journalEntry";
const SUITEQL: &str = "services/rest/query/v1/suiteql";

/// Rows of a page.
const PAGE: usize = 1_000;

/// Internal ids by what something is called, where they are asked for.
type Ids = Arc<BTreeMap<String, Vec<String>>>;

/// What is known of accounts and currencies.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    accounts: Option<Ids>,
    currencies: Option<Ids>,
}

impl Known {
    /// The internal id of an account; the error says what to do.
    pub(super) fn account(&self, called: &str) -> Result<String, String> {
        let Some(accounts) = &self.accounts else {
            return Ok(called.to_owned());
        };
        match accounts.get(called).map(Vec::as_slice) {
            Some([id]) => Ok(id.clone()),
            Some([_, _, ..]) => Err(format!(
                "several accounts have the number `{called}`; name another under `accounts`"
            )),
            _ => Err(format!(
                "no account has the number `{called}`; add it there, or name another under `accounts`"
            )),
        }
    }

    /// What an account is called here, by its internal id.
    pub(super) fn called(&self, account: &str) -> String {
        let Some(accounts) = &self.accounts else {
            return account.to_owned();
        };
        let has_it = |ids: &Vec<String>| ids.iter().any(|id| id == account);
        let found = accounts.iter().find(|(_, ids)| has_it(ids));
        found.map_or_else(
            || format!("with id {account}"),
            |(called, _)| called.clone(),
        )
    }

    /// The internal id of a currency; the error says what to do.
    pub(super) fn currency(&self, code: &str) -> Result<String, String> {
        let ids = self.currencies.as_ref().and_then(|all| all.get(code));
        let id = ids.and_then(|ids| ids.first()).cloned();
        id.ok_or_else(|| format!("there is no currency `{code}`; add it there"))
    }
}

/// The account, behind its API.
#[derive(Debug)]
pub(super) struct Books {
    caller: Caller,
    known: Mutex<Known>,
}

impl Books {
    pub(super) fn new(caller: Caller) -> Self {
        Self {
            caller,
            known: Mutex::default(),
        }
    }

    pub(super) fn peer(&self) -> &Peer {
        self.caller.peer()
    }

    /// Internal ids, asked once.
    pub(super) async fn known(
        &self,
        accounts: bool,
        currencies: bool,
    ) -> Result<Known, TransportError> {
        let mut known = self.known.lock().await;
        if accounts && known.accounts.is_none() {
            let active = "SELECT id, acctnumber AS called FROM account ORDER BY id";
            known.accounts = Some(self.ids(active).await?);
        }
        if currencies && known.currencies.is_none() {
            let symbols = "SELECT id, symbol AS called FROM currency ORDER BY id";
            known.currencies = Some(self.ids(symbols).await?);
        }
        Ok(known.clone())
    }

    async fn ids(&self, statement: &str) -> Result<Ids, TransportError> {
        let mut ids = BTreeMap::<String, Vec<String>>::new();
        let headers = [
            ("accept", "application/json".to_owned()),
            ("content-type", "application/json".to_owned()),
            ("prefer", "transient".to_owned()),
        ];
        let body = json!({ "q": statement }).to_string();
        for page in 0.. {
            let path = format!("{SUITEQL}?limit={PAGE}&offset={}", page * PAGE);
            let said = self
                .said(Method::POST, &path, &headers, body.as_bytes())
                .await?;
            let rows = said["items"].as_array();
            let rows = rows.ok_or_else(|| self.peer().broken("its answer to SuiteQL is none"))?;
            for row in rows {
                if let (Some(id), Some(called)) = (id(&row["id"]), id(&row["called"])) {
                    ids.entry(called).or_default().push(id);
                }
            }
            if said["hasMore"] != true || rows.is_empty() {
                break;
            }
        }
        Ok(Arc::new(ids))
    }

    /// The journal of an external id.
    pub(super) async fn journal(&self, number: &str) -> Result<Option<Value>, TransportError> {
        let path = format!("{JOURNAL}/eid:{number}?expandSubResources=true");
        let headers = [("accept", "application/json".to_owned())];
        let answer = self.caller.call(Method::GET, &path, &headers, b"").await?;
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        match answer.status {
            200..=299 if said.is_object() => Ok(Some(said)),
            // Only the maker's own word says that it is not there.
            404 if said["o:errorDetails"].is_array() => Ok(None),
            _ => Err(self.peer().broken(told(self.peer(), &answer))),
        }
    }

    /// Posts a journal that is not there.
    pub(super) async fn post(&self, journal: &Value) -> Result<Handed, TransportError> {
        let headers = [
            ("accept", "application/json".to_owned()),
            ("content-type", "application/json".to_owned()),
            // What it does not know it would leave out otherwise.
            ("x-netsuite-propertynamevalidation", "Error".to_owned()),
            ("x-netsuite-propertyvaluevalidation", "Error".to_owned()),
        ];
        let body = journal.to_string();
        let answer = self
            .caller
            .call(Method::POST, JOURNAL, &headers, body.as_bytes())
            .await?;
        judged(self.peer(), &answer)
    }

    /// Whether journals may be read.
    pub(super) async fn check(&self) -> Result<(), TransportError> {
        let headers = [("accept", "application/json".to_owned())];
        let path = format!("{JOURNAL}?limit=1");
        let said = self.said(Method::GET, &path, &headers, b"").await?;
        if said["items"].is_array() {
            Ok(())
        } else {
            Err(self.peer().broken("it lists no journal entries"))
        }
    }

    async fn said(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, String)],
        body: &[u8],
    ) -> Result<Value, TransportError> {
        let answer = self.caller.call(method, path, headers, body).await?;
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.is_success() && said.is_object() {
            return Ok(said);
        }
        let wrong = wrong(&said).map(|(_, words)| words);
        let wrong = wrong.unwrap_or_else(|| told(self.peer(), &answer));
        Err(self.peer().broken(wrong))
    }
}

/// The codes and the words of an error.
fn wrong(said: &Value) -> Option<(Vec<String>, String)> {
    let details = said["o:errorDetails"].as_array()?;
    let codes = details.iter().filter_map(|one| id(&one["o:errorCode"]));
    let codes: Vec<String> = codes.collect();
    let told = details.iter().filter_map(|one| {
        let detail = id(&one["detail"])?;
        let place = id(&one["o:errorPath"]);
        Some(place.map_or(detail.clone(), |place| format!("{detail} (at {place})")))
    });
    let told: Vec<String> = told.collect();
    Some((codes, words(told.iter().map(String::as_str))))
}

/// What lies in the way of all, though its status may be that of a refusal.
const IN_THE_WAY: [&str; 6] = [
    "CONCURRENCY_LIMIT_EXCEEDED",
    "INSUFFICIENT_PERMISSION",
    "INVALID_LOGIN",
    "INVALID_LOGIN_ATTEMPT",
    "SSS_REQUEST_LIMIT_EXCEEDED",
    "WS_REQUEST_BLOCKED",
];

fn judged(peer: &Peer, answer: &Answer) -> Result<Handed, TransportError> {
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match answer.status {
        204 => return Ok(Handed::Taken),
        200..=299 if answer.location.is_some() || id(&said["id"]).is_some() => {
            return Ok(Handed::Taken);
        }
        400..=499 => {}
        300..=399 => {}
        _ => return Err(peer.broken(told(peer, answer))),
    }
    if let Some(blocked) = in_the_way(peer, answer) {
        return Ok(blocked);
    }
    let Some((codes, words)) = wrong(&said) else {
        return Ok(Handed::Refused(told(peer, answer)));
    };
    Ok(if words.to_lowercase().contains("already exists") {
        Handed::Known
    } else if codes.iter().any(|code| IN_THE_WAY.contains(&code.as_str())) {
        Handed::Blocked(words)
    } else {
        Handed::Refused(words)
    })
}
