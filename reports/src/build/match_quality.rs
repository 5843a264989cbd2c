//! How well a reconciliation matches: what each pass found, what is not due yet, and what is broken, in counts and
//! in money, as shares of all. Money is counted without its sign, so that a refund takes nothing from a charge.

use super::{Scope, Subject};
use crate::ReportError;
use crate::control::money;
use crate::model::{Cell, Column, Report, Row, Table};
use std::collections::BTreeMap;
use store::Snapshot;

/// What became of items: its name, how many, and how much at the left and at the right.
struct Part {
    name: String,
    exact: Option<i64>,
    count: Option<i64>,
    left: i64,
    right: i64,
    difference: i64,
    is_match: bool,
}

type Groups = BTreeMap<(String, i64), Vec<Part>>;

pub(super) async fn build(
    books: &Snapshot,
    subject: &Subject,
    scope: &Scope,
) -> Result<Report, ReportError> {
    let mut facts = subject.facts();
    facts.extend(scope.facts());
    let mut groups = Groups::new();
    matched(books, &mut groups).await?;
    unmatched(books, &mut groups).await?;
    let mut rows = Vec::new();
    for ((reconciliation, currency_id), parts) in &groups {
        group(reconciliation, *currency_id, parts, &mut rows)?;
    }
    Ok(Report {
        name: "match-quality",
        title: "Match quality".into(),
        purpose: "What each pass of a reconciliation matched, in the order of the passes, and what is left. A break within a match has no money of its own here. A share in late passes that grows says that references are getting worse.".into(),
        facts,
        tables: vec![Table {
            name: "match_quality",
            title: "By reconciliation, currency and pass".into(),
            note: "Amounts are sums without signs; the difference is left less right, with its sign. Exact are matches that agree to the minor unit. Shares of matches are of all matches, shares of money of all at the left.".into(),
            columns: vec![
                Column::text("reconciliation", "Reconciliation"),
                Column::text("currency", "Currency"),
                Column::text("what", "Pass, or what is left"),
                Column::count("count", "Matches or breaks"),
                Column::count("exact", "Exact"),
                Column::decimal("share_of_matches", "% of matches"),
                Column::amount("left", "Left"),
                Column::amount("right", "Right"),
                Column::decimal("share_of_left", "% of left"),
                Column::amount("difference", "Difference"),
            ],
            rows,
        }],
        ..Report::default()
    })
}

async fn matched(books: &Snapshot, groups: &mut Groups) -> Result<(), ReportError> {
    for row in books.match_quality().await? {
        let group = groups.entry((row.reconciliation, row.currency_id));
        group.or_default().push(Part {
            name: row.pass,
            exact: Some(row.exact),
            count: Some(row.matches),
            left: row.left_amount,
            right: row.right_amount,
            difference: row.difference,
            is_match: true,
        });
    }
    Ok(())
}

/// Open breaks by kind, and what is not due yet.
async fn unmatched(books: &Snapshot, groups: &mut Groups) -> Result<(), ReportError> {
    let mut kinds = BTreeMap::<(String, i64, String), (i64, i64, i64)>::new();
    for row in books.ageing().await? {
        if row.status != "open" {
            continue;
        }
        let key = (row.reconciliation, row.currency_id, row.kind);
        let (count, amount, lacking) = kinds.entry(key).or_default();
        *count += row.breaks;
        // A pass has its money already.
        if row.lasting == 1 {
            continue;
        }
        *amount = amount
            .checked_add(row.amount)
            .ok_or(ReportError::Overflow)?;
        *lacking = lacking
            .checked_add(row.lacking)
            .ok_or(ReportError::Overflow)?;
    }
    for ((reconciliation, currency_id, kind), (count, amount, lacking)) in kinds {
        let group = groups.entry((reconciliation, currency_id));
        group.or_default().push(Part {
            name: format!("break: {kind}"),
            exact: None,
            count: Some(count),
            left: lacking,
            right: lacking.checked_sub(amount).ok_or(ReportError::Overflow)?,
            difference: amount,
            is_match: false,
        });
    }
    for state in books.reconciliation_states().await? {
        if (state.left_pending, state.right_pending) == (0, 0) {
            continue;
        }
        let group = groups.entry((state.reconciliation, state.currency_id));
        group.or_default().push(Part {
            name: "not due yet".into(),
            exact: None,
            count: None,
            left: state.left_pending.saturating_abs(),
            right: state.right_pending.saturating_abs(),
            difference: state.left_pending - state.right_pending,
            is_match: false,
        });
    }
    Ok(())
}

fn group(
    reconciliation: &str,
    currency_id: i64,
    parts: &[Part],
    rows: &mut Vec<Row>,
) -> Result<(), ReportError> {
    let sum = |of: &dyn Fn(&Part) -> i64| {
        let mut parts = parts.iter();
        parts.try_fold(0_i64, |sum, part| {
            sum.checked_add(of(part)).ok_or(ReportError::Overflow)
        })
    };
    let matches = sum(&|part| part.count.filter(|_| part.is_match).unwrap_or(0))?;
    let exact = sum(&|part| part.exact.unwrap_or(0))?;
    let (left, right) = (sum(&|part| part.left)?, sum(&|part| part.right)?);
    let count = |count: Option<i64>| count.map_or(Cell::Empty, Cell::Count);
    for part in parts {
        let share = match part.count.filter(|_| part.is_match) {
            Some(own) => Cell::percent(own, matches),
            None => Cell::Empty,
        };
        rows.push(Row::plain(vec![
            Cell::text(reconciliation),
            Cell::text(money(0, currency_id)?.currency().code()),
            Cell::text(&part.name),
            count(part.count),
            count(part.exact),
            share,
            Cell::unless_zero(money(part.left, currency_id)?),
            Cell::unless_zero(money(part.right, currency_id)?),
            Cell::percent(part.left, left),
            Cell::unless_zero(money(part.difference, currency_id)?),
        ]));
    }
    rows.push(Row::total(vec![
        Cell::text(reconciliation),
        Cell::text(money(0, currency_id)?.currency().code()),
        Cell::text("all"),
        Cell::Count(matches),
        Cell::Count(exact),
        Cell::percent(matches, matches),
        Cell::Amount(money(left, currency_id)?),
        Cell::Amount(money(right, currency_id)?),
        Cell::percent(left, left),
        Cell::unless_zero(money(sum(&|part| part.difference)?, currency_id)?),
    ]));
    Ok(())
}
