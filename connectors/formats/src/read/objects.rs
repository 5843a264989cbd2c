//! The objects of a JSON text, one held at a time, each with its place.
//!
//! Objects stand one after the other (a line each, or not), in an array, or as the `node`s of an
//! answer of GraphQL, which begins with `data`, `errors` or `extensions`. An answer that holds errors
//! is refused: what it lacks does not show. What surrounds the objects is held to be JSON as far as
//! brackets and ends go; the objects themselves are for a parser.

use crate::error::ParseError;
use ledger::Place;
use std::io::BufRead;

/// The most bytes of an object or a name: a megabyte.
pub const MAX_OBJECT: usize = 1 << 20;

/// The most brackets around an object.
const MAX_DEPTH: usize = 32;

/// How an answer of GraphQL begins.
const ANSWER: [&str; 3] = ["data", "errors", "extensions"];

/// What an object stands in.
enum Around {
    Array,
    /// With the name of the value that is being read.
    Object(String),
}

/// The objects of a decoded text.
pub struct Objects<'i> {
    input: &'i mut dyn BufRead,
    line: u64,
    offset: u64,
    around: Vec<Around>,
    held: Vec<u8>,
}

impl std::fmt::Debug for Objects<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Objects")
            .field("line", &self.line)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

impl<'i> Objects<'i> {
    /// Starts where the input stands.
    pub fn new(input: &'i mut dyn BufRead) -> Self {
        Self {
            input,
            line: 1,
            offset: 0,
            around: Vec::new(),
            held: Vec::new(),
        }
    }

    /// The next object with its place; none at the end.
    ///
    /// # Errors
    /// [`ParseError`] where the input cannot be read, is no JSON, ends too early, or holds errors.
    pub fn next_object(&mut self) -> Result<Option<(Place, &str)>, ParseError> {
        loop {
            self.blanks()?;
            let Some(byte) = self.peek()? else {
                if self.around.is_empty() {
                    return Ok(None);
                }
                return Err(self.refused("the JSON ends too early: it was cut; fetch it again"));
            };
            match byte {
                b',' => self.bump(),
                b'[' => self.enter(Around::Array)?,
                b']' => self.leave(|around| matches!(around, Around::Array))?,
                b'}' => self.leave(|around| matches!(around, Around::Object(_)))?,
                b'{' => {
                    if let Some(place) = self.object()? {
                        let text = std::str::from_utf8(&self.held);
                        let text = text
                            .map_err(|_| ParseError::new(place.line, "bytes that are no UTF-8"))?;
                        return Ok(Some((place, text)));
                    }
                }
                b'"' if matches!(self.around.last(), Some(Around::Object(_))) => self.name()?,
                _ if self.is_inside() => self.value()?,
                _ => return Err(self.refused("no JSON object, nor an array of them")),
            }
        }
    }

    /// Whether this is within an answer of GraphQL, where values may stand that are no objects.
    fn is_inside(&self) -> bool {
        let mut around = self.around.iter();
        around.any(|around| matches!(around, Around::Object(_)))
    }

    fn enter(&mut self, around: Around) -> Result<(), ParseError> {
        if self.around.len() >= MAX_DEPTH {
            return Err(self.refused("brackets within brackets without end"));
        }
        self.around.push(around);
        self.bump();
        Ok(())
    }

    fn leave(&mut self, fits: fn(&Around) -> bool) -> Result<(), ParseError> {
        if !self.around.pop().is_some_and(|around| fits(&around)) {
            return Err(self.refused("a bracket that closes what is not open"));
        }
        self.bump();
        Ok(())
    }

    /// Holds the object that begins here, unless it is a part of an answer.
    fn object(&mut self) -> Result<Option<Place>, ParseError> {
        let erred = |around: &Around| matches!(around, Around::Object(name) if name == "errors");
        if self.around.iter().any(erred) {
            let what = "the answer holds errors: what is missing does not show; ask again";
            return Err(self.refused(what));
        }
        let place = Place {
            line: self.line,
            offset: self.offset,
            length: 0,
        };
        let is_node = matches!(self.around.last(), Some(Around::Object(name)) if name == "node");
        if self.is_inside() && !is_node {
            self.enter(Around::Object(String::new()))?;
            return Ok(None);
        }
        self.held.clear();
        self.hold()?;
        while self.peek()?.is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.hold()?;
        }
        if !is_node && self.peek()? == Some(b'"') {
            let begins = self.held.len();
            self.string()?;
            let name = self.held.get(begins + 1..self.held.len() - 1);
            let name = name.and_then(|name| std::str::from_utf8(name).ok());
            if let Some(name) = name.filter(|name| ANSWER.contains(name)) {
                self.around.push(Around::Object(name.to_owned()));
                self.colon()?;
                return Ok(None);
            }
        }
        self.rest()?;
        let length = u64::try_from(self.held.len()).unwrap_or(0);
        Ok(Some(Place { length, ..place }))
    }

    /// Holds an object to its end.
    fn rest(&mut self) -> Result<(), ParseError> {
        let mut open = 1_u32;
        while open > 0 {
            match self.peek()? {
                None => {
                    return Err(self.refused("the JSON ends too early: it was cut; fetch it again"));
                }
                Some(b'"') => self.string()?,
                Some(byte) => {
                    match byte {
                        b'{' | b'[' => open += 1,
                        b'}' | b']' => open -= 1,
                        _ => {}
                    }
                    self.hold()?;
                }
            }
        }
        Ok(())
    }

    /// Reads the name of a value.
    fn name(&mut self) -> Result<(), ParseError> {
        self.held.clear();
        self.string()?;
        let name = self.held.get(1..self.held.len() - 1).unwrap_or_default();
        let name = String::from_utf8_lossy(name).into_owned();
        self.around.pop();
        self.around.push(Around::Object(name));
        self.colon()
    }

    /// Reads what stands between a name and its value, and the value where it is a text.
    fn colon(&mut self) -> Result<(), ParseError> {
        self.blanks()?;
        if self.peek()? != Some(b':') {
            return Err(self.refused("no JSON: a name without a value"));
        }
        self.bump();
        self.blanks()?;
        if self.peek()? == Some(b'"') {
            self.value()?;
        }
        Ok(())
    }

    /// Passes over a value that is no container.
    fn value(&mut self) -> Result<(), ParseError> {
        self.held.clear();
        if self.peek()? == Some(b'"') {
            return self.string();
        }
        self.hold()
    }

    /// Holds a text with its quotes.
    fn string(&mut self) -> Result<(), ParseError> {
        self.hold()?;
        loop {
            match self.peek()? {
                None => {
                    return Err(self.refused("the JSON ends too early: it was cut; fetch it again"));
                }
                Some(b'\\') => {
                    self.hold()?;
                    if self.peek()?.is_some() {
                        self.hold()?;
                    }
                }
                Some(b'"') => return self.hold(),
                Some(_) => self.hold()?,
            }
        }
    }

    fn blanks(&mut self) -> Result<(), ParseError> {
        while self.peek()?.is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.bump();
        }
        Ok(())
    }

    fn peek(&mut self) -> Result<Option<u8>, ParseError> {
        let buffer = self.input.fill_buf().map_err(ParseError::unread)?;
        Ok(buffer.first().copied())
    }

    fn hold(&mut self) -> Result<(), ParseError> {
        if self.held.len() >= MAX_OBJECT {
            let what = format!("an object of more than {MAX_OBJECT} bytes");
            return Err(self.refused(&what));
        }
        let byte = self.peek()?;
        self.held.extend(byte);
        self.bump();
        Ok(())
    }

    /// Passes the byte that was peeked at.
    fn bump(&mut self) {
        let is_end = matches!(self.input.fill_buf(), Ok(buffer) if buffer.first() == Some(&b'\n'));
        self.line += u64::from(is_end);
        self.offset += 1;
        self.input.consume(1);
    }

    fn refused(&self, what: &str) -> ParseError {
        ParseError::new(self.line, what)
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        reason = "a test that cannot go on should say where"
    )]

    use super::*;

    fn found(text: &str) -> Result<Vec<(u64, String)>, ParseError> {
        let mut input = text.as_bytes();
        let mut objects = Objects::new(&mut input);
        let mut found = Vec::new();
        while let Some((place, object)) = objects.next_object()? {
            let from = usize::try_from(place.offset).unwrap();
            let end = from + usize::try_from(place.length).unwrap();
            assert_eq!(&text[from..end], object);
            found.push((place.line, object.to_owned()));
        }
        Ok(found)
    }

    #[test]
    fn objects_stand_in_whatever_is_around_them() {
        for text in [
            "{\"a\":1}\n{\"a\":[{}]}",
            "[{\"a\":1},\n{\"a\":[{}]}]",
            "{\"data\":{\"search\":{\"n\":-1,\"edges\":[{\"cursor\":\"{\",\"node\":{\"a\":1}},\n{\"node\":{\"a\":[{}]},\"x\":null}]}},\"errors\":[]}",
        ] {
            let found = found(text).unwrap();
            let wanted = [(1, "{\"a\":1}"), (2, "{\"a\":[{}]}")];
            let found = found.iter().map(|(line, text)| (*line, text.as_str()));
            assert!(found.eq(wanted), "{text}");
        }
        assert!(found(" ").unwrap().is_empty());
        assert_eq!(found("{}").unwrap().len(), 1);
    }

    #[test]
    fn what_is_no_such_text_is_refused() {
        let deep = "[".repeat(100_000);
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_OBJECT));
        for (text, wanted) in [
            ("<a>", "no JSON object"),
            ("[1]", "no JSON object"),
            ("[{\"a\":1},", "was cut"),
            ("{\"a\":\"\\", "was cut"),
            ("{\"data\":{\"node\"", "a name without"),
            ("]", "not open"),
            (
                "{\"data\":null,\"errors\":[{\"message\":\"m\"}]}",
                "holds errors",
            ),
            (deep.as_str(), "without end"),
            (long.as_str(), "1048576 bytes"),
        ] {
            let refused = found(text).unwrap_err().to_string();
            assert!(refused.contains(wanted), "{wanted}: {refused}");
        }
    }
}
