//! One at a time: a job that two processes must not do for the same subject at once.
//!
//! Whoever finds it taken waits a while and then leaves it to the one who has it: that is a note, and no failure.

use crate::call::Call;
use std::time::Duration;
use store::lease::{BREATH, Lease};

/// How long a subject that another process works on is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often one looks whether it is free.
const LOOK: Duration = Duration::from_millis(100);

/// Works while nobody else does; nothing is begun, and nothing comes back, while somebody else still does.
pub(crate) async fn alone<T>(
    call: &Call,
    job: &str,
    subject: &str,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<Option<T>> {
    let Some(mut lease) = wait_for(call, job, subject).await? else {
        return Ok(None);
    };
    let outcome = tokio::select! {
        done = work => done,
        lost = keep(&mut lease) => Err(lost.context(format!("the lease of `{job}` for `{subject}` was lost"))),
    };
    lease.end().await;
    outcome.map(Some)
}

async fn wait_for(call: &Call, job: &str, subject: &str) -> anyhow::Result<Option<Lease>> {
    let mut waited = Duration::ZERO;
    loop {
        let lease = call.store.lease(job, subject).await?;
        if lease.is_some() || waited >= PATIENCE {
            return Ok(lease);
        }
        tokio::time::sleep(LOOK).await;
        waited += LOOK;
    }
}

/// Says now and then that the holder is there, until it is no longer so.
async fn keep(lease: &mut Lease) -> anyhow::Error {
    loop {
        tokio::time::sleep(BREATH).await;
        if let Err(error) = lease.keep().await {
            return error.into();
        }
    }
}
