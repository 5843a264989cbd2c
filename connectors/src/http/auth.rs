//! How a peer learns who calls: by headers that stay, by a token that is fetched, or by a signature on each request.
//!
//! A token is used until shortly before it ends, or until the peer refuses it. One caller fetches the next one while the others wait
//! for it; a fetch that began goes on though its caller gives up, since what it brings may be there only once. A refresh token that
//! its sender replaces is kept in a file, where one is named, before anything that came with it is used.
//!
//! No error and no `Debug` shows a secret, a token, or what a token endpoint answers, but for the words that RFC 6749 has for people.

mod config;
mod jwt;
mod oauth1;
mod rotated;
mod tokens;

pub use config::{
    Algorithm, AuthConfig, BasicConfig, ClientConfig, JwtConfig, JwtUse, Oauth1Config,
    RefreshConfig, Style,
};

use super::AddressError;
use crate::failure::TransportError;
use crate::secret::{Secret, SecretError, SecretRef};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ledger::Clock;
use oauth1::Signer;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokens::Tokens;

/// Headers that say who calls. Their `Debug` does not show what they hold.
pub type Headers = Vec<(HeaderName, HeaderValue)>;

/// Why credentials cannot be used as they are configured.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// A secret cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// No token can be fetched there.
    #[error("`token_url` cannot be the address of a token endpoint")]
    Address(#[from] AddressError),
    /// An option holds what it cannot.
    #[error("`{option}` {why}")]
    Option {
        /// The option.
        option: String,
        /// What is wrong with it, and what to do.
        why: String,
    },
    /// The certificate cannot be read.
    #[error("`{path}` cannot be read")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Credentials, with their secrets read.
#[derive(Debug)]
pub struct Auth {
    way: Way,
}

#[derive(Debug)]
enum Way {
    Fixed(Headers),
    Tokens(Tokens),
    Signed(Box<Signer>),
}

impl Auth {
    /// Reads the secrets; relative files are taken from `base`. Nothing is fetched yet.
    ///
    /// # Errors
    /// [`AuthError`].
    pub fn open(
        config: AuthConfig,
        base: &Path,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, AuthError> {
        let host = Lent { base, clock };
        let way = match config {
            AuthConfig::Basic(config) => Way::Fixed(vec![basic(&config, &host)?]),
            AuthConfig::Bearer(token) => {
                let value = format!("Bearer {}", host.read(&token)?.reveal());
                Way::Fixed(vec![(AUTHORIZATION, header("bearer", &value)?)])
            }
            AuthConfig::Headers(headers) => {
                let named = headers.iter();
                Way::Fixed(
                    named
                        .map(|(name, value)| own_header(name, value, &host))
                        .collect::<Result<_, _>>()?,
                )
            }
            AuthConfig::Client(config) => Way::Tokens(Tokens::of_client(config, &host)?),
            AuthConfig::Refresh(config) => Way::Tokens(Tokens::of_refresh(config, &host)?),
            AuthConfig::Jwt(config) => Way::Tokens(Tokens::of_jwt(*config, &host)?),
            AuthConfig::Oauth1(config) => Way::Signed(Box::new(Signer::new(config, &host)?)),
        };
        Ok(Self { way })
    }

    /// The headers of one request, which is this one and has no form as its body. A token is fetched where none is there.
    ///
    /// # Errors
    /// [`TransportError`], when nothing was sent to the peer yet: there is no token to be had.
    pub async fn headers(&self, method: &Method, url: &Url) -> Result<Headers, TransportError> {
        match &self.way {
            Way::Fixed(headers) => Ok(headers.clone()),
            Way::Tokens(tokens) => Ok(vec![(AUTHORIZATION, tokens.token().await?)]),
            Way::Signed(signer) => Ok(vec![(AUTHORIZATION, signer.sign(method, url)?)]),
        }
    }

    /// The peer answered 401 to a request with these headers. Whether the same request may fare better with others: the token is thrown
    /// away, unless another one is there already. Whoever asks twice for one request should not ask a third time.
    pub fn refused(&self, sent: &[(HeaderName, HeaderValue)]) -> bool {
        match &self.way {
            Way::Fixed(_) | Way::Signed(_) => false,
            Way::Tokens(tokens) => {
                tokens.forget(sent);
                true
            }
        }
    }
}

/// What the host lends credentials when they open.
struct Lent<'h> {
    base: &'h Path,
    clock: &'h Arc<dyn Clock>,
}

impl Lent<'_> {
    fn read(&self, secret: &SecretRef) -> Result<Secret, SecretError> {
        secret.below(self.base).read()
    }
}

fn basic(config: &BasicConfig, host: &Lent<'_>) -> Result<(HeaderName, HeaderValue), AuthError> {
    if config.user.contains(':') {
        let why = "holds a colon, which ends the user's name; take what follows out";
        return Err(wrong("user", why));
    }
    let password = host.read(&config.password)?;
    let both = format!("{}:{}", config.user, password.reveal());
    let value = format!("Basic {}", STANDARD.encode(both));
    Ok((AUTHORIZATION, header("password", &value)?))
}

fn own_header(
    name: &str,
    value: &SecretRef,
    host: &Lent<'_>,
) -> Result<(HeaderName, HeaderValue), AuthError> {
    let option = format!("headers.{name}");
    let parsed = HeaderName::from_bytes(name.as_bytes());
    let parsed = parsed.map_err(|_invalid| wrong(&option, "cannot be the name of a header"))?;
    let value = header(&option, host.read(value)?.reveal())?;
    Ok((parsed, value))
}

/// A header that no log shows.
fn header(option: &str, value: &str) -> Result<HeaderValue, AuthError> {
    let why = "names a secret that cannot stand in a header: it holds line breaks, or signs that are not ASCII";
    let mut value = HeaderValue::from_str(value).map_err(|_secret| wrong(option, why))?;
    value.set_sensitive(true);
    Ok(value)
}

fn wrong(option: &str, why: &str) -> AuthError {
    AuthError::Option {
        option: option.to_owned(),
        why: why.to_owned(),
    }
}

/// A text as RFC 3986 writes what is not unreserved, which forms and signatures both read.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Sixteen bytes that nobody can guess, and that do not come twice.
fn random() -> Result<[u8; 16], ring::error::Unspecified> {
    ring::rand::generate(&ring::rand::SystemRandom::new()).map(ring::rand::Random::expose)
}
