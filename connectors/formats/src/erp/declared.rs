//! The accounts that a file declares before its entries: plain text ledgers and books refuse others.
//!
//! Each has its own rules for names. Where two accounts would get one name, the batch is refused: their
//! balances must not become one.

use super::{Called, ExportBatch, RenderError};
use chrono::NaiveDate;
use ledger::{AccountType, EntryHeader, Line};
use std::collections::{BTreeMap, BTreeSet};

/// An account as its first line in the batch knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Declared<'b> {
    /// The entity in whose books it is.
    pub(super) entity: &'b str,
    /// What it is called.
    pub(super) called: Called<'b>,
    /// That line.
    pub(super) line: &'b Line,
}

/// Every account of the batch by the name that `name` gives it.
///
/// # Errors
/// [`RenderError::Unfit`] at the first line of an account whose name belongs to another one already.
pub(super) fn declared<'b>(
    batch: &'b ExportBatch,
    name: impl Fn(Declared<'b>) -> String,
) -> Result<BTreeMap<String, Declared<'b>>, RenderError> {
    let mut all = BTreeMap::<String, Declared<'b>>::new();
    let mut seen = BTreeSet::new();
    for item in &batch.entries {
        let header = item.entry.header();
        for (line, number) in item.entry.lines().iter().zip(1..) {
            // What a name follows from; it is made once.
            let currencies = [line.amount.currency(), line.functional.currency()];
            if !seen.insert((&line.account, header.date, &header.entity, currencies)) {
                continue;
            }
            let declared = Declared {
                entity: &header.entity,
                called: batch.called(&line.account, header.date),
                line,
            };
            let name = name(declared);
            let Some(first) = all.get(&name) else {
                all.insert(name, declared);
                continue;
            };
            let same = first.entity == declared.entity
                && first.called.account == declared.called.account
                && first.called.kind == declared.called.kind;
            if !same {
                let one = format!("`{}` of `{}`", first.called.account, first.entity);
                let other = format!("`{}` of `{}`", declared.called.account, declared.entity);
                return Err(RenderError::Unfit {
                    document: item.document.clone(),
                    line: number,
                    what: format!("{one} and {other} would both be called `{name}`"),
                });
            }
        }
    }
    Ok(all)
}

/// The names of accounts whose currency is not in them, each made once.
#[derive(Debug, Default)]
pub(super) struct Names<'b> {
    names: Vec<String>,
    places: BTreeMap<(&'b str, NaiveDate, &'b str), usize>,
}

impl<'b> Names<'b> {
    /// Which of the names a line's account has.
    pub(super) fn place(
        &mut self,
        batch: &'b ExportBatch,
        header: &'b EntryHeader,
        line: &'b Line,
        name: impl Fn(Declared<'b>) -> String,
    ) -> usize {
        let (date, entity) = (header.date, header.entity.as_str());
        let names = &mut self.names;
        let place = self.places.entry((line.account.as_str(), date, entity));
        *place.or_insert_with(|| {
            let called = batch.called(&line.account, date);
            names.push(name(Declared {
                entity,
                called,
                line,
            }));
            names.len() - 1
        })
    }

    /// A name.
    pub(super) fn get(&self, place: usize) -> &str {
        self.names.get(place).map_or("", String::as_str)
    }
}

/// The type under which an account is written: one that the chart does not have stands among the assets.
pub(super) fn kind(called: Called<'_>) -> AccountType {
    called.kind.unwrap_or(AccountType::Asset)
}
