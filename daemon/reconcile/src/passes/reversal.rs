//! Items of one side that take each other back: a payout that failed and the line that returned its money. They
//! have one name, one currency and opposite amounts; the other side has nothing of them.

use crate::board::rule::Rule;
use crate::board::{Board, Found, Group};
use crate::keys::Keyed;
use crate::plan::Name;
use crate::which::Which;

pub(crate) fn run(board: &Board<'_>, rule: &Rule<'_>, which: Which) -> Found {
    let keyed = Keyed::by_names(board, [&[Name::Reference], &[Name::Reference]]);
    let mut found = Found::default();
    let side = board.side(which);
    for key in keyed.parts(1).into_iter().flatten() {
        let rows = keyed.rows(which, key);
        if rows.len() < 2 {
            continue;
        }
        let mut rows = rows.to_vec();
        let size = |row: u32| (side.currency(row), side.amount(row).unsigned_abs());
        rows.sort_unstable_by(|one, other| {
            size(*one)
                .cmp(&size(*other))
                .then_with(|| board.compare(which, *one, *other))
        });
        for equal in rows.chunk_by(|one, other| size(*one) == size(*other)) {
            take_back(board, rule, which, equal, &mut found);
        }
    }
    found
}

/// Items of one size, in the order of their days: each takes back the first open one of the other sign.
fn take_back(board: &Board<'_>, rule: &Rule<'_>, which: Which, equal: &[u32], found: &mut Found) {
    let side = board.side(which);
    let mut dated: Vec<u32> = equal.to_vec();
    dated.sort_by_key(|row| side.day(*row));
    let mut waiting = std::collections::VecDeque::new();
    for row in dated {
        let opposite = |first: &u32| side.amount(*first).signum() == -side.amount(row).signum();
        let Some(first) = waiting.front().copied().filter(opposite) else {
            waiting.push_back(row);
            continue;
        };
        let is_near = rule
            .days
            .is_none_or(|(_, to)| side.day(row) - side.day(first) <= to);
        if side.amount(row) == 0 || !is_near {
            continue;
        }
        waiting.pop_front();
        let both = vec![first, row];
        let (left, right) = if which == Which::Left {
            (both, Vec::new())
        } else {
            (Vec::new(), both)
        };
        found.groups.push(Group {
            pass: rule.place,
            left,
            right,
            candidates: 2,
        });
    }
}
