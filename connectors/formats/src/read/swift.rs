//! SWIFT's messages as text: fields with their tags, out of blocks or bare.
//!
//! A field begins with its tag between colons and runs on until the next one. Real files hold blank
//! lines, lines of the transport between messages, tags that a line break cuts, and lines of free
//! text that begin like a tag: within free text only a tag that a statement has begins a field, and
//! a time that was broken before its minutes (`T13` and `:12:11`) begins none.
//!
//! Amounts have a comma and no other sign; their decimals are those that are written. A day has two
//! digits for its year: from 80 on it is of the last century.

use super::lines::Lines;
use crate::error::ParseError;
use chrono::{Datelike, NaiveDate};
use ledger::Place;
use std::collections::VecDeque;
use std::io::BufRead;

/// The most bytes of a field.
const MAX_FIELD: usize = 100_000;

/// The tags of a statement that are numbers.
const TAGS: &[&str] = &[
    "13", "13D", "20", "21", "25", "25P", "28", "28C", "34F", "60F", "60M", "61", "62F", "62M",
    "64", "65", "86", "90C", "90D",
];

/// A field of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field {
    /// From its tag to the end of its last line.
    pub place: Place,
    /// `61`, `62F`, `NS`.
    pub tag: String,
    /// What stands in it, at least one line, with the blanks in which a line ends.
    pub lines: Vec<String>,
}

impl Field {
    /// Its first line without blanks around it.
    pub fn first(&self) -> &str {
        self.lines.first().map_or("", |line| line.trim())
    }

    /// A refusal of it.
    pub fn error(&self, what: impl std::fmt::Display) -> ParseError {
        ParseError::new(self.place.line, format!("`:{}:`: {what}", self.tag))
    }

    fn is_free_text(&self) -> bool {
        self.tag == "86" || self.tag.starts_with('N')
    }
}

/// What a text is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The blocks before a message's fields.
    Header {
        /// The line.
        line: u64,
        /// The type of the message, `940`; empty where the blocks do not say it.
        kind: String,
        /// The day on which it was put out.
        made_on: Option<NaiveDate>,
    },
    /// A field.
    Field(Field),
}

/// The pieces of a text.
#[derive(Debug)]
pub struct Pieces<'i> {
    lines: Lines<'i>,
    field: Option<Field>,
    bytes: usize,
    /// A colon that stands alone: the tag that it begins stands in the next line.
    colon: Option<Place>,
    /// Whether the closing balance has passed, after which nothing but another message comes.
    closed: bool,
    ready: VecDeque<Piece>,
}

impl<'i> Pieces<'i> {
    /// Starts where the input stands.
    pub fn new(input: &'i mut dyn BufRead) -> Self {
        Self {
            lines: Lines::new(input),
            field: None,
            bytes: 0,
            colon: None,
            closed: false,
            ready: VecDeque::new(),
        }
    }

    /// The next piece; none at the end.
    ///
    /// # Errors
    /// [`ParseError`] where the input cannot be read, and for a field that is too long.
    pub fn next_piece(&mut self) -> Result<Option<Piece>, ParseError> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Ok(Some(piece));
            }
            let Some((place, text)) = self.lines.next_line()? else {
                return Ok(self.field.take().map(Piece::Field));
            };
            let text = unmarked(text);
            if text.trim() == ":" {
                self.colon = Some(place);
                continue;
            }
            let (place, text) = match self.colon.take() {
                Some(begins) => (until(begins, place), format!(":{text}")),
                None => (place, text.to_owned()),
            };
            self.take(place, &text)?;
        }
    }

    fn take(&mut self, place: Place, text: &str) -> Result<(), ParseError> {
        if text.starts_with("{1:") || text.starts_with("{2:") || text.starts_with("{4:") {
            self.end();
            self.ready.push_back(header(place.line, text));
            let fields = text.split_once("{4:").map_or("", |(_, fields)| fields);
            return match fields.trim() {
                "" => Ok(()),
                _ => self.take(place, fields),
            };
        }
        // The second one ends messages of a bank whose `XXX` stood for its branch.
        if text.starts_with("-}") || ["-", "-XXX"].contains(&text.trim_end()) {
            self.end();
            return Ok(());
        }
        if let Some((tag, rest)) = tag_of(text).filter(|(tag, _)| self.begins(tag, text)) {
            self.end();
            self.closed = tag.starts_with("62") || (self.closed && tag != "20");
            self.bytes = rest.len();
            self.field = Some(Field {
                place,
                tag: tag.to_owned(),
                lines: vec![rest.to_owned()],
            });
            return Ok(());
        }
        let Some(field) = self.field.as_mut() else {
            return Ok(());
        };
        if !text.trim().is_empty() || field.is_free_text() {
            // With the break after it: lines without any sign have a size too.
            self.bytes += text.len() + 1;
            if self.bytes > MAX_FIELD {
                return Err(field.error(format!("it is longer than {MAX_FIELD} bytes")));
            }
            field.place = until(field.place, place);
            field.lines.push(text.to_owned());
        }
        Ok(())
    }

    fn end(&mut self) {
        self.ready.extend(self.field.take().map(Piece::Field));
    }

    /// Whether what looks like a tag begins a field here.
    fn begins(&self, tag: &str, text: &str) -> bool {
        let Some(field) = self.field.as_ref().filter(|field| field.is_free_text()) else {
            return true;
        };
        let before = field.lines.last().map_or("", |line| line.trim_end());
        let is_time = is_hour(before) && is_minutes(text) && !self.closed;
        !is_time && (TAGS.contains(&tag) || tag.starts_with("NS"))
    }
}

/// A line without the control characters that a transport puts around a file.
fn unmarked(text: &str) -> &str {
    text.trim_matches(|sign: char| sign.is_control() && sign != '\t')
}

fn until(begins: Place, last: Place) -> Place {
    let end = last.offset.saturating_add(last.length);
    Place {
        length: end.saturating_sub(begins.offset),
        ..begins
    }
}

/// The tag in which a line begins, and what follows it.
fn tag_of(text: &str) -> Option<(&str, &str)> {
    let (tag, rest) = text.strip_prefix(':')?.split_once(':')?;
    let numbers = tag.bytes().take_while(u8::is_ascii_digit).count();
    let letters = tag.bytes().skip(numbers);
    let is_tag = matches!(
        (numbers, tag.len() - numbers),
        (2, 0 | 1) | (3, 0) | (0, 2 | 3)
    ) && letters.into_iter().all(|sign| sign.is_ascii_uppercase());
    is_tag.then_some((tag, rest))
}

fn is_hour(text: &str) -> bool {
    let mut last = text.chars().rev();
    let (ones, tens) = (last.next(), last.next());
    let (Some(ones), Some(tens)) = (ones, tens) else {
        return false;
    };
    let within = match tens {
        '0' | '1' => ones.is_ascii_digit(),
        '2' => ('0'..='3').contains(&ones),
        _ => false,
    };
    within && !last.next().is_some_and(|sign| sign.is_ascii_digit())
}

fn is_minutes(text: &str) -> bool {
    let sixty = |two: &str| two.parse::<u8>().is_ok_and(|number| number < 60);
    let (minutes, seconds) = (text.get(1..3), text.get(4..6));
    let after = text.get(6..).and_then(|rest| rest.chars().next());
    minutes.is_some_and(sixty)
        && seconds.is_some_and(sixty)
        && !after.is_some_and(|sign| sign.is_ascii_digit())
}

/// The blocks 1 and 2: an output message says when it was put out, after its type, its time and 28
/// signs of the message that went in.
fn header(line: u64, text: &str) -> Piece {
    let block = text.split_once("{2:").map_or("", |(_, block)| block);
    let block = block.split('}').next().unwrap_or_default();
    let kind = block.get(1..4).unwrap_or_default();
    let is_output = block.starts_with('O');
    let made_on = block.get(36..42).filter(|_| is_output).and_then(day);
    Piece::Header {
        line,
        kind: kind.to_owned(),
        made_on: made_on.filter(|day| !day.is_odd).map(|day| day.day),
    }
}

/// A day as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// The day, or the last one of its month.
    pub day: NaiveDate,
    /// Whether the month has no such day: banks reckon interest to a 30 February.
    pub is_odd: bool,
}

/// Six digits as a day; none for what cannot be one.
pub fn day(text: &str) -> Option<Day> {
    if text.len() != 6 || !text.bytes().all(|sign| sign.is_ascii_digit()) {
        return None;
    }
    let year: i32 = text.get(..2)?.parse().ok()?;
    let century = if year < 80 { 2000 } else { 1900 };
    day_in(century + year, text.get(2..)?)
}

/// Month and day in the year that brings them closest to another day, in both directions.
pub fn day_near(text: &str, near: NaiveDate) -> Option<Day> {
    let years = [near.year(), near.year() - 1, near.year() + 1];
    let days = years.into_iter().filter_map(|year| day_in(year, text));
    days.min_by_key(|found| found.day.signed_duration_since(near).num_days().abs())
}

fn day_in(year: i32, text: &str) -> Option<Day> {
    let (month, number) = (text.get(..2)?.parse().ok()?, text.get(2..)?.parse().ok()?);
    if let Some(day) = NaiveDate::from_ymd_opt(year, month, number) {
        return Some(Day { day, is_odd: false });
    }
    if !(29..=31).contains(&number) {
        return None;
    }
    let last = (28..number).rev();
    let mut last = last.filter_map(|number| NaiveDate::from_ymd_opt(year, month, number));
    last.next().map(|day| Day { day, is_odd: true })
}

/// An amount as decimal text with a point; what it is refused for otherwise.
///
/// # Errors
/// What is wrong with it.
pub fn decimal(text: &str) -> Result<String, String> {
    let digits: String = text.chars().filter(|sign| *sign != ' ').collect();
    let (whole, part) = digits.split_once(',').unwrap_or((&digits, ""));
    let is_number = |text: &str| text.bytes().all(|sign| sign.is_ascii_digit());
    if whole.len() + part.len() == 0 || !is_number(whole) || !is_number(part) {
        return Err(format!(
            "`{text}` is no amount; digits and one comma for the decimals are"
        ));
    }
    let whole = if whole.is_empty() { "0" } else { whole };
    Ok(if part.is_empty() {
        whole.to_owned()
    } else {
        format!("{whole}.{part}")
    })
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        reason = "a test that cannot go on should say where"
    )]

    use super::*;

    fn fields(text: &str) -> Vec<(String, String)> {
        let mut input = text.as_bytes();
        let mut pieces = Pieces::new(&mut input);
        let mut found = Vec::new();
        while let Some(piece) = pieces.next_piece().unwrap() {
            match piece {
                Piece::Header { kind, .. } => found.push(("header".to_owned(), kind)),
                Piece::Field(field) => found.push((field.tag, field.lines.join("|"))),
            }
        }
        found
    }

    #[test]
    fn fields_begin_where_a_statement_has_them() {
        for (text, expected) in [
            (":20:A\n:25:B\n-\n:20:C", "20=A 25=B 20=C"),
            ("\u{1}:20:A\r\n-\u{3}", "20=A"),
            ("BANK\n940\nBANK\n:20:A\n-XXX\nBANK\n:20:B", "20=A 20=B"),
            (
                "{1:F01A}{2:O940A}{4:\n:20:A\n-}{5:}\n{1:F01A}{2:I942B}{4:\n:20:B\n-}",
                "header=940 20=A header=942 20=B",
            ),
            (":61:A\n\nB\n:86:C\n\nD", "61=A|B 86=C||D"),
            (":61:A\n:\n86:B", "61=A 86=B"),
            (
                ":86:at 2017-01-01T13\n:12:11 h\n:62F:A",
                "86=at 2017-01-01T13|:12:11 h 62F=A",
            ),
            (":86:at 13\n:20:11\n:62F:A", "86=at 13|:20:11 62F=A"),
            (":62F:A\n:86:all of 13\n:20:11", "62F=A 86=all of 13 20=11"),
            (
                ":86:A\n:08 Karten\n:72:B\n:NSF:C",
                "86=A|:08 Karten|:72:B NSF=C",
            ),
        ] {
            let found: Vec<String> = fields(text)
                .into_iter()
                .map(|(tag, text)| format!("{tag}={text}"))
                .collect();
            assert_eq!(found.join(" "), expected, "{text:?}");
        }
    }

    #[test]
    fn a_place_spans_all_lines_of_a_field() {
        let mut input = ":20:A\n:86:B\nCD\n-".as_bytes();
        let mut pieces = Pieces::new(&mut input);
        pieces.next_piece().unwrap();
        let Some(Piece::Field(field)) = pieces.next_piece().unwrap() else {
            unreachable!("a second field")
        };
        let place = (field.place.line, field.place.offset, field.place.length);
        assert_eq!(place, (2, 6, 8));
    }

    #[test]
    fn a_field_without_an_end_is_refused() {
        for endless in ["x".repeat(60), "\n".to_owned()] {
            let text = format!(":86:A\n{}", endless.repeat(MAX_FIELD + 1));
            let mut input = text.as_bytes();
            let refused = Pieces::new(&mut input).next_piece().unwrap_err();
            assert!(refused.what.contains(" bytes"), "{refused}");
        }
    }

    #[test]
    fn days_find_their_year() {
        let found = |text: &str| day(text).map(|day| (day.day.to_string(), day.is_odd));
        let near = |text: &str, to: &str| {
            let day = day_near(text, to.parse().unwrap()).unwrap();
            day.day.to_string()
        };
        let told = |text: &str, is_odd| Some((text.to_owned(), is_odd));
        assert_eq!(found("260131"), told("2026-01-31", false));
        assert_eq!(found("990131"), told("1999-01-31", false));
        assert_eq!(found("250230"), told("2025-02-28", true));
        assert_eq!(found("021131"), told("2002-11-30", true));
        assert_eq!(found("251301"), None);
        assert_eq!(found("250132"), None);
        assert_eq!(found("2501é"), None);
        assert_eq!(near("0102", "2025-12-31"), "2026-01-02");
        assert_eq!(near("1231", "2026-01-02"), "2025-12-31");
        assert_eq!(near("0301", "2026-02-28"), "2026-03-01");
        assert_eq!(near("0229", "2024-03-01"), "2024-02-29");
    }

    #[test]
    fn amounts_have_the_decimals_that_are_written() {
        for (text, expected) in [
            ("9,", Ok("9")),
            (",5", Ok("0.5")),
            ("000012,30", Ok("000012.30")),
            ("1 200,5", Ok("1200.5")),
            ("500", Ok("500")),
            (",", Err(())),
            ("", Err(())),
            ("1.200,50", Err(())),
            ("1,2,3", Err(())),
            ("-1,00", Err(())),
        ] {
            let found = decimal(text);
            assert_eq!(found.as_deref().map_err(|_told| ()), expected, "{text}");
        }
    }
}
