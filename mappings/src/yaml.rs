//! The YAML of a rule file, as written: every scalar with its place.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor, value};
use serde_saphyr::Spanned;
use std::collections::BTreeMap;
use std::fmt;

pub(crate) type Text = Spanned<String>;

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
    pub(crate) on: Text,
    pub(crate) from: Option<Text>,
    pub(crate) to: Option<Text>,
    pub(crate) when: Option<Text>,
    pub(crate) ignore: Option<Text>,
    pub(crate) entity: Option<Text>,
    pub(crate) date: Option<Text>,
    pub(crate) reference: Option<Text>,
    pub(crate) description: Option<Text>,
    pub(crate) currency: Option<Text>,
    pub(crate) rate: Option<Text>,
    pub(crate) kind: Option<Text>,
    pub(crate) holds: Option<OneOrMany>,
    pub(crate) lines: Option<Vec<Line>>,
    pub(crate) entries: Option<Vec<Entry>>,
    pub(crate) rounding: Option<Rounding>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) kind: Option<Text>,
    pub(crate) description: Option<Text>,
    pub(crate) date: Option<Text>,
    pub(crate) reference: Option<Text>,
    pub(crate) currency: Option<Text>,
    pub(crate) lines: Vec<Line>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Line {
    pub(crate) each: Option<Text>,
    #[serde(rename = "as")]
    pub(crate) alias: Option<Text>,
    pub(crate) debit: Option<Spanned<Choice>>,
    pub(crate) credit: Option<Spanned<Choice>>,
    pub(crate) amount: Text,
    pub(crate) when: Option<Text>,
    #[serde(default)]
    pub(crate) dimensions: BTreeMap<String, Spanned<Choice>>,
    pub(crate) defer: Option<Defer>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lookup {
    pub(crate) lookup: Text,
    pub(crate) by: Vec<Text>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Defer {
    pub(crate) from: Text,
    pub(crate) to: Text,
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

/// A word, or a look-up in a table.
#[derive(Debug)]
pub(crate) enum Choice {
    Word(String),
    Lookup(Lookup),
}

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ChoiceVisitor;
        impl<'de> Visitor<'de> for ChoiceVisitor {
            type Value = Choice;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name or `{ lookup: table, by: [keys] }`")
            }
            fn visit_str<E>(self, text: &str) -> Result<Choice, E> {
                Ok(Choice::Word(text.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Choice, A::Error> {
                Lookup::deserialize(value::MapAccessDeserializer::new(map)).map(Choice::Lookup)
            }
        }
        deserializer.deserialize_any(ChoiceVisitor)
    }
}

/// One expression, or a list of them. The places of a single one are those of its key.
#[derive(Debug)]
pub(crate) struct OneOrMany(pub(crate) Vec<Text>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ManyVisitor;
        impl<'de> Visitor<'de> for ManyVisitor {
            type Value = Vec<Text>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an expression or a list of expressions")
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
