//! Notices of single movements by ISO 20022: camt.054 (`BkToCstmrDbtCdtNtfctn`), one statement per
//! `Ntfctn`.
//!
//! A notice has no balances, and a statement repeats its entries; banks send it for its details, such
//! as the single payments of a batch. How those are read stands in `iso20022.rs`, which all three share.

use super::iso20022::{self, NOTICE};
use super::{ParseError, SettlementFormat, SettlementKind, Sink};
use serde::Deserialize;
use std::io::BufRead;

/// This format's registration.
pub const KIND: SettlementKind = SettlementKind::of::<Camt054>(
    "camt054",
    "ISO 20022 debit and credit notification, camt.054 (XML)",
    "{}",
);

/// No options.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct Camt054;

impl SettlementFormat for Camt054 {
    type Config = Config;

    const VERSION: i64 = 1;

    fn new(_config: Config) -> Self {
        Self
    }

    fn recognises(head: &str) -> bool {
        iso20022::recognises(&NOTICE, head)
    }

    fn read(&self, input: &mut dyn BufRead, out: &mut dyn Sink) -> Result<(), ParseError> {
        iso20022::read(&NOTICE, input, out)
    }
}
