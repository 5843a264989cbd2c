//! What the maker says to an entry: the entry, or a fault, which may come with any status.

use crate::erp::documents::Handed;
use crate::erp::json::{id, in_the_way, told, words};
use crate::http::{Answer, Peer};
use crate::transport::TransportError;
use serde_json::Value;

/// A fault of an answer.
#[derive(Debug)]
pub(super) struct Fault {
    kind: String,
    codes: Vec<String>,
    /// What it says, for people.
    pub(super) words: String,
}

impl Fault {
    /// The fault in an answer.
    pub(super) fn of(said: &Value) -> Option<Self> {
        let fault = said.get("Fault").or_else(|| said.get("fault"))?;
        let errors = fault.get("Error").or_else(|| fault.get("error"));
        let errors = errors.and_then(Value::as_array);
        let errors = errors.map(Vec::as_slice).unwrap_or_default();
        let told: Vec<String> = errors.iter().map(told_of).collect();
        Some(Self {
            kind: fault["type"].as_str().unwrap_or_default().to_lowercase(),
            codes: errors.iter().filter_map(|one| id(&one["code"])).collect(),
            words: words(told.iter().map(String::as_str)),
        })
    }

    /// Whether the number is used already, by a journal entry.
    fn is_duplicate(&self) -> bool {
        let says_so = self.words.contains("Duplicate Document Number");
        let is_other = self.words.contains("TxnType=") && !self.words.contains("TxnType=Journal");
        says_so && !is_other
    }

    /// Whether something is in the way of everything: who asks, how often, or a subscription that has ended.
    fn is_in_the_way(&self) -> bool {
        let code = |code: &String| matches!(code.as_str(), "3001" | "3100" | "5020" | "6190");
        self.kind.starts_with("auth") || self.codes.iter().any(code)
    }
}

/// What one error says: what is wrong, in detail, and where.
fn told_of(error: &Value) -> String {
    let text = |name: &str| error[name].as_str().unwrap_or_default().trim();
    let (message, detail) = (text("Message"), text("Detail"));
    let mut told = if detail.contains(message) || message.is_empty() {
        detail.to_owned()
    } else if detail.is_empty() {
        message.to_owned()
    } else {
        format!("{message}: {detail}")
    };
    if let Some(code) = id(&error["code"]) {
        told.push_str(&format!(" (code {code})"));
    }
    if let Some(element) = id(&error["element"]) {
        told.push_str(&format!(" at {element}"));
    }
    told
}

/// What became of an entry that was posted.
pub(super) fn judged(peer: &Peer, answer: &Answer) -> Result<Handed, TransportError> {
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if answer.status >= 500 {
        return Err(peer.broken(told(peer, answer)));
    }
    if let Some(blocked) = in_the_way(peer, answer) {
        return Ok(blocked);
    }
    if let Some(fault) = Fault::of(&said) {
        return if fault.is_in_the_way() {
            Ok(Handed::Blocked(fault.words))
        } else if fault.is_duplicate() {
            Ok(Handed::Known)
        } else if fault.kind.starts_with("validation") {
            Ok(Handed::Refused(fault.words))
        } else {
            // Something failed there while it was at it.
            Err(peer.broken(fault.words))
        };
    }
    match answer.status {
        200..=299 if id(&said["JournalEntry"]["Id"]).is_some() => Ok(Handed::Taken),
        400..=499 => Ok(Handed::Refused(told(peer, answer))),
        _ => Err(peer.broken("its answer names no journal entry")),
    }
}
