//! Workbooks and Parquet files, read by libraries of other people: every cell is what the batch says, with its type,
//! and what the cells sum to are the control totals.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

mod common;

use calamine::{Data, Reader, Xlsx};
use chrono::{Days, NaiveDate};
use common::{case, fixtures};
use formats::erp::{Artifact, ExportBatch, FileKind};
use ledger::{Currency, JournalEntry, Money, Side};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The cells of a row that have something in them, by the name of their column.
type Row = BTreeMap<String, String>;

/// Entries, lines, debit and credit in minor units, by entity and currency.
type Totals = BTreeMap<(String, String), (usize, usize, i128, i128)>;

/// Each case of a kind.
fn cases(kind: &str) -> Vec<(String, ExportBatch, Artifact)> {
    let folders = std::fs::read_dir(fixtures("erp").join(kind)).unwrap();
    let cases = folders.map(|folder| {
        let path = folder.unwrap().path();
        let (options, batch) = case(&path);
        let format = FileKind::find(kind).unwrap().open(options).unwrap();
        let artifact = format.artifact(&batch).unwrap();
        (path.display().to_string(), batch, artifact)
    });
    let cases: Vec<_> = cases.collect();
    assert!(cases.len() > 2, "{kind} has its cases");
    cases
}

/// What the rows must say; `text` is how a text of the books is held.
fn said(batch: &ExportBatch, text: fn(&str) -> String) -> Vec<Row> {
    let mut rows = Vec::new();
    for item in &batch.entries {
        let header = item.entry.header();
        for (line, number) in item.entry.lines().iter().zip(1..) {
            let found = batch.chart.find(&line.account);
            let code = found.map_or(String::new(), |found| found.code.clone());
            let side = match line.side {
                Side::Debit => "debit",
                Side::Credit => "credit",
            };
            let number: usize = number;
            let mut row = Row::new();
            let mut put = |name: &str, value: String| row.insert(name.to_owned(), value);
            put("batch", batch.id.clone());
            put("batch_number", batch.number.to_string());
            put("entry", item.id.to_string());
            put("document", text(&item.document));
            put("line", number.to_string());
            put("entity", text(&header.entity));
            put("period", text(&item.period));
            put("date", header.date.to_string());
            put("kind", header.kind.name().to_owned());
            put("reference", text(&header.reference));
            put("description", text(&header.description));
            put("account_code", code);
            put("account", text(&line.account));
            put(side, line.amount.to_decimal().to_string());
            put("currency", line.amount.currency().code().to_owned());
            put(
                &format!("functional_{side}"),
                line.functional.to_decimal().to_string(),
            );
            put(
                "functional_currency",
                line.functional.currency().code().to_owned(),
            );
            let rate = header.rate.map(|rate| rate.normalize().to_string());
            put("rate", rate.unwrap_or_default());
            put("rule", header.rule.rule.clone());
            put("mapping", header.rule.mapping.to_string());
            put("event", header.event.to_string());
            for (name, value) in &line.dimensions {
                put(&format!("dimension.{name}"), text(value));
            }
            if let Some(deferral) = &line.deferral {
                put("release_account", deferral.release_account.clone());
                put("release_method", deferral.method.clone());
                put("release_from", deferral.from.to_string());
                put("release_to", deferral.to.to_string());
            }
            row.retain(|_, value| !value.is_empty());
            rows.push(row);
        }
    }
    rows
}

/// What the rows sum to.
fn summed(rows: &[Row]) -> Totals {
    let mut totals = Totals::new();
    let mut seen = std::collections::BTreeSet::new();
    for row in rows {
        let currency = Currency::from_code(&row["currency"]).unwrap();
        let total = totals
            .entry((row["entity"].clone(), row["currency"].clone()))
            .or_default();
        total.0 += usize::from(seen.insert((&row["entry"], &row["currency"])));
        total.1 += 1;
        for (side, sum) in [("debit", &mut total.2), ("credit", &mut total.3)] {
            let amount = row
                .get(side)
                .map(|text| Money::parse(text, currency).unwrap());
            *sum += amount.map_or(0, |amount| i128::from(amount.amount()));
        }
    }
    totals
}

/// The control totals of the batch.
fn wanted(batch: &ExportBatch) -> Totals {
    let count = |number: i64| usize::try_from(number).unwrap();
    let totals = batch.totals().into_iter();
    let totals = totals.map(|((entity, currency), total)| {
        let sums = (
            count(total.entries),
            count(total.lines),
            total.debit,
            total.credit,
        );
        ((entity, currency.code().to_owned()), sums)
    });
    totals.collect()
}

/// The cells of a sheet, each with what it is: `t` a text, `n` a number, `d` a day.
fn sheet(bytes: &[u8], name: &str) -> Vec<BTreeMap<String, (char, String)>> {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).unwrap();
    let cells = book.worksheet_range(name).unwrap();
    let formulas = book.worksheet_formula(name).unwrap();
    assert_eq!(formulas.used_cells().count(), 0, "no cell is computed");
    let mut rows = cells.rows();
    let header: Vec<String> = rows.next().unwrap().iter().map(Data::to_string).collect();
    let rows = rows.map(|row| {
        let cells = header.iter().cloned().zip(row);
        let cells = cells.filter_map(|(name, cell)| match cell {
            Data::Empty => None,
            Data::String(text) => Some((name, ('t', text.clone()))),
            Data::Float(number) => Some((name, ('n', number.to_string()))),
            Data::DateTime(day) => {
                let days: u64 = day.to_string().parse().unwrap();
                let day = NaiveDate::from_ymd_opt(1899, 12, 30).unwrap() + Days::new(days);
                Some((name, ('d', day.to_string())))
            }
            odd => panic!("{name}: {odd:?}"),
        });
        cells.collect()
    });
    rows.collect()
}

/// A text as a cell holds it.
fn in_a_cell(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let kept = |sign: char| matches!(sign, '\n' | '\t');
    text.replace(|sign: char| sign.is_control() && !kept(sign), " ")
}

/// What the cell of a column must be.
fn type_of(column: &str, value: &str) -> char {
    let digits = value.trim_start_matches(['0', '.']);
    let digits = digits.chars().filter(char::is_ascii_digit).count();
    match column {
        "date" | "release_from" | "release_to" => 'd',
        "rate" if digits > 15 => 't',
        "batch_number" | "entry" | "line" | "rate" => 'n',
        "debit" | "credit" | "functional_debit" | "functional_credit" => 'n',
        _ => 't',
    }
}

#[test]
fn a_workbook_says_what_the_batch_says() {
    for (name, batch, artifact) in cases("xlsx") {
        let mut rows = Vec::new();
        for cells in sheet(&artifact.bytes, "lines") {
            let mut row = Row::new();
            for (column, (kind, text)) in cells {
                assert_eq!(kind, type_of(&column, &text), "{name}: {column} {text}");
                row.insert(column, text);
            }
            // A number has no places of its own: those are its format's.
            for (side, currency) in [
                ("debit", "currency"),
                ("credit", "currency"),
                ("functional_debit", "functional_currency"),
                ("functional_credit", "functional_currency"),
            ] {
                let currency = Currency::from_code(&row[currency]).unwrap();
                if let Some(text) = row.get_mut(side) {
                    *text = Money::parse(text, currency)
                        .unwrap()
                        .to_decimal()
                        .to_string();
                }
            }
            rows.push(row);
        }
        assert_eq!(rows, said(&batch, in_a_cell), "{name}");
        assert_eq!(summed(&rows), wanted(&batch), "{name}");
        let mut totals = Totals::new();
        for row in sheet(&artifact.bytes, "totals") {
            let cell = |column: &str| row[column].1.clone();
            let count = |column: &str| cell(column).parse::<usize>().unwrap();
            let currency = Currency::from_code(&cell("currency")).unwrap();
            let sum = |column| i128::from(Money::parse(&cell(column), currency).unwrap().amount());
            let found = (
                count("entries"),
                count("lines"),
                sum("debit"),
                sum("credit"),
            );
            totals.insert((cell("entity"), cell("currency")), found);
        }
        assert_eq!(totals, wanted(&batch), "{name}");
    }
}

/// A parser of another house takes each member for XML, and the format of an amount has its currency's places.
#[test]
fn the_members_of_a_workbook_are_what_they_must_be() {
    for (name, _, artifact) in cases("xlsx") {
        let mut zip = zip::ZipArchive::new(Cursor::new(artifact.bytes.as_slice())).unwrap();
        for index in 0..zip.len() {
            let mut member = zip.by_index(index).unwrap();
            let mut bytes = Vec::new();
            member.read_to_end(&mut bytes).unwrap();
            let judge = Command::new("xmllint")
                .args(["--noout", "--nonet", "-"])
                .stdin(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn();
            let mut judge = judge.expect("xmllint is missing; `make test` installs it");
            judge.stdin.take().unwrap().write_all(&bytes).unwrap();
            let told = judge.wait_with_output().unwrap();
            let told = (
                told.status.success(),
                String::from_utf8_lossy(&told.stderr).into_owned(),
            );
            assert!(told.0, "{name}: {}", told.1);
            let text = String::from_utf8(bytes).unwrap();
            if member.name().unwrap() == "xl/styles.xml" && name.ends_with("traps") {
                for format in ["#,##0.00", "#,##0.000", "yyyy-mm-dd"] {
                    assert!(text.contains(format), "{format} in {text}");
                }
            }
            if member.name().unwrap() == "docProps/core.xml" {
                assert!(text.contains(">2026-02-02T06:00:00Z<"), "{text}");
            }
        }
    }
}

#[test]
fn what_a_workbook_cannot_hold_is_refused() {
    let told = |options: Value, date: &str, text: &str, amount: i64| {
        let mut batch = common::batch(
            "books",
            &json!([{
                "id": 7, "entity": "eu", "period": "2026-01", "date": date, "kind": "original",
                "reference": "R", "description": text, "lines": [
                    { "debit": "tax-payable", "amount": "1.00 EUR", "dimensions": { "region": "emea" } },
                    { "credit": "tax-payable", "amount": "1.00 EUR" },
                ]
            }]),
        );
        // More than comes in from outside.
        let item = &mut batch.entries[0];
        let (header, mut lines) = item.entry.clone().into_parts();
        for line in &mut lines {
            line.amount = Money::minor(amount, line.amount.currency());
            line.functional = line.amount;
        }
        item.entry = JournalEntry::new(header, lines).unwrap();
        let format = FileKind::find("xlsx").unwrap().open(options).unwrap();
        format
            .artifact(&batch)
            .map_or_else(|error| error.to_string(), |_| String::new())
    };
    let day = "2026-01-01";
    assert_eq!(
        told(json!({}), day, &"ä".repeat(32_767), 999_999_999_999_999_000),
        ""
    );
    let of_line = "line 1 of document `eu-2026-000007` does not fit the target:";
    assert_eq!(
        told(json!({}), day, "", 9_999_999_999_999_999),
        format!(
            "{of_line} debit 99999999999999.99 EUR has more digits than the 15 that Excel keeps"
        )
    );
    assert_eq!(
        told(json!({}), "1899-12-30", "", 100),
        format!(
            "{of_line} date 1899-12-30 is no day that Excel knows: those are from 1900 to 9999"
        )
    );
    assert_eq!(
        told(json!({}), day, &"ä".repeat(32_768), 100),
        format!("{of_line} a text has 32768 characters, and a cell takes 32767")
    );
    assert_eq!(
        told(json!({ "dimensions": ["product"] }), day, "", 100),
        "dimension `region` has no counterpart in the target; add it to `dimensions` of the target's configuration"
    );
}

/// What Arrow says of a Parquet file: its types, and its rows with each cell as it prints it.
fn arrow(name: &str, artifact: &Artifact) -> Value {
    let script = "\
import json, sys
import pyarrow.parquet as parquet
file = parquet.ParquetFile(sys.argv[1])
def shown(value):
    if isinstance(value, list):
        return {name: shown(of) for name, of in value}
    return None if value is None else str(value)
rows = [{name: shown(value) for name, value in row.items()} for row in file.read().to_pylist()]
metadata = {key.decode(): value.decode() for key, value in file.metadata.metadata.items()}
schema = {field.name: str(field.type) + ('' if field.nullable else ' not null') for field in file.schema_arrow}
print(json.dumps({'schema': schema, 'rows': rows, 'metadata': metadata, 'by': file.metadata.created_by}))
";
    let tools = std::env::var_os("TIEOUT_TOOLS").map_or_else(
        || Path::new(&std::env::var_os("HOME").unwrap()).join(".cache/tieout-tools"),
        PathBuf::from,
    );
    let case = Path::new(name).file_name().unwrap().to_string_lossy();
    let path = std::env::temp_dir().join(format!("tieout-arrow-{case}-{}", std::process::id()));
    std::fs::write(&path, &artifact.bytes).unwrap();
    let output = Command::new("python3")
        .env("PYTHONPATH", tools.join("readers"))
        .args(["-c", script])
        .arg(&path)
        .output()
        .expect("python3 is missing; `make test` installs it");
    std::fs::remove_file(&path).unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        !told.contains("ModuleNotFoundError"),
        "a reader is missing; `make test` installs it: {told}"
    );
    assert!(output.status.success(), "{name}: {told}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn arrow_finds_every_cell_of_a_parquet_file() {
    for (name, batch, artifact) in cases("parquet") {
        let read = arrow(&name, &artifact);
        assert_eq!(read["by"], "tieout version 1");
        for (column, kind) in [
            ("document", "string not null"),
            ("reference", "string"),
            ("entry", "int64 not null"),
            ("date", "date32[day] not null"),
            ("debit", "decimal128(23, 4)"),
            ("credit_minor", "int64"),
            ("exponent", "int32 not null"),
            ("functional_credit", "decimal128(23, 4)"),
            ("release_to", "date32[day]"),
        ] {
            assert_eq!(read["schema"][column], kind, "{column}");
        }
        let dimensions = read["schema"]["dimensions"].as_str().unwrap();
        assert!(dimensions.starts_with("map<string, string"), "{dimensions}");
        let mut rows = Vec::new();
        for found in read["rows"].as_array().unwrap() {
            let mut row = Row::new();
            for (column, value) in found.as_object().unwrap() {
                for (name, value) in value.as_object().into_iter().flatten() {
                    let value = value.as_str().unwrap().to_owned();
                    row.insert(format!("dimension.{name}"), value);
                }
                if let Some(text) = value.as_str() {
                    row.insert(column.clone(), text.to_owned());
                }
            }
            for functional in ["", "functional_"] {
                let places = row.remove(&format!("{functional}exponent")).unwrap();
                let currency = &row[&format!("{functional}currency")];
                let currency = Currency::from_code(currency).unwrap();
                assert_eq!(places, currency.exponent().to_string());
                for side in ["debit", "credit"] {
                    let column = format!("{functional}{side}");
                    let Some(minor) = row.remove(&format!("{column}_minor")) else {
                        assert!(!row.contains_key(&column), "{row:?}");
                        continue;
                    };
                    let money = Money::minor(minor.parse().unwrap(), currency).to_decimal();
                    let text = row.insert(column, money.to_string()).unwrap();
                    assert_eq!(text.parse::<Decimal>().unwrap(), money);
                }
            }
            rows.push(row);
        }
        assert_eq!(rows, said(&batch, str::to_owned), "{name}");
        assert_eq!(summed(&rows), wanted(&batch), "{name}");
        let totals = read["metadata"]["tieout.totals"].as_str().unwrap();
        let totals: Vec<Value> = serde_json::from_str(totals).unwrap();
        let totals = totals.iter().map(|total| {
            let text = |name: &str| total[name].as_str().unwrap().to_owned();
            let count = |name: &str| usize::try_from(total[name].as_u64().unwrap()).unwrap();
            let sum = |name: &str| text(name).parse::<i128>().unwrap();
            let sums = (
                count("entries"),
                count("lines"),
                sum("debit_minor"),
                sum("credit_minor"),
            );
            ((text("entity"), text("currency")), sums)
        });
        assert_eq!(totals.collect::<Totals>(), wanted(&batch), "{name}");
    }
}
