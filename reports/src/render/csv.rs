//! CSV: one table as it is; several one after the other, each under its title.
//!
//! Amounts are plain numbers. Words that a spreadsheet would take for a formula get an apostrophe.

use super::{failed, plain};
use crate::ReportError;
use crate::model::{Cell, Report, Row, Table, decimal};
use std::fmt::Write as _;
use std::io::Write;
use store::Snapshot;

/// Excel reads UTF-8 only behind this mark.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How much is written at a time.
const BUFFER: usize = 1 << 16;

type Out<'o> = ::csv::Writer<&'o mut (dyn Write + Send)>;

pub(super) async fn write(
    report: &Report,
    books: &Snapshot,
    out: &mut (dyn Write + Send),
) -> Result<(), ReportError> {
    out.write_all(BYTE_ORDER_MARK).map_err(failed("CSV"))?;
    let mut writer = ::csv::WriterBuilder::new()
        .flexible(true)
        .buffer_capacity(BUFFER)
        .terminator(::csv::Terminator::CRLF)
        .from_writer(out);
    let several = report.tables.len() > 1;
    for (index, table) in report.tables.iter().enumerate() {
        if several {
            if index > 0 {
                writer.write_record([""]).map_err(failed("CSV"))?;
            }
            writer
                .write_record([table.title.as_str()])
                .map_err(failed("CSV"))?;
        }
        rows(&mut writer, (report, table), books).await?;
    }
    writer.flush().map_err(failed("CSV"))
}

async fn rows(
    writer: &mut Out<'_>,
    (report, table): (&Report, &Table),
    books: &Snapshot,
) -> Result<(), ReportError> {
    let names = table.columns.iter().map(|column| column.name);
    writer.write_record(names).map_err(failed("CSV"))?;
    let mut text = String::new();
    let mut each = |row: &Row| record(writer, row, &mut text).map_err(failed("CSV"));
    report.each_row(table, books, &mut each).await
}

fn record(writer: &mut Out<'_>, row: &Row, text: &mut String) -> Result<(), ::csv::Error> {
    for cell in &row.cells {
        text.clear();
        match cell.words() {
            Some(words) if !words.starts_with(['=', '+', '-', '@', '\t', '\r']) => {
                writer.write_field(words)?;
                continue;
            }
            Some(words) => {
                text.push('\'');
                text.push_str(words);
            }
            None => number(cell, text),
        }
        writer.write_field(text.as_bytes())?;
    }
    writer.write_record(None::<&[u8]>)
}

fn number(cell: &Cell, text: &mut String) {
    match cell {
        Cell::Count(count) => {
            // A text takes whatever is written into it.
            let _always = write!(text, "{count}");
        }
        Cell::Amount(money) => plain(*money, text),
        Cell::Decimal(units, places) => decimal(*units, *places, text),
        Cell::Empty | Cell::Text(_) | Cell::Word(_) | Cell::Name(_) => {}
    }
}
