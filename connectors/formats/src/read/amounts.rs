//! Amounts that are counts of smallest units, and currencies by their codes.

use ledger::{Currency, Money, MoneyError};
use rust_decimal::Decimal;

/// A currency by its code, in whichever case.
///
/// # Errors
/// [`MoneyError::UnknownCurrency`].
pub fn currency(code: &str) -> Result<Currency, MoneyError> {
    Currency::from_code(&code.to_ascii_uppercase())
}

/// A count of the currency's smallest unit.
///
/// # Errors
/// [`MoneyError::OutOfRange`].
pub fn minor(count: i64, currency: Currency) -> Result<Money, MoneyError> {
    minor_of(count, currency.exponent(), currency)
}

/// A count of a smallest unit that has as many decimals as the sender says.
///
/// # Errors
/// [`MoneyError::OutOfRange`], and [`MoneyError::NotExact`] where the currency has fewer.
pub fn minor_of(count: i64, places: u32, currency: Currency) -> Result<Money, MoneyError> {
    let out_of_range = || MoneyError::OutOfRange(Decimal::from(count));
    let value = Decimal::try_from_i128_with_scale(count.into(), places);
    Money::exact(value.map_err(|_scale| out_of_range())?, currency)
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        reason = "a test that cannot go on should say where"
    )]

    use super::*;

    #[test]
    fn counts_are_amounts_within_bounds() {
        let euro = currency("eur").unwrap();
        let yen = currency("JPY").unwrap();
        assert_eq!(minor(-1050, euro).unwrap().to_string(), "-10.50 EUR");
        assert_eq!(minor(1050, yen).unwrap().to_string(), "1050 JPY");
        assert_eq!(minor_of(1050, 0, euro).unwrap().to_string(), "1050.00 EUR");
        assert_eq!(minor_of(10500, 3, euro).unwrap().to_string(), "10.50 EUR");
        assert!(minor_of(105, 3, euro).is_err());
        assert!(minor_of(1, 99, euro).is_err());
        for most in [i64::MIN, i64::MAX] {
            assert!(minor(most, euro).is_err());
        }
        assert!(currency("€").is_err());
    }
}
