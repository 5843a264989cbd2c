//! What was planted is what is found: nothing more, nothing less, in whichever order it comes and on however many
//! threads it is matched.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::too_many_lines,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a test that cannot go on should say where; a list of what is planted is long"
)]

#[path = "planted/world.rs"]
mod world;

use reconcile::{Carried, Input, Plan, Which, reconcile, reconcile_on};
use std::collections::{BTreeMap, BTreeSet};
use world::{File, Row, Truth, Truths};

type Rows = Vec<(File, Row)>;

fn made(payments: usize, seed: u64) -> (Rows, Truths) {
    let mut rows = Rows::new();
    let truths = world::make(payments, seed, &mut |file, row| {
        rows.push((file, row.clone()));
    });
    (rows, truths)
}

fn input(rows: &[(File, Row)], files: [File; 2]) -> Input {
    let mut input = Input::new();
    for (file, row) in rows.iter().filter(|(file, _)| files.contains(file)) {
        world::push(&mut input, *file, row, false);
    }
    world::cover(&mut input, world::LAST);
    input
}

const SIDES: [([File; 2], &str, &str); 2] = [
    (
        [File::Billing, File::Settlement],
        world::PAYMENTS,
        "reference",
    ),
    ([File::Payouts, File::Bank], world::PAYOUTS, "payout id"),
];

fn same(found: &Truth, truth: &Truth) {
    let differs = |found: &BTreeMap<String, usize>, truth: &BTreeMap<String, usize>| {
        let only = |one: &BTreeMap<String, usize>, other: &BTreeMap<String, usize>| {
            let lines = one
                .iter()
                .filter(|(line, count)| other.get(*line) != Some(count));
            lines
                .map(|(line, count)| format!("{count} {line}"))
                .collect::<Vec<_>>()
        };
        (only(found, truth), only(truth, found))
    };
    let none = (Vec::<String>::new(), Vec::<String>::new());
    assert_eq!(
        differs(&found.breaks, &truth.breaks),
        none,
        "breaks found and planted"
    );
    assert_eq!(
        differs(&found.pairs, &truth.pairs),
        none,
        "matches found and planted"
    );
    assert_eq!(found.matches, truth.matches);
}

#[test]
fn what_is_planted_is_found() {
    for seed in 1..4 {
        let (mut rows, truths) = made(10_000, seed);
        for ((files, yaml, plain), truth) in
            SIDES.into_iter().zip([&truths.payments, &truths.payouts])
        {
            let plan = world::plan(yaml);
            let first = input(&rows, files);
            let findings = reconcile(&plan, &first);
            same(&world::told(&plan, &first, &findings, plain), truth);
            for totals in findings.totals.values() {
                let pending = totals.left_pending - totals.right_pending;
                assert_eq!(totals.left - totals.right, pending + totals.breaks);
            }
            let matched: BTreeSet<String> = findings
                .matches
                .iter(&plan, &first)
                .map(|one| world::words(&one))
                .collect();
            for threads in 1..4 {
                fastrand::Rng::with_seed(seed).shuffle(&mut rows);
                let other = input(&rows, files);
                let again = reconcile_on(&plan, &other, threads);
                assert_eq!(again.breaks, findings.breaks);
                assert_eq!(
                    (&again.totals, &again.cash),
                    (&findings.totals, &findings.cash)
                );
                let again: BTreeSet<String> = again
                    .matches
                    .iter(&plan, &other)
                    .map(|one| world::words(&one))
                    .collect();
                assert!(
                    again == matched,
                    "the order of the input or the threads decided"
                );
            }
        }
    }
}

#[test]
fn at_least_twenty_two_kinds_are_planted() {
    let (_, truths) = made(10_000, 1);
    let kinds: BTreeSet<&str> = [&truths.payments, &truths.payouts]
        .into_iter()
        .flat_map(|truth| truth.breaks.keys())
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert!(world::PLANTED.len() + world::IN_PAYOUTS.len() > 22);
    assert!(kinds.len() >= 17, "{kinds:?}");
}

/// What a store keeps between runs.
#[derive(Default)]
struct Kept {
    used: BTreeSet<(File, usize)>,
    matched: BTreeSet<String>,
    lasting: BTreeMap<String, reconcile::Break>,
}

/// Runs over what was known on each of some days: what is open, of what is used only what shares a name with it,
/// and sums for the rest.
fn by_and_by(
    plan: &Plan,
    rows: &[(File, Row)],
    files: [File; 2],
    days: &[i32],
) -> (Kept, reconcile::Findings) {
    let mut kept = Kept::default();
    let mut last = reconcile::Findings::default();
    for day in days {
        let known: Vec<(usize, &(File, Row))> = rows
            .iter()
            .enumerate()
            .filter(|(_, (file, row))| files.contains(file) && row.day <= *day)
            .collect();
        let is_used = |file: File, place: usize| kept.used.contains(&(file, place));
        let names = |row: &Row| {
            [
                row.reference.clone(),
                row.payment.clone(),
                row.merchant.clone(),
            ]
        };
        let open: BTreeSet<String> = known
            .iter()
            .filter(|(place, (file, _))| !is_used(*file, *place))
            .flat_map(|(_, (_, row))| names(row))
            .filter(|name| !name.is_empty())
            .collect();
        let mut input = Input::new();
        for (place, (file, row)) in &known {
            let used = is_used(*file, *place);
            let is_asked = plan.reconciliation == "payouts"
                || names(row).iter().any(|name| open.contains(name));
            if !used || is_asked {
                world::push(&mut input, *file, row, used);
                continue;
            }
            let currency = ledger::Currency::from_code(row.currency).unwrap();
            let movement = ledger::Movement::ALL
                .into_iter()
                .find(|one| one.name() == row.movement);
            let sums: &mut Carried = input.carried.entry((currency, movement)).or_default();
            match file.which() {
                Which::Left | Which::LeftFees => sums.left += row.amount,
                Which::Right | Which::RightFees => sums.right += row.amount,
            }
        }
        world::cover(&mut input, *day);
        let findings = reconcile(plan, &input);
        let by_id: BTreeMap<&str, (File, usize)> = known
            .iter()
            .map(|(place, (file, row))| (row.id.as_str(), (*file, *place)))
            .collect();
        for found in findings.matches.iter(plan, &input) {
            kept.matched.insert(world::words(&found));
            for which in Which::SIDES {
                kept.used
                    .extend(found.items(which).map(|item| by_id[item.identity]));
            }
        }
        let lasting = findings.breaks.iter().filter(|found| found.lasting);
        kept.lasting
            .extend(lasting.map(|found| (found.id.clone(), found.clone())));
        last = findings;
    }
    (kept, last)
}

#[test]
fn runs_over_parts_find_what_one_run_finds() {
    let (rows, _) = made(3_000, 5);
    for (files, yaml, _) in SIDES {
        let plan = world::plan(yaml);
        let whole = input(&rows, files);
        let once = reconcile(&plan, &whole);
        let days: Vec<i32> = (0..=world::LAST).step_by(5).collect();
        let (kept, last) = by_and_by(&plan, &rows, files, &days);
        let matched: BTreeSet<String> = once
            .matches
            .iter(&plan, &whole)
            .map(|one| world::words(&one))
            .collect();
        let only: Vec<&String> = matched.symmetric_difference(&kept.matched).collect();
        assert!(only.is_empty(), "{only:#?}");
        let say = |found: &reconcile::Break| (found.id.clone(), found.kind.clone(), found.amount);
        let (one, many): (Vec<_>, Vec<_>) = (
            once.breaks
                .iter()
                .filter(|found| !found.lasting)
                .map(say)
                .collect(),
            last.breaks
                .iter()
                .filter(|found| !found.lasting)
                .map(say)
                .collect(),
        );
        assert_eq!(one, many);
        let lasting: BTreeSet<_> = once
            .breaks
            .iter()
            .filter(|found| found.lasting)
            .map(say)
            .collect();
        assert_eq!(lasting, kept.lasting.values().map(say).collect());
        assert_eq!((once.totals, once.cash), (last.totals, last.cash));
    }
}
