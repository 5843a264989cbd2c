//! Settlement formats: what processors and banks say that they moved. Pure: bytes in, statements
//! out.

pub mod camt053; // 1 of 2
pub mod stripe; // 1 of 2

/// Every settlement format that this build knows.
pub const KINDS: &[SettlementKind] = &[
    camt053::KIND, // 2 of 2
    stripe::KIND,  // 2 of 2
];

use chrono::NaiveDate;
use ledger::{Currency, Money, MoneyError};
use std::fmt::Debug;

/// The largest file that is read: 256 MiB.
pub const MAX_FILE_BYTES: usize = 256 << 20;

/// Whose statement it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A payment processor.
    Processor,
    /// A bank.
    Bank,
}

impl Origin {
    /// The word in the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Processor => "processor",
            Self::Bank => "bank",
        }
    }
}

/// A statement of one account in one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Whose.
    pub origin: Origin,
    /// The account.
    pub account: String,
    /// What the statement calls itself.
    pub identity: String,
    /// The currency.
    pub currency: Currency,
    /// The opening balance, where the format has one.
    pub opening: Option<Money>,
    /// The closing balance, where the format has one.
    pub closing: Option<Money>,
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
    /// The lines.
    pub lines: Vec<SettlementLine>,
    /// What in the statement contradicts itself, beside its balances.
    pub contradictions: Vec<String>,
}

impl Statement {
    /// The sum of the lines in minor units; at the end of 64 bits it stays there.
    pub fn total(&self) -> i64 {
        self.lines
            .iter()
            .fold(0, |sum: i64, line| sum.saturating_add(line.net.amount()))
    }

    /// Whether opening + lines = closing: `closes`, `no balances`, or what does not hold.
    pub fn verdict(&self) -> String {
        if let Some(first) = self.contradictions.first() {
            return format!("does not close: {first}");
        }
        let (Some(opening), Some(closing)) = (self.opening, self.closing) else {
            return "no balances".to_owned();
        };
        let expected = opening.amount().saturating_add(self.total());
        if expected == closing.amount() {
            return "closes".to_owned();
        }
        let expected = Money::minor(expected, self.currency);
        format!("does not close: opening + lines = {expected}, closing is {closing}")
    }
}

/// One movement. Amounts are signed as the account holder sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementLine {
    /// Its identity within the account.
    pub identity: String,
    /// Its place in the file: the line, or the number of the element, from 1.
    pub position: i64,
    /// What it is: `charge`, `refund`, `dispute`, `fee`, `payout`, `credit`, `debit`, ….
    pub kind: String,
    /// What it refers to at the other side.
    pub reference: String,
    /// The payout that it belongs to.
    pub payout: String,
    /// Before fees.
    pub gross: Money,
    /// Fees.
    pub fee: Money,
    /// Gross less fees.
    pub net: Money,
    /// The day it was booked.
    pub booked_on: NaiveDate,
    /// The day its payout was made.
    pub paid_on: Option<NaiveDate>,
    /// Free text.
    pub description: String,
    /// The line as it stood in the file.
    pub raw: String,
}

/// Why a file cannot be read, and where.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{}{what}", if *.line > 0 { format!("line {line}: ") } else { String::new() })]
pub struct ParseError {
    /// The line, from 1; 0 for the whole file.
    pub line: u64,
    /// What is wrong and what to do.
    pub what: String,
}

impl ParseError {
    pub(crate) fn new(line: u64, what: impl Into<String>) -> Self {
        Self {
            line,
            what: what.into(),
        }
    }

    pub(crate) fn money(line: u64, column: &str, error: &MoneyError) -> Self {
        Self::new(line, format!("{column}: {error}"))
    }
}

/// A format.
pub trait SettlementFormat: Sync {
    /// Whether a file looks like this format: by its first bytes, never by its name.
    fn recognises(&self, head: &[u8]) -> bool;

    /// Reads a whole file.
    ///
    /// # Errors
    /// [`ParseError`]: nothing of the file is taken.
    fn parse(&self, bytes: &[u8]) -> Result<Vec<Statement>, ParseError>;
}

/// A registered format.
#[derive(Clone, Copy)]
pub struct SettlementKind {
    /// The name in the configuration and on the command line.
    pub id: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// The format.
    pub format: &'static dyn SettlementFormat,
}

impl Debug for SettlementKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SettlementKind")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl SettlementKind {
    /// A format by its name.
    pub fn find(id: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.id == id)
    }

    /// The format that recognises a file.
    pub fn recognise(bytes: &[u8]) -> Option<&'static Self> {
        let head = bytes.get(..bytes.len().min(4096)).unwrap_or_default();
        KINDS.iter().find(|kind| kind.format.recognises(head))
    }

    /// Reads a file, unless it is too large.
    ///
    /// # Errors
    /// [`ParseError`].
    pub fn parse(&self, bytes: &[u8]) -> Result<Vec<Statement>, ParseError> {
        if bytes.len() > MAX_FILE_BYTES {
            let what = format!(
                "{} bytes are more than the {MAX_FILE_BYTES} that are read",
                bytes.len()
            );
            return Err(ParseError::new(0, what));
        }
        self.format.parse(bytes)
    }
}
