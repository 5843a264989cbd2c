//! The folder transport: whole files, whoever else puts them there.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

use connectors::transport::folder::{Config, Folder};
use connectors::transport::{FileDrop, Placed};
use futures_util::future::join_all;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

fn folder(name: &str) -> (PathBuf, Folder) {
    let path = std::env::temp_dir().join(format!("tieout-folder-{name}-{}", std::process::id()));
    let _absent = std::fs::remove_dir_all(&path);
    let drop = Folder::new(&Config { path: path.clone() }, Path::new("/"));
    (path, drop)
}

fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(path)
        .unwrap()
        .map(|item| item.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_files_at_once_lie_there_once_and_nobody_is_refused() {
    let (path, drop) = folder("at-once");
    let bytes: Vec<u8> = (0..500_000u32).flat_map(u32::to_le_bytes).collect();
    let placed = join_all((0..8).map(|_| drop.put("batch.csv", &bytes))).await;
    let sent = |wanted: Placed| {
        let of_it = placed.iter().filter(|one| one.as_ref().unwrap() == &wanted);
        of_it.count()
    };
    assert_eq!((sent(Placed::Sent), sent(Placed::Already)), (1, 7));
    assert_eq!(std::fs::read(path.join("batch.csv")).unwrap(), bytes);
    assert_eq!(names(&path), ["batch.csv"], "no upload is left");
    std::fs::remove_dir_all(path).unwrap();
}

#[tokio::test]
async fn uploads_that_nobody_ended_go_and_those_of_others_stay() {
    let (path, drop) = folder("stale");
    std::fs::create_dir_all(&path).unwrap();
    // Of an earlier version, of a process that died yesterday, of one at work, and of another file.
    let parts = [
        ".batch.csv.part",
        ".batch.csv.1-a-0.part",
        ".batch.csv.2-b-0.part",
        ".other.csv.1-a-0.part",
    ];
    for name in parts {
        std::fs::write(path.join(name), b"half").unwrap();
    }
    let now = std::fs::metadata(path.join(parts[1]))
        .unwrap()
        .modified()
        .unwrap();
    for name in [parts[1], parts[3]] {
        let file = std::fs::File::options()
            .write(true)
            .open(path.join(name))
            .unwrap();
        let yesterday: SystemTime = now - Duration::from_hours(24);
        file.set_modified(yesterday).unwrap();
    }
    assert_eq!(drop.put("batch.csv", b"whole").await.unwrap(), Placed::Sent);
    assert_eq!(names(&path), [parts[2], parts[3], "batch.csv"]);
    std::fs::remove_dir_all(path).unwrap();
}

#[tokio::test]
async fn a_folder_shows_what_lies_in_it() {
    let (path, drop) = folder("shelf");
    let shelf = drop.shelf().unwrap();
    assert!(shelf.list().await.unwrap().is_empty(), "not there yet");
    drop.put("a.csv", b"bytes").await.unwrap();
    assert_eq!(shelf.list().await.unwrap(), ["a.csv"]);
    assert_eq!(shelf.read("a.csv").await.unwrap().unwrap(), b"bytes");
    assert_eq!(shelf.read("b.csv").await.unwrap(), None);
    std::fs::remove_dir_all(&path).unwrap();
    std::fs::write(&path, b"a file").unwrap();
    assert!(shelf.list().await.is_err(), "nobody knows");
    std::fs::remove_file(path).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_exported_is_no_business_of_others() {
    use std::os::unix::fs::PermissionsExt as _;
    let (path, drop) = folder("mode");
    drop.put("a.csv", b"bytes").await.unwrap();
    let mode = std::fs::metadata(path.join("a.csv"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o137, 0, "{mode:o}");
    std::fs::remove_dir_all(path).unwrap();
}
