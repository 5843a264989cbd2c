//! Reconciliation: open items of two sides in, matches and breaks out.
//!
//! Pure and deterministic. The two sides are columns of numbers ([`Input`]), a pass proposes among what the ones
//! before it left open, and nothing is consumed twice. Where two answers fit, both are told: there is no guess. The
//! order of the input and the number of threads change nothing: whatever is ordered, is ordered by content
//! (currency, day, amount, reference), and by identity where that is the same.
//!
//! # Runs upon runs
//!
//! A run gets what is open and what is new, and of what earlier runs consumed only the items whose names occur
//! among those (`consumed`), so that a second payment of one name is told as a duplicate; of the rest it gets the
//! sums ([`Input::carried`]). The findings of runs over growing data are those of one run over all of it, under
//! these conditions, which tests hold against runs over every prefix:
//!
//! * Data comes in the order of its days: what a side's [`Coverage`] says to be known is complete, and nothing
//!   earlier follows.
//! * Passes that rest on being the only answer (amounts, texts, sums, searches) have a window no longer than they
//!   wait (`wait_days`, else the days after which an item is overdue). They take nothing before the data of both
//!   sides reaches beyond all that could stand beside it, and neither does any pass after them.
//! * A pass without a window on references alone takes at once. Items of one reference and one amount are paired
//!   first with first; where more of them come later, the later ones are the ones that are left over.
//!
//! Otherwise a later item could have been a second answer, or the answer of an earlier pass, to what an earlier
//! run took for certain: a match stands until a person undoes it. Breaks that do not come from a match are found
//! anew in each run, so they are always those of one run over what is open.

mod board;
mod breaks;
mod cash;
mod dictionary;
mod finding;
mod fold;
mod index;
mod keys;
mod leftovers;
mod number;
mod passes;
pub mod plan;
mod rule;
mod search;
mod sentence;
mod side;

pub use breaks::Totals;
pub use cash::{Cash, CashTable, sums};
pub use finding::{Break, BreakStatus, Match, Matched, Matches, Pending};
pub use number::Number;
pub use plan::{Events, FeeKey, FeeSource, On, Pass, Plan, Source};
pub use side::{Carried, Coverage, Input, Item, TooMuch, Which};

use board::Board;
use chrono::NaiveDate;
use index::Bits;
use ledger::{Currency, ItemRef};
use std::collections::BTreeMap;

/// All that a run found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// New matches.
    pub matches: Matches,
    /// Everything that is wrong as of now.
    pub breaks: Vec<Break>,
    /// What waits and is not due yet, in the order of its content.
    pub pending: Vec<Pending>,
    /// Totals by currency.
    pub totals: BTreeMap<Currency, Totals>,
    /// The same by movement, fees included.
    pub cash: CashTable,
    /// The day as of which this holds.
    pub as_of: Option<NaiveDate>,
    tied_fees: [Bits; 2],
}

impl Findings {
    /// Fees that agree with the other side's of their key: no later run needs them, but for their sums.
    pub fn tied_fees<'f>(
        &'f self,
        input: &'f Input,
        which: Which,
    ) -> impl Iterator<Item = ItemRef> + 'f {
        let place = match which {
            Which::Left | Which::LeftFees => 0,
            Which::Right | Which::RightFees => 1,
        };
        let side = input.side([Which::LeftFees, Which::RightFees][place]);
        self.tied_fees[place].iter().map(|row| side.item(row))
    }
}

/// Runs all passes of a plan.
pub fn reconcile(plan: &Plan, input: &Input) -> Findings {
    reconcile_on(plan, input, 1)
}

/// Runs all passes of a plan on so many threads. How many changes nothing but the time.
pub fn reconcile_on(plan: &Plan, input: &Input, threads: usize) -> Findings {
    let rules = plan.rules();
    let mut board = Board::new(input, threads.clamp(1, 64));
    for rule in &rules {
        passes::run(&mut board, rule);
    }
    breaks::conclude(plan, &rules, board)
}
