//! CloudEvents 1.0, as far as rules and the ledger need them.

use chrono::{DateTime, Utc};
use ledger::encode::Encoder;
use ledger::money::parse_decimal;
use ledger::{EventKey, Hash};
use serde_json::Value;

/// The largest event that is read: 1 MiB.
pub const MAX_EVENT_BYTES: usize = 1 << 20;

/// An event whose envelope is sound.
#[derive(Clone, Debug)]
pub struct Event {
    /// Unique within the source.
    pub id: String,
    /// Who emitted it.
    pub source: String,
    /// What kind of event it is.
    pub kind: String,
    /// What it is about.
    pub subject: Option<String>,
    /// When it happened.
    pub time: Option<DateTime<Utc>>,
    /// What it says; null when it carries no data.
    pub data: Value,
}

/// Why bytes are no event.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EventError {
    /// Too large to be read.
    #[error("{0} bytes are more than the {MAX_EVENT_BYTES} that an event may have")]
    TooLarge(usize),
    /// Not JSON.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// JSON, but no object.
    #[error("an event is a JSON object")]
    NotAnObject,
    /// A required attribute is missing or empty.
    #[error("the required attribute `{0}` is missing or no text")]
    Attribute(&'static str),
    /// Another version of the specification.
    #[error("specversion is `{0}`; CloudEvents 1.0 is what is read here")]
    Version(String),
    /// A time that is not RFC 3339.
    #[error("time `{0}` is not RFC 3339")]
    Time(String),
    /// A number that decimals cannot hold.
    #[error("`{path}` is {number}: more than 28 digits cannot be held exactly")]
    Number {
        /// Where it stands.
        path: String,
        /// The number as written.
        number: String,
    },
    /// Binary data, which no rule can read.
    #[error("`data_base64` holds bytes; rules read JSON data")]
    Binary,
}

impl Event {
    /// Reads the structured JSON form.
    ///
    /// # Errors
    /// [`EventError`]; the caller keeps the bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, EventError> {
        if bytes.len() > MAX_EVENT_BYTES {
            return Err(EventError::TooLarge(bytes.len()));
        }
        let value: Value = serde_json::from_slice(bytes)
            .map_err(|error| EventError::NotJson(error.to_string()))?;
        Self::from_value(value)
    }

    /// Reads an envelope that is JSON already.
    ///
    /// # Errors
    /// [`EventError`].
    pub fn from_value(value: Value) -> Result<Self, EventError> {
        let Value::Object(mut map) = value else {
            return Err(EventError::NotAnObject);
        };
        let mut take = |name: &'static str| match map.remove(name) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text),
            _ => Err(EventError::Attribute(name)),
        };
        let version = take("specversion")?;
        if version != "1.0" {
            return Err(EventError::Version(version));
        }
        let (id, source, kind) = (take("id")?, take("source")?, take("type")?);
        let subject = take("subject").ok();
        let time = match map.remove("time") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(moment(&text)?),
            Some(other) => return Err(EventError::Time(other.to_string())),
        };
        if map.contains_key("data_base64") {
            return Err(EventError::Binary);
        }
        let data = map.remove("data").unwrap_or(Value::Null);
        check_numbers(&data, "data")?;
        Ok(Self {
            id,
            source,
            kind,
            subject,
            time,
            data,
        })
    }

    /// The identity of the event.
    pub fn key(&self) -> EventKey {
        EventKey::new(&self.source, &self.id)
    }

    /// The hash over what the event says, blind to white space and the order of keys: two
    /// deliveries of one event have one content.
    pub fn content_hash(&self) -> Hash {
        let mut encoder = Encoder::new("tieout.event.v1");
        encoder.text(&self.kind);
        encoder.text(self.subject.as_deref().unwrap_or_default());
        encoder.text(&self.time.map(|time| time.to_rfc3339()).unwrap_or_default());
        canonical(&self.data, &mut encoder);
        encoder.finish()
    }
}

fn moment(text: &str) -> Result<DateTime<Utc>, EventError> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| ledger::clock::truncate_to_micros(time.with_timezone(&Utc)))
        .map_err(|_bad| EventError::Time(text.to_owned()))
}

/// Refuses the first number that decimals cannot hold; where it stands is only worked out then.
fn check_numbers(value: &Value, path: &str) -> Result<(), EventError> {
    let Err((mut parts, number)) = first_unheld(value) else {
        return Ok(());
    };
    parts.push(path.to_owned());
    parts.reverse();
    Err(EventError::Number {
        path: parts.concat(),
        number,
    })
}

/// The path to the number, from its end, and the number.
fn first_unheld(value: &Value) -> Result<(), (Vec<String>, String)> {
    let below = |part: String| {
        |(mut parts, number): (Vec<String>, String)| {
            parts.push(part);
            (parts, number)
        }
    };
    match value {
        Value::Number(number) => parse_decimal(number.as_str())
            .map(drop)
            .map_err(|_beyond| (Vec::new(), number.to_string())),
        Value::Array(items) => items.iter().enumerate().try_for_each(|(index, item)| {
            first_unheld(item).map_err(|found| below(format!("[{index}]"))(found))
        }),
        Value::Object(map) => map.iter().try_for_each(|(key, item)| {
            first_unheld(item).map_err(|found| below(format!(".{key}"))(found))
        }),
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}

fn canonical(value: &Value, encoder: &mut Encoder) {
    match value {
        Value::Null => encoder.text("null"),
        Value::Bool(flag) => encoder.value(flag),
        Value::Number(number) => {
            encoder.text("number");
            encoder.text(number.as_str());
        }
        Value::String(text) => {
            encoder.text("text");
            encoder.text(text);
        }
        Value::Array(items) => {
            encoder.text("array");
            encoder.value(items.len());
            items.iter().for_each(|item| canonical(item, encoder));
        }
        Value::Object(map) => {
            encoder.text("object");
            encoder.value(map.len());
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            for key in keys {
                encoder.text(key);
                if let Some(item) = map.get(key) {
                    canonical(item, encoder);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = r#"{"specversion":"1.0","id":"1","source":"billing","type":"t","time":"2026-01-15T10:00:00Z","data":{"a":1.10,"b":[true]}}"#;

    #[test]
    fn unsound_envelopes_say_why() {
        let table = [
            (
                "{",
                "not JSON: EOF while parsing an object at line 1 column 1",
            ),
            ("[]", "an event is a JSON object"),
            (
                r#"{"specversion":"0.3"}"#,
                "specversion is `0.3`; CloudEvents 1.0 is what is read here",
            ),
            (
                r#"{"specversion":"1.0","id":"","source":"s","type":"t"}"#,
                "the required attribute `id` is missing or no text",
            ),
            (
                r#"{"specversion":"1.0","id":"1","source":"s","type":"t","time":"yesterday"}"#,
                "time `yesterday` is not RFC 3339",
            ),
            (
                r#"{"specversion":"1.0","id":"1","source":"s","type":"t","data":{"a":[123456789012345678901234567890.1]}}"#,
                "`data.a[0]` is 123456789012345678901234567890.1: more than 28 digits cannot be held exactly",
            ),
        ];
        for (text, message) in table {
            assert_eq!(
                Event::parse(text.as_bytes()).unwrap_err().to_string(),
                message,
                "{text}"
            );
        }
    }

    #[test]
    fn content_is_blind_to_layout_and_not_to_meaning() {
        let event = Event::parse(SOUND.as_bytes()).unwrap();
        let same = r#"{ "data": {"b": [true], "a": 1.10}, "type": "t", "source": "billing", "id": "1", "time": "2026-01-15T11:00:00+01:00", "specversion": "1.0" }"#;
        assert_eq!(
            Event::parse(same.as_bytes()).unwrap().content_hash(),
            event.content_hash()
        );
        let other = SOUND.replace("1.10", "1.11");
        assert_ne!(
            Event::parse(other.as_bytes()).unwrap().content_hash(),
            event.content_hash()
        );
    }
}
