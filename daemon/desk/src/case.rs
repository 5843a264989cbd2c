//! The life of a break: what people did about it, and what runs saw of it, in order.

use serde::Serialize;

/// A line of a case's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    /// A run found it.
    Found,
    /// A run no longer finds it.
    Cleared,
    /// A run finds it again.
    Returned,
    /// A run finds it with another amount.
    Changed,
    /// Somebody looks after it.
    Assigned,
    /// Somebody said something.
    Commented,
    /// Somebody said how it came about; what is to be done is not done yet.
    Explained,
    /// It needs nothing more.
    Resolved,
    /// Its amount is given up.
    WrittenOff,
    /// It is a matter of time, until a day.
    Accepted,
    /// Somebody is asked for the money.
    Disputed,
    /// A file lies beside it.
    Attached,
    /// What was decided about it is taken back.
    Reopened,
}

impl Deed {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Found,
        Self::Cleared,
        Self::Returned,
        Self::Changed,
        Self::Assigned,
        Self::Commented,
        Self::Explained,
        Self::Resolved,
        Self::WrittenOff,
        Self::Accepted,
        Self::Disputed,
        Self::Attached,
        Self::Reopened,
    ];

    /// The word in the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Cleared => "cleared",
            Self::Returned => "returned",
            Self::Changed => "changed",
            Self::Assigned => "assigned",
            Self::Commented => "commented",
            Self::Explained => "explained",
            Self::Resolved => "resolved",
            Self::WrittenOff => "written-off",
            Self::Accepted => "accepted",
            Self::Disputed => "disputed",
            Self::Attached => "attached",
            Self::Reopened => "reopened",
        }
    }

    /// The deed of a word.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|deed| deed.name() == name)
    }
}

/// How far a case is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaseState {
    /// Somebody has to look.
    Open,
    /// Somebody said how it came about.
    Explained,
    /// It needs nothing more.
    Resolved,
    /// Its amount is given up.
    WrittenOff,
    /// It is a matter of time, until a day.
    Accepted,
    /// Somebody is asked for the money.
    Disputed,
    /// No run finds it any more.
    Cleared,
}

impl CaseState {
    /// The word for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Explained => "explained",
            Self::Resolved => "resolved",
            Self::WrittenOff => "written-off",
            Self::Accepted => "accepted",
            Self::Disputed => "disputed",
            Self::Cleared => "cleared",
        }
    }

    /// The state after a history. A finding that comes back, or comes with another amount, is not
    /// what was resolved.
    pub fn after(history: impl IntoIterator<Item = Deed>) -> Self {
        history
            .into_iter()
            .fold(Self::Open, |state, deed| match deed {
                Deed::Found | Deed::Returned | Deed::Changed | Deed::Reopened => Self::Open,
                Deed::Cleared => Self::Cleared,
                Deed::Explained => Self::Explained,
                Deed::Resolved => Self::Resolved,
                Deed::WrittenOff => Self::WrittenOff,
                Deed::Accepted => Self::Accepted,
                Deed::Disputed => Self::Disputed,
                Deed::Assigned | Deed::Commented | Deed::Attached => state,
            })
    }

    /// Whether something is to be done about it still.
    const fn is_undecided(self) -> bool {
        matches!(
            self,
            Self::Open | Self::Explained | Self::Accepted | Self::Disputed
        )
    }

    /// Whether this deed of a person makes sense now.
    pub const fn takes(self, deed: Deed) -> bool {
        match deed {
            Deed::Assigned | Deed::Commented | Deed::Attached => true,
            Deed::Explained
            | Deed::Resolved
            | Deed::WrittenOff
            | Deed::Accepted
            | Deed::Disputed => self.is_undecided(),
            Deed::Reopened => !matches!(self, Self::Open | Self::Cleared),
            Deed::Found | Deed::Cleared | Deed::Returned | Deed::Changed => false,
        }
    }
}
