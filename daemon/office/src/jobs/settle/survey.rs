//! The first reading of a file: what it is, what its statements say of themselves, what its bytes hash to.
//!
//! Pages of one statement that stand in one file are put together here: the statement opens as its first page does
//! and closes as its last one.

use super::Source;
use crate::call::Call;
use crate::panics;
use anyhow::Context as _;
use connectors::unpack;
use formats::read::what::describe;
use formats::settlement::{Parse, ParseError, SettlementKind, Sink, known};
use ledger::hash::Hasher;
use ledger::{Hash, SettlementLine, Statement};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::panic::AssertUnwindSafe;
use store::settlement::{Announced, NewFile};

/// As much of the beginning decides what a file is.
const HEAD: u64 = 64 << 10;

/// What a file is, and what it says as a whole.
#[derive(Clone, Debug)]
pub(super) struct Survey {
    /// As the books take it.
    pub(super) file: NewFile,
    /// Which of the statements each of the format's is a part of.
    pub(super) places: Vec<usize>,
}

/// Bytes on their way to a format, hashed as they pass.
struct Hashing<'i> {
    input: &'i mut dyn Read,
    hasher: Hasher,
}

impl Read for Hashing<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(to)?;
        self.hasher.add(to.get(..length).unwrap_or_default());
        Ok(length)
    }
}

/// Sums of lines, and statements.
#[derive(Default)]
struct Sums {
    lines: BTreeMap<usize, (i64, i64)>,
    statements: BTreeMap<usize, Statement>,
}

impl Sink for Sums {
    fn line(&mut self, statement: usize, line: SettlementLine) -> Result<(), ParseError> {
        let (count, total) = self.lines.entry(statement).or_default();
        *count += 1;
        *total = total
            .checked_add(line.net.amount())
            .ok_or_else(|| ParseError {
                line: line.place.line,
                what: "up to here the lines sum up to more than 64 bits hold".to_owned(),
            })?;
        Ok(())
    }

    fn statement(&mut self, number: usize, statement: Statement) -> Result<(), ParseError> {
        self.statements.insert(number, statement);
        Ok(())
    }
}

/// Reads a file to its end.
pub(super) fn of(source: &Source) -> anyhow::Result<Survey> {
    let bounds = bounds(&source.call);
    unpack::read(&source.path, &source.part, bounds, |input| {
        let mut head = Vec::new();
        let beginning = (&mut *input).take(HEAD).read_to_end(&mut head);
        beginning.context("it cannot be read to its end; where it is packed it may be cut off, so ask its sender for the whole file")?;
        let (kind, options) = chosen(source, &head)?;
        let parser = kind.open(options.clone())?;
        let mut whole = head.as_slice().chain(input);
        let mut hashing = Hashing {
            input: &mut whole,
            hasher: Hasher::default(),
        };
        let mut sums = Sums::default();
        unless_it_panics(|| parser.stream(&mut hashing, &mut sums))?;
        let hash = hashing.hasher.finish();
        let (statements, places) = together(sums);
        let file = NewFile {
            name: source.part.name.clone(),
            format: kind.id.to_owned(),
            format_version: kind.version,
            options: options.to_string(),
            hash,
            source: source.from.clone(),
            kept: None,
            statements,
        };
        Ok(Survey { file, places })
    })?
}

/// What the bytes of a file hash to.
pub(super) fn hash(source: &Source) -> anyhow::Result<Hash> {
    let bounds = bounds(&source.call);
    unpack::read(&source.path, &source.part, bounds, |input| {
        let mut hasher = Hasher::default();
        let mut block = vec![0; 256 << 10];
        loop {
            let length = input.read(&mut block)?;
            if length == 0 {
                return Ok(hasher.finish());
            }
            hasher.add(block.get(..length).unwrap_or_default());
        }
    })?
}

pub(super) fn bounds(call: &Call) -> unpack::Unpacked {
    let configured = call.config.settlement.as_ref();
    configured.map_or_else(unpack::Unpacked::default, |found| found.unpacked)
}

/// The format of a file with its options: as somebody named it, as the configuration has files of this name, or as
/// its beginning is recognised.
fn chosen(
    source: &Source,
    head: &[u8],
) -> anyhow::Result<(&'static SettlementKind, serde_json::Value)> {
    let configured = source.call.config.settlement.as_ref();
    let mut files = configured.into_iter().flat_map(|found| &found.files);
    let named = files.find(|files| files.matches(&source.part.name));
    let by_name = named.and_then(|files| SettlementKind::find(&files.kind));
    let kind = source
        .format
        .or(by_name)
        .or_else(|| SettlementKind::recognise(head))
        .with_context(|| {
            let (what, known) = (describe(head), known());
            format!("this is {what}; what is read is {known}. A table that has no kind of its own is described under `settlement: files:`")
        })?;
    let own = named.filter(|files| files.kind == kind.id);
    let own = own.and_then(|files| files.options.as_ref());
    let by_kind = configured.and_then(|found| found.formats.get(kind.id));
    let options = own.or(by_kind).cloned().unwrap_or_else(|| json!({}));
    Ok((kind, options))
}

/// The format that read a file, again.
pub(super) fn opened(file: &NewFile) -> anyhow::Result<Box<dyn Parse>> {
    let kind = SettlementKind::find(&file.format).context("the format is gone")?;
    Ok(kind.open(serde_json::from_str(&file.options)?)?)
}

/// A format's own mistake is that of one file, and stops no other.
pub(super) fn unless_it_panics<T>(
    read: impl FnOnce() -> Result<T, ParseError>,
) -> anyhow::Result<T> {
    match std::panic::catch_unwind(AssertUnwindSafe(read)) {
        Ok(read) => Ok(read?),
        Err(panic) => {
            anyhow::bail!(
                "the format failed on it ({}); this is a fault of Tieout's, report it with the file",
                panics::said(panic.as_ref()).unwrap_or("no reason given")
            )
        }
    }
}

/// The statements, pages put together, and which of them each one of the format's is.
fn together(sums: Sums) -> (Vec<Announced>, Vec<usize>) {
    let mut statements = Vec::<Announced>::new();
    let (mut places, mut firsts) = (Vec::new(), Vec::new());
    for (number, statement) in sums.statements {
        let (lines, total) = sums.lines.get(&number).copied().unwrap_or_default();
        // Statements are numbered without gaps; one that is missing would have no lines either.
        places.resize(number, statements.len().saturating_sub(1));
        let announced = Announced {
            statement,
            lines,
            total,
        };
        match statements.last_mut() {
            Some(before) if is_next_page(&before.statement, &announced.statement) => {
                let is_whole = firsts.last() == Some(&Some(1));
                add_page(before, announced, is_whole);
            }
            _ => {
                firsts.push(announced.statement.page.map(|page| page.number));
                statements.push(announced);
            }
        }
        places.push(statements.len() - 1);
    }
    (statements, places)
}

fn is_next_page(before: &Statement, after: &Statement) -> bool {
    let (Some(one), Some(next)) = (before.page, after.page) else {
        return false;
    };
    let whose = |one: &Statement| (one.origin, one.account.clone(), one.currency, one.basis);
    let numbered = before.sequence.is_some() && before.sequence == after.sequence;
    !one.is_last
        && next.number == one.number.saturating_add(1)
        && whose(before) == whose(after)
        && (numbered || before.identity == after.identity)
}

/// Adds the next page; one that is the last ends the statement, whole where it had its first one.
fn add_page(before: &mut Announced, page: Announced, is_whole: bool) {
    let own = &mut before.statement;
    let next = page.statement;
    if let (Some(ended), Some(begins)) = (own.closing, next.opening)
        && ended != begins
    {
        let number = next.page.map_or(0, |page| page.number);
        own.contradictions.push(format!(
            "page {number} opens with {begins}, and the page before it ends with {ended}"
        ));
    }
    own.opening = own.opening.or(next.opening.filter(|_| before.lines == 0));
    own.closing = next.closing;
    own.from = own.from.min(next.from);
    own.to = own.to.max(next.to);
    own.made_on = own.made_on.max(next.made_on);
    own.contradictions.extend(next.contradictions);
    // Otherwise they are the pages so far, as one that goes on.
    let is_last = next.page.is_some_and(|page| page.is_last);
    own.page = next.page.filter(|_| !(is_whole && is_last));
    before.lines += page.lines;
    before.total = before.total.saturating_add(page.total);
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDate;
    use ledger::{Basis, Currency, Money, Origin, Page};

    fn page(number: u32, is_last: bool, balances: [Option<i64>; 2]) -> Statement {
        let currency = Currency::from_code("EUR").ok();
        let currency = currency.unwrap_or_else(|| unreachable!("the euro is a currency"));
        let [opening, closing] = balances.map(|found| found.map(|at| Money::minor(at, currency)));
        let day = NaiveDate::from_epoch_days(20_000).unwrap_or_default();
        Statement {
            origin: Origin::Bank,
            account: "main".to_owned(),
            identity: "7".to_owned(),
            currency,
            opening,
            closing,
            from: day,
            to: day,
            basis: Basis::Final,
            sequence: Some(7),
            page: Some(Page { number, is_last }),
            made_on: None,
            lines: Vec::new(),
            contradictions: Vec::new(),
        }
    }

    fn put_together(pages: Vec<Statement>) -> (Vec<Announced>, Vec<usize>) {
        let lines = (0..pages.len()).map(|number| (number, (1, 10))).collect();
        let statements = pages.into_iter().enumerate().collect();
        together(Sums { lines, statements })
    }

    #[test]
    fn pages_are_one_statement_and_must_follow_from_each_other() {
        let whole = vec![
            page(1, false, [Some(0), Some(10)]),
            page(2, false, [Some(10), None]),
            page(3, true, [None, Some(30)]),
            page(1, true, [Some(30), Some(40)]),
        ];
        let (statements, places) = put_together(whole);
        assert_eq!(places, [0, 0, 0, 1]);
        let verdicts: Vec<String> = statements
            .iter()
            .map(|found| found.statement.verdict_of(found.total))
            .collect();
        assert_eq!(verdicts, ["closes", "closes"]);
        assert_eq!(
            (statements[0].lines, statements[0].statement.page),
            (3, None)
        );
        let torn = vec![
            page(1, false, [Some(0), Some(10)]),
            page(2, true, [Some(11), Some(21)]),
        ];
        let (statements, _) = put_together(torn);
        let told = statements[0].statement.verdict_of(20);
        assert!(told.contains("page 2 opens with"), "{told}");
    }

    #[test]
    fn a_panic_is_a_refusal() {
        let read = unless_it_panics(|| {
            let none: [i64; 0] = [];
            let first = none.first().copied();
            assert!(first.is_some(), "there is none");
            Ok(())
        });
        let told = read.map_err(|error| error.to_string());
        assert!(told.is_err_and(|told| told.contains("there is none")));
    }
}
