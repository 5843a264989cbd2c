//! GoCardless payouts with their payout items: the API's JSON, or a document per line.
//!
//! A payout's `amount` is an integer of minor units, net of fees; an item's is a decimal text of minor
//! units (`"45.0"`), signed as the account holder sees it, with half pennies. Each item is rounded
//! half-even and its exact amount kept; GoCardless rounds once, over the sum, and what the roundings
//! leave within a minor unit is a line named `rounding`. A fee's item includes its taxes.
//!
//! There is one statement per payout. The API names an item's payout in the request and not in the
//! answer: an item belongs to the payout that `links.payout` names, to the one that it stands inside
//! of, or to the only one that stands beside it; an item of which nothing says whose it is, is refused.
//! Items have no names: they are called by their payout, type and payment or refund, counted where
//! equal (see `read::counted` for what is kept of each). Days are those of the payout's `created_at`, in UTC. A payout without items (after six months
//! the API has none) is one line that leaves the balance. What arrived in another currency (`fx`) is
//! not told. Refused is a status other than `pending`, `paid` and `bounced`; an unknown type passes.

use super::batch::{self, Batch, Rounded};
use super::{ParseError, SettlementFormat, SettlementKind, Sink, movements};
use crate::read::counted::Repeats;
use crate::read::head::{compact, has_key};
use crate::read::json::{Record, Records};
use crate::read::{amounts, closed};
use chrono::NaiveDate;
use ledger::{
    Currency, FeeKind, Money, MoneyError, Movement, Place, Reference, ReferenceKind,
    SettlementLine, money,
};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::BufRead;

/// This format's registration.
pub const KIND: SettlementKind = SettlementKind::of::<GoCardless>(
    "gocardless",
    "GoCardless payouts and payout items (API as JSON)",
    "account: gocardless\n",
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
    "gocardless".to_owned()
}

/// The format.
#[derive(Clone, Debug)]
pub struct GoCardless {
    config: Config,
}

/// The keys under which payouts and items stand, and those of answers that were recorded.
const TAKES: &[&str] = &[PAYOUTS, ITEMS, "list", "get", "update", "body"];
const PAYOUTS: &str = "payouts";
const ITEMS: &str = "payout_items";

/// As many bytes of items are held that stand before their payout: some two hundred thousand items.
const MOST_HELD: u64 = 32 << 20;

impl SettlementFormat for GoCardless {
    type Config = Config;

    const VERSION: i64 = 1;

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn recognises(head: &str) -> bool {
        let compact = compact(head);
        let has = |key: &str| has_key(&compact, key);
        has(ITEMS) || (has("deducted_fees") && has("arrival_date") && !has("events"))
    }

    fn read(&self, input: &mut dyn BufRead, out: &mut dyn Sink) -> Result<(), ParseError> {
        let mut records = Records::new(input, TAKES);
        let mut reading = Reading::default();
        while let Some(record) = records.next_record()? {
            match record.name {
                PAYOUTS => reading.payout(&record, out)?,
                ITEMS => reading.item(&record, out)?,
                // A payout or an item alone on its line.
                "" => {
                    let value: Value = record.read()?;
                    if value.get("deducted_fees").is_some() {
                        reading.payout(&record, out)?;
                    } else if value.get("type").is_some() && value.get("amount").is_some() {
                        reading.item(&record, out)?;
                    }
                }
                _ => {}
            }
            reading.leave(record.number)?;
        }
        reading.close(&self.config.account, out)
    }
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    payouts: BTreeMap<String, Payout>,
    /// What stands in objects that are still open, by their numbers.
    scopes: BTreeMap<u64, Scope>,
    /// Items that name a payout which was not met yet.
    waiting: BTreeMap<String, Vec<Item>>,
    held: u64,
}

/// What stands side by side in one object.
#[derive(Default)]
struct Scope {
    payout: Option<String>,
    /// Whether items were given to it because it stood alone.
    is_relied_on: bool,
    items: Vec<Item>,
}

impl Reading {
    fn payout(&mut self, record: &Record, out: &mut dyn Sink) -> Result<(), ParseError> {
        let told: Told = record.read()?;
        let inside = self.scopes.remove(&record.number).unwrap_or_default();
        let beside = if record.parent == 0 {
            Vec::new()
        } else {
            self.stands(record, &told.id)?
        };
        let waiting = self.waiting.remove(&told.id).unwrap_or_default();
        let id = told.id.clone();
        match self.payouts.get_mut(&id) {
            Some(known) if known.told == told => {}
            Some(known) => {
                let what = "stands twice in this file, with different words";
                known.batch.contradict(format!("payout `{id}` {what}"));
            }
            None => {
                let number = self.payouts.len();
                let payout = Payout::new(told, number, record)?;
                self.payouts.insert(id.clone(), payout);
            }
        }
        for item in inside.items.into_iter().chain(beside).chain(waiting) {
            self.held = self.held.saturating_sub(item.place.length);
            self.give(&id, item, out)?;
        }
        Ok(())
    }

    /// A payout stands in an object: the items beside it that wait for one.
    fn stands(&mut self, record: &Record, id: &str) -> Result<Vec<Item>, ParseError> {
        let scope = self.scopes.entry(record.parent).or_default();
        let other = scope.payout.as_ref().is_some_and(|known| known != id);
        if other && scope.is_relied_on {
            return Err(record.error(UNSAID));
        }
        // From the second on, none stands alone: what waits is told when the object ends.
        let items = std::mem::take(&mut scope.items);
        scope.is_relied_on |= !items.is_empty();
        scope.payout = Some(if other { String::new() } else { id.to_owned() });
        Ok(items)
    }

    fn item(&mut self, record: &Record, out: &mut dyn Sink) -> Result<(), ParseError> {
        let item: ToldItem = record.read()?;
        let named = item.links.payout.clone();
        let item = Item {
            told: item,
            place: record.place,
        };
        if let Some(id) = named {
            if self.payouts.contains_key(&id) {
                return self.give(&id, item, out);
            }
            self.hold(record)?;
            self.waiting.entry(id).or_default().push(item);
            return Ok(());
        }
        if record.parent == 0 {
            return Err(record.error(UNSAID));
        }
        let scope = self.scopes.entry(record.parent).or_default();
        match scope.payout.clone() {
            Some(id) if id.is_empty() => Err(record.error(UNSAID)),
            Some(id) => {
                scope.is_relied_on = true;
                self.give(&id, item, out)
            }
            None => {
                scope.items.push(item);
                self.hold(record)
            }
        }
    }

    fn hold(&mut self, record: &Record) -> Result<(), ParseError> {
        self.held += record.place.length;
        if self.held > MOST_HELD {
            let what = format!(
                "more than {MOST_HELD} bytes of items stand before their payout; put it first"
            );
            return Err(record.error(&what));
        }
        Ok(())
    }

    fn give(&mut self, id: &str, item: Item, out: &mut dyn Sink) -> Result<(), ParseError> {
        let Some(payout) = self.payouts.get_mut(id) else {
            return Err(unsaid(&item));
        };
        let line = payout.line(item)?;
        payout.batch.add(&line);
        out.line(payout.batch.number, line)
    }

    /// An object ended: what waits in it waits in vain.
    fn leave(&mut self, number: u64) -> Result<(), ParseError> {
        let scope = self.scopes.remove(&number).unwrap_or_default();
        match scope.items.first() {
            Some(item) => Err(unsaid(item)),
            None => Ok(()),
        }
    }

    fn close(self, account: &str, out: &mut dyn Sink) -> Result<(), ParseError> {
        if let Some((id, item)) = self.waiting.iter().find_map(|(id, items)| {
            let first = items.first()?;
            Some((id, first))
        }) {
            let what = format!("payout_items: the payout `{id}` of this item is not in the file");
            return Err(ParseError::new(item.place.line, what));
        }
        for payout in self.payouts.into_values() {
            payout.close(account, out)?;
        }
        Ok(())
    }
}

fn unsaid(item: &Item) -> ParseError {
    ParseError::new(item.place.line, format!("{ITEMS}: {UNSAID}"))
}

/// What to do where nothing says whose an item is.
const UNSAID: &str = "nothing says of which payout an item is; put one payout into the \
     object beside its items, or its id into the items' links as `payout`";

/// A payout as the API tells it.
#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Told {
    id: String,
    amount: i64,
    currency: String,
    created_at: String,
    arrival_date: Option<String>,
    status: String,
    reference: Option<String>,
}

/// An item as the API tells it.
#[derive(Debug, Deserialize)]
struct ToldItem {
    amount: String,
    #[serde(rename = "type")]
    word: String,
    #[serde(default)]
    links: Links,
    #[serde(default)]
    taxes: Vec<Tax>,
}

/// What an item refers to.
#[derive(Debug, Default, Deserialize)]
struct Links {
    payout: Option<String>,
    payment: Option<String>,
    refund: Option<String>,
    mandate: Option<String>,
}

/// A tax on a fee.
#[derive(Debug, Deserialize)]
struct Tax {
    amount: String,
    currency: String,
}

/// An item and where it stands.
#[derive(Debug)]
struct Item {
    told: ToldItem,
    place: Place,
}

/// A payout and what was read of it.
struct Payout {
    told: Told,
    place: Place,
    batch: Batch,
    repeats: Repeats,
    made_on: NaiveDate,
    paid_on: Option<NaiveDate>,
    paid: Money,
}

impl Payout {
    fn new(told: Told, number: usize, record: &Record) -> Result<Self, ParseError> {
        let statuses = ["pending", "paid", "bounced"].map(|status| (status, ()));
        closed::one_of_at(record.place.line, "status", &told.status, &statuses)?;
        let refused = |error: MoneyError| record.error(&format!("`{}`: {error}", told.id));
        let currency = amounts::currency(&told.currency).map_err(refused)?;
        let paid = amounts::minor(told.amount, currency).map_err(refused)?;
        let made_on = record.day("created_at", &told.created_at)?;
        let arrives = told.arrival_date.as_deref();
        let arrives = arrives.map(|day| record.day("arrival_date", day));
        // What bounced did not arrive; it may be tried again.
        let paid_on = arrives.transpose()?.filter(|_| told.status != "bounced");
        let mut batch = Batch::new(number, currency);
        batch.day(made_on);
        Ok(Self {
            told,
            place: record.place,
            batch,
            repeats: Repeats::default(),
            made_on,
            paid_on,
            paid,
        })
    }

    fn line(&mut self, item: Item) -> Result<SettlementLine, ParseError> {
        let Item { told, place } = item;
        let refused = |error: MoneyError| {
            ParseError::new(place.line, format!("payout_items: amount: {error}"))
        };
        let currency = self.batch.currency;
        let amount = minor(&told.amount, currency).map_err(refused)?;
        let net = Rounded::of(amount, currency).map_err(refused)?;
        let movement = movements::either_way(MOVEMENTS, &told.word, net.money);
        let links = &told.links;
        let about = [&links.refund, &links.payment, &links.mandate];
        let about = about.into_iter().flatten().next();
        let about = about.map_or("", String::as_str);
        let identity = format!("{}/{}/{about}", self.told.id, told.word);
        let identity = self.repeats.name(identity);
        let what = (movement, told.word.as_str());
        let mut line = SettlementLine::new(identity, place, what, net.money, self.made_on);
        line.exact = net.exact;
        if movement == Movement::Fee {
            line.gross = Money::minor(0, currency);
            line.fee = Money::minor(-net.money.amount(), currency);
            line.fees = self.fees(&told, line.fee).map_err(refused)?;
        }
        line.references = self.references(links);
        line.payout.clone_from(&self.told.id);
        line.paid_on = self.paid_on;
        Ok(line)
    }

    /// A fee includes its taxes, whose amounts have no sign.
    fn fees(&self, item: &ToldItem, fee: Money) -> Result<Vec<ledger::FeePart>, MoneyError> {
        let currency = fee.currency();
        let mut taxes: i64 = 0;
        for tax in &item.taxes {
            if tax.currency.eq_ignore_ascii_case(currency.code()) {
                let amount = Rounded::of(minor(&tax.amount, currency)?, currency)?;
                let amount = amount.money.amount().abs() * fee.amount().signum();
                taxes = taxes.saturating_add(amount);
            }
        }
        let own = if item.word == "gocardless_fee" || item.word == "surcharge_fee" {
            FeeKind::Processor
        } else {
            FeeKind::Other
        };
        let told = [
            (own, fee.amount().saturating_sub(taxes)),
            (FeeKind::Tax, taxes),
        ];
        Ok(batch::fee_parts(fee, &told))
    }

    fn references(&self, links: &Links) -> Vec<Reference> {
        let of = |kind, text: &Option<String>| Reference::of(kind, text.as_deref()?);
        let all = [
            of(ReferenceKind::Refund, &links.refund),
            of(ReferenceKind::Charge, &links.payment),
            of(ReferenceKind::Mandate, &links.mandate),
            of(ReferenceKind::Batch, &self.told.reference),
        ];
        all.into_iter().flatten().collect()
    }

    fn close(mut self, account: &str, out: &mut dyn Sink) -> Result<(), ParseError> {
        let number = self.batch.number;
        let id = self.told.id.clone();
        let own = if self.batch.has_lines {
            let slack = Decimal::new(1, self.batch.currency.exponent());
            let identity = format!("{id}/rounding");
            self.batch.rounding(identity, self.place, self.paid, slack)
        } else if self.told.status == "bounced" {
            None
        } else {
            let left = Money::minor(-self.paid.amount(), self.batch.currency);
            let what = (Movement::Payout, "payout");
            Some(SettlementLine::new(
                id.clone(),
                self.place,
                what,
                left,
                self.made_on,
            ))
        };
        let paid = self.batch.has_lines.then_some(self.paid);
        if let Some(mut line) = own {
            line.booked_on = self.made_on;
            line.references = self.references(&Links::default());
            line.payout.clone_from(&id);
            line.paid_on = self.paid_on;
            self.batch.add(&line);
            out.line(number, line)?;
        }
        out.statement(number, self.batch.close(account, &id, paid))
    }
}

/// A decimal text of minor units, in major ones.
fn minor(text: &str, currency: Currency) -> Result<Decimal, MoneyError> {
    let value = money::parse_decimal(text)?;
    let unit = Decimal::new(1, currency.exponent());
    value.checked_mul(unit).ok_or(MoneyError::OutOfRange(value))
}

/// What each type is. One that is not here is `Other`.
const MOVEMENTS: &[(&str, Movement)] = &[
    ("payment_paid_out", Movement::Charge),
    ("payment_failed", Movement::Charge),
    ("payment_charged_back", Movement::Dispute),
    ("payment_refunded", Movement::Refund),
    ("refund", Movement::Refund),
    ("refund_funds_returned", Movement::Refund),
    ("gocardless_fee", Movement::Fee),
    ("app_fee", Movement::Fee),
    ("surcharge_fee", Movement::Fee),
    ("revenue_share", Movement::Other),
];
