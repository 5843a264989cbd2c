//! How far long work is, for whoever watches it.

use std::fmt::Debug;

/// Somebody who watches.
pub trait Progress: Debug + Send + Sync {
    /// Work begins: how much there is, where that is known, and what it counts.
    fn begin(&self, length: Option<u64>, what: &str);

    /// So much more is done.
    fn advance(&self, by: u64);

    /// It is over.
    fn end(&self);
}

/// Nobody.
#[derive(Clone, Copy, Debug)]
pub struct Unwatched;

impl Progress for Unwatched {
    fn begin(&self, _length: Option<u64>, _what: &str) {}

    fn advance(&self, _by: u64) {}

    fn end(&self) {}
}
