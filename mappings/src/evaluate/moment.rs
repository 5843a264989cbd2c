//! Days: where they stand, how they are written, and in whose zone they are.

use super::value::{Element, Subject, Taken};
use super::{Evaluator, Refusal};
use crate::data::amount_of;
use crate::program::{Moment, Unit};
use chrono::{DateTime, Datelike, Duration, NaiveDate, Utc};
use ledger::Entity;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// The years that calendars cover, and one on either side.
const YEARS: std::ops::RangeInclusive<i32> = 1899..=3000;

/// A day, or a moment that is on one in some zone.
enum Written {
    Day(NaiveDate),
    Moment(DateTime<Utc>),
}

impl Evaluator<'_> {
    /// The accounting date: a day as it is, a moment in the zone of the entity.
    pub(super) fn date(
        &mut self,
        subject: &Subject<'_>,
        moment: Option<&Moment>,
        entity: &Entity,
    ) -> Result<NaiveDate, Refusal> {
        if let Some(moment) = moment {
            return self.day(subject, moment, &[], entity);
        }
        let time = subject.event.time.ok_or(
            "the event has no `time` and the rule names no `date:`; nobody can say when it happened",
        )?;
        Ok(entity.accounting_date(time))
    }

    /// The day on which something is.
    pub(super) fn day(
        &mut self,
        subject: &Subject<'_>,
        moment: &Moment,
        elements: &[Element<'_>],
        entity: &Entity,
    ) -> Result<NaiveDate, Refusal> {
        Ok(match self.written(subject, moment, elements)? {
            Written::Day(day) => day,
            Written::Moment(at) => in_zone(at, moment, entity),
        })
    }

    /// The last day of something that ends before a day or a moment.
    pub(super) fn day_before(
        &mut self,
        subject: &Subject<'_>,
        moment: &Moment,
        elements: &[Element<'_>],
        entity: &Entity,
    ) -> Result<NaiveDate, Refusal> {
        let day = match self.written(subject, moment, elements)? {
            Written::Day(day) => day.pred_opt(),
            Written::Moment(at) => at
                .checked_sub_signed(Duration::microseconds(1))
                .map(|last| in_zone(last, moment, entity)),
        };
        day.ok_or_else(|| format!("there is no day before `{}`", moment.source.text))
    }

    fn written(
        &mut self,
        subject: &Subject<'_>,
        moment: &Moment,
        elements: &[Element<'_>],
    ) -> Result<Written, Refusal> {
        let name = &moment.source.text;
        let taken = self.take(subject, &moment.source, elements)?;
        match (moment.unit, &taken) {
            (Some(Unit::Seconds), _) => counted(name, &taken, 1_000_000),
            (Some(Unit::Milliseconds), _) => counted(name, &taken, 1_000),
            (None, Taken::Number(number)) => Err(format!(
                "`{name}` is {number}: say what it counts, as in `{{ path: {name}, unit: s }}`"
            )),
            (unit, Taken::Text(text)) if !text.is_empty() => {
                let day = text.parse().ok().filter(|_| unit != Some(Unit::Rfc3339));
                let moment = DateTime::parse_from_rfc3339(text).ok();
                let moment = moment.filter(|_| unit != Some(Unit::Day));
                let moment = moment.map(|at| Written::Moment(at.with_timezone(&Utc)));
                day.map(Written::Day).or(moment).ok_or_else(|| {
                    let wanted = match unit {
                        Some(Unit::Day) => "no day (2026-01-31)",
                        Some(_) => "not RFC 3339",
                        None => "neither a day (2026-01-31) nor RFC 3339",
                    };
                    format!("`{name}` is `{text}`: {wanted}")
                })
            }
            (_, Taken::Null) => Err(format!("`{name}` is missing")),
            (_, Taken::Text(_)) => Err(format!("`{name}` is empty")),
            (_, Taken::Number(number)) => Err(format!("`{name}` is {number}, not a day")),
            (_, Taken::Flag(flag)) => Err(format!("`{name}` is `{flag}`, not a day")),
        }
    }
}

/// A count from 1970, each of so many microseconds.
fn counted(name: &str, taken: &Taken<'_>, micros: i64) -> Result<Written, Refusal> {
    let count = match taken {
        Taken::Number(number) => Some(*number),
        Taken::Text(text) => amount_of(text),
        Taken::Null => return Err(format!("`{name}` is missing")),
        Taken::Flag(_) => None,
    };
    let micros = count.and_then(|count| count.checked_mul(Decimal::from(micros)));
    let at = micros.and_then(|micros| DateTime::from_timestamp_micros(micros.trunc().to_i64()?));
    // No zone takes a year of these to where no calendar has days.
    let at = at.filter(|at| YEARS.contains(&at.year()));
    at.map(Written::Moment).ok_or_else(|| match count {
        Some(count) => format!("`{name}` is {count}: no time that can be counted from 1970"),
        None => format!("`{name}` is not a number that counts from 1970"),
    })
}

fn in_zone(at: DateTime<Utc>, moment: &Moment, entity: &Entity) -> NaiveDate {
    match moment.zone {
        Some(zone) => at.with_timezone(&zone).date_naive(),
        None => entity.accounting_date(at),
    }
}
