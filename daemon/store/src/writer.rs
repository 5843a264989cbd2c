//! The one way into the books for what sources bring.
//!
//! Most batches bring nothing that is known already, so a batch is first written in the hope that it
//! does not; the event's key refuses the others, which are then taken with a look at the keys first,
//! and so are the next few. A commit whose answer is lost is read back: the checkpoint says whether it
//! happened.

use crate::books::Names;
use crate::intake::{IntakeBatch, IntakeSummary, Stamp};
use crate::take::{Look, Taken};
use crate::{Store, StoreError};

/// How many batches are taken with a look first after one that brought a known event.
const CAREFUL: u32 = 16;

/// Writes batches, one transaction each.
#[derive(Debug)]
pub struct Writer {
    store: Store,
    names: Names,
    careful: u32,
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
            careful: 0,
        }
    }

    /// Writes the batches of several partitions with their checkpoints: each all or nothing.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails. Nothing is written then, except when a commit's answer
    /// was lost and the books could not be read back either: the same batches, written again, are then
    /// found behind their checkpoints and fenced.
    pub async fn write(
        &mut self,
        batches: &[IntakeBatch],
        stamp: &Stamp,
    ) -> Result<Written, StoreError> {
        let look = if self.careful > 0 {
            Look::First
        } else {
            Look::Hopeful
        };
        let outcome = match self.attempt(batches, look, stamp).await {
            Err(error) if look == Look::Hopeful && error.is_known_event() => {
                self.names = Names::default();
                self.careful = CAREFUL;
                self.attempt(batches, Look::First, stamp).await
            }
            other => other,
        };
        match outcome {
            Ok(written) => {
                let summary = &written.summary;
                if summary.duplicates + summary.conflicts == 0 {
                    self.careful = self.careful.saturating_sub(1);
                } else {
                    self.careful = CAREFUL;
                }
                Ok(written)
            }
            Err(error) => {
                // What the transaction learnt may have gone with it.
                self.names = Names::default();
                Err(error)
            }
        }
    }

    async fn attempt(
        &mut self,
        batches: &[IntakeBatch],
        look: Look,
        stamp: &Stamp,
    ) -> Result<Written, StoreError> {
        let mut tx = self.store.begin().await?;
        let (summary, taken) = tx.take_all(batches, &mut self.names, look, stamp).await?;
        match tx.commit().await {
            Ok(()) => Ok(Written {
                summary,
                taken,
                read_back: false,
            }),
            Err(lost @ StoreError::CommitUnknown(_)) => {
                if self.is_written(batches, &taken).await? {
                    Ok(Written {
                        summary,
                        taken,
                        read_back: true,
                    })
                } else {
                    Err(not_written(lost))
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Whether a lost commit happened. Asked as a writer, so that a commit that still runs on the
    /// server is waited for.
    async fn is_written(
        &self,
        batches: &[IntakeBatch],
        taken: &[Taken],
    ) -> Result<bool, StoreError> {
        let mut tx = self.store.begin().await?;
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

/// The books say that it did not happen: then it may be tried again.
fn not_written(lost: StoreError) -> StoreError {
    match lost {
        StoreError::CommitUnknown(error) => StoreError::Database(match error {
            // The server's word about a commit that did not happen is no defect of the data.
            error @ sqlx::Error::Database(_) => error,
            error => sqlx::Error::Io(std::io::Error::other(error)),
        }),
        other => other,
    }
}
