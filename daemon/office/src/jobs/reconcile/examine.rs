//! What reconciliation adds to the control equation, from the rows: nothing that a run summed is trusted.

use crate::call::Call;
use crate::items::{Beside, Sides, Stretch, side_name};
use chrono::NaiveDate;
use ledger::{Currency, ItemRef, Movement};
use reconcile::{CashTable, Item, Plan, Source, Sums, TooMuch, Which};
use reports::{CashRow, ClearingRow};
use std::collections::{BTreeMap, BTreeSet};
use store::Snapshot;
use store::kept::PayoutSum;
use store::reconciliation::CashStateRow;

/// What reconciliation contributes to the control equation, computed now from the rows.
#[derive(Clone, Debug, Default)]
pub struct Examination {
    /// Movements of cash, per reconciliation and currency.
    pub cash: Vec<CashRow>,
    /// Clearing accounts: those of the ledger's sides, and those that the configuration names.
    pub clearing: Vec<ClearingRow>,
    /// Reconciliations that have not seen the newest items.
    pub stale: Vec<String>,
    /// Where what a reconciliation keeps from run to run is not what the rows say.
    pub failures: Vec<String>,
}

/// Sums both sides as they are now and holds them against what the newest run left, without matching again.
pub async fn examine(call: &Call, books: &Snapshot) -> anyhow::Result<Examination> {
    let mut found = Examination::default();
    let (stored, states) = (
        books.cash_states().await?,
        books.reconciliation_states().await?,
    );
    for plan in &call.config.reconciliations {
        let examined = sum_up(books, plan).await?;
        let own = |name: &str| name == plan.reconciliation;
        let seen = states.iter().filter(|row| own(&row.reconciliation));
        let left: Vec<&CashStateRow> = stored
            .iter()
            .filter(|row| own(&row.reconciliation))
            .collect();
        let rows = cash_rows(plan, &examined.sums, &left);
        let is_stale = rows.iter().any(|row| !row.is_current)
            || seen.map(|row| row.as_of_on).max() != examined.as_of;
        if is_stale && !rows.is_empty() {
            found.stale.push(plan.reconciliation.clone());
        }
        found.failures.extend(examined.failures);
        found.cash.extend(rows);
        if let Source::Ledger { account, .. } = &plan.left {
            found
                .clearing
                .extend(clearing_rows(books, &plan.reconciliation, account).await?);
        }
    }
    // Of accounts that no plan compares what belongs together goes by one reference.
    for account in &call.config.clearing {
        if !found.clearing.iter().any(|row| row.account == *account) {
            found
                .clearing
                .extend(clearing_rows(books, "", account).await?);
        }
    }
    Ok(found)
}

/// A plan's sides as the rows have them now.
struct Examined {
    sums: CashTable,
    as_of: Option<NaiveDate>,
    failures: Vec<String>,
}

/// What of a side is matched by the rows, and by what is kept: by side and currency.
#[derive(Default)]
struct Matched {
    all: BTreeMap<(&'static str, i64), i128>,
    kept: BTreeMap<(&'static str, i64), i128>,
}

impl Matched {
    /// An item, or what is left of one: what is not open is matched.
    fn add(&mut self, which: Which, item: &Item<'_>, is_open: bool) {
        if !is_open {
            let key = (side_name(which), i64::from(item.currency.numeric()));
            *self.all.entry(key).or_default() += i128::from(item.amount);
        }
    }

    fn failures(&self, plan: &Plan) -> Vec<String> {
        let keys: BTreeSet<_> = self.all.keys().chain(self.kept.keys()).collect();
        let sum = |of: &BTreeMap<_, i128>, key| of.get(key).copied().unwrap_or(0);
        let differ = keys
            .into_iter()
            .filter(|key| sum(&self.all, *key) != sum(&self.kept, *key));
        differ
            .map(|key| {
                let code = Currency::from_numeric(key.1).map_or("", |currency| currency.code());
                format!(
                    "reconciliation `{}` keeps {} as matched at its {} side in {code}, and the items that are not open there sum up to {} minor units: what it keeps was changed; export the evidence, then let the plan run anew from the rows",
                    plan.reconciliation,
                    sum(&self.kept, key),
                    key.0,
                    sum(&self.all, key)
                )
            })
            .collect()
    }
}

/// Sums both sides, row by row, and holds what is not open against what is kept as matched.
async fn sum_up(books: &Snapshot, plan: &Plan) -> anyhow::Result<Examined> {
    let name = &plan.reconciliation;
    let sides = Sides::of(books, plan).await?;
    let (reached, mark) = (books.reached().await?, books.mark(name).await?);
    let open: BTreeSet<(&str, ItemRef)> = books.open_items(name).await?.into_iter().collect();
    let (mut sums, mut matched) = (Sums::new(plan), Matched::default());
    let (mut beside, mut failed) = (Beside::default(), Vec::new());
    let stretch = Stretch::Between {
        entries: (0, reached.entry_id),
        lines: (0, reached.line_id),
    };
    let take = |which: Which, item: &Item<'_>| {
        matched.add(which, item, open.contains(&(side_name(which), item.item)));
        sums.add(which, item.currency, item.movement, item.amount)
    };
    sides.each(stretch, &mut beside, take).await?;
    let sums_of_open = books.open_payout_sums(name).await?.into_iter();
    let open_payouts: BTreeMap<i64, PayoutSum> =
        sums_of_open.map(|sum| (sum.payout_id, sum)).collect();
    for (which, processor) in sides.payout_sides() {
        let names = sides.payouts_of(processor);
        for (id, lines) in &beside.payouts {
            let Some((currency, _)) = names.get(id) else {
                continue;
            };
            let currency = Currency::from_numeric(*currency)?;
            let kept = open_payouts.get(id);
            let (amount, rest) = if which == Which::RightFees {
                (lines.fee.checked_neg(), kept.map(PayoutSum::fee_rest))
            } else {
                (lines.amount(), kept.map(PayoutSum::rest))
            };
            let amount = amount.ok_or(TooMuch)?;
            let rest = rest.unwrap_or(Some(0)).ok_or(TooMuch)?;
            sums.add(which, currency, Some(Movement::Payout), amount)?;
            let done = amount.checked_sub(rest).ok_or(TooMuch)?;
            let item = Item::new(ItemRef::payout(*id), lines.last_on, done, currency);
            matched.add(which, &item, false);
        }
    }
    let is_kept = match &mark {
        Some(mark) => mark.reached == reached && !books.has_turned(name, mark).await?,
        None => false,
    };
    if is_kept && books.matched_apart(name).await?.is_empty() {
        for ((side, currency, _), amount) in books.matched_sums(name).await? {
            *matched.kept.entry((side, currency)).or_default() += i128::from(amount);
        }
        failed = matched.failures(plan);
    }
    let until = beside.left_until;
    let left = sides.coverage(Which::Left, until).await?.last();
    let right = sides.coverage(Which::Right, until).await?.last();
    Ok(Examined {
        sums: sums.table()?,
        as_of: left.max(right),
        failures: failed,
    })
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
    reconciliation: &str,
    account: &str,
) -> anyhow::Result<Vec<ClearingRow>> {
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
    let mut rows = BTreeMap::<(String, i64), ClearingRow>::new();
    let open = books.clearing(account, reconciliation).await?;
    let lines = open
        .into_iter()
        .map(|sum| ((sum.entity, sum.currency_id), (0, sum.amount, sum.open)));
    let kept = balances
        .into_iter()
        .map(|(key, balance)| (key, (balance, 0, 0)));
    for (key, (balance, open_items, count)) in lines.chain(kept) {
        let row = rows.entry(key).or_insert_with_key(|key| ClearingRow {
            account: account.to_owned(),
            entity: key.0.clone(),
            currency_id: key.1,
            balance: 0,
            open_items: 0,
            count: 0,
        });
        row.balance += balance;
        row.open_items += open_items;
        row.count += count;
    }
    Ok(rows.into_values().collect())
}
