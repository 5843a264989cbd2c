//! Clearing accounts roll forward: opening + booked - cleared = closing, per entity, currency and period. What was
//! booked and cleared is the sum of the lines, and closing the balance that postings keep: two tables that
//! must agree.

use super::{Scope, Subject, verdict};
use crate::ReportError;
use crate::control::money;
use crate::model::{Cell, Column, Report, Row, Table};
use chrono::NaiveDate;
use std::collections::BTreeMap;
use store::Snapshot;
use store::journal::BalanceRow;

/// Of one period: debits and credits by the lines, and by the kept balance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    lines: [i64; 2],
    kept: [i64; 2],
}

/// Entity and currency, then periods.
type Accounts = BTreeMap<(String, i64), BTreeMap<String, Sums>>;

pub(super) async fn build(
    books: &Snapshot,
    subject: &Subject,
    scope: &Scope,
) -> Result<Report, ReportError> {
    let periods: BTreeMap<(String, String), (NaiveDate, NaiveDate)> = books
        .periods()
        .await?
        .into_iter()
        .map(|row| ((row.entity, row.code), (row.start_on, row.end_on)))
        .collect();
    let shown = |entity: &str, period: &str| {
        let days = periods.get(&(entity.to_owned(), period.to_owned()));
        days.is_none_or(|(start, end)| {
            scope.from.is_none_or(|from| from <= *end) && scope.to.is_none_or(|to| *start <= to)
        })
    };
    let (mut rows, mut failures) = (Vec::new(), Vec::new());
    let labels = books.labels().await?;
    let balances = books.balances().await?;
    for account in scope.clearing.iter().filter(|name| scope.wants(name)) {
        let mut accounts = Accounts::new();
        for row in books.clearing_sums(account).await? {
            let periods = accounts.entry((row.entity, row.currency_id)).or_default();
            periods.entry(row.period).or_default().lines = [row.debit, row.credit];
        }
        let kept = balances
            .iter()
            .filter(|row| labels.is_called(&row.account, account));
        keep(kept, &mut accounts)?;
        roll(account, &accounts, &shown, (&mut rows, &mut failures))?;
    }
    let mut facts = subject.facts();
    facts.extend(scope.facts());
    Ok(Report {
        name: "clearing",
        title: "Clearing roll-forward".into(),
        purpose: "What stood on each clearing account when a period began, what was booked to it, what was cleared from it, and what stands when it ends.".into(),
        facts,
        verdict: Some(verdict(&failures, "every opening + booked - cleared is the closing balance that the books keep".into())),
        tables: vec![Table {
            name: "clearing",
            title: "Opening + booked - cleared = closing".into(),
            note: "Booked are debits and cleared are credits, summed from the lines. Closing is summed from the balances that postings keep. Functional amounts stand in the trial balance.".into(),
            columns: vec![
                Column::text("account", "Account"),
                Column::text("entity", "Entity"),
                Column::text("currency", "Currency"),
                Column::text("period", "Period"),
                Column::amount("opening", "Opening"),
                Column::amount("booked", "Booked"),
                Column::amount("cleared", "Cleared"),
                Column::amount("closing", "Closing"),
                Column::amount("difference", "Difference"),
            ],
            rows,
        }],
        ..Report::default()
    })
}

/// Periods of the balances that postings keep; an account that was renamed has several.
fn keep<'b>(
    balances: impl Iterator<Item = &'b BalanceRow>,
    accounts: &mut Accounts,
) -> Result<(), ReportError> {
    for row in balances {
        let periods = accounts
            .entry((row.entity.clone(), row.currency_id))
            .or_default();
        let [debit, credit] = &mut periods.entry(row.period.clone()).or_default().kept;
        *debit = debit.checked_add(row.debit).ok_or(ReportError::Overflow)?;
        *credit = credit
            .checked_add(row.credit)
            .ok_or(ReportError::Overflow)?;
    }
    Ok(())
}

fn roll(
    account: &str,
    accounts: &Accounts,
    shown: &dyn Fn(&str, &str) -> bool,
    (rows, failures): (&mut Vec<Row>, &mut Vec<String>),
) -> Result<(), ReportError> {
    let plus = |one: i64, other: i64| one.checked_add(other).ok_or(ReportError::Overflow);
    for ((entity, currency_id), periods) in accounts {
        let amount = |amount| money(amount, *currency_id);
        let (mut opening, mut closing) = (0_i64, 0_i64);
        for (period, sums) in periods {
            let ([booked, cleared], [debit, credit]) = (sums.lines, sums.kept);
            closing = plus(closing, debit - credit)?;
            let rolled = plus(opening, booked - cleared)?;
            let difference = plus(rolled, -closing)?;
            if shown(entity, period) {
                if difference != 0 {
                    failures.push(format!("`{account}` of `{entity}` in {period}: its lines come to {} and its balance is {}; run `tieout verify`", amount(rolled)?, amount(closing)?));
                }
                rows.push(Row::holding(
                    difference == 0,
                    vec![
                        Cell::text(account),
                        Cell::text(entity),
                        Cell::text(amount(0)?.currency().code()),
                        Cell::text(period),
                        Cell::Amount(amount(opening)?),
                        Cell::Amount(amount(booked)?),
                        Cell::Amount(amount(cleared)?),
                        Cell::Amount(amount(closing)?),
                        Cell::unless_zero(amount(difference)?),
                    ],
                ));
            }
            opening = rolled;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balance_that_is_not_its_lines_is_named() {
        let sums = |lines, kept| Sums { lines, kept };
        let periods = BTreeMap::from([
            ("2026-01".to_owned(), sums([500, 200], [500, 200])),
            ("2026-02".to_owned(), sums([100, 400], [100, 399])),
            ("2026-03".to_owned(), sums([7, 0], [7, 1])),
        ]);
        let accounts = BTreeMap::from([(("eu".to_owned(), 978), periods)]);
        let (mut rows, mut failures) = (Vec::new(), Vec::new());
        let all = |_: &str, _: &str| true;
        roll("clearing", &accounts, &all, (&mut rows, &mut failures)).unwrap();
        let amounts: Vec<Vec<i64>> = rows
            .iter()
            .map(|row| {
                let amounts = row.cells.iter().filter_map(|cell| match cell {
                    Cell::Amount(money) => Some(money.amount()),
                    _ => None,
                });
                amounts.collect()
            })
            .collect();
        assert_eq!(
            amounts,
            [
                vec![0, 500, 200, 300],
                // Lines say 0 and the balance 1.
                vec![300, 100, 400, 1, -1],
                vec![0, 7, 0, 7],
            ]
        );
        assert_eq!(failures.len(), 1);
        assert!(
            failures[0].contains("`clearing` of `eu` in 2026-02"),
            "{failures:?}"
        );
    }
}
