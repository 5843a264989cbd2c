//! Records of a table whose shape is told from outside: its separator, its quotes, and how many lines
//! stand before it. One record is held at a time, with its place.
//!
//! A field in quotes may hold the separator, a line break, and a quote written twice; a quote inside
//! a field without quotes is a sign like others. Lines without any sign are no records.

use super::lines::{Lines, MAX_LINE};
use crate::error::ParseError;
use ledger::Place;
use std::io::BufRead;

/// The records of a decoded text.
#[derive(Debug)]
pub struct Records<'i> {
    lines: Lines<'i>,
    delimiter: char,
    quote: Option<char>,
}

/// A record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Its fields, without the blanks around them.
    pub fields: Vec<String>,
    /// Where it stands.
    pub place: Place,
}

impl Record {
    /// A field; empty where the record is shorter.
    pub fn text(&self, at: usize) -> &str {
        self.fields.get(at).map_or("", String::as_str)
    }

    /// How many fields there are up to the last that is not empty.
    pub fn width(&self) -> usize {
        let last = self.fields.iter().rposition(|field| !field.is_empty());
        last.map_or(0, |last| last + 1)
    }
}

/// A record while its lines come in.
#[derive(Debug, Default)]
struct Open {
    fields: Vec<String>,
    field: String,
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
    /// [`ParseError`] for quotes that do not close, and a record that is too long.
    pub fn next_record(&mut self) -> Result<Option<Record>, ParseError> {
        let mut open = Open::default();
        let mut begins: Option<Place> = None;
        let mut size = 0;
        while let Some((place, line)) = self.lines.next_line()? {
            if begins.is_none() && line.is_empty() {
                continue;
            }
            let begins = *begins.get_or_insert(place);
            size += line.len();
            if size > MAX_LINE {
                let what =
                    format!("a record of more than {MAX_LINE} bytes; a quote may not be closed");
                return Err(ParseError::new(begins.line, what));
            }
            open.take(line, self.delimiter, self.quote);
            if open.inside {
                open.field.push('\n');
                continue;
            }
            open.end();
            let length = (place.offset + place.length).saturating_sub(begins.offset);
            return Ok(Some(Record {
                fields: open.fields,
                place: Place { length, ..begins },
            }));
        }
        match begins {
            None => Ok(None),
            Some(begins) => {
                let what = "a quote is opened and not closed; the file may be cut off";
                Err(ParseError::new(begins.line, what))
            }
        }
    }
}

impl Open {
    fn take(&mut self, line: &str, delimiter: char, quote: Option<char>) {
        let mut signs = line.chars().peekable();
        while let Some(sign) = signs.next() {
            let is_quote = Some(sign) == quote;
            if self.inside {
                let doubled = is_quote && signs.next_if(|next| Some(*next) == quote).is_some();
                if is_quote && !doubled {
                    self.inside = false;
                } else {
                    self.field.push(sign);
                }
            } else if sign == delimiter {
                self.end();
            } else if is_quote && !self.quoted && self.field.trim().is_empty() {
                self.field.clear();
                (self.inside, self.quoted) = (true, true);
            } else {
                self.field.push(sign);
            }
        }
    }

    fn end(&mut self) {
        self.fields.push(self.field.trim().to_owned());
        self.field.clear();
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
            told.push((record.place.line, record.fields.join("|")));
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
        let long = format!("\"{}", "x\n".repeat(MAX_LINE));
        let error = told(&long, 0).unwrap_err();
        assert!(error.to_string().contains("1048576 bytes"), "{error}");
    }
}
