//! What we write for bookkeeping programs, as those programs read it: they accept it by their strictest
//! rules, and their balances are those of our own trial balance, also on a day in between.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

mod common;
#[path = "programs/read.rs"]
mod programs;

use chrono::NaiveDate;
use common::{batch, case, fixtures};
use fastrand::Rng;
use formats::erp::{self, ExportBatch};
use ledger::{AccountType, Currency};
use programs::{Balances, trial_balance};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

type Name = fn(&str, AccountType, &str, Option<Currency>) -> String;
type Judge = fn(&Path, Option<NaiveDate>, usize) -> Result<Balances, String>;

/// Kind, how it names accounts, and who reads it.
const PROGRAMS: [(&str, Name, Judge); 4] = [
    ("beancount", capital, |path, before, _| {
        programs::beancount(path, before)
    }),
    ("gnucash", typed, programs::gnucash),
    ("hledger", plain, |path, before, _| {
        programs::hledger(path, before)
    }),
    ("ledger", plain, |path, before, _| {
        programs::ledger(path, before)
    }),
];

fn plain(entity: &str, kind: AccountType, account: &str, _: Option<Currency>) -> String {
    let kind = match kind {
        AccountType::Asset => "assets",
        AccountType::Liability => "liabilities",
        AccountType::Equity => "equity",
        AccountType::Revenue => "revenues",
        AccountType::Expense => "expenses",
    };
    format!("{entity}:{kind}:{account}")
}

fn group(kind: AccountType) -> &'static str {
    match kind {
        AccountType::Asset => "Assets",
        AccountType::Liability => "Liabilities",
        AccountType::Equity => "Equity",
        AccountType::Revenue => "Income",
        AccountType::Expense => "Expenses",
    }
}

fn capital(entity: &str, kind: AccountType, account: &str, _: Option<Currency>) -> String {
    let capital = |text: &str| text[..1].to_uppercase() + &text[1..];
    format!("{}:{}:{}", group(kind), capital(entity), capital(account))
}

fn typed(entity: &str, kind: AccountType, account: &str, foreign: Option<Currency>) -> String {
    let foreign = foreign.map_or(String::new(), |currency| format!(" {currency}"));
    format!("{}:{entity}:{account}{foreign}", group(kind))
}

/// A folder that goes when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tieout-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

fn written(folder: &Folder, kind: &str, options: Value, batch: &ExportBatch) -> PathBuf {
    let format = erp::FileKind::find(kind).unwrap().open(options).unwrap();
    let artifact = format.artifact(batch).unwrap();
    let path = folder.0.join(&artifact.name);
    std::fs::write(&path, &artifact.bytes).unwrap();
    path
}

/// Every program reads its file as we mean it.
fn agree(
    place: &str,
    options: Value,
    batch: &ExportBatch,
    (kind, name, judge): (&str, Name, Judge),
) {
    let folder = Folder::new(&format!("books-{place}-{kind}"));
    let path = written(&folder, kind, options, batch);
    let middle = "2026-01-15".parse().unwrap();
    for before in [None, Some(middle)] {
        let theirs = judge(&path, before, batch.entries.len());
        let theirs = theirs.unwrap_or_else(|said| panic!("{kind}, {place}: {said}"));
        let ours = trial_balance(batch, before, name);
        assert_eq!(ours, theirs, "{kind}, {place}, before {before:?}");
    }
}

#[test]
fn programs_read_every_fixture_as_we_mean_it() {
    for program in PROGRAMS {
        let cases = fixtures("erp").join(program.0);
        for item in std::fs::read_dir(cases).unwrap() {
            let path = item.unwrap().path();
            let (options, batch) = case(&path);
            let place = path.file_name().unwrap().to_str().unwrap().to_owned();
            agree(&place, options, &batch, program);
        }
    }
}

/// What one program or another reads more into than stands there.
const TEXTS: &[&str] = &[
    "",
    " ",
    "INV-1001",
    "[2026-02-11]",
    "[2026-02-30]",
    "[=2026/03/01]",
    "[9]",
    "; note",
    "a  ; x: y",
    ":tag:other:",
    "date: 2026-02-30",
    "date:2026-02-30, type: A",
    "payee: somebody",
    "value:: 1 +",
    "(a",
    "a) b",
    "* ! a",
    "| a",
    "=1+1",
    "@@ 5.00 EUR",
    "{3 USD}",
    "#tag ^link",
    "a \"b\" 'c' \\",
    "\\\"",
    "a & b <c> &lt; ]]> <![CDATA[",
    "first\r\nsecond\tthird",
    "\n\n2026-01-01 * x\n    a  1 EUR\n    b\n\n",
    "\0 \u{7} \u{1b}[31m",
    "\u{85}\u{2028}\u{2029}",
    "\u{feff}\u{fffe}\u{ffff}",
    "\u{a0}\u{3000}",
    "Zürich, straße 😀",
    "שלום \u{202e}oiram",
    "日本語",
];

const NAMES: &[&str] = &[
    "region",
    "customer",
    "cost centre",
    "a:b",
    "date",
    "date2",
    "value",
    "payee",
    "type",
    "x",
    "filename",
    "Größe",
    "a,b",
    "",
];

/// What a transaction currency is worth in euros, roughly; nothing hangs on it but that totals are odd.
const CURRENCIES: [(&str, i64, i64); 4] = [
    ("EUR", 1, 1),
    ("JPY", 617, 1000),
    ("KWD", 3, 10),
    ("USD", 91, 100),
];

fn entry(rng: &mut Rng, number: usize) -> Value {
    let text = |rng: &mut Rng| {
        let one = TEXTS[rng.usize(..TEXTS.len())];
        if rng.u32(..12) == 0 {
            one.repeat(200)
        } else {
            one.to_owned()
        }
    };
    let (code, over, under) = CURRENCIES[rng.usize(..CURRENCIES.len())];
    let currency = Currency::from_code(code).unwrap();
    let euro = Currency::from_code("EUR").unwrap();
    let largest = [9, 5_000, 1_000_000_000_000_000][rng.usize(..3)];
    let parts = [rng.i64(1..=largest / 2), rng.i64(1..=largest / 2)];
    let worth = parts.map(|part| {
        i64::try_from(i128::from(part) * i128::from(over) / i128::from(under)).unwrap()
    });
    let mut line = |side: &str, account: &str, part: i64, worth: i64| {
        let mut dimensions = serde_json::Map::new();
        for _ in 0..rng.usize(..4) {
            dimensions.insert(NAMES[rng.usize(..NAMES.len())].to_owned(), json!(text(rng)));
        }
        json!({
            side: account,
            "amount": ledger::Money::minor(part, currency).to_string(),
            "functional": ledger::Money::minor(worth, euro).to_string(),
            "dimensions": dimensions,
        })
    };
    let lines = [
        line(
            "debit",
            "accounts-receivable",
            parts[0] + parts[1],
            worth[0] + worth[1],
        ),
        line("credit", "revenue-access", parts[0], worth[0]),
        line("credit", "tax-payable", parts[1], worth[1]),
    ];
    json!({
        "id": number, "entity": "eu", "period": "2026-01", "date": format!("2026-01-{:02}", rng.u32(1..=28)),
        "kind": "original", "reference": text(rng), "description": text(rng), "lines": lines,
    })
}

#[test]
fn no_text_and_no_amount_is_read_as_something_else() {
    let mut rng = Rng::with_seed(5);
    let entries: Vec<Value> = (1..=300).map(|number| entry(&mut rng, number)).collect();
    let batch = batch("books", &json!(entries));
    for program in PROGRAMS {
        agree("odd", json!({}), &batch, program);
    }
}

fn of_entities(entities: [&str; 2]) -> ExportBatch {
    let entries = entities
        .into_iter()
        .zip(1..)
        .map(|(entity, number): (_, i64)| {
            json!({
                "id": number, "entity": entity, "period": "2026-01", "date": "2026-01-15",
                "kind": "original", "reference": "INV-1", "description": "sold",
                "lines": [
                    { "debit": "accounts-receivable", "amount": "119.00 EUR" },
                    { "credit": "not-in-the-chart", "amount": "119.00 EUR" },
                ],
            })
        });
    batch("books", &json!(entries.collect::<Vec<_>>()))
}

#[test]
fn entities_may_be_called_as_they_like_unless_two_became_one() {
    let batch = of_entities(["Zürich AG (\"x\"; 1)", "=a:b"]);
    for (kind, _, judge) in PROGRAMS.into_iter().filter(|(kind, ..)| *kind != "hledger") {
        let folder = Folder::new(&format!("entities-{kind}"));
        let path = written(&folder, kind, json!({}), &batch);
        let found = judge(&path, None, 2).unwrap_or_else(|said| panic!("{kind}: {said}"));
        assert_eq!(found.len(), 4, "{kind}: {found:?}");
        let format = erp::FileKind::find(kind).unwrap().open(json!({})).unwrap();
        let refused = format.artifact(&of_entities(["a:b", "a-b"])).unwrap_err();
        let refused = refused.to_string();
        assert!(
            refused.starts_with("line 1 of document `a-b-2026-000002` does not fit"),
            "{refused}"
        );
        assert!(refused.contains("would both be called"), "{refused}");
    }
}

#[test]
fn hledger_finds_each_account_in_its_statement() {
    let folder = Folder::new("books-statements");
    let (options, batch) = case(&fixtures("erp").join("hledger/two-currencies"));
    let path = written(&folder, "hledger", options, &batch);
    let told = |statement: &str| {
        let mut command = Command::new("hledger");
        command.arg("-f").arg(&path).args([statement, "--flat"]);
        programs::run(&mut command, "hledger is missing").unwrap()
    };
    let (sheet, income) = (told("balancesheet"), told("incomestatement"));
    for account in [
        "eu:assets:accounts-receivable",
        "eu:liabilities:tax-payable",
    ] {
        assert!(
            sheet.contains(account) && !income.contains(account),
            "{sheet}{income}"
        );
    }
    let account = "eu:revenues:revenue-access";
    assert!(
        income.contains(account) && !sheet.contains(account),
        "{sheet}{income}"
    );
}

#[test]
fn a_ledger_whose_accounts_are_open_elsewhere_opens_none() {
    let (_, batch) = case(&fixtures("erp").join("beancount/two-currencies"));
    let kind = erp::FileKind::find("beancount").unwrap();
    let with = |options: Value| kind.open(options).unwrap().artifact(&batch);
    let text = |options: Value| String::from_utf8(with(options).unwrap().bytes).unwrap();
    assert!(text(json!({})).contains("1970-01-01 open Assets:Eu:Accounts-receivable"));
    assert!(text(json!({ "opened_on": "2026-01-15" })).contains("2026-01-15 open "));
    assert!(!text(json!({ "open_accounts": false })).contains(" open "));
    let refused = with(json!({ "opened_on": "2026-01-16" })).unwrap_err();
    assert!(
        refused.to_string().contains("is before `opened_on`"),
        "{refused}"
    );
    assert!(with(json!({ "opened_on": "2026-01-16", "open_accounts": false })).is_ok());
}
