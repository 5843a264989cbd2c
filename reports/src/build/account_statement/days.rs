//! Both sides of a reconciliation by day, from sums that the database made.

use super::Comparison;
use crate::ReportError;
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet};
use store::Snapshot;
use store::cash::{MatchDayRow, SideRow};

/// The two sides and the matches in one currency.
#[derive(Clone, Debug, Default)]
pub(super) struct Days {
    left: Vec<SideRow>,
    right: Vec<SideRow>,
    matches: Vec<MatchDayRow>,
}

/// The end of a day, minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Day {
    pub(super) on: NaiveDate,
    /// All that stands on the left account.
    pub(super) balance: i64,
    /// What of it is not compared.
    pub(super) apart: i64,
    pub(super) left_outstanding: i64,
    pub(super) right_outstanding: i64,
    /// What whole matches differ by, left less right.
    pub(super) differences: i64,
    pub(super) right: i64,
}

impl Day {
    /// Zero when the equation holds.
    pub(super) fn unexplained(&self) -> Result<i64, ReportError> {
        let terms = [
            self.balance.checked_sub(self.apart),
            self.left_outstanding.checked_neg(),
            Some(self.right_outstanding),
            self.differences.checked_neg(),
            self.right.checked_neg(),
        ];
        let mut sum = 0_i64;
        for term in terms {
            let added = term.and_then(|term| sum.checked_add(term));
            sum = added.ok_or(ReportError::Overflow)?;
        }
        Ok(sum)
    }
}

/// Both sides by currency.
pub(super) async fn read(
    books: &Snapshot,
    comparison: &Comparison,
) -> Result<BTreeMap<i64, Days>, ReportError> {
    let mut found = BTreeMap::<i64, Days>::new();
    for row in books.side_by_day(&comparison.left).await? {
        found.entry(row.currency_id).or_default().left.push(row);
    }
    for row in books.side_by_day(&comparison.right).await? {
        found.entry(row.currency_id).or_default().right.push(row);
    }
    for row in books.match_days(&comparison.name).await? {
        found.entry(row.currency_id).or_default().matches.push(row);
    }
    Ok(found)
}

impl Days {
    /// The last day on which anything stands on a side.
    pub(super) fn last(&self) -> Option<NaiveDate> {
        self.left
            .iter()
            .chain(&self.right)
            .map(|row| row.on_day)
            .max()
    }

    /// All that stands on the left account, on whichever day.
    pub(super) fn balance(&self) -> Result<i64, ReportError> {
        total(self.left.iter().map(|row| row.amount))
    }

    /// The last day, and before it each from the first on that brought something; the last one alone where there
    /// is no first.
    pub(super) fn shown(
        &self,
        from: Option<NaiveDate>,
        to: NaiveDate,
    ) -> Result<Vec<Day>, ReportError> {
        let from = from.unwrap_or(to);
        let rows = self.left.iter().chain(&self.right);
        let mut days: BTreeSet<NaiveDate> = rows
            .map(|row| row.on_day)
            .filter(|day| (from..=to).contains(day))
            .collect();
        days.insert(to);
        days.into_iter().map(|day| self.end_of(day)).collect()
    }

    fn end_of(&self, on: NaiveDate) -> Result<Day, ReportError> {
        let by_then = |row: &&SideRow| row.on_day <= on;
        let is_open = |row: &&SideRow| {
            row.compared == 1 && row.on_day <= on && row.done_on.is_none_or(|done| done > on)
        };
        let sum = |rows: &[SideRow], of: &dyn Fn(&&SideRow) -> bool| {
            total(rows.iter().filter(of).map(|row| row.amount))
        };
        let compared = |row: &&SideRow| by_then(row) && row.compared == 1;
        let done = self.matches.iter().filter(|row| row.done_on <= on);
        Ok(Day {
            on,
            balance: sum(&self.left, &by_then)?,
            apart: sum(&self.left, &|row| by_then(row) && row.compared == 0)?,
            left_outstanding: sum(&self.left, &is_open)?,
            right_outstanding: sum(&self.right, &is_open)?,
            differences: total(done.map(|row| row.left_amount.saturating_sub(row.right_amount)))?,
            right: sum(&self.right, &compared)?,
        })
    }
}

fn total(mut amounts: impl Iterator<Item = i64>) -> Result<i64, ReportError> {
    let sum = amounts.try_fold(0_i64, i64::checked_add);
    sum.ok_or(ReportError::Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(number: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 1, number).unwrap()
    }

    /// Day, amount, the day on which it was matched, whether it is compared.
    fn side(rows: &[(u32, i64, Option<u32>, i64)]) -> Vec<SideRow> {
        let row = |(on, amount, done, compared): &(u32, i64, Option<u32>, i64)| SideRow {
            on_day: day(*on),
            currency_id: 978,
            compared: *compared,
            done_on: done.map(day),
            amount: *amount,
            items: 1,
        };
        rows.iter().map(row).collect()
    }

    fn days() -> Days {
        let done = |on, left_amount, right_amount| MatchDayRow {
            done_on: day(on),
            currency_id: 978,
            left_amount,
            right_amount,
        };
        Days {
            left: side(&[
                (1, 100, Some(3), 1),
                (2, 50, None, 1),
                (2, -80, None, 0),
                (4, 70, Some(4), 1),
            ]),
            right: side(&[(3, 98, Some(3), 1), (3, 5, None, 1), (4, 70, Some(4), 1)]),
            matches: vec![done(3, 100, 98), done(4, 70, 70)],
        }
    }

    #[test]
    fn each_day_shows_what_was_outstanding_then() {
        let table = [
            // day, balance, apart, outstanding left and right, differences, right
            (1, 100, 0, 100, 0, 0, 0),
            (2, 70, -80, 150, 0, 0, 0),
            (3, 70, -80, 50, 5, 2, 103),
            (4, 140, -80, 50, 5, 2, 173),
        ];
        let shown = days().shown(Some(day(1)), day(4)).unwrap();
        let told: Vec<_> = shown
            .iter()
            .map(|d| {
                (
                    chrono::Datelike::day(&d.on),
                    d.balance,
                    d.apart,
                    d.left_outstanding,
                    d.right_outstanding,
                    d.differences,
                    d.right,
                )
            })
            .collect();
        assert_eq!(told, table);
        for day in shown {
            assert_eq!(day.unexplained().unwrap(), 0, "{day:?}");
        }
        assert_eq!(days().shown(None, day(3)).unwrap().len(), 1);
    }

    #[test]
    fn what_no_item_and_no_match_explains_is_told() {
        let mut days = days();
        days.matches[0].right_amount = 97;
        let last = days.shown(None, day(4)).unwrap()[0];
        assert_eq!(last.unexplained().unwrap(), -1);
    }
}
