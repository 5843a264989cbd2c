//! The house rules that no compiler checks. Each failure prints the rule that was broken.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap())
        .parent()
        .unwrap()
        .to_owned()
}

/// Every file that git knows or would know, with its text where it has one.
fn files() -> BTreeMap<String, String> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git lists the files of the project");
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|name| {
            let text = std::fs::read(root().join(name)).ok()?;
            Some((name.to_owned(), String::from_utf8(text).ok()?))
        })
        .collect()
}

fn none(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}\n  {}", broken.join("\n  "));
}

/// Normal dependencies by crate, as cargo sees them.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| {
            let needed = package["dependencies"].as_array().unwrap().iter();
            let normal = needed.filter(|dependency| dependency["kind"].is_null());
            let names = normal.map(|dependency| dependency["name"].as_str().unwrap().to_owned());
            (
                package["name"].as_str().unwrap().to_owned(),
                names.collect(),
            )
        })
        .collect()
}

#[test]
fn crates_depend_in_one_direction() {
    let all = dependencies();
    let allowed = [
        ("ledger", vec![]),
        ("mappings", vec!["ledger", "formats"]),
        ("reconcile", vec!["ledger"]),
        ("desk", vec!["ledger"]),
        ("formats", vec!["ledger"]),
        ("connectors", vec!["ledger", "formats"]),
        ("store", vec!["ledger"]),
        ("reports", vec!["ledger", "store"]),
        (
            "office",
            vec![
                "ledger",
                "mappings",
                "reconcile",
                "desk",
                "formats",
                "connectors",
                "store",
                "reports",
            ],
        ),
        (
            "tieout",
            vec![
                "ledger",
                "mappings",
                "reconcile",
                "desk",
                "formats",
                "connectors",
                "store",
                "reports",
                "office",
            ],
        ),
    ];
    assert_eq!(
        all.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        allowed.iter().map(|(name, _)| *name).collect()
    );
    let mut broken = Vec::new();
    for (name, may) in &allowed {
        for dependency in &all[*name] {
            if all.contains_key(dependency) && !may.contains(&dependency.as_str()) {
                broken.push(format!("{name} depends on {dependency}"));
            }
        }
    }
    none(
        "ledger <- {formats <- {mappings, connectors}, reconcile, store} <- reports <- office <- daemon",
        &broken,
    );
}

#[test]
fn what_computes_does_not_reach_out() {
    let all = dependencies();
    let mut broken = Vec::new();
    for (library, homes) in [
        ("sqlx", vec!["store"]),
        ("rdkafka", vec!["connectors"]),
        ("ssh2", vec!["connectors"]),
        ("object_store", vec!["connectors"]),
        ("pgp", vec!["connectors"]),
        ("reqwest", vec!["connectors"]),
        ("polars", vec!["reports"]),
        ("axum", vec!["tieout"]),
        ("tokio", vec!["connectors", "office", "tieout"]),
        ("clap", vec!["tieout"]),
        ("indicatif", vec!["tieout"]),
        ("fastrand", vec!["tieout"]),
    ] {
        for (name, needed) in &all {
            if needed.contains(library) && !homes.contains(&name.as_str()) {
                broken.push(format!(
                    "{name} depends on {library}, which lives in {}",
                    homes.join(" and ")
                ));
            }
        }
    }
    for (name, text) in files() {
        let pure = [
            "daemon/ledger/src/",
            "daemon/reconcile/src/",
            "daemon/desk/src/",
            "mappings/src/",
            "connectors/formats/src/",
        ];
        if pure.iter().any(|folder| name.starts_with(folder)) {
            for word in [
                "Utc::now",
                "SystemTime",
                "std::fs",
                "std::net",
                "std::env",
                "async fn",
            ] {
                if text.contains(word) {
                    broken.push(format!("{name} uses {word}"));
                }
            }
        }
    }
    none(
        "ledger, mappings, reconcile and formats know neither tokio nor sqlx nor files nor the time; each library has its room",
        &broken,
    );
}

/// Formats that belong to nobody and whose names are words of the trade.
const OPEN_FORMATS: [&str; 18] = [
    "bai2",
    "beancount",
    "camt052",
    "camt053",
    "camt054",
    "csv",
    "fec",
    "gnucash",
    "hledger",
    "ledger",
    "mt940",
    "ofx",
    "parquet",
    "saft",
    "sie4",
    "template",
    "webhook",
    "xlsx",
];

/// The vendors' names: the first word of every registered kind, which is its file's name too.
fn vendors() -> BTreeSet<String> {
    let kinds = connectors::erp::kinds().map(|kind| kind.id);
    let formats = formats::settlement::KINDS.iter().map(|kind| kind.id);
    kinds
        .chain(formats)
        .filter_map(|id| id.split('_').next())
        .filter(|word| !OPEN_FORMATS.contains(word))
        .map(str::to_owned)
        .collect()
}

/// Whether a text names a vendor. A name of three letters stands inside other words too (`saphyr`): it is looked for
/// as a word of its own.
fn names(text: &str, vendor: &str) -> bool {
    let mut places = text.match_indices(vendor);
    if vendor.len() > 3 {
        return places.next().is_some();
    }
    places.any(|(at, found)| {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        let mut beside = before.into_iter().chain(after);
        !beside.any(char::is_alphanumeric)
    })
}

#[test]
fn a_vendor_occurs_in_its_file_and_its_registry_line() {
    let all = files();
    let vendors = vendors();
    assert!(!vendors.is_empty());
    let registries = [
        "connectors/src/erp.rs",
        "connectors/formats/src/erp.rs",
        "connectors/formats/src/settlement.rs",
    ];
    let mut broken = Vec::new();
    for (name, text) in &all {
        let code = name.ends_with(".rs") || name.ends_with(".sql") || name.ends_with(".html");
        let elsewhere = registries.contains(&name.as_str())
            || name.starts_with("fixtures/")
            || name.starts_with("daemon/src/demo/")
            || name.starts_with("daemon/src/starter")
            || name.contains("/tests/")
            || name.contains("/examples/");
        if !code || elsewhere {
            continue;
        }
        let product = text.split("#[cfg(test)]").next().unwrap_or_default();
        let product = product.to_lowercase();
        for vendor in &vendors {
            let own = name.starts_with("connectors/") && name.contains(&format!("/{vendor}"));
            if !own && names(&product, vendor) {
                broken.push(format!("{name} names {vendor}"));
            }
        }
    }
    none(
        "a vendor's name stands in its own file, its registry lines, fixtures and the demo",
        &broken,
    );
}

/// Source text without comments, as words with what follows each.
fn words(text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    for line in text.lines() {
        let code = line.split("//").next().unwrap_or_default();
        let mut rest = code;
        while let Some(start) = rest.find(|sign: char| sign.is_alphabetic() || sign == '_') {
            let tail = &rest[start..];
            let end = tail
                .find(|sign: char| !sign.is_alphanumeric() && sign != '_')
                .unwrap_or(tail.len());
            found.push((&tail[..end], &tail[end..]));
            rest = &tail[end..];
        }
    }
    found
}

/// Public traits, and variants of public enums, with the files that declare them.
fn declared<'t>(name: &'t str, text: &'t str) -> Vec<(&'t str, &'t str, bool)> {
    let mut found = Vec::new();
    let mut within: Option<usize> = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let code = line.trim_start();
        let word = |text: &'t str| {
            let end = text.find(|sign: char| !sign.is_alphanumeric() && sign != '_');
            &text[..end.unwrap_or(text.len())]
        };
        if let Some(rest) = code.strip_prefix("pub trait ") {
            found.push((name, word(rest), true));
        }
        if code.starts_with("pub enum ") && code.ends_with('{') {
            within = Some(indent);
        } else if within == Some(indent) && code.starts_with('}') {
            within = None;
        } else if within.is_some_and(|outer| indent == outer + 4)
            && code.starts_with(|sign: char| sign.is_ascii_uppercase())
        {
            found.push((name, word(code), false));
        }
    }
    found
}

#[test]
fn every_public_trait_and_variant_is_used() {
    let all = files();
    let sources: Vec<(&String, &String)> = all
        .iter()
        .filter(|(name, _)| name.ends_with(".rs"))
        .collect();
    let mut times = BTreeMap::<&str, usize>::new();
    let mut implemented = BTreeSet::new();
    for (word, after) in sources.iter().flat_map(|(_, text)| words(text)) {
        *times.entry(word).or_default() += 1;
        let after = after
            .strip_prefix('<')
            .and_then(|rest| Some(rest.split_once('>')?.1))
            .unwrap_or(after);
        if after.starts_with(" for ") {
            implemented.insert(word);
        }
    }
    let mut broken = Vec::new();
    for (file, word, is_trait) in sources.iter().flat_map(|(name, text)| declared(name, text)) {
        if times.get(word) == Some(&1) {
            broken.push(format!("{file}: `{word}` occurs nowhere else"));
        } else if is_trait && !implemented.contains(word) {
            broken.push(format!("{file}: nothing implements `{word}`"));
        }
    }
    none(
        "what is public is used: traits and the variants of enums",
        &broken,
    );
}

#[test]
fn nothing_is_left_half_done() {
    let mut broken = Vec::new();
    for (name, text) in files() {
        if name == "daemon/tests/tidy.rs" || name.ends_with(".lock") {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            for word in ["TODO", "FIXME", "unimplemented!", "todo!(", "#[ignore"] {
                if line.contains(word) {
                    broken.push(format!("{name}:{} has {word}", number + 1));
                }
            }
            // Measurements are no money.
            let exempt = name.ends_with("/xlsx.rs") || name.contains("/benches/");
            if name.ends_with(".rs") && line.contains("f64") && !exempt {
                broken.push(format!(
                    "{name}:{} has a float; money is integers, decimals come before",
                    number + 1
                ));
            }
        }
    }
    none(
        "no marks of unfinished work; floats only where Excel has nothing else",
        &broken,
    );
}

#[test]
fn modules_open_with_what_they_promise() {
    let broken: Vec<String> = files()
        .into_iter()
        .filter(|(name, text)| name.ends_with(".rs") && !text.trim_start().starts_with("//!"))
        .map(|(name, _)| name)
        .collect();
    none("every module opens with its contract (`//!`)", &broken);
}

#[test]
fn documents_name_files_that_exist() {
    let all = files();
    let mut broken = Vec::new();
    for (name, text) in &all {
        if !name.ends_with(".md") {
            continue;
        }
        for word in text.split('`').skip(1).step_by(2) {
            let ending = Path::new(word)
                .extension()
                .and_then(std::ffi::OsStr::to_str);
            let is_path = word.contains('/')
                && !word.contains([' ', '*', '<', '{', '$', '…'])
                && ending.is_some_and(|ending| ["rs", "sql", "md", "yaml"].contains(&ending));
            if is_path && !all.contains_key(word) {
                broken.push(format!("{name} names `{word}`"));
            }
        }
    }
    none("paths in documents lead somewhere", &broken);
}

#[test]
fn every_kind_of_connector_is_documented() {
    let readme = &files()["connectors/README.md"];
    let kinds = connectors::erp::kinds().map(|kind| kind.id);
    let formats = formats::settlement::KINDS.iter().map(|kind| kind.id);
    let broken: Vec<String> = kinds
        .chain(formats)
        .filter(|id| !readme.contains(&format!("`{id}`")))
        .map(str::to_owned)
        .collect();
    none("connectors/README.md has a line for every kind", &broken);
}

/// The top-level module that a file of a crate belongs to.
fn module(path: &str) -> Option<(String, String)> {
    let (home, inside) = path.split_once("/src/")?;
    let first = inside.split('/').next()?.trim_end_matches(".rs");
    (path.ends_with(".rs") && !["lib", "main"].contains(&first))
        .then(|| (home.to_owned(), first.to_owned()))
}

/// The modules of the same crate that a text names: `crate::x::…` and `crate::{x::…, y}`.
fn named(text: &str) -> BTreeSet<String> {
    let word = |text: &str| -> String {
        text.chars()
            .take_while(|c| c.is_ascii_lowercase() || *c == '_')
            .collect()
    };
    let mut found = BTreeSet::new();
    for rest in text.split("crate::").skip(1) {
        let Some(list) = rest.strip_prefix('{') else {
            found.insert(word(rest));
            continue;
        };
        let mut depth = 1;
        let mut start = true;
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => start = true,
                c if c.is_whitespace() => {}
                _ if start => {
                    found.insert(word(&list[at..]));
                    start = false;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    found
}

/// Everything that can be reached from a module.
fn reached(from: &str, uses: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut next: Vec<&String> = uses[from].iter().collect();
    while let Some(module) = next.pop() {
        if seen.insert(module.clone()) {
            next.extend(&uses[module]);
        }
    }
    seen
}

#[test]
fn modules_know_each_other_in_one_direction() {
    let mut crates = BTreeMap::<String, BTreeMap<String, BTreeSet<String>>>::new();
    for (path, text) in files() {
        let Some((home, module)) = module(&path) else {
            continue;
        };
        let product = text.split("#[cfg(test)]").next().unwrap_or_default();
        let uses = crates.entry(home).or_default().entry(module).or_default();
        uses.extend(named(product));
    }
    // A hash is made of an encoding, and an encoding ends in a hash.
    let one_thing = ["encode", "hash"];
    let mut broken = Vec::new();
    for (home, mut uses) in crates {
        let known: BTreeSet<String> = uses.keys().cloned().collect();
        for (module, of_module) in &mut uses {
            of_module.retain(|other| known.contains(other) && other != module);
        }
        for module in uses
            .keys()
            .filter(|name| !one_thing.contains(&name.as_str()))
        {
            if reached(module, &uses).contains(module) {
                broken.push(format!("{home}: `{module}` comes back to itself"));
            }
        }
    }
    none(
        "modules of a crate know each other in one direction",
        &broken,
    );
}
