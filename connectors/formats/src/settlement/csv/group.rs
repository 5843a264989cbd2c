//! A statement of a table while its rows come in: only sums are kept.

use super::options::{Config, Order};
use crate::error::ParseError;
use crate::settlement::batch::UNPAID;
use crate::settlement::contradictions::Contradictions;
use chrono::NaiveDate;
use ledger::{Basis, Currency, Money, Movement, Origin, SettlementLine, Statement};

/// Which statement a row belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) account: String,
    pub(super) name: String,
    pub(super) currency: Currency,
}

/// The rows of a statement, summed.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) number: usize,
    days: Option<(NaiveDate, NaiveDate)>,
    total: i64,
    paid: Option<i64>,
    opening: Option<Money>,
    closing: Option<Money>,
    running: Running,
    contradictions: Contradictions,
}

impl Group {
    pub(super) fn new(number: usize) -> Self {
        Self {
            number,
            days: None,
            total: 0,
            paid: None,
            opening: None,
            closing: None,
            running: Running::default(),
            contradictions: Contradictions::new(),
        }
    }

    pub(super) fn contradict(&mut self, what: String) {
        self.contradictions.add(what);
    }

    /// A day that the statement surely knows.
    pub(super) fn day(&mut self, day: NaiveDate) {
        let (from, to) = self.days.unwrap_or((day, day));
        self.days = Some((from.min(day), to.max(day)));
    }

    /// A line, and the balance that stands after it.
    pub(super) fn line(&mut self, line: &SettlementLine, balance: Option<Money>) {
        for day in [Some(line.booked_on), line.paid_on].into_iter().flatten() {
            self.day(day);
        }
        let balance = balance.map(Money::amount);
        self.running
            .take(line.net.amount(), balance, line.booked_on, line.place.line);
        self.total = self.total.saturating_add(line.net.amount());
    }

    /// The row of the payout itself: it has either sign, and closes the statement.
    pub(super) fn payout(&mut self, line: &SettlementLine) {
        for day in [Some(line.booked_on), line.paid_on].into_iter().flatten() {
            self.day(day);
        }
        if self.paid.is_some() {
            self.contradict(format!(
                "the payout stands twice, again at line {}",
                line.place.line
            ));
        }
        let paid = self.paid.unwrap_or(0);
        self.paid = Some(paid.saturating_add(line.net.amount()));
    }

    pub(super) fn opening(&mut self, found: Money, line: u64) {
        self.balance("opening", found, line, |group| &mut group.opening);
    }

    pub(super) fn closing(&mut self, found: Money, line: u64) {
        self.balance("closing", found, line, |group| &mut group.closing);
    }

    fn balance(
        &mut self,
        name: &str,
        found: Money,
        line: u64,
        of: fn(&mut Self) -> &mut Option<Money>,
    ) {
        let told = *of(self).get_or_insert(found);
        if told != found {
            self.contradict(format!(
                "the {name} balance at line {line} is {found}, before it was {told}"
            ));
        }
    }

    /// What a row says that the lines sum up to.
    pub(super) fn total(&mut self, found: Money, line: u64) {
        if found.amount() != self.total {
            let sum = Money::minor(self.total, found.currency());
            self.contradict(format!(
                "the total at line {line} is {found}, the lines sum up to {sum}"
            ));
        }
    }

    pub(super) fn close(mut self, key: Key, config: &Config) -> Result<Statement, ParseError> {
        let currency = key.currency;
        let money = |amount: i64| Money::minor(amount, currency);
        if config.columns.payout.is_some() {
            let signed = self.paid.map(i64::saturating_abs);
            let signed = signed.map(|paid| if self.total < 0 { -paid } else { paid });
            self.opening = signed.map(|_| money(0));
            self.closing = signed.map(money);
        } else {
            match self.running.ends(config.order) {
                Ok(Some((opening, closing))) => {
                    self.agree("opening", money(opening));
                    self.agree("closing", money(closing));
                }
                Ok(None) => {}
                Err(line) => self.contradict(format!(
                    "the balance at line {line} does not follow from the one before it"
                )),
            }
        }
        let (from, to) = self.days.ok_or_else(|| {
            let what = format!("the statement `{}` names no day", key.name);
            ParseError::new(0, what)
        })?;
        let identity = match (config.origin, key.name.is_empty()) {
            (_, false) => key.name,
            (Origin::Processor, true) if config.columns.payout.is_some() => UNPAID.to_owned(),
            (_, true) => format!("{from}..{to}"),
        };
        Ok(Statement {
            origin: config.origin,
            account: key.account,
            identity,
            currency,
            opening: self.opening,
            closing: self.closing,
            from,
            to,
            basis: Basis::Final,
            sequence: None,
            page: None,
            made_on: None,
            lines: Vec::new(),
            contradictions: self.contradictions.into_list(),
        })
    }

    /// A balance that follows from the column of balances, beside the one that is told.
    fn agree(&mut self, name: &str, found: Money) {
        let told = match name {
            "opening" => self.opening.get_or_insert(found),
            _ => self.closing.get_or_insert(found),
        };
        if *told != found {
            let what = format!("the {name} balance is {told}, the column of balances says {found}");
            self.contradict(what);
        }
    }
}

/// Whether a line of a payout is the payout itself.
pub(super) fn is_payout(line: &SettlementLine) -> bool {
    line.movement == Movement::Payout && !line.payout.is_empty()
}

/// A balance after each row, of which some may be empty. Which end of the file is the older is told,
/// or proven: in one of the two orders each balance follows from the one before.
#[derive(Debug, Default)]
struct Running {
    /// The sum of all rows.
    sum: i64,
    first: Option<Mark>,
    last: Option<Mark>,
    oldest_breaks: Option<u64>,
    newest_breaks: Option<u64>,
    /// The days of the first and the last row.
    days: Option<(NaiveDate, NaiveDate)>,
}

/// A row with a balance, and the sums of all rows before it and up to it.
#[derive(Clone, Copy, Debug)]
struct Mark {
    balance: i64,
    before: i64,
    with: i64,
}

impl Running {
    fn take(&mut self, net: i64, balance: Option<i64>, day: NaiveDate, line: u64) {
        let before = self.sum;
        self.sum = before.saturating_add(net);
        let (first_day, _) = self.days.unwrap_or((day, day));
        self.days = Some((first_day, day));
        let Some(balance) = balance else { return };
        let mark = Mark {
            balance,
            before,
            with: self.sum,
        };
        if let Some(last) = self.last {
            let grown = balance.saturating_sub(last.balance);
            if grown != mark.with.saturating_sub(last.with) {
                self.oldest_breaks.get_or_insert(line);
            }
            if grown != last.before.saturating_sub(mark.before) {
                self.newest_breaks.get_or_insert(line);
            }
        }
        self.first.get_or_insert(mark);
        self.last = Some(mark);
    }

    /// The balances before and after all rows; none where there are none, or where both orders would
    /// do and say different things; the line at which neither does.
    fn ends(&self, order: Option<Order>) -> Result<Option<(i64, i64)>, u64> {
        let (Some(first), Some(last), Some(days)) = (self.first, self.last, self.days) else {
            return Ok(None);
        };
        let after = |sum: i64| self.sum.saturating_sub(sum);
        let oldest = (
            first.balance.saturating_sub(first.with),
            last.balance.saturating_add(after(last.with)),
        );
        let newest = (
            last.balance.saturating_sub(after(last.before)),
            first.balance.saturating_add(first.before),
        );
        let by_day = match days.0.cmp(&days.1) {
            std::cmp::Ordering::Less => Some(Order::Oldest),
            std::cmp::Ordering::Greater => Some(Order::Newest),
            std::cmp::Ordering::Equal => None,
        };
        let order = match (order, self.oldest_breaks, self.newest_breaks) {
            (Some(Order::Oldest), Some(line), _) | (Some(Order::Newest), _, Some(line)) => {
                return Err(line);
            }
            (Some(order), _, _) => order,
            (None, None, Some(_)) => Order::Oldest,
            (None, Some(_), None) => Order::Newest,
            (None, Some(line), Some(other)) => {
                return Err(if by_day == Some(Order::Newest) {
                    other
                } else {
                    line
                });
            }
            (None, None, None) => match by_day {
                Some(order) => order,
                None if oldest == newest => Order::Oldest,
                None => return Ok(None),
            },
        };
        Ok(Some(match order {
            Order::Oldest => oldest,
            Order::Newest => newest,
        }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        reason = "a test that cannot go on should say where"
    )]

    use super::*;

    fn ends(
        rows: &[(i64, Option<i64>, u32)],
        order: Option<Order>,
    ) -> Result<Option<(i64, i64)>, u64> {
        let mut running = Running::default();
        for (line, (net, balance, day)) in (2..).zip(rows) {
            let day = NaiveDate::from_ymd_opt(2026, 1, *day).unwrap();
            running.take(*net, *balance, day, line);
        }
        running.ends(order)
    }

    #[test]
    fn the_order_of_rows_is_proven() {
        let oldest = [(50, Some(150), 5), (-30, Some(120), 5), (7, Some(127), 5)];
        assert_eq!(ends(&oldest, None), Ok(Some((100, 127))));
        let newest: Vec<_> = oldest.iter().rev().copied().collect();
        assert_eq!(ends(&newest, None), Ok(Some((100, 127))));
        assert_eq!(ends(&newest, Some(Order::Oldest)), Err(3));
        // A day's balance stands at its last row only.
        let oldest = [
            (50, None, 5),
            (-30, Some(120), 5),
            (7, None, 6),
            (1, Some(128), 6),
        ];
        assert_eq!(ends(&oldest, None), Ok(Some((100, 128))));
        let newest: Vec<_> = oldest.iter().rev().copied().collect();
        assert_eq!(ends(&newest, None), Ok(Some((100, 128))));
        let broken = [(50, Some(150), 5), (-30, Some(121), 6), (7, Some(128), 7)];
        assert_eq!(ends(&broken, None), Err(3));
        // Both orders do: the days decide, or nobody does.
        let both = |first: u32, second: u32| [(5, Some(5), first), (-5, Some(0), second)];
        assert_eq!(ends(&both(5, 6), None), Ok(Some((0, 0))));
        assert_eq!(ends(&both(6, 5), None), Ok(Some((5, 5))));
        assert_eq!(ends(&both(5, 5), None), Ok(None));
        assert_eq!(ends(&both(5, 5), Some(Order::Newest)), Ok(Some((5, 5))));
        assert_eq!(ends(&[(5, Some(5), 5)], None), Ok(Some((0, 5))));
        assert_eq!(ends(&[(5, None, 5)], None), Ok(None));
    }
}
