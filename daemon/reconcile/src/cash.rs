//! Cash, decomposed: each kind of movement compared on its own.
//!
//! Charges, refunds, disputes and fees that are wrong must not make up for each other. The left side's movement
//! is declared by the plan, the right side's stands in the settlement file. Where the plan declares none, all are
//! compared as one.

use crate::finding::{Break, BreakStatus};
use crate::plan::Plan;
use crate::{Board, Input, Item};
use chrono::NaiveDate;
use ledger::encode::Encoder;
use ledger::{Currency, Money, Movement};
use std::collections::{BTreeMap, BTreeSet};

/// One movement in one currency, in minor units: `left - right = left_open - right_open + breaks`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cash {
    /// All items at the left.
    pub left: i64,
    /// All items at the right.
    pub right: i64,
    /// Not due yet at the left.
    pub left_open: i64,
    /// Not due yet at the right.
    pub right_open: i64,
    /// What differs: items without a counterpart, and matches whose sides are not the same movement or amount.
    pub breaks: i64,
}

/// Cash by currency and movement; none where the plan declares none.
pub type CashTable = BTreeMap<(Currency, Option<Movement>), Cash>;

/// Adds up both sides. What is neither waiting nor the same on both sides differs.
pub(crate) fn table(
    plan: &Plan,
    board: &Board<'_>,
    waiting: (&BTreeSet<usize>, &BTreeSet<usize>),
) -> CashTable {
    let mut table = CashTable::new();
    let key = |item: &Item| (item.currency, plan.movement_of(item));
    for (index, item) in board.left.iter().enumerate() {
        let cash = table.entry(key(item)).or_default();
        cash.left += item.amount;
        cash.breaks += item.amount;
        if waiting.0.contains(&index) {
            cash.left_open += item.amount;
            cash.breaks -= item.amount;
        }
    }
    for (index, item) in board.right.iter().enumerate() {
        let cash = table.entry(key(item)).or_default();
        cash.right += item.amount;
        cash.breaks -= item.amount;
        if waiting.1.contains(&index) {
            cash.right_open += item.amount;
            cash.breaks += item.amount;
        }
    }
    table
}

/// Both sides summed, and nothing said of what waits or differs.
pub fn sums(plan: &Plan, input: &Input) -> CashTable {
    let mut table = CashTable::new();
    for item in &input.left {
        let key = (item.currency, plan.movement_of(item));
        table.entry(key).or_default().left += item.amount;
    }
    for item in &input.right {
        let key = (item.currency, plan.movement_of(item));
        table.entry(key).or_default().right += item.amount;
    }
    let fee = |item: &Item| (item.currency, Some(Movement::Fee));
    for item in &input.left_fees {
        table.entry(fee(item)).or_default().left += item.amount;
    }
    for item in &input.right_fees {
        table.entry(fee(item)).or_default().right += item.amount;
    }
    table
}

/// One key's fees at both sides.
#[derive(Default)]
struct Fees<'i> {
    left: Vec<&'i Item>,
    right: Vec<&'i Item>,
}

impl Fees<'_> {
    fn sums(&self) -> (i64, i64) {
        let sum = |items: &[&Item]| items.iter().map(|item| item.amount).sum::<i64>();
        (sum(&self.left), sum(&self.right))
    }
}

/// Compares the fees that the ledger books with those that the processor withheld, by their reference. A fee
/// that only one side has, or that differs, is a break of its own.
pub(crate) fn fees(plan: &Plan, input: &Input, table: &mut CashTable) -> Vec<Break> {
    let mut groups = BTreeMap::<(Currency, &str), Fees<'_>>::new();
    for item in &input.left_fees {
        let key = (item.currency, item.reference.as_str());
        groups.entry(key).or_default().left.push(item);
    }
    for item in &input.right_fees {
        let key = (item.currency, item.reference.as_str());
        groups.entry(key).or_default().right.push(item);
    }
    let mut breaks = Vec::new();
    for ((currency, reference), fees) in groups {
        let (left, right) = fees.sums();
        let cash = table.entry((currency, Some(Movement::Fee))).or_default();
        cash.left += left;
        cash.right += right;
        if left == right {
            continue;
        }
        if is_early(plan, input, &fees) {
            cash.left_open += left;
            cash.right_open += right;
            continue;
        }
        cash.breaks += left - right;
        breaks.extend(fee_break(plan, input, (currency, reference), &fees));
    }
    breaks
}

/// Whether the other side may still bring it.
fn is_early(plan: &Plan, input: &Input, fees: &Fees<'_>) -> bool {
    let first = |items: &[&Item]| items.iter().map(|item| item.on).max();
    let (on, other): (Option<NaiveDate>, Option<NaiveDate>) =
        match (fees.left.is_empty(), fees.right.is_empty()) {
            (false, true) => (first(&fees.left), input.right_until),
            (true, false) => (first(&fees.right), input.left_until),
            _ => return false,
        };
    match (on, other) {
        (Some(on), Some(until)) => (until - on).num_days() <= plan.overdue_after_days,
        _ => true,
    }
}

fn fee_break(
    plan: &Plan,
    input: &Input,
    (currency, reference): (Currency, &str),
    fees: &Fees<'_>,
) -> Option<Break> {
    let all = || fees.left.iter().chain(&fees.right);
    let since = all().map(|item| item.on).min()?;
    let named = all().next()?;
    let (left, right) = fees.sums();
    let said = |amount: i64| Money::minor(-amount, currency).to_string();
    let mut encoder = Encoder::new("tieout.break.v1");
    encoder.text(&plan.reconciliation);
    encoder.text("fees");
    encoder.text(currency.code());
    encoder.text(reference);
    let id: String = encoder.finish().short().chars().take(10).collect();
    let as_of = input.right_until.max(input.left_until);
    Some(Break {
        id: format!("BRK-{id}"),
        kind: "fees".to_owned(),
        status: BreakStatus::Open,
        reference: reference.to_owned(),
        account: named.account.clone(),
        currency,
        amount: left - right,
        since,
        age_days: as_of.map_or(0, |as_of| (as_of - since).num_days()),
        items: all().map(|item| item.item).collect(),
        detail: format!(
            "`{reference}`: {} booked fees of {}, {} took {}",
            plan.left.name(),
            said(left),
            plan.right.name(),
            said(right)
        ),
        lasting: false,
    })
}
