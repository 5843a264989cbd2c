//! The one way into the books for what sources bring.
//!
//! A commit whose answer is lost is read back: the checkpoint says whether it happened. While nobody
//! answers that either, the writer stays in doubt, and settles it before it writes the same batches again.
//!
//! Inputs that a database refuses for what they are do not keep out the others of their batch: see `apart.rs`.
//!
//! Those who write one after the other take a [`Turn`] each, so that one can begin while the one before it
//! still writes (`ahead.rs`). They are in the books in the order of their turns.

use crate::ahead::Ahead;
use crate::books::Names;
use crate::intake::{IntakeBatch, IntakeSummary, Stamp};
use crate::numbers::Counters;
use crate::outlook::Tell;
use crate::plan::{Taken, TakenAll};
use crate::turn::{Before, Rest, Turn};
use crate::{Store, StoreError, Tx};
use futures_util::lock::Mutex;
use ledger::Class;

/// Writes batches, one transaction each.
#[derive(Debug)]
pub struct Writer {
    pub(crate) store: Store,
    pub(crate) names: Mutex<Names>,
    /// A commit of which nobody knows yet whether it happened.
    doubt: Mutex<Option<Doubt>>,
    rest: Rest,
}

#[derive(Debug)]
struct Doubt {
    /// What the batches were: source, partition, from, through.
    batches: Vec<(String, String, i64, i64)>,
    all: TakenAll,
}

/// What became of the batches of one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The counts of those that are in the books.
    pub summary: IntakeSummary,
    /// Per batch, in their order.
    pub taken: Vec<Taken>,
    /// Whether the commit's answer was lost and the books were asked instead.
    pub read_back: bool,
    /// Whether the first rows were written while the batches of the turn before still were.
    pub ahead: bool,
}

impl Writer {
    /// A writer into a store.
    pub fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
            names: Mutex::default(),
            doubt: Mutex::default(),
            rest: Rest::default(),
        }
    }

    /// Writes the batches of several partitions with their checkpoints: each all or nothing.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails. Nothing is written then, except after
    /// [`StoreError::CommitUnknown`]: then nobody knows, and the same batches, given again, are first
    /// looked for.
    pub async fn write(
        &self,
        batches: &[IntakeBatch],
        stamp: &Stamp,
    ) -> Result<Written, StoreError> {
        self.write_in_turn(&mut Turn::default(), batches, stamp)
            .await
    }

    /// The same when its turn comes, which is when the batches of the turn before are in the books; it
    /// never comes when that turn was dropped. After an error the turn is still this one's.
    ///
    /// # Errors
    /// As [`Writer::write`].
    pub async fn write_in_turn(
        &self,
        turn: &mut Turn,
        batches: &[IntakeBatch],
        stamp: &Stamp,
    ) -> Result<Written, StoreError> {
        let ahead = match &mut turn.before {
            Some(before) => self.wait(before, batches, stamp).await,
            None => None,
        };
        turn.before = None;
        let mut outcome = self.write_now(ahead, &mut turn.tell, batches, stamp).await;
        if let Err(error) = &outcome
            && error.class() == Class::Quarantine
        {
            // What was told of it came to nothing.
            turn.ended(Err(()));
            *self.names.lock().await = Names::default();
            let apart = self.write_apart(batches, stamp).await;
            outcome = apart.map(|written| (written, None));
        }
        if !matches!(outcome, Ok((_, Some(_)))) {
            // What the transaction learnt may have gone with it.
            *self.names.lock().await = Names::default();
        }
        turn.ended(match &outcome {
            Ok((_, left)) => Ok(left.clone()),
            Err(_) => Err(()),
        });
        outcome.map(|(written, _)| written)
    }

    /// Waits for the turn, and goes ahead of it if there is still somebody to go ahead of.
    async fn wait<'b>(
        &self,
        before: &mut Before,
        batches: &'b [IntakeBatch],
        stamp: &Stamp,
    ) -> Option<(Ahead<'b>, Counters)> {
        let mut ahead = None;
        let outlook = (&mut before.outlook).await;
        if let Ok(Some(_left)) = before.done.try_recv() {
            return None;
        }
        if let Ok(outlook) = outlook
            && self.rest.is_over()
        {
            let begun = Ahead::begin(&self.store, batches, &outlook, &self.names, stamp).await;
            // What fails here is tried again in turn, and is told then.
            ahead = begun.unwrap_or_default();
            if ahead.is_none() {
                self.rest.after(true);
            }
        }
        match (&mut before.done).await {
            Ok(left) => ahead.zip(left),
            Err(_dropped) => std::future::pending().await,
        }
    }

    async fn write_now(
        &self,
        ahead: Option<(Ahead<'_>, Counters)>,
        tell: &mut Option<Tell>,
        batches: &[IntakeBatch],
        stamp: &Stamp,
    ) -> Result<(Written, Option<Counters>), StoreError> {
        let doubt = self.doubt.lock().await.take();
        if let Some(doubt) = doubt.filter(|doubt| doubt.batches == described(batches))
            && let Some(written) = self.settle(batches, doubt).await?
        {
            return Ok((written, None));
        }
        if let Some((ahead, before)) = ahead {
            let keys = self.store.keys();
            let gone = ahead.go_on(batches, before, keys, tell, stamp).await?;
            self.rest.after(gone.is_none());
            if let Some((tx, all)) = gone {
                return self.commit(tx, batches, (all, true)).await;
            }
        }
        let mut tx = self.store.begin_briefly().await?;
        let keys = self.store.keys();
        let all = tx.take_all(batches, &self.names, keys, tell, stamp).await?;
        self.commit(tx, batches, (all, false)).await
    }

    pub(crate) async fn commit(
        &self,
        tx: Tx,
        batches: &[IntakeBatch],
        (all, ahead): (TakenAll, bool),
    ) -> Result<(Written, Option<Counters>), StoreError> {
        match tx.commit().await {
            Ok(()) => {
                self.store.keys().lock().await.reached(all.last.event);
                let last = all.last.clone();
                let written = Written {
                    ahead,
                    ..Written::new(all, false)
                };
                Ok((written, Some(last)))
            }
            Err(StoreError::CommitUnknown(error)) => {
                Ok((self.read_back(batches, all, error).await?, None))
            }
            Err(error) => Err(error),
        }
    }

    /// Finds out whether a lost commit happened; while that cannot be found out, it stays in doubt.
    async fn read_back(
        &self,
        batches: &[IntakeBatch],
        all: TakenAll,
        lost: sqlx::Error,
    ) -> Result<Written, StoreError> {
        match self.is_written(batches, &all.taken).await {
            Ok(true) => Ok(Written::new(all, true)),
            Ok(false) => Err(not_written(lost)),
            Err(error) => {
                *self.doubt.lock().await = Some(Doubt {
                    batches: described(batches),
                    all,
                });
                Err(unsettled(error))
            }
        }
    }

    /// What became of a commit in doubt; `None` if it never was.
    async fn settle(
        &self,
        batches: &[IntakeBatch],
        doubt: Doubt,
    ) -> Result<Option<Written>, StoreError> {
        match self.is_written(batches, &doubt.all.taken).await {
            Ok(true) => Ok(Some(Written::new(doubt.all, true))),
            Ok(false) => Ok(None),
            Err(error) => {
                *self.doubt.lock().await = Some(doubt);
                Err(unsettled(error))
            }
        }
    }

    /// Whether a lost commit happened. Asked as a writer, so that a commit that still runs on the
    /// server is waited for.
    async fn is_written(
        &self,
        batches: &[IntakeBatch],
        taken: &[Taken],
    ) -> Result<bool, StoreError> {
        let mut tx = self.store.begin_briefly().await?;
        let mut written = true;
        for (batch, taken) in batches.iter().zip(taken) {
            if *taken == Taken::Done {
                let found = tx.known_place(batch).await?;
                // At or beyond its end: it happened, whoever went on from there.
                written &= found.is_some_and(|(_, position)| position >= batch.through);
            }
        }
        Ok(written)
    }
}

impl Written {
    fn new(all: TakenAll, read_back: bool) -> Self {
        Self {
            summary: all.summary,
            taken: all.taken,
            read_back,
            ahead: false,
        }
    }
}

fn described(batches: &[IntakeBatch]) -> Vec<(String, String, i64, i64)> {
    let describe = |batch: &IntakeBatch| {
        let (source, partition) = (batch.source.clone(), batch.partition.clone());
        (source, partition, batch.from, batch.through)
    };
    batches.iter().map(describe).collect()
}

/// A failed look at the books after a lost commit leaves it unknown, whatever failed.
fn unsettled(error: StoreError) -> StoreError {
    match error {
        StoreError::Database(error) => StoreError::CommitUnknown(error),
        other => other,
    }
}

/// The books say that it did not happen: then it may be tried again.
fn not_written(lost: sqlx::Error) -> StoreError {
    StoreError::Database(match lost {
        // The server's word about a commit that did not happen is no defect of the data.
        error @ sqlx::Error::Database(_) => error,
        error => sqlx::Error::Io(std::io::Error::other(error)),
    })
}
