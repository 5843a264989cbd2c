//! Files kept in a bucket of an S3-speaking store, by `object_store`: `PREFIX/ab/abcdef…`.
//!
//! A small file is one request, a large one is sent in parts of which nothing lies under the hash until the last one
//! does. Parts of an upload that a crash broke off are the store's to clear up, as its rules say.

use super::{ConfigError, Keep, KeepError, Keeping, Kept, key};
use crate::secret::{self, SecretRef};
use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use ledger::Hash;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::buffered::BufWriter;
use object_store::path::Path as Key;
use object_store::{ObjectStoreExt as _, RetryConfig};
use serde::Deserialize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;

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
}

fn default_region() -> String {
    "us-east-1".to_owned()
}

impl Config {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
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

#[derive(Clone, Debug)]
pub(super) struct Bucket {
    store: Arc<AmazonS3>,
    place: String,
    prefix: Key,
}

impl Bucket {
    pub(super) fn new(config: &Config, base: &Path) -> Result<Self, KeepError> {
        let key_id = config.key_id.below(base).read()?;
        let secret = config.secret.below(base).read()?;
        let place = config.url.clone();
        let wrong = |source: Box<dyn std::error::Error + Send + Sync>| KeepError::Away {
            place: place.clone(),
            what: "reading its configuration".to_owned(),
            source,
        };
        let (name, prefix) = config.name().map_err(|error| wrong(Box::new(error)))?;
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(name)
            .with_region(&config.region)
            .with_access_key_id(key_id.reveal())
            .with_secret_access_key(secret.reveal())
            .with_retry(RetryConfig {
                retry_timeout: LONGEST,
                ..RetryConfig::default()
            });
        if let Some(endpoint) = &config.endpoint {
            let plain = is_loopback(endpoint);
            builder = builder.with_endpoint(endpoint).with_allow_http(plain);
        }
        let store = builder.build().map_err(|error| wrong(Box::new(error)))?;
        Ok(Self {
            store: Arc::new(store),
            prefix: Key::from(prefix),
            place,
        })
    }

    fn key(&self, hash: Hash) -> Key {
        let (first, name) = key(hash);
        self.prefix.clone().join(first).join(name)
    }
}

fn away(
    place: &str,
    what: &str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> KeepError {
    KeepError::Away {
        place: place.to_owned(),
        what: what.to_owned(),
        source: source.into(),
    }
}

#[async_trait]
impl Keep for Bucket {
    fn kind(&self) -> &'static str {
        "bucket"
    }

    fn place(&self) -> String {
        self.place.clone()
    }

    async fn begin(&self, hash: Hash) -> Result<Box<dyn Keeping>, KeepError> {
        let store = Arc::clone(&self.store);
        Ok(Box::new(Writing {
            writer: BufWriter::new(store, self.key(hash)),
            place: self.place(),
        }))
    }

    async fn open(&self, hash: Hash) -> Result<Option<Box<dyn Kept>>, KeepError> {
        match self.store.get(&self.key(hash)).await {
            Ok(found) => Ok(Some(Box::new(Reading {
                stream: found.into_stream(),
                place: self.place(),
            }))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(away(&self.place, "opening a file", error)),
        }
    }
}

struct Writing {
    writer: BufWriter,
    place: String,
}

#[async_trait]
impl Keeping for Writing {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), KeepError> {
        let written = self.writer.write_all(bytes).await;
        written.map_err(|error| away(&self.place, "writing a file", error))
    }

    async fn end(mut self: Box<Self>) -> Result<(), KeepError> {
        let ended = self.writer.shutdown().await;
        ended.map_err(|error| away(&self.place, "ending a file", error))
    }

    async fn give_up(mut self: Box<Self>) {
        if let Err(error) = self.writer.abort().await {
            tracing::warn!(place = self.place, %error, "parts of an upload that was given up are left there");
        }
    }
}

struct Reading {
    stream: BoxStream<'static, object_store::Result<bytes::Bytes>>,
    place: String,
}

#[async_trait]
impl Kept for Reading {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, KeepError> {
        let next = self.stream.next().await.transpose();
        let next = next.map_err(|error| away(&self.place, "reading a file", error))?;
        Ok(next.map(Vec::from))
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
