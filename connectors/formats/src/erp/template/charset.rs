//! Texts in the charset of a file.

use serde::Deserialize;
use std::borrow::Cow;

/// The charset of a file.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub(super) enum Charset {
    /// UTF-8 without a byte order mark.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-8 with one, by which spreadsheets know it.
    #[serde(rename = "utf-8-bom")]
    Utf8Bom,
    /// Windows-1252.
    #[serde(rename = "windows-1252")]
    Windows1252,
    /// ISO 8859-1.
    #[serde(rename = "iso-8859-1")]
    Latin1,
}

/// What stands for signs that a charset of one byte lacks.
const PLAIN: [(&str, &str); 34] = [
    ("ĀĂĄ", "A"),
    ("āăą", "a"),
    ("ĆĈĊČ", "C"),
    ("ćĉċč", "c"),
    ("ĎĐ", "D"),
    ("ďđ", "d"),
    ("ĒĖĘĚ", "E"),
    ("ēėęě", "e"),
    ("ĞĢ", "G"),
    ("ğģ", "g"),
    ("ĪĮİ", "I"),
    ("īįı", "i"),
    ("ĹĻĽŁ", "L"),
    ("ĺļľł", "l"),
    ("ŃŅŇ", "N"),
    ("ńņň", "n"),
    ("ŌŐ", "O"),
    ("ōő", "o"),
    ("ŔŘ", "R"),
    ("ŕř", "r"),
    ("ŚŞŠȘ", "S"),
    ("śşšș", "s"),
    ("ŢŤȚ", "T"),
    ("ţťț", "t"),
    ("ŪŮŰŲ", "U"),
    ("ūůűų", "u"),
    ("ŹŻŽ", "Z"),
    ("źżž", "z"),
    ("“”„‟″", "\""),
    ("‘’‚‛′", "'"),
    ("‐‑‒–—―−", "-"),
    ("…", "..."),
    ("€", "EUR"),
    ("\u{2007}\u{2009}\u{202f}\u{3000}", " "),
];

impl Charset {
    /// What the file begins with.
    pub(super) const fn mark(self) -> &'static [u8] {
        match self {
            Self::Utf8Bom => b"\xef\xbb\xbf",
            Self::Utf8 | Self::Windows1252 | Self::Latin1 => b"",
        }
    }

    /// The byte of a sign in a charset of one byte, where it has it.
    fn byte(self, sign: char) -> Option<u8> {
        if self == Self::Latin1 {
            return u8::try_from(u32::from(sign)).ok();
        }
        let mut room = [0; 4];
        let text = sign.encode_utf8(&mut room);
        let (bytes, _, lacks) = encoding_rs::WINDOWS_1252.encode(text);
        bytes.first().copied().filter(|_| !lacks)
    }

    /// The text on one line and in signs that the charset has.
    pub(super) fn text(self, text: &str) -> Cow<'_, str> {
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Cow::Borrowed(text);
        }
        let text = crate::erp::one_line(text);
        if matches!(self, Self::Utf8 | Self::Utf8Bom) {
            return Cow::Owned(text);
        }
        let mut held = String::with_capacity(text.len());
        for sign in text.chars() {
            if self.byte(sign).is_some() {
                held.push(sign);
            } else {
                let plain = PLAIN.iter().find(|(signs, _)| signs.contains(sign));
                held.push_str(plain.map_or("?", |(_, plain)| plain));
            }
        }
        Cow::Owned(held)
    }

    /// The bytes of what [`Charset::text`] made.
    pub(super) fn bytes(self, text: &str) -> Cow<'_, [u8]> {
        if text.is_ascii() || matches!(self, Self::Utf8 | Self::Utf8Bom) {
            return Cow::Borrowed(text.as_bytes());
        }
        let signs = text.chars();
        Cow::Owned(signs.map(|sign| self.byte(sign).unwrap_or(b'?')).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_what_the_charset_has() {
        let table = [
            ("Köln", "Köln", "Köln", &b"K\xf6ln"[..]),
            ("Łódź", "Lódz", "Lódz", b"L\xf3dz"),
            ("5 €", "5 €", "5 EUR", b"5 EUR"),
            ("“a” – b…", "“a” – b…", "\"a\" - b...", b"\"a\" - b..."),
            ("a\r\nb\u{85}", "a  b ", "a  b ", b"a  b "),
            ("\u{1f4b6} אב", "? ??", "? ??", b"? ??"),
        ];
        for (text, windows, latin, bytes) in table {
            assert_eq!(Charset::Windows1252.text(text), windows);
            assert_eq!(Charset::Latin1.text(text), latin);
            assert_eq!(Charset::Latin1.bytes(latin), bytes);
        }
        assert_eq!(Charset::Windows1252.bytes("€"), &b"\x80"[..]);
        assert_eq!(Charset::Utf8.text("\u{1f4b6}\n"), "\u{1f4b6} ");
    }
}
