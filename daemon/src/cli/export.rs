//! `tieout export [TARGET] | status | show DOCUMENT | resolve DOCUMENT | again BATCH | resend BATCH`: what targets do not
//! have yet, where everything is, and what is decided about a batch that one of them refused or never answered.

use crate::output::{Output, TextTable};
use crate::wording::decided;
use clap::{Args, Subcommand, ValueEnum};
use office::Call;
use office::deeds::desk::{self as deeds, Deed};
use office::jobs::export;
use office::questions::exports::{self, Batch, Document, Shown, Status};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// One target; all when not named.
    target: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Where batches and documents are: what is refused, under way, held back, or was never answered.
    Status {
        /// Those that arrived as well.
        #[arg(long)]
        all: bool,
    },
    /// A batch, its attempts and what its target said of its documents.
    Show {
        /// A document's number, a file, or a batch's UUID.
        document: String,
    },
    /// Say whether something arrived of which nobody knows, where its target cannot be asked.
    Resolve {
        /// A document's number, a file, or a batch's UUID.
        document: String,
        /// `sent`: it lies there, and is not sent again. `not-sent`: it does not, and the next export sends it.
        #[arg(long = "as")]
        arrived: Arrived,
        /// How you know; it stays in the books.
        #[arg(long)]
        why: String,
    },
    /// Write the entries of a batch that was refused anew, into a new batch, at the next export.
    #[command(alias = "release")]
    Again(Decision),
    /// Send a batch that was refused again, byte for byte, at the next export.
    Resend(Decision),
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Arrived {
    Sent,
    NotSent,
}

#[derive(Debug, Args)]
struct Decision {
    /// The batch: its UUID, its file, or one of its documents.
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
    let Some(command) = &arguments.command else {
        return exported(call, arguments.target.as_deref(), output).await;
    };
    match command {
        Command::Status { all } => {
            let status = exports::status(call, *all).await?;
            output.result(&status, &status_text(&status))?;
            Ok(true)
        }
        Command::Show { document } => {
            let shown = exports::show(call, document).await?;
            output.result(&shown, &shown_text(&shown))?;
            Ok(true)
        }
        Command::Resolve {
            document,
            arrived,
            why,
        } => {
            let batch = exports::batch_named(call, document).await?;
            let (deed, next) = match arrived {
                Arrived::Sent => (Deed::BatchArrived { batch }, "it is not sent again"),
                Arrived::NotSent => (
                    Deed::BatchMissing { batch },
                    "the next export sends it again",
                ),
            };
            decide(call, &deed, (why, next), output).await
        }
        Command::Again(decision) => {
            let batch = exports::batch_named(call, &decision.batch).await?;
            let next = "the next export puts its entries into a new batch";
            let deed = Deed::BatchRelease { batch };
            decide(call, &deed, (&decision.why, next), output).await
        }
        Command::Resend(decision) => {
            let batch = exports::batch_named(call, &decision.batch).await?;
            let next = "the next export sends it again";
            let deed = Deed::BatchResend { batch };
            decide(call, &deed, (&decision.why, next), output).await
        }
    }
}

async fn decide(
    call: &Call,
    deed: &Deed,
    (why, next): (&str, &str),
    output: Output,
) -> anyhow::Result<bool> {
    let done = deeds::decide(call, deed, why).await?;
    let text = decided(&done, || format!("batch {}: {next}", done.subject));
    output.result(&done, &text)?;
    Ok(done.proposal.is_some())
}

fn status_text(status: &Status) -> String {
    let mut text = batches(&status.batches).to_string();
    if !status.documents.is_empty() {
        text.push('\n');
        text.push_str(&documents(&status.documents).to_string());
    }
    if status.done > 0 {
        text.push_str(&format!(
            "\n{} arrived and are not shown; --all shows them\n",
            match status.done {
                1 => "1 batch".to_owned(),
                many => format!("{many} batches"),
            }
        ));
    }
    text
}

fn shown_text(shown: &Shown) -> String {
    let mut text = String::new();
    if let Some(batch) = &shown.batch {
        text.push_str(&batches(std::slice::from_ref(batch)).to_string());
        text.push_str(&format!("\nbatch {}\n", batch.batch));
    }
    if !shown.documents.is_empty() {
        text.push('\n');
        text.push_str(&documents(&shown.documents).to_string());
    }
    if !shown.attempts.is_empty() {
        let mut table = TextTable::new(&["attempt", "at", "by", "state", "said"]);
        for attempt in &shown.attempts {
            table.row(vec![
                attempt.attempt.to_string(),
                attempt.at.clone(),
                attempt.by.clone(),
                attempt.state.to_owned(),
                attempt.said.clone(),
            ]);
        }
        text.push('\n');
        text.push_str(&table.to_string());
    }
    if let Some(next) = &shown.next {
        text.push_str(&format!("\nnext: {next}\n"));
    }
    text
}

fn batches(batches: &[Batch]) -> TextTable {
    let mut table = TextTable::new(&[
        "target",
        "batch",
        "file",
        "entries",
        "documents",
        "held",
        "state",
        "said",
    ]);
    for batch in batches {
        table.row(vec![
            batch.target.clone(),
            batch.number.to_string(),
            batch.artifact.clone(),
            batch.entries.to_string(),
            batch.documents.to_string(),
            batch.held.to_string(),
            batch.state.to_owned(),
            batch.said.clone(),
        ]);
    }
    table
}

fn documents(documents: &[Document]) -> TextTable {
    let mut table = TextTable::new(&[
        "target", "document", "batch", "entry", "lines", "debit", "state", "there", "said",
    ]);
    for document in documents {
        table.row(vec![
            document.target.clone(),
            document.document.clone(),
            document.batch_number.to_string(),
            document.entry.to_string(),
            document.lines.to_string(),
            document.debit.clone(),
            document.state.to_owned(),
            document.theirs.clone(),
            document.said.clone(),
        ]);
    }
    table
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
        "held",
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
            summary.held.to_string(),
            said.cloned().unwrap_or_default(),
        ]);
    }
    output.result(&summaries, &table.to_string())?;
    Ok(summaries
        .iter()
        .all(|s| s.problem.is_none() && s.rejected == 0 && s.unknown == 0 && s.held == 0))
}
