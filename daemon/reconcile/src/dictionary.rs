//! Texts as small numbers: references, groups, accounts and customers of both sides share one dictionary, so that
//! two items know each other by comparing two integers. Zero is the empty text.
//!
//! Numbers follow the order of arrival and decide nothing: whatever is ordered, is ordered by text.

use crate::index::{at, number};

/// Every text once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dictionary {
    texts: Texts,
    /// A hash in the upper half, a code in the lower; zero where nothing is.
    slots: Vec<u64>,
}

/// Texts one after the other, each known by its place in the row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts {
    bytes: String,
    ends: Vec<u32>,
}

impl Texts {
    /// Room for so many texts of so many bytes in all.
    pub(crate) fn reserve(&mut self, texts: usize, bytes: usize) {
        self.ends.reserve(texts);
        self.bytes.reserve(bytes);
    }

    /// Whether another text of this length still fits into 32 bits.
    pub(crate) fn has_room(&self, length: usize) -> bool {
        u32::try_from(self.bytes.len().saturating_add(length)).is_ok()
    }

    pub(crate) fn push(&mut self, text: &str) {
        self.bytes.push_str(text);
        self.ends.push(number(self.bytes.len()));
    }

    pub(crate) fn get(&self, place: u32) -> &str {
        let place = at(place);
        let Some(end) = self.ends.get(place) else {
            return "";
        };
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.bytes.get(at(start)..at(*end)).unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }
}

const EMPTY: u64 = 0;

impl Dictionary {
    /// Room for so many different texts of so many bytes in all.
    pub(crate) fn reserve(&mut self, texts: usize, bytes: usize) {
        self.texts.reserve(texts, bytes);
        while self.slots.len() < texts.saturating_mul(3) / 2 {
            self.grow();
        }
    }

    pub(crate) fn has_room(&self, length: usize) -> bool {
        self.texts.has_room(length) && u32::try_from(self.texts.len() + 2).is_ok()
    }

    /// Codes are below this.
    pub(crate) fn codes(&self) -> usize {
        self.texts.len() + 1
    }

    /// The code of a text, a new one where it is seen for the first time.
    pub(crate) fn code(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        if (self.texts.len() + 1).saturating_mul(3) / 2 > self.slots.len() {
            self.grow();
        }
        let hash = hash(text.as_bytes());
        match self.look(hash, text) {
            Ok(code) => code,
            Err(place) => {
                self.texts.push(text);
                let code = number(self.texts.len());
                self.slots[place] = u64::from(hash) << 32 | u64::from(code);
                code
            }
        }
    }

    /// The code of a text that is known.
    pub(crate) fn find(&self, text: &str) -> Option<u32> {
        if self.slots.is_empty() || text.is_empty() {
            return None;
        }
        self.look(hash(text.as_bytes()), text).ok()
    }

    pub(crate) fn text(&self, code: u32) -> &str {
        code.checked_sub(1)
            .map_or("", |place| self.texts.get(place))
    }

    /// The code, or the slot in which it would stand.
    fn look(&self, hash: u32, text: &str) -> Result<u32, usize> {
        let mask = self.slots.len() - 1;
        let mut place = at(hash) & mask;
        loop {
            let slot = self.slots[place];
            if slot == EMPTY {
                return Err(place);
            }
            let code = number(at_low(slot));
            if slot >> 32 == u64::from(hash) && self.text(code) == text {
                return Ok(code);
            }
            place = (place + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let old = std::mem::take(&mut self.slots);
        self.slots = vec![EMPTY; (old.len() * 2).max(64)];
        let mask = self.slots.len() - 1;
        for slot in old.into_iter().filter(|slot| *slot != EMPTY) {
            let mut place = usize::try_from(slot >> 32).unwrap_or(0) & mask;
            while self.slots[place] != EMPTY {
                place = (place + 1) & mask;
            }
            self.slots[place] = slot;
        }
    }
}

/// The lower half of a slot.
fn at_low(slot: u64) -> usize {
    usize::try_from(slot & u64::from(u32::MAX)).unwrap_or(0)
}

/// Mixes eight bytes at a time. It decides where a text stands and nothing else.
fn hash(bytes: &[u8]) -> u32 {
    const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = u64::try_from(bytes.len()).unwrap_or(0).wrapping_mul(MIX);
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        let word = u64::from_le_bytes(word.try_into().unwrap_or_default());
        state = (state.rotate_left(29) ^ word).wrapping_mul(MIX);
        state ^= state >> 32;
    }
    let mut last = [0; 8];
    let rest = words.remainder();
    last[..rest.len()].copy_from_slice(rest);
    state = (state.rotate_left(29) ^ u64::from_le_bytes(last)).wrapping_mul(MIX);
    state ^= state >> 29;
    state = state.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    u32::try_from(state >> 32).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_code_and_comes_back() {
        let mut dictionary = Dictionary::default();
        assert_eq!(dictionary.find("a"), None);
        let codes: Vec<u32> = (0..10_000)
            .map(|number| dictionary.code(&format!("ch_{number}")))
            .collect();
        for (number, code) in codes.iter().enumerate() {
            let text = format!("ch_{number}");
            assert_eq!(dictionary.code(&text), *code);
            assert_eq!(dictionary.find(&text), Some(*code));
            assert_eq!(dictionary.text(*code), text);
        }
        assert_eq!((dictionary.code(""), dictionary.text(0)), (0, ""));
        assert_eq!(dictionary.codes(), 10_001);
    }
}
