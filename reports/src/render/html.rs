//! One self-contained page: no script, no font, nothing from elsewhere; it prints on A4.

use super::{grouped, thousands};
use crate::ReportError;
use crate::model::{Cell, Column, Report, RowKind, Table};
use askama::Template;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'r> {
    report: &'r Report,
    tone: &'static str,
}

impl Page<'_> {
    fn row_class(&self, kind: &RowKind) -> &'static str {
        match kind {
            RowKind::Plain => "",
            RowKind::Total => "total",
            RowKind::Alert => "alert",
        }
    }

    fn column_class(&self, column: &Column) -> &'static str {
        if column.is_number() { "number" } else { "" }
    }

    fn cell_class(&self, table: &Table, index: &usize) -> &'static str {
        table
            .columns
            .get(*index)
            .map_or("", |column| self.column_class(column))
    }

    fn cell(&self, cell: &Cell) -> String {
        match cell {
            Cell::Empty => String::new(),
            Cell::Text(text) => text.clone(),
            Cell::Count(count) => match count.to_string().strip_prefix('-') {
                Some(digits) => format!("-{}", thousands(digits)),
                None => thousands(&count.to_string()),
            },
            Cell::Amount(money) => grouped(*money),
        }
    }
}

pub(super) fn render(report: &Report) -> Result<Vec<u8>, ReportError> {
    let tone = match report.verdict.as_ref().map(|(word, _)| word.as_str()) {
        Some("TIES") => "good",
        Some("BREAKS") => "bad",
        Some(_) => "waiting",
        None => "",
    };
    Page { report, tone }
        .render()
        .map(String::into_bytes)
        .map_err(|error| ReportError::Render {
            format: "HTML",
            what: error.to_string(),
        })
}
