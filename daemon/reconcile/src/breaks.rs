//! What the matches themselves say, what can be paired in more than one way, and what is left after the passes.
//!
//! Every open item ends as a break or as pending, so that totals tie by construction:
//! `left - right = left_pending - right_pending + breaks`.

pub(crate) mod cash;
mod leftovers;
mod sentence;

use crate::Findings;
use crate::board::rule::{Compare, Rule};
use crate::board::{Board, Group, Pair, RIVALS};
use crate::finding::{self, Break, BreakStatus, Matches, Pending};
use crate::index::{Bits, Unions, number};
use crate::plan::{Cause, Name, On, Plan};
use crate::side::{Input, currency, date};
use crate::texts;
use crate::which::Which;
use chrono::{Duration, NaiveDate};
use ledger::encode::Encoder;
use ledger::{Money, Movement};
use std::collections::{BTreeMap, BTreeSet};

/// Sums of one currency, in minor units. `left - right = left_pending - right_pending + breaks`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// All items at the left.
    pub left: i64,
    /// All items at the right.
    pub right: i64,
    /// Matched at the left, in this run and before.
    pub left_matched: i64,
    /// Matched at the right.
    pub right_matched: i64,
    /// Not due yet at the left.
    pub left_pending: i64,
    /// Not due yet at the right.
    pub right_pending: i64,
    /// Sum of all breaks, those within matches included.
    pub breaks: i64,
}

/// The name of a break: of what it says and of which items, whenever it is found.
pub(crate) fn break_id<'i>(
    plan: &str,
    kind: &str,
    identities: impl Iterator<Item = &'i str>,
) -> String {
    let mut encoder = Encoder::new("tieout.break.v1");
    encoder.text(plan);
    encoder.text(kind);
    identities.for_each(|identity| encoder.text(identity));
    let id: String = encoder.finish().short().chars().take(10).collect();
    format!("BRK-{id}")
}

pub(crate) fn conclude<'p>(
    plan: &'p Plan,
    rules: &'p [Rule<'p>],
    mut board: Board<'_>,
) -> Findings {
    let input = board.input;
    let found = std::mem::take(&mut board.found);
    let open = Which::SIDES.map(|which| board.open(which).clone());
    let mut court = Court {
        plan,
        rules,
        input,
        board,
        as_of: input.as_of(),
        breaks: Vec::new(),
        waiting: [Bits::default(), Bits::default()],
        open,
    };
    let matches = court.matches(found.pairs, found.groups, found.rivals);
    court.judge(&matches);
    court.ambiguities(found.ambiguous);
    let unfinished = found.unfinished.into_iter();
    let unfinished = unfinished
        .map(|one| ((one.which, one.row), one.candidates))
        .collect();
    leftovers::tell(&mut court, &unfinished);
    let mut breaks = std::mem::take(&mut court.breaks);
    let (open, waiting) = (&court.open, [&court.waiting[0], &court.waiting[1]]);
    let mut added = cash::add_up(plan, input, [&open[0], &open[1]], waiting);
    let (fees, tied_fees) = cash::fees(plan, input, &mut added.cash);
    breaks.extend(fees);
    in_order(&mut breaks);
    let pending = Which::SIDES.iter().flat_map(|which| {
        let mut rows: Vec<u32> = waiting[which.place()].iter().collect();
        rows.sort_unstable_by(|one, other| input.compare(*which, *one, *other));
        rows.into_iter().map(|row| Pending {
            which: *which,
            item: input.side(*which).item(row),
            expected_by: expected_by(plan, input, *which, row),
        })
    });
    let pending = pending.collect();
    Findings {
        pending,
        matches,
        breaks,
        totals: added.totals,
        cash: added.cash,
        as_of: input.as_of(),
        tied_fees,
        open: court.open,
    }
}

/// Orders breaks for people and gives each a name of its own: items that nothing tells apart are numbered.
fn in_order(breaks: &mut [Break]) {
    breaks.sort_by(|a, b| {
        let key = |one: &Break| (one.since, one.currency);
        a.kind
            .cmp(&b.kind)
            .then_with(|| key(a).cmp(&key(b)))
            .then_with(|| (&a.reference, a.amount, &a.id).cmp(&(&b.reference, b.amount, &b.id)))
            .then_with(|| a.items.cmp(&b.items))
    });
    let mut seen = BTreeMap::<String, u32>::new();
    for found in breaks {
        let count = seen.entry(found.id.clone()).or_default();
        *count += 1;
        if *count > 1 {
            found.id = format!("{}-{count}", found.id);
        }
    }
}

pub(crate) fn expected_by(plan: &Plan, input: &Input, which: Which, row: u32) -> NaiveDate {
    let side = input.side(which);
    side.due(row)
        .unwrap_or_else(|| side.on(row) + Duration::days(plan.overdue_after_days))
}

/// Who judges what was found.
pub(crate) struct Court<'c> {
    pub(crate) plan: &'c Plan,
    pub(crate) rules: &'c [Rule<'c>],
    pub(crate) input: &'c Input,
    pub(crate) board: Board<'c>,
    as_of: Option<NaiveDate>,
    breaks: Vec<Break>,
    /// Rows that are not due yet.
    waiting: [Bits; 2],
    /// Rows that no pass and no earlier run took.
    open: [Bits; 2],
}

/// What a break says of which rows.
pub(crate) struct Told<'t> {
    pub(crate) kind: &'t str,
    pub(crate) status: BreakStatus,
    pub(crate) left: &'t [u32],
    pub(crate) right: &'t [u32],
    pub(crate) detail: String,
    pub(crate) lasting: bool,
}

impl Court<'_> {
    /// Pairs in the order of the left side, so that who writes them goes through both sides as they were pushed;
    /// groups, which are few, in an order of their content.
    fn matches(
        &self,
        mut pairs: Vec<Pair>,
        mut groups: Vec<Group>,
        rivals: Vec<(u32, Which, u32)>,
    ) -> Matches {
        pairs.sort_unstable_by_key(|pair| (pair.pass, pair.left));
        for group in &mut groups {
            self.board.sort(Which::Left, &mut group.left);
            self.board.sort(Which::Right, &mut group.right);
        }
        groups.sort_by(|one, other| {
            let first = |group: &Group, which: Which| match which {
                Which::Left | Which::LeftFees => group.left.first().copied(),
                Which::Right | Which::RightFees => group.right.first().copied(),
            };
            let compare = |which: Which| match (first(one, which), first(other, which)) {
                (Some(one), Some(other)) => self.input.compare(which, one, other),
                (one, other) => one.is_some().cmp(&other.is_some()),
            };
            one.pass
                .cmp(&other.pass)
                .then_with(|| compare(Which::Left))
                .then_with(|| compare(Which::Right))
        });
        let mut beside = BTreeMap::<u32, Vec<(Which, u32)>>::new();
        for (left, which, row) in rivals {
            let of = beside.entry(left).or_default();
            if of.len() < RIVALS {
                of.push((which, row));
            }
        }
        Matches {
            pairs,
            groups,
            rivals: beside,
        }
    }

    pub(crate) fn add(&mut self, told: Told<'_>) {
        let input = self.input;
        let all = || {
            let lefts = told.left.iter().map(|row| (Which::Left, *row));
            lefts.chain(told.right.iter().map(|row| (Which::Right, *row)))
        };
        let Some((which, row)) = all().next() else {
            return;
        };
        let identities = |which: Which, rows: &[u32]| {
            let all = rows.iter().map(|row| input.identity(which, *row));
            texts::sorted(all.collect())
        };
        let identities = texts::merged(
            identities(Which::Left, told.left),
            identities(Which::Right, told.right),
        );
        let of = input.side(which).currency(row);
        let sum = |which: Which, rows: &[u32]| {
            let side = input.side(which);
            let own = rows.iter().filter(|row| side.currency(**row) == of);
            own.map(|row| side.amount(*row)).sum::<i64>()
        };
        let days = all().map(|(which, row)| input.side(which).day(row));
        let since = date(days.min().unwrap_or(0));
        let rights = input.side(Which::Right);
        let mut others = told.right.iter().filter(|row| rights.currency(**row) != of);
        let other = others
            .next()
            .map(|row| Money::minor(rights.amount(*row), currency(rights.currency(*row))));
        self.breaks.push(Break {
            id: break_id(&self.plan.reconciliation, told.kind, identities),
            kind: told.kind.to_owned(),
            status: told.status,
            reference: input.name(which, row, Name::Reference).to_owned(),
            account: input.name(which, row, Name::Account).to_owned(),
            currency: currency(of),
            amount: sum(Which::Left, told.left) - sum(Which::Right, told.right),
            other,
            since,
            expected_by: all()
                .map(|(which, row)| expected_by(self.plan, input, which, row))
                .min()
                .unwrap_or(since),
            age_days: self.as_of.map_or(0, |as_of| (as_of - since).num_days()),
            items: all()
                .map(|(which, row)| input.side(which).item(row))
                .collect(),
            detail: told.detail,
            lasting: told.lasting,
        });
        for (which, row) in all() {
            self.board.close(which, row);
        }
    }

    pub(crate) fn wait(&mut self, which: Which, row: u32) {
        self.waiting[which.place()].add(row);
        self.board.close(which, row);
    }

    /// Whether this run or an earlier one took it.
    pub(crate) fn is_matched(&self, which: Which, row: u32) -> bool {
        !self.open[which.place()].has(row)
    }

    /// Days from an item to the day as of which this holds.
    pub(crate) fn age(&self, which: Which, row: u32) -> i64 {
        let on = self.input.side(which).on(row);
        self.as_of.map_or(0, |as_of| (as_of - on).num_days())
    }

    /// Whether the other side had the time to bring an item's counterpart.
    pub(crate) fn is_overdue(&self, which: Which, row: u32) -> bool {
        let of = currency(self.input.side(which).currency(row));
        let until = self.input.reach(which.other()).of(of);
        until.is_some_and(|until| until > expected_by(self.plan, self.input, which, row))
    }

    fn judge(&mut self, matches: &Matches) {
        for pair in &matches.pairs {
            let rows = (
                std::slice::from_ref(&pair.left),
                std::slice::from_ref(&pair.right),
            );
            self.judge_one(pair.pass, rows);
        }
        for group in &matches.groups {
            self.judge_one(group.pass, (&group.left, &group.right));
        }
    }

    fn judge_one(&mut self, pass: u8, (left, right): (&[u32], &[u32])) {
        let Some(rule) = self.rules.get(usize::from(pass)) else {
            return;
        };
        if let Some((kind, status)) = self.unusual(rule, (left, right)) {
            let detail = finding::explain(self.plan, self.input, rule, (left, right));
            let next = sentence::after_match(kind, self.plan);
            self.add(Told {
                kind,
                status,
                left,
                right,
                detail: format!("{detail}{next}"),
                lasting: true,
            });
        }
        if self.plan.declares_movements() {
            self.judge_movements(left, right);
        }
        let (Some(limit), Some(l), Some(r)) =
            (self.plan.late_after_days, left.first(), right.first())
        else {
            return;
        };
        let (came, began) = (
            self.input.side(Which::Right).on(*r),
            self.input.side(Which::Left).on(*l),
        );
        let days = (came - began).num_days();
        if days > limit {
            let detail = format!(
                "came to the {} on {came}, {days} days after {began}; the money is there, nothing is to be done but to ask for the delay",
                self.plan.right.name(),
            );
            self.add(Told {
                kind: "late",
                status: BreakStatus::Explained,
                left,
                right,
                detail,
                lasting: true,
            });
        }
    }

    /// What of a match is out of the ordinary.
    fn unusual(
        &self,
        rule: &Rule<'_>,
        (left, right): (&[u32], &[u32]),
    ) -> Option<(&'static str, BreakStatus)> {
        match &rule.pass.on {
            On::ManyRight => return Some(("split", BreakStatus::Explained)),
            On::ManyLeft => return Some(("merged", BreakStatus::Explained)),
            On::ManyToMany if left.len() + right.len() > 2 => {
                return Some(("regrouped", BreakStatus::Explained));
            }
            On::ReversedLeft | On::ReversedRight => {
                return Some(("reversed", BreakStatus::Explained));
            }
            _ if rule.is_exact() => return None,
            _ => {}
        }
        let named = |cause: Cause| match cause {
            Cause::Fee => ("fee", BreakStatus::Open),
            Cause::Fx => ("fx", BreakStatus::Explained),
            Cause::BankFee => ("short", BreakStatus::Open),
            Cause::Rounding => ("rounding", BreakStatus::Explained),
            Cause::Other => ("amount", BreakStatus::Open),
        };
        let cause = rule.pass.difference;
        match rule.compare {
            Compare::Net | Compare::Schedule { .. } => Some(named(cause.unwrap_or(Cause::Fee))),
            Compare::Facing | Compare::Rates(_) => Some(named(cause.unwrap_or(Cause::Fx))),
            Compare::Exact => {
                let sum = |which: Which, rows: &[u32]| -> i64 {
                    rows.iter()
                        .map(|row| self.input.side(which).amount(*row))
                        .sum()
                };
                let differs = sum(Which::Left, left) != sum(Which::Right, right);
                differs.then(|| named(cause.unwrap_or(Cause::Other)))
            }
        }
    }

    /// A match whose sides are not the same movement: a refund that was booked as a charge.
    fn judge_movements(&mut self, left: &[u32], right: &[u32]) {
        let input = self.input;
        let movements = |which: Which, rows: &[u32]| -> BTreeSet<i64> {
            let side = input.side(which);
            rows.iter()
                .map(|row| side.movement_number(*row))
                .filter(|number| *number != 0)
                .collect()
        };
        if let ([l], [r]) = (left, right) {
            let of = |which: Which, row: u32| input.side(which).movement_number(row);
            if of(Which::Left, *l) == of(Which::Right, *r) {
                return;
            }
        }
        let (l, r) = (movements(Which::Left, left), movements(Which::Right, right));
        if l == r || left.is_empty() || right.is_empty() {
            return;
        }
        let words = |numbers: BTreeSet<i64>| -> String {
            let names = numbers.into_iter().filter_map(Movement::from_number);
            names.map(Movement::name).collect::<Vec<_>>().join(" and ")
        };
        let row = left.first().copied().unwrap_or(0);
        let detail = format!(
            "`{}` of {}: {} booked it as {}, {} calls it {}; the money is the same, one of the two is named wrongly: correct the booking, or the events that the plan declares",
            input.name(Which::Left, row, Name::Reference),
            finding::money(input, Which::Left, row),
            self.plan.left.name(),
            words(l),
            self.plan.right.name(),
            words(r)
        );
        self.add(Told {
            kind: "movement",
            status: BreakStatus::Open,
            left,
            right,
            detail,
            lasting: true,
        });
    }

    /// Tells each group of items between which several answers fit, once. What a later pass took is no part of it.
    fn ambiguities(&mut self, ambiguous: Vec<Group>) {
        let count = self.input.len(Which::Left);
        let node = |which: Which, row: u32| match which {
            Which::Left | Which::LeftFees => row,
            Which::Right | Which::RightFees => number(count) + row,
        };
        let mut members = BTreeSet::new();
        let mut unions = None;
        for group in ambiguous {
            let lefts = group.left.iter().map(|row| (Which::Left, *row));
            let rights = group.right.iter().map(|row| (Which::Right, *row));
            let open: Vec<(Which, u32)> = lefts
                .chain(rights)
                .filter(|(which, row)| self.board.open(*which).has(*row))
                .collect();
            let has = |which: Which| open.iter().any(|(of, _)| *of == which);
            if !has(Which::Left) || !has(Which::Right) {
                continue;
            }
            let all =
                unions.get_or_insert_with(|| Unions::new(count + self.input.len(Which::Right)));
            for (which, row) in &open {
                all.join(node(open[0].0, open[0].1), node(*which, *row));
                members.insert((*which, *row));
            }
        }
        let Some(mut unions) = unions else { return };
        let mut groups = BTreeMap::<u32, [Vec<u32>; 2]>::new();
        for (which, row) in members {
            let root = unions.find(node(which, row));
            groups.entry(root).or_default()[which.place()].push(row);
        }
        for [mut left, mut right] in groups.into_values() {
            self.board.sort(Which::Left, &mut left);
            self.board.sort(Which::Right, &mut right);
            let detail = sentence::ambiguous(self, &left, &right);
            self.add(Told {
                kind: "ambiguous",
                status: BreakStatus::Open,
                left: &left,
                right: &right,
                detail,
                lasting: false,
            });
        }
    }
}
