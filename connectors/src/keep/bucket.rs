//! Files kept in a bucket of an S3-speaking store, by `object_store`: `PREFIX/ab/abcdef…`.
//!
//! A small file is one request, a large one is sent in parts of which nothing lies under the hash until the last one
//! does. Parts of an upload that a crash broke off are the store's to clear up, as its rules say.

use super::{Keep, KeepError, Keeping, Kept, key};
use crate::bucket::{self, Config, OpenError};
use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use ledger::Hash;
use object_store::ObjectStoreExt as _;
use object_store::buffered::BufWriter;
use object_store::path::Path as Key;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;

/// How long a request may take: none carries more than a part of a file.
const REQUEST: Duration = Duration::from_secs(30);

#[derive(Clone, Debug)]
pub(super) struct Bucket(bucket::Bucket);

impl Bucket {
    pub(super) fn new(config: &Config, base: &Path) -> Result<Self, KeepError> {
        bucket::Bucket::open(config, base, REQUEST)
            .map(Self)
            .map_err(|error| match error {
                OpenError::Secret(error) => KeepError::Secret(error),
                error => away(&config.url, "reading its configuration", error),
            })
    }

    fn key(&self, hash: Hash) -> Key {
        let (first, name) = key(hash);
        self.0.prefix.clone().join(first).join(name)
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
        self.0.place.clone()
    }

    async fn begin(&self, hash: Hash) -> Result<Box<dyn Keeping>, KeepError> {
        let store = Arc::clone(&self.0.store);
        Ok(Box::new(Writing {
            writer: BufWriter::new(store, self.key(hash)),
            place: self.place(),
        }))
    }

    async fn open(&self, hash: Hash) -> Result<Option<Box<dyn Kept>>, KeepError> {
        match self.0.store.get(&self.key(hash)).await {
            Ok(found) => Ok(Some(Box::new(Reading {
                stream: found.into_stream(),
                place: self.place(),
            }))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(away(&self.0.place, "opening a file", error)),
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
