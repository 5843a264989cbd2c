//! Journal entries. [`JournalEntry::new`] is the only constructor: an entry that does not balance
//! in every currency, transaction and functional, cannot exist.

use crate::account::Side;
use crate::encode::Encoder;
use crate::hash::{EventKey, Hash};
use crate::money::{Currency, Money};
use chrono::NaiveDate;
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// Dimensions of a line by name: product, region, customer.
pub type Dimensions = BTreeMap<String, String>;

/// What kind of entry it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// The first record of an event.
    Original,
    /// Takes an earlier entry back.
    Reversal,
    /// Corrects without taking back.
    Adjustment,
    /// Releases deferred revenue.
    Recognition,
    /// Restates balances at a new rate.
    Revaluation,
}

impl EntryKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Original,
        Self::Reversal,
        Self::Adjustment,
        Self::Recognition,
        Self::Revaluation,
    ];

    /// The word in YAML, SQL views and exports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Original => "original",
            Self::Reversal => "reversal",
            Self::Adjustment => "adjustment",
            Self::Recognition => "recognition",
            Self::Revaluation => "revaluation",
        }
    }

    /// Reads [`EntryKind::name`] back.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The number in the store.
    pub const fn number(self) -> i64 {
        match self {
            Self::Original => 1,
            Self::Reversal => 2,
            Self::Adjustment => 3,
            Self::Recognition => 4,
            Self::Revaluation => 5,
        }
    }

    /// Reads the number back.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }
}

/// The rule that made an entry, in the version that was active.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleRef {
    /// The content hash of the mapping.
    pub mapping: Hash,
    /// The rule's name.
    pub rule: String,
}

/// What an entry says about itself, beside its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryHeader {
    /// The entity whose books it is in.
    pub entity: String,
    /// The accounting date.
    pub date: NaiveDate,
    /// The day on which it belongs, where that day's period was closed and the accounting date is a later one.
    pub event_on: Option<NaiveDate>,
    /// What kind of entry.
    pub kind: EntryKind,
    /// The document that people know: an invoice or payment number.
    pub reference: String,
    /// What happened, for people.
    pub description: String,
    /// The event it came from.
    pub event: EventKey,
    /// The rule that made it.
    pub rule: RuleRef,
    /// Functional units for one transaction unit, where the currencies differ.
    pub rate: Option<Decimal>,
}

/// One line of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The account's name in the chart.
    pub account: String,
    /// Debit or credit.
    pub side: Side,
    /// The positive amount in the currency of the transaction.
    pub amount: Money,
    /// The same in the functional currency of the entity; zero only where rounding leaves nothing.
    pub functional: Money,
    /// What the amount belongs to.
    pub dimensions: Dimensions,
    /// When and where it is released, if it is deferred.
    pub deferral: Option<Deferral>,
}

/// A deferred line: what was posted to a deferral account is released later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deferral {
    /// The account into which it is released.
    pub release_account: String,
    /// How it is spread: `daily`, `monthly`.
    pub method: String,
    /// The first day of the service.
    pub from: NaiveDate,
    /// The last day of the service.
    pub to: NaiveDate,
}

/// A journal entry whose debits equal its credits, in every currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalEntry {
    header: EntryHeader,
    lines: Vec<Line>,
}

/// Why lines are no entry.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EntryError {
    /// Fewer than two lines.
    #[error("an entry needs at least two lines")]
    TooFewLines,
    /// A line of zero or less.
    #[error("line {0} is not positive")]
    NotPositive(usize),
    /// Two functional currencies in one entry.
    #[error("the lines are in two functional currencies, {0} and {1}")]
    MixedFunctional(Currency, Currency),
    /// Debits and credits differ.
    #[error("debits and credits differ by {difference} {currency}{}", if *.functional { " in the functional currency" } else { "" })]
    Unbalanced {
        /// The currency in which they differ.
        currency: Currency,
        /// Debits less credits, in major units.
        difference: Decimal,
        /// Whether the functional amounts differ (the transaction amounts otherwise).
        functional: bool,
    },
}

impl JournalEntry {
    /// Checks and builds an entry.
    ///
    /// # Errors
    /// [`EntryError`] naming the line or the currency that does not hold.
    pub fn new(header: EntryHeader, lines: Vec<Line>) -> Result<Self, EntryError> {
        let [first, _, ..] = lines.as_slice() else {
            return Err(EntryError::TooFewLines);
        };
        let functional = first.functional.currency();
        let mut by_currency = BTreeMap::<Currency, i128>::new();
        let mut functional_sum = 0i128;
        for (index, line) in lines.iter().enumerate() {
            if line.amount.amount() <= 0 || line.functional.amount() < 0 {
                return Err(EntryError::NotPositive(index + 1));
            }
            if line.functional.currency() != functional {
                return Err(EntryError::MixedFunctional(
                    functional,
                    line.functional.currency(),
                ));
            }
            let sum = by_currency.entry(line.amount.currency()).or_default();
            *sum += line.side.signed(line.amount.amount());
            functional_sum += line.side.signed(line.functional.amount());
        }
        for (currency, difference) in by_currency {
            balanced(currency, difference, false)?;
        }
        balanced(functional, functional_sum, true)?;
        Ok(Self { header, lines })
    }

    /// What the entry says about itself.
    pub const fn header(&self) -> &EntryHeader {
        &self.header
    }

    /// The lines, in the order of the rule.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Both, to be kept apart.
    pub fn into_parts(self) -> (EntryHeader, Vec<Line>) {
        (self.header, self.lines)
    }

    /// The hash over everything an auditor would ask about.
    ///
    /// The encoding is the fields of the header in the order of [`EntryHeader`], then for each
    /// line account, side, amount, functional amount, the dimensions by name, and the deferral. An entry that
    /// stands on the day on which it belongs is encoded without that day, as version 1.
    pub fn hash(&self) -> Hash {
        let header = &self.header;
        let mut encoder = Encoder::new(match header.event_on {
            None => "tieout.entry.v1",
            Some(_) => "tieout.entry.v2",
        });
        encoder.text(&header.entity);
        encoder.value(header.date);
        if let Some(own) = header.event_on {
            encoder.value(own);
        }
        encoder.text(header.kind.name());
        encoder.text(&header.reference);
        encoder.text(&header.description);
        encoder.bytes(header.event.as_bytes());
        encoder.bytes(header.rule.mapping.as_bytes());
        encoder.text(&header.rule.rule);
        self.encode_rest(&mut encoder);
        encoder.finish()
    }

    /// The hash over what the entry says, whichever version of whichever rule said so: two versions
    /// that say the same of an event make entries of one substance, also where one was moved out of a closed period.
    pub fn substance(&self) -> Hash {
        let header = &self.header;
        let mut encoder = Encoder::new("tieout.substance.v1");
        encoder.text(&header.entity);
        encoder.value(self.own_day());
        encoder.text(header.kind.name());
        encoder.text(&header.reference);
        self.encode_rest(&mut encoder);
        encoder.finish()
    }

    /// The day on which it belongs, whatever period it stands in.
    pub fn own_day(&self) -> NaiveDate {
        self.header.event_on.unwrap_or(self.header.date)
    }

    /// Rate and lines.
    fn encode_rest(&self, encoder: &mut Encoder) {
        let rate = self.header.rate.map(|rate| rate.normalize().to_string());
        encoder.text(&rate.unwrap_or_default());
        encoder.count(self.lines.len());
        for line in &self.lines {
            encoder.text(&line.account);
            encoder.text(line.side.name());
            encoder.money(line.amount);
            encoder.money(line.functional);
            encoder.count(line.dimensions.len());
            for (name, value) in &line.dimensions {
                encoder.text(name);
                encoder.text(value);
            }
            encoder.count(usize::from(line.deferral.is_some()));
            if let Some(deferral) = &line.deferral {
                encoder.text(&deferral.release_account);
                encoder.text(&deferral.method);
                encoder.value(deferral.from);
                encoder.value(deferral.to);
            }
        }
    }

    /// The entry that takes this one back: the same lines on their other sides, under the same rule.
    #[must_use]
    pub fn reversal(&self, date: NaiveDate, description: String) -> Self {
        let opposite = |line: &Line| Line {
            side: line.side.opposite(),
            ..line.clone()
        };
        Self {
            header: EntryHeader {
                date,
                event_on: None,
                kind: EntryKind::Reversal,
                description,
                ..self.header.clone()
            },
            lines: self.lines.iter().map(opposite).collect(),
        }
    }

    /// The same entry on another accounting date; it keeps the day on which it belongs.
    #[must_use]
    pub fn dated(mut self, date: NaiveDate) -> Self {
        let own = self.own_day();
        self.header.date = date;
        self.header.event_on = (own != date).then_some(own);
        self
    }
}

fn balanced(currency: Currency, difference: i128, functional: bool) -> Result<(), EntryError> {
    if difference == 0 {
        return Ok(());
    }
    let difference =
        Decimal::try_from_i128_with_scale(difference, currency.exponent()).unwrap_or_default();
    Err(EntryError::Unbalanced {
        currency,
        difference,
        functional,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn eur(amount: i64) -> Money {
        Money::minor(amount, Currency::from_code("EUR").unwrap())
    }

    fn header() -> EntryHeader {
        EntryHeader {
            entity: "eu".into(),
            date: "2026-01-15".parse().unwrap(),
            event_on: None,
            kind: EntryKind::Original,
            reference: "INV-1".into(),
            description: "invoice".into(),
            event: EventKey::new("billing", "1"),
            rule: RuleRef {
                mapping: Hash::ZERO,
                rule: "invoice".into(),
            },
            rate: None,
        }
    }

    fn line(account: &str, side: Side, amount: Money) -> Line {
        Line {
            account: account.into(),
            side,
            amount,
            functional: amount,
            dimensions: Dimensions::new(),
            deferral: None,
        }
    }

    #[test]
    fn what_does_not_balance_cannot_exist() {
        let table = [
            (
                vec![line("a", Side::Debit, eur(100))],
                "an entry needs at least two lines",
            ),
            (
                vec![
                    line("a", Side::Debit, eur(100)),
                    line("b", Side::Credit, eur(99)),
                ],
                "debits and credits differ by 0.01 EUR",
            ),
            (
                vec![
                    line("a", Side::Debit, eur(0)),
                    line("b", Side::Credit, eur(0)),
                ],
                "line 1 is not positive",
            ),
            (
                vec![
                    line("a", Side::Debit, eur(100)),
                    Line {
                        functional: eur(101),
                        ..line("b", Side::Credit, eur(100))
                    },
                ],
                "debits and credits differ by -0.01 EUR in the functional currency",
            ),
        ];
        for (lines, message) in table {
            assert_eq!(
                JournalEntry::new(header(), lines).unwrap_err().to_string(),
                message
            );
        }
    }

    #[test]
    fn the_hash_sees_every_field() {
        let build = |header: EntryHeader, account: &str, amount| {
            let lines = vec![
                line(account, Side::Debit, amount),
                line("b", Side::Credit, amount),
            ];
            JournalEntry::new(header, lines).unwrap().hash()
        };
        let base = build(header(), "a", eur(100));
        assert_eq!(base, build(header(), "a", eur(100)));
        assert_ne!(base, build(header(), "c", eur(100)));
        assert_ne!(base, build(header(), "a", eur(101)));
        assert_ne!(
            base,
            build(
                EntryHeader {
                    entity: "us".into(),
                    ..header()
                },
                "a",
                eur(100)
            )
        );
        assert_ne!(
            base,
            build(
                EntryHeader {
                    rate: Some(Decimal::ONE),
                    ..header()
                },
                "a",
                eur(100)
            )
        );
    }

    #[test]
    fn an_entry_and_its_reversal_leave_nothing() {
        let lines = vec![
            line("a", Side::Debit, eur(70)),
            line("c", Side::Debit, eur(30)),
            line("b", Side::Credit, eur(100)),
        ];
        let entry = JournalEntry::new(header(), lines).unwrap();
        let on = "2026-02-01".parse().unwrap();
        let back = entry.reversal(on, "takes back".into());
        assert_eq!(
            (back.header().date, back.header().kind),
            (on, EntryKind::Reversal)
        );
        for (one, other) in entry.lines().iter().zip(back.lines()) {
            assert_eq!(
                (one.side.opposite(), one.amount),
                (other.side, other.amount)
            );
        }
        // It is an entry: what the constructor would say of it.
        assert!(JournalEntry::new(back.header().clone(), back.lines().to_vec()).is_ok());
        let mut other = header();
        other.rule.mapping = Hash::of(b"another version");
        other.rule.rule = "renamed".into();
        let again = JournalEntry::new(other, entry.lines().to_vec()).unwrap();
        assert_eq!(entry.substance(), again.substance());
        assert_ne!(entry.hash(), again.hash());
        let moved = entry.clone().dated(on);
        assert_eq!(
            (moved.header().date, moved.own_day()),
            (on, entry.header().date)
        );
        assert_eq!(entry.substance(), moved.substance());
        assert_ne!(entry.hash(), moved.hash());
        assert_eq!(entry.hash(), moved.dated(entry.header().date).hash());
    }

    proptest! {
        #[test]
        fn every_entry_that_exists_balances(amounts in prop::collection::vec((any::<bool>(), 1i64..i64::MAX), 2..8)) {
            let lines: Vec<Line> = amounts.iter().map(|(debit, amount)| {
                line("a", if *debit { Side::Debit } else { Side::Credit }, eur(*amount))
            }).collect();
            let sum: i128 = lines.iter().map(|l| l.side.signed(l.amount.amount())).sum();
            prop_assert_eq!(JournalEntry::new(header(), lines).is_ok(), sum == 0);
        }
    }
}
