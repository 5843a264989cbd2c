//! Closed periods, and the first open day after one.

use crate::call::Call;
use crate::config::Late;
use anyhow::Context as _;
use chrono::{Days, NaiveDate};
use ledger::{JournalEntry, Posting};
use std::collections::BTreeMap;
use store::books::PeriodRow;

/// The days of closed periods by entity.
#[derive(Clone, Debug, Default)]
pub(crate) struct Closed(BTreeMap<String, Vec<(NaiveDate, NaiveDate)>>);

impl Closed {
    /// Those among some periods.
    pub(crate) fn of(periods: &[PeriodRow]) -> Self {
        let mut closed = BTreeMap::<String, Vec<(NaiveDate, NaiveDate)>>::new();
        for period in periods.iter().filter(|period| period.state == "closed") {
            let days = (period.start_on, period.end_on);
            closed.entry(period.entity.clone()).or_default().push(days);
        }
        Self(closed)
    }

    fn around(&self, entity: &str, day: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
        let periods = self.0.get(entity)?;
        let holds = |(start, end): &&(NaiveDate, NaiveDate)| (*start..=*end).contains(&day);
        periods.iter().find(holds).copied()
    }

    /// The day itself, or the first after it whose period is not closed.
    pub(crate) fn open_day(&self, entity: &str, day: NaiveDate) -> anyhow::Result<NaiveDate> {
        let mut day = day;
        while let Some((_, end)) = self.around(entity, day) {
            day = end
                .checked_add_days(Days::new(1))
                .context("there is no day after the last closed period")?;
        }
        Ok(day)
    }

    /// An entry as its entity wants it that comes when its period is closed: as it is, and then it waits, or on
    /// the first open day.
    pub(crate) fn late(&self, call: &Call, entry: JournalEntry) -> anyhow::Result<JournalEntry> {
        let header = entry.header();
        if call.config.late(&header.entity) == Late::Suspend {
            return Ok(entry);
        }
        let on = self.open_day(&header.entity, header.date)?;
        Ok(entry.dated(on))
    }
}

/// An entry with the period of its accounting date.
pub(crate) fn posting(call: &Call, entry: JournalEntry) -> anyhow::Result<Posting> {
    let header = entry.header();
    let entity = call.context.entities.get(&header.entity);
    let entity = entity.with_context(|| {
        format!(
            "entity `{}` is no longer in tieout.yaml; put it back",
            header.entity
        )
    })?;
    let period = entity.period(header.date)?;
    Ok(Posting { entry, period })
}
