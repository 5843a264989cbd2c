//! `tieout.yaml`. The structs are its documentation: unknown keys are refused, relative paths are
//! taken from the file's folder, and no secret stands in it (`{ env: NAME }`, `{ file: PATH }` or `{ command: [PROGRAM, ARGUMENT] }`).

pub mod http;
pub mod settlement;

use anyhow::{Context as _, bail, ensure};
use chrono::Weekday;
use connectors::secret::{self, Exposed, SecretRef};
use connectors::source::encoding::Declared;
use connectors::source::file::{Layout, Unpacked};
use connectors::source::{BatchLimit, kafka, redis};
use connectors::transport::DropConfig;
use desk::{Actor, Kind, Policy, Role, Rule};
use formats::envelope::Envelope;
use formats::erp::summary::Summary;
use ledger::{Calendar, Currency, EndsOn, Entity, Money, NamedFor, Pattern};
use mappings::{Context, DateBounds};
use serde::Deserialize;
use settlement::SettlementConfig;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The company's name, on every report.
    pub company: String,
    /// Where the books are.
    pub store: StoreConfig,
    /// The mapping pack's folder.
    pub mapping: PathBuf,
    /// The legal entities.
    pub entities: Vec<EntityConfig>,
    /// Event sources by name.
    #[serde(default)]
    pub sources: BTreeMap<String, SourceConfig>,
    /// Export targets by name.
    #[serde(default)]
    pub targets: BTreeMap<String, TargetConfig>,
    /// Where settlement files come from.
    pub settlement: Option<SettlementConfig>,
    /// What is compared with what.
    #[serde(default)]
    pub reconciliations: Vec<reconcile::Plan>,
    /// Accounts whose balance has to be the sum of their open items, as that of those that reconciliations compare has to, and
    /// that roll forward in a report; the latter where none is named.
    #[serde(default)]
    pub clearing: Vec<String>,
    /// The upper ends of the classes of age of breaks, in days, rising.
    #[serde(default)]
    pub ageing_days: Vec<i64>,
    /// Where reports go.
    pub reports: Option<FolderConfig>,
    /// When jobs run, in cron's six fields (seconds first), UTC.
    #[serde(default)]
    pub schedule: BTreeMap<String, String>,
    /// The HTTP server.
    pub http: Option<http::HttpConfig>,
    /// How long the daemon, told to stop, waits for what runs.
    #[serde(default = "default_stop")]
    pub stop_seconds: u32,
    /// What a period's close signs with.
    pub seal: Option<SealConfig>,
    /// Which decisions take a second person; none when not named.
    #[serde(default)]
    pub desk: DeskConfig,
    /// The most events of one transaction.
    #[serde(default = "default_intake")]
    pub intake_events: usize,
}

/// `{ url: sqlite:tieout.db }` or `{ url: postgres://user@host/db, password: { env: NAME } }`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// `sqlite:FILE` or `postgres://user@host/db`.
    pub url: String,
    /// The server's password.
    pub password: Option<SecretRef>,
    /// How long a writer may stand still in a transaction before PostgreSQL ends it for the others.
    pub stall_seconds: Option<u32>,
}

/// A folder.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderConfig {
    /// The folder.
    pub folder: PathBuf,
}

/// A legal entity.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntityConfig {
    /// Its code in events and books.
    pub entity: String,
    /// What people call it.
    pub name: String,
    /// The currency of its books.
    pub functional: String,
    /// The time zone in which its days begin.
    pub zone: String,
    /// How its year is divided.
    pub calendar: CalendarConfig,
    /// Which accounting dates are taken; an event beyond them is suspended.
    #[serde(default)]
    pub dates: DatesConfig,
    /// What becomes of an event that comes when the period of its date is closed.
    #[serde(default)]
    pub late: Late,
}

/// What becomes of an event that comes when the period of its date is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Late {
    /// It waits until the period is open again, or its date is another.
    #[default]
    Suspend,
    /// It is posted on the first open day, and keeps its own day beside that.
    FirstOpenDay,
}

/// How far an accounting date may be from the day on which its event came.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatesConfig {
    /// Days into the past.
    pub oldest_days: u32,
    /// Days into the future.
    pub ahead_days: u32,
}

/// Ten years back, as long as books are kept; five ahead, as long as contracts are billed. What is beyond is mostly a
/// slip of a century or a count of seconds read as milliseconds.
impl Default for DatesConfig {
    fn default() -> Self {
        Self {
            oldest_days: 3_653,
            ahead_days: 1_827,
        }
    }
}

/// `{ monthly: { first_month: 1 } }` or `{ 4-4-5: { last_month: 12, weekday: sat } }`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum CalendarConfig {
    /// Months of the calendar.
    #[serde(rename = "monthly")]
    Monthly {
        /// 1 to 12.
        first_month: u32,
        /// Which calendar year names the fiscal year.
        #[serde(default)]
        named_for: NamedForConfig,
    },
    /// Quarters of four, four and five weeks.
    #[serde(rename = "4-4-5")]
    FourFourFive(WeeksConfig),
    /// Quarters of four, five and four weeks.
    #[serde(rename = "4-5-4")]
    FourFiveFour(WeeksConfig),
    /// Quarters of five, four and four weeks.
    #[serde(rename = "5-4-4")]
    FiveFourFour(WeeksConfig),
}

/// When a year of weeks ends, and what it is called.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeeksConfig {
    /// The month at whose end a year ends, 1 to 12.
    pub last_month: u32,
    /// The day of the week on which it does.
    pub weekday: String,
    /// The last such day of the month, or the one nearest to the month's end.
    #[serde(default)]
    pub ends_on: EndsOnConfig,
    /// Which calendar year names the fiscal year.
    #[serde(default)]
    pub named_for: NamedForConfig,
}

/// Which day of the week at the end of a month ends a year.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndsOnConfig {
    /// The last one in the month.
    #[default]
    Last,
    /// The one nearest to the month's last day.
    Nearest,
}

/// Which calendar year names a fiscal year.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NamedForConfig {
    /// That in which it ends.
    #[default]
    End,
    /// That in which it begins.
    Beginning,
}

/// `{ key: { file: seal-key.pem } }`: an Ed25519 key in PKCS #8; `tieout evidence key` makes one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealConfig {
    /// Where the private key is kept.
    pub key: SecretRef,
    /// Public keys of before, 64 hexadecimal digits each, whose seals still count.
    #[serde(default)]
    pub trusted: Vec<String>,
}

/// `{ roles: { controller: [ana, ben] }, four_eyes: [period-reopen, write-off], by: { write-off: controller },
/// above: { write-off: { EUR: "100.00" } }, above_in: { uk: { write-off: { GBP: "50.00" } } },
/// per_day: { write-off: { EUR: "500.00", GBP: "200.00" } } }`. A kind that is not listed under `four_eyes` is decided by
/// one person.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeskConfig {
    /// Who has which role.
    #[serde(default)]
    pub roles: BTreeMap<Role, Vec<String>>,
    /// Kinds of decision that take a second person.
    #[serde(default)]
    pub four_eyes: Vec<Kind>,
    /// In which role the second person decides; anybody but the first when not named.
    #[serde(default)]
    pub by: BTreeMap<Kind, Role>,
    /// Amounts up to which one person suffices, by currency.
    #[serde(default)]
    pub above: BTreeMap<Kind, BTreeMap<String, String>>,
    /// The same for the books of an entity, in place of those.
    #[serde(default)]
    pub above_in: BTreeMap<String, BTreeMap<Kind, BTreeMap<String, String>>>,
    /// What one person may decide alone on one day (UTC) in sum, by currency.
    #[serde(default)]
    pub per_day: BTreeMap<Kind, BTreeMap<String, String>>,
}

/// Limits by currency as they are written.
fn limits(
    written: Option<&BTreeMap<String, String>>,
    at: &str,
) -> anyhow::Result<BTreeMap<Currency, i64>> {
    let mut limits = BTreeMap::new();
    for (code, amount) in written.into_iter().flatten() {
        let currency = Currency::from_code(code).with_context(|| at.to_owned())?;
        let limit = Money::parse(amount, currency).with_context(|| at.to_owned())?;
        ensure!(limit.amount() >= 0, "{at}: {limit} is below zero");
        limits.insert(currency, limit.amount());
    }
    Ok(limits)
}

impl DeskConfig {
    fn policy(&self) -> anyhow::Result<Policy> {
        let mut roles = BTreeMap::new();
        for (role, names) in &self.roles {
            let people = names
                .iter()
                .map(|name| Actor::new(name).with_context(|| format!("desk.roles: `{role}`")));
            roles.insert(role.clone(), people.collect::<anyhow::Result<_>>()?);
        }
        let own = self.above_in.values().flat_map(BTreeMap::keys);
        let limited = self.by.keys().chain(self.above.keys());
        let limited = limited.chain(self.per_day.keys()).chain(own);
        if let Some(kind) = limited
            .into_iter()
            .find(|kind| !self.four_eyes.contains(kind))
        {
            bail!(
                "desk: `{kind}` has a rule and is not listed under four_eyes; list it, or one person decides"
            );
        }
        let mut rules = BTreeMap::new();
        for kind in &self.four_eyes {
            let at = format!("desk.above: `{kind}`");
            let mut rule = Rule {
                by: self.by.get(kind).cloned(),
                above: limits(self.above.get(kind), &at)?,
                per_day: limits(self.per_day.get(kind), &format!("desk.per_day: `{kind}`"))?,
                ..Rule::default()
            };
            for (entity, kinds) in &self.above_in {
                if let Some(written) = kinds.get(kind) {
                    let at = format!("desk.above_in: `{entity}`: `{kind}`");
                    rule.above_in
                        .insert(entity.clone(), limits(Some(written), &at)?);
                }
            }
            rules.insert(*kind, rule);
        }
        Ok(Policy::new(roles, rules)?)
    }
}

/// A folder of NDJSON files.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileConfig {
    /// The folder.
    pub folder: PathBuf,
    /// Where the attributes of plain JSON lines stand; without it lines are CloudEvents.
    pub envelope: Option<Envelope>,
    /// The encoding of its files, where it is not UTF-8 and no mark says it: `windows-1252`.
    pub encoding: Option<Declared>,
    /// How far a packed file may unpack.
    #[serde(default)]
    pub unpacked: Unpacked,
}

impl FileConfig {
    /// How the lines of its files are understood.
    pub fn layout(&self) -> Layout {
        Layout {
            envelope: self.envelope.clone(),
            encoding: self.encoding,
            unpacked: self.unpacked,
        }
    }
}

/// Where events come from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum SourceConfig {
    /// A folder of NDJSON files.
    File(FileConfig),
    /// A topic.
    Kafka(kafka::Config),
    /// Streams of a Redis server.
    Redis(redis::Config),
    /// Messages by `POST /v1/events/NAME`.
    Http(HttpSourceConfig),
}

/// Messages that come by HTTP.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpSourceConfig {
    /// Where the attributes of a message stand; without it messages are CloudEvents.
    pub envelope: Option<Envelope>,
}

impl SourceConfig {
    /// The word in the books.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Kafka(_) => "kafka",
            Self::Redis(_) => "redis",
            Self::Http(_) => "http",
        }
    }

    /// How its messages become events, where they are none.
    pub const fn envelope(&self) -> Option<&Envelope> {
        match self {
            Self::File(config) => config.envelope.as_ref(),
            Self::Kafka(config) => config.envelope.as_ref(),
            Self::Redis(config) => config.envelope.as_ref(),
            Self::Http(config) => config.envelope.as_ref(),
        }
    }

    /// How the lines of a file are understood that holds what this source brings.
    pub fn layout(&self) -> Layout {
        match self {
            Self::File(config) => config.layout(),
            other => Layout {
                envelope: other.envelope().cloned(),
                ..Layout::default()
            },
        }
    }
}

/// An export target.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetConfig {
    /// The kind of connector: `tieout connectors list`.
    pub kind: String,
    /// The kind's own options.
    #[serde(default = "no_options")]
    pub options: serde_json::Value,
    /// Where its files go, for kinds that write files.
    #[serde(default)]
    pub drop: Option<DropConfig>,
    /// What it calls accounts and values of dimensions, as tables with days.
    #[serde(default)]
    pub maps: Maps,
    /// How entries are summed up before they leave; each leaves by itself where nothing is said.
    #[serde(default)]
    pub summary: Option<Summary>,
    /// What becomes of an entry whose period the target has closed, where it can be asked.
    #[serde(default)]
    pub closed_periods: ClosedPeriods,
    /// Where it says later what became of the documents of its files, and how to read that.
    #[serde(default)]
    pub answers: Option<AnswersConfig>,
    /// The most entries in one batch.
    #[serde(default = "default_batch")]
    pub batch_entries: i64,
    /// How many seconds its receiver may take for one batch; beyond them nobody knows, and the next export looks.
    #[serde(default = "default_deadline")]
    pub deadline_seconds: u64,
}

/// What becomes of an entry whose period the target has closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClosedPeriods {
    /// It is held back until the period is open.
    #[default]
    Hold,
    /// It goes to the first day after it that is open there; the books keep their own day.
    NextOpen,
}

/// Answers that a target leaves in files: a table with a line for each document.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswersConfig {
    /// Where they lie.
    pub from: AnswersFrom,
    /// Its columns.
    pub columns: AnswerColumns,
    /// What stands between two fields.
    #[serde(default = "comma")]
    pub separator: char,
    /// Words of the column `state` that say that the document is booked.
    pub accepted: Vec<String>,
    /// Words that say that it is refused.
    pub rejected: Vec<String>,
}

/// Where answers lie.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum AnswersFrom {
    /// A folder of this machine.
    Folder(connectors::transport::folder::Config),
    /// A folder behind SFTP.
    Sftp(Box<connectors::transport::pickup::Config>),
}

/// The columns of a table of answers, by the names in its first line.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerColumns {
    /// The number of the document, as the file said it.
    pub document: String,
    /// What became of it.
    pub state: String,
    /// What the target calls it.
    #[serde(default)]
    pub theirs: Option<String>,
    /// Why it is refused.
    #[serde(default)]
    pub words: Option<String>,
}

const fn comma() -> char {
    ','
}

/// Tables of a target: CSV files whose columns are what is looked up, `value`, and `from` and `to` where it changes. `*`
/// stands for all that is not named.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Maps {
    /// The table of accounts: `account,value,from,to`.
    #[serde(default)]
    pub accounts: Option<PathBuf>,
    /// Tables of the values of dimensions, by the dimension's name: `region,value,from,to`.
    #[serde(default)]
    pub dimensions: BTreeMap<String, PathBuf>,
}

fn default_intake() -> usize {
    BatchLimit::default().events
}

const fn default_stop() -> u32 {
    30
}

fn no_options() -> serde_json::Value {
    serde_json::Value::Object(serde_json::Map::new())
}

/// Each batch costs two commits and two files that are flushed to the disk; ten thousand entries make
/// those few, and still fit memory and what ERPs take at once.
const fn default_batch() -> i64 {
    10_000
}

const fn default_deadline() -> u64 {
    300
}

/// The jobs that a schedule can name.
pub const JOBS: [&str; 6] = ["ingest", "post", "settle", "reconcile", "export", "report"];

impl Config {
    /// Reads a file.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| {
            format!(
                "`{}` cannot be read; `tieout init` makes a first one",
                path.display()
            )
        })?;
        let config: Self = serde_saphyr::from_str(&text)
            .map_err(|error| anyhow::anyhow!("{}: {}", path.display(), told(&error)))?;
        config.check().with_context(|| path.display().to_string())?;
        Ok(config)
    }

    fn check(&self) -> anyhow::Result<()> {
        for job in self.schedule.keys() {
            if !JOBS.contains(&job.as_str()) {
                bail!(
                    "schedule: there is no job `{job}`; there are {}",
                    JOBS.join(", ")
                );
            }
        }
        if let Some(http) = &self.http {
            http.check().context("http")?;
        }
        if !(1..=3_600).contains(&self.stop_seconds) {
            bail!("stop_seconds takes 1 to 3600");
        }
        if !(1..=100_000).contains(&self.intake_events) {
            bail!("intake_events takes 1 to 100000");
        }
        if let Some(settlement) = &self.settlement {
            settlement.check().context("settlement")?;
            ensure!(
                settlement.http.is_none() || self.http.is_some(),
                "settlement: `http` says who may bring files, and nothing listens: name `http: {{ listen: … }}`"
            );
            if let Some(name) = settlement
                .sftp
                .keys()
                .find(|name| self.targets.contains_key(*name))
            {
                bail!(
                    "settlement: sftp: `{name}` is the name of a target too; `tieout connectors test` needs two names"
                );
            }
        }
        for (name, target) in &self.targets {
            if connectors::erp::ErpKind::find(&target.kind).is_none() {
                let known: Vec<&str> = connectors::erp::kinds().map(|kind| kind.id).collect();
                bail!(
                    "target `{name}`: there is no kind `{}`; there are {}",
                    target.kind,
                    known.join(", ")
                );
            }
            if target.batch_entries < 1 {
                bail!("target `{name}`: batch_entries must be at least 1");
            }
            if target.deadline_seconds < 1 {
                bail!("target `{name}`: deadline_seconds must be at least 1");
            }
        }
        self.refuse_secrets()?;
        for plan in &self.reconciliations {
            if let Some(problem) = plan.problems().first() {
                bail!("reconciliation `{}`: {problem}", plan.reconciliation);
            }
        }
        self.policy()?;
        self.entities().map(|_| ())
    }

    /// Which decisions take a second person.
    ///
    /// # Errors
    /// When the policy could never be fulfilled.
    pub fn policy(&self) -> anyhow::Result<Policy> {
        let codes: Vec<&str> = self
            .entities
            .iter()
            .map(|own| own.entity.as_str())
            .collect();
        if let Some(unknown) = self
            .desk
            .above_in
            .keys()
            .find(|name| !codes.contains(&name.as_str()))
        {
            bail!(
                "desk.above_in: there is no entity `{unknown}`; there are {}",
                codes.join(", ")
            );
        }
        self.desk.policy()
    }

    /// No secret stands in the file, at whichever door; what is said of one does not repeat it.
    fn refuse_secrets(&self) -> anyhow::Result<()> {
        let instead = "`password: { env: NAME }`";
        secret::refuse_in_url(&self.store.url, "`url`", instead).context("store")?;
        for (name, source) in &self.sources {
            match source {
                SourceConfig::File(_) | SourceConfig::Http(_) => Ok(()),
                SourceConfig::Kafka(config) => config.check(),
                SourceConfig::Redis(config) => config.check(),
            }
            .with_context(|| format!("source `{name}`"))?;
        }
        for (name, target) in &self.targets {
            let at = || format!("target `{name}`");
            if let Some(drop) = &target.drop {
                drop.check().with_context(at)?;
            }
            refuse_secret_options(&target.options, "options").with_context(at)?;
        }
        Ok(())
    }

    /// The most that a source brings at once.
    pub fn batch(&self) -> BatchLimit {
        BatchLimit {
            events: self.intake_events,
            ..BatchLimit::default()
        }
    }

    /// The entities as the ledger knows them.
    pub fn entities(&self) -> anyhow::Result<Vec<Entity>> {
        let mut entities: Vec<Entity> = Vec::new();
        for raw in &self.entities {
            let at = || format!("entity `{}`", raw.entity);
            if entities.iter().any(|known| known.code == raw.entity) {
                bail!("{} stands twice", at());
            }
            entities.push(Entity {
                code: raw.entity.clone(),
                name: raw.name.clone(),
                functional: Currency::from_code(&raw.functional).with_context(at)?,
                zone: raw.zone.parse().map_err(|error| {
                    anyhow::anyhow!("{}: `{}` is no time zone: {error}", at(), raw.zone)
                })?,
                calendar: raw.calendar.resolve().with_context(at)?,
            });
        }
        Ok(entities)
    }

    /// What becomes of late events of an entity.
    pub fn late(&self, entity: &str) -> Late {
        let found = self.entities.iter().find(|raw| raw.entity == entity);
        found.map_or_else(Late::default, |raw| raw.late)
    }

    /// Whether an entity takes late events on its first open day.
    pub fn takes_late(&self) -> bool {
        self.entities
            .iter()
            .any(|raw| raw.late == Late::FirstOpenDay)
    }

    /// What rules know beside the event.
    pub fn context(&self) -> anyhow::Result<Context> {
        let dates = self.entities.iter().map(|raw| {
            let bounds = DateBounds {
                oldest_days: raw.dates.oldest_days,
                ahead_days: raw.dates.ahead_days,
            };
            (raw.entity.clone(), bounds)
        });
        let entities = self.entities()?.into_iter();
        Ok(Context {
            dates: dates.collect(),
            entities: entities
                .map(|entity| (entity.code.clone(), entity))
                .collect(),
        })
    }
}

/// What is wrong and where, without the lines around it: a secret may stand there that should not.
fn told(error: &serde_saphyr::Error) -> String {
    error.without_snippet().to_string()
}

/// Options of a kind are texts that anybody may read; a secret has a place of its own.
fn refuse_secret_options(options: &serde_json::Value, at: &str) -> Result<(), Exposed> {
    match options {
        serde_json::Value::Object(members) => members.iter().try_for_each(|(name, value)| {
            let place = format!("{at}.{name}");
            let written = value.is_string() || value.is_number();
            if written && secret::is_secret_name(name) {
                let instead = "`{ env: NAME }` or `{ file: PATH }`".to_owned();
                return Err(Exposed { place, instead });
            }
            refuse_secret_options(value, &place)
        }),
        serde_json::Value::Array(items) => items
            .iter()
            .try_for_each(|item| refuse_secret_options(item, at)),
        serde_json::Value::String(text) if text.contains("://") => secret::refuse_in_url(
            text,
            &format!("`{at}`"),
            "`{ env: NAME }` or `{ file: PATH }`",
        ),
        _ => Ok(()),
    }
}

impl CalendarConfig {
    fn resolve(&self) -> anyhow::Result<Calendar> {
        Ok(match self {
            Self::Monthly {
                first_month,
                named_for,
            } => Calendar::Monthly {
                first_month: month(*first_month)?,
                named_for: named_for.resolve(),
            },
            Self::FourFourFive(weeks) => weeks.resolve(Pattern::FourFourFive)?,
            Self::FourFiveFour(weeks) => weeks.resolve(Pattern::FourFiveFour)?,
            Self::FiveFourFour(weeks) => weeks.resolve(Pattern::FiveFourFour)?,
        })
    }
}

fn month(month: u32) -> anyhow::Result<u32> {
    if !(1..=12).contains(&month) {
        bail!("{month} is no month; write 1 to 12");
    }
    Ok(month)
}

impl WeeksConfig {
    fn resolve(&self, pattern: Pattern) -> anyhow::Result<Calendar> {
        let weekday = self.weekday.parse::<Weekday>().map_err(|_bad| {
            anyhow::anyhow!(
                "`{}` is no day of the week; write one like `sat`",
                self.weekday
            )
        })?;
        Ok(Calendar::Weekly {
            pattern,
            last_month: month(self.last_month)?,
            weekday,
            ends_on: match self.ends_on {
                EndsOnConfig::Last => EndsOn::Last,
                EndsOnConfig::Nearest => EndsOn::Nearest,
            },
            named_for: self.named_for.resolve(),
        })
    }
}

impl NamedForConfig {
    fn resolve(self) -> NamedFor {
        match self {
            Self::End => NamedFor::End,
            Self::Beginning => NamedFor::Beginning,
        }
    }
}
