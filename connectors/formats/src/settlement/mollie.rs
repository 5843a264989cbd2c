//! Mollie's settlements: the export as CSV, and the API's settlements or balance transactions as JSON.
//!
//! The export has a row per payment, refund and chargeback, and rows without an `ID` for what was
//! withheld of fees. Columns are matched by name, in English or Dutch; amounts are decimal major units
//! with a point, signed as the account holder sees them, and the sum of `Settlement amount` is what was
//! paid. The paid total itself is not in it: its statements have no balances. Rows have no name that
//! is theirs alone (a payment that fails later comes again): they are called by their settlement and
//! `ID`, counted where equal. What the status of a row is does not decide anything: a settlement lists
//! what it settled.
//!
//! A settlement of the API is a summary: revenue and costs by month and method, with four decimals.
//! Its lines are sums of many payments: revenue is therefore no charge but `Other`, and names no
//! payment. Each is rounded half-even and the exact amount kept; what the roundings leave within a
//! cent is a line named `rounding`, and together they must be the settlement's `amount`. One
//! without periods is one line that leaves the balance, once it is on its way. Days are those of
//! `settledAt` as written, which is in UTC. Refused is a status other than `open`, `pending`, `paidout`
//! and `failed`; an open one is interim.
//!
//! A balance transaction is a line under its own name, `resultAmount = initialAmount + deductions`,
//! where a deduction is negative; transfers to the bank are lines that leave the balance. An unknown
//! type passes as it is.

use super::batch::{self, Batch, Batches, Rounded};
use super::{ParseError, SettlementFormat, SettlementKind, Sink, movements};
use crate::read::counted::Repeats;
use crate::read::head::{begins_json, compact, has_columns, texts};
use crate::read::json::{Record, Records};
use crate::read::table::{Row, Table};
use crate::read::{amounts, closed};
use chrono::NaiveDate;
use ledger::{
    Basis, Currency, FeeKind, Money, MoneyError, Movement, Reference, ReferenceKind,
    SettlementLine, money,
};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::BufRead;

/// This format's registration.
pub const KIND: SettlementKind = SettlementKind::of::<Mollie>(
    "mollie",
    "Mollie settlements (export as CSV, API as JSON)",
    "account: mollie\n",
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
    "mollie".to_owned()
}

/// The format.
#[derive(Clone, Debug)]
pub struct Mollie {
    config: Config,
}

const ENGLISH: &[&str] = &["ID", "Settlement amount", "Settlement reference"];
const DUTCH: &[&str] = &["ID", "Uitbetalingsbedrag", "Uitbetalingsreferentie"];

impl SettlementFormat for Mollie {
    type Config = Config;

    const VERSION: i64 = 1;

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn recognises(head: &str) -> bool {
        if has_columns(head, ENGLISH) || has_columns(head, DUTCH) {
            return true;
        }
        let compact = compact(head);
        let first = texts(&compact, "resource").next();
        first.is_some_and(|resource| resource == SETTLEMENT || TRANSACTION.contains(&resource))
    }

    fn read(&self, input: &mut dyn BufRead, out: &mut dyn Sink) -> Result<(), ParseError> {
        if begins_json(input)? {
            self.read_api(input, out)
        } else {
            self.read_export(input, out)
        }
    }
}

const SETTLEMENT: &str = "settlement";
const TRANSACTION: &[&str] = &["balance_transaction", "balance-transaction"];

/// What is told of balance transactions whose last page names another one.
const GOES_ON: &str = "the list goes on (`_links.next`); put its next page behind it";

impl Mollie {
    fn read_export(&self, input: &mut dyn BufRead, out: &mut dyn Sink) -> Result<(), ParseError> {
        let mut table = Table::open(input, ',')?;
        let columns = Columns::find(&table)?;
        let mut settlements = Batches::<(String, Currency)>::default();
        let mut repeats = Repeats::default();
        while let Some(row) = table.next_whole()? {
            let line = columns.line(&row, &mut repeats)?;
            let key = (line.payout.clone(), line.net.currency());
            out.line(settlements.add(key, &line), line)?;
        }
        for ((id, _), settlement) in settlements {
            let number = settlement.number;
            let statement = settlement.close(&self.config.account, batch::named(&id), None);
            out.statement(number, statement)?;
        }
        Ok(())
    }

    fn read_api(&self, input: &mut dyn BufRead, out: &mut dyn Sink) -> Result<(), ParseError> {
        let takes = &["_embedded", "settlements", "balance_transactions"];
        let mut records = Records::new(input, takes);
        let mut statements = 0;
        let mut balances = BTreeMap::<Currency, Batch>::new();
        let mut goes_on = false;
        while let Some(record) = records.next_record()? {
            let value: Value = record.read()?;
            let Some(resource) = value.get("resource").and_then(Value::as_str) else {
                let next = value.get("_links").and_then(|links| links.get("next"));
                goes_on = next.map_or(goes_on, |next| !next.is_null());
                continue;
            };
            if resource == SETTLEMENT {
                let settlement: Settlement = record.read()?;
                settlement.read(&record, &self.config.account, statements, out)?;
                statements += 1;
            } else if TRANSACTION.contains(&resource) {
                let transaction: Transaction = record.read()?;
                let line = transaction.line(&record)?;
                let currency = line.net.currency();
                let balance = balances.entry(currency).or_insert_with(|| {
                    statements += 1;
                    Batch::new(statements - 1, currency)
                });
                balance.add(&line);
                out.line(balance.number, line)?;
            } else {
                let what = format!("`{resource}` stands where a settlement is expected");
                return Err(record.error(&what));
            }
        }
        for mut balance in balances.into_values() {
            if goes_on {
                balance.contradict(GOES_ON.to_owned());
            }
            let number = balance.number;
            out.statement(
                number,
                balance.close(&self.config.account, "activity", None),
            )?;
        }
        Ok(())
    }
}

/// Where the export's columns stand.
struct Columns {
    date: usize,
    id: usize,
    status: Option<usize>,
    description: Option<usize>,
    payer: Option<usize>,
    amount: usize,
    currency: usize,
    settled: usize,
    settled_currency: usize,
    settlement: usize,
}

impl Columns {
    fn find(table: &Table<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            date: table.need(&["Date", "Datum"])?,
            id: table.need(&["ID"])?,
            status: table.column(&["Status"]),
            description: table.column(&["Description", "Omschrijving"]),
            payer: table.column(&["Consumer name", "Naam consument"]),
            amount: table.need(&["Amount", "Bedrag"])?,
            currency: table.need(&["Currency", "Valuta"])?,
            settled: table.need(&["Settlement amount", "Uitbetalingsbedrag"])?,
            settled_currency: table.need(&["Settlement currency", "Uitbetalingsvaluta"])?,
            settlement: table.need(&["Settlement reference", "Uitbetalingsreferentie"])?,
        })
    }

    fn line(&self, row: &Row<'_>, repeats: &mut Repeats) -> Result<SettlementLine, ParseError> {
        let currency = row.currency(self.settled_currency)?;
        row.need(self.settled)?;
        let net = row.money(self.settled, currency)?;
        let day = row.day(self.date)?;
        let day = day.ok_or_else(|| row.error(self.date, "is empty"))?;
        let (id, settlement) = (row.text(self.id), row.text(self.settlement));
        let name = if id.is_empty() { "fees" } else { id };
        let identity = repeats.name(format!("{settlement}/{name}"));
        let (movement, kind, reference) = by_prefix(id, net);
        let status = row.optional(self.status);
        let word = if status.is_empty() { kind } else { status };
        let mut line = SettlementLine::new(identity, row.place, (movement, word), net, day);
        line.references = Reference::of(reference, id).into_iter().collect();
        settlement.clone_into(&mut line.payout);
        row.optional(self.payer).clone_into(&mut line.counterparty);
        row.optional(self.description)
            .clone_into(&mut line.description);
        if !row.text(self.currency).is_empty() && row.currency(self.currency)? != currency {
            line.original = Some(row.money(self.amount, row.currency(self.currency)?)?);
        }
        Ok(line)
    }
}

/// What a name of Mollie's is by its prefix. A row without one is of fees.
fn by_prefix(id: &str, net: Money) -> (Movement, &'static str, ReferenceKind) {
    let prefix = id.split_once('_').map_or(id, |(prefix, _)| prefix);
    let back = net.amount() > 0;
    match prefix {
        "" => (Movement::Fee, "fees", ReferenceKind::Batch),
        "tr" => (Movement::Charge, "payment", ReferenceKind::Charge),
        "cpt" => (Movement::Charge, "capture", ReferenceKind::Charge),
        "re" => (Movement::Refund, "refund", ReferenceKind::Refund),
        "chb" if back => (
            Movement::DisputeReversal,
            "chargeback",
            ReferenceKind::Dispute,
        ),
        "chb" => (Movement::Dispute, "chargeback", ReferenceKind::Dispute),
        _ => (Movement::Other, "other", ReferenceKind::Charge),
    }
}

/// An amount of the API.
#[derive(Debug, Deserialize)]
struct Amount {
    currency: String,
    value: String,
}

impl Amount {
    fn rounded(&self) -> Result<Rounded, MoneyError> {
        let currency = amounts::currency(&self.currency)?;
        Rounded::of(money::parse_decimal(&self.value)?, currency)
    }

    fn money(&self) -> Result<Money, MoneyError> {
        Money::parse(&self.value, amounts::currency(&self.currency)?)
    }
}

/// A settlement of the API.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settlement {
    id: String,
    reference: Option<String>,
    status: String,
    amount: Amount,
    created_at: Option<String>,
    settled_at: Option<String>,
    #[serde(default)]
    periods: BTreeMap<String, BTreeMap<String, Period>>,
}

/// A month of a settlement.
#[derive(Debug, Deserialize)]
struct Period {
    #[serde(default)]
    revenue: Vec<Total>,
    #[serde(default)]
    costs: Vec<Total>,
}

/// What a month had of one method.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Total {
    description: String,
    method: Option<String>,
    amount_vat: Option<Amount>,
    amount_gross: Amount,
}

/// What all lines of a settlement share.
struct Shared<'s> {
    settlement: &'s Settlement,
    record: &'s Record,
    currency: Currency,
    payout: String,
    day: NaiveDate,
    paid_on: Option<NaiveDate>,
}

impl Settlement {
    fn read(
        &self,
        record: &Record,
        account: &str,
        number: usize,
        out: &mut dyn Sink,
    ) -> Result<(), ParseError> {
        let statuses = ["open", "pending", "paidout", "failed"].map(|status| (status, ()));
        closed::one_of_at(record.place.line, "status", &self.status, &statuses)?;
        let refused = |error: MoneyError| record.error(&format!("amount: {error}"));
        let paid = self.amount.money().map_err(refused)?;
        let name = self.reference.as_deref().unwrap_or(&self.id);
        let is_open = self.status == "open";
        let shared = self.shared(record, paid.currency(), if is_open { "" } else { name })?;
        let mut batch = Batch::new(number, paid.currency());
        batch.day(shared.day);
        let mut repeats = Repeats::default();
        for (year, months) in &self.periods {
            for (month, period) in months {
                batch.day(first_of(record, year, month)?);
                let revenue = period.revenue.iter().map(|total| (total, true));
                let costs = period.costs.iter().map(|total| (total, false));
                for (total, is_revenue) in revenue.chain(costs) {
                    let title = format!("{year}-{month}");
                    let line = shared.total(total, &title, is_revenue, &mut repeats)?;
                    batch.add(&line);
                    out.line(number, line)?;
                }
            }
        }
        let closing = batch.has_lines.then_some(paid);
        if let Some(line) = shared.last(&batch, paid) {
            batch.add(&line);
            out.line(number, line)?;
        }
        let mut statement = batch.close(account, name, closing);
        if is_open {
            statement.basis = Basis::Interim;
        }
        out.statement(number, statement)
    }

    fn shared<'s>(
        &'s self,
        record: &'s Record,
        currency: Currency,
        payout: &str,
    ) -> Result<Shared<'s>, ParseError> {
        let settled = self.settled_at.as_deref();
        let settled = settled
            .map(|time| record.day("settledAt", time))
            .transpose()?;
        let made = self.created_at.as_deref();
        let made = made.map(|time| record.day("createdAt", time)).transpose()?;
        let months = self.periods.iter().next_back();
        let month = months.and_then(|(year, months)| Some((year, months.keys().next_back()?)));
        let month = month.map(|(year, month)| first_of(record, year, month));
        let day = settled.or(made).or(month.transpose()?);
        Ok(Shared {
            settlement: self,
            record,
            currency,
            payout: payout.to_owned(),
            day: day.ok_or_else(|| record.error("settledAt and createdAt are missing"))?,
            paid_on: settled.filter(|_| self.status == "paidout"),
        })
    }
}

impl Shared<'_> {
    fn total(
        &self,
        total: &Total,
        month: &str,
        is_revenue: bool,
        repeats: &mut Repeats,
    ) -> Result<SettlementLine, ParseError> {
        let refused = |error: MoneyError| {
            let what = format!("`{}` of {month}: {error}", total.description);
            self.record.error(&what)
        };
        let amount = total.amount_gross.rounded().map_err(refused)?;
        if amount.money.currency() != self.currency {
            let what = format!("`{}` of {month} is of another currency", total.description);
            return Err(self.record.error(&what));
        }
        let title = if is_revenue { "revenue" } else { "costs" };
        let method = total.method.as_deref().unwrap_or("other");
        let name = &self.settlement.id;
        let identity = format!("{name}/{month}/{title}/{method}/{}", total.description);
        let (movement, sign) = if is_revenue {
            (Movement::Other, 1)
        } else {
            (Movement::Fee, -1)
        };
        let net = Money::minor(sign * amount.money.amount(), self.currency);
        let kind = format!("{title} {method}");
        let identity = repeats.name(identity);
        let mut line = self.line(identity, (movement, &kind), net);
        line.exact = amount.exact.map(|exact| exact * Decimal::from(sign));
        line.description = format!("{} {month}", total.description);
        if !is_revenue {
            line.gross = Money::minor(0, self.currency);
            line.fee = amount.money;
            let vat = total.amount_vat.as_ref().map(Amount::rounded).transpose();
            let vat = vat.map_err(refused)?.map_or(0, |vat| vat.money.amount());
            let own = (FeeKind::Processor, line.fee.amount() - vat);
            line.fees = batch::fee_parts(line.fee, &[own, (FeeKind::Tax, vat)]);
        }
        Ok(line)
    }

    /// What roundings left; or all of it, where nothing says what is in it.
    fn last(&self, batch: &Batch, paid: Money) -> Option<SettlementLine> {
        let name = &self.settlement.id;
        if batch.has_lines {
            let identity = format!("{name}/rounding");
            let slack = Decimal::new(1, self.currency.exponent());
            let line = batch.rounding(identity, self.record.place, paid, slack)?;
            return Some(self.line(line.identity, (line.movement, "rounding"), line.net));
        }
        if ["open", "failed"].contains(&self.settlement.status.as_str()) {
            return None;
        }
        let left = Money::minor(-paid.amount(), self.currency);
        Some(self.line(name.clone(), (Movement::Payout, SETTLEMENT), left))
    }

    fn line(&self, identity: String, what: (Movement, &str), net: Money) -> SettlementLine {
        let line = SettlementLine::new(identity, self.record.place, what, net, self.day);
        let reference = Reference::of(ReferenceKind::Batch, &self.settlement.id);
        SettlementLine {
            references: reference.into_iter().collect(),
            payout: self.payout.clone(),
            paid_on: self.paid_on,
            ..line
        }
    }
}

fn first_of(record: &Record, year: &str, month: &str) -> Result<NaiveDate, ParseError> {
    record.day("periods", &format!("{year}-{month}-01"))
}

/// A balance transaction of the API.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Transaction {
    id: String,
    #[serde(rename = "type")]
    word: String,
    result_amount: Amount,
    initial_amount: Amount,
    deductions: Option<Amount>,
    created_at: String,
    #[serde(default)]
    context: Value,
}

impl Transaction {
    fn line(&self, record: &Record) -> Result<SettlementLine, ParseError> {
        let of = |field: &str, amount: &Amount| {
            let told = |error: MoneyError| record.error(&format!("{field}: {error}"));
            amount.money().map_err(told)
        };
        let net = of("resultAmount", &self.result_amount)?;
        let gross = of("initialAmount", &self.initial_amount)?;
        let deducted = self.deductions.as_ref();
        let deducted = deducted
            .map(|amount| of("deductions", amount))
            .transpose()?;
        let deducted = deducted.unwrap_or_else(|| Money::minor(0, net.currency()));
        if [gross, deducted]
            .iter()
            .any(|money| money.currency() != net.currency())
        {
            return Err(record.error("its amounts are of different currencies"));
        }
        let day = record.day("createdAt", &self.created_at)?;
        let movement = movements::either_way(MOVEMENTS, &self.word, net);
        let what = (movement, self.word.as_str());
        let mut line = SettlementLine::new(self.id.clone(), record.place, what, net, day);
        line.gross = gross;
        line.fee = Money::minor(-deducted.amount(), net.currency());
        let names = [
            ("refundId", ReferenceKind::Refund),
            ("chargebackId", ReferenceKind::Dispute),
            ("captureId", ReferenceKind::Charge),
            ("paymentId", ReferenceKind::Charge),
            ("settlementId", ReferenceKind::Batch),
            ("transferId", ReferenceKind::Batch),
        ];
        let names = names.into_iter();
        line.references = names
            .filter_map(|(key, kind)| Reference::of(kind, self.context(key)?))
            .collect();
        if line.movement == Movement::Payout {
            line.payout = line.reference().to_owned();
            line.paid_on = Some(day);
        }
        Ok(line)
    }

    /// A name in the context, which stands there or under the transaction's type.
    fn context(&self, key: &str) -> Option<&str> {
        let inside = || {
            let parts = self.context.as_object()?.values();
            parts.into_iter().find_map(|part| part.get(key))
        };
        self.context.get(key).or_else(inside)?.as_str()
    }
}

/// What each type of balance transaction is. One that is not here is `Other`.
const MOVEMENTS: &[(&str, Movement)] = &[
    ("payment", Movement::Charge),
    ("capture", Movement::Charge),
    ("failed-payment", Movement::Charge),
    ("unauthorized-direct-debit", Movement::Charge),
    ("refund", Movement::Refund),
    ("returned-refund", Movement::Refund),
    ("chargeback", Movement::Dispute),
    ("chargeback-reversal", Movement::DisputeReversal),
    ("outgoing-transfer", Movement::Payout),
    ("canceled-outgoing-transfer", Movement::PayoutFailure),
    ("returned-transfer", Movement::PayoutFailure),
    ("incoming-transfer", Movement::Transfer),
    ("invoice-compensation", Movement::Fee),
    ("payment-fee", Movement::Fee),
    ("failed-payment-fee", Movement::Fee),
    ("reimbursement-fee", Movement::Fee),
    ("bank-charged-failure-fee", Movement::Fee),
    ("application-fee", Movement::Fee),
    ("balance-correction", Movement::Adjustment),
    ("capture-rolling-reserve-release", Movement::Release),
    ("api-payment-rolling-reserve-release", Movement::Release),
    ("split-payment", Movement::Transfer),
];
