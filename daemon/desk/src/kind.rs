//! What can be decided.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A kind of decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A closed period takes postings again.
    PeriodReopen,
    /// Bytes in quarantine will never be an event.
    QuarantineDiscard,
    /// A break is understood and needs nothing more.
    BreakResolve,
    /// A break's amount is given up.
    WriteOff,
    /// A break's amount goes where a rule of the mapping puts it.
    BreakPost,
    /// A break is a matter of time, until a day.
    BreakAccept,
    /// Items that no run pairs belong together.
    Match,
    /// Items that were matched by hand do not belong together.
    MatchUndo,
    /// A break that was resolved is open again.
    BreakReopen,
    /// A batch that its target refused is sent again.
    BatchResend,
    /// The entries of a batch that its target refused go into another.
    BatchRelease,
    /// A batch of which nobody knows arrived.
    BatchArrived,
    /// A batch of which nobody knows did not arrive.
    BatchMissing,
    /// Another version of the mapping decides what is posted from now on.
    MappingActivation,
    /// An event came again with other content; the first stands.
    ConflictAccept,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::PeriodReopen,
        Self::QuarantineDiscard,
        Self::BreakResolve,
        Self::WriteOff,
        Self::BreakPost,
        Self::BreakAccept,
        Self::Match,
        Self::MatchUndo,
        Self::BreakReopen,
        Self::BatchResend,
        Self::BatchRelease,
        Self::BatchArrived,
        Self::BatchMissing,
        Self::MappingActivation,
        Self::ConflictAccept,
    ];

    /// The word in configuration, store and command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PeriodReopen => "period-reopen",
            Self::QuarantineDiscard => "quarantine-discard",
            Self::BreakResolve => "break-resolve",
            Self::WriteOff => "write-off",
            Self::BreakPost => "break-post",
            Self::BreakAccept => "break-accept",
            Self::Match => "match",
            Self::MatchUndo => "match-undo",
            Self::BreakReopen => "break-reopen",
            Self::BatchResend => "batch-resend",
            Self::BatchRelease => "batch-release",
            Self::BatchArrived => "batch-arrived",
            Self::BatchMissing => "batch-missing",
            Self::MappingActivation => "mapping-activation",
            Self::ConflictAccept => "conflict-accept",
        }
    }

    /// The kind of a word.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
