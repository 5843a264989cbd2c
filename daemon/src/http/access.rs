//! Who may do what: bearer tokens, looked at in a request's head.

use super::Refused;
use anyhow::{Context as _, ensure};
use axum::http::{HeaderMap, StatusCode, header};
use connectors::secret::{Secret, SecretRef};
use office::config::http::HttpConfig;
use office::config::settlement::SettlementConfig;
use std::path::Path;

/// The tokens of the configuration, read.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    events: Option<Secret>,
    metrics: Option<Secret>,
    settlements: Option<Secret>,
    /// Metrics have a listener of their own, which may do without a token.
    pub(crate) metrics_apart: bool,
}

impl Access {
    /// Reads the tokens; metrics are shown to senders of events where they have no token of their own, and settlement
    /// files are taken from nobody without one.
    pub(crate) fn read(
        config: &HttpConfig,
        settlement: Option<&SettlementConfig>,
        base: &Path,
    ) -> anyhow::Result<Self> {
        let events = token(config.token.as_ref(), base).context("http.token")?;
        let own = config.metrics.as_ref();
        let metrics = token(own.and_then(|metrics| metrics.token.as_ref()), base);
        let metrics = metrics.context("http.metrics.token")?;
        let files = settlement.and_then(|settlement| settlement.http.as_ref());
        let files = token(files.map(|files| &files.token), base);
        let settlements = files.context("settlement.http.token")?;
        let metrics_apart = own.is_some_and(|metrics| metrics.listen.is_some());
        Ok(Self {
            metrics: metrics.or_else(|| events.clone().filter(|_| !metrics_apart)),
            events,
            settlements,
            metrics_apart,
        })
    }

    /// Whether the sender may bring events.
    pub(super) fn events(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let none = "no token is configured under `http`, so no events are taken";
        shown(self.events.as_ref().ok_or(none), headers)
    }

    /// Whether the sender may bring settlement files.
    pub(super) fn settlements(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let none = "no token is configured under `settlement: { http: … }`, so no settlement files are taken";
        shown(self.settlements.as_ref().ok_or(none), headers)
    }

    /// Whether the asker may see metrics.
    pub(super) fn metrics(&self, headers: &HeaderMap) -> Result<(), Refused> {
        if self.metrics_apart && self.metrics.is_none() {
            return Ok(());
        }
        let none = "metrics are shown to whoever has a token, and none is configured: name `token`, `metrics: { token: … }` or `metrics: { listen: … }` under `http`";
        shown(self.metrics.as_ref().ok_or(none), headers)
    }
}

fn token(place: Option<&SecretRef>, base: &Path) -> anyhow::Result<Option<Secret>> {
    let token = place.map(|place| place.below(base).read()).transpose()?;
    // Nothing at all would be what an empty header shows.
    let empty = token
        .as_ref()
        .is_some_and(|token| token.reveal().is_empty());
    ensure!(!empty, "the token is empty; take a long random text");
    Ok(token)
}

fn shown(token: Result<&Secret, &str>, headers: &HeaderMap) -> Result<(), Refused> {
    let token = token.map_err(|why| Refused(StatusCode::FORBIDDEN, why.to_owned()))?;
    let shown = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, shown)| shown.trim());
    if shown.is_some_and(|shown| token.matches(shown)) {
        return Ok(());
    }
    let what = "the bearer token is missing or wrong".to_owned();
    Err(Refused(StatusCode::UNAUTHORIZED, what))
}
