//! The journal register: every line of every entry, in the order in which it was posted.

use super::Subject;
use crate::ReportError;
use crate::model::{Cell, Column, Report, Row, Table};
use ledger::{JournalEntry, Side};
use store::Store;

/// Entries read at a time.
const PAGE: i64 = 2_000;

pub(super) async fn build(store: &Store, subject: &Subject) -> Result<Report, ReportError> {
    let (last, entries) = store.journal_extent().await?;
    let mut rows = Vec::new();
    let mut after = 0;
    while after < last {
        let through = (after + PAGE).min(last);
        for stored in store.entries(after, through).await? {
            match &stored.entry {
                Ok(entry) => lines(stored.id, &stored.period, entry, &mut rows),
                Err(error) => rows.push(Row::holding(
                    false,
                    vec![
                        Cell::Count(stored.id),
                        Cell::text(format!("cannot be read: {error}")),
                    ],
                )),
            }
        }
        after = through;
    }
    let mut facts = subject.facts();
    facts.push(("entries".into(), entries.to_string()));
    facts.push(("lines".into(), rows.len().to_string()));
    Ok(Report {
        name: "journal-register",
        title: "Journal register".into(),
        purpose: "Every line of every entry, in the order of posting, with the rule that made it. `tieout trace` leads from any number here to its event and its batch.".into(),
        facts,
        tables: vec![Table {
            name: "lines",
            title: "Lines".into(),
            note: String::new(),
            columns: vec![
                Column::count("entry", "Entry"),
                Column::text("date", "Date"),
                Column::text("entity", "Entity"),
                Column::text("period", "Period"),
                Column::text("kind", "Kind"),
                Column::text("reference", "Reference"),
                Column::text("account", "Account"),
                Column::amount("debit", "Debit"),
                Column::amount("credit", "Credit"),
                Column::text("currency", "Currency"),
                Column::amount("functional_debit", "Functional debit"),
                Column::amount("functional_credit", "Functional credit"),
                Column::text("rule", "Rule"),
            ],
            rows,
        }],
        ..Report::default()
    })
}

fn lines(id: i64, period: &str, entry: &JournalEntry, rows: &mut Vec<Row>) {
    let header = entry.header();
    for line in entry.lines() {
        let on = |side: Side, money| {
            if line.side == side {
                Cell::Amount(money)
            } else {
                Cell::Empty
            }
        };
        rows.push(Row::plain(vec![
            Cell::Count(id),
            Cell::text(header.date.to_string()),
            Cell::text(&header.entity),
            Cell::text(period),
            Cell::text(header.kind.name()),
            Cell::text(&header.reference),
            Cell::text(&line.account),
            on(Side::Debit, line.amount),
            on(Side::Credit, line.amount),
            Cell::text(line.amount.currency().code()),
            on(Side::Debit, line.functional),
            on(Side::Credit, line.functional),
            Cell::text(&header.rule.rule),
        ]));
    }
}
