//! Events through rules: one decision each.
//!
//! The order is: find the rules of the type; keep those whose `when` holds; work out entity and accounting date;
//! keep those in force on that day, and if two are left, refuse to choose; check what the event promises
//! (`holds`); compute the lines; round or refuse; convert to the functional currency; build the entry. Whatever
//! does not hold suspends the event and says what to do.

mod amounts;
mod moment;
mod value;

use crate::data::Data;
use crate::event::Event;
use crate::native::Native;
use crate::program::{
    Action, CaseRule, Computed, DeferRule, EachRule, EntryRule, LineRule, LinesRule, Makes,
    PartRule, Post, Program, ReversalRule, Rule, Source,
};
use crate::reading::Want;
use chrono::{DateTime, NaiveDate, Utc};
use ledger::bounds;
use ledger::{
    Asked, Currency, Decision, Deferral, Dimensions, Entity, EntryHeader, JournalEntry, Line,
    Money, Part, Posting, RuleRef, Side, Wanted,
};
use rust_decimal::Decimal;
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use value::{Element, Subject, look};
use zen_expression::expression::Standard;
use zen_expression::vm::VM;
use zen_expression::{Expression, Isolate};

/// What rules know beside the event.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The company's entities by code.
    pub entities: BTreeMap<String, Entity>,
    /// By code, how far accounting dates may be from the day on which an event came.
    pub dates: BTreeMap<String, DateBounds>,
}

/// How far an accounting date may be from the day on which its event came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateBounds {
    /// Days into the past.
    pub oldest_days: u32,
    /// Days into the future.
    pub ahead_days: u32,
}

impl DateBounds {
    /// What is wrong with a date of an event that came on a day.
    fn against(self, date: NaiveDate, came: NaiveDate) -> Option<String> {
        let days = date.signed_duration_since(came).num_days();
        if days > i64::from(self.ahead_days) {
            let most = self.ahead_days;
            Some(format!("{days} days after it came, and {most} are taken"))
        } else if -days > i64::from(self.oldest_days) {
            let most = self.oldest_days;
            Some(format!(
                "{} days before it came, and {most} are taken",
                -days
            ))
        } else {
            None
        }
    }
}

/// A program with its expressions compiled for one thread.
#[derive(Debug)]
pub struct Evaluator<'p> {
    program: &'p Program,
    context: &'p Context,
    expressions: Vec<Expression<Standard>>,
    /// Those of them that need no interpreter, at the same places.
    natives: Vec<Option<Native>>,
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
        for Computed { text, rule, .. } in &program.expressions {
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
            natives: program.expressions.iter().map(native).collect(),
            vm: VM::new(),
        })
    }

    /// Decides an event.
    pub fn decide(&mut self, event: &Event<'_>) -> Decision {
        let (variable, read) = (OnceCell::new(), RefCell::default());
        let program = self.program;
        let Some(rules) = program.rules_for(&event.kind) else {
            return suspended(
                None,
                format!(
                    "no rule answers to events of type `{}`; add one, or one with `ignore:`",
                    event.kind
                ),
            );
        };
        let mut wanted: Option<(&Rule, Option<Owner<'p>>)> = None;
        for rule in rules {
            let subject = Subject::of(event, (&variable, &read), &rule.with);
            match self.applies(&subject, rule) {
                Ok(None) => {}
                Ok(Some(owner)) => match wanted {
                    None => wanted = Some((rule, owner)),
                    Some((other, _)) => return suspended(None, two_want_it(other, rule)),
                },
                Err(reason) => return suspended(Some(rule), reason),
            }
        }
        match wanted {
            None => suspended(None, none_applies(event, rules)),
            Some((rule, owner)) => {
                let subject = Subject::of(event, (&variable, &read), &rule.with);
                self.act(&subject, rule, owner)
                    .unwrap_or_else(|reason| suspended(Some(rule), reason))
            }
        }
    }

    /// Decides an event that came at a moment: one whose accounting date is too far from it is suspended.
    pub fn decide_when(&mut self, event: &Event<'_>, came: DateTime<Utc>) -> Decision {
        let decision = self.decide(event);
        let none: &[Wanted] = &[];
        let (rule, postings, wanted) = match &decision {
            Decision::Posted { rule, postings } => (rule, postings, none),
            Decision::Asks {
                rule,
                postings,
                wanted,
            } => (rule, postings, wanted.as_slice()),
            _ => return decision,
        };
        let made = postings.iter().map(|posting| posting.entry.header());
        let asked = wanted.iter().map(|wanted| &wanted.header);
        let beyond = made.chain(asked).find_map(|header| {
            let bounds = self.context.dates.get(&header.entity)?;
            let entity = self.context.entities.get(&header.entity)?;
            let problem = bounds.against(header.date, entity.accounting_date(came))?;
            Some(format!(
                "the accounting date {} is {problem}; correct the date, or widen `dates:` of entity `{}`",
                header.date, header.entity
            ))
        });
        match beyond {
            Some(reason) => Decision::Suspended {
                rule: Some(rule.clone()),
                reason,
            },
            None => decision,
        }
    }

    /// The code of the entity that the first rule of its type would post an event to, whether it does or not.
    pub fn entity_of(&mut self, event: &Event<'_>) -> Option<String> {
        let (variable, read) = (OnceCell::new(), RefCell::default());
        let program = self.program;
        let rules = program.rules_for(&event.kind)?;
        rules.iter().find_map(|rule| {
            let subject = Subject::of(event, (&variable, &read), &rule.with);
            let source = rule.entity.as_ref()?;
            let code = self.word(&subject, source, &[], None).ok()?;
            Some(code.into_owned())
        })
    }

    /// Whether a rule wants an event, and whose day it is where the rule asks for it.
    #[expect(
        clippy::option_option,
        reason = "a rule that wants an event may need nobody's day"
    )]
    fn applies(
        &mut self,
        subject: &Subject<'_>,
        rule: &Rule,
    ) -> Result<Option<Option<Owner<'p>>>, Refusal> {
        if let Some(when) = &rule.when
            && !self.flag(subject, when, &[])?
        {
            return Ok(None);
        }
        if !rule.is_bounded() {
            return Ok(Some(None));
        }
        let owner = self.owner(subject, rule)?;
        Ok(rule.in_force(owner.date).then_some(Some(owner)))
    }

    /// Whose books a rule writes, and on which day.
    fn owner(&mut self, subject: &Subject<'_>, rule: &Rule) -> Result<Owner<'p>, Refusal> {
        let source = rule.entity.as_ref().ok_or("the rule names no `entity:`")?;
        let entity = self.entity(subject, source)?;
        let date = self.date(subject, rule.date.as_ref(), entity)?;
        Ok(Owner { entity, date })
    }

    fn act(
        &mut self,
        subject: &Subject<'_>,
        rule: &Rule,
        owner: Option<Owner<'p>>,
    ) -> Result<Decision, Refusal> {
        let post = match &rule.action {
            Action::Ignore(reason) => {
                return Ok(Decision::Ignored {
                    rule: rule.name.clone(),
                    reason: reason.clone(),
                });
            }
            Action::Post(post) => post,
        };
        let owner = match owner {
            Some(owner) => owner,
            None => self.owner(subject, rule)?,
        };
        self.check_promises(subject, post)?;
        let (mut postings, mut wanted) = (Vec::new(), Vec::new());
        for entry in &post.entries {
            let owner = self.owner_of(subject, rule, entry, owner)?;
            let frame = Frame {
                rule,
                post,
                entry,
                entity: owner.entity,
                date: owner.date,
            };
            match &entry.makes {
                Makes::Lines(lines) => postings.extend(self.posting(subject, &frame, lines)?),
                Makes::Reversal(reversal) => {
                    wanted.push(self.wanted(subject, &frame, reversal)?);
                }
            }
        }
        let rule = rule.name.clone();
        Ok(if !wanted.is_empty() {
            Decision::Asks {
                rule,
                postings,
                wanted,
            }
        } else if postings.is_empty() {
            Decision::NoEffect {
                rule,
                reason: NO_EFFECT.to_owned(),
            }
        } else {
            Decision::Posted { rule, postings }
        })
    }

    /// Whose books an entry is in: the rule's, or its own.
    fn owner_of(
        &mut self,
        subject: &Subject<'_>,
        rule: &Rule,
        entry: &EntryRule,
        of_rule: Owner<'p>,
    ) -> Result<Owner<'p>, Refusal> {
        if entry.entity.is_none() && entry.date.is_none() {
            return Ok(of_rule);
        }
        let entity = match &entry.entity {
            Some(own) => self.entity(subject, own)?,
            None => of_rule.entity,
        };
        // A moment is another day in another entity's zone.
        let date = entry.date.as_ref().or(rule.date.as_ref());
        let date = self.date(subject, date, entity)?;
        Ok(Owner { entity, date })
    }

    fn entity(&mut self, subject: &Subject<'_>, source: &Source) -> Result<&'p Entity, Refusal> {
        let code = self.word(subject, source, &[], None)?;
        self.context.entities.get(code.as_ref()).ok_or_else(|| {
            let known: Vec<&str> = self.context.entities.keys().map(String::as_str).collect();
            format!(
                "entity `{code}` (from `{}`) is not in tieout.yaml; it has {}",
                source.text(),
                known.join(", ")
            )
        })
    }

    fn check_promises(&mut self, subject: &Subject<'_>, post: &Post) -> Result<(), Refusal> {
        for promise in &post.holds {
            if !self.flag(subject, promise, &[])? {
                return Err(format!("the event breaks its promise `{}`", promise.text));
            }
        }
        Ok(())
    }

    /// What an entry takes back, as the books are asked for it.
    fn wanted(
        &mut self,
        subject: &Subject<'_>,
        frame: &Frame<'_>,
        reversal: &ReversalRule,
    ) -> Result<Wanted, Refusal> {
        let date = frame.date;
        let of = self
            .word(subject, &reversal.reference, &[], Some(date))?
            .into_owned();
        let asked = match &reversal.part {
            PartRule::Rest => Asked::Part(Part::Rest),
            PartRule::Share(share) => {
                Asked::Part(Part::Share(self.amount(subject, share, &[], date)?))
            }
            PartRule::Amount { amount, currency } => {
                let currency = self.currency(subject, currency, date)?;
                let amount = self.amount(subject, amount, &[], date)?;
                let amount = amounts::in_units(&frame.post.amounts, currency, amount)?;
                Asked::Amount(Money::exact(amount, currency).map_err(|e| e.to_string())?)
            }
        };
        let own = match &frame.entry.reference {
            Some(own) => self.word(subject, own, &[], Some(date))?.into_owned(),
            None => of.clone(),
        };
        Ok(Wanted {
            rules: reversal.rules.clone(),
            reference: of,
            asked,
            header: self.header(subject, frame, own, None)?,
        })
    }

    fn currency(
        &mut self,
        subject: &Subject<'_>,
        source: &Source,
        date: NaiveDate,
    ) -> Result<Currency, Refusal> {
        let code = self.word(subject, source, &[], Some(date))?;
        Currency::from_code(&code.to_ascii_uppercase()).map_err(|e| e.to_string())
    }

    /// What an entry says of itself.
    fn header(
        &self,
        subject: &Subject<'_>,
        frame: &Frame<'_>,
        reference: String,
        rate: Option<Decimal>,
    ) -> Result<EntryHeader, Refusal> {
        bounds::REFERENCE
            .check(&reference)
            .map_err(|problem| format!("the reference {problem}"))?;
        Ok(EntryHeader {
            entity: frame.entity.code.clone(),
            date: frame.date,
            event_on: None,
            kind: frame.entry.kind,
            reference,
            description: frame.entry.description.clone(),
            event: subject.event.key(),
            rule: RuleRef {
                mapping: self.program.version,
                rule: frame.rule.name.clone(),
            },
            rate,
        })
    }

    fn posting(
        &mut self,
        subject: &Subject<'_>,
        frame: &Frame<'_>,
        rule: &LinesRule,
    ) -> Result<Option<Posting>, Refusal> {
        let date = frame.date;
        let currency = self.currency(subject, &rule.currency, date)?;
        let mut drafts = Vec::new();
        for (index, line) in rule.lines.iter().enumerate() {
            self.drafts(subject, frame, line, &mut drafts)
                .map_err(|reason| format!("line {}: {reason}", index + 1))?;
        }
        amounts::to_units(&frame.post.amounts, currency, &mut drafts)?;
        let mut amounts = amounts::rounded(frame.post.rounding.as_ref(), &mut drafts, currency)?;
        let kept: Vec<(Draft, i64)> = drafts
            .into_iter()
            .zip(amounts.drain(..))
            .filter(|(_, amount)| *amount != 0)
            .collect();
        if kept.is_empty() {
            return Ok(None);
        }
        let functional = frame.entity.functional;
        let rate = self.rate(subject, rule.rate.as_ref(), (currency, functional), date)?;
        let functional = amounts::functional(&kept, currency, functional, rate)?;
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
            Some(reference) => self.word(subject, reference, &[], Some(date))?.into_owned(),
            None => subject.event.id.clone().into_owned(),
        };
        let header = self.header(subject, frame, reference, rate)?;
        let entry = JournalEntry::new(header, lines).map_err(|e| e.to_string())?;
        let period = frame.entity.period(date).map_err(|e| e.to_string())?;
        Ok(Some(Posting { entry, period }))
    }

    /// The lines that a rule's line makes of an event, for each element that it runs over.
    fn drafts(
        &mut self,
        subject: &Subject<'_>,
        frame: &Frame<'_>,
        line: &LineRule,
        drafts: &mut Vec<Draft>,
    ) -> Result<(), Refusal> {
        let mut elements = Vec::with_capacity(line.each.len());
        self.over(subject, frame, (line, &line.each), &mut elements, drafts)
    }

    /// A line for each element of the lists that are left to run over.
    fn over<'e>(
        &mut self,
        subject: &Subject<'e>,
        frame: &Frame<'_>,
        (line, lists): (&'e LineRule, &'e [EachRule]),
        elements: &mut Vec<Element<'e>>,
        drafts: &mut Vec<Draft>,
    ) -> Result<(), Refusal> {
        let Some((each, inner)) = lists.split_first() else {
            drafts.extend(self.draft(subject, frame, line, elements)?);
            return Ok(());
        };
        let items = match look(subject, &each.list, elements) {
            Some(Data::List(items)) => items,
            None | Some(Data::Null) if each.optional => return Ok(()),
            None | Some(Data::Null) => {
                return Err(format!(
                    "the list `{}` is missing; say `optional: true` where that is in order",
                    each.text
                ));
            }
            Some(_) => return Err(format!("`{}` is no list in this event", each.text)),
        };
        for (index, value) in items.iter().enumerate() {
            elements.push(Element {
                alias: &each.alias,
                value,
            });
            let stands = match &each.when {
                Some(when) => self.flag(subject, when, elements),
                None => Ok(true),
            };
            let made = stands.and_then(|stands| {
                if stands {
                    self.over(subject, frame, (line, inner), elements, drafts)
                } else {
                    Ok(())
                }
            });
            elements.pop();
            made.map_err(|reason| format!("{} {}: {reason}", each.alias, index + 1))?;
        }
        Ok(())
    }

    fn draft(
        &mut self,
        subject: &Subject<'_>,
        frame: &Frame<'_>,
        line: &LineRule,
        elements: &[Element<'_>],
    ) -> Result<Option<Draft>, Refusal> {
        if let Some(when) = &line.when
            && !self.flag(subject, when, elements)?
        {
            return Ok(None);
        }
        let amount = self.amount(subject, &line.amount, elements, frame.date)?;
        let case = self.case(subject, line, elements)?;
        let account = case.and_then(|case| case.account.as_ref());
        let account = account.unwrap_or(&line.account);
        let account = self
            .word(subject, account, elements, Some(frame.date))?
            .into_owned();
        let dimensions = self.dimensions(subject, frame, line, case, elements)?;
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
        let defer = case.and_then(|case| case.defer.as_ref());
        if let Some(defer) = defer.or(line.defer.as_ref()) {
            self.deferred(subject, frame, defer, elements, &mut draft)?;
        }
        Ok(Some(draft))
    }

    /// The first case that holds.
    fn case<'l>(
        &mut self,
        subject: &Subject<'_>,
        line: &'l LineRule,
        elements: &[Element<'_>],
    ) -> Result<Option<&'l CaseRule>, Refusal> {
        for case in &line.cases {
            if self.flag(subject, &case.when, elements)? {
                return Ok(Some(case));
            }
        }
        Ok(None)
    }

    fn dimensions(
        &mut self,
        subject: &Subject<'_>,
        frame: &Frame<'_>,
        line: &LineRule,
        case: Option<&CaseRule>,
        elements: &[Element<'_>],
    ) -> Result<Dimensions, Refusal> {
        let mut dimensions = Dimensions::new();
        let chosen = case.map(|case| &case.dimensions);
        let own = line
            .dimensions
            .iter()
            .filter(|(name, _)| chosen.is_none_or(|chosen| !chosen.contains_key(*name)));
        for (name, source) in own.chain(chosen.into_iter().flatten()) {
            let value = self.word(subject, source, elements, Some(frame.date))?;
            bounds::DIMENSION
                .check(&value)
                .map_err(|problem| format!("dimension `{name}` {problem}"))?;
            dimensions.insert(name.clone(), value.into_owned());
        }
        Ok(dimensions)
    }

    /// Puts a line off until its service is given.
    fn deferred(
        &mut self,
        subject: &Subject<'_>,
        frame: &Frame<'_>,
        defer: &DeferRule,
        elements: &[Element<'_>],
        draft: &mut Draft,
    ) -> Result<(), Refusal> {
        let from = self.day(subject, &defer.from, elements, frame.entity)?;
        let to = if defer.exclusive {
            self.day_before(subject, &defer.end, elements, frame.entity)?
        } else {
            self.day(subject, &defer.end, elements, frame.entity)?
        };
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
        Ok(())
    }
}

/// Whose books, and on which day.
#[derive(Clone, Copy)]
struct Owner<'p> {
    entity: &'p Entity,
    date: NaiveDate,
}

/// What all lines of an entry share.
struct Frame<'f> {
    rule: &'f Rule,
    post: &'f Post,
    entry: &'f EntryRule,
    entity: &'f Entity,
    date: NaiveDate,
}

fn native(computed: &Computed) -> Option<Native> {
    // Where a text is wanted, texts that hold numbers stay texts.
    if computed.want == Want::Text {
        return None;
    }
    Native::of(&computed.text, &computed.aliases, &computed.reading.lists)
}

fn suspended(rule: Option<&Rule>, reason: Refusal) -> Decision {
    Decision::Suspended {
        rule: rule.map(|rule| rule.name.clone()),
        reason,
    }
}

fn two_want_it(one: &Rule, other: &Rule) -> Refusal {
    format!(
        "the rules `{}` and `{}` both want this event; let their `when:` exclude each other",
        one.name, other.name
    )
}

fn none_applies(event: &Event<'_>, rules: &[Rule]) -> Refusal {
    let names: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
    format!(
        "none of the rules for `{}` applies ({}); look at their `from:`, `to:` and `when:`",
        event.kind,
        names.join(", ")
    )
}
