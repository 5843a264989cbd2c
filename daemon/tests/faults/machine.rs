//! What the machine does: the disk fills up, the clock jumps backwards.

use super::books::Books;
use super::common::{self, Daemon, config, eventually};
use super::peers::{is_root, produce};
use super::stream;
use super::{classified, company, control_closes, holds, wanted, write_inbox};
use rdkafka::mocking::MockCluster;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A small disk of its own; given back when the test ends.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path, megabytes: u32) -> Self {
        std::fs::create_dir_all(at).unwrap();
        let size = format!("size={megabytes}m");
        mount(&["-t", "tmpfs", "-o", &size, "tmpfs"], at);
        Self(at.to_owned())
    }

    fn resize(&self, megabytes: u32) {
        mount(&["-o", &format!("remount,size={megabytes}m")], &self.0);
    }
}

fn mount(arguments: &[&str], at: &Path) {
    let status = Command::new("mount")
        .args(arguments)
        .arg(at)
        .status()
        .unwrap();
    assert!(status.success(), "mount {arguments:?} {}", at.display());
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _busy = Command::new("umount").args(["-l"]).arg(&self.0).status();
    }
}

/// The disk fills up in the midst of intake. Freed in time, the same process goes on; freed later, the
/// next one does.
fn the_disk_fills_up(name: &str, in_time: bool) {
    if !is_root() {
        eprintln!("skipped: only root can mount a small disk");
        return;
    }
    let dir = common::folder(name);
    let disk = Disk::mount(&dir.join("disk"), 4);
    let books = Books::Sqlite(dir.join("disk/books.db"));
    let partitions = stream::partitions(21, 6_000, 2);
    company(
        &dir,
        &books,
        "intake_events: 100\nsources: { billing: { file: { folder: inbox } } }\n",
    );
    write_inbox(&dir, &partitions);
    let mut child = Command::new(env!("CARGO_BIN_EXE_tieout"))
        .args(["-c", &config(&dir), "--log", "json", "ingest"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = String::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        if in_time && line.contains("\"class\":\"retry\"") && !log.contains("\"class\":\"retry\"") {
            disk.resize(256);
        }
        log.push_str(&line);
        log.push('\n');
    }
    let ended = child.wait().unwrap();
    assert!(
        log.contains("\"class\":\"retry\""),
        "the disk did not fill up: {log}"
    );
    classified(name, &log);
    assert_eq!(ended.success(), in_time, "{log}");
    if !in_time {
        disk.resize(256);
        common::expect(0, &["-c", &config(&dir), "ingest"]);
    }
    holds(name, &dir, &books, &wanted([("billing", &partitions)]));
    control_closes(name, &dir);
    drop(disk);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_full_disk_that_is_freed_lets_intake_go_on() {
    the_disk_fills_up("faults-disk-freed", true);
}

#[test]
fn a_disk_that_stays_full_ends_intake_and_loses_nothing() {
    the_disk_fills_up("faults-disk-full", false);
}

#[test]
fn a_clock_that_jumps_backwards_changes_nothing_but_the_stamps() {
    let what = "the clock jumps backwards";
    let dir = common::folder("faults-clock");
    let books = Books::Sqlite(dir.join("books.db"));
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("billing", 2, 1).unwrap();
    let brokers = cluster.bootstrap_servers();
    let partitions = stream::partitions(22, 2_000, 2);
    let more = format!(
        "intake_events: 50\nsources:\n  stream: {{ kafka: {{ brokers: \"{brokers}\", topic: billing, group: books }} }}\ntargets:\n  files: {{ kind: csv, drop: {{ folder: {{ path: exports/files }} }} }}\nschedule: {{ export: \"* * * * * *\" }}\n"
    );
    company(&dir, &books, &more);
    let clock = dir.join("clock");
    std::fs::write(&clock, "+0").unwrap();
    let log = std::fs::File::create(dir.join("daemon.log")).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_tieout"))
        .args(["-c", &config(&dir), "--log", "json", "run"])
        .env("LD_PRELOAD", common::peer("TIEOUT_TEST_FAKETIME"))
        .env("FAKETIME_TIMESTAMP_FILE", &clock)
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("DONT_FAKE_MONOTONIC", "1")
        .stderr(Stdio::from(log))
        .spawn()
        .unwrap();
    let daemon = Daemon(child);
    for (part, jump) in ["-1d", "-2h", "-30d", "+0"].into_iter().enumerate() {
        produce(&brokers, "billing", &partitions, part, 4);
        let sent: usize = partitions
            .iter()
            .map(|lines| lines.len() * (part + 1) / 4)
            .sum();
        let sent = i64::try_from(sent).unwrap();
        eventually(Duration::from_mins(1), || match books.received() {
            found if found >= sent => Ok(()),
            found => Err(format!("{found} of {sent}")),
        });
        std::fs::write(&clock, jump).unwrap();
    }
    assert_eq!(daemon.stop(), Some(0));
    classified(
        what,
        &std::fs::read_to_string(dir.join("daemon.log")).unwrap(),
    );
    let jumped = books
        .number("SELECT COUNT(*) FROM event a JOIN event b ON b.id = a.id + 1 WHERE b.received_at < a.received_at")
        .unwrap();
    assert!(jumped >= 2, "the clock jumped {jumped} times");
    common::expect(0, &["-c", &config(&dir), "export"]);
    holds(what, &dir, &books, &wanted([("stream", &partitions)]));
    control_closes(what, &dir);
    std::fs::remove_dir_all(dir).unwrap();
}
