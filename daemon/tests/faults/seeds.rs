//! Short runs over files, each with faults that its seed chooses: stopped before a statement and killed,
//! a statement that fails, a commit whose answer is lost, killed at any moment; on SQLite and PostgreSQL.
//! All disturb intake; every fourth goes on to export and to a period's close, disturbed as well.

use super::books::Books;
use super::oracle::Ledger;
use super::stream::{self, Partitions};
use super::{
    STARTER, classified, common, company, control_closes, documents, holds, wanted, write_inbox,
};
use fastrand::Rng;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

/// Different streams; the runs share them, so that each is run undisturbed once.
const STREAMS: u64 = 6;

const INPUTS: usize = 160;

/// How long a run may take, restarts and all.
const LIMIT: Duration = Duration::from_mins(1);

const CONFIGURATION: &str = "intake_events: 24
sources: { billing: { file: { folder: inbox } } }
seal: { key: { file: seal-key.pem } }
targets:
  files: { kind: csv, batch_entries: 50, drop: { folder: { path: exports/files } } }
  books: { kind: hledger, drop: { folder: { path: exports/books } } }
";

/// The commands of a run, one after the other.
const STAGES: [&[&str]; 3] = [
    &["ingest"],
    &["export"],
    &["period", "close", "eu", "2026-02"],
];

/// One stream, what it must come to, and what each stage takes undisturbed.
struct Undisturbed {
    partitions: Partitions,
    wanted: Ledger,
    costs: Vec<Cost>,
}

struct Cost {
    statements: u64,
    commits: u64,
    took: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Database {
    Sqlite,
    Postgres,
}

static UNDISTURBED: LazyLock<BTreeMap<(Database, u64), Undisturbed>> = LazyLock::new(|| {
    let mut all = BTreeMap::new();
    for database in [Database::Sqlite, Database::Postgres] {
        for number in 0..STREAMS {
            all.insert((database, number), undisturbed(database, number));
        }
    }
    all
});

/// A run without a fault: already that must be the reference ledger's.
fn undisturbed(database: Database, number: u64) -> Undisturbed {
    let partitions = stream::partitions(number, INPUTS, 3);
    let wanted = wanted([("billing", &partitions)]);
    let run = Run::new(database, &format!("undisturbed-{number}"), &partitions);
    let costs = STAGES.iter().map(|stage| run.cost(stage)).collect();
    holds("undisturbed", &run.dir, &run.books, &wanted);
    control_closes("undisturbed", &run.dir);
    is_sealed("undisturbed", &run);
    run.forget();
    Undisturbed {
        partitions,
        wanted,
        costs,
    }
}

const UNEXPORTED: &str = "SELECT COUNT(*) FROM entry e CROSS JOIN target t
    WHERE NOT EXISTS (SELECT 1 FROM batch_entry b WHERE b.entry_id = e.id AND b.target_id = t.id)";
const BATCHES: &str = "SELECT COUNT(*) FROM batch";

/// Every entry left once for each target, in files that arrived, under a number of its own.
fn is_sealed(what: &str, run: &Run) {
    let number = |statement| run.books.number(statement).unwrap();
    assert_eq!(number(UNEXPORTED), 0, "{what}: entries are in no batch");
    assert_eq!(
        number(documents::WRONG_SERIES),
        0,
        "{what}: numbers of documents"
    );
    assert_eq!(
        number(documents::UNNUMBERED),
        0,
        "{what}: entries without a number"
    );
    let arrived: usize = ["files", "books"]
        .iter()
        .map(|target| {
            let folder = std::fs::read_dir(run.dir.join("exports").join(target)).unwrap();
            let names = folder.map(|file| file.unwrap().file_name().to_string_lossy().into_owned());
            // What a killed sender had begun keeps its leading dot, until the next one clears it away.
            names
                .filter(|name| !name.ends_with(".manifest.json") && !name.starts_with('.'))
                .count()
        })
        .sum();
    assert_eq!(
        i64::try_from(arrived).unwrap(),
        number(BATCHES),
        "{what}: files that arrived"
    );
}

/// A company of its own for one run.
struct Run {
    dir: PathBuf,
    books: Books,
}

impl Run {
    fn new(database: Database, name: &str, partitions: &Partitions) -> Self {
        let name = format!("faults-{name}-{database:?}").to_lowercase();
        let dir = common::folder(&name);
        let books = match database {
            Database::Sqlite => Books::Sqlite(dir.join("books.db")),
            Database::Postgres => Books::Postgres(common::database(&name.replace('-', "_"))),
        };
        company(&dir, &books, CONFIGURATION);
        write_inbox(&dir, partitions);
        std::fs::copy(STARTER.join("seal-key.pem"), dir.join("seal-key.pem")).unwrap();
        Self { dir, books }
    }

    /// What a stage takes when nothing disturbs it.
    fn cost(&self, stage: &[&str]) -> Cost {
        let trace = self.dir.join("trace");
        let begun = Instant::now();
        let mut child = self.start(stage, Some(&format!("trace:{}", trace.display())));
        let text = log(&mut child);
        assert!(child.wait().unwrap().success(), "{stage:?}: {text}");
        let took = begun.elapsed();
        let text = std::fs::read_to_string(trace).unwrap();
        let count = |what: &str| {
            let lines = text.lines().filter(|line| *line == what);
            u64::try_from(lines.count()).unwrap()
        };
        Cost {
            statements: count("statement"),
            commits: count("commit"),
            took,
        }
    }

    fn start(&self, stage: &[&str], fault: Option<&str>) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tieout"));
        command
            .args(["-c", &common::config(&self.dir)])
            .args(stage)
            .env("USER", "tester")
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        if let Some(fault) = fault {
            command.env("TIEOUT_FAULT", fault);
        }
        command.spawn().unwrap()
    }

    /// Only what held is forgotten; a failed run can be looked at.
    fn forget(self) {
        std::fs::remove_dir_all(&self.dir).unwrap();
        if let Books::Postgres(url) = &self.books {
            common::drop_database(url);
        }
    }
}

/// What a run's log says, once it ended.
fn log(child: &mut Child) -> String {
    let mut text = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    text
}

/// Lets a run go on until it stops itself before a statement, then kills it. False if it ended first.
fn kill_where_it_stops(what: &str, mut child: Child) -> bool {
    let mut stopped = false;
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        classified(what, &line);
        if line.starts_with("stopped before statement") {
            stopped = true;
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    stopped
}

fn kill_after(child: &mut Child, after: Duration) -> bool {
    std::thread::sleep(after);
    let running = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    running
}

/// Which faults happened.
static HAPPENED: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];
const FAULTS: [&str; 4] = [
    "killed before a statement",
    "killed at some moment",
    "statements failed",
    "answers to a commit lost",
];

/// Disturbs a stage once, as the random numbers say. What happened is counted.
fn disturb(what: &str, rng: &mut Rng, run: &Run, stage: &[&str], cost: &Cost) {
    let kind = *rng.choice(&[0, 0, 0, 1, 2, 2, 3]).unwrap();
    let happened = match kind {
        0 => {
            let fault = format!("stop:{}", rng.u64(1..=cost.statements));
            kill_where_it_stops(&format!("{what}, {fault}"), run.start(stage, Some(&fault)))
        }
        1 => {
            let micros = u64::try_from(cost.took.as_micros()).unwrap();
            let after = Duration::from_micros(rng.u64(0..micros));
            kill_after(&mut run.start(stage, None), after)
        }
        _ => {
            let fault = if kind == 2 {
                format!("fail:{}", rng.u64(1..=cost.statements))
            } else {
                format!("lost:{}", rng.u64(1..=cost.commits))
            };
            let mut child = run.start(stage, Some(&fault));
            let text = log(&mut child);
            let ended = child.wait().unwrap();
            classified(&format!("{what}, {fault}"), &text);
            // What is lost outside of intake ends the command; during intake it is tried again.
            assert!(
                ended.code().is_some_and(|code| code <= 2),
                "{what}, {fault}: {text}"
            );
            true
        }
    };
    if happened {
        HAPPENED[kind].fetch_add(1, Ordering::Relaxed);
    }
}

/// One seed: per stage some faults one after the other, then a run to its end.
fn seed(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let database = if seed % 10 < 7 {
        Database::Sqlite
    } else {
        Database::Postgres
    };
    let undisturbed = &UNDISTURBED[&(database, seed % STREAMS)];
    let what = format!("seed {seed} on {database:?}");
    let run = Run::new(database, &format!("seed-{seed}"), &undisturbed.partitions);
    let stages = if seed.is_multiple_of(4) {
        STAGES.len()
    } else {
        1
    };
    for (stage, cost) in STAGES.iter().zip(&undisturbed.costs).take(stages) {
        let what = format!("{what}, {}", stage[0]);
        for _ in 0..*rng.choice(&[1, 1, 2, 3]).unwrap() {
            disturb(&what, &mut rng, &run, stage, cost);
        }
        let begun = Instant::now();
        let mut child = run.start(stage, None);
        let text = log(&mut child);
        // A close whose answer was lost is told that it is closed already.
        let wanted = if stage[0] == "period" { 0..=1 } else { 0..=0 };
        let code = child.wait().unwrap().code().unwrap();
        assert!(wanted.contains(&code), "{what}: {text}");
        assert!(begun.elapsed() < LIMIT, "{what} took {:?}", begun.elapsed());
        classified(&what, &text);
    }
    holds(&what, &run.dir, &run.books, &undisturbed.wanted);
    if stages > 1 {
        is_sealed(&what, &run);
    }
    run.forget();
}

/// Runs seeds on all cores until they are used up or the time is.
fn runs(seeds: std::ops::Range<u64>, until: Option<Instant>) -> u64 {
    LazyLock::force(&UNDISTURBED);
    let next = Mutex::new(seeds);
    let done = AtomicU64::new(0);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while until.is_none_or(|until| Instant::now() < until) {
                    let Some(one) = next.lock().unwrap().next() else {
                        return;
                    };
                    seed(one);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    done.into_inner()
}

fn tell(done: u64) -> u64 {
    let happened = FAULTS.iter().zip(&HAPPENED).map(|(name, count)| {
        let count = count.load(Ordering::Relaxed);
        eprintln!("  {count:>6} {name}");
        count
    });
    let happened = happened.sum();
    eprintln!(
        "{done} runs, {happened} faults, and the books are those of the reference ledger after each"
    );
    happened
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// `make soak` sets `TIEOUT_SOAK_SECONDS`: then as many seeds as fit, beginning anywhere and saying where.
fn soak(seconds: u64) {
    let first = setting("TIEOUT_FAULT_SEED", fastrand::u64(1 << 20..1 << 40));
    eprintln!("seeds from {first}");
    let until = Instant::now() + Duration::from_secs(seconds);
    tell(runs(first..u64::MAX, Some(until)));
}

#[test]
fn after_any_fault_the_books_are_those_of_the_reference_ledger() {
    let seconds = setting("TIEOUT_SOAK_SECONDS", 0);
    if seconds > 0 {
        return soak(seconds);
    }
    let (first, count) = (
        setting("TIEOUT_FAULT_SEED", 1),
        setting("TIEOUT_FAULT_RUNS", 200),
    );
    let done = runs(first..first + count, None);
    assert_eq!(done, count);
    let happened = tell(done);
    assert!(
        happened >= count * 9 / 10,
        "most runs must meet their fault, {happened} of {count} did"
    );
}
