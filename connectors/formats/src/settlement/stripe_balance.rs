//! Stripe's balance transactions: the API's list as JSON (or each on a line), and the report
//! "balance change from activity", itemised, as CSV.
//!
//! The API's amounts are integers of the smallest unit, signed, `net = amount - fee`; ISK and UGX have
//! two decimals there and MGA none, whatever ISO 4217 says. The report's are decimal major units. Days
//! are those of `created`, in UTC; in the report of `created_utc`, or in the report's zone where that is
//! left out. `source` may be expanded: then its payment, its metadata and the currency that the
//! customer saw are read as well.
//!
//! There is a statement per currency, and per `balance_type` where that is not `payments`. Neither says
//! in which payout a transaction was paid, and has no balances: payouts are lines that leave the
//! balance. A list whose last page says that there are more says so as a contradiction. Refused is a status other than `available` and `pending`; an unknown category passes.

use super::batch::{self, Batches};
use super::names::Names;
use super::stripe_table::{
    Columns, api_money, balance_of, movement, paid_by_hand, source_kind, unpaid,
};
use super::{ParseError, SettlementFormat, SettlementKind, Sink};
use crate::read::head::{begins_json, compact, has_columns, texts};
use crate::read::json::{Record, Records};
use crate::read::table::Table;
use crate::read::{amounts, closed};
use chrono::DateTime;
use ledger::{
    Currency, FeeKind, Money, MoneyError, Movement, ReferenceKind, SettlementLine, money,
};
use serde::Deserialize;
use serde_json::{Number, Value};
use std::io::BufRead;

/// This format's registration.
pub const KIND: SettlementKind = SettlementKind::of::<StripeBalance>(
    "stripe_balance",
    "Stripe balance transactions (API as JSON, activity report as CSV)",
    "account: stripe\n",
);

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What the account is called here; the same as that of its payout reports, so that a
    /// transaction is one line whichever file brings it.
    #[serde(default = "default_account")]
    pub account: String,
    /// Further columns in which our own name of a payment stands, `payment_metadata[basket]`.
    #[serde(default)]
    pub own_names: Vec<String>,
}

fn default_account() -> String {
    "stripe".to_owned()
}

/// The format.
#[derive(Clone, Debug)]
pub struct StripeBalance {
    config: Config,
}

/// By currency, and by balance where that is not the one of payments.
type Balances = Batches<(Currency, String)>;

impl SettlementFormat for StripeBalance {
    type Config = Config;

    const VERSION: i64 = 1;

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn recognises(head: &str) -> bool {
        let columns = ["balance_transaction_id", "reporting_category", "gross"];
        if has_columns(head, &columns) {
            return !has_columns(head, &["automatic_payout_id"]);
        }
        // Other objects have balance transactions inside, which their own kind precedes.
        let compact = compact(head);
        let first = texts(&compact, "object").find(|object| *object != "list");
        first == Some("balance_transaction")
    }

    fn read(&self, input: &mut dyn BufRead, out: &mut dyn Sink) -> Result<(), ParseError> {
        let mut batches = Balances::default();
        let goes_on = if begins_json(input)? {
            read_api(input, out, &mut batches)?
        } else {
            self.read_report(input, out, &mut batches)?;
            false
        };
        for ((_, balance), mut batch) in batches {
            if goes_on {
                batch.contradict(GOES_ON.to_owned());
            }
            let identity = unpaid("activity", &balance);
            let number = batch.number;
            let statement = batch.close(&self.config.account, &identity, None);
            out.statement(number, statement)?;
        }
        Ok(())
    }
}

impl StripeBalance {
    fn read_report(
        &self,
        input: &mut dyn BufRead,
        out: &mut dyn Sink,
        batches: &mut Balances,
    ) -> Result<(), ParseError> {
        let mut table = Table::open(input, ',')?;
        let columns = Columns::find(&table, &self.config.own_names)?;
        while let Some(row) = table.next_whole()? {
            let line = columns.line(&row)?;
            let key = (line.net.currency(), columns.balance(&row).to_owned());
            let number = batches.add(key, &line);
            out.line(number, line)?;
        }
        Ok(())
    }
}

/// What is told of an answer's last page, where it says that there are more.
const GOES_ON: &str = "the list goes on (`has_more`); put its next page behind it";

/// Reads the answers of the API; whether the last of them says that there are more.
fn read_api(
    input: &mut dyn BufRead,
    out: &mut dyn Sink,
    batches: &mut Balances,
) -> Result<bool, ParseError> {
    let mut records = Records::new(input, &["data"]);
    let mut goes_on = false;
    while let Some(record) = records.next_record()? {
        let kind: Kind = record.read()?;
        match kind.object.as_deref() {
            Some("balance_transaction") => {}
            Some("list") | None if record.parent == 0 => {
                goes_on = kind.has_more.unwrap_or_default();
                continue;
            }
            other => {
                let other = other.unwrap_or("an object without a name");
                let what = format!("`{other}` stands where a balance_transaction is expected");
                return Err(record.error(&what));
            }
        }
        let transaction: Transaction = record.read()?;
        let line = transaction.line(&record)?;
        let balance = transaction.balance_type.as_deref().unwrap_or_default();
        let key = (line.net.currency(), balance_of(balance).to_owned());
        let number = batches.add(key, &line);
        out.line(number, line)?;
    }
    Ok(goes_on)
}

/// What a thing of the API is; of a list, whether there is more.
#[derive(Debug, Deserialize)]
struct Kind {
    object: Option<String>,
    has_more: Option<bool>,
}

/// A balance transaction.
#[derive(Debug, Deserialize)]
struct Transaction {
    id: String,
    amount: i64,
    fee: i64,
    net: i64,
    currency: String,
    created: i64,
    status: String,
    #[serde(rename = "type")]
    word: String,
    reporting_category: Option<String>,
    description: Option<String>,
    exchange_rate: Option<Number>,
    #[serde(default)]
    fee_details: Vec<FeeDetail>,
    #[serde(default)]
    source: Value,
    balance_type: Option<String>,
}

/// A part of a fee.
#[derive(Debug, Deserialize)]
struct FeeDetail {
    amount: i64,
    #[serde(rename = "type")]
    word: String,
}

impl Transaction {
    fn line(&self, record: &Record) -> Result<SettlementLine, ParseError> {
        let statuses = [("available", ()), ("pending", ())];
        closed::one_of_at(record.place.line, "status", &self.status, &statuses)?;
        let refused = |error: MoneyError| record.error(&format!("`{}`: {error}", self.id));
        let currency = amounts::currency(&self.currency).map_err(refused)?;
        let of = |amount| api_money(amount, currency).map_err(refused);
        let created = DateTime::from_timestamp(self.created, 0);
        let created = created.ok_or_else(|| record.error("created: is no time"))?;
        let net = of(self.net)?;
        let category = self.reporting_category.as_deref().unwrap_or(&self.word);
        let what = (movement(category, net), category);
        let day = created.date_naive();
        let mut line = SettlementLine::new(self.id.clone(), record.place, what, net, day);
        line.gross = of(self.amount)?;
        line.fee = of(self.fee)?;
        let mut parts = Vec::new();
        for detail in &self.fee_details {
            parts.push((fee_kind(&detail.word), of(detail.amount)?.amount()));
        }
        line.fees = batch::fee_parts(line.fee, &parts);
        line.references = self.references();
        line.original = self.seen(currency).map_err(refused)?;
        let rate = self.exchange_rate.as_ref().map(ToString::to_string);
        let rate = rate.map(|rate| money::parse_decimal(&rate)).transpose();
        line.rate = rate.map_err(refused)?;
        line.description = self.description.clone().unwrap_or_default();
        if line.movement == Movement::Payout {
            paid_by_hand(&mut line);
        }
        Ok(line)
    }

    fn references(&self) -> Vec<ledger::Reference> {
        let mut names = Names::default();
        let text = |value: &Value| {
            let own = value.as_str().or_else(|| value.get("id")?.as_str());
            own.unwrap_or_default().to_owned()
        };
        let source = text(&self.source);
        names.add(source_kind(&source), &source);
        for (field, kind) in [
            ("charge", ReferenceKind::Charge),
            ("payment_intent", ReferenceKind::Payment),
            ("invoice", ReferenceKind::Merchant),
        ] {
            let value = self.source.get(field).map(text);
            names.add(kind, &value.unwrap_or_default());
        }
        for key in [
            "order_id",
            "order",
            "order_number",
            "invoice_id",
            "invoice",
            "invoice_number",
        ] {
            let value = self.source.get("metadata").and_then(|data| data.get(key));
            names.add(
                ReferenceKind::Merchant,
                &value.map(text).unwrap_or_default(),
            );
        }
        names.into_list()
    }

    /// What the customer saw: only an expanded source tells.
    fn seen(&self, currency: Currency) -> Result<Option<Money>, MoneyError> {
        let amount = self.source.get("amount").and_then(Value::as_i64);
        let code = self.source.get("currency").and_then(Value::as_str);
        let (Some(amount), Some(code)) = (amount, code) else {
            return Ok(None);
        };
        let seen = amounts::currency(code)?;
        if seen == currency {
            return Ok(None);
        }
        let money = api_money(amount, seen)?;
        // A refund's own amount has no sign.
        let amount = if self.amount < 0 {
            -money.amount().abs()
        } else {
            money.amount()
        };
        Ok(Some(Money::minor(amount, seen)))
    }
}

fn fee_kind(word: &str) -> FeeKind {
    match word {
        "stripe_fee" => FeeKind::Processor,
        "tax" => FeeKind::Tax,
        _ => FeeKind::Other,
    }
}
