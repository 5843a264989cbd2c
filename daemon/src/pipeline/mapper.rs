//! Parsing and mapping on all cores but the one that writes. Each worker has its evaluator for as long as it lives.

use anyhow::Context as _;
use connectors::source::RawEvent;
use ledger::Clock;
use mappings::{Context, Evaluator, Event, Program};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use store::intake::{DecidedEvent, IntakeContent, IntakeItem, ReadEvent};
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
    items: Vec<IntakeItem>,
    home: Sender<Vec<IntakeItem>>,
}

/// The way home for the items of a batch, chunk by chunk in their order.
#[derive(Debug, Default)]
pub(crate) struct Home(Vec<(usize, Sender<Vec<IntakeItem>>)>);

impl Home {
    /// Sends items that are done with to the threads that made them.
    pub(crate) fn take(self, items: Vec<IntakeItem>) {
        let mut items = items.into_iter();
        for (count, home) in self.0 {
            let chunk: Vec<IntakeItem> = items.by_ref().take(count).collect();
            // A worker that ended takes nothing; then they are dropped here.
            let _ended = home.send(chunk);
        }
    }
}

/// Workers that wait for events.
#[derive(Debug)]
pub(crate) struct Mapper {
    jobs: Sender<Job>,
}

/// Answers to come, in the order of the events.
#[derive(Debug)]
pub(crate) struct Answers(Vec<oneshot::Receiver<Answer>>);

impl Answers {
    /// Waits for all of them.
    pub(crate) async fn collect(self) -> anyhow::Result<(Vec<IntakeItem>, Home)> {
        let (mut items, mut home) = (Vec::new(), Home::default());
        for answer in self.0 {
            let mut part = answer
                .await
                .context("a mapping worker broke off; nothing of its batch is written")?;
            home.0.push((part.items.len(), part.home));
            items.append(&mut part.items);
        }
        Ok((items, home))
    }
}

impl Mapper {
    /// Starts a worker per core, less the one that writes; they end with the mapper.
    pub(crate) fn start(
        program: &Arc<Program>,
        context: &Arc<Context>,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let (jobs, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        for _ in 0..cores.saturating_sub(1).max(1) {
            let (queue, clock) = (Arc::clone(&queue), Arc::clone(clock));
            let (program, context) = (Arc::clone(program), Arc::clone(context));
            std::thread::spawn(move || work(&queue, &program, &context, clock.as_ref()));
        }
        Self { jobs }
    }

    /// Hands events to the workers.
    pub(crate) fn map(&self, mut events: Vec<RawEvent>) -> Answers {
        let mut answers = Vec::with_capacity(events.len().div_ceil(CHUNK));
        while !events.is_empty() {
            let rest = events.split_off(events.len().min(CHUNK));
            let (answer, receiver) = oneshot::channel();
            answers.push(receiver);
            // Without workers the answer is dropped, and whoever waits for it says so.
            let _gone = self.jobs.send(Job { events, answer });
            events = rest;
        }
        Answers(answers)
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
        let items = events
            .into_iter()
            .map(|raw| decide(&mut evaluator, raw, now))
            .collect();
        let home = home.clone();
        // Nobody waits any more: the pipeline ended.
        let _ended = answer.send(Answer { items, home });
    }
}

fn decide(
    evaluator: &mut Evaluator<'_>,
    raw: RawEvent,
    now: chrono::DateTime<chrono::Utc>,
) -> IntakeItem {
    let position = raw.position;
    let unreadable = |raw: Vec<u8>, reason: String, headers| IntakeItem {
        position,
        content: IntakeContent::Unreadable {
            raw,
            headers,
            reason,
        },
    };
    if let Some(problem) = raw.problem {
        return unreadable(raw.payload, problem.reason, problem.headers);
    }
    let event = match Event::parse(&raw.payload) {
        Ok(event) => event,
        Err(error) => return unreadable(raw.payload, error.to_string(), None),
    };
    let decision = evaluator.decide(&event);
    let read = ReadEvent {
        key: event.key(),
        content: event.content_hash(),
        occurred_at: event.time.unwrap_or(now),
        origin: event.source.into_owned(),
        event_type: event.kind.into_owned(),
        payload: raw.payload,
    };
    IntakeItem {
        position,
        content: IntakeContent::Event(Box::new(DecidedEvent::new(read, decision))),
    }
}
