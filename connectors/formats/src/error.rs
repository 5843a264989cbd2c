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

/// The most characters of what is told: whoever reads it has a screen, and a field may have a megabyte.
const MOST: usize = 5000;

impl ParseError {
    pub(crate) fn new(line: u64, what: impl Into<String>) -> Self {
        let mut what = what.into();
        cut(&mut what, MOST);
        Self { line, what }
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

/// Cuts a text after as many characters.
pub(crate) fn cut(text: &mut String, most: usize) {
    if let Some((at, _)) = text.char_indices().nth(most) {
        text.truncate(at);
        text.push('…');
    }
}
