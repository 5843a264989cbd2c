//! What a reconciliation compares and how, as the configuration says it.

use serde::Deserialize;

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
        /// Only entries of these event types; all when empty.
        #[serde(default)]
        events: Vec<String>,
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
