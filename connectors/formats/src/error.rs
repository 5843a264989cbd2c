//! Why a file cannot be read, and where.

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
    /// What became of an input that could not be read on: what it says of itself, or the outage.
    pub(crate) fn unread(error: std::io::Error) -> Self {
        let told = error.to_string();
        let inner = error.into_inner();
        match inner.and_then(|inner| inner.downcast::<Self>().ok()) {
            Some(own) => *own,
            None => Self::new(0, format!("the file cannot be read on: {told}")),
        }
    }
}
