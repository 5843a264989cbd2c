//! A plain text journal that `hledger check --strict` accepts.
//!
//! Accounts are named `entity:type:account`; every account and commodity is declared, so that the
//! strict checks hold, each account with its type, which hledger does not guess behind an entity: so
//! `hledger balancesheet` and `incomestatement` find it. An account that the chart does not have stands among
//! the assets without a type. Foreign amounts carry their total in the functional currency (`@@`).

use super::limits::{Limits, Sides};
use super::{Called, ExportBatch, FileFormat, FileKind, RenderError};
use ledger::{AccountType, Currency, text};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufWriter, Write};

/// This kind's registration.
pub const KIND: FileKind =
    FileKind::of::<Hledger>("hledger", "hledger journal", "{}").holding(Limits {
        sides: Sides::Signed,
        ..Limits::NONE
    });

/// No options.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct Hledger;

impl FileFormat for Hledger {
    type Config = Config;

    fn new(_config: Config) -> Self {
        Self
    }

    fn name(&self, batch: &ExportBatch) -> String {
        batch.file_name("journal")
    }

    fn render(&self, batch: &ExportBatch, out: &mut dyn Write) -> Result<(), RenderError> {
        let mut out = BufWriter::with_capacity(64 << 10, out);
        write(batch, &mut out).map_err(RenderError::write)
    }
}

fn write(batch: &ExportBatch, out: &mut impl Write) -> io::Result<()> {
    let mut accounts = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut currencies = BTreeSet::new();
    for item in &batch.entries {
        let header = item.entry.header();
        for line in item.entry.lines() {
            if seen.insert((&line.account, header.date, &header.entity)) {
                let called = batch.called(&line.account, header.date);
                accounts.insert(name(&header.entity, called), called.kind);
            }
            currencies.insert(line.amount.currency());
            currencies.insert(line.functional.currency());
        }
    }
    writeln!(
        out,
        "; batch {} number {} of {}\n",
        batch.id, batch.number, batch.target
    )?;
    for currency in currencies {
        writeln!(out, "commodity {}", sample(currency))?;
    }
    writeln!(out)?;
    for (account, kind) in accounts {
        let kind = kind.map_or(String::new(), |kind| format!("  ; type: {}", letter(kind)));
        writeln!(out, "account {account}{kind}")?;
    }
    for item in &batch.entries {
        let header = item.entry.header();
        let text = text::entry(&item.entry, |line| {
            name(&header.entity, batch.called(&line.account, header.date))
        });
        let (head, lines) = text.split_once('\n').unwrap_or((&text, ""));
        write!(out, "\n{head}\n    ; document: {}\n{lines}", item.document)?;
    }
    out.flush()
}

fn name(entity: &str, called: Called<'_>) -> String {
    let kind = match called.kind {
        Some(AccountType::Asset) | None => "assets",
        Some(AccountType::Liability) => "liabilities",
        Some(AccountType::Equity) => "equity",
        Some(AccountType::Revenue) => "revenues",
        Some(AccountType::Expense) => "expenses",
    };
    format!("{entity}:{kind}:{}", called.account)
}

/// How hledger calls a type of account.
const fn letter(kind: AccountType) -> char {
    match kind {
        AccountType::Asset => 'A',
        AccountType::Liability => 'L',
        AccountType::Equity => 'E',
        AccountType::Revenue => 'R',
        AccountType::Expense => 'X',
    }
}

/// A number that shows hledger how many places a commodity has.
fn sample(currency: Currency) -> String {
    let places = usize::try_from(currency.exponent()).unwrap_or(0);
    format!("1000.{} {currency}", "0".repeat(places))
}
