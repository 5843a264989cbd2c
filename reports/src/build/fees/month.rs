//! The month for which a fee was invoiced, as its text says it: `2026-01`, `2026-01-31`, `01/2026`, `31.01.2026`,
//! `Jan 2026`, `January 2026`.

use chrono::{Datelike, NaiveDate};
use std::collections::BTreeSet;

const NAMES: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// An invoice names no month further back than this.
const MOST: i32 = 24;

/// The one month that a text names, where that is before the day or the day's own: none where it names
/// several, or none.
pub(super) fn named(text: &str, booked: NaiveDate) -> Option<(i32, u32)> {
    let text = text.to_lowercase();
    let between = |c: char| c.is_whitespace() || "(),;:[]".contains(c);
    let words: Vec<&str> = text
        .split(between)
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()))
        .filter(|word| !word.is_empty())
        .collect();
    let by_name = words.windows(2).filter_map(|pair| match pair {
        [first, second] => Some((year(second)?, month_named(first)?)),
        _ => None,
    });
    let by_number = words.iter().filter_map(|word| in_digits(word));
    let found: BTreeSet<(i32, u32)> = by_name
        .chain(by_number)
        .filter(|month| is_near(*month, booked))
        .collect();
    let mut found = found.into_iter();
    found.next().filter(|_| found.next().is_none())
}

/// A month, or the month of a day.
fn in_digits(word: &str) -> Option<(i32, u32)> {
    let parts: Vec<&str> = word.split(['-', '/', '.']).collect();
    let (years, months) = match parts.as_slice() {
        [first, second] | [first, second, _] if year(first).is_some() => (first, second),
        [first, second] | [_, first, second] => (second, first),
        _ => return None,
    };
    let month = months.parse().ok().filter(|_| months.len() == 2)?;
    let year = year(years)?;
    (1..=12).contains(&month).then_some((year, month))
}

fn month_named(word: &str) -> Option<u32> {
    let is_it = |name: &str| *name == *word || (word.len() == 3 && name.starts_with(word));
    let place = NAMES.iter().position(|name| is_it(name))?;
    u32::try_from(place).ok()?.checked_add(1)
}

fn year(word: &str) -> Option<i32> {
    let year = word.parse().ok().filter(|_| word.len() == 4)?;
    (2000..2200).contains(&year).then_some(year)
}

fn is_near((year, month): (i32, u32), booked: NaiveDate) -> bool {
    let months = |year: i32, month: u32| year * 12 + i32::try_from(month).unwrap_or(0);
    let back = months(booked.year(), booked.month()) - months(year, month);
    (0..=MOST).contains(&back)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invoices_name_their_month() {
        let table = [
            // text, the month that is meant
            ("Card payments (2026-01-01 - 2026-01-31): volume", "2026-1"),
            ("Screening (2025-12-01 - 2025-12-31)", "2025-12"),
            ("Invoice 01/2026", "2026-1"),
            ("01.12.2025 - 31.12.2025", "2025-12"),
            ("Processing fees January 2026", "2026-1"),
            ("fees for Dec. 2025, invoice 7731", "2025-12"),
            ("Network fees 2025-12", "2025-12"),
            // The day's own.
            ("2026-02-03 adjustment", "2026-2"),
            // Two months, no month, one to come, one long past, numbers that are none.
            ("2025-12-15 to 2026-01-14", "none"),
            ("Radar for fraud teams", "none"),
            ("March 2026", "none"),
            ("January 2019", "none"),
            ("order 2026-99, 13/2026, 2026 1, 2026-1, 1-2-3-4", "none"),
            ("é 2026 ﬀ", "none"),
            ("", "none"),
        ];
        for (text, wanted) in table {
            let found = named(text, "2026-02-03".parse().unwrap());
            let told = found.map_or("none".to_owned(), |(year, month)| format!("{year}-{month}"));
            assert_eq!(told, wanted, "{text}");
        }
    }
}
