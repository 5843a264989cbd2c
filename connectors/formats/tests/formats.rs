//! Golden files: what each ERP reads, and what each settlement format says.
//!
//! `UPDATE=1 cargo test -p formats` rewrites the expected files; read the difference first.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

mod common;

use common::garbled::garbled;
use common::judged::judge;
use common::{case, fixtures};
use formats::erp::{self, Artifact};
use formats::settlement::{self, Parse, SettlementKind};
use ledger::{Basis, Money, SettlementLine, Statement};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::printer::print_schema;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

/// Compares bytes; shows texts where both are.
fn golden(path: &Path, found: &[u8]) {
    if std::env::var("UPDATE").is_ok() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, found).unwrap();
        return;
    }
    let expected = std::fs::read(path).unwrap_or_else(|_| panic!("{} is missing", path.display()));
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    if let (Some(expected), Some(found)) = (text(&expected), text(found)) {
        assert_eq!(expected, found, "{}", path.display());
    }
    assert!(expected == found, "{} differs in its bytes", path.display());
}

/// What an artifact holds, by name: the members of a ZIP, a Parquet file as people read it, or the file itself.
fn held(artifact: &Artifact) -> BTreeMap<String, Vec<u8>> {
    if artifact.bytes.starts_with(b"PAR1") {
        return columns(artifact);
    }
    if !artifact.bytes.starts_with(b"PK\x03\x04") {
        return BTreeMap::from([(artifact.name.clone(), artifact.bytes.clone())]);
    }
    let mut archive =
        zip::ZipArchive::new(std::io::Cursor::new(artifact.bytes.as_slice())).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut file = archive.by_index(index).unwrap();
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap();
            (file.name().unwrap().to_string(), bytes)
        })
        .collect()
}

/// The schema of a Parquet file, and its rows as CSV.
fn columns(artifact: &Artifact) -> BTreeMap<String, Vec<u8>> {
    let bytes = bytes::Bytes::copy_from_slice(&artifact.bytes);
    let file = SerializedFileReader::new(bytes).unwrap();
    let mut schema = Vec::new();
    print_schema(&mut schema, file.metadata().file_metadata().schema());
    let mut rows = csv::Writer::from_writer(Vec::new());
    for (row, number) in file.get_row_iter(None).unwrap().zip(0..) {
        let row = row.unwrap();
        if number == 0 {
            let names = row.get_column_iter().map(|(name, _)| name);
            rows.write_record(names).unwrap();
        }
        let cells = row.get_column_iter().map(|(_, cell)| cell.to_string());
        rows.write_record(cells).unwrap();
    }
    BTreeMap::from([
        (format!("{}.schema", artifact.name), schema),
        (format!("{}.csv", artifact.name), rows.into_inner().unwrap()),
    ])
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|item| item.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The files of a folder and of those in it, by their paths.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    for name in names(folder) {
        let path = folder.join(&name);
        if path.is_dir() {
            let within = self::files(&path).into_iter();
            files.extend(within.map(|file| format!("{name}/{file}")));
        } else {
            files.insert(name);
        }
    }
    files
}

#[test]
fn every_kind_renders_its_fixtures() {
    for kind in erp::KINDS {
        let cases = fixtures("erp").join(kind.id);
        for name in names(&cases) {
            let folder = cases.join(name);
            let (options, batch) = case(&folder);
            let format = kind.open(options).unwrap();
            let artifact = format.artifact(&batch).unwrap();
            let again = format.artifact(&batch).unwrap();
            assert_eq!(artifact, again, "the same batch, the same bytes");
            let held = held(&artifact);
            for (name, bytes) in &held {
                golden(&folder.join("expected").join(name), bytes);
            }
            let expected = files(&folder.join("expected"));
            assert!(expected.iter().eq(held.keys()), "{expected:?}");
        }
    }
}

#[test]
fn every_kind_refuses_options_that_it_does_not_know() {
    let odd = || json!({ "no_such_option": 1 });
    let example = |text: &str| serde_saphyr::from_str::<Value>(text).unwrap();
    for kind in erp::KINDS {
        assert!(kind.open(odd()).is_err(), "{}", kind.id);
        assert!(kind.open(example(kind.example)).is_ok(), "{}", kind.id);
    }
    for kind in settlement::KINDS {
        assert!(kind.open(odd()).is_err(), "{}", kind.id);
        assert!(kind.open(example(kind.example)).is_ok(), "{}", kind.id);
    }
}

/// The example is what people begin with, so it must do for a case.
#[test]
fn every_example_writes_two_currencies() {
    for kind in erp::KINDS {
        let example = serde_saphyr::from_str(kind.example).unwrap();
        let (_, batch) = case(&fixtures("erp").join(kind.id).join("two-currencies"));
        let written = kind.open(example).unwrap().artifact(&batch);
        assert!(written.is_ok(), "{}: {written:?}", kind.id);
    }
}

#[test]
fn every_kind_has_its_own_file() {
    let source = Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("src");
    let erp: Vec<&str> = erp::KINDS.iter().map(|kind| kind.id).collect();
    let settlement: Vec<&str> = settlement::KINDS.iter().map(|kind| kind.id).collect();
    for (folder, ids) in [("erp", erp), ("settlement", settlement)] {
        assert!(ids.is_sorted(), "the registry of {folder} is in order");
        for id in ids {
            let file = source.join(folder).join(format!("{id}.rs"));
            assert!(file.is_file(), "{} is missing", file.display());
        }
    }
}

#[test]
fn settlement_files_say_what_is_expected() {
    for kind in settlement::KINDS {
        let mut cases = 0;
        for item in std::fs::read_dir(fixtures("settlements").join(kind.id)).unwrap() {
            let path = item.unwrap().path();
            if is_beside(&path) {
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let recognised = SettlementKind::recognise(&bytes).map(|kind| kind.id);
            let options = options(&path);
            // What options describe may have to be named; it looks like no other kind.
            let named = options.is_some() && recognised.is_none();
            assert!(named || recognised == Some(kind.id), "{}", path.display());
            let found = match kind.open(options.unwrap_or_else(|| json!({}))) {
                Ok(format) => told(format.as_ref(), &bytes),
                Err(error) => format!("not opened: {error}: {}\n", error.source),
            };
            golden(&path.with_extension("txt"), found.as_bytes());
            cases += 1;
        }
        assert!(cases > 0, "format `{}` has no fixtures", kind.id);
    }
}

/// Whoever is asked first: a file is of one kind, and the order of the list decides nothing.
#[test]
fn every_settlement_file_is_recognised_by_its_kind_alone() {
    for kind in settlement::KINDS {
        for item in std::fs::read_dir(fixtures("settlements").join(kind.id)).unwrap() {
            let path = item.unwrap().path();
            if is_beside(&path) {
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let found = settlement::KINDS.iter();
            let found = found.filter(|other| other.recognises(&bytes));
            let found: Vec<&str> = found.map(|other| other.id).collect();
            // What options describe is named by them.
            let named = options(&path).is_some() && found.is_empty();
            assert!(named || found == [kind.id], "{}: {found:?}", path.display());
        }
    }
}

/// The format with its defaults; one that has none with its example.
fn opened(kind: &SettlementKind) -> Box<dyn Parse> {
    kind.open(json!({})).unwrap_or_else(|_| {
        let example = serde_saphyr::from_str(kind.example).unwrap();
        kind.open(example).unwrap()
    })
}

/// Whether a file stands beside a fixture: what is said of it, and its options.
fn is_beside(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default();
    ending == "txt" || ending == "yaml"
}

/// The options of a fixture: `NAME.yaml` beside it, or those of its folder.
fn options(path: &Path) -> Option<Value> {
    let own = path.with_extension("yaml");
    let all = path.with_file_name("options.yaml");
    let found = [own, all].into_iter().find(|file| file.is_file())?;
    let text = std::fs::read_to_string(found).unwrap();
    Some(serde_saphyr::from_str(&text).unwrap())
}

fn told(format: &dyn Parse, bytes: &[u8]) -> String {
    let statements = match format.parse(bytes) {
        Ok(statements) => statements,
        Err(error) => return format!("refused: {error}\n"),
    };
    let mut text = String::new();
    for statement in statements {
        let balance =
            |money: Option<Money>| money.map_or("-".to_owned(), |money| money.to_string());
        text.push_str(&format!(
            "{} {} {} from {} to {}\n",
            statement.origin.name(),
            statement.account,
            statement.identity,
            statement.from,
            statement.to,
        ));
        text.push_str(&about(&statement));
        text.push_str(&format!(
            "  opening {}, closing {}: {}\n",
            balance(statement.opening),
            balance(statement.closing),
            statement.verdict()
        ));
        for line in &statement.lines {
            text.push_str(&format!(
                "  {} {} ({}) gross {} fee {} net {} at {} `{}` ({})\n",
                line.booked_on,
                line.movement.name(),
                line.kind,
                line.gross,
                line.fee,
                line.net,
                line.place.line,
                line.description,
                line.identity
            ));
            text.push_str(&beside(line));
        }
    }
    text
}

/// What a statement says of itself, where it says more than most.
fn about(statement: &Statement) -> String {
    let mut parts = Vec::new();
    if statement.basis != Basis::Final {
        parts.push(statement.basis.name().to_owned());
    }
    parts.extend(statement.sequence.map(|number| format!("number {number}")));
    parts.extend(statement.page.map(|page| {
        let last = if page.is_last { ", the last" } else { "" };
        format!("page {}{last}", page.number)
    }));
    parts.extend(statement.made_on.map(|day| format!("made on {day}")));
    listed("  ", &parts)
}

/// What a line says beside its amounts.
fn beside(line: &SettlementLine) -> String {
    let mut parts = Vec::new();
    for reference in &line.references {
        parts.push(format!("{} `{}`", reference.kind.name(), reference.text));
    }
    if !line.payout.is_empty() {
        parts.push(format!("payout `{}`", line.payout));
    }
    parts.extend(line.paid_on.map(|day| format!("paid on {day}")));
    parts.extend(line.value_on.map(|day| format!("value {day}")));
    for fee in &line.fees {
        parts.push(format!("{} fee {}", fee.kind.name(), fee.amount));
    }
    parts.extend(line.exact.map(|exact| format!("exactly {exact}")));
    parts.extend(line.original.map(|money| format!("customer paid {money}")));
    parts.extend(line.rate.map(|rate| format!("rate {rate}")));
    if !line.counterparty.is_empty() {
        parts.push(format!("from or to `{}`", line.counterparty));
    }
    listed("    ", &parts)
}

fn listed(indent: &str, parts: &[String]) -> String {
    if parts.is_empty() {
        return String::new();
    }
    format!("{indent}{}\n", parts.join(", "))
}

/// Whoever reads a refusal learns what the file is, also when a format was named.
#[test]
fn a_refusal_says_what_the_file_is() {
    let order = "<?xml version='1.0'?><Document xmlns='urn:iso:std:iso:20022:tech:xsd:pain.001.001.03'><CstmrCdtTrfInitn/></Document>";
    let semicolons = "balance_transaction_id;currency;amount\n";
    for (bytes, wanted) in [
        (order.as_bytes(), "pain.001, a payment order"),
        (semicolons.as_bytes(), "CSV separated by semicolons"),
        (b"%PDF-1.7\n\xff\xfe", "a PDF"),
        (b"PK\x03\x04\xff xl/workbook.xml", "an Excel workbook"),
        (b"\x1f\x8b\x08\0", "a gzip file"),
    ] {
        assert!(SettlementKind::recognise(bytes).is_none(), "{wanted}");
        for kind in settlement::KINDS {
            let error = opened(kind).parse(bytes).unwrap_err().to_string();
            assert!(error.contains(wanted), "{}: {error}", kind.id);
        }
    }
}

/// A record of a loader that knows no quotes across lines is one physical line.
#[test]
fn every_record_stands_on_lines_that_its_reader_bears() {
    let held_by = |id: &str| {
        let folder = fixtures("erp").join(id).join("line-break-in-a-text");
        let (options, batch) = case(&folder);
        let kind = erp::FileKind::find(id).unwrap();
        let artifact = kind.open(options).unwrap().artifact(&batch).unwrap();
        let bytes = held(&artifact).into_values().next().unwrap();
        // Some are in charsets of one byte; what stands here is the same in all.
        (batch, String::from_utf8_lossy(&bytes).into_owned())
    };
    let rows = |text: &str| {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(text.as_bytes());
        reader.records().map(Result::unwrap).collect::<Vec<_>>()
    };
    let (batch, text) = held_by("oracle_fusion");
    let records = rows(&text);
    assert_eq!(records.len(), batch.line_count());
    assert_eq!(text.lines().count(), records.len(), "one record, one line");
    assert!(records.iter().all(|record| record.len() == 149));
    assert!(!text.replace('\n', "").contains(char::is_control));
    let (batch, text) = held_by("csv");
    let records = rows(&text);
    assert_eq!(records.len(), batch.line_count() + 1);
    assert_eq!(&records[1][9], "INV \"1\",\r\n2;3");
    assert_eq!(&records[1][10], "first\nsecond\tthird ");
    let (_, text) = held_by("hledger");
    assert!(!text.replace('\n', "").contains(char::is_control));
    assert!(text.contains("first second third"), "{text}");
    for id in ["datev", "sie4"] {
        let (_, text) = held_by(id);
        assert!(text.ends_with("\r\n"), "{id}");
        assert!(!text.replace("\r\n", "").contains(char::is_control), "{id}");
        assert!(text.contains("first second third"), "{id}: {text}");
    }
}

/// Every parser has a target for those who let it run for hours.
#[test]
fn every_kind_has_a_fuzz_target() {
    let formats = Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).to_owned();
    let targets = formats
        .ancestors()
        .map(|above| above.join("fuzz/Cargo.toml"));
    let targets = targets.into_iter().find(|path| path.is_file()).unwrap();
    let targets = std::fs::read_to_string(targets).unwrap();
    for kind in settlement::KINDS {
        let named = format!("name = \"{}\"", kind.id);
        assert!(targets.contains(&named), "{} has no target", kind.id);
    }
}

/// Files that were cut, spliced, shifted and swollen are refused or read; they never panic, and what
/// is read of them holds what holds of every file.
#[test]
fn garbled_settlement_files_never_panic() {
    let mut rng = fastrand::Rng::with_seed(11);
    for kind in settlement::KINDS {
        let folder = fixtures("settlements").join(kind.id);
        let files: Vec<_> = names(&folder)
            .into_iter()
            .map(|name| folder.join(name))
            .filter(|path| !is_beside(path))
            .map(|path| (std::fs::read(&path).unwrap(), options(&path)))
            .collect();
        for (bytes, options) in &files {
            let format = match options.clone().map(|options| kind.open(options)) {
                Some(Ok(format)) => format,
                Some(Err(_)) => continue,
                None => opened(kind),
            };
            for _ in 0..12 {
                let other = &files[rng.usize(..files.len())].0;
                judge(format.as_ref(), &garbled(&mut rng, bytes, other));
            }
        }
        let format = opened(kind);
        for deep in [
            "<a>",
            "[",
            "{\"a\":",
            "{\"data\":",
            "<OFX>",
            "\"",
            ":86:",
            "\n",
            "88,\n",
        ] {
            let beginning = files[0].0.get(..200).unwrap_or(&files[0].0);
            let deep = [beginning, deep.repeat(100_000).as_bytes()].concat();
            judge(format.as_ref(), &deep);
        }
    }
}
