//! Cash by movement, as tables: what is wrong in one makes up for nothing in another, and each is named.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

use chrono::NaiveDate;
use ledger::{Currency, ItemRef, Movement, Origin};
use reconcile::{
    Cash, CashTable, Coverage, Events, FeeKey, FeeSource, Findings, Input, Item, On, Pass, Plan,
    Source, Sums, Which, reconcile,
};
use std::collections::BTreeMap;

fn eur() -> Currency {
    Currency::from_code("EUR").unwrap()
}

fn day(number: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 1, number).unwrap()
}

/// `movement reference amount day`, one item per line; `dispute_reversal` for two words.
fn push(input: &mut Input, which: Which, table: &str) {
    each(which, table, |item| input.push(which, item).unwrap());
}

fn each(which: Which, table: &str, mut take: impl FnMut(&Item<'_>)) {
    let lines = table.lines().map(str::trim).filter(|line| !line.is_empty());
    for (line, number) in lines.zip(1..) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let name = words[0].replace('_', " ");
        let movement = Movement::ALL.into_iter().find(|one| one.name() == name);
        let item = if matches!(which, Which::Left | Which::LeftFees) {
            ItemRef::entry(number, 1)
        } else {
            ItemRef::line(Origin::Processor, number)
        };
        let item = Item {
            reference: words[1],
            identity: &format!("{which:?}-{}-{number}", words[1]),
            movement: Some(movement.unwrap()),
            account: "eu",
            ..Item::new(
                item,
                day(words[3].parse().unwrap()),
                words[2].parse().unwrap(),
                eur(),
            )
        };
        take(&item);
    }
}

fn plan(events: Events) -> Plan {
    Plan {
        reconciliation: "payments".into(),
        left: Source::Ledger {
            account: "psp-clearing".into(),
            events,
            fees: Some(FeeSource {
                account: "psp-fees".into(),
                events: Vec::new(),
                by: FeeKey::Payout,
            }),
        },
        right: Source::Settlement {
            processor: "psp".into(),
        },
        passes: vec![Pass::new("reference", On::Reference)],
        overdue_after_days: 5,
        late_after_days: None,
        bank_fee: BTreeMap::new(),
        resolve: Vec::new(),
    }
}

fn declared() -> Events {
    Events::Declared(BTreeMap::from([(
        "charge".to_owned(),
        vec!["paid".to_owned()],
    )]))
}

const LEFT: &str = "charge ch_1 1000 5
    charge ch_2 2000 5
    refund re_1 -500 6
    dispute dp_1 -2000 7
    dispute_reversal dp_1 2000 9";
const FEES: &str = "fee po_1 -194 8
    fee po_2 -50 9";

fn input(left: [&str; 2], right: [&str; 2]) -> Input {
    let mut input = Input::new();
    push(&mut input, Which::Left, left[0]);
    push(&mut input, Which::LeftFees, left[1]);
    push(&mut input, Which::Right, right[0]);
    push(&mut input, Which::RightFees, right[1]);
    input.left_until = Coverage::through(Some(day(31)));
    input.right_until = Coverage::through(Some(day(31)));
    input
}

/// What both sides sum up to, item by item.
fn sums(plan: &Plan, sides: [[&str; 2]; 2]) -> CashTable {
    let mut sums = Sums::new(plan);
    for (places, texts) in [
        ([Which::Left, Which::LeftFees], sides[0]),
        ([Which::Right, Which::RightFees], sides[1]),
    ] {
        for (which, text) in places.into_iter().zip(texts) {
            each(which, text, |item| {
                sums.add(which, item.currency, item.movement, item.amount)
                    .unwrap();
            });
        }
    }
    sums.table().unwrap()
}

fn run(plan: &Plan, left: [&str; 2], right: [&str; 2]) -> Findings {
    let input = input(left, right);
    let findings = reconcile(plan, &input);
    let sums = sums(plan, [left, right]);
    assert_eq!(sums.len(), findings.cash.len());
    for (key, cash) in &findings.cash {
        let open = cash.left_open - cash.right_open;
        assert_eq!(
            cash.left - cash.right,
            open + cash.breaks,
            "{key:?}: {cash:?}"
        );
        assert_eq!(
            (sums[key].left, sums[key].right),
            (cash.left, cash.right),
            "{key:?}"
        );
    }
    findings
}

/// Kind, reference and amount of each break; breaks of each movement that has some.
fn told(findings: &Findings) -> (Vec<(&str, &str, i64)>, Vec<(&'static str, i64)>) {
    let breaks = findings.breaks.iter();
    let breaks = breaks.map(|found| (found.kind.as_str(), found.reference.as_str(), found.amount));
    let cash = findings.cash.iter().filter(|(_, cash)| cash.breaks != 0);
    let cash = cash.map(|((_, movement), cash)| (movement.map_or("", Movement::name), cash.breaks));
    (breaks.collect(), cash.collect())
}

#[test]
fn what_agrees_leaves_nothing() {
    let findings = run(&plan(declared()), [LEFT, FEES], [LEFT, FEES]);
    assert_eq!(told(&findings), (vec![], vec![]));
    assert_eq!(findings.cash.len(), 5, "a row for each movement");
}

#[test]
fn each_movement_is_compared_on_its_own() {
    let table = [
        (
            "a wrong fee",
            LEFT.to_owned(),
            FEES.replace("-194", "-294"),
            vec![("fees", "po_1", 100)],
            vec![("fee", 100)],
        ),
        (
            "a fee that only the processor has",
            LEFT.to_owned(),
            format!("{FEES}\n fee po_3 -10 9"),
            vec![("fees", "po_3", 10)],
            vec![("fee", 10)],
        ),
        (
            "a fee that only billing has",
            LEFT.to_owned(),
            "fee po_1 -194 8".to_owned(),
            vec![("fees", "po_2", -50)],
            vec![("fee", -50)],
        ),
        (
            "a charge that the processor calls something else",
            LEFT.replace("charge ch_1 1000", "dispute_reversal ch_1 1000"),
            FEES.to_owned(),
            vec![("movement", "ch_1", 0)],
            vec![("charge", 1000), ("dispute reversal", -1000)],
        ),
        (
            "a refund that was booked as a dispute",
            LEFT.replace("refund re_1", "dispute re_1"),
            FEES.to_owned(),
            vec![("movement", "re_1", 0)],
            vec![("refund", -500), ("dispute", 500)],
        ),
        (
            "a dispute that billing does not know",
            format!("{LEFT}\n dispute dp_9 -700 7"),
            FEES.to_owned(),
            vec![("missing-in-billing", "dp_9", 700)],
            vec![("dispute", 700)],
        ),
        (
            "a dispute that the processor does not know",
            LEFT.replace("dispute dp_1 -2000 7", ""),
            FEES.to_owned(),
            vec![("missing-in-settlement", "dp_1", -2000)],
            vec![("dispute", -2000)],
        ),
    ];
    for (what, right, fees, breaks, cash) in table {
        let findings = run(&plan(declared()), [LEFT, FEES], [&right, &fees]);
        assert_eq!(told(&findings), (breaks, cash), "{what}");
    }
}

#[test]
fn a_plain_list_of_events_compares_all_as_one() {
    let mixed = LEFT.replace("charge ch_1", "refund ch_1");
    let findings = run(&plan(Events::default()), [LEFT, ""], [&mixed, ""]);
    assert_eq!(told(&findings), (vec![], vec![]));
    let all: Vec<&Cash> = findings.cash.values().collect();
    assert_eq!((all.len(), all[0].left), (1, 2500));
}

#[test]
fn a_fee_that_may_still_come_is_open() {
    let input = input(["", "fee po_1 -194 30"], ["", ""]);
    let findings = reconcile(&plan(declared()), &input);
    assert_eq!(findings.breaks, []);
    let cash = findings.cash[&(eur(), Some(Movement::Fee))];
    assert_eq!((cash.left_open, cash.breaks), (-194, 0));
}

#[test]
fn what_cannot_be_meant_is_said() {
    let paid = || vec!["paid".to_owned()];
    let events = Events::Declared(BTreeMap::from([
        ("refnd".to_owned(), paid()),
        ("charge".to_owned(), paid()),
    ]));
    let problems = events.problems();
    assert!(
        problems
            .iter()
            .any(|one| one.contains("no movement `refnd`")),
        "{problems:?}"
    );
    assert!(
        problems
            .iter()
            .any(|one| one.contains("`paid` stands under two")),
        "{problems:?}"
    );
    assert_eq!(declared().find("paid"), Some(Some(Movement::Charge)));
    assert_eq!(declared().find("unpaid"), None);
    assert_eq!(Events::default().find("paid"), Some(None));
}
