//! What an error asks for. Every error of the daemon has a class, and the class decides what
//! happens next; nobody reads a message to find out.

use std::fmt;

/// What to do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The same again may work: the other side is away, full or busy. Nothing was written.
    Retry,
    /// The caller is out of date or asked for what cannot be: it has to read again, or to be told.
    Refuse,
    /// The input cannot be understood: it is kept whole, and the rest goes on.
    Quarantine,
    /// Something that always holds does not: nothing more is written until somebody has looked.
    Stop,
    /// It was sent and nobody knows whether it happened: read back before anything else.
    Ambiguous,
    /// Nobody has thought about this error yet. It is treated as [`Class::Stop`].
    Unclassified,
}

impl Class {
    /// The word in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Refuse => "refuse",
            Self::Quarantine => "quarantine",
            Self::Stop => "stop",
            Self::Ambiguous => "ambiguous",
            Self::Unclassified => "unclassified",
        }
    }

    /// Whether trying again, from the checkpoint, is the answer.
    pub const fn may_try_again(self) -> bool {
        matches!(self, Self::Retry | Self::Refuse | Self::Ambiguous)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
