//! The guards of append-only tables: that they stand as the migrations put them up, and that nobody put up others.
//!
//! On SQLite the schema is held against one that the migrations make anew, in memory. On PostgreSQL triggers and
//! the function behind them are held against the migrations' own text.

use crate::{Snapshot, StoreError, Tx};
use sqlx::sqlite::SqlitePoolOptions;
use std::collections::BTreeMap;

/// A guard that is not as it was put up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardProblem {
    /// What it guards, or the trigger's, view's or function's own name.
    pub what: String,
    /// What differs.
    pub problem: &'static str,
}

/// Definitions by name.
type Definitions = BTreeMap<String, String>;

impl Snapshot {
    /// Guards, views and unique keys that differ from what the migrations made.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn guards(&self) -> Result<Vec<GuardProblem>, StoreError> {
        let (wanted, found) = match &mut *self.reading.lock().await {
            Tx::Sqlite(tx) => {
                let fresh = SqlitePoolOptions::new()
                    .max_connections(1)
                    .connect("sqlite::memory:")
                    .await?;
                sqlx::migrate!("../../migrations/sqlite")
                    .run(&fresh)
                    .await?;
                let schema = sql!("record/guards", sqlite);
                let wanted: Vec<(String, String)> =
                    sqlx::query_as(schema).fetch_all(&fresh).await?;
                (wanted, sqlx::query_as(schema).fetch_all(&mut **tx).await?)
            }
            Tx::Postgres(tx) => {
                let schema = sql!("record/guards", postgres);
                let found: Vec<(String, String)> =
                    sqlx::query_as(schema).fetch_all(&mut **tx).await?;
                let migrations = sqlx::migrate!("../../migrations/postgres");
                let text: Vec<String> = migrations
                    .iter()
                    .map(|migration| migration.sql.as_str().to_owned())
                    .collect();
                (wanted_on_postgres(&text).into_iter().collect(), found)
            }
        };
        Ok(compared(wanted, found))
    }
}

fn compared(wanted: Vec<(String, String)>, found: Vec<(String, String)>) -> Vec<GuardProblem> {
    let normal = |(name, text): (String, String)| (name, normal(&text));
    let wanted: Definitions = wanted.into_iter().map(normal).collect();
    let found: Definitions = found.into_iter().map(normal).collect();
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
    let foreign = found.keys().filter(|name| !wanted.contains_key(*name));
    problems.extend(foreign.map(|name| GuardProblem {
        what: name.clone(),
        problem: "was not put up by Tieout",
    }));
    problems
}

/// Triggers and functions as the migrations leave them, one after the other.
fn wanted_on_postgres(migrations: &[String]) -> Definitions {
    let mut wanted = Definitions::new();
    for text in migrations {
        let mut rest = text.as_str();
        while let Some((statement, left)) = next_statement(rest) {
            rest = left;
            let mut words = statement.split_whitespace();
            let what = (words.next(), words.next());
            let name = words.next().unwrap_or_default();
            match what {
                (Some("CREATE"), Some("TRIGGER")) => {
                    let text = format!("{statement} enabled");
                    wanted.insert(format!("trigger {name} on {}", guarded(statement)), text);
                }
                (Some("DROP"), Some("TRIGGER")) => {
                    wanted.remove(&format!("trigger {name} on {}", guarded(statement)));
                }
                // A table takes its guards with it.
                (Some("DROP"), Some("TABLE")) => {
                    let on = format!(" on {name}");
                    wanted.retain(|guard, _| !guard.ends_with(&on));
                }
                (Some("CREATE"), Some("FUNCTION")) => {
                    let body = statement.split("$$").nth(1).unwrap_or_default();
                    let name = name.trim_end_matches("()");
                    wanted.insert(format!("function {name}"), body.to_owned());
                }
                _ => {}
            }
        }
    }
    wanted
}

/// The table of a statement about a trigger.
fn guarded(statement: &str) -> &str {
    let words = statement.split_whitespace();
    words
        .skip_while(|word| *word != "ON")
        .nth(1)
        .unwrap_or_default()
}

/// The next statement without the comments before it; a body between dollar signs is part of one.
fn next_statement(text: &str) -> Option<(&str, &str)> {
    let mut text = text.trim_start();
    while text.starts_with("--") {
        text = text
            .split_once('\n')
            .map_or("", |(_, rest)| rest)
            .trim_start();
    }
    let mut in_body = false;
    for (at, found) in text.match_indices(['$', ';']) {
        match found {
            "$" => in_body ^= text.get(at..at + 2) == Some("$$"),
            _ if !in_body => return Some((text.get(..at)?, text.get(at + 1..)?)),
            _ => {}
        }
    }
    None
}

/// A definition without what a database adds or leaves out when it tells one.
fn normal(text: &str) -> String {
    let text = text
        .to_lowercase()
        .replace("update or delete", "delete or update");
    text.chars()
        .filter(|sign| !sign.is_whitespace() && !"()".contains(*sign))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_migrations_drop_is_not_wanted_and_bodies_are_one_statement() {
        let text = "-- A; comment.\nCREATE FUNCTION f() RETURNS trigger AS $$\nBEGIN RAISE; END $$;\n\
            CREATE TRIGGER a BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f();\n\
            CREATE TRIGGER b BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION f();\n\
            DROP TRIGGER b ON t;\nCREATE TABLE x (y INTEGER);\n\
            CREATE TRIGGER c BEFORE DELETE ON x FOR EACH ROW EXECUTE FUNCTION f();\nDROP TABLE x;";
        let wanted = wanted_on_postgres(&[text.to_owned()]);
        let names: Vec<&str> = wanted.keys().map(String::as_str).collect();
        assert_eq!(names, ["function f", "trigger a on t"]);
        assert_eq!(wanted["function f"].trim(), "BEGIN RAISE; END");
    }
}
