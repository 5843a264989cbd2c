//! How the daemon's parts are: what runs, what rests, what stopped, and why. `/readyz`, metrics and the end
//! of the daemon read it; nobody decides by it.

use crate::output::visible_line;
use chrono::{DateTime, Utc};
use ledger::{Class, Clock};
use office::metric;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// From this many failures in a row on a job is a problem; once may be the weather.
const AGAIN_AND_AGAIN: u64 = 3;

/// As much of a reason as is shown; the log has all of it.
const GLANCE: usize = 500;

/// One thing that is not as it should be.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Problem {
    /// `source NAME`, `job NAME`, `configuration`, `http`.
    pub(crate) what: String,
    /// `stopped`, `rests`, `failed` or `refused`.
    pub(crate) state: &'static str,
    /// Since when.
    since: DateTime<Utc>,
    /// How often in a row.
    times: u64,
    /// What was said.
    pub(crate) reason: String,
    /// Whether it counts already.
    #[serde(skip)]
    counts: bool,
}

/// What is underway, until it is dropped.
#[derive(Debug)]
pub(crate) struct Underway {
    health: Arc<Health>,
    number: u64,
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.health.state().underway.remove(&self.number);
        self.health.changed.notify_waiters();
    }
}

#[derive(Debug, Default)]
struct State {
    problems: BTreeMap<String, Problem>,
    underway: BTreeMap<u64, String>,
    begun: u64,
}

/// How everything is.
#[derive(Debug)]
pub(crate) struct Health {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    changed: Notify,
    stopping: AtomicBool,
}

impl Health {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            clock,
            state: Mutex::default(),
            changed: Notify::new(),
            stopping: AtomicBool::new(false),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, what: String, state: &'static str, reason: &str, counts_from: u64) {
        let now = self.clock.now();
        let mut all = self.state();
        let before = all.problems.get(&what).filter(|found| found.state == state);
        let (since, times) = before.map_or((now, 1), |found| (found.since, found.times + 1));
        let problem = Problem {
            what: what.clone(),
            state,
            since,
            times,
            reason: visible_line(reason).chars().take(GLANCE).collect(),
            counts: times >= counts_from,
        };
        all.problems.insert(what, problem);
        tell(&all);
    }

    fn forget(&self, what: &str) {
        let mut all = self.state();
        all.problems.remove(what);
        tell(&all);
    }

    /// A source takes events.
    pub(crate) fn source_runs(&self, name: &str) {
        self.forget(&format!("source {name}"));
        metric::source_up(name, true);
    }

    /// A source failed and is tried again.
    pub(crate) fn source_rests(&self, name: &str, reason: &str) {
        self.note(format!("source {name}"), "rests", reason, 1);
        metric::source_up(name, false);
    }

    /// A source stopped, because going on would not be right.
    pub(crate) fn source_stopped(&self, name: &str, class: Class, reason: &str) {
        let reason = format!("{reason} ({class}); SIGHUP tries it again");
        self.note(format!("source {name}"), "stopped", &reason, 1);
        metric::source_up(name, false);
    }

    /// A job ended well.
    pub(crate) fn job_done(&self, name: &str) {
        self.forget(&format!("job {name}"));
    }

    /// A job failed. One that broke off is a problem at once.
    pub(crate) fn job_failed(&self, name: &str, reason: &str, broke_off: bool) {
        let from = if broke_off { 1 } else { AGAIN_AND_AGAIN };
        self.note(format!("job {name}"), "failed", reason, from);
    }

    /// A task that should not end has ended.
    pub(crate) fn died(&self, what: &str, reason: &str) {
        self.note(what.to_owned(), "stopped", reason, 1);
    }

    /// What lies on disk is not what is in force.
    pub(crate) fn reload_refused(&self, reason: &str) {
        self.note("configuration".to_owned(), "refused", reason, 1);
    }

    /// What was in force before may be gone: sources and jobs have to show themselves anew.
    pub(crate) fn begin_anew(&self) {
        let mut all = self.state();
        let stays = |what: &String, _: &mut Problem| {
            !what.starts_with("source ") && what != "configuration"
        };
        all.problems.retain(stays);
        tell(&all);
    }

    /// What is not as it should be.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let all = self.state();
        let counting = all.problems.values().filter(|problem| problem.counts);
        counting.cloned().collect()
    }

    /// Notes that something runs.
    pub(crate) fn begin(self: &Arc<Self>, what: String) -> Underway {
        self.enter(&mut self.state(), what)
    }

    /// The same for what runs once at a time; nothing where it does already.
    pub(crate) fn begin_alone(self: &Arc<Self>, what: String) -> Option<Underway> {
        let mut all = self.state();
        let runs = all.underway.values().any(|known| *known == what);
        (!runs).then(|| self.enter(&mut all, what))
    }

    fn enter(self: &Arc<Self>, all: &mut State, what: String) -> Underway {
        all.begun += 1;
        let number = all.begun;
        all.underway.insert(number, what);
        Underway {
            health: Arc::clone(self),
            number,
        }
    }

    /// What runs.
    pub(crate) fn underway(&self) -> Vec<String> {
        self.state().underway.values().cloned().collect()
    }

    /// Waits until nothing runs whose name is one of these.
    pub(crate) async fn quiet(&self, which: impl Fn(&str) -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Listens before it looks, so that a change in between is not missed.
            changed.as_mut().enable();
            if !self.state().underway.values().any(|what| which(what)) {
                return;
            }
            changed.await;
        }
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}

fn tell(all: &State) {
    let problems = all
        .problems
        .values()
        .filter(|problem| problem.counts)
        .count();
    metric::problems(u32::try_from(problems).unwrap_or(u32::MAX));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn a_job_is_a_problem_when_it_fails_again_and_again_or_breaks_off() {
        let health = Health::new(Arc::new(SystemClock));
        for expected in [0, 0, 1, 1] {
            health.job_failed("export", "the host is away", false);
            assert_eq!(health.problems().len(), expected);
        }
        health.job_done("export");
        assert!(health.problems().is_empty());
        health.job_failed("settle", "broke off at lib.rs:1", true);
        health.source_stopped("stream", Class::Stop, "a gap");
        let said: Vec<String> = health
            .problems()
            .into_iter()
            .map(|p| format!("{} {}: {}", p.what, p.state, p.reason))
            .collect();
        assert_eq!(
            said,
            [
                "job settle failed: broke off at lib.rs:1",
                "source stream stopped: a gap (stop); SIGHUP tries it again"
            ]
        );
        health.begin_anew();
        assert_eq!(health.problems().len(), 1);
    }
}
