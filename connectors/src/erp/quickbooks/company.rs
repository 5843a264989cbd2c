//! The companies there: what they are asked once and kept for one export, and what is asked and posted again and again.

use super::fault::{Fault, judged};
use super::{AccountsBy, MINOR};
use crate::caller::Caller;
use crate::erp::documents::Handed;
use crate::erp::json::{id, told};
use crate::http::{Peer, query};
use crate::transport::TransportError;
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Rows of a page.
const PAGE: usize = 1_000;

/// An account of a company.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) id: String,
    /// Its type, in the maker's words.
    pub(super) kind: String,
}

/// What a company says of itself.
#[derive(Debug, Default)]
pub(super) struct Company {
    /// The currency of its books.
    pub(super) home: Option<String>,
    pub(super) multicurrency: bool,
    by: AccountsBy,
    accounts: BTreeMap<String, Vec<Account>>,
    /// What accounts are called here, by id.
    called: BTreeMap<String, String>,
}

impl Company {
    /// An account by what it is called here; the error says what to do.
    pub(super) fn account(&self, called: &str) -> Result<&Account, String> {
        let by = match self.by {
            AccountsBy::Number => "number",
            AccountsBy::Name => "name",
            AccountsBy::Id => "id",
        };
        match self.accounts.get(called).map(Vec::as_slice) {
            Some([account]) => Ok(account),
            Some([_, _, ..]) => Err(format!(
                "several accounts of the company have the {by} `{called}`; name one under `accounts`"
            )),
            _ => Err(format!(
                "no active account of the company has the {by} `{called}`; add it there, or name another under `accounts`"
            )),
        }
    }

    /// What an account is called here; its id where it has no such name.
    pub(super) fn called(&self, id: &str) -> String {
        let called = self.called.get(id).cloned();
        called.unwrap_or_else(|| format!("with id {id}"))
    }

    fn add(&mut self, row: &Value) -> Option<()> {
        let id = id(&row["Id"])?;
        let called = match self.by {
            AccountsBy::Number => row["AcctNum"].as_str()?.to_owned(),
            AccountsBy::Name => row["FullyQualifiedName"].as_str()?.to_owned(),
            AccountsBy::Id => id.clone(),
        };
        self.called.insert(id.clone(), called.clone());
        if row["Active"] != false {
            let kind = row["AccountType"].as_str().unwrap_or_default().to_owned();
            let account = Account { id, kind };
            self.accounts.entry(called).or_default().push(account);
        }
        Some(())
    }
}

/// A list of names that lines refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kept {
    Customer,
    Vendor,
    Class,
    Department,
}

impl Kept {
    pub(super) const fn table(self) -> &'static str {
        match self {
            Self::Customer => "Customer",
            Self::Vendor => "Vendor",
            Self::Class => "Class",
            Self::Department => "Department",
        }
    }

    const fn field(self) -> &'static str {
        match self {
            Self::Customer | Self::Vendor => "DisplayName",
            Self::Class | Self::Department => "FullyQualifiedName",
        }
    }
}

/// A name in one of a company's lists.
type Name = (String, Kept, String);

/// The companies, as far as they were asked.
#[derive(Debug)]
pub(super) struct Companies {
    caller: Caller,
    by: AccountsBy,
    known: Mutex<BTreeMap<String, Arc<Company>>>,
    names: Mutex<BTreeMap<Name, Option<String>>>,
}

impl Companies {
    pub(super) fn new(caller: Caller, by: AccountsBy) -> Self {
        Self {
            caller,
            by,
            known: Mutex::default(),
            names: Mutex::default(),
        }
    }

    pub(super) fn peer(&self) -> &Peer {
        self.caller.peer()
    }

    /// A company, asked once.
    pub(super) async fn of(&self, realm: &str) -> Result<Arc<Company>, TransportError> {
        // Who comes meanwhile waits for the answer instead of asking too.
        let mut known = self.known.lock().await;
        if let Some(company) = known.get(realm) {
            return Ok(Arc::clone(company));
        }
        let company = Arc::new(self.asked(realm).await?);
        known.insert(realm.to_owned(), Arc::clone(&company));
        Ok(company)
    }

    async fn asked(&self, realm: &str) -> Result<Company, TransportError> {
        let said = self.get(realm, "preferences", &[]).await?;
        let currencies = &said["Preferences"]["CurrencyPrefs"];
        let mut company = Company {
            home: id(&currencies["HomeCurrency"]["value"]),
            multicurrency: currencies["MultiCurrencyEnabled"] == true,
            by: self.by,
            ..Company::default()
        };
        for page in 0.. {
            let start = page * PAGE + 1;
            let statement = format!(
                "select * from Account where Active in (true, false) startposition {start} maxresults {PAGE}"
            );
            let rows = self.query(realm, "Account", &statement).await?;
            for row in &rows {
                company.add(row);
            }
            if rows.len() < PAGE {
                break;
            }
        }
        Ok(company)
    }

    /// The id of a name, asked once; none where it is not there.
    pub(super) async fn named(
        &self,
        realm: &str,
        kept: Kept,
        name: &str,
    ) -> Result<Option<String>, TransportError> {
        let key = (realm.to_owned(), kept, name.to_owned());
        let mut names = self.names.lock().await;
        if let Some(known) = names.get(&key) {
            return Ok(known.clone());
        }
        let rows = self.rows(realm, kept.table(), kept.field(), name).await?;
        let found = rows.first().and_then(|row| id(&row["Id"]));
        names.insert(key, found.clone());
        Ok(found)
    }

    /// The rows of a table whose field is exactly this.
    pub(super) async fn rows(
        &self,
        realm: &str,
        table: &str,
        field: &str,
        value: &str,
    ) -> Result<Vec<Value>, TransportError> {
        let quoted = value.replace('\\', "\\\\").replace('\'', "\\'");
        let statement = format!("select * from {table} where {field} = '{quoted}'");
        let mut rows = self.query(realm, table, &statement).await?;
        rows.retain(|row| row[field] == value);
        Ok(rows)
    }

    async fn query(
        &self,
        realm: &str,
        table: &str,
        statement: &str,
    ) -> Result<Vec<Value>, TransportError> {
        let mut said = self.get(realm, "query", &[("query", statement)]).await?;
        let rows = match said.get_mut("QueryResponse") {
            Some(Value::Object(response)) => response.remove(table),
            _ => return Err(self.peer().broken("its answer to a query is none")),
        };
        match rows {
            None => Ok(Vec::new()),
            Some(Value::Array(rows)) => Ok(rows),
            Some(_) => Err(self.peer().broken("its answer to a query is none")),
        }
    }

    async fn get(
        &self,
        realm: &str,
        what: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Value, TransportError> {
        let mut all = parameters.to_vec();
        all.push(("minorversion", MINOR));
        let path = format!("v3/company/{realm}/{what}?{}", query(&all));
        let headers = [("accept", "application/json".to_owned())];
        let answer = self.caller.call(Method::GET, &path, &headers, b"").await?;
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        match Fault::of(&said) {
            Some(fault) => Err(self.peer().broken(fault.words)),
            None if answer.is_success() && said.is_object() => Ok(said),
            None => Err(self.peer().broken(told(self.peer(), &answer))),
        }
    }

    /// Posts a journal entry.
    pub(super) async fn post(
        &self,
        realm: &str,
        requestid: &str,
        body: &Value,
    ) -> Result<Handed, TransportError> {
        let parameters = query(&[("requestid", requestid), ("minorversion", MINOR)]);
        let path = format!("v3/company/{realm}/journalentry?{parameters}");
        let headers = [
            ("accept", "application/json".to_owned()),
            ("content-type", "application/json".to_owned()),
        ];
        let body = body.to_string();
        let answer = self
            .caller
            .call(Method::POST, &path, &headers, body.as_bytes())
            .await?;
        judged(self.peer(), &answer)
    }

    /// Asks a company who it is.
    pub(super) async fn check(&self, realm: &str) -> Result<(), TransportError> {
        let said = self
            .get(realm, &format!("companyinfo/{realm}"), &[])
            .await?;
        if said["CompanyInfo"].is_object() {
            Ok(())
        } else {
            Err(self.peer().broken("it does not say which company it is"))
        }
    }
}
