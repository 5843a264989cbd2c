//! What became of a payout: it arrived, came back, is on its way, or something is missing.

use super::Payout;
use crate::ReportError;
use chrono::NaiveDate;
use ledger::Movement;
use std::collections::{BTreeMap, BTreeSet};
use store::Snapshot;
use store::cash::{DepositRow, PayoutBreakRow, PayoutRow};

/// What is known at the bank's side.
pub(super) struct Bank {
    deposits: BTreeMap<(i64, i64), DepositRow>,
    breaks: BTreeMap<(i64, i64), PayoutBreakRow>,
    /// By processor, payout and currency: what came back, and the last day of it.
    returned: BTreeMap<(String, String, i64), (i64, NaiveDate)>,
    /// The processors whose payouts are compared with a bank.
    compared: BTreeSet<String>,
}

/// What became of a payout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) deposit: Option<i64>,
    pub(super) arrived_on: Option<NaiveDate>,
    /// What of the net neither arrived nor came back, where it should have.
    pub(super) difference: i64,
    pub(super) is_waiting: bool,
    pub(super) sentence: String,
}

impl Bank {
    pub(super) async fn read(
        books: &Snapshot,
        rows: &[PayoutRow],
        compared: BTreeSet<String>,
    ) -> Result<Self, ReportError> {
        let deposits = books.deposits().await?.into_iter();
        let breaks = books.payout_breaks().await?.into_iter();
        Ok(Self {
            deposits: deposits
                .map(|row| ((row.item_kind, row.item_id), row))
                .collect(),
            breaks: breaks
                .map(|row| ((row.item_kind, row.item_id), row))
                .collect(),
            returned: returned(rows)?,
            compared,
        })
    }

    pub(super) fn state_of(&self, payout: &Payout) -> Result<State, ReportError> {
        let key = (
            payout.account.clone(),
            payout.identity.clone(),
            payout.currency_id,
        );
        let returned = self.returned.get(&key);
        if let Some(row) = self.deposits.get(&payout.item) {
            return arrived(payout, row, returned);
        }
        if let Some((amount, on)) = returned {
            let difference = payout
                .net
                .checked_sub(*amount)
                .ok_or(ReportError::Overflow)?;
            let part = if difference == 0 { "" } else { "in part " };
            return Ok(State {
                difference,
                sentence: format!("came back {part}on {on}, and never arrived at the bank"),
                ..State::default()
            });
        }
        if payout.net == 0 {
            return Ok(State {
                sentence: "nothing to pay: what was taken is what came in".into(),
                ..State::default()
            });
        }
        if let Some(found) = self.breaks.get(&payout.item) {
            return Ok(State {
                difference: payout.net,
                sentence: format!("{}: `tieout breaks list` says more", found.kind),
                ..State::default()
            });
        }
        if !self.compared.contains(&payout.account) {
            return Ok(State {
                sentence: "no reconciliation compares it with a bank".into(),
                ..State::default()
            });
        }
        let sentence = match &payout.by_hand {
            Some(kind) => format!("{kind}: it names no lines, and no deposit was matched with it"),
            None if payout.net < 0 => "to be collected from the bank".to_owned(),
            None => "on its way to the bank".to_owned(),
        };
        Ok(State {
            is_waiting: true,
            sentence,
            ..State::default()
        })
    }
}

/// What arrived in a match of several payouts is shown as each one's own; a difference stands with the first.
fn arrived(
    payout: &Payout,
    row: &DepositRow,
    returned: Option<&(i64, NaiveDate)>,
) -> Result<State, ReportError> {
    let lacking = row
        .expected
        .checked_sub(row.deposited)
        .ok_or(ReportError::Overflow)?;
    let is_first = row.payouts == 1 || row.first_item == row.item_id;
    let difference = if is_first { lacking } else { 0 };
    let mut sentence = if payout.net < 0 {
        "collected from the bank".to_owned()
    } else {
        "arrived".to_owned()
    };
    if row.payouts > 1 {
        let others = row.payouts - 1;
        sentence.push_str(&format!(" together with {others} more"));
    }
    if difference != 0 {
        sentence.push_str(", and not all of it");
    }
    if let Some((_, on)) = returned {
        sentence.push_str(&format!("; went back on {on}"));
    }
    Ok(State {
        deposit: Some(
            row.amount
                .checked_sub(difference)
                .ok_or(ReportError::Overflow)?,
        ),
        arrived_on: Some(row.arrived_on),
        difference,
        is_waiting: false,
        sentence,
    })
}

type Returned = BTreeMap<(String, String, i64), (i64, NaiveDate)>;

fn returned(rows: &[PayoutRow]) -> Result<Returned, ReportError> {
    let mut returned = Returned::new();
    for row in rows {
        if row.movement != Movement::PayoutFailure.number() || row.reference.is_empty() {
            continue;
        }
        let key = (row.account.clone(), row.reference.clone(), row.currency_id);
        let (amount, on) = returned.entry(key).or_insert((0, row.booked_on));
        *amount = amount.checked_add(row.net).ok_or(ReportError::Overflow)?;
        *on = (*on).max(row.booked_on);
    }
    Ok(returned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payout(number: i64, identity: &str, net: i64) -> Payout {
        Payout {
            item: (4, number),
            account: "psp".into(),
            identity: identity.into(),
            currency_id: 978,
            paid_on: "2026-01-05".parse().unwrap(),
            lines: 1,
            net,
            components: BTreeMap::new(),
            by_hand: None,
            told: None,
        }
    }

    fn deposit(
        item_id: i64,
        amount: i64,
        (payouts, expected, deposited): (i64, i64, i64),
    ) -> DepositRow {
        DepositRow {
            item_kind: 4,
            item_id,
            match_id: 1,
            amount,
            payouts,
            deposited,
            expected,
            first_item: 1,
            arrived_on: "2026-01-07".parse().unwrap(),
        }
    }

    fn bank(deposits: Vec<DepositRow>) -> Bank {
        let failure = |reference: &str, net| PayoutRow {
            id: 9,
            account: "psp".into(),
            reference: reference.into(),
            payout: "later".into(),
            currency_id: 978,
            movement: Movement::PayoutFailure.number(),
            kind: "payout_failure".into(),
            net,
            booked_on: "2026-01-09".parse().unwrap(),
        };
        let missing = PayoutBreakRow {
            item_kind: 4,
            item_id: 8,
            kind: "missing right".into(),
        };
        Bank {
            deposits: deposits
                .into_iter()
                .map(|row| ((4, row.item_id), row))
                .collect(),
            breaks: BTreeMap::from([((4, 8), missing)]),
            returned: returned(&[failure("failed", 500), failure("half", 200)]).unwrap(),
            compared: BTreeSet::from(["psp".to_owned()]),
        }
    }

    #[test]
    fn what_no_reconciliation_compares_is_neither_missing_nor_on_its_way() {
        let other = Payout {
            account: "another".into(),
            ..payout(7, "new", 70)
        };
        let state = bank(Vec::new()).state_of(&other).unwrap();
        assert!(!state.is_waiting && state.difference == 0, "{state:?}");
        assert!(state.sentence.starts_with("no reconciliation"), "{state:?}");
    }

    #[test]
    fn a_payout_has_one_of_these_fates() {
        let bank = bank(vec![
            deposit(1, 500, (2, 800, 795)),
            deposit(2, 300, (2, 800, 795)),
            deposit(3, -40, (1, -40, -40)),
        ]);
        let table = [
            // payout, deposit, difference, what is said
            (
                payout(1, "first", 500),
                Some(495),
                5,
                "arrived together with 1 more, and not all of it",
            ),
            (
                payout(2, "second", 300),
                Some(300),
                0,
                "arrived together with 1 more",
            ),
            (
                payout(3, "negative", -40),
                Some(-40),
                0,
                "collected from the bank",
            ),
            (
                payout(4, "failed", 500),
                None,
                0,
                "came back on 2026-01-09, and never arrived at the bank",
            ),
            (
                payout(5, "half", 500),
                None,
                300,
                "came back in part on 2026-01-09, and never arrived at the bank",
            ),
            (
                payout(6, "empty", 0),
                None,
                0,
                "nothing to pay: what was taken is what came in",
            ),
            (payout(7, "new", 70), None, 0, "on its way to the bank"),
            (
                payout(8, "lost", 80),
                None,
                80,
                "missing right: `tieout breaks list` says more",
            ),
        ];
        for (payout, deposit, difference, sentence) in table {
            let state = bank.state_of(&payout).unwrap();
            assert_eq!(
                (state.deposit, state.difference, state.sentence.as_str()),
                (deposit, difference, sentence),
                "{}",
                payout.identity
            );
        }
    }
}
