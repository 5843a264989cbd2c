//! Fixtures of the repository, and batches as their files describe them.

#![allow(
    dead_code,
    clippy::unwrap_used,
    missing_docs,
    reason = "each test file uses its own part of this, and a test that cannot go on says where"
)]

pub(crate) mod garbled;
pub(crate) mod judged;

use formats::erp::{ExportBatch, ExportEntry};
use ledger::{
    Account, AccountType, Chart, Currency, Deferral, Dimensions, EntryHeader, EntryKind, EventKey,
    Hash, JournalEntry, Line, Money, RuleRef, Side,
};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder of `fixtures/`, wherever the test's crate lies.
pub(crate) fn fixtures(folder: &str) -> PathBuf {
    let crate_folder = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap());
    crate_folder
        .ancestors()
        .map(|above| above.join("fixtures").join(folder))
        .find(|found| found.is_dir())
        .unwrap()
}

/// A case's options and its batch.
pub(crate) fn case(path: &Path) -> (Value, ExportBatch) {
    let value: Value =
        serde_json::from_slice(&std::fs::read(path.join("batch.json")).unwrap()).unwrap();
    let batch = batch("books", &value["entries"]);
    (value["options"].clone(), batch)
}

fn money(text: &str) -> Money {
    let (amount, code) = text.split_once(' ').unwrap();
    Money::parse(amount, Currency::from_code(code).unwrap()).unwrap()
}

fn deferral(value: &Value) -> Option<Deferral> {
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    Some(Deferral {
        release_account: text("account")?,
        method: text("method")?,
        from: text("from")?.parse().unwrap(),
        to: text("to")?.parse().unwrap(),
    })
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
            deferral: deferral(&line["deferral"]),
        }
    });
    let header = EntryHeader {
        entity: text("entity"),
        date: text("date").parse().unwrap(),
        event_on: None,
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

/// A batch of entries as `batch.json` describes them.
pub(crate) fn batch(target: &str, entries: &Value) -> ExportBatch {
    let account = |name: &str, code: &str, kind| Account {
        account: name.into(),
        code: code.into(),
        kind,
        normal: None,
        title: name.into(),
        formerly: Vec::new(),
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
        labels: Arc::default(),
        accounts: None,
    }
}
