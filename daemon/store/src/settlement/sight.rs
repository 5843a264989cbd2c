//! What was seen at the sources of settlement files: so that a file is taken when it has come to rest, and not
//! fetched again while it lies there as it did.
//!
//! A look is added where it says something new; the newest of a name counts.

use crate::bulk::Field;
use crate::intake::Stamp;
use crate::record::{Span, kinds};
use crate::{Store, StoreError, Tx};
use chrono::{DateTime, Utc};
use ledger::Hash;
use sqlx_macros::FromRow;

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing yet: it may not be complete.
    Seen,
    /// It was taken, or had been before; with the hash of what came, where it was fetched.
    Taken(Option<Hash>),
    /// It was refused, with the reason.
    Refused(String),
    /// It was taken and left the place: one that lies there again is another.
    PutAway,
}

/// A look at a file.
#[derive(Clone, Debug)]
pub struct NewSight {
    /// Its name there.
    pub name: String,
    /// How many bytes it has.
    pub bytes: i64,
    /// When it was last changed, on the clock of the source.
    pub changed_at: DateTime<Utc>,
    /// What became of it.
    pub outcome: Outcome,
}

/// The newest look at a file.
#[derive(Clone, Debug, FromRow)]
pub struct SightRow {
    /// Its name there.
    pub name: String,
    /// How many bytes it has.
    pub bytes: i64,
    /// When it was last changed, on the clock of the source.
    pub changed_at: DateTime<Utc>,
    /// 0 seen, 1 taken, 2 refused, 3 put away.
    outcome: i64,
    /// The hash of what came.
    hash: Option<Vec<u8>>,
    /// Why it was refused.
    why: String,
    /// When that was.
    pub seen_at: DateTime<Utc>,
}

const SEEN: i64 = 0;
const TAKEN: i64 = 1;
const REFUSED: i64 = 2;
const PUT_AWAY: i64 = 3;

impl SightRow {
    /// What became of it.
    pub fn outcome(&self) -> Outcome {
        match self.outcome {
            TAKEN => Outcome::Taken(self.hash.as_deref().and_then(Hash::from_slice)),
            REFUSED => Outcome::Refused(self.why.clone()),
            PUT_AWAY => Outcome::PutAway,
            _ => Outcome::Seen,
        }
    }
}

impl Store {
    /// The newest look at each file of a source.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn settlement_sights(&self, source: &str) -> Result<Vec<SightRow>, StoreError> {
        Ok(
            on_pool!(self, db => sqlx::query_as(sql!("settlement/sights"))
            .bind(source).fetch_all(db).await)?,
        )
    }
}

impl Tx {
    /// Adds looks at files of a source.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn add_sights(
        &mut self,
        source: &str,
        sights: &[NewSight],
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        if sights.is_empty() {
            return Ok(());
        }
        let last: i64 = on_tx!(&mut *self, db =>
            sqlx::query_scalar(sql!("settlement/last_sight")).fetch_one(db).await?);
        let rows: Vec<_> = (last + 1..)
            .zip(sights)
            .map(|(id, sight)| {
                let (outcome, hash, why) = match &sight.outcome {
                    Outcome::Seen => (SEEN, None, ""),
                    Outcome::Taken(hash) => (TAKEN, hash.as_ref(), ""),
                    Outcome::Refused(why) => (REFUSED, None, why.as_str()),
                    Outcome::PutAway => (PUT_AWAY, None, ""),
                };
                [
                    Field::Int(id),
                    Field::Text(source),
                    Field::Text(&sight.name),
                    Field::Int(sight.bytes),
                    Field::Moment(sight.changed_at),
                    Field::Int(outcome),
                    hash.map_or(Field::Null, |hash| Field::Bytes(hash.as_bytes())),
                    Field::Text(why),
                    Field::Moment(stamp.now),
                    Field::Text(&stamp.actor),
                ]
            })
            .collect();
        let added = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        self.insert(kinds::SIGHTS, rows.into_iter()).await?;
        let span = Span::keys(last + 1, last.saturating_add(added));
        self.seal_rows(&kinds::SIGHT, span, stamp).await
    }
}
