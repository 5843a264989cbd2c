//! `tieout verify`: what does not hold, and the verdict.

use crate::output::{self, Output};
use anyhow::Context as _;
use ledger::Hash;
use office::Call;
use office::questions::verify::{self, Findings, Request};
use serde_json::json;

/// The most failures that are told one by one.
const TOLD: usize = 50;

/// What to check beyond the rows.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Map every event again that the mapping in force decided; a sample of them without.
    #[arg(long)]
    all: bool,
    /// A head of the record chain that you saw earlier, as a manifest tells it: its link must still be there.
    #[arg(long, value_name = "LINK:HASH", value_parser = head)]
    head: Vec<(i64, Hash)>,
}

fn head(text: &str) -> anyhow::Result<(i64, Hash)> {
    let (link, hash) = text
        .split_once(':')
        .context("a head is the number of a link, a colon and 64 hexadecimal digits")?;
    let link = link.parse().context("the number of the link is none")?;
    let hash = Hash::from_hex(hash).context("the hash is not 64 hexadecimal digits")?;
    Ok((link, hash))
}

pub(crate) async fn run(
    call: &Call,
    arguments: &Arguments,
    output: Output,
) -> anyhow::Result<bool> {
    let call = &call.clone().watched(output::progress(Some(0), "entries"));
    let request = Request {
        all: arguments.all,
        heads: arguments.head.iter().copied().collect(),
    };
    let found = verify::verify(call, &request).await?;
    let value = json!({
        "events": found.events,
        "entries": found.entries,
        "mapped_again": found.mapped,
        "links": found.links,
        "record_links": found.records,
        "record_head": found.head,
        "heads": found.heads,
        "artifacts": found.artifacts,
        "settlement_files": found.files,
        "failures": found.failures,
        "notes": found.notes,
        "failed": found.failed,
        "first_bad_link": found.first_bad_link,
        "unchecked": found.unchecked,
        "covered_later": found.before,
        "verdict": found.verdict,
        "because": found.because,
    });
    output.result(&value, &text(&found))?;
    Ok(found.failed == 0)
}

fn text(found: &Findings) -> String {
    let mut text = format!(
        "{} events, {} entries ({} mapped again), {} links of the chain, {} of the record chain, {} artifacts, {} settlement files",
        found.events,
        found.entries,
        found.mapped,
        found.links,
        found.records,
        found.artifacts,
        found.files
    );
    for (kind, since) in &found.before {
        text.push_str(&format!("\n{kind}: {since}"));
    }
    for unchecked in &found.unchecked {
        text.push_str(&format!("\nnot checked: {unchecked}"));
    }
    for failure in found.failures.iter().take(TOLD) {
        text.push_str(&format!("\ndoes not hold: {failure}"));
    }
    if found.failed > TOLD {
        text.push_str(&format!("\n… and {} more", found.failed - TOLD));
    }
    if let Some(link) = found.first_bad_link {
        text.push_str(&format!(
            "\nthe first bad link of the record chain is {link}"
        ));
    }
    if found.failed == 0 {
        text.push_str("\nall hashes, links, rows, balances and sums hold");
    }
    text.push_str(&format!(
        "\nthe record chain ends with {} (hold it against later books with --head)",
        found.head
    ));
    for note in found.notes.iter().take(TOLD) {
        text.push_str(&format!("\nnote: {note}"));
    }
    text.push_str(&format!("\nverdict: {} ({})", found.verdict, found.because));
    text
}
