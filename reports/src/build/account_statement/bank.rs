//! Bank accounts by day: the first opening balance and all lines since are the balance that the bank states.

use crate::ReportError;
use crate::build::Scope;
use crate::control::money;
use crate::model::{Cell, Column, Row, Table};
use chrono::NaiveDate;
use std::collections::BTreeMap;
use store::Snapshot;
use store::settlement::StatementRow;

/// What a bank states of one account and currency.
#[derive(Clone, Debug, Default)]
struct Stated {
    /// The first day and the balance with which it begins.
    opening: Option<(NaiveDate, i64)>,
    /// The balance with which each day ends.
    closings: BTreeMap<NaiveDate, i64>,
    /// The sum of each day's lines.
    lines: BTreeMap<NaiveDate, i64>,
}

impl Stated {
    /// Of each day within the scope that ends with a balance: the lines since the first opening, and both balances.
    fn days(&self, scope: &Scope) -> Result<Vec<(NaiveDate, [i64; 4])>, ReportError> {
        let Some((first, opening)) = self.opening else {
            return Ok(Vec::new());
        };
        let until = |day: &NaiveDate| scope.to.is_none_or(|to| *day <= to);
        let last = self.closings.keys().filter(|day| until(day)).max().copied();
        let shown = |day: &NaiveDate| match scope.from {
            Some(from) => from <= *day && until(day),
            None => Some(*day) == last,
        };
        let mut days = Vec::new();
        for (day, closing) in self.closings.iter().filter(|(day, _)| shown(day)) {
            let mut lines = self.lines.range(first..=*day).map(|(_, sum)| *sum);
            let lines = lines.try_fold(0_i64, i64::checked_add);
            let balance = lines.and_then(|lines| opening.checked_add(lines));
            let (Some(lines), Some(balance)) = (lines, balance) else {
                return Err(ReportError::Overflow);
            };
            days.push((*day, [opening, lines, balance, *closing]));
        }
        Ok(days)
    }
}

pub(super) async fn table(
    books: &Snapshot,
    scope: &Scope,
    failures: &mut Vec<String>,
) -> Result<Table, ReportError> {
    let mut accounts = stated(books.statements().await?);
    for row in books.bank_days().await? {
        if let Some(account) = accounts.get_mut(&(row.account, row.currency_id)) {
            account.lines.insert(row.booked_on, row.amount);
        }
    }
    let mut rows = Vec::new();
    for ((account, currency_id), stated) in &accounts {
        if !scope.wants(account) {
            continue;
        }
        let amount = |amount| money(amount, *currency_id);
        for (day, [opening, lines, balance, closing]) in stated.days(scope)? {
            let difference = balance.checked_sub(closing).ok_or(ReportError::Overflow)?;
            if difference != 0 {
                failures.push(format!("bank account `{account}` on {day}: its lines come to {} and the bank states {}; a statement is missing or counts twice", amount(balance)?, amount(closing)?));
            }
            rows.push(Row::holding(
                difference == 0,
                vec![
                    Cell::text(account),
                    Cell::text(amount(0)?.currency().code()),
                    Cell::text(day.to_string()),
                    Cell::Amount(amount(opening)?),
                    Cell::Amount(amount(lines)?),
                    Cell::Amount(amount(balance)?),
                    Cell::Amount(amount(closing)?),
                    Cell::unless_zero(amount(difference)?),
                ],
            ));
        }
    }
    Ok(Table {
        name: "bank_accounts",
        title: "Opening + lines = stated balance".into(),
        note: "The opening balance is that of the first statement; lines are all since then, whether a reconciliation compares them or not.".into(),
        columns: vec![
            Column::text("account", "Account"),
            Column::text("currency", "Currency"),
            Column::text("day", "Day"),
            Column::amount("opening", "Opening"),
            Column::amount("lines", "Lines since"),
            Column::amount("balance", "Balance"),
            Column::amount("stated", "Stated"),
            Column::amount("difference", "Difference"),
        ],
        rows,
    })
}

/// Final statements that stand for themselves, with the first opening and the last closing of each day.
fn stated(mut rows: Vec<StatementRow>) -> BTreeMap<(String, i64), Stated> {
    rows.retain(|row| row.origin == "bank" && row.superseded == 0 && row.basis == "final");
    rows.sort_by_key(|row| (row.start_on, row.end_on, row.sequence, row.page, row.id));
    let mut accounts = BTreeMap::<(String, i64), Stated>::new();
    for row in rows {
        let account = accounts.entry((row.account, row.currency_id)).or_default();
        if account.opening.is_none() {
            account.opening = row.opening.map(|opening| (row.start_on, opening));
        }
        if let Some(closing) = row.closing.filter(|_| account.opening.is_some()) {
            account.closings.insert(row.end_on, closing);
        }
    }
    accounts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_that_is_missing_shows_on_the_day_after_it() {
        let day = |number| NaiveDate::from_ymd_opt(2026, 1, number).unwrap();
        let stated = Stated {
            opening: Some((day(2), 1_000)),
            closings: BTreeMap::from([(day(2), 1_050), (day(4), 1_200)]),
            // What came before the first opening is in it.
            lines: BTreeMap::from([(day(1), 7), (day(2), 50), (day(4), 100)]),
        };
        let of = |from| Scope {
            from,
            ..Scope::default()
        };
        assert_eq!(
            stated.days(&of(Some(day(1)))).unwrap(),
            [
                (day(2), [1_000, 50, 1_050, 1_050]),
                (day(4), [1_000, 150, 1_150, 1_200]),
            ]
        );
        assert_eq!(stated.days(&of(None)).unwrap().len(), 1);
    }
}
