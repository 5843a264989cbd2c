//! A spreadsheet that came back: its rows, bounded on every side, whoever wrote it.
//!
//! The size of each part is measured by unpacking it before anything else reads it, for what a file says of its
//! own sizes is what its writer wants. Cells are then read one by one; only the strings that the file shares are
//! held.

use crate::call::{Refusal, RefusalKind};
use calamine::{DataRef, Reader as _, Xlsx};
use std::fmt::Display;
use std::fs::File;
use std::io::{Cursor, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// The largest file.
const MOST_BYTES: u64 = 32 << 20;

/// The most that a sheet may unpack to, and all parts together.
const MOST_UNPACKED: u64 = 256 << 20;

/// The most that any other part may unpack to: such parts are held.
const MOST_HELD: u64 = 64 << 20;

/// The most parts.
const MOST_PARTS: usize = 1_000;

/// The most rows, and the most columns.
const MOST_ROWS: u32 = 100_000;
const MOST_COLUMNS: u32 = 64;

/// What to do with a file that cannot be read.
const AGAIN: &str = "write one with `tieout breaks export FILE.xlsx`, and save it as XLSX";

/// A row as it stands in the sheet.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// Its number, as the spreadsheet shows it.
    pub(super) number: u32,
    /// Its cells, one for each column that was asked for; empty where the sheet does not have it.
    pub(super) cells: Vec<String>,
    /// A cell that holds a formula.
    pub(super) formula: Option<String>,
}

/// The bytes of a file.
///
/// # Errors
/// When it cannot be read or is too large.
pub(super) fn bytes_of(path: &Path) -> Result<Vec<u8>, Refusal> {
    let name = path.display();
    let unread = |error: std::io::Error| invalid(format!("{name} cannot be read: {error}"));
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unread)?;
    let mut file = file.take(MOST_BYTES + 1);
    file.read_to_end(&mut bytes).map_err(unread)?;
    if reached(bytes.len()) > MOST_BYTES {
        return Err(invalid(format!(
            "{name} is larger than 32 MiB; {AGAIN}, and decide in parts"
        )));
    }
    Ok(bytes)
}

/// Hands on the rows of the sheet, with the cells of these columns. Of those, `needed` must be there.
///
/// # Errors
/// When it is no sheet of this kind, in words that say what to do.
pub(super) fn rows(
    bytes: &[u8],
    (columns, needed): (&[&str], &[&str]),
    each: &mut dyn FnMut(Row),
) -> Result<(), Refusal> {
    measure(bytes)?;
    // Whoever wrote the file may know the reader's faults better than we do.
    let read = catch_unwind(AssertUnwindSafe(|| read(bytes, (columns, needed), each)));
    read.unwrap_or_else(|_panic| Err(foreign("its parts contradict each other")))
}

fn measure(bytes: &[u8]) -> Result<(), Refusal> {
    if bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        return Err(foreign("it is an old XLS, or protected by a password"));
    }
    if !bytes.starts_with(b"PK") {
        return Err(foreign("it is no XLSX"));
    }
    let mut parts = zip::ZipArchive::new(Cursor::new(bytes)).map_err(foreign)?;
    if parts.len() > MOST_PARTS {
        return Err(foreign(format!("it has {} parts", parts.len())));
    }
    let mut all = 0;
    for number in 0..parts.len() {
        let part = parts.by_index(number).map_err(foreign)?;
        let name: String = part.name().map_err(foreign)?.chars().take(80).collect();
        let most = if name.starts_with("xl/worksheets/") {
            MOST_UNPACKED
        } else {
            MOST_HELD
        };
        let mut part = part.take(most + 1);
        let size = std::io::copy(&mut part, &mut std::io::sink()).map_err(foreign)?;
        all += size;
        if size > most || all > MOST_UNPACKED {
            return Err(foreign(format!(
                "`{name}` unpacks to more than {} MiB",
                most >> 20
            )));
        }
    }
    Ok(())
}

fn read(
    bytes: &[u8],
    (columns, needed): (&[&str], &[&str]),
    each: &mut dyn FnMut(Row),
) -> Result<(), Refusal> {
    let mut book = Xlsx::new(Cursor::new(bytes)).map_err(foreign)?;
    let name = sheet_of(&book.sheet_names())?;
    let mut cells = book.worksheet_cells_reader(&name).map_err(foreign)?;
    let mut places: Option<Vec<Option<usize>>> = None;
    let mut line = Line::default();
    let mut before = None;
    loop {
        let cell = cells.next_cell_with_formula_metadata().map_err(foreign)?;
        let next = cell.as_ref().map(|cell| cell.pos);
        if next.is_none_or(|(row, _)| row != line.row) && !line.is_empty() {
            let line = std::mem::take(&mut line);
            match &places {
                None => places = Some(header(&line, columns, needed)?),
                Some(places) => each(line.picked(places)),
            }
        }
        let Some(cell) = cell else { break };
        if before.is_some_and(|before| before >= cell.pos) {
            return Err(foreign("its cells are not in order"));
        }
        before = Some(cell.pos);
        line.row = cell.pos.0;
        line.add(cell.pos, text(&cell.value), cell.formula.is_some())?;
    }
    match places {
        Some(_) => Ok(()),
        None => Err(foreign("it is empty")),
    }
}

fn sheet_of(names: &[String]) -> Result<String, Refusal> {
    let ours = names.iter().find(|name| name.as_str() == super::SHEET);
    match (ours, names) {
        (Some(name), _) => Ok(name.clone()),
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(foreign(format!("it has no sheet `{}`", super::SHEET))),
    }
}

/// A row while it is read.
#[derive(Default)]
struct Line {
    row: u32,
    cells: Vec<String>,
    formula: Option<String>,
}

impl Line {
    fn is_empty(&self) -> bool {
        self.formula.is_none() && self.cells.iter().all(String::is_empty)
    }

    fn add(
        &mut self,
        (row, column): (u32, u32),
        text: String,
        formula: bool,
    ) -> Result<(), Refusal> {
        if text.is_empty() && !formula {
            return Ok(());
        }
        if column >= MOST_COLUMNS {
            return Err(foreign("it has more than 64 columns"));
        }
        if row > MOST_ROWS {
            return Err(foreign("it has more than 100,000 rows"));
        }
        if formula {
            self.formula.get_or_insert_with(|| name_of(row, column));
        }
        let at = usize::try_from(column).unwrap_or(0);
        if self.cells.len() <= at {
            self.cells.resize(at + 1, String::new());
        }
        self.cells[at] = text;
        Ok(())
    }

    fn picked(mut self, places: &[Option<usize>]) -> Row {
        let mut pick = |at: &Option<usize>| {
            let cell = at.and_then(|at| self.cells.get_mut(at));
            cell.map(std::mem::take).unwrap_or_default()
        };
        Row {
            cells: places.iter().map(&mut pick).collect(),
            number: self.row + 1,
            formula: self.formula,
        }
    }
}

/// Where each column stands, by its header.
fn header(line: &Line, columns: &[&str], needed: &[&str]) -> Result<Vec<Option<usize>>, Refusal> {
    if let Some(cell) = &line.formula {
        return Err(foreign(format!("its header holds a formula in {cell}")));
    }
    let place = |name: &&str| {
        let is_it = |title: &String| title.to_lowercase() == *name;
        let mut found = line
            .cells
            .iter()
            .enumerate()
            .filter(|(_, cell)| is_it(cell));
        let (first, second) = (found.next(), found.next());
        match (first, second) {
            (_, Some(_)) => Err(foreign(format!("it has two columns `{name}`"))),
            (None, _) if needed.contains(name) => {
                Err(foreign(format!("it has no column `{name}`")))
            }
            (first, _) => Ok(first.map(|(at, _)| at)),
        }
    };
    columns.iter().map(place).collect()
}

/// A cell as text; a day as ISO 8601 writes it.
fn text(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Empty => String::new(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            text.trim().to_owned()
        }
        DataRef::SharedString(text) => text.trim().to_owned(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::Bool(truth) => truth.to_string(),
        DataRef::Error(error) => error.to_string(),
        DataRef::DateTime(moment) => {
            let (year, month, day, ..) = moment.to_ymd_hms_milli();
            format!("{year:04}-{month:02}-{day:02}")
        }
    }
}

/// `AB12`.
fn name_of(row: u32, column: u32) -> String {
    let mut letters = Vec::new();
    let mut left = column + 1;
    while left > 0 {
        let letter = u8::try_from((left - 1) % 26).unwrap_or(0);
        letters.push(char::from(b'A' + letter));
        left = (left - 1) / 26;
    }
    let letters: String = letters.iter().rev().collect();
    format!("{letters}{}", row + 1)
}

fn reached(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn invalid(what: String) -> Refusal {
    Refusal::new(RefusalKind::Invalid, what)
}

fn foreign(what: impl Display) -> Refusal {
    invalid(format!(
        "the file is no sheet of breaks that can be read: {what}; {AGAIN}"
    ))
}
