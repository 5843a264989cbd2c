//! The references of a line, each once, in the order in which they are added.

use ledger::{Reference, ReferenceKind};

/// References without repetition. A line of a table has a handful.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<Reference>);

impl Names {
    /// Adds a name that is not empty and not there yet.
    pub(super) fn add(&mut self, kind: ReferenceKind, text: &str) {
        let reference = Reference::of(kind, text);
        let new = reference.filter(|reference| !self.0.contains(reference));
        self.0.extend(new);
    }

    /// All of them.
    pub(super) fn into_list(self) -> Vec<Reference> {
        self.0
    }
}
