//! Bookkeeping programs of other people, and what they read in a file of ours.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on should say where"
)]

use chrono::NaiveDate;
use formats::erp::ExportBatch;
use ledger::{AccountType, Currency};
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Balances in minor units, debits positive, by account and currency; none of zero.
pub(crate) type Balances = BTreeMap<(String, String), i128>;

/// Our own trial balance of a batch, before a day where one is given, in the names of a program.
pub(crate) fn trial_balance(
    batch: &ExportBatch,
    before: Option<NaiveDate>,
    name: fn(entity: &str, kind: AccountType, account: &str, foreign: Option<Currency>) -> String,
) -> Balances {
    let mut balances = Balances::new();
    for item in &batch.entries {
        let header = item.entry.header();
        if before.is_some_and(|before| header.date >= before) {
            continue;
        }
        for line in item.entry.lines() {
            let found = batch.chart.find(&line.account);
            let kind = found.map_or(AccountType::Asset, |found| found.kind);
            let currency = line.amount.currency();
            let foreign = (currency != line.functional.currency()).then_some(currency);
            let name = name(&header.entity, kind, &line.account, foreign);
            let balance = balances.entry((name, currency.to_string())).or_default();
            *balance += line.side.signed(line.amount.amount());
        }
    }
    balances.retain(|_, balance| *balance != 0);
    balances
}

/// What a program prints, where it is content; what it says, where it is not.
pub(crate) fn run(command: &mut Command, missing: &str) -> Result<String, String> {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{missing} ({error}); `make test` installs it"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let lacking = ["ModuleNotFoundError", "ImportError"];
    let installed = !lacking.iter().any(|word| said.contains(word));
    assert!(installed, "{missing}: {said}; `make test` installs it");
    if !output.status.success() {
        return Err(said);
    }
    Ok(String::from_utf8(output.stdout).unwrap())
}

/// Adds an amount, which may be beyond what one line can hold.
fn add(balances: &mut Balances, account: &str, amount: &str, currency: &str) {
    let places = Currency::from_code(currency).unwrap().exponent();
    let mut number: Decimal = amount.parse().unwrap();
    assert!(number.scale() <= places, "{amount} {currency}");
    number.rescale(places);
    let key = (account.to_owned(), currency.to_owned());
    *balances.entry(key).or_default() += number.mantissa();
}

/// hledger's strict checks, then its balances.
pub(crate) fn hledger(path: &Path, before: Option<NaiveDate>) -> Result<Balances, String> {
    let hledger = |arguments: &[&str]| {
        let mut command = Command::new("hledger");
        run(
            command.arg("-f").arg(path).args(arguments),
            "hledger is missing",
        )
    };
    hledger(&["check", "--strict"])?;
    let end = before.map_or("9999-12-31".to_owned(), |before| before.to_string());
    let bare = "bal --flat --no-total -O csv --layout bare -e";
    let arguments: Vec<&str> = bare.split(' ').chain([end.as_str()]).collect();
    let mut balances = Balances::new();
    for record in csv::Reader::from_reader(hledger(&arguments)?.as_bytes()).records() {
        let record = record.unwrap();
        add(&mut balances, &record[0], &record[2], &record[1]);
    }
    balances.retain(|_, balance| *balance != 0);
    Ok(balances)
}

/// ledger's balances, by its strict and pedantic reading.
pub(crate) fn ledger(path: &Path, before: Option<NaiveDate>) -> Result<Balances, String> {
    let mut command = Command::new("ledger");
    command
        .args(["--args-only", "--strict", "--pedantic", "-f"])
        .arg(path)
        .args(["bal", "--flat", "--no-total", "--balance-format"])
        .arg("%(account)\t%(scrub(display_total))\n");
    if let Some(before) = before {
        command.args(["--end", &before.to_string()]);
    }
    let mut balances = Balances::new();
    let told = run(&mut command, "ledger is missing")?;
    let mut account = "";
    for line in told.lines() {
        let mut amount = line;
        if let Some((name, first)) = line.split_once('\t') {
            (account, amount) = (name, first);
        }
        // An account that comes to nothing.
        if let Some((amount, currency)) = amount.trim().split_once(' ') {
            add(&mut balances, account, amount, currency);
        }
    }
    Ok(balances)
}

/// `bean-check`, then the postings that beancount's loader gives.
pub(crate) fn beancount(path: &Path, before: Option<NaiveDate>) -> Result<Balances, String> {
    let tools = std::env::var_os("TIEOUT_TOOLS").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/tieout-tools");
    let modules = tools.unwrap_or_else(home).join("books");
    let python = || {
        let mut command = Command::new("python3");
        command.env("PYTHONPATH", &modules);
        command.env("BEANCOUNT_DISABLE_LOAD_CACHE", "1");
        command
    };
    let missing = "beancount is missing";
    // What `bean-check` runs.
    run(
        python()
            .args(["-m", "beancount.scripts.check", "--no-cache"])
            .arg(path),
        missing,
    )?;
    let script = include_str!("read_beancount.py");
    let told = run(python().args(["-c", script]).arg(path), missing)?;
    Ok(postings(&told, before))
}

/// GnuCash's engine: every transaction balances, and it had to add nothing.
pub(crate) fn gnucash(
    path: &Path,
    before: Option<NaiveDate>,
    transactions: usize,
) -> Result<Balances, String> {
    let script = include_str!("read_gnucash.py");
    // The system's own interpreter, to which GnuCash's package belongs.
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-I", "-c", script]).arg(path);
    let told = run(
        command.arg(transactions.to_string()),
        "GnuCash's engine is missing",
    )?;
    Ok(postings(&told, before))
}

/// Sums postings that are told as JSON: day, account, amount, currency.
fn postings(told: &str, before: Option<NaiveDate>) -> Balances {
    let mut balances = Balances::new();
    for line in told.lines() {
        let [day, account, amount, currency]: [String; 4] = serde_json::from_str(line).unwrap();
        let day: NaiveDate = day.parse().unwrap();
        if before.is_none_or(|before| day < before) {
            add(&mut balances, &account, &amount, &currency);
        }
    }
    balances.retain(|_, balance| *balance != 0);
    balances
}
