//! `tieout breaks list`.

use crate::output::Output;
use crate::wording::breaks_table;
use clap::Subcommand;
use office::Call;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Every break that is not cleared.
    List,
}

impl Command {
    /// Whether it needs no more than the right to read the books.
    pub(crate) const fn only_asks(&self) -> bool {
        matches!(self, Self::List)
    }
}

pub(crate) async fn run(call: &Call, command: &Command, output: Output) -> anyhow::Result<bool> {
    let Command::List = command;
    let breaks = call.store.snapshot().await?.breaks().await?;
    output.result(&breaks, &breaks_table(&breaks).to_string())?;
    Ok(true)
}
