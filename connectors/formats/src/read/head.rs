//! What the first characters of a file say of its format.

use crate::error::ParseError;
use std::io::BufRead;

/// Whether the first line of a table names all these columns.
pub fn has_columns(head: &str, columns: &[&str]) -> bool {
    let first = head.lines().next().unwrap_or_default();
    columns.iter().all(|column| {
        first
            .split(',')
            .any(|found| found.trim().trim_matches('"').trim() == *column)
    })
}

/// Whether the first sign of an input is one of JSON's.
///
/// # Errors
/// [`ParseError`] where the input cannot be read.
pub fn begins_json(input: &mut dyn BufRead) -> Result<bool, ParseError> {
    let beginning = input.fill_buf().map_err(ParseError::unread)?;
    let first = beginning.iter().find(|byte| !byte.is_ascii_whitespace());
    Ok(first.is_some_and(|byte| b"{[".contains(byte)))
}

/// The beginning of a JSON text without blanks, so that `"a": "b"` is `"a":"b"`; empty for another.
pub fn compact(head: &str) -> String {
    if head.trim_start().starts_with(['{', '[']) {
        head.split_whitespace().collect()
    } else {
        String::new()
    }
}

/// Whether a compact beginning has a key, wherever.
pub fn has_key(compact: &str, key: &str) -> bool {
    compact.contains(&format!("\"{key}\":"))
}

/// The texts that stand under a key in a compact beginning, in their order.
pub fn texts<'h>(compact: &'h str, key: &str) -> impl Iterator<Item = &'h str> {
    let sought = format!("\"{key}\":\"");
    let mut rest = compact;
    std::iter::from_fn(move || {
        let at = rest.find(&sought)?;
        rest = rest.get(at + sought.len()..)?;
        let end = rest.find('"')?;
        rest.get(..end)
    })
}
