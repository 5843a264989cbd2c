//! Numbers of a configuration: percentages, rates and amounts, as exact decimals and never as floats.

use ledger::Currency;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::fmt;

/// A decimal with at most twelve digits before the point and twelve after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number {
    digits: i64,
    scale: u32,
}

const LONGEST: usize = 12;

impl Number {
    /// Reads `-12.50`.
    pub fn parse(text: &str) -> Option<Self> {
        let (sign, size) = match text.strip_prefix('-') {
            Some(size) => (-1, size),
            None => (1, text),
        };
        let (whole, fraction) = size.split_once('.').unwrap_or((size, ""));
        let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let fraction = fraction.trim_end_matches('0');
        let fits = whole.len() <= LONGEST && fraction.len() <= LONGEST;
        let is_good = !whole.is_empty() && is_number(whole) && is_number(fraction) && fits;
        if !is_good || whole.len() + fraction.len() > 18 {
            return None;
        }
        let digits: i64 = format!("{whole}{fraction}").parse().ok()?;
        let scale = u32::try_from(fraction.len()).ok()?;
        Some(Self {
            digits: sign * digits,
            scale,
        })
    }

    /// So many percent of an amount, halves away from zero.
    pub(crate) fn percent_of(self, amount: i64) -> i64 {
        self.scaled(i128::from(amount), 2)
    }

    /// An amount of this many units in minor units of a currency; what is smaller than those is cut off by halves.
    pub(crate) fn minor(self, currency: Currency) -> i64 {
        self.scaled(10_i128.pow(currency.exponent()), 0)
    }

    /// An amount of one currency in another's minor units, at this rate.
    pub(crate) fn convert(self, amount: i64, from: Currency, to: Currency) -> i64 {
        let (from, to) = (from.exponent(), to.exponent());
        let up = 10_i128.pow(to.saturating_sub(from));
        self.scaled(i128::from(amount) * up, from.saturating_sub(to))
    }

    fn scaled(self, amount: i128, further: u32) -> i64 {
        let unit = 10_i128.pow(self.scale + further);
        let Some(product) = amount.checked_mul(i128::from(self.digits)) else {
            return if (amount < 0) == (self.digits < 0) {
                i64::MAX
            } else {
                i64::MIN
            };
        };
        let half = unit / 2 * product.signum();
        let rounded = (product + half) / unit;
        i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX })
    }
}

/// What is wrong with some currencies that amounts are said in, a sentence each.
pub(crate) fn unknown_currencies<'k>(
    of: &str,
    codes: impl Iterator<Item = &'k String>,
) -> Vec<String> {
    codes
        .filter_map(|code| Currency::from_code(code).err())
        .map(|error| format!("{of}: {error}"))
        .collect()
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = 10_u64.pow(self.scale);
        let size = self.digits.unsigned_abs();
        let sign = if self.digits < 0 { "-" } else { "" };
        write!(f, "{sign}{}", size / unit)?;
        if self.scale > 0 {
            let width = usize::try_from(self.scale).unwrap_or(0);
            write!(f, ".{:0width$}", size % unit)?;
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal such as 2.9")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
                Number::parse(text.trim()).ok_or_else(|| {
                    E::custom(format!(
                        "`{text}` is not a decimal of at most 12 digits and 12 places"
                    ))
                })
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Number, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Number, E> {
                self.visit_str(&number.to_string())
            }
        }
        // Asked for as text, a plain 2.9 comes as it was written.
        deserializer.deserialize_str(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_and_round_by_halves() {
        let number = |text| Number::parse(text).unwrap();
        assert_eq!(number("2.9").percent_of(10_000), 290);
        assert_eq!(number("2.5").percent_of(-1_020), -26);
        assert_eq!(number("-0.50").to_string(), "-0.5");
        let (eur, jpy) = (
            Currency::from_code("EUR").unwrap(),
            Currency::from_code("JPY").unwrap(),
        );
        assert_eq!(number("160.25").convert(10_00, eur, jpy), 1_603);
        assert_eq!(number("0.00625").convert(1_600, jpy, eur), 10_00);
        assert_eq!(
            (number("0.5").minor(eur), number("50").minor(jpy)),
            (50, 50)
        );
        for wrong in ["", ".5", "1e3", "1,5", "--1", "1.2.3", "1234567890123"] {
            assert_eq!(Number::parse(wrong), None, "{wrong}");
        }
    }
}
