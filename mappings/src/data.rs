//! What an event says: JSON, read in place. Texts without an escape stay where they are in the event's
//! bytes, and a number is read as a decimal once, beside the digits that were sent.

use crate::reading::Step;
use ledger::money::parse_decimal;
use rust_decimal::Decimal;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use zen_expression::variable::Variable;

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data<'b> {
    /// `null`, or nothing at all.
    Null,
    /// `true` or `false`.
    Flag(bool),
    /// A number that a decimal holds exactly.
    Number {
        /// As it was sent.
        digits: Cow<'b, str>,
        /// What it is.
        value: Decimal,
    },
    /// A text.
    Text(Cow<'b, str>),
    /// A list.
    List(Vec<Data<'b>>),
    /// An object.
    Object(Members<'b>),
}

/// The members of an object, by name: each name once, the last that was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members<'b>(Vec<(Cow<'b, str>, Data<'b>)>);

/// A number that no decimal holds, and where it stands: the parts of its path, the last one first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unheld {
    pub(crate) number: String,
    path: Vec<String>,
}

impl Unheld {
    fn below(mut self, part: String) -> Self {
        self.path.push(part);
        self
    }

    /// The whole path, beginning with the name of the root.
    pub(crate) fn path(&self, root: &str) -> String {
        let parts = self.path.iter().rev().map(String::as_str);
        std::iter::once(root).chain(parts).collect()
    }
}

/// Under this name `serde_json` hands over a number's digits as an object of one member, so that none is
/// rounded (its feature `arbitrary_precision`).
const NUMBER: &str = "$serde_json::private::Number";

/// So many members are faster looked through than searched.
const FEW: usize = 24;

/// The order of names: that of their bytes, of which the first mostly tells.
fn by_name(one: &str, other: &str) -> Ordering {
    let first = |name: &str| name.as_bytes().first().copied();
    first(one).cmp(&first(other)).then_with(|| one.cmp(other))
}

impl<'b> Members<'b> {
    fn new(mut members: Vec<(Cow<'b, str>, Data<'b>)>) -> Self {
        let rising = |pair: &[(Cow<'b, str>, Data<'b>)]| match pair {
            [one, other] => by_name(&one.0, &other.0).is_lt(),
            _ => true,
        };
        if !members.windows(2).all(rising) {
            members.reverse();
            members.sort_by(|one, other| by_name(&one.0, &other.0));
            members.dedup_by(|later, kept| later.0 == kept.0);
        }
        Self(members)
    }

    /// The member of a name.
    pub fn get(&self, name: &str) -> Option<&Data<'b>> {
        let found = if self.0.len() <= FEW {
            // Two names are seldom of one length.
            self.0.iter().find(|(own, _)| own.as_ref() == name)
        } else {
            let at = self.0.binary_search_by(|(own, _)| by_name(own, name));
            at.ok().and_then(|at| self.0.get(at))
        };
        found.map(|(_, data)| data)
    }

    /// How many there are.
    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// All, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Data<'b>)> {
        self.0.iter().map(|(name, data)| (name.as_ref(), data))
    }
}

impl<'b> Data<'b> {
    /// The member of a name, if this is an object that has one.
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.get(name),
            _ => None,
        }
    }

    /// The same value as the interpreter of expressions sees it.
    pub(crate) fn variable(&self) -> Variable {
        match self {
            Self::Null => Variable::Null,
            Self::Flag(flag) => Variable::Bool(*flag),
            Self::Number { value, .. } => Variable::Number(*value),
            Self::Text(text) => Variable::String(text.as_ref().into()),
            Self::List(items) => Variable::from_array(items.iter().map(Self::variable).collect()),
            Self::Object(members) => Variable::from_object(
                members
                    .iter()
                    .map(|(name, data)| (Variable::key(name), data.variable()))
                    .collect(),
            ),
        }
    }

    /// The amount that this is: a number, or a text that reads as one.
    pub(crate) fn amount(&self) -> Option<Decimal> {
        match self {
            Self::Number { value, .. } => Some(*value),
            Self::Text(text) => amount_of(text),
            _ => None,
        }
    }

    /// Whether [`Self::variable_as`] would give something else than [`Self::variable`].
    pub(crate) fn is_read_otherwise(&self, amounts: &[&[Step]], lists: &[&[Step]]) -> bool {
        if amounts.is_empty() && lists.is_empty() {
            return false;
        }
        let ends = |patterns: &[&[Step]]| patterns.iter().any(|pattern| pattern.is_empty());
        match self {
            Self::Null => lists.iter().any(|list| leads_through_objects(list)),
            Self::Text(text) => ends(amounts) && amount_of(text).is_some(),
            Self::Flag(_) | Self::Number { .. } => false,
            Self::List(items) => {
                let whole = ends(amounts)
                    && items
                        .iter()
                        .any(|item| matches!(item, Self::Text(text) if amount_of(text).is_some()));
                let (amounts, lists) = (below(amounts, None), below(lists, None));
                whole
                    || items
                        .iter()
                        .any(|item| item.is_read_otherwise(&amounts, &lists))
            }
            Self::Object(members) => {
                !absent(members, lists).is_empty()
                    || members.iter().any(|(name, data)| {
                        data.is_read_otherwise(
                            &below(amounts, Some(name)),
                            &below(lists, Some(name)),
                        )
                    })
            }
        }
    }

    /// The same value as the interpreter sees it, with texts read as numbers where amounts stand, and empty
    /// lists where some may be absent.
    pub(crate) fn variable_as(&self, amounts: &[&[Step]], lists: &[&[Step]]) -> Variable {
        let ends = |patterns: &[&[Step]]| patterns.iter().any(|pattern| pattern.is_empty());
        match self {
            Self::Null if lists.iter().any(|list| leads_through_objects(list)) => made(lists),
            Self::Text(text) if ends(amounts) => {
                amount_of(text).map_or_else(|| self.variable(), Variable::Number)
            }
            Self::List(items) => {
                let mut inner = below(amounts, None);
                if ends(amounts) {
                    inner.push(&[]);
                }
                let lists = below(lists, None);
                let items = items.iter().map(|item| item.variable_as(&inner, &lists));
                Variable::from_array(items.collect())
            }
            Self::Object(members) => {
                let own = members.iter().map(|(name, data)| {
                    let (amounts, lists) = (below(amounts, Some(name)), below(lists, Some(name)));
                    (Variable::key(name), data.variable_as(&amounts, &lists))
                });
                let absent = absent(members, lists).into_iter();
                let absent =
                    absent.map(|name| (Variable::key(name), made(&below(lists, Some(name)))));
                Variable::from_object(own.chain(absent).collect())
            }
            _ => self.variable(),
        }
    }

    /// Takes a value that was read already. Where an unheld number stands is only worked out when there is one.
    pub(crate) fn from_value(value: Value) -> Result<Self, Unheld> {
        Ok(match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Flag(flag),
            Value::Number(number) => {
                let unheld = |number| Unheld {
                    number,
                    path: Vec::new(),
                };
                Self::number(number.as_str().to_owned().into()).map_err(unheld)?
            }
            Value::String(text) => Self::Text(text.into()),
            Value::Array(items) => {
                let items = items.into_iter().enumerate().map(|(at, item)| {
                    Self::from_value(item).map_err(|unheld| unheld.below(format!("[{at}]")))
                });
                Self::List(items.collect::<Result<_, _>>()?)
            }
            Value::Object(map) => {
                let members = map.into_iter().map(|(name, item)| {
                    let data = Self::from_value(item);
                    let data = data.map_err(|unheld| unheld.below(format!(".{name}")))?;
                    Ok((name.into(), data))
                });
                Self::Object(Members::new(members.collect::<Result<_, _>>()?))
            }
        })
    }

    fn whole(number: impl Into<Decimal> + fmt::Display) -> Self {
        Self::Number {
            digits: number.to_string().into(),
            value: number.into(),
        }
    }

    /// A number, or its digits back when no decimal holds them.
    fn number(digits: Cow<'b, str>) -> Result<Self, String> {
        match parse_decimal(&digits) {
            Ok(value) => Ok(Self::Number { digits, value }),
            Err(_beyond) => Err(digits.into_owned()),
        }
    }
}

/// What patterns say of a member, or of the elements of a list.
fn below<'p>(patterns: &[&'p [Step]], member: Option<&str>) -> Vec<&'p [Step]> {
    let inside = patterns.iter().filter_map(|pattern| {
        let (first, rest) = pattern.split_first()?;
        let leads = match (first, member) {
            (Step::Name(name), Some(member)) => name == member,
            (Step::Name(_), None) => false,
            (Step::Each, _) => true,
        };
        leads.then_some(rest)
    });
    inside.collect()
}

/// Whether a list stands below objects alone: one that stands in another list is made for none of its elements.
fn leads_through_objects(list: &[Step]) -> bool {
    list.iter().all(|step| matches!(step, Step::Name(_)))
}

/// The first names of optional lists that stand below objects alone.
fn first_names<'p>(lists: &[&'p [Step]]) -> BTreeSet<&'p str> {
    let through_objects = lists.iter().filter(|list| leads_through_objects(list));
    let named = through_objects.filter_map(|list| match list.first() {
        Some(Step::Name(name)) => Some(name.as_str()),
        _ => None,
    });
    named.collect()
}

/// The members that an object lacks and on whose way an optional list stands.
fn absent<'p>(members: &Members<'_>, lists: &[&'p [Step]]) -> BTreeSet<&'p str> {
    let mut names = first_names(lists);
    names.retain(|name| members.get(name).is_none());
    names
}

/// What stands in the place of nothing where optional lists are looked for: an empty list, or what leads to one.
fn made(lists: &[&[Step]]) -> Variable {
    let names = first_names(lists);
    if names.is_empty() {
        return Variable::from_array(Vec::new());
    }
    let members = names.into_iter();
    let members = members.map(|name| (Variable::key(name), made(&below(lists, Some(name)))));
    Variable::from_object(members.collect())
}

/// The decimal that a text holds, if it reads as a number in JSON does: `12.60`, and neither `007` nor `1_000`.
pub(crate) fn amount_of(text: &str) -> Option<Decimal> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let mut bytes = digits.bytes();
    let (first, second) = (bytes.next()?, bytes.next());
    let is_whole =
        first.is_ascii_digit() && (first != b'0' || !second.is_some_and(|b| b.is_ascii_digit()));
    let plain = digits
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    if !is_whole || !plain || digits.ends_with('.') {
        return None;
    }
    parse_decimal(text).ok()
}

impl<'de: 'b, 'b> Deserialize<'de> for Data<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(InPlace)
    }
}

/// Reads a value from its bytes.
struct InPlace;

impl<'de> Visitor<'de> for InPlace {
    type Value = Data<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Data::Null)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Data::Flag(flag))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Data::whole(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Data::whole(number))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Data::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Data::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Data::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(Text(name)) = map.next_key()? {
            if members.is_empty() {
                if name == NUMBER {
                    let Text(digits) = map.next_value()?;
                    return Data::number(digits).map_err(A::Error::custom);
                }
                members.reserve(16);
            }
            members.push((name, map.next_value()?));
        }
        Ok(Data::Object(Members::new(members)))
    }
}

/// A text, where it stands if it can stay there. Serde's own `Cow` always copies, but as a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text<'b>(pub(crate) Cow<'b, str>);

impl<'de: 'b, 'b> Deserialize<'de> for Text<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextInPlace)
    }
}

struct TextInPlace;

impl<'de> Visitor<'de> for TextInPlace {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn in_place(text: &str) -> Result<Data<'_>, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// Documents in which numbers, escapes, doubled names and depth occur.
    fn document() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,2})?",
            "\"([a-z]|\\\\n|\\\\u00e9|é|\\\\\"){0,6}\"",
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4)
                    .prop_map(|items| format!("[{}]", items.join(","))),
                prop::collection::vec(("[a-c]{0,2}|\\\\u0061", inner), 0..6).prop_map(|members| {
                    let members: Vec<String> = members
                        .into_iter()
                        .map(|(name, value)| format!("\"{name}\" : {value}"))
                        .collect();
                    format!("{{{}}}", members.join(", "))
                }),
            ]
        })
    }

    /// The same with every number as its digits: ZEN reads `0.1e29` through a float, which events never are here.
    fn written_out(value: &Value) -> Value {
        match value {
            Value::Number(number) => {
                let digits = amount_of(number.as_str()).unwrap().to_string();
                serde_json::from_str(&digits).unwrap()
            }
            Value::Array(items) => items.iter().map(written_out).collect(),
            Value::Object(members) => members
                .iter()
                .map(|(name, value)| (name.clone(), written_out(value)))
                .collect(),
            other => other.clone(),
        }
    }

    #[test]
    fn a_number_to_the_limit_is_exact_however_it_is_written() {
        for text in ["0.1e29", "1e28", "10000000000000000000000000000", "100e26"] {
            assert_eq!(
                in_place(text).unwrap().variable(),
                Variable::Number("10000000000000000000000000000".parse().unwrap()),
                "{text}"
            );
        }
    }

    proptest! {
        /// One meaning, whether it was read in place or as a value first.
        #[test]
        fn both_ways_read_the_same(text in document()) {
            let value: Value = serde_json::from_str(&text).unwrap();
            match (in_place(&text), Data::from_value(value.clone())) {
                (Ok(here), Ok(there)) => {
                    prop_assert_eq!(&here, &there);
                    prop_assert_eq!(here.variable(), Variable::from(&written_out(&value)));
                }
                (Err(_), Err(_)) => {}
                // The number that no decimal holds was replaced by a later member of its name.
                (Err(_), Ok(there)) => {
                    let once = value.to_string();
                    prop_assert_eq!(in_place(&once).unwrap(), there);
                }
                (Ok(here), Err(unheld)) => prop_assert!(false, "{here:?}, but {unheld:?}"),
            }
        }
    }

    #[test]
    fn a_text_is_an_amount_where_it_reads_as_a_number() {
        for (text, amount) in [
            ("12.60", "12.60"),
            ("-0.5", "-0.5"),
            ("0", "0"),
            ("1e2", "100"),
        ] {
            assert_eq!(amount_of(text), Some(amount.parse().unwrap()), "{text}");
        }
        for text in [
            "", "-", "007", "1_000", "+5", ".5", "5.", "1,5", " 5", "0x1", "1.2.3", "NaN", "a",
        ] {
            assert_eq!(amount_of(text), None, "{text}");
        }
    }

    #[test]
    fn texts_are_numbers_where_amounts_stand_and_absent_lists_are_empty() {
        let data = in_place(r#"{"id":"7","total":"12.60","lines":[{"amount":"1","code":"1"}],"fees":["2","x"],"none":null}"#).unwrap();
        let named = |path: &str| -> Vec<Step> {
            let step = |part: &str| match part {
                "*" => Step::Each,
                name => Step::Name(name.to_owned()),
            };
            path.split('.').map(step).collect()
        };
        let amounts = ["total", "lines.*.amount", "fees"].map(named);
        let lists = ["none", "absent", "lines"].map(named);
        let amounts: Vec<&[Step]> = amounts.iter().map(Vec::as_slice).collect();
        let lists: Vec<&[Step]> = lists.iter().map(Vec::as_slice).collect();
        assert!(data.is_read_otherwise(&amounts, &lists));
        assert!(
            !in_place(r#"{"id":"7","total":12.60,"lines":[],"fees":[2],"none":[],"absent":[]}"#)
                .unwrap()
                .is_read_otherwise(&amounts, &lists)
        );
        let expected: Value = serde_json::from_str(r#"{"id":"7","total":12.60,"lines":[{"amount":1,"code":"1"}],"fees":[2,"x"],"none":[],"absent":[]}"#).unwrap();
        assert_eq!(
            data.variable_as(&amounts, &lists),
            Variable::from(&expected)
        );
    }

    #[test]
    fn what_needs_no_copy_is_none() {
        let Data::Object(members) = in_place(r#"{"b":"plain","a":"\u0061"}"#).unwrap() else {
            panic!("an object was written");
        };
        assert!(matches!(
            members.get("b"),
            Some(Data::Text(Cow::Borrowed("plain")))
        ));
        assert_eq!(members.get("a"), Some(&Data::Text("a".into())));
        assert_eq!(members.get("c"), None);
    }

    #[test]
    fn each_of_few_members_and_of_many_is_found_by_its_name() {
        for count in [0, 1, FEW, FEW + 1, 3 * FEW] {
            let names = (0..count).map(|number| format!("{:x}{number}", number * 7_919 % 251));
            let all: Vec<String> = names.map(|name| format!("\"{name}\":\"{name}\"")).collect();
            let text = format!("{{{}}}", all.join(","));
            let Data::Object(members) = in_place(&text).unwrap() else {
                panic!("an object was written");
            };
            assert_eq!(members.len(), count);
            for (name, data) in members.iter() {
                assert_eq!(members.get(name), Some(data));
                assert_eq!(*data, Data::Text(name.into()));
            }
            assert_eq!(members.get("none"), None);
            let order: Vec<&str> = members.iter().map(|(name, _)| name).collect();
            assert!(order.is_sorted());
        }
    }
}
