//! What a report is, before anybody decides how it looks.

mod register;

pub use register::Register;

use ledger::Money;
use std::fmt::Write as _;
use std::sync::Arc;

/// A report.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Its name on the command line and in file names.
    pub name: &'static str,
    /// Its title.
    pub title: String,
    /// One sentence on what it shows.
    pub purpose: String,
    /// What it speaks of: company, day, mapping version.
    pub facts: Vec<(String, String)>,
    /// The verdict, where the report gives one: a word and a sentence.
    pub verdict: Option<(String, String)>,
    /// Pictures, as finished SVG.
    pub pictures: Vec<String>,
    /// The tables.
    pub tables: Vec<Table>,
    /// Rows that come after those of the last table, and are read while they are written.
    pub more: Option<Register>,
}

/// A table.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Its name in JSON.
    pub name: &'static str,
    /// Its title.
    pub title: String,
    /// A sentence under the title.
    pub note: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows.
    pub rows: Vec<Row>,
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name in JSON and CSV.
    pub name: &'static str,
    /// Its title for people.
    pub title: &'static str,
    /// What stands in it.
    pub kind: ColumnKind,
}

/// What stands in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Words.
    Text,
    /// Whole numbers.
    Count,
    /// Amounts; the currency stands in a column of its own.
    Amount,
    /// Numbers with decimals, exact as they are: shares, basis points.
    Decimal,
}

/// A row.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its weight.
    pub kind: RowKind,
    /// One cell per column.
    pub cells: Vec<Cell>,
}

/// How much a row weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// One of many.
    Plain,
    /// A sum.
    Total,
    /// Something that does not hold.
    Alert,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    Empty,
    /// Words.
    Text(String),
    /// Words that are always the same.
    Word(&'static str),
    /// Words that many rows share.
    Name(Arc<str>),
    /// A whole number.
    Count(i64),
    /// An amount with its sign.
    Amount(Money),
    /// A number of so many units of its last place, and how many places it has.
    Decimal(i64, u32),
}

/// `-12.50`: units of the last place.
pub(crate) fn decimal(units: i64, places: u32, text: &mut String) {
    let amount = units.unsigned_abs();
    let of_one = 10_u64.saturating_pow(places);
    if units < 0 {
        text.push('-');
    }
    let width = usize::try_from(places).unwrap_or(0);
    // A text takes whatever is written into it.
    let _always = if places == 0 {
        write!(text, "{amount}")
    } else {
        write!(text, "{}.{:0width$}", amount / of_one, amount % of_one)
    };
}

/// Basis points are written to a hundredth.
const PLACES: u32 = 2;

impl Cell {
    /// A part of a whole in hundredths of the whole (`percent`) or ten-thousandths (`basis_points`), to two
    /// places, half away from zero; nothing of a whole that is nothing.
    fn share(part: i64, whole: i64, of_one: i128) -> Self {
        let (part, whole) = (i128::from(part), i128::from(whole));
        if whole == 0 {
            return Self::Empty;
        }
        let doubled = part * of_one * 100 * 2 * whole.signum();
        let whole = whole.abs();
        let rounded = (doubled.abs() + whole).div_euclid(whole * 2) * doubled.signum();
        i64::try_from(rounded).map_or(Self::Empty, |units| Self::Decimal(units, PLACES))
    }

    /// A part of a whole in percent.
    pub fn percent(part: i64, whole: i64) -> Self {
        Self::share(part, whole, 100)
    }

    /// A part of a whole in basis points.
    pub fn basis_points(part: i64, whole: i64) -> Self {
        Self::share(part, whole, 10_000)
    }

    /// Words.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Its words, where it holds words.
    pub fn words(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Word(word) => Some(word),
            Self::Name(name) => Some(name),
            Self::Empty | Self::Count(_) | Self::Amount(_) | Self::Decimal(..) => None,
        }
    }

    /// An amount, or nothing where it is zero.
    pub fn unless_zero(money: Money) -> Self {
        if money.amount() == 0 {
            Self::Empty
        } else {
            Self::Amount(money)
        }
    }
}

impl Column {
    /// Words.
    pub const fn text(name: &'static str, title: &'static str) -> Self {
        Self {
            name,
            title,
            kind: ColumnKind::Text,
        }
    }

    /// Whole numbers.
    pub const fn count(name: &'static str, title: &'static str) -> Self {
        Self {
            name,
            title,
            kind: ColumnKind::Count,
        }
    }

    /// Amounts.
    pub const fn amount(name: &'static str, title: &'static str) -> Self {
        Self {
            name,
            title,
            kind: ColumnKind::Amount,
        }
    }

    /// Numbers with decimals.
    pub const fn decimal(name: &'static str, title: &'static str) -> Self {
        Self {
            name,
            title,
            kind: ColumnKind::Decimal,
        }
    }

    /// Whether it is set flush right.
    pub fn is_number(&self) -> bool {
        self.kind != ColumnKind::Text
    }
}

impl Row {
    /// One of many.
    pub const fn plain(cells: Vec<Cell>) -> Self {
        Self {
            kind: RowKind::Plain,
            cells,
        }
    }

    /// A sum.
    pub const fn total(cells: Vec<Cell>) -> Self {
        Self {
            kind: RowKind::Total,
            cells,
        }
    }

    /// Plain when it holds, an alert when not.
    pub const fn holding(holds: bool, cells: Vec<Cell>) -> Self {
        Self {
            kind: if holds {
                RowKind::Plain
            } else {
                RowKind::Alert
            },
            cells,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Cell;

    #[test]
    fn shares_are_exact_to_a_hundredth() {
        let table = [
            (290, 10_000, Cell::Decimal(29_000, 2)),
            (1, 3, Cell::Decimal(333_333, 2)),
            (2, 3, Cell::Decimal(666_667, 2)),
            (-1, 3, Cell::Decimal(-333_333, 2)),
            (1, -3, Cell::Decimal(-333_333, 2)),
            // Half of a hundredth goes away from zero.
            (1, 2_000_000, Cell::Decimal(1, 2)),
            (-1, 2_000_000, Cell::Decimal(-1, 2)),
            (1, 0, Cell::Empty),
            (i64::MAX, i64::MAX, Cell::Decimal(1_000_000, 2)),
            (i64::MAX, 1, Cell::Empty),
        ];
        for (part, whole, wanted) in table {
            assert_eq!(Cell::basis_points(part, whole), wanted, "{part} of {whole}");
        }
        assert_eq!(Cell::percent(1, 8), Cell::Decimal(1_250, 2));
    }
}
