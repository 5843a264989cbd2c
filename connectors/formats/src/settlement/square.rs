//! Square's payouts and payout entries: the API's JSON, or a document or an entry per line.
//!
//! Amounts are integers of minor units, signed as the account holder sees them (a refund is negative);
//! a fee that was taken is positive, `net = gross - fee`. Days are those of `effective_at` as written,
//! which is in UTC. There is one statement per payout and currency; where the payout itself is in the
//! file, the sum of its entries must be its `amount_money`. A payout without entries (Square has none
//! for a `SIMPLE` one, whose money comes as an entry of a later batch) is one line that leaves the
//! balance, unless it failed. The day of arrival stands in the payout alone: only entries that follow
//! their payout have it.
//!
//! Refused is an answer with errors, and a payout's status other than `SENT`, `PAID` and `FAILED`; an unknown type passes.

use super::batch::Batch;
use super::{ParseError, SettlementFormat, SettlementKind, Sink, movements};
use crate::read::head::{compact, has_key};
use crate::read::json::{Record, Records};
use crate::read::{amounts, closed};
use chrono::NaiveDate;
use ledger::{Currency, Money, Movement, Place, Reference, ReferenceKind, SettlementLine};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::BufRead;

/// This format's registration.
pub const KIND: SettlementKind = SettlementKind::of::<Square>(
    "square",
    "Square payouts and payout entries (API as JSON)",
    "account: square\n",
);

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What the account is called here.
    #[serde(default = "default_account")]
    pub account: String,
}

fn default_account() -> String {
    "square".to_owned()
}

/// The format.
#[derive(Clone, Debug)]
pub struct Square {
    config: Config,
}

const ENTRIES: &str = "payout_entries";

/// What to do with an answer that is an error.
const ERRED: &str = "the answer holds errors: what is missing does not show; ask again";

impl SettlementFormat for Square {
    type Config = Config;

    const VERSION: i64 = 1;

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn recognises(head: &str) -> bool {
        let compact = compact(head);
        let has = |key: &str| has_key(&compact, key);
        has(ENTRIES)
            || (has("payout_id") && has("net_amount_money"))
            || ((has("payouts") || has("payout")) && has("amount_money"))
    }

    fn read(&self, input: &mut dyn BufRead, out: &mut dyn Sink) -> Result<(), ParseError> {
        let mut records = Records::new(input, &[ENTRIES, "payouts", "payout"]);
        let mut payouts = BTreeMap::<(String, Currency), Payout>::new();
        let mut goes_on = false;
        while let Some(record) = records.next_record()? {
            let value: Value = record.read()?;
            let errors = value.get("errors").and_then(Value::as_array);
            if errors.is_some_and(|errors| !errors.is_empty()) {
                return Err(record.error(ERRED));
            }
            if record.parent == 0 && value.get("payout_id").is_none() {
                goes_on = value.get("cursor").is_some_and(|cursor| !cursor.is_null());
            }
            let is_entry = record.name == ENTRIES || value.get("payout_id").is_some();
            if is_entry {
                let (id, line) = entry(&record, &value)?;
                let next = payouts.len();
                let key = (id, line.net.currency());
                let payout = payouts
                    .entry(key)
                    .or_insert_with(|| Payout::new(next, &line.net));
                let line = payout.own(line);
                payout.batch.add(&line);
                out.line(payout.batch.number, line)?;
            } else if !record.name.is_empty() || value.get("amount_money").is_some() {
                let told = Told::of(&record)?;
                let next = payouts.len();
                let key = (told.id.clone(), told.paid.currency());
                let payout = payouts
                    .entry(key)
                    .or_insert_with(|| Payout::new(next, &told.paid));
                payout.tell(told);
            }
        }
        for ((id, _), mut payout) in payouts {
            if goes_on {
                payout.batch.contradict(GOES_ON.to_owned());
            }
            payout.close(&self.config.account, &id, out)?;
        }
        Ok(())
    }
}

/// What is told of the answer's last page, where it names another one.
const GOES_ON: &str = "the list goes on (`cursor`); put its next page behind it";

/// The entries of a payout, and what it says itself.
struct Payout {
    batch: Batch,
    told: Option<Told>,
}

impl Payout {
    const fn new(number: usize, money: &Money) -> Self {
        Self {
            batch: Batch::new(number, money.currency()),
            told: None,
        }
    }

    fn tell(&mut self, told: Told) {
        if self
            .told
            .as_ref()
            .is_some_and(|known| known.paid != told.paid)
        {
            let what = format!("payout `{}` stands twice with different amounts", told.id);
            return self.batch.contradict(what);
        }
        let days = [Some(told.made_on), told.paid_on];
        days.into_iter()
            .flatten()
            .for_each(|day| self.batch.day(day));
        self.told = Some(told);
    }

    /// What the payout says of each of its lines.
    fn own(&self, mut line: SettlementLine) -> SettlementLine {
        if let Some(told) = &self.told {
            line.paid_on = told.paid_on;
            line.references.extend(told.reference.clone());
        }
        line
    }

    fn close(mut self, account: &str, id: &str, out: &mut dyn Sink) -> Result<(), ParseError> {
        let number = self.batch.number;
        let paid = self.told.as_ref().map(|told| told.paid);
        let paid = paid.filter(|_| self.batch.has_lines);
        if let Some(told) = self
            .told
            .as_ref()
            .filter(|told| !self.batch.has_lines && !told.failed)
        {
            let left = Money::minor(-told.paid.amount(), told.paid.currency());
            let what = (Movement::Payout, "payout");
            let mut line = SettlementLine::new(id.to_owned(), told.place, what, left, told.made_on);
            id.clone_into(&mut line.payout);
            let line = self.own(line);
            self.batch.add(&line);
            out.line(number, line)?;
        }
        out.statement(number, self.batch.close(account, id, paid))
    }
}

/// A payout as the API tells it.
struct Told {
    id: String,
    place: Place,
    paid: Money,
    made_on: NaiveDate,
    paid_on: Option<NaiveDate>,
    failed: bool,
    reference: Option<Reference>,
}

/// The fields of a payout.
#[derive(Debug, Deserialize)]
struct Fields {
    id: String,
    status: String,
    created_at: String,
    amount_money: Amount,
    arrival_date: Option<String>,
    end_to_end_id: Option<String>,
}

/// An amount; the documentation calls its currency by two names.
#[derive(Debug, Deserialize)]
struct Amount {
    amount: i64,
    #[serde(alias = "currency_code")]
    currency: String,
}

impl Amount {
    fn money(&self, record: &Record, field: &str) -> Result<Money, ParseError> {
        let money = amounts::currency(&self.currency)
            .and_then(|currency| amounts::minor(self.amount, currency));
        money.map_err(|error| record.error(&format!("{field}: {error}")))
    }
}

impl Told {
    fn of(record: &Record) -> Result<Self, ParseError> {
        let fields: Fields = record.read()?;
        let statuses = [("SENT", false), ("PAID", false), ("FAILED", true)];
        let failed = closed::one_of_at(record.place.line, "status", &fields.status, &statuses)?;
        let arrives = fields.arrival_date.as_deref();
        let arrives = arrives.map(|day| record.day("arrival_date", day));
        let reference = fields.end_to_end_id.as_deref();
        Ok(Self {
            place: record.place,
            paid: fields.amount_money.money(record, "amount_money")?,
            made_on: record.day("created_at", &fields.created_at)?,
            paid_on: arrives.transpose()?.filter(|_| !failed),
            failed,
            reference: reference.and_then(|text| Reference::of(ReferenceKind::EndToEnd, text)),
            id: fields.id,
        })
    }
}

/// The fields of an entry that has amounts.
#[derive(Debug, Deserialize)]
struct Entry {
    id: String,
    payout_id: String,
    effective_at: String,
    #[serde(rename = "type")]
    word: String,
    gross_amount_money: Amount,
    fee_amount_money: Option<Amount>,
    net_amount_money: Amount,
}

/// An entry's payout and line.
fn entry(record: &Record, value: &Value) -> Result<(String, SettlementLine), ParseError> {
    let entry: Entry = record.read()?;
    let net = entry.net_amount_money.money(record, "net_amount_money")?;
    let gross = entry
        .gross_amount_money
        .money(record, "gross_amount_money")?;
    let fee = entry.fee_amount_money.as_ref();
    let fee = fee
        .map(|fee| fee.money(record, "fee_amount_money"))
        .transpose()?;
    let fee = fee.unwrap_or_else(|| Money::minor(0, net.currency()));
    if [gross, fee]
        .iter()
        .any(|money| money.currency() != net.currency())
    {
        return Err(record.error("its amounts are of different currencies"));
    }
    let day = record.day("effective_at", &entry.effective_at)?;
    let movement = movements::either_way(MOVEMENTS, &entry.word, net);
    let what = (movement, entry.word.as_str());
    let line = SettlementLine::new(entry.id, record.place, what, net, day);
    let line = SettlementLine {
        gross,
        fee,
        references: references(value),
        payout: entry.payout_id.clone(),
        ..line
    };
    Ok((entry.payout_id, line))
}

/// The names in `type_…_details`, the most telling first.
fn references(value: &Value) -> Vec<Reference> {
    let fields = value.as_object().into_iter().flatten();
    let details: Vec<&Value> = fields
        .filter(|(key, _)| key.starts_with("type_") && key.ends_with("_details"))
        .map(|(_, details)| details)
        .collect();
    let kinds = [
        ("refund_id", ReferenceKind::Refund),
        ("dispute_id", ReferenceKind::Dispute),
        ("payment_id", ReferenceKind::Charge),
        ("payout_id", ReferenceKind::Batch),
    ];
    let found = kinds.into_iter().filter_map(|(key, kind)| {
        let text = details
            .iter()
            .find_map(|details| details.get(key)?.as_str());
        Reference::of(kind, text?)
    });
    found.collect()
}

/// What each type is. One that is not here is `Other`.
const MOVEMENTS: &[(&str, Movement)] = &[
    ("CHARGE", Movement::Charge),
    ("REFUND", Movement::Refund),
    ("DISPUTE", Movement::Dispute),
    ("OPEN_DISPUTE", Movement::Dispute),
    ("FEE", Movement::Fee),
    ("DEPOSIT_FEE", Movement::Fee),
    ("DEPOSIT_FEE_REVERSED", Movement::Fee),
    ("GIFT_CARD_LOAD_FEE", Movement::Fee),
    ("GIFT_CARD_LOAD_FEE_REFUND", Movement::Fee),
    ("PAID_SERVICE_FEE", Movement::Fee),
    ("PAID_SERVICE_FEE_REFUND", Movement::Fee),
    ("PROCESSING_FEE", Movement::Fee),
    ("PROCESSING_FEE_REFUND", Movement::Fee),
    ("SUBSCRIPTION_FEE", Movement::Fee),
    ("SUBSCRIPTION_FEE_PAID_REFUND", Movement::Fee),
    ("SUBSCRIPTION_FEE_REFUND", Movement::Fee),
    ("THIRD_PARTY_FEE", Movement::Fee),
    ("THIRD_PARTY_FEE_REFUND", Movement::Fee),
    ("FREE_PROCESSING", Movement::Fee),
    ("TAX_ON_FEE", Movement::Tax),
    ("PAYOUT", Movement::Payout),
    ("RETURNED_PAYOUT", Movement::PayoutFailure),
    ("HOLD_ADJUSTMENT", Movement::Reserve),
    ("RESERVE_HOLD", Movement::Reserve),
    ("RELEASE_ADJUSTMENT", Movement::Release),
    ("RESERVE_RELEASE", Movement::Release),
    ("AUTOMATIC_SAVINGS", Movement::Transfer),
    ("AUTOMATIC_SAVINGS_REVERSED", Movement::Transfer),
    ("BALANCE_FOLDERS_TRANSFER", Movement::Transfer),
    ("BALANCE_FOLDERS_TRANSFER_REVERSED", Movement::Transfer),
    ("MONEY_TRANSFER", Movement::Transfer),
    ("MONEY_TRANSFER_REVERSAL", Movement::Transfer),
    ("SQUARE_PAYROLL_TRANSFER", Movement::Transfer),
    ("SQUARE_PAYROLL_TRANSFER_REVERSED", Movement::Transfer),
    ("ADJUSTMENT", Movement::Adjustment),
    ("OTHER_ADJUSTMENT", Movement::Adjustment),
    ("INITIAL_BALANCE_CHANGE", Movement::Adjustment),
];
