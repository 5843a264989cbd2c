//! A compiled pack. A value: send it, share it, keep it beside its version.

use crate::diagnostic::Diagnostic;
use crate::reading::{Reading, Want};
use crate::table::Table;
use chrono::NaiveDate;
use chrono_tz::Tz;
use formats::envelope::Envelope;
use ledger::{Chart, EntryKind, Hash, Rounding, Side};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// All rules of a pack, by event type.
#[derive(Clone, Debug)]
pub struct Program {
    /// The pack's name.
    pub pack: String,
    /// The hash of the pack's files.
    pub version: Hash,
    /// Its chart of accounts.
    pub chart: Chart,
    pub(crate) rules: BTreeMap<String, Vec<Rule>>,
    pub(crate) tables: BTreeMap<String, Table>,
    /// All computed expressions; [`Expr::Computed`] points here.
    pub(crate) expressions: Vec<Computed>,
    /// What its author should look at, though it is in order.
    pub warnings: Vec<Diagnostic>,
    /// How a message of the pack's sender becomes an event.
    pub envelope: Option<Envelope>,
}

impl Program {
    /// The rules' names with the types that they answer to.
    pub fn rule_names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rules.iter().flat_map(|(kind, rules)| {
            rules
                .iter()
                .map(move |rule| (rule.name.as_str(), kind.as_str()))
        })
    }

    /// The rules that answer to a type: those that name it, or else those of the longest `beginning.*` of it.
    pub(crate) fn rules_for(&self, kind: &str) -> Option<&[Rule]> {
        if let Some(rules) = self.rules.get(kind) {
            return Some(rules);
        }
        let begins = |(on, _): &(&String, &Vec<Rule>)| {
            on.strip_suffix('*')
                .is_some_and(|beginning| kind.starts_with(beginning))
        };
        let all = self.rules.iter().filter(begins);
        all.max_by_key(|(on, _)| on.len())
            .map(|(_, rules)| rules.as_slice())
    }

    /// The rules that post.
    pub fn posting_rules(&self) -> impl Iterator<Item = &str> {
        let all = self.rules.values().flatten();
        all.filter_map(|rule| match &rule.action {
            Action::Post(_) => Some(rule.name.as_str()),
            Action::Ignore(_) => None,
        })
    }

    /// The rules whose balance nobody has shown: they say `unproven: true`.
    pub fn unproven(&self) -> impl Iterator<Item = &str> {
        let all = self.rules.values().flatten();
        all.filter_map(|rule| match &rule.action {
            Action::Post(post) if post.unproven => Some(rule.name.as_str()),
            _ => None,
        })
    }

    /// The look-up tables' names.
    pub fn table_names(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }
}

/// An expression that needs an interpreter, or looks as if it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Computed {
    pub(crate) text: String,
    /// What it is to give.
    pub(crate) want: Want,
    /// What it reads as an amount, or as a list that may be absent.
    pub(crate) reading: Reading,
    /// What the elements of lists are called where it stands.
    pub(crate) aliases: Vec<String>,
    /// The rule in which it stands first.
    pub(crate) rule: String,
}

/// Something to be taken from an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expr {
    /// A plain path, `data.customer.id`: read without an interpreter.
    Path(Vec<String>),
    /// An expression, by its place in [`Program::expressions`].
    Computed(usize),
}

#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) from: Option<NaiveDate>,
    pub(crate) to: Option<NaiveDate>,
    pub(crate) when: Option<Sourced>,
    /// Short names for paths.
    pub(crate) with: Vec<NameRule>,
    /// Whose day it is; always there where the rule posts or is bounded by days.
    pub(crate) entity: Option<Source>,
    pub(crate) date: Option<Moment>,
    pub(crate) action: Action,
}

impl Rule {
    pub(crate) fn in_force(&self, on: NaiveDate) -> bool {
        self.from.is_none_or(|from| from <= on) && self.to.is_none_or(|to| on <= to)
    }

    /// Whether it is in force on some days and not on others.
    pub(crate) const fn is_bounded(&self) -> bool {
        self.from.is_some() || self.to.is_some()
    }
}

/// A short name for a path of the event.
#[derive(Clone, Debug)]
pub(crate) struct NameRule {
    pub(crate) alias: String,
    pub(crate) text: String,
    pub(crate) path: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum Action {
    Ignore(String),
    Post(Box<Post>),
}

/// An expression with the text that people know it by.
#[derive(Clone, Debug)]
pub(crate) struct Sourced {
    pub(crate) text: String,
    pub(crate) expr: Expr,
}

#[derive(Clone, Debug)]
pub(crate) struct Post {
    pub(crate) holds: Vec<Sourced>,
    pub(crate) rounding: Option<RoundingRule>,
    pub(crate) amounts: Amounts,
    pub(crate) unproven: bool,
    pub(crate) entries: Vec<EntryRule>,
}

/// In what the event's amounts count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Amounts {
    /// In the currency's unit: 12.60.
    #[default]
    Decimal,
    /// In its minor unit: 1260; with the sender's exponents where they are not those of ISO 4217.
    Minor(BTreeMap<String, u32>),
}

#[derive(Clone, Debug)]
pub(crate) struct RoundingRule {
    pub(crate) mode: Rounding,
    pub(crate) difference: Option<String>,
    pub(crate) limit: Decimal,
    /// Whether the limit is taken as it is, however many minor units that are.
    pub(crate) unproven: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct EntryRule {
    pub(crate) kind: EntryKind,
    pub(crate) description: String,
    /// Where it is another than the rule's.
    pub(crate) entity: Option<Source>,
    pub(crate) reference: Option<Source>,
    pub(crate) date: Option<Moment>,
    pub(crate) makes: Makes,
}

/// Where the lines of an entry come from.
#[derive(Clone, Debug)]
pub(crate) enum Makes {
    /// From the event.
    Lines(LinesRule),
    /// From an entry in the books, which is taken back.
    Reversal(ReversalRule),
}

#[derive(Clone, Debug)]
pub(crate) struct LinesRule {
    pub(crate) currency: Source,
    pub(crate) rate: Option<Source>,
    pub(crate) lines: Vec<LineRule>,
}

#[derive(Clone, Debug)]
pub(crate) struct ReversalRule {
    /// Whose entry it is: a rule, and what it was called before.
    pub(crate) rules: Vec<String>,
    pub(crate) reference: Source,
    pub(crate) part: PartRule,
}

/// How much of an entry is taken back.
#[derive(Clone, Debug)]
pub(crate) enum PartRule {
    /// All that is left.
    Rest,
    /// A share of the whole.
    Share(Source),
    /// As much as an amount is of its debits.
    Amount { amount: Source, currency: Source },
}

#[derive(Clone, Debug)]
pub(crate) struct LineRule {
    /// The lists that it runs over, the outermost first.
    pub(crate) each: Vec<EachRule>,
    pub(crate) side: Side,
    pub(crate) account: Source,
    pub(crate) amount: Source,
    pub(crate) when: Option<Sourced>,
    pub(crate) dimensions: BTreeMap<String, Source>,
    pub(crate) defer: Option<DeferRule>,
    /// What it has instead where a condition holds; the first that does.
    pub(crate) cases: Vec<CaseRule>,
}

#[derive(Clone, Debug)]
pub(crate) struct EachRule {
    pub(crate) text: String,
    pub(crate) list: Vec<String>,
    pub(crate) alias: String,
    /// Null and absent are the empty list.
    pub(crate) optional: bool,
    /// Which elements have lines at all.
    pub(crate) when: Option<Sourced>,
}

#[derive(Clone, Debug)]
pub(crate) struct CaseRule {
    pub(crate) when: Sourced,
    pub(crate) account: Option<Source>,
    pub(crate) dimensions: BTreeMap<String, Source>,
    pub(crate) defer: Option<DeferRule>,
}

/// A name known when compiling, an expression, or a look-up.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Name(String),
    Value(Sourced),
    Lookup(Lookup),
}

impl Source {
    /// The text that people know it by.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Value(value) => &value.text,
            Self::Lookup(lookup) => &lookup.text,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Lookup {
    /// As in `rates[data.currency]`.
    pub(crate) text: String,
    pub(crate) table: String,
    pub(crate) by: Vec<Sourced>,
    /// What it gives where no row applies.
    pub(crate) default: Option<String>,
}

/// Where a day or a moment stands.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub(crate) source: Sourced,
    pub(crate) unit: Option<Unit>,
    /// In which zone its day is; the entity's where none is named.
    pub(crate) zone: Option<Tz>,
}

/// How a day or a moment is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
    /// `2026-01-31`.
    Day,
    /// `2026-01-31T22:10:00Z`.
    Rfc3339,
}

impl Unit {
    pub(crate) const ALL: [Self; 4] = [Self::Seconds, Self::Milliseconds, Self::Day, Self::Rfc3339];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Day => "day",
            Self::Rfc3339 => "rfc3339",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct DeferRule {
    pub(crate) from: Moment,
    pub(crate) end: Moment,
    /// The service ends before that moment or day, not with it.
    pub(crate) exclusive: bool,
    pub(crate) account: String,
    pub(crate) method: String,
}
