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
use crate::read::text::{self, DecodeError};
use crate::read::{bounds, what};
use ledger::{MoneyError, Statement};
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// The names of all formats, for people.
pub fn known() -> String {
    let known: Vec<&str> = KINDS.iter().map(|kind| kind.id).collect();
    known.join(", ")
}

/// The largest file that is read: 256 MiB.
pub const MAX_FILE_BYTES: usize = 256 << 20;

pub use crate::error::ParseError;

impl ParseError {
    /// Bytes that are no text: what they are where their beginning says it, or where they end to be.
    fn undecoded(bytes: &[u8], error: DecodeError) -> Self {
        match what::binary(bytes) {
            Some(what) => Self::new(0, format!("this is {what}")),
            None => Self::new(error.line, error.what),
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

    /// Whether a file looks like this format: by its first characters, never by its name.
    fn recognises(head: &str) -> bool
    where
        Self: Sized;

    /// Takes the options.
    fn new(config: Self::Config) -> Self
    where
        Self: Sized;

    /// Reads a whole file, decoded.
    ///
    /// # Errors
    /// [`ParseError`]: nothing of the file is taken.
    fn parse(&self, text: &str) -> Result<Vec<Statement>, ParseError>;
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
        let text = text::decode(bytes).map_err(|error| ParseError::undecoded(bytes, error))?;
        bounds::no_nul(&text)?;
        let statements = SettlementFormat::parse(self, &text)?;
        statements.iter().try_for_each(bounds::check)?;
        Ok(statements)
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
