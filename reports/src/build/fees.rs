//! Fees by processor, month and kind, and their share of what customers paid. Fees that were withheld count in the
//! month of their line; those that a processor invoices later count in the month that the invoice names,
//! and the part of them that came later is told.

mod month;

use super::payouts::each_fee_part;
use super::{Scope, Subject};
use crate::ReportError;
use crate::control::money;
use crate::model::{Cell, Column, Report, Row, Table};
use chrono::{Datelike, NaiveDate};
use ledger::Movement;
use std::collections::BTreeMap;
use store::Snapshot;
use store::cash::FeeLineRow;

/// Lines read at a time.
const PAGE: i64 = 20_000;

/// What a fee is called whose parts the processor does not tell.
const UNTOLD: &str = "withheld, kind not told";

/// Of one kind: what was taken, and what of it came in a later month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Fee {
    amount: i64,
    later: i64,
}

/// Of one processor, currency and month.
#[derive(Clone, Debug, Default)]
struct Month {
    charged: i64,
    charges: i64,
    fees: BTreeMap<String, Fee>,
}

impl Month {
    fn add(&mut self, kind: &str, amount: i64, is_later: bool) -> Result<(), ReportError> {
        let fee = self.fees.entry(kind.to_owned()).or_default();
        let plus = |one: i64, other: i64| one.checked_add(other).ok_or(ReportError::Overflow);
        fee.amount = plus(fee.amount, amount)?;
        if is_later {
            fee.later = plus(fee.later, amount)?;
        }
        Ok(())
    }
}

/// By processor, currency and month.
type Months = BTreeMap<(String, i64, String), Month>;

pub(super) async fn build(
    books: &Snapshot,
    subject: &Subject,
    scope: &Scope,
) -> Result<Report, ReportError> {
    let mut months = Months::new();
    withheld(books, scope, &mut months).await?;
    parts(books, scope, &mut months).await?;
    invoiced(books, scope, &mut months).await?;
    let mut facts = subject.facts();
    facts.extend(scope.facts());
    Ok(Report {
        name: "fees",
        title: "Fees".into(),
        purpose: "What processors took, by kind, and what share of the payments of the month that is. A basis point is a hundredth of a percent.".into(),
        facts,
        tables: vec![Table {
            name: "fees",
            title: "By processor, month and kind".into(),
            note: "Withheld fees count in the month of their line. Fees on lines of their own count in the month that they name, where they name one; what of them was booked in a later month stands under later. Rounded to a hundredth of a basis point.".into(),
            columns: vec![
                Column::text("processor", "Processor"),
                Column::text("currency", "Currency"),
                Column::text("month", "Month"),
                Column::text("kind", "Kind"),
                Column::count("charges", "Charges"),
                Column::amount("charged", "Charged"),
                Column::amount("fee", "Fee"),
                Column::decimal("basis_points", "Basis points"),
                Column::amount("later", "Of it later"),
            ],
            rows: rows(&months, scope)?,
        }],
        ..Report::default()
    })
}

async fn withheld(books: &Snapshot, scope: &Scope, months: &mut Months) -> Result<(), ReportError> {
    for row in books.withheld(&scope.account).await? {
        let month = months
            .entry((row.account, row.currency_id, row.month))
            .or_default();
        (month.charged, month.charges) = (row.charged, row.charges);
        if row.fee != 0 {
            month.add(UNTOLD, row.fee, false)?;
        }
    }
    Ok(())
}

/// Parts that the processor tells come out of what was not told apart.
async fn parts(books: &Snapshot, scope: &Scope, months: &mut Months) -> Result<(), ReportError> {
    each_fee_part(books, scope, |row, kind, amount| {
        let key = (
            row.account.clone(),
            row.currency_id,
            month_of(row.booked_on),
        );
        let month = months.entry(key).or_default();
        month.add(kind, amount, false)?;
        month.add(UNTOLD, -amount, false)
    })
    .await
}

/// Lines that are fees themselves.
async fn invoiced(books: &Snapshot, scope: &Scope, months: &mut Months) -> Result<(), ReportError> {
    let mut after = 0;
    loop {
        let page = books.fee_lines(&scope.account, after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = last.id;
        for row in &page {
            let (month, is_later) = month_of_line(row);
            let key = (row.account.clone(), row.currency_id, month);
            let is_tax = row.movement == Movement::Tax.number();
            let kind = if is_tax { "tax" } else { "charged apart" };
            let kind = format!("{kind}: {}", row.kind);
            let month = months.entry(key).or_default();
            month.add(&kind, row.net.saturating_neg(), is_later)?;
        }
    }
}

/// The month for which a fee was taken, and whether that was before the one of its line.
fn month_of_line(row: &FeeLineRow) -> (String, bool) {
    let own = (row.booked_on.year(), row.booked_on.month());
    let (year, month) = month::named(&row.description, row.booked_on).unwrap_or(own);
    (format!("{year:04}-{month:02}"), (year, month) != own)
}

fn month_of(day: NaiveDate) -> String {
    format!("{:04}-{:02}", day.year(), day.month())
}

fn rows(months: &Months, scope: &Scope) -> Result<Vec<Row>, ReportError> {
    let mut rows = Vec::new();
    let within = |month: &str| {
        let bound = |day: Option<NaiveDate>| day.map(month_of);
        bound(scope.from).is_none_or(|from| *from <= *month)
            && bound(scope.to).is_none_or(|to| *month <= *to)
    };
    for ((processor, currency_id, name), month) in months {
        if !within(name) {
            continue;
        }
        let cells = |kind: &str, fee: Fee| -> Result<Vec<Cell>, ReportError> {
            let amount = |amount| money(amount, *currency_id);
            Ok(vec![
                Cell::text(processor),
                Cell::text(amount(0)?.currency().code()),
                Cell::text(name),
                Cell::text(kind),
                Cell::Count(month.charges),
                Cell::Amount(amount(month.charged)?),
                Cell::Amount(amount(fee.amount)?),
                Cell::basis_points(fee.amount, month.charged),
                Cell::unless_zero(amount(fee.later)?),
            ])
        };
        let mut all = Fee::default();
        for (kind, fee) in &month.fees {
            if *fee == Fee::default() {
                continue;
            }
            let plus = |one: i64, other: i64| one.checked_add(other).ok_or(ReportError::Overflow);
            all.amount = plus(all.amount, fee.amount)?;
            all.later = plus(all.later, fee.later)?;
            rows.push(Row::plain(cells(kind, *fee)?));
        }
        rows.push(Row::total(cells("all", all)?));
    }
    Ok(rows)
}
