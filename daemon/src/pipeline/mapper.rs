//! Parsing and mapping on all cores. Each worker has its evaluator for as long as it lives.

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
    answer: oneshot::Sender<Vec<IntakeItem>>,
}

/// Workers that wait for events.
#[derive(Debug)]
pub(crate) struct Mapper {
    jobs: Sender<Job>,
}

/// Answers to come, in the order of the events.
#[derive(Debug)]
pub(crate) struct Answers(Vec<oneshot::Receiver<Vec<IntakeItem>>>);

impl Answers {
    /// Waits for all of them.
    pub(crate) async fn collect(self) -> anyhow::Result<Vec<IntakeItem>> {
        let mut items = Vec::new();
        for answer in self.0 {
            let mut part = answer
                .await
                .context("a mapping worker broke off; nothing of its batch is written")?;
            items.append(&mut part);
        }
        Ok(items)
    }
}

impl Mapper {
    /// Starts a worker per core; they end with the mapper.
    pub(crate) fn start(
        program: &Arc<Program>,
        context: &Arc<Context>,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let (jobs, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        for _ in 0..cores {
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
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { events, answer }) = next else {
            return;
        };
        let now = clock.now();
        let items = events
            .into_iter()
            .map(|raw| decide(&mut evaluator, raw, now))
            .collect();
        // Nobody waits any more: the pipeline ended.
        let _ended = answer.send(items);
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
        origin: event.source,
        event_type: event.kind,
        payload: raw.payload,
    };
    IntakeItem {
        position,
        content: IntakeContent::Event(Box::new(DecidedEvent::new(read, decision))),
    }
}
