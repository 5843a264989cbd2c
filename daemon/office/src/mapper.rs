//! Parsing and mapping on all cores but the one that writes. Each worker has its evaluator for as long as it lives.

use anyhow::Context as _;
use connectors::source::RawEvent;
use ledger::Clock;
use mappings::{Context, Evaluator, Event, Program};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use store::intake::{IntakePart, ReadEvent, Unreadable};
use tokio::sync::oneshot;

/// How many events a worker takes at once: few enough that all workers share a batch.
const CHUNK: usize = 500;

/// Work for one worker.
struct Job {
    events: Vec<RawEvent>,
    answer: oneshot::Sender<Answer>,
}

/// What a worker made, and the way back to it: memory is cheapest to give back, and to use again, on the
/// thread that asked for it.
#[derive(Debug)]
struct Answer {
    part: IntakePart,
    home: Sender<IntakePart>,
}

/// The way home for the parts of a batch, in their order.
#[derive(Debug, Default)]
pub struct Home(Vec<Sender<IntakePart>>);

impl Home {
    /// Sends parts that are done with to the threads that made them.
    pub fn take(self, parts: Vec<IntakePart>) {
        for (part, home) in parts.into_iter().zip(self.0) {
            // A worker that ended takes nothing; then it is dropped here.
            let _ended = home.send(part);
        }
    }
}

/// Workers that wait for events.
#[derive(Debug)]
pub struct Mapper {
    jobs: Sender<Job>,
}

/// Answers to come, in the order of the events.
#[derive(Debug)]
pub struct Answers(Vec<oneshot::Receiver<Answer>>);

impl Answers {
    /// Waits for all of them.
    pub async fn collect(self) -> anyhow::Result<(Vec<IntakePart>, Home)> {
        let (mut parts, mut home) = (Vec::with_capacity(self.0.len()), Home::default());
        for answer in self.0 {
            let answer = answer
                .await
                .context("a mapping worker broke off; nothing of its batch is written")?;
            home.0.push(answer.home);
            parts.push(answer.part);
        }
        Ok((parts, home))
    }
}

impl Mapper {
    /// Starts a worker per core, less the one that writes; they end with the mapper.
    pub fn start(program: &Arc<Program>, context: &Arc<Context>, clock: &Arc<dyn Clock>) -> Self {
        let (jobs, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        for _ in 0..cores.saturating_sub(1).max(1) {
            let (queue, clock) = (Arc::clone(&queue), Arc::clone(clock));
            let (program, context) = (Arc::clone(program), Arc::clone(context));
            let work = move || {
                give_way();
                work(&queue, &program, &context, clock.as_ref());
            };
            // Without any, whoever hands out work is told so.
            let _started = std::thread::Builder::new()
                .name("mapper".into())
                .spawn(work);
        }
        Self { jobs }
    }

    /// Hands events to the workers.
    pub fn map(&self, events: Vec<RawEvent>) -> Answers {
        let mut answers = Vec::with_capacity(events.len().div_ceil(CHUNK));
        let mut events = events.into_iter();
        while events.len() > 0 {
            let events = events.by_ref().take(CHUNK).collect();
            let (answer, receiver) = oneshot::channel();
            answers.push(receiver);
            // Without workers the answer is dropped, and whoever waits for it says so.
            let _gone = self.jobs.send(Job { events, answer });
        }
        Answers(answers)
    }
}

/// All wait for the one who writes, and a core that maps what is not needed yet keeps it and the database
/// waiting. On Linux a priority is a thread's own.
fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, 5) {
        tracing::debug!(%error, "mapping has the priority of all else");
    }
}

fn work(queue: &Mutex<Receiver<Job>>, program: &Program, context: &Context, clock: &dyn Clock) {
    let mut evaluator = Evaluator::new(program, context);
    let (home, done) = channel();
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { events, answer }) = next else {
            return;
        };
        // What came back while this worker waited is dropped here.
        done.try_iter().for_each(drop);
        let now = clock.now();
        let mut part = IntakePart::new(program.version);
        part.reserve(events.len());
        for raw in events {
            decide(&mut evaluator, raw, now, &mut part);
        }
        let home = home.clone();
        // Nobody waits any more: the pipeline ended.
        let _ended = answer.send(Answer { part, home });
    }
}

fn decide(
    evaluator: &mut Evaluator<'_>,
    raw: RawEvent,
    now: chrono::DateTime<chrono::Utc>,
    part: &mut IntakePart,
) {
    let unreadable = |reason, headers| Unreadable {
        raw: raw.payload.clone(),
        headers,
        reason,
    };
    if let Some(problem) = raw.problem {
        return part.unreadable(raw.position, unreadable(problem.reason, problem.headers));
    }
    let event = match Event::parse(&raw.payload) {
        Ok(event) => event,
        Err(error) => return part.unreadable(raw.position, unreadable(error.to_string(), None)),
    };
    let decision = evaluator.decide(&event);
    let read = ReadEvent {
        key: event.key(),
        content: event.content_hash(),
        occurred_at: event.time.unwrap_or(now),
        origin: part.origin(&event.source),
        event_type: part.event_type(&event.kind),
        payload: raw.payload,
    };
    part.event(raw.position, read, decision);
}
