//! Days as ISO writes them.

use chrono::NaiveDate;

/// The day with which a text begins: `2026-01-31`, or `2026-01-31T10:00:00Z`. A year has four digits,
/// so that days as texts have the order of days.
pub fn begun(text: &str) -> Option<NaiveDate> {
    let day = text.get(..10)?;
    let fits = day.bytes().enumerate().all(|(at, sign)| match at {
        4 | 7 => sign == b'-',
        _ => sign.is_ascii_digit(),
    });
    day.parse().ok().filter(|_| fits)
}

/// The same, or what is wrong.
///
/// # Errors
/// What is wrong.
pub fn needed(text: &str) -> Result<NaiveDate, String> {
    let shown = || super::plain::shown(text);
    begun(text).ok_or_else(|| format!("`{}` is no day; expected 2026-01-31", shown()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_ten_signs() {
        for (text, is_day) in [
            ("2026-01-31", true),
            ("2026-01-31 10:00:00", true),
            ("2026-01-31é", true),
            ("2026-02-30", false),
            ("+12026-1-1", false),
            ("2026-1-05T", false),
            ("2026/01/31", false),
            ("2026-01-3é", false),
            ("2026-01", false),
            ("", false),
        ] {
            assert_eq!(begun(text).is_some(), is_day, "{text}");
            assert_eq!(needed(text).is_ok(), is_day, "{text}");
        }
    }
}
