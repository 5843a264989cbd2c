//! Reports: a report is a model; renderers turn any model into HTML, XLSX, CSV or JSON.
//!
//! Builders read the store and write nothing. Amounts stay integers of minor units up to the last
//! character that a renderer writes; polars, which lives in [`frame`] alone, groups and sums them.

pub mod build;
pub mod control;
pub mod frame;
pub mod model;
pub mod picture;
pub mod render;

pub use build::{NAMES, build};
pub use control::{CashRow, ClearingRow, Control, Verdict};
pub use model::{Cell, Column, ColumnKind, Report, Row, RowKind, Table};
pub use render::Format;

/// Why a report cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// No report of this name.
    #[error("there is no report `{0}`; there are {names}", names = build::NAMES.join(", "))]
    Unknown(String),
    /// The store failed.
    #[error("the books cannot be read")]
    Store(#[from] store::StoreError),
    /// A frame could not be grouped.
    #[error("the report's frame cannot be computed")]
    Frame(#[from] polars::error::PolarsError),
    /// A sum beyond 64 bits.
    #[error("a sum does not fit 64 bits of minor units")]
    Overflow,
    /// A stored currency that ISO 4217 does not know.
    #[error("a stored currency is unknown")]
    Currency(#[from] ledger::MoneyError),
    /// A table with more rows than the format takes.
    #[error("`{0}` has more than the {1} rows that a sheet takes; take csv or json")]
    TooLong(&'static str, u32),
    /// A renderer failed.
    #[error("the report cannot be written as {format}: {what}")]
    Render {
        /// The format.
        format: &'static str,
        /// What went wrong.
        what: String,
    },
}

pub use control::continuity;
