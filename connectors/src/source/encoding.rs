//! Other encodings than UTF-8, decoded as they are read.
//!
//! A mark at the beginning says UTF-8 or UTF-16 by itself; anything else has to be declared, for it cannot be
//! told from the bytes. What is malformed stays malformed: it becomes a byte that no UTF-8 has, so that the
//! one event it stands in is no event, and nobody reads a replacement as if it had been sent.

use encoding_rs::{Decoder, DecoderResult, Encoding};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};

/// An encoding that a configuration declares by its name: `iso-8859-15`, `windows-1252`, `utf-16le`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declared(&'static Encoding);

impl<'de> Deserialize<'de> for Declared {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Encoding::for_label_no_replacement(name.as_bytes())
            .map(Self)
            .ok_or_else(|| {
                D::Error::custom(format!(
                    "`{name}` is no encoding; there are utf-8, utf-16le, utf-16be, windows-1252, iso-8859-1 to iso-8859-16 and others of <https://encoding.spec.whatwg.org/#names-and-labels>"
                ))
            })
    }
}

impl Declared {
    /// Its name.
    pub fn name(self) -> &'static str {
        self.0.name()
    }
}

/// What stands in the place of malformed bytes.
const MALFORMED: u8 = 0xff;

/// How much is decoded at once.
const BLOCK: usize = 64 << 10;

/// Text as UTF-8 without a mark. Without a mark and a declaration it stays as it is.
///
/// # Errors
/// What reading its beginning ended with.
pub(crate) fn reader(
    inner: Box<dyn Read + Send>,
    declared: Option<Declared>,
) -> io::Result<Box<dyn Read + Send>> {
    let mut inner = BufReader::with_capacity(BLOCK, inner);
    let beginning = beginning(&mut inner)?;
    let marked = Encoding::for_bom(&beginning);
    let rest = beginning.get(marked.map_or(0, |(_, length)| length)..);
    let rest = io::Cursor::new(rest.unwrap_or_default().to_vec()).chain(inner);
    let encoding = marked.map(|(encoding, _)| encoding);
    let encoding = encoding.or(declared.map(|declared| declared.0));
    Ok(match encoding {
        None => Box::new(rest),
        Some(encoding) if encoding == encoding_rs::UTF_8 => Box::new(rest),
        Some(encoding) => Box::new(Decoding {
            inner: BufReader::with_capacity(BLOCK, Box::new(rest)),
            decoder: encoding.new_decoder_without_bom_handling(),
            decoded: Vec::new(),
            read: 0,
            ended: false,
        }),
    })
}

/// The first bytes, as many as a mark may have.
fn beginning(inner: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(3);
    inner.take(3).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A message as UTF-8 without a mark.
pub(crate) fn utf8(bytes: &[u8]) -> Cow<'_, [u8]> {
    let Some((encoding, length)) = Encoding::for_bom(bytes) else {
        return Cow::Borrowed(bytes);
    };
    let rest = bytes.get(length..).unwrap_or_default();
    if encoding == encoding_rs::UTF_8 {
        return Cow::Borrowed(rest);
    }
    match encoding.decode_without_bom_handling_and_without_replacement(rest) {
        Some(text) => Cow::Owned(text.into_owned().into_bytes()),
        // It stays what no event is.
        None => Cow::Borrowed(bytes),
    }
}

struct Decoding {
    inner: BufReader<Box<dyn Read + Send>>,
    decoder: Decoder,
    decoded: Vec<u8>,
    /// How much of what is decoded was handed on.
    read: usize,
    ended: bool,
}

impl Decoding {
    /// Decodes the next bytes.
    fn go_on(&mut self) -> io::Result<()> {
        let bytes = self.inner.fill_buf()?;
        let last = bytes.is_empty();
        let most = self
            .decoder
            .max_utf8_buffer_length_without_replacement(bytes.len())
            .ok_or_else(|| io::Error::other("a block is too large to be decoded"))?;
        self.decoded.clear();
        self.decoded.resize(most, 0);
        self.read = 0;
        let (result, taken, written) =
            self.decoder
                .decode_to_utf8_without_replacement(bytes, &mut self.decoded, last);
        self.decoded.truncate(written);
        self.inner.consume(taken);
        match result {
            DecoderResult::InputEmpty => self.ended = last,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(_, _) => self.decoded.push(MALFORMED),
        }
        Ok(())
    }
}

impl Read for Decoding {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.read == self.decoded.len() && !self.ended {
            self.go_on()?;
        }
        let mut rest = self.decoded.get(self.read..).unwrap_or_default();
        let length = rest.read(to)?;
        self.read += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], declared: Option<&str>) -> Vec<u8> {
        let declared = declared.map(|name| serde_json::from_value(name.into()).unwrap());
        let inner: Box<dyn Read + Send> = Box::new(io::Cursor::new(bytes.to_vec()));
        let mut text = Vec::new();
        reader(inner, declared)
            .unwrap()
            .read_to_end(&mut text)
            .unwrap();
        text
    }

    fn utf16(text: &str, mark: [u8; 2], bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        let text = text.encode_utf16().flat_map(bytes);
        mark.into_iter().chain(text).collect()
    }

    #[test]
    fn marks_and_declarations_say_how_text_is_read() {
        let text = "{\"a\":\"Straße €\"}\r\n{}\n";
        let marked = format!("\u{feff}{text}");
        let little = utf16(text, [0xff, 0xfe], u16::to_le_bytes);
        let big = utf16(text, [0xfe, 0xff], u16::to_be_bytes);
        let table: [(&[u8], Option<&str>); 8] = [
            (text.as_bytes(), None),
            (marked.as_bytes(), None),
            (marked.as_bytes(), Some("windows-1252")),
            (&little, None),
            (&big, None),
            (&little, Some("iso-8859-1")),
            (b"{\"a\":\"Stra\xdfe \xa4\"}\r\n{}\n", Some("iso-8859-15")),
            (b"{\"a\":\"Stra\xdfe \x80\"}\r\n{}\n", Some("windows-1252")),
        ];
        for (bytes, declared) in table {
            assert_eq!(read(bytes, declared), text.as_bytes(), "{declared:?}");
        }
        assert_eq!(utf8(&little).as_ref(), text.as_bytes());
        assert_eq!(utf8(&big).as_ref(), text.as_bytes());
        assert_eq!(utf8(marked.as_bytes()).as_ref(), text.as_bytes());
        assert_eq!(read(b"", None), b"");
        assert_eq!(read(b"{", None), b"{");
    }

    #[test]
    fn what_is_longer_than_a_block_is_read_whole() {
        let text = "é\n".repeat(BLOCK);
        let little = utf16(&text, [0xff, 0xfe], u16::to_le_bytes);
        assert!(read(&little, None) == text.as_bytes());
    }

    #[test]
    fn what_is_malformed_stays_so() {
        // Half of a pair.
        let mut broken = utf16("a", [0xff, 0xfe], u16::to_le_bytes);
        broken.extend_from_slice(&[0x00, 0xd8, b'b', 0]);
        assert_eq!(read(&broken, None), b"a\xffb");
        assert_eq!(utf8(&broken).as_ref(), &broken[..]);
        let unknown: Result<Declared, _> = serde_json::from_value("ebcdic".into());
        assert!(unknown.unwrap_err().to_string().contains("no encoding"));
    }
}
