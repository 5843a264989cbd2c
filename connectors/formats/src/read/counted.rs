//! Names of lines that have none of their own: what they say, and how often it was said.
//!
//! Two equal movements on one day are genuine: the second is `.2`. They are counted through the
//! statements of a file that follow one another for one account, each beginning with the balance with
//! which the one before ended: pages, or two statements of a day. One that does not is the same
//! movements told again, or of another time, and begins anew.

use chrono::NaiveDate;
use ledger::encode::Encoder;
use ledger::{Money, Reference, ReferenceKind};
use std::collections::BTreeMap;

/// The names that were given.
#[derive(Debug, Default)]
pub struct Counted {
    account: String,
    closing: Option<Money>,
    names: BTreeMap<String, (u32, NaiveDate)>,
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
            self.names.retain(|_, (_, booked_on)| *booked_on >= day);
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
        let (count, _) = self.names.entry(base.clone()).or_insert((0, booked_on));
        *count += 1;
        match count {
            1 => base,
            count => format!("{base}.{count}"),
        }
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
