//! The reports: each a function from the store to a model.

mod control_equation;
mod journal_register;
mod reconciliation_statement;
mod trial_balance;

use crate::ReportError;
use crate::control::Control;
use crate::model::Report;
use chrono::{DateTime, Utc};
use store::Store;

/// Every report by name.
pub const NAMES: [&str; 4] = [
    "control",
    "trial-balance",
    "journal-register",
    "reconciliation",
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

/// Builds a report by its name.
///
/// # Errors
/// [`ReportError`].
pub async fn build(
    name: &str,
    store: &Store,
    subject: &Subject,
    control: &Control,
) -> Result<Report, ReportError> {
    match name {
        "control" => control_equation::build(subject, control),
        "trial-balance" => trial_balance::build(store, subject).await,
        "journal-register" => journal_register::build(store, subject).await,
        "reconciliation" => reconciliation_statement::build(store, subject, control).await,
        other => Err(ReportError::Unknown(other.to_owned())),
    }
}
