//! Stripe's payout reconciliation report, itemised: CSV, columns matched by name.
//!
//! Amounts are decimal major units, signed (a refund is negative); `net = gross - fee`. Merchants
//! choose and reorder columns, and real files mix `USD` with `usd`. Lines are grouped by
//! `automatic_payout_id` into one statement per payout; where the payout's own row is there, its net
//! must equal the sum of its lines. Lines without a payout are a statement of what is still to come.

use super::{ParseError, SettlementFormat, SettlementKind};
use crate::read::csv::line as csv_line;
use crate::read::what;
use chrono::NaiveDate;
use csv::StringRecord;
use ledger::{Currency, Money, Movement, Origin, SettlementLine, Statement};
use serde::Deserialize;
use std::collections::BTreeMap;

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

    const VERSION: i64 = 2;

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

    fn parse(&self, text: &str) -> Result<Vec<Statement>, ParseError> {
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .from_reader(text.as_bytes());
        let header = reader.headers().map_err(|error| broken(&error))?.clone();
        let columns = Columns::find(&header).map_err(|missing| {
            let what = what::describe(text.as_bytes());
            ParseError::new(
                1,
                format!("{missing} missing; add what is missing to the report. This is {what}"),
            )
        })?;
        let mut groups = BTreeMap::<(String, Currency), Group>::new();
        for record in reader.records() {
            let record = record.map_err(|error| broken(&error))?;
            let line_no = csv_line(&record, text);
            let line = columns.line(&record, line_no)?;
            let key = (line.payout.clone(), line.net.currency());
            let group = groups.entry(key).or_default();
            if line.movement == Movement::Payout {
                group.payout = Some(line);
            } else {
                group.lines.push(line);
            }
        }
        Ok(groups
            .into_iter()
            .map(|((payout, currency), group)| group.close(&self.config.account, &payout, currency))
            .collect())
    }
}

#[derive(Debug, Default)]
struct Group {
    payout: Option<SettlementLine>,
    lines: Vec<SettlementLine>,
}

impl Group {
    fn close(self, account: &str, payout: &str, currency: Currency) -> Statement {
        let days = self
            .lines
            .iter()
            .chain(&self.payout)
            .flat_map(|line| [Some(line.booked_on), line.paid_on])
            .flatten();
        let (from, to) = days.fold((NaiveDate::MAX, NaiveDate::MIN), |(from, to), day| {
            (from.min(day), to.max(day))
        });
        let mut contradictions = Vec::new();
        for line in &self.lines {
            if line.gross.amount() - line.fee.amount() != line.net.amount() {
                contradictions.push(format!("net of `{}` is not gross less fee", line.identity));
            }
        }
        let zero = Money::minor(0, currency);
        // The payout empties the balance that its lines built up; its row has either sign.
        let paid = self.payout.as_ref().map(|line| line.net.amount().abs());
        let total = self
            .lines
            .iter()
            .fold(0, |sum: i64, line| sum.saturating_add(line.net.amount()));
        let signed = paid.map(|paid| if total < 0 { -paid } else { paid });
        Statement {
            origin: Origin::Processor,
            account: account.to_owned(),
            identity: if payout.is_empty() {
                "not paid out yet".into()
            } else {
                payout.into()
            },
            currency,
            opening: signed.map(|_| zero),
            closing: signed.map(|paid| Money::minor(paid, currency)),
            from,
            to,
            lines: self.lines,
            contradictions,
        }
    }
}

fn broken(error: &csv::Error) -> ParseError {
    ParseError::new(
        error.position().map_or(0, csv::Position::line),
        error.to_string(),
    )
}

/// The columns that a report must have, each with what it was called before.
const NEEDED: &[&[&str]] = &[
    &["balance_transaction_id"],
    &["currency"],
    &["gross"],
    &["fee"],
    &["net"],
    &["reporting_category"],
    &["created_utc", "created"],
];

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
    /// Where the columns stand, or which are missing.
    fn find(header: &StringRecord) -> Result<Self, String> {
        let at = |name: &str| header.iter().position(|column| column.trim() == name);
        let missing: Vec<String> = NEEDED
            .iter()
            .filter(|names| !names.iter().any(|name| at(name).is_some()))
            .filter_map(|names| Some(format!("`{}`", names.first()?)))
            .collect();
        let told = || match missing.as_slice() {
            [one] => format!("the column {one} is"),
            several => format!("the columns {} are", several.join(", ")),
        };
        let need = |name: &str| at(name).ok_or_else(told);
        let created = at("created_utc").or_else(|| at("created"));
        Ok(Self {
            id: need("balance_transaction_id")?,
            currency: need("currency")?,
            gross: need("gross")?,
            fee: need("fee")?,
            net: need("net")?,
            category: need("reporting_category")?,
            created: created.map_or_else(|| need("created_utc"), Ok)?,
            source: at("source_id"),
            payout: at("automatic_payout_id"),
            effective: at("automatic_payout_effective_at_utc")
                .or_else(|| at("automatic_payout_effective_at")),
            description: at("description"),
        })
    }

    fn line(&self, record: &StringRecord, line: u64) -> Result<SettlementLine, ParseError> {
        let field = |at: usize| record.get(at).unwrap_or_default().trim();
        let optional = |at: Option<usize>| at.map(field).unwrap_or_default();
        let identity = field(self.id);
        for (name, text) in [
            ("balance_transaction_id", identity),
            ("reporting_category", field(self.category)),
        ] {
            if text.is_empty() {
                return Err(ParseError::new(line, format!("{name} is empty")));
            }
        }
        let currency = Currency::from_code(&field(self.currency).to_ascii_uppercase())
            .map_err(|error| ParseError::money(line, "currency", &error))?;
        let money = |name: &str, at: usize| {
            Money::parse(field(at), currency).map_err(|error| ParseError::money(line, name, &error))
        };
        let effective = optional(self.effective);
        let paid_on = if effective.is_empty() {
            None
        } else {
            Some(day(effective, line)?)
        };
        let net = money("net", self.net)?;
        Ok(SettlementLine {
            identity: identity.to_owned(),
            position: i64::try_from(line).unwrap_or(0),
            movement: movement(field(self.category), net),
            kind: field(self.category).to_owned(),
            reference: optional(self.source).to_owned(),
            payout: optional(self.payout).to_owned(),
            gross: money("gross", self.gross)?,
            fee: money("fee", self.fee)?,
            net,
            booked_on: day(field(self.created), line)?,
            paid_on,
            description: optional(self.description).to_owned(),
            raw: Some(record.iter().collect::<Vec<_>>().join(",")),
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

fn day(text: &str, line: u64) -> Result<NaiveDate, ParseError> {
    let first = text.get(..10).unwrap_or(text);
    first.parse().map_err(|_bad| {
        ParseError::new(
            line,
            format!("`{text}` is no time; expected 2026-01-31 10:00:00"),
        )
    })
}
