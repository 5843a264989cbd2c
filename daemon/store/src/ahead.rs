//! The first rows of a batch, written while the one before it still is.
//!
//! Outcomes, lines and schedules have no unique key: whoever writes them waits for nobody, and nobody waits
//! for them. So on PostgreSQL, while one batch is written, those of the next go in through a second connection
//! and in that batch's own transaction, numbered from where the books *will* stand. Only then it takes the
//! writer's row and looks. If the books stand exactly there, it goes on with events, entries, balances and
//! checkpoints; if they do not (another instance came between, a period was closed, the batch before failed),
//! its transaction never was, and the batch is written as if it had waited.
//!
//! A batch goes ahead of one other, not of two, and only with names that the books know.

use crate::arrivals::{Arrivals, Seen};
use crate::books::Names;
use crate::intake::{IntakeBatch, Stamp};
use crate::keys::SharedKeys;
use crate::numbers::Counters;
use crate::outlook::{Outlook, Tell};
use crate::plan::{Ground, Plan, TakenAll, event_keys, reading};
use crate::sort::{Sorted, Sorting};
use crate::{Store, StoreError, Tx};
use futures_util::lock::{Mutex, OwnedMutexGuard};

/// A batch whose first rows are written, in a transaction that waits for its turn.
pub(crate) struct Ahead<'b> {
    tx: Tx,
    plan: Plan<'b>,
    alone: OwnedMutexGuard<()>,
}

impl<'b> Ahead<'b> {
    /// Plans batches on an outlook and writes their first rows; `None` where they have to wait.
    pub(crate) async fn begin(
        store: &Store,
        batches: &'b [IntakeBatch],
        outlook: &Outlook,
        names: &Mutex<Names>,
        stamp: &Stamp,
    ) -> Result<Option<Self>, StoreError> {
        let Some((mut tx, alone)) = store.begin_ahead().await? else {
            return Ok(None);
        };
        let Some(ground) = tx.presumed(batches, outlook).await? else {
            return Ok(None);
        };
        let mine = ground.mine(batches);
        if mine.len() < batches.len() {
            return Ok(None);
        }
        let perhaps = store.keys().lock().await.perhaps(event_keys(&mine));
        let seen = tx.known(perhaps, reading(&mine)).await?;
        let planned = {
            let mut names = names.lock().await;
            names.closed.clone_from(&outlook.closed);
            plan(ground, mine, (&seen, &outlook.seen), &names)?
        };
        let Some(plan) = planned else {
            return Ok(None);
        };
        plan.check()?;
        tx.insert_unkeyed(&plan.sorted, stamp).await?;
        Ok(Some(Self { tx, plan, alone }))
    }

    /// Its turn: goes on if the books stand where they were presumed to stand, which is after a batch
    /// that left these counters.
    pub(crate) async fn go_on(
        self,
        batches: &[IntakeBatch],
        before: Counters,
        keys: &SharedKeys,
        tell: &mut Option<Tell>,
        stamp: &Stamp,
    ) -> Result<Option<(Tx, TakenAll)>, StoreError> {
        let Self {
            mut tx,
            mut plan,
            alone,
        } = self;
        // The next may go ahead of this one.
        drop(alone);
        plan.ground.counters.batch = before.batch;
        plan.ground.counters.head = before.head;
        // One who waited for long was shown the door.
        if tx.wait_in_line().await.is_err() || tx.ground(batches).await? != plan.ground {
            tx.roll_back().await;
            return Ok(None);
        }
        Outlook::tell(tell, &plan);
        tx.insert_came(&plan.arrivals, stamp).await?;
        let all = tx.finish(batches, &plan, keys, stamp).await?;
        Ok(Some((tx, all)))
    }
}

impl Tx {
    /// Where the books will stand for some batches; `None` where one is of a partition that they do not
    /// know.
    async fn presumed(
        &mut self,
        batches: &[IntakeBatch],
        outlook: &Outlook,
    ) -> Result<Option<Ground>, StoreError> {
        let mut places = Vec::with_capacity(batches.len());
        for batch in batches {
            let name = (batch.source.clone(), batch.partition.clone());
            let place = match outlook.places.get(&name) {
                Some(place) => Some(*place),
                None => self.known_place(batch).await?,
            };
            let Some(place) = place else {
                return Ok(None);
            };
            places.push(place);
        }
        Ok(Some(Ground {
            counters: outlook.counters.clone(),
            closed: outlook.closed.clone(),
            places,
        }))
    }
}

/// The rows of some batches, if all their names are known.
fn plan<'b>(
    ground: Ground,
    mine: Vec<(&'b IntakeBatch, i64)>,
    seen: (&Seen, &Seen),
    names: &Names,
) -> Result<Option<Plan<'b>>, StoreError> {
    let Ok(arrivals) = Arrivals::look(&mine, names, seen, &ground.counters) else {
        return Ok(None);
    };
    let sort = |sorting: &mut Sorting<'b, '_>| sorting.arrivals(&arrivals);
    let Ok(sorted) = Sorted::by(sort, names, &arrivals.last)? else {
        return Ok(None);
    };
    Ok(Some(Plan {
        ground,
        mine,
        arrivals,
        sorted,
    }))
}
