//! A batch that its target refused: the same bytes once more, or its entries in a new batch. And a batch of which nobody
//! knows: whether it arrived. Everything else about a batch is no matter of a decision: what is due is sent, what
//! arrived stays.

use super::desk::missing;
use crate::call::{Refusal, RefusalKind};
use store::Tx;
use store::decision::BatchStanding;
use store::export::{DeliveryKind, SENDING};
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

/// The attempt of which nobody knows how it ended; none where it was decided already that it did not arrive.
pub(super) async fn undecided(tx: &mut Tx, batch: &str) -> Result<Option<i64>, Refusal> {
    let found = tx.batch_standing(batch).await?.ok_or_else(|| {
        missing(format!(
            "there is no batch `{batch}`; `tieout export status` shows what there is"
        ))
    })?;
    let open = [DeliveryKind::Unknown.number(), SENDING];
    let is_open = found.state.is_some_and(|state| open.contains(&state));
    match found.attempt.filter(|_| is_open) {
        Some(attempt) => Ok((found.resent == 0).then_some(attempt)),
        None => Err(Refusal::new(
            RefusalKind::Conflict,
            format!(
                "of batch {} of `{}` it is known how it is: {}",
                found.number,
                found.target,
                DeliveryKind::name_of(found.state)
            ),
        )),
    }
}

/// Takes a person's word that it arrived.
pub(super) async fn arrived(
    tx: &mut Tx,
    batch: &str,
    why: &str,
    stamp: &Stamp,
) -> Result<(), Refusal> {
    if let (Some(attempt), Some(found)) =
        (undecided(tx, batch).await?, tx.batch_standing(batch).await?)
    {
        let message = format!("{} says that it arrived: {why}", stamp.actor);
        // An attempt that nobody came back from ends with this word; after one that did this is one more.
        let at = match found.state {
            Some(SENDING) => attempt,
            _ => tx.begin_delivery(found.batch_id, stamp).await?,
        };
        tx.insert_delivery(
            (found.batch_id, at),
            DeliveryKind::Delivered,
            &message,
            stamp,
        )
        .await?;
    }
    Ok(())
}

/// Takes a person's word that it did not arrive.
pub(super) async fn not_there(
    tx: &mut Tx,
    batch: &str,
    why: &str,
    stamp: &Stamp,
) -> Result<(), Refusal> {
    if let (Some(attempt), Some(found)) =
        (undecided(tx, batch).await?, tx.batch_standing(batch).await?)
    {
        tx.resend_batch(found.batch_id, attempt, why, stamp).await?;
    }
    Ok(())
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
