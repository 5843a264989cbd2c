//! The YAML of a rule file, as written: every scalar with its place.

use formats::envelope::Envelope;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor, value};
use serde_saphyr::Spanned;
use std::collections::BTreeMap;
use std::fmt;

pub(crate) type Text = Spanned<String>;

/// What a whole pack departs from, in `pack.yaml`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PackFile {
    pub(crate) amounts: Option<Spanned<Amounts>>,
    #[serde(default)]
    pub(crate) with: BTreeMap<String, Text>,
    pub(crate) entity: Option<Spanned<Value>>,
    pub(crate) date: Option<Spanned<Moment>>,
    pub(crate) reference: Option<Spanned<Value>>,
    pub(crate) currency: Option<Spanned<Value>>,
    pub(crate) envelope: Option<Envelope>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleFile {
    pub(crate) rules: Vec<Rule>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    #[serde(rename = "rule")]
    pub(crate) name: Text,
    pub(crate) on: OneOrMany,
    pub(crate) from: Option<Text>,
    pub(crate) to: Option<Text>,
    #[serde(default)]
    pub(crate) with: BTreeMap<String, Text>,
    pub(crate) when: Option<Text>,
    pub(crate) ignore: Option<Text>,
    pub(crate) entity: Option<Spanned<Value>>,
    pub(crate) date: Option<Spanned<Moment>>,
    pub(crate) reference: Option<Spanned<Value>>,
    pub(crate) description: Option<Text>,
    pub(crate) currency: Option<Spanned<Value>>,
    pub(crate) rate: Option<Spanned<Value>>,
    pub(crate) amounts: Option<Spanned<Amounts>>,
    pub(crate) kind: Option<Text>,
    pub(crate) holds: Option<OneOrMany>,
    pub(crate) lines: Option<Vec<Line>>,
    pub(crate) entries: Option<Vec<Entry>>,
    pub(crate) reverses: Option<Spanned<Reverses>>,
    pub(crate) rounding: Option<Rounding>,
    pub(crate) unproven: Option<Spanned<bool>>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) kind: Option<Text>,
    pub(crate) description: Option<Text>,
    pub(crate) entity: Option<Spanned<Value>>,
    pub(crate) date: Option<Spanned<Moment>>,
    pub(crate) reference: Option<Spanned<Value>>,
    pub(crate) currency: Option<Spanned<Value>>,
    pub(crate) rate: Option<Spanned<Value>>,
    #[serde(default)]
    pub(crate) lines: Vec<Line>,
    pub(crate) reverses: Option<Spanned<Reverses>>,
}

/// Which entry of the books is taken back, and how much of it.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reverses {
    pub(crate) rule: OneOrMany,
    pub(crate) reference: Spanned<Value>,
    pub(crate) share: Option<Spanned<Value>>,
    pub(crate) amount: Option<Spanned<Value>>,
}

/// A line, or lines for each element of a list.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Line {
    pub(crate) each: Option<Text>,
    #[serde(rename = "as")]
    pub(crate) alias: Option<Text>,
    pub(crate) optional: Option<Spanned<bool>>,
    pub(crate) lines: Option<Vec<Line>>,
    pub(crate) debit: Option<Spanned<Value>>,
    pub(crate) credit: Option<Spanned<Value>>,
    pub(crate) amount: Option<Spanned<Value>>,
    pub(crate) when: Option<Text>,
    #[serde(default)]
    pub(crate) dimensions: BTreeMap<String, Spanned<Value>>,
    pub(crate) defer: Option<Defer>,
    #[serde(default)]
    pub(crate) choose: Vec<Case>,
}

/// What a line has instead of its own where a condition holds.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) when: Text,
    pub(crate) account: Option<Spanned<Value>>,
    #[serde(default)]
    pub(crate) dimensions: BTreeMap<String, Spanned<Value>>,
    pub(crate) defer: Option<Defer>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lookup {
    #[serde(rename = "lookup")]
    pub(crate) table: Text,
    pub(crate) by: Vec<Text>,
    pub(crate) default: Option<Text>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Defer {
    pub(crate) from: Spanned<Moment>,
    pub(crate) to: Option<Spanned<Moment>>,
    pub(crate) until: Option<Spanned<Moment>>,
    pub(crate) account: Text,
    pub(crate) method: Text,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rounding {
    pub(crate) mode: Text,
    pub(crate) difference: Option<Text>,
    pub(crate) limit: Option<Text>,
}

/// In what an event's amounts count.
#[derive(Debug)]
pub(crate) enum Amounts {
    /// `decimal` or `minor`.
    Word(String),
    /// `minor`, and the currencies in which the sender's minor unit is not that of ISO 4217.
    Minor(MinorOf),
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MinorOf {
    pub(crate) minor: BTreeMap<String, u32>,
}

/// Where a moment or a day stands, and how it is written there.
#[derive(Debug)]
pub(crate) enum Moment {
    /// A day, or a moment in RFC 3339.
    Word(String),
    /// With what it counts, or in which zone its day is.
    Place(Box<MomentPlace>),
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MomentPlace {
    pub(crate) path: Text,
    pub(crate) unit: Option<Text>,
    pub(crate) zone: Option<Text>,
}

/// A word, or a look-up in a table.
#[derive(Debug)]
pub(crate) enum Value {
    Word(String),
    Lookup(Lookup),
}

/// Reads a word as one variant and a block as another, so that a block's error names its own keys.
macro_rules! word_or_block {
    ($name:ident, $block:ident($inner:ty), $expecting:literal) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct WordOrBlock;
                impl<'de> Visitor<'de> for WordOrBlock {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }
                    fn visit_str<E>(self, text: &str) -> Result<$name, E> {
                        Ok($name::Word(text.to_owned()))
                    }
                    fn visit_bool<E>(self, flag: bool) -> Result<$name, E> {
                        Ok($name::Word(flag.to_string()))
                    }
                    fn visit_i64<E>(self, number: i64) -> Result<$name, E> {
                        Ok($name::Word(number.to_string()))
                    }
                    fn visit_u64<E>(self, number: u64) -> Result<$name, E> {
                        Ok($name::Word(number.to_string()))
                    }
                    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<$name, A::Error> {
                        let block = value::MapAccessDeserializer::new(map);
                        <$inner>::deserialize(block).map($name::$block)
                    }
                }
                deserializer.deserialize_any(WordOrBlock)
            }
        }
    };
}

word_or_block!(
    Value,
    Lookup(Lookup),
    "a name, a number in quotes, or `{ lookup: table, by: [keys] }`"
);
word_or_block!(
    Moment,
    Place(Box<MomentPlace>),
    "a path or `{ path: data.at, unit: s, zone: Europe/Berlin }`"
);
word_or_block!(
    Amounts,
    Minor(MinorOf),
    "`decimal`, `minor`, or `{ minor: { ISK: 2 } }`"
);

/// One text, or a list of them. The places of a single one are those of its key.
#[derive(Debug)]
pub(crate) struct OneOrMany(pub(crate) Vec<Text>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ManyVisitor;
        impl<'de> Visitor<'de> for ManyVisitor {
            type Value = Vec<Text>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one or a list")
            }
            fn visit_str<E>(self, text: &str) -> Result<Vec<Text>, E> {
                let nowhere = serde_saphyr::Location::UNKNOWN;
                Ok(vec![Spanned::new(text.to_owned(), nowhere, nowhere)])
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<Text>, A::Error> {
                let mut all = Vec::new();
                while let Some(text) = seq.next_element()? {
                    all.push(text);
                }
                Ok(all)
            }
        }
        let spanned = Spanned::<Many>::deserialize(deserializer)?;
        let place = spanned.referenced;
        let fixed = spanned.value.0.into_iter().map(|text| {
            if text.referenced.line() == 0 {
                Spanned::new(text.value, place, place)
            } else {
                text
            }
        });
        struct Many(Vec<Text>);
        impl<'de> Deserialize<'de> for Many {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(ManyVisitor).map(Many)
            }
        }
        Ok(Self(fixed.collect()))
    }
}

/// Line and column, both from 1.
pub(crate) fn place<T>(spanned: &Spanned<T>) -> (u64, u64) {
    (spanned.referenced.line(), spanned.referenced.column())
}
