//! Why nobody knows what became of what was sent, whichever way it went.

use crate::secret::SecretError;

/// The outcome is not known: the same call may be repeated.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// No connection, or it broke.
    #[error("`{peer}` could not be reached: {what}")]
    Unreachable {
        /// The host or folder.
        peer: String,
        /// What was being done.
        what: String,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The host is not the one that the configuration names.
    #[error(
        "`{peer}` shows another host key than the configuration names ({shown}); if it was replaced, have its owner confirm the new one"
    )]
    HostKey {
        /// The host.
        peer: String,
        /// The kind of key that it shows.
        shown: String,
    },
    /// The peer refuses the credentials.
    #[error("`{peer}` refuses the credentials of `{user}`")]
    Unauthorized {
        /// The host.
        peer: String,
        /// The user.
        user: String,
        /// What it said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A secret is missing.
    #[error("a secret cannot be read")]
    Secret(#[from] SecretError),
    /// Work on the place was given up, because the process ends.
    #[error("the work on `{0}` was given up")]
    GivenUp(String),
    /// The peer does not do what it was asked.
    #[error("`{peer}` refuses {what}: {words}")]
    Refused {
        /// The host.
        peer: String,
        /// What it was asked.
        what: String,
        /// What it said, or what to do.
        words: String,
    },
    /// It cannot be opened as it is configured.
    #[error(transparent)]
    Opening(Box<dyn std::error::Error + Send + Sync>),
    /// The file arrived as another one than it left.
    #[error("`{peer}` holds other bytes of `{name}` than were sent")]
    Damaged {
        /// The host.
        peer: String,
        /// The file.
        name: String,
    },
    /// The file arrived shorter or longer than it left.
    #[error("`{peer}` holds {found} bytes of `{name}`, {expected} were sent")]
    Size {
        /// The host or folder.
        peer: String,
        /// The file.
        name: String,
        /// Bytes sent.
        expected: u64,
        /// Bytes found.
        found: u64,
    },
}
