//! Secrets: named in the configuration, read from the environment or a file, never shown.

use serde::Deserialize;
use std::fmt;
use std::path::PathBuf;

/// Where a secret is kept: `{ env: NAME }` or `{ file: PATH }`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum SecretRef {
    /// In an environment variable.
    Env(String),
    /// In a file, without its last line break.
    File(PathBuf),
}

/// A secret. Its `Debug` shows three stars.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set.
    #[error("the environment variable `{0}` is not set; set it before Tieout starts")]
    Unset(String),
    /// The file cannot be read.
    #[error("`{path}` cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl SecretRef {
    /// Reads the secret.
    ///
    /// # Errors
    /// [`SecretError`], which names the place and never the content.
    pub fn read(&self) -> Result<Secret, SecretError> {
        match self {
            Self::Env(name) => std::env::var(name)
                .map(Secret)
                .map_err(|_unset| SecretError::Unset(name.clone())),
            Self::File(path) => std::fs::read_to_string(path)
                .map(|text| Secret(text.trim_end_matches(['\r', '\n']).to_owned()))
                .map_err(|source| SecretError::Unreadable {
                    path: path.clone(),
                    source,
                }),
        }
    }
}

impl Secret {
    /// Wraps a value that came from elsewhere.
    pub const fn new(value: String) -> Self {
        Self(value)
    }

    /// The secret itself: for the call that needs it, and nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Compares without leaving early, so that the time taken says nothing.
    pub fn matches(&self, other: &str) -> bool {
        let (own, other) = (self.0.as_bytes(), other.as_bytes());
        let differing = own.iter().zip(other).fold(0u8, |all, (a, b)| all | (a ^ b));
        own.len() == other.len() && differing == 0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
