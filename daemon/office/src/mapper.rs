//! Parsing and mapping on all cores but the one that writes. Each worker has its evaluator for as long as it lives.

use crate::panics;
use anyhow::Context as _;
use chrono::{DateTime, Utc};
use connectors::source::RawEvent;
use ledger::{BREAK_EVENTS, Clock, Decision};
use mappings::{Context, Evaluator, EvaluatorError, Event, Program};
use std::panic::{AssertUnwindSafe, catch_unwind};
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
    let mut deciding = Deciding::new(program, context);
    let (home, done) = channel();
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { events, answer }) = next else {
            return;
        };
        // What came back while this worker waited is dropped here.
        done.try_iter().for_each(drop);
        let now = clock.now();
        let mut part = IntakePart::new(program.version).comparing(mappings::content_of);
        part.reserve(events.len());
        for raw in events {
            decide(&mut deciding, raw, now, &mut part);
        }
        let home = home.clone();
        // Nobody waits any more: the pipeline ended.
        let _ended = answer.send(Answer { part, home });
    }
}

/// An evaluator, made anew after it broke off.
pub(crate) struct Deciding<'p> {
    program: &'p Program,
    context: &'p Context,
    evaluator: Result<Evaluator<'p>, EvaluatorError>,
}

impl<'p> Deciding<'p> {
    /// With an evaluator that is sound to begin with.
    pub(crate) fn sound(
        program: &'p Program,
        context: &'p Context,
    ) -> Result<Self, EvaluatorError> {
        let evaluator = Ok(Evaluator::new(program, context)?);
        Ok(Self {
            program,
            context,
            evaluator,
        })
    }

    fn new(program: &'p Program, context: &'p Context) -> Self {
        Self {
            program,
            context,
            evaluator: Evaluator::new(program, context),
        }
    }

    /// The decision on an event; one at which the mapping breaks off is suspended, and the others go on.
    pub(crate) fn decide(&mut self, event: &Event<'_>, came: DateTime<Utc>) -> Decision {
        let evaluator = match &mut self.evaluator {
            Ok(evaluator) => evaluator,
            Err(error) => return suspended(error.to_string()),
        };
        match guarded(|| {
            fault::point(event);
            evaluator.decide_when(event, came)
        }) {
            Ok(decision) => decision,
            Err(broke_off) => {
                self.evaluator = Evaluator::new(self.program, self.context);
                suspended(broke_off)
            }
        }
    }

    /// The entity that a rule would post an event to, where one can be told.
    pub(crate) fn entity_of(&mut self, event: &Event<'_>) -> Option<String> {
        let evaluator = self.evaluator.as_mut().ok()?;
        match guarded(|| evaluator.entity_of(event)) {
            Ok(entity) => entity,
            Err(_broke_off) => {
                self.evaluator = Evaluator::new(self.program, self.context);
                None
            }
        }
    }
}

const fn suspended(reason: String) -> Decision {
    Decision::Suspended { rule: None, reason }
}

/// Runs what must not take a worker down with it; where it panics, says so. What it worked on is not used again.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        format!(
            "the mapping broke off here: {}",
            panics::said(panic.as_ref()).unwrap_or("nobody knows why")
        )
    })
}

fn decide(deciding: &mut Deciding<'_>, raw: RawEvent, now: DateTime<Utc>, part: &mut IntakePart) {
    let RawEvent {
        position,
        payload,
        sent,
        problem,
    } = raw;
    if let Some(problem) = problem {
        let bytes = Unreadable {
            headers: problem.headers,
            whole: problem.whole,
            ..Unreadable::new(payload, problem.reason)
        };
        return part.unreadable(position, bytes);
    }
    let read = guarded(|| Event::parse(&payload).map_err(|error| error.to_string()));
    let event = match read.flatten() {
        Ok(event) => event,
        Err(reason) => {
            let sent = sent.unwrap_or_else(|| payload.clone());
            return part.unreadable(position, Unreadable::new(sent, reason));
        }
    };
    if let Some(reason) = reserved(&event) {
        let sent = sent.unwrap_or_else(|| payload.clone());
        return part.unreadable(position, Unreadable::new(sent, reason));
    }
    let decision = deciding.decide(&event, now);
    let read = ReadEvent {
        key: event.key(),
        content: event.content_hash(),
        occurred_at: event.time.unwrap_or(now),
        origin: part.origin(&event.source),
        event_type: part.event_type(&event.kind),
        payload: payload.clone(),
    };
    part.event(position, read, decision);
}

/// Why an event is not taken that only a decision about a break makes.
pub(crate) fn reserved(event: &Event<'_>) -> Option<String> {
    event.kind.starts_with(BREAK_EVENTS).then(|| {
        format!(
            "an event of type `{}` is made by a decision about a break and comes from no source; `tieout breaks post` makes one",
            event.kind
        )
    })
}

/// A point at which a test may let the mapping break off: `TIEOUT_FAULT=panic:ID`, in builds with debug
/// assertions only.
mod fault {
    use mappings::Event;

    #[cfg(debug_assertions)]
    pub(super) fn point(event: &Event<'_>) {
        static ID: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
        let id = ID.get_or_init(|| {
            let fault = std::env::var("TIEOUT_FAULT").ok()?;
            fault.strip_prefix("panic:").map(str::to_owned)
        });
        assert!(
            id.as_deref() != Some(event.id.as_ref()),
            "a test asked for it"
        );
    }

    #[cfg(not(debug_assertions))]
    pub(super) const fn point(_event: &Event<'_>) {}
}
