//! A batch of which the database refuses something for what it is: a text that it cannot hold, a sum beyond
//! its numbers.
//!
//! The door refuses what is known to be refused (`ledger::bounds`); this is for what nobody thought of. In
//! one transaction the batch is taken in halves, and halves of halves, each behind a savepoint, until what is
//! refused stands alone. That event goes to quarantine with the database's words, the others go in. The
//! checkpoint moves with the last piece, so that nobody ever sees a part of it.

use crate::books::Names;
use crate::intake::{IntakeBatch, IntakeSummary, Stamp};
use crate::keys::Keys;
use crate::plan::TakenAll;
use crate::writer::{Writer, Written};
use crate::{StoreError, Tx};
use ledger::Class;
use std::ops::Range;

impl Writer {
    /// Writes batches, and puts into quarantine what the database refuses.
    pub(crate) async fn write_apart(
        &self,
        batches: &[IntakeBatch],
        stamp: &Stamp,
    ) -> Result<Written, StoreError> {
        let written = self.pieces(batches, stamp).await;
        if written.is_err() {
            // They learnt of events that never were.
            *self.store.keys().lock().await = Keys::default();
        }
        written
    }

    async fn pieces(&self, batches: &[IntakeBatch], stamp: &Stamp) -> Result<Written, StoreError> {
        let mut tx = self.store.begin_briefly().await?;
        let ground = tx.ground(batches).await?;
        let mut all = TakenAll {
            summary: IntakeSummary::default(),
            taken: ground.taken(batches),
            last: ground.counters.clone(),
        };
        let mine = ground.mine(batches).into_iter().rev();
        let mut left: Vec<IntakeBatch> = mine.map(|(batch, _)| batch.clone()).collect();
        while let Some(piece) = left.pop() {
            match self.take_piece(&mut tx, &piece, stamp).await {
                Ok(taken) => {
                    all.summary.add(&taken.summary);
                    all.last = taken.last;
                }
                Err(error) if error.class() == Class::Quarantine => {
                    left.extend(piece.apart(error)?);
                }
                Err(error) => return Err(error),
            }
        }
        let (written, _) = self.commit(tx, batches, (all, false)).await?;
        Ok(written)
    }

    /// Takes a piece, or leaves the transaction as it was.
    async fn take_piece(
        &self,
        tx: &mut Tx,
        piece: &IntakeBatch,
        stamp: &Stamp,
    ) -> Result<TakenAll, StoreError> {
        tx.say("SAVEPOINT piece").await?;
        let (pieces, keys) = (std::slice::from_ref(piece), self.store.keys());
        let taken = tx
            .take_all(pieces, &self.names, keys, &mut None, stamp)
            .await;
        if let Err(error) = &taken
            && error.class() == Class::Quarantine
        {
            *self.names.lock().await = Names::default();
            tx.say("ROLLBACK TO SAVEPOINT piece").await?;
        }
        tx.say("RELEASE SAVEPOINT piece").await?;
        taken
    }
}

impl Tx {
    async fn say(&mut self, statement: &'static str) -> Result<(), StoreError> {
        on_tx!(self, db => sqlx::raw_sql(statement).execute(db).await?.rows_affected());
        Ok(())
    }
}

impl IntakeBatch {
    /// Two halves, the second one first; or the one event, in quarantine. What is neither keeps its error.
    fn apart(mut self, error: StoreError) -> Result<Vec<Self>, StoreError> {
        let inputs = self.inputs();
        if inputs > 1 {
            let middle = inputs / 2;
            let mut second = self.slice(middle..inputs);
            let mut first = self.slice(0..middle);
            // The checkpoint stays until all of it is in.
            (first.through, second.from) = (self.from, self.from);
            return Ok(vec![second, first]);
        }
        let reason = format!("the books refused it: {}", in_words(&error));
        let refused = self.parts.iter_mut().any(|part| part.refuse(&reason));
        if refused { Ok(vec![self]) } else { Err(error) }
    }

    fn slice(&self, places: Range<usize>) -> Self {
        let mut parts = Vec::new();
        let mut begin = 0;
        for part in &self.parts {
            let end = begin + part.len();
            let (from, to) = (places.start.max(begin), places.end.min(end));
            if from < to {
                parts.push(part.slice(from - begin..to - begin));
            }
            begin = end;
        }
        Self {
            parts,
            source: self.source.clone(),
            source_kind: self.source_kind.clone(),
            partition: self.partition.clone(),
            ..*self
        }
    }
}

/// An error with all its causes.
fn in_words(error: &StoreError) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        words.push_str(&format!(": {next}"));
        cause = next.source();
    }
    words
}
