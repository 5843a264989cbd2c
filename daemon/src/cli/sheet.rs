//! `tieout breaks export | import`: breaks to a spreadsheet in which people decide, and back.

use crate::output::{Output, TextTable};
use anyhow::Context as _;
use office::Call;
use office::deeds::sheet::{self, Imported};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// How many cells that are not read are shown; JSON has all.
const SHOWN: usize = 20;

#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// The file to write; one that is there already is left alone.
    file: PathBuf,
    /// Those too that are resolved, written off or explained.
    #[arg(long)]
    all: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// The file, filled in.
    file: PathBuf,
    /// Do it; else it is only said what would be done.
    #[arg(long)]
    yes: bool,
}

impl Import {
    /// Whether it needs no more than the right to read the books.
    pub(crate) const fn only_asks(&self) -> bool {
        !self.yes
    }
}

/// Writes a file that is not there yet, whole or not at all.
pub(super) fn new_file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let name = path.display();
    let mut file = File::create_new(path)
        .with_context(|| format!("{name} cannot be made; name a file that is not there yet"))?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        let _left = std::fs::remove_file(path);
    }
    written.with_context(|| format!("{name} cannot be written"))
}

pub(crate) async fn export(
    call: &Call,
    arguments: &Export,
    output: Output,
) -> anyhow::Result<bool> {
    let mut bytes = Vec::new();
    let done = sheet::export(call, arguments.all, &mut bytes).await?;
    // Somebody's decisions may be in one that is there.
    new_file(&arguments.file, &bytes)?;
    let name = arguments.file.display();
    let text = format!(
        "{} breaks in {name}: fill in `decision`, `to` and `why`, then `tieout breaks import {name}`",
        done.rows
    );
    output.result(&done, &text)?;
    Ok(true)
}

pub(crate) async fn import(
    call: &Call,
    arguments: &Import,
    output: Output,
) -> anyhow::Result<bool> {
    let answer = sheet::import(call, &arguments.file, arguments.yes).await?;
    output.result(&answer, &told(&answer, arguments))?;
    Ok(answer.refused.is_empty())
}

fn told(answer: &Imported, arguments: &Import) -> String {
    let mut text = String::new();
    if !answer.decisions.is_empty() {
        let mut table = TextTable::new(&["row", "break", "decision", "to", "why", "state"]);
        for row in &answer.decisions {
            let state = match (row.waits, row.proposal) {
                (true, Some(proposal)) => format!("waits as proposal {proposal}"),
                (true, None) => "would wait for another person".to_owned(),
                (false, _) if answer.done => "done".to_owned(),
                (false, _) => "would be done".to_owned(),
            };
            table.row(vec![
                row.row.to_string(),
                row.id.clone(),
                row.decision.clone(),
                row.to.clone(),
                row.why.clone(),
                state,
            ]);
        }
        text.push_str(&format!("{table}\n"));
    }
    for row in &answer.refused {
        text.push_str(&format!("row {}: refused: {}\n", row.row, row.because));
    }
    for cell in answer.ignored.iter().take(SHOWN) {
        text.push_str(&format!(
            "row {}: `{}` says {}, the books say {}; this column is not read\n",
            cell.row, cell.column, cell.sheet, cell.books
        ));
    }
    let more = answer.ignored.len().saturating_sub(SHOWN);
    if more > 0 {
        text.push_str(&format!("{more} more cells differ that are not read\n"));
    }
    text + &summary(answer, arguments)
}

fn summary(answer: &Imported, arguments: &Import) -> String {
    let (can, cannot) = (answer.decisions.len(), answer.refused.len());
    let waits = answer.decisions.iter().filter(|row| row.waits).count();
    let counts = format!("{} rows, {can} decisions", answer.rows);
    match (cannot, answer.done) {
        (0, true) => format!("{counts}: all done, {waits} of them wait for another person"),
        (0, false) if can == 0 => format!("{counts}: nothing to do"),
        (0, false) => format!(
            "{counts}, {waits} of them for another person: `tieout breaks import {} --yes` does it",
            arguments.file.display()
        ),
        _ => {
            format!("{counts}, {cannot} rows refused: nothing is done; mend them and import again")
        }
    }
}
