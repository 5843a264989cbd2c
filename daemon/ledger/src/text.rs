//! The journal as plain text that a bookkeeper reads and `hledger check` accepts.
//!
//! One transaction per entry, two lines of comment for what a ledger file has no word for:
//! ```text
//! 2026-01-15 * (INV-1) invoice finalised
//!     ; entity: eu, rule: invoice-finalized
//!     accounts-receivable    119.00 USD @@ 110.00 EUR
//!     tax-payable            -19.00 USD @@ 17.57 EUR  ; region: emea
//! ```
//! Debits are positive and credits negative; `@@` gives the total in the functional currency where
//! that differs from the currency of the transaction. An entry that was moved out of a closed period says to
//! which day it belongs.

use crate::entry::{JournalEntry, Line};
use std::fmt::Write as _;

/// Writes one entry; `account` says how an account is called in the target.
pub fn entry(entry: &JournalEntry, account: impl Fn(&Line) -> String) -> String {
    let header = entry.header();
    let mut text = format!(
        "{} * ({}) {}\n    ; entity: {}, rule: {}",
        header.date,
        plain(&header.reference),
        plain(&header.description),
        plain(&header.entity),
        plain(&header.rule.rule)
    );
    if header.kind != crate::entry::EntryKind::Original {
        push(&mut text, format_args!(", kind: {}", header.kind.name()));
    }
    if let Some(own) = header.event_on {
        push(&mut text, format_args!(", belongs to: {own}"));
    }
    text.push('\n');
    let names: Vec<String> = entry.lines().iter().map(account).collect();
    let width = names
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0);
    for (line, name) in entry.lines().iter().zip(&names) {
        posting(&mut text, line, name, width);
    }
    text
}

fn posting(text: &mut String, line: &Line, name: &str, width: usize) {
    let sign = if line.side == crate::account::Side::Credit {
        "-"
    } else {
        ""
    };
    let amount = format!("{sign}{}", line.amount);
    push(text, format_args!("    {name:width$}  {amount:>16}"));
    if line.functional.currency() != line.amount.currency() {
        push(text, format_args!(" @@ {}", line.functional));
    }
    if !line.dimensions.is_empty() {
        let tags: Vec<String> = line
            .dimensions
            .iter()
            .map(|(name, value)| format!("{}: {}", tag(name), undated(&plain(value))))
            .collect();
        push(text, format_args!("  ; {}", tags.join(", ")));
    }
    text.push('\n');
}

/// A dimension's name as a tag of one word. hledger reads a day in the tags `date` and `date2`, and behind a tag
/// without a name another one.
fn tag(name: &str) -> String {
    let name = plain(name).replace(|sign: char| sign == ':' || sign.is_whitespace(), "-");
    match name.as_str() {
        "date" | "date2" | "" => format!("dimension-{name}"),
        _ => name,
    }
}

/// A tag's value in which no day hides: `[2026-03-01]` would be the day of the posting.
fn undated(text: &str) -> String {
    text.replace(['[', ']'], " ")
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a `String` cannot fail.
    let _ok = text.write_fmt(arguments);
}

/// Text without the characters that end a field of a ledger file.
pub fn plain(text: &str) -> String {
    let ends = |c: char| c.is_control() || matches!(c, ';' | '|' | '(' | ')' | ',');
    if !text.contains(ends) {
        return text.to_owned();
    }
    text.chars()
        .map(|c| if ends(c) { ' ' } else { c })
        .collect()
}
