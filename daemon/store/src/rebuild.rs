//! An entry, built anew from what its rows say, whoever read them and however wide.

use chrono::NaiveDate;
use ledger::{
    Currency, Deferral, Dimensions, EntryHeader, EntryKind, EventKey, Hash, JournalEntry, Line,
    Money, RuleRef, Side,
};

/// An entry's own row, with the names behind its numbers.
pub(crate) struct Head<'n> {
    pub(crate) entity: &'n str,
    /// ISO number of the entity's functional currency.
    pub(crate) functional_id: i64,
    pub(crate) date: NaiveDate,
    pub(crate) event_on: Option<NaiveDate>,
    pub(crate) kind: i64,
    pub(crate) reference: String,
    pub(crate) description: String,
    /// The key of its event.
    pub(crate) key: &'n [u8],
    /// The version of the mapping.
    pub(crate) mapping: &'n [u8],
    pub(crate) rule: &'n str,
    pub(crate) rate: Option<&'n str>,
}

/// A line's row, with the names behind its numbers.
pub(crate) struct Part {
    pub(crate) account: String,
    pub(crate) side: i64,
    pub(crate) amount: i64,
    pub(crate) currency_id: i64,
    pub(crate) functional: i64,
    pub(crate) dimensions: Dimensions,
    pub(crate) deferral: Option<Deferral>,
}

/// The entry that these rows make; or why they make none.
pub(crate) fn entry(
    head: Head<'_>,
    parts: impl Iterator<Item = Result<Part, String>>,
) -> Result<JournalEntry, String> {
    let functional = Currency::from_numeric(head.functional_id).map_err(|e| e.to_string())?;
    let rate = head.rate.map(|text| {
        text.parse()
            .map_err(|_bad| format!("its rate `{text}` is no number"))
    });
    let header = EntryHeader {
        entity: head.entity.to_owned(),
        date: head.date,
        event_on: head.event_on,
        kind: EntryKind::from_number(head.kind).ok_or("its kind is unknown")?,
        reference: head.reference,
        description: head.description,
        event: EventKey::from_slice(head.key).ok_or("its event has a malformed key")?,
        rule: RuleRef {
            mapping: Hash::from_slice(head.mapping).ok_or("its mapping has a malformed hash")?,
            rule: head.rule.to_owned(),
        },
        rate: rate.transpose()?,
    };
    let lines: Result<_, String> = parts.map(|part| line(part?, functional)).collect();
    JournalEntry::new(header, lines?).map_err(|error| error.to_string())
}

fn line(part: Part, functional: Currency) -> Result<Line, String> {
    let currency = Currency::from_numeric(part.currency_id).map_err(|e| e.to_string())?;
    Ok(Line {
        account: part.account,
        side: Side::from_number(part.side).ok_or("a line has no side")?,
        amount: Money::minor(part.amount, currency),
        functional: Money::minor(part.functional, functional),
        dimensions: part.dimensions,
        deferral: part.deferral,
    })
}
