//! `tieout export [TARGET] | resend BATCH | release BATCH`: what targets do not have yet, and what is decided
//! about a batch that one of them refused.

use crate::output::{Output, TextTable};
use crate::wording::decided;
use clap::{Args, Subcommand};
use office::Call;
use office::deeds::desk::{self as deeds, Deed};
use office::jobs::export;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    deed: Option<Command>,
    /// One target; all when not named.
    target: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send a batch that was refused again, byte for byte, at the next export.
    Resend(Decision),
    /// Put the entries of a batch that was refused into a new one at the next export.
    Release(Decision),
}

#[derive(Debug, Args)]
struct Decision {
    /// The batch: its UUID, as the control equation, the manifest and `tieout trace` show it.
    batch: String,
    /// Why; it stays in the books.
    #[arg(long)]
    why: String,
}

pub(crate) async fn run(
    call: &Call,
    arguments: &Arguments,
    output: Output,
) -> anyhow::Result<bool> {
    let (deed, why, next) = match &arguments.deed {
        None => return exported(call, arguments.target.as_deref(), output).await,
        Some(Command::Resend(decision)) => {
            let batch = decision.batch.clone();
            let next = "the next export sends it again";
            (Deed::BatchResend { batch }, &decision.why, next)
        }
        Some(Command::Release(decision)) => {
            let batch = decision.batch.clone();
            let next = "the next export puts its entries into a new batch";
            (Deed::BatchRelease { batch }, &decision.why, next)
        }
    };
    let done = deeds::decide(call, &deed, why).await?;
    let text = decided(&done, || format!("batch {}: {next}", done.subject));
    output.result(&done, &text)?;
    Ok(done.proposal.is_some())
}

async fn exported(call: &Call, target: Option<&str>, output: Output) -> anyhow::Result<bool> {
    let started = call.stamp();
    let outcome = export::run(call, target).await;
    call.record("export", &started, &outcome).await?;
    let summaries = outcome?;
    let mut table = TextTable::new(&[
        "target",
        "new batches",
        "entries",
        "delivered",
        "rejected",
        "unknown",
        "problem",
    ]);
    for summary in &summaries {
        let said = summary.problem.as_ref().or(summary.note.as_ref());
        table.row(vec![
            summary.target.clone(),
            summary.batches.to_string(),
            summary.entries.to_string(),
            summary.delivered.to_string(),
            summary.rejected.to_string(),
            summary.unknown.to_string(),
            said.cloned().unwrap_or_default(),
        ]);
    }
    output.result(&summaries, &table.to_string())?;
    Ok(summaries
        .iter()
        .all(|s| s.problem.is_none() && s.rejected == 0 && s.unknown == 0))
}
