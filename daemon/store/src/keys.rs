//! Which events are in the books already, told without a search at random places of one big index.
//!
//! Keys are hashes, so an index over all of them is touched at as many places as a batch has events,
//! and the larger the books, the more of its pages are read, logged and written again. So the unique
//! index is ordered by *run* first, [`RUN`] events that arrived one after the other: inserts stay in
//! the newest run, however many there are. That an event is in no older run, [`Keys`] tells from
//! memory: a Bloom filter per run, sliced by bit, so that one look at [`PROBES`] words answers for 64
//! runs at once. It may say "perhaps", and then the index is asked; it never overlooks a key.
//!
//! What makes that a guarantee: the filters are read and written under the writer's row, after being
//! brought up to the last event that the row counts; or before it is taken, and then the row must turn out to
//! count what was presumed. A full run's filter is stored in the transaction
//! that fills the run. Two bytes per event in memory: 128 MiB for sixty-seven million events.

use crate::arrivals::{EventRow, Seen};
use crate::numbers::Counters;
use crate::prepare::Reading;
use crate::{StoreError, Tx};
use futures_util::lock::{Mutex, OwnedMutexGuard};
use ledger::hash::CONTENT_VERSION;
use ledger::{EventKey, Hash};
use sqlx_macros::FromRow;
use std::sync::Arc;

/// An event that the books know under a key.
#[derive(Debug, FromRow)]
pub(crate) struct KnownRow {
    pub(crate) key: Vec<u8>,
    pub(crate) id: i64,
    pub(crate) content_hash: Vec<u8>,
    /// Where the hash is of an older version.
    pub(crate) payload: Option<Vec<u8>>,
}

/// A run is the events whose numbers share all but their lowest bits: `id >> 16` in SQL.
const RUN_SHIFT: u32 = 16;
const RUN: i64 = 1 << RUN_SHIFT;

/// Bits of a run's filter: 16 per event, so that with six probes about one key in a thousand is asked
/// for in vain.
const ROW_BITS: u32 = 20;
const ROWS: usize = 1 << ROW_BITS;
const PROBES: u32 = 6;

/// Runs that share a table: one per bit of a word.
const GROUP: i64 = 64;

/// The filters of all who write into the same books from this process.
#[derive(Clone, Debug, Default)]
pub struct SharedKeys(Arc<Mutex<Keys>>);

impl SharedKeys {
    pub(crate) async fn lock(&self) -> OwnedMutexGuard<Keys> {
        Arc::clone(&self.0).lock_owned().await
    }
}

/// Filters over the keys of all events up to one.
#[derive(Default)]
pub(crate) struct Keys {
    /// The last event whose key, and those of all before it, are in.
    through: i64,
    /// Row by row one bit per run.
    groups: Vec<Vec<u64>>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys {{ through: {} }}", self.through)
    }
}

const fn run_of(event: i64) -> i64 {
    event >> RUN_SHIFT
}

/// The last event of a run.
const fn end_of(run: i64) -> i64 {
    (run << RUN_SHIFT) + RUN - 1
}

/// Where the probes of a key fall: a key is a hash, so its own bits will do.
fn rows(key: EventKey) -> impl Iterator<Item = usize> {
    let bits = u128::from_le_bytes(*key.as_bytes());
    (0..PROBES).map(move |probe| {
        let row = (bits >> (probe * ROW_BITS)) & ((1 << ROW_BITS) - 1);
        usize::try_from(row).unwrap_or(0)
    })
}

impl Keys {
    /// The group of a run and the run's bit there.
    fn place(&mut self, run: i64) -> (&mut Vec<u64>, u64) {
        let group = usize::try_from(run / GROUP).unwrap_or(0);
        while self.groups.len() <= group {
            self.groups.push(vec![0; ROWS]);
        }
        (&mut self.groups[group], 1 << (run % GROUP))
    }

    fn add(&mut self, event: i64, key: EventKey) {
        let (group, bit) = self.place(run_of(event));
        for row in rows(key) {
            group[row] |= bit;
        }
    }

    /// The runs that may hold a key.
    fn runs(&self, key: EventKey) -> impl Iterator<Item = i64> {
        self.groups
            .iter()
            .zip(0..)
            .flat_map(move |(group, number)| {
                let mut found = rows(key).fold(u64::MAX, |found, row| found & group[row]);
                std::iter::from_fn(move || {
                    let bit = i64::from(found.trailing_zeros());
                    found &= found.wrapping_sub(1);
                    (bit < GROUP).then_some(number * GROUP + bit)
                })
            })
    }

    /// A run's filter as it is stored: one bit per row.
    fn bits(&mut self, run: i64) -> Vec<u8> {
        let (group, bit) = self.place(run);
        group
            .chunks(8)
            .map(|rows| {
                let bits = rows.iter().zip(0..);
                bits.fold(0, |byte, (row, at)| byte | (u8::from(row & bit != 0) << at))
            })
            .collect()
    }

    /// Takes in the stored filters of consecutive runs of one group, all at once: 64 rows of 64 runs are
    /// a grid of bits, which is turned over.
    fn add_filters(&mut self, first: i64, filters: &[Vec<u8>]) -> Result<(), StoreError> {
        let malformed = |filter: &&Vec<u8>| filter.len() * 8 != ROWS;
        if let Some(filter) = filters.iter().find(malformed) {
            return Err(StoreError::Corrupt(format!(
                "a filter of the runs from {first} has {} bytes",
                filter.len()
            )));
        }
        let place = usize::try_from(first % GROUP).unwrap_or(0);
        let (group, _) = self.place(first);
        for (block, rows) in group.chunks_mut(64).enumerate() {
            let mut grid = [0; 64];
            for (word, filter) in grid.iter_mut().skip(place).zip(filters) {
                let bytes = filter.get(block * 8..).and_then(<[u8]>::first_chunk::<8>);
                *word = bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
            }
            turn_over(&mut grid);
            for (row, more) in rows.iter_mut().zip(grid) {
                *row |= more;
            }
        }
        Ok(())
    }

    /// The runs in which some keys may be, with each key in hexadecimal.
    pub(crate) fn perhaps(&self, wanted: impl Iterator<Item = EventKey>) -> Vec<(i64, String)> {
        wanted
            .flat_map(|key| {
                self.runs(key)
                    .map(move |run| (run, ledger::hash::hex(key.as_bytes())))
            })
            .collect()
    }

    /// Says that everything up to here is in: the transaction that wrote it was committed. Another may have
    /// been since.
    pub(crate) fn reached(&mut self, event: i64) {
        self.through = self.through.max(event);
    }
}

impl Tx {
    /// Brings the filters up to the last event in the books, whoever wrote it.
    pub(crate) async fn catch_up(&mut self, keys: &mut Keys, last: i64) -> Result<(), StoreError> {
        if keys.through > last {
            // Other books than before: a backup was restored.
            *keys = Keys::default();
        }
        while keys.through < last {
            let run = run_of(keys.through + 1);
            if self.read_filters(keys, run, last).await? {
                continue;
            }
            let through = end_of(run).min(last);
            let read: Vec<(i64, Vec<u8>)> = on_tx!(&mut *self, db =>
                sqlx::query_as(sql!("keys/between")).bind(keys.through).bind(through)
                    .fetch_all(db).await?);
            for (event, key) in &read {
                keys.add(*event, key_of(*event, key)?);
            }
            keys.through = through;
        }
        Ok(())
    }

    /// Takes the stored filters of the full runs from one on, to the end of its group at most; false where
    /// there is none.
    async fn read_filters(
        &mut self,
        keys: &mut Keys,
        first: i64,
        last: i64,
    ) -> Result<bool, StoreError> {
        // Numbers begin with 1, so the first run has one event less.
        let begun = keys.through >= (first << RUN_SHIFT).max(1);
        if begun || end_of(first) > last {
            return Ok(false);
        }
        let beyond = run_of(last + 1).min((first / GROUP + 1) * GROUP);
        let stored: Vec<(i64, Vec<u8>)> = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("keys/filters")).bind(first).bind(beyond).fetch_all(db).await?);
        // Books from before there were filters have none for their oldest runs.
        let filters: Vec<Vec<u8>> = (first..)
            .zip(stored)
            .take_while(|(wanted, (run, _))| wanted == run)
            .map(|(_, (_, bits))| bits)
            .collect();
        let found = i64::try_from(filters.len()).unwrap_or(0);
        if found == 0 {
            return Ok(false);
        }
        keys.add_filters(first, &filters)?;
        keys.through = end_of(first + found - 1);
        Ok(true)
    }

    /// Those of some keys that are in the books, with their events and contents.
    /// A content whose hash is of an older version is worked out again, so that it can be compared.
    pub(crate) async fn known(
        &mut self,
        perhaps: Vec<(i64, String)>,
        reading: Reading,
    ) -> Result<Seen, StoreError> {
        if perhaps.is_empty() {
            return Ok(Seen::default());
        }
        let perhaps = crate::books::json(&perhaps)?;
        let statement = sql_of!(&*self, "keys/known");
        let rows: Vec<KnownRow> = on_tx!(&mut *self, db =>
            sqlx::query_as(statement).bind(&perhaps).bind(CONTENT_VERSION).fetch_all(db).await?);
        rows.into_iter()
            .map(|row| {
                let stored = Hash::from_slice(&row.content_hash).ok_or_else(|| {
                    StoreError::Corrupt(format!("event {} has a malformed hash", row.id))
                })?;
                let again = row.payload.as_deref().and_then(reading);
                let content = again.unwrap_or(stored);
                Ok((key_of(row.id, &row.key)?, (row.id, content)))
            })
            .collect()
    }

    /// Adds new events to the filters, and stores the filters of the runs that they fill.
    pub(crate) async fn add_keys(
        &mut self,
        keys: &mut Keys,
        events: &[EventRow<'_>],
        before: &Counters,
        after: &Counters,
    ) -> Result<(), StoreError> {
        for row in events {
            keys.add(row.id, row.event.key);
        }
        for run in run_of(before.event + 1)..run_of(after.event + 1) {
            on_tx!(&mut *self, db => sqlx::query(sql!("keys/insert_filter"))
                .bind(run).bind(keys.bits(run)).execute(db).await?.rows_affected());
        }
        Ok(())
    }
}

/// Makes rows of columns: bit `c` of word `r` goes to bit `r` of word `c`, by swapping ever smaller blocks.
fn turn_over(grid: &mut [u64; 64]) {
    let (mut size, mut mask) = (32, u64::from(u32::MAX));
    while size > 0 {
        let mut at = 0;
        while at < 64 {
            let swap = ((grid[at] >> size) ^ grid[at + size]) & mask;
            grid[at] ^= swap << size;
            grid[at + size] ^= swap;
            at = (at + size + 1) & !size;
        }
        size >>= 1;
        mask ^= mask << size;
    }
}

fn key_of(event: i64, bytes: &[u8]) -> Result<EventKey, StoreError> {
    EventKey::from_slice(bytes)
        .ok_or_else(|| StoreError::Corrupt(format!("event {event} has a malformed key")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: i64) -> EventKey {
        EventKey::new("//tests", &number.to_string())
    }

    #[test]
    fn no_key_is_overlooked_and_few_are_asked_for_in_vain() {
        let mut keys = Keys::default();
        // Two full runs, one of them in the second group, and a part of another.
        let events = [
            0..RUN,
            GROUP * RUN..(GROUP + 1) * RUN,
            5 * RUN..5 * RUN + 100,
        ];
        for event in events.iter().cloned().flatten() {
            keys.add(event, key(event));
        }
        for event in events.into_iter().flatten() {
            assert!(
                keys.runs(key(event)).any(|run| run == run_of(event)),
                "event {event}"
            );
        }
        let others = (GROUP + 1) * RUN..(GROUP + 1) * RUN + 100_000;
        let vain: usize = others.map(|event| keys.runs(key(event)).count()).sum();
        // 0.094 per cent expected for a full run, two of which are there.
        assert!((100..300).contains(&vain), "{vain} of 100000");
    }

    #[test]
    fn a_stored_filter_is_the_filter() {
        let mut keys = Keys::default();
        // Two of the first group's last runs, and the first of the second.
        for event in 62 * RUN..65 * RUN {
            keys.add(event, key(event));
        }
        let mut read = Keys::default();
        let filters = [keys.bits(62), keys.bits(63)];
        read.add_filters(62, &filters).unwrap();
        read.add_filters(64, &[keys.bits(64)]).unwrap();
        assert!(keys.groups == read.groups);
        assert!(read.add_filters(3, &[vec![0; 8]]).is_err());
    }
}
