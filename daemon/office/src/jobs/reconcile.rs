//! Reconciliation: load both sides, run the plan, write matches, breaks and totals together.
//!
//! [`examine`] sums both sides as they are now and holds them against what the newest run left: `tieout verify`
//! trusts no total that it did not sum itself.

use crate::call::Call;
use crate::jobs::items;
use crate::lease;
use anyhow::Context as _;
use ledger::{Currency, ItemRef, Movement, Origin};
use reconcile::{Cash, CashTable, Findings, Input, Plan, Source, Which};
use reports::{CashRow, ClearingRow};
use std::collections::BTreeMap;
use store::Snapshot;
use store::reconciliation::{BreakRow, CashStateRow, NewMatch, StateRow};

/// What a run found.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Summary {
    /// The name in the configuration.
    pub reconciliation: String,
    /// How many groups were matched.
    pub matches: usize,
    /// Differences that were named.
    pub breaks: usize,
    /// What the reader should know though nothing went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Runs all reconciliations, or one.
pub async fn run(call: &Call, only: Option<&str>) -> anyhow::Result<Vec<Summary>> {
    let plans = &call.config.reconciliations;
    if let Some(name) = only
        && !plans.iter().any(|plan| plan.reconciliation == name)
    {
        let known: Vec<&str> = plans
            .iter()
            .map(|plan| plan.reconciliation.as_str())
            .collect();
        anyhow::bail!(
            "there is no reconciliation `{name}`; there are {}",
            known.join(", ")
        );
    }
    super::after_a_load(call).await;
    let mut all = Vec::new();
    for plan in plans
        .iter()
        .filter(|plan| only.is_none_or(|only| plan.reconciliation == only))
    {
        let name = &plan.reconciliation;
        let done = lease::alone(call, "reconcile", name, Box::pin(one(call, plan))).await?;
        all.push(done.unwrap_or_else(|| left(name)));
    }
    Ok(all)
}

/// From the view of the books to what is written nobody else may write: the view would be an older one.
async fn one(call: &Call, plan: &Plan) -> anyhow::Result<Summary> {
    let books = call.store.snapshot().await?;
    let input = items::load(&books, plan).await?;
    drop(books);
    let own = plan.clone();
    // The holder of the lease has to say meanwhile that it is there.
    let matching = tokio::task::spawn_blocking(move || {
        let findings = reconcile::reconcile_on(&own, &input, THREADS);
        (input, findings)
    });
    let (input, findings) = matching.await.context("the matching broke off")?;
    write(call, plan, &input, &findings).await?;
    Ok(Summary {
        reconciliation: plan.reconciliation.clone(),
        matches: findings.matches.len(),
        breaks: findings.breaks.len(),
        note: None,
    })
}

fn left(name: &str) -> Summary {
    let note = format!("another process reconciles `{name}`; it is left to that one");
    tracing::info!(reconciliation = %name, "{note}");
    Summary {
        reconciliation: name.to_owned(),
        note: Some(note),
        ..Summary::default()
    }
}

/// Threads of one matching: how many changes nothing but the time.
const THREADS: usize = 2;

/// The matches as rows.
fn match_rows(plan: &Plan, input: &Input, findings: &Findings) -> Vec<NewMatch> {
    let matches = findings.matches.iter(plan, input);
    let items = |found: &reconcile::Match<'_>, which: Which| {
        let items = found.items(which);
        items.map(|item| (item.item, item.amount)).collect()
    };
    matches
        .map(|found| NewMatch {
            pass: found.pass().to_owned(),
            currency_id: i64::from(found.currency().numeric()),
            left: items(&found, Which::Left),
            right: items(&found, Which::Right),
            explanation: found.explanation(),
        })
        .collect()
}

async fn write(call: &Call, plan: &Plan, input: &Input, findings: &Findings) -> anyhow::Result<()> {
    let matches = match_rows(plan, input, findings);
    let breaks: Vec<BreakRow> = findings
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
    let mut tx = call.store.begin().await?;
    tx.write_findings(
        &plan.reconciliation,
        &matches,
        &breaks,
        &states,
        &call.stamp(),
    )
    .await?;
    tx.write_cash(&plan.reconciliation, &cash, &call.stamp())
        .await?;
    tx.commit().await?;
    Ok(())
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

/// What reconciliation contributes to the control equation, computed now from the rows.
#[derive(Clone, Debug, Default)]
pub struct Examination {
    /// Movements of cash, per reconciliation and currency.
    pub cash: Vec<CashRow>,
    /// Clearing accounts of the ledger's sides.
    pub clearing: Vec<ClearingRow>,
    /// Reconciliations that have not seen the newest items.
    pub stale: Vec<String>,
}

/// Sums both sides as they are now and holds them against what the newest run left, without matching again.
pub async fn examine(call: &Call, books: &Snapshot) -> anyhow::Result<Examination> {
    let mut found = Examination::default();
    let (stored, states) = (
        books.cash_states().await?,
        books.reconciliation_states().await?,
    );
    for plan in &call.config.reconciliations {
        let input = items::load(books, plan).await?;
        let own = |name: &str| name == plan.reconciliation;
        let seen = states.iter().filter(|row| own(&row.reconciliation));
        let as_of = input.as_of();
        let left: Vec<&CashStateRow> = stored
            .iter()
            .filter(|row| own(&row.reconciliation))
            .collect();
        let rows = cash_rows(plan, &reconcile::sums(plan, &input), &left);
        let is_stale =
            rows.iter().any(|row| !row.is_current) || seen.map(|row| row.as_of_on).max() != as_of;
        if is_stale && !rows.is_empty() {
            found.stale.push(plan.reconciliation.clone());
        }
        found.cash.extend(rows);
        if let Source::Ledger { account, .. } = &plan.left {
            found
                .clearing
                .extend(clearing_rows(books, plan, account).await?);
        }
    }
    Ok(found)
}

/// Sums of now beside the rest as the newest run left it. A row that the run did not see, or saw with other sums,
/// is not current.
fn cash_rows(plan: &Plan, sums: &CashTable, stored: &[&CashStateRow]) -> Vec<CashRow> {
    let mut rows = BTreeMap::<(i64, String), CashRow>::new();
    let row = |currency_id: i64, movement: &str| CashRow {
        reconciliation: plan.reconciliation.clone(),
        currency_id,
        movement: movement.to_owned(),
        left: 0,
        right: 0,
        open: 0,
        breaks: 0,
        is_current: false,
    };
    for ((currency, movement), cash) in sums {
        let currency_id = i64::from(currency.numeric());
        let movement = movement.map_or("", Movement::name);
        let mut now = row(currency_id, movement);
        (now.left, now.right) = (cash.left, cash.right);
        rows.insert((currency_id, movement.to_owned()), now);
    }
    for old in stored {
        let key = (old.currency_id, old.movement.clone());
        let now = rows
            .entry(key)
            .or_insert_with(|| row(old.currency_id, &old.movement));
        now.open = old.left_open - old.right_open;
        now.breaks = old.breaks;
        now.is_current = (now.left, now.right) == (old.left_total, old.right_total);
    }
    rows.into_values().collect()
}

/// A clearing account's balance against its open items: lines that one payout brought together
/// close each other, and what is left of each group is open.
async fn clearing_rows(
    books: &Snapshot,
    plan: &Plan,
    account: &str,
) -> anyhow::Result<Vec<ClearingRow>> {
    let payouts = payout_of_items(books, &plan.reconciliation).await?;
    let mut groups = BTreeMap::<(String, i64), BTreeMap<String, i64>>::new();
    for line in books.account_items(account).await? {
        let item = ItemRef::entry(line.entry_id, line.line_no);
        let group = payouts
            .get(&item)
            .cloned()
            .unwrap_or_else(|| line.reference.clone());
        let amount = if line.side == ledger::Side::Credit.number() {
            -line.amount
        } else {
            line.amount
        };
        *groups
            .entry((line.entity, line.currency_id))
            .or_default()
            .entry(group)
            .or_default() += amount;
    }
    let mut balances = BTreeMap::<(String, i64), i64>::new();
    let labels = books.labels().await?;
    for row in books
        .balances()
        .await?
        .into_iter()
        .filter(|row| labels.is_called(&row.account, account))
    {
        *balances.entry((row.entity, row.currency_id)).or_default() += row.debit - row.credit;
    }
    Ok(groups
        .into_iter()
        .map(|(key, groups)| {
            let open: Vec<i64> = groups.into_values().filter(|amount| *amount != 0).collect();
            ClearingRow {
                account: account.to_owned(),
                balance: balances.get(&key).copied().unwrap_or(0),
                open_items: open.iter().sum(),
                count: i64::try_from(open.len()).unwrap_or(0),
                entity: key.0,
                currency_id: key.1,
            }
        })
        .collect())
}

/// The payout of every ledger line that was matched with a settlement line.
async fn payout_of_items(
    books: &Snapshot,
    reconciliation: &str,
) -> anyhow::Result<BTreeMap<ItemRef, String>> {
    let lines: BTreeMap<ItemRef, String> = books
        .settlement_lines(Origin::Processor)
        .await?
        .into_iter()
        .filter(|stored| !stored.line.payout.is_empty())
        .map(|stored| (stored.item(), stored.line.payout))
        .collect();
    let items = books.match_items(reconciliation).await?;
    let mut by_match = BTreeMap::<i64, String>::new();
    for item in items.iter().filter(|item| item.side == "right") {
        if let Some(payout) = lines.get(&item.item) {
            by_match.insert(item.match_id, payout.clone());
        }
    }
    Ok(items
        .into_iter()
        .filter(|item| item.side == "left")
        .filter_map(|item| Some((item.item, by_match.get(&item.match_id)?.clone())))
        .collect())
}
