//! The canonical encoding under every hash.
//!
//! A sequence of fields, each a four-byte big-endian length and its bytes; numbers as decimal
//! text. The first field names what is encoded and its version. An auditor can write it again in
//! a dozen lines of any language.

use crate::hash::Hash;
use sha2::{Digest, Sha256};
use std::fmt::Display;

/// Feeds fields into a SHA-256.
#[derive(Debug)]
pub struct Encoder(Sha256);

impl Encoder {
    /// Begins an encoding of the named kind.
    pub fn new(kind: &str) -> Self {
        let mut encoder = Self(Sha256::new());
        encoder.text(kind);
        encoder
    }

    /// A field of bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.0.update(length.to_be_bytes());
        self.0.update(bytes);
    }

    /// A field of UTF-8 text.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// A field holding a value's text.
    pub fn value(&mut self, value: impl Display) {
        self.text(&value.to_string());
    }

    /// The hash of all fields.
    pub fn finish(self) -> Hash {
        Hash::from_slice(&self.0.finalize()).unwrap_or(Hash::ZERO)
    }
}
