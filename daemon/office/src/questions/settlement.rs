//! Settlement files read again: every file against its hash, every line against the file that
//! brought it.
//!
//! A file is read with the options that it was read with. Where the format has become another
//! version since, a line that reads differently now is information and no failure: what the books
//! have is what was said then.

use formats::settlement::SettlementKind;
use ledger::hash::EventKey;
use ledger::{Hash, Origin, SettlementLine, Statement};
use std::collections::BTreeMap;
use store::Snapshot;
use store::settlement::FileRow;

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Files that were read.
    pub files: i64,
    /// What does not hold.
    pub failures: Vec<String>,
    /// What a later version reads differently.
    pub notes: Vec<String>,
}

/// A file whose format has become another version, and what it reads differently.
#[derive(Debug)]
struct Outdated {
    name: String,
    was: i64,
    now: i64,
    differences: Vec<String>,
}

/// Lines by their key, each with the file that brought it first.
type Lines = BTreeMap<EventKey, (i64, SettlementLine)>;

/// Reads every file again.
///
/// # Errors
/// When the books cannot be read.
pub(super) async fn read_again(books: &Snapshot) -> anyhow::Result<Reading> {
    let mut reading = Reading::default();
    let mut outdated = BTreeMap::<i64, Outdated>::new();
    let mut expected = Lines::new();
    for row in books.settlement_files().await? {
        reading.files += 1;
        if Hash::of(&row.raw).as_bytes().as_slice() != row.hash {
            let what = format!("settlement file `{}` is not what was received", row.name);
            reading.failures.push(what);
            continue;
        }
        let now = SettlementKind::find(&row.format).map_or(0, |kind| kind.version);
        let mut problem = None;
        match parsed(&row) {
            Ok(statements) => note_lines(row.id, &statements, &mut expected),
            Err(what) => problem = Some(what),
        }
        if now != row.format_version {
            let entry = Outdated {
                name: row.name,
                was: row.format_version,
                now,
                differences: problem.into_iter().collect(),
            };
            outdated.insert(row.id, entry);
        } else if let Some(problem) = problem {
            let what = format!(
                "settlement file `{}` can no longer be read: {problem}",
                row.name
            );
            reading.failures.push(what);
        }
    }
    compare(books, expected, &mut outdated, &mut reading.failures).await?;
    reading.notes = outdated.values().filter_map(Outdated::told).collect();
    Ok(reading)
}

async fn compare(
    books: &Snapshot,
    mut expected: Lines,
    outdated: &mut BTreeMap<i64, Outdated>,
    failures: &mut Vec<String>,
) -> anyhow::Result<()> {
    for origin in Origin::ALL {
        for stored in books.settlement_lines(origin).await? {
            let (line, found) = (&stored.line, expected.remove(&stored.key()));
            let same = found.as_ref().is_some_and(|(_, found)| line.agrees(found));
            if same {
                continue;
            }
            if let Some(file) = outdated.get_mut(&stored.file_id) {
                file.differences.push(format!("line `{}`", line.identity));
            } else {
                failures.push(format!(
                    "settlement line `{}` is not what stands in {} at {}",
                    line.identity, stored.file, line.place.line
                ));
            }
        }
    }
    for (file, line) in expected.into_values() {
        match outdated.get_mut(&file) {
            Some(file) => file.differences.push(format!("line `{}`", line.identity)),
            None => failures.push(format!(
                "settlement line `{}` stands in a file and not in the books",
                line.identity
            )),
        }
    }
    Ok(())
}

fn parsed(row: &FileRow) -> Result<Vec<Statement>, String> {
    let kind = SettlementKind::find(&row.format)
        .ok_or_else(|| format!("there is no format `{}`", row.format))?;
    let options = serde_json::from_str(&row.options).map_err(|error| error.to_string())?;
    let format = kind.open(options).map_err(|error| error.to_string())?;
    format.parse(&row.raw).map_err(|error| error.to_string())
}

fn note_lines(file: i64, statements: &[Statement], expected: &mut Lines) {
    for statement in statements {
        for line in &statement.lines {
            // The file that came first is the one whose line was stored.
            let known = expected.entry(statement.key(line));
            known.or_insert_with(|| (file, line.clone()));
        }
    }
}

impl Outdated {
    fn told(&self) -> Option<String> {
        let first = self.differences.first()?;
        let more = self.differences.len() - 1;
        let more = match more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Some(format!(
            "settlement file `{}` was read by version {}, version {} reads it differently: {first}{more}",
            self.name, self.was, self.now
        ))
    }
}
