//! A compiled pack. A value: send it, share it, keep it beside its version.

use crate::table::Table;
use chrono::NaiveDate;
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

    /// The look-up tables' names.
    pub fn table_names(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }
}

/// An expression that needs an interpreter, or looks as if it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Computed {
    pub(crate) text: String,
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
    pub(crate) action: Action,
}

impl Rule {
    pub(crate) fn in_force(&self, on: NaiveDate) -> bool {
        self.from.is_none_or(|from| from <= on) && self.to.is_none_or(|to| on <= to)
    }
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
    pub(crate) entity: Sourced,
    pub(crate) date: Option<Sourced>,
    pub(crate) rate: Option<Sourced>,
    pub(crate) holds: Vec<Sourced>,
    pub(crate) rounding: Option<RoundingRule>,
    pub(crate) entries: Vec<EntryRule>,
}

#[derive(Clone, Debug)]
pub(crate) struct RoundingRule {
    pub(crate) mode: Rounding,
    pub(crate) difference: Option<String>,
    pub(crate) limit: Decimal,
}

#[derive(Clone, Debug)]
pub(crate) struct EntryRule {
    pub(crate) kind: EntryKind,
    pub(crate) description: String,
    pub(crate) reference: Option<Sourced>,
    pub(crate) date: Option<Sourced>,
    pub(crate) currency: Sourced,
    pub(crate) lines: Vec<LineRule>,
}

#[derive(Clone, Debug)]
pub(crate) struct LineRule {
    pub(crate) each: Option<(Sourced, String)>,
    pub(crate) side: Side,
    pub(crate) account: Target,
    pub(crate) amount: Sourced,
    pub(crate) when: Option<Sourced>,
    pub(crate) dimensions: BTreeMap<String, Target>,
    pub(crate) defer: Option<DeferRule>,
}

/// A name known when compiling, an expression, or a look-up.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Name(String),
    Value(Sourced),
    Lookup { table: String, by: Vec<Sourced> },
}

#[derive(Clone, Debug)]
pub(crate) struct DeferRule {
    pub(crate) from: Sourced,
    pub(crate) to: Sourced,
    pub(crate) account: String,
    pub(crate) method: String,
}
