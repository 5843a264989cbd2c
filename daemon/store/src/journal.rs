//! Reads of the journal: entries as values, balances, links, events.

use crate::rebuild::{self, Head, Part};
use crate::{Snapshot, StoreError};
use chrono::{DateTime, NaiveDate, Utc};
use ledger::chain::Link;
use ledger::{Deferral, Dimensions, EventKey, Hash, JournalEntry};
use sqlx_macros::FromRow;
use std::collections::BTreeMap;

/// An entry as it stands in the books.
#[derive(Clone, Debug)]
pub struct StoredEntry {
    /// Its number.
    pub id: i64,
    /// The event that it came from.
    pub event_id: i64,
    /// The code of its period.
    pub period: String,
    /// The hash that was stored beside it.
    pub stored_hash: Hash,
    /// The entry, built anew from its rows; or why they make none.
    pub entry: Result<JournalEntry, String>,
}

#[derive(Debug, FromRow)]
struct EntryRow {
    id: i64,
    event_id: i64,
    entity: String,
    period: String,
    accounting_on: NaiveDate,
    event_on: Option<NaiveDate>,
    kind: i64,
    reference: String,
    description: String,
    event_key: Vec<u8>,
    mapping: Vec<u8>,
    rule: String,
    rate: Option<String>,
    hash: Vec<u8>,
    functional_id: i64,
}

#[derive(Debug, FromRow)]
struct LineRow {
    entry_id: i64,
    account: String,
    side: i64,
    amount: i64,
    currency_id: i64,
    functional: i64,
    dimensions: Option<String>,
    release_account: Option<String>,
    method: Option<String>,
    start_on: Option<NaiveDate>,
    end_on: Option<NaiveDate>,
}

#[derive(Debug, FromRow)]
struct LinkRow {
    id: i64,
    first_entry: i64,
    entries: i64,
    root: Vec<u8>,
    previous: Vec<u8>,
    hash: Vec<u8>,
}

/// A link with the hash that was stored for it.
#[derive(Clone, Copy, Debug)]
pub struct StoredLink {
    /// What the link says.
    pub link: Link,
    /// Its stored hash.
    pub hash: Hash,
}

/// A balance, or the sum of lines that should equal it. Minor units.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct BalanceRow {
    /// The entity's code.
    pub entity: String,
    /// The period's code.
    pub period: String,
    /// The account's name.
    pub account: String,
    /// The ISO number of the transaction currency.
    pub currency_id: i64,
    /// The ISO number of the functional currency.
    pub functional_id: i64,
    /// Sum of debits.
    pub debit: i64,
    /// Sum of credits.
    pub credit: i64,
    /// Sum of debits, functional.
    pub functional_debit: i64,
    /// Sum of credits, functional.
    pub functional_credit: i64,
}

/// An event as it is decided again.
#[derive(Clone, Debug, FromRow)]
pub struct DecidedEvent {
    /// Its number.
    pub id: i64,
    /// Its bytes.
    pub payload: Vec<u8>,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// What became of it: 1 posted, 2 ignored, 3 suspended.
    pub outcome: i64,
}

/// A stored event with its outcome.
#[derive(Clone, Debug, FromRow)]
pub struct EventRow {
    /// Its number.
    pub id: i64,
    /// Its key.
    pub key: Vec<u8>,
    /// The hash over its content.
    pub content_hash: Vec<u8>,
    /// The event's `source`.
    pub origin: String,
    /// The event's `type`.
    pub event_type: String,
    /// The configured source that brought it.
    pub source: String,
    /// The partition.
    pub partition_name: String,
    /// The position there.
    pub position: i64,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// When it was taken.
    pub received_at: DateTime<Utc>,
    /// The bytes.
    pub payload: Vec<u8>,
    /// 1 posted, 2 ignored, 3 suspended.
    pub outcome: i64,
    /// Why it is suspended.
    pub reason: Option<String>,
    /// The rule that decided.
    pub rule: Option<String>,
}

/// An event's bytes beside its hashes.
#[derive(Clone, Debug, FromRow)]
pub struct EventBytes {
    /// Its number.
    pub id: i64,
    /// Its key.
    pub key: Vec<u8>,
    /// The hash over its content.
    pub content_hash: Vec<u8>,
    /// The version of the function that made that hash.
    pub content_version: i64,
    /// The bytes.
    pub payload: Vec<u8>,
}

/// An event that came again.
#[derive(Clone, Debug, FromRow)]
pub struct RepetitionRow {
    /// Its number.
    pub id: i64,
    /// The event that it repeats.
    pub event_id: i64,
    /// 1 duplicate, 2 conflict.
    pub kind: i64,
    /// The source.
    pub source: String,
    /// The partition.
    pub partition_name: String,
    /// The position.
    pub position: i64,
    /// The bytes of the event that came first.
    pub payload: Vec<u8>,
}

impl Snapshot {
    /// How far the journal goes: the highest entry and how many there are.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn journal_extent(&self) -> Result<(i64, i64), StoreError> {
        Ok(on_snapshot!(self, db =>
            sqlx::query_as(sql!("journal/extent")).fetch_one(db).await)?)
    }

    /// The entries with `after < id <= through`, each built anew from its rows.
    ///
    /// # Errors
    /// [`StoreError::Database`]. Rows that make no entry are told in [`StoredEntry::entry`].
    pub async fn entries(&self, after: i64, through: i64) -> Result<Vec<StoredEntry>, StoreError> {
        let heads: Vec<EntryRow> = on_snapshot!(self, db => sqlx::query_as(sql!("journal/entries"))
            .bind(after).bind(through).fetch_all(db).await?);
        let lines: Vec<LineRow> = on_snapshot!(self, db => sqlx::query_as(sql!("journal/lines"))
            .bind(after).bind(through).fetch_all(db).await?);
        let mut by_entry = BTreeMap::<i64, Vec<LineRow>>::new();
        for line in lines {
            by_entry.entry(line.entry_id).or_default().push(line);
        }
        heads
            .into_iter()
            .map(|head| {
                let lines = by_entry.remove(&head.id).unwrap_or_default();
                let stored_hash = Hash::from_slice(&head.hash).unwrap_or(Hash::ZERO);
                Ok(StoredEntry {
                    id: head.id,
                    event_id: head.event_id,
                    period: head.period.clone(),
                    stored_hash,
                    entry: rebuild(head, lines),
                })
            })
            .collect()
    }

    /// One entry.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn entry(&self, id: i64) -> Result<Option<StoredEntry>, StoreError> {
        Ok(self.entries(id - 1, id).await?.into_iter().next())
    }

    /// All links of the chain, in order.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn links(&self) -> Result<Vec<StoredLink>, StoreError> {
        let rows: Vec<LinkRow> = on_snapshot!(self, db =>
            sqlx::query_as(sql!("journal/links")).fetch_all(db).await?);
        Ok(rows
            .into_iter()
            .map(|row| StoredLink {
                link: Link {
                    batch: row.id,
                    first_entry: row.first_entry,
                    entries: row.entries,
                    root: Hash::from_slice(&row.root).unwrap_or(Hash::ZERO),
                    previous: Hash::from_slice(&row.previous).unwrap_or(Hash::ZERO),
                },
                hash: Hash::from_slice(&row.hash).unwrap_or(Hash::ZERO),
            })
            .collect())
    }

    /// The balances that postings keep.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn balances(&self) -> Result<Vec<BalanceRow>, StoreError> {
        Ok(on_snapshot!(self, db => sqlx::query_as(sql!("journal/balances")).fetch_all(db).await)?)
    }

    /// The same from the lines themselves, by a full scan: what [`Snapshot::balances`] must equal.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn line_sums(&self) -> Result<Vec<BalanceRow>, StoreError> {
        Ok(on_snapshot!(self, db => sqlx::query_as(sql!("journal/line_sums")).fetch_all(db).await)?)
    }

    /// An event with its outcome.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn event(&self, id: i64) -> Result<Option<EventRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("journal/event"))
            .bind(id).fetch_optional(db).await)?,
        )
    }

    /// Events with their bytes, in order, for checking them against their hashes.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn event_bytes(&self, after: i64, limit: i64) -> Result<Vec<EventBytes>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("journal/event_bytes"))
            .bind(after).bind(limit).fetch_all(db).await)?,
        )
    }

    /// How many keys more than one event has: none, or the books took an event twice. A full scan.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn keys_twice(&self) -> Result<i64, StoreError> {
        Ok(on_snapshot!(self, db => sqlx::query_scalar(sql!("keys/twice")).fetch_one(db).await)?)
    }

    /// The number of the event with this id, whichever source named it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn events_named(&self, id: &str) -> Result<Vec<i64>, StoreError> {
        let origins: Vec<String> = on_snapshot!(self, db =>
            sqlx::query_scalar(sql!("journal/origins")).fetch_all(db).await?);
        let mut found = Vec::new();
        for origin in origins {
            let key = EventKey::new(&origin, id);
            let event: Option<i64> = on_snapshot!(self, db =>
                sqlx::query_scalar(sql!("journal/event_by_key"))
                    .bind(key.as_bytes().as_slice()).fetch_optional(db).await?);
            found.extend(event);
        }
        Ok(found)
    }

    /// The entries of an event.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn entries_of_event(&self, event: i64) -> Result<Vec<i64>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_scalar(sql!("journal/entries_of_event"))
            .bind(event).fetch_all(db).await)?,
        )
    }

    /// The entries with a reference.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn entries_by_reference(&self, reference: &str) -> Result<Vec<i64>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_scalar(sql!("journal/entries_by_reference"))
            .bind(reference).fetch_all(db).await)?,
        )
    }

    /// The events with `after < id <= through`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn decided_events(
        &self,
        after: i64,
        through: i64,
    ) -> Result<Vec<DecidedEvent>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("journal/events_page"))
            .bind(after).bind(through).fetch_all(db).await?),
        )
    }

    /// The number of the last event.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn last_event(&self) -> Result<i64, StoreError> {
        Ok(on_snapshot!(self, db =>
            sqlx::query_scalar(sql!("journal/last_event")).fetch_one(db).await?))
    }

    /// Everything that came again.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn repetitions(&self) -> Result<Vec<RepetitionRow>, StoreError> {
        Ok(on_snapshot!(self, db =>
            sqlx::query_as(sql!("journal/repetitions")).fetch_all(db).await)?)
    }
}

fn rebuild(head: EntryRow, lines: Vec<LineRow>) -> Result<JournalEntry, String> {
    let parts = lines.into_iter().map(part);
    let head = Head {
        entity: &head.entity,
        functional_id: head.functional_id,
        date: head.accounting_on,
        event_on: head.event_on,
        kind: head.kind,
        reference: head.reference,
        description: head.description,
        key: &head.event_key,
        mapping: &head.mapping,
        rule: &head.rule,
        rate: head.rate.as_deref(),
    };
    rebuild::entry(head, parts)
}

fn part(row: LineRow) -> Result<Part, String> {
    let dimensions = match row.dimensions {
        Some(json) => serde_json::from_str(&json).map_err(|e| e.to_string())?,
        None => Dimensions::new(),
    };
    let deferral = match (row.release_account, row.method, row.start_on, row.end_on) {
        (Some(release_account), Some(method), Some(from), Some(to)) => Some(Deferral {
            release_account,
            method,
            from,
            to,
        }),
        _ => None,
    };
    Ok(Part {
        account: row.account,
        side: row.side,
        amount: row.amount,
        currency_id: row.currency_id,
        functional: row.functional,
        dimensions,
        deferral,
    })
}
