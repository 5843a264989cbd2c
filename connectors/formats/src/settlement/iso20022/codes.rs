//! The small words of ISO 20022: closed lists, days, pages, names that mean none.

use crate::read::plain::squeezed;
use crate::read::xml::Element;
use crate::read::{closed, days};
use chrono::NaiveDate;
use ledger::Page;
use rust_decimal::Decimal;

/// What decides a sign, or whether money moved, and is not there or is none of its list: it is never
/// guessed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Guess(pub(super) String);

/// What one of a closed list of codes means; anything else is refused.
fn one_of<T: Copy>(name: &str, found: Option<&str>, list: &[(&str, T)]) -> Result<T, Guess> {
    closed::one_of(name, found.unwrap_or_default(), list).map_err(Guess)
}

pub(super) fn is_debit(element: &Element) -> Result<bool, Guess> {
    let sign = element.text_at(&["CdtDbtInd"]);
    one_of("CdtDbtInd", sign, &[("CRDT", false), ("DBIT", true)])
}

/// The same where the sign need not be told.
pub(super) fn may_be_debit(element: &Element) -> Result<Option<bool>, Guess> {
    match element.child("CdtDbtInd") {
        Some(_) => is_debit(element).map(Some),
        None => Ok(None),
    }
}

/// Whether an entry moved money: what is pending or future is left out until it is booked.
pub(super) fn is_booked(entry: &Element) -> Result<bool, Guess> {
    let status = ["Cd", "Prtry"]
        .iter()
        .find_map(|choice| entry.text_at(&["Sts", choice]))
        .or_else(|| entry.text_at(&["Sts"]));
    let list = [
        ("BOOK", true),
        ("PDNG", false),
        ("INFO", false),
        ("FUTR", false),
    ];
    one_of("Sts", status, &list)
}

/// A flag that need not be there: `RvslInd`, `ChrgInclInd`.
pub(super) fn flag(element: &Element, name: &str) -> Result<Option<bool>, Guess> {
    let list = [("true", true), ("1", true), ("false", false), ("0", false)];
    match element.child(name) {
        Some(found) => one_of(name, Some(found.text.trim()), &list).map(Some),
        None => Ok(None),
    }
}

/// A number that is no negative one, as all amounts are.
pub(super) fn unsigned(text: &str) -> Result<Decimal, Guess> {
    let value = ledger::money::parse_decimal(text.trim());
    let value = value.map_err(|error| Guess(format!("`Amt`: {error}")))?;
    if value.is_sign_negative() && !value.is_zero() {
        let what = format!("`Amt` is {text}; its sign stands in `CdtDbtInd`");
        return Err(Guess(what));
    }
    Ok(value)
}

/// The day with which a text begins.
pub(super) fn day_of(text: &str) -> Option<NaiveDate> {
    days::begun(text.trim())
}

/// The day of an element that is a date or a date and time.
pub(super) fn day_in(element: &Element) -> Option<NaiveDate> {
    let text = element
        .text_at(&["Dt"])
        .or_else(|| element.text_at(&["DtTm"]))?;
    day_of(text)
}

/// A page; none where it is the only one.
pub(super) fn page(element: &Element) -> Option<Page> {
    let number = element.text_at(&["PgNb"])?.parse().ok()?;
    let is_last = ["true", "1"].contains(&element.text_at(&["LastPgInd"])?);
    let page = Page { number, is_last };
    (page
        != Page {
            number: 1,
            is_last: true,
        })
    .then_some(page)
}

/// A name on one line; empty where it is a word for none.
pub(super) fn name(text: &str) -> String {
    const NONE: &[&str] = &["NOTPROVIDED", "NOT PROVIDED", "NONREF"];
    let text = squeezed(text);
    if NONE.iter().any(|none| text.eq_ignore_ascii_case(none)) {
        return String::new();
    }
    text
}
