//! Runs over what was known by and by find what one run over all of it finds: small worlds, dense with equal
//! amounts, references told twice, and sums that fit in more than one way.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

use chrono::{Duration, NaiveDate};
use ledger::{Currency, ItemRef};
use reconcile::{Coverage, Findings, Input, Item, Plan, Which, reconcile};
use std::collections::BTreeSet;

#[derive(Clone, Debug)]
struct Row {
    which: Which,
    identity: String,
    reference: String,
    day: i64,
    amount: i64,
    text: String,
}

const DAYS: i64 = 16;

fn world(rng: &mut fastrand::Rng) -> Vec<Row> {
    let amounts: &[i64] = if rng.bool() {
        &[100, 200, 300]
    } else {
        &[100, 170, 270, 441, 541, 1_000, 1_270]
    };
    let count = rng.usize(4..26);
    (0..count)
        .map(|number| {
            let name = rng.u32(0..9);
            let reference = if name < 5 {
                format!("ref{name}")
            } else {
                String::new()
            };
            let word = rng.u32(0..9);
            Row {
                which: Which::SIDES[rng.usize(0..2)],
                identity: format!("id-{number}"),
                reference,
                day: rng.i64(0..DAYS),
                amount: amounts[rng.usize(0..amounts.len())],
                text: if word < 4 {
                    format!("about ref{word}")
                } else {
                    String::new()
                },
            }
        })
        .collect()
}

fn day(number: i64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 1, 1).unwrap() + Duration::days(number)
}

fn run(plan: &Plan, rows: &[Row], used: &BTreeSet<String>, until: [i64; 2]) -> (Input, Findings) {
    let mut input = Input::new();
    for (row, number) in rows.iter().zip(0..) {
        if row.day > until[usize::from(row.which != Which::Left)] {
            continue;
        }
        let item = Item {
            reference: &row.reference,
            identity: &row.identity,
            text: &row.text,
            consumed: used.contains(&row.identity),
            ..Item::new(
                ItemRef::payout(number),
                day(row.day),
                row.amount,
                Currency::from_code("EUR").unwrap(),
            )
        };
        input.push(row.which, &item).unwrap();
    }
    input.left_until = Coverage::through(Some(day(until[0])));
    input.right_until = Coverage::through(Some(day(until[1])));
    let findings = reconcile(plan, &input);
    (input, findings)
}

fn words(plan: &Plan, input: &Input, findings: &Findings) -> (BTreeSet<String>, Vec<String>) {
    let mut identities = Vec::new();
    let mut all = BTreeSet::new();
    for found in findings.matches.iter(plan, input) {
        let side = |which| {
            found
                .items(which)
                .map(|item| item.identity)
                .collect::<Vec<_>>()
        };
        let (left, right) = (side(Which::Left), side(Which::Right));
        identities.extend(left.iter().chain(&right).map(|one| (*one).to_owned()));
        all.insert(format!(
            "{}: {} = {}",
            found.pass(),
            left.join("+"),
            right.join("+")
        ));
    }
    (all, identities)
}

fn holds(passes: &str, seeds: std::ops::Range<u64>) {
    let plan: Plan = serde_saphyr::from_str(&format!(
        "{{ reconciliation: x, left: {{ payouts: {{ processor: p }} }}, right: {{ bank: {{ text: p }} }}, \
         overdue_after_days: 60, passes: [{passes}] }}"
    ))
    .unwrap();
    assert!(plan.problems().is_empty(), "{:?}", plan.problems());
    let mut matched = 0;
    for seed in seeds {
        let mut rng = fastrand::Rng::with_seed(seed);
        let rows = world(&mut rng);
        let end = 45;
        let (input, once) = run(&plan, &rows, &BTreeSet::new(), [end; 2]);
        let (expected, _) = words(&plan, &input, &once);
        let (mut used, mut found) = (BTreeSet::new(), BTreeSet::new());
        let mut until = [-1, -1];
        let mut last = once.clone();
        while until != [end; 2] {
            // One side may be ahead of the other, and some days nobody looks.
            for side in &mut until {
                *side = (*side + rng.i64(0..4)).min(end);
            }
            let (input, findings) = run(&plan, &rows, &used, until);
            let (new, identities) = words(&plan, &input, &findings);
            used.extend(identities);
            found.extend(new);
            last = findings;
        }
        let only: Vec<&String> = found.symmetric_difference(&expected).collect();
        assert!(only.is_empty(), "seed {seed}: {only:#?} of {expected:#?}");
        let open = |findings: &Findings| -> Vec<(String, String, i64)> {
            let breaks = findings.breaks.iter().filter(|found| !found.lasting);
            breaks
                .map(|found| (found.id.clone(), found.kind.clone(), found.amount))
                .collect()
        };
        assert_eq!(open(&last), open(&once), "seed {seed}");
        assert_eq!(last.totals, once.totals, "seed {seed}");
        matched += expected.len();
    }
    assert!(matched > 50, "only {matched} matches");
}

#[test]
fn references_and_amounts() {
    holds(
        "{ pass: reference, on: reference, window_days: 2 },
         { pass: amount, on: amount, window_days: 2 }",
        0..300,
    );
    holds(
        "{ pass: reference, on: reference, window_days: 1 },
         { pass: late, on: amount, window: { from: 0, to: 4 } }",
        0..300,
    );
}

#[test]
fn references_and_tolerances() {
    holds(
        "{ pass: reference, on: reference, window_days: 2 },
         { pass: about, on: reference, tolerance: { percent: 60 }, window_days: 2 }",
        0..300,
    );
}

#[test]
fn references_and_texts() {
    holds(
        "{ pass: reference, on: reference, window_days: 1 },
         { pass: text, on: reference-in-text, window_days: 3 }",
        0..300,
    );
}

#[test]
fn references_and_searches() {
    holds(
        "{ pass: reference, on: reference, window_days: 1 },
         { pass: split, on: many-right, window_days: 2 }",
        0..300,
    );
}
