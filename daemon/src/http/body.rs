//! Bodies, bounded: each in bytes and time, all together in bytes.
//!
//! Room is taken as a body grows and given back with the answer. Where there is none the sender is told to
//! come again at once: to wait for room while one holds some would let a few slow senders stop everybody.

use super::Refused;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::http::StatusCode;
use futures_util::StreamExt as _;
use office::config::http::Limits;
use office::metric;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Room is counted in pieces of this many bytes.
const PIECE: usize = 1 << 10;

/// What a body is given at first.
const FIRST: usize = 16 << 10;

/// How much is read.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    /// The most bytes of one body.
    each: usize,
    /// Pieces that are free.
    room: Arc<Semaphore>,
    /// The longest for a body.
    time: Duration,
    /// The longest between two parts of one.
    rest: Duration,
}

/// A body in memory, and the room that it takes.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

impl Bounds {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            each: limits.body_bytes,
            room: Arc::new(Semaphore::new(limits.bytes_in_flight / PIECE)),
            time: limits.body(),
            rest: limits.idle(),
        }
    }

    /// Reads a body to its end.
    pub(super) async fn read(&self, body: Body) -> Result<Held, Refused> {
        let said = body.size_hint().exact();
        let length = said.map(|said| usize::try_from(said).unwrap_or(usize::MAX));
        if length.is_some_and(|length| length > self.each) {
            return Err(self.too_large());
        }
        let most = length.unwrap_or(self.each);
        match timeout(self.time, self.gather(body, most)).await {
            Ok(read) => read,
            Err(_elapsed) => Err(late("the body took too long to come")),
        }
    }

    async fn gather(&self, body: Body, most: usize) -> Result<Held, Refused> {
        let mut parts = body.into_data_stream();
        let (mut bytes, mut room) = (Vec::new(), None);
        loop {
            let part = match timeout(self.rest, parts.next()).await {
                Ok(Some(Ok(part))) => part,
                Ok(None) => break,
                Ok(Some(Err(error))) => {
                    let what = format!("the body broke off: {error}");
                    return Err(Refused(StatusCode::BAD_REQUEST, what));
                }
                Err(_elapsed) => return Err(late("the body came to a rest before its end")),
            };
            let length = bytes.len() + part.len();
            if length > self.each {
                return Err(self.too_large());
            }
            if length > bytes.capacity() {
                let larger = (2 * bytes.capacity()).max(FIRST).min(most).max(length);
                self.enlarge(&mut room, larger - bytes.capacity())?;
                bytes.reserve_exact(larger - bytes.len());
            }
            bytes.extend_from_slice(&part);
        }
        let bytes = Bytes::from(bytes);
        Ok(Held { bytes, _room: room })
    }

    fn enlarge(
        &self,
        room: &mut Option<OwnedSemaphorePermit>,
        bytes: usize,
    ) -> Result<(), Refused> {
        let pieces = u32::try_from(bytes.div_ceil(PIECE)).unwrap_or(u32::MAX);
        let Ok(more) = Arc::clone(&self.room).try_acquire_many_owned(pieces) else {
            metric::http_refused("bytes in flight");
            let what =
                "more bytes are on their way than there is room for; send it again in a moment";
            return Err(Refused(StatusCode::SERVICE_UNAVAILABLE, what.to_owned()));
        };
        match room {
            Some(room) => room.merge(more),
            None => *room = Some(more),
        }
        Ok(())
    }

    fn too_large(&self) -> Refused {
        let what = format!(
            "the body is larger than {} bytes; send its events in several",
            self.each
        );
        Refused(StatusCode::PAYLOAD_TOO_LARGE, what)
    }
}

fn late(what: &str) -> Refused {
    Refused(StatusCode::REQUEST_TIMEOUT, what.to_owned())
}
