//! `tieout breaks list | show | assign | comment | explain | attach | attachment | resolve | post | write-off | accept | dispute |
//! match | reopen | undo | export | import`.
//!
//! What a run finds and what people do about it are two things: the list shows findings with what was said
//! last, `show` a case with its whole history.

use super::sheet;
use crate::output::{Output, TextTable};
use crate::wording::{amount, breaks_table, decided};
use anyhow::Context as _;
use chrono::NaiveDate;
use clap::Subcommand;
use office::Call;
use office::deeds::cases;
use office::deeds::desk::{self as deeds, Decided, Deed, How};
use serde_json::json;
use std::path::{Path, PathBuf};
use store::attachment::AttachmentRow;
use store::cases::DeedRow;
use store::cases::posting::PostingRow;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// What the newest runs find wrong.
    List {
        /// What stood at the end of that day instead, as it was known then (UTC); what was accepted counts by that day.
        #[arg(long, value_name = "DAY")]
        as_of: Option<NaiveDate>,
    },
    /// What runs found, lost and saw change, and what brought it.
    Changes {
        /// From this day on (UTC).
        #[arg(long, value_name = "DAY")]
        since: NaiveDate,
        /// Up to this day; today where none is named.
        #[arg(long, value_name = "DAY")]
        until: Option<NaiveDate>,
    },
    /// A break's case: what it was when it was found, and everything since.
    Show {
        /// The break.
        id: String,
    },
    /// Say who looks after it.
    Assign {
        /// The break.
        id: String,
        /// Who.
        #[arg(long)]
        to: String,
    },
    /// Say something about it.
    Comment {
        /// The break.
        id: String,
        /// What.
        text: String,
    },
    /// Say how it came about, while what is to be done is not done yet.
    Explain {
        /// The break.
        id: String,
        /// How.
        #[arg(long)]
        why: String,
    },
    /// Lay a file beside it: what the bank wrote, a receipt.
    Attach {
        /// The break.
        id: String,
        /// The file, up to 32 MiB.
        file: PathBuf,
        /// What it shows.
        #[arg(long, default_value = "")]
        note: String,
    },
    /// A file that was attached, as it was.
    Attachment {
        /// Its number, as `breaks show` says it.
        number: i64,
        /// Where to write it; not there yet.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// It needs nothing more.
    Resolve {
        /// The break.
        id: String,
        /// Why, for whoever asks later.
        #[arg(long)]
        why: String,
    },
    /// Its amount goes where a rule of the mapping puts it.
    Post {
        /// The break.
        id: String,
        /// The rule: one that answers to a type that begins with `tieout.break.`.
        #[arg(long)]
        rule: String,
        #[command(flatten)]
        place: Place,
        /// Why, for whoever asks later.
        #[arg(long)]
        why: String,
    },
    /// Its amount is given up, and posted so.
    WriteOff {
        /// The break.
        id: String,
        /// The rule that posts it, where it is not `write-off`.
        #[arg(long)]
        rule: Option<String>,
        #[command(flatten)]
        place: Place,
        /// Why, for whoever asks later.
        #[arg(long)]
        why: String,
    },
    /// It is a matter of time: explained until a day, and open again after it if it still stands.
    Accept {
        /// The break.
        id: String,
        /// The last day on which it counts as explained.
        #[arg(long, value_name = "DAY")]
        until: NaiveDate,
        /// Why, for whoever asks later.
        #[arg(long)]
        why: String,
    },
    /// Somebody is asked for the money; it stays open.
    Dispute {
        /// The break.
        id: String,
        /// Who.
        #[arg(long)]
        with: Option<String>,
        /// Why, for whoever asks later.
        #[arg(long)]
        why: String,
    },
    /// Open items belong together that no run pairs: both sides have to come to the same sum.
    Match {
        /// The reconciliation.
        #[arg(long = "in", value_name = "RECONCILIATION")]
        within: String,
        /// The items, as `breaks show` names them: `entry:12/1`, `settlement:5`, `bank:7`, `payout:3`.
        #[arg(required = true)]
        items: Vec<String>,
        /// Why, for whoever asks later.
        #[arg(long)]
        why: String,
    },
    /// Take back what was decided about a break, with all that was posted of it; or a match by hand.
    Undo {
        /// The break, or `match:NUMBER`.
        id: String,
        /// Why, for whoever asks later.
        #[arg(long)]
        why: String,
    },
    /// It was resolved too early; what was posted about it is taken back.
    Reopen {
        /// The break.
        id: String,
        /// Why, for whoever asks later.
        #[arg(long)]
        why: String,
    },
    /// The open ones as a spreadsheet in which they are decided.
    Export(sheet::Export),
    /// What such a spreadsheet decides; with --yes it is done, all of it or nothing.
    Import(sheet::Import),
}

/// Where an entry goes.
#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    /// Whose books, where what the break is about does not say it.
    #[arg(long)]
    entity: Option<String>,
    /// The accounting date, where it is not today.
    #[arg(long, value_name = "DAY")]
    on: Option<NaiveDate>,
}

impl Place {
    fn by(&self, rule: Option<&String>) -> How {
        How {
            rule: rule.cloned(),
            entity: self.entity.clone(),
            on: self.on,
        }
    }
}

impl Command {
    /// Whether it may post what the mapping decides.
    pub(crate) const fn posts(&self) -> bool {
        match self {
            Self::Post { .. } | Self::WriteOff { .. } => true,
            Self::Import(arguments) => !arguments.only_asks(),
            _ => false,
        }
    }

    /// Whether it needs no more than the right to read the books.
    pub(crate) const fn only_asks(&self) -> bool {
        match self {
            Self::List { .. }
            | Self::Changes { .. }
            | Self::Show { .. }
            | Self::Attachment { .. }
            | Self::Export(_) => true,
            Self::Import(arguments) => arguments.only_asks(),
            _ => false,
        }
    }
}

pub(crate) async fn run(call: &Call, command: &Command, output: Output) -> anyhow::Result<bool> {
    let own = |id: &String| id.clone();
    match command {
        Command::List { as_of: Some(day) } => then(call, *day, output).await,
        Command::Changes { since, until } => changes(call, (*since, *until), output).await,
        Command::List { as_of: None } => {
            let breaks = call.store.snapshot().await?.breaks().await?;
            output.result(&breaks, &breaks_table(&breaks).to_string())?;
            Ok(true)
        }
        Command::Show { id } => show(call, id, output).await,
        Command::Assign { id, to } => {
            cases::assign(call, id, to).await?;
            said(id, &format!("{to} looks after {id}"), output)
        }
        Command::Comment { id, text } => {
            cases::comment(call, id, text).await?;
            said(id, &format!("noted at {id}"), output)
        }
        Command::Explain { id, why } => {
            cases::explain(call, id, why).await?;
            said(id, &format!("{id} is explained"), output)
        }
        Command::Attach { id, file, note } => attach(call, id, (file, note), output).await,
        Command::Attachment { number, to } => attachment(call, *number, to, output).await,
        Command::Resolve { id, why } => {
            decide(call, &Deed::BreakResolve { id: own(id) }, why, output).await
        }
        Command::Post {
            id,
            rule,
            place,
            why,
        } => {
            let (id, how) = (own(id), place.by(Some(rule)));
            decide(call, &Deed::BreakPost { id, how }, why, output).await
        }
        Command::WriteOff {
            id,
            rule,
            place,
            why,
        } => {
            let (id, how) = (own(id), place.by(rule.as_ref()));
            decide(call, &Deed::WriteOff { id, how }, why, output).await
        }
        Command::Accept { id, until, why } => {
            let (id, until) = (own(id), *until);
            decide(call, &Deed::BreakAccept { id, until }, why, output).await
        }
        Command::Dispute { id, with, why } => {
            cases::dispute(call, id, why, with.as_deref()).await?;
            said(id, &format!("{id} is disputed"), output)
        }
        Command::Match { within, items, why } => {
            let deed = Deed::Match {
                reconciliation: own(within),
                items: items.clone(),
            };
            decide(call, &deed, why, output).await
        }
        Command::Undo { id, why } => decide(call, &undone(id)?, why, output).await,
        Command::Reopen { id, why } => {
            decide(call, &Deed::BreakReopen { id: own(id) }, why, output).await
        }
        Command::Export(arguments) => sheet::export(call, arguments, output).await,
        Command::Import(arguments) => sheet::import(call, arguments, output).await,
    }
}

fn said(id: &str, text: &str, output: Output) -> anyhow::Result<bool> {
    output.result(&json!({ "break": id, "changed": true }), text)?;
    Ok(true)
}

async fn decide(call: &Call, deed: &Deed, why: &str, output: Output) -> anyhow::Result<bool> {
    let done = deeds::decide(call, deed, why).await?;
    let text = decided(&done, || match made(&done) {
        Some(made) => format!("{}: done, {made}", done.subject),
        None => format!("{}: done", done.subject),
    });
    output.result(&done, &text)?;
    Ok(true)
}

/// What is taken back: a match by hand, or what was decided about a break.
fn undone(id: &str) -> anyhow::Result<Deed> {
    let Some(number) = id.strip_prefix("match:") else {
        return Ok(Deed::BreakReopen { id: id.to_owned() });
    };
    let id = number
        .parse()
        .with_context(|| format!("`{id}` is no match; say `match:NUMBER`"))?;
    Ok(Deed::MatchUndo { id })
}

fn made(done: &Decided) -> Option<String> {
    let matched = done.matched.map(|id| format!("match {id}"));
    matched.or_else(|| posted(&done.entries))
}

fn posted(entries: &[i64]) -> Option<String> {
    match entries {
        [] => None,
        [one] => Some(format!("posted as entry {one}")),
        [first, .., last] => Some(format!("posted as entries {first} to {last}")),
    }
}

async fn show(call: &Call, id: &str, output: Output) -> anyhow::Result<bool> {
    let books = call.store.snapshot().await?;
    let case = books.case(id).await?.with_context(|| {
        format!("there is no break `{id}`; `tieout breaks list` shows what there is")
    })?;
    let history = books.case_deeds(id).await?;
    let postings = books.break_postings(id).await?;
    let attachments = books.attachments(id).await?;
    let breaks = books.breaks().await?;
    let finding = breaks.iter().find(|row| row.id == id);
    let state = finding.map_or_else(
        || deeds::state_of(&history).name(),
        |row| row.state.as_str(),
    );
    let mut text = format!(
        "{id}: {} of `{}` in {}, {} when it was found\n{}\nstate: {}\n",
        case.kind,
        case.reference,
        case.reconciliation,
        amount(case.amount, case.currency_id),
        finding.map_or(case.detail.as_str(), |row| row.detail.as_str()),
        state
    );
    let mut table = TextTable::new(&["at", "who", "what", "amount", "said"]);
    for row in &history {
        table.row(vec![
            row.done_at.format("%Y-%m-%d %H:%M").to_string(),
            row.actor.clone(),
            row.deed.clone(),
            amount(row.amount, case.currency_id),
            words(row),
        ]);
    }
    text.push_str(&table.to_string());
    text.push_str(&postings_text(&postings, case.currency_id));
    for row in &attachments {
        text.push_str(&format!(
            "\nattachment {}: {}, {} bytes, by {}",
            row.id, row.name, row.size, row.attached_by
        ));
    }
    if let Some(found) = finding.filter(|found| !found.items.is_empty()) {
        let items: Vec<String> = found.items.iter().map(ToString::to_string).collect();
        text.push_str(&format!("\nitems: {}", items.join(" ")));
    }
    let value = json!({ "case": case, "postings": postings, "state": state, "finding": finding, "history": history,
        "attachments": attachments.iter().map(attached).collect::<Vec<_>>() });
    output.result(&value, &text)?;
    Ok(true)
}

fn attached(row: &AttachmentRow) -> serde_json::Value {
    json!({ "id": row.id, "name": row.name, "size": row.size, "sha256": ledger::hash::hex(&row.hash),
        "at": row.attached_at, "by": row.attached_by })
}

async fn then(call: &Call, day: NaiveDate, output: Output) -> anyhow::Result<bool> {
    let found = office::questions::breaks::as_of(call, day).await?;
    let mut table = TextTable::new(&["break", "kind", "state", "amount", "what was known"]);
    for row in &found {
        table.row(vec![
            row.id.clone(),
            row.kind.clone(),
            row.state.to_owned(),
            amount(row.amount, row.currency_id),
            row.detail.clone(),
        ]);
    }
    output.result(&found, &table.to_string())?;
    Ok(true)
}

async fn changes(
    call: &Call,
    (since, until): (NaiveDate, Option<NaiveDate>),
    output: Output,
) -> anyhow::Result<bool> {
    let until = until.unwrap_or_else(|| call.now.date_naive());
    let found = office::questions::breaks::changes(call, (since, until)).await?;
    let mut table = TextTable::new(&["at", "break", "kind", "change", "amount", "why"]);
    for row in &found {
        table.row(vec![
            row.at.format("%Y-%m-%d %H:%M").to_string(),
            row.id.clone(),
            row.kind.clone(),
            row.change.clone(),
            amount(row.amount, row.currency_id),
            row.why.clone(),
        ]);
    }
    output.result(&found, &table.to_string())?;
    Ok(true)
}

async fn attach(
    call: &Call,
    id: &str,
    (file, note): (&Path, &str),
    output: Output,
) -> anyhow::Result<bool> {
    let number = cases::attach(call, id, file, note).await?;
    let text = format!("attached to {id} as number {number}");
    output.result(&json!({ "id": id, "attachment": number }), &text)?;
    Ok(true)
}

/// Writes what was attached where nothing is yet.
async fn attachment(call: &Call, number: i64, to: &Path, output: Output) -> anyhow::Result<bool> {
    let books = call.store.snapshot().await?;
    let row = books.attachment(number).await?.with_context(|| {
        format!("there is no attachment {number}; `tieout breaks show ID` names those of a break")
    })?;
    let bytes = books.attached(&row.hash).await?;
    sheet::new_file(to, &bytes)?;
    let text = format!("{} as {}", row.name, to.display());
    output.result(&attached(&row), &text)?;
    Ok(true)
}

/// What was said with a deed, and to whom or until when.
fn words(row: &DeedRow) -> String {
    match (row.deed.as_str(), row.until_on) {
        ("assigned", _) => format!("to {}", row.assignee),
        ("disputed", _) if !row.assignee.is_empty() => {
            format!("with {}: {}", row.assignee, row.why)
        }
        (_, Some(until)) => format!("until {until}: {}", row.why),
        _ => row.why.clone(),
    }
}

fn postings_text(postings: &[PostingRow], currency: i64) -> String {
    let mut text = String::new();
    for row in postings {
        let entries = (row.first_entry..row.first_entry + row.entries).collect::<Vec<_>>();
        text.push_str(&format!(
            "\n{} {} by rule {}{}",
            amount(row.amount, currency),
            posted(&entries).unwrap_or_default(),
            row.rule,
            if row.standing { "" } else { "; taken back" }
        ));
    }
    text
}
