//! What a reconciliation compares and how, as the configuration says it.

use crate::Item;
use ledger::Movement;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// A reconciliation.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Its name.
    pub reconciliation: String,
    /// What expects.
    pub left: Source,
    /// What answers.
    pub right: Source,
    /// The passes, in order: each among what the ones before left open.
    pub passes: Vec<Pass>,
    /// Days after which an item without a counterpart is a break; until then it is pending.
    #[serde(default = "default_overdue")]
    pub overdue_after_days: i64,
    /// Days after which a counterpart that came is called late.
    pub late_after_days: Option<i64>,
}

const fn default_overdue() -> i64 {
    5
}

/// Where items come from.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum Source {
    /// Lines on an account of the ledger.
    Ledger {
        /// The account.
        account: String,
        /// Only entries of these event types, and what each of them is; all when empty.
        #[serde(default)]
        events: Events,
        /// Where the ledger books the processor's fees; they are not compared when not named.
        #[serde(default)]
        fees: Option<FeeSource>,
    },
    /// Lines of a processor's settlement files.
    Settlement {
        /// The processor.
        processor: String,
    },
    /// A processor's payouts: its lines summed by payout.
    Payouts {
        /// The processor.
        processor: String,
    },
    /// Lines of bank statements.
    Bank {
        /// Only lines whose text holds this, in any case of letters.
        text: String,
    },
}

/// The event types of a ledger side: `{ charge: [TYPE…], refund: [TYPE…] }` says what a line is, so that each
/// movement is compared on its own. A plain list says nothing of it, and all are compared as one.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(untagged)]
pub enum Events {
    /// Types whose movement is not declared.
    Listed(Vec<String>),
    /// Types by the name of their movement.
    Declared(BTreeMap<String, Vec<String>>),
}

impl Default for Events {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

impl Events {
    /// Whether entries of this type belong to the side, and as which movement.
    pub fn find(&self, event_type: &str) -> Option<Option<Movement>> {
        match self {
            Self::Listed(all) if all.is_empty() => Some(None),
            Self::Listed(all) => all.iter().any(|one| one == event_type).then_some(None),
            Self::Declared(by_movement) => by_movement
                .iter()
                .find(|(_, types)| types.iter().any(|one| one == event_type))
                .map(|(name, _)| movement(name)),
        }
    }

    /// What cannot be meant: a movement that there is not, a type under two of them.
    pub fn problems(&self) -> Vec<String> {
        let Self::Declared(by_movement) = self else {
            return Vec::new();
        };
        let mut problems = Vec::new();
        let mut seen = BTreeSet::new();
        for (name, types) in by_movement {
            if movement(name).is_none() {
                let known: Vec<&str> = Movement::ALL.iter().map(|one| one.name()).collect();
                problems.push(format!(
                    "events: there is no movement `{name}`; there are {}",
                    known.join(", ")
                ));
            }
            for one in types {
                if !seen.insert(one) {
                    problems.push(format!("events: `{one}` stands under two movements"));
                }
            }
        }
        problems
    }
}

fn movement(name: &str) -> Option<Movement> {
    Movement::ALL.into_iter().find(|one| one.name() == name)
}

/// Fees in the ledger: `{ account: psp-fees, events: [TYPE…], by: payout }`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct FeeSource {
    /// The account.
    pub account: String,
    /// Only entries of these event types; all when empty.
    #[serde(default)]
    pub events: Vec<String>,
    /// What the reference of such an entry names.
    #[serde(default)]
    pub by: FeeKey,
}

/// What fees are compared by.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum FeeKey {
    /// The payout from which they were withheld.
    #[default]
    Payout,
    /// The payment, refund or dispute that they were withheld for.
    Reference,
}

impl Plan {
    /// Whether the plan says what each movement of the ledger's side is.
    pub const fn declares_movements(&self) -> bool {
        matches!(
            &self.left,
            Source::Ledger {
                events: Events::Declared(_),
                ..
            }
        )
    }

    /// What an item is compared as.
    pub(crate) fn movement_of(&self, item: &Item) -> Option<Movement> {
        item.movement.filter(|_| self.declares_movements())
    }
}

impl Source {
    /// What people call this side.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Ledger { .. } => "billing",
            Self::Settlement { .. } | Self::Payouts { .. } => "settlement",
            Self::Bank { .. } => "bank",
        }
    }
}

/// One pass.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Pass {
    /// Its name.
    pub pass: String,
    /// What must agree.
    pub on: On,
    /// At most so many days between the two; any number when not named.
    pub window_days: Option<i64>,
    /// The most items that a search looks at on its many side; 12 when not named, 20 at most.
    pub up_to: Option<usize>,
}

/// What must agree for a match. The currency always must.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum On {
    /// Reference and amount.
    Reference,
    /// The reference, and the left amount is the right one less its fee.
    NetOfFee,
    /// The left reference stands in the right text, and the amount.
    ReferenceInText,
    /// The amount, if only one at each side has it.
    Amount,
    /// One at the left is the sum of several at the right.
    ManyRight,
    /// One at the right is the sum of several at the left.
    ManyLeft,
}
