//! How numbers and days are written, digit by digit: a file has millions of them. Days also as the options describe
//! it: `DD.MM.YYYY`, `YYYYMMDD`, `D-MMM-YY`.
//!
//! `YYYY` or `YY`, `MM`, `M` or `MMM` (`Jan`, in English), `DD` or `D`; what stands between them is written as it
//! is, and may be neither a letter nor a digit.

use chrono::{Datelike, NaiveDate};
use ledger::Money;
use serde::Deserialize;

/// Writes a number.
pub(super) fn count(text: &mut String, number: impl itoa::Integer) {
    text.push_str(itoa::Buffer::new().format(number));
}

/// A number.
pub(super) fn count_of(number: impl itoa::Integer) -> String {
    itoa::Buffer::new().format(number).to_owned()
}

/// Writes a number with zeros before it, to at least so many digits.
pub(super) fn padded(text: &mut String, number: impl itoa::Integer, width: usize) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(number);
    for _ in digits.len()..width {
        text.push('0');
    }
    text.push_str(digits);
}

/// Writes an amount in major units, with all decimal places of its currency: `-119.00`.
pub(super) fn amount(text: &mut String, money: Money) {
    let places = money.currency().exponent();
    let (units, size) = (10_u64.saturating_pow(places), money.amount().unsigned_abs());
    if money.amount() < 0 {
        text.push('-');
    }
    count(text, size / units);
    if places > 0 {
        text.push('.');
        padded(text, size % units, usize::try_from(places).unwrap_or(0));
    }
}

/// An amount in major units.
pub(super) fn amount_of(money: Money) -> String {
    let mut text = String::with_capacity(16);
    amount(&mut text, money);
    text
}

/// Writes a day with a sign between its parts: `2026-01-15`.
pub(super) fn day(text: &mut String, day: NaiveDate, between: &str) {
    padded(text, day.year(), 4);
    text.push_str(between);
    padded(text, day.month(), 2);
    text.push_str(between);
    padded(text, day.day(), 2);
}

/// A day with a sign between its parts.
pub(super) fn day_of(of: NaiveDate, between: &str) -> String {
    let mut text = String::with_capacity(10);
    day(&mut text, of, between);
    text
}

/// A pattern of days.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub(super) struct Days(Vec<Piece>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Year,
    ShortYear,
    Month,
    BareMonth,
    NamedMonth,
    Day,
    BareDay,
    Sign(char),
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

impl Piece {
    /// What a run of equal letters stands for.
    fn of(run: &str) -> Option<Self> {
        match run {
            "YYYY" => Some(Self::Year),
            "YY" => Some(Self::ShortYear),
            "MMM" => Some(Self::NamedMonth),
            "MM" => Some(Self::Month),
            "M" => Some(Self::BareMonth),
            "DD" => Some(Self::Day),
            "D" => Some(Self::BareDay),
            _ => None,
        }
    }
}

impl TryFrom<String> for Days {
    type Error = String;

    fn try_from(pattern: String) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = pattern.as_str();
        while let Some(sign) = rest.chars().next() {
            let run = rest.trim_start_matches(sign);
            let (run, after) = rest.split_at(rest.len() - run.len());
            if sign.is_alphanumeric() {
                let piece = Piece::of(run).ok_or_else(|| {
                    format!("`{run}` in the pattern of days `{pattern}` is none of YYYY, YY, MMM, MM, M, DD and D")
                })?;
                pieces.push(piece);
            } else if sign.is_control() {
                return Err("a pattern of days has no control characters".to_owned());
            } else {
                pieces.extend(run.chars().map(Piece::Sign));
            }
            rest = after;
        }
        let has = |wanted: &[Piece]| pieces.iter().any(|piece| wanted.contains(piece));
        let has_year = has(&[Piece::Year, Piece::ShortYear]);
        let has_month = has(&[Piece::Month, Piece::BareMonth, Piece::NamedMonth]);
        if !has_year || !has_month {
            return Err(format!(
                "the pattern of days `{pattern}` lacks a year or a month"
            ));
        }
        Ok(Self(pieces))
    }
}

impl Days {
    /// `YYYY-MM-DD`.
    pub(super) fn iso() -> Self {
        let dash = Piece::Sign('-');
        Self(vec![Piece::Year, dash, Piece::Month, dash, Piece::Day])
    }

    /// Whether it tells the days of a month apart.
    pub(super) fn has_day(&self) -> bool {
        let mut pieces = self.0.iter();
        pieces.any(|piece| matches!(piece, Piece::Day | Piece::BareDay))
    }

    /// Whether a sign stands in what it writes.
    pub(super) fn writes(&self, sign: char) -> bool {
        self.0.contains(&Piece::Sign(sign))
    }

    /// The day as it is written.
    pub(super) fn text(&self, day: NaiveDate) -> String {
        let mut text = String::with_capacity(10);
        self.put(&mut text, day);
        text
    }

    /// Writes the day.
    pub(super) fn put(&self, text: &mut String, day: NaiveDate) {
        for piece in &self.0 {
            match piece {
                Piece::Year => padded(text, day.year(), 4),
                Piece::ShortYear => padded(text, day.year().rem_euclid(100), 2),
                Piece::Month => padded(text, day.month(), 2),
                Piece::BareMonth => count(text, day.month()),
                Piece::NamedMonth => {
                    let month = usize::try_from(day.month0()).unwrap_or_default();
                    text.push_str(MONTHS.get(month).copied().unwrap_or_default());
                }
                Piece::Day => padded(text, day.day(), 2),
                Piece::BareDay => count(text, day.day()),
                Piece::Sign(sign) => text.push(*sign),
            }
        }
    }
}

/// Reads a pattern that tells days apart, as every date of an entry needs it.
pub(super) fn full_days<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Days, D::Error> {
    let days = Days::deserialize(deserializer)?;
    if days.has_day() {
        return Ok(days);
    }
    Err(serde::de::Error::custom("a pattern of days needs DD or D"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::Currency;

    #[test]
    fn amounts_are_written_with_all_places_of_their_currency() {
        for (minor, code, text) in [
            (11_900, "EUR", "119.00"),
            (-5, "EUR", "-0.05"),
            (0, "KWD", "0.000"),
            (12_000, "JPY", "12000"),
            (i64::MIN, "JPY", "-9223372036854775808"),
            (i64::MAX, "CLF", "922337203685477.5807"),
        ] {
            let money = Money::minor(minor, Currency::from_code(code).unwrap());
            assert_eq!(amount_of(money), text);
            assert_eq!(money.to_decimal().to_string(), text);
        }
        let day: NaiveDate = "0999-03-05".parse().unwrap();
        assert_eq!(day_of(day, "-"), day.to_string());
        assert_eq!(day_of(day, ""), "09990305");
    }

    #[test]
    fn days_are_written_as_their_pattern_says() {
        let day: NaiveDate = "2026-03-05".parse().unwrap();
        let table = [
            ("YYYY-MM-DD", "2026-03-05"),
            ("DD.MM.YYYY", "05.03.2026"),
            ("M/D/YY", "3/5/26"),
            ("YYYYMMDD", "20260305"),
            ("DD-MMM-YYYY", "05-Mar-2026"),
            ("MMM YYYY", "Mar 2026"),
        ];
        for (pattern, text) in table {
            let days = Days::try_from(pattern.to_owned()).unwrap();
            assert_eq!(days.text(day), text);
        }
        for odd in [
            "",
            "DD.MM",
            "YYYY",
            "YYY-MM-DD",
            "yyyy-mm-dd",
            "YYYY-MM-DDThh",
            "YYYY\nMM",
        ] {
            assert!(Days::try_from(odd.to_owned()).is_err(), "{odd}");
        }
        assert_eq!(Days::iso().text(day), "2026-03-05");
    }
}
