//! The one way into the books for what sources bring.
//!
//! A commit whose answer is lost is read back: the checkpoint says whether it happened. While nobody
//! answers that either, the writer stays in doubt, and settles it before it writes the same batches again.

use crate::books::Names;
use crate::intake::{IntakeBatch, IntakeSummary, Stamp};
use crate::take::{Taken, TakenAll};
use crate::{Store, StoreError};

/// Writes batches, one transaction each.
#[derive(Debug)]
pub struct Writer {
    store: Store,
    names: Names,
    /// A commit of which nobody knows yet whether it happened.
    doubt: Option<Doubt>,
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
}

impl Writer {
    /// A writer into a store.
    pub fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
            names: Names::default(),
            doubt: None,
        }
    }

    /// Writes the batches of several partitions with their checkpoints: each all or nothing.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails. Nothing is written then, except after
    /// [`StoreError::CommitUnknown`]: then nobody knows, and the same batches, given again, are first
    /// looked for.
    pub async fn write(
        &mut self,
        batches: &[IntakeBatch],
        stamp: &Stamp,
    ) -> Result<Written, StoreError> {
        let doubt = self.doubt.take();
        if let Some(doubt) = doubt.filter(|doubt| doubt.batches == described(batches)) {
            return self.settle(batches, doubt, stamp).await;
        }
        let outcome = self.attempt(batches, stamp).await;
        if outcome.is_err() {
            // What the transaction learnt may have gone with it.
            self.names = Names::default();
        }
        outcome
    }

    async fn attempt(
        &mut self,
        batches: &[IntakeBatch],
        stamp: &Stamp,
    ) -> Result<Written, StoreError> {
        let mut tx = self.store.begin_briefly().await?;
        // Only after the writer's row, so that whoever holds these can go on.
        let mut keys = self.store.keys().lock().await;
        let all = tx
            .take_all(batches, &mut self.names, &mut keys, stamp)
            .await?;
        match tx.commit().await {
            Ok(()) => {
                keys.reached(all.last_event);
                Ok(Written::new(all, false))
            }
            Err(StoreError::CommitUnknown(error)) => {
                drop(keys);
                self.names = Names::default();
                self.read_back(batches, all, error).await
            }
            Err(error) => Err(error),
        }
    }

    /// Finds out whether a lost commit happened; while that cannot be found out, it stays in doubt.
    async fn read_back(
        &mut self,
        batches: &[IntakeBatch],
        all: TakenAll,
        lost: sqlx::Error,
    ) -> Result<Written, StoreError> {
        match self.is_written(batches, &all.taken).await {
            Ok(true) => Ok(Written::new(all, true)),
            Ok(false) => Err(not_written(lost)),
            Err(error) => {
                self.doubt = Some(Doubt {
                    batches: described(batches),
                    all,
                });
                Err(unsettled(error))
            }
        }
    }

    async fn settle(
        &mut self,
        batches: &[IntakeBatch],
        doubt: Doubt,
        stamp: &Stamp,
    ) -> Result<Written, StoreError> {
        match self.is_written(batches, &doubt.all.taken).await {
            Ok(true) => Ok(Written::new(doubt.all, true)),
            Ok(false) => self.attempt(batches, stamp).await,
            Err(error) => {
                self.doubt = Some(doubt);
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
                let found: Option<(i64, i64)> = on_tx!(&mut tx, db =>
                    sqlx::query_as(sql!("intake/partition"))
                        .bind(&batch.source).bind(&batch.partition).fetch_optional(db).await?);
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
