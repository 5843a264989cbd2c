//! What a rule decides about an event: the value that mappings give and the store writes.

use crate::entity::FiscalPeriod;
use crate::entry::JournalEntry;

/// An entry with the period it falls in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// The balanced entry.
    pub entry: JournalEntry,
    /// The period of its accounting date.
    pub period: FiscalPeriod,
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
    /// A rule posts it, and nothing is left to post.
    NoEffect {
        /// The rule that says so.
        rule: String,
        /// Why nothing is left.
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
