//! Adyen's settlement details report: CSV, columns matched by name, 30 of them or up to 49.
//!
//! The sign stands in the column: a credit is the account holder's, a debit is Adyen's. A batch of a
//! merchant account is a statement in each currency that it was settled in. Its `MerchantPayout` rows
//! empty what the others built up: they are no lines but close the statement. A batch without one is
//! not paid out yet, or by another platform, and has no balances.
//!
//! A row must add up: `(gross credit - gross debit) * rate - fees = net credit - net debit`, exactly in
//! one currency. Across currencies a minor unit is lost in rounding, and what the last digit of the
//! rate leaves open. What does not add up is a contradiction of its statement. The gross of a line is
//! its net and its fees, in the currency of the net; what the customer paid stands beside it. Fees and
//! nets with more decimals than the currency are rounded half to even, and the net is also kept as it
//! is; where the rounded ones miss a gross that adds up, the largest fee takes the difference.
//!
//! A payment, refund or dispute is known by merchant account, batch, type and modification reference.
//! Fees, corrections and the like may be equal in everything, also in their second: they are known by
//! their place among the batch's rows. A day is the booking's, or without that column the creation's,
//! in the zone that the row names. An ARN that went through a spreadsheet (`1.23E+22`) is left out.
//! A column that is named twice must say the same twice; amounts, currencies and days that cannot be
//! read refuse the file.

use super::batch::{self, UNPAID};
use super::names::Names;
use super::{ParseError, SettlementFormat, SettlementKind, Sink, movements};
use crate::read::head::has_columns;
use crate::read::table::{Row, Table};
use chrono::NaiveDate;
use ledger::money::Rounding;
use ledger::{
    Currency, FeeKind, FeePart, Money, Movement, Reference, ReferenceKind, SettlementLine,
};
use rust_decimal::Decimal;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::BufRead;

/// This format's registration.
pub const KIND: SettlementKind = SettlementKind::of::<Adyen>(
    "adyen",
    "Adyen settlement details report (CSV)",
    "account: adyen\n",
);

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What the account is called here: all merchant accounts of a company are one.
    #[serde(default = "default_account")]
    pub account: String,
}

fn default_account() -> String {
    "adyen".to_owned()
}

/// The format.
#[derive(Clone, Debug)]
pub struct Adyen {
    config: Config,
}

impl SettlementFormat for Adyen {
    type Config = Config;

    const VERSION: i64 = 1;

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn recognises(head: &str) -> bool {
        let columns = [
            "Merchant Account",
            "Psp Reference",
            "Gross Debit (GC)",
            "Net Debit (NC)",
            "Batch Number",
        ];
        has_columns(head, &columns)
    }

    fn read(&self, input: &mut dyn BufRead, out: &mut dyn Sink) -> Result<(), ParseError> {
        let mut table = Table::open(input, ',')?;
        let columns = Columns::find(&table)?;
        let mut groups = BTreeMap::<(String, String, Currency), Group>::new();
        while let Some(row) = table.next_whole()? {
            row.agree(&columns.twins)?;
            let batch = Batch::of(&columns, &row)?;
            let next = groups.len();
            let key = (batch.merchant.clone(), batch.number.clone(), batch.currency);
            let group = groups.entry(key).or_insert_with(|| Group {
                rows: 0,
                paid: None,
                batch: batch::Batch::new(next, batch.currency),
            });
            group.rows += 1;
            let line = columns.line(&row, &batch, group)?;
            if line.movement == Movement::Payout {
                group.batch.days(&line);
                let paid = group.paid.unwrap_or_default();
                group.paid = Some(paid.saturating_sub(line.net.amount()));
                continue;
            }
            group.batch.add(&line);
            out.line(group.batch.number, line)?;
        }
        for ((merchant, number, currency), group) in groups {
            let of = Batch {
                merchant,
                number,
                currency,
            };
            let paid = group.paid.map(|paid| Money::minor(paid, currency));
            let number = group.batch.number;
            let statement = group
                .batch
                .close(&self.config.account, &of.identity(), paid);
            out.statement(number, statement)?;
        }
        Ok(())
    }
}

/// What rows belong to.
struct Batch {
    merchant: String,
    number: String,
    currency: Currency,
}

impl Batch {
    fn of(columns: &Columns, row: &Row<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            merchant: row.need(columns.merchant)?.to_owned(),
            number: row.text(columns.batch).to_owned(),
            currency: row.currency(columns.net_currency)?,
        })
    }

    /// As the text of the payout says it, which the bank passes on.
    fn payout(&self) -> String {
        if self.number.is_empty() {
            return String::new();
        }
        format!("batch {}, {}", self.number, self.merchant)
    }

    /// What its statement is called.
    fn identity(&self) -> String {
        match self.payout() {
            payout if payout.is_empty() => format!("{UNPAID}, {}", self.merchant),
            payout => payout,
        }
    }
}

/// The rows of a batch, summed.
struct Group {
    rows: u64,
    paid: Option<i64>,
    batch: batch::Batch,
}

/// The columns of fees, and what each is for.
const FEES: [(&str, FeeKind); 4] = [
    ("Commission (NC)", FeeKind::Processor),
    ("Markup (NC)", FeeKind::Processor),
    ("Scheme Fees (NC)", FeeKind::Scheme),
    ("Interchange (NC)", FeeKind::Interchange),
];

/// Where the columns stand.
struct Columns {
    merchant: usize,
    psp: usize,
    merchant_reference: Option<usize>,
    method: Option<usize>,
    created: usize,
    booked: Option<usize>,
    kind: usize,
    modification: usize,
    modification_merchant: Option<usize>,
    gross: Gross,
    net_currency: usize,
    net_debit: usize,
    net_credit: usize,
    fees: Vec<(usize, FeeKind)>,
    batch: usize,
    order: Option<usize>,
    dispute: Option<usize>,
    arn: Option<usize>,
    twins: Vec<(usize, usize)>,
}

/// Where the columns of what the customer paid stand.
struct Gross {
    currency: usize,
    debit: usize,
    credit: usize,
    rate: usize,
}

impl Columns {
    fn find(table: &Table<'_>) -> Result<Self, ParseError> {
        let mut columns = Self {
            merchant: table.need(&["Merchant Account"])?,
            psp: table.need(&["Psp Reference"])?,
            merchant_reference: table.column(&["Merchant Reference"]),
            method: table.column(&["Payment Method Variant", "Payment Method"]),
            created: table.need(&["Creation Date"])?,
            booked: table.column(&["Booking Date"]),
            kind: table.need(&["Type"])?,
            modification: table.need(&["Modification Reference"])?,
            modification_merchant: table.column(&["Modification Merchant Reference"]),
            gross: Gross {
                currency: table.need(&["Gross Currency"])?,
                debit: table.need(&["Gross Debit (GC)"])?,
                credit: table.need(&["Gross Credit (GC)"])?,
                rate: table.need(&["Exchange Rate"])?,
            },
            net_currency: table.need(&["Net Currency"])?,
            net_debit: table.need(&["Net Debit (NC)"])?,
            net_credit: table.need(&["Net Credit (NC)"])?,
            fees: FEES
                .iter()
                .filter_map(|(name, kind)| Some((table.column(&[name])?, *kind)))
                .collect(),
            batch: table.need(&["Batch Number"])?,
            order: table.column(&["Merchant Order Reference"]),
            dispute: table.column(&["Dispute Reference"]),
            arn: table.column(&["ARN"]),
            twins: Vec::new(),
        };
        columns.twins = table.twins(&columns.read());
        Ok(columns)
    }

    /// The columns whose cells decide what a line is and how large.
    fn read(&self) -> Vec<usize> {
        let mut read = vec![
            self.merchant,
            self.psp,
            self.created,
            self.kind,
            self.modification,
            self.gross.currency,
            self.gross.debit,
            self.gross.credit,
            self.gross.rate,
            self.net_currency,
            self.net_debit,
            self.net_credit,
            self.batch,
        ];
        read.extend(self.booked);
        read.extend(self.fees.iter().map(|(at, _)| *at));
        read
    }

    fn line(
        &self,
        row: &Row<'_>,
        batch: &Batch,
        group: &mut Group,
    ) -> Result<SettlementLine, ParseError> {
        let kind = row.need(self.kind)?;
        let exact = difference(row, self.net_credit, self.net_debit)?;
        let net = rounded(row, self.net_credit, exact, batch.currency)?;
        let movement = movement(kind, net);
        let (mut fees, taken) = self.fees(row, batch.currency)?;
        let paid = self.gross.of(row)?;
        if let Some(paid) = paid.as_ref().filter(|_| !is_external(kind)) {
            let proof = Proof { net: exact, taken };
            match proof.contradiction(paid, batch.currency) {
                Some(what) => {
                    group
                        .batch
                        .contradict(format!("the row at line {}: {what}", row.place.line));
                }
                None if paid.amount.currency() == batch.currency => {
                    level(&mut fees, paid.amount.amount() - net.amount());
                }
                None => {}
            }
        }
        let sum = fees
            .iter()
            .try_fold(Money::minor(0, batch.currency), |sum, part| {
                sum.checked_add(part.amount)
            });
        let fee = sum.map_err(|error| row.error(self.net_credit, &error.to_string()))?;
        let foreign = paid.filter(|paid| paid.amount.currency() != batch.currency);
        let gross = net.checked_add(fee);
        let gross = gross.map_err(|error| row.error(self.net_credit, &error.to_string()))?;
        let described = if row.text(self.psp).is_empty() {
            row.text(self.modification)
        } else {
            row.optional(self.method)
        };
        Ok(SettlementLine {
            references: self.references(row, movement),
            payout: batch.payout(),
            gross,
            fee,
            fees,
            net,
            exact: (net.to_decimal() != exact).then_some(exact),
            original: foreign.as_ref().map(|paid| paid.amount),
            rate: foreign.as_ref().and_then(|paid| paid.rate),
            description: described.to_owned(),
            ..SettlementLine::new(
                self.identity(row, batch, movement, group.rows),
                row.place,
                (movement, kind),
                net,
                self.day(row)?,
            )
        })
    }

    fn day(&self, row: &Row<'_>) -> Result<NaiveDate, ParseError> {
        let booked = match self.booked {
            Some(at) => row.day(at)?,
            None => None,
        };
        let created = row.day(self.created)?;
        booked
            .or(created)
            .ok_or_else(|| row.error(self.created, "is empty"))
    }

    fn fees(
        &self,
        row: &Row<'_>,
        currency: Currency,
    ) -> Result<(Vec<FeePart>, Decimal), ParseError> {
        let mut exact = Decimal::ZERO;
        let mut parts = Vec::new();
        for (at, kind) in &self.fees {
            let value = row.decimal(*at)?.unwrap_or_default();
            let amount = rounded(row, *at, value, currency)?;
            exact = exact
                .checked_add(value)
                .ok_or_else(|| row.error(*at, "is too long a number"))?;
            if amount.amount() != 0 {
                let kind = *kind;
                parts.push(FeePart { kind, amount });
            }
        }
        Ok((parts, exact))
    }

    fn identity(&self, row: &Row<'_>, batch: &Batch, movement: Movement, number: u64) -> String {
        let Batch {
            merchant,
            number: of,
            currency,
        } = batch;
        let known = matches!(
            movement,
            Movement::Charge | Movement::Refund | Movement::Dispute | Movement::DisputeReversal
        );
        let reference = row.text(self.modification);
        if known && !reference.is_empty() {
            let kind = row.text(self.kind);
            return format!("{merchant}/{of}/{kind}/{reference}");
        }
        format!("{merchant}/{of}/{currency}/row {number}")
    }

    fn references(&self, row: &Row<'_>, movement: Movement) -> Vec<Reference> {
        let mut names = Names::default();
        names.add(ReferenceKind::Charge, row.text(self.psp));
        names.add(
            ReferenceKind::Merchant,
            row.optional(self.merchant_reference),
        );
        let modified = match movement {
            Movement::Charge => Some(ReferenceKind::Charge),
            Movement::Refund => Some(ReferenceKind::Refund),
            Movement::Dispute | Movement::DisputeReversal => Some(ReferenceKind::Dispute),
            _ => None,
        };
        if let Some(kind) = modified {
            names.add(kind, row.text(self.modification));
        }
        names.add(ReferenceKind::Dispute, row.optional(self.dispute));
        let merchant = row.optional(self.modification_merchant);
        names.add(ReferenceKind::Merchant, merchant);
        names.add(ReferenceKind::Merchant, row.optional(self.order));
        let arn = row.optional(self.arn);
        let told =
            arn.bytes().all(|sign| sign.is_ascii_digit()) && arn.bytes().any(|sign| sign != b'0');
        names.add(ReferenceKind::Bank, if told { arn } else { "" });
        names.into_list()
    }
}

/// What the customer paid or got back, and units of the net's currency for one of its.
struct Paid {
    amount: Money,
    rate: Option<Decimal>,
}

impl Gross {
    fn of(&self, row: &Row<'_>) -> Result<Option<Paid>, ParseError> {
        if row.text(self.debit).is_empty() && row.text(self.credit).is_empty() {
            return Ok(None);
        }
        let currency = row.currency(self.currency)?;
        let value = difference(row, self.credit, self.debit)?;
        let amount = Money::exact(value, currency);
        Ok(Some(Paid {
            amount: amount.map_err(|error| row.error(self.credit, &error.to_string()))?,
            rate: row.decimal(self.rate)?,
        }))
    }
}

/// What a row says of its net.
struct Proof {
    net: Decimal,
    taken: Decimal,
}

impl Proof {
    /// What does not hold, if anything. A foreign amount without a rate proves nothing.
    fn contradiction(&self, paid: &Paid, currency: Currency) -> Option<String> {
        let same = paid.amount.currency() == currency;
        let rate = paid.rate.or(same.then_some(Decimal::ONE))?;
        let amount = paid.amount.to_decimal();
        let gone = || format!("{amount} at {rate} is beyond any amount");
        let Some(expected) = amount
            .checked_mul(rate)
            .and_then(|gross| gross.checked_sub(self.taken))
        else {
            return Some(gone());
        };
        let open = if same && rate == Decimal::ONE {
            Some(Decimal::ZERO)
        } else {
            left_open(amount, rate, currency)
        };
        let Some((open, apart)) = open.zip(expected.checked_sub(self.net)) else {
            return Some(gone());
        };
        (apart.abs() > open).then(|| {
            let expected = expected.normalize();
            format!(
                "gross less fees is {expected} {currency}, net is {} {currency}",
                self.net
            )
        })
    }
}

/// A minor unit, and what half a unit of the rate's last digit makes of an amount.
fn left_open(amount: Decimal, rate: Decimal, currency: Currency) -> Option<Decimal> {
    let unit = Decimal::new(1, currency.exponent());
    let digit = Decimal::new(5, (rate.scale() + 1).min(Decimal::MAX_SCALE));
    amount.abs().checked_mul(digit)?.checked_add(unit)
}

/// Lets the largest fee take what rounding left between the fees and their sum.
fn level(fees: &mut [FeePart], sum: i64) {
    let found: i64 = fees.iter().map(|part| part.amount.amount()).sum();
    let largest = fees
        .iter_mut()
        .max_by_key(|part| part.amount.amount().abs());
    if let Some(part) = largest {
        let amount = part.amount.amount() + sum - found;
        part.amount = Money::minor(amount, part.amount.currency());
    }
}

fn difference(row: &Row<'_>, credit: usize, debit: usize) -> Result<Decimal, ParseError> {
    let value = |at| Ok::<_, ParseError>(row.decimal(at)?.unwrap_or_default());
    value(credit)?
        .checked_sub(value(debit)?)
        .ok_or_else(|| row.error(credit, "is too long a number"))
}

fn rounded(
    row: &Row<'_>,
    at: usize,
    value: Decimal,
    currency: Currency,
) -> Result<Money, ParseError> {
    Money::round(value, currency, Rounding::HalfEven)
        .map_err(|error| row.error(at, &error.to_string()))
}

/// What each type is, in lower case and without what is settled externally. One that is not here is
/// `Other`.
const MOVEMENTS: &[(&str, Movement)] = &[
    ("settled", Movement::Charge),
    ("refunded", Movement::Refund),
    ("refundedreversed", Movement::Refund),
    ("chargeback", Movement::Dispute),
    ("secondchargeback", Movement::Dispute),
    ("chargebackreversed", Movement::DisputeReversal),
    ("fee", Movement::Fee),
    ("paymentcost", Movement::Fee),
    ("misccosts", Movement::Fee),
    ("invoicededuction", Movement::Fee),
    ("depositcorrection", Movement::Adjustment),
    ("balancetransfer", Movement::Transfer),
    ("reserveadjustment", Movement::Reserve),
    ("merchantpayout", Movement::Payout),
];

/// What another party settled stands in the report with its gross, and moves nothing here.
const EXTERNALLY: &str = "externally";

fn is_external(kind: &str) -> bool {
    kind.to_ascii_lowercase().contains(EXTERNALLY)
}

fn movement(kind: &str, net: Money) -> Movement {
    let word = kind.to_ascii_lowercase();
    let word = word.split(EXTERNALLY).next().unwrap_or_default();
    // One type stands for both ways: what is held back is taken, what is free comes back.
    movements::either_way(MOVEMENTS, word, net)
}
