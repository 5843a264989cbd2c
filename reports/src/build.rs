//! The reports: each a function from the store to a model.

mod account_statement;
mod ageing;
mod clearing;
mod control_equation;
mod fees;
mod journal_register;
mod match_quality;
mod payouts;
mod reconciliation_statement;
mod trial_balance;
mod waiting;

use crate::ReportError;
use crate::control::{Control, money};
use crate::model::{Cell, Column, Report, Row, Table};
use chrono::{DateTime, NaiveDate, Utc};
use store::Snapshot;
use store::cash::SideOf;
use store::reconciliation::BreakRow;

/// The report that needs the control equation.
pub const CONTROL: &str = "control";

/// Every report by name.
pub const NAMES: [&str; 11] = [
    CONTROL,
    "trial-balance",
    "journal-register",
    "reconciliation",
    "account-statement",
    "payouts",
    "ageing",
    "clearing",
    "fees",
    "match-quality",
    "waiting",
];

/// The upper ends of the classes of age in days, where the configuration names none.
pub const AGES: [i64; 4] = [1, 7, 30, 90];

/// What all reports speak of.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The company.
    pub company: String,
    /// When the report is made.
    pub now: DateTime<Utc>,
}

/// What is compared with what.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The reconciliation.
    pub name: String,
    /// What expects.
    pub left: SideOf,
    /// What answers.
    pub right: SideOf,
}

/// Which part of the books a report shows, and what the configuration says of it.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// The first day; each report says what it begins with where there is none.
    pub from: Option<NaiveDate>,
    /// The last day; the last one of the books where there is none.
    pub to: Option<NaiveDate>,
    /// One account of the ledger, processor or bank; empty for all.
    pub account: String,
    /// The reconciliations.
    pub comparisons: Vec<Comparison>,
    /// The ledger's clearing accounts.
    pub clearing: Vec<String>,
    /// The upper ends of the classes of age, in days; [`AGES`] where there are none.
    pub ageing_days: Vec<i64>,
}

impl Scope {
    fn holds(&self, day: NaiveDate) -> bool {
        self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day <= to)
    }

    /// Whether an account is asked for.
    fn wants(&self, account: &str) -> bool {
        self.account.is_empty() || self.account == account
    }

    fn ages(&self) -> &[i64] {
        if self.ageing_days.is_empty() {
            &AGES
        } else {
            &self.ageing_days
        }
    }

    fn facts(&self) -> Vec<(String, String)> {
        let day = |day: Option<NaiveDate>| day.map(|day| day.to_string());
        let account = Some(self.account.clone()).filter(|account| !account.is_empty());
        [
            ("from", day(self.from)),
            ("to", day(self.to)),
            ("account", account),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
    }
}

/// A verdict on sums that are proved: what does not hold, or what holds.
fn verdict(failures: &[String], holds: String) -> (String, String) {
    if failures.is_empty() {
        ("TIES".to_owned(), holds)
    } else {
        ("BREAKS".to_owned(), failures.join("; "))
    }
}

/// The age class of so many days: its place and its name.
fn age_class(ages: &[i64], days: i64) -> (usize, String) {
    let place = ages.partition_point(|end| *end < days);
    let before = place.checked_sub(1).and_then(|before| ages.get(before));
    let from = before.map_or(0, |end| end + 1);
    match ages.get(place) {
        Some(end) => (place, format!("{from} to {end} days")),
        None => (place, format!("over {} days", from - 1)),
    }
}

impl Subject {
    fn facts(&self) -> Vec<(String, String)> {
        vec![
            ("company".to_owned(), self.company.clone()),
            (
                "made".to_owned(),
                self.now.format("%Y-%m-%d %H:%M UTC").to_string(),
            ),
        ]
    }
}

/// Builds the report on the control equation, which somebody has put together.
///
/// # Errors
/// [`ReportError`].
pub fn control(subject: &Subject, control: &Control) -> Result<Report, ReportError> {
    control_equation::build(subject, control)
}

/// Builds any other report by its name, from what the books keep.
///
/// # Errors
/// [`ReportError`].
pub async fn build(
    name: &str,
    books: &Snapshot,
    subject: &Subject,
    scope: &Scope,
) -> Result<Report, ReportError> {
    match name {
        "account-statement" => account_statement::build(books, subject, scope).await,
        "payouts" => payouts::build(books, subject, scope).await,
        "ageing" => ageing::build(books, subject, scope).await,
        "clearing" => clearing::build(books, subject, scope).await,
        "fees" => fees::build(books, subject, scope).await,
        "match-quality" => match_quality::build(books, subject, scope).await,
        "trial-balance" => trial_balance::build(books, subject).await,
        "journal-register" => journal_register::build(books, subject).await,
        "reconciliation" => reconciliation_statement::build(books, subject).await,
        "waiting" => waiting::build(books, subject).await,
        other => Err(ReportError::Unknown(other.to_owned())),
    }
}

/// Every break with its story.
fn breaks_table(breaks: &[BreakRow]) -> Result<Table, ReportError> {
    let mut rows = Vec::new();
    for found in breaks {
        let amount = money(found.amount, found.currency_id)?;
        rows.push(Row::plain(vec![
            Cell::text(&found.id),
            Cell::text(&found.reconciliation),
            Cell::text(&found.kind),
            Cell::text(&found.state),
            Cell::text(&found.account),
            Cell::text(&found.reference),
            Cell::text(amount.currency().code()),
            Cell::unless_zero(amount),
            Cell::text(found.since_on.to_string()),
            Cell::Count(found.age_days),
            Cell::text(&found.detail),
        ]));
    }
    Ok(Table {
        name: "breaks",
        title: "Breaks".into(),
        note: "Amount is left less right: positive where the right side lacks money. Explained breaks differ in the way the money came, not in money.".into(),
        columns: vec![
            Column::text("id", "Break"),
            Column::text("reconciliation", "Reconciliation"),
            Column::text("kind", "Kind"),
            Column::text("state", "State"),
            Column::text("account", "Account"),
            Column::text("reference", "Reference"),
            Column::text("currency", "Currency"),
            Column::amount("amount", "Amount"),
            Column::text("since", "Since"),
            Column::count("age_days", "Days"),
            Column::text("detail", "What is known"),
        ],
        rows,
    })
}
