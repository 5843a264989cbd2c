//! Amounts of an entry: into the currency's unit, rounded, and into the functional currency.

use super::{Draft, Refusal};
use crate::program::{Amounts, RoundingRule};
use ledger::{Currency, Dimensions, Money, Rounding, Side, allocate};
use rust_decimal::Decimal;

/// How many minor units rounding may leave over for each line.
const MOST_PER_LINE: i128 = 5;

/// Puts amounts that count minor units into the currency's unit: one factor for all lines of an entry, so that
/// what balanced before balances still.
pub(super) fn to_units(
    amounts: &Amounts,
    currency: Currency,
    drafts: &mut [Draft],
) -> Result<(), Refusal> {
    for draft in drafts {
        draft.amount = in_units(amounts, currency, draft.amount)?;
    }
    Ok(())
}

/// One amount in the currency's unit.
pub(super) fn in_units(
    amounts: &Amounts,
    currency: Currency,
    amount: Decimal,
) -> Result<Decimal, Refusal> {
    let Amounts::Minor(own) = amounts else {
        return Ok(amount);
    };
    let decimals = own.get(currency.code()).copied();
    let decimals = decimals.unwrap_or_else(|| currency.exponent());
    let unit = Decimal::try_from_i128_with_scale(1, decimals).map_err(|e| e.to_string())?;
    amount
        .checked_mul(unit)
        .ok_or_else(|| format!("{amount} in minor units is beyond 28 digits"))
}

/// Minor units per draft, with a rounding line added where the rule names one.
pub(super) fn rounded(
    rounding: Option<&RoundingRule>,
    drafts: &mut Vec<Draft>,
    currency: Currency,
) -> Result<Vec<i64>, Refusal> {
    let mut amounts = Vec::with_capacity(drafts.len() + 1);
    let mut difference = 0i128;
    for draft in drafts.iter() {
        let money = match rounding {
            Some(rule) => Money::round(draft.amount, currency, rule.mode),
            None => Money::exact(draft.amount, currency),
        }
        .map_err(|e| e.to_string())?;
        difference += draft.side.signed(money.amount());
        amounts.push(money.amount());
    }
    let named = rounding.and_then(|rule| Some((rule, rule.difference.as_ref()?)));
    let Some((rule, account)) = named.filter(|_| difference != 0) else {
        return Ok(amounts);
    };
    let size = Decimal::try_from_i128_with_scale(difference.abs(), currency.exponent())
        .map_err(|e| e.to_string())?;
    if size > rule.limit {
        return Err(format!(
            "debits and credits differ by {size} {currency}, more than the rounding limit of {}",
            rule.limit
        ));
    }
    let lines = drafts.len();
    let most = i128::try_from(lines).map_or(i128::MAX, |lines| lines.saturating_mul(MOST_PER_LINE));
    if !rule.unproven && difference.abs() > most {
        return Err(format!(
            "debits and credits differ by {size} {currency}: more than rounding can make of {lines} lines, whatever the rounding limit"
        ));
    }
    let side = if difference > 0 {
        Side::Credit
    } else {
        Side::Debit
    };
    drafts.push(Draft {
        account: account.clone(),
        side,
        amount: size,
        dimensions: Dimensions::new(),
        deferral: None,
    });
    amounts.push(i64::try_from(difference.abs()).map_err(|e| e.to_string())?);
    Ok(amounts)
}

/// Converts a balanced entry so that it stays balanced: the total once, then shared out among the
/// lines of each side by largest remainder.
pub(super) fn functional(
    kept: &[(Draft, i64)],
    currency: Currency,
    functional: Currency,
    rate: Option<Decimal>,
) -> Result<Vec<Money>, Refusal> {
    let Some(rate) = rate else {
        return Ok(kept
            .iter()
            .map(|(_, amount)| Money::minor(*amount, currency))
            .collect());
    };
    let of_side = |side: Side| -> Vec<i64> {
        kept.iter()
            .filter(|(draft, _)| draft.side == side)
            .map(|(_, amount)| *amount)
            .collect()
    };
    let (debits, credits) = (of_side(Side::Debit), of_side(Side::Credit));
    let total: i64 = debits
        .iter()
        .try_fold(0i64, |sum, amount| sum.checked_add(*amount))
        .ok_or("the entry's total does not fit 64 bits of minor units")?;
    let converted = Money::minor(total, currency)
        .to_decimal()
        .checked_mul(rate)
        .ok_or_else(|| format!("{total} at a rate of {rate} is beyond 28 digits"))?;
    let converted =
        Money::round(converted, functional, Rounding::HalfEven).map_err(|e| e.to_string())?;
    let mut shares = [
        allocate(converted.amount(), &debits).into_iter(),
        allocate(converted.amount(), &credits).into_iter(),
    ];
    let [debit_shares, credit_shares] = &mut shares;
    Ok(kept
        .iter()
        .map(|(draft, _)| {
            let share = match draft.side {
                Side::Debit => debit_shares.next(),
                Side::Credit => credit_shares.next(),
            };
            Money::minor(share.unwrap_or(0), functional)
        })
        .collect())
}
