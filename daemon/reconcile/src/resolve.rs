//! Which breaks a plan posts away by itself: kind by kind, up to an amount each and a sum a day, by a rule of the mapping.
//!
//! ```yaml
//! resolve:
//!   - { kind: rounding, up_to: { EUR: 0.05, USD: 0.05 }, post: rounding-difference }
//!   - { kind: fee, up_to: { EUR: 1.00 }, per_day: { EUR: 100.00 }, post: psp-fee, entity: eu }
//! ```

use crate::number::{Number, unknown_currencies};
use ledger::Money;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A policy about one kind of break.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Resolve {
    /// The kind of break.
    pub kind: String,
    /// How much one of them may be about, by currency; those of a currency that is not named stay.
    pub up_to: BTreeMap<String, Number>,
    /// What all that it posts on one day (UTC) may sum up to, by currency; any sum when not named.
    #[serde(default)]
    pub per_day: BTreeMap<String, Number>,
    /// The rule that posts them.
    pub post: String,
    /// Whose books, where what a break is about does not say it.
    #[serde(default)]
    pub entity: Option<String>,
}

impl Resolve {
    /// Whether one of this amount is posted, after others of this sum on the same day.
    pub fn takes(&self, amount: Money, today: i64) -> bool {
        let within = |limits: &BTreeMap<String, Number>, size: u64| {
            let limit = limits.get(amount.currency().code());
            limit.is_some_and(|limit| {
                u64::try_from(limit.minor(amount.currency())).is_ok_and(|limit| size <= limit)
            })
        };
        let size = amount.amount().unsigned_abs();
        let sum = size.saturating_add(today.unsigned_abs());
        within(&self.up_to, size) && (self.per_day.is_empty() || within(&self.per_day, sum))
    }

    /// What cannot be meant, a sentence each.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = unknown_currencies("up_to", self.up_to.keys());
        problems.extend(unknown_currencies("per_day", self.per_day.keys()));
        if !self.per_day.is_empty()
            && let Some(code) = self
                .up_to
                .keys()
                .find(|code| !self.per_day.contains_key(*code))
        {
            problems.push(format!(
                "per_day: it has no sum for {code}, so nothing in {code} would be posted; add one, or take {code} out of up_to"
            ));
        }
        if self.up_to.is_empty() {
            problems.push("up_to: name a currency and the most that one break may be about".into());
        }
        problems
    }
}
