//! The one place where the time and randomness of this machine come in.

use chrono::{DateTime, Utc};
use ledger::clock::truncate_to_micros;
use ledger::{Clock, IdGen};
use uuid::Uuid;

/// The machine's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everybody else is handed"
    )]
    fn now(&self) -> DateTime<Utc> {
        truncate_to_micros(Utc::now())
    }
}

/// Random ids, version 7.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RandomIds;

impl IdGen for RandomIds {
    fn next_id(&self, _owner: &str, now: DateTime<Utc>) -> Uuid {
        let mut random = [0u8; 10];
        fastrand::fill(&mut random);
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }
}
