//! Legal entities and their calendars.
//!
//! An entity has one functional currency, one time zone in which its days begin, and one calendar
//! that cuts its fiscal years into twelve periods.

use crate::money::Currency;
use chrono::{DateTime, Datelike, Duration, NaiveDate, Utc, Weekday};
use chrono_tz::Tz;
use std::fmt;

/// How a fiscal year is cut into periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calendar {
    /// Twelve calendar months; the year begins with `first_month` and is named for the calendar
    /// year in which it ends.
    Monthly {
        /// 1 to 12.
        first_month: u32,
    },
    /// Quarters of 4, 4 and 5 weeks. The year ends on the last `weekday` of `last_month`; a 53rd
    /// week belongs to the last period. It is named for the calendar year in which it ends.
    FourFourFive {
        /// The month in which the year ends, 1 to 12.
        last_month: u32,
        /// The day of the week on which every period ends.
        weekday: Weekday,
    },
}

/// A legal entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// The short code in events and configuration.
    pub code: String,
    /// The registered name.
    pub name: String,
    /// The currency in which its books are kept.
    pub functional: Currency,
    /// The zone in which its days begin.
    pub zone: Tz,
    /// How its years are cut.
    pub calendar: Calendar,
}

impl Entity {
    /// The accounting date of a moment: the day it is in the entity's zone.
    pub fn accounting_date(&self, moment: DateTime<Utc>) -> NaiveDate {
        moment.with_timezone(&self.zone).date_naive()
    }

    /// The period in which a date falls.
    ///
    /// # Errors
    /// [`CalendarError`] for dates beyond the calendar's years.
    pub fn period(&self, date: NaiveDate) -> Result<FiscalPeriod, CalendarError> {
        self.calendar.period(date)
    }
}

/// One period of a fiscal year. Ordered by time; shown as `2026-01`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FiscalPeriod {
    /// The fiscal year.
    pub year: i32,
    /// 1 to 12.
    pub number: u32,
    /// The first day.
    pub start: NaiveDate,
    /// The last day.
    pub end: NaiveDate,
}

impl fmt::Display for FiscalPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:02}", self.year, self.number)
    }
}

/// Why a date has no period.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CalendarError {
    /// Outside the years that a calendar can hold.
    #[error("{0} lies outside the years that the calendar covers (1900 to 2999)")]
    OutOfRange(NaiveDate),
}

impl Calendar {
    /// The period in which a date falls.
    ///
    /// # Errors
    /// [`CalendarError::OutOfRange`] before 1900 or after 2999.
    pub fn period(self, date: NaiveDate) -> Result<FiscalPeriod, CalendarError> {
        let out_of_range = CalendarError::OutOfRange(date);
        if !(1900..3000).contains(&date.year()) {
            return Err(out_of_range);
        }
        match self {
            Self::Monthly { first_month } => monthly(first_month, date),
            Self::FourFourFive {
                last_month,
                weekday,
            } => weekly(last_month, weekday, date),
        }
        .ok_or(out_of_range)
    }
}

fn monthly(first_month: u32, date: NaiveDate) -> Option<FiscalPeriod> {
    let number = (date.month() + 12 - first_month) % 12 + 1;
    let year = if first_month > 1 && date.month() >= first_month {
        date.year() + 1
    } else {
        date.year()
    };
    let start = date.with_day(1)?;
    Some(FiscalPeriod {
        year,
        number,
        start,
        end: end_of_month(date.year(), date.month())?,
    })
}

fn end_of_month(year: i32, month: u32) -> Option<NaiveDate> {
    let next = if month == 12 {
        (year + 1, 1)
    } else {
        (year, month + 1)
    };
    NaiveDate::from_ymd_opt(next.0, next.1, 1)?.pred_opt()
}

/// The last day of the 4-4-5 year that ends in the given calendar year.
fn year_end(year: i32, last_month: u32, weekday: Weekday) -> Option<NaiveDate> {
    let last = end_of_month(year, last_month)?;
    let back = (last.weekday().num_days_from_monday() + 7 - weekday.num_days_from_monday()) % 7;
    last.checked_sub_signed(Duration::days(i64::from(back)))
}

fn weekly(last_month: u32, weekday: Weekday, date: NaiveDate) -> Option<FiscalPeriod> {
    let mut year = date.year();
    if date > year_end(year, last_month, weekday)? {
        year += 1;
    }
    let first = year_end(year - 1, last_month, weekday)?.succ_opt()?;
    let week = (date - first).num_days().div_euclid(7).min(51);
    let in_quarter = week % 13;
    let (third, weeks_before, weeks) = match in_quarter {
        0..=3 => (0, 0, 4),
        4..=7 => (1, 4, 4),
        _ => (2, 8, 5),
    };
    let quarter = week.div_euclid(13);
    let start = first + Duration::weeks(quarter * 13 + weeks_before);
    let number = u32::try_from(quarter * 3 + third + 1).ok()?;
    let end = if number == 12 {
        year_end(year, last_month, weekday)?
    } else {
        start + Duration::weeks(weeks) - Duration::days(1)
    };
    Some(FiscalPeriod {
        year,
        number,
        start,
        end,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    const RETAIL: Calendar = Calendar::FourFourFive {
        last_month: 12,
        weekday: Weekday::Sat,
    };

    #[test]
    fn periods_of_three_calendars() {
        let table = [
            // calendar, date, period, start, end
            (
                Calendar::Monthly { first_month: 1 },
                "2026-02-14",
                "2026-02",
                "2026-02-01",
                "2026-02-28",
            ),
            (
                Calendar::Monthly { first_month: 4 },
                "2026-03-31",
                "2026-12",
                "2026-03-01",
                "2026-03-31",
            ),
            (
                Calendar::Monthly { first_month: 4 },
                "2026-04-01",
                "2027-01",
                "2026-04-01",
                "2026-04-30",
            ),
            (RETAIL, "2025-12-28", "2026-01", "2025-12-28", "2026-01-24"),
            (RETAIL, "2026-01-25", "2026-02", "2026-01-25", "2026-02-21"),
            (RETAIL, "2026-03-28", "2026-03", "2026-02-22", "2026-03-28"),
            // 2022 ended on 31 December: its last period has six weeks.
            (RETAIL, "2022-12-31", "2022-12", "2022-11-20", "2022-12-31"),
        ];
        for (calendar, day, name, start, end) in table {
            let period = calendar.period(date(day)).unwrap();
            assert_eq!(
                (period.to_string().as_str(), period.start, period.end),
                (name, date(start), date(end)),
                "{day}"
            );
        }
    }

    #[test]
    fn a_day_begins_in_the_zone_of_the_entity() {
        let entity = Entity {
            code: "jp".into(),
            name: "KK".into(),
            functional: Currency::from_code("JPY").unwrap(),
            zone: chrono_tz::Asia::Tokyo,
            calendar: RETAIL,
        };
        let moment = "2026-01-31T16:00:00Z".parse().unwrap();
        assert_eq!(entity.accounting_date(moment), date("2026-02-01"));
    }

    proptest! {
        #[test]
        fn periods_hold_their_dates_and_meet(days in 0i64..400_000) {
            let day = date("1901-01-01") + Duration::days(days);
            for calendar in [RETAIL, Calendar::Monthly { first_month: 7 }] {
                let period = calendar.period(day).unwrap();
                prop_assert!(period.start <= day && day <= period.end);
                let next = calendar.period(period.end + Duration::days(1)).unwrap();
                prop_assert_eq!(next.start, period.end + Duration::days(1));
                prop_assert!(next > period);
            }
        }
    }
}
