//! The transaction: (1) every checkpoint must stand where its batch begins; (2) items get their
//! outcomes, known events as repetitions; (3) rows go in, in bulk; (4) balances move by the sums of the batch; (5) the chain gets
//! its next link; (6) checkpoints and counters move. What must always hold is checked on the way. `ahead.rs`
//! begins it before its turn.

use crate::arrivals::{Arrivals, Seen};
use crate::books::Names;
use crate::bulk::Kind::{Bytes, Day, Int, Text};
use crate::bulk::{Field, Table};
use crate::intake::{IntakeBatch, IntakeSummary, Stamp};
use crate::keys::SharedKeys;
use crate::numbers::{Counters, count};
use crate::outlook::{Outlook, Tell};
use crate::plan::{Ground, Plan, TakenAll, event_keys, reading};
use crate::prepare::{Prepared, PreparedDecision};
use crate::record::{Head, NewLink, Span, digest, kinds};
use crate::reversal::{Redecided, TakesBack};
use crate::sort::{EntryRow, Found, JournalRows, OutcomeRow, Sorted, Sorting};
use crate::{StoreError, Tx, rows};
use futures_util::future::join;
use futures_util::lock::Mutex;
use ledger::Hash;
use ledger::chain::{Link, merkle_root};
use sqlx_macros::FromRow;

/// Where the books stand after a posting, and the record chain's link over its batch.
struct Posted {
    last: Counters,
    head: Head,
    links: Vec<NewLink>,
}

#[derive(Debug, FromRow)]
struct LastRows {
    event: i64,
    entry: i64,
    head: Option<Vec<u8>>,
    record_head: Vec<u8>,
    last_record: Option<Vec<u8>>,
}

impl Tx {
    /// Takes the batches of several partitions; those whose checkpoint stands elsewhere are left out
    /// and told. `tell` is told where the books will stand, as soon as that is known.
    pub(crate) async fn take_all(
        &mut self,
        batches: &[IntakeBatch],
        names: &Mutex<Names>,
        keys: &SharedKeys,
        tell: &mut Option<Tell>,
        stamp: &Stamp,
    ) -> Result<TakenAll, StoreError> {
        let ground = self.ground(batches).await?;
        let mine = ground.mine(batches);
        let perhaps = {
            let mut keys = keys.lock().await;
            self.catch_up(&mut keys, ground.counters.event).await?;
            keys.perhaps(event_keys(&mine))
        };
        let seen = self.known(perhaps, reading(&mine)).await?;
        let mut names = names.lock().await;
        names.closed.clone_from(&ground.closed);
        let arrivals = loop {
            let seen = (&seen, &Seen::default());
            match Arrivals::look(&mine, &names, seen, &ground.counters) {
                Ok(arrivals) => break arrivals,
                Err(missing) => self.learn(&mut names, &missing).await?,
            }
        };
        let sorted = self.insert_arrivals(&arrivals, &mut names, stamp).await?;
        // A partition that stands at its beginning may be new.
        if std::mem::take(&mut names.fresh) || ground.places.iter().any(|(_, at)| *at == 0) {
            self.seal_names(stamp).await?;
        }
        drop(names);
        let plan = Plan {
            ground,
            mine,
            arrivals,
            sorted,
        };
        plan.check()?;
        Outlook::tell(tell, &plan);
        self.insert_unkeyed(&plan.sorted, stamp).await?;
        self.finish(batches, &plan, keys, stamp).await
    }

    /// Where the books stand for some batches, under the writer's row.
    pub(crate) async fn ground(&mut self, batches: &[IntakeBatch]) -> Result<Ground, StoreError> {
        let mut places = Vec::with_capacity(batches.len());
        for batch in batches {
            places.push(self.place(batch).await?);
        }
        let counters = self.counters().await?;
        for part in batches.iter().flat_map(|batch| &batch.parts) {
            counters.are_under(part.mapping())?;
        }
        Ok(Ground {
            counters,
            closed: self.closed_periods().await?,
            places,
        })
    }

    /// Everything of a plan that comes after its events, outcomes and lines.
    pub(crate) async fn finish(
        &mut self,
        batches: &[IntakeBatch],
        plan: &Plan<'_>,
        keys: &SharedKeys,
        stamp: &Stamp,
    ) -> Result<TakenAll, StoreError> {
        let (before, sorted) = (&plan.ground.counters, &plan.sorted);
        // While the database takes the entries, what came is digested.
        let posting = self.post(&sorted.journal, before, sorted.last.clone(), stamp);
        let (posted, came) = join(posting, async { plan.links(stamp) }).await;
        let Posted {
            last,
            head,
            mut links,
        } = posted?;
        links.extend(came);
        self.append_records_at(head, links, stamp).await?;
        let mut keys = keys.lock().await;
        self.add_keys(&mut keys, &plan.arrivals.events, before, &last)
            .await?;
        drop(keys);
        for (batch, partition_id) in &plan.mine {
            self.advance(*partition_id, batch).await?;
        }
        let mut summary = sorted.summary;
        summary.add(&plan.arrivals.summary);
        Ok(TakenAll {
            summary,
            taken: plan.ground.taken(batches),
            last,
        })
    }

    /// Decides suspended events again; those that still wait keep their newest reason.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails; nothing is written then.
    pub async fn redecide(
        &mut self,
        decisions: Vec<Redecided>,
        mapping: Hash,
        stamp: &Stamp,
    ) -> Result<IntakeSummary, StoreError> {
        let mut prepared = Prepared::default();
        let mut back = Vec::with_capacity(decisions.len());
        let decisions: Vec<(i64, PreparedDecision)> = decisions
            .into_iter()
            .map(|one| {
                back.push(one.takes_back);
                (one.event, prepared.decision(one.decision, mapping))
            })
            .collect();
        let counters = self.counters().await?;
        counters.are_under(mapping)?;
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
        self.write_journal(&sorted.journal, &counters, sorted.last, stamp)
            .await?;
        if names.fresh {
            self.seal_names(stamp).await?;
        }
        let made = taken_back(counters.entry, &decisions, &sorted.outcomes, &back);
        self.note_reversals(&made, stamp).await?;
        self.decide_again(&sorted.outcomes, stamp).await?;
        let mut summary = sorted.summary;
        summary.received = count(decisions.len());
        Ok(summary)
    }

    /// Gives outcomes their next value, and keeps the former one.
    pub(crate) async fn decide_again(
        &mut self,
        outcomes: &[OutcomeRow<'_>],
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        if outcomes.is_empty() {
            return Ok(());
        }
        let last: i64 = on_tx!(&mut *self, db =>
            sqlx::query_scalar(sql!("record/last_redecision")).fetch_one(db).await?);
        for (id, outcome) in (last + 1..).zip(outcomes) {
            let kept = on_tx!(&mut *self, db => sqlx::query(sql!("record/redecide"))
                .bind(id).bind(outcome.event_id).bind(outcome.kind).bind(outcome.rule_id)
                .bind(outcome.reason.as_deref()).bind(stamp.now).bind(&stamp.actor)
                .execute(db).await?.rows_affected());
            let changed = on_tx!(&mut *self, db => sqlx::query(sql!("intake/redecide"))
                .bind(outcome.event_id).bind(outcome.kind).bind(outcome.rule_id)
                .bind(outcome.reason.as_deref()).bind(stamp.now).execute(db).await?.rows_affected());
            // Somebody else decided it in between: what is posted stays posted once.
            if (kept, changed) != (1, 1) {
                return Err(StoreError::CheckpointMoved {
                    partition: format!("event {}", outcome.event_id),
                    expected: 3,
                    found: -1,
                });
            }
        }
        let span = Span::keys(last + 1, last + count(outcomes.len()));
        self.seal_rows(&kinds::REDECISION, span, stamp).await
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
        let inserting = self.insert_came(arrivals, stamp);
        let sorting = async { Sorted::by(sort, names, &arrivals.last) };
        let (inserted, sorted) = join(inserting, sorting).await;
        inserted?;
        match sorted? {
            Ok(sorted) => Ok(sorted),
            Err(missing) => {
                self.learn(names, &missing).await?;
                self.sorted(sort, names, &arrivals.last).await
            }
        }
    }

    /// Events, repetitions, and bytes that are no event.
    pub(crate) async fn insert_came(
        &mut self,
        arrivals: &Arrivals<'_>,
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        self.insert(kinds::EVENTS, rows::events(&arrivals.events, stamp))
            .await?;
        let again = rows::repetitions(&arrivals.repetitions, stamp);
        self.insert(kinds::REPETITIONS, again).await?;
        let unreadable = rows::quarantine(&arrivals.quarantine, stamp);
        self.insert(kinds::QUARANTINED, unreadable).await
    }

    /// What has no unique key, so that whoever writes it waits for nobody: outcomes, lines, schedules.
    pub(crate) async fn insert_unkeyed(
        &mut self,
        sorted: &Sorted<'_>,
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        self.insert(kinds::OUTCOMES, rows::outcomes(&sorted.outcomes, stamp))
            .await?;
        self.insert_lines(&sorted.journal).await
    }

    /// The number of a partition and where its checkpoint stands.
    pub(crate) async fn known_place(
        &mut self,
        batch: &IntakeBatch,
    ) -> Result<Option<(i64, i64)>, StoreError> {
        Ok(on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("intake/partition"))
                .bind(&batch.source).bind(&batch.partition).fetch_optional(db).await?))
    }

    /// The same; a new one is made known.
    async fn place(&mut self, batch: &IntakeBatch) -> Result<(i64, i64), StoreError> {
        if let Some(found) = self.known_place(batch).await? {
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
        let zero = Hash::ZERO.as_bytes().to_vec();
        if found.last_record.unwrap_or(zero) != found.record_head {
            return Err(StoreError::Invariant(
                "the last link of the record chain is not the one that it ended with".to_owned(),
            ));
        }
        Ok(counters)
    }

    /// Lines and schedules, then all that [`Tx::post`] writes.
    pub(crate) async fn write_journal(
        &mut self,
        journal: &JournalRows<'_>,
        before: &Counters,
        after: Counters,
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        self.insert_lines(journal).await?;
        let posted = self.post(journal, before, after, stamp).await?;
        self.append_records_at(posted.head, posted.links, stamp)
            .await
    }

    /// Entries, balances, the next link; then the counters, which are told, and where the chains stand.
    async fn post(
        &mut self,
        journal: &JournalRows<'_>,
        before: &Counters,
        mut after: Counters,
        stamp: &Stamp,
    ) -> Result<Posted, StoreError> {
        (after.batch, after.head) = (before.batch, before.head.clone());
        let mut links = Vec::new();
        if !journal.entries.is_empty() {
            if let Some(imbalance) = journal.imbalance() {
                return Err(StoreError::Invariant(imbalance));
            }
            // While the database takes the entries, their root is worked out.
            let root = async { root(&journal.entries) };
            let (inserted, root) = join(self.insert_entries(&journal.entries), root).await;
            inserted?;
            self.add_balances(journal).await?;
            let (link, record) = self
                .append_link(&journal.entries, root, before, stamp)
                .await?;
            links.push(record);
            after.batch = link.batch;
            after.head = link.hash().as_bytes().to_vec();
        }
        let head: Head = on_tx!(&mut *self, db => sqlx::query_as(sql!("intake/count"))
            .bind(after.event).bind(after.entry).bind(after.repetition).bind(after.quarantine)
            .bind(after.batch).bind(&after.head).fetch_one(db).await?);
        Ok(Posted {
            last: after,
            head,
            links,
        })
    }

    async fn insert_entries(&mut self, rows: &[EntryRow<'_>]) -> Result<(), StoreError> {
        const ENTRY: Table<12> = Table {
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
                ("event_on", Day),
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
                Field::Int(entry.kind.number()),
                Field::Text(&entry.reference),
                Field::Text(row.description),
                Field::Int(row.rule_id),
                entry.rate.as_deref().map_or(Field::Null, Field::Text),
                Field::Bytes(entry.hash.as_bytes()),
                entry.event_on.map_or(Field::Null, Field::Day),
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
        let added = on_tx!(&mut *self, db =>
            sqlx::query(statement).bind(rows).execute(db).await.map(|done| done.rows_affected()));
        added.map(|_rows| ()).map_err(beyond)
    }

    async fn append_link(
        &mut self,
        entries: &[EntryRow<'_>],
        root: Hash,
        before: &Counters,
        stamp: &Stamp,
    ) -> Result<(Link, NewLink), StoreError> {
        let link = Link {
            batch: before.batch + 1,
            first_entry: entries.first().map_or(0, |row| row.id),
            entries: count(entries.len()),
            root,
            previous: Hash::from_slice(&before.head)
                .ok_or_else(|| StoreError::Corrupt("the head of the chain is no hash".into()))?,
        };
        let hash = link.hash();
        let row = [
            Field::Int(link.batch),
            Field::Int(link.first_entry),
            Field::Int(link.entries),
            Field::Bytes(link.root.as_bytes()),
            Field::Bytes(link.previous.as_bytes()),
            Field::Bytes(hash.as_bytes()),
            Field::Moment(stamp.now),
            Field::Text(&stamp.actor),
        ];
        self.insert(kinds::POSTING_BATCHES, std::iter::once(row))
            .await?;
        let rows = digest(std::iter::once(row));
        let record = NewLink::over(&kinds::POSTING_BATCH, Span::one(link.batch), rows);
        Ok((link, record))
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

/// Which of the new entries, by their numbers, take others back: those of decisions that were posted.
fn taken_back(
    last: i64,
    decisions: &[(i64, PreparedDecision)],
    outcomes: &[OutcomeRow<'_>],
    back: &[Vec<TakesBack>],
) -> Vec<(i64, TakesBack)> {
    let (mut next, mut made) = (last + 1, Vec::new());
    for (((_, decision), outcome), back) in decisions.iter().zip(outcomes).zip(back) {
        let PreparedDecision::Posted { entries, .. } = decision else {
            continue;
        };
        if outcome.kind != 1 {
            continue;
        }
        made.extend(back.iter().map(|one| (next + count(one.at), *one)));
        next += count(entries.len());
    }
    made
}

/// On SQLite the statement makes a sum that 64 bits do not hold NULL, which no balance may be.
fn beyond(error: sqlx::Error) -> StoreError {
    let null = |error: &sqlx::Error| {
        let error = error.as_database_error();
        error.is_some_and(|error| error.kind() == sqlx::error::ErrorKind::NotNullViolation)
    };
    if null(&error) {
        StoreError::Overflow("of one of its lines".to_owned())
    } else {
        error.into()
    }
}

fn root(entries: &[EntryRow<'_>]) -> Hash {
    let leaves: Vec<Hash> = entries.iter().map(|row| row.prepared.hash).collect();
    merkle_root(&leaves)
}
