//! Open items for reconciliation: rows of the store as the two sides of a plan.

use chrono::NaiveDate;
use ledger::{Currency, Side};
use reconcile::{Input, Item, Plan, Source};
use std::collections::{BTreeMap, BTreeSet};
use store::Snapshot;
use store::settlement::LineRow;

/// Both sides of a plan, with what earlier runs consumed.
pub async fn load(books: &Snapshot, plan: &Plan) -> anyhow::Result<Input> {
    let consumed = books.consumed(&plan.reconciliation).await?;
    let (left, left_until) = side(books, &plan.left, "left", &consumed).await?;
    let (right, right_until) = side(books, &plan.right, "right", &consumed).await?;
    Ok(Input {
        left,
        right,
        left_until,
        right_until,
    })
}

type Consumed = BTreeSet<(String, String)>;

async fn side(
    books: &Snapshot,
    source: &Source,
    side: &str,
    consumed: &Consumed,
) -> anyhow::Result<(Vec<Item>, Option<NaiveDate>)> {
    let (mut items, until) = match source {
        Source::Ledger { account, events } => ledger_lines(books, account, events).await?,
        Source::Settlement { processor } => {
            let lines = processor_lines(books, processor).await?;
            let items = lines.iter().filter_map(settlement_item).collect();
            (items, covered(books, "processor").await?)
        }
        Source::Payouts { processor } => {
            let lines = processor_lines(books, processor).await?;
            (payouts(&lines), covered(books, "processor").await?)
        }
        Source::Bank { text } => {
            let wanted = text.to_lowercase();
            let lines = books.settlement_lines("bank").await?;
            let own = lines.iter().filter(|line| {
                format!("{} {}", line.description, line.reference)
                    .to_lowercase()
                    .contains(&wanted)
            });
            (
                own.filter_map(bank_item).collect(),
                covered(books, "bank").await?,
            )
        }
    };
    tell_apart(&mut items);
    for item in &mut items {
        item.consumed = consumed.contains(&(side.to_owned(), item.item.clone()));
    }
    Ok((items, until))
}

async fn ledger_lines(
    books: &Snapshot,
    account: &str,
    events: &[String],
) -> anyhow::Result<(Vec<Item>, Option<NaiveDate>)> {
    let mut items = Vec::new();
    for row in books.account_items(account).await? {
        if !events.is_empty() && !events.contains(&row.event_type) {
            continue;
        }
        let credit = Side::from_number(row.side) == Some(Side::Credit);
        items.push(Item {
            currency: Currency::from_numeric(row.currency_id)?,
            on: row.accounting_on,
            amount: if credit { -row.amount } else { row.amount },
            fee: 0,
            identity: format!("{}|{}|{}", row.entity, row.event_type, row.reference),
            item: format!("entry:{}/{}", row.entry_id, row.line_no),
            text: row.event_type,
            account: row.entity,
            reference: row.reference,
            consumed: false,
        });
    }
    let until = items.iter().map(|item| item.on).max();
    Ok((items, until))
}

async fn processor_lines(books: &Snapshot, processor: &str) -> anyhow::Result<Vec<LineRow>> {
    let mut lines = books.settlement_lines("processor").await?;
    lines.retain(|line| line.account == processor);
    Ok(lines)
}

fn settlement_item(line: &LineRow) -> Option<Item> {
    Some(Item {
        currency: Currency::from_numeric(line.currency_id).ok()?,
        on: line.booked_on,
        reference: line.reference.clone(),
        amount: line.gross,
        fee: line.fee,
        identity: line.identity.clone(),
        item: format!("settlement:{}", line.id),
        text: line.description.clone(),
        account: line.account.clone(),
        consumed: false,
    })
}

fn bank_item(line: &LineRow) -> Option<Item> {
    Some(Item {
        currency: Currency::from_numeric(line.currency_id).ok()?,
        on: line.booked_on,
        reference: String::new(),
        amount: line.net,
        fee: 0,
        identity: format!("{}|{}", line.account, line.identity),
        item: format!("bank:{}", line.id),
        text: format!("{} {}", line.description, line.reference),
        account: line.account.clone(),
        consumed: false,
    })
}

fn payouts(lines: &[LineRow]) -> Vec<Item> {
    let mut sums = BTreeMap::<(i64, &str), (i64, Option<NaiveDate>, &str)>::new();
    for line in lines.iter().filter(|line| !line.payout.is_empty()) {
        let sum = sums
            .entry((line.currency_id, &line.payout))
            .or_insert((0, None, &line.account));
        sum.0 = sum.0.saturating_add(line.net);
        sum.1 = sum.1.max(line.paid_on.or(Some(line.booked_on)));
    }
    sums.into_iter()
        .filter_map(|((currency, payout), (amount, on, account))| {
            Some(Item {
                currency: Currency::from_numeric(currency).ok()?,
                on: on?,
                reference: payout.to_owned(),
                amount,
                fee: 0,
                identity: payout.to_owned(),
                item: format!("payout:{payout}"),
                text: String::new(),
                account: account.to_owned(),
                consumed: false,
            })
        })
        .collect()
}

/// How far the files of a kind reach: the account that lags decides.
async fn covered(books: &Snapshot, origin: &str) -> anyhow::Result<Option<NaiveDate>> {
    let rows = books.coverage().await?;
    Ok(rows
        .iter()
        .filter(|row| row.origin == origin)
        .map(|row| row.covered_on)
        .min())
}

/// Gives items with one identity a number each, in an order that does not depend on the store's.
fn tell_apart(items: &mut [Item]) {
    items.sort();
    let mut seen = BTreeMap::<String, u32>::new();
    for item in items {
        let count = seen.entry(item.identity.clone()).or_default();
        *count += 1;
        if *count > 1 {
            item.identity = format!("{}#{count}", item.identity);
        }
    }
}
