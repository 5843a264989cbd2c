//! PayPal's transaction detail report (TRR): every transaction of a day, whether it moved a balance or
//! not.
//!
//! Its records, signs and identities are those of [`super::paypal_records`]; its own column is
//! `Transactional Status`. A success (`S`) and what was a success and is reversed (`V`: the reversal is
//! a row of its own) moved money; what is pending or denied (`P`, `D`) did not and is left out, as are
//! authorizations (T13) and what is for display only (T98). Any other status refuses the file.
//!
//! The settlement report repeats these rows under the same transaction ids and says the balances: this
//! one is a notice. Its footers total also what did not move, in ways that PayPal does not tell in
//! public; only the count of rows is proven.

use super::paypal_records::{Config, Report, read, report};
use super::{ParseError, SettlementFormat, SettlementKind, Sink};
use std::io::BufRead;

/// This format's registration.
pub const KIND: SettlementKind = SettlementKind::of::<PayPalTrr>(
    "paypal_trr",
    "PayPal transaction detail report, TRR (CSV)",
    "account: paypal\n",
);

/// The format.
#[derive(Clone, Debug)]
pub struct PayPalTrr {
    config: Config,
}

impl SettlementFormat for PayPalTrr {
    type Config = Config;

    const VERSION: i64 = 1;

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn recognises(head: &str) -> bool {
        report(head) == Some(Report::Detail)
    }

    fn read(&self, input: &mut dyn BufRead, out: &mut dyn Sink) -> Result<(), ParseError> {
        read(&self.config, Report::Detail, input, out)
    }
}
