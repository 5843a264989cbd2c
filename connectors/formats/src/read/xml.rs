//! XML as elements, read from a stream: one part of a document is held at a time.
//!
//! A reader steps from tag to tag and asks for the elements that it wants whole; each has at most
//! [`MAX_ELEMENT`] bytes, knows where it stands, and lies no deeper than [`MAX_DEPTH`]. The document
//! type declaration is refused and so is an entity that is not one of XML's own, so that none can be
//! expanded; a document that ends inside an element is refused too, so that a file that was cut is
//! never taken for a whole one.
//!
//! A message that is in memory already is read whole, with its attributes ([`document`]): its elements are as many as
//! [`MAX_ELEMENTS`], for a short text can name many.

use crate::error::ParseError;
use ledger::Place;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use std::fmt::Debug;
use std::io::{self, BufRead, Read};

/// Elements are nested no deeper than this.
pub const MAX_DEPTH: usize = 64;

/// The most bytes of an element that is held: a megabyte.
pub const MAX_ELEMENT: u64 = 1 << 20;

/// The most elements of a message.
pub const MAX_ELEMENTS: usize = 250_000;

/// An element with its children.
#[derive(Clone, Debug, Default)]
pub struct Element {
    /// The attribute `Ccy`.
    pub currency: Option<String>,
    /// Its own text.
    pub text: String,
    /// By their names without prefixes; only of messages.
    attributes: Vec<(String, String)>,
    children: Vec<(String, Element)>,
}

/// A message that is in memory: the name of its root without a prefix, and the root with all that is in it.
///
/// # Errors
/// [`ParseError`] for what is no XML or has no root, and for what is refused.
pub fn document(bytes: &[u8]) -> Result<(String, Element), ParseError> {
    let mut input = bytes;
    let mut walk = Walk::new(&mut input);
    walk.keeps_attributes = true;
    let Step::Open(tag) = walk.step()? else {
        return Err(walk.error("no XML: there is no element"));
    };
    walk.left = MAX_ELEMENTS;
    // One more than there are, so that the end is found.
    walk.bound = u64::try_from(bytes.len()).ok().map(|long| long + 1);
    let root = walk.inner(tag.currency, tag.attributes)?;
    match walk.step()? {
        Step::End => Ok((tag.name, root)),
        Step::Open(_) | Step::Close => Err(walk.error("no XML: there is a second root")),
    }
}

impl Element {
    /// An attribute of a message's element, by its name without a prefix.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let mut all = self.attributes.iter();
        all.find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
    }

    /// All children, with their names without prefixes.
    pub fn children(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.children
            .iter()
            .map(|(name, child)| (name.as_str(), child))
    }

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

    /// Hangs a child below it.
    pub fn push(&mut self, name: String, child: Self) {
        self.children.push((name, child));
    }
}

/// A tag that opens an element.
#[derive(Debug)]
pub struct Tag {
    /// The name without its prefix.
    pub name: String,
    /// The attribute `Ccy`.
    pub currency: Option<String>,
    /// Where it begins.
    pub begins: Place,
    attributes: Vec<(String, String)>,
}

/// What comes next outside of elements that are taken whole.
#[derive(Debug)]
pub enum Step {
    /// An element opens.
    Open(Tag),
    /// The element that was opened last closes.
    Close,
    /// The document is over.
    End,
}

enum Token {
    Open(Tag),
    Close,
    Text(String),
    End,
    Nothing,
}

/// A walk through a document.
pub struct Walk<'i> {
    reader: quick_xml::Reader<Counted<'i>>,
    buffer: Vec<u8>,
    depth: usize,
    /// Where the element that is held must have ended.
    bound: Option<u64>,
    /// How many more elements may be held.
    left: usize,
    keeps_attributes: bool,
}

impl Debug for Walk<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Walk")
            .field("line", &self.line())
            .field("depth", &self.depth)
            .finish_non_exhaustive()
    }
}

impl<'i> Walk<'i> {
    /// Starts where the input stands.
    pub fn new(input: &'i mut dyn BufRead) -> Self {
        let mut reader = quick_xml::Reader::from_reader(Counted::new(input));
        reader.config_mut().expand_empty_elements = true;
        Self {
            reader,
            buffer: Vec::new(),
            depth: 0,
            bound: None,
            left: usize::MAX,
            keeps_attributes: false,
        }
    }

    /// The line, from 1.
    pub fn line(&self) -> u64 {
        self.reader.get_ref().line
    }

    /// An error at this line.
    pub fn error(&self, what: &str) -> ParseError {
        ParseError::new(self.line(), what)
    }

    /// The place of all that was read since a tag began.
    pub fn since(&self, begins: Place) -> Place {
        Place {
            length: self.reader.get_ref().offset.saturating_sub(begins.offset),
            ..begins
        }
    }

    /// The next tag; text between tags is passed over.
    ///
    /// # Errors
    /// [`ParseError`] for what is no XML, and for what is refused.
    pub fn step(&mut self) -> Result<Step, ParseError> {
        loop {
            match self.token()? {
                Token::Open(tag) => return Ok(Step::Open(tag)),
                Token::Close => return Ok(Step::Close),
                Token::End => return Ok(Step::End),
                Token::Text(_) | Token::Nothing => {}
            }
        }
    }

    /// The element that a tag opened, with all that is in it.
    ///
    /// # Errors
    /// [`ParseError`], also for an element that is too large.
    pub fn element(&mut self, tag: &Tag) -> Result<Element, ParseError> {
        self.bound = Some(tag.begins.offset + MAX_ELEMENT);
        let element = self.inner(tag.currency.clone(), tag.attributes.clone());
        self.bound = None;
        element
    }

    /// Passes over the element that was opened last, however large it is.
    ///
    /// # Errors
    /// [`ParseError`] for what is no XML, and for what is refused.
    pub fn skip(&mut self) -> Result<(), ParseError> {
        let outside = self.depth.saturating_sub(1);
        while self.depth > outside {
            self.token()?;
        }
        Ok(())
    }

    fn inner(
        &mut self,
        currency: Option<String>,
        attributes: Vec<(String, String)>,
    ) -> Result<Element, ParseError> {
        let Some(left) = self.left.checked_sub(1) else {
            return Err(self.error("there are too many elements"));
        };
        self.left = left;
        let mut element = Element {
            currency,
            attributes,
            ..Element::default()
        };
        loop {
            match self.token()? {
                // Depth is bounded, and with it this recursion.
                Token::Open(tag) => {
                    let child = self.inner(tag.currency, tag.attributes)?;
                    element.push(tag.name, child);
                }
                Token::Text(text) => element.text.push_str(&text),
                Token::Close | Token::End => return Ok(element),
                Token::Nothing => {}
            }
        }
    }

    fn token(&mut self) -> Result<Token, ParseError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let counted = self.reader.get_mut();
        let begins = Place {
            line: counted.line,
            offset: counted.offset,
            length: 0,
        };
        counted.allowed = self.bound.unwrap_or(begins.offset + MAX_ELEMENT);
        let token = match self.reader.read_event_into(&mut buffer) {
            Ok(event) => taken(event, begins, self.keeps_attributes),
            Err(error) => {
                let failed = self.reader.get_mut().failed.take();
                let broken = || ParseError::new(begins.line, format!("no XML: {error}"));
                Err(failed.unwrap_or_else(broken))
            }
        };
        self.buffer = buffer;
        let token = token?;
        self.deepen(&token)?;
        Ok(token)
    }

    fn deepen(&mut self, token: &Token) -> Result<(), ParseError> {
        match token {
            Token::Open(_) if self.depth == MAX_DEPTH => {
                return Err(self.error("the elements are nested too deeply"));
            }
            Token::Open(_) => self.depth += 1,
            Token::Close => self.depth = self.depth.saturating_sub(1),
            Token::End if self.depth > 0 => {
                let what = "the document ends inside an element; ask its sender for the whole file";
                return Err(self.error(what));
            }
            _ => {}
        }
        Ok(())
    }
}

/// What an event is for who walks.
fn taken(event: Event<'_>, begins: Place, keeps_attributes: bool) -> Result<Token, ParseError> {
    let refused = |what: String| ParseError::new(begins.line, what);
    Ok(match event {
        Event::Start(start) | Event::Empty(start) => {
            let currency = start
                .try_get_attribute("Ccy")
                .map_err(|error| refused(error.to_string()))?
                .map(|attribute| attribute.value.into_owned());
            Token::Open(Tag {
                name: local(&start),
                currency,
                begins,
                attributes: if keeps_attributes {
                    attributes(&start).map_err(refused)?
                } else {
                    Vec::new()
                },
            })
        }
        Event::End(_) => Token::Close,
        Event::Text(text) => Token::Text(text.xml10_content().into_owned()),
        Event::CData(text) => Token::Text(text.into_inner().into_owned()),
        Event::GeneralRef(reference) => Token::Text(resolved(&reference).map_err(refused)?),
        Event::DocType(_) => {
            return Err(refused("a document type declaration is refused".to_owned()));
        }
        Event::Eof => Token::End,
        _ => Token::Nothing,
    })
}

/// Attributes by their names without prefixes; what names a namespace is none.
fn attributes(start: &BytesStart<'_>) -> Result<Vec<(String, String)>, String> {
    let mut all = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        if attribute.key.as_namespace_binding().is_none() {
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| error.to_string())?;
            all.push((
                attribute.key.local_name().as_ref().to_owned(),
                value.into_owned(),
            ));
        }
    }
    Ok(all)
}

fn resolved(reference: &BytesRef<'_>) -> Result<String, String> {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return Ok(character.to_string());
    }
    let name = reference.to_string();
    quick_xml::escape::resolve_xml_entity(&name)
        .map(str::to_owned)
        .ok_or_else(|| format!("the entity `&{name};` is not one of XML's own"))
}

/// The name without its prefix.
pub fn local(start: &BytesStart<'_>) -> String {
    start.local_name().as_ref().to_owned()
}

/// An input that knows how far it was read, and ends what would grow without end.
struct Counted<'i> {
    input: &'i mut dyn BufRead,
    line: u64,
    offset: u64,
    after_cr: bool,
    allowed: u64,
    failed: Option<ParseError>,
}

impl<'i> Counted<'i> {
    fn new(input: &'i mut dyn BufRead) -> Self {
        Self {
            input,
            line: 1,
            offset: 0,
            after_cr: false,
            allowed: MAX_ELEMENT,
            failed: None,
        }
    }

    fn count(&mut self, amount: usize) {
        let Ok(buffer) = self.input.fill_buf() else {
            return;
        };
        for byte in buffer.iter().take(amount) {
            let breaks = *byte == b'\r' || (*byte == b'\n' && !self.after_cr);
            self.line += u64::from(breaks);
            self.after_cr = *byte == b'\r';
        }
        self.offset += u64::try_from(amount).unwrap_or(0);
    }
}

impl Read for Counted<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(out)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Counted<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let room = self.allowed.saturating_sub(self.offset);
        if room == 0 {
            let what = format!("an element of more than {MAX_ELEMENT} bytes");
            self.failed = Some(ParseError::new(self.line, what));
            return Err(io::Error::other("too large"));
        }
        match self.input.fill_buf() {
            Ok(buffer) => {
                let room = usize::try_from(room).unwrap_or(usize::MAX);
                Ok(buffer.get(..room).unwrap_or(buffer))
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                self.failed = Some(ParseError::unread(error));
                Err(io::Error::other("not read"))
            }
        }
    }

    fn consume(&mut self, amount: usize) {
        self.count(amount);
        self.input.consume(amount);
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::panic,
        reason = "a test that cannot go on should say where"
    )]

    use super::*;
    use std::io::BufReader;

    fn refused(input: &mut dyn BufRead) -> String {
        let mut walk = Walk::new(input);
        loop {
            match walk.step() {
                Ok(Step::Open(tag)) if tag.name == "held" => {
                    if let Err(error) = walk.element(&tag) {
                        return error.to_string();
                    }
                }
                Ok(Step::End) => panic!("it was read"),
                Ok(_) => {}
                Err(error) => return error.to_string(),
            }
        }
    }

    #[test]
    fn elements_know_their_places_wherever_the_buffer_ends() {
        let text = "<?xml version='1.0'?>\n<n:a>\r\n <n:b>é\n</n:b>\r<c Ccy='EUR'/><d>&amp;<![CDATA[<]]>&#33;</d></n:a>\n";
        for capacity in 1..40 {
            let mut input = BufReader::with_capacity(capacity, text.as_bytes());
            let mut walk = Walk::new(&mut input);
            let Step::Open(_) = walk.step().unwrap() else {
                panic!("no root");
            };
            let mut found = Vec::new();
            while let Step::Open(tag) = walk.step().unwrap() {
                let element = walk.element(&tag).unwrap();
                let place = walk.since(tag.begins);
                let from = usize::try_from(place.offset).unwrap();
                let end = from + usize::try_from(place.length).unwrap();
                found.push((place.line, text[from..end].to_owned(), element.text));
            }
            let wanted = [
                (3, "<n:b>é\n</n:b>", "é\n"),
                (5, "<c Ccy='EUR'/>", ""),
                (5, "<d>&amp;<![CDATA[<]]>&#33;</d>", "&<!"),
            ];
            let found = found.iter().map(|(n, s, t)| (*n, s.as_str(), t.as_str()));
            assert!(found.eq(wanted), "{capacity}");
        }
    }

    #[test]
    fn what_never_ends_is_refused() {
        let endless = |head: &'static str| BufReader::new(head.as_bytes().chain(io::repeat(b'x')));
        for head in ["<a>", "<a b='", "<!--", "<held>", "<a>&"] {
            let told = refused(&mut endless(head));
            assert!(told.contains("more than 1048576 bytes"), "{head}: {told}");
        }
        let children = "<b></b>".repeat(1 << 18);
        let told = refused(&mut format!("<a><held>{children}</held></a>").as_bytes());
        assert!(told.contains("more than 1048576 bytes"), "{told}");
        let deep = "<a>".repeat(100_000);
        assert!(refused(&mut deep.as_bytes()).contains("too deeply"));
        let deep = format!("<held>{deep}");
        assert!(refused(&mut deep.as_bytes()).contains("too deeply"));
    }

    #[test]
    fn what_is_cut_or_expands_is_refused() {
        for (text, wanted) in [
            ("<a>\n<b/>", "line 2: the document ends inside an element"),
            ("<a>\n<held><b>", "line 2: the document ends inside"),
            ("<a>\n&lol;</a>", "line 2: the entity `&lol;` is not one"),
            ("<!DOCTYPE a><a/>", "line 1: a document type declaration"),
            ("<a>\n</b>", "line 2: no XML"),
        ] {
            let told = refused(&mut text.as_bytes());
            assert!(told.starts_with(wanted), "{told}");
        }
    }

    #[test]
    fn a_message_is_read_whole_with_its_attributes() {
        let text = "<?xml version='1.0'?><!-- x --><s:a xmlns:s='u' s:b='1 &amp; 2'><s:c d=\"é\"/><c>x</c></s:a>\n";
        let (name, root) = document(text.as_bytes()).unwrap();
        assert_eq!((name.as_str(), root.attribute("b")), ("a", Some("1 & 2")));
        let found: Vec<_> = root
            .children()
            .map(|(name, c)| (name, c.attribute("d")))
            .collect();
        assert_eq!(found, [("c", Some("é")), ("c", None)]);
        assert_eq!(root.attribute("s"), None);
        let many = format!("<a>{}</a>", "<b/>".repeat(MAX_ELEMENTS));
        for (text, wanted) in [
            ("", "no element"),
            ("busy", "no element"),
            ("{\"a\":1}", "no element"),
            ("<a/><b/>", "second root"),
            ("<a><b>", "ends inside"),
            ("<a b='&lol;'/>", "lol"),
            ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "document type"),
            (many.as_str(), "too many elements"),
        ] {
            let told = document(text.as_bytes()).unwrap_err().to_string();
            assert!(told.contains(wanted), "{told}");
        }
        assert!(document("<a>".repeat(100_000).as_bytes()).is_err());
        let long = format!("<a><b>{}</b></a>", "x".repeat(3 << 20));
        assert_eq!(
            document(long.as_bytes())
                .unwrap()
                .1
                .text_at(&["b"])
                .unwrap()
                .len(),
            3 << 20
        );
    }
}
