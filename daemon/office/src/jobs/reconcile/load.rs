//! What a run needs: what is open, what is new, and of what was matched the items that may explain it.

use crate::items::{Beside, Sides, Stretch, side_called, side_name};
use ledger::{Currency, Hash, ItemKind, ItemRef, Movement};
use reconcile::{Carried, Input, Item, Plan, Source, TooMuch, Which};
use std::collections::{BTreeMap, BTreeSet};
use store::Snapshot;
use store::kept::{Mark, MatchedSums, PayoutLines, PayoutSum, Reached};

/// Names that are asked for at once.
const NAMES: usize = 5_000;

/// Both sides, and what has to be known to write what is found.
pub(super) struct Loaded {
    pub(super) input: Input,
    /// How far was read.
    pub(super) mark: Mark,
    /// What was matched up to the last run sums up to.
    pub(super) sums: MatchedSums,
    /// Matches that no run has kept yet, by the items that were pushed as consumed.
    pub(super) known: BTreeMap<(Which, ItemRef), i64>,
    /// Payouts that are open, or of which something new was read.
    pub(super) payouts: BTreeMap<i64, PayoutSum>,
    /// Whether all was read, from the first row on.
    pub(super) anew: bool,
    /// The newest match that the books had.
    pub(super) newest_match: i64,
}

/// Reads what the next run of a plan needs.
pub(super) async fn load(books: &Snapshot, plan: &Plan) -> anyhow::Result<Loaded> {
    let sides = Sides::of(books, plan).await?;
    let fingerprint = fingerprint(books, plan).await?;
    let name = &plan.reconciliation;
    let before = match books.mark(name).await? {
        Some(mark) if mark.plan == fingerprint && !books.has_turned(name, &mark).await? => {
            Some(mark)
        }
        _ => None,
    };
    let reached = books.reached().await?;
    let mut loading = Loading {
        books,
        sides,
        input: Input::new(),
        beside: Beside::default(),
        matched: BTreeMap::new(),
        payouts: BTreeMap::new(),
        apart: BTreeMap::new(),
    };
    let sums = match &before {
        Some(mark) => loading.further(mark, reached).await?,
        None => loading.anew(reached).await?,
    };
    loading.push_payouts()?;
    loading.reach().await?;
    if before.is_some() {
        loading.carry(&sums)?;
        loading.neighbours().await?;
    }
    let Loading {
        input,
        beside,
        matched,
        payouts,
        ..
    } = loading;
    let matches = matched.into_iter();
    Ok(Loaded {
        input,
        mark: Mark {
            plan: fingerprint,
            reached,
            left_until: beside.left_until,
            fees_until: beside.fees_until,
        },
        sums,
        known: matches.map(|(item, found)| (item, found.0)).collect(),
        payouts,
        anew: before.is_none(),
        newest_match: books.newest_match().await?,
    })
}

/// Of all that decides which items a plan has: itself, and the accounts that its names mean.
async fn fingerprint(books: &Snapshot, plan: &Plan) -> anyhow::Result<Hash> {
    // What is done with breaks decides nothing about items.
    let without = Plan {
        resolve: Vec::new(),
        ..plan.clone()
    };
    let mut said = format!("tieout.plan.v1 {without:?}");
    if let Source::Ledger { account, fees, .. } = &plan.left {
        let fees = fees.as_ref().map(|fees| &fees.account);
        for name in [account].into_iter().chain(fees) {
            said.push_str(&format!(" {:?}", books.accounts_called(name).await?));
        }
    }
    Ok(Hash::of(said.as_bytes()))
}

struct Loading<'b> {
    books: &'b Snapshot,
    sides: Sides<'b>,
    input: Input,
    beside: Beside,
    /// What was matched and the last run did not know of, with the match and the amount.
    matched: BTreeMap<(Which, ItemRef), (i64, i64)>,
    payouts: BTreeMap<i64, PayoutSum>,
    /// Of payouts, what somebody has matched since the last run, and the parts that it makes.
    apart: BTreeMap<i64, (i64, i64)>,
}

impl Loading<'_> {
    /// What is open, and what came since.
    async fn further(&mut self, mark: &Mark, reached: Reached) -> anyhow::Result<MatchedSums> {
        let name = &self.sides.plan.reconciliation;
        for apart in self.books.matched_apart(name).await? {
            if let Some(which) = side_called(apart.side) {
                let key = (which, apart.item);
                self.matched.insert(key, (apart.match_id, apart.amount));
                if apart.item.kind == ItemKind::Payout {
                    let of = self.apart.entry(apart.item.id).or_default();
                    of.0 = of.0.checked_add(apart.amount).ok_or(TooMuch)?;
                    of.1 = of.1.max(apart.item.sub + 1);
                }
            }
        }
        self.beside.left_until = mark.left_until;
        self.beside.fees_until = mark.fees_until;
        self.take(Stretch::Open).await?;
        let before = mark.reached;
        self.take(Stretch::Between {
            entries: (before.entry_id, reached.entry_id),
            lines: (before.line_id, reached.line_id),
        })
        .await?;
        for (_, processor) in self.sides.payout_sides() {
            let completed = (before.completion_id, before.line_id);
            let lines = self.books.completed_lines(processor, completed).await?;
            Sides::completed(&lines, &mut self.beside)?;
        }
        for sum in self.books.open_payout_sums(name).await? {
            self.payouts.insert(sum.payout_id, sum);
        }
        for (id, added) in std::mem::take(&mut self.beside.payouts) {
            if !self.payouts.contains_key(&id)
                && let Some(sum) = self.books.payout_sum(name, id).await?
            {
                self.payouts.insert(id, sum);
            }
            self.add(id, added)?;
        }
        Ok(self.books.matched_sums(name).await?)
    }

    /// All there is.
    async fn anew(&mut self, reached: Reached) -> anyhow::Result<MatchedSums> {
        let name = &self.sides.plan.reconciliation;
        for row in self.books.match_items(name).await? {
            if let Some(which) = side_called(&row.side) {
                let key = (which, row.item);
                self.matched.insert(key, (row.match_id, row.amount));
            }
        }
        self.take(Stretch::Between {
            entries: (0, reached.entry_id),
            lines: (0, reached.line_id),
        })
        .await?;
        for (id, added) in std::mem::take(&mut self.beside.payouts) {
            self.add(id, added)?;
        }
        for ((_, item), (_, amount)) in &self.matched {
            if item.kind == ItemKind::Payout
                && let Some(sum) = self.payouts.get_mut(&item.id)
            {
                sum.matched = sum.matched.checked_add(*amount).ok_or(TooMuch)?;
                sum.parts = sum.parts.max(item.sub + 1);
            }
        }
        Ok(MatchedSums::new())
    }

    async fn take(&mut self, stretch: Stretch<'_>) -> anyhow::Result<()> {
        let (input, matched) = (&mut self.input, &self.matched);
        let push = |which: Which, item: &Item<'_>| {
            let consumed = matched.contains_key(&(which, item.item));
            input.push(which, &Item { consumed, ..*item })
        };
        self.sides.each(stretch, &mut self.beside, push).await
    }

    fn add(&mut self, id: i64, lines: PayoutLines) -> Result<(), TooMuch> {
        let nothing = PayoutSum::new(id, PayoutLines::none(lines.last_on));
        let sum = self.payouts.entry(id).or_insert(nothing);
        sum.lines = sum.lines.plus(lines).ok_or(TooMuch)?;
        Ok(())
    }

    /// What is left of each payout, and of its fees; and what of it was matched, where all is read.
    fn push_payouts(&mut self) -> anyhow::Result<()> {
        for (which, processor) in self.sides.payout_sides() {
            let names = self.sides.payouts_of(processor);
            let input = &mut self.input;
            let mut push = |item: ItemRef, sum: &PayoutSum, (amount, consumed): (i64, bool)| {
                let Some((currency, name)) = names.get(&sum.payout_id) else {
                    return Ok(());
                };
                let currency = Currency::from_numeric(*currency)?;
                let item = Item {
                    consumed,
                    ..Item::new(item, sum.lines.last_on, amount, currency)
                };
                Ok::<_, anyhow::Error>(input.push(which, &called(item, name, processor))?)
            };
            for sum in self.payouts.values() {
                let (rest, sub, is_open) = if which == Which::RightFees {
                    (sum.fee_rest(), 0, false)
                } else {
                    let apart = self.apart.get(&sum.payout_id).copied().unwrap_or_default();
                    let parts = sum.parts.max(apart.1);
                    let rest = sum.rest().and_then(|rest| rest.checked_sub(apart.0));
                    (rest, parts, parts == 0)
                };
                let rest = rest.ok_or(TooMuch)?;
                if rest != 0 || is_open {
                    let item = ItemRef {
                        sub,
                        ..ItemRef::payout(sum.payout_id)
                    };
                    push(item, sum, (rest, false))?;
                }
            }
            for ((side, item), (_, amount)) in &self.matched {
                if *side == which
                    && item.kind == ItemKind::Payout
                    && let Some(sum) = self.payouts.get(&item.id)
                {
                    push(*item, sum, (*amount, true))?;
                }
            }
        }
        Ok(())
    }

    /// How far both sides reach.
    async fn reach(&mut self) -> anyhow::Result<()> {
        let until = self.beside.left_until;
        self.input.left_until = self.sides.coverage(Which::Left, until).await?;
        self.input.right_until = self.sides.coverage(Which::Right, until).await?;
        if self.sides.fees().is_some() {
            let until = self.beside.fees_until;
            self.input.fees_until = Some(reconcile::Coverage::through(until));
        }
        Ok(())
    }

    /// The sums of what is not loaded.
    fn carry(&mut self, sums: &MatchedSums) -> anyhow::Result<()> {
        for ((side, currency, movement), amount) in sums {
            let currency = Currency::from_numeric(*currency)?;
            let Some(which) = side_called(side) else {
                continue;
            };
            let carried = match which {
                Which::LeftFees | Which::RightFees => {
                    self.input.carried_fees.entry(currency).or_default()
                }
                Which::Left | Which::Right => {
                    let movement = Movement::ALL
                        .into_iter()
                        .find(|one| one.name() == *movement);
                    self.input.carried.entry((currency, movement)).or_default()
                }
            };
            *of(carried, which) += amount;
        }
        Ok(())
    }

    /// What was matched under the names of what is open: pushed as consumed, and carried no more.
    async fn neighbours(&mut self) -> anyhow::Result<()> {
        let asked: Vec<i64> = reconcile::asked(self.sides.plan, &self.input)
            .into_iter()
            .collect();
        let is_declared = self.sides.plan.declares_movements();
        let mut seen = BTreeSet::new();
        for names in asked.chunks(NAMES) {
            let names = serde_json::to_string(names)?;
            let (input, matched) = (&mut self.input, &self.matched);
            let mut push = |which: Which, item: &Item<'_>| {
                let key = (which, item.item);
                if matched.contains_key(&key) || !seen.insert(key) {
                    return Ok(());
                }
                let movement = item.movement.filter(|_| is_declared);
                let carried = input.carried.entry((item.currency, movement)).or_default();
                let sum = of(carried, which);
                *sum = sum.checked_sub(item.amount).ok_or(TooMuch)?;
                input.push(
                    which,
                    &Item {
                        consumed: true,
                        ..*item
                    },
                )
            };
            let mut nothing = Beside::default();
            self.sides
                .each(Stretch::Named(&names), &mut nothing, &mut push)
                .await?;
            let name = &self.sides.plan.reconciliation;
            for (which, processor) in self.sides.payout_sides() {
                let parts = self
                    .books
                    .payouts_named(name, side_name(which), &names)
                    .await?;
                for part in parts {
                    let currency = Currency::from_numeric(part.currency_id)?;
                    let item = Item::new(part.item, part.last_on, part.amount, currency);
                    push(which, &called(item, &part.identity, processor))?;
                }
            }
        }
        Ok(())
    }
}

const fn of(carried: &mut Carried, which: Which) -> &mut i64 {
    match which {
        Which::Left | Which::LeftFees => &mut carried.left,
        Which::Right | Which::RightFees => &mut carried.right,
    }
}

/// A payout's item, or one of its fees.
fn called<'t>(item: Item<'t>, name: &'t str, processor: &'t str) -> Item<'t> {
    Item {
        reference: name,
        identity: name,
        movement: Some(Movement::Payout),
        account: processor,
        ..item
    }
}
