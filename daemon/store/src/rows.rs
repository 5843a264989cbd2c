//! What came, as it goes into its tables and as the record chain digests it: the same rows for both.

use crate::arrivals::{EventRow, QuarantineRow, RepetitionRow};
use crate::bulk::Field;
use crate::intake::Stamp;
use crate::numbers::count;
use crate::plan::Plan;
use crate::record::kinds::{self, CHECKPOINT};
use crate::record::{NewLink, Span, digest};
use crate::sort::OutcomeRow;
use ledger::hash::CONTENT_VERSION;

pub(crate) fn events<'v>(
    rows: &'v [EventRow<'_>],
    stamp: &'v Stamp,
) -> impl ExactSizeIterator<Item = [Field<'v>; 11]> + Send {
    rows.iter().map(|row| {
        [
            Field::Int(row.id),
            Field::Bytes(row.event.key.as_bytes()),
            Field::Bytes(row.event.content.as_bytes()),
            Field::Int(row.origin_id),
            Field::Int(row.type_id),
            Field::Int(row.partition_id),
            Field::Int(row.position),
            Field::Moment(row.event.occurred_at),
            Field::Moment(stamp.now),
            Field::Bytes(&row.event.payload),
            Field::Int(CONTENT_VERSION),
        ]
    })
}

pub(crate) fn outcomes<'v>(
    rows: &'v [OutcomeRow<'_>],
    stamp: &'v Stamp,
) -> impl ExactSizeIterator<Item = [Field<'v>; 5]> + Send {
    rows.iter().map(|row| {
        [
            Field::Int(row.event_id),
            Field::Int(row.kind),
            Field::int(row.rule_id),
            row.reason.as_deref().map_or(Field::Null, Field::Text),
            Field::Moment(stamp.now),
        ]
    })
}

pub(crate) fn repetitions<'v>(
    rows: &'v [RepetitionRow<'_>],
    stamp: &'v Stamp,
) -> impl ExactSizeIterator<Item = [Field<'v>; 9]> + Send {
    rows.iter().map(|row| {
        let conflict = row.kind == 2;
        [
            Field::Int(row.id),
            Field::Int(row.event_id),
            Field::Int(row.kind),
            Field::Int(row.partition_id),
            Field::Int(row.position),
            Field::Bytes(row.event.content.as_bytes()),
            if conflict {
                Field::Bytes(&row.event.payload)
            } else {
                Field::Null
            },
            Field::Moment(stamp.now),
            Field::Int(CONTENT_VERSION),
        ]
    })
}

pub(crate) fn quarantine<'v>(
    rows: &'v [QuarantineRow<'_>],
    stamp: &'v Stamp,
) -> impl ExactSizeIterator<Item = [Field<'v>; 9]> + Send {
    rows.iter().map(|row| {
        [
            Field::Int(row.id),
            Field::Int(row.partition_id),
            Field::Int(row.position),
            Field::Text(&row.bytes.reason),
            Field::Bytes(&row.bytes.raw),
            row.bytes
                .headers
                .as_deref()
                .map_or(Field::Null, Field::Text),
            Field::Moment(stamp.now),
            Field::int(row.bytes.whole.as_ref().map(|whole| whole.length)),
            row.bytes
                .whole
                .as_ref()
                .map_or(Field::Null, |whole| Field::Bytes(whole.hash.as_bytes())),
        ]
    })
}

impl Plan<'_> {
    /// The record chain's links over what came and over the checkpoints that moved.
    pub(crate) fn links(&self, stamp: &Stamp) -> Vec<NewLink> {
        let mut links = Vec::with_capacity(4 + self.mine.len());
        let came = &self.arrivals;
        if let (Some(first), Some(last)) = (came.events.first(), came.events.last()) {
            let (span, rows) = (Span::keys(first.id, last.id), events(&came.events, stamp));
            links.push(NewLink::over(&kinds::EVENT, span, digest(rows)));
        }
        let decided = &self.sorted.outcomes;
        if let (Some(first), Some(last)) = (decided.first(), decided.last()) {
            let span = Span::keys(first.event_id, last.event_id);
            let rows = digest(outcomes(decided, stamp));
            links.push(NewLink::over(&kinds::OUTCOME, span, rows));
        }
        if let (Some(first), Some(last)) = (came.repetitions.first(), came.repetitions.last()) {
            let span = Span::keys(first.id, last.id);
            let rows = digest(repetitions(&came.repetitions, stamp));
            links.push(NewLink::over(&kinds::REPETITION, span, rows));
        }
        if let (Some(first), Some(last)) = (came.quarantine.first(), came.quarantine.last()) {
            let span = Span::keys(first.id, last.id);
            let rows = digest(quarantine(&came.quarantine, stamp));
            links.push(NewLink::over(&kinds::QUARANTINE, span, rows));
        }
        for (batch, partition_id) in &self.mine {
            let span = Span::keys(batch.from, batch.through).of(*partition_id);
            links.push(NewLink::fact(CHECKPOINT, span, count(batch.inputs())));
        }
        links
    }
}
