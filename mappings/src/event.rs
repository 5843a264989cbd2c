//! CloudEvents 1.0, as far as rules and the ledger need them.

use crate::data::{Data, Text};
use chrono::{DateTime, Utc};
use ledger::encode::Encoder;
use ledger::{EventKey, Hash};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::borrow::Cow;

/// The largest event that is read: 1 MiB.
pub const MAX_EVENT_BYTES: usize = 1 << 20;

/// An event whose envelope is sound; what it can, it leaves in the bytes it was read from.
#[derive(Clone, Debug)]
pub struct Event<'b> {
    /// Unique within the source.
    pub id: Cow<'b, str>,
    /// Who emitted it.
    pub source: Cow<'b, str>,
    /// What kind of event it is.
    pub kind: Cow<'b, str>,
    /// What it is about.
    pub subject: Option<Cow<'b, str>>,
    /// When it happened.
    pub time: Option<DateTime<Utc>>,
    /// What it says; null when it carries no data.
    pub data: Data<'b>,
    key: EventKey,
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

/// What is kept of an envelope.
#[derive(Deserialize)]
struct Envelope<'b> {
    #[serde(borrow)]
    specversion: Text<'b>,
    #[serde(borrow)]
    id: Text<'b>,
    #[serde(borrow)]
    source: Text<'b>,
    #[serde(borrow, rename = "type")]
    kind: Text<'b>,
    #[serde(borrow)]
    subject: Option<Text<'b>>,
    #[serde(borrow)]
    time: Option<Text<'b>>,
    #[serde(borrow)]
    data: Option<Data<'b>>,
    #[serde(default)]
    data_base64: Present,
}

/// Whether an attribute is there, whatever it holds.
#[derive(Default)]
struct Present(bool);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_any| Self(true))
    }
}

impl<'b> Event<'b> {
    /// Reads the structured JSON form.
    ///
    /// # Errors
    /// [`EventError`]; the caller keeps the bytes.
    pub fn parse(bytes: &'b [u8]) -> Result<Self, EventError> {
        if bytes.len() > MAX_EVENT_BYTES {
            return Err(EventError::TooLarge(bytes.len()));
        }
        match Self::sound(bytes) {
            Some(event) => Ok(event),
            None => Self::doubtful(bytes),
        }
    }

    /// Reads an envelope in which nothing is amiss, as nearly all are, without building what is not kept.
    fn sound(bytes: &'b [u8]) -> Option<Self> {
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return None;
        }
        let envelope: Envelope<'b> = serde_json::from_slice(bytes).ok()?;
        let named = [&envelope.id, &envelope.source, &envelope.kind];
        if envelope.specversion.0 != "1.0"
            || envelope.data_base64.0
            || named.into_iter().any(|text| text.0.is_empty())
        {
            return None;
        }
        let time = match envelope.time {
            Some(text) => Some(moment(&text.0).ok()?),
            None => None,
        };
        let subject = envelope.subject.map(|text| text.0);
        Some(Self {
            key: EventKey::new(&envelope.source.0, &envelope.id.0),
            id: envelope.id.0,
            source: envelope.source.0,
            kind: envelope.kind.0,
            subject: subject.filter(|text| !text.is_empty()),
            time,
            data: envelope.data.unwrap_or(Data::Null),
        })
    }

    /// Reads any envelope, and says what is wrong with it.
    fn doubtful(bytes: &[u8]) -> Result<Self, EventError> {
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
        let data = Data::from_value(map.remove("data").unwrap_or(Value::Null));
        let data = data.map_err(|unheld| EventError::Number {
            path: unheld.path("data"),
            number: unheld.number,
        })?;
        Ok(Self {
            key: EventKey::new(&source, &id),
            id: id.into(),
            source: source.into(),
            kind: kind.into(),
            subject: subject.map(Cow::Owned),
            time,
            data,
        })
    }

    /// The identity of the event.
    pub const fn key(&self) -> EventKey {
        self.key
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

fn canonical(data: &Data<'_>, encoder: &mut Encoder) {
    match data {
        Data::Null => encoder.text("null"),
        Data::Flag(flag) => encoder.value(flag),
        Data::Number { digits, .. } => {
            encoder.text("number");
            encoder.text(digits);
        }
        Data::Text(text) => {
            encoder.text("text");
            encoder.text(text);
        }
        Data::List(items) => {
            encoder.text("array");
            encoder.count(items.len());
            items.iter().for_each(|item| canonical(item, encoder));
        }
        Data::Object(members) => {
            encoder.text("object");
            encoder.count(members.len());
            for (name, item) in members.iter() {
                encoder.text(name);
                canonical(item, encoder);
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
    fn an_unheld_number_is_found_by_its_whole_path() {
        let text = SOUND.replace("1.10", r#"{"b":[0,{"c d":1e99}],"z":1e99}"#);
        assert_eq!(
            Event::parse(text.as_bytes()).unwrap_err().to_string(),
            "`data.a.b[1].c d` is 1e+99: more than 28 digits cannot be held exactly"
        );
    }

    #[test]
    fn a_sound_envelope_is_what_any_envelope_is() {
        let change = |from: &str, to: &str| SOUND.replace(from, to);
        let table = [
            SOUND.to_owned(),
            format!("  \n{SOUND}  "),
            format!("{SOUND}x"),
            change(
                "\"t\"",
                "\"t\",\"subject\":\"s\",\"datacontenttype\":\"application/json\"",
            ),
            change("\"t\"", "\"t\",\"subject\":\"\""),
            change("\"t\"", "\"t\",\"subject\":null,\"more\":[1,{\"a\":1e999}]"),
            change("\"t\"", "\"t\",\"subject\":7"),
            change("\"t\"", "\"t\",\"type\":\"again\""),
            change("\"t\"", "\"\""),
            change("\"t\"", "\"t\",\"data_base64\":null"),
            change("\"t\"", "\"t\\u00e9\""),
            change("\"1.0\"", "\"0.3\""),
            change("\"2026-01-15T10:00:00Z\"", "null"),
            change("\"2026-01-15T10:00:00Z\"", "5"),
            change("\"2026-01-15T10:00:00Z\"", "\"soon\""),
            change("1.10", "123456789012345678901234567890.1"),
            change("{\"a\":1.10,\"b\":[true]}", "null"),
            change(",\"data\":{\"a\":1.10,\"b\":[true]}", ""),
            "[\"1.0\",\"1\",\"billing\",\"t\",null,null,null]".to_owned(),
            "\u{feff}{}".to_owned(),
            String::new(),
        ];
        for text in table {
            let (any, sound) = (
                Event::doubtful(text.as_bytes()),
                Event::sound(text.as_bytes()),
            );
            match (&any, sound) {
                (Ok(any), Some(sound)) => {
                    assert_eq!(format!("{any:?}"), format!("{sound:?}"), "{text}");
                }
                (Err(_), Some(sound)) => panic!("{text} was read as {sound:?}"),
                (_, None) => {}
            }
            let read = Event::parse(text.as_bytes());
            assert_eq!(format!("{any:?}"), format!("{read:?}"), "{text}");
        }
        assert!(
            Event::sound(SOUND.as_bytes()).is_some(),
            "the usual way is the short one"
        );
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
