//! What an item says in words and few ask for: its identity, its text, its further names. All of it stands in one
//! arena for a side, an item after the other, so that it costs its letters and little more; it is read when a pass
//! asks for it, which most items never see.
//!
//! A field is a tag, a length of six bits a byte, and the text. Tags and lengths stay below 128, so that the arena
//! is a text itself.

use crate::index::{at, number};

/// Which field.
pub(crate) type Tag = u8;

pub(crate) const IDENTITY: Tag = 0;
pub(crate) const TEXT: Tag = 1;
pub(crate) const CUSTOMER: Tag = 2;
pub(crate) const INVOICE: Tag = 3;
/// References of the first kind; those of others follow.
pub(crate) const REFERENCE: Tag = 4;

const MORE: usize = 0x40;

/// The fields of all items of a side.
#[derive(Clone, Debug, Default)]
pub(crate) struct Records {
    bytes: String,
    ends: Vec<u32>,
}

impl Records {
    /// Room for so many items of so many bytes in all.
    pub(crate) fn reserve(&mut self, items: usize, bytes: usize) {
        self.ends.reserve(items);
        self.bytes.reserve(bytes);
    }

    /// Whether so many bytes more still fit into 32 bits.
    pub(crate) fn has_room(&self, length: usize) -> bool {
        u32::try_from(self.bytes.len().saturating_add(length)).is_ok()
    }

    /// Adds a field to the item that is being written; an empty one is none.
    pub(crate) fn field(&mut self, tag: Tag, text: &str) {
        if text.is_empty() {
            return;
        }
        self.bytes.push(char::from(tag));
        let mut rest = text.len();
        while rest >= MORE {
            self.digit(MORE | (rest % MORE));
            rest /= MORE;
        }
        self.digit(rest);
        self.bytes.push_str(text);
    }

    fn digit(&mut self, digit: usize) {
        self.bytes
            .push(char::from(u8::try_from(digit).unwrap_or(0)));
    }

    /// The item is whole.
    pub(crate) fn end(&mut self) {
        self.ends.push(number(self.bytes.len()));
    }

    /// The fields of an item, in the order in which they were added.
    pub(crate) fn fields(&self, row: u32) -> Fields<'_> {
        let row = at(row);
        let end = self.ends.get(row).map_or(0, |end| at(*end));
        let start = row.checked_sub(1).map_or(0, |before| at(self.ends[before]));
        Fields(self.bytes.get(start..end).unwrap_or_default())
    }

    /// The first field of this tag; empty where there is none.
    pub(crate) fn first(&self, row: u32, tag: Tag) -> &str {
        self.fields(row)
            .find(|(of, _)| *of == tag)
            .map_or("", |(_, text)| text)
    }
}

/// The fields of one item.
pub(crate) struct Fields<'r>(&'r str);

impl<'r> Iterator for Fields<'r> {
    type Item = (Tag, &'r str);

    fn next(&mut self) -> Option<Self::Item> {
        let mut bytes = self.0.bytes();
        let tag = bytes.next()?;
        let (mut length, mut unit, mut head) = (0, 1, 1);
        for digit in bytes {
            let digit = usize::from(digit);
            head += 1;
            length += digit % MORE * unit;
            unit *= MORE;
            if digit < MORE {
                break;
            }
        }
        let text = self.0.get(head..head + length)?;
        self.0 = self.0.get(head + length..)?;
        Some((tag, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_back_however_long() {
        let mut records = Records::default();
        let texts: Vec<String> = [1, 63, 64, 65, 4_095, 4_096, 300_000]
            .into_iter()
            .map(|length| "ä".repeat(length / 2) + &"x".repeat(length % 2))
            .collect();
        records.end();
        for text in &texts {
            records.field(TEXT, text);
            records.field(IDENTITY, "");
            records.field(REFERENCE, "b");
        }
        records.end();
        records.field(IDENTITY, "id");
        records.end();
        assert_eq!(records.fields(0).count(), 0);
        let all: Vec<(Tag, &str)> = records.fields(1).collect();
        assert_eq!(all.len(), 2 * texts.len());
        for (pair, text) in all.chunks(2).zip(&texts) {
            assert_eq!(pair, [(TEXT, text.as_str()), (REFERENCE, "b")]);
        }
        assert_eq!(
            (records.first(2, IDENTITY), records.first(2, TEXT)),
            ("id", "")
        );
    }
}
