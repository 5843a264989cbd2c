//! Braintree's settled transactions and refunds, as its GraphQL API gives them: JSON objects in an
//! array, one after the other, or in the answer itself.
//!
//! What moved is `disbursementDetails.amount`, in the currency of the account; `amount` is what the
//! customer paid or got back, without a sign: a refund's sign stands in `disbursementDetails` only.
//! Before the disbursement the object's type must say it (`__typename`, `refundedTransaction`, or what
//! the global id holds), else the file is refused. A type that says otherwise than the sign is a
//! contradiction.
//!
//! `SETTLED` is what moved; what is on its way there or failed is left out, and a status that Braintree
//! does not document refuses the file. A statement is what was disbursed to a merchant account on a day
//! in a currency; nothing in these objects says what the payout was, so there are no balances. What has
//! no disbursement, or whose funds are held, is not paid out yet. Fees stand in another report.
//!
//! A line is known by its id. Its day is that of the settlement in UTC, from the entry of
//! `statusHistory` that names the settlement batch: the latest, the list has no order and may hold `[]`.
//! Refunds within a transaction are lines where they tell of their own settlement and disbursement.

use super::batch::{Batches, UNPAID};
use super::{ParseError, SettlementFormat, SettlementKind, Sink};
use crate::read::head::{compact, has_key};
use crate::read::json::Records;
use crate::read::plain::shown;
use crate::read::{amounts, closed, days};
use chrono::NaiveDate;
use ledger::money::parse_decimal;
use ledger::{Currency, Money, Movement, Place, Reference, ReferenceKind, SettlementLine};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io::BufRead;

/// This format's registration.
pub const KIND: SettlementKind = SettlementKind::of::<Braintree>(
    "braintree",
    "Braintree transactions and refunds, GraphQL (JSON)",
    "account: braintree\n",
);

/// Statuses: of what moved, and the others that are documented, where nothing moved, or not yet.
const STATUSES: &[(&str, bool)] = &[
    (SETTLED, true),
    ("AUTHORIZATION_EXPIRED", false),
    ("AUTHORIZED", false),
    ("AUTHORIZING", false),
    ("FAILED", false),
    ("GATEWAY_REJECTED", false),
    ("PROCESSOR_DECLINED", false),
    ("SETTLEMENT_CONFIRMED", false),
    ("SETTLEMENT_DECLINED", false),
    ("SETTLEMENT_PENDING", false),
    ("SETTLING", false),
    ("SUBMITTED_FOR_SETTLEMENT", false),
    ("VOIDED", false),
];

/// The status of what moved.
const SETTLED: &str = "SETTLED";

/// What an answer holds that is read, and where the answer begins.
const TAKES: &[&str] = &["node", "errors", ANSWER];
const ANSWER: &str = "data";

/// How the global ids begin: Base64 of `transaction_` and `refund_`, as far as it is the same for all.
const TRANSACTION_ID: &str = "dHJhbnNhY3Rpb25f";
const REFUND_ID: &str = "cmVmdW5kX";

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What the account is called here: all merchant accounts of a gateway are one.
    #[serde(default = "default_account")]
    pub account: String,
}

fn default_account() -> String {
    "braintree".to_owned()
}

/// The format.
#[derive(Clone, Debug)]
pub struct Braintree {
    config: Config,
}

impl SettlementFormat for Braintree {
    type Config = Config;

    const VERSION: i64 = 1;

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn recognises(head: &str) -> bool {
        let compact = compact(head);
        let keys = ["merchantAccountId", "statusHistory", "disbursementDetails"];
        let found = keys.iter().filter(|key| has_key(&compact, key));
        found.count() > 1
    }

    fn read(&self, input: &mut dyn BufRead, out: &mut dyn Sink) -> Result<(), ParseError> {
        let mut records = Records::through(input, TAKES, ANSWER);
        let mut batches = Batches::<(String, Currency)>::default();
        let mut answer = 0;
        while let Some(record) = records.next_record()? {
            match record.name {
                "errors" => {
                    let what = "the answer holds errors: what is missing does not show; ask again";
                    return Err(ParseError::new(record.place.line, what));
                }
                ANSWER => answer = record.parent,
                // What is left of the answer itself.
                "" if record.number == answer => {}
                _ => take(record.read()?, record.place, &mut batches, out)?,
            }
        }
        for ((identity, _), batch) in batches {
            let number = batch.number;
            let statement = batch.close(&self.config.account, &identity, None);
            out.statement(number, statement)?;
        }
        Ok(())
    }
}

/// Hands on what a transaction and its refunds moved.
fn take(
    payment: Payment,
    place: Place,
    batches: &mut Batches<(String, Currency)>,
    out: &mut dyn Sink,
) -> Result<(), ParseError> {
    for payment in payment.with_refunds(place)? {
        let Some(line) = payment.line(place)? else {
            continue;
        };
        let statement = match line.payout.as_str() {
            "" => format!("{UNPAID}, {}", payment.merchant(place)?),
            payout => payout.to_owned(),
        };
        let currency = line.net.currency();
        let batch = batches.of((statement, currency), currency);
        batch.add(&line);
        if let Some(told) = payment.contradiction(&line) {
            batch.contradict(told);
        }
        out.line(batch.number, line)?;
    }
    Ok(())
}

/// A transaction or a refund. What may be an empty list instead of an object is read later.
#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Payment {
    #[serde(rename = "__typename")]
    typename: Option<String>,
    id: Option<String>,
    legacy_id: Option<String>,
    order_id: Option<String>,
    created_at: Option<String>,
    merchant_account_id: Option<String>,
    status: Option<String>,
    amount: Value,
    status_history: Value,
    disbursement_details: Value,
    refunded_transaction: Value,
    refunds: Value,
}

/// How and when a payment was disbursed.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Disbursement {
    date: Option<String>,
    amount: Value,
    exchange_rate: Value,
    funds_held: Option<bool>,
}

/// An amount as the API gives it.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Amount {
    value: Value,
    currency_code: Option<String>,
    /// The older name of the same.
    currency_iso_code: Option<String>,
}

/// An entry of a payment's history.
#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Event {
    timestamp: Option<String>,
    status: Option<String>,
    settlement_batch_id: Option<String>,
}

/// What is known of another payment.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Other {
    id: Option<String>,
}

/// What was disbursed, or is to be.
struct Moved {
    amount: Money,
    is_refund: bool,
    paid_on: Option<NaiveDate>,
    original: Option<Money>,
    rate: Option<Decimal>,
}

impl Payment {
    /// The payment, and those of its refunds that tell of their own settlement.
    fn with_refunds(self, place: Place) -> Result<Vec<Self>, ParseError> {
        let refunds: Vec<Value> = object(&self.refunds, place, "refunds")?.unwrap_or_default();
        let mut all = Vec::new();
        for refund in refunds {
            let Some(mut refund) = object::<Self>(&refund, place, "refunds")? else {
                continue;
            };
            if refund.status.is_none() || is_nothing(&refund.disbursement_details) {
                continue;
            }
            refund.typename.get_or_insert_with(|| "Refund".to_owned());
            let merchant = &self.merchant_account_id;
            refund.merchant_account_id = refund.merchant_account_id.or_else(|| merchant.clone());
            refund.order_id = refund.order_id.or_else(|| self.order_id.clone());
            if is_nothing(&refund.refunded_transaction) {
                refund.refunded_transaction = serde_json::json!({ "id": self.id });
            }
            refund.refunds = Value::Null;
            all.push(refund);
        }
        all.insert(0, self);
        Ok(all)
    }

    /// What it moved; none where it moved nothing.
    fn line(&self, place: Place) -> Result<Option<SettlementLine>, ParseError> {
        let id = needed(self.id.as_deref(), place, "id")?;
        let status = needed(self.status.as_deref(), place, "status")?;
        if !closed::one_of_at(place.line, "status", status, STATUSES)? {
            return Ok(None);
        }
        let moved = self.moved(place)?;
        let (booked_on, batch) = self.settled(place)?;
        let merchant = self.merchant(place)?;
        let payout = moved.paid_on.map(|day| format!("{merchant} {day}"));
        let kind = if moved.is_refund {
            (Movement::Refund, "refund")
        } else {
            (Movement::Charge, "transaction")
        };
        Ok(Some(SettlementLine {
            references: self.references(place, moved.is_refund, batch.as_deref())?,
            payout: payout.unwrap_or_default(),
            paid_on: moved.paid_on,
            original: moved.original,
            rate: moved.rate,
            ..SettlementLine::new(id.to_owned(), place, kind, moved.amount, booked_on)
        }))
    }

    fn merchant(&self, place: Place) -> Result<&str, ParseError> {
        needed(
            self.merchant_account_id.as_deref(),
            place,
            "merchantAccountId",
        )
    }

    /// Whether the object itself says that it is a refund.
    fn is_refund(&self) -> Option<bool> {
        let id = self.id.as_deref().unwrap_or_default();
        match self.typename.as_deref() {
            Some("Refund") => Some(true),
            Some("Transaction") => Some(false),
            _ if !is_nothing(&self.refunded_transaction) => Some(true),
            _ if id.starts_with(REFUND_ID) => Some(true),
            _ if id.starts_with(TRANSACTION_ID) => Some(false),
            _ => None,
        }
    }

    fn moved(&self, place: Place) -> Result<Moved, ParseError> {
        let asked = money(&self.amount, place, "amount")?;
        let details: Option<Disbursement> =
            object(&self.disbursement_details, place, "disbursementDetails")?;
        let details = details.unwrap_or_default();
        let disbursed = money(&details.amount, place, "disbursementDetails.amount")?;
        let Some(amount) = disbursed else {
            let asked = asked.ok_or_else(|| ParseError::new(place.line, "amount: is missing"))?;
            let is_refund = self.is_refund().ok_or_else(|| {
                let what = "whether this is a refund stands in `disbursementDetails` only, and it has \
                            none yet; ask for `__typename` too";
                ParseError::new(place.line, what)
            })?;
            return Ok(Moved {
                amount: signed(asked, is_refund),
                is_refund,
                paid_on: None,
                original: None,
                rate: None,
            });
        };
        let is_refund = match amount.amount() {
            0 => self.is_refund().unwrap_or_default(),
            amount => amount < 0,
        };
        let date = details.date.as_deref();
        let date = date.map(|date| day(date, place, "disbursementDetails.date"));
        let held = details.funds_held.unwrap_or_default();
        let foreign = asked.filter(|asked| asked.currency() != amount.currency());
        let rate = decimal(&details.exchange_rate, place, "exchangeRate")?;
        Ok(Moved {
            amount,
            is_refund,
            paid_on: date.transpose()?.filter(|_| !held),
            original: foreign.map(|asked| signed(asked, is_refund)),
            rate: rate.filter(|_| foreign.is_some()),
        })
    }

    /// The day of the settlement, and its batch where the history names it.
    fn settled(&self, place: Place) -> Result<(NaiveDate, Option<String>), ParseError> {
        let history: Vec<Value> =
            object(&self.status_history, place, "statusHistory")?.unwrap_or_default();
        let mut latest = None::<(bool, String, Option<String>)>;
        for event in &history {
            let Some(event) = object::<Event>(event, place, "statusHistory")? else {
                continue;
            };
            let batch = event.settlement_batch_id.filter(|batch| !batch.is_empty());
            let is_settled = event.status.as_deref() == Some(SETTLED);
            if let Some(timestamp) = event.timestamp.filter(|_| batch.is_some() || is_settled) {
                latest = latest.max(Some((batch.is_some(), timestamp, batch)));
            }
        }
        if let Some((_, timestamp, batch)) = latest {
            return Ok((day(&timestamp, place, "statusHistory.timestamp")?, batch));
        }
        let created = needed(self.created_at.as_deref(), place, "createdAt")?;
        Ok((day(created, place, "createdAt")?, None))
    }

    fn references(
        &self,
        place: Place,
        is_refund: bool,
        batch: Option<&str>,
    ) -> Result<Vec<Reference>, ParseError> {
        let other: Option<Other> =
            object(&self.refunded_transaction, place, "refundedTransaction")?;
        let refunded = other.and_then(|other| other.id).unwrap_or_default();
        let own = if is_refund {
            ReferenceKind::Refund
        } else {
            ReferenceKind::Charge
        };
        let found = [
            (ReferenceKind::Charge, Some(refunded.as_str())),
            (own, self.id.as_deref()),
            (own, self.legacy_id.as_deref()),
            (ReferenceKind::Merchant, self.order_id.as_deref()),
            (ReferenceKind::Batch, batch),
        ];
        let found = found
            .into_iter()
            .filter_map(|(kind, text)| Reference::of(kind, text.unwrap_or_default()));
        Ok(found.collect())
    }

    fn contradiction(&self, line: &SettlementLine) -> Option<String> {
        let says = self.is_refund()?;
        let is_refund = line.movement == Movement::Refund;
        let of = if says { "a refund" } else { "a transaction" };
        (says != is_refund).then(|| {
            let (id, net) = (shown(&line.identity), line.net);
            format!("`{id}` is {of}, and {net} were disbursed for it")
        })
    }
}

fn signed(amount: Money, is_refund: bool) -> Money {
    let size = amount.amount().abs();
    Money::minor(if is_refund { -size } else { size }, amount.currency())
}

/// Nothing is also an empty list: that is how some programs write an empty object.
fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

fn object<T: DeserializeOwned>(
    value: &Value,
    place: Place,
    name: &str,
) -> Result<Option<T>, ParseError> {
    if is_nothing(value) {
        return Ok(None);
    }
    T::deserialize(value)
        .map(Some)
        .map_err(|error| ParseError::new(place.line, format!("{name}: {error}")))
}

fn money(value: &Value, place: Place, name: &str) -> Result<Option<Money>, ParseError> {
    let Some(amount) = object::<Amount>(value, place, name)? else {
        return Ok(None);
    };
    let Some(value) = decimal(&amount.value, place, name)? else {
        return Ok(None);
    };
    let code = amount.currency_code.or(amount.currency_iso_code);
    let code = needed(code.as_deref(), place, "currencyCode")?;
    let money = amounts::currency(code).and_then(|currency| Money::exact(value, currency));
    let money = money.map_err(|error| ParseError::money(place.line, name, &error))?;
    Ok(Some(money))
}

/// A number as text, or as JSON's own, which is read as it is written.
fn decimal(value: &Value, place: Place, name: &str) -> Result<Option<Decimal>, ParseError> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    };
    parse_decimal(&text)
        .map(Some)
        .map_err(|error| ParseError::money(place.line, name, &error))
}

fn day(text: &str, place: Place, name: &str) -> Result<NaiveDate, ParseError> {
    days::needed(text).map_err(|what| ParseError::new(place.line, format!("{name}: {what}")))
}

fn needed<'t>(text: Option<&'t str>, place: Place, name: &str) -> Result<&'t str, ParseError> {
    text.filter(|text| !text.trim().is_empty())
        .ok_or_else(|| ParseError::new(place.line, format!("{name}: is missing or empty")))
}
