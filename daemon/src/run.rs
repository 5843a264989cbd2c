//! `tieout run`: sources, schedule and HTTP, until it is told to stop.
//!
//! Every topic has a task that takes batch after batch; the schedule starts jobs, one run of a job
//! at a time. On SIGTERM or SIGINT nothing new begins, what runs is finished, and the books are
//! closed.

use crate::http::{self, Server};
use anyhow::Context as _;
use connectors::secret::SecretRef;
use connectors::source::EventSource;
use connectors::source::kafka::{KafkaSource, Patience};
use connectors::source::redis::RedisSource;
use office::config::SourceConfig;
use office::deeds::activate;
use office::jobs;
use office::pipeline::{self, SourceName, Until};
use office::{Call, class, metric};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use store::intake::IntakeSummary;
use store::writer::Writer;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio_cron_scheduler::{Job, JobScheduler};

/// How long a source that failed rests before it is tried again.
const REST: Duration = Duration::from_secs(5);

pub(crate) async fn run(call: Call) -> anyhow::Result<()> {
    let metrics = metrics_exporter_prometheus::PrometheusBuilder::new()
        .install_recorder()
        .context("metrics cannot be recorded")?;
    activate::activate(&call).await?;
    jobs::post::after_a_change(&call).await?;
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let ready = Arc::new(AtomicBool::new(true));
    if let Some(config) = &call.config.http {
        let token = config.token.as_ref().map(SecretRef::read).transpose()?;
        let writer = Arc::new(Mutex::new(Writer::new(&call.store)));
        let server = Server {
            call: call.clone(),
            token,
            metrics,
            ready: Arc::clone(&ready),
            writer,
        };
        tasks.spawn(http::serve(server, config.listen, stopped.clone()));
    }
    for (name, source) in &call.config.sources {
        if matches!(source, SourceConfig::File(_)) {
            continue;
        }
        let (call, name, source) = (call.clone(), name.clone(), source.clone());
        tasks.spawn(consume(call, name, source, stopped.clone()));
    }
    let (running, exporting) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
    let mut scheduler = schedule(&call, (&running, &exporting), &stopped).await?;
    tracing::info!(company = %call.config.company, books = call.store.backend(), "running");
    let outcome = tokio::select! {
        signal = signal() => signal,
        Some(ended) = tasks.join_next() => ended.map_err(anyhow::Error::from).and_then(|outcome| outcome),
    };
    tracing::info!("stopping: what runs is finished first");
    ready.store(false, Ordering::Relaxed);
    stop.send_replace(true);
    scheduler
        .shutdown()
        .await
        .context("the schedule cannot be stopped")?;
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    // A job that still runs holds one of these; once both are free, nothing writes any more.
    let _quiet = (running.lock().await, exporting.lock().await);
    call.store.close().await?;
    tracing::info!("stopped");
    outcome
}

async fn signal() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(())
}

/// Starts the schedule. A job that still runs, or another that does, lets this one wait its turn:
/// SQLite has one writer, and jobs build on each other's results.
async fn schedule(
    call: &Call,
    (running, exporting): (&Arc<Mutex<()>>, &Arc<Mutex<()>>),
    stopped: &watch::Receiver<bool>,
) -> anyhow::Result<JobScheduler> {
    let scheduler = JobScheduler::new()
        .await
        .context("the schedule cannot be started")?;
    for (name, cron) in &call.config.schedule {
        let (call, name) = (call.clone(), name.clone());
        // An export waits for receivers, and what it takes is settled: nobody else waits for it.
        let turns = if name == "export" { exporting } else { running };
        let (running, stopped) = (Arc::clone(turns), stopped.clone());
        let queued = Arc::new(AtomicBool::new(false));
        let job = Job::new_async(cron.as_str(), move |_id, _scheduler| {
            let (call, name) = (call.clone(), name.clone());
            let (running, stopped, queued) =
                (Arc::clone(&running), stopped.clone(), Arc::clone(&queued));
            Box::pin(async move {
                if queued.swap(true, Ordering::SeqCst) {
                    tracing::debug!(job = %name, "still waiting or running; this turn is left out");
                    return;
                }
                let turn = running.lock().await;
                if !*stopped.borrow() {
                    match jobs::run(&call, &name).await {
                        Ok(summary) => tracing::info!(job = %name, %summary, "done"),
                        Err(error) => {
                            tracing::error!(job = %name, error = %format!("{error:#}"), "failed");
                        }
                    }
                }
                drop(turn);
                queued.store(false, Ordering::SeqCst);
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

/// How long a stream is waited for when it has nothing.
const WAIT: Duration = Duration::from_millis(500);

/// Joins a stream where the ledger's checkpoint stands.
async fn open(call: &Call, source: &SourceConfig) -> anyhow::Result<Box<dyn EventSource>> {
    let limit = call.config.batch();
    let secret = |place: &Option<SecretRef>| place.as_ref().map(SecretRef::read).transpose();
    Ok(match source {
        SourceConfig::File(_) => anyhow::bail!("a folder is no stream; a job takes it"),
        SourceConfig::Kafka(config) => {
            let password = secret(&config.password)?;
            let patience = Patience::default();
            Box::new(KafkaSource::open(
                config,
                password.as_ref(),
                limit,
                patience,
            )?)
        }
        SourceConfig::Redis(config) => {
            let password = secret(&config.password)?;
            Box::new(RedisSource::open(config, password.as_ref(), limit, WAIT).await?)
        }
    })
}

/// Takes batches of a stream until it is told to stop. What fails rests and begins again from the
/// ledger's checkpoint, so that a failure never skips a message.
async fn consume(
    call: Call,
    name: String,
    config: SourceConfig,
    mut stopped: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let from = SourceName {
        name: name.clone(),
        kind: config.kind(),
    };
    while !*stopped.borrow() {
        let outcome = match open(&call, &config).await {
            Ok(source) => {
                let until = Until::Stopped(stopped.clone());
                let mut total = IntakeSummary::default();
                pipeline::run(&call, &from, source, until, &mut total).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            let class = class(&error);
            metric::failure(&name, class);
            if !class.may_try_again() {
                return Err(error.context(format!(
                    "source `{name}` stops ({class}): going on would not be right"
                )));
            }
            tracing::error!(source = %name, class = class.name(), error = %format!("{error:#}"), "rests, then begins again from the checkpoint");
            // Woken early by a stop, or by the time: both lead to the condition above.
            let _elapsed = tokio::time::timeout(REST, stopped.wait_for(|stop| *stop)).await;
        }
    }
    Ok(())
}
