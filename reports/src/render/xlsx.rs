//! Excel: one sheet per table, numbers as numbers, header frozen, ready to filter and print.

use crate::ReportError;
use crate::model::{Cell, ColumnKind, Report, RowKind, Table};
use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Workbook, Worksheet, XlsxError,
};

pub(super) fn render(report: &Report) -> Result<Vec<u8>, ReportError> {
    written(report).map_err(|error| ReportError::Render {
        format: "XLSX",
        what: error.to_string(),
    })
}

fn written(report: &Report) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    // The creation time would make equal reports differ.
    let properties = DocProperties::new()
        .set_title(&report.title)
        .set_creation_datetime(&ExcelDateTime::from_ymd(2000, 1, 1)?);
    workbook.set_properties(&properties);
    for table in &report.tables {
        let sheet = workbook.add_worksheet();
        let name: String = table.name.chars().take(31).collect();
        sheet.set_name(name)?;
        fill(sheet, report, table)?;
    }
    workbook.save_to_buffer()
}

fn fill(sheet: &mut Worksheet, report: &Report, table: &Table) -> Result<(), XlsxError> {
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
    for (row, at) in table.rows.iter().zip(4u32..) {
        for (cell, column) in row.cells.iter().zip(0u16..) {
            write(sheet, at, column, cell, row.kind)?;
        }
    }
    sheet.set_freeze_panes(4, 0)?;
    let last_row = u32::try_from(table.rows.len()).unwrap_or(0) + 3;
    let last_column = u16::try_from(table.columns.len().saturating_sub(1)).unwrap_or(0);
    sheet.autofilter(3, 0, last_row, last_column)?;
    sheet.set_landscape();
    sheet.set_print_fit_to_pages(1, 0);
    sheet.set_repeat_rows(3, 3)?;
    Ok(())
}

fn write(
    sheet: &mut Worksheet,
    row: u32,
    column: u16,
    cell: &Cell,
    kind: RowKind,
) -> Result<(), XlsxError> {
    let mut format = Format::new();
    if kind == RowKind::Total {
        format = format.set_bold().set_border_top(FormatBorder::Thin);
    }
    match cell {
        Cell::Empty => sheet.write_blank(row, column, &format)?,
        Cell::Text(text) => sheet.write_string_with_format(row, column, text, &format)?,
        Cell::Count(count) => {
            let format = format.set_num_format("#,##0");
            number(sheet, row, column, &count.to_string(), &format)?
        }
        Cell::Amount(money) => {
            let places = usize::try_from(money.currency().exponent()).unwrap_or(0);
            let pattern = if places == 0 {
                "#,##0".to_owned()
            } else {
                format!("#,##0.{}", "0".repeat(places))
            };
            let format = format.set_num_format(pattern);
            number(sheet, row, column, &money.to_decimal().to_string(), &format)?
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
