//! A Parquet file of journal lines, for warehouses and whatever else reads tables by column.
//!
//! A line is a row; the columns are those of kind `csv`, with types, and their schema is the same for every batch:
//!
//! | column | type |
//! |---|---|
//! | `batch`, `document`, `entity`, `period`, `kind`, `account`, `rule`, `mapping`, `event` | string |
//! | `batch_number`, `entry`, `line` | 64 bits |
//! | `date`; `release_from`, `release_to` where the line is deferred | date |
//! | `reference`, `description`, `account_code`; `release_account`, `release_method` where the line is deferred | string or null |
//! | `debit`, `credit`, one of them null | `DECIMAL(23, 4)` in major units, which holds every amount of every currency |
//! | `debit_minor`, `credit_minor`, one of them null | 64 bits, minor units |
//! | `currency`, `exponent` | string; 32 bits, the decimal places of its minor unit |
//! | `functional_…` | the same in the functional currency |
//! | `rate` | string or null: a decimal with all its digits |
//! | `dimensions` | map of string to string |
//!
//! Texts are as the books have them, every sign of them. What the lines sum up to by entity and currency stands in
//! the file's own metadata, `tieout.totals`. Row groups hold 32,768 lines and the rest of their last entry; pages
//! are compressed by Snappy, which every reader knows. Bytes depend on the batch and on the version of the library.

use super::columns::{At, Column, FIRST, Kind, LAST, Source, Value};
use super::{ExportBatch, ExportEntry, FileFormat, FileKind, RenderError, apart};
use ::parquet::basic::Compression;
use ::parquet::data_type::{
    ByteArray, ByteArrayType, DataType, FixedLenByteArrayType, Int32Type, Int64Type,
};
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use ::parquet::schema::parser::parse_message_type;
use bytes::Bytes;
use chrono::{Datelike, NaiveDate};
use ledger::{Line, Money};
use serde::Deserialize;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

/// This kind's registration.
pub const KIND: FileKind =
    FileKind::of::<Parquet>("parquet", "Parquet file of journal lines", "{}");

/// The lines after which a row group ends: so many are held at once, column by column.
const LINES: usize = 1 << 15;

/// The decimal places of amounts in major units: as many as any currency has.
const PLACES: u32 = 4;

/// The bytes of one: 23 digits, which hold 64 bits of minor units of the smallest unit.
const WIDTH: usize = 10;

/// The columns that may be null, beside amounts, rates and what is said of deferred lines.
const OPTIONAL: [&str; 3] = ["reference", "description", "account_code"];

/// No options.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct Parquet;

impl FileFormat for Parquet {
    type Config = Config;

    fn new(_config: Config) -> Self {
        Self
    }

    fn name(&self, batch: &ExportBatch) -> String {
        batch.file_name("parquet")
    }

    fn render(&self, batch: &ExportBatch, out: &mut dyn Write) -> Result<(), RenderError> {
        apart::apart(out, |out| write(batch, LINES, out))
    }
}

fn write(batch: &ExportBatch, lines: usize, out: apart::Apart) -> Result<(), RenderError> {
    let schema = parse_message_type(&schema()).map_err(RenderError::write)?;
    let properties = WriterProperties::builder()
        .set_created_by("tieout version 1".to_owned())
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_key_value_metadata(Some(about(batch)))
        .build();
    let writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties));
    let mut writer = writer.map_err(RenderError::write)?;
    for part in parts(batch, lines) {
        let entries = batch.entries.get(part).unwrap_or_default();
        let group = writer.next_row_group().map_err(RenderError::write)?;
        Rows {
            batch,
            entries,
            group,
        }
        .write()?;
    }
    let mut out = writer.into_inner().map_err(RenderError::write)?;
    out.flush().map_err(RenderError::write)
}

/// What the file says of itself.
fn about(batch: &ExportBatch) -> Vec<KeyValue> {
    let totals = batch
        .totals()
        .into_iter()
        .map(|((entity, currency), total)| {
            serde_json::json!({
                "entity": entity,
                "currency": currency.code(),
                "exponent": currency.exponent(),
                "entries": total.entries,
                "lines": total.lines,
                "debit_minor": total.debit.to_string(),
                "credit_minor": total.credit.to_string(),
            })
        });
    let totals = serde_json::Value::Array(totals.collect()).to_string();
    let told = [
        ("tieout.target", batch.target.clone()),
        ("tieout.created_at", batch.created_at.to_rfc3339()),
        ("tieout.totals", totals),
    ];
    let told = told.into_iter();
    told.map(|(key, value)| KeyValue::new(key.to_owned(), value))
        .collect()
}

/// The entries of each row group.
fn parts(batch: &ExportBatch, lines: usize) -> impl Iterator<Item = Range<usize>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let mut held = 0;
        let rest = batch.entries.get(from..).unwrap_or_default();
        let taken = rest.iter().take_while(|item| {
            let is_taken = held < lines;
            held += item.entry.lines().len();
            is_taken
        });
        let part = from..from + taken.count();
        from = part.end;
        Some(part).filter(|part| !part.is_empty())
    })
}

/// The schema in the words of the format.
fn schema() -> String {
    let mut text = String::from("message journal_lines {\n");
    for column in &FIRST {
        declare(column, &mut text);
    }
    text.push_str(
        "required group dimensions (MAP) { repeated group key_value { \
         required binary key (STRING); required binary value (STRING); } }\n",
    );
    for column in &LAST {
        declare(column, &mut text);
    }
    text.push('}');
    text
}

fn is_optional(column: &Column) -> bool {
    matches!(column.kind, Kind::Amount | Kind::Rate)
        || column.name.starts_with("release_")
        || OPTIONAL.contains(&column.name)
}

fn declare(column: &Column, text: &mut String) {
    let name = column.name;
    let presence = if is_optional(column) {
        "optional"
    } else {
        "required"
    };
    text.push_str(&match column.kind {
        Kind::Text | Kind::Rate => format!("{presence} binary {name} (STRING);\n"),
        Kind::Count => format!("{presence} int64 {name};\n"),
        Kind::Day => format!("{presence} int32 {name} (DATE);\n"),
        Kind::Amount => format!(
            "{presence} fixed_len_byte_array({WIDTH}) {name} (DECIMAL(23,{PLACES}));\n\
             {presence} int64 {name}_minor;\n"
        ),
    });
    if let Some(exponent) = exponent(column) {
        text.push_str(&format!("required int32 {exponent};\n"));
    }
}

/// The column that says the decimal places of a currency, behind its own.
fn exponent(column: &Column) -> Option<&'static str> {
    match column.name {
        "currency" => Some("exponent"),
        "functional_currency" => Some("functional_exponent"),
        _ => None,
    }
}

/// The values of a column that are there, and of each line whether its is.
struct Cells<T> {
    values: Vec<T>,
    levels: Vec<i16>,
}

impl<T: Clone> Cells<T> {
    const fn new() -> Self {
        Self {
            values: Vec::new(),
            levels: Vec::new(),
        }
    }

    fn push(&mut self, value: Option<T>, times: usize) {
        let level = i16::from(value.is_some());
        self.levels.extend(std::iter::repeat_n(level, times));
        if let Some(value) = value {
            for _ in 0..times {
                self.values.push(value.clone());
            }
        }
    }
}

/// Values of bytes, one behind the other: the library would have each in memory of its own.
struct Strung {
    bytes: Vec<u8>,
    cells: Cells<Range<usize>>,
}

impl Strung {
    const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            cells: Cells::new(),
        }
    }

    fn push(&mut self, value: Option<&[u8]>, times: usize) {
        let place = value.map(|value| {
            let from = self.bytes.len();
            self.bytes.extend_from_slice(value);
            from..self.bytes.len()
        });
        self.cells.push(place, times);
    }

    fn cells<T: From<ByteArray>>(self) -> Cells<T> {
        let bytes = Bytes::from(self.bytes);
        let mut last = (0..0, ByteArray::from(Bytes::new()));
        let values = self.cells.values.into_iter().map(|place| {
            if last.0 != place {
                last = (place.clone(), ByteArray::from(bytes.slice(place)));
            }
            T::from(last.1.clone())
        });
        Cells {
            values: values.collect(),
            levels: self.cells.levels,
        }
    }
}

/// A column of a row group while it is filled.
enum Filled {
    Texts(Strung),
    Counts(Cells<i64>),
    Days(Cells<i32>),
    /// In major and in minor units.
    Amounts(Strung, Cells<i64>),
}

impl Filled {
    const fn new(column: &Column) -> Self {
        match column.kind {
            Kind::Text | Kind::Rate => Self::Texts(Strung::new()),
            Kind::Count => Self::Counts(Cells::new()),
            Kind::Day => Self::Days(Cells::new()),
            Kind::Amount => Self::Amounts(Strung::new(), Cells::new()),
        }
    }

    fn push(&mut self, column: &Column, value: &Value<'_>, times: usize) {
        match (self, value) {
            (Self::Texts(strung), Value::Text(text)) => strung.push(Some(text.as_bytes()), times),
            (Self::Texts(strung), Value::Rate(rate)) => {
                strung.push(Some(rate.to_string().as_bytes()), times);
            }
            (Self::Texts(strung), _) => {
                let empty: &[u8] = &[];
                strung.push((!is_optional(column)).then_some(empty), times);
            }
            (Self::Counts(cells), Value::Count(count)) => cells.push(Some(*count), times),
            (Self::Counts(cells), _) => cells.push(None, times),
            (Self::Days(cells), Value::Day(day)) => cells.push(Some(since_1970(*day)), times),
            (Self::Days(cells), _) => cells.push(None, times),
            (Self::Amounts(major, minor), Value::Amount(money)) => {
                major.push(Some(&decimal(*money)), times);
                minor.push(Some(money.amount()), times);
            }
            (Self::Amounts(major, minor), _) => {
                major.push(None, times);
                minor.push(None, times);
            }
        }
    }
}

/// A row group while it is written. It is filled line by line and written column by column.
struct Rows<'g> {
    batch: &'g ExportBatch,
    entries: &'g [ExportEntry],
    group: SerializedRowGroupWriter<'g, apart::Apart>,
}

impl Rows<'_> {
    fn write(mut self) -> Result<(), RenderError> {
        let columns = FIRST.iter().chain(&LAST);
        let mut all: Vec<(&Column, Filled)> = columns
            .map(|column| (column, Filled::new(column)))
            .collect();
        for item in self.entries {
            self.fill(item, &mut all);
        }
        for ((column, filled), place) in all.into_iter().zip(0..) {
            if place == FIRST.len() {
                self.dimensions()?;
            }
            self.column(column, filled)?;
        }
        self.group.close().map_err(RenderError::write)?;
        Ok(())
    }

    /// Adds the lines of an entry to each column.
    fn fill(&self, item: &ExportEntry, all: &mut [(&Column, Filled)]) {
        let lines = item.entry.lines().len();
        for (column, filled) in &mut *all {
            if let Source::Entry(value) = column.source {
                filled.push(column, &value(self.batch, item), lines);
            }
        }
        for at in At::of(self.batch, item) {
            for (column, filled) in &mut *all {
                if let Source::Line(value) = column.source {
                    filled.push(column, &value(at), 1);
                }
            }
        }
    }

    fn column(&mut self, column: &Column, filled: Filled) -> Result<(), RenderError> {
        match filled {
            Filled::Texts(strung) => self.put::<ByteArrayType>(column, &strung.cells()),
            Filled::Counts(cells) => self.put::<Int64Type>(column, &cells),
            Filled::Days(cells) => self.put::<Int32Type>(column, &cells),
            Filled::Amounts(major, minor) => self
                .put::<FixedLenByteArrayType>(column, &major.cells())
                .and_then(|()| self.put::<Int64Type>(column, &minor)),
        }?;
        match exponent(column) {
            Some("exponent") => self.exponents(|line| line.amount),
            Some(_) => self.exponents(|line| line.functional),
            None => Ok(()),
        }
    }

    fn exponents(&mut self, of: fn(&Line) -> Money) -> Result<(), RenderError> {
        let lines = self.entries.iter().flat_map(|item| item.entry.lines());
        let places = lines.map(|line| i32::try_from(of(line).currency().exponent()));
        let places: Result<Vec<i32>, _> = places.collect();
        self.levelled::<Int32Type>(&places.map_err(RenderError::write)?, None, None)
    }

    /// A map is two columns, with as many values for a line as it has dimensions.
    fn dimensions(&mut self) -> Result<(), RenderError> {
        let (mut names, mut values) = (Strung::new(), Strung::new());
        let (mut levels, mut repeats) = (Vec::new(), Vec::new());
        for line in self.entries.iter().flat_map(|item| item.entry.lines()) {
            if line.dimensions.is_empty() {
                levels.push(0);
                repeats.push(0);
            }
            for ((name, value), place) in line.dimensions.iter().zip(0_usize..) {
                names.push(Some(name.as_bytes()), 1);
                values.push(Some(value.as_bytes()), 1);
                levels.push(1);
                repeats.push(i16::from(place > 0));
            }
        }
        for strung in [names, values] {
            let cells: Cells<ByteArray> = strung.cells();
            self.levelled::<ByteArrayType>(&cells.values, Some(&levels), Some(&repeats))?;
        }
        Ok(())
    }

    fn put<T: DataType>(
        &mut self,
        column: &Column,
        cells: &Cells<T::T>,
    ) -> Result<(), RenderError> {
        let levels = is_optional(column).then_some(cells.levels.as_slice());
        self.levelled::<T>(&cells.values, levels, None)
    }

    fn levelled<T: DataType>(
        &mut self,
        values: &[T::T],
        levels: Option<&[i16]>,
        repeats: Option<&[i16]>,
    ) -> Result<(), RenderError> {
        let next = self.group.next_column().map_err(RenderError::write)?;
        let fewer = || RenderError::write("the schema has fewer columns than are written");
        let mut column = next.ok_or_else(fewer)?;
        column
            .typed::<T>()
            .write_batch(values, levels, repeats)
            .and_then(|_| column.close())
            .map_err(RenderError::write)
    }
}

fn since_1970(day: NaiveDate) -> i32 {
    day.num_days_from_ce() - NaiveDate::default().num_days_from_ce()
}

/// An amount in major units: its bytes, the largest first.
fn decimal(money: Money) -> [u8; WIDTH] {
    let places = PLACES.saturating_sub(money.currency().exponent());
    let scaled = i128::from(money.amount()) * 10_i128.pow(places);
    let mut bytes = [0; WIDTH];
    for (to, from) in bytes.iter_mut().rev().zip(scaled.to_le_bytes()) {
        *to = from;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::Currency;

    #[test]
    fn every_amount_of_every_currency_fits() {
        for (amount, code, shown) in [
            (1, "EUR", 100),
            (-1, "JPY", -10_000),
            (i64::MAX, "JPY", i128::from(i64::MAX) * 10_000),
            (i64::MIN, "JPY", i128::from(i64::MIN) * 10_000),
            (10_230, "KWD", 102_300),
            (7, "CLF", 7),
        ] {
            let currency = Currency::from_code(code).unwrap();
            let bytes = decimal(Money::minor(amount, currency));
            let sign = if bytes[0] < 128 { 0 } else { 255 };
            let mut whole = [sign; 16];
            whole[16 - WIDTH..].copy_from_slice(&bytes);
            assert_eq!(i128::from_be_bytes(whole), shown, "{amount} {code}");
        }
    }

    #[test]
    fn row_groups_end_between_two_entries() {
        use ::parquet::file::metadata::RowGroupMetaData;
        use ::parquet::file::reader::{FileReader, SerializedFileReader};
        for (entries, lines, groups) in [(5, 3, vec![4, 4, 2]), (2, 1, vec![2, 2]), (0, 3, vec![])]
        {
            let batch = super::super::columns::pairs(entries);
            let mut bytes = Vec::new();
            apart::apart(&mut bytes, |out| write(&batch, lines, out)).unwrap();
            let file = SerializedFileReader::new(Bytes::from(bytes)).unwrap();
            let found = file.metadata().row_groups().iter();
            let found: Vec<i64> = found.map(RowGroupMetaData::num_rows).collect();
            assert_eq!(found, groups);
            let rows = file.get_row_iter(None).unwrap();
            assert_eq!(i64::try_from(rows.count()).unwrap(), entries * 2);
        }
    }
}
