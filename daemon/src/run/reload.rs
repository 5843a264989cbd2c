//! SIGHUP: configuration and mapping are read again and put in force, or refused with the reason while the old
//! ones stay.
//!
//! All that can be said before is said before anything stops. Then whatever posts by the old mapping comes to
//! a rest (streams after their batch, requests, the jobs `ingest` and `post`), the new mapping is put in
//! force in the books, and everything begins again at its checkpoint: no event is lost or posted by both.

use super::{Daemon, Generation, live};
use crate::http::Live;
use crate::schedule::cron;
use anyhow::{Context as _, bail, ensure};
use office::deeds::activate;
use office::questions::check;
use office::{Call, jobs, metric};
use std::time::Duration;

/// The jobs that post by the mapping. Others finish under what they began with.
const POSTING: [&str; 2] = ["job ingest", "job post"];

/// What was read, before it is in force.
struct Next {
    call: Call,
    live: Option<Live>,
}

/// Puts what lies on disk in force, or says why not. An error means that nothing can run any more.
pub(super) async fn reload(daemon: &Daemon, generation: &mut Generation) -> anyhow::Result<()> {
    let old = generation.call.clone();
    let next = match prepare(daemon, &old) {
        Ok(next) => next,
        Err(error) => {
            refuse(daemon, &error);
            return Ok(());
        }
    };
    generation.end().await;
    let call = next.call.clone();
    let call = match put_in_force(daemon, &old, next).await {
        Ok(()) => {
            tracing::info!(mapping.version = %call.program()?.version, "configuration and mapping were read again and are in force");
            metric::reload(true);
            daemon.health.begin_anew();
            call
        }
        Err(error) => {
            refuse(daemon, &error);
            old
        }
    };
    *generation = Generation::start(call, daemon).await?;
    Ok(())
}

fn refuse(daemon: &Daemon, error: &anyhow::Error) {
    let reason = format!("{error:#}");
    tracing::error!(error = %reason, "the reload is refused; the configuration and mapping from before stay in force");
    metric::reload(false);
    daemon.health.reload_refused(&reason);
}

/// All that can be said without stopping anything.
fn prepare(daemon: &Daemon, old: &Call) -> anyhow::Result<Next> {
    let call = Call::new(old.read_again(&daemon.path)?, old.actor.clone());
    let (was, is) = (&old.config, &call.config);
    ensure!(
        was.store == is.store,
        "`store` changed: other books need a restart"
    );
    ensure!(
        was.http == is.http,
        "`http` changed: where and how it listens needs a restart; the files of its tokens and certificates are read again by a reload"
    );
    ensure!(
        was.stop_seconds == is.stop_seconds,
        "`stop_seconds` changed: that needs a restart"
    );
    let problems = check::check(&daemon.path, old.stamp().now.date_naive(), cron)?.problems;
    ensure!(problems.is_empty(), "{}", problems.join("; "));
    let live = is.http.as_ref().map(|_| live(&call)).transpose()?;
    Ok(Next { call, live })
}

async fn put_in_force(daemon: &Daemon, old: &Call, next: Next) -> anyhow::Result<()> {
    let limit = Duration::from_secs(old.config.stop_seconds.into());
    let rest = daemon.health.quiet(|what| POSTING.contains(&what));
    if tokio::time::timeout(limit, rest).await.is_err() {
        bail!(
            "a job that posts by the mapping in force still runs; send SIGHUP again when it is done"
        );
    }
    let call = &next.call;
    match (&daemon.server, next.live) {
        (Some(server), Some(live)) => {
            let turn = tokio::time::timeout(limit, server.writer.lock()).await;
            let _turn = turn.context("a request that posts still runs; send SIGHUP again")?;
            put_mapping_in_force(call).await?;
            server.replace(live);
        }
        _ => put_mapping_in_force(call).await?,
    }
    // What the old mapping could not post the new one may; that it fails is no reason to stay with the old.
    if let Err(error) = jobs::post::after_a_change(call).await {
        tracing::error!(error = %format!("{error:#}"), "suspended events were not decided again; the job `post` does it");
    }
    Ok(())
}

async fn put_mapping_in_force(call: &Call) -> anyhow::Result<()> {
    call.set_up(&call.actor).await?;
    activate::activate(call).await?;
    Ok(())
}
