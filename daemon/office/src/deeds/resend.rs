//! What a person decides about a batch that its target refused: the same bytes once more, or its entries in a
//! new batch. The decision is a row that says who and why, in one transaction with what it changes.

use crate::call::{Call, Refusal, RefusalKind};
use store::Tx;
use store::decision::BatchStanding;
use store::export::DeliveryKind;
use store::runs::RunRow;

/// Which batch, and why.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its outside name, a UUID.
    pub batch: String,
    /// Why; it stays in the books.
    pub why: String,
}

/// What was decided.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Answer {
    /// The batch's outside name.
    pub batch: String,
    /// The target.
    pub target: String,
    /// Its number there.
    pub number: i64,
    /// How many entries it holds.
    pub entries: i64,
    /// What the target had said.
    pub said: String,
}

#[derive(Clone, Copy)]
enum Deed {
    Resend,
    Release,
}

/// Lets the next export send a refused batch again, byte for byte.
///
/// # Errors
/// [`Refusal`] when there is no such batch, or when it was not refused.
pub async fn resend(call: &Call, request: &Request) -> Result<Answer, Refusal> {
    decide(call, request, Deed::Resend).await
}

/// Gives the entries of a refused batch back: the next export puts them into a new batch, which names this one.
///
/// # Errors
/// [`Refusal`] when there is no such batch, or when it was not refused.
pub async fn release(call: &Call, request: &Request) -> Result<Answer, Refusal> {
    decide(call, request, Deed::Release).await
}

async fn decide(call: &Call, request: &Request, deed: Deed) -> Result<Answer, Refusal> {
    let why = request.why.trim();
    if why.is_empty() {
        let what = "say why: the reason stays in the books";
        return Err(Refusal::new(RefusalKind::Invalid, what));
    }
    let mut tx = call.store.begin().await?;
    let Some(batch) = tx.batch_standing(&request.batch).await? else {
        let what = format!(
            "there is no batch `{}`; `tieout verify` and the control equation name those that were refused",
            request.batch
        );
        return Err(Refusal::new(RefusalKind::Missing, what));
    };
    let attempt = refused(&batch)?;
    let stamp = call.stamp();
    match deed {
        Deed::Resend => {
            tx.resend_batch(batch.batch_id, attempt, why, &stamp)
                .await?;
        }
        Deed::Release => tx.release_batch(batch.batch_id, why, &stamp).await?,
    }
    record(&mut tx, call, deed, &batch, why).await?;
    tx.commit().await?;
    Ok(Answer {
        batch: batch.uuid,
        target: batch.target,
        number: batch.number,
        entries: batch.entries,
        said: batch.message.unwrap_or_default(),
    })
}

/// The attempt that was refused; everything else is no matter of a decision.
fn refused(batch: &BatchStanding) -> Result<i64, Refusal> {
    let at = format!("batch {} of `{}`", batch.number, batch.target);
    match (batch.state, batch.attempt) {
        (Some(state), Some(attempt)) if state == DeliveryKind::Rejected.number() => {
            if batch.due == 0 {
                return Ok(attempt);
            }
            let what = format!(
                "{at} is to be sent again already: run `tieout export {}`",
                batch.target
            );
            Err(Refusal::new(RefusalKind::Conflict, what))
        }
        (state, _) => {
            let next = match DeliveryKind::name_of(state) {
                "unknown" | "unsent" => {
                    format!("`tieout export {}` sends it", batch.target)
                }
                "released" => "its entries went into another batch, or will".to_owned(),
                _ => "it arrived; what is wrong in it is corrected by new entries".to_owned(),
            };
            let what = format!(
                "{at} was not refused, it is {}: {next}",
                DeliveryKind::name_of(state)
            );
            Err(Refusal::new(RefusalKind::Conflict, what))
        }
    }
}

async fn record(
    tx: &mut Tx,
    call: &Call,
    deed: Deed,
    batch: &BatchStanding,
    why: &str,
) -> Result<(), Refusal> {
    let job = match deed {
        Deed::Resend => "export resend",
        Deed::Release => "export release",
    };
    let stamp = call.stamp();
    tx.record_run(&RunRow {
        id: 0,
        job: job.to_owned(),
        actor: stamp.actor,
        started_at: call.now,
        finished_at: stamp.now,
        succeeded: true,
        summary: serde_json::json!({
            "batch": batch.uuid, "target": batch.target, "number": batch.number, "why": why,
        })
        .to_string(),
    })
    .await?;
    Ok(())
}
