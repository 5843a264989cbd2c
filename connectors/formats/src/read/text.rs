//! Bytes as text: byte-order marks and declared encodings.
//!
//! A byte-order mark decides, then what an XML declaration or the header of an OFX file says, then
//! who reads it, then UTF-8. Nothing is replaced and nothing is guessed: bytes that the encoding does
//! not have are told with their place. An ISO encoding has control characters from 0x80 to 0x9F where
//! Windows has letters; a file that uses them declares the wrong encoding, and is told so.

use encoding_rs::{DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use std::borrow::Cow;

/// Bytes that are no text of the encoding that they declare.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct DecodeError {
    /// The line, from 1.
    pub line: u64,
    /// The byte within the input, from 0.
    pub offset: usize,
    /// What is wrong and what to do.
    pub what: String,
}

/// What the head of a file says about its encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sniffed {
    /// The encoding.
    encoding: &'static Encoding,
    /// ISO 8859-1 itself, which `encoding_rs` takes for Windows-1252.
    latin1: bool,
    /// Bytes of the byte-order mark.
    pub mark: usize,
    /// Who says so.
    teller: &'static str,
}

impl Sniffed {
    /// Whether the bytes after the mark are UTF-8.
    pub fn is_utf8(self) -> bool {
        self.encoding == UTF_8
    }

    /// Whether one byte is one sign.
    pub(crate) fn is_single_byte(self) -> bool {
        self.encoding.is_single_byte()
    }

    /// Whether it is ISO 8859-1 itself.
    pub(crate) const fn is_latin1(self) -> bool {
        self.latin1
    }

    /// What decodes the bytes after the mark.
    pub(crate) fn decoder(self) -> encoding_rs::Decoder {
        self.encoding.new_decoder_without_bom_handling()
    }

    /// That a byte is no letter of it, and what to do.
    pub(crate) fn misfit(self, byte: u8) -> String {
        format!(
            "the byte 0x{byte:02X} is no letter of {}, which {}; ask its sender which encoding it has",
            self.name(),
            self.teller
        )
    }

    /// What people call the encoding.
    pub fn name(self) -> &'static str {
        if self.latin1 {
            "ISO-8859-1"
        } else {
            self.encoding.name()
        }
    }
}

/// The encoding that the first bytes of a file declare; UTF-8 where they declare none.
///
/// # Errors
/// [`DecodeError`] for an encoding that is not known, or that the bytes contradict.
pub fn sniff(head: &[u8]) -> Result<Sniffed, DecodeError> {
    sniff_as(head, None)
}

/// The same, where somebody tells the encoding of files that declare none.
///
/// # Errors
/// [`DecodeError`] as for [`sniff`].
pub fn sniff_as(head: &[u8], told: Option<&str>) -> Result<Sniffed, DecodeError> {
    let of = |encoding, mark| Sniffed {
        encoding,
        latin1: false,
        mark,
        teller: DECLARED,
    };
    if head.starts_with(b"\xff\xfe\0\0") || head.starts_with(b"\0\0\xfe\xff") {
        return Err(refused(0, 1, "UTF-32 is not read; save the file as UTF-8"));
    }
    if let Some((encoding, mark)) = Encoding::for_bom(head) {
        return Ok(of(encoding, mark));
    }
    // UTF-16 without a mark: the first sign of an XML document is `<`.
    if head.starts_with(b"<\0") {
        return Ok(of(UTF_16LE, 0));
    }
    if head.starts_with(b"\0<") {
        return Ok(of(UTF_16BE, 0));
    }
    match (declared(head).or_else(|| ofx(head)), told) {
        (Some(label), _) => known(&label),
        (None, Some(label)) => known(label).map(|sniffed| Sniffed {
            teller: "the options say",
            ..sniffed
        }),
        (None, None) => Ok(of(UTF_8, 0)),
    }
}

const DECLARED: &str = "the file declares";

/// An encoding of single bytes, or UTF-8, by its name.
///
/// # Errors
/// [`DecodeError`] for any other.
pub fn known(label: &str) -> Result<Sniffed, DecodeError> {
    let of = |encoding| Sniffed {
        encoding,
        latin1: false,
        mark: 0,
        teller: DECLARED,
    };
    let upper = label.to_ascii_uppercase();
    if ["ISO-8859-1", "ISO8859-1", "ISO_8859-1", "LATIN1", "L1"].contains(&upper.as_str()) {
        return Ok(Sniffed {
            latin1: true,
            ..of(encoding_rs::WINDOWS_1252)
        });
    }
    if ["US-ASCII", "ASCII"].contains(&upper.as_str()) {
        return Ok(of(UTF_8));
    }
    match Encoding::for_label_no_replacement(label.as_bytes()) {
        Some(encoding) if encoding == UTF_16LE || encoding == UTF_16BE => {
            let what = format!(
                "the file declares {label} and is written in single bytes; ask its sender which encoding it has"
            );
            Err(refused(0, 1, what))
        }
        Some(encoding) => Ok(of(encoding)),
        None => Err(refused(
            0,
            1,
            format!("the encoding `{label}` is not known; save the file as UTF-8"),
        )),
    }
}

/// A whole file as text, without its byte-order mark.
///
/// # Errors
/// [`DecodeError`] for bytes that the encoding does not have, with their place.
pub fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, DecodeError> {
    decode_as(bytes, None)
}

/// The same, where somebody tells the encoding of files that declare none.
///
/// # Errors
/// [`DecodeError`] as for [`decode`].
pub fn decode_as<'b>(bytes: &'b [u8], told: Option<&str>) -> Result<Cow<'b, str>, DecodeError> {
    let sniffed = sniff_as(bytes, told)?;
    let body = bytes.get(sniffed.mark..).unwrap_or_default();
    if sniffed.is_utf8() {
        return match std::str::from_utf8(body) {
            Ok(text) => Ok(Cow::Borrowed(text)),
            Err(error) => Err(foreign(bytes, sniffed.mark + error.valid_up_to())),
        };
    }
    if !sniffed.encoding.is_single_byte() {
        return through(sniffed, bytes, body).map(Cow::Owned);
    }
    if sniffed.latin1
        && let Some(at) = body.iter().position(|byte| (0x80..=0x9f).contains(byte))
    {
        return Err(misfit(sniffed, bytes, at, ""));
    }
    let text = through(sniffed, bytes, body)?;
    let control = text
        .chars()
        .position(|sign| ('\u{80}'..='\u{9f}').contains(&sign));
    match control {
        // One byte is one sign here.
        Some(at) => Err(misfit(sniffed, bytes, at, "")),
        None => Ok(Cow::Owned(text)),
    }
}

/// The first bytes of a file as text, whatever becomes of a letter that is cut: for recognising it.
pub fn head(bytes: &[u8]) -> String {
    let head = bytes.get(..bytes.len().min(4096)).unwrap_or_default();
    let Ok(sniffed) = sniff(head) else {
        return String::new();
    };
    let body = head.get(sniffed.mark..).unwrap_or_default();
    let (text, _) = sniffed.encoding.decode_without_bom_handling(body);
    text.into_owned()
}

fn through(sniffed: Sniffed, bytes: &[u8], body: &[u8]) -> Result<String, DecodeError> {
    let mut decoder = sniffed.encoding.new_decoder_without_bom_handling();
    let most = decoder.max_utf8_buffer_length_without_replacement(body.len());
    let mut text = String::with_capacity(most.unwrap_or(body.len()));
    let (result, read) = decoder.decode_to_string_without_replacement(body, &mut text, true);
    match result {
        DecoderResult::InputEmpty => Ok(text),
        DecoderResult::Malformed(bad, after) => {
            let at = read.saturating_sub(usize::from(bad) + usize::from(after));
            Err(misfit(sniffed, bytes, sniffed.mark + at, ""))
        }
        DecoderResult::OutputFull => Err(misfit(
            sniffed,
            bytes,
            sniffed.mark + read,
            "; the text is too long",
        )),
    }
}

/// The encoding that an XML declaration names, where the file opens with one.
fn declared(head: &[u8]) -> Option<String> {
    let head = head.get(..head.len().min(256)).unwrap_or_default();
    let text = head.trim_ascii_start().strip_prefix(b"<?xml")?;
    let end = text.windows(2).position(|two| two == b"?>")?;
    let text = String::from_utf8_lossy(text.get(..end)?).into_owned();
    let (_, rest) = text.split_once("encoding")?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest
        .chars()
        .next()
        .filter(|sign| ['"', '\''].contains(sign))?;
    let (label, _) = rest.get(1..)?.split_once(quote)?;
    Some(label.trim().to_owned())
}

/// The encoding that the header of an OFX file names: a code page, or UTF-8 for what says `UNICODE`.
/// Some senders write the header without line breaks.
fn ofx(head: &[u8]) -> Option<String> {
    let head = head.trim_ascii_start();
    let head = head.get(..head.len().min(1024)).unwrap_or_default();
    if !head.starts_with(b"OFXHEADER") {
        return None;
    }
    let text = String::from_utf8_lossy(head).to_ascii_uppercase();
    let (text, _) = text.split_once("<OFX").unwrap_or((&text, ""));
    let field = |name: &str| {
        let (_, rest) = text.split_once(name)?;
        let value = rest.trim_start_matches([' ', '\t']);
        let value = value.split(char::is_whitespace).next()?;
        let ends = ["COMPRESSION", "CHARSET", "OLDFILEUID"];
        let end = ends.iter().filter_map(|next| value.find(next)).min();
        Some(value.get(..end.unwrap_or(value.len()))?.to_owned())
    };
    let encoding = field("ENCODING:").unwrap_or_default();
    if ["UNICODE", "UTF-8", "UTF8"].contains(&encoding.as_str()) {
        return Some("UTF-8".to_owned());
    }
    match field("CHARSET:").unwrap_or_default().as_str() {
        "" | "NONE" => (encoding == "USASCII").then(|| "US-ASCII".to_owned()),
        page if page.len() == 4 && page.starts_with("125") => Some(format!("windows-{page}")),
        page if page.starts_with("8859-") => Some(format!("ISO-{page}")),
        other => Some(other.to_owned()),
    }
}

fn foreign(bytes: &[u8], at: usize) -> DecodeError {
    let byte = bytes.get(at).copied().unwrap_or_default();
    refused(at, line_at(bytes, at), no_utf8(byte, bytes))
}

/// That a byte is no UTF-8, and what to do; the head tells whether the file said that it would be.
pub(crate) fn no_utf8(byte: u8, head: &[u8]) -> String {
    let named = declared(head).or_else(|| ofx(head)).is_some();
    format!(
        "the byte 0x{byte:02X} is no UTF-8{}",
        if named {
            ", which the file declares; ask its sender which encoding it has"
        } else {
            ", and the file declares no other encoding; save it as UTF-8"
        }
    )
}

fn misfit(sniffed: Sniffed, bytes: &[u8], at: usize, more: &str) -> DecodeError {
    let byte = bytes.get(at).copied().unwrap_or_default();
    let what = format!("{}{more}", sniffed.misfit(byte));
    refused(at, line_at(bytes, at), what)
}

fn refused(offset: usize, line: u64, what: impl Into<String>) -> DecodeError {
    DecodeError {
        line,
        offset,
        what: what.into(),
    }
}

fn line_at(bytes: &[u8], at: usize) -> u64 {
    let before = bytes.get(..at).unwrap_or_default();
    let breaks = before.iter().filter(|byte| **byte == b'\n').count();
    u64::try_from(breaks).unwrap_or(0) + 1
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        reason = "a test that cannot go on should say where"
    )]

    use super::*;

    fn utf16(text: &str, big: bool, mark: bool) -> Vec<u8> {
        let mark = mark.then_some(0xfeff);
        mark.into_iter()
            .chain(text.encode_utf16())
            .flat_map(|unit| {
                if big {
                    unit.to_be_bytes()
                } else {
                    unit.to_le_bytes()
                }
            })
            .collect()
    }

    #[test]
    fn marks_and_declarations_decide() {
        let say = |label: &str| format!("<?xml version='1.0' encoding='{label}'?><a>").into_bytes();
        let with = |label: &str, tail: &[u8]| [say(label).as_slice(), tail].concat();
        let last = |bytes: &[u8]| decode(bytes).unwrap().chars().next_back().unwrap();
        for (bytes, expected) in [
            (b"plain".to_vec(), 'n'),
            ("\u{feff}ü".as_bytes().to_vec(), 'ü'),
            (utf16("Zürich", false, true), 'h'),
            (utf16("ü€", true, true), '€'),
            (utf16("<a>ü", false, false), 'ü'),
            (utf16("<a>ü", true, false), 'ü'),
            (with("UTF-8", "ü".as_bytes()), 'ü'),
            (with("iso-8859-1", b"\xfc"), 'ü'),
            (with("ISO-8859-15", b"\xa4"), '€'),
            (with("windows-1252", b"\x80"), '€'),
            (with("US-ASCII", b"z"), 'z'),
        ] {
            assert_eq!(last(&bytes), expected, "{bytes:?}");
        }
        assert!(
            !decode("\u{feff}a".as_bytes())
                .unwrap()
                .starts_with('\u{feff}')
        );
    }

    #[test]
    fn the_header_of_an_ofx_file_decides() {
        let with = |header: &str, tail: &[u8]| [header.as_bytes(), b"<OFX>", tail].concat();
        let last = |bytes: &[u8]| decode(bytes).unwrap().chars().next_back().unwrap();
        let lines = "\r\n\r\nOFXHEADER:100\r\nDATA:OFXSGML\r\nENCODING:USASCII\r\nCHARSET:1252\r\n";
        let runs = "OFXHEADER:100DATA:OFXSGMLENCODING:USASCIICHARSET:ISO-8859-1COMPRESSION:NONE";
        let wide = "OFXHEADER:100\nENCODING:UNICODE\nCHARSET:NONE\n";
        let utf8 = "OFXHEADER:100\nENCODING:UTF-8\nCHARSET:1252\n";
        let none = "OFXHEADER:100 ENCODING:USASCII CHARSET:NONE ";
        for (bytes, expected) in [
            (with(lines, b"\x80"), '€'),
            (with(runs, b"\xfc"), 'ü'),
            (with(wide, "ü".as_bytes()), 'ü'),
            (with(utf8, "ü".as_bytes()), 'ü'),
            (with(none, "ü".as_bytes()), 'ü'),
            (with("OFXHEADER:100\nCHARSET: 8859-15\n", b"\xa4"), '€'),
        ] {
            assert_eq!(last(&bytes), expected, "{bytes:?}");
        }
        let told = |header: &str, tail: &[u8]| decode(&with(header, tail)).unwrap_err().what;
        assert!(told(runs, b"\x80").contains("no letter of ISO-8859-1"));
        assert!(told(none, b"\xfc").contains("which the file declares"));
        assert!(told("OFXHEADER:100\nCHARSET:KLINGON\n", b"").contains("not known"));
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_place() {
        let say = |label: &str| format!("<?xml version=\"1.0\" encoding=\"{label}\"?>\n<a>\n");
        let told = |label: &str, tail: &[u8]| {
            let error = decode(&[say(label).as_bytes(), tail].concat()).unwrap_err();
            (error.line, error.what)
        };
        let (line, what) = told("UTF-8", b"a\xfc");
        assert_eq!(line, 3);
        assert!(
            what.contains("0xFC is no UTF-8, which the file declares"),
            "{what}"
        );
        let (line, what) = told("ISO-8859-1", b"\n\x80");
        assert_eq!(line, 4);
        assert!(what.contains("0x80 is no letter of ISO-8859-1"), "{what}");
        let (line, what) = told("windows-1252", b"\x81");
        assert_eq!(line, 3);
        assert!(what.contains("0x81"), "{what}");
        let (_, what) = told("UTF-16", b"");
        assert!(what.contains("single bytes"), "{what}");
        let (_, what) = told("klingon", b"");
        assert!(what.contains("`klingon` is not known"), "{what}");
        let error = decode(b"a,b\nc,\xfc\n").unwrap_err();
        assert_eq!((error.line, error.offset), (2, 6));
        assert!(error.what.contains("declares no other encoding"));
        assert!(decode(b"\xff\xfe\0\0a\0\0\0").is_err());
        let mut odd = utf16("<a>ü", false, true);
        odd.extend([0x00, 0xd8, b'x', 0]);
        assert!(decode(&odd).unwrap_err().what.contains("UTF-16LE"));
    }
}
