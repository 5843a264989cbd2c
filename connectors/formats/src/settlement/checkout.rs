//! Checkout.com's settlement breakdown report: CSV, columns matched by name.
//!
//! Amounts are decimal major units of the holding currency, signed as the account holder sees them;
//! a deduction is negative, and `net = gross + deduction` (and a reserve, where that is not part of the
//! deduction). Some have more digits than the currency: each is rounded half-even, the exact net is
//! kept. Days are those of `Processed On`, in the settlement time zone of the entity. There is one
//! statement per payout and holding currency, without balances: what was paid stands in another
//! report.
//!
//! What moves nothing but fees (gross 0) is a fee, whatever its type; such rows may lack a processing
//! currency. What is held back is a line of its own beside its payment's. A row has no name of its
//! own that is always there: it is called by its payment (or its payout), its type and its time, and
//! equal ones are counted. An unknown type passes as it is.

use super::batch::{self, Batches, Rounded};
use super::{ParseError, SettlementFormat, SettlementKind, Sink, movements};
use crate::read::counted::Repeats;
use crate::read::head::has_columns;
use crate::read::table::{Row, Table};
use chrono::NaiveDate;
use ledger::{
    Currency, FeeKind, Money, MoneyError, Movement, Reference, ReferenceKind, SettlementLine,
};
use rust_decimal::Decimal;
use serde::Deserialize;
use std::io::BufRead;

/// This format's registration.
pub const KIND: SettlementKind = SettlementKind::of::<Checkout>(
    "checkout",
    "Checkout.com settlement breakdown (CSV)",
    "account: checkout\n",
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
    "checkout".to_owned()
}

/// The format.
#[derive(Clone, Debug)]
pub struct Checkout {
    config: Config,
}

impl SettlementFormat for Checkout {
    type Config = Config;

    const VERSION: i64 = 1;

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn recognises(head: &str) -> bool {
        let columns = [
            "Type",
            "Payment ID",
            "Holding Currency",
            "Net In Holding Currency",
        ];
        has_columns(head, &columns)
    }

    fn read(&self, input: &mut dyn BufRead, out: &mut dyn Sink) -> Result<(), ParseError> {
        let mut table = Table::open(input, ',')?;
        let columns = Columns::find(&table)?;
        let mut payouts = Batches::<(String, Currency)>::default();
        let mut repeats = Repeats::default();
        while let Some(row) = table.next_whole()? {
            let moved = columns.moved(&row)?;
            let key = (row.optional(columns.payout).to_owned(), moved.currency);
            let payout = payouts.of(key, moved.currency);
            let (line, reserve) = columns.lines(&row, &moved, &mut repeats)?;
            if !moved.ties {
                let told = format!("net of `{}` is not gross and deduction", line.identity);
                payout.contradict(told);
            }
            // Where a row does nothing but hold back or give back, there is no payment beside it.
            let moves = line.gross.amount() != 0 || line.net.amount() != 0;
            let line = Some(line).filter(|_| moves || reserve.is_none());
            for line in [line, reserve].into_iter().flatten() {
                payout.add(&line);
                out.line(payout.number, line)?;
            }
        }
        for ((id, _), payout) in payouts {
            let number = payout.number;
            let statement = payout.close(&self.config.account, batch::named(&id), None);
            out.statement(number, statement)?;
        }
        Ok(())
    }
}

/// Where the columns stand.
struct Columns {
    kind: usize,
    payment: usize,
    reference: Option<usize>,
    processed: usize,
    currency: usize,
    payout: Option<usize>,
    paid: Option<usize>,
    gross: usize,
    deduction: usize,
    net: usize,
    parts: Vec<(FeeKind, usize)>,
    reserve: Option<usize>,
    seen_currency: Option<usize>,
    seen_gross: Option<usize>,
    rate: Option<usize>,
    method: Option<usize>,
}

/// The amounts of a row.
struct Moved {
    currency: Currency,
    gross: Decimal,
    net: Decimal,
    reserve: Decimal,
    /// Whether they tie.
    ties: bool,
}

impl Columns {
    fn find(table: &Table<'_>) -> Result<Self, ParseError> {
        let parts = [
            (FeeKind::Processor, "Processing Fee In Holding Currency"),
            (FeeKind::Scheme, "Scheme Fee In Holding Currency"),
            (FeeKind::Interchange, "Interchange In Holding Currency"),
            (FeeKind::Tax, "Tax In Holding Currency"),
        ];
        let parts = parts.into_iter();
        Ok(Self {
            kind: table.need(&["Type"])?,
            payment: table.need(&["Payment ID"])?,
            reference: table.column(&["Reference"]),
            processed: table.need(&["Processed On"])?,
            currency: table.need(&["Holding Currency"])?,
            payout: table.column(&["Payout ID"]),
            paid: table.column(&["Payout Date"]),
            gross: table.need(&["Gross In Holding Currency"])?,
            deduction: table.need(&["Deduction In Holding Currency"])?,
            net: table.need(&["Net In Holding Currency"])?,
            parts: parts
                .filter_map(|(kind, name)| Some((kind, table.column(&[name])?)))
                .collect(),
            reserve: table.column(&["Reserve In Holding Currency"]),
            seen_currency: table.column(&["Processing Currency"]),
            seen_gross: table.column(&["Gross In Processing Currency"]),
            rate: table.column(&["FX Rate Applied"]),
            method: table.column(&["Payment Method"]),
        })
    }

    fn moved(&self, row: &Row<'_>) -> Result<Moved, ParseError> {
        let of = |at| Ok(row.decimal(at)?.unwrap_or_default());
        let (gross, deduction, net) = (of(self.gross)?, of(self.deduction)?, of(self.net)?);
        let reserve = self.reserve.map_or(Ok(Decimal::ZERO), of)?;
        let sum = gross.checked_add(deduction);
        let with_reserve = sum.and_then(|sum| sum.checked_add(reserve));
        Ok(Moved {
            currency: row.currency(self.currency)?,
            gross,
            net,
            reserve,
            ties: [sum, with_reserve].contains(&Some(net)),
        })
    }

    /// The line of a row, and one of what it holds back.
    fn lines(
        &self,
        row: &Row<'_>,
        moved: &Moved,
        repeats: &mut Repeats,
    ) -> Result<(SettlementLine, Option<SettlementLine>), ParseError> {
        let kind = row.need(self.kind)?;
        let processed = row.day(self.processed)?;
        let day = processed.ok_or_else(|| row.error(self.processed, "is empty"))?;
        let rounded = |at: usize, value: Option<Decimal>| {
            value
                .ok_or_else(|| row.error(at, "is too large"))
                .and_then(|value| {
                    Rounded::of(value, moved.currency)
                        .map_err(|error| row.error(at, &error.to_string()))
                })
        };
        let net = rounded(self.net, moved.net.checked_sub(moved.reserve))?;
        let gross = rounded(self.gross, Some(moved.gross))?;
        let identity = repeats.name(self.identity(row, kind));
        let what = (movement(kind, gross.money, net.money), kind);
        let mut line = SettlementLine::new(identity, row.place, what, net.money, day);
        line.gross = gross.money;
        let fee = gross.money.amount() - net.money.amount();
        line.fee = Money::minor(fee, moved.currency);
        line.exact = net.exact;
        self.describe(row, moved, &mut line)?;
        if moved.reserve.is_zero() {
            return Ok((line, None));
        }
        let held = self.reserve.map(|at| rounded(at, Some(moved.reserve)));
        let held = held.transpose()?;
        let reserve = held.map(|held| reserve(&line, held, day));
        Ok((line, reserve))
    }

    fn identity(&self, row: &Row<'_>, kind: &str) -> String {
        let payment = row.text(self.payment);
        let name = if payment.is_empty() {
            row.optional(self.payout)
        } else {
            payment
        };
        format!("{name}/{kind}/{}", row.text(self.processed))
    }

    /// What a row says beside its amounts.
    fn describe(
        &self,
        row: &Row<'_>,
        moved: &Moved,
        line: &mut SettlementLine,
    ) -> Result<(), ParseError> {
        let payment = Reference::of(ReferenceKind::Charge, row.text(self.payment));
        let own = Reference::of(ReferenceKind::Merchant, row.optional(self.reference));
        line.references = [payment, own].into_iter().flatten().collect();
        row.optional(self.payout).clone_into(&mut line.payout);
        line.paid_on = self.paid.map_or(Ok(None), |at| row.day(at))?;
        row.optional(self.method).clone_into(&mut line.description);
        line.fees = self.fees(row, moved.currency, line.fee)?;
        let (Some(code), Some(gross)) = (self.seen_currency, self.seen_gross) else {
            return Ok(());
        };
        if row.text(code).is_empty() || row.currency(code)? == moved.currency {
            return Ok(());
        }
        line.original = Some(row.money(gross, row.currency(code)?)?);
        line.rate = self.rate.map_or(Ok(None), |at| row.decimal(at))?;
        Ok(())
    }

    /// The kinds of a fee: each is rounded, and what that leaves is the processor's.
    fn fees(
        &self,
        row: &Row<'_>,
        currency: Currency,
        fee: Money,
    ) -> Result<Vec<ledger::FeePart>, ParseError> {
        let mut told = Vec::new();
        for (kind, at) in &self.parts {
            let value = row.decimal(*at)?.unwrap_or_default();
            let part = Rounded::of(-value, currency)
                .map_err(|error: MoneyError| row.error(*at, &error.to_string()))?;
            told.push((*kind, part.money.amount()));
        }
        let left = fee.amount() - told.iter().map(|(_, amount)| *amount).sum::<i64>();
        let most = i64::try_from(told.len()).unwrap_or(0);
        if left.abs() < most
            && let Some((_, own)) = told.iter_mut().find(|(_, amount)| *amount != 0)
        {
            *own += left;
        }
        Ok(batch::fee_parts(fee, &told))
    }
}

/// What a payment's line holds back, or gets back.
fn reserve(line: &SettlementLine, held: Rounded, day: NaiveDate) -> SettlementLine {
    let movement = if held.money.amount() > 0 {
        Movement::Release
    } else {
        Movement::Reserve
    };
    let identity = format!("{}/reserve", line.identity);
    let what = (movement, "Reserve");
    let reserve = SettlementLine::new(identity, line.place, what, held.money, day);
    SettlementLine {
        exact: held.exact,
        references: line.references.clone(),
        payout: line.payout.clone(),
        paid_on: line.paid_on,
        ..reserve
    }
}

/// What each type is. One that is not here is `Other`.
const MOVEMENTS: &[(&str, Movement)] = &[
    ("Charge", Movement::Charge),
    ("Capture", Movement::Charge),
    ("Partial Capture", Movement::Charge),
    ("Clearing Failed", Movement::Charge),
    ("Refund", Movement::Refund),
    ("Partial Refund", Movement::Refund),
    ("Invoice Settlement", Movement::Fee),
    ("Chargeback", Movement::Dispute),
    ("Security Deposit Reservation", Movement::Reserve),
    ("Security Deposit Release", Movement::Release),
    ("Adjustment", Movement::Adjustment),
    ("Cover Negative Position", Movement::Adjustment),
    ("Tiered Pricing Adjustment", Movement::Adjustment),
    ("Transaction Amount Discrepancy", Movement::Adjustment),
    ("Operational Funding Reservation", Movement::Transfer),
    ("Operational Funding Release", Movement::Transfer),
    ("Top Up", Movement::Transfer),
];

fn movement(kind: &str, gross: Money, net: Money) -> Movement {
    if gross.amount() == 0 && net.amount() != 0 {
        return Movement::Fee;
    }
    // `Chargeback (ADJM)`, `Chargeback (RPDW)` and others.
    let word = match kind.split_once(" (") {
        Some(("Chargeback", _)) => "Chargeback",
        _ => kind,
    };
    movements::either_way(MOVEMENTS, word, gross)
}
