//! Faults, each with a seed and a count: whatever dies, every input has one outcome, the control equation
//! closes, the chain holds, and the books are those of the reference ledger.
//!
//! `seeds` are short runs over files with a fault between two statements or at any moment, hundreds of
//! them. `servers` takes away the database, the broker, an answer, a process's time; `machine` the disk
//! and the clock; `documents` lets postings, exports and closes compete; `deeds` stops what a person decides between its statements. `TIEOUT_FAULT_RUNS` and
//! `TIEOUT_FAULT_SEED` choose other seeds; a failure prints its own and keeps its folder.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::too_many_lines,
    clippy::print_stderr,
    unreachable_pub,
    missing_docs,
    missing_debug_implementations,
    reason = "a test that cannot go on should say where"
)]

#[path = "../common/mod.rs"]
mod common;

mod books;
mod deeds;
mod documents;
mod machine;
mod oracle;
mod peers;
mod seeds;
mod servers;
mod stream;

use books::Books;
use common::{block_on, config, expect, expect_json, tieout};
use ledger::{Calendar, Currency, Entity};
use oracle::{Ledger, Oracle, Outcomes, Rules};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use stream::Partitions;

/// The entities of the starter company that the streams use, with plain calendars.
fn entities() -> Vec<Entity> {
    let entity = |code: &str, currency: &str, zone: &str| Entity {
        code: code.to_owned(),
        name: code.to_uppercase(),
        functional: Currency::from_code(currency).unwrap(),
        zone: zone.parse().unwrap(),
        calendar: Calendar::months_from(1),
    };
    vec![
        entity("us", "USD", "America/New_York"),
        entity("uk", "GBP", "Europe/London"),
        entity("eu", "EUR", "Europe/Berlin"),
    ]
}

const ENTITIES: &str = "entities:
  - { entity: us, name: US, functional: USD, zone: America/New_York, calendar: { monthly: { first_month: 1 } } }
  - { entity: uk, name: UK, functional: GBP, zone: Europe/London, calendar: { monthly: { first_month: 1 } } }
  - { entity: eu, name: EU, functional: EUR, zone: Europe/Berlin, calendar: { monthly: { first_month: 1 } } }
";

/// A starter company, made once; what every run's mapping is copied from.
static STARTER: LazyLock<PathBuf> = LazyLock::new(|| {
    let dir = common::folder("faults-starter");
    expect(0, &["init", dir.to_str().unwrap()]);
    dir
});

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::read(&STARTER));

/// A company with these books; `more` is the rest of its configuration.
fn company(dir: &Path, books: &Books, more: &str) {
    let _made_before = std::fs::create_dir_all(dir.join("inbox"));
    let text = format!(
        "company: Faults\nstore: {{ url: \"{}\", stall_seconds: 2 }}\nmapping: {}\n{ENTITIES}{more}",
        books.url(),
        STARTER.join("mappings/billing").display(),
    );
    std::fs::write(dir.join("tieout.yaml"), text).unwrap();
}

/// Folders of files, each partition a file.
fn write_inbox(dir: &Path, partitions: &Partitions) {
    for (number, lines) in partitions.iter().enumerate() {
        let text: String = lines
            .iter()
            .flat_map(|line| [line.as_str(), "\n"])
            .collect();
        std::fs::write(dir.join(format!("inbox/{number}.ndjson")), text).unwrap();
    }
}

/// What the books must hold when each source brought these partitions.
fn wanted<'s>(sources: impl IntoIterator<Item = (&'s str, &'s Partitions)>) -> Ledger {
    let mut oracle = Oracle::new(&RULES);
    for (source, partitions) in sources {
        for line in partitions.iter().flatten() {
            oracle.take(source, line);
        }
    }
    oracle.ledger()
}

/// Everything that must hold after a fault. `what` says which run it was.
fn holds(what: &str, dir: &Path, books: &Books, wanted: &Ledger) {
    let found = books.ledger();
    assert_eq!(
        found.outcomes,
        wanted.outcomes,
        "{what}: outcomes, in {}",
        dir.display()
    );
    same_journal(what, &found, wanted);
    verified(what, dir);
}

/// The same where several sources bring the same events, and which of them was first is open.
fn holds_in_sum(what: &str, dir: &Path, books: &Books, wanted: &Ledger) {
    let found = books.ledger();
    assert_eq!(
        sum(&found),
        sum(wanted),
        "{what}: outcomes, in {}",
        dir.display()
    );
    same_journal(what, &found, wanted);
    verified(what, dir);
}

fn sum(ledger: &Ledger) -> Outcomes {
    let mut sum = Outcomes::default();
    for one in ledger.outcomes.values() {
        sum.received += one.received;
        sum.posted += one.posted;
        sum.ignored += one.ignored;
        sum.suspended += one.suspended;
        sum.duplicates += one.duplicates;
        sum.conflicts += one.conflicts;
        sum.quarantined += one.quarantined;
    }
    sum
}

fn same_journal(what: &str, found: &Ledger, wanted: &Ledger) {
    assert_eq!(
        found.entry_count, wanted.entry_count,
        "{what}: number of entries"
    );
    assert!(
        found.entries == wanted.entries,
        "{what}: the entries are not those of an undisturbed run"
    );
    assert_eq!(found.balances, wanted.balances, "{what}: trial balance");
}

/// The chain, the hashes and the control equation, by the product's own word.
fn verified(what: &str, dir: &Path) {
    let output = tieout(&["-c", &config(dir), "--json", "verify"]);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{what}: verify in {}: {told}{}",
        dir.display(),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The intake rows of the control equation, which must close for every source.
fn control_closes(what: &str, dir: &Path) {
    let report = expect_json(
        0,
        &["-c", &config(dir), "report", "control", "--format", "json"],
    );
    for row in report["tables"]["intake"].as_array().unwrap() {
        assert_eq!(row["difference"], 0, "{what}: {row}");
    }
}

/// An error that nobody gave a class stops a source; no fault may bring one up.
fn classified(what: &str, log: &str) {
    assert!(
        !log.contains("unclassified"),
        "{what}: an error has no class\n{log}"
    );
}
