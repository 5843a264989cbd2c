//! Which of several amounts make up another, proved.
//!
//! A search that ends has looked at everything: then one answer is the only one. It may end early as soon as it knows
//! of two. Where its steps are spent before that, nothing is known, and the answer says so.
//!
//! An answer that contains a smaller one is none: what is left over would only take itself back.

/// What a search knows at its end. Answers are places in what was searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer<T> {
    /// Nothing makes it up.
    None,
    /// This does, and nothing else.
    One(T),
    /// Some that do; there may be more.
    Several(Vec<T>),
    /// The steps were spent.
    Unknown,
}

/// The most answers that a search keeps before it gives up to tell the small ones from those that contain them.
const KEPT: usize = 256;

/// Two and more of some amounts that add up to another. Amounts of zero belong to no answer.
pub(crate) fn subset(target: i64, amounts: &[i64], steps: &mut u32) -> Answer<Vec<usize>> {
    let mut order: Vec<usize> = (0..amounts.len())
        .filter(|place| amounts[*place] != 0)
        .collect();
    order.sort_by_key(|place| {
        (
            std::cmp::Reverse(amounts[*place].unsigned_abs()),
            amounts[*place],
            *place,
        )
    });
    let classes: Vec<Class> = order
        .chunk_by(|one, other| amounts[*one] == amounts[*other])
        .map(|members| Class {
            amount: i128::from(amounts[members[0]]),
            members: members.to_vec(),
        })
        .collect();
    let is_mixed =
        amounts.iter().any(|amount| *amount < 0) && amounts.iter().any(|amount| *amount > 0);
    let mut search = Subset {
        reach: reach(
            classes
                .iter()
                .map(|class| class.amount * size(class.members.len())),
        ),
        chosen: vec![0; classes.len()],
        classes: &classes,
        answers: Vec::new(),
        is_mixed,
        steps,
        is_over: false,
    };
    search.extend(0, i128::from(target), 0);
    let is_over = search.is_over;
    search.conclude(is_over)
}

/// Amounts that are equal: any of them will do, so two answers exist as soon as some but not all are taken.
struct Class {
    amount: i128,
    members: Vec<usize>,
}

fn size(count: usize) -> i128 {
    i128::try_from(count).unwrap_or(i128::MAX)
}

/// The least and the most that amounts from each place on can add up to.
fn reach(amounts: impl DoubleEndedIterator<Item = i128>) -> Vec<(i128, i128)> {
    let mut reach = vec![(0, 0)];
    let (mut least, mut most) = (0, 0);
    for amount in amounts.rev() {
        least += amount.min(0);
        most += amount.max(0);
        reach.push((least, most));
    }
    reach.reverse();
    reach
}

struct Subset<'s> {
    classes: &'s [Class],
    reach: Vec<(i128, i128)>,
    /// How many of each class are taken.
    chosen: Vec<usize>,
    answers: Vec<Vec<usize>>,
    is_mixed: bool,
    steps: &'s mut u32,
    /// Whether the steps are spent, or more answers than can be told apart.
    is_over: bool,
}

impl Subset<'_> {
    /// Goes through every choice from a class on. Says whether enough is known.
    fn extend(&mut self, class: usize, rest: i128, taken: usize) -> bool {
        let (least, most) = self.reach[class];
        if rest < least || rest > most {
            return false;
        }
        let Some(own) = self.classes.get(class) else {
            return rest == 0 && taken >= 2 && self.answer();
        };
        for count in (0..=own.members.len()).rev() {
            if *self.steps == 0 {
                self.is_over = true;
                return true;
            }
            *self.steps -= 1;
            self.chosen[class] = count;
            if self.extend(class + 1, rest - own.amount * size(count), taken + count) {
                return true;
            }
        }
        false
    }

    fn answer(&mut self) -> bool {
        self.answers.push(self.chosen.clone());
        if self.is_mixed {
            self.is_over = self.answers.len() >= KEPT;
            return self.is_over;
        }
        // Amounts of one sign: no answer can contain another.
        self.answers.len() >= 2 || self.is_divisible(&self.chosen)
    }

    /// Whether an answer takes some but not all of equal amounts.
    fn is_divisible(&self, answer: &[usize]) -> bool {
        let classes = answer.iter().zip(self.classes);
        classes
            .into_iter()
            .any(|(count, class)| *count > 0 && *count < class.members.len())
    }

    fn conclude(self, is_over: bool) -> Answer<Vec<usize>> {
        if is_over {
            return Answer::Unknown;
        }
        let contains = |one: &[usize], other: &[usize]| {
            one != other && one.iter().zip(other).all(|(mine, its)| mine >= its)
        };
        let small: Vec<&Vec<usize>> = self
            .answers
            .iter()
            .filter(|one| !self.answers.iter().any(|other| contains(one, other)))
            .collect();
        // Of equal amounts all are named where some are taken: each of them could be.
        let members = |answer: &Vec<usize>| {
            let mut all: Vec<usize> = answer
                .iter()
                .zip(self.classes)
                .filter(|(count, _)| **count > 0)
                .flat_map(|(_, class)| class.members.iter().copied())
                .collect();
            all.sort_unstable();
            all
        };
        match small.as_slice() {
            [] => Answer::None,
            [one] if !self.is_divisible(one) => Answer::One(members(one)),
            several => Answer::Several(several.iter().map(|answer| members(answer)).collect()),
        }
    }
}

/// Whether amounts of one sign cannot add up to another however they are chosen: all together are too little, or the
/// two smallest too much.
pub(crate) fn is_out_of_reach(target: i64, amounts: &[i64]) -> bool {
    let target = i128::from(target.unsigned_abs());
    let (mut first, mut second) = (i128::MAX / 4, i128::MAX / 4);
    let mut all = 0_i128;
    for amount in amounts.iter().filter(|amount| **amount != 0) {
        let amount = i128::from(amount.unsigned_abs());
        all += amount;
        if amount < first {
            (first, second) = (amount, first);
        } else {
            second = second.min(amount);
        }
    }
    all < target || first + second > target
}

/// Places at the left and at the right that make up each other.
pub(crate) type Balance = (Vec<usize>, Vec<usize>);

/// The most items of both sides together that [`balances`] looks at.
pub(crate) const MOST: usize = 24;

/// Every way in which some of the left make up some of the right, without those that contain a smaller one; none
/// where there are too many items, answers or steps.
pub(crate) fn balances(left: &[i64], right: &[i64], steps: &mut u32) -> Option<Vec<Balance>> {
    let signed = left.iter().map(|amount| i128::from(*amount));
    let signed = signed.chain(right.iter().map(|amount| -i128::from(*amount)));
    let mut items: Vec<(i128, u32)> = signed
        .zip(0_u32..)
        .filter(|(amount, _)| *amount != 0)
        .collect();
    if items.len() > MOST {
        return None;
    }
    items.sort_by_key(|(amount, place)| (std::cmp::Reverse(amount.unsigned_abs()), *place));
    let mut search = Balanced {
        reach: reach(items.iter().map(|(amount, _)| *amount)),
        items: &items,
        lefts: (1_u64 << left.len()) - 1,
        answers: Vec::new(),
        steps,
    };
    search.extend(0, 0, 0)?;
    let mut answers = search.answers;
    answers.sort_by_key(|mask| (mask.count_ones(), *mask));
    let mut small: Vec<u64> = Vec::new();
    for mask in answers {
        if !small.iter().any(|other| mask & other == *other) {
            small.push(mask);
        }
    }
    let places = |mask: u64, from: usize, count: usize| {
        (0..count)
            .filter(|place| mask >> (from + place) & 1 == 1)
            .collect()
    };
    Some(
        small
            .into_iter()
            .map(|mask| {
                (
                    places(mask, 0, left.len()),
                    places(mask, left.len(), right.len()),
                )
            })
            .collect(),
    )
}

struct Balanced<'s> {
    items: &'s [(i128, u32)],
    reach: Vec<(i128, i128)>,
    /// The places that are at the left.
    lefts: u64,
    answers: Vec<u64>,
    steps: &'s mut u32,
}

impl Balanced<'_> {
    fn extend(&mut self, from: usize, sum: i128, mask: u64) -> Option<()> {
        let (least, most) = self.reach[from];
        if sum + most < 0 || sum + least > 0 {
            return Some(());
        }
        *self.steps = self.steps.checked_sub(1)?;
        let Some((amount, place)) = self.items.get(from).copied() else {
            if mask & self.lefts != 0 && mask & !self.lefts != 0 {
                self.answers.push(mask);
            }
            return (self.answers.len() <= 16 * KEPT).then_some(());
        };
        self.extend(from + 1, sum + amount, mask | 1 << place)?;
        self.extend(from + 1, sum, mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// All subsets of two and more that add up, the obvious way, without those that contain a smaller one.
    fn oracle(target: i64, amounts: &[i64]) -> Vec<Vec<usize>> {
        let mut fits: Vec<u32> = (0..1_u32 << amounts.len())
            .filter(|mask| mask.count_ones() >= 2)
            .filter(|mask| (0..amounts.len()).all(|at| mask >> at & 1 == 0 || amounts[at] != 0))
            .filter(|mask| {
                let chosen = (0..amounts.len()).filter(|at| mask >> at & 1 == 1);
                chosen.map(|at| amounts[at]).sum::<i64>() == target
            })
            .collect();
        let all = fits.clone();
        fits.retain(|mask| {
            !all.iter()
                .any(|other| other != mask && mask & other == *other)
        });
        let places = |mask: &u32| {
            (0..amounts.len())
                .filter(|at| mask >> at & 1 == 1)
                .collect()
        };
        fits.iter().map(places).collect()
    }

    #[test]
    fn the_search_knows_what_the_obvious_way_knows() {
        let mut rng = fastrand::Rng::with_seed(11);
        let (mut ones, mut severals) = (0, 0);
        for _ in 0..6_000 {
            let count = rng.usize(0..11);
            let largest = [6, 40, 3_000][rng.usize(0..3)];
            let is_mixed = rng.bool();
            let amounts: Vec<i64> = (0..count)
                .map(|_| {
                    rng.i64(if is_mixed {
                        -largest..=largest
                    } else {
                        1..=largest
                    })
                })
                .collect();
            let target = match amounts.as_slice() {
                [one, other, ..] if rng.bool() => one + other,
                _ => rng.i64(-largest..=3 * largest),
            };
            let mut steps = 1_000_000;
            let answer = subset(target, &amounts, &mut steps);
            let truth = oracle(target, &amounts);
            match (&answer, truth.as_slice()) {
                (Answer::None, []) => {}
                (Answer::One(places), [one]) => {
                    assert_eq!(places, one);
                    ones += 1;
                }
                (Answer::Several(_), [_, _, ..]) => severals += 1,
                (Answer::Unknown, several) if is_mixed && several.len() > 1 => {}
                _ => panic!("{target} of {amounts:?}: {answer:?}, but {truth:?}"),
            }
        }
        assert!(ones > 500 && severals > 500, "{ones} and {severals}");
    }

    fn balance_oracle(left: &[i64], right: &[i64]) -> BTreeSet<Balance> {
        let count = left.len() + right.len();
        let amount = |at: usize| {
            if at < left.len() {
                left[at]
            } else {
                -right[at - left.len()]
            }
        };
        let lefts = (1_u32 << left.len()) - 1;
        let all: Vec<u32> = (1..1_u32 << count)
            .filter(|mask| mask & lefts != 0 && mask & !lefts != 0)
            .filter(|mask| (0..count).all(|at| mask >> at & 1 == 0 || amount(at) != 0))
            .filter(|mask| {
                (0..count)
                    .filter(|at| mask >> at & 1 == 1)
                    .map(amount)
                    .sum::<i64>()
                    == 0
            })
            .collect();
        let small = all.iter().filter(|mask| {
            !all.iter()
                .any(|other| other != *mask && **mask & other == *other)
        });
        small
            .map(|mask| {
                let places: Vec<usize> = (0..count).filter(|at| mask >> at & 1 == 1).collect();
                let (l, r): (Vec<usize>, Vec<usize>) =
                    places.into_iter().partition(|at| *at < left.len());
                (l, r.into_iter().map(|at| at - left.len()).collect())
            })
            .collect()
    }

    #[test]
    fn several_against_several_is_what_the_obvious_way_finds() {
        let mut rng = fastrand::Rng::with_seed(12);
        for _ in 0..3_000 {
            let largest = [5, 60, 4_000][rng.usize(0..3)];
            let mut draw = |count: usize| -> Vec<i64> {
                (0..count)
                    .map(|_| rng.i64(-largest / 3..=largest))
                    .collect()
            };
            let (left, mut right) = (draw(4), draw(5));
            right[0] = left[0] + left[1] - right[1];
            let mut steps = 1_000_000;
            let found: BTreeSet<Balance> = balances(&left, &right, &mut steps)
                .unwrap()
                .into_iter()
                .collect();
            assert_eq!(
                found,
                balance_oracle(&left, &right),
                "{left:?} and {right:?}"
            );
        }
    }

    #[test]
    fn what_has_no_end_ends_in_its_steps() {
        let equal = vec![100; 10_000];
        let powers: Vec<i64> = (0..60).map(|power| 1_i64 << power).collect();
        let mut steps = 20_000;
        assert!(matches!(
            subset(5_000, &equal, &mut steps),
            Answer::Several(_)
        ));
        let mut steps = 20_000;
        let target = (1 << 59) + (1 << 30) + 1;
        assert_eq!(
            subset(target, &powers, &mut steps),
            Answer::One(vec![0, 30, 59])
        );
        let mut rng = fastrand::Rng::with_seed(3);
        let hard: Vec<i64> = (0..10_000).map(|_| 2 * rng.i64(1..1_000_000_000)).collect();
        let mut steps = 20_000;
        assert_eq!(subset(5_000_000_001, &hard, &mut steps), Answer::Unknown);
        let many: Vec<i64> = (0..24).map(|at| 1_000_000_007 * (at + 1)).collect();
        let mut steps = 20_000;
        assert_eq!(balances(&many[..12], &many[12..], &mut steps), None);
        assert_eq!(steps, 0);
    }
}
