//! From files to a program: parse, resolve, check, prove. All findings are collected.

use crate::diagnostic::{Diagnostics, SourceFile};
use crate::expression::{self, Parsed};
use crate::linear::{self, Form};
use crate::pack::Pack;
use crate::program::{
    Action, Computed, DeferRule, EntryRule, Expr, LineRule, Post, Program, RoundingRule, Rule,
    Sourced, Target,
};
use crate::schema;
use crate::table::Table;
use crate::yaml::{self, Choice, Text, place};
use chrono::NaiveDate;
use ledger::bounds::{self, Bound};
use ledger::{Account, Chart, EntryKind, Rounding, Side};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChartFile {
    accounts: Vec<Account>,
    #[serde(default)]
    dimensions: Vec<String>,
}

/// Compiles a pack.
///
/// # Errors
/// All [`Diagnostics`]; nothing is compiled while one is left.
pub fn compile(pack: &Pack) -> Result<Program, Diagnostics> {
    let mut found = Diagnostics::default();
    let (chart, dimensions) = read_chart(pack, &mut found);
    if !found.0.is_empty() {
        // Without a chart every account would look misspelt.
        return Err(found);
    }
    let tables = read_tables(pack, &chart, &mut found);
    let schemas = read_schemas(pack, &mut found);
    let mut compiler = Compiler {
        chart: &chart,
        dimensions: &dimensions,
        tables: &tables,
        schemas: &schemas,
        found: &mut found,
        expressions: Vec::new(),
        names: BTreeMap::new(),
    };
    let mut rules = BTreeMap::<String, Vec<Rule>>::new();
    for (path, bytes) in pack.rules() {
        compiler.file(path, bytes, &mut rules);
    }
    let expressions = compiler.expressions;
    if rules.is_empty() && found.0.is_empty() {
        found.about(
            &pack.name,
            "the pack has no rules; add a file `name.yaml` with `rules:`".into(),
        );
    }
    if !found.0.is_empty() {
        return Err(found);
    }
    Ok(Program {
        pack: pack.name.clone(),
        version: pack.version(),
        chart,
        rules,
        tables,
        expressions,
    })
}

fn read_chart(pack: &Pack, found: &mut Diagnostics) -> (Chart, BTreeSet<String>) {
    let Some(text) = text_of(pack, "chart.yaml", found) else {
        return (Chart::default(), BTreeSet::new());
    };
    let file = SourceFile {
        path: "chart.yaml",
        text,
    };
    match serde_saphyr::from_str::<ChartFile>(text) {
        Ok(read) => match Chart::new(read.accounts) {
            Ok(chart) => (chart, read.dimensions.into_iter().collect()),
            Err(error) => {
                found.about("chart.yaml", error.to_string());
                (Chart::default(), BTreeSet::new())
            }
        },
        Err(error) => {
            yaml_error(&file, &error, found);
            (Chart::default(), BTreeSet::new())
        }
    }
}

fn text_of<'p>(pack: &'p Pack, path: &str, found: &mut Diagnostics) -> Option<&'p str> {
    let Some(bytes) = pack.files.get(path) else {
        found.about(path, "the pack needs this file".into());
        return None;
    };
    utf8(path, bytes, found)
}

fn utf8<'p>(path: &str, bytes: &'p [u8], found: &mut Diagnostics) -> Option<&'p str> {
    let text = std::str::from_utf8(bytes);
    if let Err(error) = &text {
        found.about(path, format!("not UTF-8: {error}"));
    }
    text.ok()
        .map(|text| text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn yaml_error(file: &SourceFile<'_>, error: &serde_saphyr::Error, found: &mut Diagnostics) {
    let at = error
        .location()
        .map_or((0, 0), |location| (location.line(), location.column()));
    let message = error.without_snippet().to_string();
    let message = message
        .split(" at line ")
        .next()
        .unwrap_or_default()
        .to_owned();
    found.at(file, at, message);
}

fn read_tables(pack: &Pack, chart: &Chart, found: &mut Diagnostics) -> BTreeMap<String, Table> {
    let mut tables = BTreeMap::new();
    for (path, name, bytes) in pack.tables() {
        let Some(text) = utf8(path, bytes, found) else {
            continue;
        };
        let file = SourceFile { path, text };
        let Some(table) = Table::parse(&file, name, found) else {
            continue;
        };
        for (line, result) in table.results() {
            let problem = match table.result.as_str() {
                "account" => unknown_account(chart, result),
                "rate" => ledger::money::parse_decimal(result)
                    .err()
                    .map(|e| e.to_string()),
                _ => None,
            };
            if let Some(problem) = problem {
                found.at(&file, (line, 0), problem);
            }
        }
        tables.insert(name.to_owned(), table);
    }
    tables
}

fn read_schemas(pack: &Pack, found: &mut Diagnostics) -> BTreeMap<String, Value> {
    let mut schemas = BTreeMap::new();
    for (path, name, bytes) in pack.schemas() {
        match serde_json::from_slice::<Value>(bytes) {
            Ok(schema) => {
                schemas.insert(name.to_owned(), schema);
            }
            Err(error) => found.about(path, format!("no JSON Schema: {error}")),
        }
    }
    schemas
}

fn unknown_account(chart: &Chart, name: &str) -> Option<String> {
    if chart.get(name).is_some() {
        return None;
    }
    Some(match chart.nearest(name) {
        Some(near) => format!("account `{name}` is not in the chart; did you mean `{near}`?"),
        None => format!("account `{name}` is not in the chart; add it to chart.yaml"),
    })
}

/// The element of a list that a line runs over.
#[derive(Clone, Copy)]
struct Each<'a> {
    alias: &'a str,
    schema: Option<&'a Value>,
}

#[derive(Clone, Copy)]
struct Place<'a> {
    file: SourceFile<'a>,
    rule: &'a str,
    schema: Option<&'a Value>,
    each: Option<Each<'a>>,
}

struct Compiler<'c> {
    chart: &'c Chart,
    dimensions: &'c BTreeSet<String>,
    tables: &'c BTreeMap<String, Table>,
    schemas: &'c BTreeMap<String, Value>,
    found: &'c mut Diagnostics,
    expressions: Vec<Computed>,
    /// Names of rules, with file and line, to refuse a second one.
    names: BTreeMap<String, (String, u64)>,
}

impl Compiler<'_> {
    fn file(&mut self, path: &str, bytes: &[u8], rules: &mut BTreeMap<String, Vec<Rule>>) {
        let Some(text) = utf8(path, bytes, self.found) else {
            return;
        };
        let file = SourceFile { path, text };
        let read = match serde_saphyr::from_str::<yaml::RuleFile>(text) {
            Ok(read) => read,
            Err(error) => return yaml_error(&file, &error, self.found),
        };
        for raw in &read.rules {
            let at = place(&raw.name);
            let name = raw.name.value.clone();
            if let Some((path, line)) = self.names.insert(name.clone(), (path.to_owned(), at.0)) {
                let message =
                    format!("rule `{name}` stands already in {path}:{line}; names are unique");
                self.found.at(&file, at, message);
            }
            self.fits(&file, &raw.name, bounds::CODE, &name);
            let Some(rule) = self.rule(&file, raw) else {
                continue;
            };
            let others = rules.entry(raw.on.value.clone()).or_default();
            let rival = others.iter().find(|other| both_apply(other, &rule));
            if let Some(rival) = rival {
                let message = format!(
                    "`{}` and `{name}` answer to the same events on the same days; end one with `to:`, or tell them apart with `when:`",
                    rival.name
                );
                self.found.at(&file, at, message);
            }
            others.push(rule);
        }
    }

    /// A text of the pack that every entry carries is such as comes in from outside.
    fn fits(&mut self, file: &SourceFile<'_>, raw: &Text, bound: Bound, text: &str) {
        if let Err(problem) = bound.check(text) {
            self.found
                .at(file, place(raw), format!("the text {problem}"));
        }
    }

    fn rule(&mut self, file: &SourceFile<'_>, raw: &yaml::Rule) -> Option<Rule> {
        let schema = self.schemas.get(&raw.on.value);
        let here = Place {
            file: *file,
            rule: &raw.name.value,
            schema,
            each: None,
        };
        let from = self.day(file, raw.from.as_ref());
        let to = self.day(file, raw.to.as_ref());
        let when = self.optional(&here, raw.when.as_ref());
        let action = match &raw.ignore {
            Some(reason) => {
                if raw.lines.is_some() || raw.entries.is_some() {
                    let message = "a rule that ignores makes no entries; drop `lines` or `ignore`";
                    self.found.at(file, place(reason), message.into());
                }
                Action::Ignore(reason.value.clone())
            }
            None => Action::Post(Box::new(self.post(&here, raw)?)),
        };
        Some(Rule {
            name: raw.name.value.clone(),
            from,
            to,
            when,
            action,
        })
    }

    fn post(&mut self, here: &Place<'_>, raw: &yaml::Rule) -> Option<Post> {
        let missing = |what: &str| {
            format!(
                "rule `{}` needs `{what}:`, or `ignore:` with a reason",
                raw.name.value
            )
        };
        let Some(entity) = &raw.entity else {
            self.found
                .at(&here.file, place(&raw.name), missing("entity"));
            return None;
        };
        let before = self.found.0.len();
        let entity = self.sourced(here, entity);
        let date = self.optional(here, raw.date.as_ref());
        let rate = self.optional(here, raw.rate.as_ref());
        let holds: Vec<Sourced> = raw
            .holds
            .iter()
            .flat_map(|many| &many.0)
            .filter_map(|text| self.sourced(here, text))
            .collect();
        let rounding = raw
            .rounding
            .as_ref()
            .and_then(|rounding| self.rounding(here, rounding));
        let mut entries = Vec::new();
        match (&raw.lines, &raw.entries) {
            (Some(lines), None) => entries.extend(self.entry(here, raw, None, lines)),
            (None, Some(many)) => {
                for entry in many {
                    entries.extend(self.entry(here, raw, Some(entry), &entry.lines));
                }
            }
            _ => {
                let message = missing("lines` or `entries");
                self.found.at(&here.file, place(&raw.name), message);
                return None;
            }
        }
        // A rule with findings has lost lines: whether the rest balances says nothing.
        let sound = self.found.0.len() == before;
        if sound
            && rounding
                .as_ref()
                .is_none_or(|rounding| rounding.difference.is_none())
        {
            self.prove(&here.file, raw, &holds, &entries);
        }
        Some(Post {
            entity: entity?,
            date,
            rate,
            holds,
            rounding,
            entries,
        })
    }

    fn entry(
        &mut self,
        here: &Place<'_>,
        rule: &yaml::Rule,
        own: Option<&yaml::Entry>,
        lines: &[yaml::Line],
    ) -> Option<EntryRule> {
        let kind = own.and_then(|own| own.kind.as_ref()).or(rule.kind.as_ref());
        let kind = match kind {
            None => EntryKind::Original,
            Some(text) => {
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
        };
        let description = own
            .and_then(|own| own.description.as_ref())
            .or(rule.description.as_ref())
            .map_or_else(
                || rule.name.value.replace('-', " "),
                |text| text.value.clone(),
            );
        let said = own
            .and_then(|own| own.description.as_ref())
            .or(rule.description.as_ref());
        self.fits(
            &here.file,
            said.unwrap_or(&rule.name),
            bounds::DESCRIPTION,
            &description,
        );
        let reference = own
            .and_then(|own| own.reference.as_ref())
            .or(rule.reference.as_ref());
        let reference = self.optional(here, reference);
        let date = self.optional(here, own.and_then(|own| own.date.as_ref()));
        let currency = own
            .and_then(|own| own.currency.as_ref())
            .or(rule.currency.as_ref());
        let Some(currency) = currency else {
            let message = format!("rule `{}` needs `currency:`", rule.name.value);
            self.found.at(&here.file, place(&rule.name), message);
            return None;
        };
        let currency = self.sourced(here, currency)?;
        let lines: Vec<LineRule> = lines
            .iter()
            .filter_map(|line| self.line(here, line))
            .collect();
        Some(EntryRule {
            kind,
            description,
            reference,
            date,
            currency,
            lines,
        })
    }

    fn line(&mut self, here: &Place<'_>, raw: &yaml::Line) -> Option<LineRule> {
        let each = match (&raw.each, &raw.alias) {
            (Some(list), Some(alias)) => Some((self.sourced(here, list)?, alias.value.clone())),
            (None, None) => None,
            (Some(text), None) | (None, Some(text)) => {
                let message = "`each:` names a list and `as:` its element; they come together";
                self.found.at(&here.file, place(text), message.into());
                return None;
            }
        };
        let schema = each
            .as_ref()
            .and_then(|(list, _)| self.list_schema(here, list, raw));
        let inner = Place {
            each: each.as_ref().map(|(_, alias)| Each { alias, schema }),
            ..*here
        };
        let (side, account) = match (&raw.debit, &raw.credit) {
            (Some(account), None) => (Side::Debit, account),
            (None, Some(account)) => (Side::Credit, account),
            _ => {
                let message = "a line is either `debit:` or `credit:`";
                self.found
                    .at(&here.file, place(&raw.amount), message.into());
                return None;
            }
        };
        let account = self.account(&inner, account);
        let amount = self.amount(&inner, &raw.amount);
        let when = self.optional(&inner, raw.when.as_ref());
        let mut dimensions = BTreeMap::new();
        for (name, value) in &raw.dimensions {
            if !self.dimensions.contains(name) {
                let known: Vec<&str> = self.dimensions.iter().map(String::as_str).collect();
                let message = format!(
                    "dimension `{name}` is not in chart.yaml; it has {}",
                    known.join(", ")
                );
                self.found.at(&here.file, place(value), message);
            }
            let target = match &value.value {
                Choice::Word(text) => {
                    let text = Text::new(text.clone(), value.referenced, value.defined);
                    self.sourced(&inner, &text).map(Target::Value)
                }
                Choice::Lookup(lookup) => self.lookup(&inner, lookup, "value"),
            };
            dimensions.extend(target.map(|target| (name.clone(), target)));
        }
        let defer = raw
            .defer
            .as_ref()
            .and_then(|defer| self.defer(&inner, defer));
        Some(LineRule {
            each,
            side,
            account: account?,
            amount: amount?,
            when,
            dimensions,
            defer,
        })
    }

    fn list_schema<'a>(
        &mut self,
        here: &Place<'a>,
        list: &Sourced,
        raw: &yaml::Line,
    ) -> Option<&'a Value> {
        let Expr::Path(path) = &list.expr else {
            return None;
        };
        let schema = schema::follow(here.schema?, path.get(1..)?).ok()??;
        if !matches!(schema::kind(schema), schema::Kind::List | schema::Kind::Any) {
            let at = raw.each.as_ref().map_or((0, 0), place);
            self.found.at(
                &here.file,
                at,
                format!("`{}` is no list in the event's schema", list.text),
            );
        }
        schema::items(schema)
    }

    fn account(&mut self, here: &Place<'_>, raw: &serde_saphyr::Spanned<Choice>) -> Option<Target> {
        match &raw.value {
            Choice::Word(name) => {
                if let Some(problem) = unknown_account(self.chart, name) {
                    self.found.at(&here.file, place(raw), problem);
                    return None;
                }
                Some(Target::Name(name.clone()))
            }
            Choice::Lookup(lookup) => self.lookup(here, lookup, "account"),
        }
    }

    fn lookup(&mut self, here: &Place<'_>, raw: &yaml::Lookup, result: &str) -> Option<Target> {
        let name = &raw.lookup.value;
        let Some(table) = self.tables.get(name) else {
            let message = format!("there is no table `{name}`; put it in tables/{name}.csv");
            self.found.at(&here.file, place(&raw.lookup), message);
            return None;
        };
        if table.result != result {
            let message = format!(
                "table `{name}` gives `{}`; here `{result}` is needed",
                table.result
            );
            self.found.at(&here.file, place(&raw.lookup), message);
        }
        if table.keys.len() != raw.by.len() {
            let message = format!(
                "table `{name}` is looked up by {} keys ({}), not by {}",
                table.keys.len(),
                table.keys.join(", "),
                raw.by.len()
            );
            self.found.at(&here.file, place(&raw.lookup), message);
        }
        let by: Vec<Sourced> = raw
            .by
            .iter()
            .filter_map(|key| self.sourced(here, key))
            .collect();
        Some(Target::Lookup {
            table: name.clone(),
            by,
        })
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
        Some(DeferRule {
            from: self.sourced(here, &raw.from)?,
            to: self.sourced(here, &raw.to)?,
            account: raw.account.value.clone(),
            method: raw.method.value.clone(),
        })
    }

    fn rounding(&mut self, here: &Place<'_>, raw: &yaml::Rounding) -> Option<RoundingRule> {
        let Some(mode) = Rounding::from_name(&raw.mode.value) else {
            let message = format!(
                "`{}` is no rounding; there are half-even, half-up, toward-zero",
                raw.mode.value
            );
            self.found.at(&here.file, place(&raw.mode), message);
            return None;
        };
        if let Some(account) = &raw.difference
            && let Some(problem) = unknown_account(self.chart, &account.value)
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
        let difference = raw.difference.as_ref().map(|account| account.value.clone());
        Some(RoundingRule {
            mode,
            difference,
            limit,
        })
    }

    fn day(&mut self, file: &SourceFile<'_>, raw: Option<&Text>) -> Option<NaiveDate> {
        let text = raw?;
        let day = text.value.parse().ok();
        if day.is_none() {
            let message = format!("`{}` is no day; write 2026-01-31", text.value);
            self.found.at(file, place(text), message);
        }
        day
    }

    fn optional(&mut self, here: &Place<'_>, raw: Option<&Text>) -> Option<Sourced> {
        self.sourced(here, raw?)
    }

    fn amount(&mut self, here: &Place<'_>, raw: &Text) -> Option<Sourced> {
        let sourced = self.sourced(here, raw)?;
        if let Expr::Path(path) = &sourced.expr
            && let Some(Ok(Some(found))) = schema_of(here, path)
            && !matches!(
                schema::kind(found),
                schema::Kind::Amount | schema::Kind::Any
            )
            && found.get("type") != Some(&Value::String("string".into()))
        {
            let message = format!("`{}` is no number in the event's schema", sourced.text);
            self.found.at(&here.file, place(raw), message);
        }
        Some(sourced)
    }

    fn sourced(&mut self, here: &Place<'_>, raw: &Text) -> Option<Sourced> {
        let text = raw.value.clone();
        match expression::parse(&text, here.each.map(|each| each.alias)) {
            Ok(Parsed::Path(path)) => {
                if let Some(Err(problem)) = schema_of(here, &path) {
                    self.found
                        .at(&here.file, place(raw), format!("`{text}`: {problem}"));
                    return None;
                }
                Some(Sourced {
                    text,
                    expr: Expr::Path(path),
                })
            }
            Ok(Parsed::Computed) => {
                let mut known = self.expressions.iter();
                let known = known.position(|known| known.text == text);
                let index = known.unwrap_or_else(|| {
                    self.expressions.push(Computed {
                        text: text.clone(),
                        rule: here.rule.to_owned(),
                    });
                    self.expressions.len() - 1
                });
                Some(Sourced {
                    text,
                    expr: Expr::Computed(index),
                })
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
                self.found.at(&here.file, (line, place(raw).1), problem);
                None
            }
        }
    }

    /// Refuses a rule whose entries cannot be shown to balance for every event.
    fn prove(
        &mut self,
        file: &SourceFile<'_>,
        raw: &yaml::Rule,
        holds: &[Sourced],
        entries: &[EntryRule],
    ) {
        let identities: Vec<Form> = holds
            .iter()
            .filter_map(|hold| linear::identity(&hold.text))
            .collect();
        for entry in entries {
            for (condition, difference) in differences(entry) {
                let at = place(&raw.name);
                if linear::follows(&difference, &identities) {
                    continue;
                }
                let message = format!(
                    "rule `{}`{} does not balance: debits less credits are {}; state under `holds:` why that is zero, or name `rounding: {{ mode, difference, limit }}`",
                    raw.name.value,
                    if condition.is_empty() {
                        String::new()
                    } else {
                        format!(" when {condition}")
                    },
                    linear::display(&difference)
                );
                self.found.at(file, at, message);
            }
        }
    }
}

/// Debits less credits by condition. Lines of one condition stand or fall together, so each
/// condition must balance by itself.
fn differences(entry: &EntryRule) -> BTreeMap<String, Form> {
    let mut sums = BTreeMap::<String, Form>::new();
    for line in &entry.lines {
        let each = line
            .each
            .as_ref()
            .map(|(list, alias)| (list.text.as_str(), alias.as_str()));
        let alias = each.map(|(_, alias)| alias);
        let condition = match &line.when {
            Some(when) if !linear::says_not_zero(&when.text, &line.amount.text, alias) => {
                when.text.clone()
            }
            _ => String::new(),
        };
        let sign = if line.side == Side::Debit {
            Decimal::ONE
        } else {
            -Decimal::ONE
        };
        let form = linear::amount(&line.amount.text, each);
        let sum = sums.entry(condition).or_default();
        *sum = linear::add(sum, &form, sign);
    }
    sums
}

fn schema_of<'a>(here: &Place<'a>, path: &[String]) -> Option<Result<Option<&'a Value>, String>> {
    let (root, rest) = path.split_first()?;
    if root == "data" {
        return here.schema.map(|schema| schema::follow(schema, rest));
    }
    let each = here.each?;
    (root == each.alias).then(|| each.schema.map(|schema| schema::follow(schema, rest)))?
}

fn both_apply(a: &Rule, b: &Rule) -> bool {
    let starts_before = |a: &Rule, b: &Rule| match (a.from, b.to) {
        (Some(from), Some(to)) => from <= to,
        _ => true,
    };
    a.when.is_none() && b.when.is_none() && starts_before(a, b) && starts_before(b, a)
}
