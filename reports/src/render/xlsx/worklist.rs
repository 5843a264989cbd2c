//! Breaks as a sheet in which people decide: what is known, three columns to fill in, and a hidden version.

use super::{Formats, failed, number, plain};
use crate::ReportError;
use crate::model::{Cell, RowKind};
use chrono::Datelike as _;
use ledger::{Currency, Money};
use rust_xlsxwriter::{
    DataValidation, DataValidationErrorStyle, DocProperties, ExcelDateTime, Format, FormatAlign,
    FormatBorder, Workbook, Worksheet, XlsxError,
};
use std::io::Write;
use store::reconciliation::BreakRow;

/// The sheet's name.
pub const SHEET: &str = "breaks";

/// The columns: their header and how wide they are.
pub const COLUMNS: [(&str, u16); 16] = [
    ("id", 22),
    ("reconciliation", 16),
    ("kind", 18),
    ("state", 11),
    ("account", 20),
    ("reference", 24),
    ("currency", 9),
    ("amount", 15),
    ("since", 12),
    ("age", 7),
    ("assignee", 14),
    ("detail", 60),
    ("decision", 12),
    ("to", 14),
    ("why", 40),
    ("version", 10),
];

/// The first column to fill in.
const DECISION: u16 = 12;

/// What some decisions need beside their name.
const TO: u16 = 13;

/// The hidden one.
const VERSION: u16 = 15;

/// A break with the version of its case that the sheet shows.
#[derive(Clone, Debug)]
pub struct Work {
    /// The break.
    pub found: BreakRow,
    /// What its case is like, so that a change meanwhile is seen.
    pub version: String,
}

/// Writes the sheet; decisions are offered as a drop-down, and `to` is explained where it is filled in.
///
/// # Errors
/// [`ReportError`] where the books hold an unknown currency, or nothing can be written to `out`.
pub fn write(
    rows: &[Work],
    offered: (&[&str], &str),
    out: &mut (dyn Write + Send),
) -> Result<(), ReportError> {
    let mut workbook = Workbook::new();
    // The creation time would make equal sheets differ.
    let made = ExcelDateTime::from_ymd(2000, 1, 1).map_err(failed("XLSX"))?;
    let properties = DocProperties::new()
        .set_title("Breaks")
        .set_creation_datetime(&made);
    workbook.set_properties(&properties);
    let sheet = workbook
        .add_worksheet_with_constant_memory()
        .map_err(failed("XLSX"))?;
    head(sheet).map_err(failed("XLSX"))?;
    let (mut numbers, styles) = (Formats::default(), Styles::new());
    for (work, row) in rows.iter().zip(1..) {
        let currency = Currency::from_numeric(work.found.currency_id)?;
        let amount = Money::minor(work.found.amount, currency);
        let of_amount = numbers.of(&Cell::Amount(amount), RowKind::Plain);
        line(sheet, row, work, (amount, of_amount), &styles).map_err(failed("XLSX"))?;
    }
    let last = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    foot(sheet, last, offered).map_err(failed("XLSX"))?;
    let bytes = workbook.save_to_buffer().map_err(failed("XLSX"))?;
    out.write_all(&bytes).map_err(failed("XLSX"))
}

/// How cells look, each made once.
struct Styles {
    text: Format,
    count: Format,
    day: Format,
    fill: Format,
}

impl Styles {
    /// What begins with `=` stays a text too where somebody edits it.
    fn new() -> Self {
        let text = Format::new().set_quote_prefix();
        Self {
            count: Format::new().set_num_format("0"),
            day: Format::new().set_num_format("yyyy-mm-dd"),
            fill: Format::new()
                .set_num_format("@")
                .set_background_color("#FFF8DC"),
            text,
        }
    }
}

fn head(sheet: &mut Worksheet) -> Result<(), XlsxError> {
    sheet.set_name(SHEET)?;
    let header = Format::new()
        .set_bold()
        .set_border_bottom(FormatBorder::Thin);
    for ((name, width), at) in COLUMNS.iter().zip(0u16..) {
        let format = match *name {
            "amount" | "age" => header.clone().set_align(FormatAlign::Right),
            _ => header.clone(),
        };
        sheet.write_with_format(0, at, *name, &format)?;
        sheet.set_column_width(at, *width)?;
    }
    sheet.set_column_hidden(VERSION)?;
    sheet.set_freeze_panes(1, 1)?;
    sheet.set_landscape();
    sheet.set_print_fit_to_pages(1, 0);
    sheet.set_repeat_rows(0, 0)?;
    Ok(())
}

fn line(
    sheet: &mut Worksheet,
    row: u32,
    work: &Work,
    (amount, of_amount): (Money, &Format),
    styles: &Styles,
) -> Result<(), XlsxError> {
    let found = &work.found;
    let words = [
        found.id.as_str(),
        &found.reconciliation,
        &found.kind,
        &found.state,
        &found.account,
        &found.reference,
        amount.currency().code(),
    ];
    for (text, column) in words.into_iter().zip(0..) {
        sheet.write_string_with_format(row, column, cut(text), &styles.text)?;
    }
    let mut text = String::new();
    plain(amount, &mut text);
    number(sheet, row, 7, &text, of_amount)?;
    let (year, month, day) = (
        u16::try_from(found.since_on.year()).unwrap_or(0),
        u8::try_from(found.since_on.month()).unwrap_or(1),
        u8::try_from(found.since_on.day()).unwrap_or(1),
    );
    match ExcelDateTime::from_ymd(year, month, day) {
        Ok(day) => sheet.write_datetime_with_format(row, 8, &day, &styles.day)?,
        // Excel knows no day before 1900.
        Err(_) => sheet.write_string(row, 8, found.since_on.to_string())?,
    };
    number(sheet, row, 9, &found.age_days.to_string(), &styles.count)?;
    let assignee = found.assignee.as_deref().unwrap_or_default();
    sheet.write_string_with_format(row, 10, cut(assignee), &styles.text)?;
    sheet.write_string_with_format(row, 11, cut(&found.detail), &styles.text)?;
    for column in DECISION..VERSION {
        sheet.write_blank(row, column, &styles.fill)?;
    }
    sheet.write_string(row, VERSION, &work.version)?;
    Ok(())
}

fn foot(
    sheet: &mut Worksheet,
    last: u32,
    (decisions, to): (&[&str], &str),
) -> Result<(), XlsxError> {
    let choice = DataValidation::new()
        .allow_list_strings(decisions)?
        .set_error_style(DataValidationErrorStyle::Stop)
        .set_error_title("No such decision")?
        .set_error_message(format!("There are: {}.", decisions.join(", ")))?;
    sheet.add_data_validation(1, DECISION, last.max(1), DECISION, &choice)?;
    let hint = DataValidation::new().set_input_message(to)?;
    sheet.add_data_validation(1, TO, last.max(1), TO, &hint)?;
    sheet.autofilter(0, 0, last, VERSION)?;
    Ok(())
}

/// As much of a text as a cell takes: 32,767 characters as Excel counts them.
pub fn cut(text: &str) -> &str {
    const MOST: usize = 32_767;
    let mut units = 0;
    let end = text.char_indices().find(|(_, c)| {
        units += c.len_utf16();
        units > MOST
    });
    end.map_or(text, |(at, _)| text.split_at(at).0)
}
