//! SGML as downloads of banks write it: elements with unclosed values, one event at a time.
//!
//! Who reads says which elements hold others; every other element is a value, which ends at the next
//! tag whether it is closed or not. XML with values of that kind reads the same. Names come in upper
//! case, texts on one line. A document type declaration is refused, and depth, names and texts are
//! bounded, so that no entity can be expanded and no nesting can exhaust the memory.
//!
//! An element that holds others is closed by its own tag. Only those that the reader names may be
//! left open when the one above them closes.

use crate::error::ParseError;
use ledger::Place;
use std::io::BufRead;

/// Elements are nested no deeper than this.
pub const MAX_DEPTH: usize = 64;

/// The most bytes of a value, and of what stands between two tags: a megabyte.
pub const MAX_TEXT: usize = 1 << 20;

/// The most bytes of a tag.
const MAX_TAG: usize = 4096;

/// What comes next in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An element begins that holds others.
    Open(String),
    /// A value.
    Value(String, String),
    /// An element ends that holds others.
    Close(String),
}

/// Which elements hold others.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// All of them, in upper case.
    pub holders: &'static [&'static str],
    /// Those that senders leave open.
    pub unclosed: &'static [&'static str],
}

impl Shape {
    fn holds(self, name: &str) -> bool {
        self.holders.contains(&name)
    }
}

/// A walk through a document.
pub struct Sgml<'i> {
    input: &'i mut dyn BufRead,
    shape: Shape,
    line: u64,
    offset: u64,
    /// The tag that ended the value before it.
    held: Option<(Tag, Place)>,
    open: Vec<(String, u64)>,
    /// Where the event begins that came last.
    place: Place,
}

impl std::fmt::Debug for Sgml<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sgml")
            .field("line", &self.line)
            .field("open", &self.open)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
enum Tag {
    Open(String),
    Empty(String),
    Close(String),
}

impl<'i> Sgml<'i> {
    /// Starts where the input stands.
    pub fn new(input: &'i mut dyn BufRead, shape: Shape) -> Self {
        Self {
            input,
            shape,
            line: 1,
            offset: 0,
            held: None,
            open: Vec::new(),
            place: Place::default(),
        }
    }

    /// Where the event begins that came last; its tag's length.
    pub fn place(&self) -> Place {
        self.place
    }

    /// How far it is read, in bytes.
    pub fn offset(&self) -> u64 {
        let held = self.held.as_ref().map(|(_, place)| place.offset);
        held.unwrap_or(self.offset)
    }

    /// The elements that are open, the outermost first.
    pub fn path(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.open.iter().map(|(name, _)| name.as_str())
    }

    /// An error at the event that came last.
    pub fn error(&self, what: impl Into<String>) -> ParseError {
        ParseError::new(self.place.line, what)
    }

    /// The next event; none at the end.
    ///
    /// # Errors
    /// [`ParseError`] for elements that do not close, and what is beyond the bounds.
    pub fn event(&mut self) -> Result<Option<Event>, ParseError> {
        loop {
            let held = match self.held.take() {
                Some(held) => Some(held),
                None => self.text_until_tag(None)?,
            };
            let Some((tag, place)) = held else {
                return match self.open.last() {
                    None => Ok(None),
                    Some((name, line)) => {
                        let what = format!(
                            "the file ends inside `{name}` of line {line}; it may be cut off"
                        );
                        Err(ParseError::new(self.line, what))
                    }
                };
            };
            self.place = place;
            match tag {
                Tag::Open(name) if self.shape.holds(&name) => return self.opened(name).map(Some),
                Tag::Empty(name) if self.shape.holds(&name) => {
                    self.held = Some((Tag::Close(name.clone()), place));
                    return self.opened(name).map(Some);
                }
                Tag::Open(name) => {
                    let text = self.value(&name)?;
                    return Ok(Some(Event::Value(name, text)));
                }
                Tag::Empty(name) => return Ok(Some(Event::Value(name, String::new()))),
                Tag::Close(name) => {
                    if self.closed(&name)? {
                        return Ok(Some(Event::Close(name)));
                    }
                }
            }
        }
    }

    fn opened(&mut self, name: String) -> Result<Event, ParseError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(self.error("the elements are nested too deeply"));
        }
        self.open.push((name.clone(), self.place.line));
        Ok(Event::Open(name))
    }

    /// Whether an element was open that the tag closes. What closes a value that has ended already
    /// says nothing.
    fn closed(&mut self, name: &str) -> Result<bool, ParseError> {
        if !self.shape.holds(name) {
            return Ok(false);
        }
        if !self.open.iter().any(|(open, _)| open == name) {
            return Err(self.error(format!("`{name}` closes and was not open")));
        }
        while let Some((open, line)) = self.open.pop() {
            if open == name {
                break;
            }
            if !self.shape.unclosed.contains(&open.as_str()) {
                let what = format!("`{name}` closes, and `{open}` of line {line} is still open");
                return Err(self.error(what));
            }
        }
        Ok(true)
    }

    /// The text of a value, and its closing tag if it has one.
    fn value(&mut self, name: &str) -> Result<String, ParseError> {
        let mut raw = Vec::new();
        let next = self.text_until_tag(Some(&mut raw))?;
        match next {
            Some((Tag::Close(closed), _)) if closed == name => {}
            other => self.held = other,
        }
        let text = std::str::from_utf8(&raw)
            .map_err(|_bad| self.error(format!("{name}: bytes that are no UTF-8")))?;
        Ok(on_one_line(text))
    }

    /// Reads to the end of the next tag; the text before it goes into `text`, or away.
    fn text_until_tag(
        &mut self,
        mut text: Option<&mut Vec<u8>>,
    ) -> Result<Option<(Tag, Place)>, ParseError> {
        let mut raw = Vec::new();
        let next = loop {
            let sign = self.upto(b'<', &mut raw, MAX_TEXT)?;
            if !sign {
                break None;
            }
            let begins = Place {
                line: self.line,
                offset: self.offset - 1,
                length: 0,
            };
            match self.peek()? {
                Some(b'!' | b'?') => {
                    if let Some(data) = self.aside()? {
                        resolved(&mut raw, text.as_deref_mut());
                        if let Some(text) = text.as_deref_mut() {
                            text.extend_from_slice(&data);
                        }
                    }
                }
                Some(first) if first == b'/' || first.is_ascii_alphabetic() => {
                    let tag = self.tag()?;
                    let length = self.offset - begins.offset;
                    break Some((tag, Place { length, ..begins }));
                }
                // A sign of the text that its sender did not escape.
                _ => raw.push(b'<'),
            }
            let held = text.as_ref().map_or(0, |text| text.len());
            if raw.len() + held > MAX_TEXT {
                return Err(self.too_long("a text", MAX_TEXT));
            }
        };
        resolved(&mut raw, text);
        Ok(next)
    }

    /// A tag after its `<`.
    fn tag(&mut self) -> Result<Tag, ParseError> {
        let mut raw = Vec::new();
        if !self.upto(b'>', &mut raw, MAX_TAG)? {
            return Err(ParseError::new(self.line, "the file ends inside a tag"));
        }
        let text = String::from_utf8_lossy(&raw).to_ascii_uppercase();
        let name = |text: &str| {
            let name = text.split_whitespace().next().unwrap_or_default();
            name.trim_end_matches('/').to_owned()
        };
        Ok(match text.strip_prefix('/') {
            Some(closed) => Tag::Close(name(closed)),
            None if text.ends_with('/') => Tag::Empty(name(&text)),
            None => Tag::Open(name(&text)),
        })
    }

    /// What begins with `<!` or `<?`: literal text comes back, notes and instructions do not.
    fn aside(&mut self) -> Result<Option<Vec<u8>>, ParseError> {
        let mut raw = Vec::new();
        let (mut literal, mut note) = (false, false);
        loop {
            if !self.upto(b'>', &mut raw, MAX_TEXT)? {
                return Err(ParseError::new(self.line, "the file ends inside a tag"));
            }
            literal |= raw.starts_with(b"![CDATA[");
            note |= raw.starts_with(b"!--");
            let ended = match (literal, note) {
                (true, _) => raw.ends_with(b"]]"),
                (_, true) => raw.ends_with(b"--") && raw.len() >= 5,
                _ => true,
            };
            if ended {
                break;
            }
            raw.push(b'>');
            if raw.len() > MAX_TEXT {
                return Err(self.too_long("a text", MAX_TEXT));
            }
        }
        if !literal && !note && raw.starts_with(b"!") {
            let what = "a document type declaration is refused";
            return Err(ParseError::new(self.line, what));
        }
        let data = raw.get(8..raw.len().saturating_sub(2));
        Ok(literal.then(|| data.unwrap_or_default().to_vec()))
    }

    /// Reads behind the next `end`, whether there is one.
    fn upto(&mut self, end: u8, into: &mut Vec<u8>, most: usize) -> Result<bool, ParseError> {
        loop {
            let buffer = self.input.fill_buf().map_err(ParseError::unread)?;
            if buffer.is_empty() {
                return Ok(false);
            }
            let at = buffer.iter().position(|byte| *byte == end);
            let text = buffer.get(..at.unwrap_or(buffer.len())).unwrap_or(buffer);
            if into.len() + text.len() > most {
                return Err(self.too_long("a text", most));
            }
            into.extend_from_slice(text);
            let breaks = text.iter().filter(|byte| **byte == b'\n').count();
            let used = text.len() + usize::from(at.is_some());
            self.line += u64::try_from(breaks).unwrap_or(0);
            self.offset += u64::try_from(used).unwrap_or(0);
            self.input.consume(used);
            if at.is_some() {
                return Ok(true);
            }
        }
    }

    fn peek(&mut self) -> Result<Option<u8>, ParseError> {
        let buffer = self.input.fill_buf().map_err(ParseError::unread)?;
        Ok(buffer.first().copied())
    }

    fn too_long(&self, of: &str, most: usize) -> ParseError {
        ParseError::new(self.line, format!("{of} of more than {most} bytes"))
    }
}

/// Moves what was read as text, its entities resolved; one that is not known stays as it stands, as
/// does the `&` of a name that its sender did not escape.
fn resolved(raw: &mut Vec<u8>, text: Option<&mut Vec<u8>>) {
    let read = std::mem::take(raw);
    let Some(text) = text else { return };
    let mut rest = read.as_slice();
    while let Some(at) = rest.iter().position(|byte| *byte == b'&') {
        let (before, after) = rest.split_at(at);
        text.extend_from_slice(before);
        let end = after.iter().take(12).position(|byte| *byte == b';');
        let name = end.and_then(|end| after.get(1..end)).unwrap_or_default();
        let sign = entity(&String::from_utf8_lossy(name));
        let length = if let (Some(sign), Some(end)) = (sign, end) {
            text.extend_from_slice(sign.encode_utf8(&mut [0; 4]).as_bytes());
            end + 1
        } else {
            text.push(b'&');
            1
        };
        rest = after.get(length..).unwrap_or_default();
    }
    text.extend_from_slice(rest);
}

fn entity(name: &str) -> Option<char> {
    const KNOWN: &[(&str, char)] = &[
        ("amp", '&'),
        ("lt", '<'),
        ("gt", '>'),
        ("nbsp", ' '),
        ("quot", '"'),
        ("apos", '\''),
    ];
    if let Some((_, sign)) = KNOWN.iter().find(|(own, _)| *own == name) {
        return Some(*sign);
    }
    let number = name.strip_prefix('#')?;
    let number = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => number.parse().ok()?,
    };
    char::from_u32(number)
}

/// A text without the blanks around it; a line break inside it is a blank.
fn on_one_line(text: &str) -> String {
    let lines = text.split(['\n', '\r']).map(str::trim);
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    lines.join(" ")
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        reason = "a test that cannot go on should say where"
    )]

    use super::*;
    use std::io::BufReader;

    const SHAPE: Shape = Shape {
        holders: &["A", "B", "LIST"],
        unclosed: &["LIST"],
    };

    fn told(text: &str, capacity: usize) -> Result<String, ParseError> {
        let mut input = BufReader::with_capacity(capacity, text.as_bytes());
        let mut sgml = Sgml::new(&mut input, SHAPE);
        let mut told = Vec::new();
        while let Some(event) = sgml.event()? {
            let line = sgml.place().line;
            told.push(match event {
                Event::Open(name) => format!("{line}<{name}"),
                Event::Value(name, value) => format!("{line}{name}={value}"),
                Event::Close(name) => format!("{line}>{name}"),
            });
        }
        Ok(told.join("|"))
    }

    #[test]
    fn values_end_where_the_next_tag_begins() {
        for (text, wanted) in [
            ("H:1\n<A><x>1<y>2</A>", "2<A|2X=1|2Y=2|2>A"),
            ("<A><x>1</x><y/>\n<z></z></A>", "1<A|1X=1|1Y=|2Z=|2>A"),
            ("<A><x><y>2</A>", "1<A|1X=|1Y=2|1>A"),
            ("<A><x> a\n  b \r\n<B/></A>", "1<A|1X=a b|3<B|3>B|3>A"),
            ("<A><LIST><x>1</A>", "1<A|1<LIST|1X=1|1>A"),
            (
                "<a q='1'><x>A&amp;B&C &#252;&nope; 1 < 2 <3</a>",
                "1<A|1X=A&B&C ü&nope; 1 < 2 <3|1>A",
            ),
            (
                "<?xml?><A><x>a<![CDATA[<b> & >]]>c<!-- > no -->d</x></q></A>",
                "1<A|1X=a<b> & >cd|1>A",
            ),
        ] {
            for capacity in [1, 2, 3, 64] {
                assert_eq!(told(text, capacity).unwrap(), wanted, "{text}");
            }
        }
    }

    #[test]
    fn what_does_not_close_is_refused() {
        let deep = "<A>".repeat(MAX_DEPTH + 1);
        let long = format!("<A><x>{}</A>", "x".repeat(MAX_TEXT + 1));
        let name = format!("<{}>", "x".repeat(MAX_TAG + 1));
        for (text, wanted) in [
            ("<A>\n<B><x>1", "line 2: the file ends inside `B` of line 2"),
            ("<A>\n<B>\n</A>", "line 3: `A` closes, and `B` of line 2"),
            ("<A></B></A>", "`B` closes and was not open"),
            ("<A", "ends inside a tag"),
            ("<!DOCTYPE a [<!ENTITY b 'c'>]>", "is refused"),
            (&deep, "nested too deeply"),
            (&long, "more than 1048576 bytes"),
            (&name, "more than 4096 bytes"),
        ] {
            let error = told(text, 16).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
