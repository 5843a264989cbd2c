//! Bearer tokens of OAuth 2 (RFC 6749): asked for, kept, and asked for again.

use super::jwt::Statement;
use super::rotated::{Held, Rotated};
use super::{
    AuthError, ClientConfig, JwtConfig, JwtUse, Lent, RefreshConfig, Style, encoded, wrong,
};
use crate::failure::TransportError;
use crate::http::{Answer, Peer};
use crate::secret::{Secret, SecretRef};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use ledger::Clock;
use reqwest::header::{HeaderName, HeaderValue};
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The most that a token endpoint may say.
const MOST: usize = 64 << 10;

/// How long it may take to say it.
const LONGEST: Duration = Duration::from_mins(1);

/// How many seconds a token is used of which nobody says how long it holds, and the most that one is used.
const UNSAID: u64 = 300;
const DAY: u64 = 86_400;

/// How many seconds before its end a token is used no more; one that holds for minutes only, the last fifth of them.
const MARGIN: u64 = 60;

/// A token that is there when it is needed.
#[derive(Debug)]
pub(super) struct Tokens {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    peer: Peer,
    grant: Grant,
    clock: Arc<dyn Clock>,
    rotated: Option<Rotated>,
    /// What is used now.
    access: Mutex<Option<Access>>,
    /// What one caller at a time works with.
    state: tokio::sync::Mutex<State>,
}

#[derive(Debug)]
enum Grant {
    Client(Client, Vec<(&'static str, String)>),
    Refresh(Client),
    Jwt(Box<Statement>, JwtUse, Vec<(&'static str, String)>),
}

#[derive(Debug)]
struct Client {
    id: String,
    secret: Secret,
    style: Style,
}

#[derive(Debug, Default)]
struct State {
    refresh: Option<Secret>,
    /// What came with a refresh token that could not be kept. It is not used before that is kept.
    unkept: Option<Access>,
}

#[derive(Clone, Debug)]
struct Access {
    header: HeaderValue,
    until: DateTime<Utc>,
}

/// What is sent to a token endpoint.
#[derive(Default)]
struct Request {
    headers: Vec<(&'static str, String)>,
    form: Vec<(&'static str, String)>,
    /// What of it no error may show.
    secrets: Vec<String>,
}

/// What a token endpoint gave.
struct Granted {
    access: Access,
    refresh: Option<Secret>,
}

impl Tokens {
    pub(super) fn of_client(config: ClientConfig, host: &Lent<'_>) -> Result<Self, AuthError> {
        let named = [("scope", config.scope), ("audience", config.audience)];
        let named = named.into_iter();
        let named = named.filter_map(|(name, value)| Some((name, value?)));
        let client = Client {
            id: config.client_id,
            secret: host.read(&config.client_secret)?,
            style: config.style,
        };
        let grant = Grant::Client(client, named.collect());
        Self::new(&config.token_url, grant, host)
    }

    pub(super) fn of_refresh(config: RefreshConfig, host: &Lent<'_>) -> Result<Self, AuthError> {
        let client = Client {
            id: config.client_id,
            secret: host.read(&config.client_secret)?,
            style: config.style,
        };
        let configured = host.read(&config.refresh_token)?;
        let mut shared = Self::shared(&config.token_url, Grant::Refresh(client), host)?;
        if let Some(keep) = config.keep {
            let keep = host.base.join(keep);
            let read = config.refresh_token.below(host.base);
            if matches!(read, SecretRef::File(file) if file == keep) {
                let why =
                    "names the file that `refresh_token` is read from; name one that Tieout makes";
                return Err(wrong("keep", why));
            }
            shared.rotated = Some(Rotated::new(keep, &configured));
        }
        shared.state = tokio::sync::Mutex::new(State {
            refresh: Some(configured),
            unkept: None,
        });
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    pub(super) fn of_jwt(config: JwtConfig, host: &Lent<'_>) -> Result<Self, AuthError> {
        let statement = Statement::new(&config, host)?;
        let named = [("client_id", config.client_id), ("scope", config.scope)];
        let named = named.into_iter();
        let named = named.filter_map(|(name, value)| Some((name, value?)));
        let grant = Grant::Jwt(Box::new(statement), config.used_as, named.collect());
        Self::new(&config.token_url, grant, host)
    }

    fn new(url: &str, grant: Grant, host: &Lent<'_>) -> Result<Self, AuthError> {
        Ok(Self {
            shared: Arc::new(Self::shared(url, grant, host)?),
        })
    }

    fn shared(url: &str, grant: Grant, host: &Lent<'_>) -> Result<Shared, AuthError> {
        Ok(Shared {
            peer: Peer::new(url)?,
            grant,
            clock: Arc::clone(host.clock),
            rotated: None,
            access: Mutex::default(),
            state: tokio::sync::Mutex::default(),
        })
    }

    /// The token, as a header says it.
    pub(super) async fn token(&self) -> Result<HeaderValue, TransportError> {
        if let Some(token) = self.shared.usable() {
            return Ok(token);
        }
        // A task of its own: were it dropped with its caller, a refresh token that just came would be lost.
        let own = Arc::clone(&self.shared);
        match tokio::spawn(async move { own.renewed().await }).await {
            Ok(renewed) => renewed,
            Err(_ended) => Err(TransportError::GivenUp(self.shared.peer.name())),
        }
    }

    /// Throws the token away that stands among these headers. Another one that came meanwhile stays.
    pub(super) fn forget(&self, sent: &[(HeaderName, HeaderValue)]) {
        let mut access = self.shared.access();
        let refused = |held: &Access| sent.iter().any(|(_, value)| *value == held.header);
        if access.as_ref().is_some_and(refused) {
            *access = None;
        }
    }
}

impl Shared {
    fn access(&self) -> std::sync::MutexGuard<'_, Option<Access>> {
        self.access.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn usable(&self) -> Option<HeaderValue> {
        let now = self.clock.now();
        let access = self.access();
        let access = access.as_ref().filter(|access| now < access.until);
        access.map(|access| access.header.clone())
    }

    fn use_it(&self, access: Access) -> HeaderValue {
        let header = access.header.clone();
        *self.access() = Some(access);
        header
    }

    async fn renewed(&self) -> Result<HeaderValue, TransportError> {
        let mut state = self.state.lock().await;
        // Another caller may have fetched one while this one waited.
        if let Some(token) = self.usable() {
            return Ok(token);
        }
        let place = match &self.rotated {
            Some(rotated) => Some(rotated.hold().await?),
            None => None,
        };
        if let Some(access) = state.unkept.take() {
            return self.kept(&mut state, place, access).await;
        }
        if let Some(place) = &place
            && let Some(token) = place.read().await?
        {
            state.refresh = Some(token);
        }
        let granted = self.ask(state.refresh.as_ref()).await?;
        match (granted.refresh, &state.refresh) {
            (Some(next), Some(last)) if !last.matches(next.reveal()) => {
                state.refresh = Some(next);
                self.kept(&mut state, place, granted.access).await
            }
            _ => Ok(self.use_it(granted.access)),
        }
    }

    /// Uses a token when the refresh token that came with it is kept.
    async fn kept(
        &self,
        state: &mut State,
        place: Option<Held>,
        access: Access,
    ) -> Result<HeaderValue, TransportError> {
        if let (Some(place), Some(next)) = (place, &state.refresh) {
            if let Err(error) = place.write(next).await {
                state.unkept = Some(access);
                return Err(error);
            }
        } else {
            tracing::warn!(
                peer = self.peer.name(),
                "the refresh token was replaced by its server, and the next one is known to this process alone; name a file in `keep`"
            );
        }
        Ok(self.use_it(access))
    }

    async fn ask(&self, refresh: Option<&Secret>) -> Result<Granted, TransportError> {
        let now = self.clock.now();
        let request = self.grant.request(refresh, now);
        let request = request.map_err(|error| self.peer.broken(error))?;
        let body = request.body();
        let posted = self.peer.post("", &request.headers, body.as_bytes());
        let answer = tokio::time::timeout(LONGEST, posted).await;
        let answer = answer.map_err(|late| self.peer.broken(late))??;
        if answer.body.len() > MOST {
            return Err(self
                .peer
                .broken("its answer is longer than one with a token may be"));
        }
        self.understood(&answer, &request, now)
    }

    fn understood(
        &self,
        answer: &Answer,
        request: &Request,
        now: DateTime<Utc>,
    ) -> Result<Granted, TransportError> {
        // Why it cannot be read would quote it.
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if said["error"].is_string() && !matches!(answer.status, 300..=399 | 429 | 500..) {
            return Err(TransportError::Unauthorized {
                peer: self.peer.name(),
                user: self.grant.user().to_owned(),
                source: self.grant.words(&said, &request.secrets).into(),
            });
        }
        if !answer.is_success() {
            return Err(self.peer.broken(match answer.status {
                300..=399 => "it sends to another address, which is not followed; name that one in `token_url`".to_owned(),
                status => format!("it answers {status} to who asks for a token"),
            }));
        }
        let kind = said["token_type"].as_str().unwrap_or("bearer");
        if !kind.eq_ignore_ascii_case("bearer") {
            return Err(self.peer.broken("it gives a token that is no bearer token"));
        }
        let token = said["access_token"].as_str().unwrap_or_default();
        let header = HeaderValue::from_str(&format!("Bearer {token}"));
        let header = header.ok().filter(|_| !token.is_empty());
        let mut header =
            header.ok_or_else(|| self.peer.broken("its answer holds no `access_token`"))?;
        header.set_sensitive(true);
        let refresh = said["refresh_token"].as_str();
        let refresh = refresh.filter(|token| !token.is_empty());
        Ok(Granted {
            access: Access {
                header,
                until: until(&said["expires_in"], now),
            },
            refresh: refresh.map(|token| Secret::new(token.to_owned())),
        })
    }
}

impl Grant {
    fn request(
        &self,
        refresh: Option<&Secret>,
        now: DateTime<Utc>,
    ) -> Result<Request, ring::error::Unspecified> {
        const BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        const ASSERTED: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let mut request = Request::default();
        match self {
            Self::Client(client, named) => {
                request.says("grant_type", "client_credentials");
                request.form.extend(named.iter().cloned());
                request.signed_by(client);
            }
            Self::Refresh(client) => {
                request.says("grant_type", "refresh_token");
                let token = refresh.map(Secret::reveal).unwrap_or_default();
                request.says("refresh_token", token);
                request.secrets.push(token.to_owned());
                request.signed_by(client);
            }
            Self::Jwt(statement, used_as, named) => {
                let statement = statement.made(now)?;
                if *used_as == JwtUse::Grant {
                    request.says("grant_type", BEARER);
                    request.says("assertion", &statement);
                } else {
                    request.says("grant_type", "client_credentials");
                    request.says("client_assertion_type", ASSERTED);
                    request.says("client_assertion", &statement);
                }
                request.form.extend(named.iter().cloned());
                request.secrets.push(statement);
            }
        }
        let kind = "application/x-www-form-urlencoded".to_owned();
        request.headers.push(("content-type", kind));
        request
            .headers
            .push(("accept", "application/json".to_owned()));
        Ok(request)
    }

    /// Who asks, as people know it.
    fn user(&self) -> &str {
        match self {
            Self::Client(client, _) | Self::Refresh(client) => &client.id,
            Self::Jwt(statement, ..) => statement.issuer(),
        }
    }

    /// What an error says, and what to do about it.
    fn words(&self, said: &Value, secrets: &[String]) -> String {
        let error = said["error"].as_str().unwrap_or_default();
        let described = said["error_description"].as_str().unwrap_or_default();
        let mut text = shown(error, secrets, 100);
        if !described.is_empty() {
            text.push_str(&format!(": {}", shown(described, secrets, 400)));
        }
        if matches!(self, Self::Refresh(_)) && error == "invalid_grant" {
            text.push_str(
                "; have Tieout authorised again, and name the new token in `refresh_token`",
            );
        }
        text
    }
}

impl Request {
    fn says(&mut self, name: &'static str, value: &str) {
        self.form.push((name, value.to_owned()));
    }

    /// Says who the client is (RFC 6749, 2.3.1).
    fn signed_by(&mut self, client: &Client) {
        let secret = client.secret.reveal();
        if client.style == Style::Body {
            self.says("client_id", &client.id);
            self.says("client_secret", secret);
        } else {
            let both = format!("{}:{}", encoded(&client.id), encoded(secret));
            let both = STANDARD.encode(both);
            self.headers
                .push(("authorization", format!("Basic {both}")));
            self.secrets.push(both);
        }
        self.secrets.extend([secret.to_owned(), encoded(secret)]);
    }

    fn body(&self) -> String {
        let pairs = self.form.iter();
        let pairs: Vec<String> = pairs
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        pairs.join("&")
    }
}

/// Until when a token is used that was asked for now.
fn until(expires_in: &Value, now: DateTime<Utc>) -> DateTime<Utc> {
    // Some servers write it as a text, and some with a fraction.
    let said = match expires_in {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => String::new(),
    };
    let whole = said.trim().split('.').next().unwrap_or_default();
    let holds = whole.parse().unwrap_or(UNSAID).min(DAY);
    let used = holds - MARGIN.min(holds / 5);
    let used = TimeDelta::try_seconds(i64::try_from(used).unwrap_or(0)).unwrap_or_default();
    now.checked_add_signed(used).unwrap_or(now)
}

/// How many signs in a row may be a token that the server repeats.
const LIKE_A_TOKEN: usize = 40;

/// What a server says for people, on one line, without what was sent to it.
fn shown(text: &str, secrets: &[String], most: usize) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "***");
    }
    let words = text.split_whitespace().map(|word| {
        let mut runs = word.split(|sign: char| !is_of_a_token(sign));
        if runs.any(|run| run.len() >= LIKE_A_TOKEN) {
            "***"
        } else {
            word
        }
    });
    let line = words.collect::<Vec<_>>().join(" ");
    let plain = line.chars().filter(|sign| !sign.is_control());
    plain.take(most).collect()
}

const fn is_of_a_token(sign: char) -> bool {
    sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_' | '.' | '~' | '+' | '/' | '=' | '%')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_token_is_used_until_shortly_before_its_end() {
        let now: DateTime<Utc> = "2026-02-01T08:00:00Z".parse().unwrap();
        let table = [
            (json!(3600), 3540),
            (json!("1800"), 1740),
            (json!(300), 240),
            (json!(100), 80),
            (json!(2), 2),
            (json!(0), 0),
            (json!("3599.5"), 3539),
            (Value::Null, 240),
            (json!("soon"), 240),
            (json!(-5), 240),
            (json!(u64::MAX), 86_340),
        ];
        for (said, seconds) in table {
            let used = until(&said, now) - now;
            assert_eq!(used.num_seconds(), seconds, "{said}");
        }
    }

    #[test]
    fn words_of_a_server_show_nothing_that_was_sent() {
        let secrets = ["s3cret/+".to_owned(), String::new()];
        let table = [
            ("bad client", "bad client"),
            (
                "the secret s3cret/+ is\n wrong\u{7}",
                "the secret *** is wrong",
            ),
            (
                "Trace ID: 0d3f5bd2-4a21-4f7e-9a7e-0f4b1a2c3d4e",
                "Trace ID: 0d3f5bd2-4a21-4f7e-9a7e-0f4b1a2c3d4e",
            ),
            (
                "`eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJtZSJ9.c2lnbmF0dXJl` is old",
                "*** is old",
            ),
        ];
        for (said, text) in table {
            assert_eq!(shown(said, &secrets, 100), text);
        }
        assert_eq!(shown("a b c", &[], 3), "a b");
    }
}
