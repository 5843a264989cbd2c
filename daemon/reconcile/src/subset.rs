//! One item that is the sum of several: split and merged deposits.
//!
//! The search is bounded: at most `up_to` candidates (20 whatever the plan says), all their subsets
//! of two and more. One subset that fits is a match; several are ambiguous, and so is a candidate
//! that two answers want. Where there are more candidates nothing is searched, and that is told: an
//! item is not called missing because nobody looked.

use crate::plan::Pass;
use crate::{Board, Item, Pair, near};
use std::collections::{BTreeMap, BTreeSet};

const MOST_CANDIDATES: usize = 20;

pub(crate) fn one_left(board: &mut Board<'_>, pass_index: usize, pass: &Pass) {
    let Answers { fits, cut } = answers(
        &board.open_left,
        &board.open_right,
        |index| board.left(index),
        |index| board.right(index),
        pass,
    );
    board.cut_left.extend(cut);
    settle(board, fits, |one, many| Pair {
        pass: pass_index,
        left: vec![one],
        right: many,
    });
}

pub(crate) fn one_right(board: &mut Board<'_>, pass_index: usize, pass: &Pass) {
    let Answers { fits, cut } = answers(
        &board.open_right,
        &board.open_left,
        |index| board.right(index),
        |index| board.left(index),
        pass,
    );
    board.cut_right.extend(cut);
    settle(board, fits, |one, many| Pair {
        pass: pass_index,
        left: many,
        right: vec![one],
    });
}

/// What a search found: every subset that fits, by the item whose amount it makes up; and the items
/// that have more candidates than were searched, with how many.
#[derive(Default)]
struct Answers {
    fits: BTreeMap<usize, Vec<Vec<usize>>>,
    cut: BTreeMap<usize, usize>,
}

/// Whether no subset of two and more can make up an amount: all together are too little, or the two
/// smallest too much.
fn provably_none(candidates: &[(usize, i64)], amount: i64) -> bool {
    let wanted = i128::from(amount);
    let mut sizes: Vec<i128> = candidates
        .iter()
        .map(|(_, size)| i128::from(*size))
        .collect();
    sizes.sort_unstable();
    sizes.iter().sum::<i128>() < wanted || sizes.iter().take(2).sum::<i128>() > wanted
}

fn answers<'i>(
    ones: &BTreeSet<usize>,
    manies: &BTreeSet<usize>,
    one: impl Fn(usize) -> Option<&'i Item>,
    many: impl Fn(usize) -> Option<&'i Item>,
    pass: &Pass,
) -> Answers {
    let most = pass.up_to.unwrap_or(12).min(MOST_CANDIDATES);
    let mut found = Answers::default();
    for index in ones {
        let Some(target) = one(*index) else { continue };
        let candidates: Vec<(usize, i64)> = manies
            .iter()
            .filter_map(|index| Some((*index, many(*index)?)))
            .filter(|(_, item)| {
                item.currency == target.currency
                    && item.amount.signum() == target.amount.signum()
                    && item.amount.abs() < target.amount.abs()
                    && near(target, item, pass)
            })
            .map(|(index, item)| (index, item.amount.abs()))
            .collect();
        if candidates.len() < 2 || provably_none(&candidates, target.amount.abs()) {
            continue;
        }
        // Whoever searched part of them would be guessing.
        if candidates.len() > most {
            found.cut.insert(*index, candidates.len());
            continue;
        }
        let mut search = Search {
            candidates: &candidates,
            chosen: Vec::new(),
            fits: Vec::new(),
        };
        search.extend(0, target.amount.abs());
        if !search.fits.is_empty() {
            found.fits.insert(*index, search.fits);
        }
    }
    found
}

struct Search<'c> {
    candidates: &'c [(usize, i64)],
    chosen: Vec<usize>,
    fits: Vec<Vec<usize>>,
}

impl Search<'_> {
    /// Adds every way to make up `rest` from the candidates at `from` and later. Two answers are
    /// enough to know that there is no one answer.
    fn extend(&mut self, from: usize, rest: i64) {
        if rest == 0 && self.chosen.len() >= 2 {
            self.fits.push(self.chosen.clone());
            return;
        }
        for at in from..self.candidates.len() {
            let Some((index, amount)) = self.candidates.get(at).copied() else {
                return;
            };
            if amount > rest || self.fits.len() > 1 {
                continue;
            }
            self.chosen.push(index);
            self.extend(at + 1, rest - amount);
            self.chosen.pop();
        }
    }
}

fn settle(
    board: &mut Board<'_>,
    answers: BTreeMap<usize, Vec<Vec<usize>>>,
    pair: impl Fn(usize, Vec<usize>) -> Pair,
) {
    let mut wanted = BTreeMap::<usize, usize>::new();
    for index in answers.values().flatten().flatten() {
        *wanted.entry(*index).or_default() += 1;
    }
    for (one, fits) in answers {
        let alone = fits.len() == 1
            && fits
                .iter()
                .flatten()
                .all(|index| wanted.get(index).copied() == Some(1));
        for many in fits {
            let pair = pair(one, many);
            if alone {
                board.take(pair);
            } else {
                board.ambiguous.push(pair);
            }
        }
    }
}
