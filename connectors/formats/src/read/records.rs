//! Records of a table whose shape is told from outside: its separator, its quotes, and how many lines
//! stand before it. One record is held at a time, with its place.
//!
//! A field in quotes may hold the separator, a line break, and a quote written twice; a quote inside
//! a field without quotes is a sign like others. Lines without any sign are no records. A quote that
//! does not close is refused, and does not swallow what follows.

use super::lines::{Lines, MAX_LINE};
use crate::error::ParseError;
use ledger::Place;
use std::io::BufRead;
use std::ops::Range;

/// The records of a decoded text.
#[derive(Debug)]
pub struct Records<'i> {
    lines: Lines<'i>,
    delimiter: char,
    quote: Option<char>,
}

/// A record.
#[derive(Clone, Debug, Default)]
pub struct Record {
    text: String,
    /// Where its fields stand in the text, without the blanks around them.
    fields: Vec<Range<usize>>,
    /// Where it stands.
    pub place: Place,
}

impl Record {
    /// A field without the blanks around it; empty where the record is shorter.
    pub fn text(&self, at: usize) -> &str {
        let field = self.fields.get(at);
        let text = field.and_then(|field| self.text.get(field.clone()));
        text.unwrap_or_default()
    }

    /// All fields.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        (0..self.cells()).map(|at| self.text(at))
    }

    /// How many fields there are.
    pub fn cells(&self) -> usize {
        self.fields.len()
    }

    /// How many fields there are up to the last that is not empty.
    pub fn width(&self) -> usize {
        let last = self.fields.iter().rposition(|field| !field.is_empty());
        last.map_or(0, |last| last + 1)
    }

    /// Whether there are as many fields as columns have names, up to `named`.
    ///
    /// # Errors
    /// What is wrong: a row that was cut off, or one that is shifted.
    pub fn fits(&self, named: usize, delimiter: char) -> Result<(), String> {
        let (cells, width) = (self.cells(), self.width());
        if cells < named {
            return Err(format!(
                "the row has {cells} cells of {named}; the file may be cut off"
            ));
        }
        if width > named {
            return Err(format!(
                "the row has {width} cells, the header {named}; a `{delimiter}` may stand in a text \
                 without quotes"
            ));
        }
        Ok(())
    }
}

/// A field while its signs come in.
#[derive(Debug, Default)]
struct Open {
    begins: usize,
    inside: bool,
    quoted: bool,
}

impl<'i> Records<'i> {
    /// Starts where the input stands.
    pub fn new(input: &'i mut dyn BufRead, delimiter: char, quote: Option<char>) -> Self {
        Self {
            lines: Lines::new(input),
            delimiter,
            quote,
        }
    }

    /// Passes over lines, whatever they hold.
    ///
    /// # Errors
    /// [`ParseError`] where the input cannot be read.
    pub fn skip(&mut self, lines: u64) -> Result<(), ParseError> {
        for _ in 0..lines {
            if self.lines.next_line()?.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// The next record; none at the end.
    ///
    /// # Errors
    /// [`ParseError`] as for [`Records::read`].
    pub fn next_record(&mut self) -> Result<Option<Record>, ParseError> {
        let mut record = Record::default();
        Ok(self.read(&mut record)?.then_some(record))
    }

    /// Reads the next record into one that was used before; whether there is one.
    ///
    /// # Errors
    /// [`ParseError`] for quotes that do not close, and a record that is too long.
    pub fn read(&mut self, record: &mut Record) -> Result<bool, ParseError> {
        record.text.clear();
        record.fields.clear();
        let mut open = Open::default();
        let mut begins: Option<Place> = None;
        let mut size = 0;
        while let Some((place, line)) = self.lines.next_line()? {
            if begins.is_none() && line.is_empty() {
                continue;
            }
            let begins = *begins.get_or_insert(place);
            // With the break after it: lines without any sign have a size too.
            size += line.len() + 1;
            if size > MAX_LINE + 1 {
                let what =
                    format!("a record of more than {MAX_LINE} bytes; a quote may not be closed");
                return Err(ParseError::new(begins.line, what));
            }
            let is_plain = !open.inside && !self.quote.is_some_and(|quote| line.contains(quote));
            if is_plain {
                record.divide(line, self.delimiter);
            } else {
                open.take(record, line, self.delimiter, self.quote);
                if open.inside {
                    record.text.push('\n');
                    continue;
                }
                open.end(record);
            }
            let length = (place.offset + place.length).saturating_sub(begins.offset);
            record.place = Place { length, ..begins };
            return Ok(true);
        }
        match begins {
            None => Ok(false),
            Some(begins) => {
                let what = "a quote is opened and not closed; the file may be cut off";
                Err(ParseError::new(begins.line, what))
            }
        }
    }
}

impl Record {
    /// Takes a line that is a whole record without quotes.
    fn divide(&mut self, line: &str, delimiter: char) {
        self.text.push_str(line);
        let mut begins = 0;
        for field in line.split(delimiter) {
            self.fields.push(trimmed(field, begins));
            begins += field.len() + delimiter.len_utf8();
        }
    }
}

/// Where a field stands without the blanks around it.
fn trimmed(field: &str, begins: usize) -> Range<usize> {
    let text = field.trim_start();
    let from = begins + field.len() - text.len();
    from..from + text.trim_end().len()
}

impl Open {
    /// Takes a line from one sign that divides to the next.
    fn take(&mut self, record: &mut Record, line: &str, delimiter: char, quote: Option<char>) {
        let mut rest = line;
        loop {
            let (inside, divides) = (self.inside, |sign: char| Some(sign) == quote);
            let found = rest.find(|sign| divides(sign) || (!inside && sign == delimiter));
            let (text, after) = rest.split_at(found.unwrap_or(rest.len()));
            record.text.push_str(text);
            let mut signs = after.chars();
            let Some(sign) = signs.next() else { return };
            rest = signs.as_str();
            if self.inside {
                match rest.strip_prefix(sign) {
                    // A quote that is written twice is one sign.
                    Some(after) => {
                        record.text.push(sign);
                        rest = after;
                    }
                    None => self.inside = false,
                }
            } else if sign == delimiter {
                self.end(record);
            } else if !self.quoted && self.is_blank(record) {
                record.text.truncate(self.begins);
                (self.inside, self.quoted) = (true, true);
            } else {
                record.text.push(sign);
            }
        }
    }

    /// Whether nothing but blanks stands in the field so far.
    fn is_blank(&self, record: &Record) -> bool {
        let field = record.text.get(self.begins..).unwrap_or_default();
        field.trim_start().is_empty()
    }

    fn end(&mut self, record: &mut Record) {
        let field = record.text.get(self.begins..).unwrap_or_default();
        let range = trimmed(field, self.begins);
        record.fields.push(range);
        self.begins = record.text.len();
        self.quoted = false;
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        reason = "a test that cannot go on should say where"
    )]

    use super::*;

    fn told(text: &str, skip: u64) -> Result<Vec<(u64, String)>, ParseError> {
        let mut input = text.as_bytes();
        let mut records = Records::new(&mut input, ';', Some('"'));
        records.skip(skip)?;
        let mut told = Vec::new();
        while let Some(record) = records.next_record()? {
            let from = usize::try_from(record.place.offset).unwrap();
            let end = from + usize::try_from(record.place.length).unwrap();
            assert!(text.get(from..end).is_some(), "{record:?}");
            told.push((
                record.place.line,
                record.fields().collect::<Vec<_>>().join("|"),
            ));
        }
        Ok(told)
    }

    #[test]
    fn fields_end_where_they_should() {
        for (text, skip, wanted) in [
            ("a;b\n1; 2 \n", 0, vec![(1, "a|b"), (2, "1|2")]),
            ("x\"\r\n\r\na;b\r\n", 1, vec![(3, "a|b")]),
            (
                "a; \"b;\"\"c\"\"\r\nd\" ;e\r\n\r\n;\r\n",
                0,
                vec![(1, "a|b;\"c\"\nd|e"), (4, "|")],
            ),
            ("a;3\" tube;\"\"\rb", 0, vec![(1, "a|3\" tube|"), (2, "b")]),
            (" a \t; é ;;\n", 0, vec![(1, "a|é||")]),
            ("a", 9, vec![]),
        ] {
            let found = told(text, skip).unwrap();
            let found: Vec<(u64, &str)> = found.iter().map(|(n, r)| (*n, r.as_str())).collect();
            assert_eq!(found, wanted, "{text:?}");
        }
    }

    #[test]
    fn a_quote_that_does_not_close_is_refused() {
        let error = told("a;b\n\"1;2\n3;4\n", 0).unwrap_err();
        assert!(error.to_string().starts_with("line 2: a quote"), "{error}");
        for endless in ["x\n", "\n"] {
            let long = format!("\"{}", endless.repeat(MAX_LINE + 1));
            let error = told(&long, 0).unwrap_err();
            assert!(error.to_string().contains("1048576 bytes"), "{error}");
        }
    }
}
