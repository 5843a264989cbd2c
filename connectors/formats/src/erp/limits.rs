//! What a target can hold, as a constant of its kind: readable before any is configured, and obeyed before anything is
//! written. What does not fit is held back by itself, with the limit that it meets.

use super::ExportEntry;
use serde::Serialize;
use std::collections::BTreeSet;

/// The limits of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// The most lines of a document.
    pub lines: Option<u32>,
    /// The most entries that leave together.
    pub entries: Option<u32>,
    /// The most characters of a document's number, as UTF-16 counts them.
    pub number: Option<u32>,
    /// In which currencies a document is.
    pub currencies: Currencies,
    /// How debits and credits are told apart.
    pub sides: Sides,
    /// What one file holds.
    pub within: Within,
}

/// In which currencies the lines of a document are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Currencies {
    /// Any, in any mixture.
    Any,
    /// One for all lines.
    One,
    /// That of the entity's books; amounts in others are written as those of the books.
    Books,
}

/// How debits and credits are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sides {
    /// Each in its own field.
    Columns,
    /// A credit is below zero.
    Signed,
    /// A word or sign beside the amount.
    Marked,
    /// A line has two accounts.
    Pairs,
}

/// What one file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Within {
    /// Whatever leaves together.
    Batch,
    /// One entity's fiscal year; a batch of several leaves as several files.
    Year,
}

impl Limits {
    /// No limits, and two columns.
    pub const NONE: Self = Self {
        lines: None,
        entries: None,
        number: None,
        currencies: Currencies::Any,
        sides: Sides::Columns,
        within: Within::Batch,
    };

    /// Why an entry does not fit, where it does not.
    pub fn refuse(&self, item: &ExportEntry) -> Option<String> {
        let lines = item.entry.lines();
        let over = |count: usize, most: Option<u32>| {
            most.filter(|most| u64::try_from(count).unwrap_or(u64::MAX) > u64::from(*most))
        };
        if let Some(most) = over(lines.len(), self.lines) {
            return Some(format!(
                "document `{}` has {} lines, and the target holds {most}; post it in parts",
                item.document,
                lines.len()
            ));
        }
        let long = item.document.encode_utf16().count();
        if let Some(most) = over(long, self.number) {
            return Some(format!(
                "the number `{}` has {long} characters, and the target holds {most}; give the entity a shorter code",
                item.document
            ));
        }
        let currencies: BTreeSet<&str> = lines
            .iter()
            .map(|line| line.amount.currency().code())
            .collect();
        if self.currencies == Currencies::One && currencies.len() > 1 {
            let named: Vec<&str> = currencies.into_iter().collect();
            return Some(format!(
                "document `{}` is in {}, and a document of the target is in one currency",
                item.document,
                named.join(" and ")
            ));
        }
        None
    }

    /// The limits as sentences, for people.
    pub fn sentences(&self) -> Vec<String> {
        let mut told = Vec::new();
        told.extend(
            self.lines
                .map(|most| format!("a document has at most {most} lines")),
        );
        told.extend(
            self.entries
                .map(|most| format!("at most {most} entries leave together")),
        );
        told.extend(
            self.number
                .map(|most| format!("a document's number has at most {most} characters")),
        );
        told.extend(match self.currencies {
            Currencies::Any => None,
            Currencies::One => Some("a document is in one currency".to_owned()),
            Currencies::Books => {
                Some("amounts are in the currency of the entity's books".to_owned())
            }
        });
        told.push(
            match self.sides {
                Sides::Columns => "debits and credits have their own fields",
                Sides::Signed => "a credit is an amount below zero",
                Sides::Marked => "a sign beside the amount says debit or credit",
                Sides::Pairs => {
                    "each line has two accounts; other entries go through a clearing account"
                }
            }
            .to_owned(),
        );
        told.extend(match self.within {
            Within::Batch => None,
            Within::Year => Some("a file holds one entity's fiscal year".to_owned()),
        });
        told
    }
}
