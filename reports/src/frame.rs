//! Frames by polars: grouping and summing, on integers only.
//!
//! polars sums 64-bit integers without telling of an overflow, so the sum of all absolute values is
//! checked first: where that fits, no partial sum can fail to.

use crate::ReportError;
use polars::prelude::{Column, DataFrame, SortMultipleOptions};

/// Rows of text keys and integer values, grouped by all keys, sorted by them, values summed.
///
/// # Errors
/// [`ReportError::Overflow`] or [`ReportError::Frame`].
pub fn sum_by(
    keys: &[Vec<String>],
    values: &[Vec<i64>],
) -> Result<Vec<(Vec<String>, Vec<i64>)>, ReportError> {
    for value in values {
        let size: i128 = value.iter().map(|v| i128::from(*v).abs()).sum();
        i64::try_from(size).map_err(|_beyond| ReportError::Overflow)?;
    }
    let rows = keys.first().map_or(0, Vec::len);
    if rows == 0 {
        return Ok(Vec::new());
    }
    let key_names: Vec<String> = (0..keys.len()).map(|n| format!("key{n}")).collect();
    let value_names: Vec<String> = (0..values.len()).map(|n| format!("value{n}")).collect();
    let mut columns: Vec<Column> = Vec::new();
    for (name, key) in key_names.iter().zip(keys) {
        columns.push(Column::new(name.as_str().into(), key));
    }
    for (name, value) in value_names.iter().zip(values) {
        columns.push(Column::new(name.as_str().into(), value));
    }
    let frame = DataFrame::new(rows, columns)?;
    let grouped = grouped(&frame, &key_names, &value_names)?;
    let sorted = grouped.sort(key_names.as_slice(), SortMultipleOptions::default())?;
    read(&sorted, &key_names, values.len())
}

#[expect(
    deprecated,
    reason = "the eager sum is what the small build has; the lazy one costs minutes of it"
)]
fn grouped(
    frame: &DataFrame,
    keys: &[String],
    values: &[String],
) -> Result<DataFrame, ReportError> {
    Ok(frame
        .group_by_stable(keys.iter().map(String::as_str))?
        .select(values.iter().map(String::as_str))
        .sum()?)
}

fn read(
    frame: &DataFrame,
    keys: &[String],
    values: usize,
) -> Result<Vec<(Vec<String>, Vec<i64>)>, ReportError> {
    let mut rows = vec![(Vec::new(), Vec::new()); frame.height()];
    for key in keys {
        let column = frame.column(key)?.str()?;
        for (row, value) in rows.iter_mut().zip(column.iter()) {
            row.0.push(value.unwrap_or_default().to_owned());
        }
    }
    for number in 0..values {
        let column = frame.column(&format!("value{number}_sum"))?.i64()?;
        for (row, value) in rows.iter_mut().zip(column.iter()) {
            row.1.push(value.unwrap_or_default());
        }
    }
    Ok(rows)
}

/// A report's only table as Parquet: words as text, counts and amounts as 64-bit integers, amounts in
/// minor units under a name that says so. Totals are left out, because readers sum for themselves.
///
/// # Errors
/// [`ReportError::Render`] for a report of several tables; [`ReportError::Frame`].
#[cfg(feature = "parquet")]
pub fn parquet(report: &crate::model::Report) -> Result<Vec<u8>, ReportError> {
    use crate::model::{Cell, ColumnKind, RowKind};
    let [table] = report.tables.as_slice() else {
        let what = format!(
            "it has {} tables and Parquet holds one; take JSON",
            report.tables.len()
        );
        return Err(ReportError::Render {
            format: "Parquet",
            what,
        });
    };
    let rows: Vec<_> = table
        .rows
        .iter()
        .filter(|row| row.kind != RowKind::Total)
        .collect();
    let mut columns: Vec<Column> = Vec::new();
    for (at, column) in table.columns.iter().enumerate() {
        let cells = rows.iter().map(|row| row.cells.get(at));
        columns.push(match column.kind {
            ColumnKind::Text => {
                let words: Vec<Option<String>> = cells
                    .map(|cell| match cell {
                        Some(cell) => cell.words().map(str::to_owned),
                        None => None,
                    })
                    .collect();
                Column::new(column.name.into(), words)
            }
            ColumnKind::Decimal => {
                let texts: Vec<Option<String>> = cells
                    .map(|cell| match cell {
                        Some(Cell::Decimal(units, places)) => {
                            let mut text = String::new();
                            crate::model::decimal(*units, *places, &mut text);
                            Some(text)
                        }
                        _ => None,
                    })
                    .collect();
                Column::new(column.name.into(), texts)
            }
            ColumnKind::Count | ColumnKind::Amount => {
                let numbers: Vec<Option<i64>> = cells
                    .map(|cell| match cell {
                        Some(Cell::Count(count)) => Some(*count),
                        Some(Cell::Amount(money)) => Some(money.amount()),
                        _ => None,
                    })
                    .collect();
                let minor = column.kind == ColumnKind::Amount;
                let name = if minor {
                    format!("{}_minor", column.name)
                } else {
                    column.name.to_owned()
                };
                Column::new(name.as_str().into(), numbers)
            }
        });
    }
    let mut frame = DataFrame::new(rows.len(), columns)?;
    let mut bytes = Vec::new();
    polars::prelude::ParquetWriter::new(&mut bytes).finish(&mut frame)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_a_plain_fold_and_sorted() {
        let mut rng = fastrand_like(7);
        let keys: Vec<String> = (0..1000).map(|_| format!("k{}", rng() % 7)).collect();
        let other: Vec<String> = (0..1000).map(|_| format!("o{}", rng() % 3)).collect();
        let values: Vec<i64> = (0..1000)
            .map(|_| i64::try_from(rng() % 2_000_000).unwrap() - 1_000_000)
            .collect();
        let mut naive = std::collections::BTreeMap::<(String, String), i64>::new();
        for ((key, other), value) in keys.iter().zip(&other).zip(&values) {
            *naive.entry((key.clone(), other.clone())).or_default() += value;
        }
        let expected: Vec<(Vec<String>, Vec<i64>)> = naive
            .into_iter()
            .map(|((a, b), sum)| (vec![a, b], vec![sum]))
            .collect();
        assert_eq!(sum_by(&[keys, other], &[values]).unwrap(), expected);
    }

    #[test]
    fn an_overflow_is_told() {
        let keys = vec!["a".to_owned(), "a".to_owned()];
        assert!(matches!(
            sum_by(&[keys], &[vec![i64::MAX, 1]]),
            Err(ReportError::Overflow)
        ));
        assert!(sum_by(&[vec![]], &[vec![]]).unwrap().is_empty());
    }

    #[cfg(feature = "parquet")]
    #[test]
    fn a_table_as_parquet_reads_back_with_its_amounts() {
        use crate::model::{Cell, Report, Row, Table};
        use ledger::{Currency, Money};
        use polars::prelude::{ParquetReader, SerReader};
        let eur = Currency::from_code("EUR").unwrap();
        let columns = vec![
            crate::model::Column::text("account", "Account"),
            crate::model::Column::amount("debit", "Debit"),
        ];
        let cells =
            |name: &str, amount| vec![Cell::text(name), Cell::Amount(Money::minor(amount, eur))];
        let rows = vec![
            Row::plain(cells("bank", 12_305)),
            Row::total(cells("total", 12_305)),
        ];
        let table = Table {
            name: "t",
            columns,
            rows,
            ..Table::default()
        };
        let report = Report {
            tables: vec![table],
            ..Report::default()
        };
        let bytes = parquet(&report).unwrap();
        let frame = ParquetReader::new(std::io::Cursor::new(bytes))
            .finish()
            .unwrap();
        assert_eq!(frame.height(), 1);
        assert_eq!(
            frame.column("debit_minor").unwrap().i64().unwrap().get(0),
            Some(12_305)
        );
    }

    fn fastrand_like(seed: u64) -> impl FnMut() -> u64 {
        let mut state = seed;
        move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        }
    }
}
