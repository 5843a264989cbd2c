//! Charges: which of them are part of an entry, and of what they consist.

use super::codes::{self, Guess};
use crate::read::xml::Element;
use ledger::{Currency, FeeKind, FeePart, Money};
use rust_decimal::Decimal;

/// As many different kinds of charges of one entry are told apart.
const MOST: usize = 64;

/// Charges that are alike, summed; what was taken is positive.
#[derive(Debug)]
struct Charge {
    amount: Decimal,
    /// What of it is a tax.
    tax: Decimal,
    currency: String,
    included: Option<bool>,
    agent: String,
}

impl Charge {
    fn is_like(&self, other: &Self) -> bool {
        (&self.currency, self.included, &self.agent)
            == (&other.currency, other.included, &other.agent)
    }
}

/// The charges of an entry, or of its details.
#[derive(Debug, Default)]
pub(super) struct Charges(Vec<Charge>);

impl Charges {
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes all `Chrgs` of an entry or a detail: up to version .03 each is one charge, from .04 it
    /// holds a record for each.
    pub(super) fn take(&mut self, of: &Element) -> Result<(), Guess> {
        for charges in of.all("Chrgs") {
            let total = charges.child("TtlChrgsAndTaxAmt");
            let mut found: Vec<Charge> = Vec::new();
            for record in charges.all("Rcrd") {
                found.push(record_of(record)?);
            }
            if found.is_empty() && charges.child("Amt").is_some() {
                found.push(record_of(charges)?);
            }
            match total {
                Some(total) if found.is_empty() => found.push(whole(total)?),
                Some(total) => settle_taxes(&mut found, codes::unsigned(&total.text)?),
                None => found
                    .iter_mut()
                    .for_each(|charge| charge.tax = Decimal::ZERO),
            }
            found.into_iter().try_for_each(|charge| self.add(charge))?;
        }
        Ok(())
    }

    fn add(&mut self, charge: Charge) -> Result<(), Guess> {
        if charge.amount.is_zero() && charge.tax.is_zero() {
            return Ok(());
        }
        let too_large = || Guess("its charges are beyond all amounts".to_owned());
        if let Some(like) = self.0.iter_mut().find(|like| like.is_like(&charge)) {
            like.amount = like
                .amount
                .checked_add(charge.amount)
                .ok_or_else(too_large)?;
            like.tax = like.tax.checked_add(charge.tax).ok_or_else(too_large)?;
            return Ok(());
        }
        if self.0.len() == MOST {
            return Err(Guess(format!("it has more than {MOST} kinds of charges")));
        }
        self.0.push(charge);
        Ok(())
    }

    /// The fee parts of an entry of `net`, whose details sum up to `details`.
    pub(super) fn deducted(
        &self,
        net: Money,
        details: Option<Decimal>,
        servicer: &str,
    ) -> Result<Vec<FeePart>, Guess> {
        let currency = net.currency();
        let own = |charge: &&Charge| {
            charge.currency == currency.code()
                && charge.included != Some(false)
                && is_same_bank(&charge.agent, servicer)
        };
        let all: Vec<&Charge> = self.0.iter().filter(own).collect();
        let sum = all
            .iter()
            .try_fold(Decimal::ZERO, |sum, charge| sum.checked_add(charge.amount));
        let expected = details
            .zip(sum)
            .and_then(|(details, sum)| details.checked_sub(sum));
        let is_proven = expected == Some(net.to_decimal());
        let mut own = Decimal::ZERO;
        let mut tax = Decimal::ZERO;
        for charge in all {
            if charge.included == Some(true) || is_proven {
                // Sums of both were made above, and a part is no larger than all.
                own = own.saturating_add(charge.amount.saturating_sub(charge.tax));
                tax = tax.saturating_add(charge.tax);
            }
        }
        let parts = [(FeeKind::Processor, own), (FeeKind::Tax, tax)];
        let parts = parts.into_iter().filter(|(_, amount)| !amount.is_zero());
        parts
            .map(|(kind, amount)| part(kind, amount, currency))
            .collect()
    }
}

fn part(kind: FeeKind, amount: Decimal, currency: Currency) -> Result<FeePart, Guess> {
    let amount = Money::exact(amount, currency);
    let amount = amount.map_err(|error| Guess(format!("`Chrgs`: {error}")))?;
    Ok(FeePart { kind, amount })
}

fn record_of(record: &Element) -> Result<Charge, Guess> {
    let missing = || Guess("a charge has no `Amt`".to_owned());
    let amount = record.child("Amt").ok_or_else(missing)?;
    let size = codes::unsigned(&amount.text)?;
    let given_back = codes::may_be_debit(record)? == Some(false);
    let tax = match record.at(&["Tax", "Amt"]) {
        Some(tax) => codes::unsigned(&tax.text)?,
        None => Decimal::ZERO,
    };
    let sign = |size: Decimal| if given_back { -size } else { size };
    let agent = ["Agt", "Pty"].iter().find_map(|who| {
        let institution = record.at(&[who, "FinInstnId"])?;
        institution
            .text_at(&["BICFI"])
            .or_else(|| institution.text_at(&["BIC"]))
    });
    Ok(Charge {
        amount: sign(size),
        tax: sign(tax),
        currency: amount.currency.clone().unwrap_or_default(),
        included: codes::flag(record, "ChrgInclInd")?,
        agent: agent.unwrap_or_default().to_owned(),
    })
}

/// A total of which nothing else is told.
fn whole(total: &Element) -> Result<Charge, Guess> {
    Ok(Charge {
        amount: codes::unsigned(&total.text)?,
        tax: Decimal::ZERO,
        currency: total.currency.clone().unwrap_or_default(),
        included: None,
        agent: String::new(),
    })
}

/// Whether taxes are in the amounts or come on top of them: only the total tells.
fn settle_taxes(charges: &mut [Charge], total: Decimal) {
    let sum = |of: fn(&Charge) -> Decimal| {
        charges
            .iter()
            .try_fold(Decimal::ZERO, |sum, charge| sum.checked_add(of(charge)))
    };
    let amounts = sum(|charge| charge.amount);
    let with_taxes = amounts
        .zip(sum(|charge| charge.tax))
        .and_then(|(amounts, taxes)| amounts.checked_add(taxes));
    if amounts.map(|sum| sum.abs()) == Some(total) {
        return;
    }
    let on_top = with_taxes.map(|sum| sum.abs()) == Some(total);
    for charge in charges {
        if on_top {
            charge.amount = charge.amount.saturating_add(charge.tax);
        } else {
            charge.tax = Decimal::ZERO;
        }
    }
}

/// Whether who took a charge is the account's bank: a BIC's first four letters are the bank.
fn is_same_bank(agent: &str, servicer: &str) -> bool {
    let bank = |bic: &str| bic.get(..4).map(str::to_ascii_uppercase);
    match (bank(agent), bank(servicer)) {
        (Some(agent), Some(servicer)) => agent == servicer,
        _ => true,
    }
}
