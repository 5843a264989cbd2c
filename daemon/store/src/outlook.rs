//! Where the books will stand, told to whoever goes ahead.

use crate::arrivals::Seen;
use crate::intake::IntakeBatch;
use crate::numbers::Counters;
use crate::plan::Plan;
use futures_channel::oneshot;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Where the books will stand once a batch is in.
#[derive(Debug)]
pub(crate) struct Outlook {
    /// But for the chain, whose link is not known before the entries are in.
    pub(crate) counters: Counters,
    pub(crate) closed: BTreeSet<i64>,
    /// By source and partition.
    pub(crate) places: BTreeMap<(String, String), (i64, i64)>,
    /// What the batch brings, which nobody else sees before it is committed.
    pub(crate) seen: Arc<Seen>,
}

/// Where an outlook is told, once.
pub(crate) type Tell = oneshot::Sender<Outlook>;

impl Outlook {
    pub(crate) fn tell(to: &mut Option<Tell>, plan: &Plan<'_>) {
        let Some(to) = to.take() else { return };
        let place = |(batch, partition_id): &(&IntakeBatch, i64)| {
            let name = (batch.source.clone(), batch.partition.clone());
            (name, (*partition_id, batch.through))
        };
        // Nobody goes ahead of this one.
        let _untold = to.send(Self {
            counters: plan.sorted.last.clone(),
            closed: plan.ground.closed.clone(),
            places: plan.mine.iter().map(place).collect(),
            seen: Arc::clone(&plan.arrivals.seen),
        });
    }
}
