//! Values: expressions, look-ups, moments, and in what amounts count.

use super::{Compiler, Place, unknown_account};
use crate::diagnostic::{Diagnostics, SourceFile};
use crate::expression::{self, Parsed};
use crate::program::{Amounts, Computed, Expr, Lookup, Moment, Source, Sourced, Unit};
use crate::reading::{Pattern, Reading, Step, Want};
use crate::schema;
use crate::yaml::{self, Text, place};
use chrono_tz::Tz;
use ledger::Currency;
use ledger::money::parse_decimal;
use serde_json::Value as Json;
use serde_saphyr::Spanned;
use std::collections::{BTreeMap, BTreeSet};

/// The largest exponent that a currency has in practice, and then some.
const MOST_DECIMALS: u32 = 8;

impl Compiler<'_> {
    /// What a value is: an expression, or a look-up in a table that gives one of `results`.
    pub(super) fn value(
        &mut self,
        here: &Place<'_>,
        raw: &Spanned<yaml::Value>,
        want: Want,
        results: &[&str],
    ) -> Option<Source> {
        match &raw.value {
            yaml::Value::Word(text) => {
                let text = Text::new(text.clone(), raw.referenced, raw.defined);
                self.sourced(here, &text, want).map(Source::Value)
            }
            yaml::Value::Lookup(lookup) => self.lookup(here, lookup, results).map(Source::Lookup),
        }
    }

    fn lookup(&mut self, here: &Place<'_>, raw: &yaml::Lookup, results: &[&str]) -> Option<Lookup> {
        let name = &raw.table.value;
        let Some(table) = self.tables.get(name) else {
            let message = format!("there is no table `{name}`; put it in tables/{name}.csv");
            self.found.at(&here.file, place(&raw.table), message);
            return None;
        };
        if !results.contains(&table.result.as_str()) {
            let message = format!(
                "table `{name}` gives `{}`; here `{}` is needed",
                table.result,
                results.join("` or `")
            );
            self.found.at(&here.file, place(&raw.table), message);
        }
        if table.keys.len() != raw.by.len() {
            let message = format!(
                "table `{name}` is looked up by {} keys ({}), not by {}",
                table.keys.len(),
                table.keys.join(", "),
                raw.by.len()
            );
            self.found.at(&here.file, place(&raw.table), message);
        }
        if let Some(text) = &raw.default
            && let Some(problem) = self.unfit(&table.result.clone(), &text.value)
        {
            self.found.at(&here.file, place(text), problem);
        }
        let by: Vec<Sourced> = raw
            .by
            .iter()
            .filter_map(|key| self.sourced(here, key, Want::Text))
            .collect();
        let keys: Vec<&str> = by.iter().map(|key| key.text.as_str()).collect();
        Some(Lookup {
            text: match &raw.default {
                Some(default) => format!("{name}[{}] else {}", keys.join(", "), default.value),
                None => format!("{name}[{}]", keys.join(", ")),
            },
            table: name.clone(),
            by,
            default: raw.default.as_ref().map(|text| text.value.clone()),
        })
    }

    /// Why a text is not what a column of a table holds.
    fn unfit(&self, result: &str, text: &str) -> Option<String> {
        match result {
            "account" => unknown_account(self.chart, text),
            "rate" | "number" => parse_decimal(text).err().map(|e| e.to_string()),
            "currency" => Currency::from_code(text).err().map(|e| e.to_string()),
            _ => None,
        }
    }

    pub(super) fn flag(&mut self, here: &Place<'_>, raw: Option<&Text>) -> Option<Sourced> {
        self.sourced(here, raw?, Want::Flag)
    }

    pub(super) fn moment(
        &mut self,
        here: &Place<'_>,
        raw: Option<&Spanned<yaml::Moment>>,
    ) -> Option<Moment> {
        let raw = raw?;
        match &raw.value {
            yaml::Moment::Word(text) => {
                let text = Text::new(text.clone(), raw.referenced, raw.defined);
                Some(Moment {
                    source: self.sourced(here, &text, Want::Text)?,
                    unit: None,
                    zone: None,
                })
            }
            yaml::Moment::Place(at) => {
                let source = self.sourced(here, &at.path, Want::Text);
                let unit = at.unit.as_ref().map(|text| self.unit(here, text));
                let zone = at.zone.as_ref().map(|text| self.zone(here, text));
                Some(Moment {
                    source: source?,
                    unit: unit.flatten(),
                    zone: zone.flatten(),
                })
            }
        }
    }

    fn unit(&mut self, here: &Place<'_>, text: &Text) -> Option<Unit> {
        let unit = Unit::ALL.into_iter().find(|unit| unit.name() == text.value);
        if unit.is_none() {
            let message = format!(
                "`{}` is no unit of time; there are {}",
                text.value,
                Unit::ALL.map(Unit::name).join(", ")
            );
            self.found.at(&here.file, place(text), message);
        }
        unit
    }

    fn zone(&mut self, here: &Place<'_>, text: &Text) -> Option<Tz> {
        let zone = text.value.parse().ok();
        if zone.is_none() {
            let message = format!(
                "`{}` is no zone; write one as in Europe/Berlin, or UTC",
                text.value
            );
            self.found.at(&here.file, place(text), message);
        }
        zone
    }

    /// An expression that is to give `want`.
    pub(super) fn sourced(&mut self, here: &Place<'_>, raw: &Text, want: Want) -> Option<Sourced> {
        let text = raw.value.clone();
        let expr = match expression::parse(&text, &here.aliases()) {
            Ok(Parsed::Path(path)) => {
                if let Some(problem) = self.unlike_schema(here, raw, &path, want) {
                    self.found.at(&here.file, place(raw), problem);
                    return None;
                }
                Expr::Path(path)
            }
            Ok(Parsed::Computed) => {
                let index = self.computed(here, &text, want);
                if let Some(both) = self.read_two_ways(index) {
                    let problem = format!(
                        "`{text}`: `{both}` stands as an amount and is compared with a text; compare it with a number"
                    );
                    self.found.at(&here.file, place(raw), problem);
                }
                for problem in self.unlike_schemas(here, index) {
                    let problem = format!("`{text}`: {problem}");
                    self.found.at(&here.file, place(raw), problem);
                }
                Expr::Computed(index)
            }
            Err(mut problem) => {
                let (line, _) = place(raw);
                let index = usize::try_from(line.saturating_sub(1)).unwrap_or(0);
                let source = here.file.text.lines().nth(index).unwrap_or_default();
                if source.contains(&format!("{text} #")) {
                    problem.push_str(
                        "; YAML takes ` #` for a comment, so put the expression in quotes",
                    );
                }
                self.found.at(&here.file, place(raw), problem);
                return None;
            }
        };
        Some(Sourced { text, expr })
    }

    /// Where an expression is kept; the same one once.
    fn computed(&mut self, here: &Place<'_>, text: &str, want: Want) -> usize {
        let mut aliases = here.aliases();
        aliases.retain(|alias| text.contains(alias.as_str()));
        // Elements are read where they stand, lists where they stand in the event.
        let own = here.optional.iter().flat_map(|list| spellings(list, here));
        let reading = Reading::of(text, want, &own.collect::<Vec<_>>());
        let same = |known: &Computed| {
            (known.text.as_str(), known.want) == (text, want)
                && known.reading == reading
                && known.aliases == aliases
        };
        if let Some(index) = self.expressions.iter().position(same) {
            return index;
        }
        self.expressions.push(Computed {
            text: text.to_owned(),
            want,
            reading,
            aliases,
            rule: here.rule.to_owned(),
        });
        self.expressions.len() - 1
    }

    /// What the event's schema says against a path.
    fn unlike_schema(
        &self,
        here: &Place<'_>,
        raw: &Text,
        path: &[String],
        want: Want,
    ) -> Option<String> {
        match self.schema_at(here, path)? {
            Ok(Some(found)) if !schema::gives(found, want) => {
                let what = match want {
                    Want::Number => "number",
                    Want::Flag => "true or false",
                    Want::Text => "single value",
                };
                Some(format!(
                    "`{}` is no {what} in the event's schema",
                    raw.value
                ))
            }
            Ok(_) => None,
            Err(problem) => Some(format!("`{}`: {problem}", raw.value)),
        }
    }

    /// A path that an expression reads as an amount in one place and as a text in another.
    fn read_two_ways(&self, index: usize) -> Option<String> {
        let reading = &self.expressions.get(index)?.reading;
        let mut both = reading
            .texts
            .iter()
            .filter(|text| reading.amounts.contains(text));
        both.next().map(written)
    }

    /// What the event's schema says against the paths of an expression, each once.
    fn unlike_schemas(&self, here: &Place<'_>, index: usize) -> BTreeSet<String> {
        let Some(computed) = self.expressions.get(index) else {
            return BTreeSet::new();
        };
        let reading = &computed.reading;
        let named = reading.named.iter().map(|pattern| (pattern, None));
        let amounts = reading
            .amounts
            .iter()
            .map(|pattern| (pattern, Some("number")));
        let lists = reading.lists.iter().chain(&reading.needed);
        let lists = lists.map(|pattern| (pattern, Some("list")));
        let all = named.chain(amounts).chain(lists);
        all.filter_map(|(pattern, wanted)| self.unlike_schema_at(here, pattern, wanted))
            .collect()
    }

    fn unlike_schema_at(
        &self,
        here: &Place<'_>,
        pattern: &Pattern,
        wanted: Option<&str>,
    ) -> Option<String> {
        let (Step::Name(root), rest) = pattern.split_first()? else {
            return None;
        };
        let schema = if root == "data" {
            here.schema?
        } else {
            let each = here.each.iter().rev().find(|each| each.alias == *root)?;
            each.schema?
        };
        let found = match schema::follow_steps(schema, rest) {
            Ok(found) => found?,
            Err(problem) => return Some(problem),
        };
        let fits = match wanted {
            // A list of amounts is summed as it stands.
            Some("number") => {
                schema::gives(found, Want::Number) || schema::kind(found) == schema::Kind::List
            }
            Some(_) => matches!(schema::kind(found), schema::Kind::List | schema::Kind::Any),
            None => true,
        };
        let name = written(pattern);
        (!fits).then(|| {
            format!(
                "`{name}` is no {} in the event's schema",
                wanted.unwrap_or("value")
            )
        })
    }

    /// What the event's schema says of a path; none where there is no schema.
    pub(super) fn schema_at<'a>(
        &self,
        here: &Place<'a>,
        path: &[String],
    ) -> Option<Result<Option<&'a Json>, String>> {
        let (root, rest) = path.split_first()?;
        if root == "data" {
            return here.schema.map(|schema| schema::follow(schema, rest));
        }
        let each = here.each.iter().rev().find(|each| each.alias == *root)?;
        each.schema.map(|schema| schema::follow(schema, rest))
    }
}

/// A pattern as people write a path.
fn written(pattern: &Pattern) -> String {
    let parts = pattern.iter().map(|step| match step {
        Step::Name(name) => name.as_str(),
        Step::Each => "*",
    });
    parts.collect::<Vec<_>>().join(".")
}

/// All ways in which an expression can name a list: from the event on, and from every name on whose way it is.
fn spellings(list: &Pattern, here: &Place<'_>) -> Vec<Pattern> {
    let mut all = vec![list.clone()];
    for each in &here.each {
        if let Some(rest) = list.strip_prefix(each.at.as_slice()) {
            let alias = Step::Name(each.alias.clone());
            all.push(std::iter::once(alias).chain(rest.iter().cloned()).collect());
        }
    }
    all
}

/// In what amounts count.
pub(super) fn unit_of(
    file: &SourceFile<'_>,
    raw: &Spanned<yaml::Amounts>,
    found: &mut Diagnostics,
) -> Option<Amounts> {
    let problem = match &raw.value {
        yaml::Amounts::Word(word) if word == "decimal" => return Some(Amounts::Decimal),
        yaml::Amounts::Word(word) if word == "minor" => {
            return Some(Amounts::Minor(BTreeMap::new()));
        }
        yaml::Amounts::Word(word) => format!("amounts are `decimal` or `minor`, not `{word}`"),
        yaml::Amounts::Minor(of) => {
            let wrong = of.minor.iter().find_map(|(code, decimals)| {
                let unknown = Currency::from_code(code).err().map(|e| e.to_string());
                unknown.or_else(|| {
                    (*decimals > MOST_DECIMALS).then(|| {
                        format!("{code} with {decimals} decimals: at most {MOST_DECIMALS} are read")
                    })
                })
            });
            match wrong {
                None => return Some(Amounts::Minor(of.minor.clone())),
                Some(problem) => problem,
            }
        }
    };
    found.at(file, place(raw), problem);
    None
}
