//! What is known of a line of an entry, one column each, for formats whose cells have types.
//!
//! The columns are those of kind `csv`, and what it has no room for beside: each dimension by its name, and when and
//! where a deferred line is released. What is missing is no value, never an empty text or a zero.

use super::mapped::Placed;
use super::{Called, ExportBatch, ExportEntry};
use chrono::NaiveDate;
use ledger::{Deferral, Money, Side};
use rust_decimal::Decimal;
use std::borrow::Cow;

/// What stands in a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value<'b> {
    /// Nothing.
    Missing,
    /// A text as the books have it.
    Text(Cow<'b, str>),
    /// A number of something.
    Count(i64),
    /// A day.
    Day(NaiveDate),
    /// An amount, without a sign.
    Amount(Money),
    /// A rate, with the digits that it has.
    Rate(Decimal),
}

/// What stands in all cells of a column that have a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// [`Value::Text`].
    Text,
    /// [`Value::Count`].
    Count,
    /// [`Value::Day`].
    Day,
    /// [`Value::Amount`].
    Amount,
    /// [`Value::Rate`].
    Rate,
}

/// Where the values of a column come from: those of an entry are the same for all its lines.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    /// From the entry.
    Entry(for<'b> fn(&'b ExportBatch, &'b ExportEntry) -> Value<'b>),
    /// From the line.
    Line(for<'b> fn(At<'b>) -> Value<'b>),
}

/// A line, and what its account is called on the day of its entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'b> {
    pub(super) placed: Placed<'b>,
    called: Called<'b>,
}

impl<'b> At<'b> {
    /// The lines of an entry.
    pub(super) fn of(batch: &'b ExportBatch, item: &'b ExportEntry) -> impl Iterator<Item = Self> {
        let date = item.entry.header().date;
        Placed::unrated(batch, item).map(move |placed| Self {
            placed,
            called: batch.called(&placed.line.account, date),
        })
    }
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    /// Its name.
    pub(super) name: &'static str,
    /// What its cells are.
    pub(super) kind: Kind,
    /// Where they come from.
    pub(super) source: Source,
}

const fn entry(
    name: &'static str,
    kind: Kind,
    value: for<'b> fn(&'b ExportBatch, &'b ExportEntry) -> Value<'b>,
) -> Column {
    Column {
        name,
        kind,
        source: Source::Entry(value),
    }
}

const fn line(name: &'static str, kind: Kind, value: for<'b> fn(At<'b>) -> Value<'b>) -> Column {
    Column {
        name,
        kind,
        source: Source::Line(value),
    }
}

/// The columns before the dimensions.
pub(super) const FIRST: [Column; 20] = [
    entry("batch", Kind::Text, |batch, _| text(&batch.id)),
    entry("batch_number", Kind::Count, |batch, _| {
        Value::Count(batch.number)
    }),
    entry("entry", Kind::Count, |_, item| Value::Count(item.id)),
    entry("document", Kind::Text, |_, item| text(&item.document)),
    line("line", Kind::Count, |at| {
        i64::try_from(at.placed.number).map_or(Value::Missing, Value::Count)
    }),
    entry("entity", Kind::Text, |_, item| {
        text(&item.entry.header().entity)
    }),
    entry("period", Kind::Text, |_, item| text(&item.period)),
    entry("date", Kind::Day, |_, item| {
        Value::Day(item.entry.header().date)
    }),
    entry("kind", Kind::Text, |_, item| {
        text(item.entry.header().kind.name())
    }),
    entry("reference", Kind::Text, |_, item| {
        text(&item.entry.header().reference)
    }),
    entry("description", Kind::Text, |_, item| {
        text(&item.entry.header().description)
    }),
    line("account_code", Kind::Text, |at| {
        text(at.called.code.unwrap_or_default())
    }),
    line("account", Kind::Text, |at| text(at.called.account)),
    line("debit", Kind::Amount, |at| {
        one_side(at, Side::Debit, at.placed.line.amount)
    }),
    line("credit", Kind::Amount, |at| {
        one_side(at, Side::Credit, at.placed.line.amount)
    }),
    line("currency", Kind::Text, |at| {
        text(at.placed.line.amount.currency().code())
    }),
    line("functional_debit", Kind::Amount, |at| {
        one_side(at, Side::Debit, at.placed.line.functional)
    }),
    line("functional_credit", Kind::Amount, |at| {
        one_side(at, Side::Credit, at.placed.line.functional)
    }),
    line("functional_currency", Kind::Text, |at| {
        text(at.placed.line.functional.currency().code())
    }),
    entry("rate", Kind::Rate, |_, item| {
        let rate = item.entry.header().rate;
        rate.map_or(Value::Missing, |rate| Value::Rate(rate.normalize()))
    }),
];

/// The columns behind them.
pub(super) const LAST: [Column; 7] = [
    line("release_account", Kind::Text, |at| {
        released(at, |deferral| {
            let called = at
                .placed
                .batch
                .called(&deferral.release_account, at.placed.header().date);
            text(called.account)
        })
    }),
    line("release_method", Kind::Text, |at| {
        released(at, |deferral| text(&deferral.method))
    }),
    line("release_from", Kind::Day, |at| {
        released(at, |deferral| Value::Day(deferral.from))
    }),
    line("release_to", Kind::Day, |at| {
        released(at, |deferral| Value::Day(deferral.to))
    }),
    entry("rule", Kind::Text, |_, item| {
        text(&item.entry.header().rule.rule)
    }),
    entry("mapping", Kind::Text, |_, item| {
        Value::Text(Cow::Owned(item.entry.header().rule.mapping.to_string()))
    }),
    entry("event", Kind::Text, |_, item| {
        Value::Text(Cow::Owned(item.entry.header().event.to_string()))
    }),
];

fn text(text: &str) -> Value<'_> {
    if text.is_empty() {
        return Value::Missing;
    }
    Value::Text(Cow::Borrowed(text))
}

fn one_side(at: At<'_>, side: Side, money: Money) -> Value<'_> {
    if at.placed.line.side == side {
        Value::Amount(money)
    } else {
        Value::Missing
    }
}

/// What is said of the release of a deferred line.
fn released<'b>(at: At<'b>, of: impl FnOnce(&'b Deferral) -> Value<'b>) -> Value<'b> {
    at.placed.line.deferral.as_ref().map_or(Value::Missing, of)
}

/// A batch of entries with two lines each, one of them with a dimension, for tests of what is cut.
#[cfg(test)]
pub(super) fn pairs(entries: i64) -> ExportBatch {
    use ledger::{Currency, EntryHeader, EntryKind, EventKey, Hash, JournalEntry, Line, RuleRef};
    let amount = Money::minor(100, Currency::from_code("EUR").unwrap());
    let line = |side, dimensions| Line {
        account: "a".into(),
        side,
        amount,
        functional: amount,
        dimensions,
        deferral: None,
    };
    let entries = (1..=entries).map(|id| {
        let header = EntryHeader {
            entity: "eu".into(),
            date: "2026-01-15".parse().unwrap(),
            event_on: None,
            kind: EntryKind::Original,
            reference: format!("R-{id}"),
            description: String::new(),
            event: EventKey::new("test", &id.to_string()),
            rule: RuleRef {
                mapping: Hash::ZERO,
                rule: "r".into(),
            },
            rate: None,
        };
        let region = [("region".to_owned(), id.to_string())].into();
        let lines = vec![
            line(Side::Debit, region),
            line(Side::Credit, ledger::Dimensions::new()),
        ];
        ExportEntry {
            id,
            document: format!("eu-2026-{id:06}"),
            period: "2026-01".into(),
            entry: JournalEntry::new(header, lines).unwrap(),
        }
    });
    ExportBatch {
        id: "019c1cef-bf00-709e-9a51-6ff1732d5bb4".into(),
        number: 3,
        target: "books".into(),
        created_at: "2026-02-02T06:00:00Z".parse().unwrap(),
        entries: entries.collect(),
        chart: std::sync::Arc::default(),
        labels: std::sync::Arc::default(),
        accounts: None,
    }
}
