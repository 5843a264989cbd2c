//! Rows of the journal that are made while they are written, a page at a time, so that a register of any
//! length takes the same memory.

use super::{Cell, Report, Row, Table};
use crate::ReportError;
use chrono::NaiveDate;
use futures_util::future::join;
use ledger::{Currency, Money, Side};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::Snapshot;
use store::register::{RegisterEntry, RegisterLine};

/// Entries read at a time.
const PAGE: i64 = 5_000;

/// The rows of the register, by pages.
#[derive(Clone, Debug)]
pub struct Register {
    /// The last entry.
    through: i64,
    entities: BTreeMap<i64, (Arc<str>, Currency)>,
    periods: BTreeMap<i64, Arc<str>>,
    accounts: BTreeMap<i64, Arc<str>>,
    rules: BTreeMap<i64, Arc<str>>,
}

/// Some rows, and after which entry it goes on.
pub(crate) struct Page {
    pub(crate) rows: Vec<Row>,
    pub(crate) next: Option<i64>,
}

impl Register {
    /// The names behind the numbers of a journal, and where it ends.
    ///
    /// # Errors
    /// [`ReportError`].
    pub(crate) async fn of(books: &Snapshot) -> Result<Self, ReportError> {
        let names = books.register_names().await?;
        let mut entities = BTreeMap::new();
        for (id, code, functional) in names.entities {
            entities.insert(id, (code.into(), Currency::from_numeric(functional)?));
        }
        let shared = |names: Vec<(i64, String)>| {
            let shared = names.into_iter().map(|(id, name)| (id, name.into()));
            shared.collect()
        };
        Ok(Self {
            through: books.last_entry().await?,
            entities,
            periods: shared(names.periods),
            accounts: shared(names.accounts),
            rules: shared(names.rules),
        })
    }

    /// The last entry.
    pub(crate) const fn through(&self) -> i64 {
        self.through
    }

    /// The rows of the entries after one.
    pub(crate) async fn page(&self, books: &Snapshot, after: i64) -> Result<Page, ReportError> {
        let through = after.saturating_add(PAGE).min(self.through);
        let entries = books.register_entries(after, through).await?;
        let lines = books.register_lines(after, through).await?;
        let mut rows = Vec::with_capacity(lines.len());
        let mut lines = lines.into_iter().peekable();
        let mut date: Option<(NaiveDate, Arc<str>)> = None;
        for entry in &entries {
            let on = match &date {
                Some((on, text)) if *on == entry.on => Arc::clone(text),
                _ => entry.on.to_string().into(),
            };
            date = Some((entry.on, Arc::clone(&on)));
            while let Some(line) = lines.next_if(|line| line.entry <= entry.id) {
                rows.push(
                    self.row(entry, &on, &line)
                        .unwrap_or_else(|| unreadable(&line)),
                );
            }
        }
        rows.extend(lines.map(|line| unreadable(&line)));
        Ok(Page {
            rows,
            next: (through < self.through).then_some(through),
        })
    }

    /// A line with the names behind its numbers; none where a number has no name.
    fn row(&self, entry: &RegisterEntry, on: &Arc<str>, line: &RegisterLine) -> Option<Row> {
        if line.entry != entry.id {
            return None;
        }
        let (entity, functional) = self.entities.get(&entry.entity)?;
        let currency = Currency::from_numeric(line.currency).ok()?;
        let side = line.side?;
        let name =
            |names: &BTreeMap<i64, Arc<str>>, id| names.get(&id).map(|n| Cell::Name(n.clone()));
        let of = |wanted: Side, amount, currency| {
            if side == wanted {
                Cell::Amount(Money::minor(amount, currency))
            } else {
                Cell::Empty
            }
        };
        Some(Row::plain(vec![
            Cell::Count(entry.id),
            Cell::Name(Arc::clone(on)),
            Cell::Name(Arc::clone(entity)),
            name(&self.periods, entry.period)?,
            Cell::Word(entry.kind?.name()),
            entry
                .event_on
                .map_or(Cell::Empty, |day| Cell::text(day.to_string())),
            Cell::text(&entry.reference),
            name(&self.accounts, line.account)?,
            of(Side::Debit, line.amount, currency),
            of(Side::Credit, line.amount, currency),
            Cell::Word(currency.code()),
            of(Side::Debit, line.functional, *functional),
            of(Side::Credit, line.functional, *functional),
            name(&self.rules, entry.rule)?,
        ]))
    }
}

fn unreadable(line: &RegisterLine) -> Row {
    let why = "cannot be read: a number in it has no name; run `tieout verify`";
    Row::holding(false, vec![Cell::Count(line.entry), Cell::text(why)])
}

impl Report {
    /// Hands all rows of a table over, one after the other. The next page is read while this one is written.
    ///
    /// # Errors
    /// [`ReportError`] of who reads or of who writes.
    pub(crate) async fn each_row(
        &self,
        table: &Table,
        books: &Snapshot,
        write: &mut (dyn FnMut(&Row) -> Result<(), ReportError> + Send),
    ) -> Result<(), ReportError> {
        table.rows.iter().try_for_each(&mut *write)?;
        let is_last = self
            .tables
            .last()
            .is_some_and(|last| std::ptr::eq(last, table));
        let Some(register) = self.more.as_ref().filter(|_| is_last) else {
            return Ok(());
        };
        let mut page = register.page(books, 0).await?;
        loop {
            let next = async {
                match page.next {
                    Some(after) => register.page(books, after).await.map(Some),
                    None => Ok(None),
                }
            };
            let writing = async { page.rows.iter().try_for_each(&mut *write) };
            let (next, written) = join(next, writing).await;
            written?;
            let Some(following) = next? else {
                return Ok(());
            };
            page = following;
        }
    }
}
