//! `http` of `tieout.yaml`: where events come in, who may bring them, and how much of it at once.

use anyhow::bail;
use connectors::secret::SecretRef;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// `{ listen: "127.0.0.1:8080", token: { env: TIEOUT_EVENTS_TOKEN } }`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// The address. One that other machines reach wants `tls` or `behind_tls_proxy`.
    pub listen: SocketAddr,
    /// What senders of events must show as their bearer token; without one, no events are taken.
    pub token: Option<SecretRef>,
    /// Who sees metrics; without it, whoever shows the token.
    pub metrics: Option<MetricsConfig>,
    /// What connections are encrypted with.
    pub tls: Option<TlsConfig>,
    /// Whether a proxy of yours stands before it and does TLS.
    #[serde(default)]
    pub behind_tls_proxy: bool,
    /// How much is taken at once, and how long it may take.
    #[serde(default)]
    pub limits: Limits,
}

/// `{ token: { env: NAME } }`, or a listener of their own: `{ listen: "127.0.0.1:9464" }`, or both.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct MetricsConfig {
    /// A listener of their own; it needs no token.
    pub listen: Option<SocketAddr>,
    /// What who asks for them must show; the token of events when not named.
    pub token: Option<SecretRef>,
}

/// `{ certificate: chain.pem, key: { file: key.pem } }`, both in PEM.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate, then those between it and the root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: SecretRef,
}

/// Bounds, so that nobody can use up the machine.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// The longest for the head of a request, for the rest between two requests, and between two parts of a
    /// body.
    pub idle_seconds: u32,
    /// The longest for a body, and for an answer to be taken.
    pub body_seconds: u32,
    /// The largest body.
    pub body_bytes: usize,
    /// The most bytes of bodies in memory at once.
    pub bytes_in_flight: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            idle_seconds: 10,
            body_seconds: 30,
            body_bytes: 8 << 20,
            bytes_in_flight: 64 << 20,
        }
    }
}

impl Limits {
    /// [`Limits::idle_seconds`].
    pub fn idle(&self) -> Duration {
        Duration::from_secs(self.idle_seconds.into())
    }

    /// [`Limits::body_seconds`].
    pub fn body(&self) -> Duration {
        Duration::from_secs(self.body_seconds.into())
    }

    fn check(&self) -> anyhow::Result<()> {
        if !(1..=10_000).contains(&self.connections) {
            bail!("limits: connections takes 1 to 10000");
        }
        if !(1..=3_600).contains(&self.idle_seconds) || !(1..=3_600).contains(&self.body_seconds) {
            bail!("limits: idle_seconds and body_seconds take 1 to 3600");
        }
        if !(1_024..=1 << 30).contains(&self.body_bytes) {
            bail!("limits: body_bytes takes 1024 to {}", 1 << 30);
        }
        // Twice, because a body is moved to a larger place as it grows.
        if !(2 * self.body_bytes..=1 << 40).contains(&self.bytes_in_flight) {
            bail!("limits: bytes_in_flight takes at least twice body_bytes");
        }
        Ok(())
    }
}

impl HttpConfig {
    /// Says what would not be right to run.
    ///
    /// # Errors
    /// What is wrong and what to write instead.
    pub fn check(&self) -> anyhow::Result<()> {
        if self.tls.is_some() && self.behind_tls_proxy {
            bail!("either `tls` or `behind_tls_proxy`: a proxy that does TLS speaks plainly to us");
        }
        let apart = match &self.metrics {
            Some(MetricsConfig {
                listen: None,
                token: None,
            }) => {
                bail!("metrics: name `listen`, `token`, or both")
            }
            Some(metrics) => metrics.listen,
            None => None,
        };
        if apart == Some(self.listen) {
            bail!("metrics: `listen` is the same address as that of events; leave it out");
        }
        for address in [Some(self.listen), apart].into_iter().flatten() {
            let inside = address.ip().to_canonical().is_loopback();
            if !inside && self.tls.is_none() && !self.behind_tls_proxy {
                bail!(
                    "`{address}` is reached from other machines, and tokens and events would cross the network readable by all: name `tls: {{ certificate: PATH, key: {{ file: PATH }} }}`, or `behind_tls_proxy: true` where a proxy of yours does TLS, or listen on 127.0.0.1"
                );
            }
        }
        self.limits.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        let config: HttpConfig = serde_saphyr::from_str(text).unwrap();
        config
            .check()
            .err()
            .map_or_else(String::new, |error| error.to_string())
    }

    #[test]
    fn beyond_loopback_somebody_does_tls() {
        let table = [
            ("{ listen: '127.0.0.1:80' }", ""),
            ("{ listen: '[::1]:80' }", ""),
            ("{ listen: '[::ffff:127.0.0.1]:80' }", ""),
            (
                "{ listen: '0.0.0.0:80' }",
                "`0.0.0.0:80` is reached from other machines",
            ),
            ("{ listen: '[::]:80' }", "`[::]:80` is reached"),
            ("{ listen: '10.0.0.1:80', behind_tls_proxy: true }", ""),
            (
                "{ listen: '10.0.0.1:80', tls: { certificate: a.pem, key: { file: b.pem } } }",
                "",
            ),
            (
                "{ listen: '10.0.0.1:80', behind_tls_proxy: true, tls: { certificate: a.pem, key: { file: b.pem } } }",
                "either",
            ),
            (
                "{ listen: '127.0.0.1:80', metrics: { listen: '0.0.0.0:81' } }",
                "`0.0.0.0:81` is reached",
            ),
            ("{ listen: '127.0.0.1:80', metrics: {} }", "metrics: name"),
            (
                "{ listen: '127.0.0.1:80', metrics: { listen: '127.0.0.1:80' } }",
                "the same address",
            ),
            (
                "{ listen: '127.0.0.1:80', limits: { connections: 0 } }",
                "connections takes",
            ),
            (
                "{ listen: '127.0.0.1:80', limits: { bytes_in_flight: 1000 } }",
                "bytes_in_flight",
            ),
        ];
        for (text, part) in table {
            let said = said(text);
            assert!(
                said.contains(part) && said.is_empty() == part.is_empty(),
                "{text}: {said}"
            );
        }
    }
}
