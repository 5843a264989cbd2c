//! What a batch brings: events that are new, events that the books know already, and bytes that are
//! none. The new ones get their numbers here; what was decided about them, `sort.rs` turns into rows.

use crate::books::{Missing, Names};
use crate::index::Index;
use crate::intake::{IntakeBatch, IntakeSummary};
use crate::numbers::{Counters, UNKNOWN, count, found, known};
use crate::prepare::{
    IntakeContent, IntakePart, Local, Prepared, PreparedDecision, ReadEvent, Unreadable,
};
use ledger::{EventKey, Hash};
use std::sync::Arc;

pub(crate) struct EventRow<'b> {
    pub(crate) id: i64,
    pub(crate) origin_id: i64,
    pub(crate) type_id: i64,
    pub(crate) partition_id: i64,
    pub(crate) position: i64,
    pub(crate) event: &'b ReadEvent,
}

pub(crate) struct RepetitionRow<'b> {
    pub(crate) id: i64,
    pub(crate) event_id: i64,
    pub(crate) kind: i64,
    pub(crate) partition_id: i64,
    pub(crate) position: i64,
    pub(crate) event: &'b ReadEvent,
}

pub(crate) struct QuarantineRow<'b> {
    pub(crate) id: i64,
    pub(crate) partition_id: i64,
    pub(crate) position: i64,
    pub(crate) bytes: &'b Unreadable,
}

/// A part with the decisions about its new events, each with the event's number.
pub(crate) struct NewOfPart<'b> {
    pub(crate) prepared: &'b Prepared,
    pub(crate) decisions: Vec<(i64, &'b PreparedDecision)>,
}

/// What some batches bring.
pub(crate) struct Arrivals<'b> {
    pub(crate) last: Counters,
    pub(crate) events: Vec<EventRow<'b>>,
    pub(crate) repetitions: Vec<RepetitionRow<'b>>,
    pub(crate) quarantine: Vec<QuarantineRow<'b>>,
    pub(crate) new: Vec<NewOfPart<'b>>,
    pub(crate) summary: IntakeSummary,
    pub(crate) seen: Arc<Seen>,
}

/// Events with their contents, by key.
pub(crate) type Seen = Index<EventKey, (i64, Hash)>;

/// Batches while they are looked through.
struct Looking<'b, 'n> {
    names: &'n Names,
    missing: Missing<'b>,
    /// Events of the books that these batches bring again, and those of these batches so far.
    seen: Seen,
    /// The same of the batches before these, which may not be in the books yet.
    before: &'n Seen,
    arrivals: Arrivals<'b>,
}

impl<'b> Arrivals<'b> {
    /// Looks through batches, each with the number of its partition; or says which names are missing.
    pub(crate) fn look(
        batches: &[(&'b IntakeBatch, i64)],
        names: &Names,
        (seen, before): (&Seen, &Seen),
        last: &Counters,
    ) -> Result<Self, Missing<'b>> {
        let inputs = batches.iter().map(|(batch, _)| batch.inputs()).sum();
        let mut looking = Looking {
            names,
            missing: Missing::default(),
            seen: seen.clone(),
            before,
            arrivals: Self {
                last: last.clone(),
                events: Vec::with_capacity(inputs),
                repetitions: Vec::new(),
                quarantine: Vec::new(),
                new: Vec::new(),
                summary: IntakeSummary::default(),
                seen: Arc::default(),
            },
        };
        looking.seen.reserve(inputs);
        for (batch, partition_id) in batches {
            for part in &batch.parts {
                looking.part(part, *partition_id);
            }
        }
        if looking.missing.is_empty() {
            looking.arrivals.seen = Arc::new(looking.seen);
            Ok(looking.arrivals)
        } else {
            Err(looking.missing)
        }
    }
}

impl<'b> Looking<'b, '_> {
    fn part(&mut self, part: &'b IntakePart, partition_id: i64) {
        let prepared = &part.prepared;
        let mut ids = [
            vec![UNKNOWN; prepared.origins.len()],
            vec![UNKNOWN; prepared.types.len()],
        ];
        let mut decisions = Vec::with_capacity(part.len());
        self.arrivals.summary.received += count(part.len());
        for item in &part.items {
            let position = item.position;
            match &item.content {
                IntakeContent::Unreadable(bytes) => {
                    let arrivals = &mut self.arrivals;
                    arrivals.last.quarantine += 1;
                    arrivals.summary.quarantined += 1;
                    arrivals.quarantine.push(QuarantineRow {
                        id: arrivals.last.quarantine,
                        partition_id,
                        position,
                        bytes,
                    });
                }
                IntakeContent::Event(event, decision) => {
                    let seen = self.seen.get(&event.key);
                    if let Some(first) = seen.or_else(|| self.before.get(&event.key)).copied() {
                        self.repetition(event, partition_id, position, first);
                    } else {
                        let place = (partition_id, position);
                        let id = self.event(event, place, prepared, &mut ids);
                        decisions.push((id, decision));
                    }
                }
            }
        }
        self.arrivals.new.push(NewOfPart {
            prepared,
            decisions,
        });
    }

    fn repetition(
        &mut self,
        event: &'b ReadEvent,
        partition_id: i64,
        position: i64,
        (event_id, content): (i64, Hash),
    ) {
        let arrivals = &mut self.arrivals;
        let kind = if content == event.content { 1 } else { 2 };
        arrivals.summary.duplicates += i64::from(kind == 1);
        arrivals.summary.conflicts += i64::from(kind == 2);
        arrivals.last.repetition += 1;
        arrivals.repetitions.push(RepetitionRow {
            id: arrivals.last.repetition,
            event_id,
            kind,
            partition_id,
            position,
            event,
        });
    }

    fn event(
        &mut self,
        event: &'b ReadEvent,
        (partition_id, position): (i64, i64),
        prepared: &'b Prepared,
        [origins, types]: &mut [Vec<i64>; 2],
    ) -> i64 {
        self.arrivals.last.event += 1;
        let id = self.arrivals.last.event;
        self.seen.insert(event.key, (id, event.content));
        let (names, missing) = (self.names, &mut self.missing);
        let (Local(origin), Local(event_type)) = (event.origin, event.event_type);
        let origin_id = found(&mut origins[origin], || {
            let name = prepared.origins.get(event.origin);
            known(&names.origins, name, &mut missing.origins)
        });
        let type_id = found(&mut types[event_type], || {
            let name = prepared.types.get(event.event_type);
            known(&names.types, name, &mut missing.types)
        });
        self.arrivals.events.push(EventRow {
            id,
            origin_id,
            type_id,
            partition_id,
            position,
            event,
        });
        id
    }
}
