//! The transaction: (1) every checkpoint must stand where its batch begins; (2) items get their
//! outcomes, known events as repetitions; (3) rows go in, in bulk; (4) balances move by the sums of the batch; (5) the chain gets
//! its next link; (6) checkpoints and counters move. What must always hold is checked on the way.

use crate::arrivals::{Arrivals, EventRow, QuarantineRow, RepetitionRow};
use crate::books::Names;
use crate::bulk::Kind::{Bytes, Day, Int, Moment, Text};
use crate::bulk::{Field, Table};
use crate::intake::{IntakeBatch, IntakeSummary, Stamp};
use crate::keys::Keys;
use crate::prepare::{IntakePart, Prepared, PreparedDecision};
use crate::sort::{Counters, EntryRow, Found, JournalRows, OutcomeRow, Sorted, Sorting, count};
use crate::{StoreError, Tx};
use futures_util::future::join;
use ledger::chain::{Link, merkle_root};
use ledger::{Decision, EventKey, Hash};
use sqlx::FromRow;

/// What became of a partition's batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is in the books.
    Done,
    /// Its checkpoint stands elsewhere: another instance took the partition over.
    Fenced {
        /// Where the checkpoint stands.
        found: i64,
    },
}

#[derive(Debug, FromRow)]
pub(crate) struct KnownRow {
    pub(crate) key: Vec<u8>,
    pub(crate) id: i64,
    pub(crate) content_hash: Vec<u8>,
}

/// What a transaction over several partitions would write, once it is committed.
#[derive(Debug)]
pub(crate) struct TakenAll {
    pub(crate) summary: IntakeSummary,
    pub(crate) taken: Vec<Taken>,
    pub(crate) last_event: i64,
}

#[derive(Debug, FromRow)]
struct LastRows {
    event: i64,
    entry: i64,
    head: Option<Vec<u8>>,
}

impl Tx {
    /// Takes the batches of several partitions; those whose checkpoint stands elsewhere are left out
    /// and told.
    pub(crate) async fn take_all(
        &mut self,
        batches: &[IntakeBatch],
        names: &mut Names,
        keys: &mut Keys,
        stamp: &Stamp,
    ) -> Result<TakenAll, StoreError> {
        let mut taken = Vec::with_capacity(batches.len());
        let mut mine = Vec::with_capacity(batches.len());
        for batch in batches {
            let (partition_id, found) = self.position(batch).await?;
            if found == batch.from {
                mine.push((batch, partition_id));
                taken.push(Taken::Done);
            } else {
                taken.push(Taken::Fenced { found });
            }
        }
        let counters = self.counters().await?;
        self.catch_up(keys, counters.event).await?;
        let seen = self.known(keys, event_keys(&mine)).await?;
        names.closed = self.closed_periods().await?;
        let arrivals = loop {
            match Arrivals::look(&mine, names, &seen, &counters) {
                Ok(arrivals) => break arrivals,
                Err(missing) => self.learn(names, &missing).await?,
            }
        };
        let sorted = self.insert_arrivals(&arrivals, names, stamp).await?;
        self.write(&arrivals, &sorted, &counters, stamp).await?;
        self.add_keys(keys, &arrivals.events, &counters, &sorted.last)
            .await?;
        for (batch, partition_id) in &mine {
            self.advance(*partition_id, batch).await?;
        }
        let mut summary = sorted.summary;
        summary.add(&arrivals.summary);
        Ok(TakenAll {
            summary,
            taken,
            last_event: sorted.last.event,
        })
    }

    /// Decides suspended events again; those that still wait keep their newest reason.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails; nothing is written then.
    pub async fn redecide(
        &mut self,
        decisions: Vec<(i64, Decision)>,
        mapping: Hash,
        stamp: &Stamp,
    ) -> Result<IntakeSummary, StoreError> {
        let mut prepared = Prepared::default();
        let decisions: Vec<(i64, PreparedDecision)> = decisions
            .into_iter()
            .map(|(event, decision)| (event, prepared.decision(decision, mapping)))
            .collect();
        let counters = self.counters().await?;
        let mut names = Names {
            closed: self.closed_periods().await?,
            ..Names::default()
        };
        let sorted = self
            .sorted(
                |sorting| {
                    let mut found = Found::in_part(&prepared);
                    for (event, decision) in &decisions {
                        sorting.decision(*event, decision, &mut found)?;
                    }
                    sorting.add_balances(found)
                },
                &mut names,
                &counters,
            )
            .await?;
        for outcome in &sorted.outcomes {
            let changed = on_tx!(&mut *self, db => sqlx::query(sql!("intake/redecide"))
                .bind(outcome.event_id).bind(outcome.kind).bind(outcome.rule_id)
                .bind(outcome.reason.as_deref()).bind(stamp.now).execute(db).await?.rows_affected());
            // Somebody else decided it in between: what is posted stays posted once.
            if changed != 1 {
                return Err(StoreError::CheckpointMoved {
                    partition: format!("event {}", outcome.event_id),
                    expected: 3,
                    found: -1,
                });
            }
        }
        self.write_journal(&sorted.journal, &counters, sorted.last, stamp)
            .await?;
        let mut summary = sorted.summary;
        summary.received = count(decisions.len());
        Ok(summary)
    }

    /// Sorts, and learns the names that are missing, until none is.
    pub(crate) async fn sorted<'b>(
        &mut self,
        sort: impl Fn(&mut Sorting<'b, '_>) -> Result<(), StoreError>,
        names: &mut Names,
        last: &Counters,
    ) -> Result<Sorted<'b>, StoreError> {
        loop {
            match Sorted::by(&sort, names, last)? {
                Ok(sorted) => return Ok(sorted),
                Err(missing) => self.learn(names, &missing).await?,
            }
        }
    }

    /// Writes what came, and sorts what was decided about it while the database takes the events.
    async fn insert_arrivals<'b>(
        &mut self,
        arrivals: &Arrivals<'b>,
        names: &mut Names,
        stamp: &Stamp,
    ) -> Result<Sorted<'b>, StoreError> {
        let sort = |sorting: &mut Sorting<'b, '_>| sorting.arrivals(arrivals);
        let inserting = self.insert_events(&arrivals.events, stamp);
        let sorting = async { Sorted::by(sort, names, &arrivals.last) };
        let (inserted, sorted) = join(inserting, sorting).await;
        inserted?;
        let sorted = match sorted? {
            Ok(sorted) => sorted,
            Err(missing) => {
                self.learn(names, &missing).await?;
                self.sorted(sort, names, &arrivals.last).await?
            }
        };
        self.insert_repetitions(&arrivals.repetitions, stamp)
            .await?;
        self.insert_quarantine(&arrivals.quarantine, stamp).await?;
        Ok(sorted)
    }

    /// The number of a partition and where its checkpoint stands; a new one is made known.
    async fn position(&mut self, batch: &IntakeBatch) -> Result<(i64, i64), StoreError> {
        let found: Option<(i64, i64)> = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("intake/partition"))
                .bind(&batch.source).bind(&batch.partition).fetch_optional(db).await?);
        if let Some(found) = found {
            return Ok(found);
        }
        on_tx!(&mut *self, db => sqlx::query(sql!("intake/upsert_source"))
            .bind(&batch.source).bind(&batch.source_kind).execute(db).await?.rows_affected());
        on_tx!(&mut *self, db => sqlx::query(sql!("intake/upsert_partition"))
            .bind(&batch.source).bind(&batch.partition).execute(db).await?.rows_affected());
        Ok(on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("intake/partition"))
                .bind(&batch.source).bind(&batch.partition).fetch_one(db).await?))
    }

    /// The writer's counters, after comparing them with the last rows of the tables: a journal whose
    /// end was cut off, or that grew behind our back, takes no more.
    pub(crate) async fn counters(&mut self) -> Result<Counters, StoreError> {
        let counters: Counters = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("intake/counters")).fetch_one(db).await?);
        let found: LastRows = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("intake/last_rows")).bind(counters.batch).fetch_one(db).await?);
        for (what, wanted, found) in [
            ("event", counters.event, found.event),
            ("entry", counters.entry, found.entry),
        ] {
            if wanted != found {
                return Err(StoreError::Invariant(format!(
                    "the last {what} written was {wanted} and the last in the books is {found}"
                )));
            }
        }
        let head = found.head.unwrap_or_else(|| Hash::ZERO.as_bytes().to_vec());
        if head != counters.head {
            return Err(StoreError::Invariant(format!(
                "posting batch {} is not the one that the chain ended with",
                counters.batch
            )));
        }
        Ok(counters)
    }

    /// Outcomes and the journal, if every input has its one outcome.
    async fn write(
        &mut self,
        arrivals: &Arrivals<'_>,
        sorted: &Sorted<'_>,
        counters: &Counters,
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        let (came, decided) = (&arrivals.summary, &sorted.summary);
        let outcomes = decided.posted
            + decided.ignored
            + decided.suspended
            + came.duplicates
            + came.conflicts
            + came.quarantined;
        if outcomes != came.received || arrivals.events.len() != sorted.outcomes.len() {
            return Err(StoreError::Invariant(format!(
                "{} inputs have {outcomes} outcomes",
                came.received
            )));
        }
        self.insert_outcomes(&sorted.outcomes, stamp).await?;
        self.write_journal(&sorted.journal, counters, sorted.last.clone(), stamp)
            .await
    }

    async fn insert_events(
        &mut self,
        rows: &[EventRow<'_>],
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        const EVENT: Table<10> = Table {
            name: "event",
            columns: [
                ("id", Int),
                ("key", Bytes),
                ("content_hash", Bytes),
                ("origin_id", Int),
                ("event_type_id", Int),
                ("partition_id", Int),
                ("position", Int),
                ("occurred_at", Moment),
                ("received_at", Moment),
                ("payload", Bytes),
            ],
        };
        let rows = rows.iter().map(|row| {
            [
                Field::Int(row.id),
                Field::Bytes(row.event.key.as_bytes()),
                Field::Bytes(row.event.content.as_bytes()),
                Field::Int(row.origin_id),
                Field::Int(row.type_id),
                Field::Int(row.partition_id),
                Field::Int(row.position),
                Field::Moment(row.event.occurred_at),
                Field::Moment(stamp.now),
                Field::Bytes(&row.event.payload),
            ]
        });
        self.insert(EVENT, rows).await
    }

    async fn insert_outcomes(
        &mut self,
        rows: &[OutcomeRow<'_>],
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        const OUTCOME: Table<5> = Table {
            name: "outcome",
            columns: [
                ("event_id", Int),
                ("kind", Int),
                ("rule_id", Int),
                ("reason", Text),
                ("decided_at", Moment),
            ],
        };
        let rows = rows.iter().map(|row| {
            [
                Field::Int(row.event_id),
                Field::Int(row.kind),
                Field::int(row.rule_id),
                row.reason.as_deref().map_or(Field::Null, Field::Text),
                Field::Moment(stamp.now),
            ]
        });
        self.insert(OUTCOME, rows).await
    }

    async fn insert_repetitions(
        &mut self,
        rows: &[RepetitionRow<'_>],
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        const REPETITION: Table<8> = Table {
            name: "repetition",
            columns: [
                ("id", Int),
                ("event_id", Int),
                ("kind", Int),
                ("partition_id", Int),
                ("position", Int),
                ("content_hash", Bytes),
                ("payload", Bytes),
                ("received_at", Moment),
            ],
        };
        let rows = rows.iter().map(|row| {
            let conflict = row.kind == 2;
            [
                Field::Int(row.id),
                Field::Int(row.event_id),
                Field::Int(row.kind),
                Field::Int(row.partition_id),
                Field::Int(row.position),
                Field::Bytes(row.event.content.as_bytes()),
                if conflict {
                    Field::Bytes(&row.event.payload)
                } else {
                    Field::Null
                },
                Field::Moment(stamp.now),
            ]
        });
        self.insert(REPETITION, rows).await
    }

    async fn insert_quarantine(
        &mut self,
        rows: &[QuarantineRow<'_>],
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        const QUARANTINE: Table<7> = Table {
            name: "quarantine",
            columns: [
                ("id", Int),
                ("partition_id", Int),
                ("position", Int),
                ("reason", Text),
                ("raw", Bytes),
                ("headers", Text),
                ("received_at", Moment),
            ],
        };
        let rows = rows.iter().map(|row| {
            [
                Field::Int(row.id),
                Field::Int(row.partition_id),
                Field::Int(row.position),
                Field::Text(row.reason),
                Field::Bytes(row.raw),
                row.headers.map_or(Field::Null, Field::Text),
                Field::Moment(stamp.now),
            ]
        });
        self.insert(QUARANTINE, rows).await
    }

    /// Entries, lines, schedules, balances, the next link; then the counters.
    pub(crate) async fn write_journal(
        &mut self,
        journal: &JournalRows<'_>,
        before: &Counters,
        mut after: Counters,
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        if !journal.entries.is_empty() {
            if let Some(imbalance) = journal.imbalance() {
                return Err(StoreError::Invariant(imbalance));
            }
            // While the database takes the entries, their root is worked out.
            let root = async { root(&journal.entries) };
            let (inserted, root) = join(self.insert_entries(&journal.entries), root).await;
            inserted?;
            self.insert_lines(journal).await?;
            self.add_balances(journal).await?;
            let link = self
                .append_link(&journal.entries, root, before, stamp)
                .await?;
            after.batch = link.batch;
            after.head = link.hash().as_bytes().to_vec();
        }
        on_tx!(&mut *self, db => sqlx::query(sql!("intake/count"))
            .bind(after.event).bind(after.entry).bind(after.repetition).bind(after.quarantine)
            .bind(after.batch).bind(&after.head).execute(db).await?.rows_affected());
        Ok(())
    }

    async fn insert_entries(&mut self, rows: &[EntryRow<'_>]) -> Result<(), StoreError> {
        const ENTRY: Table<11> = Table {
            name: "entry",
            columns: [
                ("id", Int),
                ("event_id", Int),
                ("entity_id", Int),
                ("period_id", Int),
                ("accounting_on", Day),
                ("kind", Int),
                ("reference", Text),
                ("description", Text),
                ("rule_id", Int),
                ("rate", Text),
                ("hash", Bytes),
            ],
        };
        let rows = rows.iter().map(|row| {
            let entry = row.prepared;
            [
                Field::Int(row.id),
                Field::Int(row.event_id),
                Field::Int(row.entity_id),
                Field::Int(row.period_id),
                Field::Day(entry.date),
                Field::Int(crate::journal::kind_number(entry.kind)),
                Field::Text(&entry.reference),
                Field::Text(row.description),
                Field::Int(row.rule_id),
                entry.rate.as_deref().map_or(Field::Null, Field::Text),
                Field::Bytes(entry.hash.as_bytes()),
            ]
        });
        self.insert(ENTRY, rows).await
    }

    async fn insert_lines(&mut self, journal: &JournalRows<'_>) -> Result<(), StoreError> {
        const LINE: Table<8> = Table {
            name: "line",
            columns: [
                ("entry_id", Int),
                ("line_no", Int),
                ("account_id", Int),
                ("side", Int),
                ("amount", Int),
                ("currency_id", Int),
                ("functional", Int),
                ("dimension_set_id", Int),
            ],
        };
        let lines = journal.lines.iter().map(|row| {
            [
                Field::Int(row.entry_id),
                Field::Int(row.line_no),
                Field::Int(row.account_id),
                Field::Int(row.side.number()),
                Field::Int(row.amount),
                Field::Int(row.currency_id),
                Field::Int(row.functional),
                Field::Int(row.dimension_set_id),
            ]
        });
        self.insert(LINE, lines).await?;
        const SCHEDULE: Table<6> = Table {
            name: "schedule",
            columns: [
                ("entry_id", Int),
                ("line_no", Int),
                ("release_account_id", Int),
                ("method", Text),
                ("start_on", Day),
                ("end_on", Day),
            ],
        };
        let schedules = journal.schedules.iter().map(|row| {
            [
                Field::Int(row.entry_id),
                Field::Int(row.line_no),
                Field::Int(row.account_id),
                Field::Text(row.deferral.method.as_str()),
                Field::Day(row.deferral.from),
                Field::Day(row.deferral.to),
            ]
        });
        self.insert(SCHEDULE, schedules).await
    }

    async fn add_balances(&mut self, journal: &JournalRows<'_>) -> Result<(), StoreError> {
        let rows: Vec<[i64; 8]> = journal
            .balances
            .iter()
            .map(|(key, sums)| {
                let ((entity, period, account, currency), [debit, credit, f_debit, f_credit]) =
                    (*key, *sums);
                [
                    entity, period, account, currency, debit, credit, f_debit, f_credit,
                ]
            })
            .collect();
        let statement = sql_of!(&*self, "intake/add_balances");
        let rows = crate::books::json(&rows)?;
        on_tx!(&mut *self, db =>
            sqlx::query(statement).bind(rows).execute(db).await?.rows_affected());
        Ok(())
    }

    async fn append_link(
        &mut self,
        entries: &[EntryRow<'_>],
        root: Hash,
        before: &Counters,
        stamp: &Stamp,
    ) -> Result<Link, StoreError> {
        let link = Link {
            batch: before.batch + 1,
            first_entry: entries.first().map_or(0, |row| row.id),
            entries: count(entries.len()),
            root,
            previous: Hash::from_slice(&before.head)
                .ok_or_else(|| StoreError::Corrupt("the head of the chain is no hash".into()))?,
        };
        on_tx!(&mut *self, db => sqlx::query(sql!("intake/insert_link"))
            .bind(link.batch).bind(link.first_entry).bind(link.entries)
            .bind(link.root.as_bytes().as_slice()).bind(link.previous.as_bytes().as_slice())
            .bind(link.hash().as_bytes().as_slice()).bind(stamp.now).bind(&stamp.actor)
            .execute(db).await?.rows_affected());
        Ok(link)
    }

    async fn advance(&mut self, partition_id: i64, batch: &IntakeBatch) -> Result<(), StoreError> {
        let moved = on_tx!(&mut *self, db => sqlx::query(sql!("intake/advance"))
            .bind(partition_id).bind(batch.from).bind(batch.through)
            .bind(count(batch.inputs())).execute(db).await?.rows_affected());
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

fn root(entries: &[EntryRow<'_>]) -> Hash {
    let leaves: Vec<Hash> = entries.iter().map(|row| row.prepared.hash).collect();
    merkle_root(&leaves)
}

fn event_keys(batches: &[(&IntakeBatch, i64)]) -> impl Iterator<Item = EventKey> {
    let parts = batches.iter().flat_map(|(batch, _)| &batch.parts);
    parts.flat_map(IntakePart::keys)
}
