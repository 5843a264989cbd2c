//! `tieout run`: sources, schedule and HTTP, until it is told to stop.
//!
//! Every stream has a task that takes batch after batch; the schedule starts jobs, different ones beside
//! each other and one run of a job at a time. What fails, fails alone: a source that must not go on stops by
//! itself, a job that breaks off is a failed run, and `/readyz` names both. On SIGTERM or SIGINT nothing new
//! begins, what runs is finished, and the books are closed, all within `stop_seconds`. SIGHUP reads
//! configuration and mapping again (`run/reload.rs`).

mod asking;
mod reload;
mod schedule;
mod signals;
mod sources;

use crate::health::Health;
use crate::http::{self, Access, Listener, Live, Server};
use anyhow::{Context as _, bail};
use metrics_exporter_prometheus::PrometheusHandle;
use office::deeds::activate;
use office::{Call, jobs, metric};
use signals::Told;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_cron_scheduler::JobScheduler;

/// Runs the company of a configuration file.
pub(crate) async fn run(call: Call, path: &Path) -> anyhow::Result<()> {
    let health = Health::new(Arc::clone(&call.clock));
    let mut told = signals::listen(&health, call.config.stop_seconds)?;
    let metrics = metrics_exporter_prometheus::PrometheusBuilder::new()
        .install_recorder()
        .context("metrics cannot be recorded")?;
    // There from the first question on, so that who watches it knows that it is there.
    metric::problems(0);
    activate::activate(&call).await?;
    jobs::post::after_a_change(&call).await?;
    let (stop, stopped) = watch::channel(false);
    let mut faces = JoinSet::new();
    let server = open_http(&call, metrics, &health, &stopped, &mut faces).await?;
    let daemon = Daemon {
        path: path.to_owned(),
        health,
        server,
    };
    let mut generation = Generation::start(call, &daemon).await?;
    let outcome = daemon.work(&mut generation, &mut told, &mut faces).await;
    tracing::info!("stopping: what runs is finished first");
    daemon.health.stop();
    stop.send_replace(true);
    generation.end().await;
    while faces.join_next().await.is_some() {}
    daemon.health.quiet(|what| what.starts_with("job ")).await;
    generation.call.store.close().await?;
    tracing::info!("stopped");
    outcome
}

/// What outlives a reload.
struct Daemon {
    path: PathBuf,
    health: Arc<Health>,
    server: Option<Server>,
}

impl Daemon {
    /// Works until it is told to stop, or nothing is left to do.
    async fn work(
        &self,
        generation: &mut Generation,
        told: &mut signals::Ear,
        faces: &mut JoinSet<()>,
    ) -> anyhow::Result<()> {
        loop {
            generation.has_work(faces)?;
            tokio::select! {
                said = told.recv() => match said {
                    Some(Told::Reload) => reload::reload(self, generation).await?,
                    Some(Told::Stop) | None => return Ok(()),
                },
                Some(ended) = generation.sources.join_next() => {
                    if let Err(error) = ended {
                        self.health.died("sources", &error.to_string());
                    }
                }
                Some(ended) = faces.join_next() => {
                    let why = ended.err().map_or_else(|| "it ended".to_owned(), |error| error.to_string());
                    tracing::error!(why, "http serves no longer");
                    self.health.died("http", &why);
                }
            }
        }
    }
}

/// What runs under one configuration and mapping.
struct Generation {
    call: Call,
    stop: watch::Sender<bool>,
    sources: JoinSet<()>,
    scheduler: JobScheduler,
}

impl Generation {
    async fn start(call: Call, daemon: &Daemon) -> anyhow::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let scheduler = schedule::start(&call, &daemon.health, &stopped).await?;
        let sources = sources::start(&call, &daemon.health, &stopped);
        tracing::info!(company = %call.config.company, books = call.store.backend(), "running");
        Ok(Self {
            call,
            stop,
            sources,
            scheduler,
        })
    }

    fn has_work(&self, faces: &JoinSet<()>) -> anyhow::Result<()> {
        if !faces.is_empty() || !self.call.config.schedule.is_empty() || !self.sources.is_empty() {
            return Ok(());
        }
        bail!(
            "nothing is left to do: no HTTP, no schedule, and no stream that may go on; the log says what stopped"
        )
    }

    /// Nothing new begins; sources finish their batch. One that does not is cut off, as a crash would.
    async fn end(&mut self) {
        self.stop.send_replace(true);
        if let Err(error) = self.scheduler.shutdown().await {
            tracing::error!(%error, "the schedule cannot be stopped");
        }
        let limit = Duration::from_secs(self.call.config.stop_seconds.into());
        let ended = async { while self.sources.join_next().await.is_some() {} };
        if tokio::time::timeout(limit, ended).await.is_err() {
            tracing::error!(
                "a source does not stop; it is cut off, and begins at its checkpoint again"
            );
            self.sources.abort_all();
        }
    }
}

/// Takes the addresses before anything else begins: one that is taken already ends the start.
async fn open_http(
    call: &Call,
    metrics: PrometheusHandle,
    health: &Arc<Health>,
    stopped: &watch::Receiver<bool>,
    faces: &mut JoinSet<()>,
) -> anyhow::Result<Option<Server>> {
    let Some(config) = &call.config.http else {
        return Ok(None);
    };
    let bounds = http::Bounds::new(&config.limits);
    let server = Server::new(live(call)?, bounds, metrics, Arc::clone(health));
    let events = http::router(server.clone());
    let events = Listener::bind(config.listen, events, server.clone(), config.limits).await?;
    faces.spawn(events.serve(stopped.clone()));
    faces.spawn(asking::ask(server.clone(), stopped.clone()));
    if let Some(address) = config.metrics.as_ref().and_then(|metrics| metrics.listen) {
        let router = http::metrics_router(server.clone());
        let mut metrics = Listener::bind(address, router, server.clone(), config.limits).await?;
        // Who collects them on this machine need not know the certificate's name.
        metrics.plain = address.ip().to_canonical().is_loopback();
        faces.spawn(metrics.serve(stopped.clone()));
    }
    Ok(Some(server))
}

/// Reads what HTTP needs of a configuration.
fn live(call: &Call) -> anyhow::Result<Live> {
    let config = call
        .config
        .http
        .as_ref()
        .context("http is not configured")?;
    let tls = config.tls.as_ref();
    let tls = tls
        .map(|tls| http::certificates(tls, &call.base))
        .transpose()?;
    Ok(Live {
        call: call.clone(),
        access: Access::read(config, call.config.settlement.as_ref(), &call.base)?,
        tls,
    })
}
