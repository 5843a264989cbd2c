//! Cash: what processors and banks say that they moved, and what names it in the books.
//!
//! A format makes a [`Statement`] of a file, the store keeps it and reconciliation compares it: all
//! three speak of these values. An amount is signed as the account holder sees it. What a line is
//! stands twice: as a [`Movement`], by which sums are made, and in the sender's own word.

use crate::hash::EventKey;
use crate::money::{Currency, Money};
use chrono::NaiveDate;
use serde::{Serialize, Serializer};
use std::fmt;

/// Whose statement it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A payment processor.
    Processor,
    /// A bank.
    Bank,
}

impl Origin {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Processor, Self::Bank];

    /// The word in the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Processor => "processor",
            Self::Bank => "bank",
        }
    }

    /// Reads the word back.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|origin| origin.name() == name)
    }
}

/// What moved, in the words of the trade. The list is closed: what none of them says is `Other`,
/// and the sender's own word stands beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Movement {
    /// A customer paid.
    Charge,
    /// A customer got money back.
    Refund,
    /// A payment was disputed and taken back.
    Dispute,
    /// A dispute was won, and its money came back.
    DisputeReversal,
    /// A fee of the processor or bank.
    Fee,
    /// Money left for the bank account.
    Payout,
    /// A payout came back.
    PayoutFailure,
    /// Money was held back.
    Reserve,
    /// Money that was held back is free again.
    Release,
    /// Money went from one account to another.
    Transfer,
    /// A correction by the processor or bank.
    Adjustment,
    /// A tax.
    Tax,
    /// None of these.
    Other,
}

impl Movement {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 13] = [
        Self::Charge,
        Self::Refund,
        Self::Dispute,
        Self::DisputeReversal,
        Self::Fee,
        Self::Payout,
        Self::PayoutFailure,
        Self::Reserve,
        Self::Release,
        Self::Transfer,
        Self::Adjustment,
        Self::Tax,
        Self::Other,
    ];

    /// The word for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Refund => "refund",
            Self::Dispute => "dispute",
            Self::DisputeReversal => "dispute reversal",
            Self::Fee => "fee",
            Self::Payout => "payout",
            Self::PayoutFailure => "payout failure",
            Self::Reserve => "reserve",
            Self::Release => "release",
            Self::Transfer => "transfer",
            Self::Adjustment => "adjustment",
            Self::Tax => "tax",
            Self::Other => "other",
        }
    }

    /// The number in the store.
    pub const fn number(self) -> i64 {
        match self {
            Self::Charge => 1,
            Self::Refund => 2,
            Self::Dispute => 3,
            Self::DisputeReversal => 4,
            Self::Fee => 5,
            Self::Payout => 6,
            Self::PayoutFailure => 7,
            Self::Reserve => 8,
            Self::Release => 9,
            Self::Transfer => 10,
            Self::Adjustment => 11,
            Self::Tax => 12,
            Self::Other => 13,
        }
    }

    /// Reads the number back.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|movement| movement.number() == number)
    }
}

/// A statement of one account in one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Whose.
    pub origin: Origin,
    /// The account.
    pub account: String,
    /// What the statement calls itself.
    pub identity: String,
    /// The currency.
    pub currency: Currency,
    /// The opening balance, where the format has one.
    pub opening: Option<Money>,
    /// The closing balance, where the format has one.
    pub closing: Option<Money>,
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
    /// The lines.
    pub lines: Vec<SettlementLine>,
    /// What in the statement contradicts itself, beside its balances.
    pub contradictions: Vec<String>,
}

impl Statement {
    /// The sum of the lines in minor units; at the end of 64 bits it stays there.
    pub fn total(&self) -> i64 {
        self.lines
            .iter()
            .fold(0, |sum: i64, line| sum.saturating_add(line.net.amount()))
    }

    /// Whether opening + lines = closing: `closes`, `no balances`, or what does not hold.
    pub fn verdict(&self) -> String {
        if let Some(first) = self.contradictions.first() {
            return format!("does not close: {first}");
        }
        let (Some(opening), Some(closing)) = (self.opening, self.closing) else {
            return "no balances".to_owned();
        };
        let expected = opening.amount().saturating_add(self.total());
        if expected == closing.amount() {
            return "closes".to_owned();
        }
        let expected = Money::minor(expected, self.currency);
        format!("does not close: opening + lines = {expected}, closing is {closing}")
    }

    /// What one of its lines is called in the books.
    pub fn key(&self, line: &SettlementLine) -> EventKey {
        line_key(self.origin, &self.account, &line.identity)
    }
}

/// What a line is called in the books, whichever file brings it: its identity within its account.
pub fn line_key(origin: Origin, account: &str, identity: &str) -> EventKey {
    EventKey::new(&format!("{}:{account}", origin.name()), identity)
}

/// One movement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementLine {
    /// Its identity within the account.
    pub identity: String,
    /// Its place in the file: the line, or the number of the element, from 1.
    pub position: i64,
    /// What moved.
    pub movement: Movement,
    /// What moved, in the sender's own word.
    pub kind: String,
    /// What it refers to at the other side.
    pub reference: String,
    /// The payout that it belongs to.
    pub payout: String,
    /// Before fees.
    pub gross: Money,
    /// Fees.
    pub fee: Money,
    /// Gross less fees.
    pub net: Money,
    /// The day it was booked.
    pub booked_on: NaiveDate,
    /// The day its payout was made.
    pub paid_on: Option<NaiveDate>,
    /// Free text.
    pub description: String,
    /// The line as it stood in the file; the store gives lines back without it.
    pub raw: Option<String>,
}

impl SettlementLine {
    /// Whether another reading of the line says the same, wherever it stands and whatever free text
    /// it has.
    pub fn agrees(&self, other: &Self) -> bool {
        (self.gross, self.fee, self.net) == (other.gross, other.fee, other.net)
            && (self.movement, &self.kind) == (other.movement, &other.kind)
            && (&self.reference, &self.payout) == (&other.reference, &other.payout)
            && (self.booked_on, self.paid_on) == (other.booked_on, other.paid_on)
    }
}

/// What kind of thing an item of a reconciliation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ItemKind {
    /// A line of an entry.
    Entry,
    /// A line of a processor's file.
    Settlement,
    /// A line of a bank's statement.
    Bank,
    /// A payout: the lines of a processor that it paid.
    Payout,
}

impl ItemKind {
    const ALL: [Self; 4] = [Self::Entry, Self::Settlement, Self::Bank, Self::Payout];

    /// The number in the store.
    pub const fn number(self) -> i64 {
        match self {
            Self::Entry => 1,
            Self::Settlement => 2,
            Self::Bank => 3,
            Self::Payout => 4,
        }
    }

    /// The word for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Entry => "entry",
            Self::Settlement => "settlement",
            Self::Bank => "bank",
            Self::Payout => "payout",
        }
    }
}

/// What an item is called in the books: three integers. Shown as `entry:12/1` or `payout:3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ItemRef {
    /// What kind of thing it is.
    pub kind: ItemKind,
    /// Its number among its kind.
    pub id: i64,
    /// The line within it, from 1; 0 for the whole.
    pub sub: i64,
}

impl ItemRef {
    /// A line of an entry.
    pub const fn entry(id: i64, line_no: i64) -> Self {
        Self {
            kind: ItemKind::Entry,
            id,
            sub: line_no,
        }
    }

    /// A line of a settlement file.
    pub const fn line(origin: Origin, id: i64) -> Self {
        let kind = match origin {
            Origin::Processor => ItemKind::Settlement,
            Origin::Bank => ItemKind::Bank,
        };
        Self { kind, id, sub: 0 }
    }

    /// A payout.
    pub const fn payout(id: i64) -> Self {
        Self {
            kind: ItemKind::Payout,
            id,
            sub: 0,
        }
    }

    /// Reads the three integers back.
    pub fn from_numbers(kind: i64, id: i64, sub: i64) -> Option<Self> {
        let kind = ItemKind::ALL
            .into_iter()
            .find(|known| known.number() == kind)?;
        Some(Self { kind, id, sub })
    }
}

impl fmt::Display for ItemRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.name(), self.id)?;
        if self.sub > 0 {
            write!(f, "/{}", self.sub)?;
        }
        Ok(())
    }
}

impl Serialize for ItemRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_come_back() {
        for (number, movement) in (1..).zip(Movement::ALL) {
            assert_eq!(movement.number(), number);
            assert_eq!(Movement::from_number(number), Some(movement));
        }
        assert_eq!(Movement::from_number(14), None);
        for origin in Origin::ALL {
            assert_eq!(Origin::from_name(origin.name()), Some(origin));
        }
        for (item, shown) in [
            (ItemRef::entry(12, 1), "entry:12/1"),
            (ItemRef::line(Origin::Processor, 5), "settlement:5"),
            (ItemRef::line(Origin::Bank, 7), "bank:7"),
            (ItemRef::payout(3), "payout:3"),
        ] {
            assert_eq!(item.to_string(), shown);
            let back = ItemRef::from_numbers(item.kind.number(), item.id, item.sub);
            assert_eq!(back, Some(item));
        }
    }

    /// Keys are in the books for good.
    #[test]
    fn a_line_keeps_its_key() {
        let key = line_key(Origin::Processor, "psp", "txn_1");
        assert_eq!(key, EventKey::new("processor:psp", "txn_1"));
        assert_ne!(key, line_key(Origin::Bank, "psp", "txn_1"));
    }
}
