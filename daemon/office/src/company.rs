//! A company, opened: configuration, mapping, books, clock. What every command works on.

use crate::config::Config;
use crate::mapper::Mapper;
use anyhow::Context as _;
use connectors::keep::Keep;
use connectors::secret::{Secret, redacted};
use ledger::{Clock, IdGen};
use mappings::{Context, Pack, Program};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime};
use store::intake::Stamp;
use store::runs::RunRow;
use store::{Store, StoreError};

/// The largest file of a pack: 16 MiB.
const MAX_PACK_FILE: u64 = 16 << 20;

/// An opened company.
#[derive(Clone, Debug)]
pub struct Company {
    /// What `tieout.yaml` says.
    pub config: Arc<Config>,
    /// The folder of `tieout.yaml`.
    pub base: PathBuf,
    /// Compiled when somebody first needs it, which a question about the books does not.
    program: Arc<OnceLock<Arc<Program>>>,
    /// What rules are applied in: the entities.
    pub context: Arc<Context>,
    /// The books.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids for what leaves the house.
    pub ids: Arc<dyn IdGen>,
    /// Files that this process has taken to their end, by size and time of change: a schedule that
    /// looks every few seconds need not read them all again.
    pub taken: Arc<Mutex<BTreeMap<PathBuf, (u64, SystemTime)>>>,
    /// Settlement files that were refused, by source and name, and that this process has tried under this configuration.
    pub tried: Arc<Mutex<BTreeSet<(String, String)>>>,
    /// Targets whose folder this process has compared with the books.
    pub compared: Arc<Mutex<BTreeSet<String>>>,
    /// Opened when the first settlement file is kept or read back.
    keep: Arc<OnceLock<Arc<dyn Keep>>>,
    /// Started when the first event comes.
    mapper: Arc<OnceLock<Mapper>>,
}

impl Company {
    /// Opens the company of a configuration file to work on it, with the clock and the ids that it is handed.
    ///
    /// # Errors
    /// When the configuration, the mapping or the books cannot be read.
    pub async fn open(
        path: &Path,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGen>,
        actor: &str,
    ) -> anyhow::Result<Self> {
        let read = ReadIn::from(path)?;
        // Before the books: a mapping that does not compile leaves no new ones behind.
        let (_, program) = compile(&read.base.join(&read.config.mapping))?;
        let stall = read
            .config
            .store
            .stall_seconds
            .map_or(store::STALL, |seconds| Duration::from_secs(seconds.into()));
        let (url, password) = read.books()?;
        let store = Store::open_with(&url, password.as_ref().map(Secret::reveal), stall)
            .await
            .with_context(|| read.unopened())?;
        let company = read.company(store, clock, ids);
        company.program.get_or_init(|| Arc::new(program));
        let (store, clock) = (&company.store, &company.clock);
        let stamp = Stamp {
            now: clock.now(),
            actor: actor.to_owned(),
        };
        let adopted = store.adopt(&stamp).await?;
        if adopted > 0 {
            tracing::info!(
                rows = adopted,
                "the record chain covers what the books held"
            );
        }
        company.set_up(actor).await?;
        if !company.store.was_whole() {
            company.record_loss(actor).await?;
        }
        Ok(company)
    }

    /// Opens the company of a configuration file for questions alone: with the right to read its books and no
    /// other.
    ///
    /// # Errors
    /// When the configuration or the books cannot be read.
    pub async fn open_to_read(
        path: &Path,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGen>,
    ) -> anyhow::Result<Self> {
        let read = ReadIn::from(path)?;
        let (url, password) = read.books()?;
        let opened = Store::open_to_read(&url, password.as_ref().map(Secret::reveal)).await;
        let store = match opened {
            Err(StoreError::NoBooks) => {
                let books = redacted(&read.config.store.url);
                tracing::warn!(%books, "no books are there yet: they count as empty");
                Store::empty().await?
            }
            opened => opened.with_context(|| read.unopened())?,
        };
        Ok(read.company(store, clock, ids))
    }

    /// Configuration and mapping as they lie there now, over the same books. Nothing of it is in force yet.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn read_again(&self, path: &Path) -> anyhow::Result<Self> {
        let read = ReadIn::from(path)?;
        let (clock, ids) = (Arc::clone(&self.clock), Arc::clone(&self.ids));
        let company = read.company(self.store.clone(), clock, ids);
        company.program()?;
        Ok(company)
    }

    /// The compiled mapping.
    ///
    /// # Errors
    /// When it does not compile; whoever opened the company to work on it was told before.
    pub fn program(&self) -> anyhow::Result<&Arc<Program>> {
        if let Some(program) = self.program.get() {
            return Ok(program);
        }
        let (_, program) = compile(&self.path(&self.config.mapping))?;
        Ok(self.program.get_or_init(|| Arc::new(program)))
    }

    /// Makes the entities and accounts known to the books.
    ///
    /// # Errors
    /// When the books cannot be written.
    pub async fn set_up(&self, actor: &str) -> anyhow::Result<()> {
        let entities = self.config.entities()?;
        let mut tx = self.store.begin().await?;
        tx.set_up(&entities, self.program()?.chart.accounts())
            .await?;
        let stamp = Stamp {
            now: self.clock.now(),
            actor: actor.to_owned(),
        };
        tx.seal_names(&stamp).await?;
        let program = self.program()?;
        // What is only proposed says nothing of the books' accounts yet.
        let in_force = tx.mapping_in_force().await?;
        if in_force.is_none_or(|version| version == program.version)
            && let Err(error) = tx.label_accounts(program.chart.accounts(), &stamp).await?
        {
            tracing::error!(%error, "accounts keep the names and codes that they have in the books");
        }
        Ok(tx.commit().await?)
    }

    /// Whoever goes on with books whose end may be missing leaves a trace of it.
    async fn record_loss(&self, actor: &str) -> anyhow::Result<()> {
        let now = self.clock.now();
        let run = RunRow {
            id: 0,
            job: "open".to_owned(),
            actor: actor.to_owned(),
            started_at: now,
            finished_at: now,
            succeeded: false,
            summary: "the file of the books was not closed by whoever wrote it and its log is not beside it: what was written last may be missing".to_owned(),
        };
        tracing::error!(books = %self.config.store.url, "{}", run.summary);
        let mut tx = self.store.begin().await?;
        tx.record_run(&run).await?;
        Ok(tx.commit().await?)
    }

    /// The workers that parse and map.
    ///
    /// # Errors
    /// As [`Self::program`].
    pub fn mapper(&self) -> anyhow::Result<&Mapper> {
        let program = self.program()?;
        let start = || Mapper::start(program, &self.context, &self.clock);
        Ok(self.mapper.get_or_init(start))
    }

    /// Where the bytes of settlement files are kept, where that is not in the books.
    ///
    /// # Errors
    /// When a secret cannot be read.
    pub fn keep(&self) -> anyhow::Result<Option<Arc<dyn Keep>>> {
        if let Some(keep) = self.keep.get() {
            return Ok(Some(Arc::clone(keep)));
        }
        let settlement = self.config.settlement.as_ref();
        let Some(config) = settlement.and_then(|found| found.keep.as_ref()) else {
            return Ok(None);
        };
        let opened = config.open(&self.base).context("settlement: keep")?;
        Ok(Some(Arc::clone(self.keep.get_or_init(|| opened))))
    }

    /// The folder that the books lie in; that of the configuration where they are no file.
    pub fn beside_books(&self) -> PathBuf {
        let url = store_url(&self.config.store.url, &self.base);
        let file = url
            .strip_prefix("sqlite:")
            .and_then(|rest| rest.split('?').next());
        let folder = file.and_then(|file| Path::new(file).parent());
        folder.map_or_else(|| self.base.clone(), Path::to_owned)
    }

    /// A path of the configuration.
    pub fn path(&self, relative: &Path) -> PathBuf {
        self.base.join(relative)
    }
}

/// What the configuration of a company says, before its books are opened.
struct ReadIn {
    config: Config,
    base: PathBuf,
    context: Context,
}

impl ReadIn {
    fn from(path: &Path) -> anyhow::Result<Self> {
        let config = Config::read(path)?;
        let base = path.parent().unwrap_or(Path::new("")).to_owned();
        let context = config.context()?;
        Ok(Self {
            config,
            base,
            context,
        })
    }

    /// Where the books are, and the password to them.
    fn books(&self) -> anyhow::Result<(String, Option<Secret>)> {
        let password = self.config.store.password.as_ref();
        let password = password.map(|place| place.below(&self.base).read());
        let password = password.transpose()?;
        Ok((store_url(&self.config.store.url, &self.base), password))
    }

    fn unopened(&self) -> String {
        let url = redacted(&self.config.store.url);
        format!("the books at `{url}` cannot be opened")
    }

    fn company(self, store: Store, clock: Arc<dyn Clock>, ids: Arc<dyn IdGen>) -> Company {
        Company {
            config: Arc::new(self.config),
            base: self.base,
            program: Arc::default(),
            context: Arc::new(self.context),
            store,
            clock,
            ids,
            taken: Arc::default(),
            tried: Arc::default(),
            compared: Arc::default(),
            keep: Arc::default(),
            mapper: Arc::default(),
        }
    }
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
pub fn compile(folder: &Path) -> anyhow::Result<(Pack, Program)> {
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
pub fn read_pack(folder: &Path) -> anyhow::Result<Pack> {
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
            // A link is followed here: the folder is the operator's own, and mounted configurations are links.
            anyhow::ensure!(
                metadata.is_file(),
                "`{}` is no regular file; take it out of the mapping's folder",
                path.display()
            );
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
