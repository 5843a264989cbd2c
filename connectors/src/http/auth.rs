//! How a peer knows who calls.

use super::AddressError;
use crate::host::Host;
use crate::secret::{Secret, SecretRef};
use crate::transport::TransportError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

/// The credentials in the configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum AuthConfig {
    /// A user and a password.
    Basic {
        /// Who.
        user: String,
        /// By which password.
        password: SecretRef,
    },
    /// A token that stands for itself.
    Bearer(SecretRef),
}

/// The credentials.
#[derive(Debug)]
pub struct Auth {
    line: Secret,
}

impl Auth {
    /// Reads the secrets that are named.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn open(config: AuthConfig, host: &Host) -> Result<Self, AddressError> {
        let line = match config {
            AuthConfig::Basic { user, password } => {
                let password = password.below(&host.base).read()?;
                let both = STANDARD.encode(format!("{user}:{}", password.reveal()));
                format!("Basic {both}")
            }
            AuthConfig::Bearer(token) => {
                format!("Bearer {}", token.below(&host.base).read()?.reveal())
            }
        };
        Ok(Self {
            line: Secret::new(line),
        })
    }

    /// What stands at the head of a request.
    ///
    /// # Errors
    /// [`TransportError`] where a token cannot be had.
    pub async fn headers(&self, _method: &str, _url: &Url) -> Result<HeaderMap, TransportError> {
        let mut all = HeaderMap::new();
        if let Ok(mut value) = HeaderValue::from_str(self.line.reveal()) {
            value.set_sensitive(true);
            all.insert(HeaderName::from_static("authorization"), value);
        }
        Ok(all)
    }

    /// The peer did not know the caller: what is kept of a token is thrown away.
    pub fn refused(&self) {}
}
