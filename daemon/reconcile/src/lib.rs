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
//! sums ([`Input::carried`]). The findings of runs over growing data are those of one run over all of it, item by
//! item, where
//!
//! * data comes in the order of its days: what a side's [`Coverage`] says to be known is complete, and nothing
//!   earlier follows;
//! * every pass has a window, or what it would match without one comes in the days that later passes wait;
//!   and nothing of a name that was added up (`sums`) follows after the window;
//! * passes wait long enough. One that rests on being the only answer takes an item when the data of the other side
//!   reaches beyond all that could stand beside it: its window, three windows for a search, and as much as earlier
//!   passes can still change, which is the sum of both directions of their windows (three times that for a search).
//!   A pass waits so long, but no longer than `wait_days`, or than the days after which an item is overdue where
//!   that is not named: then an answer is wanted more than a proof against what may follow;
//! * one pass at most rests on being the only answer. Where there are several, a run may take by one of them what
//!   one run over all would take by a later one or leave: what the later passes of earlier runs took is gone, and
//!   stands beside nothing any more. What it takes is still the only answer among what is open.
//!
//! A pass on references and equal amounts alone takes at once. It pairs items of one reference and one amount first
//! with first, so that what comes later is what is left over. Breaks that come from no match are found anew in each
//! run; a match stands until a person undoes it.

mod board;
mod breaks;
mod dictionary;
mod finding;
mod fold;
mod index;
mod keys;
mod memory;
mod number;
mod passes;
pub mod plan;
mod record;
pub mod resolve;
mod search;
mod side;
mod texts;
mod which;

pub use breaks::Totals;
pub use breaks::cash::{Cash, CashTable, Sums};
pub use finding::{Break, BreakStatus, Match, Matched, Matches, Pending};
pub use memory::asked;
pub use number::Number;
pub use plan::{Events, FeeKey, FeeSource, On, Pass, Plan, Source};
pub use resolve::Resolve;
pub use side::{Carried, Coverage, GroupSum, Input, Item, TooMuch};
pub use which::Which;

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
    open: [Bits; 2],
}

impl Findings {
    /// What no run took, in the order in which it was pushed: the next run needs it again. Of fees, what does not
    /// tie.
    pub fn open<'f>(
        &'f self,
        input: &'f Input,
        which: Which,
    ) -> impl Iterator<Item = ItemRef> + 'f {
        let side = input.side(which);
        let rows = side.rows().filter(move |row| match which {
            Which::Left => self.open[0].has(*row),
            Which::Right => self.open[1].has(*row),
            Which::LeftFees => !self.tied_fees[0].has(*row),
            Which::RightFees => !self.tied_fees[1].has(*row),
        });
        rows.map(|row| side.item(row))
    }

    /// Fees that agree with the other side's of their key: no later run needs them, but for their sums.
    pub fn tied_fees<'f>(
        &'f self,
        input: &'f Input,
        which: Which,
    ) -> impl Iterator<Item = Matched<'f>> + 'f {
        let place = match which {
            Which::Left | Which::LeftFees => 0,
            Which::Right | Which::RightFees => 1,
        };
        let which = [Which::LeftFees, Which::RightFees][place];
        self.tied_fees[place]
            .iter()
            .map(move |row| Matched::of(input, which, row))
    }
}

/// Items that were pushed as consumed by earlier runs, each with the names under which a later run asks for it.
pub fn consumed(plan: &Plan, input: &Input, mut each: impl FnMut(Which, Matched<'_>, &[i64])) {
    let rules = plan.rules();
    let mut names = Vec::new();
    for which in Which::SIDES {
        let side = input.side(which);
        for row in side.rows().filter(|row| side.is_consumed(*row)) {
            names.clear();
            memory::remembered(input, &rules, (which, row), &mut names);
            each(which, Matched::of(input, which, row), &names);
        }
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
