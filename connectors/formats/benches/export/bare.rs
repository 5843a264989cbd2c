//! The bare writers: what the libraries do with cells that are texts already.

use super::Counting;
use bytes::Bytes;
use calamine::{Data, Reader as _, Xlsx};
use formats::erp::Artifact;
use parquet::basic::Compression;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{
    ByteArray, ByteArrayType, DataType, FixedLenByteArray, FixedLenByteArrayType, Int32Type,
    Int64Type,
};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};
use rust_xlsxwriter::{Format, Workbook};
use std::io::{Cursor, Read, Write};
use std::sync::Arc;

/// What is written again and again.
pub(crate) enum Bare {
    Plain(Part),
    /// Members of a ZIP.
    Packed(Vec<Part>),
    Workbook(Vec<Vec<Data>>),
    Columns(Columns),
}

/// A file, or a member of one.
pub(crate) enum Part {
    Table(Table),
    Elements(Vec<Element>),
}

/// Rows of fields.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    separator: u8,
    is_wide: bool,
}

/// What an XML file is made of.
pub(crate) enum Element {
    /// The name and all of the tag.
    Start(usize, String),
    Empty(usize, String),
    Text(String),
    End(String),
}

impl Bare {
    /// What a sample of the file is made of. A whole one may be packed where a small one is not.
    pub(crate) fn of(artifact: &Artifact, is_packed: bool) -> Self {
        let bytes = &artifact.bytes;
        if artifact.name.ends_with(".xlsx") {
            let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).unwrap();
            let cells = book.worksheet_range("lines").unwrap();
            return Self::Workbook(cells.rows().map(<[Data]>::to_vec).collect());
        }
        if artifact.name.ends_with(".parquet") {
            return Self::Columns(Columns::of(bytes));
        }
        if !bytes.starts_with(b"PK") && is_packed {
            return Self::Packed(vec![Part::of(bytes)]);
        }
        if !bytes.starts_with(b"PK") {
            return Self::Plain(Part::of(bytes));
        }
        let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let members = (0..zip.len()).map(|index| {
            let mut member = Vec::new();
            zip.by_index(index)
                .unwrap()
                .read_to_end(&mut member)
                .unwrap();
            Part::of(&member)
        });
        Self::Packed(members.collect())
    }

    /// Writes all of it so many times, a Parquet file once, and says how many bytes came out.
    pub(crate) fn write(&self, times: usize) -> u64 {
        match self {
            Self::Plain(part) => {
                let mut sink = Counting::default();
                part.write(times, &mut sink);
                sink.0
            }
            Self::Packed(parts) => packed(parts, times),
            Self::Workbook(rows) => workbook(rows, times),
            Self::Columns(columns) => columns.write(),
        }
    }
}

impl Part {
    fn of(bytes: &[u8]) -> Self {
        let is_wide = bytes.starts_with(b"\xff\xfe");
        let text = if is_wide {
            let units = bytes.chunks_exact(2);
            let units = units.map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
            String::from_utf16(&units.collect::<Vec<u16>>()).unwrap()
        } else {
            String::from_utf8_lossy(bytes).into_owned()
        };
        if text.starts_with("<?xml") {
            return Self::Elements(elements(&text));
        }
        let lines = text.lines().count();
        let separators = [b',', b';', b'\t'].into_iter();
        let often =
            separators.filter(|sign| text.bytes().filter(|byte| byte == sign).count() > 3 * lines);
        let separator = often.max_by_key(|sign| text.bytes().filter(|byte| byte == sign).count());
        let separator = separator.unwrap_or(b' ');
        let rows = if separator == b' ' {
            let rows = text
                .lines()
                .map(|line| line.split(' ').map(str::to_owned).collect());
            rows.collect()
        } else {
            let mut reader = csv::ReaderBuilder::new()
                .delimiter(separator)
                .has_headers(false)
                .flexible(true)
                .from_reader(text.as_bytes());
            let rows = reader.records().map(Result::unwrap);
            rows.map(|row| row.iter().map(str::to_owned).collect())
                .collect()
        };
        Self::Table(Table {
            rows,
            separator,
            is_wide,
        })
    }

    fn write(&self, times: usize, out: &mut dyn Write) {
        match self {
            Self::Table(rows) if rows.is_wide => rows.write(times, Wide(out)),
            Self::Table(rows) => rows.write(times, out),
            Self::Elements(elements) => write_elements(elements, times, out),
        }
    }
}

impl Table {
    fn write(&self, times: usize, out: impl Write) {
        let mut writer = csv::WriterBuilder::new()
            .delimiter(self.separator)
            .terminator(csv::Terminator::CRLF)
            .flexible(true)
            .buffer_capacity(64 << 10)
            .from_writer(out);
        for row in std::iter::repeat_n(&self.rows, times).flatten() {
            writer.write_record(row).unwrap();
        }
        writer.flush().unwrap();
    }
}

/// ASCII in UTF-16.
struct Wide<'w>(&'w mut dyn Write);

impl Write for Wide<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let wide: Vec<u8> = bytes.iter().flat_map(|byte| [*byte, 0]).collect();
        self.0.write_all(&wide)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

fn elements(text: &str) -> Vec<Element> {
    let mut reader = quick_xml::Reader::from_str(text);
    reader.config_mut().trim_text(true);
    let mut elements = Vec::new();
    let whole = |start: &BytesStart<'_>| {
        let name = start.name().as_ref().len();
        (
            name,
            format!("{}{}", start.name().as_ref(), start.attributes_raw()),
        )
    };
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                let (name, whole) = whole(&start);
                elements.push(Element::Start(name, whole));
            }
            Event::Empty(start) => {
                let (name, whole) = whole(&start);
                elements.push(Element::Empty(name, whole));
            }
            Event::Text(text) => elements.push(Element::Text(text.xml10_content().into_owned())),
            Event::End(end) => elements.push(Element::End(end.name().as_ref().to_owned())),
            Event::Eof => return elements,
            _ => {}
        }
    }
}

fn write_elements(elements: &[Element], times: usize, out: &mut dyn Write) {
    let out = std::io::BufWriter::with_capacity(64 << 10, out);
    let mut writer = quick_xml::Writer::new_with_indent(out, b' ', 1);
    for element in std::iter::repeat_n(elements, times).flatten() {
        let event = match element {
            Element::Start(name, whole) => {
                Event::Start(BytesStart::from_content(whole.as_str(), *name))
            }
            Element::Empty(name, whole) => {
                Event::Empty(BytesStart::from_content(whole.as_str(), *name))
            }
            Element::Text(text) => Event::Text(BytesText::new(text)),
            Element::End(name) => Event::End(BytesEnd::new(name.as_str())),
        };
        writer.write_event(event).unwrap();
    }
    writer.get_mut().flush().unwrap();
}

fn packed(parts: &[Part], times: usize) -> u64 {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default());
    for (part, number) in parts.iter().zip(1..) {
        zip.start_file(format!("member-{number}"), options).unwrap();
        let mut member = std::io::BufWriter::with_capacity(64 << 10, &mut zip);
        part.write(times, &mut member);
        member.flush().unwrap();
    }
    let packed = zip.finish().unwrap().into_inner();
    u64::try_from(packed.len()).unwrap()
}

/// The same cells through the library of workbooks, in the way of its first page.
fn workbook(rows: &[Vec<Data>], times: usize) -> u64 {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet_with_constant_memory().unwrap();
    let (amount, day) = (
        Format::new().set_num_format("#,##0.00"),
        Format::new().set_num_format("yyyy-mm-dd"),
    );
    for (cells, row) in std::iter::repeat_n(rows, times).flatten().zip(0..1_048_576) {
        for (cell, column) in cells.iter().zip(0..) {
            match cell {
                Data::Empty => continue,
                Data::String(text) => sheet.write_string(row, column, text),
                Data::Float(number) => {
                    sheet.write_number_with_format(row, column, *number, &amount)
                }
                Data::DateTime(serial) => {
                    sheet.write_number_with_format(row, column, serial.as_f64(), &day)
                }
                odd => panic!("{odd:?}"),
            }
            .unwrap();
        }
    }
    let bytes = book.save_to_buffer().unwrap();
    u64::try_from(bytes.len()).unwrap()
}

/// The columns of a Parquet file, by row group.
pub(crate) struct Columns {
    schema: Arc<parquet::schema::types::Type>,
    groups: Vec<Vec<Leaf>>,
}

struct Leaf {
    values: Values,
    levels: Option<Vec<i16>>,
    repeats: Option<Vec<i16>>,
}

enum Values {
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Bytes(Vec<ByteArray>),
    Fixed(Vec<FixedLenByteArray>),
}

impl Columns {
    fn of(bytes: &[u8]) -> Self {
        let file = SerializedFileReader::new(Bytes::copy_from_slice(bytes)).unwrap();
        let about = file.metadata().file_metadata();
        let groups = (0..file.num_row_groups()).map(|number| {
            let group = file.get_row_group(number).unwrap();
            let leaves = about.schema_descr().columns().iter().zip(0..);
            let leaves = leaves.map(|(leaf, place)| {
                let (mut levels, mut repeats) = (Vec::new(), Vec::new());
                let mut to = (&mut levels, &mut repeats);
                let values = match group.get_column_reader(place).unwrap() {
                    ColumnReader::Int32ColumnReader(of) => Values::Int32(read(of, &mut to)),
                    ColumnReader::Int64ColumnReader(of) => Values::Int64(read(of, &mut to)),
                    ColumnReader::ByteArrayColumnReader(of) => Values::Bytes(read(of, &mut to)),
                    ColumnReader::FixedLenByteArrayColumnReader(of) => {
                        Values::Fixed(read(of, &mut to))
                    }
                    _ => panic!("{leaf:?}"),
                };
                Leaf {
                    values,
                    levels: (leaf.max_def_level() > 0).then_some(levels),
                    repeats: (leaf.max_rep_level() > 0).then_some(repeats),
                }
            });
            leaves.collect()
        });
        Self {
            groups: groups.collect(),
            schema: about.schema_descr().root_schema_ptr(),
        }
    }

    fn write(&self) -> u64 {
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .build();
        let schema = Arc::clone(&self.schema);
        let mut file =
            SerializedFileWriter::new(Counting::default(), schema, Arc::new(properties)).unwrap();
        for leaves in &self.groups {
            let mut group = file.next_row_group().unwrap();
            for leaf in leaves {
                let mut column = group.next_column().unwrap().unwrap();
                let (levels, repeats) = (leaf.levels.as_deref(), leaf.repeats.as_deref());
                let written = match &leaf.values {
                    Values::Int32(values) => column
                        .typed::<Int32Type>()
                        .write_batch(values, levels, repeats),
                    Values::Int64(values) => column
                        .typed::<Int64Type>()
                        .write_batch(values, levels, repeats),
                    Values::Bytes(values) => column
                        .typed::<ByteArrayType>()
                        .write_batch(values, levels, repeats),
                    Values::Fixed(values) => column
                        .typed::<FixedLenByteArrayType>()
                        .write_batch(values, levels, repeats),
                };
                written.unwrap();
                column.close().unwrap();
            }
            group.close().unwrap();
        }
        file.into_inner().unwrap().0
    }
}

/// All values of a column chunk, and their levels.
fn read<T: DataType>(
    mut column: ColumnReaderImpl<T>,
    (levels, repeats): &mut (&mut Vec<i16>, &mut Vec<i16>),
) -> Vec<T::T> {
    let mut values = Vec::new();
    loop {
        let (records, ..) = column
            .read_records(1 << 20, Some(levels), Some(repeats), &mut values)
            .unwrap();
        if records == 0 {
            return values;
        }
    }
}
