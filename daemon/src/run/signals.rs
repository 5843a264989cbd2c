//! What the daemon is told from outside, heard on a thread of its own: where work blocks every other thread,
//! it still ends when it should.
//!
//! The first SIGTERM or SIGINT asks for an orderly end, within a time; after it, or at a second one, the
//! process ends as it is. Nothing is lost by that: every transaction is whole or never was.

use crate::health::Health;
use anyhow::Context as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// What it is told.
#[derive(Clone, Copy, Debug)]
pub(super) enum Told {
    /// Finish.
    Stop,
    /// Read configuration and mapping again.
    Reload,
}

/// Where it is heard.
pub(super) type Ear = mpsc::UnboundedReceiver<Told>;

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

/// Listens from now on.
pub(super) fn listen(health: &Arc<Health>, stop_seconds: u32) -> anyhow::Result<Ear> {
    let (tell, told) = mpsc::unbounded_channel();
    let health = Arc::clone(health);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("signals cannot be heard")?;
    let signals = {
        let _inside = runtime.enter();
        Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        }
    };
    let limit = Duration::from_secs(stop_seconds.into());
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || runtime.block_on(hear(signals, tell, health, limit)))
        .context("signals cannot be heard")?;
    Ok(told)
}

async fn hear(
    mut signals: Signals,
    tell: mpsc::UnboundedSender<Told>,
    health: Arc<Health>,
    limit: Duration,
) {
    loop {
        let said = tokio::select! {
            _ = signals.terminate.recv() => Told::Stop,
            _ = signals.interrupt.recv() => Told::Stop,
            _ = signals.hang_up.recv() => Told::Reload,
        };
        // One that ends by itself hears nothing more.
        let _ended = tell.send(said);
        if matches!(said, Told::Stop) {
            break;
        }
    }
    let why = tokio::select! {
        _ = signals.terminate.recv() => "told a second time",
        _ = signals.interrupt.recv() => "told a second time",
        () = tokio::time::sleep(limit) => "the time to stop is over",
    };
    let left = health.underway().join(", ");
    tracing::error!(
        left,
        "{why}: it ends now; what was left is done again after the next start"
    );
    std::process::exit(1);
}
