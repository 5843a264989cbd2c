//! Account reports by ISO 20022: camt.052 (`BkToCstmrAcctRpt`), one statement per `Rpt`.
//!
//! What a bank knows of a day that is not over: a camt.053 of that day makes it superfluous. Some
//! reports of a day repeat the earlier ones, others go on where those ended, and nothing in them
//! tells: an interim balance (ITBD) closes a report only where opening + lines = closing holds with
//! it. How entries, details and balances are read stands in `iso20022.rs`, which all three share.

use super::iso20022::{self, REPORT};
use super::{ParseError, SettlementFormat, SettlementKind, Sink};
use serde::Deserialize;
use std::io::BufRead;

/// This format's registration.
pub const KIND: SettlementKind = SettlementKind::of::<Camt052>(
    "camt052",
    "ISO 20022 account report of a day that is not over, camt.052 (XML)",
    "{}",
);

/// No options.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct Camt052;

impl SettlementFormat for Camt052 {
    type Config = Config;

    const VERSION: i64 = 1;

    fn new(_config: Config) -> Self {
        Self
    }

    fn recognises(head: &str) -> bool {
        iso20022::recognises(&REPORT, head)
    }

    fn read(&self, input: &mut dyn BufRead, out: &mut dyn Sink) -> Result<(), ParseError> {
        iso20022::read(&REPORT, input, out)
    }
}
