//! CloudEvents 1.0, as far as rules and the ledger need them.

use crate::data::{Data, Text};
use chrono::{DateTime, Utc};
pub use ledger::bounds::MAX_EVENT_BYTES;
use ledger::bounds::{self, Bound, TextError};
use ledger::encode::Encoder;
use ledger::{EventKey, Hash};
use rust_decimal::Decimal;
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// The mark that some programs put before UTF-8; it means nothing.
const MARK: &[u8] = b"\xef\xbb\xbf";

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
    /// A text that does not come in.
    #[error("`{name}` {problem}")]
    Text {
        /// The attribute.
        name: &'static str,
        /// What is wrong with it.
        problem: TextError,
    },
    /// One name with two values, of which nobody can say which is meant.
    #[error("`{0}` is there twice")]
    Twice(String),
    /// Binary data, which no rule can read.
    #[error("`data_base64` holds bytes; rules read JSON data")]
    Binary,
}

/// What is kept of an envelope.
#[derive(Default)]
struct Envelope<'b> {
    specversion: Option<Text<'b>>,
    id: Option<Text<'b>>,
    source: Option<Text<'b>>,
    kind: Option<Text<'b>>,
    subject: Option<Text<'b>>,
    time: Option<Text<'b>>,
    data: Option<Data<'b>>,
}

/// Attributes whose values are not kept; those that are common are told apart without keeping their names.
const PASSED_OVER: [&str; 2] = ["datacontenttype", "dataschema"];

impl<'de: 'b, 'b> Deserialize<'de> for Envelope<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EnvelopeInPlace)
    }
}

/// Reads an envelope, and refuses one that says something twice or carries bytes.
struct EnvelopeInPlace;

impl<'de> Visitor<'de> for EnvelopeInPlace {
    type Value = Envelope<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut envelope = Envelope::default();
        let (mut seen, mut others) = (0u16, Vec::new());
        while let Some(Text(name)) = map.next_key()? {
            let bit = match name.as_ref() {
                "specversion" => {
                    envelope.specversion = map.next_value()?;
                    0
                }
                "id" => {
                    envelope.id = map.next_value()?;
                    1
                }
                "source" => {
                    envelope.source = map.next_value()?;
                    2
                }
                "type" => {
                    envelope.kind = map.next_value()?;
                    3
                }
                "subject" => {
                    envelope.subject = map.next_value()?;
                    4
                }
                "time" => {
                    envelope.time = map.next_value()?;
                    5
                }
                "data" => {
                    envelope.data = map.next_value()?;
                    6
                }
                "data_base64" => return Err(A::Error::custom("bytes")),
                other => {
                    let _passed_over: IgnoredAny = map.next_value()?;
                    let Some(at) = PASSED_OVER.iter().position(|known| *known == other) else {
                        others.push(name);
                        continue;
                    };
                    7 + at
                }
            };
            if seen & (1 << bit) != 0 {
                return Err(A::Error::custom("twice"));
            }
            seen |= 1 << bit;
        }
        match doubled(&mut others) {
            Some(_) => Err(A::Error::custom("twice")),
            None => Ok(envelope),
        }
    }
}

/// A name that is there twice.
fn doubled<'n, 'b>(names: &'n mut [Cow<'b, str>]) -> Option<&'n Cow<'b, str>> {
    names.sort_unstable();
    let pair = names.windows(2).find(|pair| pair.first() == pair.last())?;
    pair.first()
}

/// The names of an object's members, as they come.
struct Names<'b>(Vec<Cow<'b, str>>);

impl<'de: 'b, 'b> Deserialize<'de> for Names<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NamesInPlace)
    }
}

struct NamesInPlace;

impl<'de> Visitor<'de> for NamesInPlace {
    type Value = Names<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut names = Vec::new();
        while let Some((Text(name), IgnoredAny)) = map.next_entry()? {
            names.push(name);
        }
        Ok(Names(names))
    }
}

fn bounded(name: &'static str, bound: Bound, text: &str) -> Result<(), EventError> {
    bound
        .check(text)
        .map_err(|problem| EventError::Text { name, problem })
}

impl<'b> Event<'b> {
    /// Reads the structured JSON form as it comes in.
    ///
    /// # Errors
    /// [`EventError`]; the caller keeps the bytes.
    pub fn parse(bytes: &'b [u8]) -> Result<Self, EventError> {
        if bytes.len() > MAX_EVENT_BYTES {
            return Err(EventError::TooLarge(bytes.len()));
        }
        let bytes = without_mark(bytes);
        match Self::sound(bytes) {
            Some(event) => Ok(event),
            None => Self::doubtful(bytes),
        }
    }

    /// Reads an event that is in the books: it came in under the rules of its own time.
    ///
    /// # Errors
    /// [`EventError`].
    pub fn stored(bytes: &'b [u8]) -> Result<Self, EventError> {
        let bytes = without_mark(bytes);
        match Self::sound(bytes) {
            Some(event) => Ok(event),
            None => Self::from_value(json(bytes)?),
        }
    }

    /// Reads an envelope in which nothing is amiss, as nearly all are, without building what is not kept.
    fn sound(bytes: &'b [u8]) -> Option<Self> {
        let envelope: Envelope<'_> = serde_json::from_slice(bytes).ok()?;
        let (id, source, kind) = (envelope.id?.0, envelope.source?.0, envelope.kind?.0);
        let named = [&id, &source, &kind];
        if envelope.specversion?.0 != "1.0" || named.into_iter().any(|text| text.is_empty()) {
            return None;
        }
        let time = match envelope.time {
            Some(text) => Some(moment(&text.0).ok()?),
            None => None,
        };
        let subject = envelope.subject.map(|text| text.0);
        let event = Self {
            key: EventKey::new(&source, &id),
            id,
            source,
            kind,
            subject: subject.filter(|text| !text.is_empty()),
            time,
            data: envelope.data.unwrap_or(Data::Null),
        };
        event.comes_in().ok()?;
        Some(event)
    }

    /// Reads any envelope, and says what is wrong with it.
    fn doubtful(bytes: &[u8]) -> Result<Self, EventError> {
        let value = json(bytes)?;
        if value.is_object() {
            let names: Result<Names<'_>, _> = serde_json::from_slice(bytes);
            let mut names = names.map_err(|error| EventError::NotJson(error.to_string()))?;
            if let Some(name) = doubled(&mut names.0) {
                return Err(EventError::Twice(name.clone().into_owned()));
            }
        }
        let event = Self::from_value(value)?;
        event.comes_in()?;
        Ok(event)
    }

    /// Whether its texts are such as come in.
    fn comes_in(&self) -> Result<(), EventError> {
        bounded("id", bounds::NAME, &self.id)?;
        bounded("source", bounds::NAME, &self.source)?;
        bounded("type", bounds::EVENT_TYPE, &self.kind)?;
        bounded(
            "subject",
            bounds::NAME,
            self.subject.as_deref().unwrap_or_default(),
        )
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

    /// The hash over what the event says, blind to white space, to the order of keys and to the digits in
    /// which a number is written: two deliveries of one event have one content.
    pub fn content_hash(&self) -> Hash {
        self.content("tieout.event.v2", |encoder, digits, value| {
            encoder.text(&shortest(digits, value));
        })
    }

    /// The same by the function of a version, as rows name it; none for a version that there never was.
    pub fn content_hash_of(&self, version: i64) -> Option<Hash> {
        match version {
            1 => {
                let as_sent =
                    |encoder: &mut Encoder, digits: &str, _: &Decimal| encoder.text(digits);
                Some(self.content("tieout.event.v1", as_sent))
            }
            ledger::hash::CONTENT_VERSION => Some(self.content_hash()),
            _ => None,
        }
    }

    fn content(&self, kind: &str, number: impl Fn(&mut Encoder, &str, &Decimal)) -> Hash {
        let mut encoder = Encoder::new(kind);
        encoder.text(&self.kind);
        encoder.text(self.subject.as_deref().unwrap_or_default());
        encoder.text(&self.time.map(|time| time.to_rfc3339()).unwrap_or_default());
        canonical(&self.data, &mut encoder, &number);
        encoder.finish()
    }
}

/// The content, as of today, of the bytes of an event that is in the books.
pub fn content_of(stored: &[u8]) -> Option<Hash> {
    Event::stored(stored).ok().map(|event| event.content_hash())
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(MARK).unwrap_or(bytes)
}

fn json(bytes: &[u8]) -> Result<Value, EventError> {
    serde_json::from_slice(bytes).map_err(|error| EventError::NotJson(error.to_string()))
}

fn moment(text: &str) -> Result<DateTime<Utc>, EventError> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| ledger::clock::truncate_to_micros(time.with_timezone(&Utc)))
        .map_err(|_bad| EventError::Time(text.to_owned()))
}

/// A number without exponent, without zeros at the end of its fraction, and without a sign where it is zero.
/// Nearly all are sent so.
fn shortest<'d>(digits: &'d str, value: &Decimal) -> Cow<'d, str> {
    let mut fraction = false;
    for byte in digits.bytes() {
        match byte {
            b'e' | b'E' if value.is_zero() => return "0".into(),
            b'e' | b'E' => return value.normalize().to_string().into(),
            b'.' => fraction = true,
            _ => {}
        }
    }
    let digits = if fraction {
        digits.trim_end_matches('0').trim_end_matches('.')
    } else {
        digits
    };
    if digits == "-0" { "0" } else { digits }.into()
}

fn canonical(
    data: &Data<'_>,
    encoder: &mut Encoder,
    number: &impl Fn(&mut Encoder, &str, &Decimal),
) {
    match data {
        Data::Null => encoder.text("null"),
        Data::Flag(flag) => encoder.value(flag),
        Data::Number { digits, value } => {
            encoder.text("number");
            number(encoder, digits, value);
        }
        Data::Text(text) => {
            encoder.text("text");
            encoder.text(text);
        }
        Data::List(items) => {
            encoder.text("array");
            encoder.count(items.len());
            items
                .iter()
                .for_each(|item| canonical(item, encoder, number));
        }
        Data::Object(members) => {
            encoder.text("object");
            encoder.count(members.len());
            for (name, item) in members.iter() {
                encoder.text(name);
                canonical(item, encoder, number);
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
            (
                r#"{"specversion":"1.0","id":"1\u0000","source":"s","type":"t"}"#,
                "`id` holds the control character U+0000 at byte 1; take it out where the text is made",
            ),
            (
                r#"{"specversion":"1.0","id":"1","source":"s","type":"t","subject":"a\nb"}"#,
                "`subject` holds the control character U+000A at byte 1; take it out where the text is made",
            ),
            (
                &SOUND.replace("\"t\"", &format!("\"{}\"", "t".repeat(513))),
                "`type` has 513 bytes; at most 512 are taken",
            ),
            (
                r#"{"specversion":"1.0","id":"1","source":"s","type":"t","id":"2"}"#,
                "`id` is there twice",
            ),
            (
                r#"{"specversion":"1.0","id":"1","source":"s","type":"t","data":1,"more":1,"a":2,"\u006dore":3}"#,
                "`more` is there twice",
            ),
            (
                r#"{"specversion":"1.0","id":"1","source":"s","type":"t","dataschema":"a","dataschema":"a"}"#,
                "`dataschema` is there twice",
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
            change("\"t\"", "\"t\",\"a\":1,\"b\":2,\"a\":1"),
            change("\"t\"", "\"t\",\"data\":null"),
            change("\"t\"", "\"t\\u001b\""),
            change("\"t\"", "\"t\",\"traceparent\":\"00\",\"tracestate\":\"x\""),
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
    fn a_mark_before_the_event_means_nothing() {
        let marked = format!("\u{feff}{SOUND}");
        let (event, plain) = (
            Event::parse(marked.as_bytes()).unwrap(),
            Event::parse(SOUND.as_bytes()).unwrap(),
        );
        assert_eq!(format!("{event:?}"), format!("{plain:?}"));
        assert_eq!(
            Event::parse("\u{feff}{}".as_bytes()).unwrap_err(),
            EventError::Attribute("specversion")
        );
    }

    #[test]
    fn what_came_in_under_older_rules_is_still_read() {
        for text in [
            SOUND.replace("\"1\"", "\"1\\u0000\""),
            SOUND.replace("\"t\"", "\"t\",\"id\":\"1\""),
        ] {
            assert!(Event::parse(text.as_bytes()).is_err(), "{text}");
            assert!(Event::stored(text.as_bytes()).is_ok(), "{text}");
            assert!(content_of(text.as_bytes()).is_some(), "{text}");
        }
    }

    #[test]
    fn one_number_has_one_content_in_whatever_digits() {
        let content = |number: &str| {
            let text = SOUND.replace("1.10", number);
            let event = Event::parse(text.as_bytes()).unwrap();
            (event.content_hash(), event.content_hash_of(1).unwrap())
        };
        let same = [
            &["120.5", "120.50", "1205e-1", "1.205E+2"][..],
            &["1000", "1e3", "1000.0", "0.1e4", "10.00e2"],
            &["0", "-0", "0.00", "-0.0", "0e9"],
            &["-7.25", "-7.250", "-725e-2"],
        ];
        for group in same {
            for number in group {
                assert_eq!(content(number).0, content(group[0]).0, "{number}");
                if *number != group[0] {
                    // As events were compared before.
                    assert_ne!(content(number).1, content(group[0]).1, "{number}");
                }
            }
        }
        let others = [
            "120.5", "120.51", "1205", "-120.5", "12.05", "100", "10", "1", "0",
        ];
        for (at, number) in others.iter().enumerate() {
            for other in &others[at + 1..] {
                assert_ne!(content(number).0, content(other).0, "{number} {other}");
            }
        }
    }

    proptest::proptest! {
        /// The shortest text of the digits is that of the number.
        #[test]
        fn shortest_is_what_the_decimal_says(digits in "-?(0|[1-9][0-9]{0,12})(\\.[0-9]{1,8})?([eE][+-]?[0-9])?") {
            let value = ledger::money::parse_decimal(&digits).unwrap();
            let normal = if value.is_zero() { Decimal::ZERO } else { value.normalize() };
            proptest::prop_assert_eq!(shortest(&digits, &value).into_owned(), normal.to_string());
        }
    }

    /// The hash of an event of the first version, as its books hold it.
    #[test]
    fn contents_of_the_first_version_are_what_they_were() {
        let event = Event::parse(SOUND.as_bytes()).unwrap();
        assert_eq!(
            event.content_hash_of(1).unwrap().to_string(),
            "beb168bd1d6683171bee580984a419b928cd6ecbf782c3f1dca1b15ebdb1fa3b"
        );
        assert_eq!(event.content_hash_of(2), Some(event.content_hash()));
        assert_eq!(event.content_hash_of(3), None);
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
