//! ERPNext over REST: each entry as one submitted Journal Entry, never twice.
//!
//! An entry is first saved as a draft, which counts for nothing, then read and compared, and then submitted as it was
//! read: of a call that the server carries out late, at most a draft is left over, and the next delivery takes it away. A submission
//! that is refused (a closed period, a missing cost center) takes its draft with it; the name that the draft had from the naming series
//! stays free. What is submitted is read back, line by line, in the currency of the company: ERPNext's totals are sums of floats.
//!
//! It is found by `number_field`. A custom field that is unique keeps a number from being used twice by ERPNext's own hand;
//! `cheque_no`, which every site has, does not.
//!
//! Accounts are named by their numbers (or their whole names) and looked up in the company, whose currency has to be that of our books.
//! Lines are in the currency of the company, and say in a remark what they were in another. An account that ERPNext keeps in another
//! currency is named under `currencies`: its lines are in that one, with a rate of nine decimals that gives back exactly our amount, or
//! else the entry is refused here.
//!
//! Over 100 rows ERPNext submits in the background. Why that failed stands in its Submission Queue, or before that existed in a comment
//! ("Action Failed", in English: give the API's user that language).
//!
//! Dialect: Frappe and ERPNext 14 to 16, API v1. Sources: the framework's REST documentation, the doctypes Journal Entry and
//! Journal Entry Account, and the code of `frappe.model.document`, `frappe.client` and `erpnext.accounts` for what is refused where.
//! Uncertain: whether each of these versions shows its Submission Queue to a user who may only post.

mod desk;

use super::documents::{ByDocument, Document, DocumentApi, Found, Handed, Pace, Progress, differs};
use super::{ErpKind, Host, OpenError, amounts};
use crate::http::auth::AuthConfig;
use crate::transport::TransportError;
use async_trait::async_trait;
use desk::{Answered, Desk, Fault};
use formats::erp::mapped::{Names, Placed, fit};
use formats::erp::{ExportBatch, ExportEntry, RenderError};
use ledger::{Money, Rounding, Side};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// This kind's registration.
pub const KIND: ErpKind =
    ErpKind::api::<ByDocument<Erpnext>>("erpnext", "ERPNext, by REST", EXAMPLE);

const EXAMPLE: &str = "\
url: https://erp.example.com
# The key and the secret of a user who may create and submit journal entries.
auth: { basic: { user: 4a1c9e0f2b7d3e5, password: { env: TIEOUT_ERPNEXT_SECRET } } }
# Our entities and the names of ERPNext's companies.
companies: { eu: Example GmbH, uk: Example Ltd, us: Example Inc. }
# Accounts whose number there is not the code of our chart; or their whole name there.
accounts: { psp-clearing: '1215', cash-usd: 1216 - Bank USD - EX }
# Accounts that are kept there in another currency than the company's.
currencies: { cash-usd: USD }
# Accounts that want a party: of this type, the one that the dimension names, or else the default.
parties: { accounts-receivable: { type: Customer, dimension: customer, default: Sundry } }
# Fields of a row there, and the dimension that they take.
dimensions: { cost_center: department, project: project }
# A unique custom field (Data) of Journal Entry for the document number; without one it is cheque_no.
number_field: custom_tieout_document
";

/// Rows beyond which it is submitted in the background.
const ROWS: usize = 100;

/// The longest text that a field of type Data takes.
const DATA: usize = 140;

/// The longest remark that is sent.
const REMARK: usize = 1_000;

/// The decimals of an exchange rate.
const RATE: u32 = 9;

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The site.
    pub url: String,
    /// Who posts.
    pub auth: AuthConfig,
    /// Companies by entity.
    pub companies: Names,
    /// Numbers or names of accounts that are not the codes of the chart.
    #[serde(default)]
    pub accounts: Names,
    /// The currencies of accounts that are not kept in the company's.
    #[serde(default)]
    pub currencies: Names,
    /// The parties of accounts that want one.
    #[serde(default)]
    pub parties: BTreeMap<String, Party>,
    /// Dimensions by the field of a row that takes them.
    #[serde(default)]
    pub dimensions: Names,
    /// The field that holds our document number.
    #[serde(default = "cheque_no")]
    pub number_field: String,
    /// The naming series, where it is not the site's first.
    #[serde(default)]
    pub series: Option<String>,
}

/// Where the party of a line comes from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// What it is there: `Customer`, `Supplier`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The dimension that names it.
    #[serde(default)]
    pub dimension: Option<String>,
    /// The one that is taken where the dimension names none.
    #[serde(default)]
    pub default: Option<String>,
}

fn cheque_no() -> String {
    "cheque_no".to_owned()
}

/// The connector.
#[derive(Debug)]
pub struct Erpnext {
    desk: Desk,
    config: Config,
}

#[async_trait]
impl DocumentApi for Erpnext {
    type Config = Config;

    /// The maker names no bound: a site has a few workers, and one row hands out the names of a series.
    const PACE: Pace = Pace {
        concurrency: 2,
        per_minute: None,
        patience: Duration::from_mins(10),
    };

    fn open(config: Config, host: &Host) -> Result<Self, OpenError> {
        Ok(Self {
            desk: Desk::open(&config.url, config.auth.clone(), host)?,
            config,
        })
    }

    fn document(&self, batch: &ExportBatch, item: &ExportEntry) -> Result<Document, RenderError> {
        let header = item.entry.header();
        let mut document = Document {
            number: item.document.clone(),
            company: String::new(),
            date: header.date,
            lines: Vec::new(),
            body: json!({
                "voucher_type": "Journal Entry", "posting_date": header.date, "multi_currency": 0,
                "user_remark": fit(&format!("{} {}", header.reference, header.description), REMARK),
            }),
        };
        let mut rows = Vec::new();
        for at in Placed::of(batch, item) {
            document.number = at.key("the document number", &item.document, DATA)?;
            at.company(&self.config.companies)?
                .clone_into(&mut document.company);
            document.body["currency"] = json!(at.line.functional.currency().code());
            let account = at.account(&self.config.accounts)?.to_owned();
            let row = self.row(&at, &account)?;
            if row.contains_key("exchange_rate") {
                document.body["multi_currency"] = json!(1);
            }
            let amount = amounts::signed(at.line, at.line.functional);
            document.lines.push((account, amount));
            rows.push(row);
        }
        let reference = fit(&header.reference, DATA);
        if !reference.is_empty() || self.config.number_field == cheque_no() {
            document.body["cheque_no"] = json!(reference);
            // The one is refused without the other.
            document.body["cheque_date"] = json!(header.date);
        }
        document.body[&self.config.number_field] = json!(document.number);
        document.body["company"] = json!(document.company);
        document.body["accounts"] = json!(rows);
        if let Some(series) = &self.config.series {
            document.body["naming_series"] = json!(series);
        }
        Ok(document)
    }

    async fn find(&self, document: &Document) -> Result<Vec<Found>, TransportError> {
        // Whose books are not open has no entries there; handing over says why.
        let Ok(books) = self.desk.books(document).await? else {
            return Ok(Vec::new());
        };
        let names = self.desk.names(&self.config.number_field, document).await?;
        let mut found = Vec::new();
        for name in names {
            if let Some(entry) = self.desk.entry(&name).await? {
                let progress = self.progress(&name, &entry).await?;
                found.push(self.desk.found(&entry, (document, &books), progress)?);
            }
        }
        // What was cancelled there counts for nothing, but where it is all that there is, somebody has to say what now.
        let lives = |one: &Found| !matches!(one.progress, Progress::Refused(_));
        if found.iter().any(lives) {
            found.retain(lives);
        }
        Ok(found)
    }

    async fn hand_over(&self, document: &Document) -> Result<Handed, TransportError> {
        let books = match self.desk.books(document).await? {
            Ok(books) => books,
            Err(reason) => return Ok(Handed::Blocked(reason)),
        };
        let mut body = document.body.clone();
        if let Some(fields) = body.as_object_mut() {
            fields.remove("currency");
        }
        for row in body["accounts"].as_array_mut().into_iter().flatten() {
            if let Some(name) = row["account"].as_str().and_then(|text| books.name(text)) {
                row["account"] = json!(name);
            }
        }
        let entry = match self.desk.save(&body).await? {
            Answered::Well(entry) => entry,
            Answered::Refused(fault) => return Ok(fault.handed()),
        };
        let saved = self
            .desk
            .found(&entry, (document, &books), Progress::Draft)?;
        if let Some(words) = differs(document, &saved) {
            let changed = format!("ERPNext changed the entry when it saved it: {words}");
            return Ok(match self.clear(document, &saved).await? {
                Handed::Taken => Handed::Refused(changed),
                other => other,
            });
        }
        self.submit(document, &saved, &entry).await
    }

    async fn book(&self, document: &Document, draft: &Found) -> Result<Handed, TransportError> {
        match self.desk.entry(&draft.id).await? {
            Some(entry) => self.submit(document, draft, &entry).await,
            None => Ok(Handed::Known),
        }
    }

    async fn clear(&self, _document: &Document, draft: &Found) -> Result<Handed, TransportError> {
        let fault = match self.desk.delete(&draft.id).await? {
            Answered::Well(()) => return Ok(Handed::Taken),
            Answered::Refused(fault) => fault,
        };
        // Somebody may have submitted or deleted it meanwhile: then it is looked at again.
        let now = self.desk.entry(&draft.id).await?;
        Ok(match now.map(|entry| desk::docstatus(&entry)) {
            Some(Some(0)) => fault.handed(),
            _ => Handed::Known,
        })
    }

    async fn check(&self) -> Result<(), TransportError> {
        self.desk.check().await
    }
}

impl Erpnext {
    /// A row of an entry, which has an exchange rate where it is in another currency than the company's.
    fn row(&self, at: &Placed<'_>, account: &str) -> Result<Map<String, Value>, RenderError> {
        let line = at.line;
        let called = at.batch.called(&line.account, at.header().date).account;
        let kept = self.config.currencies.get(called).map(String::as_str);
        let kept = kept.filter(|kept| *kept != line.functional.currency().code());
        let mut row = Map::new();
        row.insert("account".to_owned(), json!(account));
        let field = match line.side {
            Side::Debit => "debit_in_account_currency",
            Side::Credit => "credit_in_account_currency",
        };
        let amount = if kept.is_some() {
            line.amount
        } else {
            line.functional
        };
        row.insert(field.to_owned(), amounts::number(amount.to_decimal()));
        match kept {
            Some(kept) if kept == line.amount.currency().code() => {
                let rate = rate(line.amount, line.functional).ok_or_else(|| {
                    let (of, wanted) = (line.amount, line.functional);
                    at.unfit(format!("no rate of {RATE} decimals makes {wanted} of {of}"))
                })?;
                row.insert("exchange_rate".to_owned(), amounts::number(rate));
            }
            Some(kept) => {
                let own = line.amount.currency();
                let what = format!("`{called}` is kept there in {kept}, and the line is in {own}");
                return Err(at.unfit(what));
            }
            None if at.is_foreign() => {
                row.insert("user_remark".to_owned(), json!(line.amount.to_string()));
            }
            None => {}
        }
        if let Some(party) = self.config.parties.get(called) {
            let named = party.dimension.as_ref();
            let named = named.and_then(|name| line.dimensions.get(name));
            // Without one it is ERPNext that says so.
            if let Some(name) = named.or(party.default.as_ref()) {
                row.insert("party_type".to_owned(), json!(party.kind));
                row.insert("party".to_owned(), json!(name));
            }
        }
        for (field, dimension) in &self.config.dimensions {
            if let Some(value) = line.dimensions.get(dimension) {
                row.insert(field.clone(), json!(value));
            }
        }
        Ok(row)
    }

    /// How far an entry is.
    async fn progress(&self, name: &str, entry: &Value) -> Result<Progress, TransportError> {
        Ok(match desk::docstatus(entry) {
            Some(0) if desk::rows(entry) > ROWS && self.desk.is_queued(name).await? => {
                Progress::Queued
            }
            Some(0) => Progress::Draft,
            Some(1) => Progress::Booked,
            _ => Progress::Refused(format!(
                "`{name}` has this number there and was cancelled; delete it there, and it is posted anew"
            )),
        })
    }

    /// Submits a draft as it was read; one that is refused goes.
    async fn submit(
        &self,
        document: &Document,
        draft: &Found,
        entry: &Value,
    ) -> Result<Handed, TransportError> {
        let is_long = desk::rows(entry) > ROWS;
        let before = if is_long {
            self.desk.failures(&draft.id).await?.len()
        } else {
            0
        };
        let fault = match self.desk.submit(entry).await? {
            Answered::Well(now) if desk::docstatus(&now) == Some(1) => return Ok(Handed::Taken),
            Answered::Refused(fault) if !fault.is_queued => fault,
            _queued => match self.wait(&draft.id, before).await? {
                Ok(handed) => return Ok(handed),
                Err(fault) => fault,
            },
        };
        match (self.clear(document, draft).await?, fault.handed()) {
            // It was submitted after all.
            (Handed::Known, _) => Ok(Handed::Known),
            (_, handed) => Ok(handed),
        }
    }

    /// Waits for what the background does to an entry.
    async fn wait(
        &self,
        name: &str,
        before: usize,
    ) -> Result<Result<Handed, Fault>, TransportError> {
        let until = tokio::time::Instant::now() + Self::PACE.patience;
        let mut pause = Duration::from_millis(100);
        loop {
            tokio::time::sleep(pause).await;
            let entry = self.desk.entry(name).await?;
            if entry.is_none_or(|entry| desk::docstatus(&entry) != Some(0)) {
                return Ok(Ok(Handed::Taken));
            }
            let mut failures = self.desk.failures(name).await?;
            if failures.len() > before {
                let words = failures.pop().unwrap_or_default();
                return Ok(Err(Fault::refusal(words)));
            }
            if tokio::time::Instant::now() >= until {
                return Ok(Ok(Handed::Taken));
            }
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }
}

/// A rate by which ERPNext makes exactly our functional amount of the other, where there is one.
fn rate(amount: Money, functional: Money) -> Option<Decimal> {
    let rate = functional.to_decimal().checked_div(amount.to_decimal())?;
    let rate = rate.round_dp_with_strategy(RATE, RoundingStrategy::MidpointNearestEven);
    let product = rate.checked_mul(amount.to_decimal())?;
    let made = Money::round(product, functional.currency(), Rounding::HalfEven).ok()?;
    (made == functional).then_some(rate.normalize())
}
