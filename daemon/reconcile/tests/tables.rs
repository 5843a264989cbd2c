//! Reconciliation as tables: items at the left and right, what is expected of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

use chrono::NaiveDate;
use ledger::{Currency, ItemRef, Movement, Origin, ReferenceKind};
use reconcile::{
    Coverage, Events, Findings, Input, Item, On, Pass, Plan, Source, Which, reconcile, reconcile_on,
};

fn day(text: &str) -> NaiveDate {
    format!("2026-{text}").parse().unwrap()
}

/// An item as a line of a table says it: `reference amount fee day`, then further columns by name
/// (`currency=USD charge=ch_1 group=po_1 customer=ACME original=100EUR used`), then free text.
#[derive(Clone, Debug)]
struct Line {
    words: Vec<String>,
    number: i64,
}

impl Line {
    fn push(&self, input: &mut Input, which: Which) {
        let origin = if which == Which::Left {
            Origin::Processor
        } else {
            Origin::Bank
        };
        let (mut references, mut text) = (Vec::new(), Vec::new());
        let currency = |code: &str| Currency::from_code(code).unwrap();
        let identity = format!("{which:?}-{}-{}", self.words[0], self.number);
        let mut item = Item {
            reference: self.words[0].trim_matches('-'),
            fee: self.words[2].parse().unwrap(),
            identity: &identity,
            account: "eu",
            ..Item::new(
                ItemRef::line(origin, self.number),
                day(&self.words[3]),
                self.words[1].parse().unwrap(),
                currency("EUR"),
            )
        };
        for word in &self.words[4..] {
            match word.split_once('=') {
                Some(("currency", code)) => item.currency = currency(code),
                Some(("group", name)) => item.group = name,
                Some(("customer", name)) => item.customer = name,
                Some(("invoice", name)) => item.invoice = name,
                Some(("movement", name)) => {
                    item.movement = Movement::ALL.into_iter().find(|one| one.name() == name);
                }
                Some(("original", money)) => {
                    let (amount, code) = money.split_at(money.len() - 3);
                    item.original = Some((amount.parse().unwrap(), currency(code)));
                }
                Some((kind, name)) if ReferenceKind::from_name(kind).is_some() => {
                    references.push((ReferenceKind::from_name(kind).unwrap(), name));
                }
                _ if word == "used" => item.consumed = true,
                _ => text.push(word.as_str()),
            }
        }
        let text = text.join(" ");
        item.references = &references;
        item.text = &text;
        input.push(which, &item).unwrap();
    }
}

fn lines(table: &str) -> Vec<Line> {
    let lines = table.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .zip(0..)
        .map(|(line, number)| Line {
            words: line.split_whitespace().map(str::to_owned).collect(),
            number,
        })
        .collect()
}

fn input(left: &[Line], right: &[Line]) -> Input {
    let mut input = Input::new();
    left.iter()
        .for_each(|line| line.push(&mut input, Which::Left));
    right
        .iter()
        .for_each(|line| line.push(&mut input, Which::Right));
    input.left_until = Coverage::through(Some(day("01-31")));
    input.right_until = Coverage::through(Some(day("01-31")));
    input
}

fn pass(name: &str, on: On, window_days: Option<i64>) -> Pass {
    Pass {
        window_days,
        ..Pass::new(name, on)
    }
}

fn plan(yaml: &str) -> Plan {
    let plan: Plan = serde_saphyr::from_str(yaml).unwrap();
    assert_eq!(plan.problems(), Vec::<String>::new());
    plan
}

/// A plan of payments with these passes, in YAML.
fn passes(passes: &str) -> Plan {
    plan(&format!(
        "{{ reconciliation: payments, left: {{ ledger: {{ account: clearing }} }}, \
         right: {{ settlement: {{ processor: psp }} }}, passes: [{passes}] }}"
    ))
}

fn payments() -> Plan {
    Plan {
        reconciliation: "payments".into(),
        left: Source::Ledger {
            account: "psp-clearing".into(),
            events: Events::default(),
            fees: None,
        },
        right: Source::Settlement {
            processor: "stripe".into(),
        },
        passes: vec![
            pass("reference", On::Reference, None),
            pass("net of fee", On::NetOfFee, None),
        ],
        overdue_after_days: 5,
        late_after_days: None,
        bank_fee: std::collections::BTreeMap::new(),
    }
}

fn payouts() -> Plan {
    Plan {
        reconciliation: "payouts".into(),
        left: Source::Payouts {
            processor: "stripe".into(),
        },
        right: Source::Bank {
            text: "stripe".into(),
        },
        passes: vec![
            pass("payout id", On::ReferenceInText, None),
            pass("amount", On::Amount, Some(5)),
            pass("split", On::ManyRight, Some(5)),
            pass("merged", On::ManyLeft, Some(5)),
        ],
        late_after_days: Some(5),
        ..payments()
    }
}

fn run(plan: &Plan, left: &str, right: &str) -> Findings {
    let (left, right) = (lines(left), lines(right));
    let first = input(&left, &right);
    let findings = reconcile(plan, &first);
    for totals in findings.totals.values() {
        assert_eq!(
            totals.left - totals.right,
            totals.left_pending - totals.right_pending + totals.breaks,
            "the totals do not tie: {totals:?}"
        );
    }
    let told = matched(plan, &first, &findings);
    for seed in 0..20 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (mut left, mut right) = (left.clone(), right.clone());
        rng.shuffle(&mut left);
        rng.shuffle(&mut right);
        let shuffled = input(&left, &right);
        let again = reconcile_on(plan, &shuffled, 1 + rng.usize(0..3));
        assert_eq!(
            matched(plan, &shuffled, &again),
            told,
            "the order of the input decided"
        );
        assert_eq!(
            again.breaks, findings.breaks,
            "the order of the input decided"
        );
        assert_eq!(
            (&again.totals, &again.cash, &again.pending),
            (&findings.totals, &findings.cash, &findings.pending)
        );
    }
    findings
}

/// Each match as `pass: left = right (why)`.
fn matched(plan: &Plan, input: &Input, findings: &Findings) -> Vec<String> {
    let side = |found: &reconcile::Match<'_>, which: Which| {
        let names = found.items(which).map(|item| item.identity.to_owned());
        names.collect::<Vec<_>>().join(" + ")
    };
    findings
        .matches
        .iter(plan, input)
        .map(|found| {
            format!(
                "{}: {} = {} ({})",
                found.pass(),
                side(&found, Which::Left),
                side(&found, Which::Right),
                found.explanation()
            )
        })
        .collect()
}

fn kinds(findings: &Findings) -> Vec<(&str, &str, i64)> {
    findings
        .breaks
        .iter()
        .map(|b| (b.kind.as_str(), b.reference.as_str(), b.amount))
        .collect()
}

#[test]
fn payments_against_settlement_lines() {
    let findings = run(
        &payments(),
        "ch_1   1000 0 01-05
         ch_2   2000 0 01-05
         ch_3   2910 0 01-06
         ch_4   4000 0 01-07
         ch_5   5000 0 01-08
         ch_new 6000 0 01-30
         dp_1  -1000 0 01-09
         dp_1   1000 0 01-20",
        "ch_1   1000 30 01-05
         ch_2   2000 60 01-05
         ch_2   2000 60 01-05
         ch_3   3000 90 01-06
         ch_5   5100 90 01-08
         ch_6   7000 90 01-09
         dp_1  -1000 1500 01-09
         dp_1   1000 0 01-20",
    );
    assert_eq!(
        kinds(&findings),
        [
            ("amount", "ch_5", -100),
            ("duplicate-in-settlement", "ch_2", -2000),
            ("fee", "ch_3", -90),
            ("missing-in-billing", "ch_6", -7000),
            ("missing-in-settlement", "ch_4", 4000),
        ]
    );
    assert_eq!(findings.matches.len(), 5);
    let totals = findings.totals.values().next().unwrap();
    assert_eq!(totals.left_pending, 6000);
}

#[test]
fn payouts_against_bank_lines() {
    let findings = run(
        &payouts(),
        "po_1 1000 0 01-05
         po_2 2000 0 01-06
         po_3 3000 0 01-07
         po_4 4000 0 01-12
         po_5 5000 0 01-12
         po_6 6000 0 01-13
         po_7 7000 0 01-14",
        "- 1000 0 01-06 STRIPE po_1
         - 2000 0 01-07 STRIPE
         - 3000 0 01-20 STRIPE po_3
         - 9000 0 01-13 STRIPE
         - 2500 0 01-14 STRIPE
         - 3500 0 01-15 STRIPE",
    );
    assert_eq!(
        kinds(&findings),
        [
            ("late", "po_3", 0),
            ("merged", "po_4", 0),
            ("missing-in-bank", "po_7", 7000),
            ("split", "po_6", 0),
        ]
    );
}

#[test]
fn two_answers_are_told_and_not_guessed() {
    let findings = run(
        &payouts(),
        "po_1 1000 0 01-05
         po_2 1000 0 01-06",
        "- 1000 0 01-07 STRIPE
         - 1000 0 01-07 STRIPE",
    );
    assert_eq!(kinds(&findings), [("ambiguous", "po_1", 0)]);
    assert!(findings.matches.is_empty());
    let split = run(
        &payouts(),
        "po_1 1000 0 01-05",
        "- 400 0 01-06 STRIPE
         - 600 0 01-06 STRIPE
         - 300 0 01-06 STRIPE
         - 700 0 01-06 STRIPE",
    );
    assert_eq!(kinds(&split), [("ambiguous", "po_1", -1000)]);
}

#[test]
fn a_break_keeps_its_name_and_consumed_items_stay_consumed() {
    let first = run(&payments(), "ch_1 1000 0 01-05", "ch_2 10 0 01-06");
    let again = run(&payments(), "ch_1 1000 0 01-05", "ch_2 10 0 01-06");
    assert_eq!(first.breaks, again.breaks);
    let findings = run(
        &payments(),
        "ch_1 1000 0 01-05 used",
        "ch_1 1000 0 01-05 used
         ch_1 1000 0 01-05",
    );
    assert!(findings.matches.is_empty());
    assert_eq!(
        kinds(&findings),
        [("duplicate-in-settlement", "ch_1", -1000)]
    );
}

/// Two references in one text, or one reference in two different texts, are no answer; a reference
/// within a longer word is none at all. Equals are interchangeable.
#[test]
fn a_reference_in_a_text_is_never_a_guess() {
    let mut plan = payouts();
    plan.passes.truncate(1);
    for (left, right, matches, expected) in [
        (
            "po_1 1000 0 01-05
             po_2 1000 0 01-05",
            "- 1000 0 01-06 STRIPE po_1 po_2",
            0,
            vec![("ambiguous", "po_1", 1000)],
        ),
        (
            "po_1 1000 0 01-05",
            "- 1000 0 01-06 STRIPE po_1
             - 1000 0 01-06 returned po_1",
            0,
            vec![("ambiguous", "po_1", -1000)],
        ),
        (
            "po_1 1000 0 01-05",
            "- 1000 0 01-06 STRIPE po_12
             - 1000 0 01-06 STRIPE xpo_1",
            0,
            vec![
                ("missing-in-bank", "po_1", 1000),
                ("missing-in-settlement", "", -1000),
                ("missing-in-settlement", "", -1000),
            ],
        ),
        (
            "po_1 1000 0 01-05
             po_1 1000 0 01-05",
            "- 1000 0 01-06 STRIPE po_1
             - 1000 0 01-06 STRIPE po_1",
            2,
            vec![],
        ),
    ] {
        let findings = run(&plan, left, right);
        assert_eq!(kinds(&findings), expected, "{left} | {right}");
        assert_eq!(findings.matches.len(), matches);
    }
}

/// Where nobody searched, nothing is called missing; where nothing can fit, it is.
#[test]
fn a_search_that_is_cut_off_says_so() {
    let mut plan = payouts();
    plan.passes = vec![pass("split", On::ManyRight, Some(5))];
    let many = |amount: i64| {
        let line = format!("- {amount} 0 01-06 STRIPE\n");
        line.repeat(13)
    };
    let cut = run(&plan, "po_1 1000 0 01-05", &many(100));
    let found = cut.breaks.iter().find(|found| found.reference == "po_1");
    let found = found.unwrap();
    assert_eq!(found.kind, "undecided");
    assert!(
        found.detail.contains("of 13 candidates"),
        "{}",
        found.detail
    );
    assert!(cut.matches.is_empty());
    for none in [many(10), many(900)] {
        let proven = run(&plan, "po_1 1000 0 01-05", &none);
        let found = proven.breaks.iter().find(|found| found.reference == "po_1");
        assert_eq!(found.unwrap().kind, "missing-in-bank");
    }
}
