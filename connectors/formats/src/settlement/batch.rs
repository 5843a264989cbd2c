//! What the formats of processors share: the lines of a payout, summed while they pass.
//!
//! A statement of a payout opens with nothing and closes with what was paid, so that its lines prove
//! the payout. Senders with more digits than the currency round once, over the sum; here each line
//! is rounded half-even, and what the roundings leave is a line of its own, named `rounding`.
//!
//! Some two hundred bytes and its name are kept of each payout of a file, and nothing of its lines.

use super::contradictions::Contradictions;
use chrono::NaiveDate;
use ledger::{
    Basis, Currency, FeeKind, FeePart, Money, MoneyError, Movement, Origin, Place, Rounding,
    SettlementLine, Statement,
};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

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
    contradictions: Contradictions,
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
            contradictions: Contradictions::new(),
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
        self.contradictions.add(told);
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
            contradictions: self.contradictions.into_list(),
        }
    }
}

/// The batches of a file, each by its key, numbered as they are met.
#[derive(Debug)]
pub(super) struct Batches<K>(BTreeMap<K, Batch>);

impl<K> Default for Batches<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord> Batches<K> {
    /// The batch of a key.
    pub(super) fn of(&mut self, key: K, currency: Currency) -> &mut Batch {
        let next = self.0.len();
        let new = || Batch::new(next, currency);
        self.0.entry(key).or_insert_with(new)
    }

    /// Adds a line to the batch of a key; that batch's number.
    pub(super) fn add(&mut self, key: K, line: &SettlementLine) -> usize {
        let batch = self.of(key, line.net.currency());
        batch.add(line);
        batch.number
    }
}

impl<K> IntoIterator for Batches<K> {
    type Item = (K, Batch);
    type IntoIter = std::collections::btree_map::IntoIter<K, Batch>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// What a statement of lines that are not paid out yet is called.
pub(super) const UNPAID: &str = "not paid out yet";

/// What the statement of a payout is called; of lines without one, that they are not paid out.
pub(super) fn named(payout: &str) -> &str {
    if payout.is_empty() { UNPAID } else { payout }
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
