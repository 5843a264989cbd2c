//! Whatever compiles balances, for every event; and what is suspended says why.
//!
//! Rules are made at random: amounts of sums, products and lists, promises between them, conditions that leave
//! out what is nothing. Most do not compile, which is as it should be. Those that do meet random events: numbers,
//! texts that are numbers and texts that are not, nulls, what is absent, extremes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

use ledger::{Calendar, Currency, Decision, Entity};
use mappings::{Context, Evaluator, Event, Pack, compile};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

const CHART: &str = "accounts:\n  - { account: one, code: '1', type: asset, title: One }\n  - { account: two, code: '2', type: revenue, title: Two }\n  - { account: odd, code: '3', type: expense, title: Odd }\n";

/// A field, a sum over the list, a number.
fn atom() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec!["data.a", "data.b", "data.c"]).prop_map(str::to_owned),
        1 => prop::sample::select(vec!["data.b ?? 0", "number(data.c)"]).prop_map(|text| format!("({text})")),
        1 => prop::sample::select(vec!["#.x", "#.x * data.b", "#.x + #.y"]).prop_map(|body| format!("sum(map(data.lines, {body}))")),
        1 => (1_i64..4).prop_map(|number| number.to_string()),
        1 => Just("max([data.a, data.b])".to_owned()),
    ]
}

fn amount() -> impl Strategy<Value = String> {
    atom().prop_recursive(2, 6, 2, |inner| {
        (
            inner.clone(),
            prop::sample::select(vec!["+", "-", "*"]),
            inner,
        )
            .prop_map(|(left, operator, right)| format!("({left} {operator} {right})"))
    })
}

/// A line: each element's, or one of the whole event; sometimes only where it is something.
fn line() -> impl Strategy<Value = (bool, String)> {
    let side = any::<bool>();
    let plain = amount().prop_map(|amount| format!("amount: \"{amount}\""));
    let each =
        prop::sample::select(vec!["l.x", "l.y", "l.x * data.b", "l.x + l.y"]).prop_map(|amount| {
            format!("each: data.lines, as: l, optional: true, amount: \"{amount}\"")
        });
    let skipping =
        amount().prop_map(|amount| format!("amount: \"{amount}\", when: \"{amount} != 0\""));
    (side, prop_oneof![4 => plain, 2 => each, 1 => skipping])
}

#[derive(Clone, Debug)]
struct Made {
    lines: Vec<(bool, String)>,
    holds: Vec<String>,
    rounding: Option<bool>,
}

/// A rule whose right side is often the left side in other words.
fn made() -> impl Strategy<Value = Made> {
    let free = (
        prop::collection::vec(line(), 2..4),
        prop::collection::vec((amount(), amount()), 0..2),
    );
    let free = free.prop_map(|(lines, pairs)| (lines, pairs));
    let meant = (amount(), amount(), amount()).prop_map(|(whole, one, other)| {
        let plain = |amount: &str| format!("amount: \"{amount}\"");
        let lines = vec![
            (true, plain(&whole)),
            (false, plain(&one)),
            (false, plain(&other)),
        ];
        (lines, vec![(whole, format!("{one} + {other}"))])
    });
    let rounding = prop::option::weighted(0.3, any::<bool>());
    (prop_oneof![free, meant], rounding).prop_map(|((lines, pairs), rounding)| Made {
        lines,
        holds: pairs
            .into_iter()
            .map(|(a, b)| format!("{a} == {b}"))
            .collect(),
        rounding,
    })
}

impl Made {
    fn pack(&self) -> Pack {
        let mut text = String::from(
            "rules:\n  - rule: made\n    on: made\n    entity: data.entity\n    currency: data.currency\n",
        );
        if !self.holds.is_empty() {
            text.push_str("    holds:\n");
            for hold in &self.holds {
                text.push_str(&format!("      - \"{hold}\"\n"));
            }
        }
        text.push_str("    lines:\n");
        for (debit, line) in &self.lines {
            let side = if *debit { "debit: one" } else { "credit: two" };
            text.push_str(&format!("      - {{ {side}, {line} }}\n"));
        }
        match self.rounding {
            Some(true) => text
                .push_str("    rounding: { mode: half-even, difference: odd, limit: \"0.05\" }\n"),
            Some(false) => text.push_str("    rounding: { mode: half-up }\n"),
            None => {}
        }
        Pack {
            name: "made".to_owned(),
            files: BTreeMap::from([
                ("chart.yaml".to_owned(), CHART.as_bytes().to_vec()),
                ("made.yaml".to_owned(), text.into_bytes()),
            ]),
        }
    }
}

/// What may stand where an amount should: mostly small, so that promises are often kept.
fn value() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        8 => (0_i64..3).prop_map(|number| Some(json!(number))),
        4 => (0_i64..3).prop_map(|number| Some(json!(number.to_string()))),
        1 => (-300_i64..300).prop_map(|cents| Some(json!(format!("{}", rust_decimal::Decimal::new(cents, 3))))),
        1 => Just(Some(Value::Null)),
        1 => Just(None),
        1 => prop::sample::select(vec![json!("12,50"), json!("007"), json!(true), json!([]), json!({}),
            json!(9_223_372_036_854_775_807_i64), json!("79228162514264337593543950335"), json!("-1e20"), json!("")]).prop_map(Some),
    ]
}

fn object(fields: Vec<(&'static str, Option<Value>)>) -> Value {
    let there = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(there.collect())
}

fn event() -> impl Strategy<Value = Value> {
    let element = (value(), value()).prop_map(|(x, y)| object(vec![("x", x), ("y", y)]));
    let lines = prop_oneof![
        6 => prop::collection::vec(element, 0..3).prop_map(|all| Some(Value::Array(all))),
        1 => Just(None),
        1 => Just(Some(Value::Null)),
        1 => Just(Some(json!(5))),
    ];
    let currency = prop::sample::select(vec!["USD", "JPY", "KWD"]);
    (value(), value(), value(), lines, currency).prop_map(|(a, b, c, lines, currency)| {
        let mut data = object(vec![("a", a), ("b", b), ("c", c), ("lines", lines)]);
        data["entity"] = json!(currency.to_lowercase());
        data["currency"] = json!(currency);
        json!({ "specversion": "1.0", "id": "1", "source": "s", "type": "made", "time": "2026-01-15T12:00:00Z", "data": data })
    })
}

/// An entity for each currency, so that no rate is needed.
fn context() -> Context {
    let of = |code: &str| Entity {
        code: code.to_lowercase(),
        name: code.to_owned(),
        functional: Currency::from_code(code).unwrap(),
        zone: "UTC".parse().unwrap(),
        calendar: Calendar::months_from(1),
    };
    let all = ["USD", "JPY", "KWD"].map(of);
    Context {
        entities: all.into_iter().map(|e| (e.code.clone(), e)).collect(),
        ..Context::default()
    }
}

/// Whether a reason that names a path tells what is there.
fn names_the_cause(reason: &str, data: &Value) -> bool {
    let said = reason
        .rsplit("cannot be computed: ")
        .next()
        .unwrap_or(reason);
    let Some((path, what)) = said
        .strip_prefix('`')
        .and_then(|rest| rest.split_once("` is "))
    else {
        return true;
    };
    if !path.starts_with("data.") || path.contains(['[', ' ', '(']) {
        return true;
    }
    let found = path
        .split('.')
        .skip(1)
        .try_fold(data, |here, name| here.get(name));
    match what {
        _ if what.starts_with("missing") => found.is_none_or(Value::is_null),
        _ if what.starts_with("no list") => {
            found.is_some_and(|value| !value.is_array() && !value.is_null())
        }
        _ => match found {
            Some(Value::String(text)) => what.contains(text.as_str()),
            Some(Value::Bool(flag)) => what.contains(&flag.to_string()),
            Some(Value::Number(_)) => false,
            _ => found.is_some(),
        },
    }
}

static COMPILED: AtomicUsize = AtomicUsize::new(0);
static POSTED: AtomicUsize = AtomicUsize::new(0);

#[test]
fn what_compiles_balances_for_every_event_and_what_is_suspended_names_its_cause() {
    let context = context();
    let config = ProptestConfig {
        cases: 3_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(made in made(), events in prop::collection::vec(event(), 24))| {
        let pack = made.pack();
        let Ok(program) = compile(&pack) else {
            return Ok(());
        };
        COMPILED.fetch_add(1, Ordering::Relaxed);
        let mut evaluator = Evaluator::new(&program, &context).unwrap();
        for value in events {
            let event = Event::from_value(value.clone());
            let Ok(event) = event else { continue };
            match evaluator.decide(&event) {
                Decision::Posted { .. } => {
                    POSTED.fetch_add(1, Ordering::Relaxed);
                }
                Decision::NoEffect { .. } | Decision::Ignored { .. } | Decision::Asks { .. } => {}
                Decision::Suspended { reason, .. } => {
                    let unbalanced = reason.contains("differ by") && !reason.contains("rounding limit");
                    let alone = reason.contains("at least two lines");
                    prop_assert!(!unbalanced && !alone, "{reason}\n{made:?}\n{value}");
                    prop_assert!(names_the_cause(&reason, &value["data"]), "{reason}\n{made:?}\n{value}");
                }
            }
        }
    });
    let (compiled, posted) = (
        COMPILED.load(Ordering::Relaxed),
        POSTED.load(Ordering::Relaxed),
    );
    assert!(compiled > 300, "only {compiled} rules compiled");
    assert!(posted > 300, "only {posted} entries were made");
}

/// A pack with the messages of its golden tests, as events.
struct Sampled {
    pack: Pack,
    events: Vec<Value>,
}

fn sampled() -> Vec<Sampled> {
    let packs = std::path::Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("packs");
    let mut all = Vec::new();
    for folder in std::fs::read_dir(packs).unwrap() {
        let folder = folder.unwrap().path();
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let mut files = BTreeMap::new();
        read(&folder, &folder, &mut files);
        let pack = Pack { name, files };
        let program = compile(&pack).unwrap();
        let mut events = Vec::new();
        for (path, bytes) in &pack.files {
            if !path.ends_with("/event.json") {
                continue;
            }
            let value: Value = serde_json::from_slice(bytes).unwrap();
            let values = match value {
                Value::Array(values) => values,
                one => vec![one],
            };
            for value in values {
                events.push(match &program.envelope {
                    Some(envelope) => {
                        let wrapped = envelope.wrap(value.to_string().as_bytes()).unwrap();
                        serde_json::from_slice(&wrapped.event).unwrap()
                    }
                    None => value,
                });
            }
        }
        all.push(Sampled { pack, events });
    }
    all
}

fn read(root: &std::path::Path, folder: &std::path::Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for item in std::fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            read(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            files.insert(name.to_owned(), std::fs::read(&path).unwrap());
        }
    }
}

/// The schema that a pack has for a type of event, or else the one that its samples make.
fn schema_of(of: &Sampled, kind: &str) -> Value {
    if let Some(own) = of.pack.files.get(&format!("schemas/{kind}.json")) {
        return serde_json::from_slice(own).unwrap();
    }
    let mut samples = mappings::infer::Samples::default();
    for value in of.events.iter().filter(|value| value["type"] == kind) {
        let event = Event::from_value(value.clone()).unwrap();
        samples.add(&event, &value["data"]);
    }
    let proposed = samples.propose();
    proposed.first().unwrap().schema.clone()
}

/// Numbers by which amounts grow alike, so that what was promised of them still holds.
const FACTORS: &[&str] = &[
    "1",
    "-1",
    "0",
    "3",
    "1000003",
    "0.1",
    "0.001",
    "922337203685477",
];

/// What a schema admits in place of a value, one time in a few; all numbers of the event grow by a factor.
fn admitted(
    schema: &Value,
    value: &Value,
    factor: rust_decimal::Decimal,
    rng: &mut impl FnMut(u32) -> u32,
) -> Value {
    let types = schema["type"].to_string();
    let may = |name: &str| types.contains(name);
    if rng(60) == 0 {
        let odd = [
            (may("null"), Value::Null),
            (may("number"), json!(9_223_372_036_854_775_807_i64)),
            (
                may("number"),
                serde_json::from_str("0.00000000000000000000000001").unwrap(),
            ),
            (may("string"), json!("")),
            (may("string"), json!("12.60")),
            (may("string"), json!("79228162514264337593543950335")),
            (may("array"), json!([])),
            (may("object"), json!({})),
            (may("boolean"), json!(true)),
        ];
        let odd: Vec<&Value> = odd
            .iter()
            .filter(|(may, _)| *may)
            .map(|(_, odd)| odd)
            .collect();
        let count = u32::try_from(odd.len()).unwrap();
        if count > 0 {
            return odd[usize::try_from(rng(count)).unwrap()].clone();
        }
    }
    match value {
        Value::Object(fields) => {
            let known = schema["properties"].as_object();
            let kept = fields.iter().filter_map(|(name, value)| {
                let inner = known
                    .and_then(|known| known.get(name))
                    .unwrap_or(&Value::Null);
                let absent = rng(80) == 0;
                (!absent).then(|| (name.clone(), admitted(inner, value, factor, rng)))
            });
            Value::Object(kept.collect())
        }
        Value::Array(items) => items
            .iter()
            .map(|item| admitted(&schema["items"], item, factor, rng))
            .collect(),
        Value::Number(number) => {
            let grown = number.to_string().parse::<rust_decimal::Decimal>().ok();
            let grown = grown.and_then(|number| number.checked_mul(factor));
            // Moments in seconds are numbers too; a day that is none suspends, which is right.
            let grown = grown.map(|number| serde_json::from_str(&number.normalize().to_string()));
            grown.and_then(Result::ok).unwrap_or_else(|| value.clone())
        }
        other => other.clone(),
    }
}

#[test]
fn what_a_packs_schemas_admit_balances_or_says_why_not() {
    let zone = |code: &str, currency: &str| Entity {
        code: code.to_owned(),
        name: code.to_owned(),
        functional: Currency::from_code(currency).unwrap(),
        zone: "UTC".parse().unwrap(),
        calendar: Calendar::months_from(1),
    };
    let all = [zone("us", "USD"), zone("eu", "EUR"), zone("uk", "GBP")];
    let context = Context {
        entities: all.into_iter().map(|e| (e.code.clone(), e)).collect(),
        ..Context::default()
    };
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut rng = |below: u32| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u32::try_from((state >> 33) % u64::from(below)).unwrap()
    };
    let mut posted = BTreeMap::<String, usize>::new();
    for of in sampled() {
        let program = compile(&of.pack).unwrap();
        let mut evaluator = Evaluator::new(&program, &context).unwrap();
        for value in &of.events {
            let schema = schema_of(&of, value["type"].as_str().unwrap());
            for round in 0..150 {
                let factor = FACTORS[round % FACTORS.len()].parse().unwrap();
                let mut made = value.clone();
                made["data"] = admitted(&schema, &value["data"], factor, &mut rng);
                let Ok(event) = Event::from_value(made.clone()) else {
                    continue;
                };
                match evaluator.decide(&event) {
                    Decision::Posted { .. } | Decision::Asks { .. } => {
                        *posted.entry(of.pack.name.clone()).or_default() += 1;
                    }
                    Decision::NoEffect { .. } | Decision::Ignored { .. } => {}
                    Decision::Suspended { reason, .. } => {
                        let unbalanced =
                            reason.contains("differ by") && !reason.contains("rounding limit");
                        let alone = reason.contains("at least two lines");
                        assert!(!unbalanced && !alone, "{reason}\n{made}");
                        assert!(names_the_cause(&reason, &made["data"]), "{reason}\n{made}");
                    }
                }
            }
        }
    }
    for pack in ["billing", "stripe", "lago", "killbill"] {
        let posted = posted.get(pack).copied().unwrap_or(0);
        assert!(posted > 300, "{pack}: only {posted} entries were made");
    }
}
