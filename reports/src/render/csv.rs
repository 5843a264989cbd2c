//! CSV: one table as it is; several one after the other, each under its title.
//!
//! Amounts are plain numbers. Words that a spreadsheet would take for a formula get an apostrophe.

use crate::ReportError;
use crate::model::{Cell, Report, Table};

/// Excel reads UTF-8 only behind this mark.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

pub(super) fn render(report: &Report) -> Result<Vec<u8>, ReportError> {
    let mut writer = ::csv::WriterBuilder::new()
        .flexible(true)
        .terminator(::csv::Terminator::CRLF)
        .from_writer(BYTE_ORDER_MARK.to_vec());
    let failed = |error: ::csv::Error| failed(&error.to_string());
    let several = report.tables.len() > 1;
    for (index, table) in report.tables.iter().enumerate() {
        if several {
            if index > 0 {
                writer.write_record([""]).map_err(failed)?;
            }
            writer
                .write_record([table.title.as_str()])
                .map_err(failed)?;
        }
        rows(&mut writer, table).map_err(failed)?;
    }
    writer
        .into_inner()
        .map_err(|error| self::failed(&error.to_string()))
}

fn rows(writer: &mut ::csv::Writer<Vec<u8>>, table: &Table) -> Result<(), ::csv::Error> {
    writer.write_record(table.columns.iter().map(|column| column.name))?;
    for row in &table.rows {
        writer.write_record(row.cells.iter().map(written))?;
    }
    Ok(())
}

fn written(cell: &Cell) -> String {
    match cell {
        Cell::Empty => String::new(),
        Cell::Text(text) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => {
            format!("'{text}")
        }
        Cell::Text(text) => text.clone(),
        Cell::Count(count) => count.to_string(),
        Cell::Amount(money) => money.to_decimal().to_string(),
    }
}

fn failed(what: &str) -> ReportError {
    ReportError::Render {
        format: "CSV",
        what: what.to_owned(),
    }
}
