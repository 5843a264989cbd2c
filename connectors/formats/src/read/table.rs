//! Tables of processors as text: columns by name, rows with their places, one held at a time.
//!
//! How fields stand in a line is for [`super::records`]: a quote that does not close is refused, and so
//! is a row that has fewer or more cells than there are names, which was cut off or is shifted.

use super::amounts;
use super::days;
use super::plain::squeezed;
use super::records::{Record, Records};
use crate::error::ParseError;
use chrono::NaiveDate;
use ledger::{Currency, Money, Place};
use rust_decimal::Decimal;
use std::io::BufRead;

/// A table whose first row names its columns.
#[derive(Debug)]
pub struct Table<'i> {
    records: Records<'i>,
    delimiter: char,
    header: Vec<String>,
    record: Record,
}

impl<'i> Table<'i> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`ParseError`] where the input cannot be read.
    pub fn open(input: &'i mut dyn BufRead, delimiter: char) -> Result<Self, ParseError> {
        let mut table = Self::unnamed(input, delimiter);
        table.records.read(&mut table.record)?;
        table.name_columns();
        Ok(table)
    }

    /// Starts in a file whose columns are named by a row further down, if at all.
    pub fn unnamed(input: &'i mut dyn BufRead, delimiter: char) -> Self {
        Self {
            records: Records::new(input, delimiter, Some('"')),
            delimiter,
            header: Vec::new(),
            record: Record::default(),
        }
    }

    /// Takes the row that was read last for the names of the columns of those that follow. Some
    /// senders write two blanks within a name: all are one.
    pub fn name_columns(&mut self) {
        self.header = self.record.fields().map(squeezed).collect();
    }

    /// Further columns of the same name as one that is read, each beside the first of its name.
    pub fn twins(&self, read: &[usize]) -> Vec<(usize, usize)> {
        let name = |at: usize| self.header.get(at).map_or("", String::as_str);
        let same = |at: usize| {
            (at + 1..self.header.len())
                .filter(move |twin| name(*twin) == name(at))
                .map(move |twin| (at, twin))
        };
        read.iter().flat_map(|at| same(*at)).collect()
    }

    /// Where the first column of one of these names stands.
    pub fn column(&self, names: &[&str]) -> Option<usize> {
        let stands = |name: &&str| self.header.iter().position(|column| column == *name);
        names.iter().find_map(stands)
    }

    /// The same for a column without which nothing can be read.
    ///
    /// # Errors
    /// [`ParseError`] with the first of the names.
    pub fn need(&self, names: &[&str]) -> Result<usize, ParseError> {
        self.column(names).ok_or_else(|| {
            let name = names.first().copied().unwrap_or_default();
            ParseError::new(1, format!("the column `{name}` is missing"))
        })
    }

    /// The next row; none at the end.
    ///
    /// # Errors
    /// [`ParseError`] for what is no row.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, ParseError> {
        Ok(self.records.read(&mut self.record)?.then(|| self.row()))
    }

    /// The next row that is not blank, with a cell for each name; none at the end.
    ///
    /// # Errors
    /// [`ParseError`] for what is no row, and as for [`Row::whole`].
    pub fn next_whole(&mut self) -> Result<Option<Row<'_>>, ParseError> {
        while self.records.read(&mut self.record)? {
            if self.record.width() > 0 {
                let row = self.row();
                row.whole()?;
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    fn row(&self) -> Row<'_> {
        Row {
            header: &self.header,
            record: &self.record,
            delimiter: self.delimiter,
            place: self.record.place,
        }
    }
}

/// A row of a table.
#[derive(Clone, Copy, Debug)]
pub struct Row<'t> {
    header: &'t [String],
    record: &'t Record,
    delimiter: char,
    /// Where it stands.
    pub place: Place,
}

impl<'t> Row<'t> {
    /// A field without the blanks around it; empty where the row is shorter.
    pub fn text(&self, at: usize) -> &'t str {
        self.record.text(at)
    }

    /// The field of a column that need not be there.
    pub fn optional(&self, at: Option<usize>) -> &'t str {
        at.map(|at| self.text(at)).unwrap_or_default()
    }

    /// Whether all fields are empty.
    pub fn is_blank(&self) -> bool {
        self.record.width() == 0
    }

    /// Refuses a row that was cut off, or is shifted against the names of its columns.
    ///
    /// # Errors
    /// [`ParseError`].
    pub fn whole(&self) -> Result<(), ParseError> {
        let last = self.header.iter().rposition(|name| !name.is_empty());
        let fits = self
            .record
            .fits(last.map_or(0, |last| last + 1), self.delimiter);
        fits.map_err(|what| ParseError::new(self.place.line, what))
    }

    /// A field that may not be empty.
    ///
    /// # Errors
    /// [`ParseError`] where it is.
    pub fn need(&self, at: usize) -> Result<&'t str, ParseError> {
        let text = self.text(at);
        if text.is_empty() {
            return Err(self.error(at, "is empty"));
        }
        Ok(text)
    }

    /// An error at a field.
    pub fn error(&self, at: usize, what: &str) -> ParseError {
        let name = self.header.get(at).map_or("", String::as_str);
        ParseError::new(self.place.line, format!("{name}: {what}"))
    }

    /// Refuses a row in which two columns of one name say different things.
    ///
    /// # Errors
    /// [`ParseError`].
    pub fn agree(&self, twins: &[(usize, usize)]) -> Result<(), ParseError> {
        let Some((at, twin)) = twins
            .iter()
            .find(|(at, twin)| self.text(*at) != self.text(*twin))
        else {
            return Ok(());
        };
        let (one, other) = (self.text(*at), self.text(*twin));
        let what = format!(
            "two columns of this name say `{one}` and `{other}`; take one of them out of the report"
        );
        Err(self.error(*at, &what))
    }

    /// A currency by its code, in whichever case.
    ///
    /// # Errors
    /// [`ParseError`].
    pub fn currency(&self, at: usize) -> Result<Currency, ParseError> {
        amounts::currency(self.need(at)?).map_err(|error| self.error(at, &error.to_string()))
    }

    /// A decimal with a point; none where the field is empty.
    ///
    /// # Errors
    /// [`ParseError`].
    pub fn decimal(&self, at: usize) -> Result<Option<Decimal>, ParseError> {
        let text = self.text(at);
        if text.is_empty() {
            return Ok(None);
        }
        ledger::money::parse_decimal(text)
            .map(Some)
            .map_err(|error| self.error(at, &error.to_string()))
    }

    /// An amount in a currency's unit, exact; zero where the field is empty.
    ///
    /// # Errors
    /// [`ParseError`].
    pub fn money(&self, at: usize, currency: Currency) -> Result<Money, ParseError> {
        let value = self.decimal(at)?.unwrap_or_default();
        Money::exact(value, currency).map_err(|error| self.error(at, &error.to_string()))
    }

    /// The day with which a field begins, `2026-01-31`; none where the field is empty.
    ///
    /// # Errors
    /// [`ParseError`].
    pub fn day(&self, at: usize) -> Result<Option<NaiveDate>, ParseError> {
        let text = self.text(at);
        if text.is_empty() {
            return Ok(None);
        }
        let day = days::needed(text);
        day.map(Some).map_err(|what| self.error(at, &what))
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        reason = "a test that cannot go on should say where"
    )]

    use super::*;

    #[test]
    fn rows_know_their_places_whatever_ends_them() {
        for (text, lines) in [
            ("a,b\n1,2\n3,4\n", [2, 3]),
            ("a,b\r\n1,2\r\n3,4\r\n", [2, 3]),
            ("a,b\r\n\"1\r\n1\",2\r\n3,4", [2, 4]),
        ] {
            let mut input = text.as_bytes();
            let mut table = Table::open(&mut input, ',').unwrap();
            let mut found = Vec::new();
            while let Some(row) = table.next_row().unwrap() {
                let from = usize::try_from(row.place.offset).unwrap();
                let end = from + usize::try_from(row.place.length).unwrap();
                let first = row.text(0).chars().next().unwrap();
                let slice = text[from..end].trim_start_matches('"');
                assert!(slice.starts_with(first), "{text:?}: {slice:?}");
                found.push(row.place.line);
            }
            assert_eq!(found, lines, "{text:?}");
        }
    }

    #[test]
    fn a_row_further_down_names_the_columns() {
        let mut input = "h,1\r\nc,  an  amount,b,an amount\r\nr,1,2,1\r\nr,1,2,3\r\n".as_bytes();
        let mut table = Table::unnamed(&mut input, ',');
        assert_eq!(table.next_row().unwrap().unwrap().place.line, 1);
        assert_eq!(table.next_row().unwrap().unwrap().place.line, 2);
        table.name_columns();
        let at = table.need(&["an amount"]).unwrap();
        let twins = table.twins(&[0, at]);
        assert_eq!(twins, [(1, 3)]);
        let row = table.next_row().unwrap().unwrap();
        assert_eq!((row.place.line, row.text(at)), (3, "1"));
        row.agree(&twins).unwrap();
        let row = table.next_row().unwrap().unwrap();
        let refused = row.agree(&twins).unwrap_err().to_string();
        assert!(
            refused.starts_with("line 4: an amount: two columns"),
            "{refused}"
        );
    }

    #[test]
    fn rows_that_are_cut_shifted_or_swallowed_are_refused() {
        for (text, wanted) in [
            ("a,b,\n\n,,\n1,2\n1\n", "line 5: the row has 1 cells of 2"),
            (
                "a,b\n1,2,\n1,2,3\n",
                "line 3: the row has 3 cells, the header 2",
            ),
            (
                "a,b\n1,\"2\n3,4\n5,6\n",
                "line 2: a quote is opened and not",
            ),
        ] {
            let mut input = text.as_bytes();
            let mut table = Table::open(&mut input, ',').unwrap();
            let refused = loop {
                match table.next_whole() {
                    Ok(row) => assert!(row.is_some(), "{text}"),
                    Err(error) => break error.to_string(),
                }
            };
            assert!(refused.starts_with(wanted), "{refused}");
        }
    }
}
