//! A first schema and a first rule, from samples of events.
//!
//! What samples show is not what a sender promises: a field that was always there may be absent tomorrow. So the
//! schema says what was seen, and the rule names no account: it does not compile before somebody has read it.

use crate::event::Event;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What was seen at one place.
#[derive(Clone, Debug, Default)]
struct Shape {
    /// How often something stood there.
    seen: usize,
    types: BTreeSet<&'static str>,
    members: BTreeMap<String, Shape>,
    /// How often it was an object.
    objects: usize,
    items: Option<Box<Shape>>,
    /// A text that was seen, for people.
    sample: Option<String>,
}

/// What was seen, by type of event.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    kinds: BTreeMap<String, Shape>,
}

/// What is proposed for one type of event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposed {
    /// The type.
    pub kind: String,
    /// How many samples there were.
    pub samples: usize,
    /// The JSON Schema of its data.
    pub schema: Value,
    /// A file with one rule.
    pub rule: String,
}

impl Samples {
    /// Takes another sample into account.
    pub fn add(&mut self, event: &Event<'_>, data: &Value) {
        let shape = self.kinds.entry(event.kind.to_string()).or_default();
        shape.take(data);
    }

    /// A schema and a rule for each type.
    pub fn propose(&self) -> Vec<Proposed> {
        let all = self.kinds.iter().map(|(kind, shape)| Proposed {
            kind: kind.clone(),
            samples: shape.seen,
            schema: shape.schema(),
            rule: rule(kind, shape),
        });
        all.collect()
    }
}

impl Shape {
    fn take(&mut self, value: &Value) {
        self.seen += 1;
        self.types.insert(match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        });
        match value {
            Value::Object(members) => {
                self.objects += 1;
                for (name, member) in members {
                    self.members.entry(name.clone()).or_default().take(member);
                }
            }
            Value::Array(items) => {
                let shape = self.items.get_or_insert_default();
                items.iter().for_each(|item| shape.take(item));
            }
            Value::String(text) => {
                self.sample.get_or_insert_with(|| text.clone());
            }
            _ => {}
        }
    }

    fn schema(&self) -> Value {
        let mut schema = Map::new();
        let types: Vec<&str> = self.types.iter().copied().collect();
        match types.as_slice() {
            [] => {}
            [one] => {
                schema.insert("type".to_owned(), json!(one));
            }
            many => {
                schema.insert("type".to_owned(), json!(many));
            }
        }
        if self.objects > 0 {
            let members = self.members.iter();
            let members = members.map(|(name, shape)| (name.clone(), shape.schema()));
            schema.insert("properties".to_owned(), Value::Object(members.collect()));
            let always = self
                .members
                .iter()
                .filter(|(_, shape)| shape.seen == self.objects);
            let always: Vec<&str> = always.map(|(name, _)| name.as_str()).collect();
            if !always.is_empty() {
                schema.insert("required".to_owned(), json!(always));
            }
        }
        if let Some(items) = self.items.as_ref().filter(|items| items.seen > 0) {
            schema.insert("items".to_owned(), items.schema());
        }
        Value::Object(schema)
    }

    /// All single values below, by path; none inside lists.
    fn leaves<'s>(&'s self, path: &str, found: &mut Vec<(String, &'s Self)>) {
        if self.objects == 0 && self.items.is_none() {
            found.push((path.to_owned(), self));
        }
        for (name, shape) in &self.members {
            shape.leaves(&format!("{path}.{name}"), found);
        }
    }

    fn is_amount(&self) -> bool {
        let text = self.sample.as_deref().unwrap_or_default();
        self.types.contains("number") || crate::data::amount_of(text).is_some()
    }
}

/// The first path whose last name is one of some words, or ends with it; the shortest path first.
fn named<'l>(leaves: &'l [(String, &Shape)], words: &[&str]) -> Option<&'l str> {
    let mut paths: Vec<&str> = leaves.iter().map(|(path, _)| path.as_str()).collect();
    paths.sort_by_key(|path| (path.matches('.').count(), *path));
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let mut all = words.iter();
    all.find_map(|word| {
        let exact = paths.iter().find(|path| last(path) == *word);
        let ending = || {
            paths
                .iter()
                .find(|path| last(path).ends_with(&format!("_{word}")))
        };
        exact.or_else(ending).copied()
    })
}

fn rule(kind: &str, shape: &Shape) -> String {
    let mut leaves = Vec::new();
    shape.leaves("data", &mut leaves);
    let amounts: Vec<&str> = leaves
        .iter()
        .filter(|(_, shape)| shape.is_amount())
        .map(|(path, _)| path.as_str())
        .collect();
    let of_amounts: Vec<(String, &Shape)> = leaves
        .iter()
        .filter(|(_, shape)| shape.is_amount())
        .cloned()
        .collect();
    let guess = |words: &[&str], otherwise: &'static str| {
        named(&leaves, words).unwrap_or(otherwise).to_owned()
    };
    let amount = named(&of_amounts, &["total", "amount", "gross", "net"]).unwrap_or("data.amount");
    let name: String = kind
        .chars()
        .map(|sign| {
            if sign.is_alphanumeric() {
                sign.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect();
    let date = guess(&["date", "at", "created", "time", "on"], "time");
    let counted = leaves
        .iter()
        .any(|(path, shape)| *path == date && shape.types.contains("number"));
    let date = if counted {
        format!("{{ path: {date}, unit: s }}")
    } else {
        date
    };
    let mut text = format!(
        "# Proposed from {} samples of `{kind}`. Read every line: which entity, which day, which accounts.\n",
        shape.seen
    );
    if !amounts.is_empty() {
        text.push_str(&format!(
            "# Amounts that were seen: {}.\n",
            amounts.join(", ")
        ));
    }
    let lists = shape
        .members
        .iter()
        .filter(|(_, shape)| shape.items.is_some());
    let lists: Vec<String> = lists.map(|(name, _)| format!("data.{name}")).collect();
    if !lists.is_empty() {
        text.push_str(&format!("# Lists, for `each:`: {}.\n", lists.join(", ")));
    }
    text.push_str(&format!(
        "rules:\n  - rule: {name}\n    on: {kind}\n    entity: {}\n    date: {date}\n    reference: {}\n    currency: {}\n    lines:\n      - {{ debit: WHICH-ACCOUNT, amount: {amount} }}\n      - {{ credit: WHICH-ACCOUNT, amount: {amount} }}\n",
        guess(&["entity", "company", "account", "organization_id"], "data.entity"),
        guess(&["number", "reference", "invoice_id", "id"], "id"),
        guess(&["currency", "currency_code"], "data.currency"),
    ));
    text
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]
mod tests {
    use super::*;

    fn proposed(all: &[Value]) -> Vec<Proposed> {
        let mut samples = Samples::default();
        for data in all {
            let event = json!({ "specversion": "1.0", "id": "1", "source": "s", "type": "invoice.paid", "data": data });
            let event = Event::from_value(event).unwrap();
            samples.add(&event, data);
        }
        samples.propose()
    }

    #[test]
    fn a_schema_says_what_was_seen_and_a_rule_names_no_account() {
        let all = [
            json!({ "number": "I-1", "account": "a", "currency": "EUR", "created": 1_767_225_600, "total": "12.60", "lines": [{ "amount": 5 }], "note": null }),
            json!({ "number": "I-2", "account": "a", "currency": "EUR", "created": 1_767_225_600, "total": 3, "lines": [] }),
        ];
        let proposed = proposed(&all);
        let [one] = proposed.as_slice() else {
            panic!("one type was seen");
        };
        assert_eq!(
            one.schema,
            json!({
                "type": "object",
                "properties": {
                    "account": { "type": "string" },
                    "created": { "type": "number" },
                    "currency": { "type": "string" },
                    "lines": { "type": "array", "items": { "type": "object", "properties": { "amount": { "type": "number" } }, "required": ["amount"] } },
                    "note": { "type": "null" },
                    "number": { "type": "string" },
                    "total": { "type": ["number", "string"] },
                },
                "required": ["account", "created", "currency", "lines", "number", "total"],
            })
        );
        assert_eq!(
            one.rule,
            "# Proposed from 2 samples of `invoice.paid`. Read every line: which entity, which day, which accounts.\n\
             # Amounts that were seen: data.created, data.total.\n\
             # Lists, for `each:`: data.lines.\n\
             rules:\n  - rule: invoice-paid\n    on: invoice.paid\n    entity: data.account\n    date: { path: data.created, unit: s }\n    reference: data.number\n    currency: data.currency\n    lines:\n      - { debit: WHICH-ACCOUNT, amount: data.total }\n      - { credit: WHICH-ACCOUNT, amount: data.total }\n"
        );
    }
}
