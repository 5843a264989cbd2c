//! Entries summed up before they are written, for targets that are not to hold each of them.
//!
//! Entries of one entity, period, kind of entry and rate are one document, of a day or of the whole period; their lines are
//! summed by account, side, currencies and the dimensions that are kept. Debits and credits stay apart, so that
//! control totals are those of the entries. What was summed up into which document is told, and kept in the books.

use super::{ExportBatch, ExportEntry};
use ::ledger::{Currency, Dimensions, EntryError, EntryHeader, JournalEntry, Line, Money, Side};
use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How entries are summed up.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Over what time.
    pub by: Span,
    /// The dimensions that lines keep; what differs in others alone is summed.
    #[serde(default)]
    pub dimensions: Vec<String>,
    /// The most lines of a document; what has more becomes several, cut between entries.
    #[serde(default = "most_lines")]
    pub lines: usize,
}

const fn most_lines() -> usize {
    900
}

/// Over what time entries are summed.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Span {
    /// Each accounting day.
    Day,
    /// Each period; the document has the last day that occurs.
    Period,
}

/// Which entries each document sums up, by the number that the document has in place of an entry's.
pub type Members = BTreeMap<i64, Vec<i64>>;

/// What is never summed together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    entity: String,
    period: String,
    day: Option<NaiveDate>,
    kind: &'static str,
    functional: Option<Currency>,
    rate: Option<Decimal>,
}

/// What lines are summed by.
type Key = (String, bool, Currency, Currency, Dimensions);

#[derive(Clone, Debug)]
struct Summed {
    first: ExportEntry,
    last_day: NaiveDate,
    entries: Vec<i64>,
    lines: BTreeMap<Key, (i64, i64)>,
}

impl Summary {
    /// Sums up the entries of a batch, and says which became which.
    ///
    /// # Errors
    /// [`EntryError`] where a sum is beyond what an amount holds.
    pub fn sum(&self, batch: &mut ExportBatch) -> Result<Members, EntryError> {
        let mut groups = BTreeMap::<Group, Vec<Summed>>::new();
        for item in std::mem::take(&mut batch.entries) {
            let group = self.group(&item);
            let parts = groups.entry(group).or_default();
            let lines = self.keyed(&item);
            match parts.last_mut().filter(|part| self.fits(part, &lines)) {
                Some(part) => part.add(item, lines),
                None => parts.push(Summed::of(item, lines)),
            }
        }
        let mut members = Members::new();
        let mut summed: Vec<Summed> = groups.into_values().flatten().collect();
        summed.sort_by_key(|part| part.first.id);
        for part in summed {
            members.insert(part.first.id, part.entries.clone());
            batch.entries.push(part.into_entry()?);
        }
        Ok(members)
    }

    fn group(&self, item: &ExportEntry) -> Group {
        let header = item.entry.header();
        let lines = item.entry.lines();
        Group {
            entity: header.entity.clone(),
            period: item.period.clone(),
            day: (self.by == Span::Day).then_some(header.date),
            kind: header.kind.name(),
            functional: lines.first().map(|line| line.functional.currency()),
            rate: header.rate,
        }
    }

    fn keyed(&self, item: &ExportEntry) -> Vec<(Key, (i64, i64))> {
        let lines = item.entry.lines().iter();
        let keyed = lines.map(|line| {
            let mut dimensions = line.dimensions.clone();
            dimensions.retain(|name, _| self.dimensions.contains(name));
            let key = (
                line.account.clone(),
                line.side == Side::Credit,
                line.amount.currency(),
                line.functional.currency(),
                dimensions,
            );
            (key, (line.amount.amount(), line.functional.amount()))
        });
        keyed.collect()
    }

    fn fits(&self, part: &Summed, lines: &[(Key, (i64, i64))]) -> bool {
        let more = lines
            .iter()
            .filter(|(key, _)| !part.lines.contains_key(key));
        let holds = lines.iter().all(|(key, (amount, functional))| {
            let so_far = part.lines.get(key).copied().unwrap_or_default();
            so_far.0.checked_add(*amount).is_some() && so_far.1.checked_add(*functional).is_some()
        });
        holds && part.lines.len() + more.count() <= self.lines.max(2)
    }
}

impl Summed {
    fn of(item: ExportEntry, lines: Vec<(Key, (i64, i64))>) -> Self {
        let mut summed = Self {
            last_day: item.entry.header().date,
            entries: Vec::new(),
            lines: BTreeMap::new(),
            first: item.clone(),
        };
        summed.add(item, lines);
        summed
    }

    fn add(&mut self, item: ExportEntry, lines: Vec<(Key, (i64, i64))>) {
        self.last_day = self.last_day.max(item.entry.header().date);
        self.entries.push(item.id);
        for (key, (amount, functional)) in lines {
            let sum = self.lines.entry(key).or_default();
            sum.0 = sum.0.saturating_add(amount);
            sum.1 = sum.1.saturating_add(functional);
        }
    }

    fn into_entry(self) -> Result<ExportEntry, EntryError> {
        let first = self.first.entry.header();
        let header = EntryHeader {
            date: self.last_day,
            reference: self.first.document.clone(),
            description: format!(
                "{} entries from {}",
                self.entries.len(),
                self.first.document
            ),
            ..first.clone()
        };
        let lines = self.lines.into_iter();
        let lines = lines.map(
            |((account, is_credit, currency, functional, dimensions), sum)| Line {
                account,
                side: if is_credit { Side::Credit } else { Side::Debit },
                amount: Money::minor(sum.0, currency),
                functional: Money::minor(sum.1, functional),
                dimensions,
                deferral: None,
            },
        );
        Ok(ExportEntry {
            document: format!("S-{}", self.first.document),
            entry: JournalEntry::new(header, lines.collect())?,
            ..self.first
        })
    }
}
