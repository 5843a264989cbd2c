//! Texts on one line: of senders for the books, and for people.

/// As many characters of a sender's text are shown.
const SHOWN: usize = 60;

/// Runs of blanks as one; a line break is a blank.
pub fn squeezed(text: &str) -> String {
    let mut words = text.split_whitespace();
    let mut line = words.next().unwrap_or_default().to_owned();
    for word in words {
        line.push(' ');
        line.push_str(word);
    }
    line
}

/// A text of somebody else's for people, short and without what would not print.
pub fn shown(text: &str) -> String {
    let mut signs = text.chars();
    let printed = |sign: char| if sign.is_control() { ' ' } else { sign };
    let mut short: String = signs.by_ref().take(SHOWN).map(printed).collect();
    if signs.next().is_some() {
        short.push('…');
    }
    short
}

/// The parts that are not empty, with something between them.
pub fn joined(parts: &[&str], by: &str) -> String {
    let parts = parts.iter().copied().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(by)
}
