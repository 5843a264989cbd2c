//! The company's January: customers, invoices, payments, refunds, disputes.

use super::truth::Planted;
use chrono::{DateTime, Datelike, Duration, NaiveDate, Utc, Weekday};
use fastrand::Rng;
use ledger::{Currency, Money};
use serde_json::{Number, Value, json};

/// The CloudEvents source of everything here.
pub(super) const ORIGIN: &str = "//billing.halden.example";

/// A market: where an entity sells in one currency.
#[derive(Clone, Copy, Debug)]
pub(super) struct Market {
    pub(super) entity: &'static str,
    pub(super) currency: &'static str,
    pub(super) region: &'static str,
    pub(super) bank_account: &'static str,
    /// Of a hundred customers.
    share: u64,
    /// Sales tax in thousandths.
    tax: i64,
    /// The processor's fee in hundredths of a per cent, and per payment in minor units.
    fee: (i64, i64),
    /// What one unit of price is in minor units.
    price: i64,
}

pub(super) const MARKETS: [Market; 4] = [
    Market {
        entity: "us",
        currency: "USD",
        region: "amer",
        bank_account: "US-4417-0031-USD",
        share: 40,
        tax: 80,
        fee: (290, 30),
        price: 100,
    },
    Market {
        entity: "us",
        currency: "JPY",
        region: "apac",
        bank_account: "US-4417-0032-JPY",
        share: 10,
        tax: 100,
        fee: (360, 0),
        price: 120,
    },
    Market {
        entity: "uk",
        currency: "GBP",
        region: "emea",
        bank_account: "GB29NWBK60161331926819",
        share: 22,
        tax: 200,
        fee: (150, 20),
        price: 90,
    },
    Market {
        entity: "eu",
        currency: "EUR",
        region: "emea",
        bank_account: "DE89370400440532013000",
        share: 28,
        tax: 190,
        fee: (140, 25),
        price: 95,
    },
];

impl Market {
    pub(super) fn money(&self, amount: i64) -> anyhow::Result<Money> {
        Ok(Money::minor(amount, Currency::from_code(self.currency)?))
    }

    /// The processor's fee on a charge.
    fn fee_on(&self, gross: i64) -> i64 {
        (gross * self.fee.0 + 5_000).div_euclid(10_000) + self.fee.1
    }
}

/// An event to be written.
#[derive(Clone, Debug)]
pub(super) struct Emitted {
    pub(super) at: DateTime<Utc>,
    pub(super) id: String,
    pub(super) kind: &'static str,
    pub(super) data: Value,
}

/// A movement on the processor's balance.
#[derive(Clone, Debug)]
pub(super) struct Movement {
    pub(super) market: usize,
    pub(super) at: DateTime<Utc>,
    pub(super) kind: &'static str,
    pub(super) source: String,
    pub(super) gross: i64,
    pub(super) fee: i64,
}

/// A payment that nothing else happened to: where defects can be planted.
struct Clean {
    event: usize,
    movement: usize,
    market: usize,
    day: u32,
    reference: String,
    amount: i64,
}

/// Everything that happened, and what was planted.
pub(super) struct Month {
    pub(super) rng: Rng,
    pub(super) events: Vec<Emitted>,
    pub(super) movements: Vec<Movement>,
    pub(super) planted: Vec<Planted>,
    clean: Vec<Clean>,
    next_event: usize,
}

/// A day of January 2026.
pub(super) fn day(number: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 1, number.clamp(1, 31)).unwrap_or(NaiveDate::MIN)
}

/// Whether banks work.
pub(super) fn is_business_day(date: NaiveDate) -> bool {
    !matches!(date.weekday(), Weekday::Sat | Weekday::Sun) && date != day(1)
}

/// The next day on which banks work.
pub(super) fn next_business_day(date: NaiveDate) -> NaiveDate {
    let mut next = date + Duration::days(1);
    while !is_business_day(next) {
        next += Duration::days(1);
    }
    next
}

/// A time of day.
pub(super) fn at(date: NaiveDate, minutes: i64) -> DateTime<Utc> {
    date.and_time(chrono::NaiveTime::MIN).and_utc() + Duration::minutes(minutes)
}

/// An amount as the JSON number with all its decimal places.
pub(super) fn number(money: Money) -> Value {
    let text = money.to_decimal().to_string();
    text.parse::<Number>().map_or(Value::Null, Value::Number)
}

/// Simulates the month; `total` decides how much happens.
pub(super) fn simulate(total: usize, seed: u64) -> anyhow::Result<Month> {
    let mut month = Month {
        rng: Rng::with_seed(seed),
        events: Vec::new(),
        movements: Vec::new(),
        planted: Vec::new(),
        clean: Vec::new(),
        next_event: 0,
    };
    let customers = (total / 40).max(20);
    let mut markets = Vec::with_capacity(customers);
    for index in 0..customers {
        markets.push(month.customer(index));
    }
    for index in 0..total * 15 / 100 {
        let customer = month.rng.usize(..customers);
        let market = markets.get(customer).copied().unwrap_or(0);
        month.invoice(index, customer, market)?;
    }
    month.plant_payments()?;
    Ok(month)
}

impl Month {
    /// A random minute between 08:00 and 20:00.
    fn minute(&mut self) -> i64 {
        480 + self.rng.i64(0..720)
    }

    /// A token as processors make them.
    pub(super) fn token(&mut self, prefix: &str) -> String {
        let alphabet: Vec<char> = ('a'..='z').chain('0'..='9').collect();
        let tail: String = (0..14)
            .filter_map(|_| alphabet.get(self.rng.usize(..alphabet.len())))
            .collect();
        format!("{prefix}_{tail}")
    }

    pub(super) fn event_id(&mut self) -> String {
        self.next_event += 1;
        format!("evt_{:07}", self.next_event)
    }

    /// Emits an event and says where it stands.
    pub(super) fn emit(&mut self, at: DateTime<Utc>, kind: &'static str, data: Value) -> usize {
        let id = self.event_id();
        self.events.push(Emitted { at, id, kind, data });
        self.events.len() - 1
    }

    fn customer(&mut self, index: usize) -> usize {
        let mut draw = self.rng.u64(0..100);
        let market = MARKETS
            .iter()
            .position(|market| {
                let hit = draw < market.share;
                draw = draw.saturating_sub(market.share);
                hit
            })
            .unwrap_or(0);
        let Some(place) = MARKETS.get(market) else {
            return 0;
        };
        let day = day(self.rng.u32(1..=28));
        let minute = self.minute();
        let id = customer_id(index);
        let plan = if self.rng.u8(0..3) == 0 {
            "business"
        } else {
            "starter"
        };
        self.emit(at(day, minute), "billing.customer.onboarded.v1", json!({
            "customer_id": id, "entity": place.entity, "region": place.region, "currency": place.currency,
        }));
        self.emit(
            at(day, minute + 4),
            "billing.subscription.created.v1",
            json!({
                "customer_id": id, "subscription_id": format!("S-{:05}", index + 1), "plan": plan,
            }),
        );
        self.emit(
            at(day, minute + 95),
            "billing.provisioning.completed.v1",
            json!({
                "customer_id": id, "circuit": format!("HN-{:06}", 100_000 + index),
            }),
        );
        match self.rng.u8(0..10) {
            0 => drop(self.emit(
                at(day, minute + 1500),
                "billing.subscription.changed.v1",
                json!({
                    "customer_id": id, "plan": "enterprise",
                }),
            )),
            1 => drop(self.emit(
                at(day, minute + 2900),
                "billing.subscription.cancelled.v1",
                json!({
                    "customer_id": id, "reason": "moved",
                }),
            )),
            _ => {}
        }
        market
    }

    fn invoice(&mut self, index: usize, customer: usize, market: usize) -> anyhow::Result<()> {
        let place = MARKETS.get(market).copied().unwrap_or(MARKETS[0]);
        let date = day(self.rng.u32(1..=30));
        let minute = self.minute();
        let money = |amount| place.money(amount).map(number);
        let (lines, net) = self.lines(place)?;
        let usage = if self.rng.bool() {
            place.price * self.rng.i64(1..20) + self.rng.i64(0..place.price)
        } else {
            0
        };
        let tax = ((net + usage) * place.tax + 500).div_euclid(1_000);
        let total = net + usage + tax;
        let invoice = Invoice {
            id: format!("INV-2026-{:06}", index + 1),
            customer: customer_id(customer),
            market,
            place,
            total,
        };
        let body = json!({
            "invoice_id": invoice.id, "entity": place.entity, "customer_id": invoice.customer,
            "currency": place.currency, "region": place.region, "lines": lines,
            "usage": money(usage)?, "tax": money(tax)?, "total": money(total)?,
        });
        self.emit(
            at(date, minute),
            "billing.invoice.created.v1",
            json!({ "invoice_id": invoice.id, "customer_id": invoice.customer }),
        );
        let finalized = at(date, minute + 60);
        self.emit(
            finalized,
            "billing.invoice.finalized.v1",
            with(body.clone(), "finalized_at", finalized),
        );
        match self.rng.u8(0..100) {
            0..=4 => {
                if self.rng.u8(0..4) == 0 {
                    let voided = finalized + Duration::hours(20);
                    self.emit(
                        voided,
                        "billing.invoice.voided.v1",
                        with(body, "voided_at", voided),
                    );
                }
            }
            5..=9 => {
                let failed = finalized + Duration::hours(1);
                self.emit(failed, "billing.payment.failed.v1", with(json!({
                    "invoice_id": invoice.id, "entity": place.entity, "currency": place.currency,
                    "amount": money(total)?, "processor": "stripe",
                }), "failed_at", failed));
                self.payment(&invoice, failed + Duration::hours(23))?;
            }
            _ => {
                let wait = self.rng.i64(1..2_800);
                self.payment(&invoice, finalized + Duration::minutes(wait))?;
            }
        }
        Ok(())
    }

    /// The subscription lines of an invoice, and their sum.
    fn lines(&mut self, place: Market) -> anyhow::Result<(Vec<Value>, i64)> {
        let (mut lines, mut net) = (Vec::new(), 0);
        for (product, chance) in [("access", 100), ("support", 35)] {
            if self.rng.u8(0..100) >= chance {
                continue;
            }
            let amount = place.price * self.rng.i64(15..240) + self.rng.i64(0..place.price);
            net += amount;
            lines.push(json!({
                "product": product, "amount": number(place.money(amount)?),
                "period_start": "2026-01-01", "period_end": "2026-01-31",
            }));
        }
        Ok((lines, net))
    }

    fn payment(&mut self, invoice: &Invoice, at: DateTime<Utc>) -> anyhow::Result<()> {
        if at.date_naive() > day(31) {
            return Ok(());
        }
        let (place, total) = (invoice.place, invoice.total);
        let reference = self.token("ch");
        let event = self.emit(at, "billing.payment.succeeded.v1", with(json!({
            "payment_id": format!("P-{}", reference), "invoice_id": invoice.id, "entity": place.entity,
            "customer_id": invoice.customer, "currency": place.currency, "amount": number(place.money(total)?),
            "processor": "stripe", "processor_reference": reference,
        }), "succeeded_at", at));
        let fee = place.fee_on(total);
        self.movements.push(Movement {
            market: invoice.market,
            at,
            kind: "charge",
            source: reference.clone(),
            gross: total,
            fee,
        });
        match self.rng.u8(0..100) {
            0..=1 => self.refund(invoice, at)?,
            2 => self.dispute(invoice, at)?,
            _ => self.clean.push(Clean {
                event,
                movement: self.movements.len() - 1,
                market: invoice.market,
                day: at.date_naive().day(),
                reference,
                amount: total,
            }),
        }
        Ok(())
    }

    fn refund(&mut self, invoice: &Invoice, paid: DateTime<Utc>) -> anyhow::Result<()> {
        let at = paid + Duration::hours(self.rng.i64(48..120));
        if at.date_naive() > day(31) {
            return Ok(());
        }
        let (place, total) = (invoice.place, invoice.total);
        let net = (total * 1_000).div_euclid(1_000 + place.tax);
        let reference = self.token("re");
        self.emit(at, "billing.credit_note.issued.v1", with(json!({
            "credit_note_id": invoice.id.replace("INV", "CN"), "invoice_id": invoice.id, "entity": place.entity,
            "customer_id": invoice.customer, "currency": place.currency, "region": place.region, "product": "access",
            "net": number(place.money(net)?), "tax": number(place.money(total - net)?), "total": number(place.money(total)?),
        }), "issued_at", at));
        let refunded = at + Duration::minutes(3);
        self.emit(
            refunded,
            "billing.refund.succeeded.v1",
            with(self_payment(invoice, &reference)?, "succeeded_at", refunded),
        );
        self.movements.push(Movement {
            market: invoice.market,
            at: refunded,
            kind: "refund",
            source: reference,
            gross: -total,
            fee: 0,
        });
        Ok(())
    }

    fn dispute(&mut self, invoice: &Invoice, paid: DateTime<Utc>) -> anyhow::Result<()> {
        let opened = paid + Duration::hours(self.rng.i64(72..150));
        if opened.date_naive() > day(31) {
            return Ok(());
        }
        let reference = self.token("dp");
        let body = self_payment(invoice, &reference)?;
        self.emit(
            opened,
            "billing.chargeback.opened.v1",
            with(body.clone(), "opened_at", opened),
        );
        self.movements.push(Movement {
            market: invoice.market,
            at: opened,
            kind: "dispute",
            source: reference.clone(),
            gross: -invoice.total,
            fee: 1_500,
        });
        let closed = opened + Duration::hours(self.rng.i64(90..200));
        if closed.date_naive() > day(31) {
            return Ok(());
        }
        if self.rng.bool() {
            self.emit(
                closed,
                "billing.chargeback.won.v1",
                with(body, "closed_at", closed),
            );
            self.movements.push(Movement {
                market: invoice.market,
                at: closed,
                kind: "dispute_reversal",
                source: reference,
                gross: invoice.total,
                fee: 0,
            });
        } else {
            self.emit(
                closed,
                "billing.chargeback.lost.v1",
                with(body, "closed_at", closed),
            );
        }
        Ok(())
    }

    /// Plants what reconciliation of payments must find, each in another payment of the first half.
    fn plant_payments(&mut self) -> anyhow::Result<()> {
        let mut candidates: Vec<Clean> = self
            .clean
            .drain(..)
            .filter(|clean| clean.day <= 16)
            .collect();
        self.rng.shuffle(&mut candidates);
        anyhow::ensure!(
            candidates.len() >= 11,
            "too few payments to plant defects in; ask for more events"
        );
        let mut candidates = candidates.into_iter();
        let (mut lost_events, mut lost_movements) = (Vec::new(), Vec::new());
        for clean in candidates.by_ref().take(3) {
            lost_events.push(clean.event);
            self.planted
                .push(Planted::new("missing-in-billing", clean.reference));
        }
        for clean in candidates.by_ref().take(3) {
            lost_movements.push(clean.movement);
            self.planted
                .push(Planted::new("missing-in-settlement", clean.reference));
        }
        for clean in candidates.by_ref().take(3) {
            let place = MARKETS.get(clean.market).copied().unwrap_or(MARKETS[0]);
            let net = place.money(clean.amount - place.fee_on(clean.amount))?;
            if let Some(event) = self.events.get_mut(clean.event) {
                event.data = with_value(event.data.clone(), "amount", number(net));
            }
            self.planted.push(Planted::new("fee", clean.reference));
        }
        for clean in candidates.by_ref().take(2) {
            if let Some(movement) = self.movements.get(clean.movement).cloned() {
                self.movements.push(movement);
            }
            self.planted
                .push(Planted::new("duplicate-in-settlement", clean.reference));
        }
        let mut index = 0;
        self.events.retain(|_| {
            index += 1;
            !lost_events.contains(&(index - 1))
        });
        let mut index = 0;
        self.movements.retain(|_| {
            index += 1;
            !lost_movements.contains(&(index - 1))
        });
        Ok(())
    }
}

struct Invoice {
    id: String,
    customer: String,
    market: usize,
    place: Market,
    total: i64,
}

fn customer_id(index: usize) -> String {
    format!("C-{:05}", index + 1)
}

/// The fields that payments, refunds and disputes share.
fn self_payment(invoice: &Invoice, reference: &str) -> anyhow::Result<Value> {
    Ok(json!({
        "invoice_id": invoice.id, "entity": invoice.place.entity, "customer_id": invoice.customer,
        "currency": invoice.place.currency, "amount": number(invoice.place.money(invoice.total)?),
        "processor": "stripe", "processor_reference": reference,
    }))
}

/// An object with one more time in it.
fn with(object: Value, name: &str, at: DateTime<Utc>) -> Value {
    with_value(
        object,
        name,
        json!(at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)),
    )
}

fn with_value(mut object: Value, name: &str, value: Value) -> Value {
    if let Value::Object(map) = &mut object {
        map.insert(name.to_owned(), value);
    }
    object
}
