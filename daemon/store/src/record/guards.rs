//! What keeps the rows as they are: triggers, views, keys and checks, that they stand as the migrations put them
//! up, and that nobody put up others.
//!
//! The schema is held against one that the migrations make anew: on SQLite in memory, on PostgreSQL among
//! temporary tables of a transaction that is rolled back.

use crate::{Snapshot, StoreError};
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{PgConnection, PgPool};
use std::collections::{BTreeMap, BTreeSet};

/// A guard that is not as it was put up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardProblem {
    /// The guard's kind and name.
    pub what: String,
    /// What differs.
    pub problem: &'static str,
}

/// Whether the guards stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guards {
    /// They were looked at; what differs.
    Compared(Vec<GuardProblem>),
    /// Nothing to hold them against could be made, and why.
    NotCompared(String),
}

/// Definitions by name.
type Definitions = Vec<(String, String)>;

impl Snapshot {
    /// What of the schema differs from what the migrations made.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn guards(&self) -> Result<Guards, StoreError> {
        let both = match &self.server {
            Some(pool) => match on_postgres(pool).await {
                Ok(both) => both,
                Err(error) => return not_compared(error),
            },
            None => self.on_sqlite().await?,
        };
        Ok(Guards::Compared(compared(both.0, both.1)))
    }

    async fn on_sqlite(&self) -> Result<(Definitions, Definitions), StoreError> {
        let fresh = SqlitePoolOptions::new()
            .max_connections(1)
            .connect("sqlite::memory:")
            .await?;
        sqlx_macros::migrate!("../../migrations/sqlite")
            .run(&fresh)
            .await?;
        let schema = sql!("record/guards", sqlite);
        let wanted = sqlx::query_as(schema).fetch_all(&fresh).await?;
        let found = on_snapshot!(self, db => sqlx::query_as(schema).fetch_all(db).await?);
        Ok((wanted, found))
    }
}

/// With temporary tables alone in the path, no statement of a migration can reach the books' own.
async fn on_postgres(pool: &PgPool) -> Result<(Definitions, Definitions), sqlx::Error> {
    let mut tx = pool.begin_with("BEGIN READ WRITE").await?;
    let books: String = sqlx::query_scalar(sql!("record/schema", postgres))
        .fetch_one(&mut *tx)
        .await?;
    sqlx::raw_sql("SET LOCAL search_path = pg_temp")
        .execute(&mut *tx)
        .await?;
    for migration in sqlx_macros::migrate!("../../migrations/postgres").iter() {
        // A function among what is temporary is found by its whole name only.
        let text = migration
            .sql
            .as_str()
            .replace("EXECUTE FUNCTION ", "EXECUTE FUNCTION pg_temp.");
        sqlx::raw_sql(sqlx::AssertSqlSafe(text))
            .execute(&mut *tx)
            .await?;
    }
    let fresh: String = sqlx::query_scalar(sql!("record/temporary_schema", postgres))
        .fetch_one(&mut *tx)
        .await?;
    let wanted = definitions(&mut tx, &fresh).await?;
    let found = definitions(&mut tx, &books).await?;
    tx.rollback().await?;
    Ok((wanted, found))
}

async fn definitions(db: &mut PgConnection, schema: &str) -> Result<Definitions, sqlx::Error> {
    sqlx::query_as(sql!("record/guards", postgres))
        .bind(schema)
        .fetch_all(db)
        .await
}

/// A role without the right to temporary tables, or a server that only follows another: that says nothing of
/// the guards. Classes of errors are PostgreSQL's own.
fn not_compared(error: sqlx::Error) -> Result<Guards, StoreError> {
    const INSUFFICIENT_PRIVILEGE: &str = "42501";
    const READ_ONLY_TRANSACTION: &str = "25006";
    // What a server that follows another says of a transaction that may write.
    const NOT_SUPPORTED: &str = "0A000";
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    let why = match code.as_deref() {
        Some(INSUFFICIENT_PRIVILEGE) => {
            "this role may make no temporary tables to hold them against: GRANT TEMPORARY ON DATABASE … TO it"
        }
        Some(READ_ONLY_TRANSACTION | NOT_SUPPORTED) => {
            "this server takes no temporary tables to hold them against: ask the one that it follows"
        }
        _ => return Err(error.into()),
    };
    Ok(Guards::NotCompared(why.to_owned()))
}

fn compared(wanted: Definitions, found: Definitions) -> Vec<GuardProblem> {
    let normal = |(name, text): (String, String)| (name, normal(&text));
    let of = |all: Definitions| {
        let mut kept = BTreeMap::<String, String>::new();
        // Two of one name are told together, so that neither hides behind the other.
        for (name, text) in all.into_iter().map(normal) {
            kept.entry(name).or_default().push_str(&text);
        }
        kept
    };
    let (wanted, found) = (of(wanted), of(found));
    let mut problems = Vec::new();
    for (name, text) in &wanted {
        let problem = match found.get(name) {
            None => "is gone",
            Some(other) if other != text => "is not as it was put up",
            Some(_) => continue,
        };
        problems.push(GuardProblem {
            what: name.clone(),
            problem,
        });
    }
    let own: BTreeSet<&str> = wanted.keys().filter_map(|name| table_of(name)).collect();
    let foreign = found.keys().filter(|name| {
        !wanted.contains_key(*name)
            && acts(name)
            && table_of(name).is_none_or(|table| own.contains(table))
    });
    problems.extend(foreign.map(|name| GuardProblem {
        what: name.clone(),
        problem: "was not put up by Tieout",
    }));
    problems
}

/// Whether it may change what is written. A plain index, a view or a table that somebody added does not.
fn acts(name: &str) -> bool {
    [
        "trigger ",
        "function ",
        "rule ",
        "constraint ",
        "column ",
        "keys ",
        "security ",
        "child ",
    ]
    .iter()
    .any(|kind| name.starts_with(kind))
}

/// The table that a guard is about, where it is about one.
fn table_of(name: &str) -> Option<&str> {
    let about = name
        .rsplit_once(" on ")
        .or_else(|| name.rsplit_once(" of "));
    about.map(|(_, table)| table)
}

/// A definition without its spaces, and without quotes around a plain name, of which a database keeps those that
/// it was told. Quotes around anything else stay: there they make another meaning.
fn normal(text: &str) -> String {
    let dense: String = text.chars().filter(|sign| !sign.is_whitespace()).collect();
    let mut parts = dense.split('"');
    let mut normal = parts.next().unwrap_or_default().to_owned();
    while let Some(quoted) = parts.next() {
        let is_plain = !quoted.is_empty()
            && quoted
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if is_plain {
            normal.push_str(quoted);
        } else {
            normal.push_str(&format!("\"{quoted}\""));
        }
        normal.push_str(parts.next().unwrap_or_default());
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_changed_or_foreign_is_told_and_what_does_nothing_is_not() {
        let of = |all: &[(&str, &str)]| -> Definitions {
            let own = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
            all.iter().map(own).collect()
        };
        let wanted = of(&[
            ("view a", "SELECT (x OR y) AND z"),
            ("index b on t", "CREATE INDEX b ON \"t\" (x)"),
            ("trigger c on t", "RAISE"),
            ("view f", "SELECT x.y FROM t"),
        ]);
        let found = of(&[
            ("view a", "SELECT x OR (y AND z)"),
            ("index b on t", "CREATE INDEX b  ON t (x)"),
            ("index d on t", "CREATE INDEX d ON t (y)"),
            ("column z of somebodys", "text"),
            ("column z of t", "text"),
            ("rule e on t", "DO NOTHING"),
            ("view f", "SELECT \"x.y\" FROM t"),
        ]);
        let told: Vec<String> = compared(wanted, found)
            .iter()
            .map(|problem| format!("{} {}", problem.what, problem.problem))
            .collect();
        assert_eq!(
            told,
            [
                "trigger c on t is gone",
                "view a is not as it was put up",
                "view f is not as it was put up",
                "column z of t was not put up by Tieout",
                "rule e on t was not put up by Tieout",
            ]
        );
    }
}
