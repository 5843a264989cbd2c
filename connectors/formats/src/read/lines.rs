//! Lines of a text, one held at a time, each with its place.
//!
//! A line ends with LF, CR LF, or a CR alone; what ends it is not part of it.

use crate::error::ParseError;
use ledger::Place;
use std::io::BufRead;

/// The most bytes of a line: a megabyte.
pub const MAX_LINE: usize = 1 << 20;

/// The lines of a decoded text.
pub struct Lines<'i> {
    input: &'i mut dyn BufRead,
    line: u64,
    offset: u64,
    held: Vec<u8>,
    /// The line before ended with a CR: an LF that follows belongs to it.
    after_cr: bool,
}

impl std::fmt::Debug for Lines<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines")
            .field("line", &self.line)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

impl<'i> Lines<'i> {
    /// Starts where the input stands.
    pub fn new(input: &'i mut dyn BufRead) -> Self {
        Self {
            input,
            line: 0,
            offset: 0,
            held: Vec::new(),
            after_cr: false,
        }
    }

    /// The next line with its place; none at the end.
    ///
    /// # Errors
    /// [`ParseError`] where the input cannot be read, and for a line that is too long.
    pub fn next_line(&mut self) -> Result<Option<(Place, &str)>, ParseError> {
        self.held.clear();
        if std::mem::take(&mut self.after_cr) {
            self.skip_lf()?;
        }
        let begins = self.offset;
        let mut ended = false;
        while !ended {
            let buffer = self.input.fill_buf().map_err(ParseError::unread)?;
            if buffer.is_empty() {
                if self.offset == begins {
                    return Ok(None);
                }
                break;
            }
            let end = buffer.iter().position(|byte| [b'\n', b'\r'].contains(byte));
            let text = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or(buffer);
            if self.held.len() + text.len() > MAX_LINE {
                let what = format!("a line of more than {MAX_LINE} bytes");
                return Err(ParseError::new(self.line + 1, what));
            }
            self.held.extend_from_slice(text);
            let mut used = text.len();
            if let Some(at) = end {
                self.after_cr = buffer.get(at) == Some(&b'\r');
                used += 1;
                ended = true;
            }
            self.input.consume(used);
            self.offset += u64::try_from(used).unwrap_or(0);
        }
        self.line += 1;
        let place = Place {
            line: self.line,
            offset: begins,
            length: u64::try_from(self.held.len()).unwrap_or(0),
        };
        let text = std::str::from_utf8(&self.held)
            .map_err(|_bad| ParseError::new(self.line, "bytes that are no UTF-8"))?;
        Ok(Some((place, text)))
    }

    fn skip_lf(&mut self) -> Result<(), ParseError> {
        let buffer = self.input.fill_buf().map_err(ParseError::unread)?;
        if buffer.first() == Some(&b'\n') {
            self.input.consume(1);
            self.offset += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        reason = "a test that cannot go on should say where"
    )]

    use super::*;
    use std::io::BufReader;

    #[test]
    fn whatever_ends_a_line() {
        let text = "a\nbc\r\n\rd";
        // Also where the buffer ends between CR and LF.
        for capacity in 1..8 {
            let mut input = BufReader::with_capacity(capacity, text.as_bytes());
            let mut lines = Lines::new(&mut input);
            let mut found = Vec::new();
            while let Some((place, line)) = lines.next_line().unwrap() {
                assert_eq!(line, {
                    let from = usize::try_from(place.offset).unwrap();
                    &text[from..from + line.len()]
                });
                found.push((place.line, line.to_owned()));
            }
            let wanted = [(1, "a"), (2, "bc"), (3, ""), (4, "d")];
            assert!(
                found.iter().map(|(n, l)| (*n, l.as_str())).eq(wanted),
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_line_without_an_end_is_refused() {
        let mut endless = std::io::repeat(b'x');
        let mut input = BufReader::new(&mut endless);
        let refused = Lines::new(&mut input).next_line().unwrap_err();
        assert!(refused.to_string().contains("1048576 bytes"), "{refused}");
    }
}
