//! Events through rules: one decision each.
//!
//! The order is: find the rules of the type; work out entity and accounting date; take the rule in
//! force on that day whose `when` holds; check what the event promises (`holds`); compute the
//! lines; round or refuse; convert to the functional currency; build the entry. Whatever does not
//! hold suspends the event and says what to do.

use crate::data::Data;
use crate::event::Event;
use crate::native::{Comparison, Look};
use crate::program::{
    Action, Computed, EntryRule, Expr, LineRule, Post, Program, Rule, Sourced, Target,
};
use chrono::{DateTime, NaiveDate};
use ledger::bounds;
use ledger::money::parse_decimal;
use ledger::{
    Currency, Decision, Deferral, Dimensions, Entity, EntryHeader, JournalEntry, Line, Money,
    Posting, Rounding, RuleRef, Side, allocate,
};
use rust_decimal::Decimal;
use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use zen_expression::expression::Standard;
use zen_expression::variable::Variable;
use zen_expression::vm::VM;
use zen_expression::{Expression, Isolate, Scope};

/// What rules know beside the event.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The company's entities by code.
    pub entities: BTreeMap<String, Entity>,
}

/// A program with its expressions compiled for one thread.
#[derive(Debug)]
pub struct Evaluator<'p> {
    program: &'p Program,
    context: &'p Context,
    expressions: Vec<Expression<Standard>>,
    /// Those of them that need no interpreter, at the same places.
    comparisons: Vec<Option<Comparison>>,
    vm: VM,
}

/// An expression that was read when the pack was compiled and cannot be made ready for events.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "rule `{rule}`: the expression `{expression}` cannot be compiled: {problem}; write it otherwise"
)]
pub struct EvaluatorError {
    /// The rule in which it stands first.
    pub rule: String,
    /// Its text.
    pub expression: String,
    /// What is wrong.
    pub problem: String,
}

/// What is said of an event that a rule posts and of which no line is left.
const NO_EFFECT: &str = "no accounting effect: every amount is zero";

/// Why an event cannot be decided: the text of its suspension.
type Refusal = String;

/// The table that gives rates where a rule names none: by currency and functional currency.
const RATES: &str = "rates";

/// One event while it is being decided.
struct Subject<'e> {
    event: &'e Event<'e>,
    /// The event as the interpreter sees it, built when an expression first needs it.
    variable: OnceCell<Variable>,
}

impl Subject<'_> {
    fn time(&self) -> String {
        let time = self.event.time.map(|time| time.to_rfc3339());
        time.unwrap_or_default()
    }
}

impl<'e> Look<'e> for Subject<'e> {
    fn look(&self, path: &[String]) -> Option<&'e Data<'e>> {
        look(self, path, None)
    }
}

/// The element that a line runs over.
#[derive(Clone, Copy)]
struct Element<'e> {
    alias: &'e str,
    value: &'e Data<'e>,
}

/// A value taken from an event.
#[derive(Clone, Debug, PartialEq)]
enum Taken<'e> {
    Null,
    Flag(bool),
    Number(Decimal),
    Text(Cow<'e, str>),
}

/// A line before rounding.
struct Draft {
    account: String,
    side: Side,
    amount: Decimal,
    dimensions: Dimensions,
    deferral: Option<Deferral>,
}

impl<'p> Evaluator<'p> {
    /// Prepares a program for this thread.
    ///
    /// # Errors
    /// [`EvaluatorError`] when an expression cannot be made ready.
    pub fn new(program: &'p Program, context: &'p Context) -> Result<Self, EvaluatorError> {
        let mut isolate = Isolate::new();
        let mut expressions = Vec::with_capacity(program.expressions.len());
        for Computed { text, rule } in &program.expressions {
            let expression = isolate.compile_standard(text);
            expressions.push(expression.map_err(|problem| EvaluatorError {
                rule: rule.clone(),
                expression: text.clone(),
                problem: problem.to_string(),
            })?);
        }
        Ok(Self {
            program,
            context,
            expressions,
            comparisons: program
                .expressions
                .iter()
                .map(|computed| Comparison::of(&computed.text))
                .collect(),
            vm: VM::new(),
        })
    }

    /// Decides an event.
    pub fn decide(&mut self, event: &Event<'_>) -> Decision {
        let subject = Subject {
            event,
            variable: OnceCell::new(),
        };
        let program = self.program;
        let Some(rules) = program.rules.get(event.kind.as_ref()) else {
            return Decision::Suspended {
                rule: None,
                reason: format!(
                    "no rule answers to events of type `{}`; add one, or one with `ignore:`",
                    event.kind
                ),
            };
        };
        for rule in rules {
            match self.try_rule(&subject, rule) {
                Ok(Some(decision)) => return decision,
                Ok(None) => {}
                Err(reason) => {
                    return Decision::Suspended {
                        rule: Some(rule.name.clone()),
                        reason,
                    };
                }
            }
        }
        let names: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
        Decision::Suspended {
            rule: None,
            reason: format!(
                "none of the rules for `{}` applies ({}); look at their `from:`, `to:` and `when:`",
                event.kind,
                names.join(", ")
            ),
        }
    }

    /// The decision of a rule; none when it does not apply.
    fn try_rule(
        &mut self,
        subject: &Subject<'_>,
        rule: &Rule,
    ) -> Result<Option<Decision>, Refusal> {
        match &rule.action {
            Action::Ignore(reason) => {
                let on = subject.event.time.map(|time| time.date_naive());
                let applies =
                    on.is_none_or(|on| rule.in_force(on)) && self.condition(subject, rule)?;
                let decision = Decision::Ignored {
                    rule: rule.name.clone(),
                    reason: reason.clone(),
                };
                Ok(applies.then_some(decision))
            }
            Action::Post(post) => {
                let entity = self.entity(subject, post)?;
                let date = self.date(subject, post.date.as_ref(), entity)?;
                if !rule.in_force(date) || !self.condition(subject, rule)? {
                    return Ok(None);
                }
                self.check_promises(subject, post)?;
                let mut postings = Vec::new();
                for entry in &post.entries {
                    let frame = Frame {
                        rule,
                        post,
                        entry,
                        entity,
                        date,
                    };
                    postings.extend(self.posting(subject, &frame)?);
                }
                let rule = rule.name.clone();
                Ok(Some(if postings.is_empty() {
                    Decision::NoEffect {
                        rule,
                        reason: NO_EFFECT.to_owned(),
                    }
                } else {
                    Decision::Posted { rule, postings }
                }))
            }
        }
    }

    fn condition(&mut self, subject: &Subject<'_>, rule: &Rule) -> Result<bool, Refusal> {
        match &rule.when {
            None => Ok(true),
            Some(when) => self.flag(subject, when, None),
        }
    }

    fn entity(&mut self, subject: &Subject<'_>, post: &Post) -> Result<&'p Entity, Refusal> {
        let code = self.text(subject, &post.entity, None)?;
        self.context.entities.get(code.as_ref()).ok_or_else(|| {
            let known: Vec<&str> = self.context.entities.keys().map(String::as_str).collect();
            format!(
                "entity `{code}` (from `{}`) is not in tieout.yaml; it has {}",
                post.entity.text,
                known.join(", ")
            )
        })
    }

    /// The accounting date: a day as it is, a moment in the zone of the entity.
    fn date(
        &mut self,
        subject: &Subject<'_>,
        source: Option<&Sourced>,
        entity: &Entity,
    ) -> Result<NaiveDate, Refusal> {
        let Some(source) = source else {
            let time = subject.event.time.ok_or(
                "the event has no `time` and the rule names no `date:`; nobody can say when it happened",
            )?;
            return Ok(entity.accounting_date(time));
        };
        let text = self.text(subject, source, None)?;
        if let Ok(day) = text.parse::<NaiveDate>() {
            return Ok(day);
        }
        DateTime::parse_from_rfc3339(&text)
            .map(|moment| entity.accounting_date(moment.with_timezone(&chrono::Utc)))
            .map_err(|_bad| {
                format!(
                    "`{}` is `{text}`: neither a day (2026-01-31) nor RFC 3339",
                    source.text
                )
            })
    }

    fn check_promises(&mut self, subject: &Subject<'_>, post: &Post) -> Result<(), Refusal> {
        for promise in &post.holds {
            if !self.flag(subject, promise, None)? {
                return Err(format!("the event breaks its promise `{}`", promise.text));
            }
        }
        Ok(())
    }

    fn posting(
        &mut self,
        subject: &Subject<'_>,
        frame: &Frame<'_>,
    ) -> Result<Option<Posting>, Refusal> {
        let code = self.text(subject, &frame.entry.currency, None)?;
        let currency =
            Currency::from_code(&code.to_ascii_uppercase()).map_err(|e| e.to_string())?;
        let date = match &frame.entry.date {
            Some(own) => self.date(subject, Some(own), frame.entity)?,
            None => frame.date,
        };
        let mut drafts = Vec::new();
        for (index, line) in frame.entry.lines.iter().enumerate() {
            self.drafts(subject, frame, line, date, &mut drafts)
                .map_err(|reason| format!("line {}: {reason}", index + 1))?;
        }
        let mut amounts = self.amounts(frame, &mut drafts, currency)?;
        let kept: Vec<(Draft, i64)> = drafts
            .into_iter()
            .zip(amounts.drain(..))
            .filter(|(_, amount)| *amount != 0)
            .collect();
        if kept.is_empty() {
            return Ok(None);
        }
        let rate = self.rate(subject, frame, currency, date)?;
        let functional = functional_amounts(&kept, currency, frame.entity.functional, rate)?;
        let lines = kept
            .into_iter()
            .zip(functional)
            .map(|((draft, amount), functional)| Line {
                account: draft.account,
                side: draft.side,
                amount: Money::minor(amount, currency),
                functional,
                dimensions: draft.dimensions,
                deferral: draft.deferral,
            })
            .collect();
        let reference = match &frame.entry.reference {
            Some(reference) => self.text(subject, reference, None)?.into_owned(),
            None => subject.event.id.clone().into_owned(),
        };
        bounds::REFERENCE
            .check(&reference)
            .map_err(|problem| format!("the reference {problem}"))?;
        let header = EntryHeader {
            entity: frame.entity.code.clone(),
            date,
            kind: frame.entry.kind,
            reference,
            description: frame.entry.description.clone(),
            event: subject.event.key(),
            rule: RuleRef {
                mapping: self.program.version,
                rule: frame.rule.name.clone(),
            },
            rate,
        };
        let entry = JournalEntry::new(header, lines).map_err(|e| e.to_string())?;
        let period = frame.entity.period(date).map_err(|e| e.to_string())?;
        Ok(Some(Posting { entry, period }))
    }

    fn drafts(
        &mut self,
        subject: &Subject<'_>,
        frame: &Frame<'_>,
        line: &LineRule,
        date: NaiveDate,
        drafts: &mut Vec<Draft>,
    ) -> Result<(), Refusal> {
        let Some((list, alias)) = &line.each else {
            drafts.extend(self.draft(subject, frame, line, None, date)?);
            return Ok(());
        };
        let Expr::Path(path) = &list.expr else {
            return Err(format!("`{}` is no path to a list", list.text));
        };
        let Some(Data::List(items)) = look(subject, path, None) else {
            return Err(format!("`{}` is no list in this event", list.text));
        };
        for (index, value) in items.iter().enumerate() {
            let element = Some(Element { alias, value });
            let draft = self
                .draft(subject, frame, line, element, date)
                .map_err(|reason| format!("{} {}: {reason}", alias, index + 1))?;
            drafts.extend(draft);
        }
        Ok(())
    }

    fn draft(
        &mut self,
        subject: &Subject<'_>,
        frame: &Frame<'_>,
        line: &LineRule,
        element: Option<Element<'_>>,
        date: NaiveDate,
    ) -> Result<Option<Draft>, Refusal> {
        if let Some(when) = &line.when
            && !self.flag(subject, when, element)?
        {
            return Ok(None);
        }
        let amount = self.number(subject, &line.amount, element)?;
        let account = self.target(subject, &line.account, element, date)?;
        let mut dimensions = Dimensions::new();
        for (name, target) in &line.dimensions {
            let value = self.target(subject, target, element, date)?;
            bounds::DIMENSION
                .check(&value)
                .map_err(|problem| format!("dimension `{name}` {problem}"))?;
            dimensions.insert(name.clone(), value);
        }
        // A negative amount is the same amount on the other side.
        let negative = amount.is_sign_negative() && !amount.is_zero();
        let side = if negative {
            line.side.opposite()
        } else {
            line.side
        };
        let mut draft = Draft {
            account,
            side,
            amount: amount.abs(),
            dimensions,
            deferral: None,
        };
        if let Some(defer) = &line.defer {
            let from = self.service_day(subject, &defer.from, element, frame.entity)?;
            let to = self.service_day(subject, &defer.to, element, frame.entity)?;
            if to < from {
                return Err(format!(
                    "the service ends on {to}, before it begins on {from}"
                ));
            }
            let release = std::mem::replace(&mut draft.account, defer.account.clone());
            draft.deferral = Some(Deferral {
                release_account: release,
                method: defer.method.clone(),
                from,
                to,
            });
        }
        Ok(Some(draft))
    }

    fn service_day(
        &mut self,
        subject: &Subject<'_>,
        source: &Sourced,
        element: Option<Element<'_>>,
        entity: &Entity,
    ) -> Result<NaiveDate, Refusal> {
        let text = self.text(subject, source, element)?;
        let day = text.parse::<NaiveDate>().ok().or_else(|| {
            let moment = DateTime::parse_from_rfc3339(&text).ok()?;
            Some(entity.accounting_date(moment.with_timezone(&chrono::Utc)))
        });
        day.ok_or_else(|| format!("`{}` is `{text}`: no day", source.text))
    }

    /// Minor units per draft, with a rounding line added where the rule names one.
    fn amounts(
        &mut self,
        frame: &Frame<'_>,
        drafts: &mut Vec<Draft>,
        currency: Currency,
    ) -> Result<Vec<i64>, Refusal> {
        let rounding = frame.post.rounding.as_ref();
        let mut amounts = Vec::with_capacity(drafts.len() + 1);
        let mut difference = 0i128;
        for draft in drafts.iter() {
            let money = match rounding {
                Some(rule) => Money::round(draft.amount, currency, rule.mode),
                None => Money::exact(draft.amount, currency),
            }
            .map_err(|e| e.to_string())?;
            difference += draft.side.signed(money.amount());
            amounts.push(money.amount());
        }
        let named = rounding.and_then(|rule| Some((rule, rule.difference.as_ref()?)));
        let Some((rule, account)) = named.filter(|_| difference != 0) else {
            return Ok(amounts);
        };
        let size = Decimal::try_from_i128_with_scale(difference.abs(), currency.exponent())
            .map_err(|e| e.to_string())?;
        if size > rule.limit {
            return Err(format!(
                "debits and credits differ by {size} {currency}, more than the rounding limit of {}",
                rule.limit
            ));
        }
        let side = if difference > 0 {
            Side::Credit
        } else {
            Side::Debit
        };
        drafts.push(Draft {
            account: account.clone(),
            side,
            amount: size,
            dimensions: Dimensions::new(),
            deferral: None,
        });
        amounts.push(i64::try_from(difference.abs()).map_err(|e| e.to_string())?);
        Ok(amounts)
    }

    /// Functional units for one unit of the transaction; none where the currencies are one.
    fn rate(
        &mut self,
        subject: &Subject<'_>,
        frame: &Frame<'_>,
        currency: Currency,
        date: NaiveDate,
    ) -> Result<Option<Decimal>, Refusal> {
        let functional = frame.entity.functional;
        if currency == functional {
            return Ok(None);
        }
        if let Some(own) = &frame.post.rate {
            return self.number(subject, own, None).map(Some);
        }
        let keys = [currency.code().to_owned(), functional.code().to_owned()];
        let table = self.program.tables.get(RATES);
        let found = table.and_then(|table| table.look_up(&keys, date));
        let Some(text) = found else {
            return Err(format!(
                "no rate from {currency} to {functional} on {date}; add a row to tables/{RATES}.csv"
            ));
        };
        parse_decimal(text).map(Some).map_err(|e| e.to_string())
    }

    fn target(
        &mut self,
        subject: &Subject<'_>,
        target: &Target,
        element: Option<Element<'_>>,
        date: NaiveDate,
    ) -> Result<String, Refusal> {
        match target {
            Target::Name(name) => Ok(name.clone()),
            Target::Value(source) => Ok(self.text(subject, source, element)?.into_owned()),
            Target::Lookup { table, by } => {
                let mut keys = Vec::with_capacity(by.len());
                for key in by {
                    keys.push(self.text(subject, key, element)?.into_owned());
                }
                let found = self
                    .program
                    .tables
                    .get(table)
                    .and_then(|t| t.look_up(&keys, date));
                found.map(str::to_owned).ok_or_else(|| {
                    format!(
                        "table `{table}` has no row for ({}) on {date}; add one to tables/{table}.csv",
                        keys.join(", ")
                    )
                })
            }
        }
    }

    fn flag(
        &mut self,
        subject: &Subject<'_>,
        source: &Sourced,
        element: Option<Element<'_>>,
    ) -> Result<bool, Refusal> {
        match self.take(subject, source, element)? {
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
        element: Option<Element<'_>>,
    ) -> Result<Decimal, Refusal> {
        match self.take(subject, source, element)? {
            Taken::Number(number) => Ok(number),
            Taken::Text(text) => parse_decimal(&text)
                .map_err(|_bad| format!("`{}` is `{text}`, not a number", source.text)),
            other => Err(format!(
                "`{}` is {}, not a number",
                source.text,
                described(&other, source)
            )),
        }
    }

    fn text<'e>(
        &mut self,
        subject: &Subject<'e>,
        source: &Sourced,
        element: Option<Element<'e>>,
    ) -> Result<Cow<'e, str>, Refusal> {
        match self.take(subject, source, element)? {
            Taken::Text(text) if !text.is_empty() => Ok(text),
            Taken::Number(number) => Ok(number.to_string().into()),
            Taken::Flag(flag) => Ok(flag.to_string().into()),
            Taken::Text(_) => Err(format!("`{}` is empty", source.text)),
            Taken::Null => Err(format!("`{}` is missing", source.text)),
        }
    }

    fn take<'e>(
        &mut self,
        subject: &Subject<'e>,
        source: &Sourced,
        element: Option<Element<'e>>,
    ) -> Result<Taken<'e>, Refusal> {
        match &source.expr {
            Expr::Path(path) => plain(subject, path, element, &source.text),
            Expr::Computed(index) => {
                // With an element the names may mean something else.
                let native = self.comparisons.get(*index).and_then(Option::as_ref);
                let native = native.filter(|_| element.is_none());
                if let Some(holds) = native.and_then(|native| native.holds(subject)) {
                    return Ok(Taken::Flag(holds));
                }
                let unreadable = || format!("`{}` cannot be computed", source.text);
                let expression = self.expressions.get(*index).ok_or_else(unreadable)?;
                let base = subject.variable.get_or_init(|| variable_of(subject));
                let mut scope = Scope::new(base.clone());
                if let Some(element) = element {
                    scope.set_local(Variable::key(element.alias), element.value.variable());
                }
                let value = expression
                    .evaluate_with_scope(&scope, &mut self.vm)
                    .map_err(|_vm| {
                        format!(
                            "`{}` cannot be computed: one of its values is missing, or is not of the type that the rule expects",
                            source.text
                        )
                    })?;
                Ok(taken(&value))
            }
        }
    }
}

/// What all lines of an entry share.
struct Frame<'f> {
    rule: &'f Rule,
    post: &'f Post,
    entry: &'f EntryRule,
    entity: &'f Entity,
    date: NaiveDate,
}

fn plain<'e>(
    subject: &Subject<'e>,
    path: &[String],
    element: Option<Element<'e>>,
    text: &str,
) -> Result<Taken<'e>, Refusal> {
    let event = subject.event;
    if let [only] = path {
        let attribute = match only.as_str() {
            "id" => Some(event.id.as_ref()),
            "source" => Some(event.source.as_ref()),
            "type" => Some(event.kind.as_ref()),
            "subject" => Some(event.subject.as_deref().unwrap_or_default()),
            "time" => return Ok(Taken::Text(subject.time().into())),
            _ => None,
        };
        if let Some(attribute) = attribute {
            return Ok(Taken::Text(attribute.into()));
        }
    }
    match look(subject, path, element) {
        None | Some(Data::Null) => Ok(Taken::Null),
        Some(Data::Flag(flag)) => Ok(Taken::Flag(*flag)),
        Some(Data::Text(text)) => Ok(Taken::Text(text.as_ref().into())),
        Some(Data::Number { value, .. }) => Ok(Taken::Number(*value)),
        Some(Data::List(_) | Data::Object(_)) => {
            Err(format!("`{text}` is a list or an object, not one value"))
        }
    }
}

fn look<'v>(
    subject: &Subject<'v>,
    path: &[String],
    element: Option<Element<'v>>,
) -> Option<&'v Data<'v>> {
    let (root, rest) = path.split_first()?;
    let mut here = match element {
        Some(element) if element.alias == root => element.value,
        _ if root == "data" => &subject.event.data,
        _ => return None,
    };
    for name in rest {
        here = here.get(name)?;
    }
    Some(here)
}

fn variable_of(subject: &Subject<'_>) -> Variable {
    let event = subject.event;
    let object = Variable::empty_object();
    let text = |text: &str| Variable::String(text.into());
    let fields = [
        ("id", text(&event.id)),
        ("source", text(&event.source)),
        ("type", text(&event.kind)),
        (
            "subject",
            text(event.subject.as_deref().unwrap_or_default()),
        ),
        ("time", text(&subject.time())),
        ("data", event.data.variable()),
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

/// Converts a balanced entry so that it stays balanced: the total once, then shared out among the
/// lines of each side by largest remainder.
fn functional_amounts(
    kept: &[(Draft, i64)],
    currency: Currency,
    functional: Currency,
    rate: Option<Decimal>,
) -> Result<Vec<Money>, Refusal> {
    let Some(rate) = rate else {
        return Ok(kept
            .iter()
            .map(|(_, amount)| Money::minor(*amount, currency))
            .collect());
    };
    let of_side = |side: Side| -> Vec<i64> {
        kept.iter()
            .filter(|(draft, _)| draft.side == side)
            .map(|(_, amount)| *amount)
            .collect()
    };
    let (debits, credits) = (of_side(Side::Debit), of_side(Side::Credit));
    let total: i64 = debits
        .iter()
        .try_fold(0i64, |sum, amount| sum.checked_add(*amount))
        .ok_or("the entry's total does not fit 64 bits of minor units")?;
    let converted = Money::minor(total, currency)
        .to_decimal()
        .checked_mul(rate)
        .ok_or_else(|| format!("{total} at a rate of {rate} is beyond 28 digits"))?;
    let converted =
        Money::round(converted, functional, Rounding::HalfEven).map_err(|e| e.to_string())?;
    let mut shares = [
        allocate(converted.amount(), &debits).into_iter(),
        allocate(converted.amount(), &credits).into_iter(),
    ];
    let [debit_shares, credit_shares] = &mut shares;
    Ok(kept
        .iter()
        .map(|(draft, _)| {
            let share = match draft.side {
                Side::Debit => debit_shares.next(),
                Side::Credit => credit_shares.next(),
            };
            Money::minor(share.unwrap_or(0), functional)
        })
        .collect())
}
