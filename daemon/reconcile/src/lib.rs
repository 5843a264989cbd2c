//! Reconciliation: open items of two sides in, matches and breaks out.
//!
//! Pure and deterministic. Items are put into one order before anything is compared, so that the
//! order of the input changes nothing; references and texts become small numbers; a pass proposes
//! pairs among what is still open, and nothing is consumed twice. Where two answers fit, the
//! finding says `ambiguous` and names them: there is no guess.

mod breaks;
mod cash;
mod finding;
mod passes;
pub mod plan;
mod subset;

pub use breaks::Totals;
pub use cash::{Cash, CashTable, sums};
pub use finding::{Break, BreakStatus};
pub use plan::{Events, FeeKey, FeeSource, On, Pass, Plan, Source};

use chrono::NaiveDate;
use ledger::{Currency, ItemRef, Movement};
use std::collections::{BTreeMap, BTreeSet};

/// Something that waits for its counterpart. Ordered by currency, day, reference, identity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// The currency.
    pub currency: Currency,
    /// The day it was booked.
    pub on: NaiveDate,
    /// What the other side may know it by.
    pub reference: String,
    /// Its amount in minor units, signed alike on both sides.
    pub amount: i64,
    /// The fee within the amount: what arrives is `amount - fee`.
    pub fee: i64,
    /// What it is called for good: the same in every run and every database.
    pub identity: String,
    /// What the books call it.
    pub item: ItemRef,
    /// What moved, where a settlement file says so.
    pub movement: Option<Movement>,
    /// Free text in which the other side's reference may stand.
    pub text: String,
    /// Whose it is, for people: an entity or an account.
    pub account: String,
    /// Consumed by an earlier run.
    pub consumed: bool,
}

/// Both sides, and how far the data of each reaches.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// The side that expects.
    pub left: Vec<Item>,
    /// The side that answers.
    pub right: Vec<Item>,
    /// Fees that the ledger books apart, where the plan names them: what they take is below zero.
    pub left_fees: Vec<Item>,
    /// Fees that the settlement withheld, signed alike.
    pub right_fees: Vec<Item>,
    /// The last day that the left side's data covers.
    pub left_until: Option<NaiveDate>,
    /// The last day that the right side's data covers.
    pub right_until: Option<NaiveDate>,
}

/// Items that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The pass that found them.
    pub pass: String,
    /// Their currency.
    pub currency: Currency,
    /// The items at the left: item and amount.
    pub left: Vec<(ItemRef, i64)>,
    /// The items at the right.
    pub right: Vec<(ItemRef, i64)>,
    /// Why.
    pub explanation: String,
}

/// All that a run found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// New matches.
    pub matches: Vec<Match>,
    /// Everything that is wrong as of now.
    pub breaks: Vec<Break>,
    /// Totals by currency.
    pub totals: BTreeMap<Currency, Totals>,
    /// The same by movement, fees included.
    pub cash: CashTable,
    /// The day as of which this holds.
    pub as_of: Option<NaiveDate>,
}

/// The two sides while passes run: indices of what is open.
pub(crate) struct Board<'i> {
    pub(crate) left: Vec<&'i Item>,
    pub(crate) right: Vec<&'i Item>,
    pub(crate) open_left: BTreeSet<usize>,
    pub(crate) open_right: BTreeSet<usize>,
    pub(crate) pairs: Vec<Pair>,
    /// Groups of items between which two answers fit.
    pub(crate) ambiguous: Vec<Pair>,
    /// Items whose search for several that make them up was cut off, with the number of candidates.
    pub(crate) cut_left: BTreeMap<usize, usize>,
    pub(crate) cut_right: BTreeMap<usize, usize>,
}

/// A proposal by indices.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pair {
    pub(crate) pass: usize,
    pub(crate) left: Vec<usize>,
    pub(crate) right: Vec<usize>,
}

/// Runs all passes of a plan.
pub fn reconcile(plan: &Plan, input: &Input) -> Findings {
    let mut left: Vec<&Item> = input.left.iter().collect();
    let mut right: Vec<&Item> = input.right.iter().collect();
    left.sort();
    right.sort();
    let open = |items: &[&Item]| {
        items
            .iter()
            .enumerate()
            .filter(|(_, item)| !item.consumed)
            .map(|(index, _)| index)
            .collect()
    };
    let mut board = Board {
        open_left: open(&left),
        open_right: open(&right),
        left,
        right,
        pairs: Vec::new(),
        ambiguous: Vec::new(),
        cut_left: BTreeMap::new(),
        cut_right: BTreeMap::new(),
    };
    for (index, pass) in plan.passes.iter().enumerate() {
        passes::run(&mut board, index, pass);
    }
    breaks::conclude(plan, input, board)
}

impl<'i> Board<'i> {
    pub(crate) fn left(&self, index: usize) -> Option<&'i Item> {
        self.left.get(index).copied()
    }

    pub(crate) fn right(&self, index: usize) -> Option<&'i Item> {
        self.right.get(index).copied()
    }

    pub(crate) fn take(&mut self, pair: Pair) {
        for index in &pair.left {
            self.open_left.remove(index);
        }
        for index in &pair.right {
            self.open_right.remove(index);
        }
        self.pairs.push(pair);
    }
}

/// Whether two days are close enough for a pass.
pub(crate) fn near(left: &Item, right: &Item, pass: &Pass) -> bool {
    pass.window_days
        .is_none_or(|window| (right.on - left.on).num_days().abs() <= window)
}
