//! The SFTP transport against OpenSSH's own server, which the test command starts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

use connectors::secret::SecretRef;
use connectors::transport::pickup::{self, FetchError, Found, Sight};
use connectors::transport::sftp::{Config, Sftp};
use connectors::transport::{FileDrop, Placed, TransportError};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

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
    let pipe = std::process::Command::new("mkfifo")
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
