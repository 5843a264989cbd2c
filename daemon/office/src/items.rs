//! The sides of a plan as the books have them, item by item: nobody holds a side but the engine, in its columns.
//!
//! A processor's lines are read once, whatever a plan wants of them: items of their own, payouts, fees. A payout is
//! the sum of its lines, or what a line says that is the payout itself; a payout that failed comes back as an item of
//! its own, under the name of the one that it takes back.

use chrono::NaiveDate;
use ledger::{Currency, ItemRef, Movement, Origin, ReferenceKind, Side};
use reconcile::{Coverage, Events, FeeKey, FeeSource, Item, Plan, Source, TooMuch, Which};
use reports::continuity;
use std::collections::BTreeMap;
use store::Snapshot;
use store::items::{CompletedLine, LedgerItem, Part, SettlementItem};
use store::kept::{PayoutLines, SIDES};

/// A side's name in the books.
pub(crate) const fn side_name(which: Which) -> &'static str {
    SIDES[which.place()]
}

/// The side of a name in the books.
pub(crate) fn side_called(name: &str) -> Option<Which> {
    Which::ALL
        .into_iter()
        .find(|which| side_name(*which) == name)
}

/// What was read beside the items.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// What was added to payouts, by number.
    pub(crate) payouts: BTreeMap<i64, PayoutLines>,
    /// The last day at the ledger's side.
    pub(crate) left_until: Option<NaiveDate>,
    /// The last day on which the ledger booked a fee.
    pub(crate) fees_until: Option<NaiveDate>,
}

impl Beside {
    fn add(
        &mut self,
        payout: i64,
        movement: i64,
        (net, fee): (i64, i64),
        last_on: NaiveDate,
    ) -> Result<(), TooMuch> {
        let is_payout = movement == Movement::Payout.number();
        let (contents, stated) = if is_payout { (0, net) } else { (net, 0) };
        let line = PayoutLines {
            contents,
            stated,
            fee,
            last_on,
        };
        let lines = self.payouts.entry(payout);
        let lines = lines.or_insert(PayoutLines::none(last_on));
        *lines = lines.plus(line).ok_or(TooMuch)?;
        Ok(())
    }
}

/// From which rows on, and up to which, each kind of row is read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stretch<'a> {
    /// Entries, then lines of settlement files: after the first number, up to the second.
    Between {
        entries: (i64, i64),
        lines: (i64, i64),
    },
    /// What the plan keeps open.
    Open,
    /// What the plan has matched under one of these names, a JSON array.
    Named(&'a str),
}

/// Takes items as they are read.
pub(crate) trait Take: FnMut(Which, &Item<'_>) -> Result<(), TooMuch> {}
impl<F: FnMut(Which, &Item<'_>) -> Result<(), TooMuch>> Take for F {}

/// A plan's sides.
pub(crate) struct Sides<'b> {
    books: &'b Snapshot,
    pub(crate) plan: &'b Plan,
    entities: BTreeMap<i64, String>,
    event_types: BTreeMap<i64, String>,
    /// Payouts of the plan's processors, by account, currency and name.
    payouts: BTreeMap<String, BTreeMap<(i64, String), i64>>,
}

impl<'b> Sides<'b> {
    pub(crate) async fn of(books: &'b Snapshot, plan: &'b Plan) -> anyhow::Result<Self> {
        let mut payouts = BTreeMap::new();
        for which in Which::SIDES {
            if let Source::Settlement { processor } | Source::Payouts { processor } =
                plan.source(which)
            {
                payouts.insert(processor.clone(), books.payouts(processor).await?);
            }
        }
        Ok(Self {
            books,
            plan,
            entities: books.entity_codes().await?,
            event_types: books.event_type_names().await?,
            payouts,
        })
    }

    /// A processor's payouts, by number: what it calls each, in which currency.
    pub(crate) fn payouts_of(&self, processor: &str) -> BTreeMap<i64, (i64, &str)> {
        let all = self.payouts.get(processor).into_iter().flatten();
        all.map(|((currency, name), id)| (*id, (*currency, name.as_str())))
            .collect()
    }

    /// Where the ledger books fees, where the plan compares them.
    pub(crate) const fn fees(&self) -> Option<&'b FeeSource> {
        match (&self.plan.left, &self.plan.right) {
            (
                Source::Ledger {
                    fees: Some(fees), ..
                },
                Source::Settlement { .. },
            ) => Some(fees),
            _ => None,
        }
    }

    /// The side and the processor whose payouts are items, or whose fees are compared by payout.
    pub(crate) fn payout_sides(&self) -> Vec<(Which, &'b str)> {
        let mut sides = Vec::new();
        for which in Which::SIDES {
            match self.plan.source(which) {
                Source::Payouts { processor } => sides.push((which, processor.as_str())),
                Source::Settlement { processor }
                    if self.fees().is_some_and(|fees| fees.by == FeeKey::Payout) =>
                {
                    sides.push((Which::RightFees, processor.as_str()));
                }
                _ => {}
            }
        }
        sides
    }

    /// Hands out the items of a stretch, but for payouts: of these it says what their lines add to them.
    pub(crate) async fn each(
        &self,
        stretch: Stretch<'_>,
        beside: &mut Beside,
        mut take: impl Take,
    ) -> anyhow::Result<()> {
        for which in Which::SIDES {
            match self.plan.source(which) {
                Source::Ledger {
                    account, events, ..
                } => {
                    let until = self
                        .ledger((which, account), events, stretch, &mut take)
                        .await?;
                    beside.left_until = beside.left_until.max(until);
                }
                Source::Settlement { processor } | Source::Payouts { processor } => {
                    self.processor((which, processor), stretch, beside, &mut take)
                        .await?;
                }
                Source::Bank { text, accounts } => {
                    self.bank((which, text, accounts), stretch, &mut take)
                        .await?;
                }
            }
        }
        if let Some(fees) = self.fees()
            && !matches!(stretch, Stretch::Named(_))
        {
            let events = Events::Listed(fees.events.clone());
            let from = (Which::LeftFees, fees.account.as_str());
            // What is debited to the account of fees is taken from what was paid.
            let negated = |which: Which, item: &Item<'_>| {
                let amount = item.amount.checked_neg().ok_or(TooMuch)?;
                take(which, &Item { amount, ..*item })
            };
            let until = self.ledger(from, &events, stretch, negated).await?;
            beside.fees_until = beside.fees_until.max(until);
        }
        Ok(())
    }

    fn part<'s>(&'s self, which: Which, stretch: Stretch<'s>, of_entries: bool) -> Part<'s> {
        let name = self.plan.reconciliation.as_str();
        match stretch {
            Stretch::Between { entries, lines } => {
                let (after, through) = if of_entries { entries } else { lines };
                Part::Between(after, through)
            }
            Stretch::Open => Part::Open(name, side_name(which)),
            Stretch::Named(names) => Part::Named(name, side_name(which), names),
        }
    }

    /// Hands out lines on an account, and says which is the last day.
    async fn ledger(
        &self,
        (which, account): (Which, &str),
        events: &Events,
        stretch: Stretch<'_>,
        mut take: impl Take,
    ) -> anyhow::Result<Option<NaiveDate>> {
        let wanted: BTreeMap<i64, (&str, Option<Movement>)> = self
            .event_types
            .iter()
            .filter_map(|(id, name)| Some((*id, (name.as_str(), events.find(name)?))))
            .collect();
        let (mut until, mut identity) = (None, String::new());
        let part = self.part(which, stretch, true);
        let each = |row: LedgerItem<'_>| -> anyhow::Result<()> {
            let Some((event_type, movement)) = wanted.get(&row.event_type_id) else {
                return Ok(());
            };
            let entity = self.entities.get(&row.entity_id).map_or("", String::as_str);
            identity.clear();
            for text in [entity, "|", event_type, "|", row.reference] {
                identity.push_str(text);
            }
            let credit = Side::from_number(row.side) == Some(Side::Credit);
            let amount = if credit { -row.amount } else { row.amount };
            until = until.max(Some(row.accounting_on));
            let item = Item {
                reference: row.reference,
                identity: &identity,
                movement: *movement,
                text: event_type,
                account: entity,
                ..Item::new(
                    ItemRef::entry(row.entry_id, row.line_no),
                    row.accounting_on,
                    amount,
                    Currency::from_numeric(row.currency_id)?,
                )
            };
            Ok(take(which, &item)?)
        };
        self.books.ledger_items(account, part, each).await??;
        Ok(until)
    }

    async fn processor(
        &self,
        (which, processor): (Which, &str),
        stretch: Stretch<'_>,
        beside: &mut Beside,
        mut take: impl Take,
    ) -> anyhow::Result<()> {
        let adds = !self.payout_sides().is_empty();
        let payouts = self.payouts.get(processor);
        // Neighbours belong mostly to one payout.
        let mut last: Option<(i64, String, Option<i64>)> = None;
        let is_new = matches!(stretch, Stretch::Between { .. });
        let own_fees =
            which == Which::Right && self.fees().is_some_and(|fees| fees.by == FeeKey::Reference);
        let mut each = |row: SettlementItem<'_>| -> anyhow::Result<()> {
            self.processor_line(which, &row, &mut take)?;
            if own_fees && is_new {
                fee_line(&row, &mut take)?;
            }
            if !adds || !is_new || row.payout.is_empty() {
                return Ok(());
            }
            if last.as_ref().is_none_or(|(currency, name, _)| {
                (*currency, name.as_str()) != (row.currency_id, row.payout)
            }) {
                let key = (row.currency_id, row.payout.to_owned());
                let id = payouts.and_then(|payouts| payouts.get(&key)).copied();
                last = Some((key.0, key.1, id));
            }
            let Some((_, _, Some(id))) = last else {
                return Ok(());
            };
            let on = row.paid_on.unwrap_or(row.booked_on);
            Ok(beside.add(id, row.movement, (row.net, row.fee), on)?)
        };
        let from = (Origin::Processor, processor);
        let part = self.part(which, stretch, false);
        self.books.settlement_items(from, part, &mut each).await??;
        if own_fees && matches!(stretch, Stretch::Open) {
            // A line's fee may be open when the line is not.
            let part = self.part(Which::RightFees, stretch, false);
            let fee = |row: SettlementItem<'_>| fee_line(&row, &mut take);
            self.books.settlement_items(from, part, fee).await??;
        }
        Ok(())
    }

    /// What a plan wants of a processor's line.
    fn processor_line(
        &self,
        which: Which,
        row: &SettlementItem<'_>,
        mut take: impl Take,
    ) -> anyhow::Result<()> {
        let movement = Movement::from_number(row.movement);
        if !matches!(self.plan.source(which), Source::Settlement { .. }) {
            // Of payouts only the ones that came back are lines.
            if movement == Some(Movement::PayoutFailure) {
                let names = names(row.references);
                let item = processor_item(row, &names)?;
                let amount = row.net.checked_neg().ok_or(TooMuch)?;
                take(
                    which,
                    &Item {
                        amount,
                        fee: 0,
                        group: "",
                        ..item
                    },
                )?;
            }
            return Ok(());
        }
        // Money on its way to the bank is nobody's payment.
        let is_payout = matches!(movement, Some(Movement::Payout | Movement::PayoutFailure));
        if !is_payout || movement.is_some_and(|movement| self.plan.names_movement(movement)) {
            let names = names(row.references);
            take(which, &processor_item(row, &names)?)?;
        }
        Ok(())
    }

    async fn bank(
        &self,
        (which, text, accounts): (Which, &str, &[String]),
        stretch: Stretch<'_>,
        mut take: impl Take,
    ) -> anyhow::Result<()> {
        let wanted = text.to_lowercase();
        let (mut own, mut identity) = (String::new(), String::new());
        let each = |row: SettlementItem<'_>| -> anyhow::Result<()> {
            if !is_own(accounts, row.account) {
                return Ok(());
            }
            let names = names(row.references);
            text_of(&row, &names, &mut own);
            if !own.to_lowercase().contains(&wanted) {
                return Ok(());
            }
            identity.clear();
            for text in [row.account, "|", row.identity] {
                identity.push_str(text);
            }
            let item = Item {
                references: &names,
                identity: &identity,
                movement: Movement::from_number(row.movement),
                text: &own,
                account: row.account,
                customer: row.counterparty,
                ..Item::new(
                    ItemRef::line(Origin::Bank, row.id),
                    row.booked_on,
                    row.net,
                    Currency::from_numeric(row.currency_id)?,
                )
            };
            Ok(take(which, &item)?)
        };
        let part = self.part(which, stretch, false);
        let from = (Origin::Bank, "");
        self.books.settlement_items(from, part, each).await?
    }

    /// What lines add to their payouts that were told them later than they came.
    pub(crate) fn completed(lines: &[CompletedLine], beside: &mut Beside) -> Result<(), TooMuch> {
        for line in lines {
            let on = line.paid_on.unwrap_or(line.booked_on);
            beside.add(line.payout_id, line.movement, (line.net, line.fee), on)?;
        }
        Ok(())
    }

    /// How far the data of a side reaches; of the ledger the last day of its items.
    pub(crate) async fn coverage(
        &self,
        which: Which,
        left_until: Option<NaiveDate>,
    ) -> anyhow::Result<Coverage> {
        match self.plan.source(which) {
            Source::Ledger { .. } => Ok(Coverage::through(left_until)),
            Source::Settlement { processor } | Source::Payouts { processor } => {
                covered(self.books, processor).await
            }
            Source::Bank { accounts, .. } => banks_covered(self.books, accounts).await,
        }
    }
}

/// What a line withheld, where fees are compared by what they were withheld for.
fn fee_line(row: &SettlementItem<'_>, mut take: impl Take) -> anyhow::Result<()> {
    if row.fee == 0 || row.reference.is_empty() {
        return Ok(());
    }
    let item = Item {
        on: row.paid_on.unwrap_or(row.booked_on),
        amount: row.fee.checked_neg().ok_or(TooMuch)?,
        fee: 0,
        ..processor_item(row, &[])?
    };
    Ok(take(Which::RightFees, &item)?)
}

/// A text's references by their kinds.
fn names(list: &str) -> Vec<(ReferenceKind, &str)> {
    let parts = list.split('\n').filter_map(|one| one.split_once(':'));
    parts
        .filter_map(|(kind, text)| Some((ReferenceKind::from_name(kind)?, text)))
        .collect()
}

fn processor_item<'l>(
    row: &SettlementItem<'l>,
    references: &'l [(ReferenceKind, &'l str)],
) -> anyhow::Result<Item<'l>> {
    let original = row
        .original
        .map(|(amount, currency)| {
            Ok::<_, anyhow::Error>((amount, Currency::from_numeric(currency)?))
        })
        .transpose()?;
    Ok(Item {
        fee: row.fee,
        reference: row.reference,
        references,
        group: row.payout,
        identity: row.identity,
        movement: Movement::from_number(row.movement),
        text: row.description,
        account: row.account,
        customer: row.counterparty,
        original,
        ..Item::new(
            ItemRef::line(Origin::Processor, row.id),
            row.booked_on,
            row.gross,
            Currency::from_numeric(row.currency_id)?,
        )
    })
}

/// All that a bank's line says in words, and who is at its other end.
fn text_of(row: &SettlementItem<'_>, names: &[(ReferenceKind, &str)], text: &mut String) {
    text.clear();
    text.push_str(row.counterparty);
    text.push(' ');
    text.push_str(row.description);
    text.push(' ');
    for (place, (_, name)) in names.iter().enumerate() {
        if place > 0 {
            text.push(' ');
        }
        text.push_str(name);
    }
}

/// How far the files of a processor's account reach: in each currency its own do.
async fn covered(books: &Snapshot, processor: &str) -> anyhow::Result<Coverage> {
    let mut coverage = Coverage::default();
    for row in books.coverage().await? {
        if row.origin == Origin::Processor.name() && row.account == processor {
            let currency = Currency::from_numeric(row.currency_id)?;
            coverage.by_currency.insert(currency, row.covered_on);
            coverage.until = coverage.until.max(Some(row.covered_on));
        }
    }
    Ok(coverage)
}

/// Whether a bank's account is one of a plan's: of all where it names none.
fn is_own(accounts: &[String], account: &str) -> bool {
    accounts.is_empty() || accounts.iter().any(|own| own == account)
}

/// How far the files of a plan's bank accounts reach without a gap: of a currency's accounts the one that lags decides, and
/// nowhere while one that the plan names is silent.
async fn banks_covered(books: &Snapshot, accounts: &[String]) -> anyhow::Result<Coverage> {
    let mut reached = BTreeMap::<(Currency, String), NaiveDate>::new();
    for row in books.coverage().await? {
        if row.origin == Origin::Bank.name() && is_own(accounts, &row.account) {
            let key = (Currency::from_numeric(row.currency_id)?, row.account);
            let day = reached.entry(key).or_insert(row.covered_on);
            *day = (*day).max(row.covered_on);
        }
    }
    for gap in continuity::read(books).await? {
        let currency = Currency::from_numeric(gap.currency_id)?;
        let Some(before) = gap.from.pred_opt() else {
            continue;
        };
        if let Some(day) = reached.get_mut(&(currency, gap.account.clone()))
            && gap.kind != continuity::Kind::Overlap
        {
            *day = (*day).min(before);
        }
    }
    let mut coverage = Coverage::default();
    let speaks = |account: &String| reached.keys().any(|(_, came)| came == account);
    if !accounts.iter().all(speaks) {
        return Ok(coverage);
    }
    for ((currency, _), day) in reached {
        let until = coverage.by_currency.entry(currency).or_insert(day);
        *until = (*until).min(day);
        coverage.until = Some(coverage.until.map_or(day, |until| until.min(day)));
    }
    Ok(coverage)
}
