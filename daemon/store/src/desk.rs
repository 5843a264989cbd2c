//! Proposals and what became of them, as rows. What they mean and who may decide is the desk's own knowledge.

use crate::intake::Stamp;
use crate::record::{Span, kinds};
use crate::{Snapshot, StoreError, Tx};
use chrono::{DateTime, Utc};
use ledger::Hash;
use sqlx_macros::FromRow;

/// A proposal to be written.
#[derive(Clone, Debug)]
pub struct NewProposal {
    /// The kind of decision.
    pub kind: String,
    /// What about.
    pub subject: String,
    /// The subject as the proposer saw it.
    pub seen: Hash,
    /// The rest of the deed, as JSON.
    pub payload: String,
    /// Why.
    pub why: String,
    /// Whether another person has to decide.
    pub four_eyes: bool,
    /// In which role; empty for any.
    pub role: String,
}

/// A stored proposal, with the decision where there is one.
#[derive(Clone, Debug, FromRow)]
pub struct ProposalRow {
    /// Its number.
    pub id: i64,
    /// The kind of decision.
    pub kind: String,
    /// What about.
    pub subject: String,
    /// The subject as the proposer saw it: a hash.
    pub seen: Vec<u8>,
    /// The rest of the deed, as JSON.
    pub payload: String,
    /// Why.
    pub why: String,
    /// 2 where one person suffices, 4 where another decides.
    pub eyes: i64,
    /// In which role; empty for any.
    pub role: String,
    /// By whom.
    pub proposed_by: String,
    /// When.
    pub proposed_at: DateTime<Utc>,
    /// `approved`, `rejected` or `withdrawn`.
    pub verdict: Option<String>,
    /// By whom.
    pub decided_by: Option<String>,
    /// When.
    pub decided_at: Option<DateTime<Utc>>,
    /// Why.
    pub decided_why: Option<String>,
}

impl Snapshot {
    /// What people decided alone in a currency, as [`Tx::decided_alone`].
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn decided_alone(
        &self,
        (from, to): (DateTime<Utc>, DateTime<Utc>),
        currency: i64,
    ) -> Result<Vec<(String, String, i64)>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("desk/decided_alone"))
            .bind(from).bind(to).bind(currency).fetch_all(db).await?),
        )
    }

    /// All proposals, or one by its number.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn proposals(&self, id: Option<i64>) -> Result<Vec<ProposalRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("desk/proposals"))
            .bind(id.unwrap_or(0)).fetch_all(db).await?),
        )
    }
}

impl Tx {
    /// A proposal as it stands while others wait.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn proposal(&mut self, id: i64) -> Result<Option<ProposalRow>, StoreError> {
        if id < 1 {
            return Ok(None);
        }
        Ok(on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("desk/proposals")).bind(id).fetch_optional(db).await?))
    }

    /// What people decided alone in a currency, from one moment to another: kind, person, sum of sizes; a kind may come
    /// more than once.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn decided_alone(
        &mut self,
        (from, to): (DateTime<Utc>, DateTime<Utc>),
        currency: i64,
    ) -> Result<Vec<(String, String, i64)>, StoreError> {
        Ok(
            on_tx!(&mut *self, db => sqlx::query_as(sql!("desk/decided_alone"))
            .bind(from).bind(to).bind(currency).fetch_all(db).await?),
        )
    }

    /// The number of a proposal of this kind about this subject that nobody decided yet.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn waiting_proposal(
        &mut self,
        kind: &str,
        subject: &str,
    ) -> Result<Option<i64>, StoreError> {
        Ok(
            on_tx!(&mut *self, db => sqlx::query_scalar(sql!("desk/waiting"))
            .bind(kind).bind(subject).fetch_optional(db).await?),
        )
    }

    /// Writes a proposal; its number is given here.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_proposal(
        &mut self,
        proposal: &NewProposal,
        stamp: &Stamp,
    ) -> Result<i64, StoreError> {
        let eyes = if proposal.four_eyes { 4_i64 } else { 2 };
        let id: i64 = on_tx!(&mut *self, db => sqlx::query_scalar(sql!("desk/insert_proposal"))
            .bind(&proposal.kind).bind(&proposal.subject).bind(proposal.seen.as_bytes().as_slice())
            .bind(&proposal.payload).bind(&proposal.why).bind(eyes).bind(&proposal.role)
            .bind(&stamp.actor).bind(stamp.now).fetch_one(db).await?);
        self.seal_rows(&kinds::PROPOSAL, Span::one(id), stamp)
            .await?;
        Ok(id)
    }

    /// Writes the decision about a proposal. The database refuses a second one, and one by the proposer
    /// that is not a withdrawal.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_decision(
        &mut self,
        proposal: &ProposalRow,
        verdict: &str,
        why: &str,
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        on_tx!(&mut *self, db => sqlx::query(sql!("desk/insert_decision"))
            .bind(proposal.id).bind(verdict).bind(&proposal.proposed_by).bind(&stamp.actor)
            .bind(stamp.now).bind(why).execute(db).await?.rows_affected());
        self.seal_rows(&kinds::DECISION, Span::one(proposal.id), stamp)
            .await
    }

    /// A period's state and how many seals it has; none for a period that was never posted to.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn period_seen(
        &mut self,
        entity: &str,
        period: &str,
    ) -> Result<Option<(String, i64)>, StoreError> {
        Ok(
            on_tx!(&mut *self, db => sqlx::query_as(sql!("desk/period_seen"))
            .bind(entity).bind(period).fetch_optional(db).await?),
        )
    }

    /// What was decided about bytes in quarantine, if there are any of that number.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn quarantine_seen(&mut self, id: i64) -> Result<Option<Option<i64>>, StoreError> {
        Ok(
            on_tx!(&mut *self, db => sqlx::query_scalar(sql!("desk/quarantine_seen"))
            .bind(id).fetch_optional(db).await?),
        )
    }
}
