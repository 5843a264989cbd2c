//! Taking entries back, whole or in parts.
//!
//! What is taken back has the accounts, dimensions, rate and schedules of the entry itself, on the other sides.
//! Parts are shares of the whole entry, and what they come to is computed from all of them together: each part
//! balances in every currency, no line is taken back beyond what it was, and parts that make up the whole leave
//! nothing, however they were cut.

use crate::account::Side;
use crate::entry::{JournalEntry, Line};
use crate::money::{Currency, MinorUnits, Money, allocate};
use rust_decimal::{Decimal, RoundingStrategy};
use std::collections::BTreeMap;
use std::fmt;

/// Shares whose sum is nearer to the whole than this are the whole: three thirds, each a decimal.
const NEAR: Decimal = Decimal::from_parts(1, 0, 0, false, 24);

/// How much of an entry an event asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A part of it.
    Part(Part),
    /// As much as an amount is of what the entry's debits sum up to.
    Amount(Money),
}

/// How much of an entry is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All that is left.
    Rest,
    /// A share of the whole entry, more than 0 and at most 1.
    Share(Decimal),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rest => f.write_str("rest"),
            Self::Share(share) => write!(f, "{}", share.normalize()),
        }
    }
}

impl Part {
    /// Reads what [`Part`] is shown as.
    pub fn from_text(text: &str) -> Option<Self> {
        match text {
            "rest" => Some(Self::Rest),
            share => share.parse().ok().map(Self::Share),
        }
    }
}

/// Why a part cannot be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReversalError {
    /// All of it was taken back before.
    #[error("all of it was taken back before")]
    NothingLeft,
    /// Not above 0, or above 1.
    #[error("a share of {0} is none; it is more than 0 and at most 1")]
    NoShare(Decimal),
    /// More than is left.
    #[error("a share of {share} is more than the {left} of it that is left")]
    TooMuch {
        /// What was asked for.
        share: Decimal,
        /// What is left of the whole, 1.
        left: Decimal,
    },
    /// So small a share that no line has a minor unit of it.
    #[error("a share of {0} is less than a minor unit of it")]
    TooSmall(Decimal),
    /// An amount in a currency that the entry does not have, or not alone.
    #[error("{0} is in another currency than it, or not in its only one")]
    OtherCurrency(Money),
    /// The amounts in the functional currency are so small that they cannot be cut where the others are.
    #[error("its amounts in {0} are too small to be cut; take back all of it")]
    Indivisible(Currency),
}

/// What is left of an entry.
#[derive(Clone, Debug)]
pub struct Remaining {
    entry: JournalEntry,
    /// The shares taken back, summed.
    share: Decimal,
    /// What is left of each line: amount and functional amount, in minor units.
    lines: Vec<[i64; 2]>,
}

impl Remaining {
    /// All of an entry.
    pub fn of(entry: JournalEntry) -> Self {
        let left = |line: &Line| [line.amount.amount(), line.functional.amount()];
        Self {
            share: Decimal::ZERO,
            lines: entry.lines().iter().map(left).collect(),
            entry,
        }
    }

    /// The entry itself.
    pub const fn entry(&self) -> &JournalEntry {
        &self.entry
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.share == Decimal::ONE
    }

    /// Which part of it is asked for.
    ///
    /// # Errors
    /// [`ReversalError::OtherCurrency`].
    pub fn part(&self, asked: Asked) -> Result<Part, ReversalError> {
        let amount = match asked {
            Asked::Part(part) => return Ok(part),
            Asked::Amount(amount) => amount,
        };
        let lines = self.entry.lines();
        if lines
            .iter()
            .any(|line| line.amount.currency() != amount.currency())
        {
            return Err(ReversalError::OtherCurrency(amount));
        }
        let debits = lines.iter().filter(|line| line.side == Side::Debit);
        let total: Decimal = debits.map(|line| line.amount.to_decimal()).sum();
        let share = amount.to_decimal().checked_div(total);
        Ok(Part::Share(share.unwrap_or_default()))
    }

    /// The lines that take a part of it back. After an error as much is left as before.
    ///
    /// # Errors
    /// [`ReversalError`].
    pub fn take(&mut self, part: Part) -> Result<Vec<Line>, ReversalError> {
        if self.is_empty() {
            return Err(ReversalError::NothingLeft);
        }
        let left = Decimal::ONE - self.share;
        let wanted = match part {
            Part::Rest => left,
            Part::Share(share) if share <= Decimal::ZERO || share > Decimal::ONE => {
                return Err(ReversalError::NoShare(share));
            }
            Part::Share(share) if share > left + NEAR => {
                return Err(ReversalError::TooMuch { share, left });
            }
            Part::Share(share) => share,
        };
        let mut share = self.share + wanted;
        if (Decimal::ONE - share).abs() < NEAR {
            share = Decimal::ONE;
        }
        let amounts = self.amounts(share);
        if amounts.iter().all(|amount| *amount == 0) {
            return Err(ReversalError::TooSmall(wanted));
        }
        let functional = self.functional(share, &amounts)?;
        self.share = share;
        let mut lines = Vec::new();
        let taken = amounts.into_iter().zip(functional);
        for ((line, left), (amount, functional)) in
            self.entry.lines().iter().zip(&mut self.lines).zip(taken)
        {
            *left = [left[0] - amount, left[1] - functional];
            if amount == 0 {
                continue;
            }
            let money = |amount, of: Money| Money::new(MinorUnits::new(amount), of.currency());
            lines.push(Line {
                side: line.side.opposite(),
                amount: money(amount, line.amount),
                functional: money(functional, line.functional),
                ..line.clone()
            });
        }
        Ok(lines)
    }

    /// What goes of each line's amount when as much of the whole is gone: in each currency the same on both sides.
    fn amounts(&self, share: Decimal) -> Vec<i64> {
        let mut sides = BTreeMap::<(Currency, bool), Vec<usize>>::new();
        for (at, line) in self.entry.lines().iter().enumerate() {
            let place = (line.amount.currency(), line.side == Side::Debit);
            sides.entry(place).or_default().push(at);
        }
        let mut taken = vec![0; self.lines.len()];
        for places in sides.values() {
            let whole = |at: &usize| self.entry.lines()[*at].amount.amount();
            let total: i128 = places.iter().map(|at| i128::from(whole(at))).sum();
            let left: Vec<i64> = places.iter().map(|at| self.lines[*at][0]).collect();
            let goes = goes(total, share, &left);
            for (at, part) in places.iter().zip(allocate(goes, &left)) {
                taken[*at] = part;
            }
        }
        taken
    }

    /// The same of the functional amounts: all of a line whose amount is all gone, none of one that stays whole.
    fn functional(&self, share: Decimal, amounts: &[i64]) -> Result<Vec<i64>, ReversalError> {
        let lines = self.entry.lines();
        if lines.iter().all(|line| line.amount == line.functional) {
            return Ok(amounts.to_vec());
        }
        let side = |debit: bool| -> Vec<usize> {
            let on = |at: &usize| (lines[*at].side == Side::Debit) == debit;
            (0..lines.len()).filter(on).collect()
        };
        let sides = [side(true), side(false)];
        let left =
            |places: &[usize]| -> Vec<i64> { places.iter().map(|at| self.lines[*at][1]).collect() };
        let is_gone = |at: usize| amounts[at] == self.lines[at][0];
        let gone = |places: &[usize]| -> i64 {
            let all = places.iter().filter(|at| is_gone(**at));
            all.map(|at| self.lines[*at][1]).sum()
        };
        let total: i128 = sides[0]
            .iter()
            .map(|at| i128::from(lines[*at].functional.amount()))
            .sum();
        let goes = goes(total, share, &left(&sides[0]));
        let goes = goes.max(gone(&sides[0])).max(gone(&sides[1]));
        let mut taken = vec![0; lines.len()];
        for places in &sides {
            let weights: Vec<i64> = places
                .iter()
                .map(|at| match amounts[*at] {
                    amount if amount == 0 || is_gone(*at) => 0,
                    _ => self.lines[*at][1],
                })
                .collect();
            let rest = goes - gone(places);
            let room: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
            if i128::from(rest) > room {
                let functional = lines.first().map(|line| line.functional.currency());
                return Err(
                    functional.map_or(ReversalError::NothingLeft, ReversalError::Indivisible)
                );
            }
            let parts = if rest == 0 {
                vec![0; places.len()]
            } else {
                allocate(rest, &weights)
            };
            for (at, part) in places.iter().zip(parts) {
                taken[*at] = if is_gone(*at) {
                    self.lines[*at][1]
                } else {
                    part
                };
            }
        }
        Ok(taken)
    }
}

/// How many minor units go now, so that a share of the total is gone then.
fn goes(total: i128, share: Decimal, left: &[i64]) -> i64 {
    let left: i128 = left.iter().map(|part| i128::from(*part)).sum();
    let bounded = |units: i128| i64::try_from(units).unwrap_or(i64::MAX);
    if share == Decimal::ONE {
        return bounded(left);
    }
    // A total that decimals do not hold stays whole until all of it goes.
    let gone = Decimal::try_from_i128_with_scale(total, 0)
        .ok()
        .and_then(|total| total.checked_mul(share))
        .map(|part| part.round_dp_with_strategy(0, RoundingStrategy::MidpointNearestEven))
        .map_or(0, |part| part.mantissa());
    bounded((gone - (total - left)).clamp(0, left))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Dimensions, EntryHeader, EntryKind, RuleRef};
    use crate::hash::{EventKey, Hash};
    use proptest::prelude::*;

    fn currency(code: &str) -> Currency {
        Currency::from_code(code).unwrap()
    }

    /// An entry of debits and credits: amounts in JPY with what they are in EUR.
    fn entry(lines: &[(Side, i64, i64)], code: &str) -> JournalEntry {
        let header = EntryHeader {
            entity: "eu".into(),
            date: "2026-01-15".parse().unwrap(),
            event_on: None,
            kind: EntryKind::Original,
            reference: "INV-1".into(),
            description: "invoice".into(),
            event: EventKey::new("billing", "1"),
            rule: RuleRef {
                mapping: Hash::ZERO,
                rule: "invoice".into(),
            },
            rate: None,
        };
        let line = |(side, amount, functional): &(Side, i64, i64)| Line {
            account: "a".into(),
            side: *side,
            amount: Money::minor(*amount, currency(code)),
            functional: Money::minor(*functional, currency("EUR")),
            dimensions: Dimensions::new(),
            deferral: None,
        };
        JournalEntry::new(header, lines.iter().map(line).collect()).unwrap()
    }

    fn told(lines: Result<Vec<Line>, ReversalError>) -> String {
        match lines {
            Ok(lines) => lines
                .iter()
                .map(|line| {
                    format!(
                        "{}{}",
                        line.side.name().chars().next().unwrap(),
                        line.amount.amount()
                    )
                })
                .collect::<Vec<_>>()
                .join(" "),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn parts_of_an_invoice() {
        use Side::{Credit, Debit};
        let invoice = entry(
            &[
                (Debit, 11_900, 11_900),
                (Credit, 10_000, 10_000),
                (Credit, 1_900, 1_900),
            ],
            "EUR",
        );
        let share = |numerator: i64, denominator: i64| {
            Part::Share(Decimal::from(numerator) / Decimal::from(denominator))
        };
        let table: &[(&[Part], &[&str])] = &[
            (
                &[Part::Rest, Part::Rest],
                &["c11900 d10000 d1900", "all of it was taken back before"],
            ),
            (
                &[share(3_000, 11_900), Part::Rest],
                &["c3000 d2521 d479", "c8900 d7479 d1421"],
            ),
            (
                &[share(1, 3), share(1, 3), share(1, 3)],
                &["c3967 d3334 d633", "c3966 d3333 d633", "c3967 d3333 d634"],
            ),
            (
                &[share(2, 3), share(2, 3)],
                &[
                    "c7933 d6666 d1267",
                    "a share of 0.6666666666666666666666666667 is more than the 0.3333333333333333333333333333 of it that is left",
                ],
            ),
            (
                &[share(5_950, 11_900), Part::Rest],
                &["c5950 d5000 d950", "c5950 d5000 d950"],
            ),
            (
                &[share(0, 1)],
                &["a share of 0 is none; it is more than 0 and at most 1"],
            ),
            (
                &[share(1, 1_000_000)],
                &["a share of 0.000001 is less than a minor unit of it"],
            ),
        ];
        for (parts, wanted) in table {
            let mut left = Remaining::of(invoice.clone());
            let found: Vec<String> = parts.iter().map(|part| told(left.take(*part))).collect();
            assert_eq!(found, *wanted);
        }
    }

    #[test]
    fn an_amount_is_a_share_of_the_debits() {
        use Side::{Credit, Debit};
        let invoice = entry(&[(Debit, 11_900, 11_900), (Credit, 11_900, 11_900)], "EUR");
        let mut left = Remaining::of(invoice);
        let euro = |amount| Asked::Amount(Money::minor(amount, currency("EUR")));
        for (amount, wanted) in [(3_333, "c3333 d3333"), (8_567, "c8567 d8567")] {
            let part = left.part(euro(amount)).unwrap();
            assert_eq!(told(left.take(part)), wanted);
        }
        assert!(left.is_empty());
        let yen = Asked::Amount(Money::minor(1, currency("JPY")));
        assert!(matches!(
            left.part(yen),
            Err(ReversalError::OtherCurrency(_))
        ));
    }

    proptest! {
        /// However an entry is cut, every part is an entry, and the last one leaves nothing of any line.
        #[test]
        fn parts_balance_and_leave_nothing(
            amounts in prop::collection::vec(1i64..5_000, 1..5),
            rate in 1i64..300,
            cuts in prop::collection::vec(1u32..100, 0..6),
        ) {
            let total: i64 = amounts.iter().sum();
            let functional = |amount: i64| amount * rate / 100;
            let mut lines = vec![(Side::Debit, total, functional(total))];
            let parts = allocate(functional(total), &amounts);
            lines.extend(amounts.iter().zip(parts).map(|(amount, part)| (Side::Credit, *amount, part)));
            let whole = entry(&lines, "JPY");
            let mut left = Remaining::of(whole.clone());
            let mut sums = vec![[0_i64; 2]; 2];
            let count = |sums: &mut Vec<[i64; 2]>, taken: &[Line]| {
                for line in taken {
                    let side = usize::from(line.side == Side::Debit);
                    sums[side][0] += line.amount.amount();
                    sums[side][1] += line.functional.amount();
                }
            };
            for cut in cuts {
                match left.take(Part::Share(Decimal::new(i64::from(cut), 2))) {
                    Ok(taken) => {
                        count(&mut sums, &taken);
                        prop_assert!(JournalEntry::new(whole.header().clone(), taken).is_ok());
                    }
                    Err(ReversalError::NothingLeft | ReversalError::TooMuch { .. }
                        | ReversalError::TooSmall(_) | ReversalError::Indivisible(_)) => {}
                    Err(other) => return Err(TestCaseError::fail(other.to_string())),
                }
            }
            if !left.is_empty() {
                let taken = left.take(Part::Rest).unwrap();
                count(&mut sums, &taken);
                prop_assert!(JournalEntry::new(whole.header().clone(), taken).is_ok());
            }
            prop_assert_eq!(sums, vec![[total, functional(total)]; 2]);
            prop_assert!(left.lines.iter().all(|line| *line == [0, 0]));
        }
    }
}
