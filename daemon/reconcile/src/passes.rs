//! The passes, in the order in which the plan declares them. Each looks at what is open, proposes, and takes what is
//! certain: where two answers fit it names both, and where it could not look at everything it says so.

mod amount;
mod keyed;
mod many;
mod reversal;
mod sums;
pub(crate) mod text;

use crate::board::rule::Rule;
use crate::board::{Board, Found};
use crate::keys::Keyed;
use crate::plan::{Name, On};
use crate::which::Which;

pub(crate) fn run(board: &mut Board<'_>, rule: &Rule<'_>) {
    let found = match &rule.pass.on {
        On::Amount => amount::run(board, rule),
        On::ManyRight => many::one_and_many(board, rule, Which::Left),
        On::ManyLeft => many::one_and_many(board, rule, Which::Right),
        On::ManyToMany => many::many_and_many(board, rule),
        On::ReversedLeft => reversal::run(board, rule, Which::Left),
        On::ReversedRight => reversal::run(board, rule, Which::Right),
        On::Reference | On::NetOfFee | On::ReferenceInText | On::Names(_) => named(board, rule),
    };
    board.take(found);
}

/// Passes on names: the keys are shared out, and what each part finds does not depend on the others.
fn named(board: &Board<'_>, rule: &Rule<'_>) -> Found {
    let has_text = |names: &[Name]| names.contains(&Name::Text);
    let keyed = if has_text(&rule.left) || has_text(&rule.right) {
        text::keyed(board, rule)
    } else {
        Keyed::by_names(board, [&rule.left, &rule.right])
    };
    let mut parts = keyed.parts(board.threads).into_iter();
    let first = parts.next().unwrap_or(0..0);
    let work = |keys: std::ops::Range<u32>| {
        let mut found = Found::default();
        for key in keys {
            let (left, right) = (keyed.rows(Which::Left, key), keyed.rows(Which::Right, key));
            if left.is_empty() || right.is_empty() {
                continue;
            }
            if rule.pass.sums {
                sums::key(board, rule, (left, right), &mut found);
            } else {
                keyed::key(board, rule, &keyed, (left, right), &mut found);
            }
        }
        found
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = parts.map(|keys| scope.spawn(|| work(keys))).collect();
        let mut found = work(first);
        for other in others {
            match other.join() {
                Ok(part) => found.add(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        found
    })
}
