//! In which currency an entry is handed over, where journals of the ERP are in one currency.
//!
//! An entry of which all lines are in one foreign currency goes in that one with its rate, where the ERP may hold it;
//! any other goes in the currency of the books, and says for people what its lines were in.

use formats::erp::mapped::Placed;
use formats::erp::{ExportEntry, RenderError};
use ledger::{Currency, Line, Money, Side};
use rust_decimal::Decimal;

/// What an ERP holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holds {
    /// Other currencies than that of the books, with a rate.
    pub(super) foreign: bool,
    /// The most decimal places of an amount.
    pub(super) places: u32,
}

/// The currency of an entry there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Denominated {
    /// The currency.
    pub(super) currency: Currency,
    /// Units of the books' currency for one of it, where it is another.
    pub(super) rate: Option<Decimal>,
    /// The currency of the books.
    pub(super) home: Currency,
    places: u32,
}

fn places(amount: Money) -> u32 {
    amount.to_decimal().normalize().scale()
}

impl Denominated {
    /// How an entry goes to an ERP that holds this; none for an entry without lines.
    pub(super) fn of(item: &ExportEntry, holds: Holds) -> Option<Self> {
        let lines = item.entry.lines();
        let home = lines.first()?.functional.currency();
        let currency = lines.first()?.amount.currency();
        let fits =
            |line: &Line| line.amount.currency() == currency && places(line.amount) <= holds.places;
        let rate = item.entry.header().rate;
        let is_foreign =
            holds.foreign && currency != home && rate.is_some() && lines.iter().all(fits);
        Some(Self {
            currency: if is_foreign { currency } else { home },
            rate: rate.filter(|_| is_foreign),
            home,
            places: holds.places,
        })
    }

    /// A line's amount in it, always above zero.
    ///
    /// # Errors
    /// [`RenderError::Unfit`] for one with more decimal places than the ERP holds.
    pub(super) fn amount(&self, at: &Placed<'_>) -> Result<Decimal, RenderError> {
        let line = at.line;
        let money = if line.functional.currency() == self.currency {
            line.functional
        } else {
            line.amount
        };
        let mut amount = money.to_decimal();
        if places(money) > self.places {
            let what = format!("{money} has more than {} decimal places", self.places);
            return Err(at.unfit(what));
        }
        if amount.scale() > self.places {
            amount.rescale(self.places);
        }
        Ok(amount)
    }

    /// What a line's text says after it: its amount in another currency than the one that it goes in.
    pub(super) fn aside(&self, line: &Line) -> String {
        if line.amount.currency() == self.currency {
            String::new()
        } else {
            format!(" ({})", line.amount)
        }
    }
}

/// An amount with its sign: below zero for a credit.
pub(super) fn signed(side: Side, amount: Decimal) -> Decimal {
    match side {
        Side::Debit => amount,
        Side::Credit => -amount,
    }
}
