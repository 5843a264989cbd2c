//! What a run found, into the books: matches page by page, breaks and totals as they are now, and what the next run
//! needs, in one transaction.

use super::load::Loaded;
use crate::call::Call;
use crate::deeds::posting;
use crate::jobs::items::{ALL, side_name};
use ledger::{Currency, ItemKind, ItemRef, Movement};
use reconcile::{Cash, Findings, Matched, Plan, TooMuch, Which};
use std::collections::{BTreeMap, BTreeSet};
use store::Tx;
use store::intake::Stamp;
use store::kept::{Kept, MatchedSums, PayoutSum};
use store::reconciliation::{BreakRow, CashStateRow, NewMatch, StateRow};

/// Matches that go into the books at once.
const PAGE: usize = 2_000;

/// What is known of matched items when all are written.
struct Memory<'l> {
    is_declared: bool,
    sums: MatchedSums,
    names: Vec<(i64, i64)>,
    payouts: BTreeMap<i64, PayoutSum>,
    loaded: &'l Loaded,
}

impl<'l> Memory<'l> {
    fn new(plan: &Plan, loaded: &'l Loaded) -> Self {
        Self {
            is_declared: plan.declares_movements(),
            sums: loaded.sums.clone(),
            names: Vec::new(),
            payouts: loaded.payouts.clone(),
            loaded,
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
            movement.map_or("", Movement::name).to_owned(),
        );
        let sum = self.sums.entry(key).or_default();
        *sum = sum.checked_add(item.amount).ok_or(TooMuch)?;
        Ok(())
    }

    /// What was matched before and no run has kept: by somebody's hand, or before anything was kept.
    fn remember(&mut self, plan: &Plan) -> Result<(), TooMuch> {
        let loaded = self.loaded;
        let mut outcome = Ok(());
        reconcile::consumed(plan, &loaded.input, |which, item, names| {
            let key = (crate::jobs::items::place(which), item.item);
            let Some(of) = loaded.known.get(&key) else {
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

    fn tie_fees(&mut self, findings: &Findings) -> Result<(), TooMuch> {
        for which in [Which::LeftFees, Which::RightFees] {
            for item in findings.tied_fees(&self.loaded.input, which) {
                self.add(which, &item)?;
                if item.item.kind == ItemKind::Payout
                    && let Some(sum) = self.payouts.get_mut(&item.item.id)
                {
                    sum.tied_fee = sum.fee;
                }
            }
        }
        Ok(())
    }
}

pub(super) async fn write(
    call: &Call,
    plan: &Plan,
    loaded: &Loaded,
    findings: &Findings,
) -> anyhow::Result<()> {
    let stamp = call.stamp();
    let name = &plan.reconciliation;
    let mut memory = Memory::new(plan, loaded);
    memory.remember(plan)?;
    memory.tie_fees(findings)?;
    let mut breaks: Vec<BreakRow> = findings
        .breaks
        .iter()
        .map(|found| break_row(plan, found))
        .collect();
    let states = state_rows(plan, findings);
    let cash: Vec<CashStateRow> = findings
        .cash
        .iter()
        .map(|(key, cash)| cash_state(plan, *key, cash))
        .collect();
    let open: Vec<(&'static str, ItemRef)> = ALL
        .into_iter()
        .flat_map(|which| {
            let items: BTreeSet<ItemRef> = findings.open(&loaded.input, which).collect();
            items.into_iter().map(move |item| (side_name(which), item))
        })
        .collect();
    let mut tx = call.store.begin().await?;
    write_matches(&mut tx, (plan, loaded, findings), &mut memory, &stamp).await?;
    let as_of = findings.as_of.unwrap_or_else(|| stamp.now.date_naive());
    breaks.extend(posting::counted_twice(&mut tx, name, &breaks, as_of).await?);
    tx.write_findings(name, &breaks, &states, &stamp).await?;
    tx.write_cash(name, &cash, &stamp).await?;
    memory.names.sort_unstable();
    memory.names.dedup();
    let payouts: Vec<PayoutSum> = memory.payouts.values().copied().collect();
    let kept = Kept {
        mark: &loaded.mark,
        open: &open,
        sums: &memory.sums,
        payouts: &payouts,
        names: &memory.names,
        anew: loaded.anew,
    };
    tx.keep(name, &kept).await?;
    tx.commit().await?;
    Ok(())
}

async fn write_matches(
    tx: &mut Tx,
    (plan, loaded, findings): (&Plan, &Loaded, &Findings),
    memory: &mut Memory<'_>,
    stamp: &Stamp,
) -> anyhow::Result<()> {
    let mut adding = tx.begin_matches().await?;
    let mut page = Vec::with_capacity(PAGE);
    let mut names = Vec::new();
    let mut id = adding.next();
    let count = findings.matches.len();
    for first in (0..count).step_by(PAGE) {
        page.clear();
        let places = first..count.min(first + PAGE);
        // What iterates over rows is not held while the books are waited for.
        for found in findings.matches.part(places, plan, &loaded.input) {
            for which in Which::SIDES {
                for item in found.items(which) {
                    memory.add(which, &item)?;
                    memory.matched_payout(item.item, item.amount);
                }
            }
            found.names(&mut names);
            memory.names.extend(names.iter().map(|name| (*name, id)));
            id += 1;
            page.push(new_match(&found));
        }
        tx.add_matches(&mut adding, &plan.reconciliation, &page, stamp)
            .await?;
    }
    Ok(tx.end_matches(adding, stamp).await?)
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
