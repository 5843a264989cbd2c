//! Every item gets its one outcome, and its rows get their numbers. Nothing here waits or asks:
//! names that are not known yet are told, and the caller comes again with them.

use crate::StoreError;
use crate::books::{Missing, Names};
use crate::index::Index;
use crate::intake::{IntakeBatch, IntakeSummary};
use crate::prepare::{
    IntakeContent, IntakeItem, Local, Prepared, PreparedDecision, PreparedEntry, PreparedLine,
    ReadEvent,
};
use ledger::{EventKey, Hash, Side};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

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

pub(crate) struct OutcomeRow<'b> {
    pub(crate) event_id: i64,
    pub(crate) kind: i64,
    pub(crate) rule_id: Option<i64>,
    pub(crate) reason: Option<Cow<'b, str>>,
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
    pub(crate) description: &'b str,
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
    pub(crate) outcomes: Vec<OutcomeRow<'b>>,
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
        for part in &batch.parts {
            self.summary.received += count(part.len());
            let mut found = Found::in_part(&part.prepared);
            for item in &part.items {
                self.item(item, partition_id, &mut found)?;
            }
            self.add_balances(found)?;
        }
        Ok(())
    }

    fn item(
        &mut self,
        item: &'b IntakeItem,
        partition_id: i64,
        found: &mut Found<'b>,
    ) -> Result<(), StoreError> {
        let position = item.position;
        match &item.content {
            IntakeContent::Unreadable(bytes) => {
                self.last.quarantine += 1;
                self.summary.quarantined += 1;
                self.quarantine.push(QuarantineRow {
                    id: self.last.quarantine,
                    partition_id,
                    position,
                    raw: &bytes.raw,
                    headers: bytes.headers.as_deref(),
                    reason: &bytes.reason,
                });
                Ok(())
            }
            IntakeContent::Event(event, decision) => {
                if let Some(first) = self.seen.get(&event.key).copied() {
                    self.repetition(event, partition_id, position, first);
                    return Ok(());
                }
                let event_id = self.event(event, partition_id, position, found);
                self.decision(event_id, decision, found)
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
        event: &'b ReadEvent,
        partition_id: i64,
        position: i64,
        found: &mut Found<'b>,
    ) -> i64 {
        self.last.event += 1;
        let id = self.last.event;
        self.seen.insert(event.key, (id, event.content));
        let (names, missing) = (self.names, &mut self.missing);
        self.events.push(EventRow {
            id,
            origin_id: found.origin(event.origin, names, missing),
            type_id: found.event_type(event.event_type, names, missing),
            partition_id,
            position,
            event,
        });
        id
    }

    /// Turns the decision about an event into its outcome and the rows of its entries.
    pub(crate) fn decision(
        &mut self,
        event_id: i64,
        decision: &'b PreparedDecision,
        found: &mut Found<'b>,
    ) -> Result<(), StoreError> {
        let (kind, rule, reason) = match decision {
            PreparedDecision::Ignored { rule } => (2, Some(*rule), None),
            PreparedDecision::Suspended { rule, reason } => {
                (3, *rule, Some(Cow::Borrowed(reason.as_str())))
            }
            PreparedDecision::Posted { rule, entries } => {
                match self.closed_period(entries.clone(), found) {
                    Some(reason) => (3, Some(*rule), Some(Cow::Owned(reason))),
                    None => (1, Some(*rule), None),
                }
            }
        };
        let rule_id = rule.map(|rule| self.rule(rule, found));
        if let (1, PreparedDecision::Posted { entries, .. }) = (kind, decision) {
            for at in entries.clone() {
                self.entry(event_id, rule_id.unwrap_or(0), at, found)?;
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

    pub(crate) fn rule(&mut self, rule: Local, found: &mut Found<'b>) -> i64 {
        found.rule(rule, self.names, &mut self.missing)
    }

    /// Why entries cannot be posted, if one of their periods is closed.
    fn closed_period(&mut self, entries: Range<usize>, found: &mut Found<'b>) -> Option<String> {
        if self.names.closed.is_empty() {
            return None;
        }
        found.prepared.entries[entries].iter().find_map(|entry| {
            let (_, period_id) = found.period(entry.period, self.names, &mut self.missing);
            let (entity, period) = found.prepared.periods.get(entry.period);
            self.names.closed.contains(&period_id).then(|| {
                format!(
                    "period {period} of `{}` is closed; reopen it, or have the event dated later",
                    found.prepared.entities.get(*entity)
                )
            })
        })
    }

    fn entry(
        &mut self,
        event_id: i64,
        rule_id: i64,
        at: usize,
        found: &mut Found<'b>,
    ) -> Result<(), StoreError> {
        let prepared = &found.prepared.entries[at];
        self.last.entry += 1;
        let id = self.last.entry;
        let (names, missing) = (self.names, &mut self.missing);
        let (entity_id, period_id) = found.period(prepared.period, names, missing);
        let lines = &found.prepared.lines[prepared.lines.clone()];
        for (line, line_no) in lines.iter().zip(1..) {
            let row = found.line((id, line_no), line, names, missing)?;
            if let Some(deferral) = &line.deferral {
                let (account, deferral) = deferral.as_ref();
                self.journal.schedules.push(ScheduleRow {
                    entry_id: id,
                    line_no,
                    account_id: found.account(*account, names, missing),
                    deferral,
                });
            }
            self.journal.lines.push(row);
        }
        self.summary.entries += 1;
        self.journal.entries.push(EntryRow {
            id,
            event_id,
            entity_id,
            period_id,
            rule_id,
            description: found.prepared.descriptions.get(prepared.description),
            prepared,
        });
        Ok(())
    }

    /// An entry under the rule that it names itself; its period must be open.
    pub(crate) fn correction(
        &mut self,
        event_id: i64,
        at: usize,
        found: &mut Found<'b>,
    ) -> Result<(), StoreError> {
        if let Some(reason) = self.closed_period(at..at + 1, found) {
            return Err(StoreError::Invariant(format!(
                "a correction falls into a closed period: {reason}"
            )));
        }
        let rule_id = self.rule(found.prepared.entries[at].rule, found);
        self.entry(event_id, rule_id, at, found)
    }

    /// Adds what the lines of a part add to balances.
    pub(crate) fn add_balances(&mut self, found: Found<'b>) -> Result<(), StoreError> {
        for (place, more) in found.places.into_iter().zip(found.sums) {
            let Some(place) = place else { continue };
            let sums = self.journal.balances.entry(place.key()).or_default();
            for (sum, more) in sums.iter_mut().zip(more) {
                *sum = added(*sum, more, place.account)?;
            }
        }
        Ok(())
    }
}

/// The books' numbers of the names in a part, each looked up when a row first needs it; and the sums of
/// the rows so far, by place.
pub(crate) struct Found<'b> {
    prepared: &'b Prepared,
    origins: Vec<i64>,
    types: Vec<i64>,
    rules: Vec<i64>,
    periods: Vec<(i64, i64)>,
    accounts: Vec<i64>,
    dimension_sets: Vec<i64>,
    places: Vec<Option<PlaceIds<'b>>>,
    sums: Vec<[i64; 4]>,
}

#[derive(Clone, Copy)]
struct PlaceIds<'b> {
    entity_id: i64,
    period_id: i64,
    account_id: i64,
    currency_id: i64,
    account: &'b str,
}

impl PlaceIds<'_> {
    const fn key(&self) -> BalanceKey {
        (
            self.entity_id,
            self.period_id,
            self.account_id,
            self.currency_id,
        )
    }
}

/// What a name has that was not looked up yet, or is missing.
const UNKNOWN: i64 = 0;

impl<'b> Found<'b> {
    pub(crate) fn in_part(prepared: &'b Prepared) -> Self {
        Self {
            prepared,
            origins: vec![UNKNOWN; prepared.origins.len()],
            types: vec![UNKNOWN; prepared.types.len()],
            rules: vec![UNKNOWN; prepared.rules.len()],
            periods: vec![(UNKNOWN, UNKNOWN); prepared.periods.len()],
            accounts: vec![UNKNOWN; prepared.accounts.len()],
            dimension_sets: vec![UNKNOWN; prepared.dimension_sets.len()],
            places: vec![None; prepared.places.len()],
            sums: vec![[0; 4]; prepared.places.len()],
        }
    }

    fn origin(&mut self, at: Local, names: &Names, missing: &mut Missing<'b>) -> i64 {
        let name = self.prepared.origins.get(at);
        found(&mut self.origins[at.0], || {
            known(&names.origins, name, &mut missing.origins)
        })
    }

    fn event_type(&mut self, at: Local, names: &Names, missing: &mut Missing<'b>) -> i64 {
        let name = self.prepared.types.get(at);
        found(&mut self.types[at.0], || {
            known(&names.types, name, &mut missing.types)
        })
    }

    fn account(&mut self, at: Local, names: &Names, missing: &mut Missing<'b>) -> i64 {
        let name = self.prepared.accounts.get(at);
        found(&mut self.accounts[at.0], || {
            known(&names.accounts, name, &mut missing.accounts)
        })
    }

    fn rule(&mut self, at: Local, names: &Names, missing: &mut Missing<'b>) -> i64 {
        let (mapping, rule) = self.prepared.rules.get(at);
        found(&mut self.rules[at.0], || {
            let rules = names.rules.get(mapping);
            rules
                .and_then(|rules| rules.get(rule))
                .copied()
                .unwrap_or_else(|| {
                    missing.rules.insert((*mapping, rule));
                    UNKNOWN
                })
        })
    }

    fn dimension_set(&mut self, at: Local, names: &Names, missing: &mut Missing<'b>) -> i64 {
        let (hash, dimensions) = self.prepared.dimension_sets.get(at);
        found(&mut self.dimension_sets[at.0], || {
            let number = names.dimension_sets.get(&hash).copied();
            number.unwrap_or_else(|| {
                missing.dimension_sets.insert(hash, dimensions);
                UNKNOWN
            })
        })
    }

    /// The entity and the period.
    fn period(&mut self, at: Local, names: &Names, missing: &mut Missing<'b>) -> (i64, i64) {
        let ids = &mut self.periods[at.0];
        if ids.1 != UNKNOWN {
            return *ids;
        }
        let (entity, period) = self.prepared.periods.get(at);
        let entity = self.prepared.entities.get(*entity);
        let entity_id = known(&names.entities, entity, &mut missing.entities);
        if entity_id == UNKNOWN {
            return (UNKNOWN, UNKNOWN);
        }
        let key = (entity_id, period.year, period.number);
        let period_id = names.periods.get(&key).copied().unwrap_or_else(|| {
            missing.periods.insert((entity_id, *period));
            UNKNOWN
        });
        *ids = (entity_id, period_id);
        *ids
    }

    fn place(&mut self, at: Local, names: &Names, missing: &mut Missing<'b>) -> PlaceIds<'b> {
        if let Some(ids) = self.places[at.0] {
            return ids;
        }
        let place = self.prepared.places.get(at);
        let (entity_id, period_id) = self.period(place.period, names, missing);
        if !names.currencies.contains(&place.currency.numeric()) {
            missing.currencies.insert(place.currency);
        }
        let ids = PlaceIds {
            entity_id,
            period_id,
            account_id: self.account(place.account, names, missing),
            currency_id: i64::from(place.currency.numeric()),
            account: self.prepared.accounts.get(place.account),
        };
        self.places[at.0] = Some(ids);
        ids
    }

    /// A line as a row; what it adds to balances is added to the sums.
    fn line(
        &mut self,
        (entry_id, line_no): (i64, i64),
        line: &PreparedLine,
        names: &Names,
        missing: &mut Missing<'b>,
    ) -> Result<LineRow, StoreError> {
        let place = self.place(line.place, names, missing);
        let [debit, credit, functional_debit, functional_credit] = &mut self.sums[line.place.0];
        let (sum, functional_sum) = match line.side {
            Side::Debit => (debit, functional_debit),
            Side::Credit => (credit, functional_credit),
        };
        *sum = added(*sum, line.amount, place.account)?;
        *functional_sum = added(*functional_sum, line.functional, place.account)?;
        let set = line.dimension_set;
        Ok(LineRow {
            entry_id,
            line_no,
            account_id: place.account_id,
            side: line.side,
            amount: line.amount,
            currency_id: place.currency_id,
            functional: line.functional,
            dimension_set_id: set.map_or(0, |set| self.dimension_set(set, names, missing)),
        })
    }
}

/// What stands there, looked up the first time.
fn found(number: &mut i64, look: impl FnOnce() -> i64) -> i64 {
    if *number == UNKNOWN {
        *number = look();
    }
    *number
}

fn added(sum: i64, more: i64, account: &str) -> Result<i64, StoreError> {
    sum.checked_add(more)
        .ok_or_else(|| StoreError::Overflow(account.to_owned()))
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
fn known<'b>(names: &BTreeMap<String, i64>, name: &'b str, missing: &mut BTreeSet<&'b str>) -> i64 {
    names.get(name).copied().unwrap_or_else(|| {
        missing.insert(name);
        UNKNOWN
    })
}

pub(crate) fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
