//! What the first characters of a file say of its format.

/// Whether the first line of a table names all these columns.
pub fn has_columns(head: &str, columns: &[&str]) -> bool {
    let first = head.lines().next().unwrap_or_default();
    columns.iter().all(|column| {
        first
            .split(',')
            .any(|found| found.trim().trim_matches('"').trim() == *column)
    })
}

/// Whether a file begins like JSON.
pub fn is_json(head: &str) -> bool {
    let start = head.trim_start();
    start.starts_with(['{', '[']) && !start.starts_with("{1:")
}

/// The beginning of a JSON text without blanks, so that `"a": "b"` is `"a":"b"`; empty for another.
pub fn compact(head: &str) -> String {
    if !is_json(head) {
        return String::new();
    }
    head.split_whitespace().collect()
}

/// The texts that stand under a key in a compact beginning, in their order.
pub fn texts<'h>(compact: &'h str, key: &str) -> impl Iterator<Item = &'h str> {
    let sought = format!("\"{key}\":\"");
    let mut rest = compact;
    std::iter::from_fn(move || {
        let at = rest.find(&sought)?;
        rest = rest.get(at + sought.len()..)?;
        let end = rest.find('"')?;
        rest.get(..end)
    })
}
