//! Golden files: what each ERP reads, and what each settlement format says.
//!
//! `UPDATE=1 cargo test -p connectors` rewrites the expected files; read the difference first.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

use connectors::erp::{ErpKind, ExportBatch, ExportEntry, Host, KINDS};
use connectors::settlement::{self, SettlementKind};
use connectors::transport::folder::{Config, Folder};
use ledger::{
    Account, AccountType, Chart, Currency, Dimensions, EntryHeader, EntryKind, EventKey, Hash,
    JournalEntry, Line, Money, RuleRef, Side,
};
use serde_json::Value;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn fixtures(folder: &str) -> PathBuf {
    PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap())
        .join("../fixtures")
        .join(folder)
}

fn golden(path: &Path, found: &[u8]) {
    if std::env::var("UPDATE").is_ok() {
        std::fs::write(path, found).unwrap();
        return;
    }
    let expected = std::fs::read(path).unwrap_or_else(|_| panic!("{} is missing", path.display()));
    assert_eq!(
        String::from_utf8_lossy(&expected),
        String::from_utf8_lossy(found),
        "{}",
        path.display()
    );
}

fn money(text: &str) -> Money {
    let (amount, code) = text.split_once(' ').unwrap();
    Money::parse(amount, Currency::from_code(code).unwrap()).unwrap()
}

fn entry(value: &Value) -> ExportEntry {
    let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let lines = value["lines"].as_array().unwrap().iter().map(|line| {
        let (side, account) = match line["debit"].as_str() {
            Some(account) => (Side::Debit, account),
            None => (Side::Credit, line["credit"].as_str().unwrap()),
        };
        let amount = money(line["amount"].as_str().unwrap());
        let functional = line["functional"].as_str().map_or(amount, money);
        let dimensions: Dimensions =
            serde_json::from_value(line["dimensions"].clone()).unwrap_or_default();
        Line {
            account: account.to_owned(),
            side,
            amount,
            functional,
            dimensions,
            deferral: None,
        }
    });
    let header = EntryHeader {
        entity: text("entity"),
        date: text("date").parse().unwrap(),
        kind: EntryKind::from_name(&text("kind")).unwrap(),
        reference: text("reference"),
        description: text("description"),
        event: EventKey::new("fixture", &text("reference")),
        rule: RuleRef {
            mapping: Hash::of(b"fixture"),
            rule: "fixture-rule".into(),
        },
        rate: value["rate"].as_str().map(|rate| rate.parse().unwrap()),
    };
    let entry = JournalEntry::new(header, lines.collect()).unwrap();
    ExportEntry {
        id: value["id"].as_i64().unwrap(),
        document: format!(
            "{}-2026-{:06}",
            text("entity"),
            value["id"].as_i64().unwrap()
        ),
        period: text("period"),
        entry,
    }
}

fn batch(target: &str, entries: &Value) -> ExportBatch {
    let account = |name: &str, code: &str, kind| Account {
        account: name.into(),
        code: code.into(),
        kind,
        normal: None,
        title: name.into(),
    };
    let chart = Chart::new(vec![
        account("accounts-receivable", "1200", AccountType::Asset),
        account("tax-payable", "2100", AccountType::Liability),
        account("revenue-access", "4000", AccountType::Revenue),
    ]);
    ExportBatch {
        id: "019c1cef-bf00-709e-9a51-6ff1732d5bb4".into(),
        number: 3,
        target: target.into(),
        created_at: "2026-02-02T06:00:00Z".parse().unwrap(),
        entries: entries.as_array().unwrap().iter().map(entry).collect(),
        chart: Arc::new(chart.unwrap()),
    }
}

fn host(name: &str) -> (Host, PathBuf) {
    let path = std::env::temp_dir().join(format!("tieout-{name}-{}", std::process::id()));
    let _absent = std::fs::remove_dir_all(&path);
    (
        Host {
            drop: Arc::new(Folder::new(&Config { path: path.clone() }, Path::new("/"))),
        },
        path,
    )
}

#[test]
fn every_kind_renders_its_fixtures() {
    let (host, _) = host("render");
    for kind in KINDS {
        let mut cases = 0;
        for case in std::fs::read_dir(fixtures("erp").join(kind.id)).unwrap() {
            let case = case.unwrap().path();
            let value: Value =
                serde_json::from_slice(&std::fs::read(case.join("batch.json")).unwrap()).unwrap();
            let connector = kind.open(value["options"].clone(), &host).unwrap();
            let batch = batch("books", &value["entries"]);
            let artifact = connector.render(&batch).unwrap();
            assert_eq!(
                artifact,
                connector.render(&batch).unwrap(),
                "the same batch, the same bytes"
            );
            let readable = if artifact.name.ends_with(".zip") {
                unzipped(&artifact.bytes)
            } else {
                artifact.bytes
            };
            golden(&case.join("expected.txt"), &readable);
            cases += 1;
        }
        assert!(cases > 0, "kind `{}` has no fixtures", kind.id);
    }
}

fn unzipped(bytes: &[u8]) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    assert_eq!(archive.len(), 1);
    let mut file = archive.by_index(0).unwrap();
    assert_eq!(file.name().unwrap(), "GlInterface.csv");
    let mut text = Vec::new();
    file.read_to_end(&mut text).unwrap();
    for record in csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(text.as_slice())
        .records()
    {
        assert_eq!(record.unwrap().len(), 149, "columns of GL_INTERFACE");
    }
    text
}

#[tokio::test]
async fn every_kind_keeps_the_contract_of_delivery() {
    for kind in KINDS {
        let (host, path) = host(&format!("contract-{}", kind.id));
        assert!(
            kind.open(serde_json::json!({ "no_such_option": 1 }), &host)
                .is_err(),
            "{}",
            kind.id
        );
        let example: Value = serde_saphyr_json(kind.example);
        let connector = kind.open(example, &host).unwrap();
        connector.check().await.unwrap();
        let case = fixtures("erp")
            .join(kind.id)
            .join("two-currencies/batch.json");
        let value: Value = serde_json::from_slice(&std::fs::read(case).unwrap()).unwrap();
        let artifact = connector
            .render(&batch("books", &value["entries"]))
            .unwrap();
        for _ in 0..2 {
            let answer = connector.deliver(&artifact, "{}").await.unwrap();
            assert!(
                matches!(answer, connectors::erp::Delivery::Accepted(_)),
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
        let other = connectors::erp::Artifact {
            bytes: b"other".to_vec(),
            ..artifact
        };
        let answer = connector.deliver(&other, "{}").await.unwrap();
        assert!(
            matches!(answer, connectors::erp::Delivery::Rejected { .. }),
            "{}: {answer:?}",
            kind.id
        );
        std::fs::remove_dir_all(path).unwrap();
    }
}

/// YAML examples as the configuration reads them.
fn serde_saphyr_json(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

#[test]
fn every_kind_has_its_own_file() {
    for (folder, ids) in [
        (
            "src/erp",
            KINDS.iter().map(|kind| kind.id).collect::<Vec<_>>(),
        ),
        (
            "src/settlement",
            settlement::KINDS.iter().map(|kind| kind.id).collect(),
        ),
    ] {
        let mut files: Vec<String> = std::fs::read_dir(
            Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join(folder),
        )
        .unwrap()
        .map(|item| {
            item.unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
        files.sort();
        assert_eq!(files, ids, "{folder} and its registry");
    }
    assert!(ErpKind::find("csv").is_some());
}

#[test]
fn settlement_files_say_what_is_expected() {
    for kind in settlement::KINDS {
        let mut cases = 0;
        for item in std::fs::read_dir(fixtures("settlements").join(kind.id)).unwrap() {
            let path = item.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "txt") {
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let recognised = SettlementKind::recognise(&bytes).map(|kind| kind.id);
            assert_eq!(recognised, Some(kind.id), "{}", path.display());
            golden(&path.with_extension("txt"), told(kind, &bytes).as_bytes());
            cases += 1;
        }
        assert!(cases > 0, "format `{}` has no fixtures", kind.id);
    }
}

fn told(kind: &SettlementKind, bytes: &[u8]) -> String {
    let statements = match kind.parse(bytes) {
        Ok(statements) => statements,
        Err(error) => return format!("refused: {error}\n"),
    };
    let mut text = String::new();
    for statement in statements {
        let balance =
            |money: Option<Money>| money.map_or("-".to_owned(), |money| money.to_string());
        text.push_str(&format!(
            "{} {} {} from {} to {}\n  opening {}, closing {}: {}\n",
            statement.origin.name(),
            statement.account,
            statement.identity,
            statement.from,
            statement.to,
            balance(statement.opening),
            balance(statement.closing),
            statement.verdict()
        ));
        for line in &statement.lines {
            text.push_str(&format!(
                "  {} {} gross {} fee {} net {} reference `{}` at {} `{}` ({})\n",
                line.booked_on,
                line.kind,
                line.gross,
                line.fee,
                line.net,
                line.reference,
                line.position,
                line.description,
                line.identity
            ));
        }
    }
    text
}

/// Cut and garbled files are refused or read; they never panic.
#[test]
fn garbled_settlement_files_never_panic() {
    let mut rng = fastrand::Rng::with_seed(11);
    for kind in settlement::KINDS {
        for item in std::fs::read_dir(fixtures("settlements").join(kind.id)).unwrap() {
            let bytes = std::fs::read(item.unwrap().path()).unwrap();
            for _ in 0..300 {
                let mut garbled = bytes.clone();
                garbled.truncate(rng.usize(..=bytes.len()));
                for _ in 0..rng.usize(..6) {
                    if !garbled.is_empty() {
                        let at = rng.usize(..garbled.len());
                        garbled[at] = rng.u8(..);
                    }
                }
                let _either = kind.parse(&garbled);
            }
        }
        let deep = format!("{}{}", "camt.053.001.08<a>", "<a>".repeat(100_000));
        assert!(kind.parse(deep.as_bytes()).is_err());
    }
}
