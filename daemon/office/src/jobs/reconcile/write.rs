//! What a run found, into the books: matches page by page, breaks and totals as they are now, and what the next run
//! needs, in one transaction.

use super::load::Loaded;
use crate::call::Call;
use crate::deeds::posting;
use crate::items::side_name;
use anyhow::Context as _;
use ledger::{Currency, ItemKind, ItemRef, Movement};
use reconcile::{Cash, Findings, Matched, Plan, TooMuch, Which};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::Tx;
use store::intake::Stamp;
use store::kept::{Kept, MatchedSums, PayoutSum};
use store::reconciliation::{BreakRow, CashStateRow, NewMatch, StateRow};
use tokio::sync::mpsc;

/// Matches that go into the books at once.
const PAGE: usize = 2_000;

/// Pages that wait for the books: more would only take room.
const AHEAD: usize = 2;

/// What is known of matched items when all are written.
struct Memory {
    is_declared: bool,
    sums: MatchedSums,
    names: Vec<(i64, i64)>,
    payouts: BTreeMap<i64, PayoutSum>,
}

impl Memory {
    fn new(plan: &Plan, loaded: &Loaded) -> Self {
        Self {
            is_declared: plan.declares_movements(),
            sums: loaded.sums.clone(),
            names: Vec::new(),
            payouts: loaded.payouts.clone(),
        }
    }

    fn add(&mut self, which: Which, item: &Matched<'_>) -> Result<(), TooMuch> {
        let movement = match which {
            Which::LeftFees | Which::RightFees => Some(Movement::Fee),
            Which::Left | Which::Right => item.movement.filter(|_| self.is_declared),
        };
        let key = (
            side_name(which),
            i64::from(item.currency.numeric()),
            movement.map_or("", Movement::name),
        );
        let sum = self.sums.entry(key).or_default();
        *sum = sum.checked_add(item.amount).ok_or(TooMuch)?;
        Ok(())
    }

    /// What was matched before and no run has kept: by somebody's hand, or before anything was kept.
    fn remember(&mut self, plan: &Plan, loaded: &Loaded) -> Result<(), TooMuch> {
        let mut outcome = Ok(());
        reconcile::consumed(plan, &loaded.input, |which, item, names| {
            let Some(of) = loaded.known.get(&(which, item.item)) else {
                return;
            };
            if outcome.is_ok() {
                outcome = self.add(which, &item);
            }
            self.names.extend(names.iter().map(|name| (*name, *of)));
            // Where all is read, payouts were told what of them is matched.
            if !loaded.anew {
                self.matched_payout(item.item, item.amount);
            }
        });
        outcome
    }

    fn matched_payout(&mut self, item: ItemRef, amount: i64) {
        if item.kind == ItemKind::Payout
            && let Some(sum) = self.payouts.get_mut(&item.id)
        {
            sum.matched = sum.matched.saturating_add(amount);
            sum.parts = sum.parts.max(item.sub + 1);
        }
    }

    fn tie_fees(&mut self, loaded: &Loaded, findings: &Findings) -> Result<(), TooMuch> {
        for which in [Which::LeftFees, Which::RightFees] {
            for item in findings.tied_fees(&loaded.input, which) {
                self.add(which, &item)?;
                if item.item.kind == ItemKind::Payout
                    && let Some(sum) = self.payouts.get_mut(&item.item.id)
                {
                    sum.tied_fee = sum.lines.fee;
                }
            }
        }
        Ok(())
    }
}

/// What a run found and what it was found in, on its way into the books.
pub(super) struct Found {
    pub(super) plan: Plan,
    pub(super) loaded: Loaded,
    pub(super) findings: Findings,
}

/// Gives whether it is written. Where somebody matched something by hand after the books were read, nothing is: the
/// same item may be in what was found.
pub(super) async fn write(call: &Call, found: Arc<Found>) -> anyhow::Result<bool> {
    let stamp = call.stamp();
    let (plan, findings) = (&found.plan, &found.findings);
    let name = &plan.reconciliation;
    let breaks = findings.breaks.iter();
    let mut breaks: Vec<BreakRow> = breaks.map(|found| break_row(plan, found)).collect();
    let states = state_rows(plan, findings);
    let cash = findings.cash.iter();
    let cash: Vec<CashStateRow> = cash
        .map(|(key, cash)| cash_state(plan, *key, cash))
        .collect();
    let open: Vec<(&'static str, ItemRef)> = Which::ALL
        .into_iter()
        .flat_map(|which| {
            let items: BTreeSet<ItemRef> = findings.open(&found.loaded.input, which).collect();
            items.into_iter().map(move |item| (side_name(which), item))
        })
        .collect();
    let mut tx = call.store.begin().await?;
    if tx
        .has_matched_since(name, found.loaded.newest_match)
        .await?
    {
        return Ok(false);
    }
    let memory = write_matches(&mut tx, &found, &stamp).await?;
    let as_of = findings.as_of.unwrap_or_else(|| stamp.now.date_naive());
    breaks.extend(posting::counted_twice(&mut tx, name, &breaks, as_of).await?);
    tx.write_findings(name, &breaks, &states, &stamp).await?;
    tx.write_cash(name, &cash, &stamp).await?;
    let payouts: Vec<PayoutSum> = memory.payouts.values().copied().collect();
    let kept = Kept {
        mark: &found.loaded.mark,
        open: &open,
        sums: &memory.sums,
        payouts: &payouts,
        names: &memory.names,
        anew: found.loaded.anew,
    };
    tx.keep(name, &kept).await?;
    tx.commit().await?;
    Ok(true)
}

/// Writes matches while a thread of its own says in words what the next ones are.
async fn write_matches(tx: &mut Tx, found: &Arc<Found>, stamp: &Stamp) -> anyhow::Result<Memory> {
    let mut adding = tx.begin_matches().await?;
    let (send, mut pages) = mpsc::channel(AHEAD);
    let (first, own) = (adding.next(), Arc::clone(found));
    let saying = tokio::task::spawn_blocking(move || say(&own, first, &send));
    while let Some(page) = pages.recv().await {
        tx.add_matches(&mut adding, &found.plan.reconciliation, &page, stamp)
            .await?;
    }
    let memory = saying.await.context("telling the matches broke off")??;
    tx.end_matches(adding, stamp).await?;
    Ok(memory)
}

/// Matches in words, page by page, and what is to be kept of them.
fn say(found: &Found, first: i64, send: &mpsc::Sender<Vec<NewMatch>>) -> Result<Memory, TooMuch> {
    let (plan, loaded, findings) = (&found.plan, &found.loaded, &found.findings);
    let mut memory = Memory::new(plan, loaded);
    memory.remember(plan, loaded)?;
    memory.tie_fees(loaded, findings)?;
    let (mut names, mut id) = (Vec::new(), first);
    let count = findings.matches.len();
    for from in (0..count).step_by(PAGE) {
        let mut page = Vec::with_capacity(PAGE);
        let places = from..count.min(from + PAGE);
        for one in findings.matches.part(places, plan, &loaded.input) {
            for which in Which::SIDES {
                for item in one.items(which) {
                    memory.add(which, &item)?;
                    memory.matched_payout(item.item, item.amount);
                }
            }
            one.names(&mut names);
            memory.names.extend(names.iter().map(|name| (*name, id)));
            id += 1;
            page.push(new_match(&one));
        }
        // Nobody takes it where the books refused what was before.
        if send.blocking_send(page).is_err() {
            break;
        }
    }
    memory.names.sort_unstable();
    memory.names.dedup();
    Ok(memory)
}

fn new_match(found: &reconcile::Match<'_>) -> NewMatch {
    let items = |which: Which| {
        let items = found.items(which);
        items.map(|item| (item.item, item.amount)).collect()
    };
    NewMatch {
        pass: found.pass().to_owned(),
        currency_id: i64::from(found.currency().numeric()),
        left: items(Which::Left),
        right: items(Which::Right),
        explanation: found.explanation(),
        proposal_id: None,
    }
}

fn cash_state(
    plan: &Plan,
    (currency, movement): (Currency, Option<Movement>),
    cash: &Cash,
) -> CashStateRow {
    CashStateRow {
        reconciliation: plan.reconciliation.clone(),
        currency_id: i64::from(currency.numeric()),
        movement: movement.map_or("", Movement::name).to_owned(),
        left_total: cash.left,
        right_total: cash.right,
        left_open: cash.left_open,
        right_open: cash.right_open,
        breaks: cash.breaks,
    }
}

fn break_row(plan: &Plan, found: &reconcile::Break) -> BreakRow {
    BreakRow {
        id: found.id.clone(),
        reconciliation: plan.reconciliation.clone(),
        kind: found.kind.clone(),
        status: found.status.name().to_owned(),
        state: found.status.name().to_owned(),
        reference: found.reference.clone(),
        account: found.account.clone(),
        currency_id: i64::from(found.currency.numeric()),
        amount: found.amount,
        since_on: found.since,
        age_days: found.age_days,
        items: found.items.clone(),
        detail: found.detail.clone(),
        lasting: found.lasting,
        assignee: None,
    }
}

fn state_rows(plan: &Plan, findings: &Findings) -> Vec<StateRow> {
    let Some(as_of_on) = findings.as_of else {
        return Vec::new();
    };
    findings
        .totals
        .iter()
        .map(|(currency, totals)| StateRow {
            reconciliation: plan.reconciliation.clone(),
            account: plan.right.name().to_owned(),
            currency_id: i64::from(currency.numeric()),
            left_total: totals.left,
            right_total: totals.right,
            left_matched: totals.left_matched,
            right_matched: totals.right_matched,
            left_pending: totals.left_pending,
            right_pending: totals.right_pending,
            breaks: totals.breaks,
            as_of_on,
        })
        .collect()
}
