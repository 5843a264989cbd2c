//! Whether a rule's entries balance for every event that keeps its promises.

use crate::diagnostic::{Diagnostics, SourceFile};
use crate::linear::{self, Form, Name, Named};
use crate::program::{
    EntryRule, LineRule, LinesRule, Makes, NameRule, RoundingRule, Source, Sourced,
};
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
    // What is taken back balances as it did.
    let made = entries.iter().filter_map(|entry| match &entry.makes {
        Makes::Lines(lines) => Some(lines),
        Makes::Reversal(_) => None,
    });
    for entry in made {
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
        Source::Lookup(lookup) => {
            let keys: Vec<&str> = lookup.by.iter().map(|key| key.text.as_str()).collect();
            linear::looked_up(&lookup.table, &keys, lookup.default.as_deref(), names)
        }
        other => linear::one_of(other.text(), names),
    }
}

/// A line as the proof sees it.
struct Proven {
    side: Side,
    /// Conditions that hold for all of its elements alike; empty where it always stands.
    condition: String,
    /// The lists that it runs over, the outermost first, each with the conditions that its elements must meet.
    lists: Vec<String>,
    /// One element's amount.
    form: Form,
}

/// What a line's conditions and lists come to. A condition on an element makes another list of the list: what is
/// promised of all of its elements says nothing of some.
fn proven(line: &LineRule, with: &[NameRule]) -> Proven {
    let names = names(with, Some(line));
    let mut lists = linear::lists(&names);
    let mut conditions = Vec::new();
    let own = line
        .when
        .as_ref()
        .filter(|when| !linear::says_not_zero(&when.text, line.amount.text(), &names));
    let of_lists = line.each.iter().enumerate();
    let of_lists = of_lists.filter_map(|(at, each)| Some((at, each.when.as_ref()?)));
    let innermost = line.each.len().saturating_sub(1);
    for (at, when) in of_lists.chain(own.map(|when| (innermost, when))) {
        let visible = with.len() + line.each.len().min(at + 1);
        let written = linear::written(&when.text, names.get(..visible).unwrap_or(&names));
        match lists.get_mut(at) {
            Some(list) if linear::is_of_element(&written) => {
                list.push_str(&format!(" where ({written})"));
            }
            _ => conditions.push(format!("({written})")),
        }
    }
    conditions.sort();
    conditions.dedup();
    Proven {
        side: line.side,
        condition: conditions.join(" and "),
        lists,
        form: form(line, &names),
    }
}

/// Debits less credits by condition. Lines of one condition stand or fall together, so each
/// condition must balance by itself.
fn differences(entry: &LinesRule, with: &[NameRule]) -> BTreeMap<String, Form> {
    let mut sums = BTreeMap::<String, Form>::new();
    for line in &entry.lines {
        let line = proven(line, with);
        let sign = if line.side == Side::Debit {
            Decimal::ONE
        } else {
            -Decimal::ONE
        };
        let sum = sums.entry(line.condition).or_default();
        *sum = linear::add(sum, &linear::lifted(line.form, &line.lists), sign);
    }
    sums
}

/// Whether each line has one on the other side of the same amount, so that both round to the same.
fn rounds_alike(entry: &LinesRule, with: &[NameRule], identities: &[Form]) -> bool {
    let all = entry.lines.iter().map(|line| proven(line, with));
    let (debits, mut credits): (Vec<Proven>, Vec<Proven>) =
        all.partition(|line| line.side == Side::Debit);
    for debit in debits {
        let same = |credit: &Proven| {
            debit.condition == credit.condition
                && debit.lists == credit.lists
                && linear::follows(
                    &linear::add(&debit.form, &credit.form, -Decimal::ONE),
                    identities,
                )
        };
        let Some(at) = credits.iter().position(same) else {
            return false;
        };
        credits.remove(at);
    }
    credits.is_empty()
}
