//! What in a statement contradicts itself: the first of them are told, the others counted, so that a
//! file in which every line does takes no more memory than one in which none does.

use crate::error::cut;

/// As many of a statement are told.
const TOLD: usize = 20;

/// The most characters of each.
const MOST: usize = 1000;

/// The contradictions of a statement.
#[derive(Debug, Default)]
pub(super) struct Contradictions {
    told: Vec<String>,
    more: u64,
}

impl Contradictions {
    /// None yet.
    pub(super) const fn new() -> Self {
        Self {
            told: Vec::new(),
            more: 0,
        }
    }

    /// Adds one.
    pub(super) fn add(&mut self, mut what: String) {
        if self.told.len() < TOLD {
            cut(&mut what, MOST);
            self.told.push(what);
        } else {
            self.more += 1;
        }
    }

    /// All of them, for the statement.
    pub(super) fn into_list(mut self) -> Vec<String> {
        if self.more > 0 {
            let more = format!("and {} more contradictions", self.more);
            self.told.push(more);
        }
        self.told
    }
}
