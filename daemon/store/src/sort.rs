//! Every new event gets its one outcome, and the rows of its entries get their numbers. Nothing here
//! waits or asks: names that are not known yet are told, and the caller comes again with them.

use crate::StoreError;
use crate::arrivals::Arrivals;
use crate::books::{Missing, Names};
use crate::intake::IntakeSummary;
use crate::numbers::{Counters, UNKNOWN, found, known};
use crate::prepare::{Local, Prepared, PreparedDecision, PreparedEntry, PreparedLine};
use ledger::Side;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

pub(crate) struct OutcomeRow<'b> {
    pub(crate) event_id: i64,
    pub(crate) kind: i64,
    pub(crate) rule_id: Option<i64>,
    pub(crate) reason: Option<Cow<'b, str>>,
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

/// Decisions with their outcomes and rows.
pub(crate) struct Sorted<'b> {
    pub(crate) last: Counters,
    pub(crate) outcomes: Vec<OutcomeRow<'b>>,
    pub(crate) journal: JournalRows<'b>,
    pub(crate) summary: IntakeSummary,
}

/// Decisions while they are sorted.
pub(crate) struct Sorting<'b, 'n> {
    names: &'n Names,
    missing: Missing<'b>,
    sorted: Sorted<'b>,
}

impl<'b> Sorted<'b> {
    /// Sorts what `sort` hands over; or says which names are missing.
    pub(crate) fn by(
        sort: impl Fn(&mut Sorting<'b, '_>) -> Result<(), StoreError>,
        names: &Names,
        last: &Counters,
    ) -> Result<Result<Self, Missing<'b>>, StoreError> {
        let mut sorting = Sorting {
            names,
            missing: Missing::default(),
            sorted: Self {
                last: last.clone(),
                outcomes: Vec::new(),
                journal: JournalRows::default(),
                summary: IntakeSummary::default(),
            },
        };
        sort(&mut sorting)?;
        Ok(if sorting.missing.is_empty() {
            Ok(sorting.sorted)
        } else {
            Err(sorting.missing)
        })
    }
}

impl<'b> Sorting<'b, '_> {
    /// Sorts the decisions about new events.
    pub(crate) fn arrivals(&mut self, arrivals: &Arrivals<'b>) -> Result<(), StoreError> {
        // One entry of a few lines each.
        let events = arrivals.events.len();
        self.sorted.outcomes.reserve(events);
        self.sorted.journal.entries.reserve(events);
        self.sorted.journal.lines.reserve(3 * events);
        for new in &arrivals.new {
            let mut found = Found::in_part(new.prepared);
            for (event_id, decision) in &new.decisions {
                self.decision(*event_id, decision, &mut found)?;
            }
            self.add_balances(found)?;
        }
        Ok(())
    }

    /// Turns the decision about an event into its outcome and the rows of its entries.
    pub(crate) fn decision(
        &mut self,
        event_id: i64,
        decision: &'b PreparedDecision,
        found: &mut Found<'b>,
    ) -> Result<(), StoreError> {
        let (kind, rule, reason) = match decision {
            PreparedDecision::Ignored { rule, reason } => {
                (2, Some(*rule), reason.as_deref().map(Cow::Borrowed))
            }
            PreparedDecision::Suspended { rule, reason, asks } => {
                self.sorted.summary.asking += i64::from(*asks);
                (3, *rule, Some(Cow::Borrowed(reason.as_str())))
            }
            PreparedDecision::Posted { rule, entries } => {
                match self.closed_period(entries.clone(), found) {
                    Some(reason) => {
                        self.sorted.summary.asking += 1;
                        (3, Some(*rule), Some(Cow::Owned(reason)))
                    }
                    None => (1, Some(*rule), None),
                }
            }
        };
        let rule_id = rule.map(|rule| self.rule(rule, found));
        if let (1, PreparedDecision::Posted { entries, .. }) = (kind, decision) {
            for at in entries.clone() {
                self.entry(event_id, at, found)?;
            }
        }
        match kind {
            1 => self.sorted.summary.posted += 1,
            2 => self.sorted.summary.ignored += 1,
            _ => self.sorted.summary.suspended += 1,
        }
        self.sorted.outcomes.push(OutcomeRow {
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

    /// The rows of an entry, under the rule that it names itself.
    fn entry(&mut self, event_id: i64, at: usize, found: &mut Found<'b>) -> Result<(), StoreError> {
        let prepared = &found.prepared.entries[at];
        self.sorted.last.entry += 1;
        let id = self.sorted.last.entry;
        let (names, missing) = (self.names, &mut self.missing);
        let (entity_id, period_id) = found.period(prepared.period, names, missing);
        let lines = &found.prepared.lines[prepared.lines.clone()];
        for (line, line_no) in lines.iter().zip(1..) {
            let row = found.line((id, line_no), line, names, missing)?;
            if let Some(deferral) = &line.deferral {
                let (account, deferral) = deferral.as_ref();
                self.sorted.journal.schedules.push(ScheduleRow {
                    entry_id: id,
                    line_no,
                    account_id: found.account(*account, names, missing),
                    deferral,
                });
            }
            self.sorted.journal.lines.push(row);
        }
        self.sorted.summary.entries += 1;
        self.sorted.journal.entries.push(EntryRow {
            id,
            event_id,
            entity_id,
            period_id,
            rule_id: found.rule(prepared.rule, names, missing),
            description: found.prepared.descriptions.get(prepared.description),
            prepared,
        });
        Ok(())
    }

    /// An entry whose period must be open.
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
        self.entry(event_id, at, found)
    }

    /// Adds what the lines of a part add to balances.
    pub(crate) fn add_balances(&mut self, found: Found<'b>) -> Result<(), StoreError> {
        for (place, more) in found.places.into_iter().zip(found.sums) {
            let Some(place) = place else { continue };
            let sums = self.sorted.journal.balances.entry(place.key()).or_default();
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

impl<'b> Found<'b> {
    pub(crate) fn in_part(prepared: &'b Prepared) -> Self {
        Self {
            prepared,
            rules: vec![UNKNOWN; prepared.rules.len()],
            periods: vec![(UNKNOWN, UNKNOWN); prepared.periods.len()],
            accounts: vec![UNKNOWN; prepared.accounts.len()],
            dimension_sets: vec![UNKNOWN; prepared.dimension_sets.len()],
            places: vec![None; prepared.places.len()],
            sums: vec![[0; 4]; prepared.places.len()],
        }
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
