//! Entries that end breaks: an event that comes of a decision, taken in as any other and in the decision's own
//! transaction, so that a break is posted away with its deed or not at all.

use crate::books::Names;
use crate::intake::{IntakeBatch, IntakePart, ReadEvent, Stamp};
use crate::record::{Span, kinds};
use crate::{Snapshot, Store, StoreError, Tx};
use chrono::{DateTime, NaiveDate, Utc};
use futures_util::lock::Mutex;
use ledger::{Decision, EventKey, Hash, ItemRef};
use sqlx_macros::FromRow;

/// The source, its kind and the partition that the books know such events by.
const SOURCE: [&str; 3] = ["breaks", "desk", "decisions"];

/// What was posted about a break.
#[derive(Clone, Debug, PartialEq, Eq, FromRow, serde::Serialize)]
pub struct PostingRow {
    /// The decision that it comes from.
    pub proposal_id: i64,
    /// The break.
    pub case_id: String,
    /// The event that was made of it.
    pub event_id: i64,
    /// Its first entry.
    pub first_entry: i64,
    /// How many there are.
    pub entries: i64,
    /// How much of the break it takes away: left less right.
    pub amount: i64,
    /// The rule that posted it.
    pub rule: String,
    /// Whether an entry of it stands.
    pub standing: bool,
}

/// How much of a break stands posted away.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct PostedAway {
    /// The break.
    pub case_id: String,
    /// Left less right.
    pub amount: i64,
    /// What people look for.
    pub reference: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// The first entry that was made of it.
    pub first_entry: i64,
    /// The account that the newest run names.
    pub account: String,
    /// Since when, by that run.
    pub since_on: Option<NaiveDate>,
}

/// What the newest run says of a break.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct FindingRow {
    /// What is wrong.
    pub kind: String,
    /// What people look for.
    pub reference: String,
    /// The account.
    pub account: String,
    /// Left less right.
    pub amount: i64,
    /// The items.
    #[sqlx(skip)]
    pub items: Vec<ItemRef>,
}

/// An event that a decision about a break makes, and what the mapping says of it.
#[derive(Clone, Debug)]
pub struct BreakEvent<'e> {
    /// The break.
    pub case: &'e str,
    /// The decision.
    pub proposal: i64,
    /// How much of the break it takes away.
    pub amount: i64,
    /// The event's identity.
    pub key: EventKey,
    /// The hash over its content.
    pub content: Hash,
    /// Its `source`.
    pub origin: &'e str,
    /// Its `type`.
    pub kind: &'e str,
    /// Its bytes.
    pub payload: Vec<u8>,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// The mapping that decided.
    pub mapping: Hash,
    /// What was decided.
    pub decision: Decision,
}

impl Snapshot {
    /// What was posted about a break, the earliest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn break_postings(&self, case: &str) -> Result<Vec<PostingRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("cases/postings"))
            .bind(case).fetch_all(db).await?),
        )
    }

    /// What a reconciliation's newest run finds and nobody has said or done anything about, the oldest first: id, kind, amount
    /// and the ISO number of its currency.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn untouched_findings(
        &self,
        reconciliation: &str,
    ) -> Result<Vec<(String, String, i64, i64)>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("cases/untouched"))
            .bind(reconciliation).fetch_all(db).await?),
        )
    }

    /// How many of the items that a break is about have been matched since it was found.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn matched_since_found(&self, id: &str) -> Result<i64, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_scalar(sql!("cases/matched_since"))
            .bind(id).fetch_one(db).await?),
        )
    }

    /// The events of postings that somebody took back.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn postings_taken_back(&self) -> Result<Vec<i64>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_scalar(sql!("cases/taken_back"))
            .fetch_all(db).await?),
        )
    }

    /// The break that an event was made about, where it was.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn break_of_event(&self, event: i64) -> Result<Option<String>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_scalar(sql!("cases/posting_of_event"))
            .bind(event).fetch_optional(db).await?),
        )
    }

    /// What the newest run says of a break; none where it does not find it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn finding(&self, id: &str) -> Result<Option<FindingRow>, StoreError> {
        let found: Option<FindingRow> = on_snapshot!(self, db =>
            sqlx::query_as(sql!("cases/finding")).bind(id).fetch_optional(db).await?);
        let Some(mut found) = found else {
            return Ok(None);
        };
        let items: Vec<(i64, i64, i64)> = on_snapshot!(self, db =>
            sqlx::query_as(sql!("cases/items_of")).bind(id).fetch_all(db).await?);
        for (kind, id, sub) in items {
            let item = ItemRef::from_numbers(kind, id, sub)
                .ok_or_else(|| StoreError::Corrupt(format!("{kind} is no kind of item")))?;
            found.items.push(item);
        }
        Ok(Some(found))
    }
}

impl Tx {
    /// What was posted about a break, as it stands while others wait.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn break_postings(&mut self, case: &str) -> Result<Vec<PostingRow>, StoreError> {
        Ok(
            on_tx!(&mut *self, db => sqlx::query_as(sql!("cases/postings"))
            .bind(case).fetch_all(db).await?),
        )
    }

    /// Whether nobody has said or done anything about a break, or waits for a decision, as it stands while others wait.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn is_untouched(&mut self, case: &str) -> Result<bool, StoreError> {
        let touched: i64 = on_tx!(&mut *self, db => sqlx::query_scalar(sql!("cases/is_untouched"))
            .bind(case).fetch_one(db).await?);
        Ok(touched == 0)
    }

    /// The breaks of a reconciliation of which an amount stands posted away.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn posted_away(
        &mut self,
        reconciliation: &str,
    ) -> Result<Vec<PostedAway>, StoreError> {
        Ok(
            on_tx!(&mut *self, db => sqlx::query_as(sql!("cases/standing"))
            .bind(reconciliation).fetch_all(db).await?),
        )
    }

    /// The entries of a posting that stand.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn standing_entries(&mut self, proposal: i64) -> Result<Vec<i64>, StoreError> {
        Ok(
            on_tx!(&mut *self, db => sqlx::query_scalar(sql!("cases/entries_standing"))
            .bind(proposal).fetch_all(db).await?),
        )
    }

    /// The newest entry that corrects another, as it stands while others wait.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn newest_correction(&mut self) -> Result<i64, StoreError> {
        Ok(on_tx!(&mut *self, db =>
            sqlx::query_scalar(sql!("correction/last")).fetch_one(db).await?))
    }

    /// Takes an event in that a decision of this transaction made; none where it is not posted, and then the
    /// transaction is not to be committed.
    ///
    /// # Errors
    /// As [`crate::writer::Writer::write`].
    pub async fn post_break(
        &mut self,
        store: &Store,
        event: BreakEvent<'_>,
        stamp: &Stamp,
    ) -> Result<Option<PostingRow>, StoreError> {
        let Decision::Posted { rule, .. } = &event.decision else {
            return Ok(None);
        };
        let rule = rule.clone();
        let (proposal, case, amount) = (event.proposal, event.case, event.amount);
        let batch = self.own_batch(event).await?;
        let names = Mutex::new(Names::default());
        let taken = self
            .take_all(&[batch], &names, store.keys(), &mut None, stamp)
            .await?;
        let entries = taken.summary.entries;
        if taken.summary.posted != 1 || entries < 1 {
            return Ok(None);
        }
        let row = PostingRow {
            proposal_id: proposal,
            case_id: case.to_owned(),
            event_id: taken.last.event,
            first_entry: taken.last.entry - entries + 1,
            entries,
            amount,
            rule,
            standing: true,
        };
        on_tx!(&mut *self, db => sqlx::query(sql!("cases/insert_posting"))
            .bind(row.proposal_id).bind(&row.case_id).bind(row.event_id).bind(row.first_entry)
            .bind(row.entries).bind(row.amount).execute(db).await?.rows_affected());
        let span = Span::one(row.proposal_id);
        self.seal_rows(&kinds::BREAK_POSTING, span, stamp).await?;
        Ok(Some(row))
    }

    /// One event, from where the checkpoint of such events stands.
    async fn own_batch(&mut self, event: BreakEvent<'_>) -> Result<IntakeBatch, StoreError> {
        let [source, kind, partition] = SOURCE;
        let mut batch = IntakeBatch {
            source: source.to_owned(),
            source_kind: kind.to_owned(),
            partition: partition.to_owned(),
            from: 0,
            through: 0,
            parts: Vec::new(),
        };
        batch.from = self.known_place(&batch).await?.map_or(0, |(_, at)| at);
        batch.through = batch.from + 1;
        let mut part = IntakePart::new(event.mapping);
        let read = ReadEvent {
            key: event.key,
            content: event.content,
            occurred_at: event.occurred_at,
            origin: part.origin(event.origin),
            event_type: part.event_type(event.kind),
            payload: event.payload.into(),
        };
        part.event(batch.from, read, event.decision);
        batch.parts.push(part);
        Ok(batch)
    }
}
