//! From a source into the books: read, then parse and map on all other cores, then write in order.
//!
//! Three stages run at once with a bounded queue between them. While a batch is written the next one
//! begins to be, others are mapped and read; when the books are slow the queue is full and the source
//! waits, so memory does not depend on how much there is to come. A source hands over what it
//! has when it is asked: full batches under load, a lone event at once.
//!
//! What fails for a while is tried again in place, from the same batch, for nothing of it was written;
//! what must not go on stops the source and says why.

use crate::answers;
use crate::call::Call;
use crate::mapper;
use crate::metric;
use anyhow::Context as _;
use async_trait::async_trait;
use connectors::source::{Checkpoints, EventBatch, EventSource, SourceError};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use ledger::Class;
use std::time::Duration;
use store::Store;
use store::StoreError;
use store::intake::{IntakeBatch, IntakePart, IntakeSummary};
use store::plan::Taken;
use store::turn::{Turn, Turns};
use store::writer::{Writer, Written};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Batches that wait between two stages.
const QUEUE: usize = 1;

/// Batches that are being written: one, and one that goes ahead.
const UNDERWAY: usize = 2;

/// How often the books are asked about events that only they can answer.
pub const ASK_EVERY: Duration = Duration::from_secs(10);

/// The first and the longest rest before something is tried again.
const REST: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(10)];

/// What identifies a source in the books.
#[derive(Clone, Debug)]
pub struct SourceName {
    /// The word by which the books know it.
    pub name: String,
    /// Its connector, such as `file` or `http`.
    pub kind: &'static str,
}

/// The ledger's checkpoints of one source.
#[derive(Debug)]
pub struct StoredCheckpoints {
    /// The books that hold them.
    pub store: Store,
    /// Whose they are, by the name that the books know.
    pub source: String,
}

#[async_trait]
impl Checkpoints for StoredCheckpoints {
    async fn position(&self, partition: &str) -> Result<i64, SourceError> {
        self.store
            .checkpoint(&self.source, partition)
            .await
            .map_err(|error| SourceError::Checkpoint(Box::new(error)))
    }
}

/// When a pipeline ends.
#[derive(Clone, Debug)]
pub enum Until {
    /// When the source has nothing more.
    Empty,
    /// When it is told to; an empty source is asked again.
    Stopped(watch::Receiver<bool>),
}

impl Until {
    fn is_stopped(&self) -> bool {
        matches!(self, Self::Stopped(stopped) if *stopped.borrow())
    }

    /// Whether what failed is tried again after this rest: a daemon does until it is told to stop, a
    /// command for some seconds.
    fn is_patient(&self, rest: Duration) -> bool {
        match self {
            Self::Empty => rest < REST[1],
            Self::Stopped(stopped) => !*stopped.borrow(),
        }
    }
}

/// What the writer tells the reader.
enum News {
    Released { partition: String, through: i64 },
    Fenced { partition: String },
}

/// Batches of one poll on their way: the bytes are with the mapper.
struct Mapped {
    batches: Vec<EventBatch>,
    answers: Vec<mapper::Answers>,
}

/// Takes everything that a source brings. What was taken is counted even when it then fails.
pub async fn run(
    call: &Call,
    from: &SourceName,
    source: Box<dyn EventSource>,
    until: Until,
    total: &mut IntakeSummary,
) -> anyhow::Result<()> {
    let mut asking = Asking::begin(&until);
    let (work, mut queue) = mpsc::channel(QUEUE);
    let (tell, news) = mpsc::unbounded_channel();
    let reader = Reader {
        source,
        checkpoints: StoredCheckpoints {
            store: call.store.clone(),
            source: from.name.clone(),
        },
        call: call.clone(),
        until: until.clone(),
        name: from.name.clone(),
    };
    let reading = tokio::spawn(reader.run(work, news));
    // After a failure the reader may still wait for its source; nothing wants what it would bring.
    let ending = reading.abort_handle();
    let writing = Writing {
        call,
        from,
        until,
        writer: Writer::new(&call.store),
        tell,
    };
    let (mut turns, mut underway) = (Turns::default(), FuturesOrdered::new());
    let outcome = loop {
        tokio::select! {
            biased;
            Some(written) = underway.next() => {
                let summary: IntakeSummary = match written {
                    Ok(summary) => summary,
                    Err(error) => break Err(error),
                };
                call.progress.advance(u64::try_from(summary.received).unwrap_or(0));
                asking.heard(summary.asking);
                total.add(&summary);
            }
            Some(mapped) = queue.recv(), if underway.len() < UNDERWAY => {
                underway.push_back(writing.write(mapped, turns.give()));
            }
            () = asking.rested(), if asking.is_due() => {
                if let Err(error) = asking.ask(call).await {
                    break Err(error);
                }
            }
            else => break Ok(()),
        }
    };
    // What had begun behind one that failed never was.
    drop(underway);
    if outcome.is_err() {
        ending.abort();
    }
    drop((queue, writing));
    match (outcome, reading.await) {
        (Err(error), _) => return Err(error),
        (Ok(()), Ok(read)) => read?,
        (Ok(()), Err(ended)) => return Err(ended).context("the reader of a source broke off"),
    }
    Box::pin(asking.end(call, total)).await
}

/// Events that only the books can answer, of this run and of one that broke off: they are asked at the end of a run that
/// has one, so that the order of what came decides alone in which order entries stand; now and then where none is.
struct Asking {
    is_endless: bool,
    events: i64,
    last: Instant,
    /// Asked beside the writing, so that what is being written need not wait.
    underway: Option<JoinHandle<IntakeSummary>>,
    answered: IntakeSummary,
}

impl Asking {
    fn begin(until: &Until) -> Self {
        Self {
            is_endless: matches!(until, Until::Stopped(_)),
            events: 0,
            last: Instant::now(),
            underway: None,
            answered: IntakeSummary::default(),
        }
    }

    const fn heard(&mut self, events: i64) {
        self.events += events;
    }

    fn is_due(&self) -> bool {
        let busy = self.underway.as_ref().is_some_and(|job| !job.is_finished());
        self.is_endless && self.events > 0 && !busy
    }

    async fn rested(&self) {
        tokio::time::sleep_until(self.last + ASK_EVERY).await;
    }

    /// Hears what the books answered the last time, which is over, and asks again.
    async fn ask(&mut self, call: &Call) -> anyhow::Result<()> {
        self.hear().await?;
        (self.events, self.last) = (0, Instant::now());
        let call = call.clone();
        self.underway = Some(tokio::spawn(async move { answer(&call, true).await }));
        Ok(())
    }

    async fn hear(&mut self) -> anyhow::Result<()> {
        if let Some(underway) = self.underway.take() {
            let answered = underway.await.context("asking the books broke off")?;
            self.answered.add(&answered);
        }
        Ok(())
    }

    /// Asks for the last time, and counts what became of those that were suspended when they came.
    async fn end(mut self, call: &Call, total: &mut IntakeSummary) -> anyhow::Result<()> {
        self.hear().await?;
        let answered = answer(call, self.events > 0).await;
        self.answered.add(&answered);
        let answered = &self.answered;
        let gone = answered.posted + answered.ignored;
        // Those of a run that broke off were counted there.
        total.suspended -= gone.min(total.suspended);
        total.posted += answered.posted;
        total.ignored += answered.ignored;
        total.entries += answered.entries;
        Ok(())
    }
}

/// What the books answer. Where they do not, events wait as they would without having been asked.
pub async fn answer(call: &Call, may_be_late: bool) -> IntakeSummary {
    let answered = Box::pin(answers::answer(call, may_be_late)).await;
    answered.unwrap_or_else(|error| {
        tracing::warn!(error = %format!("{error:#}"), "events that only the books can answer wait for `tieout post`");
        IntakeSummary::default()
    })
}

struct Reader {
    source: Box<dyn EventSource>,
    checkpoints: StoredCheckpoints,
    call: Call,
    until: Until,
    name: String,
}

impl Reader {
    async fn run(
        mut self,
        work: mpsc::Sender<Mapped>,
        mut news: mpsc::UnboundedReceiver<News>,
    ) -> anyhow::Result<()> {
        while !self.until.is_stopped() {
            self.listen(&mut news).await?;
            let mut batches = self.poll().await?;
            metric::source(&self.name, &self.source.state());
            if batches.is_empty() {
                match self.until {
                    Until::Empty => break,
                    Until::Stopped(_) => continue,
                }
            }
            let mapper = self.call.mapper()?;
            let answers = batches
                .iter_mut()
                .map(|batch| mapper.map(std::mem::take(&mut batch.events)))
                .collect();
            if work.send(Mapped { batches, answers }).await.is_err() {
                return Ok(());
            }
        }
        drop(work);
        // What is still being written is released too: the writer's end closes the channel.
        while let Some(one) = news.recv().await {
            self.hear(one).await?;
        }
        Ok(())
    }

    /// What the source has. While the books do not say where it stands nothing of it was read, so it is
    /// asked again in place, and a group of consumers need not share out its partitions anew.
    async fn poll(&mut self) -> Result<Vec<EventBatch>, SourceError> {
        let mut rest = REST[0];
        loop {
            match self.source.poll(&self.checkpoints).await {
                Err(error @ SourceError::Checkpoint(_)) if self.until.is_patient(rest) => {
                    metric::failure(&self.name, error.class());
                    rest_after(&self.name, Class::Retry, &error.into(), &mut rest).await;
                }
                other => return other,
            }
        }
    }

    async fn listen(&mut self, news: &mut mpsc::UnboundedReceiver<News>) -> anyhow::Result<()> {
        while let Ok(one) = news.try_recv() {
            self.hear(one).await?;
        }
        Ok(())
    }

    async fn hear(&mut self, news: News) -> anyhow::Result<()> {
        match news {
            News::Released { partition, through } => {
                self.source.release(&partition, through).await?;
            }
            News::Fenced { partition } => self.source.fenced(&partition).await?,
        }
        Ok(())
    }
}

struct Writing<'c> {
    call: &'c Call,
    from: &'c SourceName,
    until: Until,
    writer: Writer,
    tell: mpsc::UnboundedSender<News>,
}

impl Writing<'_> {
    async fn write(&self, mapped: Mapped, mut turn: Turn) -> anyhow::Result<IntakeSummary> {
        let oldest = mapped.batches.iter().filter_map(|batch| batch.oldest).min();
        let mut batches = Vec::with_capacity(mapped.batches.len());
        let mut homes = Vec::with_capacity(mapped.batches.len());
        for (batch, answers) in mapped.batches.into_iter().zip(mapped.answers) {
            let (parts, home) = answers.collect().await?;
            batches.push(intake(self.from, batch, parts));
            homes.push(home);
        }
        let written = self.persist(&mut turn, &batches).await?;
        if let Some(oldest) = oldest {
            metric::latency(
                &self.from.name,
                self.call.clock.now() - oldest,
                written.summary.received,
            );
        }
        for (batch, taken) in batches.iter().zip(&written.taken) {
            let news = match taken {
                Taken::Done => News::Released {
                    partition: batch.partition.clone(),
                    through: batch.through,
                },
                Taken::Fenced { found } => {
                    tracing::warn!(source = %self.from.name, partition = %batch.partition, expected = batch.from, found,
                        "fenced: another instance moved the checkpoint; nothing of this batch was written");
                    metric::fenced(&self.from.name);
                    News::Fenced {
                        partition: batch.partition.clone(),
                    }
                }
            };
            // A reader that ended needs no news.
            let _ended = self.tell.send(news);
        }
        for (batch, home) in batches.into_iter().zip(homes) {
            home.take(batch.parts);
        }
        Ok(written.summary)
    }

    /// Writes until it is written, or must not be.
    async fn persist(&self, turn: &mut Turn, batches: &[IntakeBatch]) -> anyhow::Result<Written> {
        let mut rest = REST[0];
        loop {
            let stamp = self.call.stamp();
            let error = match self.writer.write_in_turn(turn, batches, &stamp).await {
                Ok(written) => {
                    metric::intake(&self.from.name, &written.summary);
                    if written.read_back {
                        tracing::warn!(source = %self.from.name, "a commit's answer was lost; the books say that it happened");
                    }
                    tracing::debug!(source = %self.from.name, received = written.summary.received,
                        entries = written.summary.entries, ahead = written.ahead, "a batch is in the books");
                    return Ok(written);
                }
                Err(error) => error,
            };
            let class = error.class();
            let error = anyhow::Error::from(error);
            metric::failure(&self.from.name, class);
            if !matches!(class, Class::Retry | Class::Ambiguous) || !self.until.is_patient(rest) {
                return Err(error);
            }
            rest_after(&self.from.name, class, &error, &mut rest).await;
        }
    }
}

/// Says what failed and rests before it is tried again, the next time for longer.
async fn rest_after(source: &str, class: Class, error: &anyhow::Error, rest: &mut Duration) {
    tracing::warn!(source = %source, class = class.name(), error = %format!("{error:#}"),
        "the books do not answer; tried again");
    tokio::time::sleep(*rest).await;
    *rest = (*rest * 2).min(REST[1]);
}

fn intake(from: &SourceName, batch: EventBatch, parts: Vec<IntakePart>) -> IntakeBatch {
    IntakeBatch {
        source: from.name.clone(),
        source_kind: from.kind.to_owned(),
        partition: batch.partition,
        from: batch.from,
        through: batch.through,
        parts,
    }
}

/// Takes one batch and answers after the commit.
pub async fn take_one(
    call: &Call,
    from: &SourceName,
    mut batch: EventBatch,
    writer: &Writer,
) -> anyhow::Result<IntakeSummary> {
    let answers = call.mapper()?.map(std::mem::take(&mut batch.events));
    let (parts, _home) = answers.collect().await?;
    let batch = intake(from, batch, parts);
    let partition = format!("{}/{}", batch.source, batch.partition);
    let expected = batch.from;
    let written = writer.write(&[batch], &call.stamp()).await?;
    metric::intake(&from.name, &written.summary);
    match written.taken.first() {
        Some(Taken::Fenced { found }) => Err(StoreError::CheckpointMoved {
            partition,
            expected,
            found: *found,
        }
        .into()),
        _ => Ok(written.summary),
    }
}
