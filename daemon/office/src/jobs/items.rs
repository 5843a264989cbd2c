//! Open items for reconciliation: rows of the store as the two sides of a plan.

use anyhow::Context as _;
use chrono::NaiveDate;
use ledger::{Currency, ItemRef, Movement, Origin, SettlementLine, Side};
use reconcile::{Events, FeeKey, Input, Item, Plan, Source};
use reports::continuity;
use std::collections::{BTreeMap, BTreeSet};
use store::Snapshot;
use store::settlement::StoredLine;

/// Both sides of a plan, with what earlier runs consumed.
pub async fn load(books: &Snapshot, plan: &Plan) -> anyhow::Result<Input> {
    let consumed = books.consumed(&plan.reconciliation).await?;
    let (left, left_until) = side(books, &plan.left, "left", &consumed).await?;
    let (right, right_until) = side(books, &plan.right, "right", &consumed).await?;
    let (left_fees, right_fees) = fees(books, plan).await?;
    Ok(Input {
        left,
        right,
        left_fees,
        right_fees,
        left_until,
        right_until,
    })
}

/// The fees that the ledger books apart, and those that the processor withheld; what takes is below zero.
async fn fees(books: &Snapshot, plan: &Plan) -> anyhow::Result<(Vec<Item>, Vec<Item>)> {
    let (
        Source::Ledger {
            fees: Some(source), ..
        },
        Source::Settlement { processor },
    ) = (&plan.left, &plan.right)
    else {
        return Ok((Vec::new(), Vec::new()));
    };
    let events = Events::Listed(source.events.clone());
    let (mut left, _) = ledger_lines(books, &source.account, &events).await?;
    for item in &mut left {
        // What is debited to the account of fees is taken from what was paid.
        item.amount = -item.amount;
    }
    let mut right = Vec::new();
    for stored in processor_lines(books, processor).await? {
        let line = &stored.line;
        let reference = match source.by {
            FeeKey::Payout => line.payout.clone(),
            FeeKey::Reference => line.reference().to_owned(),
        };
        // What is not paid out yet is not due at the other side.
        if line.fee.amount() == 0 || reference.is_empty() {
            continue;
        }
        let mut item = settlement_item(&stored);
        item.on = line.paid_on.unwrap_or(line.booked_on);
        item.amount = -line.fee.amount();
        item.reference = reference;
        right.push(item);
    }
    Ok((left, right))
}

type Consumed = BTreeSet<(String, ItemRef)>;

async fn side(
    books: &Snapshot,
    source: &Source,
    side: &str,
    consumed: &Consumed,
) -> anyhow::Result<(Vec<Item>, Option<NaiveDate>)> {
    let (mut items, until) = match source {
        Source::Ledger {
            account, events, ..
        } => ledger_lines(books, account, events).await?,
        Source::Settlement { processor } => {
            let lines = processor_lines(books, processor).await?;
            let items = lines.iter().map(settlement_item).collect();
            (items, covered(books, processor).await?)
        }
        Source::Payouts { processor } => {
            let lines = processor_lines(books, processor).await?;
            (payouts(&lines)?, covered(books, processor).await?)
        }
        Source::Bank { text } => {
            let wanted = text.to_lowercase();
            let lines = books.settlement_lines(Origin::Bank).await?;
            let own = lines
                .iter()
                .filter(|line| text_of(&line.line).to_lowercase().contains(&wanted));
            (own.map(bank_item).collect(), banks_covered(books).await?)
        }
    };
    tell_apart(&mut items);
    for item in &mut items {
        item.consumed = consumed.contains(&(side.to_owned(), item.item));
    }
    Ok((items, until))
}

async fn ledger_lines(
    books: &Snapshot,
    account: &str,
    events: &Events,
) -> anyhow::Result<(Vec<Item>, Option<NaiveDate>)> {
    let mut items = Vec::new();
    for row in books.account_items(account).await? {
        let Some(movement) = events.find(&row.event_type) else {
            continue;
        };
        let credit = Side::from_number(row.side) == Some(Side::Credit);
        items.push(Item {
            currency: Currency::from_numeric(row.currency_id)?,
            on: row.accounting_on,
            amount: if credit { -row.amount } else { row.amount },
            fee: 0,
            identity: format!("{}|{}|{}", row.entity, row.event_type, row.reference),
            item: ItemRef::entry(row.entry_id, row.line_no),
            movement,
            text: row.event_type,
            account: row.entity,
            reference: row.reference,
            consumed: false,
        });
    }
    let until = items.iter().map(|item| item.on).max();
    Ok((items, until))
}

async fn processor_lines(books: &Snapshot, processor: &str) -> anyhow::Result<Vec<StoredLine>> {
    let mut lines = books.settlement_lines(Origin::Processor).await?;
    lines.retain(|line| line.account == processor);
    Ok(lines)
}

fn settlement_item(stored: &StoredLine) -> Item {
    let line = &stored.line;
    Item {
        currency: line.net.currency(),
        on: line.booked_on,
        reference: line.reference().to_owned(),
        amount: line.gross.amount(),
        fee: line.fee.amount(),
        identity: line.identity.clone(),
        item: stored.item(),
        movement: Some(line.movement),
        text: line.description.clone(),
        account: stored.account.clone(),
        consumed: false,
    }
}

fn bank_item(stored: &StoredLine) -> Item {
    let line = &stored.line;
    Item {
        currency: line.net.currency(),
        on: line.booked_on,
        reference: String::new(),
        amount: line.net.amount(),
        fee: 0,
        identity: format!("{}|{}", stored.account, line.identity),
        item: stored.item(),
        movement: Some(line.movement),
        text: text_of(line),
        account: stored.account.clone(),
        consumed: false,
    }
}

/// All that a bank's line says in words, and who is at its other end.
fn text_of(line: &SettlementLine) -> String {
    let references = line.references.iter().map(|found| found.text.as_str());
    let texts = [line.description.as_str(), line.counterparty.as_str()];
    let texts: Vec<&str> = texts.into_iter().chain(references).collect();
    texts.join(" ")
}

/// The lines of each payout as one item.
fn payouts(lines: &[StoredLine]) -> anyhow::Result<Vec<Item>> {
    let mut sums = BTreeMap::<(Currency, &str, i64), Item>::new();
    for stored in lines {
        let line = &stored.line;
        let Some(id) = stored.payout_id else { continue };
        let on = line.paid_on.unwrap_or(line.booked_on);
        let sum = sums
            .entry((line.net.currency(), &line.payout, id))
            .or_insert_with(|| Item {
                currency: line.net.currency(),
                on,
                reference: line.payout.clone(),
                amount: 0,
                fee: 0,
                identity: line.payout.clone(),
                item: ItemRef::payout(id),
                movement: Some(Movement::Payout),
                text: String::new(),
                account: stored.account.clone(),
                consumed: false,
            });
        sum.on = sum.on.max(on);
        sum.amount = sum
            .amount
            .checked_add(line.net.amount())
            .with_context(|| format!("the lines of payout `{}` do not fit 64 bits", line.payout))?;
    }
    Ok(sums.into_values().collect())
}

/// How far the files of a processor's account reach.
async fn covered(books: &Snapshot, processor: &str) -> anyhow::Result<Option<NaiveDate>> {
    let rows = books.coverage().await?;
    let own = rows
        .iter()
        .filter(|row| row.origin == Origin::Processor.name() && row.account == processor);
    Ok(own.map(|row| row.covered_on).max())
}

/// How far the files of the banks reach without a gap: the account that lags decides.
async fn banks_covered(books: &Snapshot) -> anyhow::Result<Option<NaiveDate>> {
    let mut reached = BTreeMap::<String, NaiveDate>::new();
    for row in books.coverage().await? {
        if row.origin == Origin::Bank.name() {
            let day = reached.entry(row.account).or_insert(row.covered_on);
            *day = (*day).max(row.covered_on);
        }
    }
    let gaps = continuity::read(books).await?;
    let before = |gap: &continuity::Discontinuity| gap.from.pred_opt();
    let gaps = gaps
        .iter()
        .filter(|found| found.kind != continuity::Kind::Overlap)
        .filter_map(before);
    Ok(reached.into_values().chain(gaps).min())
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
