//! A file on its way into the books, in one transaction: [`Tx::begin_file`], then its lines and bytes in pieces
//! as they are read, then [`Tx::end_file`]. What its statements say of themselves is known before the first line
//! comes, so that balances can decide about lines; nothing here grows with the file but a few bytes for each
//! statement, and for each equal line that balances told apart.

use super::fate::{Added, Brief, Fate, Known, KnownLines, Relation, Sight, split};
use super::row::{COLUMNS, Completion, NewLine, int};
use super::{SettleSummary, numeric};
use crate::artifact::Packed;
use crate::bulk::Kind::{Bytes, Int};
use crate::bulk::{Field, Table};
use crate::intake::Stamp;
use crate::record::{NewLink, Span, digest, kinds};
use crate::{StoreError, Tx};
use chrono::NaiveDate;
use ledger::hash::EventKey;
use ledger::{Currency, Hash, Money, Origin, SettlementLine, Statement};
use sqlx_macros::FromRow;
use std::collections::{BTreeMap, BTreeSet};

/// A file to be taken.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// Its name.
    pub name: String,
    /// The format that read it.
    pub format: String,
    /// The version of its reading.
    pub format_version: i64,
    /// The format's options, as JSON.
    pub options: String,
    /// The hash of its bytes.
    pub hash: Hash,
    /// What brought it: `named`, `folder`, `http`, or `sftp:` and a name.
    pub source: String,
    /// Where its bytes are kept that do not come along, under the hash; none where they do.
    pub kept: Option<&'static str>,
    /// What its statements say of themselves.
    pub statements: Vec<Announced>,
}

/// A statement without its lines, and what they come to.
#[derive(Clone, Debug)]
pub struct Announced {
    /// What it says of itself.
    pub statement: Statement,
    /// How many lines it has.
    pub lines: i64,
    /// Their sum in minor units.
    pub total: i64,
}

impl Announced {
    /// Of a statement whose lines are at hand.
    pub fn of(statement: &Statement) -> Self {
        Self {
            lines: int(u64::try_from(statement.lines.len()).unwrap_or(u64::MAX)),
            total: statement.total(),
            statement: Statement {
                lines: Vec::new(),
                ..statement.clone()
            },
        }
    }
}

/// What a file brought.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// In numbers.
    pub summary: SettleSummary,
    /// Per statement, in the order of the file.
    pub statements: Vec<TakenStatement>,
    /// What somebody should know: lines in conflict, and lines of which nobody can say whether they are new.
    pub told: Vec<String>,
}

/// A statement that was taken.
#[derive(Clone, Debug)]
pub struct TakenStatement {
    /// What it says of itself, and what its lines come to.
    pub announced: Announced,
    /// How many lines no other file had brought.
    pub new_lines: i64,
    /// Whether opening + lines = closing.
    pub verdict: String,
}

/// As much is told of a file.
const MOST_TOLD: usize = 20;

/// The highest numbers that are given.
#[derive(Debug, FromRow)]
struct LastIds {
    file: i64,
    statement: i64,
    line: i64,
    payout: i64,
    repeat: i64,
    completion: i64,
    conflict: i64,
    supersession: i64,
}

/// The lines of a statement so far.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    own: i64,
    first: Option<i64>,
    last: Option<i64>,
}

/// A file that is being taken.
#[derive(Debug)]
pub struct Taking {
    file_id: i64,
    file: NewFile,
    first_statement: i64,
    last: LastIds,
    chunks: i64,
    counts: Vec<Count>,
    briefs: BTreeMap<i64, Brief>,
    /// Lines of earlier statements that one of the file has too.
    met: BTreeMap<(usize, i64), i64>,
    /// Which number the last line of a name got, where balances decide.
    renamed: BTreeMap<(usize, String), u32>,
    /// Lines in the books that a line of the file already is.
    claimed: BTreeSet<(usize, i64)>,
    doubts: BTreeSet<(i64, i64)>,
    links: Vec<NewLink>,
    taken: Taken,
}

fn missing(number: usize) -> StoreError {
    StoreError::Invariant(format!("statement {number} of the file was not announced"))
}

fn place(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Taking {
    pub(super) fn statement(&self, number: usize) -> Result<&Statement, StoreError> {
        let found = self.file.statements.get(number);
        found
            .map(|announced| &announced.statement)
            .ok_or_else(|| missing(number))
    }

    fn id(&self, number: usize) -> i64 {
        self.first_statement.saturating_add(place(number))
    }

    /// What the file's statement says of itself.
    pub(super) fn brief(&self, number: usize) -> Result<Brief, StoreError> {
        let found = self
            .file
            .statements
            .get(number)
            .ok_or_else(|| missing(number))?;
        let (total, lines) = (found.total, found.lines);
        Ok(Brief::of(self.id(number), &found.statement, total, lines))
    }

    /// A statement that was asked for before, or that is the file's own.
    pub(super) fn known_brief(&self, id: i64) -> Result<Option<Brief>, StoreError> {
        if id < self.first_statement {
            return Ok(self.briefs.get(&id).cloned());
        }
        let number = usize::try_from(id - self.first_statement).unwrap_or(usize::MAX);
        self.brief(number).map(Some)
    }

    pub(super) fn keep_brief(&mut self, brief: Brief) {
        self.briefs.insert(brief.id, brief);
    }

    /// The name of which the first free one is sought, and its first number.
    pub(super) fn first_name(&self, number: usize, identity: &str) -> (String, u32) {
        let given = |base: &str| self.renamed.get(&(number, base.to_owned())).copied();
        if let Some((base, _)) = split(identity)
            && let Some(last) = given(base)
        {
            return (base.to_owned(), last.saturating_add(1));
        }
        (identity.to_owned(), 1)
    }

    /// Remembers a number behind a name, if there is one.
    pub(super) fn named(&mut self, number: usize, base: String, count: u32) {
        if count > 1 {
            self.renamed.insert((number, base), count);
        }
    }

    pub(super) fn claim(&mut self, number: usize, line: i64) {
        self.claimed.insert((number, line));
    }

    /// Whether a line of the same statement is it already.
    pub(super) fn is_claimed(&self, number: usize, found: &Known) -> bool {
        found.statement_id == self.id(number) || self.claimed.contains(&(number, found.id))
    }

    /// Tells once that nobody can say whether equal lines of two statements are one movement.
    pub(super) fn doubt(&mut self, own: &Brief, other: &Brief) {
        if self.doubts.insert((own.id, other.id)) {
            self.tell(format!(
                "statement {} has lines that equal lines of statement {}, without a reference of the bank's and without balances that tell them apart; each counts once. Compare both with the bank, and ask it for statements with balances",
                own.identity, other.identity
            ));
        }
    }

    fn tell(&mut self, what: String) {
        if self.taken.told.len() < MOST_TOLD {
            self.taken.told.push(what);
        }
    }
}

/// What a piece of a file says about lines that are known.
#[derive(Default)]
struct Again {
    repeats: Vec<[i64; 3]>,
    completions: Vec<Completion>,
    conflicts: Vec<Conflict>,
}

struct Conflict {
    id: i64,
    line_id: i64,
    statement_id: i64,
    position: i64,
    amounts: [Money; 3],
    payout: String,
    what: String,
}

/// A payout's account, identity and currency: what tells it from all others.
type PayoutName = (String, String, i64);

impl Tx {
    /// Begins to take a file; none where the same bytes were taken before.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn begin_file(
        &mut self,
        file: NewFile,
        stamp: &Stamp,
    ) -> Result<Option<Taking>, StoreError> {
        /// The row itself holds none of it.
        const NOTHING: &[u8] = &[];
        let seen: Option<i64> = on_tx!(&mut *self, db => sqlx::query_scalar(sql!("settlement/file_id"))
            .bind(file.hash.as_bytes().as_slice()).fetch_optional(db).await?);
        if seen.is_some() {
            return Ok(None);
        }
        let last: LastIds = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("settlement/next_ids")).fetch_one(db).await?);
        let file_id = last.file + 1;
        on_tx!(&mut *self, db => sqlx::query(sql!("settlement/insert_file"))
            .bind(file_id).bind(file.hash.as_bytes().as_slice()).bind(&file.name).bind(&file.format)
            .bind(file.format_version).bind(&file.options).bind(&file.source).bind(file.kept).bind(stamp.now).bind(&stamp.actor).bind(NOTHING)
            .execute(db).await?.rows_affected());
        let currencies: BTreeSet<Currency> = file
            .statements
            .iter()
            .map(|announced| announced.statement.currency)
            .collect();
        for currency in currencies {
            self.currency(currency).await?;
        }
        Ok(Some(Taking {
            file_id,
            first_statement: last.statement + 1,
            last,
            chunks: 0,
            counts: vec![Count::default(); file.statements.len()],
            briefs: BTreeMap::new(),
            met: BTreeMap::new(),
            renamed: BTreeMap::new(),
            claimed: BTreeSet::new(),
            doubts: BTreeSet::new(),
            links: Vec::new(),
            taken: Taken {
                summary: SettleSummary {
                    files: 1,
                    ..SettleSummary::default()
                },
                ..Taken::default()
            },
            file,
        }))
    }

    /// Takes a piece of the file's bytes.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn take_bytes(
        &mut self,
        taking: &mut Taking,
        packed: &Packed,
    ) -> Result<(), StoreError> {
        const CHUNKS: Table<4> = Table {
            name: "settlement_file_chunk",
            columns: [
                ("file_id", Int),
                ("no", Int),
                ("codec", Int),
                ("bytes", Bytes),
            ],
        };
        let rows: Vec<_> = (taking.chunks + 1..)
            .zip(&packed.0)
            .map(|(no, chunk)| {
                [
                    Field::Int(taking.file_id),
                    Field::Int(no),
                    Field::Int(chunk.codec),
                    Field::Bytes(&chunk.bytes),
                ]
            })
            .collect();
        taking.chunks += place(rows.len());
        self.insert(CHUNKS, rows.into_iter()).await
    }

    /// Takes lines, each with the number of its statement within the file.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn take_lines(
        &mut self,
        taking: &mut Taking,
        lines: &[(usize, SettlementLine)],
    ) -> Result<(), StoreError> {
        let mut keys = Vec::with_capacity(lines.len());
        for (number, line) in lines {
            keys.push(taking.statement(*number)?.key(line));
        }
        // Neighbours in the index are asked for together.
        keys.sort_unstable();
        let mut known = self.known_lines(&keys).await?;
        let (mut fresh, mut again) = (Vec::new(), Again::default());
        for (at, (number, line)) in lines.iter().enumerate() {
            match self.fate(taking, *number, line, &mut known).await? {
                Fate::New(key, identity) => {
                    taking.last.line += 1;
                    let (id, statement_id) = (taking.last.line, taking.id(*number));
                    if let Some(count) = taking.counts.get_mut(*number) {
                        count.own += 1;
                        count.first = count.first.or(Some(id));
                        count.last = Some(id);
                    }
                    let origin = taking.statement(*number)?.origin;
                    known.insert(key, Known::of((id, statement_id), key, origin, line));
                    fresh.push((id, at, key, identity));
                }
                Fate::Seen(found) => taking.see(*number, line, &found, &mut known, &mut again)?,
            }
        }
        taking.taken.summary.lines += place(fresh.len());
        self.insert_payouts(taking, lines, &fresh, &again).await?;
        self.insert_fresh(taking, lines, fresh).await?;
        self.insert_again(taking, again).await
    }

    async fn insert_fresh(
        &mut self,
        taking: &mut Taking,
        lines: &[(usize, SettlementLine)],
        fresh: Vec<(i64, usize, EventKey, Option<String>)>,
    ) -> Result<(), StoreError> {
        let (Some(first), Some(last)) = (fresh.first(), fresh.last()) else {
            return Ok(());
        };
        let span = Span::keys(first.0, last.0);
        let mut rows = Vec::with_capacity(fresh.len());
        for (id, at, key, identity) in fresh {
            let Some((number, line)) = lines.get(at) else {
                continue;
            };
            let statement = taking.statement(*number)?;
            rows.push(NewLine::new(
                (id, taking.id(*number)),
                key,
                identity,
                line,
                statement,
            ));
        }
        let file_id = taking.file_id;
        let fields = || rows.iter().map(|row| row.fields(file_id));
        let inserting = self.insert::<COLUMNS>(kinds::SETTLEMENT_LINES, fields());
        // While the database takes them, what covers them is worked out.
        let (inserted, digested) =
            futures_util::future::join(inserting, async { digest(fields()) }).await;
        inserted?;
        let link = NewLink::over(&kinds::SETTLEMENT_LINE, span, digested);
        taking.links.push(link);
        Ok(())
    }

    /// Gives every payout a number that has none yet.
    async fn insert_payouts(
        &mut self,
        taking: &mut Taking,
        lines: &[(usize, SettlementLine)],
        fresh: &[(i64, usize, EventKey, Option<String>)],
        again: &Again,
    ) -> Result<(), StoreError> {
        let mut names = Vec::<PayoutName>::new();
        for (_, at, _, _) in fresh {
            if let Some((number, line)) = lines.get(*at) {
                let statement = taking.statement(*number)?;
                if statement.origin == Origin::Processor && !line.payout.is_empty() {
                    let currency = numeric(line.net.currency());
                    names.push((statement.account.clone(), line.payout.clone(), currency));
                }
            }
        }
        for Completion {
            statement_id,
            added: Added { payout, .. },
            ..
        } in &again.completions
        {
            let number = usize::try_from(statement_id - taking.first_statement).unwrap_or(0);
            let statement = taking.statement(number)?;
            if statement.origin == Origin::Processor && !payout.is_empty() {
                let currency = numeric(statement.currency);
                names.push((statement.account.clone(), payout.clone(), currency));
            }
        }
        // In the order of the file: numbers are given so.
        let mut seen = BTreeSet::new();
        for (account, payout, currency) in names {
            if !seen.insert((account.clone(), payout.clone(), currency)) {
                continue;
            }
            let written = on_tx!(&mut *self, db => sqlx::query(sql!("settlement/insert_payout"))
                .bind(taking.last.payout + 1).bind(&account).bind(&payout).bind(currency)
                .execute(db).await?.rows_affected());
            taking.last.payout += i64::try_from(written).unwrap_or(0);
        }
        Ok(())
    }

    /// What was said about lines that are known.
    async fn insert_again(&mut self, taking: &mut Taking, again: Again) -> Result<(), StoreError> {
        let repeats = || {
            again.repeats.iter().map(|[id, statement, line]| {
                [Field::Int(*id), Field::Int(*statement), Field::Int(*line)]
            })
        };
        let first = again.repeats.first().map(|row| row[0]);
        self.insert(kinds::REPEATS, repeats()).await?;
        taking.link(&kinds::REPEAT, first, taking.last.repeat, digest(repeats()));
        let completions = || again.completions.iter().map(Completion::fields);
        let first = again.completions.first().map(|row| row.id);
        self.insert(kinds::COMPLETIONS, completions()).await?;
        let last = taking.last.completion;
        taking.link(&kinds::COMPLETION, first, last, digest(completions()));
        let conflicts = || again.conflicts.iter().map(Conflict::fields);
        let first = again.conflicts.first().map(|row| row.id);
        self.insert(kinds::CONFLICTS, conflicts()).await?;
        let last = taking.last.conflict;
        taking.link(&kinds::CONFLICT, first, last, digest(conflicts()));
        Ok(())
    }

    /// Ends the file: what its statements say of themselves, and which others they stand in place of.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn end_file(
        &mut self,
        mut taking: Taking,
        packed: &Packed,
        stamp: &Stamp,
    ) -> Result<Taken, StoreError> {
        self.take_bytes(&mut taking, packed).await?;
        self.insert_statements(&mut taking).await?;
        self.cover(&taking).await?;
        self.supersede(&mut taking).await?;
        self.seal_names(stamp).await?;
        let span = Span::one(taking.file_id);
        self.seal_rows(&kinds::SETTLEMENT_FILE, span, stamp).await?;
        let links = std::mem::take(&mut taking.links);
        self.append_records(links, stamp).await?;
        Ok(taking.taken)
    }

    async fn insert_statements(&mut self, taking: &mut Taking) -> Result<(), StoreError> {
        for (number, announced) in taking.file.statements.iter().enumerate() {
            let verdict = announced.statement.verdict_of(announced.total);
            let count = taking.counts.get(number).copied().unwrap_or_default();
            taking.taken.summary.open_statements +=
                i64::from(verdict.starts_with("does not close"));
            taking.taken.statements.push(TakenStatement {
                announced: announced.clone(),
                new_lines: count.own,
                verdict,
            });
        }
        if taking.file.statements.is_empty() {
            return Ok(());
        }
        let rows = || {
            let counted = taking.taken.statements.iter().zip(&taking.counts);
            (taking.first_statement..)
                .zip(counted)
                .map(|(id, (taken, count))| taken.fields(id, taking.file_id, *count))
                .collect::<Vec<_>>()
        };
        self.insert(kinds::STATEMENTS, rows().into_iter()).await?;
        let digested = digest(rows().into_iter());
        let last = taking.id(taking.file.statements.len()) - 1;
        let span = Span::keys(taking.first_statement, last);
        let link = NewLink::over(&kinds::STATEMENT, span, digested);
        taking.links.push(link);
        Ok(())
    }

    /// How far the accounts of the file reach, for programs that know no intervals.
    async fn cover(&mut self, taking: &Taking) -> Result<(), StoreError> {
        let mut reached = BTreeMap::<(&str, &str), NaiveDate>::new();
        for announced in &taking.file.statements {
            let statement = &announced.statement;
            let name = (statement.origin.name(), statement.account.as_str());
            let to = statement
                .made_on
                .map_or(statement.to, |made| made.min(statement.to));
            let day = reached.entry(name).or_insert(to);
            *day = (*day).max(to);
        }
        for ((origin, account), to) in reached {
            on_tx!(&mut *self, db => sqlx::query(sql!("settlement/cover"))
                .bind(origin).bind(account).bind(to).execute(db).await?.rows_affected());
        }
        Ok(())
    }

    /// A statement all of whose lines stand in another one that is no less final and covers its days gives way to
    /// that, unless it closes and the other does not. Of two that say the same, the first one stays.
    async fn supersede(&mut self, taking: &mut Taking) -> Result<(), StoreError> {
        let mut rows = Vec::<[i64; 2]>::new();
        for number in 0..taking.file.statements.len() {
            let met = taking.met.range((number, i64::MIN)..=(number, i64::MAX));
            let met: Vec<(i64, i64)> = met.map(|((_, id), count)| (*id, *count)).collect();
            if met.is_empty() && taking.statement(number)?.origin == Origin::Processor {
                continue;
            }
            let own = taking.brief(number)?;
            let is_new = taking.counts.get(number).is_some_and(|count| count.own > 0);
            if !is_new && let Some(other) = self.around(taking, &own, &met).await? {
                rows.push([own.id, other]);
                continue;
            }
            let given: BTreeSet<i64> = rows.iter().map(|row| row[0]).collect();
            let met: BTreeMap<i64, i64> = met.into_iter().collect();
            let gives_way = |other: &Brief| {
                let met = met.get(&other.id).copied().unwrap_or(0);
                let whole = other.own_lines == met && (met > 0 || other.lines == 0);
                whole
                    && own.rank() <= other.rank()
                    && (own.closes() || !other.closes())
                    && own.relation(other) != Relation::Follows
                    && !given.contains(&other.id)
            };
            let earlier = self.contained(taking, number).await?;
            let earlier = earlier.iter().filter(|other| gives_way(other));
            rows.extend(earlier.map(|other| [other.id, own.id]));
        }
        self.insert_supersessions(taking, rows).await
    }

    /// The statement of the books in which all lines of one stand that brought none of its own.
    async fn around(
        &mut self,
        taking: &mut Taking,
        own: &Brief,
        met: &[(i64, i64)],
    ) -> Result<Option<i64>, StoreError> {
        let mut sums = BTreeMap::<i64, i64>::new();
        for (id, count) in met {
            let mut id = *id;
            // What stood in one of them may stand in another by now.
            while let Some(by) = self.superseded_by(id).await? {
                id = by;
            }
            *sums.entry(id).or_default() += count;
        }
        for (id, count) in sums {
            if id >= taking.first_statement || count != own.lines {
                continue;
            }
            let other = self.brief(taking, id).await?;
            let covers = other.start_on <= own.start_on && other.end_on >= own.end_on;
            if covers && other.rank() <= own.rank() && (other.closes() || !own.closes()) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    async fn superseded_by(&mut self, id: i64) -> Result<Option<i64>, StoreError> {
        Ok(
            on_tx!(&mut *self, db => sqlx::query_scalar(sql!("settlement/superseded_by"))
            .bind(id).fetch_optional(db).await?),
        )
    }

    async fn insert_supersessions(
        &mut self,
        taking: &mut Taking,
        rows: Vec<[i64; 2]>,
    ) -> Result<(), StoreError> {
        let first = taking.last.supersession + 1;
        let fields = || {
            let numbered: Vec<_> = (first..).zip(&rows).collect();
            numbered.into_iter().map(|(id, [statement, by])| {
                [Field::Int(*statement), Field::Int(id), Field::Int(*by)]
            })
        };
        self.insert(kinds::SUPERSESSIONS, fields()).await?;
        taking.taken.summary.superseded_statements += place(rows.len());
        taking.last.supersession += place(rows.len());
        let begins = (!rows.is_empty()).then_some(first);
        let last = taking.last.supersession;
        taking.link(&kinds::SUPERSESSION, begins, last, digest(fields()));
        Ok(())
    }

    /// Statements of the books whose days a statement of the file covers.
    async fn contained(
        &mut self,
        taking: &Taking,
        number: usize,
    ) -> Result<Vec<Brief>, StoreError> {
        let statement = taking.statement(number)?;
        Ok(
            on_tx!(&mut *self, db => sqlx::query_as(sql!("settlement/contained"))
            .bind(&statement.account).bind(numeric(statement.currency)).bind(statement.origin.name())
            .bind(statement.from).bind(statement.to).bind(taking.first_statement)
            .fetch_all(db).await?),
        )
    }
}

impl Taking {
    /// Compares a line with what is known of it.
    fn see(
        &mut self,
        number: usize,
        line: &SettlementLine,
        found: &Known,
        known: &mut KnownLines,
        again: &mut Again,
    ) -> Result<(), StoreError> {
        self.taken.summary.repeated_lines += 1;
        let statement_id = self.id(number);
        let origin = self.statement(number)?.origin;
        if found.statement_id != statement_id {
            *self.met.entry((number, found.statement_id)).or_default() += 1;
            if origin == Origin::Bank {
                self.last.repeat += 1;
                let row = [self.last.repeat, statement_id, found.id];
                again.repeats.push(row);
            }
        }
        match found.compare(line) {
            Sight::Same => {}
            Sight::Completed(added) => {
                self.taken.summary.completed_lines += 1;
                self.last.completion += 1;
                if let Some(known) = found.key().and_then(|key| known.get_mut(&key)) {
                    known.complete(&added);
                }
                again.completions.push(Completion::new(
                    self.last.completion,
                    (found.id, statement_id),
                    added,
                    line,
                ));
            }
            Sight::Conflict(what) => {
                self.taken.summary.conflicts += 1;
                self.last.conflict += 1;
                self.tell(format!(
                    "line {}: `{}` came before with other money: {what}; what came first counts. Ask the sender which is right",
                    line.place.line, line.identity
                ));
                again.conflicts.push(Conflict {
                    id: self.last.conflict,
                    line_id: found.id,
                    statement_id,
                    position: int(line.place.line),
                    amounts: [line.gross, line.fee, line.net],
                    payout: line.payout.clone(),
                    what,
                });
            }
        }
        Ok(())
    }

    /// A link over rows that were written, if any were.
    fn link(
        &mut self,
        record: &'static kinds::Record,
        first: Option<i64>,
        last: i64,
        rows: ledger::record::Digested,
    ) {
        if let Some(first) = first {
            let link = NewLink::over(record, Span::keys(first, last), rows);
            self.links.push(link);
        }
    }
}

impl Conflict {
    fn fields(&self) -> [Field<'_>; 10] {
        let [gross, fee, net] = self.amounts;
        [
            Field::Int(self.id),
            Field::Int(self.line_id),
            Field::Int(self.statement_id),
            Field::Int(self.position),
            Field::Int(gross.amount()),
            Field::Int(fee.amount()),
            Field::Int(net.amount()),
            Field::Int(numeric(net.currency())),
            Field::Text(&self.payout),
            Field::Text(&self.what),
        ]
    }
}

impl TakenStatement {
    fn fields(&self, id: i64, file_id: i64, count: Count) -> [Field<'_>; 21] {
        let (statement, page) = (&self.announced.statement, self.announced.statement.page);
        [
            Field::Int(id),
            Field::Int(file_id),
            Field::Text(statement.origin.name()),
            Field::Text(&statement.account),
            Field::Text(&statement.identity),
            Field::Int(numeric(statement.currency)),
            Field::int(statement.opening.map(Money::amount)),
            Field::int(statement.closing.map(Money::amount)),
            Field::Int(self.announced.total),
            Field::Day(statement.from),
            Field::Day(statement.to),
            Field::Text(&self.verdict),
            Field::Text(statement.basis.name()),
            Field::int(statement.sequence.map(int)),
            Field::int(page.map(|page| i64::from(page.number))),
            Field::int(page.map(|page| i64::from(page.is_last))),
            statement.made_on.map_or(Field::Null, Field::Day),
            Field::Int(self.announced.lines),
            Field::Int(count.own),
            Field::int(count.first),
            Field::int(count.last),
        ]
    }
}
