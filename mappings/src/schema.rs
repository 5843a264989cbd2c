//! Paths against an event type's JSON Schema, where the pack holds one (`schemas/TYPE.json`).
//!
//! Only what rules need of JSON Schema is read: `properties`, `items` and `type`. Anything else in
//! the schema allows everything.

use crate::reading::{Step, Want};
use serde_json::Value;

/// Whether what a schema describes can be what is wanted. A text may hold a number; a number, a flag may be a text.
pub(crate) fn gives(schema: &Value, want: Want) -> bool {
    let types: Vec<&str> = types(schema);
    let has = |wanted: &[&str]| types.is_empty() || types.iter().any(|t| wanted.contains(t));
    match want {
        Want::Number => has(&["number", "integer", "string"]),
        Want::Flag => has(&["boolean"]),
        Want::Text => has(&["string", "number", "integer", "boolean"]),
    }
}

/// The names of the types that a schema allows; none where it does not say.
fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An array.
    List,
    /// Anything but an array.
    Other,
    /// The schema does not say.
    Any,
}

/// Follows the parts of a path below `data`.
///
/// # Errors
/// The name that the schema does not know, with those that it knows.
pub(crate) fn follow<'s>(schema: &'s Value, path: &[String]) -> Result<Option<&'s Value>, String> {
    let mut here = schema;
    for name in path {
        let Some(properties) = here.get("properties").and_then(Value::as_object) else {
            return Ok(None);
        };
        here = properties.get(name).ok_or_else(|| {
            let known: Vec<&str> = properties.keys().map(String::as_str).collect();
            format!(
                "the event's schema has no `{name}` here; it has {}",
                known.join(", ")
            )
        })?;
    }
    Ok(Some(here))
}

/// Follows a pattern below `data`, into every element of a list.
///
/// # Errors
/// The name that the schema does not know, with those that it knows.
pub(crate) fn follow_steps<'s>(
    schema: &'s Value,
    steps: &[Step],
) -> Result<Option<&'s Value>, String> {
    let mut here = schema;
    for step in steps {
        let next = match step {
            Step::Name(name) => follow(here, std::slice::from_ref(name))?,
            Step::Each => items(here),
        };
        match next {
            Some(next) => here = next,
            None => return Ok(None),
        }
    }
    Ok(Some(here))
}

/// The schema of a list's elements.
pub(crate) fn items(schema: &Value) -> Option<&Value> {
    schema.get("items")
}

/// What a schema describes.
pub(crate) fn kind(schema: &Value) -> Kind {
    let types = types(schema);
    if types.is_empty() {
        return Kind::Any;
    }
    if types.contains(&"array") {
        Kind::List
    } else {
        Kind::Other
    }
}
