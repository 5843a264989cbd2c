//! What the texts of a settlement line may hold: the one place that says it, for every format and
//! both databases.
//!
//! PostgreSQL keeps no NUL and indexes no long text, SQLite keeps both. A file that holds either is
//! refused before any database sees it, and says where.

use crate::error::ParseError;
use chrono::{Datelike, NaiveDate};
use ledger::{SettlementLine, Statement};
use std::fmt::{self, Display};

/// The most characters of a name: an account, an identity, a reference, a payout.
const NAME: usize = 300;

/// The most characters of the sender's word for what moved.
const WORD: usize = 100;

/// The most characters of free text.
const PROSE: usize = 100_000;

/// Refuses a statement whose texts are too long, or hold control characters.
///
/// # Errors
/// [`ParseError`].
pub fn check(statement: &Statement) -> Result<(), ParseError> {
    let of = "the statement";
    name(of, "account", &statement.account, NAME)?;
    name(of, "identity", &statement.identity, NAME)?;
    let days = [Some(statement.from), Some(statement.to), statement.made_on];
    days.into_iter().flatten().try_for_each(|on| day(of, on))?;
    statement.lines.iter().try_for_each(line)
}

/// A line by its place.
#[derive(Clone, Copy)]
struct At(u64);

impl Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the line at {}", self.0)
    }
}

/// Refuses a line whose texts are too long, or hold control characters.
///
/// # Errors
/// [`ParseError`].
pub fn line(line: &SettlementLine) -> Result<(), ParseError> {
    let of = At(line.place.line);
    let days = [Some(line.booked_on), line.value_on, line.paid_on];
    days.into_iter().flatten().try_for_each(|on| day(of, on))?;
    for (field, text, most) in [
        ("identity", &line.identity, NAME),
        ("kind", &line.kind, WORD),
        ("payout", &line.payout, NAME),
        ("counterparty", &line.counterparty, NAME),
    ] {
        name(of, field, text, most)?;
    }
    for reference in &line.references {
        name(of, "reference", &reference.text, NAME)?;
    }
    length(of, "description", &line.description, PROSE)?;
    let odd = |sign: char| sign.is_control() && !['\t', '\n', '\r'].contains(&sign);
    control(of, "description", &line.description, odd)
}

/// A year of other than four digits would break the order of days, which one of the databases keeps as
/// texts.
fn day(of: impl Display, on: NaiveDate) -> Result<(), ParseError> {
    if (0..=9999).contains(&on.year()) {
        return Ok(());
    }
    let what = format!("{of}: its day {on} is beyond the years that are kept");
    Err(ParseError::new(0, what))
}

fn name(of: impl Display, field: &str, text: &str, most: usize) -> Result<(), ParseError> {
    length(&of, field, text, most)?;
    control(of, field, text, char::is_control)
}

fn length(of: impl Display, field: &str, text: &str, most: usize) -> Result<(), ParseError> {
    // A character has a byte at least: what has few bytes is not counted.
    let count = if text.len() > most {
        text.chars().count()
    } else {
        0
    };
    if count > most {
        let what = format!("{of}: its {field} has {count} characters; at most {most} are kept");
        return Err(ParseError::new(0, what));
    }
    Ok(())
}

fn control(
    of: impl Display,
    field: &str,
    text: &str,
    odd: impl Fn(char) -> bool,
) -> Result<(), ParseError> {
    // Most texts have no byte that a control character could begin with.
    if !text
        .bytes()
        .any(|byte| byte < b' ' || byte == 0x7f || byte == 0xc2)
    {
        return Ok(());
    }
    let Some(sign) = text.chars().find(|sign| odd(*sign)) else {
        return Ok(());
    };
    let code = u32::from(sign);
    let what = format!("{of}: its {field} holds the control character U+{code:04X}");
    Err(ParseError::new(0, what))
}
