//! The control equation: everything received is somewhere, and the sums say so.
//!
//! Counts and amounts come from the rows themselves, twice where two tables should agree. The
//! verdict is `INCOMPLETE` while data is missing, `BREAKS` when all data is here and something
//! differs, `NOTHING RECEIVED` where nothing came yet, `TIES` otherwise.

pub mod continuity;

use crate::ReportError;
use ledger::{Currency, Money};
use std::collections::{BTreeMap, BTreeSet};
use store::control::{BatchState, EntryTotal, HeldEntry, IntakeControl, ReadBack, TargetControl};
use store::export::{DIFFERS, SENDING};
use store::reconciliation::BreakRow;
use store::runs::RunRow;
use store::settlement::ConflictRow;
use store::{Snapshot, journal::BalanceRow};

/// How many runs are told.
const RUNS: i64 = 20;

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything agrees.
    Ties,
    /// All data is here and something differs.
    Breaks,
    /// Data is missing.
    Incomplete,
    /// Nothing came yet: there is nothing that could tie.
    NothingReceived,
}

impl Verdict {
    /// The word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ties => "TIES",
            Self::Breaks => "BREAKS",
            Self::Incomplete => "INCOMPLETE",
            Self::NothingReceived => "NOTHING RECEIVED",
        }
    }
}

/// One movement of cash in one currency, minor units: `left = right + open + breaks`. Charges, refunds,
/// disputes and fees are rows of their own, so that one that is wrong makes up for no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CashRow {
    /// The reconciliation that compares it.
    pub reconciliation: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// What moved; empty where the plan compares all as one.
    pub movement: String,
    /// What the left side has, summed now.
    pub left: i64,
    /// What the right side has, summed now.
    pub right: i64,
    /// Not due yet at either side as of the newest run: left less right.
    pub open: i64,
    /// What that run found to differ: left less right.
    pub breaks: i64,
    /// Whether that run saw what is summed now.
    pub is_current: bool,
}

impl CashRow {
    /// Zero when the equation holds.
    pub const fn difference(&self) -> i64 {
        self.left - self.right - self.open - self.breaks
    }
}

/// A clearing account in one entity and currency, minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClearingRow {
    /// The account.
    pub account: String,
    /// The entity.
    pub entity: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// Debits less credits by the balances.
    pub balance: i64,
    /// Sum of the open items by the lines.
    pub open_items: i64,
    /// How many there are.
    pub count: i64,
}

/// Everything that the equation says.
#[derive(Clone, Debug)]
pub struct Control {
    /// Per source.
    pub intake: Vec<IntakeControl>,
    /// Events that came again with other content, of which nobody has said that the first stands.
    pub conflicts: i64,
    /// Events without an outcome, and events whose outcome and entries disagree.
    pub strays: (Vec<i64>, Vec<i64>),
    /// The journal per entity, period and currency, from the lines.
    pub totals: Vec<EntryTotal>,
    /// Balances that differ from their lines.
    pub balance_differences: Vec<String>,
    /// Where what reconciliations keep from run to run is not what the rows say.
    pub kept_differences: Vec<String>,
    /// Per target.
    pub targets: Vec<TargetLine>,
    /// Per target that can be read, entity and period.
    pub read_back: Vec<ReadBack>,
    /// Per reconciliation and currency.
    pub cash: Vec<CashRow>,
    /// Per clearing account.
    pub clearing: Vec<ClearingRow>,
    /// All breaks.
    pub breaks: Vec<BreakRow>,
    /// Statements whose opening + lines is not their closing.
    pub open_statements: Vec<String>,
    /// Statements of processors and banks.
    pub statements: usize,
    /// Lines of settlement files that came again with other money.
    pub line_conflicts: Vec<String>,
    /// Since when data is missing, where some is.
    pub missing: Vec<String>,
    /// What the books themselves have lost: rows that were written and are not there.
    pub lost: Option<String>,
    /// The newest runs of jobs and deeds of people.
    pub runs: Vec<RunRow>,
}

/// A target in counts of entries.
#[derive(Clone, Debug)]
pub struct TargetLine {
    /// Entries posted and exported.
    pub counts: TargetControl,
    /// Acknowledged by the ERP.
    pub acknowledged: i64,
    /// Delivered.
    pub delivered: i64,
    /// Sent, and nobody knows; or not sent yet.
    pub unknown: i64,
    /// Refused.
    pub rejected: i64,
    /// Booked there otherwise than they were sent.
    pub differing: i64,
    /// Entries that cannot be written for it, and why: each is not exported, and holds up no other.
    pub held: Vec<String>,
    /// What was refused, and what to decide, batch by batch.
    pub refusals: Vec<String>,
    /// Whether amounts exported and not yet exported make up the journal.
    pub amounts_agree: bool,
}

impl TargetLine {
    /// Entries in no batch.
    pub const fn waiting(&self) -> i64 {
        self.counts.posted - self.counts.exported
    }

    /// Exported less the states of all batches; zero when none is lost.
    pub const fn difference(&self) -> i64 {
        self.counts.exported
            - self.acknowledged
            - self.delivered
            - self.unknown
            - self.rejected
            - self.differing
    }
}

impl Control {
    /// Reads the rows and puts the equation together; what reconciliation knows is handed in.
    ///
    /// # Errors
    /// [`ReportError::Store`].
    pub async fn read(
        books: &Snapshot,
        cash: Vec<CashRow>,
        clearing: Vec<ClearingRow>,
    ) -> Result<Self, ReportError> {
        let totals = books.entry_totals().await?;
        let statements = books.statements().await?;
        let open_statements = statements
            .iter()
            .filter(|statement| statement.is_open())
            .map(|s| {
                format!(
                    "{} of {} in {}: {}",
                    s.identity, s.account, s.file, s.verdict
                )
            })
            .collect();
        let mut control = Self {
            intake: books.intake_control().await?,
            conflicts: books.open_conflicts().await?,
            strays: books.stray_events().await?,
            balance_differences: balance_differences(
                &books.balances().await?,
                &books.line_sums().await?,
            ),
            kept_differences: Vec::new(),
            targets: targets(books, &totals).await?,
            read_back: books.read_back().await?,
            totals,
            cash,
            clearing,
            breaks: books.breaks().await?,
            open_statements,
            statements: statements.len(),
            line_conflicts: line_conflicts(books).await?,
            missing: Vec::new(),
            lost: None,
            runs: books.runs(RUNS).await?,
        };
        control.missing = control.missing(books).await?;
        Ok(control)
    }

    async fn missing(&self, books: &Snapshot) -> Result<Vec<String>, ReportError> {
        let discontinuities = continuity::read(books).await?;
        let told = discontinuities.into_iter().map(|found| found.sentence);
        let mut missing: Vec<String> = told.collect();
        let suspended = books.suspended_groups().await?;
        let events: i64 = suspended.iter().map(|group| group.events).sum();
        if let Some(since) = suspended.iter().map(|group| group.since).min() {
            missing.push(format!(
                "{} suspended since {}",
                counted(usize::try_from(events).unwrap_or(usize::MAX), "event"),
                since.date_naive()
            ));
        }
        if let Some(first) = books.quarantine_waiting().await? {
            missing.push(format!(
                "{} in quarantine, the first in {} at {}",
                counted(
                    usize::try_from(first.waiting).unwrap_or(usize::MAX),
                    "input"
                ),
                first.partition_name.split('@').next().unwrap_or_default(),
                first.position
            ));
        }
        for target in &self.targets {
            missing.extend(target.refusals.iter().cloned());
            missing.extend(target.held.iter().cloned());
            let open = target.waiting() + target.unknown;
            if open > 0 {
                missing.push(format!(
                    "{open} entries not yet delivered to {}",
                    target.counts.target
                ));
            }
        }
        Ok(missing)
    }

    /// What does not hold within the books: each a sentence. Breaks are not among them: they are
    /// differences with a name, and the equation counts them.
    pub fn failures(&self) -> Vec<String> {
        let mut failures = self.balance_differences.clone();
        failures.extend(self.kept_differences.iter().cloned());
        let (without, disagree) = &self.strays;
        failures.extend(
            without
                .iter()
                .map(|id| format!("event {id} has no outcome")),
        );
        failures.extend(disagree.iter().map(|id| {
            format!("event {id}: its outcome and its entries disagree (posted means entries, and only posted)")
        }));
        for row in self.intake.iter().filter(|row| row.difference() != 0) {
            failures.push(format!(
                "source `{}` received {} inputs and {} have an outcome",
                row.source,
                row.received,
                row.received - row.difference()
            ));
        }
        for total in self
            .totals
            .iter()
            .filter(|total| total.debit != total.credit)
        {
            failures.push(format!(
                "the entries of `{}` in {} do not balance in currency {}",
                total.entity, total.period, total.currency_id
            ));
        }
        for target in &self.targets {
            if target.difference() != 0 || !target.amounts_agree || target.waiting() < 0 {
                failures.push(format!(
                    "target `{}`: exported and not yet exported do not make up the journal",
                    target.counts.target
                ));
            }
        }
        let differs = |row: &&CashRow| row.is_current && row.difference() != 0;
        for row in self.cash.iter().filter(differs) {
            failures.push(format!(
                "reconciliation `{}`: {} is off by {} minor units of currency {}",
                row.reconciliation,
                if row.movement.is_empty() {
                    "cash"
                } else {
                    &row.movement
                },
                row.difference(),
                row.currency_id
            ));
        }
        for row in self
            .clearing
            .iter()
            .filter(|row| row.balance != row.open_items)
        {
            failures.push(format!(
                "`{}` of `{}`: its balance and the sum of its open items differ by {} minor units",
                row.account,
                row.entity,
                row.balance - row.open_items
            ));
        }
        failures
    }

    /// What targets hold otherwise than it was sent, target by target.
    fn standing_otherwise(&self) -> impl Iterator<Item = String> {
        let targets = self.targets.iter().filter(|target| target.differing > 0);
        targets.map(|target| {
            let count = usize::try_from(target.differing).unwrap_or(usize::MAX);
            format!(
                "{} in `{}` stand there otherwise than they were sent: `tieout export status` names them",
                counted(count, "document"),
                target.counts.target
            )
        })
    }

    /// Breaks about money.
    pub fn open_breaks(&self) -> usize {
        self.breaks
            .iter()
            .filter(|found| found.status == "open")
            .count()
    }

    /// The verdict and the sentence that explains it.
    pub fn verdict(&self) -> (Verdict, String) {
        let mut differing = self.failures();
        differing.extend(
            self.open_statements
                .iter()
                .map(|s| format!("statement {s}")),
        );
        differing.extend(self.line_conflicts.iter().cloned());
        differing.extend(self.standing_otherwise());
        if self.open_breaks() > 0 {
            differing.push(format!("{} open", counted(self.open_breaks(), "break")));
        }
        if self.conflicts > 0 {
            differing.push(format!(
                "{} came again with other content",
                counted(usize::try_from(self.conflicts).unwrap_or(0), "event")
            ));
        }
        let mut all: Vec<String> = self.lost.iter().cloned().collect();
        all.extend(self.missing.iter().cloned());
        all.extend(differing.iter().cloned());
        let sentence = all.join("; ");
        if self.lost.is_some() {
            (Verdict::Incomplete, sentence)
        } else if self.is_empty() && differing.is_empty() {
            let all = std::iter::once("nothing came into these books yet".to_owned());
            let all: Vec<String> = all.chain(self.missing.iter().cloned()).collect();
            (Verdict::NothingReceived, all.join("; "))
        } else if !self.missing.is_empty() {
            (Verdict::Incomplete, sentence)
        } else if !differing.is_empty() {
            (Verdict::Breaks, sentence)
        } else {
            (Verdict::Ties, self.tied())
        }
    }

    /// No input, no entry, no statement.
    fn is_empty(&self) -> bool {
        self.intake.iter().all(|row| row.received == 0)
            && self.totals.is_empty()
            && self.statements == 0
    }

    /// The sentence of `TIES`, which does not hide what people have settled by their word.
    fn tied(&self) -> String {
        let settled = |row: &&BreakRow| matches!(row.status.as_str(), "resolved" | "written-off");
        let accepted = |row: &&BreakRow| row.status == "accepted";
        let settled = self.breaks.iter().filter(settled).count();
        let accepted = self.breaks.iter().filter(accepted).count();
        let mut sentence = "everything received is accounted for, and every sum agrees".to_owned();
        if settled > 0 {
            let settled = counted(settled, "break");
            sentence.push_str(&format!("; {settled} resolved or written off by people"));
        }
        if accepted > 0 {
            let accepted = counted(accepted, "break");
            sentence.push_str(&format!("; {accepted} accepted as timing until a day"));
        }
        sentence
    }
}

async fn line_conflicts(books: &Snapshot) -> Result<Vec<String>, ReportError> {
    let rows = books.settlement_conflicts().await?;
    let told = |row: ConflictRow| {
        format!(
            "settlement line `{}` of {} came in {} at {} and again in {} at {}, where {}; ask the sender which is right",
            row.identity,
            row.account,
            row.before_file,
            row.before_position,
            row.file,
            row.position,
            row.what
        )
    };
    Ok(rows.into_iter().map(told).collect())
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}

/// Names every balance that differs from the sum of its lines.
fn balance_differences(balances: &[BalanceRow], sums: &[BalanceRow]) -> Vec<String> {
    let key = |row: &BalanceRow| {
        (
            row.entity.clone(),
            row.period.clone(),
            row.account.clone(),
            row.currency_id,
        )
    };
    let mut expected: BTreeMap<_, &BalanceRow> = sums.iter().map(|row| (key(row), row)).collect();
    let mut differences = Vec::new();
    for row in balances {
        match expected.remove(&key(row)) {
            Some(sum) if sum == row => {}
            Some(_) => differences.push(format!(
                "the balance of `{}` of `{}` in {} is not the sum of its lines",
                row.account, row.entity, row.period
            )),
            None => differences.push(format!(
                "the balance of `{}` of `{}` in {} has no lines",
                row.account, row.entity, row.period
            )),
        }
    }
    differences.extend(expected.values().map(|row| {
        format!(
            "the lines of `{}` of `{}` in {} have no balance",
            row.account, row.entity, row.period
        )
    }));
    differences
}

async fn targets(books: &Snapshot, totals: &[EntryTotal]) -> Result<Vec<TargetLine>, ReportError> {
    let states = entry_states(books).await?;
    let batches = books.batch_states().await?;
    let held = books.held_entries().await?;
    let exported = books.exported_totals().await?;
    let mut lines = Vec::new();
    for counts in books.target_control().await? {
        let sum = |kinds: &[Option<i64>]| -> i64 {
            let own =
                |(target, state, _): &&State| *target == counts.target && kinds.contains(state);
            states
                .iter()
                .filter(own)
                .map(|(_, _, entries)| entries)
                .sum()
        };
        let complete = counts.posted == counts.exported;
        let own: Vec<&EntryTotal> = exported
            .iter()
            .filter(|row| row.target == counts.target)
            .map(|row| &row.total)
            .collect();
        let amounts_agree = !complete || own.iter().copied().eq(totals.iter());
        lines.push(TargetLine {
            acknowledged: sum(&[Some(2)]),
            delivered: sum(&[Some(1)]),
            unknown: sum(&[Some(4), Some(SENDING), None]),
            rejected: sum(&[Some(3)]),
            differing: sum(&[Some(DIFFERS)]),
            held: waiting_for(&held, &counts.target),
            refusals: batches
                .iter()
                .filter(|state| state.target == counts.target && state.state == Some(3))
                .map(refusal)
                .collect(),
            amounts_agree,
            counts,
        });
    }
    Ok(lines)
}

/// A target, a state, and entries that are in it.
type State = (String, Option<i64>, i64);

/// Entries by the state of their document or, where the target answers for a batch as a whole, of their batch.
async fn entry_states(books: &Snapshot) -> Result<Vec<State>, ReportError> {
    let documents = books.document_states().await?;
    let by_document: BTreeSet<i64> = documents.iter().map(|row| row.batch_id).collect();
    let whole = books.batch_states().await?.into_iter();
    let whole = whole.filter(|batch| !by_document.contains(&batch.id));
    let whole = whole.map(|batch| (batch.target, batch.state, batch.entries));
    let each = documents.into_iter();
    let each = each.map(|row| (row.target, row.state, row.entries));
    Ok(whole.chain(each).collect())
}

/// What a target's entries wait for, each reason once.
fn waiting_for(held: &[HeldEntry], target: &str) -> Vec<String> {
    let mut reasons = BTreeMap::<&str, (usize, i64)>::new();
    for row in held.iter().filter(|row| row.target == target) {
        let (count, _first) = reasons.entry(&row.why).or_insert((0, row.entry_id));
        *count += 1;
    }
    let told = reasons.into_iter().map(|(why, (count, first))| {
        let entries = if count == 1 { "entry" } else { "entries" };
        format!("{count} {entries} held back from {target}, the first is {first}: {why}")
    });
    told.collect()
}

fn refusal(batch: &BatchState) -> String {
    let said = batch.message.as_deref().unwrap_or_default();
    format!(
        "{} entries rejected by {} in batch {} ({said}); decide with `tieout export resend {} --why …` or `tieout export again {} --why …`",
        batch.entries, batch.target, batch.number, batch.uuid, batch.uuid
    )
}

/// An amount in a stored currency.
///
/// # Errors
/// [`ReportError::Currency`].
pub(crate) fn money(amount: i64, currency_id: i64) -> Result<Money, ReportError> {
    Ok(Money::minor(amount, Currency::from_numeric(currency_id)?))
}
