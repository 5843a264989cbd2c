//! What a target calls things, as tables that finance edits: accounts and values of dimensions, with days and a
//! default. What a table lacks holds back the entries that need it, and no others.

use crate::config::Maps;
use anyhow::Context as _;
use chrono::NaiveDate;
use formats::erp::{AccountTable, ExportBatch, ExportEntry};
use ledger::JournalEntry;
use mappings::table::Table;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The tables of a target.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    accounts: Option<Arc<Accounts>>,
    dimensions: BTreeMap<String, Table>,
}

#[derive(Debug)]
struct Accounts(Table);

impl AccountTable for Accounts {
    fn code(&self, account: &str, on: NaiveDate) -> Option<&str> {
        self.0.look_up(&[account.to_owned()], on)
    }
}

impl Tables {
    /// Reads the tables that a target names, below the folder of its configuration.
    ///
    /// # Errors
    /// What cannot be read, or is wrong in a table, by line.
    pub(crate) fn read(maps: &Maps, base: &Path) -> anyhow::Result<Self> {
        let accounts = maps.accounts.as_ref();
        let accounts = accounts.map(|path| table(&base.join(path), "account"));
        let dimensions = maps.dimensions.iter();
        Ok(Self {
            accounts: accounts.transpose()?.map(|table| Arc::new(Accounts(table))),
            dimensions: dimensions
                .map(|(name, path)| Ok((name.clone(), table(&base.join(path), name)?)))
                .collect::<anyhow::Result<_>>()?,
        })
    }

    /// Puts the target's names into a batch; gives the entries for which a table lacks something, and takes them out.
    pub(crate) fn apply(&self, batch: &mut ExportBatch) -> Vec<(i64, String)> {
        if let Some(accounts) = &self.accounts {
            let table: Arc<dyn AccountTable> = accounts.clone();
            batch.accounts = Some(table);
        }
        if self.dimensions.is_empty() {
            return Vec::new();
        }
        let mut lacking = Vec::new();
        let entries = std::mem::take(&mut batch.entries).into_iter();
        batch.entries = entries
            .filter_map(|item| {
                let id = item.id;
                self.renamed(item)
                    .map_err(|why| lacking.push((id, why)))
                    .ok()
            })
            .collect();
        lacking
    }

    fn renamed(&self, item: ExportEntry) -> Result<ExportEntry, String> {
        let header = item.entry.header();
        let mut lines = item.entry.lines().to_vec();
        for line in &mut lines {
            for (name, value) in &mut line.dimensions {
                let Some(table) = self.dimensions.get(name) else {
                    continue;
                };
                let found = table.look_up(std::slice::from_ref(value), header.date);
                found
                    .ok_or_else(|| {
                        format!(
                            "{name} `{value}` has no counterpart in the target on {}; add a row to `{}`",
                            header.date, table.name
                        )
                    })?
                    .clone_into(value);
            }
        }
        let entry = JournalEntry::new(header.clone(), lines).map_err(|error| error.to_string())?;
        Ok(ExportEntry { entry, ..item })
    }
}

fn table(path: &Path, key: &str) -> anyhow::Result<Table> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("`{shown}`"))?;
    let table = Table::read(&shown, &text).map_err(|wrong| anyhow::anyhow!("{wrong}"))?;
    anyhow::ensure!(
        table.keys == [key],
        "`{shown}` looks things up by {}, and has to by `{key}` alone: its columns are {key},value,from,to",
        table.keys.join(", ")
    );
    Ok(table)
}
