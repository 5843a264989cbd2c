//! What a rule decides about an event: the value that mappings give and the store writes.

use crate::entity::FiscalPeriod;
use crate::entry::JournalEntry;
use chrono::NaiveDate;

/// A deferred line: what was posted to a deferral account is released later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deferral {
    /// The line, counted from 1.
    pub line_no: usize,
    /// The account into which it is released.
    pub release_account: String,
    /// How it is spread: `daily`, `monthly`.
    pub method: String,
    /// The first day of the service.
    pub from: NaiveDate,
    /// The last day of the service.
    pub to: NaiveDate,
}

/// An entry with the period it falls in and what it defers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// The balanced entry.
    pub entry: JournalEntry,
    /// The period of its accounting date.
    pub period: FiscalPeriod,
    /// Its deferred lines.
    pub deferrals: Vec<Deferral>,
}

/// The one outcome of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It makes entries.
    Posted {
        /// The rule that says so.
        rule: String,
        /// One or more entries.
        postings: Vec<Posting>,
    },
    /// A rule says that it has no effect.
    Ignored {
        /// The rule that says so.
        rule: String,
        /// Why, in the words of the rule.
        reason: String,
    },
    /// Nobody knows yet: kept, and tried again after the cure.
    Suspended {
        /// The rule that could not decide, if one was found.
        rule: Option<String>,
        /// What is wrong and what to do.
        reason: String,
    },
}
