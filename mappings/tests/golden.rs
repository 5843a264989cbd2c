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
        calendar: Calendar::Monthly { first_month: 1 },
    };
    let all = [
        entity("us", "USD", "America/New_York"),
        entity("eu", "EUR", "Europe/Berlin"),
        entity("uk", "GBP", "Europe/London"),
    ];
    Context {
        entities: all.into_iter().map(|e| (e.code.clone(), e)).collect(),
    }
}

fn update() -> bool {
    std::env::var("UPDATE").is_ok()
}

#[test]
fn every_golden_test_of_the_billing_pack_passes() {
    let folder = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("packs/billing");
    let pack = read(&folder);
    let program = compile(&pack).unwrap_or_else(|found| panic!("{found}"));
    let cases = golden::run(&pack, &program, &context()).unwrap();
    assert!(
        cases.len() >= 15,
        "only {} golden tests were found",
        cases.len()
    );
    for case in &cases {
        if update() {
            std::fs::write(
                folder
                    .join("tests")
                    .join(&case.name)
                    .join("expected.journal"),
                &case.found,
            )
            .unwrap();
        } else {
            assert!(case.passed(), "{}:\n{}", case.name, case.difference());
        }
    }
    let silent: Vec<&str> = program
        .rule_names()
        .map(|(rule, _)| rule)
        .filter(|rule| !cases.iter().any(|case| case.found.contains(rule)))
        .collect();
    let allowed = [
        "subscription-cancelled",
        "subscription-changed",
        "subscription-created",
        "provisioning-completed",
        "invoice-draft",
    ];
    assert!(
        silent.iter().all(|rule| allowed.contains(rule)),
        "no golden test reaches {silent:?}"
    );
}

/// Small packs, each for one part of the language.
#[test]
fn every_part_of_the_language_does_what_its_golden_tests_say() {
    let root =
        PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("../fixtures/journals");
    let mut count = 0;
    for item in std::fs::read_dir(&root).unwrap() {
        let folder = item.unwrap().path();
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
    let mut cases = 0;
    for item in std::fs::read_dir(&root).unwrap() {
        let folder = item.unwrap().path();
        let mut pack = read(&folder);
        let expected = pack.files.remove("expected.txt").unwrap_or_default();
        let found = match compile(&pack) {
            Ok(_) => "compiles\n".to_owned(),
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
