//! What waits for somebody: suspended events by reason, and events that came again with other content.

use super::Subject;
use crate::ReportError;
use crate::model::{Cell, Column, Report, Row, Table};
use store::Snapshot;
use store::waiting::{ConflictRow, SuspendedGroup};

/// The most conflicts that are told one by one.
const TOLD: i64 = 10_000;

pub(super) async fn build(books: &Snapshot, subject: &Subject) -> Result<Report, ReportError> {
    let mut groups = books.suspended_groups().await?;
    groups.sort_by(|a, b| b.events.cmp(&a.events).then(a.since.cmp(&b.since)));
    let conflicts = books.conflicts(true, TOLD).await?;
    let events: i64 = groups.iter().map(|group| group.events).sum();
    let open = books.open_conflicts().await?;
    let mut facts = subject.facts();
    facts.push(("suspended events".into(), events.to_string()));
    facts.push(("open conflicts".into(), open.to_string()));
    Ok(Report {
        name: "waiting",
        title: "What waits".into(),
        purpose: "Events that no entry was made of yet, by reason, and events that came again with other content. Each reason says what cures it; suspended events are decided again when the mapping changes.".into(),
        facts,
        tables: vec![suspended(&groups), conflicting(&conflicts)],
        ..Report::default()
    })
}

fn suspended(groups: &[SuspendedGroup]) -> Table {
    let rows = groups.iter().map(|group| {
        Row::plain(vec![
            Cell::Count(group.events),
            Cell::text(group.since.format("%Y-%m-%d").to_string()),
            Cell::text(&group.event_type),
            Cell::text(&group.rule),
            Cell::Count(group.first_event),
            Cell::text(&group.reason),
        ])
    });
    Table {
        name: "suspended",
        title: "Suspended".into(),
        note: "Since when, by the first event of each reason. `tieout suspended show NUMBER` shows one whole.".into(),
        columns: vec![
            Column::count("events", "Events"),
            Column::text("since", "Since"),
            Column::text("type", "Type"),
            Column::text("rule", "Rule"),
            Column::count("first", "First"),
            // What is long stands last, where it may wrap.
            Column::text("reason", "Reason"),
        ],
        rows: rows.collect(),
    }
}

fn conflicting(conflicts: &[ConflictRow]) -> Table {
    let rows = conflicts.iter().map(|row| {
        Row::plain(vec![
            Cell::Count(row.id),
            Cell::Count(row.event_id),
            Cell::text(&row.event_type),
            Cell::text(row.received_at.format("%Y-%m-%d %H:%M").to_string()),
            Cell::text(&row.source),
            Cell::text(row.accepted_by.as_deref().unwrap_or_default()),
            Cell::text(row.accepted_why.as_deref().unwrap_or_default()),
        ])
    });
    Table {
        name: "conflicts",
        title: "Conflicts".into(),
        note: "The content that came first stands in the books; both are kept. `tieout conflicts show NUMBER` shows what they differ in.".into(),
        columns: vec![
            Column::count("conflict", "Conflict"),
            Column::count("event", "Event"),
            Column::text("type", "Type"),
            Column::text("came", "Came again"),
            Column::text("source", "Source"),
            Column::text("accepted_by", "Accepted by"),
            Column::text("why", "Why"),
        ],
        rows: rows.collect(),
    }
}
