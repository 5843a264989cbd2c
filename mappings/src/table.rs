//! Look-up tables: CSV files that finance edits in a spreadsheet.
//!
//! Key columns come first, then one result column, named for what it gives ([`RESULTS`]), then `from` and
//! `to` (days, both included, empty for always). `*` in a key matches anything. The most specific
//! row wins: the one with the fewest `*`, the leftmost key deciding between equals. Two rows that
//! could both win are an error of the table, not a matter of order.

use crate::diagnostic::{Diagnostics, SourceFile};
use chrono::NaiveDate;

/// The names that a result column may have.
const RESULTS: [&str; 7] = [
    "account", "value", "rate", "number", "text", "entity", "currency",
];

/// A table, ready for look-ups.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// The names of its key columns.
    pub keys: Vec<String>,
    /// The name of its result column.
    pub result: String,
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
struct Row {
    line: u64,
    keys: Vec<Option<String>>,
    result: String,
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
}

impl Row {
    fn applies(&self, keys: &[String], on: NaiveDate) -> bool {
        let in_force = self.from.is_none_or(|from| from <= on) && self.to.is_none_or(|to| on <= to);
        in_force
            && self
                .keys
                .iter()
                .zip(keys)
                .all(|(own, given)| own.as_ref().is_none_or(|own| own == given))
    }

    /// Greater is more specific: the count of given keys, then which ones from the left.
    fn weight(&self) -> (usize, Vec<bool>) {
        let given: Vec<bool> = self.keys.iter().map(Option::is_some).collect();
        (given.iter().filter(|given| **given).count(), given)
    }

    fn overlaps(&self, other: &Self) -> bool {
        let starts_before = |a: &Self, b: &Self| match (a.from, b.to) {
            (Some(from), Some(to)) => from <= to,
            _ => true,
        };
        self.keys == other.keys && starts_before(self, other) && starts_before(other, self)
    }
}

impl Table {
    /// Reads a table that stands by itself.
    ///
    /// # Errors
    /// [`Diagnostics`]: everything that is wrong with it.
    pub fn read(path: &str, text: &str) -> Result<Self, Diagnostics> {
        let mut found = Diagnostics::default();
        let read = Self::parse(&SourceFile { path, text }, path, &mut found);
        match read.filter(|_| found.0.is_empty()) {
            Some(table) => Ok(table),
            None => Err(found),
        }
    }

    /// Reads a table, adding what is wrong with it to the diagnostics.
    pub(crate) fn parse(
        file: &SourceFile<'_>,
        name: &str,
        found: &mut Diagnostics,
    ) -> Option<Self> {
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(file.text.as_bytes());
        let header: Vec<String> = match reader.headers() {
            Ok(header) => header.iter().map(str::to_owned).collect(),
            Err(error) => {
                found.about(file.path, format!("no CSV: {error}"));
                return None;
            }
        };
        let result_at = header
            .iter()
            .rposition(|column| RESULTS.contains(&column.as_str()));
        let Some(result_at) = result_at.filter(|at| *at > 0) else {
            let message = format!(
                "the header needs key columns and then one of {}",
                RESULTS.join(", ")
            );
            found.at(file, (1, 1), message);
            return None;
        };
        let columns = Columns {
            result: result_at,
            from: header.iter().position(|column| column == "from"),
            to: header.iter().position(|column| column == "to"),
        };
        let rows = columns.rows(&mut reader, file, found);
        let table = Self {
            name: name.to_owned(),
            keys: header.get(..result_at).unwrap_or_default().to_vec(),
            result: header.get(result_at).cloned().unwrap_or_default(),
            rows,
        };
        table.refuse_equal_rows(file, found);
        Some(table)
    }

    fn refuse_equal_rows(&self, file: &SourceFile<'_>, found: &mut Diagnostics) {
        for (index, row) in self.rows.iter().enumerate() {
            let earlier = self
                .rows
                .iter()
                .take(index)
                .find(|earlier| earlier.overlaps(row));
            if let Some(earlier) = earlier {
                let message = format!(
                    "this row and line {} have the same keys at the same time; end one with `to` or give one another key",
                    earlier.line
                );
                found.at(file, (row.line, 0), message);
            }
        }
    }

    /// Whether what it says depends on the day.
    pub(crate) fn is_dated(&self) -> bool {
        self.rows
            .iter()
            .any(|row| row.from.is_some() || row.to.is_some())
    }

    /// All results with the line that names each, for the compiler to check.
    pub(crate) fn results(&self) -> impl Iterator<Item = (u64, &str)> {
        self.rows.iter().map(|row| (row.line, row.result.as_str()))
    }

    /// The same for a table in which no row has days.
    pub fn look_up_any_day(&self, keys: &[String]) -> Option<&str> {
        self.look_up(keys, NaiveDate::MIN)
    }

    /// The result of the most specific row in force, if any row applies.
    pub fn look_up(&self, keys: &[String], on: NaiveDate) -> Option<&str> {
        self.rows
            .iter()
            .filter(|row| row.applies(keys, on))
            .max_by_key(|row| row.weight())
            .map(|row| row.result.as_str())
    }
}

struct Columns {
    result: usize,
    from: Option<usize>,
    to: Option<usize>,
}

impl Columns {
    fn rows(
        &self,
        reader: &mut csv::Reader<&[u8]>,
        file: &SourceFile<'_>,
        found: &mut Diagnostics,
    ) -> Vec<Row> {
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = match record {
                Ok(record) => record,
                Err(error) => {
                    let line = error.position().map_or(0, csv::Position::line);
                    found.at(file, (line, 0), format!("no CSV row: {error}"));
                    continue;
                }
            };
            let line = record.position().map_or(0, csv::Position::line);
            let mut day = |column: Option<usize>| {
                let text = column.and_then(|at| record.get(at)).unwrap_or_default();
                if text.is_empty() {
                    return None;
                }
                let day = text.parse::<NaiveDate>().ok();
                if day.is_none() {
                    found.at(
                        file,
                        (line, 0),
                        format!("`{text}` is no day; write 2026-01-31"),
                    );
                }
                day
            };
            let (from, to) = (day(self.from), day(self.to));
            let keys = record
                .iter()
                .take(self.result)
                .map(|key| (key != "*").then(|| key.to_owned()))
                .collect();
            let result = record.get(self.result).unwrap_or_default().to_owned();
            rows.push(Row {
                line,
                keys,
                result,
                from,
                to,
            });
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (Option<Table>, Diagnostics) {
        let mut found = Diagnostics::default();
        let file = SourceFile {
            path: "tables/t.csv",
            text,
        };
        let table = Table::parse(&file, "t", &mut found);
        (table, found)
    }

    #[test]
    fn the_most_specific_row_in_force_wins() {
        let (table, found) = parse(
            "product,region,account,from,to\n\
             *,*,revenue-other,,\n\
             access,*,revenue-access,,2025-12-31\n\
             access,*,revenue-access-new,2026-01-01,\n\
             *,emea,revenue-emea,,\n\
             access,emea,revenue-access-emea,,\n",
        );
        assert_eq!(found, Diagnostics::default());
        let table = table.unwrap();
        let cases = [
            ("access", "amer", "2025-12-31", "revenue-access"),
            ("access", "amer", "2026-01-01", "revenue-access-new"),
            ("access", "emea", "2026-01-01", "revenue-access-emea"),
            ("router", "emea", "2026-01-01", "revenue-emea"),
            ("router", "amer", "2026-01-01", "revenue-other"),
        ];
        for (product, region, day, account) in cases {
            let keys = [product.to_owned(), region.to_owned()];
            assert_eq!(
                table.look_up(&keys, day.parse().unwrap()),
                Some(account),
                "{product} {region}"
            );
        }
    }

    #[test]
    fn two_rows_that_could_both_win_are_refused() {
        let (_, found) = parse("product,account,from,to\na,x,,2026-06-30\na,y,2026-06-30,\n");
        assert_eq!(found.0.len(), 1);
        assert_eq!(found.0[0].line, 3);
        assert!(
            found.0[0].message.contains("line 2"),
            "{}",
            found.0[0].message
        );
    }
}
