//! Formats of files: what settlement files say, and what ERPs read. Pure: bytes in, values out.
//!
//! A vendor is a string in a registry: one file beside its kin, two lines in the list above them.
//! Nothing here opens a file, a socket or a clock, and no format stops the process: what cannot be
//! read is an error that says what, where and what to do.

pub mod envelope;
pub mod erp;
mod error;
pub mod read;
pub mod settlement;

/// Options that are not those of a format.
#[derive(Debug, thiserror::Error)]
#[error("the options of kind `{kind}` are not valid")]
pub struct OptionsError {
    /// The kind.
    pub kind: &'static str,
    /// What is wrong.
    #[source]
    pub source: serde_json::Error,
}
