//! What follows what: for each bank account and currency, a closing balance + the lines stored since = the next
//! closing balance.
//!
//! Only final statements are asked, and only those in whose place no other stands. Lines count once, whichever
//! statements have them, so that statements that overlap and agree prove each other. What does not hold has a name:
//! a statement (or a page of one) is missing, or two statements overlap and do not agree.

use crate::ReportError;
use crate::control::money;
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet};
use store::Snapshot;
use store::settlement::{RepeatRow, StatementRow};

/// What is wrong between two statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Money moved on days of which no statement came.
    Missing,
    /// A page of a statement did not come.
    Page,
    /// Two statements speak of the same days and do not agree.
    Overlap,
}

impl Kind {
    /// The word for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "statement missing",
            Self::Page => "page missing",
            Self::Overlap => "statements overlap",
        }
    }
}

/// A place where the equation does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discontinuity {
    /// The account.
    pub account: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// What is wrong.
    pub kind: Kind,
    /// The first day of it.
    pub from: NaiveDate,
    /// The last day of it.
    pub to: NaiveDate,
    /// What is unexplained, in minor units.
    pub amount: i64,
    /// In a sentence, with what to do.
    pub sentence: String,
}

/// A statement with all its pages.
#[derive(Clone, Debug)]
struct Whole<'s> {
    ids: Vec<i64>,
    first: &'s StatementRow,
    last: &'s StatementRow,
    from: NaiveDate,
    to: NaiveDate,
}

impl<'s> Whole<'s> {
    fn of(row: &'s StatementRow) -> Self {
        Self {
            ids: vec![row.id],
            first: row,
            last: row,
            from: row.start_on,
            to: row.end_on,
        }
    }

    /// Whether a row is the page after the last one.
    fn goes_on_with(&self, row: &StatementRow) -> bool {
        let one = self.last;
        let named = (one.sequence.is_some() && one.sequence == row.sequence)
            || one.identity == row.identity;
        let next = one.page.map(|page| page.saturating_add(1));
        named && next.is_some() && next == row.page && one.is_last_page == Some(0)
    }

    fn add(&mut self, row: &'s StatementRow) {
        self.ids.push(row.id);
        self.last = row;
        self.from = self.from.min(row.start_on);
        self.to = self.to.max(row.end_on);
    }

    /// The number of a page that did not come.
    fn missing_page(&self) -> Option<i64> {
        let first = self.first.page?;
        if first > 1 {
            return Some(first - 1);
        }
        let last = self.last.page?;
        (self.last.is_last_page == Some(0)).then_some(last + 1)
    }
}

/// What is stored, as far as the equation asks.
struct Lines {
    /// By statement: what its own lines come to.
    own: BTreeMap<i64, i64>,
    /// By statement: lines of it that others have too, and what they moved.
    shared: BTreeMap<i64, Vec<(i64, i64)>>,
    /// By statement: what its own lines come to that others have too.
    own_shared: BTreeMap<i64, i64>,
}

impl Lines {
    fn of(sums: &[(i64, i64)], repeats: &[RepeatRow]) -> Self {
        let mut lines = Self {
            own: sums.iter().copied().collect(),
            shared: BTreeMap::new(),
            own_shared: BTreeMap::new(),
        };
        let mut seen = BTreeSet::new();
        for row in repeats {
            let of = lines.shared.entry(row.statement_id).or_default();
            of.push((row.line_id, row.net));
            if seen.insert(row.line_id) {
                let of = lines.shared.entry(row.owner).or_default();
                of.push((row.line_id, row.net));
                let own = lines.own_shared.entry(row.owner).or_default();
                *own = own.saturating_add(row.net);
            }
        }
        lines
    }

    /// What the lines of a statement come to that none before it has.
    fn since(&self, statement: &Whole<'_>, seen: &mut BTreeSet<i64>) -> i64 {
        let mut sum: i64 = 0;
        for id in &statement.ids {
            let of = |sums: &BTreeMap<i64, i64>| sums.get(id).copied().unwrap_or(0);
            sum = sum.saturating_add(of(&self.own).saturating_sub(of(&self.own_shared)));
            for (line, net) in self.shared.get(id).into_iter().flatten() {
                if seen.insert(*line) {
                    sum = sum.saturating_add(*net);
                }
            }
        }
        sum
    }
}

/// Looks at every bank account.
///
/// # Errors
/// [`ReportError`] when the books cannot be read.
pub async fn read(books: &Snapshot) -> Result<Vec<Discontinuity>, ReportError> {
    let statements = books.statements().await?;
    of(
        &statements,
        &books.statement_sums().await?,
        &books.settlement_repeats().await?,
    )
}

/// The same from rows that are at hand: all statements, what their own lines come to, and which lines several have.
///
/// # Errors
/// [`ReportError::Currency`].
pub fn of(
    statements: &[StatementRow],
    sums: &[(i64, i64)],
    repeats: &[RepeatRow],
) -> Result<Vec<Discontinuity>, ReportError> {
    let mut accounts = BTreeMap::<(&str, i64), Vec<&StatementRow>>::new();
    let asked =
        |row: &&StatementRow| row.origin == "bank" && row.basis == "final" && row.superseded == 0;
    for row in statements.iter().filter(asked) {
        let account = (row.account.as_str(), row.currency_id);
        accounts.entry(account).or_default().push(row);
    }
    let lines = Lines::of(sums, repeats);
    let mut found = Vec::new();
    for rows in accounts.into_values() {
        account(rows, &lines, &mut found)?;
    }
    Ok(found)
}

fn account(
    mut rows: Vec<&StatementRow>,
    lines: &Lines,
    found: &mut Vec<Discontinuity>,
) -> Result<(), ReportError> {
    rows.sort_by_key(|row| (row.end_on, row.start_on, row.sequence, row.page, row.id));
    let mut wholes = Vec::<Whole<'_>>::new();
    for row in rows {
        match wholes.iter_mut().find(|whole| whole.goes_on_with(row)) {
            Some(whole) => whole.add(row),
            None => wholes.push(Whole::of(row)),
        }
    }
    for whole in &wholes {
        if let Some(page) = whole.missing_page() {
            found.push(page_missing(whole, page));
        }
    }
    wholes.retain(|whole| whole.first.opening.is_some() && whole.last.closing.is_some());
    let mut seen = BTreeSet::new();
    let mut before: Option<Whole<'_>> = None;
    while let Some(next) = take_next(&mut wholes, before.as_ref()) {
        let since = lines.since(&next, &mut seen);
        if let Some(before) = &before {
            found.extend(between(before, &next, since)?);
        }
        before = Some(next);
    }
    Ok(())
}

/// The next statement: of those that end on the same day, the one that begins where the last one ended.
fn take_next<'s>(wholes: &mut Vec<Whole<'s>>, before: Option<&Whole<'_>>) -> Option<Whole<'s>> {
    let day = wholes.iter().map(|whole| whole.to).min()?;
    let candidates: Vec<usize> = (0..wholes.len())
        .filter(|at| wholes.get(*at).is_some_and(|whole| whole.to == day))
        .collect();
    let opening = |at: &usize| wholes.get(*at).and_then(|whole| whole.first.opening);
    let follows = |at: &&usize| match before {
        Some(before) => opening(at) == before.last.closing,
        None => !candidates.iter().any(|other| {
            let closing = wholes.get(*other).and_then(|whole| whole.last.closing);
            other != *at && closing == opening(at)
        }),
    };
    let at = candidates.iter().find(follows).or(candidates.first())?;
    Some(wholes.remove(*at))
}

fn page_missing(whole: &Whole<'_>, page: i64) -> Discontinuity {
    let row = whole.first;
    Discontinuity {
        account: row.account.clone(),
        currency_id: row.currency_id,
        kind: Kind::Page,
        from: whole.from,
        to: whole.to,
        amount: 0,
        sentence: format!(
            "page {page} of statement {} of {} ({} to {}) is missing; ask the bank for it and settle it",
            row.identity, row.account, whole.from, whole.to
        ),
    }
}

/// What does not hold between two statements.
fn between(
    before: &Whole<'_>,
    next: &Whole<'_>,
    since: i64,
) -> Result<Option<Discontinuity>, ReportError> {
    let (Some(ended), Some(begins), Some(closing)) =
        (before.last.closing, next.first.opening, next.last.closing)
    else {
        return Ok(None);
    };
    let unexplained = closing.saturating_sub(ended).saturating_sub(since);
    // One that does not close is told already.
    if unexplained == 0 || (begins == ended && next.first.verdict != "closes") {
        return Ok(None);
    }
    let row = next.first;
    let shown = |amount| money(amount, row.currency_id);
    let apart = next.from > before.to && begins != ended;
    let amount = if apart {
        begins.saturating_sub(ended)
    } else {
        unexplained
    };
    let (ended, begins, moved) = (shown(ended)?, shown(begins)?, shown(amount)?);
    let (kind, from, to, sentence) = if apart {
        let first = before.to.succ_opt().unwrap_or(before.to);
        let last = next.from.pred_opt().unwrap_or(next.from).max(before.to);
        let days = if first > last {
            format!("between {} and {}", before.to, next.from)
        } else {
            format!("from {first} to {last}")
        };
        let sentence = format!(
            "a statement of {} is missing, {days}: statement {} closes with {ended} on {}, and {} opens with {begins} on {}, so {moved} moved in between; ask the bank for it and settle it",
            row.account, before.last.identity, before.to, row.identity, next.from
        );
        (Kind::Missing, first.min(last), last, sentence)
    } else {
        let from = next.from.max(before.from);
        let sentence = format!(
            "statements {} and {} of {} overlap from {from} to {} and do not agree: {ended} at the end of one and the lines since miss the end of the other by {moved}; ask the bank which is right",
            before.last.identity, row.identity, row.account, before.to
        );
        (Kind::Overlap, from.min(before.to), before.to, sentence)
    };
    Ok(Some(Discontinuity {
        account: row.account.clone(),
        currency_id: row.currency_id,
        kind,
        from,
        to,
        amount,
        sentence,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(id: i64, days: [&str; 2], balances: [i64; 2]) -> StatementRow {
        StatementRow {
            id,
            file: "f".into(),
            origin: "bank".into(),
            account: "main".into(),
            identity: format!("S-{id}"),
            currency_id: 978,
            opening: Some(balances[0]),
            closing: Some(balances[1]),
            total: balances[1] - balances[0],
            start_on: days[0].parse().unwrap(),
            end_on: days[1].parse().unwrap(),
            verdict: "closes".into(),
            basis: "final".into(),
            sequence: None,
            page: None,
            is_last_page: None,
            made_on: None,
            lines: 1,
            superseded: 0,
        }
    }

    fn day(id: i64, day: &str, balances: [i64; 2]) -> StatementRow {
        statement(id, [day, day], balances)
    }

    fn found(rows: &[StatementRow], repeats: &[RepeatRow]) -> Vec<(Kind, String, i64)> {
        let own = |row: &StatementRow| {
            let repeated = repeats.iter().filter(|again| again.statement_id == row.id);
            row.total - repeated.map(|again| again.net).sum::<i64>()
        };
        let sums: Vec<(i64, i64)> = rows.iter().map(|row| (row.id, own(row))).collect();
        let found = of(rows, &sums, repeats).unwrap();
        let days = |one: &Discontinuity| format!("{}/{}", one.from, one.to);
        found
            .iter()
            .map(|one| (one.kind, days(one), one.amount))
            .collect()
    }

    #[test]
    fn what_follows_needs_no_word_and_a_gap_has_days_and_an_amount() {
        let one = day(1, "2026-01-05", [0, 10_000]);
        let same = day(2, "2026-01-05", [10_000, 11_000]);
        let later = day(3, "2026-01-07", [11_000, 12_000]);
        let after = day(4, "2026-01-07", [18_000, 19_000]);
        let whole = [later.clone(), same.clone(), one.clone()];
        assert_eq!(found(&whole, &[]), []);
        let missing = [one, same, after];
        let wanted = (Kind::Missing, "2026-01-06/2026-01-06".to_owned(), 7_000);
        assert_eq!(found(&missing, &[]), [wanted]);
    }

    #[test]
    fn an_overlap_that_agrees_is_proof_and_one_that_does_not_is_told() {
        let one = statement(1, ["2026-01-01", "2026-01-10"], [0, 100]);
        let other = statement(2, ["2026-01-08", "2026-01-15"], [60, 130]);
        let shared = [RepeatRow {
            statement_id: 2,
            line_id: 7,
            owner: 1,
            net: 40,
        }];
        assert_eq!(found(&[one.clone(), other.clone()], &shared), []);
        let told = found(&[one, other], &[]);
        let wanted = (Kind::Overlap, "2026-01-08/2026-01-10".to_owned(), -40);
        assert_eq!(told, [wanted]);
    }

    #[test]
    fn a_page_that_did_not_come_has_a_number() {
        let page = |id, number, is_last, balances| StatementRow {
            sequence: Some(7),
            page: Some(number),
            is_last_page: Some(is_last),
            ..day(id, "2026-01-05", balances)
        };
        let (one, two) = (page(1, 1, 0, [0, 10]), page(2, 2, 1, [10, 30]));
        assert_eq!(found(&[one.clone(), two.clone()], &[]), []);
        for rows in [[one.clone()], [two]] {
            assert_eq!(found(&rows, &[])[0].0, Kind::Page);
        }
    }
}
