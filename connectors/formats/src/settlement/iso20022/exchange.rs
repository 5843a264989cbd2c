//! Foreign money: what an entry was before it became the account's currency.

use super::codes;
use crate::read::xml::Element;
use ledger::{Currency, Money};
use rust_decimal::{Decimal, RoundingStrategy};

/// Decimals of a rate that was quoted the other way round.
const PLACES: u32 = 10;

/// The amount in another currency than the entry's, signed as that, and the rate between them.
pub(super) fn original(
    entry: &Element,
    detail: Option<&Element>,
    net: Money,
) -> Option<(Money, Option<Decimal>)> {
    [Some(entry), detail].into_iter().flatten().find_map(|of| {
        let details = of.child("AmtDtls");
        let told = ["InstdAmt", "TxAmt", "CntrValAmt"]
            .iter()
            .filter_map(|name| details?.at(&[name, "Amt"]));
        let amount = told
            .chain(of.child("Amt"))
            .find_map(|amount| foreign(amount, net))?;
        let rate = details.and_then(|details| rate(details, amount, net));
        Some((amount, rate))
    })
}

fn foreign(amount: &Element, net: Money) -> Option<Money> {
    let code = amount.currency.as_deref()?;
    if code == net.currency().code() {
        return None;
    }
    let currency = Currency::from_code(code).ok()?;
    let size = Money::exact(codes::unsigned(&amount.text).ok()?, currency).ok()?;
    if size.amount() == 0 {
        return None;
    }
    let negative = net.amount() < 0;
    Some(if negative {
        Money::minor(-size.amount(), currency)
    } else {
        size
    })
}

fn rate(details: &Element, original: Money, net: Money) -> Option<Decimal> {
    let exchange = ["InstdAmt", "TxAmt", "CntrValAmt"]
        .iter()
        .find_map(|name| details.at(&[name, "CcyXchg"]))?;
    let quoted = exchange.text_at(&["XchgRate"])?;
    let quoted = ledger::money::parse_decimal(quoted).ok()?;
    let unit = exchange
        .text_at(&["UnitCcy"])
        .or_else(|| exchange.text_at(&["SrcCcy"]));
    let turned = Decimal::ONE
        .checked_div(quoted)?
        .round_dp_with_strategy(PLACES, RoundingStrategy::MidpointNearestEven)
        .normalize();
    let ways = if unit == Some(net.currency().code()) {
        [turned, quoted]
    } else {
        [quoted, turned]
    };
    let (original, net) = (original.to_decimal(), net.to_decimal());
    let tenth = net.abs().checked_div(Decimal::TEN)?;
    ways.into_iter().find(|way| {
        let off = original
            .checked_mul(*way)
            .and_then(|amount| amount.checked_sub(net));
        off.is_some_and(|off| off.abs() <= tenth)
    })
}
