//! A file as text while it is read, block by block: what [`super::text`] does with a whole file.
//!
//! The text has no byte-order mark. Bytes that its encoding does not have, and a NUL, end the reading; what
//! they are and where they stand is kept, for the readers in between tell an error in words of their own.

use super::text::{self, Sniffed};
use super::what;
use crate::error::ParseError;
use encoding_rs::{Decoder, DecoderResult};
use std::io::{self, BufRead, Read};

/// How much is decoded at once.
const BLOCK: usize = 256 << 10;

/// As much of the beginning is kept, to say what a file is.
const HEAD: usize = 64 << 10;

/// A file as text.
pub struct Decoded<'i> {
    input: &'i mut dyn Read,
    head: Vec<u8>,
    sniffed: Sniffed,
    /// None for UTF-8, which is only looked at.
    decoder: Option<Decoder>,
    /// Bytes that are not decoded yet.
    raw: Vec<u8>,
    ended: bool,
    /// Whether the decoder was told of the end, after which it takes nothing more.
    finished: bool,
    text: Vec<u8>,
    /// How much of the text was taken.
    taken: usize,
    /// Line breaks, and bytes of the file, before the text that is held.
    breaks: u64,
    failed: Option<ParseError>,
}

impl std::fmt::Debug for Decoded<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoded")
            .field("sniffed", &self.sniffed)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

impl<'i> Decoded<'i> {
    /// Reads the beginning and finds the encoding, which somebody may tell of files that declare none.
    ///
    /// # Errors
    /// [`ParseError`] for what is no text.
    pub fn open(input: &'i mut dyn Read, told: Option<&str>) -> Result<Self, ParseError> {
        let mut raw = Vec::with_capacity(BLOCK);
        let ended = filled(input, &mut raw)?;
        let head = raw.get(..raw.len().min(HEAD)).unwrap_or_default().to_vec();
        // In an encoding of single bytes, anything is a text.
        if let Some(what) = what::binary(&head) {
            return Err(ParseError::new(0, format!("this is {what}")));
        }
        let sniffed = text::sniff_as(&raw, told).map_err(ParseError::undecoded)?;
        raw.drain(..sniffed.mark.min(raw.len()));
        let decoder = (!sniffed.is_utf8()).then(|| sniffed.decoder());
        Ok(Self {
            input,
            head,
            sniffed,
            decoder,
            raw,
            ended,
            finished: false,
            text: Vec::new(),
            taken: 0,
            breaks: 0,
            failed: None,
        })
    }

    /// The first bytes of the file, to say what it is.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Reads what is left, so that all of it was looked at.
    ///
    /// # Errors
    /// [`ParseError`] as for what was read before.
    pub fn drain(&mut self) -> Result<(), ParseError> {
        loop {
            let length = self.fill_buf().map_err(ParseError::unread)?.len();
            if length == 0 {
                return Ok(());
            }
            self.consume(length);
        }
    }

    /// Why reading ended before the end, if it did.
    pub fn failed(&mut self) -> Option<ParseError> {
        self.failed.take()
    }

    /// Decodes the next block.
    fn refill(&mut self) -> Result<(), ParseError> {
        self.breaks = self.breaks.saturating_add(breaks(&self.text));
        self.text.clear();
        self.taken = 0;
        while self.text.is_empty() {
            if !self.ended && self.raw.len() < BLOCK {
                self.ended = filled(self.input, &mut self.raw)?;
            }
            if self.decoder.is_some() {
                self.decode()?;
            } else {
                self.look()?;
            }
            if self.ended && self.raw.is_empty() {
                break;
            }
        }
        // Searching whole words at once is worth it, for nearly no block has one.
        if self.text.contains(&0)
            && let Some(at) = self.text.iter().position(|byte| *byte == 0)
        {
            let what = "a NUL character, which no text holds; ask the sender for the file again";
            return Err(ParseError::new(self.line(at), what));
        }
        Ok(())
    }

    /// UTF-8 stays as it is, but for a sign that the next block ends.
    fn look(&mut self) -> Result<(), ParseError> {
        let whole = match std::str::from_utf8(&self.raw) {
            Ok(_) => self.raw.len(),
            Err(error) if error.error_len().is_none() && !self.ended => error.valid_up_to(),
            Err(error) => {
                let at = error.valid_up_to();
                let byte = self.raw.get(at).copied().unwrap_or_default();
                self.text = std::mem::take(&mut self.raw);
                let what = text::no_utf8(byte, &self.head);
                return Err(ParseError::new(self.line(at), what));
            }
        };
        let rest = self.raw.get(whole..).unwrap_or_default().to_vec();
        self.raw.truncate(whole);
        // The emptied text becomes the buffer of the next block.
        std::mem::swap(&mut self.text, &mut self.raw);
        self.raw.extend_from_slice(&rest);
        Ok(())
    }

    fn decode(&mut self) -> Result<(), ParseError> {
        let Some(decoder) = self.decoder.as_mut().filter(|_| !self.finished) else {
            return Ok(());
        };
        self.finished = self.ended;
        let most = decoder
            .max_utf8_buffer_length_without_replacement(self.raw.len())
            .unwrap_or(BLOCK);
        self.text.resize(most, 0);
        let (result, read, written) =
            decoder.decode_to_utf8_without_replacement(&self.raw, &mut self.text, self.ended);
        self.text.truncate(written);
        if let DecoderResult::Malformed(bad, after) = result {
            let at = read.saturating_sub(usize::from(bad) + usize::from(after));
            return Err(self.misfit(at, written));
        }
        if self.sniffed.is_single_byte()
            && let Some((sign, at)) = self.control(read)
        {
            return Err(self.misfit(sign, at));
        }
        self.raw.drain(..read);
        Ok(())
    }

    /// A control character where a code page of Windows has a letter: its byte, and where it stands in the text.
    fn control(&self, read: usize) -> Option<(usize, usize)> {
        let raw = self.raw.get(..read)?;
        if self.sniffed.is_latin1()
            && let Some(at) = raw.iter().position(|byte| (0x80..=0x9f).contains(byte))
        {
            let text = std::str::from_utf8(&self.text).unwrap_or_default();
            let sign = text.char_indices().nth(at);
            return Some((at, sign.map_or(text.len(), |(sign, _)| sign)));
        }
        let pairs = self.text.windows(2);
        let at = pairs.into_iter().position(|two| {
            let [lead, next] = two else { return false };
            *lead == 0xc2 && (0x80..=0x9f).contains(next)
        })?;
        // One byte is one sign here.
        let before = std::str::from_utf8(self.text.get(..at)?).ok()?;
        Some((before.chars().count(), at))
    }

    /// A byte of the block that is held, and where its sign stands in the text.
    fn misfit(&self, at: usize, sign: usize) -> ParseError {
        let byte = self.raw.get(at).copied().unwrap_or_default();
        ParseError::new(self.line(sign), self.sniffed.misfit(byte))
    }

    /// The line of a byte of the text that is held.
    fn line(&self, at: usize) -> u64 {
        let before = self.text.get(..at).unwrap_or_default();
        self.breaks.saturating_add(breaks(before)).saturating_add(1)
    }
}

impl Read for Decoded<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(to)?;
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Decoded<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.failed.is_some() {
            return Err(io::Error::other("what comes next is no text"));
        }
        if self.taken >= self.text.len()
            && let Err(error) = self.refill()
        {
            let told = error.to_string();
            self.failed = Some(error);
            return Err(io::Error::other(told));
        }
        Ok(self.text.get(self.taken..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.taken = self.taken.saturating_add(amount).min(self.text.len());
    }
}

/// Reads until a block is full; true at the end.
fn filled(input: &mut dyn Read, raw: &mut Vec<u8>) -> Result<bool, ParseError> {
    let room = BLOCK.saturating_sub(raw.len());
    let limit = u64::try_from(room).unwrap_or(u64::MAX);
    let read = input.take(limit).read_to_end(raw);
    Ok(read.map_err(ParseError::unread)? < room)
}

fn breaks(text: &[u8]) -> u64 {
    let breaks = text.iter().filter(|byte| **byte == b'\n').count();
    u64::try_from(breaks).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        reason = "a test that cannot go on should say where"
    )]

    use super::*;

    /// Gives a few bytes at a time.
    struct Sip<'b>(&'b [u8]);

    impl Read for Sip<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let most = to.len().min(4093);
            to.get_mut(..most).map_or(Ok(0), |to| self.0.read(to))
        }
    }

    fn through(bytes: &[u8], told: Option<&str>) -> Result<String, ParseError> {
        let mut input = Sip(bytes);
        let mut decoded = Decoded::open(&mut input, told)?;
        let mut text = String::new();
        match decoded.read_to_string(&mut text) {
            // Whoever asks once more is told the same.
            Ok(_) => decoded.drain().map(|()| text),
            Err(error) => Err(decoded.failed().unwrap_or(ParseError::unread(error))),
        }
    }

    #[test]
    fn a_long_text_reads_as_if_it_were_whole() {
        let letters = "aé€\u{1f4a1}\n".repeat(3 * BLOCK / 10);
        let utf16: Vec<u8> = std::iter::once(0xfeff)
            .chain(letters.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        for shift in 0..5 {
            let text = format!("{}{letters}", "x".repeat(shift));
            assert_eq!(through(text.as_bytes(), None).unwrap(), text);
            assert_eq!(
                through(format!("\u{feff}{text}").as_bytes(), None).unwrap(),
                text
            );
        }
        assert_eq!(through(&utf16, None).unwrap(), letters);
        let western = "Z\u{fc}rich\n".repeat(BLOCK / 4);
        let bytes: Vec<u8> = western
            .chars()
            .map(|sign| u8::try_from(u32::from(sign)).unwrap())
            .collect();
        assert_eq!(through(&bytes, Some("windows-1252")).unwrap(), western);
        assert_eq!(through(&bytes, Some("iso-8859-1")).unwrap(), western);
        assert_eq!(through(b"", None).unwrap(), "");
    }

    #[test]
    fn what_is_no_text_is_told_with_its_line_however_far_it_stands() {
        let lines = BLOCK / 2;
        let long = "a\n".repeat(lines);
        let wanted = u64::try_from(lines).unwrap() + 1;
        for (told, tail, what) in [
            (
                None,
                &b"b\xfc\n"[..],
                "0xFC is no UTF-8, and the file declares no other",
            ),
            (None, b"b\0", "a NUL character"),
            (None, b"b\xe2\x82", "0xE2 is no UTF-8"),
            (
                Some("iso-8859-1"),
                b"b\x80",
                "0x80 is no letter of ISO-8859-1, which the options say",
            ),
            (
                Some("windows-1252"),
                b"b\x81",
                "0x81 is no letter of windows-1252",
            ),
        ] {
            let error = through(&[long.as_bytes(), tail].concat(), told).unwrap_err();
            assert_eq!(error.line, wanted, "{error}");
            assert!(error.what.contains(what), "{error}");
        }
    }
}
