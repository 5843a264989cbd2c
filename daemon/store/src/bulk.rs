//! Rows in bulk, the one place where the two databases part ways: PostgreSQL takes `COPY` in its
//! binary form, SQLite prepared inserts of many rows. Both are given the same rows.
//!
//! A few rows go to PostgreSQL as arrays instead. A `COPY` ends with a small message of its own, which
//! the network stack holds back for forty milliseconds behind small data (Nagle's algorithm and a delayed
//! acknowledgement; the driver sets no `TCP_NODELAY`), and a lone event should not wait for five of those.
//!
//! The binary form is the one that PostgreSQL documents under `COPY`: a header, then per row the
//! number of fields and per field its length and its bytes in network order; moments count
//! microseconds and days count days, both from 2000-01-01.

use crate::{StoreError, Tx};
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe, PgConnection, SqliteConnection};

/// A table with the columns that a bulk of rows fills, in their order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table<const N: usize> {
    pub(crate) name: &'static str,
    pub(crate) columns: [(&'static str, Kind); N],
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Int,
    Bytes,
    Text,
    Moment,
    Day,
}

impl Kind {
    /// PostgreSQL's name for an array of it.
    const fn array(self) -> &'static str {
        match self {
            Self::Int => "BIGINT[]",
            Self::Bytes => "BYTEA[]",
            Self::Text => "TEXT[]",
            Self::Moment => "TIMESTAMPTZ[]",
            Self::Day => "DATE[]",
        }
    }
}

impl<const N: usize> Table<N> {
    fn names(&self) -> String {
        self.columns.map(|(name, _)| name).join(",")
    }
}

/// One value on its way into a column.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Field<'v> {
    Null,
    Int(i64),
    Bytes(&'v [u8]),
    Text(&'v str),
    Moment(DateTime<Utc>),
    Day(NaiveDate),
}

impl Field<'_> {
    pub(crate) fn int(value: Option<i64>) -> Self {
        value.map_or(Self::Null, Self::Int)
    }
}

/// What a column of a kind takes; a value of another kind is the program's own mistake.
impl<'v> Field<'v> {
    const fn as_int(&self) -> Result<Option<i64>, Misfit> {
        match self {
            Self::Int(value) => Ok(Some(*value)),
            Self::Null => Ok(None),
            _ => Err(Misfit),
        }
    }

    const fn as_bytes(&self) -> Result<Option<&'v [u8]>, Misfit> {
        match self {
            Self::Bytes(bytes) => Ok(Some(bytes)),
            Self::Null => Ok(None),
            _ => Err(Misfit),
        }
    }

    const fn as_text(&self) -> Result<Option<&'v str>, Misfit> {
        match self {
            Self::Text(text) => Ok(Some(text)),
            Self::Null => Ok(None),
            _ => Err(Misfit),
        }
    }

    const fn as_moment(&self) -> Result<Option<DateTime<Utc>>, Misfit> {
        match self {
            Self::Moment(at) => Ok(Some(*at)),
            Self::Null => Ok(None),
            _ => Err(Misfit),
        }
    }

    const fn as_day(&self) -> Result<Option<NaiveDate>, Misfit> {
        match self {
            Self::Day(on) => Ok(Some(*on)),
            Self::Null => Ok(None),
            _ => Err(Misfit),
        }
    }
}

/// A value that is not of its column's kind.
#[derive(Clone, Copy, Debug)]
struct Misfit;

impl From<Misfit> for StoreError {
    fn from(_misfit: Misfit) -> Self {
        Self::Invariant("a value is not of its column's kind".to_owned())
    }
}

/// The most rows of one insert into SQLite: a multiple of what costs least, below its limit of bound
/// values for every table here.
const SQLITE_ROWS: usize = 256;

/// The most rows that go as arrays.
const ARRAY_ROWS: usize = 2_000;

/// How much of a `COPY` is sent at once.
const COPY_BYTES: usize = 256 << 10;

/// The most that is held back, so that the last of it is not little.
const MOST_BYTES: usize = 4 * COPY_BYTES;

impl Tx {
    /// Inserts all rows, or fails.
    pub(crate) async fn insert<'v, const N: usize>(
        &mut self,
        table: Table<N>,
        rows: impl ExactSizeIterator<Item = [Field<'v>; N]> + Send,
    ) -> Result<(), StoreError> {
        if rows.len() == 0 {
            return Ok(());
        }
        crate::fault::point()?;
        match self {
            Self::Sqlite(tx) => insert_sqlite(tx, table, rows).await,
            Self::Postgres(tx) if rows.len() <= ARRAY_ROWS => {
                arrays_postgres(tx, table, rows).await
            }
            Self::Postgres(tx) => copy_postgres(tx, table, rows).await,
        }
    }
}

/// While the database's thread works on one statement, this one binds the next.
async fn insert_sqlite<'v, const N: usize>(
    connection: &mut SqliteConnection,
    table: Table<N>,
    mut rows: impl ExactSizeIterator<Item = [Field<'v>; N]> + Send,
) -> Result<(), StoreError> {
    let mut moments = Moments::default();
    let mut next = bound(&mut rows, &mut moments)?;
    while let Some((size, arguments)) = next {
        let statement = AssertSqlSafe(insert_statement(table, size));
        let inserting = sqlx::query_with(statement, arguments).execute(&mut *connection);
        let (done, bound) =
            futures_util::future::join(inserting, async { bound(&mut rows, &mut moments) }).await;
        all_arrived(table.name, size, done?.rows_affected())?;
        next = bound?;
    }
    Ok(())
}

/// The values of the next statement, and how many rows they are.
fn bound<'v, const N: usize>(
    rows: &mut impl ExactSizeIterator<Item = [Field<'v>; N]>,
    moments: &mut Moments,
) -> Result<Option<(usize, SqliteArguments)>, StoreError> {
    if rows.len() == 0 {
        return Ok(None);
    }
    let size = statement_size(rows.len());
    let mut arguments = SqliteArguments::default();
    arguments.reserve(size * N, 0);
    for row in rows.take(size) {
        for field in row {
            bind(&mut arguments, field, moments)?;
        }
    }
    Ok(Some((size, arguments)))
}

/// As many rows as fit, in sizes of which there are few, so that their statements stay prepared.
fn statement_size(left: usize) -> usize {
    if left >= SQLITE_ROWS {
        SQLITE_ROWS
    } else {
        1 << left.ilog2()
    }
}

fn insert_statement<const N: usize>(table: Table<N>, rows: usize) -> String {
    let one = format!("({})", ["?"; N].join(","));
    let values = vec![one; rows].join(",");
    format!(
        "INSERT INTO {} ({}) VALUES {values}",
        table.name,
        table.names()
    )
}

/// The text of the last moment: the rows of a batch share the moment at which they were taken.
#[derive(Debug, Default)]
struct Moments(DateTime<Utc>, String);

impl Moments {
    /// As sqlx writes moments itself, so that the text sorts by time.
    fn text(&mut self, at: DateTime<Utc>) -> String {
        if at != self.0 || self.1.is_empty() {
            *self = Self(at, at.to_rfc3339_opts(SecondsFormat::AutoSi, false));
        }
        self.1.clone()
    }
}

fn bind(
    arguments: &mut SqliteArguments,
    field: Field<'_>,
    moments: &mut Moments,
) -> Result<(), StoreError> {
    match field {
        Field::Null => arguments.add(None::<i64>),
        Field::Int(value) => arguments.add(value),
        Field::Bytes(bytes) => arguments.add(bytes.to_vec()),
        // SQLite would keep it, and give back what stands before it.
        Field::Text(text) if text.contains('\0') => return Err(StoreError::Null),
        Field::Text(text) => arguments.add(text.to_owned()),
        Field::Moment(at) => arguments.add(moments.text(at)),
        Field::Day(on) => arguments.add(on),
    }
    .map_err(|error| StoreError::Database(sqlx::Error::Encode(error)))
}

async fn arrays_postgres<'v, const N: usize>(
    connection: &mut PgConnection,
    table: Table<N>,
    rows: impl ExactSizeIterator<Item = [Field<'v>; N]> + Send,
) -> Result<(), StoreError> {
    let wanted = rows.len();
    let arrays: Vec<String> = (1..)
        .zip(table.columns)
        .map(|(number, (_, kind))| format!("CAST(${number} AS {})", kind.array()))
        .collect();
    let statement = format!(
        "INSERT INTO {} ({}) SELECT * FROM UNNEST({})",
        table.name,
        table.names(),
        arrays.join(",")
    );
    let rows: Vec<[Field<'v>; N]> = rows.collect();
    let mut arguments = PgArguments::default();
    for (at, (_, kind)) in table.columns.into_iter().enumerate() {
        let column = rows.iter().filter_map(|row| row.get(at));
        match kind {
            Kind::Int => arguments.add(column.map(Field::as_int).collect::<Result<Vec<_>, _>>()?),
            Kind::Bytes => {
                arguments.add(column.map(Field::as_bytes).collect::<Result<Vec<_>, _>>()?)
            }
            Kind::Text => arguments.add(column.map(Field::as_text).collect::<Result<Vec<_>, _>>()?),
            Kind::Moment => arguments.add(
                column
                    .map(Field::as_moment)
                    .collect::<Result<Vec<_>, _>>()?,
            ),
            Kind::Day => arguments.add(column.map(Field::as_day).collect::<Result<Vec<_>, _>>()?),
        }
        .map_err(|error| StoreError::Database(sqlx::Error::Encode(error)))?;
    }
    let done = sqlx::query_with(AssertSqlSafe(statement), arguments)
        .execute(connection)
        .await?;
    all_arrived(table.name, wanted, done.rows_affected())
}

async fn copy_postgres<'v, const N: usize>(
    connection: &mut PgConnection,
    table: Table<N>,
    mut rows: impl ExactSizeIterator<Item = [Field<'v>; N]> + Send,
) -> Result<(), StoreError> {
    let wanted = rows.len();
    let statement = format!(
        "COPY {} ({}) FROM STDIN (FORMAT BINARY)",
        table.name,
        table.names()
    );
    let mut copy = connection.copy_in_raw(&statement).await?;
    let mut buffer = Vec::with_capacity(2 * COPY_BYTES + (64 << 10));
    buffer.extend_from_slice(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0");
    let fields = i16::try_from(N).unwrap_or(0).to_be_bytes();
    let mut unsent = 0;
    while let Some(row) = rows.next() {
        buffer.extend_from_slice(&fields);
        for field in row {
            encode(&mut buffer, field);
        }
        unsent += 1;
        // What goes last is no less than this much: it is acknowledged at once, and the end goes out. Rows of
        // very different sizes are not held back for that.
        let more = rows.len() >= unsent || buffer.len() >= MOST_BYTES;
        if buffer.len() >= COPY_BYTES && more {
            copy.send(buffer.as_slice()).await?;
            buffer.clear();
            unsent = 0;
        }
    }
    buffer.extend_from_slice(&(-1i16).to_be_bytes());
    copy.send(buffer.as_slice()).await?;
    let done = copy.finish().await?;
    all_arrived(table.name, wanted, done)
}

fn encode(buffer: &mut Vec<u8>, field: Field<'_>) {
    let mut sized = |bytes: &[u8]| {
        let length = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
        buffer.extend_from_slice(&length.to_be_bytes());
        buffer.extend_from_slice(bytes);
    };
    match field {
        Field::Null => buffer.extend_from_slice(&(-1i32).to_be_bytes()),
        Field::Int(value) => sized(&value.to_be_bytes()),
        Field::Bytes(bytes) => sized(bytes),
        Field::Text(text) => sized(text.as_bytes()),
        Field::Moment(at) => sized(&(at.timestamp_micros() - EPOCH_MICROS).to_be_bytes()),
        Field::Day(on) => sized(&days(on).to_be_bytes()),
    }
}

/// 2000-01-01 in microseconds since 1970.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// Days since 2000-01-01.
fn days(on: NaiveDate) -> i32 {
    on.to_epoch_days() - 10_957
}

fn all_arrived(table: &'static str, wanted: usize, done: u64) -> Result<(), StoreError> {
    if u64::try_from(wanted) == Ok(done) {
        return Ok(());
    }
    Err(StoreError::Invariant(format!(
        "{wanted} rows were sent to `{table}` and {done} arrived"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_sizes_of_statements_cover_any_number_of_rows() {
        for total in [1, 2, 255, 256, 257, 1_000, 10_007] {
            let mut left = total;
            while left > 0 {
                let size = statement_size(left);
                assert!(size <= left && (size.is_power_of_two() || size == SQLITE_ROWS));
                left -= size;
            }
        }
    }

    #[test]
    fn moments_and_days_count_from_the_year_2000() {
        let mut buffer = Vec::new();
        encode(&mut buffer, Field::Day("2000-01-02".parse().unwrap()));
        encode(
            &mut buffer,
            Field::Moment("2000-01-01T00:00:00.000007Z".parse().unwrap()),
        );
        encode(&mut buffer, Field::Null);
        assert_eq!(
            buffer,
            [
                0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 7, 255, 255, 255, 255
            ]
        );
    }
}
