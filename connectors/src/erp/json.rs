//! What APIs that speak JSON have in common: names that are texts or numbers, keys that make a call the same call, and what a
//! status says where the body says nothing of the document.

use super::documents::Handed;
use crate::http::{Answer, Peer};
use ledger::hash::Hasher;
use serde_json::Value;

/// What something is called there, which some write as a text and some as a number.
pub(super) fn id(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        _ => None,
    }
}

/// A key of these texts, as a UUID of version 8: the same texts, the same key.
pub(super) fn key(texts: &[&str]) -> String {
    let mut hasher = Hasher::default();
    for text in texts {
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        hasher.add(&length.to_be_bytes());
        hasher.add(text.as_bytes());
    }
    let mut key = String::new();
    for (place, digit) in hasher.finish().to_string().chars().take(32).enumerate() {
        if matches!(place, 8 | 12 | 16 | 20) {
            key.push('-');
        }
        key.push(match place {
            12 => '8',
            16 => 'a',
            _ => digit,
        });
    }
    key
}

/// What lies in the way of all documents, by the status: who asks, how often, or where. None where the body has the word.
pub(super) fn in_the_way(peer: &Peer, answer: &Answer) -> Option<Handed> {
    match answer.status {
        300..=399 => Some(Handed::Blocked(format!(
            "{} sends to another address, which is not followed; name that one in `url`",
            peer.name()
        ))),
        403 | 404 | 405 | 421 | 429 => Some(Handed::Blocked(told(peer, answer))),
        _ => None,
    }
}

/// What an answer says, with its status and where it is from.
pub(super) fn told(peer: &Peer, answer: &Answer) -> String {
    let words = answer.words();
    let status = answer.status;
    format!("{} answers {status}: {words}", peer.name())
}

/// The most characters of a maker's words that are told.
const WORDS: usize = 1_000;

/// Words of a maker for people: on one line, without what controls a terminal, and not long.
pub(super) fn words<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let mut said = Vec::<String>::new();
    for text in texts {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if !text.is_empty() && !said.contains(&text) {
            said.push(text);
        }
    }
    let all = said.join("; ");
    all.chars()
        .filter(|sign| !sign.is_control())
        .take(WORDS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{key, words};

    #[test]
    fn keys_are_uuids_and_know_where_a_text_ends() {
        let one = key(&["eu-2026-000017", "a"]);
        assert_eq!(one, key(&["eu-2026-000017", "a"]));
        assert_ne!(one, key(&["eu-2026-000017a", ""]));
        assert_eq!(one.len(), 36);
        assert_eq!(one.as_bytes()[14], b'8');
        assert_eq!(one.as_bytes()[19], b'a');
    }

    #[test]
    fn words_are_said_once_and_on_one_line() {
        assert_eq!(words(["a\r\nb", "a b", "", "\u{1b}[31mc"]), "a b; [31mc");
    }
}
