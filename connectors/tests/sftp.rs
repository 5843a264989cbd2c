//! The SFTP transport against OpenSSH's own server, which the test command starts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

use connectors::transport::sftp::{Config, Sftp};
use connectors::transport::{FileDrop, Placed, TransportError};
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
