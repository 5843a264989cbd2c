//! Excel: one sheet per table, numbers as numbers, header frozen, ready to filter and print.

pub mod worklist;

use super::{failed, plain};
use crate::ReportError;
use crate::model::{Cell, ColumnKind, Report, Row, RowKind, Table, decimal};
use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Workbook, Worksheet, XlsxError,
};
use std::collections::BTreeMap;
use std::io::Write;
use store::Snapshot;

/// The first row of a table.
const FIRST: u32 = 4;

/// The rows that a sheet takes, less those above the first of a table.
const MOST: u32 = 1_048_576 - FIRST;

pub(super) async fn write(
    report: &Report,
    books: &Snapshot,
    out: &mut (dyn Write + Send),
) -> Result<(), ReportError> {
    let mut workbook = begun(report).map_err(failed("XLSX"))?;
    for table in &report.tables {
        // Rows that are read while they are written are written through, not held.
        let sheet = if report.more.is_some() {
            let added = workbook.add_worksheet_with_constant_memory();
            added.map_err(failed("XLSX"))?
        } else {
            workbook.add_worksheet()
        };
        head(sheet, report, table).map_err(failed("XLSX"))?;
        let (mut formats, mut rows) = (Formats::default(), 0);
        let mut each = |row: &Row| {
            if rows == MOST {
                return Err(ReportError::TooLong(table.name, MOST));
            }
            for (cell, column) in row.cells.iter().zip(0u16..) {
                let format = formats.of(cell, row.kind);
                let written = write_cell(sheet, (FIRST + rows, column), cell, format);
                written.map_err(failed("XLSX"))?;
            }
            rows += 1;
            Ok(())
        };
        report.each_row(table, books, &mut each).await?;
        let last_column = u16::try_from(table.columns.len().saturating_sub(1)).unwrap_or(0);
        sheet
            .autofilter(FIRST - 1, 0, FIRST - 1 + rows, last_column)
            .map_err(failed("XLSX"))?;
    }
    let bytes = workbook.save_to_buffer().map_err(failed("XLSX"))?;
    out.write_all(&bytes).map_err(failed("XLSX"))
}

fn begun(report: &Report) -> Result<Workbook, XlsxError> {
    let mut workbook = Workbook::new();
    // The creation time would make equal reports differ.
    let properties = DocProperties::new()
        .set_title(&report.title)
        .set_creation_datetime(&ExcelDateTime::from_ymd(2000, 1, 1)?);
    workbook.set_properties(&properties);
    Ok(workbook)
}

/// Everything above the first row.
fn head(sheet: &mut Worksheet, report: &Report, table: &Table) -> Result<(), XlsxError> {
    let name: String = table.name.chars().take(31).collect();
    sheet.set_name(name)?;
    let bold = Format::new().set_bold();
    let header = Format::new()
        .set_bold()
        .set_border_bottom(FormatBorder::Thin);
    sheet.write_with_format(0, 0, format!("{}: {}", report.title, table.title), &bold)?;
    let facts: Vec<String> = report
        .facts
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    sheet.write(1, 0, facts.join("   "))?;
    for (column, at) in table.columns.iter().zip(0u16..) {
        let format = if column.kind == ColumnKind::Text {
            header.clone()
        } else {
            header.clone().set_align(FormatAlign::Right)
        };
        sheet.write_with_format(3, at, column.title, &format)?;
        sheet.set_column_width(
            at,
            if column.kind == ColumnKind::Text {
                18
            } else {
                16
            },
        )?;
    }
    sheet.set_freeze_panes(4, 0)?;
    sheet.set_landscape();
    sheet.set_print_fit_to_pages(1, 0);
    sheet.set_repeat_rows(3, 3)?;
    Ok(())
}

/// The formats of cells, each made once.
#[derive(Default)]
struct Formats(BTreeMap<(bool, Option<u32>), Format>);

impl Formats {
    /// The format of a cell: plain or a total; words, or a number with so many places.
    fn of(&mut self, cell: &Cell, kind: RowKind) -> &Format {
        let total = kind == RowKind::Total;
        let places = match cell {
            Cell::Count(_) => Some(0),
            Cell::Amount(money) => Some(money.currency().exponent()),
            Cell::Decimal(_, places) => Some(*places),
            Cell::Empty | Cell::Text(_) | Cell::Word(_) | Cell::Name(_) => None,
        };
        self.0.entry((total, places)).or_insert_with(|| {
            let mut format = Format::new();
            if total {
                format = format.set_bold().set_border_top(FormatBorder::Thin);
            }
            match places {
                None => format,
                Some(0) => format.set_num_format("#,##0"),
                Some(places) => {
                    let places = usize::try_from(places).unwrap_or(0);
                    format.set_num_format(format!("#,##0.{}", "0".repeat(places)))
                }
            }
        })
    }
}

fn write_cell(
    sheet: &mut Worksheet,
    (row, column): (u32, u16),
    cell: &Cell,
    format: &Format,
) -> Result<(), XlsxError> {
    match cell {
        Cell::Empty => sheet.write_blank(row, column, format)?,
        Cell::Count(count) => number(sheet, row, column, &count.to_string(), format)?,
        Cell::Amount(money) => {
            let mut text = String::new();
            plain(*money, &mut text);
            number(sheet, row, column, &text, format)?
        }
        Cell::Decimal(units, places) => {
            let mut text = String::new();
            decimal(*units, *places, &mut text);
            number(sheet, row, column, &text, format)?
        }
        words => {
            let words = words.words().unwrap_or_default();
            sheet.write_string_with_format(row, column, words, format)?
        }
    };
    Ok(())
}

/// Writes decimal text as Excel's number. Excel has no other kind of number than binary floating
/// point; up to 15 digits it shows what was written, beyond that the text is kept as text.
fn number<'s>(
    sheet: &'s mut Worksheet,
    row: u32,
    column: u16,
    text: &str,
    format: &Format,
) -> Result<&'s mut Worksheet, XlsxError> {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    match text.parse::<f64>() {
        Ok(value) if digits <= 15 => sheet.write_number_with_format(row, column, value, format),
        _ => sheet.write_string_with_format(row, column, text, format),
    }
}
