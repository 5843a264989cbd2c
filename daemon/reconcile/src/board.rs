//! What is open while the passes run, and what they found so far.

pub(crate) mod rule;

use crate::board::rule::Facts;
use crate::index::Bits;
use crate::side::{Input, Side, currency};
use crate::texts;
use crate::which::Which;
use chrono::Datelike;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// One item of each side that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) left: u32,
    pub(crate) right: u32,
    pub(crate) pass: u8,
}

/// Items that belong together, or that could in more than one way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) pass: u8,
    pub(crate) left: Vec<u32>,
    pub(crate) right: Vec<u32>,
    /// How many items a search had to choose from.
    pub(crate) candidates: u32,
}

/// An item for which a search was not finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Unfinished {
    pub(crate) which: Which,
    pub(crate) row: u32,
    pub(crate) pass: u8,
    pub(crate) candidates: u32,
}

/// What a pass, or a part of one, found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) pairs: Vec<Pair>,
    pub(crate) groups: Vec<Group>,
    pub(crate) ambiguous: Vec<Group>,
    pub(crate) unfinished: Vec<Unfinished>,
    /// Items that stood beside a pair and were not taken: by its left row.
    pub(crate) rivals: Vec<(u32, Which, u32)>,
}

impl Found {
    pub(crate) fn add(&mut self, other: Self) {
        self.pairs.extend(other.pairs);
        self.groups.extend(other.groups);
        self.ambiguous.extend(other.ambiguous);
        self.unfinished.extend(other.unfinished);
        self.rivals.extend(other.rivals);
    }
}

/// The most runners-up that a match names.
pub(crate) const RIVALS: usize = 3;

/// The two sides while passes run.
#[derive(Debug)]
pub(crate) struct Board<'i> {
    pub(crate) input: &'i Input,
    open: [Bits; 2],
    pub(crate) found: Found,
    /// How far data reaches, by side and currency, as days.
    reach: BTreeMap<(Which, u16), i32>,
    pub(crate) threads: usize,
}

impl<'i> Board<'i> {
    pub(crate) fn new(input: &'i Input, threads: usize) -> Self {
        let mut reach = BTreeMap::new();
        for which in Which::SIDES {
            let side = input.side(which);
            let mut seen: Vec<u16> = Vec::new();
            for row in side.rows() {
                let currency = side.currency(row);
                if !seen.contains(&currency) {
                    seen.push(currency);
                    for which in Which::SIDES {
                        reach.insert((which, currency), reached(input, which, currency));
                    }
                }
            }
        }
        Self {
            input,
            open: Which::SIDES.map(|which| input.side(which).open()),
            found: Found::default(),
            reach,
            threads,
        }
    }

    pub(crate) fn side(&self, which: Which) -> &'i Side {
        self.input.side(which)
    }

    pub(crate) fn open(&self, which: Which) -> &Bits {
        &self.open[which.place()]
    }

    /// Takes a row out of what is still to be told.
    pub(crate) fn close(&mut self, which: Which, row: u32) {
        self.open[which.place()].remove(row);
    }

    /// The last day that a side's data covers in a currency.
    pub(crate) fn reach(&self, which: Which, currency: u16) -> i32 {
        let known = self.reach.get(&(which, currency)).copied();
        known.unwrap_or(i32::MIN)
    }

    pub(crate) fn facts(&self, which: Which, row: u32) -> Facts {
        let side = self.side(which);
        Facts {
            currency: side.currency(row),
            amount: side.amount(row),
            fee: side.fee(row),
            original: side.original(row),
        }
    }

    /// Puts rows into the order of their content. What is compared is gathered once: rows of many equal items would
    /// be looked up again for each comparison.
    pub(crate) fn sort(&self, which: Which, rows: &mut [u32]) {
        let (input, side) = (self.input, self.side(which));
        let begin = texts::common(rows.iter().map(|row| input.identity(which, *row)));
        let mut all: Vec<_> = rows
            .iter()
            .map(|row| {
                let whole = (side.currency(*row), side.day(*row), side.amount(*row));
                let identity = input.identity(which, *row);
                let key = texts::key(identity, begin);
                (whole, side.reference(*row), key, identity, *row)
            })
            .collect();
        let text = |reference| input.dictionary.text(reference);
        all.sort_unstable_by(|one, other| {
            let references = || {
                if one.1 == other.1 {
                    Ordering::Equal
                } else {
                    text(one.1).cmp(text(other.1))
                }
            };
            one.0
                .cmp(&other.0)
                .then_with(references)
                .then_with(|| (one.2, one.3).cmp(&(other.2, other.3)))
                .then_with(|| side.item(one.4).cmp(&side.item(other.4)))
        });
        for (row, (.., sorted)) in rows.iter_mut().zip(all) {
            *row = sorted;
        }
    }

    pub(crate) fn compare(&self, which: Which, one: u32, other: u32) -> Ordering {
        self.input.compare(which, one, other)
    }

    /// Takes what a pass found. An item that two answers want was told by the pass; nothing is consumed twice.
    pub(crate) fn take(&mut self, found: Found) {
        for pair in &found.pairs {
            self.open[0].remove(pair.left);
            self.open[1].remove(pair.right);
        }
        for group in &found.groups {
            group.left.iter().for_each(|row| self.open[0].remove(*row));
            group.right.iter().for_each(|row| self.open[1].remove(*row));
        }
        self.found.add(found);
    }
}

fn reached(input: &Input, which: Which, numeric: u16) -> i32 {
    let until = input.reach(which).of(currency(numeric));
    until.map_or(i32::MIN, |on| on.num_days_from_ce())
}
