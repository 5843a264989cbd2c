//! One item that several of the other side make up, and several that several make up: split and merged deposits,
//! instalments, payments of a customer who pays when it suits.
//!
//! Items are searched within what they have in common: the currency, the names of `within`, the days. The search is
//! bounded in items and in steps, and it proves: what it takes is the only answer, and no other item wants a part of
//! it. Two answers are ambiguous. Where the search was not finished, neither the item nor what it might have wanted
//! is taken: that is undecided.

use crate::board::rule::Rule;
use crate::board::{Board, Found, Group, Unfinished};
use crate::index::{at, number};
use crate::keys::Keyed;
use crate::search::{self, Answer, MOST};
use crate::which::Which;
use std::collections::BTreeMap;

/// The most items that are looked through for the candidates of one.
const LOOKED_AT: usize = 1_024;
const UP_TO: usize = 12;
const UP_TO_AT_MOST: usize = 64;
const STEPS: u32 = 20_000;
/// All searches within one key take at most so many times the steps of one.
const SEARCHES: u32 = 256;

/// Rows of one currency within one key.
struct Pool {
    left: Vec<u32>,
    right: Vec<u32>,
}

pub(crate) fn one_and_many(board: &Board<'_>, rule: &Rule<'_>, one: Which) -> Found {
    let mut found = Found::default();
    for pool in pools(board, rule) {
        let (ones, manies) = match one {
            Which::Left | Which::LeftFees => (&pool.left, &pool.right),
            Which::Right | Which::RightFees => (&pool.right, &pool.left),
        };
        Searches::new(board, rule, one, manies).all(ones, &mut found);
    }
    found
}

/// Open items by what they have in common, each in the order of its content.
fn pools(board: &Board<'_>, rule: &Rule<'_>) -> Vec<Pool> {
    let mut pools = BTreeMap::<(u32, u16), Pool>::new();
    let mut add = |key: u32, which: Which, row: u32| {
        let pool = pools
            .entry((key, board.side(which).currency(row)))
            .or_insert_with(|| Pool {
                left: Vec::new(),
                right: Vec::new(),
            });
        match which {
            Which::Left | Which::LeftFees => pool.left.push(row),
            Which::Right | Which::RightFees => pool.right.push(row),
        }
    };
    if let Some(names) = &rule.pass.within {
        let keyed = Keyed::by_names(board, [&names.left, &names.right]);
        for key in keyed.parts(1).into_iter().flatten() {
            for which in Which::SIDES {
                keyed
                    .rows(which, key)
                    .iter()
                    .for_each(|row| add(key, which, *row));
            }
        }
    } else {
        for which in Which::SIDES {
            board.open(which).iter().for_each(|row| add(0, which, row));
        }
    }
    let mut pools: Vec<Pool> = pools.into_values().collect();
    pools.retain(|pool| !pool.left.is_empty() && !pool.right.is_empty());
    for pool in &mut pools {
        board.sort(Which::Left, &mut pool.left);
        board.sort(Which::Right, &mut pool.right);
    }
    pools
}

/// The searches of one pool.
struct Searches<'s> {
    board: &'s Board<'s>,
    rule: &'s Rule<'s>,
    one: Which,
    /// Within a currency the order of content begins with the day.
    manies: &'s [u32],
    most: usize,
    each: u32,
    steps: u32,
    /// How many answers want an item, by its place among the many.
    wanted: Vec<u32>,
    /// How many unfinished searches might have wanted it.
    feared: Vec<bool>,
    /// The same for whole stretches: begins less ends.
    stretches: Vec<i64>,
}

impl<'s> Searches<'s> {
    fn new(board: &'s Board<'s>, rule: &'s Rule<'s>, one: Which, manies: &'s [u32]) -> Self {
        let each = rule.pass.steps.unwrap_or(STEPS);
        Self {
            board,
            rule,
            one,
            manies,
            most: rule.pass.up_to.unwrap_or(UP_TO).min(UP_TO_AT_MOST),
            each,
            steps: each.saturating_mul(SEARCHES),
            wanted: vec![0; manies.len()],
            feared: vec![false; manies.len()],
            stretches: vec![0; manies.len() + 1],
        }
    }

    fn all(mut self, ones: &[u32], found: &mut Found) {
        let mut answers = Vec::new();
        for row in ones {
            let (answer, candidates) = self.search(*row);
            answers.push((*row, answer, candidates));
        }
        let mut depth = 0;
        for (feared, stretch) in self.feared.iter_mut().zip(&self.stretches) {
            depth += stretch;
            *feared |= depth > 0;
        }
        for (row, answer, candidates) in answers {
            self.settle(row, answer, candidates, found);
        }
    }

    /// The answer for one item in places among the many, and how many candidates there were.
    fn search(&mut self, row: u32) -> (Answer<Vec<usize>>, usize) {
        let amount = self.board.side(self.one).amount(row);
        let stretch = self.stretch(row);
        if stretch.len() > LOOKED_AT {
            self.stretches[stretch.start] += 1;
            self.stretches[stretch.end] -= 1;
            return (Answer::Unknown, stretch.len());
        }
        let is_mixed = self.rule.pass.mixed_signs;
        let side = self.board.side(self.one.other());
        let amount_of = |place: usize| side.amount(self.manies[place]);
        let fits = |place: &usize| {
            let other = amount_of(*place);
            let is_part =
                other.signum() == amount.signum() && other.unsigned_abs() < amount.unsigned_abs();
            other != 0 && (is_mixed || is_part)
        };
        let places: Vec<usize> = stretch.filter(fits).collect();
        let amounts: Vec<i64> = places.iter().map(|place| amount_of(*place)).collect();
        if amount == 0
            || places.len() < 2
            || (!is_mixed && search::is_out_of_reach(amount, &amounts))
        {
            return (Answer::None, places.len());
        }
        let mut steps = self.each.min(self.steps);
        let before = steps;
        let answer = if places.len() > self.most {
            Answer::Unknown
        } else {
            search::subset(amount, &amounts, &mut steps)
        };
        self.steps -= before - steps;
        let here = |answer: Vec<usize>| {
            answer
                .into_iter()
                .map(|place| places[place])
                .collect::<Vec<usize>>()
        };
        let answer = match answer {
            Answer::None => Answer::None,
            Answer::One(one) => Answer::One(here(one)),
            Answer::Several(several) => Answer::Several(several.into_iter().map(here).collect()),
            Answer::Unknown => {
                places.iter().for_each(|place| self.feared[*place] = true);
                Answer::Unknown
            }
        };
        match &answer {
            Answer::One(one) => one.iter().for_each(|place| self.wanted[*place] += 1),
            Answer::Several(several) => {
                for place in several.iter().flatten() {
                    self.wanted[*place] += 1;
                }
            }
            Answer::None | Answer::Unknown => {}
        }
        (answer, places.len())
    }

    /// The places of the many whose days are near.
    fn stretch(&self, row: u32) -> std::ops::Range<usize> {
        let Some((from, to)) = self.rule.days else {
            return 0..self.manies.len();
        };
        let day = self.board.side(self.one).day(row);
        let (first, last) = match self.one {
            Which::Left | Which::LeftFees => (day + from, day + to),
            Which::Right | Which::RightFees => (day - to, day - from),
        };
        let side = self.board.side(self.one.other());
        let start = self
            .manies
            .partition_point(|other| side.day(*other) < first);
        let end = self
            .manies
            .partition_point(|other| side.day(*other) <= last);
        start..end.max(start)
    }

    fn settle(&self, row: u32, answer: Answer<Vec<usize>>, candidates: usize, found: &mut Found) {
        let rows = |places: &[usize]| -> Vec<u32> {
            places.iter().map(|place| self.manies[*place]).collect()
        };
        match answer {
            Answer::None => {}
            Answer::Unknown => found.unfinished.push(self.unfinished(row, candidates)),
            Answer::One(places) if places.iter().any(|place| self.feared[*place]) => {
                found.unfinished.push(self.unfinished(row, candidates));
            }
            Answer::One(places) => {
                let many = rows(&places);
                let other = self.one.other();
                let is_settled = self.rule.is_settled(self.board, self.one, row)
                    && many
                        .iter()
                        .all(|row| self.rule.is_settled(self.board, other, *row));
                let is_alone = places.iter().all(|place| self.wanted[*place] == 1);
                let group = self.group(row, many, candidates);
                if !is_alone {
                    found.ambiguous.push(group);
                } else if is_settled {
                    found.groups.push(group);
                }
            }
            Answer::Several(several) => {
                let mut places: Vec<usize> = several.into_iter().flatten().collect();
                places.sort_unstable();
                places.dedup();
                found
                    .ambiguous
                    .push(self.group(row, rows(&places), candidates));
            }
        }
    }

    fn unfinished(&self, row: u32, candidates: usize) -> Unfinished {
        Unfinished {
            which: self.one,
            row,
            pass: self.rule.place,
            candidates: number(candidates),
        }
    }

    fn group(&self, one: u32, many: Vec<u32>, candidates: usize) -> Group {
        let (left, right) = match self.one {
            Which::Left | Which::LeftFees => (vec![one], many),
            Which::Right | Which::RightFees => (many, vec![one]),
        };
        Group {
            pass: self.rule.place,
            left,
            right,
            candidates: number(candidates),
        }
    }
}

pub(crate) fn many_and_many(board: &Board<'_>, rule: &Rule<'_>) -> Found {
    let mut found = Found::default();
    for pool in pools(board, rule) {
        pool_against_pool(board, rule, &pool, &mut found);
    }
    found
}

fn pool_against_pool(board: &Board<'_>, rule: &Rule<'_>, pool: &Pool, found: &mut Found) {
    let amounts = |which: Which, rows: &[u32]| -> Vec<i64> {
        rows.iter()
            .map(|row| board.side(which).amount(*row))
            .collect()
    };
    let candidates = number(pool.left.len() + pool.right.len());
    let most = rule.pass.up_to.unwrap_or(UP_TO).min(MOST);
    let mut steps = rule.pass.steps.unwrap_or(STEPS);
    let answers = if at(candidates) > most {
        None
    } else {
        let (left, right) = (
            amounts(Which::Left, &pool.left),
            amounts(Which::Right, &pool.right),
        );
        search::balances(&left, &right, &mut steps)
    };
    let Some(answers) = answers else {
        for (which, rows) in [(Which::Left, &pool.left), (Which::Right, &pool.right)] {
            found.unfinished.extend(rows.iter().map(|row| Unfinished {
                which,
                row: *row,
                pass: rule.place,
                candidates,
            }));
        }
        return;
    };
    let mut groups: Vec<Group> = answers
        .into_iter()
        .map(|(left, right)| Group {
            pass: rule.place,
            left: left.into_iter().map(|place| pool.left[place]).collect(),
            right: right.into_iter().map(|place| pool.right[place]).collect(),
            candidates,
        })
        .collect();
    groups.retain(|group| is_near(board, rule, group));
    let meets = |one: &Group, other: &Group| {
        one.left.iter().any(|row| other.left.contains(row))
            || one.right.iter().any(|row| other.right.contains(row))
    };
    for (place, group) in groups.iter().enumerate() {
        let others = groups
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != place);
        let is_alone = !others.into_iter().any(|(_, other)| meets(group, other));
        if !is_alone {
            found.ambiguous.push(group.clone());
        } else if is_settled(board, rule, group) {
            found.groups.push(group.clone());
        }
    }
}

/// Whether all of the right are near to all of the left.
fn is_near(board: &Board<'_>, rule: &Rule<'_>, group: &Group) -> bool {
    group.left.iter().all(|left| {
        let day = board.side(Which::Left).day(*left);
        let mut rights = group.right.iter();
        rights.all(|right| rule.near(day, board.side(Which::Right).day(*right)))
    })
}

fn is_settled(board: &Board<'_>, rule: &Rule<'_>, group: &Group) -> bool {
    let left = group
        .left
        .iter()
        .all(|row| rule.is_settled(board, Which::Left, *row));
    left && group
        .right
        .iter()
        .all(|row| rule.is_settled(board, Which::Right, *row))
}
