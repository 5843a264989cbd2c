//! A plain text journal that `hledger check --strict` accepts.
//!
//! Accounts are named `entity:type:account`; every account and commodity is declared, so that the
//! strict checks hold. Foreign amounts carry their total in the functional currency (`@@`).

use super::{Artifact, ExportBatch, FileFormat, FileKind, RenderError};
use ledger::{AccountType, Chart, Currency, Line, text};
use serde::Deserialize;
use std::collections::BTreeSet;

/// This kind's registration.
pub const KIND: FileKind = FileKind::of::<Hledger>("hledger", "hledger journal", "{}");

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

    fn render(&self, batch: &ExportBatch) -> Result<Artifact, RenderError> {
        let mut accounts = BTreeSet::new();
        let mut currencies = BTreeSet::new();
        for item in &batch.entries {
            for line in item.entry.lines() {
                accounts.insert(name(&batch.chart, &item.entry.header().entity, line));
                currencies.insert(line.amount.currency());
                currencies.insert(line.functional.currency());
            }
        }
        let mut journal = format!(
            "; batch {} number {} of {}\n\n",
            batch.id, batch.number, batch.target
        );
        for currency in currencies {
            journal.push_str(&format!("commodity {}\n", sample(currency)));
        }
        journal.push('\n');
        for account in accounts {
            journal.push_str(&format!("account {account}\n"));
        }
        for item in &batch.entries {
            let entity = &item.entry.header().entity;
            journal.push('\n');
            let text = text::entry(&item.entry, |line| name(&batch.chart, entity, line));
            let document = format!("\n    ; document: {}\n", item.document);
            journal.push_str(&text.replacen('\n', &document, 1));
        }
        Ok(Artifact {
            name: batch.file_name("journal"),
            bytes: journal.into_bytes(),
        })
    }
}

fn name(chart: &Chart, entity: &str, line: &Line) -> String {
    let kind = match chart.get(&line.account).map(|account| account.kind) {
        Some(AccountType::Asset) | None => "assets",
        Some(AccountType::Liability) => "liabilities",
        Some(AccountType::Equity) => "equity",
        Some(AccountType::Revenue) => "revenues",
        Some(AccountType::Expense) => "expenses",
    };
    format!("{entity}:{kind}:{}", line.account)
}

/// A number that shows hledger how many places a commodity has.
fn sample(currency: Currency) -> String {
    let places = usize::try_from(currency.exponent()).unwrap_or(0);
    format!("1000.{} {currency}", "0".repeat(places))
}
