//! The packs' golden tests, and the diagnostics of packs that do not compile.
//!
//! `UPDATE=1 cargo test -p mappings` rewrites the expected files; read the difference before it is
//! committed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

use ledger::{Calendar, Currency, Entity};
use mappings::{Context, Pack, compile, golden};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn read(folder: &Path) -> Pack {
    fn walk(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
        for item in std::fs::read_dir(folder).unwrap() {
            let path = item.unwrap().path();
            if path.is_dir() {
                walk(root, &path, files);
            } else {
                let name = path
                    .strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    let mut files = BTreeMap::new();
    walk(folder, folder, &mut files);
    Pack {
        name: folder.file_name().unwrap().to_str().unwrap().to_owned(),
        files,
    }
}

fn context() -> Context {
    let entity = |code: &str, currency: &str, zone: &str| Entity {
        code: code.to_owned(),
        name: code.to_uppercase(),
        functional: Currency::from_code(currency).unwrap(),
        zone: zone.parse().unwrap(),
        calendar: Calendar::months_from(1),
    };
    let all = [
        entity("us", "USD", "America/New_York"),
        entity("eu", "EUR", "Europe/Berlin"),
        entity("uk", "GBP", "Europe/London"),
    ];
    Context {
        entities: all.into_iter().map(|e| (e.code.clone(), e)).collect(),
        ..Context::default()
    }
}

fn folders(root: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(root).unwrap();
    let mut all: Vec<PathBuf> = all.map(|item| item.unwrap().path()).collect();
    all.sort();
    all
}

fn update() -> bool {
    std::env::var("UPDATE").is_ok()
}

#[test]
fn every_golden_test_of_every_pack_passes() {
    let packs = Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("packs");
    for folder in folders(&packs) {
        let pack = read(&folder);
        let name = &pack.name;
        let program = compile(&pack).unwrap_or_else(|found| panic!("{name}\n{found}"));
        assert_eq!(program.warnings, [], "{name}");
        assert_eq!(program.unproven().count(), 0, "{name}");
        let cases = golden::run(&pack, &program, &context()).unwrap();
        assert!(
            cases.len() >= 12,
            "{name}: only {} golden tests were found",
            cases.len()
        );
        for case in &cases {
            if update() {
                let path = folder.join("tests").join(&case.name);
                std::fs::write(path.join("expected.journal"), &case.found).unwrap();
            } else {
                assert!(
                    case.passed(),
                    "{name}/{}:\n{}",
                    case.name,
                    case.difference()
                );
            }
        }
        let reached = |rule: &str| cases.iter().any(|case| case.found.contains(rule));
        let posting = program.posting_rules();
        let silent: Vec<&str> = posting.filter(|rule| !reached(rule)).collect();
        assert!(
            silent.is_empty(),
            "{name}: no golden test reaches {silent:?}"
        );
    }
}

/// The page on the language says nothing that does not compile.
#[test]
fn every_example_of_the_page_on_the_language_compiles() {
    let folder = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap());
    let page = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let mut shared = BTreeMap::new();
    let (mut rules, mut charts) = (Vec::new(), Vec::new());
    for block in page.split("```").skip(1).step_by(2) {
        let (head, text) = block.split_once('\n').unwrap();
        match head.split_once(' ') {
            Some((_, file)) => {
                shared.insert(file.to_owned(), text.as_bytes().to_vec());
            }
            None if head == "yaml" && text.starts_with("accounts:") => charts.push(text),
            None if head == "yaml" => rules.push(text),
            None => {}
        }
    }
    assert!(rules.len() >= 8, "only {} examples were found", rules.len());
    for text in charts {
        let chart: serde_json::Value = serde_saphyr::from_str(text).unwrap();
        let accounts = serde_json::from_value(chart["accounts"].clone()).unwrap();
        assert!(ledger::Chart::new(accounts).is_ok(), "{text}");
    }
    for text in rules {
        let mut files = shared.clone();
        // Rules that other examples show and this one names.
        let others = ["invoice-finalized", "charge"];
        let missing = others.into_iter().filter(|name| {
            text.contains("reverses:") && !text.contains(&format!("- rule: {name} "))
        });
        let others: Vec<String> = missing
            .map(|name| format!("  - {{ rule: {name}, on: {name}, entity: data.entity, currency: data.currency, lines: [{{ debit: rounding, amount: data.total }}, {{ credit: rounding, amount: data.total }}] }}\n"))
            .collect();
        if !others.is_empty() {
            let others = format!("rules:\n{}", others.concat());
            files.insert("others.yaml".to_owned(), others.into_bytes());
        }
        files.insert("example.yaml".to_owned(), text.as_bytes().to_vec());
        let pack = Pack {
            name: "example".to_owned(),
            files,
        };
        let program = compile(&pack).unwrap_or_else(|found| panic!("{found}\n{text}"));
        assert_eq!(program.warnings, [], "{text}");
    }
}

/// Small packs, each for one part of the language.
#[test]
fn every_part_of_the_language_does_what_its_golden_tests_say() {
    let root =
        PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("../fixtures/journals");
    let own = Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("tests/language");
    let mut count = 0;
    for folder in folders(&root).into_iter().chain(folders(&own)) {
        let pack = read(&folder);
        let program =
            compile(&pack).unwrap_or_else(|found| panic!("{}\n{found}", folder.display()));
        for case in golden::run(&pack, &program, &context()).unwrap() {
            if update() {
                let path = folder
                    .join("tests")
                    .join(&case.name)
                    .join("expected.journal");
                std::fs::write(path, &case.found).unwrap();
            } else {
                assert!(
                    case.passed(),
                    "{}/{}:\n{}",
                    folder.display(),
                    case.name,
                    case.difference()
                );
            }
            count += 1;
        }
    }
    assert!(count >= 15, "only {count} golden tests were found");
}

#[test]
fn packs_that_do_not_compile_say_where_and_what_to_do() {
    let root =
        PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("../fixtures/mappings");
    let own = Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("tests/refused");
    let mut cases = 0;
    for folder in folders(&root).into_iter().chain(folders(&own)) {
        let mut pack = read(&folder);
        let expected = pack.files.remove("expected.txt").unwrap_or_default();
        let found = match compile(&pack) {
            Ok(program) if program.warnings.is_empty() => "compiles\n".to_owned(),
            Ok(program) => {
                let told = program
                    .warnings
                    .iter()
                    .map(|found| format!("warning: {found}\n"));
                told.collect()
            }
            Err(found) => format!("{found}\n"),
        };
        if update() {
            std::fs::write(folder.join("expected.txt"), &found).unwrap();
        } else {
            assert_eq!(
                found,
                String::from_utf8(expected).unwrap(),
                "{}",
                folder.display()
            );
        }
        cases += 1;
    }
    assert!(cases >= 5, "only {cases} cases were found");
}

/// Money that comes in any form the packs' senders use; kept short on purpose.
#[test]
fn the_packs_are_short_and_say_nothing_twice_for_a_currency() {
    let packs = Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("packs");
    for name in ["stripe", "lago"] {
        let folder = packs.join(name);
        let mut lines = 0;
        for file in std::fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            let leaf = path.file_name().unwrap().to_str().unwrap().to_owned();
            if leaf.ends_with(".yaml") && leaf != "chart.yaml" && leaf != "pack.yaml" {
                let text = std::fs::read_to_string(&path).unwrap();
                let said = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with('#');
                lines += text.lines().filter(said).count();
            }
        }
        let program = compile(&read(&folder)).unwrap();
        let rules: std::collections::BTreeSet<&str> =
            program.rule_names().map(|(rule, _)| rule).collect();
        assert!(rules.len() >= 13, "{name}: {} rules", rules.len());
        assert!(
            lines <= 12 * rules.len(),
            "{name}: {lines} lines for {} rules",
            rules.len()
        );
    }
}
