//! Periods that an ERP has closed, asked before anything is written for it: what falls into one is held back until it is
//! open there or, where the target says so, goes to the first day that is.

use crate::config::ClosedPeriods;
use connectors::erp::OpenPeriods;
use formats::erp::{ExportBatch, ExportEntry};
use ledger::{EntryHeader, JournalEntry};

/// Moves entries out of closed periods; gives those that have nowhere to go, and takes them out.
pub(super) fn keep_open(
    open: &OpenPeriods,
    closed: ClosedPeriods,
    batch: &mut ExportBatch,
) -> Vec<(i64, String)> {
    let mut nowhere = Vec::new();
    let entries = std::mem::take(&mut batch.entries).into_iter();
    batch.entries = entries
        .filter_map(|item| {
            let id = item.id;
            placed(open, closed, item)
                .map_err(|why| nowhere.push((id, why)))
                .ok()
        })
        .collect();
    nowhere
}

fn placed(
    open: &OpenPeriods,
    closed: ClosedPeriods,
    item: ExportEntry,
) -> Result<ExportEntry, String> {
    let header = item.entry.header();
    // What the ERP does not know at all is refused where its name is looked up.
    let Some(days) = open.get(&header.entity) else {
        return Ok(item);
    };
    if days
        .iter()
        .any(|(from, to)| (from..=to).contains(&&header.date))
    {
        return Ok(item);
    }
    let after = days.iter().filter(|(from, _)| *from > header.date);
    let first = after.map(|(from, _)| *from).min();
    match (closed, first) {
        (ClosedPeriods::NextOpen, Some(date)) => {
            let moved = EntryHeader {
                date,
                description: format!("{} (of {})", header.description, header.date),
                ..header.clone()
            };
            let entry = JournalEntry::new(moved, item.entry.lines().to_vec())
                .map_err(|error| error.to_string())?;
            Ok(ExportEntry { entry, ..item })
        }
        (ClosedPeriods::Hold | ClosedPeriods::NextOpen, _) => Err(format!(
            "the target takes nothing of `{}` on {}: its period there is closed or missing; open it, or say `closed_periods: next-open`",
            header.entity, header.date
        )),
    }
}
