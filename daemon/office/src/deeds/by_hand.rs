//! Matches that a person makes of what no run pairs, and takes back.
//!
//! Any items of one reconciliation that its newest run left open belong together where both sides come to the same sum:
//! a difference is a break and is posted as one, not hidden in a match. The next run leaves them alone and closes
//! the breaks that they were in.

use super::case::missing;
use crate::call::{Call, Refusal, RefusalKind};
use crate::items::{Beside, Sides, Stretch};
use ledger::{Currency, ItemRef, Money};
use reconcile::{Item, Plan, TooMuch, Which};
use std::collections::{BTreeMap, BTreeSet};
use store::by_hand::{MadeMatch, PASS};
use store::intake::Stamp;
use store::reconciliation::NewMatch;
use store::{Snapshot, Tx};

/// The most items of one match.
const MOST: usize = 1_000;

/// Items that belong together, by side.
pub(super) struct Together {
    currency: Currency,
    left: Vec<(ItemRef, i64)>,
    right: Vec<(ItemRef, i64)>,
}

impl Together {
    /// How much is matched: the larger of what the items of each side are about, whatever their signs.
    pub(super) fn amount(&self) -> Money {
        let size = |items: &[(ItemRef, i64)]| -> i128 {
            let sizes = items.iter().map(|(_, amount)| i128::from(*amount).abs());
            sizes.sum()
        };
        let larger = size(&self.left).max(size(&self.right));
        Money::minor(larger.try_into().unwrap_or(i64::MAX), self.currency)
    }

    /// The items with their amounts, a line each.
    pub(super) fn lines(&self) -> Vec<String> {
        let told = |side: &'static str, items: &[(ItemRef, i64)]| -> Vec<String> {
            let items = items.iter();
            let told = items.map(|(item, amount)| {
                format!("{side} {item} {}", Money::minor(*amount, self.currency))
            });
            told.collect()
        };
        let mut lines = told("left", &self.left);
        lines.extend(told("right", &self.right));
        lines
    }

    /// All of it, in words that change when it does.
    pub(super) fn text(&self) -> String {
        format!("{:?} {:?} {}", self.left, self.right, self.currency.code())
    }
}

fn sum(items: &[(ItemRef, i64)]) -> i128 {
    items.iter().map(|(_, amount)| i128::from(*amount)).sum()
}

/// Items as somebody names them, as far as they belong together.
///
/// # Errors
/// Which of them does not, and why; or by how much the sides differ.
pub(super) async fn together(
    call: &Call,
    reconciliation: &str,
    named: &[String],
) -> Result<Together, Refusal> {
    let plans = &call.config.reconciliations;
    let plan = plans
        .iter()
        .find(|plan| plan.reconciliation == reconciliation)
        .ok_or_else(|| {
            let known: Vec<&str> = plans
                .iter()
                .map(|plan| plan.reconciliation.as_str())
                .collect();
            missing(format!(
                "there is no reconciliation `{reconciliation}`; there are {}",
                known.join(", ")
            ))
        })?;
    let wanted = wanted(named)?;
    let books = &call.store.snapshot().await?;
    let open = open(books, plan, &wanted).await?;
    let mut found = BTreeMap::<Currency, Together>::new();
    for item in wanted {
        let Some((which, amount, currency)) = open.get(&item) else {
            return Err(not_open(books, reconciliation, item).await?);
        };
        let of = found.entry(*currency).or_insert(Together {
            currency: *currency,
            left: Vec::new(),
            right: Vec::new(),
        });
        match which {
            Which::Left | Which::LeftFees => of.left.push((item, *amount)),
            Which::Right | Which::RightFees => of.right.push((item, *amount)),
        }
    }
    let mut found = found.into_values();
    match (found.next(), found.next()) {
        (Some(one), None) => balanced(one),
        _ => Err(invalid(
            "the items are of several currencies; a match is of one".to_owned(),
        )),
    }
}

fn invalid(what: String) -> Refusal {
    Refusal::new(RefusalKind::Invalid, what)
}

fn wanted(named: &[String]) -> Result<BTreeSet<ItemRef>, Refusal> {
    let mut wanted = BTreeSet::new();
    for name in named {
        let item: ItemRef = name.parse().map_err(|error| invalid(format!("{error}")))?;
        if !wanted.insert(item) {
            return Err(invalid(format!("`{item}` is named twice")));
        }
    }
    if !(2..=MOST).contains(&wanted.len()) {
        return Err(invalid(format!(
            "a match takes 2 to {MOST} items, and {} are named",
            wanted.len()
        )));
    }
    Ok(wanted)
}

fn balanced(one: Together) -> Result<Together, Refusal> {
    let (left, right) = (sum(&one.left), sum(&one.right));
    if left == right {
        return Ok(one);
    }
    let shown = |minor: i128| {
        let minor = i64::try_from(minor).unwrap_or(i64::MAX);
        Money::minor(minor, one.currency).to_string()
    };
    Err(invalid(format!(
        "the left side comes to {} and the right one to {}, {} apart; match what is equal, and post a break's difference with `tieout breaks post`",
        shown(left),
        shown(right),
        shown(left - right)
    )))
}

/// Those of some items that the newest run left open, with side, amount and currency.
async fn open(
    books: &Snapshot,
    plan: &Plan,
    wanted: &BTreeSet<ItemRef>,
) -> Result<BTreeMap<ItemRef, (Which, i64, Currency)>, Refusal> {
    let sides = Sides::of(books, plan).await?;
    let mut found = BTreeMap::new();
    let is_fee = |which| matches!(which, Which::LeftFees | Which::RightFees);
    let take = |which: Which, item: &Item<'_>| -> Result<(), TooMuch> {
        if wanted.contains(&item.item) && !is_fee(which) {
            found.insert(item.item, (which, item.amount, item.currency));
        }
        Ok(())
    };
    sides
        .each(Stretch::Open, &mut Beside::default(), take)
        .await?;
    let name = &plan.reconciliation;
    let sums = books.open_payout_sums(name).await?;
    for (which, processor) in sides.payout_sides() {
        let payouts = sides.payouts_of(processor);
        for row in sums.iter().filter(|_| !is_fee(which)) {
            let item = ItemRef {
                sub: row.parts,
                ..ItemRef::payout(row.payout_id)
            };
            if let (Some((currency, _)), Some(rest), true) = (
                payouts.get(&row.payout_id),
                row.rest(),
                wanted.contains(&item),
            ) {
                let currency = Currency::from_numeric(*currency).map_err(anyhow::Error::from)?;
                found.insert(item, (which, rest, currency));
            }
        }
    }
    // What somebody matched since that run is open no more.
    for apart in books.matched_apart(name).await? {
        found.remove(&apart.item);
    }
    Ok(found)
}

/// The items of a match that was made.
pub(super) async fn of(call: &Call, made: &MadeMatch) -> Result<Together, Refusal> {
    let books = call.store.snapshot().await?;
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for row in books.items_of_match(made.id).await? {
        match row.side.as_str() {
            "left" => left.push((row.item, row.amount)),
            _ => right.push((row.item, row.amount)),
        }
    }
    Ok(Together {
        currency: Currency::from_numeric(made.currency_id).map_err(anyhow::Error::from)?,
        left,
        right,
    })
}

async fn not_open(
    books: &Snapshot,
    reconciliation: &str,
    item: ItemRef,
) -> Result<Refusal, Refusal> {
    let matched = books.match_of_item(reconciliation, item).await?;
    Ok(match matched {
        Some((id, pass)) => Refusal::new(
            RefusalKind::Conflict,
            format!("`{item}` is matched already, in match {id} (`{pass}`) of `{reconciliation}`"),
        ),
        None => missing(format!(
            "`{item}` is not open in `{reconciliation}`; `tieout breaks show` names the items of a break, and what is newer than the last run waits for `tieout reconcile`"
        )),
    })
}

/// Writes the match, and gives its number.
pub(super) async fn make(
    tx: &mut Tx,
    reconciliation: &str,
    items: &Together,
    (proposal, why): (i64, &str),
    stamp: &Stamp,
) -> Result<i64, Refusal> {
    let made = NewMatch {
        pass: PASS.to_owned(),
        currency_id: i64::from(items.currency.numeric()),
        left: items.left.clone(),
        right: items.right.clone(),
        explanation: format!("matched by {}: {why}", stamp.actor),
        proposal_id: Some(proposal),
    };
    let mut adding = tx.begin_matches().await?;
    let id = adding.next();
    tx.add_matches(&mut adding, reconciliation, &[made], stamp)
        .await?;
    tx.end_matches(adding, stamp).await?;
    Ok(id)
}

/// A match that a person may take back.
///
/// # Errors
/// When there is none, it is another's pass, or it is taken back already.
pub(super) async fn standing(tx: &mut Tx, id: i64) -> Result<MadeMatch, Refusal> {
    let made = tx
        .match_made(id)
        .await?
        .ok_or_else(|| missing(format!("there is no match {id}")))?;
    let held = if made.proposal_id.is_some() {
        let by = made.undone_by.as_ref();
        by.map(|by| format!("match {id} was taken back by `{by}` already"))
    } else {
        Some(format!(
            "match {id} was made by pass `{}`, and the next run would make it again; change the plan",
            made.pass
        ))
    };
    match held {
        Some(what) => Err(Refusal::new(RefusalKind::Conflict, what)),
        None => Ok(made),
    }
}
