//! A peer behind HTTP: one address, bounded in size and time, encrypted unless it is this machine. Redirects are not
//! followed, for what is posted is for the address that the configuration names.

pub mod auth;

use crate::failure::TransportError;
use crate::secret::{Exposed, refuse_in_url};
pub use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use std::time::Duration;

/// The most that is read of an answer.
const MOST_READ: usize = 16 << 20;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a peer may say nothing; whoever waits for it has a deadline of their own.
const SILENCE: Duration = Duration::from_mins(15);

/// How often a peer that is busy is asked again, and the longest that it is waited for each time.
const ATTEMPTS: u32 = 4;
const LONGEST: Duration = Duration::from_secs(30);

/// A query as it stands in an address: `number=1&name=a%20b`.
pub fn query(pairs: &[(&str, &str)]) -> String {
    let Ok(mut address) = Url::parse("http://localhost") else {
        return String::new();
    };
    address.query_pairs_mut().extend_pairs(pairs);
    address.query().unwrap_or_default().replace('+', "%20")
}

/// Why an address cannot be one of a peer.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// It is none.
    #[error("`url` is no address: {0}")]
    Unreadable(String),
    /// What is sent there could be read on its way.
    #[error("`url` has to begin with https://, unless it is an address of this machine")]
    Open,
    /// It holds a secret.
    #[error(transparent)]
    Exposed(#[from] Exposed),
    /// The client cannot be made.
    #[error("no HTTP client can be made")]
    Client(#[source] reqwest::Error),
}

impl From<AddressError> for TransportError {
    fn from(error: AddressError) -> Self {
        Self::Opening(Box::new(error))
    }
}

/// A peer.
#[derive(Clone, Debug)]
pub struct Peer {
    client: Client,
    address: Url,
}

/// What a peer is asked.
struct Request<'r> {
    method: Method,
    to: Url,
    headers: HeaderMap,
    body: &'r [u8],
    /// How much of its answer is read.
    most: usize,
    /// Whether that much is wanted of a longer one; else a longer one is an error.
    is_cut: bool,
}

impl<'r> Request<'r> {
    const fn new(method: Method, to: Url, headers: HeaderMap, body: &'r [u8]) -> Self {
        Self {
            method,
            to,
            headers,
            body,
            most: MOST_READ,
            is_cut: false,
        }
    }
}

/// What a peer said.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// Where it says that what was made is to be found.
    pub location: Option<String>,
    retry_after: Option<Duration>,
}

impl Answer {
    /// Whether the status says that it went well.
    pub const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// What it says, for people: on one line and not long.
    pub fn words(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let shown = text.split_whitespace().collect::<Vec<_>>().join(" ");
        shown
            .chars()
            .filter(|sign| !sign.is_control())
            .take(500)
            .collect()
    }
}

/// An address, and whether it is one of this machine.
///
/// # Errors
/// [`AddressError`].
pub fn address(url: &str) -> Result<(Url, bool), AddressError> {
    refuse_in_url(url, "`url`", "an option that takes `{ env: NAME }`")?;
    let address = Url::parse(url).map_err(|error| AddressError::Unreadable(error.to_string()))?;
    let host = address.host_str().unwrap_or_default();
    let is_own = host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback());
    if address.scheme() != "https" && !(address.scheme() == "http" && is_own) {
        return Err(AddressError::Open);
    }
    Ok((address, is_own))
}

impl Peer {
    /// A peer at this address.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn new(url: &str) -> Result<Self, AddressError> {
        let (address, is_own) = address(url)?;
        let client = Client::builder()
            .redirect(Policy::none())
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE);
        // What is for this machine alone goes through nobody else's.
        let client = if is_own { client.no_proxy() } else { client };
        Ok(Self {
            client: client.build().map_err(AddressError::Client)?,
            address,
        })
    }

    /// The peer as people call it.
    pub fn name(&self) -> String {
        let port = self.address.port();
        let port = port.map_or_else(String::new, |port| format!(":{port}"));
        format!("{}{port}", self.address.host_str().unwrap_or_default())
    }

    /// The address of a path below the peer's, which may have a query: `journals?number=1`.
    pub fn address(&self, path: &str) -> Url {
        let mut address = self.address.clone();
        let (path, query) = path
            .split_once('?')
            .map_or((path, None), |(path, query)| (path, Some(query)));
        if !path.is_empty() {
            let base = address.path().trim_end_matches('/').to_owned();
            address.set_path(&format!("{base}/{path}"));
        }
        if query.is_some() {
            address.set_query(query);
        }
        address
    }

    /// Posts a body below the peer's address. One that says that it is busy (429, 503) is asked again when it says so, or later
    /// and later; it may have taken the body nevertheless, so what is posted has to bear that it comes twice.
    ///
    /// # Errors
    /// [`TransportError::Unreachable`] where nobody knows whether the peer has it.
    pub async fn post(
        &self,
        path: &str,
        headers: &[(&'static str, String)],
        body: &[u8],
    ) -> Result<Answer, TransportError> {
        let headers = self.headers(headers)?;
        let request = Request::new(Method::POST, self.address(path), headers, body);
        self.ask(request, &[429, 503]).await
    }

    /// Calls below the peer's address. One that refuses for the rate (429) is asked again when it says so, for it
    /// has not looked at the call; one that is busy (503) may have, so that only a call that changes nothing is repeated.
    ///
    /// # Errors
    /// [`TransportError::Unreachable`] where nobody knows whether the peer has it.
    pub async fn call(
        &self,
        method: &Method,
        path: &str,
        headers: HeaderMap,
        body: &[u8],
    ) -> Result<Answer, TransportError> {
        let changes = !matches!(*method, Method::GET | Method::HEAD);
        let busy: &[u16] = if changes { &[429] } else { &[429, 503] };
        let request = Request::new(method.clone(), self.address(path), headers, body);
        self.ask(request, busy).await
    }

    /// Puts a file below the peer's address, as [`Peer::post`] posts one.
    ///
    /// # Errors
    /// [`TransportError::Unreachable`] where nobody knows whether the peer has it.
    pub async fn put(
        &self,
        name: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Answer, TransportError> {
        let request = Request::new(Method::PUT, self.file(name), headers.clone(), body);
        self.ask(request, &[429, 503]).await
    }

    /// Gets a file below the peer's address, or no more than its first bytes.
    ///
    /// # Errors
    /// [`TransportError::Unreachable`].
    pub async fn get(
        &self,
        name: &str,
        headers: &HeaderMap,
        most: usize,
    ) -> Result<Answer, TransportError> {
        let request = Request {
            most,
            is_cut: true,
            ..Request::new(Method::GET, self.file(name), headers.clone(), &[])
        };
        self.ask(request, &[429, 503]).await
    }

    /// Asks what the peer would answer for its address itself.
    ///
    /// # Errors
    /// [`TransportError::Unreachable`].
    pub async fn head(&self, headers: &HeaderMap) -> Result<Answer, TransportError> {
        let request = Request::new(Method::HEAD, self.address.clone(), headers.clone(), &[]);
        self.ask(request, &[429, 503]).await
    }

    /// The address of a file: whatever its name holds, it is one step below.
    fn file(&self, name: &str) -> Url {
        let mut address = self.address.clone();
        if let Ok(mut path) = address.path_segments_mut() {
            path.pop_if_empty().push(name);
        }
        address
    }

    /// Asks again while the peer is busy, as it says by one of these statuses.
    async fn ask(&self, request: Request<'_>, busy: &[u16]) -> Result<Answer, TransportError> {
        let mut wait = Duration::from_millis(250);
        for _ in 1..ATTEMPTS {
            let answer = self.once(&request).await?;
            if !busy.contains(&answer.status) {
                return Ok(answer);
            }
            let asked = answer.retry_after.unwrap_or(wait);
            tokio::time::sleep(asked.min(LONGEST)).await;
            wait *= 3;
        }
        self.once(&request).await
    }

    /// Header lines, none of which is ever shown.
    ///
    /// # Errors
    /// [`TransportError::Unreachable`] for a value that cannot stand in a header.
    pub fn headers(&self, headers: &[(&'static str, String)]) -> Result<HeaderMap, TransportError> {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            let mut value = HeaderValue::from_str(value).map_err(|error| self.broken(error))?;
            value.set_sensitive(true);
            all.insert(HeaderName::from_static(name), value);
        }
        Ok(all)
    }

    async fn once(&self, request: &Request<'_>) -> Result<Answer, TransportError> {
        let mut asking = self
            .client
            .request(request.method.clone(), request.to.clone())
            .headers(request.headers.clone());
        if !matches!(request.method, Method::GET | Method::HEAD) {
            asking = asking.body(request.body.to_vec());
        }
        let mut response = asking
            .send()
            .await
            .map_err(|error| self.broken(error.without_url()))?;
        let retry_after = response.headers().get(RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        let location = response.headers().get(LOCATION);
        let mut answer = Answer {
            status: response.status().as_u16(),
            body: Vec::new(),
            location: location.and_then(|value| value.to_str().ok().map(str::to_owned)),
            retry_after: retry_after.map(Duration::from_secs),
        };
        while let Some(piece) = response
            .chunk()
            .await
            .map_err(|error| self.broken(error.without_url()))?
        {
            let rest = request.most.saturating_sub(answer.body.len());
            answer
                .body
                .extend_from_slice(piece.get(..rest).unwrap_or(&piece));
            if piece.len() > rest && request.is_cut {
                // As much was wanted.
                break;
            }
            if piece.len() > rest {
                return Err(self.broken("its answer is larger than 16 MiB"));
            }
        }
        Ok(answer)
    }

    /// The error of a call of which nobody knows the outcome.
    pub fn broken(
        &self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> TransportError {
        TransportError::Unreachable {
            peer: self.name(),
            what: "waiting for its answer".to_owned(),
            source: source.into(),
        }
    }
}
