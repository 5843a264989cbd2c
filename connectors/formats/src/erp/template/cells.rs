//! How cells are written: numbers, and what is quoted.

use super::options::Config;
use crate::erp::written;
use ledger::{Money, Side};
use rust_decimal::Decimal;
use serde::Deserialize;
use std::borrow::Cow;

/// What stands in a column of a row.
#[derive(Clone, Debug)]
pub(super) enum Cell<'c> {
    /// A text.
    Text(Cow<'c, str>),
    /// A number or a day.
    Bare(Cow<'c, str>),
}

impl Cell<'_> {
    /// A number or a day that was made for its cell.
    pub(super) const fn made(text: String) -> Self {
        Self::Bare(Cow::Owned(text))
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Text(text) | Self::Bare(text) => text,
        }
    }

    /// Its first characters.
    pub(super) fn cut(self, most: usize) -> Self {
        let kept: String = self.as_str().chars().take(most).collect();
        Self::Text(Cow::Owned(kept.trim_end().to_owned()))
    }
}

/// What is quoted. A quote within is doubled.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Quotes {
    /// What holds a separator or a quote, or begins or ends with a blank.
    #[default]
    Needed,
    /// All.
    Always,
    /// Texts, also empty ones; no number and no day.
    Texts,
    /// Nothing: separators and quotes in texts become spaces.
    Never,
}

/// Which places an amount has after its decimal sign.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged, expecting = "places are `currency` or a number from 0 to 6")]
enum Places {
    Fixed(u32),
    Named(NamedPlaces),
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum NamedPlaces {
    Currency,
}

/// What stands for an amount on the side where there is none.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum OtherSide {
    #[default]
    Blank,
    Zero,
}

/// How numbers are written, as the options say it.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct DraftNumbers {
    decimal: char,
    places: Places,
    other_side: OtherSide,
    negative: NegativeSide,
}

/// Which side is negative where amounts are signed.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum NegativeSide {
    #[default]
    Credit,
    Debit,
}

impl Default for DraftNumbers {
    fn default() -> Self {
        Self {
            decimal: '.',
            places: Places::Named(NamedPlaces::Currency),
            other_side: OtherSide::Blank,
            negative: NegativeSide::Credit,
        }
    }
}

/// How numbers are written.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(try_from = "DraftNumbers")]
pub(super) struct Numbers(DraftNumbers);

impl TryFrom<DraftNumbers> for Numbers {
    type Error = String;

    fn try_from(draft: DraftNumbers) -> Result<Self, String> {
        if !matches!(draft.decimal, '.' | ',') {
            return Err(format!("`{}` is no decimal sign", draft.decimal));
        }
        match draft.places {
            Places::Fixed(places) if places > 6 => {
                Err("places are `currency` or a number from 0 to 6".to_owned())
            }
            Places::Fixed(_) | Places::Named(_) => Ok(Self(draft)),
        }
    }
}

impl Numbers {
    /// Whether a sign stands in what it writes.
    pub(super) const fn writes(&self, sign: char) -> bool {
        sign == self.0.decimal
    }

    /// Whether the side without an amount is written as zero.
    pub(super) fn is_zero_written(&self) -> bool {
        self.0.other_side == OtherSide::Zero
    }

    /// Whether signed amounts of a side are negative.
    pub(super) fn is_negative(&self, side: Side) -> bool {
        match self.0.negative {
            NegativeSide::Credit => side == Side::Credit,
            NegativeSide::Debit => side == Side::Debit,
        }
    }

    /// An amount with its places; none where it needs more than there are.
    pub(super) fn amount(&self, money: Money) -> Option<String> {
        let exponent = money.currency().exponent();
        let more = match self.0.places {
            Places::Named(NamedPlaces::Currency) => 0,
            Places::Fixed(places) if places < exponent => return self.text(money.to_decimal()),
            Places::Fixed(places) => places - exponent,
        };
        let mut text = written::amount_of(money);
        if exponent == 0 && more > 0 {
            text.push('.');
        }
        for _ in 0..more {
            text.push('0');
        }
        Some(self.signs(text))
    }

    /// An amount with the places of its currency, which `value` has; none where it needs more than there are.
    pub(super) fn text(&self, value: Decimal) -> Option<String> {
        let mut value = value;
        if let Places::Fixed(places) = self.0.places {
            value.normalize_assign();
            if value.scale() > places {
                return None;
            }
            value.rescale(places);
        }
        Some(self.signs(value.to_string()))
    }

    /// A rate with the digits that it has; none is blank.
    pub(super) fn rate(&self, rate: Option<Decimal>) -> String {
        let text = rate.map(|rate| rate.normalize().to_string());
        self.signs(text.unwrap_or_default())
    }

    fn signs(&self, text: String) -> String {
        if self.0.decimal == '.' {
            return text;
        }
        text.replace('.', self.0.decimal.encode_utf8(&mut [0; 4]))
    }
}

impl Config {
    /// A row without its line end.
    pub(super) fn row<'c>(&self, cells: impl IntoIterator<Item = Cell<'c>>) -> String {
        let mut row = String::new();
        for (cell, place) in cells.into_iter().zip(0..) {
            self.cell(&mut row, place, &cell);
        }
        row
    }

    /// Writes the cell of a place in its row, from 0.
    pub(super) fn cell(&self, row: &mut String, place: usize, cell: &Cell<'_>) {
        if place > 0 {
            row.push(self.separator);
        }
        let text = cell.as_str();
        let is_quoted = match self.quotes {
            Quotes::Needed => {
                let is_padded = match text.as_bytes() {
                    [b'!'..=b'~', .., b'!'..=b'~'] => false,
                    _ => text.trim() != text,
                };
                is_padded || text.contains(['"', self.separator])
            }
            Quotes::Always => true,
            Quotes::Texts => matches!(cell, Cell::Text(_)),
            Quotes::Never => {
                row.push_str(&text.replace(['"', self.separator], " "));
                return;
            }
        };
        if is_quoted {
            row.push('"');
            row.push_str(&text.replace('"', "\"\""));
            row.push('"');
        } else {
            row.push_str(text);
        }
    }
}
