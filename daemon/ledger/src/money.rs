//! Money is an integer count of a currency's smallest unit.
//!
//! Decimals exist between an event and its posting; [`Money::round`] and [`Money::exact`] are the
//! only doors from there into the journal, and the caller names which one it takes.

use rust_decimal::{Decimal, RoundingStrategy};
use std::fmt;

/// An amount in a currency's smallest unit: cents, yen, fils.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MinorUnits(i64);

/// The largest amount that comes in from outside, in minor units: ten trillion dollars. Nine thousand
/// of them still sum within 64 bits.
pub const LARGEST: i64 = 1_000_000_000_000_000;

impl MinorUnits {
    /// Takes a count of minor units as it is.
    pub const fn new(value: i64) -> Self {
        Self(value)
    }

    /// The count.
    pub const fn get(self) -> i64 {
        self.0
    }
}

/// An ISO 4217 currency: looked up, never spelled.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency {
    code: &'static str,
    numeric: u16,
    exponent: u8,
}

impl Currency {
    /// Looks up an alphabetic ISO 4217 code, upper case.
    ///
    /// # Errors
    /// [`MoneyError::UnknownCurrency`] for a code that ISO 4217 does not list, or lists without a
    /// minor unit (gold, testing codes).
    pub fn from_code(code: &str) -> Result<Self, MoneyError> {
        iso_currency::Currency::from_code(code)
            .and_then(Self::from_iso)
            .ok_or_else(|| MoneyError::UnknownCurrency(code.to_owned()))
    }

    /// Looks up an ISO 4217 number, as the store keeps it.
    ///
    /// # Errors
    /// [`MoneyError::UnknownCurrency`] as for [`Currency::from_code`].
    pub fn from_numeric(numeric: i64) -> Result<Self, MoneyError> {
        u16::try_from(numeric)
            .ok()
            .and_then(iso_currency::Currency::from_numeric)
            .and_then(Self::from_iso)
            .ok_or_else(|| MoneyError::UnknownCurrency(numeric.to_string()))
    }

    fn from_iso(iso: iso_currency::Currency) -> Option<Self> {
        let exponent = u8::try_from(iso.exponent()?).ok()?;
        Some(Self {
            code: iso.code(),
            numeric: iso.numeric(),
            exponent,
        })
    }

    /// The alphabetic code, `EUR`.
    pub const fn code(self) -> &'static str {
        self.code
    }

    /// The ISO 4217 number, 978 for the euro.
    pub const fn numeric(self) -> u16 {
        self.numeric
    }

    /// Decimal places of the minor unit: 2 for EUR, 0 for JPY, 3 for KWD.
    pub fn exponent(self) -> u32 {
        u32::from(self.exponent)
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code)
    }
}

/// An exact amount that the journal can hold. Shown as `119.00 EUR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money {
    amount: MinorUnits,
    currency: Currency,
}

/// Why a number is not money.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MoneyError {
    /// ISO 4217 has no such code with a minor unit.
    #[error("`{0}` is not an ISO 4217 currency with a minor unit")]
    UnknownCurrency(String),
    /// Beyond [`LARGEST`].
    #[error("{0} is beyond the largest amount that is taken, {LARGEST} minor units")]
    OutOfRange(Decimal),
    /// More decimal places than the currency has, and nobody named a rounding.
    #[error("{value} has more decimal places than {currency} ({exponent}), and no rounding is named", exponent = .currency.exponent())]
    NotExact {
        /// The number as it came.
        value: Decimal,
        /// The currency it should be in.
        currency: Currency,
    },
    /// Two currencies in one operation.
    #[error("cannot combine {0} with {1}")]
    CurrencyMismatch(Currency, Currency),
    /// Text that is no decimal number of at most 28 digits.
    #[error("`{0}` is not a decimal number of at most 28 digits")]
    NotANumber(String),
}

/// The roundings that a mapping may ask for, each by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest, a tie to the even neighbour: `half-even`.
    HalfEven,
    /// To the nearest, a tie away from zero: `half-up`.
    HalfUp,
    /// Cut off: `toward-zero`.
    TowardZero,
}

impl Rounding {
    /// Reads the name that YAML uses.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "half-even" => Some(Self::HalfEven),
            "half-up" => Some(Self::HalfUp),
            "toward-zero" => Some(Self::TowardZero),
            _ => None,
        }
    }

    fn strategy(self) -> RoundingStrategy {
        match self {
            Self::HalfEven => RoundingStrategy::MidpointNearestEven,
            Self::HalfUp => RoundingStrategy::MidpointAwayFromZero,
            Self::TowardZero => RoundingStrategy::ToZero,
        }
    }
}

impl Money {
    /// Minor units of a currency.
    pub const fn new(amount: MinorUnits, currency: Currency) -> Self {
        Self { amount, currency }
    }

    /// Shorthand for [`Money::new`] over a bare count of minor units.
    pub const fn minor(amount: i64, currency: Currency) -> Self {
        Self {
            amount: MinorUnits(amount),
            currency,
        }
    }

    /// Rounds a decimal to the currency's minor unit, in the way that the caller names.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] beyond [`LARGEST`].
    pub fn round(
        value: Decimal,
        currency: Currency,
        rounding: Rounding,
    ) -> Result<Self, MoneyError> {
        let places = currency.exponent();
        let rounded = value.round_dp_with_strategy(places, rounding.strategy());
        Self::exact(rounded, currency)
    }

    /// Takes a decimal that already is a whole number of minor units.
    ///
    /// # Errors
    /// [`MoneyError::NotExact`] when it is not; [`MoneyError::OutOfRange`] beyond [`LARGEST`].
    pub fn exact(value: Decimal, currency: Currency) -> Result<Self, MoneyError> {
        let mut scaled = value;
        if scaled.scale() > currency.exponent() {
            scaled.normalize_assign();
        }
        if scaled.scale() > currency.exponent() {
            return Err(MoneyError::NotExact { value, currency });
        }
        scaled.rescale(currency.exponent());
        if scaled.scale() != currency.exponent() {
            return Err(MoneyError::OutOfRange(value));
        }
        let amount = i64::try_from(scaled.mantissa())
            .ok()
            .filter(|amount| (-LARGEST..=LARGEST).contains(amount))
            .ok_or(MoneyError::OutOfRange(value))?;
        Ok(Self {
            amount: MinorUnits(amount),
            currency,
        })
    }

    /// Reads decimal text in major units, `-1234.50`, as settlement files write it.
    ///
    /// # Errors
    /// [`MoneyError::NotANumber`], [`MoneyError::NotExact`] or [`MoneyError::OutOfRange`].
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        Self::exact(parse_decimal(text)?, currency)
    }

    /// The amount in minor units.
    pub const fn amount(self) -> i64 {
        self.amount.0
    }

    /// The currency.
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// The amount in major units, with all decimal places of the currency.
    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.amount.0, self.currency.exponent())
    }

    /// The sum of two amounts of one currency.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`], or [`MoneyError::OutOfRange`] beyond [`LARGEST`].
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyMismatch(self.currency, other.currency));
        }
        let sum = self.amount.0.checked_add(other.amount.0);
        let amount = sum.filter(|sum| (-LARGEST..=LARGEST).contains(sum));
        let amount = amount.ok_or_else(|| MoneyError::OutOfRange(self.to_decimal()))?;
        Ok(Self::minor(amount, self.currency))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = usize::try_from(self.currency.exponent()).unwrap_or(0);
        let units = 10_u64.saturating_pow(self.currency.exponent());
        let (amount, size) = (self.amount(), self.amount().unsigned_abs());
        let sign = if amount < 0 { "-" } else { "" };
        write!(f, "{sign}{}", size / units)?;
        if places > 0 {
            write!(f, ".{:0places$}", size % units)?;
        }
        write!(f, " {}", self.currency)
    }
}

/// Reads a decimal number of at most 28 digits, exactly; exponents as in `1e3` are understood.
///
/// # Errors
/// [`MoneyError::NotANumber`].
pub fn parse_decimal(text: &str) -> Result<Decimal, MoneyError> {
    let number = match text.split_once(['e', 'E']) {
        None => Decimal::from_str_exact(text).ok(),
        Some((digits, exponent)) => scientific(digits, exponent),
    };
    number.ok_or_else(|| MoneyError::NotANumber(text.to_owned()))
}

/// The library's own reading of exponents rounds digits beyond the 28th away.
fn scientific(digits: &str, exponent: &str) -> Option<Decimal> {
    let number = Decimal::from_str_exact(digits).ok()?;
    if number.is_zero() {
        return exponent.parse::<i128>().ok().map(|_any| Decimal::ZERO);
    }
    let scale = i32::try_from(number.scale()).ok()?;
    let mut scale = scale.checked_sub(exponent.parse().ok()?)?;
    let mut mantissa = number.mantissa();
    while scale > 0 && mantissa % 10 == 0 {
        (mantissa, scale) = (mantissa / 10, scale - 1);
    }
    if scale < 0 {
        let tens = 10_i128.checked_pow(scale.unsigned_abs())?;
        (mantissa, scale) = (mantissa.checked_mul(tens)?, 0);
    }
    Decimal::try_from_i128_with_scale(mantissa, u32::try_from(scale).ok()?).ok()
}

/// Splits `total` in proportion to `weights`, so that the parts sum to it: largest remainder,
/// earlier parts first among equals. Weights below zero count as zero; without any weight the
/// first part takes all.
pub fn allocate(total: i64, weights: &[i64]) -> Vec<i64> {
    let sum: i128 = weights.iter().map(|w| i128::from((*w).max(0))).sum();
    if sum == 0 {
        return weights
            .iter()
            .enumerate()
            .map(|(i, _)| if i == 0 { total } else { 0 })
            .collect();
    }
    let whole = i128::from(total);
    let mut parts: Vec<(usize, i128, i128)> = weights
        .iter()
        .enumerate()
        .map(|(index, weight)| {
            let share = whole * i128::from((*weight).max(0));
            (index, share.div_euclid(sum), share.rem_euclid(sum))
        })
        .collect();
    let given: i128 = parts.iter().map(|(_, quotient, _)| quotient).sum();
    let missing = usize::try_from(whole - given).unwrap_or(0);
    parts.sort_by(|a, b| b.2.cmp(&a.2).then(a.0.cmp(&b.0)));
    for part in parts.iter_mut().take(missing) {
        part.1 += 1;
    }
    parts.sort_by_key(|part| part.0);
    parts
        .into_iter()
        .map(|(_, share, _)| i64::try_from(share).unwrap_or(0))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn currency(code: &str) -> Currency {
        Currency::from_code(code).unwrap()
    }

    #[test]
    fn roundings_differ_where_a_bookkeeper_expects_them_to() {
        let table = [
            // value, currency, half-even, half-up, toward-zero
            ("19.995", "EUR", "20.00", "20.00", "19.99"),
            ("19.985", "EUR", "19.98", "19.99", "19.98"),
            ("-19.985", "EUR", "-19.98", "-19.99", "-19.98"),
            ("1234.5", "JPY", "1234", "1235", "1234"),
            ("0.0005", "KWD", "0.000", "0.001", "0.000"),
        ];
        for (value, code, even, up, zero) in table {
            let round = |rounding| {
                let money = Money::round(value.parse().unwrap(), currency(code), rounding);
                money.unwrap().to_decimal().to_string()
            };
            assert_eq!(round(Rounding::HalfEven), even, "{value} {code}");
            assert_eq!(round(Rounding::HalfUp), up, "{value} {code}");
            assert_eq!(round(Rounding::TowardZero), zero, "{value} {code}");
        }
    }

    #[test]
    fn what_is_not_money_says_why() {
        let eur = currency("EUR");
        let refused = |text: &str| Money::parse(text, eur).unwrap_err().to_string();
        assert_eq!(
            refused("1.005"),
            "1.005 has more decimal places than EUR (2), and no rounding is named"
        );
        assert_eq!(
            refused("10000000000000.01"),
            "10000000000000.01 is beyond the largest amount that is taken, 1000000000000000 minor units"
        );
        assert_eq!(
            refused("1,00"),
            "`1,00` is not a decimal number of at most 28 digits"
        );
        assert!(Money::parse("10000000000000.00", eur).is_ok());
        assert!(Currency::from_code("XAU").is_err());
        assert!(Currency::from_code("eur").is_err());
    }

    #[test]
    fn exponents_are_read_exactly_or_refused() {
        let table = [
            ("1e3", Some("1000")),
            ("1.20E+1", Some("12")),
            ("-125e-2", Some("-1.25")),
            ("0e999", Some("0")),
            ("100e-30", Some("0.0000000000000000000000000001")),
            ("1e28", Some("10000000000000000000000000000")),
            ("1e29", None),
            ("1e-29", None),
            ("1e99999999999", None),
            ("1.23456789012345678901234567890123e2", None),
            ("1e", None),
            ("e1", None),
        ];
        for (text, number) in table {
            let read = parse_decimal(text).ok().map(|number| number.to_string());
            assert_eq!(read.as_deref(), number, "{text}");
        }
    }

    proptest! {
        /// No amount that 64 bits hold breaks anything off.
        #[test]
        fn any_amount_is_taken_or_refused(
            amount in prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), Just(LARGEST), Just(-LARGEST - 1)],
            other in prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX)],
            code in prop::sample::select(vec!["EUR", "JPY", "KWD"]),
            weights in prop::collection::vec(any::<i64>(), 1..6),
        ) {
            let money = Money::minor(amount, currency(code));
            let within = (-LARGEST..=LARGEST).contains(&amount);
            let text = money.to_decimal().to_string();
            prop_assert_eq!(money.to_string(), format!("{text} {code}"));
            for read in [
                Money::exact(money.to_decimal(), currency(code)),
                Money::parse(&text, currency(code)),
                Money::round(money.to_decimal(), currency(code), Rounding::HalfEven),
            ] {
                match read {
                    Ok(read) => prop_assert!(within && read == money),
                    Err(error) => prop_assert!(!within && matches!(error, MoneyError::OutOfRange(_)), "{error}"),
                }
            }
            let sum = i128::from(amount) + i128::from(other);
            match money.checked_add(Money::minor(other, currency(code))) {
                Ok(found) => prop_assert_eq!(i128::from(found.amount()), sum),
                Err(_) => prop_assert!(sum.unsigned_abs() > u128::from(LARGEST.unsigned_abs())),
            }
            let parts = allocate(amount, &weights);
            prop_assert_eq!(parts.iter().map(|part| i128::from(*part)).sum::<i128>(), i128::from(amount));
        }

        #[test]
        fn parts_sum_to_the_whole(total in any::<i64>(), weights in prop::collection::vec(0i64..1_000_000, 1..20)) {
            let parts = allocate(total, &weights);
            prop_assert_eq!(parts.iter().map(|p| i128::from(*p)).sum::<i128>(), i128::from(total));
            prop_assert_eq!(parts.len(), weights.len());
        }

        #[test]
        fn text_round_trips(amount in -LARGEST..=LARGEST, code in prop::sample::select(vec!["EUR", "JPY", "KWD", "USD"])) {
            let money = Money::minor(amount, currency(code));
            let text = money.to_decimal().to_string();
            prop_assert_eq!(money.to_string(), format!("{text} {code}"));
            prop_assert_eq!(Money::parse(&text, currency(code)).unwrap(), money);
            prop_assert_eq!(Money::round(money.to_decimal(), currency(code), Rounding::HalfEven).unwrap(), money);
        }
    }
}
