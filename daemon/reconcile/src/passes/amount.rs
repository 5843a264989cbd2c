//! Equal amounts within the window, if each is the other's only candidate. Where several fit, all that hang together
//! are ambiguous.
//!
//! Both sides are ordered by amount and day, so that the candidates of an item stand side by side: the work grows
//! with the items and not with their pairs, also where all amounts are equal.

use crate::board::rule::Rule;
use crate::board::{Board, Found, Group, Pair};
use crate::index::number;
use crate::which::Which;

/// Currency, amount, day and row.
type Entry = (u16, i64, i32, u32);

pub(crate) fn run(board: &Board<'_>, rule: &Rule<'_>) -> Found {
    let entries = |which: Which| {
        let side = board.side(which);
        let rows = board.open(which).iter();
        let mut all: Vec<Entry> = rows
            .map(|row| (side.currency(row), side.amount(row), side.day(row), row))
            .collect();
        all.sort_unstable();
        all
    };
    let (lefts, rights) = (entries(Which::Left), entries(Which::Right));
    let mut found = Found::default();
    let mut start = 0;
    for left in lefts.chunk_by(|one, other| (one.0, one.1) == (other.0, other.1)) {
        let Some((currency, amount, _, _)) = left.first().copied() else {
            continue;
        };
        let same = (currency, amount);
        start += rights[start..].partition_point(|right| (right.0, right.1) < same);
        let end = start + rights[start..].partition_point(|right| (right.0, right.1) == same);
        equal(board, rule, (left, &rights[start..end]), &mut found);
        start = end;
    }
    found
}

/// Items of one amount, in the order of their days. The candidates of a later item begin and end no earlier than
/// those of one before it, so what hangs together stands side by side.
fn equal(
    board: &Board<'_>,
    rule: &Rule<'_>,
    (left, right): (&[Entry], &[Entry]),
    found: &mut Found,
) {
    let (mut low, mut high) = (0, 0);
    let (mut first, mut last) = (0, 0);
    let mut lefts: Vec<u32> = Vec::new();
    for (_, _, day, row) in left {
        match rule.days {
            Some((from, to)) => {
                while right.get(low).is_some_and(|entry| entry.2 < day + from) {
                    low += 1;
                }
                while right.get(high).is_some_and(|entry| entry.2 <= day + to) {
                    high += 1;
                }
            }
            None => high = right.len(),
        }
        if low >= high {
            continue;
        }
        if low >= last {
            hang_together(board, rule, (&lefts, &right[first..last]), found);
            lefts.clear();
            first = low;
        }
        last = high;
        lefts.push(*row);
    }
    hang_together(board, rule, (&lefts, &right[first..last]), found);
}

fn hang_together(
    board: &Board<'_>,
    rule: &Rule<'_>,
    (left, right): (&[u32], &[Entry]),
    found: &mut Found,
) {
    let pass = rule.place;
    match (left, right) {
        ([], _) | (_, []) => {}
        ([left], [(_, _, _, right)]) => {
            let (left, right) = (*left, *right);
            if rule.is_settled(board, Which::Left, left)
                && rule.is_settled(board, Which::Right, right)
            {
                found.pairs.push(Pair { left, right, pass });
            }
        }
        _ => found.ambiguous.push(Group {
            pass,
            left: left.to_vec(),
            right: right.iter().map(|entry| entry.3).collect(),
            candidates: number(left.len() + right.len()),
        }),
    }
}
