//! Files encrypted for their receiver with OpenPGP (RFC 9580), whichever way they go: `NAME` arrives as `NAME.pgp`.
//!
//! The same file encrypted twice is two files, so what lies at the receiver cannot be compared byte by byte with what
//! is sent again. Therefore it goes out in ASCII armor, and a line of the armor says which file is in it, by the SHA-256 of
//! its bytes. What stands up to that line is the same each time and begins no other file, so this is what is compared.
//! It says nothing that the manifest does not say. A half of a file could begin so too: under a name that is given by renaming,
//! or all at once, no half ever lies, and where a server may keep one (HTTPS) the end is looked at as well; writing under the
//! final name (`rename: false`) and encrypting do not go together.
//!
//! The manifest beside it stays readable and keeps its name, `NAME.manifest.json`: the next attempt reads it, and so do books
//! that were restored from a backup, which have no key of the receiver. It holds numbers, totals and hashes, and no
//! entry. The hash in it is that of the plain file, so that the receiver can check what was decrypted.
//!
//! Keys are read when the place is opened. Only what a key's own signatures say counts; one that is revoked or has expired is refused
//! by its name. A message is encrypted with AES-256: with a modification detection code (SEIPD 1), which every
//! receiver reads, or by OCB (SEIPD 2) for keys of version 6. It is compressed and, where asked, signed inside.

mod keys;

use super::{
    ConfigError, Content, DropKind, Envelope, FileDrop, Kept, Placed, Shelf, TransportError,
};
use crate::secret::{Secret, SecretRef};
use async_trait::async_trait;
use keys::{Recipient, Signer};
use ledger::{Clock, Hash};
use pgp::composed::{ArmorOptions, MessageBuilder, SubpacketConfig};
use pgp::crypto::aead::{AeadAlgorithm, ChunkSize};
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::packet::{Subpacket, SubpacketData};
use pgp::types::{CompressionAlgorithm, KeyVersion, Password, Timestamp};
use rand::rngs::OsRng;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// This kind's registration.
pub const KIND: DropKind = DropKind {
    id: "openpgp",
    title: "Beside any of them: files are encrypted for their receiver, `NAME` as `NAME.pgp`",
    example: "\
folder: { path: exports/erp }
openpgp:
  # Public keys of the receiver.
  recipients: [receiver.asc]
  # Whose signature is inside, where one is wanted.
  sign: { key: { file: sign-key.asc }, passphrase: { env: TIEOUT_SIGN_PASSPHRASE } }
",
};

/// How the armor of a message begins and ends.
const BEGIN: &str = "-----BEGIN PGP MESSAGE-----\n";
const END: &str = "-----END PGP MESSAGE-----\n";

/// `openpgp: { recipients: [receiver.asc], sign: { key: { file: sign-key.asc }, passphrase: { env: NAME } } }`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Files with public keys; each of their owners can read what is sent.
    pub recipients: Vec<PathBuf>,
    /// Who signs.
    pub sign: Option<Sign>,
}

/// Who signs.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Sign {
    /// The secret key in ASCII armor.
    pub key: SecretRef,
    /// What it is locked with.
    pub passphrase: Option<SecretRef>,
}

impl Config {
    /// Refuses a message that nobody could read.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.recipients.is_empty() {
            let text = "`recipients` names no file with a public key of the receiver";
            return Err(ConfigError::Option(text.to_owned()));
        }
        Ok(())
    }
}

/// Why nothing can be encrypted.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file cannot be read.
    #[error("`{path}` cannot be read; put the receiver's public key there")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It holds no key.
    #[error("{place} holds no OpenPGP key: {why}")]
    NoKey {
        /// The file, or what the secret is for.
        place: String,
        /// What is wrong, of a public key; of a secret one nothing is told.
        why: String,
    },
    /// Its key cannot be used.
    #[error("{place}: the key {key} cannot be used, {why}")]
    Unfit {
        /// The file, or what the secret is for.
        place: String,
        /// Its fingerprint.
        key: String,
        /// Why, and what to do.
        why: String,
    },
    /// The library refuses.
    #[error("`{name}` cannot be encrypted")]
    Failed {
        /// The file.
        name: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl From<KeyError> for TransportError {
    fn from(error: KeyError) -> Self {
        Self::Opening(Box::new(error))
    }
}

/// Keys that were read and found fit.
struct Keys {
    recipients: Vec<Recipient>,
    signer: Option<(Signer, Secret)>,
    /// Whether all keys are of version 6.
    is_new: bool,
}

/// A place whose files are encrypted before they go there.
#[derive(Clone)]
pub struct Encrypted {
    place: Arc<dyn FileDrop>,
    keys: Arc<Keys>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Encrypted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Encrypted").field(&self.place).finish()
    }
}

impl Encrypted {
    /// Reads the keys; relative files are taken from `base`.
    ///
    /// # Errors
    /// [`TransportError`] when one cannot be read, or not be used.
    pub fn new(
        config: &Config,
        place: Arc<dyn FileDrop>,
        base: &Path,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, TransportError> {
        let now = stamp(clock.as_ref());
        let mut recipients = Vec::new();
        for path in &config.recipients {
            let path = base.join(path);
            let bytes = std::fs::read(&path).map_err(|source| KeyError::Unreadable {
                path: path.clone(),
                source,
            })?;
            recipients.extend(keys::recipients(&path, &bytes, now)?);
        }
        let signer = match &config.sign {
            None => None,
            Some(sign) => {
                let text = sign.key.below(base).read()?;
                let passphrase = sign.passphrase.as_ref();
                let passphrase = passphrase
                    .map(|place| place.below(base).read())
                    .transpose()?;
                let passphrase = passphrase.unwrap_or_else(|| Secret::new(String::new()));
                Some((keys::signer(&text, &passphrase, now)?, passphrase))
            }
        };
        Ok(Self {
            place,
            keys: Arc::new(Keys {
                is_new: keys::are_new(&recipients)?,
                recipients,
                signer,
            }),
            clock,
        })
    }
}

/// The time as signatures write it.
fn stamp(clock: &dyn Clock) -> Timestamp {
    Timestamp::from_secs(u32::try_from(clock.now().timestamp()).unwrap_or(u32::MAX))
}

impl Keys {
    fn encrypt(&self, name: &str, bytes: Vec<u8>, at: Timestamp) -> Result<Kept, KeyError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| KeyError::Failed {
            name: name.to_owned(),
            source,
        };
        let comment = format!("Tieout sha256 {}", Hash::of(&bytes));
        let beginning = format!("{BEGIN}Comment: {comment}\n\n");
        let headers = BTreeMap::from([("Comment".to_owned(), vec![comment])]);
        let written = self.write(name, bytes, at, &headers);
        let out = written.map_err(|error| failed(Box::new(error)))?;
        if !out.starts_with(beginning.as_bytes()) || !out.ends_with(END.as_bytes()) {
            return Err(failed("its armor is not what it is known by".into()));
        }
        Ok(Kept {
            bytes: out,
            beginning: beginning.len(),
            ending: END.len(),
        })
    }

    fn write(
        &self,
        name: &str,
        bytes: Vec<u8>,
        at: Timestamp,
        headers: &BTreeMap<String, Vec<String>>,
    ) -> pgp::errors::Result<Vec<u8>> {
        let mut message = MessageBuilder::from_bytes(name.to_owned(), bytes);
        message.compression(CompressionAlgorithm::ZIP);
        if let Some((signer, passphrase)) = &self.signer {
            let key = signer.key();
            message.sign_with_subpackets(
                key,
                Password::from(passphrase.reveal()),
                key.hash_alg(),
                signed_by(signer, at)?,
            );
        }
        let (cipher, mut out) = (SymmetricKeyAlgorithm::AES256, Vec::new());
        let armor = ArmorOptions::from(Some(headers));
        if self.is_new {
            let (mode, size) = (AeadAlgorithm::Ocb, ChunkSize::default());
            let mut message = message.seipd_v2(OsRng, cipher, mode, size);
            for recipient in &self.recipients {
                match recipient {
                    Recipient::Primary(key) => message.encrypt_to_key(OsRng, key)?,
                    Recipient::Sub(key) => message.encrypt_to_key(OsRng, key)?,
                };
            }
            message.to_armored_writer(OsRng, armor, &mut out)?;
        } else {
            let mut message = message.seipd_v1(OsRng, cipher);
            for recipient in &self.recipients {
                match recipient {
                    Recipient::Primary(key) => message.encrypt_to_key(OsRng, key)?,
                    Recipient::Sub(key) => message.encrypt_to_key(OsRng, key)?,
                };
            }
            message.to_armored_writer(OsRng, armor, &mut out)?;
        }
        Ok(out)
    }
}

/// What a signature says of itself; its time is that of the clock.
fn signed_by(signer: &Signer, at: Timestamp) -> pgp::errors::Result<SubpacketConfig> {
    let key = signer.key();
    let hashed = vec![
        Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint()))?,
        Subpacket::regular(SubpacketData::SignatureCreationTime(at))?,
    ];
    let mut unhashed = Vec::new();
    if key.version() == KeyVersion::V4 {
        let id = key.legacy_key_id();
        unhashed.push(Subpacket::regular(SubpacketData::IssuerKeyId(id))?);
    }
    Ok(SubpacketConfig::UserDefined { hashed, unhashed })
}

#[async_trait]
impl Envelope for Encrypted {
    fn name(&self, name: &str) -> String {
        format!("{name}.pgp")
    }

    async fn seal(&self, name: &str, bytes: &[u8]) -> Result<Kept, TransportError> {
        let (keys, at) = (Arc::clone(&self.keys), stamp(self.clock.as_ref()));
        let (name, bytes) = (name.to_owned(), bytes.to_vec());
        let sealing = tokio::task::spawn_blocking(move || keys.encrypt(&name, bytes, at));
        match sealing.await {
            Ok(sealed) => Ok(sealed?),
            Err(_ended) => Err(TransportError::GivenUp(self.place.peer())),
        }
    }
}

#[async_trait]
impl FileDrop for Encrypted {
    async fn place(&self, name: &str, content: Content<'_>) -> Result<Placed, TransportError> {
        self.place.place(name, content).await
    }

    async fn holds(
        &self,
        name: &str,
        content: Content<'_>,
    ) -> Result<Option<bool>, TransportError> {
        self.place.holds(name, content).await
    }

    async fn check(&self) -> Result<(), TransportError> {
        self.place.check().await
    }

    fn may_repeat(&self) -> bool {
        self.place.may_repeat()
    }

    fn peer(&self) -> String {
        self.place.peer()
    }

    fn shelf(&self) -> Option<&dyn Shelf> {
        self.place.shelf()
    }

    fn envelope(&self) -> Option<&dyn Envelope> {
        Some(self)
    }
}
