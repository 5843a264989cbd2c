//! A pass, made ready to run: names, a comparison of amounts in integers, days.

use crate::board::Board;
use crate::number::Number;
use crate::plan::{Amount, Hand, Name, On, Pass, Plan};
use crate::side::currency;
use crate::which::Which;
use chrono::{Datelike, NaiveDate};
use ledger::Currency;
use std::collections::BTreeMap;

/// A pass that can run.
#[derive(Debug)]
pub(crate) struct Rule<'p> {
    /// Its place among the passes.
    pub(crate) place: u8,
    pub(crate) pass: &'p Pass,
    pub(crate) left: Vec<Name>,
    pub(crate) right: Vec<Name>,
    pub(crate) compare: Compare,
    slack: Slack,
    /// The right day less the left one, from and to.
    pub(crate) days: Option<(i32, i32)>,
    /// How far the other side's data must reach beyond an item of the left and one of the right.
    wait: [i32; 2],
    /// How far the data of an item's own side must reach beyond it.
    own: i32,
}

/// How a left amount is compared with a right one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Compare {
    Exact,
    Net,
    Schedule {
        percent: Number,
        plus: BTreeMap<u16, i64>,
        net: Hand,
    },
    Facing,
    /// From and to a currency, since a day, at a rate; the newest first.
    Rates(Vec<(u16, u16, i32, Number)>),
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Slack {
    percent: Number,
    amount: Number,
    amounts: BTreeMap<u16, Number>,
}

/// What of an item an amount is compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Facts {
    pub(crate) currency: u16,
    pub(crate) amount: i64,
    pub(crate) fee: i64,
    pub(crate) original: Option<(i64, u16)>,
}

/// How much is between two amounts, as a part of which amount, and in which currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Distance {
    pub(crate) amount: i64,
    pub(crate) currency: u16,
    of: i64,
}

fn days(number: i64) -> i32 {
    let bound = number.clamp(-1_000_000, 1_000_000);
    i32::try_from(bound).unwrap_or(0)
}

fn numeric(code: &str) -> Option<u16> {
    Currency::from_code(code).ok().map(Currency::numeric)
}

impl Plan {
    /// The passes, ready to run. What `problems` tells is left out.
    pub(crate) fn rules(&self) -> Vec<Rule<'_>> {
        // For how many days after an item's own what earlier passes say of it can still change.
        let mut open = 0;
        let mut rules = Vec::new();
        for (place, pass) in (0_u8..).zip(&self.passes) {
            let window = pass
                .days()
                .map(|window| (days(window.from), days(window.to)));
            let (from, to) = window.unwrap_or((0, 0));
            let reach = [to.max(0), (-from).max(0)];
            let span = reach[0] + reach[1];
            let most = days(pass.wait_days.unwrap_or(self.overdue_after_days)).max(0);
            // An answer of a search competes with those of items two windows away, whose parts are one further.
            let further = if is_search(&pass.on) { 2 * span } else { 0 };
            let wait = if waits(pass) {
                reach.map(|days| (days + further + open).min(most))
            } else {
                [open.min(most); 2]
            };
            // What earlier passes took, and what competes, depends on what comes at the item's own side as well.
            let own = if open + further > 0 {
                span + further + open
            } else {
                0
            };
            open += span + further;
            let (left, right) = names(&pass.on);
            rules.push(Rule {
                place,
                pass,
                left,
                right,
                compare: compare(pass),
                slack: slack(pass),
                days: window,
                wait,
                own: own.min(most),
            });
        }
        rules
    }
}

/// Whether what comes later can change what a pass says of an item. Equal amounts under one reference are paired
/// in the order of their days, whatever follows.
fn waits(pass: &Pass) -> bool {
    let is_plain = compare(pass) == Compare::Exact && pass.tolerance.is_none();
    pass.sums || pass.on != On::Reference || !is_plain
}

const fn is_search(on: &On) -> bool {
    matches!(on, On::ManyLeft | On::ManyRight | On::ManyToMany)
}

fn names(on: &On) -> (Vec<Name>, Vec<Name>) {
    match on {
        On::Names(names) => (names.left.clone(), names.right.clone()),
        On::ReferenceInText => (vec![Name::Reference], vec![Name::Text]),
        _ => (vec![Name::Reference], vec![Name::Reference]),
    }
}

fn compare(pass: &Pass) -> Compare {
    if let Some(fee) = &pass.fee {
        let plus = fee.plus.iter().filter_map(|(code, number)| {
            let currency = Currency::from_code(code).ok()?;
            Some((currency.numeric(), number.minor(currency)))
        });
        return Compare::Schedule {
            percent: fee.percent,
            plus: plus.collect(),
            net: fee.net,
        };
    }
    if !pass.rates.is_empty() {
        let day = |since: Option<NaiveDate>| since.map_or(i32::MIN, |on| on.num_days_from_ce());
        let rates = pass.rates.iter().filter_map(|rate| {
            let (from, to) = (numeric(&rate.from)?, numeric(&rate.to)?);
            Some((from, to, day(rate.since), rate.rate))
        });
        let mut rates: Vec<_> = rates.collect();
        rates.sort_by(|a, b| (b.2, a).cmp(&(a.2, b)));
        return Compare::Rates(rates);
    }
    match (pass.amount, &pass.on) {
        (_, On::NetOfFee) | (Amount::NetOfFee, _) => Compare::Net,
        (Amount::CustomerFacing, _) => Compare::Facing,
        (Amount::Exact, _) => Compare::Exact,
    }
}

fn slack(pass: &Pass) -> Slack {
    let Some(tolerance) = &pass.tolerance else {
        return Slack::default();
    };
    let amounts = tolerance.amounts.iter();
    Slack {
        percent: tolerance.percent,
        amount: tolerance.amount,
        amounts: amounts
            .filter_map(|(code, number)| Some((numeric(code)?, *number)))
            .collect(),
    }
}

impl Rule<'_> {
    /// Whether amounts agree only where they are the same.
    pub(crate) fn is_exact(&self) -> bool {
        self.compare == Compare::Exact && self.slack == Slack::default()
    }

    pub(crate) fn names(&self, which: Which) -> &[Name] {
        match which {
            Which::Left | Which::LeftFees => &self.left,
            Which::Right | Which::RightFees => &self.right,
        }
    }

    /// Whether days are close enough.
    pub(crate) fn near(&self, left: i32, right: i32) -> bool {
        self.days
            .is_none_or(|(from, to)| (from..=to).contains(&(right - left)))
    }

    /// Whether everything that could stand beside an item is known: being the only one counts from then on.
    pub(crate) fn is_settled(&self, board: &Board<'_>, which: Which, row: u32) -> bool {
        let (wait, own) = (self.wait[which.place()], self.own);
        if wait == 0 && own == 0 {
            return true;
        }
        let side = board.side(which);
        let (day, currency) = (side.day(row), side.currency(row));
        let reaches =
            |which: Which, days: i32| days == 0 || board.reach(which, currency) >= day + days;
        reaches(which.other(), wait) && reaches(which, own)
    }

    /// How much is between two amounts; none where they cannot be compared.
    pub(crate) fn distance(&self, left: &Facts, right: &Facts, day: i32) -> Option<Distance> {
        let same = left.currency == right.currency;
        let found = |amount: i64, currency: u16, of: i64| {
            Some(Distance {
                amount,
                currency,
                of,
            })
        };
        match &self.compare {
            Compare::Exact if same => found(left.amount - right.amount, left.currency, left.amount),
            Compare::Net if same && right.fee != 0 => {
                let net = right.amount - right.fee;
                found(left.amount - net, left.currency, left.amount)
            }
            Compare::Schedule { percent, plus, net } if same => {
                let fee = |gross: i64| {
                    let plus = plus.get(&left.currency).copied().unwrap_or(0);
                    percent.percent_of(gross) + plus
                };
                let amount = match net {
                    Hand::Left => left.amount - (right.amount - fee(right.amount)),
                    Hand::Right => left.amount - fee(left.amount) - right.amount,
                };
                found(amount, left.currency, left.amount)
            }
            Compare::Facing => {
                let (original, of) = right.original?;
                (of == left.currency).then_some(())?;
                found(left.amount - original, left.currency, left.amount)
            }
            Compare::Rates(rates) => {
                let (_, _, _, rate) = rates.iter().find(|(from, to, since, _)| {
                    (*from, *to) == (left.currency, right.currency) && *since <= day
                })?;
                let (from, to) = (currency(left.currency), currency(right.currency));
                let there = rate.convert(left.amount, from, to);
                found(there.saturating_sub(right.amount), right.currency, there)
            }
            Compare::Exact | Compare::Net | Compare::Schedule { .. } => None,
        }
    }

    /// Whether what is between two amounts is within the tolerance.
    pub(crate) fn allows(&self, distance: Distance) -> bool {
        if distance.amount == 0 {
            return true;
        }
        let of = currency(distance.currency);
        let own = self.slack.amounts.get(&distance.currency);
        let fixed = own.unwrap_or(&self.slack.amount).minor(of);
        let part = self.slack.percent.percent_of(distance.of.saturating_abs());
        distance.amount.saturating_abs() <= fixed.max(part)
    }

    pub(crate) fn agrees(&self, left: &Facts, right: &Facts, day: i32) -> bool {
        self.distance(left, right, day)
            .is_some_and(|distance| self.allows(distance))
    }
}
