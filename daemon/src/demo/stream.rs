//! The month's events as files: four weeks, plain and compressed, with planted bytes.

use super::month::{Emitted, MARKETS, Month, ORIGIN, at, day};
use super::truth::Planted;
use anyhow::Context as _;
use chrono::{DateTime, Datelike, Duration, SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use std::io::Write;
use std::path::Path;

/// One line of a file.
struct Input {
    at: DateTime<Utc>,
    bytes: Vec<u8>,
    /// What it is planted as, if its place is what names it.
    planted: Option<&'static str>,
}

/// How many lines are planted on top of the events.
const DUPLICATES: usize = 5;
const CONFLICTS: usize = 2;
const MALFORMED: usize = 4;
const UNKNOWN: usize = 3;

/// Fills the month up with traffic to `total` lines and writes it.
pub(super) fn write(folder: &Path, month: &mut Month, total: usize) -> anyhow::Result<()> {
    let planned = month.events.len() + DUPLICATES + CONFLICTS + MALFORMED + UNKNOWN;
    let filler = total
        .checked_sub(planned)
        .context("more happens than --events allows")?;
    let first_usage = month.events.len();
    for index in 0..filler {
        usage(month, index)?;
    }
    unknown(month);
    let mut inputs: Vec<Input> = month
        .events
        .iter()
        .map(|event| Input {
            at: event.at,
            bytes: line(event),
            planted: None,
        })
        .collect();
    inputs.extend(duplicates(month)?);
    inputs.extend(conflicts(month, first_usage, filler)?);
    inputs.extend(malformed(month));
    inputs.sort_by(|a, b| (a.at, &a.bytes).cmp(&(b.at, &b.bytes)));
    files(folder, &inputs, month)
}

fn usage(month: &mut Month, index: usize) -> anyhow::Result<()> {
    let market = month.rng.usize(..MARKETS.len());
    let place = MARKETS.get(market).context("a market")?;
    let used = at(day(month.rng.u32(1..=31)), month.rng.i64(0..1_439));
    // A price per gigabyte with more decimals than any currency has.
    let unit_price: Value = serde_json::from_str(if place.currency == "JPY" {
        "1.8125"
    } else {
        "0.01375"
    })?;
    let quantity = month.rng.u32(40..9_000);
    month.emit(used, "billing.usage.rated.v1", json!({
        "usage_id": format!("U-{:07}", index + 1), "entity": place.entity, "customer_id": format!("C-{:05}", 1 + index % 20),
        "currency": place.currency, "region": place.region, "product": "traffic",
        "quantity": quantity, "unit_price": unit_price,
        "used_at": used.to_rfc3339_opts(SecondsFormat::Secs, true),
    }));
    Ok(())
}

/// Events of a type that no rule answers to.
fn unknown(month: &mut Month) {
    for number in 0..UNKNOWN {
        let when = at(day(6 + u32::try_from(number).unwrap_or(0) * 7), 700);
        let index = month.emit(
            when,
            "billing.wallet.topped_up.v1",
            json!({ "entity": "eu", "amount": 25 }),
        );
        if let Some(event) = month.events.get(index) {
            month.planted.push(Planted::new("suspended", &event.id));
        }
    }
}

fn envelope(event: &Emitted) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("specversion".into(), json!("1.0"));
    map.insert("id".into(), json!(event.id));
    map.insert("source".into(), json!(ORIGIN));
    map.insert("type".into(), json!(event.kind));
    map.insert(
        "time".into(),
        json!(event.at.to_rfc3339_opts(SecondsFormat::Secs, true)),
    );
    map.insert("datacontenttype".into(), json!("application/json"));
    map.insert("data".into(), event.data.clone());
    map
}

fn line(event: &Emitted) -> Vec<u8> {
    Value::Object(envelope(event)).to_string().into_bytes()
}

/// Events that are delivered again, the last one written anew by a careful middleman.
fn duplicates(month: &mut Month) -> anyhow::Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for number in 0..DUPLICATES {
        let event = month
            .events
            .get(month.rng.usize(..month.events.len()))
            .context("an event")?
            .clone();
        let mut bytes = line(&event);
        if number == DUPLICATES - 1 {
            let fields: Vec<String> = envelope(&event)
                .iter()
                .rev()
                .map(|(name, value)| format!("{} : {value}", json!(name)))
                .collect();
            bytes = format!("{{ {} }}", fields.join(", ")).into_bytes();
        }
        month.planted.push(Planted::new("duplicate", &event.id));
        let again = (event.at + Duration::hours(30)).min(at(day(31), 1_439));
        inputs.push(Input {
            at: again,
            bytes,
            planted: None,
        });
    }
    Ok(inputs)
}

/// Events that come again under the same id with another amount.
fn conflicts(month: &mut Month, first: usize, count: usize) -> anyhow::Result<Vec<Input>> {
    anyhow::ensure!(
        count >= CONFLICTS,
        "too little traffic to plant conflicts in; ask for more events"
    );
    let mut inputs = Vec::new();
    for number in 0..CONFLICTS {
        let mut event = month
            .events
            .get(first + number * count / CONFLICTS)
            .context("an event")?
            .clone();
        month.planted.push(Planted::new("conflict", &event.id));
        if let Value::Object(data) = &mut event.data {
            data.insert("quantity".into(), json!(1_000_000 + number));
        }
        event.at = (event.at + Duration::hours(1)).min(at(day(31), 1_438));
        inputs.push(Input {
            at: event.at,
            bytes: line(&event),
            planted: None,
        });
    }
    Ok(inputs)
}

/// Lines that are no events: cut off, not UTF-8, a list, without a type.
fn malformed(month: &mut Month) -> Vec<Input> {
    let cut = br#"{"specversion":"1.0","id":"evt_cut","source":"//billing.halden.example","type":"billing.usage.r"#;
    let bytes: [&[u8]; MALFORMED] = [
        cut,
        b"{\"specversion\":\"1.0\",\"id\":\"evt_\xff\xfe\"}",
        b"[\"not\",\"an\",\"event\"]",
        br#"{"specversion":"1.0","id":"evt_typeless","source":"//billing.halden.example","data":{}}"#,
    ];
    bytes
        .iter()
        .map(|bytes| {
            let when = at(day(month.rng.u32(2..=30)), month.rng.i64(0..1_439));
            Input {
                at: when,
                bytes: bytes.to_vec(),
                planted: Some("quarantined"),
            }
        })
        .collect()
}

/// Writes four files and notes where planted lines stand in the text before compression.
fn files(folder: &Path, inputs: &[Input], month: &mut Month) -> anyhow::Result<()> {
    let weeks = [
        (1, 8, "w1.ndjson"),
        (9, 16, "w2.ndjson.gz"),
        (17, 24, "w3.ndjson.zst"),
        (25, 31, "w4.ndjson"),
    ];
    for (from, to, ending) in weeks {
        let name = format!("events-2026-01-{ending}");
        let mut text = Vec::new();
        for input in inputs
            .iter()
            .filter(|input| (from..=to).contains(&clamped_day(input.at)))
        {
            if let Some(kind) = input.planted {
                month
                    .planted
                    .push(Planted::new(kind, format!("{name}:{}", text.len())));
            }
            text.extend_from_slice(&input.bytes);
            text.push(b'\n');
        }
        let bytes = match ending.rsplit('.').next() {
            Some("gz") => {
                let mut writer =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                writer.write_all(&text)?;
                writer.finish()?
            }
            Some("zst") => zstd::encode_all(text.as_slice(), 3)?,
            _ => text,
        };
        std::fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}

/// What runs into February is written with the last day.
fn clamped_day(at: DateTime<Utc>) -> u32 {
    if at.date_naive() > day(31) {
        31
    } else {
        at.day()
    }
}
