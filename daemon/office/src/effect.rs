//! What a change of entries changes in the trial balance.

use ledger::{Currency, JournalEntry, Side};
use std::collections::{BTreeMap, BTreeSet};

/// What changes in a balance, in minor units.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Effect {
    /// The entity's code.
    pub entity: String,
    /// The period's code.
    pub period: String,
    /// The account.
    pub account: String,
    /// ISO 4217 code.
    pub currency: String,
    /// Debits.
    pub debit: i128,
    /// Credits.
    pub credit: i128,
}

/// Entity, period, account and currency.
type Place = (String, String, String, Currency);

/// Debits and credits by place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Effects(BTreeMap<Place, [i128; 2]>);

impl Effects {
    /// Adds the lines of an entry.
    pub(crate) fn entry(&mut self, entry: &JournalEntry, period: &str) {
        for line in entry.lines() {
            let place = (
                entry.header().entity.clone(),
                period.to_owned(),
                line.account.clone(),
                line.amount.currency(),
            );
            let [debit, credit] = self.0.entry(place).or_default();
            let amount = i128::from(line.amount.amount());
            match line.side {
                Side::Debit => *debit += amount,
                Side::Credit => *credit += amount,
            }
        }
    }

    /// Adds others.
    pub(crate) fn add(&mut self, added: Self) {
        for (place, [debit, credit]) in added.0 {
            let sum = self.0.entry(place).or_default();
            sum[0] += debit;
            sum[1] += credit;
        }
    }

    /// What they change: where debits equal credits, nothing.
    pub(crate) fn changed(&self) -> Vec<Effect> {
        let changed = self.0.iter().filter(|(_, [debit, credit])| debit != credit);
        changed.map(|(place, sums)| effect(place, *sums)).collect()
    }

    /// What is other here than there, here less there.
    pub(crate) fn beyond(&self, there: &Self) -> Vec<Effect> {
        let places: BTreeSet<&Place> = self.0.keys().chain(there.0.keys()).collect();
        let of = |sums: &Self, place| sums.0.get(place).copied().unwrap_or_default();
        let differing = places.into_iter().filter_map(|place| {
            let ([debit, credit], [d, c]) = (of(self, place), of(there, place));
            let less = [debit - d, credit - c];
            (less != [0, 0]).then(|| effect(place, less))
        });
        differing.collect()
    }
}

fn effect((entity, period, account, currency): &Place, [debit, credit]: [i128; 2]) -> Effect {
    Effect {
        entity: entity.clone(),
        period: period.clone(),
        account: account.clone(),
        currency: currency.code().to_owned(),
        debit,
        credit,
    }
}
