//! Look-up by a hash. Maps in order cost a dozen comparisons per look; here the key is a SHA-256 or a part
//! of one, so its own bytes say where it is. Nothing walks these maps: their order never reaches a result.

use ledger::{EventKey, Hash};
use std::hash::{BuildHasherDefault, Hasher};

/// Values by hash; there is no way to walk them.
#[derive(Clone, Debug)]
pub(crate) struct Index<K, V>(Unordered<K, V>);

#[expect(
    clippy::disallowed_types,
    reason = "looked up and never walked: no order reaches a file or a report"
)]
type Unordered<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<OwnBytes>>;

/// A key that is a hash already.
pub(crate) trait Hashed: Copy + Eq + std::hash::Hash {}

impl Hashed for Hash {}
impl Hashed for EventKey {}

impl<K, V> Default for Index<K, V> {
    fn default() -> Self {
        Self(Unordered::default())
    }
}

impl<K: Hashed, V> Index<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.0.get(key)
    }

    pub(crate) fn contains(&self, key: &K) -> bool {
        self.0.contains_key(key)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.0.insert(key, value);
    }

    pub(crate) fn reserve(&mut self, more: usize) {
        self.0.reserve(more);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

impl<K: Hashed, V> FromIterator<(K, V)> for Index<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

/// Takes the first eight bytes of a key as they are; keys come from a cryptographic hash, so nobody can
/// choose them to collide more often than chance.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OwnBytes(u64);

impl Hasher for OwnBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk::<8>() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
