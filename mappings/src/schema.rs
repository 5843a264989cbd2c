//! Paths against an event type's JSON Schema, where the pack holds one (`schemas/TYPE.json`).
//!
//! Only what rules need of JSON Schema is read: `properties`, `items` and `type`. Anything else in
//! the schema allows everything.

use serde_json::Value;

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A number, or text that may hold one.
    Amount,
    /// An array.
    List,
    /// Text, true or false, an object.
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

/// The schema of a list's elements.
pub(crate) fn items(schema: &Value) -> Option<&Value> {
    schema.get("items")
}

/// What a schema describes.
pub(crate) fn kind(schema: &Value) -> Kind {
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => return Kind::Any,
    };
    if types.iter().any(|t| matches!(*t, "number" | "integer")) {
        Kind::Amount
    } else if types.contains(&"array") {
        Kind::List
    } else {
        Kind::Other
    }
}
