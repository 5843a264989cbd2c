//! What a run found wrong.

use chrono::NaiveDate;
use ledger::{Currency, ItemRef};

/// Whether a break is about money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BreakStatus {
    /// Money differs, or is missing.
    Open,
    /// The money agrees; the way it came is out of the ordinary.
    Explained,
}

impl BreakStatus {
    /// The word in the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Explained => "explained",
        }
    }
}

/// Something that is wrong, with a name that stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// The same for the same break in every run.
    pub id: String,
    /// What is wrong: `missing-in-bank`, `amount`, `fee`, `duplicate-in-settlement`, `late`,
    /// `split`, `merged`, `ambiguous`, ….
    pub kind: String,
    /// Whether it is about money.
    pub status: BreakStatus,
    /// What people look for.
    pub reference: String,
    /// Whose it is.
    pub account: String,
    /// The currency.
    pub currency: Currency,
    /// Left less right, in minor units.
    pub amount: i64,
    /// The oldest item's day.
    pub since: NaiveDate,
    /// Days from then to the day as of which this holds.
    pub age_days: i64,
    /// The items.
    pub items: Vec<ItemRef>,
    /// A sentence for people.
    pub detail: String,
    /// It comes from a match, which no later run finds again: it stays until somebody resolves it.
    pub lasting: bool,
}
