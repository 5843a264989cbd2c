//! Open items for reconciliation: rows of the store as the two sides of a plan.

use anyhow::Context as _;
use chrono::NaiveDate;
use ledger::{Currency, ItemRef, Movement, Origin, SettlementLine, Side};
use reconcile::{Coverage, Events, FeeKey, Input, Item, Plan, Source, Which};
use reports::continuity;
use std::collections::{BTreeMap, BTreeSet};
use store::Snapshot;
use store::settlement::StoredLine;

/// Both sides of a plan, with what earlier runs consumed.
pub async fn load(books: &Snapshot, plan: &Plan) -> anyhow::Result<Input> {
    let consumed = books.consumed(&plan.reconciliation).await?;
    let mut input = Input::new();
    let left = side(books, &plan.left, (Which::Left, &consumed), &mut input).await?;
    let right = side(books, &plan.right, (Which::Right, &consumed), &mut input).await?;
    input.left_until = Coverage::through(left);
    input.right_until = Coverage::through(right);
    fees(books, plan, &mut input).await?;
    Ok(input)
}

/// The fees that the ledger books apart, and those that the processor withheld; what takes is below zero.
async fn fees(books: &Snapshot, plan: &Plan, input: &mut Input) -> anyhow::Result<()> {
    let (
        Source::Ledger {
            fees: Some(source), ..
        },
        Source::Settlement { processor },
    ) = (&plan.left, &plan.right)
    else {
        return Ok(());
    };
    let events = Events::Listed(source.events.clone());
    // What is debited to the account of fees is taken from what was paid.
    ledger_lines(books, &source.account, &events, |item| {
        let amount = -item.amount;
        input.push(Which::LeftFees, &Item { amount, ..*item })
    })
    .await?;
    for stored in processor_lines(books, processor).await? {
        let line = &stored.line;
        let reference = match source.by {
            FeeKey::Payout => line.payout.as_str(),
            FeeKey::Reference => line.reference(),
        };
        // What is not paid out yet is not due at the other side.
        if line.fee.amount() == 0 || reference.is_empty() {
            continue;
        }
        let item = Item {
            on: line.paid_on.unwrap_or(line.booked_on),
            amount: -line.fee.amount(),
            fee: 0,
            reference,
            references: &[],
            ..settlement_item(&stored, &[])
        };
        input.push(Which::RightFees, &item)?;
    }
    Ok(())
}

type Consumed = BTreeSet<(String, ItemRef)>;

/// Pushes one side and says how far its data reaches.
async fn side(
    books: &Snapshot,
    source: &Source,
    (which, consumed): (Which, &Consumed),
    input: &mut Input,
) -> anyhow::Result<Option<NaiveDate>> {
    let name = if which == Which::Left {
        "left"
    } else {
        "right"
    };
    let mut push = |item: &Item<'_>| {
        let consumed = consumed.contains(&(name.to_owned(), item.item));
        input.push(which, &Item { consumed, ..*item })
    };
    match source {
        Source::Ledger {
            account, events, ..
        } => ledger_lines(books, account, events, push).await,
        Source::Settlement { processor } => {
            for stored in processor_lines(books, processor).await? {
                let names = names(&stored.line);
                push(&settlement_item(&stored, &names))?;
            }
            covered(books, processor).await
        }
        Source::Payouts { processor } => {
            for item in payouts(&processor_lines(books, processor).await?)? {
                push(&item)?;
            }
            covered(books, processor).await
        }
        Source::Bank { text } => {
            let wanted = text.to_lowercase();
            for stored in books.settlement_lines(Origin::Bank).await? {
                let (own, names) = (text_of(&stored.line), names(&stored.line));
                if own.to_lowercase().contains(&wanted) {
                    let identity = format!("{}|{}", stored.account, stored.line.identity);
                    push(&bank_item(&stored, (&identity, &own), &names))?;
                }
            }
            banks_covered(books).await
        }
    }
}

/// Hands every line on an account out and says which is the last day.
async fn ledger_lines(
    books: &Snapshot,
    account: &str,
    events: &Events,
    mut each: impl FnMut(&Item<'_>) -> Result<(), reconcile::TooMuch>,
) -> anyhow::Result<Option<NaiveDate>> {
    let mut until = None;
    for row in books.account_items(account).await? {
        let Some(movement) = events.find(&row.event_type) else {
            continue;
        };
        let credit = Side::from_number(row.side) == Some(Side::Credit);
        let amount = if credit { -row.amount } else { row.amount };
        let currency = Currency::from_numeric(row.currency_id)?;
        until = until.max(Some(row.accounting_on));
        each(&Item {
            reference: &row.reference,
            identity: &format!("{}|{}|{}", row.entity, row.event_type, row.reference),
            movement,
            text: &row.event_type,
            account: &row.entity,
            ..Item::new(
                ItemRef::entry(row.entry_id, row.line_no),
                row.accounting_on,
                amount,
                currency,
            )
        })?;
    }
    Ok(until)
}

/// All names by which the other side may know a line.
fn names(line: &SettlementLine) -> Vec<(ledger::ReferenceKind, &str)> {
    let references = line.references.iter();
    references
        .map(|one| (one.kind, one.text.as_str()))
        .collect()
}

async fn processor_lines(books: &Snapshot, processor: &str) -> anyhow::Result<Vec<StoredLine>> {
    let mut lines = books.settlement_lines(Origin::Processor).await?;
    lines.retain(|line| line.account == processor);
    Ok(lines)
}

fn settlement_item<'l>(
    stored: &'l StoredLine,
    references: &'l [(ledger::ReferenceKind, &'l str)],
) -> Item<'l> {
    let line = &stored.line;
    Item {
        fee: line.fee.amount(),
        reference: line.reference(),
        references,
        group: &line.payout,
        identity: &line.identity,
        movement: Some(line.movement),
        text: &line.description,
        account: &stored.account,
        customer: &line.counterparty,
        original: line
            .original
            .map(|money| (money.amount(), money.currency())),
        ..Item::new(
            stored.item(),
            line.booked_on,
            line.gross.amount(),
            line.net.currency(),
        )
    }
}

fn bank_item<'l>(
    stored: &'l StoredLine,
    (identity, text): (&'l str, &'l str),
    references: &'l [(ledger::ReferenceKind, &'l str)],
) -> Item<'l> {
    let line = &stored.line;
    Item {
        references,
        identity,
        movement: Some(line.movement),
        text,
        account: &stored.account,
        customer: &line.counterparty,
        ..Item::new(
            stored.item(),
            line.booked_on,
            line.net.amount(),
            line.net.currency(),
        )
    }
}

/// All that a bank's line says in words, and who is at its other end.
fn text_of(line: &SettlementLine) -> String {
    let names = line.references.iter().map(|one| one.text.as_str());
    let names: Vec<&str> = names.collect();
    format!(
        "{} {} {}",
        line.counterparty,
        line.description,
        names.join(" ")
    )
}

/// The lines of each payout as one item.
fn payouts(lines: &[StoredLine]) -> anyhow::Result<Vec<Item<'_>>> {
    let mut sums = BTreeMap::<(Currency, &str, i64), Item<'_>>::new();
    for stored in lines {
        let line = &stored.line;
        let Some(id) = stored.payout_id else { continue };
        let on = line.paid_on.unwrap_or(line.booked_on);
        let currency = line.net.currency();
        let sum = sums
            .entry((currency, &line.payout, id))
            .or_insert_with(|| Item {
                reference: &line.payout,
                identity: &line.payout,
                movement: Some(Movement::Payout),
                account: &stored.account,
                ..Item::new(ItemRef::payout(id), on, 0, currency)
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
