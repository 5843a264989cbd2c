//! What a payout is made of, in the words of the report: a line's movement decides, and within transfers the sender's
//! own word, for a loan and a top-up are no sales.

use ledger::{FeeKind, Movement};

/// Components, in the order in which the report shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Component {
    Charges,
    Refunds,
    Disputes,
    DisputeReversals,
    SchemeFees,
    Interchange,
    ProcessorFees,
    Taxes,
    OtherFees,
    Reserves,
    Releases,
    TopUps,
    Loans,
    ForeignExchange,
    Transfers,
    ReturnedPayouts,
    Adjustments,
    Other,
}

/// Words of senders within transfers, adjustments and what is other: what they have in them, and what that is.
const WORDS: [(&str, Component); 10] = [
    ("topup", Component::TopUps),
    ("top_up", Component::TopUps),
    ("top-up", Component::TopUps),
    ("loan", Component::Loans),
    ("capital", Component::Loans),
    ("financing", Component::Loans),
    ("cash_advance", Component::Loans),
    ("conversion", Component::ForeignExchange),
    ("exchange", Component::ForeignExchange),
    ("fx", Component::ForeignExchange),
];

impl Component {
    /// What a line's gross is.
    pub(super) fn of(movement: Movement, kind: &str) -> Self {
        let kind = kind.to_lowercase();
        let by_word = || {
            let found = WORDS.iter().find(|(word, _)| kind.contains(word));
            found.map(|(_, component)| *component)
        };
        match movement {
            Movement::Charge => Self::Charges,
            Movement::Refund => Self::Refunds,
            Movement::Dispute => Self::Disputes,
            Movement::DisputeReversal => Self::DisputeReversals,
            Movement::Fee if kind.contains("network") || kind.contains("scheme") => {
                Self::SchemeFees
            }
            Movement::Fee if kind.contains("interchange") => Self::Interchange,
            Movement::Fee => Self::ProcessorFees,
            Movement::Tax => Self::Taxes,
            Movement::Reserve => Self::Reserves,
            Movement::Release => Self::Releases,
            Movement::Transfer => by_word().unwrap_or(Self::Transfers),
            Movement::Payout | Movement::PayoutFailure => Self::ReturnedPayouts,
            Movement::Adjustment => by_word().unwrap_or(Self::Adjustments),
            Movement::Other => by_word().unwrap_or(Self::Other),
        }
    }

    /// What a part of a fee is.
    pub(super) fn of_fee(kind: FeeKind) -> Self {
        match kind {
            FeeKind::Scheme => Self::SchemeFees,
            FeeKind::Interchange => Self::Interchange,
            FeeKind::Processor => Self::ProcessorFees,
            FeeKind::Tax => Self::Taxes,
            FeeKind::Other => Self::OtherFees,
        }
    }

    /// The words for people.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Charges => "charges",
            Self::Refunds => "refunds",
            Self::Disputes => "disputes",
            Self::DisputeReversals => "disputes won",
            Self::SchemeFees => "scheme fees",
            Self::Interchange => "interchange",
            Self::ProcessorFees => "processor fees",
            Self::Taxes => "taxes",
            Self::OtherFees => "fees, kind not told",
            Self::Reserves => "reserves",
            Self::Releases => "releases",
            Self::TopUps => "top-ups",
            Self::Loans => "loans",
            Self::ForeignExchange => "foreign exchange",
            Self::Transfers => "transfers",
            Self::ReturnedPayouts => "payouts that came back",
            Self::Adjustments => "adjustments",
            Self::Other => "other",
        }
    }

    /// Whether it is a fee or a tax.
    pub(super) const fn is_fee(self) -> bool {
        matches!(
            self,
            Self::SchemeFees
                | Self::Interchange
                | Self::ProcessorFees
                | Self::Taxes
                | Self::OtherFees
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_tell_transfers_apart() {
        let table = [
            (Movement::Transfer, "topup_reversal", "top-ups"),
            (
                Movement::Transfer,
                "currency_conversion",
                "foreign exchange",
            ),
            (Movement::Transfer, "transfer", "transfers"),
            (Movement::Other, "Loan repayment", "loans"),
            (Movement::Other, "mystery", "other"),
            (Movement::Adjustment, "other_adjustment", "adjustments"),
            (Movement::Fee, "network_cost", "scheme fees"),
            (Movement::Fee, "fee", "processor fees"),
            (Movement::Charge, "capital", "charges"),
        ];
        for (movement, kind, wanted) in table {
            assert_eq!(Component::of(movement, kind).name(), wanted, "{kind}");
        }
    }
}
