//! Document numbers while postings, exports and closes compete: none twice, none missing.

use super::books::Books;
use super::common::{self, config, expect, tieout};
use super::stream;
use super::{company, control_closes, holds, wanted, write_inbox};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

const PERIODS: [(&str, &str); 9] = [
    ("us", "2026-01"),
    ("us", "2026-02"),
    ("us", "2026-03"),
    ("uk", "2026-01"),
    ("uk", "2026-02"),
    ("uk", "2026-03"),
    ("eu", "2026-01"),
    ("eu", "2026-02"),
    ("eu", "2026-03"),
];

const CONFIGURATION: &str = "intake_events: 30
sources: { billing: { file: { folder: inbox } } }
seal: { key: { file: seal-key.pem } }
targets:
  files: { kind: csv, drop: { folder: { path: exports/files } } }
  books: { kind: hledger, drop: { folder: { path: exports/books } } }
";

/// Series with a gap, a number twice or a beginning elsewhere; entries with two numbers.
pub const WRONG_SERIES: &str = "SELECT COUNT(*) FROM (SELECT entity_id, fiscal_year FROM document GROUP BY entity_id, fiscal_year
    HAVING MIN(number) <> 1 OR MAX(number) <> COUNT(*) OR COUNT(DISTINCT number) <> COUNT(*)) wrong";
pub const UNNUMBERED: &str = "SELECT COUNT(*) FROM entry e WHERE NOT EXISTS (SELECT 1 FROM document d WHERE d.entry_id = e.id)";
const NUMBERED: &str = "SELECT COUNT(*) FROM document";
const ENTRIES: &str = "SELECT COUNT(*) FROM entry";

fn period(dir: &Path, what: &str, (entity, period): (&str, &str)) {
    let output = tieout(&["-c", &config(dir), "period", what, entity, period]);
    // A period that nothing was posted to yet is not there to be closed.
    assert!(
        output.status.code() != Some(2),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Whatever ends a thread ends the others too.
struct Ends<'p>(&'p AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

fn numbers_are_whole(name: &str, books: &dyn Fn(&Path) -> Books) {
    let dir = common::folder(name);
    let books = books(&dir);
    company(&dir, &books, CONFIGURATION);
    let key = dir.join("seal-key.pem");
    expect(
        0,
        &[
            "-c",
            &config(&dir),
            "evidence",
            "key",
            key.to_str().unwrap(),
        ],
    );
    let partitions = stream::partitions(31, 900, 3);
    write_inbox(&dir, &partitions);
    let posting = AtomicBool::new(true);
    std::thread::scope(|scope| {
        for target in ["files", "books"] {
            let (dir, posting) = (&dir, &posting);
            scope.spawn(move || {
                let _ends = Ends(posting);
                while posting.load(Ordering::Relaxed) {
                    expect(0, &["-c", &config(dir), "export", target]);
                }
            });
        }
        scope.spawn(|| {
            let _ends = Ends(&posting);
            for at in (0..PERIODS.len()).cycle() {
                if !posting.load(Ordering::Relaxed) {
                    return;
                }
                period(&dir, "close", PERIODS[at]);
                period(&dir, "reopen", PERIODS[at]);
            }
        });
        scope.spawn(|| {
            let _ends = Ends(&posting);
            for _ in 0..2 {
                expect(0, &["-c", &config(&dir), "ingest"]);
                expect(0, &["-c", &config(&dir), "post"]);
            }
        });
    });
    let given = books.number(NUMBERED).unwrap();
    assert!(given > 0, "nothing was numbered while postings went on");
    // What a closed period kept out comes in now; then every period is closed for good.
    for at in PERIODS {
        period(&dir, "reopen", at);
    }
    expect(0, &["-c", &config(&dir), "post"]);
    for at in PERIODS {
        period(&dir, "close", at);
    }
    assert_eq!(
        books.number(WRONG_SERIES).unwrap(),
        0,
        "in {}",
        dir.display()
    );
    assert_eq!(books.number(UNNUMBERED).unwrap(), 0, "in {}", dir.display());
    assert_eq!(
        books.number(NUMBERED).unwrap(),
        books.number(ENTRIES).unwrap()
    );
    holds(name, &dir, &books, &wanted([("billing", &partitions)]));
    control_closes(name, &dir);
    std::fs::remove_dir_all(&dir).unwrap();
    if let Books::Postgres(url) = &books {
        common::drop_database(url);
    }
}

#[test]
fn numbers_are_whole_on_sqlite() {
    numbers_are_whole("faults-documents-sqlite", &|dir| {
        Books::Sqlite(dir.join("books.db"))
    });
}

#[test]
fn numbers_are_whole_on_postgres() {
    numbers_are_whole("faults-documents-postgres", &|_| {
        Books::Postgres(common::database("faults_documents"))
    });
}
