//! Renderers: any report in any format.

mod csv;
mod html;
mod json;
mod xlsx;

use crate::ReportError;
use crate::model::Report;
use ledger::Money;

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

    /// Renders a report.
    ///
    /// # Errors
    /// [`ReportError::Render`].
    pub fn render(self, report: &Report) -> Result<Vec<u8>, ReportError> {
        match self {
            Self::Html => html::render(report),
            Self::Csv => csv::render(report),
            Self::Json => json::render(report),
            Self::Xlsx => xlsx::render(report),
            #[cfg(feature = "parquet")]
            Self::Parquet => crate::frame::parquet(report),
        }
    }
}

/// `-1,234.50` for people.
pub fn grouped(money: Money) -> String {
    let plain = money.to_decimal().to_string();
    let (sign, digits) = match plain.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", plain.as_str()),
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
