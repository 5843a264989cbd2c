//! All lines of one name against all of the other side: captures in parts, refunds of one payment, the lines of a
//! payout. They belong together if their sums agree, in one currency and within the days of the pass.

use crate::board::rule::{Facts, Rule};
use crate::board::{Board, Found, Group, Pair};
use crate::index::number;
use crate::which::Which;

pub(crate) fn key(
    board: &Board<'_>,
    rule: &Rule<'_>,
    (left, right): (&[u32], &[u32]),
    found: &mut Found,
) {
    let of = |which: Which, rows: &[u32]| {
        let side = board.side(which);
        let mut rows: Vec<(u16, u32)> =
            rows.iter().map(|row| (side.currency(*row), *row)).collect();
        rows.sort_unstable();
        rows
    };
    let (lefts, rights) = (of(Which::Left, left), of(Which::Right, right));
    for left in lefts.chunk_by(|one, other| one.0 == other.0) {
        let currency = left.first().map_or(0, |(currency, _)| *currency);
        let start = rights.partition_point(|(other, _)| *other < currency);
        let end = rights.partition_point(|(other, _)| *other <= currency);
        let right = &rights[start..end];
        if !right.is_empty() {
            one_currency(board, rule, (left, right), found);
        }
    }
}

fn one_currency(
    board: &Board<'_>,
    rule: &Rule<'_>,
    (left, right): (&[(u16, u32)], &[(u16, u32)]),
    found: &mut Found,
) {
    let (Some(l), Some(r)) = (
        whole(board, Which::Left, left),
        whole(board, Which::Right, right),
    ) else {
        return;
    };
    let is_near = rule
        .days
        .is_none_or(|(from, to)| r.first - l.last >= from && r.last - l.first <= to);
    let settled = |which: Which, rows: &[(u16, u32)]| {
        rows.iter()
            .all(|(_, row)| rule.is_settled(board, which, *row))
    };
    if !is_near
        || !rule.agrees(&l.facts, &r.facts, r.last)
        || !settled(Which::Left, left)
        || !settled(Which::Right, right)
    {
        return;
    }
    let pass = rule.place;
    if let ([(_, left)], [(_, right)]) = (left, right) {
        let (left, right) = (*left, *right);
        found.pairs.push(Pair { left, right, pass });
        return;
    }
    let rows = |rows: &[(u16, u32)]| rows.iter().map(|(_, row)| *row).collect();
    found.groups.push(Group {
        pass,
        left: rows(left),
        right: rows(right),
        candidates: number(left.len() + right.len()),
    });
}

struct Whole {
    facts: Facts,
    first: i32,
    last: i32,
}

/// The sum of some rows and their days; none where the sum leaves 64 bits.
fn whole(board: &Board<'_>, which: Which, rows: &[(u16, u32)]) -> Option<Whole> {
    let side = board.side(which);
    let (currency, _) = rows.first()?;
    let mut sum = Whole {
        facts: Facts {
            currency: *currency,
            amount: 0,
            fee: 0,
            original: None,
        },
        first: i32::MAX,
        last: i32::MIN,
    };
    for (_, row) in rows {
        sum.facts.amount = sum.facts.amount.checked_add(side.amount(*row))?;
        sum.first = sum.first.min(side.day(*row));
        sum.last = sum.last.max(side.day(*row));
    }
    Some(sum)
}
