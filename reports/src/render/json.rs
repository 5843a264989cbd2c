//! JSON: names that stay, amounts as decimal text, counts as numbers.

use crate::ReportError;
use crate::model::{Cell, Report, RowKind, Table};
use serde_json::{Map, Value, json};

pub(super) fn render(report: &Report) -> Result<Vec<u8>, ReportError> {
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
        .map(|table| (table.name.to_owned(), rows(table)))
        .collect();
    let value = json!({
        "report": report.name,
        "title": report.title,
        "facts": facts,
        "verdict": verdict,
        "tables": tables,
    });
    let mut bytes = serde_json::to_vec_pretty(&value).map_err(|error| ReportError::Render {
        format: "JSON",
        what: error.to_string(),
    })?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn rows(table: &Table) -> Value {
    let rows: Vec<Value> = table
        .rows
        .iter()
        .filter(|row| row.kind != RowKind::Total)
        .map(|row| {
            let cells = table.columns.iter().zip(&row.cells);
            Value::Object(
                cells
                    .map(|(column, cell)| (column.name.to_owned(), value(cell)))
                    .collect(),
            )
        })
        .collect();
    Value::Array(rows)
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Empty => Value::Null,
        Cell::Text(text) => json!(text),
        Cell::Count(count) => json!(count),
        Cell::Amount(money) => json!(money.to_decimal().to_string()),
    }
}
