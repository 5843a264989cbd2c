//! Time and ids come from outside, so that equal input gives equal bytes.

use chrono::{DateTime, Duration, Utc};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};
use uuid::Uuid;

/// Where the time comes from. Microseconds, because PostgreSQL keeps no more.
pub trait Clock: Debug + Send + Sync {
    /// The time now, truncated to microseconds.
    fn now(&self) -> DateTime<Utc>;
}

/// Where ids come from that leave the system.
pub trait IdGen: Debug + Send + Sync {
    /// A new UUID, version 7, for something of `owner`: things that are made at once for different owners get theirs
    /// whichever comes first.
    fn next_id(&self, owner: &str, now: DateTime<Utc>) -> Uuid;
}

/// Cuts a time to whole microseconds.
pub fn truncate_to_micros(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(time.timestamp_micros()).unwrap_or(time)
}

/// A clock that stands still: for the demo and for tests.
#[derive(Clone, Copy, Debug)]
pub struct FixedClock(pub DateTime<Utc>);

impl Clock for FixedClock {
    fn now(&self) -> DateTime<Utc> {
        truncate_to_micros(self.0)
    }
}

/// Ids that count up from a seed, for each owner apart: for the demo and for tests.
#[derive(Debug)]
pub struct SequentialIds {
    seed: u64,
    given: Mutex<BTreeMap<String, u64>>,
}

impl SequentialIds {
    /// Ids that differ between seeds and are the same for one.
    pub const fn new(seed: u64) -> Self {
        Self {
            seed,
            given: Mutex::new(BTreeMap::new()),
        }
    }
}

impl IdGen for SequentialIds {
    fn next_id(&self, owner: &str, now: DateTime<Utc>) -> Uuid {
        let count = {
            let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
            let next = given.entry(owner.to_owned()).or_default();
            let count = *next;
            *next += 1;
            count
        };
        let mut encoder = crate::encode::Encoder::new("tieout.id.v2");
        encoder.value(self.seed);
        encoder.value(owner);
        encoder.value(count);
        let hash = encoder.finish();
        let mut random = [0u8; 10];
        for (to, from) in random.iter_mut().zip(hash.as_bytes()) {
            *to = *from;
        }
        // A millisecond per id keeps them in the order in which they were given.
        let time = now + Duration::milliseconds(i64::try_from(count).unwrap_or(0));
        let millis = u64::try_from(time.timestamp_millis()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }
}
