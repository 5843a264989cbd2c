//! The canonical encoding under every hash.
//!
//! A sequence of fields, each a four-byte big-endian length and its bytes; numbers as decimal
//! text. The first field names what is encoded and its version. An auditor can write it again in
//! a dozen lines of any language.

use crate::hash::Hash;
use crate::money::Money;
use std::fmt::Display;
use std::io::Write;

/// Gathers fields for a SHA-256.
#[derive(Debug)]
pub struct Encoder(Vec<u8>);

impl Encoder {
    /// Begins an encoding of the named kind.
    pub fn new(kind: &str) -> Self {
        let mut encoder = Self(Vec::with_capacity(1 << 10));
        encoder.text(kind);
        encoder
    }

    /// A field of bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes);
    }

    /// A field of UTF-8 text.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// A field holding a whole number.
    pub fn count(&mut self, count: usize) {
        self.text(itoa::Buffer::new().format(count));
    }

    /// A field holding an amount as it is shown, `-12.50 EUR`.
    pub fn money(&mut self, money: Money) {
        let (size, exponent) = (money.amount().unsigned_abs(), money.currency().exponent());
        let units = 10_u64.saturating_pow(exponent);
        let mut digits = itoa::Buffer::new();
        self.field(|bytes| {
            if money.amount() < 0 {
                bytes.push(b'-');
            }
            bytes.extend_from_slice(digits.format(size / units).as_bytes());
            if exponent > 0 {
                // A one before it keeps the zeros that it begins with, and gives way to the point.
                let fraction = bytes.len();
                bytes.extend_from_slice(digits.format(units + size % units).as_bytes());
                if let Some(one) = bytes.get_mut(fraction) {
                    *one = b'.';
                }
            }
            bytes.push(b' ');
            bytes.extend_from_slice(money.currency().code().as_bytes());
        });
    }

    /// A field holding a value's text.
    pub fn value(&mut self, value: impl Display) {
        self.field(|bytes| {
            // Writing to a vector cannot fail.
            let _ok = write!(bytes, "{value}");
        });
    }

    fn field(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let at = self.0.len();
        self.0.extend_from_slice(&[0; 4]);
        write(&mut self.0);
        let written = self.0.len() - at - 4;
        let length = u32::try_from(written).unwrap_or(u32::MAX).to_be_bytes();
        if let Some(place) = self.0.get_mut(at..at + 4) {
            place.copy_from_slice(&length);
        }
    }

    /// The hash of all fields.
    pub fn finish(self) -> Hash {
        Hash::of(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;
    use proptest::prelude::*;

    proptest! {
        /// What is written by hand is what is shown.
        #[test]
        fn amounts_and_counts_are_encoded_as_they_are_shown(
            amount in -crate::money::LARGEST..=crate::money::LARGEST,
            small in -2_000i64..2_000,
            code in prop::sample::select(vec!["EUR", "JPY", "BHD", "UYW"]),
            count in any::<usize>(),
        ) {
            let currency = Currency::from_code(code).unwrap();
            let (mut by_hand, mut shown) = (Encoder::new("t"), Encoder::new("t"));
            for amount in [amount, small] {
                by_hand.money(Money::minor(amount, currency));
                shown.value(Money::minor(amount, currency));
            }
            by_hand.count(count);
            shown.value(count);
            prop_assert_eq!(by_hand.0, shown.0);
        }
    }
}
