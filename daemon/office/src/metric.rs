//! Metrics by their names, in one place: what Prometheus reads at `/metrics`.

use connectors::source::SourceState;
use ledger::Class;
use store::intake::IntakeSummary;

/// Counts the outcomes of a batch.
pub fn intake(source: &str, summary: &IntakeSummary) {
    let counts = [
        ("posted", summary.posted),
        ("ignored", summary.ignored),
        ("suspended", summary.suspended),
        ("duplicate", summary.duplicates),
        ("conflict", summary.conflicts),
        ("quarantined", summary.quarantined),
    ];
    for (outcome, count) in counts {
        metrics::counter!("tieout_events_total", "source" => source.to_owned(), "outcome" => outcome)
            .increment(u64::try_from(count).unwrap_or(0));
    }
    metrics::counter!("tieout_entries_total", "source" => source.to_owned())
        .increment(u64::try_from(summary.entries).unwrap_or(0));
}

/// Counts a batch that was refused because another instance moved the checkpoint.
pub fn fenced(source: &str) {
    metrics::counter!("tieout_fenced_batches_total", "source" => source.to_owned()).increment(1);
}

/// Counts a failure by what it asks for.
pub fn failure(source: &str, class: Class) {
    metrics::counter!("tieout_source_errors_total", "source" => source.to_owned(), "class" => class.name())
        .increment(1);
}

/// How long the oldest event of a batch took from the broker into the books, once per event.
pub fn latency(source: &str, oldest: chrono::Duration, events: i64) {
    let seconds = oldest.to_std().unwrap_or_default();
    let histogram = metrics::histogram!("tieout_event_seconds", "source" => source.to_owned());
    histogram.record_many(seconds, usize::try_from(events).unwrap_or(0));
}

/// How a source stands: how far it is behind, and how often partitions changed hands.
pub fn source(source: &str, state: &SourceState) {
    for (partition, lag) in &state.lag {
        let labels = [
            ("source", source.to_owned()),
            ("partition", partition.clone()),
        ];
        // A gauge is a float by definition; an offset beyond 2^53 would be shown rounded.
        metrics::gauge!("tieout_source_lag", &labels).set(i32::try_from(*lag).unwrap_or(i32::MAX));
    }
    metrics::counter!("tieout_rebalances_total", "source" => source.to_owned())
        .absolute(state.rebalances);
}

/// Counts a delivery by how it ended.
pub fn delivery(target: &str, result: &'static str) {
    metrics::counter!("tieout_deliveries_total", "target" => target.to_owned(), "result" => result)
        .increment(1);
}

/// Counts a run of a job.
pub fn run(job: &str, succeeded: bool) {
    let result = if succeeded { "done" } else { "failed" };
    metrics::counter!("tieout_job_runs_total", "job" => job.to_owned(), "result" => result)
        .increment(1);
}

/// Counts a reload.
pub fn reload(done: bool) {
    let result = if done { "done" } else { "refused" };
    metrics::counter!("tieout_reloads_total", "result" => result).increment(1);
}

/// Whether a source takes events.
pub fn source_up(source: &str, is: bool) {
    metrics::gauge!("tieout_source_up", "source" => source.to_owned()).set(u32::from(is));
}

/// How many things are not as they should be.
pub fn problems(count: u32) {
    metrics::gauge!("tieout_problems").set(count);
}

/// Counts what HTTP refused for want of room.
pub fn http_refused(reason: &'static str) {
    metrics::counter!("tieout_http_refused_total", "reason" => reason).increment(1);
}

/// Counts what broke off.
pub fn panic() {
    metrics::counter!("tieout_panics_total").increment(1);
}
