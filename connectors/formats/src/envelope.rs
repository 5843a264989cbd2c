//! Plain JSON as events: an envelope says where an event's attributes stand in a message.
//!
//! The whole message becomes the event's `data`, byte for byte, so nothing of it is lost and rules name its fields
//! as `data.…`. A message without an `id` where the envelope looks for one is no event.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::de::{Deserializer, Error, MapAccess, Visitor, value};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use std::fmt;
use std::ops::Range;

/// Where the attributes of an event come from.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Place>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Place>,
}

/// An event that was made of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrapped {
    /// The event in CloudEvents' structured form.
    pub event: Vec<u8>,
    /// Where the message stands in it, as it came.
    pub message: Range<usize>,
}

/// Where one attribute comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A path into the message: `meta.event_id`.
    Path(String),
    /// The same text for all: `{ text: legacy-billing }`.
    Text(String),
    /// A path to a number that counts from 1970: `{ path: created, unit: ms }`.
    Epoch {
        /// The path.
        path: String,
        /// What it counts.
        unit: Unit,
    },
    /// Several, one after the other: `{ join: [order, attempt], by: "/" }`.
    Join {
        /// What is joined.
        parts: Vec<Place>,
        /// What stands between them.
        by: String,
    },
    /// The first that is there: `{ first: [event_id, id] }`.
    First(Vec<Place>),
    /// Another, with a text before it: `{ prefix: "acme.", of: kind }`.
    Prefix {
        /// The text before it.
        prefix: String,
        /// The other.
        of: Box<Place>,
    },
}

/// What a number of time counts.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds.
    Us,
}

/// The keys of a place that is no plain path.
#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Block {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<Unit>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    join: Option<Vec<Place>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first: Option<Vec<Place>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<Box<Place>>,
}

/// What a place may be, for people.
const PLACES: &str = "a path (`meta.id`), `{ text: WORD }`, `{ path: PATH, unit: s }`, `{ join: [PATH, PATH], by: \"/\" }`, `{ first: [PATH, PATH] }` or `{ prefix: \"acme.\", of: PATH }`";

impl Block {
    fn place(self) -> Result<Place, String> {
        match self {
            Self {
                text: Some(text),
                path: None,
                unit: None,
                join: None,
                by: None,
                first: None,
                prefix: None,
                of: None,
            } => Ok(Place::Text(text)),
            Self {
                text: None,
                path: Some(path),
                unit,
                join: None,
                by: None,
                first: None,
                prefix: None,
                of: None,
            } => Ok(match unit {
                Some(unit) => Place::Epoch { path, unit },
                None => Place::Path(path),
            }),
            Self {
                text: None,
                path: None,
                unit: None,
                join: Some(parts),
                by,
                first: None,
                prefix: None,
                of: None,
            } if !parts.is_empty() => Ok(Place::Join {
                parts,
                by: by.unwrap_or_else(|| "/".to_owned()),
            }),
            Self {
                text: None,
                path: None,
                unit: None,
                join: None,
                by: None,
                first: Some(places),
                prefix: None,
                of: None,
            } if !places.is_empty() => Ok(Place::First(places)),
            Self {
                text: None,
                path: None,
                unit: None,
                join: None,
                by: None,
                first: None,
                prefix: Some(prefix),
                of: Some(of),
            } => Ok(Place::Prefix { prefix, of }),
            _ => Err(format!("these keys do not go together; it is {PLACES}")),
        }
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PathOrBlock;
        impl<'de> Visitor<'de> for PathOrBlock {
            type Value = Place;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(PLACES)
            }
            fn visit_str<E>(self, path: &str) -> Result<Place, E> {
                Ok(Place::Path(path.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Place, A::Error> {
                let block = Block::deserialize(value::MapAccessDeserializer::new(map))?;
                block.place().map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_any(PathOrBlock)
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let block = match self.clone() {
            Self::Path(path) => return serializer.serialize_str(&path),
            Self::Text(text) => Block {
                text: Some(text),
                ..Block::default()
            },
            Self::Epoch { path, unit } => Block {
                path: Some(path),
                unit: Some(unit),
                ..Block::default()
            },
            Self::Join { parts, by } => Block {
                join: Some(parts),
                by: Some(by),
                ..Block::default()
            },
            Self::First(places) => Block {
                first: Some(places),
                ..Block::default()
            },
            Self::Prefix { prefix, of } => Block {
                prefix: Some(prefix),
                of: Some(of),
                ..Block::default()
            },
        };
        block.serialize(serializer)
    }
}

impl Envelope {
    /// Makes an event in CloudEvents' structured form of a message in UTF-8. The message stands in it as it came.
    ///
    /// # Errors
    /// Why it is none, for people.
    pub fn wrap(&self, message: &[u8]) -> Result<Wrapped, String> {
        let message = message.strip_prefix(b"\xef\xbb\xbf").unwrap_or(message);
        let value: Value =
            serde_json::from_slice(message).map_err(|error| format!("not JSON: {error}"))?;
        let mut event = br#"{"specversion":"1.0""#.to_vec();
        for (name, place) in [
            ("id", Some(&self.id)),
            ("source", Some(&self.source)),
            ("type", Some(&self.kind)),
            ("time", self.time.as_ref()),
            ("subject", self.subject.as_ref()),
        ] {
            // An event needs no time and no subject.
            let needed = matches!(name, "id" | "source" | "type");
            if let Some(place) = place
                && (needed || place.is_there(&value))
            {
                let text = place.take(&value, name)?;
                event.extend_from_slice(format!(",\"{name}\":{}", Value::String(text)).as_bytes());
            }
        }
        event.extend_from_slice(b",\"data\":");
        let begins = event.len();
        event.extend_from_slice(message.trim_ascii());
        let message = begins..event.len();
        event.push(b'}');
        Ok(Wrapped { event, message })
    }
}

impl Place {
    /// Whether the message has what it is taken from, well or badly written.
    fn is_there(&self, message: &Value) -> bool {
        match self {
            Self::Text(_) => true,
            Self::Path(path) | Self::Epoch { path, .. } => {
                !matches!(look(message, path), None | Some(Value::Null))
            }
            Self::Join { parts, .. } => parts.iter().all(|part| part.is_there(message)),
            Self::First(places) => places.iter().any(|place| place.is_there(message)),
            Self::Prefix { of, .. } => of.is_there(message),
        }
    }

    fn take(&self, message: &Value, name: &str) -> Result<String, String> {
        match self {
            Self::Text(text) => Ok(text.clone()),
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
            Self::Join { parts, by } => {
                let parts: Result<Vec<String>, String> =
                    parts.iter().map(|part| part.take(message, name)).collect();
                parts.map(|parts| parts.join(by))
            }
            Self::First(places) => {
                if let Some(place) = places.iter().find(|place| place.is_there(message)) {
                    return place.take(message, name);
                }
                let why = places.iter().filter_map(|place| place.take(message, name).err());
                Err(why.collect::<Vec<_>>().join("; and "))
            }
            Self::Prefix { prefix, of } => {
                of.take(message, name).map(|text| format!("{prefix}{text}"))
            }
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

    fn read(yaml: &str) -> Result<Envelope, String> {
        serde_saphyr::from_str(yaml).map_err(|error| error.to_string())
    }

    const PLAIN: &str = "id: meta.id\ntype: meta.kind\nsource: { text: legacy }\ntime: { path: meta.at, unit: ms }\n";

    #[test]
    fn a_plain_message_becomes_an_event_whole() {
        let message = br#" {"meta":{"id":17, "kind":"paid","at":1767225600123},"amount":1.10}
"#;
        let wrapped = read(PLAIN).unwrap().wrap(message).unwrap();
        assert_eq!(&wrapped.event[wrapped.message], message.trim_ascii());
        assert_eq!(
            String::from_utf8(wrapped.event).unwrap(),
            r#"{"specversion":"1.0","id":"17","source":"legacy","type":"paid","time":"2026-01-01T00:00:00.123Z","data":{"meta":{"id":17, "kind":"paid","at":1767225600123},"amount":1.10}}"#
        );
    }

    #[test]
    fn attributes_are_composed_chosen_and_prefixed() {
        let envelope = read("id: { join: [{ first: [event_id, id] }, attempt], by: \":\" }\ntype: { prefix: acme., of: kind }\nsource: { text: acme }\n").unwrap();
        let said = |message: &str| -> Value {
            serde_json::from_slice(&envelope.wrap(message.as_bytes()).unwrap().event).unwrap()
        };
        let event = said(r#"{"id":"a","attempt":2,"kind":"paid"}"#);
        assert_eq!(
            (event["id"].as_str(), event["type"].as_str()),
            (Some("a:2"), Some("acme.paid"))
        );
        let event = said(r#"{"event_id":"e","id":"a","attempt":"x","kind":"paid"}"#);
        assert_eq!(event["id"].as_str(), Some("e:x"));
        let why = envelope
            .wrap(br#"{"attempt":2,"kind":"paid"}"#)
            .unwrap_err();
        assert_eq!(
            why,
            "the envelope takes `id` from `event_id`, where there is no text and no number; and the envelope takes `id` from `id`, where there is no text and no number"
        );
    }

    #[test]
    fn a_message_without_a_time_is_an_event_without_one() {
        for message in [
            r#"{"meta":{"id":1,"kind":"paid"}}"#,
            r#"{"meta":{"id":1,"kind":"paid","at":null}}"#,
        ] {
            let event = read(PLAIN).unwrap().wrap(message.as_bytes()).unwrap();
            let event: Value = serde_json::from_slice(&event.event).unwrap();
            assert_eq!(event.get("time"), None);
        }
    }

    #[test]
    fn an_envelope_is_written_as_it_is_read() {
        for yaml in [
            PLAIN,
            "id: { join: [a, { first: [b, { path: c }] }], by: '-' }\ntype: { prefix: x., of: kind }\nsource: { text: s }\nsubject: who\n",
        ] {
            let envelope = read(yaml).unwrap();
            let json = serde_json::to_string(&envelope).unwrap();
            assert_eq!(serde_json::from_str::<Envelope>(&json).unwrap(), envelope);
        }
    }

    #[test]
    fn an_envelope_that_is_wrong_says_which_key() {
        for (yaml, named) in [
            ("id: a\ntype: b\n", "source"),
            ("id: { pfad: a }\ntype: b\nsource: c\n", "pfad"),
            (
                "id: { text: a, path: b }\ntype: b\nsource: c\n",
                "do not go together",
            ),
            ("id: { path: b, unit: h }\ntype: b\nsource: c\n", "`h`"),
            ("id: [a]\ntype: b\nsource: c\n", "a path (`meta.id`)"),
        ] {
            let error = read(yaml).unwrap_err();
            assert!(error.contains(named), "{error}");
            assert!(!error.contains("untagged"), "{error}");
        }
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
            assert_eq!(
                read(PLAIN).unwrap().wrap(message.as_bytes()).unwrap_err(),
                why
            );
        }
    }
}
