//! Settlement formats: what processors and banks say that they moved. Pure: a text in, lines and
//! statements out, one after the other.

pub mod adyen; // 1 of 2
pub mod bai2; // 1 of 2
mod batch;
pub mod braintree; // 1 of 2
pub mod camt052; // 1 of 2
pub mod camt053; // 1 of 2
pub mod camt054; // 1 of 2
pub mod checkout; // 1 of 2
mod contradictions;
pub mod csv; // 1 of 2
pub mod dlocal; // 1 of 2
pub mod gocardless; // 1 of 2
mod iso20022;
pub mod mollie; // 1 of 2
mod movements;
pub mod mt940; // 1 of 2
mod names;
pub mod ofx; // 1 of 2
pub mod paypal; // 1 of 2
pub mod paypal_records;
pub mod paypal_trr; // 1 of 2
pub mod square; // 1 of 2
pub mod stripe; // 1 of 2
pub mod stripe_balance; // 1 of 2
mod stripe_table;

/// Every settlement format that this build knows.
pub const KINDS: &[SettlementKind] = &[
    adyen::KIND,          // 2 of 2
    bai2::KIND,           // 2 of 2
    braintree::KIND,      // 2 of 2
    camt052::KIND,        // 2 of 2
    camt053::KIND,        // 2 of 2
    camt054::KIND,        // 2 of 2
    checkout::KIND,       // 2 of 2
    csv::KIND,            // 2 of 2
    dlocal::KIND,         // 2 of 2
    gocardless::KIND,     // 2 of 2
    mollie::KIND,         // 2 of 2
    mt940::KIND,          // 2 of 2
    ofx::KIND,            // 2 of 2
    paypal::KIND,         // 2 of 2
    paypal_trr::KIND,     // 2 of 2
    square::KIND,         // 2 of 2
    stripe::KIND,         // 2 of 2
    stripe_balance::KIND, // 2 of 2
];

use crate::OptionsError;
use crate::read::decoded::Decoded;
use crate::read::text::{self, DecodeError};
use crate::read::{bounds, what};
use ledger::{MoneyError, SettlementLine, Statement};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io::{BufRead, Read};

/// The names of all formats, for people.
pub fn known() -> String {
    let known: Vec<&str> = KINDS.iter().map(|kind| kind.id).collect();
    known.join(", ")
}

pub use crate::error::ParseError;

impl ParseError {
    /// Bytes that are no text of their encoding.
    pub(crate) fn undecoded(error: DecodeError) -> Self {
        Self::new(error.line, error.what)
    }

    /// A refusal of a file's beginning mostly is one of a wrong file: it says what lies there.
    fn about(self, bytes: &[u8]) -> Self {
        if self.line != 1 || self.what.contains("it is ") {
            return self;
        }
        let what = what::describe(bytes);
        Self::new(self.line, format!("{}. This is {what}", self.what))
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

    /// Whether a file looks like this format: by its first characters, never by its name.
    fn recognises(head: &str) -> bool
    where
        Self: Sized;

    /// The encoding of files that declare none, where the options tell it; UTF-8 otherwise.
    fn encoding(&self) -> Option<&str> {
        None
    }

    /// Takes the options.
    fn new(config: Self::Config) -> Self
    where
        Self: Sized;

    /// Reads a decoded text to its end, and hands on what it says piece by piece: nothing grows with
    /// the file but what is kept for each of its statements.
    ///
    /// # Errors
    /// [`ParseError`]: nothing of the file is taken.
    fn read(&self, input: &mut dyn BufRead, out: &mut dyn Sink) -> Result<(), ParseError>;
}

/// Where the pieces of a file go.
pub trait Sink {
    /// Takes a line of one of the file's statements, which are numbered from 0.
    ///
    /// # Errors
    /// [`ParseError`] for a line that cannot be taken.
    fn line(&mut self, statement: usize, line: SettlementLine) -> Result<(), ParseError>;

    /// Takes what a statement says of itself, once, after its last line; its own `lines` are empty.
    ///
    /// # Errors
    /// [`ParseError`] for a statement that cannot be taken.
    fn statement(&mut self, number: usize, statement: Statement) -> Result<(), ParseError>;
}

/// A sink that keeps everything in memory.
#[derive(Debug, Default)]
pub struct Collected {
    lines: BTreeMap<usize, Vec<SettlementLine>>,
    statements: BTreeMap<usize, Statement>,
}

impl Collected {
    /// The statements with their lines, in their order.
    pub fn into_statements(mut self) -> Vec<Statement> {
        let with_lines = |(number, statement)| Statement {
            lines: self.lines.remove(&number).unwrap_or_default(),
            ..statement
        };
        self.statements.into_iter().map(with_lines).collect()
    }
}

impl Sink for Collected {
    fn line(&mut self, statement: usize, line: SettlementLine) -> Result<(), ParseError> {
        self.lines.entry(statement).or_default().push(line);
        Ok(())
    }

    fn statement(&mut self, number: usize, statement: Statement) -> Result<(), ParseError> {
        self.statements.insert(number, statement);
        Ok(())
    }
}

/// Looks at what passes, and counts statements.
struct Checked<'s> {
    out: &'s mut dyn Sink,
    statements: usize,
}

impl Sink for Checked<'_> {
    fn line(&mut self, statement: usize, line: SettlementLine) -> Result<(), ParseError> {
        bounds::line(&line)?;
        self.out.line(statement, line)
    }

    fn statement(&mut self, number: usize, statement: Statement) -> Result<(), ParseError> {
        bounds::check(&statement)?;
        self.statements += 1;
        self.out.statement(number, statement)
    }
}

/// A format with its options.
pub trait Parse: Debug + Send + Sync {
    /// Reads bytes to their end, and hands on what they say piece by piece: however long they are, little of
    /// them is held.
    ///
    /// # Errors
    /// [`ParseError`]: nothing of the file is to be taken, whatever was handed on before.
    fn stream(&self, input: &mut dyn Read, out: &mut dyn Sink) -> Result<(), ParseError>;

    /// Reads bytes that are at hand, and keeps all that they say.
    ///
    /// # Errors
    /// [`ParseError`]: nothing of the file is taken.
    fn parse(&self, mut bytes: &[u8]) -> Result<Vec<Statement>, ParseError> {
        let mut collected = Collected::default();
        self.stream(&mut bytes, &mut collected)?;
        Ok(collected.into_statements())
    }
}

impl<F: SettlementFormat> Parse for F {
    fn stream(&self, input: &mut dyn Read, out: &mut dyn Sink) -> Result<(), ParseError> {
        let mut decoded = Decoded::open(input, self.encoding())?;
        let mut checked = Checked { out, statements: 0 };
        let read = self.read(&mut decoded, &mut checked);
        let statements = checked.statements;
        let read = read.and_then(|()| decoded.drain());
        // In the words of the readers in between, what is no text would be anything.
        if let Some(error) = decoded.failed() {
            return Err(error);
        }
        read.map_err(|error| error.about(decoded.head()))?;
        if statements == 0 {
            let what = what::describe(decoded.head());
            let what = format!("the file holds no statement; it is {what}");
            return Err(ParseError::new(0, what));
        }
        Ok(())
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
    recognises: fn(&str) -> bool,
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
        let head = text::head(bytes);
        KINDS.iter().find(|kind| (kind.recognises)(&head))
    }

    /// Whether this format recognises a file, whichever else does.
    pub fn recognises(&self, bytes: &[u8]) -> bool {
        (self.recognises)(&text::head(bytes))
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
