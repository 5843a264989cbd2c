//! Keys as OpenPGP files hold them: which of them may be encrypted to, and which may sign.
//!
//! A key consists of a primary key and subkeys; what each may be used for, and until when, its owner's own newest valid
//! signature says. Signatures of others are not looked at: whose key it is, whoever put the file there knows.

use super::KeyError;
use crate::secret::Secret;
use chrono::DateTime;
use pgp::composed::{Deserializable as _, SignedPublicKey, SignedPublicSubKey, SignedSecretKey};
use pgp::packet::{
    KeyFlags, PublicKey, PublicSubkey, SecretKey, SecretSubkey, Signature, SignatureType,
};
use pgp::types::{Duration, KeyDetails, KeyVersion, Password, SigningKey, Tag, Timestamp};
use std::path::Path;

/// A key that is encrypted to.
pub(super) enum Recipient {
    Primary(PublicKey),
    Sub(PublicSubkey),
}

/// A key that signs.
pub(super) enum Signer {
    Primary(SecretKey),
    Sub(SecretSubkey),
}

impl Signer {
    pub(super) fn key(&self) -> &dyn SigningKey {
        match self {
            Self::Primary(key) => key,
            Self::Sub(key) => key,
        }
    }
}

/// What a key, or a part of it, is found to be.
enum Fitness {
    /// It may be used so.
    Fit,
    /// It is for other uses.
    Other,
    /// It is no longer to be used.
    Over(String),
}

/// The keys in a file, one of each owner.
pub(super) fn recipients(
    path: &Path,
    bytes: &[u8],
    now: Timestamp,
) -> Result<Vec<Recipient>, KeyError> {
    let place = format!("`{}`", path.display());
    let no_key = |why: String| KeyError::NoKey {
        place: place.clone(),
        why,
    };
    let (keys, _) =
        SignedPublicKey::from_reader_many(bytes).map_err(|error| no_key(error.to_string()))?;
    let mut found = Vec::new();
    for key in keys {
        let key = key.map_err(|error| no_key(error.to_string()))?;
        let recipient = recipient(&key, now).map_err(|why| KeyError::Unfit {
            place: place.clone(),
            key: key.fingerprint().to_string(),
            why,
        })?;
        found.push(recipient);
    }
    if found.is_empty() {
        return Err(no_key("it is empty".to_owned()));
    }
    Ok(found)
}

/// Whether all keys are of version 6; they and older ones cannot read one message.
pub(super) fn are_new(recipients: &[Recipient]) -> Result<bool, KeyError> {
    let versions = recipients.iter().map(|recipient| match recipient {
        Recipient::Primary(key) => key.version(),
        Recipient::Sub(key) => key.version(),
    });
    let new = versions
        .filter(|version| *version == KeyVersion::V6)
        .count();
    if new == 0 || new == recipients.len() {
        return Ok(new > 0);
    }
    Err(KeyError::NoKey {
        place: "`recipients`".to_owned(),
        why: "keys of version 6 and older ones cannot read one message; name keys of one version"
            .to_owned(),
    })
}

fn recipient(key: &SignedPublicKey, now: Timestamp) -> Result<Recipient, String> {
    let may = |flags: &KeyFlags| flags.encrypt_comms() || flags.encrypt_storage();
    let own = primary(key, may, now);
    if let Fitness::Over(why) = own {
        return Err(why);
    }
    let mut over = None;
    let mut newest: Option<&PublicSubkey> = None;
    for part in &key.public_subkeys {
        if !part.key.algorithm().can_encrypt() {
            continue;
        }
        match subkey(&key.primary_key, part, may, now) {
            Fitness::Fit => newest = Some(newer(newest, &part.key)),
            Fitness::Other => {}
            Fitness::Over(why) => over = Some(why),
        }
    }
    if let Some(newest) = newest {
        return Ok(Recipient::Sub(newest.clone()));
    }
    if matches!(own, Fitness::Fit) && key.primary_key.algorithm().can_encrypt() {
        return Ok(Recipient::Primary(key.primary_key.clone()));
    }
    let none = "it is not for encrypting; ask its owner for one that is".to_owned();
    Err(over.unwrap_or(none))
}

/// Of two keys the one that was made last.
fn newer<'k, K: KeyDetails>(known: Option<&'k K>, other: &'k K) -> &'k K {
    match known {
        Some(known) if known.created_at() > other.created_at() => known,
        _ => other,
    }
}

/// The part of a secret key that signs, unlocked once to see that it can be. What is wrong with it is told
/// without a word of what it is.
pub(super) fn signer(
    text: &Secret,
    passphrase: &Secret,
    now: Timestamp,
) -> Result<Signer, KeyError> {
    let place = "`sign`".to_owned();
    let Ok((key, _)) = SignedSecretKey::from_string(text.reveal()) else {
        return Err(KeyError::NoKey {
            place,
            why: "write it as `gpg --armor --export-secret-keys` does".to_owned(),
        });
    };
    let unfit = |why: String| KeyError::Unfit {
        place: place.clone(),
        key: key.fingerprint().to_string(),
        why,
    };
    let found = signing(&key, now).map_err(unfit)?;
    let password = Password::from(passphrase.reveal());
    let unlocked = match &found {
        Signer::Primary(key) => key.unlock(&password, |_, _| Ok(())).is_ok(),
        Signer::Sub(key) => key.unlock(&password, |_, _| Ok(())).is_ok(),
    };
    if unlocked {
        Ok(found)
    } else {
        let why = "`passphrase` does not unlock it";
        Err(unfit(why.to_owned()))
    }
}

fn signing(key: &SignedSecretKey, now: Timestamp) -> Result<Signer, String> {
    let public = key.to_public_key();
    let own = primary(&public, KeyFlags::sign, now);
    if let Fitness::Over(why) = own {
        return Err(why);
    }
    let mut over = None;
    let mut newest: Option<&SecretSubkey> = None;
    for part in &key.secret_subkeys {
        let shown = part.signed_public_key();
        if !shown.key.algorithm().can_sign() {
            continue;
        }
        match subkey(&public.primary_key, &shown, KeyFlags::sign, now) {
            Fitness::Fit => newest = Some(newer(newest, &part.key)),
            Fitness::Other => {}
            Fitness::Over(why) => over = Some(why),
        }
    }
    if let Some(newest) = newest {
        return Ok(Signer::Sub(newest.clone()));
    }
    if matches!(own, Fitness::Fit) && key.primary_key.algorithm().can_sign() {
        return Ok(Signer::Primary(key.primary_key.clone()));
    }
    let none = "it is not for signing; name one that is".to_owned();
    Err(over.unwrap_or(none))
}

/// What the owner's newest signature says of the primary key.
fn primary(key: &SignedPublicKey, may: impl Fn(&KeyFlags) -> bool, now: Timestamp) -> Fitness {
    let own = &key.primary_key;
    let revoked = key.details.revocation_signatures.iter();
    if revoked.into_iter().any(|said| said.verify_key(own).is_ok()) {
        return Fitness::Over("it is revoked; ask its owner for a new one".to_owned());
    }
    let users = key.details.users.iter().flat_map(|user| {
        let said = user.signatures.iter();
        said.filter(|said| {
            said.verify_certification(own, Tag::UserId, &user.id)
                .is_ok()
        })
    });
    let direct = key.details.direct_signatures.iter();
    let direct = direct.filter(|said| said.verify_key(own).is_ok());
    match users.chain(direct).max_by_key(|said| said.created()) {
        Some(said) => fitness(own, said, may, now),
        None => Fitness::Over(
            "nothing shows that it is its owner's: no signature of its own is valid".to_owned(),
        ),
    }
}

/// What the owner's newest signature says of a subkey.
fn subkey(
    primary: &PublicKey,
    part: &SignedPublicSubKey,
    may: impl Fn(&KeyFlags) -> bool,
    now: Timestamp,
) -> Fitness {
    let valid: Vec<&Signature> = part
        .signatures
        .iter()
        .filter(|said| said.verify_subkey_binding(primary, &part.key).is_ok())
        .filter(|said| is_returned(primary, part, said))
        .collect();
    if valid
        .iter()
        .any(|said| said.typ() == Some(SignatureType::SubkeyRevocation))
    {
        return Fitness::Over(
            "its part for this is revoked; ask its owner for a new one".to_owned(),
        );
    }
    match valid.into_iter().max_by_key(|said| said.created()) {
        Some(said) => fitness(&part.key, said, may, now),
        None => Fitness::Other,
    }
}

/// A subkey that signs has to say in turn whose it is, else anybody could call it theirs.
fn is_returned(primary: &PublicKey, part: &SignedPublicSubKey, said: &Signature) -> bool {
    if !said.key_flags().sign() {
        return true;
    }
    let back = said.embedded_signature();
    back.is_some_and(|back| back.verify_primary_key_binding(&part.key, primary).is_ok())
}

fn fitness(
    key: &impl KeyDetails,
    said: &Signature,
    may: impl Fn(&KeyFlags) -> bool,
    now: Timestamp,
) -> Fitness {
    let lasts = said.key_expiration_time().map(Duration::as_secs);
    let ends = lasts
        .filter(|seconds| *seconds > 0)
        .map(|seconds| u64::from(key.created_at().as_secs()) + u64::from(seconds));
    if let Some(end) = ends.filter(|end| *end <= u64::from(now.as_secs())) {
        let end = i64::try_from(end).ok();
        let end = end.and_then(|end| DateTime::from_timestamp(end, 0));
        let day = end.map_or_else(String::new, |end| end.format(" on %F").to_string());
        return Fitness::Over(format!("it expired{day}; ask its owner for a new one"));
    }
    if may(&said.key_flags()) {
        Fitness::Fit
    } else {
        Fitness::Other
    }
}
