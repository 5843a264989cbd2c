//! Encrypted files, read by GnuPG with keys that it made; keys that it cannot make, by the library itself.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

#[path = "../formats/tests/common/mod.rs"]
mod common;

use common::{case, fixtures};
use connectors::erp::{Delivery, ErpConnector, ErpKind, Host};
use connectors::secret::SecretRef;
use connectors::transport::openpgp::{Config, Sign};
use connectors::transport::{DropConfig, PlaceConfig, folder};
use formats::erp::Artifact;
use ledger::{FixedClock, Hash};
use pgp::composed::{
    ArmorOptions, Deserializable as _, EncryptionCaps, KeyType, Message, SecretKeyParamsBuilder,
    SignedSecretKey, SubkeyParamsBuilder,
};
use pgp::types::{KeyVersion, Password, Timestamp};
use rand::rngs::OsRng;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

const MANIFEST: &str = "{ \"batch\": \"0198-batch\" }";

/// A house of GnuPG, with its keys, and a folder that files go to.
struct House(PathBuf);

impl House {
    fn new(name: &str) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        // Its sockets want a short path.
        let path = PathBuf::from(format!("/tmp/tieout-gpg-{}-{name}", std::process::id()));
        let _absent = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(path.join("home")).unwrap();
        let own = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(path.join("home"), own).unwrap();
        Self(path)
    }

    fn gpg(&self, at: &str, arguments: &[&str]) -> Output {
        let output = Command::new("gpg")
            .env("GNUPGHOME", self.0.join("home"))
            .args(["--batch", "--yes", "--quiet", "--pinentry-mode", "loopback"])
            .args(["--trust-model", "always", "--faked-system-time", at])
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        output
    }

    /// Makes a key, of the day on which it is made.
    fn key(&self, at: &str, name: &str, passphrase: &str, kind: &[&str]) {
        let mut all = vec!["--passphrase", passphrase, "--quick-gen-key", name];
        all.extend(kind);
        self.gpg(at, &all);
    }

    /// Adds a part to a key.
    fn part(&self, at: &str, name: &str, kind: &[&str]) {
        let listed = self.gpg(at, &["--with-colons", "--list-keys", name]);
        let listed = String::from_utf8(listed.stdout).unwrap();
        let line = listed
            .lines()
            .find(|line| line.starts_with("fpr:"))
            .unwrap();
        let fingerprint = line.split(':').nth(9).unwrap();
        let mut all = vec!["--passphrase", "", "--quick-add-key", fingerprint];
        all.extend(kind);
        self.gpg(at, &all);
    }

    /// Makes a key that signs, with a part for encrypting.
    fn pair(&self, name: &str) {
        let day = "20260101T000000!";
        self.key(day, name, "", &["ed25519", "default", "never"]);
        self.part(day, name, &["cv25519", "encr", "never"]);
    }

    /// Writes a public key into a file.
    fn public(&self, name: &str) -> PathBuf {
        let path = self.0.join(format!("{name}.asc"));
        let arguments = [
            "--armor",
            "--output",
            path.to_str().unwrap(),
            "--export",
            name,
        ];
        self.gpg(NOW, &arguments);
        path
    }

    /// Writes a secret key into a file that is its owner's alone.
    fn secret(&self, name: &str, passphrase: &str) -> SecretRef {
        let path = format!("{name}.secret");
        let at = self.0.join(&path);
        let arguments = ["--armor", "--passphrase", passphrase, "--output"];
        let rest = [at.to_str().unwrap(), "--export-secret-keys", name];
        self.gpg(NOW, &[arguments.as_slice(), &rest].concat());
        self.private(&path, &std::fs::read_to_string(&at).unwrap())
    }

    fn private(&self, name: &str, text: &str) -> SecretRef {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        SecretRef::File(path)
    }

    /// What is in an encrypted file, and what GnuPG says of it.
    fn decrypt(&self, name: &str, passphrase: &str) -> (Vec<u8>, String) {
        let from = self.inbound(name);
        let to = self.0.join("plain");
        let arguments = ["--passphrase", passphrase, "--status-fd", "1", "--output"];
        let rest = [to.to_str().unwrap(), "--decrypt", from.to_str().unwrap()];
        let output = self.gpg(NOW, &[arguments.as_slice(), &rest].concat());
        let said = String::from_utf8(output.stdout).unwrap();
        (std::fs::read(to).unwrap(), said)
    }

    fn inbound(&self, name: &str) -> PathBuf {
        self.0.join("inbound").join(name)
    }

    fn names(&self) -> Vec<String> {
        let found = std::fs::read_dir(self.0.join("inbound")).unwrap();
        let mut names: Vec<String> = found
            .map(|item| item.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    fn open(&self, openpgp: Config) -> Result<Box<dyn ErpConnector>, String> {
        let clock = Arc::new(FixedClock("2026-02-01T08:00:00Z".parse().unwrap()));
        let drop = DropConfig {
            place: PlaceConfig::Folder(folder::Config {
                path: self.0.join("inbound"),
            }),
            openpgp: Some(openpgp),
        };
        drop.check().unwrap();
        let host = Host {
            drop: Some(
                drop.open(Path::new("/"), Arc::<FixedClock>::clone(&clock))
                    .map_err(|error| error.to_string())?,
            ),
            base: PathBuf::from("/"),
            clock,
        };
        Ok(ErpKind::find("csv")
            .unwrap()
            .open(options(), &host)
            .unwrap())
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _gone = Command::new("gpgconf")
            .env("GNUPGHOME", self.0.join("home"))
            .args(["--kill", "all"])
            .status();
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// The day of the clock, as GnuPG writes it.
const NOW: &str = "20260201T090000!";

fn options() -> serde_json::Value {
    serde_saphyr::from_str(ErpKind::find("csv").unwrap().example).unwrap()
}

fn to(recipients: &[&PathBuf]) -> Config {
    Config {
        recipients: recipients.iter().copied().cloned().collect(),
        sign: None,
    }
}

fn artifact(connector: &dyn ErpConnector) -> Artifact {
    let (_, batch) = case(&fixtures("erp").join("csv").join("two-currencies"));
    let mut bytes = Vec::new();
    connector.render(&batch, &mut bytes).unwrap();
    Artifact {
        name: connector.name(&batch),
        bytes,
    }
}

async fn deliver(connector: &dyn ErpConnector, artifact: &Artifact) -> Delivery {
    connector.deliver(artifact, MANIFEST).await.unwrap()
}

#[tokio::test]
async fn its_receiver_reads_it_and_it_is_sent_once() {
    let house = House::new("once");
    house.pair("receiver");
    let connector = house.open(to(&[&house.public("receiver")])).unwrap();
    let artifact = artifact(connector.as_ref());
    let sealed = format!("{}.pgp", artifact.name);
    let manifest = format!("{}.manifest.json", artifact.name);
    let first = deliver(connector.as_ref(), &artifact).await;
    let Delivery::Accepted(place) = &first else {
        unreachable!("{first:?}")
    };
    assert!(place.ends_with(&sealed), "{place}");
    let both = [manifest.clone(), sealed.clone()];
    assert_eq!(house.names(), both);
    let (plain, said) = house.decrypt(&sealed, "");
    assert_eq!(plain, artifact.bytes);
    assert!(
        said.contains("DECRYPTION_OKAY") && !said.contains("SIG"),
        "{said}"
    );
    let sent = std::fs::read(house.inbound(&sealed)).unwrap();
    let hash = Hash::of(&artifact.bytes).to_string();
    let shown = String::from_utf8(sent.clone()).unwrap();
    assert!(
        shown.contains(&format!("\nComment: Tieout sha256 {hash}\n\n")),
        "{shown}"
    );
    assert_eq!(
        std::fs::read_to_string(house.inbound(&manifest)).unwrap(),
        MANIFEST
    );
    // Again; and after a crash between the file and its manifest.
    for forget in [false, true] {
        if forget {
            std::fs::remove_file(house.inbound(&manifest)).unwrap();
        }
        assert_eq!(deliver(connector.as_ref(), &artifact).await, first);
        assert_eq!(
            std::fs::read(house.inbound(&sealed)).unwrap(),
            sent,
            "it is not sent again"
        );
        assert_eq!(house.names(), both);
    }
    // Its receiver took it away.
    std::fs::remove_file(house.inbound(&sealed)).unwrap();
    assert_eq!(deliver(connector.as_ref(), &artifact).await, first);
    assert_eq!(house.names(), [manifest]);
}

#[tokio::test]
async fn what_is_not_the_same_file_stays_in_its_way() {
    let house = House::new("other");
    house.pair("receiver");
    let connector = house.open(to(&[&house.public("receiver")])).unwrap();
    let artifact = artifact(connector.as_ref());
    let sealed = format!("{}.pgp", artifact.name);
    deliver(connector.as_ref(), &artifact).await;
    std::fs::remove_file(house.inbound(&format!("{}.manifest.json", artifact.name))).unwrap();
    let other = Artifact {
        bytes: b"other".to_vec(),
        ..artifact.clone()
    };
    let ours = std::fs::read(house.inbound(&sealed)).unwrap();
    for left in [ours, b"somebody else's".to_vec(), Vec::new()] {
        std::fs::write(house.inbound(&sealed), &left).unwrap();
        let answer = deliver(connector.as_ref(), &other).await;
        assert!(
            matches!(&answer, Delivery::Blocked { reason } if reason.contains(&sealed)),
            "{answer:?}"
        );
        assert_eq!(std::fs::read(house.inbound(&sealed)).unwrap(), left);
        assert_eq!(house.names(), std::slice::from_ref(&sealed));
    }
}

#[tokio::test]
async fn keys_of_each_kind_are_encrypted_to_and_signed_with() {
    let house = House::new("kinds");
    let day = "20260101T000000!";
    house.key(day, "rsa", "", &["rsa2048", "default", "never"]);
    house.part(day, "rsa", &["rsa2048", "encr", "never"]);
    // Of two parts for encrypting, the newer one.
    house.key(day, "curve", "", &["ed25519", "default", "never"]);
    house.part(day, "curve", &["cv25519", "encr", "never"]);
    house.part("20260115T000000!", "curve", &["cv25519", "encr", "never"]);
    house.key(day, "nist", "", &["nistp256", "default", "never"]);
    house.part(day, "nist", &["nistp384", "encr", "never"]);
    house.part(day, "nist", &["ed25519", "sign", "never"]);
    house.key(day, "locked", "hunter2", &["ed25519", "default", "never"]);
    let public: Vec<PathBuf> = ["rsa", "curve", "nist"]
        .map(|name| house.public(name))
        .to_vec();
    let signers = [
        ("rsa", house.secret("rsa", ""), None),
        ("curve", house.secret("curve", ""), None),
        ("nist", house.secret("nist", ""), None),
        (
            "locked",
            house.secret("locked", "hunter2"),
            Some(house.private("passphrase", "hunter2\n")),
        ),
    ];
    for (name, key, passphrase) in signers {
        let _absent = std::fs::remove_dir_all(house.0.join("inbound"));
        let config = Config {
            sign: Some(Sign { key, passphrase }),
            ..to(&public.iter().collect::<Vec<_>>())
        };
        let connector = house.open(config).unwrap();
        let artifact = artifact(connector.as_ref());
        let sealed = format!("{}.pgp", artifact.name);
        deliver(connector.as_ref(), &artifact).await;
        let (plain, said) = house.decrypt(&sealed, "");
        assert_eq!(plain, artifact.bytes, "{name}");
        assert!(said.contains("DECRYPTION_OKAY"), "{name}: {said}");
        let good = said.lines().find(|line| line.contains("GOODSIG"));
        assert!(
            good.is_some_and(|line| line.ends_with(name)),
            "{name}: {said}"
        );
        // The signature's time is that of the clock.
        assert!(
            said.contains("VALIDSIG") && said.contains(" 2026-02-01 1769932800 "),
            "{said}"
        );
        for _each in ["rsa", "curve", "nist"] {
            assert_eq!(said.matches("ENC_TO").count(), 3, "{said}");
        }
        assert!(!format!("{connector:?}").contains("hunter2"));
    }
    // Each of the receivers alone reads it.
    let listed = house.gpg(NOW, &["--with-colons", "--list-keys", "curve"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    let newest = listed
        .lines()
        .rfind(|line| line.starts_with("sub:"))
        .unwrap();
    let id = newest.split(':').nth(4).unwrap();
    let connector = house.open(to(&[&public[1]])).unwrap();
    let artifact = artifact(connector.as_ref());
    std::fs::remove_dir_all(house.0.join("inbound")).unwrap();
    deliver(connector.as_ref(), &artifact).await;
    let (_, said) = house.decrypt(&format!("{}.pgp", artifact.name), "");
    assert!(said.contains(&format!("ENC_TO {id} ")), "{id}: {said}");
}

#[test]
fn a_key_that_cannot_be_used_is_refused_by_its_name() {
    let house = House::new("unfit");
    let day = "20260101T000000!";
    house.key(
        "20250101T000000!",
        "expired",
        "",
        &["ed25519", "default", "30d"],
    );
    house.key(day, "signing", "", &["ed25519", "sign", "never"]);
    house.key(day, "fading", "", &["ed25519", "default", "never"]);
    house.part(day, "fading", &["cv25519", "encr", "10d"]);
    house.pair("revoked");
    house.key(day, "locked", "hunter2", &["ed25519", "default", "never"]);
    let revocations = house.0.join("home/openpgp-revocs.d");
    let listed = house.gpg(NOW, &["--with-colons", "--list-keys", "revoked"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    let line = listed
        .lines()
        .find(|line| line.starts_with("fpr:"))
        .unwrap();
    let file = revocations.join(format!("{}.rev", line.split(':').nth(9).unwrap()));
    let text = std::fs::read_to_string(file).unwrap();
    std::fs::write(
        house.0.join("rev"),
        text.replace(":-----BEGIN", "-----BEGIN"),
    )
    .unwrap();
    house.gpg(NOW, &["--import", house.0.join("rev").to_str().unwrap()]);
    std::fs::write(house.0.join("text.asc"), "no key").unwrap();
    std::fs::write(house.0.join("empty.asc"), "").unwrap();
    let secret = match house.secret("locked", "hunter2") {
        SecretRef::File(path) => path,
        SecretRef::Env(_) => unreachable!(),
    };
    for (path, why) in [
        (house.public("expired"), "it expired on 2025-01-31"),
        (house.public("fading"), "it expired on 2026-01-11"),
        (house.public("signing"), "it is not for encrypting"),
        (house.public("revoked"), "it is revoked"),
        (house.0.join("text.asc"), "holds no OpenPGP key"),
        (house.0.join("empty.asc"), "holds no OpenPGP key"),
        (house.0.join("nothing.asc"), "cannot be read"),
        (secret, "holds no OpenPGP key"),
    ] {
        let told = house.open(to(&[&path])).unwrap_err();
        assert!(told.contains(why), "{}: {told}", path.display());
        assert!(told.contains(path.to_str().unwrap()), "{told}");
    }
    house.pair("receiver");
    let public = house.public("receiver");
    let wrong = house.private("wrong", "hunter3\n");
    let none = house.private("none", "hunter2 is no key\n");
    for (key, passphrase, why) in [
        (
            house.secret("locked", "hunter2"),
            Some(wrong),
            "does not unlock",
        ),
        (house.secret("locked", "hunter2"), None, "does not unlock"),
        (none, None, "--export-secret-keys"),
        (house.secret("expired", ""), None, "it expired"),
    ] {
        let config = Config {
            sign: Some(Sign { key, passphrase }),
            ..to(&[&public])
        };
        let told = house.open(config).unwrap_err();
        assert!(told.contains(why), "{told}");
        assert!(!told.contains("hunter"), "{told}");
    }
}

/// A key of version 6, which GnuPG does not know.
fn new_key(version: KeyVersion) -> SignedSecretKey {
    let (primary, part) = match version {
        KeyVersion::V6 => (KeyType::Ed25519, KeyType::X25519),
        _ => (
            KeyType::Ed25519Legacy,
            KeyType::ECDH(pgp::crypto::ecc_curve::ECCCurve::Curve25519Legacy),
        ),
    };
    let at = Timestamp::from_secs(1_767_225_600);
    let part = SubkeyParamsBuilder::default()
        .version(version)
        .key_type(part)
        .can_encrypt(EncryptionCaps::All)
        .created_at(at)
        .build()
        .unwrap();
    let key = SecretKeyParamsBuilder::default()
        .version(version)
        .key_type(primary)
        .can_sign(true)
        .can_certify(true)
        .created_at(at)
        .feature_seipd_v2(version == KeyVersion::V6)
        .primary_user_id("new".into())
        .subkey(part)
        .build()
        .unwrap();
    key.generate(OsRng).unwrap()
}

#[tokio::test]
async fn keys_of_version_six_are_encrypted_to_alone() {
    let house = House::new("six");
    let (new, old) = (new_key(KeyVersion::V6), new_key(KeyVersion::V4));
    let write = |name: &str, key: &SignedSecretKey| {
        let path = house.0.join(name);
        let text = key
            .to_public_key()
            .to_armored_string(ArmorOptions::default());
        std::fs::write(&path, text.unwrap()).unwrap();
        path
    };
    let (new_path, old_path) = (write("new.asc", &new), write("old.asc", &old));
    let told = house.open(to(&[&new_path, &old_path])).unwrap_err();
    assert!(told.contains("keys of one version"), "{told}");
    let text = new.to_armored_string(ArmorOptions::default()).unwrap();
    let config = Config {
        sign: Some(Sign {
            key: house.private("new.secret", &text),
            passphrase: None,
        }),
        ..to(&[&new_path])
    };
    let connector = house.open(config).unwrap();
    let artifact = artifact(connector.as_ref());
    deliver(connector.as_ref(), &artifact).await;
    let sealed = std::fs::read(house.inbound(&format!("{}.pgp", artifact.name))).unwrap();
    let (message, _) = Message::from_armor(sealed.as_slice()).unwrap();
    let message = message.decrypt(&Password::empty(), &new).unwrap();
    let mut message = message.decompress().unwrap();
    assert_eq!(message.as_data_vec().unwrap(), artifact.bytes);
    message.verify(&new.to_public_key()).unwrap();
    // An older key of the same library goes the way that GnuPG reads.
    let public =
        SignedSecretKey::from_string(&old.to_armored_string(ArmorOptions::default()).unwrap());
    assert_eq!(public.unwrap().0.to_public_key(), old.to_public_key());
    std::fs::remove_dir_all(house.0.join("inbound")).unwrap();
    let connector = house.open(to(&[&old_path])).unwrap();
    deliver(connector.as_ref(), &artifact).await;
    let sealed = std::fs::read(house.inbound(&format!("{}.pgp", artifact.name))).unwrap();
    let (message, _) = Message::from_armor(sealed.as_slice()).unwrap();
    let message = message.decrypt(&Password::empty(), &old).unwrap();
    let mut message = message.decompress().unwrap();
    assert_eq!(message.as_data_vec().unwrap(), artifact.bytes);
}
