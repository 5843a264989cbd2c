//! Cash: what processors and banks say that they moved, and what names it in the books.
//!
//! A format makes a [`Statement`] of a file, the store keeps it and reconciliation compares it: all
//! three speak of these values. An amount is signed as the account holder sees it. What a line is
//! stands twice: as a [`Movement`], by which sums are made, and in the sender's own word.

use crate::hash::EventKey;
use crate::money::{Currency, Money};
use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

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

/// How final a statement is: what it takes back, and what makes it superfluous.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// The account's own statement of days that are over.
    #[default]
    Final,
    /// A report of a day that is not over yet (camt.052, MT942).
    Interim,
    /// A notice of single movements (camt.054): a statement repeats them.
    Notice,
}

impl Basis {
    /// All of them, the most final first.
    pub const ALL: [Self; 3] = [Self::Final, Self::Interim, Self::Notice];

    /// The word in the store and for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Final => "final",
            Self::Interim => "interim",
            Self::Notice => "notice",
        }
    }

    /// Reads the word back.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|basis| basis.name() == name)
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
    /// How final it is.
    pub basis: Basis,
    /// Its number among the statements of its account, where it has one.
    pub sequence: Option<u64>,
    /// Which page of a statement it is, from 1, and whether it is the last one; none where it is whole.
    pub page: Option<Page>,
    /// The day on which the file was made: it knows nothing of later ones.
    pub made_on: Option<NaiveDate>,
    /// The lines.
    pub lines: Vec<SettlementLine>,
    /// What in the statement contradicts itself, beside its balances.
    pub contradictions: Vec<String>,
}

/// A page of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Page {
    /// From 1.
    pub number: u32,
    /// Whether none follows.
    pub is_last: bool,
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
        self.verdict_of(self.total())
    }

    /// The same of a statement whose lines are elsewhere, by their sum in minor units.
    pub fn verdict_of(&self, total: i64) -> String {
        if let Some(first) = self.contradictions.first() {
            return format!("does not close: {first}");
        }
        let (Some(opening), Some(closing)) = (self.opening, self.closing) else {
            return "no balances".to_owned();
        };
        let expected = opening.amount().saturating_add(total);
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
    /// Its place in the file.
    pub place: Place,
    /// What moved.
    pub movement: Movement,
    /// What moved, in the sender's own word.
    pub kind: String,
    /// What it refers to, the most telling first.
    pub references: Vec<Reference>,
    /// The payout that it belongs to.
    pub payout: String,
    /// Before fees.
    pub gross: Money,
    /// Fees: what was taken is positive.
    pub fee: Money,
    /// Of which kinds the fee is, where the sender tells; they sum up to it.
    pub fees: Vec<FeePart>,
    /// Gross less fees.
    pub net: Money,
    /// The net as the sender wrote it, where it has more decimals than the currency.
    pub exact: Option<Decimal>,
    /// What the customer paid, where that is another currency.
    pub original: Option<Money>,
    /// Units of the account's currency for one of the customer's.
    pub rate: Option<Decimal>,
    /// The day it was booked.
    pub booked_on: NaiveDate,
    /// The day from which it bears interest, where a bank tells.
    pub value_on: Option<NaiveDate>,
    /// The day its payout was made.
    pub paid_on: Option<NaiveDate>,
    /// Who is at the other end, by name and account.
    pub counterparty: String,
    /// Free text.
    pub description: String,
}

/// Where something stands in the text of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line, from 1.
    pub line: u64,
    /// The first byte of the decoded text, from 0.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
}

/// What a fee is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FeeKind {
    /// The card scheme's.
    Scheme,
    /// The card issuer's.
    Interchange,
    /// The processor's or the bank's own: commission, markup.
    Processor,
    /// A tax on fees.
    Tax,
    /// None of these.
    Other,
}

impl FeeKind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Scheme,
        Self::Interchange,
        Self::Processor,
        Self::Tax,
        Self::Other,
    ];

    /// The word for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scheme => "scheme",
            Self::Interchange => "interchange",
            Self::Processor => "processor",
            Self::Tax => "tax",
            Self::Other => "other",
        }
    }

    /// Reads the word back.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A part of a fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeePart {
    /// What it is for.
    pub kind: FeeKind,
    /// What was taken is positive.
    pub amount: Money,
}

/// What kind of name a reference is: whose, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReferenceKind {
    /// The processor's name of the payment: a charge, a PSP reference.
    Charge,
    /// The processor's name of what the payment was an attempt at: a payment intent.
    Payment,
    /// Our own name: an order, an invoice.
    Merchant,
    /// The processor's name of a refund.
    Refund,
    /// The processor's name of a dispute.
    Dispute,
    /// End to end, as the payer's bank passed it on.
    EndToEnd,
    /// A creditor reference or another structured remittance.
    Remittance,
    /// A direct debit's mandate.
    Mandate,
    /// The bank's own.
    Bank,
    /// The batch or message that brought it.
    Batch,
}

impl ReferenceKind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Charge,
        Self::Payment,
        Self::Merchant,
        Self::Refund,
        Self::Dispute,
        Self::EndToEnd,
        Self::Remittance,
        Self::Mandate,
        Self::Bank,
        Self::Batch,
    ];

    /// The word in the configuration and for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Payment => "payment",
            Self::Merchant => "merchant",
            Self::Refund => "refund",
            Self::Dispute => "dispute",
            Self::EndToEnd => "end-to-end",
            Self::Remittance => "remittance",
            Self::Mandate => "mandate",
            Self::Bank => "bank",
            Self::Batch => "batch",
        }
    }

    /// Reads the word back.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A name by which another side knows a movement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// What kind of name it is.
    pub kind: ReferenceKind,
    /// The name, as it stands.
    pub text: String,
}

impl Reference {
    /// A name; none where the text is empty.
    pub fn of(kind: ReferenceKind, text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self {
            kind,
            text: text.to_owned(),
        })
    }
}

impl SettlementLine {
    /// A movement without fees that refers to nothing yet.
    pub fn new(
        identity: String,
        place: Place,
        (movement, kind): (Movement, &str),
        amount: Money,
        booked_on: NaiveDate,
    ) -> Self {
        Self {
            identity,
            place,
            movement,
            kind: kind.to_owned(),
            references: Vec::new(),
            payout: String::new(),
            gross: amount,
            fee: Money::minor(0, amount.currency()),
            fees: Vec::new(),
            net: amount,
            exact: None,
            original: None,
            rate: None,
            booked_on,
            value_on: None,
            paid_on: None,
            counterparty: String::new(),
            description: String::new(),
        }
    }

    /// What it refers to first; empty where it refers to nothing.
    pub fn reference(&self) -> &str {
        self.references
            .first()
            .map_or("", |reference| reference.text.as_str())
    }

    /// Whether another reading of the line says the same, wherever it stands and whatever free text
    /// it has.
    pub fn agrees(&self, other: &Self) -> bool {
        (self.gross, self.fee, self.net) == (other.gross, other.fee, other.net)
            && (self.movement, &self.kind) == (other.movement, &other.kind)
            && (self.reference(), &self.payout) == (other.reference(), &other.payout)
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

/// What is no name of an item.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` names no item; they are called `entry:12/1`, `settlement:5`, `bank:7`, `payout:3` or `payout:3/1`"
)]
pub struct NoItem(String);

impl FromStr for ItemRef {
    type Err = NoItem;

    fn from_str(text: &str) -> Result<Self, NoItem> {
        let read = || {
            let (kind, rest) = text.split_once(':')?;
            let kind = ItemKind::ALL.into_iter().find(|one| one.name() == kind)?;
            let (id, sub) = rest.split_once('/').unwrap_or((rest, "0"));
            let item = Self {
                kind,
                id: id.parse().ok()?,
                sub: sub.parse().ok()?,
            };
            // As it is shown and no other way, so that one item has one name.
            (item.id > 0 && item.sub >= 0 && item.to_string() == text).then_some(item)
        };
        read().ok_or_else(|| NoItem(text.to_owned()))
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
    fn an_item_is_read_as_it_is_shown() {
        for name in [
            "entry:12/1",
            "settlement:5",
            "bank:7",
            "payout:3",
            "payout:3/1",
        ] {
            assert_eq!(
                name.parse::<ItemRef>().map(|item| item.to_string()),
                Ok(name.to_owned())
            );
        }
        for wrong in [
            "",
            "entry",
            "entry:",
            "entry:-1/1",
            "entry:01/1",
            "payout:3/0",
            "bank:7/x",
            "till:1",
            "bank:99999999999999999999",
        ] {
            assert!(wrong.parse::<ItemRef>().is_err(), "{wrong}");
        }
    }

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
