//! One self-contained page: no script, no font, nothing from elsewhere; it prints on A4.

use super::{failed, grouped, grouped_text, thousands};
use crate::ReportError;
use crate::model::{Cell, Column, Report, Row, RowKind, Table, decimal};
use askama::Template;
use std::io::Write;
use store::Snapshot;

/// Stands in the page where the rows of a table come. What data holds is escaped, so no text is taken for it.
const ROWS: &str = "<!-- rows -->";

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'r> {
    report: &'r Report,
    tone: &'static str,
}

#[derive(Template)]
#[template(path = "row.html")]
struct Line<'r> {
    table: &'r Table,
    row: &'r Row,
}

impl Page<'_> {
    fn column_class(&self, column: &Column) -> &'static str {
        column_class(column)
    }
}

impl Line<'_> {
    fn row_class(&self) -> &'static str {
        match self.row.kind {
            RowKind::Plain => "",
            RowKind::Total => "total",
            RowKind::Alert => "alert",
        }
    }

    fn cell_class(&self, index: &usize) -> &'static str {
        self.table.columns.get(*index).map_or("", column_class)
    }

    fn cell(&self, cell: &Cell) -> String {
        match cell {
            Cell::Count(count) => match count.to_string().strip_prefix('-') {
                Some(digits) => format!("-{}", thousands(digits)),
                None => thousands(&count.to_string()),
            },
            Cell::Amount(money) => grouped(*money),
            Cell::Decimal(units, places) => {
                let mut text = String::new();
                decimal(*units, *places, &mut text);
                grouped_text(&text)
            }
            other => other.words().unwrap_or_default().to_owned(),
        }
    }
}

fn column_class(column: &Column) -> &'static str {
    if column.is_number() { "number" } else { "" }
}

pub(super) async fn write(
    report: &Report,
    books: &Snapshot,
    out: &mut (dyn Write + Send),
) -> Result<(), ReportError> {
    let tone = match report.verdict.as_ref().map(|(word, _)| word.as_str()) {
        Some("TIES") => "good",
        Some("BREAKS") => "bad",
        Some("NOTHING RECEIVED") => "nothing",
        Some(_) => "waiting",
        None => "",
    };
    let page = Page { report, tone }.render().map_err(failed("HTML"))?;
    let mut parts = page.split(ROWS);
    let mut line = String::new();
    for table in &report.tables {
        let before = parts.next().unwrap_or_default();
        out.write_all(before.as_bytes()).map_err(failed("HTML"))?;
        let mut each = |row: &Row| {
            line.clear();
            let row = Line { table, row };
            row.render_into(&mut line).map_err(failed("HTML"))?;
            line.push('\n');
            out.write_all(line.as_bytes()).map_err(failed("HTML"))
        };
        report.each_row(table, books, &mut each).await?;
    }
    for rest in parts {
        out.write_all(rest.as_bytes()).map_err(failed("HTML"))?;
    }
    Ok(())
}
