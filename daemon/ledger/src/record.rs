//! The record chain: every other row that is never changed, under one head.
//!
//! The chain of postings ([`crate::chain`]) covers entries. What lies beside them (outcomes, repetitions,
//! batches, deliveries, seals, …) is covered here: whoever adds rows appends a [`RecordLink`] over them in the
//! same transaction. A row's hash is SHA-256 over its columns, each a byte with the column's number, a four-byte
//! big-endian length and its value (numbers as decimal text, moments as microseconds since 1970, days as
//! `2026-01-31`, bytes and text as they are); a column without a value is left out, so that one that is added
//! later changes no hash of before. A link's digest is SHA-256 over the hashes of its rows in the order of their
//! keys. The link also names the posting batch that the books stood at, so that this chain's head covers both.

use crate::encode::Encoder;
use crate::hash::Hash;
use chrono::{DateTime, NaiveDate, Utc};
use sha2::{Digest as _, Sha256};

/// Gathers the columns of one row after the other.
#[derive(Debug, Default)]
pub struct RowEncoder(Vec<u8>);

impl RowEncoder {
    /// A whole number.
    pub fn int(&mut self, column: u8, value: i64) {
        self.bytes(column, itoa::Buffer::new().format(value).as_bytes());
    }

    /// Text as it is.
    pub fn text(&mut self, column: u8, text: &str) {
        self.bytes(column, text.as_bytes());
    }

    /// A moment, to the microsecond.
    pub fn moment(&mut self, column: u8, at: DateTime<Utc>) {
        self.int(column, at.timestamp_micros());
    }

    /// A day.
    pub fn day(&mut self, column: u8, on: NaiveDate) {
        self.text(column, &on.to_string());
    }

    /// Bytes as they are.
    pub fn bytes(&mut self, column: u8, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.0.push(column);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes);
    }

    /// The hash of the row; the next one begins.
    pub fn finish(&mut self) -> Hash {
        let hash = Hash::of(&self.0);
        self.0.clear();
        hash
    }
}

/// How many bytes of a row's hash a link keeps, so that a row that changed can be named.
pub const MARK: usize = 4;

/// The digest of rows, fed row by row.
#[derive(Clone, Debug, Default)]
pub struct RowsDigest {
    all: Sha256,
    marks: Vec<u8>,
    rows: i64,
}

/// What a link says about its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digested {
    /// How many there are.
    pub rows: i64,
    /// SHA-256 over their hashes.
    pub digest: Hash,
    /// The first bytes of each one's hash. They name the row that changed, and prove nothing.
    pub marks: Vec<u8>,
}

impl RowsDigest {
    /// The next row.
    pub fn add(&mut self, row: &Hash) {
        self.all.update(row.as_bytes());
        self.marks.extend_from_slice(mark(row));
        self.rows += 1;
    }

    /// The digest over all of them.
    pub fn finish(self) -> Digested {
        Digested {
            rows: self.rows,
            digest: Hash::from_slice(&self.all.finalize()).unwrap_or(Hash::ZERO),
            marks: self.marks,
        }
    }
}

/// The first bytes of a row's hash.
pub fn mark(row: &Hash) -> &[u8] {
    row.as_bytes().get(..MARK).unwrap_or_default()
}

/// One link of the record chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordLink {
    /// Links are numbered from 1 without gaps.
    pub id: i64,
    /// The kind of rows: a table, or a fact that has no row of its own.
    pub kind: String,
    /// Among which of them: the batch of a delivery, the series of a number; 0 where a table is one series.
    pub scope: i64,
    /// The first row's key.
    pub first: i64,
    /// The last row's key.
    pub last: i64,
    /// How many rows there are between them.
    pub rows: i64,
    /// Whether they were there before the chain was.
    pub adopted: bool,
    /// The digest over them.
    pub digest: Hash,
    /// The posting batch that the books stood at.
    pub batch: i64,
    /// Its hash; zeros where there was none.
    pub head: Hash,
    /// When it was written.
    pub written_at: DateTime<Utc>,
    /// By whom.
    pub written_by: String,
    /// The hash of the link before, or zeros.
    pub previous: Hash,
}

impl RecordLink {
    /// The hash of this link, which the next one points at.
    pub fn hash(&self) -> Hash {
        let mut encoder = Encoder::new("tieout.record.v1");
        encoder.value(self.id);
        encoder.text(&self.kind);
        for number in [self.scope, self.first, self.last, self.rows] {
            encoder.value(number);
        }
        encoder.value(i64::from(self.adopted));
        encoder.bytes(self.digest.as_bytes());
        encoder.value(self.batch);
        encoder.bytes(self.head.as_bytes());
        encoder.value(self.written_at.timestamp_micros());
        encoder.text(&self.written_by);
        encoder.bytes(self.previous.as_bytes());
        encoder.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(fill: impl FnOnce(&mut RowEncoder)) -> Hash {
        let mut encoder = RowEncoder::default();
        fill(&mut encoder);
        encoder.finish()
    }

    #[test]
    fn a_row_is_its_columns_and_a_missing_one_is_no_empty_one() {
        let full = row(|row| {
            row.int(1, 12);
            row.text(2, "a");
        });
        let by_hand = Hash::of(b"\x01\0\0\0\x0212\x02\0\0\0\x01a");
        assert_eq!(full, by_hand);
        assert_ne!(row(|row| row.text(2, "")), row(|_| ()));
        assert_ne!(row(|row| row.text(1, "a")), row(|row| row.text(2, "a")));
    }

    #[test]
    fn the_digest_sees_every_row_and_its_place() {
        let digest = |rows: &[&[u8]]| {
            let mut digest = RowsDigest::default();
            rows.iter().for_each(|row| digest.add(&Hash::of(row)));
            digest.finish()
        };
        let whole = digest(&[b"a", b"b", b"c"]);
        assert_eq!((whole.rows, whole.marks.len()), (3, 3 * MARK));
        assert_eq!(whole, digest(&[b"a", b"b", b"c"]));
        assert_ne!(whole.digest, digest(&[b"b", b"a", b"c"]).digest);
        assert_ne!(whole.digest, digest(&[b"a", b"b"]).digest);
    }

    #[test]
    fn a_link_changes_with_everything_that_it_says() {
        let link = RecordLink {
            id: 1,
            kind: "delivery".into(),
            scope: 2,
            first: 3,
            last: 4,
            rows: 2,
            adopted: false,
            digest: Hash::of(b"rows"),
            batch: 5,
            head: Hash::of(b"head"),
            written_at: DateTime::UNIX_EPOCH,
            written_by: "suite".into(),
            previous: Hash::ZERO,
        };
        let changes: [fn(&mut RecordLink); 13] = [
            |link| link.id = 2,
            |link| link.kind = "seal".into(),
            |link| link.scope = 1,
            |link| link.first = 1,
            |link| link.last = 5,
            |link| link.rows = 1,
            |link| link.adopted = true,
            |link| link.digest = Hash::ZERO,
            |link| link.batch = 4,
            |link| link.head = Hash::ZERO,
            |link| link.written_at += chrono::TimeDelta::microseconds(1),
            |link| link.written_by = "other".into(),
            |link| link.previous = Hash::of(b"x"),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut other = link.clone();
            change(&mut other);
            assert_ne!(other.hash(), link.hash(), "change {number}");
        }
    }
}
