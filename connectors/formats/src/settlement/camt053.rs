//! Bank statements by ISO 20022: camt.053 (`BkToCstmrStmt`), one statement per `Stmt`.
//!
//! The account's final word on days that are over: opening + lines = closing is checked. How
//! entries, details and balances are read stands in `iso20022.rs`, which all three share.

use super::iso20022::{self, STATEMENT};
use super::{ParseError, SettlementFormat, SettlementKind, Sink};
use serde::Deserialize;
use std::io::BufRead;

/// This format's registration.
pub const KIND: SettlementKind =
    SettlementKind::of::<Camt053>("camt053", "ISO 20022 bank statement, camt.053 (XML)", "{}");

/// No options.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct Camt053;

impl SettlementFormat for Camt053 {
    type Config = Config;

    const VERSION: i64 = 4;

    fn new(_config: Config) -> Self {
        Self
    }

    fn recognises(head: &str) -> bool {
        iso20022::recognises(&STATEMENT, head)
    }

    fn read(&self, input: &mut dyn BufRead, out: &mut dyn Sink) -> Result<(), ParseError> {
        iso20022::read(&STATEMENT, input, out)
    }
}
