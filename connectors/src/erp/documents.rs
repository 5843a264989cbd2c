//! ERPs whose API takes documents one by one: written once here is what makes each of them arrive exactly once.
//!
//! A document has a number of ours. Before it is handed over it is looked for under that number; afterwards it is
//! read back, and compared line by line with what was sent. An answer that is lost, half or late is never followed
//! by the same call again, but by looking: what is there is completed or left, what is not there is handed over.
//! The same holds after a crash, for whoever sends the batch again begins by looking.
//!
//! A kind implements [`DocumentApi`]: how an entry is written (pure), how it is found, handed over, and completed.
//! How many go at once, how fast, and how long is waited for an ERP that takes its time are constants of the kind.

use super::{Answered, Delivery, ErpApi, ErpConnector, Host, OpenError, Said};
use crate::transport::TransportError;
use async_trait::async_trait;
use chrono::NaiveDate;
use formats::erp::{Artifact, ExportBatch, ExportEntry, RenderError};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{BufWriter, Write};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How often a document is looked for and handed over before it is left to the next export.
const ATTEMPTS: u32 = 4;

/// What is waited before one looks again; longer each time, and never by many at the same moment.
const PAUSE: Duration = Duration::from_millis(200);

/// So many documents in a row of which nobody knows end the attempt: the ERP is not there.
const LOST: u32 = 3;

/// How long a check waits.
const CHECK: Duration = Duration::from_secs(30);

/// What an ERP bears.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Documents that are under way at the same time.
    pub concurrency: usize,
    /// Calls of any kind in a minute, however close they follow each other; all that come where there is no such bound.
    pub per_minute: Option<u32>,
    /// How long a document that was taken may stay unbooked, where the ERP books it later: it is asked again meanwhile.
    pub patience: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Pace {
    /// Four at once, no bound on the rate, nothing is booked later.
    pub const DEFAULT: Self = Self {
        concurrency: 4,
        per_minute: None,
        patience: Duration::ZERO,
    };

    /// How many documents go through in half of a time, the other half being for what goes wrong: three calls each, as many in a
    /// minute as the ERP bears or, where it says nothing, one a second of each that is under way.
    pub fn within(&self, time: Duration) -> u32 {
        let at_once = u32::try_from(self.concurrency.max(1)).unwrap_or(u32::MAX);
        let calls = self.per_minute.unwrap_or(at_once.saturating_mul(60));
        let seconds = u32::try_from(time.as_secs() / 2).unwrap_or(u32::MAX);
        (u64::from(calls) * u64::from(seconds) / 180)
            .try_into()
            .unwrap_or(u32::MAX)
            .max(1)
    }
}

/// A line as it is compared with what the ERP shows: an account as the ERP calls it, and an amount, below zero for a
/// credit, in the currency that the ERP shows.
pub type Compared = (String, Decimal);

/// A document as it stands in the artifact, one a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Our number of it, under which it is found.
    #[serde(rename = "document")]
    pub number: String,
    /// What the ERP calls the entity.
    pub company: String,
    /// The accounting date.
    pub date: NaiveDate,
    /// What is compared after it was booked.
    #[serde(with = "amounts")]
    pub lines: Vec<Compared>,
    /// What is handed over.
    pub body: Value,
}

/// Lines as pairs of texts, for an amount is no number of JSON.
mod amounts {
    use super::Compared;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(
        lines: &[Compared],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let pairs = lines.iter();
        serializer.collect_seq(pairs.map(|(account, amount)| (account, amount.to_string())))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Compared>, D::Error> {
        let pairs = Vec::<(String, String)>::deserialize(deserializer)?;
        let lines = pairs.into_iter().map(|(account, amount)| {
            let amount = amount.parse().map_err(D::Error::custom)?;
            Ok((account, amount))
        });
        lines.collect()
    }
}

/// How far a document is that the ERP has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is there, and counts for nothing yet.
    Draft,
    /// The ERP is at it, and will be done without us.
    Queued,
    /// It is booked.
    Booked,
    /// The ERP refused it later, in these words.
    Refused(String),
}

/// A document that the ERP has.
#[derive(Clone, Debug)]
pub struct Found {
    /// What the ERP calls it.
    pub id: String,
    /// How far it is.
    pub progress: Progress,
    /// Its accounting date, where the ERP shows it.
    pub date: Option<NaiveDate>,
    /// Its lines, where the ERP shows them.
    pub lines: Option<Vec<Compared>>,
}

/// What an ERP says to a document that is handed over. Of what it says in no other way nobody knows: that is an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handed {
    /// It takes it.
    Taken,
    /// It has one of this number already.
    Known,
    /// It refuses it, in these words.
    Refused(String),
    /// Something lies in the way of all documents, and nothing was taken.
    Blocked(String),
}

/// An ERP with an API that takes documents one by one.
#[async_trait]
pub trait DocumentApi: Debug + Send + Sync + Sized + 'static {
    /// Its options in the configuration.
    type Config: DeserializeOwned;

    /// What it bears.
    const PACE: Pace;

    /// Takes the options, and reads the secrets that they name.
    ///
    /// # Errors
    /// [`OpenError`].
    fn open(config: Self::Config, host: &Host) -> Result<Self, OpenError>;

    /// An entry as the ERP takes it. Pure: the same entry always gives the same document.
    ///
    /// # Errors
    /// [`RenderError`].
    fn document(&self, batch: &ExportBatch, item: &ExportEntry) -> Result<Document, RenderError>;

    /// Every document that the ERP has under this one's number.
    ///
    /// # Errors
    /// [`TransportError`] where nobody knows.
    async fn find(&self, document: &Document) -> Result<Vec<Found>, TransportError>;

    /// Hands a document over that is not there.
    ///
    /// # Errors
    /// [`TransportError`] where nobody knows whether the ERP has it now.
    async fn hand_over(&self, document: &Document) -> Result<Handed, TransportError>;

    /// Sees to it that a draft that is there, and is what was sent, is booked. Only for ERPs that have drafts.
    ///
    /// # Errors
    /// [`TransportError`] where nobody knows.
    async fn book(&self, document: &Document, draft: &Found) -> Result<Handed, TransportError> {
        let _ = (document, draft);
        Ok(Handed::Refused(
            "it is there, not booked, and cannot be booked from here; book or delete it there"
                .to_owned(),
        ))
    }

    /// Takes away what of a document of ours is there and is not what was sent, and is no document of the books yet. An ERP in
    /// which a refusal leaves nothing behind has nothing to do.
    ///
    /// # Errors
    /// [`TransportError`] where nobody knows.
    async fn clear(&self, document: &Document, draft: &Found) -> Result<Handed, TransportError> {
        let _ = (document, draft);
        Ok(Handed::Refused(
            "a draft of this number has another day or other lines; delete it there".to_owned(),
        ))
    }

    /// Whether the ERP can be reached with these credentials, without leaving anything there.
    ///
    /// # Errors
    /// [`TransportError`].
    async fn check(&self) -> Result<(), TransportError>;
}

/// An ERP that takes documents one by one, with its options.
#[derive(Debug)]
pub struct ByDocument<A> {
    api: A,
    /// When the last calls had their turns, as many as a minute holds.
    turns: Mutex<VecDeque<Instant>>,
}

impl<A: DocumentApi> ErpApi for ByDocument<A> {
    type Config = A::Config;

    const PACE: Option<Pace> = Some(A::PACE);

    fn open(config: A::Config, host: &Host) -> Result<Self, OpenError> {
        Ok(Self {
            api: A::open(config, host)?,
            turns: Mutex::default(),
        })
    }
}

#[async_trait]
impl<A: DocumentApi> ErpConnector for ByDocument<A> {
    fn name(&self, batch: &ExportBatch) -> String {
        batch.file_name("ndjson")
    }

    fn render(&self, batch: &ExportBatch, out: &mut dyn Write) -> Result<(), RenderError> {
        let mut out = BufWriter::with_capacity(64 << 10, out);
        for item in &batch.entries {
            let document = self.api.document(batch, item)?;
            serde_json::to_writer(&mut out, &document).map_err(RenderError::write)?;
            out.write_all(b"\n").map_err(RenderError::write)?;
        }
        out.flush().map_err(RenderError::write)
    }

    async fn deliver(
        &self,
        artifact: &Artifact,
        _manifest: &str,
    ) -> Result<Delivery, TransportError> {
        let documents = read(artifact)?;
        let lost = AtomicU32::new(0);
        let asked: Vec<_> = documents
            .iter()
            .map(|document| self.one(document, &lost).boxed())
            .collect();
        let answers = stream::iter(asked).buffered(A::PACE.concurrency.max(1));
        Ok(Delivery::Documents(answers.collect().await))
    }

    fn answers_by_entry(&self) -> bool {
        true
    }

    async fn check(&self) -> Result<(), TransportError> {
        let asked = tokio::time::timeout(CHECK, self.api.check()).await;
        asked.unwrap_or_else(|late| {
            Err(TransportError::Unreachable {
                peer: "the ERP".to_owned(),
                what: "waiting for its answer".to_owned(),
                source: late.into(),
            })
        })
    }
}

/// The documents of an artifact.
fn read(artifact: &Artifact) -> Result<Vec<Document>, TransportError> {
    let lines = artifact.bytes.split(|byte| *byte == b'\n');
    let documents = lines
        .filter(|line| !line.is_empty())
        .map(serde_json::from_slice);
    documents
        .collect::<Result<_, _>>()
        .map_err(|source| TransportError::Unreachable {
            peer: artifact.name.clone(),
            what: "reading what was rendered".to_owned(),
            source: source.into(),
        })
}

impl<A: DocumentApi> ByDocument<A> {
    /// One document, to its end or until nobody knows.
    async fn one(&self, document: &Document, lost: &AtomicU32) -> Answered {
        let said = if lost.load(Ordering::Relaxed) >= LOST {
            Said::Unsent("the ERP did not answer for those before it".to_owned())
        } else {
            let said = self.settled(document).await;
            match said {
                Said::Unknown(_) => _ = lost.fetch_add(1, Ordering::Relaxed),
                Said::Unsent(_) => lost.store(LOST, Ordering::Relaxed),
                _ => lost.store(0, Ordering::Relaxed),
            }
            said
        };
        Answered {
            document: document.number.clone(),
            said,
        }
    }

    async fn settled(&self, document: &Document) -> Said {
        let (mut taken, mut last) = (false, String::new());
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(pause(attempt)).await;
            }
            match self.tried(document, &mut taken).await {
                Ok(Some(said)) => return said,
                Ok(None) => "it was taken, and is not to be found there".clone_into(&mut last),
                Err(error @ TransportError::Unauthorized { .. }) => {
                    return Said::Unsent(format!("{}; mend them and export again", chain(&error)));
                }
                Err(error) => last = chain(&error),
            }
        }
        Said::Unknown(last)
    }

    /// Looks, does the next step, and looks again. None where what was taken is not there yet: an ERP may show
    /// what it has a while later, so that what it said to have taken is only looked for from then on.
    async fn tried(
        &self,
        document: &Document,
        taken: &mut bool,
    ) -> Result<Option<Said>, TransportError> {
        if let Some(said) = self.looked(document).await? {
            return Ok(Some(said));
        }
        if *taken {
            return Ok(None);
        }
        self.wait_for_turn().await;
        match self.api.hand_over(document).await? {
            Handed::Refused(words) => Ok(Some(Said::Refused(words))),
            Handed::Blocked(words) => Ok(Some(Said::Unsent(words))),
            Handed::Taken | Handed::Known => {
                *taken = true;
                self.looked(document).await
            }
        }
    }

    /// What is there under the number; drafts are booked, and what is queued is waited for.
    async fn looked(&self, document: &Document) -> Result<Option<Said>, TransportError> {
        let until = Instant::now() + A::PACE.patience;
        let (mut round, mut cleared) = (0_u32, false);
        loop {
            self.wait_for_turn().await;
            let found = self.api.find(document).await?;
            let Some((one, beside)) = stays(&found) else {
                return Ok(several(&found));
            };
            if !beside.is_empty() {
                if cleared || !self.cleared(document, &beside).await? {
                    return Ok(several(&found));
                }
                cleared = true;
                continue;
            }
            let step = match &one.progress {
                Progress::Booked => return Ok(Some(judged(document, one))),
                Progress::Refused(words) => return Ok(Some(Said::Refused(words.clone()))),
                Progress::Queued => None,
                Progress::Draft => {
                    self.wait_for_turn().await;
                    let differs = differs(document, one).is_some();
                    Some(if differs {
                        self.api.clear(document, one).await?
                    } else {
                        self.api.book(document, one).await?
                    })
                }
            };
            match step {
                Some(Handed::Refused(words)) => return Ok(Some(Said::Refused(words))),
                Some(Handed::Blocked(words)) => return Ok(Some(Said::Unsent(words))),
                Some(Handed::Taken | Handed::Known) if round == 0 => {}
                _ if Instant::now() >= until => {
                    let words = format!("`{}` is there, and not booked yet", one.id);
                    return Ok(Some(Said::Unknown(words)));
                }
                _ => tokio::time::sleep(pause(round.min(6))).await,
            }
            round += 1;
        }
    }

    /// Whether drafts that lay beside a document are gone.
    async fn cleared(
        &self,
        document: &Document,
        beside: &[&Found],
    ) -> Result<bool, TransportError> {
        for draft in beside {
            self.wait_for_turn().await;
            match self.api.clear(document, draft).await? {
                Handed::Taken | Handed::Known => {}
                Handed::Refused(_) | Handed::Blocked(_) => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Keeps to the rate that the ERP bears: no minute holds more turns than that, and a few calls wait for nobody.
    async fn wait_for_turn(&self) {
        let Some(per_minute) = A::PACE.per_minute else {
            return;
        };
        let most = usize::try_from(per_minute.max(1)).unwrap_or(usize::MAX);
        let mut turns = self.turns.lock().await;
        let now = Instant::now();
        let full = turns.len() >= most;
        let oldest = full.then(|| turns.pop_front()).flatten();
        let mine = oldest.map_or(now, |oldest| (oldest + Duration::from_mins(1)).max(now));
        turns.push_back(mine);
        drop(turns);
        tokio::time::sleep_until(mine).await;
    }
}

/// Longer each time, and up to half as long again, so that those who failed together do not come back together.
fn pause(attempt: u32) -> Duration {
    let base = PAUSE * 2_u32.pow(attempt.saturating_sub(1).min(8));
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(attempt);
    let some = u32::try_from(hasher.finish() % 512).unwrap_or(0);
    base + base / 1_024 * some
}

fn chain(error: &TransportError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// The document that stays, and the drafts beside it: a call that was carried out after its answer had been given up leaves one.
/// None where there is none, or where it is not for us to say which.
fn stays(found: &[Found]) -> Option<(&Found, Vec<&Found>)> {
    let is_draft = |one: &&Found| one.progress == Progress::Draft;
    let (mut drafts, others): (Vec<&Found>, Vec<&Found>) = found.iter().partition(is_draft);
    match others.as_slice() {
        [] if !drafts.is_empty() => Some((drafts.remove(0), drafts)),
        [one] => Some((one, drafts)),
        _ => None,
    }
}

/// None where there is none.
fn several(found: &[Found]) -> Option<Said> {
    let first = found.first()?;
    let named: Vec<&str> = found.iter().map(|one| one.id.as_str()).collect();
    Some(Said::Differs {
        theirs: first.id.clone(),
        words: format!(
            "{} documents have this number there ({}), and it has to be one; reverse or delete the others",
            found.len(),
            named.join(", ")
        ),
    })
}

fn judged(document: &Document, found: &Found) -> Said {
    let theirs = found.id.clone();
    match differs(document, found) {
        Some(words) => Said::Differs { theirs, words },
        None if found.lines.is_some() => Said::Acknowledged { theirs },
        None => Said::Delivered { theirs },
    }
}

/// In what the ERP's document is not what was sent.
pub(super) fn differs(document: &Document, found: &Found) -> Option<String> {
    if let Some(date) = found.date.filter(|date| *date != document.date) {
        return Some(format!(
            "it is there on {date}, and was sent for {}",
            document.date
        ));
    }
    let theirs = found.lines.as_ref()?;
    if theirs.len() != document.lines.len() {
        return Some(format!(
            "it has {} lines there, and was sent with {}",
            theirs.len(),
            document.lines.len()
        ));
    }
    let mut rest = BTreeMap::<(&str, Decimal), i64>::new();
    for (lines, one) in [(&document.lines, 1), (theirs, -1)] {
        for (account, amount) in lines {
            *rest.entry((account, amount.normalize())).or_default() += one;
        }
    }
    let sent = rest.iter().find(|(_, left)| **left > 0);
    let has = rest.iter().find(|(_, left)| **left < 0);
    let shown = |(account, amount): &(&str, Decimal)| format!("{amount} on account {account}");
    match (sent, has) {
        (Some((sent, _)), Some((has, _))) => Some(format!(
            "{} was sent, and {} stands there instead",
            shown(sent),
            shown(has)
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_documents_go_together_than_their_time_holds() {
        let pace = |concurrency, per_minute| Pace {
            concurrency,
            per_minute,
            ..Pace::DEFAULT
        };
        let table = [
            (4, Some(55), 300, 45),
            (4, Some(450), 300, 375),
            (2, None, 300, 100),
            (1, Some(1), 10, 1),
        ];
        for (concurrency, per_minute, seconds, documents) in table {
            let within = pace(concurrency, per_minute).within(Duration::from_secs(seconds));
            assert_eq!(within, documents, "{concurrency} {per_minute:?} {seconds}");
        }
    }
}
