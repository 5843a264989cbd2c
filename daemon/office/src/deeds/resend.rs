//! A batch that its target refused: the same bytes once more, or its entries in a new batch. Everything else about
//! a batch is no matter of a decision: what is due is sent, what arrived stays.

use super::desk::missing;
use crate::call::{Refusal, RefusalKind};
use store::Tx;
use store::decision::BatchStanding;
use store::export::DeliveryKind;
use store::intake::Stamp;

/// The attempt that was refused, and what the target said then.
pub(super) async fn refused(tx: &mut Tx, batch: &str) -> Result<(i64, String), Refusal> {
    let (found, attempt) = standing(tx, batch).await?;
    Ok((attempt, found.message.unwrap_or_default()))
}

/// Lets the next export send it again.
pub(super) async fn resend(
    tx: &mut Tx,
    batch: &str,
    why: &str,
    stamp: &Stamp,
) -> Result<(), Refusal> {
    let (found, attempt) = standing(tx, batch).await?;
    Ok(tx.resend_batch(found.batch_id, attempt, why, stamp).await?)
}

/// Gives its entries back: the next export puts them into a batch that names this one.
pub(super) async fn release(
    tx: &mut Tx,
    batch: &str,
    why: &str,
    stamp: &Stamp,
) -> Result<(), Refusal> {
    let (found, _) = standing(tx, batch).await?;
    Ok(tx.release_batch(found.batch_id, why, stamp).await?)
}

/// A refused batch with the attempt that was refused.
async fn standing(tx: &mut Tx, batch: &str) -> Result<(BatchStanding, i64), Refusal> {
    let Some(batch) = tx.batch_standing(batch).await? else {
        return Err(missing(format!(
            "there is no batch `{batch}`; `tieout report control` names those that were refused"
        )));
    };
    let at = format!("batch {} of `{}`", batch.number, batch.target);
    let rejected = batch.state == Some(DeliveryKind::Rejected.number());
    match batch.attempt.filter(|_| rejected) {
        Some(attempt) if batch.due == 0 => Ok((batch, attempt)),
        Some(_) => Err(Refusal::new(
            RefusalKind::Conflict,
            format!(
                "{at} is to be sent again already: run `tieout export {}`",
                batch.target
            ),
        )),
        None => {
            let state = DeliveryKind::name_of(batch.state);
            let next = match state {
                "unknown" | "unsent" => format!("`tieout export {}` sends it", batch.target),
                "released" => "its entries went into another batch, or will".to_owned(),
                _ => "it arrived; what is wrong in it is corrected by new entries".to_owned(),
            };
            Err(Refusal::new(
                RefusalKind::Conflict,
                format!("{at} was not refused, it is {state}: {next}"),
            ))
        }
    }
}
