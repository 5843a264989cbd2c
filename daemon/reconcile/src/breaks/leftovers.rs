//! What no pass took. First what both sides have under one name and that differs: in its amount, its currency, its
//! day. Then what only one side has: a second of what was matched, what the other side never expects, what is not
//! due yet, and what is missing.

use crate::board::rule::Rule;
use crate::breaks::sentence;
use crate::breaks::{Court, Told};
use crate::finding::BreakStatus;
use crate::index::{Bits, at};
use crate::keys::Keyed;
use crate::passes::text;
use crate::plan::Name;
use crate::side::currency;
use crate::which::Which;
use ledger::Movement;
use std::collections::{BTreeMap, BTreeSet};

/// Items for which a search was not finished, and among how many candidates.
pub(crate) type Unfinished = BTreeMap<(Which, u32), u32>;

pub(crate) fn tell(court: &mut Court<'_>, unfinished: &Unfinished) {
    let names = [names(court, Which::Left), names(court, Which::Right)];
    let by_names = Keyed::by_names(&court.board, [&names[0], &names[1]]);
    under_one_name(court, &by_names);
    drop(by_names);
    for rule in court.rules {
        if spelled(rule).is_some() {
            let by_text = text::keyed(&court.board, rule);
            under_one_name(court, &by_text);
        }
    }
    for which in Which::SIDES {
        let twins = twins(court, which);
        let mut rows: Vec<u32> = court.board.open(which).iter().collect();
        court.board.sort(which, &mut rows);
        for row in rows {
            alone(court, which, row, (&twins, unfinished));
        }
    }
}

/// The side whose texts a pass searches.
fn spelled(rule: &Rule<'_>) -> Option<Which> {
    Which::SIDES
        .into_iter()
        .find(|which| rule.names(*which).contains(&Name::Text))
}

/// All names by which passes know an item of a side as a payment.
fn names(court: &Court<'_>, which: Which) -> Vec<Name> {
    let mut names = vec![Name::Reference];
    for name in court.rules.iter().flat_map(|rule| rule.names(which)) {
        if (name.names_one_payment() || *name == Name::Group) && !names.contains(name) {
            names.push(*name);
        }
    }
    names
}

/// What is open at both sides under one name. Direction belongs to the name: a reversal carries the reference of
/// what it reverses.
fn under_one_name(court: &mut Court<'_>, keyed: &Keyed) {
    for key in keyed.parts(1).into_iter().flatten() {
        let (left, right) = (keyed.rows(Which::Left, key), keyed.rows(Which::Right, key));
        if left.is_empty() || right.is_empty() {
            continue;
        }
        for is_negative in [false, true] {
            let of = |which: Which, rows: &[u32]| -> Vec<u32> {
                let side = court.input.side(which);
                let mut rows: Vec<u32> = rows
                    .iter()
                    .copied()
                    .filter(|row| (side.amount(*row) < 0) == is_negative)
                    .collect();
                court.board.sort(which, &mut rows);
                rows
            };
            let (mut lefts, mut rights) = (of(Which::Left, left), of(Which::Right, right));
            equal_amounts(court, &mut lefts, &mut rights);
            if !lefts.is_empty() && !rights.is_empty() {
                differ(court, &lefts, &rights);
            }
        }
    }
}

/// Takes out what has the same amount at both sides: it was kept apart by its days only.
fn equal_amounts(court: &mut Court<'_>, lefts: &mut Vec<u32>, rights: &mut Vec<u32>) {
    let (l, r) = (
        court.input.side(Which::Left),
        court.input.side(Which::Right),
    );
    let mut by_amount = BTreeMap::<(u16, i64), std::collections::VecDeque<u32>>::new();
    for row in rights.iter() {
        let key = (r.currency(*row), r.amount(*row));
        by_amount.entry(key).or_default().push_back(*row);
    }
    let mut taken = BTreeSet::new();
    lefts.retain(|left| {
        let key = (l.currency(*left), l.amount(*left));
        let Some(right) = by_amount
            .get_mut(&key)
            .and_then(std::collections::VecDeque::pop_front)
        else {
            return true;
        };
        taken.insert(right);
        same_amount(court, *left, right);
        false
    });
    rights.retain(|right| !taken.contains(right));
}

fn same_amount(court: &mut Court<'_>, left: u32, right: u32) {
    let is_due = court.is_overdue(Which::Left, left) || court.is_overdue(Which::Right, right);
    if !is_due {
        court.wait(Which::Left, left);
        court.wait(Which::Right, right);
        return;
    }
    let detail = sentence::timing(court, left, right);
    court.add(Told {
        kind: "timing",
        status: BreakStatus::Open,
        left: &[left],
        right: &[right],
        detail,
        lasting: false,
    });
}

/// Items of one name whose amounts are not the same: in one currency one finding for all of them.
fn differ(court: &mut Court<'_>, lefts: &[u32], rights: &[u32]) {
    if let ([left], [right]) = (lefts, rights) {
        one_differs(court, *left, *right);
        return;
    }
    let of = |which: Which, rows: &[u32], code: u16| -> Vec<u32> {
        let side = court.input.side(which);
        rows.iter()
            .copied()
            .filter(|row| side.currency(*row) == code)
            .collect()
    };
    let l = court.input.side(Which::Left);
    let codes: BTreeSet<u16> = lefts.iter().map(|row| l.currency(*row)).collect();
    for code in codes {
        let (left, right) = (of(Which::Left, lefts, code), of(Which::Right, rights, code));
        match (left.as_slice(), right.as_slice()) {
            ([], _) | (_, []) => {}
            ([left], [right]) => one_differs(court, *left, *right),
            _ => several_differ(court, &left, &right),
        }
    }
}

fn several_differ(court: &mut Court<'_>, left: &[u32], right: &[u32]) {
    if may_still_come(court, left, right) {
        left.iter().for_each(|row| court.wait(Which::Left, *row));
        right.iter().for_each(|row| court.wait(Which::Right, *row));
        return;
    }
    let sum = |which: Which, rows: &[u32]| -> i128 {
        let side = court.input.side(which);
        rows.iter().map(|row| i128::from(side.amount(*row))).sum()
    };
    let kind = if sum(Which::Left, left) == sum(Which::Right, right) {
        "regrouped"
    } else {
        "amount"
    };
    let detail = sentence::differs(court, kind, left, right);
    court.add(Told {
        kind,
        status: BreakStatus::Open,
        left,
        right,
        detail,
        lasting: false,
    });
}

/// Whether more of the same name may be on its way: only where a pass adds up what comes in parts.
fn may_still_come(court: &Court<'_>, left: &[u32], right: &[u32]) -> bool {
    let adds_up = court.rules.iter().any(|rule| rule.pass.sums);
    let is_due = |which: Which, rows: &[u32]| rows.iter().any(|row| court.is_overdue(which, *row));
    adds_up && !is_due(Which::Left, left) && !is_due(Which::Right, right)
}

fn one_differs(court: &mut Court<'_>, left: u32, right: u32) {
    if may_still_come(court, &[left], &[right]) {
        court.wait(Which::Left, left);
        court.wait(Which::Right, right);
        return;
    }
    let kind = cause(court, left, right);
    let detail = sentence::differs(court, kind, &[left], &[right]);
    court.add(Told {
        kind,
        status: BreakStatus::Open,
        left: &[left],
        right: &[right],
        detail,
        lasting: false,
    });
}

/// What two amounts of one name differ by.
fn cause(court: &Court<'_>, left: u32, right: u32) -> &'static str {
    let (l, r) = (
        court.input.side(Which::Left),
        court.input.side(Which::Right),
    );
    let (amount, other) = (l.amount(left), r.amount(right));
    let knows =
        |original: Option<(i64, u16)>, of: u16| original.is_some_and(|(_, known)| known == of);
    if l.currency(left) != r.currency(right) {
        let is_exchanged = knows(r.original(right), l.currency(left))
            || knows(l.original(left), r.currency(right));
        return if is_exchanged { "fx" } else { "currency" };
    }
    let (fee, own) = (r.fee(right), l.fee(left));
    if (fee != 0 && amount == other - fee) || (own != 0 && amount - own == other) {
        return "fee";
    }
    let of = currency(l.currency(left));
    let short = amount.unsigned_abs().saturating_sub(other.unsigned_abs());
    let most = court
        .plan
        .bank_fee
        .get(of.code())
        .map_or(0, |most| most.minor(of));
    if short > 0 && short <= u64::try_from(most).unwrap_or(0) {
        return "short";
    }
    if r.original(right).is_some() || l.original(left).is_some() {
        return "fx";
    }
    "amount"
}

/// Rows of a side that are the second of their kind: one of the same reference and amount is matched.
fn twins(court: &Court<'_>, which: Which) -> Bits {
    let (input, own) = (court.input, court.input.side(which));
    let mut asked = Bits::none(input.dictionary.codes());
    for row in court
        .board
        .open(which)
        .iter()
        .filter(|row| own.reference(*row) != 0)
    {
        asked.add(own.reference(row));
    }
    let mut known = BTreeSet::new();
    for side in Which::SIDES {
        let of = input.side(side);
        for row in of.rows() {
            if asked.has(of.reference(row)) && court.is_matched(side, row) {
                known.insert((of.reference(row), of.currency(row), of.amount(row)));
            }
        }
    }
    let mut twins = Bits::none(own.len());
    for row in court.board.open(which).iter() {
        if known.contains(&(own.reference(row), own.currency(row), own.amount(row))) {
            twins.add(row);
        }
    }
    for rule in court.rules {
        if spelled(rule) == Some(which) {
            twins_in_texts(court, rule, which, &mut twins);
        }
    }
    twins
}

/// The same for names in texts: another line that names what was paid.
fn twins_in_texts(court: &Court<'_>, rule: &Rule<'_>, which: Which, twins: &mut Bits) {
    let (own, its) = (court.input.side(which), court.input.side(which.other()));
    if court.board.open(which).iter().next().is_none() {
        return;
    }
    let matched = its
        .rows()
        .filter(|row| court.is_matched(which.other(), *row));
    let open = court.board.open(which).iter();
    let ([named, held], _) = text::mentions_of(&court.board, rule, which, (matched, open));
    let mut known = BTreeSet::new();
    for (row, code) in named {
        known.insert((code, its.currency(row), its.amount(row)));
    }
    for (row, code) in held {
        if known.contains(&(code, own.currency(row), own.amount(row))) {
            twins.add(row);
        }
    }
}

fn alone(court: &mut Court<'_>, which: Which, row: u32, (twins, unfinished): (&Bits, &Unfinished)) {
    let is_overdue = court.is_overdue(which, row);
    let (own, other) = sentence::sides(court.plan, which);
    let (kind, detail) = if twins.has(row) {
        (
            format!("duplicate-in-{own}"),
            sentence::duplicate(court, which, row),
        )
    } else if is_unexpected(court, which, row) {
        (
            "unexpected".to_owned(),
            sentence::unexpected(court, which, row),
        )
    } else if !is_overdue {
        court.wait(which, row);
        return;
    } else if let Some(candidates) = unfinished.get(&(which, row)) {
        let detail = sentence::undecided(court, which, row, at(*candidates));
        ("undecided".to_owned(), detail)
    } else {
        (
            format!("missing-in-{other}"),
            sentence::missing(court, which, row),
        )
    };
    let rows = [row];
    let (left, right): (&[u32], &[u32]) = if which == Which::Left {
        (&rows, &[])
    } else {
        (&[], &rows)
    };
    court.add(Told {
        kind: &kind,
        status: BreakStatus::Open,
        left,
        right,
        detail,
        lasting: false,
    });
}

/// Whether the right has something of a kind that the left never has and that is no customer's payment.
fn is_unexpected(court: &Court<'_>, which: Which, row: u32) -> bool {
    let movement = court.input.side(which).movement(row);
    let is_own = movement.is_some_and(|movement| match movement {
        Movement::Charge | Movement::Refund | Movement::Dispute | Movement::DisputeReversal => {
            false
        }
        Movement::Fee
        | Movement::Payout
        | Movement::PayoutFailure
        | Movement::Reserve
        | Movement::Release
        | Movement::Transfer
        | Movement::Adjustment
        | Movement::Tax
        | Movement::Other => !court.plan.declares(movement),
    });
    which == Which::Right && court.plan.declares_movements() && is_own
}
