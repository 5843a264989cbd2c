//! The SFTP transport against OpenSSH's own server, which the test command starts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

use connectors::secret::SecretRef;
use connectors::transport::pickup::{self, FetchError, Found, Sight};
use connectors::transport::sftp::{Config, Sftp};
use connectors::transport::{FileDrop, Placed, TransportError};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn peer() -> (PathBuf, Config) {
    let folder = std::env::var("TIEOUT_TEST_SFTP")
        .expect("TIEOUT_TEST_SFTP is not set; `make test` starts an sshd and sets it");
    let folder = PathBuf::from(folder);
    let public = std::fs::read_to_string(folder.join("host.pub")).unwrap();
    let config = Config {
        host: "127.0.0.1".into(),
        port: std::env::var("TIEOUT_TEST_SFTP_PORT")
            .unwrap()
            .parse()
            .unwrap(),
        user: std::env::var("TIEOUT_TEST_SFTP_USER").unwrap(),
        host_key: public
            .split_whitespace()
            .take(2)
            .collect::<Vec<_>>()
            .join(" "),
        folder: folder.join("inbound").display().to_string(),
        key_file: Some(folder.join("client")),
        password: None,
        timeout_seconds: 20,
        temporary: ".*.part".into(),
        rename: true,
        read_back: true,
    };
    (folder, config)
}

fn open(config: &Config) -> Sftp {
    Sftp::new(config.clone(), Path::new("/")).unwrap()
}

#[tokio::test]
async fn a_file_arrives_whole_and_a_repeat_sends_nothing() {
    let (folder, config) = peer();
    let bytes: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
    let path = folder.join("inbound/batch.csv");
    // What a cut connection leaves behind must not stop the next attempt.
    std::fs::write(folder.join("inbound/.batch.csv.part"), b"half").unwrap();
    let drop = open(&config);
    drop.check().await.unwrap();
    assert_eq!(drop.put("batch.csv", &bytes).await.unwrap(), Placed::Sent);
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    let before = std::fs::metadata(&path).unwrap().modified().unwrap();
    assert_eq!(
        drop.put("batch.csv", &bytes).await.unwrap(),
        Placed::Already
    );
    assert_eq!(
        std::fs::metadata(&path).unwrap().modified().unwrap(),
        before
    );
    assert_eq!(
        drop.put("batch.csv", b"other").await.unwrap(),
        Placed::Occupied
    );
    assert_eq!(
        std::fs::read(&path).unwrap(),
        bytes,
        "what lies there stays"
    );
    assert!(!folder.join("inbound/.batch.csv.part").exists());
    let shelf = drop.shelf().unwrap();
    let listed = shelf.list().await.unwrap();
    assert!(listed.contains(&"batch.csv".to_owned()), "{listed:?}");
    assert_eq!(shelf.read("batch.csv").await.unwrap().unwrap(), bytes);
    assert_eq!(shelf.read("nothing.csv").await.unwrap(), None);
    // A pipe under the name of a file would hold whoever opens it.
    let pipe = Command::new("mkfifo")
        .arg(folder.join("inbound/pipe.csv"))
        .status();
    assert!(pipe.unwrap().success());
    assert_eq!(drop.put("pipe.csv", b"x").await.unwrap(), Placed::Occupied);
    assert_eq!(shelf.read("pipe.csv").await.unwrap(), None);
    let of_this = |name: &&String| name.contains("batch.csv") && name.ends_with(".part");
    assert_eq!(listed.iter().filter(of_this).count(), 0, "{listed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_files_at_once_lie_there_once() {
    let (folder, config) = peer();
    let bytes: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
    let drop = open(&config);
    let placed =
        futures_util::future::join_all((0..3).map(|_| drop.put("at-once.csv", &bytes))).await;
    for one in &placed {
        assert_ne!(*one.as_ref().unwrap(), Placed::Occupied);
    }
    let path = folder.join("inbound/at-once.csv");
    assert_eq!(std::fs::read(path).unwrap(), bytes);
}

#[tokio::test]
async fn another_host_key_is_refused_before_anything_is_sent() {
    let (folder, mut config) = peer();
    let other = std::fs::read_to_string(folder.join("other.pub")).unwrap();
    config.host_key = other
        .split_whitespace()
        .take(2)
        .collect::<Vec<_>>()
        .join(" ");
    let refused = open(&config).put("secret.csv", b"bytes").await.unwrap_err();
    assert!(
        matches!(refused, TransportError::HostKey { .. }),
        "{refused}"
    );
    assert!(!folder.join("inbound/secret.csv").exists());
}

#[tokio::test]
async fn wrong_credentials_and_unreachable_hosts_are_told_apart() {
    let (folder, config) = peer();
    let stranger = Config {
        key_file: Some(folder.join("other")),
        ..config.clone()
    };
    let refused = open(&stranger).put("a.csv", b"bytes").await.unwrap_err();
    assert!(
        matches!(refused, TransportError::Unauthorized { .. }),
        "{refused}"
    );
    let nobody = Config {
        port: 1,
        ..config.clone()
    };
    let refused = open(&nobody).put("a.csv", b"bytes").await.unwrap_err();
    assert!(
        matches!(refused, TransportError::Unreachable { .. }),
        "{refused}"
    );
    let nowhere = Config {
        folder: "/no/such/folder".into(),
        ..config
    };
    assert!(open(&nowhere).put("a.csv", b"bytes").await.is_err());
    assert!(open(&nowhere).check().await.is_err());
}

/// A folder of the server that files are fetched from, and a folder of this machine that they come to.
fn pickup(name: &str) -> (PathBuf, pickup::Config, PathBuf) {
    let (ssh, drop) = peer();
    let there = ssh.join("inbound").join(name);
    std::fs::create_dir_all(there.join("done")).unwrap();
    let here = ssh.join(format!("fetched-{name}"));
    std::fs::create_dir_all(&here).unwrap();
    let config = pickup::Config {
        host: drop.host,
        port: drop.port,
        user: drop.user,
        host_key: drop.host_key,
        key: Some(SecretRef::File(ssh.join("client"))),
        password: None,
        timeout_seconds: 20,
        folder: there.display().to_string(),
        pattern: "*".to_owned(),
        stable_seconds: 60,
        done: Some("done".to_owned()),
        most_bytes: 2 << 20,
    };
    (there, config, here)
}

fn sights(found: Vec<Found>) -> (Vec<Sight>, Vec<String>) {
    let (mut files, mut refused) = (Vec::new(), Vec::new());
    for found in found {
        match found {
            Found::File(sight) => files.push(sight),
            Found::Refused { name, why } => refused.push(format!("{name:?}: {why}")),
        }
    }
    (files, refused)
}

#[tokio::test]
async fn a_file_is_fetched_as_it_was_seen_and_put_away() {
    let (there, config, here) = pickup("fetched");
    let bytes: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
    std::fs::write(there.join("report.csv"), &bytes).unwrap();
    std::fs::write(there.join("large.csv"), vec![0; 3 << 20]).unwrap();
    std::fs::write(there.join(".half.csv"), b"half").unwrap();
    std::fs::write(there.join("two\nlines.csv"), b"x").unwrap();
    symlink("/etc/passwd", there.join("link.csv")).unwrap();
    let pickup = config.open(Path::new("/")).unwrap();
    pickup.check().await.unwrap();
    let connected = pickup.connect().await.unwrap();
    let (files, refused) = sights(connected.list().await.unwrap());
    let names: Vec<(&str, u64)> = files
        .iter()
        .map(|sight| (sight.name.as_str(), sight.bytes))
        .collect();
    assert_eq!(names, [("large.csv", 3 << 20), ("report.csv", 1_200_000)]);
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(refused[0].contains("symbolic link"), "{refused:?}");
    assert!(refused[1].starts_with("\"two\\nlines.csv\": its name holds control"));
    let place = here.join("report.csv");
    let hash = connected.fetch(&files[1], &place).await.unwrap();
    assert_eq!(std::fs::read(&place).unwrap(), bytes);
    assert_eq!(hash, ledger::Hash::of(&bytes));
    let mode = std::fs::metadata(&place).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let told = connected.fetch(&files[0], &here.join("large.csv")).await;
    let told = told.unwrap_err().to_string();
    assert!(told.contains("raise `most_bytes`"), "{told}");
    assert!(!here.join("large.csv").exists(), "not a byte of it came");
    // What is put away never lands on what was put away before.
    for round in 0..3 {
        std::fs::write(there.join("report.csv"), &bytes).unwrap();
        assert!(connected.put_away("report.csv", hash).await.unwrap());
        let away = std::fs::read_dir(there.join("done")).unwrap().count();
        assert_eq!(away, round + 1);
    }
    assert!(!there.join("report.csv").exists());
}

#[tokio::test]
async fn what_changes_between_the_look_and_the_fetch_is_not_taken() {
    let (there, config, here) = pickup("changing");
    let path = there.join("a.csv");
    std::fs::write(&path, b"half").unwrap();
    let connected = config
        .open(Path::new("/"))
        .unwrap()
        .connect()
        .await
        .unwrap();
    let (files, _) = sights(connected.list().await.unwrap());
    let change = |to: &str| {
        let here = here.join(to);
        let (connected, sight) = (connected.clone(), files[0].clone());
        async move { connected.fetch(&sight, &here).await.unwrap_err() }
    };
    std::fs::write(&path, b"half and half").unwrap();
    let told = change("grown.csv").await;
    assert!(told.to_string().contains("it changed"), "{told}");
    std::fs::remove_file(&path).unwrap();
    symlink("/etc/passwd", &path).unwrap();
    let told = change("linked.csv").await;
    assert!(told.to_string().contains("symbolic link"), "{told}");
    std::fs::remove_file(&path).unwrap();
    let told = change("gone.csv").await;
    assert!(matches!(told, FetchError::Changed), "{told}");
}

#[tokio::test]
async fn who_is_not_the_host_or_not_let_in_brings_nothing() {
    let (there, config, _) = pickup("strangers");
    let (ssh, _) = peer();
    std::fs::write(there.join("a.csv"), b"bytes").unwrap();
    let other = std::fs::read_to_string(ssh.join("other.pub")).unwrap();
    let other: Vec<&str> = other.split_whitespace().take(2).collect();
    let impostor = pickup::Config {
        host_key: other.join(" "),
        ..config.clone()
    };
    let refused = impostor.open(Path::new("/")).unwrap().connect().await;
    let refused = refused.unwrap_err();
    assert!(
        matches!(refused, TransportError::HostKey { .. }),
        "{refused}"
    );
    let stranger = pickup::Config {
        key: Some(SecretRef::File(ssh.join("other"))),
        ..config.clone()
    };
    let refused = stranger.open(Path::new("/")).unwrap().connect().await;
    let refused = refused.unwrap_err();
    assert!(
        matches!(refused, TransportError::Unauthorized { .. }),
        "{refused}"
    );
    let nowhere = pickup::Config {
        done: Some("elsewhere".to_owned()),
        ..config
    };
    let told = nowhere.open(Path::new("/")).unwrap().check().await;
    let told = told.unwrap_err().to_string();
    assert!(told.contains("elsewhere"), "{told}");
}

/// A server of its own, for what the common one does not do; it ends with the test.
struct Sshd {
    process: Child,
    port: u16,
}

impl Sshd {
    /// With this subsystem: `internal-sftp` and its options.
    fn start(name: &str, subsystem: &str) -> Self {
        let (ssh, _) = peer();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let common = std::fs::read_to_string(ssh.join("sshd_config")).unwrap();
        let mut own = String::new();
        for line in common.lines() {
            let line = match line.split(' ').next() {
                Some("Port") => format!("Port {port}"),
                Some("PidFile") => format!("PidFile {}", ssh.join(format!("pid-{name}")).display()),
                Some("Subsystem") => format!("Subsystem sftp {subsystem}"),
                _ => line.to_owned(),
            };
            own.push_str(&line);
            own.push('\n');
        }
        let file = ssh.join(format!("sshd_config-{name}"));
        std::fs::write(&file, own).unwrap();
        let program = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"];
        let program = program.iter().find(|path| Path::new(path).exists());
        let process = Command::new(program.expect("sshd is installed"))
            .args(["-D", "-e", "-f"])
            .arg(&file)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        for _ in 0..100 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { process, port }
    }

    /// A folder of the server, of this name and empty, and how it is reached.
    fn folder(&self, name: &str) -> (PathBuf, Config) {
        let (there, config) = folder(name);
        let port = self.port;
        (there, Config { port, ..config })
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}

/// An empty folder of the common server.
fn folder(name: &str) -> (PathBuf, Config) {
    let (ssh, config) = peer();
    let there = ssh.join("inbound").join(name);
    let _absent = std::fs::remove_dir_all(&there);
    std::fs::create_dir_all(&there).unwrap();
    let folder = there.display().to_string();
    (there, Config { folder, ..config })
}

fn names(folder: &Path) -> Vec<String> {
    let found = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = found
        .map(|item| item.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Which way a wire carries.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    There,
    Back,
}

/// A wire to a server that is cut when so many bytes went one way; it tells how many went each way.
struct Wire {
    port: u16,
    went: [Arc<AtomicUsize>; 2],
}

impl Wire {
    fn new(to: u16, cut: Option<(Way, usize)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let went: [Arc<AtomicUsize>; 2] = Default::default();
        let counted = went.clone();
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let far = TcpStream::connect(("127.0.0.1", to)).unwrap();
                let ways = [(Way::There, &near, &far), (Way::Back, &far, &near)];
                for ((way, from, into), went) in ways.into_iter().zip(&counted) {
                    let (from, into) = (from.try_clone().unwrap(), into.try_clone().unwrap());
                    let most = cut
                        .filter(|cut| cut.0 == way)
                        .map_or(usize::MAX, |cut| cut.1);
                    let went = Arc::clone(went);
                    std::thread::spawn(move || carry(from, into, most, &went));
                }
            }
        });
        Self { port, went }
    }

    fn went(&self, way: Way) -> usize {
        let place = usize::from(way == Way::Back);
        self.went[place].load(Ordering::SeqCst)
    }
}

fn carry(mut from: TcpStream, mut into: TcpStream, most: usize, went: &AtomicUsize) {
    let mut block = [0; 4096];
    loop {
        let left = most - went.load(Ordering::SeqCst);
        let length = from.read(&mut block).unwrap_or(0);
        let cut = length >= left;
        let length = length.min(left);
        went.fetch_add(length, Ordering::SeqCst);
        if length == 0 || into.write_all(&block[..length]).is_err() || cut {
            let _gone = (from.shutdown(Shutdown::Both), into.shutdown(Shutdown::Both));
            return;
        }
    }
}

fn megabyte() -> Vec<u8> {
    (0..262_144u32).flat_map(u32::to_le_bytes).collect()
}

/// Where the wire is cut: after each 64 KiB that went this way, and between the last answers.
fn cuts(config: &Config, way: Way) -> Vec<usize> {
    let wire = Wire::new(config.port, None);
    let through = Config {
        port: wire.port,
        ..config.clone()
    };
    let all = {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let drop = open(&through);
        assert_eq!(
            runtime
                .block_on(drop.put("batch.csv", &megabyte()))
                .unwrap(),
            Placed::Sent
        );
        wire.went(way)
    };
    let coarse = (1..).map(|step| step << 16).take_while(|at| *at < all);
    coarse.chain((1..12).map(|step| all - 50 * step)).collect()
}

/// What lies there when the server got to the end of what reached it.
fn settled(path: &Path) -> Vec<u8> {
    let read = || std::fs::read(path).unwrap_or_default();
    let mut before = read();
    loop {
        std::thread::sleep(Duration::from_millis(40));
        let now = read();
        if now == before {
            return now;
        }
        before = now;
    }
}

/// However the connection is cut, the next attempt leaves exactly one whole file.
fn cut_everywhere(name: &str, rename: bool) {
    let (there, config) = folder(name);
    let config = Config { rename, ..config };
    let empty = || {
        std::fs::remove_dir_all(&there).unwrap();
        std::fs::create_dir_all(&there).unwrap();
    };
    let bytes = megabyte();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let (mut failed, mut went_on) = (0, 0);
    for way in [Way::There, Way::Back] {
        empty();
        let cuts = cuts(&config, way);
        assert!(cuts.len() > 26, "a megabyte goes each way: {cuts:?}");
        for at in cuts {
            empty();
            let wire = Wire::new(config.port, Some((way, at)));
            let through = Config {
                port: wire.port,
                ..config.clone()
            };
            let first = runtime.block_on(open(&through).put("batch.csv", &bytes));
            failed += usize::from(first.is_err());
            let path = there.join("batch.csv");
            let left = settled(&path);
            if rename {
                assert!(
                    left.is_empty() || left == bytes,
                    "{way:?} {at}: half of it shows"
                );
            } else {
                assert!(bytes.starts_with(&left), "{way:?} {at}");
                went_on += usize::from(!left.is_empty() && left.len() < bytes.len());
            }
            let again = runtime
                .block_on(open(&config).put("batch.csv", &bytes))
                .unwrap();
            // It may have got there even later.
            let sent = again == Placed::Sent && left != bytes;
            assert!(
                sent || again == Placed::Already,
                "{way:?} {at}, {first:?}: {again:?}"
            );
            assert_eq!(std::fs::read(&path).unwrap(), bytes, "{way:?} {at}");
            let shown: Vec<String> = names(&there)
                .into_iter()
                .filter(|name| !name.starts_with('.'))
                .collect();
            assert_eq!(shown, ["batch.csv"], "{way:?} {at}");
        }
    }
    assert!(failed > 30, "only {failed} cuts were felt");
    assert!(
        rename || went_on > 5,
        "only {went_on} halves were gone on with"
    );
}

#[test]
fn a_connection_that_is_cut_anywhere_leaves_one_whole_file_after_the_next_attempt() {
    cut_everywhere("cut", true);
}

#[test]
fn a_file_that_was_cut_off_under_its_own_name_is_gone_on_with() {
    cut_everywhere("cut-in-place", false);
}

#[tokio::test]
async fn what_lies_there_decides_without_a_rename_too() {
    let (there, config) = folder("in-place");
    let drop = open(&Config {
        rename: false,
        ..config
    });
    let path = there.join("batch.csv");
    for (left, wanted) in [
        (None, Placed::Sent),
        (Some(&b""[..]), Placed::Sent),
        (Some(b"whole"), Placed::Sent),
        (Some(b"whole file"), Placed::Already),
        (Some(b"Whole"), Placed::Occupied),
        (Some(b"whole file and more"), Placed::Occupied),
        (Some(b"Whole file"), Placed::Occupied),
    ] {
        let _absent = std::fs::remove_file(&path);
        if let Some(left) = left {
            std::fs::write(&path, left).unwrap();
        }
        let said = format!("{left:?}");
        assert_eq!(
            drop.put("batch.csv", b"whole file").await.unwrap(),
            wanted,
            "{said}"
        );
        let now = std::fs::read(&path).unwrap();
        if wanted == Placed::Occupied {
            assert_eq!(Some(now.as_slice()), left, "what lies there stays");
        } else {
            assert_eq!(now, b"whole file", "{said}");
        }
    }
    assert_eq!(names(&there), ["batch.csv"]);
}

#[tokio::test]
async fn a_server_that_forbids_renaming_is_told_of_and_served_without() {
    let sshd = Sshd::start("no-rename", "internal-sftp -P rename,posix-rename");
    let (there, config) = sshd.folder("no-rename");
    let told = open(&config).put("batch.csv", b"bytes").await.unwrap_err();
    assert!(told.to_string().contains("`rename: false`"), "{told}");
    assert_eq!(names(&there), Vec::<String>::new(), "nothing is left");
    let plain = open(&Config {
        rename: false,
        ..config
    });
    plain.check().await.unwrap();
    assert_eq!(
        plain.put("batch.csv", b"bytes").await.unwrap(),
        Placed::Sent
    );
    assert_eq!(
        plain.put("batch.csv", b"bytes").await.unwrap(),
        Placed::Already
    );
    assert_eq!(
        plain.put("batch.csv", b"Bytes").await.unwrap(),
        Placed::Occupied
    );
    assert_eq!(names(&there), ["batch.csv"]);
}

#[tokio::test]
async fn a_server_that_lets_nobody_read_is_told_of_and_served_without() {
    let sshd = Sshd::start("no-read", "internal-sftp -P read");
    let (there, config) = sshd.folder("no-read");
    let told = open(&config).put("batch.csv", b"bytes").await.unwrap_err();
    assert!(told.to_string().contains("`read_back: false`"), "{told}");
    assert_eq!(names(&there), Vec::<String>::new(), "nothing is left");
    let blind = open(&Config {
        read_back: false,
        ..config
    });
    assert_eq!(
        blind.put("batch.csv", b"bytes").await.unwrap(),
        Placed::Sent
    );
    assert_eq!(std::fs::read(there.join("batch.csv")).unwrap(), b"bytes");
    // Another length is another file; of one of its own length nobody knows.
    assert_eq!(
        blind.put("batch.csv", b"other bytes").await.unwrap(),
        Placed::Occupied
    );
    assert!(blind.put("batch.csv", b"bytes").await.is_err());
}

#[tokio::test]
async fn a_folder_that_takes_nothing_is_told_of() {
    let sshd = Sshd::start("read-only", "internal-sftp -R");
    let (there, config) = sshd.folder("read-only");
    for rename in [true, false] {
        let drop = open(&Config {
            rename,
            ..config.clone()
        });
        let told = drop.put("batch.csv", b"bytes").await.unwrap_err();
        assert!(told.to_string().contains("creating the"), "{told}");
    }
    // What lies there already is seen all the same.
    std::fs::write(there.join("batch.csv"), b"bytes").unwrap();
    let drop = open(&config);
    assert_eq!(
        drop.put("batch.csv", b"bytes").await.unwrap(),
        Placed::Already
    );
    assert_eq!(
        drop.put("batch.csv", b"Bytes").await.unwrap(),
        Placed::Occupied
    );
}

#[tokio::test]
async fn uploads_are_called_as_the_server_wants() {
    let (there, config) = folder("temporary");
    std::fs::create_dir_all(there.join("uploads")).unwrap();
    let config = Config {
        temporary: "uploads/*.tmp".to_owned(),
        ..config
    };
    let wire = Wire::new(config.port, Some((Way::There, 300_000)));
    let through = Config {
        port: wire.port,
        ..config.clone()
    };
    assert!(open(&through).put("batch.csv", &megabyte()).await.is_err());
    // The server gets to the end of what reached it.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let left = names(&there.join("uploads"));
    assert_eq!((names(&there), left.len()), (vec!["uploads".to_owned()], 1));
    assert!(
        left[0].starts_with("batch.csv.") && left[0].ends_with(".tmp"),
        "{left:?}"
    );
    // One that nobody ended is cleared away when it is stale, and what is somebody else's is not.
    std::fs::write(there.join("uploads/batch.csv.notes.tmp"), b"notes").unwrap();
    for name in names(&there.join("uploads")) {
        let file = std::fs::File::options();
        let file = file
            .clone()
            .write(true)
            .open(there.join("uploads").join(name))
            .unwrap();
        let before = file.metadata().unwrap().modified().unwrap() - Duration::from_hours(2);
        file.set_modified(before).unwrap();
    }
    let drop = open(&config);
    drop.check().await.unwrap();
    assert_eq!(
        drop.put("batch.csv", &megabyte()).await.unwrap(),
        Placed::Sent
    );
    assert_eq!(names(&there), ["batch.csv", "uploads"]);
    assert_eq!(names(&there.join("uploads")), ["batch.csv.notes.tmp"]);
    let nowhere = open(&Config {
        temporary: "elsewhere/*.tmp".to_owned(),
        ..config
    });
    let told = nowhere.check().await.unwrap_err().to_string();
    assert!(told.contains("elsewhere"), "{told}");
}

/// A small disk that is given back when the test ends.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path, options: &str) -> Self {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at);
        assert!(
            mount.status().unwrap().success(),
            "{options} {}",
            at.display()
        );
        Self(at.to_owned())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _busy = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_disk_that_is_full_takes_the_file_when_there_is_room() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can mount a small disk");
        return;
    }
    for rename in [true, false] {
        let (there, config) = folder(&format!("disk-{rename}"));
        let small = Disk::mount(&there, "size=256k");
        let drop = open(&Config { rename, ..config });
        let told = drop.put("batch.csv", &megabyte()).await.unwrap_err();
        let left = names(&there);
        if rename {
            assert!(left.is_empty(), "nothing is in the way of others: {left:?}");
        } else {
            assert_eq!(left, ["batch.csv"], "{told}");
        }
        let mut mount = Command::new("mount");
        mount.args(["-o", "remount,size=8m"]).arg(&there);
        assert!(mount.status().unwrap().success());
        assert_eq!(
            drop.put("batch.csv", &megabyte()).await.unwrap(),
            Placed::Sent
        );
        assert_eq!(std::fs::read(there.join("batch.csv")).unwrap(), megabyte());
        assert_eq!(names(&there), ["batch.csv"]);
        std::mem::drop(small);
    }
}
