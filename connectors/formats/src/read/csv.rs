//! Where a record of a CSV stands.

use csv::StringRecord;

/// The line at which a record begins, from 1; 0 where nobody knows. The reader counts a record from
/// the end of the one before it, which in a file of CR and LF is the LF of the line before.
pub fn line(record: &StringRecord, text: &str) -> u64 {
    let Some(position) = record.position() else {
        return 0;
    };
    let begins = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let after = text.as_bytes().get(begins..).unwrap_or_default();
    let breaks = after.iter().take_while(|byte| **byte == b'\n').count();
    position.line() + u64::try_from(breaks).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        reason = "a test that cannot go on should say where"
    )]

    use super::*;

    #[test]
    fn lines_are_counted_from_one_whatever_ends_them() {
        for (text, expected) in [
            ("a\nb\nc\n", [2, 3]),
            ("a\r\nb\r\nc\r\n", [2, 3]),
            ("a\r\n\"b\r\nb\"\r\nc\r\n", [2, 4]),
        ] {
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let lines: Vec<u64> = reader
                .records()
                .map(|record| line(&record.unwrap(), text))
                .collect();
            assert_eq!(lines, expected, "{text:?}");
        }
    }
}
