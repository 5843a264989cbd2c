//! The reports: each a function from the store to a model.

mod control_equation;
mod journal_register;
mod reconciliation_statement;
mod trial_balance;
mod waiting;

use crate::ReportError;
use crate::control::{Control, money};
use crate::model::{Cell, Column, Report, Row, Table};
use chrono::{DateTime, Utc};
use store::Snapshot;
use store::reconciliation::BreakRow;

/// The report that needs the control equation.
pub const CONTROL: &str = "control";

/// Every report by name.
pub const NAMES: [&str; 5] = [
    CONTROL,
    "trial-balance",
    "journal-register",
    "reconciliation",
    "waiting",
];

/// What all reports speak of.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The company.
    pub company: String,
    /// When the report is made.
    pub now: DateTime<Utc>,
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
pub async fn build(name: &str, books: &Snapshot, subject: &Subject) -> Result<Report, ReportError> {
    match name {
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
