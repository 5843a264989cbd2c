//! `tieout reprocess --from DAY --to DAY`: what the mapping in force would have posted, and with `--post`
//! the difference as entries.

use crate::output::{self, Output, TextTable};
use crate::wording::trial_balance;
use chrono::NaiveDate;
use clap::Args;
use office::Call;
use office::deeds::reprocess::{self, Reprocessed, Request};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The first accounting date, 2026-01-01.
    #[arg(long)]
    from: NaiveDate,
    /// The last accounting date.
    #[arg(long)]
    to: NaiveDate,
    /// Post the difference; without it nothing is written.
    #[arg(long, requires = "why")]
    post: bool,
    /// Why it is posted: kept with every correction.
    #[arg(long)]
    why: Option<String>,
}

impl Arguments {
    /// Whether it needs no more than the right to read the books.
    pub(crate) const fn only_asks(&self) -> bool {
        !self.post
    }
}

pub(crate) async fn run(
    call: &Call,
    arguments: &Arguments,
    output: Output,
) -> anyhow::Result<bool> {
    anyhow::ensure!(
        arguments.from <= arguments.to,
        "--from {} is after --to {}",
        arguments.from,
        arguments.to
    );
    let request = Request {
        from: arguments.from,
        to: arguments.to,
        why: arguments.why.clone().filter(|_| arguments.post),
    };
    let started = call.stamp();
    let call = &call.clone().watched(output::progress(Some(0), "events"));
    let outcome = reprocess::run(call, &request).await;
    call.progress.end();
    if arguments.post {
        call.record("reprocess", &started, &outcome).await?;
    }
    let done = outcome?;
    output.result(&done, &text(&done))?;
    Ok(done.left.is_empty())
}

fn text(done: &Reprocessed) -> String {
    let mut text = format!(
        "{} events: {} unchanged, {} corrected by {} reversals and {} new entries",
        done.events, done.unchanged, done.corrected, done.reversals, done.entries
    );
    if !done.differences.is_empty() {
        let mut table = TextTable::new(&["event", "reference", "taken back", "stands anew on"]);
        for one in &done.differences {
            let back: Vec<String> = one.back.iter().map(i64::to_string).collect();
            table.row(vec![
                one.event.to_string(),
                one.reference.clone(),
                back.join(", "),
                one.now.join(", "),
            ]);
        }
        text.push_str(&format!("\n\n{table}"));
        let told = i64::try_from(done.differences.len()).unwrap_or(i64::MAX);
        if done.corrected > told {
            text.push_str(&format!("\n… and {} more", done.corrected - told));
        }
    }
    text.push_str(&trial_balance(&done.effect));
    for left in &done.left {
        text.push_str(&format!("\nleft as it stands: {left}"));
    }
    text.push_str(if done.posted {
        "\nposted"
    } else {
        "\na dry run: nothing was written; `--post --why \"…\"` posts it"
    });
    text
}
