//! A bucket of an S3-speaking store: a file is an object below the prefix.
//!
//! An object appears whole or not at all. It is created only where none lies: the store looks in the same step
//! (`If-None-Match`), so that two who write at once cannot replace each other's. A store that does not know that is
//! named with `conditional: false`; then one looks first, and who writes between the look and the write is replaced.

use super::{Content, DropKind, FileDrop, MOST_READ, Placed, Shelf, TransportError, part_name};
use crate::bucket::{self, Config, OpenError};
use async_trait::async_trait;
use futures_util::StreamExt as _;
use object_store::path::Path as Key;
use object_store::{
    Error, GetOptions, GetRange, ObjectStore as _, ObjectStoreExt as _, PutMode, PutPayload,
};
use std::path::Path;
use std::time::Duration;

/// How long one request may take: a large file is one request.
const REQUEST: Duration = Duration::from_mins(15);

/// This kind's registration.
pub const KIND: DropKind = DropKind {
    id: "bucket",
    title: "A bucket of an S3-speaking store",
    example: "\
bucket:
  url: s3://name/prefix
  # Where it is not Amazon's.
  endpoint: https://s3.example
  region: eu-central-1
  key_id: { env: S3_KEY_ID }
  secret: { env: S3_SECRET }
  # Whether it creates an object only where none lies (If-None-Match).
  conditional: true
",
};

/// The bucket, with its secrets read.
#[derive(Clone, Debug)]
pub struct Bucket(bucket::Bucket);

impl Bucket {
    /// Reads the secrets; relative files are taken from `base`.
    ///
    /// # Errors
    /// [`TransportError`] when there is none, or others can read it.
    pub fn new(config: &Config, base: &Path) -> Result<Self, TransportError> {
        bucket::Bucket::open(config, base, REQUEST)
            .map(Self)
            .map_err(|error| match error {
                OpenError::Secret(error) => TransportError::Secret(error),
                error => failed(&config.url, "reading its configuration", error),
            })
    }

    fn key(&self, name: &str) -> Key {
        self.0.prefix.clone().join(name)
    }

    fn failed(&self, what: &str, source: Error) -> TransportError {
        failed(&self.0.place, what, source)
    }

    /// The first bytes of an object, and how long it is; none where none lies.
    async fn beginning(
        &self,
        name: &str,
        most: u64,
    ) -> Result<Option<(u64, Vec<u8>)>, TransportError> {
        let what = format!("reading `{name}`");
        let looking = |error| self.failed(&what, error);
        // A range is refused where an object is empty; its length is asked for first.
        let length = match self.0.store.head(&self.key(name)).await {
            Err(Error::NotFound { .. }) => return Ok(None),
            found => found.map_err(looking)?.size,
        };
        let mut bytes = Vec::new();
        let end = length.min(most);
        let wanted = usize::try_from(end).unwrap_or(usize::MAX);
        if end > 0 {
            let options = GetOptions::new().with_range(Some(GetRange::Bounded(0..end)));
            let found = self.0.store.get_opts(&self.key(name), options).await;
            let mut stream = found.map_err(looking)?.into_stream();
            while let Some(piece) = stream.next().await {
                bytes.extend_from_slice(&piece.map_err(looking)?);
                if bytes.len() > wanted {
                    return Err(failed(
                        &self.0.place,
                        &what,
                        "it sends more than it was asked for",
                    ));
                }
            }
        }
        Ok(Some((length, bytes)))
    }
}

fn failed(
    place: &str,
    what: &str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> TransportError {
    TransportError::Unreachable {
        peer: place.to_owned(),
        what: what.to_owned(),
        source: source.into(),
    }
}

#[async_trait]
impl FileDrop for Bucket {
    async fn place(&self, name: &str, content: Content<'_>) -> Result<Placed, TransportError> {
        if let Some(same) = self.holds(name, content).await? {
            return Ok(Placed::there(same));
        }
        let payload = PutPayload::from(content.bytes.to_vec());
        let (store, key) = (&self.0.store, self.key(name));
        let put = match store
            .put_opts(&key, payload.clone(), PutMode::Create.into())
            .await
        {
            Err(Error::NotImplemented { .. }) => store.put(&key, payload).await,
            put => put,
        };
        match put {
            Ok(_) => Ok(Placed::Sent),
            // Another process has put it there meanwhile, or an attempt of ours whose answer was lost.
            Err(error @ Error::AlreadyExists { .. }) => match self.holds(name, content).await? {
                Some(same) => Ok(Placed::there(same)),
                None => Err(self.failed(&format!("writing `{name}`"), error)),
            },
            Err(error) => Err(self.failed(&format!("writing `{name}`"), error)),
        }
    }

    async fn holds(
        &self,
        name: &str,
        content: Content<'_>,
    ) -> Result<Option<bool>, TransportError> {
        let mark = content.mark();
        let most = u64::try_from(mark.len()).unwrap_or(u64::MAX);
        let found = self.beginning(name, most).await?;
        Ok(found.map(|(length, bytes)| content.fits(length) && bytes == mark))
    }

    /// An upload in parts that is given up shows that one may write, and leaves no object.
    async fn check(&self) -> Result<(), TransportError> {
        let probe = self.key(&part_name("tieout-probe"));
        let begun = self.0.store.put_multipart(&probe).await;
        let mut upload = begun.map_err(|error| self.failed("beginning a probe", error))?;
        let given_up = upload.abort().await;
        given_up.map_err(|error| self.failed("giving up a probe", error))
    }

    fn peer(&self) -> String {
        self.0.place.trim_end_matches('/').to_owned()
    }

    fn shelf(&self) -> Option<&dyn Shelf> {
        Some(self)
    }
}

#[async_trait]
impl Shelf for Bucket {
    async fn list(&self) -> Result<Vec<String>, TransportError> {
        let found = self.0.store.list_with_delimiter(Some(&self.0.prefix)).await;
        let found = found.map_err(|error| self.failed("looking what lies there", error))?;
        let names = found.objects.iter();
        Ok(names
            .filter_map(|object| Some(object.location.filename()?.to_owned()))
            .collect())
    }

    async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, TransportError> {
        let most = u64::try_from(MOST_READ).unwrap_or(u64::MAX);
        let found = self.beginning(name, most).await?;
        Ok(found
            .filter(|(length, _)| *length <= most)
            .map(|(_, bytes)| bytes))
    }
}
