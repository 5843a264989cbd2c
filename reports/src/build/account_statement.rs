//! The reconciliation statement of each account and day: what the left side has, less what it has and the other
//! side has not, plus what only the other side has, less what matches differ by, is what the other side has.
//!
//! It is proved: both sides and what is outstanding are summed from items, what matches differ by from matches, and
//! the left side of a ledger's account is held against the balance that postings keep. A match is whole from the
//! day of its last item on, so that any past day shows what was outstanding then.

mod bank;
mod days;

use super::{Comparison, Scope, Subject, verdict};
use crate::ReportError;
use crate::control::money;
use crate::model::{Cell, Column, Report, Row, Table};
use chrono::NaiveDate;
use days::{Day, Days};
use std::collections::BTreeMap;
use store::Snapshot;
use store::cash::SideOf;

/// The most outstanding items of a side that are listed one by one.
const LISTED: i64 = 10_000;

/// An entry's line, as matches number kinds of items.
const LEDGER: i64 = 1;

pub(super) async fn build(
    books: &Snapshot,
    subject: &Subject,
    scope: &Scope,
) -> Result<Report, ReportError> {
    let (mut rows, mut items, mut failures) = (Vec::new(), Vec::new(), Vec::new());
    for comparison in &scope.comparisons {
        let accounts = [&comparison.left.account, &comparison.right.account];
        let wanted = accounts.iter().any(|account| scope.wants(account));
        if !wanted && !scope.wants(&comparison.name) {
            continue;
        }
        let found = days::read(books, comparison).await?;
        let Some(to) = scope.to.or_else(|| last_day(&found)) else {
            continue;
        };
        for (currency_id, days) in &found {
            statement(
                comparison,
                *currency_id,
                &days.shown(scope.from, to)?,
                (&mut rows, &mut failures),
            )?;
        }
        kept(books, comparison, &found, &mut failures).await?;
        for side in [&comparison.left, &comparison.right] {
            outstanding(books, side, to, &mut items).await?;
        }
    }
    let bank = bank::table(books, scope, &mut failures).await?;
    let mut facts = subject.facts();
    facts.extend(scope.facts());
    Ok(Report {
        name: "account-statement",
        title: "Reconciliation statement by account and day".into(),
        purpose: "The balance of each account, what stands between it and its counterpart, and that both are equal then. Outstanding items are listed one by one.".into(),
        facts,
        verdict: Some(verdict(&failures, "on every day shown, both sides are equal once what is outstanding is taken into account".into())),
        tables: vec![table_of_days(rows), table_of_items(items), bank],
        ..Report::default()
    })
}

fn last_day(found: &BTreeMap<i64, Days>) -> Option<NaiveDate> {
    found.values().filter_map(Days::last).max()
}

fn statement(
    comparison: &Comparison,
    currency_id: i64,
    days: &[Day],
    (rows, failures): (&mut Vec<Row>, &mut Vec<String>),
) -> Result<(), ReportError> {
    let amount = |amount| money(amount, currency_id);
    for day in days {
        let unexplained = day.unexplained()?;
        if unexplained != 0 {
            failures.push(format!(
                "`{}` on {}: {} is explained by no item and no match; run `tieout verify`",
                comparison.name,
                day.on,
                amount(unexplained)?
            ));
        }
        rows.push(Row::holding(
            unexplained == 0,
            vec![
                Cell::text(&comparison.name),
                Cell::text(name_of(&comparison.left)),
                Cell::text(name_of(&comparison.right)),
                Cell::text(amount(0)?.currency().code()),
                Cell::text(day.on.to_string()),
                Cell::Amount(amount(day.balance)?),
                Cell::unless_zero(amount(day.apart)?),
                Cell::unless_zero(amount(day.left_outstanding)?),
                Cell::unless_zero(amount(day.right_outstanding)?),
                Cell::unless_zero(amount(day.differences)?),
                Cell::Amount(amount(day.right)?),
                Cell::unless_zero(amount(unexplained)?),
            ],
        ));
    }
    Ok(())
}

/// What a side is called where it is no account of its own.
fn name_of(side: &SideOf) -> String {
    match (side.item_kind, side.account.as_str(), side.text.as_str()) {
        (4, account, _) => format!("payouts of {account}"),
        (_, "", "") => "bank".to_owned(),
        (_, "", text) => format!("bank ({text})"),
        (3, accounts, "") => format!("bank {}", accounts.trim_matches('|').replace('|', ", ")),
        (3, accounts, text) => {
            let accounts = accounts.trim_matches('|').replace('|', ", ");
            format!("bank {accounts} ({text})")
        }
        (_, account, _) => account.to_owned(),
    }
}

/// All days of a ledger's account against the balance that postings keep.
async fn kept(
    books: &Snapshot,
    comparison: &Comparison,
    found: &BTreeMap<i64, Days>,
    failures: &mut Vec<String>,
) -> Result<(), ReportError> {
    if comparison.left.item_kind != LEDGER {
        return Ok(());
    }
    let account = &comparison.left.account;
    let labels = books.labels().await?;
    let mut sums = BTreeMap::<i64, i64>::new();
    for row in books.balances().await? {
        if labels.is_called(&row.account, account) {
            let sum = sums.entry(row.currency_id).or_default();
            let more = row.debit.checked_sub(row.credit);
            let more = more.and_then(|more| sum.checked_add(more));
            *sum = more.ok_or(ReportError::Overflow)?;
        }
    }
    for (currency_id, days) in found {
        let (lines, kept) = (days.balance()?, sums.remove(currency_id).unwrap_or(0));
        if lines != kept {
            failures.push(format!(
                "`{account}`: its lines come to {} and its balance is {}; run `tieout verify`",
                money(lines, *currency_id)?,
                money(kept, *currency_id)?
            ));
        }
    }
    Ok(())
}

async fn outstanding(
    books: &Snapshot,
    side: &SideOf,
    to: NaiveDate,
    rows: &mut Vec<Row>,
) -> Result<(), ReportError> {
    let found = books.outstanding(side, to, LISTED + 1).await?;
    let more = found.len() > usize::try_from(LISTED).unwrap_or(usize::MAX);
    let listed = found.len() - usize::from(more);
    for row in found.iter().take(listed) {
        let amount = money(row.amount, row.currency_id)?;
        let age = to.signed_duration_since(row.on_day).num_days();
        rows.push(Row::plain(vec![
            Cell::text(&side.reconciliation),
            Cell::Word(side.side),
            Cell::text(&row.account),
            Cell::text(row.on_day.to_string()),
            Cell::text(amount.currency().code()),
            Cell::Amount(amount),
            Cell::Count(age),
            row.done_on
                .map_or(Cell::Empty, |day| Cell::text(day.to_string())),
            Cell::text(&row.word),
            Cell::text(&row.reference),
        ]));
    }
    if more {
        let mut cells = vec![Cell::text(&side.reconciliation), Cell::Word(side.side)];
        cells.resize(9, Cell::Empty);
        cells.push(Cell::text(format!(
            "more than {LISTED} items: the oldest are listed"
        )));
        rows.push(Row::holding(false, cells));
    }
    Ok(())
}

fn table_of_days(rows: Vec<Row>) -> Table {
    Table {
        name: "days",
        title: "Balance - not compared - outstanding left + outstanding right - differences = right".into(),
        note: "By the end of each day. The balance is all that stands on the left account; not compared are events that the reconciliation does not look at, like the payouts themselves, and entries that were taken back. Differences are those of matches that do not agree to the minor unit.".into(),
        columns: vec![
            Column::text("reconciliation", "Reconciliation"),
            Column::text("left_account", "Left"),
            Column::text("right_account", "Right"),
            Column::text("currency", "Currency"),
            Column::text("day", "Day"),
            Column::amount("balance", "Balance"),
            Column::amount("not_compared", "Not compared"),
            Column::amount("left_outstanding", "Outstanding left"),
            Column::amount("right_outstanding", "Outstanding right"),
            Column::amount("differences", "Differences"),
            Column::amount("right", "Right side"),
            Column::amount("unexplained", "Unexplained"),
        ],
        rows,
    }
}

fn table_of_items(rows: Vec<Row>) -> Table {
    Table {
        name: "outstanding",
        title: "Outstanding items".into(),
        note: "What by the end of the last day shown one side has and the other has not, the oldest first.".into(),
        columns: vec![
            Column::text("reconciliation", "Reconciliation"),
            Column::text("side", "Side"),
            Column::text("account", "Account"),
            Column::text("day", "Day"),
            Column::text("currency", "Currency"),
            Column::amount("amount", "Amount"),
            Column::count("age_days", "Days"),
            Column::text("matched_on", "Matched later on"),
            Column::text("what", "What"),
            Column::text("reference", "Reference"),
        ],
        rows,
    }
}
