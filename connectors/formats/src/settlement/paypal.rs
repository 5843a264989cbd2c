//! PayPal's settlement report (STL): what moved a balance, from one end of the day to the other.
//!
//! Its records, signs and identities are those of [`super::paypal_records`]. Each currency of a
//! section is a statement with its beginning and ending available balance, which stand in the footers:
//! currency, gross credits, gross debits, two fee totals, then balances as pairs of sign and amount.
//! Footers are proven against rows; sources contradict each other on which of the two fee totals is
//! credits, so either order will do. What does not hold, and a row count that is wrong, is a
//! contradiction. A currency that was converted away may lack its footer: it has no balances then. A
//! report in several files has footers that speak of all of them: they are not held against one.
//!
//! A withdrawal to the bank (T04) is a line, as on a bank account, and a payout of its own name.

use super::paypal_records::{Config, Report, read, report};
use super::{ParseError, SettlementFormat, SettlementKind, Sink};
use std::io::BufRead;

/// This format's registration.
pub const KIND: SettlementKind = SettlementKind::of::<PayPal>(
    "paypal",
    "PayPal settlement report, STL (CSV)",
    "account: paypal\n",
);

/// The format.
#[derive(Clone, Debug)]
pub struct PayPal {
    config: Config,
}

impl SettlementFormat for PayPal {
    type Config = Config;

    const VERSION: i64 = 1;

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn recognises(head: &str) -> bool {
        report(head) == Some(Report::Settlement)
    }

    fn read(&self, input: &mut dyn BufRead, out: &mut dyn Sink) -> Result<(), ParseError> {
        read(&self.config, Report::Settlement, input, out)
    }
}
