//! Stripe's payout reconciliation report, itemised: CSV, columns matched by name.
//!
//! Amounts are decimal major units, signed (a refund is negative); `net = gross - fee`. Merchants
//! choose and reorder columns, and real files mix `USD` with `usd`. Days are those of `created_utc`, or
//! where that is left out those of `created`, in the report's own zone. Lines are grouped by
//! `automatic_payout_id` into one statement per payout, though it may be told with two days; where
//! the payout's own row is there, its net must equal the sum of its lines. Lines without a payout are
//! a statement of what is still to come, per balance where `balance_type` tells; they come again
//! under the same identity with their payout.
//!
//! Of a payout by hand (or an instant one) Stripe does not tell what is in it: its row has no
//! `automatic_payout_id`, and is a line itself that leaves the balance. A category that nobody knows
//! passes as it is. Refused are a currency that nobody knows, and more digits than it has.

use super::batch::{Batch, UNPAID};
use super::stripe_table::{Columns, unpaid};
use super::{ParseError, SettlementFormat, SettlementKind, Sink};
use crate::read::head::has_columns;
use crate::read::table::Table;
use ledger::{Currency, Money, Movement};
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
    /// Further columns in which our own name of a payment stands, `payment_metadata[basket]`.
    #[serde(default)]
    pub own_names: Vec<String>,
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

    const VERSION: i64 = 4;

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn recognises(head: &str) -> bool {
        let columns = ["balance_transaction_id", "reporting_category", "gross"];
        has_columns(head, &columns) && has_columns(head, &["automatic_payout_id"])
    }

    fn read(&self, input: &mut dyn BufRead, out: &mut dyn Sink) -> Result<(), ParseError> {
        let mut table = Table::open(input, ',')?;
        let columns = Columns::find(&table, &self.config.own_names)?;
        let mut payouts = BTreeMap::<Key, Payout>::new();
        while let Some(row) = table.next_whole()? {
            let line = columns.line(&row)?;
            let currency = line.net.currency();
            let by_hand = line.movement == Movement::Payout && !columns.has_payout(&row);
            let key = if by_hand || line.payout.is_empty() {
                (String::new(), columns.balance(&row).to_owned(), currency)
            } else {
                (line.payout.clone(), String::new(), currency)
            };
            let next = payouts.len();
            let payout = payouts.entry(key).or_insert_with(|| Payout {
                batch: Batch::new(next, currency),
                paid: None,
            });
            if line.movement == Movement::Payout && !by_hand {
                payout.batch.days(&line);
                payout.pay(line.net.amount().abs());
                continue;
            }
            payout.batch.add(&line);
            out.line(payout.batch.number, line)?;
        }
        for ((id, balance, _), payout) in payouts {
            let identity = if id.is_empty() {
                unpaid(UNPAID, &balance)
            } else {
                id
            };
            let paid = payout.paid();
            let number = payout.batch.number;
            let statement = payout.batch.close(&self.config.account, &identity, paid);
            out.statement(number, statement)?;
        }
        Ok(())
    }
}

/// A payout, a balance of what is not paid out, and a currency.
type Key = (String, String, Currency);

/// The lines of a payout, and what its own row says.
#[derive(Debug)]
struct Payout {
    batch: Batch,
    paid: Option<i64>,
}

impl Payout {
    fn pay(&mut self, amount: i64) {
        let before = *self.paid.get_or_insert(amount);
        if before != amount {
            let told = "its payout has two rows with different amounts".to_owned();
            self.batch.contradict(told);
        }
    }

    /// The payout empties the balance that its lines built up; its row has either sign.
    fn paid(&self) -> Option<Money> {
        let paid = self.paid?;
        let signed = if self.batch.total() < 0 { -paid } else { paid };
        Some(Money::minor(signed, self.batch.currency))
    }
}
