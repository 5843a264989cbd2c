//! Every item gets its one outcome, and its rows get their numbers. Nothing here waits or asks:
//! names that are not known yet are told, and the caller comes again with them.

use crate::StoreError;
use crate::books::{Missing, Names};
use crate::index::Index;
use crate::intake::{
    DecidedEvent, IntakeBatch, IntakeContent, IntakeItem, IntakeSummary, PreparedDecision,
    PreparedEntry, ReadEvent,
};
use ledger::{EventKey, Hash, Side};
use std::collections::BTreeMap;

/// The last numbers given, and the head of the chain.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Counters {
    pub(crate) event: i64,
    pub(crate) entry: i64,
    pub(crate) repetition: i64,
    pub(crate) quarantine: i64,
    pub(crate) batch: i64,
    pub(crate) head: Vec<u8>,
}

pub(crate) struct EventRow<'b> {
    pub(crate) id: i64,
    pub(crate) origin_id: i64,
    pub(crate) type_id: i64,
    pub(crate) partition_id: i64,
    pub(crate) position: i64,
    pub(crate) event: &'b ReadEvent,
}

pub(crate) struct OutcomeRow {
    pub(crate) event_id: i64,
    pub(crate) kind: i64,
    pub(crate) rule_id: Option<i64>,
    pub(crate) reason: Option<String>,
}

pub(crate) struct RepetitionRow<'b> {
    pub(crate) id: i64,
    pub(crate) event_id: i64,
    pub(crate) kind: i64,
    pub(crate) partition_id: i64,
    pub(crate) position: i64,
    pub(crate) event: &'b ReadEvent,
}

pub(crate) struct QuarantineRow<'b> {
    pub(crate) id: i64,
    pub(crate) partition_id: i64,
    pub(crate) position: i64,
    pub(crate) raw: &'b [u8],
    pub(crate) headers: Option<&'b str>,
    pub(crate) reason: &'b str,
}

pub(crate) struct EntryRow<'b> {
    pub(crate) id: i64,
    pub(crate) event_id: i64,
    pub(crate) entity_id: i64,
    pub(crate) period_id: i64,
    pub(crate) rule_id: i64,
    pub(crate) prepared: &'b PreparedEntry,
}

pub(crate) struct LineRow {
    pub(crate) entry_id: i64,
    pub(crate) line_no: i64,
    pub(crate) account_id: i64,
    pub(crate) side: Side,
    pub(crate) amount: i64,
    pub(crate) currency_id: i64,
    pub(crate) functional: i64,
    pub(crate) dimension_set_id: i64,
}

pub(crate) struct ScheduleRow<'b> {
    pub(crate) entry_id: i64,
    pub(crate) line_no: i64,
    pub(crate) account_id: i64,
    pub(crate) deferral: &'b ledger::Deferral,
}

/// Entity, period, account, currency.
pub(crate) type BalanceKey = (i64, i64, i64, i64);

/// Rows of the journal that one transaction adds.
#[derive(Default)]
pub(crate) struct JournalRows<'b> {
    pub(crate) entries: Vec<EntryRow<'b>>,
    pub(crate) lines: Vec<LineRow>,
    pub(crate) schedules: Vec<ScheduleRow<'b>>,
    /// Debit, credit, functional debit, functional credit.
    pub(crate) balances: BTreeMap<BalanceKey, [i64; 4]>,
}

/// A batch whose items have their outcomes.
pub(crate) struct Sorting<'b, 'n> {
    names: &'n Names,
    /// Events of the books that this batch brings again, and those of this batch so far.
    seen: Index<EventKey, (i64, Hash)>,
    pub(crate) missing: Missing<'b>,
    pub(crate) last: Counters,
    pub(crate) events: Vec<EventRow<'b>>,
    pub(crate) outcomes: Vec<OutcomeRow>,
    pub(crate) repetitions: Vec<RepetitionRow<'b>>,
    pub(crate) quarantine: Vec<QuarantineRow<'b>>,
    pub(crate) journal: JournalRows<'b>,
    pub(crate) summary: IntakeSummary,
}

impl<'b, 'n> Sorting<'b, 'n> {
    pub(crate) fn new(
        names: &'n Names,
        seen: Index<EventKey, (i64, Hash)>,
        last: Counters,
    ) -> Self {
        Self {
            names,
            seen,
            missing: Missing::default(),
            last,
            events: Vec::new(),
            outcomes: Vec::new(),
            repetitions: Vec::new(),
            quarantine: Vec::new(),
            journal: JournalRows::default(),
            summary: IntakeSummary::default(),
        }
    }

    /// Makes room for as many more events, of one entry with a few lines each.
    pub(crate) fn reserve(&mut self, events: usize) {
        self.seen.reserve(events);
        self.events.reserve(events);
        self.outcomes.reserve(events);
        self.journal.entries.reserve(events);
        self.journal.lines.reserve(3 * events);
    }

    /// Sorts the items of a partition's batch.
    pub(crate) fn batch(
        &mut self,
        batch: &'b IntakeBatch,
        partition_id: i64,
    ) -> Result<(), StoreError> {
        self.summary.received += count(batch.items.len());
        for item in &batch.items {
            self.item(item, partition_id, batch.mapping)?;
        }
        Ok(())
    }

    fn item(
        &mut self,
        item: &'b IntakeItem,
        partition_id: i64,
        mapping: Hash,
    ) -> Result<(), StoreError> {
        let position = item.position;
        match &item.content {
            IntakeContent::Unreadable {
                raw,
                headers,
                reason,
            } => {
                self.last.quarantine += 1;
                self.summary.quarantined += 1;
                self.quarantine.push(QuarantineRow {
                    id: self.last.quarantine,
                    partition_id,
                    position,
                    raw,
                    headers: headers.as_deref(),
                    reason,
                });
                Ok(())
            }
            IntakeContent::Event(decided) => {
                let event = &decided.event;
                match self.seen.get(&event.key).copied() {
                    Some(first) => {
                        self.repetition(event, partition_id, position, first);
                        Ok(())
                    }
                    None => self.event(decided, partition_id, position, mapping),
                }
            }
        }
    }

    fn repetition(
        &mut self,
        event: &'b ReadEvent,
        partition_id: i64,
        position: i64,
        (event_id, content): (i64, Hash),
    ) {
        let kind = if content == event.content { 1 } else { 2 };
        self.summary.duplicates += i64::from(kind == 1);
        self.summary.conflicts += i64::from(kind == 2);
        self.last.repetition += 1;
        self.repetitions.push(RepetitionRow {
            id: self.last.repetition,
            event_id,
            kind,
            partition_id,
            position,
            event,
        });
    }

    fn event(
        &mut self,
        decided: &'b DecidedEvent,
        partition_id: i64,
        position: i64,
        mapping: Hash,
    ) -> Result<(), StoreError> {
        let event = &decided.event;
        self.last.event += 1;
        let id = self.last.event;
        self.seen.insert(event.key, (id, event.content));
        let origin_id = known(
            &self.names.origins,
            &event.origin,
            &mut self.missing.origins,
        );
        let type_id = known(
            &self.names.types,
            &event.event_type,
            &mut self.missing.types,
        );
        self.events.push(EventRow {
            id,
            origin_id,
            type_id,
            partition_id,
            position,
            event,
        });
        self.decision(id, &decided.decision, mapping)
    }

    /// Turns the decision about an event into its outcome and the rows of its entries.
    pub(crate) fn decision(
        &mut self,
        event_id: i64,
        decision: &'b PreparedDecision,
        mapping: Hash,
    ) -> Result<(), StoreError> {
        let (kind, rule, reason) = match decision {
            PreparedDecision::Ignored { rule } => (2, Some(rule), None),
            PreparedDecision::Suspended { rule, reason } => {
                (3, rule.as_ref(), Some(reason.clone()))
            }
            PreparedDecision::Posted { rule, entries } => match self.closed_period(entries) {
                Some(reason) => (3, Some(rule), Some(reason)),
                None => (1, Some(rule), None),
            },
        };
        let rule_id = rule.map(|rule| self.rule(mapping, rule));
        if let (1, PreparedDecision::Posted { entries, .. }) = (kind, decision) {
            for prepared in entries {
                self.entry(event_id, rule_id.unwrap_or(0), prepared)?;
            }
        }
        match kind {
            1 => self.summary.posted += 1,
            2 => self.summary.ignored += 1,
            _ => self.summary.suspended += 1,
        }
        self.outcomes.push(OutcomeRow {
            event_id,
            kind,
            rule_id,
            reason,
        });
        Ok(())
    }

    pub(crate) fn rule(&mut self, mapping: Hash, rule: &'b str) -> i64 {
        let found = self
            .names
            .rules
            .get(&mapping)
            .and_then(|rules| rules.get(rule));
        found.copied().unwrap_or_else(|| {
            self.missing.rules.insert((mapping, rule));
            0
        })
    }

    /// Why entries cannot be posted, if one of their periods is closed.
    fn closed_period(&mut self, entries: &'b [PreparedEntry]) -> Option<String> {
        if self.names.closed.is_empty() {
            return None;
        }
        entries.iter().find_map(|prepared| {
            let (_, period_id) = self.place(prepared);
            self.names.closed.contains(&period_id).then(|| {
                format!(
                    "period {} of `{}` is closed; reopen it, or have the event dated later",
                    prepared.posting.period,
                    prepared.posting.entry.header().entity
                )
            })
        })
    }

    /// The entity and the period of an entry.
    fn place(&mut self, prepared: &'b PreparedEntry) -> (i64, i64) {
        let entity = &prepared.posting.entry.header().entity;
        let Some(entity_id) = self.names.entities.get(entity).copied() else {
            self.missing.entities.insert(entity);
            return (0, 0);
        };
        let period = prepared.posting.period;
        let key = (entity_id, period.year, period.number);
        let period_id = self.names.periods.get(&key).copied().unwrap_or_else(|| {
            self.missing.periods.insert((entity_id, period));
            0
        });
        (entity_id, period_id)
    }

    fn account(&mut self, name: &'b str) -> i64 {
        known(&self.names.accounts, name, &mut self.missing.accounts)
    }

    pub(crate) fn entry(
        &mut self,
        event_id: i64,
        rule_id: i64,
        prepared: &'b PreparedEntry,
    ) -> Result<(), StoreError> {
        self.last.entry += 1;
        let entry_id = self.last.entry;
        let (entity_id, period_id) = self.place(prepared);
        let lines = prepared.posting.entry.lines();
        for ((line, set), line_no) in lines.iter().zip(&prepared.dimension_sets).zip(1..) {
            let account_id = self.account(&line.account);
            let currency = line.amount.currency();
            if !self.names.currencies.contains(&currency.numeric()) {
                self.missing.currencies.insert(currency);
            }
            let currency_id = i64::from(currency.numeric());
            let row = LineRow {
                entry_id,
                line_no,
                account_id,
                side: line.side,
                amount: line.amount.amount(),
                currency_id,
                functional: line.functional.amount(),
                dimension_set_id: self.dimension_set(*set, &line.dimensions),
            };
            let key = (entity_id, period_id, account_id, currency_id);
            self.add_balance(key, &row, &line.account)?;
            if let Some(deferral) = &line.deferral {
                let account_id = self.account(&deferral.release_account);
                self.journal.schedules.push(ScheduleRow {
                    entry_id,
                    line_no,
                    account_id,
                    deferral,
                });
            }
            self.journal.lines.push(row);
        }
        self.summary.entries += 1;
        self.journal.entries.push(EntryRow {
            id: entry_id,
            event_id,
            entity_id,
            period_id,
            rule_id,
            prepared,
        });
        Ok(())
    }

    /// An entry under the rule that it names itself; its period must be open.
    pub(crate) fn correction(
        &mut self,
        event_id: i64,
        prepared: &'b PreparedEntry,
    ) -> Result<(), StoreError> {
        if let Some(reason) = self.closed_period(std::slice::from_ref(prepared)) {
            return Err(StoreError::Invariant(format!(
                "a correction falls into a closed period: {reason}"
            )));
        }
        let rule = &prepared.posting.entry.header().rule;
        let rule_id = self.rule(rule.mapping, &rule.rule);
        self.entry(event_id, rule_id, prepared)
    }

    fn dimension_set(&mut self, hash: Hash, dimensions: &'b ledger::Dimensions) -> i64 {
        if hash == Hash::ZERO {
            return 0;
        }
        let found = self.names.dimension_sets.get(&hash).copied();
        found.unwrap_or_else(|| {
            self.missing.dimension_sets.insert(hash, dimensions);
            0
        })
    }

    fn add_balance(
        &mut self,
        key: BalanceKey,
        row: &LineRow,
        account: &str,
    ) -> Result<(), StoreError> {
        let sums = self.journal.balances.entry(key).or_default();
        let (amount, functional) = match row.side {
            Side::Debit => (0, 2),
            Side::Credit => (1, 3),
        };
        for (place, value) in [(amount, row.amount), (functional, row.functional)] {
            let overflow = || StoreError::Overflow(account.to_owned());
            let sum = sums.get_mut(place).ok_or_else(overflow)?;
            *sum = sum.checked_add(value).ok_or_else(overflow)?;
        }
        Ok(())
    }
}

impl JournalRows<'_> {
    /// Per entity, period and currency the debits must equal the credits, and per entity and
    /// period in the functional currency; the first place where they do not.
    pub(crate) fn imbalance(&self) -> Option<String> {
        let mut sums = BTreeMap::<(i64, i64, i64), i128>::new();
        for ((entity, period, _, currency), [debit, credit, f_debit, f_credit]) in &self.balances {
            *sums.entry((*entity, *period, *currency)).or_default() +=
                i128::from(*debit) - i128::from(*credit);
            // No currency has the number 0.
            *sums.entry((*entity, *period, 0)).or_default() +=
                i128::from(*f_debit) - i128::from(*f_credit);
        }
        sums.into_iter()
            .find(|(_, difference)| *difference != 0)
            .map(|((entity, period, currency), difference)| {
                format!(
                    "debits and credits of a batch differ by {difference} minor units (entity {entity}, period {period}, currency {currency})"
                )
            })
    }
}

/// The number of a name; 0 for one that is missing, which is noted.
fn known<'b>(
    names: &BTreeMap<String, i64>,
    name: &'b str,
    missing: &mut std::collections::BTreeSet<&'b str>,
) -> i64 {
    names.get(name).copied().unwrap_or_else(|| {
        missing.insert(name);
        0
    })
}

pub(crate) fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
