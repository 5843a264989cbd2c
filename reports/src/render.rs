//! Renderers: any report in any format.

mod csv;
mod html;
mod json;
mod xlsx;

pub use xlsx::worklist;

use crate::ReportError;
use crate::model::{Report, decimal};
use ledger::Money;
use std::io::Write;
use store::Snapshot;

/// The formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One self-contained page that prints.
    Html,
    /// Comma-separated values, UTF-8 with a mark that Excel needs.
    Csv,
    /// JSON with stable names.
    Json,
    /// An Excel workbook with numbers as numbers.
    Xlsx,
    /// Parquet, for reports of one table; amounts are integers of minor units.
    #[cfg(feature = "parquet")]
    Parquet,
}

impl Format {
    /// The formats that hold every report.
    pub const ALL: [Self; 4] = [Self::Html, Self::Csv, Self::Json, Self::Xlsx];

    /// The name on the command line, and the file's ending.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Xlsx => "xlsx",
            #[cfg(feature = "parquet")]
            Self::Parquet => "parquet",
        }
    }

    /// Reads [`Format::name`] back.
    pub fn from_name(name: &str) -> Option<Self> {
        #[cfg(feature = "parquet")]
        if name == "parquet" {
            return Some(Self::Parquet);
        }
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Writes a report; rows that a table does not hold are read from the books meanwhile.
    ///
    /// # Errors
    /// [`ReportError`] of who reads or of who writes.
    pub async fn write(
        self,
        report: &Report,
        books: &Snapshot,
        out: &mut (dyn Write + Send),
    ) -> Result<(), ReportError> {
        match self {
            Self::Html => html::write(report, books, out).await,
            Self::Csv => csv::write(report, books, out).await,
            Self::Json => json::write(report, books, out).await,
            Self::Xlsx => xlsx::write(report, books, out).await,
            #[cfg(feature = "parquet")]
            Self::Parquet => parquet(report, books, out).await,
        }
    }
}

/// Parquet is written from columns, so all rows are held.
#[cfg(feature = "parquet")]
async fn parquet(
    report: &Report,
    books: &Snapshot,
    out: &mut (dyn Write + Send),
) -> Result<(), ReportError> {
    let mut whole = report.clone();
    for (table, held) in report.tables.iter().zip(&mut whole.tables) {
        held.rows.clear();
        let mut hold = |row: &crate::model::Row| {
            held.rows.push(row.clone());
            Ok(())
        };
        report.each_row(table, books, &mut hold).await?;
    }
    let bytes = crate::frame::parquet(&whole)?;
    out.write_all(&bytes).map_err(failed("Parquet"))
}

/// What a renderer says when something fails.
fn failed<E: std::fmt::Display>(format: &'static str) -> impl Fn(E) -> ReportError {
    move |error| ReportError::Render {
        format,
        what: error.to_string(),
    }
}

/// `-1234.50` for machines: as the decimal is written, without making one.
fn plain(money: Money, text: &mut String) {
    decimal(money.amount(), money.currency().exponent(), text);
}

/// `-1,234.50` for people.
pub fn grouped(money: Money) -> String {
    grouped_text(&money.to_decimal().to_string())
}

/// The same of a number as it is written.
fn grouped_text(plain: &str) -> String {
    let (sign, digits) = match plain.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", plain),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut text = String::from(sign);
    text.push_str(&thousands(whole));
    if !fraction.is_empty() {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

/// `1,234,567`.
pub fn thousands(digits: &str) -> String {
    let length = digits.chars().count();
    digits
        .chars()
        .enumerate()
        .flat_map(|(index, digit)| {
            let mark = index > 0 && (length - index).is_multiple_of(3) && digit.is_ascii_digit();
            mark.then_some(',').into_iter().chain([digit])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::Currency;

    #[test]
    fn amounts_are_written_as_their_decimals_are() {
        for code in ["EUR", "JPY", "KWD"] {
            let currency = Currency::from_code(code).unwrap();
            for amount in [0, 1, -1, 99, -100, 1_000, 123_456_789, i64::MAX, i64::MIN] {
                let money = Money::minor(amount, currency);
                let mut text = String::new();
                plain(money, &mut text);
                assert_eq!(text, money.to_decimal().to_string(), "{amount} {code}");
            }
        }
    }

    #[test]
    fn amounts_are_grouped() {
        let table = [
            (123_456_789, "EUR", "1,234,567.89"),
            (-100_050, "EUR", "-1,000.50"),
            (999, "JPY", "999"),
        ];
        for (amount, code, text) in table {
            assert_eq!(
                grouped(Money::minor(amount, Currency::from_code(code).unwrap())),
                text
            );
        }
    }
}
