//! What the formats of processors share: the lines of a payout, summed while they pass.
//!
//! A statement of a payout opens with nothing and closes with what was paid, so that its lines prove
//! the payout. Senders with more digits than the currency round once, over the sum; here each line
//! is rounded half-even, and what the roundings leave is a line of its own, named `rounding`.

use super::ParseError;
use chrono::NaiveDate;
use ledger::{
    Basis, Currency, FeeKind, FeePart, Hash, Money, MoneyError, Movement, Origin, Place, Rounding,
    SettlementLine, Statement,
};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// As many contradictions of a statement are told.
const MOST_TOLD: usize = 20;

/// The lines of a payout in one currency, summed.
#[derive(Debug)]
pub(super) struct Batch {
    /// Its number among the file's statements.
    pub(super) number: usize,
    /// Its currency.
    pub(super) currency: Currency,
    /// Whether it has lines.
    pub(super) has_lines: bool,
    from: NaiveDate,
    to: NaiveDate,
    total: i64,
    /// The same before any rounding; none beyond 28 digits.
    exact: Option<Decimal>,
    contradictions: Vec<String>,
}

impl Batch {
    /// One without lines.
    pub(super) const fn new(number: usize, currency: Currency) -> Self {
        Self {
            number,
            currency,
            has_lines: false,
            from: NaiveDate::MAX,
            to: NaiveDate::MIN,
            total: 0,
            exact: Some(Decimal::ZERO),
            contradictions: Vec::new(),
        }
    }

    /// The sum of the lines in minor units.
    pub(super) const fn total(&self) -> i64 {
        self.total
    }

    /// Adds a line.
    pub(super) fn add(&mut self, line: &SettlementLine) {
        self.has_lines = true;
        self.days(line);
        if line.gross.amount() - line.fee.amount() != line.net.amount() {
            self.contradict(format!("net of `{}` is not gross less fee", line.identity));
        }
        self.total = self.total.saturating_add(line.net.amount());
        let exact = line.exact.unwrap_or_else(|| line.net.to_decimal());
        self.exact = self.exact.and_then(|sum| sum.checked_add(exact));
    }

    /// Covers the days of a line.
    pub(super) fn days(&mut self, line: &SettlementLine) {
        self.day(line.booked_on);
        if let Some(day) = line.paid_on {
            self.day(day);
        }
    }

    /// Covers a day.
    pub(super) fn day(&mut self, day: NaiveDate) {
        (self.from, self.to) = (self.from.min(day), self.to.max(day));
    }

    /// Keeps what contradicts itself.
    pub(super) fn contradict(&mut self, told: String) {
        if self.contradictions.len() < MOST_TOLD {
            self.contradictions.push(told);
        }
    }

    /// The line that the roundings of the others leave, where what was paid is their exact sum but
    /// for `slack`; a larger difference is none of rounding, and shows.
    pub(super) fn rounding(
        &self,
        identity: String,
        place: Place,
        paid: Money,
        slack: Decimal,
    ) -> Option<SettlementLine> {
        let apart = paid.to_decimal().checked_sub(self.exact?)?;
        let left = paid.amount().checked_sub(self.total)?;
        if apart.abs() > slack || left == 0 {
            return None;
        }
        let left = Money::minor(left, self.currency);
        let what = (Movement::Adjustment, "rounding");
        Some(SettlementLine::new(identity, place, what, left, self.to))
    }

    /// The statement: of a payout where something was paid.
    pub(super) fn close(self, account: &str, identity: &str, paid: Option<Money>) -> Statement {
        Statement {
            origin: Origin::Processor,
            account: account.to_owned(),
            identity: identity.to_owned(),
            currency: self.currency,
            opening: paid.map(|_| Money::minor(0, self.currency)),
            closing: paid,
            from: self.from,
            to: self.to,
            basis: Basis::Final,
            sequence: None,
            page: None,
            made_on: None,
            lines: Vec::new(),
            contradictions: self.contradictions,
        }
    }
}

/// Identities that were composed, counted: the second of two equal ones is `….2`. Sixteen bytes are
/// kept for each.
#[derive(Debug, Default)]
pub(super) struct Repeats(BTreeMap<[u8; 16], u32>);

impl Repeats {
    /// The identity, or with its number where it was there before.
    pub(super) fn name(&mut self, identity: String) -> String {
        let hash = Hash::of(identity.as_bytes());
        let key = hash.as_bytes().first_chunk().copied().unwrap_or_default();
        let count = self.0.entry(key).or_default();
        *count = count.saturating_add(1);
        if *count == 1 {
            return identity;
        }
        format!("{identity}.{count}")
    }
}

/// An amount that may have more digits than its currency.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rounded {
    /// Rounded half-even.
    pub(super) money: Money,
    /// As it was, where that is more.
    pub(super) exact: Option<Decimal>,
}

impl Rounded {
    /// Rounds half-even.
    pub(super) fn of(value: Decimal, currency: Currency) -> Result<Self, MoneyError> {
        let money = Money::round(value, currency, Rounding::HalfEven)?;
        let exact = (money.to_decimal() != value).then(|| value.normalize());
        Ok(Self { money, exact })
    }
}

/// The parts of a fee that are not nothing, with what they do not explain as another part; none
/// where the sender told none.
pub(super) fn fee_parts(fee: Money, told: &[(FeeKind, i64)]) -> Vec<FeePart> {
    let known = told
        .iter()
        .fold(0, |sum: i64, (_, amount)| sum.saturating_add(*amount));
    if told.iter().all(|(_, amount)| *amount == 0) {
        return Vec::new();
    }
    let unexplained = (FeeKind::Other, fee.amount().saturating_sub(known));
    let parts = told.iter().chain([&unexplained]);
    parts
        .filter(|(_, amount)| *amount != 0)
        .map(|(kind, amount)| FeePart {
            kind: *kind,
            amount: Money::minor(*amount, fee.currency()),
        })
        .collect()
}

/// Refuses a word of which it depends whether money moved, and that nobody knows.
pub(super) fn closed(line: u64, field: &str, word: &str, known: &[&str]) -> Result<(), ParseError> {
    if known.contains(&word) {
        return Ok(());
    }
    let known: Vec<&str> = known
        .iter()
        .copied()
        .filter(|word| !word.is_empty())
        .collect();
    let what = format!(
        "{field}: `{word}` is not known, and whether money moved depends on it; known are {}",
        known.join(", ")
    );
    Err(ParseError::new(line, what))
}
