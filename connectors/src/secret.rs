//! Secrets: named in the configuration, read from the environment, a file that only its owner reads or a program that prints
//! them, never shown. One that is written where it should be named is refused, and not repeated.

mod command;

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::path::{Path, PathBuf};

/// Where a secret is kept: `{ env: NAME }`, `{ file: PATH }` or `{ command: [PROGRAM, ARGUMENT, …] }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// In an environment variable.
    Env(String),
    /// In a file, without its last line break.
    File(PathBuf),
    /// Where a program gets it from: what it prints, without its last line break. No shell reads the arguments.
    Command {
        /// The program; one without a slash in its name is looked for in `PATH`.
        program: PathBuf,
        /// Its arguments.
        arguments: Vec<String>,
    },
}

/// A secret. Its `Debug` shows three stars.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set.
    #[error("the environment variable `{0}` is not set; set it before Tieout starts")]
    Unset(String),
    /// The file cannot be read.
    #[error("`{path}` cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Others than its owner may read or change the file.
    #[error(
        "`{path}` holds a secret, and others than its owner may use it (mode {mode:04o}): `chmod 600 {path}`"
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The program cannot be run.
    #[error("`{program}`, which is to print a secret, cannot be run")]
    NoProgram {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The program printed none.
    #[error(
        "`{program}` is to print a secret, but {how}; run it by hand, as the user that Tieout runs as, to see why"
    )]
    NotPrinted {
        /// The program.
        program: PathBuf,
        /// What it did instead.
        how: String,
    },
}

impl SecretRef {
    /// The same place, a relative file or program taken from this folder.
    #[must_use]
    pub fn below(&self, base: &Path) -> Self {
        match self {
            Self::Env(name) => Self::Env(name.clone()),
            Self::File(path) => Self::File(base.join(path)),
            Self::Command { program, arguments } => Self::Command {
                program: if program.components().count() > 1 {
                    base.join(program)
                } else {
                    program.clone()
                },
                arguments: arguments.clone(),
            },
        }
    }

    /// Reads the secret. A program is waited for, some seconds at most.
    ///
    /// # Errors
    /// [`SecretError`], which names the place and never the content.
    pub fn read(&self) -> Result<Secret, SecretError> {
        match self {
            Self::Env(name) => std::env::var(name)
                .map(Secret)
                .map_err(|_unset| SecretError::Unset(name.clone())),
            Self::File(path) => {
                refuse_open_file(path)?;
                std::fs::read_to_string(path)
                    .map(|text| Secret(text.trim_end_matches(['\r', '\n']).to_owned()))
                    .map_err(|source| SecretError::Unreadable {
                        path: path.clone(),
                        source,
                    })
            }
            Self::Command { program, arguments } => {
                command::printed(program, arguments, command::LONGEST)
                    .map(|text| Secret(text.trim_end_matches(['\r', '\n']).to_owned()))
            }
        }
    }
}

impl Secret {
    /// Wraps a value that came from elsewhere.
    pub const fn new(value: String) -> Self {
        Self(value)
    }

    /// The secret itself: for the call that needs it, and nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Compares without leaving early, so that the time taken says nothing.
    pub fn matches(&self, other: &str) -> bool {
        let (own, other) = (self.0.as_bytes(), other.as_bytes());
        let differing = own.iter().zip(other).fold(0u8, |all, (a, b)| all | (a ^ b));
        own.len() == other.len() && differing == 0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A text in a configuration that holds a secret itself.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place} holds a secret; take it out and name it: {instead}")]
pub struct Exposed {
    /// Where it stands, never what it is.
    pub place: String,
    /// How it is named.
    pub instead: String,
}

/// Refuses a URL that holds a password, in the user's part or in the query, however it is spelled.
///
/// # Errors
/// [`Exposed`], which shows no part of the URL.
pub fn refuse_in_url(url: &str, place: &str, instead: &str) -> Result<(), Exposed> {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    // The last one: a password that holds an `@` itself is a mistake of many.
    let user = before.rsplit_once('@').map(|(user, _host)| decoded(user));
    let part = if user.is_some_and(|user| user.contains(':')) {
        "the user's part of"
    } else if query.split(['&', ';', '#']).any(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        is_secret_name(&decoded(name))
    }) {
        "the query of"
    } else {
        return Ok(());
    };
    Err(Exposed {
        place: format!("{part} {place}"),
        instead: instead.to_owned(),
    })
}

/// A URL as it may be shown: what could be a password, in the user's part or the query, is three stars.
pub fn redacted(url: &str) -> String {
    let (scheme, rest) = url
        .split_once("://")
        .map_or((None, url), |(scheme, rest)| (Some(scheme), rest));
    let (before, query) = rest
        .split_once('?')
        .map_or((rest, None), |(before, query)| (before, Some(query)));
    let mut shown = scheme
        .map(|scheme| format!("{scheme}://"))
        .unwrap_or_default();
    match before.rsplit_once('@') {
        Some((user, host)) => {
            let name = user.split(':').next().unwrap_or_default();
            let hidden = name.len() < user.len() || decoded(user).contains(':');
            let name = if decoded(name).contains(':') {
                ""
            } else {
                name
            };
            shown.push_str(&format!(
                "{name}{}@{host}",
                if hidden { ":***" } else { "" }
            ));
        }
        None => shown.push_str(before),
    }
    if query.is_some() {
        shown.push_str("?***");
    }
    shown
}

/// Whether an option of this name is a secret, or the material of a key. Paths and addresses of such are none.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace(['_', '-'], ".");
    let place = ["location", "file", "path", "url", "uri"];
    if place
        .iter()
        .any(|place| name.rsplit('.').next() == Some(*place))
    {
        return false;
    }
    let words = ["password", "passwd", "passphrase", "secret", "credential"];
    let whole = ["pass", "pwd", "token", "pem"];
    words.iter().any(|word| name.contains(word))
        || name.split('.').any(|part| whole.contains(&part))
        || name == "key"
        || name.ends_with("private.key")
        || name.ends_with("ssl.key")
        || name.ends_with("api.key")
        || name.ends_with("apikey")
}

/// `%3A` and its like as the characters that they are.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = |at: usize| char::from(*after.get(at)?).to_digit(16);
        if let (b'%', Some(high), Some(low)) = (first, hex(0), hex(1)) {
            bytes.extend(u8::try_from(high * 16 + low));
            rest = after.get(2..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Refuses a file that others than its owner can read.
///
/// # Errors
/// [`SecretError`], which names the file.
pub fn refuse_open_file(path: &Path) -> Result<(), SecretError> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = std::fs::metadata(path).map_err(|source| SecretError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let mode = metadata.permissions().mode() & 0o777;
    if metadata.is_file() && mode & 0o077 != 0 {
        return Err(SecretError::Open {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Place)
    }
}

/// Reads a place. What stands there instead is never repeated in an error: it may be the secret.
struct Place;

const PLACE: &str = "a secret is named and not written: `{ env: NAME }`, `{ file: PATH }` or `{ command: [PROGRAM, ARGUMENT] }`";

impl<'de> Visitor<'de> for Place {
    type Value = SecretRef;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PLACE)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretRef, A::Error> {
        let wrong = || A::Error::custom(PLACE);
        let place = match map.next_key::<String>()?.as_deref() {
            Some("env") => SecretRef::Env(map.next_value()?),
            Some("file") => SecretRef::File(map.next_value()?),
            Some("command") => {
                let words: Vec<String> = map.next_value().map_err(|_secret| wrong())?;
                let (program, arguments) = words.split_first().ok_or_else(wrong)?;
                SecretRef::Command {
                    program: program.into(),
                    arguments: arguments.to_vec(),
                }
            }
            _ => return Err(wrong()),
        };
        match map.next_key::<IgnoredAny>()? {
            None => Ok(place),
            Some(_) => Err(wrong()),
        }
    }

    fn visit_str<E: Error>(self, _secret: &str) -> Result<SecretRef, E> {
        Err(E::custom(PLACE))
    }

    fn visit_bool<E: Error>(self, _secret: bool) -> Result<SecretRef, E> {
        Err(E::custom(PLACE))
    }

    fn visit_i64<E: Error>(self, _secret: i64) -> Result<SecretRef, E> {
        Err(E::custom(PLACE))
    }

    fn visit_u64<E: Error>(self, _secret: u64) -> Result<SecretRef, E> {
        Err(E::custom(PLACE))
    }

    fn visit_i128<E: Error>(self, _secret: i128) -> Result<SecretRef, E> {
        Err(E::custom(PLACE))
    }

    fn visit_u128<E: Error>(self, _secret: u128) -> Result<SecretRef, E> {
        Err(E::custom(PLACE))
    }

    fn visit_bytes<E: Error>(self, _secret: &[u8]) -> Result<SecretRef, E> {
        Err(E::custom(PLACE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::too_many_lines, reason = "a table")]
    fn a_url_with_a_password_is_refused_and_never_shown() {
        let table = [
            ("postgres://tieout@db.example/tieout", None),
            (
                "postgres://tieout@db.example/tieout?sslmode=verify-full&sslrootcert=ca.pem&sslkey=/etc/key.pem",
                None,
            ),
            ("sqlite:books/tieout.db", None),
            ("sqlite:a:b?mode=rwc", None),
            ("redis://cache.example:6379/0", None),
            ("redis://[::1]:6379/0", None),
            ("postgres://tieout:hunter2@db.example/tieout", Some("user")),
            ("postgres://tieout:@db.example/tieout", Some("user")),
            (
                "postgres://tieout%3Ahunter2@db.example/tieout",
                Some("user"),
            ),
            (
                "postgres://tieout%3ahunter2@db.example/tieout",
                Some("user"),
            ),
            ("postgres://tieout:hun/ter2@db.example/tieout", Some("user")),
            ("postgres://tieout:hun@ter2@db.example/tieout", Some("user")),
            ("redis://:hunter2@cache.example", Some("user")),
            (
                "rediss://user:hunter2@cache.example/1?protocol=3",
                Some("user"),
            ),
            (
                "postgres://db.example/tieout?user=tieout&password=hunter2",
                Some("query"),
            ),
            (
                "postgres://db.example/tieout?PASSWORD=hunter2",
                Some("query"),
            ),
            (
                "postgres://db.example/tieout?pass%77ord=hunter2",
                Some("query"),
            ),
            (
                "postgres://db.example/tieout?sslpassword=hunter2",
                Some("query"),
            ),
            (
                "redis://cache.example?x=1&auth_token=hunter2",
                Some("query"),
            ),
        ];
        for (url, part) in table {
            let refused = refuse_in_url(url, "`store.url`", "`password: { env: NAME }`").err();
            assert_eq!(refused.is_some(), part.is_some(), "{url}");
            let said = refused
                .map(|refused| refused.to_string())
                .unwrap_or_default();
            assert!(said.contains(part.unwrap_or_default()), "{url}: {said}");
            for shown in [said, redacted(url)] {
                assert!(
                    !shown.contains("hunter2") && !shown.contains("ter2"),
                    "{url}: {shown}"
                );
            }
        }
        assert_eq!(
            redacted("postgres://tieout@db.example/tieout"),
            "postgres://tieout@db.example/tieout"
        );
        assert_eq!(
            redacted("postgres://u:p@h/d?password=x"),
            "postgres://u:***@h/d?***"
        );
        assert_eq!(redacted("sqlite:tieout.db"), "sqlite:tieout.db");
    }

    #[test]
    fn options_that_are_secrets_are_told_from_places_of_secrets() {
        let secrets = [
            "sasl.password",
            "ssl.key.password",
            "ssl.keystore.password",
            "ssl.key.pem",
            "ssl_key",
            "sasl.oauthbearer.client.secret",
            "sasl.oauthbearer.assertion.private.key.pem",
            "sasl.oauthbearer.assertion.private.key.passphrase",
            "SASL.PASSWORD",
            "sslpassword",
            "api_key",
            "token",
            "pwd",
        ];
        let others = [
            "sasl.username",
            "sasl.mechanism",
            "ssl.key.location",
            "ssl.keystore.location",
            "ssl.ca.location",
            "security.protocol",
            "sasl.oauthbearer.token.endpoint.url",
            "sasl.oauthbearer.assertion.private.key.file",
            "sslkey",
            "client.id",
            "fetch.max.bytes",
        ];
        for name in secrets {
            assert!(is_secret_name(name), "{name}");
        }
        for name in others {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn a_secret_that_is_written_is_not_repeated() {
        for text in [
            "\"hunter2\"",
            "4711",
            "true",
            "[\"hunter2\"]",
            "{\"hunter2\":\"x\"}",
            "{\"env\":\"A\",\"hunter2\":1}",
            "{\"command\":\"hunter2\"}",
            "{\"command\":[]}",
            "{\"command\":[4711]}",
        ] {
            let said = serde_json::from_str::<SecretRef>(text)
                .unwrap_err()
                .to_string();
            assert!(
                !said.contains("hunter2") && !said.contains("4711"),
                "{text}: {said}"
            );
            assert!(said.contains("env: NAME"), "{said}");
        }
        let named: SecretRef = serde_json::from_str("{\"env\":\"NAME\"}").unwrap();
        assert_eq!(named, SecretRef::Env("NAME".to_owned()));
    }

    #[test]
    fn a_program_prints_a_secret() {
        let base = std::env::temp_dir().join(format!("tieout-print-{}", std::process::id()));
        std::fs::create_dir_all(&base).unwrap();
        std::os::unix::fs::symlink("/bin/echo", base.join("print")).unwrap();
        let read = |text: &str| {
            let named: SecretRef = serde_json::from_str(text).unwrap();
            named.below(&base).read().unwrap()
        };
        let own = read("{\"command\":[\"./print\",\"hunter2 $HOME; *\"]}");
        assert_eq!(own.reveal(), "hunter2 $HOME; *");
        let found = read("{\"command\":[\"printf\",\"a\\\\nb\\\\n\"]}");
        assert_eq!(found.reveal(), "a\nb");
        std::fs::remove_dir_all(base).unwrap();
    }

    #[test]
    fn a_file_that_others_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let path = std::env::temp_dir().join(format!("tieout-secret-{}", std::process::id()));
        std::fs::write(&path, "hunter2\n").unwrap();
        for (mode, taken) in [
            (0o600, true),
            (0o400, true),
            (0o640, false),
            (0o604, false),
            (0o620, false),
        ] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let read = SecretRef::File(path.clone()).read();
            assert_eq!(read.is_ok(), taken, "{mode:o}");
            if let Err(refused) = read {
                let said = refused.to_string();
                assert!(
                    said.contains(&format!("chmod 600 {}", path.display())),
                    "{said}"
                );
            }
        }
        std::fs::remove_file(path).unwrap();
    }
}
