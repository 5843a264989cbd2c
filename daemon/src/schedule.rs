//! When jobs run, as the configuration says it.

/// Whether a text is a schedule.
pub(crate) fn cron(text: &str) -> Result<(), String> {
    let job = tokio_cron_scheduler::Job::new(text, |_, _| {});
    job.map(drop).map_err(|error| error.to_string())
}
