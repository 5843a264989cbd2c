//! Names of lines that have none of their own: what they say, and how often it was said.
//!
//! Two equal movements on one day are genuine: the second is `.2`. Of each name sixteen bytes of its
//! hash are kept with its count, some forty bytes in all: that much grows with the lines of a file.
//!
//! A bank's lines are counted through the statements of a file that follow one another for one account,
//! each beginning with the balance with which the one before ended: pages, or two statements of a day.
//! One that does not is the same movements told again, or of another time, and begins anew; what was
//! booked before a statement's first day is forgotten.

use chrono::NaiveDate;
use ledger::encode::Encoder;
use ledger::{Hash, Money, Reference, ReferenceKind};
use std::collections::BTreeMap;

/// What is kept of a name.
type Key = [u8; 16];

fn key(name: &str) -> Key {
    let hash = Hash::of(name.as_bytes());
    hash.as_bytes().first_chunk().copied().unwrap_or_default()
}

/// A name that was given before, with its number.
pub fn numbered(name: String, count: u32) -> String {
    match count {
        0 | 1 => name,
        count => format!("{name}.{count}"),
    }
}

/// Names that are counted through a whole file, or through a statement.
#[derive(Debug, Default)]
pub struct Repeats(BTreeMap<Key, u32>);

impl Repeats {
    /// The name, or with its number where it was there before.
    pub fn name(&mut self, name: String) -> String {
        let count = self.0.entry(key(&name)).or_default();
        *count = count.saturating_add(1);
        numbered(name, *count)
    }
}

/// Names that may stand only once, with the lines at which they do.
#[derive(Debug, Default)]
pub struct Once(BTreeMap<Key, u64>);

impl Once {
    /// Where the name stood before, if it did.
    pub fn before(&mut self, name: &str, line: u64) -> Option<u64> {
        self.0.insert(key(name), line)
    }
}

/// The names of a bank's lines.
#[derive(Debug, Default)]
pub struct Counted {
    account: String,
    closing: Option<Money>,
    /// In the order of their days, so that those of days that are over go at once.
    names: BTreeMap<(NaiveDate, Key), u32>,
}

impl Counted {
    /// Begins a statement of an account; its lines are not before the day, where that is known.
    pub fn begin(&mut self, account: &str, opening: Option<Money>, day: Option<NaiveDate>) {
        let is_other = opening.is_some() && self.closing.is_some() && opening != self.closing;
        if self.account != account || is_other {
            self.restart();
            account.clone_into(&mut self.account);
        }
        if let Some(day) = day {
            while let Some(first) = self.names.first_entry()
                && first.key().0 < day
            {
                first.remove();
            }
        }
    }

    /// Ends a statement with its balance.
    pub const fn end(&mut self, closing: Option<Money>) {
        self.closing = closing;
    }

    /// Forgets what was told: what comes now repeats it.
    pub fn restart(&mut self) {
        *self = Self::default();
    }

    /// The name of a line, counted.
    pub fn name(&mut self, base: String, booked_on: NaiveDate) -> String {
        let count = self.names.entry((booked_on, key(&base))).or_default();
        *count = count.saturating_add(1);
        numbered(base, *count)
    }
}

/// What a line of a bank is called before it is counted: the bank's reference where it has one, and
/// a hash of what the line says. Blanks and line breaks are not part of it.
pub fn base(money: Money, booked_on: NaiveDate, references: &[Reference], text: &str) -> String {
    let solid = |text: &str| text.split_whitespace().collect::<String>();
    let bank = references
        .iter()
        .find(|reference| reference.kind == ReferenceKind::Bank);
    let mut encoder = Encoder::new("tieout.bank-movement.v1");
    encoder.money(money);
    encoder.value(booked_on);
    encoder.count(references.len());
    for reference in references {
        encoder.text(reference.kind.name());
        encoder.text(&solid(&reference.text));
    }
    encoder.text(&solid(text));
    let content = encoder.finish().short();
    match bank {
        Some(bank) => format!("{}#{content}", bank.text),
        None => content,
    }
}
