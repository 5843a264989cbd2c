//! What a stream into the books depends on, taken away while it runs: the database, the broker, the
//! answer to a commit, an instance's time; and a stream that is delivered twice, in another order.

use super::books::Books;
use super::common::{self, Daemon, eventually};
use super::peers::{Broker, Loses, Postgres, Wire, create_topic, produce};
use super::stream::{self, Partitions};
use super::{classified, company, control_closes, holds, holds_in_sum, wanted};
use fastrand::Rng;
use rdkafka::mocking::MockCluster;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_mins(2);

/// A topic as a source; small batches, so that there are many transactions to disturb.
fn topic(source: &str, brokers: &str, topic: &str) -> String {
    format!(
        "  {source}:\n    kafka:\n      brokers: \"{brokers}\"\n      topic: {topic}\n      group: {source}\n      options: {{ session.timeout.ms: \"6000\", heartbeat.interval.ms: \"500\", reconnect.backoff.max.ms: \"500\" }}\n"
    )
}

fn sources(list: &[String]) -> String {
    format!("intake_events: 50\nsources:\n{}", list.concat())
}

fn inputs(partitions: &Partitions) -> i64 {
    i64::try_from(partitions.iter().map(Vec::len).sum::<usize>()).unwrap()
}

fn wait_for(books: &Books, wanted: i64) {
    eventually(PATIENCE, || match books.received() {
        found if found >= wanted => Ok(()),
        found => Err(format!("{found} of {wanted} inputs came")),
    });
}

fn log(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("daemon.log")).unwrap()
}

/// Stops it and looks at everything.
fn ends_well(what: &str, dir: &Path, daemon: Daemon) {
    assert_eq!(daemon.stop(), Some(0), "{what}: {}", log(dir));
    classified(what, &log(dir));
    control_closes(what, dir);
}

#[test]
fn the_database_is_killed_and_restarted_under_load() {
    let what = "PostgreSQL killed";
    let server = Postgres::start("faults-own-postgres");
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("billing", 4, 1).unwrap();
    let partitions = stream::partitions(11, 6_000, 4);
    produce(&cluster.bootstrap_servers(), "billing", &partitions, 0, 1);
    let dir = common::folder("faults-postgres-killed");
    let books = Books::Postgres(server.url());
    company(
        &dir,
        &books,
        &sources(&[topic("stream", &cluster.bootstrap_servers(), "billing")]),
    );
    let daemon = Daemon::start(&dir, "");
    let (all, mut rng) = (inputs(&partitions), Rng::with_seed(11));
    for round in 1..=3 {
        wait_for(&books, all * round / 5);
        std::thread::sleep(Duration::from_millis(rng.u64(0..200)));
        server.kill();
        std::thread::sleep(Duration::from_millis(300));
        server.up();
    }
    wait_for(&books, all);
    ends_well(what, &dir, daemon);
    holds(what, &dir, &books, &wanted([("stream", &partitions)]));
    assert!(
        log(&dir).contains("\"class\":\"retry\""),
        "nothing was disturbed: {}",
        log(&dir)
    );
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn the_broker_is_killed_and_restarted() {
    let what = "broker killed";
    let mut broker = Broker::start();
    create_topic(&broker.address(), "billing", 2);
    let partitions = stream::partitions(12, 1_200, 2);
    produce(&broker.address(), "billing", &partitions, 0, 3);
    let dir = common::folder("faults-broker-killed");
    let books = Books::Sqlite(dir.join("books.db"));
    company(
        &dir,
        &books,
        &sources(&[topic("stream", &broker.address(), "billing")]),
    );
    let daemon = Daemon::start(&dir, "");
    let (all, mut rng) = (inputs(&partitions), Rng::with_seed(12));
    wait_for(&books, 1);
    for part in 1..3 {
        std::thread::sleep(Duration::from_millis(rng.u64(0..300)));
        broker.kill();
        std::thread::sleep(Duration::from_millis(500));
        broker.up();
        produce(&broker.address(), "billing", &partitions, part, 3);
    }
    wait_for(&books, all);
    ends_well(what, &dir, daemon);
    holds(what, &dir, &books, &wanted([("stream", &partitions)]));
    std::fs::remove_dir_all(dir).unwrap();
}

fn signal(daemon: &Daemon, name: &str) {
    let sent = Command::new("kill")
        .args([name, &daemon.0.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

#[test]
fn an_instance_that_was_frozen_past_its_session_is_fenced() {
    let what = "an instance frozen";
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("billing", 6, 1).unwrap();
    let brokers = cluster.bootstrap_servers();
    let partitions = stream::partitions(13, 9_000, 6);
    let books = Books::Postgres(common::database("faults_frozen"));
    let dirs: Vec<_> = (0..3)
        .map(|number| common::folder(&format!("faults-frozen-{number}")))
        .collect();
    let mut daemons = Vec::new();
    for dir in &dirs {
        company(
            dir,
            &books,
            &sources(&[topic("stream", &brokers, "billing")]),
        );
        daemons.push(Daemon::start(dir, ""));
        eventually(Duration::from_secs(30), || {
            if log(dir).contains("partitions were assigned") {
                Ok(())
            } else {
                Err(log(dir))
            }
        });
    }
    let produced = |part: usize| -> i64 {
        produce(&brokers, "billing", &partitions, part, 3);
        let sent = partitions
            .iter()
            .map(|lines| lines.len() * (part + 1) / 3)
            .sum::<usize>();
        i64::try_from(sent).unwrap()
    };
    let first = produced(0);
    // In the midst of its batches.
    wait_for(&books, first / 4);
    signal(&daemons[0], "-STOP");
    let frozen = Instant::now();
    wait_for(&books, first);
    let second = produced(1);
    wait_for(&books, second);
    assert!(
        frozen.elapsed() > Duration::from_secs(5),
        "its partitions were not taken over by a session's end"
    );
    signal(&daemons[0], "-CONT");
    wait_for(&books, produced(2));
    let mut fenced = 0;
    for (daemon, dir) in daemons.into_iter().zip(&dirs) {
        ends_well(what, dir, daemon);
        fenced += log(dir)
            .matches("fenced: another instance moved the checkpoint")
            .count();
    }
    assert!(
        log(&dirs[0]).contains("\"class\":\"retry\"") || fenced > 0,
        "it noticed nothing: {}",
        log(&dirs[0])
    );
    eprintln!("frozen for {:?}, {fenced} batches fenced", frozen.elapsed());
    holds(what, &dirs[0], &books, &wanted([("stream", &partitions)]));
    for dir in dirs {
        std::fs::remove_dir_all(dir).unwrap();
    }
    let Books::Postgres(url) = books else {
        unreachable!()
    };
    common::drop_database(&url);
}

/// A commit's answer is lost on the wire: it is asked for, never repeated blindly.
fn an_answer_is_lost(loses: Loses, away: Duration, told: &str) {
    let server = common::peer("TIEOUT_TEST_POSTGRES");
    for seed in 0..6_u32 {
        let what = format!("{loses:?} lost, seed {seed}");
        let name = format!("faults-wire-{loses:?}-{}-{seed}", away.as_millis()).to_lowercase();
        let dir = common::folder(&name);
        let url = common::database(&name.replace('-', "_"));
        let books = Books::Postgres(url.clone());
        let partitions = stream::partitions(seed.into(), 300, 2);
        // Opening the books commits before the first batch does, and once that the mapping was tried.
        company(
            &dir,
            &books,
            "sources: { billing: { file: { folder: inbox } } }\n",
        );
        super::write_inbox(&dir, &partitions);
        common::expect(0, &["-c", &common::config(&dir), "post"]);
        let wire = Wire::to(&server, loses, 3 + seed % 5, away);
        let database = url.rsplit('/').next().unwrap();
        let through = format!(
            "postgres://postgres@127.0.0.1:{}/{database}?sslmode=disable",
            wire.port
        );
        let more = "intake_events: 40\nsources: { billing: { file: { folder: inbox } } }\n";
        company(&dir, &Books::Postgres(through), more);
        let output = common::tieout(&["-c", &common::config(&dir), "--log", "json", "ingest"]);
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{what}: {log}");
        assert!(wire.has_lost(), "{what}: nothing was lost");
        assert!(log.contains(told), "{what}: {log}");
        classified(&what, &log);
        company(&dir, &books, more);
        holds(&what, &dir, &books, &wanted([("billing", &partitions)]));
        std::fs::remove_dir_all(&dir).unwrap();
        common::drop_database(&url);
    }
}

#[test]
fn a_commit_that_happened_unheard_is_read_back() {
    an_answer_is_lost(
        Loses::TheAnswer,
        Duration::ZERO,
        "the books say that it happened",
    );
}

#[test]
fn a_commit_that_never_arrived_is_tried_again() {
    an_answer_is_lost(
        Loses::TheCommit,
        Duration::ZERO,
        "the books do not answer; tried again",
    );
}

#[test]
fn a_commit_stays_in_doubt_until_the_books_answer() {
    an_answer_is_lost(
        Loses::TheAnswer,
        Duration::from_secs(1),
        "the books say that it happened",
    );
}

#[test]
fn a_topic_delivered_twice_and_in_another_order_is_posted_once() {
    let cluster = MockCluster::new(1).unwrap();
    let brokers = cluster.bootstrap_servers();
    let partitions = stream::partitions(14, 3_000, 4);
    // Without conflicts two orders agree on everything; with them, one partition keeps its own order.
    let other = stream::shuffled(15, &partitions, 3);
    for (name, stream) in [("once", &partitions), ("shuffled", &other)] {
        cluster
            .create_topic(name, i32::try_from(stream.len()).unwrap(), 1)
            .unwrap();
        produce(&brokers, name, stream, 0, 1);
    }
    let what = "delivered thrice";
    let dir = common::folder("faults-twice");
    let books = Books::Postgres(common::database("faults_twice"));
    let list = [
        topic("first", &brokers, "once"),
        topic("again", &brokers, "once"),
    ];
    company(&dir, &books, &sources(&list));
    let daemon = Daemon::start(&dir, "");
    wait_for(&books, 2 * inputs(&partitions));
    ends_well(what, &dir, daemon);
    holds_in_sum(
        what,
        &dir,
        &books,
        &wanted([("first", &partitions), ("again", &partitions)]),
    );
    // A third time, over other partitions and in another order.
    company(
        &dir,
        &books,
        &sources(&[topic("shuffled", &brokers, "shuffled")]),
    );
    let daemon = Daemon::start(&dir, "");
    wait_for(&books, 3 * inputs(&partitions));
    ends_well(what, &dir, daemon);
    let all = wanted([
        ("first", &partitions),
        ("again", &partitions),
        ("shuffled", &other),
    ]);
    holds_in_sum(what, &dir, &books, &all);
    // The shuffled stream alone, into empty books: the same entries.
    let alone = common::folder("faults-shuffled");
    let shuffled = Books::Sqlite(alone.join("books.db"));
    company(
        &alone,
        &shuffled,
        &sources(&[topic("shuffled-alone", &brokers, "shuffled")]),
    );
    let daemon = Daemon::start(&alone, "");
    wait_for(&shuffled, inputs(&other));
    ends_well(what, &alone, daemon);
    holds(
        what,
        &alone,
        &shuffled,
        &wanted([("shuffled-alone", &other)]),
    );
    assert_eq!(shuffled.ledger().entries, books.ledger().entries);
    for dir in [dir, alone] {
        std::fs::remove_dir_all(dir).unwrap();
    }
    let Books::Postgres(url) = books else {
        unreachable!()
    };
    common::drop_database(&url);
}
