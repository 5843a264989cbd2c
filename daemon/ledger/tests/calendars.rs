//! Fiscal years and their periods, by tables that a bookkeeper can read: `fixtures/calendars`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on should say where"
)]

use chrono::{DateTime, Duration, NaiveDate, Utc, Weekday};
use ledger::{Calendar, Currency, EndsOn, Entity, NamedFor, Pattern};
use proptest::prelude::*;
use std::path::Path;

fn rows(name: &str) -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/calendars")
        .join(name);
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().skip(1).filter(|line| !line.starts_with('#'));
    let cells = |line: &str| line.split(',').map(str::to_owned).collect();
    lines.map(cells).collect()
}

fn named_for(word: &str) -> NamedFor {
    match word {
        "end" => NamedFor::End,
        "beginning" => NamedFor::Beginning,
        other => panic!("`{other}` names no year"),
    }
}

/// `monthly 4 end` or `4-5-4 nearest sat 1 beginning`.
fn calendar(words: &str) -> Calendar {
    let words: Vec<&str> = words.split(' ').collect();
    match words.as_slice() {
        ["monthly", first_month, named] => Calendar::Monthly {
            first_month: first_month.parse().unwrap(),
            named_for: named_for(named),
        },
        [pattern, ends_on, weekday, last_month, named] => Calendar::Weekly {
            pattern: match *pattern {
                "4-4-5" => Pattern::FourFourFive,
                "4-5-4" => Pattern::FourFiveFour,
                "5-4-4" => Pattern::FiveFourFour,
                other => panic!("`{other}` is no pattern"),
            },
            last_month: last_month.parse().unwrap(),
            weekday: weekday.parse().unwrap(),
            ends_on: match *ends_on {
                "last" => EndsOn::Last,
                "nearest" => EndsOn::Nearest,
                other => panic!("`{other}` ends no year"),
            },
            named_for: named_for(named),
        },
        other => panic!("{other:?} is no calendar"),
    }
}

#[test]
fn years_have_the_days_and_weeks_that_were_published() {
    for row in rows("years.csv") {
        let [words, year, first, last, weeks] = row.as_slice() else {
            panic!("{row:?}");
        };
        let days: [NaiveDate; 2] = [first, last].map(|day| day.parse().unwrap());
        let (first, last) = days.map(|day| calendar(words).period(day).unwrap()).into();
        assert_eq!(first.to_string(), format!("{year}-01"), "{row:?}");
        assert_eq!(last.to_string(), format!("{year}-12"), "{row:?}");
        assert_eq!([first.start, last.end], days, "{row:?}");
        let length = (last.end - first.start).num_days() + 1;
        assert_eq!(length, weeks.parse::<i64>().unwrap() * 7, "{row:?}");
    }
}

#[test]
fn moments_have_their_day_and_their_period() {
    for row in rows("periods.csv") {
        let [words, zone, moment, day, name, first, last] = row.as_slice() else {
            panic!("{row:?}");
        };
        let entity = Entity {
            code: "e".into(),
            name: "Entity".into(),
            functional: Currency::from_code("EUR").unwrap(),
            zone: zone.parse().unwrap(),
            calendar: calendar(words),
        };
        let date = entity.accounting_date(moment.parse::<DateTime<Utc>>().unwrap());
        assert_eq!(&date.to_string(), day, "{row:?}");
        let found = entity.period(date).map_or_else(
            |_none| ["none".to_owned(), String::new(), String::new()],
            |period| {
                [
                    period.to_string(),
                    period.start.to_string(),
                    period.end.to_string(),
                ]
            },
        );
        assert_eq!([name, first, last].map(String::as_str), found, "{row:?}");
    }
}

fn any_calendar() -> impl Strategy<Value = Calendar> {
    let named = prop_oneof![Just(NamedFor::End), Just(NamedFor::Beginning)];
    let pattern = prop_oneof![
        Just(Pattern::FourFourFive),
        Just(Pattern::FourFiveFour),
        Just(Pattern::FiveFourFour)
    ];
    let ends_on = prop_oneof![Just(EndsOn::Last), Just(EndsOn::Nearest)];
    let weekly = (pattern, 1u32..=12, 0u8..7, ends_on, named.clone()).prop_map(
        |(pattern, last_month, weekday, ends_on, named_for)| Calendar::Weekly {
            pattern,
            last_month,
            weekday: Weekday::try_from(weekday).unwrap(),
            ends_on,
            named_for,
        },
    );
    let monthly = (1u32..=12, named).prop_map(|(first_month, named_for)| Calendar::Monthly {
        first_month,
        named_for,
    });
    prop_oneof![weekly, monthly]
}

proptest! {
    #[test]
    fn periods_hold_their_dates_meet_and_count_to_twelve(calendar in any_calendar(), days in 0i64..400_000) {
        let day = "1901-01-01".parse::<NaiveDate>().unwrap() + Duration::days(days);
        let period = calendar.period(day).unwrap();
        prop_assert!(period.start <= day && day <= period.end);
        prop_assert_eq!(calendar.period(period.start).unwrap(), period);
        prop_assert_eq!(calendar.period(period.end).unwrap(), period);
        let next = calendar.period(period.end + Duration::days(1)).unwrap();
        prop_assert_eq!(next.start, period.end + Duration::days(1));
        let follows = if period.number == 12 { (period.year + 1, 1) } else { (period.year, period.number + 1) };
        prop_assert_eq!((next.year, next.number), follows);
        if let Calendar::Weekly { weekday, .. } = calendar {
            use chrono::Datelike;
            prop_assert_eq!(period.end.weekday(), weekday);
            let weeks = (period.end - period.start).num_days() + 1;
            prop_assert!([28, 35, 42].contains(&weeks), "{} days", weeks);
        }
    }
}
