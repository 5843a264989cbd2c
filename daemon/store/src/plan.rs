//! What some batches will write, numbered from where the books stand; and what became of them.

use crate::StoreError;
use crate::arrivals::Arrivals;
use crate::intake::{IntakeBatch, IntakeSummary};
use crate::numbers::Counters;
use crate::prepare::{IntakePart, Reading};
use crate::sort::Sorted;
use ledger::EventKey;
use std::collections::BTreeSet;

/// What became of a partition's batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is in the books.
    Done,
    /// Its checkpoint stands elsewhere: another instance took the partition over.
    Fenced {
        /// Where the checkpoint stands.
        found: i64,
    },
}

/// Where the books stand for some batches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ground {
    pub(crate) counters: Counters,
    pub(crate) closed: BTreeSet<i64>,
    /// Per batch the number of its partition and where the checkpoint stands.
    pub(crate) places: Vec<(i64, i64)>,
}

/// The rows of some batches, numbered from where the books stand.
pub(crate) struct Plan<'b> {
    pub(crate) ground: Ground,
    /// Those whose checkpoint stands where they begin, with the numbers of their partitions.
    pub(crate) mine: Vec<(&'b IntakeBatch, i64)>,
    pub(crate) arrivals: Arrivals<'b>,
    pub(crate) sorted: Sorted<'b>,
}

/// What a transaction over several partitions would write, once it is committed.
#[derive(Debug)]
pub(crate) struct TakenAll {
    pub(crate) summary: IntakeSummary,
    pub(crate) taken: Vec<Taken>,
    /// The counters after it.
    pub(crate) last: Counters,
}

impl Ground {
    /// The batches that begin where their checkpoint stands.
    pub(crate) fn mine<'b>(&self, batches: &'b [IntakeBatch]) -> Vec<(&'b IntakeBatch, i64)> {
        let places = batches.iter().zip(&self.places);
        places
            .filter(|(batch, (_, found))| batch.from == *found)
            .map(|(batch, (partition_id, _))| (batch, *partition_id))
            .collect()
    }

    pub(crate) fn taken(&self, batches: &[IntakeBatch]) -> Vec<Taken> {
        let taken = |(batch, (_, found)): (&IntakeBatch, &(i64, i64))| {
            if batch.from == *found {
                Taken::Done
            } else {
                Taken::Fenced { found: *found }
            }
        };
        batches.iter().zip(&self.places).map(taken).collect()
    }
}

impl Plan<'_> {
    /// Every input has its one outcome.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let (came, decided) = (&self.arrivals.summary, &self.sorted.summary);
        let outcomes = decided.posted
            + decided.ignored
            + decided.suspended
            + came.duplicates
            + came.conflicts
            + came.quarantined;
        if outcomes == came.received && self.arrivals.events.len() == self.sorted.outcomes.len() {
            return Ok(());
        }
        Err(StoreError::Invariant(format!(
            "{} inputs have {outcomes} outcomes",
            came.received
        )))
    }
}

/// How those who made some batches read contents.
pub(crate) fn reading(batches: &[(&IntakeBatch, i64)]) -> Reading {
    let mut parts = batches.iter().flat_map(|(batch, _)| &batch.parts);
    let unread: Reading = |_bytes| None;
    parts.next().map_or(unread, IntakePart::reading)
}

pub(crate) fn event_keys(batches: &[(&IntakeBatch, i64)]) -> impl Iterator<Item = EventKey> {
    let parts = batches.iter().flat_map(|(batch, _)| &batch.parts);
    parts.flat_map(IntakePart::keys)
}
