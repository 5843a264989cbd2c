//! The journal register: every line of every entry, in the order in which it was posted.

use super::Subject;
use crate::ReportError;
use crate::model::{Column, Register, Report, Table};
use store::Snapshot;

pub(super) async fn build(books: &Snapshot, subject: &Subject) -> Result<Report, ReportError> {
    let register = Register::of(books).await?;
    let mut facts = subject.facts();
    facts.push(("entries".into(), register.through().to_string()));
    Ok(Report {
        name: "journal-register",
        title: "Journal register".into(),
        purpose: "Every line of every entry, in the order of posting, with the rule that made it. An entry that was moved out of a closed period says to which day it belongs. `tieout trace` leads from any number here to its event and its batch.".into(),
        facts,
        tables: vec![Table {
            name: "lines",
            title: "Lines".into(),
            note: String::new(),
            columns: COLUMNS.to_vec(),
            rows: Vec::new(),
        }],
        more: Some(register),
        ..Report::default()
    })
}

const COLUMNS: [Column; 14] = [
    Column::count("entry", "Entry"),
    Column::text("date", "Date"),
    Column::text("entity", "Entity"),
    Column::text("period", "Period"),
    Column::text("kind", "Kind"),
    Column::text("belongs_to", "Belongs to"),
    Column::text("reference", "Reference"),
    Column::text("account", "Account"),
    Column::amount("debit", "Debit"),
    Column::amount("credit", "Credit"),
    Column::text("currency", "Currency"),
    Column::amount("functional_debit", "Functional debit"),
    Column::amount("functional_credit", "Functional credit"),
    Column::text("rule", "Rule"),
];
