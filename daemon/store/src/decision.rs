//! What people decide about a batch that was refused: send it again as it is, or release its entries into a
//! new one. Each is a row that says who and why.

use crate::intake::Stamp;
use crate::record::{Span, kinds};
use crate::{StoreError, Tx};
use sqlx_macros::FromRow;

/// A batch and the state that its best attempt left it in.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct BatchStanding {
    /// Its number in the store.
    pub batch_id: i64,
    /// Its name outside.
    pub uuid: String,
    /// Its number within the target.
    pub number: i64,
    /// The target's name.
    pub target: String,
    /// Entries in it.
    pub entries: i64,
    /// Its state, as `DeliveryKind::name_of` calls it.
    pub state: Option<i64>,
    /// 1 when the next export sends it.
    pub due: i64,
    /// The attempt that decides its state.
    pub attempt: Option<i64>,
    /// What the receiver said then.
    pub message: Option<String>,
    /// 1 where somebody decided that it is sent again after that attempt.
    pub resent: i64,
}

impl Tx {
    /// A batch by its outside name, with its state.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn batch_standing(
        &mut self,
        uuid: &str,
    ) -> Result<Option<BatchStanding>, StoreError> {
        Ok(
            on_tx!(&mut *self, db => sqlx::query_as(sql!("export/state"))
            .bind(uuid).fetch_optional(db).await)?,
        )
    }

    /// Lets the next export send a batch again after the attempt that was refused.
    ///
    /// # Errors
    /// [`StoreError::Database`], also when that was decided already.
    pub async fn resend_batch(
        &mut self,
        batch: i64,
        attempt: i64,
        why: &str,
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        on_tx!(&mut *self, db => sqlx::query(sql!("export/insert_resend"))
            .bind(batch).bind(attempt).bind(why).bind(stamp.now).bind(&stamp.actor)
            .execute(db).await?.rows_affected());
        let span = Span::one(attempt).of(batch);
        self.seal_rows(&kinds::BATCH_RESEND, span, stamp).await
    }

    /// Gives a batch's entries back: the next export puts them into a batch that replaces it.
    ///
    /// # Errors
    /// [`StoreError::Database`], also when that was decided already.
    pub async fn release_batch(
        &mut self,
        batch: i64,
        why: &str,
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        on_tx!(&mut *self, db => sqlx::query(sql!("export/insert_release"))
            .bind(batch).bind(why).bind(stamp.now).bind(&stamp.actor)
            .execute(db).await?.rows_affected());
        self.seal_rows(&kinds::BATCH_RELEASE, Span::one(batch), stamp)
            .await
    }
}
