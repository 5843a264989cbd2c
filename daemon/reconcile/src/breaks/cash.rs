//! Cash, decomposed: each kind of movement compared on its own.
//!
//! Charges, refunds, disputes and fees that are wrong must not make up for each other. The left side's movement
//! is declared by the plan, the right side's stands in the settlement file. Where the plan declares none, all are
//! compared as one.

use crate::breaks::{Totals, break_id};
use crate::finding::{Break, BreakStatus};
use crate::index::{Bits, Buckets};
use crate::plan::Plan;
use crate::side::{Input, TooMuch, currency, date};
use crate::which::Which;
use ledger::{Currency, Money, Movement};
use std::collections::BTreeMap;

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

/// What of one side, currency and movement there is, is matched and waits.
#[derive(Clone, Copy, Default)]
struct Part {
    all: i64,
    matched: i64,
    waiting: i64,
}

/// Both sides added up: by currency, and by movement as well.
pub(crate) struct Added {
    pub(crate) totals: BTreeMap<Currency, Totals>,
    pub(crate) cash: CashTable,
}

/// Adds up both sides and what earlier runs carried. What is neither matched nor waiting differs.
pub(crate) fn add_up(plan: &Plan, input: &Input, open: [&Bits; 2], waiting: [&Bits; 2]) -> Added {
    let mut added = Added {
        totals: BTreeMap::new(),
        cash: CashTable::new(),
    };
    let is_declared = plan.declares_movements();
    for which in Which::SIDES {
        let place = which.place();
        for ((numeric, movement), sums) in by_movement(input, which, (open[place], waiting[place]))
        {
            added.put(
                which,
                (currency(numeric), movement.filter(|_| is_declared)),
                sums,
            );
        }
    }
    for ((currency, movement), carried) in &input.carried {
        for (which, amount) in [(Which::Left, carried.left), (Which::Right, carried.right)] {
            let sums = Part {
                all: amount,
                matched: amount,
                waiting: 0,
            };
            added.put(which, (*currency, movement.filter(|_| is_declared)), sums);
        }
    }
    added
}

impl Added {
    fn put(&mut self, which: Which, key: (Currency, Option<Movement>), sums: Part) {
        let totals = self.totals.entry(key.0).or_default();
        let cash = self.cash.entry(key).or_default();
        let differs = sums.all - sums.waiting;
        if which == Which::Left {
            totals.left += sums.all;
            totals.left_matched += sums.matched;
            totals.left_pending += sums.waiting;
            totals.breaks += differs;
            cash.left += sums.all;
            cash.left_open += sums.waiting;
            cash.breaks += differs;
        } else {
            totals.right += sums.all;
            totals.right_matched += sums.matched;
            totals.right_pending += sums.waiting;
            totals.breaks -= differs;
            cash.right += sums.all;
            cash.right_open += sums.waiting;
            cash.breaks -= differs;
        }
    }
}

/// The sums of a side by currency and movement; neighbours have mostly the same, so the last one is looked at first.
fn by_movement(
    input: &Input,
    which: Which,
    (open, waiting): (&Bits, &Bits),
) -> Vec<((u16, Option<Movement>), Part)> {
    let side = input.side(which);
    let mut all: Vec<((u16, i64), Part)> = Vec::new();
    let mut last = 0;
    for row in side.rows() {
        let key = (side.currency(row), side.movement_number(row));
        if all.get(last).is_none_or(|entry| entry.0 != key) {
            last = all
                .iter()
                .position(|entry| entry.0 == key)
                .unwrap_or_else(|| {
                    all.push((key, Part::default()));
                    all.len() - 1
                });
        }
        let (amount, sums) = (side.amount(row), &mut all[last].1);
        sums.all += amount;
        if !open.has(row) {
            sums.matched += amount;
        }
        if waiting.has(row) {
            sums.waiting += amount;
        }
    }
    all.into_iter()
        .map(|((currency, movement), sums)| ((currency, Movement::from_number(movement)), sums))
        .collect()
}

/// Both sides summed item by item, and nothing said of what waits or differs.
#[derive(Clone, Debug)]
pub struct Sums {
    is_declared: bool,
    table: CashTable,
    last: Option<(Which, Currency, Option<Movement>)>,
    sum: i64,
}

impl Sums {
    /// Nothing yet.
    pub const fn new(plan: &Plan) -> Self {
        Self {
            is_declared: plan.declares_movements(),
            table: CashTable::new(),
            last: None,
            sum: 0,
        }
    }

    /// Takes an item's amount in.
    ///
    /// # Errors
    /// [`TooMuch`] where a sum leaves 64 bits.
    pub fn add(
        &mut self,
        which: Which,
        currency: Currency,
        movement: Option<Movement>,
        amount: i64,
    ) -> Result<(), TooMuch> {
        let movement = match which {
            Which::LeftFees | Which::RightFees => Some(Movement::Fee),
            Which::Left | Which::Right => movement.filter(|_| self.is_declared),
        };
        // Neighbours have mostly the same.
        if self.last != Some((which, currency, movement)) {
            self.put()?;
            self.last = Some((which, currency, movement));
        }
        self.sum = self.sum.checked_add(amount).ok_or(TooMuch)?;
        Ok(())
    }

    fn put(&mut self) -> Result<(), TooMuch> {
        let Some((which, currency, movement)) = self.last else {
            return Ok(());
        };
        let cash = self.table.entry((currency, movement)).or_default();
        let sum = match which {
            Which::Left | Which::LeftFees => &mut cash.left,
            Which::Right | Which::RightFees => &mut cash.right,
        };
        *sum = sum
            .checked_add(std::mem::take(&mut self.sum))
            .ok_or(TooMuch)?;
        Ok(())
    }

    /// By currency and movement.
    ///
    /// # Errors
    /// [`TooMuch`] where a sum leaves 64 bits.
    pub fn table(mut self) -> Result<CashTable, TooMuch> {
        self.put()?;
        Ok(self.table)
    }
}

/// One key's fees at both sides.
struct Fees {
    reference: u32,
    currency: u16,
    left: Vec<u32>,
    right: Vec<u32>,
}

/// Compares the fees that the ledger books with those that the processor withheld, by their reference. A fee
/// that only one side has, or that differs, is a break of its own.
pub(crate) fn fees(plan: &Plan, input: &Input, table: &mut CashTable) -> (Vec<Break>, [Bits; 2]) {
    for (currency, carried) in &input.carried_fees {
        let cash = table.entry((*currency, Some(Movement::Fee))).or_default();
        cash.left += carried.left;
        cash.right += carried.right;
        cash.breaks += carried.left - carried.right;
    }
    let mut tied = [Bits::default(), Bits::default()];
    let codes = input.dictionary.codes();
    let [lefts, rights] = [Which::LeftFees, Which::RightFees].map(|which| {
        let side = input.side(which);
        Buckets::new(codes, |put| {
            side.rows().for_each(|row| put(side.reference(row), row));
        })
    });
    if input.len(Which::LeftFees) + input.len(Which::RightFees) == 0 {
        return (Vec::new(), tied);
    }
    let mut breaks = Vec::new();
    for reference in 0..lefts.keys() {
        for fees in by_currency(
            input,
            reference,
            (lefts.of(reference), rights.of(reference)),
        ) {
            if one_key(plan, input, &fees, (table, &mut breaks)) {
                fees.left.iter().for_each(|row| tied[0].add(*row));
                fees.right.iter().for_each(|row| tied[1].add(*row));
            }
        }
    }
    (breaks, tied)
}

fn by_currency(input: &Input, reference: u32, (left, right): (&[u32], &[u32])) -> Vec<Fees> {
    let mut all: Vec<Fees> = Vec::new();
    let mut add = |which: Which, row: u32| {
        let currency = input.side(which).currency(row);
        let place = all.iter().position(|fees| fees.currency == currency);
        let place = place.unwrap_or_else(|| {
            all.push(Fees {
                reference,
                currency,
                left: Vec::new(),
                right: Vec::new(),
            });
            all.len() - 1
        });
        match which {
            Which::Left | Which::LeftFees => all[place].left.push(row),
            Which::Right | Which::RightFees => all[place].right.push(row),
        }
    };
    left.iter().for_each(|row| add(Which::LeftFees, *row));
    right.iter().for_each(|row| add(Which::RightFees, *row));
    for fees in &mut all {
        fees.left
            .sort_by(|one, other| input.compare(Which::LeftFees, *one, *other));
        fees.right
            .sort_by(|one, other| input.compare(Which::RightFees, *one, *other));
    }
    all
}

/// Adds one key's fees up and says whether they tie.
fn one_key(
    plan: &Plan,
    input: &Input,
    fees: &Fees,
    (table, breaks): (&mut CashTable, &mut Vec<Break>),
) -> bool {
    let sum = |which: Which, rows: &[u32]| -> i64 {
        rows.iter().map(|row| input.side(which).amount(*row)).sum()
    };
    let (left, right) = (
        sum(Which::LeftFees, &fees.left),
        sum(Which::RightFees, &fees.right),
    );
    let key = (currency(fees.currency), Some(Movement::Fee));
    let cash = table.entry(key).or_default();
    cash.left += left;
    cash.right += right;
    if left == right {
        return true;
    }
    if is_early(plan, input, fees) {
        cash.left_open += left;
        cash.right_open += right;
    } else {
        cash.breaks += left - right;
        breaks.extend(fee_break(plan, input, fees, (left, right)));
    }
    false
}

/// Whether the other side may still bring it.
fn is_early(plan: &Plan, input: &Input, fees: &Fees) -> bool {
    let last = |which: Which, rows: &[u32]| rows.iter().map(|row| input.side(which).on(*row)).max();
    let (on, other) = match (fees.left.is_empty(), fees.right.is_empty()) {
        (false, true) => (last(Which::LeftFees, &fees.left), &input.right_until),
        (true, false) => {
            let until = input.fees_until.as_ref().unwrap_or(&input.left_until);
            (last(Which::RightFees, &fees.right), until)
        }
        _ => return false,
    };
    match (on, other.of(currency(fees.currency))) {
        (Some(on), Some(until)) => (until - on).num_days() <= plan.overdue_after_days,
        _ => true,
    }
}

fn fee_break(plan: &Plan, input: &Input, fees: &Fees, (left, right): (i64, i64)) -> Option<Break> {
    let (lefts, rights) = (input.side(Which::LeftFees), input.side(Which::RightFees));
    let days = fees.left.iter().map(|row| lefts.day(*row));
    let since = date(
        days.chain(fees.right.iter().map(|row| rights.day(*row)))
            .min()?,
    );
    let account = match (fees.left.first(), fees.right.first()) {
        (Some(row), _) => lefts.account(*row),
        (None, Some(row)) => rights.account(*row),
        (None, None) => return None,
    };
    let currency = currency(fees.currency);
    let reference = input.dictionary.text(fees.reference);
    let said = |amount: i64| Money::minor(-amount, currency).to_string();
    let items = fees.left.iter().map(|row| lefts.item(*row));
    Some(Break {
        id: break_id(
            &plan.reconciliation,
            "fees",
            [currency.code(), reference].into_iter(),
        ),
        kind: "fees".to_owned(),
        status: BreakStatus::Open,
        reference: reference.to_owned(),
        account: input.dictionary.text(account).to_owned(),
        currency,
        amount: left - right,
        other: None,
        since,
        expected_by: since + chrono::Duration::days(plan.overdue_after_days),
        age_days: input.as_of().map_or(0, |as_of| (as_of - since).num_days()),
        items: items
            .chain(fees.right.iter().map(|row| rights.item(*row)))
            .collect(),
        detail: format!(
            "`{reference}`: {} booked fees of {}, {} took {}; the difference has the one who took it: compare the fees of `{reference}` line by line, then book it or claim it back",
            plan.left.name(),
            said(left),
            plan.right.name(),
            said(right)
        ),
        lasting: false,
    })
}
