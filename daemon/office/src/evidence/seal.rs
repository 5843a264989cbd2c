//! What a close signs, and the key that signs it: Ed25519 over the statement's very bytes.

use crate::Company;
use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::NaiveDate;
use ledger::Hash;
use ledger::hash::{hex, unhex};
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use store::Snapshot;
use store::evidence::SealRow;

/// What a seal says. Serialised in this order, and signed as that text.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// [`FORMAT`], or the version before.
    pub format: String,
    /// Whose books they are.
    pub company: String,
    /// The entity's code.
    pub entity: String,
    /// The period's code.
    pub period: String,
    /// When, in RFC 3339.
    pub sealed_at: String,
    /// By whom.
    pub sealed_by: String,
    /// The postings as they stood.
    pub chain: Chain,
    /// Entries of the period.
    pub entries: i64,
    /// What moved in the period, by account and currencies.
    pub balances: Vec<Balance>,
    /// The control equation, source by source.
    pub control: Vec<Control>,
    /// The hash of the statement sealed before this one, or zeros.
    pub previous_seal: String,
    /// The period's days; since the second version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<Bounds>,
    /// The numbers of its documents; since the second version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documents: Option<Documents>,
    /// The record chain as it stood; since the second version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Record>,
}

/// The name of the format, and its version.
pub const FORMAT: &str = "tieout.seal.v2";

/// The version before, which said neither days nor numbers.
pub const FORMAT_V1: &str = "tieout.seal.v1";

/// The days of a period.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// The day with which it begins.
    pub first_day: NaiveDate,
    /// The day with which it ends, itself included.
    pub last_day: NaiveDate,
}

/// The numbers of a period's documents.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Documents {
    /// The year whose series they are of.
    pub fiscal_year: i64,
    /// The lowest number; 0 where there is none.
    pub lowest: i64,
    /// The highest.
    pub highest: i64,
    /// How many numbers between them other periods of the year have.
    pub elsewhere: i64,
    /// The Merkle root over entry, number and hash, in the order of the entries.
    pub root: String,
}

/// The record chain as it stood before the seal itself.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// How many there were.
    pub links: i64,
    /// The hash of the last, in hexadecimal.
    pub head: String,
}

impl Documents {
    /// A document's name: `eu-2026-000017`.
    pub fn name(&self, entity: &str, number: i64) -> String {
        format!("{entity}-{}-{number:06}", self.fiscal_year)
    }
}

/// The chain as it stood.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// Posting batches.
    pub batches: i64,
    /// The hash of the last link.
    pub head: String,
    /// The Merkle root over the hashes of all links.
    pub root: String,
}

/// What an account moved by in the period, in minor units.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Balance {
    /// By its name in the chart.
    pub account: String,
    /// The ISO code of the transactions' currency.
    pub currency: String,
    /// The sum of debits in it.
    pub debit: i64,
    /// The sum of credits in it.
    pub credit: i64,
    /// The ISO code of the entity's currency.
    pub functional_currency: String,
    /// The sum of debits in that one.
    pub functional_debit: i64,
    /// The sum of credits in that one.
    pub functional_credit: i64,
    /// Its code in the chart on the last day of the period; seals of before have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// What became of everything that a source brought, in the whole ledger.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// The name in the configuration.
    pub source: String,
    /// Inputs counted when the checkpoint moved.
    pub received: i64,
    /// In the journal.
    pub posted: i64,
    /// Without effect, by a rule.
    pub ignored: i64,
    /// Waiting for a cure.
    pub suspended: i64,
    /// Seen before, equal.
    pub duplicates: i64,
    /// Seen before, different.
    pub conflicts: i64,
    /// No event.
    pub quarantined: i64,
}

impl Control {
    /// Received less all outcomes.
    pub fn difference(&self) -> i128 {
        let outcomes = [
            self.posted,
            self.ignored,
            self.suspended,
            self.duplicates,
            self.conflicts,
            self.quarantined,
        ];
        i128::from(self.received) - outcomes.map(i128::from).iter().sum::<i128>()
    }
}

/// A private key.
pub struct Signer(Ed25519KeyPair);

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer(***)")
    }
}

impl Signer {
    /// Reads PKCS #8 in PEM, as `openssl genpkey -algorithm ed25519` and `tieout evidence key` write it.
    pub fn from_pem(text: &str) -> anyhow::Result<Self> {
        let body: String = text
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .map(str::trim)
            .collect();
        let der = STANDARD
            .decode(&body)
            .context("the key is no PEM: its text is not base64")?;
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der)
            .map(Self)
            .map_err(|_rejected| {
                anyhow::anyhow!(
                    "the key is no Ed25519 key in PKCS #8; `tieout evidence key FILE` makes one"
                )
            })
    }

    /// A new key, as PEM.
    pub fn new_pem() -> anyhow::Result<String> {
        let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|_unspecified| anyhow::anyhow!("this machine gives no randomness"))?;
        let body = STANDARD.encode(der.as_ref());
        let lines: Vec<&str> = (0..body.len())
            .step_by(64)
            .filter_map(|at| body.get(at..(at + 64).min(body.len())))
            .collect();
        Ok(format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            lines.join("\n")
        ))
    }

    /// The key that checks what this one signs.
    pub fn public_key(&self) -> Vec<u8> {
        self.0.public_key().as_ref().to_vec()
    }

    /// The signature over a text: 64 bytes.
    pub fn sign(&self, statement: &str) -> Vec<u8> {
        self.0.sign(statement.as_bytes()).as_ref().to_vec()
    }
}

/// Writes a new private key and gives its public key.
pub fn write_key(file: &Path) -> anyhow::Result<String> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let pem = Signer::new_pem()?;
    let mut out = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .with_context(|| format!("`{}` cannot be made", file.display()))?;
    out.write_all(pem.as_bytes())?;
    Ok(hex(&Signer::from_pem(&pem)?.public_key()))
}

/// The key that seals periods.
pub fn signer(company: &Company) -> anyhow::Result<Signer> {
    let Some(config) = &company.config.seal else {
        anyhow::bail!(
            "no key is configured to seal with; `tieout evidence key seal-key.pem` makes one, and `seal: {{ key: {{ file: seal-key.pem }} }}` in tieout.yaml names it"
        );
    };
    let key = config.key.below(&company.base).read()?;
    Signer::from_pem(key.reveal()).context("seal.key")
}

/// The public keys that seals may be set with: the one that seals, and those that it replaced.
///
/// # Errors
/// When no key is configured, or it cannot be read.
pub fn trusted_keys(company: &Company) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut keys = vec![signer(company)?.public_key()];
    let configured = company.config.seal.iter().flat_map(|seal| &seal.trusted);
    for text in configured {
        keys.push(trusted(text).context("seal.trusted")?);
    }
    Ok(keys)
}

/// The newest seal of a period.
///
/// # Errors
/// When the period is not sealed, or several entities have sealed it and none is named.
pub async fn chosen(
    books: &Snapshot,
    period: &str,
    entity: Option<&str>,
) -> anyhow::Result<SealRow> {
    let mut seals = books.seals().await?;
    seals.retain(|seal| seal.period == period && entity.is_none_or(|entity| entity == seal.entity));
    let entities: std::collections::BTreeSet<&str> =
        seals.iter().map(|seal| seal.entity.as_str()).collect();
    if entities.len() > 1 {
        let entities: Vec<&str> = entities.into_iter().collect();
        bail!(
            "{period} is sealed for {}; name one with --entity",
            entities.join(", ")
        );
    }
    seals.pop().with_context(|| {
        format!("{period} is not sealed; `tieout period close ENTITY {period}` seals it")
    })
}

/// The newest seal of an entry's own period that reaches it.
///
/// # Errors
/// When there is no such entry, or its period was not sealed since it was posted.
pub async fn over(books: &Snapshot, entry: i64) -> anyhow::Result<SealRow> {
    let stored = books.entry(entry).await?;
    let stored = stored.with_context(|| format!("there is no entry {entry}"))?;
    let entity = match &stored.entry {
        Ok(built) => built.header().entity.clone(),
        Err(error) => {
            bail!("entry {entry} is no longer what was posted ({error}); run `tieout verify`")
        }
    };
    let links = books.links().await?;
    let reaches = |seal: &SealRow| {
        let last = usize::try_from(seal.batch)
            .ok()
            .and_then(|at| links.get(at.checked_sub(1)?));
        last.is_some_and(|last| entry < last.link.first_entry.saturating_add(last.link.entries))
    };
    let mut seals = books.seals().await?;
    seals.retain(|seal| seal.entity == entity && seal.period == stored.period && reaches(seal));
    seals.pop().with_context(|| {
        format!(
            "entry {entry} is under no seal of {} yet; `tieout period close {entity} {}` seals it",
            stored.period, stored.period
        )
    })
}

/// The heads of the record chain that seals signed. Whether they did, their signatures say.
///
/// # Errors
/// When the books cannot be read.
pub(crate) async fn records(books: &Snapshot) -> anyhow::Result<BTreeMap<i64, Hash>> {
    let mut heads = BTreeMap::new();
    for row in books.seals().await? {
        let Ok(statement) = serde_json::from_str::<Statement>(&row.statement) else {
            continue;
        };
        let Some(record) = statement.record else {
            continue;
        };
        let head = Hash::from_hex(&record.head).filter(|_| record.links > 0);
        heads.extend(head.map(|head| (record.links, head)));
    }
    Ok(heads)
}

/// Checks a signature, and reads the statement under it.
pub fn verified(statement: &str, signature: &[u8], public_key: &[u8]) -> anyhow::Result<Statement> {
    UnparsedPublicKey::new(&ED25519, public_key)
        .verify(statement.as_bytes(), signature)
        .map_err(|_wrong| {
            anyhow::anyhow!(
                "the seal's signature does not fit its statement and key {}",
                hex(public_key)
            )
        })?;
    let read: Statement =
        serde_json::from_str(statement).context("the statement cannot be read")?;
    let whole = read.bounds.is_some() && read.documents.is_some() && read.record.is_some();
    match read.format.as_str() {
        FORMAT if whole => Ok(read),
        FORMAT_V1 if read.bounds.is_none() && read.documents.is_none() => Ok(read),
        FORMAT | FORMAT_V1 => bail!(
            "the statement does not say what `{}` has to say",
            read.format
        ),
        other => bail!("`{other}` is no format of a seal that is known here"),
    }
}

/// Reads a key that somebody trusts: 64 hexadecimal digits.
pub fn trusted(text: &str) -> anyhow::Result<Vec<u8>> {
    match unhex(text.trim()) {
        Some(key) if key.len() == 32 => Ok(key),
        _ => bail!("a public key is 64 hexadecimal digits"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_pem_and_only_its_own_signature_fits() {
        let pem = Signer::new_pem().unwrap();
        let signer = Signer::from_pem(&pem).unwrap();
        let signature = signer.sign("statement");
        let key = UnparsedPublicKey::new(&ED25519, signer.public_key());
        assert!(key.verify(b"statement", &signature).is_ok());
        assert!(key.verify(b"statements", &signature).is_err());
        assert!(Signer::from_pem("-----BEGIN X-----\nAAAA\n-----END X-----").is_err());
    }
}
