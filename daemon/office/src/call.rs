//! A call: which company, who asks, and when; and what a call is refused with.

use crate::class::class;
use crate::company::Company;
use crate::progress::{Progress, Unwatched};
use chrono::{DateTime, Utc};
use ledger::Class;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use store::StoreError;
use store::intake::Stamp;
use store::runs::RunRow;

/// When a run that cannot be recorded is given up.
const LONGEST_REST: Duration = Duration::from_secs(5);

/// A call.
#[derive(Clone, Debug)]
pub struct Call {
    /// The company.
    pub company: Company,
    /// Who asks: what every change is recorded under.
    pub actor: String,
    /// When the call came.
    pub now: DateTime<Utc>,
    /// Who watches long work.
    pub progress: Arc<dyn Progress>,
}

impl Call {
    /// A call that nobody watches.
    pub fn new(company: Company, actor: impl Into<String>) -> Self {
        Self {
            now: company.clock.now(),
            company,
            actor: actor.into(),
            progress: Arc::new(Unwatched),
        }
    }

    /// The same call, watched.
    #[must_use]
    pub fn watched(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = progress;
        self
    }

    /// Who and when, for what is written now.
    pub fn stamp(&self) -> Stamp {
        Stamp {
            now: self.company.clock.now(),
            actor: self.actor.clone(),
        }
    }

    /// Records that a job ran, with what it did or why it failed.
    ///
    /// # Errors
    /// When the books cannot be written for several seconds.
    pub async fn record<T: serde::Serialize>(
        &self,
        job: &str,
        started: &Stamp,
        outcome: &anyhow::Result<T>,
    ) -> anyhow::Result<()> {
        let summary = match outcome {
            Ok(summary) => serde_json::to_string(summary)?,
            Err(error) => format!("{error:#}"),
        };
        let run = RunRow {
            id: 0,
            job: job.to_owned(),
            actor: started.actor.clone(),
            started_at: started.now,
            finished_at: self.company.clock.now(),
            succeeded: outcome.is_ok(),
            summary,
        };
        // The work is done; a database that is away for a moment should not make it look otherwise.
        let mut rest = Duration::from_millis(100);
        loop {
            match self.write_run(&run).await {
                Err(error) if error.class() == Class::Retry && rest < LONGEST_REST => {
                    tokio::time::sleep(rest).await;
                    rest *= 2;
                }
                other => return Ok(other?),
            }
        }
    }

    async fn write_run(&self, run: &RunRow) -> Result<(), StoreError> {
        let mut tx = self.company.store.begin().await?;
        tx.record_run(run).await?;
        tx.commit().await
    }
}

/// A call speaks for its company.
impl Deref for Call {
    type Target = Company;

    fn deref(&self) -> &Company {
        &self.company
    }
}

/// What a refusal asks of the one who called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// The request cannot be what was meant: say it differently.
    Invalid,
    /// What it names is not there.
    Missing,
    /// What it wants was decided, or moved, meanwhile: look again.
    Conflict,
    /// The one who asks may not.
    Forbidden,
    /// The same again may work.
    Unavailable,
    /// Something that always holds does not: somebody has to look.
    Broken,
}

/// Why a call was not answered; nothing of it was done.
#[derive(Debug)]
pub struct Refusal {
    kind: RefusalKind,
    cause: anyhow::Error,
}

impl Refusal {
    /// A refusal in words that say what to do.
    pub fn new(kind: RefusalKind, what: impl Into<String>) -> Self {
        Self {
            kind,
            cause: anyhow::Error::msg(what.into()),
        }
    }

    /// What it asks of the one who called.
    pub const fn kind(&self) -> RefusalKind {
        self.kind
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.cause, f)
    }
}

impl std::error::Error for Refusal {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.source()
    }
}

impl From<anyhow::Error> for Refusal {
    /// Takes what an error asks for from whoever in its chain knows.
    fn from(cause: anyhow::Error) -> Self {
        let cause = match cause.downcast::<Self>() {
            Ok(refusal) => return refusal,
            Err(cause) => cause,
        };
        let kind = match class(&cause) {
            Class::Retry | Class::Ambiguous => RefusalKind::Unavailable,
            Class::Refuse => RefusalKind::Conflict,
            Class::Quarantine | Class::Unclassified => RefusalKind::Invalid,
            Class::Stop => RefusalKind::Broken,
        };
        Self { kind, cause }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        anyhow::Error::from(error).into()
    }
}
