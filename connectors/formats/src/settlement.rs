//! Settlement formats: what processors and banks say that they moved. Pure: bytes in, statements
//! out.

pub mod camt053; // 1 of 2
pub mod stripe; // 1 of 2

/// Every settlement format that this build knows.
pub const KINDS: &[SettlementKind] = &[
    camt053::KIND, // 2 of 2
    stripe::KIND,  // 2 of 2
];

use crate::OptionsError;
use chrono::NaiveDate;
use ledger::{Currency, Money, MoneyError};
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// The names of all formats, for people.
pub fn known() -> String {
    let known: Vec<&str> = KINDS.iter().map(|kind| kind.id).collect();
    known.join(", ")
}

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

/// A format of settlement files.
pub trait SettlementFormat: Debug + Send + Sync + 'static {
    /// Its options in the configuration.
    type Config: DeserializeOwned;

    /// Grows whenever a file is read otherwise than before: the books keep it with every file.
    const VERSION: i64;

    /// Whether a file looks like this format: by its first bytes, never by its name.
    fn recognises(head: &[u8]) -> bool
    where
        Self: Sized;

    /// Takes the options.
    fn new(config: Self::Config) -> Self
    where
        Self: Sized;

    /// Reads a whole file.
    ///
    /// # Errors
    /// [`ParseError`]: nothing of the file is taken.
    fn parse(&self, bytes: &[u8]) -> Result<Vec<Statement>, ParseError>;
}

/// A format with its options.
pub trait Parse: Debug + Send + Sync {
    /// Reads a whole file, unless it is too large.
    ///
    /// # Errors
    /// [`ParseError`]: nothing of the file is taken.
    fn parse(&self, bytes: &[u8]) -> Result<Vec<Statement>, ParseError>;
}

impl<F: SettlementFormat> Parse for F {
    fn parse(&self, bytes: &[u8]) -> Result<Vec<Statement>, ParseError> {
        if bytes.len() > MAX_FILE_BYTES {
            let what = format!(
                "{} bytes are more than the {MAX_FILE_BYTES} that are read",
                bytes.len()
            );
            return Err(ParseError::new(0, what));
        }
        SettlementFormat::parse(self, bytes)
    }
}

/// A registered format, before any is configured.
#[derive(Clone, Copy)]
pub struct SettlementKind {
    /// The name in the configuration and on the command line.
    pub id: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Options as YAML, as the documentation shows them.
    pub example: &'static str,
    /// The version of its reading.
    pub version: i64,
    recognises: fn(&[u8]) -> bool,
    open: fn(serde_json::Value) -> Result<Box<dyn Parse>, serde_json::Error>,
}

impl Debug for SettlementKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SettlementKind")
            .field("id", &self.id)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl SettlementKind {
    /// The registration of a format.
    pub const fn of<F: SettlementFormat>(
        id: &'static str,
        title: &'static str,
        example: &'static str,
    ) -> Self {
        Self {
            id,
            title,
            example,
            version: F::VERSION,
            recognises: F::recognises,
            open: |options| Ok(Box::new(F::new(serde_json::from_value(options)?))),
        }
    }

    /// A format by its name.
    pub fn find(id: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.id == id)
    }

    /// The format that recognises a file.
    pub fn recognise(bytes: &[u8]) -> Option<&'static Self> {
        let head = bytes.get(..bytes.len().min(4096)).unwrap_or_default();
        KINDS.iter().find(|kind| (kind.recognises)(head))
    }

    /// The format with its options.
    ///
    /// # Errors
    /// [`OptionsError`] for options that the format does not know.
    pub fn open(&self, options: serde_json::Value) -> Result<Box<dyn Parse>, OptionsError> {
        (self.open)(options).map_err(|source| OptionsError {
            kind: self.id,
            source,
        })
    }
}
