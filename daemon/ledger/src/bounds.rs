//! What a text from outside may be, the same at every door and for both databases.
//!
//! A name is one line: it identifies, is compared and indexed. A free text may hold tabs and line
//! breaks, as people type them. Neither holds other control characters: PostgreSQL refuses a NUL, a
//! terminal obeys the rest. Each has a length in bytes, which an index and an ERP bear.

use crate::hash::Hash;
use std::borrow::Cow;

/// The largest event that is read: 1 MiB.
pub const MAX_EVENT_BYTES: usize = 1 << 20;

/// How much is kept of bytes that are larger than an event may be: 4 KiB.
pub const HEAD_BYTES: usize = 4 << 10;

/// Bytes of which only the head is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole {
    /// How many there were.
    pub length: i64,
    /// Their SHA-256.
    pub hash: Hash,
}

/// How a kind of text is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The most bytes of UTF-8.
    pub bytes: usize,
    /// Whether tabs and line breaks may be in it.
    pub free: bool,
}

/// An event's `id`, `source` and `subject`; a reference from a settlement file.
pub const NAME: Bound = Bound::name(1_024);
/// An event's `type`.
pub const EVENT_TYPE: Bound = Bound::name(512);
/// An account's name or code, an entity's code, the name of a dimension.
pub const CODE: Bound = Bound::name(512);
/// The document that people know: an invoice or payment number.
pub const REFERENCE: Bound = Bound::free(1_024);
/// The value of a dimension.
pub const DIMENSION: Bound = Bound::free(1_024);
/// What happened, for people.
pub const DESCRIPTION: Bound = Bound::free(4_096);
/// Why something was refused or left: cut, never refused.
pub const REASON: Bound = Bound::free(2_000);

/// Why a text is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Too long.
    #[error("has {found} bytes; at most {most} are taken")]
    TooLong {
        /// Its length.
        found: usize,
        /// The most.
        most: usize,
    },
    /// A control character.
    #[error(
        "holds the control character U+{code:04X} at byte {at}; take it out where the text is made"
    )]
    Control {
        /// Its code point.
        code: u32,
        /// Where it stands.
        at: usize,
    },
}

impl Bound {
    const fn name(bytes: usize) -> Self {
        Self { bytes, free: false }
    }

    const fn free(bytes: usize) -> Self {
        Self { bytes, free: true }
    }

    fn takes(self, c: char) -> bool {
        !c.is_control() || (self.free && matches!(c, '\t' | '\n' | '\r'))
    }

    /// Whether a text may come in.
    ///
    /// # Errors
    /// [`TextError`], a sentence whose subject is the text.
    pub fn check(self, text: &str) -> Result<(), TextError> {
        if text.len() > self.bytes {
            return Err(TextError::TooLong {
                found: text.len(),
                most: self.bytes,
            });
        }
        // Nearly every text is printable ASCII, which one look at its bytes tells.
        if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            return Ok(());
        }
        match text.char_indices().find(|(_, c)| !self.takes(*c)) {
            None => Ok(()),
            Some((at, c)) => Err(TextError::Control {
                code: u32::from(c),
                at,
            }),
        }
    }

    /// The text as it may be kept: cut to its length, each control character a space. For what is told,
    /// never for what is booked.
    pub fn cut(self, text: &str) -> Cow<'_, str> {
        if self.check(text).is_ok() {
            return Cow::Borrowed(text);
        }
        let mut kept = String::new();
        let whole = text.len() <= self.bytes;
        let room = if whole {
            self.bytes
        } else {
            self.bytes - ELLIPSIS.len()
        };
        for c in text.chars() {
            let c = if self.takes(c) { c } else { ' ' };
            if kept.len() + c.len_utf8() > room {
                break;
            }
            kept.push(c);
        }
        if !whole {
            kept.push_str(ELLIPSIS);
        }
        Cow::Owned(kept)
    }
}

const ELLIPSIS: &str = "…";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_refused_says_why() {
        let long = "x".repeat(1_025);
        let table = [
            (NAME, "INV-1 é", None),
            (NAME, &long[1..], None),
            (NAME, &long, Some("has 1025 bytes; at most 1024 are taken")),
            (
                NAME,
                "a\u{0}",
                Some(
                    "holds the control character U+0000 at byte 1; take it out where the text is made",
                ),
            ),
            (
                NAME,
                "é\n",
                Some(
                    "holds the control character U+000A at byte 2; take it out where the text is made",
                ),
            ),
            (
                NAME,
                "\u{85}",
                Some(
                    "holds the control character U+0085 at byte 0; take it out where the text is made",
                ),
            ),
            (REFERENCE, "one\r\n\ttwo", None),
            (
                REFERENCE,
                "a\u{7f}",
                Some(
                    "holds the control character U+007F at byte 1; take it out where the text is made",
                ),
            ),
            (
                REFERENCE,
                "a\u{1b}[2J",
                Some(
                    "holds the control character U+001B at byte 1; take it out where the text is made",
                ),
            ),
        ];
        for (bound, text, why) in table {
            let found = bound.check(text).err().map(|error| error.to_string());
            assert_eq!(found.as_deref(), why, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_cut_is_taken(text in any::<String>(), bytes in 3usize..40, free in any::<bool>()) {
            let bound = Bound { bytes, free };
            let cut = bound.cut(&text);
            prop_assert!(bound.check(&cut).is_ok(), "{cut:?}");
            if bound.check(&text).is_ok() {
                prop_assert_eq!(&*cut, &*text);
            }
        }
    }
}
