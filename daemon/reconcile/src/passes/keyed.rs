//! Items that both sides know by one name, one against one.
//!
//! Within a key, items that agree in all that the pass compares are a class: which of them is taken decides nothing
//! but its name, and they are paired in the order of their days. Two classes are paired if each is the other's only
//! candidate; else all of them are ambiguous. Only names of single payments (a reference, a charge) make a class;
//! a customer's or a payout's name does not, for two invoices of one customer are two things.

use crate::board::rule::{Facts, Rule};
use crate::board::{Board, Found, Group, Pair, RIVALS, Unfinished};
use crate::index::{Unions, at, number};
use crate::keys::Keyed;
use crate::which::Which;

/// What the members of a class have in common. Its order serves grouping and nothing else.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kind<'k> {
    facts: Facts,
    day: i32,
    reference: u32,
    text: &'k str,
    names: &'k [u32],
}

struct Class<'k> {
    kind: Kind<'k>,
    rows: Vec<u32>,
}

pub(crate) fn key(
    board: &Board<'_>,
    rule: &Rule<'_>,
    keyed: &Keyed,
    (left, right): (&[u32], &[u32]),
    found: &mut Found,
) {
    if let ([left], [right]) = (left, right) {
        one_and_one(board, rule, (*left, *right), found);
        return;
    }
    let lefts = classes(board, rule, keyed, Which::Left, left);
    let rights = classes(board, rule, keyed, Which::Right, right);
    let budget = 4_096 + 64 * (left.len() + right.len());
    let Some(edges) = edges(board, rule, keyed, (&lefts, &rights), budget) else {
        let candidates = number(left.len() + right.len());
        for (which, rows) in [(Which::Left, left), (Which::Right, right)] {
            found.unfinished.extend(rows.iter().map(|row| Unfinished {
                which,
                row: *row,
                pass: rule.place,
                candidates,
            }));
        }
        return;
    };
    settle(board, rule, (&lefts, &rights), &edges, found);
}

fn one_and_one(board: &Board<'_>, rule: &Rule<'_>, (left, right): (u32, u32), found: &mut Found) {
    let (lefts, rights) = (board.side(Which::Left), board.side(Which::Right));
    let day = rights.day(right);
    let agrees = if rule.is_exact() {
        lefts.amount(left) == rights.amount(right) && lefts.currency(left) == rights.currency(right)
    } else {
        let (l, r) = (
            board.facts(Which::Left, left),
            board.facts(Which::Right, right),
        );
        rule.agrees(&l, &r, day)
    };
    if agrees
        && rule.near(lefts.day(left), day)
        && rule.is_settled(board, Which::Left, left)
        && rule.is_settled(board, Which::Right, right)
    {
        let pass = rule.place;
        found.pairs.push(Pair { left, right, pass });
    }
}

fn classes<'k>(
    board: &'k Board<'_>,
    rule: &Rule<'_>,
    keyed: &'k Keyed,
    which: Which,
    rows: &[u32],
) -> Vec<Class<'k>> {
    let side = board.side(which);
    let kind = |row: u32| {
        let mut facts = board.facts(which, row);
        if rule.is_exact() {
            (facts.fee, facts.original) = (0, None);
        }
        let is_dated = rule.days.is_some() && !rule.is_exact();
        Kind {
            facts,
            day: if is_dated { side.day(row) } else { 0 },
            reference: if keyed.is_payment() {
                0
            } else {
                side.reference(row)
            },
            text: if keyed.is_spelled(which) {
                side.text(row)
            } else {
                ""
            },
            names: keyed.names(which, row),
        }
    };
    let mut all: Vec<(Kind<'k>, u32)> = rows.iter().map(|row| (kind(*row), *row)).collect();
    all.sort_unstable_by(|one, other| {
        one.0
            .cmp(&other.0)
            .then_with(|| board.compare(which, one.1, other.1))
    });
    let mut classes: Vec<Class<'k>> = Vec::new();
    for (kind, row) in all {
        match classes.last_mut() {
            Some(last) if last.kind == kind => last.rows.push(row),
            _ => classes.push(Class {
                kind,
                rows: vec![row],
            }),
        }
    }
    classes
}

/// Every two classes that agree; none where looking at all of them would take too long.
fn edges(
    board: &Board<'_>,
    rule: &Rule<'_>,
    keyed: &Keyed,
    (lefts, rights): (&[Class<'_>], &[Class<'_>]),
    budget: usize,
) -> Option<Vec<(u32, u32)>> {
    let (mut edges, mut steps) = (Vec::new(), 0);
    let mut from = 0;
    for (l, left) in lefts.iter().enumerate() {
        if rule.is_exact() {
            while rights
                .get(from)
                .is_some_and(|right| right.kind.facts < left.kind.facts)
            {
                from += 1;
            }
        }
        for (r, right) in rights.iter().enumerate().skip(from) {
            if rule.is_exact() && right.kind.facts != left.kind.facts {
                break;
            }
            steps += 1;
            if steps > budget {
                return None;
            }
            let day = right
                .rows
                .first()
                .map_or(0, |row| board.side(Which::Right).day(*row));
            let is_near = rule.is_exact() || rule.near(left.kind.day, right.kind.day);
            if is_near
                && rule.agrees(&left.kind.facts, &right.kind.facts, day)
                && keyed.shares(left.kind.names, right.kind.names)
            {
                edges.push((number(l), number(r)));
            }
        }
    }
    Some(edges)
}

fn settle(
    board: &Board<'_>,
    rule: &Rule<'_>,
    (lefts, rights): (&[Class<'_>], &[Class<'_>]),
    edges: &[(u32, u32)],
    found: &mut Found,
) {
    let (mut of_left, mut of_right) = (vec![0_u32; lefts.len()], vec![0_u32; rights.len()]);
    for (l, r) in edges {
        of_left[at(*l)] += 1;
        of_right[at(*r)] += 1;
    }
    let mut unions = Unions::new(lefts.len() + rights.len());
    let mut is_unsure = false;
    for (l, r) in edges {
        if of_left[at(*l)] == 1 && of_right[at(*r)] == 1 {
            pair_up(
                board,
                rule,
                (&lefts[at(*l)].rows, &rights[at(*r)].rows),
                found,
            );
        } else {
            unions.join(*l, number(lefts.len()) + r);
            is_unsure = true;
        }
    }
    if !is_unsure {
        return;
    }
    let mut groups = vec![Group::default(); lefts.len() + rights.len()];
    for (l, class) in lefts.iter().enumerate() {
        groups[at(unions.find(number(l)))].left.extend(&class.rows);
    }
    for (r, class) in rights.iter().enumerate() {
        groups[at(unions.find(number(lefts.len() + r)))]
            .right
            .extend(&class.rows);
    }
    let is_unsure = |group: &Group| !group.left.is_empty() && !group.right.is_empty();
    found
        .ambiguous
        .extend(groups.into_iter().filter(is_unsure).map(|group| Group {
            pass: rule.place,
            candidates: number(group.left.len() + group.right.len()),
            ..group
        }));
}

/// Pairs the members of two classes in the order of their days. A window of one length for all makes the first that
/// fits the best one, now and when more have come.
fn pair_up(board: &Board<'_>, rule: &Rule<'_>, (left, right): (&[u32], &[u32]), found: &mut Found) {
    let day = |which, row: &u32| board.side(which).day(*row);
    let mut rights = right.iter().peekable();
    let (mut pairs, mut rest) = (Vec::new(), Vec::new());
    for l in left {
        if !rule.is_settled(board, Which::Left, *l) {
            continue;
        }
        let on = day(Which::Left, l);
        if let Some((from, _)) = rule.days {
            while let Some(early) = rights.next_if(|r| day(Which::Right, r) < on + from) {
                rest.push((Which::Right, *early));
            }
        }
        let is_next = |r: &&u32| {
            rule.near(on, day(Which::Right, r)) && rule.is_settled(board, Which::Right, **r)
        };
        match rights.next_if(is_next) {
            Some(r) => pairs.push(Pair {
                left: *l,
                right: *r,
                pass: rule.place,
            }),
            None => rest.push((Which::Left, *l)),
        }
    }
    rest.extend(rights.map(|r| (Which::Right, *r)));
    // Each of a few pairs names what was beside it; of many, the first does.
    for pair in pairs
        .iter()
        .take(if pairs.len() > RIVALS { 1 } else { RIVALS })
    {
        let rivals = rest.iter().take(RIVALS);
        found
            .rivals
            .extend(rivals.map(|(which, row)| (pair.left, *which, *row)));
    }
    found.pairs.extend(pairs);
}
