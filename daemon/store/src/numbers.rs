//! Numbers that the writer gives: the last ones of each table, and those behind names.

use crate::StoreError;
use ledger::Hash;
use sqlx_macros::FromRow;
use std::collections::{BTreeMap, BTreeSet};

/// The last numbers given, and the head of the chain.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub(crate) struct Counters {
    pub(crate) event: i64,
    pub(crate) entry: i64,
    pub(crate) repetition: i64,
    pub(crate) quarantine: i64,
    pub(crate) batch: i64,
    pub(crate) head: Vec<u8>,
    /// The version of the mapping that is in force.
    pub(crate) mapping: Option<Vec<u8>>,
}

impl Counters {
    /// What a version of the mapping decided is written while that version is in force.
    pub(crate) fn are_under(&self, decided: Hash) -> Result<(), StoreError> {
        let found = self.mapping.as_deref().and_then(Hash::from_slice);
        if found == Some(decided) {
            return Ok(());
        }
        Err(StoreError::OtherMapping {
            expected: decided.short(),
            found: found.map_or_else(|| "none".to_owned(), |version| version.short()),
        })
    }
}

/// What a name has that was not looked up yet, or is missing.
pub(crate) const UNKNOWN: i64 = 0;

/// What stands there, looked up the first time.
pub(crate) fn found(number: &mut i64, look: impl FnOnce() -> i64) -> i64 {
    if *number == UNKNOWN {
        *number = look();
    }
    *number
}

/// The number of a name; 0 for one that is missing, which is noted.
pub(crate) fn known<'b>(
    names: &BTreeMap<String, i64>,
    name: &'b str,
    missing: &mut BTreeSet<&'b str>,
) -> i64 {
    names.get(name).copied().unwrap_or_else(|| {
        missing.insert(name);
        UNKNOWN
    })
}

pub(crate) fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
