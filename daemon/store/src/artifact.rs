//! Artifacts: what left for an ERP, byte for byte, kept in compressed chunks.
//!
//! A [`Parcel`] takes the bytes while they are rendered, so that the whole file never stands in memory beside
//! its rows. Books of an earlier version hold an artifact in its batch's row; both are read by the same
//! rule: the row's bytes, then the chunks in order.

use crate::bulk::Kind::{Bytes, Int};
use crate::bulk::{Field, Table};
use crate::claim::Claim;
use crate::intake::Stamp;
use crate::record::{Span, kinds};
use crate::{Snapshot, Store, StoreError, Tx};
use ledger::Hash;
use ledger::hash::Hasher;
use sqlx_macros::FromRow;
use std::io::{self, Write};

/// How much of an artifact is one chunk, before it is compressed.
const CHUNK: usize = 1 << 20;

/// Tables of text shrink tenfold at the fastest level, and less is written to the books.
const LEVEL: i32 = 1;

/// An artifact on its way into the books.
#[derive(Debug, Default)]
pub struct Parcel {
    hasher: Hasher,
    open: Vec<u8>,
    chunks: Vec<Chunk>,
    bytes: u64,
}

#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) codec: i64,
    pub(crate) bytes: Vec<u8>,
}

/// Chunks in their order.
#[derive(Debug, Default)]
pub struct Packed(pub(crate) Vec<Chunk>);

impl Packed {
    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

const AS_IT_IS: i64 = 0;
const ZSTD: i64 = 1;

impl Parcel {
    /// How many bytes it holds.
    pub const fn len(&self) -> u64 {
        self.bytes
    }

    /// Whether nothing was written.
    pub const fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// What of it is packed already, which is then no longer held here.
    pub fn packed(&mut self) -> Packed {
        Packed(std::mem::take(&mut self.chunks))
    }

    /// Ends it, and says what its bytes hash to.
    ///
    /// # Errors
    /// What the compression says.
    pub fn seal(mut self) -> io::Result<Sealed> {
        self.pack()?;
        Ok(Sealed {
            hash: self.hasher.finish(),
            bytes: self.bytes,
            chunks: self.chunks,
        })
    }

    fn pack(&mut self) -> io::Result<()> {
        if self.open.is_empty() {
            return Ok(());
        }
        self.hasher.add(&self.open);
        let packed = zstd::bulk::compress(&self.open, LEVEL)?;
        let chunk = if packed.len() < self.open.len() {
            Chunk {
                codec: ZSTD,
                bytes: packed,
            }
        } else {
            Chunk {
                codec: AS_IT_IS,
                bytes: self.open.clone(),
            }
        };
        self.chunks.push(chunk);
        self.open.clear();
        Ok(())
    }
}

impl Write for Parcel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (now, _later) = bytes.split_at(bytes.len().min(CHUNK - self.open.len()));
        self.open.extend_from_slice(now);
        if self.open.len() == CHUNK {
            self.pack()?;
        }
        self.bytes = self
            .bytes
            .saturating_add(u64::try_from(now.len()).unwrap_or(u64::MAX));
        Ok(now.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An artifact that is complete.
#[derive(Debug)]
pub struct Sealed {
    hash: Hash,
    bytes: u64,
    chunks: Vec<Chunk>,
}

impl Sealed {
    /// The hash of its bytes.
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// How many bytes it holds.
    pub const fn len(&self) -> u64 {
        self.bytes
    }

    /// Whether it holds none.
    pub const fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    pub(crate) fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    /// What of it was not handed on while it was written.
    pub fn into_packed(self) -> Packed {
        Packed(self.chunks)
    }
}

/// A batch that is rendered, and what it was rendered to.
#[derive(Debug)]
pub struct Rendered<'r> {
    /// What it took.
    pub claim: &'r Claim,
    /// How many lines its entries have.
    pub lines: i64,
    /// The file's name.
    pub name: &'r str,
    /// The file.
    pub artifact: &'r Sealed,
    /// The manifest, as JSON.
    pub manifest: &'r str,
    /// How many of its entries it holds.
    pub entries: i64,
    /// Entries that could not be written, and why.
    pub held: &'r [(i64, String)],
    /// What the target answers one by one; none where it takes the file as a whole.
    pub documents: &'r [NewDocument],
    /// Entries that were summed up, with the number of the document that holds each.
    pub summed: &'r [(i64, String)],
}

/// A document of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDocument {
    /// Its number.
    pub number: String,
    /// The entry that it is, or the first that it sums up.
    pub entry: i64,
    /// How many entries it is.
    pub entries: i64,
    /// Its lines.
    pub lines: i64,
    /// The ISO number of the currency of its entity's books.
    pub currency_id: i64,
    /// The sum of its debits in that, in minor units.
    pub debit: i64,
}

/// A batch that is to be sent.
#[derive(Clone, Debug, FromRow)]
pub struct DueBatch {
    /// Its number in the store.
    pub id: i64,
    /// Its name outside.
    pub uuid: String,
    /// Its running number within the target.
    pub number: i64,
    /// The file's name.
    pub artifact_name: String,
    /// The hash of the file's bytes.
    pub artifact_hash: Vec<u8>,
    /// The manifest.
    pub manifest: String,
    /// Its state, as `DeliveryKind::name_of` calls it.
    pub state: Option<i64>,
    /// 1 where somebody decided that it is sent again after its last attempt.
    pub resent: i64,
}

/// An artifact's name and hash, and what of it stands in the row itself.
#[derive(Debug, FromRow)]
struct Head {
    artifact_name: String,
    artifact_hash: Vec<u8>,
    artifact: Vec<u8>,
}

/// Whether a stored artifact is still what was rendered.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The file.
    pub name: String,
    /// Whether its bytes hash to what was stored beside them.
    pub sound: bool,
}

impl Store {
    /// The first batch of the target after this number that is to be sent.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn next_due(&self, target: i64, after: i64) -> Result<Option<DueBatch>, StoreError> {
        Ok(on_pool!(self, db => sqlx::query_as(sql!("export/next_due"))
            .bind(target).bind(after).fetch_optional(db).await)?)
    }

    /// The bytes of a batch's artifact.
    ///
    /// # Errors
    /// [`StoreError`], also when a chunk cannot be unpacked.
    pub async fn artifact(&self, batch: i64) -> Result<Vec<u8>, StoreError> {
        let head: Head = on_pool!(self, db =>
            sqlx::query_as(sql!("export/head")).bind(batch).fetch_one(db).await?);
        let mut bytes = head.artifact;
        for no in 1_i64.. {
            let found: Option<(i64, Vec<u8>)> = on_pool!(self, db =>
                sqlx::query_as(sql!("export/chunk")).bind(batch).bind(no).fetch_optional(db).await?);
            let Some(packed) = found else { break };
            bytes.extend_from_slice(&unpacked(packed).map_err(|error| {
                StoreError::Corrupt(format!(
                    "chunk {no} of the artifact of batch {batch} cannot be unpacked: {error}"
                ))
            })?);
        }
        Ok(bytes)
    }
}

/// A chunk as it was before it was packed.
pub(crate) fn unpacked((codec, bytes): (i64, Vec<u8>)) -> io::Result<Vec<u8>> {
    match codec {
        AS_IT_IS => Ok(bytes),
        _ => zstd::bulk::decompress(&bytes, CHUNK),
    }
}

impl Snapshot {
    /// All batches that have an artifact.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn rendered_batches(&self) -> Result<Vec<i64>, StoreError> {
        Ok(on_snapshot!(self, db =>
            sqlx::query_scalar(sql!("export/batch_ids")).fetch_all(db).await)?)
    }

    /// Hashes a batch's artifact again, chunk by chunk.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn check_artifact(&self, batch: i64) -> Result<Checked, StoreError> {
        let head: Head = on_snapshot!(self, db =>
            sqlx::query_as(sql!("export/head")).bind(batch).fetch_one(db).await?);
        let mut hasher = Hasher::default();
        hasher.add(&head.artifact);
        let mut readable = true;
        for no in 1_i64.. {
            let found: Option<(i64, Vec<u8>)> = on_snapshot!(self, db =>
                sqlx::query_as(sql!("export/chunk")).bind(batch).bind(no).fetch_optional(db).await?);
            let Some(packed) = found else { break };
            match unpacked(packed) {
                Ok(bytes) => hasher.add(&bytes),
                Err(_changed) => readable = false,
            }
        }
        let sound = readable && hasher.finish().as_bytes().as_slice() == head.artifact_hash;
        Ok(Checked {
            name: head.artifact_name,
            sound,
        })
    }
}

impl Tx {
    /// Writes what a batch was rendered to.
    ///
    /// # Errors
    /// [`StoreError::Database`], also when it already has an artifact.
    pub async fn insert_rendered(&mut self, batch: &Rendered<'_>) -> Result<(), StoreError> {
        const CHUNKS: Table<4> = Table {
            name: "artifact_chunk",
            columns: [
                ("batch_id", Int),
                ("no", Int),
                ("codec", Int),
                ("bytes", Bytes),
            ],
        };
        /// The row itself holds none of it.
        const NOTHING: &[u8] = &[];
        let id = batch.claim.batch_id;
        on_tx!(&mut *self, db => sqlx::query(sql!("export/insert_batch"))
            .bind(id).bind(batch.lines).bind(batch.name)
            .bind(batch.artifact.hash.as_bytes().as_slice()).bind(NOTHING).bind(batch.manifest)
            .bind(batch.entries).execute(db).await?.rows_affected());
        let rows: Vec<_> = (1..)
            .zip(&batch.artifact.chunks)
            .map(|(no, chunk)| {
                [
                    Field::Int(id),
                    Field::Int(no),
                    Field::Int(chunk.codec),
                    Field::Bytes(&chunk.bytes),
                ]
            })
            .collect();
        self.insert(CHUNKS, rows.into_iter()).await?;
        let stamp = Stamp {
            now: batch.claim.claimed_at,
            actor: batch.claim.claimed_by.clone(),
        };
        self.seal_rows(&kinds::BATCH, Span::one(id), &stamp).await?;
        self.insert_held(id, batch.held, &stamp).await?;
        self.insert_documents(id, batch.documents, &stamp).await?;
        self.insert_summed(id, batch.summed, &stamp).await
    }

    async fn insert_summed(
        &mut self,
        batch: i64,
        summed: &[(i64, String)],
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        if summed.is_empty() {
            return Ok(());
        }
        let last: i64 = on_tx!(&mut *self, db =>
            sqlx::query_scalar(sql!("export/last_summed")).fetch_one(db).await?);
        let rows: Vec<_> = (last + 1..)
            .zip(summed)
            .map(|(id, (entry, number))| {
                [
                    Field::Int(id),
                    Field::Int(batch),
                    Field::Int(*entry),
                    Field::Text(number),
                ]
            })
            .collect();
        let written = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        self.insert(kinds::BATCHES_SUMMED, rows.into_iter()).await?;
        let span = Span::keys(last + 1, last + written);
        self.seal_rows(&kinds::BATCH_SUMMARY, span, stamp).await
    }

    async fn insert_held(
        &mut self,
        batch: i64,
        held: &[(i64, String)],
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        if held.is_empty() {
            return Ok(());
        }
        let last: i64 = on_tx!(&mut *self, db =>
            sqlx::query_scalar(sql!("export/last_held")).fetch_one(db).await?);
        let rows: Vec<_> = (last + 1..)
            .zip(held)
            .map(|(id, (entry, why))| {
                [
                    Field::Int(id),
                    Field::Int(batch),
                    Field::Int(*entry),
                    Field::Int(1),
                    Field::Text(why),
                ]
            })
            .collect();
        let written = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        self.insert(kinds::BATCHES_HELD, rows.into_iter()).await?;
        let span = Span::keys(last + 1, last + written);
        self.seal_rows(&kinds::BATCH_HELD, span, stamp).await
    }

    async fn insert_documents(
        &mut self,
        batch: i64,
        documents: &[NewDocument],
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        if documents.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = (1..)
            .zip(documents)
            .map(|(no, one)| {
                [
                    Field::Int(batch),
                    Field::Int(no),
                    Field::Text(&one.number),
                    Field::Int(one.entry),
                    Field::Int(one.entries),
                    Field::Int(one.lines),
                    Field::Int(one.currency_id),
                    Field::Int(one.debit),
                ]
            })
            .collect();
        let last = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        self.insert(kinds::BATCH_DOCUMENTS, rows.into_iter())
            .await?;
        let span = Span::keys(1, last).of(batch);
        self.seal_rows(&kinds::BATCH_DOCUMENT, span, stamp).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parcel_hashes_and_packs_whatever_pieces_it_is_given() {
        let bytes: Vec<u8> = (0..3 * CHUNK + 17)
            .map(|n| u8::try_from(n % 251).unwrap())
            .collect();
        let mut parcel = Parcel::default();
        for piece in bytes.chunks(1_000_003) {
            parcel.write_all(piece).unwrap();
        }
        let sealed = parcel.seal().unwrap();
        assert_eq!(sealed.hash(), Hash::of(&bytes));
        assert_eq!(usize::try_from(sealed.len()).unwrap(), bytes.len());
        assert_eq!(sealed.chunks.len(), 4);
        let unpacked: Vec<u8> = sealed
            .chunks
            .iter()
            .flat_map(|chunk| unpacked((chunk.codec, chunk.bytes.clone())).unwrap())
            .collect();
        assert_eq!(unpacked, bytes);
    }
}
