//! What people lay beside what they decide about: files as they were, kept once by the hash of their bytes.

use crate::artifact::{Sealed, unpacked};
use crate::bulk::Kind::{Bytes, Int};
use crate::bulk::{Field, Table};
use crate::intake::Stamp;
use crate::record::{Span, kinds};
use crate::{Snapshot, StoreError, Tx};
use chrono::{DateTime, Utc};
use ledger::Hash;
use ledger::hash::Hasher;
use sqlx_macros::FromRow;

/// A file that somebody attached.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct AttachmentRow {
    /// Its number.
    pub id: i64,
    /// What it is about: a break.
    pub subject: String,
    /// Its name, without folders.
    pub name: String,
    /// The hash of its bytes.
    pub hash: Vec<u8>,
    /// How many bytes.
    pub size: i64,
    /// When.
    pub attached_at: DateTime<Utc>,
    /// Who.
    pub attached_by: String,
}

impl Snapshot {
    /// What is attached to a subject.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn attachments(&self, subject: &str) -> Result<Vec<AttachmentRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("attachment/of_subject"))
            .bind(subject).fetch_all(db).await?),
        )
    }

    /// One of them.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn attachment(&self, id: i64) -> Result<Option<AttachmentRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("attachment/one"))
            .bind(id).fetch_optional(db).await?),
        )
    }

    /// The bytes that hash so.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when they are not what was attached.
    pub async fn attached(&self, hash: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        for no in 1_i64.. {
            let found: Option<(i64, Vec<u8>)> = on_snapshot!(self, db => sqlx::query_as(sql!("attachment/chunk"))
                .bind(hash).bind(no).fetch_optional(db).await?);
            let Some(packed) = found else { break };
            let chunk = unpacked(packed).map_err(|error| {
                StoreError::Corrupt(format!(
                    "chunk {no} of an attachment cannot be unpacked: {error}"
                ))
            })?;
            bytes.extend_from_slice(&chunk);
        }
        if Hash::of(&bytes).as_bytes().as_slice() == hash {
            Ok(bytes)
        } else {
            Err(StoreError::Corrupt(
                "an attachment is not what was attached; run `tieout verify`".to_owned(),
            ))
        }
    }

    /// The attachments whose bytes are not what they were, by number.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn changed_attachments(&self) -> Result<Vec<i64>, StoreError> {
        let (mut changed, mut last) = (Vec::new(), 0);
        loop {
            let next: Option<(i64, Vec<u8>)> = on_snapshot!(self, db =>
                sqlx::query_as(sql!("attachment/hashes")).bind(last).fetch_optional(db).await?);
            let Some((id, hash)) = next else {
                return Ok(changed);
            };
            if !self.is_sound(&hash).await? {
                changed.push(id);
            }
            last = id;
        }
    }

    async fn is_sound(&self, hash: &[u8]) -> Result<bool, StoreError> {
        let mut hasher = Hasher::default();
        for no in 1_i64.. {
            let found: Option<(i64, Vec<u8>)> = on_snapshot!(self, db => sqlx::query_as(sql!("attachment/chunk"))
                .bind(hash).bind(no).fetch_optional(db).await?);
            let Some(packed) = found else { break };
            match unpacked(packed) {
                Ok(bytes) => hasher.add(&bytes),
                Err(_changed) => return Ok(false),
            }
        }
        Ok(hasher.finish().as_bytes().as_slice() == hash)
    }
}

impl Tx {
    /// Attaches a file to a subject, and gives its number.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn attach(
        &mut self,
        subject: &str,
        (name, content): (&str, &Sealed),
        stamp: &Stamp,
    ) -> Result<i64, StoreError> {
        const CHUNKS: Table<4> = Table {
            name: "attachment_chunk",
            columns: [
                ("hash", Bytes),
                ("no", Int),
                ("codec", Int),
                ("bytes", Bytes),
            ],
        };
        let hash = content.hash();
        let hash = hash.as_bytes().as_slice();
        let size = i64::try_from(content.len())
            .map_err(|_huge| StoreError::Corrupt("a file of more than 2^63 bytes".to_owned()))?;
        let known: i64 = on_tx!(&mut *self, db => sqlx::query_scalar(sql!("attachment/has"))
            .bind(hash).fetch_one(db).await?);
        if known == 0 {
            let rows: Vec<_> = (1..)
                .zip(content.chunks())
                .map(|(no, chunk)| {
                    [
                        Field::Bytes(hash),
                        Field::Int(no),
                        Field::Int(chunk.codec),
                        Field::Bytes(&chunk.bytes),
                    ]
                })
                .collect();
            self.insert(CHUNKS, rows.into_iter()).await?;
        }
        let id: i64 = on_tx!(&mut *self, db => sqlx::query_scalar(sql!("attachment/insert"))
            .bind(subject).bind(name).bind(hash).bind(size).bind(stamp.now).bind(&stamp.actor)
            .fetch_one(db).await?);
        self.seal_rows(&kinds::ATTACHMENT, Span::one(id), stamp)
            .await?;
        Ok(id)
    }
}
