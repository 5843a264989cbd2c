//! What people do about a break that is no decision about money: look after it, speak of it, explain it.

use crate::call::{Call, Refusal, RefusalKind};
use crate::deeds::desk::{case_of, check_deed, last_amount, person, reason, refused};
use desk::Actor;
use desk::case::Deed;
use ledger::bounds;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use store::Tx;
use store::artifact::{Parcel, Sealed};
use store::cases::NewDeed;

/// Somebody looks after a break from now on.
///
/// # Errors
/// When there is no such break, or no such name.
pub async fn assign(call: &Call, id: &str, to: &str) -> Result<(), Refusal> {
    let to = Actor::new(to).map_err(refused)?;
    add(call, id, Deed::Assigned, String::new(), to.name()).await
}

/// Says something about a break.
///
/// # Errors
/// When there is no such break, or nothing is said.
pub async fn comment(call: &Call, id: &str, text: &str) -> Result<(), Refusal> {
    add(call, id, Deed::Commented, reason(text)?.to_owned(), "").await
}

/// Says how a break came about; what is to be done about it is not done yet.
///
/// # Errors
/// When there is no such break, it is not open, or nothing is said.
pub async fn explain(call: &Call, id: &str, text: &str) -> Result<(), Refusal> {
    add(call, id, Deed::Explained, reason(text)?.to_owned(), "").await
}

/// Says that somebody is asked for the money of a break, who may be named.
///
/// # Errors
/// When there is no such break, it is not open, nothing is said, or no such name.
pub async fn dispute(call: &Call, id: &str, why: &str, with: Option<&str>) -> Result<(), Refusal> {
    let with = with.map(Actor::new).transpose().map_err(refused)?;
    let with = with.as_ref().map_or("", Actor::name);
    add(call, id, Deed::Disputed, reason(why)?.to_owned(), with).await
}

/// The largest file that is attached.
const MOST_BYTES: u64 = 32 << 20;

/// Lays a file beside a break, and gives its number.
///
/// # Errors
/// When there is no such break, or it is no file that can be attached.
pub async fn attach(call: &Call, id: &str, path: &Path, note: &str) -> Result<i64, Refusal> {
    let (name, own) = (file_name(path)?, path.to_owned());
    bounds::DESCRIPTION
        .check(note)
        .map_err(|error| invalid(format!("what is said {error}")))?;
    let reading = tokio::task::spawn_blocking(move || content(&own));
    let content = reading.await.map_err(anyhow::Error::from)??;
    let mut tx = call.store.begin().await?;
    let said = match note.trim() {
        "" => name.clone(),
        note => format!("{name}: {note}"),
    };
    add_in(call, &mut tx, id, (Deed::Attached, said, "")).await?;
    let number = tx.attach(id, (&name, &content), &call.stamp()).await?;
    tx.commit().await?;
    Ok(number)
}

fn file_name(path: &Path) -> Result<String, Refusal> {
    let name = path.file_name().and_then(OsStr::to_str);
    let name =
        name.ok_or_else(|| invalid(format!("{} has no name that is text", path.display())))?;
    bounds::NAME
        .check(name)
        .map_err(|error| invalid(format!("the file's name {error}")))?;
    Ok(name.to_owned())
}

fn content(path: &Path) -> Result<Sealed, Refusal> {
    let name = path.display();
    let unread = |error: std::io::Error| invalid(format!("{name} cannot be read: {error}"));
    if !std::fs::metadata(path).map_err(unread)?.is_file() {
        return Err(invalid(format!("{name} is no file")));
    }
    let mut file = File::open(path).map_err(unread)?.take(MOST_BYTES + 1);
    let mut parcel = Parcel::default();
    std::io::copy(&mut file, &mut parcel).map_err(unread)?;
    if parcel.is_empty() {
        return Err(invalid(format!("{name} is empty")));
    }
    if parcel.len() > MOST_BYTES {
        return Err(invalid(format!(
            "{name} is larger than 32 MiB; attach the part that says it"
        )));
    }
    parcel.seal().map_err(unread)
}

fn invalid(what: String) -> Refusal {
    Refusal::new(RefusalKind::Invalid, what)
}

async fn add(
    call: &Call,
    id: &str,
    deed: Deed,
    why: String,
    assignee: &str,
) -> Result<(), Refusal> {
    let mut tx = call.store.begin().await?;
    add_in(call, &mut tx, id, (deed, why, assignee)).await?;
    Ok(tx.commit().await?)
}

/// The same as one of several in a transaction; whoever began it ends it.
///
/// # Errors
/// As for one alone; what the transaction holds by then must not be committed.
pub(crate) async fn add_in(
    call: &Call,
    tx: &mut Tx,
    id: &str,
    (deed, why, assignee): (Deed, String, &str),
) -> Result<(), Refusal> {
    let mut stamp = call.stamp();
    let actor = person(call)?;
    actor.name().clone_into(&mut stamp.actor);
    let (case, deeds) = case_of(tx, id).await?;
    check_deed(id, &deeds, deed)?;
    let added = NewDeed {
        deed: deed.name(),
        why,
        assignee: assignee.to_owned(),
        amount: last_amount(&case, &deeds),
        ..NewDeed::default()
    };
    tx.add_deed(id, &added, &stamp).await?;
    Ok(())
}
