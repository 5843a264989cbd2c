//! `tieout evidence key | list | export | verify | prove`. Verifying opens no books.

use crate::output::{Output, TextTable};
use anyhow::{Context as _, bail};
use clap::Subcommand;
use ledger::hash::hex;
use office::Call;
use office::evidence::{bundle, check, seal};
use serde_json::json;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use store::Snapshot;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// A new key for seals, readable by its owner alone; prints the public key.
    Key {
        /// The file, which must not exist.
        file: PathBuf,
    },
    /// All seals.
    List,
    /// The evidence of a sealed period, for an outsider.
    Export {
        /// The period, 2026-01.
        period: String,
        /// The entity, where several have sealed this period.
        #[arg(long)]
        entity: Option<String>,
        /// The file; standard output when not named.
        #[arg(short, long)]
        output: Option<PathBuf>,
    },
    /// Check a bundle with nothing else at hand, or a proof against its bundle.
    Verify {
        /// The bundle.
        bundle: PathBuf,
        /// The public key that you trust, 64 hexadecimal digits.
        #[arg(long)]
        key: Option<String>,
        /// A proof; its entry must be under the bundle's seal.
        #[arg(long)]
        proof: Option<PathBuf>,
    },
    /// That an entry is under a seal, without the others.
    Prove {
        /// The entry's number.
        entry: i64,
        /// The file; standard output when not named.
        #[arg(short, long)]
        output: Option<PathBuf>,
    },
}

impl Command {
    /// Whether it does without the books.
    pub(crate) const fn stands_alone(&self) -> bool {
        matches!(self, Self::Key { .. } | Self::Verify { .. })
    }
}

/// What needs no books.
pub(crate) fn run_alone(command: &Command, output: Output) -> anyhow::Result<bool> {
    match command {
        Command::Key { file } => {
            let public_key = seal::write_key(file)?;
            let value = json!({ "file": file, "public_key": public_key });
            let text = format!(
                "`{}` holds the private key; name it in tieout.yaml: `seal: {{ key: {{ file: {} }} }}`\npublic key, for those who check: {public_key}",
                file.display(),
                file.display()
            );
            output.result(&value, &text)?;
            Ok(true)
        }
        Command::Verify { bundle, key, proof } => {
            let trusted = key.as_deref().map(seal::trusted).transpose()?;
            verify(bundle, proof.as_deref(), trusted.as_deref(), output)
        }
        _ => bail!("this needs the books"),
    }
}

fn verify(
    bundle: &Path,
    proof: Option<&Path>,
    trusted: Option<&[u8]>,
    output: Output,
) -> anyhow::Result<bool> {
    let open = |path: &Path| {
        std::fs::File::open(path).with_context(|| format!("`{}` cannot be read", path.display()))
    };
    let found = check::check(BufReader::new(open(bundle)?), trusted)
        .with_context(|| bundle.display().to_string())?;
    let mut text = format!(
        "{} of `{}`, {}: sealed {} by {}\nkey {}{}\n{} batches, {} entries",
        found.period,
        found.entity,
        found.company,
        found.sealed_at,
        found.sealed_by,
        found.public_key,
        if trusted.is_some() {
            ""
        } else {
            " (compare it with the one you were given, or pass it with --key)"
        },
        found.batches,
        found.entries
    );
    let mut holds = found.failures.is_empty();
    for failure in &found.failures {
        text.push_str(&format!("\ndoes not hold: {failure}"));
    }
    if let Some(batch) = found.first_bad_batch {
        text.push_str(&format!("\nthe first bad batch is {batch}"));
    }
    if found.failed > found.failures.len() {
        let more = found.failed - found.failures.len();
        text.push_str(&format!("\n… and {more} more"));
    }
    if holds {
        text.push_str("\nsignature, chain, entries, balances and control equation hold");
    }
    if let Some(path) = proof {
        match proven(BufReader::new(open(path)?), trusted, &found) {
            Ok(proof) => text.push_str(&format!(
                "\nentry {} ({}) is under this seal",
                proof.entry.entry, proof.entry.reference
            )),
            Err(error) => {
                holds = false;
                text.push_str(&format!("\ndoes not hold: the proof: {error:#}"));
            }
        }
    }
    output.result(&found, &text)?;
    Ok(holds)
}

/// The proof in a file, if it holds under the bundle's seal.
fn proven(
    file: impl std::io::Read,
    trusted: Option<&[u8]>,
    found: &check::Findings,
) -> anyhow::Result<bundle::Proof> {
    let proof: bundle::Proof = serde_json::from_reader(file).context("the file is no proof")?;
    let statement = check::check_proof(&proof, trusted)?;
    anyhow::ensure!(
        (&statement.entity, &statement.period, &statement.sealed_at)
            == (&found.entity, &found.period, &found.sealed_at),
        "it is for another seal than the bundle's"
    );
    Ok(proof)
}

/// What needs the books.
pub(crate) async fn run(call: &Call, command: &Command, output: Output) -> anyhow::Result<bool> {
    let books = &call.store.snapshot().await?;
    match command {
        Command::List => list(books, output).await,
        Command::Export {
            period,
            entity,
            output: file,
        } => {
            let seal = seal::chosen(books, period, entity.as_deref()).await?;
            let Some(file) = file else {
                let mut bytes = Vec::new();
                bundle::write(books, &seal, &mut bytes).await?;
                output.bytes(&bytes)?;
                return Ok(true);
            };
            let mut out = BufWriter::new(std::fs::File::create(file)?);
            let entries = bundle::write(books, &seal, &mut out).await?;
            let value = json!({ "bundle": file, "entity": seal.entity, "period": seal.period, "entries": entries });
            let text = format!(
                "{}: {entries} entries of {} of `{}`; check it with `tieout evidence verify {}`",
                file.display(),
                seal.period,
                seal.entity,
                file.display()
            );
            output.result(&value, &text)?;
            Ok(true)
        }
        Command::Prove {
            entry,
            output: file,
        } => {
            let proof = bundle::prove(books, *entry, &seal::over(books, *entry).await?).await?;
            let text = serde_json::to_string_pretty(&proof)? + "\n";
            match file {
                Some(path) => std::fs::write(path, text)?,
                None => output.bytes(text.as_bytes())?,
            }
            Ok(true)
        }
        Command::Key { .. } | Command::Verify { .. } => run_alone(command, output),
    }
}

async fn list(books: &Snapshot, output: Output) -> anyhow::Result<bool> {
    let mut table = TextTable::new(&["entity", "period", "batches", "sealed at", "by", "key"]);
    let mut values = Vec::new();
    for seal in books.seals().await? {
        table.row(vec![
            seal.entity.clone(),
            seal.period.clone(),
            seal.batch.to_string(),
            seal.sealed_at.to_rfc3339(),
            seal.sealed_by.clone(),
            hex(seal.public_key.get(..8).unwrap_or_default()),
        ]);
        values.push(json!({
            "entity": seal.entity, "period": seal.period, "batches": seal.batch,
            "sealed_at": seal.sealed_at, "sealed_by": seal.sealed_by, "public_key": hex(&seal.public_key),
        }));
    }
    output.result(&values, &table.to_string())?;
    Ok(true)
}
