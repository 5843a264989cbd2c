//! The accounts that a file declares before its entries: plain text ledgers and books refuse others.
//!
//! Each has its own rules for names. Where two accounts would get one name, the batch is refused: their
//! balances must not become one.

use super::{Called, ExportBatch, RenderError};
use ledger::{AccountType, Line};
use std::collections::BTreeMap;

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
    for item in &batch.entries {
        let header = item.entry.header();
        for (line, number) in item.entry.lines().iter().zip(1..) {
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

/// The type under which an account is written: one that the chart does not have stands among the assets.
pub(super) fn kind(called: Called<'_>) -> AccountType {
    called.kind.unwrap_or(AccountType::Asset)
}
