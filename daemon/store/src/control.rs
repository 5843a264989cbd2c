//! The counts and sums of the control equation, from the rows themselves.

use crate::{Snapshot, StoreError};
use sqlx_macros::FromRow;

/// What became of everything that a source brought.
#[derive(Clone, Debug, FromRow, serde::Serialize)]
pub struct IntakeControl {
    /// The source's name.
    pub source: String,
    /// Inputs counted when the checkpoint moved.
    pub received: i64,
    /// Seen before, equal.
    pub duplicates: i64,
    /// Seen before, different.
    pub conflicts: i64,
    /// No event.
    pub quarantined: i64,
    /// Without effect, by a rule.
    pub ignored: i64,
    /// Waiting for a cure.
    pub suspended: i64,
    /// In the journal.
    pub posted: i64,
}

impl IntakeControl {
    /// Received less all outcomes; zero when nothing is lost.
    pub const fn difference(&self) -> i64 {
        self.received
            - self.duplicates
            - self.conflicts
            - self.quarantined
            - self.ignored
            - self.suspended
            - self.posted
    }
}

/// How many entries a target has.
#[derive(Clone, Debug, FromRow, serde::Serialize)]
pub struct TargetControl {
    /// The target's name.
    pub target: String,
    /// Its kind of connector.
    pub kind: String,
    /// Entries in the journal.
    pub posted: i64,
    /// Entries in one of its batches.
    pub exported: i64,
    /// Batches.
    pub batches: i64,
}

/// A batch in the state of its best attempt.
#[derive(Clone, Debug, FromRow)]
pub struct BatchState {
    /// The target's name.
    pub target: String,
    /// The batch.
    pub id: i64,
    /// Its name outside.
    pub uuid: String,
    /// Its number within the target.
    pub number: i64,
    /// Its entries.
    pub entries: i64,
    /// 1 delivered, 2 acknowledged, 3 rejected, 4 unknown, 5 released; none when it was never sent.
    pub state: Option<i64>,
    /// What the receiver said then.
    pub message: Option<String>,
}

/// How many documents of a batch are in one state.
#[derive(Clone, Debug, FromRow)]
pub struct DocumentStates {
    /// The target's name.
    pub target: String,
    /// The batch.
    pub batch_id: i64,
    /// As of a batch; 6 differs.
    pub state: Option<i64>,
    /// Entries in them.
    pub entries: i64,
}

/// What a target was sent, and what was read back from it, of one entity, period and currency of books.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct ReadBack {
    /// The target's name.
    pub target: String,
    /// The entity's code.
    pub entity: String,
    /// The period's code.
    pub period: String,
    /// The ISO number of the currency of the entity's books.
    pub currency_id: i64,
    /// Documents that were exported.
    pub documents: i64,
    /// Their debits, in minor units.
    pub debit: i64,
    /// Documents that were read back, and are what was sent.
    pub read_documents: i64,
    /// Their debits.
    pub read_debit: i64,
    /// Documents that stand there otherwise.
    pub differing: i64,
}

/// An entry that a target could not be written.
#[derive(Clone, Debug, FromRow)]
pub struct HeldEntry {
    /// The target's name.
    pub target: String,
    /// The entry.
    pub entry_id: i64,
    /// The outside name of the batch that left it out.
    pub uuid: String,
    /// Why.
    pub why: String,
}

/// Entries and amounts of one entity, period and currency, in minor units.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct EntryTotal {
    /// The entity's code.
    pub entity: String,
    /// The period's code.
    pub period: String,
    /// The ISO number of the currency.
    pub currency_id: i64,
    /// Entries with a line in this currency.
    pub entries: i64,
    /// Sum of debits.
    pub debit: i64,
    /// Sum of credits.
    pub credit: i64,
}

/// The same for what a target's batches hold.
#[derive(Clone, Debug, FromRow)]
pub struct ExportedTotal {
    /// The target's name.
    pub target: String,
    /// The totals.
    #[sqlx(flatten)]
    pub total: EntryTotal,
}

impl Snapshot {
    /// Per source: everything received and its outcomes.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn intake_control(&self) -> Result<Vec<IntakeControl>, StoreError> {
        Ok(on_snapshot!(self, db => sqlx::query_as(sql!("control/intake")).fetch_all(db).await)?)
    }

    /// Events without an outcome, and events whose outcome disagrees with their entries.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn stray_events(&self) -> Result<(Vec<i64>, Vec<i64>), StoreError> {
        let without: Vec<i64> = on_snapshot!(self, db =>
            sqlx::query_scalar(sql!("control/events_without_outcome")).fetch_all(db).await?);
        let disagree: Vec<i64> = on_snapshot!(self, db =>
            sqlx::query_scalar(sql!("control/posted_without_entry")).fetch_all(db).await?);
        Ok((without, disagree))
    }

    /// Per target: entries exported.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn target_control(&self) -> Result<Vec<TargetControl>, StoreError> {
        Ok(on_snapshot!(self, db => sqlx::query_as(sql!("control/targets")).fetch_all(db).await)?)
    }

    /// Per batch: its state.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn batch_states(&self) -> Result<Vec<BatchState>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("control/batch_states")).fetch_all(db).await)?,
        )
    }

    /// Per batch whose documents are answered one by one: how many are in which state.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn document_states(&self) -> Result<Vec<DocumentStates>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("control/document_states")).fetch_all(db).await)?,
        )
    }

    /// Per target that can be read, entity and period: what was sent and what stands there.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn read_back(&self) -> Result<Vec<ReadBack>, StoreError> {
        Ok(on_snapshot!(self, db => sqlx::query_as(sql!("control/read_back")).fetch_all(db).await)?)
    }

    /// Entries that a target's batches left out, and that no later one has.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn held_entries(&self) -> Result<Vec<HeldEntry>, StoreError> {
        Ok(on_snapshot!(self, db => sqlx::query_as(sql!("control/held")).fetch_all(db).await)?)
    }

    /// Entries and amounts in the journal per entity, period and currency.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn entry_totals(&self) -> Result<Vec<EntryTotal>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("control/entry_totals")).fetch_all(db).await)?,
        )
    }

    /// The same per target, of what its batches hold.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn exported_totals(&self) -> Result<Vec<ExportedTotal>, StoreError> {
        Ok(on_snapshot!(self, db =>
            sqlx::query_as(sql!("control/exported_totals")).fetch_all(db).await)?)
    }
}
