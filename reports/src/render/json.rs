//! JSON: names that stay, amounts as decimal text, counts as numbers.

use super::failed;
use crate::ReportError;
use crate::model::{Cell, Report, Row, RowKind, Table, decimal};
use serde_json::{Map, Value, json};
use std::io::Write;
use store::Snapshot;

/// Stands where the rows of a table come. No control character is written as it is, so no text is taken for it.
const ROWS: &str = "\u{1}rows";

/// How far a row stands in.
const INDENT: &str = "      ";

pub(super) async fn write(
    report: &Report,
    books: &Snapshot,
    out: &mut (dyn Write + Send),
) -> Result<(), ReportError> {
    let frame = serde_json::to_string_pretty(&frame(report)).map_err(failed("JSON"))?;
    let place = serde_json::to_string(ROWS).map_err(failed("JSON"))?;
    let mut parts = frame.split(place.as_str());
    // A JSON object's members stand in the order of their names here.
    let mut tables: Vec<&Table> = report.tables.iter().collect();
    tables.sort_by_key(|table| table.name);
    for table in tables {
        let before = parts.next().unwrap_or_default();
        out.write_all(before.as_bytes()).map_err(failed("JSON"))?;
        rows(report, table, books, out).await?;
    }
    for rest in parts {
        out.write_all(rest.as_bytes()).map_err(failed("JSON"))?;
    }
    out.write_all(b"\n").map_err(failed("JSON"))
}

/// Everything but the rows.
fn frame(report: &Report) -> Value {
    let facts: Map<String, Value> = report
        .facts
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    let verdict = report
        .verdict
        .as_ref()
        .map(|(word, sentence)| json!({ "verdict": word, "because": sentence }));
    let tables: Map<String, Value> = report
        .tables
        .iter()
        .map(|table| (table.name.to_owned(), json!(ROWS)))
        .collect();
    json!({
        "report": report.name,
        "title": report.title,
        "facts": facts,
        "verdict": verdict,
        "tables": tables,
    })
}

async fn rows(
    report: &Report,
    table: &Table,
    books: &Snapshot,
    out: &mut (dyn Write + Send),
) -> Result<(), ReportError> {
    out.write_all(b"[").map_err(failed("JSON"))?;
    let mut any = false;
    let mut each = |row: &Row| {
        if row.kind == RowKind::Total {
            return Ok(());
        }
        let text = serde_json::to_string_pretty(&object(table, row)).map_err(failed("JSON"))?;
        let comma = if any { "," } else { "" };
        any = true;
        let text = text.replace('\n', &format!("\n{INDENT}"));
        write!(out, "{comma}\n{INDENT}{text}").map_err(failed("JSON"))
    };
    report.each_row(table, books, &mut each).await?;
    let end: &[u8] = if any { b"\n    ]" } else { b"]" };
    out.write_all(end).map_err(failed("JSON"))
}

fn object(table: &Table, row: &Row) -> Value {
    let cells = table.columns.iter().zip(&row.cells);
    Value::Object(
        cells
            .map(|(column, cell)| (column.name.to_owned(), value(cell)))
            .collect(),
    )
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Count(count) => json!(count),
        Cell::Amount(money) => json!(money.to_decimal().to_string()),
        Cell::Decimal(units, places) => {
            let mut text = String::new();
            decimal(*units, *places, &mut text);
            json!(text)
        }
        other => json!(other.words()),
    }
}
