//! Files as they are kept: what stands in the row, then chunks in their order.

use super::StoredLine;
use crate::artifact::unpacked;
use crate::{Snapshot, Store, StoreError, Tx};
use ledger::Hash;
use ledger::hash::{EventKey, hex};
use sqlx_macros::FromRow;
use std::collections::BTreeSet;

/// A stored file.
#[derive(Clone, Debug, FromRow)]
pub struct FileRow {
    /// Its number.
    pub id: i64,
    /// The hash of its bytes.
    pub hash: Vec<u8>,
    /// Its name.
    pub name: String,
    /// The format that read it.
    pub format: String,
    /// The version of its reading.
    pub format_version: i64,
    /// The format's options, as JSON.
    pub options: String,
    /// What brought it; none in books of before.
    pub source: Option<String>,
    /// Where its bytes are kept, where they are not in the books.
    pub kept: Option<String>,
}

/// Reads a stored file from its beginning, piece by piece.
#[derive(Debug)]
pub struct FileReader {
    file_id: i64,
    /// The next chunk; 0 for what stands in the row.
    next: i64,
}

impl FileReader {
    /// Of a file by its number.
    pub const fn of(file_id: i64) -> Self {
        Self { file_id, next: 0 }
    }

    /// The next piece; none at the end.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] where it cannot be unpacked.
    pub async fn next(&mut self, books: &Snapshot) -> Result<Option<Vec<u8>>, StoreError> {
        let no = self.next;
        self.next += 1;
        if no == 0 {
            let head = on_snapshot!(books, db => sqlx::query_scalar(sql!("settlement/file_head"))
                .bind(self.file_id).fetch_one(db).await?);
            return Ok(Some(head));
        }
        let found: Option<(i64, Vec<u8>)> = on_snapshot!(books, db => sqlx::query_as(sql!("settlement/file_chunk"))
            .bind(self.file_id).bind(no).fetch_optional(db).await?);
        found.map(unpacked).transpose().map_err(|error| {
            StoreError::Corrupt(format!(
                "chunk {no} of settlement file {} cannot be unpacked: {error}",
                self.file_id
            ))
        })
    }
}

impl Store {
    /// Whether a file of this name was taken.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn has_file_named(&self, name: &str) -> Result<bool, StoreError> {
        let found: i64 = on_pool!(self, db => sqlx::query_scalar(sql!("settlement/file_named"))
            .bind(name).fetch_one(db).await?);
        Ok(found > 0)
    }

    /// Whether a file of these bytes was taken.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn has_file(&self, hash: &Hash) -> Result<bool, StoreError> {
        let found: Option<i64> = on_pool!(self, db => sqlx::query_scalar(sql!("settlement/file_id"))
            .bind(hash.as_bytes().as_slice()).fetch_optional(db).await?);
        Ok(found.is_some())
    }
}

/// As many lines are read at once.
const PAGE: i64 = 2_000;

/// As many lines are asked for at once.
const KEYS: usize = 4_096;

impl Snapshot {
    /// Which of these lines the books have, by their names.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn has_lines(&self, keys: &[EventKey]) -> Result<BTreeSet<EventKey>, StoreError> {
        let mut found = BTreeSet::new();
        for keys in keys.chunks(KEYS) {
            let rows: Vec<Vec<u8>> = match &mut *self.reading.lock().await {
                Tx::Sqlite(tx) => {
                    let keys: Vec<String> = keys.iter().map(|key| hex(key.as_bytes())).collect();
                    let keys = crate::books::json(&keys)?;
                    let known = sql!("settlement/has", sqlite);
                    sqlx::query_scalar(known)
                        .bind(keys)
                        .fetch_all(&mut **tx)
                        .await?
                }
                Tx::Postgres(tx) => {
                    let keys: Vec<&[u8]> =
                        keys.iter().map(|key| key.as_bytes().as_slice()).collect();
                    let known = sql!("settlement/has", postgres);
                    sqlx::query_scalar(known)
                        .bind(keys)
                        .fetch_all(&mut **tx)
                        .await?
                }
            };
            found.extend(rows.iter().filter_map(|key| EventKey::from_slice(key)));
        }
        Ok(found)
    }

    /// All files.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn settlement_files(&self) -> Result<Vec<FileRow>, StoreError> {
        Ok(on_snapshot!(self, db => sqlx::query_as(sql!("settlement/files")).fetch_all(db).await)?)
    }

    /// The lines that a file brought first, between two numbers; few at once.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn lines_of_file(
        &self,
        file: i64,
        after: i64,
        last: i64,
    ) -> Result<Vec<StoredLine>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("settlement/lines_of_file"))
            .bind(file).bind(after).bind(last).bind(PAGE).fetch_all(db).await)?,
        )
    }

    /// The numbers of the first and the last line that a file brought first; zeros where there is none.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn file_extent(&self, file: i64) -> Result<(i64, i64), StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("settlement/file_extent"))
            .bind(file).fetch_one(db).await)?,
        )
    }
}
