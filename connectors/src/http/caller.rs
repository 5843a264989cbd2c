//! A peer that wants to know who calls.

use super::auth::{Auth, AuthConfig};
use super::{AddressError, Answer, Peer};
use crate::host::Host;
use crate::transport::TransportError;
use reqwest::Method;
use reqwest::header::HeaderMap;

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
    /// [`AddressError`].
    pub fn open(url: &str, auth: AuthConfig, host: &Host) -> Result<Self, AddressError> {
        Ok(Self {
            peer: Peer::new(url)?,
            auth: Auth::open(auth, host)?,
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
        let mut answer = self.once(&method, path, own.clone(), body).await?;
        if answer.status == 401 {
            self.auth.refused();
            answer = self.once(&method, path, own, body).await?;
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
        mut headers: HeaderMap,
        body: &[u8],
    ) -> Result<Answer, TransportError> {
        let url = self.peer.address(path);
        headers.extend(self.auth.headers(method.as_str(), &url).await?);
        self.peer.call(method, path, headers, body).await
    }
}
