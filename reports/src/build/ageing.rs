//! Breaks by age: how many and how much of each kind stands since when, in the classes that the
//! configuration names. What people have resolved or written off is shown apart.

use super::{Scope, Subject, age_class};
use crate::ReportError;
use crate::control::money;
use crate::model::{Cell, Column, Report, Row, Table};
use crate::picture::{Bar, Tone, bars};
use std::collections::BTreeMap;
use store::Snapshot;
use store::cash::AgeRow;

pub(super) async fn build(
    books: &Snapshot,
    subject: &Subject,
    scope: &Scope,
) -> Result<Report, ReportError> {
    let rows = books.ageing().await?;
    let mut facts = subject.facts();
    facts.extend(scope.facts());
    Ok(Report {
        name: "ageing",
        title: "Ageing of breaks".into(),
        purpose: "What differs, by the days from its oldest item to the day as of which was reconciled. Amounts are left less right: positive where the right side lacks money.".into(),
        facts,
        pictures: picture(&rows, scope.ages()).into_iter().collect(),
        tables: vec![Table {
            name: "ageing",
            title: "By reconciliation and currency".into(),
            note: "Open breaks differ in money; explained ones only in the way it came; what people resolved, wrote off or accepted until a day stands by its word.".into(),
            columns: vec![
                Column::text("reconciliation", "Reconciliation"),
                Column::text("currency", "Currency"),
                Column::text("status", "Status"),
                Column::text("age", "Age"),
                Column::text("kind", "Kind"),
                Column::count("breaks", "Breaks"),
                Column::amount("amount", "Amount"),
            ],
            rows: table(&rows, scope.ages())?,
        }],
        ..Report::default()
    })
}

fn picture(rows: &[AgeRow], ages: &[i64]) -> Option<String> {
    let mut counts = BTreeMap::<usize, (String, i64, i64)>::new();
    for row in rows {
        let (place, name) = age_class(ages, row.age_days);
        let class = counts.entry(place).or_insert((name, 0, 0));
        match row.status.as_str() {
            "open" => class.1 += row.breaks,
            _ => class.2 += row.breaks,
        }
    }
    let shown: Vec<Bar> = counts
        .into_values()
        .map(|(label, open, other)| Bar {
            label,
            segments: vec![
                ("open".into(), open, Tone::Bad),
                ("explained or settled".into(), other, Tone::Quiet),
            ],
        })
        .collect();
    (!shown.is_empty()).then(|| bars("Breaks by age", &shown))
}

/// By reconciliation, currency and status, then by class and kind; a total after each status.
fn table(found: &[AgeRow], ages: &[i64]) -> Result<Vec<Row>, ReportError> {
    type Group<'r> = (&'r str, i64, &'r str);
    let mut groups = BTreeMap::<Group<'_>, BTreeMap<(usize, &str), (String, i64, i64)>>::new();
    for row in found {
        let (place, name) = age_class(ages, row.age_days);
        let group = (
            row.reconciliation.as_str(),
            row.currency_id,
            row.status.as_str(),
        );
        let class = groups.entry(group).or_default();
        let (_, breaks, amount) = class.entry((place, &row.kind)).or_insert((name, 0, 0));
        *breaks += row.breaks;
        *amount = amount
            .checked_add(row.amount)
            .ok_or(ReportError::Overflow)?;
    }
    let mut rows = Vec::new();
    for ((reconciliation, currency_id, status), classes) in groups {
        let head = |age: &str, kind: &str, breaks, amount| -> Result<Vec<Cell>, ReportError> {
            let amount = money(amount, currency_id)?;
            Ok(vec![
                Cell::text(reconciliation),
                Cell::text(amount.currency().code()),
                Cell::text(status),
                Cell::text(age),
                Cell::text(kind),
                Cell::Count(breaks),
                Cell::Amount(amount),
            ])
        };
        let (mut breaks, mut sum) = (0, 0_i64);
        for ((_, kind), (age, count, amount)) in classes {
            breaks += count;
            sum = sum.checked_add(amount).ok_or(ReportError::Overflow)?;
            rows.push(Row::plain(head(&age, kind, count, amount)?));
        }
        rows.push(Row::total(head("", "total", breaks, sum)?));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: &str, status: &str, age_days: i64, amount: i64) -> AgeRow {
        AgeRow {
            reconciliation: "payouts".into(),
            kind: kind.into(),
            status: status.into(),
            currency_id: 978,
            age_days,
            lasting: 0,
            breaks: 1,
            amount,
            lacking: amount.max(0),
        }
    }

    #[test]
    fn breaks_stand_in_the_classes_that_were_named() {
        let found = [
            row("missing right", "open", 0, 100),
            row("missing right", "open", 3, 200),
            row("missing right", "open", 4, 300),
            row("missing right", "open", 5, 400),
            row("late", "explained", 40, 0),
        ];
        let rows = table(&found, &[3, 10]).unwrap();
        let told: Vec<String> = rows
            .iter()
            .map(|row| {
                let words = row.cells.iter().map(|cell| match cell {
                    Cell::Count(count) => count.to_string(),
                    Cell::Amount(money) => money.amount().to_string(),
                    other => other.words().unwrap_or_default().to_owned(),
                });
                words.collect::<Vec<_>>().join("|")
            })
            .collect();
        assert_eq!(
            told,
            [
                "payouts|EUR|explained|over 10 days|late|1|0",
                "payouts|EUR|explained||total|1|0",
                "payouts|EUR|open|0 to 3 days|missing right|2|300",
                "payouts|EUR|open|4 to 10 days|missing right|2|700",
                "payouts|EUR|open||total|4|1000",
            ]
        );
    }
}
