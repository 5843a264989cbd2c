//! What a target answers in files: which documents it booked, and which it refused in which words.
//!
//! A target that imports files says later what became of them, in a table that it leaves somewhere. Which columns
//! that has, and which words mean what, is described in the configuration; a word that is not there is told and
//! decides nothing. A file may be read as often as it lies there: only what is new in it is kept.

use super::{Target, TargetSummary};
use crate::config::{AnswersConfig, AnswersFrom};
use anyhow::Context as _;
use connectors::regular;
use connectors::transport::pickup::{Connected, Found, Sight};
use std::collections::BTreeMap;
use store::Tx;
use store::export::{DeliveryKind, KnownDocument, NewAnswer};

/// The most bytes of a file of answers.
const MOST: usize = 64 << 20;

/// So many odd lines of a file are told.
const TOLD: usize = 5;

/// What a line says of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    accepted: bool,
    theirs: String,
    words: String,
}

/// Takes all answers that lie there.
pub(super) async fn take(to: &Target<'_>, summary: &mut TargetSummary) -> anyhow::Result<()> {
    let Some(config) = &to.config.answers else {
        return Ok(());
    };
    match &config.from {
        AnswersFrom::Folder(folder) => {
            let folder = to.call.base.join(&folder.path);
            if !folder.exists() {
                return Ok(());
            }
            let at = || format!("answers in `{}`", folder.display());
            for path in regular::folder(&folder).with_context(at)? {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                if !name.starts_with('.') && path.is_file() {
                    let bytes = regular::read(&path, MOST).with_context(|| name.to_string())?;
                    file(to, config, (&name, &bytes), summary).await?;
                }
            }
            Ok(())
        }
        AnswersFrom::Sftp(source) => {
            let connected = source.open(&to.call.base)?.connect().await?;
            for found in connected.list().await? {
                if let Found::File(sight) = found {
                    fetched(to, config, (&connected, &sight), summary).await?;
                }
            }
            Ok(())
        }
    }
}

async fn fetched(
    to: &Target<'_>,
    config: &AnswersConfig,
    (connected, sight): (&Connected, &Sight),
    summary: &mut TargetSummary,
) -> anyhow::Result<()> {
    let here = to.call.base.join(format!(".answers-{}", to.name));
    let _left = std::fs::remove_file(&here);
    let hash = connected.fetch(sight, &here).await?;
    let bytes = regular::read(&here, MOST).with_context(|| sight.name.clone());
    std::fs::remove_file(&here)?;
    if file(to, config, (&sight.name, &bytes?), summary).await? {
        connected.put_away(&sight.name, hash).await?;
    }
    Ok(())
}

/// One file; false where something in it was not understood.
async fn file(
    to: &Target<'_>,
    config: &AnswersConfig,
    (name, bytes): (&str, &[u8]),
    summary: &mut TargetSummary,
) -> anyhow::Result<bool> {
    let (said, mut odd) = match read(config, bytes) {
        Ok(read) => read,
        Err(why) => {
            summary.trouble(format!("answers in `{name}`: {why}"));
            return Ok(false);
        }
    };
    let stamp = to.call.stamp();
    let mut tx = to.call.store.begin().await?;
    let mut by_batch = BTreeMap::<i64, Vec<(String, Said)>>::new();
    for (document, said) in said {
        match tx.batch_of_document(to.id, &document).await? {
            Some(batch) => by_batch.entry(batch).or_default().push((document, said)),
            None => odd.push(format!("`{document}` is no document of `{}`", to.name)),
        }
    }
    for (batch, said) in by_batch {
        answered(&mut tx, (batch, name), &said, &stamp, summary).await?;
    }
    tx.commit().await?;
    for what in odd.iter().take(TOLD) {
        summary.trouble(format!("answers in `{name}`: {what}"));
    }
    if odd.len() > TOLD {
        summary.trouble(format!(
            "answers in `{name}`: and {} more",
            odd.len() - TOLD
        ));
    }
    Ok(odd.is_empty())
}

/// Keeps what is new of the answers to a batch, and what they come to.
async fn answered(
    tx: &mut Tx,
    (batch, file): (i64, &str),
    said: &[(String, Said)],
    stamp: &store::intake::Stamp,
    summary: &mut TargetSummary,
) -> anyhow::Result<()> {
    let mut known = tx.documents_of(batch).await?;
    let mut news = Vec::new();
    for (document, said) in said {
        let state = if said.accepted {
            DeliveryKind::Acknowledged
        } else {
            DeliveryKind::Rejected
        };
        for one in known.iter_mut().filter(|one| one.number == *document) {
            let after = KnownDocument {
                state: Some(state.number()),
                theirs: said.theirs.clone(),
                words: said.words.clone(),
                ..one.clone()
            };
            if *one != after {
                news.push(NewAnswer {
                    no: one.no,
                    state: state.number(),
                    theirs: said.theirs.clone(),
                    words: said.words.clone(),
                });
                *one = after;
            }
        }
    }
    if news.is_empty() {
        return Ok(());
    }
    let attempt = tx.begin_delivery(batch, stamp).await?;
    tx.insert_answers((batch, attempt), &news, stamp).await?;
    let count = |kind: DeliveryKind| {
        let of = known.iter();
        of.filter(|one| one.state == Some(kind.number())).count()
    };
    let (booked, refused) = (
        count(DeliveryKind::Acknowledged),
        count(DeliveryKind::Rejected),
    );
    let kind = match refused {
        0 if booked == known.len() => DeliveryKind::Acknowledged,
        0 => DeliveryKind::Delivered,
        _ => DeliveryKind::Rejected,
    };
    summary.rejected += i64::from(kind == DeliveryKind::Rejected);
    let first = known.iter().find(|one| !one.words.is_empty());
    let first = first.map_or_else(String::new, |one| {
        format!("; {}: {}", one.number, one.words)
    });
    let message = format!(
        "{file}: {booked} of {} documents booked, {refused} refused{first}",
        known.len()
    );
    tx.insert_delivery((batch, attempt), kind, &message, stamp)
        .await?;
    Ok(())
}

/// Answers by document, in the order of the file, and what was not understood.
type Read = (Vec<(String, Said)>, Vec<String>);

fn read(config: &AnswersConfig, bytes: &[u8]) -> Result<Read, String> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(u8::try_from(config.separator).unwrap_or(b','))
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    let header = reader.byte_headers().map_err(|error| error.to_string())?;
    let header: Vec<String> = header
        .iter()
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect();
    let at = |column: &String| {
        let found = header.iter().position(|name| name == column);
        found.ok_or_else(|| {
            format!(
                "there is no column `{column}`; the first line has {}",
                header.join(", ")
            )
        })
    };
    let columns = &config.columns;
    let (document, state) = (at(&columns.document)?, at(&columns.state)?);
    let theirs = columns.theirs.as_ref().map(at).transpose()?;
    let words = columns.words.as_ref().map(at).transpose()?;
    let (mut said, mut odd) = (Vec::new(), Vec::new());
    for record in reader.byte_records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                odd.push(error.to_string());
                continue;
            }
        };
        let field = |at: Option<usize>| {
            let found = at.and_then(|at| record.get(at)).unwrap_or_default();
            String::from_utf8_lossy(found).into_owned()
        };
        let line = record.position().map_or(0, csv::Position::line);
        let word = field(Some(state));
        let accepted = match (
            config.accepted.contains(&word),
            config.rejected.contains(&word),
        ) {
            (true, false) => true,
            (false, true) => false,
            _ => {
                odd.push(format!(
                    "line {line}: `{word}` stands neither under `accepted` nor under `rejected`"
                ));
                continue;
            }
        };
        said.push((
            field(Some(document)),
            Said {
                accepted,
                theirs: field(theirs),
                words: if accepted {
                    String::new()
                } else {
                    field(words)
                },
            },
        ));
    }
    Ok((said, odd))
}
