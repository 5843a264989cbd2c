//! What a run found: matches, each with the reason, and what is wrong, each with a name that stays.

use crate::board::rule::{Compare, Rule};
use crate::board::{Group, Pair, RIVALS};
use crate::memory;
use crate::plan::{Name, On, Plan};
use crate::side::{Input, currency};
use crate::which::Which;
use chrono::NaiveDate;
use ledger::{Currency, ItemRef, Money, Movement};
use std::collections::BTreeMap;
use std::ops::Range;

/// Whether a break is about money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BreakStatus {
    /// Money differs, or is missing.
    Open,
    /// The money agrees; the way it came is out of the ordinary.
    Explained,
}

impl BreakStatus {
    /// The word in the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Explained => "explained",
        }
    }
}

/// Something that is wrong, with a name that stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// The same for the same break in every run.
    pub id: String,
    /// What is wrong: `missing-in-bank`, `amount`, `fee`, `fx`, `short`, `rounding`, `currency`,
    /// `duplicate-in-settlement`, `timing`, `late`, `split`, `merged`, `regrouped`, `reversed`, `ambiguous`,
    /// `undecided`, `unexpected`, `movement`, `fees`.
    pub kind: String,
    /// Whether it is about money.
    pub status: BreakStatus,
    /// What people look for.
    pub reference: String,
    /// Whose it is.
    pub account: String,
    /// The currency.
    pub currency: Currency,
    /// Left less right, in minor units; where the right is in another currency, the left.
    pub amount: i64,
    /// What the right has, where that is another currency.
    pub other: Option<Money>,
    /// The oldest item's day.
    pub since: NaiveDate,
    /// The day by which the counterpart should have been there.
    pub expected_by: NaiveDate,
    /// Days from `since` to the day as of which this holds.
    pub age_days: i64,
    /// The items.
    pub items: Vec<ItemRef>,
    /// Who has the money, the likely cause and the next step, in a sentence.
    pub detail: String,
    /// It comes from a match, which no later run finds again: it stays until somebody resolves it.
    pub lasting: bool,
}

/// An item that waits for its counterpart and is not due yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pending {
    /// At which side.
    pub which: Which,
    /// The item.
    pub item: ItemRef,
    /// The day by which its counterpart should be there.
    pub expected_by: NaiveDate,
}

/// The matches of a run, pass by pass: pairs in the order in which the left side was pushed, then groups in the
/// order of their content. Which items belong together depends on no order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matches {
    pub(crate) pairs: Vec<Pair>,
    pub(crate) groups: Vec<Group>,
    pub(crate) rivals: BTreeMap<u32, Vec<(Which, u32)>>,
}

impl Matches {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.pairs.len() + self.groups.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Each of them, with the plan and the input that they were found by.
    pub fn iter<'m>(&'m self, plan: &'m Plan, input: &'m Input) -> impl Iterator<Item = Match<'m>> {
        self.part(0..self.len(), plan, input)
    }

    /// Some of them, by their places.
    pub fn part<'m>(
        &'m self,
        places: Range<usize>,
        plan: &'m Plan,
        input: &'m Input,
    ) -> impl Iterator<Item = Match<'m>> {
        let rules: std::rc::Rc<[Rule<'m>]> = plan.rules().into();
        let names = rules.clone();
        let count = self.pairs.len();
        let of_groups = places.start.saturating_sub(count)..places.end.saturating_sub(count);
        let pairs = self
            .pairs
            .get(places.start.min(count)..places.end.min(count));
        let groups = self.groups.get(of_groups);
        let pairs = pairs.unwrap_or_default().iter().map(move |pair| Match {
            matches: self,
            plan,
            input,
            rules: rules.clone(),
            pass: pair.pass,
            left: std::slice::from_ref(&pair.left),
            right: std::slice::from_ref(&pair.right),
            candidates: 0,
        });
        let groups = groups.unwrap_or_default().iter().map(move |group| Match {
            matches: self,
            plan,
            input,
            rules: names.clone(),
            pass: group.pass,
            left: &group.left,
            right: &group.right,
            candidates: group.candidates,
        });
        pairs.chain(groups)
    }
}

/// Items that belong together.
#[derive(Clone, Debug)]
pub struct Match<'m> {
    matches: &'m Matches,
    plan: &'m Plan,
    input: &'m Input,
    rules: std::rc::Rc<[Rule<'m>]>,
    pass: u8,
    left: &'m [u32],
    right: &'m [u32],
    candidates: u32,
}

/// An item of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matched<'m> {
    /// What the books call it.
    pub item: ItemRef,
    /// Its amount in minor units.
    pub amount: i64,
    /// Its currency.
    pub currency: Currency,
    /// What it is called for good.
    pub identity: &'m str,
    /// What moved, where somebody says so.
    pub movement: Option<Movement>,
}

impl<'m> Matched<'m> {
    pub(crate) fn of(input: &'m Input, which: Which, row: u32) -> Self {
        let side = input.side(which);
        Self {
            item: side.item(row),
            amount: side.amount(row),
            currency: currency(side.currency(row)),
            identity: input.identity(which, row),
            movement: side.movement(row),
        }
    }
}

impl<'m> Match<'m> {
    /// The pass that found them.
    pub fn pass(&self) -> &'m str {
        self.plan
            .passes
            .get(usize::from(self.pass))
            .map_or("", |pass| pass.pass.as_str())
    }

    /// The currency of the left side, or of the right where nothing is at the left.
    pub fn currency(&self) -> Currency {
        let of = |which: Which, rows: &[u32]| {
            let first = rows.first()?;
            Some(currency(self.input.side(which).currency(*first)))
        };
        of(Which::Left, self.left)
            .or_else(|| of(Which::Right, self.right))
            .unwrap_or_else(|| currency(0))
    }

    /// The items of a side.
    pub fn items(&self, which: Which) -> impl Iterator<Item = Matched<'m>> + use<'m> {
        let input = self.input;
        let rows = match which {
            Which::Left | Which::LeftFees => self.left,
            Which::Right | Which::RightFees => self.right,
        };
        rows.iter().map(move |row| Matched::of(input, which, *row))
    }

    /// Names by which a later run asks for it (see [`asked`](crate::asked)), each once.
    pub fn names(&self, names: &mut Vec<i64>) {
        names.clear();
        let rows = |which: Which| match which {
            Which::Left | Which::LeftFees => self.left,
            Which::Right | Which::RightFees => self.right,
        };
        for which in Which::SIDES {
            for row in rows(which) {
                memory::remembered(self.input, &self.rules, (which, *row), names);
            }
        }
        names.sort_unstable();
        names.dedup();
    }

    /// Why: the fields that agree, what differs, what else was there.
    pub fn explanation(&self) -> String {
        let Some(rule) = self.rules.get(usize::from(self.pass)) else {
            return String::new();
        };
        let mut said = explain(self.plan, self.input, rule, (self.left, self.right));
        if self.candidates > 2 && !rule.pass.sums {
            said.push_str(&format!(
                "; no other of {} candidates does",
                self.candidates
            ));
        }
        let Some(rivals) = self
            .left
            .first()
            .and_then(|row| self.matches.rivals.get(row))
        else {
            return said;
        };
        let names: Vec<String> = rivals
            .iter()
            .take(RIVALS)
            .map(|(which, row)| {
                let side = self.input.side(*which);
                format!(
                    "`{}` of {}",
                    self.input.identity(*which, *row),
                    side.on(*row)
                )
            })
            .collect();
        said.push_str(&format!("; beside it stood {}", names.join(" and ")));
        said
    }
}

pub(crate) fn money(input: &Input, which: Which, row: u32) -> String {
    let side = input.side(which);
    Money::minor(side.amount(row), currency(side.currency(row))).to_string()
}

/// The most amounts that a sentence lists.
const LISTED: usize = 6;

pub(crate) fn amounts(input: &Input, which: Which, rows: &[u32]) -> String {
    let mut listed: Vec<String> = rows
        .iter()
        .take(LISTED)
        .map(|row| money(input, which, *row))
        .collect();
    if rows.len() > LISTED {
        listed.push(format!("{} more", rows.len() - LISTED));
    }
    listed.join(" + ")
}

/// Why items belong together, in words.
pub(crate) fn explain(
    plan: &Plan,
    input: &Input,
    rule: &Rule<'_>,
    (left, right): (&[u32], &[u32]),
) -> String {
    let reference = left
        .first()
        .map_or("", |row| input.name(Which::Left, *row, Name::Reference));
    let (lefts, rights) = (
        amounts(input, Which::Left, left),
        amounts(input, Which::Right, right),
    );
    match &rule.pass.on {
        On::Amount => "the only ones of this amount within the window".to_owned(),
        On::ManyRight => format!("`{reference}` of {lefts} came as {rights}"),
        On::ManyLeft => {
            let names = left.iter().take(LISTED);
            let names: Vec<&str> = names
                .map(|row| input.name(Which::Left, *row, Name::Reference))
                .collect();
            format!("{} came together as {rights}", names.join(" and "))
        }
        On::ManyToMany => format!("{lefts} are {rights}, and nothing smaller among them agrees"),
        On::ReversedLeft | On::ReversedRight => {
            let (which, rows) = if left.is_empty() {
                (Which::Right, right)
            } else {
                (Which::Left, left)
            };
            let first = rows.first();
            let name = first.map_or("", |row| input.name(which, *row, Name::Reference));
            format!(
                "`{name}`: {} take each other back",
                amounts(input, which, rows)
            )
        }
        On::ReferenceInText if rule.is_exact() && !rule.pass.sums => {
            format!("`{reference}` stands in the text, and the amount agrees")
        }
        On::Reference if rule.is_exact() && !rule.pass.sums => {
            format!("reference `{reference}` and amount agree")
        }
        _ if rule.pass.sums => format!(
            "{}: {} has {lefts}, {} has {rights}, and the sums agree",
            agreed(input, rule, (left, right)),
            plan.left.name(),
            plan.right.name()
        ),
        _ => {
            let name = agreed(input, rule, (left, right));
            let compared = compared(plan, input, rule, (left, right));
            format!("{name}{compared}")
        }
    }
}

/// The name by which both sides know the items.
fn agreed(input: &Input, rule: &Rule<'_>, (left, right): (&[u32], &[u32])) -> String {
    let (Some(left), Some(right)) = (left.first(), right.first()) else {
        return String::new();
    };
    for mine in &rule.left {
        for its in &rule.right {
            let name = input.name(Which::Left, *left, *mine);
            if !name.is_empty() && name == input.name(Which::Right, *right, *its) {
                return if mine == its {
                    format!("{} `{name}`", mine.word())
                } else {
                    format!("{} `{name}` is the {}", mine.word(), its.word())
                };
            }
        }
    }
    let (which, row, names) = if rule.left.contains(&Name::Text) {
        (Which::Right, *right, &rule.right)
    } else {
        (Which::Left, *left, &rule.left)
    };
    let name = names
        .iter()
        .map(|name| input.name(which, row, *name))
        .find(|name| !name.is_empty());
    let is_text = rule.left.contains(&Name::Text) || rule.right.contains(&Name::Text);
    let place = if is_text { " stands in the text" } else { "" };
    format!("`{}`{place}", name.unwrap_or_default())
}

/// How the amounts agree.
fn compared(
    plan: &Plan,
    input: &Input,
    rule: &Rule<'_>,
    (left, right): (&[u32], &[u32]),
) -> String {
    let (lefts, rights) = (
        amounts(input, Which::Left, left),
        amounts(input, Which::Right, right),
    );
    let both = format!(
        ": {} has {lefts}, {} has {rights}",
        plan.left.name(),
        plan.right.name()
    );
    let fee = || {
        let row = right.first().copied().unwrap_or(0);
        let side = input.side(Which::Right);
        Money::minor(side.fee(row), currency(side.currency(row))).to_string()
    };
    let how = match &rule.compare {
        Compare::Exact if rule.is_exact() => return " and amount agree".to_owned(),
        Compare::Exact => String::new(),
        Compare::Net => format!(" of which {} is its fee", fee()),
        Compare::Schedule { .. } => ", which the fee schedule explains".to_owned(),
        Compare::Facing => {
            let row = right.first().copied().unwrap_or(0);
            let original = input.side(Which::Right).original(row);
            original.map_or(String::new(), |(amount, of)| {
                format!("; the customer saw {}", Money::minor(amount, currency(of)))
            })
        }
        Compare::Rates(_) => ", which the rate explains".to_owned(),
    };
    let between = between(input, rule, (left, right));
    let between = between.map_or(String::new(), |distance| {
        format!("; {distance} between them is within the tolerance")
    });
    format!("{both}{how}{between}")
}

/// What is between the amounts of a pair after all that the pass allows for; none where it is nothing.
pub(crate) fn between(
    input: &Input,
    rule: &Rule<'_>,
    (left, right): (&[u32], &[u32]),
) -> Option<Money> {
    let ([left], [right]) = (left, right) else {
        return None;
    };
    let facts = |which: Which, row: u32| {
        let side = input.side(which);
        crate::board::rule::Facts {
            currency: side.currency(row),
            amount: side.amount(row),
            fee: side.fee(row),
            original: side.original(row),
        }
    };
    let day = input.side(Which::Right).day(*right);
    let distance = rule.distance(
        &facts(Which::Left, *left),
        &facts(Which::Right, *right),
        day,
    )?;
    (distance.amount != 0).then(|| Money::minor(distance.amount, currency(distance.currency)))
}
