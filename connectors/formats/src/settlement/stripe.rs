//! Stripe's payout reconciliation report, itemised: CSV, columns matched by name.
//!
//! Amounts are decimal major units, signed (a refund is negative); `net = gross - fee`. Merchants
//! choose and reorder columns, and real files mix `USD` with `usd`. Lines are grouped by
//! `automatic_payout_id` into one statement per payout; where the payout's own row is there, its net
//! must equal the sum of its lines. Lines without a payout are a statement of what is still to come.

use super::{ParseError, SettlementFormat, SettlementKind, Sink};
use crate::read::table::{Row, Table};
use chrono::NaiveDate;
use ledger::{
    Basis, Currency, Money, Movement, Origin, Reference, ReferenceKind, SettlementLine, Statement,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::BufRead;

/// This format's registration.
pub const KIND: SettlementKind = SettlementKind::of::<Stripe>(
    "stripe",
    "Stripe payout reconciliation, itemised (CSV)",
    "account: stripe\n",
);

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What the account is called here. All balances of one Stripe account are one account;
    /// transaction ids are unique in it.
    #[serde(default = "default_account")]
    pub account: String,
}

fn default_account() -> String {
    "stripe".to_owned()
}

/// The format.
#[derive(Clone, Debug)]
pub struct Stripe {
    config: Config,
}

impl SettlementFormat for Stripe {
    type Config = Config;

    const VERSION: i64 = 3;

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn recognises(head: &str) -> bool {
        let first = head.lines().next().unwrap_or_default();
        ["balance_transaction_id", "reporting_category", "gross"]
            .iter()
            .all(|column| {
                first
                    .split(',')
                    .any(|found| found.trim_matches('"') == *column)
            })
    }

    fn read(&self, input: &mut dyn BufRead, out: &mut dyn Sink) -> Result<(), ParseError> {
        let mut table = Table::open(input, b',')?;
        let columns = Columns::find(&table)?;
        let mut groups = BTreeMap::<(String, Currency), Group>::new();
        while let Some(row) = table.next_row()? {
            let line = columns.line(&row)?;
            let key = (line.payout.clone(), line.net.currency());
            let next = groups.len();
            let group = groups.entry(key).or_insert_with(|| Group::new(next));
            group.days(&line);
            if line.movement == Movement::Payout {
                group.paid = Some(line.net.amount().abs());
                continue;
            }
            if line.gross.amount() - line.fee.amount() != line.net.amount() {
                let told = format!("net of `{}` is not gross less fee", line.identity);
                group.contradictions.push(told);
            }
            group.total = group.total.saturating_add(line.net.amount());
            out.line(group.number, line)?;
        }
        for ((payout, currency), group) in groups {
            let number = group.number;
            out.statement(number, group.close(&self.config.account, &payout, currency))?;
        }
        Ok(())
    }
}

/// The lines of a payout, summed.
#[derive(Debug)]
struct Group {
    number: usize,
    from: NaiveDate,
    to: NaiveDate,
    total: i64,
    paid: Option<i64>,
    contradictions: Vec<String>,
}

impl Group {
    const fn new(number: usize) -> Self {
        Self {
            number,
            from: NaiveDate::MAX,
            to: NaiveDate::MIN,
            total: 0,
            paid: None,
            contradictions: Vec::new(),
        }
    }

    fn days(&mut self, line: &SettlementLine) {
        for day in [Some(line.booked_on), line.paid_on].into_iter().flatten() {
            (self.from, self.to) = (self.from.min(day), self.to.max(day));
        }
    }

    fn close(self, account: &str, payout: &str, currency: Currency) -> Statement {
        // The payout empties the balance that its lines built up; its row has either sign.
        let signed = self
            .paid
            .map(|paid| if self.total < 0 { -paid } else { paid });
        Statement {
            origin: Origin::Processor,
            account: account.to_owned(),
            identity: if payout.is_empty() {
                "not paid out yet".into()
            } else {
                payout.into()
            },
            currency,
            opening: signed.map(|_| Money::minor(0, currency)),
            closing: signed.map(|paid| Money::minor(paid, currency)),
            from: self.from,
            to: self.to,
            basis: Basis::Final,
            sequence: None,
            page: None,
            made_on: None,
            lines: Vec::new(),
            contradictions: self.contradictions,
        }
    }
}

/// Where the columns stand.
struct Columns {
    id: usize,
    currency: usize,
    gross: usize,
    fee: usize,
    net: usize,
    category: usize,
    created: usize,
    source: Option<usize>,
    payout: Option<usize>,
    effective: Option<usize>,
    description: Option<usize>,
}

impl Columns {
    fn find(table: &Table<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            id: table.need(&["balance_transaction_id"])?,
            currency: table.need(&["currency"])?,
            gross: table.need(&["gross"])?,
            fee: table.need(&["fee"])?,
            net: table.need(&["net"])?,
            category: table.need(&["reporting_category"])?,
            created: table.need(&["created_utc", "created"])?,
            source: table.column(&["source_id"]),
            payout: table.column(&["automatic_payout_id"]),
            effective: table.column(&[
                "automatic_payout_effective_at_utc",
                "automatic_payout_effective_at",
            ]),
            description: table.column(&["description"]),
        })
    }

    fn line(&self, row: &Row<'_>) -> Result<SettlementLine, ParseError> {
        let identity = row.need(self.id)?.to_owned();
        let currency = row.currency(self.currency)?;
        let net = row.money(self.net, currency)?;
        let category = row.need(self.category)?;
        let created = row.day(self.created)?;
        let booked_on = created.ok_or_else(|| row.error(self.created, "is empty"))?;
        let paid_on = match self.effective {
            Some(at) => row.day(at)?,
            None => None,
        };
        let reference = Reference::of(ReferenceKind::Charge, row.optional(self.source));
        Ok(SettlementLine {
            references: reference.into_iter().collect(),
            payout: row.optional(self.payout).to_owned(),
            gross: row.money(self.gross, currency)?,
            fee: row.money(self.fee, currency)?,
            paid_on,
            description: row.optional(self.description).to_owned(),
            ..SettlementLine::new(
                identity,
                row.place,
                (movement(category, net), category),
                net,
                booked_on,
            )
        })
    }
}

/// What each of Stripe's reporting categories is. One that is not here is `Other`.
const MOVEMENTS: &[(&str, Movement)] = &[
    ("charge", Movement::Charge),
    ("charge_failure", Movement::Charge),
    ("partial_capture_reversal", Movement::Charge),
    ("refund", Movement::Refund),
    ("refund_failure", Movement::Refund),
    ("dispute", Movement::Dispute),
    ("dispute_reversal", Movement::DisputeReversal),
    ("fee", Movement::Fee),
    ("network_cost", Movement::Fee),
    ("platform_fee", Movement::Fee),
    ("stripe_fee", Movement::Fee),
    ("platform_earning", Movement::Other),
    ("platform_earning_refund", Movement::Other),
    ("tax", Movement::Tax),
    ("stripe_fee_tax", Movement::Tax),
    ("payout", Movement::Payout),
    ("payout_failure", Movement::PayoutFailure),
    ("payout_reversal", Movement::PayoutFailure),
    ("connect_reserved_funds", Movement::Reserve),
    ("risk_reserved_funds", Movement::Reserve),
    ("payment_network_reserved_funds", Movement::Reserve),
    ("minimum_balance_hold", Movement::Reserve),
    ("issuing_authorization_hold", Movement::Reserve),
    ("issuing_authorization_release", Movement::Release),
    ("transfer", Movement::Transfer),
    ("transfer_reversal", Movement::Transfer),
    ("topup", Movement::Transfer),
    ("topup_reversal", Movement::Transfer),
    ("connect_collection_transfer", Movement::Transfer),
    ("other_adjustment", Movement::Adjustment),
    ("currency_conversion", Movement::Adjustment),
    ("unreconciled_customer_funds", Movement::Adjustment),
];

fn movement(category: &str, net: Money) -> Movement {
    let found = MOVEMENTS.iter().find(|(name, _)| *name == category);
    match found.map_or(Movement::Other, |(_, movement)| *movement) {
        // One category stands for both ways: what is held back is taken, what is free comes back.
        Movement::Reserve if net.amount() > 0 => Movement::Release,
        movement => movement,
    }
}
