//! What several commands say in the same words.

use crate::output::TextTable;
use ledger::{Currency, Money};
use office::deeds::desk::Decided;
use office::effect::Effect;
use store::intake::IntakeSummary;
use store::reconciliation::BreakRow;

/// The outcomes of an intake as a sentence of counts.
pub(crate) fn intake_text(summary: &IntakeSummary) -> String {
    format!(
        "received {}: posted {} ({} entries), ignored {}, suspended {}, duplicates {}, conflicts {}, quarantined {}",
        summary.received,
        summary.posted,
        summary.entries,
        summary.ignored,
        summary.suspended,
        summary.duplicates,
        summary.conflicts,
        summary.quarantined
    )
}

/// Breaks as a table for a terminal.
pub(crate) fn breaks_table(breaks: &[BreakRow]) -> TextTable {
    let mut table = TextTable::new(&[
        "break",
        "kind",
        "state",
        "amount",
        "days",
        "assigned",
        "what is known",
    ]);
    for found in breaks {
        table.row(vec![
            found.id.clone(),
            found.kind.clone(),
            found.state.clone(),
            amount(found.amount, found.currency_id),
            found.age_days.to_string(),
            found.assignee.clone().unwrap_or_default(),
            found.detail.clone(),
        ]);
    }
    table
}

/// What changes in the trial balance, as a table under a heading; nothing where nothing does.
pub(crate) fn trial_balance(effect: &[Effect]) -> String {
    if effect.is_empty() {
        return String::new();
    }
    let mut table = TextTable::new(&[
        "entity", "period", "account", "debits", "credits", "currency",
    ]);
    for row in effect {
        let amount = |minor: i128| signed(minor, &row.currency);
        table.row(vec![
            row.entity.clone(),
            row.period.clone(),
            row.account.clone(),
            amount(row.debit),
            amount(row.credit),
            row.currency.clone(),
        ]);
    }
    format!("\n\nwhat it changes in the trial balance\n{table}")
}

/// Minor units with their sign, as the currency writes them; nothing for zero.
fn signed(minor: i128, currency: &str) -> String {
    if minor == 0 {
        return String::new();
    }
    let amount = i64::try_from(minor).ok();
    let currency = Currency::from_code(currency).ok();
    amount.zip(currency).map_or_else(
        || minor.to_string(),
        |(amount, currency)| Money::minor(amount, currency).to_decimal().to_string(),
    )
}

/// Minor units of a stored currency, for people.
pub(crate) fn amount(amount: i64, currency_id: i64) -> String {
    Currency::from_numeric(currency_id)
        .map(|currency| Money::minor(amount, currency).to_string())
        .unwrap_or_default()
}

/// What became of a decision: what was done, or whom it waits for.
pub(crate) fn decided(done: &Decided, what: impl FnOnce() -> String) -> String {
    match done.proposal {
        Some(proposal) if !done.changed => format!(
            "proposal {proposal} waits for another person: `tieout proposals approve {proposal}`"
        ),
        _ => what(),
    }
}
