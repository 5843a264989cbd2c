//! Intake and posting: events, outcomes, entries, balances, chain and checkpoint in one
//! transaction.
//!
//! In order: (1) the checkpoint must stand where the caller read it; (2) each item gets its one
//! outcome, duplicates and conflicts by the event's key; (3) a decision to post into a closed period
//! becomes a suspension; (4) rows are written in bulk; (5) balances move by the sums of the batch;
//! (6) the chain gets its next link; (7) the checkpoint moves.

use crate::books::Dictionary;
use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use ledger::chain::{Link, merkle_root};
use ledger::hash::hex;
use ledger::{Decision, EventKey, Hash, Posting, Side};
use sqlx::FromRow;
use std::collections::BTreeMap;

/// An event that could be read, and what a rule decided about it.
#[derive(Clone, Debug)]
pub struct DecidedEvent {
    /// The identity.
    pub key: EventKey,
    /// The hash over its canonical content.
    pub content: Hash,
    /// The event's `source`.
    pub origin: String,
    /// The event's `type`.
    pub event_type: String,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// The bytes as received.
    pub payload: Vec<u8>,
    /// What the rules say.
    pub decision: Decision,
}

/// One input with its place in the source.
#[derive(Clone, Debug)]
pub struct IntakeItem {
    /// Its position: byte offset, Kafka offset or running number.
    pub position: i64,
    /// What became of it.
    pub content: IntakeContent,
}

/// Whether bytes are an event.
#[derive(Clone, Debug)]
pub enum IntakeContent {
    /// They are.
    Event(Box<DecidedEvent>),
    /// They are not: kept whole.
    Unreadable {
        /// The bytes.
        raw: Vec<u8>,
        /// Why.
        reason: String,
    },
}

/// A run of inputs from one partition of a source.
#[derive(Clone, Debug)]
pub struct IntakeBatch {
    /// The source's name in the configuration.
    pub source: String,
    /// Its kind: `file`, `kafka`, `http`.
    pub source_kind: String,
    /// The partition: file, topic and number.
    pub partition: String,
    /// Where the checkpoint stood when the caller read it.
    pub from: i64,
    /// Where it stands after this batch.
    pub through: i64,
    /// The inputs in order.
    pub items: Vec<IntakeItem>,
    /// The mapping version that decided.
    pub mapping: Hash,
}

/// Who writes, and when.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// The time.
    pub now: DateTime<Utc>,
    /// The person or job.
    pub actor: String,
}

/// What became of a batch, in counts. `received` is the sum of the next six.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct IntakeSummary {
    /// Inputs taken.
    pub received: i64,
    /// Events posted.
    pub posted: i64,
    /// Events that a rule ignores.
    pub ignored: i64,
    /// Events that wait for a cure.
    pub suspended: i64,
    /// Seen before, with equal content.
    pub duplicates: i64,
    /// Seen before, with other content.
    pub conflicts: i64,
    /// Bytes that are no event.
    pub quarantined: i64,
    /// Entries made.
    pub entries: i64,
}

impl IntakeSummary {
    /// Adds another batch's counts.
    pub fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.posted += other.posted;
        self.ignored += other.ignored;
        self.suspended += other.suspended;
        self.duplicates += other.duplicates;
        self.conflicts += other.conflicts;
        self.quarantined += other.quarantined;
        self.entries += other.entries;
    }
}

/// A suspended event, to be tried again.
#[derive(Clone, Debug, FromRow)]
pub struct SuspendedEvent {
    /// Its number.
    pub id: i64,
    /// Its bytes.
    pub payload: Vec<u8>,
    /// Why it waits.
    pub reason: Option<String>,
}

#[derive(Debug, FromRow)]
struct KnownRow {
    key: Vec<u8>,
    id: i64,
    content_hash: Vec<u8>,
}

#[derive(Clone, Copy, Debug, FromRow)]
struct LastIds {
    event: i64,
    entry: i64,
    repetition: i64,
    quarantine: i64,
    batch: i64,
}

struct EventRow<'a> {
    id: i64,
    origin_id: i64,
    type_id: i64,
    position: i64,
    event: &'a DecidedEvent,
}

struct OutcomeRow {
    event_id: i64,
    kind: i64,
    rule_id: Option<i64>,
    reason: Option<String>,
}

struct RepetitionRow<'a> {
    id: i64,
    event_id: i64,
    kind: i64,
    position: i64,
    event: &'a DecidedEvent,
}

struct QuarantineRow<'a> {
    id: i64,
    position: i64,
    raw: &'a [u8],
    reason: &'a str,
}

struct EntryRow<'a> {
    id: i64,
    event_id: i64,
    entity_id: i64,
    period_id: i64,
    rule_id: i64,
    hash: Hash,
    posting: &'a Posting,
}

struct LineRow {
    entry_id: i64,
    line_no: i64,
    account_id: i64,
    side: Side,
    amount: i64,
    currency_id: i64,
    functional: i64,
    dimension_set_id: i64,
}

struct ScheduleRow<'a> {
    entry_id: i64,
    line_no: i64,
    account_id: i64,
    deferral: &'a ledger::Deferral,
}

/// Rows beside the journal that one transaction adds.
#[derive(Default)]
struct IntakeRows<'a> {
    events: Vec<EventRow<'a>>,
    outcomes: Vec<OutcomeRow>,
    repetitions: Vec<RepetitionRow<'a>>,
    quarantine: Vec<QuarantineRow<'a>>,
}

/// A batch while its items get their outcomes.
struct Sorting<'a> {
    /// Events known before, and those of this batch so far.
    seen: BTreeMap<EventKey, (i64, Hash)>,
    last: LastIds,
    dictionary: Dictionary,
    rows: IntakeRows<'a>,
    journal: JournalRows<'a>,
    summary: IntakeSummary,
}

/// Rows of the journal that one transaction adds.
#[derive(Default)]
struct JournalRows<'a> {
    entries: Vec<EntryRow<'a>>,
    lines: Vec<LineRow>,
    schedules: Vec<ScheduleRow<'a>>,
    /// By entity, period, account, currency: debit, credit, functional debit, functional credit.
    balances: BTreeMap<(i64, i64, i64, i64), [i64; 4]>,
}

impl crate::Store {
    /// Where the checkpoint of a partition stands; 0 when nothing was taken yet.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn checkpoint(&self, source: &str, partition: &str) -> Result<i64, StoreError> {
        let row: Option<(i64, i64)> = on_pool!(self, db => sqlx::query_as(sql!("intake/partition"))
            .bind(source).bind(partition).fetch_optional(db).await?);
        Ok(row.map_or(0, |(_, position)| position))
    }

    /// The next suspended events after one, in order.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn suspended_after(
        &self,
        after: i64,
        limit: i64,
    ) -> Result<Vec<SuspendedEvent>, StoreError> {
        Ok(
            on_pool!(self, db => sqlx::query_as(sql!("intake/suspended"))
            .bind(after).bind(limit).fetch_all(db).await)?,
        )
    }
}

impl Tx {
    /// Takes a batch: see the module's account of the order.
    ///
    /// # Errors
    /// [`StoreError::CheckpointMoved`] when another instance took the partition over; other
    /// [`StoreError`]s when the database fails. Nothing is written then.
    pub async fn take(
        &mut self,
        batch: &IntakeBatch,
        stamp: &Stamp,
    ) -> Result<IntakeSummary, StoreError> {
        let partition_id = self.check_position(batch).await?;
        let mut sorting = Sorting {
            seen: self.known_events(batch).await?,
            last: self.last_ids().await?,
            dictionary: self.dictionary().await?,
            rows: IntakeRows::default(),
            journal: JournalRows::default(),
            summary: IntakeSummary {
                received: count(batch.items.len()),
                ..Default::default()
            },
        };
        for item in &batch.items {
            self.sort(&mut sorting, batch.mapping, item).await?;
        }
        let Sorting {
            rows,
            journal,
            mut summary,
            last,
            ..
        } = sorting;
        summary.entries = count(journal.entries.len());
        self.insert_events(partition_id, &rows.events, stamp)
            .await?;
        self.insert_outcomes(&rows.outcomes, stamp).await?;
        self.insert_repetitions(partition_id, &rows.repetitions, stamp)
            .await?;
        self.insert_quarantine(partition_id, &rows.quarantine, stamp)
            .await?;
        self.write_journal(&journal, last.batch, stamp).await?;
        self.advance(partition_id, batch).await?;
        Ok(summary)
    }

    /// Gives an item its one outcome.
    async fn sort<'a>(
        &mut self,
        sorting: &mut Sorting<'a>,
        mapping: Hash,
        item: &'a IntakeItem,
    ) -> Result<(), StoreError> {
        let position = item.position;
        let event = match &item.content {
            IntakeContent::Unreadable { raw, reason } => {
                sorting.last.quarantine += 1;
                sorting.summary.quarantined += 1;
                let id = sorting.last.quarantine;
                sorting.rows.quarantine.push(QuarantineRow {
                    id,
                    position,
                    raw,
                    reason,
                });
                return Ok(());
            }
            IntakeContent::Event(event) => event.as_ref(),
        };
        if let Some((event_id, content)) = sorting.seen.get(&event.key).copied() {
            let kind = if content == event.content { 1 } else { 2 };
            sorting.summary.duplicates += i64::from(kind == 1);
            sorting.summary.conflicts += i64::from(kind == 2);
            sorting.last.repetition += 1;
            let id = sorting.last.repetition;
            sorting.rows.repetitions.push(RepetitionRow {
                id,
                event_id,
                kind,
                position,
                event,
            });
            return Ok(());
        }
        sorting.last.event += 1;
        let id = sorting.last.event;
        sorting.seen.insert(event.key, (id, event.content));
        let origin_id = self
            .origin_id(&mut sorting.dictionary, &event.origin)
            .await?;
        let type_id = self
            .event_type_id(&mut sorting.dictionary, &event.event_type)
            .await?;
        sorting.rows.events.push(EventRow {
            id,
            origin_id,
            type_id,
            position,
            event,
        });
        let to = Destination {
            event_id: id,
            mapping,
        };
        let Sorting {
            dictionary,
            journal,
            last,
            ..
        } = sorting;
        let outcome = self
            .decide(dictionary, journal, last, &to, &event.decision)
            .await?;
        tally(&mut sorting.summary, outcome.kind);
        sorting.rows.outcomes.push(outcome);
        Ok(())
    }

    /// Decides suspended events again; those that still wait keep their newest reason.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails; nothing is written then.
    pub async fn redecide(
        &mut self,
        decisions: &[(i64, Decision)],
        mapping: Hash,
        stamp: &Stamp,
    ) -> Result<IntakeSummary, StoreError> {
        let mut last = self.last_ids().await?;
        let mut dictionary = self.dictionary().await?;
        let mut journal = JournalRows::default();
        let mut summary = IntakeSummary {
            received: count(decisions.len()),
            ..IntakeSummary::default()
        };
        for (event_id, decision) in decisions {
            let to = Destination {
                event_id: *event_id,
                mapping,
            };
            let outcome = self
                .decide(&mut dictionary, &mut journal, &mut last, &to, decision)
                .await?;
            tally(&mut summary, outcome.kind);
            on_tx!(&mut *self, db => sqlx::query(sql!("intake/redecide"))
                .bind(outcome.event_id).bind(outcome.kind).bind(outcome.rule_id)
                .bind(&outcome.reason).bind(stamp.now).execute(db).await?.rows_affected());
        }
        summary.entries = count(journal.entries.len());
        self.write_journal(&journal, last.batch, stamp).await?;
        Ok(summary)
    }

    async fn check_position(&mut self, batch: &IntakeBatch) -> Result<i64, StoreError> {
        on_tx!(&mut *self, db => sqlx::query(sql!("intake/upsert_source"))
            .bind(&batch.source).bind(&batch.source_kind).execute(db).await?.rows_affected());
        on_tx!(&mut *self, db => sqlx::query(sql!("intake/upsert_partition"))
            .bind(&batch.source).bind(&batch.partition).execute(db).await?.rows_affected());
        let (id, found): (i64, i64) = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("intake/partition"))
                .bind(&batch.source).bind(&batch.partition).fetch_one(db).await?);
        if found != batch.from {
            return Err(StoreError::CheckpointMoved {
                partition: format!("{}/{}", batch.source, batch.partition),
                expected: batch.from,
                found,
            });
        }
        Ok(id)
    }

    async fn known_events(
        &mut self,
        batch: &IntakeBatch,
    ) -> Result<BTreeMap<EventKey, (i64, Hash)>, StoreError> {
        let keys: Vec<String> = batch
            .items
            .iter()
            .filter_map(|item| match &item.content {
                IntakeContent::Event(event) => Some(hex(event.key.as_bytes())),
                IntakeContent::Unreadable { .. } => None,
            })
            .collect();
        let keys =
            serde_json::to_string(&keys).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let statement = sql_of!(&*self, "intake/known");
        let rows: Vec<KnownRow> = on_tx!(&mut *self, db =>
            sqlx::query_as(statement).bind(&keys).fetch_all(db).await?);
        rows.into_iter()
            .map(|row| {
                let corrupt =
                    || StoreError::Corrupt(format!("event {} has a malformed key", row.id));
                let key = EventKey::from_slice(&row.key).ok_or_else(corrupt)?;
                let content = Hash::from_slice(&row.content_hash).ok_or_else(corrupt)?;
                Ok((key, (row.id, content)))
            })
            .collect()
    }

    async fn last_ids(&mut self) -> Result<LastIds, StoreError> {
        Ok(on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("intake/next_ids")).fetch_one(db).await)?)
    }

    /// Turns a decision into an outcome and the rows of its entries.
    async fn decide<'a>(
        &mut self,
        known: &mut Dictionary,
        journal: &mut JournalRows<'a>,
        last: &mut LastIds,
        to: &Destination,
        decision: &'a Decision,
    ) -> Result<OutcomeRow, StoreError> {
        let event_id = to.event_id;
        match decision {
            Decision::Ignored { rule, .. } => {
                let rule_id = Some(self.rule_id(known, to.mapping, rule).await?);
                Ok(OutcomeRow {
                    event_id,
                    kind: 2,
                    rule_id,
                    reason: None,
                })
            }
            Decision::Suspended { rule, reason } => {
                let rule_id = match rule {
                    Some(rule) => Some(self.rule_id(known, to.mapping, rule).await?),
                    None => None,
                };
                Ok(OutcomeRow {
                    event_id,
                    kind: 3,
                    rule_id,
                    reason: Some(reason.clone()),
                })
            }
            Decision::Posted { rule, postings } => {
                let rule_id = self.rule_id(known, to.mapping, rule).await?;
                if let Some(reason) = self.closed_period(known, postings).await? {
                    let reason = Some(reason);
                    return Ok(OutcomeRow {
                        event_id,
                        kind: 3,
                        rule_id: Some(rule_id),
                        reason,
                    });
                }
                for posting in postings {
                    last.entry += 1;
                    let ids = EntryIds {
                        entry: last.entry,
                        event: event_id,
                        rule: rule_id,
                    };
                    self.entry_rows(known, journal, &ids, posting).await?;
                }
                Ok(OutcomeRow {
                    event_id,
                    kind: 1,
                    rule_id: Some(rule_id),
                    reason: None,
                })
            }
        }
    }

    async fn closed_period(
        &mut self,
        known: &mut Dictionary,
        postings: &[Posting],
    ) -> Result<Option<String>, StoreError> {
        for posting in postings {
            let entity = &posting.entry.header().entity;
            let (entity_id, _) = entity_ids(known, entity)?;
            let (_, open) = self.period_id(known, entity_id, &posting.period).await?;
            if !open {
                return Ok(Some(format!(
                    "period {} of `{entity}` is closed; reopen it, or have the event dated later",
                    posting.period
                )));
            }
        }
        Ok(None)
    }

    async fn entry_rows<'a>(
        &mut self,
        known: &mut Dictionary,
        journal: &mut JournalRows<'a>,
        ids: &EntryIds,
        posting: &'a Posting,
    ) -> Result<(), StoreError> {
        let entry_id = ids.entry;
        let header = posting.entry.header();
        let (entity_id, _) = entity_ids(known, &header.entity)?;
        let (period_id, _) = self.period_id(known, entity_id, &posting.period).await?;
        for (index, line) in posting.entry.lines().iter().enumerate() {
            let account_id = account_id(known, &line.account)?;
            let currency = line.amount.currency();
            if known.currencies.insert(currency.numeric()) {
                self.currency(currency).await?;
            }
            let currency_id = i64::from(currency.numeric());
            let dimension_set_id = self.dimension_set_id(known, &line.dimensions).await?;
            let (amount, functional) = (line.amount.amount(), line.functional.amount());
            let sums = journal
                .balances
                .entry((entity_id, period_id, account_id, currency_id))
                .or_default();
            let (side, functional_side) = match line.side {
                Side::Debit => (0, 2),
                Side::Credit => (1, 3),
            };
            add(sums, side, amount, &line.account)?;
            add(sums, functional_side, functional, &line.account)?;
            let line_no = count(index) + 1;
            if let Some(deferral) = &line.deferral {
                let account_id = self::account_id(known, &deferral.release_account)?;
                journal.schedules.push(ScheduleRow {
                    entry_id,
                    line_no,
                    account_id,
                    deferral,
                });
            }
            journal.lines.push(LineRow {
                entry_id,
                line_no,
                account_id,
                side: line.side,
                amount,
                currency_id,
                functional,
                dimension_set_id,
            });
        }
        journal.entries.push(EntryRow {
            id: entry_id,
            event_id: ids.event,
            entity_id,
            period_id,
            rule_id: ids.rule,
            hash: posting.entry.hash(),
            posting,
        });
        Ok(())
    }

    async fn insert_events(
        &mut self,
        partition_id: i64,
        rows: &[EventRow<'_>],
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        const HEAD: &str = "INSERT INTO event (id, key, content_hash, origin_id, event_type_id, partition_id, position, occurred_at, received_at, payload) ";
        insert_rows!(self, HEAD, rows, |b, row| b
            .push_bind(row.id)
            .push_bind(row.event.key.as_bytes().as_slice())
            .push_bind(row.event.content.as_bytes().as_slice())
            .push_bind(row.origin_id)
            .push_bind(row.type_id)
            .push_bind(partition_id)
            .push_bind(row.position)
            .push_bind(row.event.occurred_at)
            .push_bind(stamp.now)
            .push_bind(row.event.payload.as_slice()));
        Ok(())
    }

    async fn insert_outcomes(
        &mut self,
        rows: &[OutcomeRow],
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        const HEAD: &str = "INSERT INTO outcome (event_id, kind, rule_id, reason, decided_at) ";
        insert_rows!(self, HEAD, rows, |b, row| b
            .push_bind(row.event_id)
            .push_bind(row.kind)
            .push_bind(row.rule_id)
            .push_bind(row.reason.as_deref())
            .push_bind(stamp.now));
        Ok(())
    }

    async fn insert_repetitions(
        &mut self,
        partition_id: i64,
        rows: &[RepetitionRow<'_>],
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        const HEAD: &str = "INSERT INTO repetition (id, event_id, kind, partition_id, position, content_hash, payload, received_at) ";
        insert_rows!(self, HEAD, rows, |b, row| b
            .push_bind(row.id)
            .push_bind(row.event_id)
            .push_bind(row.kind)
            .push_bind(partition_id)
            .push_bind(row.position)
            .push_bind(row.event.content.as_bytes().as_slice())
            .push_bind((row.kind == 2).then_some(row.event.payload.as_slice()))
            .push_bind(stamp.now));
        Ok(())
    }

    async fn insert_quarantine(
        &mut self,
        partition_id: i64,
        rows: &[QuarantineRow<'_>],
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        const HEAD: &str =
            "INSERT INTO quarantine (id, partition_id, position, reason, raw, received_at) ";
        insert_rows!(self, HEAD, rows, |b, row| b
            .push_bind(row.id)
            .push_bind(partition_id)
            .push_bind(row.position)
            .push_bind(row.reason)
            .push_bind(row.raw)
            .push_bind(stamp.now));
        Ok(())
    }

    async fn write_journal(
        &mut self,
        journal: &JournalRows<'_>,
        last_batch: i64,
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        if journal.entries.is_empty() {
            return Ok(());
        }
        self.insert_entries(&journal.entries).await?;
        self.insert_lines(&journal.lines).await?;
        const SCHEDULE: &str = "INSERT INTO schedule (entry_id, line_no, release_account_id, method, start_on, end_on) ";
        insert_rows!(self, SCHEDULE, journal.schedules, |b, row| b
            .push_bind(row.entry_id)
            .push_bind(row.line_no)
            .push_bind(row.account_id)
            .push_bind(row.deferral.method.as_str())
            .push_bind(row.deferral.from)
            .push_bind(row.deferral.to));
        for ((entity, period, account, currency), [debit, credit, f_debit, f_credit]) in
            &journal.balances
        {
            on_tx!(&mut *self, db => sqlx::query(sql!("intake/add_balance"))
                .bind(entity).bind(period).bind(account).bind(currency)
                .bind(debit).bind(credit).bind(f_debit).bind(f_credit).execute(db).await?.rows_affected());
        }
        self.append_link(&journal.entries, last_batch, stamp).await
    }

    async fn insert_entries(&mut self, rows: &[EntryRow<'_>]) -> Result<(), StoreError> {
        const HEAD: &str = "INSERT INTO entry (id, event_id, entity_id, period_id, accounting_on, kind, reference, description, rule_id, rate, hash) ";
        insert_rows!(self, HEAD, rows, |b, row| {
            let header = row.posting.entry.header();
            b.push_bind(row.id)
                .push_bind(row.event_id)
                .push_bind(row.entity_id)
                .push_bind(row.period_id)
                .push_bind(header.date)
                .push_bind(crate::journal::kind_number(header.kind))
                .push_bind(header.reference.as_str())
                .push_bind(header.description.as_str())
                .push_bind(row.rule_id)
                .push_bind(header.rate.map(|rate| rate.normalize().to_string()))
                .push_bind(row.hash.as_bytes().as_slice())
        });
        Ok(())
    }

    async fn insert_lines(&mut self, rows: &[LineRow]) -> Result<(), StoreError> {
        const HEAD: &str = "INSERT INTO line (entry_id, line_no, account_id, side, amount, currency_id, functional, dimension_set_id) ";
        insert_rows!(self, HEAD, rows, |b, row| b
            .push_bind(row.entry_id)
            .push_bind(row.line_no)
            .push_bind(row.account_id)
            .push_bind(row.side.number())
            .push_bind(row.amount)
            .push_bind(row.currency_id)
            .push_bind(row.functional)
            .push_bind(row.dimension_set_id));
        Ok(())
    }

    async fn append_link(
        &mut self,
        entries: &[EntryRow<'_>],
        last_batch: i64,
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        let previous: Option<Vec<u8>> = on_tx!(&mut *self, db =>
            sqlx::query_scalar(sql!("intake/last_link")).bind(last_batch).fetch_optional(db).await?);
        let previous = previous
            .as_deref()
            .and_then(Hash::from_slice)
            .unwrap_or(Hash::ZERO);
        let leaves: Vec<Hash> = entries.iter().map(|row| row.hash).collect();
        let link = Link {
            batch: last_batch + 1,
            first_entry: entries.first().map_or(0, |row| row.id),
            entries: count(entries.len()),
            root: merkle_root(&leaves),
            previous,
        };
        on_tx!(&mut *self, db => sqlx::query(sql!("intake/insert_link"))
            .bind(link.batch).bind(link.first_entry).bind(link.entries)
            .bind(link.root.as_bytes().as_slice()).bind(link.previous.as_bytes().as_slice())
            .bind(link.hash().as_bytes().as_slice()).bind(stamp.now).bind(&stamp.actor)
            .execute(db).await?.rows_affected());
        Ok(())
    }

    async fn advance(&mut self, partition_id: i64, batch: &IntakeBatch) -> Result<(), StoreError> {
        let moved = on_tx!(&mut *self, db => sqlx::query(sql!("intake/advance"))
            .bind(partition_id).bind(batch.from).bind(batch.through)
            .bind(count(batch.items.len())).execute(db).await?.rows_affected());
        if moved == 1 {
            return Ok(());
        }
        Err(StoreError::CheckpointMoved {
            partition: format!("{}/{}", batch.source, batch.partition),
            expected: batch.from,
            found: -1,
        })
    }
}

struct Destination {
    event_id: i64,
    mapping: Hash,
}

struct EntryIds {
    entry: i64,
    event: i64,
    rule: i64,
}

fn tally(summary: &mut IntakeSummary, kind: i64) {
    match kind {
        1 => summary.posted += 1,
        2 => summary.ignored += 1,
        _ => summary.suspended += 1,
    }
}

fn add(sums: &mut [i64; 4], place: usize, amount: i64, account: &str) -> Result<(), StoreError> {
    let overflow = || StoreError::Overflow(account.to_owned());
    let sum = sums.get_mut(place).ok_or_else(overflow)?;
    *sum = sum.checked_add(amount).ok_or_else(overflow)?;
    Ok(())
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

fn entity_ids(known: &Dictionary, code: &str) -> Result<(i64, i64), StoreError> {
    known
        .entities
        .get(code)
        .copied()
        .ok_or_else(|| StoreError::Unknown {
            what: "entity",
            name: code.to_owned(),
        })
}

fn account_id(known: &Dictionary, name: &str) -> Result<i64, StoreError> {
    known
        .accounts
        .get(name)
        .copied()
        .ok_or_else(|| StoreError::Unknown {
            what: "account",
            name: name.to_owned(),
        })
}
