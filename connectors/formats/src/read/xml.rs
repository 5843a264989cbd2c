//! XML as elements: one part of a document is held at a time.
//!
//! The document type declaration is refused and depth is bounded, so that no entity can be
//! expanded and no nesting can exhaust the stack.

use crate::error::ParseError;
use quick_xml::events::{BytesStart, Event};
use std::cell::Cell;
use std::fmt::Debug;

/// Elements are nested no deeper than this.
pub const MAX_DEPTH: usize = 64;

/// An element with its children: only what hangs below one part of a statement is held at a time.
#[derive(Debug, Default)]
pub struct Element {
    /// The attribute `Ccy`.
    pub currency: Option<String>,
    /// Its own text.
    pub text: String,
    children: Vec<(String, Element)>,
}

impl Element {
    /// The first child of a name.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, child)| child)
    }

    /// All children of a name.
    pub fn all<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Self> {
        self.children
            .iter()
            .filter(move |(own, _)| own == name)
            .map(|(_, child)| child)
    }

    /// The element at the end of a path.
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |here, name| here.child(name))
    }

    /// The text at the end of a path, if there is any.
    pub fn text_at(&self, path: &[&str]) -> Option<&str> {
        self.at(path)
            .map(|element| element.text.trim())
            .filter(|text| !text.is_empty())
    }
}

/// A walk through a document.
pub struct Walk<'b> {
    reader: quick_xml::Reader<&'b [u8]>,
    bytes: &'b [u8],
    /// How far lines were counted, and how many there were.
    counted: Cell<(usize, u64)>,
}

impl Debug for Walk<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Walk")
            .field("line", &self.line())
            .finish_non_exhaustive()
    }
}

impl<'b> Walk<'b> {
    /// Starts at the beginning.
    pub fn new(bytes: &'b [u8]) -> Self {
        Self {
            reader: quick_xml::Reader::from_reader(bytes),
            bytes,
            counted: Cell::new((0, 1)),
        }
    }

    /// The next event.
    ///
    /// # Errors
    /// [`ParseError`] for what is no XML, and for a document type declaration.
    pub fn event(&mut self) -> Result<Event<'b>, ParseError> {
        match self.reader.read_event() {
            Ok(Event::DocType(_)) => Err(self.error("a document type declaration is refused")),
            Ok(event) => Ok(event),
            Err(error) => Err(self.error(&format!("no XML: {error}"))),
        }
    }

    /// The line, from 1.
    pub fn line(&self) -> u64 {
        let position = usize::try_from(self.reader.buffer_position()).unwrap_or(0);
        let position = position.min(self.bytes.len());
        let (from, line) = self.counted.get();
        let read = self.bytes.get(from..position).unwrap_or_default();
        let breaks = read.iter().filter(|byte| **byte == b'\n').count();
        let line = line + u64::try_from(breaks).unwrap_or(0);
        self.counted.set((position.max(from), line));
        line
    }

    /// An error at this line.
    pub fn error(&self, what: &str) -> ParseError {
        ParseError::new(self.line(), what)
    }

    /// The element that `start` opens, with all that is in it.
    ///
    /// # Errors
    /// [`ParseError`].
    pub fn element(&mut self, start: &BytesStart<'_>, depth: usize) -> Result<Element, ParseError> {
        if depth > MAX_DEPTH {
            return Err(self.error("the elements are nested too deeply"));
        }
        let currency = start
            .try_get_attribute("Ccy")
            .map_err(|error| self.error(&error.to_string()))?
            .map(|attribute| attribute.value.into_owned());
        let mut element = Element {
            currency,
            ..Element::default()
        };
        loop {
            match self.event()? {
                Event::Start(start) => {
                    let name = local(&start);
                    let child = self.element(&start, depth + 1)?;
                    element.children.push((name, child));
                }
                Event::Empty(start) => element.children.push((local(&start), Element::default())),
                Event::Text(text) => {
                    element.text.push_str(&text.xml10_content());
                }
                Event::CData(text) => {
                    element.text.push_str(&text.into_inner());
                }
                Event::GeneralRef(reference) => {
                    let resolved = self.reference(&reference)?;
                    element.text.push_str(&resolved);
                }
                Event::End(_) => return Ok(element),
                Event::Eof => return Err(self.error("the document ends inside an element")),
                _ => {}
            }
        }
    }

    fn reference(&self, reference: &quick_xml::events::BytesRef<'_>) -> Result<String, ParseError> {
        if let Ok(Some(character)) = reference.resolve_char_ref() {
            return Ok(character.to_string());
        }
        let name = reference.to_string();
        quick_xml::escape::resolve_xml_entity(&name)
            .map(str::to_owned)
            .ok_or_else(|| self.error(&format!("the entity `&{name};` is not one of XML's own")))
    }
}

/// The name without its prefix.
pub fn local(start: &BytesStart<'_>) -> String {
    start.local_name().as_ref().to_owned()
}
