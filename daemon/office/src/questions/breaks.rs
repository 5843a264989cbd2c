//! What was known about breaks on a day that is past, and what changed since: from the histories of their cases, to which
//! runs and people only add.

use crate::call::{Call, Refusal};
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use desk::case::{CaseState, Deed};
use serde::Serialize;
use store::cases::HistoryRow;

/// A break as it stood at the end of a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Then {
    /// The break.
    pub id: String,
    /// The reconciliation.
    pub reconciliation: String,
    /// What was wrong when it was first found.
    pub kind: String,
    /// What people look for.
    pub reference: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// Left less right, in minor units, as the last run of that day saw it.
    pub amount: i64,
    /// How far its case was.
    pub state: &'static str,
    /// A sentence for people, from when it was first found.
    pub detail: String,
}

/// What a run found, lost or saw change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The break.
    pub id: String,
    /// The reconciliation.
    pub reconciliation: String,
    /// What was wrong when it was first found.
    pub kind: String,
    /// What people look for.
    pub reference: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// `found`, `returned`, `changed` or `cleared`.
    pub change: String,
    /// Left less right, in minor units, after the change.
    pub amount: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// What brought it.
    pub why: String,
}

/// The breaks that stood at the end of a day (UTC).
///
/// # Errors
/// When the books cannot be read.
pub async fn as_of(call: &Call, day: NaiveDate) -> Result<Vec<Then>, Refusal> {
    let rows = call.store.snapshot().await?;
    let rows = rows.case_history(after(day)).await?;
    let cases = rows.chunk_by(|one, next| one.id == next.id);
    Ok(cases.filter_map(|case| then(case, day)).collect())
}

/// What runs changed from one day to another (UTC), both included.
///
/// # Errors
/// When the books cannot be read.
pub async fn changes(
    call: &Call,
    (since, until): (NaiveDate, NaiveDate),
) -> Result<Vec<Change>, Refusal> {
    let from = since.and_time(NaiveTime::MIN).and_utc();
    let books = call.store.snapshot().await?;
    let rows = books.case_changes((from, after(until))).await?;
    let told = rows.into_iter().map(|row| Change {
        why: match row.deed.as_str() {
            "found" => row.detail,
            _ => row.why,
        },
        id: row.id,
        reconciliation: row.reconciliation,
        kind: row.kind,
        reference: row.reference,
        currency_id: row.currency_id,
        change: row.deed,
        amount: row.amount,
        at: row.done_at,
    });
    Ok(told.collect())
}

/// The moment at which a day is over.
fn after(day: NaiveDate) -> DateTime<Utc> {
    let next = day.checked_add_days(Days::new(1)).unwrap_or(day);
    next.and_time(NaiveTime::MIN).and_utc()
}

/// A case by its history up to a day; none where no run found it then.
fn then(case: &[HistoryRow], day: NaiveDate) -> Option<Then> {
    let deeds = || case.iter().filter_map(|row| Deed::find(&row.deed));
    let state = CaseState::after(deeds());
    // A case that a run cleared may have been decided before: the runs alone say whether it stood.
    let is_found = |deed: &Deed| {
        matches!(
            deed,
            Deed::Found | Deed::Returned | Deed::Changed | Deed::Cleared
        )
    };
    if deeds().rfind(is_found) == Some(Deed::Cleared) {
        return None;
    }
    let seen = |row: &&HistoryRow| matches!(row.deed.as_str(), "found" | "returned" | "changed");
    let amount = case.iter().rev().find(seen)?.amount;
    let first = case.first()?;
    let until = case.iter().rev().find_map(|row| row.until_on);
    let state = match state {
        CaseState::Accepted if until.is_some_and(|until| until < day) => CaseState::Open,
        state => state,
    };
    Some(Then {
        id: first.id.clone(),
        reconciliation: first.reconciliation.clone(),
        kind: first.kind.clone(),
        reference: first.reference.clone(),
        currency_id: first.currency_id,
        amount,
        state: state.name(),
        detail: first.detail.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_stands_then_as_its_history_says_up_to_then() {
        let day = |day: u32| NaiveDate::from_ymd_opt(2026, 2, day).unwrap();
        let row = |(on, deed, amount, until): (u32, &str, i64, Option<u32>)| HistoryRow {
            id: "BRK-1".to_owned(),
            reconciliation: "payments".to_owned(),
            kind: "missing-in-bank".to_owned(),
            reference: "ch_1".to_owned(),
            currency_id: 978,
            detail: "it is missing".to_owned(),
            deed: deed.to_owned(),
            actor: "ana".to_owned(),
            done_at: day(on).and_time(NaiveTime::MIN).and_utc(),
            why: String::new(),
            amount,
            until_on: until.map(day),
        };
        let history = [
            (1, "found", 700, None),
            (2, "assigned", 700, None),
            (3, "accepted", 700, Some(4)),
            (6, "changed", 500, None),
            (7, "resolved", 500, None),
            (8, "cleared", 0, None),
            (10, "commented", 500, None),
            (11, "returned", 300, None),
        ]
        .map(row);
        let table = [
            (1, Some(("open", 700))),
            (2, Some(("open", 700))),
            (3, Some(("accepted", 700))),
            (4, Some(("accepted", 700))),
            (5, Some(("open", 700))),
            (6, Some(("open", 500))),
            (7, Some(("resolved", 500))),
            (8, None),
            (10, None),
            (12, Some(("open", 300))),
        ];
        for (on, known) in table {
            let until = history.partition_point(|row| row.done_at < after(day(on)));
            let found = then(&history[..until], day(on));
            let found = found.map(|then| (then.state, then.amount));
            assert_eq!(found, known, "on day {on}");
        }
        assert_eq!(then(&[], day(1)), None);
    }
}
