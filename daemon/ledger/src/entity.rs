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
    /// Twelve calendar months.
    Monthly {
        /// 1 to 12.
        first_month: u32,
        /// For which calendar year a fiscal year is named.
        named_for: NamedFor,
    },
    /// Quarters of thirteen weeks, three periods each. A 53rd week belongs to the last period.
    Weekly {
        /// Which of a quarter's periods is the long one.
        pattern: Pattern,
        /// The month at whose end the year ends, 1 to 12.
        last_month: u32,
        /// The day of the week on which every period ends.
        weekday: Weekday,
        /// Which such day at the end of the month ends the year.
        ends_on: EndsOn,
        /// For which calendar year a fiscal year is named.
        named_for: NamedFor,
    },
}

/// The weeks of a quarter's three periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// The third is the long one.
    FourFourFive,
    /// The second is, as the retail trade's published calendar has it.
    FourFiveFour,
    /// The first is.
    FiveFourFour,
}

impl Pattern {
    /// The weeks before each of a quarter's periods.
    fn weeks_before(self) -> [i64; 3] {
        match self {
            Self::FourFourFive => [0, 4, 8],
            Self::FourFiveFour => [0, 4, 9],
            Self::FiveFourFour => [0, 5, 9],
        }
    }
}

/// Which day of the week at the end of a month ends a year.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EndsOn {
    /// The last one in the month.
    #[default]
    Last,
    /// The one nearest to the month's last day, which may be one of the first three of the next month.
    Nearest,
}

/// For which calendar year a fiscal year is named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NamedFor {
    /// That of the month in which it ends.
    #[default]
    End,
    /// That of the month in which it begins, as retailers have it, and countries whose fiscal 2026 begins in April 2026.
    Beginning,
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
    /// Twelve months from this one (1 to 12), in a year that is named for the calendar year in which it ends.
    pub const fn months_from(first_month: u32) -> Self {
        Self::Monthly {
            first_month,
            named_for: NamedFor::End,
        }
    }

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
            Self::Monthly {
                first_month,
                named_for,
            } => monthly(first_month, named_for, date),
            Self::Weekly {
                pattern,
                last_month,
                weekday,
                ends_on,
                named_for,
            } => {
                let end = YearEnd {
                    last_month,
                    weekday,
                    ends_on,
                };
                weekly(pattern, end, named_for, date)
            }
        }
        .ok_or(out_of_range)
    }
}

/// The name of a year that ends with or after `last_month` of a calendar year.
fn named(ends_in: i32, last_month: u32, named_for: NamedFor) -> i32 {
    match named_for {
        NamedFor::Beginning if last_month < 12 => ends_in - 1,
        NamedFor::Beginning | NamedFor::End => ends_in,
    }
}

fn monthly(first_month: u32, named_for: NamedFor, date: NaiveDate) -> Option<FiscalPeriod> {
    let number = (date.month() + 12 - first_month) % 12 + 1;
    let last_month = (first_month + 10) % 12 + 1;
    let ends_in = if date.month() > last_month {
        date.year() + 1
    } else {
        date.year()
    };
    Some(FiscalPeriod {
        year: named(ends_in, last_month, named_for),
        number,
        start: date.with_day(1)?,
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

/// What ends a year of weeks.
#[derive(Clone, Copy)]
struct YearEnd {
    last_month: u32,
    weekday: Weekday,
    ends_on: EndsOn,
}

impl YearEnd {
    /// The last day of the fiscal year whose last month is of the given calendar year.
    fn of(self, year: i32) -> Option<NaiveDate> {
        let last = end_of_month(year, self.last_month)?;
        let weekday = |day: Weekday| i64::from(day.num_days_from_monday());
        let back = (weekday(last.weekday()) + 7 - weekday(self.weekday)) % 7;
        let days = match self.ends_on {
            EndsOn::Nearest if back > 3 => 7 - back,
            EndsOn::Nearest | EndsOn::Last => -back,
        };
        last.checked_add_signed(Duration::days(days))
    }
}

fn weekly(
    pattern: Pattern,
    end_of: YearEnd,
    named_for: NamedFor,
    date: NaiveDate,
) -> Option<FiscalPeriod> {
    let mut year = date.year();
    // The nearest day may lie in the first days of the next calendar year.
    if date <= end_of.of(year - 1)? {
        year -= 1;
    } else if date > end_of.of(year)? {
        year += 1;
    }
    let (first, last) = (end_of.of(year - 1)?.succ_opt()?, end_of.of(year)?);
    let week = (date - first).num_days().div_euclid(7).min(51);
    let (quarter, in_quarter) = (week.div_euclid(13), week.rem_euclid(13));
    let befores = pattern.weeks_before();
    let third = befores.iter().rposition(|before| *before <= in_quarter)?;
    let starts_at = |weeks: i64| first.checked_add_signed(Duration::weeks(quarter * 13 + weeks));
    let number = u32::try_from(quarter * 3).ok()? + u32::try_from(third).ok()? + 1;
    let end = match befores.get(third + 1) {
        _ if number == 12 => last,
        Some(next) => starts_at(*next)?.pred_opt()?,
        None => starts_at(13)?.pred_opt()?,
    };
    Some(FiscalPeriod {
        year: named(year, end_of.last_month, named_for),
        number,
        start: starts_at(*befores.get(third)?)?,
        end,
    })
}
