//! Breaks to a spreadsheet and back: people decide in rows what they would else say verb by verb.
//!
//! The sheet decides nothing by itself. What its rows ask for goes through the same deeds and the same policy as
//! single verbs, all in one transaction: if one row is refused nothing is done. Each row carries a version of its
//! case, so that what changed after the sheet was written is refused and not decided unseen.

mod read;

use crate::call::{Call, Refusal, RefusalKind};
use crate::deeds::cases;
use crate::deeds::desk::{
    Deed, How, alone, case_of, check_deed, day_of, decide_in, last_amount, money_of, not_over,
    person, record, refused, state_of,
};
use crate::deeds::posting::{self, About};
use desk::case::{CaseState, Deed as CaseDeed};
use desk::{Actor, Eyes, Measure, Policy};
use ledger::{Currency, Hash, Money, bounds};
use reports::render::worklist::{self, COLUMNS, SHEET, Work};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use store::cases::posting::PostingRow;
use store::cases::{CaseRow, DeedRow, PastRow};
use store::{Snapshot, Tx};

/// What a row may decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Assign,
    Comment,
    Explain,
    Accept,
    Dispute,
    Resolve,
    Post,
    WriteOff,
    Reopen,
}

impl Verb {
    const ALL: [Self; 9] = [
        Self::Assign,
        Self::Comment,
        Self::Explain,
        Self::Accept,
        Self::Dispute,
        Self::Resolve,
        Self::Post,
        Self::WriteOff,
        Self::Reopen,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Assign => "assign",
            Self::Comment => "comment",
            Self::Explain => "explain",
            Self::Accept => "accept",
            Self::Dispute => "dispute",
            Self::Resolve => "resolve",
            Self::Post => "post",
            Self::WriteOff => "write-off",
            Self::Reopen => "reopen",
        }
    }

    fn names() -> [&'static str; 9] {
        Self::ALL.map(Self::name)
    }

    const fn case_deed(self) -> CaseDeed {
        match self {
            Self::Assign => CaseDeed::Assigned,
            Self::Comment => CaseDeed::Commented,
            Self::Explain => CaseDeed::Explained,
            Self::Accept => CaseDeed::Accepted,
            Self::Dispute => CaseDeed::Disputed,
            Self::Resolve | Self::Post => CaseDeed::Resolved,
            Self::WriteOff => CaseDeed::WrittenOff,
            Self::Reopen => CaseDeed::Reopened,
        }
    }

    /// What the column `to` has to say, where it has to say something.
    const fn to(self) -> Option<&'static str> {
        match self {
            Self::Assign => Some("who looks after it"),
            Self::Accept => Some("the last day, as 2026-01-31"),
            Self::Post => Some("the rule"),
            _ => None,
        }
    }

    /// What goes by proposal and policy.
    ///
    /// # Errors
    /// When `to` is no day, where it has to be one.
    fn decision(self, id: &str, to: &str) -> Result<Option<Deed>, Refusal> {
        let id = id.to_owned();
        Ok(match self {
            Self::Resolve => Some(Deed::BreakResolve { id }),
            Self::Accept => {
                let until = to.parse().map_err(|_no_day| {
                    invalid(format!(
                        "`to` is `{}`, which is no day; write it as 2026-01-31",
                        bounds::NAME.cut(to)
                    ))
                })?;
                Some(Deed::BreakAccept { id, until })
            }
            Self::Post => {
                let how = How::by(to);
                Some(Deed::BreakPost { id, how })
            }
            Self::WriteOff => {
                let how = How::default();
                Some(Deed::WriteOff { id, how })
            }
            Self::Reopen => Some(Deed::BreakReopen { id }),
            Self::Assign | Self::Comment | Self::Explain | Self::Dispute => None,
        })
    }
}

/// What the sheet says beside the column `to`.
const TO: &str =
    "assign, dispute: whom. accept: the last day, as 2026-01-31. post: the rule. Else empty.";

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// The breaks, one row each.
    pub rows: usize,
}

/// What a sheet asks for, and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// SHA-256 of the file.
    pub sha256: String,
    /// Its rows, less the header.
    pub rows: usize,
    /// Whether it is done; else this is what would be.
    pub done: bool,
    /// The rows that decide something and can be done.
    pub decisions: Vec<RowDecision>,
    /// The rows that cannot be. Where there are any, nothing is done.
    pub refused: Vec<RowRefused>,
    /// Cells that differ from the books in columns that are not read.
    pub ignored: Vec<CellIgnored>,
}

/// A row that decides something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowDecision {
    /// Its number in the sheet.
    pub row: u32,
    /// The break.
    pub id: String,
    /// The verb.
    pub decision: String,
    /// Who looks after it from now on, for `assign`; who is asked, until when, and by which rule, for `dispute`, `accept` and
    /// `post`.
    pub to: String,
    /// Why, or what is said.
    pub why: String,
    /// Whether it waits for another person.
    pub waits: bool,
    /// The proposal, once it is made.
    pub proposal: Option<i64>,
}

/// A row that cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowRefused {
    /// Its number in the sheet.
    pub row: u32,
    /// The break.
    pub id: String,
    /// Why, and what to do.
    pub because: String,
}

/// A cell that somebody changed where changing means nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CellIgnored {
    /// Its row's number in the sheet.
    pub row: u32,
    /// Its column.
    pub column: &'static str,
    /// What it says.
    pub sheet: String,
    /// What the books say.
    pub books: String,
}

/// What is kept of an import in the list of runs.
#[derive(Serialize)]
struct Summary<'a> {
    sha256: &'a str,
    decisions: usize,
    waiting: usize,
}

/// A row that wants something.
#[derive(Debug)]
struct Asked {
    row: u32,
    id: String,
    verb: String,
    to: String,
    why: String,
    version: String,
    formula: Option<String>,
}

/// Writes the open breaks as a sheet, or all.
///
/// # Errors
/// When the books cannot be read, or nothing can be written to `out`.
pub async fn export(
    call: &Call,
    all: bool,
    out: &mut (dyn Write + Send),
) -> Result<Exported, Refusal> {
    let books = call.store.snapshot().await?;
    let mut rows = work(&books).await?;
    rows.retain(|work| all || work.found.status == "open");
    worklist::write(&rows, (&Verb::names(), TO), out).map_err(anyhow::Error::from)?;
    Ok(Exported { rows: rows.len() })
}

/// Reads a sheet, says what it would do, and with `yes` does it: all or nothing.
///
/// # Errors
/// When it is no such sheet. Rows that cannot be done are part of the answer.
pub async fn import(call: &Call, path: &Path, yes: bool) -> Result<Imported, Refusal> {
    let bytes = read::bytes_of(path)?;
    let books = call.store.snapshot().await?;
    let known: BTreeMap<String, Work> = work(&books)
        .await?
        .into_iter()
        .map(|work| (work.found.id.clone(), work))
        .collect();
    let reading = tokio::task::spawn_blocking(move || take(&bytes, &known));
    let (mut answer, asked) = reading.await.map_err(anyhow::Error::from)??;
    let policy = call.config.policy()?;
    if yes {
        drop(books);
        carry_out(call, &asked, &policy, &mut answer).await?;
    } else {
        let mut waiting = BTreeMap::new();
        for row in books.proposals(None).await? {
            if row.verdict.is_none() {
                waiting.insert((row.kind, row.subject), row.id);
            }
        }
        judge_all(
            call,
            &mut Books::Snapshot(&books, waiting),
            &asked,
            &policy,
            &mut answer,
        )
        .await?;
    }
    Ok(answer)
}

/// All that runs find, each with the version of its case.
async fn work(books: &Snapshot) -> Result<Vec<Work>, Refusal> {
    let mut past = BTreeMap::<String, Vec<PastRow>>::new();
    for row in books.findings_past().await? {
        past.entry(row.id.clone()).or_default().push(row);
    }
    let found = books.breaks().await?;
    let with_version = found.into_iter().map(|found| {
        let past = past.remove(&found.id).unwrap_or_default();
        let seen = |row: &&PastRow| matches!(row.deed.as_str(), "found" | "returned" | "changed");
        let amount = past.iter().rev().find(seen);
        let amount = amount.map_or(found.amount, |row| row.amount);
        let state = CaseState::after(past.iter().filter_map(|row| CaseDeed::find(&row.deed)));
        let version = version(&found.id, amount, state, past.len());
        Work { found, version }
    });
    Ok(with_version.collect())
}

fn version(id: &str, amount: i64, state: CaseState, deeds: usize) -> String {
    let state = state.name();
    Hash::of(format!("{id}\n{amount}\n{state}\n{deeds}").as_bytes()).to_string()
}

/// What a sheet asks for, and where it differs in what it cannot change.
fn take(bytes: &[u8], known: &BTreeMap<String, Work>) -> Result<(Imported, Vec<Asked>), Refusal> {
    let columns = COLUMNS.map(|(name, _)| name);
    let needed = ["id", "decision", "to", "why", "version"];
    let mut answer = Imported {
        sha256: Hash::of(bytes).to_string(),
        ..Imported::default()
    };
    let mut asked = Vec::new();
    let mut each = |row: read::Row| {
        answer.rows += 1;
        let (number, formula) = (row.number, row.formula);
        let cells: BTreeMap<&'static str, String> = columns.into_iter().zip(row.cells).collect();
        let cell = |name: &str| cells.get(name).cloned().unwrap_or_default();
        let (id, version) = (cell("id"), cell("version"));
        if let Some(work) = known.get(&id).filter(|work| work.version == version) {
            answer.ignored.extend(differing(number, &cells, work));
        }
        let row = Asked {
            row: number,
            id,
            verb: cell("decision"),
            to: cell("to"),
            why: cell("why"),
            version,
            formula,
        };
        let says = [&row.verb, &row.to, &row.why];
        if row.formula.is_some() || says.into_iter().any(|text| !text.is_empty()) {
            asked.push(row);
        }
    };
    read::rows(bytes, (&columns, &needed), &mut each)?;
    Ok((answer, asked))
}

fn differing(row: u32, cells: &BTreeMap<&'static str, String>, work: &Work) -> Vec<CellIgnored> {
    let found = &work.found;
    let currency = Currency::from_numeric(found.currency_id).ok();
    let amount = currency.map(|currency| Money::minor(found.amount, currency).to_decimal());
    let books = [
        ("reconciliation", found.reconciliation.clone()),
        ("kind", found.kind.clone()),
        ("state", found.state.clone()),
        ("account", found.account.clone()),
        ("reference", found.reference.clone()),
        (
            "currency",
            currency.map_or_else(String::new, |currency| currency.code().to_owned()),
        ),
        (
            "amount",
            amount.map_or_else(String::new, |amount| amount.to_string()),
        ),
        ("since", found.since_on.to_string()),
        ("age", found.age_days.to_string()),
        ("assignee", found.assignee.clone().unwrap_or_default()),
        ("detail", found.detail.clone()),
    ];
    let told = books.into_iter().filter_map(|(column, books)| {
        let sheet = cells.get(column)?;
        let same = match column {
            "amount" => shortest(sheet) == shortest(&books),
            _ => words(sheet) == words(worklist::cut(&books)),
        };
        // A column that somebody took out says nothing.
        (!same && !sheet.is_empty()).then(|| CellIgnored {
            row,
            column,
            sheet: bounds::REASON.cut(sheet).into_owned(),
            books,
        })
    });
    told.collect()
}

/// A text by its words: a spreadsheet writes line breaks its own way.
fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// A number without the zeros that say nothing.
fn shortest(number: &str) -> &str {
    match number.split_once('.') {
        Some(_) => number.trim_end_matches('0').trim_end_matches('.'),
        None => number,
    }
}

/// The books as rows are judged by: as they are for whoever reads, or while others wait.
enum Books<'a> {
    Snapshot(&'a Snapshot, BTreeMap<(String, String), i64>),
    Tx(&'a mut Tx),
}

impl Books<'_> {
    async fn case(&mut self, id: &str) -> Result<(CaseRow, Vec<DeedRow>), Refusal> {
        match self {
            Self::Tx(tx) => case_of(tx, id).await,
            Self::Snapshot(books, _) => {
                let case = books.case(id).await?.ok_or_else(|| {
                    let what = format!(
                        "there is no break `{id}`; `tieout breaks list` shows what there is"
                    );
                    Refusal::new(RefusalKind::Missing, what)
                })?;
                Ok((case, books.case_deeds(id).await?))
            }
        }
    }

    async fn postings(&mut self, id: &str) -> Result<Vec<PostingRow>, Refusal> {
        Ok(match self {
            Self::Tx(tx) => tx.break_postings(id).await?,
            Self::Snapshot(books, _) => books.break_postings(id).await?,
        })
    }

    /// What somebody decided alone on this day, of the kinds that a policy sums up.
    async fn decided_today(
        &mut self,
        (policy, actor): (&Policy, &Actor),
        (call, currency): (&Call, Currency),
    ) -> Result<i64, Refusal> {
        let (day, currency) = (day_of(&call.stamp()), i64::from(currency.numeric()));
        let rows = match self {
            Self::Tx(tx) => tx.decided_alone(day, currency).await?,
            Self::Snapshot(books, _) => books.decided_alone(day, currency).await?,
        };
        Ok(alone(rows, Some(policy), actor))
    }

    async fn waiting(&mut self, deed: &Deed) -> Result<Option<i64>, Refusal> {
        let (kind, subject) = (deed.kind().name(), deed.subject());
        Ok(match self {
            Self::Tx(tx) => tx.waiting_proposal(kind, &subject).await?,
            Self::Snapshot(_, waiting) => waiting.get(&(kind.to_owned(), subject)).copied(),
        })
    }
}

/// Sorts the rows into those that can be done and those that cannot.
async fn judge_all(
    call: &Call,
    books: &mut Books<'_>,
    asked: &[Asked],
    policy: &Policy,
    answer: &mut Imported,
) -> Result<(), Refusal> {
    let mut rows = BTreeMap::<&str, u32>::new();
    // What the rows before decide alone counts as if it were done.
    let mut alone = BTreeMap::<Currency, i64>::new();
    for row in asked {
        let twice = rows.insert(&row.id, row.row).map(|first| {
            let what = format!("row {first} is about `{}` already; keep one", row.id);
            Refusal::new(RefusalKind::Invalid, what)
        });
        let judged = match twice {
            Some(twice) => Err(twice),
            None => judge(call, books, row, (policy, &mut alone)).await,
        };
        match judged {
            Ok((verb, waits)) => answer.decisions.push(RowDecision {
                row: row.row,
                id: row.id.clone(),
                decision: verb.name().to_owned(),
                to: row.to.clone(),
                why: row.why.clone(),
                waits,
                proposal: None,
            }),
            // Books that could not be asked refuse no row.
            Err(refusal)
                if matches!(
                    refusal.kind(),
                    RefusalKind::Unavailable | RefusalKind::Broken
                ) =>
            {
                return Err(refusal);
            }
            Err(refusal) => answer.refused.push(RowRefused {
                row: row.row,
                id: bounds::NAME.cut(&row.id).into_owned(),
                because: refusal.to_string(),
            }),
        }
    }
    Ok(())
}

/// Whether a row can be done, and whether it would wait for another person.
async fn judge(
    call: &Call,
    books: &mut Books<'_>,
    row: &Asked,
    (policy, before): (&Policy, &mut BTreeMap<Currency, i64>),
) -> Result<(Verb, bool), Refusal> {
    let verb = understood(row)?;
    let (case, deeds) = books.case(&row.id).await?;
    let now = version(
        &row.id,
        last_amount(&case, &deeds),
        state_of(&deeds),
        deeds.len(),
    );
    if now != row.version {
        let what = format!(
            "break `{}` changed after the sheet was written; `tieout breaks show {}` says how, a new export has it",
            row.id, row.id
        );
        return Err(Refusal::new(RefusalKind::Conflict, what));
    }
    check_deed(&row.id, &deeds, verb.case_deed())?;
    let Some(deed) = verb.decision(&row.id, &row.to)? else {
        return Ok((verb, false));
    };
    if let Some(proposal) = books.waiting(&deed).await? {
        let subject = deed.subject();
        return Err(refused(desk::Refusal::AlreadyProposed {
            proposal,
            subject,
        }));
    }
    if let Deed::BreakAccept { until, .. } = &deed {
        not_over(call, &case, *until).await?;
    }
    let (mut amount, mut entity) = (money_of(&case, &deeds)?, None);
    if let Some(away) = deed.away() {
        let about = About {
            case: &case,
            deeds: &deeds,
            postings: &books.postings(&row.id).await?,
            looks: true,
        };
        let snapshot = call.store.snapshot().await?;
        let posted = posting::would_post(call, &snapshot, &about, &away).await?;
        if let Some(posted) = posted {
            (amount, entity) = (posted.amount, Some(posted.entity));
        }
    }
    let mut measure = Measure {
        amount: Some(amount),
        entity: entity.as_deref(),
        today: 0,
    };
    let (kind, currency) = (deed.kind(), amount.currency());
    if policy.counts_days(kind) {
        let today = books
            .decided_today((policy, &person(call)?), (call, currency))
            .await?;
        let before = before.get(&currency).copied().unwrap_or_default();
        measure.today = today.saturating_add(before);
    }
    let is_alone = policy.weigh(kind, &measure) == Eyes::One;
    if is_alone && policy.counts_days(kind) {
        let sum = before.entry(currency).or_default();
        let size = i64::try_from(amount.amount().unsigned_abs()).unwrap_or(i64::MAX);
        *sum = sum.saturating_add(size);
    }
    Ok((verb, !is_alone))
}

/// What a row means, as far as it says so itself.
fn understood(row: &Asked) -> Result<Verb, Refusal> {
    if let Some(cell) = &row.formula {
        let what = format!("cell {cell} holds a formula; put its value there");
        return Err(invalid(what));
    }
    let not_taken = |name: &'static str| {
        move |error: bounds::TextError| {
            Refusal::new(RefusalKind::Invalid, format!("`{name}` {error}"))
        }
    };
    bounds::NAME.check(&row.id).map_err(not_taken("id"))?;
    bounds::NAME.check(&row.to).map_err(not_taken("to"))?;
    bounds::DESCRIPTION
        .check(&row.why)
        .map_err(not_taken("why"))?;
    if row.verb.is_empty() {
        let what =
            "says something, but decides nothing; choose a decision, or empty `to` and `why`";
        return Err(invalid(what.to_owned()));
    }
    let wanted = row.verb.to_lowercase();
    let verb = Verb::ALL.into_iter().find(|verb| verb.name() == wanted);
    let verb = verb.ok_or_else(|| {
        invalid(format!(
            "there is no decision `{}`; there are {}",
            bounds::REASON.cut(&row.verb),
            Verb::names().join(", ")
        ))
    })?;
    if matches!(verb, Verb::Assign | Verb::Dispute) && !row.to.is_empty() {
        Actor::new(&row.to).map_err(refused)?;
    }
    if verb != Verb::Assign && row.why.is_empty() {
        return Err(invalid("`why` is empty; say why".to_owned()));
    }
    match verb.to() {
        Some(what) if row.to.is_empty() => Err(invalid(format!("`to` is empty; say {what}"))),
        None if verb != Verb::Dispute && !row.to.is_empty() => Err(invalid(format!(
            "`to` says nothing about `{}`; empty it",
            verb.name()
        ))),
        _ => Ok(verb),
    }
}

fn invalid(what: String) -> Refusal {
    Refusal::new(RefusalKind::Invalid, what)
}

/// Does what the rows say, in one transaction, if all of it can be done.
async fn carry_out(
    call: &Call,
    asked: &[Asked],
    policy: &Policy,
    answer: &mut Imported,
) -> Result<(), Refusal> {
    let mut stamp = call.stamp();
    let actor = person(call)?;
    actor.name().clone_into(&mut stamp.actor);
    let mut tx = call.store.begin().await?;
    judge_all(call, &mut Books::Tx(&mut tx), asked, policy, answer).await?;
    if !answer.refused.is_empty() || answer.decisions.is_empty() {
        return Ok(());
    }
    for row in &mut answer.decisions {
        perform(call, &mut tx, row).await?;
    }
    let summary = Summary {
        sha256: &answer.sha256,
        decisions: answer.decisions.len(),
        waiting: answer.decisions.iter().filter(|row| row.waits).count(),
    };
    record(call, &mut tx, "breaks import", &stamp, &summary).await?;
    tx.commit().await?;
    answer.done = true;
    Ok(())
}

async fn perform(call: &Call, tx: &mut Tx, row: &mut RowDecision) -> Result<(), Refusal> {
    let Some(verb) = Verb::ALL
        .into_iter()
        .find(|verb| verb.name() == row.decision)
    else {
        return Ok(());
    };
    if let Some(deed) = verb.decision(&row.id, &row.to)? {
        let decided = decide_in(call, tx, &deed, &row.why).await?;
        row.waits = !decided.changed;
        row.proposal = decided.proposal;
        return Ok(());
    }
    let to = match verb {
        Verb::Assign | Verb::Dispute if !row.to.is_empty() => {
            Actor::new(&row.to).map_err(refused)?.name().to_owned()
        }
        _ => String::new(),
    };
    let deed = (verb.case_deed(), row.why.clone(), to.as_str());
    cases::add_in(call, tx, &row.id, deed).await
}
