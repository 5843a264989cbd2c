//! A company, opened: configuration, compiled mapping, books, clock. What every command works on.

use crate::clock::{RandomIds, SystemClock};
use crate::config::Config;
use crate::evidence::seal::Signer;
use crate::pipeline::Mapper;
use anyhow::Context as _;
use connectors::secret::SecretRef;
use ledger::{Class, Clock, IdGen};
use mappings::{Context, Pack, Program};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime};
use store::intake::Stamp;
use store::runs::RunRow;
use store::{Store, StoreError};

/// When a run that cannot be recorded is given up.
const LONGEST_REST: Duration = Duration::from_secs(5);

/// The largest file of a pack: 16 MiB.
const MAX_PACK_FILE: u64 = 16 << 20;

/// An opened company.
#[derive(Clone, Debug)]
pub(crate) struct Company {
    pub(crate) config: Arc<Config>,
    /// The folder of `tieout.yaml`.
    pub(crate) base: PathBuf,
    pub(crate) program: Arc<Program>,
    pub(crate) context: Arc<Context>,
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdGen>,
    /// Who is doing this.
    pub(crate) actor: String,
    /// Files that this process has taken to their end, by size and time of change: a schedule that
    /// looks every few seconds need not read them all again.
    pub(crate) taken: Arc<Mutex<BTreeMap<PathBuf, (u64, SystemTime)>>>,
    /// Started when the first event comes.
    mapper: Arc<OnceLock<Mapper>>,
}

impl Company {
    /// Opens the company of a configuration file, with this machine's clock.
    pub(crate) async fn open(path: &Path) -> anyhow::Result<Self> {
        Self::open_with(path, Arc::new(SystemClock), Arc::new(RandomIds), actor()).await
    }

    /// Opens a company with another clock and other ids.
    pub(crate) async fn open_with(
        path: &Path,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGen>,
        actor: String,
    ) -> anyhow::Result<Self> {
        let config = Config::read(path)?;
        let base = path.parent().unwrap_or(Path::new("")).to_owned();
        let (_, program) = compile(&base.join(&config.mapping))?;
        let entities = config.entities()?;
        let password = config
            .store
            .password
            .as_ref()
            .map(SecretRef::read)
            .transpose()?;
        let url = store_url(&config.store.url, &base);
        let stall = config
            .store
            .stall_seconds
            .map_or(store::STALL, |seconds| Duration::from_secs(seconds.into()));
        let store = Store::open_with(
            &url,
            password.as_ref().map(connectors::secret::Secret::reveal),
            stall,
        )
        .await
        .with_context(|| format!("the books at `{}` cannot be opened", config.store.url))?;
        let now = clock.now();
        let mut tx = store.begin().await?;
        tx.set_up(&entities, program.chart.accounts()).await?;
        if tx
            .activate_mapping(&program.pack, program.version, now, &actor)
            .await?
        {
            tracing::info!(mapping.version = %program.version, "a new mapping version is in force");
        }
        tx.commit().await?;
        let context = Context {
            entities: entities.into_iter().map(|e| (e.code.clone(), e)).collect(),
        };
        Ok(Self {
            config: Arc::new(config),
            base,
            program: Arc::new(program),
            context: Arc::new(context),
            store,
            clock,
            ids,
            actor,
            taken: Arc::default(),
            mapper: Arc::default(),
        })
    }

    /// The workers that parse and map.
    pub(crate) fn mapper(&self) -> &Mapper {
        self.mapper
            .get_or_init(|| Mapper::start(&self.program, &self.context, &self.clock))
    }

    /// Who and when, for what is written now.
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp {
            now: self.clock.now(),
            actor: self.actor.clone(),
        }
    }

    /// The key that seals periods.
    pub(crate) fn signer(&self) -> anyhow::Result<Signer> {
        let Some(config) = &self.config.seal else {
            anyhow::bail!(
                "no key is configured to seal with; `tieout evidence key seal-key.pem` makes one, and `seal: {{ key: {{ file: seal-key.pem }} }}` in tieout.yaml names it"
            );
        };
        let place = match &config.key {
            SecretRef::File(path) => SecretRef::File(self.base.join(path)),
            variable @ SecretRef::Env(_) => variable.clone(),
        };
        Signer::from_pem(place.read()?.reveal()).context("seal.key")
    }

    /// A path of the configuration.
    pub(crate) fn path(&self, relative: &Path) -> PathBuf {
        self.base.join(relative)
    }

    /// Records that a job ran, with what it did or why it failed.
    pub(crate) async fn record<T: serde::Serialize>(
        &self,
        job: &str,
        started: &Stamp,
        outcome: &anyhow::Result<T>,
    ) -> anyhow::Result<()> {
        let summary = match outcome {
            Ok(summary) => serde_json::to_string(summary)?,
            Err(error) => format!("{error:#}"),
        };
        let run = RunRow {
            id: 0,
            job: job.to_owned(),
            actor: started.actor.clone(),
            started_at: started.now,
            finished_at: self.clock.now(),
            succeeded: outcome.is_ok(),
            summary,
        };
        // The work is done; a database that is away for a moment should not make it look otherwise.
        let mut rest = Duration::from_millis(100);
        loop {
            match self.write_run(&run).await {
                Err(error) if error.class() == Class::Retry && rest < LONGEST_REST => {
                    tokio::time::sleep(rest).await;
                    rest *= 2;
                }
                other => return Ok(other?),
            }
        }
    }

    async fn write_run(&self, run: &RunRow) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        tx.record_run(run).await?;
        tx.commit().await
    }
}

/// Who is at the keyboard.
fn actor() -> String {
    std::env::var("USER")
        .or_else(|_unset| std::env::var("LOGNAME"))
        .unwrap_or_else(|_unset| "tieout".to_owned())
}

/// `sqlite:FILE` with its file taken from the configuration's folder.
fn store_url(url: &str, base: &Path) -> String {
    match url.strip_prefix("sqlite:") {
        Some(file) if !file.starts_with('/') && !file.starts_with(':') => {
            format!("sqlite:{}", base.join(file).display())
        }
        _ => url.to_owned(),
    }
}

/// Reads and compiles a pack.
pub(crate) fn compile(folder: &Path) -> anyhow::Result<(Pack, Program)> {
    let pack = read_pack(folder)?;
    let program = mappings::compile(&pack).map_err(|found| {
        anyhow::anyhow!(
            "the mapping `{}` does not compile\n\n{found}",
            folder.display()
        )
    })?;
    Ok((pack, program))
}

/// Reads the files of a pack.
pub(crate) fn read_pack(folder: &Path) -> anyhow::Result<Pack> {
    let mut files = BTreeMap::new();
    walk(folder, folder, &mut files)
        .with_context(|| format!("the mapping `{}` cannot be read", folder.display()))?;
    let name = folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Ok(Pack { name, files })
}

fn walk(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> anyhow::Result<()> {
    for item in std::fs::read_dir(folder)? {
        let path = item?.path();
        let metadata = std::fs::metadata(&path)?;
        if metadata.is_dir() {
            walk(root, &path, files)?;
        } else {
            anyhow::ensure!(
                metadata.len() <= MAX_PACK_FILE,
                "`{}` is larger than 16 MiB",
                path.display()
            );
            let name = path
                .strip_prefix(root)?
                .to_string_lossy()
                .replace('\\', "/");
            files.insert(name, std::fs::read(&path)?);
        }
    }
    Ok(())
}
