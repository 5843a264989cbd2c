//! The places that an item of a reconciliation can be at.

/// Where an item belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    /// The side that expects.
    Left,
    /// The side that answers.
    Right,
    /// Fees that the ledger books apart, where the plan names them: what they take is below zero.
    LeftFees,
    /// Fees that the settlement withheld, signed alike.
    RightFees,
}

impl Which {
    /// The two sides that passes match.
    pub const SIDES: [Self; 2] = [Self::Left, Self::Right];

    /// All four.
    pub const ALL: [Self; 4] = [Self::Left, Self::Right, Self::LeftFees, Self::RightFees];

    /// Its place among all four.
    pub const fn place(self) -> usize {
        match self {
            Self::Left => 0,
            Self::Right => 1,
            Self::LeftFees => 2,
            Self::RightFees => 3,
        }
    }

    /// The side at which its counterpart is.
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
            Self::LeftFees => Self::RightFees,
            Self::RightFees => Self::LeftFees,
        }
    }
}
