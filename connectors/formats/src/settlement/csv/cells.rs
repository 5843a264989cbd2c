//! Cells as amounts and days, in the ways that the options tell.
//!
//! An amount is exact or refused. Signs between thousands are checked to stand before three digits
//! (or two, as in lakhs, before the last three), so that a wrong option does not multiply amounts.

use chrono::NaiveDate;
use ledger::Currency;
use ledger::money::LARGEST;
use rust_decimal::Decimal;

/// The most decimals of an amount: with the largest amount, sums stay exact within 28 digits.
const DECIMALS: usize = 12;

/// How amounts are written.
#[derive(Clone, Debug)]
pub(super) struct Numbers {
    pub(super) decimal: char,
    pub(super) thousands: Option<char>,
    pub(super) symbols: Vec<String>,
    pub(super) minor: bool,
}

impl Numbers {
    /// An amount in major units.
    pub(super) fn read(&self, text: &str, currency: Currency) -> Result<Decimal, String> {
        let odd = || format!("`{text}` is no amount{}", self.wanted());
        let (negative, body) = self.bare(text).ok_or_else(odd)?;
        let (whole, decimals) = body.split_once(self.decimal).unwrap_or((body, ""));
        let whole = self.grouped(whole).ok_or_else(odd)?;
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len() + decimals.len() == 0 || !digits(&whole) || !digits(decimals) {
            return Err(odd());
        }
        // Either may be empty.
        let plain = match decimals {
            "" => format!("0{whole}"),
            decimals => format!("0{whole}.{decimals}"),
        };
        if decimals.trim_end_matches('0').len() > DECIMALS {
            return Err(format!("`{text}` has more than {DECIMALS} decimals"));
        }
        let mut value = ledger::money::parse_decimal(&plain).map_err(|error| error.to_string())?;
        if self.minor {
            if !value.fract().is_zero() {
                return Err(format!("`{text}` is no whole number of minor units"));
            }
            value *= Decimal::new(1, currency.exponent());
        }
        if value > Decimal::from(LARGEST) {
            return Err(format!(
                "`{text}` is beyond the largest amount that is taken"
            ));
        }
        Ok(if negative { -value } else { value })
    }

    /// What is left without sign and symbols; none for two signs.
    fn bare<'t>(&self, text: &'t str) -> Option<(bool, &'t str)> {
        let (mut rest, mut sign) = (text.trim(), None);
        loop {
            let before = rest;
            for symbol in &self.symbols {
                rest = rest.strip_prefix(symbol.as_str()).unwrap_or(rest);
                rest = rest.strip_suffix(symbol.as_str()).unwrap_or(rest);
            }
            let minus = rest
                .strip_prefix(['-', '\u{2212}'])
                .or_else(|| rest.strip_suffix(['-', '\u{2212}']))
                .or_else(|| rest.strip_prefix('(')?.strip_suffix(')'));
            let plus = rest.strip_prefix('+').or_else(|| rest.strip_suffix('+'));
            for (found, negative) in [(minus, true), (plus, false)] {
                if let Some(found) = found {
                    if sign.replace(negative).is_some() {
                        return None;
                    }
                    rest = found;
                    break;
                }
            }
            rest = rest.trim();
            if rest == before {
                return Some((sign.unwrap_or(false), rest));
            }
        }
    }

    /// Whole units without the signs between thousands.
    fn grouped(&self, whole: &str) -> Option<String> {
        let Some(thousands) = self.thousands else {
            return Some(whole.to_owned());
        };
        let between = |sign: char| match thousands {
            ' ' => [' ', '\u{a0}', '\u{202f}'].contains(&sign),
            '\'' => ['\'', '\u{2019}'].contains(&sign),
            own => sign == own,
        };
        let groups: Vec<&str> = whole.split(between).collect();
        let (first, rest) = groups.split_first()?;
        let Some((last, middle)) = rest.split_last() else {
            return Some(whole.to_owned());
        };
        let fits = (1..=3).contains(&first.len())
            && last.len() == 3
            && middle.iter().all(|group| (2..=3).contains(&group.len()));
        fits.then(|| groups.concat())
    }

    fn wanted(&self) -> String {
        let between = match self.thousands {
            Some(sign) => format!(" and `{sign}` between thousands"),
            None => String::new(),
        };
        format!(" with `{}` before decimals{between}", self.decimal)
    }
}

/// How a day is written: `DD.MM.YYYY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Days {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Year4,
    Year2,
    Month,
    MonthName,
    Day,
    Sign(char),
}

const PARTS: &[(&str, Part)] = &[
    ("YYYY", Part::Year4),
    ("YY", Part::Year2),
    ("MMM", Part::MonthName),
    ("MM", Part::Month),
    ("DD", Part::Day),
];

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

impl Days {
    /// Reads a pattern.
    pub(super) fn of(text: &str) -> Result<Self, String> {
        let (mut rest, mut parts) = (text, Vec::new());
        while let Some(sign) = rest.chars().next() {
            let known = PARTS
                .iter()
                .find_map(|(name, part)| Some((rest.strip_prefix(name)?, *part)));
            if let Some((after, part)) = known {
                parts.push(part);
                rest = after;
            } else if sign.is_ascii_alphanumeric() {
                return Err(format!(
                    "`{text}` is no way to write a day; YYYY, YY, MM, MMM and DD stand for its parts"
                ));
            } else {
                parts.push(Part::Sign(sign));
                rest = rest.get(sign.len_utf8()..).unwrap_or_default();
            }
        }
        let count = |wanted: &[Part]| parts.iter().filter(|part| wanted.contains(part)).count();
        let whole = count(&[Part::Year4, Part::Year2]) == 1
            && count(&[Part::Month, Part::MonthName]) == 1
            && count(&[Part::Day]) == 1;
        if !whole {
            return Err(format!(
                "`{text}` is no whole day; year, month and day stand once each"
            ));
        }
        Ok(Self {
            text: text.to_owned(),
            parts,
        })
    }

    /// Whether one text may be two days, `01/02/2026`.
    pub(super) fn collides(&self, other: &Self) -> bool {
        let shape = |days: &Self| {
            let same = |part: &Part| match part {
                Part::Month | Part::Day | Part::Year2 => Part::Day,
                other => *other,
            };
            days.parts.iter().map(same).collect::<Vec<Part>>()
        };
        self != other && shape(self) == shape(other)
    }

    /// The day with which a text begins; a time may follow it.
    fn read(&self, text: &str) -> Option<NaiveDate> {
        let (mut rest, mut year, mut month, mut day) = (text, 0, 0, 0);
        for (at, part) in self.parts.iter().enumerate() {
            // Where no sign stands beside it, a number has all its digits.
            let beside = [at.checked_sub(1), at.checked_add(1)].into_iter().flatten();
            let fixed = beside
                .filter_map(|at| self.parts.get(at))
                .any(|part| !matches!(part, Part::Sign(_)));
            let (number, after) = match part {
                Part::Sign(sign) => {
                    rest = rest.strip_prefix(*sign)?;
                    continue;
                }
                Part::MonthName => name(rest)?,
                Part::Year4 => digits(rest, 4, 4)?,
                Part::Year2 => digits(rest, 2, 2)?,
                Part::Month | Part::Day => digits(rest, if fixed { 2 } else { 1 }, 2)?,
            };
            rest = after;
            match part {
                Part::Year4 => year = number,
                Part::Year2 => year = 2000 + number,
                Part::Day => day = number,
                _ => month = number,
            }
        }
        let ends = rest
            .chars()
            .next()
            .is_none_or(|sign| sign.is_whitespace() || ['T', ',', 'Z', '+'].contains(&sign));
        let year = i32::try_from(year).ok().filter(|year| *year >= 1900)?;
        NaiveDate::from_ymd_opt(year, month, day).filter(|_| ends)
    }
}

fn digits(text: &str, least: usize, most: usize) -> Option<(u32, &str)> {
    let count = text
        .bytes()
        .take(most)
        .take_while(u8::is_ascii_digit)
        .count();
    let (digits, rest) = text.split_at_checked(count)?;
    let number = digits.parse().ok().filter(|_| count >= least)?;
    Some((number, rest))
}

fn name(text: &str) -> Option<(u32, &str)> {
    let (name, rest) = text.split_at_checked(3)?;
    let at = MONTHS
        .iter()
        .position(|month| name.eq_ignore_ascii_case(month))?;
    Some((u32::try_from(at).ok()? + 1, rest))
}

/// A day in one of several ways.
pub(super) fn day(text: &str, ways: &[Days]) -> Result<NaiveDate, String> {
    ways.iter().find_map(|way| way.read(text)).ok_or_else(|| {
        let ways: Vec<&str> = ways.iter().map(|way| way.text.as_str()).collect();
        format!("`{text}` is no day as {}", ways.join(", "))
    })
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        reason = "a test that cannot go on should say where"
    )]

    use super::*;

    fn numbers(decimal: char, thousands: Option<char>) -> Numbers {
        Numbers {
            decimal,
            thousands,
            symbols: vec!["$".to_owned(), "EUR".to_owned()],
            minor: false,
        }
    }

    #[test]
    fn amounts_are_exact_or_refused() {
        let euro = Currency::from_code("EUR").unwrap();
        let ok = [
            ('.', None, "1234.50", "1234.5"),
            ('.', Some(','), "-1,234,567.5", "-1234567.5"),
            ('.', Some(','), "12,34,567.89", "1234567.89"),
            (',', Some('.'), "1.234,50-", "-1234.5"),
            (',', Some('.'), "1234,50", "1234.5"),
            (',', None, "0009,", "9"),
            (',', None, ",5", "0.5"),
            (',', Some(' '), "1\u{202f}234,5", "1234.5"),
            ('.', Some('\''), "1\u{2019}234.5 EUR", "1234.5"),
            ('.', None, "$-12.00", "-12"),
            ('.', None, "($12.00)", "-12"),
            ('.', None, "\u{2212}12", "-12"),
            ('.', None, "+12", "12"),
        ];
        for (decimal, thousands, text, wanted) in ok {
            let found = numbers(decimal, thousands).read(text, euro);
            assert_eq!(found.unwrap().normalize().to_string(), wanted, "{text}");
        }
        for (decimal, thousands, text) in [
            ('.', None, "1,234.50"),
            ('.', Some(','), "1,23"),
            ('.', Some(','), "1234,5"),
            (',', Some('.'), "12.50"),
            (',', None, "12.50"),
            ('.', None, "--1"),
            ('.', None, "(-1)"),
            ('.', None, "1e3"),
            ('.', None, "1_000"),
            ('.', None, "."),
            ('.', None, "-"),
            ('.', None, "£1"),
            ('.', None, "1.2.3"),
            ('.', Some(','), ",123"),
        ] {
            let refused = numbers(decimal, thousands).read(text, euro).unwrap_err();
            assert!(refused.contains("is no amount with"), "{text}: {refused}");
        }
        let plain = numbers('.', None);
        let nines = "9".repeat(28);
        assert!(plain.read(&nines, euro).unwrap_err().contains("largest"));
        let small = format!("0.{}1", "0".repeat(12));
        assert!(plain.read(&small, euro).unwrap_err().contains("decimals"));
        let minor = Numbers {
            minor: true,
            ..numbers('.', None)
        };
        assert_eq!(minor.read("-1050", euro).unwrap(), Decimal::new(-1050, 2));
        let yen = Currency::from_code("JPY").unwrap();
        assert_eq!(minor.read("1050", yen).unwrap(), Decimal::new(1050, 0));
        assert!(minor.read("10.5", euro).unwrap_err().contains("minor"));
    }

    #[test]
    fn days_are_read_as_they_are_told() {
        for (way, text) in [
            ("YYYY-MM-DD", "2026-01-05"),
            ("YYYY-MM-DD", "2026-01-05T23:59:59-08:00"),
            ("YYYYMMDD", "20260105"),
            ("DD.MM.YYYY", "5.1.2026 08:00"),
            ("DD.MM.YY", "05.01.26"),
            ("MM/DD/YYYY", "1/5/2026"),
            ("DD-MMM-YYYY", "05-JAN-2026"),
            ("DD MMM YYYY", "5 Jan 2026, 10:00"),
        ] {
            let ways = [Days::of(way).unwrap()];
            assert_eq!(day(text, &ways).unwrap().to_string(), "2026-01-05");
        }
        for (way, text) in [
            ("YYYY-MM-DD", "2026-02-30"),
            ("YYYY-MM-DD", "2026-01-055"),
            ("DD.MM.YYYY", "05.01.26"),
            ("DD.MM.YY", "05.01.2026"),
            ("YYYYMMDD", "2026105"),
            ("DD.MM.YYYY", ""),
        ] {
            let ways = [Days::of(way).unwrap()];
            assert!(day(text, &ways).is_err(), "{way} {text}");
        }
        let way = |text: &str| Days::of(text).unwrap();
        assert!(way("DD/MM/YYYY").collides(&way("MM/DD/YYYY")));
        assert!(way("DD.MM.YY").collides(&way("YY.MM.DD")));
        assert!(!way("DD/MM/YYYY").collides(&way("YYYY-MM-DD")));
        assert!(!way("DD/MM/YYYY").collides(&way("DD/MM/YY")));
        assert!(Days::of("DD.MM.").is_err());
        assert!(Days::of("%d.%m.%Y").is_err());
    }
}
