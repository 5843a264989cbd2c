//! Turns: those who write one after the other, and what each tells the next.
//!
//! One that is in its turn says where the books *will* stand as soon as it knows (`ahead.rs` makes use of that),
//! and when they do. One that failed keeps its turn; one that is dropped takes all behind it along, for they may
//! have counted on it.

use crate::numbers::Counters;
use crate::outlook::{Outlook, Tell};
use futures_channel::oneshot;
use std::sync::atomic::{AtomicU32, Ordering};

/// A place in line. One that nobody was given before or after stands alone.
#[derive(Debug, Default)]
pub struct Turn {
    pub(crate) before: Option<Before>,
    pub(crate) tell: Option<Tell>,
    /// Whether what was told came to nothing.
    in_vain: bool,
    done: Option<oneshot::Sender<Option<Counters>>>,
}

/// Gives turns, one after the other.
#[derive(Debug, Default)]
pub struct Turns {
    next: Turn,
}

/// What a turn hears of the one before it.
#[derive(Debug)]
pub(crate) struct Before {
    pub(crate) outlook: oneshot::Receiver<Outlook>,
    /// That it is in the books, with the counters that it left if the outlook held.
    pub(crate) done: oneshot::Receiver<Option<Counters>>,
}

/// For how many batches nobody goes ahead: ever longer while it is in vain.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    left: AtomicU32,
    longest: AtomicU32,
}

impl Turns {
    /// The next one.
    pub fn give(&mut self) -> Turn {
        let (tell, outlook) = oneshot::channel();
        let (done, ended) = oneshot::channel();
        let before = Before {
            outlook,
            done: ended,
        };
        let next = Turn {
            before: Some(before),
            ..Turn::default()
        };
        let turn = std::mem::replace(&mut self.next, next);
        Turn {
            tell: Some(tell),
            done: Some(done),
            ..turn
        }
    }
}

impl Turn {
    /// What its write ended with; where that is well, the counters that it left, if somebody may count on them.
    pub(crate) fn ended(&mut self, outcome: Result<Option<Counters>, ()>) {
        match outcome {
            Ok(left) => {
                // Nobody may wait.
                self.tell = None;
                let done = self.done.take();
                let _alone = done.map(|done| done.send(left.filter(|_| !self.in_vain)));
            }
            Err(()) => self.in_vain |= self.tell.is_none(),
        }
    }
}

/// The most batches for which nobody goes ahead.
const LONGEST_REST: u32 = 16;

impl Rest {
    /// Whether this batch may go ahead.
    pub(crate) fn is_over(&self) -> bool {
        let less = |left: u32| left.checked_sub(1);
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .is_err()
    }

    /// What came of going ahead.
    pub(crate) fn after(&self, in_vain: bool) {
        let longest = if in_vain {
            (self.longest.load(Ordering::Relaxed) * 2).clamp(1, LONGEST_REST)
        } else {
            0
        };
        self.longest.store(longest, Ordering::Relaxed);
        self.left.store(longest, Ordering::Relaxed);
    }
}
