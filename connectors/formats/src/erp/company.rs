//! What the files of one company share: their entries, their account numbers, and how several of them leave as one.
//!
//! Such a file holds one entity and one fiscal year, and some formats bound its lines. A batch holds whatever was
//! posted, so it is cut: by entity, by fiscal year, and where a file would grow beyond its bound, between two entries.
//! Several files leave in a ZIP, in the order of entity, year and journal.

use super::packed::Packed;
use super::{Called, ExportBatch, ExportEntry, RenderError};
use chrono::{Datelike, Days, Months, NaiveDate};
use ledger::{Currency, Line};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::ops::RangeInclusive;

/// The entries of one file.
#[derive(Clone, Debug)]
pub(super) struct Part<'b> {
    /// The batch that they are of.
    pub(super) batch: &'b ExportBatch,
    /// The entity.
    pub(super) entity: &'b str,
    /// The first and the last day of the fiscal year.
    pub(super) year: (NaiveDate, NaiveDate),
    /// The first and the last day that has an entry.
    pub(super) days: (NaiveDate, NaiveDate),
    /// Which of the files of this entity and year it is, from 1.
    pub(super) number: usize,
    lines: usize,
    within: RangeInclusive<usize>,
}

impl<'b> Part<'b> {
    /// Its entries, in the order of the journal.
    pub(super) fn entries(&self) -> impl Iterator<Item = &'b ExportEntry> {
        let entries = self.batch.entries.get(self.within.clone());
        let (entity, (begins, ends)) = (self.entity, self.year);
        entries.unwrap_or_default().iter().filter(move |item| {
            let header = item.entry.header();
            header.entity == entity && (begins..=ends).contains(&header.date)
        })
    }

    /// A name that no other part of any batch of the target has: `tieout-books-000003-eu-2026`.
    pub(super) fn name(&self) -> String {
        let (batch, year) = (self.batch, self.year.0.year());
        let name = format!("tieout-{}-{:06}", batch.target, batch.number);
        match self.number {
            1 => format!("{name}-{}-{year}", self.entity),
            number => format!("{name}-{}-{year}-{number}", self.entity),
        }
    }
}

/// The fiscal year of a day, which begins with a month: 1 to 12.
fn year_of(day: NaiveDate, first_month: u32) -> (NaiveDate, NaiveDate) {
    let behind = (day.month0() + 13).saturating_sub(first_month) % 12;
    let first = day.with_day(1).unwrap_or(day);
    let begins = first - Months::new(behind);
    (begins, begins + Months::new(12) - Days::new(1))
}

/// Cuts a batch into files of one entity and one fiscal year, none of more lines than `most` unless one entry is.
pub(super) fn parts(
    batch: &ExportBatch,
    first_month: impl Fn(&str) -> u32,
    most: usize,
) -> Vec<Part<'_>> {
    let mut parts = BTreeMap::<(&str, NaiveDate), Vec<Part<'_>>>::new();
    for (place, item) in batch.entries.iter().enumerate() {
        let header = item.entry.header();
        let (entity, day) = (header.entity.as_str(), header.date);
        let lines = item.entry.lines().len();
        let year = year_of(day, first_month(entity));
        let of = parts.entry((entity, year.0)).or_default();
        match of.last_mut().filter(|part| part.lines + lines <= most) {
            Some(part) => {
                part.days = (part.days.0.min(day), part.days.1.max(day));
                part.lines += lines;
                part.within = *part.within.start()..=place;
            }
            None => of.push(Part {
                batch,
                entity,
                year,
                days: (day, day),
                number: of.len() + 1,
                lines,
                within: place..=place,
            }),
        }
    }
    parts.into_values().flatten().collect()
}

/// Writes the parts into a ZIP, each under its name.
pub(super) fn packed(
    parts: &[Part<'_>],
    out: &mut dyn Write,
    name: impl Fn(&Part<'_>) -> Result<String, RenderError>,
    write: impl Fn(&Part<'_>, &mut dyn Write) -> Result<(), RenderError>,
) -> Result<(), RenderError> {
    let mut packed = Packed::new();
    for part in parts {
        packed.member(&name(part)?, |out| write(part, out))?;
    }
    packed.finish(out)
}

/// What leaves is called: as its one file is, or as a ZIP of several.
pub(super) fn name_of(
    batch: &ExportBatch,
    parts: &[Part<'_>],
    name: fn(&Part<'_>) -> String,
) -> String {
    match parts {
        [part] => name(part),
        _ => batch.file_name("zip"),
    }
}

/// Writes one file plain, and several into a ZIP.
pub(super) fn plain_or_packed(
    parts: &[Part<'_>],
    out: &mut dyn Write,
    name: fn(&Part<'_>) -> String,
    write: impl Fn(&Part<'_>, &mut dyn Write) -> Result<(), RenderError>,
) -> Result<(), RenderError> {
    match parts {
        [part] => buffered(part, out, write),
        parts => packed(parts, out, |part| Ok(name(part)), write),
    }
}

/// Writes one part, in large pieces.
fn buffered(
    part: &Part<'_>,
    out: &mut dyn Write,
    write: impl Fn(&Part<'_>, &mut dyn Write) -> Result<(), RenderError>,
) -> Result<(), RenderError> {
    let mut out = BufWriter::with_capacity(64 << 10, out);
    write(part, &mut out)?;
    out.flush().map_err(RenderError::write)
}

/// The options of an entity.
pub(super) fn of_entity<'c, C>(
    companies: &'c BTreeMap<String, C>,
    entity: &str,
    option: &'static str,
) -> Result<&'c C, RenderError> {
    companies.get(entity).ok_or_else(|| RenderError::Unknown {
        what: "entity",
        name: entity.to_owned(),
        option,
    })
}

/// The number of a line's account: the one that `accounts` gives its name, else its code in the chart.
pub(super) fn number<'c>(
    accounts: &'c BTreeMap<String, String>,
    line: &Line,
    called: Called<'c>,
) -> Result<&'c str, RenderError> {
    let mut named = accounts.get(called.account);
    // A name that was never another is looked for once.
    if named.is_none() && !std::ptr::eq(called.account, line.account.as_str()) {
        named = accounts.get(&line.account);
    }
    let number = named.map(String::as_str).or(called.code);
    number.ok_or_else(|| RenderError::Unknown {
        what: "account",
        name: line.account.clone(),
        option: "accounts",
    })
}

/// What people call a line's account: its title, else its name.
pub(super) fn title<'b>(batch: &'b ExportBatch, line: &'b Line, called: Called<'b>) -> &'b str {
    let found = batch.chart.find(&line.account);
    let title = found.map_or("", |account| account.title.as_str());
    if title.is_empty() {
        called.account
    } else {
        title
    }
}

/// Refuses a line that is not in the currency in which the file's books are kept.
pub(super) fn in_currency(
    item: &ExportEntry,
    line: usize,
    found: Currency,
    books: &str,
) -> Result<(), RenderError> {
    if found.code() == books {
        return Ok(());
    }
    let what = format!("its functional currency is {found}, and these books are kept in {books}");
    Err(unfit(item, line, what))
}

/// A line that the target cannot hold; lines count from 1.
pub(super) fn unfit(item: &ExportEntry, line: usize, what: impl Into<String>) -> RenderError {
    RenderError::Unfit {
        document: item.document.clone(),
        line,
        what: what.into(),
    }
}

/// Reads a number between two bounds, both included.
pub(super) fn bounded<'de, D, const LEAST: u32, const MOST: u32>(
    deserializer: D,
) -> Result<u32, D::Error>
where
    D: Deserializer<'de>,
{
    let number = u32::deserialize(deserializer)?;
    if (LEAST..=MOST).contains(&number) {
        return Ok(number);
    }
    let bounds = format!("{number} is not between {LEAST} and {MOST}");
    Err(serde::de::Error::custom(bounds))
}

/// January, in which most fiscal years begin.
pub(super) const fn january() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fiscal_year_begins_with_its_first_month_and_ends_a_year_later() {
        let table = [
            ("2026-01-01", 1, "2026-01-01", "2026-12-31"),
            ("2026-12-31", 1, "2026-01-01", "2026-12-31"),
            ("2026-06-30", 7, "2025-07-01", "2026-06-30"),
            ("2026-07-01", 7, "2026-07-01", "2027-06-30"),
            ("2024-02-29", 3, "2023-03-01", "2024-02-29"),
            ("2026-11-30", 12, "2025-12-01", "2026-11-30"),
        ];
        for (day, first_month, begins, ends) in table {
            let day: NaiveDate = day.parse().unwrap();
            let (first, last) = year_of(day, first_month);
            assert_eq!(
                (first.to_string(), last.to_string()),
                (begins.to_owned(), ends.to_owned())
            );
        }
    }
}
