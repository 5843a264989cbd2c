//! Payouts: what each is made of, proved twice. Its components sum up to its net, and its net is what the bank
//! received, or the report says what is missing: it is on its way, came back, or nobody knows.
//!
//! A payout that names no lines (by hand, instant) is one row of the processor's own; it has a net and no
//! components.

mod component;
mod state;

use super::{Scope, Subject, verdict};
use crate::ReportError;
use crate::control::money;
use crate::model::{Cell, Column, Report, Row, Table};
use chrono::NaiveDate;
use component::Component;
use ledger::{FeeKind, Movement};
use state::{Bank, State};
use std::collections::{BTreeMap, BTreeSet};
use store::Snapshot;
use store::cash::{ComponentRow, FeePartsRow, PayoutRow};

/// Lines read at a time.
const PAGE: i64 = 20_000;

/// A processor's payout.
#[derive(Clone, Debug)]
struct Payout {
    /// As matches name it: kind of item and number.
    item: (i64, i64),
    account: String,
    identity: String,
    currency_id: i64,
    paid_on: NaiveDate,
    lines: i64,
    /// What leaves the processor: below zero where it takes from the bank.
    net: i64,
    components: BTreeMap<Component, i64>,
    /// The processor's word where it names no lines.
    by_hand: Option<String>,
    /// What the processor's own row says of it, where its lines have one.
    told: Option<i64>,
}

impl Payout {
    fn add(&mut self, component: Component, amount: i64) -> Result<(), ReportError> {
        let sum = self.components.entry(component).or_default();
        *sum = sum.checked_add(amount).ok_or(ReportError::Overflow)?;
        Ok(())
    }

    fn sum(&self, of: &dyn Fn(Component) -> bool) -> Result<i64, ReportError> {
        let own = self
            .components
            .iter()
            .filter(|(component, _)| of(**component));
        own.map(|(_, amount)| *amount)
            .try_fold(0_i64, i64::checked_add)
            .ok_or(ReportError::Overflow)
    }

    /// Zero where the components are the net, and the net is what the processor's own row says; there are no
    /// components where the processor names none.
    fn unproved(&self) -> Result<i64, ReportError> {
        if self.by_hand.is_some() {
            return Ok(0);
        }
        let sum = self.sum(&|_| true)?;
        let off = |of: i64| sum.checked_sub(of).ok_or(ReportError::Overflow);
        let by_lines = off(self.net)?;
        match self.told {
            Some(told) if by_lines == 0 => off(told),
            _ => Ok(by_lines),
        }
    }

    /// Takes lines in; the payout's own row is none of them.
    fn take(&mut self, row: &ComponentRow) -> Result<(), ReportError> {
        self.paid_on = self.paid_on.max(row.paid_on);
        let movement = Movement::from_number(row.movement).unwrap_or(Movement::Other);
        if movement == Movement::Payout {
            // It leaves the balance there and arrives here.
            let told = self.told.unwrap_or(0).checked_sub(row.net);
            self.told = Some(told.ok_or(ReportError::Overflow)?);
            self.by_hand = Some(row.kind.clone());
            return Ok(());
        }
        self.lines += row.lines;
        self.net = self.net.checked_add(row.net).ok_or(ReportError::Overflow)?;
        self.add(Component::of(movement, &row.kind), row.gross)?;
        if row.fee != 0 {
            self.add(Component::OtherFees, row.fee.saturating_neg())?;
        }
        Ok(())
    }

    /// A payout that has lines beside its own row names them.
    fn whole(mut self) -> Self {
        if self.lines > 0 {
            self.by_hand = None;
        } else if let Some(told) = self.told.take() {
            self.net = told;
        }
        self
    }
}

/// Parts of a fee as a row has them: `kind:amount`, with blanks between.
fn fee_parts(text: &str) -> impl Iterator<Item = (&str, i64)> {
    text.split_whitespace().filter_map(|one| {
        let (kind, amount) = one.split_once(':')?;
        Some((kind, amount.parse().ok()?))
    })
}

pub(super) async fn build(
    books: &Snapshot,
    subject: &Subject,
    scope: &Scope,
) -> Result<Report, ReportError> {
    let mut payouts = composed(books.payout_components(&scope.account).await?)?;
    tell_fees(books, scope, &mut payouts).await?;
    let rows = books.payout_rows(&scope.account).await?;
    let by_hand = rows.iter().filter_map(by_hand);
    let mut payouts: Vec<Payout> = payouts.into_values().chain(by_hand).collect();
    payouts.retain(|payout| scope.holds(payout.paid_on));
    payouts.sort_by(|a, b| {
        (a.paid_on, &a.account, &a.identity, a.item).cmp(&(
            b.paid_on,
            &b.account,
            &b.identity,
            b.item,
        ))
    });
    let bank = Bank::read(books, &rows, compared(scope)).await?;
    let mut failures = Vec::new();
    let mut waiting = 0;
    let mut lines = Vec::new();
    for payout in &payouts {
        let state = bank.state_of(payout)?;
        waiting += usize::from(state.is_waiting);
        lines.push(line(payout, &state, &mut failures)?);
    }
    let mut facts = subject.facts();
    facts.extend(scope.facts());
    facts.push(("payouts".into(), payouts.len().to_string()));
    facts.push(("on their way".into(), waiting.to_string()));
    Ok(Report {
        name: "payouts",
        title: "Payouts".into(),
        purpose: "What each payout is made of and what became of it at the bank. Components sum up to the net, and the net is what arrived; where one of both does not hold, the row says what is missing.".into(),
        facts,
        verdict: Some(verdict(&failures, held(payouts.len(), waiting))),
        tables: vec![
            table_of_payouts(lines),
            by_component(&payouts)?,
            decomposition(&payouts)?,
        ],
        ..Report::default()
    })
}

/// The processors whose payouts a reconciliation compares with a bank.
fn compared(scope: &Scope) -> BTreeSet<String> {
    const PAYOUT: i64 = 4;
    let sides = scope.comparisons.iter();
    let sides = sides.flat_map(|comparison| [&comparison.left, &comparison.right]);
    let payouts = sides.filter(|side| side.item_kind == PAYOUT);
    payouts.map(|side| side.account.clone()).collect()
}

fn held(payouts: usize, waiting: usize) -> String {
    let mut sentence = format!(
        "all {payouts} payouts are the sum of their components, and what arrived is their net"
    );
    if waiting > 0 {
        sentence.push_str(&format!("; {waiting} of them are on their way"));
    }
    sentence
}

fn composed(rows: Vec<ComponentRow>) -> Result<BTreeMap<i64, Payout>, ReportError> {
    const PAYOUT: i64 = 4;
    let mut payouts = BTreeMap::<i64, Payout>::new();
    for row in rows {
        let payout = payouts.entry(row.payout_id).or_insert_with(|| Payout {
            item: (PAYOUT, row.payout_id),
            account: row.account.clone(),
            identity: row.identity.clone(),
            currency_id: row.currency_id,
            paid_on: row.paid_on,
            lines: 0,
            net: 0,
            components: BTreeMap::new(),
            by_hand: None,
            told: None,
        });
        payout.take(&row)?;
    }
    let whole = payouts.into_iter().map(|(id, payout)| (id, payout.whole()));
    Ok(whole.collect())
}

/// Hands out the parts of fees that the processor tells, line by line.
pub(super) async fn each_fee_part(
    books: &Snapshot,
    scope: &Scope,
    mut each: impl FnMut(&FeePartsRow, &str, i64) -> Result<(), ReportError>,
) -> Result<(), ReportError> {
    let mut after = 0;
    loop {
        let page = books.fee_parts(&scope.account, after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = last.id;
        for row in &page {
            for (kind, amount) in fee_parts(&row.fee_parts) {
                each(row, kind, amount)?;
            }
        }
    }
}

/// Parts of fees that the processor tells come out of what was not told apart.
async fn tell_fees(
    books: &Snapshot,
    scope: &Scope,
    payouts: &mut BTreeMap<i64, Payout>,
) -> Result<(), ReportError> {
    each_fee_part(books, scope, |row, kind, amount| {
        let Some(payout) = payouts.get_mut(&row.payout_id) else {
            return Ok(());
        };
        let kind = FeeKind::from_name(kind).unwrap_or(FeeKind::Other);
        payout.add(Component::of_fee(kind), amount.saturating_neg())?;
        payout.add(Component::OtherFees, amount)
    })
    .await
}

/// A payout that is a row of its own: the processor does not say what is in it.
fn by_hand(row: &PayoutRow) -> Option<Payout> {
    const LINE: i64 = 2;
    let is_own = row.movement == Movement::Payout.number() && row.payout.is_empty();
    is_own.then(|| Payout {
        item: (LINE, row.id),
        account: row.account.clone(),
        identity: row.reference.clone(),
        currency_id: row.currency_id,
        paid_on: row.booked_on,
        lines: 0,
        // It leaves the balance there and arrives here.
        net: row.net.saturating_neg(),
        components: BTreeMap::new(),
        by_hand: Some(row.kind.clone()),
        told: None,
    })
}

fn line(payout: &Payout, state: &State, failures: &mut Vec<String>) -> Result<Row, ReportError> {
    let unproved = payout.unproved()?;
    let amount = |amount| money(amount, payout.currency_id);
    let holds = unproved == 0 && state.difference == 0;
    if unproved != 0 {
        failures.push(format!(
            "payout `{}`: its components are {} off its net",
            payout.identity,
            amount(unproved)?
        ));
    }
    if state.difference != 0 {
        failures.push(format!(
            "payout `{}`: {} ({})",
            payout.identity,
            state.sentence,
            amount(state.difference)?
        ));
    }
    let of = |components: &dyn Fn(Component) -> bool| payout.sum(components);
    let sales = of(&|one| one == Component::Charges)?;
    let refunds = of(&|one| one == Component::Refunds)?;
    let disputes = of(&|one| matches!(one, Component::Disputes | Component::DisputeReversals))?;
    let fees = of(&Component::is_fee)?;
    let held = of(&|one| matches!(one, Component::Reserves | Component::Releases))?;
    let rest = [sales, refunds, disputes, fees, held]
        .into_iter()
        .try_fold(of(&|_| true)?, i64::checked_sub);
    let cell = |value| -> Result<Cell, ReportError> { Ok(Cell::unless_zero(amount(value)?)) };
    Ok(Row::holding(
        holds,
        vec![
            Cell::text(payout.paid_on.to_string()),
            Cell::text(&payout.account),
            Cell::text(&payout.identity),
            Cell::text(amount(0)?.currency().code()),
            Cell::Count(payout.lines),
            cell(sales)?,
            cell(refunds)?,
            cell(disputes)?,
            cell(fees)?,
            cell(held)?,
            cell(rest.ok_or(ReportError::Overflow)?)?,
            cell(unproved)?,
            Cell::Amount(amount(payout.net)?),
            state
                .deposit
                .map_or(Ok(Cell::Empty), |sum| amount(sum).map(Cell::Amount))?,
            state
                .arrived_on
                .map_or(Cell::Empty, |day| Cell::text(day.to_string())),
            cell(state.difference)?,
            Cell::text(&state.sentence),
        ],
    ))
}

fn table_of_payouts(rows: Vec<Row>) -> Table {
    Table {
        name: "payouts",
        title: "Components = net = deposit".into(),
        note: "Amounts are signed as the account holder sees them: what was taken is below zero. Unproved is the sum of the components less the net, and empty where both agree. The difference is the net less the deposit, where something should have arrived.".into(),
        columns: vec![
            Column::text("paid_on", "Paid on"),
            Column::text("processor", "Processor"),
            Column::text("payout", "Payout"),
            Column::text("currency", "Currency"),
            Column::count("lines", "Lines"),
            Column::amount("charges", "Charges"),
            Column::amount("refunds", "Refunds"),
            Column::amount("disputes", "Disputes"),
            Column::amount("fees", "Fees and taxes"),
            Column::amount("reserves", "Reserves"),
            Column::amount("other", "All other"),
            Column::amount("unproved", "Unproved"),
            Column::amount("net", "Net"),
            Column::amount("deposit", "Deposit"),
            Column::text("arrived_on", "Arrived on"),
            Column::amount("difference", "Difference"),
            Column::text("state", "What became of it"),
        ],
        rows,
    }
}

/// All payouts of a processor and currency as one.
fn by_component(payouts: &[Payout]) -> Result<Table, ReportError> {
    type Sums = (BTreeMap<Component, (i64, i64)>, i64);
    let mut groups = BTreeMap::<(&str, i64), Sums>::new();
    let plus = |one: i64, other: i64| one.checked_add(other).ok_or(ReportError::Overflow);
    for payout in payouts {
        let group = groups.entry((&payout.account, payout.currency_id));
        let (components, net) = group.or_default();
        *net = plus(*net, payout.net)?;
        for (component, amount) in &payout.components {
            let (count, sum) = components.entry(*component).or_default();
            *count += i64::from(*amount != 0);
            *sum = plus(*sum, *amount)?;
        }
    }
    let mut rows = Vec::new();
    for ((account, currency_id), (components, net)) in groups {
        let cells = |what: &str, count, amount| -> Result<Vec<Cell>, ReportError> {
            let amount = money(amount, currency_id)?;
            let count = if count == 0 {
                Cell::Empty
            } else {
                Cell::Count(count)
            };
            Ok(vec![
                Cell::text(account),
                Cell::text(amount.currency().code()),
                Cell::text(what),
                count,
                Cell::Amount(amount),
            ])
        };
        let mut told = 0;
        for (component, (count, amount)) in components {
            told = plus(told, amount)?;
            if count > 0 {
                rows.push(Row::plain(cells(component.name(), count, amount)?));
            }
        }
        let untold = plus(net, -told)?;
        if untold != 0 {
            rows.push(Row::plain(cells("payouts that name no lines", 0, untold)?));
        }
        rows.push(Row::total(cells("net", 0, net)?));
    }
    Ok(Table {
        name: "components",
        title: "By component".into(),
        note: "All payouts shown, by processor and currency. Fees whose kind the processor does not tell stand as one.".into(),
        columns: vec![
            Column::text("processor", "Processor"),
            Column::text("currency", "Currency"),
            Column::text("component", "Component"),
            Column::count("payouts", "Payouts"),
            Column::amount("amount", "Amount"),
        ],
        rows,
    })
}

fn decomposition(payouts: &[Payout]) -> Result<Table, ReportError> {
    let mut rows = Vec::new();
    for payout in payouts {
        let cells = |what: &str, amount| -> Result<Vec<Cell>, ReportError> {
            let amount = money(amount, payout.currency_id)?;
            Ok(vec![
                Cell::text(&payout.identity),
                Cell::text(&payout.account),
                Cell::text(amount.currency().code()),
                Cell::text(what),
                Cell::Amount(amount),
            ])
        };
        for (component, amount) in payout.components.iter().filter(|(_, amount)| **amount != 0) {
            rows.push(Row::plain(cells(component.name(), *amount)?));
        }
        if let Some(kind) = &payout.by_hand {
            let what = format!("{kind}, names no lines");
            rows.push(Row::plain(cells(&what, payout.net)?));
        }
        rows.push(Row::total(cells("net", payout.net)?));
    }
    Ok(Table {
        name: "decomposition",
        title: "Decomposition".into(),
        note: "Each payout by component, with its net below.".into(),
        columns: vec![
            Column::text("payout", "Payout"),
            Column::text("processor", "Processor"),
            Column::text("currency", "Currency"),
            Column::text("component", "Component"),
            Column::amount("amount", "Amount"),
        ],
        rows,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(movement: Movement, kind: &str, [gross, fee]: [i64; 2]) -> ComponentRow {
        ComponentRow {
            payout_id: 1,
            account: "psp".into(),
            identity: "po_1".into(),
            currency_id: 978,
            movement: movement.number(),
            kind: kind.into(),
            gross,
            fee,
            net: gross - fee,
            lines: 1,
            paid_on: "2026-01-05".parse().unwrap(),
        }
    }

    fn one(rows: Vec<ComponentRow>) -> Payout {
        composed(rows).unwrap().remove(&1).unwrap()
    }

    #[test]
    fn components_and_the_payout_s_own_row_are_held_against_the_net() {
        let lines = || {
            vec![
                row(Movement::Charge, "charge", [100, 3]),
                row(Movement::Refund, "refund", [-20, 0]),
            ]
        };
        let paid = |net: i64| {
            let mut rows = lines();
            rows.push(row(Movement::Payout, "payout", [-net, 0]));
            one(rows)
        };
        for (payout, net, unproved) in [
            (one(lines()), 77, 0),
            (paid(77), 77, 0),
            // The processor says that it paid out less.
            (paid(75), 77, 2),
        ] {
            assert!(payout.by_hand.is_none());
            assert_eq!((payout.net, payout.unproved().unwrap()), (net, unproved));
        }
        let wrong = one(vec![ComponentRow {
            net: 96,
            ..row(Movement::Charge, "charge", [100, 3])
        }]);
        assert_eq!(
            wrong.unproved().unwrap(),
            1,
            "gross less fees is not the net"
        );
    }

    #[test]
    fn a_payout_by_hand_arrives_with_what_left_the_balance() {
        let payout = one(vec![row(Movement::Payout, "instant payout", [-48, 2])]);
        assert_eq!(payout.by_hand.as_deref(), Some("instant payout"));
        assert_eq!(
            (payout.net, payout.lines, payout.unproved().unwrap()),
            (50, 0, 0)
        );
        let loose = |movement: Movement, payout: &str| PayoutRow {
            id: 7,
            account: "psp".into(),
            reference: "po_9".into(),
            payout: payout.into(),
            currency_id: 978,
            movement: movement.number(),
            kind: "payout".into(),
            net: -97,
            booked_on: "2026-01-05".parse().unwrap(),
        };
        let found = by_hand(&loose(Movement::Payout, "")).unwrap();
        assert_eq!(
            (found.item, found.net, found.identity.as_str()),
            ((2, 7), 97, "po_9")
        );
        assert!(by_hand(&loose(Movement::Payout, "po_9")).is_none());
        assert!(by_hand(&loose(Movement::PayoutFailure, "")).is_none());
    }
}
