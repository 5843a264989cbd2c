//! The passes. Each looks at what is open, proposes, and takes what is certain.

use crate::plan::{On, Pass};
use crate::{Board, Item, Pair, near, subset};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) fn run(board: &mut Board<'_>, index: usize, pass: &Pass) {
    match pass.on {
        On::Reference => by_reference(board, index, pass, |left, right| {
            left.amount == right.amount
        }),
        On::NetOfFee => by_reference(board, index, pass, |left, right| {
            right.fee != 0 && left.amount == right.amount - right.fee
        }),
        On::ReferenceInText => by_text(board, index, pass),
        On::Amount => by_amount(board, index, pass),
        On::ManyRight => subset::one_left(board, index, pass),
        On::ManyLeft => subset::one_right(board, index, pass),
    }
}

/// References of both sides as small numbers.
fn codes<'i>(board: &Board<'i>) -> BTreeMap<&'i str, u32> {
    let all: BTreeSet<&str> = board
        .left
        .iter()
        .chain(&board.right)
        .map(|item| item.reference.as_str())
        .collect();
    all.into_iter().zip(0u32..).collect()
}

/// Pairs items of one currency and reference that `agree`; earlier ones first. Equal items are
/// interchangeable, so the order among them decides nothing but their names.
fn by_reference(
    board: &mut Board<'_>,
    pass_index: usize,
    pass: &Pass,
    agree: impl Fn(&Item, &Item) -> bool,
) {
    let codes = codes(board);
    let key = |item: &Item| {
        let code = codes
            .get(item.reference.as_str())
            .copied()
            .unwrap_or(u32::MAX);
        (item.currency.numeric(), code)
    };
    let mut by_key = BTreeMap::<(u16, u32), Vec<usize>>::new();
    for index in &board.open_right {
        let Some(item) = board.right(*index) else {
            continue;
        };
        if !item.reference.is_empty() {
            by_key.entry(key(item)).or_default().push(*index);
        }
    }
    let mut found = Vec::new();
    for left_index in &board.open_left {
        let Some(left) = board.left(*left_index) else {
            continue;
        };
        let Some(candidates) = by_key.get_mut(&key(left)) else {
            continue;
        };
        let hit = candidates.iter().position(|right_index| {
            board
                .right(*right_index)
                .is_some_and(|right| agree(left, right) && near(left, right, pass))
        });
        if let Some(hit) = hit {
            let right = candidates.remove(hit);
            found.push(Pair {
                pass: pass_index,
                left: vec![*left_index],
                right: vec![right],
            });
        }
    }
    found.into_iter().for_each(|pair| board.take(pair));
}

/// Items that are each other's equals: of one currency, amount and reference or text.
type Class<'i> = (u16, i64, &'i str);

fn class<'i>(item: &'i Item, name: &'i str) -> Class<'i> {
    (item.currency.numeric(), item.amount, name)
}

/// Pairs a left reference with the right text that holds it as a word, if the amounts agree. A
/// reference that several texts hold, and a text that holds several references, have more than one
/// answer: they stay open and are told. A reference within a longer word is not that reference.
fn by_text(board: &mut Board<'_>, pass_index: usize, pass: &Pass) {
    let edges = text_edges(board, pass);
    let mut texts_of = BTreeMap::<Class<'_>, BTreeSet<Class<'_>>>::new();
    let mut references_in = BTreeMap::<Class<'_>, BTreeSet<Class<'_>>>::new();
    let classes = |(left, right): (usize, usize)| {
        let (left, right) = (board.left(left)?, board.right(right)?);
        Some((class(left, &left.reference), class(right, &right.text)))
    };
    for (left, right) in edges.iter().filter_map(|edge| classes(*edge)) {
        texts_of.entry(left).or_default().insert(right);
        references_in.entry(right).or_default().insert(left);
    }
    let mut certain = Vec::new();
    let mut unsure = Vec::new();
    let mut used = (BTreeSet::new(), BTreeSet::new());
    for edge in &edges {
        let Some((left, right)) = classes(*edge) else {
            continue;
        };
        let alone = texts_of.get(&left).is_some_and(|texts| texts.len() == 1)
            && references_in
                .get(&right)
                .is_some_and(|found| found.len() == 1);
        let pair = Pair {
            pass: pass_index,
            left: vec![edge.0],
            right: vec![edge.1],
        };
        if !alone {
            unsure.push(pair);
        } else if !used.0.contains(&edge.0) && !used.1.contains(&edge.1) {
            // Equals are interchangeable: the order among them decides nothing but their names.
            used.0.insert(edge.0);
            used.1.insert(edge.1);
            certain.push(pair);
        }
    }
    certain.into_iter().for_each(|pair| board.take(pair));
    board.ambiguous.extend(unsure);
}

/// Every open left item with every open right one whose text holds its reference.
fn text_edges(board: &Board<'_>, pass: &Pass) -> Vec<(usize, usize)> {
    let mut words = BTreeMap::<&str, BTreeSet<usize>>::new();
    for index in &board.open_right {
        let Some(item) = board.right(*index) else {
            continue;
        };
        for word in item.text.split_whitespace() {
            words.entry(word).or_default().insert(*index);
        }
    }
    let mut edges = Vec::new();
    for left_index in &board.open_left {
        let Some(left) = board.left(*left_index) else {
            continue;
        };
        for right_index in words.get(left.reference.as_str()).into_iter().flatten() {
            let agrees = board.right(*right_index).is_some_and(|right| {
                right.currency == left.currency
                    && right.amount == left.amount
                    && near(left, right, pass)
            });
            if agrees {
                edges.push((*left_index, *right_index));
            }
        }
    }
    edges
}

/// Pairs equal amounts that are near, where each is the other's only candidate. Where several fit,
/// they stay open and are told.
fn by_amount(board: &mut Board<'_>, pass_index: usize, pass: &Pass) {
    let mut rights = BTreeMap::<(u16, i64), Vec<usize>>::new();
    for index in &board.open_right {
        let Some(item) = board.right(*index) else {
            continue;
        };
        rights
            .entry((item.currency.numeric(), item.amount))
            .or_default()
            .push(*index);
    }
    let mut edges = Vec::new();
    for left_index in &board.open_left {
        let Some(left) = board.left(*left_index) else {
            continue;
        };
        let key = (left.currency.numeric(), left.amount);
        for right_index in rights.get(&key).into_iter().flatten() {
            if board
                .right(*right_index)
                .is_some_and(|right| near(left, right, pass))
            {
                edges.push((*left_index, *right_index));
            }
        }
    }
    let mut of_left = BTreeMap::<usize, usize>::new();
    let mut of_right = BTreeMap::<usize, usize>::new();
    for (left, right) in &edges {
        *of_left.entry(*left).or_default() += 1;
        *of_right.entry(*right).or_default() += 1;
    }
    let mut certain = Vec::new();
    let mut unsure = Vec::new();
    for edge in &edges {
        let pair = Pair {
            pass: pass_index,
            left: vec![edge.0],
            right: vec![edge.1],
        };
        if of_left.get(&edge.0) == Some(&1) && of_right.get(&edge.1) == Some(&1) {
            certain.push(pair);
        } else {
            unsure.push(pair);
        }
    }
    certain.into_iter().for_each(|pair| board.take(pair));
    board.ambiguous.extend(unsure);
}
