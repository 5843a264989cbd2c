//! Golden tests: an event, and the journal that a bookkeeper expects of it.
//!
//! `tests/CASE/event.json` holds one event or a list, as the sender sends them; where the pack has an envelope they
//! are read through it. `tests/CASE/expected.journal` holds the entries in the form that hledger reads. What makes no entry is written as a comment, `; ignored by RULE:
//! why` or `; suspended by RULE: why`. The events of a case are one after the other in books that are empty before.

use crate::evaluate::{Context, Evaluator, EvaluatorError};
use crate::event::Event;
use crate::pack::Pack;
use crate::program::Program;
use ledger::{Asked, Decision, Part, Posting, Remaining, text};
use serde_json::Value;
use std::collections::BTreeMap;

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its folder's name.
    pub name: String,
    /// What the file says.
    pub expected: String,
    /// What the rules make of it.
    pub found: String,
}

impl Case {
    /// Whether they agree.
    pub fn passed(&self) -> bool {
        self.expected == self.found
    }

    /// The lines that differ, `-` expected and `+` found.
    pub fn difference(&self) -> String {
        let expected: Vec<&str> = self.expected.lines().collect();
        let found: Vec<&str> = self.found.lines().collect();
        let mut text = String::new();
        for line in &expected {
            if !found.contains(line) {
                text.push_str(&format!("- {line}\n"));
            }
        }
        for line in &found {
            if !expected.contains(line) {
                text.push_str(&format!("+ {line}\n"));
            }
        }
        text
    }
}

/// Runs every golden test of a pack.
///
/// # Errors
/// [`EvaluatorError`] when an expression cannot be made ready.
pub fn run(pack: &Pack, program: &Program, context: &Context) -> Result<Vec<Case>, EvaluatorError> {
    let mut evaluator = Evaluator::new(program, context)?;
    let cases = pack
        .cases()
        .map(|name| {
            let file = |leaf: &str| pack.files.get(&format!("tests/{name}/{leaf}"));
            let found = match file("event.json").map(|bytes| events(bytes, program)) {
                Some(Ok(events)) => journal(&mut evaluator, &events, context),
                Some(Err(error)) => format!("; unreadable: {error}\n"),
                None => String::new(),
            };
            let expected = file("expected.journal")
                .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
                .unwrap_or_default();
            Case {
                name: name.to_owned(),
                expected,
                found,
            }
        })
        .collect();
    Ok(cases)
}

fn events(bytes: &[u8], program: &Program) -> Result<Vec<Event<'static>>, String> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let values = match value {
        Value::Array(values) => values,
        one => vec![one],
    };
    let read = |value: Value| {
        let value = match &program.envelope {
            Some(envelope) => {
                let event = envelope.wrap(value.to_string().as_bytes())?;
                serde_json::from_slice(&event.event).map_err(|error| error.to_string())?
            }
            None => value,
        };
        Event::from_value(value).map_err(|e| e.to_string())
    };
    values.into_iter().map(read).collect()
}

/// The decisions on some events as one text. What takes entries back finds those of the events before it.
pub fn journal(evaluator: &mut Evaluator<'_>, events: &[Event<'_>], context: &Context) -> String {
    let mut books = Books {
        context,
        standing: BTreeMap::new(),
    };
    let parts: Vec<String> = events
        .iter()
        .map(|event| written(books.take(evaluator.decide(event))))
        .collect();
    parts.join("\n")
}

/// The entries of a case, by their numbers.
struct Books<'c> {
    context: &'c Context,
    standing: BTreeMap<i64, Remaining>,
}

impl Books<'_> {
    fn take(&mut self, decision: Decision) -> Decision {
        let decision = self.answered(decision);
        if let Decision::Posted { postings, .. } = &decision {
            for posting in postings {
                let number = i64::try_from(self.standing.len()).unwrap_or(0) + 1;
                let left = Remaining::of(posting.entry.clone());
                self.standing.insert(number, left);
            }
        }
        decision
    }

    fn answered(&mut self, decision: Decision) -> Decision {
        let Decision::Asks {
            rule,
            mut postings,
            wanted,
        } = decision
        else {
            return decision;
        };
        let mut after = self.standing.clone();
        for one in &wanted {
            let mut found: BTreeMap<i64, Remaining> = after
                .iter()
                .filter(|(_, left)| one.is_of(left.entry()))
                .map(|(number, left)| (*number, left.clone()))
                .collect();
            let made = match one.answer(&mut found) {
                Ok(made) => made,
                Err(reason) => {
                    let rule = Some(rule);
                    return Decision::Suspended { rule, reason };
                }
            };
            after.extend(found);
            for reversal in made {
                let header = reversal.entry.header();
                let entity = self.context.entities.get(&header.entity);
                let period = entity.and_then(|entity| entity.period(header.date).ok());
                postings.extend(period.map(|period| Posting {
                    period,
                    entry: reversal.entry,
                }));
            }
        }
        self.standing = after;
        Decision::Posted { rule, postings }
    }
}

/// A decision as golden tests write it.
pub fn written(decision: Decision) -> String {
    match decision {
        Decision::Posted { postings, .. } => {
            let parts: Vec<String> = postings
                .iter()
                .map(|posting| {
                    let mut part = text::entry(&posting.entry, |line| line.account.clone());
                    for (line, line_no) in posting.entry.lines().iter().zip(1..) {
                        let Some(deferral) = &line.deferral else {
                            continue;
                        };
                        part.push_str(&format!(
                            "    ; line {line_no} is released into {} {} from {} to {}\n",
                            deferral.release_account, deferral.method, deferral.from, deferral.to
                        ));
                    }
                    part
                })
                .collect();
            parts.join("\n")
        }
        Decision::Asks { rule, wanted, .. } => {
            let parts = wanted.iter().map(|one| {
                format!(
                    "; {rule} takes back {} of the entry of {} with the reference {}\n",
                    match one.asked {
                        Asked::Part(Part::Rest) => "all that is left".to_owned(),
                        Asked::Part(Part::Share(share)) => format!("a share of {share}"),
                        Asked::Amount(amount) => amount.to_string(),
                    },
                    one.rules.join(" or "),
                    one.reference
                )
            });
            parts.collect()
        }
        Decision::Ignored { rule, reason } => format!("; ignored by {rule}: {reason}\n"),
        Decision::NoEffect { rule, reason } => format!("; nothing to post by {rule}: {reason}\n"),
        Decision::Suspended {
            rule: Some(rule),
            reason,
        } => {
            format!("; suspended by {rule}: {reason}\n")
        }
        Decision::Suspended { rule: None, reason } => format!("; suspended: {reason}\n"),
    }
}
