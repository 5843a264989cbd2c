//! Values taken from an event.

use super::{Evaluator, Refusal};
use crate::data::{Data, amount_of};
use crate::event::Event;
use crate::native::{Given, Look};
use crate::program::{Computed, Expr, Lookup, NameRule, Source, Sourced};
use crate::reading::{Pattern, Step};
use chrono::NaiveDate;
use ledger::Currency;
use ledger::money::parse_decimal;
use rust_decimal::Decimal;
use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use zen_expression::Scope;
use zen_expression::variable::Variable;

/// The table that gives rates where a rule names none: by currency and functional currency.
const RATES: &str = "rates";

/// One event while it is being decided.
pub(super) struct Subject<'e> {
    pub(super) event: &'e Event<'e>,
    /// The event as the interpreter sees it, built when an expression first needs it.
    pub(super) variable: &'e OnceCell<Variable>,
    /// The same as single expressions read it, by their places.
    read: &'e RefCell<BTreeMap<usize, Variable>>,
    /// What the short names of the rule stand for.
    pub(super) names: Vec<Element<'e>>,
}

/// What a short name stands for in an event that has nothing there.
const NOTHING: &Data<'static> = &Data::Null;

impl<'e> Subject<'e> {
    /// An event in the eyes of a rule.
    pub(super) fn of(
        event: &'e Event<'e>,
        (variable, read): (
            &'e OnceCell<Variable>,
            &'e RefCell<BTreeMap<usize, Variable>>,
        ),
        with: &'e [NameRule],
    ) -> Self {
        let mut subject = Self {
            event,
            variable,
            read,
            names: Vec::new(),
        };
        for name in with {
            let value = look(&subject, &name.path, &[]).unwrap_or(NOTHING);
            subject.names.push(Element {
                alias: &name.alias,
                value,
            });
        }
        subject
    }
}

impl Subject<'_> {
    fn time(&self) -> String {
        let time = self.event.time.map(|time| time.to_rfc3339());
        time.unwrap_or_default()
    }
}

/// An element that a line runs over.
#[derive(Clone, Copy)]
pub(super) struct Element<'e> {
    pub(super) alias: &'e str,
    pub(super) value: &'e Data<'e>,
}

/// An event with the elements that a line has come to, the innermost last.
struct Scoped<'s, 'e> {
    subject: &'s Subject<'e>,
    elements: &'s [Element<'e>],
}

impl<'e> Look<'e> for Scoped<'_, 'e> {
    fn look(&self, root: &str, rest: &[String]) -> Option<&'e Data<'e>> {
        below(self.subject, root, rest, self.elements)
    }
}

/// A value taken from an event.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Taken<'e> {
    Null,
    Flag(bool),
    Number(Decimal),
    Text(Cow<'e, str>),
}

impl Evaluator<'_> {
    /// An amount, which may stand in a table.
    pub(super) fn amount(
        &mut self,
        subject: &Subject<'_>,
        source: &Source,
        elements: &[Element<'_>],
        on: NaiveDate,
    ) -> Result<Decimal, Refusal> {
        match source {
            Source::Value(value) => self.number(subject, value, elements),
            Source::Name(name) => parse_decimal(name).map_err(|e| e.to_string()),
            Source::Lookup(lookup) => {
                let text = self.look_up(subject, lookup, elements, Some(on))?;
                parse_decimal(&text).map_err(|e| e.to_string())
            }
        }
    }

    /// A name, a code or a text, which may stand in a table.
    pub(super) fn word<'e>(
        &mut self,
        subject: &Subject<'e>,
        source: &Source,
        elements: &[Element<'e>],
        on: Option<NaiveDate>,
    ) -> Result<Cow<'e, str>, Refusal> {
        match source {
            Source::Name(name) => Ok(name.clone().into()),
            Source::Value(value) => self.text(subject, value, elements),
            Source::Lookup(lookup) => {
                let found = self.look_up(subject, lookup, elements, on)?;
                Ok(found.into())
            }
        }
    }

    fn look_up(
        &mut self,
        subject: &Subject<'_>,
        lookup: &Lookup,
        elements: &[Element<'_>],
        on: Option<NaiveDate>,
    ) -> Result<String, Refusal> {
        let mut keys = Vec::with_capacity(lookup.by.len());
        for key in &lookup.by {
            // With a default, what is absent is looked up as nothing; without one nobody said what it means.
            let absent = lookup.default.is_some()
                && match self.take(subject, key, elements)? {
                    Taken::Null => true,
                    Taken::Text(text) => text.is_empty(),
                    Taken::Flag(_) | Taken::Number(_) => false,
                };
            keys.push(if absent {
                String::new()
            } else {
                self.text(subject, key, elements)?.into_owned()
            });
        }
        let table = self.program.tables.get(&lookup.table);
        let found = table.and_then(|table| match on {
            Some(day) => table.look_up(&keys, day),
            None => table.look_up_any_day(&keys),
        });
        let found = found.or(lookup.default.as_deref()).map(str::to_owned);
        found.ok_or_else(|| {
            let day = on.map_or_else(String::new, |day| format!(" on {day}"));
            let table = &lookup.table;
            format!(
                "table `{table}` has no row for ({}){day}; add one to tables/{table}.csv",
                keys.join(", ")
            )
        })
    }

    /// Functional units for one unit of the transaction; none where the currencies are one.
    pub(super) fn rate(
        &mut self,
        subject: &Subject<'_>,
        own: Option<&Source>,
        (currency, functional): (Currency, Currency),
        on: NaiveDate,
    ) -> Result<Option<Decimal>, Refusal> {
        if currency == functional {
            return Ok(None);
        }
        if let Some(own) = own {
            return self.amount(subject, own, &[], on).map(Some);
        }
        let keys = [currency.code().to_owned(), functional.code().to_owned()];
        let table = self.program.tables.get(RATES);
        let found = table.and_then(|table| table.look_up(&keys, on));
        let Some(text) = found else {
            return Err(format!(
                "no rate from {currency} to {functional} on {on}; add a row to tables/{RATES}.csv"
            ));
        };
        parse_decimal(text).map(Some).map_err(|e| e.to_string())
    }

    pub(super) fn flag(
        &mut self,
        subject: &Subject<'_>,
        source: &Sourced,
        elements: &[Element<'_>],
    ) -> Result<bool, Refusal> {
        match self.take(subject, source, elements)? {
            Taken::Flag(flag) => Ok(flag),
            other => Err(format!(
                "`{}` is {}, not true or false",
                source.text,
                described(&other, source)
            )),
        }
    }

    fn number(
        &mut self,
        subject: &Subject<'_>,
        source: &Sourced,
        elements: &[Element<'_>],
    ) -> Result<Decimal, Refusal> {
        match self.take(subject, source, elements)? {
            Taken::Number(number) => Ok(number),
            Taken::Text(text) => amount_of(&text)
                .ok_or_else(|| format!("`{}` is `{text}`, not a number", source.text)),
            other => Err(format!(
                "`{}` is {}, not a number",
                source.text,
                described(&other, source)
            )),
        }
    }

    pub(super) fn text<'e>(
        &mut self,
        subject: &Subject<'e>,
        source: &Sourced,
        elements: &[Element<'e>],
    ) -> Result<Cow<'e, str>, Refusal> {
        match self.take(subject, source, elements)? {
            Taken::Text(text) if !text.is_empty() => Ok(text),
            Taken::Number(number) => Ok(number.to_string().into()),
            Taken::Flag(flag) => Ok(flag.to_string().into()),
            Taken::Text(_) => Err(format!("`{}` is empty", source.text)),
            Taken::Null => Err(format!("`{}` is missing", source.text)),
        }
    }

    pub(super) fn take<'e>(
        &mut self,
        subject: &Subject<'e>,
        source: &Sourced,
        elements: &[Element<'e>],
    ) -> Result<Taken<'e>, Refusal> {
        let index = match &source.expr {
            Expr::Path(path) => return plain(subject, path, elements, &source.text),
            Expr::Computed(index) => *index,
        };
        let native = self.natives.get(index).and_then(Option::as_ref);
        match native.and_then(|native| native.give(&Scoped { subject, elements })) {
            Some(Given::Flag(flag)) => return Ok(Taken::Flag(flag)),
            Some(Given::Number(number)) => return Ok(Taken::Number(number)),
            None => {}
        }
        let unreadable = || format!("`{}` cannot be computed", source.text);
        let program = self.program;
        let computed = program.expressions.get(index).ok_or_else(unreadable)?;
        let expression = self.expressions.get(index).ok_or_else(unreadable)?;
        let scope = scope(subject, (index, computed), elements);
        let value = expression
            .evaluate_with_scope(&scope, &mut self.vm)
            .map_err(|_vm| cannot_compute(subject, computed, elements))?;
        Ok(taken(&value))
    }
}

/// Why an expression gives nothing: names the first list that is none, or else the first amount.
fn cannot_compute(subject: &Subject<'_>, computed: &Computed, elements: &[Element<'_>]) -> Refusal {
    let reading = &computed.reading;
    let lists = reading.needed.iter().map(|pattern| (pattern, true));
    let amounts = reading.amounts.iter().map(|pattern| (pattern, false));
    let spared = |pattern: &Pattern| reading.spared.contains(pattern);
    let blamed = lists.chain(amounts).find_map(|(pattern, is_list)| {
        let (Step::Name(root), rest) = pattern.split_first()? else {
            return None;
        };
        let here = below(subject, root, &[], elements);
        let problem = culprit(root.clone(), here, rest, is_list)?;
        let is_missing = problem.ends_with(" is missing");
        (!is_missing || !spared(pattern)).then_some(problem)
    });
    let why = blamed.unwrap_or_else(|| {
        "one of its values is missing, or is not of the type that the rule expects".to_owned()
    });
    format!("`{}` cannot be computed: {why}", computed.text)
}

/// What is wrong where a list or an amount should stand.
fn culprit(path: String, here: Option<&Data<'_>>, rest: &[Step], is_list: bool) -> Option<String> {
    let Some((first, rest)) = rest.split_first() else {
        return match here {
            None | Some(Data::Null) if is_list => Some(format!("the list `{path}` is missing")),
            None | Some(Data::Null) => Some(format!("`{path}` is missing")),
            Some(Data::List(_)) => None,
            Some(_) if is_list => Some(format!("`{path}` is no list")),
            Some(Data::Text(text)) if amount_of(text).is_none() => {
                Some(format!("`{path}` is `{text}`, not a number"))
            }
            Some(Data::Flag(flag)) => Some(format!("`{path}` is `{flag}`, not a number")),
            Some(Data::Object(_)) => Some(format!("`{path}` is an object, not a number")),
            Some(_) => None,
        };
    };
    match (first, here) {
        (Step::Name(name), Some(Data::Object(members))) => {
            culprit(format!("{path}.{name}"), members.get(name), rest, is_list)
        }
        (Step::Name(name), None | Some(Data::Null)) => {
            culprit(format!("{path}.{name}"), None, rest, is_list)
        }
        (Step::Each, Some(Data::List(items))) => {
            let mut numbered = (1..).zip(items);
            numbered.find_map(|(number, item)| {
                culprit(format!("{path}[{number}]"), Some(item), rest, is_list)
            })
        }
        _ => None,
    }
}

/// What the interpreter sees: the event and the elements, read as the expression reads them.
fn scope(
    subject: &Subject<'_>,
    (index, computed): (usize, &Computed),
    elements: &[Element<'_>],
) -> Scope {
    let amounts = from_root(&computed.reading.amounts, "data");
    let lists = from_root(&computed.reading.lists, "data");
    let data = &subject.event.data;
    let base = if data.is_read_otherwise(&amounts, &lists) {
        let mut read = subject.read.borrow_mut();
        let anew = || variable_of(subject, data.variable_as(&amounts, &lists));
        read.entry(index).or_insert_with(anew).clone()
    } else {
        let plain = || variable_of(subject, data.variable());
        subject.variable.get_or_init(plain).clone()
    };
    let mut scope = Scope::new(base);
    let used = |alias: &str| computed.aliases.iter().any(|name| name == alias);
    let names = subject.names.iter().chain(elements);
    for element in names.filter(|name| used(name.alias)) {
        let amounts = from_root(&computed.reading.amounts, element.alias);
        let lists = from_root(&computed.reading.lists, element.alias);
        let value = element.value.variable_as(&amounts, &lists);
        scope.set_local(Variable::key(element.alias), value);
    }
    scope
}

/// The patterns below a name.
fn from_root<'p>(patterns: &'p [Pattern], root: &str) -> Vec<&'p [Step]> {
    let below = patterns.iter().filter_map(|pattern| {
        let (first, rest) = pattern.split_first()?;
        matches!(first, Step::Name(name) if name == root).then_some(rest)
    });
    below.collect()
}

fn plain<'e>(
    subject: &Subject<'e>,
    path: &[String],
    elements: &[Element<'e>],
    text: &str,
) -> Result<Taken<'e>, Refusal> {
    let event = subject.event;
    if let [only] = path {
        let attribute = match only.as_str() {
            "id" => Some(event.id.as_ref()),
            "source" => Some(event.source.as_ref()),
            "type" => Some(event.kind.as_ref()),
            "subject" => match event.subject.as_deref() {
                Some(text) => Some(text),
                None => return Ok(Taken::Null),
            },
            "time" => {
                let time = event.time.map(|_known| Taken::Text(subject.time().into()));
                return Ok(time.unwrap_or(Taken::Null));
            }
            _ => None,
        };
        if let Some(attribute) = attribute {
            return Ok(Taken::Text(attribute.into()));
        }
    }
    match look(subject, path, elements) {
        None | Some(Data::Null) => Ok(Taken::Null),
        Some(Data::Flag(flag)) => Ok(Taken::Flag(*flag)),
        Some(Data::Text(text)) => Ok(Taken::Text(text.as_ref().into())),
        Some(Data::Number { value, .. }) => Ok(Taken::Number(*value)),
        Some(Data::List(_) | Data::Object(_)) => {
            Err(format!("`{text}` is a list or an object, not one value"))
        }
    }
}

pub(super) fn look<'v>(
    subject: &Subject<'v>,
    path: &[String],
    elements: &[Element<'v>],
) -> Option<&'v Data<'v>> {
    let (root, rest) = path.split_first()?;
    below(subject, root, rest, elements)
}

fn below<'v>(
    subject: &Subject<'v>,
    root: &str,
    rest: &[String],
    elements: &[Element<'v>],
) -> Option<&'v Data<'v>> {
    let mut names = elements.iter().rev().chain(subject.names.iter().rev());
    let element = names.find(|element| element.alias == root);
    let mut here = match element {
        Some(element) => element.value,
        None if root == "data" => &subject.event.data,
        None => return None,
    };
    for name in rest {
        here = here.get(name)?;
    }
    Some(here)
}

fn variable_of(subject: &Subject<'_>, data: Variable) -> Variable {
    let event = subject.event;
    let object = Variable::empty_object();
    let text = |text: &str| Variable::String(text.into());
    let fields = [
        ("id", text(&event.id)),
        ("source", text(&event.source)),
        ("type", text(&event.kind)),
        (
            "subject",
            event.subject.as_deref().map_or(Variable::Null, text),
        ),
        (
            "time",
            event
                .time
                .map_or(Variable::Null, |_known| text(&subject.time())),
        ),
        ("data", data),
    ];
    for (name, value) in fields {
        let _replaced = object.dot_insert(name, value);
    }
    object
}

fn taken<'e>(value: &Variable) -> Taken<'e> {
    match value {
        Variable::Bool(flag) => Taken::Flag(*flag),
        Variable::Number(number) => Taken::Number(*number),
        Variable::String(text) => Taken::Text(text.as_str().to_owned().into()),
        Variable::Null | Variable::Array(_) | Variable::Object(_) | Variable::Dynamic(_) => {
            Taken::Null
        }
    }
}

fn described(taken: &Taken<'_>, source: &Sourced) -> String {
    match taken {
        Taken::Null if matches!(source.expr, Expr::Computed(_)) => {
            "without a value (a missing field, or a division by zero)".to_owned()
        }
        Taken::Null => "missing".to_owned(),
        Taken::Flag(flag) => format!("`{flag}`"),
        Taken::Number(number) => format!("`{number}`"),
        Taken::Text(text) => format!("`{text}`"),
    }
}
