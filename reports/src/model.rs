//! What a report is, before anybody decides how it looks.

mod register;

pub use register::Register;

use ledger::Money;
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
}

impl Cell {
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
            Self::Empty | Self::Count(_) | Self::Amount(_) => None,
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
