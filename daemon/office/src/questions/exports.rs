//! Where batches and documents are: what a target has, refuses, or never answered.

use crate::call::{Call, Refusal, RefusalKind};
use ledger::{Currency, Money};
use serde::Serialize;
use store::export::{AttemptRow, BatchStatus, DeliveryKind, DocumentRow};

/// So many documents are shown of those that are not done.
const MOST: i64 = 200;

/// A batch.
#[derive(Clone, Debug, Serialize)]
pub struct Batch {
    /// The target.
    pub target: String,
    /// Its kind.
    pub kind: String,
    /// The number within the target.
    pub number: i64,
    /// The name outside.
    pub batch: String,
    /// The file; empty while it is not rendered.
    pub artifact: String,
    /// Entries in it.
    pub entries: i64,
    /// Documents that the target answers one by one; none for a file.
    pub documents: i64,
    /// Entries that cannot be written, and wait.
    pub held: i64,
    /// `unsent`, `sending`, `delivered`, `acknowledged`, `rejected`, `unknown`, `released`.
    pub state: &'static str,
    /// Whether the next export sends it.
    pub due: bool,
    /// What the target said.
    pub said: String,
}

/// A document.
#[derive(Clone, Debug, Serialize)]
pub struct Document {
    /// The target.
    pub target: String,
    /// Its number.
    pub document: String,
    /// Its batch.
    pub batch: String,
    /// The number of its batch.
    pub batch_number: i64,
    /// The entry that it is.
    pub entry: i64,
    /// Its lines.
    pub lines: i64,
    /// The sum of its debits, in the currency of its entity's books.
    pub debit: String,
    /// As of a batch; and `differs`.
    pub state: &'static str,
    /// What the target calls it.
    pub theirs: String,
    /// What the target said of it.
    pub said: String,
}

/// An attempt to deliver.
#[derive(Clone, Debug, Serialize)]
pub struct Attempt {
    /// Which.
    pub attempt: i64,
    /// When it began or, where that was not kept, ended.
    pub at: String,
    /// Who was at it.
    pub by: String,
    /// How it ended; `sending` where nobody came back.
    pub state: &'static str,
    /// What the target said.
    pub said: String,
}

/// Where all batches are.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Every batch that is not done, or was never: all of them where asked for.
    pub batches: Vec<Batch>,
    /// Batches that arrived and are not shown.
    pub done: usize,
    /// Documents of batches that are not done, which are not done themselves.
    pub documents: Vec<Document>,
}

/// A batch, or the documents of a number, with everything that is known.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// The batch.
    pub batch: Option<Batch>,
    /// Documents of this number.
    pub documents: Vec<Document>,
    /// The attempts to deliver the batch.
    pub attempts: Vec<Attempt>,
    /// What to do next, where something is.
    pub next: Option<String>,
}

fn batch(row: BatchStatus) -> Batch {
    Batch {
        state: DeliveryKind::name_of(row.state),
        due: row.due == 1,
        target: row.target,
        kind: row.kind,
        number: row.number,
        batch: row.uuid,
        artifact: row.artifact_name,
        entries: row.entries,
        documents: row.documents,
        held: row.held,
        said: row.message,
    }
}

fn document(row: DocumentRow) -> Document {
    let currency = Currency::from_numeric(row.currency_id).ok();
    let debit = currency.map_or_else(String::new, |currency| {
        Money::minor(row.debit, currency).to_string()
    });
    Document {
        state: DeliveryKind::name_of(row.state),
        target: row.target,
        document: row.document,
        batch: row.uuid,
        batch_number: row.batch_number,
        entry: row.entry_id,
        lines: row.lines,
        debit,
        theirs: row.theirs,
        said: row.words,
    }
}

fn attempt(row: AttemptRow) -> Attempt {
    let at = row.begun_at.or(row.attempted_at);
    Attempt {
        attempt: row.attempt,
        at: at.map_or_else(String::new, |at| at.to_rfc3339()),
        by: row.attempted_by.or(row.begun_by).unwrap_or_default(),
        state: row
            .kind
            .map_or("sending", |kind| DeliveryKind::name_of(Some(kind))),
        said: row.message.unwrap_or_default(),
    }
}

/// Where batches are: those that arrived only where `all` are asked for.
///
/// # Errors
/// [`Refusal`].
pub async fn status(call: &Call, all: bool) -> Result<Status, Refusal> {
    let books = call.store.snapshot().await?;
    let rows = books.export_status().await?;
    let is_done = |row: &BatchStatus| matches!(row.state, Some(1 | 2 | 5)) && row.held == 0;
    let done = rows.iter().filter(|row| is_done(row)).count();
    let shown = rows.into_iter().filter(|row| all || !is_done(row));
    let open = books.documents_open(MOST).await?;
    Ok(Status {
        batches: shown.map(batch).collect(),
        done: if all { 0 } else { done },
        documents: open.into_iter().map(document).collect(),
    })
}

/// A batch by its outside name, its file or one of its documents.
///
/// # Errors
/// [`Refusal`] where there is none.
pub async fn show(call: &Call, name: &str) -> Result<Shown, Refusal> {
    let books = call.store.snapshot().await?;
    let mut documents = books.documents_named(name).await?;
    let wanted = documents
        .last()
        .map_or(name, |document| document.uuid.as_str());
    let rows = books.export_status().await?;
    let found = rows
        .into_iter()
        .find(|row| row.uuid == wanted || row.artifact_name == wanted);
    let Some(found) = found else {
        return Err(Refusal::new(
            RefusalKind::Missing,
            format!(
                "there is no batch, file or document `{name}`; `tieout export status --all` shows what there is"
            ),
        ));
    };
    if documents.is_empty() {
        let open = books.documents_open(MOST).await?;
        documents.extend(open.into_iter().filter(|one| one.uuid == found.uuid));
    }
    let attempts = match books.batch_by_uuid(&found.uuid).await? {
        Some(stored) => books.attempts(stored.id).await?,
        None => Vec::new(),
    };
    let batch = batch(found);
    Ok(Shown {
        next: next(&batch),
        batch: Some(batch),
        documents: documents.into_iter().map(document).collect(),
        attempts: attempts.into_iter().map(attempt).collect(),
    })
}

/// What a person can do about it.
fn next(batch: &Batch) -> Option<String> {
    let (target, uuid) = (&batch.target, &batch.batch);
    match batch.state {
        "rejected" if !batch.due => Some(format!(
            "mend what was refused (a table or option of `{target}`, or the period there), then `tieout export again {uuid} --why …` writes it anew; `tieout export resend {uuid} --why …` sends the same bytes"
        )),
        "unknown" | "sending" => Some(format!(
            "`tieout export {target}` looks again; where `{target}` cannot be asked, look there and say `tieout export resolve {uuid} --as sent|not-sent --why …`"
        )),
        "unsent" => Some(format!("`tieout export {target}` sends it")),
        _ if batch.held > 0 => Some(format!(
            "{} entries are held back; give what they lack to `{target}`, then `tieout export {target}`",
            batch.held
        )),
        _ => None,
    }
}

/// The outside name of the batch that a word means.
///
/// # Errors
/// [`Refusal`] where there is none.
pub async fn batch_named(call: &Call, name: &str) -> Result<String, Refusal> {
    let shown = show(call, name).await?;
    Ok(shown
        .batch
        .map_or_else(|| name.to_owned(), |batch| batch.batch))
}
