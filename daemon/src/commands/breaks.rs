//! `tieout breaks list`.

use crate::company::Company;
use crate::output::{Output, TextTable};
use clap::Subcommand;
use ledger::{Currency, Money};
use store::reconciliation::BreakRow;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Every break that is not cleared.
    List,
}

pub(crate) async fn run(
    company: &Company,
    command: &Command,
    output: Output,
) -> anyhow::Result<bool> {
    let Command::List = command;
    let breaks = company.store.breaks().await?;
    output.result(&breaks, &table(&breaks).to_string())?;
    Ok(true)
}

/// Breaks as a table for a terminal.
pub(crate) fn table(breaks: &[BreakRow]) -> TextTable {
    let mut table = TextTable::new(&["break", "kind", "status", "amount", "days", "what is known"]);
    for found in breaks {
        table.row(vec![
            found.id.clone(),
            found.kind.clone(),
            found.status.clone(),
            amount(found.amount, found.currency_id),
            found.age_days.to_string(),
            found.detail.clone(),
        ]);
    }
    table
}

/// Minor units of a stored currency, for people.
pub(crate) fn amount(amount: i64, currency_id: i64) -> String {
    Currency::from_numeric(currency_id)
        .map(|currency| Money::minor(amount, currency).to_string())
        .unwrap_or_default()
}
