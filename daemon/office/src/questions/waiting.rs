//! What waits for somebody, in the lists of daily work.

use crate::mapper::Deciding;
use crate::{Call, Refusal, RefusalKind};
use chrono::{DateTime, Utc};
use mappings::Event;
use serde_json::Value;
use std::collections::BTreeMap;
use store::waiting::{Conflict, SuspendedItem};

/// How many events are read at once.
const PAGE: i64 = 1_000;

/// By what suspended events are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Why they wait.
    Reason,
    /// The rule that suspended them.
    Rule,
    /// Their type.
    Type,
    /// The entity that the rule would post them to.
    Entity,
}

/// Suspended events that have something in common.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Group {
    /// What they have in common.
    pub name: String,
    /// How many there are.
    pub events: i64,
    /// The number of the first.
    pub first: i64,
    /// When the first of them happened.
    pub since: DateTime<Utc>,
}

/// A suspended event.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Suspended {
    /// Its number.
    pub number: i64,
    /// Its id, as the sender gave it.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// The source, its partition and the position in it.
    pub source: String,
    /// The partition.
    pub partition: String,
    /// The position.
    pub position: i64,
    /// The rule that suspended it.
    pub rule: Option<String>,
    /// Why it waits.
    pub reason: String,
}

impl From<&SuspendedItem> for Suspended {
    fn from(item: &SuspendedItem) -> Self {
        let event = Event::stored(&item.payload);
        Self {
            number: item.id,
            id: event.map_or_else(|_| String::new(), |event| event.id.into_owned()),
            event_type: item.event_type.clone(),
            occurred_at: item.occurred_at,
            received_at: item.received_at,
            source: item.source.clone(),
            partition: item.partition_name.clone(),
            position: item.position,
            rule: item.rule.clone(),
            reason: item.reason.clone().unwrap_or_default(),
        }
    }
}

/// The suspended events after one, at most so many, with how many there are.
///
/// # Errors
/// When the books cannot be read.
pub async fn suspended(call: &Call, limit: i64) -> Result<(Vec<Suspended>, i64), Refusal> {
    let books = call.store.snapshot().await?;
    let groups = books.suspended_groups().await?;
    let items = books.suspended_after(0, limit).await?;
    let all = groups.iter().map(|group| group.events).sum();
    Ok((items.iter().map(Suspended::from).collect(), all))
}

/// How many suspended events there are of each kind, the most first.
///
/// # Errors
/// When the books cannot be read, or, by entity, when the mapping does not compile.
pub async fn suspended_by(call: &Call, by: By) -> Result<Vec<Group>, Refusal> {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    let mut add = |name: String, events: i64, first: i64, since: DateTime<Utc>| {
        let group = groups.entry(name.clone()).or_insert(Group {
            name,
            events: 0,
            first,
            since,
        });
        group.events += events;
        group.first = group.first.min(first);
        group.since = group.since.min(since);
    };
    let books = call.store.snapshot().await?;
    if by == By::Entity {
        let mut deciding =
            Deciding::sound(call.program()?, &call.context).map_err(anyhow::Error::from)?;
        let mut after = 0;
        loop {
            let page = books.suspended_after(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            for item in &page {
                let event = Event::stored(&item.payload).ok();
                let entity = event.and_then(|event| deciding.entity_of(&event));
                let entity = entity.unwrap_or_else(|| "(none that can be told)".to_owned());
                add(entity, 1, item.id, item.occurred_at);
            }
        }
    } else {
        for row in books.suspended_groups().await? {
            let name = match by {
                By::Reason | By::Entity => row.reason,
                By::Rule if row.rule.is_empty() => "(no rule)".to_owned(),
                By::Rule => row.rule,
                By::Type => row.event_type,
            };
            add(name, row.events, row.first_event, row.since);
        }
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    groups.sort_by(|a, b| b.events.cmp(&a.events).then_with(|| a.name.cmp(&b.name)));
    Ok(groups)
}

/// One suspended event, with its bytes.
///
/// # Errors
/// [`RefusalKind::Missing`] when none of this number is suspended.
pub async fn suspended_one(call: &Call, number: i64) -> Result<(Suspended, Vec<u8>), Refusal> {
    let books = call.store.snapshot().await?;
    let found = books.suspended_after(number.saturating_sub(1), 1).await?;
    let found = found.into_iter().find(|item| item.id == number);
    let item = found.ok_or_else(|| {
        let what = format!(
            "event {number} is not suspended; `tieout suspended list` shows what is, `tieout trace` the rest"
        );
        Refusal::new(RefusalKind::Missing, what)
    })?;
    Ok((Suspended::from(&item), item.payload))
}

/// What two contents of an event differ in.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// Where.
    pub path: String,
    /// What came first; none where it was not there.
    pub first: Option<String>,
    /// What came again.
    pub again: Option<String>,
}

/// Conflicts of which nobody has said that the first content stands; with `all` the others too. At most so many.
///
/// # Errors
/// When the books cannot be read.
pub async fn conflicts(call: &Call, all: bool, limit: i64) -> Result<Vec<Conflict>, Refusal> {
    let books = call.store.snapshot().await?;
    let mut found = Vec::new();
    // One after the other: a content may be a megabyte.
    for row in books.conflicts(all, limit).await? {
        found.extend(books.conflict(row.id).await?);
    }
    Ok(found)
}

/// One conflict.
///
/// # Errors
/// [`RefusalKind::Missing`] when there is none of this number.
pub async fn conflict(call: &Call, id: i64) -> Result<Conflict, Refusal> {
    let found = call.store.snapshot().await?.conflict(id).await?;
    found.ok_or_else(|| {
        let what =
            format!("there is no conflict {id}; `tieout conflicts list` shows what there is");
        Refusal::new(RefusalKind::Missing, what)
    })
}

/// What the content that came again says otherwise than the first, in the order of the first.
pub fn differences(conflict: &Conflict) -> Vec<Difference> {
    let again = conflict.payload.as_deref().unwrap_or_default();
    let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).ok();
    let mut found = Vec::new();
    compare(
        "",
        read(&conflict.first_payload).as_ref(),
        read(again).as_ref(),
        &mut found,
    );
    found
}

fn compare(path: &str, first: Option<&Value>, again: Option<&Value>, found: &mut Vec<Difference>) {
    match (first, again) {
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            let added = other.keys().filter(|name| !one.contains_key(*name));
            for name in one.keys().chain(added) {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                compare(&path, one.get(name), other.get(name), found);
            }
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) => {
            for at in 0..one.len().max(other.len()) {
                compare(&format!("{path}[{at}]"), one.get(at), other.get(at), found);
            }
        }
        (one, other) if one == other => {}
        (one, other) => found.push(Difference {
            path: path.to_owned(),
            first: one.map(Value::to_string),
            again: other.map(Value::to_string),
        }),
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]
mod tests {
    use super::*;

    #[test]
    fn what_two_contents_differ_in_is_told_with_its_path() {
        let mut found = Vec::new();
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let one = read(r#"{"a":1,"b":{"c":"x","d":[1,2]},"e":null}"#);
        let other = read(r#"{"a":1,"b":{"c":"y","d":[1]},"f":true,"e":null}"#);
        compare("", Some(&one), Some(&other), &mut found);
        let told: Vec<(&str, Option<&str>, Option<&str>)> = found
            .iter()
            .map(|row| {
                (
                    row.path.as_str(),
                    row.first.as_deref(),
                    row.again.as_deref(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("b.c", Some("\"x\""), Some("\"y\"")),
                ("b.d[1]", Some("2"), None),
                ("f", None, Some("true")),
            ]
        );
    }
}
