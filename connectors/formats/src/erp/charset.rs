//! Texts in the one-byte charsets that some books still travel in.
//!
//! A letter that a charset lacks becomes its plain letter (`Ł` an `L`, `ø` in code page 437 an `o`), typographic
//! signs become the typewriter's, what has no width goes, and what is left (emoji, other scripts) becomes `?`, one for
//! each. A text is on one line: line breaks, tabs and other control characters become spaces. What remains has one
//! byte for each character, so a field's length in characters is its length in bytes.

use super::is_plain;
use std::borrow::Cow;

/// A charset of one byte per character, whose lower half is ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charset {
    /// Windows-1252.
    Windows1252,
    /// ISO 8859-15.
    Latin9,
    /// IBM code page 437, which Swedish files call PC8.
    Pc8,
}

/// The upper half of code page 437, from 0x80; the no-break space at its end is written as a space.
const PC8: &str = "\
ÇüéâäàåçêëèïîìÄÅ\
ÉæÆôöòûùÿÖÜ¢£¥₧ƒ\
áíóúñÑªº¿⌐¬½¼¡«»\
░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
└┴┬├─┼╞╟╚╔╩╦╠═╬╧\
╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
αßΓπΣσµτΦΘΩδ∞φε∩\
≡±≥≤⌠⌡÷≈°∙·√ⁿ²■";

/// Signs that a charset may lack, and what stands for each of them.
const PLAIN: [(&str, &str); 69] = [
    ("ÀÁÂÃÄÅĀĂĄǍẠẢẤẦ", "A"),
    ("àáâãäåāăąǎạảấầ", "a"),
    ("ÇĆĈĊČ", "C"),
    ("çćĉċč", "c"),
    ("ĎĐÐ", "D"),
    ("ďđð", "d"),
    ("ÈÉÊËĒĔĖĘĚẸẾỀ", "E"),
    ("èéêëēĕėęěẹếề", "e"),
    ("ĜĞĠĢ", "G"),
    ("ĝğġģ", "g"),
    ("ĤĦ", "H"),
    ("ĥħ", "h"),
    ("ÌÍÎÏĨĪĬĮİ", "I"),
    ("ìíîïĩīĭįı", "i"),
    ("Ĵ", "J"),
    ("ĵ", "j"),
    ("Ķ", "K"),
    ("ķ", "k"),
    ("ĹĻĽĿŁ", "L"),
    ("ĺļľŀł", "l"),
    ("ÑŃŅŇ", "N"),
    ("ñńņň", "n"),
    ("ÒÓÔÕÖØŌŎŐƠỌỐ", "O"),
    ("òóôõöøōŏőơọố", "o"),
    ("ŔŖŘ", "R"),
    ("ŕŗř", "r"),
    ("ŚŜŞŠȘ", "S"),
    ("śŝşšș", "s"),
    ("ŢŤŦȚ", "T"),
    ("ţťŧț", "t"),
    ("ÙÚÛÜŨŪŬŮŰŲƯ", "U"),
    ("ùúûüũūŭůűųư", "u"),
    ("Ŵ", "W"),
    ("ŵ", "w"),
    ("ÝŶŸ", "Y"),
    ("ýÿŷ", "y"),
    ("ŹŻŽ", "Z"),
    ("źżž", "z"),
    ("Æ", "AE"),
    ("æ", "ae"),
    ("Œ", "OE"),
    ("œ", "oe"),
    ("ẞ", "SS"),
    ("ß", "ss"),
    ("Þ", "Th"),
    ("þ", "th"),
    ("“”„‟″«»", "\""),
    ("‘’‚‛′", "'"),
    ("‹", "<"),
    ("›", ">"),
    ("‐‑‒–—―−", "-"),
    ("…", "..."),
    ("•·∙", "*"),
    ("×", "x"),
    ("€", "EUR"),
    ("£", "GBP"),
    ("¥", "JPY"),
    ("™", "TM"),
    ("©", "(c)"),
    ("®", "(R)"),
    ("№", "No"),
    ("§", "par."),
    ("¼", "1/4"),
    ("½", "1/2"),
    ("¾", "3/4"),
    ("¹", "1"),
    ("²", "2"),
    ("³", "3"),
    ("\u{a0}\u{2007}\u{2009}\u{202f}\u{3000}", " "),
];

/// Whether a sign has no width of its own: accents that follow their letter, joiners, marks of direction.
const fn is_without_width(sign: char) -> bool {
    matches!(sign,
        '\u{ad}' | '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

impl Charset {
    /// The byte of a sign, where the charset has it.
    fn byte(self, sign: char) -> Option<u8> {
        let within = |charset: &'static encoding_rs::Encoding| {
            let mut room = [0; 4];
            let (bytes, _, is_lacking) = charset.encode(sign.encode_utf8(&mut room));
            bytes.first().copied().filter(|_| !is_lacking)
        };
        match self {
            _ if sign.is_ascii() => u8::try_from(sign).ok(),
            Self::Windows1252 => within(encoding_rs::WINDOWS_1252),
            Self::Latin9 => within(encoding_rs::ISO_8859_15),
            Self::Pc8 => {
                let place = PC8.chars().position(|known| known == sign)?;
                u8::try_from(place).ok()?.checked_add(0x80)
            }
        }
    }

    /// The text on one line and in signs that the charset has.
    pub(super) fn text(self, text: &str) -> Cow<'_, str> {
        if is_plain(text) {
            return Cow::Borrowed(text);
        }
        let mut held = String::with_capacity(text.len());
        for sign in text.chars() {
            if sign.is_control() || matches!(sign, '\u{2028}' | '\u{2029}' | '\u{a0}') {
                held.push(' ');
            } else if is_without_width(sign) {
            } else if self.byte(sign).is_some() {
                held.push(sign);
            } else {
                let plain = PLAIN.iter().find(|(signs, _)| signs.contains(sign));
                held.push_str(plain.map_or("?", |(_, plain)| plain));
            }
        }
        Cow::Owned(held)
    }

    /// The same, without blanks around it and cut to the most characters that a field holds.
    pub(super) fn fit(self, text: &str, most: usize) -> String {
        let text = self.text(text);
        let text = text.trim();
        let end = text.char_indices().nth(most).map(|(end, _)| end);
        let cut = end.and_then(|end| text.get(..end));
        cut.unwrap_or(text).trim_end().to_owned()
    }

    /// The bytes of what [`Charset::text`] made.
    pub(super) fn bytes(self, text: &str) -> Vec<u8> {
        if text.is_ascii() {
            return text.as_bytes().to_vec();
        }
        let signs = text.chars();
        signs.map(|sign| self.byte(sign).unwrap_or(b'?')).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_what_the_charset_has_and_is_plain_where_it_lacks_it() {
        let table = [
            ("Köln Straße", "Köln Straße", "Köln Straße", "Köln Straße"),
            ("Tromsø Šime", "Tromsø Šime", "Tromsø Šime", "Tromso Sime"),
            ("Łódź 5 €", "Lódz 5 €", "Lódz 5 €", "Lódz 5 EUR"),
            (
                "“a” – ‘b’…",
                "“a” – ‘b’…",
                "\"a\" - 'b'...",
                "\"a\" - 'b'...",
            ),
            ("½ œuvre", "½ œuvre", "1/2 œuvre", "½ oeuvre"),
            (
                "a\tb\r\nc\u{7}\u{85}d",
                "a b  c  d",
                "a b  c  d",
                "a b  c  d",
            ),
            ("e\u{301}\u{200f}\u{feff}", "e", "e", "e"),
            ("\u{1f4b6} אב", "? ??", "? ??", "? ??"),
            ("5\u{a0}000", "5 000", "5 000", "5 000"),
        ];
        for (text, windows, latin, pc8) in table {
            assert_eq!(Charset::Windows1252.text(text), windows);
            assert_eq!(Charset::Latin9.text(text), latin);
            assert_eq!(Charset::Pc8.text(text), pc8);
        }
        assert_eq!(Charset::Pc8.fit(" äöü-ß ", 4), "äöü-");
        assert_eq!(Charset::Pc8.bytes("Åäö"), [0x8f, 0x84, 0x94]);
        assert_eq!(PC8.chars().count(), 127);
    }
}
