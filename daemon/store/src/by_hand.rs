//! Matches that people make and take back.
//!
//! A match stays where it was made; what was taken back no longer stands, and its items may be matched again. Which
//! matches stand, the views `reconciliation_match` and `match_item` say, and nothing else reads the tables below them.

use crate::intake::Stamp;
use crate::record::{Span, kinds};
use crate::{Snapshot, StoreError, Tx};
use ledger::ItemRef;
use sqlx_macros::FromRow;

/// The pass of a match that a person made.
pub const PASS: &str = "by hand";

/// A match as it was made, and whether it was taken back.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct MadeMatch {
    /// Its number.
    pub id: i64,
    /// The reconciliation.
    pub reconciliation: String,
    /// The pass that found it.
    pub pass: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// Sum at the left.
    pub left_amount: i64,
    /// Sum at the right.
    pub right_amount: i64,
    /// Why.
    pub explanation: String,
    /// The decision that it comes from, where a person made it.
    pub proposal_id: Option<i64>,
    /// Who took it back.
    pub undone_by: Option<String>,
}

impl Snapshot {
    /// The number of the newest match of all.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn newest_match(&self) -> Result<i64, StoreError> {
        Ok(on_snapshot!(self, db =>
            sqlx::query_scalar(sql!("items/newest_match")).fetch_one(db).await?))
    }

    /// The match of an item in a reconciliation that stands: number and pass.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn match_of_item(
        &self,
        reconciliation: &str,
        item: ItemRef,
    ) -> Result<Option<(i64, String)>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("reconciliation/match_of_item"))
            .bind(reconciliation).bind(item.kind.number()).bind(item.id).bind(item.sub)
            .fetch_optional(db).await?),
        )
    }
}

impl Tx {
    /// A match, as it stands while others wait.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn match_made(&mut self, id: i64) -> Result<Option<MadeMatch>, StoreError> {
        Ok(
            on_tx!(&mut *self, db => sqlx::query_as(sql!("reconciliation/match_made"))
            .bind(id).fetch_optional(db).await?),
        )
    }

    /// Whether anything was matched in a reconciliation after this match.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn has_matched_since(
        &mut self,
        reconciliation: &str,
        newest: i64,
    ) -> Result<bool, StoreError> {
        let count: i64 = on_tx!(&mut *self, db => sqlx::query_scalar(sql!("items/matched_meanwhile"))
            .bind(reconciliation).bind(newest).fetch_one(db).await?);
        Ok(count > 0)
    }

    /// Takes a match back; its items are open from then on.
    ///
    /// # Errors
    /// [`StoreError::Database`], also when it was taken back already.
    pub async fn undo_match(
        &mut self,
        made: &MadeMatch,
        (proposal, why): (i64, &str),
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        let id: i64 = on_tx!(&mut *self, db => sqlx::query_scalar(sql!("reconciliation/insert_undone"))
            .bind(made.id).bind(&made.reconciliation).bind(proposal).bind(why).bind(stamp.now)
            .bind(&stamp.actor).fetch_one(db).await?);
        self.seal_rows(&kinds::MATCH_UNDONE, Span::one(id), stamp)
            .await
    }
}
