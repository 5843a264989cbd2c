//! Tables as text: columns by name, rows with their places, one held at a time.

use crate::error::ParseError;
use chrono::NaiveDate;
use csv::StringRecord;
use ledger::{Currency, Money, Place};
use rust_decimal::Decimal;
use std::io::BufRead;

/// A table whose first row names its columns.
pub struct Table<'i> {
    reader: csv::Reader<&'i mut dyn BufRead>,
    header: StringRecord,
    record: StringRecord,
    /// The reader counts a row from the end of the one before it, which in a file of CR and LF is the
    /// LF of the line before.
    after_lf: u64,
    place: Place,
}

impl std::fmt::Debug for Table<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table")
            .field("header", &self.header)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl<'i> Table<'i> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`ParseError`] where there is none.
    pub fn open(input: &'i mut dyn BufRead, delimiter: u8) -> Result<Self, ParseError> {
        let mut table = Self::started(input, delimiter, true)?;
        let header = table.reader.headers().map_err(|error| broken(&error))?;
        table.header = header.iter().map(str::trim).collect();
        Ok(table)
    }

    /// Starts in a file whose columns are named by a row further down, if at all.
    ///
    /// # Errors
    /// [`ParseError`] where the input cannot be read.
    pub fn unnamed(input: &'i mut dyn BufRead, delimiter: u8) -> Result<Self, ParseError> {
        Self::started(input, delimiter, false)
    }

    fn started(
        input: &'i mut dyn BufRead,
        delimiter: u8,
        has_headers: bool,
    ) -> Result<Self, ParseError> {
        let beginning = input.fill_buf().map_err(ParseError::unread)?;
        let lf = beginning.iter().position(|byte| *byte == b'\n');
        let cr = lf.and_then(|at| beginning.get(at.checked_sub(1)?));
        let after_lf = u64::from(cr == Some(&b'\r'));
        let reader = csv::ReaderBuilder::new()
            .flexible(true)
            .has_headers(has_headers)
            .delimiter(delimiter)
            .from_reader(input);
        Ok(Self {
            reader,
            header: StringRecord::new(),
            record: StringRecord::new(),
            after_lf,
            place: Place::default(),
        })
    }

    /// Takes the row that was read last for the names of the columns of those that follow. Some
    /// senders write two blanks within a name: all are one.
    pub fn name_columns(&mut self) {
        let words = |name: &str| name.split_whitespace().collect::<Vec<_>>().join(" ");
        self.header = self.record.iter().map(words).collect();
    }

    /// Further columns of the same name as one that is read, each beside the first of its name.
    pub fn twins(&self, read: &[usize]) -> Vec<(usize, usize)> {
        let name = |at: usize| self.header.get(at).unwrap_or_default();
        let same = |at: usize| {
            (at + 1..self.header.len())
                .filter(move |twin| name(*twin) == name(at))
                .map(move |twin| (at, twin))
        };
        read.iter().flat_map(|at| same(*at)).collect()
    }

    /// The names of the columns.
    pub fn header(&self) -> impl Iterator<Item = &str> {
        self.header.iter()
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

    /// Takes the row that was read last for the header of those that follow.
    pub fn rename_columns(&mut self) {
        self.header = self.record.iter().map(str::trim).collect();
    }

    /// The next row; none at the end.
    ///
    /// # Errors
    /// [`ParseError`] for what is no row.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, ParseError> {
        if !self
            .reader
            .read_record(&mut self.record)
            .map_err(|error| broken(&error))?
        {
            return Ok(None);
        }
        let begins = self.record.position();
        let (line, offset) = begins.map_or((0, 0), |at| (at.line(), at.byte()));
        let after_lf = if offset == 0 { 0 } else { self.after_lf };
        let (line, offset) = (line + after_lf, offset + after_lf);
        self.place = Place {
            line,
            offset,
            length: self.reader.position().byte().saturating_sub(offset),
        };
        Ok(Some(Row {
            header: &self.header,
            record: &self.record,
            place: self.place,
        }))
    }
}

/// A row of a table.
#[derive(Clone, Copy, Debug)]
pub struct Row<'t> {
    header: &'t StringRecord,
    record: &'t StringRecord,
    /// Where it stands.
    pub place: Place,
}

impl<'t> Row<'t> {
    /// A field without the blanks around it; empty where the row is shorter.
    pub fn text(&self, at: usize) -> &'t str {
        self.record.get(at).unwrap_or_default().trim()
    }

    /// The field of a column that need not be there.
    pub fn optional(&self, at: Option<usize>) -> &'t str {
        at.map(|at| self.text(at)).unwrap_or_default()
    }

    /// Whether all fields are empty.
    pub fn is_blank(&self) -> bool {
        self.record.iter().all(|field| field.trim().is_empty())
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
        let name = self.header.get(at).unwrap_or_default();
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
        let code = self.need(at)?.to_ascii_uppercase();
        Currency::from_code(&code).map_err(|error| self.error(at, &error.to_string()))
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

    /// A count of minor units; zero where the field is empty.
    ///
    /// # Errors
    /// [`ParseError`].
    pub fn minor(&self, at: usize, currency: Currency) -> Result<Money, ParseError> {
        let value = self.decimal(at)?.unwrap_or_default();
        let unit = Decimal::new(1, currency.exponent());
        if !value.fract().is_zero() {
            return Err(self.error(at, "is no whole number of minor units"));
        }
        Money::exact(value * unit, currency).map_err(|error| self.error(at, &error.to_string()))
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
        let day = text.get(..10).unwrap_or(text).parse().ok();
        day.map(Some)
            .ok_or_else(|| self.error(at, &format!("`{text}` is no day; expected 2026-01-31")))
    }
}

fn broken(error: &csv::Error) -> ParseError {
    let line = error.position().map_or(0, csv::Position::line);
    ParseError::new(line, error.to_string())
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
            let mut table = Table::open(&mut input, b',').unwrap();
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
        let mut table = Table::unnamed(&mut input, b',').unwrap();
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
}
