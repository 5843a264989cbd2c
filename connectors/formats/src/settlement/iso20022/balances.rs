//! The balances of a statement: only those that open and close it are kept.

use super::codes::{self, Guess};
use crate::read::xml::Element;
use chrono::{Days, NaiveDate};
use ledger::{Currency, Money};
use rust_decimal::Decimal;

/// A balance as it stands in the document.
#[derive(Clone, Debug)]
pub(super) struct Balance {
    pub(super) code: String,
    pub(super) currency: String,
    amount: Decimal,
    on: Option<NaiveDate>,
    line: u64,
}

impl Balance {
    fn of(element: &Element, line: u64) -> Result<Self, Guess> {
        let amount = element
            .child("Amt")
            .ok_or_else(|| Guess("it has no `Amt`".to_owned()))?;
        let code = element
            .text_at(&["Tp", "CdOrPrtry", "Cd"])
            .or_else(|| element.text_at(&["Tp", "Cd"]));
        let negative = codes::is_debit(element)?;
        let size = codes::unsigned(&amount.text)?;
        Ok(Self {
            code: code.unwrap_or_default().to_owned(),
            currency: amount.currency.clone().unwrap_or_default(),
            amount: if negative { -size } else { size },
            on: element.child("Dt").and_then(codes::day_in),
            line,
        })
    }

    /// The balance in the account's currency; none in another.
    ///
    /// # Errors
    /// The line, and what is wrong there.
    pub(super) fn money(&self, currency: Currency) -> Result<Option<Money>, (u64, Guess)> {
        if self.currency != currency.code() {
            return Ok(None);
        }
        let money = Money::exact(self.amount, currency);
        let refused = |error| (self.line, Guess(format!("Amt: {error}")));
        money.map(Some).map_err(refused)
    }
}

/// Those that open and close a statement or a page of it. Others (OPAV, CLAV, FWAV, XPCD, INFO) say
/// nothing of what was booked.
#[derive(Debug, Default)]
pub(super) struct Balances {
    opening: Option<Balance>,
    previous: Option<Balance>,
    closing: Option<Balance>,
    first_interim: Option<Balance>,
    last_interim: Option<Balance>,
    interims: u32,
}

impl Balances {
    pub(super) fn take(&mut self, element: &Element, line: u64) -> Result<(), Guess> {
        let new = Balance::of(element, line)?;
        let earlier = |old: &Option<Balance>| old.as_ref().is_none_or(|old| new.on < old.on);
        match new.code.as_str() {
            "OPBD" if earlier(&self.opening) => self.opening = Some(new),
            "PRCD" if earlier(&self.previous) => self.previous = Some(new),
            "CLBD" if self.closing.as_ref().is_none_or(|old| new.on >= old.on) => {
                self.closing = Some(new);
            }
            "ITBD" => {
                self.interims += 1;
                self.last_interim = Some(new.clone());
                self.first_interim.get_or_insert(new);
            }
            _ => {}
        }
        Ok(())
    }

    /// The currency that the booked ones name.
    pub(super) fn currency(&self) -> Option<&str> {
        let booked = [
            &self.opening,
            &self.closing,
            &self.previous,
            &self.last_interim,
        ];
        let found = booked.into_iter().flatten().next();
        found.map(|balance| balance.currency.as_str())
    }

    pub(super) fn opening(&self) -> Option<&Balance> {
        self.opening.as_ref().or(self.previous.as_ref())
    }

    pub(super) fn closing(&self) -> Option<&Balance> {
        self.closing.as_ref()
    }

    /// The interim balance that begins a page: one that ends it too begins nothing.
    pub(super) fn interim_opening(&self, closes_too: bool) -> Option<&Balance> {
        let needed = if closes_too { 2 } else { 1 };
        self.first_interim
            .as_ref()
            .filter(|_| self.interims >= needed)
    }

    /// The interim balance that ends a page: one that begins it too ends nothing.
    pub(super) fn interim_closing(&self, opens_too: bool) -> Option<&Balance> {
        let needed = if opens_too { 2 } else { 1 };
        self.last_interim
            .as_ref()
            .filter(|_| self.interims >= needed)
    }

    /// The first day, as the opening says it: PRCD closed the day before.
    pub(super) fn first_day(&self) -> Option<NaiveDate> {
        let previous = self.previous.as_ref().and_then(|balance| balance.on);
        let opening = self.opening.as_ref().and_then(|balance| balance.on);
        opening.or_else(|| previous?.checked_add_days(Days::new(1)))
    }

    /// The last day, as the closing says it.
    pub(super) fn last_day(&self) -> Option<NaiveDate> {
        self.closing.as_ref().and_then(|balance| balance.on)
    }
}
