//! A break's case as decisions see it: what happened to it so far, how far that is, and how much it is about.

use crate::call::{Refusal, RefusalKind};
use desk::case::{CaseState, Deed as CaseDeed};
use ledger::{Currency, Money};
use store::Tx;
use store::cases::{CaseRow, DeedRow};

pub(crate) fn missing(what: String) -> Refusal {
    Refusal::new(RefusalKind::Missing, what)
}

/// A case with its history.
///
/// # Errors
/// [`RefusalKind::Missing`].
pub(crate) async fn case_of(tx: &mut Tx, id: &str) -> Result<(CaseRow, Vec<DeedRow>), Refusal> {
    tx.case_seen(id).await?.ok_or_else(|| {
        missing(format!(
            "there is no break `{id}`; `tieout breaks list` shows what there is"
        ))
    })
}

/// How far a case is, from the words of its history.
pub fn state_of(deeds: &[DeedRow]) -> CaseState {
    CaseState::after(deeds.iter().filter_map(|row| CaseDeed::find(&row.deed)))
}

/// Refuses what makes no sense in the state that a case is in.
pub(crate) fn check_deed(id: &str, deeds: &[DeedRow], deed: CaseDeed) -> Result<(), Refusal> {
    let state = state_of(deeds);
    if state.takes(deed) {
        return Ok(());
    }
    let what = format!(
        "break `{id}` is {}; it cannot be {}",
        state.name(),
        deed.name()
    );
    Err(Refusal::new(RefusalKind::Conflict, what))
}

/// What a decision about a break is measured by.
///
/// # Errors
/// When the books hold a currency that there is not.
pub(crate) fn money_of(case: &CaseRow, deeds: &[DeedRow]) -> Result<Money, Refusal> {
    let currency = Currency::from_numeric(case.currency_id).map_err(anyhow::Error::from)?;
    Ok(Money::minor(last_amount(case, deeds), currency))
}

/// The amount that a run saw last.
pub(crate) fn last_amount(case: &CaseRow, deeds: &[DeedRow]) -> i64 {
    let seen = |row: &&DeedRow| matches!(row.deed.as_str(), "found" | "returned" | "changed");
    let last = deeds.iter().rev().find(seen);
    last.map_or(case.amount, |row| row.amount)
}
