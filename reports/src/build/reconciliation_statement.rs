//! The reconciliation statement: what each side says, what was matched and how, what is open, and
//! every break with its age and its story.

use super::{AGES, Subject, age_class, breaks_table};
use crate::ReportError;
use crate::continuity;
use crate::control::money;
use crate::frame::sum_by;
use crate::model::{Cell, Column, Report, Row, Table};
use crate::picture::{Bar, Tone, bars};
use store::Snapshot;
use store::reconciliation::{BreakRow, StateRow};

pub(super) async fn build(books: &Snapshot, subject: &Subject) -> Result<Report, ReportError> {
    let breaks = books.breaks().await?;
    let states = books.reconciliation_states().await?;
    let mut facts = subject.facts();
    if let Some(as_of) = states.iter().map(|state| state.as_of_on).max() {
        facts.push(("as of".into(), as_of.to_string()));
    }
    Ok(Report {
        name: "reconciliation",
        title: "Reconciliation statement".into(),
        purpose: "Billing against the processor's settlement, and the processor's payouts against the bank. An item is matched, not due yet, or a break with a name that stays.".into(),
        facts,
        verdict: None,
        pictures: vec![ageing_picture(&breaks)],
        tables: vec![
            totals(&states)?,
            passes(books, &states).await?,
            ageing(&breaks)?,
            breaks_table(&breaks)?,
            statements(books).await?,
            discontinuities(books).await?,
        ],
        more: None,
    })
}

fn totals(states: &[StateRow]) -> Result<Table, ReportError> {
    let mut rows = Vec::new();
    for state in states {
        let amount = |amount| money(amount, state.currency_id);
        let open = state.left_pending - state.right_pending;
        let difference = state.left_total - state.right_total - open - state.breaks;
        rows.push(Row::holding(
            difference == 0,
            vec![
                Cell::text(&state.reconciliation),
                Cell::text(amount(0)?.currency().code()),
                Cell::Amount(amount(state.left_total)?),
                Cell::Amount(amount(state.right_total)?),
                Cell::Amount(amount(state.left_matched)?),
                Cell::unless_zero(amount(open)?),
                Cell::unless_zero(amount(state.breaks)?),
                Cell::unless_zero(amount(difference)?),
            ],
        ));
    }
    Ok(Table {
        name: "totals",
        title: "Left less right = open + breaks".into(),
        note: "Payments: left is billing's clearing account, right the processor's gross. Payouts: left is what the processor paid out, right what the bank received.".into(),
        columns: vec![
            Column::text("reconciliation", "Reconciliation"),
            Column::text("currency", "Currency"),
            Column::amount("left", "Left"),
            Column::amount("right", "Right"),
            Column::amount("matched", "Matched"),
            Column::amount("open", "Open"),
            Column::amount("breaks", "Breaks"),
            Column::amount("difference", "Difference"),
        ],
        rows,
    })
}

async fn passes(books: &Snapshot, states: &[StateRow]) -> Result<Table, ReportError> {
    let mut names: Vec<&str> = states
        .iter()
        .map(|state| state.reconciliation.as_str())
        .collect();
    names.dedup();
    let mut keys = [Vec::new(), Vec::new(), Vec::new()];
    let mut values = [Vec::new(), Vec::new(), Vec::new()];
    for name in names {
        for found in books.matches(name).await? {
            let [reconciliation, pass, currency] = &mut keys;
            reconciliation.push(name.to_owned());
            pass.push(found.pass);
            currency.push(format!("{:03}", found.currency_id));
            let [count, left, right] = &mut values;
            count.push(1);
            left.push(found.left_amount);
            right.push(found.right_amount);
        }
    }
    let mut rows = Vec::new();
    for (key, value) in sum_by(&keys, &values)? {
        let [reconciliation, pass, currency] = key.as_slice() else {
            continue;
        };
        let [count, left, right] = value.as_slice() else {
            continue;
        };
        let currency: i64 = currency.parse().unwrap_or(0);
        rows.push(Row::plain(vec![
            Cell::text(reconciliation),
            Cell::text(pass),
            Cell::text(money(0, currency)?.currency().code()),
            Cell::Count(*count),
            Cell::Amount(money(*left, currency)?),
            Cell::Amount(money(*right, currency)?),
            Cell::unless_zero(money(left - right, currency)?),
        ]));
    }
    Ok(Table {
        name: "passes",
        title: "Matches by pass".into(),
        note: String::new(),
        columns: vec![
            Column::text("reconciliation", "Reconciliation"),
            Column::text("pass", "Pass"),
            Column::text("currency", "Currency"),
            Column::count("matches", "Matches"),
            Column::amount("left", "Left"),
            Column::amount("right", "Right"),
            Column::amount("difference", "Difference"),
        ],
        rows,
    })
}

fn ageing_picture(breaks: &[BreakRow]) -> String {
    let classes = (0..=AGES.len()).map(|place| {
        let of_class = |status: &str| {
            let own = breaks
                .iter()
                .filter(|b| age_class(&AGES, b.age_days).0 == place && b.status == status);
            i64::try_from(own.count()).unwrap_or(0)
        };
        let days = AGES.get(place).copied().unwrap_or(i64::MAX);
        Bar {
            label: age_class(&AGES, days).1,
            segments: vec![
                ("open".into(), of_class("open"), Tone::Bad),
                ("explained".into(), of_class("explained"), Tone::Quiet),
            ],
        }
    });
    let shown: Vec<Bar> = classes
        .filter(|bar| bar.segments.iter().any(|(_, count, _)| *count > 0))
        .collect();
    if shown.is_empty() {
        String::new()
    } else {
        bars("Breaks by age", &shown)
    }
}

fn ageing(breaks: &[BreakRow]) -> Result<Table, ReportError> {
    let keys = [
        breaks
            .iter()
            .map(|b| {
                let (place, name) = age_class(&AGES, b.age_days);
                format!("{place}|{name}")
            })
            .collect(),
        breaks.iter().map(|b| b.kind.clone()).collect(),
        breaks
            .iter()
            .map(|b| format!("{:03}", b.currency_id))
            .collect(),
    ];
    let values = [
        breaks.iter().map(|_| 1).collect(),
        breaks.iter().map(|b| b.amount).collect(),
    ];
    let mut rows = Vec::new();
    for (key, value) in sum_by(&keys, &values)? {
        let [age, kind, currency] = key.as_slice() else {
            continue;
        };
        let [count, amount] = value.as_slice() else {
            continue;
        };
        let amount = money(*amount, currency.parse().unwrap_or(0))?;
        rows.push(Row::plain(vec![
            Cell::text(age.split('|').nth(1).unwrap_or_default()),
            Cell::text(kind),
            Cell::text(amount.currency().code()),
            Cell::Count(*count),
            Cell::unless_zero(amount),
        ]));
    }
    Ok(Table {
        name: "ageing",
        title: "Breaks by age".into(),
        note: String::new(),
        columns: vec![
            Column::text("age", "Age"),
            Column::text("kind", "Kind"),
            Column::text("currency", "Currency"),
            Column::count("breaks", "Breaks"),
            Column::amount("amount", "Amount"),
        ],
        rows,
    })
}

async fn statements(books: &Snapshot) -> Result<Table, ReportError> {
    let mut rows = Vec::new();
    let mut settled = 0;
    for statement in books.statements().await? {
        // Payouts are many and have no balances of a bank's kind; they are counted, not listed.
        if statement.superseded == 1 || (statement.origin != "bank" && !statement.is_open()) {
            settled += 1;
            continue;
        }
        let amount = |amount: Option<i64>| -> Result<Cell, ReportError> {
            Ok(match amount {
                Some(amount) => Cell::Amount(money(amount, statement.currency_id)?),
                None => Cell::Empty,
            })
        };
        rows.push(Row::holding(
            !statement.is_open(),
            vec![
                Cell::text(&statement.file),
                Cell::text(&statement.account),
                Cell::text(&statement.identity),
                Cell::text(money(0, statement.currency_id)?.currency().code()),
                amount(statement.opening)?,
                amount(Some(statement.total))?,
                amount(statement.closing)?,
                Cell::text(&statement.verdict),
            ],
        ));
    }
    Ok(Table {
        name: "statements",
        title: "Opening + lines = closing".into(),
        note: format!(
            "Bank statements, and whatever does not close. {settled} more statements close or have no balances (of processors), or stand in others."
        ),
        columns: vec![
            Column::text("file", "File"),
            Column::text("account", "Account"),
            Column::text("statement", "Statement"),
            Column::text("currency", "Currency"),
            Column::amount("opening", "Opening"),
            Column::amount("lines", "Lines"),
            Column::amount("closing", "Closing"),
            Column::text("verdict", "Verdict"),
        ],
        rows,
    })
}

async fn discontinuities(books: &Snapshot) -> Result<Table, ReportError> {
    let mut rows = Vec::new();
    for found in continuity::read(books).await? {
        let amount = money(found.amount, found.currency_id)?;
        rows.push(Row::holding(
            false,
            vec![
                Cell::text(&found.account),
                Cell::text(amount.currency().code()),
                Cell::text(found.kind.name()),
                Cell::text(found.from.to_string()),
                Cell::text(found.to.to_string()),
                Cell::unless_zero(amount),
                Cell::text(&found.sentence),
            ],
        ));
    }
    Ok(Table {
        name: "continuity",
        title: "Closing + lines since = next closing".into(),
        note: "Where it does not hold between two statements of a bank account; empty where it always does.".into(),
        columns: vec![
            Column::text("account", "Account"),
            Column::text("currency", "Currency"),
            Column::text("what", "What"),
            Column::text("from", "From"),
            Column::text("to", "To"),
            Column::amount("amount", "Amount"),
            Column::text("detail", "Detail"),
        ],
        rows,
    })
}
