//! An address that takes files by HTTPS PUT, each one below it under its own name.
//!
//! `If-None-Match: *` goes with each, so that a server that knows it replaces nothing; its 412 says that something
//! lies there, and what it is, is read. So is what lies there before anything is sent, for a server that does not know
//! that header. Where an address takes files and tells nothing (`asks: false`), a lost answer stays unknown, and so does
//! a 412: what lies there may be an attempt of ours, or another file.
//!
//! A server that answers 429 or 503 is waited for as it says. Redirects are not followed.

use super::{ConfigError, Content, DropKind, FileDrop, Placed, TransportError, part_name, yes};
use crate::http::{self, Answer, Peer};
use crate::secret::{Exposed, Secret, SecretRef, is_secret_name};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{
    AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// This kind's registration.
pub const KIND: DropKind = DropKind {
    id: "https",
    title: "An address that takes files by HTTPS PUT",
    example: "\
https:
  url: https://files.example/inbound
  # Or `bearer: { env: NAME }`.
  basic: { user: tieout, password: { env: TIEOUT_FILES_PASSWORD } }
  headers: { x-ms-blob-type: BlockBlob }
  # Headers whose values are secrets.
  secrets: { x-api-key: { env: TIEOUT_FILES_KEY } }
  # Whether GET tells what lies there.
  asks: true
",
};

/// Headers that are part of how a file is put.
const OWN: [&str; 4] = [
    "content-length",
    "host",
    "if-none-match",
    "transfer-encoding",
];

/// Headers that hold a secret, beside those whose name says so.
const SECRET: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// So much longer may a file be that holds the same in other bytes.
const SPARE: usize = 64 << 10;

/// `https: { url: "https://files.example/inbound", bearer: { env: NAME } }`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What files lie below.
    pub url: String,
    /// Headers that go with each request.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Headers whose values are secrets.
    #[serde(default)]
    pub secrets: BTreeMap<String, SecretRef>,
    /// A user and a password.
    pub basic: Option<Basic>,
    /// A token.
    pub bearer: Option<SecretRef>,
    /// Whether GET tells what lies there; true when not named.
    #[serde(default = "yes")]
    pub asks: bool,
}

/// A user and a password.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    /// The user.
    pub user: String,
    /// The password.
    pub password: SecretRef,
}

impl Config {
    /// Refuses a secret among what is written, and what no request can hold.
    ///
    /// # Errors
    /// [`ConfigError`], which does not show it.
    pub fn check(&self) -> Result<(), ConfigError> {
        http::address(&self.url)?;
        let names = self.headers.keys().chain(self.secrets.keys());
        for name in names.map(String::as_str) {
            if HeaderName::try_from(name).is_err() {
                return Err(ConfigError::Option(format!(
                    "`{name}` is no name of a header"
                )));
            }
            if OWN.contains(&name.to_ascii_lowercase().as_str()) {
                return Err(ConfigError::Option(format!(
                    "the header `{name}` is Tieout's own; take it out"
                )));
            }
        }
        for (name, value) in &self.headers {
            let low = name.to_ascii_lowercase();
            if is_secret_name(name) || SECRET.contains(&low.as_str()) {
                let place = format!("the header `{name}`");
                let instead = format!("`secrets: {{ {name}: {{ env: NAME }} }}`");
                return Err(Exposed { place, instead }.into());
            }
            if HeaderValue::from_str(value).is_err() {
                return Err(ConfigError::Option(format!(
                    "the value of the header `{name}` holds signs that no header takes"
                )));
            }
        }
        let in_secrets = self.secrets.keys();
        let ways = usize::from(self.basic.is_some())
            + usize::from(self.bearer.is_some())
            + in_secrets
                .filter(|name| name.eq_ignore_ascii_case("authorization"))
                .count();
        if ways > 1 {
            return Err(ConfigError::Option(
                "one of `basic`, `bearer` and the header `authorization` says who comes".to_owned(),
            ));
        }
        Ok(())
    }

    /// Reads the secrets, and makes the headers that go with each request.
    fn headers(&self, base: &Path) -> Result<HeaderMap, TransportError> {
        let mut all = HeaderMap::new();
        all.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        );
        for (name, value) in &self.headers {
            all.insert(self.name(name)?, self.value(name, value)?);
        }
        for (name, place) in &self.secrets {
            let secret = place.below(base).read()?;
            all.insert(self.name(name)?, self.secret(name, secret.reveal())?);
        }
        if let Some(place) = &self.bearer {
            let text = format!("Bearer {}", place.below(base).read()?.reveal());
            all.insert(AUTHORIZATION, self.secret("bearer", &text)?);
        }
        if let Some(basic) = &self.basic {
            let password = basic.password.below(base).read()?;
            let pair = Secret::new(format!("{}:{}", basic.user, password.reveal()));
            let text = format!("Basic {}", STANDARD.encode(pair.reveal()));
            all.insert(AUTHORIZATION, self.secret("basic", &text)?);
        }
        Ok(all)
    }

    fn name(&self, name: &str) -> Result<HeaderName, TransportError> {
        HeaderName::try_from(name).map_err(|_| self.unfit(name))
    }

    fn value(&self, name: &str, text: &str) -> Result<HeaderValue, TransportError> {
        HeaderValue::from_str(text).map_err(|_| self.unfit(name))
    }

    fn secret(&self, name: &str, text: &str) -> Result<HeaderValue, TransportError> {
        let mut value = self.value(name, text)?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// A value that is a secret is not shown, nor what is wrong with it.
    fn unfit(&self, name: &str) -> TransportError {
        TransportError::Refused {
            peer: self.url.clone(),
            what: "a request".to_owned(),
            words: format!("`{name}` holds signs that no header takes"),
        }
    }
}

/// The address, with its secrets read.
#[derive(Clone, Debug)]
pub struct Https {
    peer: Peer,
    url: String,
    headers: HeaderMap,
    asks: bool,
}

impl Https {
    /// Reads the secrets; relative files are taken from `base`.
    ///
    /// # Errors
    /// [`TransportError`] when there is none, or others can read it.
    pub fn new(config: &Config, base: &Path) -> Result<Self, TransportError> {
        Ok(Self {
            peer: Peer::new(&config.url)?,
            url: shown(&config.url),
            headers: config.headers(base)?,
            asks: config.asks,
        })
    }

    /// What a peer says instead of doing what it was asked. Whatever its status, the same may be asked again.
    fn refused(&self, what: &str, answer: &Answer) -> TransportError {
        let words = match answer.status {
            300..=399 => {
                "it sends to another address, which is not followed; name that one in `url`"
                    .to_owned()
            }
            401 | 403 => format!(
                "{} {}; it does not know the credentials, or does not let them in here",
                answer.status,
                answer.words()
            ),
            status => format!("{status} {}", answer.words()).trim_end().to_owned(),
        };
        TransportError::Refused {
            peer: self.url.clone(),
            what: what.to_owned(),
            words,
        }
    }

    /// Reads what lies there.
    async fn look(&self, name: &str, content: Content<'_>) -> Result<Option<bool>, TransportError> {
        let length = content.bytes.len();
        let most = if content.is_whole() {
            // One byte more tells that it goes on.
            length.saturating_add(1)
        } else {
            length.saturating_mul(2).saturating_add(SPARE)
        };
        let answer = self.peer.get(name, &self.headers, most).await?;
        match answer.status {
            404 | 410 => Ok(None),
            200 if content.is_whole() => Ok(Some(answer.body == content.bytes)),
            200 => {
                let begins = answer.body.starts_with(content.mark());
                Ok(Some(begins && answer.body.ends_with(content.end())))
            }
            _ => Err(self.refused(&format!("to tell what `{name}` is"), &answer)),
        }
    }
}

/// An address without what a query may hold.
fn shown(url: &str) -> String {
    let (before, _) = url.split_once('?').unwrap_or((url, ""));
    before.trim_end_matches('/').to_owned()
}

#[async_trait]
impl FileDrop for Https {
    async fn place(&self, name: &str, content: Content<'_>) -> Result<Placed, TransportError> {
        if let Some(same) = self.holds(name, content).await? {
            return Ok(Placed::there(same));
        }
        let mut headers = self.headers.clone();
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        let answer = self.peer.put(name, &headers, content.bytes).await?;
        let what = format!("`{name}`");
        match answer.status {
            200..=299 => Ok(Placed::Sent),
            412 if self.asks => match self.look(name, content).await? {
                Some(same) => Ok(Placed::there(same)),
                None => Err(self.refused(&what, &answer)),
            },
            412 => Err(TransportError::Refused {
                peer: self.url.clone(),
                what,
                words: "something lies there under its name, and with `asks: false` nobody can tell whether it is an attempt of ours; look there, and move it away if it is another file or half of this one".to_owned(),
            }),
            _ => Err(self.refused(&what, &answer)),
        }
    }

    async fn holds(
        &self,
        name: &str,
        content: Content<'_>,
    ) -> Result<Option<bool>, TransportError> {
        if self.asks {
            self.look(name, content).await
        } else {
            Ok(None)
        }
    }

    /// Whether the address can be reached: nothing is written, for what is written could not be taken away.
    async fn check(&self) -> Result<(), TransportError> {
        if self.asks {
            let nothing = part_name("tieout-probe");
            let found = self.look(&nothing, Content::whole(b"")).await?;
            return found.map_or(Ok(()), |_| {
                Err(TransportError::Refused {
                    peer: self.url.clone(),
                    what: "to tell what lies there".to_owned(),
                    words: "it shows a file where none is; write `asks: false`".to_owned(),
                })
            });
        }
        let answer = self.peer.head(&self.headers).await?;
        match answer.status {
            300..=399 | 401 | 403 | 500.. => Err(self.refused("to be reached", &answer)),
            _ => Ok(()),
        }
    }

    fn may_repeat(&self) -> bool {
        self.asks
    }

    fn peer(&self) -> String {
        self.url.clone()
    }
}
