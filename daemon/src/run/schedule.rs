//! The schedule: each job at its times, one run of a job at a time, different jobs beside each other.

use crate::health::Health;
use anyhow::Context as _;
use office::panics::BrokeOff;
use office::{Call, jobs};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_cron_scheduler::{Job, JobScheduler};

/// Starts it; `stopped` keeps new runs from beginning.
pub(super) async fn start(
    call: &Call,
    health: &Arc<Health>,
    stopped: &watch::Receiver<bool>,
) -> anyhow::Result<JobScheduler> {
    let scheduler = JobScheduler::new()
        .await
        .context("the schedule cannot be started")?;
    for (name, cron) in &call.config.schedule {
        let (call, name) = (call.clone(), name.clone());
        let (health, stopped) = (Arc::clone(health), stopped.clone());
        let job = Job::new_async(cron.as_str(), move |_id, _scheduler| {
            let (call, name) = (call.clone(), name.clone());
            let (health, mut stopped) = (Arc::clone(&health), stopped.clone());
            Box::pin(async move {
                if *stopped.borrow() {
                    return;
                }
                if let Some(rest) = turn(&call, &health, &name).await
                    && timeout(rest, stopped.wait_for(|stop| *stop)).await.is_err()
                {
                    turn(&call, &health, &name).await;
                }
            })
        });
        let job =
            job.with_context(|| format!("the schedule of a job, `{cron}`, cannot be read"))?;
        scheduler
            .add(job)
            .await
            .context("a job cannot be scheduled")?;
    }
    scheduler
        .start()
        .await
        .context("the schedule cannot be started")?;
    Ok(scheduler)
}

/// A run, however it ends: what was begun is given back even when it breaks off.
/// Says after which time it should come once more before its next turn.
async fn turn(call: &Call, health: &Arc<Health>, name: &str) -> Option<Duration> {
    let Some(_underway) = health.begin_alone(format!("job {name}")) else {
        tracing::debug!(job = %name, "still running; this turn is left out");
        return None;
    };
    // A run begins now, whenever the daemon did.
    let call = Call::new(call.company.clone(), call.actor.clone());
    match jobs::run(&call, name).await {
        Ok(summary) => {
            tracing::info!(job = %name, %summary, "done");
            health.job_done(name);
            jobs::again_after(&call, name, &summary)
        }
        Err(error) => {
            let reason = format!("{error:#}");
            tracing::error!(job = %name, error = %reason, "failed");
            health.job_failed(name, &reason, error.is::<BrokeOff>());
            None
        }
    }
}
