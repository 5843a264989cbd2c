//! Posting what waits: suspended events are decided again with the mapping in force, by command, by
//! schedule, and by itself when intake begins with another version of the mapping or its tables.

use crate::company::Company;
use crate::jobs;
use ledger::Decision;
use mappings::{Evaluator, Event};
use store::intake::{IntakeSummary, SuspendedEvent};

const PAGE: i64 = 1_000;

/// Decides every suspended event again if the mapping or one of its tables is another than the last time.
pub(crate) async fn after_a_change(company: &Company) -> anyhow::Result<()> {
    if company.store.retried().await? == Some(company.program.version) {
        return Ok(());
    }
    if company.store.suspended_after(0, 1).await?.is_empty() {
        return note(company).await;
    }
    let summary = jobs::run(company, "post").await?;
    tracing::info!(mapping.version = %company.program.version, %summary,
        "the mapping changed; suspended events were decided again");
    Ok(())
}

async fn note(company: &Company) -> anyhow::Result<()> {
    let mut tx = company.store.begin().await?;
    tx.set_retried(company.program.version).await?;
    Ok(tx.commit().await?)
}

/// Decides every suspended event again.
pub(crate) async fn run(company: &Company) -> anyhow::Result<IntakeSummary> {
    let mut total = IntakeSummary::default();
    let mut after = 0;
    loop {
        let page = company.store.suspended_after(after, PAGE).await?;
        let Some(last) = page.last() else {
            note(company).await?;
            return Ok(total);
        };
        after = last.id;
        let decisions = decide_again(company, &page);
        let mut tx = company.store.begin().await?;
        let summary = tx
            .redecide(decisions, company.program.version, &company.stamp())
            .await?;
        tx.commit().await?;
        total.add(&summary);
    }
}

fn decide_again(company: &Company, page: &[SuspendedEvent]) -> Vec<(i64, Decision)> {
    let mut evaluator = Evaluator::new(&company.program, &company.context);
    page.iter()
        .map(|suspended| {
            let decision = match Event::parse(&suspended.payload) {
                Ok(event) => evaluator.decide(&event),
                Err(error) => Decision::Suspended {
                    rule: None,
                    reason: error.to_string(),
                },
            };
            (suspended.id, decision)
        })
        .collect()
}
