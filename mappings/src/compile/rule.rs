//! Rules and their entries.

use super::proof::{self, Raw};
use super::{Compiler, Each, Place, value};
use crate::diagnostic::SourceFile;
use crate::expression::{self, Parsed};
use crate::program::{
    Action, EntryRule, LineRule, LinesRule, Makes, Moment, NameRule, PartRule, Post, ReversalRule,
    RoundingRule, Rule, Source, Sourced,
};
use crate::reading::{Pattern, Step, Want, pattern};
use crate::table::Table;
use crate::yaml::{self, Text, Value, place};
use chrono::NaiveDate;
use ledger::bounds;
use ledger::{EntryKind, Rounding};
use rust_decimal::Decimal;
use serde_saphyr::Spanned;
use std::collections::{BTreeMap, BTreeSet};

/// What a value of a rule is for: the kinds of table that may give it.
const ENTITY: &[&str] = &["entity", "value"];
const CURRENCY: &[&str] = &["currency", "value"];
const RATE: &[&str] = &["rate", "number"];
const TEXT: &[&str] = &["text", "value"];
const SHARE: &[&str] = &["share", "number"];

impl Compiler<'_> {
    pub(super) fn rule(&mut self, file: &SourceFile<'_>, raw: &yaml::Rule) -> Option<Rule> {
        let mut here = Place {
            file: *file,
            rule: &raw.name.value,
            schema: match raw.on.0.as_slice() {
                [one] => self.schemas.get(&one.value),
                _ => None,
            },
            each: Vec::new(),
            optional: &[],
        };
        let with = self.with(&mut here, raw);
        let optional = optional_lists(raw, &here);
        here.optional = &optional;
        let from = self.day(file, raw.from.as_ref());
        let to = self.day(file, raw.to.as_ref());
        let when = self.flag(&here, raw.when.as_ref());
        let is_bounded = from.is_some() || to.is_some();
        let entity = self.owner(&here, raw, is_bounded);
        let whole = self.whole;
        let date = match &raw.date {
            Some(own) => self.moment(&here, Some(own)),
            None => self.moment(&here.of_pack(whole), whole.date.as_ref()),
        };
        let action = match &raw.ignore {
            Some(reason) => {
                if raw.lines.is_some() || raw.entries.is_some() || raw.reverses.is_some() {
                    let message = "a rule that ignores makes no entries; drop `lines`, `reverses` or `ignore`";
                    self.found.at(file, place(reason), message.into());
                }
                Action::Ignore(reason.value.clone())
            }
            None => Action::Post(Box::new(self.post(&here, raw, &with)?)),
        };
        if let Action::Post(_) = &action
            && entity.is_none()
        {
            return None;
        }
        Some(Rule {
            name: raw.name.value.clone(),
            from,
            to,
            when,
            with,
            entity,
            date,
            action,
        })
    }

    /// The pack's and the rule's short names.
    fn with(&mut self, here: &mut Place<'_>, raw: &yaml::Rule) -> Vec<NameRule> {
        let mut found = Vec::new();
        let pack = here.of_pack(self.whole).file;
        let own = here.file;
        let whole = self
            .whole
            .with
            .iter()
            .map(|(alias, path)| (alias, path, pack));
        let all = raw.with.iter().map(|(alias, path)| (alias, path, own));
        for (alias, path, file) in whole.chain(all) {
            let Ok(Parsed::Path(parts)) = expression::parse(&path.value, &here.aliases()) else {
                let message = format!("`{alias}` names no path: `{}`", path.value);
                self.found.at(&file, place(path), message);
                continue;
            };
            if expression::ROOTS.contains(&alias.as_str()) || here.aliases().contains(alias) {
                let message = format!("`{alias}` means something else already; take another name");
                self.found.at(&file, place(path), message);
                continue;
            }
            let schema = self.schema_at(here, &parts);
            let at = absolute(&parts, &here.around());
            here.each.push(Each {
                alias: alias.clone(),
                at,
                schema: schema.and_then(Result::ok).flatten(),
            });
            found.push(NameRule {
                alias: alias.clone(),
                text: path.value.clone(),
                path: parts,
            });
        }
        found
    }

    /// Whose books a rule writes, or whose day bounds it.
    fn owner(&mut self, here: &Place<'_>, raw: &yaml::Rule, is_bounded: bool) -> Option<Source> {
        let whole = self.whole;
        // What ignores on all days needs nobody's day.
        let needed = raw.ignore.is_none() || is_bounded;
        let of_pack = whole.entity.as_ref().filter(|_| needed);
        let Some(entity) = raw.entity.as_ref().or(of_pack) else {
            // Whose day bounds a rule that ignores may be seen from its neighbours, once all are read.
            if raw.ignore.is_none() {
                let message = missing(raw, "entity");
                self.found.at(&here.file, place(&raw.name), message);
            }
            return None;
        };
        let at = match &raw.entity {
            Some(_) => here.clone(),
            None => here.of_pack(whole),
        };
        self.entity(&at, entity)
    }

    /// An entity; a table that gives one knows no days.
    fn entity(&mut self, here: &Place<'_>, entity: &Spanned<Value>) -> Option<Source> {
        let source = self.value(here, entity, Want::Text, ENTITY)?;
        if let Source::Lookup(lookup) = &source
            && self.tables.get(&lookup.table).is_some_and(Table::is_dated)
        {
            let message = format!(
                "table `{}` gives an entity, so it can have no `from` and `to`: which day it is depends on the entity",
                lookup.table
            );
            self.found.at(&here.file, place(entity), message);
        }
        Some(source)
    }

    fn post(&mut self, here: &Place<'_>, raw: &yaml::Rule, with: &[NameRule]) -> Option<Post> {
        let before = self.found.0.len();
        let texts = raw.holds.iter().flat_map(|many| &many.0);
        let holds: Vec<Sourced> = texts
            .filter_map(|text| self.sourced(here, text, Want::Flag))
            .collect();
        let amounts = match &raw.amounts {
            Some(own) => value::unit_of(&here.file, own, self.found),
            None => Some(self.whole.amounts.clone()),
        };
        let mut entries = Vec::new();
        match (&raw.lines, &raw.entries, &raw.reverses) {
            (Some(lines), None, None) => entries.extend(self.entry(here, raw, None, Some(lines))),
            (None, Some(many), None) => {
                for entry in many {
                    let lines = Some(&entry.lines).filter(|lines| !lines.is_empty());
                    entries.extend(self.entry(here, raw, Some(entry), lines));
                }
            }
            (None, None, Some(_)) => entries.extend(self.entry(here, raw, None, None)),
            _ => {
                let message = missing(raw, "lines`, `entries` or `reverses");
                self.found.at(&here.file, place(&raw.name), message);
                return None;
            }
        }
        let unproven = raw.unproven.as_ref().is_some_and(|flag| flag.value);
        let lines = entries
            .iter()
            .filter_map(|entry| match &entry.makes {
                Makes::Lines(lines) => Some(lines.lines.len()),
                Makes::Reversal(_) => None,
            })
            .max();
        let rounding = raw
            .rounding
            .as_ref()
            .and_then(|rounding| self.rounding(here, rounding, lines.unwrap_or(0), unproven));
        // A rule with findings has lost lines: whether the rest balances says nothing.
        if self.found.0.len() == before && !unproven {
            let raw = Raw {
                file: &here.file,
                name: &raw.name,
                with,
            };
            proof::prove(&raw, &holds, &entries, rounding.as_ref(), self.found);
        }
        Some(Post {
            holds,
            rounding,
            amounts: amounts?,
            unproven,
            entries,
        })
    }

    fn entry(
        &mut self,
        here: &Place<'_>,
        rule: &yaml::Rule,
        own: Option<&yaml::Entry>,
        lines: Option<&Vec<yaml::Line>>,
    ) -> Option<EntryRule> {
        let said = own
            .and_then(|own| own.description.as_ref())
            .or(rule.description.as_ref());
        let description = said.map_or_else(
            || rule.name.value.replace('-', " "),
            |text| text.value.clone(),
        );
        self.fits(
            &here.file,
            said.unwrap_or(&rule.name),
            bounds::DESCRIPTION,
            &description,
        );
        let entity = own.and_then(|own| own.entity.as_ref());
        let entity = entity.and_then(|raw| self.entity(here, raw));
        let date = self.moment(here, own.and_then(|own| own.date.as_ref()));
        let reverses = own.map_or(rule.reverses.as_ref(), |own| own.reverses.as_ref());
        let reference = self.reference(here, rule, own, reverses.is_some());
        let raw_kind = own.and_then(|own| own.kind.as_ref()).or(rule.kind.as_ref());
        let (kind, makes) = match (lines, reverses) {
            (Some(lines), None) => {
                let kind = self.kind(here, raw_kind);
                (kind, Makes::Lines(self.made_lines(here, rule, own, lines)?))
            }
            (None, Some(reverses)) => {
                let taken = [
                    ("kind", raw_kind.map(place)),
                    ("rate", own.and_then(|own| own.rate.as_ref()).map(place)),
                ];
                for (key, at) in taken {
                    let Some(at) = at else { continue };
                    let message = format!(
                        "what takes an entry back is a reversal at that entry's own rate; drop `{key}`"
                    );
                    self.found.at(&here.file, at, message);
                }
                let makes = Makes::Reversal(self.reversal(here, rule, own, &reverses.value)?);
                (EntryKind::Reversal, makes)
            }
            _ => {
                let message = format!(
                    "an entry of rule `{}` needs `lines:`, or else `reverses:`",
                    rule.name.value
                );
                self.found.at(&here.file, place(&rule.name), message);
                return None;
            }
        };
        Some(EntryRule {
            kind,
            description,
            entity,
            reference,
            date,
            makes,
        })
    }

    /// What an entry refers to; one that takes another back refers to what that does, if its rule says nothing.
    fn reference(
        &mut self,
        here: &Place<'_>,
        rule: &yaml::Rule,
        own: Option<&yaml::Entry>,
        reverses: bool,
    ) -> Option<Source> {
        let whole = self.whole;
        let said = own
            .and_then(|own| own.reference.as_ref())
            .or(rule.reference.as_ref());
        match (said, &whole.reference) {
            (Some(own), _) => self.value(here, own, Want::Text, TEXT),
            (None, Some(of_pack)) if !reverses => {
                self.value(&here.of_pack(whole), of_pack, Want::Text, TEXT)
            }
            _ => None,
        }
    }

    fn made_lines(
        &mut self,
        here: &Place<'_>,
        rule: &yaml::Rule,
        own: Option<&yaml::Entry>,
        lines: &[yaml::Line],
    ) -> Option<LinesRule> {
        let rate = own.and_then(|own| own.rate.as_ref()).or(rule.rate.as_ref());
        let rate = rate.and_then(|raw| self.value(here, raw, Want::Number, RATE));
        let currency = self.currency(here, rule, own)?;
        let mut compiled: Vec<LineRule> = Vec::new();
        self.lines(here, lines, &[], &mut compiled);
        Some(LinesRule {
            currency,
            rate,
            lines: compiled,
        })
    }

    /// The currency of an entry's amounts.
    fn currency(
        &mut self,
        here: &Place<'_>,
        rule: &yaml::Rule,
        own: Option<&yaml::Entry>,
    ) -> Option<Source> {
        let whole = self.whole;
        let currency = own
            .and_then(|own| own.currency.as_ref())
            .or(rule.currency.as_ref());
        match (currency, &whole.currency) {
            (Some(own), _) => self.value(here, own, Want::Text, CURRENCY),
            (None, Some(of_pack)) => {
                self.value(&here.of_pack(whole), of_pack, Want::Text, CURRENCY)
            }
            (None, None) => {
                let message = format!("rule `{}` needs `currency:`", rule.name.value);
                self.found.at(&here.file, place(&rule.name), message);
                None
            }
        }
    }

    /// What is taken back. Whether its rule is one is seen once all are read.
    fn reversal(
        &mut self,
        here: &Place<'_>,
        rule: &yaml::Rule,
        own: Option<&yaml::Entry>,
        raw: &yaml::Reverses,
    ) -> Option<ReversalRule> {
        let rules: Vec<String> = raw.rule.0.iter().map(|name| name.value.clone()).collect();
        if let Some(first) = raw.rule.0.first() {
            let at = (here.file.path.to_owned(), place(first));
            self.reversed.push((at, first.value.clone()));
        } else {
            let message = "`rule:` names none; say whose entry is taken back";
            self.found
                .at(&here.file, place(&raw.reference), message.into());
        }
        let part = match (&raw.share, &raw.amount) {
            (None, None) => PartRule::Rest,
            (Some(share), None) => PartRule::Share(self.value(here, share, Want::Number, SHARE)?),
            (None, Some(amount)) => PartRule::Amount {
                amount: self.value(here, amount, Want::Number, SHARE)?,
                currency: self.currency(here, rule, own)?,
            },
            (Some(_), Some(amount)) => {
                let message = "either `share:` or `amount:` says how much is taken back; drop one";
                self.found.at(&here.file, place(amount), message.into());
                return None;
            }
        };
        Some(ReversalRule {
            rules,
            reference: self.value(here, &raw.reference, Want::Text, TEXT)?,
            part,
        })
    }

    fn kind(&mut self, here: &Place<'_>, raw: Option<&Text>) -> EntryKind {
        let Some(text) = raw else {
            return EntryKind::Original;
        };
        let known = EntryKind::from_name(&text.value);
        if known.is_none() {
            let names: Vec<&str> = EntryKind::ALL.iter().map(|kind| kind.name()).collect();
            let message = format!(
                "`{}` is no kind of entry; there are {}",
                text.value,
                names.join(", ")
            );
            self.found.at(&here.file, place(text), message);
        }
        known.unwrap_or(EntryKind::Original)
    }

    fn rounding(
        &mut self,
        here: &Place<'_>,
        raw: &yaml::Rounding,
        lines: usize,
        unproven: bool,
    ) -> Option<RoundingRule> {
        let Some(mode) = Rounding::from_name(&raw.mode.value) else {
            let message = format!(
                "`{}` is no rounding; there are half-even, half-up, toward-zero",
                raw.mode.value
            );
            self.found.at(&here.file, place(&raw.mode), message);
            return None;
        };
        if let Some(account) = &raw.difference
            && let Some(problem) = super::unknown_account(self.chart, &account.value)
        {
            self.found.at(&here.file, place(account), problem);
        }
        let limit = match &raw.limit {
            None => Decimal::ZERO,
            Some(text) => match ledger::money::parse_decimal(&text.value) {
                Ok(limit) => limit,
                Err(error) => {
                    self.found.at(&here.file, place(text), error.to_string());
                    return None;
                }
            },
        };
        let most = MOST_PER_LINE * Decimal::from(lines);
        if let Some(text) = raw.limit.as_ref().filter(|_| !unproven && limit > most) {
            let message = format!(
                "a rounding limit of {limit} is more than rounding can make of {lines} lines ({most}); lower it, or say `unproven: true` and answer for what it lets through"
            );
            self.found.at(&here.file, place(text), message);
        }
        let difference = raw.difference.as_ref().map(|account| account.value.clone());
        Some(RoundingRule {
            mode,
            difference,
            limit,
            unproven,
        })
    }

    fn day(&mut self, file: &SourceFile<'_>, raw: Option<&Text>) -> Option<NaiveDate> {
        let text = raw?;
        let day = text.value.parse::<NaiveDate>().ok();
        if day.is_none() {
            let message = format!("`{}` is no day; write 2026-01-31", text.value);
            self.found.at(file, place(text), message);
        }
        day
    }
}

/// The names of rules that an entry takes back and that no rule of the pack makes entries under.
pub(super) fn without_entries<'n>(
    rules: &BTreeMap<String, Vec<Rule>>,
    reversed: impl Iterator<Item = &'n str>,
) -> Vec<(usize, Option<String>)> {
    let makes_lines = |rule: &&Rule| match &rule.action {
        Action::Post(post) => post
            .entries
            .iter()
            .any(|entry| matches!(entry.makes, Makes::Lines(_))),
        Action::Ignore(_) => false,
    };
    let posting: BTreeSet<&str> = rules
        .values()
        .flatten()
        .filter(makes_lines)
        .map(|rule| rule.name.as_str())
        .collect();
    let missing = reversed
        .enumerate()
        .filter(|(_, name)| !posting.contains(name));
    missing
        .map(|(at, name)| {
            (at, {
                ledger::spelling::nearest(name, posting.iter().copied()).map(str::to_owned)
            })
        })
        .collect()
}

/// Gives rules that ignore on some days only, and name no entity, that of their neighbours.
pub(super) fn lend_entities(rules: &mut BTreeMap<String, Vec<Rule>>) -> Vec<String> {
    let mut without = Vec::new();
    for all in rules.values_mut() {
        let owners: Vec<(Source, Option<Moment>, Vec<NameRule>)> = all
            .iter()
            .filter_map(|rule| Some((rule.entity.clone()?, rule.date.clone(), rule.with.clone())))
            .collect();
        let texts: BTreeSet<&str> = owners.iter().map(|(entity, ..)| entity.text()).collect();
        let lent = owners.first().filter(|_| texts.len() == 1);
        let needing = |rule: &&mut Rule| rule.is_bounded() && rule.entity.is_none();
        for rule in all.iter_mut().filter(needing) {
            match lent {
                Some((entity, date, with)) => {
                    rule.entity = Some(entity.clone());
                    // With what is lent come the names that it uses.
                    let own = std::mem::take(&mut rule.with);
                    rule.with.clone_from(with);
                    let known = |alias: &str| with.iter().any(|name| name.alias == alias);
                    rule.with
                        .extend(own.into_iter().filter(|name| !known(&name.alias)));
                    if rule.date.is_none() {
                        rule.date.clone_from(date);
                    }
                }
                None => without.push(rule.name.clone()),
            }
        }
    }
    without
}

/// A few minor units of a currency without decimals; of others an entry is held to as many of theirs.
const MOST_PER_LINE: Decimal = Decimal::from_parts(5, 0, 0, false, 0);

fn missing(raw: &yaml::Rule, what: &str) -> String {
    format!(
        "rule `{}` needs `{what}:`, or `ignore:` with a reason",
        raw.name.value
    )
}

/// The lists that a rule calls optional, wherever its lines run over them.
fn optional_lists(raw: &yaml::Rule, here: &Place<'_>) -> Vec<Pattern> {
    let mut found = Vec::new();
    let around = here.around();
    let entries = raw.entries.iter().flatten().map(|entry| &entry.lines);
    for lines in raw.lines.iter().chain(entries) {
        collect_optional(lines, &around, &mut found);
    }
    found
}

fn collect_optional(lines: &[yaml::Line], around: &[(String, Pattern)], found: &mut Vec<Pattern>) {
    for line in lines {
        let (Some(list), Some(alias)) = (&line.each, &line.alias) else {
            continue;
        };
        let Ok(Some(path)) = expression::with_tree(&list.value, expression::path_of) else {
            continue;
        };
        let at = absolute(&path, around);
        if line.optional.as_ref().is_some_and(|flag| flag.value) {
            found.push(at.clone());
        }
        let mut inside = around.to_vec();
        let elements = at.into_iter().chain([Step::Each]).collect();
        inside.push((alias.value.clone(), elements));
        collect_optional(line.lines.as_deref().unwrap_or_default(), &inside, found);
    }
}

/// Where a list stands that may begin with what an element is called.
pub(super) fn absolute(path: &[String], around: &[(String, Pattern)]) -> Pattern {
    let element = path.split_first().and_then(|(root, rest)| {
        let (_, at) = around.iter().rev().find(|(alias, _)| alias == root)?;
        Some((at.clone(), rest))
    });
    match element {
        Some((mut at, rest)) => {
            at.extend(pattern(rest));
            at
        }
        None => pattern(path),
    }
}
