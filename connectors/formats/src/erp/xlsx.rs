//! An Excel workbook of journal lines, for people and for systems that take spreadsheets.
//!
//! Sheet `lines` has one header row and a row for each line, with the columns of kind `csv`; each dimension has a
//! column of its own, `dimension.NAME`, and of a deferred line it says when and where it is released. Sheet `totals`
//! says what they sum up to by entity and currency. A sheet holds 1,048,575 lines: more follow in `lines 2`,
//! `lines 3`, behind the totals.
//!
//! Days are days, and amounts and rates are numbers, with as many decimal places as the currency has. Excel keeps 15
//! digits of a number: an amount that needs more is refused, a rate or a sum is written as a text. Texts are texts,
//! whatever they look like: `=1+1` is not computed, also after somebody edits it, and account `0400` keeps its zero.
//! A line break in a text is one (LF); other control characters become spaces, and so does what XML cannot hold.
//!
//! The same batch gives the same bytes: a workbook is as old as its batch. While it is written, its rows lie in a file
//! without a name in the system's folder for temporary files, about 2 KiB a line.

use super::columns::{At, Column, FIRST, Kind, LAST, Source, Value};
use super::{ExportBatch, ExportEntry, FileFormat, FileKind, RenderError, apart};
use chrono::{Datelike, NaiveDate};
use ledger::{Currency, Money};
use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Workbook, Worksheet, XlsxError,
};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

/// This kind's registration.
pub const KIND: FileKind =
    FileKind::of::<Excel>("xlsx", "Excel workbook of journal lines", EXAMPLE);

const EXAMPLE: &str = "\
# The columns of dimensions, in their order; a batch with another one is refused. Without it a workbook has those that
# its lines have, by name.
dimensions: [customer, product, region]
";

/// The rows that a sheet takes below its header.
const MOST: u32 = 1_048_575;

/// The columns that a sheet takes.
const COLUMNS: usize = 16_384;

/// The characters that a cell takes, as Excel counts them.
const CHARACTERS: usize = 32_767;

/// The digits that Excel keeps of a number.
const DIGITS: usize = 15;

/// The columns of the totals.
const TOTALS: [&str; 6] = ["entity", "currency", "entries", "lines", "debit", "credit"];

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The dimensions that have a column; without it, those of the batch.
    #[serde(default)]
    pub dimensions: Option<Vec<String>>,
}

/// The format.
#[derive(Clone, Debug)]
pub struct Excel {
    config: Config,
}

impl FileFormat for Excel {
    type Config = Config;

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn name(&self, batch: &ExportBatch) -> String {
        batch.file_name("xlsx")
    }

    fn render(&self, batch: &ExportBatch, out: &mut dyn Write) -> Result<(), RenderError> {
        self.sheets_of(batch, MOST, out)
    }
}

impl Excel {
    /// Writes the workbook, with so many lines on a sheet.
    fn sheets_of(
        &self,
        batch: &ExportBatch,
        most: u32,
        out: &mut dyn Write,
    ) -> Result<(), RenderError> {
        let dimensions = self.dimensions(batch)?;
        apart::apart(out, |mut out| {
            let mut book = Book::begun(batch, dimensions, most).map_err(RenderError::write)?;
            for item in &batch.entries {
                book.entry(batch, item)?;
            }
            let saved = book.workbook.save_to_writer(&mut out);
            saved.map_err(RenderError::write)?;
            out.flush().map_err(RenderError::write)
        })
    }

    /// The dimensions that have a column.
    fn dimensions<'b>(&'b self, batch: &'b ExportBatch) -> Result<Vec<&'b str>, RenderError> {
        let lines = batch.entries.iter().flat_map(|item| item.entry.lines());
        let names = lines.flat_map(|line| line.dimensions.keys());
        // Collected, all of them would be held before they are sorted.
        let mut found = BTreeSet::new();
        found.extend(names.map(String::as_str));
        let unheld = |name: &str| RenderError::Unknown {
            what: "dimension",
            name: name.to_owned(),
            option: "dimensions",
        };
        let Some(named) = &self.config.dimensions else {
            let room = COLUMNS - FIRST.len() - LAST.len();
            return match found.iter().nth(room) {
                Some(beyond) => Err(unheld(beyond)),
                None => Ok(found.into_iter().collect()),
            };
        };
        let named: Vec<&str> = named.iter().map(String::as_str).collect();
        match found.into_iter().find(|name| !named.contains(name)) {
            Some(name) => Err(unheld(name)),
            None => Ok(named),
        }
    }
}

/// A workbook while it is written.
struct Book<'b> {
    workbook: Workbook,
    /// The sheet that lines are written to.
    sheet: usize,
    /// The row that was written last; the header is row 0.
    row: u32,
    most: u32,
    dimensions: Vec<&'b str>,
    formats: Formats,
}

impl<'b> Book<'b> {
    /// The workbook with its first sheet and the totals.
    fn begun(batch: &ExportBatch, dimensions: Vec<&'b str>, most: u32) -> Result<Self, XlsxError> {
        let mut workbook = Workbook::new();
        let made = ExcelDateTime::from_timestamp(batch.created_at.timestamp())?;
        let properties = DocProperties::new()
            .set_title(format!("{} {}", batch.target, batch.number))
            .set_author("Tieout")
            .set_creation_datetime(&made);
        workbook.set_properties(&properties);
        let mut book = Self {
            workbook,
            sheet: 0,
            row: 0,
            most,
            dimensions,
            formats: Formats::new(),
        };
        book.lines("lines")?;
        book.totals(batch)?;
        Ok(book)
    }

    /// A sheet for lines, of which one row at a time is held.
    fn lines(&mut self, name: &str) -> Result<(), XlsxError> {
        self.sheet = self.workbook.worksheets().len();
        self.row = 0;
        let sheet = self.workbook.add_worksheet_with_constant_memory()?;
        sheet.set_name(name)?;
        let dimensions = self.dimensions.iter();
        let dimensions = dimensions.map(|name| (format!("dimension.{name}"), Kind::Text));
        let own = |column: &Column| (column.name.to_owned(), column.kind);
        let columns = FIRST.iter().map(own).chain(dimensions);
        let columns = columns.chain(LAST.iter().map(own));
        for ((name, kind), column) in columns.zip(0..) {
            let (width, header) = match kind {
                Kind::Text => (18, &self.formats.header),
                Kind::Day => (12, &self.formats.header),
                Kind::Count => (10, &self.formats.number_header),
                Kind::Amount | Kind::Rate => (16, &self.formats.number_header),
            };
            sheet.set_column_width(column, width)?;
            // A cell takes its column's format; one of its own is looked up cell by cell.
            match kind {
                Kind::Text => sheet.set_column_format(column, &self.formats.text)?,
                Kind::Count => sheet.set_column_format(column, &self.formats.count)?,
                Kind::Day => sheet.set_column_format(column, &self.formats.day)?,
                Kind::Amount | Kind::Rate => sheet,
            };
            sheet.write_string_with_format(0, column, name, header)?;
        }
        sheet.set_freeze_panes(1, 0)?;
        Ok(())
    }

    fn totals(&mut self, batch: &ExportBatch) -> Result<(), XlsxError> {
        let formats = &mut self.formats;
        let sheet = self.workbook.add_worksheet();
        sheet.set_name("totals")?;
        for (name, column) in TOTALS.into_iter().zip(0..) {
            let header = match column {
                0 | 1 => &formats.header,
                _ => &formats.number_header,
            };
            sheet.set_column_width(column, 16)?;
            sheet.write_string_with_format(0, column, name, header)?;
        }
        sheet.set_freeze_panes(1, 0)?;
        for (((entity, currency), total), row) in batch.totals().into_iter().zip(1..) {
            sheet.write_string_with_format(row, 0, held(&entity), &formats.text)?;
            sheet.write_string_with_format(row, 1, currency.code(), &formats.text)?;
            for (count, column) in [(total.entries, 2), (total.lines, 3)] {
                number(
                    sheet,
                    (row, column),
                    &count.to_string(),
                    Some(&formats.count),
                )?;
            }
            for (sum, column) in [(total.debit, 4), (total.credit, 5)] {
                let sum = major_units(sum, currency.exponent());
                number(sheet, (row, column), &sum, Some(formats.amount(currency)))?;
            }
        }
        Ok(())
    }

    /// The rows of an entry. What all its lines share is made once.
    fn entry(&mut self, batch: &ExportBatch, item: &ExportEntry) -> Result<(), RenderError> {
        let shared = |column: &Column| match column.source {
            Source::Entry(value) => value(batch, item),
            Source::Line(_) => Value::Missing,
        };
        let (first, last) = (FIRST.each_ref().map(shared), LAST.each_ref().map(shared));
        for at in At::of(batch, item) {
            if self.row == self.most {
                let name = format!("lines {}", self.workbook.worksheets().len());
                self.lines(&name).map_err(RenderError::write)?;
            }
            self.row += 1;
            let sheet = self.workbook.worksheet_from_index(self.sheet);
            let mut cells = Cells {
                sheet: sheet.map_err(RenderError::write)?,
                formats: &mut self.formats,
                at,
                row: self.row,
                column: 0,
            };
            cells.all(&FIRST, &first)?;
            for name in &self.dimensions {
                if let Some(value) = at.placed.line.dimensions.get(*name) {
                    cells.text(value)?;
                }
                cells.column += 1;
            }
            cells.all(&LAST, &last)?;
        }
        Ok(())
    }
}

/// The cells of a row, from left to right.
struct Cells<'c> {
    sheet: &'c mut Worksheet,
    formats: &'c mut Formats,
    at: At<'c>,
    row: u32,
    column: u16,
}

impl Cells<'_> {
    /// The cells of columns; `shared` holds what is the entry's.
    fn all(&mut self, columns: &[Column], shared: &[Value<'_>]) -> Result<(), RenderError> {
        for (column, shared) in columns.iter().zip(shared) {
            match column.source {
                Source::Entry(_) => self.value(column, shared)?,
                Source::Line(value) => self.value(column, &value(self.at))?,
            }
            self.column += 1;
        }
        Ok(())
    }

    fn value(&mut self, column: &Column, value: &Value<'_>) -> Result<(), RenderError> {
        let place = (self.row, self.column);
        let put = match value {
            Value::Missing => return Ok(()),
            Value::Text(text) => return self.text(text),
            Value::Day(day) => return self.day(column, *day),
            Value::Amount(money) => return self.amount(column, *money),
            Value::Count(count) => number(self.sheet, place, &count.to_string(), None),
            Value::Rate(rate) => number(self.sheet, place, &rate.to_string(), None),
        };
        put.map_err(RenderError::write)
    }

    fn text(&mut self, text: &str) -> Result<(), RenderError> {
        let text = held(text);
        // A character has at least one byte, and most texts are short.
        if text.len() > CHARACTERS {
            let long = text.encode_utf16().count();
            if long > CHARACTERS {
                let what = format!("a text has {long} characters, and a cell takes {CHARACTERS}");
                return Err(self.at.placed.unfit(what));
            }
        }
        let put = self.sheet.write_string(self.row, self.column, text);
        put.map(|_| ()).map_err(RenderError::write)
    }

    fn day(&mut self, column: &Column, day: NaiveDate) -> Result<(), RenderError> {
        let Some(known) = excel_day(day) else {
            return Err(self.at.placed.unfit(format!(
                "{} {day} is no day that Excel knows: those are from 1900 to 9999",
                column.name
            )));
        };
        let put = self.sheet.write_datetime(self.row, self.column, &known);
        put.map(|_| ()).map_err(RenderError::write)
    }

    fn amount(&mut self, column: &Column, money: Money) -> Result<(), RenderError> {
        let currency = money.currency();
        let text = major_units(i128::from(money.amount()), currency.exponent());
        if !is_exact(&text) {
            return Err(self.at.placed.unfit(format!(
                "{} {money} has more digits than the {DIGITS} that Excel keeps",
                column.name
            )));
        }
        let format = Some(self.formats.amount(currency));
        number(self.sheet, (self.row, self.column), &text, format).map_err(RenderError::write)
    }
}

fn excel_day(day: NaiveDate) -> Option<ExcelDateTime> {
    let year = u16::try_from(day.year()).ok()?;
    let month = u8::try_from(day.month()).ok()?;
    ExcelDateTime::from_ymd(year, month, u8::try_from(day.day()).ok()?).ok()
}

/// Minor units in major units, with all decimal places.
fn major_units(amount: i128, places: u32) -> String {
    let units = 10_u128.saturating_pow(places);
    let (whole, part) = (amount.unsigned_abs() / units, amount.unsigned_abs() % units);
    match usize::try_from(places) {
        Ok(places) if places > 0 => format!("{whole}.{part:0places$}"),
        _ => whole.to_string(),
    }
}

/// Whether Excel keeps all digits of a number.
fn is_exact(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit);
    let behind = digits.skip_while(|digit| *digit == b'0');
    let (mut digits, mut zeros) = (0, 0);
    for digit in behind {
        digits += 1;
        zeros = if digit == b'0' { zeros + 1 } else { 0 };
    }
    digits - zeros <= DIGITS
}

/// Writes a number, or its text where Excel would not keep all its digits, in a format or its column's. Excel has no
/// other numbers than binary floating point; up to 15 digits it shows what was written.
fn number(
    sheet: &mut Worksheet,
    (row, column): (u32, u16),
    text: &str,
    format: Option<&Format>,
) -> Result<(), XlsxError> {
    match (text.parse::<f64>(), format) {
        (Ok(value), None) if is_exact(text) => sheet.write_number(row, column, value),
        (Ok(value), Some(format)) if is_exact(text) => {
            sheet.write_number_with_format(row, column, value, format)
        }
        (_, None) => sheet.write_string(row, column, text),
        (_, Some(format)) => sheet.write_string_with_format(row, column, text, format),
    }
    .map(|_| ())
}

/// A text as a cell holds it: line breaks are LF, and other control characters are spaces.
fn held(text: &str) -> Cow<'_, str> {
    let odd = |sign: char| sign.is_control() || matches!(sign, '\u{fffe}' | '\u{ffff}');
    if !text.contains(odd) {
        return Cow::Borrowed(text);
    }
    let kept = |sign: char| matches!(sign, '\n' | '\t');
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    Cow::Owned(text.replace(|sign: char| odd(sign) && !kept(sign), " "))
}

/// How cells look, each made once.
struct Formats {
    header: Format,
    number_header: Format,
    text: Format,
    count: Format,
    day: Format,
    amounts: BTreeMap<u32, Format>,
}

impl Formats {
    fn new() -> Self {
        let header = Format::new()
            .set_bold()
            .set_border_bottom(FormatBorder::Thin);
        Self {
            number_header: header.clone().set_align(FormatAlign::Right),
            header,
            // What begins with `=` stays a text too where somebody edits it.
            text: Format::new().set_quote_prefix(),
            count: Format::new().set_num_format("0"),
            day: Format::new().set_num_format("yyyy-mm-dd"),
            amounts: BTreeMap::new(),
        }
    }

    /// The format of amounts in a currency.
    fn amount(&mut self, currency: Currency) -> &Format {
        let places = currency.exponent();
        self.amounts.entry(places).or_insert_with(|| {
            let zeros = "0".repeat(usize::try_from(places).unwrap_or(0));
            let point = if places > 0 { "." } else { "" };
            Format::new().set_num_format(format!("#,##0{point}{zeros}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_such_that_excel_keeps_them() {
        for (amount, places, text, is_kept) in [
            (0, 2, "0.00", true),
            (5, 3, "0.005", true),
            (11_900, 2, "119.00", true),
            (12_000, 0, "12000", true),
            (999_999_999_999_999, 2, "9999999999999.99", true),
            (1_000_000_000_000_001, 2, "10000000000000.01", false),
            (1_000_000_000_000_000_000, 2, "10000000000000000.00", true),
            (
                i128::MAX,
                0,
                "170141183460469231731687303715884105727",
                false,
            ),
        ] {
            let found = major_units(amount, places);
            assert_eq!((found.as_str(), is_exact(&found)), (text, is_kept));
        }
        assert!(is_exact("0.00000123456789012345"));
        assert!(!is_exact("1.00000123456789012345"));
    }

    #[test]
    fn texts_are_such_that_a_cell_holds_them() {
        for (text, shown) in [
            ("=1+1", "=1+1"),
            ("a\r\nb\rc\nd\te", "a\nb\nc\nd\te"),
            ("\u{1}a\u{b}\u{85}\u{ffff}", " a   "),
            ("שלום 😀 <&>", "שלום 😀 <&>"),
        ] {
            assert_eq!(held(text), shown);
        }
    }

    #[test]
    fn lines_that_a_sheet_does_not_take_stand_on_the_next_one() {
        use calamine::Reader;
        let batch = super::super::columns::pairs(4);
        let format = Excel::new(Config { dimensions: None });
        let mut bytes = Vec::new();
        format.sheets_of(&batch, 3, &mut bytes).unwrap();
        let mut book = calamine::Xlsx::new(std::io::Cursor::new(bytes)).unwrap();
        assert_eq!(
            book.sheet_names(),
            ["lines", "totals", "lines 2", "lines 3"]
        );
        let mut found = Vec::new();
        for name in ["lines", "lines 2", "lines 3"] {
            let cells = book.worksheet_range(name).unwrap();
            let mut rows = cells.rows();
            let header: Vec<String> = rows
                .next()
                .unwrap()
                .iter()
                .map(ToString::to_string)
                .collect();
            assert_eq!(
                (header[2].as_str(), header[20].as_str()),
                ("entry", "dimension.region")
            );
            found.extend(rows.map(|row| format!("{}/{}", row[2], row[4])));
        }
        assert_eq!(
            found,
            ["1/1", "1/2", "2/1", "2/2", "3/1", "3/2", "4/1", "4/2"]
        );
        // A batch without entries is a workbook too.
        let mut bytes = Vec::new();
        format
            .sheets_of(&super::super::columns::pairs(0), 3, &mut bytes)
            .unwrap();
        let mut book = calamine::Xlsx::new(std::io::Cursor::new(bytes)).unwrap();
        assert_eq!(book.worksheet_range("lines").unwrap().height(), 1);
    }
}
