//! What was planted, what was found, and whether they are the same.

use crate::output::TextTable;
use office::Call;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A planted defect: what the chain should call it, and by which name it should be found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Planted {
    /// `duplicate`, `conflict`, `quarantined`, `suspended`, or a kind of break.
    pub(crate) kind: String,
    /// An event id, a reference, or file and position.
    pub(crate) name: String,
}

impl Planted {
    pub(crate) fn new(kind: &str, name: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            name: name.into(),
        }
    }
}

/// Everything out of the ordinary that the books know.
pub(crate) async fn found(call: &Call) -> anyhow::Result<Vec<Planted>> {
    let books = call.store.snapshot().await?;
    let mut found = Vec::new();
    for row in books.repetitions().await? {
        let kind = if row.kind == 1 {
            "duplicate"
        } else {
            "conflict"
        };
        found.push(Planted::new(kind, event_id(&row.payload)));
    }
    for row in books.quarantined().await? {
        let file = row.partition_name.split('@').next().unwrap_or_default();
        found.push(Planted::new(
            "quarantined",
            format!("{file}:{}", row.position),
        ));
    }
    for row in books.suspended_after(0, i64::MAX).await? {
        found.push(Planted::new("suspended", event_id(&row.payload)));
    }
    for row in books.breaks().await? {
        found.push(Planted {
            kind: row.kind,
            name: row.reference,
        });
    }
    for statement in books.statements().await? {
        if statement.is_open() {
            found.push(Planted::new("statement", statement.identity));
        }
    }
    Ok(found)
}

fn event_id(payload: &[u8]) -> String {
    serde_json::from_slice::<Value>(payload)
        .ok()
        .and_then(|event| Some(event.get("id")?.as_str()?.to_owned()))
        .unwrap_or_default()
}

/// The comparison.
#[derive(Debug)]
pub(crate) struct Verdicts {
    /// By kind: planted, found as planted.
    counts: BTreeMap<String, (usize, usize)>,
    /// Planted and not found.
    pub(crate) missed: Vec<Planted>,
    /// Found and not planted.
    pub(crate) unexpected: Vec<Planted>,
}

/// Compares as multisets: the same defect twice must be found twice.
pub(crate) fn compare(planted: &[Planted], found: &[Planted]) -> Verdicts {
    let mut unexpected = found.to_vec();
    unexpected.sort();
    let mut missed = Vec::new();
    let mut counts = BTreeMap::<String, (usize, usize)>::new();
    for defect in planted {
        let count = counts.entry(defect.kind.clone()).or_default();
        count.0 += 1;
        match unexpected.binary_search(defect) {
            Ok(at) => {
                unexpected.remove(at);
                count.1 += 1;
            }
            Err(_) => missed.push(defect.clone()),
        }
    }
    Verdicts {
        counts,
        missed,
        unexpected,
    }
}

impl Verdicts {
    pub(crate) fn all_right(&self) -> bool {
        self.missed.is_empty() && self.unexpected.is_empty()
    }

    pub(crate) fn planted(&self) -> usize {
        self.counts.values().map(|(planted, _)| planted).sum()
    }

    pub(crate) fn table(&self) -> TextTable {
        let mut table = TextTable::new(&["defect", "planted", "found"]);
        for (kind, (planted, found)) in &self.counts {
            table.row(vec![kind.clone(), planted.to_string(), found.to_string()]);
        }
        for defect in &self.missed {
            table.row(vec![
                format!("missed: {} {}", defect.kind, defect.name),
                "1".into(),
                "0".into(),
            ]);
        }
        for defect in &self.unexpected {
            table.row(vec![
                format!("unexpected: {} {}", defect.kind, defect.name),
                "0".into(),
                "1".into(),
            ]);
        }
        table
    }
}
