//! The canonical encoding under every hash.
//!
//! A sequence of fields, each a four-byte big-endian length and its bytes; numbers as decimal
//! text. The first field names what is encoded and its version. An auditor can write it again in
//! a dozen lines of any language.

use crate::hash::Hash;
use std::fmt::Display;
use std::io::Write;

/// Gathers fields for a SHA-256.
#[derive(Debug)]
pub struct Encoder(Vec<u8>);

impl Encoder {
    /// Begins an encoding of the named kind.
    pub fn new(kind: &str) -> Self {
        let mut encoder = Self(Vec::with_capacity(1 << 10));
        encoder.text(kind);
        encoder
    }

    /// A field of bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes);
    }

    /// A field of UTF-8 text.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// A field holding a value's text.
    pub fn value(&mut self, value: impl Display) {
        let at = self.0.len();
        self.0.extend_from_slice(&[0; 4]);
        // Writing to a vector cannot fail.
        let _ok = write!(self.0, "{value}");
        let written = self.0.len() - at - 4;
        let length = u32::try_from(written).unwrap_or(u32::MAX).to_be_bytes();
        if let Some(place) = self.0.get_mut(at..at + 4) {
            place.copy_from_slice(&length);
        }
    }

    /// The hash of all fields.
    pub fn finish(self) -> Hash {
        Hash::of(&self.0)
    }
}
