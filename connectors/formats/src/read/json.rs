//! JSON as records: one object is held at a time, however large the document is.
//!
//! A record is an object at the root (of a document, of a list, or of a line where every line is a
//! document), or one that stands under a key that the format names, alone or in a list. What was
//! taken out of an object is not part of it any more, and comes before it. Where an answer wraps what
//! it holds under names that are the asker's own, a format names the key to walk through: all objects
//! below it are records of its name, whatever their keys, up to those that have a name themselves.
//! Depth and size of what is held are bounded, numbers keep their digits, and a field that is named
//! twice is refused.

use super::days;
use crate::error::ParseError;
use chrono::NaiveDate;
use ledger::Place;
use serde::de::DeserializeOwned;
use std::io::BufRead;

/// Records are nested no deeper than this.
const MAX_DEPTH: usize = 32;

/// The most bytes of a record, without what was taken out of it: a megabyte.
const MAX_RECORD: usize = 1 << 20;

/// The records of a JSON text.
pub struct Records<'i> {
    input: &'i mut dyn BufRead,
    takes: &'static [&'static str],
    through: Option<&'static str>,
    line: u64,
    offset: u64,
    levels: Vec<Level>,
    objects: u64,
}

impl std::fmt::Debug for Records<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records")
            .field("line", &self.line)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

/// What is open.
#[derive(Debug)]
enum Level {
    /// A list whose objects are records.
    List { name: &'static str, is_empty: bool },
    /// A record.
    Object(Open),
}

/// A record whose end was not met yet.
#[derive(Debug, Default)]
struct Open {
    name: &'static str,
    number: u64,
    parent: u64,
    place: Place,
    is_empty: bool,
    /// Its members but those that are records themselves.
    held: Vec<u8>,
}

/// An object.
#[derive(Debug)]
pub struct Record {
    /// The key under which it stands; empty at the root.
    pub name: &'static str,
    /// Its number in the text, from 1.
    pub number: u64,
    /// The number of the record that it stands in; 0 at the root.
    pub parent: u64,
    /// Where it stands.
    pub place: Place,
    held: Vec<u8>,
}

impl Record {
    /// Its members.
    ///
    /// # Errors
    /// [`ParseError`] where they are not what is wanted.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ParseError> {
        serde_json::from_slice(&self.held).map_err(|error| {
            let told = error.to_string();
            // The place within what is held is nobody's.
            let what = told.split(" at line ").next().unwrap_or_default();
            self.error(what)
        })
    }

    /// An error in it.
    pub fn error(&self, what: &str) -> ParseError {
        let name = if self.name.is_empty() {
            "object"
        } else {
            self.name
        };
        ParseError::new(self.place.line, format!("{name}: {what}"))
    }

    /// The day with which a time begins, `2026-01-31T10:00:00Z`.
    ///
    /// # Errors
    /// [`ParseError`].
    pub fn day(&self, field: &str, time: &str) -> Result<NaiveDate, ParseError> {
        days::needed(time).map_err(|what| self.error(&format!("{field}: {what}")))
    }
}

impl<'i> Records<'i> {
    /// Starts where the input stands; objects under the keys `takes` are records of their own.
    pub fn new(input: &'i mut dyn BufRead, takes: &'static [&'static str]) -> Self {
        Self {
            input,
            takes,
            through: None,
            line: 1,
            offset: 0,
            levels: Vec::new(),
            objects: 0,
        }
    }

    /// The same, where everything below one of the keys is walked through.
    pub fn through(
        input: &'i mut dyn BufRead,
        takes: &'static [&'static str],
        key: &'static str,
    ) -> Self {
        Self {
            through: Some(key),
            ..Self::new(input, takes)
        }
    }

    /// The next record; none at the end.
    ///
    /// # Errors
    /// [`ParseError`] for what is no JSON, and for what is too deep or too large.
    pub fn next_record(&mut self) -> Result<Option<Record>, ParseError> {
        loop {
            let sign = self.sign()?;
            match self.levels.last_mut() {
                None => match sign {
                    None => return Ok(None),
                    Some(sign) => self.open(sign, "")?,
                },
                Some(Level::List { name, is_empty }) => {
                    let name = *name;
                    match (sign, std::mem::take(is_empty)) {
                        (Some(b']'), _) => {
                            self.skip()?;
                            self.levels.pop();
                        }
                        (Some(b','), false) => {
                            self.skip()?;
                            let sign = self.some_sign()?;
                            self.element(sign, name)?;
                        }
                        (Some(sign), true) => self.element(sign, name)?,
                        (Some(_), false) => return Err(self.error("`,` or `]` is expected")),
                        (None, _) => {
                            return Err(
                                self.error("the file ends inside a list; it may be cut off")
                            );
                        }
                    }
                }
                Some(Level::Object(open)) => match (sign, std::mem::take(&mut open.is_empty)) {
                    (Some(b'}'), _) => {
                        self.skip()?;
                        if let Some(Level::Object(open)) = self.levels.pop() {
                            return Ok(Some(self.closed(open)));
                        }
                    }
                    (Some(b','), false) => {
                        self.skip()?;
                        self.member()?;
                    }
                    (Some(_), true) => self.member()?,
                    (Some(_), false) => return Err(self.error("`,` or `}` is expected")),
                    (None, _) => {
                        return Err(self.error("the file ends inside an object; it may be cut off"));
                    }
                },
            }
        }
    }

    fn closed(&self, mut open: Open) -> Record {
        open.held.push(b'}');
        open.place.length = self.offset.saturating_sub(open.place.offset);
        Record {
            name: open.name,
            number: open.number,
            parent: open.parent,
            place: open.place,
            held: open.held,
        }
    }

    /// A value of a list.
    fn element(&mut self, sign: u8, name: &'static str) -> Result<(), ParseError> {
        if [b'{', b'['].contains(&sign) {
            return self.open(sign, name);
        }
        // An empty place in a list: some senders write `null`.
        let mut word = Vec::new();
        self.value(&mut word)?;
        if word == b"null" || self.through == Some(name) {
            return Ok(());
        }
        Err(self.error("an object is expected in this list"))
    }

    /// Opens the record or the list that begins here.
    fn open(&mut self, sign: u8, name: &'static str) -> Result<(), ParseError> {
        if self.levels.len() >= MAX_DEPTH {
            return Err(self.error("objects are nested too deeply"));
        }
        let level = match sign {
            b'[' => Level::List {
                name,
                is_empty: true,
            },
            b'{' => {
                let parent = self.levels.iter().rev().find_map(|level| match level {
                    Level::Object(open) => Some(open.number),
                    Level::List { .. } => None,
                });
                self.objects += 1;
                Level::Object(Open {
                    name,
                    number: self.objects,
                    parent: parent.unwrap_or(0),
                    place: Place {
                        line: self.line,
                        offset: self.offset,
                        length: 0,
                    },
                    is_empty: true,
                    held: vec![b'{'],
                })
            }
            _ => return Err(self.error("this is no JSON: an object or a list is expected")),
        };
        self.levels.push(level);
        self.skip()
    }

    /// A key and what stands under it.
    fn member(&mut self) -> Result<(), ParseError> {
        if self.some_sign()? != b'"' {
            return Err(self.error("a key is expected"));
        }
        let mut key = Vec::new();
        self.value(&mut key)?;
        if self.some_sign()? != b':' {
            return Err(self.error("`:` is expected"));
        }
        self.skip()?;
        let sign = self.some_sign()?;
        let text = key
            .strip_prefix(b"\"")
            .and_then(|key| key.strip_suffix(b"\""));
        let Some(Level::Object(open)) = self.levels.last_mut() else {
            return Err(self.error("a key outside of an object"));
        };
        let mut names = self.takes.iter().copied();
        let taken = names.find(|name| Some(name.as_bytes()) == text);
        let taken = taken.or(self.through.filter(|through| *through == open.name));
        if let Some(name) = taken.filter(|_| [b'{', b'['].contains(&sign)) {
            return self.open(sign, name);
        }
        let mut held = std::mem::take(&mut open.held);
        if held.len() > 1 {
            held.push(b',');
        }
        held.append(&mut key);
        held.push(b':');
        self.value(&mut held)?;
        if let Some(Level::Object(open)) = self.levels.last_mut() {
            open.held = held;
        }
        Ok(())
    }

    /// Copies the value that begins here, whatever is in it.
    fn value(&mut self, held: &mut Vec<u8>) -> Result<(), ParseError> {
        let mut scan = Scan::default();
        while scan.at != At::End {
            let buffer = self.input.fill_buf().map_err(ParseError::unread)?;
            if buffer.is_empty() {
                return Err(self.error("the file ends inside a value; it may be cut off"));
            }
            let used = buffer
                .iter()
                .position(|byte| !scan.takes(*byte))
                .unwrap_or(buffer.len());
            let taken = buffer.get(..used).unwrap_or_default();
            if held.len() + taken.len() > MAX_RECORD {
                let what = format!("an object of more than {MAX_RECORD} bytes");
                return Err(self.error(&what));
            }
            held.extend_from_slice(taken);
            let breaks = taken.iter().filter(|byte| **byte == b'\n').count();
            self.advance(used, breaks);
        }
        Ok(())
    }

    /// The next sign that is no blank.
    fn sign(&mut self) -> Result<Option<u8>, ParseError> {
        loop {
            let buffer = self.input.fill_buf().map_err(ParseError::unread)?;
            if buffer.is_empty() {
                return Ok(None);
            }
            let blanks = buffer
                .iter()
                .position(|byte| !b" \t\r\n".contains(byte))
                .unwrap_or(buffer.len());
            let found = buffer.get(blanks).copied();
            let breaks = buffer.iter().take(blanks).filter(|byte| **byte == b'\n');
            let breaks = breaks.count();
            self.advance(blanks, breaks);
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    fn some_sign(&mut self) -> Result<u8, ParseError> {
        self.sign()?
            .ok_or_else(|| self.error("the file ends too early; it may be cut off"))
    }

    /// Goes beyond a sign that was seen.
    fn skip(&mut self) -> Result<(), ParseError> {
        self.input.fill_buf().map_err(ParseError::unread)?;
        self.advance(1, 0);
        Ok(())
    }

    fn advance(&mut self, bytes: usize, breaks: usize) {
        self.input.consume(bytes);
        self.offset += u64::try_from(bytes).unwrap_or(0);
        self.line += u64::try_from(breaks).unwrap_or(0);
    }

    fn error(&self, what: &str) -> ParseError {
        ParseError::new(self.line, what)
    }
}

/// Where a value ends.
#[derive(Debug, Default)]
struct Scan {
    at: At,
    depth: usize,
}

/// Where within a value a scan is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    Begin,
    /// In a number or a word, or between the texts of an object or a list.
    Bare,
    Text,
    /// After a backslash.
    Escape,
    End,
}

impl Scan {
    /// Whether a byte belongs to the value.
    fn takes(&mut self, byte: u8) -> bool {
        self.at = match (self.at, byte) {
            (At::End, _) => At::End,
            (At::Escape, _) => At::Text,
            (At::Text, b'\\') => At::Escape,
            (At::Text, b'"') if self.depth == 0 => return self.ends(),
            (At::Text, b'"') => At::Bare,
            (At::Text, _) => At::Text,
            (At::Begin, b'"') => At::Text,
            (At::Begin, b'{' | b'[') => {
                self.depth = 1;
                At::Bare
            }
            // What ends a number or a word is not part of it.
            (At::Begin | At::Bare, _) if self.depth == 0 => {
                if b",:\"{}[] \t\r\n".contains(&byte) {
                    At::End
                } else {
                    At::Bare
                }
            }
            (_, b'"') => At::Text,
            (_, b'{' | b'[') => {
                self.depth += 1;
                At::Bare
            }
            (_, b'}' | b']') => {
                self.depth -= 1;
                if self.depth == 0 {
                    return self.ends();
                }
                At::Bare
            }
            _ => At::Bare,
        };
        self.at != At::End
    }

    /// The byte is the last one.
    fn ends(&mut self) -> bool {
        self.at = At::End;
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        reason = "a test that cannot go on should say where"
    )]

    use super::*;
    use serde_json::Value;
    use std::io::BufReader;

    fn records(text: &str, capacity: usize) -> Result<Vec<(Record, Value)>, ParseError> {
        let mut input = BufReader::with_capacity(capacity, text.as_bytes());
        let mut records = Records::new(&mut input, &["data", "box"]);
        let mut found = Vec::new();
        while let Some(record) = records.next_record()? {
            let value = record.read()?;
            found.push((record, value));
        }
        Ok(found)
    }

    #[test]
    fn what_is_taken_out_comes_first_and_knows_its_place() {
        let text = "\n{\"a\": [1, {\"b\": \"]}\\\"\"}],\n \"data\": [{\"c\": 1.10},\n null, {}],\"d\":null}\n[{\"e\":{\"data\":1}}]";
        for capacity in 1..12 {
            let found = records(text, capacity).unwrap();
            let told: Vec<_> = found
                .iter()
                .map(|(record, value)| {
                    let from = usize::try_from(record.place.offset).unwrap();
                    let end = from + usize::try_from(record.place.length).unwrap();
                    assert!(text[from..end].starts_with('{') && text[from..end].ends_with('}'));
                    (
                        record.name,
                        record.parent,
                        record.place.line,
                        value.to_string(),
                    )
                })
                .collect();
            let wanted = [
                ("data", 1, 3, "{\"c\":1.10}"),
                ("data", 1, 4, "{}"),
                ("", 0, 2, "{\"a\":[1,{\"b\":\"]}\\\"\"}],\"d\":null}"),
                ("", 0, 5, "{\"e\":{\"data\":1}}"),
            ];
            let wanted = wanted.map(|(name, parent, line, text)| (name, parent, line, text.into()));
            assert_eq!(told, wanted);
        }
    }

    #[test]
    fn what_wraps_records_is_walked_through() {
        let text = "{\"data\":{\"own\":{\"n\":-1,\"words\":[\"a\",[1,null]],\"edges\":[{\"cursor\":\"{\",\"node\":{\"a\":1}},\n\
                    {\"node\":{\"b\":[{}]}}]}},\"errors\":[]}\n{\"c\":{\"node\":{}}}";
        for capacity in 1..12 {
            let mut input = BufReader::with_capacity(capacity, text.as_bytes());
            let mut records = Records::through(&mut input, &["data", "errors", "node"], "data");
            let mut found = Vec::new();
            while let Some(record) = records.next_record().unwrap() {
                let value: Value = record.read().unwrap();
                found.push((record.name, record.place.line, value.to_string()));
            }
            let wanted = [
                ("node", 1, "{\"a\":1}"),
                ("data", 1, "{\"cursor\":\"{\"}"),
                ("node", 2, "{\"b\":[{}]}"),
                ("data", 2, "{}"),
                ("data", 1, "{\"n\":-1}"),
                ("data", 1, "{}"),
                ("", 1, "{}"),
                ("", 3, "{\"c\":{\"node\":{}}}"),
            ];
            let wanted = wanted.map(|(name, line, text)| (name, line, text.to_owned()));
            assert_eq!(found, wanted);
        }
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_line() {
        for (text, what) in [
            ("a,b\n", "line 1: this is no JSON"),
            ("{\"a\":1\n", "line 2: the file ends inside an object"),
            ("{\"a\":\"1\n", "line 2: the file ends inside a value"),
            ("{\"a\" 1}", "`:` is expected"),
            ("{\"a\":1 \"b\":2}", "`,` or `}` is expected"),
            ("{\"a\":}", "line 1: object: "),
            ("{\"a\":nul}", "line 1: object: "),
            ("{,}", "a key is expected"),
            ("{\"data\":[1]}", "an object is expected"),
            ("[{} {}]", "`,` or `]` is expected"),
            ("[{},", "the file ends too early"),
        ] {
            let told = records(text, 64).unwrap_err().to_string();
            assert!(told.contains(what), "{text}: {told}");
        }
        let deep = "{\"box\":".repeat(100);
        let told = records(&deep, 64).unwrap_err().to_string();
        assert!(told.contains("nested too deeply"), "{told}");
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_RECORD));
        let told = records(&long, 4096).unwrap_err().to_string();
        assert!(told.contains("1048576 bytes"), "{told}");
    }
}
