//! Whether a rule's entries balance for every event that keeps its promises.

use crate::diagnostic::{Diagnostics, SourceFile};
use crate::linear::{self, Form, Name, Named};
use crate::program::{EntryRule, LineRule, NameRule, RoundingRule, Source, Sourced};
use crate::yaml::{Text, place};
use ledger::Side;
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// Which rule it is about.
pub(super) struct Raw<'r> {
    pub(super) file: &'r SourceFile<'r>,
    pub(super) name: &'r Text,
    pub(super) with: &'r [NameRule],
}

/// Refuses a rule whose entries cannot be shown to balance for every event.
pub(super) fn prove(
    rule: &Raw<'_>,
    holds: &[Sourced],
    entries: &[EntryRule],
    rounding: Option<&RoundingRule>,
    found: &mut Diagnostics,
) {
    // What is left over goes to an account, within a limit that an event is held to.
    if rounding.is_some_and(|rounding| rounding.difference.is_some()) {
        return;
    }
    let identities: Vec<Form> = holds
        .iter()
        .filter_map(|hold| linear::identity(&hold.text, &names(rule.with, None)))
        .collect();
    let name = &rule.name.value;
    for entry in entries {
        let before = found.0.len();
        for (condition, difference) in differences(entry, rule.with) {
            if linear::follows(&difference, &identities) {
                continue;
            }
            let message = format!(
                "rule `{name}`{} does not balance: debits less credits are {}; state under `holds:` why that is zero, or name `rounding: {{ mode, difference, limit }}`{}",
                if condition.is_empty() {
                    String::new()
                } else {
                    format!(" when {condition}")
                },
                linear::display(&difference),
                of_no_use(holds)
            );
            found.at(rule.file, place(rule.name), message);
        }
        if rounding.is_some()
            && found.0.len() == before
            && !rounds_alike(entry, rule.with, &identities)
        {
            let message = format!(
                "rule `{name}` rounds every line by itself, so that its sides can differ by what is rounded; name `rounding: {{ mode, difference, limit }}`"
            );
            found.at(rule.file, place(rule.name), message);
        }
    }
}

/// Which promises say nothing of sums.
fn of_no_use(holds: &[Sourced]) -> String {
    let useless: Vec<String> = holds
        .iter()
        .filter(|hold| linear::identity(&hold.text, &[]).is_none())
        .map(|hold| format!("`{}`", hold.text))
        .collect();
    if useless.is_empty() {
        String::new()
    } else {
        format!(
            "; {} says nothing of it, for it is no equality",
            useless.join(" and ")
        )
    }
}

fn names<'a>(with: &'a [NameRule], line: Option<&'a LineRule>) -> Vec<Named<'a>> {
    let short = with
        .iter()
        .map(|name| (name.alias.as_str(), Name::Path(name.text.as_str())));
    let each = line.into_iter().flat_map(|line| &line.each);
    let each = each.map(|each| (each.alias.as_str(), Name::Each(each.text.as_str())));
    short.chain(each).collect()
}

fn form(line: &LineRule, names: &[Named<'_>]) -> Form {
    match &line.amount {
        Source::Lookup(lookup) => linear::looked_up(&lookup.text, names),
        other => linear::one_of(other.text(), names),
    }
}

/// Under which condition a line stands; empty where it always does.
fn condition(line: &LineRule, names: &[Named<'_>]) -> String {
    let outer = line.each.iter().filter_map(|each| each.when.as_ref());
    let own = line
        .when
        .as_ref()
        .filter(|when| !linear::says_not_zero(&when.text, line.amount.text(), names));
    let texts: Vec<&str> = outer.chain(own).map(|when| when.text.as_str()).collect();
    texts.join(" and ")
}

/// Debits less credits by condition. Lines of one condition stand or fall together, so each
/// condition must balance by itself.
fn differences(entry: &EntryRule, with: &[NameRule]) -> BTreeMap<String, Form> {
    let mut sums = BTreeMap::<String, Form>::new();
    for line in &entry.lines {
        let sign = if line.side == Side::Debit {
            Decimal::ONE
        } else {
            -Decimal::ONE
        };
        let names = names(with, Some(line));
        let sum = sums.entry(condition(line, &names)).or_default();
        *sum = linear::add(sum, &linear::lifted(form(line, &names), &names), sign);
    }
    sums
}

/// Whether each line has one on the other side of the same amount, so that both round to the same.
fn rounds_alike(entry: &EntryRule, with: &[NameRule], identities: &[Form]) -> bool {
    let of = |side: Side| {
        let lines = entry.lines.iter().filter(move |line| line.side == side);
        lines.map(|line| {
            let names = names(with, Some(line));
            (
                condition(line, &names),
                linear::lists(&names),
                form(line, &names),
            )
        })
    };
    let mut credits: Vec<_> = of(Side::Credit).collect();
    for (condition, lists, form) in of(Side::Debit) {
        let same = |(other_condition, other_lists, other): &(String, Vec<String>, Form)| {
            condition == *other_condition
                && lists == *other_lists
                && linear::follows(&linear::add(&form, other, -Decimal::ONE), identities)
        };
        let Some(at) = credits.iter().position(same) else {
            return false;
        };
        credits.remove(at);
    }
    credits.is_empty()
}
