//! A bucket of an S3-speaking store, by `object_store`: what files are kept in, and what exports go to.
//!
//! Requests are signed with a key that the configuration names. Beyond this machine they go by TLS, or not at all.

use crate::secret::{self, Exposed, SecretError, SecretRef};
use object_store::aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut};
use object_store::path::Path as Key;
use object_store::{ClientOptions, RetryConfig};
use serde::Deserialize;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// As long a store may fail before it counts as away; a job has its turn again.
const LONGEST: Duration = Duration::from_secs(30);

/// `bucket: { url: "s3://name/prefix", endpoint: "https://s3.example", region: eu-central-1, key_id: { env: NAME },
/// secret: { env: NAME } }`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The bucket, and what its keys begin with.
    pub url: String,
    /// Where the store is, when it is not Amazon's.
    pub endpoint: Option<String>,
    /// Its region; `us-east-1` when not named.
    #[serde(default = "default_region")]
    pub region: String,
    /// The id of the key that requests are signed with.
    pub key_id: SecretRef,
    /// That key.
    pub secret: SecretRef,
    /// Whether the store creates an object only where none lies (`If-None-Match`); true when not named. For exports:
    /// what is kept lies under its hash and is replaced by the same bytes.
    pub conditional: Option<bool>,
}

fn default_region() -> String {
    "us-east-1".to_owned()
}

/// What is wrong with a bucket as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A secret is written.
    #[error(transparent)]
    Exposed(#[from] Exposed),
    /// The URL of a bucket.
    #[error("`{0}` names no bucket; write `url: s3://name` or `url: s3://name/prefix`")]
    Url(String),
    /// What crosses the network would be readable by all.
    #[error("`{0}` is reached from other machines without TLS; write `endpoint: https://…`")]
    Plain(String),
    /// An option of exports.
    #[error("`conditional` is for exports; take it out")]
    Conditional,
}

/// Why a bucket cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("a secret cannot be read")]
    Secret(#[from] SecretError),
    #[error("its client cannot be made")]
    Client(#[from] object_store::Error),
}

impl Config {
    /// Says what would not be right, a secret that is written least of all.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn check(&self) -> Result<(), ConfigError> {
        let instead = "`key_id: { env: NAME }` and `secret: { env: NAME }`";
        secret::refuse_in_url(&self.url, "`url`", instead)?;
        self.name()?;
        let Some(endpoint) = &self.endpoint else {
            return Ok(());
        };
        secret::refuse_in_url(endpoint, "`endpoint`", instead)?;
        if endpoint.starts_with("https://") || is_loopback(endpoint) {
            Ok(())
        } else {
            Err(ConfigError::Plain(endpoint.clone()))
        }
    }

    /// The bucket's name, and the prefix.
    fn name(&self) -> Result<(&str, &str), ConfigError> {
        let rest = self.url.strip_prefix("s3://");
        let found = rest.map(|rest| rest.split_once('/').unwrap_or((rest, "")));
        found
            .filter(|(name, _)| !name.is_empty())
            .ok_or_else(|| ConfigError::Url(self.url.clone()))
    }
}

fn is_loopback(endpoint: &str) -> bool {
    let host = endpoint.strip_prefix("http://").unwrap_or_default();
    let host = host.split('/').next().unwrap_or_default();
    let (host, port) = host.rsplit_once(':').unwrap_or((host, ""));
    let is_port = port.chars().all(|sign| sign.is_ascii_digit());
    is_port && ["127.0.0.1", "localhost", "[::1]"].contains(&host)
}

/// A bucket, with its secrets read.
#[derive(Clone)]
pub(crate) struct Bucket {
    pub(crate) store: Arc<AmazonS3>,
    /// What its keys begin with.
    pub(crate) prefix: Key,
    /// The bucket as people call it.
    pub(crate) place: String,
}

/// Its client shows what it signs with.
impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bucket").field(&self.place).finish()
    }
}

impl Bucket {
    /// Reads the secrets; relative files are taken from `base`. No request takes longer than `most`.
    pub(crate) fn open(config: &Config, base: &Path, most: Duration) -> Result<Self, OpenError> {
        let key_id = config.key_id.below(base).read()?;
        let secret = config.secret.below(base).read()?;
        let (name, prefix) = config.name()?;
        let conditional = if config.conditional.unwrap_or(true) {
            S3ConditionalPut::ETagMatch
        } else {
            S3ConditionalPut::Disabled
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(name)
            .with_region(&config.region)
            .with_access_key_id(key_id.reveal())
            .with_secret_access_key(secret.reveal())
            .with_conditional_put(conditional)
            .with_client_options(ClientOptions::new().with_timeout(most))
            .with_retry(RetryConfig {
                retry_timeout: LONGEST,
                ..RetryConfig::default()
            });
        if let Some(endpoint) = &config.endpoint {
            let plain = is_loopback(endpoint);
            builder = builder.with_endpoint(endpoint).with_allow_http(plain);
        }
        Ok(Self {
            store: Arc::new(builder.build()?),
            prefix: Key::from(prefix),
            place: config.url.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_loopback_a_bucket_is_reached_by_tls() {
        let table = [
            ("s3://name", None, ""),
            ("s3://name/prefix", Some("https://s3.example"), ""),
            ("s3://name", Some("http://127.0.0.1:9000"), ""),
            ("s3://name", Some("http://s3.example"), "without TLS"),
            ("s3://name", Some("http://127.0.0.1.example"), "without TLS"),
            ("s3://name", Some("http://127.0.0.1:80@h"), "holds a secret"),
            ("s3://", None, "names no bucket"),
            ("https://name", None, "names no bucket"),
            ("s3://user:hunter2@name", None, "holds a secret"),
        ];
        for (url, endpoint, part) in table {
            let config = Config {
                url: url.to_owned(),
                endpoint: endpoint.map(str::to_owned),
                region: default_region(),
                key_id: SecretRef::Env("ID".to_owned()),
                secret: SecretRef::Env("KEY".to_owned()),
                conditional: None,
            };
            let said = config.check().err();
            let said = said.map_or_else(String::new, |error| error.to_string());
            assert!(
                said.contains(part) && said.is_empty() == part.is_empty(),
                "{url} {endpoint:?}: {said}"
            );
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}
