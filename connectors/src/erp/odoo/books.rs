//! A company's books: what its codes mean in ids.

use super::super::documents::Document;
use super::rpc::Rpc;
use super::{Config, Party};
use crate::transport::TransportError;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::Mutex;

/// Books that were opened, by company.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    opened: Mutex<BTreeMap<String, Books>>,
}

/// The books of one company.
#[derive(Clone, Debug)]
pub(super) struct Books {
    /// The company's id.
    pub(super) company: i64,
    tables: Arc<Tables>,
}

#[derive(Debug)]
struct Tables {
    name: String,
    currency: String,
    journal: i64,
    accounts: BTreeMap<String, Account>,
    codes: BTreeMap<i64, String>,
    currencies: BTreeMap<String, i64>,
    party: Party,
}

#[derive(Debug)]
struct Account {
    id: i64,
    wants_party: bool,
}

impl Shelf {
    /// The books of a document's company. They are read anew where one of its accounts is not among those that are known. The
    /// inner error says what of the configuration has no counterpart there.
    pub(super) async fn books(
        &self,
        rpc: &Rpc,
        config: &Config,
        document: &Document,
    ) -> Result<Result<Books, String>, TransportError> {
        let mut opened = self.opened.lock().await;
        if let Some(books) = opened.get(&document.company) {
            let accounts = &books.tables.accounts;
            if document
                .lines
                .iter()
                .all(|(code, _)| accounts.contains_key(code))
            {
                return Ok(books.keeps(document));
            }
        }
        match Books::open(rpc, config, &document.company).await? {
            Ok(books) => {
                opened.insert(document.company.clone(), books.clone());
                Ok(books.keeps(document))
            }
            Err(reason) => Ok(Err(reason)),
        }
    }
}

impl Books {
    async fn open(
        rpc: &Rpc,
        config: &Config,
        name: &str,
    ) -> Result<Result<Self, String>, TransportError> {
        let own = json!([["name", "=", name]]);
        let context = json!({});
        let found = rows(rpc, "res.company", (own, context), &["currency_id"]).await?;
        let [company] = found.as_slice() else {
            return Ok(Err(format!(
                "{} companies that this user may see are called `{name}`, and it has to be one; mend `companies`",
                found.len()
            )));
        };
        let (Some(id), Some(currency)) =
            (company["id"].as_i64(), company["currency_id"][1].as_str())
        else {
            return Err(rpc.strange("res.company.search_read"));
        };
        let context = json!({ "allowed_company_ids": [id] });
        let own = json!([["code", "=", config.journal], ["company_id", "=", id]]);
        let found = rows(rpc, "account.journal", (own, context.clone()), &["code"]).await?;
        let [journal] = found.as_slice() else {
            return Ok(Err(format!(
                "{} journals of `{name}` have the code `{}`, and it has to be one; mend `journal`",
                found.len(),
                config.journal
            )));
        };
        let mut tables = Tables {
            name: name.to_owned(),
            currency: currency.to_owned(),
            journal: journal["id"].as_i64().unwrap_or_default(),
            accounts: BTreeMap::new(),
            codes: BTreeMap::new(),
            currencies: BTreeMap::new(),
            party: config.party.clone(),
        };
        tables.read(rpc, &context).await?;
        Ok(Ok(Self {
            company: id,
            tables: Arc::new(tables),
        }))
    }

    /// The books, where they are kept in the currency in which the document is.
    fn keeps(&self, document: &Document) -> Result<Self, String> {
        let (own, wanted) = (&self.tables.currency, &document.body["currency"]);
        if wanted == own {
            return Ok(self.clone());
        }
        Err(format!(
            "`{}` keeps its books in {own}, and {} is in {}; mend `companies`",
            self.tables.name,
            document.number,
            wanted.as_str().unwrap_or_default()
        ))
    }

    /// What tells Odoo which company is meant.
    pub(super) fn context(&self) -> Value {
        json!({ "allowed_company_ids": [self.company] })
    }

    /// The code of an account.
    pub(super) fn code(&self, id: i64) -> Option<&str> {
        self.tables.codes.get(&id).map(String::as_str)
    }

    /// The records of a domain, in the order of their ids.
    pub(super) async fn rows(
        &self,
        rpc: &Rpc,
        model: &str,
        domain: Value,
        fields: &[&str],
    ) -> Result<Vec<Value>, TransportError> {
        rows(rpc, model, (domain, self.context()), fields).await
    }

    /// A move as it is created; or what of it has no counterpart.
    pub(super) async fn values(
        &self,
        rpc: &Rpc,
        document: &Document,
    ) -> Result<Result<Value, String>, TransportError> {
        let items = document.body["line_ids"].as_array().map(Vec::as_slice);
        let items = items.unwrap_or_default();
        let named = |field: &str| {
            let named = items.iter().flat_map(|item| match &item[field] {
                Value::Array(codes) => codes.iter().filter_map(Value::as_str).collect(),
                code => Vec::from_iter(code.as_str()),
            });
            named.map(str::to_owned).collect::<BTreeSet<String>>()
        };
        let mut parties = named("partner_id");
        parties.extend(self.tables.party.default.clone());
        let parties = match self.ids(rpc, ("res.partner", "ref"), parties).await? {
            Ok(parties) => parties,
            Err(words) => return Ok(Err(words)),
        };
        let analytic = named("analytic_distribution");
        let analytic = ("account.analytic.account", "code", analytic);
        let analytic = match self.ids(rpc, (analytic.0, analytic.1), analytic.2).await? {
            Ok(analytic) => analytic,
            Err(words) => return Ok(Err(words)),
        };
        let items = items
            .iter()
            .map(|item| self.tables.item(item, &parties, &analytic));
        let items: Result<Vec<Value>, String> = items.collect();
        Ok(items.map(|items| {
            let mut values = document.body.clone();
            if let Some(values) = values.as_object_mut() {
                values.remove("currency");
            }
            values["journal_id"] = json!(self.tables.journal);
            values["company_id"] = json!(self.company);
            let commands = items.into_iter().map(|item| json!([0, 0, item]));
            values["line_ids"] = commands.collect();
            values
        }))
    }

    /// The ids of records by a field that names them; the inner error where it names several.
    async fn ids(
        &self,
        rpc: &Rpc,
        (model, field): (&str, &str),
        named: BTreeSet<String>,
    ) -> Result<Result<BTreeMap<String, i64>, String>, TransportError> {
        let mut ids = BTreeMap::new();
        if named.is_empty() {
            return Ok(Ok(ids));
        }
        let domain = json!([
            [field, "in", named],
            ["company_id", "in", [false, self.company]],
        ]);
        for row in self.rows(rpc, model, domain, &[field]).await? {
            let (Some(name), Some(id)) = (row[field].as_str(), row["id"].as_i64()) else {
                return Err(rpc.strange(model));
            };
            if ids.insert(name.to_owned(), id).is_some() {
                // Which of two is meant nobody says.
                return Ok(Err(format!(
                    "several records of `{model}` have the {field} `{name}`; mend it there"
                )));
            }
        }
        Ok(Ok(ids))
    }
}

impl Tables {
    async fn read(&mut self, rpc: &Rpc, context: &Value) -> Result<(), TransportError> {
        let all = || (json!([]), context.clone());
        let fields = ["code", "account_type"];
        let mut twice = BTreeSet::new();
        for row in rows(rpc, "account.account", all(), &fields).await? {
            if let (Some(code), Some(id)) = (row["code"].as_str(), row["id"].as_i64()) {
                let kind = row["account_type"].as_str().unwrap_or_default();
                let wants_party = matches!(kind, "asset_receivable" | "liability_payable");
                let account = Account { id, wants_party };
                self.codes.insert(id, code.to_owned());
                if self.accounts.insert(code.to_owned(), account).is_some() {
                    twice.insert(code.to_owned());
                }
            }
        }
        // Which of two is meant nobody says.
        self.accounts.retain(|code, _| !twice.contains(code));
        for row in rows(rpc, "res.currency", all(), &["name"]).await? {
            if let (Some(code), Some(id)) = (row["name"].as_str(), row["id"].as_i64()) {
                self.currencies.insert(code.to_owned(), id);
            }
        }
        Ok(())
    }

    /// A journal item with ids.
    fn item(
        &self,
        item: &Value,
        parties: &BTreeMap<String, i64>,
        analytic: &BTreeMap<String, i64>,
    ) -> Result<Value, String> {
        let mut values = item.clone();
        let code = item["account_id"].as_str().unwrap_or_default();
        let account = self.accounts.get(code).ok_or_else(|| {
            format!(
                "`{}` has no account with the code `{code}`, or several; mend it there, or name another under `accounts`",
                self.name
            )
        })?;
        values["account_id"] = json!(account.id);
        // An account's own taxes would add lines.
        values["tax_ids"] = json!([[6, 0, []]]);
        if let Some(code) = item["currency_id"].as_str() {
            let id = self.currencies.get(code);
            let id = id.ok_or_else(|| format!("the currency {code} is not active there"))?;
            values["currency_id"] = json!(id);
        }
        let default = self
            .party
            .default
            .as_deref()
            .filter(|_| account.wants_party);
        let named = item["partner_id"].as_str().into_iter().chain(default);
        match { named }.find_map(|reference| parties.get(reference)) {
            Some(id) => values["partner_id"] = json!(id),
            None => {
                if let Some(values) = values.as_object_mut() {
                    values.remove("partner_id");
                }
            }
        }
        if let Some(codes) = item["analytic_distribution"].as_array() {
            let ids = codes.iter().filter_map(Value::as_str).map(|code| {
                let id = analytic.get(code);
                let missing = || {
                    format!("there is no analytic account with the code `{code}`; create it there")
                };
                id.map(i64::to_string).ok_or_else(missing)
            });
            let ids = ids.collect::<Result<Vec<String>, String>>()?.join(",");
            let whole = Map::from_iter([(ids, json!(100))]);
            values["analytic_distribution"] = Value::Object(whole);
        }
        Ok(values)
    }
}

async fn rows(
    rpc: &Rpc,
    model: &str,
    (domain, context): (Value, Value),
    fields: &[&str],
) -> Result<Vec<Value>, TransportError> {
    let arguments = json!({
        "domain": domain, "fields": fields, "order": "id", "context": context,
    });
    match rpc.call((model, "search_read"), &[], arguments).await? {
        Ok(Value::Array(rows)) => Ok(rows),
        Ok(_) => Err(rpc.strange(&format!("{model}.search_read"))),
        Err(fault) => Err(rpc.broken(fault)),
    }
}
