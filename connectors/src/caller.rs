//! A peer that wants to know who calls.

use crate::failure::TransportError;
use crate::host::Host;
use crate::http::auth::{Auth, AuthConfig, AuthError, Headers};
use crate::http::{AddressError, Answer, Peer};
use reqwest::Method;
use reqwest::header::HeaderMap;

/// Why nobody can be called.
#[derive(Debug, thiserror::Error)]
pub enum CallerError {
    /// The address cannot be one.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The credentials cannot be used.
    #[error(transparent)]
    Auth(#[from] AuthError),
}

/// A peer, and how it knows who calls.
#[derive(Debug)]
pub struct Caller {
    peer: Peer,
    auth: Auth,
}

impl Caller {
    /// A peer at this address, with these credentials.
    ///
    /// # Errors
    /// [`CallerError`].
    pub fn open(url: &str, auth: AuthConfig, host: &Host) -> Result<Self, CallerError> {
        Ok(Self {
            peer: Peer::new(url)?,
            auth: Auth::open(auth, &host.base, &host.clock)?,
        })
    }

    /// The peer itself.
    pub const fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Calls below the peer's address, as [`Peer::call`]. A peer that does not know the caller is asked once more
    /// with a new token.
    ///
    /// # Errors
    /// [`TransportError::Unauthorized`] where it does not know the caller then either, and
    /// [`TransportError::Unreachable`] where nobody knows whether it has what was sent.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, String)],
        body: &[u8],
    ) -> Result<Answer, TransportError> {
        let own = self.peer.headers(headers)?;
        let url = self.peer.address(path);
        let mut who = self.auth.headers(&method, &url).await?;
        let mut answer = self.once(&method, path, (own.clone(), &who), body).await?;
        if answer.status == 401 && self.auth.refused(&who) {
            who = self.auth.headers(&method, &url).await?;
            answer = self.once(&method, path, (own, &who), body).await?;
        }
        if answer.status == 401 {
            return Err(TransportError::Unauthorized {
                peer: self.peer.name(),
                user: "tieout".to_owned(),
                source: answer.words().into(),
            });
        }
        Ok(answer)
    }

    async fn once(
        &self,
        method: &Method,
        path: &str,
        (mut headers, who): (HeaderMap, &Headers),
        body: &[u8],
    ) -> Result<Answer, TransportError> {
        headers.extend(who.iter().cloned());
        self.peer.call(method, path, headers, body).await
    }
}
