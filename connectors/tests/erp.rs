//! The contract of delivery, kept by every kind of connector.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

#[path = "../formats/tests/common/mod.rs"]
mod common;

use common::{case, fixtures};
use connectors::erp::{Delivery, ErpKind, Host, kinds};
use connectors::transport::folder::{Config, Folder};
use formats::erp::Artifact;
use ledger::FixedClock;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn host(name: &str) -> (Host, PathBuf) {
    let path = std::env::temp_dir().join(format!("tieout-{name}-{}", std::process::id()));
    let _absent = std::fs::remove_dir_all(&path);
    (
        Host {
            drop: Some(Arc::new(Folder::new(
                &Config { path: path.clone() },
                Path::new("/"),
            ))),
            base: PathBuf::from("/"),
            clock: Arc::new(FixedClock("2026-02-01T08:00:00Z".parse().unwrap())),
        },
        path,
    )
}

#[tokio::test]
async fn every_kind_keeps_the_contract_of_delivery() {
    for kind in kinds().filter(ErpKind::writes_files) {
        let (host, path) = host(&format!("contract-{}", kind.id));
        assert!(
            kind.open(serde_json::json!({ "no_such_option": 1 }), &host)
                .is_err(),
            "{}",
            kind.id
        );
        let example: Value = serde_saphyr::from_str(kind.example).unwrap();
        let connector = kind.open(example, &host).unwrap();
        connector.check().await.unwrap();
        let (_, batch) = case(&fixtures("erp").join(kind.id).join("two-currencies"));
        let mut bytes = Vec::new();
        connector.render(&batch, &mut bytes).unwrap();
        let artifact = Artifact {
            name: connector.name(&batch),
            bytes,
        };
        for _ in 0..2 {
            let answer = connector.deliver(&artifact, "{}").await.unwrap();
            assert!(
                matches!(answer, Delivery::Accepted(_)),
                "{}: {answer:?}",
                kind.id
            );
        }
        let mut names: Vec<String> = std::fs::read_dir(&path)
            .unwrap()
            .map(|item| item.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        assert_eq!(
            names,
            [
                artifact.name.clone(),
                format!("{}.manifest.json", artifact.name)
            ]
        );
        let other = Artifact {
            bytes: b"other".to_vec(),
            ..artifact
        };
        let answer = connector.deliver(&other, "{}").await.unwrap();
        assert!(
            matches!(answer, Delivery::Blocked { .. }),
            "{}: {answer:?}",
            kind.id
        );
        std::fs::remove_dir_all(path).unwrap();
    }
}

#[tokio::test]
async fn the_manifest_comes_last_and_says_that_the_file_was_whole() {
    let (host, path) = host("manifest");
    let kind = ErpKind::find("csv").unwrap();
    let example = serde_saphyr::from_str(kind.example).unwrap();
    let connector = kind.open(example, &host).unwrap();
    let artifact = Artifact {
        name: "batch.csv".to_owned(),
        bytes: b"bytes".to_vec(),
    };
    let (file, manifest) = (path.join("batch.csv"), path.join("batch.csv.manifest.json"));
    std::fs::create_dir_all(&path).unwrap();
    std::fs::write(&manifest, "{ \"another\": 1 }").unwrap();
    let answer = connector.deliver(&artifact, "{}").await.unwrap();
    assert!(matches!(answer, Delivery::Blocked { .. }), "{answer:?}");
    assert!(!file.exists(), "nothing is sent under another's manifest");
    std::fs::remove_file(&manifest).unwrap();
    // What lies in the file's way leaves no manifest beside it.
    std::fs::write(&file, "other").unwrap();
    let answer = connector.deliver(&artifact, "{}").await.unwrap();
    assert!(matches!(answer, Delivery::Blocked { .. }), "{answer:?}");
    assert!(!manifest.exists());
    // A crash came between the file and its manifest.
    std::fs::write(&file, "bytes").unwrap();
    let accepted = connector.deliver(&artifact, "{}").await.unwrap();
    assert!(matches!(accepted, Delivery::Accepted(_)), "{accepted:?}");
    assert!(manifest.exists());
    // The receiver took it away, and our answer was lost.
    std::fs::remove_file(&file).unwrap();
    assert_eq!(connector.deliver(&artifact, "{}").await.unwrap(), accepted);
    assert!(!file.exists(), "it is not sent twice");
    std::fs::remove_dir_all(path).unwrap();
}

#[test]
fn what_speaks_to_an_api_wants_no_place_for_files_and_what_writes_them_does() {
    for kind in kinds() {
        let (host, path) = host(&format!("drop-{}", kind.id));
        let lent = Host {
            drop: if kind.writes_files() { None } else { host.drop },
            ..host
        };
        let example: Value = serde_saphyr::from_str(kind.example).unwrap();
        let error = kind.open(example, &lent).unwrap_err().to_string();
        assert!(error.contains("`drop`"), "{}: {error}", kind.id);
        let _absent = std::fs::remove_dir_all(path);
    }
}

#[test]
fn every_file_format_is_a_kind() {
    let formats: Vec<&str> = formats::erp::KINDS.iter().map(|kind| kind.id).collect();
    for id in formats {
        assert!(ErpKind::find(id).is_some(), "{id}");
    }
}
