//! Metrics by their names, in one place: what Prometheus reads at `/metrics`.

use store::intake::IntakeSummary;

/// Counts the outcomes of a batch.
pub(crate) fn intake(source: &str, summary: &IntakeSummary) {
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

/// Counts a delivery by how it ended.
pub(crate) fn delivery(target: &str, result: &'static str) {
    metrics::counter!("tieout_deliveries_total", "target" => target.to_owned(), "result" => result)
        .increment(1);
}

/// Counts a run of a job.
pub(crate) fn run(job: &str, succeeded: bool) {
    let result = if succeeded { "done" } else { "failed" };
    metrics::counter!("tieout_job_runs_total", "job" => job.to_owned(), "result" => result)
        .increment(1);
}
