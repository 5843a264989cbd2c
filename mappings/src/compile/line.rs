//! Lines, and what they run over.

use super::rule::absolute;
use super::{Compiler, Each, Place, unknown_account};
use crate::expression::{self, Parsed};
use crate::program::{CaseRule, DeferRule, EachRule, LineRule, Source};
use crate::reading::{Step, Want};
use crate::schema;
use crate::yaml::{self, Text, Value, place};
use ledger::Side;
use serde_saphyr::Spanned;
use std::collections::BTreeMap;

const ACCOUNT: &[&str] = &["account"];
const AMOUNT: &[&str] = &["number"];
const DIMENSION: &[&str] = &["value", "text", "entity", "currency"];

impl Compiler<'_> {
    /// Lines with those inside them, each with all the lists that it runs over.
    pub(super) fn lines(
        &mut self,
        here: &Place<'_>,
        raw: &[yaml::Line],
        around: &[EachRule],
        found: &mut Vec<LineRule>,
    ) {
        for line in raw {
            let Some((inner, each)) = self.each(here, line, around) else {
                continue;
            };
            match &line.lines {
                None => found.extend(self.line(&inner, line, each)),
                Some(lines) => {
                    if let Some(stray) = own_key(line) {
                        let message = "what holds `lines:` has no side, amount, dimensions or deferral of its own; put them into its lines";
                        self.found.at(&here.file, stray, message.into());
                    }
                    self.lines(&inner, lines, &each, found);
                }
            }
        }
    }

    /// What a line runs over, beside what is around it.
    fn each<'a>(
        &mut self,
        here: &Place<'a>,
        raw: &yaml::Line,
        around: &[EachRule],
    ) -> Option<(Place<'a>, Vec<EachRule>)> {
        let mut each = around.to_vec();
        let (list, alias) = match (&raw.each, &raw.alias) {
            (Some(list), Some(alias)) => (list, alias),
            (None, None) => {
                if let Some(flag) = &raw.optional {
                    let message = "`optional:` belongs to `each:`: a list that may be absent";
                    self.found.at(&here.file, place(flag), message.into());
                }
                return Some((here.clone(), each));
            }
            (Some(text), None) | (None, Some(text)) => {
                let message = "`each:` names a list and `as:` its element; they come together";
                self.found.at(&here.file, place(text), message.into());
                return None;
            }
        };
        let path = self.list(here, list)?;
        if expression::ROOTS.contains(&alias.value.as_str())
            || here.aliases().contains(&alias.value)
        {
            let message = format!(
                "`{}` is taken here; call the element otherwise",
                alias.value
            );
            self.found.at(&here.file, place(alias), message);
            return None;
        }
        let inner = self.inside(here, raw, &path, alias);
        // A condition beside lines of their own says which elements have any.
        let grouped = raw.when.as_ref().filter(|_| raw.lines.is_some());
        let when = self.flag(&inner, grouped);
        each.push(EachRule {
            text: list.value.clone(),
            list: path,
            alias: alias.value.clone(),
            optional: raw.optional.as_ref().is_some_and(|flag| flag.value),
            when,
        });
        Some((inner, each))
    }

    /// The path of a list; an expression is none.
    fn list(&mut self, here: &Place<'_>, raw: &Text) -> Option<Vec<String>> {
        match expression::parse(&raw.value, &here.aliases()) {
            Ok(Parsed::Path(path)) => Some(path),
            Ok(Parsed::Computed) => {
                let message = format!(
                    "`each: {}` computes; name the list by its path, and leave elements out with `when:`",
                    raw.value
                );
                self.found.at(&here.file, place(raw), message);
                None
            }
            Err(problem) => {
                self.found.at(&here.file, place(raw), problem);
                None
            }
        }
    }

    fn inside<'a>(
        &mut self,
        here: &Place<'a>,
        raw: &yaml::Line,
        path: &[String],
        alias: &Text,
    ) -> Place<'a> {
        let at = absolute(path, &here.around())
            .into_iter()
            .chain([Step::Each]);
        let mut inner = here.clone();
        let schema = match self.schema_at(here, path) {
            Some(Ok(schema)) => schema,
            Some(Err(problem)) => {
                let at = raw.each.as_ref().map_or((0, 0), place);
                self.found.at(&here.file, at, problem);
                None
            }
            None => None,
        };
        if let Some(schema) = schema
            && !matches!(schema::kind(schema), schema::Kind::List | schema::Kind::Any)
        {
            let at = raw.each.as_ref().map_or((0, 0), place);
            let message = format!("`{}` is no list in the event's schema", path.join("."));
            self.found.at(&here.file, at, message);
        }
        inner.each.push(Each {
            alias: alias.value.clone(),
            at: at.collect(),
            schema: schema.and_then(schema::items),
        });
        inner
    }

    fn line(
        &mut self,
        here: &Place<'_>,
        raw: &yaml::Line,
        each: Vec<EachRule>,
    ) -> Option<LineRule> {
        let (side, account) = match (&raw.debit, &raw.credit) {
            (Some(account), None) => (Side::Debit, account),
            (None, Some(account)) => (Side::Credit, account),
            _ => {
                let message = "a line is either `debit:` or `credit:`";
                self.found.at(&here.file, place_of(raw), message.into());
                return None;
            }
        };
        let account = self.account(here, account);
        let Some(amount) = &raw.amount else {
            let message = "a line needs `amount:`";
            self.found.at(&here.file, place_of(raw), message.into());
            return None;
        };
        let amount = self.value(here, amount, Want::Number, AMOUNT);
        let when = self.flag(here, raw.when.as_ref());
        let dimensions = self.dimensions(here, &raw.dimensions);
        let defer = raw.defer.as_ref().and_then(|defer| self.defer(here, defer));
        let cases = raw.choose.iter().filter_map(|case| self.case(here, case));
        let cases = cases.collect();
        Some(LineRule {
            each,
            side,
            account: account?,
            amount: amount?,
            when,
            dimensions,
            defer,
            cases,
        })
    }

    fn case(&mut self, here: &Place<'_>, raw: &yaml::Case) -> Option<CaseRule> {
        let account = raw.account.as_ref().and_then(|raw| self.account(here, raw));
        let dimensions = self.dimensions(here, &raw.dimensions);
        let defer = raw.defer.as_ref().and_then(|defer| self.defer(here, defer));
        if raw.account.is_none() && raw.dimensions.is_empty() && raw.defer.is_none() {
            let message = "a case chooses `account:`, `dimensions:` or `defer:`";
            self.found.at(&here.file, place(&raw.when), message.into());
        }
        Some(CaseRule {
            when: self.sourced(here, &raw.when, Want::Flag)?,
            account,
            dimensions,
            defer,
        })
    }

    fn dimensions(
        &mut self,
        here: &Place<'_>,
        raw: &BTreeMap<String, Spanned<Value>>,
    ) -> BTreeMap<String, Source> {
        let mut found = BTreeMap::new();
        for (name, value) in raw {
            if !self.dimensions.contains(name) {
                let known: Vec<&str> = self.dimensions.iter().map(String::as_str).collect();
                let message = format!(
                    "dimension `{name}` is not in chart.yaml; it has {}",
                    known.join(", ")
                );
                self.found.at(&here.file, place(value), message);
            }
            let source = self.value(here, value, Want::Text, DIMENSION);
            found.extend(source.map(|source| (name.clone(), source)));
        }
        found
    }

    fn account(&mut self, here: &Place<'_>, raw: &Spanned<Value>) -> Option<Source> {
        match &raw.value {
            Value::Word(name) => {
                if let Some(problem) = unknown_account(self.chart, name) {
                    self.found.at(&here.file, place(raw), problem);
                    return None;
                }
                Some(Source::Name(name.clone()))
            }
            Value::Lookup(_) => self.value(here, raw, Want::Text, ACCOUNT),
        }
    }

    fn defer(&mut self, here: &Place<'_>, raw: &yaml::Defer) -> Option<DeferRule> {
        if let Some(problem) = unknown_account(self.chart, &raw.account.value) {
            self.found.at(&here.file, place(&raw.account), problem);
            return None;
        }
        if !matches!(raw.method.value.as_str(), "daily" | "monthly") {
            let message = format!(
                "`{}` is no method; there are daily, monthly",
                raw.method.value
            );
            self.found.at(&here.file, place(&raw.method), message);
        }
        let (end, exclusive) = match (&raw.to, &raw.until) {
            (Some(end), None) => (end, false),
            (None, Some(end)) => (end, true),
            _ => {
                let message =
                    "a service ends either with its last day, `to:`, or before a day, `until:`";
                self.found.at(&here.file, place(&raw.from), message.into());
                return None;
            }
        };
        Some(DeferRule {
            from: self.moment(here, Some(&raw.from))?,
            end: self.moment(here, Some(end))?,
            exclusive,
            account: raw.account.value.clone(),
            method: raw.method.value.clone(),
        })
    }
}

/// Where a line stands: at the first of its keys.
fn place_of(raw: &yaml::Line) -> (u64, u64) {
    let values = [&raw.amount, &raw.debit, &raw.credit];
    let texts = [&raw.each, &raw.alias, &raw.when];
    let values = values.into_iter().flatten().map(place);
    let texts = texts.into_iter().flatten().map(place);
    values.chain(texts).min().unwrap_or((0, 0))
}

/// A key that only a line without lines inside it has.
fn own_key(raw: &yaml::Line) -> Option<(u64, u64)> {
    let values = [&raw.amount, &raw.debit, &raw.credit];
    let dimensions = raw.dimensions.values().next().map(place);
    let defer = raw.defer.as_ref().map(|defer| place(&defer.account));
    let choose = raw.choose.first().map(|case| place(&case.when));
    let first = values.into_iter().flatten().map(place).next();
    first.or(dimensions).or(defer).or(choose)
}
