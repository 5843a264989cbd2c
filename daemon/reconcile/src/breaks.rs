//! What is left after the passes, and what the matches themselves say.

use crate::finding::{Break, BreakStatus};
use crate::plan::{On, Plan};
use crate::{Board, Findings, Input, Item, Match, Pair, cash};
use chrono::NaiveDate;
use ledger::encode::Encoder;
use ledger::{Currency, Money};
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

pub(crate) fn conclude(plan: &Plan, input: &Input, mut board: Board<'_>) -> Findings {
    let as_of = input.right_until.max(input.left_until);
    board.ambiguous.retain(|pair| {
        pair.left
            .iter()
            .all(|index| board.open_left.contains(index))
            && pair
                .right
                .iter()
                .all(|index| board.open_right.contains(index))
    });
    let mut court = Court {
        plan,
        input,
        board: &board,
        as_of,
        breaks: Vec::new(),
        pending_left: BTreeSet::new(),
        pending_right: BTreeSet::new(),
    };
    let matches = board
        .pairs
        .iter()
        .map(|pair| court.judge_match(pair))
        .collect();
    let told = court.ambiguities();
    court.leftovers(&told);
    let mut breaks = court.breaks;
    let (pending_left, pending_right) = (court.pending_left, court.pending_right);
    let totals = totals(&board, &breaks, &pending_left, &pending_right);
    let mut cash = cash::table(plan, &board, (&pending_left, &pending_right));
    breaks.extend(cash::fees(plan, input, &mut cash));
    breaks.sort_by(|a, b| {
        (&a.kind, a.since, &a.reference, &a.id).cmp(&(&b.kind, b.since, &b.reference, &b.id))
    });
    Findings {
        matches,
        breaks,
        totals,
        cash,
        as_of,
    }
}

struct Court<'c, 'i> {
    plan: &'c Plan,
    input: &'c Input,
    board: &'c Board<'i>,
    as_of: Option<NaiveDate>,
    breaks: Vec<Break>,
    /// Indices that are not due yet.
    pending_left: BTreeSet<usize>,
    pending_right: BTreeSet<usize>,
}

/// What a break is made of.
struct Finding<'f> {
    kind: String,
    status: BreakStatus,
    left: &'f [&'f Item],
    right: &'f [&'f Item],
    detail: String,
    lasting: bool,
}

impl<'i> Court<'_, 'i> {
    fn items(&self, pair: &Pair) -> (Vec<&'i Item>, Vec<&'i Item>) {
        let left = pair
            .left
            .iter()
            .filter_map(|index| self.board.left(*index))
            .collect();
        let right = pair
            .right
            .iter()
            .filter_map(|index| self.board.right(*index))
            .collect();
        (left, right)
    }

    fn add(&mut self, finding: &Finding<'_>) {
        let all = || finding.left.iter().chain(finding.right);
        let Some(first) = all().min() else { return };
        let amount = sum(finding.left) - sum(finding.right);
        let mut identities: Vec<&str> = all().map(|item| item.identity.as_str()).collect();
        identities.sort_unstable();
        let mut encoder = Encoder::new("tieout.break.v1");
        encoder.text(&self.plan.reconciliation);
        encoder.text(&finding.kind);
        identities
            .iter()
            .for_each(|identity| encoder.text(identity));
        let id: String = encoder.finish().short().chars().take(10).collect();
        let since = all().map(|item| item.on).min().unwrap_or(first.on);
        let named = finding
            .left
            .first()
            .or(finding.right.first())
            .copied()
            .unwrap_or(first);
        self.breaks.push(Break {
            id: format!("BRK-{id}"),
            kind: finding.kind.clone(),
            status: finding.status,
            reference: named.reference.clone(),
            account: named.account.clone(),
            currency: first.currency,
            amount,
            since,
            age_days: self.as_of.map_or(0, |as_of| (as_of - since).num_days()),
            items: all().map(|item| item.item).collect(),
            detail: finding.detail.clone(),
            lasting: finding.lasting,
        });
    }

    fn judge_match(&mut self, pair: &Pair) -> Match {
        let (left, right) = self.items(pair);
        let pass = self.plan.passes.get(pair.pass);
        let on = pass.map(|pass| pass.on);
        let right_name = self.plan.right.name();
        let explanation = self.explain(&left, &right, on);
        let unusual = match on {
            Some(On::NetOfFee) => Some(("fee", BreakStatus::Open)),
            Some(On::ManyRight) => Some(("split", BreakStatus::Explained)),
            Some(On::ManyLeft) => Some(("merged", BreakStatus::Explained)),
            _ => None,
        };
        if let Some((kind, status)) = unusual {
            let kind = kind.to_owned();
            let detail = explanation.clone();
            self.add(&Finding {
                kind,
                status,
                left: &left,
                right: &right,
                detail,
                lasting: true,
            });
        }
        self.judge_movements(&left, &right);
        if let (Some(limit), Some(l), Some(r)) =
            (self.plan.late_after_days, left.first(), right.first())
            && (r.on - l.on).num_days() > limit
        {
            let detail = format!(
                "came to the {right_name} on {}, {} days after {}",
                r.on,
                (r.on - l.on).num_days(),
                l.on
            );
            let kind = "late".to_owned();
            let status = BreakStatus::Explained;
            self.add(&Finding {
                kind,
                status,
                left: &left,
                right: &right,
                detail,
                lasting: true,
            });
        }
        let amounts = |items: &[&Item]| items.iter().map(|item| (item.item, item.amount)).collect();
        let currency = left
            .first()
            .or(right.first())
            .map_or_else(any_currency, |item| item.currency);
        Match {
            pass: pass.map(|pass| pass.pass.clone()).unwrap_or_default(),
            currency,
            left: amounts(&left),
            right: amounts(&right),
            explanation,
        }
    }

    /// A match whose sides are not the same movement: a refund that was booked as a charge.
    fn judge_movements(&mut self, left: &[&Item], right: &[&Item]) {
        let plan = self.plan;
        if !plan.declares_movements() {
            return;
        }
        let movements = |items: &[&Item]| -> BTreeSet<&'static str> {
            let known = items.iter().filter_map(|item| plan.movement_of(item));
            known.map(ledger::Movement::name).collect()
        };
        let (l, r) = (movements(left), movements(right));
        if l == r {
            return;
        }
        let words = |names: BTreeSet<&'static str>| -> String {
            names.into_iter().collect::<Vec<_>>().join(" and ")
        };
        let reference = left.first().map(|item| item.reference.as_str());
        let detail = format!(
            "`{}` of {}: {} booked it as {}, {} calls it {}",
            reference.unwrap_or_default(),
            left.first().map(|item| money(item)).unwrap_or_default(),
            plan.left.name(),
            words(l),
            plan.right.name(),
            words(r)
        );
        self.add(&Finding {
            kind: "movement".to_owned(),
            status: BreakStatus::Open,
            left,
            right,
            detail,
            lasting: true,
        });
    }

    fn explain(&self, left: &[&Item], right: &[&Item], on: Option<On>) -> String {
        let names = |items: &[&Item]| {
            items
                .iter()
                .map(|item| money(item))
                .collect::<Vec<_>>()
                .join(" + ")
        };
        let reference = left
            .first()
            .map(|item| item.reference.as_str())
            .unwrap_or_default();
        match on {
            Some(On::Reference) => format!("reference `{reference}` and amount agree"),
            Some(On::NetOfFee) => format!(
                "`{reference}`: {} has {}, {} has {} of which {} is its fee",
                self.plan.left.name(),
                names(left),
                self.plan.right.name(),
                names(right),
                right
                    .first()
                    .map(|item| Money::minor(item.fee, item.currency).to_string())
                    .unwrap_or_default()
            ),
            Some(On::ReferenceInText) => {
                format!("`{reference}` stands in the text, and the amount agrees")
            }
            Some(On::Amount) => "the only ones of this amount within the window".to_owned(),
            Some(On::ManyRight) => {
                format!("`{reference}` of {} came as {}", names(left), names(right))
            }
            Some(On::ManyLeft) => {
                let all: Vec<&str> = left.iter().map(|item| item.reference.as_str()).collect();
                format!("{} came together as {}", all.join(" and "), names(right))
            }
            None => String::new(),
        }
    }

    /// Tells each group of items between which several answers fit, once.
    fn ambiguities(&mut self) -> [BTreeSet<usize>; 2] {
        let mut groups: Vec<(BTreeSet<usize>, BTreeSet<usize>)> = Vec::new();
        for pair in &self.board.ambiguous {
            let mut left: BTreeSet<usize> = pair.left.iter().copied().collect();
            let mut right: BTreeSet<usize> = pair.right.iter().copied().collect();
            groups.retain(|(l, r)| {
                let touches = !l.is_disjoint(&left) || !r.is_disjoint(&right);
                if touches {
                    left.extend(l);
                    right.extend(r);
                }
                !touches
            });
            groups.push((left, right));
        }
        groups.sort();
        let mut told = [BTreeSet::new(), BTreeSet::new()];
        for (left, right) in groups {
            let pair = Pair {
                pass: 0,
                left: left.iter().copied().collect(),
                right: right.iter().copied().collect(),
            };
            let (l, r) = self.items(&pair);
            let detail = format!(
                "{} and {} can be paired in more than one way; somebody has to say which",
                counted(l.len(), self.plan.left.name()),
                counted(r.len(), self.plan.right.name())
            );
            let status = BreakStatus::Open;
            self.add(&Finding {
                kind: "ambiguous".into(),
                status,
                left: &l,
                right: &r,
                detail,
                lasting: false,
            });
            let [told_left, told_right] = &mut told;
            told_left.extend(left);
            told_right.extend(right);
        }
        told
    }

    fn leftovers(&mut self, told: &[BTreeSet<usize>; 2]) {
        let [told_left, told_right] = told;
        let mut rights: BTreeSet<usize> = self
            .board
            .open_right
            .difference(told_right)
            .copied()
            .collect();
        let lefts: Vec<usize> = self
            .board
            .open_left
            .difference(told_left)
            .copied()
            .collect();
        let left_known = matched_references(&self.board.left, &self.board.open_left);
        let right_known = matched_references(&self.board.right, &self.board.open_right);
        for index in lefts {
            let Some(left) = self.board.left(index) else {
                continue;
            };
            let counterpart = rights.iter().copied().find(|right| {
                self.board
                    .right(*right)
                    .is_some_and(|right| same_reference(left, right))
            });
            if let Some(counterpart) = counterpart {
                rights.remove(&counterpart);
                let right: Vec<&Item> = self.board.right(counterpart).into_iter().collect();
                let detail = self.amounts_differ(left, &right);
                let status = BreakStatus::Open;
                self.add(&Finding {
                    kind: "amount".into(),
                    status,
                    left: &[left],
                    right: &right,
                    detail,
                    lasting: false,
                });
                continue;
            }
            let sides = (self.plan.left.name(), self.plan.right.name());
            let twin = right_known.contains(&key_of(left));
            let finding = self.alone(left, sides, self.input.right_until, twin);
            let cut = self.board.cut_left.get(&index);
            if let Some(finding) = finding.map(|finding| unless_cut_off(finding, cut)) {
                self.add(&Finding {
                    left: &[left],
                    ..finding
                });
            } else {
                self.pending_left.insert(index);
            }
        }
        for index in rights {
            let Some(right) = self.board.right(index) else {
                continue;
            };
            let sides = (self.plan.right.name(), self.plan.left.name());
            let twin = left_known.contains(&key_of(right));
            let finding = self.alone(right, sides, self.input.left_until, twin);
            let cut = self.board.cut_right.get(&index);
            if let Some(finding) = finding.map(|finding| unless_cut_off(finding, cut)) {
                self.add(&Finding {
                    right: &[right],
                    ..finding
                });
            } else {
                self.pending_right.insert(index);
            }
        }
    }

    fn amounts_differ(&self, left: &Item, right: &[&Item]) -> String {
        format!(
            "`{}`: {} has {}, {} has {}",
            left.reference,
            self.plan.left.name(),
            money(left),
            self.plan.right.name(),
            right
                .iter()
                .map(|item| money(item))
                .collect::<Vec<_>>()
                .join(" + ")
        )
    }

    /// A break for an item without counterpart; none while the other side may still bring it.
    fn alone(
        &self,
        item: &Item,
        (own, other): (&str, &str),
        other_until: Option<NaiveDate>,
        twin: bool,
    ) -> Option<Finding<'static>> {
        let status = BreakStatus::Open;
        if twin {
            let detail = format!(
                "`{}` of {} stands twice in {own}",
                item.reference,
                money(item)
            );
            let kind = format!("duplicate-in-{own}");
            return Some(Finding {
                kind,
                status,
                left: &[],
                right: &[],
                detail,
                lasting: false,
            });
        }
        let waited = other_until.map_or(0, |until| (until - item.on).num_days());
        if waited <= self.plan.overdue_after_days {
            return None;
        }
        let detail = format!(
            "{own} has `{}` of {} on {}; {other} has nothing {waited} days later",
            item.reference,
            money(item),
            item.on
        );
        Some(Finding {
            kind: format!("missing-in-{other}"),
            status,
            left: &[],
            right: &[],
            detail,
            lasting: false,
        })
    }
}

/// What nobody could look for is not missing: where the search for several that make an item up was
/// cut off, the finding says so.
fn unless_cut_off<'f>(mut finding: Finding<'f>, candidates: Option<&usize>) -> Finding<'f> {
    if let (Some(candidates), true) = (candidates, finding.kind.starts_with("missing-in-")) {
        "ambiguous".clone_into(&mut finding.kind);
        finding.detail.push_str(&format!(
            "; the search for several that make it up was cut off at {candidates} candidates: narrow the pass's window or raise its `up_to`"
        ));
    }
    finding
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} at the {what}")
}

fn money(item: &Item) -> String {
    Money::minor(item.amount, item.currency).to_string()
}

fn any_currency() -> Currency {
    // A match has items; this is never reached and must not panic if it were.
    Currency::from_numeric(978).unwrap_or_else(|_never| any_currency())
}

fn sum(items: &[&Item]) -> i64 {
    items.iter().map(|item| item.amount).sum()
}

type ReferenceKey<'k> = (u16, &'k str, i64);

/// Direction belongs to the key: a reversal carries the reference of what it reverses.
fn key_of(item: &Item) -> ReferenceKey<'_> {
    (
        item.currency.numeric(),
        item.reference.as_str(),
        item.amount.signum(),
    )
}

fn same_reference(left: &Item, right: &Item) -> bool {
    !left.reference.is_empty() && key_of(left) == key_of(right)
}

/// References of matched items: what is left over under one of them is a duplicate.
fn matched_references<'k>(
    items: &[&'k Item],
    open: &BTreeSet<usize>,
) -> BTreeSet<ReferenceKey<'k>> {
    items
        .iter()
        .enumerate()
        .filter(|(index, item)| !open.contains(index) && !item.reference.is_empty())
        .map(|(_, item)| key_of(item))
        .collect()
}

fn totals(
    board: &Board<'_>,
    breaks: &[Break],
    pending_left: &BTreeSet<usize>,
    pending_right: &BTreeSet<usize>,
) -> BTreeMap<Currency, Totals> {
    let mut all = BTreeMap::<Currency, Totals>::new();
    for (index, item) in board.left.iter().enumerate() {
        let totals = all.entry(item.currency).or_default();
        totals.left += item.amount;
        totals.left_matched += if board.open_left.contains(&index) {
            0
        } else {
            item.amount
        };
        totals.left_pending += if pending_left.contains(&index) {
            item.amount
        } else {
            0
        };
    }
    for (index, item) in board.right.iter().enumerate() {
        let totals = all.entry(item.currency).or_default();
        totals.right += item.amount;
        totals.right_matched += if board.open_right.contains(&index) {
            0
        } else {
            item.amount
        };
        totals.right_pending += if pending_right.contains(&index) {
            item.amount
        } else {
            0
        };
    }
    for found in breaks.iter().filter(|found| !found.lasting) {
        all.entry(found.currency).or_default().breaks += found.amount;
    }
    for totals in all.values_mut() {
        totals.breaks += totals.left_matched - totals.right_matched;
    }
    all
}
