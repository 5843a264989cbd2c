//! Plain JSON as events: the configuration says where an event's attributes stand in a message.
//!
//! The whole message becomes the event's `data`, so nothing of it is lost and rules name its fields
//! as `data.…`. A message without an `id` where the envelope looks for one is no event.

use super::encoding;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Where the attributes of an event come from.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// Unique within the source: `meta.event_id`.
    pub id: Place,
    /// What kind of event it is.
    #[serde(rename = "type")]
    pub kind: Place,
    /// Who emitted it.
    pub source: Place,
    /// When it happened.
    pub time: Option<Place>,
    /// What it is about.
    pub subject: Option<Place>,
}

/// Where one attribute comes from.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(untagged)]
pub enum Place {
    /// A path into the message: `meta.event_id`.
    Path(String),
    /// The same text for all: `{ text: legacy-billing }`.
    Text {
        /// The text.
        text: String,
    },
    /// A path to a number that counts from 1970: `{ path: created, unit: ms }`.
    Epoch {
        /// The path.
        path: String,
        /// What it counts.
        unit: Unit,
    },
}

/// What a number of time counts.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds.
    Us,
}

impl Envelope {
    /// Makes an event in CloudEvents' structured form of a message.
    ///
    /// # Errors
    /// Why it is none, for people.
    pub fn wrap(&self, message: &[u8]) -> Result<Vec<u8>, String> {
        let value: Value = serde_json::from_slice(encoding::utf8(message).as_ref())
            .map_err(|error| format!("not JSON: {error}"))?;
        let mut event = Map::new();
        event.insert("specversion".into(), "1.0".into());
        for (name, place) in [
            ("id", Some(&self.id)),
            ("source", Some(&self.source)),
            ("type", Some(&self.kind)),
            ("time", self.time.as_ref()),
            ("subject", self.subject.as_ref()),
        ] {
            if let Some(place) = place {
                event.insert(name.to_owned(), Value::String(place.take(&value, name)?));
            }
        }
        event.insert("data".to_owned(), value);
        serde_json::to_vec(&Value::Object(event)).map_err(|error| error.to_string())
    }
}

impl Place {
    fn take(&self, message: &Value, name: &str) -> Result<String, String> {
        match self {
            Self::Text { text } => Ok(text.clone()),
            Self::Path(path) => match look(message, path) {
                Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
                Some(Value::Number(number)) => Ok(number.to_string()),
                _ => Err(format!(
                    "the envelope takes `{name}` from `{path}`, where there is no text and no number"
                )),
            },
            Self::Epoch { path, unit } => look(message, path)
                .and_then(Value::as_i64)
                .and_then(|count| moment(count, *unit))
                .map(|at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
                .ok_or_else(|| {
                    format!("the envelope takes `{name}` from `{path}`, where there is no whole number of time")
                }),
        }
    }
}

fn moment(count: i64, unit: Unit) -> Option<DateTime<Utc>> {
    match unit {
        Unit::S => DateTime::from_timestamp(count, 0),
        Unit::Ms => DateTime::from_timestamp_millis(count),
        Unit::Us => DateTime::from_timestamp_micros(count),
    }
}

fn look<'v>(message: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.')
        .try_fold(message, |here, name| here.get(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope() -> Envelope {
        Envelope {
            id: Place::Path("meta.id".into()),
            kind: Place::Path("meta.kind".into()),
            source: Place::Text {
                text: "legacy".into(),
            },
            time: Some(Place::Epoch {
                path: "meta.at".into(),
                unit: Unit::Ms,
            }),
            subject: None,
        }
    }

    #[test]
    fn a_plain_message_becomes_an_event_whole() {
        let message = br#"{"meta":{"id":17,"kind":"paid","at":1767225600123},"amount":1.10}"#;
        let event: Value = serde_json::from_slice(&envelope().wrap(message).unwrap()).unwrap();
        assert_eq!(
            event.to_string(),
            r#"{"data":{"amount":1.10,"meta":{"at":1767225600123,"id":17,"kind":"paid"}},"id":"17","source":"legacy","specversion":"1.0","time":"2026-01-01T00:00:00.123Z","type":"paid"}"#
        );
    }

    #[test]
    fn what_the_envelope_does_not_find_is_said() {
        let table = [
            (
                "{",
                "not JSON: EOF while parsing an object at line 1 column 1",
            ),
            (
                r#"{"meta":{"kind":"paid","at":1}}"#,
                "the envelope takes `id` from `meta.id`, where there is no text and no number",
            ),
            (
                r#"{"meta":{"id":"1","kind":"paid","at":"soon"}}"#,
                "the envelope takes `time` from `meta.at`, where there is no whole number of time",
            ),
        ];
        for (message, why) in table {
            assert_eq!(envelope().wrap(message.as_bytes()).unwrap_err(), why);
        }
    }
}
