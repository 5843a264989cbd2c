//! What a rule decides about an event: the value that mappings give and the store writes.

use crate::entity::FiscalPeriod;
use crate::entry::{EntryHeader, EntryKind, JournalEntry};
use crate::hash::EventKey;
use crate::reversal::{Asked, Part, Remaining, ReversalError};
use std::collections::{BTreeMap, BTreeSet};

/// An entry with the period it falls in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// The balanced entry.
    pub entry: JournalEntry,
    /// The period of its accounting date.
    pub period: FiscalPeriod,
}

/// An entry that takes back what stands in the books: its lines are theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The rules whose entry is taken back: one, and what it was called before.
    pub rules: Vec<String>,
    /// The reference of that entry.
    pub reference: String,
    /// How much of it.
    pub asked: Asked,
    /// What the entry says of itself, the rate aside.
    pub header: EntryHeader,
}

/// An entry that takes another back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reversal {
    /// The number of the entry that it takes back.
    pub reverses: i64,
    /// How much of it.
    pub part: Part,
    /// The entry.
    pub entry: JournalEntry,
}

impl Wanted {
    /// Whether an entry is one that it takes back.
    pub fn is_of(&self, entry: &JournalEntry) -> bool {
        let header = entry.header();
        header.kind != EntryKind::Reversal
            && header.reference == self.reference
            && header.entity == self.header.entity
            && self.rules.contains(&header.rule.rule)
    }

    /// The entries that take a part of these back. They are all that [`Wanted::is_of`] finds, with their numbers;
    /// what is left of each is less then.
    ///
    /// # Errors
    /// Why there are none, and what to do, for people; as much is left of each as before.
    pub fn answer(&self, found: &mut BTreeMap<i64, Remaining>) -> Result<Vec<Reversal>, String> {
        let of: BTreeSet<EventKey> = found
            .values()
            .map(|left| left.entry().header().event)
            .collect();
        let name = || {
            format!(
                "rule `{}` with the reference `{}` of entity `{}`",
                self.rules.join("`, `"),
                self.reference,
                self.header.entity
            )
        };
        if of.is_empty() {
            return Err(format!(
                "no entry of {} stands in the books; this event takes it back once it does",
                name()
            ));
        }
        if of.len() > 1 {
            let entries: Vec<String> = found.keys().map(i64::to_string).collect();
            return Err(format!(
                "the entries {} are of {} and of several events; a reference that names one of them says which is taken back",
                entries.join(", "),
                name()
            ));
        }
        let mut after = found.clone();
        let mut made = Vec::with_capacity(after.len());
        for (number, left) in &mut after {
            let told = |error: ReversalError| format!("entry {number} of {}: {error}", name());
            let part = left.part(self.asked).map_err(told)?;
            let lines = left.take(part).map_err(told)?;
            let header = EntryHeader {
                rate: left.entry().header().rate,
                ..self.header.clone()
            };
            let entry = JournalEntry::new(header, lines).map_err(|error| error.to_string())?;
            made.push(Reversal {
                reverses: *number,
                part,
                entry,
            });
        }
        *found = after;
        Ok(made)
    }
}

/// How the types of events begin that decisions about breaks make. No source brings one, and no side of a
/// reconciliation has what they post unless it names them: it is the answer to a break, and not another item.
pub const BREAK_EVENTS: &str = "tieout.break.";

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
    /// It takes back entries, which only the books know; they answer it, or it is suspended.
    Asks {
        /// The rule that says so.
        rule: String,
        /// Entries that need no answer.
        postings: Vec<Posting>,
        /// What is asked for, at least one.
        wanted: Vec<Wanted>,
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
