//! From files to a program: parse, resolve, check, prove. All findings are collected.

mod line;
mod overlap;
mod proof;
mod rule;
mod value;

use crate::diagnostic::{Diagnostics, SourceFile};
use crate::pack::Pack;
use crate::program::{Amounts, Computed, Program, Rule};
use crate::reading::Pattern;
use crate::table::Table;
use crate::yaml::{self, Text, place};
use formats::envelope::Envelope;
use ledger::bounds::Bound;
use ledger::{Account, Chart, Currency};
use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::Spanned;
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
    let whole = read_pack(pack, &mut found);
    let mut warnings = Diagnostics::default();
    let mut compiler = Compiler {
        chart: &chart,
        dimensions: &dimensions,
        tables: &tables,
        schemas: &schemas,
        whole: &whole,
        found: &mut found,
        warnings: &mut warnings,
        expressions: Vec::new(),
        names: BTreeMap::new(),
        reversed: Vec::new(),
    };
    let mut rules = BTreeMap::<String, Vec<Rule>>::new();
    for (path, bytes) in pack.rules() {
        compiler.file(path, bytes, &mut rules);
    }
    for name in rule::lend_entities(&mut rules) {
        compiler.without_entity(pack, &name);
    }
    compiler.reversed_rules_exist(pack, &rules);
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
        warnings: warnings.0,
        envelope: whole.envelope,
    })
}

/// The file that speaks for all rules.
const PACK: &str = "pack.yaml";

/// What a whole pack says once.
#[derive(Debug, Default)]
struct Whole {
    /// The file's text, for findings about what it says.
    text: String,
    amounts: Amounts,
    with: Vec<(String, Text)>,
    entity: Option<Spanned<yaml::Value>>,
    date: Option<Spanned<yaml::Moment>>,
    reference: Option<Spanned<yaml::Value>>,
    currency: Option<Spanned<yaml::Value>>,
    envelope: Option<Envelope>,
}

fn read_pack(pack: &Pack, found: &mut Diagnostics) -> Whole {
    let path = PACK;
    let Some(bytes) = pack.files.get(path) else {
        return Whole::default();
    };
    let Some(text) = utf8(path, bytes, found) else {
        return Whole::default();
    };
    let file = SourceFile { path, text };
    match serde_saphyr::from_str::<yaml::PackFile>(text) {
        Ok(read) => {
            let amounts = read.amounts.as_ref();
            let amounts = amounts.and_then(|raw| value::unit_of(&file, raw, found));
            Whole {
                text: text.to_owned(),
                amounts: amounts.unwrap_or_default(),
                with: read.with.into_iter().collect(),
                entity: read.entity,
                date: read.date,
                reference: read.reference,
                currency: read.currency,
                envelope: read.envelope,
            }
        }
        Err(error) => {
            yaml_error(&file, &error, found);
            Whole::default()
        }
    }
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
                // Where it stands last: what stands twice is wrong the second time.
                let entry = format!("account: {}", error.account());
                let says = |line: &str| {
                    let line = line.trim_end_matches([' ', '}', ',']);
                    line.contains(&format!("{entry},")) || line.ends_with(&entry)
                };
                let lines: Vec<&str> = text.lines().collect();
                match lines.iter().rposition(|line| says(line)) {
                    Some(at) => {
                        let line = u64::try_from(at).unwrap_or(0) + 1;
                        found.at(&file, (line, 0), error.to_string());
                    }
                    None => found.about("chart.yaml", error.to_string()),
                }
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

/// The text of a file that was read already.
fn text_in<'p>(pack: &'p Pack, path: &str) -> &'p str {
    let bytes = pack.files.get(path).map(Vec::as_slice);
    std::str::from_utf8(bytes.unwrap_or_default()).unwrap_or_default()
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
                "rate" | "number" => ledger::money::parse_decimal(result)
                    .err()
                    .map(|e| e.to_string()),
                "currency" => Currency::from_code(result).err().map(|e| e.to_string()),
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
    if let Some(now) = chart.find(name) {
        return Some(format!("account `{name}` is called `{}` now", now.account));
    }
    Some(match chart.nearest(name) {
        Some(near) => format!("account `{name}` is not in the chart; did you mean `{near}`?"),
        None => format!("account `{name}` is not in the chart; add it to chart.yaml"),
    })
}

/// A name beside `data`: a short one for a path, or an element of a list that a line runs over.
#[derive(Clone, Debug)]
struct Each<'a> {
    alias: String,
    /// Where it stands.
    at: Pattern,
    schema: Option<&'a Value>,
}

/// Where a part of a rule stands, and what names mean there.
#[derive(Clone)]
struct Place<'a> {
    file: SourceFile<'a>,
    rule: &'a str,
    schema: Option<&'a Value>,
    /// The names around, the outermost first.
    each: Vec<Each<'a>>,
    /// The rule's lists that may be absent.
    optional: &'a [Pattern],
}

impl<'a> Place<'a> {
    /// The same in the pack's own file.
    fn of_pack(&self, whole: &'a Whole) -> Self {
        let file = SourceFile {
            path: PACK,
            text: &whole.text,
        };
        Self {
            file,
            ..self.clone()
        }
    }

    fn aliases(&self) -> Vec<String> {
        self.each.iter().map(|each| each.alias.clone()).collect()
    }

    /// What each name means, from the event on.
    fn around(&self) -> Vec<(String, Pattern)> {
        let all = self.each.iter();
        all.map(|each| (each.alias.clone(), each.at.clone()))
            .collect()
    }
}

struct Compiler<'c> {
    chart: &'c Chart,
    dimensions: &'c BTreeSet<String>,
    tables: &'c BTreeMap<String, Table>,
    schemas: &'c BTreeMap<String, Value>,
    /// What holds for rules that do not say otherwise.
    whole: &'c Whole,
    found: &'c mut Diagnostics,
    warnings: &'c mut Diagnostics,
    expressions: Vec<Computed>,
    /// Names of rules, with file and line, to refuse a second one.
    names: BTreeMap<String, (String, u64)>,
    /// Rules whose entries are taken back, with the places where they are named.
    reversed: Vec<((String, (u64, u64)), String)>,
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
            self.named(&file, raw);
            let Some(rule) = self.rule(&file, raw) else {
                continue;
            };
            for on in &raw.on.0 {
                if on.value.trim_end_matches(".*").contains('*') || on.value == ".*" {
                    let message = format!(
                        "`{}` is no type of event; `*` stands for the rest of one, as in `customer.*`",
                        on.value
                    );
                    self.found.at(&file, place(on), message);
                }
                let others = rules.entry(on.value.clone()).or_default();
                self.rivals(&file, raw, &rule, others);
                others.push(rule.clone());
            }
        }
    }

    fn named(&mut self, file: &SourceFile<'_>, raw: &yaml::Rule) {
        let at = place(&raw.name);
        let name = &raw.name.value;
        let here = (file.path.to_owned(), at.0);
        if let Some((path, line)) = self.names.insert(name.clone(), here) {
            let message =
                format!("rule `{name}` stands already in {path}:{line}; names are unique");
            self.found.at(file, at, message);
        }
        self.fits(file, &raw.name, ledger::bounds::CODE, name);
    }

    /// An entry that takes back what no rule posts would wait for ever.
    fn reversed_rules_exist(&mut self, pack: &Pack, rules: &BTreeMap<String, Vec<Rule>>) {
        let names = self.reversed.iter().map(|(_, name)| name.as_str());
        for (at, near) in rule::without_entries(rules, names) {
            let Some(((path, place), name)) = self.reversed.get(at) else {
                continue;
            };
            let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            let message = format!("no rule `{name}` makes entries that could be taken back{near}");
            let text = text_in(pack, path);
            self.found.at(&SourceFile { path, text }, *place, message);
        }
    }

    fn without_entity(&mut self, pack: &Pack, name: &str) {
        let Some((path, line)) = self.names.get(name) else {
            return;
        };
        let text = text_in(pack, path);
        let message = format!(
            "rule `{name}` needs `entity:`, for `from:` and `to:` are days of an entity, and no rule beside it says which"
        );
        self.found
            .at(&SourceFile { path, text }, (*line, 0), message);
    }

    /// A text of the pack that every entry carries is such as comes in from outside.
    fn fits(&mut self, file: &SourceFile<'_>, raw: &Text, bound: Bound, text: &str) {
        if let Err(problem) = bound.check(text) {
            self.found
                .at(file, place(raw), format!("the text {problem}"));
        }
    }
}
