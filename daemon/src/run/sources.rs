//! Streams: each has a task that takes batch after batch. One that must not go on stops alone; the others,
//! jobs and HTTP go on.

use crate::health::Health;
use connectors::secret::SecretRef;
use connectors::source::EventSource;
use connectors::source::kafka::{KafkaSource, Patience};
use connectors::source::redis::RedisSource;
use office::config::SourceConfig;
use office::pipeline::{self, SourceName, Until};
use office::{Call, class, metric, panics};
use std::sync::Arc;
use std::time::Duration;
use store::intake::IntakeSummary;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long a source that failed rests before it is tried again.
const REST: Duration = Duration::from_secs(5);

/// A source that failed and now ran for so long is sound again.
const SOUND: Duration = Duration::from_secs(10);

/// How long a stream is waited for when it has nothing.
const WAIT: Duration = Duration::from_millis(500);

/// Starts every stream of the configuration.
pub(super) fn start(
    call: &Call,
    health: &Arc<Health>,
    stopped: &watch::Receiver<bool>,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for (name, config) in &call.config.sources {
        if matches!(config, SourceConfig::File(_) | SourceConfig::Http(_)) {
            continue;
        }
        let stream = Stream {
            call: call.clone(),
            health: Arc::clone(health),
            from: SourceName {
                name: name.clone(),
                kind: config.kind(),
            },
            config: config.clone(),
            stopped: stopped.clone(),
        };
        tasks.spawn(stream.consume());
    }
    tasks
}

/// Joins a stream where the ledger's checkpoint stands.
async fn open(call: &Call, source: &SourceConfig) -> anyhow::Result<Box<dyn EventSource>> {
    let limit = call.config.batch();
    let secret = |place: &Option<SecretRef>| {
        let place = place.as_ref().map(|place| place.below(&call.base));
        place.as_ref().map(SecretRef::read).transpose()
    };
    Ok(match source {
        SourceConfig::File(_) => anyhow::bail!("a folder is no stream; a job takes it"),
        SourceConfig::Http(_) => anyhow::bail!("whoever sends by HTTP comes by himself"),
        SourceConfig::Kafka(config) => {
            let password = secret(&config.password)?;
            let patience = Patience::default();
            Box::new(KafkaSource::open(
                &config.below(&call.base),
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

struct Stream {
    call: Call,
    health: Arc<Health>,
    from: SourceName,
    config: SourceConfig,
    stopped: watch::Receiver<bool>,
}

impl Stream {
    /// Takes batches until it is told to stop. What fails rests and begins again from the ledger's
    /// checkpoint, so that a failure never skips a message.
    async fn consume(mut self) {
        let name = self.from.name.clone();
        let _underway = self.health.begin(format!("source {name}"));
        let mut failed = false;
        while !*self.stopped.borrow() {
            let Err(error) = panics::caught(self.attempt(failed)).await else {
                continue;
            };
            let (class, reason) = (class(&error), format!("{error:#}"));
            metric::failure(&name, class);
            if !class.may_try_again() {
                tracing::error!(source = %name, class = class.name(), error = %reason,
                    "stops, because going on would not be right; everything else goes on; SIGHUP tries it again");
                self.health.source_stopped(&name, class, &reason);
                return;
            }
            failed = true;
            tracing::error!(source = %name, class = class.name(), error = %reason, "rests, then begins again from the checkpoint");
            self.health.source_rests(&name, &reason);
            // Woken early by a stop, or by the time: both lead to the condition above.
            let _elapsed = tokio::time::timeout(REST, self.stopped.wait_for(|stop| *stop)).await;
        }
    }

    async fn attempt(&self, failed: bool) -> anyhow::Result<()> {
        let source = open(&self.call, &self.config).await?;
        let until = Until::Stopped(self.stopped.clone());
        let mut total = IntakeSummary::default();
        let taking = pipeline::run(&self.call, &self.from, source, until, &mut total);
        tokio::pin!(taking);
        let proof = if failed { SOUND } else { Duration::ZERO };
        tokio::select! {
            biased;
            outcome = &mut taking => return outcome,
            () = tokio::time::sleep(proof) => self.health.source_runs(&self.from.name),
        }
        taking.await
    }
}
