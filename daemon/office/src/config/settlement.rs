//! `settlement` of `tieout.yaml`: where files of processors and banks come from, and how they are read.

use anyhow::{Context as _, bail, ensure};
use connectors::keep::KeepConfig;
use connectors::secret::SecretRef;
use connectors::source::file::Unpacked;
use connectors::transport::pickup;
use formats::settlement::SettlementKind;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// `{ folder: settlements, sftp: { bank: { … } }, http: { token: { env: NAME } }, formats: { KIND: { … } },
/// files: [{ match: "main-*.csv", kind: csv, options: { … } }] }`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettlementConfig {
    /// Where files lie on this machine.
    pub folder: Option<PathBuf>,
    /// For how long a file of the folder must stay as it is before the daemon takes it.
    #[serde(default = "default_stable")]
    pub stable_seconds: u32,
    /// Folders behind SFTP, by name.
    #[serde(default)]
    pub sftp: BTreeMap<String, pickup::Config>,
    /// Who may bring files by `PUT /v1/settlements/NAME`; nobody when not named.
    pub http: Option<UploadConfig>,
    /// Where a file is put while it comes from elsewhere; beside the books when not named.
    pub spool: Option<PathBuf>,
    /// Where the bytes of files are kept; in the books when not named.
    pub keep: Option<KeepConfig>,
    /// Options of formats by kind; a kind without any takes its defaults.
    #[serde(default)]
    pub formats: BTreeMap<String, serde_json::Value>,
    /// Files by their names, each with its own kind and options; the first that matches counts.
    #[serde(default)]
    pub files: Vec<NamedFiles>,
    /// How far a packed file may unpack.
    #[serde(default)]
    pub unpacked: Unpacked,
}

/// `{ token: { env: NAME }, most_bytes: 4294967296, seconds: 600, at_once: 2 }`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct UploadConfig {
    /// What who brings files must show as their bearer token.
    pub token: SecretRef,
    /// The largest file; 4 GiB when not named.
    #[serde(default = "default_most")]
    pub most_bytes: u64,
    /// The longest that one file may take to come; 600 when not named.
    #[serde(default = "default_seconds")]
    pub seconds: u32,
    /// How many come at once; 2 when not named.
    #[serde(default = "default_at_once")]
    pub at_once: usize,
}

/// Files whose names are alike: `{ match: "main-*.csv", kind: csv, options: { … } }`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedFiles {
    /// The name; `*` stands for any text, `?` for one sign. Of a member of an archive it is `archive.zip/member`.
    #[serde(rename = "match")]
    pub pattern: String,
    /// The format.
    pub kind: String,
    /// Its options, in place of those in `formats`.
    pub options: Option<serde_json::Value>,
}

/// Whoever writes into a folder of this machine writes without long pauses.
const fn default_stable() -> u32 {
    10
}

const fn default_most() -> u64 {
    4 << 30
}

const fn default_seconds() -> u32 {
    600
}

const fn default_at_once() -> usize {
    2
}

impl UploadConfig {
    /// [`UploadConfig::seconds`].
    pub fn time(&self) -> Duration {
        Duration::from_secs(self.seconds.into())
    }

    fn check(&self) -> anyhow::Result<()> {
        ensure!(
            (1_024..=1 << 40).contains(&self.most_bytes),
            "most_bytes takes 1024 to {}",
            1_u64 << 40
        );
        ensure!(
            (1..=86_400).contains(&self.seconds),
            "seconds takes 1 to 86400"
        );
        ensure!((1..=64).contains(&self.at_once), "at_once takes 1 to 64");
        Ok(())
    }
}

impl SettlementConfig {
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let by_kind = self.formats.iter();
        let named = self.files.iter();
        let all = by_kind
            .map(|(kind, options)| (kind, Some(options)))
            .chain(named.map(|file| (&file.kind, file.options.as_ref())));
        for (kind, options) in all {
            let Some(kind) = SettlementKind::find(kind) else {
                let known = formats::settlement::known();
                bail!("there is no format `{kind}`; there are {known}");
            };
            // Without options of its own, a file is read with those of its kind.
            if let Some(options) = options {
                kind.open(options.clone())?;
            }
        }
        ensure!(
            self.stable_seconds <= DAY,
            "stable_seconds takes 0 to {DAY}"
        );
        for (name, source) in &self.sftp {
            check_sftp(source).with_context(|| format!("sftp: `{name}`"))?;
        }
        if let Some(keep) = &self.keep {
            keep.check().context("keep")?;
        }
        self.http
            .as_ref()
            .map_or(Ok(()), |http| http.check().context("http"))
    }

    /// The longest that a file has to come to rest.
    pub fn longest_rest(&self) -> Duration {
        let behind = self.sftp.values().map(|source| source.stable_seconds);
        let folder = self.folder.as_ref().map(|_| self.stable_seconds);
        let longest = behind.chain(folder).max().unwrap_or_default();
        Duration::from_secs(longest.into())
    }
}

const DAY: u32 = 86_400;

fn check_sftp(source: &pickup::Config) -> anyhow::Result<()> {
    source.check()?;
    ensure!(
        source.key.is_some() || source.password.is_some(),
        "name `key: {{ file: PATH }}` or `password: {{ env: NAME }}`"
    );
    ensure!(
        source.stable_seconds <= DAY,
        "stable_seconds takes 0 to {DAY}"
    );
    ensure!(
        (1..=600).contains(&source.timeout_seconds),
        "timeout_seconds takes 1 to 600"
    );
    ensure!(
        (1..=1 << 40).contains(&source.most_bytes),
        "most_bytes takes 1 to {}",
        1_u64 << 40
    );
    for (what, text) in [
        ("folder", Some(&source.folder)),
        ("match", Some(&source.pattern)),
        ("done", source.done.as_ref()),
    ] {
        ensure!(!text.is_some_and(String::is_empty), "`{what}` is empty");
    }
    ensure!(
        !source
            .done
            .as_ref()
            .is_some_and(|done| [".", "./", &source.folder].contains(&done.as_str())),
        "`done` is the folder that files are taken from; name another one"
    );
    Ok(())
}

impl NamedFiles {
    /// Whether a name is alike; the last part of it is enough.
    pub fn matches(&self, name: &str) -> bool {
        let last = name.rsplit('/').next().unwrap_or(name);
        is_like(&self.pattern, name) || is_like(&self.pattern, last)
    }
}

/// Whether a name is as a pattern has it; `*` stands for any text, `?` for one sign.
pub(crate) fn is_like(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut to) = (0, 0);
    // Where the last `*` stood, and how far it reaches.
    let mut star: Option<(usize, usize)> = None;
    while to < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, to));
                at += 1;
            }
            Some(sign) if *sign == '?' || Some(sign) == name.get(to) => {
                at += 1;
                to += 1;
            }
            _ => match star {
                Some((stood, reached)) => {
                    star = Some((stood, reached + 1));
                    at = stood + 1;
                    to = reached + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|sign| *sign == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_right_is_refused_with_its_place() {
        let sftp = "host: h, user: u, host_key: k, folder: out";
        let table = [
            ("folder: settlements".to_owned(), ""),
            ("http: { token: { env: T } }".to_owned(), ""),
            (
                format!("sftp: {{ bank: {{ {sftp}, key: {{ file: k }} }} }}"),
                "",
            ),
            (
                format!("sftp: {{ bank: {{ {sftp} }} }}"),
                "sftp: `bank`: name `key",
            ),
            (
                format!("sftp: {{ bank: {{ {sftp}, key: {{ file: k }}, done: out }} }}"),
                "`done` is the folder",
            ),
            (
                format!("sftp: {{ bank: {{ {sftp}, key: {{ file: k }}, match: '' }} }}"),
                "`match` is empty",
            ),
            (
                "http: { token: { env: T }, at_once: 0 }".to_owned(),
                "http: at_once takes",
            ),
            ("keep: { folder: { path: kept } }".to_owned(), ""),
            (
                "keep: { bucket: { url: 's3://name', endpoint: 'http://s3.example', key_id: { env: I }, secret: { env: S } } }".to_owned(),
                "keep: `http://s3.example` is reached",
            ),
            ("stable_seconds: 100000".to_owned(), "stable_seconds takes"),
            (
                "files: [{ match: a, kind: nonsense }]".to_owned(),
                "there is no format",
            ),
        ];
        for (text, part) in table {
            let config: SettlementConfig =
                serde_saphyr::from_str(&format!("{{ {text} }}")).unwrap();
            let said = config.check().err();
            let said = said.map_or_else(String::new, |error| format!("{error:#}"));
            assert!(
                said.contains(part) && said.is_empty() == part.is_empty(),
                "{text}: {said}"
            );
        }
    }
}
