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
        resolve: Vec::new(),
    }
}

fn payouts() -> Plan {
    Plan {
        reconciliation: "payouts".into(),
        left: Source::Payouts {
            processor: "stripe".into(),
        },
        right: Source::Bank {
            accounts: Vec::new(),
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
    let mut all: Vec<String> = findings
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
        .collect();
    all.sort();
    all
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

/// Passes in YAML, both sides, breaks as `kind reference amount`, and how many matches.
type Case<'c> = (&'c str, &'c str, &'c str, &'c str, &'c [&'c str], usize);

fn check(cases: &[Case<'_>]) {
    for (what, yaml, left, right, expected, matches) in cases {
        let findings = run(&passes(yaml), left, right);
        let told: Vec<String> = kinds(&findings)
            .into_iter()
            .map(|(kind, reference, amount)| format!("{kind} {reference} {amount}"))
            .collect();
        assert_eq!(told, *expected, "{what}");
        assert_eq!(findings.matches.len(), *matches, "{what}");
    }
}

#[test]
fn each_side_may_know_an_item_by_other_names() {
    let names = "{ pass: names, on: { left: [reference], right: [charge, payment, merchant] } }";
    check(&[
        (
            "a payment intent, an order, a charge",
            names,
            "pi_1 1000 0 01-05
             pi_1 -300 0 01-07
             o-7   500 0 01-05
             ch_3  600 0 01-05",
            "t1 1000 0 01-05 charge=ch_1 payment=pi_1
             t2 -300 0 01-07 charge=ch_1 payment=pi_1
             t3  500 0 01-06 charge=ch_2 payment=pi_2 merchant=o-7
             t4  600 0 01-06 charge=ch_3",
            &[],
            4,
        ),
        (
            "two that know one by different names are no answer",
            names,
            "pi_1 1000 0 01-05
             o-1  1000 0 01-05",
            "t1 1000 0 01-05 payment=pi_1 merchant=o-1",
            &["ambiguous o-1 1000"],
            0,
        ),
        (
            "one that shares no name is not held against them",
            names,
            "pi_1 1000 0 01-05
             o-2  1000 0 01-05",
            "t1 1000 0 01-05 payment=pi_1 charge=ch_1
             t2 2000 0 01-05 charge=ch_1 merchant=o-2",
            &["amount o-2 -1000"],
            1,
        ),
        (
            "a customer's name is no payment's: two invoices of one amount are two things",
            "{ pass: customer, on: { left: [customer], right: [customer] } }",
            "i1 1000 0 01-05 customer=ACME
             i2 1000 0 01-06 customer=ACME
             i3  700 0 01-06 customer=ACME",
            "t1 1000 0 01-08 customer=ACME
             t2  700 0 01-08 customer=ACME",
            &["ambiguous i1 1000"],
            1,
        ),
    ]);
}

#[test]
fn lines_of_one_name_are_added_up() {
    let sums = "{ pass: captures, on: reference, sums: true, window: { from: 0, to: 7 } }";
    check(&[
        (
            "partial captures and a refund in two parts",
            sums,
            "ch_1 1000 0 01-05
             ch_2 -500 0 01-06",
            "ch_1 400 0 01-05
             ch_1 600 0 01-09
             ch_2 -200 0 01-06
             ch_2 -300 0 01-07",
            &[],
            2,
        ),
        (
            "a part that came too late does not count",
            sums,
            "ch_1 1000 0 01-05",
            "ch_1 400 0 01-05
             ch_1 600 0 01-19",
            &["regrouped ch_1 0"],
            0,
        ),
        (
            "a part that is missing is a difference, a part that may still come is none",
            sums,
            "ch_1 1000 0 01-05
             ch_2 1000 0 01-29",
            "ch_1 400 0 01-05
             ch_2 400 0 01-30",
            &["amount ch_1 600"],
            0,
        ),
        (
            "the lines of a payout",
            "{ pass: lines, on: { left: [reference], right: [group] }, sums: true }",
            "po_1 970 0 01-05",
            "t1 500 0 01-03 group=po_1
             t2 480 0 01-04 group=po_1
             t3 -10 0 01-04 group=po_1",
            &[],
            1,
        ),
    ]);
}

#[test]
fn amounts_agree_within_what_the_plan_names() {
    check(&[
        (
            "cents",
            "{ pass: rounding, on: reference, tolerance: { amounts: { EUR: 0.02 } }, difference: rounding }",
            "ch_1 1000 0 01-05
             ch_2 1000 0 01-05",
            "ch_1 1001 0 01-05
             ch_2 1003 0 01-05",
            &["amount ch_2 -3", "rounding ch_1 -1"],
            1,
        ),
        (
            "percent of the left amount; two that are near enough are ambiguous",
            "{ pass: about, on: reference, tolerance: { percent: 1.5 } }",
            "ch_1 10000 0 01-05
             ch_2 10000 0 01-05",
            "ch_1 9850 0 01-05
             ch_2 10010 0 01-05
             ch_2 9990 0 01-05",
            &["ambiguous ch_2 -10000", "amount ch_1 150"],
            1,
        ),
        (
            "a fee schedule, net at the left or at the right",
            "{ pass: net left, on: reference, fee: { percent: 2.9, plus: { EUR: 0.30 }, net: left } },
             { pass: net right, on: reference, fee: { percent: 1, net: right } }",
            "ch_1 9680 0 01-05
             ch_2 10000 0 01-05",
            "ch_1 10000 0 01-05
             ch_2 9900 0 01-05",
            &["fee ch_1 -320", "fee ch_2 100"],
            2,
        ),
        (
            "what the customer saw, and a rate with a tolerance",
            "{ pass: saw, on: reference, amount: customer-facing },
             { pass: rate, on: reference, tolerance: { percent: 0.5 },
               rates: [{ from: EUR, to: JPY, rate: 160 }, { from: EUR, to: JPY, rate: 170, since: 2026-01-10 }] }",
            "ch_1 10000 0 01-05
             ch_2 10000 0 01-05
             ch_3 10000 0 01-12
             ch_4 10000 0 01-12",
            "ch_1 10853 0 01-06 currency=USD original=10000EUR
             ch_2 16020 0 01-06 currency=JPY
             ch_3 17000 0 01-12 currency=JPY
             ch_4 16000 0 01-12 currency=JPY",
            &["currency ch_4 10000", "fx ch_1 10000", "fx ch_2 10000", "fx ch_3 10000"],
            3,
        ),
    ]);
}

#[test]
fn days_have_a_direction() {
    check(&[
        (
            "money comes after the booking, and not before it",
            "{ pass: lag, on: amount, window: { from: 0, to: 3 } }",
            "ch_1 1000 0 01-05
             ch_2 2000 0 01-05",
            "- 1000 0 01-08
             - 2000 0 01-04",
            &[
                "missing-in-billing  -2000",
                "missing-in-settlement ch_2 2000",
            ],
            1,
        ),
        (
            "a reference is not enough where the days are far apart",
            "{ pass: reference, on: reference, window_days: 9 }",
            "rent 1000 0 01-01
             rent 1000 0 01-15
             late 500 0 01-02",
            "rent 1000 0 01-03
             rent 1000 0 01-16
             late 500 0 01-25",
            &["timing late 0"],
            2,
        ),
        (
            "being the only one counts when nothing else can come any more",
            "{ pass: amount, on: amount, window_days: 4 }",
            "ch_1 1000 0 01-05
             ch_2 3000 0 01-29",
            "- 1000 0 01-06
             - 3000 0 01-29",
            &[],
            1,
        ),
    ]);
}

#[test]
fn texts_are_read_in_any_spelling() {
    check(&[
        (
            "an invoice's number, however it is written",
            "{ pass: text, on: { left: [invoice], right: [text] } }",
            "a 1000 0 01-05 invoice=INV-0012
             b 2000 0 01-05 invoice=INV-0013
             c 3000 0 01-05 invoice=INV-0014",
            "- 1000 0 01-06 pays inv0012, thanks
             - 2000 0 01-06 Rg. INV 0013
             - 3000 0 01-06 INV-00145",
            &["missing-in-billing  -3000", "missing-in-settlement c 3000"],
            2,
        ),
        (
            "the payer's name",
            "{ pass: payer, on: { left: [customer], right: [text] } }",
            "a 1000 0 01-05 customer=Sköld&Söner
             b 1000 0 01-05 customer=Other",
            "- 1000 0 01-06 SKÖLD SÖNER AB",
            &["missing-in-settlement b 1000"],
            1,
        ),
        (
            "where a pattern says",
            "{ pass: pattern, on: reference-in-text, pattern: 'ref:(\\w+)' }",
            "po_1 1000 0 01-05
             po_2 2000 0 01-05",
            "- 1000 0 01-06 ref:po_1 po_9
             - 2000 0 01-06 po_2",
            &[
                "missing-in-billing  -2000",
                "missing-in-settlement po_2 2000",
            ],
            1,
        ),
        (
            "one deposit that names two payouts",
            "{ pass: together, on: reference-in-text, sums: true, window_days: 5 }",
            "po_1 1000 0 01-05
             po_2 2000 0 01-05",
            "- 3000 0 01-06 PSP po_1 po_2",
            &[],
            1,
        ),
        (
            "a name of the right in a text of the left",
            "{ pass: end to end, on: { left: [text], right: [end-to-end] } }",
            "a 1000 0 01-05 sent as E2E-77-A",
            "t 1000 0 01-06 end-to-end=E2E77A",
            &[],
            1,
        ),
    ]);
}

#[test]
fn searches_prove_what_they_take() {
    let customer =
        "{ pass: customer, on: many-to-many, within: { left: [customer], right: [customer] } }";
    check(&[
        (
            "two invoices paid in two other parts, and one alone",
            customer,
            "a 700 0 01-05 customer=X
             b 500 0 01-05 customer=X
             c 130 0 01-05 customer=X",
            "s 900 0 01-08 customer=X
             t 300 0 01-08 customer=X
             u 130 0 01-08 customer=X",
            &["regrouped b 0"],
            2,
        ),
        (
            "a smaller answer within takes the larger one's place, and two that overlap are none",
            customer,
            "a 700 0 01-05 customer=X
             b 300 0 01-05 customer=X
             c 400 0 01-05 customer=X",
            "s 700 0 01-08 customer=X",
            &["ambiguous b 700"],
            0,
        ),
        (
            "payouts and a negative one in one deposit",
            "{ pass: merged, on: many-left, mixed_signs: true, window_days: 5 }",
            "po_1 1000 0 01-05
             po_2 -300 0 01-06",
            "- 700 0 01-07",
            &["merged po_1 0"],
            1,
        ),
        (
            "a payout that came back",
            "{ pass: reversed, on: reversed-left }",
            "po_1 1000 0 01-05
             po_1 -1000 0 01-07
             po_2 400 0 01-05",
            "",
            &["missing-in-settlement po_2 400", "reversed po_1 0"],
            1,
        ),
        (
            "what an unfinished search might want is not taken by another",
            "{ pass: split, on: many-right, window_days: 5, up_to: 3 }",
            "po_1 10000 0 01-05
             po_2 500 0 01-05",
            "a 200 0 01-06
             b 300 0 01-06
             c 4000 0 01-06
             d 5800 0 01-06",
            &[
                "missing-in-billing a -200",
                "missing-in-billing b -300",
                "missing-in-billing c -4000",
                "missing-in-billing d -5800",
                "undecided po_1 10000",
                "undecided po_2 500",
            ],
            0,
        ),
    ]);
}

#[test]
fn a_difference_has_a_cause() {
    let mut plan = payouts();
    plan.bank_fee = serde_saphyr::from_str("{ EUR: 20 }").unwrap();
    let findings = run(
        &plan,
        "po_1 10000 0 01-05
         po_2 10000 0 01-06
         po_3 10000 0 01-07",
        "- 8500 0 01-06 STRIPE po_1
         - 7000 0 01-07 STRIPE po_2
         - 9900 0 01-08 currency=USD STRIPE po_3",
    );
    assert_eq!(
        kinds(&findings),
        [
            ("amount", "po_2", 3000),
            ("currency", "po_3", 10000),
            ("short", "po_1", 1500)
        ]
    );
    let details: Vec<&str> = findings
        .breaks
        .iter()
        .map(|found| found.detail.as_str())
        .collect();
    assert!(
        details[2].contains("a bank on the way most likely kept the difference"),
        "{details:?}"
    );
    let other = findings.breaks[1].other.unwrap().to_string();
    assert_eq!(other, "99.00 USD");
}

/// Who has the money, the likely cause and the next step; entity, customer and invoice; days as the age counts them.
#[test]
fn a_sentence_says_what_to_do() {
    let findings = run(
        &payments(),
        "ch_1 4000 0 01-07 customer=C-1 invoice=INV-9",
        "",
    );
    let found = &findings.breaks[0];
    assert_eq!(
        found.detail,
        "billing has `ch_1` of 40.00 EUR on 2026-01-07 (eu, customer C-1, invoice INV-9); settlement has nothing \
         24 days later; the customer or the processor has the money: most likely the payment failed or a report is \
         missing; ask the processor for it, and reverse the booking if it never was"
    );
    assert_eq!((found.age_days, found.expected_by), (24, day("01-12")));
}

/// A match says by which names, what differs, and what stood beside it.
#[test]
fn a_match_says_why() {
    let plan = passes(
        "{ pass: names, on: { left: [reference], right: [charge] } },
         { pass: about, on: reference, tolerance: { amount: 0.05 } }",
    );
    let (left, right) = (
        lines("ch_1 1000 0 01-05\n ch_2 2000 0 01-05"),
        lines("t1 1000 0 01-05 charge=ch_1\n t2 1000 0 01-06 charge=ch_1\n ch_2 2003 0 01-05"),
    );
    let input = input(&left, &right);
    let findings = reconcile(&plan, &input);
    assert_eq!(
        matched(&plan, &input, &findings),
        [
            "about: Left-ch_2-1 = Right-ch_2-2 (reference `ch_2`: billing has 20.00 EUR, settlement has 20.03 EUR; \
             -0.03 EUR between them is within the tolerance)",
            "names: Left-ch_1-0 = Right-t1-0 (reference `ch_1` is the charge and amount agree; \
             beside it stood `Right-t2-1` of 2026-01-06)",
        ]
    );
}

/// Europe's report reaches further than that of the US: a payment in dollars waits for its own.
#[test]
fn a_currency_waits_for_its_own_data() {
    let (left, right) = (
        lines("ch_1 1000 0 01-14 currency=USD\n ch_2 1000 0 01-14"),
        lines(""),
    );
    let mut input = input(&left, &right);
    let usd = Currency::from_code("USD").unwrap();
    input.right_until.by_currency.insert(usd, day("01-10"));
    let findings = reconcile(&payments(), &input);
    assert_eq!(kinds(&findings), [("missing-in-settlement", "ch_2", 1000)]);
    assert_eq!(findings.pending.len(), 1);
    assert_eq!(findings.pending[0].expected_by, day("01-19"));
}

/// Ten thousand of one amount, of one name, of one day: each pass ends, and nothing is guessed.
#[test]
fn what_all_looks_the_same_ends() {
    let all = "{ pass: about, on: reference, tolerance: { amount: 1 } },
         { pass: amount, on: amount, window_days: 5 },
         { pass: split, on: many-right, window_days: 5 },
         { pass: merged, on: many-left, window_days: 5 },
         { pass: customer, on: many-to-many, within: { left: [account], right: [account] } }";
    let plan = passes(all);
    let (mut left, mut right) = (String::new(), String::new());
    for number in 0..10_000 {
        left.push_str(&format!("a{number} 1000 0 01-05\n"));
        right.push_str(&format!(
            "b{number} {} 0 01-05\n",
            if number % 2 == 0 { 1000 } else { 250 }
        ));
    }
    let findings = reconcile(&plan, &input(&lines(&left), &lines(&right)));
    assert!(findings.matches.is_empty());
    assert_eq!(findings.breaks[0].kind, "ambiguous");
    assert_eq!(findings.breaks[0].items.len(), 15_000);
    assert!(
        findings.breaks[1..]
            .iter()
            .all(|found| found.kind == "undecided" || found.kind == "missing-in-billing")
    );
    let mut named = String::new();
    for number in 0..10_000 {
        named.push_str(&format!("x {} 0 01-05\n", 1000 + 7 * number));
    }
    let findings = reconcile(&plan, &input(&lines(&named), &lines(&named)));
    assert_eq!(findings.matches.len(), 10_000, "no two of them are equal");
}

#[test]
fn a_plan_that_cannot_be_meant_is_told() {
    let said = |pass: &str| {
        let yaml = format!(
            "{{ reconciliation: x, left: {{ payouts: {{ processor: p }} }}, right: {{ bank: {{ text: p }} }}, passes: [{pass}] }}"
        );
        match serde_saphyr::from_str::<Plan>(&yaml) {
            Ok(plan) => plan.problems().join("; "),
            Err(error) => error.to_string(),
        }
    };
    for (pass, expected) in [
        (
            "{ pass: a, on: refrence }",
            "`refrence` is none of reference",
        ),
        ("{ pass: a, on: reference, widow_days: 3 }", "widow_days"),
        (
            "{ pass: a, on: amount, tolerance: { percent: 1 } }",
            "need a name that both sides know",
        ),
        (
            "{ pass: a, on: reference, tolerance: { percent: 1e3 } }",
            "`1e3` is not a decimal",
        ),
        ("{ pass: a, on: many-to-many }", "needs `within`"),
        (
            "{ pass: a, on: reference, tolerance: { amounts: { EURO: 1 } } }",
            "`EURO` is not an ISO 4217 currency",
        ),
        (
            "{ pass: a, on: { left: [text], right: [text] } }",
            "a text is searched for names",
        ),
        (
            "{ pass: a, on: { left: [reference], right: [] } }",
            "a side has no name",
        ),
        (
            "{ pass: a, on: reference-in-text, pattern: '(' }",
            "pattern:",
        ),
        (
            "{ pass: a, on: reference, window_days: 2, window: { from: 0, to: 1 } }",
            "one of them",
        ),
        (
            "{ pass: a, on: net-of-fee, amount: customer-facing }",
            "only one says how",
        ),
    ] {
        assert!(said(pass).contains(expected), "{pass}: {}", said(pass));
    }
}
